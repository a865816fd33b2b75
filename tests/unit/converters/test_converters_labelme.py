from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.errors import NotADatasetError
from converters.formats.base import LoadOptions
from converters.formats.labelme import LabelmeCodec
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report

CODEC = LabelmeCodec()
SIZE = (400, 300)


def shape(
    label: Any = "mask", points: Any = ((10, 20), (110, 120)), kind: Any = "rectangle", **more: Any
) -> Any:
    points = [list(point) for point in points] if isinstance(points, tuple) else points
    return {"label": label, "points": points, "group_id": None, "shape_type": kind, "flags": {}, **more}


def document(*shapes: Any, **more: Any) -> dict[str, Any]:
    return {
        "version": "4.5.6",
        "flags": {"night": True},
        "shapes": list(shapes),
        "imagePath": "x.png",
        "imageData": "iVBORw0KGgo=" * 50,
        "imageHeight": 300,
        "imageWidth": 400,
        **more,
    }


def write(root: Path, value: Any, name: str = "x", **style: Any) -> bytes:
    Image.new("RGB", SIZE).save(root / f"{name}.png")
    data = json.dumps(value, **{"indent": 2, "ensure_ascii": False, **style}).encode()
    (root / f"{name}.json").write_bytes(data)
    return data


def load(root: Path, **options: Any) -> tuple[Dataset, Report]:
    report = Report()
    return CODEC.load(root, report, LoadOptions(**options)), report


def one(root: Path, value: Any, **options: Any) -> tuple[AnnotatedImage | None, list[str]]:
    write(root, value)
    dataset, report = load(root, **options)
    return next((image for image in dataset if image.key == "x"), None), [issue.code for issue in report]


def render(image: AnnotatedImage, boxes: tuple[Box, ...], base: bytes) -> bytes:
    return CODEC.render(image.with_boxes(boxes), ("mask", "no", "tree"), base)


@pytest.mark.parametrize(
    "points",
    [
        ((10, 20), (110, 120)),
        ((110, 120), (10, 20)),
        ((110.0, 20), (10, 120.0)),
        ((10, 20), (110, 20), (110, 120), (10, 120)),
        ((10, 120), (10, 20), (110, 20), (110, 120), (10, 120)),
    ],
)
def test_rectangles_in_any_order_of_corners(tmp_path: Path, points: Any) -> None:
    image, codes = one(tmp_path, document(shape(points=points)))
    assert image is not None and not codes
    assert image.boxes[0].xyxy == (10, 20, 110, 120)
    base = (tmp_path / "x.json").read_bytes()
    assert render(image, image.boxes, base) == base
    moved = render(image, (image.boxes[0].moved_to((12.5, 20, 110, 121)),), base)
    (tmp_path / "x.json").write_bytes(moved)
    again = load(tmp_path)[0].images[0]
    assert again.boxes[0].xyxy == (12.5, 20, 110, 121)
    changed = json.loads(moved)["shapes"][0]
    assert len(changed["points"]) == len(points) and changed["shape_type"] == "rectangle"


def test_outlines_become_boxes_and_lines_are_skipped_with_one_warning_for_the_set(tmp_path: Path) -> None:
    shapes = (
        shape("tree", ((10, 10), (30, 10), (20, 40)), "polygon"),
        shape("no", ((100, 100), (103, 104)), "circle"),
        shape("no", ((50, 60), (69, 79)), "mask", mask="iVBOR"),
        shape("tree", ((1, 1), (5, 1)), None),
        shape("no", ((3, 4),), "point"),
        shape("no", ((3, 4), (5, 6)), "line"),
        shape("no", ((3, 4), (5, 6), (7, 7)), "linestrip"),
        shape("no", ((200, 100), (220, 120), (200, 140), (180, 120)), "rotation"),
    )
    shapes[3]["points"].append([3, 9])
    del shapes[3]["shape_type"]
    for name in ("x", "y"):
        write(tmp_path, document(*shapes, imagePath=f"{name}.png"), name)
    dataset, report = load(tmp_path)
    assert [box.xyxy for box in dataset.images[0].boxes] == [
        (10, 10, 30, 40),
        (95, 95, 105, 105),
        (50, 60, 70, 80),
        (1, 1, 5, 9),
        (180, 100, 220, 140),
    ]
    assert [issue.code for issue in report] == ["not-a-rectangle", "not-a-box"]
    assert "4 polygons" in report.issues[0].message and "2 files" in report.issues[0].message
    assert "2 points, 2 lines, 2 linestrips" in report.issues[1].message

    base = (tmp_path / "x.json").read_bytes()
    first, *rest = dataset.images[0].boxes
    data = render(dataset.images[0], (first.moved_to((1, 2, 3, 4)), *rest), base)
    after, before = json.loads(data)["shapes"], json.loads(base)["shapes"]
    assert after[0]["shape_type"] == "rectangle" and after[0]["points"] == [[1, 2], [3, 4]]
    assert after[1:] == before[1:]


