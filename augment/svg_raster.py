"""Draws a :class:`augment.svg.Drawing` to pixels, the same bytes on every machine.

Polygons are filled on a grid several times finer than the pixels (OpenCV's fillPoly, whole numbers only),
layers are laid over each other there, and the fine cells of a pixel are added up.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from augment.svg import Drawing, Layer
from augment.svg_stroke import bands
from augment.svg_values import Gradient, Paint, Rgb, compose, inverse, mean_scale, moved
from converters.geometry import FloatArray

RgbaImage = npt.NDArray[np.uint8]
Recolour = Callable[[Rgb], Rgb]
"""Gives the colour that stands for one of the drawing's own."""

_SHIFT = 4
"""Bits behind the point in fillPoly's coordinates."""

_FAR = 2.0**25
"""Coordinates are limited to this: more would not fit fillPoly's whole numbers."""


def render(
    drawing: Drawing,
    matrix: FloatArray,
    size: tuple[int, int],
    recolours: Mapping[str, Recolour] | None = None,
    finer: int | None = None,
) -> RgbaImage:
    """Draw.

    Args:
        drawing: What.
        matrix: 2 × 3, from the drawing's coordinates to the canvas's (the origin is the corner of the top
            left pixel).
        size: (width, height) of the canvas.
        recolours: By name of a tint; layers of another tint, or of none, keep their colours.
        finer: How many cells a pixel has along each side; None: 4, fewer on a large canvas.

    Returns:
        Premultiplied RGBA, shape (height, width, 4), uint8.
    """
    finer = finer or _finer(size)
    width, height = size[0] * finer, size[1] * finer
    canvas = np.zeros((height, width, 4), np.uint8)
    fine = compose(np.array([[finer, 0.0, 0.0], [0.0, finer, 0.0]]), matrix)
    for layer in drawing.layers:
        recolour = (recolours or {}).get(layer.tint) if layer.tint else None
        _draw_layer(canvas, layer, fine, recolour)
    return _added_up(canvas, finer)


def _finer(size: tuple[int, int]) -> int:
    longest = max(size)
    return 4 if longest <= 256 else 3 if longest <= 512 else 2 if longest <= 2048 else 1


