"""Trainings of a Darknet data set with the room their weights take, and deleting what is not needed."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from annotator.core.amounts import freed_by, freed_by_folder, size_of_file
from annotator.core.system_trash import move_to_trash
from annotator.darknet.evaluation.spare_weights import best_measured, sorted_out
from annotator.darknet.evaluation.stored import load_stored
from annotator.darknet.run.folder import RunFolder, list_runs
from converters.errors import DataError, WriteError
from converters.formats.base import ProgressCallback

_MEAN = re.compile(rb"mean average precision \(mAP@[\d.]+\) ?= ?([\d.]+)")


@dataclass(frozen=True, slots=True)
class RunRow:
    """One training.

    Attributes:
        run: Its folder.
        status: ``running``, ``finished``, ``stopped`` or ``failed``.
        best_map: The best mAP@0.50 that was measured on validation, 0 to 1; None where none was.
        size: Bytes of all of it that deleting it frees (pictures are links, and free none).
        weights: Bytes of its weights.
        kept: The weights that are worth keeping: the best and the last.
        spare: Those in between.
        spare_size: Bytes that deleting the spare weights frees.
    """

    run: RunFolder
    status: str
    best_map: float | None
    size: int
    weights: int
    kept: tuple[Path, ...]
    spare: tuple[Path, ...]
    spare_size: int


def rows_of(work: Path, on_progress: ProgressCallback | None = None) -> list[RunRow]:
    """All trainings, the latest first."""
    rows = []
    runs = list_runs(work)
    for done, run in enumerate(reversed(runs)):
        if on_progress is not None:
            on_progress(done, len(runs))
        rows.append(row_of(run))
    return rows


def row_of(run: RunFolder) -> RunRow:
    """What there is to say of one training."""
    files = [path for path in run.backup.glob("*") if path.suffix in (".weights", ".backup")]
    kept, spare = sorted_out(run)
    sizes = sum(map(size_of_file, files))
    return RunRow(
        run,
        run.status,
        _best_map(run),
        freed_by_folder(run.path),
        sizes,
        kept,
        spare,
        sum(map(freed_by, spare)),
    )


def delete_runs(
    rows: Sequence[RunRow], *, to_trash: bool, on_progress: ProgressCallback | None = None
) -> int:
    """Delete whole trainings; returns the bytes that they took.

    Args:
        rows: Which.
        to_trash: Move them to the system's trash (else they are gone).
        on_progress: Told (done, total); it may raise to stop.

    Raises:
        UsageError: One is running, or its disk has no trash.
        WriteError: One cannot be deleted. Those before it are gone.
    """

    def delete(row: RunRow) -> int:
        _remove(row.run.path, to_trash=to_trash)
        return row.size

    return _each(rows, delete, on_progress)


def delete_spare_weights(
    rows: Sequence[RunRow], *, to_trash: bool, on_progress: ProgressCallback | None = None
) -> int:
    """Delete the weights between the best and the last; returns their bytes. As :func:`delete_runs`."""

    def thin_out(row: RunRow) -> int:
        # What is spare is looked up again: the list may be from before a training went on.
        _, spare = sorted_out(row.run)
        total = 0
        for path in spare:
            size = size_of_file(path)
            _remove(path, to_trash=to_trash)
            total += size
        return total

    return _each(rows, thin_out, on_progress)


def _each(rows: Sequence[RunRow], what: Callable[[RunRow], int], on_progress: ProgressCallback | None) -> int:
    total = 0
    for done, row in enumerate(rows):
        if on_progress is not None:
            on_progress(done, len(rows))
        with _alone(row.run):
            total += what(row)
    return total


@contextmanager
def _alone(run: RunFolder) -> Iterator[None]:
    """Nobody trains in a run meanwhile."""
    handle = run.lock()
    try:
        yield
    finally:
        os.close(handle)


def _remove(path: Path, *, to_trash: bool) -> None:
    if to_trash:
        move_to_trash(path)
        return
    try:
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink()
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error


def _best_map(run: RunFolder) -> float | None:
    found: list[float] = []
    with suppress(DataError):
        stored = load_stored(run)
        if stored is not None:
            found += [one.metrics.mean_ap for one in stored.checkpoints if one.metrics is not None]
    if not found and (measured := best_measured(run)) is not None:
        found.append(measured)
    if not found:
        with suppress(OSError), run.log.open("rb") as file:
            for line in file:
                match = _MEAN.search(line)
                if match is not None:
                    with suppress(ValueError):
                        value = float(match.group(1))
                        found.append(value / 100 if value > 1 else value)
    return max(found, default=None)
