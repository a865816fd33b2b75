"""All that is drawn of one measured split, worked out from its predictions and labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from annotator.darknet.evaluation.confusion import Confusion, Mistake, confusion_of, mistakes_of
from annotator.darknet.evaluation.curves import (
    Curve,
    Reliability,
    SizeAp,
    ap_by_size,
    curves_of,
    reliability_of,
)
from annotator.darknet.evaluation.mistake_costs import with_costs
from annotator.darknet.evaluation.stored import IOU, STRICT_IOU, Evaluation, ImageResult
from annotator.darknet.metrics import Counts, Floats, Interval, average_precision, gather, resample
from converters.model import Split

Drawn = Floats
"""Numbers of bootstrap samples."""
RESAMPLES = 400


@dataclass(frozen=True, slots=True)
class Analysis:
    """One split with one weights file.

    Attributes:
        split: Which split all of it is from.
        conf_threshold: Confidence above which a prediction is right or wrong.
        class_names: The classes, in order.
        curves: Precision against recall at IoU 0.50, a curve for each class.
        strict_curves: At IoU 0.75.
        confusion: What was taken for what, at IoU 0.50 and the confidence threshold.
        sizes: AP@0.50 of each class's boxes of each size.
        reliability: How far confidences can be believed.
        mean_interval: 95 % interval of mAP@0.50 by drawing the pictures anew; None for fewer than two.
        class_intervals: Likewise of each class's AP@0.50; None where it has no box.
        mistakes: Everything that is wrong, at IoU 0.50 and the confidence threshold.
    """

    split: Split
    conf_threshold: float
    class_names: tuple[str, ...]
    curves: tuple[Curve, ...]
    strict_curves: tuple[Curve, ...]
    confusion: Confusion
    sizes: tuple[SizeAp, ...]
    reliability: Reliability
    mean_interval: Interval | None
    class_intervals: tuple[Interval | None, ...]
    mistakes: tuple[Mistake, ...]


def analyse(
    split: Split, results: Sequence[ImageResult], class_names: Sequence[str], conf_threshold: float
) -> Analysis:
    """Work out everything about a measured split."""
    truths = [one.truths for one in results]
    found = [one.predictions for one in results]
    # Matching is what takes long: once for each threshold, for all that is drawn.
    counts = gather(truths, found, class_names, iou_threshold=IOU)
    strict = gather(truths, found, class_names, iou_threshold=STRICT_IOU)
    drawn = _bootstrap(counts, class_names, resample(len(results), RESAMPLES, seed=0))
    return Analysis(
        split=split,
        conf_threshold=conf_threshold,
        class_names=tuple(class_names),
        curves=curves_of(counts, class_names),
        strict_curves=curves_of(strict, class_names),
        confusion=confusion_of(results, class_names),
        sizes=ap_by_size(truths, found, class_names),
        reliability=reliability_of(counts, threshold=conf_threshold),
        mean_interval=percentiles(drawn.mean(axis=1)) if len(drawn) else None,
        class_intervals=tuple(
            percentiles(drawn[:, at]) if len(drawn) and counts[name].truth_images else None
            for at, name in enumerate(class_names)
        ),
        mistakes=with_costs(mistakes_of(results), counts, class_names),
    )


def analyses_of(evaluation: Evaluation) -> dict[Split, Analysis]:
    """Both measured splits; without those whose pictures are not there (they were changed since)."""
    return {
        split: analyse(split, images, evaluation.class_names, evaluation.conf_threshold)
        for split, images in (
            (Split.TEST, evaluation.images),
            (Split.VAL, evaluation.validation_images),
        )
        if images
    }


def percentiles(values: Drawn) -> Interval:
    """The 95 % interval of bootstrap samples (Efron and Tibshirani 1993, chapter 13)."""
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def bootstrap_aps(
    results: Sequence[ImageResult],
    class_names: Sequence[str],
    weights: Drawn,
    iou_threshold: float = IOU,
) -> Drawn:
    """AP of each class in each bootstrap sample, shape (samples, classes); 0 where a sample has no truth.

    Args:
        results: The pictures.
        class_names: The classes.
        weights: How often each picture is in each sample, shape (samples, pictures).
        iou_threshold: IoU that a match must exceed.
    """
    counts = gather(
        [one.truths for one in results],
        [one.predictions for one in results],
        class_names,
        iou_threshold=iou_threshold,
    )
    return _bootstrap(counts, class_names, weights)


def _bootstrap(counts: Mapping[str, Counts], class_names: Sequence[str], weights: Drawn) -> Drawn:
    """AP of each class in each sample; a picture that is drawn twice simply counts twice."""
    aps = np.zeros((len(weights), len(class_names)))
    for column, name in enumerate(class_names):
        _, hit, image = counts[name].ordered()
        truths_in = np.array(counts[name].truth_images, dtype=np.intp)
        for row, drawn in enumerate(weights):
            truths = float(drawn[truths_in].sum())
            times = drawn[image]
            aps[row, column] = average_precision(hit * times, (1 - hit) * times, truths)
    return aps
