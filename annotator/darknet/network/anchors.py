"""Anchors for a data set: k-means over the sizes of its boxes, with 1 - IoU as the distance.

The method is that of YOLO9000 (Redmon and Farhadi 2017, section 2), begun as k-means++ (Arthur and
Vassilvitskii 2007) does. Sizes are measured in pixels of the network's input, for there they count.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from annotator.darknet.network.cfg import Cfg, Section
from converters.errors import UsageError
from converters.model import AnnotatedImage

Sizes = npt.NDArray[np.float64]
"""Width and height in pixels of the network's input, shape (N, 2)."""

_TRIES = 10
_STEPS = 300
_SAMPLE = 4000
"""So many boxes try the starts; the best of them then goes on with all boxes (100,000 in two seconds)."""
_LAST_STEPS = 50
_ROWS = 1 << 16
"""Boxes that are compared with all anchors at once: more only takes memory."""
_CELL = 32
"""Pixels of a cell; [region] counts anchors in cells."""


@dataclass(frozen=True, slots=True)
class Anchors:
    """A choice of anchors and how well it fits.

    Attributes:
        pairs: Width and height in pixels of the network's input, smallest area first.
        average_iou: Mean over the boxes of the IoU with the best anchor, both at the same centre.
        before: The same for the anchors there were.
    """

    pairs: tuple[tuple[float, float], ...]
    average_iou: float
    before: float

    @property
    def is_better(self) -> bool:
        """Whether they fit better than those there were."""
        return self.average_iou > self.before


def box_sizes(images: Iterable[AnnotatedImage], width: int, height: int, *, letterbox: bool = False) -> Sizes:
    """The sizes of all boxes as the network sees them.

    Args:
        images: Of the training split.
        width: The network's input.
        height: Likewise.
        letterbox: Whether Darknet keeps a picture's proportions; else it stretches it.
    """
    sizes: list[tuple[float, float]] = []
    for image in images:
        across, down = width / image.size[0], height / image.size[1]
        if letterbox:
            across = down = min(across, down)
        sizes += [(box.width * across, box.height * down) for box in image.boxes]
    found = np.array(sizes, dtype=np.float64).reshape(-1, 2)
    return found[(found > 0).all(axis=1)]


def average_iou(sizes: Sizes, anchors: Sizes) -> float:
    """Mean IoU of each size with the anchor that fits it best, both at the same centre."""
    return float(np.mean(_nearest(sizes, anchors)[1]))


def fit_anchors(sizes: Sizes, count: int, seed: int = 0) -> Sizes:
    """The best of several runs of k-means.

    Args:
        sizes: Sizes of the boxes, shape (N, 2).
        count: Number of anchors.
        seed: Of the starts.

    Returns:
        Shape (count, 2), smallest area first.

    Raises:
        UsageError: There are fewer different sizes than anchors.
    """
    different = len(np.unique(sizes.round(3), axis=0))
    if different < count:
        raise UsageError(
            f"{count} anchors cannot be chosen from {different} different sizes of boxes.",
            hint="Keep the network's own anchors.",
        )
    generator = np.random.default_rng(seed)
    some = _sample(sizes, count, generator)
    runs = (_k_means(some, _starts(some, count, generator), _STEPS) for _ in range(_TRIES))
    best = max(runs, key=lambda centres: average_iou(some, centres))
    if len(some) < len(sizes):
        best = _k_means(sizes, best, _LAST_STEPS)
    return best[np.argsort(best.prod(axis=1), kind="stable")]


def for_network(cfg: Cfg, sizes: Sizes, seed: int = 0) -> Anchors:
    """Anchors for a network, beside those it has.

    Raises:
        UsageError: It has no detection layer, or the boxes are too few.
        FormatError: Its anchors are no numbers.
    """
    if not cfg.detectors:
        raise UsageError("this network has no detection layer, so no anchors.")
    there = _anchors_of(cfg.detectors[0])
    if not len(sizes):
        raise UsageError("there are no boxes to choose anchors for.", hint="Keep the network's own anchors.")
    before = average_iou(sizes, there)
    # Whole pixels, as in the file.
    found = np.maximum(_fitted(sizes, there, seed), 1)
    if cfg.detectors[0].name == "yolo":
        found = found.round()
    pairs = tuple((float(w), float(h)) for w, h in found)
    return Anchors(pairs, average_iou(sizes, found), before)


