"""Reading the lists of a large JSON object entry by entry.

COCO's own instances_train2017.json has 448 MiB; as Python values it takes several GiB, of which a reader of
boxes needs little. Here a window of the text is kept, each entry of a list is decoded when its turn comes,
and nothing of it stays. Lines are counted on the way.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any, BinaryIO

from converters.errors import FormatError
from converters.formats.json_document import (
    MAX_SHARED_BYTES,
    DoubledDict,
    broken_json,
    object_of,
    too_deep,
    whole_number,
)
from converters.reading import decode_utf8, opened_small_file, read_small_file

Entry = tuple[str, int, int, Any]
"""Key of the list, index in it, 1-based line, value."""

_CHUNK = 1 << 20
_BLANKS = re.compile(r"[ \t\n\r]*")
_CUT = 16
"""So near to the end of the window an error may come from the cut: no number or word is longer in there."""


class JsonLists:
    """The lists of a file's root object.

    Attributes:
        path: The file.
        value: The root's members, as far as the file was gone through, of lists that are handed out only the
            first entry. Two members of one name make it a
            :class:`converters.formats.json_document.DoubledDict`. None where the root is no object.
        done: Keys of the lists that were handed out to their end.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.value: dict[str, Any] | None = None
        self.done: set[str] = set()
        self._key_lines: dict[str, int] = {}

    def key_line(self, key: str) -> int | None:
        """1-based line of the value under a key of the root."""
        return self._key_lines.get(key)

    def entries(self, lists: Collection[str]) -> Iterator[Entry]:
        """The entries of the lists under these keys of the root, in the order of the file.

        Nothing is handed out where the root is no object.

        Args:
            lists: The keys. What stands under others is read, and kept in ``value``.

        Raises:
            FormatError: The file is missing, no regular file, too large (see
                :data:`converters.formats.json_document.MAX_SHARED_BYTES`), no UTF-8 or no JSON; the message
                has line and column.
        """
        self.value, self.done = None, set()
        with opened_small_file(self.path, MAX_SHARED_BYTES) as file:
            window = _Window(file, self.path)
            if not (first := window.skip()):
                raise FormatError("the label file is empty.", line=1, code="empty-file")
            if first != "{":
                return
            self.value = {}
            window.step()
            if window.skip() == "}":
                window.step()
            else:
                yield from self._members(window, lists)
            if window.skip():
                raise window.broken("something follows the end of the document")

    def _members(self, window: _Window, lists: Collection[str]) -> Iterator[Entry]:
        while True:
            if window.skip() != '"':
                raise window.broken("Expecting property name enclosed in double quotes")
            key = window.value()
            if window.skip() != ":":
                raise window.broken("Expecting ':' delimiter")
            window.step()
            first = window.skip()
            line = window.line()
            if first == "[" and key in lists:
                self._put(key, [], line)
                yield from self._elements(window, key)
                self.done.add(key)
            else:
                self._put(key, window.value(), line)
            first = window.skip()
            if first not in ("}", ","):
                raise window.broken("Expecting ',' delimiter")
            window.step()
            if first == "}":
                return

    def _elements(self, window: _Window, key: str) -> Iterator[Entry]:
        window.step()
        if window.skip() == "]":
            window.step()
            return
        index = 0
        while True:
            line = window.line()
            entry = window.value()
            if index == 0 and self.value is not None:
                self.value[key] = [entry]
            yield key, index, line, entry
            index += 1
            first = window.skip()
            if first not in ("]", ","):
                raise window.broken("Expecting ',' delimiter")
            window.step()
            if first == "]":
                return
            window.skip()

    def _put(self, key: str, value: Any, line: int) -> None:
        if self.value is not None and key in self.value and not isinstance(self.value, DoubledDict):
            self.value = DoubledDict(self.value)
            self.value.doubled = key
        if self.value is not None:
            self.value[key] = value
        self._key_lines[key] = line


class _Window:
    """A part of a file's text, moving forward."""

    def __init__(self, file: BinaryIO, path: Path) -> None:
        self._file = file
        self._path = path
        self._decode = codecs.getincrementaldecoder("utf-8-sig")()
        self._text = ""
        self._place = 0
        self._ended = False
        self._chunk = _CHUNK
        self._counted = 0
        self._line = 1
        self._line_start = 0
        """Where the current line begins, in characters from the window's start (negative: before it)."""
        self._read = json.JSONDecoder(object_pairs_hook=object_of).raw_decode
        self._read_long = json.JSONDecoder(object_pairs_hook=object_of, parse_int=whole_number).raw_decode

    def step(self) -> None:
        """Go on by a character."""
        self._place += 1

    def skip(self) -> str:
        """Go on to the next character that is no blank, and return it; nothing at the end."""
        while True:
            found = _BLANKS.match(self._text, self._place)
            self._place = found.end() if found else self._place
            if self._place < len(self._text):
                return self._text[self._place]
            if not self._more():
                return ""

    def line(self) -> int:
        """1-based line of the place."""
        text, start, place = self._text, self._counted, self._place
        if new := text.count("\n", start, place):
            self._line += new
            self._line_start = text.rfind("\n", start, place) + 1
        self._counted = place
        return self._line

    def value(self) -> Any:
        """Read the value at the place, and go on behind it.

        Raises:
            FormatError: It is none, or cut short, or nested too deeply.
        """
        read = self._read
        while True:
            try:
                value, end = read(self._text, self._place)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self._text) - _CUT
                if cut and self._more():
                    continue
                raise self.broken(error.msg, error.pos - len(error.doc) + len(self._text)) from error
            except RecursionError as error:
                raise too_deep() from error
            except ValueError:  # a whole number with more digits than Python takes
                read = self._read_long
                continue
            number = isinstance(value, int | float) and end >= len(self._text) - _CUT
            if (number or end == len(self._text)) and self._more():
                continue
            self._place = end
            self._chunk = _CHUNK
            return value

    def broken(self, reason: str, place: int | None = None) -> FormatError:
        """The error of a file that is no JSON at a place (in the window)."""
        if place is not None:
            self._place = place
        while not self._text[self._place :].strip() and self._more():
            pass
        line = self.line()
        column = self._place - self._line_start + 1
        first = self._text[self._place : self._place + 1] if self._text[self._place :].strip() else ""
        return broken_json(line, column, reason, first)

    def _more(self) -> bool:
        """Read on; what lies before the place is forgotten. False at the end of the file."""
        if self._ended:
            return False
        data = self._file.read(self._chunk)
        self._chunk *= 2  # an entry that is larger still must not be copied again for each megabyte
        self._ended = not data
        try:
            if self._line == 1 and not self._text and data.startswith((b"\xff\xfe", b"\xfe\xff")):
                raise UnicodeDecodeError("utf-8", data, 0, 1, "UTF-16")
            text = self._decode.decode(data, self._ended)
        except UnicodeDecodeError as error:
            raise self._undecodable() from error
        if "\0" in text:
            raise self._undecodable()
        self.line()
        self._line_start -= self._place
        self._text = self._text[self._place :] + text
        self._place = self._counted = 0
        return True

    def _undecodable(self) -> FormatError:
        """What is wrong with the file's text; the whole of it is read to say where."""
        try:
            decode_utf8(read_small_file(self._path, MAX_SHARED_BYTES))
        except FormatError as error:
            return error
        return FormatError("was changed while it was read.", code="unreadable", hint="Read it again.")
