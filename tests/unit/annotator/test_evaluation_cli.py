from __future__ import annotations

import argparse
import csv
import json
from collections.abc import Sequence
from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.darknet.commands.evaluate import add_evaluate
from annotator.darknet.commands.predict import add_predict
from annotator.darknet.run.folder import RunFolder
from converters.commands import run_command
from converters.images import encode_png, load_rgb


def command(*arguments: object) -> int:
    def body(argv: Sequence[str]) -> int:
        parser = argparse.ArgumentParser(prog="train-cli")
        commands = parser.add_subparsers(required=True)
        add_evaluate(commands)
        add_predict(commands)
        args = parser.parse_args(argv)
        code: int = args.body(args)
        return code

    return run_command(body, [str(argument) for argument in arguments])


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_100.weights", 100, gain=0.0)
    samples.add_weights(made, "net_200.weights", 200)
    return made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    (folder / "a.png").write_bytes(encode_png(samples.picture("r....g..........")))
    (folder / "more" / "a.png").write_bytes(encode_png(samples.picture("................")))
    (folder / "notes.txt").write_text("not a picture")
    return folder


def test_evaluate_prints_the_table(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", run.path) == 0
    out, err = capsys.readouterr()
    lines = out.splitlines()
    assert lines[0] == "AP@0.50 in percent on validation, 3 pictures, 3 boxes"
    assert lines[1].split() == ["iteration", "mask", "no_mask", "mAP@0.50", "weights"]
    assert lines[2].split() == ["100", "0.00", "0.00", "0.00", "net_100.weights"]
    assert lines[3].split() == ["200", "100.00", "100.00", "100.00", "net_200.weights", "(chosen)"]
    assert "test, 2 pictures, 4 boxes, with net_200.weights" in out
    assert "precision 1.00, recall 1.00, F1 1.00, TP 4, FP 0, FN 0" in out
    assert f"report: {run.path / 'evaluation/report.html'}" in err
    command("evaluate", run.path)
    assert "not repeated)" in capsys.readouterr().out


def test_evaluate_as_json(run: RunFolder, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", run.path, "--json", "--threshold", "0.6") == 0
    content = json.loads(capsys.readouterr().out)
    assert content["test"]["iou_50"]["tp"] == 3
    assert Path(content["report"]).is_file()


def test_evaluate_reports_missing_pictures_and_goes_on(
    run: RunFolder, capsys: pytest.CaptureFixture[str]
) -> None:
    (run.work / "obj/val2.png").unlink()
    assert command("evaluate", run.path) == 1
    out, err = capsys.readouterr()
    assert "2 pictures, 3 boxes" in out
    assert "[image-missing]" in err


@pytest.mark.parametrize("threshold", ["1.5", "-0.1", "much"])
def test_threshold_out_of_range(run: RunFolder, threshold: str) -> None:
    with pytest.raises(SystemExit) as caught:
        command("evaluate", run.path, f"--threshold={threshold}")
    assert caught.value.code == 2


def test_no_run_and_no_weights_are_sentences(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert command("evaluate", tmp_path) == 1
    assert "is not a training run" in capsys.readouterr().err
    empty = samples.make_run(tmp_path / "work")
    assert command("evaluate", empty.path) == 1
    assert "no whole weights in this run yet" in capsys.readouterr().err
    picture = empty.work / "obj/val0.png"
    assert command("predict", empty.path, picture, "--out", tmp_path / "out") == 1
    assert "no whole weights in this run yet" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_predict_a_folder(
    run: RunFolder, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    before = {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()}
    assert command("predict", run.path, photos, "--out", out) == 0
    assert capsys.readouterr().out.splitlines() == ["a.png\t1 mask, 1 no_mask", "more/a.png\tnothing"]
    assert load_rgb(out / "a.png").shape == (32, 32, 3)
    assert (out / "more" / "a.png").is_file()
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    assert [(row["image"], row["label"]) for row in rows] == [("a.png", "mask"), ("a.png", "no_mask")]
    assert [float(rows[0][edge]) for edge in ("x1", "y1", "x2", "y2")] == pytest.approx(
        [0, 0, 8, 8], abs=0.01
    )
    content = json.loads((out / "predictions.json").read_text())
    assert content["weights"].endswith("net_200.weights")
    assert [len(image["boxes"]) for image in content["images"]] == [2, 0]
    assert {path: path.read_bytes() for path in photos.rglob("*") if path.is_file()} == before
    # The same folder again is fine: it is one of predictions.
    assert command("predict", run.path, photos, "--out", out, "--json") == 0
    assert len(json.loads(capsys.readouterr().out)) == 2


def test_predict_takes_the_weights_that_evaluate_chose(
    run: RunFolder, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    samples.add_weights(run, "net_final.weights", 300, gain=0.0)
    command("predict", run.path, photos, "--out", tmp_path / "before")
    assert "with net_final.weights" in capsys.readouterr().err
    command("evaluate", run.path)
    command("predict", run.path, photos, "--out", tmp_path / "after")
    assert "with net_200.weights" in capsys.readouterr().err


def test_predict_never_writes_onto_its_input(
    run: RunFolder, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (photos / "a.png").read_bytes()
    for sources, out in (
        ([photos], photos),
        ([photos / "a.png"], photos),
        ([photos], photos / "more"),
        ([photos / "a.png"], photos / "more"),
    ):
        assert command("predict", run.path, *sources, "--out", out) == 2
        assert "error:" in capsys.readouterr().err
    link = tmp_path / "link"
    link.symlink_to(photos)
    assert command("predict", run.path, photos, "--out", link) == 2
    assert (photos / "a.png").read_bytes() == before
    assert sorted(path.name for path in photos.iterdir()) == ["a.png", "more", "notes.txt"]


def test_predictions_inside_the_pictures_folder_are_not_looked_at_again(
    run: RunFolder, photos: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        assert command("predict", run.path, photos, "--out", photos / "found") == 0
        assert len(capsys.readouterr().out.splitlines()) == 2


def test_unreadable_pictures_are_reported_and_the_others_go_on(
    run: RunFolder, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (photos / "broken.png").write_bytes(b"no picture")
    missing = tmp_path / "missing.png"
    assert command("predict", run.path, photos, missing, "--out", tmp_path / "out") == 1
    out, err = capsys.readouterr()
    assert len(out.splitlines()) == 2
    assert "broken.png: [image-unreadable]" in err
    assert "missing.png: [image-missing]" in err


def test_equal_names_get_drawings_of_their_own(
    run: RunFolder, photos: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert (
        command("predict", run.path, photos / "a.png", photos / "more/a.png", "--out", tmp_path / "out") == 0
    )
    assert {path.name for path in (tmp_path / "out").glob("*.png")} == {"a.png", "a-2.png"}


def test_folder_without_pictures(run: RunFolder, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    assert command("predict", run.path, tmp_path / "empty", "--out", tmp_path / "out") == 2
    assert "there is no picture" in capsys.readouterr().err
