"""What is asked for becomes a cfg and a command that agree, and what is odd is said beside its option."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from darknet_support import make_work

from annotator.core.training_plan import TrainingPlan, anchors_of, choose_anchors, option_states
from annotator.darknet.cli import _parser
from annotator.darknet.commands.network import make_network
from annotator.darknet.network.cfg import write_cfg
from annotator.darknet.network.options import value_in
from annotator.darknet.program.dialect import Darknet
from converters.errors import DataError, UsageError

PLAN = TrainingPlan("yolov4-tiny", 96, 64, 8, 2, 500)
ALEXEY = Darknet(Path("/x/darknet"), "alexeyab", opencv=True)
DEBIAN = Darknet(Path("/x/darknet"), "pjreddie")


def states(plan: TrainingPlan, darknet: Darknet = ALEXEY):
    return {state.option.key: state for state in option_states(plan, 2, darknet)}


@pytest.mark.parametrize(
    "plan",
    [
        PLAN,
        replace(PLAN, network="yolov3-tiny", options={"saturation": "1.2", "jitter": "0.1"}),
        replace(PLAN, steps=(300, 400), own_cfg=None),
    ],
)
def test_the_command_trains_the_very_cfg_that_is_shown(tmp_path: Path, plan: TrainingPlan):
    work = make_work(tmp_path / "work", pictures=12)
    args = _parser().parse_args(plan.arguments(work.root))
    name, cfg = make_network(args, work, ALEXEY, ("mask", "no_mask"))
    assert name == plan.network
    assert plan.cfg(2, ALEXEY).render() == cfg.render()


def test_an_own_cfg_is_adapted(tmp_path: Path):
    write_cfg(tmp_path / "own.cfg", PLAN.cfg(80, ALEXEY))
    plan = replace(PLAN, network="", own_cfg=tmp_path / "own.cfg", width=160, height=160)
    cfg = plan.cfg(2, ALEXEY)
    assert cfg.net.get_int("width") == 160 and cfg.detectors[0].get_int("classes") == 2
    assert "--cfg" in plan.arguments(tmp_path)
    with pytest.raises(DataError, match="silently wrong"):
        plan.cfg(2, DEBIAN)


def test_each_option_says_what_the_network_has_and_what_is_wrong_or_odd():
    found = states(replace(PLAN, options={"saturation": "7", "hue": "x", "angle": "5"}))
    assert found["momentum"].default == "0.9" and not found["momentum"].hint
    assert "unusual" in found["saturation"].hint and not found["saturation"].wrong
    assert "is a number" in found["hue"].wrong
    assert "angle=5" in found["angle"].hint
    assert not any(state.why_not for state in found.values())


def test_what_a_darknet_does_not_know_is_said():
    found = states(replace(PLAN, network="yolov3-tiny"), DEBIAN)
    assert "does not know" in found["mosaic"].why_not and not found["jitter"].why_not
    region = states(replace(PLAN, network="yolov2-tiny"))
    assert "has no" in region["ignore_thresh"].why_not


def test_an_impossible_number_is_an_error():
    with pytest.raises(UsageError, match="multiple of 32"):
        replace(PLAN, width=100).cfg(2, ALEXEY)
    with pytest.raises(UsageError, match="must divide"):
        replace(PLAN, subdivisions=3).cfg(2, ALEXEY)


def test_anchors_are_chosen_from_the_training_split(tmp_path: Path):
    work = make_work(tmp_path / "work", pictures=20)
    for number, label in enumerate(sorted(work.obj.glob("*.txt"))):
        side = 0.1 + number * 0.02
        label.write_text(f"0 0.5 0.5 {side:.3f} {side / 2:.3f}\n")
    found = choose_anchors(PLAN, work, ALEXEY)
    assert len(found.sizes) == 18 and found.before == anchors_of(PLAN.cfg(2, ALEXEY))
    assert found.found.is_better and found.found.average_iou > 0.7
    used = replace(PLAN, auto_anchors=True, anchors=found.found.pairs).cfg(2, ALEXEY)
    assert anchors_of(used) == found.found.pairs
    # The command comes to the same.
    args = _parser().parse_args(replace(PLAN, auto_anchors=True).arguments(work.root))
    assert make_network(args, work, ALEXEY, ("mask", "no_mask"))[1].render() == used.render()


def test_without_boxes_there_are_no_anchors(tmp_path: Path):
    work = make_work(tmp_path / "work")
    for label in work.obj.glob("*.txt"):
        label.write_text("")
    with pytest.raises(DataError, match="no boxes"):
        choose_anchors(PLAN, work, ALEXEY)


def test_steps_are_the_networks_unless_given():
    assert PLAN.cfg(2, ALEXEY).net.get("steps") == "400,450"
    assert replace(PLAN, steps=(100, 200)).cfg(2, ALEXEY).net.get("steps") == "100,200"
    assert value_in(PLAN.cfg(2, ALEXEY), "burn_in") == "83"
