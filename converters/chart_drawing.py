"""Charts laid out as rectangles, lines and texts, which SVG and PNG then draw each in their way.

Lengths are in units of which a chart is :data:`WIDTH` wide; the origin is at the top left.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass, field
from enum import StrEnum

from converters.charts import NEUTRAL, BarChart, Chart, Matrix, Part, Row, toned
from converters.colours import Rgb, text_on

WIDTH = 620.0
_TITLE, _TEXT, _SMALL = 15.0, 12.5, 11.0
_ROW, _BAR = 26.0, 19.0
_GAP = 8.0
_NARROW = frozenset("iIl|!.,:;'`()[]{}fjrt ")
_BROAD = frozenset("mwMW@%—…<>=+~#&^")


class Ink(StrEnum):
    """Colours that depend on the background."""

    TEXT = "text"
    MUTED = "muted"
    GRID = "grid"


class Anchor(StrEnum):
    """Which end of a text its place is; the names are SVG's."""

    START = "start"
    MIDDLE = "middle"
    END = "end"


@dataclass(frozen=True, slots=True)
class Rectangle:
    """A filled rectangle; ``outline`` keeps light ones visible on white."""

    x: float
    y: float
    width: float
    height: float
    fill: Rgb
    outline: Rgb | None = None
    opacity: float = 1.0
    tooltip: str = ""


@dataclass(frozen=True, slots=True)
class Line:
    """A straight line."""

    x1: float
    y1: float
    x2: float
    y2: float
    ink: Ink
    width: float = 1.0


@dataclass(frozen=True, slots=True)
class Text:
    """One line of text; ``y`` is the middle of the line."""

    x: float
    y: float
    text: str
    size: float = _TEXT
    anchor: Anchor = Anchor.START
    ink: Ink | Rgb = Ink.TEXT
    bold: bool = False
    tooltip: str = ""


@dataclass(slots=True)
class Drawing:
    """A chart ready to be drawn.

    Attributes:
        title: What it shows, for those who cannot see it.
        height: It is :data:`WIDTH` wide and so high.
        items: In the order in which they are drawn.
    """

    title: str
    height: float = 0.0
    items: list[Rectangle | Line | Text] = field(default_factory=list)


def draw(chart: Chart) -> Drawing:
    """Lay a chart out."""
    return _draw_bars(chart) if isinstance(chart, BarChart) else _draw_matrix(chart)


def text_width(text: str, size: float) -> float:
    """About how wide a text is in a usual sans-serif font; rather too much than too little."""
    return size * sum(map(_letter_width, text))


def elided(text: str, size: float, room: float) -> str:
    """The text, with an ellipsis in its middle where it is wider than ``room``."""
    if text_width(text, size) <= room:
        return text
    keep = len(text) - 1
    while keep > 1:
        head = -(-keep // 2)
        short = f"{text[:head]}…{text[len(text) - (keep - head) :]}"
        if text_width(short, size) <= room:
            return short
        keep -= 1
    return "…"


def nice_ticks(extent: float, most: int = 5) -> list[float]:
    """Round numbers from 0 to ``extent`` (above 0), at most about ``most``; whole where it is 1 or more."""
    raw = extent / most
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= raw)
    step = max(step, 1.0)
    return [step * number for number in range(math.floor(extent / step + 1e-9) + 1)]


def _letter_width(letter: str) -> float:
    if unicodedata.east_asian_width(letter) in "WF":
        return 1.05
    if unicodedata.combining(letter):
        return 0.0
    if letter in _NARROW:
        return 0.4
    if letter in _BROAD:
        return 1.0
    return 0.74 if letter.isupper() else 0.64


def _draw_bars(chart: BarChart) -> Drawing:
    drawing = Drawing(chart.title)
    names = max((text_width(row.name, _TEXT) for row in chart.rows), default=0.0)
    left = min(names, 0.3 * WIDTH) + _GAP
    right = WIDTH - max((text_width(chart.text_of(row), _TEXT) for row in chart.rows), default=0.0) - _GAP
    top = _draw_head(drawing, chart)
    bottom = top + _ROW * len(chart.rows)
    scale = (right - left) / chart.extent
    for tick in nice_ticks(chart.extent):
        x = left + tick * scale
        drawing.items.append(Line(x, top, x, bottom + 4, Ink.GRID))
        drawing.items.append(Text(x, bottom + 13, f"{tick:,.0f}", _SMALL, Anchor.MIDDLE, Ink.MUTED))
    for number, row in enumerate(chart.rows):
        _draw_row(drawing, chart, row, left, scale, top + _ROW * number)
    drawing.items.append(Line(left, top, left, bottom, Ink.MUTED))
    middle = (left + right) / 2
    drawing.items.append(Text(middle, bottom + 30, chart.axis, _SMALL, Anchor.MIDDLE, Ink.MUTED))
    drawing.height = bottom + 40
    if chart.note:
        drawing.items.append(Text(0, drawing.height + 8, chart.note, _SMALL, ink=Ink.MUTED))
        drawing.height += 18
    return drawing


