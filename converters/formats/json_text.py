"""JSON as text with known places: what is not edited comes out character for character.

The values are read by Python's own decoder; this module walks over the objects and arrays that matter, to
know where in the text each of their values stands. Edits are replacements of pieces of the text.
"""

from __future__ import annotations

import json
import re
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

from converters.errors import FormatError
from converters.reading import decode_utf8

BOM = b"\xef\xbb\xbf"

Edit = tuple[int, int, str]
"""Replace the text's characters from the first to before the second place by the third."""

_BLANKS = re.compile(r"[ \t\n\r]*")
_MAX_DIGITS = 400
"""A whole number with more digits than that is beyond every float; Python refuses some thousand of them."""


@dataclass(frozen=True, slots=True)
class Value:
    """A value and where it stands in the text.

    Attributes:
        value: What it says.
        start: Its first character.
        end: The first character behind it.
    """

    value: Any
    start: int
    end: int


class RepeatedKeyError(ValueError):
    """An object has a key twice: readers disagree about which of the two counts."""


class JsonText:
    """The text of a JSON file.

    Attributes:
        mark: Byte order mark, or nothing.
        text: The text without it.
    """

    def __init__(self, data: bytes) -> None:
        """Decode a file.

        Raises:
            FormatError: It is empty, is not UTF-8, or holds a NUL.
        """
        self.mark = BOM if data.startswith(BOM) else b""
        self.text = decode_utf8(data)
        if not self.text.strip():
            raise FormatError("the label file is empty.", line=1, code="empty-file")
        self._line_starts: list[int] | None = None
        self._decoder = json.JSONDecoder(object_pairs_hook=_without_repeats, parse_int=_whole)

    def line(self, place: int) -> int:
        """1-based line of a place in the text."""
        if self._line_starts is None:
            self._line_starts = [found.end() for found in re.finditer("\n", self.text)]
        return bisect_right(self._line_starts, place) + 1

    def root(self) -> int:
        """Where the file's one value begins."""
        return self._skip(0)

    def check_end(self, end: int) -> None:
        """Refuse what stands behind the file's one value.

        Raises:
            FormatError: Something does.
        """
        place = self._skip(end)
        if place < len(self.text):
            raise self._broken(place, "something follows its end")

    def members(self, start: int) -> tuple[dict[str, Value], int]:
        """The members of the object that begins at ``start``, and the first place behind it.

        Raises:
            FormatError: It is no well-formed object, or has a key twice.
        """
        found: dict[str, Value] = {}
        if self.text[start : start + 1] != "{":
            raise self._broken(start, "an object was expected")
        place = self._skip(start + 1)
        if self.text[place : place + 1] == "}":
            return found, place + 1
        while True:
            if self.text[place : place + 1] != '"':
                raise self._broken(place, "a name in double quotes was expected")
            key, behind = self._string(place)
            if key in found:
                raise FormatError(
                    f"has the key {key[:40]!r} twice.", line=self.line(place), code="repeated-key"
                )
            behind = self._skip(behind)
            if self.text[behind : behind + 1] != ":":
                raise self._broken(behind, "a colon was expected")
            found[key] = self.value(self._skip(behind + 1))
            place = self._skip(found[key].end)
            if self.text[place : place + 1] == "}":
                return found, place + 1
            if self.text[place : place + 1] != ",":
                raise self._broken(place, "a comma or a closing brace was expected")
            place = self._skip(place + 1)

    def elements(self, start: int) -> tuple[list[Value], int]:
        """The elements of the array that begins at ``start``, and the first place behind it.

        Raises:
            FormatError: It is no well-formed array.
        """
        found: list[Value] = []
        if self.text[start : start + 1] != "[":
            raise self._broken(start, "an array was expected")
        place = self._skip(start + 1)
        if self.text[place : place + 1] == "]":
            return found, place + 1
        while True:
            found.append(self.value(place))
            place = self._skip(found[-1].end)
            if self.text[place : place + 1] == "]":
                return found, place + 1
            if self.text[place : place + 1] != ",":
                raise self._broken(place, "a comma or a closing bracket was expected")
            place = self._skip(place + 1)

    def value(self, start: int) -> Value:
        """The value that begins at ``start``.

        Raises:
            FormatError: It is not well-formed, is nested too deeply, or an object in it has a key twice.
        """
        try:
            value, end = self._decoder.raw_decode(self.text, start)
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, _words(error)) from error
        except RepeatedKeyError as error:
            raise FormatError(str(error), line=self.line(start), code="repeated-key") from error
        except RecursionError as error:
            raise FormatError("is nested too deeply.", line=self.line(start), code="too-deep") from error
        return Value(value, start, end)

    def with_edits(self, edits: Iterable[Edit]) -> bytes:
        """The file's bytes with the edits made (which must not overlap)."""
        pieces: list[str] = []
        done = 0
        for start, end, new in sorted(edits, key=lambda edit: (edit[0], edit[1])):
            pieces += [self.text[done:start], new]
            done = max(done, end)
        pieces.append(self.text[done:])
        return self.mark + "".join(pieces).encode("utf-8")

    def blanks_before(self, place: int) -> str:
        """The blanks between a place and the character before it."""
        start = place
        while start > 0 and self.text[start - 1] in " \t\n\r":
            start -= 1
        return self.text[start:place]

    def _string(self, start: int) -> tuple[str, int]:
        try:
            text, end = scanstring(self.text, start + 1, True)
        except json.JSONDecodeError as error:
            raise self._broken(error.pos, _words(error)) from error
        return text, end

    def _skip(self, place: int) -> int:
        found = _BLANKS.match(self.text, place)
        return found.end() if found else place

    def _broken(self, place: int, what: str) -> FormatError:
        line = self.line(place)
        if place >= len(self.text.rstrip()):
            return FormatError(
                "is cut short: the JSON ends in the middle.",
                line=line,
                code="bad-json",
                hint="Copy it again from its source.",
            )
        column = place - (self.text.rfind("\n", 0, place) + 1) + 1
        return FormatError(f"is not valid JSON: {what} (column {column}).", line=line, code="bad-json")


