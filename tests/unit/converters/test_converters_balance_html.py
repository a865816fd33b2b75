import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from lxml import etree
from PIL import Image

from converters.balance_facts import facts_of
from converters.balance_html import report_html
from converters.balance_plan import PlanOptions, parse_target, solve
from converters.balance_samples import SIDE, samples_of
from converters.chart_svg import safe
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

HOSTILE = (
    '<script>alert("x")</script>',
    "\"'><img src=x onerror=alert(1)>",
    "</style></svg></title><h1>",
    "&lt;b&gt; &amp; \x00\x1b[31m",
    "\u202eksam\u2066",
    "=cmd|' /C calc'!A0",
    "caf\udce9 例え 😷",
)
"""As no class should be called."""


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(data.decode("utf-8"))

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in ("meta", "br", "img", "line"):
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def make(root: Path, names: tuple[str, ...], boxes: int = 3) -> Dataset:
    """A picture of every class in its own grey, each with some boxes; the first has them of all classes."""
    root.mkdir()
    images = []
    for number, name in enumerate(names):
        path = root / f"p{number}.png"
        Image.fromarray(np.full((60, 90, 3), 20 + 30 * number, np.uint8)).save(path)
        own = tuple(Box((2.0 + 20 * i, 5, 20.0 + 20 * i, 30), name) for i in range(boxes))
        others = tuple(Box((50, 30, 80, 55), other) for other in names) if number == 0 else ()
        images.append(AnnotatedImage(f"p{number}", path, (90, 60), own + others, Split.TRAIN))
    return Dataset(root, "yolo", tuple(images), names)


def test_a_report_stands_alone_and_says_it_all(tmp_path: Path):
    dataset = make(tmp_path / "set", ("mask", "no_mask"))
    plan = solve(dataset, parse_target("equal"), PlanOptions())
    report = Report()
    data = report_html(facts_of(dataset, network_size=(416, 416), plan=plan), "faces", report)
    page = Page(data)
    assert not page.open and not report.issues
    assert not {"script", "link", "iframe", "object", "form"} & set(page.tags)
    assert not [name for name, value in page.attributes if name.startswith("on")]
    sources = [value or "" for name, value in page.attributes if name in ("src", "href")]
    assert sources and all(source.startswith("data:image/jpeg;base64,") for source in sources)
    assert b"prefers-color-scheme: dark" in data and b"@media print" in data
    assert b"://" not in data and b"url(" not in data
    text = " ".join(page.text)
    for expected in ("Class balance of", "faces", "Samples", "counters_per_class", "at 416 × 416", "alone"):
        assert expected in text
    assert page.tags.count("svg") == 7


def test_charts_are_well_formed_xml(tmp_path: Path):
    dataset = make(tmp_path / "set", HOSTILE)
    data = report_html(facts_of(dataset), "x", Report()).decode("utf-8")
    drawings = re.findall(r"<svg.*?</svg>", data, re.DOTALL)
    assert len(drawings) == 5
    for drawing in drawings:
        assert etree.fromstring(drawing).get("viewBox").startswith("0 0 620 ")


def test_hostile_names_stay_text(tmp_path: Path):
    dataset = make(tmp_path / "set", HOSTILE)
    plain = make(tmp_path / "plain", tuple("abcdefg"))
    hostile = Page(report_html(facts_of(dataset), HOSTILE[0], Report()))
    usual = Page(report_html(facts_of(plain), "set", Report()))
    assert not hostile.open
    assert sorted(hostile.tags) == sorted(usual.tags)
    assert {name for name, _ in hostile.attributes} == {name for name, _ in usual.attributes}
    assert any(HOSTILE[0] in text for text in hostile.text)
    assert not any(mark in "".join(hostile.text) for mark in "\x00\x1b\u202e\u2066")


def test_same_facts_same_bytes(tmp_path: Path):
    dataset = make(tmp_path / "set", ("mask", "no_mask"))
    assert report_html(facts_of(dataset), "x", Report()) == report_html(facts_of(dataset), "x", Report())


@pytest.mark.parametrize("names", [(), ("mask",)])
def test_a_set_without_boxes(tmp_path: Path, names: tuple[str, ...]):
    dataset = Dataset(tmp_path, "yolo", (), names)
    page = Page(report_html(facts_of(dataset), "empty", Report()))
    assert "There is no box in the set." in "".join(page.text) and not page.open


def test_samples_are_the_boxes_with_a_margin_from_small_to_large(tmp_path: Path):
    pixels = np.zeros((200, 300, 3), np.uint8)
    pixels[40:120, 100:160] = (250, 10, 10)
    path = tmp_path / "a.png"
    Image.fromarray(pixels).save(path)
    boxes = (Box((100, 40, 160, 120), "red"), *(Box((0, 0, 5 + i, 5), "black") for i in range(40)))
    dataset = Dataset(tmp_path, "voc", (AnnotatedImage("a", path, (300, 200), boxes),), ("red", "black"))
    told = []
    samples = samples_of(dataset, Report(), lambda done, total: told.append((done, total)))
    assert told == [(1, 1)]
    (red,) = samples["red"]
    cut = np.asarray(Image.open(io.BytesIO(red.jpeg))).astype(int)
    assert max(cut.shape[:2]) == 2 * SIDE
    left, top, width, height = red.frame
    inside = cut[
        round((top + 0.1 * height) * cut.shape[0]) : round((top + 0.9 * height) * cut.shape[0]),
        round((left + 0.1 * width) * cut.shape[1]) : round((left + 0.9 * width) * cut.shape[1]),
    ]
    assert inside[..., 0].min() > 200 and cut[2:6, 2:6, 0].max() < 60
    assert len(samples["black"]) == 8
    assert [s.size[0] for s in samples["black"]] == sorted(s.size[0] for s in samples["black"])


def test_samples_come_from_different_pictures_where_there_are(tmp_path: Path):
    images = []
    for number in range(10):
        path = tmp_path / f"{number}.png"
        Image.fromarray(np.zeros((50, 50, 3), np.uint8)).save(path)
        boxes = tuple(Box((0, 0, 10, 10), "face") for _ in range(10))
        images.append(AnnotatedImage(str(number), path, (50, 50), boxes))
    samples = samples_of(Dataset(tmp_path, "voc", tuple(images), ("face",)), Report())
    assert len({sample.image for sample in samples["face"]}) >= 7


def test_pictures_that_cannot_be_read_are_reported_and_the_rest_is_there(tmp_path: Path):
    dataset = make(tmp_path / "set", ("mask", "no_mask"))
    dataset.images[1].path.write_bytes(b"no picture")
    report = Report()
    data = report_html(facts_of(dataset), "x", report)
    assert [issue.path for issue in report.errors] == [dataset.images[1].path]
    found = re.findall(rb"base64,([A-Za-z0-9+/=]+)", data)
    assert len(found) == 5
    assert Image.open(io.BytesIO(base64.b64decode(found[0]))).format == "JPEG"


def test_safe_text():
    assert safe('a<b>&"c"\n') == "a&lt;b&gt;&amp;&quot;c&quot;\ufffd"
