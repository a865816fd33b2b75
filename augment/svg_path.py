"""The lines and curves of SVG as polygons (SVG 1.1, sections 8.3 and 9).

Only additions and multiplications of float64, whose results are the same on every machine; sines and cosines,
which are not, are rounded (:func:`cos_sin`).
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np

from converters.geometry import FloatArray

Point = tuple[float, float]

_TOKEN = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_SPACE = " \t\r\n,"
_ARGUMENTS = {"M": 2, "L": 2, "H": 1, "V": 1, "C": 6, "S": 4, "Q": 4, "T": 2, "A": 7, "Z": 0}
_CIRCLE = 0.5522847498307936
"""Where a cubic's control points lie for a quarter of a unit circle: 4/3 (√2 - 1)."""


@dataclass(frozen=True, slots=True)
class Ring:
    """One run of a path.

    Attributes:
        points: Shape (N, 2), in the drawing's units.
        closed: Whether a stroke goes back to the start (filling always does).
    """

    points: FloatArray
    closed: bool


def cos_sin(degrees: float) -> tuple[float, float]:
    """Cosine and sine, rounded to what every mathematics library agrees on."""
    angle = math.radians(degrees)
    return round(math.cos(angle), 9), round(math.sin(angle), 9)


def ellipse(cx: float, cy: float, rx: float, ry: float, step: float) -> Ring:
    """An ellipse from four cubics (off by at most 0.03 % of the radius)."""
    k = _CIRCLE
    pen = _Pen(step)
    pen.start((cx + rx, cy))
    for (c1x, c1y), (c2x, c2y), (x, y) in (
        ((1, k), (k, 1), (0, 1)),
        ((-k, 1), (-1, k), (-1, 0)),
        ((-1, -k), (-k, -1), (0, -1)),
        ((k, -1), (1, -k), (1, 0)),
    ):
        pen.cubic((cx + c1x * rx, cy + c1y * ry), (cx + c2x * rx, cy + c2y * ry), (cx + x * rx, cy + y * ry))
    pen.close()
    return pen.rings()[0]


def rectangle(x: float, y: float, width: float, height: float, radii: Point, step: float) -> Ring:
    """A rectangle, its corners rounded by ``radii`` (limited to half its sides)."""
    rx, ry = min(radii[0], width / 2), min(radii[1], height / 2)
    right, bottom = x + width, y + height
    if rx <= 0 or ry <= 0:
        return Ring(np.array([(x, y), (right, y), (right, bottom), (x, bottom)], dtype=np.float64), True)
    kx, ky = rx * (1 - _CIRCLE), ry * (1 - _CIRCLE)
    pen = _Pen(step)
    pen.start((x + rx, y))
    pen.line((right - rx, y))
    pen.cubic((right - kx, y), (right, y + ky), (right, y + ry))
    pen.line((right, bottom - ry))
    pen.cubic((right, bottom - ky), (right - kx, bottom), (right - rx, bottom))
    pen.line((x + rx, bottom))
    pen.cubic((x + kx, bottom), (x, bottom - ky), (x, bottom - ry))
    pen.line((x, y + ry))
    pen.cubic((x, y + ky), (x + kx, y), (x + rx, y))
    pen.close()
    return pen.rings()[0]


def parse_path(data: str, step: float) -> list[Ring]:
    """The rings of path data: M L H V C S Q T A Z, absolute and relative.

    Args:
        data: The ``d`` of a path.
        step: About how long a piece of a flattened curve is, in the drawing's units.

    Raises:
        ValueError: The data cannot be read; the text says what and where.
    """
    reader = _PathReader(data, step)
    reader.read()
    return reader.pen.rings()


