from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.errors import DataError, FormatError, NotADatasetError
from converters.formats.base import LoadOptions
from converters.formats.ultralytics import UltralyticsCodec
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CODEC = UltralyticsCodec()


def picture(root: Path, name: str, label: str | None = "0 0.5 0.5 0.2 0.2\n") -> None:
    """A picture, with its label file where Ultralytics looks for it."""
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (100, 80)).save(path)
    if label is not None:
        front, _, behind = name.rpartition("images/")
        target = (root / f"{front}labels/{behind}").with_suffix(".txt")
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(label)


def load(root: Path, **options: Any) -> tuple[Dataset, Report]:
    report = Report()
    return CODEC.load(root, report, LoadOptions(**options)), report


def splits(dataset: Dataset) -> dict[str, str | None]:
    return {image.key: image.split for image in dataset}


@pytest.mark.parametrize(
    "head",
    [
        "path: ../datasets/coco8\ntrain: images/train\nval: images/val\ntest:\n",
        "train: ./images/train/\nval: images\\val\n",
        "path: /content/set\ntrain: images/train\nval: /content/set/images/val\n",
        "path: C:\\sets\\a\ntrain: C:\\sets\\a\\images\\train\nval: images/val\n",
        "train: ../set/images/train # comment\nval: [images/val]\n",
        "path: .\ntrain:\n  - images/train\nval:\n- images/val\ndownload: |\n  import os\n  x: 1\n",
    ],
)
@pytest.mark.parametrize("names", ["names: [mask, 'no: mask']", "names:\n  1: 'no: mask'\n  0: mask\nnc: 2"])
def test_images_beside_labels(tmp_path: Path, head: str, names: str) -> None:
    picture(tmp_path, "images/train/a.png", "1 0.5 0.5 0.2 0.2\n")
    picture(tmp_path, "images/train/new.png", None)
    picture(tmp_path, "images/val/b.png", "")
    (tmp_path / "data.yaml").write_text(head + names)
    dataset, report = load(tmp_path)
    assert [issue.code for issue in report] == ["image-without-label"]
    assert dataset.class_names == ("mask", "no: mask")
    assert splits(dataset) == {"images/train/a": "train", "images/train/new": "train", "images/val/b": "val"}
    assert dataset.images[0].boxes[0].label == "no: mask"
    assert registry.detect(tmp_path).name == "ultralytics"


