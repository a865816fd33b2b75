import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from augment.cli import main
from augment.manifest import boxes_of
from augment.operations.colour import Blur
from augment.operations.erasing import Cutout
from augment.operations.mixing import CutMix, Mixup, Mosaic
from augment.operations.pasting import CopyPaste
from augment.plan import make_plan
from augment.policy import STUDY, Policy
from augment.runner import augment, remove, summarise
from converters.errors import UsageError
from converters.images import encode_png
from converters.model import Split
from converters.work import SplitRow, WorkFolder, write_lists, write_split

NAMES = ("mask", "no_mask", "chin_diaper")
MIXED = Policy(
    operations=(Blur(), Mosaic(), Mixup(), CutMix(), CopyPaste(min_sharpness=0.0)), operations_per_copy=2
)
LOOSE = Policy(operations=(Blur(sigma_range=(0.5, 0.6)), CopyPaste(min_sharpness=0.0)), operations_per_copy=1)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def line(label: str, x: float, y: float, size=(320, 240), side=(28, 34)) -> str:
    cx, cy, w, h = (
        (x + side[0] / 2) / size[0],
        (y + side[1] / 2) / size[1],
        side[0] / size[0],
        side[1] / size[1],
    )
    return f"{NAMES.index(label)} {cx:.6f} {cy:.6f} {w:.6f} {h:.6f}\n"


@pytest.fixture
def faces(tmp_path):
    """A set of 320 × 240 pictures: six with masks, two with a no_mask, one with a chin_diaper."""

    def build(folder="work"):
        work = WorkFolder(tmp_path / folder)
        work.obj.mkdir(parents=True)
        work.names.write_text("".join(f"{name}\n" for name in NAMES))
        rows = []
        for number in range(10):
            rng = np.random.default_rng(number)
            rgb = rng.integers(40, 220, (240, 320, 3)).astype(np.uint8)
            label = line("mask", 40, 80) + line("mask", 200, 90)
            if number in (6, 7):
                label = line("no_mask", 120, 70) + line("mask", 220, 80)
            if number == 8:
                label = line("chin_diaper", 100, 100)
            (work.obj / f"p{number}.png").write_bytes(encode_png(rgb))
            (work.obj / f"p{number}.txt").write_text(label)
            rows.append(SplitRow(f"obj/p{number}.png", Split.TRAIN if number < 9 else Split.VAL))
        write_split(work, rows)
        write_lists(work)
        return work

    return build


def pasted_on(copy) -> Counter[str]:
    return Counter(copy.boxes[place].label for place in copy.pasted)


def test_pastes_are_dealt_evenly_over_a_pictures_copies(faces):
    work = faces()
    plan = make_plan(
        work.root,
        copies={"obj/p0": 3, "obj/p1": 1},
        seed=1,
        pastes={"obj/p0": {"no_mask": 4, "chin_diaper": 2}},
    )
    assert [copy.stem for copy in plan.copies] == ["p0_c1", "p0_c2", "p0_c3", "p1_c1"]
    assert [sum(pasted_on(copy).values()) for copy in plan.copies] == [2, 2, 2, 0]
    assert sum((pasted_on(copy) for copy in plan.copies), Counter()) == {"no_mask": 4, "chin_diaper": 2}
    assert plan.pastes.asked == {"no_mask": 4, "chin_diaper": 2} and not plan.pastes.unplaced
    for copy in plan.copies[:3]:
        assert copy.recipe.steps[0].transform.name == "copy_paste"
        assert {step.transform.name for step in copy.recipe.steps[1:]} <= set(STUDY.as_dict()["operations"])
    result = summarise(plan, frozenset(copy.stem for copy in plan.copies), 0)
    assert result.pasted == {"mask": 0, "no_mask": 4, "chin_diaper": 2}
    assert result.boxes_after["chin_diaper"] == 3


def test_the_policys_operations_stay_what_they_are_without_pastes(faces):
    work = faces()
    asked = {"obj/p0": 2, "obj/p1": 2}
    without = make_plan(work.root, copies=asked, seed=1)
    pasted = make_plan(work.root, copies=asked, seed=1, pastes={"obj/p0": {"no_mask": 2}})
    for one, other in zip(without.copies, pasted.copies, strict=True):
        assert [step for step in other.recipe.steps if step.transform.name != "copy_paste"] == list(
            one.recipe.steps
        )


