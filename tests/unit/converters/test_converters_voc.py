from __future__ import annotations

import difflib
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from converters.errors import FormatError
from converters.formats import voc_document
from converters.formats.base import LoadOptions
from converters.formats.voc import VocCodec
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report

KAGGLE = Path(__file__).resolve().parents[3] / ".." / "shared" / "kaggle" / "all-annotations"
CODEC = VocCodec()
CLASSES = ("cat", "dog", "a & b < c", "кот")

RICH = """<?xml version="1.0" encoding="UTF-8"?>
<!-- made by hand -->
<annotation verified='yes'>
\t<filename>x.png</filename>
\t<source><database>Ours</database></source>
\t<size>
\t\t<width>100</width><height>80</height>
\t</size>
\t<object id="7">
\t\t<name> cat </name> <!-- a good cat -->
\t\t<pose>Left</pose>
\t\t<attributes><fur>long</fur></attributes>
\t\t<truncated/>
\t\t<bndbox>
\t\t\t<xmin>10.50</xmin>
\t\t\t<xmax> 30 </xmax>
\t\t\t<ymin>2e1</ymin>
\t\t\t<ymax>040</ymax>
\t\t</bndbox>
\t\t<part><name>head</name><bndbox><xmin>1</xmin></bndbox></part>
\t</object>
\t<!-- between -->
\t<object><name><![CDATA[dog]]></name><bndbox><xmin>1</xmin><ymin>2</ymin><xmax>3</xmax><ymax>4</ymax></bndbox></object>

\t<object>
\t\t<name>a &amp; b &#60; c</name>
\t\t<difficult>1</difficult>
\t\t<bndbox>
\t\t\t<xmin>5</xmin>
\t\t\t<ymin>6</ymin>
\t\t\t<xmax>7</xmax>
\t\t\t<ymax>8</ymax>
\t\t</bndbox>
\t</object>
\t<segmented>0</segmented>
</annotation>
<!-- the end -->"""


def read(tmp_path: Path, data: bytes) -> AnnotatedImage:
    Image.new("RGB", (100, 80)).save(tmp_path / "x.png")
    (tmp_path / "x.xml").write_bytes(data)
    report = Report()
    dataset = CODEC.load(tmp_path, report)
    assert not report.errors
    return dataset.images[0]


def render(image: AnnotatedImage, data: bytes | None) -> bytes:
    return CODEC.render(image, CLASSES, data)


def diff(before: bytes, after: bytes, encoding: str = "utf-8") -> tuple[list[str], list[str]]:
    lines = list(difflib.ndiff(before.decode(encoding).splitlines(), after.decode(encoding).splitlines()))
    return [x[2:] for x in lines if x[0] == "-"], [x[2:] for x in lines if x[0] == "+"]


VARIANTS = {
    "plain": RICH.encode(),
    "crlf": RICH.replace("\n", "\r\n").encode(),
    "bom": b"\xef\xbb\xbf" + RICH.encode(),
    "utf-16": RICH.replace("UTF-8", "UTF-16").encode("utf-16"),
    "utf-16-be": b"\xfe\xff" + RICH.replace("UTF-8", "UTF-16").encode("utf-16-be"),
    "latin-1": RICH.replace("UTF-8", "ISO-8859-1").replace("good", "gööd").encode("latin-1"),
    "cyrillic": RICH.replace("UTF-8", "windows-1251").replace("good", "хороший").encode("cp1251"),
}


@pytest.mark.parametrize("variant", VARIANTS)
def test_rich_file_is_read_and_comes_out_as_it_was(tmp_path: Path, variant: str) -> None:
    data = VARIANTS[variant]
    image = read(tmp_path, data)
    assert image.boxes == (
        Box((10.5, 20.0, 30.0, 40.0), "cat"),
        Box((1.0, 2.0, 3.0, 4.0), "dog"),
        Box((5.0, 6.0, 7.0, 8.0), "a & b < c", flags=frozenset({"difficult"})),
    )
    assert [box.origin for box in image.boxes] == [0, 1, 2]
    assert render(image, data) == data


