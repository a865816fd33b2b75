"""Edits: values that say how the session changes, and how it changes back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Generic, Self, TypeVar

from converters.colours import Rgb
from converters.model import Box, Split
from converters.words import counted

NUDGE = "nudge box"
"""Text of a step by an arrow key. Such steps of the same boxes that follow each other become one."""
NUDGE_EDGE = "nudge edge"
"""The same for a step of an edge."""

_Value = TypeVar("_Value")

ColourChange = tuple[str, Rgb | None, Rgb | None]
"""A class, its chosen colour before (None: that of its place in the order), and after."""


@dataclass(frozen=True, slots=True)
class SetBoxes:
    """Replace the boxes of one image: covers add, move, resize, relabel, delete, paste.

    Attributes:
        key: The image.
        before: Its boxes before the edit.
        after: Its boxes after it.
        text: What the person did, for the undo menu (``move box``).
    """

    key: str
    before: tuple[Box, ...]
    after: tuple[Box, ...]
    text: str

    def inverse(self) -> SetBoxes:
        """The edit that takes this one back."""
        return SetBoxes(self.key, self.after, self.before, self.text)

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that it is about."""
        return (self.key,)

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class EditMany:
    """One named edit over many images (``relabel 37 boxes``): all of it happens, or nothing.

    Attributes:
        edits: One for each image.
        text: What the person did.
    """

    edits: tuple[SetBoxes, ...]
    text: str

    def inverse(self) -> EditMany:
        """The edit that takes this one back."""
        return EditMany(tuple(edit.inverse() for edit in self.edits), self.text)

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that it is about."""
        return tuple(edit.key for edit in self.edits)

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return any(edit.changes_something for edit in self.edits)


@dataclass(frozen=True, slots=True)
class SetClasses:
    """Another list of classes, with what becomes of the boxes: add, rename, merge, reorder, delete.

    Built by the functions of :mod:`annotator.core.class_edits`.

    Attributes:
        before: The class names in their order before the edit.
        after: The same after it.
        edits: What happens to boxes, for each image with a box that changes.
        text: What the person did.
        colours: Chosen colours that change with it, so that every class goes on in the colour it had.
    """

    before: tuple[str, ...]
    after: tuple[str, ...]
    edits: tuple[SetBoxes, ...]
    text: str
    colours: tuple[ColourChange, ...] = ()

    def inverse(self) -> SetClasses:
        """The edit that takes this one back."""
        edits = tuple(edit.inverse() for edit in self.edits)
        return SetClasses(self.after, self.before, edits, self.text, _turned(self.colours))

    @property
    def keys(self) -> tuple[str, ...]:
        """The images of which a box changes."""
        return tuple(edit.key for edit in self.edits)

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return self.before != self.after or any(edit.changes_something for edit in self.edits)


@dataclass(frozen=True, slots=True)
class SetColours:
    """Give classes other colours.

    Attributes:
        changes: The classes with their colours before and after.
        text: What the person did.
    """

    changes: tuple[ColourChange, ...]
    text: str

    def inverse(self) -> SetColours:
        """The edit that takes this one back."""
        return SetColours(_turned(self.changes), self.text)

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that it is about: none."""
        return ()

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return any(before != after for _, before, after in self.changes)


