"""Reading a JSON file that may be large or hostile, so that every complaint names its line."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from converters.errors import FormatError
from converters.formats.json_text import JsonText
from converters.reading import read_small_file

MAX_SHARED_BYTES = 512 * 1024 * 1024
"""Label files of many pictures above this are refused unread. The largest in use, COCO's own
instances_train2017.json, has 448 MiB; as Python values a file takes some ten times its size in memory."""

HEAD_BYTES = 64 * 1024
"""What is looked at to recognise a file."""

_MAX_DIGITS = 400
_BLANKS = re.compile(r"[ \t\n\r]*")
_HINTS = {
    "/": "JSON has no comments; remove them.",
    "#": "JSON has no comments; remove them.",
    "'": "Texts stand in double quotes.",
    "]": "Is there a comma before it?",
    "}": "Is there a comma before it?",
}


class DoubledDict(dict[str, Any]):
    """An object that has a key twice; of its values the last is kept.

    Attributes:
        doubled: The first such key.
    """

    doubled = ""


@dataclass(frozen=True, slots=True)
class JsonSpot:
    """A place in a document (see :class:`converters.formats.loading.Spot`).

    Attributes:
        document: The document.
        array: Key of an array of its root object; empty where the root itself is the array.
        index: Of the element in it.
        id: What the element calls itself, if anything.
        inside: The rest of the path (``.bbox``), or empty.
        at_line: Its line, where that is known; else the document is asked.
    """

    document: JsonDocument | None
    array: str
    index: int
    id: Any = None
    inside: str = ""
    at_line: int | None = None

    @property
    def name(self) -> str:
        """``annotations[0].bbox (id 7)``."""
        note = f" (id {self.id!r:.60})" if isinstance(self.id, int | float | str) else ""
        return f"{self.array}[{self.index}]{self.inside}{note}"

    @property
    def line(self) -> int | None:
        """1-based line on which the element begins."""
        if self.at_line is not None or self.document is None:
            return self.at_line
        return self.document.line(self.array, self.index)

    def at(self, inside: str) -> JsonSpot:
        """A place inside this element."""
        return JsonSpot(self.document, self.array, self.index, self.id, self.inside + inside, self.at_line)


class JsonDocument:
    """A JSON file as it was read.

    Attributes:
        path: The file.
        source: Its text; see :class:`converters.formats.json_text.JsonText` for edits.
        value: What it says. An object with a key twice is a :class:`DoubledDict`.
    """

    def __init__(self, data: bytes, path: Path) -> None:
        """Decode a file.

        Raises:
            FormatError: It is empty, no UTF-8 (with or without byte order mark), no JSON (the message gives
                line and column), or nested too deeply.
        """
        self.path = path
        self.source = JsonText(data)
        self._lines: dict[str, list[int]] = {}
        decoder = json.JSONDecoder(object_pairs_hook=object_of, parse_int=whole_number)
        try:
            self.value, end = decoder.raw_decode(self.source.text, self.source.root())
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, error.msg) from error
        except RecursionError as error:
            raise too_deep() from error
        rest = len(self.source.text) - len(self.source.text[end:].lstrip(" \t\n\r"))
        if rest < len(self.source.text):
            raise self._broken(rest, "something follows the end of the document")

    def spot(self, array: str, index: int, id: Any = None) -> JsonSpot:
        """A place in it; costs nothing until it is printed."""
        return JsonSpot(self, array, index, id)

    def line(self, array: str, index: int) -> int | None:
        """1-based line of an element of the array under a key of the root (empty: the root is the array)."""
        lines = self.lines(array)
        return lines[index] if index < len(lines) else None

    def lines(self, array: str) -> list[int]:
        """1-based lines of all elements of the array under a key of the root."""
        if array not in self._lines:
            self._lines[array] = self._lines_of(array)
        return self._lines[array]

    def key_line(self, key: str) -> int | None:
        """1-based line of the value under a key of the root object."""
        start = self._start_of(key)
        return self.source.line(start) if start is not None else None

    def _lines_of(self, array: str) -> list[int]:
        start = self._start_of(array) if array else self.source.root()
        text = self.source.text
        if start is None or text[start] != "[":
            return []
        lines: list[int] = []
        place = _skip(text, start + 1)
        while text[place] != "]":
            lines.append(self.source.line(place))
            place = _skip(text, _end_of(text, place))
            if text[place] == ",":
                place = _skip(text, place + 1)
        return lines

    def _start_of(self, key: str) -> int | None:
        """Where the value under a key of the root begins; of two such keys the last counts."""
        text, place = self.source.text, self.source.root()
        if text[place] != "{":
            return None
        found: int | None = None
        place = _skip(text, place + 1)
        while text[place] != "}":
            name, behind = _DECODER.raw_decode(text, place)
            place = _skip(text, _skip(text, behind) + 1)
            if name == key:
                found = place
            place = _skip(text, _end_of(text, place))
            if text[place] == ",":
                place = _skip(text, place + 1)
        return found

    def _broken(self, place: int, reason: str) -> FormatError:
        text = self.source.text
        line = self.source.line(place)
        column = place - (text.rfind("\n", 0, place) + 1) + 1
        rest = place < len(text.rstrip())
        return broken_json(line, column, reason, text[place] if rest else "")


def read_json(path: Path) -> JsonDocument:
    """Read a JSON file that holds the labels of many pictures.

    Raises:
        FormatError: It is missing, no regular file, larger than :data:`MAX_SHARED_BYTES` (which is found out
            before it is read), or no JSON; see :class:`JsonDocument`.
    """
    return JsonDocument(read_small_file(path, MAX_SHARED_BYTES), path)


def head_of(path: Path) -> bytes:
    """The first :data:`HEAD_BYTES` of a file; nothing where it cannot be read or is no regular file."""
    try:
        if not path.is_file():
            return b""
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError:
        return b""


def number_in(value: Any, what: str = "") -> float:
    """A JSON value that has to be a finite number.

    Args:
        value: The value.
        what: What it is, for the message; empty where the place says so.

    Raises:
        FormatError: It is something else (``bad-number``), or not finite (``not-finite``).
    """
    subject = f"{what} " if what else ""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(f"{subject}is {worded(value)}, not a number.", code="bad-number")
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FormatError(f"{subject}is {value!r:.40}, not a finite number.", code="not-finite")
    return number


def worded(value: Any) -> str:
    """A JSON value for a message: what kind of thing it is, and the thing itself where it is short."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return "the text " + repr(value if len(value) <= 40 else value[:40] + "…")
    if isinstance(value, int | float):
        return f"{value!r:.40}"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    return "an object"


