"""What an operation is: a small frozen value with its ranges.

``get_params(rng, scene)`` draws what one copy gets and is the only place with randomness; everything after
it is a pure function of the parameters, which are plain values that a manifest can hold. An operation says
by its :class:`Stage` when its turn comes (:mod:`augment.recipe` goes through the stages in their order) and
by its kind how it is carried out:

- :class:`PasteTransform` draws something on the picture as it was, with boxes of its own;
- :class:`ColourTransform` moves nothing; a look-up table where it can be one;
- :class:`LinearTransform` and :class:`WindowTransform` are composed into one resampling;
- :class:`ForeignTransform` leaves pixels and boxes to another library;
- :class:`CombineTransform` lays several pictures out on one;
- :class:`EraseTransform` hides parts.

The operations themselves are in :mod:`augment.operations`.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from enum import IntEnum
from functools import cached_property
from typing import Any, ClassVar, TypeVar

import numpy as np

from augment import functional
from augment.combining import Layout
from augment.functional import BoxRule, Table
from converters.errors import UsageError
from converters.geometry import FloatArray
from converters.images import RgbImage
from converters.model import AnnotatedImage, Box

T = TypeVar("T")

Params = Mapping[str, Any]
"""What was drawn: numbers, strings, lists and mappings of them, as JSON holds them."""

Range = tuple[float, float]

PictureOf = Callable[[str], RgbImage]
"""Gives the pixels of a training picture by its key."""


class Stage(IntEnum):
    """When an operation's turn comes, whatever the order in which they were drawn."""

    PASTE = 1
    COLOUR = 2
    GEOMETRY = 3
    FOREIGN = 4
    COMBINE = 5
    ERASE = 6
    SENSOR = 7


@dataclass(frozen=True)
class Donors:
    """The training pictures of which parts may be used in copies of others.

    Attributes:
        images: Labelled pictures in natural order.
        uses: How often each face, (key, index of the box), was pasted so far in this plan.
        picture_of: Gives the pixels of one, for what boxes do not tell (is a face blurred?); None: nobody
            does, and nothing is asked.
        known: What operations found out about the pictures and need not find out again.
    """

    images: tuple[AnnotatedImage, ...] = ()
    uses: Counter[tuple[str, int]] = field(default_factory=Counter, compare=False)
    picture_of: PictureOf | None = field(default=None, compare=False)
    known: dict[Any, Any] = field(default_factory=dict, compare=False)

    @cached_property
    def by_key(self) -> dict[str, AnnotatedImage]:
        """The pictures by key."""
        return {image.key: image for image in self.images}

    @cached_property
    def by_label(self) -> dict[str, list[tuple[str, int]]]:
        """Every box as (key, index), by label, in natural order."""
        found: dict[str, list[tuple[str, int]]] = {}
        for image in self.images:
            for index, box in enumerate(image.boxes):
                found.setdefault(box.label, []).append((image.key, index))
        return found

    @cached_property
    def _places(self) -> dict[str, int]:
        return {image.key: place for place, image in enumerate(self.images)}

    def draw_other(self, rng: np.random.Generator, key: str) -> AnnotatedImage | None:
        """Draw a picture that is not the one with this key; None where there is no other."""
        own = self._places.get(key)
        count = len(self.images) - (own is not None)
        if count < 1:
            return None
        place = int(rng.random() * count)
        return self.images[place + (own is not None and place >= own)]