def _draw_head(drawing: Drawing, chart: BarChart) -> float:
    """Title and legend; returns where the bars begin."""
    drawing.items.append(Text(0, 12, chart.title, _TITLE, bold=True))
    if len(chart.parts) < 2 and not chart.mark_name:
        return 28.0
    x, y = 0.0, 36.0
    coloured = chart.rows[0].colour if len(chart.rows) == 1 else NEUTRAL
    entries: list[Part | None] = [*chart.parts, *([None] if chart.mark_name else [])]
    for part in entries:
        name = part.name if part is not None else chart.mark_name
        width = 18 + text_width(name, _SMALL)
        if x and x + width > WIDTH:
            x, y = 0.0, y + 18
        if part is not None:
            fill = toned(coloured, part.tone)
            drawing.items.append(Rectangle(x, y - 6, 12, 12, fill, toned(coloured, -0.2)))
        else:
            drawing.items.append(Line(x + 6, y - 7, x + 6, y + 7, Ink.TEXT, 2.5))
        drawing.items.append(Text(x + 17, y, name, _SMALL, ink=Ink.MUTED))
        x += width + 14
    return y + 16.0


def _draw_row(drawing: Drawing, chart: BarChart, row: Row, left: float, scale: float, top: float) -> None:
    middle, bar_top = top + _ROW / 2, top + (_ROW - _BAR) / 2
    whole = chart.describe(row, None)
    name = elided(row.name, _TEXT, left - _GAP)
    drawing.items.append(Text(left - _GAP, middle, name, _TEXT, Anchor.END, tooltip=whole))
    end, hidden = left, False
    for number, start, stop in chart.segments(row):
        part = chart.parts[number]
        fill = toned(row.colour, part.tone)
        x, width = left + start * scale, max((stop - start) * scale, 1.0)
        tooltip = chart.describe(row, number)
        outline = toned(row.colour, -0.2)
        drawing.items.append(Rectangle(x, bar_top, width, _BAR, fill, outline, tooltip=tooltip))
        text = f"{row.values[number]:,}"
        # A bar of one part has its number at the end already.
        alone = row.values[number] == row.total and not chart.shares
        first, last = chart.room_for_text(row, start, stop)
        fits = text_width(text, _SMALL) + 4 <= (last - first) * scale
        hidden |= not fits and not alone
        if fits and not alone:
            ink = text_on(fill)
            drawing.items.append(
                Text(
                    left + (first + last) / 2 * scale,
                    middle,
                    text,
                    _SMALL,
                    Anchor.MIDDLE,
                    ink,
                    tooltip=tooltip,
                )
            )
        end = x + width
    if row.mark is not None:
        x = left + row.mark * scale
        drawing.items.append(Line(x, bar_top - 3, x, bar_top + _BAR + 3, Ink.TEXT, 2.5))
        end = max(end, x + 2)
    text = chart.sum_of(row)
    if not hidden or end + 6 + text_width(text, _TEXT) > WIDTH:
        text = chart.text_of(row)
    drawing.items.append(Text(end + 6, middle, text, _TEXT, tooltip=whole))


def _draw_matrix(chart: Matrix) -> Drawing:
    """Columns are numbered as the rows are: long class names need no turned text."""
    drawing = Drawing(chart.title)
    drawing.items.append(Text(0, 12, chart.title, _TITLE, bold=True))
    named = [f"{number}  {label}" for number, label in enumerate(chart.labels, 1)]
    left = min(max(text_width(name, _TEXT) for name in named) + 20, 0.36 * WIDTH)
    columns = [str(number) for number in range(1, len(named) + 1)] + ["alone", "in all"]
    cell = min((WIDTH - left) / len(columns), 74.0)
    top = 48.0
    for number, head in enumerate(columns):
        x = left + cell * (number + 0.5)
        drawing.items.append(Text(x, 36, elided(head, _SMALL, cell), _SMALL, Anchor.MIDDLE, Ink.MUTED))
    for row, name in enumerate(named):
        y = top + _ROW * row
        middle = y + _ROW / 2
        drawing.items.append(Rectangle(0, middle - 6, 12, 12, chart.colours[row]))
        label = elided(name, _TEXT, left - 20)
        drawing.items.append(Text(17, middle, label, tooltip=chart.labels[row]))
        for column in range(len(named)):
            _draw_cell(drawing, chart, row, column, (left + cell * column, y, cell))
        for place, value in enumerate((chart.alone[row], chart.images[row]), len(named)):
            x = left + cell * (place + 0.5)
            drawing.items.append(Text(x, middle, f"{value:,}", _SMALL, Anchor.MIDDLE))
    drawing.height = top + _ROW * len(named) + 20
    note = "stronger: a larger part of the row's pictures"
    drawing.items.append(Text(0, drawing.height - 8, note, _SMALL, ink=Ink.MUTED))
    return drawing


def _draw_cell(
    drawing: Drawing, chart: Matrix, row: int, column: int, place: tuple[float, float, float]
) -> None:
    if row == column:
        return
    x, y, cell = place
    value = chart.together[row][column]
    share = value / chart.images[row] if chart.images[row] else 0.0
    tooltip = chart.describe(row, column)
    opacity = 0.1 + 0.6 * share
    drawing.items.append(
        Rectangle(x + 1, y + 1, cell - 2, _ROW - 2, NEUTRAL, opacity=opacity, tooltip=tooltip)
    )
    middle = y + _ROW / 2
    drawing.items.append(Text(x + cell / 2, middle, f"{value:,}", _SMALL, Anchor.MIDDLE, tooltip=tooltip))