def test_what_finds_no_place_goes_elsewhere_and_the_rest_is_counted(faces):
    work = faces()
    full = "".join(line("mask", x, y) for x in range(2, 280, 34) for y in range(2, 200, 46))
    (work.obj / "p0.txt").write_text(full)
    plan = make_plan(
        work.root, copies={"obj/p0": 1, "obj/p1": 2}, seed=1, pastes={"obj/p0": {"no_mask": 3}}, policy=LOOSE
    )
    assert plan.pastes.elsewhere == 3 and not plan.pastes.unplaced
    assert not pasted_on(plan.copies[0])
    policy = Policy(operations=(Blur(),), also=(), operations_per_copy=1)
    greedy = make_plan(
        work.root, copies={"obj/p1": 10}, seed=1, pastes={"obj/p1": {"chin_diaper": 20}}, policy=policy
    )
    assert greedy.pastes.unplaced == {"chin_diaper": 15}  # one face, at most five times
    assert [issue.code for issue in greedy.report.warnings] == ["not-pasted"]
    assert "15 of 20 chin_diaper faces" in greedy.report.warnings[0].message
    result = summarise(greedy, frozenset(copy.stem for copy in greedy.copies), 0)
    assert result.boxes_after["chin_diaper"] == 1 + 5
    assert result.unplaced == {"chin_diaper": 15}


def test_no_face_is_used_too_often_and_none_on_its_own_picture(faces):
    work = faces()
    plan = make_plan(
        work.root, copies={"obj/p6": 4, "obj/p1": 4}, seed=3, pastes={"obj/p6": {"no_mask": 8}}, policy=LOOSE
    )
    uses = Counter()
    for copy in plan.copies:
        for step in copy.recipe.steps:
            if step.transform.name == "copy_paste":
                for face in step.params["faces"]:
                    assert face["donor"] != copy.image.key
                    uses[face["donor"], face["box"]] += 1
    assert uses and max(uses.values()) <= 5


@pytest.mark.parametrize(
    ("pastes", "said"),
    [
        ({"obj/p5": {"no_mask": 1}}, "gets no copy"),
        ({"obj/nobody": {"no_mask": 1}}, "gets no copy"),
        ({"obj/p0": {"nose": 1}}, "'nose' is no class"),
        ({"obj/p0": {"no_mask": -1}}, "below 0"),
        ({"obj/p0": {"no_mask": 21}}, "more than 20"),
    ],
)
def test_what_cannot_be_asked_is_said(faces, pastes, said):
    with pytest.raises(UsageError, match=said):
        make_plan(faces().root, copies={"obj/p0": 1}, seed=1, pastes=pastes)


def test_a_policy_that_names_no_class_of_the_set_is_refused(faces):
    policy = Policy(operations=(CopyPaste(classes=("nose",)),), operations_per_copy=1)
    with pytest.raises(UsageError, match=r"copy_paste\.classes: 'nose'"):
        make_plan(faces().root, copies=1, seed=1, policy=policy)


def test_a_copy_that_would_be_its_original_is_left_out(faces):
    work = faces()
    policy = Policy(operations=(CopyPaste(classes=("chin_diaper",), max_uses=1),), operations_per_copy=1)
    plan = make_plan(work.root, copies=1, seed=1, policy=policy)
    assert len(plan.copies) == 1
    assert [issue.code for issue in plan.report.warnings] == ["no-operation"]
    assert "8 copies" in plan.report.warnings[0].message


def test_same_bytes_with_one_and_many_processes_and_the_plan_tells_the_labels(faces):
    one, many = faces("one"), faces("many")
    asked = {"copies": {f"obj/p{n}": 3 for n in range(9)}, "seed": 5, "policy": MIXED}
    pastes = {"obj/p0": {"no_mask": 2, "chin_diaper": 1}}
    augment(one.root, jobs=1, pastes=pastes, **asked)
    augment(many.root, jobs=3, pastes=pastes, **asked)
    assert content(one.augmented) == content(many.augmented)
    names = {step["operation"] for line in json.loads((one.augmented / "manifest.json").read_text())["copies"]
             for step in line["operations"]}  # fmt: skip
    assert names == {"blur", "mosaic", "mixup", "cutmix", "copy_paste"}
    text = (one.augmented / "manifest.json").read_text()
    assert str(one.root) not in text


