import json
import subprocess
import sys

import pytest

from augment.cli import main
from augment.policy import STUDY, Policy
from augment.policy_file import read_policy
from converters.images import load_rgb


def test_copies_and_what_is_printed(make_work, capsys):
    work = make_work(train=4)
    assert main([str(work.root), "--copies", "2", "--seed", "1", "--jobs", "1"]) == 0
    out, err = capsys.readouterr()
    assert [line.split() for line in out.splitlines()] == [
        ["class", "boxes", "after", "dropped"],
        ["mask", "4", "->", "12", "0"],
        ["no_mask", "4", "->", "12", "0"],
        ["chin_diaper", "0", "->", "0", "0"],
        ["all", "8", "->", "24", "0"],
    ]
    assert f"8 copies lie in {work.augmented}; 12 training pictures in train.txt" in err
    assert main([str(work.root), "--copies", "2"]) == 0
    assert "8 copies (8 were there already)" in capsys.readouterr().err


def test_json(make_work, capsys):
    work = make_work()
    assert main([str(work.root), "--copies", "1", "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["copies"] == said["made"] == 4
    assert said["boxes_after"] == {"mask": 8, "no_mask": 8, "chin_diaper": 0}
    assert said["issues"] == []
    assert said["dry_run"] is False


def test_dry_run_counts_the_same_and_makes_nothing(make_work, capsys):
    work = make_work(label="0 0.05 0.05 0.1 0.1\n1 0.5 0.5 0.2 0.2\n")
    policy = work.root.parent / "p.json"
    policy.write_text('{"operations": {"rotation": {}}, "operations_per_copy": 1, "canvas": "same"}')
    wanted = [str(work.root), "--policy", str(policy), "--copies", "3"]
    before = sorted(work.root.rglob("*"))
    assert main([*wanted, "--dry-run"]) == 0
    would = capsys.readouterr()
    assert "nothing was made" in would.err
    assert sorted(work.root.rglob("*")) == before
    assert main(wanted) == 0
    assert capsys.readouterr().out == would.out
    assert int(would.out.split()[-1]) > 0


def test_show_policy_is_a_policy_file(make_work, capsys, tmp_path):
    assert main(["--show-policy"]) == 0
    file = tmp_path / "policy.yaml"
    file.write_text(capsys.readouterr().out)
    assert read_policy(file) == STUDY
    options = ["--policy", str(file), "--operations-per-copy", "3", "--show-policy", "--json"]
    assert main(options) == 0
    changed = json.loads(capsys.readouterr().out)
    assert changed["operations_per_copy"] == 3
    file.with_suffix(".json").write_text(json.dumps(changed))
    assert read_policy(file.with_suffix(".json")) == Policy(operations_per_copy=3)
    work = make_work()
    assert main([str(work.root), "--copies", "1"]) == 0
    assert main([str(work.root), "--copies", "1", "--policy", str(file)]) == 0
    assert "4 were there already" in capsys.readouterr().err


def test_preview_draws_a_sheet_and_nothing_else(make_work, capsys, tmp_path):
    work = make_work()
    before = sorted(work.root.rglob("*"))
    sheet = tmp_path / "sheet.PNG"
    assert main([str(work.root), "--preview", str(sheet), "--preview-count", "2"]) == 0
    assert load_rgb(sheet).shape == (2 * (400 + 18 + 8) + 8 + 18, 3 * 408 + 8, 3)
    assert sorted(work.root.rglob("*")) == before
    assert str(sheet) in capsys.readouterr().err


def test_preview_takes_the_next_picture_for_one_that_cannot_be_read(make_work, capsys, tmp_path):
    work = make_work()
    whole = (work.obj / "p0.png").read_bytes()
    (work.obj / "p0.png").write_bytes(whole[: len(whole) // 2])
    assert main([str(work.root), "--preview", str(tmp_path / "s.png"), "--preview-count", "3"]) == 1
    assert "p0.png" in capsys.readouterr().err
    assert load_rgb(tmp_path / "s.png").shape[0] == 3 * (400 + 18 + 8) + 8 + 18


def test_remove(make_work, capsys):
    work = make_work()
    assert main([str(work.root)]) == 0
    capsys.readouterr()
    assert main([str(work.root), "--remove", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"removed": 8}
    assert not work.augmented.exists()


def test_broken_picture_is_exit_code_1(make_work, capsys):
    work = make_work()
    (work.obj / "p1.png").write_bytes(b"")
    assert main([str(work.root)]) == 1
    assert "p1.png" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which data set"),
        (["--remove"], "which data set"),
        (["WORK", "--copies", "none"], "invalid int"),
        (["WORK", "--copies", "0"], "0 copies"),
        (["WORK", "--jobs", "-1"], "-1 jobs"),
        (["WORK", "--operations-per-copy", "9"], "operations_per_copy: 9"),
        (["WORK", "--policy", "/nowhere.json"], "/nowhere.json: the policy cannot be read"),
        (["WORK", "--preview", "sheet.jpg"], "end in .png"),
        (["WORK", "--preview", "s.png", "--preview-count", "0"], "at least 1"),
        (["WORK", "--preview", "s.png", "--remove"], "not allowed with"),
    ],
)
def test_wrong_use_is_exit_code_2(make_work, capsys, arguments, said):
    work = make_work()
    assert main([str(work.root) if word == "WORK" else word for word in arguments]) == 2
    out, err = capsys.readouterr()
    assert said in err
    assert out == ""


def test_no_data_set_says_how_to_make_one(tmp_path, capsys):
    assert main([str(tmp_path)]) == 1
    assert "convert-cli" in capsys.readouterr().err


def test_help_has_examples(capsys):
    assert main(["--help"]) == 0
    assert "augment-cli work --copies 2 --seed 1" in capsys.readouterr().out


def test_light_start_and_a_whole_process(make_work):
    code = "import sys, augment.cli; print([m for m in ('cv2', 'PyQt5', 'pandas') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "[]"
    work = make_work(train=6)
    ran = subprocess.run(
        [sys.executable, "-m", "augment.cli", str(work.root), "--jobs", "2"], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert len((work.root / "train.txt").read_text().splitlines()) == 18
