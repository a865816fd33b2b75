"""The operations: each a small frozen value with its ranges.

``get_params(rng, shape)`` draws what one copy gets and is the only place with randomness; what follows is
a pure function of the parameters. Operations on colour have ``apply``; those on geometry give a 2 × 2
matrix, so that all of a copy's can be composed into one resampling (:mod:`augment.recipe`).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from augment import functional
from converters.errors import UsageError
from converters.geometry import FloatArray
from converters.images import RgbImage

Params = Mapping[str, float]
Range = tuple[float, float]


@dataclass(frozen=True)
class Transform:
    """One operation.

    Every drawn strength lies in its ``*_range`` and, so that no copy is its source again by chance, is at
    least ``minimum`` from 0. Both ends belong to a range.

    Attributes:
        name: Its name in a policy.
        unit: What the ranges count, for people.
        limits: What a range may hold at most.
    """

    name: ClassVar[str]
    unit: ClassVar[str]
    limits: ClassVar[Range]
    minimum: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            UsageError: A range is upside down, beyond the limits, or all of it is weaker than the minimum.
        """
        if not (isinstance(self.minimum, int | float) and 0 <= self.minimum < math.inf):
            raise UsageError(f"{self.name}.minimum: {self.minimum!r} must be a number of at least 0.")
        ranges = self.ranges()
        for key, (low, high) in ranges.items():
            if not (self.limits[0] <= low <= high <= self.limits[1]):
                raise UsageError(
                    f"{self.name}.{key}: [{low:g}, {high:g}] must be two numbers, the smaller first, "
                    f"within {self.limits[0]:g} to {self.limits[1]:g} ({self.unit})."
                )
        reach = max(max(abs(low), abs(high)) for low, high in ranges.values())
        if reach == 0 or reach < self.minimum:
            raise UsageError(
                f"{self.name}: its range ends at {reach:g}, weaker than its minimum of {self.minimum:g}: "
                "it would change nothing."
            )

    def ranges(self) -> dict[str, Range]:
        """The ranges by their field's name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_range")}

    def as_dict(self) -> dict[str, Any]:
        """Ranges and minimum in plain types."""
        return {**{key: list(value) for key, value in self.ranges().items()}, "minimum": self.minimum}

    def get_params(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Draw the parameters of one copy.

        Args:
            rng: The copy's own generator.
            shape: The picture's (height, width, …).
        """
        raise NotImplementedError

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """The picture after the operation; the input stays as it is."""
        matrix, size = self._alone(params, (rgb.shape[1], rgb.shape[0]))
        return functional.warp(rgb, matrix, size, "smooth")

    def apply_to_boxes(self, xyxy: FloatArray, params: Params, size: tuple[int, int]) -> FloatArray:
        """The boxes after the operation alone, on a growing canvas, not clipped; the input stays as it is.

        Args:
            xyxy: Boxes, shape (N, 4).
            params: What :meth:`get_params` drew.
            size: The picture's (width, height).
        """
        return functional.boxes_of_ellipses(xyxy, self._alone(params, size)[0])

    def linear(self, params: Params) -> FloatArray | None:
        """The 2 × 2 matrix of an operation on geometry, None for one on colour."""
        del params
        return None

    def _alone(self, params: Params, size: tuple[int, int]) -> tuple[FloatArray, tuple[int, int]]:
        linear = self.linear(params)
        return functional.place_on_canvas(np.eye(2) if linear is None else linear, size, "grow")


class ColourTransform(Transform):
    """An operation that moves nothing."""

    def apply_to_boxes(self, xyxy: FloatArray, params: Params, size: tuple[int, int]) -> FloatArray:
        """The same boxes, in an array of their own."""
        del params, size
        return xyxy.copy()


