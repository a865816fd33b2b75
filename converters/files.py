"""Writing so that a file is always either the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from converters.errors import WriteError

_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
"""A file that must not be there yet, and that no child process inherits."""


_HALF_WRITTEN = re.compile(r"\.writing-[0-9a-f]{16}\.part")
"""Names that :func:`write_atomic` gives a file before it takes its place."""
_OLD_SECONDS = 60.0


def write_atomic(path: Path, data: bytes | str, *, durable: bool = True) -> None:
    """Write ``data`` to ``path``: temporary file beside it, flush, fsync, ``os.replace``.

    A symbolic or hard link at ``path`` is replaced, never written through.

    Args:
        path: The file to write; its folder must exist.
        data: Bytes, or text that is written as UTF-8.
        durable: fsync before the rename (leave it off only for files that can be made again).

    Raises:
        WriteError: The disk is full, the folder is read-only, …; the old file is untouched.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    # The name starts with a dot and keeps no image suffix: no tool takes it for a picture or a label. Nor
    # does it hold the name itself: with a few letters more that may be too long for the file system.
    temporary = path.parent / f".writing-{os.urandom(8).hex()}.part"
    try:
        mode = _mode_of(path)
        handle = os.open(temporary, _NEW_FILE, 0o666 if mode is None else mode)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(raw)
                file.flush()
                if mode is not None:
                    os.fchmod(file.fileno(), mode)  # whatever the umask took from it
                if durable:
                    os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


def sweep(folders: Iterable[Path]) -> None:
    """Remove what killed processes left half written in folders, unless it may still be being written."""
    for folder in folders:
        with contextlib.suppress(OSError), os.scandir(folder) as entries:
            for entry in entries:
                if _HALF_WRITTEN.fullmatch(entry.name) and entry.stat().st_mtime < time.time() - _OLD_SECONDS:
                    Path(entry.path).unlink()


def write_new(path: Path, data: bytes | str) -> None:
    """Write a file into a folder that nobody sees yet, and that will be moved to its place as a whole.

    Half the work of :func:`write_atomic`, which thousands of small files feel.

    Args:
        path: The file, which must not be there; its folder must.
        data: Bytes, or text that is written as UTF-8.

    Raises:
        WriteError: It is there already, the disk is full, …; nothing is left of it then.
    """
    raw = data.encode("utf-8") if isinstance(data, str) else data
    try:
        handle = os.open(path, _NEW_FILE, 0o666)
        try:
            with os.fdopen(handle, "wb", buffering=0) as file:
                view = memoryview(raw)
                while view:  # an unbuffered file may take a part only
                    view = view[file.write(view) :]
        except OSError:
            path.unlink()
            raise
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


def append_line(path: Path, line: str) -> None:
    """Add a line to the end of a journal, in one write: whoever reads it finds whole lines but for the last.

    Args:
        path: The file; it is created where it is not there.
        line: Text without a line break.

    Raises:
        WriteError: The disk is full, the folder is read-only, …
    """
    try:
        with path.open("ab", buffering=0) as file:
            file.write(line.encode("utf-8") + b"\n")
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


def write_if_changed(path: Path, data: bytes | str, *, durable: bool = True) -> bool:
    """Write only where the content differs; returns whether it wrote. Raises as :func:`write_atomic`."""
    raw = data.encode("utf-8") if isinstance(data, str) else data
    try:
        if path.stat().st_size == len(raw) and path.read_bytes() == raw:
            return False
    except OSError:
        pass
    write_atomic(path, raw, durable=durable)
    return True


def link_or_copy(source: Path, target: Path) -> None:
    """Hard-link ``source`` to ``target`` where the file system can, else copy.

    A file or link at ``target`` is replaced whole, never written through: another name of it keeps its
    content.

    Raises:
        WriteError: Neither worked; what was at ``target`` is untouched.
    """
    # A hard link to a link would be one to nothing once its target moves. Folders on the way may be links.
    real = source.resolve() if source.is_symlink() else source
    with contextlib.suppress(OSError):
        os.link(real, target)  # where nothing is at the target: no more to do
        return
    temporary = target.parent / f".{os.urandom(8).hex()}.part"  # os.link wants a name that is free
    try:
        try:
            os.link(real, temporary)
        except OSError:
            shutil.copyfile(real, temporary)
        temporary.replace(target)
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error
    finally:
        # It is still there after a failure, and where both names were links to one file: POSIX renames
        # nothing then.
        with contextlib.suppress(OSError):
            temporary.unlink()


def own_copies(folder: Path, on_progress: Callable[[int, int], None] | None = None) -> None:
    """Make every file below a folder one of its own: what has other names elsewhere is copied.

    Args:
        folder: A folder that nobody sees yet.
        on_progress: Told (done, total) of the files that are copied; it may raise to cancel.

    Raises:
        WriteError: The disk is full, …
    """
    try:
        shared = [path for path in folder.rglob("*") if path.is_file() and path.stat().st_nlink > 1]
        for done, path in enumerate(shared):
            if on_progress is not None:
                on_progress(done, len(shared))
            temporary = path.with_name(f".{os.urandom(8).hex()}.part")
            shutil.copyfile(path, temporary)
            temporary.replace(path)
    except OSError as error:
        raise WriteError.from_os_error(error, folder) from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents; an existing one is fine.

    Raises:
        WriteError: It cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


def _mode_of(path: Path) -> int | None:
    """Permissions of the file that is replaced; None where there is none yet."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        return None
