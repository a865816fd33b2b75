"""How pictures are dealt out to the splits: the search behind :mod:`converters.split`.

A *unit* is what stays together: one picture or a group of them. A *bin* is a split, or the place of what
is left out. Summed up are the boxes of each class, the pictures that show it (they count less), and the
pictures without a box, so that all three are spread.
"""

from __future__ import annotations

import hashlib
from bisect import insort
from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from converters.model import AnnotatedImage, Split

_FEW = 20
"""A class in fewer units than this is first given to every split, before anything else is dealt out."""
_ABSENT = 1e4
"""What a class missing in a split costs, beside squared relative errors."""
_IMAGES = 0.25
"""Weight of an error in a class's share of pictures, beside one in its share of boxes."""
_GAIN = 1e-6
"""A swap that lowers the cost by less is not worth it: a relative error of a tenth of a percent, squared."""
_SWAPS = 2000
"""Most swaps that are made."""
_KINDS = 3000
"""Most different units of a bin that are tried in one swap."""

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Deal:
    """One division in the making.

    Args:
        images: What is dealt out.
        class_names: Classes that are balanced.
        groups: Name of the group by key.
        seed: Any integer.
    """

    def __init__(
        self,
        images: Sequence[AnnotatedImage],
        class_names: Sequence[str],
        groups: Mapping[str, str],
        seed: int,
    ) -> None:
        members: dict[tuple[bool, str], list[AnnotatedImage]] = {}
        for image in images:
            group = groups.get(image.key, "")
            members.setdefault((bool(group), group or image.key), []).append(image)
        # Sorted by a hash of name and seed: the order of the input does not matter, the seed does. Nor do
        # folders that all pictures share: a set and an archive of it are divided alike.
        shared = _shared_folders([image.key for image in images])
        first = {unit: min(image.key[shared:] for image in held) for unit, held in members.items()}
        ranked = sorted(members, key=lambda unit: (_hash(first[unit], seed), unit))
        self._keys = [[image.key for image in members[unit]] for unit in ranked]
        column = {name: i for i, name in enumerate(class_names)}
        boxes = np.zeros((len(ranked), len(column)))
        shown = np.zeros((len(ranked), len(column)))
        empty = np.zeros((len(ranked), 1))
        for row, unit in enumerate(ranked):
            for image in members[unit]:
                for label, count in Counter(box.label for box in image.boxes).items():
                    boxes[row, column[label]] += count
                    shown[row, column[label]] += 1
                empty[row, 0] += not image.boxes
        used = boxes.any(axis=0)
        classes = int(used.sum())
        self._values: Floats = np.hstack([boxes[:, used], shown[:, used], empty[:, empty.any(axis=0)]])
        self._images: Ints = np.array([len(keys) for keys in self._keys], dtype=np.int64)
        self._has = self._values > 0
        _, kind = np.unique(self._values, axis=0, return_inverse=True)
        self._kind: Ints = kind.reshape(-1)
        # The first columns are boxes of a class; each class in enough units has to be in every split.
        is_class = np.arange(self._values.shape[1]) < classes
        self._everywhere = (self._has.sum(axis=0) >= 3) & is_class
        self._share: Floats = np.where(
            (np.arange(self._values.shape[1]) // max(1, classes)) == 1, _IMAGES, 1.0
        )
        self._bin: Ints = np.full(len(ranked), -1, dtype=np.int64)
        self._fixed = np.zeros(len(ranked), dtype=np.bool_)

    def run(self, sizes: tuple[int, int, int], left_out: int, fixed: Mapping[str, Split]) -> dict[str, Split]:
        """Deal all units out.

        Args:
            sizes: Images wanted in train, val and test.
            left_out: Images that belong to no split.
            fixed: Split of those that stay where they are.

        Returns:
            Split by key; those left out are missing.
        """
        order = list(Split)
        wanted = (*sizes, left_out) if left_out else sizes
        self._wanted: Ints = np.array(wanted, dtype=np.int64)
        self._target: Floats = np.outer(
            self._wanted / max(1, int(self._wanted.sum())), self._values.sum(axis=0)
        )
        self._weight: Floats = (self._wanted > 0)[:, None] * self._share / np.maximum(self._target, 1.0)
        self._needs = np.zeros((len(wanted), self._values.shape[1]), dtype=np.bool_)
        self._needs[:3] = self._everywhere & (self._wanted[:3] > 0)[:, None]
        self._open()
        for unit, keys in enumerate(self._keys):
            places = Counter(fixed[key] for key in keys if key in fixed)
            if places:
                # Of a group that an earlier split tore apart the new pictures go with the most.
                self._put(unit, order.index(max(order, key=lambda split: places[split])))
                self._fixed[unit] = True
        self._reserve()
        self._fill()
        self._repair()
        self._exchange()
        result: dict[str, Split] = {}
        for unit, keys in enumerate(self._keys):
            place = int(self._bin[unit])
            for key in keys:
                if key in fixed:
                    result[key] = fixed[key]
                elif place < 3:
                    result[key] = order[place]
        return result

    def _open(self) -> None:
        bins, classes = self._target.shape
        self._sum: Floats = np.zeros((bins, classes))
        self._with: Ints = np.zeros((bins, classes), dtype=np.int64)
        self._size: Ints = np.zeros(bins, dtype=np.int64)

    def _put(self, unit: int, place: int) -> None:
        if (old := int(self._bin[unit])) >= 0:
            self._sum[old] -= self._values[unit]
            self._with[old] -= self._has[unit]
            self._size[old] -= self._images[unit]
        self._bin[unit] = place
        self._sum[place] += self._values[unit]
        self._with[place] += self._has[unit]
        self._size[place] += self._images[unit]

    def _reserve(self) -> None:
        """Give every split one unit of each class that stands in few units."""
        units_with = self._has.sum(axis=0)
        few = [
            int(c)
            for c in np.argsort(units_with, kind="stable")
            if self._everywhere[c] and units_with[c] < _FEW
        ]
        for c in few:
            for place in np.argsort(self._wanted[:3], kind="stable"):
                if self._with[place, c] or not self._needs[place, c]:
                    continue
                room = self._wanted[place] - self._size[place]
                free = np.flatnonzero((self._bin < 0) & self._has[:, c] & (self._images <= room))
                if len(free):
                    load = (self._values[free] * self._weight[place]).max(axis=1)
                    self._put(int(free[np.argmin(load)]), int(place))

    def _fill(self) -> None:
        """Groups first, then the rarest classes, then most boxes: each to the bin that lacks most."""
        total = np.where(self._has, self._values.sum(axis=0), np.inf)
        rarest = total.min(axis=1)
        order = np.lexsort((-self._values.sum(axis=1), rarest, -self._images))
        target = np.maximum(self._target, 1e-9)
        size = np.maximum(self._wanted, 1)
        for unit in order:
            if self._bin[unit] >= 0:
                continue
            value, images, has = self._values[unit], self._images[unit], self._has[unit]
            # What would still be missing, as a fraction of what is wanted, of the class that has least.
            lacks = ((target - self._sum - value) / target)[:, has].min(axis=1)
            room = self._wanted - self._size - images
            score = np.minimum(lacks, room / size)
            fits = room >= 0
            if fits.any():
                place = np.argmax(np.where(fits, score, -np.inf))
            else:
                place = np.argmax(np.where(self._wanted > 0, room, np.iinfo(np.int64).min))
            self._put(int(unit), int(place))

    def _repair(self) -> None:
        """Where large groups made a bin too full, move units to bins that lack pictures."""
        for _ in range(len(self._keys)):
            lack = self._wanted - self._size
            over, under = int(lack.argmin()), int(lack.argmax())
            gap = min(int(-lack[over]), int(lack[under]))
            can = (self._bin == over) & ~self._fixed & (self._images <= gap)
            if gap <= 0 or not can.any():
                return
            largest = self._images == self._images[can].max()
            self._put(int(np.flatnonzero(can & largest)[0]), under)

    def _exchange(self) -> None:
        """Swap units of equal size between bins as long as that lowers the cost."""
        stock = _Stock(self._bin, self._images, self._kind, ~self._fixed)
        for _ in range(_SWAPS):
            best: tuple[float, int, int] | None = None
            for s in range(len(self._wanted)):
                for t in range(s + 1, len(self._wanted)):
                    swap = self._best_swap(s, t, stock)
                    if swap is not None and (best is None or swap[0] < best[0]):
                        best = swap
            if best is None:
                return
            _, a, b = best
            s, t = int(self._bin[a]), int(self._bin[b])
            self._put(a, t)
            self._put(b, s)
            stock.move(a, s, t)
            stock.move(b, t, s)

    def _best_swap(self, s: int, t: int, stock: _Stock) -> tuple[float, int, int] | None:
        """The swap between two bins that lowers the cost most: (change, unit of s, unit of t)."""
        best: tuple[float, int, int] | None = None
        for images in stock.sizes:
            left, right = stock.kinds(s, images), stock.kinds(t, images)
            if not len(left) or not len(right):
                continue
            change = self._change(s, t, left, right)
            i, j = divmod(int(change.argmin()), len(right))
            if change[i, j] < -_GAIN and (best is None or change[i, j] < best[0]):
                best = float(change[i, j]), int(left[i]), int(right[j])
        return best

    def _change(self, s: int, t: int, left: Ints, right: Ints) -> Floats:
        """Change of the cost, shape (len(left), len(right)), of every swap.

        The cost is the sum over bins and classes of ((sum - target) · weight)². With d what bin s gains,
        the change is Σ d²·a + d·b where a = ws² + wt² and b = 2 (es·ws² - et·wt²), e = sum - target.
        """
        ws, wt = self._weight[s] ** 2, self._weight[t] ** 2
        a = ws + wt
        b = 2 * ((self._sum[s] - self._target[s]) * ws - (self._sum[t] - self._target[t]) * wt)
        u, v = self._values[left], self._values[right]
        change = ((u * u) @ a - u @ b)[:, None] + ((v * v) @ a + v @ b)[None, :] - 2 * (u * a) @ v.T
        for place, gives, gets in ((s, left, right), (t, right, left)):
            for c in np.flatnonzero(self._needs[place] & (self._with[place] <= 1)):
                before = self._with[place, c] == 0
                after = (self._with[place, c] - self._has[gives, c])[:, None] + self._has[gets, c][None, :]
                cost = _ABSENT * ((after == 0).astype(np.float64) - float(before))
                change = change + (cost if place == s else cost.T)
        result: Floats = change
        return result


class _Stock:
    """What each bin holds, by number of pictures and by content, kept up while units are swapped.

    Looking through all units for each swap would take longer the more there are, squared.

    Args:
        bins: Bin of each unit.
        images: Pictures of each unit.
        kinds: Number of its content; units of one number are interchangeable.
        free: Whether it may be moved.
    """

    def __init__(self, bins: Ints, images: Ints, kinds: Ints, free: npt.NDArray[np.bool_]) -> None:
        self._images = images
        self._kinds = kinds
        self._units: dict[tuple[int, int], dict[int, list[int]]] = {}
        self._firsts: dict[tuple[int, int], Ints] = {}
        self.sizes = [int(size) for size in np.unique(images)]
        for unit in np.flatnonzero(free).tolist():
            held = self._units.setdefault((int(bins[unit]), int(images[unit])), {})
            held.setdefault(int(kinds[unit]), []).append(unit)

    def kinds(self, place: int, images: int) -> Ints:
        """One unit of each different content in a bin: which of equals is swapped does not matter."""
        where = place, images
        if where not in self._firsts:
            firsts = sorted(units[0] for units in self._units.get(where, {}).values())
            self._firsts[where] = np.array(firsts[:_KINDS], dtype=np.int64)
        return self._firsts[where]

    def move(self, unit: int, old: int, new: int) -> None:
        """A unit went from one bin to another."""
        images, kind = int(self._images[unit]), int(self._kinds[unit])
        held = self._units[old, images]
        held[kind].remove(unit)
        if not held[kind]:
            del held[kind]
        insort(self._units.setdefault((new, images), {}).setdefault(kind, []), unit)
        for where in ((old, images), (new, images)):
            self._firsts.pop(where, None)


def _shared_folders(keys: Sequence[str]) -> int:
    """Length of the folders (with the last ``/``) that all keys begin with."""
    if not keys:
        return 0
    low, high = min(keys), max(keys)
    end = next(
        (i for i, (a, b) in enumerate(zip(low, high, strict=False)) if a != b), min(len(low), len(high))
    )
    return low.rfind("/", 0, end) + 1


def _hash(name: str, seed: int) -> bytes:
    return hashlib.blake2b(f"{seed}/{name}".encode("utf-8", "surrogateescape"), digest_size=8).digest()