@pytest.mark.parametrize("variant", VARIANTS)
def test_edit_in_every_encoding_changes_one_line(tmp_path: Path, variant: str) -> None:
    data = VARIANTS[variant]
    image = read(tmp_path, data)
    first = image.boxes[0].moved_to((10.5, 20.0, 31.25, 40.0))
    out = render(image.with_boxes((first, *image.boxes[1:])), data)
    encoding = {"latin-1": "latin-1", "cyrillic": "cp1251", "utf-16": "utf-16", "utf-16-be": "utf-16"}.get(
        variant, "utf-8"
    )
    assert diff(data, out, encoding) == (["\t\t\t<xmax> 30 </xmax>"], ["\t\t\t<xmax> 31.25 </xmax>"])
    assert out.count(b"\r") == data.count(b"\r")
    assert read(tmp_path, out).boxes[0] == first


def test_relabelling_keeps_blanks_comments_and_entities(tmp_path: Path) -> None:
    data = VARIANTS["plain"]
    image = read(tmp_path, data)
    a, b, c = image.boxes
    out = render(
        image.with_boxes((a.relabelled("a & b < c"), b.relabelled("cat"), c.relabelled("кот"))), data
    )
    assert b"<name> a &amp; b &lt; c </name> <!-- a good cat -->" in out
    assert b"<object><name>cat</name><bndbox>" in out
    assert "<name>кот</name>".encode() in out
    assert [box.label for box in read(tmp_path, out).boxes] == ["a & b < c", "cat", "кот"]


def test_name_that_the_encoding_lacks_becomes_a_reference(tmp_path: Path) -> None:
    data = VARIANTS["latin-1"]
    image = read(tmp_path, data)
    out = render(image.with_boxes((image.boxes[0].relabelled("кот"), *image.boxes[1:])), data)
    assert b"<name> &#1082;&#1086;&#1090; </name>" in out
    assert read(tmp_path, out).boxes[0].label == "кот"


def test_flags_are_set_and_cleared_where_they_are_or_before_the_bndbox(tmp_path: Path) -> None:
    data = VARIANTS["plain"]
    image = read(tmp_path, data)
    a, b, c = image.boxes
    boxes = (
        replace(a, flags=frozenset({"truncated", "difficult"})),
        replace(b, flags=frozenset({"occluded"})),
        replace(c, flags=frozenset()),
    )
    out = render(image.with_boxes(boxes), data)
    assert b"\t\t<truncated>1</truncated>\n\t\t<difficult>1</difficult>\n\t\t<bndbox>\n" in out
    assert b"<occluded>1</occluded><bndbox><xmin>1</xmin>" in out
    assert b"<difficult>0</difficult>" in out
    assert read(tmp_path, out).boxes == boxes
    assert len(diff(data, out)[0]) == 3


def test_removing_takes_the_lines_and_leaves_the_rest(tmp_path: Path) -> None:
    data = VARIANTS["plain"]
    image = read(tmp_path, data)
    gone, come = diff(data, render(image.with_boxes(image.boxes[1:]), data))
    assert gone[0] == '\t<object id="7">' and gone[-1] == "\t</object>" and len(gone) == 13 and not come
    gone, come = diff(data, render(image.with_boxes(image.boxes[::2]), data))
    assert len(gone) == 1 and not come
    out = render(image.with_boxes(()), data)
    assert b"object" not in out and b"<!-- between -->" in out and out.endswith(b"<!-- the end -->")
    assert read(tmp_path, out).boxes == ()


def test_new_objects_stand_behind_the_last_in_its_indentation(tmp_path: Path) -> None:
    data = VARIANTS["crlf"]
    image = read(tmp_path, data)
    copy = image.boxes[0].moved_to((1.0, 1.0, 2.0, 2.0))
    new = Box((3.0, 3.0, 4.0004, 4.5), "кот", flags=frozenset({"occluded"}))
    out = render(image.with_boxes((new, *image.boxes, copy)), data)
    gone, come = diff(data, out)
    assert not gone
    assert come[0] == "\t<object>" and come[1] == "\t\t<name>кот</name>"
    assert "\t\t\t<xmax>4</xmax>" in come and "\t\t\t<ymax>4.5</ymax>" in come
    assert out.index("кот".encode()) > out.index(b"a &amp; b")
    assert out.index(b"<segmented>") > out.index("кот".encode())
    assert out.count(b"\n") == out.count(b"\r\n")
    assert [box.label for box in read(tmp_path, out).boxes] == ["cat", "dog", "a & b < c", "кот", "cat"]