class _Pen:
    """Draws lines and curves as points."""

    def __init__(self, step: float) -> None:
        self.step = step
        self.at: Point = (0.0, 0.0)
        self.first: Point = (0.0, 0.0)
        self._points: list[Point] = []
        self._rings: list[Ring] = []

    def start(self, point: Point) -> None:
        """Begin a ring."""
        self._finish(False)
        self.at = self.first = point
        self._points = [point]

    def line(self, point: Point) -> None:
        """Go straight."""
        if not self._points:  # after Z, the next ring begins where the last one did
            self._points = [self.at]
        self._points.append(point)
        self.at = point

    def cubic(self, c1: Point, c2: Point, end: Point) -> None:
        """Go along a cubic Bézier curve."""
        (x0, y0), (x1, y1), (x2, y2), (x3, y3) = self.at, c1, c2, end
        length = sum(abs(b[0] - a[0]) + abs(b[1] - a[1]) for a, b in ((self.at, c1), (c1, c2), (c2, end)))
        pieces = min(64, max(3, math.ceil(length / self.step)))
        for index in range(1, pieces):
            t = index / pieces
            s = 1.0 - t
            a, b, c, d = s * s * s, 3.0 * s * s * t, 3.0 * s * t * t, t * t * t
            self.line((a * x0 + b * x1 + c * x2 + d * x3, a * y0 + b * y1 + c * y2 + d * y3))
        self.line(end)

    def quadratic(self, control: Point, end: Point) -> None:
        """Go along a quadratic Bézier curve."""
        c1 = tuple(a + (b - a) * 2 / 3 for a, b in zip(self.at, control, strict=True))
        c2 = tuple(a + (b - a) * 2 / 3 for a, b in zip(end, control, strict=True))
        self.cubic((c1[0], c1[1]), (c2[0], c2[1]), end)

    def arc(self, radii: Point, turn: float, large: bool, sweep: bool, end: Point) -> None:
        """Go along an arc of an ellipse (SVG 1.1, appendix F.6)."""
        (x0, y0), (x1, y1) = self.at, end
        rx, ry = abs(radii[0]), abs(radii[1])
        if rx == 0 or ry == 0 or self.at == end:
            self.line(end)
            return
        cos, sin = cos_sin(turn)
        dx, dy = (x0 - x1) / 2, (y0 - y1) / 2
        u, v = cos * dx + sin * dy, -sin * dx + cos * dy
        reach = (u / rx) ** 2 + (v / ry) ** 2
        if reach > 1:
            rx, ry = rx * math.sqrt(reach), ry * math.sqrt(reach)
        down = (rx * v) ** 2 + (ry * u) ** 2
        root = math.sqrt(max(0.0, (rx * ry) ** 2 / down - 1)) * (-1 if large == sweep else 1)
        cu, cv = root * rx * v / ry, -root * ry * u / rx
        begin = math.degrees(math.atan2((v - cv) / ry, (u - cu) / rx))
        span = math.degrees(math.atan2((-v - cv) / ry, (-u - cu) / rx)) - begin
        span = span % 360 if sweep else -(-span % 360)
        pieces = min(128, max(4, math.ceil(abs(span) / 360 * 6.3 * max(rx, ry) / self.step)))
        middle = (cos * cu - sin * cv + (x0 + x1) / 2, sin * cu + cos * cv + (y0 + y1) / 2)
        for index in range(1, pieces):
            c, s = cos_sin(begin + span * index / pieces)
            px, py = rx * c, ry * s
            self.line((middle[0] + cos * px - sin * py, middle[1] + sin * px + cos * py))
        self.line(end)

    def close(self) -> None:
        """Go back to the ring's start."""
        self._finish(True)
        self.at = self.first

    def rings(self) -> list[Ring]:
        """All rings so far, the open one too."""
        self._finish(False)
        return self._rings

    def _finish(self, closed: bool) -> None:
        if len(self._points) > 1:
            self._rings.append(Ring(np.array(self._points, dtype=np.float64), closed))
        self._points = []


class _PathReader:
    """Path data, letter by letter: numbers may touch (``1-2.5.5``), an arc's flags even one another."""

    def __init__(self, data: str, step: float) -> None:
        self.data = data
        self.place = 0
        self.pen = _Pen(step)
        self._control: Point | None = None
        self._last = ""

    def read(self) -> None:
        """Follow all commands."""
        command = ""
        while self._skip():
            letter = self.data[self.place]
            if letter.upper() in _ARGUMENTS and letter.isascii() and letter.isalpha():
                self.place += 1
                command = letter
            elif not command or command in "Zz":
                raise ValueError(f"has {letter!r} at place {self.place + 1} where a command belongs")
            if not self._last and command not in "Mm":
                raise ValueError("does not begin with M")
            self._follow(command)
            self._last = command.upper()
            command = {"M": "L", "m": "l"}.get(command, command)

    def _skip(self) -> bool:
        while self.place < len(self.data) and self.data[self.place] in _SPACE:
            self.place += 1
        return self.place < len(self.data)

    def _number(self, flag: bool) -> float:
        self._skip()
        if flag and self.data[self.place : self.place + 1] in ("0", "1"):
            self.place += 1
            return float(self.data[self.place - 1])
        found = _TOKEN.match(self.data, self.place)
        if found is None or flag or not math.isfinite(float(found.group())):
            what = repr(self.data[self.place : self.place + 1]) if self.place < len(self.data) else "its end"
            raise ValueError(f"has {what} at place {self.place + 1} where a number belongs")
        self.place = found.end()
        return float(found.group())

    def _follow(self, command: str) -> None:
        kind = command.upper()
        values = [self._number(kind == "A" and i in (3, 4)) for i in range(_ARGUMENTS[kind])]
        x, y = self.pen.at if command.islower() else (0.0, 0.0)
        control: Point | None = None
        if kind == "Z":
            self.pen.close()
        elif kind == "H":
            self.pen.line((x + values[0], self.pen.at[1]))
        elif kind == "V":
            self.pen.line((self.pen.at[0], y + values[0]))
        elif kind == "A":
            end = (x + values[5], y + values[6])
            self.pen.arc((values[0], values[1]), values[2], bool(values[3]), bool(values[4]), end)
        else:
            points = [(x + values[i], y + values[i + 1]) for i in range(0, len(values), 2)]
            control = self._to_points(kind, points)
        self._control = control

    def _to_points(self, kind: str, points: list[Point]) -> Point | None:
        """Commands that hold nothing but points; returns the last control point of a curve."""
        if kind == "M":
            self.pen.start(points[0])
            return None
        if kind == "L":
            self.pen.line(points[0])
            return None
        if kind in "ST":
            at = self.pen.at
            family = "CS" if kind == "S" else "QT"
            old = self._control if self._last in family and self._control else at
            points.insert(0, (2 * at[0] - old[0], 2 * at[1] - old[1]))
        if kind in "CS":
            self.pen.cubic(points[0], points[1], points[2])
            return points[1]
        self.pen.quadratic(points[0], points[1])
        return points[0]