def test_everything_else_in_the_file_survives_an_edit(tmp_path: Path) -> None:
    value = document(
        shape(extra=[1, 2], points=((10.25, 20), (110, 120.125))),
        shape("no", ((3, 4),), "point"),
        shape("no", description="ü"),
        others={"a": 1e-7},
    )
    for style in (
        {},
        {"indent": 4},
        {"indent": None},
        {"indent": None, "separators": (",", ":")},
        {"indent": "\t"},
    ):
        base = write(tmp_path, value, **style)
        image = load(tmp_path)[0].images[0]
        assert render(image, image.boxes, base) == base
        first, second = image.boxes
        new = Box((1.0, 2.0, 3.5, 4.0), "mask", None, frozenset({"crowd", "difficult"}))
        data = render(image, (second.relabelled("mask"), new, first.duplicated()), base)
        got = json.loads(data)
        assert {k: v for k, v in got.items() if k != "shapes"} == {
            k: v for k, v in value.items() if k != "shapes"
        }
        assert got["shapes"][:2] == [value["shapes"][1], {**value["shapes"][2], "label": "mask"}]
        assert [s["points"] for s in got["shapes"][2:]] == [[[1, 2], [3.5, 4]], [[10.25, 20], [110, 120.125]]]
        assert got["shapes"][2]["flags"] == {"difficult": True, "crowd": True}
        assert "description" in got["shapes"][2], "keys as the file's other shapes have them"
        assert (b"\n" in data) == (b"\n" in base)
        removed = json.loads(render(image, (), base))
        assert [s["shape_type"] for s in removed["shapes"]] == ["point"]


def test_flags_in_both_places(tmp_path: Path) -> None:
    value = document(
        shape(flags={"Occluded": True, "night": True, "crowd": False}),
        shape(difficult=True, flags=None),
        shape(flags={"truncated": "yes"}),
    )
    base = write(tmp_path, value)
    image = load(tmp_path)[0].images[0]
    assert [set(box.flags) for box in image.boxes] == [{"occluded"}, {"difficult"}, set()]
    wanted = (frozenset({"truncated"}), frozenset({"crowd"}), frozenset({"difficult"}))
    data = render(image, tuple(replace(b, flags=f) for b, f in zip(image.boxes, wanted, strict=True)), base)
    shapes = json.loads(data)["shapes"]
    assert shapes[0]["flags"] == {"night": True, "truncated": True}
    assert shapes[1]["difficult"] is False and shapes[1]["flags"] == {"crowd": True}
    (tmp_path / "x.json").write_bytes(data)
    assert [box.flags for box in load(tmp_path)[0].images[0].boxes] == list(wanted)


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (shape(points=((1, 2),)), "bad-points"),
        (shape(points=None), "bad-points"),
        (shape(points=[[1, 2], [3]]), "bad-points"),
        (shape(points=[[1, 2], [3, "4"]]), "bad-number"),
        (shape(points=[[1, 2], [3, True]]), "bad-number"),
        (shape(points=[[1, 2], [3, float("nan")]]), "not-finite"),
        (shape(points=[[1, 2], [3, int("9" * 350)]]), "not-finite"),
        (shape(label=""), "no-name"),
        (shape(label=" \n"), "no-name"),
        (shape(label=None), "no-name"),
        (shape(label=3), "no-name"),
        (shape(label="a\nb"), "bad-label"),
        (shape(kind=5), "bad-shape"),
        (7, "bad-shape"),
        (shape(points=((1, 1), (1, 9))), "box-empty"),
        (shape(points=((1, 1), (900, 9))), "box-far-outside"),
        (shape(points=((1, 1), (2, 2)), kind="polygon"), "bad-points"),
    ],
)
def test_bad_shapes_are_errors_with_their_line(tmp_path: Path, bad: Any, code: str) -> None:
    write(tmp_path, document(shape()), "good")
    write(tmp_path, document(shape(), bad))
    dataset, report = load(tmp_path)
    (issue,) = report.errors
    assert (issue.code, issue.key, issue.path) == (code, "x", tmp_path / "x.json")
    assert issue.line is not None and issue.line > 20
    assert [image.key for image in dataset] == ["good"]
    base = (tmp_path / "x.json").read_bytes()
    kept = next(image for image in load(tmp_path, keep_good=True)[0] if image.key == "x")
    assert len(json.loads(render(kept, (), base))["shapes"]) == 1, "what was refused stays"


