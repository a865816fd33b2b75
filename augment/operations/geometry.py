"""Operations that move things: all of a copy's are composed into one resampling."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from augment import functional
from augment.transforms import LinearTransform, Params, Range, Scene, draw
from converters.geometry import FloatArray


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
