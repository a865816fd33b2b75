"""COCO's folders hold files of several tasks; large files are read entry by entry."""

from __future__ import annotations

import json
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.cli import convert
from converters.errors import FormatError
from converters.formats.base import LoadOptions
from converters.formats.coco import CocoCodec
from converters.model import Dataset
from converters.remap import without_classes
from converters.report import Report

CATEGORIES = [{"id": 1, "name": "mask", "isthing": 1}, {"id": 2, "name": "sky", "isthing": 0}]
SEGMENTS = [
    {"id": 7, "category_id": 1, "area": 20, "bbox": [10, 20, 30, 40], "iscrowd": 0},
    {"id": 8, "category_id": 2, "area": 20, "bbox": [0, 0, 100, 20], "iscrowd": 0},
]


def save(path: Path, annotations: list[Any], **more: Any) -> Path:
    """A file of COCO's order: classes last."""
    path.parent.mkdir(parents=True, exist_ok=True)
    images = [{"id": 1, "file_name": "x.png", "width": 100, "height": 80}]
    value = {"info": {}, "images": images, "annotations": annotations, "categories": CATEGORIES}
    value.update(more)
    path.write_text(json.dumps({key: part for key, part in value.items() if part is not None}))
    return path


def instance(id: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": id, "image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40], **more}


def load(root: Path) -> tuple[Dataset, Report]:
    report = Report()
    return registry.load(root, report, LoadOptions()), report


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (100, 80)).save(tmp_path / "images" / "x.png")
    return tmp_path


CAPTION = {"id": 1, "image_id": 1, "caption": "a face"}
LABEL = {"id": 1, "image_id": 1, "category_id": 1}
PANOPTIC = {"image_id": 1, "file_name": "x.png", "segments_info": SEGMENTS}
OTHERS = {
    "captions_train2017.json": {"annotations": [CAPTION], "categories": None},
    "labels_train2017.json": {"annotations": [LABEL]},
    "image_info_train2017.json": {"annotations": None},
    "panoptic_train2017.json": {"annotations": [PANOPTIC]},
    "stuff_train2017.json": {"annotations": [instance(bbox=[0, 0, 9, 9])]},
    "person_keypoints_train2017.json": {"annotations": [instance(keypoints=[1, 2, 2])]},
}


def test_of_all_tasks_instances_are_read_and_the_others_named(root: Path) -> None:
    for name, parts in OTHERS.items():
        save(root / "annotations" / name, **parts)
    save(root / "annotations/instances_train2017.json", [instance()])
    masks = root / "annotations/panoptic_train2017"
    masks.mkdir()
    Image.new("RGB", (100, 80)).save(masks / "x.png")
    dataset, report = load(root)
    assert [image.key for image in dataset] == ["images/x"]
    assert [box.xyxy for box in dataset.images[0].boxes] == [(10, 20, 40, 60)]
    (issue,) = report
    assert issue.code == "not-read" and all(name in issue.message for name in OTHERS)


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("captions_train2017.json", "captions"),
        ("labels_train2017.json", "not where"),
        ("image_info_train2017.json", "lists pictures"),
    ],
)
def test_files_without_boxes_say_so_in_one_sentence(root: Path, name: str, says: str) -> None:
    path = save(root / "annotations" / name, **OTHERS[name])
    dataset, report = load(root)
    (error,) = report.errors
    assert (error.code, error.path) == ("no-boxes", path) and says in error.message
    assert not dataset.images


def test_captions_by_another_name(root: Path) -> None:
    save(root / "data.json", [CAPTION, {**CAPTION, "id": 2}])
    _, report = load(root)
    assert [issue.code for issue in report.errors] == ["no-boxes"]


def test_panoptic_segments_become_boxes(root: Path) -> None:
    save(root / "annotations/panoptic_train2017.json", [PANOPTIC])
    masks = root / "annotations/panoptic_train2017"
    masks.mkdir()
    Image.new("RGB", (100, 80)).save(masks / "x.png")
    dataset, report = load(root)
    (image,) = dataset.images
    assert [(box.label, box.xyxy) for box in image.boxes] == [
        ("mask", (10, 20, 40, 60)),
        ("sky", (0, 0, 100, 20)),
    ]
    assert {issue.code for issue in report} == {"stuff", "not-a-rectangle"}
    base = (root / "annotations/panoptic_train2017.json").read_bytes()
    with pytest.raises(FormatError, match="panoptic"):
        CocoCodec().render_file(root / "annotations/panoptic_train2017.json", [image], ("mask", "sky"), base)
    new = root.parent / f"{root.name}_new"
    arguments = [str(root), str(new), "--to", "coco", "--drop", "sky"]
    assert convert.main(arguments) == 0
    again, report = load(new)
    assert not report.issues and again.class_names == ("mask",)
    assert [box.xyxy for image in again for box in image.boxes] == [(10, 20, 40, 60)]


