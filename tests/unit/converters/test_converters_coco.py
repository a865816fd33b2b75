from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.errors import FormatError, NotADatasetError, UsageError
from converters.formats.base import LoadOptions
from converters.formats.coco import CocoCodec
from converters.formats.coco_masks import outline_bounds
from converters.formats.coco_results import CocoResultsCodec
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CODEC = CocoCodec()
RESULTS = CocoResultsCodec()


def picture(path: Path, size: tuple[int, int] = (100, 80)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)
    return path


def entry(id: int, name: str) -> dict[str, Any]:
    return {"id": id, "file_name": name, "width": 100, "height": 80}


def box(id: int, image: int, category: int = 1, **more: Any) -> dict[str, Any]:
    return {"id": id, "image_id": image, "category_id": category, "bbox": [10, 20, 30.5, 40], **more}


def write(
    path: Path, images: list[Any], boxes: list[Any], names: Any = ("mask", "no_mask"), **more: Any
) -> Path:
    categories = [{"id": n, "name": name} for n, name in enumerate(names, 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    value = {"info": {"year": 2024}, "licenses": [], "categories": categories, **more}
    path.write_text(json.dumps({**value, "images": images, "annotations": boxes}, indent=2))
    return path


def load(root: Path, **options: object) -> tuple[Dataset, Report]:
    report = Report()
    return registry.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


def seen(dataset: Dataset) -> dict[str, tuple[int, str | None]]:
    return {i.key: (len(i.boxes), str(i.split) if i.split else None) for i in dataset}


def test_cocos_own_layout(tmp_path: Path) -> None:
    for part in ("train2017", "val2017"):
        picture(tmp_path / part / "000001.jpg")
        write(tmp_path / f"annotations/instances_{part}.json", [entry(1, "000001.jpg")], [box(1, 1)])
        keypoints = [box(1, 1, keypoints=[1, 2, 2])]
        write(tmp_path / f"annotations/person_keypoints_{part}.json", [entry(1, "000001.jpg")], keypoints)
        captions = json.dumps(
            {"images": [entry(1, "000001.jpg")], "annotations": [{"id": 1, "caption": "a"}]}
        )
        (tmp_path / f"annotations/captions_{part}.json").write_text(captions)
    dataset, report = load(tmp_path)
    assert [issue.code for issue in report] == ["not-read"]
    assert "captions_train2017.json" in report.issues[0].message
    assert seen(dataset) == {"train2017/000001": (1, "train"), "val2017/000001": (1, "val")}


@pytest.mark.parametrize("images", ["images/{}", "{}/images", "{}"])
def test_equal_names_in_several_splits(tmp_path: Path, images: str) -> None:
    for part in ("train", "val", "test"):
        picture(tmp_path / images.format(part) / "a.png")
        write(tmp_path / f"annotations/instances_{part}.json", [entry(1, "a.png")], [box(1, 1)])
    dataset, report = load(tmp_path)
    assert not report.issues
    assert {i.split: str(i.split) in i.key for i in dataset} == dict.fromkeys(Split, True)


def test_roboflow(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        picture(tmp_path / part / "a_png.rf.123.jpg")
        path = write(tmp_path / part / "_annotations.coco.json", [entry(0, "a_png.rf.123.jpg")], [box(0, 0)])
        value = json.loads(path.read_text())
        value["categories"] = [
            {"id": 0, "name": "faces", "supercategory": "none"},
            {"id": 1, "name": "mask", "supercategory": "faces"},
        ]
        path.write_text(json.dumps(value))
    dataset, report = load(tmp_path)
    assert {issue.code for issue in report} == {"category-group"}
    assert dataset.class_names == ("mask",)
    assert seen(dataset) == {"train/a_png.rf.123": (1, "train"), "valid/a_png.rf.123": (1, "val")}


def test_fiftyone_and_a_lone_file(tmp_path: Path) -> None:
    picture(tmp_path / "data" / "sub" / "a.png")
    write(tmp_path / "labels.json", [entry(1, "sub/a.png")], [box(1, 1)])
    dataset, report = load(tmp_path)
    assert not report.issues and seen(dataset) == {"data/sub/a": (1, None)}


def test_order_of_classes_is_that_of_the_ids(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    path = write(tmp_path / "instances.json", [entry(1, "a.png")], [box(1, 1, 7)])
    value = json.loads(path.read_text())
    value["categories"] = [{"id": 10, "name": "z"}, {"id": "b", "name": "y"}, {"id": 7, "name": "x"}]
    path.write_text(json.dumps(value))
    assert load(tmp_path)[0].class_names == ("x", "z", "y")


def test_one_picture_in_two_files(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    write(tmp_path / "one.json", [entry(1, "a.png"), entry(2, "b.png")], [box(1, 1), box(2, 2)])
    write(tmp_path / "two.json", [entry(5, "a.png"), entry(6, "b.png")], [box(1, 5), box(2, 6, 2)])
    dataset, report = load(tmp_path)
    assert [(issue.code, issue.key) for issue in report] == [("in-two-files", "b")]
    assert seen(dataset) == {"a": (1, None)}
    dataset, report = load(tmp_path / "one.json")
    assert not report.issues and seen(dataset) == {"a": (1, None), "b": (1, None)}


def test_ambiguous_names_are_errors(tmp_path: Path) -> None:
    picture(tmp_path / "one" / "a.png")
    picture(tmp_path / "two" / "a.png")
    write(tmp_path / "annotations" / "x.json", [entry(1, "a.png")], [box(1, 1)])
    _, report = load(tmp_path)
    assert [issue.code for issue in report.errors] == ["picture-ambiguous"]
    assert "one/a.png or two/a.png" in report.errors[0].message


def test_a_missing_train_picture_is_not_the_one_of_val(tmp_path: Path) -> None:
    picture(tmp_path / "images/val/a.png")
    write(tmp_path / "annotations/all.json", [entry(1, "images/train/a.png")], [box(1, 1)])
    _, report = load(tmp_path)
    assert [issue.code for issue in report.errors] == ["image-missing"]


def test_an_edit_leaves_all_else_alone(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    outline = [[10, 20, 40, 20, 40, 60]]
    more = {"segmentation": outline, "area": 600.0, "mood": "good", "attributes": {"age": 3}}
    path = write(
        tmp_path / "instances.json", [entry(3, "a.png")], [box(7, 3, **more), box(9, 3, 2)], note=[1]
    )
    dataset, _ = load(tmp_path)
    (image,) = dataset.images
    base = path.read_bytes()
    first, second = image.boxes

    def changed(*boxes: Box) -> dict[str, Any]:
        data = CODEC.render_file(path, [image.with_boxes(boxes)], dataset.class_names, base)
        value: dict[str, Any] = json.loads(data)
        assert value["note"] == [1] and value["info"] == {"year": 2024}
        return value

    assert CODEC.render_file(path, dataset.images, dataset.class_names, base) == base
    value = changed(first.moved_to((1.0, 2.0, 11.0, 22.5)), second)
    moved, other = value["annotations"]
    assert (moved["bbox"], moved["area"]) == ([1, 2, 10, 20.5], 205)
    assert moved["segmentation"] == [[1, 2, 11, 2, 11, 22.5, 1, 22.5]]
    assert (moved["id"], moved["mood"], moved["attributes"]) == (7, "good", {"age": 3})
    assert other == box(9, 3, 2)

    (flagged, _) = changed(replace(first, flags=frozenset({"occluded", "crowd"})), second)["annotations"]
    assert flagged["attributes"] == {"age": 3, "occluded": True} and flagged["iscrowd"] == 1
    assert flagged["segmentation"] == outline

    assert [a["id"] for a in changed(second)["annotations"]] == [9]
    assert [a["id"] for a in changed(first)["annotations"]] == [7]
    assert changed()["annotations"] == [] and changed()["images"] == [entry(3, "a.png")]
    added = changed(first, second, Box((0.0, 0.0, 5.0, 5.0), "no_mask"))["annotations"][2]
    assert (added["id"], added["image_id"], added["category_id"], added["bbox"]) == (10, 3, 2, [0, 0, 5, 5])
    assert changed(first.relabelled("no_mask"), second)["annotations"][0]["category_id"] == 2


def test_what_was_refused_stays_in_the_file(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    picture(tmp_path / "b.png")
    boxes = [box(1, 1), {**box(2, 1), "bbox": [1, 2, 3]}, box(3, 2)]
    path = write(tmp_path / "instances.json", [entry(1, "a.png"), entry(2, "b.png")], boxes)
    dataset, _ = load(tmp_path, keep_good=True)
    data = CODEC.render_file(
        path, [i.with_boxes(()) for i in dataset], dataset.class_names, path.read_bytes()
    )
    assert [a["id"] for a in json.loads(data)["annotations"]] == [2]


def test_a_set_is_copied_with_all_that_its_file_says(tmp_path: Path) -> None:
    for part in ("train", "valid"):
        picture(tmp_path / "in" / part / "a.png")
        more = {"segmentation": [[10, 20, 40, 20, 40, 60]], "mood": part}
        names = [entry(4, "a.png"), entry(5, "gone.png")]
        write(tmp_path / "in" / part / "_annotations.coco.json", names, [box(1, 4, **more), box(2, 5)])
    dataset, _ = load(tmp_path / "in")
    (tmp_path / "out").mkdir()
    CODEC.save(dataset, tmp_path / "out", Report())
    value = json.loads((tmp_path / "out/annotations/instances_val.json").read_text())
    assert value["images"] == [{**entry(4, "valid/a.png")}]
    assert [(a["id"], a["mood"]) for a in value["annotations"]] == [(1, "valid")]
    again, report = load(tmp_path / "out")
    assert {issue.code for issue in report} == {"not-a-rectangle"}
    assert [i.boxes for i in again] == [i.boxes for i in dataset]


def test_flags_and_confidence_survive(tmp_path: Path) -> None:
    path = picture(tmp_path / "source" / "x.png")
    flags = frozenset({"difficult", "truncated", "occluded", "crowd"})
    boxes = (Box((1.0, 2.0, 3.25, 4.123456), "a", 0.123456789, flags), Box((0.0, 0.0, 100.0, 80.0), "b"))
    dataset = Dataset(path.parent, "memory", (AnnotatedImage("x", path, (100, 80), boxes),), ("a", "b", "c"))
    (tmp_path / "out").mkdir()
    report = Report()
    CODEC.save(dataset, tmp_path / "out", report)
    assert not report.issues
    again, _ = load(tmp_path / "out")
    assert again.images[0].boxes == boxes and again.class_names == ("a", "b", "c")


def test_masks_of_run_lengths() -> None:
    assert outline_bounds({"size": [10, 20], "counts": [12, 3, 7, 3, 175]}) == (1, 2, 3, 5)
    assert outline_bounds({"size": [10, 20], "counts": [15, 10, 175]}) == (1, 0, 3, 10)
    # The same as text: 12, 3, 7, then differences to the run before the last: 3 - 3, 175 - 7.
    packed = "".join(chr(48 + code) for code in (12, 3, 7, 0, (168 & 31) | 32, 168 >> 5))
    assert outline_bounds({"size": [10, 20], "counts": packed}) == (1, 2, 3, 5)
    with pytest.raises(FormatError, match="empty mask"):
        outline_bounds({"size": [10, 20], "counts": [200]})


def test_results_go_by_the_instances_beside_them(tmp_path: Path) -> None:
    picture(tmp_path / "images" / "a.png")
    picture(tmp_path / "images" / "b.png")
    write(tmp_path / "annotations/instances_val.json", [entry(7, "a.png"), entry(8, "b.png")], [box(1, 7)])
    write(tmp_path / "annotations/instances_train.json", [entry(1, "gone.png")], [])
    results = tmp_path / "annotations" / "bbox_val_results.json"
    results.write_text(json.dumps([{"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}]))
    dataset, report = load(results)
    assert not report.errors and dataset.format == "coco-results"
    assert dataset.images[0].boxes == (Box((1.0, 2.0, 4.0, 6.0), "no_mask", 0.5),)
    assert [len(image.boxes) for image in dataset] == [1, 0]
    assert registry.detect(tmp_path) is registry.FORMATS["coco"], "ground truth is what a set is opened for"
    dataset, _ = load(tmp_path / "annotations" / "instances_val.json")
    assert [box.confidence for image in dataset for box in image.boxes] == [None]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"score": None}, "bad-confidence"),
        ({"score": 7}, "bad-confidence"),
        ({"image_id": 9}, "unknown-image"),
        ({"category_id": 9}, "unknown-category"),
        ({"bbox": [1, 2, 3]}, "bad-bbox"),
        ({"bbox": [1, 2, float("nan"), 4]}, "not-finite"),
    ],
)
def test_results_that_are_refused(tmp_path: Path, change: dict[str, Any], code: str) -> None:
    picture(tmp_path / "a.png")
    write(tmp_path / "instances.json", [entry(7, "a.png")], [])
    good = {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "results.json").write_text(json.dumps([good, {**good, **change}], indent=1))
    _, report = load(tmp_path / "results.json")
    found = [issue for issue in report.errors if issue.code != "image-doubtful"]
    assert [(issue.code, issue.line) for issue in found] == [(code, 13)]
    assert "[1]" in found[0].message


def test_results_without_a_file_of_pictures(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    good = {"image_id": 7, "category_id": 2, "bbox": [1, 2, 3, 4], "score": 0.5}
    (tmp_path / "results.json").write_text(json.dumps([good]))
    _, report = load(tmp_path / "results.json")
    assert [issue.code for issue in report.errors] == ["no-instances"]


def test_ground_truth_is_no_result(tmp_path: Path) -> None:
    path = picture(tmp_path / "source" / "x.png")
    image = AnnotatedImage("x", path, (100, 80), (Box((1.0, 2.0, 3.0, 4.0), "a"),))
    (tmp_path / "out").mkdir()
    with pytest.raises(FormatError, match="no confidence"):
        RESULTS.save(Dataset(path.parent, "memory", (image,), ("a",)), tmp_path / "out", Report())


def test_files_that_are_no_source(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "package.json").write_text('{"name": "x"}')
    with pytest.raises(NotADatasetError, match="no label file"):
        load(tmp_path / "package.json")
    with pytest.raises(UsageError, match="a label file for each picture"):
        registry.load(tmp_path / "package.json", Report(), format="labelme")
    with pytest.raises(NotADatasetError, match="no label file of COCO"):
        registry.load(tmp_path, Report(), format="coco")
    lonely = write(tmp_path / "elsewhere" / "instances.json", [entry(1, "a.png")], [])
    with pytest.raises(NotADatasetError, match="no pictures beside it") as raised:
        load(lonely)
    assert "--images" in raised.value.hint
    assert load(lonely, images=tmp_path)[0].images[0].path == tmp_path / "a.png"


def test_several_formats_are_said(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    write(tmp_path / "instances.json", [entry(1, "a.png")], [box(1, 1)])
    (tmp_path / "a.xml").write_text("<annotation/>")
    dataset, report = load(tmp_path)
    assert dataset.format == "voc"
    (issue,) = (issue for issue in report if issue.code == "several-formats")
    assert "--from coco" in issue.message
