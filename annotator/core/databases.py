"""SQLite for names of files: also those that are no text, and without waiting for others for long."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable
from typing import Any

_PATIENCE = 1.0
"""Seconds to wait for another program that has the database locked: the window waits, too."""
_BUSY, _LOCKED = 5, 6
"""SQLite's numbers for a database that another program has locked."""

_NO_TEXT = re.compile("[\udc80-\udcff]")
"""What Python makes of the bytes of a file name that is not UTF-8; SQLite takes no such string."""
_STAND_INS = re.compile("[\U0010ff80-\U0010ffff]")
"""What stands for these in a database: the end of a plane of characters that nobody may give a meaning."""
_FIRST_BYTES = b"\xf4\x8f"
_SHIFT = 0x10FF80 - 0xDC80


class AnyNames(sqlite3.Connection):
    """A connection that takes any file name."""

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        """As usual."""
        return super().execute(sql, _fit(parameters))

    def executemany(self, sql: str, parameters: Iterable[Any], /) -> sqlite3.Cursor:
        """As usual."""
        return super().executemany(sql, map(_fit, parameters))


def connect(name: str) -> sqlite3.Connection:
    """Open a database; each statement is a transaction unless one is begun.

    Args:
        name: A path, or ``:memory:``.
    """
    # A set is opened in a background thread and used in the window's; never in two at a time.
    database = sqlite3.connect(
        name, isolation_level=None, check_same_thread=False, timeout=_PATIENCE, factory=AnyNames
    )
    database.text_factory = _text
    return database


def copy_database(source: sqlite3.Connection, target: sqlite3.Connection) -> None:
    """Let one database be as another.

    Raises:
        sqlite3.Error: It cannot be read or written, or another program has it locked.
    """

    def give_up(status: int, _left: int, _all: int) -> None:
        if status in (_BUSY, _LOCKED):
            # Left alone, Python would try for ever.
            raise sqlite3.OperationalError("database is locked")

    source.backup(target, progress=give_up, sleep=0.01)


def _fit(parameters: Any) -> Any:
    if isinstance(parameters, dict):
        return parameters
    if all(not isinstance(one, str) or one.isascii() or not _NO_TEXT.search(one) for one in parameters):
        return parameters
    return tuple(
        _NO_TEXT.sub(lambda found: chr(ord(found[0]) + _SHIFT), one) if isinstance(one, str) else one
        for one in parameters
    )


def _text(data: bytes) -> str:
    text = data.decode("utf-8", "replace")
    if _FIRST_BYTES in data:
        text = _STAND_INS.sub(lambda found: chr(ord(found[0]) - _SHIFT), text)
    return text
