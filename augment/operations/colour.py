"""Operations that change colours and sharpness: what light, lens and exposure do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from augment import functional, photometry
from augment.functional import Table
from augment.transforms import ColourTransform, Params, Range, Scene, draw
from converters.images import RgbImage


@dataclass(frozen=True)
class Blur(ColourTransform):
    """Gaussian blur; a sigma under half a pixel cannot be seen."""

    name: ClassVar[str] = "blur"
    title: ClassVar[str] = "Gaussian blur"
    unit: ClassVar[str] = "sigma in pixels"
    limits: ClassVar[Range] = (0.0, 50.0)
    minimum: float = 0.5
    sigma_range: Range = (0.0, 2.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``sigma``."""
        del scene
        return {"sigma": draw(rng, self.sigma_range, self.minimum)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Blur."""
        return functional.gaussian_blur(rgb, params["sigma"])


@dataclass(frozen=True)
class Exposure(ColourTransform):
    """More or less light, multiplied in linear light."""

    name: ClassVar[str] = "exposure"
    title: ClassVar[str] = "more or less light"
    unit: ClassVar[str] = "fraction of the light added or taken"
    limits: ClassVar[Range] = (-0.95, 10.0)
    minimum: float = 0.05
    change_range: Range = (-0.5, 0.5)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``change``."""
        del scene
        return {"change": draw(rng, self.change_range, self.minimum)}

    def table(self, params: Params) -> Table:
        """Multiply the light."""
        return functional.exposure_table(params["change"])


@dataclass(frozen=True)
class Brightness(ColourTransform):
    """Lighter or darker, added to what is displayed."""

    name: ClassVar[str] = "brightness"
    title: ClassVar[str] = "lighter or darker"
    unit: ClassVar[str] = "fraction of 255"
    limits: ClassVar[Range] = (-0.95, 0.95)
    minimum: float = 0.05
    change_range: Range = (-0.4, 0.4)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``change``."""
        del scene
        return {"change": draw(rng, self.change_range, self.minimum)}

    def table(self, params: Params) -> Table:
        """Add."""
        return functional.brightness_table(params["change"])


@dataclass(frozen=True)
class Contrast(ColourTransform):
    """More or less contrast about mid-grey."""

    name: ClassVar[str] = "contrast"
    title: ClassVar[str] = "more or less contrast"
    unit: ClassVar[str] = "fraction of the distance from mid-grey (127.5) added or taken"
    limits: ClassVar[Range] = (-0.95, 5.0)
    minimum: float = 0.05
    change_range: Range = (-0.4, 0.4)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``change``."""
        del scene
        return {"change": draw(rng, self.change_range, self.minimum)}

    def table(self, params: Params) -> Table:
        """Spread or gather the values."""
        return photometry.contrast_table(params["change"])


@dataclass(frozen=True)
class Saturation(ColourTransform):
    """Stronger or weaker colours."""

    name: ClassVar[str] = "saturation"
    title: ClassVar[str] = "stronger or weaker colours"
    unit: ClassVar[str] = "fraction of the colour added or taken; -1: greys"
    limits: ClassVar[Range] = (-1.0, 5.0)
    minimum: float = 0.1
    change_range: Range = (-0.6, 0.6)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``change``."""
        del scene
        return {"change": draw(rng, self.change_range, self.minimum)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Mix each pixel with its luma."""
        return photometry.apply_colour_matrix(rgb, photometry.saturation_matrix(params["change"]))


@dataclass(frozen=True)
class Hue(ColourTransform):
    """Other colours of the same lightness: another lamp, another camera."""

    name: ClassVar[str] = "hue"
    title: ClassVar[str] = "a turn of the colours"
    unit: ClassVar[str] = "degrees, from red to yellow"
    limits: ClassVar[Range] = (-180.0, 180.0)
    minimum: float = 4.0
    angle_range: Range = (-18.0, 18.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``angle``."""
        del scene
        return {"angle": draw(rng, self.angle_range, self.minimum)}

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """Turn each pixel about the grey axis."""
        return photometry.apply_colour_matrix(rgb, photometry.hue_matrix(params["angle"]))
