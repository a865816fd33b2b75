"""The boxes of an ordinary VOC file, ten times quicker than by an XML parser.

For reading many files only: it understands what Kaggle's set, labelImg and most exporters write, as long as
nothing about it is worth a word. Of everything else (an attribute, an entity, a letter outside ASCII, a
comment, something missing, double or no number) it says that it does not know;
:mod:`converters.formats.voc_document` reads that, and says what is wrong.
"""

from __future__ import annotations

import re
import sys
from dataclasses import dataclass
from functools import lru_cache

from converters.formats.voc_document import EDGES, FLAGS
from converters.model import Xyxy

_LEAF = rb"[ \t\r\n]*+<(?:[A-Za-z_][A-Za-z0-9_]*+)>[^<>&]*+</[A-Za-z_][A-Za-z0-9_]*+>"
_GROUP = rb"[ \t\r\n]*+<%b>((?:" + _LEAF + rb")*+)[ \t\r\n]*+</%b>"
_SIZE, _SOURCE, _OWNER, _EDGES = (_GROUP % (name, name) for name in (b"size", b"source", b"owner", b"bndbox"))
_OBJECT = (
    rb"[ \t\r\n]*+<object>((?:" + _LEAF + rb")*+)" + _EDGES + rb"((?:" + _LEAF + rb")*+)[ \t\r\n]*+</object>"
)
_PAIR = re.compile(rb"<([A-Za-z0-9_]++)>[ \t\r\n]*+([^<]*+)</([A-Za-z0-9_]++)>")
_HEAD = re.compile(
    rb"""(?:<\?xml version=["']1\.0["'](?: encoding=["'][Uu][Tt][Ff]-8["'])? ?\?>)?[ \t\r\n]*+"""
    rb"""<annotation(?P<verified> verified="yes")?>"""
    rb"((?:" + _LEAF + rb")*+)(?:" + _SOURCE + rb")?+(?:" + _OWNER + rb")?+((?:" + _LEAF + rb")*+)"
    rb"" + _SIZE + rb"((?:" + _LEAF + rb")*+)"
)
_NEXT = re.compile(_OBJECT)
_FOOT = re.compile(rb"[ \t\r\n]*+</annotation>[ \t\r\n]*+")
_NUMBER = re.compile(rb"-?[0-9]{1,9}(?:\.[0-9]{1,20})?")
_SIDE = re.compile(rb"[1-9][0-9]{0,8}")
_UNUSUAL = re.compile(rb"[^\t\r\n -~]|\r(?!\n)")
"""Not printable ASCII, or an end of line that is counted in other ways."""

_NO_FLAGS: frozenset[str] = frozenset()
_YES_OR_NO = {b"0": False, b"1": True, b"": False}


@dataclass(frozen=True, slots=True)
class QuickObject:
    """One ``<object>``.

    Attributes:
        name: Its class.
        edges: The numbers of its ``<bndbox>``: xmin, ymin, xmax, ymax, as they are in the file.
        flags: Those that are set.
        line: 1-based line at which it begins.
    """

    name: str
    edges: Xyxy
    flags: frozenset[str]
    line: int


@dataclass(frozen=True, slots=True)
class QuickVoc:
    """What a file says.

    Attributes:
        filename: Text of ``<filename>``, empty where there is none.
        filename_line: 1-based line of it.
        size: (width, height).
        objects: Its objects, in order.
        reviewed: Whether it says that a person has looked at the picture.
    """

    filename: str
    filename_line: int
    size: tuple[int, int]
    objects: tuple[QuickObject, ...]
    reviewed: bool = False


def read_quickly(data: bytes) -> QuickVoc | None:
    """Read an ordinary VOC file; None where it is not quite ordinary."""
    head = _HEAD.match(data)
    if head is None or _UNUSUAL.search(data):
        return None
    verified, before, source, owner, between, size, behind = (part or b"" for part in head.groups())
    fields = _fields(before + between + behind)
    sides = _fields(size)
    if fields is None or sides is None or _fields(source) is None or _fields(owner) is None:
        return None
    width, height = sides.get(b"width", b""), sides.get(b"height", b"")
    if not (_SIDE.fullmatch(width) and _SIDE.fullmatch(height)):
        return None
    objects: list[QuickObject] = []
    at, line = head.end(), 1 + data.count(b"\n", 0, head.end())
    while (match := _NEXT.match(data, at)) is not None:
        start = data.index(b"<", at)
        found = _object(match, line + data.count(b"\n", at, start))
        if found is None:
            return None
        objects.append(found)
        line += data.count(b"\n", at, match.end())
        at = match.end()
    if not _FOOT.fullmatch(data, at):
        return None
    filename_line = 1 + data.count(b"\n", 0, max(0, data.find(b"<filename>")))
    filename, picture = fields.get(b"filename", b"").decode(), (int(width), int(height))
    return QuickVoc(filename, filename_line, picture, tuple(objects), bool(verified))


def _object(match: re.Match[bytes], line: int) -> QuickObject | None:
    fields, edges = _fields(match[1] + match[3]), _fields(match[2])
    if fields is None or edges is None:
        return None
    numbers = []
    for edge in EDGES:
        text = edges.get(edge.encode(), b"")
        if not _NUMBER.fullmatch(text):
            return None
        numbers.append(_number(text))
    name = fields.get(b"name", b"").decode()
    if not name.isprintable() or not name:
        return None
    flags = []
    for flag in FLAGS:
        given = _YES_OR_NO.get(fields.get(flag.encode(), b""))
        if given is None:
            return None
        if given:
            flags.append(flag)
    xmin, ymin, xmax, ymax = numbers
    # However many boxes there are: one name of a class, and one set of no flags, are in memory.
    return QuickObject(
        sys.intern(name), (xmin, ymin, xmax, ymax), frozenset(flags) if flags else _NO_FLAGS, line
    )


@lru_cache(4096)
def _number(text: bytes) -> float:
    """An edge. Most are small whole numbers, each of which is in memory once however many boxes there are."""
    return float(text)


def _fields(leaves: bytes) -> dict[bytes, bytes] | None:
    """Text by name of leaves; None where one is double or ends by another name."""
    found: dict[bytes, bytes] = {}
    for name, text, end in _PAIR.findall(leaves):
        if name != end or name in found:
            return None
        found[name] = text.rstrip(b" \t\r\n")
    return found
