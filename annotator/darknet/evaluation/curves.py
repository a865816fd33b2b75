"""Precision against recall, AP by the size of the boxes, and how far confidences can be believed."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from annotator.darknet.metrics import (
    Counts,
    Floats,
    Interval,
    average_precision,
    gather,
    iou_float32,
    wilson_interval,
)
from converters.model import Box

Boxes = Sequence[Sequence[Box]]

SIZE_EDGES = (0.0, 16.0, 32.0, 64.0, 96.0, math.inf)
"""Sides in pixels of the picture (of the square of the same area) between which AP by size is measured.
32 and 96 are COCO's: what is below is small, what is above is large."""
BINS = 10
"""Of confidence, each as wide."""
_MOST_POINTS = 400


@dataclass(frozen=True, slots=True)
class Curve:
    """Precision against recall of one class at one IoU threshold.

    Attributes:
        name: The class.
        truths: Number of ground truth boxes.
        ap: Area under the envelope.
        recall: At each detection, by falling confidence, shape (N,).
        precision: Likewise.
        confidence: Likewise: the threshold at which the curve is at this point.
        image: Likewise: index of the picture that the detection is on.
        hit: Likewise: 1 where the detection is right.
    """

    name: str
    truths: int
    ap: float
    recall: Floats
    precision: Floats
    confidence: Floats
    image: npt.NDArray[np.intp]
    hit: Floats

    def wrong_from(self, confidence: float) -> tuple[int, ...]:
        """The pictures with a wrong detection of at least this confidence, the surest first."""
        wrong = self.image[(self.hit == 0) & (self.confidence >= confidence)]
        return tuple(dict.fromkeys(int(one) for one in wrong))

    def at(self, threshold: float) -> tuple[float, float] | None:
        """Recall and precision of what is above a confidence; None where nothing is."""
        count = int(np.count_nonzero(self.confidence > threshold))
        return (float(self.recall[count - 1]), float(self.precision[count - 1])) if count else None

    def envelope(self) -> Floats:
        """The best precision at each recall or a higher one: what AP is the area under."""
        result: Floats = np.maximum.accumulate(self.precision[::-1])[::-1]
        return result

    def thinned(self, most: int = _MOST_POINTS) -> Curve:
        """The same with fewer points, for drawing: the corners of the envelope stay, others are picked."""
        if len(self.recall) <= most:
            return self
        envelope = self.envelope()
        corners = np.flatnonzero(np.diff(envelope, append=-1.0) < 0)
        if len(corners) > most // 2:
            corners = corners[np.linspace(0, len(corners) - 1, most // 2).astype(int)]
        evenly = np.linspace(0, len(self.recall) - 1, most - len(corners)).astype(int)
        keep = np.union1d(corners, evenly)
        return replace(
            self,
            recall=self.recall[keep],
            precision=self.precision[keep],
            confidence=self.confidence[keep],
            image=self.image[keep],
            hit=self.hit[keep],
        )


@dataclass(frozen=True, slots=True)
class SizeAp:
    """AP of one class's boxes of one size.

    Attributes:
        name: The class.
        low: Smallest side in pixels (of the square of the same area).
        high: Side below which the boxes are.
        truths: Number of ground truth boxes of this size.
        ap: At IoU 0.50; None where there is no truth.
        interval: Wilson's 95 % interval of ``ap``, None without a truth.
    """

    name: str
    low: float
    high: float
    truths: int
    ap: float | None
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Predictions of about the same confidence.

    Attributes:
        low: Lowest confidence.
        high: Highest.
        count: Number of predictions.
        confidence: Their mean confidence.
        right: The share of them that is right.
        interval: Wilson's 95 % interval of ``right``.
    """

    low: float
    high: float
    count: int
    confidence: float
    right: float
    interval: Interval


@dataclass(frozen=True, slots=True)
class Reliability:
    """How far confidences can be believed (Naeini et al. 2015, Guo et al. 2017).

    Attributes:
        threshold: Predictions of a higher confidence were looked at.
        bins: The bins that hold any.
        ece: Expected calibration error: the mean distance of confidence and share of right ones, each bin
            weighted by its predictions; None without predictions.
    """

    threshold: float
    bins: tuple[ReliabilityBin, ...]
    ece: float | None

    @property
    def count(self) -> int:
        """Number of predictions."""
        return sum(one.count for one in self.bins)

    @property
    def too_sure(self) -> float:
        """Mean confidence less the share of right ones: above 0 the network is too sure of itself."""
        if not self.count:
            return 0.0
        return math.fsum((one.confidence - one.right) * one.count for one in self.bins) / self.count


def precision_recall(
    truths: Boxes, detections: Boxes, class_names: Sequence[str], *, iou_threshold: float = 0.5
) -> tuple[Curve, ...]:
    """The curve of each class, by the rules of :mod:`annotator.darknet.metrics`."""
    return curves_of(gather(truths, detections, class_names, iou_threshold=iou_threshold), class_names)


def curves_of(counts: Mapping[str, Counts], class_names: Sequence[str]) -> tuple[Curve, ...]:
    """The curve of each class, from what was gathered."""
    return tuple(_curve(name, counts[name]) for name in class_names)


def ap_by_size(
    truths: Boxes,
    detections: Boxes,
    class_names: Sequence[str],
    *,
    edges: Sequence[float] = SIZE_EDGES,
    iou_threshold: float = 0.5,
) -> tuple[SizeAp, ...]:
    """AP of the boxes of each size, class by class.

    Boxes of other sizes are treated as difficult ones: a detection that lies on one is neither right nor
    wrong. A detection that lies on nothing counts as wrong in the size that it has itself.
    """
    least = np.float32(iou_threshold)
    overlaps = [iou_float32(seen, real) > least for real, seen in zip(truths, detections, strict=True)]
    result: list[SizeAp] = []
    for low, high in pairwise(edges):
        wanted = [[_marked(box, low, high) for box in boxes] for boxes in truths]
        found = [
            _of_size(seen, rows, real, (low, high))
            for seen, rows, real in zip(detections, overlaps, wanted, strict=True)
        ]
        counts = gather(wanted, found, class_names, iou_threshold=iou_threshold)
        result += [_size_ap(name, low, high, counts[name]) for name in class_names]
    order = {name: index for index, name in enumerate(class_names)}
    return tuple(sorted(result, key=lambda one: (order[one.name], one.low)))


def reliability(
    truths: Boxes,
    detections: Boxes,
    class_names: Sequence[str],
    *,
    threshold: float = 0.25,
    bins: int = BINS,
) -> Reliability:
    """How many of the predictions of each confidence are right, at IoU 0.50, all classes together."""
    return reliability_of(gather(truths, detections, class_names), threshold=threshold, bins=bins)


def reliability_of(counts: Mapping[str, Counts], *, threshold: float = 0.25, bins: int = BINS) -> Reliability:
    """The same from what was gathered at IoU 0.50."""
    confidence = np.concatenate([np.array(one.confidence) for one in counts.values()] or [np.empty(0)])
    hit = np.concatenate([np.array(one.hit, dtype=np.float64) for one in counts.values()] or [np.empty(0)])
    above = confidence > threshold
    confidence, hit = confidence[above], hit[above]
    place = np.minimum((confidence * bins).astype(int), bins - 1)
    found: list[ReliabilityBin] = []
    for index in range(bins):
        here = place == index
        count = int(here.sum())
        if count:
            right = float(hit[here].mean())
            low, high = index / bins, (index + 1) / bins
            interval = wilson_interval(right, count)
            found.append(ReliabilityBin(low, high, count, float(confidence[here].mean()), right, interval))
    total = len(hit)
    ece = math.fsum(abs(one.confidence - one.right) * one.count for one in found) / total if total else None
    return Reliability(threshold, tuple(found), ece)


def _curve(name: str, counts: Counts) -> Curve:
    confidence, hit, image = counts.ordered()
    truths = len(counts.truth_images)
    right = np.cumsum(hit)
    recall = right / truths if truths else np.zeros_like(right)
    precision = right / np.arange(1, len(hit) + 1)
    ap = average_precision(hit, 1 - hit, truths)
    return Curve(name, truths, ap, recall, precision, confidence, image, hit)


def _side(box: Box) -> float:
    x1, y1, x2, y2 = box.xyxy
    return math.sqrt(max(0.0, x2 - x1) * max(0.0, y2 - y1))


def _marked(box: Box, low: float, high: float) -> Box:
    """A ground truth box, difficult where it is of another size."""
    return box if low <= _side(box) < high else box.flagged(box.flags | {"difficult"})


def _of_size(
    seen: Sequence[Box],
    fits: npt.NDArray[np.bool_],
    truths: Sequence[Box],
    sides: tuple[float, float],
) -> list[Box]:
    """The detections that belong to a size: by what they lie on, else by their own size."""
    real = [at for at, truth in enumerate(truths) if "difficult" not in truth.flags]
    on = {(int(row), truths[at].label) for at in real for row in np.flatnonzero(fits[:, at])}
    return [
        box for row, box in enumerate(seen) if sides[0] <= _side(box) < sides[1] or (row, box.label) in on
    ]


def _size_ap(name: str, low: float, high: float, counts: Counts) -> SizeAp:
    truths = len(counts.truth_images)
    if not truths:
        return SizeAp(name, low, high, 0, None, None)
    _, hit, _ = counts.ordered()
    ap = average_precision(hit, 1 - hit, truths)
    return SizeAp(name, low, high, truths, ap, wilson_interval(min(max(ap, 0.0), 1.0), truths))
