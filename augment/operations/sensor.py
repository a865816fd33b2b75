"""Operations of the camera and the file: what happens to the copy last, as it would to a photograph."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from augment import functional, photometry
from augment.transforms import (
    Params,
    Range,
    Scene,
    SensorTransform,
    check_choice,
    check_whole,
    draw,
    draw_one,
    draw_seed,
    draw_whole,
)
from converters.images import RgbImage

KINDS = ("either", "luminance", "colour")
"""Of noise: the three samples of a pixel have the same, or each its own."""


@dataclass(frozen=True)
class MotionBlur(SensorTransform):
    """The camera moves straight on while the shutter is open."""

    name: ClassVar[str] = "motion_blur"
    title: ClassVar[str] = "camera shake along a line"
    unit: ClassVar[Mapping[str, str]] = {
        "length_range": "the camera's way in pixels",
        "angle_range": "degrees, clockwise from the right",
    }
    limits: ClassVar[Mapping[str, Range]] = {"length_range": (0.0, 99.0), "angle_range": (-360.0, 360.0)}
    turn: ClassVar[int] = 1
    strengths: ClassVar[tuple[str, ...]] = ("length_range",)
    minimum: float = 1.5
    length_range: Range = (2.0, 6.0)
    angle_range: Range = (0.0, 180.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``length`` and ``angle``."""
        del scene
        return {
            "length": draw(rng, self.length_range, self.minimum),
            "angle": draw(rng, self.angle_range),
        }

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Blur along the line."""
        return photometry.motion_blur(rgb, params["length"], params["angle"])


@dataclass(frozen=True)
class LowLight(SensorTransform):
    """A dark place: less light, closed shadows, and the noise of a sensor that gets too little light."""

    name: ClassVar[str] = "low_light"
    title: ClassVar[str] = "a dark place"
    unit: ClassVar[Mapping[str, str]] = {
        "light_range": "part of the light that is left",
        "gamma_range": "1: shadows as they were; more: darker",
        "noise_range": "standard deviation in levels of 255, at level 64",
    }
    limits: ClassVar[Mapping[str, Range]] = {
        "light_range": (0.01, 1.0),
        "gamma_range": (1.0, 4.0),
        "noise_range": (0.0, 50.0),
    }
    neutral: ClassVar[float] = 1.0
    turn: ClassVar[int] = 2
    strengths: ClassVar[tuple[str, ...]] = ("light_range",)
    minimum: float = 0.2
    light_range: Range = (0.15, 0.5)
    gamma_range: Range = (1.0, 1.4)
    noise_range: Range = (2.0, 8.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``light``, ``gamma``, ``noise`` and the noise's ``seed``."""
        del scene
        return {
            "light": draw(rng, self.light_range, self.minimum, self.neutral),
            "gamma": draw(rng, self.gamma_range),
            "noise": draw(rng, self.noise_range),
            "seed": draw_seed(rng),
        }

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Darken, then add the noise of each level."""
        dark = functional.apply_table(rgb, photometry.low_light_table(params["light"], params["gamma"]))
        return photometry.add_noise_by_level(
            dark, photometry.shot_noise_levels(params["noise"]), params["seed"]
        )


@dataclass(frozen=True)
class Noise(SensorTransform):
    """Nearly Gaussian noise of the same strength everywhere."""

    name: ClassVar[str] = "noise"
    title: ClassVar[str] = "Gaussian noise"
    unit: ClassVar[str] = "standard deviation in levels of 255"
    remarks: ClassVar[Mapping[str, str]] = {"kind": " or ".join(KINDS)}
    limits: ClassVar[Range] = (0.0, 100.0)
    turn: ClassVar[int] = 3
    minimum: float = 2.0
    sigma_range: Range = (3.0, 14.0)
    kind: str = "either"

    def check(self) -> None:
        """Check the kind.

        Raises:
            UsageError: There is no such.
        """
        check_choice("noise.kind", self.kind, KINDS)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``sigma``, ``kind`` and ``seed``."""
        del scene
        sigma = draw(rng, self.sigma_range, self.minimum)
        kind = draw_one(rng, KINDS[1:]) if self.kind == "either" else self.kind
        return {"sigma": sigma, "kind": kind, "seed": draw_seed(rng)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Add it."""
        return photometry.add_noise(
            rgb, params["sigma"], seed=params["seed"], colour=params["kind"] == "colour"
        )


@dataclass(frozen=True)
class Jpeg(SensorTransform):
    """What is left after saving as JPEG: blocks, ringing, smeared colours."""

    name: ClassVar[str] = "jpeg"
    title: ClassVar[str] = "artefacts of JPEG"
    unit: ClassVar[str] = "quality, whole numbers of 1 to 100"
    limits: ClassVar[Range] = (1.0, 100.0)
    neutral: ClassVar[float] = 100.0
    turn: ClassVar[int] = 4
    minimum: float = 10.0
    quality_range: Range = (25.0, 70.0)

    def check(self) -> None:
        """Check that qualities are whole numbers.

        Raises:
            UsageError: One is not.
        """
        check_whole("jpeg.quality_range", self.quality_range)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``quality``."""
        del scene
        low, high = self.quality_range
        return {"quality": draw_whole(rng, (low, min(high, self.neutral - math.ceil(self.minimum))))}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Save and read."""
        return photometry.jpeg(rgb, params["quality"])