@pytest.mark.parametrize(
    ("base", "expected"),
    [
        (b"<annotation/>", b"<annotation>\n    <object>\n        <name>cat</name>"),
        (b"<annotation></annotation>\n", b"<annotation>\n    <object>"),
        (b"<annotation a='1' />", b"<annotation a='1'>\n    <object>"),
        (
            b"<annotation>\n  <segmented>0</segmented>\n</annotation>",
            b"0</segmented>\n  <object>\n    <name>cat",
        ),
        (b"<annotation><segmented>0</segmented></annotation>", b"</segmented><object><name>cat</name><pose>"),
        (
            b"<annotation>\n<segmented>0</segmented>\n</annotation>",
            b"</segmented>\n<object>\n<name>cat</name>\n",
        ),
    ],
)
def test_first_object_of_a_file(tmp_path: Path, base: bytes, expected: bytes) -> None:
    image = read(tmp_path, base)
    box = Box((1.0, 2.0, 3.0, 4.0), "cat")
    out = render(image.with_boxes((box,)), base)
    assert expected in out
    again = read(tmp_path, out)
    assert again.boxes == (box,)
    assert render(again, out) == out


def test_replacing_the_only_object(tmp_path: Path) -> None:
    base = CODEC.render(_image(boxes=(Box((1.0, 2.0, 3.0, 4.0), "cat"),)), CLASSES, None)
    image = read(tmp_path, base)
    other = Box((5.0, 6.0, 7.0, 8.0), "dog")
    out = render(image.with_boxes((other,)), base)
    assert out == CODEC.render(_image(boxes=(other,)), CLASSES, None)


def test_new_file_is_in_the_kaggle_style() -> None:
    out = CODEC.render(_image(boxes=(Box((1.0, 2.5, 3.0, 4.12345), "a & b < c"),)), CLASSES, None)
    assert out.decode() == (
        "<annotation>\n    <folder>images</folder>\n    <filename>x &amp; y.png</filename>\n    <size>\n"
        "        <width>100</width>\n        <height>80</height>\n        <depth>3</depth>\n    </size>\n"
        "    <segmented>0</segmented>\n    <object>\n        <name>a &amp; b &lt; c</name>\n"
        "        <pose>Unspecified</pose>\n        <truncated>0</truncated>\n"
        "        <occluded>0</occluded>\n        <difficult>0</difficult>\n        <bndbox>\n"
        "            <xmin>1</xmin>\n            <ymin>2.5</ymin>\n            <xmax>3</xmax>\n"
        "            <ymax>4.123</ymax>\n        </bndbox>\n    </object>\n</annotation>\n"
    )


@pytest.mark.parametrize("label", ["", " ", "a\nb", "a\tb", " a", "a\x01", "a\ufffe", "a\ud800"])
def test_labels_that_xml_cannot_hold(label: str) -> None:
    with pytest.raises(FormatError) as raised:
        CODEC.render(_image(boxes=(Box((1.0, 2.0, 3.0, 4.0), label),)), (label,), None)
    assert raised.value.code == "bad-label"


def test_box_that_vanishes_when_written() -> None:
    with pytest.raises(FormatError) as raised:
        CODEC.render(_image(boxes=(Box((1.0, 2.0, 1.0001, 4.0), "cat"),)), CLASSES, None)
    assert raised.value.code == "box-empty"


def test_scaled_boxes_take_the_new_size_with_them(tmp_path: Path) -> None:
    base = CODEC.render(_image(size=(200, 160), boxes=(Box((20.0, 20.0, 40.0, 40.0), "cat"),)), CLASSES, None)
    Image.new("RGB", (100, 80)).save(tmp_path / "x.png")
    (tmp_path / "x.xml").write_bytes(base)
    dataset = CODEC.load(tmp_path, Report(), LoadOptions(trust_size="xml"))
    (tmp_path / "x.xml").write_bytes(render(dataset.images[0], base))
    report = Report()
    again = CODEC.load(tmp_path, report)
    assert not report.errors
    assert again.images[0].boxes[0].xyxy == (10.0, 10.0, 20.0, 20.0)


