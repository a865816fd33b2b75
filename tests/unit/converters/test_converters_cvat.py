from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from lxml import etree
from PIL import Image

from converters import registry
from converters.formats.base import LoadOptions
from converters.formats.cvat import CvatCodec
from converters.formats.cvat_writing import with_attributes
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

CODEC = CvatCodec()
META = """  <meta>
    <task>
      <name>a &amp; b</name>
      <labels>
        <label><name>no</name><color>#fff</color><attributes/></label>
        <label>
          <name>mask</name>
          <color>#abc</color>
          <attributes><attribute><name>difficult</name></attribute></attributes>
        </label>
        <label><name>nose</name><parent>face</parent></label>
      </labels>
    </task>
    <dumped>2026</dumped>
  </meta>
"""
BOX = (
    '<box label="mask" source="manual" occluded="0" '
    'xtl="10.50" ytl="20.00" xbr="110.25" ybr="120.00" z_order="0">'
)


def xml(*images: str, meta: str = META) -> str:
    body = "\n".join(images)
    head = '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n'
    return f"{head}{meta}{body}\n</annotations>\n"


def image(*shapes: str, name: str = "a.png", more: str = "") -> str:
    inside = "".join(f"\n    {shape}" for shape in shapes)
    return f'  <image id="7" name="{name}" width="400" height="300"{more}>{inside}\n  </image>'


