"""Lines of YOLO label files: ``id cx cy w h``, and the outlines that others write in their place.

This is the one place that knows Darknet's coordinates (``src/data.c``, ``read_boxes``; its README, "How to
train"): centre, width and height as parts of the picture's sides, with 0 at the left edge of the first pixel
and 1 at the right edge of the last, so that a box around the whole picture is ``0.5 0.5 1 1``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from converters.errors import FormatError
from converters.formats.loading import LabelFile, clip_edges, edges_problem
from converters.formats.outlines import Outlines
from converters.formats.yolo_numbers import line_numbers
from converters.geometry import from_normalised
from converters.model import AnnotatedImage, Box, Xyxy
from converters.reading import decode_utf8, parse_number

MAX_CLASSES = 10_000
"""A class id above this is a damaged file, not a class."""

_MAX_LINE = 1024 * 1024
_PIXELS = 2.0
"""A number above it is no part of a side, not even of a box that passes the edge."""

_BLANKS = " \t\v\f\r"
_COLUMN = re.compile(r"[^ \t\v\f\r\n]+")
_ID = re.compile(r"([0-9]{1,9})(\.0*)?")
_MOST_EDGES = 100_000
"""Equal edges are in memory once, as far as that many can be remembered."""


@dataclass(frozen=True, slots=True)
class YoloLine:
    """What a line of a label file says.

    Attributes:
        class_id: Its class.
        xyxy: Edges in pixels.
        confidence: The sixth column.
        polygon: Whether it is a polygon, of which these are the outermost edges.
        plain_id: Whether the class id is written without a decimal point.
    """

    class_id: int
    xyxy: Xyxy
    confidence: float | None = None
    polygon: bool = False
    plain_id: bool = True

    def label(self, names: Sequence[str] | None) -> str | None:
        """Name of its class; None where the names do not reach so far."""
        if names is None:
            return str(self.class_id) if self.class_id < MAX_CLASSES else None
        return names[self.class_id] if self.class_id < len(names) else None


@dataclass(slots=True)
class YoloReader:
    """Reads label files, and remembers what is said once for the whole set."""

    names: tuple[str, ...] | None
    highest: int = -1
    outlines: Outlines = field(default_factory=Outlines)
    _edges: dict[float, float] = field(default_factory=dict)

    def read(self, data: bytes, file: LabelFile) -> None:
        """Read the bytes of a label file into ``file``."""
        text = decode_utf8(data)
        if data.startswith(b"\xef\xbb\xbf"):
            file.warn(
                "bom",
                "begins with a byte order mark: Darknet would read no box from it.",
                1,
                "Save it as plain text.",
            )
        for index, line in enumerate(_lines(text)):
            if not line.strip(_BLANKS):
                continue
            try:
                parsed = _parse_line(
                    line, file.size, index + 1, with_confidence=file.options.allow_confidence
                )
            except FormatError as error:
                file.refuse(error)
                continue
            self._take(parsed, index, file)

    def _take(self, parsed: YoloLine, index: int, file: LabelFile) -> None:
        line = index + 1
        label = parsed.label(self.names)
        if label is None:
            file.unknown(f"id {parsed.class_id}", line)
            return
        if not parsed.plain_id:
            file.warn(
                "class-float",
                f"class id {parsed.class_id} is written as a decimal.",
                line,
                "Darknet cannot read it.",
            )
        self.highest = max(self.highest, parsed.class_id)
        before = len(file.boxes)
        x1, y1, x2, y2 = (self._edges.setdefault(edge, edge) for edge in parsed.xyxy)
        if len(self._edges) > _MOST_EDGES:
            self._edges.clear()
        file.take(Box((x1, y1, x2, y2), label, parsed.confidence, origin=index), line)
        if parsed.polygon and len(file.boxes) > before:
            self.outlines.taken("polygon", file.path, line)


def _lines(text: str) -> list[str]:
    """Lines without their ends; only CR and LF end one (``str.splitlines`` knows nine more)."""
    return re.split(r"\r\n|\n|\r", text)


def _parse_line(text: str, size: tuple[int, int], line: int, *, with_confidence: bool) -> YoloLine:
    """Read one line.

    Raises:
        FormatError: It has the wrong number of columns or something that is no number.
    """
    if len(text) > _MAX_LINE:
        raise FormatError(f"the line has {len(text):,} characters.", line=line, code="bad-columns")
    # Only what C calls blank: at a no-break space Darknet stops reading.
    columns = _COLUMN.findall(text)
    class_id, plain = _parse_id(columns[0], line)
    count = len(columns)
    is_polygon = count >= 7 and count % 2 == 1
    if not is_polygon and count != 5 and not (count == 6 and with_confidence):
        raise _wrong_count(text, columns, line)
    names = (
        ("x", "y") * (count // 2) if is_polygon else ("centre x", "centre y", "width", "height", "confidence")
    )
    values = [parse_number(c, name, line=line) for c, name in zip(columns[1:], names, strict=False)]
    confidence = values.pop() if count == 6 else None
    if confidence is not None and not 0 <= confidence <= 1:
        raise FormatError(
            f"confidence {columns[5][:40]} is not between 0 and 1.", line=line, code="bad-confidence"
        )
    farthest = max(values, key=abs)
    if _PIXELS < abs(farthest) <= 4 * max(size):
        raise FormatError(
            f"{farthest:g} is no part of a side of the picture (0 to 1): these seem to be pixels.",
            line=line,
            code="not-normalised",
            hint="Divide x and width by the picture's width, y and height by its height.",
        )
    if is_polygon:
        x, y = values[0::2], values[1::2]
        edges = (min(x) * size[0], min(y) * size[1], max(x) * size[0], max(y) * size[1])
        return YoloLine(class_id, edges, None, True, plain)
    cx, cy, w, h = values
    return YoloLine(class_id, from_normalised((cx, cy, w, h), size), confidence, False, plain)


def _wrong_count(text: str, columns: Sequence[str], line: int) -> FormatError:
    """What a line with another number of columns may be."""
    count = len(columns)
    said, hint = f"expected 5 columns, got {count}", ""
    if count == 6:
        said += " (predictions with their confidence?)"
        hint = "Predictions are no labels; if these are, remove the last column."
    elif count >= 8 and all(column in ("0", "1", "2", "0.0", "1.0", "2.0") for column in columns[7::3]):
        said += " (a box with key points of a pose?)"
        hint = "Key points cannot be read; keep the first 5 columns."
    elif "," in text or ";" in text:
        hint = "Columns are separated by blanks."
    return FormatError(f"{said}.", line=line, code="bad-columns", hint=hint)


def _parse_id(text: str, line: int) -> tuple[int, bool]:
    """A class id, and whether it is written as a whole number."""
    found = _ID.fullmatch(text)
    if found:
        return int(found.group(1)), found.group(2) is None
    shown = repr(text if len(text) <= 40 else text[:40] + "…")
    if re.fullmatch(r"-[0-9]+(\.0*)?", text):
        raise FormatError(f"class id {text[:40]} is negative.", line=line, code="bad-class")
    if re.fullmatch(r"[0-9]+", text):
        raise FormatError(f"class id {text[:40]} is too large.", line=line, code="bad-class")
    hint = "Columns are separated by blanks, not commas." if "," in text else ""
    if text.startswith("#"):
        hint = "Label files have no comments; remove the line."
    raise FormatError(f"class id {shown} is not a whole number.", line=line, code="bad-class", hint=hint)


def render_lines(
    image: AnnotatedImage, class_names: Sequence[str], base: bytes | None, *, keep_unread: bool
) -> bytes:
    """The label file of a picture; see :meth:`converters.formats.base.ImageCodec.render`.

    Args:
        image: The picture with its boxes.
        class_names: The classes; an id is an index in it.
        base: The file as it was read, or None.
        keep_unread: Keep lines that reading refuses.

    Raises:
        FormatError: A label is no class, or a box lies outside the picture.
    """
    for box in image.boxes:
        if box.label not in class_names:
            raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")
    ids = {name: number for number, name in enumerate(class_names)}
    lines = (base or b"").splitlines(keepends=True)
    read = read_lines(lines, image.size, class_names)
    # Six columns are read only where the person allowed confidences, which the boxes tell.
    scored = any(box.confidence is not None for box in image.boxes)
    out: dict[int, bytes] = {}
    fresh: list[bytes] = []
    for box in image.boxes:
        old = read.get(box.origin) if box.origin is not None else None
        if old is None or box.origin is None or box.origin in out:
            fresh.append(_line_of(box, ids, image.size))
        elif old.label(class_names) == box.label and old.xyxy == box.xyxy:
            out[box.origin] = lines[box.origin]
        else:
            out[box.origin] = _edited(lines[box.origin], _line_of(box, ids, image.size))
    kept: list[bytes] = []
    for index, line in enumerate(lines):
        refused = keep_unread and not _is_accepted(read.get(index), image.size, scored)
        if index in out:
            kept.append(out[index])
        elif refused or not line.strip():
            kept.append(line)
    if fresh and kept and not kept[-1].endswith((b"\n", b"\r")):
        kept[-1] += _line_end(lines)
    return b"".join([*kept, *(line + _line_end(lines) for line in fresh)])


def read_lines(
    lines: Sequence[bytes], size: tuple[int, int], class_names: Sequence[str]
) -> dict[int, YoloLine]:
    """The lines that can be read as a box of one of the classes, by index."""
    read: dict[int, YoloLine] = {}
    for index, raw in enumerate(lines):
        try:
            text = decode_utf8(raw)
            if text.strip(_BLANKS + "\n"):
                parsed = _parse_line(text, size, index + 1, with_confidence=True)
                if parsed.label(class_names) is not None:
                    read[index] = parsed
        except FormatError:
            continue
    return read


def _is_accepted(line: YoloLine | None, size: tuple[int, int], scored: bool) -> bool:
    """Whether reading gave the person this box, so that its absence now means that it was deleted."""
    if line is None or (line.confidence is not None and not scored):
        return False
    problem = edges_problem(line.xyxy, size)
    return problem is None or not problem.fatal


def _line_of(box: Box, ids: Mapping[str, int], size: tuple[int, int]) -> bytes:
    cut = clip_edges(box.xyxy, size)
    if not (cut[2] > cut[0] and cut[3] > cut[1]):
        raise FormatError(
            f"box {tuple(round(edge, 3) for edge in box.xyxy)} is outside its picture, {size[0]}x{size[1]}.",
            code="box-empty",
        )
    return f"{ids[box.label]} {line_numbers(cut, size)}".encode()


def _edited(old: bytes, new: bytes) -> bytes:
    """The new line with the old one's mark, confidence and line end."""
    mark = b"\xef\xbb\xbf" if old.startswith(b"\xef\xbb\xbf") else b""
    columns = old.split()
    confidence = b" " + columns[5] if len(columns) == 6 else b""
    return mark + new + confidence + old[len(old.rstrip(b"\r\n")) :]


def _line_end(lines: Sequence[bytes]) -> bytes:
    """How the file ends its lines."""
    if lines and lines[0].endswith(b"\r\n"):
        return b"\r\n"
    return b"\n"


def check_names(class_names: Sequence[str]) -> None:
    """Refuse class names that a names file, a line each, cannot hold.

    Raises:
        FormatError: One is empty, has blanks around it, or a line break.
    """
    for name in class_names:
        if not name.strip() or name != name.strip() or len(name.splitlines()) != 1:
            raise FormatError(f"class name {name!r} cannot stand in a names file.", code="bad-label")
