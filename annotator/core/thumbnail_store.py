"""Thumbnails that were made before, in one SQLite file in the person's cache folder.

A thumbnail is found by its picture's path, size, time of the last change and inode. Deleting the file costs
time only; where it cannot be used, all works without. No data set is written to.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from pathlib import Path

from converters.fingerprint_cache import FileState

FILE_NAME = "thumbnails.db"
VERSION = 1
"""Of the table and of how thumbnails are made: others are forgotten."""
MAX_BYTES = 256_000_000
"""The file does not grow beyond that; the oldest thumbnails make room."""

_FRESH_NS = 2_000_000_000
"""A file changed so shortly before it was read could change again without another time."""
_CHECK_EVERY = 500
"""After so many thumbnails it is looked whether there is room left."""
_TABLE = """
CREATE TABLE thumbnail (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, inode INTEGER NOT NULL,
    added INTEGER NOT NULL, data BLOB NOT NULL
);
CREATE INDEX by_age ON thumbnail (added);
"""


def default_path() -> Path:
    """Where the store is: in the person's cache folder (``XDG_CACHE_HOME``)."""
    from platformdirs import user_cache_path

    return user_cache_path("mask-annotator", appauthor=False) / FILE_NAME


class ThumbnailStore:
    """Encoded thumbnails by their pictures' files. Any thread may use it; what goes wrong is forgotten."""

    def __init__(self, path: Path, *, most: int = MAX_BYTES) -> None:
        """Name a store; its file is opened, or made, when it is used first.

        Args:
            path: The file.
            most: Bytes it may have.
        """
        self._path = path
        self._most = most
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._tried = False
        self._added = 0

    def find(self, state: FileState) -> bytes | None:
        """The thumbnail of a file that is as it was when it was added."""
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            connection = self._open()
            if connection is not None:
                row = connection.execute(
                    "SELECT data FROM thumbnail WHERE path = ? AND size = ? AND changed = ? AND inode = ?",
                    (state.path, state.size, state.changed, state.inode),
                ).fetchone()
                return row[0] if row is not None and isinstance(row[0], bytes) else None
        return None

    def add(self, state: FileState, data: bytes) -> None:
        """Remember a thumbnail. Where that fails (disk full, file damaged), it is not remembered."""
        now = time.time_ns()
        if now - state.changed < _FRESH_NS:
            return
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            connection = self._open()
            if connection is not None:
                connection.execute(
                    "INSERT OR REPLACE INTO thumbnail VALUES (?, ?, ?, ?, ?, ?)",
                    (state.path, state.size, state.changed, state.inode, now, data),
                )
                self._added += 1
                if self._added % _CHECK_EVERY == 0:
                    self._make_room(connection)

    def make_room(self) -> None:
        """Drop the oldest thumbnails where the file is too large."""
        with self._lock, contextlib.suppress(sqlite3.Error, OSError):
            if self._connection is not None:
                self._make_room(self._connection)

    def close(self) -> None:
        """Close the file; it is opened again by the next use."""
        with self._lock:
            connection, self._connection, self._tried = self._connection, None, False
            if connection is not None:
                with contextlib.suppress(sqlite3.Error):
                    connection.close()

    def _make_room(self, connection: sqlite3.Connection) -> None:
        def number(what: str) -> int:
            return int(connection.execute(f"PRAGMA {what}").fetchone()[0])

        used = (number("page_count") - number("freelist_count")) * number("page_size")
        if used <= self._most:
            return
        (count,) = connection.execute("SELECT count(*) FROM thumbnail").fetchone()
        # A fifth more than needed, so that this is not done each time. Pages that are free are used again.
        left = round(0.8 * count * self._most / used)
        connection.execute(
            "DELETE FROM thumbnail WHERE path IN (SELECT path FROM thumbnail ORDER BY added LIMIT ?)",
            (count - left,),
        )

    def _open(self) -> sqlite3.Connection | None:
        if not self._tried:
            self._tried = True
            self._path.parent.mkdir(parents=True, exist_ok=True)
            try:
                self._connection = _prepared(self._path)
            except sqlite3.OperationalError:  # locked, disk full, …: the file itself is good
                raise
            except sqlite3.DatabaseError:
                for ending in ("", "-wal", "-shm"):
                    self._path.with_name(self._path.name + ending).unlink(missing_ok=True)
                self._connection = _prepared(self._path)
        return self._connection


def _prepared(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=1, isolation_level=None, check_same_thread=False)
    try:
        # A power failure may cost the file: it is begun anew then.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = OFF")
        if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
            connection.executescript(f"BEGIN; DROP TABLE IF EXISTS thumbnail; {_TABLE} COMMIT;")
            connection.execute(f"PRAGMA user_version = {VERSION}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection
