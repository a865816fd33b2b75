"""Whether a file is still the one that was read, told by its times: much quicker than by its content."""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path

from converters.errors import DataError

_STEP = 0.5
"""Seconds by which the clock may drift from the one that is never set; more is somebody setting it."""


@dataclass(frozen=True, slots=True)
class ReadAt:
    """When a set was read, by the clock of the file system that it lies on.

    The time of a file's last change of any kind (ctime) cannot be set by a program, and is also that of being
    renamed to where it is. Where it lies before the reading began, the file was read as it is.

    Attributes:
        nanoseconds: Since 1970.
        offset: The clock then, less the one that nobody sets, in seconds.
    """

    nanoseconds: int
    offset: float

    @classmethod
    def now(cls, handle: int) -> ReadAt | None:
        """This moment.

        Args:
            handle: An open file on the same file system, of which the times may be changed.

        Returns:
            None where the file system does not tell.
        """
        with contextlib.suppress(OSError):
            os.utime(handle)
            return cls(os.fstat(handle).st_ctime_ns, _offset())
        return None

    def is_before(self, changed: int) -> bool:
        """Whether a file may have been changed since.

        Args:
            changed: Its ctime in nanoseconds.
        """
        return changed >= self.nanoseconds or abs(_offset() - self.offset) > _STEP


def read_with_time(path: Path) -> tuple[bytes | None, int]:
    """The bytes of a file (None where there is none), and when it was changed last (ctime, nanoseconds).

    Raises:
        DataError: It cannot be read.
    """
    try:
        with path.open("rb", buffering=0) as file:
            # Of the open file: over a network that is what the server says, not what was remembered.
            changed = os.fstat(file.fileno()).st_ctime_ns
            return file.readall(), changed
    except FileNotFoundError:
        return None, 0
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}.", path=path) from error


def _offset() -> float:
    return time.time() - time.monotonic()