@dataclass(frozen=True)
class Blur(ColourTransform):
    """Gaussian blur; a sigma under half a pixel cannot be seen."""

    name: ClassVar[str] = "blur"
    unit: ClassVar[str] = "sigma in pixels"
    limits: ClassVar[Range] = (0.0, 50.0)
    minimum: float = 0.5
    sigma_range: Range = (0.0, 2.0)

    def get_params(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Draw ``sigma``."""
        del shape
        return {"sigma": _draw(rng, self.sigma_range, self.minimum)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Blur."""
        return functional.gaussian_blur(rgb, params["sigma"])


@dataclass(frozen=True)
class Exposure(ColourTransform):
    """More or less light, multiplied in linear light."""

    name: ClassVar[str] = "exposure"
    unit: ClassVar[str] = "fraction of the light added or taken"
    limits: ClassVar[Range] = (-0.95, 10.0)
    minimum: float = 0.05
    change_range: Range = (-0.5, 0.5)

    def get_params(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Draw ``change``."""
        del shape
        return {"change": _draw(rng, self.change_range, self.minimum)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Multiply the light."""
        return functional.apply_table(rgb, functional.exposure_table(params["change"]))


@dataclass(frozen=True)
class Brightness(ColourTransform):
    """Lighter or darker, added to what is displayed."""

    name: ClassVar[str] = "brightness"
    unit: ClassVar[str] = "fraction of 255"
    limits: ClassVar[Range] = (-0.95, 0.95)
    minimum: float = 0.05
    change_range: Range = (-0.4, 0.4)

    def get_params(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Draw ``change``."""
        del shape
        return {"change": _draw(rng, self.change_range, self.minimum)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Add."""
        return functional.apply_table(rgb, functional.brightness_table(params["change"]))


@dataclass(frozen=True)
class Rotation(Transform):
    """A turn about the centre, clockwise as seen for a positive angle."""

    name: ClassVar[str] = "rotation"
    unit: ClassVar[str] = "degrees"
    limits: ClassVar[Range] = (-360.0, 360.0)
    minimum: float = 3.0
    angle_range: Range = (0.0, 90.0)

    def get_params(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Draw ``angle``."""
        del shape
        return {"angle": _draw(rng, self.angle_range, self.minimum)}

    def linear(self, params: Params) -> FloatArray:
        """The rotation's matrix."""
        return functional.rotation(params["angle"])


@dataclass(frozen=True)
class Shear(Transform):
    """A shear along one axis: a copy leans sideways or slides up and down, each as likely as the other.

    Never both at once: two shears of opposite sign are nearly a turn, and could undo one. An axis whose
    range is (0, 0) is not used.
    """

    name: ClassVar[str] = "shear"
    unit: ClassVar[str] = "degrees"
    limits: ClassVar[Range] = (-60.0, 60.0)
    minimum: float = 2.0
    horizontal_range: Range = (-15.0, 15.0)
    vertical_range: Range = (-15.0, 15.0)

    def get_params(self, rng: np.random.Generator, shape: tuple[int, ...]) -> Params:
        """Draw an axis, then the angle along it; the other of ``horizontal`` and ``vertical`` is 0."""
        del shape
        usable = [
            key
            for key, (low, high) in (("horizontal", self.horizontal_range), ("vertical", self.vertical_range))
            if max(abs(low), abs(high)) >= max(self.minimum, 1e-9)
        ]
        axis = usable[int(rng.random() * len(usable))]
        drawn = _draw(rng, getattr(self, f"{axis}_range"), self.minimum)
        return {"horizontal": 0.0, "vertical": 0.0, axis: drawn}

    def linear(self, params: Params) -> FloatArray:
        """The shear's matrix."""
        return functional.shear(params["horizontal"], params["vertical"])


TRANSFORMS: dict[str, type[Transform]] = {
    kind.name: kind for kind in (Blur, Exposure, Brightness, Rotation, Shear)
}
"""Every operation by its name, in the order in which a policy lists them."""


def _draw(rng: np.random.Generator, limits: Range, minimum: float) -> float:
    """A number evenly drawn from a range without what lies nearer to 0 than ``minimum``.

    Only ``rng.random()`` is used, whose stream NumPy keeps. Four decimals are kept: a manifest says exactly
    what was done, and people can read it.
    """
    low, high = limits
    parts = [(low, min(high, -minimum)), (max(low, minimum), high)] if minimum > 0 else [limits]
    parts = [(a, b) for a, b in parts if a <= b]
    at = rng.random() * sum(b - a for a, b in parts)
    for start, end in parts[:-1]:
        if at < end - start:
            return round(start + at, 4)
        at -= end - start
    start, end = parts[-1]
    return min(round(start + at, 4), end)
