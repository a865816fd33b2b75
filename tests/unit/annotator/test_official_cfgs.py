"""The cfg files that come with a Darknet beside ours: the same layers, filters, sizes and operations.

They are nobody's to copy, so they are not in the tests: ``DARKNET_CFGS=/path/darknet/cfg`` (several: ``:``
between them) names the folder of a Darknet's sources, and the tests skip where it is not given.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from annotator.darknet.network.blocks import layers
from annotator.darknet.network.cfg import Section, read_cfg
from annotator.darknet.network.own_cfg import adapted, read_own
from annotator.darknet.network.presets import NETWORKS, build
from converters.errors import FormatError

FOLDERS = [Path(folder) for folder in os.environ.get("DARKNET_CFGS", "").split(":") if folder]
CFGS = sorted((path for folder in FOLDERS for path in folder.rglob("*.cfg")), key=str)
PRESETS = {
    "yolov4": ("yolov4", "yolov4-custom"),
    "yolov4-tiny": ("yolov4-tiny", "yolov4-tiny-custom"),
    "yolov4-tiny-3l": ("yolov4-tiny-3l",),
    "yolov4-csp": ("yolov4-csp",),
    "yolov3": ("yolov3", "yolov3-voc"),
    "yolov3-spp": ("yolov3-spp",),
    "yolov3-tiny": ("yolov3-tiny", "yolov3-tiny_obj"),
    "yolov2": ("yolov2", "yolov2-voc"),
    # That for VOC has twice as many filters in its last convolutions; ours is the newer one.
    "yolov2-tiny": ("yolov2-tiny",),
}
OLDER_MASKS = {"yolov4-tiny"}
"""The official yolov4-tiny.cfg never uses its smallest anchor; yolov4-tiny-custom.cfg and ours do."""
KEYS = ("activation", "mask", "batch_normalize", "pad", "classes", "num", "scale_x_y", "groups", "group_id")
DEFAULTS = {"scale_x_y": "1", "groups": "1"}
PAIRS = [(ours, path) for ours, names in PRESETS.items() for path in CFGS if path.stem in names]

pytestmark = pytest.mark.skipif(not CFGS, reason="DARKNET_CFGS names no folder with cfg files of a Darknet")


def named(path: Path) -> str:
    return "/".join(path.parts[-3:])


@pytest.mark.parametrize(("ours", "path"), PAIRS, ids=[f"{ours}-{named(path)}" for ours, path in PAIRS])
def test_a_preset_has_the_layers_of_the_official_cfg(ours: str, path: Path):
    official = read_own(path)
    dialect = next(name for name in ("alexeyab", "hank", "pjreddie") if name in NETWORKS[ours].dialects)
    made = build(
        ours,
        classes=official.detectors[0].get_int("classes"),
        width=official.net.get_int("width"),
        height=official.net.get_int("height"),
        batch=64,
        subdivisions=16,
        max_batches=6000,
        dialect=dialect,
    )
    assert layers(made) == layers(official)
    parts = zip(made.layer_sections, official.layer_sections, strict=True)
    for number, (mine, theirs) in enumerate(parts):
        for key in KEYS:
            if key != "mask" or path.stem not in OLDER_MASKS:
                assert value(mine, key) == value(theirs, key), f"{key} of layer {number}"


def value(part: Section, key: str) -> list[float] | str:
    text = part.get(key) or DEFAULTS.get(key, "0")
    return text if key == "activation" else [float(number) for number in text.split(",")]


@pytest.mark.parametrize("path", CFGS, ids=named)
def test_every_official_detector_is_read_and_fitted_or_said_why_not(path: Path):
    try:
        cfg = read_own(path)
    except FormatError as error:
        assert str(path) in str(error)
        return
    width, height = (cfg.net.get_int(side) for side in ("width", "height"))
    fitted = adapted(cfg, classes=3, batch=64, subdivisions=16, max_batches=6000)
    before, after = layers(read_cfg(path)), layers(fitted)
    assert [layer.kind for layer in after] == [layer.kind for layer in before]
    assert (fitted.net.get_int("width"), fitted.net.get_int("height")) == (width, height)
    assert {part.get_int("classes") for part in fitted.detectors} == {3}
