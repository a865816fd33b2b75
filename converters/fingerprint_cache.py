"""Fingerprints that were taken before, so that no picture is decoded twice to be compared.

An SQLite file in the person's cache folder; no data set is written to. A fingerprint is found by the
content of the picture's file, whatever its name and place: also in an archive that is unpacked anew each
time. To save reading the file, its content is known again by path, size, time of the last change and
inode. Deleting the file costs time only; where it cannot be used, all works without.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from converters.fingerprint import Fingerprint

FILE_NAME = "fingerprints.db"

VERSION = 1
"""Of the tables, of how fingerprints are taken, and of what pixels are decoded: others are forgotten."""

MAX_FILES = 500_000
"""More files are not remembered; the oldest go first."""

_MAX_WAIT_S = 5.0
"""So long another process that adds may keep this one waiting."""

_FRESH_NS = 2_000_000_000
"""A file changed so shortly before it was read could change again without another time (FAT has 2 s)."""

_TABLES = """
CREATE TABLE IF NOT EXISTS content (
    digest BLOB PRIMARY KEY, pixels TEXT NOT NULL, dhash BLOB NOT NULL
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS file (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, changed INTEGER NOT NULL, inode INTEGER NOT NULL,
    seen INTEGER NOT NULL, digest BLOB NOT NULL
) WITHOUT ROWID;
"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What a file's content is known by without reading it.

    Attributes:
        path: Absolute path.
        size: In bytes.
        changed: Time of the last change, in ns.
        inode: Number in its file system.
    """

    path: bytes
    size: int
    changed: int
    inode: int

    @classmethod
    def of(cls, path: Path) -> FileState:
        """The state of a file now.

        Raises:
            OSError: There is no such file, or it cannot be looked at.
        """
        info = path.stat()
        return cls(os.fsencode(path.absolute()), info.st_size, info.st_mtime_ns, info.st_ino)


@dataclass(frozen=True, slots=True)
class Entry:
    """What is remembered of one picture.

    Attributes:
        state: Its file; None where only the content is to be remembered.
        digest: BLAKE2b of the file's content, 16 bytes.
        fingerprint: Of its pixels.
    """

    state: FileState | None
    digest: bytes
    fingerprint: Fingerprint


@dataclass(frozen=True, slots=True)
class Known:
    """What the cache knows of one picture.

    Attributes:
        fingerprint: None where it is not known.
        state: The file's, when it was looked up; None where it could not be read.
        digest: Of the file's content; empty where that was not read.
    """

    fingerprint: Fingerprint | None = None
    state: FileState | None = None
    digest: bytes = b""

    def entries(self, path: Path, mark: Fingerprint) -> list[Entry]:
        """What is to be remembered of the picture, now that its fingerprint is known.

        Nothing where the file was changed meanwhile: nobody knows of which content the fingerprint is.
        """
        if not self.digest or self.state is None or self.state != _state_of(path):
            return []
        return [Entry(self.state, self.digest, mark)]

    @staticmethod
    def entry_of_copy(data: bytes, mark: Fingerprint) -> Entry:
        """What is to be remembered of a file made of the same pixels, whose content is ``data``."""
        return Entry(None, digest_of(data), mark)


def default_path() -> Path:
    """Where the cache is: in the person's cache folder (``XDG_CACHE_HOME``)."""
    from platformdirs import user_cache_path

    return user_cache_path("mask-annotator", appauthor=False) / FILE_NAME


def digest_of(data: bytes) -> bytes:
    """What a file's content is known by."""
    return hashlib.blake2b(data, digest_size=16).digest()


def read_digest(path: Path) -> bytes:
    """As :func:`digest_of`, of a file, which is never in memory as a whole.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).digest()


class FingerprintCache:
    """The cache, open. Many processes may read it at a time; what goes wrong only makes it forgetful."""

    def __init__(self, path: Path, *, write: bool = False) -> None:
        """Open a cache.

        Args:
            path: Its file; made where it is not there and ``write`` is set.
            write: Whether fingerprints will be added.
        """
        self._path = path
        self._connection: sqlite3.Connection | None = None
        with contextlib.suppress(sqlite3.Error, OSError):
            self._connection = _created(path) if write else _opened(path)

    def __reduce__(self) -> tuple[type[FingerprintCache], tuple[Path]]:
        """In another process it is opened anew, for reading."""
        return FingerprintCache, (self._path,)

    def close(self) -> None:
        """Close it; nothing is found any more."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def look_up(self, path: Path) -> Known:
        """What is known of a picture: by its file's state, else by its content, which is read then.

        A file that cannot be read is not known; the decoder says what is wrong with it.
        """
        state = _state_of(path)
        if state is None:
            return Known()
        mark = self.by_state(state)
        if mark is not None:
            return Known(mark, state)
        try:
            digest = read_digest(path)
        except OSError:
            return Known()
        return Known(self.by_digest(digest), state, digest)

    def by_state(self, state: FileState) -> Fingerprint | None:
        """The fingerprint of a file that is as it was when it was added."""
        return self._find(
            "SELECT pixels, dhash FROM file JOIN content USING (digest) "
            "WHERE path = ? AND size = ? AND changed = ? AND inode = ?",
            (state.path, state.size, state.changed, state.inode),
        )

    def by_digest(self, digest: bytes) -> Fingerprint | None:
        """The fingerprint of a file of this content."""
        return self._find("SELECT pixels, dhash FROM content WHERE digest = ?", (digest,))

    def add(self, entries: Iterable[Entry]) -> None:
        """Remember fingerprints. Where that fails (disk full, file damaged), they are not remembered."""
        now = time.time_ns()
        contents, files = [], []
        for entry in entries:
            contents.append((entry.digest, entry.fingerprint.pixels, entry.fingerprint.dhash))
            state = entry.state
            if state is not None and now - state.changed > _FRESH_NS:
                files.append((state.path, state.size, state.changed, state.inode, now, entry.digest))
        if self._connection is None or not contents:
            return
        with contextlib.suppress(sqlite3.Error), self._connection as transaction:
            transaction.executemany("INSERT OR REPLACE INTO content VALUES (?, ?, ?)", contents)
            transaction.executemany("INSERT OR REPLACE INTO file VALUES (?, ?, ?, ?, ?, ?)", files)

    def forget_old(self) -> None:
        """Drop the oldest files where there are more than :data:`MAX_FILES`."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error), self._connection as transaction:
                _forget_old(transaction)

    def _find(self, query: str, values: tuple[object, ...]) -> Fingerprint | None:
        if self._connection is None:
            return None
        try:
            row = self._connection.execute(query, values).fetchone()
        except sqlite3.Error:
            return None
        if row is None or not isinstance(row[0], str) or not isinstance(row[1], bytes) or len(row[1]) != 32:
            return None
        return Fingerprint(row[0], row[1])


@contextlib.contextmanager
def writing_cache(path: Path) -> Iterator[FingerprintCache]:
    """A cache to add to, closed at the end."""
    cache = FingerprintCache(path, write=True)
    try:
        yield cache
    finally:
        cache.forget_old()
        cache.close()


def _state_of(path: Path) -> FileState | None:
    try:
        return FileState.of(path)
    except OSError:
        return None


def _opened(path: Path) -> sqlite3.Connection | None:
    """For reading; None where it is of another version."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=1)
    if connection.execute("PRAGMA user_version").fetchone() == (VERSION,):
        return connection
    connection.close()
    return None


def _created(path: Path) -> sqlite3.Connection:
    """For adding; what is damaged or of another version is begun anew."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        return _prepared(path)
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.OperationalError):  # locked, disk full, …: the file itself is good
            raise
    for ending in ("", "-wal", "-shm"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
    return _prepared(path)


def _prepared(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(path, timeout=_MAX_WAIT_S)
    try:
        # Readers and the one who adds do not wait for each other; a crash may cost the last additions.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        if connection.execute("PRAGMA user_version").fetchone() != (VERSION,):
            connection.executescript("DROP TABLE IF EXISTS content; DROP TABLE IF EXISTS file;")
            connection.executescript(_TABLES)
            connection.execute(f"PRAGMA user_version = {VERSION}")
            connection.commit()
    except sqlite3.Error:
        connection.close()
        raise
    return connection


def _forget_old(connection: sqlite3.Connection) -> None:
    (count,) = connection.execute("SELECT count(*) FROM file").fetchone()
    if count <= MAX_FILES:
        return
    # A tenth more than needed, so that this is not done each time.
    connection.execute(
        "DELETE FROM file WHERE path IN (SELECT path FROM file ORDER BY seen LIMIT ?)",
        (count - MAX_FILES + MAX_FILES // 10,),
    )
    connection.execute("DELETE FROM content WHERE digest NOT IN (SELECT digest FROM file)")
