"""Malformed input: the folder of known cases, and more that are written here."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.archive import open_for_editing, unpack
from converters.errors import ArchiveError, DataError
from converters.formats.base import LoadOptions
from converters.model import Dataset
from converters.report import Report

BAD = Path(__file__).resolve().parents[2] / ".." / "shared" / "bad"
CLASSES = ("with_mask", "without_mask", "mask_weared_incorrect")
CODES = {
    "v03b_quadratic": ("doctype", 1),
    "v05_zero_size": ("size-missing", 4),
    "v06_non_numeric": ("bad-number", 13),
    "v07_nan": ("not-finite", 13),
    "v08_inf": ("not-finite", 15),
    "v11_zero_width": ("box-empty", 6),
    "v12_oob_by_one": ("box-outside", 6),
    "v13_oob_far": ("box-far-outside", 6),
    "v14_unknown_class": ("unknown-class", 6),
    "v18_bad_utf8": ("bad-encoding", 3),
    "v20_no_bndbox": ("no-bndbox", 6),
    "v21_no_name": ("no-name", 6),
    "v22_traversal": ("filename-differs", 3),
    "v23_abs_filename": ("filename-differs", 3),
    "v25_size_mismatch": ("size-mismatch", 4),
    "v27_comma": ("bad-number", 13),
    "v33_deep": ("too-deep", 1),
    "y01_six_columns": ("bad-columns", 1),
    "y07_class_negative": ("bad-class", 1),
    "y08_class_float": ("class-float", 1),
    "y09_class_name": ("bad-class", 1),
    "y14_comma": ("bad-class", 1),
    "y17_missing_label": ("image-without-label", None),
    "y21_comment": ("bad-class", 1),
    "y22_orphan": ("label-without-image", None),
    "y27_hex": ("not-finite", 1),
}


def index(*formats: str) -> list[dict[str, str]]:
    if not (BAD / "index.csv").is_file():
        return []
    with (BAD / "index.csv").open(encoding="utf-8", newline="") as file:
        return [row for row in csv.DictReader(file) if row["format"] in formats]


needs_cases = pytest.mark.skipif(not (BAD / "index.csv").is_file(), reason="../shared/bad is not there")


def load(root: Path, **options: object) -> tuple[Dataset, Report]:
    report = Report()
    return registry.load(root, report, LoadOptions(**options)), report  # type: ignore[arg-type]


@needs_cases
@pytest.mark.parametrize("row", index("voc", "yolo"), ids=lambda row: row["id"])
def test_case_of_the_folder(row: dict[str, str]) -> None:
    dataset, report = load(BAD / row["id"], class_names=CLASSES)

    assert dataset.format == row["format"]
    by_stem = {image.path.stem: image for image in dataset}
    assert len(by_stem["zz_good"].boxes) == 1, "the good file beside it must load"
    if row["expect"] == "accept":
        assert report.summary() == "no findings"
        assert "x" in by_stem
        return
    wanted = report.errors if row["expect"] == "reject" else report.warnings
    if row["id"] == "y22_orphan":  # its train.txt names the missing picture, too
        wanted = [issue for issue in wanted if issue.code != "listed-image-missing"]
    assert [(issue.code, issue.line) for issue in wanted] == [CODES[row["id"]]]
    assert wanted[0].path is not None and wanted[0].path.stem == "x"
    if row["expect"] == "reject":
        assert "x" not in by_stem
    else:
        assert not report.errors
        assert ("x" in by_stem) == (row["id"] != "y22_orphan")


@needs_cases
@pytest.mark.parametrize("row", index("zip"), ids=lambda row: row["id"])
def test_archive_of_the_folder(row: dict[str, str], tmp_path: Path) -> None:
    archive = tmp_path / f"{row['id']}.zip"
    shutil.copyfile(BAD / row["file"], archive)
    with pytest.raises(ArchiveError) as raised:
        unpack(archive, tmp_path / "out")
    entries = {
        "z01_absolute": ["/var/tmp/zip_escape.txt"],
        "z04_symlink": ["link"],
        "z05_dup_names": ["a.xml"],
        "z06_backslash": ["evil.txt"],
    }
    for name in entries[row["id"]]:
        assert name in raised.value.message
    with pytest.raises(ArchiveError):
        open_for_editing(archive)
    assert list(tmp_path.iterdir()) == [archive]


@needs_cases
def test_what_the_options_make_of_the_cases() -> None:
    def boxes(case: str, **options: object) -> tuple[int, list[str], list[str]]:
        dataset, report = load(BAD / case, class_names=CLASSES, **options)
        found = [len(image.boxes) for image in dataset if image.path.stem == "x"]
        return sum(found), [i.code for i in report.errors], [i.code for i in report.warnings]

    assert boxes("v14_unknown_class", drop_unknown=True) == (0, [], ["unknown-class"])
    assert boxes("y01_six_columns", allow_confidence=True) == (1, [], [])
    assert boxes("v13_oob_far", fix_outside=True) == (1, [], ["box-far-outside"])
    assert boxes("v12_oob_by_one", fix_outside=True) == (1, [], ["box-outside"])
    assert boxes("v25_size_mismatch", trust_size="image") == (1, [], ["size-mismatch"])
    assert boxes("y21_comment", keep_good=True) == (1, ["bad-class"], [])

    dataset, _ = load(BAD / "v25_size_mismatch", trust_size="xml")
    assert dataset.images[0].boxes[0].xyxy == (5.0, 10.0, 55.0, 60.0)
    dataset, _ = load(BAD / "v25_size_mismatch", trust_size="image")
    assert dataset.images[0].boxes[0].xyxy == (10.0, 20.0, 110.0, 120.0)


@needs_cases
def test_the_set_own_list_does_not_shut_a_class_out() -> None:
    dataset, report = load(BAD / "v14_unknown_class")
    assert [issue.code for issue in report] == ["class-not-listed"]
    assert dataset.class_names == (*CLASSES, "helmet")


# --- written here ---------------------------------------------------------------------------------


def voc_object(**changes: str | None) -> str:
    tags = {
        "name": "<name>mask</name>",
        "xmin": "<xmin>10</xmin>",
        "ymin": "<ymin>20</ymin>",
        "xmax": "<xmax>30</xmax>",
        "ymax": "<ymax>40</ymax>",
    }
    tags |= {key: value or "" for key, value in changes.items()}
    name = tags.pop("name")
    return f"<object>{name}<bndbox>{''.join(tags.values())}</bndbox></object>"


def voc_file(*objects: str) -> bytes:
    return (
        "<annotation>\n<size><width>100</width><height>80</height></size>\n"
        + "\n".join(objects)
        + "\n</annotation>\n"
    ).encode()


def one(tmp_path: Path, name: str, data: bytes) -> tuple[Dataset, Report]:
    """Load a set of a picture with this label file, and another that is good."""
    Image.new("RGB", (100, 80)).save(tmp_path / "x.png")
    Image.new("RGB", (100, 80)).save(tmp_path / "good.png")
    (tmp_path / name).write_bytes(data)
    good = voc_file(voc_object()) if name.endswith("xml") else b"0 .5 .5 .1 .1\n"
    (tmp_path / "good").with_suffix(Path(name).suffix).write_bytes(good)
    if not name.endswith("xml"):
        (tmp_path / "obj.names").write_text("mask\nno_mask\n")
    return load(tmp_path)


NUMBERS = [
    "1_0",
    "infinity",
    "१२",
    "0x1p-1",
    "1e",
    "",
    "--1",
    "1 0",
    "1,5",
    "+",
    ".",
    "1.2.3",
    "１０",
    "1f",
    "nan(0)",
]


@pytest.mark.parametrize("text", [*NUMBERS, "NaN", "-INF", "1e400"])
def test_voc_numbers(tmp_path: Path, text: str) -> None:
    dataset, report = one(tmp_path, "x.xml", voc_file(voc_object(xmin=f"<xmin>{text}</xmin>")))
    assert [(i.code in ("bad-number", "not-finite"), i.line) for i in report] == [(True, 3)]
    assert len(dataset) == 1


@pytest.mark.parametrize("text", [*(n for n in NUMBERS if n and n != "1 0"), "nan", "inf", "-1e999"])
def test_yolo_numbers(tmp_path: Path, text: str) -> None:
    dataset, report = one(tmp_path, "x.txt", f"\n0 {text} .5 .1 .1\n".encode())
    assert [(i.code in ("bad-number", "not-finite"), i.line) for i in report] == [(True, 2)]
    assert len(dataset) == 1


@pytest.mark.parametrize("text", ["1e1", "+10", "10.", "010", "1.0E+1", " 10\t"])
def test_numbers_that_are_fine(tmp_path: Path, text: str) -> None:
    dataset, report = one(tmp_path, "x.xml", voc_file(voc_object(xmin=f"<xmin>{text}</xmin>")))
    assert not len(report)
    assert dataset.images[1].boxes[0].xyxy[0] == 10


BOMB = '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
VOC_FILES = {
    "empty": (b"", "empty-file"),
    "blank": (b" \n\n", "empty-file"),
    "cut in a tag": (voc_file(voc_object())[:60], "bad-xml"),
    "cut between": (b"<annotation>\n<size></size>\n", "bad-xml"),
    "only a declaration": (b'<?xml version="1.0"?>', "bad-xml"),
    "nul": (voc_file(voc_object()).replace(b"mask", b"m\0sk"), "bad-encoding"),
    "other root": (b"<annotations><image/></annotations>", "not-voc"),
    "html": (b"<html><body>404</body></html>", "not-voc"),
    "prefixed": (b'<v:annotation xmlns:v="u"/>', "not-voc"),
    "json": (b'{"shapes": []}', "bad-xml"),
    "doctype": (b"<!DOCTYPE annotation><annotation/>", "doctype"),
    "external": (b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><annotation/>', "doctype"),
    "bomb": (BOMB.encode() + b"<annotation>&b;</annotation>", "doctype"),
    "undefined entity": (voc_file(voc_object(name="<name>&xxe;</name>")), "bad-xml"),
    "mismatched": (b"<annotation><size></annotation>", "bad-xml"),
    "two roots": (b"<annotation/><annotation/>", "bad-xml"),
    "twice an attribute": (b'<annotation a="1" a="2"/>', "bad-xml"),
    "unknown encoding": (b'<?xml version="1.0" encoding="zip"?><annotation/>', "bad-encoding"),
    "lying encoding": (
        '<?xml version="1.0" encoding="ascii"?><annotation>ä</annotation>'.encode(),
        "bad-encoding",
    ),
    "lone surrogate": (b"\xff\xfe<\0a\0>\0\x00\xd8<\0/\0a\0>\0", "bad-encoding"),
    "utf-16 cut": ("<annotation/>".encode("utf-16")[:-1], "bad-encoding"),
    "two sizes": (voc_file("<size/>"), "repeated-element"),
    "bad size": (voc_file().replace(b"100", b"1.5"), "bad-size"),
    "negative size": (voc_file().replace(b"100", b"-100"), "bad-size"),
    "size in words": (voc_file().replace(b"100", b"wide"), "bad-number"),
}


@pytest.mark.parametrize("case", VOC_FILES)
def test_voc_files_that_are_refused(tmp_path: Path, case: str) -> None:
    data, code = VOC_FILES[case]
    dataset, report = one(tmp_path, "x.xml", data)
    (issue,) = report
    assert (issue.code, issue.path, issue.key) == (code, tmp_path / "x.xml", "x")
    assert issue.line is not None
    assert [image.key for image in dataset] == ["good"]


VOC_OBJECTS = {
    "no name": (voc_object(name=None), "no-name"),
    "empty name": (voc_object(name="<name/>"), "no-name"),
    "blank name": (voc_object(name="<name> \n </name>"), "no-name"),
    "only a no-break space": (voc_object(name="<name>\u00a0</name>"), "no-name"),
    "name of two lines": (voc_object(name="<name>a\nb</name>"), "bad-label"),
    "two names": (voc_object(name="<name>a</name><name>b</name>"), "repeated-element"),
    "elements in the name": (voc_object(name="<name>a<b/></name>"), "bad-element"),
    "no xmin": (voc_object(xmin=None), "no-xmin"),
    "two xmin": (voc_object(xmin="<xmin>1</xmin><xmin>2</xmin>"), "repeated-element"),
    "swapped": (voc_object(xmin="<xmin>50</xmin>"), "box-swapped"),
    "no height": (voc_object(ymin="<ymin>40</ymin>"), "box-empty"),
    "polygon only": ("<object><name>a</name><polygon><x1>1</x1></polygon></object>", "no-bndbox"),
    "two bndbox": (voc_object().replace("</object>", "<bndbox/></object>"), "repeated-element"),
    "wholly outside": (
        voc_object(xmin="<xmin>100</xmin>", xmax="<xmax>101</xmax>"),
        "box-far-outside",
    ),
    "negative": (voc_object(xmin="<xmin>-10</xmin>"), "box-far-outside"),
    "absurd": (voc_object(xmax="<xmax>1e300</xmax>"), "box-far-outside"),
}


@pytest.mark.parametrize("case", VOC_OBJECTS)
def test_voc_objects_that_are_refused(tmp_path: Path, case: str) -> None:
    bad, code = VOC_OBJECTS[case]
    data = voc_file(voc_object(), bad, voc_object(name="<name>no</name>"))
    dataset, report = one(tmp_path, "x.xml", data)
    (issue,) = report
    assert issue.code == code
    assert issue.line in (4, 5)
    assert [image.key for image in dataset] == ["good"]

    report = Report()
    dataset = registry.load(tmp_path, report, LoadOptions(keep_good=True))
    assert [i.code for i in report] == [code]
    image = dataset.images[1]
    assert [box.label for box in image.boxes] == ["mask", "no"]
    # The refused object is not the person's to lose: an edit of another box leaves it in the file.
    edited = image.with_boxes((image.boxes[0].relabelled("no"),))
    out = registry.FORMATS["voc"].render(edited, dataset.class_names, data)
    assert bad.encode() in out and out.count(b"<object>") == 2


def test_voc_part_and_namespace_and_bom_are_read(tmp_path: Path) -> None:
    part = "<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>"
    data = b"\xef\xbb\xbf" + voc_file(voc_object().replace("</object>", f"{part}</object>")).replace(
        b"<annotation>", b'<annotation xmlns="http://example.org/voc" verified="yes">'
    )
    dataset, report = one(tmp_path, "x.xml", data)
    assert not len(report)
    assert [box.label for box in dataset.images[1].boxes] == ["mask"]


def test_size_swapped_is_a_warning(tmp_path: Path) -> None:
    Image.new("RGB", (100, 80)).save(tmp_path / "x.png")
    data = voc_file(voc_object()).replace(b"<width>100", b"<width>80").replace(b"<height>80", b"<height>100")
    dataset, report = one(tmp_path, "x.xml", data)
    assert [issue.code for issue in report] == ["size-swapped"]
    assert len(dataset) == 2


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"0 .5 .5 .1\n", "bad-columns"),
        (b"0\n", "bad-columns"),
        (b"0 .5 .5 .1 .1 .1 .1 .1\n", "bad-columns"),
        (b"0 .5 .5 .1 .1 0.9\n", "bad-columns"),
        (b"0;.5;.5;.1;.1\n", "bad-class"),
        (b"1e0 .5 .5 .1 .1\n", "bad-class"),
        (b"+0 .5 .5 .1 .1\n", "bad-class"),
        (b"0.5 .5 .5 .1 .1\n", "bad-class"),
        (b"nan .5 .5 .1 .1\n", "bad-class"),
        (b"9" * 5000 + b" .5 .5 .1 .1\n", "bad-class"),
        (b"7 .5 .5 .1 .1\n", "unknown-class"),
        (b"0 .5 .5 0 .1\n", "box-empty"),
        (b"0 .5 .5 -.1 .1\n", "box-swapped"),
        (b"0 1.5 .5 .1 .1\n", "box-far-outside"),
        (b"0 50 40 20 20\n", "not-normalised"),
        (b"0 .5 .5 1.2 .1\n", "box-far-outside"),
        ("0 .5 .5 .1 .1\n".encode("utf-16"), "bad-encoding"),
        (b"0 .5 .5 .1 .1\0\n", "bad-encoding"),
        (b"\xff\n", "bad-encoding"),
    ],
)
def test_yolo_files_that_are_refused(tmp_path: Path, data: bytes, code: str) -> None:
    dataset, report = one(tmp_path, "x.txt", data)
    (issue,) = report.errors
    assert (issue.code, issue.line) == (code, 1)
    assert issue.path == tmp_path / "x.txt"
    assert len(str(issue)) < 500
    assert [image.key for image in dataset] == ["good"]


@pytest.mark.parametrize(
    ("data", "codes"),
    [
        (b"0 .5 .5 1.005 .1\n", ["box-outside"]),
        (b"0 .5 .5 1.00001 .1\n", []),
        (b"\xef\xbb\xbf0 .5 .5 .1 .1\n", ["bom"]),
        (b"1.000 .5 .5 .1 .1\n", ["class-float"]),
        (b"0 .1 .1 .5 .1 .5 .5 .1 .5\n", ["not-a-rectangle"]),
        (b"0 .1 .1 .5 .1 .5 .5\r\n1 .5 .5 .1 .1\r\n", ["not-a-rectangle"]),
    ],
)
def test_yolo_files_with_a_warning(tmp_path: Path, data: bytes, codes: list[str]) -> None:
    dataset, report = one(tmp_path, "x.txt", data)
    assert [issue.code for issue in report] == codes
    image = dataset.images[1]
    assert image.boxes
    assert registry.FORMATS["yolo"].render(image, dataset.class_names, data) == data


def test_yolo_refused_lines_stay_in_the_file(tmp_path: Path) -> None:
    data = b"0 .5 .5 .1 .1\n7 .5 .5 .1 .1\nrubbish\n0 .5 .5 .1 .1 0.9\n0 9 9 .1 .1\n1 .5 .5 .2 .2\n"
    one(tmp_path, "x.txt", data)
    report = Report()
    dataset = registry.load(tmp_path, report, LoadOptions(keep_good=True))
    image = dataset.images[1]
    assert [box.origin for box in image.boxes] == [0, 5]
    out = registry.FORMATS["yolo"].render(image.with_boxes(image.boxes[1:]), dataset.class_names, data)
    assert out == data.split(b"\n", 1)[1]


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (b"mask\n\nno_mask\n", "bad-names"),
        (b"mask\n   \nno_mask\n", "bad-names"),
        (b"mask\nmask\n", "bad-names"),
        (b"", "no-classes"),
        (b"\xff\xfem\0", "bad-encoding"),
    ],
)
def test_broken_names_file(tmp_path: Path, names: bytes, code: str) -> None:
    one(tmp_path, "x.txt", b"0 .5 .5 .1 .1\n")
    (tmp_path / "obj.names").write_bytes(names)
    with pytest.raises(DataError) as raised:
        load(tmp_path)
    assert raised.value.code == code
    assert raised.value.path == tmp_path / "obj.names"