def write(
    root: Path, text: str | bytes, pictures: tuple[str, ...] = ("a",), name: str = "annotations.xml"
) -> Path:
    for picture in pictures:
        path = root / "images" / f"{picture}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (400, 300)).save(path)
    (root / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return root / name


def load(root: Path, **options: Any) -> tuple[Dataset, Report]:
    report = Report()
    return CODEC.load(root, report, LoadOptions(**options)), report


def test_an_export_of_cvat(tmp_path: Path) -> None:
    shapes = (
        BOX.replace('occluded="0"', 'occluded="1"')
        + '<attribute name="difficult">true</attribute><attribute name="age">7</attribute></box>',
        '<box label="no" xtl="100" ytl="100" xbr="200" ybr="120" rotation="90.00"></box>',
        '<polygon label="no" points="1.00,2.00;30.00,2.00;30.00,50.00" z_order="1"/>',
        '<ellipse label="no" cx="200" cy="150" rx="20" ry="10" rotation="90"/>',
        '<mask label="no" rle="1, 2" left="5" top="6" width="7" height="8"/>',
        '<cuboid label="no" xtl1="10" ytl1="20" xbl1="10" ybl1="60" xtr1="50" ytr1="20" xbr1="50" ybr1="60" '
        'xtl2="15" ytl2="15" xbl2="15" ybl2="55" xtr2="55" ytr2="15" xbr2="55" ybr2="55"/>',
        '<points label="no" points="1,1;2,2"/>',
        '<polyline label="no" points="1,1;2,2"/>',
        '<skeleton label="face"><points label="nose" points="1,1"/></skeleton>',
        '<tag label="mask" source="manual"></tag>',
    )
    empty = '  <image id="8" name="sub/b.png" subset="Validation" width="400" height="300"/>'
    write(tmp_path, xml(image(*shapes, more=' subset="Train"'), empty), ("a", "sub/b", "c"))
    assert registry.detect(tmp_path) == registry.FORMATS["cvat"]
    dataset, report = load(tmp_path)
    assert dataset.class_names == ("no", "mask")
    first, c, b = dataset.images
    assert [(box.label, box.xyxy) for box in first.boxes] == [
        ("mask", (10.5, 20, 110.25, 120)),
        ("no", pytest.approx((140, 60, 160, 160))),
        ("no", (1, 2, 30, 50)),
        ("no", pytest.approx((190, 130, 210, 170))),
        ("no", (5, 6, 12, 14)),
        ("no", (10, 15, 55, 60)),
    ]
    assert first.boxes[0].flags == {"occluded", "difficult"}
    assert (first.split, b.split, c.labelled, b.labelled) == (Split.TRAIN, Split.VAL, False, True)
    assert [issue.code for issue in report] == ["not-a-rectangle", "not-a-box", "image-without-label"]
    assert "1 rotated box, 1 polygon, 1 ellipse, 1 mask, 1 cuboid in 1 file" in report.issues[0].message
    assert "1 set of points, 1 polyline, 1 skeleton, 1 tag" in report.issues[1].message

    path = tmp_path / "annotations.xml"
    base = path.read_bytes()
    boxes = list(first.boxes)
    boxes[2] = boxes[2].moved_to((1.0, 2.0, 3.0, 4.5))
    boxes[1] = boxes[1].moved_to((1.0, 2.0, 30.0, 4.125))
    data = CODEC.render_file(path, (first.with_boxes(tuple(boxes)), c, b), dataset.class_names, base)
    path.write_bytes(data)
    again = load(tmp_path)[0].images[0]
    assert [box.xyxy for box in again.boxes] == [pytest.approx(box.xyxy) for box in boxes]
    assert b'<attribute name="age">7</attribute>' in data and b"<skeleton" in data
    assert b'z_order="1"' in data and b'rotation="0.00"' in data
    assert etree.fromstring(data).tag == "annotations"


def test_what_is_written_is_what_cvat_imports(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    Image.new("RGB", (400, 300)).save(source / "a&b.png")
    box = Box((1.0, 2.125, 30.0, 40.0), '<"m">', None, frozenset({"crowd", "occluded"}))
    images = (AnnotatedImage("a&b", source / "a&b.png", (400, 300), (box,), Split.VAL),)
    (tmp_path / "out").mkdir()
    CODEC.save(Dataset(source, "memory", images, ('<"m">', "other")), tmp_path / "out", Report())
    root = etree.parse(str(tmp_path / "out" / "annotations.xml")).getroot()
    labels = root.findall("meta/task/labels/label")
    assert [label.findtext("name") for label in labels] == ['<"m">', "other"]
    assert labels[0].findtext("attributes/attribute/name") == "crowd"
    (element,) = root.findall("image")
    assert dict(element.attrib) == {
        "id": "0",
        "name": "a&b.png",
        "subset": "Validation",
        "width": "400",
        "height": "300",
    }
    (found,) = element.findall("box")
    assert dict(found.attrib) == {
        "label": '<"m">',
        "source": "manual",
        "occluded": "1",
        "xtl": "1.00",
        "ytl": "2.125",
        "xbr": "30.00",
        "ybr": "40.00",
        "z_order": "0",
    }
    assert [(a.get("name"), a.text) for a in found] == [("crowd", "true")]


@pytest.mark.parametrize(
    ("shape", "code"),
    [
        (BOX.replace("10.50", "NaN") + "</box>", "not-finite"),
        (BOX.replace("10.50", "10,5") + "</box>", "bad-number"),
        (BOX.replace("10.50", "") + "</box>", "bad-number"),
        (BOX.replace('xtl="10.50"', "") + "</box>", "no-xtl"),
        (BOX.replace("10.50", "200") + "</box>", "box-swapped"),
        (BOX.replace("110.25", "4000") + "</box>", "box-far-outside"),
        (BOX.replace('label="mask"', "") + "</box>", "no-name"),
        (BOX.replace('label="mask"', 'label=" "') + "</box>", "no-name"),
        (BOX.replace('label="mask"', 'label="a&#10;b"') + "</box>", "bad-label"),
        ('<polygon label="no" points="1,1;2,2"/>', "bad-points"),
        ('<polygon label="no" points="1,1;2;3,3"/>', "bad-points"),
        ('<polygon label="no"/>', "bad-points"),
        ('<blob label="no"/>', "bad-shape"),
    ],
)
def test_bad_shapes(tmp_path: Path, shape: str, code: str) -> None:
    write(tmp_path, xml(image(BOX + "</box>", shape), image(BOX + "</box>", name="b.png")), ("a", "b"))
    dataset, report = load(tmp_path)
    (issue,) = report.errors
    assert (issue.code, issue.line, issue.key) == (code, 21, "images/a")
    assert [i.key for i in dataset] == ["images/b"]
    assert len(load(tmp_path, keep_good=True)[0].images[0].boxes) == 1


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('<!DOCTYPE a [<!ENTITY b "c">]>' + xml(image()), "doctype"),
        (xml(image()).replace("<annotations>", "<!DOCTYPE a><annotations>"), "doctype"),
        (xml(image()).replace("</annotations>", ""), "bad-xml"),
        (xml(image()) + xml(image()), "bad-xml"),
        (xml(image(name="&xxe;")), "bad-xml"),
        (xml('<track id="0" label="mask"><box frame="0" xtl="1"/></track>', image()), "cvat-video"),
        (xml(image() + "<a>" * 100), "too-deep"),
        (xml(image()).replace("annotations>", "annotation>"), "not-cvat"),
        ("", "empty-file"),
        (xml(image(name="\x00")), "bad-encoding"),
    ],
)
def test_files_that_are_refused(tmp_path: Path, text: str, code: str) -> None:
    path = write(tmp_path, text)
    report = Report()
    dataset = CODEC.load(tmp_path, report, LoadOptions(labels=path))
    assert [issue.code for issue in report.errors] == [code]
    assert report.errors[0].path == path and report.errors[0].line
    assert not dataset.images