def test_roboflow(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        picture(tmp_path, f"{split}/images/x_jpg.rf.0a1b.jpg")
    (tmp_path / "README.roboflow.txt").write_text("hello")
    (tmp_path / "data.yaml").write_text(
        "train: ../train/images\nval: ../valid/images\ntest: ../test/images\n\n"
        "nc: 2\nnames: ['mask', '0']\n\nroboflow:\n  workspace: w\n  version: 1\n"
    )
    dataset, report = load(tmp_path)
    assert [(issue.code, issue.line) for issue in report] == [("split-missing", 3)]
    assert not report.errors
    assert list(splits(dataset).values()) == ["train", "val"]
    assert dataset.class_names == ("mask", "0")


def test_lists_of_pictures(tmp_path: Path) -> None:
    for name in ("a", "b", "c"):
        picture(tmp_path, f"images/{name}.png")
    (tmp_path / "train.txt").write_text("./images/a.png\n/gone/images/b.png\n")
    (tmp_path / "val.txt").write_text("images/b.png\nnowhere.png\n")
    (tmp_path / "coco.yaml").write_text("train: train.txt\nval: val.txt\nnames:\n  0: mask\n")
    dataset, report = load(tmp_path)
    assert [issue.code for issue in report] == ["listed-image-missing", "in-two-splits", "not-in-a-split"]
    assert splits(dataset) == {"images/a": "train", "images/b": "train", "images/c": None}


def test_one_folder_for_train_and_val_is_said(tmp_path: Path) -> None:
    picture(tmp_path, "images/train2017/a.png")
    (tmp_path / "coco128.yaml").write_text(
        "path: ../datasets/coco128\ntrain: images/train2017\nval: images/train2017\nnames: {0: person}\n"
    )
    dataset, report = load(tmp_path)
    assert [issue.code for issue in report] == ["in-two-splits"]
    assert splits(dataset) == {"images/train2017/a": "train"}


@pytest.mark.parametrize(
    ("text", "code", "line"),
    [
        ("train: images\nnames: [a, b]\nnc: 3\n", "names-count", 3),
        ("train: images\nnames: {0: a, 2: b}\n", "bad-names", 2),
        ("train: images\nnames:\n  0: a\n  x: b\n", "bad-names", 4),
        ("train: images\nnames:\n  0: a\n  0: b\n", "bad-names", 4),
        ("train: images\nnames: [a, a]\n", "bad-names", 2),
        ("train: images\nnames: [a, '']\n", "bad-names", 2),
        ('train: images\nnames: [a, "b\\nc"]\n', "bad-names", 2),
        ("train: images\nnames: [a, [b]]\n", "bad-names", 2),
        ("train: images\nnames: classes.txt\n", "bad-names", 2),
        ("train: images\nnames: []\n", "no-classes", 2),
        ("train: images\nnc: two\n", "bad-names", 2),
        ("train: images\ntrain: images\nnames: [a]\n", "repeated-key", 2),
        ("train: images\nnames: [a\n", "bad-yaml", 3),
        ("train: images\n\tnames: [a]\nnames: [b]\n", "bad-yaml", 2),
        ("train: {a: b}\nnames: [a]\n", "bad-yaml", 1),
        ("train: images\nnames: [a]\nx: &a [1]\ny: [*a, *a]\n", "yaml-alias", 4),
        ("train: images\nnames: [a]\nx: " + "[" * 5000, "too-deep", 1),
        ("train: images\nnames: [a]\nkpt_shape: [17, 3]\n", "pose", None),
        ("train: images\nnames: [a]\nx: \x07\n", "bad-yaml", 3),
        ("train: images\nnames: [a]\nx: !!python/object/apply:os.system [x]\n", None, None),
    ],
)
def test_broken_data_yaml(tmp_path: Path, text: str, code: str | None, line: int | None) -> None:
    picture(tmp_path, "images/a.png")
    (tmp_path / "data.yaml").write_text(text)
    if code is None:
        assert not len(load(tmp_path)[1]), "no tag is ever carried out"
        return
    with pytest.raises(FormatError) as raised:
        load(tmp_path)
    assert (raised.value.code, raised.value.line) == (code, line)
    assert raised.value.path == tmp_path / "data.yaml"


@pytest.mark.parametrize(
    "entry", ["../../elsewhere/pictures", "/etc", "\\\\host\\share", "../../../etc/passwd.txt"]
)
def test_paths_that_lead_out_are_refused(tmp_path: Path, entry: str) -> None:
    picture(tmp_path, "images/a.png")
    (tmp_path / "data.yaml").write_text(f"train: images\nval: {entry}\nnames: [mask]\n")
    dataset, report = load(tmp_path)
    assert [(issue.code, issue.line) for issue in report] == [("path-outside", 2)]
    assert splits(dataset) == {"images/a": "train"}
    (tmp_path / "data.yaml").write_text("train: nothing\nnames: [mask]\n")
    assert [issue.code for issue in load(tmp_path)[1].errors] == ["split-missing"]


def test_without_names_classes_are_ids(tmp_path: Path) -> None:
    picture(tmp_path, "images/a.png", "1 0.5 0.5 0.2 0.2\n")
    (tmp_path / "data.yaml").write_text("train: images\nnc: 3\n")
    dataset, report = load(tmp_path)
    assert dataset.class_names == ("0", "1", "2")
    assert [issue.code for issue in report] == ["no-names"]
    assert load(tmp_path, class_names=("a", "b", "c"))[0].images[0].boxes[0].label == "b"
    (tmp_path / "data.yaml").unlink()
    with pytest.raises(NotADatasetError, match="--from yolo"):
        load(tmp_path)


def test_outlines_and_poses(tmp_path: Path) -> None:
    picture(tmp_path, "images/a.png", "0 .1 .1 .3 .1 .3 .3\n0 .1 .1 .3 .1 .3 .3 .1 .3\n0 .5 .5 .1 .1\n")
    picture(tmp_path, "images/p.png", "0 .5 .5 .2 .2 " + ".5 .5 2 " * 17 + "\n")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [mask]\n")
    dataset, report = load(tmp_path)
    assert [(issue.code, issue.line) for issue in report] == [("bad-columns", 1), ("not-a-rectangle", 1)]
    assert "key points" in report.errors[0].message
    assert "2 polygons in 1 file" in report.warnings[0].message
    assert [image.key for image in dataset] == ["images/a"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("nc: 1 # one\nnames: ['a']\nx: 1\n", "nc: 2 # one\nnames: ['a', 'b c']\nx: 1\n"),
        ("names:\n- a\n\n# end\n", "names:\n  - a\n  - b c\n\n# end\n"),
        ("names:\n    0: a  # first\nx: 1\n", "names:\n  0: a\n  1: b c  # first\nx: 1\n"),
        ("names: {0: a}\n", "names: ['a', 'b c']\n"),
    ],
)
def test_class_names_are_replaced_in_their_place(tmp_path: Path, before: str, after: str) -> None:
    picture(tmp_path, "images/a.png")
    head = "# mine\ntrain: images  # here\n"
    (tmp_path / "data.yaml").write_text(head + before)
    CODEC.write_class_names(tmp_path, ("a",))
    assert (tmp_path / "data.yaml").read_text() == head + before
    CODEC.write_class_names(tmp_path, ("a", "b c"))
    assert (tmp_path / "data.yaml").read_text() == head + after
    assert load(tmp_path)[0].class_names == ("a", "b c")


