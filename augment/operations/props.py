"""Props: faces get sunglasses, hats, hands and scarves, so that a detector learns what they hide."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from augment.prop_files import Prop
from augment.prop_plan import DEFAULT_RULES, PlacedProp, PropPolicy, PropRule, plan_props
from augment.props import EYES, MAX_COVER, MIN_SIDE, Worn, cover_of, draw_prop, load_props, reach
from augment.transforms import Params, PasteTransform, PictureOf, Range, Scene
from converters.errors import UsageError
from converters.geometry import FloatArray
from converters.images import RgbImage

KINDS = tuple(rule.kind for rule in DEFAULT_RULES)
"""Kinds of props that are shipped."""

_WEIGHTS = {rule.kind: rule.weight for rule in DEFAULT_RULES}

_TRIES = 4
"""How often the faces of a copy are gone through, before it is left without a prop."""


@dataclass(frozen=True)
class Props(PasteTransform):
    """Things in front of faces, drawn by hand and fitted to the face box (see :mod:`augment.props`).

    A prop may hide what a label says (a scarf before the mouth of a face without a mask). How much of a box
    may be covered has a limit, and the person says which classes wear what.
    """

    name: ClassVar[str] = "props"
    title: ClassVar[str] = "glasses, hats, hands and scarves on faces"
    limits: ClassVar[Range] = (0.0, 1.0)
    remarks: ClassVar[Mapping[str, str]] = {
        "kinds": "which are worn",
        "chance": "part of a copy's faces that wear one; at least one does",
        "max_cover": "part of a face box that props may cover",
        "eyes": "height of the eyes in the set's boxes: 0.2 from forehead to chin, 0.4 from crown to chin",
        "min_side": "pixels; smaller faces wear nothing",
        "glasses_classes": "classes that wear glasses; none named: all",
        "hat_classes": "likewise for hats",
        "hand_classes": "likewise for hands, which come before nose and mouth",
        "scarf_classes": "likewise for scarves, which come before the chin",
        "folder": "a folder of your own props instead of the shipped ones",
    }
    depends: ClassVar[bool] = True
    kinds: tuple[str, ...] = KINDS
    chance: float = 0.5
    max_cover: float = MAX_COVER
    eyes: float = EYES
    min_side: float = MIN_SIDE
    glasses_classes: tuple[str, ...] = ()
    hat_classes: tuple[str, ...] = ()
    hand_classes: tuple[str, ...] = ()
    scarf_classes: tuple[str, ...] = ()
    folder: str = ""

    def check(self) -> None:
        """Check what is no range.

        Raises:
            UsageError: Names the key that is wrong.
        """
        if not self.kinds or len(set(self.kinds)) < len(self.kinds):
            raise UsageError(
                f"{self.name}.kinds: must name some kinds, each once; there are {', '.join(KINDS)}."
            )
        if not self.folder:
            for kind in self.kinds:
                if kind not in KINDS:
                    raise UsageError(f"{self.name}.kinds: {kind!r} is none of {', '.join(KINDS)}.")
        if not 0 < self.chance <= 1:
            raise UsageError(f"{self.name}.chance: {self.chance:g} must be above 0, up to 1.")
        self._policy()

    def check_classes(self, class_names: Sequence[str]) -> None:
        """Check that the set has the classes that are named.

        Raises:
            UsageError: It has not.
        """
        for kind in KINDS:
            for label in self._classes(kind):
                if label not in class_names:
                    raise UsageError(
                        f"{self.name}.{kind}_classes: {label!r} is no class of the set.",
                        hint=f"Its classes are {', '.join(class_names)}.",
                    )

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw who wears what; None where no face can wear anything."""
        policy, props = self._policy(), _props_in(self.folder)
        worn: tuple[PlacedProp, ...] = ()
        for _ in range(_TRIES):
            worn = plan_props(rng, scene.boxes, props, policy)
            if worn:
                break
        if not worn:
            return None
        return {
            "worn": [
                {
                    "prop": one.prop.name,
                    "face": [round(edge, 3) for edge in scene.boxes[one.box].xyxy],
                    **one.params,
                }
                for one in worn
            ]
        }

    def hidden(self, params: Params, xyxy: FloatArray) -> FloatArray:
        """Which part of each box is covered, counted on the drawn props themselves."""
        worn = self._worn(params)
        result = np.zeros(len(xyxy))
        for place, (x1, y1, x2, y2) in enumerate(xyxy.tolist()):
            near = []
            for one in worn:
                left, top, right, bottom = reach(*one)
                if left < x2 and top < y2 and right > x1 and bottom > y1:
                    near.append(one)
            if near and x2 > x1 and y2 > y1:
                result[place] = cover_of((x1, y1, x2, y2), near)
        return result

    def paste(self, rgb: RgbImage, params: Params, picture_of: PictureOf) -> RgbImage:
        """Draw them, each in its face's light."""
        del picture_of
        for face, prop, drawn in self._worn(params):
            rgb = draw_prop(rgb, face, prop, drawn)
        return rgb

    def _worn(self, params: Params) -> list[Worn]:
        by_name = {prop.name: prop for prop in _props_in(self.folder)}
        worn: list[Worn] = []
        for one in params["worn"]:
            x1, y1, x2, y2 = one["face"]
            worn.append(((x1, y1, x2, y2), by_name[one["prop"]], one))
        return worn

    def _policy(self) -> PropPolicy:
        rules = tuple(
            PropRule(kind, _WEIGHTS.get(kind, 1.0), include=self._classes(kind), max_cover=self.max_cover)
            for kind in self.kinds
        )
        return PropPolicy(rules, self.chance, self.eyes, self.min_side)

    def _classes(self, kind: str) -> tuple[str, ...]:
        named: Any = getattr(self, f"{kind}_classes", ())
        return tuple(named)


@lru_cache(maxsize=8)
def _props_in(folder: str) -> tuple[Prop, ...]:
    return load_props(Path(folder) if folder else None)
