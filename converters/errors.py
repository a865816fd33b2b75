"""Typed errors. Each says what is wrong, in which file and line, and what to do about it."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any

from converters.portable import shown


class DataError(Exception):
    """Something about the data, a file or a request is wrong, in words meant for a person.

    Args:
        message: What is wrong, one sentence without the file's name in front.
        path: The file (or folder) it is about, if any.
        line: 1-based line in that file, if known.
        code: Short machine-readable name of the problem (``bad-number``), shown in brackets.
        hint: What to do about it, one sentence, or empty.

    Attributes:
        details: What a command prints beside it with ``--json`` (what was found until then).
    """

    code = "error"

    def __init__(
        self,
        message: str,
        *,
        path: Path | str | None = None,
        line: int | None = None,
        code: str | None = None,
        hint: str = "",
    ) -> None:
        self.message = message
        self.path = Path(path) if path is not None else None
        self.line = line
        if code is not None:
            self.code = code
        self.hint = hint
        self.details: dict[str, Any] = {}
        super().__init__(str(self))

    def __str__(self) -> str:
        where = ""
        if self.path is not None:
            where = f"{shown(self.path)}:{self.line}: " if self.line is not None else f"{shown(self.path)}: "
        hint = f" {self.hint}" if self.hint else ""
        return f"{where}{self.message}{hint}"

    def as_dict(self) -> dict[str, str | int | None]:
        """Plain types for JSON; absent values are None."""
        return {
            "code": self.code,
            "message": self.message,
            "path": str(self.path) if self.path is not None else None,
            "line": self.line,
            "hint": self.hint,
        }


class UsageError(DataError):
    """The person asked for something that cannot be (exit code 2)."""

    code = "usage"


class FormatError(DataError):
    """A label, list or names file does not say what its format asks for."""

    code = "format"


class NotADatasetError(DataError):
    """A folder or file in which no data set was recognised."""

    code = "not-a-dataset"


class ArchiveError(DataError):
    """An archive that is not opened because it is broken, too large or hostile."""

    code = "archive"


class ImageError(DataError):
    """A picture that cannot be read."""

    code = "image"


class WriteError(DataError):
    """A file could not be written; what was there before is untouched."""

    code = "write"

    @classmethod
    def from_os_error(cls, error: OSError, path: Path) -> WriteError:
        """Say an ``OSError`` of a write in a person's words (disk full, read-only, no permission)."""
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return cls(
                "the disk is full; nothing was written.",
                path=path,
                code="disk-full",
                hint="Free some space and try again; the file on disk is as it was before.",
            )
        if error.errno in (errno.EROFS, errno.EACCES, errno.EPERM):
            return cls(
                "cannot be written: the folder or the file is read-only.",
                path=path,
                code="read-only",
                hint="Allow writing there, or copy the data set to a folder of your own.",
            )
        reason = error.strerror or str(error)
        return cls(f"cannot be written: {reason}.", path=path, hint="The file on disk is as it was before.")