def test_image_sets_and_labelmap(tmp_path: Path) -> None:
    for folder in ("JPEGImages", "Annotations", "ImageSets/Main"):
        (tmp_path / folder).mkdir(parents=True)
    for name, label in (("a", "dog"), ("b c", "cat")):
        Image.new("RGB", (100, 80)).save(tmp_path / "JPEGImages" / f"{name}.JPG")
        box = Box((1.0, 2.0, 3.0, 4.0), label)
        (tmp_path / "Annotations" / f"{name}.XML").write_bytes(
            CODEC.render(_image(boxes=(box,)), CLASSES, None)
        )
    (tmp_path / "ImageSets/Main/train.txt").write_text("a\nmissing\n\n")
    (tmp_path / "ImageSets/Main/val.txt").write_text("b c\n")
    (tmp_path / "labelmap.txt").write_text("# label:color\nbackground:0,0,0::\ncat:::\ndog:::\n")
    report = Report()
    dataset = CODEC.load(tmp_path, report)
    assert dataset.class_names == ("cat", "dog")
    assert [image.split for image in dataset] == ["train", "val"]
    assert sorted(issue.code for issue in report) == ["filename-differs"] * 2 + ["listed-image-missing"]


def test_save_takes_along_what_the_source_says(tmp_path: Path) -> None:
    source, target = tmp_path / "source", tmp_path / "target"
    source.mkdir()
    target.mkdir()
    image = read(source, RICH.encode())
    dataset = Dataset(source, "voc", (image.with_boxes(image.boxes[:1]),), CLASSES)
    CODEC.save(dataset, target, Report())
    out = (target / "annotations" / "x.xml").read_bytes()
    assert b"<fur>long</fur>" in out and b"verified='yes'" in out and b"dog" not in out
    assert (target / "images" / "x.png").samefile(source / "x.png")
    assert (source / "x.xml").read_bytes() == RICH.encode()


def test_losses_are_said(tmp_path: Path) -> None:
    image = read(tmp_path, RICH.encode())
    boxes = (replace(image.boxes[0], confidence=0.5), replace(image.boxes[1], flags=frozenset({"crowd"})))
    report = Report()
    (tmp_path / "out").mkdir()
    CODEC.save(Dataset(tmp_path, "voc", (image.with_boxes(boxes),), CLASSES), tmp_path / "out", report)
    assert [issue.code for issue in report] == ["loses", "loses"]


# --- properties -----------------------------------------------------------------------------------

edge = st.one_of(st.integers(0, 99).map(float), st.floats(0, 99, allow_nan=False).map(lambda v: round(v, 3)))


@st.composite
def boxes(draw: st.DrawFn) -> Box:
    x, y = draw(edge), draw(edge)
    w, h = draw(st.floats(0.01, 50)), draw(st.floats(0.01, 50))
    flags = draw(st.frozensets(st.sampled_from(["difficult", "truncated", "occluded"])))
    return Box((x, y, round(x + w, 3), round(y + h, 3)), draw(st.sampled_from(CLASSES)), flags=flags)


@st.composite
def label_texts(draw: st.DrawFn) -> str:
    """A label file with things in it that no model knows."""
    newline = draw(st.sampled_from(["\n", "\r\n", "", "\n\n"]))
    indent = draw(st.sampled_from(["", "  ", "\t"]))
    junk = st.sampled_from(
        ["", "<!-- c > -->", "<x a='>'/>", "<part><name>p</name></part>", "<?pi?>", "<e>ü</e>"]
    )
    out = draw(st.sampled_from(["", "\ufeff", '<?xml version="1.0"?>' + newline])) + "<annotation>"
    for box in draw(st.lists(boxes(), max_size=4)):
        label = box.label.replace("&", "&amp;").replace("<", "&lt;")
        tags = [
            f"<{name}>{value!r}</{name}>" for name, value in zip(voc_document.EDGES, box.xyxy, strict=True)
        ]
        inner = [
            f"<name>{label}</name>",
            draw(junk),
            f"<bndbox>{''.join(draw(st.permutations(tags)))}</bndbox>",
        ]
        inner += [f"<{flag}>1</{flag}>" for flag in sorted(box.flags)]
        glue = newline + indent * 2
        out += draw(junk) + newline + indent + "<object>" + glue + glue.join(draw(st.permutations(inner)))
        out += newline + indent + "</object>"
    return out + draw(junk) + newline + "</annotation>" + draw(st.sampled_from(["", "\n", "<!-- end -->"]))


