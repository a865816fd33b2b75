"""Policies: which operations a copy may get, how strong, and how boxes follow.

A copy is a function of the image's name, the copy's index, the seed and the policy, and of nothing else.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

import numpy as np

from augment.functional import BoxRule, Canvas, Fill
from augment.recipe import Recipe, Step
from augment.transforms import TRANSFORMS, Blur, Brightness, Exposure, Range, Rotation, Shear, Transform
from converters.errors import UsageError

VERSION = 1
"""Of a policy's meaning: it goes up when the same policy and seed would give other copies."""

_CHOICES = {"canvas": get_args(Canvas), "boxes": get_args(BoxRule), "fill": get_args(Fill)}
_KEYS = ("version", "operations", "operations_per_copy", "canvas", "boxes", "min_visible", "fill")


def _known(data: Mapping[str, Any], keys: tuple[str, ...], where: str) -> Mapping[str, Any]:
    for key in data:
        if key not in keys:
            raise UsageError(f"{where}{key}: no such key; there are {', '.join(keys)}.")
    return data


def _range(value: Any, where: str) -> Range:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise UsageError(f"{where}: must be two numbers, [smallest, largest], not {value!r}.")
    return (_number(value[0], where), _number(value[1], where))


def _number(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not np.isfinite(value):
        raise UsageError(f"{where}: {value!r} is not a number.")
    return float(value)


@dataclass(frozen=True)
class Policy:
    """What augmentation does to a copy. :data:`STUDY` is the default.

    Attributes:
        operations: What is drawn from; each kind once, kept in the order of :data:`TRANSFORMS`.
        operations_per_copy: How many different ones a copy gets.
        canvas: ``grow`` (no face is lost) or ``same`` (size of the original).
        boxes: ``ellipse`` (hugs a turned face) or ``corners`` (holds the turned box).
        min_visible: A box of which a smaller part is left in the picture is dropped, 0 to 1.
        fill: ``smooth``, ``mean`` or ``grey``: what lies in the corners of a turned picture.
        version: :data:`VERSION`.
    """

    operations: tuple[Transform, ...] = (Blur(), Exposure(), Brightness(), Rotation(), Shear())
    operations_per_copy: int = 2
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
        names = [operation.name for operation in self.operations]
        if not names:
            raise UsageError("operations: a policy needs at least one.")
        if len(set(names)) < len(names):
            raise UsageError("operations: each kind may stand there once.")
        order = list(TRANSFORMS)
        ordered = sorted(self.operations, key=lambda operation: order.index(operation.name))
        object.__setattr__(self, "operations", tuple(ordered))
        count = self.operations_per_copy
        if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= len(names):
            raise UsageError(
                f"operations_per_copy: {count!r} must be a whole number from 1 to {len(names)}, "
                "the number of operations in the policy."
            )
        for key, choices in _CHOICES.items():
            if getattr(self, key) not in choices:
                raise UsageError(f"{key}: {getattr(self, key)!r} is none of {', '.join(choices)}.")
        if not 0 <= _number(self.min_visible, "min_visible") <= 1:
            raise UsageError(f"min_visible: {self.min_visible!r} must be from 0 to 1.")
        if self.version != VERSION or isinstance(self.version, bool):
            raise UsageError(
                f"version: {self.version!r} is not known; this program writes and reads {VERSION}."
            )

    def as_dict(self) -> dict[str, Any]:
        """The policy in plain types; :meth:`from_dict` reads it back."""
        return {
            "version": self.version,
            "operations": {operation.name: operation.as_dict() for operation in self.operations},
            "operations_per_copy": self.operations_per_copy,
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
            raise UsageError("a policy must be a JSON object.")
        values = dict(_known(data, _KEYS, ""))
        if "operations" in values:
            operations = values["operations"]
            if not isinstance(operations, Mapping):
                raise UsageError("operations: must be an object of operations and their ranges.")
            _known(operations, tuple(TRANSFORMS), "operations.")
            values["operations"] = tuple(_operation(name, entry) for name, entry in operations.items())
        return cls(**values)

    def draw(self, seed: int, name: str, index: int, shape: tuple[int, ...]) -> Recipe:
        """Draw what one copy gets.

        Args:
            seed: The run's seed, at least 0.
            name: File name of the picture, the same on every machine.
            index: Which copy, from 1.
            shape: The picture's (height, width, …).
        """
        rng = copy_rng(seed, name, index)
        pool = list(self.operations)
        # Drawn without replacement with nothing but random(): the one stream NumPy does not change.
        chosen = [pool.pop(int(rng.random() * len(pool))) for _ in range(self.operations_per_copy)]
        steps = tuple(Step(transform, transform.get_params(rng, shape)) for transform in chosen)
        return Recipe(steps, self.canvas, self.boxes, self.min_visible, self.fill)


STUDY = Policy()
"""The study's: two of blur to 2 px, exposure ±50 %, brightness ±40 %, rotation 0–90°, shear ±15°."""


def stable_hash(name: str) -> int:
    """64 bits of BLAKE2b of a name: the same in every process and on every machine, unlike ``hash``."""
    return int.from_bytes(
        hashlib.blake2b(name.encode("utf-8", "surrogateescape"), digest_size=8).digest(), "big"
    )


def copy_rng(seed: int, name: str, index: int) -> np.random.Generator:
    """The generator of one copy: independent of all others, whoever makes them and in whatever order."""
    sequence = np.random.SeedSequence(seed, spawn_key=(stable_hash(name), index))
    return np.random.Generator(np.random.PCG64(sequence))


def read_policy(path: Path) -> Policy:
    """The policy in a JSON file.

    Raises:
        UsageError: It cannot be read, is no JSON, or a key in it is wrong.
    """
    try:
        data = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"the policy cannot be read: {error.strerror}.", path=path) from error
    except json.JSONDecodeError as error:
        raise UsageError(f"is not JSON: {error.msg}.", path=path, line=error.lineno) from error
    except (UnicodeDecodeError, RecursionError) as error:
        raise UsageError("is not JSON text in UTF-8.", path=path) from error
    try:
        return Policy.from_dict(data)
    except UsageError as error:
        raise UsageError(
            error.message, path=path, hint="augment-cli --show-policy prints a valid one."
        ) from error


def _operation(name: str, entry: Any) -> Transform:
    kind = TRANSFORMS[name]
    where = f"operations.{name}"
    if not isinstance(entry, Mapping):
        raise UsageError(f"{where}: must be an object of ranges.")
    ranges = tuple(kind().ranges())
    _known(entry, (*ranges, "minimum"), f"{where}.")
    values: dict[str, Any] = {}
    for key, value in entry.items():
        values[key] = _range(value, f"{where}.{key}") if key in ranges else _number(value, f"{where}.{key}")
    try:
        return kind(**values)
    except UsageError as error:
        raise UsageError(f"operations.{error.message}") from error
