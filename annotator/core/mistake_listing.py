"""The mistakes of a network as a list that is filtered and sorted."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from annotator.darknet.evaluation.confusion import Kind, Mistake
from annotator.darknet.metrics import iou_float32
from converters.model import Box

SAME = 0.9
"""IoU above which two boxes of a class are the same: formats round edges each in their way."""
BACKGROUND = ""
"""Stands for no class in a filter: what is seen where nothing is, or not found."""


class SortBy(StrEnum):
    """Orders of the list."""

    COST = "cost"
    CONFIDENCE = "confidence"
    DOUBT = "doubt"
    KIND = "kind"
    PICTURE = "picture"


@dataclass(frozen=True, slots=True)
class MistakeFilter:
    """Which mistakes are shown.

    Attributes:
        kinds: Of these kinds; None: of all.
        true_label: Of boxes of this class; None: of any; empty: where no box is.
        label: Taken for this class; None: for any; empty: not found.
        classes: As the mistake itself says: that of the box and that of the prediction; None: any.
        confidence: From one confidence to below another; None: any. A missed box has that of the surest
            prediction that nearly found it, else 0.
    """

    kinds: frozenset[Kind] | None = None
    true_label: str | None = None
    label: str | None = None
    classes: tuple[str, str] | None = None
    confidence: tuple[float, float] | None = None

    def accepts(self, mistake: Mistake) -> bool:
        """Whether a mistake is shown."""
        if self.kinds is not None and mistake.kind not in self.kinds:
            return False
        if self.confidence is not None and not self.confidence[0] <= mistake.confidence < self.confidence[1]:
            return False
        if self.label is not None and mistake.label != self.label:
            return False
        if self.classes is not None:
            box = "" if mistake.kind is Kind.BACKGROUND else mistake.true_label
            return (box, mistake.label) == self.classes
        if self.true_label is None:
            return True
        # A second prediction on a box, or a loose one, is about a box and yet on background.
        lies_on = mistake.true_label if mistake.kind in (Kind.MISSED, Kind.WRONG_CLASS) else BACKGROUND
        return lies_on == self.true_label


def of_class(mistake: Mistake, name: str) -> bool:
    """Whether a class is part of a mistake."""
    return name in (mistake.true_label, mistake.label)


def sorted_mistakes(mistakes: Iterable[Mistake], by: SortBy) -> list[Mistake]:
    """The mistakes in an order; equal ones by picture, as they were found.

    ``confidence`` begins with what the network was surest of: wrong predictions of high confidence are
    often wrong labels. ``doubt`` begins with the smallest, ``cost`` with what takes most from mAP.
    """
    if by is SortBy.COST:
        return sorted(mistakes, key=lambda one: -one.cost)
    if by is SortBy.CONFIDENCE:
        return sorted(mistakes, key=lambda one: -one.confidence)
    if by is SortBy.DOUBT:
        return sorted(mistakes, key=lambda one: one.confidence)
    if by is SortBy.KIND:
        order = list(Kind)
        return sorted(mistakes, key=lambda one: (order.index(one.kind), -one.confidence))
    return sorted(mistakes, key=lambda one: one.image)


def mended(
    kind: Kind, boxes: tuple[Box, ...], truth: Box | None, prediction: Box | None
) -> tuple[Box, ...] | None:
    """The boxes of a picture if the network is right and its labels are wrong.

    What is missed goes, what is seen on nothing is added, a wrong class and a loose box become what was seen.

    Args:
        kind: Of the mistake.
        boxes: The picture's boxes as they are now.
        truth: The box it was measured with, with the labels of ``boxes``.
        prediction: What the network saw, with the labels of ``boxes`` and edges inside the picture.

    Returns:
        None where that says nothing (seen twice), or where the box is not there any more.
    """
    if kind is Kind.BACKGROUND:
        return (*boxes, Box(prediction.xyxy, prediction.label)) if prediction is not None else None
    at = place_of(truth, boxes) if truth is not None else None
    if at is None or kind is Kind.TWICE:
        return None
    if kind is Kind.MISSED:
        return boxes[:at] + boxes[at + 1 :]
    if prediction is None:
        return None
    wrong = kind is Kind.WRONG_CLASS
    new = boxes[at].relabelled(prediction.label) if wrong else boxes[at].moved_to(prediction.xyxy)
    return (*boxes[:at], new, *boxes[at + 1 :])


def place_of(box: Box, boxes: tuple[Box, ...]) -> int | None:
    """Where a box is among others, by its label and about its edges; None where it is not there any more."""
    overlaps = iou_float32([box], boxes)[0] if boxes else []
    best = max(
        ((float(iou), -at) for at, iou in enumerate(overlaps) if boxes[at].label == box.label),
        default=(0.0, 0),
    )
    return -best[1] if best[0] > SAME else None
