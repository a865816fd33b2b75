"""Dividing a set into train, val and test so that each class has its share of boxes in each.

Boxes are counted, not images: one picture may hold a hundred of them. Groups (pictures that show the same)
stay together. First the rarest classes and the largest groups are dealt out, each where most is still
wanted; then pictures are exchanged as long as that brings the shares closer to what they should be. The
result depends on the keys, the boxes and the seed alone, not on the order of the input.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natsort import natsort_keygen

from converters.errors import UsageError
from converters.model import Dataset, Split

_EXAMPLE = "Write three parts as 70/15/15 (percent), or three numbers of pictures as 608,120,120."


@dataclass(frozen=True, slots=True)
class SplitRequest:
    """How large train, val and test shall be.

    Attributes:
        parts: Three parts in any unit, or three numbers of pictures.
        counts: Whether they are numbers of pictures (what is left over is in no split).
    """

    parts: tuple[float, float, float] = (70.0, 15.0, 15.0)
    counts: bool = False

    def sizes(self, images: int) -> tuple[int, int, int]:
        """Pictures in train, val and test out of ``images``: largest remainders, ties to the earlier part.

        Raises:
            UsageError: There are fewer pictures than were asked for.
        """
        if not self.counts:
            return largest_remainder(self.parts, images)
        wanted = (int(self.parts[0]), int(self.parts[1]), int(self.parts[2]))
        if sum(wanted) > images:
            raise UsageError(
                f"{'+'.join(map(str, wanted))} = {sum(wanted)} pictures are asked for, "
                f"but there are only {images}.",
                hint="Ask for fewer, or for percents such as 70/15/15.",
            )
        return wanted


def parse_split(text: str) -> SplitRequest:
    """A request out of ``70/15/15`` or ``608,120,120``.

    Raises:
        UsageError: There are not three parts, one is no number or negative, train gets nothing, or the
            percents do not add up.
    """
    counts = "," in text
    pieces = [piece.strip().removesuffix("%") for piece in re.split(r"[,]" if counts else r"[/:]", text)]
    if len(pieces) != 3:
        raise UsageError(f"{text!r} has {len(pieces)} parts, not 3 (train, val, test).", hint=_EXAMPLE)
    for piece in pieces:
        if not re.fullmatch(r"\d+" if counts else r"\d+(\.\d*)?|\.\d+", piece, re.ASCII):
            kind = "a whole number of pictures" if counts else "a number of percent"
            raise UsageError(f"{piece!r} in {text!r} is not {kind}.", hint=_EXAMPLE)
    train, val, test = (float(piece) for piece in pieces)
    total = train + val + test
    if train <= 0:
        raise UsageError(f"{text!r} leaves nothing to train on.", hint=_EXAMPLE)
    if not counts and total >= 90 and abs(total - 100) > 0.2:
        hint = f"For numbers of pictures: --split {text.replace('/', ',').replace(':', ',')}"
        raise UsageError(
            f"{text!r} adds up to {total:g}, not to 100.", hint=hint if total > 110 else _EXAMPLE
        )
    return SplitRequest((train, val, test), counts)


def largest_remainder(parts: Sequence[float], total: int) -> tuple[int, int, int]:
    """Three whole numbers in the proportion of ``parts`` that add up to ``total`` (Hamilton's method)."""
    whole = sum(parts)
    quotas = [part * total / whole for part in parts]
    sizes = [int(quota) for quota in quotas]
    # Rounded: 15 % of 10 and 1.5 must tie although their binary fractions do not quite.
    order = sorted(range(3), key=lambda i: (-round(quotas[i] - sizes[i], 9), i))
    for i in order[: total - sum(sizes)]:
        sizes[i] += 1
    return sizes[0], sizes[1], sizes[2]


@dataclass(frozen=True, slots=True)
class SplitCell:
    """One class in one split.

    Attributes:
        label: The class.
        split: The split.
        boxes: Its boxes there.
        images: Images with such a box there.
        share: Fraction of the class's boxes, 0 to 1.
        error: Relative error of that share: 0.03 where the split has 3 % more of the class's boxes than
            its part of the images, -1 where it has none.
    """

    label: str
    split: Split
    boxes: int
    images: int
    share: float
    error: float


@dataclass(frozen=True, slots=True)
class SplitQuality:
    """How well a set is divided.

    Attributes:
        sizes: Images in each split.
        wanted: Images that were asked for in each split.
        cells: Each class in each split that has images; classes without a box are left out.
        torn_groups: Names of the groups with pictures in more than one split.
    """

    sizes: dict[Split, int]
    wanted: dict[Split, int]
    cells: tuple[SplitCell, ...]
    torn_groups: tuple[str, ...] = ()

    @property
    def worst(self) -> SplitCell | None:
        """The class and split with the largest error (None in a set without boxes)."""
        return max(self.cells, key=lambda cell: abs(cell.error), default=None)

    @property
    def worst_error(self) -> float:
        """Largest relative error of a class's share of boxes, as a fraction, never negative."""
        return abs(self.worst.error) if self.worst is not None else 0.0

    def cell(self, label: str, split: Split) -> SplitCell | None:
        """One class in one split."""
        return next((c for c in self.cells if c.label == label and c.split is split), None)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "sizes": {str(split): size for split, size in self.sizes.items()},
            "wanted": {str(split): size for split, size in self.wanted.items()},
            "worst_error": round(self.worst_error, 6),
            "torn_groups": list(self.torn_groups),
            "classes": [
                {
                    "class": cell.label,
                    "split": str(cell.split),
                    "boxes": cell.boxes,
                    "images": cell.images,
                    "share": round(cell.share, 6),
                    "error": round(cell.error, 6),
                }
                for cell in self.cells
            ],
        }