def _added_up(canvas: RgbaImage, finer: int) -> RgbaImage:
    if finer == 1:
        return canvas
    rows = sum(
        (canvas[i::finer].astype(np.uint16) for i in range(1, finer)), canvas[0::finer].astype(np.uint16)
    )
    total = sum((rows[:, i::finer] for i in range(1, finer)), rows[:, 0::finer].copy())
    count = finer * finer
    return np.asarray((total + count // 2) // count, dtype=np.uint8)


def _draw_layer(canvas: RgbaImage, layer: Layer, matrix: FloatArray, recolour: Recolour | None) -> None:
    rings = [np.clip(moved(ring.points, matrix), -_FAR, _FAR) for ring in layer.rings]
    if layer.fill is not None:
        window = _window(rings, 1, canvas)
        if window is not None:
            mask = _filled(rings, window, layer.even_odd)
            _lay(canvas, window, mask, layer.fill, matrix, recolour)
    if layer.stroke is not None:
        wide = layer.stroke_width * mean_scale(matrix)
        window = _window(rings, int(wide / 2) + 3, canvas)
        if window is not None:
            closed = [ring.closed for ring in layer.rings]
            mask = _stroked(rings, closed, window, wide)
            # A line thinner than a cell is as faint as it is thin.
            _lay(canvas, window, mask, layer.stroke, matrix, recolour, min(1.0, wide))


def _window(rings: list[FloatArray], margin: int, canvas: RgbaImage) -> tuple[int, int, int, int] | None:
    """The part of the canvas (x1, y1, x2, y2) that the rings can reach."""
    points = np.concatenate(rings)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    x1, y1 = max(0, int(np.floor(left)) - margin), max(0, int(np.floor(top)) - margin)
    x2 = min(canvas.shape[1], int(np.ceil(right)) + margin)
    y2 = min(canvas.shape[0], int(np.ceil(bottom)) + margin)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _whole(points: FloatArray, window: tuple[int, int, int, int]) -> npt.NDArray[np.int32]:
    """Points as fillPoly wants them: counted from pixel centres, in sixteenths."""
    shifted = (points - (window[0] + 0.5, window[1] + 0.5)) * (1 << _SHIFT)
    return np.asarray(np.rint(shifted), dtype=np.int32)


def _filled(
    rings: list[FloatArray], window: tuple[int, int, int, int], even_odd: bool
) -> npt.NDArray[np.bool_]:
    import cv2

    size = (window[3] - window[1], window[2] - window[0])
    mask = np.zeros(size, np.uint8)
    outlines = [_whole(points, window) for points in rings]
    if even_odd or len(outlines) == 1:
        cv2.fillPoly(mask, outlines, 1, lineType=cv2.LINE_8, shift=_SHIFT)
        return mask.view(np.bool_)
    winding = np.zeros(size, np.int16)
    for points, outline in zip(rings, outlines, strict=True):
        mask[:] = 0
        cv2.fillPoly(mask, [outline], 1, lineType=cv2.LINE_8, shift=_SHIFT)
        winding += mask if _turns_right(points) else -mask.astype(np.int16)
    return np.asarray(winding != 0)


def _turns_right(points: FloatArray) -> bool:
    x, y = points[:, 0], points[:, 1]
    terms = x * np.roll(y, -1) - np.roll(x, -1) * y
    return bool(sum(terms.tolist()) >= 0)


def _stroked(
    rings: list[FloatArray], closed: list[bool], window: tuple[int, int, int, int], wide: float
) -> npt.NDArray[np.bool_]:
    import cv2

    mask = np.zeros((window[3] - window[1], window[2] - window[0]), np.uint8)
    for points, is_closed in zip(rings, closed, strict=True):
        # A filled polygon is half a cell larger than its outline on every side.
        for polygons in bands(points, is_closed, max(wide - 1.0, 0.0)):
            for polygon in _whole(polygons, window):
                cv2.fillConvexPoly(mask, polygon, 1, lineType=cv2.LINE_8, shift=_SHIFT)
    return np.asarray(mask.view(np.bool_))


def _lay(
    canvas: RgbaImage,
    window: tuple[int, int, int, int],
    mask: npt.NDArray[np.bool_],
    paint: Paint,
    matrix: FloatArray,
    recolour: Recolour | None,
    thin: float = 1.0,
) -> None:
    """Lay a paint over the cells of a mask."""
    x1, y1, x2, y2 = window
    under = canvas[y1:y2, x1:x2]
    if paint.gradient is None:
        colour = recolour(paint.colour) if recolour else paint.colour
        source = np.array([_premultiplied(colour, paint.alpha * thin)], np.uint8)
        if source[0, 3] == 255:
            under[mask] = source[0]
            return
        picked = source
    else:
        table = _table(paint.gradient, paint.alpha * thin, recolour)
        picked = table[_places(paint.gradient, matrix, window)[mask]]
    rest = 255 - picked[:, 3:].astype(np.uint16)
    below = under[mask]
    under[mask] = picked + ((below * rest + 127) // 255).astype(np.uint8)


def _premultiplied(colour: Rgb, alpha: float) -> tuple[int, int, int, int]:
    whole = int(min(max(alpha, 0.0), 1.0) * 255 + 0.5)
    red, green, blue = ((value * whole + 127) // 255 for value in colour)
    return (red, green, blue, whole)


def _table(gradient: Gradient, alpha: float, recolour: Recolour | None) -> RgbaImage:
    """Premultiplied colours of 256 places."""
    stops = [(place, recolour(c) if recolour else c, a) for place, c, a in gradient.stops]
    places = np.arange(256) / 255
    at = [stop[0] for stop in stops]
    opacity = np.interp(places, at, [stop[2] for stop in stops]) * alpha
    colours = np.column_stack([np.interp(places, at, [stop[1][i] for stop in stops]) for i in range(3)])
    rgba = np.column_stack([colours * opacity[:, None], opacity * 255])
    return np.asarray(np.rint(np.round(rgba, 6)), dtype=np.uint8)


def _places(
    gradient: Gradient, matrix: FloatArray, window: tuple[int, int, int, int]
) -> npt.NDArray[np.uint8]:
    """Which of the 256 places of a gradient each cell of a window has."""
    (a, b, c), (d, e, f) = compose(gradient.to_unit, inverse(matrix)).tolist()
    x = np.arange(window[0], window[2]) + 0.5
    y = (np.arange(window[1], window[3]) + 0.5)[:, None]
    along = a * x + (b * y + c)
    if gradient.radial:
        across = d * x + (e * y + f)
        along = np.sqrt(along * along + across * across)
    return np.asarray(np.clip(along, 0.0, 1.0) * 255 + 0.5, dtype=np.uint8)