def test_pictures_and_sizes(tmp_path: Path) -> None:
    def codes(text: str, **options: Any) -> list[tuple[str, int | None]]:
        write(tmp_path, xml(text))
        return [(issue.code, issue.line) for issue in load(tmp_path, **options)[1]]

    assert codes(image(name="../../../etc/passwd.png"))[0] == ("path-outside", 19)
    assert codes(image(name="gone.png"))[0] == ("image-missing", 19)
    assert codes(image(name=""))[0] == ("no-picture-name", 19)
    assert codes(image() + image())[0][0] == "image-twice"
    assert codes(image().replace("400", "800").replace("300", "600")) == [("size-mismatch", 19)]
    assert codes(image().replace('"400"', '"wide"')) == [("bad-number", 19)]
    assert codes(image().replace('width="400"', "")) == [("size-missing", 19)]

    write(tmp_path, xml(image(BOX + "</box>").replace('"400"', '"800"').replace('"300"', '"600"')))
    dataset, _ = load(tmp_path, trust_size="xml")
    (found,) = dataset.images
    assert found.boxes[0].xyxy == (5.25, 10, 55.125, 60)
    path = tmp_path / "annotations.xml"
    edited = found.with_boxes((found.boxes[0].moved_to((1.0, 2.0, 3.0, 4.0)),))
    data = CODEC.render_file(path, (edited,), dataset.class_names, path.read_bytes())
    assert b'width="400" height="300"' in data


def test_classes_in_a_file_without_meta_data(tmp_path: Path) -> None:
    for meta in ("", "  <meta/>\n", "  <meta>\n  </meta>\n", "<meta><task><labels/></task></meta>\n"):
        path = write(tmp_path, xml(image(BOX + "</box>"), meta=meta))
        dataset, report = load(tmp_path)
        assert not len(report) and dataset.class_names == ("mask",)
        base = path.read_bytes()
        assert CODEC.render_file(path, dataset.images, dataset.class_names, base) == base
        CODEC.write_class_names(tmp_path, ("new", "mask"))
        assert load(tmp_path)[0].class_names == ("new", "mask")
        assert load(tmp_path)[0].images == dataset.images


def test_other_encodings(tmp_path: Path) -> None:
    text = xml(image(BOX.replace("mask", "ä") + "</box>"), meta="")
    for encoding, declared in (("utf-16", "utf-16"), ("latin-1", "iso-8859-1")):
        path = write(tmp_path, text.replace("utf-8", declared).encode(encoding))
        assert registry.detect(tmp_path).name == "cvat"
        dataset, report = load(tmp_path)
        assert not len(report) and dataset.class_names == ("ä",)
        moved = dataset.images[0].with_boxes((dataset.images[0].boxes[0].moved_to((1.0, 2.0, 3.0, 4.0)),))
        data = CODEC.render_file(path, (moved,), dataset.class_names, path.read_bytes())
        assert '"ä"' in data.decode(encoding) and 'xbr="3.00"' in data.decode(encoding)


def test_attributes_of_a_tag() -> None:
    tag = b"""<box  a = 'x="1"' b="2"\n c="3" />"""
    assert with_attributes(tag, {}) == tag
    assert with_attributes(tag, {"b": '<"&\n>'}) == tag.replace(b'"2"', b'"&lt;&quot;&amp;&#10;&gt;"')
    assert with_attributes(tag, {"a": "it's"}) == tag.replace(b"""'x="1"'""", b"'it&apos;s'")
    assert with_attributes(b"<box>", {"x": "1"}) == b'<box x="1">'
    assert with_attributes(b"<box/>", {"x": "1"}) == b'<box x="1"/>'