def test_a_run_with_pastes_repeats_resumes_and_is_replaced(faces):
    work, other = faces(), faces("other")
    asked = {"copies": {f"obj/p{n}": 2 for n in range(9)}, "seed": 5}
    pastes = {"obj/p0": {"no_mask": 2}, "obj/p4": {"chin_diaper": 2}}
    augment(other.root, pastes=pastes, **asked)

    def stop(done: int, total: int) -> None:
        if done >= 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        augment(work.root, pastes=pastes, jobs=1, on_progress=stop, **asked)
    assert augment(work.root, pastes=pastes, **asked).made == 18 - 8
    assert content(work.augmented) == content(other.augmented)
    assert augment(work.root, pastes=pastes, **asked).made == 0
    softer = Policy(also=(), operations=(*STUDY.operations, CopyPaste(light=0.2)))
    result = augment(work.root, pastes=pastes, policy=softer, **asked)
    assert result.made == 18
    assert augment(work.root, **asked).made == 18
    assert remove(work.root) == 18


def test_an_unreadable_donor_costs_only_the_copies_that_need_it(faces):
    work = faces()
    policy = Policy(operations=(Mixup(),), operations_per_copy=1)
    plan = make_plan(work.root, copies=2, seed=1, policy=policy)
    needing = {copy.stem for copy in plan.copies if "obj/p3" in copy.recipe.donors}
    own = {"p3_c1", "p3_c2"}
    assert needing - own
    whole = (work.obj / "p3.png").read_bytes()
    (work.obj / "p3.png").write_bytes(whole[: len(whole) // 2])
    result = augment(work.root, copies=2, seed=1, policy=policy)
    made = {path.stem for path in work.augmented.glob("*.png")}
    assert made == {copy.stem for copy in plan.copies} - needing - own
    assert {issue.path.name for issue in result.report.errors} == {"p3.png"}
    said = next(issue.message for issue in result.report.errors if "that need" in issue.message)
    assert f"{len(needing - own)} cop" in said
    (work.obj / "p3.png").write_bytes(whole)
    assert augment(work.root, copies=2, seed=1, policy=policy).made == len(needing | own)


def test_moved_boxes_make_copies_again_whose_pixels_look_at_them(faces):
    work = faces()
    policy = Policy(operations=(Cutout(),), operations_per_copy=1)
    augment(work.root, copies=1, seed=1, policy=policy)
    plan = make_plan(work.root, copies=1, seed=1, policy=policy)
    assert all(boxes_of(copy) for copy in plan.copies)
    (work.obj / "p0.txt").write_text(line("mask", 60, 80))
    assert augment(work.root, copies=1, seed=1, policy=policy).made == 1


def test_command_carries_out_a_plan_and_a_target(faces, capsys):
    work = faces()
    plan_csv = work.root.parent / "plan.csv"
    plan_csv.write_text("image,copies,pastes\nobj/p0.png,2,no_mask=1;chin_diaper=1\nobj/p8.png,3,\n")
    assert main([str(work.root), "--plan", str(plan_csv), "--dry-run"]) == 0
    table = [row.split() for row in capsys.readouterr().out.splitlines()]
    assert table[0] == ["class", "boxes", "after", "dropped", "pasted"]
    assert table[3] == ["chin_diaper", "1", "->", "5", "0", "1"]
    assert not work.augmented.exists()
    assert main([str(work.root), "--plan", str(plan_csv), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["copies"], said["made"], said["pasted"]["no_mask"]) == (5, 5, 1)
    assert said["plan"]["copies"] == {"obj/p0": 2, "obj/p8": 3}
    assert main([str(work.root), "--plan", str(plan_csv)]) == 0
    assert "5 were there already" in capsys.readouterr().err
    assert main([str(work.root), "--balance", "2:1", "--max-copies", "5", "--paste"]) == 0
    after = json.loads((work.augmented / "manifest.json").read_text())
    assert after["paste"]["max_uses"] == 5 or not any(
        step["operation"] == "copy_paste" for copy in after["copies"] for step in copy["operations"]
    )
    plan_csv.write_text("image,copies,pastes\nobj/p9.png,2,\n")
    assert main([str(work.root), "--plan", str(plan_csv)]) == 1
    assert "plan.csv:2" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (["--plan", "a.csv", "--balance", "5:1"], "not allowed with"),
        (["--plan", "a.csv", "--copies", "2"], "not allowed with"),
        (["--balance", "5:1", "--copies", "2"], "not allowed with"),
        (["--paste"], "--paste: goes with --balance only"),
        (["--max-copies", "3"], "--max-copies: goes with --balance only"),
        (["--balance", "1:5"], "largest class"),
        (["--balance", "5:1", "--max-copies", "0"], "at most 0 copies"),
    ],
)
def test_command_refuses_what_cannot_be_meant(faces, capsys, wrong, said):
    assert main([str(faces().root), *wrong]) == 2
    assert said in capsys.readouterr().err
