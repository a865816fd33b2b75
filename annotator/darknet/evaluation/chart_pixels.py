"""The chart files of an evaluation as PNG: what :mod:`annotator.darknet.evaluation.charts` writes, no more.

Those know lines, polylines, rectangles, circles and texts, so no library for SVG is needed. Pure.
"""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING
from xml.etree.ElementTree import Element, fromstring

if TYPE_CHECKING:
    from PIL.ImageDraw import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

    from converters.colours import Rgb

SCALE = 3
"""Pixels a unit: enough to print."""
_TEXT: Rgb = (30, 30, 30)
_STROKES: dict[str, Rgb] = {
    "axis": (120, 120, 120),
    "grid": (223, 223, 223),
    "ideal": (155, 155, 155),
    "span": (25, 25, 25),
}
_TEXT_SIZE = 12
_LETTERS_HIGH = 0.36
"""Of the size of a text: how far its middle lies above its base line."""


def png_of(svg: str) -> bytes:
    """A chart file as PNG.

    Args:
        svg: What :meth:`~annotator.darknet.evaluation.charts.Chart.file` gives.
    """
    from PIL import Image, ImageDraw

    root = fromstring(svg)  # our own text, nobody else's
    _, _, width, height = (float(number) for number in root.get("viewBox", "").split())
    image = Image.new("RGB", (round(width * SCALE), round(height * SCALE)), "white")
    pen = ImageDraw.Draw(image)
    for element in root:
        if _kind(element) == "g":
            top = float(element.get("transform", "").removeprefix("translate(0,").removesuffix(")"))
            for inner in element:
                _draw(image, pen, inner, top)
        else:
            _draw(image, pen, element, 0.0)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _kind(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _draw(image: object, pen: ImageDraw, element: Element, top: float) -> None:
    kind = _kind(element)
    if kind == "line":
        ends = [_number(element, name) for name in ("x1", "y1", "x2", "y2")]
        points = [(ends[0], ends[1] + top), (ends[2], ends[3] + top)]
        _stroke(pen, element, points, 1.0)
    elif kind == "polyline":
        points = [
            (float(x), float(y) + top)
            for x, y in (one.split(",") for one in element.get("points", "").split())
        ]
        _stroke(pen, element, points, float(element.get("stroke-width", "1")))
    elif kind == "rect":
        x, y, width, height = (_number(element, name) for name in ("x", "y", "width", "height"))
        corners = (x * SCALE, (y + top) * SCALE, (x + width) * SCALE, (y + top + height) * SCALE)
        if width * SCALE >= 1 and height * SCALE >= 1:
            pen.rectangle(corners, _filled(element))
    elif kind == "circle":
        x, y, radius = (_number(element, name) for name in ("cx", "cy", "r"))
        corners = ((x - radius) * SCALE, (y + top - radius) * SCALE, (x + radius) * SCALE,
                   (y + top + radius) * SCALE)  # fmt: skip
        pen.ellipse(corners, _filled(element))
    elif kind == "text":
        _write(image, pen, element, top)


def _number(element: Element, name: str) -> float:
    return float(element.get(name, "0"))


def _stroke(pen: ImageDraw, element: Element, points: list[tuple[float, float]], width: float) -> None:
    colour = _STROKES.get(element.get("class", "")) or _rgb(element.get("stroke", "#1e1e1e"))
    scaled = [(x * SCALE, y * SCALE) for x, y in points]
    pen.line(scaled, colour, max(1, round(width * SCALE)), joint="curve")


def _filled(element: Element) -> Rgb:
    """The colour of an area on white."""
    opacity = float(element.get("fill-opacity", "1"))
    red, green, blue = (round(255 + (value - 255) * opacity) for value in _rgb(element.get("fill", "")))
    return red, green, blue


def _rgb(text: str) -> Rgb:
    return int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16)


def _write(image: object, pen: ImageDraw, element: Element, top: float) -> None:
    from PIL import Image, ImageDraw

    text, font = element.text or "", _font(_TEXT_SIZE * SCALE)
    x, y = _number(element, "x"), _number(element, "y")
    anchor = {"start": "l", "middle": "m", "end": "r"}[element.get("text-anchor", "start")] + "m"
    up = _LETTERS_HIGH * _TEXT_SIZE
    if "rotate" not in element.get("transform", ""):
        pen.text((x * SCALE, (y + top - up) * SCALE), text, _TEXT, font, anchor)
        return
    # Turned by -90 degrees about the origin, as the title of the upright axis is.
    left, upper, right, lower = pen.textbbox((0, 0), text, font)
    label = Image.new("RGB", (round(right - left), round(lower - upper)), "white")
    ImageDraw.Draw(label).text((-left, -upper), text, _TEXT, font)
    turned = label.rotate(90, expand=True)
    middle = (y - up) * SCALE, (-x + top) * SCALE
    place = round(middle[0] - turned.width / 2), round(middle[1] - turned.height / 2)
    image.paste(turned, (max(0, place[0]), max(0, place[1])))  # type: ignore[attr-defined]


@lru_cache(maxsize=4)
def _font(size: int) -> FreeTypeFont | ImageFont:
    """A font of the system with many scripts, else the one that Pillow brings."""
    from PIL import ImageFont

    for name in ("DejaVuSans.ttf", "NotoSans-Regular.ttf"):
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
