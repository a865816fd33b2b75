"""Which faces of a picture wear which prop: policy and draw, without any pixel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from augment.prop_files import Prop
from augment.props import EYES, MAX_COVER, MIN_SIDE, Worn, cover_of, prop_params, reach
from converters.errors import UsageError
from converters.model import Box, Xyxy

_ATTEMPTS = 4
"""How often a prop is drawn again where it would cover too much, before the face goes without."""


@dataclass(frozen=True)
class PropRule:
    """Which classes may wear a kind of prop.

    A thing in front of a face may hide what its label says, and only the person who labelled knows what that
    is. So: glasses and hats for all; what comes before nose and mouth covers a part at most; and the person
    says which classes are left out.

    Attributes:
        kind: Of props, such as ``glasses``.
        weight: How often this kind is drawn, relative to the others.
        include: Classes that may wear it; empty: all.
        exclude: Classes that may not.
        max_cover: Most of a face box that may be covered, by all props together, where one of this kind is
            among them; 0 to 1.
    """

    kind: str
    weight: float = 1.0
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()
    max_cover: float = MAX_COVER

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: Names the key that is wrong.
        """
        if not 0 <= self.max_cover <= 1:
            raise UsageError(f"props.{self.kind}.max_cover: {self.max_cover!r} must be from 0 to 1.")
        if not 0 <= self.weight < math.inf:
            raise UsageError(f"props.{self.kind}.weight: {self.weight!r} must be a number of at least 0.")
        if both := set(self.include) & set(self.exclude):
            raise UsageError(f"props.{self.kind}: {', '.join(sorted(both))} is included and excluded.")

    def allows(self, label: str) -> bool:
        """Whether a face with this label may wear it."""
        return label not in self.exclude and (not self.include or label in self.include)


DEFAULT_RULES = (
    PropRule("glasses"),
    PropRule("hat"),
    PropRule("hand", weight=0.6),
    PropRule("scarf", weight=0.6),
)


@dataclass(frozen=True)
class PropPolicy:
    """How props are given out.

    Attributes:
        rules: One for each kind; a kind without a rule is not worn.
        chance: The part of the faces that get one, 0 to 1.
        eyes: Height of the eyes in the set's face boxes; see :data:`augment.props.EYES`.
        min_side: Face boxes with a shorter side (pixels) get none.
    """

    rules: tuple[PropRule, ...] = DEFAULT_RULES
    chance: float = 0.4
    eyes: float = EYES
    min_side: float = MIN_SIDE

    def __post_init__(self) -> None:
        """Check the values.

        Raises:
            UsageError: Names the key that is wrong.
        """
        if not 0 <= self.chance <= 1:
            raise UsageError(f"props.chance: {self.chance!r} must be from 0 to 1.")
        if not 0 <= self.eyes <= 0.7:
            raise UsageError(f"props.eyes: {self.eyes!r} must be from 0 to 0.7 of a face box's height.")
        if not 0 <= self.min_side < math.inf:
            raise UsageError(f"props.min_side: {self.min_side!r} must be a number of pixels.")
        if len({rule.kind for rule in self.rules}) < len(self.rules):
            raise UsageError("props.rules: each kind may stand there once.")


@dataclass(frozen=True)
class PlacedProp:
    """A prop on the face of one box.

    Attributes:
        box: Index of the box.
        prop: The prop.
        params: What was drawn; plain values, as a manifest holds them.
    """

    box: int
    prop: Prop
    params: dict[str, Any]


def plan_props(
    rng: np.random.Generator,
    boxes: Sequence[Box],
    props: Sequence[Prop],
    policy: PropPolicy | None = None,
) -> tuple[PlacedProp, ...]:
    """Draw which faces wear what. Only ``rng.random()`` is used.

    No box, be it the wearer's or a neighbour's, is ever covered more than the rules of all props that
    touch it allow. Where a few attempts find no such place the face goes without.

    Args:
        rng: The copy's own generator.
        boxes: The picture's.
        props: What can be worn.
        policy: None: the default.
    """
    policy = policy or PropPolicy()
    rules = {rule.kind: rule for rule in policy.rules}
    placed: list[PlacedProp] = []
    for index, box in enumerate(boxes):
        chosen = rng.random() < policy.chance
        if not chosen or min(box.width, box.height) < policy.min_side:
            continue
        wearable = [
            prop
            for prop in props
            if prop.kind in rules and rules[prop.kind].weight and rules[prop.kind].allows(box.label)
        ]
        for _ in range(_ATTEMPTS if wearable else 0):
            prop = _draw_prop(rng, wearable, rules)
            trial = PlacedProp(index, prop, prop_params(rng, prop, policy.eyes))
            if _honest(trial, placed, boxes, rules):
                placed.append(trial)
                break
    return tuple(placed)


def _draw_prop(rng: np.random.Generator, props: Sequence[Prop], rules: dict[str, PropRule]) -> Prop:
    """A kind by its weight, then one of the kind."""
    kinds = sorted({prop.kind for prop in props})
    at = rng.random() * sum(rules[kind].weight for kind in kinds)
    drawn = kinds[-1]
    for kind in kinds:
        at -= rules[kind].weight
        if at < 0:
            drawn = kind
            break
    of_kind = [prop for prop in props if prop.kind == drawn]
    return of_kind[int(rng.random() * len(of_kind))]


def _honest(
    trial: PlacedProp, placed: Sequence[PlacedProp], boxes: Sequence[Box], rules: dict[str, PropRule]
) -> bool:
    """Whether every box stays visible enough with one prop more."""
    new = _worn(trial, boxes)
    for box in boxes:
        if not _touch(reach(*new), box.xyxy):
            continue
        near = [p for p in placed if _touch(reach(*_worn(p, boxes)), box.xyxy)]
        most = min(rules[p.prop.kind].max_cover for p in [trial, *near])
        if cover_of(box.xyxy, [*(_worn(p, boxes) for p in near), new]) > most:
            return False
    return True


def _worn(placed: PlacedProp, boxes: Sequence[Box]) -> Worn:
    return (boxes[placed.box].xyxy, placed.prop, placed.params)


def _touch(a: Xyxy, b: Xyxy) -> bool:
    return a[0] < b[2] and a[1] < b[3] and a[2] > b[0] and a[3] > b[1]
