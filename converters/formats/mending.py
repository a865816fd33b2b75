"""What in a label file has one right answer and can be mended: edges while they are read, and bytes.

Reading with ``LoadOptions.mends`` takes boxes as they were meant and notes each here; the codec then writes
them over the file as it was.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from converters.errors import FormatError
from converters.model import Box, Xyxy

if TYPE_CHECKING:
    from converters.formats.loading import EdgesProblem

SENSIBLE_SIDE = 4.0
SENSIBLE_ASPECT = 6.0
"""What is left of a box that reaches far outside is taken for the object where its sides have at least 4
pixels and neither is more than 6 times the other: the rest would be no finding of its own."""

_BOM = b"\xef\xbb\xbf"
_FLOAT_ID = re.compile(rb"(?m)^([ \t]*[0-9]{1,9})\.0*(?=[ \t])")


@dataclass(frozen=True, slots=True)
class Mend:
    """A box that was read otherwise than it stands in its file.

    Attributes:
        code: Of the finding that it would have been.
        message: What was wrong, and what was done.
        path: The label file.
        line: In it, where known.
        key: Key of the picture.
        box: The box as the file has it.
        xyxy: Its edges now; None: it is no box, and goes.
    """

    code: str
    message: str
    path: Path
    line: int | None
    key: str
    box: Box
    xyxy: Xyxy | None


def mended_edges(
    xyxy: Xyxy, size: tuple[int, int], problem: EdgesProblem, *, rounding: float, far: bool
) -> tuple[Xyxy | None, str] | None:
    """The edges that were meant, and what is done to get there; None where that cannot be known.

    Args:
        xyxy: The edges as they stand in the file, in pixels.
        size: The picture's (width, height).
        problem: What is wrong with them.
        rounding: Part of a side by which a box may pass the edge without a word.
        far: Cut also boxes that reach far outside, where what is left is sensible.

    Returns:
        (edges, what was done); no edges where the box has no area at all.
    """
    from converters.formats.loading import clip_edges, edges_problem

    x1, y1, x2, y2 = xyxy
    if x1 == x2 or y1 == y2:
        return None, "removed"
    meant: Xyxy = (min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2))
    done = "" if meant == xyxy else "edges exchanged"
    left = edges_problem(meant, size, rounding=rounding)
    if left is None:
        return meant, done
    cut = clip_edges(meant, size)
    width, height = cut[2] - cut[0], cut[3] - cut[1]
    if min(width, height) <= 0:
        return None
    if left.fatal:
        sensible = min(width, height) >= SENSIBLE_SIDE and max(width, height) <= SENSIBLE_ASPECT * min(
            width, height
        )
        if not (far and sensible and problem.outside):
            return None
    return cut, f"{done}, and cut to the picture" if done else "cut to the picture"


def mended_bytes(format: str, data: bytes, size: tuple[int, int]) -> tuple[bytes, list[tuple[str, int, str]]]:
    """A picture's own label file without what is wrong with it as a file.

    Args:
        format: Name of its codec.
        data: Its bytes.
        size: The picture's (width, height).

    Returns:
        The new bytes (the same where nothing is wrong), and (code, line, what was done) for each change.
    """
    if format in ("yolo", "ultralytics"):
        return _mended_lines(data)
    if format == "voc":
        return _mended_size(data, size)
    return data, []


def renamed_categories(data: bytes, renames: Mapping[str, str]) -> tuple[bytes, list[tuple[str, int, str]]]:
    """A COCO file with other names for categories; their ids, and all else, stay.

    Args:
        data: The file's bytes.
        renames: New name by old one.

    Returns:
        As :func:`mended_bytes`.

    Raises:
        FormatError: The file is no JSON object with a list of categories.
    """
    import json

    from converters.formats.json_text import JsonText

    source = JsonText(data)
    top, _ = source.members(source.root())
    if "categories" not in top:
        return data, []
    edits: list[tuple[int, int, str]] = []
    done: list[tuple[str, int, str]] = []
    for element in source.elements(top["categories"].start)[0]:
        name = source.members(element.start)[0].get("name")
        if name is not None and isinstance(name.value, str) and name.value in renames:
            new = renames[name.value]
            edits.append((name.start, name.end, json.dumps(new, ensure_ascii=False)))
            text = f"class name {name.value!r} has blanks around it: now {new!r}"
            done.append(("class-blanks", source.line(name.start), text))
    return source.with_edits(edits), done


def _mended_lines(data: bytes) -> tuple[bytes, list[tuple[str, int, str]]]:
    done: list[tuple[str, int, str]] = []
    if data.startswith(_BOM):
        data = data.removeprefix(_BOM)
        done.append(("bom", 1, "begins with a byte order mark: removed"))
    for found in _FLOAT_ID.finditer(data):
        line = data.count(b"\n", 0, found.start()) + 1
        number = found.group(1).strip().decode()
        done.append(("class-float", line, f"class id {found.group().strip().decode()}: now {number}"))
    return _FLOAT_ID.sub(rb"\1", data), done


def _mended_size(data: bytes, size: tuple[int, int]) -> tuple[bytes, list[tuple[str, int, str]]]:
    """A VOC file that gives a size of 0 with the picture's."""
    from converters.formats import voc_document

    try:
        document = voc_document.parse(data)
    except FormatError:
        return data, []
    sides = [document.fields.get(f"size/{name}") for name in ("width", "height")]
    if any(side is None or not side.leaf for side in sides):
        return data, []
    found = [side for side in sides if side is not None]
    texts = [side.text for side in found]
    if not any(re.fullmatch(r"[+-]?0+(\.0*)?", text) for text in texts):
        return data, []
    edits = [document.set_text(side, str(value)) for side, value in zip(found, size, strict=True)]
    done = f"size {texts[0]}x{texts[1]}: now {size[0]}x{size[1]}, the picture's"
    return document.with_edits(edits), [("size-missing", found[0].line, done)]