@dataclass(frozen=True, slots=True)
class _SetOfEach(Generic[_Value]):
    """Say something of each of some images.

    Attributes:
        before: What was said of each before the edit: (key, value).
        after: The same after it.
        text: What the person did.
    """

    before: tuple[tuple[str, _Value], ...]
    after: tuple[tuple[str, _Value], ...]
    text: str

    def inverse(self) -> Self:
        """The edit that takes this one back."""
        return replace(self, before=self.after, after=self.before)

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that it is about."""
        return tuple(key for key, _ in self.after)

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return self.before != self.after


@dataclass(frozen=True, slots=True)
class SetReviewed(_SetOfEach[bool]):
    """Say of images that a person has (or has not) looked at their labels."""


@dataclass(frozen=True, slots=True)
class SetSplit(_SetOfEach[Split | None]):
    """Put images into a split by hand, or out of any (None)."""


@dataclass(frozen=True, slots=True)
class SetEmptyOnPurpose(_SetOfEach[bool]):
    """Say of images without boxes that there is nothing to label in them (or that nobody has looked yet).

    Attributes:
        reviewed_before: Which of them were reviewed, where that changes with it: (key, reviewed).
        reviewed_after: The same after the edit: who finds nothing has looked.
    """

    reviewed_before: tuple[tuple[str, bool], ...] = ()
    reviewed_after: tuple[tuple[str, bool], ...] = ()

    def inverse(self) -> Self:
        """The edit that takes this one back."""
        return replace(
            self,
            before=self.after,
            after=self.before,
            reviewed_before=self.reviewed_after,
            reviewed_after=self.reviewed_before,
        )

    @property
    def keys(self) -> tuple[str, ...]:
        """The images that it is about."""
        return tuple(dict.fromkeys(key for key, _ in (*self.after, *self.reviewed_after)))

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return self.before != self.after or self.reviewed_before != self.reviewed_after


@dataclass(frozen=True, slots=True)
class RemoveImages:
    """Move images with their labels to the set's trash.

    Attributes:
        keys: The images.
        folder: Name of the folder in the trash that takes them.
        text: What the person did.
    """

    keys: tuple[str, ...]
    folder: str
    text: str

    def inverse(self) -> RestoreImages:
        """The edit that takes this one back."""
        return RestoreImages(self.keys, self.folder, self.text)

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return bool(self.keys)


@dataclass(frozen=True, slots=True)
class RestoreImages:
    """Bring images back from the trash.

    Attributes:
        keys: The images.
        folder: Name of the folder in the trash that holds them.
        text: What the person did.
    """

    keys: tuple[str, ...]
    folder: str
    text: str

    def inverse(self) -> RemoveImages:
        """The edit that takes this one back."""
        return RemoveImages(self.keys, self.folder, self.text)

    @property
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return bool(self.keys)


Edit = (
    SetBoxes
    | EditMany
    | SetClasses
    | SetColours
    | SetReviewed
    | SetEmptyOnPurpose
    | SetSplit
    | RemoveImages
    | RestoreImages
)
"""Whatever the session can do and take back."""


def _turned(changes: tuple[ColourChange, ...]) -> tuple[ColourChange, ...]:
    return tuple((name, after, before) for name, before, after in changes)


def merged(first: Edit, second: Edit) -> SetBoxes | None:
    """Two steps by arrow keys as one; None where they are to be taken back one by one."""
    if not isinstance(first, SetBoxes) or not isinstance(second, SetBoxes):
        return None
    if first.text not in (NUDGE, NUDGE_EDGE) or first.text != second.text or first.key != second.key:
        return None
    if _places(first) != _places(second):
        return None
    return SetBoxes(first.key, first.before, second.after, second.text)


def add_box(key: str, boxes: tuple[Box, ...], box: Box) -> SetBoxes:
    """Append a box."""
    return SetBoxes(key, boxes, (*boxes, box), f"add {box.label} box")


def delete_boxes(key: str, boxes: tuple[Box, ...], indices: frozenset[int]) -> SetBoxes:
    """Remove the boxes at ``indices``."""
    after = tuple(box for index, box in enumerate(boxes) if index not in indices)
    count = len(boxes) - len(after)
    return SetBoxes(key, boxes, after, "delete box" if count == 1 else f"delete {count} boxes")


def relabel_boxes(key: str, boxes: tuple[Box, ...], indices: frozenset[int], label: str) -> SetBoxes:
    """Give the boxes at ``indices`` another class."""
    after = tuple(box.relabelled(label) if index in indices else box for index, box in enumerate(boxes))
    count = len(indices)
    what = "box" if count == 1 else f"{count} boxes"
    return SetBoxes(key, boxes, after, f"relabel {what} as {label}")


def paste_boxes(key: str, boxes: tuple[Box, ...], pasted: tuple[Box, ...], text: str) -> SetBoxes:
    """Append copies of ``pasted``; they have no origin in a file."""
    return SetBoxes(key, boxes, boxes + tuple(box.duplicated() for box in pasted), text)


def together(edits: Iterable[SetBoxes], what: str) -> EditMany:
    """Edits of several images as one.

    Args:
        edits: One for each image; those that change nothing are left out.
        what: What the person did, with ``{boxes}`` where the number of boxes goes (``relabel {boxes}``).
    """
    kept = tuple(edit for edit in edits if edit.changes_something)
    return EditMany(kept, what.format(boxes=counted(sum(map(_changed_boxes, kept)), "box", "boxes")))


def _places(edit: SetBoxes) -> list[int]:
    """Which boxes an edit changes that neither adds nor removes any."""
    return [i for i, (old, new) in enumerate(zip(edit.before, edit.after, strict=False)) if old != new]


def _changed_boxes(edit: SetBoxes) -> int:
    """How many boxes an edit is about."""
    left = list(edit.after)
    gone = 0
    for box in edit.before:
        if box in left:
            left.remove(box)
        else:
            gone += 1
    return max(gone, len(left))
