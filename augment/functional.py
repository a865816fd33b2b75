"""Pure functions on pictures (height, width, 3, uint8 RGB) and boxes ((N, 4), xyxy in float pixels).

None changes its input and none draws a random number. Coordinates are the data set's: the origin is the
corner of the top left pixel, so the centre of that pixel is (0.5, 0.5). OpenCV counts from pixel centres;
:func:`warp` is the one place that knows it.
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

from converters import geometry
from converters.errors import ImageError
from converters.geometry import FloatArray
from converters.images import RgbImage

Canvas = Literal["grow", "same"]
BoxRule = Literal["ellipse", "corners"]
Fill = Literal["smooth", "mean", "grey"]
Table = npt.NDArray[np.uint8]

GREY = 127
"""The constant fill; also what Darknet pads a picture with."""

MAX_GROWTH = 4.0
"""A grown canvas has at most this many times the picture's pixels (400 × 300 needs 2.7)."""

MAX_SIDE = 32_000
"""OpenCV's warp counts pixels in 16 bits with a sign."""

_SMOOTH_CELLS = 24
"""The smooth fill is made from a picture whose longer side has this many pixels: no face survives that."""


def exposure_table(change: float) -> Table:
    """Look-up table that multiplies light.

    sRGB (IEC 61966-2-1) to linear light, times ``1 + change``, back to sRGB, limited to 255.

    Args:
        change: Fraction of the light added or taken, above -1 (0.5: half as much again).

    Returns:
        256 values, uint8.
    """
    display = np.arange(256) / 255.0
    linear = np.where(display <= 0.04045, display / 12.92, ((display + 0.055) / 1.055) ** 2.4)
    changed = np.clip(linear * (1.0 + change), 0.0, 1.0)
    back = np.where(changed <= 0.0031308, changed * 12.92, 1.055 * changed ** (1 / 2.4) - 0.055)
    table: Table = np.rint(back * 255.0).astype(np.uint8)
    return table


def brightness_table(change: float) -> Table:
    """Look-up table that adds a constant to what is displayed.

    Args:
        change: Fraction of 255, from -1 (black) to 1 (white).

    Returns:
        256 values, uint8.
    """
    table: Table = np.clip(np.arange(256) + np.rint(change * 255.0), 0, 255).astype(np.uint8)
    return table


def apply_table(rgb: RgbImage, table: Table) -> RgbImage:
    """Replace every sample by its entry in a table of 256."""
    import cv2

    return np.asarray(cv2.LUT(rgb, table), dtype=np.uint8)


def gaussian_blur(rgb: RgbImage, sigma: float) -> RgbImage:
    """Blur with a Gaussian of ``sigma`` pixels; a copy for a sigma of 0."""
    if sigma <= 0:
        return rgb.copy()
    import cv2

    return np.asarray(cv2.GaussianBlur(rgb, (0, 0), sigma), dtype=np.uint8)


def rotation(degrees: float) -> FloatArray:
    """The 2 × 2 matrix that turns a picture clockwise as it is seen (y points down)."""
    angle = math.radians(degrees)
    cos, sin = math.cos(angle), math.sin(angle)
    return np.array([[cos, -sin], [sin, cos]])


def shear(horizontal: float, vertical: float) -> FloatArray:
    """The 2 × 2 matrix of a shear by angles in degrees.

    Args:
        horizontal: Angle by which upright edges lean; rows slide sideways.
        vertical: Angle by which level edges lean; columns slide up or down.
    """
    return np.array([[1.0, math.tan(math.radians(horizontal))], [math.tan(math.radians(vertical)), 1.0]])


