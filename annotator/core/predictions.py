"""View-model of predictions beside ground truth: which were right, which were missed."""

from __future__ import annotations

from dataclasses import dataclass

from converters.geometry import as_array, iou
from converters.model import Box


@dataclass(frozen=True, slots=True)
class Comparison:
    """Predictions of one picture at one threshold, matched with its ground truth.

    Attributes:
        shown: Predictions at or above the threshold, most confident first.
        correct: For each of them whether it found a ground truth box of its class.
        missed: Indices of the ground truth boxes that none found.
    """

    shown: tuple[Box, ...]
    correct: tuple[bool, ...]
    missed: frozenset[int]

    @property
    def true_positives(self) -> int:
        """Predictions that are right."""
        return sum(self.correct)

    @property
    def false_positives(self) -> int:
        """Predictions that are wrong."""
        return len(self.correct) - sum(self.correct)

    @property
    def mistakes(self) -> int:
        """False positives and missed boxes."""
        return self.false_positives + len(self.missed)

    def summary(self) -> str:
        """``3 right · 1 wrong · 2 missed``."""
        return f"{self.true_positives} right · {self.false_positives} wrong · {len(self.missed)} missed"


def compare(
    truths: tuple[Box, ...], predictions: tuple[Box, ...], threshold: float, iou_threshold: float = 0.5
) -> Comparison:
    """Match predictions with ground truth, the most confident first.

    A prediction is right where the ground truth box of its class that it overlaps most has an IoU above
    ``iou_threshold`` and no more confident prediction took it: the rule of Darknet's ``detector map``.
    """
    shown = tuple(
        sorted(
            (box for box in predictions if (box.confidence or 0.0) >= threshold),
            key=lambda box: -(box.confidence or 0.0),
        )
    )
    overlaps = iou(as_array(shown), as_array(truths))
    taken: set[int] = set()
    correct: list[bool] = []
    for row, box in enumerate(shown):
        same = [index for index, truth in enumerate(truths) if truth.label == box.label]
        best = max(same, key=lambda index: overlaps[row, index], default=None)
        right = best is not None and bool(overlaps[row, best] > iou_threshold) and best not in taken
        if right and best is not None:
            taken.add(best)
        correct.append(right)
    return Comparison(shown, tuple(correct), frozenset(range(len(truths))) - taken)
