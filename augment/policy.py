"""Policies: which operations a copy may get, how strong, and how boxes follow.

A copy is a function of the image's name, the copy's index, the seed and the policy, and of nothing else;
one that uses other training pictures is a function of the training split too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, get_args

import numpy as np

from augment.functional import BoxRule, Canvas, Fill
from augment.operations import TRANSFORMS, kind_named
from augment.operations.colour import Blur, Brightness, Exposure
from augment.operations.geometry import Rotation, Shear
from augment.recipe import Recipe, Step
from augment.transforms import Range, Scene, Transform
from converters.errors import UsageError

VERSION = 1
"""Of a policy's meaning: it goes up when the same policy and seed would give other copies."""

CHOICES = {"canvas": get_args(Canvas), "boxes": get_args(BoxRule), "fill": get_args(Fill)}
_KEYS = ("version", "operations", "operations_per_copy", "also", "canvas", "boxes", "min_visible", "fill")


@dataclass(frozen=True)
class Chance:
    """An operation that a copy gets beside the drawn ones, with a probability.

    Attributes:
        transform: The operation.
        probability: Above 0, up to 1.
    """

    transform: Transform
    probability: float = 1.0

    def __post_init__(self) -> None:
        """Check the probability.

        Raises:
            UsageError: It is not above 0 and at most 1.
        """
        if not 0 < self.probability <= 1:
            raise UsageError(
                f"also.{self.transform.name}.probability: {self.probability!r} must be above 0, up to 1."
            )


