"""Pure functions that choose what of a picture is hidden, and hide it.

Holes are rectangles on whole pixels of the canvas, shape (M, 4), xyxy; they may overlap. Regions are boxes,
or the whole canvas, in float pixels.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from augment.functional import GREY
from converters import geometry
from converters.geometry import FloatArray
from converters.images import RgbImage

FILLS = ("mean", "noise", "grey", "black")
"""What a hole shows: the picture's mean colour, a random colour for each pixel, grey of 127, black."""


def whole(size: tuple[int, int]) -> FloatArray:
    """The canvas as one region, shape (1, 4)."""
    return np.array([[0.0, 0.0, size[0], size[1]]])


def squares(size: tuple[int, int], places: Sequence[Sequence[float]]) -> FloatArray:
    """Squares that the canvas's edges may cut.

    Args:
        size: (width, height) of the canvas.
        places: For each the centre's x and y as fractions of the canvas, and the side as a fraction of the
            canvas's shorter side.
    """
    x, y, side = np.array(places, dtype=np.float64).reshape(-1, 3).T
    length = np.maximum(np.rint(side * min(size)), 1.0)
    left, top = np.rint(x * size[0] - length / 2), np.rint(y * size[1] - length / 2)
    return _on_canvas(np.column_stack([left, top, left + length, top + length]), size)


def rectangles(size: tuple[int, int], regions: FloatArray, drawn: Sequence[Sequence[float]]) -> FloatArray:
    """One rectangle inside each region.

    Args:
        size: (width, height) of the canvas.
        regions: Shape (N, 4).
        drawn: For each its area as a fraction of the region's, its width by height (less extreme where the
            region has no room for it), and its place in what is left over, 0 to 1, sideways and down. Where
            there are fewer than regions they come again from the first.
    """
    if not len(regions):
        return np.zeros((0, 4))
    kinds = np.array(drawn, dtype=np.float64)[np.arange(len(regions)) % len(drawn)]
    area, aspect, places = kinds[:, 0], kinds[:, 1], kinds[:, 2:]
    extent = regions[:, 2:] - regions[:, :2]
    pixels = area * extent.prod(axis=1)
    # A side that would be longer than the region's gives what is too much to the other one.
    width = np.clip(np.sqrt(pixels * aspect), area * extent[:, 0], extent[:, 0])
    height = np.divide(pixels, width, out=np.zeros_like(width), where=width > 0)
    length = np.column_stack([width, height])
    low = regions[:, :2] + places * (extent - length)
    return _on_canvas(np.rint(np.hstack([low, low + length])), size)


def hidden_cells(
    size: tuple[int, int], regions: FloatArray, count: int, probability: float, seed: int
) -> FloatArray:
    """Cells of a grid over each region, each hidden with a probability; never none of a region's.

    Args:
        size: (width, height) of the canvas.
        regions: Shape (N, 4).
        count: Cells along the longer side of a region; they are about square.
        probability: 0 to 1.
        seed: Which of them.
    """
    stream = np.random.PCG64(seed)
    holes = [np.zeros((0, 4))]
    for region in regions[geometry.area(regions) > 0]:
        width, height = (region[2:] - region[:2]).tolist()
        cell = max(width, height) / count
        columns, rows = max(1, round(width / cell)), max(1, round(height / cell))
        chances = (stream.random_raw(columns * rows) >> np.uint64(11)) * 2.0**-53
        hidden = chances < max(probability, np.nextafter(chances.min(), 1.0))
        row, column = np.nonzero(hidden.reshape(rows, columns))
        xs = np.rint(np.linspace(region[0], region[2], columns + 1))
        ys = np.rint(np.linspace(region[1], region[3], rows + 1))
        holes.append(np.column_stack([xs[column], ys[row], xs[column + 1], ys[row + 1]]))
    return _on_canvas(np.concatenate(holes), size)


def grid(size: tuple[int, int], period: float, kept: float, offset: tuple[float, float]) -> FloatArray:
    """Squares at equal distances.

    Args:
        size: (width, height) of the canvas.
        period: Distance from a square to the next as a fraction of the canvas's shorter side.
        kept: Part of the period that is between two squares, 0 to 1.
        offset: Where the first begins, in periods, 0 to 1, sideways and down.
    """
    step = max(2, round(period * min(size)))
    side = min(max(1, round(step * (1.0 - kept))), step - 1)
    starts = [np.arange(math.floor(part * step) - step, size[axis], step) for axis, part in enumerate(offset)]
    left, top = (grid.ravel() for grid in np.meshgrid(*starts))
    return _on_canvas(np.column_stack([left, top, left + side, top + side]).astype(np.float64), size)


def fill_holes(rgb: RgbImage, holes: FloatArray, fill: str, seed: int) -> RgbImage:
    """Hide what lies in the holes.

    Args:
        rgb: The picture; it stays as it is.
        holes: Shape (M, 4).
        fill: One of :data:`FILLS`.
        seed: Of the noise.
    """
    result = rgb.copy()
    colour = {"grey": GREY, "black": 0}.get(fill, 0)
    value = _mean_colour(rgb) if fill == "mean" else np.full(3, colour, np.uint8)
    stream = np.random.PCG64(seed) if fill == "noise" else None
    for left, top, right, bottom in holes.astype(int).tolist():
        part = result[top:bottom, left:right]
        if stream is None:
            part[:] = value
        else:
            raw = stream.random_raw(-(-part.size // 8)).astype("<u8", copy=False)
            part[:] = raw.view(np.uint8)[: part.size].reshape(part.shape)
    return result


def _mean_colour(rgb: RgbImage) -> RgbImage:
    """The picture's mean colour, shape (3,): from a sum of whole numbers, so equal on all machines."""
    total = [int(rgb[:, :, channel].sum(dtype=np.uint64)) for channel in range(3)]
    count = rgb.shape[0] * rgb.shape[1]
    return np.array([(2 * one + count) // (2 * count) for one in total], dtype=np.uint8)


def _on_canvas(holes: FloatArray, size: tuple[int, int]) -> FloatArray:
    """The holes cut at the canvas's edges; without those of which nothing is left."""
    cut = geometry.clip(holes, size)
    return cut[(cut[:, 2:] > cut[:, :2]).all(axis=1)]