def test_odd_class_names_survive(tmp_path: Path) -> None:
    names = ("no", "1", "a: b", "#x", "'q'", 'd"q', "- y", "маска", "null", "~", "{a}", "back\\slash", "1e3")
    picture(tmp_path / "source", "x.png", None)
    path = tmp_path / "source" / "x.png"
    boxes = tuple(Box((float(i), 1.0, i + 9.0, 20.0), name) for i, name in enumerate(names))
    dataset = Dataset(path.parent, "voc", (AnnotatedImage("x", path, (100, 80), boxes, Split.VAL),), names)
    (tmp_path / "out").mkdir()
    CODEC.save(dataset, tmp_path / "out", Report())
    again, report = load(tmp_path / "out")
    assert not len(report)
    assert again.class_names == names
    assert [box.label for box in again.images[0].boxes] == list(names)
    CODEC.write_class_names(tmp_path / "out", names[::-1])
    assert load(tmp_path / "out")[0].class_names == names[::-1]


def test_written_layout(tmp_path: Path) -> None:
    for name in ("train/images/x.png", "valid/images/x.png", "more/y.png"):
        picture(tmp_path / "source", name, None)
    box = Box((10.0, 10.0, 20.0, 20.0), "mask")
    images = tuple(
        AnnotatedImage(key, tmp_path / "source" / f"{key}.png", (100, 80), (box,), split)
        for key, split in (
            ("train/images/x", Split.TRAIN),
            ("valid/images/x", Split.VAL),
            ("more/y", Split.TEST),
        )
    )
    dataset = Dataset(tmp_path / "source", "voc", images, ("mask",))
    (tmp_path / "out").mkdir()
    report = Report()
    CODEC.save(dataset, tmp_path / "out", report)
    assert not len(report)
    files = sorted(str(p.relative_to(tmp_path / "out")) for p in (tmp_path / "out").rglob("*.*"))
    assert files == [
        "data.yaml",
        "images/test/more/y.png",
        "images/train/x.png",
        "images/val/x.png",
        "labels/test/more/y.txt",
        "labels/train/x.txt",
        "labels/val/x.txt",
    ]
    text = (tmp_path / "out" / "data.yaml").read_text()
    assert text == "train: images/train\nval: images/val\ntest: images/test\nnames:\n  0: mask\n"

    (tmp_path / "flat").mkdir()
    unsplit = replace(dataset, images=tuple(replace(image, split=None) for image in images[:1]))
    CODEC.save(unsplit, tmp_path / "flat", report)
    assert [issue.code for issue in report] == ["not-split"]
    assert splits(load(tmp_path / "flat")[0]) == {"images/train/x": "train"}


# --- what other tools make of plain YOLO -----------------------------------------------------------


def test_label_studio_yolo_and_cvat_yolo_are_plain_yolo(tmp_path: Path) -> None:
    studio = tmp_path / "studio"
    picture(studio, "images/0a1b2c3d-x.png", "1 0.5 0.5 0.2 0.2\n")
    (studio / "classes.txt").write_text("mask\nno\n")
    (studio / "notes.json").write_text('{"categories": [{"id": 0, "name": "mask"}], "info": {"year": 2026}}')
    report = Report()
    dataset = registry.load(studio, report)
    assert dataset.format == "yolo" and not len(report)
    assert dataset.images[0].boxes[0].label == "no"

    cvat = tmp_path / "cvat"
    picture(cvat, "obj_train_data/sub/x.png", None)
    (cvat / "obj_train_data" / "sub" / "x.txt").write_text("0 0.5 0.5 0.2 0.2\n")
    (cvat / "obj.names").write_text("mask\n")
    (cvat / "obj.data").write_text("classes = 1\ntrain = data/train.txt\nnames = data/obj.names\n")
    (cvat / "train.txt").write_text("data/obj_train_data/sub/x.png\n")
    report = Report()
    dataset = registry.load(cvat, report)
    assert dataset.format == "yolo" and not len(report)
    assert dataset.images[0].split is Split.TRAIN


def test_a_huge_data_yaml_is_refused_unread(tmp_path: Path) -> None:
    picture(tmp_path, "images/a.png")
    (tmp_path / "data.yaml").write_text("train: images\nnames: [mask]\n")
    with (tmp_path / "data.yaml").open("r+b") as file:
        file.truncate(3 << 30)
    with pytest.raises(DataError) as raised:
        load(tmp_path)
    assert raised.value.code == "too-large"
