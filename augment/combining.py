"""Several pictures on one: where each goes, what of it is seen, and putting the pixels together."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from augment import functional
from augment.functional import GREY
from converters import geometry
from converters.geometry import FloatArray
from converters.images import RgbImage

Region = tuple[int, int, int, int]
"""Left, top, right, bottom in whole pixels."""


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
    region: Region
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

    def above(self, place: int) -> FloatArray:
        """Regions that hide what lies under them and come after a tile, shape (M, 4)."""
        regions = [tile.region for tile in self.tiles[place + 1 :] if tile.weight >= 1]
        return np.array(regions, dtype=np.float64).reshape(-1, 4)


def covering(
    source: tuple[int, int], region: Region, scale: float, offset: tuple[float, float]
) -> FloatArray:
    """Scale a picture so that it covers a region, and choose which part of it is seen there.

    Args:
        source: The picture's (width, height).
        region: What it must cover.
        scale: Pixels of the canvas for one of the picture; more is taken where less would not cover.
        offset: Where the seen part lies in what is left over sideways and up and down, 0 (the picture's left
            or top edge is seen) to 1 (its right or bottom edge).

    Returns:
        The 2 × 3 matrix from the picture to the canvas.
    """
    x1, y1, x2, y2 = region
    scale = max(scale, (x2 - x1) / source[0], (y2 - y1) / source[1])
    left = x1 - offset[0] * (source[0] * scale - (x2 - x1))
    top = y1 - offset[1] * (source[1] * scale - (y2 - y1))
    return np.array([[scale, 0.0, left], [0.0, scale, top]])


def boxes_on_tile(layout: Layout, place: int, xyxy: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Boxes of one tile's picture on the canvas.

    Args:
        layout: The layout.
        place: Which tile.
        xyxy: Boxes of its picture, shape (N, 4).

    Returns:
        The boxes on the canvas around what is seen, shape (N, 4): limited to the tile's region and without
        the strips that opaque tiles above hide (without area where nothing is left). And the part of each
        that is seen, 0 to 1, shape (N,).
    """
    tile = layout.tiles[place]
    whole = functional.boxes_of_corners(xyxy, tile.matrix)
    x1, y1, x2, y2 = tile.region
    low, high = np.array([x1, y1, x1, y1], float), np.array([x2, y2, x2, y2], float)
    cut = np.clip(whole, low, high)
    area = geometry.area(whole)
    seen = np.divide(geometry.area(cut), area, out=np.zeros_like(area), where=area > 0)
    above = layout.above(place)
    if len(above):
        seen = seen * (1.0 - geometry.covered(cut, above))
        for region in above:
            cut = _trimmed(cut, region)
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
        piece = resampled(source, matrix, (x2 - x1, y2 - y1))
        if tile.weight < 1:
            import cv2

            below = np.ascontiguousarray(canvas[y1:y2, x1:x2])
            blended = cv2.addWeighted(piece, tile.weight, below, 1.0 - tile.weight, 0.0)
            piece = np.asarray(blended, dtype=np.uint8)
        canvas[y1:y2, x1:x2] = piece
    return canvas


def resampled(source: RgbImage, matrix: FloatArray, size: tuple[int, int]) -> RgbImage:
    """What is seen of a picture under a map that scales and moves.

    Args:
        source: The picture.
        matrix: 2 × 3, one scale for both axes.
        size: (width, height) of the canvas; where the picture does not reach, its edges are carried on.
    """
    height, width = source.shape[:2]
    scale, (left, top) = float(matrix[0, 0]), matrix[:, 2].tolist()
    # Of a picture that covers its region only that part is resampled, and nothing is drawn behind it.
    x1, y1 = -left / scale, -top / scale
    x2, y2 = (size[0] - left) / scale, (size[1] - top) / scale
    slack = 1e-6 * max(width, height)
    if min(x1, y1) < -slack or x2 > width + slack or y2 > height + slack:
        return functional.warp(source, matrix, size, "smooth")
    import cv2

    if scale == 1 and left == round(left) and top == round(top):
        return source[round(y1) : round(y2), round(x1) : round(x2)]
    margin = 2 + 2 / scale  # what the filters look at around it
    x_low, y_low = max(0, math.floor(x1 - margin)), max(0, math.floor(y1 - margin))
    x_high, y_high = min(width, math.ceil(x2 + margin)), min(height, math.ceil(y2 + margin))
    part = source[y_low:y_high, x_low:x_high]
    factors = np.array([scale, scale])
    if scale < 0.9:  # bilinear samples alone would alias
        small = (max(1, round(part.shape[1] * scale)), max(1, round(part.shape[0] * scale)))
        factors = factors * (part.shape[1] / small[0], part.shape[0] / small[1])
        part = np.asarray(cv2.resize(part, small, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    # OpenCV counts from the centres of pixels.
    shift = scale * np.array([x_low, y_low]) + (left, top) + 0.5 * factors - 0.5
    moved = cv2.warpAffine(
        part,
        np.array([[factors[0], 0.0, shift[0]], [0.0, factors[1], shift[1]]]),
        size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, dtype=np.uint8)


def _trimmed(xyxy: FloatArray, region: FloatArray) -> FloatArray:
    """Boxes without the strip at an edge that a region hides from side to side."""
    x1, y1, x2, y2 = xyxy.T
    left, top, right, bottom = region.tolist()
    broad, tall = (left <= x1) & (right >= x2), (top <= y1) & (bottom >= y2)
    new_x1 = np.where(tall & (left <= x1), np.clip(right, x1, x2), x1)
    new_x2 = np.where(tall & (right >= x2), np.clip(left, new_x1, x2), x2)
    new_y1 = np.where(broad & (top <= y1), np.clip(bottom, y1, y2), y1)
    new_y2 = np.where(broad & (bottom >= y2), np.clip(top, new_y1, y2), y2)
    return np.stack([new_x1, new_y1, new_x2, new_y2], axis=1)
