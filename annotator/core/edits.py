"""Edits: values that say how the session changes, and how it changes back."""

from __future__ import annotations

from dataclasses import dataclass

from converters.model import Box


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
    def changes_something(self) -> bool:
        """False for an edit that leaves everything as it is."""
        return self.before != self.after


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
