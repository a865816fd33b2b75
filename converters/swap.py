"""Changing several files of a folder as one: whoever is killed meanwhile leaves the old state or the new.

What is to come is laid out in full in a hidden folder inside, with a list of what goes where. Giving that
folder its final name is the one step that counts: before it nothing has happened, after it whoever opens the
folder next finishes what is left (:func:`finish`).
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import time
from collections.abc import Iterator, Sequence
from pathlib import Path, PurePosixPath

from converters.errors import DataError, WriteError
from converters.files import link_or_copy, make_folder, write_atomic

_INCOMING = ".incoming"
_LIST = "moves.json"
_WAIT_SECONDS = 10.0
_OLD, _NEW = "old", "new"


@contextlib.contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keep others who change a Darknet data set as a whole out of it. The kernel ends the lock with us.

    What an interrupted change left is finished first.

    Raises:
        DataError: Another program is changing it.
    """
    handle = _open_folder(folder)
    try:
        if not _try_lock(handle):
            raise _busy(folder)
        _finish(folder)
        yield
    finally:
        os.close(handle)


def replace_parts(
    folder: Path, new: Path, moves: Sequence[str], *, retire: Sequence[str] = (), room: Path
) -> None:
    """Let files and folders of ``folder`` be those of ``new``, all or none. Call it inside :func:`alone_in`.

    Args:
        folder: What is changed.
        new: A folder on the same disk with what comes; it is used up.
        moves: Paths in ``new``, relative; each takes the place of the same path in ``folder``. A folder takes
            the place of nothing, or of one that is retired.
        retire: Paths in ``folder`` that go away before that.
        room: A temporary folder on the same disk; it is used up as well.

    Raises:
        WriteError: It could not be done; the folder is as it was.
    """
    incoming = folder / _INCOMING
    try:
        make_folder(room)
        new.rename(room / _NEW)
        (room / _OLD).mkdir()
        there = [part for part in retire if os.path.lexists(folder / part)]
        write_atomic(room / _LIST, json.dumps({"retire": there, "moves": list(moves)}, ensure_ascii=True))
        room.rename(incoming)
    except OSError as error:
        raise WriteError.from_os_error(error, folder) from error
    undo: list[tuple[Path, Path]] = []
    try:
        _carry_out(folder, there, moves, undo)
    except BaseException as error:
        for place, origin in reversed(undo):
            place.replace(origin)
        _clear(incoming)
        if isinstance(error, OSError):
            raise WriteError.from_os_error(error, folder) from error
        raise
    _clear(incoming)


def finish(folder: Path) -> None:
    """Finish what an interrupted change left in a folder; does nothing where there is none.

    Raises:
        DataError: The change is still under way, or cannot be finished.
    """
    if not (folder / _INCOMING).is_dir():
        return
    handle = _open_folder(folder)
    try:
        end = time.monotonic() + _WAIT_SECONDS
        while not _try_lock(handle):  # its own program may still be at it, which takes a moment
            if not (folder / _INCOMING).is_dir():
                return
            if time.monotonic() > end:
                raise _busy(folder)
            time.sleep(0.02)
        _finish(folder)
    finally:
        os.close(handle)


def _finish(folder: Path) -> None:
    incoming = folder / _INCOMING
    if not incoming.is_dir():
        return
    try:
        text = (incoming / _LIST).read_text(encoding="utf-8")
    except FileNotFoundError:
        _clear(incoming)  # all was done but for clearing up
        return
    except OSError as error:
        raise WriteError.from_os_error(error, incoming) from error
    retire, moves = _listed(text, incoming)
    try:
        _carry_out(folder, retire, moves, [])
    except OSError as error:
        raise WriteError.from_os_error(error, folder) from error
    _clear(incoming)


def _listed(text: str, incoming: Path) -> tuple[list[str], list[str]]:
    """What is written down there, if it leads nowhere else."""
    try:
        data = json.loads(text)
        retire, moves = [str(part) for part in data["retire"]], [str(part) for part in data["moves"]]
    except (ValueError, KeyError, TypeError, RecursionError):
        retire, moves = [], [".."]
    for part in (*retire, *moves):
        pure = PurePosixPath(part)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise DataError(
                "is what an interrupted change left, but its list is damaged.",
                path=incoming / _LIST,
                code="damaged",
                hint=f"What was to be replaced lies in {incoming / _OLD}; move this folder away by hand.",
            )
    return retire, moves


def _carry_out(
    folder: Path, retire: Sequence[str], moves: Sequence[str], undo: list[tuple[Path, Path]]
) -> None:
    """Do what is still to be done; doing it twice does no harm.

    Args:
        folder: What is changed.
        retire: See :func:`replace_parts`; only what was there when it began.
        moves: See there.
        undo: Told what to move back, and where to.
    """
    old, new = folder / _INCOMING / _OLD, folder / _INCOMING / _NEW
    for part in retire:
        if not os.path.lexists(old / part) and os.path.lexists(folder / part):
            (old / part).parent.mkdir(parents=True, exist_ok=True)
            (folder / part).rename(old / part)
            undo.append((old / part, folder / part))
    for part in moves:
        if not os.path.lexists(new / part):
            continue
        if (folder / part).is_file() and not os.path.lexists(old / part):
            (old / part).parent.mkdir(parents=True, exist_ok=True)
            link_or_copy(folder / part, old / part)
        (folder / part).parent.mkdir(parents=True, exist_ok=True)
        (new / part).replace(folder / part)
        kept = part not in retire and os.path.lexists(old / part)
        undo.append((old / part, folder / part) if kept else (folder / part, new / part))


def _clear(incoming: Path) -> None:
    # The list goes first: without it what is left here is rubbish.
    with contextlib.suppress(OSError):
        (incoming / _LIST).unlink(missing_ok=True)
        shutil.rmtree(incoming)


def _open_folder(folder: Path) -> int:
    try:
        return os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise DataError(f"cannot be opened: {error.strerror}.", path=folder) from error


def _try_lock(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        # Some network file systems know no locks; going on without is what people expect there.
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _busy(folder: Path) -> DataError:
    return DataError(
        "another program is changing this data set at the moment.",
        path=folder,
        code="busy",
        hint="Wait until it is done.",
    )
