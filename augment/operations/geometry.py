"""Operations that move things: all of a copy's are composed into one resampling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from augment import functional, windows
from augment.transforms import (
    LinearTransform,
    Params,
    Range,
    Scene,
    WindowTransform,
    draw,
    draw_one,
    draw_ratio,
)
from converters.errors import UsageError
from converters.geometry import FloatArray, as_array


@dataclass(frozen=True)
class Rotation(LinearTransform):
    """A turn about the centre, clockwise as seen for a positive angle."""

    name: ClassVar[str] = "rotation"
    title: ClassVar[str] = "a turn"
    unit: ClassVar[str] = "degrees, clockwise"
    limits: ClassVar[Range] = (-360.0, 360.0)
    minimum: float = 3.0
    angle_range: Range = (0.0, 90.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``angle``."""
        del scene
        return {"angle": draw(rng, self.angle_range, self.minimum)}

    def linear(self, params: Params) -> FloatArray:
        """The rotation's matrix."""
        return functional.rotation(params["angle"])


@dataclass(frozen=True)
class Shear(LinearTransform):
    """A shear along one axis: a copy leans sideways or slides up and down, each as likely as the other.

    Never both at once: two shears of opposite sign are nearly a turn, and could undo one. An axis whose
    range is (0, 0) is not used.
    """

    name: ClassVar[str] = "shear"
    title: ClassVar[str] = "a shear along one axis"
    unit: ClassVar[str] = "degrees"
    limits: ClassVar[Range] = (-60.0, 60.0)
    minimum: float = 2.0
    horizontal_range: Range = (-15.0, 15.0)
    vertical_range: Range = (-15.0, 15.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw an axis, then the angle along it; the other of ``horizontal`` and ``vertical`` is 0."""
        del scene
        usable = [
            key
            for key, (low, high) in (("horizontal", self.horizontal_range), ("vertical", self.vertical_range))
            if max(abs(low), abs(high)) >= max(self.minimum, 1e-9)
        ]
        axis = usable[int(rng.random() * len(usable))]
        drawn = draw(rng, getattr(self, f"{axis}_range"), self.minimum)
        return {"horizontal": 0.0, "vertical": 0.0, axis: drawn}

    def linear(self, params: Params) -> FloatArray:
        """The shear's matrix."""
        return functional.shear(params["horizontal"], params["vertical"])


@dataclass(frozen=True)
class Flip(LinearTransform):
    """A mirror image. Of several axes one is drawn."""

    name: ClassVar[str] = "flip"
    title: ClassVar[str] = "a mirror image"
    remarks: ClassVar[Mapping[str, str]] = {
        "horizontal": "left and right change places",
        "vertical": "top and bottom change places",
    }
    limits: ClassVar[Mapping[str, Range]] = {}
    horizontal: bool = True
    vertical: bool = False

    def check(self) -> None:
        """Check that there is an axis.

        Raises:
            UsageError: There is none.
        """
        if not (self.horizontal or self.vertical):
            raise UsageError("flip.horizontal: it or vertical must be true: it would change nothing.")

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``axis``."""
        del scene
        return {"axis": draw_one(rng, [a for a in ("horizontal", "vertical") if getattr(self, a)])}

    def linear(self, params: Params) -> FloatArray:
        """The mirror's matrix."""
        return np.diag([-1.0, 1.0] if params["axis"] == "horizontal" else [1.0, -1.0])


@dataclass(frozen=True)
class Scale(WindowTransform):
    """Nearer or farther, about the centre; the canvas stays as large as it was.

    A larger canvas would undo it: the network scales every picture to its own size.
    """

    name: ClassVar[str] = "scale"
    title: ClassVar[str] = "nearer or farther"
    unit: ClassVar[str] = "times as large; what leaves the canvas is cut"
    limits: ClassVar[Range] = (0.1, 10.0)
    neutral: ClassVar[float] = 1.0
    minimum: float = 0.05
    factor_range: Range = (0.75, 1.3)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``factor``."""
        del scene
        return {"factor": draw(rng, self.factor_range, self.minimum, self.neutral)}

    def window(
        self, params: Params, size: tuple[int, int], xyxy: FloatArray
    ) -> tuple[FloatArray, tuple[int, int]]:
        """About the centre of the canvas."""
        del xyxy
        return windows.scaled(size, params["factor"]), size


@dataclass(frozen=True)
class Translate(WindowTransform):
    """A shift by whole pixels; the canvas stays where it was."""

    name: ClassVar[str] = "translate"
    title: ClassVar[str] = "a shift"
    unit: ClassVar[Mapping[str, str]] = {
        "x_range": "fraction of the width, to the right; what leaves the canvas is cut",
        "y_range": "fraction of the height, down",
    }
    limits: ClassVar[Range] = (-0.9, 0.9)
    minimum: float = 0.03
    x_range: Range = (-0.15, 0.15)
    y_range: Range = (-0.15, 0.15)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``x`` and ``y``; at least one of them is not too weak."""
        del scene
        usable = [
            key
            for key, ends in (("x", self.x_range), ("y", self.y_range))
            if max(map(abs, ends)) >= max(self.minimum, 1e-9)
        ]
        strong = draw_one(rng, usable)
        return {
            "x": draw(rng, self.x_range, self.minimum if strong == "x" else 0.0),
            "y": draw(rng, self.y_range, self.minimum if strong == "y" else 0.0),
        }

    def window(
        self, params: Params, size: tuple[int, int], xyxy: FloatArray
    ) -> tuple[FloatArray, tuple[int, int]]:
        """By whole pixels: nothing is resampled for a shift alone."""
        del xyxy
        return windows.shifted(size, (params["x"], params["y"])), size


@dataclass(frozen=True)
class Crop(WindowTransform):
    """A part of the picture; the copy is as large as that part.

    The part is drawn, then moved and, where need be, enlarged until it holds the boxes that must stay, each
    whole. A further box that lies in it by more than half is not cut either: the part is enlarged for it.
    """

    name: ClassVar[str] = "crop"
    title: ClassVar[str] = "a part of the picture"
    unit: ClassVar[Mapping[str, str]] = {
        "area_range": "fraction of the picture's area that is left (more where the boxes need it)",
        "aspect_range": "times the picture's width by height",
    }
    remarks: ClassVar[Mapping[str, str]] = {"keep": "least part of the boxes that stay, 0 to 1; 1: all"}
    limits: ClassVar[Mapping[str, Range]] = {"area_range": (0.01, 1.0), "aspect_range": (0.2, 5.0)}
    neutral: ClassVar[float] = 1.0
    depends: ClassVar[bool] = True
    strengths: ClassVar[tuple[str, ...]] = ("area_range",)
    minimum: float = 0.05
    area_range: Range = (0.4, 0.9)
    aspect_range: Range = (0.8, 1.25)
    keep: float = 1.0

    def check(self) -> None:
        """Check the share that stays.

        Raises:
            UsageError: It is not 0 to 1.
        """
        if not 0 <= self.keep <= 1:
            raise UsageError(f"crop.keep: {self.keep:g} must be from 0 to 1.")

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw ``area`` and ``aspect`` of the part, ``x`` and ``y`` of its place, ``first`` of the boxes.

        None where the boxes that must stay fill the picture, so that there is nothing to cut off.
        """
        params = {
            "area": draw(rng, self.area_range, self.minimum, self.neutral),
            "aspect": draw_ratio(rng, self.aspect_range),
            "x": round(rng.random(), 4),
            "y": round(rng.random(), 4),
            "first": round(rng.random(), 4),
        }
        left, top, right, bottom = self._part(params, scene.size, as_array(scene.boxes))
        width, height = scene.size
        cut_off = 1 - (right - left) * (bottom - top) / (width * height)
        return params if cut_off >= min(self.minimum, 0.5 * (1 - params["area"])) else None

    def window(
        self, params: Params, size: tuple[int, int], xyxy: FloatArray
    ) -> tuple[FloatArray, tuple[int, int]]:
        """The part's own canvas."""
        left, top, right, bottom = self._part(params, size, xyxy)
        matrix = np.array([[1.0, 0.0, -left], [0.0, 1.0, -top]])
        return matrix, (right - left, bottom - top)

    def _part(self, params: Params, size: tuple[int, int], xyxy: FloatArray) -> tuple[int, int, int, int]:
        must = windows.to_keep(size, xyxy, self.keep, params["first"])
        return windows.part(size, xyxy, must, (params["area"], params["aspect"]), (params["x"], params["y"]))
