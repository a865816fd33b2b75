"""Mending what a check of a training has found, where that can be done without asking."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from pathlib import Path

from converters.errors import WriteError
from converters.files import make_folder

_OURS = stat.S_IRUSR | stat.S_IWUSR | stat.S_IXUSR


def allow_writing(folder: Path) -> None:
    """Make a folder that is missing, and one of our own that we may not write writable.

    Args:
        folder: The folder that shall be written, or one that is to be made.

    Raises:
        WriteError: It belongs to somebody else, the disk is read-only, or a file is in its place.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        found = there.stat()
        if found.st_uid != os.geteuid():
            raise WriteError(
                f"belongs to {_name_of(found.st_uid)}: only they can allow writing there.",
                path=there,
                code="read-only",
                hint="Take another folder for the training set.",
            )
        try:
            there.chmod(stat.S_IMODE(found.st_mode) | _OURS)
        except OSError as error:
            raise WriteError.from_os_error(error, there) from error
        if not os.access(there, os.W_OK | os.X_OK):
            raise WriteError(
                "cannot be written: its disk is read-only.",
                path=there,
                code="read-only",
                hint="Take a folder on another disk for the training set.",
            )
    make_folder(folder)


def _name_of(user: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(user).pw_name
    return f"user {user}"
