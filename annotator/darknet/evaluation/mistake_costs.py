"""What each mistake costs: about how many points of mAP@0.50 there were more if it alone were gone.

The area under precision at the hits, without its envelope, changes in a way that sums up: taking a wrong
detection out raises the precision at each hit behind it; finding a missed box with certainty adds a hit
before all others. So all costs of a class are one pass over its detections, however many there are.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from annotator.darknet.evaluation.confusion import Kind, Mistake
from annotator.darknet.metrics import Counts, Floats


def with_costs(
    mistakes: Sequence[Mistake], counts: Mapping[str, Counts], class_names: Sequence[str]
) -> tuple[Mistake, ...]:
    """The mistakes with their :attr:`~annotator.darknet.evaluation.confusion.Mistake.cost`.

    Args:
        mistakes: Of some pictures.
        counts: What each class gathered on the same pictures, at IoU 0.50.
        class_names: All classes: mAP is the mean over them.
    """
    ranked = {name: _Ranked.of(counts[name]) for name in class_names}
    return tuple(replace(one, cost=_cost(one, ranked) / len(class_names)) for one in mistakes)


def _cost(mistake: Mistake, ranked: Mapping[str, _Ranked]) -> float:
    cost = 0.0
    if mistake.prediction is not None:
        cost += ranked[mistake.label].wrong(mistake.confidence)
    if mistake.kind in (Kind.MISSED, Kind.WRONG_CLASS):
        weak = mistake.confidence if mistake.kind is Kind.MISSED else 0.0
        cost += ranked[mistake.true_label].missed(weak)
    return cost


@dataclass(frozen=True, slots=True)
class _Ranked:
    """One class's detections by falling confidence.

    Attributes:
        falling: Minus the confidence of each, shape (N,).
        truths: Number of boxes.
        precision: At each detection, shape (N,).
        without: What AP gains behind each place if a wrong detection before it is taken out, shape (N + 1,).
        before: What AP gains by one more hit before all, over the hits before each place, shape (N + 1,).
    """

    falling: Floats
    truths: int
    precision: Floats
    without: Floats
    before: Floats

    @classmethod
    def of(cls, counts: Counts) -> _Ranked:
        confidence, hit, _ = counts.ordered()
        truths = len(counts.truth_images)
        place = np.arange(1, len(hit) + 1, dtype=np.float64)
        right = np.cumsum(hit)
        share = hit / max(1, truths)
        fewer = share * (right / np.maximum(1, place - 1) - right / place)
        more = share * ((right + 1) / (place + 1) - right / place)
        return cls(
            -confidence,
            truths,
            right / place,
            np.append(np.cumsum(fewer[::-1])[::-1], 0.0),
            np.append(0.0, np.cumsum(more)),
        )

    def wrong(self, confidence: float) -> float:
        """What a wrong detection of this confidence costs."""
        return float(self.without[np.searchsorted(self.falling, -confidence, side="right")])

    def missed(self, weak: float) -> float:
        """What a box costs that was found only with this confidence; 0: not at all."""
        if not self.truths:
            return 0.0
        last = len(self.falling)
        place = int(np.searchsorted(self.falling, -weak, side="left")) if weak else last
        held = float(self.precision[place]) if place < last else 0.0
        return (1 - held) / self.truths + float(self.before[place])
