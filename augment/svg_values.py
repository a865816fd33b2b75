"""Colours, transforms and gradients of SVG, and the outlines of its shapes: values without a document."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from augment.svg_path import Ring, cos_sin, ellipse, parse_path, rectangle
from converters.geometry import FloatArray

Rgb = tuple[int, int, int]
Stops = tuple[tuple[float, Rgb, float], ...]

IDENTITY: FloatArray = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

_CALL = re.compile(r"\s*,?\s*([a-zA-Z]+)\s*\(([^()]*)\)")
_POINTS = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


@dataclass(frozen=True, slots=True)
class Gradient:
    """A gradient.

    Attributes:
        radial: Whether its places are distances from a centre.
        to_unit: 2 × 3, from the drawing's coordinates to where place 0 to 1 is x (or the distance from the
            origin).
        stops: (place, colour, opacity), places not falling.
    """

    radial: bool
    to_unit: FloatArray
    stops: Stops


@dataclass(frozen=True, slots=True)
class Paint:
    """What a shape is filled or stroked with: one colour, or a gradient; ``alpha`` from 0 to 1."""

    colour: Rgb
    alpha: float
    gradient: Gradient | None = None


def parse_colour(text: str) -> Rgb:
    """A colour as CSS writes it.

    Raises:
        ValueError: It is none.
    """
    from PIL import ImageColor

    found = ImageColor.getrgb(text)
    return (int(found[0]), int(found[1]), int(found[2]))


def parse_transform(text: str) -> FloatArray:
    """The 2 × 3 matrix of a ``transform``.

    Raises:
        ValueError: It cannot be read.
    """
    matrix, place = IDENTITY, 0
    text = text.strip()
    while place < len(text):
        found = _CALL.match(text, place)
        if found is None:
            raise ValueError(f"cannot be read at {text[place : place + 20]!r}")
        values = [float(v) for v in _POINTS.findall(found.group(2))]
        matrix = compose(matrix, _one_transform(found.group(1), values))
        place = found.end()
    return matrix


def _one_transform(name: str, values: list[float]) -> FloatArray:
    count = len(values)
    if name == "matrix" and count == 6:
        a, b, c, d, e, f = values
        return np.array([[a, c, e], [b, d, f]])
    if name == "translate" and count in (1, 2):
        return np.array([[1.0, 0.0, values[0]], [0.0, 1.0, values[1] if count == 2 else 0.0]])
    if name == "scale" and count in (1, 2):
        return np.array([[values[0], 0.0, 0.0], [0.0, values[-1], 0.0]])
    if name == "rotate" and count in (1, 3):
        cos, sin = cos_sin(values[0])
        x, y = (values[1], values[2]) if count == 3 else (0.0, 0.0)
        return np.array([[cos, -sin, x - cos * x + sin * y], [sin, cos, y - sin * x - cos * y]])
    if name in ("skewX", "skewY") and count == 1:
        cos, sin = cos_sin(values[0])
        slope = sin / cos if cos else 0.0
        return np.array(
            [[1.0, slope if name == "skewX" else 0.0, 0.0], [slope if name == "skewY" else 0.0, 1.0, 0.0]]
        )
    raise ValueError(f"has {name}({count} numbers), which is not known")


def compose(outer: FloatArray, inner: FloatArray) -> FloatArray:
    """The 2 × 3 matrix that does ``inner`` first. Written out: a BLAS may add in another order."""
    (a, b, c), (d, e, f) = outer.tolist()
    (g, h, i), (j, k, m) = inner.tolist()
    return np.array(
        [[a * g + b * j, a * h + b * k, a * i + b * m + c], [d * g + e * j, d * h + e * k, d * i + e * m + f]]
    )


def inverse(matrix: FloatArray) -> FloatArray:
    """The 2 × 3 matrix that undoes another; all zeros where nothing can."""
    (a, b, c), (d, e, f) = matrix.tolist()
    det = a * e - b * d
    if abs(det) < 1e-18:
        return np.zeros((2, 3))
    return np.array([[e / det, -b / det, (b * f - c * e) / det], [-d / det, a / det, (c * d - a * f) / det]])


def moved(points: FloatArray, matrix: FloatArray) -> FloatArray:
    """Points, shape (N, 2), after a 2 × 3 matrix."""
    (a, b, c), (d, e, f) = matrix.tolist()
    x, y = points[:, 0], points[:, 1]
    return np.column_stack([a * x + b * y + c, d * x + e * y + f])


def mean_scale(matrix: FloatArray) -> float:
    """By how much a matrix makes lengths longer: the root of how much it makes areas larger."""
    (a, b, _), (d, e, _) = matrix.tolist()
    return float(np.sqrt(abs(a * e - b * d)))


def gradient_to_unit(radial: bool, values: tuple[float, ...], to_shape: FloatArray) -> FloatArray:
    """See :attr:`Gradient.to_unit`.

    Args:
        radial: Whether ``values`` are cx, cy, r; else they are x1, y1, x2, y2.
        values: In the gradient's own coordinates.
        to_shape: 2 × 3, from these to the drawing's.
    """
    if radial:
        cx, cy, r = values
        own = np.array([[r, 0.0, cx], [0.0, r, cy]])
        return inverse(compose(to_shape, own))
    x1, y1, x2, y2 = values
    dx, dy = x2 - x1, y2 - y1
    square = dx * dx + dy * dy
    if square == 0:
        return np.array([[0.0, 0.0, 1.0], [0.0, 0.0, 0.0]])  # SVG: all of it has the last colour
    along = np.array([[dx / square, dy / square, -(x1 * dx + y1 * dy) / square], [0.0, 0.0, 0.0]])
    return compose(along, inverse(to_shape))


def rings_of(
    name: str,
    number: Callable[..., float],
    get: Callable[[str], str | None],
    step: float,
) -> list[Ring]:
    """The outlines of a shape.

    Args:
        name: ``path``, ``circle``, …
        number: Gives the number of an attribute; without a default it must be there.
        get: Gives the text of an attribute.
        step: See :func:`augment.svg_path.parse_path`.

    Raises:
        ValueError: An attribute is wrong; the text says what.
    """
    if name == "path":
        return parse_path(get("d") or "", step)
    if name in ("polygon", "polyline"):
        return _polygon(get("points") or "", name == "polygon")
    if name == "line":
        ends = [(number("x1", 0.0), number("y1", 0.0)), (number("x2", 0.0), number("y2", 0.0))]
        return [Ring(np.array(ends), False)]
    if name == "rect":
        width, height = number("width"), number("height")
        rx = number("rx") if get("rx") is not None else number("ry", 0.0)
        ry = number("ry") if get("ry") is not None else rx
        if min(width, height, rx, ry) < 0:
            raise ValueError("has a negative side")
        if not width or not height:
            return []
        return [rectangle(number("x", 0.0), number("y", 0.0), width, height, (rx, ry), step)]
    rx, ry = (number("r"), number("r")) if name == "circle" else (number("rx"), number("ry"))
    if min(rx, ry) < 0:
        raise ValueError("has a negative radius")
    return [ellipse(number("cx", 0.0), number("cy", 0.0), rx, ry, step)] if rx and ry else []


def _polygon(text: str, closed: bool) -> list[Ring]:
    if _POINTS.sub("", text).strip(" \t\r\n,"):
        raise ValueError("has points that are no numbers")
    values = [float(v) for v in _POINTS.findall(text)]
    if len(values) % 2 or not np.all(np.isfinite(values)):
        raise ValueError("has points that are no pairs of numbers")
    return [Ring(np.array(values).reshape(-1, 2), closed)] if len(values) >= 4 else []