@pytest.mark.parametrize(
    ("data", "code", "line"),
    [
        (b"", "empty-file", 1),
        (b"[]", "not-labelme", 1),
        (b'{"name": "pkg"}', "not-labelme", 1),
        (b'{"shapes": {}}', "not-labelme", 1),
        (b'{\n"shapes": [\n{"label": "a"', "bad-json", 3),
        (b'{"shapes": []} x', "bad-json", 1),
        (b'{"shapes": [], "shapes": []}', "repeated-key", 1),
        (b'{"shapes": [\n{"label": "a", "label": "b"}]}', "repeated-key", 1),
        (b'{"shapes": ' + b"[" * 100_000, "too-deep", 1),
        (b'{"shapes": [], "imageWidth": "400", "imageHeight": 300}', "bad-size", 1),
        ('{"shapes": []}'.encode("utf-16"), "bad-encoding", 1),
        (b'{"shapes": []\0}', "bad-encoding", 1),
        (b'{"shapes": [],\n"imageWidth": 800,"imageHeight": 600}', "size-mismatch", 2),
    ],
)
def test_files_that_are_refused(tmp_path: Path, data: bytes, code: str, line: int) -> None:
    write(tmp_path, document(), "x")
    (tmp_path / "x.json").write_bytes(data)
    dataset, report = load(tmp_path)
    assert [(issue.code, issue.line, issue.key) for issue in report.errors] == [(code, line, "x")]
    assert not dataset.images


def test_sizes_names_and_lists(tmp_path: Path) -> None:
    image, codes = one(tmp_path, document(shape(), imagePath="../../etc/passwd", imageHeight=None))
    assert image is not None and codes == ["filename-differs", "size-missing"]
    image, codes = one(tmp_path, document(shape(), imagePath="C:\\a\\x.png"))
    assert image is not None and not codes
    value = document(shape(), imageWidth=800, imageHeight=600)
    image, codes = one(tmp_path, value, trust_size="xml")
    assert image is not None and image.boxes[0].xyxy == (5, 10, 55, 60) and codes == ["size-mismatch"]
    data = render(image, (image.boxes[0].moved_to((1, 2, 3, 4)),), (tmp_path / "x.json").read_bytes())
    assert (json.loads(data)["imageWidth"], json.loads(data)["imageHeight"]) == SIZE

    (tmp_path / "labels.txt").write_text("__ignore__\n_background_\nno\nmask\n")
    write(tmp_path, document(shape("tree"), shape()))
    dataset, report = load(tmp_path)
    assert dataset.class_names == ("no", "mask", "tree")
    assert [issue.code for issue in report] == ["class-not-listed"]
    CODEC.write_class_names(tmp_path, ("tree", "no", "mask"))
    assert (tmp_path / "labels.txt").read_text() == "__ignore__\n_background_\ntree\nno\nmask\n"


def test_a_picture_inside_is_never_read_but_missed(tmp_path: Path) -> None:
    write(tmp_path, document(shape()))
    write(tmp_path, document(shape()), "alone")
    write(tmp_path, document(shape(), imageData=None), "bare")
    for name in ("alone", "bare"):
        (tmp_path / f"{name}.png").unlink()
    (tmp_path / "package.json").write_text('{"name": "a", "version": "1"}')
    (tmp_path / "_annotations.createml.json").write_text('[{"image": "x.png", "annotations": []}]')
    dataset, report = load(tmp_path)
    assert registry.detect(tmp_path).name == "labelme"
    assert [(issue.code, issue.path.name) for issue in report if issue.path] == [
        ("image-missing", "alone.json"),
        ("label-without-image", "bare.json"),
    ]
    assert report.errors[0].hint
    assert len(dataset) == 1
    (tmp_path / "x.png").unlink()
    with pytest.raises(NotADatasetError, match="beside their JSON"):
        load(tmp_path)


def test_another_place_names_the_picture_anew(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    (tmp_path / "labels").mkdir()
    write(tmp_path / "images", document())
    (tmp_path / "images" / "x.json").unlink()
    value = document(shape(), imagePath="../images/x.png")
    (tmp_path / "labels" / "x.json").write_text(json.dumps(value))
    dataset, report = load(tmp_path)
    assert not len(report) and len(dataset.images[0].boxes) == 1
    target = tmp_path / "new"
    target.mkdir()
    CODEC.save(dataset, target, Report())
    saved = json.loads((target / "x.json").read_text())
    assert saved == {**value, "imagePath": "x.png"}
