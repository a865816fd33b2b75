"""The header of a weights file: which iteration it holds, and whether it is whole."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path

from converters.errors import FormatError

_VERSION = struct.Struct("<iii")
_PAGE = 4096


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
        size = path.stat().st_size
        with path.open("rb") as file:
            raw = file.read(_VERSION.size + 8)
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
