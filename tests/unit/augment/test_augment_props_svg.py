"""The reader and the rasteriser of the SVG in which props are drawn."""

from __future__ import annotations

import hashlib

import cv2
import numpy as np
import pytest

from augment.svg import parse_svg, read_svg
from augment.svg_path import parse_path
from augment.svg_raster import render
from augment.svg_values import IDENTITY, parse_transform
from converters.errors import FormatError

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 40 40">'


def drawn(body: str, size: tuple[int, int] = (40, 40), **keys):
    return render(parse_svg(f"{HEAD}{body}</svg>".encode()), IDENTITY, size, **keys)


def alpha_of(body: str) -> np.ndarray:
    return drawn(body)[:, :, 3]


def area(body: str) -> float:
    return alpha_of(body).sum() / 255


SAME = [
    ('<path d="M10 10H30V20H10Z"/>', '<rect x="10" y="10" width="20" height="10"/>'),
    ('<path d="m10 10 20 0 0 10-20 0z"/>', '<polygon points="10,10 30,10 30,20 10,20"/>'),
    ('<path d="M10 10L30,10L30 2e1L10,20"/>', '<polygon points="10 10 30 10 30 20 10 20"/>'),
    ('<path d="M10.0.5l.5.5 5 5z"/>', '<path d="M 10 0.5 L 10.5 1 L 15.5 6 Z"/>'),
    ('<path d="M5 5 35 5 35 35Z"/>', '<path d="M5 5L35 5L35 35Z"/>'),
    ('<circle cx="20" cy="20" r="9"/>', '<ellipse cx="20" cy="20" rx="9" ry="9"/>'),
    ('<path d="M5 20Q20 0 35 20T35 30Z"/>', '<path d="M5 20Q20 0 35 20Q50 40 35 30Z"/>'),
    ('<path d="M5 20c0-9 15-9 15 0s15 9 15 0z"/>', '<path d="M5 20C5 11 20 11 20 20C20 29 35 29 35 20Z"/>'),
    ('<g transform="translate(10 5) scale(2)"><rect width="5" height="5"/></g>',
     '<rect x="10" y="5" width="10" height="10"/>'),
    ('<rect style="fill:#f00;fill-opacity:.5" width="9" height="9"/>',
     '<rect fill="red" fill-opacity="0.5" width="9" height="9"/>'),
    ('<g opacity=".5" fill="blue"><rect width="9" height="9"/></g>',
     '<rect fill="rgb(0,0,255)" opacity="50%" width="9px" height="9"/>'),
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), SAME)
def test_two_ways_to_write_a_shape_draw_the_same(one: str, other: str):
    first = drawn(one)
    assert first.any()
    assert np.abs(first.astype(int) - drawn(other)).max() <= 1


def test_areas_are_those_of_geometry():
    assert area('<rect x="5" y="5" width="20" height="10"/>') == pytest.approx(200, rel=0.05)
    assert area('<circle cx="20" cy="20" r="12"/>') == pytest.approx(np.pi * 144, rel=0.03)
    arcs = '<path d="M8 20a12 12 0 0 1 24 0A12 12 0 1118 31.8z"/>'
    assert area('<path d="M8 20A12 12 0 0 1 32 20A12 12 0 018 20z"/>') == pytest.approx(np.pi * 144, rel=0.03)
    assert area(arcs) > 300
    line = '<path d="M5 20H35" fill="none" stroke="black" stroke-width="4"/>'
    assert area(line) == pytest.approx(30 * 4 + np.pi * 4, rel=0.08)
    assert 0 < area(line.replace('"4"', '"0.05"')) < 4


def test_holes_follow_the_rule_of_filling():
    ring = "M5 5H35V35H5ZM15 15H25V25H15Z"
    against = "M5 5H35V35H5ZM15 15V25H25V15Z"
    assert alpha_of(f'<path d="{ring}"/>')[20, 20] == 255
    assert alpha_of(f'<path d="{against}"/>')[20, 20] == 0
    assert alpha_of(f'<path fill-rule="evenodd" d="{ring}"/>')[20, 20] == 0


def test_colours_are_premultiplied_and_laid_over_each_other():
    rgba = drawn(
        '<rect width="40" height="40" fill="#ff0000"/>'
        '<rect width="20" height="40" fill="#0000ff" fill-opacity="0.5"/>'
    )
    assert rgba[20, 30].tolist() == [255, 0, 0, 255]
    assert rgba[20, 10].tolist() == [127, 0, 128, 255]
    half = drawn('<rect width="40" height="40" fill="#ffffff" fill-opacity="0.25"/>')
    assert half[5, 5].tolist() == [64, 64, 64, 64]


GRADIENTS = """<defs>
<linearGradient id="stops"><stop offset="0" stop-color="#000"/>
<stop offset="100%" stop-color="#fff"/></linearGradient>
<linearGradient id="across" href="#stops" gradientUnits="userSpaceOnUse" x1="0" y1="0" x2="40" y2="0"/>
<radialGradient id="round" href="#stops" gradientTransform="translate(0 0)"/></defs>"""


def test_gradients_go_where_they_say():
    across = drawn(GRADIENTS + '<rect width="40" height="40" fill="url(#across)"/>')[20, :, 0].astype(int)
    assert np.all(np.diff(across) >= 0) and across[0] < 8 and across[-1] > 247
    assert across[20] == pytest.approx(130, abs=4)
    boxed = drawn(GRADIENTS + '<rect x="20" width="20" height="40" fill="url(#stops)"/>')[20, :, 0]
    assert boxed[21] < 20 and boxed[38] > 235
    round_ = drawn(GRADIENTS + '<rect width="40" height="40" fill="url(#round)"/>')[:, :, 0]
    assert round_[20, 20] < 12 and round_[20, 39] > 240 and round_[0, 0] == 255


