"""Operations that lay several training pictures out on one copy: mosaic, mixup, cutmix.

The other pictures come as they are, with all their boxes; only the copy's own picture has gone through the
stages before. A box stays where enough of it is seen (``min_visible`` of the policy), whosever it is.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from augment.combining import Layout, Region, Tile, covering
from augment.transforms import CombineTransform, Params, Range, Scene, draw
from converters.errors import UsageError
from converters.geometry import FloatArray

Size = tuple[int, int]

MAX_SIZE = 4096
"""Pixels; the largest mosaic that can be asked for."""


@dataclass(frozen=True)
class Mosaic(CombineTransform):
    """Four pictures around a point, as YOLOv4 and Darknet do it (Bochkovskiy et al. 2020, section 3.4).

    Each is scaled so that it covers its quarter, or less far; which part of it is seen is drawn. At a scale
    of 1 a picture would cover the whole canvas (Darknet's way: faces keep their size and a quarter of the
    picture is seen); less shows more of it, smaller.
    """

    name: ClassVar[str] = "mosaic"
    title: ClassVar[str] = "four training pictures around a point"
    unit: ClassVar[Mapping[str, str]] = {
        "centre_range": "fraction of the canvas where the four meet",
        "scale_range": "1: each picture as if it covered the whole canvas; small: it covers its quarter",
    }
    limits: ClassVar[Mapping[str, Range]] = {"centre_range": (0.1, 0.9), "scale_range": (0.0, 2.0)}
    remarks: ClassVar[Mapping[str, str]] = {"size": "side of a square canvas in pixels; 0: the copy's size"}
    depends: ClassVar[bool] = True
    centre_range: Range = (0.3, 0.7)
    scale_range: Range = (0.5, 1.0)
    size: int = 0

    def check(self) -> None:
        """Check the size.

        Raises:
            UsageError: It is none.
        """
        if self.size and not 32 <= self.size <= MAX_SIZE:
            raise UsageError(f"{self.name}.size: {self.size} must be 0 or from 32 to {MAX_SIZE} pixels.")

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw three others, the quarter of the copy itself (null), the point, and each one's part."""
        donors: list[str] = []
        for _ in range(3):
            other = _other(rng, scene, donors)
            if other is None:
                return None
            donors.append(other)
        quarter = int(rng.random() * 4)
        return {
            "pictures": [*donors[:quarter], None, *donors[quarter:]],
            "centre": [draw(rng, self.centre_range), draw(rng, self.centre_range)],
            "scales": [draw(rng, self.scale_range) for _ in range(4)],
            "offsets": [[_fraction(rng), _fraction(rng)] for _ in range(4)],
        }

    def donors_in(self, params: Params) -> tuple[str, ...]:
        """The three others."""
        return tuple(key for key in params["pictures"] if key is not None)

    def layout(self, params: Params, size: Size, sizes: Mapping[str, Size]) -> Layout:
        """The four quarters, from the top left one row by row."""
        width, height = (self.size, self.size) if self.size else size
        x = min(max(1, round(params["centre"][0] * width)), max(1, width - 1))
        y = min(max(1, round(params["centre"][1] * height)), max(1, height - 1))
        quarters = ((0, 0, x, y), (x, 0, width, y), (0, y, x, height), (x, y, width, height))
        tiles: list[Tile] = []
        for key, region, scale, (right, down) in zip(
            params["pictures"], quarters, params["scales"], params["offsets"], strict=True
        ):
            source = size if key is None else sizes[key]
            whole = max(width / source[0], height / source[1])
            tiles.append(Tile(key, covering(source, region, scale * whole, (right, down)), region))
        return Layout((width, height), tuple(tiles))