@dataclass(frozen=True, slots=True)
class SplitResult:
    """A division of a set.

    Attributes:
        splits: Split of each image's key.
        left_out: Keys of the images that are in no split (only where numbers were asked for).
        quality: How good it is.
    """

    splits: dict[str, Split]
    left_out: tuple[str, ...]
    quality: SplitQuality


def split_dataset(
    dataset: Dataset,
    request: SplitRequest = SplitRequest(),
    *,
    seed: int = 1,
    groups: Mapping[str, str] | None = None,
    identical: Sequence[Sequence[str]] = (),
    fixed: Mapping[str, Split] | None = None,
) -> SplitResult:
    """Divide a set (see the module's text).

    Args:
        dataset: The set; the split its images have is not looked at.
        request: Sizes wanted.
        seed: Any integer; another one gives another division.
        groups: Name of its group for each image that must stay with others.
        identical: Keys of pictures with the same pixels. Where numbers of pictures are asked for, all but
            the one with the most boxes are the first to be left out.
        fixed: Images that keep their split (from an earlier split.csv). New ones of a group follow them.

    Raises:
        UsageError: There are fewer images than were asked for.
    """
    from converters.dealing import Deal  # NumPy; parsing a request needs none

    groups = groups or {}
    known = {image.key for image in dataset}
    fixed = {key: split for key, split in (fixed or {}).items() if key in known}
    sizes = request.sizes(len(dataset))
    surplus = len(dataset) - sum(sizes)
    doubles = _doubles(dataset, identical, fixed)[:surplus] if surplus else []
    images = [image for image in dataset if image.key not in set(doubles)]
    deal = Deal(images, dataset.class_names, groups, seed)
    splits = deal.run(_room(sizes, Counter(fixed.values())), len(images) - sum(sizes), fixed)
    natural = natsort_keygen()
    left_out = sorted((key for key in known if key not in splits), key=lambda key: (natural(key), key))
    quality = measure_split(dataset, splits, groups, dict(zip(Split, sizes, strict=True)))
    return SplitResult(splits, tuple(left_out), quality)


