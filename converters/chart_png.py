"""Charts as one PNG, for slides and documents: dark on white, two columns where there are many."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from converters.balance_facts import BalanceFacts
from converters.chart_drawing import WIDTH, Anchor, Drawing, Ink, Line, Rectangle, Text, draw
from converters.charts import charts_of
from converters.colours import Rgb

if TYPE_CHECKING:
    from PIL import ImageDraw
    from PIL.ImageFont import FreeTypeFont, ImageFont

_SCALE = 2.0
_MARGIN = 28.0
_INKS: dict[Ink, Rgb] = {Ink.TEXT: (30, 30, 30), Ink.MUTED: (95, 95, 95), Ink.GRID: (222, 222, 222)}
_FONTS = {
    False: ("DejaVuSans.ttf", "NotoSans-Regular.ttf"),
    True: ("DejaVuSans-Bold.ttf", "NotoSans-Bold.ttf"),
}
_MOST_SIDE = 30_000.0


def charts_png(facts: BalanceFacts) -> bytes:
    """All charts about a set; without a class there is only the sentence that says so."""
    drawings = [draw(chart) for chart in charts_of(facts)]
    return as_png(drawings or [Drawing("", 30.0, [Text(0, 12, facts.balance.sentence())])])


def as_png(drawings: Sequence[Drawing], columns: int = 2) -> bytes:
    """Draw charts below and beside each other, twice as large as their units.

    Args:
        drawings: In reading order.
        columns: How many stand side by side at most.
    """
    import io

    from PIL import Image, ImageDraw

    columns = max(1, min(columns, len(drawings)))
    places, height = _places(drawings, columns)
    width = columns * (WIDTH + _MARGIN) + _MARGIN
    scale = min(_SCALE, _MOST_SIDE / height)
    image = Image.new("RGB", (round(width * scale), max(round(height * scale), 1)), "white")
    pen = _Pen(ImageDraw.Draw(image), scale)
    for drawing, (left, top) in zip(drawings, places, strict=True):
        pen.draw(drawing, left, top)
    out = io.BytesIO()
    image.save(out, "PNG", optimize=True)
    return out.getvalue()


def _places(drawings: Sequence[Drawing], columns: int) -> tuple[list[tuple[float, float]], float]:
    """Left and top of each drawing, each in the shortest column so far, and the height of all."""
    bottoms = [_MARGIN] * columns
    places = []
    for drawing in drawings:
        column = bottoms.index(min(bottoms))
        places.append((_MARGIN + column * (WIDTH + _MARGIN), bottoms[column]))
        bottoms[column] += drawing.height + _MARGIN
    return places, max(bottoms)


class _Pen:
    """Draws at a scale."""

    def __init__(self, canvas: ImageDraw.ImageDraw, scale: float) -> None:
        self._canvas = canvas
        self._scale = scale

    def draw(self, drawing: Drawing, left: float, top: float) -> None:
        for item in drawing.items:
            if isinstance(item, Rectangle):
                self._rectangle(item, left, top)
            elif isinstance(item, Line):
                ends = self._at(left + item.x1, top + item.y1, left + item.x2, top + item.y2)
                self._canvas.line(ends, _INKS[item.ink], max(round(item.width * self._scale), 1))
            else:
                self._text(item, left, top)

    def _at(self, *numbers: float) -> tuple[int, ...]:
        return tuple(round(number * self._scale) for number in numbers)

    def _rectangle(self, item: Rectangle, left: float, top: float) -> None:
        x1, y1, x2, y2 = self._at(
            left + item.x, top + item.y, left + item.x + item.width, top + item.y + item.height
        )
        fill = tuple(round(255 + (value - 255) * item.opacity) for value in item.fill)
        # Pillow's corners are both painted: without the -1 neighbours would overlap.
        self._canvas.rectangle((x1, y1, max(x2 - 1, x1), max(y2 - 1, y1)), fill, item.outline)

    def _text(self, item: Text, left: float, top: float) -> None:
        font = _font(round(item.size * self._scale), item.bold)
        anchor = {Anchor.START: "lm", Anchor.MIDDLE: "mm", Anchor.END: "rm"}[item.anchor]
        ink = _INKS[item.ink] if isinstance(item.ink, Ink) else item.ink
        text = "".join(letter if letter.isprintable() else "\ufffd" for letter in item.text)
        x, y = self._at(left + item.x, top + item.y)
        self._canvas.text((x, y), text, ink, font, anchor)


@lru_cache(maxsize=32)
def _font(size: int, bold: bool) -> FreeTypeFont | ImageFont:
    """A font of the system with many scripts, else the one that Pillow brings."""
    from PIL import ImageFont

    for name in _FONTS[bold]:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)