@dataclass(frozen=True)
class Policy:
    """What augmentation does to a copy. :data:`STUDY` is the default.

    Attributes:
        operations: What is drawn from; each kind once, kept in the order of the list of operations.
        operations_per_copy: How many different ones a copy gets.
        also: What a copy gets beside them.
        canvas: ``grow`` (no face is lost) or ``same`` (size of the original).
        boxes: ``ellipse`` (hugs a turned face) or ``corners`` (holds the turned box).
        min_visible: A box of which a smaller part is left in the picture is dropped, 0 to 1.
        fill: ``smooth``, ``mean`` or ``grey``: what lies in the corners of a turned picture.
        version: :data:`VERSION`.
    """

    operations: tuple[Transform, ...] = (Blur(), Exposure(), Brightness(), Rotation(), Shear())
    operations_per_copy: int = 2
    also: tuple[Chance, ...] = ()
    canvas: Canvas = "grow"
    boxes: BoxRule = "ellipse"
    min_visible: float = 0.3
    fill: Fill = "smooth"
    version: int = VERSION

    def __post_init__(self) -> None:
        """Check the values and bring the operations in order.

        Raises:
            UsageError: Names the key that is wrong.
        """
        if not self.operations and not self.also:
            raise UsageError("operations: a policy needs at least one.")
        object.__setattr__(self, "operations", _ordered(self.operations, "operations"))
        chances = {chance.transform.name: chance for chance in self.also}
        ordered = _ordered([chance.transform for chance in self.also], "also")
        object.__setattr__(self, "also", tuple(chances[transform.name] for transform in ordered))
        count, most = self.operations_per_copy, len(self.operations)
        if isinstance(count, bool) or not isinstance(count, int) or not min(1, most) <= count <= most:
            raise UsageError(
                f"operations_per_copy: {count!r} must be a whole number from {min(1, most)} to {most}, "
                "the number of operations in the policy."
            )
        for key, choices in CHOICES.items():
            if getattr(self, key) not in choices:
                raise UsageError(f"{key}: {getattr(self, key)!r} is none of {', '.join(choices)}.")
        if not 0 <= _number(self.min_visible, "min_visible") <= 1:
            raise UsageError(f"min_visible: {self.min_visible!r} must be from 0 to 1.")
        if self.version != VERSION or isinstance(self.version, bool):
            raise UsageError(
                f"version: {self.version!r} is not known; this program writes and reads {VERSION}."
            )

    @property
    def all_transforms(self) -> tuple[Transform, ...]:
        """Every operation a copy may get."""
        return (*self.operations, *(chance.transform for chance in self.also))

    def as_dict(self) -> dict[str, Any]:
        """The policy in plain types; :meth:`from_dict` reads it back."""
        also = {
            chance.transform.name: {"probability": chance.probability, **chance.transform.as_dict()}
            for chance in self.also
        }
        return {
            "version": self.version,
            "operations": {operation.name: operation.as_dict() for operation in self.operations},
            "operations_per_copy": self.operations_per_copy,
            **({"also": also} if also else {}),
            "canvas": self.canvas,
            "boxes": self.boxes,
            "min_visible": self.min_visible,
            "fill": self.fill,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Policy:
        """A policy from what :meth:`as_dict` gives. What is not said is as in :data:`STUDY`.

        Raises:
            UsageError: Names the key that is wrong.
        """
        if not isinstance(data, Mapping):
            raise UsageError("a policy must be a mapping of keys to values.")
        values = dict(_known(data, _KEYS, ""))
        if "operations" in values:
            entries = _entries(values["operations"], "operations")
            values["operations"] = tuple(_operation(name, entry, "operations") for name, entry in entries)
            if not values["operations"]:
                values.setdefault("operations_per_copy", 0)
            values.setdefault("operations_per_copy", min(2, len(values["operations"])))
        if "also" in values:
            values["also"] = tuple(_chance(name, entry) for name, entry in _entries(values["also"], "also"))
        return cls(**values)

    def draw(self, seed: int, name: str, index: int, scene: Scene, further: Sequence[Step] = ()) -> Recipe:
        """Draw what one copy gets.

        An operation that cannot be done to this picture (there is no face to put a hat on) makes way for
        another one.

        Args:
            seed: The run's seed, at least 0.
            name: File name of the picture, the same on every machine.
            index: Which copy, from 1.
            scene: The picture and the others.
            further: Steps that this copy gets beside those of the policy.
        """
        rng = copy_rng(seed, name, index)
        pool = list(self.operations)
        steps = list(further)
        # Drawn without replacement with nothing but random(): the one stream NumPy does not change.
        if len(pool) <= self.operations_per_copy or not any(operation.depends for operation in pool):
            chosen = [pool.pop(int(rng.random() * len(pool))) for _ in range(self.operations_per_copy)]
            for operation in chosen:
                _draw_step(operation, rng, scene, steps)
        else:
            wanted = len(steps) + self.operations_per_copy
            while pool and len(steps) < wanted:
                _draw_step(pool.pop(int(rng.random() * len(pool))), rng, scene, steps)
        for chance in self.also:
            if rng.random() < chance.probability:
                _draw_step(chance.transform, rng, scene, steps)
        return Recipe(tuple(steps), self.canvas, self.boxes, self.min_visible, self.fill)


def stable_hash(name: str) -> int:
    """64 bits of BLAKE2b of a name: the same in every process and on every machine, unlike ``hash``."""
    return int.from_bytes(
        hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big"
    )


def copy_rng(seed: int, name: str, index: int) -> np.random.Generator:
    """The generator of one copy: independent of all others, whoever makes them and in whatever order."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stable_hash(name), index))
    return np.random.Generator(np.random.PCG64(sequence))


def _draw_step(transform: Transform, rng: np.random.Generator, scene: Scene, steps: list[Step]) -> None:
    """Draw a step and add it to the others, if it can be done to this picture."""
    pasted = tuple(box for step in steps for box in step.added)
    params = transform.get_params(rng, replace(scene, boxes=scene.boxes + pasted) if pasted else scene)
    if params is not None:
        steps.append(Step(transform, params))


def _ordered(transforms: Sequence[Transform], where: str) -> tuple[Transform, ...]:
    names = [transform.name for transform in transforms]
    if len(set(names)) < len(names):
        raise UsageError(f"{where}: each kind may stand there once.")
    order = {name: place for place, name in enumerate(TRANSFORMS)}
    return tuple(sorted(transforms, key=lambda one: (order.get(one.name, len(order)), one.name)))


def _known(data: Mapping[str, Any], keys: tuple[str, ...], where: str) -> Mapping[str, Any]:
    for key in data:
        if key not in keys:
            raise UsageError(f"{where}{key}: no such key; there are {', '.join(keys)}.")
    return data


def _entries(value: Any, where: str) -> list[tuple[str, Mapping[str, Any]]]:
    if not isinstance(value, Mapping):
        raise UsageError(f"{where}: must be a mapping of operations to their settings.")
    entries: list[tuple[str, Mapping[str, Any]]] = []
    for name, entry in value.items():
        if not isinstance(entry, Mapping | None):
            raise UsageError(f"{where}.{name}: must be a mapping of settings, not {entry!r}.")
        entries.append((str(name), entry or {}))
    return entries


def _chance(name: str, entry: Mapping[str, Any]) -> Chance:
    settings = dict(entry)
    probability = _number(settings.pop("probability", 1.0), f"also.{name}.probability")
    return Chance(_operation(name, settings, "also"), probability)


def _operation(name: str, entry: Mapping[str, Any], where: str) -> Transform:
    """An operation from its settings in a policy."""
    try:
        kind = kind_named(name)
    except UsageError as error:
        raise UsageError(f"{where}.{error.message}", hint=error.hint) from error
    where = f"{where}.{name}"
    try:
        return kind.from_settings(name, entry, where, _setting)
    except UsageError as error:
        message = error.message
        if not message.startswith(where):  # what an operation says of itself begins with its name, or not
            named = message.startswith((f"{name}.", f"{name}:"))
            message = f"{where.removesuffix(name)}{message}" if named else f"{where}: {message}"
        raise UsageError(message, hint=error.hint) from error


def _setting(default: Any, value: Any, where: str) -> Any:
    """A value of the kind that the default is."""
    if isinstance(default, bool):
        if not isinstance(value, bool):
            raise UsageError(f"{where}: {value!r} must be true or false.")
        return value
    if isinstance(default, int):
        if isinstance(value, bool) or not isinstance(value, int):
            raise UsageError(f"{where}: {value!r} must be a whole number.")
        return value
    if isinstance(default, float):
        return _number(value, where)
    if isinstance(default, str):
        if not isinstance(value, str):
            raise UsageError(f"{where}: {value!r} must be a word.")
        return value
    if where.endswith("_range"):
        return _range(value, where)
    if not isinstance(value, list | tuple) or not all(isinstance(entry, str) for entry in value):
        raise UsageError(f"{where}: {value!r} must be a list of names.")
    return tuple(value)


def _range(value: Any, where: str) -> Range:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise UsageError(f"{where}: must be two numbers, [smallest, largest], not {value!r}.")
    return (_number(value[0], where), _number(value[1], where))


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise UsageError(f"{where}: {value!r} is not a number.")
    return float(value)


STUDY = Policy()
"""The study's: two of blur to 2 px, exposure ±50 %, brightness ±40 %, rotation 0–90°, shear ±15°."""