@dataclass(frozen=True)
class Scene:
    """What an operation may look at while it draws.

    Attributes:
        key: Key of the picture that is copied.
        size: Its (width, height).
        boxes: Its boxes.
        donors: The training pictures.
        class_names: The set's classes in order.
    """

    size: tuple[int, int]
    key: str = ""
    boxes: tuple[Box, ...] = ()
    donors: Donors = field(default_factory=Donors)
    class_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Transform:
    """One operation.

    Every drawn strength lies in its ``*_range`` and, so that no copy is its source again by chance, is at
    least ``minimum`` from ``neutral``. Both ends belong to a range.

    Attributes:
        name: Its name in a policy.
        title: What it does, in a few words.
        unit: What the ranges count, for people (for ranges of different kinds: by field).
        limits: What a range may hold at most (or by field).
        stage: When its turn comes.
        neutral: The strength that changes nothing.
        remarks: What settings that are no ranges mean, for people.
        depends: Whether it depends on the picture if it can be done at all (it needs a face, or others).
        strengths: The ranges that the minimum is about; empty: all of them.
        minimum: Least distance from ``neutral`` that is drawn; 0 where an operation has no use for it.
    """

    name: ClassVar[str]
    title: ClassVar[str] = ""
    unit: ClassVar[str | Mapping[str, str]] = ""
    limits: ClassVar[Range | Mapping[str, Range]]
    stage: ClassVar[Stage]
    neutral: ClassVar[float] = 0.0
    remarks: ClassVar[Mapping[str, str]] = {}
    depends: ClassVar[bool] = False
    strengths: ClassVar[tuple[str, ...]] = ()
    minimum: float = 0.0

    def __post_init__(self) -> None:
        """Check the ranges and whatever else the operation has.

        Raises:
            UsageError: A range is upside down, beyond the limits, or all of it is weaker than the minimum.
        """
        if not (isinstance(self.minimum, int | float) and 0 <= self.minimum < math.inf):
            raise UsageError(f"{self.name}.minimum: {self.minimum!r} must be a number of at least 0.")
        ranges = self.ranges()
        for key, (low, high) in ranges.items():
            least, most = self.limits_of(key)
            if not (least <= low <= high <= most):
                raise UsageError(
                    f"{self.name}.{key}: [{low:g}, {high:g}] must be two numbers, the smaller first, "
                    f"within {least:g} to {most:g} ({self.unit_of(key)})."
                )
        strong = [ranges[key] for key in self.strengths or ranges]
        reach = max((abs(end - self.neutral) for pair in strong for end in pair), default=math.inf)
        if reach < self.minimum or (reach == 0 and type(self).minimum > 0):
            raise UsageError(
                f"{self.name}: its range ends {reach:g} from {self.neutral:g}, less than its minimum of "
                f"{self.minimum:g}: it would change nothing."
            )
        self.check()

    def check(self) -> None:
        """Check what is no range.

        Raises:
            UsageError: Names the key that is wrong.
        """

    @classmethod
    def from_settings(
        cls, name: str, entry: Mapping[str, Any], where: str, setting: Callable[[Any, Any, str], Any]
    ) -> Transform:
        """An operation from its settings in a policy.

        Args:
            name: Its name there.
            entry: Its settings.
            where: Path of its key, for messages.
            setting: Checks a value against the default's kind, and converts it: (default, value, where).

        Raises:
            UsageError: Names the key that is wrong.
        """
        del name
        known = {f.name: getattr(cls, f.name) for f in fields(cls)}
        if not cls.minimum:
            del known["minimum"]
        for key in entry:
            if key not in known:
                keys = ", ".join(sorted(known, key=lambda one: one == "minimum"))
                raise UsageError(f"{where}.{key}: no such key; there are {keys or 'none'}.")
        values = {key: setting(known[key], value, f"{where}.{key}") for key, value in entry.items()}
        return cls(**values)

    def ranges(self) -> dict[str, Range]:
        """The ranges by their field's name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name.endswith("_range")}

    @classmethod
    def limits_of(cls, key: str) -> Range:
        """What the range of this field may hold."""
        return cls.limits[key] if isinstance(cls.limits, Mapping) else cls.limits

    @classmethod
    def unit_of(cls, key: str) -> str:
        """What the range of this field counts."""
        return cls.unit.get(key, "") if isinstance(cls.unit, Mapping) else cls.unit

    def as_dict(self) -> dict[str, Any]:
        """Its settings in plain types; the minimum only where the operation knows one."""
        plain: dict[str, Any] = {}
        for f in fields(self):
            value = getattr(self, f.name)
            plain[f.name] = list(value) if isinstance(value, tuple) else value
        minimum = plain.pop("minimum")  # last: people look at the ranges first
        return {**plain, "minimum": minimum} if minimum or type(self).minimum else plain

    def get_params(self, rng: np.random.Generator, scene: Scene) -> Params | None:
        """Draw the parameters of one copy, with nothing but ``rng.random()``, whose stream NumPy keeps.

        Args:
            rng: The copy's own generator.
            scene: The picture that is copied, and the others.

        Returns:
            Plain values; None where the operation cannot be done to this picture.
        """
        raise NotImplementedError

    def check_classes(self, class_names: Sequence[str]) -> None:
        """Check that the set has the classes that the settings name.

        Raises:
            UsageError: It has not.
        """

    def donors_in(self, params: Params) -> tuple[str, ...]:
        """Keys of the other pictures whose pixels are needed."""
        del params
        return ()


class ColourTransform(Transform):
    """An operation that moves nothing."""

    stage: ClassVar[Stage] = Stage.COLOUR

    def table(self, params: Params) -> Table | None:
        """The look-up table of 256 that does it, None where no table can."""
        del params
        return None

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """The picture after the operation; the input stays as it is."""
        table = self.table(params)
        return rgb.copy() if table is None else functional.apply_table(rgb, table)

    def apply_to_boxes(self, xyxy: FloatArray, params: Params, size: tuple[int, int]) -> FloatArray:
        """The same boxes, in an array of their own."""
        del params, size
        return xyxy.copy()


class LinearTransform(Transform):
    """An operation on geometry about the picture's centre."""

    stage: ClassVar[Stage] = Stage.GEOMETRY

    def linear(self, params: Params) -> FloatArray:
        """The 2 × 2 matrix."""
        raise NotImplementedError

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """The picture after the operation alone, on a growing canvas; the input stays as it is."""
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

    def _alone(self, params: Params, size: tuple[int, int]) -> tuple[FloatArray, tuple[int, int]]:
        return functional.place_on_canvas(self.linear(params), size, "grow")


