"""Pure functions on boxes as arrays of shape (N, 4), xyxy in float pixels."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from converters.model import Box, Xyxy

FloatArray = npt.NDArray[np.float64]


def as_array(boxes: Iterable[Box]) -> FloatArray:
    """Edges of the boxes, shape (N, 4); (0, 4) for none."""
    return np.array([box.xyxy for box in boxes], dtype=np.float64).reshape(-1, 4)


def area(xyxy: FloatArray) -> FloatArray:
    """Areas in square pixels, shape (N,); 0 where an edge is swapped."""
    sides = np.maximum(xyxy[:, 2:] - xyxy[:, :2], 0.0)
    return np.asarray(sides[:, 0] * sides[:, 1])


def clip(xyxy: FloatArray, size: tuple[int, int]) -> FloatArray:
    """Boxes limited to a picture of ``size`` (width, height). May leave boxes without area."""
    limits = np.array([size[0], size[1], size[0], size[1]], dtype=np.float64)
    return np.clip(xyxy, 0.0, limits)


def iou(a: FloatArray, b: FloatArray) -> FloatArray:
    """Intersection over union of every pair, shape (len(a), len(b)); 0 where both have no area."""
    left_top = np.maximum(a[:, None, :2], b[None, :, :2])
    right_bottom = np.minimum(a[:, None, 2:], b[None, :, 2:])
    sides = np.maximum(right_bottom - left_top, 0.0)
    intersection = sides[..., 0] * sides[..., 1]
    union = area(a)[:, None] + area(b)[None, :] - intersection
    result: FloatArray = np.divide(intersection, union, out=np.zeros_like(intersection), where=union > 0)
    return result


def to_normalised(xyxy: Xyxy, size: tuple[int, int]) -> Xyxy:
    """Pixels to centre x, centre y, width, height as fractions of ``size`` (width, height)."""
    width, height = size
    x1, y1, x2, y2 = xyxy
    return ((x1 + x2) / 2 / width, (y1 + y2) / 2 / height, (x2 - x1) / width, (y2 - y1) / height)


def from_normalised(cxcywh: Xyxy, size: tuple[int, int]) -> Xyxy:
    """Centre x, centre y, width, height as fractions of ``size`` (width, height) to xyxy pixels."""
    width, height = size
    cx, cy, w, h = cxcywh
    return ((cx - w / 2) * width, (cy - h / 2) * height, (cx + w / 2) * width, (cy + h / 2) * height)


def covered(xyxy: FloatArray, holes: FloatArray) -> FloatArray:
    """Which part of each box lies under rectangles that may overlap.

    Args:
        xyxy: Boxes, shape (N, 4).
        holes: Rectangles, shape (M, 4).

    Returns:
        0 to 1 for each box, shape (N,); 0 for a box without area.
    """
    result = np.zeros(len(xyxy))
    for place, box in enumerate(xyxy):
        low, high = np.maximum(holes[:, :2], box[:2]), np.minimum(holes[:, 2:], box[2:])
        hit = (low < high).all(axis=1)
        whole = float(np.prod(box[2:] - box[:2]))
        if whole <= 0 or not hit.any():
            continue
        low, high = low[hit], high[hit]
        # The union's area exactly: cells between all edges, each in the union or not.
        xs, ys = np.unique([low[:, 0], high[:, 0]]), np.unique([low[:, 1], high[:, 1]])
        inside_x = (low[:, :1] <= xs[:-1]) & (high[:, :1] >= xs[1:])
        inside_y = (low[:, 1:] <= ys[:-1]) & (high[:, 1:] >= ys[1:])
        cells = (inside_y.astype(float).T @ inside_x.astype(float)) > 0
        result[place] = float(np.diff(ys) @ cells @ np.diff(xs)) / whole
    return result