@dataclass(frozen=True, slots=True)
class Style:
    r"""How a file is laid out, to write new values as it does.

    Attributes:
        newline: Line end with the file's own characters; empty where all is on one line.
        unit: What each level of nesting adds.
        ascii_only: Whether other characters are written as ``\u`` escapes.
        spaced: Whether a blank follows a colon.
    """

    newline: str = "\n"
    unit: str = "  "
    ascii_only: bool = False
    spaced: bool = True

    def dumps(self, value: Any, indent: str = "") -> str:
        """A value as text; its first line is not indented, the others start with ``indent``."""
        colon = ": " if self.spaced else ":"
        if not self.newline:
            separators = (", " if self.spaced else ",", colon)
            return json.dumps(value, ensure_ascii=self.ascii_only, separators=separators)
        text = json.dumps(
            value, ensure_ascii=self.ascii_only, indent=self.unit or None, separators=(",", colon)
        )
        return text.replace("\n", self.newline + indent)


def style_of(source: JsonText, first_key: int, root: int = 0) -> Style:
    """The style of a file.

    Args:
        source: The file.
        first_key: Where the first key (or element) of an object (or array) stands.
        root: Where that object begins.
    """
    text = source.text
    ascii_only = text.isascii() and "\\u" in text
    blanks = source.blanks_before(first_key)
    colon = re.compile(r'"\s*:( ?)').search(text, root)
    spaced = colon is None or bool(colon.group(1))
    if "\n" not in blanks:
        return Style("", "", ascii_only, spaced)
    newline = "\r\n" if "\r\n" in blanks else "\n"
    unit = blanks[blanks.rfind("\n") + 1 :].removeprefix(indent_of(source, root))
    return Style(newline, unit, ascii_only, spaced)


def indent_of(source: JsonText, place: int) -> str:
    """The blanks at the start of the line in which a place is."""
    start = source.text.rfind("\n", 0, place) + 1
    found = re.compile(r"[ \t]*").match(source.text, start)
    return found.group() if found else ""


def array_edits(
    source: JsonText,
    array: Value,
    elements: list[Value],
    removed: set[int],
    fresh: list[str],
    style: Style,
) -> list[Edit]:
    """Take elements out of an array and append others.

    Args:
        source: The file.
        array: The array.
        elements: Its elements.
        removed: Indices of those to take out.
        fresh: Texts of the new ones, indented already.
        style: How the file is laid out.
    """
    kept = [index for index in range(len(elements)) if index not in removed]
    if not kept:
        if not fresh and not elements:
            return []
        if not fresh:
            return [(array.start, array.end, "[]")]
        outer = style.newline + indent_of(source, array.start) if style.newline else ""
        inner = outer + style.unit if style.newline else ""
        comma = "," if style.newline or not style.spaced else ", "
        return [(array.start, array.end, "[" + inner + (comma + inner).join(fresh) + outer + "]")]
    last = kept[-1]
    edits: list[Edit] = [
        (elements[index].start, elements[index + 1].start, "") for index in sorted(removed) if index < last
    ]
    end = elements[-1].end if last < len(elements) - 1 else elements[last].end
    between = source.blanks_before(elements[last].start)
    if not between and style.spaced and not style.newline:
        between = " "
    new = "".join(f",{between}{text}" for text in fresh)
    if new or end > elements[last].end:
        edits.append((elements[last].end, end, new))
    return edits


def _without_repeats(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) < len(pairs):
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                raise RepeatedKeyError(f"has the key {key[:40]!r} twice in one object.")
            seen.add(key)
    return result


def _whole(text: str) -> int | float:
    return int(text) if len(text) <= _MAX_DIGITS else float(text)


def _words(error: json.JSONDecodeError) -> str:
    message = error.msg
    return message[:1].lower() + message[1:]
