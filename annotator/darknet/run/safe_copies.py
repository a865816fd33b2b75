"""What keeps a run whole when the power fails or the disk gets full.

Darknet writes its newest weights over the older ones, in the same file: killed in that moment, or on a full
disk, it leaves neither. So the older ones are kept until the newer ones are whole.
"""

from __future__ import annotations

import os
import shutil
import threading
from contextlib import suppress
from pathlib import Path

from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.outcome import FileMark, mark_of, previous_weights, reserve_of
from converters.errors import FormatError

RESERVE_BYTES = 256 * 1024
_WAIT_SECONDS = 20.0


class SafeCopies:
    """Brings saved weights to the disk, and keeps a copy of those that Darknet is going to write over.

    A run that goes on has its copy before Darknet starts: the one of the training before may have been killed
    with it.

    Args:
        run: The run.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._thread: threading.Thread | None = None
        with suppress(OSError):  # a full disk already: the training says so soon enough
            reserve_of(run).write_bytes(bytes(RESERVE_BYTES))
        with suppress(FormatError):  # the cfg; the training says so
            newest = run.newest_weights()
            if newest is not None and _is_rewritten(newest.path):
                self._keep(newest.path, mark_of(newest.path), is_rewritten=True)

    def keep(self, path: Path, mark: FileMark) -> None:
        """Look after weights that are whole now; returns at once.

        Args:
            path: The file.
            mark: What told it from others when it was seen to be whole.
        """
        if self._thread is not None and self._thread.is_alive():
            return  # a network this small saves again in a moment
        arguments = (path, mark, _is_rewritten(path))
        self._thread = threading.Thread(target=self._keep, args=arguments, daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Wait for what is being copied."""
        if self._thread is not None:
            self._thread.join(_WAIT_SECONDS)

    def _keep(self, path: Path, mark: FileMark, is_rewritten: bool) -> None:
        previous = previous_weights(self._run)
        part = previous.with_suffix(".part")
        with suppress(OSError):  # gone, or a full disk: then there is no second copy
            _flush(path)
            if is_rewritten and shutil.disk_usage(path.parent).free > 3 * path.stat().st_size:
                shutil.copyfile(path, part)
                _flush(part)
                if mark_of(path) == mark:  # else Darknet has begun to write the next ones meanwhile
                    part.replace(previous)
        with suppress(OSError):
            part.unlink(missing_ok=True)


def replace_by_copy(source: Path, target: Path) -> None:
    """Put a copy in the place of a file that is of no use and only takes room.

    Raises:
        OSError: The disk is full.
    """
    part = target.with_suffix(".part")
    try:
        target.unlink(missing_ok=True)
        shutil.copyfile(source, part)
        _flush(part)
        part.replace(target)
    finally:
        part.unlink(missing_ok=True)


def _is_rewritten(path: Path) -> bool:
    return path.stem.endswith("_last") or path.suffix == ".backup"


def _flush(path: Path) -> None:
    """Bring a file from the system's memory to the disk."""
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