def _skip(text: str, place: int) -> int:
    found = _BLANKS.match(text, place)
    return found.end() if found else place


def _end_of(text: str, place: int) -> int:
    """The first place behind a value of a document that is known to be good."""
    end: int = _DECODER.raw_decode(text, place)[1]
    return end


def broken_json(line: int, column: int, reason: str, found: str) -> FormatError:
    """The error of a file that is no JSON.

    Args:
        line: 1-based line.
        column: 1-based column.
        reason: What the parser said.
        found: The character at that place; empty where nothing follows.
    """
    if not found:
        return FormatError(
            f"the JSON ends in the middle, at column {column}: the file is cut short.",
            line=line,
            code="bad-json",
            hint="Copy it again from its source.",
        )
    what = reason[:1].lower() + reason[1:]
    hint = _HINTS.get(found, "")
    return FormatError(
        f"is not valid JSON at column {column}: {what}.", line=line, code="bad-json", hint=hint
    )


def too_deep() -> FormatError:
    """The error of a file that is nested beyond Python's depth."""
    return FormatError(
        "nesting too deep: its arrays or objects stand in each other a thousand times.",
        line=1,
        code="too-deep",
    )


def object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object out of its members; a :class:`DoubledDict` where a key is there twice."""
    result = dict(pairs)
    if len(result) == len(pairs):
        return result
    doubled = DoubledDict(result)
    seen: set[str] = set()
    for key, _ in pairs:
        if key in seen:
            doubled.doubled = key
            break
        seen.add(key)
    return doubled


def whole_number(text: str) -> int | float:
    """A whole number of any length.

    Python refuses some thousand digits; beyond the range of floats it is no number for us either.
    """
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


_DECODER = json.JSONDecoder(parse_int=whole_number)