def with_anchors(cfg: Cfg, pairs: Sequence[tuple[float, float]]) -> Cfg:
    """A network with other anchors; its finest detection layer takes the smallest.

    Args:
        cfg: The network.
        pairs: As many as it has, in pixels of its input; any order.

    Raises:
        UsageError: They are not as many.
    """
    wanted = len(_anchors_of(cfg.detectors[0])) if cfg.detectors else 0
    if len(pairs) != wanted:
        raise UsageError(f"this network has {wanted} anchors, not {len(pairs)}.")
    ordered = sorted(pairs, key=lambda pair: pair[0] * pair[1])
    sections = list(cfg.sections)
    places = [index for index, section in enumerate(sections) if section.name in ("yolo", "region")]
    for index in places:
        sections[index] = sections[index].with_options(anchors=_text(ordered, sections[index]))
    masked = [index for index in places if "mask" in sections[index]]
    counts = {index: len(sections[index].get_ints("mask")) for index in masked}
    first = 0
    for index in _finest_first(cfg, masked):
        mask = range(first, min(first + counts[index], wanted))
        sections[index] = sections[index].with_options(mask=",".join(map(str, mask)))
        first += counts[index]
    return replace(cfg, sections=tuple(sections))


def _finest_first(cfg: Cfg, places: list[int]) -> list[int]:
    from annotator.darknet.network.blocks import layers

    widths = {index: layers(cfg)[index - 1].output[0] for index in places}
    return sorted(places, key=lambda index: -widths[index])


def _anchors_of(section: Section) -> Sizes:
    values = np.array(section.get_floats("anchors"), dtype=np.float64).reshape(-1, 2)
    return values * _CELL if section.name == "region" else values


def _text(pairs: Sequence[tuple[float, float]], section: Section) -> str:
    if section.name == "region":
        return ",".join(f"{w / _CELL:.4f},{h / _CELL:.4f}" for w, h in pairs)
    return ",".join(f"{max(1, round(w))},{max(1, round(h))}" for w, h in pairs)


def _fitted(sizes: Sizes, there: Sizes, seed: int) -> Sizes:
    """As many anchors as there are; where the boxes have fewer different sizes, all these and some of those.

    Of the network's own stay those that are least like any of the boxes: for what the set does not show yet.
    """
    different = np.unique(sizes.round(3), axis=0)
    if len(different) >= len(there):
        return fit_anchors(sizes, len(there), seed)
    unlike = np.argsort(_nearest(there, different)[1], kind="stable")
    kept = there[unlike[: len(there) - len(different)]]
    both = np.concatenate([different, kept])
    return both[np.argsort(both.prod(axis=1), kind="stable")]


def _sample(sizes: Sizes, count: int, generator: np.random.Generator) -> Sizes:
    """Some of the sizes where they are very many, at random but never fewer different ones than anchors."""
    if len(sizes) <= _SAMPLE:
        return sizes
    some: Sizes = sizes[np.sort(generator.choice(len(sizes), _SAMPLE, replace=False))]
    return some if len(np.unique(some.round(3), axis=0)) >= count else sizes


def _iou(sizes: Sizes, anchors: Sizes) -> npt.NDArray[np.float64]:
    """IoU of each size with each anchor at the same centre, shape (N, K)."""
    common = np.minimum(sizes[:, :1], anchors[:, 0]) * np.minimum(sizes[:, 1:], anchors[:, 1])
    areas = (sizes[:, 0] * sizes[:, 1])[:, None] + anchors[:, 0] * anchors[:, 1]
    result: npt.NDArray[np.float64] = common / (areas - common)
    return result


def _nearest(sizes: Sizes, anchors: Sizes) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.float64]]:
    """For each size the number of the anchor that fits best, and their IoU; shapes (N,)."""
    numbers = np.empty(len(sizes), dtype=np.intp)
    overlaps = np.empty(len(sizes), dtype=np.float64)
    for first in range(0, len(sizes), _ROWS):
        part = slice(first, first + _ROWS)
        found = _iou(sizes[part], anchors)
        numbers[part] = found.argmax(axis=1)
        overlaps[part] = found.max(axis=1)
    return numbers, overlaps


def _starts(sizes: Sizes, count: int, generator: np.random.Generator) -> Sizes:
    """k-means++: each next start with a probability as the square of its distance to those chosen."""
    chosen = [sizes[generator.integers(len(sizes))]]
    nearest = np.zeros(len(sizes))
    for _ in range(count - 1):
        nearest = np.maximum(nearest, _iou(sizes, chosen[-1][None])[:, 0])
        weight = np.maximum(1 - nearest, 0) ** 2
        total = weight.sum()
        place = (
            generator.choice(len(sizes), p=weight / total) if total > 0 else generator.integers(len(sizes))
        )
        chosen.append(sizes[place])
    return np.array(chosen)


def _k_means(sizes: Sizes, centres: Sizes, steps: int) -> Sizes:
    """Lloyd's steps until nothing moves; a centre that no box belongs to stays where it is."""
    centres = centres.copy()
    belongs = np.full(len(sizes), -1)
    for _ in range(steps):
        nearest = _nearest(sizes, centres)[0]
        if np.array_equal(nearest, belongs):
            break
        belongs = nearest
        for index in range(len(centres)):
            own = sizes[belongs == index]
            if len(own):
                # The median resists the few very large boxes that would pull a mean away from all others.
                centres[index] = np.median(own, axis=0)
    return centres