def place_on_canvas(
    linear: FloatArray, size: tuple[int, int], canvas: Canvas
) -> tuple[FloatArray, tuple[int, int]]:
    """Complete a 2 × 2 matrix so that the picture's centre comes to the canvas's centre.

    Args:
        linear: The 2 × 2 part, all operations composed.
        size: (width, height) of the picture.
        canvas: ``grow``: large enough for the whole picture; beyond :data:`MAX_GROWTH` times its pixels
            the picture is scaled down instead, so that no face is lost. ``same``: the picture's own size.

    Returns:
        The 2 × 3 matrix and the canvas's (width, height).
    """
    source = np.array(size, dtype=np.float64)
    if canvas == "grow":
        extent = np.abs(linear) @ source
        scale = min(1.0, math.sqrt(MAX_GROWTH * source.prod() / extent.prod()), MAX_SIDE / extent.max())
        linear = linear * scale
        # The tolerance keeps a turn by exactly 90 degrees from growing by a pixel of rounding.
        width, height = np.maximum(np.ceil(extent * scale - 1e-6), 1).astype(int)
        new_size = (int(width), int(height))
    else:
        new_size = size
    shift = np.array(new_size) / 2 - linear @ (source / 2)
    return np.column_stack([linear, shift]), new_size


def warp(rgb: RgbImage, matrix: FloatArray, size: tuple[int, int], fill: Fill) -> RgbImage:
    """Move a picture by an affine map in one resampling.

    Args:
        rgb: The picture.
        matrix: 2 × 3, from the picture's coordinates to the canvas's.
        size: (width, height) of the canvas.
        fill: What lies where the picture does not reach: ``smooth`` (the picture's edges carried on, far too
            blurred to show a face), ``mean`` (mean colour of its border), ``grey`` (:data:`GREY`).

    Raises:
        ImageError: A side has more than :data:`MAX_SIDE` pixels.
    """
    import cv2

    if max(*rgb.shape[:2], *size) > MAX_SIDE:
        raise ImageError(f"a side has more than {MAX_SIDE} pixels, too many to turn or shear.")
    canvas = _background(rgb, matrix, size, fill)
    rgb, matrix = _shrunk_first(rgb, matrix)
    between = _between_centres(matrix)
    picture = cv2.warpAffine(rgb, between, size, flags=cv2.INTER_LINEAR)
    # How much of each canvas pixel the picture covers: its rim is blended, not cut in steps.
    whole = np.full(rgb.shape[:2], 255, np.uint8)
    rest = 255 - np.asarray(cv2.warpAffine(whole, between, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
    under = cv2.multiply(canvas, cv2.merge([rest, rest, rest]), scale=1 / 255)
    return np.asarray(cv2.add(picture, under), dtype=np.uint8)


def boxes_of_ellipses(xyxy: FloatArray, matrix: FloatArray) -> FloatArray:
    """Boxes around the inscribed ellipses of boxes after an affine map.

    A face fills the ellipse in its box, not the corners. For half-sizes a, b and the matrix's 2 × 2 part A
    the mapped ellipse reaches hypot(A00·a, A01·b) and hypot(A10·a, A11·b) from the mapped centre (the
    largest value of A·(a·cos t, b·sin t) in each coordinate).

    Args:
        xyxy: Boxes, shape (N, 4).
        matrix: 2 × 3.

    Returns:
        Boxes, shape (N, 4), not clipped.
    """
    linear, shift = matrix[:, :2], matrix[:, 2]
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2 @ linear.T + shift
    half = (xyxy[:, 2:] - xyxy[:, :2]) / 2
    reach = np.sqrt((half**2) @ (linear**2).T)
    return np.hstack([centre - reach, centre + reach])


def boxes_of_corners(xyxy: FloatArray, matrix: FloatArray) -> FloatArray:
    """Boxes around the four mapped corners of boxes: hold everything, hug nothing.

    Args:
        xyxy: Boxes, shape (N, 4).
        matrix: 2 × 3.

    Returns:
        Boxes, shape (N, 4), not clipped.
    """
    linear, shift = matrix[:, :2], matrix[:, 2]
    centre = (xyxy[:, :2] + xyxy[:, 2:]) / 2 @ linear.T + shift
    half = (xyxy[:, 2:] - xyxy[:, :2]) / 2
    reach = half @ np.abs(linear).T
    return np.hstack([centre - reach, centre + reach])


def keep_visible(
    xyxy: FloatArray, size: tuple[int, int], min_visible: float
) -> tuple[FloatArray, npt.NDArray[np.intp]]:
    """Clip boxes to a picture and leave out those of which too little is left.

    Args:
        xyxy: Boxes, shape (N, 4).
        size: (width, height) of the picture.
        min_visible: Least part of a box's area that must lie in the picture, 0 to 1.

    Returns:
        The clipped boxes that stay, shape (M, 4), and their indices in ``xyxy``, shape (M,). A box with a
        side under one pixel does not stay.
    """
    clipped = geometry.clip(xyxy, size)
    whole = geometry.area(xyxy)
    seen = np.divide(geometry.area(clipped), whole, out=np.zeros_like(whole), where=whole > 0)
    long_enough = (clipped[:, 2:] - clipped[:, :2]).min(axis=1, initial=np.inf) >= 1.0
    kept = np.flatnonzero(long_enough & (seen >= min_visible - 1e-9))
    return clipped[kept], kept


def _between_centres(matrix: FloatArray) -> FloatArray:
    """The same map for coordinates that count from pixel centres (OpenCV's)."""
    linear, shift = matrix[:, :2], matrix[:, 2]
    return np.column_stack([linear, shift + linear @ (0.5, 0.5) - 0.5])


def _shrunk_first(rgb: RgbImage, matrix: FloatArray) -> tuple[RgbImage, FloatArray]:
    """Scale a picture down by area before a map that would shrink it: bilinear samples alone would alias."""
    scale = math.sqrt(abs(float(np.linalg.det(matrix[:, :2]))))
    if scale >= 0.9:
        return rgb, matrix
    import cv2

    height, width = rgb.shape[:2]
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), dtype=np.uint8)
    grown = np.diag([width / size[0], height / size[1]])
    return small, np.column_stack([matrix[:, :2] @ grown, matrix[:, 2]])


