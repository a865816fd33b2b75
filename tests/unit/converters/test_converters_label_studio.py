from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.formats.base import LoadOptions
from converters.formats.label_studio import LabelStudioCodec
from converters.formats.label_studio_config import new_config, read_config, with_classes
from converters.formats.label_studio_names import candidates
from converters.model import Box, Dataset
from converters.report import Report

CODEC = LabelStudioCodec()
SIZE = (400, 300)


def region(
    x: Any = 10, y: Any = 10, w: Any = 20, h: Any = 20, label: Any = "mask", **more: Any
) -> dict[str, Any]:
    value = {"x": x, "y": y, "width": w, "height": h, "rotation": 0, "rectanglelabels": [label]}
    return {
        "id": "r1",
        "type": "rectanglelabels",
        "from_name": "boxes",
        "to_name": "img",
        "original_width": 400,
        "original_height": 300,
        "image_rotation": 0,
        "value": value,
        **more,
    }


def task(*results: Any, image: Any = "/data/upload/3/0123abcd-a.png", **more: Any) -> dict[str, Any]:
    annotations = [{"id": 1, "completed_by": 1, "result": list(results), "was_cancelled": False}]
    return {"id": 1, "annotations": annotations, "data": {"image": image}, "meta": {"x": [1e-7]}, **more}


def write(root: Path, value: Any, pictures: tuple[str, ...] = ("a",), **style: Any) -> Path:
    for picture in pictures:
        path = root / "images" / f"{picture}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(path)
    path = root / "project-1-at-2026.json"
    path.write_text(json.dumps(value, **style))
    return path


def load(root: Path, **options: Any) -> tuple[Dataset, Report]:
    report = Report()
    return CODEC.load(root, report, LoadOptions(**options)), report


def codes(report: Report) -> list[str]:
    return [issue.code for issue in report]


@pytest.mark.parametrize(
    ("reference", "picture"),
    [
        ("/data/upload/3/0123abcd-a.png", "a"),
        ("/data/upload/3/0123abcd-a.png", "0123abcd-a"),
        ("/data/upload/1/deadbeef-my_pic_1.png", "my pic (1)"),
        ("/data/local-files/?d=set%2Fimages%2Fa%20b.png", "a b"),
        ("/data/local-files/?d=images/a.png", "a"),
        ("s3://bucket/some/where/a.png", "a"),
        ("gs://bucket/a%2Bb.png", "a+b"),
        ("https://host:8080/x/a.png?X-Amz=1&b=2", "a"),
        ("/tasks/1/presign/?fileuri=czM6Ly9iL2ltYWdlcy9hLnBuZw==", "a"),
        ("C:\\pictures\\a.png", "a"),
        ("a%20b.png", "a%20b"),
        ("a.jpg", "a"),
    ],
)
def test_what_tasks_call_their_pictures(tmp_path: Path, reference: str, picture: str) -> None:
    others = ("zz",) if picture != "a" else ()
    write(tmp_path, [task(region(), image=reference)], (picture, *others))
    dataset, report = load(tmp_path)
    assert not report.errors
    assert [image.path.stem for image in dataset if image.boxes] == [picture]


def test_the_digits_of_an_upload_go_only_where_they_must(tmp_path: Path) -> None:
    write(tmp_path, [task(region())], ("a", "0123abcd-a"))
    assert [image.path.stem for image in load(tmp_path)[0] if image.boxes] == ["0123abcd-a"]
    assert candidates("/data/upload/3/0123abcd-a%20b.png") == [
        "data/upload/3/0123abcd-a%20b.png",
        "data/upload/3/0123abcd-a b.png",
        "data/upload/3/a%20b.png",
        "data/upload/3/a b.png",
    ]


def test_whose_annotation_counts(tmp_path: Path) -> None:
    def annotation(x: float, **more: Any) -> dict[str, Any]:
        return {"result": [region(x)], "was_cancelled": False, **more}

    cases = {
        "last": [annotation(1), annotation(2)],
        "not-cancelled": [annotation(3), annotation(4, was_cancelled=True)],
        "truth": [annotation(5, ground_truth=True), annotation(6)],
        "empty": [{"result": []}],
        "skipped": [annotation(7, was_cancelled=True)],
        "open": [],
    }
    tasks = [task(image=f"{name}.png", annotations=found) for name, found in cases.items()]
    tasks[0]["predictions"] = [{"score": 0.9, "result": [region(50)]}]
    path = write(tmp_path, tasks, tuple(cases))
    dataset, report = load(tmp_path)
    found = {image.path.stem: [box.xyxy[0] for box in image.boxes] for image in dataset if image.labelled}
    assert found == {"last": [8], "not-cancelled": [12], "truth": [20], "empty": []}
    assert sorted(codes(report)) == [
        "image-without-label",
        "image-without-label",
        "predictions-ignored",
        "several-annotators",
        "task-skipped",
    ]
    several = next(issue for issue in report if issue.code == "several-annotators")
    assert several.message.startswith("2 tasks")

    # A box on a picture that nobody labelled becomes the first annotation of its task.
    images = [
        i.with_boxes((Box((4.0, 3.0, 40.0, 30.0), "mask"),)) if i.path.stem == "open" else i for i in dataset
    ]
    data = CODEC.render_file(path, images, dataset.class_names, path.read_bytes())
    after = json.loads(data)
    assert after[:5] == tasks[:5] and len(after) == 6
    assert after[5]["annotations"][0]["result"][0]["value"]["width"] == 9


