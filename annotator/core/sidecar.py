"""``.annotator/`` in the set's folder: what the label files cannot hold, and the lock.

Deleting that folder costs only this. SQLite in WAL mode, with a schema version.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
from pathlib import Path

FOLDER = ".annotator"
SCHEMA_VERSION = 1


class Sidecar:
    """The folder ``.annotator`` of one set, opened by this process.

    Where it cannot be written (a read-only folder) nothing is remembered and nothing is locked.

    Attributes:
        writable: Whether the folder could be created and opened.
        locked_by: Process id of another process that has the set open, or None.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self.writable = False
        self.locked_by: int | None = None
        self._lock: int | None = None
        self._database: sqlite3.Connection | None = None
        try:
            self.folder.mkdir(exist_ok=True)
            self._take_lock()
            self._open_database()
            self.writable = True
        except (OSError, sqlite3.Error):
            self._close_database()

    def close(self) -> None:
        """Release the lock and the database."""
        self._close_database()
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def class_names(self) -> tuple[str, ...]:
        """The pinned order of the classes, or an empty tuple."""
        if self._database is None:
            return ()
        rows = self._database.execute("SELECT name FROM class_names ORDER BY position")
        return tuple(name for (name,) in rows)

    def pin_class_names(self, names: tuple[str, ...]) -> None:
        """Store the order of the classes."""
        if self._database is None or self.class_names() == names:
            return
        with contextlib.suppress(sqlite3.Error), self._database:
            self._database.execute("DELETE FROM class_names")
            self._database.executemany("INSERT INTO class_names VALUES (?, ?)", enumerate(names))

    def _take_lock(self) -> None:
        # The kernel drops a flock when its process ends, however it ends: no stale lock after a crash.
        handle = os.open(self.folder / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with os.fdopen(handle) as file:
                text = file.read().strip()
            self.locked_by = int(text) if text.isdigit() else 0
            return
        os.ftruncate(handle, 0)
        os.write(handle, f"{os.getpid()}\n".encode())
        self._lock = handle

    def _open_database(self) -> None:
        # A set is opened in a background thread and used in the window's; never in two at a time.
        database = sqlite3.connect(
            self.folder / "annotator.db", isolation_level="DEFERRED", check_same_thread=False
        )
        self._database = database
        database.execute("PRAGMA journal_mode=WAL")
        (version,) = database.execute("PRAGMA user_version").fetchone()
        if version > SCHEMA_VERSION:
            # Written by a newer version of the tool: leave it alone.
            self._close_database()
            return
        with database:
            database.execute(
                "CREATE TABLE IF NOT EXISTS class_names (position INTEGER PRIMARY KEY, name TEXT NOT NULL)"
            )
            database.execute(f"PRAGMA user_version={SCHEMA_VERSION}")

    def _close_database(self) -> None:
        if self._database is not None:
            self._database.close()
            self._database = None
