"""Which images a person has looked at, and of which it is said that there is nothing to label in them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from annotator.core.edits import SetEmptyOnPurpose, SetReviewed
from annotator.core.sidecar import Sidecar
from converters.errors import UsageError
from converters.formats.base import Codec
from converters.model import AnnotatedImage
from converters.words import counted


@dataclass(frozen=True, slots=True)
class ReviewCounts:
    """How far the review has come.

    Attributes:
        images: Number of images.
        reviewed: Of these, looked at by a person.
        labelled: With a box, or said to be empty.
        empty: Said to be empty.
    """

    images: int
    reviewed: int
    labelled: int
    empty: int

    @classmethod
    def of(cls, images: Iterable[AnnotatedImage]) -> ReviewCounts:
        """Count."""
        total = reviewed = labelled = empty = 0
        for image in images:
            total += 1
            reviewed += image.reviewed
            labelled += image.labelled
            empty += image.labelled and not image.boxes
        return cls(total, reviewed, labelled, empty)


class Marks:
    """The flags of a set.

    A format that has a place for a flag (Pascal VOC: ``verified``; an empty label file) says it in the label
    file. The sidecar says it for other formats, and for pictures without a label file.
    """

    def __init__(self, sidecar: Sidecar, codec: Codec) -> None:
        self._sidecar = sidecar
        self._codec = codec
        self._reviewed: set[str] = set()
        self._empty: dict[str, bool] = {}

    def load(self, images: Mapping[str, AnnotatedImage]) -> list[str]:
        """Read the flags; returns the images that the sidecar calls reviewed and no label file speaks of."""
        database = self._sidecar.database
        self._reviewed = {key for (key,) in database.execute("SELECT key FROM reviewed")}
        self._empty = {
            key: bool(empty) for key, empty in database.execute("SELECT key, empty FROM empty_on_purpose")
        }
        return [key for key in self._reviewed if key in images and not self._says(images[key])]

    def shown_on(self, image: AnnotatedImage) -> AnnotatedImage:
        """An image with the flag that the sidecar has for it."""
        return replace(image, reviewed=image.key in self._reviewed)

    def is_in_file(self, image: AnnotatedImage, field: Literal["reviewed", "labelled"]) -> bool:
        """Whether another value of a flag changes the label file."""
        return field == "labelled" or self._says(image)

    def stays_labelled(self, key: str, before: bool) -> bool:
        """Whether an image that has no box (any more) keeps its label file.

        Args:
            key: The image.
            before: Whether it had one before its first edit.
        """
        return self._empty.get(key, before)

    def note(self, key: str, field: Literal["reviewed", "labelled"], value: bool) -> None:
        """A flag is another one now."""
        if field == "labelled":
            self._empty[key] = value
        elif value:
            self._reviewed.add(key)
        else:
            self._reviewed.discard(key)

    def store(self, keys: Iterable[str]) -> None:
        """Write down the flags of images, inside a transaction of the sidecar."""
        database = self._sidecar.database
        for key in keys:
            if key in self._reviewed:
                database.execute("INSERT OR IGNORE INTO reviewed VALUES (?)", (key,))
            else:
                database.execute("DELETE FROM reviewed WHERE key = ?", (key,))
            if key in self._empty:
                row = (key, int(self._empty[key]))
                database.execute("INSERT OR REPLACE INTO empty_on_purpose VALUES (?, ?)", row)

    def reviewed_edit(self, images: Iterable[AnnotatedImage], reviewed: bool) -> SetReviewed:
        """The edit that says of images whether a person has looked at them."""
        changed = [image for image in images if image.reviewed != reviewed]
        before = tuple((image.key, image.reviewed) for image in changed)
        word = "reviewed" if reviewed else "not reviewed"
        return SetReviewed(
            before, tuple((key, reviewed) for key, _ in before), f"mark {_named(changed)} as {word}"
        )

    def empty_edit(self, images: Iterable[AnnotatedImage], empty: bool) -> SetEmptyOnPurpose:
        """The edit that says of images whether they are empty on purpose; those that are have been looked at.

        Raises:
            UsageError: One has boxes.
        """
        listed = list(images)
        for image in listed:
            if image.boxes:
                raise UsageError(
                    f"has {counted(len(image.boxes), 'box', 'boxes')}; it cannot be called empty.",
                    path=image.path,
                    hint="Delete the boxes first.",
                )
        changed = [image for image in listed if image.labelled != empty]
        seen = [image for image in listed if empty and not image.reviewed]
        before = tuple((image.key, image.labelled) for image in changed)
        word = "empty" if empty else "not labelled yet"
        return SetEmptyOnPurpose(
            before,
            tuple((key, empty) for key, _ in before),
            f"mark {_named(changed or seen)} as {word}",
            tuple((image.key, False) for image in seen),
            tuple((image.key, True) for image in seen),
        )

    def _says(self, image: AnnotatedImage) -> bool:
        """Whether the label file of an image says whether it was reviewed."""
        return self._codec.keeps.reviewed and image.labelled


def _named(images: list[AnnotatedImage]) -> str:
    return images[0].name if len(images) == 1 else counted(len(images), "picture")
