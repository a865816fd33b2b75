from __future__ import annotations

import numpy as np
import pytest

from annotator.darknet.network.anchors import average_iou, box_sizes, fit_anchors, for_network, with_anchors
from annotator.darknet.network.presets import build
from converters.errors import UsageError
from converters.model import AnnotatedImage, Box


def make(network="yolov4-tiny", **changes):
    options = {"classes": 3, "width": 416, "height": 416, "batch": 64, "subdivisions": 16}
    return build(network, **(options | {"max_batches": 6000, "dialect": "alexeyab"} | changes))


def groups(*centres, each=60, spread=0.05):
    generator = np.random.default_rng(3)
    return np.concatenate([np.array(c) * generator.normal(1, spread, (each, 2)) for c in centres])


def test_finds_the_groups_there_are_smallest_first():
    wanted = [(8, 12), (30, 40), (90, 60), (150, 200), (20, 70), (300, 310)]
    found = fit_anchors(groups(*wanted), 6)
    assert found == pytest.approx(np.array(sorted(wanted, key=lambda p: p[0] * p[1])), rel=0.05)
    assert np.array_equal(found, fit_anchors(groups(*wanted), 6))


def test_average_iou_by_hand():
    sizes = np.array([[10.0, 10.0], [20.0, 10.0]])
    assert average_iou(sizes, np.array([[10.0, 10.0]])) == pytest.approx((1 + 0.5) / 2)
    assert average_iou(sizes, sizes) == 1


def test_too_few_sizes():
    with pytest.raises(UsageError, match="6 anchors cannot be chosen from 2 different sizes"):
        fit_anchors(groups((10, 10), (20, 20), spread=0), 6)


def test_better_anchors_for_small_faces():
    cfg = make()
    sizes = groups((8, 10), (12, 15), (20, 26), (30, 38), (45, 55), (60, 90))
    found = for_network(cfg, sizes)
    assert found.is_better and found.before < 0.75 < found.average_iou
    changed = with_anchors(cfg, found.pairs)
    coarse, fine = changed.detectors
    assert (coarse.get("mask"), fine.get("mask")) == ("3,4,5", "0,1,2")
    assert coarse.get("anchors") == fine.get("anchors")
    assert len(fine.get_ints("anchors")) == 12
    with pytest.raises(UsageError, match="has 6 anchors, not 5"):
        with_anchors(cfg, found.pairs[:5])


@pytest.mark.parametrize("network", ["yolov4", "yolov4-tiny-3l", "yolov3"])
def test_the_finest_layer_takes_the_smallest(network):
    changed = with_anchors(make(network), [(n * 10, n * 12) for n in range(9, 0, -1)])
    by_mask = {part.get("mask") for part in changed.detectors}
    assert by_mask == {"0,1,2", "3,4,5", "6,7,8"}
    first, last = changed.detectors[0].get("mask"), changed.detectors[-1].get("mask")
    assert (first, last) == (("0,1,2", "6,7,8") if network == "yolov4" else ("6,7,8", "0,1,2"))


def test_yolov2_anchors_are_cells():
    sizes = groups((16, 16), (32, 64), (64, 64), (128, 96), (256, 256))
    cfg = make("yolov2-tiny")
    found = for_network(cfg, sizes)
    (region,) = with_anchors(cfg, found.pairs).detectors
    assert region.get_floats("anchors")[:2] == pytest.approx((0.5, 0.5), rel=0.1)


def test_sizes_are_those_the_network_sees(tmp_path):
    image = AnnotatedImage("a", tmp_path / "a.png", (800, 400), (Box((0, 0, 80, 80), "mask"),))
    assert box_sizes([image], 400, 400).tolist() == [[40, 80]]
    assert box_sizes([image], 400, 400, letterbox=True).tolist() == [[40, 40]]


def test_very_many_boxes_get_anchors_as_good_as_those_of_all():
    many = groups((8, 12), (30, 40), (90, 60), (150, 200), (20, 70), (300, 310), each=1000, spread=0.1)
    found = fit_anchors(many, 6)
    assert np.array_equal(found, fit_anchors(many, 6))
    assert found == pytest.approx(
        np.array([(8, 12), (30, 40), (20, 70), (90, 60), (150, 200), (300, 310)]), rel=0.05
    )


@pytest.mark.parametrize("sizes", [[(13.0, 17.0)], [(13.0, 17.0), (200.0, 120.0)], [(13.0, 17.0)] * 50])
def test_fewer_sizes_than_anchors_take_their_place_among_the_network_s_own(sizes):
    found = for_network(make(), np.array(sizes))
    assert found.is_better and found.average_iou == pytest.approx(1)
    assert set(sizes) <= set(found.pairs) and len(found.pairs) == 6
    areas = [width * height for width, height in found.pairs]
    assert areas == sorted(areas)
    with_anchors(make(), found.pairs)


def test_no_boxes_are_no_reason_for_anchors():
    with pytest.raises(UsageError, match="there are no boxes"):
        for_network(make(), np.empty((0, 2)))
