"""Several pictures on one: where each goes, what of it is seen, and putting the pixels together."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from augment import functional
from augment.functional import GREY
from converters import geometry
from converters.geometry import FloatArray
from converters.images import RgbImage


@dataclass(frozen=True)
class Tile:
    """One picture on the canvas.

    Attributes:
        donor: Key of another training picture; None: the one that is copied.
        matrix: 2 × 3, from the picture's coordinates to the canvas's; scales and moves, never turns.
        region: Left, top, right, bottom on the canvas in whole pixels: what is seen of it.
        weight: 1 hides what lies below; less is blended with it (mixup).
    """

    donor: str | None
    matrix: FloatArray
    region: tuple[int, int, int, int]
    weight: float = 1.0


@dataclass(frozen=True)
class Layout:
    """Pictures on a canvas, the later over the earlier.

    Attributes:
        size: (width, height) of the canvas.
        tiles: From the lowest to the topmost.
    """

    size: tuple[int, int]
    tiles: tuple[Tile, ...]


def boxes_on_tile(layout: Layout, place: int, xyxy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Boxes of one tile's picture on the canvas.

    Args:
        layout: The layout.
        place: Which tile.
        xyxy: Boxes of its picture, shape (N, 4).

    Returns:
        The boxes on the canvas limited to the tile's region, shape (N, 4) (without area where nothing is
        left), and the part of each that is seen, 0 to 1, shape (N,): what the region cuts and opaque tiles
        above hide is not.
    """
    tile = layout.tiles[place]
    whole = functional.boxes_of_corners(xyxy, tile.matrix)
    x1, y1, x2, y2 = tile.region
    low, high = np.array([x1, y1, x1, y1], float), np.array([x2, y2, x2, y2], float)
    cut = np.clip(whole, low, high)
    area = geometry.area(whole)
    seen = np.divide(geometry.area(cut), area, out=np.zeros_like(area), where=area > 0)
    above = [tile.region for tile in layout.tiles[place + 1 :] if tile.weight >= 1]
    if above:
        seen = seen * (1.0 - functional.covered(cut, np.array(above, dtype=np.float64)))
    return cut, seen


def compose(layout: Layout, rgb: RgbImage, picture_of: Callable[[str], RgbImage]) -> RgbImage:
    """The canvas with all tiles.

    Args:
        layout: The layout.
        rgb: The picture that is copied.
        picture_of: Gives the others by key.
    """
    canvas = np.full((layout.size[1], layout.size[0], 3), GREY, np.uint8)
    for tile in layout.tiles:
        x1, y1, x2, y2 = tile.region
        if x2 <= x1 or y2 <= y1:
            continue
        matrix = tile.matrix.copy()
        matrix[:, 2] -= (x1, y1)
        source = rgb if tile.donor is None else picture_of(tile.donor)
        piece = functional.warp(source, matrix, (x2 - x1, y2 - y1), "smooth")
        if tile.weight < 1:
            import cv2

            below = np.ascontiguousarray(canvas[y1:y2, x1:x2])
            blended = cv2.addWeighted(piece, tile.weight, below, 1.0 - tile.weight, 0.0)
            piece = np.asarray(blended, dtype=np.uint8)
        canvas[y1:y2, x1:x2] = piece
    return canvas
