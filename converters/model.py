"""The data set in memory: frozen values that every room shares.

Coordinates are pixels of the picture as it is shown (EXIF orientation applied), as floats, with the
origin at the top left corner of the top left pixel: a box that covers a W × H picture is (0, 0, W, H).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path

from converters.colours import ClassColours, Rgb
from converters.path_text import keep_as_text

Xyxy = tuple[float, float, float, float]


class Split(StrEnum):
    """The three parts of a data set; only train is ever augmented."""

    TRAIN = "train"
    VAL = "val"
    TEST = "test"


@dataclass(frozen=True, slots=True)
class Box:
    """One labelled box. Ground truth has no confidence, a prediction has one.

    Attributes:
        xyxy: Left, top, right, bottom in float pixels, left < right and top < bottom.
        label: Class name (ids live in files only).
        confidence: 0 to 1 for a prediction, None for ground truth.
        flags: Names of the flags that are set, out of ``difficult``, ``truncated``, ``occluded``, ``crowd``.
        origin: Index of the element in the file this box was read from. A codec keeps what it does not
            know about that element when the box is edited. Not part of equality: it says where a box
            came from, not what it is. A copy of a box has none.
    """

    xyxy: Xyxy
    label: str
    confidence: float | None = None
    flags: frozenset[str] = frozenset()
    origin: int | None = field(default=None, compare=False)

    @property
    def width(self) -> float:
        """Width in pixels."""
        return self.xyxy[2] - self.xyxy[0]

    @property
    def height(self) -> float:
        """Height in pixels."""
        return self.xyxy[3] - self.xyxy[1]

    def moved_to(self, xyxy: Xyxy) -> Box:
        """The same box with other edges."""
        return replace(self, xyxy=xyxy)

    def relabelled(self, label: str) -> Box:
        """The same box with another class name."""
        return replace(self, label=label)

    def flagged(self, flags: frozenset[str]) -> Box:
        """The same box with other flags."""
        return replace(self, flags=flags)

    def duplicated(self) -> Box:
        """A new box with the same content and no origin."""
        return replace(self, origin=None)


@dataclass(frozen=True, slots=True)
class AnnotatedImage:
    """One picture with its boxes.

    Attributes:
        key: Path relative to the set's root without extension, with ``/`` (``images/maksssksksss0``).
        path: The picture's file.
        size: (width, height) in pixels as shown.
        boxes: In the order of the label file.
        split: Which part of the set it is in, or None while the set is not split.
        annotation: The label file that belongs to the picture (whether or not it exists yet).
        labelled: True where a label file exists (an empty one says "nothing here"), else False.
        origin: Index of the picture's entry in a label file that holds many pictures. Like the origin of a
            box it says where the image came from and is no part of equality.
        reviewed: Whether the label file says that a person has looked at it (``verified`` of labelImg).
    """

    key: str
    path: Path
    size: tuple[int, int]
    boxes: tuple[Box, ...] = ()
    split: Split | None = None
    annotation: Path | None = None
    labelled: bool = True
    origin: int | None = field(default=None, compare=False)
    reviewed: bool = False

    @property
    def name(self) -> str:
        """The file's name, for people."""
        return str(_PATH.__get__(self)).rpartition("/")[2]

    @property
    def annotation_text(self) -> str | None:
        """The same as ``annotation``, without the time that it takes to make a Path."""
        text: str | None = _ANNOTATION.__get__(self)
        return text

    def with_boxes(self, boxes: tuple[Box, ...]) -> AnnotatedImage:
        """The same picture with other boxes."""
        return replace(self, boxes=boxes)


_PATH, _ANNOTATION = keep_as_text(AnnotatedImage, "path"), keep_as_text(AnnotatedImage, "annotation")


@dataclass(frozen=True, slots=True)
class Dataset:
    """Pictures, their boxes, and the pinned order of the class names (a class id is its index here).

    Attributes:
        root: The folder the set lies in.
        format: Name of the codec it was read with (``voc``, ``yolo``, …).
        images: In natural order of their keys.
        class_names: Every class, also those without a box.
        chosen_colours: Colours of classes that a person chose. They are no part of equality.
    """

    root: Path
    format: str
    images: tuple[AnnotatedImage, ...]
    class_names: tuple[str, ...]
    chosen_colours: Mapping[str, Rgb] = field(default_factory=dict, compare=False)

    def __len__(self) -> int:
        return len(self.images)

    def __iter__(self) -> Iterator[AnnotatedImage]:
        return iter(self.images)

    @property
    def colours(self) -> ClassColours:
        """The colours of its classes."""
        return ClassColours(self.class_names, self.chosen_colours)

    @property
    def box_count(self) -> int:
        """Number of boxes in all images."""
        return sum(len(image.boxes) for image in self.images)

    def in_split(self, split: Split | None) -> tuple[AnnotatedImage, ...]:
        """The images of one split (None: those not split yet)."""
        return tuple(image for image in self.images if image.split == split)