def _background(rgb: RgbImage, matrix: FloatArray, size: tuple[int, int], fill: Fill) -> RgbImage:
    """A canvas for :func:`warp` without the picture."""
    if fill == "smooth":
        return _smooth_background(rgb, matrix, size)
    canvas = np.empty((size[1], size[0], 3), np.uint8)
    if fill == "mean":
        border = np.concatenate([rgb[0], rgb[-1], rgb[:, 0], rgb[:, -1]])
        canvas[:] = np.rint(border.mean(axis=0))
    else:
        canvas[:] = GREY
    return canvas


def _smooth_background(rgb: RgbImage, matrix: FloatArray, size: tuple[int, int]) -> RgbImage:
    """The picture's edges carried on over the canvas, blurred at a few pixels' resolution."""
    import cv2

    height, width = rgb.shape[:2]
    step = max(1.0, max(height, width) / _SMOOTH_CELLS)
    tiny_size = (max(1, round(width / step)), max(1, round(height / step)))
    tiny = cv2.resize(rgb, tiny_size, interpolation=cv2.INTER_AREA)
    canvas_size = (max(1, round(size[0] / step)), max(1, round(size[1] / step)))
    to_picture = np.diag([width / tiny_size[0], height / tiny_size[1]])
    to_canvas = np.diag([canvas_size[0] / size[0], canvas_size[1] / size[1]])
    tiny_matrix = to_canvas @ np.column_stack([matrix[:, :2] @ to_picture, matrix[:, 2]])
    carried = cv2.warpAffine(
        tiny,
        _between_centres(tiny_matrix),
        canvas_size,
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    blurred = cv2.GaussianBlur(carried, (0, 0), 2.0, borderType=cv2.BORDER_REPLICATE)
    # Exact in integers, where other ways of growing differ by a level between versions of OpenCV. After the
    # blur nothing is left that a cubic would show better.
    return np.asarray(cv2.resize(blurred, size, interpolation=cv2.INTER_LINEAR_EXACT), dtype=np.uint8)
