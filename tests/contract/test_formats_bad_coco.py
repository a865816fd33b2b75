"""Malformed COCO: the folder of known cases by the commands, and more that are written here."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from converters import registry
from converters.cli.check import main as check
from converters.cli.convert import main as convert
from converters.formats.base import LoadOptions
from converters.model import Dataset
from converters.report import Report

BAD = Path(__file__).resolve().parents[2] / ".." / "shared" / "bad"
WANTED = {  # code, line, what the message has to name; whether something is left to convert
    "c01_missing_image": ("unknown-image", 17, "annotations[0] (id 1): image_id 42 is not in images", True),
    "c04_bbox3": ("bad-bbox", 17, "annotations[0].bbox", True),
    "c05_nan": ("not-finite", 1, "annotations[0].bbox", True),
    "c08_traversal": ("path-outside", 3, "leads outside the set", True),
    "c09_truncated": ("bad-json", 25, "column 6", False),
    "c11_no_annotations": ("no-annotations", 1, "annotations", False),
    "c13_negative_w": ("box-empty", 17, "annotations[0].bbox", True),
    "c14_iscrowd": ("crowd", 17, "1 box of a crowd", True),
    "c15_deep_json": ("too-deep", 1, "nesting too deep", False),
    "c16_no_width": ("size-missing", 3, "400x300", True),
    "c20_string_ids": ("text-ids", None, "1 of the ids of images", True),
}


def index() -> list[dict[str, str]]:
    if not (BAD / "index.csv").is_file():
        return []
    with (BAD / "index.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["format"] == "coco"]


@pytest.mark.skipif(not (BAD / "index.csv").is_file(), reason="../shared/bad is not there")
@pytest.mark.parametrize("row", index(), ids=lambda row: row["id"])
def test_case_of_the_folder(row: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    case = row["id"]
    status = check([str(BAD / case), "--json", "--no-images"])
    issues = json.loads(capsys.readouterr().out)["issues"]
    issues = [issue for issue in issues if issue["code"] not in ("class-unused", "image-without-label")]
    assert status == (1 if row["expect"] == "reject" else 0)
    if row["expect"] == "accept":
        assert not issues
    else:
        code, line, text, _ = WANTED[case]
        (issue,) = [i for i in issues if i["code"] == code]
        assert issue["line"] == line and text in issue["message"]
        assert issue["path"].endswith("instances_train.json")
        assert issue["severity"] == ("error" if row["expect"] == "reject" else "warning")

    status = convert([str(BAD / case), str(tmp_path / "work"), "--jobs", "1"])
    captured = capsys.readouterr()
    assert "Traceback" not in captured.err
    written = {path.stem: path.read_text() for path in (tmp_path / "work" / "obj").glob("*.txt")}
    if case in WANTED and not WANTED[case][3]:
        assert (
            status == 1 and not (tmp_path / "work").exists() and "nothing of it can be used" in captured.err
        )
        return
    assert status == (1 if row["expect"] == "reject" else 0)
    assert written.pop("zz_good").startswith("0 ")
    if row["expect"] == "reject":
        assert not written, "what was refused is not written, least of all as an empty label"
    elif case == "c14_iscrowd":
        assert written == {"x": ""} and "crowd-dropped" in captured.err
    else:
        assert list(written) == ["x"] and written["x"].startswith("0 ")
    assert not (Path("/var/tmp") / "escape.png").exists()


# --- written here ---------------------------------------------------------------------------------

CATEGORIES = [{"id": 1, "name": "mask", "supercategory": ""}, {"id": 2, "name": "no_mask"}]


def image(id: Any = 1, name: Any = "x.png", **more: Any) -> dict[str, Any]:
    return {"id": id, "file_name": name, "width": 100, "height": 80, **more}


def box(
    id: Any = 1, image_id: Any = 1, category: Any = 1, bbox: Any = (10, 20, 30, 40), **more: Any
) -> dict[str, Any]:
    return {"id": id, "image_id": image_id, "category_id": category, "bbox": bbox, **more}


def without(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def document(
    images: list[Any] | None = None, boxes: list[Any] | None = None, categories: Any = CATEGORIES, **more: Any
) -> bytes:
    """A file with what is given and a good picture ``zz_good`` with a good box."""
    value = {
        "images": [*([image()] if images is None else images), image(9, "zz_good.png")],
        "annotations": [*([box()] if boxes is None else boxes), box(99, 9, 2)],
        "categories": categories,
        **more,
    }
    return json.dumps(value, indent=1).encode()


def load(root: Path, data: bytes, **options: object) -> tuple[Dataset, Report]:
    """A set of two pictures with this label file."""
    (root / "images").mkdir()
    (root / "annotations").mkdir()
    for name in ("x", "zz_good"):
        Image.new("RGB", (100, 80)).save(root / "images" / f"{name}.png")
    (root / "annotations" / "instances.json").write_bytes(data)
    report = Report()
    return registry.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


def one(**changes: Any) -> bytes:
    return document(boxes=[box(**changes)])


REFUSED = {
    "score NaN": (one(score=float("nan")), "not-finite"),
    "score 2": (one(score=2), "bad-confidence"),
    "score of text": (one(score="0.5"), "bad-number"),
    "bbox null": (one(bbox=None), "no-bbox"),
    "bbox of texts": (one(bbox=["10", "20", "30", "40"]), "bad-number"),
    "bbox an object": (one(bbox={"x": 1}), "bad-bbox"),
    "bbox a text": (one(bbox="10,20,30,40"), "bad-bbox"),
    "bbox of truths": (one(bbox=[True, 1, 2, 3]), "bad-number"),
    "bbox nested": (one(bbox=[[1, 2, 3, 4]]), "bad-bbox"),
    "bbox infinite": (one(bbox=[1, 2, float("inf"), 4]), "not-finite"),
    "bbox 1e400": (document().replace(b"10,", b"1e400,", 1), "not-finite"),
    "bbox of 5000 digits": (document().replace(b"10,", b"9" * 5000 + b",", 1), "not-finite"),
    "no width": (one(bbox=[10, 20, 0, 40]), "box-empty"),
    "far outside": (one(bbox=[10, 20, 300, 40]), "box-far-outside"),
    "category without name": (document(categories=[{"id": 1}, {"id": 2, "name": "no_mask"}]), "no-name"),
    "category of blanks": (document(categories=[{"id": 1, "name": " "}, {"id": 2, "name": "b"}]), "no-name"),
    "category of two lines": (
        document(categories=[{"id": 1, "name": "a\nb"}, {"id": 2, "name": "b"}]),
        "bad-label",
    ),
    "category a number": (document(categories=[{"id": 1, "name": 5}, {"id": 2, "name": "b"}]), "bad-label"),
    "two categories of one id": (
        document(categories=[{"id": 1, "name": "a"}, {"id": 1, "name": "b"}, {"id": 2, "name": "c"}]),
        "duplicate-id",
    ),
    "no such category": (one(category=77), "unknown-category"),
    "category id a text": (one(category="1"), "unknown-category"),
    "category id null": (one(category=None), "no-id"),
    "width negative": (document().replace(b'"width": 100', b'"width": -100', 1), "bad-size"),
    "width a text": (document().replace(b'"width": 100', b'"width": "100"', 1), "bad-number"),
    "width half a pixel": (document().replace(b'"width": 100', b'"width": 100.5', 1), "bad-size"),
    "width huge": (document().replace(b'"width": 100', b'"width": 1e30', 1), "bad-size"),
    "another size": (document().replace(b'"width": 100', b'"width": 200', 1), "size-mismatch"),
    "annotation id twice": (document(boxes=[box(), box(1, 1, 2)]), "duplicate-id"),
    "annotation id a list": (one(id=[1]), "bad-number"),
    "image twice": (document([image(), image(2)], [box(), box(2, 2)]), "image-twice"),
    "image twice, spelled anew": (
        document([image(), image(2, "./x.png")], [box(), box(2, 2)]),
        "image-twice",
    ),
    "key twice": (
        document().replace(b'"category_id": 1,', b'"category_id": 1, "category_id": 2,', 1),
        "repeated-key",
    ),
    "key of an image twice": (
        document().replace(b'"width": 100,', b'"width": 100, "width": 90,', 1),
        "repeated-key",
    ),
    "polygon of three numbers": (
        document(boxes=[{**box(bbox=[]), "segmentation": [[10, 10, 50]]}]),
        "bad-outline",
    ),
    "mask beyond its size": (
        document(boxes=[box(bbox=None, segmentation={"size": [80, 100], "counts": [800, 99999]})]),
        "bad-outline",
    ),
    "mask of a wrong text": (
        document(boxes=[box(bbox=None, segmentation={"size": [80, 100], "counts": "zz~"})]),
        "bad-outline",
    ),
}


@pytest.mark.parametrize(("data", "code"), REFUSED.values(), ids=REFUSED)
def test_an_entry_that_is_refused_takes_only_its_picture_out(tmp_path: Path, data: bytes, code: str) -> None:
    dataset, report = load(tmp_path, data)
    assert code in {issue.code for issue in report.errors}
    for issue in report.errors:
        assert issue.path == tmp_path / "annotations" / "instances.json" and issue.line is not None
        assert issue.message.startswith(("annotations[", "images[", "categories["))
    assert [(image.path.stem, len(image.boxes)) for image in dataset] == [("zz_good", 1)]


NAMES = {
    "empty": ("", "no-picture-name"),
    "NUL": ("x\0.png", "path-outside"),
    "line break": ("x\n.png", "path-outside"),
    "absolute": ("/var/tmp/escape.png", "path-outside"),
    "drive": ("C:\\x\\escape.png", "path-outside"),
    "drive without a root": ("C:escape.png", "path-outside"),
    "backslashes": ("..\\..\\escape.png", "path-outside"),
    "address with dots": ("http://host/..%2f..%2fx.png", "path-outside"),
    "dots": ("../../images/x.png", "path-outside"),
    "a number": (5, "no-picture-name"),
    "only a dot": (".", "no-picture-name"),
    "only dots": ("..", "image-missing"),
    "very long": ("x" * 100_000, "image-missing"),
    "half a character": ("\ud800.png", "path-outside"),
}


@pytest.mark.parametrize(("name", "code"), NAMES.values(), ids=NAMES)
def test_names_of_pictures_that_are_refused(tmp_path: Path, name: Any, code: str) -> None:
    dataset, report = load(tmp_path, document([image(name=name)]))
    assert [issue.code for issue in report.errors] == [code]
    assert len(str(report.errors[0])) < 600
    assert [image.path.stem for image in dataset if image.labelled] == ["zz_good"]


@pytest.mark.parametrize(
    ("name", "codes"),
    [
        ("images/x.png", []),
        ("../images/x.png", []),
        ("images\\x.png", []),
        ("./x.png", []),
        ("old/place/x.png", []),
        ("x.jpg", []),
        ("x", []),
        ("/home/me/set/x.png", ["path-elsewhere"]),
        ("D:\\set\\x.png", ["path-elsewhere"]),
        ("https://host/a/x.png?size=1#top", ["path-elsewhere"]),
    ],
)
def test_names_of_pictures_that_are_found(tmp_path: Path, name: str, codes: list[str]) -> None:
    dataset, report = load(tmp_path, document([image(name=name)]))
    assert [issue.code for issue in report] == codes
    assert [(image.path.name, len(image.boxes)) for image in dataset] == [("x.png", 1), ("zz_good.png", 1)]


WHOLE = {
    "a list": (b'[1, "a", {}, null]', "not-coco"),
    "a text": (b'"x"', "not-coco"),
    "null": (b"null", "not-coco"),
    "nothing": (b"", "empty-file"),
    "blanks": (b" \n", "empty-file"),
    "comments": (b'{ // comment\n "images": []}', "bad-json"),
    "comma too many": (b'{"images": [1,], "annotations": [], "categories": []}', "bad-json"),
    "single quotes": (b"{'images': []}", "bad-json"),
    "two documents": (document() + b"{}", "bad-json"),
    "deep in a key nobody reads": (
        document(extra=0).replace(b'"extra": 0', b'"extra": ' + b"[" * 100_000 + b"]" * 100_000),
        "too-deep",
    ),
    "deep objects": (b'{"images":' + b'{"a":' * 100_000, "too-deep"),
    "annotations an object": (b'{"images": [], "annotations": {}, "categories": []}', "no-annotations"),
    "annotations null": (b'{"images": [], "annotations": null, "categories": []}', "no-annotations"),
    "no images": (b'{"annotations": [], "categories": []}', "no-images"),
    "no categories": (json.dumps(without(json.loads(document()), "categories")).encode(), "no-categories"),
    "images twice": (document()[:-2] + b', "images": []}', "repeated-key"),
    "UTF-16": (document().decode().encode("utf-16"), "bad-encoding"),
    "Latin-1": ('{"images": [], "é": 1}'.encode("latin-1"), "bad-encoding"),
    "NUL": (document() + b"\0", "bad-encoding"),
}


@pytest.mark.parametrize(("data", "code"), WHOLE.values(), ids=WHOLE)
def test_a_file_that_is_refused_as_a_whole(tmp_path: Path, data: bytes, code: str) -> None:
    dataset, report = load(tmp_path, data)
    assert [issue.code for issue in report.errors] == [code]
    assert report.errors[0].line is not None
    assert not dataset.images, "pictures of a file that cannot be read are not taken for unlabelled ones"


def test_a_huge_file_is_refused_unread(tmp_path: Path) -> None:
    data = document()
    (tmp_path / "images").mkdir()
    (tmp_path / "annotations").mkdir()
    Image.new("RGB", (100, 80)).save(tmp_path / "images" / "x.png")
    path = tmp_path / "annotations" / "instances.json"
    path.write_bytes(data)
    os.truncate(path, 600 << 20)
    report = Report()
    registry.load(tmp_path, report)
    assert [(issue.code, issue.path) for issue in report.errors] == [("too-large", path)]
    assert "600 MiB" in report.errors[0].message and "512 MiB" in report.errors[0].message


ACCEPTED = {
    "huge ids": (document([image(10**30)], [box(10**40, 10**30)]), []),
    "negative ids": (
        document([image(-1)], [box(-5, -1, -2)], [{"id": -2, "name": "a"}, {"id": 2, "name": "b"}]),
        [],
    ),
    "ids with a point": (document([image(1.0)], [box(1.0, 1, 1.0)]), []),
    "no annotation id": (document(boxes=[without(box(), "id")]), ["no-id"]),
    "null among categories": (document(categories=[*CATEGORIES, {"id": 3, "name": "more"}]), []),
    "two categories of one name": (
        document(categories=[{"id": 1, "name": "m"}, {"id": 2, "name": "m"}]),
        ["duplicate-category"],
    ),
    "size 0": (document().replace(b'"width": 100', b'"width": 0', 1), ["size-missing"]),
    "size with a point": (document().replace(b'"width": 100', b'"width": 100.0', 1), []),
    "sides swapped": (
        document().replace(b'"width": 100,\n   "height": 80', b'"width": 80,\n   "height": 100', 1),
        ["size-swapped"],
    ),
    "a pixel outside": (one(bbox=[10, 20, 91, 40]), ["box-outside"]),
    "float32": (one(bbox=[0, 0, 100.000004, 80]), []),
    "iscrowd of words": (one(iscrowd="perhaps"), ["bad-flag"]),
    "iscrowd true": (one(iscrowd=True), ["crowd"]),
    "mask of a crowd": (
        one(bbox=None, segmentation={"size": [80, 100], "counts": [805, 20, 60, 20]}, iscrowd=1),
        ["not-a-rectangle", "crowd"],
    ),
    "byte order mark": (b"\xef\xbb\xbf" + document(), []),
    "line ends of Windows": (document().replace(b"\n", b"\r\n"), []),
    "address in place of a name": (
        document([{"id": 1, "coco_url": "http://images/x.png", "width": 100, "height": 80}]),
        ["path-elsewhere"],
    ),
}


@pytest.mark.parametrize(("data", "codes"), ACCEPTED.values(), ids=ACCEPTED)
def test_files_that_are_read(tmp_path: Path, data: bytes, codes: list[str]) -> None:
    dataset, report = load(tmp_path, data)
    assert [issue.code for issue in report] == codes
    assert [(image.path.stem, len(image.boxes)) for image in dataset] == [("x", 1), ("zz_good", 1)]


def test_entries_of_no_picture_put_pictures_without_boxes_in_doubt(tmp_path: Path) -> None:
    data = document(boxes=[box(1, 42), None, without(box(3), "image_id")])
    dataset, report = load(tmp_path, data)
    assert [issue.code for issue in report.errors] == [
        "unknown-image",
        "bad-entry",
        "no-id",
        "image-doubtful",
    ]
    assert "3 entries" in report.errors[-1].message
    assert [image.path.stem for image in dataset] == ["zz_good"]
    report = Report()
    dataset = registry.load(tmp_path, report, LoadOptions(keep_good=True))
    assert [(image.path.stem, len(image.boxes)) for image in dataset] == [("x", 0), ("zz_good", 1)]


def test_things_without_a_box_are_counted(tmp_path: Path) -> None:
    point = {"id": 5, "image_id": 1, "category_id": 1, "keypoints": [1, 2, 2]}
    dataset, report = load(tmp_path, document(boxes=[box(), point, {**point, "id": 6}]))
    assert [issue.code for issue in report] == ["not-a-box"]
    assert [len(image.boxes) for image in dataset] == [1, 1]


def test_pictures_missing_are_said_one_by_one_or_once(tmp_path: Path) -> None:
    data = document([image(), *(image(100 + n, f"gone{n}.png") for n in range(60))])
    _, report = load(tmp_path, data)
    missing = [issue for issue in report.errors if issue.code == "image-missing"]
    assert len(missing) == 51 and "10 pictures more" in missing[-1].message
    assert "gone0.png" in missing[0].message and missing[0].line == 9
