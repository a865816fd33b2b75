"""Operations that hide parts of a copy, so that the network learns to look at more than one feature.

What is covered of a face counts as not seen: a box of which less than the policy's ``min_visible`` is seen
is dropped. A box that stays keeps its edges, for they are the face's and not those of what is seen of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from augment import erasing
from augment.erasing import FILLS
from augment.transforms import (
    EraseTransform,
    Params,
    Range,
    Scene,
    check_choice,
    check_whole,
    draw,
    draw_ratio,
    draw_seed,
    draw_whole,
)
from converters import geometry
from converters.geometry import FloatArray
from converters.images import RgbImage

MAX_DRAWN = 16
"""Rectangles that are drawn for one copy; where it has more faces, they get the same ones again."""

WHERES = ("image", "boxes", "both")
"""What a rectangle or a grid is laid over: the whole copy, each box in it, or the copy and each box."""

_REMARKS = {"fill": " or ".join(FILLS), "where": " or ".join(WHERES)}


@dataclass(frozen=True)
class _Erase(EraseTransform):
    """What all of them have: something to fill the holes with."""

    remarks: ClassVar[Mapping[str, str]] = _REMARKS
    fill: str = "mean"

    def check(self) -> None:
        """Check the fill.

        Raises:
            UsageError: There is no such.
        """
        check_choice(f"{self.name}.fill", self.fill, FILLS)

    def erase(self, rgb: RgbImage, params: Params, holes: FloatArray) -> RgbImage:
        """Fill the holes."""
        return erasing.fill_holes(rgb, holes, self.fill, params.get("seed", 0))

    def _noise_seed(self, rng: np.random.Generator) -> dict[str, int]:
        """A seed where the fill needs one."""
        return {"seed": draw_seed(rng)} if self.fill == "noise" else {}


@dataclass(frozen=True)
class _EraseWhere(_Erase):
    """One that can be laid over the copy or over each of its boxes."""

    depends: ClassVar[bool] = True
    where: str = "boxes"

    def check(self) -> None:
        """Check the fill and where.

        Raises:
            UsageError: There is no such.
        """
        super().check()
        check_choice(f"{self.name}.where", self.where, WHERES)

    def _nowhere(self, scene: Scene) -> bool:
        """Whether there is nothing to lay it over."""
        return self.where == "boxes" and not scene.boxes


@dataclass(frozen=True)
class Cutout(_Erase):
    """Squares anywhere in the copy, cut by its edges.

    DeVries, Taylor: Improved Regularization of Convolutional Neural Networks with Cutout, 2017.
    """

    name: ClassVar[str] = "cutout"
    title: ClassVar[str] = "squares are hidden"
    unit: ClassVar[Mapping[str, str]] = {
        "count_range": "squares, whole numbers",
        "side_range": "fraction of the copy's shorter side",
    }
    limits: ClassVar[Mapping[str, Range]] = {"count_range": (1.0, 100.0), "side_range": (0.005, 1.0)}
    count_range: Range = (4.0, 12.0)
    side_range: Range = (0.03, 0.1)

    def check(self) -> None:
        """Check the fill, and that counts are whole numbers.

        Raises:
            UsageError: One is not, or there is no such fill.
        """
        super().check()
        check_whole("cutout.count_range", self.count_range)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``squares``: for each the centre and the side (see :func:`augment.erasing.squares`)."""
        del scene
        count = draw_whole(rng, self.count_range)
        squares = [
            [round(rng.random(), 4), round(rng.random(), 4), draw(rng, self.side_range)] for _ in range(count)
        ]
        return {"squares": squares, **self._noise_seed(rng)}

    def holes(self, params: Params, size: tuple[int, int], xyxy: FloatArray) -> FloatArray:
        """The squares."""
        del xyxy
        return erasing.squares(size, params["squares"])


