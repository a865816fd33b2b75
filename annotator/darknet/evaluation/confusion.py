"""What a network takes for what: each box and each prediction of the measured pictures in one cell.

The diagonal is what Darknet counts as true positives at the confidence threshold, so a row sums up to the
class's ground truth boxes and a column to its predictions. A prediction on a missed box of another class
confuses the two; where several lie on the same one, the surest does and the others are on background.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from annotator.darknet.evaluation.stored import IOU, ImageResult
from annotator.darknet.metrics import iou_float32
from converters.model import Box

NEAR = 0.1
"""IoU from which a wrong prediction is about a box that it does not fit."""


class Kind(StrEnum):
    """What is wrong."""

    MISSED = "missed"
    WRONG_CLASS = "wrong class"
    TWICE = "twice"
    LOOSE = "loose"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that the network got wrong.

    Attributes:
        kind: What: a box that it missed, a box that it called something else, a second prediction on one
            that it found, a prediction that fits its box too badly (IoU 0.1 to 0.5), or one on nothing.
        image: Index of the picture among the results.
        truth: Index of the ground truth box it is about, or None.
        prediction: Index of the prediction, or None for a missed box.
        confidence: Of the prediction; of a missed box that of the surest prediction of its class below
            the threshold that fits it, else 0.
        iou: Of prediction and box; 0 where one is missing.
        true_label: Class of the ground truth box, empty for background.
        label: Class of the prediction, empty for a missed box.
        cost: About how much more mAP@0.50 there were without it, 0 to 1
            (:func:`annotator.darknet.evaluation.mistake_costs.with_costs`).
    """

    kind: Kind
    image: int
    truth: int | None
    prediction: int | None
    confidence: float
    iou: float
    true_label: str
    label: str
    cost: float = 0.0


@dataclass(frozen=True, slots=True)
class Confusion:
    """Which class was taken for which; the last row and column are the background.

    Attributes:
        class_names: The classes, in order.
        cells: For each (row: ground truth, column: prediction) the index of the picture of each box in it.
    """

    class_names: tuple[str, ...]
    cells: tuple[tuple[tuple[int, ...], ...], ...]

    @property
    def counts(self) -> tuple[tuple[int, ...], ...]:
        """Number of boxes in each cell."""
        return tuple(tuple(len(cell) for cell in row) for row in self.cells)

    def images(self, row: int, column: int) -> tuple[int, ...]:
        """The pictures of a cell, each once, in their order."""
        return tuple(sorted(set(self.cells[row][column])))


def confusion_of(results: Sequence[ImageResult], class_names: Sequence[str]) -> Confusion:
    """Count what was taken for what, at the thresholds that the results were matched with."""
    place = {name: index for index, name in enumerate(class_names)}
    nothing = len(class_names)
    cells: list[list[list[int]]] = [[[] for _ in range(nothing + 1)] for _ in range(nothing + 1)]
    for index, result in enumerate(results):
        labels = [box.label for box in result.truths]
        found = [box.label for box in result.predictions]
        for prediction, truth, _ in result.match.tp:
            cells[place[labels[truth]]][place[found[prediction]]].append(index)
        confused = _confused(result)
        for prediction, (truth, _) in confused.items():
            cells[place[labels[truth]]][place[found[prediction]]].append(index)
        taken = {truth for truth, _ in confused.values()}
        for truth in result.match.fn:
            if truth not in taken:
                cells[place[labels[truth]]][nothing].append(index)
        for prediction in result.match.fp:
            if prediction not in confused:
                cells[nothing][place[found[prediction]]].append(index)
    return Confusion(tuple(class_names), tuple(tuple(tuple(cell) for cell in row) for row in cells))


def mistakes_of(results: Sequence[ImageResult]) -> list[Mistake]:
    """All mistakes, picture by picture: the predictions that are wrong, then what was missed."""
    found: list[Mistake] = []
    for index, result in enumerate(results):
        found += _mistakes_in(index, result)
    return found


def _confused(result: ImageResult) -> dict[int, tuple[int, float]]:
    """For predictions on a missed box of another class: that box and the IoU, each box once."""
    confused: dict[int, tuple[int, float]] = {}
    taken: set[int] = set()
    for prediction, truth, iou in result.match.confused:  # the surest first, as the predictions are
        if truth not in taken:
            taken.add(truth)
            confused[prediction] = truth, iou
    return confused


def _mistakes_in(index: int, result: ImageResult) -> list[Mistake]:
    if not result.match.mistakes:
        return []
    truths, predictions = result.truths, result.predictions
    overlaps = iou_float32(predictions, truths)
    confused = _confused(result)
    mistakes: list[Mistake] = []
    for at in result.match.fp:
        box = predictions[at]
        kind, truth, iou = _false(box, overlaps[at].tolist(), truths)
        if at in confused:
            kind, (truth, iou) = Kind.WRONG_CLASS, confused[at]
        true_label = truths[truth].label if truth is not None else ""
        confidence = box.confidence or 0.0
        mistakes.append(Mistake(kind, index, truth, at, confidence, iou, true_label, box.label))
    taken = {truth for truth, _ in confused.values()}
    for missed in result.match.fn:
        if missed not in taken:
            weak, iou = _weak(truths[missed], predictions, overlaps[:, missed].tolist())
            mistakes.append(Mistake(Kind.MISSED, index, missed, None, weak, iou, truths[missed].label, ""))
    return mistakes


def _false(box: Box, overlaps: Sequence[float], truths: Sequence[Box]) -> tuple[Kind, int | None, float]:
    """Why a prediction that confuses nothing is wrong."""
    own = [(iou, at) for at, iou in enumerate(overlaps) if truths[at].label == box.label]
    best, at = max(own, key=lambda one: (one[0], -one[1]), default=(0.0, -1))
    if best > IOU:
        return Kind.TWICE, at, best
    if best >= NEAR:
        return Kind.LOOSE, at, best
    return Kind.BACKGROUND, None, 0.0


def _weak(truth: Box, predictions: Sequence[Box], overlaps: Sequence[float]) -> tuple[float, float]:
    """Confidence and IoU of the surest prediction that would have found a missed box."""
    fitting = [
        (box.confidence or 0.0, iou)
        for box, iou in zip(predictions, overlaps, strict=True)
        if box.label == truth.label and iou > IOU
    ]
    return max(fitting, default=(0.0, 0.0))
