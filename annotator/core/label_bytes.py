"""Label files as bytes: read, told apart, written many at a time."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from annotator.core.file_times import read_with_time
from converters.errors import DataError, FormatError, WriteError
from converters.files import make_folder, write_if_changed

_AT_A_TIME = 8
"""Files that are written at a time."""

_ABSENT = b""
"""Stands for the digest of a file that is not there."""


def digest(data: bytes | None) -> bytes:
    """What tells one content of a file from another; of no file it is empty."""
    return hashlib.blake2b(data, digest_size=16).digest() if data is not None else _ABSENT


def conflict(path: Path, hint: str) -> DataError:
    """The error for a file that another program changed."""
    return DataError(
        "was changed by another program while the set was open.",
        path=path,
        code="changed-on-disk",
        hint=hint,
    )


def read_file(path: Path) -> bytes | None:
    """The bytes of a label file; None where there is none.

    Raises:
        DataError: It cannot be read.
    """
    return read_with_time(path)[0]


def write_all(files: Sequence[tuple[Path, bytes | None]], *, durable: bool) -> list[DataError | None]:
    """Write (or remove) files; returns for each what went wrong.

    Several at a time: waiting for the disk takes longer than the rest, and it takes many files at once.
    """

    def one(item: tuple[Path, bytes | None]) -> DataError | None:
        try:
            write_or_remove(*item, durable=durable)
        except DataError as error:
            return error
        return None

    if len(files) < 2 or not durable:
        return list(map(one, files))
    with ThreadPoolExecutor(_AT_A_TIME) as pool:
        return list(pool.map(one, files))


def write_or_remove(path: Path, data: bytes | None, *, durable: bool) -> None:
    """Write a label file; None: there is to be none.

    Raises:
        WriteError: The disk refuses.
    """
    if data is None:
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        return
    make_folder(path.parent)
    write_if_changed(path, data, durable=durable)


def size_and_time(path: Path) -> tuple[int | None, int | None]:
    """Size and time of a file's last change (ns); twice None where there is none."""
    try:
        info = path.stat()
    except OSError:
        return None, None
    return info.st_size, info.st_mtime_ns


def folder_id(path: Path) -> tuple[int, int] | None:
    """What tells a folder from another one of the same name; None where there is none."""
    try:
        info = path.stat()
    except OSError:
        return None
    return info.st_dev, info.st_ino


def packed_bytes(data: bytes | None) -> bytes | None:
    """The bytes of a file in fewer ones; of no file None."""
    return zlib.compress(data, 1) if data is not None else None


def unpacked_bytes(data: bytes) -> bytes:
    """What :func:`packed_bytes` was given.

    Raises:
        FormatError: The bytes are damaged.
    """
    try:
        return zlib.decompress(data)
    except zlib.error as error:
        raise FormatError("an entry of the journal is damaged.", code="journal-damaged") from error
