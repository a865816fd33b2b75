"""Writing so that a file is always either the old one or the new one, whole."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from converters.errors import WriteError


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
    temporary: Path | None = None
    try:
        # The name starts with a dot and keeps no image suffix: no tool takes it for a picture or a label.
        handle, name = tempfile.mkstemp(prefix=f".{path.name[:100]}.", suffix=".part", dir=path.parent)
        temporary = Path(name)
        with os.fdopen(handle, "wb") as file:
            file.write(raw)
            file.flush()
            if durable:
                os.fsync(file.fileno())
        temporary.chmod(_mode_for(path))
        temporary.replace(path)
    except OSError as error:
        if temporary is not None:
            with contextlib.suppress(OSError):
                temporary.unlink()
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

    Raises:
        WriteError: Neither worked.
    """
    real = source.resolve()
    try:
        try:
            os.link(real, target)
        except OSError:
            shutil.copyfile(real, target)
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error


def make_folder(path: Path) -> None:
    """Create a folder and its parents; an existing one is fine.

    Raises:
        WriteError: It cannot be created.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


def _mode_for(path: Path) -> int:
    """Permissions of the file that is replaced, else those a plain ``open`` would give."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
