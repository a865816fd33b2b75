"""Mending what a check of a training has found, where that can be done without asking."""

from __future__ import annotations

import os
import pwd
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from annotator.darknet.preflight.data_set import alike_pairs, leaking_copies
from converters.errors import UsageError, WriteError
from converters.files import make_folder
from converters.formats.base import ProgressCallback
from converters.made import bring_over, compare, source_of_work
from converters.model import Split
from converters.regrouping import Regrouped, put_together
from converters.swap import alone_in
from converters.work import WorkFolder, copies_in, read_split, write_lists

_OURS = stat.S_IRUSR | stat.S_IWUSR | stat.S_IXUSR


def allow_writing(folder: Path) -> None:
    """Make a folder that is missing, and one of our own that we may not write writable.

    Args:
        folder: The folder that shall be written, or one that is to be made.

    Raises:
        WriteError: It belongs to somebody else, the disk is read-only, or a file is in its place.
    """
    there = folder
    while not there.exists() and there != there.parent:
        there = there.parent
    if there.is_dir() and not os.access(there, os.W_OK | os.X_OK):
        found = there.stat()
        if found.st_uid != os.geteuid():
            raise WriteError(
                f"belongs to {_name_of(found.st_uid)}: only they can allow writing there.",
                path=there,
                code="read-only",
                hint="Take another folder for the training set.",
            )
        try:
            there.chmod(stat.S_IMODE(found.st_mode) | _OURS)
        except OSError as error:
            raise WriteError.from_os_error(error, there) from error
        if not os.access(there, os.W_OK | os.X_OK):
            raise WriteError(
                "cannot be written: its disk is read-only.",
                path=there,
                code="read-only",
                hint="Take a folder on another disk for the training set.",
            )
    make_folder(folder)


def _name_of(user: int) -> str:
    with suppress(KeyError):
        return pwd.getpwuid(user).pw_name
    return f"user {user}"


@dataclass(frozen=True, slots=True)
class Brought:
    """Labels that were brought over from the set.

    Attributes:
        changed: Pictures whose labels are others now.
        missing: Pictures that had no label file, or were missing themselves.
        copies: Augmented copies of ``changed``, which still show the old labels.
    """

    changed: tuple[str, ...]
    missing: tuple[str, ...]
    copies: tuple[str, ...]


def bring_labels(work: WorkFolder, tell: ProgressCallback | None = None) -> Brought:
    """Write labels that changed in the set since the data set was made from it, or that are missing, anew.

    Split, names, copies and runs stay as they are; what stood in the label files is kept.

    Args:
        work: The data set.
        tell: Told (done, total); may raise to cancel.

    Raises:
        UsageError: It is not known what the data set was made from, or that is not here.
        DataError: The set cannot be read, or a file cannot be written.
    """
    made = source_of_work(work)
    if made is None or not made.source.is_dir():
        where = "" if made is None else f" ({made.source})"
        raise UsageError(
            f"the set that it was made from{where} is not here.",
            path=work.root,
            hint="Make it again: convert-cli SET WORK --to yolo --force",
        )
    drift = compare(work, made, tell)
    copies = bring_over(work, drift)
    return Brought(drift.changed, tuple(dict.fromkeys((*drift.lost, *drift.missing))), copies)


def put_alike_together(work: WorkFolder, tell: ProgressCallback | None = None) -> Regrouped:
    """Put pictures that show the same into one split each; see :func:`converters.regrouping.put_together`."""
    entries = [row.image for row in read_split(work)]
    links = [(pair.first, pair.second) for pair in alike_pairs(work.root, entries, tell=tell)]
    return put_together(work, links)


def delete_leaking_copies(work: WorkFolder) -> int:
    """Delete augmented copies of pictures that are measured on; returns how many there were.

    Raises:
        DataError: Another program is changing the data set, or they cannot be deleted.
    """
    with alone_in(work.root):
        rows = read_split(work)
        lists = {split: [row.image for row in rows if row.split is split] for split in Split}
        lists[Split.TRAIN] += copies_in(work)
        leaking = leaking_copies(work.root, lists)
        for entry in leaking:
            path = work.root / entry
            try:
                path.unlink(missing_ok=True)
                path.with_suffix(".txt").unlink(missing_ok=True)
            except OSError as error:
                raise WriteError.from_os_error(error, path) from error
        write_lists(work)
    return len(leaking)
