"""Pure functions that choose which part of a canvas is seen, in float pixels and xyxy."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from converters import geometry
from converters.geometry import FloatArray


def scaled(size: tuple[int, int], factor: float) -> FloatArray:
    """The 2 × 3 matrix that scales about the canvas's centre.

    Args:
        size: (width, height) of the canvas.
        factor: Above 1: larger.
    """
    rest = (1.0 - factor) / 2
    return np.array([[factor, 0.0, size[0] * rest], [0.0, factor, size[1] * rest]])


def shifted(size: tuple[int, int], by: tuple[float, float]) -> FloatArray:
    """The 2 × 3 matrix that shifts by whole pixels.

    Args:
        size: (width, height) of the canvas.
        by: Fractions of width and height.
    """
    return np.array([[1.0, 0.0, round(size[0] * by[0])], [0.0, 1.0, round(size[1] * by[1])]])


def to_keep(size: tuple[int, int], xyxy: FloatArray, share: float, first: float) -> npt.NDArray[np.intp]:
    """Which boxes a part of the canvas must hold: one, and those nearest to it.

    Args:
        size: (width, height) of the canvas.
        xyxy: Boxes, shape (N, 4); those outside the canvas do not count.
        share: Least part of the boxes, 0 to 1.
        first: Which box the others are counted from, 0 to 1 (excluded) of their number.

    Returns:
        Indices of the boxes, shape (K,), K at least ``share`` times the number on the canvas.
    """
    there = np.flatnonzero(geometry.area(geometry.clip(xyxy, size)) > 0)
    count = math.ceil(share * len(there) - 1e-9)
    if not count:
        return np.zeros(0, np.intp)
    centres = (xyxy[there, :2] + xyxy[there, 2:]) / 2
    start = centres[min(int(first * len(there)), len(there) - 1)]
    distance = ((centres - start) ** 2).sum(axis=1)
    return there[np.argsort(distance, kind="stable")[:count]]


def part(
    size: tuple[int, int],
    xyxy: FloatArray,
    must: npt.NDArray[np.intp],
    extent: tuple[float, float],
    place: tuple[float, float],
) -> tuple[int, int, int, int]:
    """A part of the canvas that cuts no box of those it must hold, nor one that lies in it by more than half.

    Args:
        size: (width, height) of the canvas.
        xyxy: Boxes, shape (N, 4).
        must: Indices of those that it must hold.
        extent: Area as a fraction of the canvas's, and width by height relative to the canvas's.
        place: Where it lies among all places that hold those boxes, 0 (left, top) to 1.

    Returns:
        Left, top, right, bottom in whole pixels, at least one apart. Only the canvas's own edges cut a box
        that must be held.
    """
    inside = geometry.clip(xyxy, size)
    area, aspect = extent
    wanted = (math.sqrt(area * aspect) * size[0], math.sqrt(area / aspect) * size[1])
    low, high = [0, 0], [0, 0]
    for axis in (0, 1):
        length = min(max(round(wanted[axis]), 1), size[axis])
        first, last = 0, size[axis] - length
        if len(must):
            start = math.floor(inside[must, axis].min() + 1e-9)
            end = math.ceil(inside[must, axis + 2].max() - 1e-9)
            length = max(length, end - start)
            first, last = max(0, end - length), min(start, size[axis] - length)
        low[axis] = first + round(place[axis] * (last - first))
        high[axis] = low[axis] + length
    left, top, right, bottom = _without_cuts(
        np.array([*low, *high], dtype=np.float64), inside[geometry.area(inside) > 0]
    )
    return int(left), int(top), int(right), int(bottom)


def _without_cuts(window: FloatArray, xyxy: FloatArray) -> FloatArray:
    """Enlarge a window until it holds all boxes whole that lie in it by more than half of their area."""
    area = geometry.area(xyxy)
    while True:
        low, high = np.maximum(xyxy[:, :2], window[:2]), np.minimum(xyxy[:, 2:], window[2:])
        within = np.clip(high - low, 0, None).prod(axis=1) > area / 2
        held = xyxy[within]
        larger = np.concatenate(
            [
                np.minimum(window[:2], np.floor(held[:, :2] + 1e-9).min(axis=0, initial=np.inf)),
                np.maximum(window[2:], np.ceil(held[:, 2:] - 1e-9).max(axis=0, initial=-np.inf)),
            ]
        )
        if (larger == window).all():
            return window
        window = larger