def measure_split(
    dataset: Dataset,
    splits: Mapping[str, Split],
    groups: Mapping[str, str] | None = None,
    wanted: Mapping[Split, int] | None = None,
) -> SplitQuality:
    """How well a set is divided, whoever divided it.

    Args:
        dataset: The set.
        splits: Split by key; images without one are not counted.
        groups: Name of the group by key, to see whether one was torn apart.
        wanted: Images that were asked for; default: as many as there are.
    """
    count = _Counts()
    where: dict[str, set[Split]] = {}
    for image in dataset:
        split = splits.get(image.key)
        if split is None:
            continue
        count.sizes[split] += 1
        labels = Counter(box.label for box in image.boxes)
        for label, boxes in labels.items():
            count.boxes[label, split] += boxes
            count.images[label, split] += 1
        group = (groups or {}).get(image.key)
        if group:
            where.setdefault(group, set()).add(split)
    sizes = {split: count.sizes[split] for split in Split}
    return SplitQuality(
        sizes=sizes,
        wanted=dict(wanted) if wanted is not None else dict(sizes),
        cells=tuple(_cells(dataset.class_names, sizes, count)),
        torn_groups=tuple(sorted(name for name, parts in where.items() if len(parts) > 1)),
    )


@dataclass(slots=True)
class _Counts:
    sizes: Counter[Split] = field(default_factory=Counter)
    boxes: Counter[tuple[str, Split]] = field(default_factory=Counter)
    images: Counter[tuple[str, Split]] = field(default_factory=Counter)


def read_groups(path: Path, dataset: Dataset) -> list[tuple[str, str]]:
    """Links between pictures that belong together, from a CSV file of (picture, group), a line each.

    A picture is named by its stem, its file name or its path in the set. Pictures of the same person,
    place or film look different to a hash, and are too much alike to be measured against each other.

    Returns:
        (first key of the group, other key) for each other one.

    Raises:
        UsageError: The file cannot be read, a line has not two columns, or names no picture or several.
    """
    by_name: dict[str, set[str]] = {}
    for image in dataset:
        key = image.key + image.path.suffix
        for name in (image.key, key, image.key.rpartition("/")[2], image.name):
            by_name.setdefault(name, set()).add(image.key)
    try:
        rows = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}.", path=path) from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise UsageError(
            "cannot be read as a list of groups.", path=path, hint="It is a CSV file in UTF-8: picture,group."
        ) from error
    first: dict[str, str] = {}
    links: list[tuple[str, str]] = []
    for number, row in enumerate(rows, 1):
        cells = [cell.strip() for cell in row]
        if not any(cells) or (number == 1 and cells[-1].lower() == "group"):
            continue
        if len(cells) != 2 or not all(cells):
            raise UsageError("is not PICTURE,GROUP.", path=path, line=number)
        keys = by_name.get(cells[0], set())
        if len(keys) != 1:
            problem = "there is no picture" if not keys else "there are several pictures"
            raise UsageError(f"{problem} named {cells[0]!r} in the set.", path=path, line=number)
        key = next(iter(keys))
        links.append((first.setdefault(cells[1], key), key))
    return links


def _cells(class_names: Sequence[str], sizes: Mapping[Split, int], count: _Counts) -> list[SplitCell]:
    total = sum(sizes.values())
    cells: list[SplitCell] = []
    for label in class_names:
        of_class = sum(count.boxes[label, split] for split in Split)
        for split in Split:
            if of_class and sizes[split]:
                boxes = count.boxes[label, split]
                share = boxes / of_class
                error = share / (sizes[split] / total) - 1
                cells.append(SplitCell(label, split, boxes, count.images[label, split], share, error))
    return cells


def _doubles(dataset: Dataset, identical: Sequence[Sequence[str]], fixed: Mapping[str, Split]) -> list[str]:
    """Pictures that add nothing: of each identical set all but the one with the most boxes."""
    natural = natsort_keygen()
    boxes = {image.key: len(image.boxes) for image in dataset}
    result: list[str] = []
    for same in identical:
        keys = [key for key in same if key in boxes]
        ranked = sorted(keys, key=lambda key: (-boxes[key], natural(key), key))
        result += [key for key in ranked[1:] if key not in fixed]
    return sorted(result, key=lambda key: (natural(key), key))


def _room(sizes: tuple[int, int, int], fixed: Counter[Split]) -> tuple[int, int, int]:
    """Images that each split shall hold, where some already do: none loses what it has."""
    room = [max(size, fixed[split]) for size, split in zip(sizes, Split, strict=True)]
    while sum(room) > sum(sizes):
        free = [room[i] - fixed[split] for i, split in enumerate(Split)]
        most = free.index(max(free))
        if free[most] == 0:
            break
        room[most] -= 1
    return room[0], room[1], room[2]