@dataclass(frozen=True)
class Mixup(CombineTransform):
    """Another picture shines through (Zhang et al. 2017).

    The paper draws lambda from a beta distribution and mixes two labels by it. A detector's labels are
    boxes, which are there or not: lambda is drawn near a half, where both pictures can be seen, and the
    boxes of both stay (as Zhang et al. 2019, "Bag of Freebies", do for detectors). The other picture is
    scaled, its aspect kept, to cover the copy; which part of it is seen is drawn.
    """

    name: ClassVar[str] = "mixup"
    title: ClassVar[str] = "another training picture shines through"
    unit: ClassVar[str] = "weight of the picture itself (lambda)"
    limits: ClassVar[Range] = (0.05, 0.95)
    depends: ClassVar[bool] = True
    weight_range: Range = (0.4, 0.6)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw the other picture, the weight, and which part is seen."""
        other = _other(rng, scene, [])
        if other is None:
            return None
        weight = draw(rng, self.weight_range)
        return {"donor": other, "weight": weight, "offset": [_fraction(rng), _fraction(rng)]}

    def donors_in(self, params: Params) -> tuple[str, ...]:
        """The other."""
        return (params["donor"],)

    def layout(self, params: Params, size: Size, sizes: Mapping[str, Size]) -> Layout:
        """The other over the whole copy."""
        everywhere = (0, 0, *size)
        right, down = params["offset"]
        matrix = covering(sizes[params["donor"]], everywhere, 0.0, (right, down))
        over = Tile(params["donor"], matrix, everywhere, weight=round(1.0 - params["weight"], 4))
        return Layout(size, (Tile(None, _unmoved(), everywhere), over))


@dataclass(frozen=True)
class CutMix(CombineTransform):
    """A rectangle of another picture (Yun et al. 2019).

    The rectangle has the canvas's aspect and the drawn part of its area, 1 - lambda in the paper, and shows
    the other picture at the same place; it lies within the picture, so that its area is what was drawn. The
    paper weighs the labels of the two pictures by area. For boxes that is done box by box: one of which less
    than ``min_visible`` of its area is seen is dropped, be it under the rectangle or outside it, and one
    that is cut from side to side ends where it is cut.
    """

    name: ClassVar[str] = "cutmix"
    title: ClassVar[str] = "a rectangle of another training picture"
    unit: ClassVar[str] = "the rectangle's part of the area (1 - lambda)"
    limits: ClassVar[Range] = (0.01, 0.95)
    depends: ClassVar[bool] = True
    area_range: Range = (0.15, 0.5)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw the other picture, the area, where the rectangle lies, and which part is seen."""
        other = _other(rng, scene, [])
        if other is None:
            return None
        return {
            "donor": other,
            "area": draw(rng, self.area_range),
            "at": [_fraction(rng), _fraction(rng)],
            "offset": [_fraction(rng), _fraction(rng)],
        }

    def donors_in(self, params: Params) -> tuple[str, ...]:
        """The other."""
        return (params["donor"],)

    def layout(self, params: Params, size: Size, sizes: Mapping[str, Size]) -> Layout:
        """The rectangle over the copy."""
        width, height = size
        side = math.sqrt(params["area"])
        across, down = max(1, round(width * side)), max(1, round(height * side))
        left, top = round(params["at"][0] * (width - across)), round(params["at"][1] * (height - down))
        everywhere: Region = (0, 0, width, height)
        right, lower = params["offset"]
        matrix = covering(sizes[params["donor"]], everywhere, 0.0, (right, lower))
        rectangle = Tile(params["donor"], matrix, (left, top, left + across, top + down))
        return Layout(size, (Tile(None, _unmoved(), everywhere), rectangle))


def _other(rng: np.random.Generator, scene: Scene, taken: list[str]) -> str | None:
    """Key of another picture, if possible none of those that are taken; None where there is no other."""
    key: str | None = None
    for _ in range(8):
        other = scene.donors.draw_other(rng, scene.key)
        if other is None:
            return None
        key = other.key
        if key not in taken:
            break
    return key


def _fraction(rng: np.random.Generator) -> float:
    return draw(rng, (0.0, 1.0))


def _unmoved() -> FloatArray:
    return np.column_stack([np.eye(2), np.zeros(2)])
