"""VOC and YOLO files that are damaged, hostile or merely odd: what each of them must come to."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from PIL import Image

from converters import registry
from converters.errors import DataError
from converters.formats.base import LoadOptions
from converters.formats.voc import VocCodec
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report

SIZE = "<size><width>100</width><height>80</height><depth>3</depth></size>"


def edges(xmin: object, ymin: object, xmax: object, ymax: object) -> str:
    return f"<bndbox><xmin>{xmin}</xmin><ymin>{ymin}</ymin><xmax>{xmax}</xmax><ymax>{ymax}</ymax></bndbox>"


BNDBOX = edges(10, 20, 30, 40)


def voc(*objects: str, size: str = SIZE) -> str:
    return "<annotation>\n" + size + "\n" + "\n".join(objects) + "\n</annotation>\n"


def thing(box: str = BNDBOX, name: str = "<name>mask</name>", more: str = "") -> str:
    return f"<object>{name}{more}{box}</object>"


def load(root: Path, suffix: str, data: str | bytes, **options: object) -> tuple[Dataset, Report]:
    """Load a set of a picture x with this label file, and another that is good."""
    for name in ("x", "zz_good"):
        Image.new("RGB", (100, 80)).save(root / f"{name}.png")
    (root / f"x{suffix}").write_bytes(data if isinstance(data, bytes) else data.encode())
    good = voc(thing()) if suffix == ".xml" else "0 .5 .5 .1 .1\n"
    (root / f"zz_good{suffix}").write_text(good)
    if suffix == ".txt" and not (root / "obj.names").exists():
        (root / "obj.names").write_text("mask\nno\n")
    report = Report()
    dataset = registry.load(root, report, LoadOptions(**options))  # type: ignore[arg-type]
    assert len(next(image for image in dataset if image.key == "zz_good").boxes) == 1
    return dataset, report


REFUSED_XML = {
    "a namespace's object": (voc(thing()).replace("object>", "v:object>"), "bad-element", 3),
    "object in capitals": (voc(thing()).replace("object>", "OBJECT>"), "bad-element", 3),
    "objects in a wrapper": (voc(f"<objects>{thing()}</objects>"), "bad-element", 3),
    "object in object": (voc(f"<object><name>a</name>{BNDBOX}{thing()}</object>"), "bad-element", 3),
    "bndbox alone": (voc(BNDBOX), "bad-element", 3),
    "external entity": (
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]>' + voc(thing()),
        "doctype",
        1,
    ),
    "parameter entity": ('<!DOCTYPE a [<!ENTITY % x SYSTEM "http://localhost/">%x;]>' + voc(), "doctype", 1),
    "two roots": (voc(thing()) * 2, "bad-xml", 5),
    "something behind": (voc(thing()) + "x", "bad-xml", 5),
    "cut": (voc(thing())[:-30], "bad-xml", 3),
    "utf-32": (voc(thing()).encode("utf-32"), "bad-encoding", 1),
    "utf-7": ('<?xml version="1.0" encoding="utf-7"?>' + voc(thing()), "bad-encoding", 1),
    "binary": (bytes(range(1, 256)) * 9, "bad-encoding", 2),
    "a forbidden character": (voc(thing(name="<name>a&#1;</name>")), "bad-xml", 3),
    "line break by number": (voc(thing(name="<name>a&#10;b</name>")), "bad-label", 3),
    "edges as attributes": (voc(thing('<bndbox xmin="1"/>')), "no-xmin", 3),
    "a thousand digits": (voc(thing(edges("9" * 1000, 20, 30, 40))), "not-finite", 3),
    "swapped": (voc(thing(edges(30, 20, 10, 40))), "box-swapped", 3),
    "far left": (voc(thing(edges(-5, 20, 10, 40))), "box-far-outside", 3),
    "absurd size": (voc(size=SIZE.replace(">100<", ">1e300<")), "bad-size", 2),
    "deep": (voc("<a>" * 100 + "</a>" * 100), "too-deep", 3),
}


@pytest.mark.parametrize("case", REFUSED_XML)
def test_voc_that_is_refused(tmp_path: Path, case: str) -> None:
    data, code, line = REFUSED_XML[case]
    dataset, report = load(tmp_path, ".xml", data)
    (issue,) = report
    assert (issue.code, issue.line, issue.path) == (code, line, tmp_path / "x.xml")
    assert len(str(issue)) < 600
    assert [image.key for image in dataset] == ["zz_good"]


TAKEN_XML = {
    "CDATA": (voc(thing(name="<name><![CDATA[<m>]]></name>")), "<m>"),
    "a comment in a number": (voc(thing(edges("1<!-- -->0", 20, 30, 40))), "mask"),
    "signs and zeros": (voc(thing(edges("+10.0", "0020", "3e1", "40.000"))), "mask"),
    "parts": (voc(thing(more=f"<part><name>head</name>{edges(1, 2, 3, 4)}</part>")), "mask"),
    "a namespace": (voc(thing()).replace("<annotation>", '<annotation xmlns="urn:x">'), "mask"),
    "depth 0": (voc(thing(), size=SIZE.replace(">3<", ">0<")), "mask"),
    "no depth": (voc(thing(), size=SIZE.replace("<depth>3</depth>", "")), "mask"),
    "latin-1": (
        ('<?xml version="1.0" encoding="ISO-8859-1"?>' + voc(thing(name="<name>ä</name>"))).encode("latin-1"),
        "ä",
    ),
    "UTF-16 without a mark": (voc(thing()).encode("utf-16-le"), "mask"),
    "ten thousand letters": (voc(thing(name=f"<name>{'a' * 10_000}</name>")), "a" * 10_000),
    "quotes": (voc(thing(name="<name>&lt;a&gt; &amp; &quot;b'</name>")), "<a> & \"b'"),
    "XML 1.1": ('<?xml version="1.1"?>' + voc(thing()), "mask"),
    "an instruction to include": (voc('<i:include xmlns:i="x" href="/etc/passwd"/>', thing()), "mask"),
}


@pytest.mark.parametrize("case", TAKEN_XML)
def test_voc_that_is_taken(tmp_path: Path, case: str) -> None:
    data, label = TAKEN_XML[case]
    dataset, report = load(tmp_path, ".xml", data)
    assert not len(report)
    assert [(box.label, box.xyxy) for box in dataset.images[0].boxes] == [(label, (10, 20, 30, 40))]


REFUSED_TXT = {
    "pixels": ("0 50 40 20 20", "not-normalised"),
    "corners in pixels": ("0 10 20 30 40", "not-normalised"),
    "a pixel polygon": ("0 10 20 30 40 50 60", "not-normalised"),
    "no-break space": ("0\u00a0.5 .5 .1 .1", "bad-class"),
    "wide digits": ("０ .5 .5 .1 .1", "bad-class"),
    "huge id": ("99999999999 .5 .5 .1 .1", "bad-class"),
    "nothing left of a number": ("0 .5 .5 1e-400 .1", "box-empty"),
    "negative width": ("0 .5 .5 -.1 .1", "box-swapped"),
    "key points": ("0 .5 .5 .2 .2 " + ".5 .5 2 " * 17, "bad-columns"),
    "a comment": ("0 .5 .5 .1 .1 # x", "bad-number"),
    "one long line": ("0 .5 .5 .1 " + "1" * 2_000_000, "bad-columns"),
    "decimal comma": ("0 0,5 0,5 0,1 0,1", "bad-number"),
    "UTF-16 without a mark": ("0 .5 .5 .1 .1".encode("utf-16-le"), "bad-encoding"),
    "only NUL": (b"\0" * 100, "bad-encoding"),
}


@pytest.mark.parametrize("case", REFUSED_TXT)
def test_yolo_that_is_refused(tmp_path: Path, case: str) -> None:
    data, code = REFUSED_TXT[case]
    dataset, report = load(tmp_path, ".txt", data)
    (issue,) = report
    assert (issue.code, issue.line, issue.path) == (code, 1, tmp_path / "x.txt")
    assert len(str(issue)) < 500
    assert [image.key for image in dataset] == ["zz_good"]


@pytest.mark.parametrize(
    "data", ["0 .5 .5 .1 .1\r\n", "0\t.5\t.5\t.1\t.1", "0 .5 .5 .1 .1\r\r", "0\v.5 .5\f.1 .1"]
)
def test_blanks_and_line_ends_that_c_knows(tmp_path: Path, data: str) -> None:
    dataset, report = load(tmp_path, ".txt", data)
    assert not len(report)
    assert dataset.images[0].boxes[0].xyxy == pytest.approx((45, 36, 55, 44))


@pytest.mark.parametrize("suffix", [".txt", ".xml"])
def test_a_file_of_nothing_but_errors_is_told_in_a_few_lines(tmp_path: Path, suffix: str) -> None:
    data = "a b c d e\n" * 5000 if suffix == ".txt" else voc(*["<object/>"] * 5000)
    _, report = load(tmp_path, suffix, data)
    assert len(report) == 21
    assert (report.issues[-1].code, report.issues[-1].line) == ("more-errors", 21 if suffix == ".txt" else 23)
    assert "4,980 more" in report.issues[-1].message


@pytest.mark.parametrize("suffix", [".txt", ".xml"])
def test_a_sparse_file_of_3_gib_is_refused_unread(tmp_path: Path, suffix: str) -> None:
    load(tmp_path, suffix, voc(thing()) if suffix == ".xml" else "0 .5 .5 .1 .1\n")
    os.truncate(tmp_path / f"x{suffix}", 3 << 30)
    report = Report()
    dataset = registry.load(tmp_path, report)
    assert [issue.code for issue in report] == ["too-large"]
    assert "3,072 MiB" in report.issues[0].message
    assert [image.key for image in dataset] == ["zz_good"]


@pytest.mark.parametrize(
    ("names", "code", "line"),
    [
        (b"mask\nno\n\x07\n", "bad-names", 3),
        (b"ma\0sk\nno\n", "bad-encoding", 1),
        ("mask\nno\n".encode("utf-16"), "bad-encoding", 1),
        (b"mask\nm\xe4sk\n", "bad-encoding", 2),
        (b"mask\nmask\n", "bad-names", 2),
    ],
)
def test_names_files_that_are_refused(tmp_path: Path, names: bytes, code: str, line: int) -> None:
    (tmp_path / "obj.names").write_bytes(names)
    with pytest.raises(DataError) as raised:
        load(tmp_path, ".txt", "0 .5 .5 .1 .1\n")
    assert (raised.value.code, raised.value.line) == (code, line)


def test_voc_edges_counted_from_one(tmp_path: Path) -> None:
    whole = voc(thing(edges(1, 1, 100, 80)), thing(edges(7, 8, 7, 8)))
    dataset, report = load(tmp_path, ".xml", whole, voc_edges="one-based")
    assert not len(report)
    image = dataset.images[0]
    assert [box.xyxy for box in image.boxes] == [(0, 0, 100, 80), (6, 7, 7, 8)]
    codec = VocCodec("one-based")
    base = whole.encode()
    assert codec.render(image, ("mask",), base) == base
    assert b"<xmax>100</xmax>" in codec.render(image, ("mask",), None)
    assert b"<xmin>1</xmin>" in codec.render(image, ("mask",), None)
    edited = image.with_boxes((image.boxes[0].moved_to((2.5, 0.0, 100.0, 80.0)), image.boxes[1]))
    assert codec.render(edited, ("mask",), base) == base.replace(b"<xmin>1<", b"<xmin>3.5<", 1)

    _, report = load(tmp_path, ".xml", whole)
    assert [issue.code for issue in report] == ["box-empty"], "as they are, the second has no area"


def test_voc_edges_when_a_set_is_saved(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    Image.new("RGB", (100, 80)).save(tmp_path / "source" / "x.png")
    image = AnnotatedImage("x", tmp_path / "source" / "x.png", (100, 80), (Box((0, 0, 100, 80), "mask"),))
    dataset = Dataset(tmp_path / "source", "memory", (image,), ("mask",))
    for convention, number in (("as-is", "0"), ("one-based", "1")):
        root = tmp_path / convention
        root.mkdir()
        VocCodec(convention).save(dataset, root, Report())  # type: ignore[arg-type]
        text = (root / "annotations" / "x.xml").read_text()
        assert f"<xmin>{number}</xmin>" in text and "<xmax>100</xmax>" in text
        loaded = registry.load(root, Report(), LoadOptions(voc_edges=convention))  # type: ignore[arg-type]
        assert loaded.images[0].boxes == image.boxes
