"""Reading small text files and the numbers in them: strictly, and with limits set before the first byte."""

from __future__ import annotations

import math
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from converters.errors import FormatError

MAX_LABEL_BYTES = 16 * 1024 * 1024
"""Label, list and names files above this are refused unread: a picture has some kilobytes of labels."""

# Python's float() also takes "1_0", "infinity", "१२" and blanks around it; other readers do not.
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)(?:\([^)]*\))?", re.IGNORECASE)


def read_small_file(path: Path, limit: int = MAX_LABEL_BYTES) -> bytes:
    """The bytes of a label, list or names file.

    Args:
        path: The file.
        limit: Most bytes that it may have; more is refused unread.

    Raises:
        FormatError: It is missing, unreadable, no regular file (reading a pipe would wait forever), or
            larger than ``limit``.
    """
    with opened_small_file(path, limit) as file:
        data = file.read(limit + 1)
        if len(data) <= limit:
            return data
        raise _too_large(path, len(data), limit)


@contextmanager
def opened_small_file(path: Path, limit: int = MAX_LABEL_BYTES) -> Iterator[BinaryIO]:
    """A label file, open for reading.

    Args:
        path: The file.
        limit: Most bytes that it may have; more is refused.

    Raises:
        FormatError: As :func:`read_small_file`, also where reading fails while it is open.
    """
    try:
        info = path.stat()
        if not stat.S_ISREG(info.st_mode):
            raise FormatError("is not a regular file.", path=path, code="unreadable")
        if info.st_size > limit:
            raise _too_large(path, info.st_size, limit)
        with path.open("rb") as file:
            yield file
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.",
            path=path,
            code="unreadable",
            hint="Check that the file is there and that you may read it.",
        ) from error


def read_text(path: Path) -> str:
    """The text of a list or names file, UTF-8 with or without a byte order mark.

    Raises:
        FormatError: As :func:`read_small_file`, or it is not UTF-8.
    """
    return decode_utf8(read_small_file(path), path)


def decode_utf8(data: bytes, path: Path | None = None) -> str:
    """Decode UTF-8, without its byte order mark.

    Raises:
        FormatError: It is not UTF-8 (the line is that of the first bad byte), or holds a NUL.
    """
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise FormatError(
            "is UTF-16 text, not UTF-8.", path=path, line=1, code="bad-encoding", hint="Save it as UTF-8."
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(
            f"is not UTF-8 text (byte 0x{data[error.start]:02x}).",
            path=path,
            line=line,
            code="bad-encoding",
            hint="Save it as UTF-8.",
        ) from error
    if (nul := text.find("\0")) >= 0:
        line = text.count("\n", 0, nul) + 1
        raise FormatError(
            "holds a NUL character; the file is damaged.", path=path, line=line, code="bad-encoding"
        )
    return text


def parse_number(text: str, what: str, *, path: Path | None = None, line: int | None = None) -> float:
    """A decimal number as all tools read it: ASCII digits, a point, an exponent; nothing else.

    Args:
        text: The number, without blanks around it.
        what: What it is the number of, for the message (``<xmin>``).
        path: The file, for the message.
        line: The line, for the message.

    Raises:
        FormatError: It is no such number (``bad-number``), or is not finite (``not-finite``).
    """
    if _NUMBER.fullmatch(text):
        value = float(text)
        if math.isfinite(value):
            return value
    elif not _NOT_FINITE.fullmatch(text):
        shown = repr(text if len(text) <= 40 else text[:40] + "…")
        hint = "Decimals are written with a point." if re.fullmatch(r"[+-]?[0-9]+,[0-9]+", text) else ""
        problem = f"{what} is {shown}, not a number." if text else f"{what} is empty, not a number."
        raise FormatError(problem, path=path, line=line, code="bad-number", hint=hint)
    raise FormatError(f"{what} is {text[:40]}, not a finite number.", path=path, line=line, code="not-finite")


def _too_large(path: Path, size: int, limit: int) -> FormatError:
    return FormatError(
        f"is {max(size, limit) / 2**20:,.0f} MiB large; such a file has at most {limit / 2**20:,.3g} MiB.",
        path=path,
        code="too-large",
    )
