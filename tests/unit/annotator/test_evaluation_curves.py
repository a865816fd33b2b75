"""Curves, COCO's numbers, confusion and reliability, against plain slow implementations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from plain_metrics import NAMES, coco_ap, darknet_ap, pictures, size

from annotator.darknet.evaluation.analysis import analyse, bootstrap_aps
from annotator.darknet.evaluation.coco_metrics import CocoMetrics, evaluate_coco
from annotator.darknet.evaluation.confusion import Kind, confusion_of, mistakes_of
from annotator.darknet.evaluation.curves import ap_by_size, precision_recall, reliability
from annotator.darknet.evaluation.stored import ImageResult
from annotator.darknet.metrics import evaluate_detections, match_image
from converters.model import Box, Split


def results_of(truths, found, conf=0.25):
    return [
        ImageResult(f"p{index}.png", real, seen, match_image(real, seen, conf_threshold=conf))
        for index, (real, seen) in enumerate(zip(truths, found, strict=True))
    ]


@settings(deadline=None, max_examples=150)
@given(pictures())
def test_ap_is_that_of_the_plain_darknet_rules(made):
    truths, found = made
    for iou in (0.5, 0.75):
        metrics = evaluate_detections(truths, found, NAMES, iou_threshold=iou, resamples=0)
        curves = precision_recall(truths, found, NAMES, iou_threshold=iou)
        for one, curve in zip(metrics.classes, curves, strict=True):
            assert one.ap == pytest.approx(darknet_ap(truths, found, one.name, iou), abs=1e-12)
            assert curve.ap == one.ap
            assert curve.truths == one.truths


@settings(deadline=None, max_examples=100)
@given(pictures(difficult=False))
def test_coco_numbers_are_those_of_the_plain_coco_rules(made):
    truths, found = made
    coco = evaluate_coco(truths, found, NAMES)
    thresholds = np.linspace(0.5, 0.95, 10)
    for one in coco.classes:
        plain = [coco_ap(truths, found, one.name, iou) for iou in thresholds]
        if plain[0] is None:
            assert (one.ap, one.ap50, one.truths) == (None, None, 0)
            continue
        assert one.ap == pytest.approx(np.mean(plain), abs=1e-9)
        assert one.ap50 == pytest.approx(plain[0], abs=1e-9)
        assert one.ap75 == pytest.approx(plain[5], abs=1e-9)
        for value, area in (
            (one.ap_small, (0, 32**2)),
            (one.ap_medium, (32**2, 96**2)),
            (one.ap_large, (96**2, 1e10)),
        ):
            parts = [coco_ap(truths, found, one.name, iou, area) for iou in thresholds]
            assert value == (None if parts[0] is None else pytest.approx(np.mean(parts), abs=1e-9))
    assert CocoMetrics.from_dict(coco.as_dict()) == coco
    assert "never" in coco.absent


def test_coco_of_nothing_at_all():
    coco = evaluate_coco([], [], NAMES)
    assert coco.ap is None
    assert coco.absent == NAMES
    missed = evaluate_coco([(Box((0, 0, 9, 9), "mask"),)], [()], NAMES)
    assert (missed.ap, missed.ap_small, missed.ap_large) == (0, 0, None)


@settings(deadline=None, max_examples=150)
@given(pictures())
def test_the_confusion_matrix_adds_up_to_what_darknet_counts(made):
    truths, found = made
    results = results_of(truths, found)
    metrics = evaluate_detections(truths, found, NAMES, resamples=0)
    confusion = confusion_of(results, NAMES)
    counts = np.array(confusion.counts)
    for index, one in enumerate(metrics.classes):
        assert counts[index, index] == one.tp
        assert counts[index].sum() == one.truths
        assert counts[:, index].sum() == one.tp + one.fp
    assert counts[-1, -1] == 0
    mistakes = mistakes_of(results)
    wrong = [one for one in mistakes if one.kind is Kind.WRONG_CLASS]
    assert len(wrong) == counts[:-1, :-1].sum() - np.trace(counts[:-1, :-1])
    assert sum(one.kind is Kind.MISSED for one in mistakes) == counts[:-1, -1].sum()
    assert len(mistakes) - len(wrong) == counts[:-1, -1].sum() + counts[-1].sum()


def test_kinds_of_mistakes():
    truths = (
        Box((0, 0, 10, 10), "mask"),
        Box((20, 0, 30, 10), "mask"),
        Box((40, 0, 50, 10), "mask"),
        Box((60, 0, 70, 10), "no_mask"),
    )
    found = (
        Box((0, 0, 10, 10), "mask", 0.9),
        Box((0, 0, 10, 9), "mask", 0.8),
        Box((25, 0, 35, 10), "mask", 0.7),
        Box((60, 0, 70, 10), "mask", 0.6),
        Box((90, 0, 99, 10), "no_mask", 0.5),
        Box((40, 0, 50, 10), "mask", 0.1),
    )
    mistakes = mistakes_of(results_of([truths], [found]))
    kinds = [(one.kind, one.truth, one.prediction) for one in mistakes]
    assert kinds == [
        (Kind.TWICE, 0, 1),
        (Kind.LOOSE, 1, 2),
        (Kind.WRONG_CLASS, 3, 3),
        (Kind.BACKGROUND, None, 4),
        (Kind.MISSED, 1, None),
        (Kind.MISSED, 2, None),
    ]
    assert (mistakes[2].true_label, mistakes[2].label) == ("no_mask", "mask")
    # It was seen, too weakly.
    assert mistakes[-1].confidence == 0.1


@settings(deadline=None, max_examples=100)
@given(pictures(difficult=False))
def test_sizes_share_out_the_truths_and_one_size_for_all_is_the_ap(made):
    truths, found = made
    sizes = ap_by_size(truths, found, NAMES)
    metrics = evaluate_detections(truths, found, NAMES, resamples=0)
    for one in metrics.classes:
        parts = [part for part in sizes if part.name == one.name]
        assert sum(part.truths for part in parts) == one.truths
        assert all((part.ap is None) == (part.truths == 0) for part in parts)
    whole = ap_by_size(truths, found, NAMES, edges=(0.0, np.inf))
    for part, one in zip(whole, metrics.classes, strict=True):
        assert part.ap == (one.ap if one.truths else None)


def test_a_detection_on_nothing_counts_in_its_own_size():
    truths = [(Box((0, 0, 10, 10), "mask"), Box((100, 0, 180, 80), "mask"))]
    small, large = Box((0, 0, 10, 10), "mask", 0.5), Box((100, 0, 180, 80), "mask", 0.5)
    nothing = Box((300, 0, 308, 8), "mask", 0.9)
    by_low = {part.low: part.ap for part in ap_by_size(truths, [(nothing, small, large)], ("mask",))}
    assert size(small) == 100
    assert by_low == {0: 0.5, 16: None, 32: None, 64: 1, 96: None}


def test_reliability_by_hand():
    truths = [tuple(Box((20 * at, 0, 20 * at + 10, 10), "mask") for at in range(4))]
    right = [Box((20 * at, 0, 20 * at + 10, 10), "mask", 0.95) for at in range(4)]
    wrong = [Box((500 + at, 0, 510 + at, 10), "mask", 0.75) for at in range(2)]
    found = reliability(truths, [(*right, *wrong)], ("mask", "no_mask"))
    assert [(one.low, one.count, one.right) for one in found.bins] == [(0.7, 2, 0), (0.9, 4, 1)]
    assert found.ece == pytest.approx((4 * 0.05 + 2 * 0.75) / 6)
    assert found.too_sure == pytest.approx((2 * 0.75 - 4 * 0.05) / 6)
    assert reliability(truths, [()], ("mask",)).ece is None


def test_a_thinned_curve_has_the_area_of_the_whole():
    rng = np.random.default_rng(3)
    truths, found = [], []
    for _ in range(60):
        real = tuple(Box((20 * at, 0, 20 * at + 10, 10), "mask") for at in range(20))
        seen = [Box(box.xyxy, "mask", float(rng.random())) for box in real if rng.random() < 0.7]
        seen += [
            Box((500 + 30 * at, 0, 510 + 30 * at, 10), "mask", float(rng.random()) ** 2) for at in range(20)
        ]
        truths.append(real)
        found.append(tuple(sorted(seen, key=lambda box: -(box.confidence or 0))))
    (curve,) = precision_recall(truths, found, ("mask",))
    thin = curve.thinned(200)
    assert len(thin.recall) <= 201 < len(curve.recall)
    area = np.sum(np.diff(thin.recall, prepend=0.0) * thin.envelope())
    assert area == pytest.approx(curve.ap, abs=0.01)
    assert curve.at(0.5) is not None
    assert curve.at(1.0) is None


def test_a_bootstrap_sample_of_each_picture_once_is_the_ap_itself():
    truths = [(Box((0, 0, 10, 10), "mask"),), (Box((0, 0, 10, 10), "no_mask"),)]
    found = [(Box((0, 0, 10, 9), "mask", 0.9),), (Box((0, 0, 10, 10), "mask", 0.95),)]
    results = results_of(truths, found)
    aps = bootstrap_aps(results, NAMES, np.array([[1.0, 1.0], [2.0, 0.0]]))
    metrics = evaluate_detections(truths, found, NAMES, resamples=0)
    assert aps[0].tolist() == [one.ap for one in metrics.classes]
    assert aps[1].tolist() == [1, 0, 0]
    analysis = analyse(Split.TEST, results, NAMES, 0.25)
    assert analysis.mean_interval is not None
    assert [len(part) for part in (analysis.curves, analysis.strict_curves)] == [3, 3]