@settings(max_examples=80, deadline=None)
@given(text=label_texts(), data=st.data())
def test_any_edit_of_any_file(text: str, data: st.DataObject) -> None:
    base = text.encode()
    old = _boxes_of(base)
    image = _image(size=(200, 200), boxes=old)
    assert render(image, base) == base

    kept = [box for box in old if data.draw(st.booleans())]
    edited = [
        replace(data.draw(boxes()), origin=box.origin) if data.draw(st.booleans()) else box for box in kept
    ]
    wanted = (*edited, *data.draw(st.lists(boxes(), max_size=2)))
    out = render(image.with_boxes(wanted), base)

    assert _boxes_of(out) == wanted
    for leftover in ("<!-- c > -->", "<?pi?>", "<!-- end -->"):
        if len(kept) == len(old):
            assert out.count(leftover.encode()) == base.count(leftover.encode())
    # Undoing by the base that was read gives the base; what was written is stable.
    assert render(image.with_boxes(old), base) == base
    again = image.with_boxes(_boxes_of(out))
    assert render(again, out) == out


def _boxes_of(data: bytes) -> tuple[Box, ...]:
    from converters.formats.voc import _read_boxes

    return tuple(_read_boxes(voc_document.parse(data), "as-is").values())


def _image(size: tuple[int, int] = (100, 80), boxes: tuple[Box, ...] = ()) -> AnnotatedImage:
    return AnnotatedImage("images/x", Path("images/x & y.png"), size, boxes)


# --- the real files -------------------------------------------------------------------------------


@pytest.mark.skipif(not KAGGLE.is_dir(), reason="../shared/kaggle/all-annotations is not there")
def test_all_kaggle_files_come_out_as_they_are_and_change_only_where_edited() -> None:
    files = sorted(KAGGLE.glob("*.xml"))
    assert len(files) == 853
    count = 0
    for path in files:
        data = path.read_bytes()
        image = _image(size=_size_of(data), boxes=_boxes_of(data))
        classes = tuple({box.label for box in image.boxes})
        assert CODEC.render(image, classes, data) == data
        index = len(image.boxes) // 2
        box = image.boxes[index]
        x1, y1, x2, y2 = box.xyxy
        moved = box.moved_to((x1 + 1, y1 + 0.5, x2 + 1, y2 + 0.5))
        boxes = (*image.boxes[:index], moved, *image.boxes[index + 1 :])
        out = CODEC.render(image.with_boxes(boxes), classes, data)
        before, after = data.split(b"\n"), out.split(b"\n")
        changed = [
            number for number, pair in enumerate(zip(before, after, strict=True)) if pair[0] != pair[1]
        ]
        first = voc_document.parse(data).objects[index].element.line
        assert changed == [first + 6 + number for number in range(4)]
        count += len(image.boxes)
        # A new file has the very same elements.
        fresh = CODEC.render(replace(image, path=Path("images") / f"{path.stem}.png"), classes, None)
        assert fresh.strip() == data.strip()
    assert count == 4072


def _size_of(data: bytes) -> tuple[int, int]:
    fields = voc_document.parse(data).fields
    return int(fields["size/width"].text), int(fields["size/height"].text)


def test_of_a_renamed_set_not_every_file_is_told(
    tmp_path: Path, make_picture, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("converters.formats.loading.MAX_MISNAMED", 2)
    for number in range(5):
        make_picture(tmp_path / f"{number}.png", 60, 40)
        (tmp_path / f"{number}.xml").write_text(
            "<annotation><filename>old.png</filename><size><width>60</width><height>40</height>"
            "<depth>3</depth></size></annotation>"
        )
    report = Report()
    VocCodec().load(tmp_path, report)
    told = [issue for issue in report if issue.code == "filename-differs"]
    assert [issue.key for issue in told] == ["0", "1", None]
    assert told[-1].message.startswith("3 more label files name another picture")
