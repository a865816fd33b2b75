"""Room on the disk while a training runs: it stands still before its weights are lost, not after.

No Darknet looks at whether its weights got onto the disk: on a full one it trains on for hours and leaves
empty files. So the room is looked at now and then, and closely before each save; where the next weights do
not fit, or the last came out short, Darknet is held (as by a pause) until there is room.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from annotator.darknet.amounts import size_text
from annotator.darknet.program.events import Problem
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.outcome import SAVE_EVERY, final_weights, reserve_of
from annotator.darknet.run.safe_copies import RESERVE_BYTES
from converters.errors import UsageError, WriteError

LOOK_SECONDS = 5.0
"""How often the room is looked at."""
AHEAD_SECONDS = 2.0
"""Darknet is held this long before a save that cannot succeed."""
_HEADER_BYTES = 20
_ASIDE_BYTES = 1_000_000  # for the log, the events, and what a file system itself needs


def free_bytes(folder: Path) -> int:
    """Bytes that this user may still write on the disk of a folder; a gone folder lacks none."""
    try:
        found = os.statvfs(folder)
    except OSError:
        return 1 << 62
    return found.f_frsize * (found.f_bfree if os.geteuid() == 0 else found.f_bavail)


def fits(folder: Path, size: int) -> bool:
    """Whether a file of so many bytes can be written: tried, as a quota is seen by nothing else."""
    try:
        with tempfile.TemporaryFile(dir=folder) as file:
            os.posix_fallocate(file.fileno(), 0, max(1, size))
    except OSError:
        return False
    return True


def weights_size(parameters: int) -> int:
    """Bytes of a weights file with so many values."""
    return _HEADER_BYTES + 4 * parameters


def next_save(iteration: int, max_batches: int) -> int:
    """The iteration at which Darknet saves next, after this one."""
    return min((iteration // SAVE_EVERY + 1) * SAVE_EVERY, max(max_batches, iteration + 1))


def bytes_wanted(run: RunFolder, size: int, at: int) -> int:
    """Bytes that the disk has to have for the weights that are saved at an iteration.

    Args:
        run: The run.
        size: Of one weights file.
        at: The iteration.

    Returns:
        What is written over is not counted twice.
    """
    stem, old = run.cfg.stem, run.info.darknet.get("dialect") == "pjreddie"
    names = []
    if at % SAVE_EVERY == 0:
        names.append(f"{stem}.backup" if old else f"{stem}_last.weights")
        step = 10_000 if run.info.max_batches >= 10_000 else 1000
        if at % step == 0 or (old and (at < 1000 or at % 10_000 == 0)):
            names.append(f"{stem}_{at}.weights")
    if at >= run.info.max_batches:
        names.append(final_weights(run).name)
    return sum(max(0, size - _size_of(run.backup / name)) for name in names)


def lacking(run: RunFolder, size: int, iteration: int) -> int:
    """Bytes that have to be freed before the next save; 0: it fits."""
    return max(0, _wanted(run, size, iteration) - free_bytes(run.backup))


def _wanted(run: RunFolder, size: int, iteration: int) -> int:
    """Bytes for the next save, and for what else is written until then."""
    return bytes_wanted(run, size, next_save(iteration, run.info.max_batches)) + _ASIDE_BYTES


def _free(run: RunFolder, missing: int) -> str:
    return f"Free {size_text(missing)} on the disk of {run.path}"


def require_room(run: RunFolder) -> None:
    """Refuse to end a pause for room while there still is none.

    Raises:
        UsageError: The next weights would be lost; what has to be freed is said.
    """
    missing = run.info.lacks and lacking(run, run.info.lacks, run.info.iteration)
    if missing:
        raise UsageError(
            "still has no room for its next weights.",
            path=run.path,
            code="no-room",
            hint=f"{_free(run, missing)}.",
        )


class RoomWatch:
    """Says when a training has to stand still as its weights would be lost.

    Args:
        run: The run.
        size: Bytes of one weights file.
        tell: Called with what a person has to know.

    Attributes:
        why: Why it has to stand still; empty: it need not.
    """

    def __init__(self, run: RunFolder, size: int, tell: Callable[[Problem], None]) -> None:
        self._run = run
        self._size = size
        self._tell = tell
        self._looked = -LOOK_SECONDS
        self._warned = False
        self._goes_on_by_itself = False
        self.why = ""

    def look(self, iteration: int, seconds: float, lost: Path | None, *, saving: bool) -> None:
        """Look at the room where it is time to; sets :attr:`why`.

        Args:
            iteration: The last one done.
            seconds: How long an iteration takes.
            lost: Weights that were just saved and came out short.
            saving: Whether weights are being written now: then the room for them is half taken.
        """
        if saving and not self.why:
            return
        left = next_save(iteration, self._run.info.max_batches) - iteration
        soon = left <= 1 or 0 < left * seconds < AHEAD_SECONDS
        now = time.monotonic()
        if lost is None and (self.why or not soon) and now - self._looked < LOOK_SECONDS:
            return
        self._looked = now
        missing = lacking(self._run, self._size, iteration)
        if lost is not None:
            self._hold(self._of_lost(lost, iteration, missing), iteration, missing)
        elif self.why:
            if not missing and self._goes_on_by_itself:
                self._tell(Problem("There is room on the disk again: the training goes on.", "room-again"))
                self.go_on()
        elif missing and soon:
            self._hold(self._of_next(iteration, missing), iteration, missing)
        elif missing and not self._warned:
            self._warned = True
            advice = f"{_free(self._run, missing)}, or it will wait there."
            self._tell(Problem(f"{self._of_next(iteration, missing)} {advice}", "little-room"))
        elif not missing:
            self._warned = False

    def go_on(self) -> None:
        """It need not stand still any longer."""
        if not self.why:
            return
        self.why = ""
        self._warned = False
        with suppress(WriteError, OSError):
            reserve_of(self._run).write_bytes(bytes(RESERVE_BYTES))
            self._run.update(lacks=0, message="")

    def _hold(self, why: str, iteration: int, missing: int) -> None:
        self.why = why
        self._goes_on_by_itself = missing > 0  # else it is no lack of room that this can see: a quota, say
        with suppress(OSError):  # room for saying so
            reserve_of(self._run).unlink(missing_ok=True)
        how = "by itself, or with" if missing else "with"
        text = (
            f"{why} The training waits, so that nothing is lost. {_free(self._run, missing or self._size)}; "
            f"it then goes on {how} Go on (train-cli continue {self._run.path})."
        )
        with suppress(WriteError):
            self._run.update(iteration=iteration, lacks=self._size, message=text)
        self._tell(Problem(text, "no-room"))

    def _of_next(self, iteration: int, missing: int) -> str:
        at = next_save(iteration, self._run.info.max_batches)
        wanted = _wanted(self._run, self._size, iteration)
        return (
            f"Saving at iteration {at} needs {size_text(wanted)}, and the disk has "
            f"{size_text(wanted - missing)} left."
        )

    def _of_lost(self, lost: Path, iteration: int, missing: int) -> str:
        newest = self._run.newest_weights()
        kept = f"iteration {newest.iteration} is saved" if newest else "nothing else is saved"
        return (
            f"{lost.name} of iteration {iteration} could not be saved: the disk is full "
            f"({size_text(_size_of(lost))} of {size_text(self._size)} were written; {kept})."
        )


def _size_of(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
