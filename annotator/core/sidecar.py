"""``.annotator/`` in the set's folder: what the label files cannot hold, and the lock.

Deleting that folder costs only this. SQLite in WAL mode, with a schema version.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from annotator.core.databases import connect, copy_database
from annotator.core.file_times import ReadAt
from converters.errors import WriteError

FOLDER = ".annotator"
SCHEMA_VERSION = 2
_DATABASE = "annotator.db"

_TABLES = """
CREATE TABLE IF NOT EXISTS class_names (position INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS retired_names (name TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, value BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS journal (
    id INTEGER PRIMARY KEY, time REAL NOT NULL, state INTEGER NOT NULL, text TEXT NOT NULL,
    version INTEGER NOT NULL, kind TEXT NOT NULL, payload BLOB NOT NULL
);
CREATE INDEX IF NOT EXISTS journal_by_state ON journal (state, id);
CREATE TABLE IF NOT EXISTS files (
    path TEXT PRIMARY KEY, base BLOB, at_base BLOB NOT NULL, written BLOB, pending BLOB,
    dirty INTEGER NOT NULL, size INTEGER, mtime INTEGER
);
CREATE TABLE IF NOT EXISTS states (key TEXT PRIMARY KEY, path TEXT NOT NULL, state BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS reviewed (key TEXT PRIMARY KEY);
CREATE TABLE IF NOT EXISTS empty_on_purpose (key TEXT PRIMARY KEY, empty INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS splits (key TEXT PRIMARY KEY, split TEXT);
CREATE TABLE IF NOT EXISTS dismissed (mark TEXT PRIMARY KEY, code TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS trash (key TEXT PRIMARY KEY, folder TEXT NOT NULL, restoring INTEGER NOT NULL);
"""
"""``files``: label files that were edited, with the bytes they had before the first edit. ``states``: what
the images in them are now, as far as they were edited. ``dismissed``: findings of which a person said that
all is right. ``trash``: images on the way there, or back."""


class Sidecar:
    """The folder ``.annotator`` of one set, opened by this process.

    Where it cannot be written (a read-only folder, another process that has the set open) everything is
    kept in memory, until the process ends.

    Attributes:
        folder: The folder.
        writable: Whether the folder could be created and opened.
        locked_by: Process id of another process that has the set open, or None.
        damaged: Where a database that could not be read was put aside, or None.
        is_newer: Whether the database was written by a newer version of the tool, and is left alone.
        database: The open database; autocommit, see :meth:`transaction`.
    """

    def __init__(self, root: Path) -> None:
        self.folder = root / FOLDER
        self.writable = False
        self.locked_by: int | None = None
        self.damaged: Path | None = None
        self.is_newer = False
        self._lock: int | None = None
        self._detached: sqlite3.Connection | None = None
        self.database = connect(":memory:")
        try:
            self.folder.mkdir(exist_ok=True)
            self._take_lock()
            if self.locked_by is None:
                self._open_database()
            self.writable = True
        except (OSError, sqlite3.Error):
            self.writable = False
        if not self.persistent:
            _create(self.database)

    @property
    def persistent(self) -> bool:
        """Whether what is written here is on disk (else it goes with the process)."""
        return self._persistent and self._detached is None

    _persistent = False

    def read_at(self) -> ReadAt | None:
        """This moment by the clock of the set's file system; None where that cannot be asked."""
        return ReadAt.now(self._lock) if self._lock is not None else None

    def close(self) -> None:
        """Release the lock and the database."""
        if self._detached is not None:
            with contextlib.suppress(WriteError):
                self.reattach()
        self.database.close()
        if self._detached is not None:
            self._detached.close()
            self._detached = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    @contextlib.contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[sqlite3.Connection]:
        """Change the database: all of it or nothing, and nothing of it is lost where the process is killed.

        Where the disk refuses (it is full, say) the whole database goes on in memory and is taken back to
        the disk by :meth:`reattach`: no edit is refused because its journal cannot be written.

        Args:
            durable: Also wait until the disk has it, so that nothing is lost where the power fails.
        """
        if durable and self.persistent:
            self.database.execute("PRAGMA synchronous=FULL")
        try:
            self.database.execute("BEGIN IMMEDIATE")
            yield self.database
            self.database.execute("COMMIT")
        except BaseException:
            with contextlib.suppress(sqlite3.Error):
                self.database.execute("ROLLBACK")
            raise
        finally:
            if durable and self.persistent:
                self.database.execute("PRAGMA synchronous=NORMAL")

    def detach(self) -> None:
        """Go on in memory with a copy of the database: the disk refused a write."""
        if not self.persistent:
            return
        memory = connect(":memory:")
        copy_database(self.database, memory)
        self._detached, self.database = self.database, memory

    def reattach(self) -> None:
        """Take back to the disk what :meth:`detach` left in memory; does nothing otherwise.

        Raises:
            WriteError: The disk still refuses.
        """
        if self.persistent and self._is_gone():
            self._make_anew()
        if self._detached is None:
            return
        try:
            copy_database(self.database, self._detached)
        except sqlite3.Error as error:
            raise write_error(error, self.folder) from error
        self.database.close()
        self.database, self._detached = self._detached, None

    def _is_gone(self) -> bool:
        """Whether somebody deleted the folder (and nobody has made another one)."""
        return not os.path.lexists(self.folder / _DATABASE) and self.folder.parent.is_dir()

    def _make_anew(self) -> None:
        """Go on in a new folder: what is in the one that was deleted can still be read by this process."""
        with contextlib.suppress(OSError, sqlite3.Error):
            self.folder.mkdir(exist_ok=True)
            before = self._lock
            self._take_lock()
            if before is not None and self._lock != before:
                os.close(before)
            if self.locked_by is not None:
                return
            fresh = connect(str(self.folder / _DATABASE))
            try:
                copy_database(self.database, fresh)
                _tune(fresh)
            except sqlite3.Error:
                fresh.close()
                raise
            self.database.close()
            self.database = fresh

    def class_names(self) -> tuple[str, ...]:
        """The pinned order of the classes, or an empty tuple."""
        rows = self.database.execute("SELECT name FROM class_names ORDER BY position")
        return tuple(name for (name,) in rows)

    def pin_class_names(self, names: tuple[str, ...], known: Iterable[str] = ()) -> None:
        """Store the order of the classes.

        Args:
            names: The order.
            known: Names that label files may still list; those that are not in ``names`` are retired.
        """
        before = self.class_names()
        retired = {name for name in known if name not in names}
        if before == names and retired <= set(self.retired_names()):
            return
        with contextlib.suppress(sqlite3.Error), self.transaction() as database:
            database.execute("DELETE FROM class_names")
            database.executemany("INSERT INTO class_names VALUES (?, ?)", enumerate(names))
            gone = [(name,) for name in {*before, *retired} if name not in names]
            database.executemany("INSERT OR IGNORE INTO retired_names VALUES (?)", gone)
            database.executemany("DELETE FROM retired_names WHERE name = ?", [(name,) for name in names])

    def retired_names(self) -> tuple[str, ...]:
        """Classes that were renamed, merged or deleted; label files may still list them."""
        return tuple(name for (name,) in self.database.execute("SELECT name FROM retired_names"))

    def fact(self, name: str) -> bytes | None:
        """Something that was written down by :meth:`set_fact`, or None."""
        row = self.database.execute("SELECT value FROM facts WHERE name = ?", (name,)).fetchone()
        return bytes(row[0]) if row is not None else None

    def set_fact(self, name: str, value: bytes | None) -> None:
        """Write something down (None: forget it), inside a transaction."""
        if value is None:
            self.database.execute("DELETE FROM facts WHERE name = ?", (name,))
        else:
            self.database.execute("INSERT OR REPLACE INTO facts VALUES (?, ?)", (name, value))

    def keep_fact(self, name: str, value: bytes | None) -> None:
        """The same outside a transaction; where it cannot be written nothing happens."""
        with contextlib.suppress(sqlite3.Error), self.transaction():
            self.set_fact(name, value)

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
        path = self.folder / _DATABASE
        try:
            self._open_file(path)
        except sqlite3.DatabaseError as error:
            if isinstance(error, sqlite3.OperationalError):
                raise  # no permission, disk full, …: the file itself may be sound
            self._put_aside(path)
            self._open_file(path)

    def _open_file(self, path: Path) -> None:
        database = connect(str(path))
        try:
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > SCHEMA_VERSION:
                self.is_newer = True
                database.close()
                return
            _tune(database)
            _create(database)
            _check(database)
        except sqlite3.Error:
            database.close()
            raise
        self.database.close()
        self.database, self._persistent = database, True

    def _put_aside(self, path: Path) -> None:
        """Keep a database that cannot be read, under another name, and begin a new one."""
        self.damaged = path.with_name(f"annotator-damaged-{time.strftime('%Y%m%d-%H%M%S')}.db")
        path.replace(self.damaged)
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)


def write_error(error: sqlite3.Error, folder: Path) -> WriteError:
    """An error of SQLite's in a person's words."""
    full = "full" in str(error)
    return WriteError(
        "the disk is full; the journal of edits is kept in memory."
        if full
        else f"the journal of edits cannot be written ({error}); it is kept in memory.",
        path=folder / _DATABASE,
        code="disk-full" if full else "write",
        hint="Free some space and save again." if full else "Allow writing there and save again.",
    )


def _tune(database: sqlite3.Connection) -> None:
    database.execute("PRAGMA journal_mode=WAL")
    # A killed process loses nothing; before label files are written, the disk is waited for.
    database.execute("PRAGMA synchronous=NORMAL")


def _create(database: sqlite3.Connection) -> None:
    database.executescript(f"BEGIN IMMEDIATE;{_TABLES}PRAGMA user_version={SCHEMA_VERSION};COMMIT;")


def _check(database: sqlite3.Connection) -> None:
    """Refuse a database that is damaged inside, or has other tables: any question could fail later.

    Raises:
        sqlite3.DatabaseError: It is.
    """
    (found,) = database.execute("PRAGMA quick_check(1)").fetchone()
    if found != "ok":
        raise sqlite3.DatabaseError(str(found))
    pattern = connect(":memory:")
    _create(pattern)
    for (table,) in pattern.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
        columns = [
            [row[1] for row in one.execute(f"PRAGMA table_info({table})")] for one in (pattern, database)
        ]
        if columns[0] != columns[1]:
            raise sqlite3.DatabaseError(f"the table {table} has other columns")
    pattern.close()


def _columns(database: sqlite3.Connection, table: str) -> list[str]:
    return [row[1] for row in database.execute(f"PRAGMA table_info({table})")]
