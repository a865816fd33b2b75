"""Making a folder beside its place and moving it there whole, and opening a source wherever it lies.

What is not complete is never seen: an error or Ctrl-C leaves everything as it was.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from converters.errors import DataError, NotADatasetError, UsageError, WriteError
from converters.files import make_folder
from converters.formats.base import ProgressCallback
from converters.model import Split
from converters.report import Report
from converters.work import WorkFolder

WORK_PARTS = ("obj", "augmented", "obj.names", "obj.data", "split.csv", *(f"{part}.txt" for part in Split))
"""What a new Darknet data set replaces in an old one. All else (runs/, .annotator/, …) stays."""


def check_target(source: Path, target: Path, *, force: bool = False) -> None:
    """Whether ``target`` may be made from ``source``.

    Raises:
        UsageError: One lies in the other, or the target holds something that is not replaced.
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
    if not target.exists():
        return
    if not target.is_dir():
        raise UsageError("exists and is not a folder.", path=target)
    try:
        empty = next(target.iterdir(), None) is None
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error
    if empty:
        return
    if not WorkFolder(target).exists():
        raise UsageError("exists and is not empty.", path=target, hint="Name a new folder.")
    if not force:
        raise UsageError(
            "holds a Darknet data set already.",
            path=target,
            hint="Name a new folder, or replace it with --force (its runs/ stay).",
        )


@contextlib.contextmanager
def staging_for(target: Path) -> Iterator[Path]:
    """A temporary folder on the target's disk, removed afterwards whatever happens.

    Raises:
        WriteError: It cannot be made (read-only, disk full).
    """
    beside = target.absolute().parent
    while not beside.is_dir() and beside != beside.parent:
        beside = beside.parent
    try:
        folder = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.new-", dir=beside))
    except OSError as error:
        raise WriteError.from_os_error(error, beside) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def install(new: Path, target: Path, trash: Path, parts: Sequence[str] = WORK_PARTS) -> None:
    """Move a complete new folder to its place.

    Args:
        new: The new folder.
        target: Where it goes: nothing, an empty folder, or one in which ``parts`` are replaced.
        trash: A folder on the same disk for what is replaced.
        parts: Names in the target that are replaced (or go, where the new folder has none).

    Raises:
        WriteError: It could not be moved; the target is as it was.
    """
    try:
        if not target.is_dir() or next(target.iterdir(), None) is None:
            make_folder(target.absolute().parent)
            new.rename(target)
        else:
            _exchange(new, target, trash, parts)
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error


@contextlib.contextmanager
def opened(
    source: Path,
    report: Report,
    unpack_to: Path | None = None,
    on_progress: ProgressCallback | None = None,
) -> Iterator[Path]:
    """The folder of a source: itself, or an archive unpacked into a temporary folder.

    In findings and errors the temporary folder is called by the archive's name again.

    Args:
        source: Folder or archive; neither is changed.
        report: Told what was wrong, afterwards with the archive's name in the paths.
        unpack_to: New folder to unpack into; None: one in the system's folder for temporary files.
        on_progress: Told how much is unpacked.

    Raises:
        NotADatasetError: There is nothing there, or a file that is no archive.
        ArchiveError: The archive is broken or hostile.
    """
    if source.is_dir():
        yield source
        return
    from converters import archive  # a folder needs none of it

    if not source.exists():
        raise NotADatasetError("there is no such file or folder.", path=source)
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


def _exchange(new: Path, target: Path, trash: Path, parts: Sequence[str]) -> None:
    """Replace parts of a folder; on any interruption put back what was there."""
    trash.mkdir()
    undo: list[tuple[Path, Path]] = []
    try:
        for part in parts:
            for source, place in ((target / part, trash / part), (new / part, target / part)):
                if source.exists() or source.is_symlink():
                    source.rename(place)
                    undo.append((place, source))
        for extra in sorted(new.iterdir()):
            if not (target / extra.name).exists():
                extra.rename(target / extra.name)
                undo.append((target / extra.name, extra))
    except BaseException:
        for place, source in reversed(undo):
            place.rename(source)
        raise