def test_a_gradient_turns_with_its_shape():
    turned = '<g transform="rotate(90 20 20)"><rect width="40" height="40" fill="url(#across)"/></g>'
    down = drawn(GRADIENTS + turned)[:, 20, 0].astype(int)
    assert down[0] < 8 and down[-1] > 247


def test_what_an_editor_writes_on_the_side_is_passed_over():
    data = (
        b'<svg xmlns="http://www.w3.org/2000/svg" xmlns:ed="http://editor.example/ns" viewBox="0 0 9 9">'
        b'<title>t</title><ed:view zoom="3"/><metadata><a/></metadata><!-- note -->'
        b'<g id="guide" display="none"><text>face</text></g>'
        b'<g id="lens" data-tint="glass"><path d="M0 0H9V9Z"/></g></svg>'
    )
    layer = parse_svg(data).layers
    assert [(entry.part, entry.tint) for entry in layer] == [("lens", "glass")]


BROKEN = [
    ("<text>mask</text>", "<text> is not part"),
    ('<path d="M0 0L9 9H5Z" filter="url(#blur)"/>', "filter"),
    ('<path d="L0 0"/>', "does not begin with M"),
    ('<path d="M0 0L9"/>', "its end"),
    ('<path d="M0 0L9 x"/>', "'x'"),
    ('<path d="M0 0Z 5"/>', "command belongs"),
    ('<path d="M0 0A5 5 0 2 0 9 9"/>', "number belongs"),
    ('<path d="M0 0L1e999 0"/>', "number belongs"),
    ('<circle cx="5" cy="5"/>', "has no r"),
    ('<circle cx="5" cy="5" r="-1"/>', "negative"),
    ('<rect width="1,5" height="4"/>', "width"),
    ('<polygon points="1 2 3"/>', "pairs"),
    ('<rect width="5" height="5" fill="url(#none)"/>', "'none'"),
    ('<rect width="5" height="5" fill="blurple"/>', "not a colour"),
    ('<g transform="spin(3)"><rect width="5" height="5"/></g>', "transform"),
    ("<style>path{fill:red}</style>", "<style>"),
    ('<defs><clipPath id="c"/></defs>', "<clipPath>"),
    ('<linearGradient id="a" href="#a"/><rect width="5" height="5" fill="url(#a)"/>', "'#a'"),
    ("", "draws nothing"),
]


@pytest.mark.parametrize(("body", "words"), BROKEN)
def test_what_cannot_be_drawn_is_named_with_its_line(tmp_path, body: str, words: str):
    file = tmp_path / "prop.svg"
    line = 3 if body else 1
    file.write_text(f"{HEAD}\n\n{body}\n</svg>")
    with pytest.raises(FormatError) as caught:
        read_svg(file)
    assert words in str(caught.value) and str(caught.value).startswith(f"{file}:{line}: ")


def test_documents_that_are_no_drawing_are_refused(tmp_path):
    bomb = b'<!DOCTYPE svg [<!ENTITY a "aaaa">]><svg viewBox="0 0 1 1"><title>&a;</title></svg>'
    for data in (b"", b"<svg", b"<html/>", b"\x89PNG", bomb, b'<svg viewBox="0 0 0 5"/>', b"<svg/>"):
        file = tmp_path / "prop.svg"
        file.write_bytes(data)
        with pytest.raises(FormatError) as caught:
            read_svg(file)
        assert str(file) in str(caught.value)
    with pytest.raises(FormatError, match="points"):
        parse_svg((HEAD + '<path d="M0 0' + "l1 1" * 200_001 + '"/></svg>').encode())


def test_transforms_compose_from_left_to_right():
    matrix = parse_transform("translate(3,4) rotate(90) scale(2 1) skewX(0) matrix(1 0 0 1 0 0)")
    assert np.allclose(matrix, [[0, -1, 3], [2, 0, 4]])
    assert len(parse_path("M0 0C0 9 9 9 9 0", 0.5)[0].points) > len(
        parse_path("M0 0C0 9 9 9 9 0", 5)[0].points
    )


def test_a_drawing_far_too_large_for_its_canvas_is_cut():
    rgba = drawn('<circle cx="20" cy="20" r="1e9"/>')
    assert rgba[:, :, 3].min() == 255


EXACT = (
    GRADIENTS
    + '<path d="M2 38C4 2 30 0 38 30L20 22Z" fill="url(#across)" fill-opacity="0.8"/>'
    + '<g transform="rotate(17 20 20)"><ellipse cx="22" cy="18" rx="12" ry="7" fill="#b0452a" opacity="0.6"/>'
    + '<path d="M4 30Q18 8 36 26" fill="none" stroke="#123456" stroke-width="1.7"/></g>'
    + '<path d="M6 6a9 5 30 1 1 8 12z" fill="url(#round)"/>'
)


def test_the_same_drawing_gives_the_same_bytes_everywhere():
    threads = cv2.getNumThreads()
    sizes = ((40, 40), (300, 300), (600, 600))
    hashes = []
    for count in (1, 4):
        cv2.setNumThreads(count)
        raw = b"".join(drawn(EXACT, size).tobytes() for size in sizes)
        hashes.append(hashlib.sha256(raw).hexdigest()[:16])
    cv2.setNumThreads(threads)
    assert hashes == ["35920cdb032d1ebb"] * 2
