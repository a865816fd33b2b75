"""Anti-aliased painting of outlines, and the colours and curves that the demo pictures are made of.

Everything is painted several times larger than asked and averaged down at the end. Outlines are filled in
whole numbers and averaged in NumPy, so that the same calls give the same pixels.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

Colour: TypeAlias = tuple[int, int, int]
Point: TypeAlias = tuple[float, float]
Points: TypeAlias = NDArray[np.float64]
Pixels: TypeAlias = NDArray[np.uint8]

_OVERSAMPLING = 4
# cv2 takes vertices as whole numbers of 1/16 pixel.
_SUBPIXEL_BITS = 4


def mix(first: Colour, second: Colour, share: float) -> Colour:
    """Return the colour that lies `share` (0..1) of the way from `first` to `second`."""
    red, green, blue = (round(a + (b - a) * share) for a, b in zip(first, second, strict=True))
    return red, green, blue


def darker(colour: Colour, share: float) -> Colour:
    """Return `colour` moved towards a bluish black, which looks more like shade than plain black."""
    return mix(colour, (22, 16, 34), share)


def lighter(colour: Colour, share: float) -> Colour:
    """Return `colour` moved towards a warm white."""
    return mix(colour, (255, 252, 244), share)


def oval(x: float, y: float, radius_x: float, radius_y: float, count: int = 36) -> Points:
    """Return `count` points around an ellipse, as an array of shape (count, 2)."""
    angles = np.arange(count) * (2 * math.pi / count)
    return np.stack([x + radius_x * np.cos(angles), y + radius_y * np.sin(angles)], axis=1)


def rectangle(left: float, top: float, right: float, bottom: float) -> Points:
    """Return the four corners of an upright rectangle."""
    return np.array([(left, top), (right, top), (right, bottom), (left, bottom)], dtype=np.float64)


def smooth(points: Iterable[Point], *, closed: bool = True, steps: int = 7) -> Points:
    """Return a Catmull-Rom curve through `points`.

    Args:
        points: What the curve passes through, in order.
        closed: Whether the last point is joined to the first.
        steps: How many points to put on each piece of the curve.
    """
    knots = np.array(list(points), dtype=np.float64)
    if closed:
        before, start, end, after = (np.roll(knots, shift, axis=0) for shift in (1, 0, -1, -2))
    else:
        padded = np.concatenate([knots[:1], knots, knots[-1:]])
        before, start, end, after = padded[:-3], padded[1:-2], padded[2:-1], padded[3:]
    pieces = []
    for step in range(steps):
        t = step / steps
        pieces.append(
            0.5
            * (
                2 * start
                + (end - before) * t
                + (2 * before - 5 * start + 4 * end - after) * t**2
                + (3 * start - before - 3 * end + after) * t**3
            )
        )
    curve = np.stack(pieces, axis=1).reshape(-1, 2)
    return curve if closed else np.concatenate([curve, knots[-1:]])


def mirrored(right_half: Sequence[Point]) -> list[Point]:
    """Return `right_half` (listed from top to bottom) followed by its mirror image in x, back up to the top.

    Points on the axis (x = 0) are not doubled.
    """
    return [*right_half, *((-x, y) for x, y in reversed(right_half) if x != 0)]


@dataclass(frozen=True)
class Frame:
    """Where a head's own coordinates lie in a picture.

    In a head's coordinates x runs to the right, y down, the origin is between the eyes and the mouth, and the
    face is two units wide.

    Attributes:
        x: The head's origin, in pixels.
        y: The head's origin, in pixels.
        unit: Pixels in one unit: half the width of the face.
        tilt: Rotation in the picture plane, in degrees, clockwise.
        turn: Rotation about the neck, in radians; positive looks to the right of the picture.
    """

    x: float
    y: float
    unit: float
    tilt: float = 0.0
    turn: float = 0.0

    def place(self, points: Points | Iterable[Point]) -> Points:
        """Map points of the head's outline to pixels."""
        local = points if isinstance(points, np.ndarray) else np.array(list(points), dtype=np.float64)
        angle = math.radians(self.tilt)
        cosine, sine = math.cos(angle), math.sin(angle)
        rotation = np.array([(cosine, sine), (-sine, cosine)])
        # The neck is what a head turns about, so the rotation's centre is at its foot.
        pivot = np.array((0.0, 1.2))
        placed: Points = ((local - pivot) @ rotation + pivot) * self.unit + np.array((self.x, self.y))
        return placed

    def place_on_face(self, points: Points | Iterable[Point]) -> Points:
        """Map points on the front of the face to pixels, moved as on a cylinder when the head is turned."""
        local = np.array(points if isinstance(points, np.ndarray) else list(points), dtype=np.float64)
        depth = np.sqrt(np.clip(1 - local[:, 0] ** 2, 0, None))
        local[:, 0] = local[:, 0] * math.cos(self.turn) + depth * math.sin(self.turn) * 0.8
        return self.place(local)

    def upright(self) -> Frame:
        """Return the frame of the body under this head: neither tilted nor turned."""
        return Frame(self.x, self.y, self.unit)


