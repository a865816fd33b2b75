"""The quick reader must give what the XML parser gives, or leave the file to it."""

import random
from pathlib import Path

import pytest

from assets import demo_path
from converters.formats import voc
from converters.formats.base import LoadOptions
from converters.formats.loading import LabelFile, Unknowns
from converters.formats.voc_quick import read_quickly
from converters.report import Report

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"

KAGGLE = b"""<annotation>
    <folder>images</folder>
    <filename>a.png</filename>
    <size>
        <width>60</width>
        <height>40</height>
        <depth>3</depth>
    </size>
    <segmented>0</segmented>
    <object>
        <name>with_mask</name>
        <pose>Unspecified</pose>
        <truncated>0</truncated>
        <occluded>1</occluded>
        <difficult>0</difficult>
        <bndbox>
            <xmin>3</xmin>
            <ymin>4.5</ymin>
            <xmax>21</xmax>
            <ymax>30</ymax>
        </bndbox>
    </object>
    <object>
        <name>no mask</name>
        <bndbox><xmin>1</xmin><xmax>70</xmax><ymin>2</ymin><ymax>9</ymax></bndbox>
        <difficult>1</difficult>
    </object>
</annotation>
"""

ORDINARY = {
    "Kaggle": KAGGLE,
    "Windows": KAGGLE.replace(b"\n", b"\r\n"),
    "one line": b"".join(line.strip() for line in KAGGLE.splitlines()),
    "declared": b'<?xml version="1.0" encoding="utf-8"?>\n' + KAGGLE,
    "VOC 2007": KAGGLE.replace(
        b"<size>", b"<source><database>VOC</database></source><owner><name>me</name></owner><size>"
    ),
    "no objects": KAGGLE[: KAGGLE.index(b"    <object>")] + b"</annotation>",
    "no filename": KAGGLE.replace(b"<filename>a.png</filename>", b""),
}

UNUSUAL = {
    "an attribute": KAGGLE.replace(b"<annotation>", b'<annotation verified="maybe">'),
    "an entity": KAGGLE.replace(b"no mask", b"no &amp; mask"),
    "a comment": KAGGLE.replace(b"<object>", b"<!-- c --><object>", 1),
    "CDATA": KAGGLE.replace(b"no mask", b"<![CDATA[no mask]]>"),
    "DOCTYPE": b"<!DOCTYPE annotation>" + KAGGLE,
    "another encoding": b'<?xml version="1.0" encoding="latin-1"?>' + KAGGLE,
    "letters outside ASCII": KAGGLE.replace(b"no mask", "без".encode()),
    "a control character": KAGGLE.replace(b"no mask", b"no\x01mask"),
    "a lone carriage return": KAGGLE.replace(b"\n", b"\r"),
    "a part": KAGGLE.replace(b"<pose>", b"<part><name>head</name></part><pose>"),
    "two names": KAGGLE.replace(b"<pose>", b"<name>x</name><pose>"),
    "two edges": KAGGLE.replace(b"<xmin>3</xmin>", b"<xmin>3</xmin><xmin>4</xmin>"),
    "two boxes": KAGGLE.replace(b"<bndbox>", b"<bndbox><xmin>1</xmin></bndbox><bndbox>", 1),
    "two sizes": KAGGLE.replace(b"<segmented>", b"<size><width>1</width></size><segmented>"),
    "another end": KAGGLE.replace(b"</pose>", b"</pase>"),
    "no name": KAGGLE.replace(b"<name>no mask</name>", b""),
    "an empty name": KAGGLE.replace(b"no mask", b"  "),
    "no edge": KAGGLE.replace(b"<xmin>3</xmin>", b""),
    "an empty edge": KAGGLE.replace(b"<xmin>3<", b"<xmin><"),
    "no number": KAGGLE.replace(b"<xmin>3<", b"<xmin>3,5<"),
    "not finite": KAGGLE.replace(b"<xmin>3<", b"<xmin>nan<"),
    "an odd flag": KAGGLE.replace(b"<occluded>1<", b"<occluded>maybe<"),
    "no size": KAGGLE.replace(b"size>", b"sizes>"),
    "a size of zero": KAGGLE.replace(b"<width>60<", b"<width>0<"),
    "more behind": KAGGLE + b"<annotation/>",
    "cut short": KAGGLE[:-20],
    "nothing": b"",
}


def read(data: bytes) -> tuple[object, ...]:
    """What the codec makes of a file for a.png, 60 × 40."""
    report = Report()
    file = LabelFile(Path("a.xml"), "a", Path("a.png"), (60, 40), LoadOptions(), report, Unknowns())
    try:
        voc._read_labels(data, file)
    except voc.FormatError as error:
        return str(error), error.code, error.line
    return tuple(file.boxes), file.rejected, [issue.as_dict() for issue in report]


def read_slowly(data: bytes, monkeypatch: pytest.MonkeyPatch) -> tuple[object, ...]:
    with monkeypatch.context() as patch:
        patch.setattr(voc, "read_quickly", lambda data: None)
        return read(data)


@pytest.mark.parametrize("name", ORDINARY)
def test_ordinary_files_are_read_quickly_and_alike(name: str, monkeypatch: pytest.MonkeyPatch):
    assert read_quickly(ORDINARY[name]) is not None
    assert read(ORDINARY[name]) == read_slowly(ORDINARY[name], monkeypatch)


@pytest.mark.parametrize("name", UNUSUAL)
def test_others_are_left_to_the_parser(name: str):
    assert read_quickly(UNUSUAL[name]) is None


@pytest.mark.parametrize("change", [(b"a.png", b"b.png"), (b"<width>60", b"<width>61")])
def test_what_is_worth_a_word_is_said(change: tuple[bytes, bytes], monkeypatch: pytest.MonkeyPatch):
    data = KAGGLE.replace(*change)
    assert read_quickly(data) is not None
    assert read(data) == read_slowly(data, monkeypatch)
    assert read(data)[-1]


def test_any_damage_is_judged_alike(monkeypatch: pytest.MonkeyPatch):
    rng = random.Random(5)
    quick = 0
    for number in range(1500):
        data = bytearray(list(ORDINARY.values())[number % len(ORDINARY)])
        for _ in range(rng.randint(1, 2)):
            at, what = rng.randrange(len(data)), rng.random()
            if what < 0.4:
                data[at] = rng.choice(b"<>/&0 1\n\r\tx\xc3")
            elif what < 0.7:
                del data[at : at + rng.randint(1, 40)]
            else:
                start = rng.randrange(len(data))
                data[at:at] = data[start : start + rng.randint(1, 120)]
        quick += read_quickly(bytes(data)) is not None
        assert read(bytes(data)) == read_slowly(bytes(data), monkeypatch), bytes(data)
    assert 30 < quick < 1400


def test_real_files(monkeypatch: pytest.MonkeyPatch):
    files = sorted(demo_path().rglob("*.xml"))
    if (SHARED / "kaggle").is_dir():
        files += sorted((SHARED / "kaggle" / "all-annotations").glob("*.xml"))[::7]
        files += sorted((SHARED / "bad").rglob("*.xml"))
    quick = 0
    for path in files:
        data = path.read_bytes()
        quick += read_quickly(data) is not None
        assert read(data) == read_slowly(data, monkeypatch), path
    assert quick > 0.5 * len(files)


def test_labelimgs_attribute_is_read():
    plain = UNUSUAL["an attribute"]
    found = read_quickly(plain.replace(b'verified="maybe"', b'verified="yes"'))
    assert found is not None and found.reviewed
    found = read_quickly(plain.replace(b' verified="maybe"', b""))
    assert found is not None and not found.reviewed
