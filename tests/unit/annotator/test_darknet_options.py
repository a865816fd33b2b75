from __future__ import annotations

import json
from pathlib import Path

import pytest
from darknet_support import make_work, needs_darknet

from annotator.darknet.cli import main
from annotator.darknet.network.cfg import Cfg, parse_cfg, read_cfg
from annotator.darknet.network.options import OPTIONS, check_options, hints, value_in, with_options
from annotator.darknet.network.own_cfg import adapted, check_known, own_notes, read_own
from annotator.darknet.network.presets import NETWORKS, build
from annotator.darknet.program.dialect import Darknet
from converters.errors import FormatError, UsageError

OWN = """# my network
[net]
batch = 1
width=416
height=416
channels=3
learning_rate=0.001
max_batches = 500200
policy=steps
steps=400000,450000
scales=.1,.1

# the only layer
[convolutional]
size=1
stride=1
filters = 255
activation=linear
pad=1

[yolo]
mask = 0,1,2
anchors = 10,14,  23,27,  37,58,  81,82,  135,169,  344,319
classes=80
num=6
# that was all
"""


def make(network="yolov4", **changes):
    options = {"classes": 3, "width": 416, "height": 416, "batch": 64, "subdivisions": 16}
    return build(network, **(options | {"max_batches": 6000, "dialect": "alexeyab"} | changes))


def test_options_are_set_where_they_belong():
    cfg = make()
    values = check_options(
        {"saturation": "1.2", "mosaic": "0", "iou_loss": "giou", "counters_per_class": "3232, 717,123"},
        cfg,
        "alexeyab",
        3,
    )
    changed = with_options(cfg, values)
    assert (changed.net.get("saturation"), changed.net.get("mosaic")) == ("1.2", "0")
    assert [part.get("iou_loss") for part in changed.detectors] == ["giou"] * 3
    assert changed.detectors[0].get("counters_per_class") == "3232,717,123"
    assert value_in(changed, "iou_loss") == "giou" and value_in(cfg, "focal_loss") == ""


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"foo": "1"}, "no option 'foo'"),
        ({"mosaic": "2"}, "mosaic is 0 or 1"),
        ({"saturation": "0.5"}, "it goes from 1 to 10"),
        ({"hue": "red"}, "hue is a number"),
        ({"burn_in": "1.5"}, "whole number"),
        ({"iou_loss": "l2"}, "one of mse, iou"),
        ({"counters_per_class": "1,2"}, "each of the 3 classes"),
        ({"scales": ".1;.1"}, "commas"),
    ],
)
def test_impossible_values_are_refused(values, words):
    with pytest.raises(UsageError, match=words):
        check_options(values, make(), "alexeyab", 3)


def test_a_key_that_the_darknet_does_not_know_is_refused():
    with pytest.raises(UsageError, match="does not know mosaic"):
        check_options({"mosaic": "1"}, make("yolov3", dialect="pjreddie"), "pjreddie", 3)
    with pytest.raises(UsageError, match="detection layer has no iou_loss"):
        check_options({"iou_loss": "ciou"}, make("yolov2"), "alexeyab", 3)
    assert check_options({"jitter": ".2"}, make("yolov2"), "alexeyab", 3) == {"jitter": "0.2"}


@pytest.mark.parametrize("network", [name for name in NETWORKS if NETWORKS[name].dialects])
def test_our_own_networks_have_nothing_odd(network):
    dialect = sorted(NETWORKS[network].dialects)[0]
    assert hints(make(network, dialect=dialect), dialect=dialect, classes=3) == []


def test_odd_values_get_a_hint():
    cfg = with_options(make(), {"angle": "45", "letter_box": "1", "counters_per_class": "1,2"})
    said = " ".join(hints(cfg, dialect="alexeyab", classes=3))
    assert "boxes are not: leave it at 0" in said
    assert "do not go together" in said and "2 numbers for 3 classes" in said


def test_every_option_is_explained():
    for option in OPTIONS.values():
        assert len(option.meaning) > 15 and not option.meaning.endswith(".")
        assert (option.kind == "choice") == bool(option.choices)


def test_an_own_cfg_keeps_its_comments_and_order():
    cfg = adapted(parse_cfg(OWN), classes=3, batch=64, subdivisions=16, max_batches=6000)
    text = cfg.render()
    changed = [line for line in text.splitlines() if line not in OWN.splitlines()]
    assert changed == [
        "batch=64",
        "max_batches=6000",
        "steps=4800,5400",
        "subdivisions=16",
        "burn_in=1000",
        "filters=24",
        "classes=3",
    ]
    assert text.startswith("# my network\n[net]\n") and text.endswith("# that was all\n")
    assert "mask = 0,1,2" in text
    assert parse_cfg(text) == cfg and parse_cfg(text).render() == text


def test_nothing_changed_is_the_same_text():
    assert parse_cfg(OWN).render() == OWN
    assert parse_cfg(OWN).with_net(width=416).render() == OWN
    whole = parse_cfg(OWN)
    without = Cfg((whole.net.without("steps"), *whole.layer_sections), OWN)
    assert without.render() == OWN.replace("steps=400000,450000\n", "")


def test_anchors_of_an_own_cfg_grow_with_its_input():
    cfg = adapted(
        parse_cfg(OWN), classes=3, width=832, height=416, batch=64, subdivisions=16, max_batches=6000
    )
    assert cfg.detectors[0].get("anchors").startswith("20,14,46,27")


def test_what_is_no_network_is_said_with_its_line(tmp_path):
    path = tmp_path / "own.cfg"
    path.write_text("[net]\nwidth=32\nheight=32\n[lstm]\n")
    with pytest.raises(FormatError, match="own.cfg:4: .*lstm"):
        read_own(path)
    path.write_text("[net]\nwidth=32\nheight=32\n[convolutional]\n")
    with pytest.raises(FormatError, match="no detector"):
        read_own(path)