class WindowTransform(Transform):
    """An operation that looks at another part of the canvas, after all linear ones."""

    stage: ClassVar[Stage] = Stage.GEOMETRY

    def window(
        self, params: Params, size: tuple[int, int], xyxy: FloatArray
    ) -> tuple[FloatArray, tuple[int, int]]:
        """Where the canvas goes.

        Args:
            params: What was drawn.
            size: (width, height) of the canvas so far.
            xyxy: The boxes on it, shape (N, 4).

        Returns:
            A 2 × 3 matrix from the canvas so far to the new one, and the new one's (width, height).
        """
        raise NotImplementedError


class PasteTransform(Transform):
    """An operation that draws something on the picture as it was."""

    stage: ClassVar[Stage] = Stage.PASTE

    def added(self, params: Params) -> tuple[Box, ...]:
        """Boxes of what it draws."""
        del params
        return ()

    def hidden(self, params: Params, xyxy: FloatArray) -> FloatArray:
        """Which part of each box it hides.

        Args:
            params: What was drawn.
            xyxy: Boxes of the picture, shape (N, 4).

        Returns:
            0 to 1 for each box, shape (N,).
        """
        del params
        return np.zeros(len(xyxy))

    def paste(self, rgb: RgbImage, params: Params, picture_of: PictureOf) -> RgbImage:
        """The picture with it; the input stays as it is."""
        raise NotImplementedError


class ForeignTransform(Transform):
    """An operation of another library, carried out by itself."""

    stage: ClassVar[Stage] = Stage.FOREIGN

    def place(
        self, params: Params, size: tuple[int, int], xyxy: FloatArray, rule: BoxRule
    ) -> tuple[FloatArray, tuple[int, int]]:
        """Where the boxes go, without a look at the pixels.

        Args:
            params: What was drawn.
            size: (width, height) of the copy so far.
            xyxy: Its boxes, shape (N, 4).
            rule: How a box follows what it holds.

        Returns:
            The boxes, not clipped (the same array where nothing moves), and the new (width, height).
        """
        raise NotImplementedError

    def apply(self, rgb: RgbImage, params: Params) -> RgbImage:
        """The picture with it; the input stays as it is."""
        raise NotImplementedError


