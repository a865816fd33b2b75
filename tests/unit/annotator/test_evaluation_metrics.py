from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from annotator.darknet.metrics import (
    Metrics,
    average_precision,
    evaluate_detections,
    iou_float32,
    iou_of_edges,
    match_image,
    wilson_interval,
)
from converters.errors import DataError, UsageError
from converters.model import Box

NAMES = ("mask", "no_mask")


def truth(x: float, label: str = "mask", *flags: str, width: float = 10) -> Box:
    return Box((x, 0, x + width, 10), label, flags=frozenset(flags))


def found(x: float, confidence: float, label: str = "mask", width: float = 10) -> Box:
    return Box((x, 0, x + width, 10), label, confidence)


def measure(
    truths: Sequence[Sequence[Box]], detections: Sequence[Sequence[Box]], **options: float | int
) -> Metrics:
    options.setdefault("resamples", 0)
    return evaluate_detections(truths, detections, options.pop("names", NAMES), **options)  # type: ignore[arg-type]


def test_all_found_is_one() -> None:
    metrics = measure([[truth(0), truth(50, "no_mask")]], [[found(0, 0.9), found(50, 0.8, "no_mask")]])
    assert (metrics.mean_ap, metrics.precision, metrics.recall, metrics.f1) == (1, 1, 1, 1)
    assert (metrics.tp, metrics.fp, metrics.fn, metrics.average_iou) == (2, 0, 0, 1)


def test_iou_of_exactly_the_threshold_is_no_match() -> None:
    # Rule 2: 10 x 10 over its half is an IoU of exactly 0.5.
    half = measure([[truth(0)]], [[found(0, 0.9, width=5)]])
    assert (half.tp, half.fp, half.classes[0].ap) == (0, 1, 0)
    more = measure([[truth(0)]], [[found(0, 0.9, width=5.01)]])
    assert (more.tp, more.fp, more.classes[0].ap) == (1, 0, 1)


def test_boxes_too_large_for_float32_overlap_nothing() -> None:
    edges = np.array([[-3e38, -3e38, 3e38, 3e38], [-np.inf, 0, np.inf, 5], [0, 0, 10, 10]], dtype=np.float32)
    found = iou_of_edges(edges[:, None], edges[None])
    assert found[2, 2] == 1 and found[:2].max() == 0 and np.isfinite(found).all()


def test_second_detection_of_a_truth_is_false_even_beside_a_free_one() -> None:
    # Rule 2: both overlap the left truth most (IoU 1 and 0.82), the right one too (0.54): COCO would give
    # the second detection the right truth.
    truths = [[truth(0), truth(4)]]
    metrics = measure(truths, [[found(0, 0.9), found(1, 0.8)]])
    assert (metrics.tp, metrics.fp, metrics.fn) == (1, 1, 1)


def test_detection_of_another_class_matches_nothing() -> None:
    metrics = measure([[truth(0)]], [[found(0, 0.9, "no_mask")]])
    assert (metrics.tp, metrics.fp, metrics.fn) == (0, 1, 1)


def test_area_under_the_envelope() -> None:
    # Rule 3, by hand: TP FP TP FP of 4 truths: recall .25 at precision 1, .5 at 2/3.
    truths = [[truth(x) for x in (0, 20, 40, 60)]]
    detections = [[found(0, 0.9), found(200, 0.8), found(20, 0.7), found(300, 0.6)]]
    assert measure(truths, detections).classes[0].ap == pytest.approx(0.25 * 1 + 0.25 * 2 / 3)
    # 11 points: recall 0, .1, .2 at 1; .3, .4, .5 at 2/3. 101 points: 26 at 1, 25 at 2/3.
    assert measure(truths, detections, points=11).classes[0].ap == pytest.approx((3 + 3 * 2 / 3) / 11)
    assert measure(truths, detections, points=101).classes[0].ap == pytest.approx((26 + 25 * 2 / 3) / 101)


def test_envelope_takes_the_best_precision_to_the_right() -> None:
    # FP TP TP: precision 0, 1/2, 2/3; the envelope is 2/3 everywhere.
    detections = [[found(200, 0.9), found(0, 0.8), found(20, 0.7)]]
    assert measure([[truth(0), truth(20)]], detections).classes[0].ap == pytest.approx(2 / 3)


def test_equal_confidences_keep_the_order_of_the_list() -> None:
    truths = [[truth(0)], []]
    good, bad = [found(0, 0.5)], [found(70, 0.5)]
    assert measure(truths, [good, bad]).classes[0].ap == 1
    assert measure([[], *truths[:1]], [bad, good]).classes[0].ap == pytest.approx(0.5)


def test_class_without_a_truth_counts_as_nothing() -> None:
    # Rule 4.
    metrics = measure([[truth(0)]], [[found(0, 0.9)]], names=("mask", "no_mask", "chin_diaper"))  # type: ignore[arg-type]
    assert metrics.mean_ap == pytest.approx(1 / 3)
    assert metrics.mean_ap_of_present == 1
    assert metrics.absent == ("no_mask", "chin_diaper")
    assert metrics.classes[1].interval is None