def test_outlines_turns_and_what_is_no_box(tmp_path: Path) -> None:
    def other(kind: str, **value: Any) -> dict[str, Any]:
        return {**region(), "id": kind, "type": kind, "value": value}

    results = [
        other("polygonlabels", points=[[10, 10], [20, 10], [20, 30]], polygonlabels=["no"]),
        other("ellipselabels", x=50, y=50, radiusX=10, radiusY=20, rotation=90, ellipselabels=["no"]),
        other(
            "rectanglelabels", x=50, y=50, width=20, height=10, rotation=90, rectanglelabels=["no", "mask"]
        ),
        other("labels", x=1, y=2, width=3, height=4, rotation=0, labels=["no"]),
        other("rectangle", x=1, y=2, width=3, height=4, rotation=0),
        other("brushlabels", format="rle", rle=[1, 2], brushlabels=["no"]),
        other("keypointlabels", x=5, y=5, width=0.5, keypointlabels=["no"]),
        {"type": "choices", "from_name": "quality", "to_name": "img", "value": {"choices": ["good"]}},
        {"type": "relation", "from_id": "a", "to_id": "b", "direction": "right"},
    ]
    results[4]["id"] = "labels"
    path = write(tmp_path, [task(*results)])
    dataset, report = load(tmp_path)
    (image,) = dataset.images
    assert [box.xyxy for box in image.boxes] == [
        (40, 30, 80, 90),
        (140, 110, 260, 190),
        (170, 150, 200, 230),
        (4, 6, 16, 18),
    ]
    assert codes(report) == ["not-a-rectangle", "not-a-box", "several-classes"]
    assert "1 polygon, 1 ellipse, 1 rotated box" in report.issues[0].message
    assert "1 brush, 1 keypoint, 1 set of choices" in report.issues[1].message
    base = path.read_bytes()
    boxes = tuple(box.moved_to((4.0, 3.0, 44.0, 33.0)) for box in image.boxes[:3])
    after = json.loads(
        CODEC.render_file(path, (image.with_boxes((*boxes, image.boxes[3])),), ("no", "mask"), base)
    )
    area = {"x": 1, "y": 1, "width": 10, "height": 10, "rotation": 0}
    changed = after[0]["annotations"][0]["result"]
    assert [r["value"] for r in changed[:3]] == [
        {**area, "rectanglelabels": ["no"]},
        {**area, "rectanglelabels": ["no"]},
        {**area, "rectanglelabels": ["no", "mask"]},
    ]
    assert [r["type"] for r in changed[:3]] == ["rectanglelabels"] * 3
    assert changed[3:] == results[3:]