class CombineTransform(Transform):
    """An operation that puts parts of other training pictures beside or over this one."""

    stage: ClassVar[Stage] = Stage.COMBINE

    def layout(self, params: Params, size: tuple[int, int], sizes: Mapping[str, tuple[int, int]]) -> Layout:
        """Which picture goes where.

        Args:
            params: What was drawn.
            size: (width, height) of the copy so far.
            sizes: Of the other pictures, by key.
        """
        raise NotImplementedError


class EraseTransform(Transform):
    """An operation that hides parts of the copy."""

    stage: ClassVar[Stage] = Stage.ERASE

    def holes(self, params: Params, size: tuple[int, int], xyxy: FloatArray) -> FloatArray:
        """What is hidden.

        Args:
            params: What was drawn.
            size: (width, height) of the copy.
            xyxy: Its boxes, shape (N, 4).

        Returns:
            Rectangles on whole pixels, shape (M, 4); they may overlap.
        """
        raise NotImplementedError

    def erase(self, rgb: RgbImage, params: Params, holes: FloatArray) -> RgbImage:
        """The picture with the holes filled; the input stays as it is."""
        raise NotImplementedError


class SensorTransform(ColourTransform):
    """An operation of the camera or the file: the last thing that happens to a picture.

    Attributes:
        turn: Lower ones come first, whatever was drawn first: light is smeared before the sensor adds its
            noise, and the file is written last.
    """

    stage: ClassVar[Stage] = Stage.SENSOR
    turn: ClassVar[int] = 0


def draw(rng: np.random.Generator, limits: Range, minimum: float = 0.0, neutral: float = 0.0) -> float:
    """A number evenly drawn from a range without what lies nearer to ``neutral`` than ``minimum``.

    Only ``rng.random()`` is used, whose stream NumPy keeps. Four decimals are kept: a manifest says exactly
    what was done, and people can read it.
    """
    low, high = limits
    parts = [limits]
    if minimum > 0:
        parts = [(low, min(high, neutral - minimum)), (max(low, neutral + minimum), high)]
    parts = [(a, b) for a, b in parts if a <= b]
    at = rng.random() * sum(b - a for a, b in parts)
    for start, end in parts[:-1]:
        if at < end - start:
            return round(start + at, 4)
        at -= end - start
    start, end = parts[-1]
    return min(round(start + at, 4), end)


def draw_one(rng: np.random.Generator, choices: Sequence[T]) -> T:
    """One of several, each as likely as the others."""
    return choices[int(rng.random() * len(choices))]


def draw_whole(rng: np.random.Generator, limits: Range) -> int:
    """A whole number from a range, both ends belong to it, each as likely as the others."""
    low, high = int(limits[0]), int(limits[1])
    return low + int(rng.random() * (high - low + 1))


def draw_ratio(rng: np.random.Generator, limits: Range) -> float:
    """A ratio from a range of positive numbers, evenly in its logarithm: 1/2 is as likely as 2."""
    low, high = math.log(limits[0]), math.log(limits[1])
    drawn = round(math.exp(low + rng.random() * (high - low)), 4)
    return min(max(drawn, limits[0]), limits[1])


def draw_seed(rng: np.random.Generator) -> int:
    """A seed of its own for what is too much to be written down, such as noise."""
    return int(rng.random() * 2**32)


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Check a setting that is one of some words.

    Args:
        name: Operation and key, for the message.
        value: The setting.
        choices: The words.

    Raises:
        UsageError: It is none of them.
    """
    if value not in choices:
        raise UsageError(f"{name}: {value!r} is none of {', '.join(choices)}.")


def check_whole(name: str, limits: Range) -> None:
    """Check that a range's ends are whole numbers.

    Args:
        name: Operation and key, for the message.
        limits: The range.

    Raises:
        UsageError: One is not.
    """
    if any(end != int(end) for end in limits):
        raise UsageError(f"{name}: [{limits[0]:g}, {limits[1]:g}] must be two whole numbers.")