@pytest.mark.parametrize("order", ["iac", "ica", "cia", "cai", "aic", "aci"])
def test_the_order_of_the_lists_does_not_matter(root: Path, order: str) -> None:
    lists = {
        "i": ("images", [{"id": 1, "file_name": "x.png", "width": 100, "height": 80}]),
        "a": ("annotations", [instance(1), instance(2, category_id=2)]),
        "c": ("categories", CATEGORIES),
    }
    (root / "a.json").write_text(json.dumps(dict(lists[key] for key in order), indent=1))
    dataset, report = load(root)
    assert not report.issues and dataset.class_names == ("mask", "sky")
    assert [box.label for box in dataset.images[0].boxes] == ["mask", "sky"]
    base = (root / "a.json").read_bytes()
    assert CocoCodec().render_file(root / "a.json", dataset.images, dataset.class_names, base) == base


def test_a_text_that_looks_like_the_classes_is_no_trap(root: Path) -> None:
    save(root / "a.json", [instance()], note='x "categories": [] }', zz={"categories": []})
    dataset, report = load(root)
    assert not report.issues and [box.label for box in dataset.images[0].boxes] == ["mask"]


def test_a_broken_file_is_told_once(root: Path) -> None:
    path = save(root / "a.json", [instance(1, bbox=[1, 2]), instance(2)])
    path.write_bytes(path.read_bytes()[:-150])
    _, report = load(root)
    assert [issue.code for issue in report.errors] == ["bad-json"]


def test_outlines_do_not_stay_in_memory(root: Path) -> None:
    outline = [[float(n % 90) + n / 1e5 for n in range(400)]]
    save(root / "a.json", [instance(n, segmentation=outline) for n in range(1, 2001)])
    size = (root / "a.json").stat().st_size
    assert size > 6 * 2**20
    load(root)  # imports
    tracemalloc.start()
    try:
        dataset, _ = load(root)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert dataset.box_count == 2000
    assert peak < size


def test_flags_and_keypoints_without_boxes(root: Path) -> None:
    point = {key: value for key, value in instance(2, keypoints=[1, 2, 2]).items() if key != "bbox"}
    save(root / "a.json", [instance(1, iscrowd=1, attributes={"occluded": True}), point, {**point, "id": 3}])
    dataset, report = load(root)
    assert [box.flags for box in dataset.images[0].boxes] == [frozenset({"crowd", "occluded"})]
    assert any("2 sets of key points" in issue.message for issue in report)


def test_drop_and_classes_that_are_none(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    categories = [{"id": 1, "name": "mask"}, {"id": 2, "name": "__ignore__"}]
    save(root / "a.json", [instance(1), instance(2, category_id=2)], categories=categories)
    target = root.parent / f"{root.name}_work"
    arguments = [str(root), str(target), "--jobs", "1", "--split", "100/0/0"]
    assert convert.main([*arguments, "--drop", "__ignore__", "--json"]) == 0
    out, err = capsys.readouterr()
    result = json.loads(out)
    assert result["dropped_classes"] == {"__ignore__": 1} and result["classes"] == {"mask": 1}
    assert "class-placeholder" not in err
    assert convert.main([*arguments, "--force"]) == 0
    assert "--drop __ignore__" in capsys.readouterr().err
    assert convert.main([*arguments, "--force", "--drop", "ignore"]) == 2
    assert "Did you mean '__ignore__'?" in capsys.readouterr().err


def test_pictures_of_dropped_boxes_stay(root: Path) -> None:
    save(root / "a.json", [instance()])
    dataset, _ = load(root)
    rest, gone = without_classes(dataset, ["mask"])
    assert gone == {"mask": 1} and rest.class_names == ("sky",)
    assert [(image.key, image.boxes, image.labelled) for image in rest] == [("images/x", (), True)]
    assert replace(rest, images=dataset.images, class_names=dataset.class_names) == dataset