@dataclass(frozen=True)
class RandomErase(_EraseWhere):
    """A rectangle over the copy, one over each face, or both.

    Zhong, Zheng, Kang, Li, Yang: Random Erasing Data Augmentation, 2017 (image-aware, object-aware, and
    both; filled with a random value for each pixel, which was best there).
    """

    name: ClassVar[str] = "random_erase"
    title: ClassVar[str] = "a rectangle is hidden"
    unit: ClassVar[Mapping[str, str]] = {
        "area_range": "fraction of the area of what it is laid over",
        "aspect_range": "width by height",
    }
    limits: ClassVar[Mapping[str, Range]] = {"area_range": (0.001, 1.0), "aspect_range": (0.05, 20.0)}
    fill: str = "noise"
    area_range: Range = (0.05, 0.3)
    aspect_range: Range = (0.33, 3.0)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw ``rectangles`` (see :func:`augment.erasing.rectangles`), the copy's before those of boxes."""
        if self._nowhere(scene):
            return None
        count = (self.where != "boxes") + (self.where != "image") * min(len(scene.boxes), MAX_DRAWN)
        drawn = [
            [
                draw(rng, self.area_range),
                draw_ratio(rng, self.aspect_range),
                round(rng.random(), 4),
                round(rng.random(), 4),
            ]
            for _ in range(count)
        ]
        return {"rectangles": drawn, **self._noise_seed(rng)}

    def holes(self, params: Params, size: tuple[int, int], xyxy: FloatArray) -> FloatArray:
        """The rectangles."""
        drawn = params["rectangles"]
        found = [np.zeros((0, 4))]
        if self.where != "boxes":
            found.append(erasing.rectangles(size, erasing.whole(size), drawn))
        if self.where != "image":
            mine = drawn[1:] if self.where == "both" and len(drawn) > 1 else drawn
            found.append(erasing.rectangles(size, geometry.clip(xyxy, size), mine))
        return np.concatenate(found)


@dataclass(frozen=True)
class HideAndSeek(_EraseWhere):
    """A grid over the copy, or over each face, of which every cell is hidden with a probability.

    Singh, Lee: Hide-and-Seek: Forcing a Network to be Meticulous for Weakly-supervised Object and Action
    Localization, 2017 (hidden cells show the mean colour, so that they look like nothing).
    """

    name: ClassVar[str] = "hide_and_seek"
    title: ClassVar[str] = "some cells of a grid are hidden"
    unit: ClassVar[Mapping[str, str]] = {
        "cells_range": "cells along the copy's longer side, whole numbers",
        "box_cells_range": "cells along a box's longer side, whole numbers",
        "probability_range": "of a cell to be hidden",
    }
    limits: ClassVar[Mapping[str, Range]] = {
        "cells_range": (1.0, 200.0),
        "box_cells_range": (1.0, 20.0),
        "probability_range": (0.01, 0.99),
    }
    cells_range: Range = (16.0, 40.0)
    box_cells_range: Range = (3.0, 5.0)
    probability_range: Range = (0.1, 0.3)

    def check(self) -> None:
        """Check fill and where, and that numbers of cells are whole.

        Raises:
            UsageError: One is not, or there is no such.
        """
        super().check()
        check_whole("hide_and_seek.cells_range", self.cells_range)
        check_whole("hide_and_seek.box_cells_range", self.box_cells_range)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw ``cells`` and ``box_cells`` where they are needed, ``probability`` and ``seed``."""
        if self._nowhere(scene):
            return None
        params: dict[str, float] = {}
        if self.where != "boxes":
            params["cells"] = draw_whole(rng, self.cells_range)
        if self.where != "image":
            params["box_cells"] = draw_whole(rng, self.box_cells_range)
        return {**params, "probability": draw(rng, self.probability_range), "seed": draw_seed(rng)}

    def holes(self, params: Params, size: tuple[int, int], xyxy: FloatArray) -> FloatArray:
        """The hidden cells."""
        found = [np.zeros((0, 4))]
        for key, regions in (("cells", erasing.whole(size)), ("box_cells", geometry.clip(xyxy, size))):
            if key in params:
                found.append(
                    erasing.hidden_cells(size, regions, params[key], params["probability"], params["seed"])
                )
        return np.concatenate(found)


@dataclass(frozen=True)
class GridMask(_Erase):
    """Squares at equal distances.

    Chen, Liu, Zhao, Jia: GridMask Data Augmentation, 2020, without its turn of the grid. Of a picture
    kept² − 2·kept + 1 is hidden, evenly, so no face is hidden whole unless it is smaller than a square.
    """

    name: ClassVar[str] = "grid_mask"
    title: ClassVar[str] = "squares of a grid are hidden"
    unit: ClassVar[Mapping[str, str]] = {
        "period_range": "from a square to the next, fraction of the copy's shorter side",
        "kept_range": "part of that way that is not hidden",
    }
    limits: ClassVar[Mapping[str, Range]] = {"period_range": (0.01, 2.0), "kept_range": (0.1, 0.95)}
    period_range: Range = (0.05, 0.15)
    kept_range: Range = (0.5, 0.7)

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params:
        """Draw ``period``, ``kept``, and ``x`` and ``y`` of the first square in periods."""
        del scene
        return {
            "period": draw(rng, self.period_range),
            "kept": draw(rng, self.kept_range),
            "x": round(rng.random(), 4),
            "y": round(rng.random(), 4),
            **self._noise_seed(rng),
        }

    def holes(self, params: Params, size: tuple[int, int], xyxy: FloatArray) -> FloatArray:
        """The squares."""
        del xyxy
        return erasing.grid(size, params["period"], params["kept"], (params["x"], params["y"]))
