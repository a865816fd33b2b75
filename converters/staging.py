"""Making a folder beside its place and moving it there whole, and opening a source wherever it lies.

What is not complete is never seen: an error or Ctrl-C leaves everything as it was.
"""

from __future__ import annotations

import contextlib
import fcntl
import glob
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from converters.errors import DataError, NotADatasetError, UsageError, WriteError
from converters.files import make_folder
from converters.formats.base import ProgressCallback
from converters.layout import SHARED_SUFFIXES, suffix_of
from converters.model import Split
from converters.report import Report
from converters.swap import replace_parts
from converters.work import WorkFolder

WORK_PARTS = ("obj", "augmented", "obj.names", "obj.data", "split.csv", *(f"{part}.txt" for part in Split))
"""What a new Darknet data set replaces in an old one. All else (runs/, .annotator/, …) stays."""


def check_target(source: Path, target: Path, *, force: bool = False) -> None:
    """Whether ``target`` may be made from ``source``.

    Raises:
        UsageError: One lies in the other, or the target holds something that is not replaced.
    """
    check_apart(source, target)
    if not target.exists() and not target.is_symlink():
        return
    if not target.is_dir():
        raise UsageError("exists and is not a folder.", path=target)
    if not is_filled(target):
        return
    if not WorkFolder(target).exists():
        raise UsageError("exists and is not empty.", path=target, hint="Name a new folder.")
    if not force:
        raise UsageError(
            "holds a Darknet data set already.",
            path=target,
            hint="Name a new folder; or replace it with --force (its runs/ stay), or add to it with --add.",
        )


def check_apart(source: Path, target: Path) -> None:
    """Whether a source and a target are two places.

    Raises:
        UsageError: They are the same, or one lies in the other.
    """
    real_source, real_target = source.resolve(), target.resolve()
    if real_source == real_target:
        raise UsageError("is both the source and the target.", path=target)
    if source.is_dir() and real_target.is_relative_to(real_source):
        raise UsageError(
            "lies inside the source, which is never changed.",
            path=target,
            hint=f"Choose a place beside it, for example {real_source.parent / 'work'}.",
        )
    if real_source.is_relative_to(real_target):
        raise UsageError("holds the source; choose another folder.", path=target)


@contextlib.contextmanager
def staging_for(target: Path) -> Iterator[Path]:
    """A temporary folder on the target's disk, removed afterwards whatever happens.

    It lies in the target where there is one with something in it, else beside it. What a killed program left
    there is removed first.

    Raises:
        WriteError: It cannot be made (read-only, disk full).
    """
    if is_filled(target):
        place, prefix = target, ".new-"
    else:
        place, prefix = target.absolute().parent, f".{target.name[:80]}.new-"
    while not place.is_dir() and place != place.parent:
        place = place.parent
    _remove_abandoned(place, prefix)
    try:
        folder = Path(tempfile.mkdtemp(prefix=prefix, dir=place))
        handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise WriteError.from_os_error(error, place) from error
    try:
        # Tells others that somebody is at work in it; the kernel ends that with this process.
        with contextlib.suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield folder
    except DataError as error:
        if error.path is not None and error.path.is_relative_to(folder):
            error.path = target  # the folder is gone when somebody reads this
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


def install(new: Path, target: Path, room: Path, parts: Sequence[str] = WORK_PARTS) -> None:
    """Move a complete new folder to its place.

    Args:
        new: The new folder.
        target: Where it goes: nothing, an empty folder, or (inside :func:`converters.swap.alone_in`) one in
            which ``parts`` are replaced.
        room: A path on the same disk where nothing is.
        parts: Names in the target that are replaced (or go, where the new folder has none).

    Raises:
        WriteError: It could not be moved; the target is as it was.
    """
    if is_filled(target):
        moves = sorted(entry.name for entry in new.iterdir())
        moves = [name for name in moves if name in parts or not os.path.lexists(target / name)]
        replace_parts(target, new, moves, retire=parts, room=room)
        return
    try:
        make_folder(target.absolute().parent)
        new.rename(target)
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error


def is_filled(folder: Path) -> bool:
    """Whether a path is a folder with something in it.

    Raises:
        WriteError: It cannot be looked into.
    """
    try:
        return folder.is_dir() and next(folder.iterdir(), None) is not None
    except OSError as error:
        raise WriteError.from_os_error(error, folder) from error


def _remove_abandoned(place: Path, prefix: str) -> None:
    """Remove the temporary folders of programs that were killed."""
    for folder in place.glob(f"{glob.escape(prefix)}*"):
        try:
            handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            continue  # somebody is at work in it
        else:
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(handle)


@contextlib.contextmanager
def opened(
    source: Path,
    report: Report,
    unpack_to: Path | None = None,
    on_progress: ProgressCallback | None = None,
) -> Iterator[Path]:
    """The folder of a source: itself, or an archive unpacked into a temporary folder.

    A label file of many pictures is a source as it is: :func:`converters.registry.load` takes it as well.

    In findings and errors the temporary folder is called by the archive's name again.

    Args:
        source: Folder, archive or label file; none is changed.
        report: Told what was wrong, afterwards with the archive's name in the paths.
        unpack_to: New folder to unpack into; None: one in the system's folder for temporary files.
        on_progress: Told how much is unpacked.

    Raises:
        UsageError: There is nothing there.
        NotADatasetError: It is a file that is no archive.
        ArchiveError: The archive is broken or hostile.
    """
    if source.is_dir() or (source.is_file() and suffix_of(source.name) in SHARED_SUFFIXES):
        yield source
        return
    from converters import archive  # a folder needs none of it

    if not source.exists():
        raise UsageError("there is no such file or folder.", path=source)
    if not archive.is_archive(source):
        raise NotADatasetError("is neither a folder nor an archive (zip, tar).", path=source)
    with contextlib.ExitStack() as stack:
        if unpack_to is None:
            unpack_to = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mask-annotator-")))
            unpack_to = unpack_to / "set"
        known = len(report)
        try:
            archive.unpack(source, unpack_to, on_progress)
            yield unpack_to
        except DataError as error:
            error.path = _outside(error.path, unpack_to, source)
            error.hint = error.hint.replace(str(unpack_to), str(source))
            raise
        finally:
            report.issues[known:] = [
                replace(issue, path=_outside(issue.path, unpack_to, source))
                for issue in report.issues[known:]
            ]


def _outside(path: Path | None, unpacked: Path, source: Path) -> Path | None:
    if path is not None and path.is_relative_to(unpacked):
        return source / path.relative_to(unpacked)
    return path
