from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.cli.convert import main
from converters.losses import losses, without_crowds
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    path = tmp_path / "set" / "x.png"
    path.parent.mkdir()
    Image.new("RGB", (100, 80)).save(path)
    boxes = (
        Box((1.0, 2.0, 30.0, 40.0), "mask", None, frozenset({"difficult", "occluded"})),
        Box((1.0, 2.0, 50.0, 60.0), "mask", 0.5, frozenset({"difficult"})),
        Box((5.0, 5.0, 60.0, 60.0), "mask", None, frozenset({"crowd"})),
    )
    image = AnnotatedImage("x", path, (100, 80), boxes, Split.TRAIN)
    return Dataset(path.parent, "memory", (image,), ("mask", "no_mask"))


def counts(dataset: Dataset, format: str) -> dict[str, int]:
    return {loss.what: loss.count for loss in losses(dataset, registry.codec_named(format))}


def test_losses_are_counted_by_what_a_format_keeps(dataset: Dataset) -> None:
    assert counts(dataset, "yolo") == {"confidence": 1, "crowd": 1, "difficult": 2, "occluded": 1}
    assert counts(dataset, "voc") == {"confidence": 1, "crowd": 1}
    assert counts(dataset, "coco") == {}
    assert counts(dataset, "csv") == {}
    messages = [loss.message for loss in losses(dataset, registry.codec_named("yolo"))]
    assert "2 boxes had the flag difficult, which yolo does not keep." in messages


def test_crowds_are_dropped_where_they_would_be_objects(dataset: Dataset) -> None:
    report = Report()
    kept = without_crowds(dataset, registry.codec_named("yolo"), report)
    assert [len(image.boxes) for image in kept] == [2]
    assert [issue.code for issue in report] == ["crowd-dropped"]
    assert without_crowds(dataset, registry.codec_named("coco"), report) is dataset
    assert len(report) == 1


def test_the_command_says_what_was_lost(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco = tmp_path / "coco"
    coco.mkdir()
    registry.FORMATS["coco"].save(dataset, coco, Report())
    assert main([str(coco), str(tmp_path / "voc"), "--to", "voc", "--json"]) == 0
    lost = json.loads(capsys.readouterr().out)["lost"]
    assert [(loss["what"], loss["count"]) for loss in lost] == [("confidence", 1)]

    assert main([str(coco), str(tmp_path / "work"), "--jobs", "1"]) == 0
    out = capsys.readouterr()
    assert "lost: 2 boxes had the flag difficult, which yolo does not keep." in out.out
    assert out.err.count("crowd-dropped") == 1


def test_a_label_file_and_pictures_elsewhere(
    dataset: Dataset, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    coco = tmp_path / "coco"
    coco.mkdir()
    registry.FORMATS["coco"].save(dataset, coco, Report())
    label_file = coco / "annotations" / "instances_train.json"
    (coco / "images").rename(tmp_path / "pictures")
    assert main([str(label_file), str(tmp_path / "a"), "--jobs", "1"]) == 1
    assert "--images FOLDER" in capsys.readouterr().err
    images = ["--images", str(tmp_path / "pictures")]
    assert main([str(label_file), str(tmp_path / "a"), "--jobs", "1", *images]) == 0
    assert (tmp_path / "a" / "obj" / "x.txt").is_file()
    assert main([str(coco), str(tmp_path / "b"), "--to", "csv", *images]) == 0
    assert (tmp_path / "b" / "images" / "x.png").is_file()
