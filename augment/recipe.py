"""What one copy gets: the drawn operations, composed, on pixels and on boxes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from augment import functional
from augment.functional import BoxRule, Canvas, Fill
from augment.transforms import Params, Transform
from converters.geometry import FloatArray
from converters.images import RgbImage


@dataclass(frozen=True)
class Step:
    """One operation with the parameters that were drawn for it."""

    transform: Transform
    params: Params


@dataclass(frozen=True)
class Recipe:
    """The operations of one copy. No randomness: the same picture gives the same copy.

    Colours come first, in their order, on the picture as it was; then all operations on geometry, composed
    in their order, in one resampling.

    Attributes:
        steps: In the order in which they were drawn.
        canvas: See :func:`augment.functional.place_on_canvas`.
        boxes: ``ellipse`` (around the turned inscribed ellipse) or ``corners`` (around the turned corners).
        min_visible: Least visible part of a box that stays, 0 to 1.
        fill: See :func:`augment.functional.warp`.
    """

    steps: tuple[Step, ...]
    canvas: Canvas
    boxes: BoxRule
    min_visible: float
    fill: Fill

    @cached_property
    def linear(self) -> FloatArray | None:
        """The composed 2 × 2 matrix, None where nothing is moved."""
        matrices = [m for step in self.steps if (m := step.transform.linear(step.params)) is not None]
        if not matrices:
            return None
        composed = np.eye(2)
        for matrix in matrices:
            composed = matrix @ composed
        return composed

    def canvas_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """(width, height) of the copy of a picture of ``size``."""
        if self.linear is None:
            return size
        return functional.place_on_canvas(self.linear, size, self.canvas)[1]

    def apply(self, rgb: RgbImage) -> RgbImage:
        """The copy's pixels.

        Raises:
            ImageError: The picture is too large to be turned.
        """
        for step in self.steps:
            if step.transform.linear(step.params) is None:
                rgb = step.transform.apply(rgb, step.params)
        if self.linear is None:
            return rgb.copy() if not self.steps else rgb
        matrix, size = functional.place_on_canvas(self.linear, (rgb.shape[1], rgb.shape[0]), self.canvas)
        return functional.warp(rgb, matrix, size, self.fill)

    def apply_to_boxes(
        self, xyxy: FloatArray, size: tuple[int, int]
    ) -> tuple[FloatArray, npt.NDArray[np.intp]]:
        """The copy's boxes.

        Args:
            xyxy: The picture's boxes, shape (N, 4).
            size: The picture's (width, height).

        Returns:
            The boxes that stay, shape (M, 4), inside the copy, and their indices in ``xyxy``. Where nothing
            is moved every box stays as it is.
        """
        if self.linear is None:
            return xyxy.copy(), np.arange(len(xyxy))
        matrix, new_size = functional.place_on_canvas(self.linear, size, self.canvas)
        rule = functional.boxes_of_ellipses if self.boxes == "ellipse" else functional.boxes_of_corners
        return functional.keep_visible(rule(xyxy, matrix), new_size, self.min_visible)

    def as_list(self) -> list[dict[str, Any]]:
        """The steps in plain types, for the manifest."""
        return [{"operation": step.transform.name, **step.params} for step in self.steps]

    def caption(self) -> str:
        """The steps in a line, e.g. ``rotation 34.2 + blur 1.3``."""
        parts = []
        for step in self.steps:
            several = len(step.params) > 1
            values = [f"{key} {v:+.2g}" if several else f"{v:+.2g}" for key, v in step.params.items() if v]
            parts.append(" ".join([step.transform.name, *values]))
        return " + ".join(parts)
