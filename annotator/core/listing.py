"""Which pictures a list shows, and in which order: filters that combine, and sorts. Qt-free.

Everything works on frozen pictures, so that a list of a hundred thousand can be made in a thread.
"""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from converters.model import AnnotatedImage, Split

DISAGREES = 0.5
"""From this score on predictions count as disagreeing, unless the person says another."""

Test = Callable[[AnnotatedImage], bool]
"""Whether a picture is to be shown."""


class Labels(StrEnum):
    """What a picture's labels say."""

    BOXES = "boxes"
    EMPTY = "empty"
    NONE = "none"

    @classmethod
    def of(cls, image: AnnotatedImage) -> Labels:
        """Boxes, said to be empty, or not labelled."""
        if image.boxes:
            return cls.BOXES
        return cls.EMPTY if image.labelled else cls.NONE


class SortBy(StrEnum):
    """What a list is sorted by."""

    NAME = "name"
    BOXES = "boxes"
    SMALLEST = "smallest"
    DISAGREEMENT = "disagreement"


@dataclass(frozen=True, slots=True)
class Order:
    """The order of a list; equal pictures stand by name.

    Attributes:
        by: What counts.
        descending: The largest first. Pictures without a value are last either way.
    """

    by: SortBy = SortBy.NAME
    descending: bool = False


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of pictures besides their labels.

    Attributes:
        findings: Pictures that a check found something in.
        disagreement: By how much predictions disagree with the labels, higher is worse; pictures without
            predictions are missing.
    """

    findings: frozenset[str] = frozenset()
    disagreement: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Span:
    """From one number to another, both included; None: no limit there."""

    low: float | None = None
    high: float | None = None

    def __bool__(self) -> bool:
        return self.low is not None or self.high is not None

    def __contains__(self, value: object) -> bool:
        if not isinstance(value, int | float):
            return False
        return (self.low is None or value >= self.low) and (self.high is None or value <= self.high)


@dataclass(frozen=True, slots=True)
class Filter:
    """What a list is limited to. Parts that are set all have to hold; an empty part excludes nothing.

    Attributes:
        text: Words that have to be in the path (any case).
        classes: A box of one of these classes …
        all_classes: … or a box of each of them.
        splits: One of these splits; None stands for no split.
        reviewed: Looked at by a person, or not.
        labels: One of these.
        findings: Something was found in it.
        disagreement: Predictions disagree at least so much.
        boxes: Number of boxes.
        smallest: Shorter side of the smallest box, in pixels.
        network: (width, height) of a network: ``smallest`` is meant as it stretches the picture.
        only: Certain pictures.
    """

    text: str = ""
    classes: frozenset[str] = frozenset()
    all_classes: bool = False
    splits: frozenset[Split | None] = frozenset()
    reviewed: bool | None = None
    labels: frozenset[Labels] = frozenset()
    findings: bool = False
    disagreement: float | None = None
    boxes: Span = Span()
    smallest: Span = Span()
    network: tuple[int, int] | None = None
    only: frozenset[str] | None = None

    def is_on(self) -> bool:
        """Whether it excludes anything."""
        return bool(
            self.text.strip()
            or self.classes
            or self.splits
            or self.labels
            or self.findings
            or self.boxes
            or self.smallest
        ) or any(part is not None for part in (self.reviewed, self.disagreement, self.only))

    def tests(self, facts: Facts) -> list[Test]:
        """A test for each part that is set, the quick ones first."""
        return [*self._quick_tests(facts), *self._box_tests()]

    def accepts(self, image: AnnotatedImage, facts: Facts) -> bool:
        """Whether a picture is shown."""
        return all(test(image) for test in self.tests(facts))

    def _quick_tests(self, facts: Facts) -> list[Test]:
        tests: list[Test] = []
        if self.only is not None:
            only = self.only
            tests.append(lambda image: image.key in only)
        if self.findings:
            tests.append(lambda image: image.key in facts.findings)
        if self.disagreement is not None:
            least, scores = self.disagreement, facts.disagreement
            tests.append(lambda image: image.key in scores and scores[image.key] >= least)
        if self.reviewed is not None:
            reviewed = self.reviewed
            tests.append(lambda image: image.reviewed == reviewed)
        if self.splits:
            splits = self.splits
            tests.append(lambda image: image.split in splits)
        if self.labels:
            labels = self.labels
            tests.append(lambda image: Labels.of(image) in labels)
        if self.boxes:
            boxes = self.boxes
            tests.append(lambda image: len(image.boxes) in boxes)
        return tests

    def _box_tests(self) -> list[Test]:
        tests: list[Test] = [_word_test(word) for word in _folded(self.text).split()]
        if self.classes and self.all_classes:
            classes = self.classes
            tests.append(lambda image: classes <= {box.label for box in image.boxes})
        elif self.classes:
            classes = self.classes
            tests.append(lambda image: any(box.label in classes for box in image.boxes))
        if self.smallest:
            span, network = self.smallest, self.network
            tests.append(lambda image: smallest_side(image, network) in span)
        return tests


def smallest_side(image: AnnotatedImage, network: tuple[int, int] | None = None) -> float | None:
    """Shorter side of the smallest box in pixels; None where there is no box.

    Args:
        image: The picture.
        network: (width, height) of a network's input: the boxes are measured as it stretches them.
    """
    boxes = image.boxes
    if not boxes:
        return None
    if network is None or not all(image.size):
        return min(min(x2 - x1, y2 - y1) for x1, y1, x2, y2 in (box.xyxy for box in boxes))
    across, down = network[0] / image.size[0], network[1] / image.size[1]
    return min(min((x2 - x1) * across, (y2 - y1) * down) for x1, y1, x2, y2 in (box.xyxy for box in boxes))


def select(
    images: Iterable[AnnotatedImage],
    chosen: Filter,
    order: Order | None = None,
    facts: Facts | None = None,
    keep: frozenset[str] = frozenset(),
) -> tuple[str, ...]:
    """Keys of the pictures that a list shows, in its order.

    Args:
        images: All pictures, by name.
        chosen: What the list is limited to.
        order: By name where it is not given.
        facts: What is known besides the labels.
        keep: Pictures that stay even where the filter would exclude them.
    """
    facts = facts or Facts()
    listed = list(images)
    kept = listed
    for test in chosen.tests(facts):
        kept = [image for image in kept if test(image)]
    if keep and chosen.is_on():
        there = {image.key for image in kept} | keep
        kept = [image for image in listed if image.key in there]
    return _sorted(kept, order or Order(), facts)


def _sorted(images: Sequence[AnnotatedImage], order: Order, facts: Facts) -> tuple[str, ...]:
    if order.by is SortBy.NAME:
        keys = tuple(image.key for image in images)
        return keys[::-1] if order.descending else keys
    values: list[float | None]
    if order.by is SortBy.BOXES:
        values = [len(image.boxes) for image in images]
    elif order.by is SortBy.SMALLEST:
        values = [smallest_side(image) for image in images]
    else:
        values = [facts.disagreement.get(image.key) for image in images]
    sign = -1 if order.descending else 1
    rated = [(sign * value, place) for place, value in enumerate(values) if value is not None]
    rated.sort()
    rest = [place for place, value in enumerate(values) if value is None]
    return tuple(images[place].key for place in [*(place for _, place in rated), *rest])


def following(rows: Sequence[int], place: int) -> int:
    """Index of the first of ascending ``rows`` behind ``place``; their number where there is none."""
    return bisect_left(rows, place + 1)


def _word_test(word: str) -> Test:
    def test(image: AnnotatedImage) -> bool:
        if word in _folded(image.key):
            return True
        # The key has no ending; people type "17.png" as well.
        return "." in word and word in _folded(f"{image.key}{image.path.suffix}")

    return test


def _folded(text: str) -> str:
    """Without case, and the same however accents are put together (macOS splits them)."""
    return text.casefold() if text.isascii() else unicodedata.normalize("NFC", text.casefold())
