"""The header of a weights file: which iteration it holds, and whether it is whole."""

from __future__ import annotations

import stat
import struct
from dataclasses import dataclass
from pathlib import Path

from converters.errors import FormatError

_VERSION = struct.Struct("<iii")
_PAGE = 4096
_LONGEST_MARK = 64
_OTHERS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    (
        (b"<!doctype", b"<html", b"<?xml", b"<head", b"<script"),
        "a web page",
        "The address led to a page that asks for something: open it in a browser, and fetch the file there.",
    ),
    (
        (b"version https://git-lfs",),
        "a pointer of Git LFS",
        "The file itself was not fetched: run git lfs pull.",
    ),
    (
        (b"pk\x03\x04", b"\x80\x02", b"\x89hdf", b"\x1f\x8b", b"bzh", b"7z\xbc\xaf"),
        "an archive, or a model of another program",
        "Unpack it, or take weights that a Darknet has saved.",
    ),
    (
        (b"[net]", b"[network]", b"#", b"{"),
        "a text",
        "A cfg is chosen as the network; weights end in .weights, .backup or .conv.N.",
    ),
)
"""How files begin that are no weights, what they are, and what to do."""


class WeightsError(FormatError):
    """A weights file that does not fit its network, or cannot be read."""

    code = "weights"


@dataclass(frozen=True, slots=True)
class WeightsHeader:
    """What stands before the numbers.

    Attributes:
        version: Major, minor, revision of the file format.
        seen: Pictures the network was trained on.
        parameters: Number of float32 values that follow.
    """

    version: tuple[int, int, int]
    seen: int
    parameters: int

    def iteration(self, batch: int) -> int:
        """The iteration these weights are from; ``batch`` is that of the cfg (pictures an iteration)."""
        return self.seen // max(1, batch)


def read_weights_header(path: Path) -> WeightsHeader:
    """Read the header of a weights file.

    Three 32-bit numbers (major, minor, revision), then the pictures seen: 64 bits since version 0.2,
    32 bits before. The rest are 32-bit floats.

    Raises:
        FormatError: It is missing, empty, cut short within the header, or no weights file.
    """
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):  # a pipe would never answer
            what = "a folder" if stat.S_ISDIR(found.st_mode) else "no file"
            raise FormatError(f"is {what}, not weights.", path=path, code="bad-weights", hint="Take a file.")
        size = found.st_size
        with path.open("rb") as file:
            raw = file.read(_LONGEST_MARK)
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.", path=path, code="bad-weights"
        ) from error
    if size == 0:
        raise FormatError("the weights file is empty.", path=path, code="bad-weights", hint="Take another.")
    if len(raw) < _VERSION.size + 4:
        raise FormatError(
            "the weights file is cut short.", path=path, code="bad-weights", hint="Take another."
        )
    _refuse_others(raw, path)
    major, minor, revision = _VERSION.unpack_from(raw)
    if not (0 <= major < 1000 and 0 <= minor < 1000 and 0 <= revision < 1000):
        raise FormatError("is no Darknet weights file.", path=path, code="bad-weights")
    wide = major * 10 + minor >= 2
    length = _VERSION.size + (8 if wide else 4)
    if len(raw) < length:
        raise FormatError(
            "the weights file is cut short.", path=path, code="bad-weights", hint="Take another."
        )
    (seen,) = struct.unpack_from("<Q" if wide else "<i", raw, _VERSION.size)
    return WeightsHeader((major, minor, revision), seen, (size - length) // 4)


def _refuse_others(raw: bytes, path: Path) -> None:
    """Files of other kinds that people take for weights, by how they begin."""
    text = raw.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    for marks, what, hint in _OTHERS:
        if text.startswith(marks):
            raise FormatError(f"is {what}, not weights.", path=path, code="bad-weights", hint=hint)


def all_finite(path: Path) -> bool:
    """Whether no value in a weights file is NaN or infinite (a training that diverged saves such files).

    Raises:
        FormatError: As :func:`read_weights_header`.
    """
    import numpy as np

    header = read_weights_header(path)
    try:
        with path.open("rb") as file:
            file.seek(path.stat().st_size - 4 * header.parameters)
            while block := file.read(1 << 24):
                if not np.isfinite(np.frombuffer(block, "<f4", count=len(block) // 4)).all():
                    return False
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.", path=path, code="bad-weights"
        ) from error
    return True


def ends_in_nothing(path: Path) -> bool:
    """Whether the last page of a file is all zeros: a power cut came when only its size was written yet.

    Raises:
        FormatError: It cannot be read.
    """
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _PAGE))
            return not any(file.read(_PAGE))
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.", path=path, code="bad-weights"
        ) from error
