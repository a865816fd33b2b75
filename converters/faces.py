"""Which labelled faces can be cut out of their picture, as far as the boxes tell."""

from __future__ import annotations

import numpy as np

from converters import geometry
from converters.geometry import FloatArray
from converters.model import AnnotatedImage

MIN_SIDE = 12.0
"""Pixels; a face box with a shorter side is not worth cutting out."""

SIDEWAYS, UPWARDS, DOWNWARDS = 0.12, 0.28, 0.12
"""How far a cut-out reaches beyond its box, in parts of the box's width and height: hair and chin."""

MAX_NEIGHBOUR = 0.04
"""Largest part of another box that may lie in a cut-out: a piece of a second face would have no label."""

_NOT_WHOLE = frozenset({"truncated", "occluded", "difficult", "crowd"})
_EDGE = 1.5
_SLIMMEST, _BROADEST = 0.55, 1.6


def cutout(xyxy: FloatArray) -> FloatArray:
    """What is cut out around boxes, shape (N, 4): the box of the ellipse with hair and chin."""
    width, height = (xyxy[:, 2:] - xyxy[:, :2]).T
    return np.stack(
        [
            xyxy[:, 0] - SIDEWAYS * width,
            xyxy[:, 1] - UPWARDS * height,
            xyxy[:, 2] + SIDEWAYS * width,
            xyxy[:, 3] + DOWNWARDS * height,
        ],
        axis=1,
    )


def usable_faces(image: AnnotatedImage, min_side: float) -> list[int]:
    """The faces of a picture that can be cut out, by the index of their box.

    Whole ones (no flag says otherwise, none touches the edge), large enough, of a face's shape, and none
    with a part of another labelled face beside them.

    Args:
        image: A training picture.
        min_side: Pixels; boxes with a shorter side are left out.
    """
    if not image.boxes:
        return []
    xyxy = geometry.as_array(image.boxes)
    sides = xyxy[:, 2:] - xyxy[:, :2]
    aspect = sides[:, 0] / np.maximum(sides[:, 1], 1e-9)
    limits = np.array([_EDGE, _EDGE, image.size[0] - _EDGE, image.size[1] - _EDGE])
    inside = (xyxy[:, :2] >= limits[:2]).all(axis=1) & (xyxy[:, 2:] <= limits[2:]).all(axis=1)
    good = inside & (sides.min(axis=1) >= min_side) & (aspect >= _SLIMMEST) & (aspect <= _BROADEST)
    areas = cutout(xyxy)
    return [
        index
        for index in np.flatnonzero(good).tolist()
        if not image.boxes[index].flags & _NOT_WHOLE
        and max(geometry.covered(np.delete(xyxy, index, axis=0), areas[index : index + 1]), default=0.0)
        <= MAX_NEIGHBOUR
    ]
