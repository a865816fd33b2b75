"""AP, mAP, TP/FP/FN, precision and recall, counted as AlexeyAB's ``detector map`` counts them.

The rules, where they differ from COCO's or are easy to get wrong:

1. Detections come after class-wise NMS (IoU > 0.45; yolov4's cfg asks for DIoU) with confidence > 0.005;
   IoU is float32.
2. A detection goes to the truth of its class with the highest IoU if that is strictly above the
   threshold, taken or not. A second detection on the same truth is a false positive.
3. AP is the area under the envelope of the precision-recall curve over every recall step; equal
   confidences keep the order of the list (``points=11`` and ``101`` interpolate).
4. mAP is the sum of the APs divided by the number of classes in the names file: a class without a
   truth counts as 0.
5. TP, FP and FN at a confidence threshold (strictly above it) are counted in the order of the list;
   the average IoU is the sum of the IoU of the TP divided by TP + FP.
6. ``difficult`` boxes are no truths; a detection on one leaves the curve but is an FP under rule 5.
7. Without any detection Darknet reads undefined memory; here AP, precision and recall are 0 then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.errors import DataError, UsageError
from converters.model import Box

Interval = tuple[float, float]
Floats = npt.NDArray[np.float64]
_Z = 1.959963984540054
"""Two-sided 95 % of the normal distribution."""
POINTS = (0, 11, 101)


@dataclass(frozen=True, slots=True)
class ClassMetrics:
    """What was measured for one class.

    Attributes:
        name: The class.
        ap: Average precision, 0 to 1; 0 where there is no truth (rule 4).
        interval: 95 % interval of ``ap`` (see :func:`evaluate_detections`), None without truths.
        truths: Number of ground truth boxes, difficult ones not counted.
        difficult: Number of difficult ground truth boxes.
        tp: True positives at the confidence threshold.
        fp: False positives there.
        iou_sum: Sum of the IoU of the true positives.
    """

    name: str
    ap: float
    interval: Interval | None
    truths: int
    difficult: int
    tp: int
    fp: int
    iou_sum: float

    @property
    def fn(self) -> int:
        """Truths that were not found at the confidence threshold."""
        return self.truths - self.tp

    @property
    def precision(self) -> float:
        """TP / (TP + FP); 0 where nothing was detected."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / truths; 0 where there is none."""
        return _ratio(self.tp, self.truths)

    @property
    def average_iou(self) -> float:
        """Sum of the IoU of the TP divided by TP + FP (rule 5)."""
        return _ratio(self.iou_sum, self.tp + self.fp)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "name": self.name,
            "ap": self.ap,
            "interval": list(self.interval) if self.interval else None,
            "truths": self.truths,
            "difficult": self.difficult,
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "precision": self.precision,
            "recall": self.recall,
            "average_iou": self.average_iou,
            "iou_sum": self.iou_sum,
        }


