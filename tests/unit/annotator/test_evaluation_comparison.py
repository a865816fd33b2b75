"""Two runs side by side, and how fast one is."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.darknet import cli
from annotator.darknet.evaluation.comparison import cfg_changes, compare_runs, not_evaluated
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.prediction.speed import (
    Speed,
    keep_speed,
    measure_darknet,
    measure_opencv,
    read_times,
    stored_speeds,
)
from annotator.darknet.program.dialect import Darknet, recognise
from annotator.darknet.run.data_record import DataRecord, read_record, record_of, render_record
from annotator.darknet.run.folder import RunFolder
from converters.errors import DataError
from converters.model import Split
from converters.work import SplitRow, WorkFolder, write_lists, write_split


def second_run(first: RunFolder, **net: int) -> RunFolder:
    cfg = samples.cell_cfg().with_net(**net)
    darknet = Darknet(Path("/usr/bin/darknet"), "pjreddie")
    return RunFolder.create(WorkFolder(first.work), network="cells", cfg=cfg, darknet=darknet)


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunFolder, RunFolder]:
    first = samples.make_run(tmp_path / "work")
    samples.add_weights(first, "net_100.weights", 100, swapped=True)
    # Between the two: a label, a picture's split, an option.
    (first.work / "obj/val1.txt").write_text(samples.label_text("..........g....."))
    pictures = dict(samples.PICTURES) | {"val2": (Split.TRAIN, "................")}
    work = WorkFolder(first.work)
    write_split(work, [SplitRow(f"obj/{name}.png", split) for name, (split, _) in pictures.items()])
    write_lists(work)
    second = second_run(first, max_batches=500)
    samples.add_weights(second, "net_100.weights", 100)
    return first, second


def test_the_difference_has_an_interval_and_a_verdict(runs: tuple[RunFolder, RunFolder]) -> None:
    for run in runs:
        evaluate_run(run)
    found = compare_runs(*runs)
    assert found.pictures == 2
    by_name = {(one.name, one.iou): one for one in found.differences}
    mean = by_name["mAP", 0.5]
    assert (mean.first, mean.second, mean.change) == (0, 1, 1)
    assert mean.interval is not None and mean.interval[0] > 0 and mean.verdict == "better"
    assert len(found.better_on) == 2 and found.worse_on == ()
    assert any("2 pictures" in note for note in found.notes)
    turned = compare_runs(runs[1], runs[0])
    assert turned.differences[0].verdict == "worse" and len(turned.worse_on) == 2
    same = compare_runs(runs[0], runs[0])
    assert same.differences[0].interval == (0, 0) and same.differences[0].verdict == "not told apart"


def test_what_was_changed_between_them(runs: tuple[RunFolder, RunFolder]) -> None:
    for run in runs:
        evaluate_run(run)
    found = compare_runs(*runs)
    assert found.data.relabelled == ("obj/val1.png",)
    assert found.data.moved == (("obj/val2.png", "val", "train"),)
    assert (found.data.added, found.data.removed) == ((), ())
    assert found.data.boxes == (("0", 6, 5), ("1", 2, 3))
    assert found.settings == (("[net] max_batches", "400", "500"),)
    (runs[0].path / "data.json").unlink()
    assert compare_runs(*runs).data.relabelled is None


def test_pictures_that_one_was_trained_on_are_left_out(runs: tuple[RunFolder, RunFolder]) -> None:
    for run in runs:
        evaluate_run(run)
    listed = runs[1].list_of(Split.TRAIN)
    listed.write_text(listed.read_text() + "../../obj/test0.png\n")
    found = compare_runs(*runs)
    assert (found.pictures, found.left_out) == (1, 1)
    assert any("trained on them" in note for note in found.notes)


def test_what_cannot_be_compared_is_said(runs: tuple[RunFolder, RunFolder], tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no evaluation yet"):
        compare_runs(*runs)
    shutil.copytree(runs[0].work, tmp_path / "other")
    other = RunFolder.open(tmp_path / "other/runs" / runs[0].path.name)
    with pytest.raises(DataError, match="different data sets"):
        compare_runs(runs[0], other)
    strange = RunFolder(runs[1].path, replace(runs[1].info, class_names=("cat",)))
    with pytest.raises(DataError, match="no class in common"):
        compare_runs(runs[0], strange)


def test_layers_are_compared_option_by_option() -> None:
    first = parse_cfg("[net]\nwidth=32\n[convolutional]\nfilters=8\n[yolo]\nmask = 0, 1\n[yolo]\nmask=2\n")
    second = parse_cfg("[net]\nwidth=64\n[convolutional]\nfilters=8\n[yolo]\nmask=0,1\n[yolo]\nmask=3\nx=1\n")
    assert list(cfg_changes(first, second)) == [
        ("[net] width", "32", "64"), ("[yolo] mask", "2", "3"), ("[yolo] x", "", "1"),
    ]  # fmt: skip
    third = parse_cfg("[net]\nwidth=32\n[convolutional]\nfilters=8\n[yolo]\nmask=0\n")
    assert list(cfg_changes(first, third)) == [("[yolo] sections", "2", "1")]


def test_the_record_of_the_data(tmp_path: Path) -> None:
    work = samples.make_work(tmp_path, samples.PICTURES)
    (tmp_path / "augmented").mkdir()
    (tmp_path / "augmented/manifest.json").write_text('{"seed": 3, "policy": {"a": 1}, "copies": [1, 2]}')
    entries = ["obj/test0.png", "obj/val2.png", "augmented/missing.png"]
    record = record_of(work.root, entries)
    assert record.augmentation == {"seed": 3, "policy": {"a": 1}}
    assert record.labels["obj/val2.png"] == record.labels["augmented/missing.png"] == ""
    (tmp_path / "data.json").write_text(render_record(record))
    assert read_record(tmp_path / "data.json") == record
    for broken in ("", "[]", '{"version": 1}', '{"version": 2}'):
        (tmp_path / "data.json").write_text(broken)
        assert read_record(tmp_path / "data.json") is None
    assert record_of(work.root, entries[:1]).augmentation == {}
    assert DataRecord().labels == {}


def test_the_command_compares(runs: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    for run in runs:
        evaluate_run(run)
    paths = [str(run.path) for run in runs]
    assert cli.main(["compare", *paths]) == 0
    out = capsys.readouterr().out
    assert "better" in out and "1 picture relabelled: obj/val1.png" in out
    assert "[net] max_batches: 400 → 500" in out
    assert cli.main(["compare", *paths, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pictures"] == 2


def test_percentiles_of_the_speed() -> None:
    speed = Speed("x", "y", "z", 32, 32, tuple(float(value) for value in range(1, 101)))
    assert (speed.mean, speed.median, speed.p95) == (50.5, 50.5, 95)
    assert speed.fps == pytest.approx(1000 / 50.5)
    assert Speed("x", "y", "z", 32, 32, (4.0,)).p95 == 4


def test_times_that_darknets_print() -> None:
    text = "a.png: Predicted in 61.140000 milli-seconds.\nmask: 99%\n"
    text += "Enter Image Path: b.png: Predicted in 0.1230 seconds.\n"
    assert read_times(text) == [61.14, 123.0]


def test_speed_of_a_run(runs: tuple[RunFolder, RunFolder], capsys: pytest.CaptureFixture[str]) -> None:
    speed = measure_opencv(runs[0], pictures=4, warm_up=1)
    assert len(speed.milliseconds) == 4 and speed.mean > 0 and speed.device
    assert cli.main(["speed", str(runs[0].path), "--pictures", "3", "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert (found["pictures"], found["batch"]) == (3, 1)
    with pytest.raises(SystemExit):
        cli.main(["speed", str(runs[0].path), "--pictures", "0"])


@pytest.mark.darknet
@pytest.mark.skipif(shutil.which("darknet") is None, reason="Debian's darknet is not installed")
def test_speed_of_a_real_darknet(runs: tuple[RunFolder, RunFolder]) -> None:
    darknet = recognise(Path(shutil.which("darknet") or ""))
    assert darknet is not None
    told: list[tuple[int, int]] = []
    speed = measure_darknet(
        runs[0], darknet, pictures=3, warm_up=1, on_progress=lambda *done: told.append(done)
    )
    assert len(speed.milliseconds) == 3 and told[-1][1] == 4
    keep_speed(runs[0], speed)
    keep_speed(runs[0], speed)
    assert [one["pictures"] for one in stored_speeds(runs[0])] == [3, 3]
    (runs[0].path / "speed.json").write_text("broken")
    assert stored_speeds(runs[0]) == []


def test_without_test_pictures_those_of_validation_are_compared(tmp_path: Path) -> None:
    pictures = {name: one for name, one in samples.PICTURES.items() if not name.startswith("test")}
    first = samples.make_run(tmp_path / "work", pictures)
    darknet = Darknet(Path("/usr/bin/darknet"), "pjreddie")
    second = RunFolder.create(
        WorkFolder(first.work), network="cells", cfg=samples.cell_cfg(), darknet=darknet
    )
    samples.add_weights(first, "net_final.weights", 200)
    samples.add_weights(second, "net_final.weights", 200, swapped=True)
    assert not_evaluated(first, second) == [first, second]
    for each in (first, second):
        evaluate_run(each)
    assert not_evaluated(first, second) == []
    found = compare_runs(first, second)
    assert (found.split, found.pictures) == (Split.VAL, 3)
    assert any("validation pictures" in note for note in found.notes)
    assert [Path(one.image).stem for one, _ in found.pairs] == ["val0", "val1"]
    assert "pairs" in found.as_dict() and found.as_dict()["pairs"] == ()
