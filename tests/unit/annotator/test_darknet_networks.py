from __future__ import annotations

import re
from pathlib import Path

import pytest
from darknet_support import LOGS, SHARED, needs_shared

from annotator.darknet.network.blocks import layers, parameter_count
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.network.presets import (
    NETWORKS,
    build,
    burn_in_for,
    default_max_batches,
    default_subdivisions,
    extended,
    steps_for,
)
from annotator.darknet.program.dialect import Darknet
from converters.errors import FormatError, UsageError


def make(network="yolov4", **changes):
    options = {
        "classes": 3,
        "width": 416,
        "height": 416,
        "batch": 64,
        "subdivisions": 16,
        "max_batches": 6400,
        "dialect": "alexeyab",
    }
    return build(network, **(options | changes))


def test_yolov4_is_layer_by_layer_the_study_s_network():
    table = needs_shared(SHARED / "yolov4-layers.tsv").read_text().splitlines()
    rows = [line.split("\t") for line in table if not line.startswith("#")][1:]
    found = layers(make())
    assert len(found) == len(rows) == 162
    for layer, row in zip(found, rows, strict=True):
        number, kind, filters, size, _, output, bflops = (row + [""] * 7)[:7]
        sources = " " + ",".join(map(str, layer.sources)) if layer.sources else ""
        assert (layer.index, layer.kind + sources) == (int(number), kind)
        assert (str(layer.filters) if layer.filters else "") == filters
        if layer.size:
            assert f"{layer.size}x{layer.size}/{layer.stride}" == size
        if output:
            assert "x".join(map(str, layer.output)) == output
        if bflops:
            assert f"{layer.bflops:.3f}" == bflops


def test_yolov4_costs_what_the_study_printed():
    assert sum(layer.bflops for layer in layers(make())) == pytest.approx(59.568, abs=0.02)


@pytest.mark.parametrize(
    ("network", "side", "which", "log"),
    [
        ("yolov4-tiny", 160, "alexey", "train_map.err"),
        ("yolov3-tiny", 96, "pjreddie", "train_v3tiny.err"),
    ],
)
def test_tiny_networks_against_the_table_that_a_darknet_printed(network, side, which, log):
    text = needs_shared(LOGS / which / log).read_text(errors="replace")
    printed = re.findall(
        r"^ +(\d+) conv +(\d+) +(\d+) x \d+ ?/ ?(\d+) .*-> +(\d+) x +(\d+) x *(\d+) +([\d.]+) B", text, re.M
    )
    found = [
        layer for layer in layers(make(network, width=side, height=side)) if layer.kind == "convolutional"
    ]
    assert len(found) > 10
    for layer, row in zip(found, printed[: len(found)], strict=True):
        numbers = (layer.index, layer.filters, layer.size, layer.stride, *layer.output)
        assert numbers == tuple(map(int, row[:7]))
        assert f"{layer.bflops:.3f}" == row[7]


HEADS = {"yolov4": 3, "yolov4-tiny-3l": 3, "yolov4-csp": 3, "yolov3": 3, "yolov3-spp": 3}
TRAINED = [name for name, network in NETWORKS.items() if network.dialects]


@pytest.mark.parametrize("network", [name for name in TRAINED if not name.startswith("yolov2")])
@pytest.mark.parametrize("classes", [1, 3, 20])
def test_filters_before_each_detection_fit_the_classes(network, classes):
    cfg = make(network, classes=classes)
    parts = cfg.layer_sections
    heads = [index for index, part in enumerate(parts) if part.name == "yolo"]
    assert len(heads) == HEADS.get(network, 2)
    used = []
    for index in heads:
        assert parts[index - 1].get_int("filters") == (classes + 5) * 3
        assert parts[index].get_int("classes") == classes
        assert parts[index].get_int("random") == 0
        anchors = parts[index].get_floats("anchors")
        assert len(anchors) == 2 * parts[index].get_int("num")
        used += parts[index].get_ints("mask")
    assert sorted(used) == list(range(3 * len(heads)))


@pytest.mark.parametrize("network", ["yolov2", "yolov2-tiny"])
def test_yolov2_has_its_anchors_in_cells(network):
    last, region = make(network).layer_sections[-2:]
    assert last.get_int("filters") == (3 + 5) * 5
    assert region.get_floats("anchors")[:2] == pytest.approx((0.5727, 0.6774), abs=1e-3)
    twice = make(network, width=832, height=832).layer_sections[-1]
    assert twice.get_floats("anchors")[0] == pytest.approx(2 * 0.5727, abs=1e-3)


@pytest.mark.parametrize(
    ("network", "side", "classes", "length"),
    [  # lengths of the published weights files in bytes
        ("yolov4", 608, 80, 257_717_640),
        ("yolov4-tiny", 416, 80, 24_251_276),
        ("yolov4-csp", 512, 80, 211_944_840),
        ("yolov3", 416, 80, 248_007_048),
        ("yolov3-spp", 608, 80, 252_209_544),
        ("yolov3-tiny", 416, 80, 35_434_956),
        ("yolov2", 608, 80, 203_934_260 + 4),  # this file's header counts pictures with 4 bytes
        ("yolov2-tiny", 416, 80, 44_948_600),
        ("yolov1-tiny", 448, 20, 108_399_816 + 4),  # likewise
    ],
)
def test_networks_have_the_published_number_of_weights(network, side, classes, length):
    assert 20 + 4 * parameter_count(make(network, classes=classes, width=side, height=side)) == length


