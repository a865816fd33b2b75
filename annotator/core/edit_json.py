"""Edits and boxes as JSON, for the journal."""

from __future__ import annotations

import json
import zlib
from collections.abc import Sequence
from typing import Any

from annotator.core.edits import (
    ColourChange,
    Edit,
    EditMany,
    RemoveImages,
    RestoreImages,
    SetBoxes,
    SetClasses,
    SetColours,
    SetEmptyOnPurpose,
    SetReviewed,
    SetSplit,
)
from converters.colours import Rgb
from converters.errors import FormatError
from converters.model import Box, Split

VERSION = 1
"""Of what is written here; a newer one is not read."""

_SMALL = 1024
"""Bytes; what is longer is compressed."""
_LEVEL = 1

_MARKS = ("reviewed", "empty")
_IMAGES: dict[str, type[RemoveImages] | type[RestoreImages]] = {
    "remove": RemoveImages,
    "restore": RestoreImages,
}


def pack(value: Any) -> bytes:
    """JSON in few bytes."""
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")
    return data if len(data) <= _SMALL else zlib.compress(data, _LEVEL)


def unpack(data: bytes) -> Any:
    """What :func:`pack` was given.

    Raises:
        FormatError: The bytes are damaged.
    """
    try:
        # JSON begins with a bracket or a letter, zlib with 0x78 ("x").
        text = zlib.decompress(data) if data[:1] == b"x" else data
        return json.loads(text.decode("utf-8", "surrogatepass"))
    except (ValueError, zlib.error, RecursionError) as error:
        raise FormatError("an entry of the journal is damaged.", code="journal-damaged") from error


def boxes_to_json(boxes: Sequence[Box]) -> list[Any]:
    """Each box as a list: edges, label, origin, and flags and confidence where there are any."""
    rows: list[Any] = []
    for box in boxes:
        row: list[Any] = [*box.xyxy, box.label, box.origin]
        if box.flags or box.confidence is not None:
            row += [sorted(box.flags), box.confidence]
        rows.append(row)
    return rows


def boxes_from_json(rows: Any) -> tuple[Box, ...]:
    """The boxes of :func:`boxes_to_json`.

    Raises:
        ValueError, TypeError: It is something else.
    """
    boxes: list[Box] = []
    for row in rows:
        x1, y1, x2, y2, label, origin, *rest = row
        flags, confidence = rest if rest else ((), None)
        xyxy = (float(x1), float(y1), float(x2), float(y2))
        boxes.append(Box(xyxy, str(label), confidence, frozenset(flags), origin))
    return tuple(boxes)


def edit_to_json(edit: Edit) -> tuple[str, bytes]:
    """Kind and content of an edit, without its text."""
    match edit:
        case SetBoxes():
            return "boxes", pack(_one_to_json(edit))
        case EditMany():
            return "many", pack([_one_to_json(one) for one in edit.edits])
        case SetClasses():
            parts = [edit.before, edit.after, [_one_to_json(one) for one in edit.edits]]
            return "classes", pack([*parts, edit.colours] if edit.colours else parts)
        case SetColours():
            return "colours", pack(edit.changes)
        case SetReviewed():
            return "reviewed", pack([edit.before, edit.after])
        case SetEmptyOnPurpose():
            also = [edit.reviewed_before, edit.reviewed_after] if edit.reviewed_after else []
            return "empty", pack([edit.before, edit.after, *also])
        case SetSplit():
            return "split", pack([edit.before, edit.after])
        case RemoveImages():
            return "remove", pack([edit.keys, edit.folder])
        case RestoreImages():
            return "restore", pack([edit.keys, edit.folder])


def edit_from_json(kind: str, data: bytes, text: str) -> Edit:
    """The edit of :func:`edit_to_json`.

    Raises:
        FormatError: The entry is damaged, or of a kind that this version does not know.
    """
    value = unpack(data)
    try:
        if kind == "boxes":
            return _one_from_json(value, text)
        if kind == "many":
            return EditMany(tuple(_one_from_json(one, text) for one in value), text)
        if kind == "classes":
            before, after, edits, *colours = value
            changed = tuple(_one_from_json(one, text) for one in edits)
            return SetClasses(tuple(before), tuple(after), changed, text, _colours_from_json(*colours))
        if kind == "colours":
            return SetColours(_colours_from_json(value), text)
        if kind in _MARKS:
            before, after, *also = (tuple((str(key), bool(mark)) for key, mark in side) for side in value)
            if kind == "empty":
                return SetEmptyOnPurpose(before, after, text, *also)
            return SetReviewed(before, after, text)
        if kind == "split":
            before, after = (
                tuple((str(key), Split(split) if split else None) for key, split in side) for side in value
            )
            return SetSplit(before, after, text)
        if kind in _IMAGES:
            keys, folder = value
            return _IMAGES[kind](tuple(keys), str(folder), text)
    except (ValueError, TypeError) as error:
        raise FormatError("an entry of the journal is damaged.", code="journal-damaged") from error
    raise FormatError(
        f"an entry of the journal ({kind}) was written by a newer version of the tool.", code="journal-newer"
    )


def _colours_from_json(rows: Any = ()) -> tuple[ColourChange, ...]:
    return tuple((str(name), _rgb(before), _rgb(after)) for name, before, after in rows)


def _rgb(value: Any) -> Rgb | None:
    if value is None:
        return None
    red, green, blue = (min(max(int(part), 0), 255) for part in value)
    return (red, green, blue)


def _one_to_json(edit: SetBoxes) -> list[Any]:
    return [edit.key, boxes_to_json(edit.before), boxes_to_json(edit.after)]


def _one_from_json(value: Any, text: str) -> SetBoxes:
    key, before, after = value
    return SetBoxes(str(key), boxes_from_json(before), boxes_from_json(after), text)
