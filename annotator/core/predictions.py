"""View-model of predictions beside ground truth: which were right, which were missed."""

from __future__ import annotations

from dataclasses import dataclass

from annotator.darknet.metrics import match_image
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


def compare(
    truths: tuple[Box, ...], predictions: tuple[Box, ...], threshold: float, iou_threshold: float = 0.5
) -> Comparison:
    """Match predictions with ground truth, the most confident first, as the evaluation does.

    A prediction is right where the ground truth box of its class that it overlaps most has an IoU above
    ``iou_threshold`` and no more confident prediction took it: the rule of Darknet's ``detector map``.
    """
    shown = tuple(
        sorted(
            (box for box in predictions if (box.confidence or 0.0) >= threshold),
            key=lambda box: -(box.confidence or 0.0),
        )
    )
    # All that is shown counts, also what lies just at the threshold.
    match = match_image(truths, shown, iou_threshold=iou_threshold, conf_threshold=-1.0)
    wrong = frozenset(match.fp)
    return Comparison(shown, tuple(index not in wrong for index in range(len(shown))), frozenset(match.fn))
