"""The whole way on the demo set with the real Darknet: a zip in, predictions out."""

from __future__ import annotations

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import cv2
import pytest

from annotator.darknet.program.dialect import find_darknet
from annotator.loop import MODULES, go_through
from assets import demo_path

pytestmark = pytest.mark.darknet

RENAME = "with_mask=mask,without_mask=no_mask,mask_weared_incorrect=chin_diaper"
TINY = ["--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "2"]


@pytest.fixture(autouse=True)
def _needs_darknet():
    if find_darknet() is None:
        pytest.skip("no Darknet on this machine (apt install darknet)")


def run(*command: str, cwd: Path, code: int = 0) -> subprocess.CompletedProcess[str]:
    name, *arguments = command
    done = subprocess.run(
        [sys.executable, "-m", MODULES[name], *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    return done


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A data set made from a zip of the demo set, with copies, and a run stopped after its first weights."""
    root = tmp_path_factory.mktemp("way")
    archive = root / "archive.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(demo_path().rglob("*.*")):
            file.write(path, path.relative_to(demo_path()))
    before = archive.read_bytes()
    convert = run("convert-cli", "archive.zip", "work", "--to", "yolo", "--rename", RENAME,
                  "--split", "70/15/15", "--seed", "1", cwd=root)  # fmt: skip
    assert archive.read_bytes() == before and "chin_diaper" in convert.stdout
    run("check-cli", "work", cwd=root)
    balance = json.loads(run("balance-cli", "work", "--json", cwd=root).stdout)
    assert balance["imbalance"] == pytest.approx(160 / 12, abs=1e-3)
    run("augment-cli", "work", "--copies", "2", "--seed", "1", cwd=root)

    # Ctrl-C after the weights of iteration 100 were saved.
    events = []
    with (root / "talk").open("w+") as talk:
        child = subprocess.Popen(
            [sys.executable, "-m", MODULES["train-cli"], "run", "work", *TINY, "--max-batches", "120",
             "--events"], cwd=root, stdout=subprocess.PIPE, stderr=talk, text=True,
        )  # fmt: skip
        assert child.stdout is not None
        # Read to its end in one way only: communicate() would not see what the iterator has read ahead.
        with child:
            for line in child.stdout:
                events.append(json.loads(line))
                if events[-1]["event"] == "iteration" and events[-1]["iteration"] == 103:
                    child.send_signal(signal.SIGINT)
        talk.seek(0)
        assert child.returncode == 130, talk.read()
    first, last = events[0], events[-1]
    assert first["event"] == "run"
    assert last["event"] == "finished" and last["status"] == "stopped" and "100" in last["message"]
    return root, root / first["path"]


def test_lists_hold_originals_and_copies(trained: tuple[Path, Path]):
    work = trained[0] / "work"
    train = (work / "train.txt").read_text().split()
    copies = [line for line in train if line.startswith("augmented/")]
    assert len(copies) == 2 * (len(train) - len(copies)) == 60
    for name in ("val.txt", "test.txt"):
        lines = (work / name).read_text().split()
        assert lines and all(line.startswith("obj/") for line in lines)
    assert all((work / line).with_suffix(".txt").is_file() for line in train)


def test_resume_evaluate_predict(trained: tuple[Path, Path], tmp_path: Path):
    root, folder = trained
    resumed = run("train-cli", "resume", str(folder), cwd=root)
    assert resumed.stdout.splitlines()[0] == str(folder)
    with (folder / "metrics.csv").open() as file:
        iterations = [int(row["iteration"]) for row in csv.DictReader(file)]
    assert iterations[-1] == 120 and 101 in iterations[100:], "it goes on from 100"

    evaluated = run("train-cli", "evaluate", str(folder), cwd=root)
    assert "mAP" in evaluated.stdout and "validation" in evaluated.stdout and "test" in evaluated.stdout
    assert (folder / "evaluation" / "report.html").stat().st_size > 1000

    pictures = tmp_path / "in"
    pictures.mkdir()
    for line in (root / "work" / "test.txt").read_text().split()[:3]:
        shutil.copy(root / "work" / line, pictures)
    (pictures / "broken.png").write_bytes(b"no picture")
    out = tmp_path / "out"
    done = run("train-cli", "predict", str(folder), str(pictures), "--out", str(out), cwd=root, code=1)
    assert "broken.png" in done.stderr
    drawn = sorted(out.glob("*.png"))
    assert len(drawn) == 3
    for path in drawn:
        assert cv2.imread(str(path)).shape[:2] == cv2.imread(str(pictures / path.name)).shape[:2]


def test_a_network_that_darknet_does_not_know_is_refused(trained: tuple[Path, Path]):
    root, _ = trained
    found = find_darknet()
    assert found is not None
    if found.knows("yolov4-tiny"):
        pytest.skip("this Darknet knows yolov4-tiny")
    runs = sorted((root / "work" / "runs").iterdir())
    done = run("train-cli", "run", "work", "--network", "yolov4-tiny", cwd=root, code=2)
    assert "does not know yolov4-tiny" in done.stderr
    assert sorted((root / "work" / "runs").iterdir()) == runs


def test_copies_can_be_taken_away(trained: tuple[Path, Path], tmp_path: Path):
    work = tmp_path / "work"
    shutil.copytree(trained[0] / "work", work, ignore=shutil.ignore_patterns("runs"))
    run("augment-cli", "work", "--remove", cwd=tmp_path)
    assert not (work / "augmented").exists()
    assert all(line.startswith("obj/") for line in (work / "train.txt").read_text().split())


def test_without_a_darknet_the_command_says_what_to_do(trained: tuple[Path, Path]):
    environ = {name: value for name, value in os.environ.items() if name != "DARKNET"} | {"PATH": "/nowhere"}
    done = subprocess.run(
        [sys.executable, "-m", MODULES["train-cli"], "run", "work", *TINY],
        cwd=trained[0], capture_output=True, text=True, env=environ, check=False,
    )  # fmt: skip
    assert done.returncode == 2 and "apt install darknet" in done.stderr and "AlexeyAB" in done.stderr


def test_the_loop_without_a_display(tmp_path: Path, small_demo: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    folder = go_through(small_demo, Path("work"), 3)
    assert (folder / "evaluation" / "report.html").is_file()
    assert list((folder / "predicted").glob("*.png"))


def test_the_kaggle_pictures(tmp_path: Path, kaggle_archive: Path):
    before = {path: path.stat().st_mtime_ns for path in kaggle_archive.rglob("*")}
    run("convert-cli", str(kaggle_archive), "work", "--to", "yolo", "--rename", RENAME, "--split", "70/15/15",
        "--seed", "1", cwd=tmp_path)  # fmt: skip
    run("check-cli", "work", "--no-images", cwd=tmp_path)
    work = tmp_path / "work"
    assert (work / "obj.names").read_text() == "mask\nno_mask\nchin_diaper\n"
    sizes = {name: len((work / f"{name}.txt").read_text().split()) for name in ("train", "val", "test")}
    assert sizes == {"train": 129, "val": 28, "test": 28}
    assert {path: path.stat().st_mtime_ns for path in kaggle_archive.rglob("*")} == before