def test_counts_at_a_confidence_are_strictly_above_it() -> None:
    # Rule 5.
    truths = [[truth(0), truth(20)]]
    metrics = measure(truths, [[found(0, 0.9), found(20, 0.25)]])
    assert (metrics.tp, metrics.fp, metrics.fn) == (1, 0, 1)
    assert metrics.classes[0].ap == 1  # the curve has them all


def test_average_iou_is_over_true_and_false_positives() -> None:
    # Rule 5: IoU 1 and 0.8, and one false positive: 1.8 / 3.
    truths = [[truth(0), truth(20)]]
    metrics = measure(truths, [[found(0, 0.9), found(20, 0.8, width=8), found(90, 0.7)]])
    assert metrics.average_iou == pytest.approx(1.8 / 3)


def test_counts_follow_the_order_of_the_list() -> None:
    # Rule 5: a weak detection that stands earlier takes the truth; the strong one is then false.
    metrics = measure([[truth(0)]], [[found(1, 0.1), found(0, 0.9)]])
    assert (metrics.tp, metrics.fp, metrics.fn) == (0, 1, 1)
    assert metrics.classes[0].ap == 1  # the curve sorts by confidence


def test_difficult_box_is_no_truth_and_leaves_the_curve() -> None:
    # Rule 6: the detection on it is off the curve, yet an FP at 0.25.
    truths = [[truth(0), truth(50, "mask", "difficult")]]
    metrics = measure(truths, [[found(50, 0.95), found(0, 0.9)]])
    one = metrics.classes[0]
    assert (one.truths, one.difficult, one.ap) == (1, 1, 1)
    assert (one.tp, one.fp, one.fn) == (1, 1, 0)
    # A detection on both a truth and a difficult box belongs to the truth.
    both = measure([[truth(0), truth(1, "mask", "difficult")]], [[found(0, 0.9)]])
    assert (both.tp, both.fp) == (1, 0)


def test_nothing_detected_and_nothing_there_are_zero() -> None:
    # Rule 7.
    metrics = measure([[truth(0)]], [[]])
    assert (metrics.mean_ap, metrics.precision, metrics.recall, metrics.f1) == (0, 0, 0, 0)
    assert metrics.average_iou == 0
    empty = measure([], [])
    assert (empty.mean_ap, empty.images, empty.mean_interval) == (0, 0, None)


def test_wrong_input_is_refused() -> None:
    with pytest.raises(DataError, match="none of mask, no_mask"):
        measure([[truth(0, "cat")]], [[]])
    with pytest.raises(DataError, match="no confidence"):
        measure([[]], [[truth(0)]])
    with pytest.raises(UsageError, match="points"):
        measure([], [], points=7)
    with pytest.raises(UsageError, match="thresholds"):
        measure([], [], iou_threshold=1.0)
    with pytest.raises(UsageError, match="1 pictures"):
        measure([[]], [])


def test_float32_iou() -> None:
    a = [Box((0, 0, 10, 10), "mask"), Box((0, 0, 0, 0), "mask")]
    b = [Box((5, 0, 15, 10), "mask"), Box((20, 0, 30, 10), "mask")]
    matrix = iou_float32(a, b)
    assert matrix.dtype == np.float32
    assert np.allclose(matrix, [[1 / 3, 0], [0, 0]])
    assert iou_float32([], b).shape == (0, 2)


def test_match_image_names_what_is_what() -> None:
    truths = (truth(0), truth(20, "no_mask"), truth(40), truth(60, "mask", "difficult"))
    detections = (found(0, 0.9), found(20, 0.8), found(90, 0.7), found(40, 0.2))
    match = match_image(truths, detections)
    assert [(one[0], one[1]) for one in match.tp] == [(0, 0)]
    assert match.fp == (1, 2)
    assert match.fn == (1, 2)
    assert [(one[0], one[1]) for one in match.confused] == [(1, 1)]  # a mask seen where no_mask is
    assert match.mistakes == 4


def test_metrics_survive_json() -> None:
    metrics = measure([[truth(0)]], [[found(0, 0.9), found(50, 0.3)]], resamples=20)
    assert Metrics.from_dict(metrics.as_dict()) == metrics


# ---- intervals ---------------------------------------------------------------------------------------


def test_wilson_interval_of_a_known_case() -> None:
    # 8 of 10: 0.490 to 0.943 (Wilson's score interval, 95 %).
    assert wilson_interval(0.8, 10) == pytest.approx((0.4902, 0.9433), abs=1e-4)
    assert wilson_interval(1.0, 18) == pytest.approx((0.8241, 1.0), abs=1e-4)


def test_interval_holds_the_ap_and_narrows_with_more_boxes() -> None:
    def interval(images: int) -> tuple[float, float]:
        truths = [[truth(0), truth(20)] for _ in range(images)]
        detections = [
            [found(0, 0.9)] if index % 2 else [found(0, 0.9), found(20, 0.8)] for index in range(images)
        ]
        one = measure(truths, detections, resamples=200).classes[0]
        assert one.interval is not None
        assert one.interval[0] <= one.ap <= one.interval[1]
        return one.interval

    few, many = interval(9), interval(200)
    assert few[1] - few[0] > 2 * (many[1] - many[0])
    assert interval(9) == few  # seeded


