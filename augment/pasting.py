"""Which faces can be cut out, how large they become and where there is a place for them. Without pixels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from converters import geometry
from converters.faces import cutout
from converters.geometry import FloatArray
from converters.model import Box, Xyxy

MAX_OVERLAP = 0.02
"""Largest part of a box that a pasted face may hide, and of a pasted face that lies over a box."""

NEAR_ROWS = 1.5
"""Faces this many of their heights above or below count as being near a row."""


@dataclass(frozen=True)
class Row:
    """A height in a picture where a face may stand.

    Attributes:
        y: Of the face's centre.
        height: Of a face there.
        peers: The faces it was taken from, the nearest first.
    """

    y: float
    height: float
    peers: tuple[Xyxy, ...]


def row_at(boxes: Sequence[Box], chosen: int, shift: float) -> Row:
    """The row of one of a picture's faces.

    Args:
        boxes: The picture's boxes.
        chosen: Index of that face.
        shift: How far below it the row is, in parts of its height.

    Returns:
        The row; its height is the median of the faces near it.
    """
    xyxy = geometry.as_array(boxes)
    heights = xyxy[:, 3] - xyxy[:, 1]
    middles = (xyxy[:, 1] + xyxy[:, 3]) / 2
    y = float(middles[chosen] + shift * heights[chosen])
    away = np.abs(middles - y) / np.maximum(heights, 1e-9)
    near = np.flatnonzero((away <= NEAR_ROWS) | (np.arange(len(boxes)) == chosen))
    order = near[np.argsort(away[near], kind="stable")]
    peers = tuple(boxes[index].xyxy for index in order.tolist())
    ordered = np.sort(heights[near])
    return Row(y, float(ordered[(len(ordered) - 1) // 2] + ordered[len(ordered) // 2]) / 2, peers)


def best_place(
    centres: FloatArray, size: tuple[float, float], canvas: tuple[int, int], boxes: FloatArray
) -> Xyxy | None:
    """The best of some places for a face, None where none is free.

    Free: the box lies within the picture and its cut-out hides at most :data:`MAX_OVERLAP` of any other box.
    Best: beside other people, not far from them, and not on somebody's chest.

    Args:
        centres: Candidates, shape (N, 2).
        size: (width, height) of the face's box.
        canvas: (width, height) of the picture.
        boxes: The picture's boxes and those pasted before, shape (M, 4).
    """
    half = np.array(size) / 2
    places = np.hstack([centres - half, centres + half])
    inside = (places[:, :2] >= 1).all(axis=1) & (places[:, 2:] <= np.array(canvas) - 1.0).all(axis=1)
    places, centres = places[inside], centres[inside]
    if len(boxes) and len(places):
        free = _is_free(places, boxes)
        places, centres = places[free], centres[free]
    if not len(places):
        return None
    x1, y1, x2, y2 = places[int(np.argmin(_oddness(centres, size, boxes)))].tolist()
    return (round(x1, 3), round(y1, 3), round(x2, 3), round(y2, 3))


def _is_free(places: FloatArray, boxes: FloatArray) -> npt.NDArray[np.bool_]:
    """Whether the cut-out at each place leaves all boxes free, shape (N,)."""
    areas = cutout(places)
    low = np.maximum(areas[:, None, :2], boxes[None, :, :2])
    high = np.minimum(areas[:, None, 2:], boxes[None, :, 2:])
    shared = np.maximum(high - low, 0).prod(axis=2)
    smaller = np.minimum(geometry.area(boxes)[None, :], geometry.area(places)[:, None])
    return np.asarray((shared <= MAX_OVERLAP * np.maximum(smaller, 1e-9)).all(axis=1))


def _oddness(centres: FloatArray, size: tuple[float, float], boxes: FloatArray) -> FloatArray:
    """How much each place looks wrong, shape (N,)."""
    if not len(boxes):
        return np.zeros(len(centres))
    middle = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = boxes[:, 2:] - boxes[:, :2]
    across = np.abs(centres[:, None, 0] - middle[None, :, 0])
    below = centres[:, None, 1] - boxes[None, :, 3]
    on_chest = (across < 0.9 * sides[:, 0]) & (below > 0) & (below < 3.0 * sides[:, 1])
    over_head = (across < 0.7 * size[0]) & (below < 0) & (below > -2.2 * sides[:, 1])
    apart = np.hypot(across / size[0], (centres[:, None, 1] - middle[None, :, 1]) / size[1]).min(axis=1)
    alone = np.clip(apart - 2.5, 0.0, 6.0) / 3.0
    return np.asarray(2.0 * on_chest.any(axis=1) + 0.7 * over_head.any(axis=1) + alone)