def test_a_network_that_nobody_trains_says_why():
    darknet = Darknet(Path("darknet"), "alexeyab")
    with pytest.raises(UsageError, match="Pascal VOC built in"):
        darknet.require("yolov1-tiny")
    with pytest.raises(UsageError, match="448 x 448"):
        make("yolov1-tiny")
    assert layers(make("yolov1-tiny", width=448, height=448))[-1].output == (1, 1, 7 * 7 * (2 * 5 + 3))


def test_training_options_are_the_study_s():
    net = make(steps=(4800, 5400)).net
    expected = {
        "momentum": "0.949",
        "decay": "0.0005",
        "angle": "0",
        "saturation": "1.5",
        "exposure": "1.5",
        "hue": "0.1",
        "learning_rate": "0.001",
        "burn_in": "1000",
        "max_batches": "6400",
        "policy": "steps",
        "steps": "4800,5400",
        "scales": ".1,.1",
        "mosaic": "1",
    }
    assert {key: net.get(key) for key in expected} == expected


def test_steps_burn_in_and_length():
    assert steps_for(6000) == (4800, 5400)
    assert [burn_in_for(total) for total in (1, 40, 6000, 6400)] == [1, 6, 1000, 1000]
    assert default_max_batches(3, 1824) == 6000
    assert default_max_batches(4, 100) == 8000
    assert default_max_batches(1, 12_000) == 12_000
    assert [default_subdivisions(batch) for batch in (64, 4, 8, 3)] == [16, 1, 2, 1]
    net = extended(make(max_batches=100), 1000).net
    assert (net.get("max_batches"), net.get("steps")) == ("1000", "800,900")


def test_anchors_grow_with_the_network():
    def anchors(network, side):
        cfg = make(network, width=side, height=side)
        return next(part for part in cfg.sections if part.name == "yolo").get("anchors")

    assert anchors("yolov3-tiny", 416) == "10,14,23,27,37,58,81,82,135,169,344,319"
    assert anchors("yolov4", 608).startswith("12,16,19,36")
    assert anchors("yolov3-tiny", 832).startswith("20,28,46,54")


@pytest.mark.parametrize("network", [n for n in TRAINED if "pjreddie" in NETWORKS[n].dialects])
def test_pjreddie_gets_no_key_that_it_does_not_know(network):
    text = make(network, dialect="pjreddie").render()
    for key in ("iou_", "scale_x_y", "nms_kind", "mosaic", "max_delta", "resize", "normalizer", "groups"):
        assert key not in text


def test_mosaic_is_left_out_for_a_darknet_without_opencv():
    assert "mosaic" in make().net
    assert "mosaic" not in make(mosaic=False).net


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"width": 70}, "multiple of 32, not 70. Take 64 or 96"),
        ({"height": 0}, "multiple of 32"),
        ({"classes": 0}, "at least one class"),
        ({"batch": 64, "subdivisions": 7}, "must divide batch"),
        ({"batch": 1, "subdivisions": 1}, "batch of 1"),
        ({"max_batches": 0}, "at least 1"),
        ({"learning_rate": 0.0}, "learning rate"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"network": "yolov9"}, "no network 'yolov9'"),
        ({"dialect": "pjreddie"}, "does not know yolov4"),
    ],
)
def test_impossible_requests(changes, words):
    with pytest.raises(UsageError, match=re.escape(words)):
        make(**changes)


@pytest.mark.parametrize("layer", ["[route]\nlayers=-3", "[shortcut]\nfrom=5", "[lstm]", "[route]\nlayers=x"])
def test_a_cfg_of_somebody_else_that_cannot_be_laid_out(layer):
    cfg = parse_cfg(f"[net]\nwidth=32\nheight=32\n[convolutional]\nfilters=4\nsize=3\npad=1\n{layer}\n")
    with pytest.raises(FormatError):
        layers(cfg)


def test_layers_of_other_people_s_networks_are_laid_out_as_darknet_does():
    text = """[net]
width=64
height=32
[conv]
filters=8
size=3
stride_x=2
stride_y=1
pad=1
[avg]
[convolutional]
filters=8
size=1
[scale_channels]
from=-3
[reorg3d]
stride=2
[local_avgpool]
size=2
stride=2
[batchnorm]
[convolutional]
filters=32
size=1
share_index=2
xnor=1
"""
    found = layers(parse_cfg(text))
    assert [layer.output for layer in found] == [
        (32, 32, 8),
        (1, 1, 8),
        (1, 1, 8),
        (32, 32, 8),
        (16, 16, 32),
        (8, 8, 32),
        (8, 8, 32),
        (8, 8, 32),
    ]
    assert found[3].sources == (0,)
    assert [layer.parameters for layer in found] == [8 * 27 + 8, 0, 8 * 8 + 8, 0, 0, 0, 4 * 32, 0]
    assert found[-1].bflops == pytest.approx(2 * 32 * 32 * 64 / 32 / 1e9)


def test_pictures_in_grey_have_one_channel():
    grey, colour = make("yolov4-tiny", channels=1), make("yolov4-tiny")
    assert layers(grey)[0].input[2] == 1
    assert parameter_count(colour) - parameter_count(grey) == 32 * 9 * 2
    for changes in ({"channels": 2}, {"channels": 1, "dialect": "hank"}):
        with pytest.raises(UsageError, match="cannot be trained"):
            make("yolov4-tiny", **changes)