def test_bootstrap_widens_where_boxes_come_in_crowds() -> None:
    # 60 boxes in 3 pictures, one of which was missed whole: that is 3 trials, not 60.
    truths = [[truth(20 * index) for index in range(20)] for _ in range(3)]
    detections = [[found(20 * index, 0.9) for index in range(20)] for _ in range(2)] + [[]]
    one = measure(truths, detections, resamples=200).classes[0]
    alone = wilson_interval(one.ap, one.truths)
    assert one.interval is not None
    assert one.interval[0] < alone[0] - 0.1
    assert one.interval[1] > alone[1] + 0.1


def test_picture_drawn_twice_is_the_same_as_two_copies() -> None:
    hits = np.array([1, 0, 1, 1, 0], float)
    weights = np.array([2, 1, 0, 3, 2], float)
    copies = np.repeat(hits, weights.astype(int))
    for points in (0, 11, 101):
        weighted = average_precision(hits * weights, (1 - hits) * weights, 7, points)
        assert weighted == pytest.approx(average_precision(copies, 1 - copies, 7, points))


# ---- against the rules written as plain loops ------------------------------------------------------


def plain_ap_and_counts(
    truths: Sequence[Sequence[Box]], detections: Sequence[Sequence[Box]], label: str, points: int
) -> tuple[float, int, int, float]:
    """AP, TP, FP and sum of IoU of one class, detection by detection."""
    curve: list[tuple[float, tuple[int, int] | None]] = []
    tp = fp = total = 0
    iou_sum = 0.0
    for image, (real, seen) in enumerate(zip(truths, detections, strict=True)):
        total += sum(box.label == label and not box.flags for box in real)
        owners: list[tuple[int, int] | None] = []
        for box in seen:
            if box.label != label:
                continue
            overlaps = iou_float32([box], real)[0]
            owner, best = None, np.float32(0.5)
            for index, other in enumerate(real):
                if other.label == label and not other.flags and overlaps[index] > best:
                    owner, best = (image, index), overlaps[index]
            on_difficult = any(
                other.label == label and other.flags and overlaps[index] > 0.5
                for index, other in enumerate(real)
            )
            assert box.confidence is not None
            if owner is not None or not on_difficult:
                curve.append((box.confidence, owner))
            if box.confidence > 0.25:
                if owner is not None and owner not in owners:
                    tp += 1
                    iou_sum += float(best)
                else:
                    fp += 1
            owners.append(owner)
    curve.sort(key=lambda one: -one[0])
    taken: set[tuple[int, int]] = set()
    precision, recall = [], []
    hits = 0
    for rank, (_, owner) in enumerate(curve, 1):
        if owner is not None and owner not in taken:
            taken.add(owner)
            hits += 1
        precision.append(hits / rank)
        recall.append(hits / total if total else 0.0)
    ap = 0.0
    if points:
        for point in range(points):
            reached = [p for p, r in zip(precision, recall, strict=True) if r >= point / (points - 1)]
            ap += max(reached, default=0.0) / points
    else:
        before = 0.0
        for rank, reach in enumerate(recall):
            ap += (reach - before) * max(precision[rank:])
            before = reach
    return ap, tp, fp, iou_sum


@pytest.mark.parametrize("seed", range(8))
@pytest.mark.parametrize("points", [0, 11, 101])
def test_equals_plain_loops_on_random_sets(seed: int, points: int) -> None:
    generator = np.random.default_rng(seed)

    def boxes(count: int, *, predicted: bool) -> list[Box]:
        made = []
        for _ in range(count):
            x, y = generator.uniform(0, 40, 2)
            w, h = generator.uniform(8, 20, 2)
            label = NAMES[int(generator.random() < 0.3)]
            flags = (
                frozenset({"difficult"}) if not predicted and generator.random() < 0.15 else frozenset[str]()
            )
            # Few distinct confidences, so that ties occur.
            confidence = float(generator.integers(1, 12) / 12) if predicted else None
            made.append(Box((x, y, x + w, y + h), label, confidence, flags))
        return made

    truths = [boxes(generator.integers(0, 6), predicted=False) for _ in range(15)]
    detections = []
    for real in truths:
        near = [
            Box(
                tuple(np.array(box.xyxy) + generator.normal(0, 1.5, 4)),  # type: ignore[arg-type]
                box.label,
                float(generator.integers(1, 12) / 12),
            )
            for box in real
            for _ in range(generator.integers(0, 3))
        ]
        detections.append(near + boxes(generator.integers(0, 4), predicted=True))
    metrics = measure(truths, detections, points=points)
    for one in metrics.classes:
        ap, tp, fp, iou_sum = plain_ap_and_counts(truths, detections, one.name, points)
        assert (one.tp, one.fp) == (tp, fp)
        assert one.ap == pytest.approx(ap, abs=1e-12)
        assert one.iou_sum == pytest.approx(iou_sum, abs=1e-9)