def test_json_min_and_completions(tmp_path: Path) -> None:
    value = {**region()["value"], "original_width": 400, "original_height": 300}
    outline = {
        "points": [[1, 1], [9, 1], [9, 9]],
        "polygonlabels": ["no"],
        "original_width": 400,
        "original_height": 300,
    }
    tasks = [
        {
            "image": "/data/upload/1/0123abcd-a.png",
            "id": 1,
            "boxes": [value],
            "p": [outline],
            "choice": "x",
            "annotator": 1,
        },
        {"image": "b.png", "id": 2, "boxes": [], "annotator": 1},
    ]
    path = write(tmp_path, tasks, ("a", "b"))
    assert registry.detect(tmp_path).name == "label-studio"
    dataset, report = load(tmp_path)
    assert codes(report) == ["not-a-rectangle"]
    assert [[box.xyxy for box in image.boxes] for image in dataset] == [
        [(40, 30, 120, 90), (4, 3, 36, 27)],
        [],
    ]
    base = path.read_bytes()
    assert CODEC.render_file(path, dataset.images, dataset.class_names, base) == base
    first, second = dataset.images
    new = Box((4.0, 3.0, 8.0, 6.0), "no")
    images = (first.with_boxes((first.boxes[1].moved_to((4.0, 3.0, 40.0, 30.0)), new)), second)
    path.write_bytes(CODEC.render_file(path, images, dataset.class_names, base))
    again, report = load(tmp_path)
    assert not report.errors
    assert sorted(box.xyxy for box in again.images[0].boxes) == [(4, 3, 8, 6), (4, 3, 40, 30)]
    assert json.loads(path.read_text())[1] == tasks[1] and json.loads(path.read_text())[0]["choice"] == "x"

    old = task(region())
    old["completions"] = old.pop("annotations")
    write(tmp_path, [old])
    assert [box.label for box in load(tmp_path)[0].images[0].boxes] == ["mask"]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (region(x="10"), "bad-number"),
        (region(x=None), "bad-number"),
        (region(x=float("nan")), "not-finite"),
        (region(w=0), "box-empty"),
        (region(w=-5), "box-swapped"),
        (region(x=95), "box-far-outside"),
        (region(label=""), "no-name"),
        (region(label=5), "bad-label"),
        (region(label="a\nb"), "bad-label"),
        (region(image_rotation=90), "image-rotated"),
        (region(value={"x": 1, "y": 1, "width": 5, "height": 5}), "no-name"),
        (region(type="polygonlabels", value={"points": [[1, 1]], "polygonlabels": ["a"]}), "bad-points"),
    ],
)
def test_bad_regions(tmp_path: Path, bad: Any, code: str) -> None:
    write(tmp_path, [task(region()), task(region(id="q"), bad, image="b.png")], ("a", "b"), indent=1)
    dataset, report = load(tmp_path)
    (issue,) = report.errors
    assert (issue.code, issue.key) == (code, "images/b") and (issue.line or 0) > 20
    assert issue.message.startswith("[1].annotations[0].result[1]")
    assert [image.key for image in dataset] == ["images/a"]


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('{"annotations": []}', "not-label-studio"),
        ('[{"annotations": [{"result": [', "bad-json"),
        ("[" * 100_000, "too-deep"),
        ("", "empty-file"),
        ('[7, {"data": {"image": "a.png"}, "annotations": []}]', "bad-task"),
        ('[{"data": {"image": 5}, "annotations": [{"result": []}]}]', "no-picture-name"),
        (
            '[{"data": {"image": "data:image/png;base64,iVBOR"}, "annotations": [{"result": []}]}]',
            "no-picture-name",
        ),
        ('[{"data": {"image": "../../etc/x.png"}, "annotations": [{"result": []}]}]', "path-outside"),
        ('[{"data": {"image": "gone.png"}, "annotations": [{"result": []}]}]', "image-missing"),
        ('[{"data": {"image": "a.png"}, "id": 1, "id": 2, "annotations": [{"result": []}]}]', "repeated-key"),
    ],
)
def test_files_and_tasks_that_are_refused(tmp_path: Path, text: str, code: str) -> None:
    path = write(tmp_path, [])
    path.write_text(text)
    report = Report()
    CODEC.load(tmp_path, report, LoadOptions(labels=path))
    assert codes(report)[0] == code
    assert report.errors[0].path == path and report.errors[0].line == 1


def test_other_json_is_not_taken_for_it(tmp_path: Path) -> None:
    path = write(tmp_path, [{"image": "a.png", "annotations": [{"label": "x", "coordinates": {"x": 1}}]}])
    assert not CODEC.recognises(path)
    for text in ("[]", "{}", '[{"image_id": 1, "category_id": 1, "bbox": [1, 2, 3, 4], "score": 0.5}]'):
        path.write_text(text)
        assert not CODEC.recognises(path)
    assert not CODEC.detect(tmp_path)


def test_another_size(tmp_path: Path) -> None:
    half = region(original_width=800, original_height=600)
    path = write(tmp_path, [task(half)])
    assert codes(load(tmp_path)[1]) == ["size-mismatch"]
    for trust in ("xml", "image"):
        dataset, report = load(tmp_path, trust_size=trust)
        assert codes(report) == ["size-mismatch"]
        assert dataset.images[0].boxes[0].xyxy == (40, 30, 120, 90), "percents are of the picture as it is"
    image = dataset.images[0].with_boxes((dataset.images[0].boxes[0].relabelled("no"),))
    data = CODEC.render_file(path, (image,), ("mask", "no"), path.read_bytes())
    assert b'"original_width": 400, "original_height": 300' in data
    del half["original_width"]
    write(tmp_path, [task(half)])
    assert not codes(load(tmp_path)[1])


def test_the_labelling_interface(tmp_path: Path) -> None:
    config = tmp_path / "label_config.xml"
    config.write_bytes(new_config(("b", "a & <c>")))
    assert read_config(config) == ["b", "a & <c>"]
    mine = b'<View>\n  <X><Label value="b" hotkey="1"/>\n  <Label value="a"></Label></X>\n</View>'
    assert with_classes(mine, ("b", "a")) == mine
    out = with_classes(mine, ("new", "a", "b"))
    config.write_bytes(out)
    assert read_config(config) == ["new", "a", "b"]
    assert b'<Label value="b" hotkey="1"/>' in out
    write(tmp_path, [task(region())])
    assert load(tmp_path)[0].class_names == ("new", "a", "b", "mask")
    config.write_text("<View><Label")
    dataset, report = load(tmp_path)
    assert codes(report) == ["bad-xml"] and len(dataset) == 1