@dataclass(frozen=True, slots=True)
class Metrics:
    """What was measured on one set of pictures.

    Attributes:
        classes: One entry for each class, in the order of the names file.
        iou_threshold: IoU that a true positive must exceed.
        conf_threshold: Confidence that a detection must exceed to count as TP or FP.
        points: 0 (area under the curve), 11 or 101 recall points.
        images: Number of pictures measured.
        detections: Number of detections on the curves, all classes.
    """

    classes: tuple[ClassMetrics, ...]
    iou_threshold: float
    conf_threshold: float
    points: int
    images: int
    detections: int

    @property
    def mean_ap(self) -> float:
        """Mean of the APs over all classes; one without a truth counts as 0, as Darknet does it."""
        return _ratio(math.fsum(one.ap for one in self.classes), len(self.classes))

    @property
    def mean_ap_of_present(self) -> float:
        """Mean of the APs over the classes that have a truth (COCO's way)."""
        present = [one.ap for one in self.classes if one.truths]
        return _ratio(math.fsum(present), len(present))

    @property
    def mean_interval(self) -> Interval | None:
        """95 % interval of :attr:`mean_ap`: the classes' deviations added as independent errors."""
        present = [one for one in self.classes if one.interval is not None]
        if not present:
            return None
        low = math.hypot(*(one.ap - one.interval[0] for one in present if one.interval))
        high = math.hypot(*(one.interval[1] - one.ap for one in present if one.interval))
        count = len(self.classes)
        return max(0.0, self.mean_ap - low / count), min(1.0, self.mean_ap + high / count)

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes without a truth: each counts as 0 in :attr:`mean_ap`."""
        return tuple(one.name for one in self.classes if not one.truths)

    @property
    def truths(self) -> int:
        """Number of ground truth boxes (difficult ones not counted)."""
        return sum(one.truths for one in self.classes)

    @property
    def tp(self) -> int:
        """True positives at the confidence threshold."""
        return sum(one.tp for one in self.classes)

    @property
    def fp(self) -> int:
        """False positives at the confidence threshold."""
        return sum(one.fp for one in self.classes)

    @property
    def fn(self) -> int:
        """Truths that were not found at the confidence threshold."""
        return self.truths - self.tp

    @property
    def precision(self) -> float:
        """TP / (TP + FP); 0 where nothing was detected (Darknet prints nan)."""
        return _ratio(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float:
        """TP / truths; 0 where there is none."""
        return _ratio(self.tp, self.truths)

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall; 0 where both are."""
        return _ratio(2 * self.precision * self.recall, self.precision + self.recall)

    @property
    def average_iou(self) -> float:
        """Sum of the IoU of the TP divided by TP + FP (rule 5)."""
        return _ratio(math.fsum(one.iou_sum for one in self.classes), self.tp + self.fp)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        interval = self.mean_interval
        return {
            "mean_ap": self.mean_ap,
            "mean_ap_interval": list(interval) if interval else None,
            "mean_ap_of_present": self.mean_ap_of_present,
            "classes_without_truth": list(self.absent),
            "precision": self.precision,
            "recall": self.recall,
            "f1": self.f1,
            "average_iou": self.average_iou,
            "tp": self.tp,
            "fp": self.fp,
            "fn": self.fn,
            "truths": self.truths,
            "images": self.images,
            "detections": self.detections,
            "iou_threshold": self.iou_threshold,
            "conf_threshold": self.conf_threshold,
            "points": self.points,
            "classes": [one.as_dict() for one in self.classes],
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> Metrics:
        """The inverse of :meth:`as_dict`.

        Raises:
            KeyError, TypeError, ValueError: ``value`` is not what :meth:`as_dict` gives.
        """
        return cls(
            classes=tuple(
                ClassMetrics(
                    name=str(one["name"]),
                    ap=float(one["ap"]),
                    interval=(float(one["interval"][0]), float(one["interval"][1]))
                    if one["interval"]
                    else None,
                    truths=int(one["truths"]),
                    difficult=int(one["difficult"]),
                    tp=int(one["tp"]),
                    fp=int(one["fp"]),
                    iou_sum=float(one["iou_sum"]),
                )
                for one in value["classes"]
            ),
            iou_threshold=float(value["iou_threshold"]),
            conf_threshold=float(value["conf_threshold"]),
            points=int(value["points"]),
            images=int(value["images"]),
            detections=int(value["detections"]),
        )


@dataclass(frozen=True, slots=True)
class ImageMatch:
    """How the detections of one picture meet its ground truth at one confidence threshold.

    Indices are those of the sequences given to :func:`match_image`.

    Attributes:
        tp: (detection, truth, IoU) of each true positive.
        fp: Detections that are false positives.
        fn: Truths that no detection found.
        confused: (detection, truth, IoU): a false positive that lies on a missed truth of another class.
    """

    tp: tuple[tuple[int, int, float], ...] = ()
    fp: tuple[int, ...] = ()
    fn: tuple[int, ...] = ()
    confused: tuple[tuple[int, int, float], ...] = ()

    @property
    def mistakes(self) -> int:
        """Number of false positives and missed truths."""
        return len(self.fp) + len(self.fn)


def evaluate_detections(
    truths: Sequence[Sequence[Box]],
    detections: Sequence[Sequence[Box]],
    class_names: Sequence[str],
    *,
    iou_threshold: float = 0.5,
    points: int = 0,
    conf_threshold: float = 0.25,
    resamples: int = 200,
    seed: int = 0,
) -> Metrics:
    """Measure detections against ground truth, by the rules at the top of this module.

    The 95 % interval of an AP is the wider one, at each end, of two: the percentiles of ``resamples``
    bootstrap samples of the pictures (which knows that boxes of one picture are found or missed
    together), and Wilson's interval for a share of ``ap`` in as many trials as there are truths (which
    does not shrink to nothing when all of a few boxes are found). Simulated
    (``python -m benchmarks.interval_coverage``, 4 to 900 boxes in 30 to 240 pictures) it holds the true AP in
    90 to 99 % of the cases; the bootstrap alone in 79 to 96 %, Wilson's alone in 82 to 98 %.

    Args:
        truths: Ground truth of each picture; a box with the flag ``difficult`` is no truth (rule 6).
        detections: Predictions of each picture, after NMS, highest confidence first, edges not clipped
            (Darknet compares them so).
        class_names: The names file's classes, in order.
        iou_threshold: IoU that a match must exceed, 0 up to but not including 1.
        points: 0 for the area under the curve, or 11 or 101 recall points.
        conf_threshold: Confidence that a detection must exceed to count under rule 5.
        resamples: Number of bootstrap samples; 0: Wilson's interval alone.
        seed: Seed of the bootstrap.

    Raises:
        UsageError: ``points`` or a threshold is out of range, or the lengths differ.
        DataError: A box has a label that is none of the classes, or a prediction has no confidence.
    """
    if points not in POINTS:
        raise UsageError(f"points must be 0, 11 or 101, not {points}.")
    counts = gather(
        truths, detections, class_names, iou_threshold=iou_threshold, conf_threshold=conf_threshold
    )
    weights = resample(len(truths), resamples, seed)
    classes = tuple(_finish(name, counts[name], points, weights) for name in class_names)
    return Metrics(
        classes=classes,
        iou_threshold=iou_threshold,
        conf_threshold=conf_threshold,
        points=points,
        images=len(truths),
        detections=sum(len(one.confidence) for one in counts.values()),
    )


def gather(
    truths: Sequence[Sequence[Box]],
    detections: Sequence[Sequence[Box]],
    class_names: Sequence[str],
    *,
    iou_threshold: float = 0.5,
    conf_threshold: float = 0.25,
) -> dict[str, Counts]:
    """What each class's detections are, right or wrong: what AP, curves and bootstraps are made from.

    Args and errors as for :func:`evaluate_detections`.
    """
    if not 0 <= iou_threshold < 1 or not 0 <= conf_threshold < 1:
        raise UsageError("the thresholds of IoU and confidence must be at least 0 and below 1.")
    if len(truths) != len(detections):
        raise UsageError(f"{len(truths)} pictures with ground truth, but {len(detections)} with predictions.")
    counts = {name: Counts() for name in class_names}
    for index, (true_boxes, found) in enumerate(zip(truths, detections, strict=True)):
        _check_labels(true_boxes, found, counts)
        for name in {box.label for box in (*true_boxes, *found)}:
            _count_image(counts[name], index, name, true_boxes, found, iou_threshold, conf_threshold)
    return counts


def match_image(
    truths: Sequence[Box],
    detections: Sequence[Box],
    *,
    iou_threshold: float = 0.5,
    conf_threshold: float = 0.25,
) -> ImageMatch:
    """Which detections of one picture are right, by rules 2, 5 and 6.

    Args:
        truths: Ground truth; ``difficult`` boxes are never missed.
        detections: Predictions, highest confidence first.
        iou_threshold: IoU that a match must exceed.
        conf_threshold: Confidence that a detection must exceed to count.
    """
    matrix = iou_float32(detections, truths)
    real = [index for index, box in enumerate(truths) if "difficult" not in box.flags]
    taken: set[int] = set()
    tp: list[tuple[int, int, float]] = []
    fp: list[int] = []
    for index, box in enumerate(detections):
        best, best_iou = _best(
            matrix[index], [j for j in real if truths[j].label == box.label], iou_threshold
        )
        if (box.confidence or 0.0) > conf_threshold:
            if best is not None and best not in taken:
                tp.append((index, best, best_iou))
            else:
                fp.append(index)
        if best is not None:
            taken.add(best)
    found = {truth for _, truth, _ in tp}
    fn = [index for index in real if index not in found]
    confused = []
    for index in fp:
        others = [j for j in fn if truths[j].label != detections[index].label]
        best, best_iou = _best(matrix[index], others, iou_threshold)
        if best is not None:
            confused.append((index, best, best_iou))
    return ImageMatch(tuple(tp), tuple(fp), tuple(fn), tuple(confused))


def iou_float32(first: Sequence[Box], second: Sequence[Box]) -> npt.NDArray[np.float32]:
    """IoU of every pair in float32, as Darknet computes it; shape (len(first), len(second))."""
    with np.errstate(over="ignore"):
        a = np.array([box.xyxy for box in first], dtype=np.float32).reshape(-1, 1, 4)
        b = np.array([box.xyxy for box in second], dtype=np.float32).reshape(1, -1, 4)
    return iou_of_edges(a, b)


def iou_of_edges(a: npt.NDArray[np.float32], b: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """IoU in float32 of edges of broadcastable shapes (..., 4), xyxy; 0 where nothing overlaps.

    A network that has hardly learned finds boxes whose area is too large for float32: their IoU is 0, too.
    """
    with np.errstate(over="ignore", invalid="ignore"):
        width = np.minimum(a[..., 2], b[..., 2]) - np.maximum(a[..., 0], b[..., 0])
        height = np.minimum(a[..., 3], b[..., 3]) - np.maximum(a[..., 1], b[..., 1])
        overlap = np.where((width > 0) & (height > 0), width * height, np.float32(0))
        union = (
            (a[..., 2] - a[..., 0]) * (a[..., 3] - a[..., 1])
            + (b[..., 2] - b[..., 0]) * (b[..., 3] - b[..., 1])
            - overlap
        )
        result: npt.NDArray[np.float32] = np.divide(
            overlap, union, out=np.zeros_like(overlap), where=union > 0
        )
    return result


def wilson_interval(share: float, trials: int) -> Interval:
    """Wilson's 95 % score interval of a share (0 to 1) seen in a number of trials (at least 1)."""
    square = _Z * _Z
    centre = share + square / (2 * trials)
    half = _Z * math.sqrt(share * (1 - share) / trials + square / (4 * trials * trials))
    scale = 1 + square / trials
    return max(0.0, (centre - half) / scale), min(1.0, (centre + half) / scale)


def average_precision(hits: Floats, misses: Floats, truths: float, points: int = 0) -> float:
    """AP of one class (rule 3).

    Args:
        hits: For each detection in order of falling confidence, how many TP it is (1 or 0; more where a
            picture was drawn several times), shape (N,).
        misses: Likewise how many FP, shape (N,).
        truths: Number of truths.
        points: 0, 11 or 101.
    """
    if truths <= 0 or not len(hits):
        return 0.0
    tp = np.cumsum(hits)
    seen = tp + np.cumsum(misses)
    precision = np.divide(tp, seen, out=np.zeros_like(tp), where=seen > 0)
    recall = tp / truths
    envelope = np.maximum.accumulate(precision[::-1])[::-1]
    if points == 0:
        steps = np.diff(recall, prepend=0.0)
        return float(np.sum(steps * envelope))
    # The first detection whose recall reaches the point has the best precision from there on.
    first = np.searchsorted(recall, np.arange(points) / (points - 1), side="left")
    return float(np.sum(np.append(envelope, 0.0)[first]) / points)


@dataclass(slots=True)
class Counts:
    """What one class gathers over the pictures.

    Attributes:
        truth_images: For each truth the index of its picture.
        difficult: Number of difficult truths.
        confidence: Of each detection on the curve, picture by picture.
        hit: Whether it is a true positive.
        image: Index of its picture.
        tp: True positives at the confidence threshold.
        fp: False positives there.
        iou_sum: Sum of the IoU of the true positives.
    """

    truth_images: list[int] = field(default_factory=list)
    difficult: int = 0
    confidence: list[float] = field(default_factory=list)
    hit: list[bool] = field(default_factory=list)
    image: list[int] = field(default_factory=list)
    tp: int = 0
    fp: int = 0
    iou_sum: float = 0.0

    def ordered(self) -> tuple[Floats, Floats, npt.NDArray[np.intp]]:
        """Confidence, hit (1 or 0) and picture of the detections by falling confidence, shape (N,)."""
        confidence = np.array(self.confidence, dtype=np.float64)
        order = np.argsort(-confidence, kind="stable")
        hit = np.array(self.hit, dtype=np.float64)[order]
        return confidence[order], hit, np.array(self.image, dtype=np.intp)[order]


def _check_labels(truths: Sequence[Box], detections: Sequence[Box], known: dict[str, Counts]) -> None:
    for box in (*truths, *detections):
        if box.label not in known:
            raise DataError(
                f"a box has the class {box.label!r}, which is none of {', '.join(known)}.",
                code="unknown-class",
                hint="Measure with the class names that the network was trained with.",
            )
    if any(box.confidence is None for box in detections):
        raise DataError("a prediction has no confidence.", code="no-confidence")


def _count_image(
    counts: Counts,
    index: int,
    name: str,
    truths: Sequence[Box],
    detections: Sequence[Box],
    iou_threshold: float,
    conf_threshold: float,
) -> None:
    """Add one picture to one class: the flags of its detections on the curve, and rule 5's counts."""
    real = [box for box in truths if box.label == name and "difficult" not in box.flags]
    difficult = [box for box in truths if box.label == name and "difficult" in box.flags]
    found = [box for box in detections if box.label == name]
    counts.truth_images += [index] * len(real)
    counts.difficult += len(difficult)
    on_real = iou_float32(found, real)
    on_difficult = iou_float32(found, difficult)
    matched: list[tuple[float, int | None]] = []
    seen: set[int] = set()
    least = np.float32(iou_threshold)
    # argmax takes the first of equals, as Darknet's loop does.
    places = on_real.argmax(axis=1).tolist() if real else [0] * len(found)
    overlaps = on_real.max(axis=1) if real else np.zeros(len(found), dtype=np.float32)
    fits = (overlaps > least).tolist()
    ignored: list[bool] = list(np.any(on_difficult > least, axis=1))
    for row, box in enumerate(found):
        confidence = float(box.confidence or 0.0)
        best = places[row] if fits[row] else None
        if best is not None or not ignored[row]:
            matched.append((confidence, best))
        if confidence > conf_threshold:
            if best is not None and best not in seen:
                counts.tp += 1
                counts.iou_sum += float(overlaps[row])
            else:
                counts.fp += 1
        if best is not None:
            seen.add(best)
    taken: set[int] = set()
    for confidence, best in sorted(matched, key=lambda one: -one[0]):  # stable: ties keep the list's order
        counts.confidence.append(confidence)
        counts.image.append(index)
        counts.hit.append(best is not None and best not in taken)
        if best is not None:
            taken.add(best)


def _best(
    row: npt.NDArray[np.float32], candidates: Sequence[int], threshold: float
) -> tuple[int | None, float]:
    """Index with the highest IoU strictly above the threshold (the first of equals), and that IoU."""
    best, best_iou = None, np.float32(threshold)
    for index in candidates:
        if row[index] > best_iou:
            best, best_iou = index, row[index]
    return best, float(best_iou)


def resample(images: int, resamples: int, seed: int) -> Floats:
    """How often each picture is drawn in each bootstrap sample, shape (resamples, images)."""
    if resamples <= 0 or images < 2:
        return np.zeros((0, images))
    generator = np.random.Generator(np.random.PCG64(seed))
    return generator.multinomial(images, np.full(images, 1 / images), size=resamples).astype(np.float64)


def _finish(name: str, counts: Counts, points: int, weights: Floats) -> ClassMetrics:
    """AP of one class and its interval from what the pictures gave."""
    _, hit, image = counts.ordered()
    truths = len(counts.truth_images)
    ap = average_precision(hit, 1 - hit, truths, points)
    interval: Interval | None = None
    if truths:
        interval = wilson_interval(min(max(ap, 0.0), 1.0), truths)
        truths_in = np.array(counts.truth_images, dtype=np.intp)
        # A picture's own detections compete for its own truths only, so a picture that is drawn twice
        # simply counts twice: no new matching.
        drawn = [
            average_precision(hit * row[image], (1 - hit) * row[image], float(row[truths_in].sum()), points)
            for row in weights
            if row[truths_in].sum() > 0
        ]
        if drawn:
            low, high = np.percentile(drawn, (2.5, 97.5))
            interval = min(interval[0], float(low), ap), max(interval[1], float(high), ap)
    return ClassMetrics(name, ap, interval, truths, counts.difficult, counts.tp, counts.fp, counts.iou_sum)


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
