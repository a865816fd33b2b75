import csv
import io
import json

import pytest

from augment import catalogue
from augment.cli import main
from augment.operations import TRANSFORMS
from augment.policies import ABOUT, POLICIES
from augment.policy import Policy
from augment.policy_file import read_policy


def test_every_operation_and_policy_is_listed(capsys):
    assert main(["--operations"]) == 0
    out = capsys.readouterr().out
    for kind in TRANSFORMS.values():
        assert f"\n  {kind.name}  # {kind.title}\n" in out
    assert list(ABOUT) == list(POLICIES)
    assert all(f"  {name} " in out for name in POLICIES)
    stages = [line.split(":")[0] for line in out.splitlines() if line and not line.startswith(" ")]
    order = ["paste", "colour", "geometry", "combine", "erase", "sensor"]
    assert stages[:-1] == [stage for stage in order if stage in stages]


def test_the_list_as_json_has_what_a_policy_takes(capsys):
    assert main(["--operations", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["operations"] == catalogue.operations()
    assert list(said["policies"]) == list(POLICIES)
    for operation in said["operations"]:
        settings = {key: one["default"] for key, one in operation["settings"].items()}
        policy = Policy.from_dict({"operations": {operation["name"]: settings}})
        assert policy.operations == (TRANSFORMS[operation["name"]](),)


@pytest.mark.parametrize("name", POLICIES)
def test_a_policy_is_taken_by_name_and_printed(name, capsys, tmp_path):
    assert main(["--policy", name, "--show-policy"]) == 0
    file = tmp_path / "p.yaml"
    file.write_text(capsys.readouterr().out)
    assert read_policy(file) == POLICIES[name]


def test_a_file_of_a_policys_name_is_reached_by_its_path(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "night").write_text("operations: {blur: {}}\n")
    (tmp_path / "mine").write_text("operations: {hue: {}}\n")
    assert main(["--policy", "night", "--show-policy"]) == 0
    assert "low_light" in capsys.readouterr().out
    assert main(["--policy", "./night", "--show-policy", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["operations"]) == ["blur"]
    assert main(["--policy", "mine", "--show-policy", "--json"]) == 0
    assert list(json.loads(capsys.readouterr().out)["operations"]) == ["hue"]


def test_copies_by_a_built_in_policy(make_work, capsys):
    work = make_work()
    assert main([str(work.root), "--policy", "rare", "--copies", "3", "--only", "train", "--jobs", "1"]) == 0
    assert "12 copies lie in" in capsys.readouterr().err
    assert main([str(work.root), "--policy", "rare", "--copies", "3"]) == 0
    assert "12 were there already" in capsys.readouterr().err


LOSING = "operations: {rotation: {}}\ncanvas: same\n"


def test_dropped_boxes_are_listed_in_a_file(make_work, capsys, tmp_path):
    work = make_work(label="0 0.05 0.05 0.1 0.1\n1 0.5 0.5 0.2 0.2\n")
    policy = tmp_path / "p.yaml"
    policy.write_text(LOSING)
    listed = tmp_path / "dropped.csv"
    wanted = [str(work.root), "--policy", str(policy), "--dry-run", "--copies", "3"]
    assert main([*wanted, "--json"]) == 0
    dropped = json.loads(capsys.readouterr().out)["dropped"]
    assert main([*wanted, "--dropped", str(listed)]) == 0
    out, err = capsys.readouterr()
    assert f"{len(dropped)} dropped boxes are listed in {listed}" in err
    assert out.splitlines()[-1].endswith(f" {len(dropped)}")
    rows = list(csv.DictReader(io.StringIO(listed.read_text())))
    assert [row["copy"] for row in rows] == [one["copy"] for one in dropped]
    assert {row["label"] for row in rows} == {"mask"}
    edges = [float(rows[0][key]) for key in ("xmin", "ymin", "xmax", "ymax")]
    assert edges == pytest.approx(dropped[0]["xyxy"], abs=1e-4)
    assert list(rows[0]) == ["copy", "image", "box", "label", "xmin", "ymin", "xmax", "ymax"]


def test_dropped_boxes_on_stdout_have_it_for_themselves(make_work, capsys, tmp_path):
    work = make_work(label="0 0.05 0.05 0.1 0.1\n")
    (tmp_path / "p.yaml").write_text(LOSING)
    assert main([str(work.root), "--policy", str(tmp_path / "p.yaml"), "--dropped", "-"]) == 0
    out, err = capsys.readouterr()
    rows = list(csv.DictReader(io.StringIO(out)))
    assert rows and all(row["label"] == "mask" for row in rows)
    assert "dropped" in err and "->" in err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["WORK", "--only", "val"], "validation and test are never augmented"),
        (["WORK", "--policy", "nigth"], "no policy is called 'nigth'; there are study, robust"),
        (["WORK", "--policy", "nigth.yaml"], "nigth.yaml: the policy cannot be read"),
        (["WORK", "--dropped", "-", "--json"], "leave one of them out"),
        (["WORK", "--dropped", "x.csv", "--remove"], "with making copies and with --dry-run only"),
        (["--operations", "--show-policy"], "not allowed with"),
    ],
)
def test_wrong_use_is_exit_code_2(make_work, capsys, arguments, said):
    work = make_work()
    assert main([str(work.root) if word == "WORK" else word for word in arguments]) == 2
    out, err = capsys.readouterr()
    assert said in err
    if "--json" in arguments:  # who asked for JSON gets the error as such, too
        assert said in json.loads(out)["error"]["message"]
    else:
        assert out == ""