class Canvas:
    """An RGB picture under construction.

    Attributes:
        width: Of the finished picture, in pixels.
        height: Of the finished picture, in pixels.
    """

    def __init__(self, width: int, height: int) -> None:
        """Start with black."""
        self.width = width
        self.height = height
        self._pixels: Pixels = np.zeros((height * _OVERSAMPLING, width * _OVERSAMPLING, 3), np.uint8)

    def region(self, points: Points) -> Pixels:
        """Return where `points` enclose the canvas, for the `clip` of `fill` and `stroke`."""
        mask = np.zeros(self._pixels.shape[:2], np.uint8)
        cv2.fillPoly(mask, [_fixed_point(points)], 255, shift=_SUBPIXEL_BITS)
        return mask

    def fill(
        self,
        points: Points,
        colour: Colour,
        *,
        fade: Colour | None = None,
        alpha: float = 1.0,
        clip: Pixels | None = None,
    ) -> None:
        """Fill an outline.

        Args:
            points: The outline's corners in pixels, shape (n, 2).
            colour: The paint, or the paint at the top where `fade` is given.
            fade: The paint at the bottom; in between it runs evenly.
            alpha: How much the paint covers, 0..1.
            clip: A `region` outside which nothing is painted.
        """
        bounds = self._bounds(points, 1.0)
        if bounds is None:
            return
        left, top, right, bottom = bounds
        mask = np.zeros((bottom - top, right - left), np.uint8)
        offset = np.array((left, top)) / _OVERSAMPLING
        cv2.fillPoly(mask, [_fixed_point(points - offset)], 255, shift=_SUBPIXEL_BITS)
        ink = np.array(colour, np.float32)
        if fade is not None:
            first, last = float(points[:, 1].min()), float(points[:, 1].max())
            rows = (np.arange(top, bottom, dtype=np.float32) + 0.5) / _OVERSAMPLING
            share = np.clip((rows - first) / max(last - first, 1e-6), 0, 1)[:, None, None]
            ink = ink + (np.array(fade, np.float32) - ink) * share.astype(np.float32)
        self._blend(mask, ink, alpha, bounds, clip)

    def stroke(
        self,
        points: Points,
        width: float,
        colour: Colour,
        *,
        alpha: float = 1.0,
        clip: Pixels | None = None,
    ) -> None:
        """Draw an open line with round ends.

        Args:
            points: What the line passes through, in pixels, shape (n, 2).
            width: In pixels; thinner than the oversampled pixel is drawn fainter instead.
            colour: The paint.
            alpha: How much the paint covers, 0..1.
            clip: A `region` outside which nothing is painted.
        """
        bounds = self._bounds(points, width)
        if bounds is None:
            return
        left, top, right, bottom = bounds
        thickness = max(1, round(width * _OVERSAMPLING))
        alpha *= min(1.0, width * _OVERSAMPLING)
        mask = np.zeros((bottom - top, right - left), np.uint8)
        offset = np.array((left, top)) / _OVERSAMPLING
        cv2.polylines(
            mask, [_fixed_point(points - offset)], False, 255, thickness, cv2.LINE_8, _SUBPIXEL_BITS
        )
        self._blend(mask, np.array(colour, np.float32), alpha, bounds, clip)

    def blur(self, radius: float) -> None:
        """Soften what is painted so far, as a lens does with what is far behind a face.

        Args:
            radius: In pixels. Two averages over a square of this radius are taken.
        """
        reach = round(radius * _OVERSAMPLING)
        for _ in range(2 if reach else 0):
            for axis in (0, 1):
                self._pixels = _running_mean(self._pixels, reach, axis)

    def finish(self) -> Pixels:
        """Return the picture averaged down to its size, shape (height, width, 3).

        Colours are rounded to steps of four: not seen by the eye, and it halves the size of the PNG.
        """
        tiles = self._pixels.reshape(self.height, _OVERSAMPLING, self.width, _OVERSAMPLING, 3)
        mean = tiles.sum(axis=(1, 3), dtype=np.uint32) / _OVERSAMPLING**2
        rounded: Pixels = np.clip(np.rint(mean / 4) * 4, 0, 255).astype(np.uint8)
        return rounded

    def _bounds(self, points: Points, margin: float) -> tuple[int, int, int, int] | None:
        """Return the part of the canvas that `points` can touch, in oversampled pixels; None if outside."""
        height, width = self._pixels.shape[:2]
        low = np.floor((points.min(axis=0) - margin) * _OVERSAMPLING).astype(int)
        high = np.ceil((points.max(axis=0) + margin) * _OVERSAMPLING).astype(int)
        left, top = max(0, int(low[0])), max(0, int(low[1]))
        right, bottom = min(width, int(high[0])), min(height, int(high[1]))
        return (left, top, right, bottom) if left < right and top < bottom else None

    def _blend(
        self,
        mask: Pixels,
        ink: NDArray[np.float32],
        alpha: float,
        bounds: tuple[int, int, int, int],
        clip: Pixels | None,
    ) -> None:
        """Lay `ink` over the part of the canvas at `bounds`, where `mask` and `clip` are set."""
        left, top, right, bottom = bounds
        part = self._pixels[top:bottom, left:right]
        inside = mask > 0
        if clip is not None:
            inside &= clip[top:bottom, left:right] > 0
        blended = part + (ink - part) * np.float32(alpha)
        part[inside] = np.rint(blended).astype(np.uint8)[inside]


def _fixed_point(points: Points) -> NDArray[np.int32]:
    """Return `points` in the oversampled canvas, as cv2 takes them."""
    # Half a pixel less: cv2 puts a pixel's centre on the whole number, a Canvas puts its corner there.
    vertices: NDArray[np.int32] = np.rint((points * _OVERSAMPLING - 0.5) * 2**_SUBPIXEL_BITS).astype(np.int32)
    return vertices


def _running_mean(pixels: Pixels, reach: int, axis: int) -> Pixels:
    """Return the mean of each pixel and `reach` more on either side along `axis`; edges are repeated."""
    padding = [(0, 0), (0, 0), (0, 0)]
    padding[axis] = (reach + 1, reach)
    total = np.cumsum(np.pad(pixels, padding, mode="edge"), axis=axis, dtype=np.int64)
    window = 2 * reach + 1
    length = pixels.shape[axis]
    upper = np.take(total, range(window, window + length), axis=axis)
    lower = np.take(total, range(length), axis=axis)
    return ((upper - lower + window // 2) // window).astype(np.uint8)