def test_networks_are_listed_with_their_costs(capsys):
    assert main(["networks", "--json"]) == 0
    rows = {row["network"]: row for row in json.loads(capsys.readouterr().out)}
    assert list(rows) == list(NETWORKS)
    assert rows["yolov4"]["bflops"] == pytest.approx(59.57, abs=0.02)
    assert main(["networks", "yolov4"]) == 0
    told = capsys.readouterr()
    assert len(told.out.splitlines()) == 163 and "64,014,760 parameters" in told.err
    assert main(["networks", "yolov4", "--cfg"]) == 0
    assert parse_cfg(capsys.readouterr().out).render()
    assert main(["networks", "nothing"]) == 2


@pytest.mark.darknet
def test_an_own_cfg_is_trained_by_a_real_darknet(tmp_path, capsys):
    darknet = needs_darknet()
    work = make_work(tmp_path / "work", pictures=12)
    own = tmp_path / "mine.cfg"
    text = build(
        "yolov3-tiny",
        classes=80,
        width=96,
        height=96,
        batch=4,
        subdivisions=1,
        max_batches=100,
        dialect="pjreddie",
    ).render()
    own.write_text("# mine\n" + text)
    command = ["run", str(work.root), "--cfg", str(own), "--batch", "2", "--max-batches", "2"]
    code = main([*command, "--width", "32", "--height", "32", "--set", "hue=0.05", "--no-map"])
    told = capsys.readouterr()
    assert code == 0, told.err
    run = told.out.strip()
    assert run.endswith("-mine")
    cfg = read_cfg(work.runs / run.rpartition("/")[2] / "net.cfg")
    assert cfg.source.startswith("# mine\n")
    assert cfg.net.get("hue") == "0.05" and cfg.detectors[0].get_int("classes") == 2
    if darknet.dialect == "pjreddie":
        assert main(["run", str(work.root), "--cfg", str(own), "--set", "mosaic=1"]) == 2
        assert "does not know mosaic" in capsys.readouterr().err


HANK = Darknet(Path("darknet"), "hank")
ALEXEYAB = Darknet(Path("darknet"), "alexeyab")


def test_what_one_darknet_would_end_at_is_left_out_for_it_and_said():
    own = parse_cfg(
        "[net]\nwidth=416\nheight=416\nkappa=1\n[convolutional]\nfilters=255\n[yolo]\nclasses=80\nuc_normalizer=1\n"
    )
    numbers = {"classes": 3, "batch": 64, "subdivisions": 16, "max_batches": 6000}
    assert "kappa=1" in adapted(own, **numbers, dialect="alexeyab").render()
    assert "kappa" not in adapted(own, **numbers, dialect="hank").render()
    (note,) = own_notes(own, "hank")
    assert note.endswith("these are left out: kappa (section at line 1), uc_normalizer (section at line 7).")
    assert own_notes(own, "alexeyab") == []
    layer = parse_cfg("[net]\nwidth=32\nheight=32\n[batchnorm]\n[yolo]\n")
    check_known(layer, ALEXEYAB, Path("own.cfg"))
    with pytest.raises(FormatError, match=r"own.cfg:4: .* no layer \[batchnorm\]"):
        check_known(layer, HANK, Path("own.cfg"))


@pytest.mark.parametrize(
    ("layer", "what"),
    [
        ("[reorg3d]\nstride=2", "[reorg3d]"),
        ("[convolutional]\nxnor=1", "xnor=1"),
        ("[convolutional]\nsize=3\ndilation=2", "dilation"),
        ("[convolutional]\nactivation=hard_mish", "activation=hard_mish"),
        ("[maxpool]\nstride_x=1\nstride_y=2", "stride_x"),
    ],
)
def test_what_cannot_be_measured_here_is_said_before_it_is_trained(layer, what):
    own = parse_cfg(f"[net]\nwidth=32\nheight=32\n{layer}\n[convolutional]\n[yolo]\n")
    (note,) = own_notes(own, "alexeyab")
    assert f"{what} (line 4)" in note
    assert all(own_notes(make(name), "alexeyab") == [] for name in ("yolov4", "yolov2", "yolov4-csp"))


@pytest.mark.parametrize(
    ("layer", "words"),
    [("[Gaussian_yolo]", "uncertainty"), ("[crnn]", "video"), ("[softmax]", "classifies whole pictures")],
)
def test_why_a_layer_cannot_be_used(layer, words, tmp_path):
    path = tmp_path / "own.cfg"
    path.write_text(f"[net]\nwidth=32\nheight=32\n{layer}\n")
    with pytest.raises(FormatError, match=words):
        read_own(path)


def test_more_boxes_than_pjreddies_darknet_has_room_for_are_refused():
    numbers = {"width": 64, "height": 64, "batch": 2, "subdivisions": 1, "max_batches": 9}
    cfg = build("yolov3-tiny", classes=2, dialect="pjreddie", **numbers)
    assert check_options({"max": "90"}, cfg, "pjreddie", 2) == {"max": "90"}
    assert check_options({"max": "200"}, cfg, "alexeyab", 2) == {"max": "200"}
    with pytest.raises(UsageError, match="90 boxes"):
        check_options({"max": "91"}, cfg, "pjreddie", 2)
    own = adapted(
        cfg.with_detectors(max=200), classes=2, batch=2, subdivisions=1, max_batches=9, dialect="pjreddie"
    )
    assert {part.get("max") for part in own.detectors} == {"90"}
