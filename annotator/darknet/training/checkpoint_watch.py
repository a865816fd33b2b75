"""Measures the weights of a training as they are saved, beside the training and at a low price.

The schedule: numbered weights always, those that Darknet writes again and again (``last``, ``backup``,
``best``) a fortieth of the training apart, the newest first; one at a time, each in a process of the lowest
priority on one thread; and after each a rest three times as long as it took, so that at most a quarter of
one processor is spent. Where the machine cannot keep up with that, checkpoints in between are left out: the
evaluation afterwards measures whatever is still on the disk.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from annotator.darknet.evaluation.checkpoint_seen import Seen, add_seen, forget_seen_after
from annotator.darknet.evaluation.checkpoints import (
    MeasuredCheckpoint,
    add_measured,
    forget_after,
    read_measured,
    rewrite_measured,
)
from annotator.darknet.evaluation.stored import EvaluationFolder
from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.weights import read_weights_header
from annotator.darknet.program.events import Event, Measuring, Problem, WeightsSaved
from annotator.darknet.run.folder import RunFolder
from converters.errors import DataError, FormatError, WriteError
from converters.files import make_folder
from converters.model import Split

CHECKPOINTS = 40
"""About so many of the weights that are overwritten are measured in a whole training."""
REST = 3.0
"""Times as long as a measure took, nothing is measured after it."""
LAST_SECONDS = 120.0
"""How long the end of a training waits for its last weights to be measured."""
WHOLE_SECONDS = 30.0
_LOOK_SECONDS = 0.2
_SAVED_EVERY = 100


def step_of(max_batches: int) -> int:
    """Iterations between two measures of weights that are overwritten; Darknet saves them every 100."""
    return max(_SAVED_EVERY, -(-max_batches // (CHECKPOINTS * _SAVED_EVERY)) * _SAVED_EVERY)


class CheckpointWatch:
    """Is told of each weights file that is saved, and tells what was measured of it.

    Args:
        run: The run folder.
        tell: Called with each event, in a thread of this object's.
        from_iteration: Where the training begins; what was measured of later weights is dropped.
        threads: For the last weights, when Darknet needs the processors no longer.

    Raises:
        FormatError: The run's cfg cannot be read.
        WriteError: The run folder cannot be written.
    """

    def __init__(
        self, run: RunFolder, tell: Callable[[Event], None], *, from_iteration: int = 0, threads: int = 1
    ) -> None:
        self._run = RunFolder(run.path.resolve(), run.info)
        self._tell = tell
        self._threads = threads
        self._parameters = parameter_count(run.read_cfg())
        self._step = step_of(run.info.max_batches)
        self._snapshot = EvaluationFolder.of(self._run).path / ".checkpoint.weights"
        self._pending: dict[Path, int] = {}
        self._news = threading.Condition()
        self._closing = self._paused = self._abandoned = self._complained = False
        self._child: subprocess.Popen[str] | None = None
        self._not_before = 0.0
        forget_after(self._run, from_iteration)
        forget_seen_after(self._run, from_iteration)
        self._measured = {one.iteration: one for one in read_measured(self._run)}
        self._taken_at = max(self._measured, default=from_iteration)
        self._thread = threading.Thread(target=self._work, name="checkpoints", daemon=True)
        if self._has_pictures():
            self._thread.start()

    def saved(self, event: WeightsSaved) -> None:
        """Weights are being saved; returns at once."""
        path = self._run.path / event.path
        iteration = event.iteration or 0
        kind = _kind(path)
        if kind in ("ema", "final") or iteration >= self._run.info.max_batches:
            return  # averaged ones are another table; the final ones are measured at the end
        with self._news:
            if kind == "numbered" or iteration >= self._taken_at + self._step:
                self._pending[path] = iteration
                if kind != "numbered":
                    self._taken_at = iteration
                self._news.notify()

    def moved(self, path: Path) -> None:
        """The run folder is somewhere else now; returns at once."""
        with self._news:
            self._pending = {path / "backup" / old.name: at for old, at in self._pending.items()}
            self._run.path = path
            self._snapshot = EvaluationFolder.of(self._run).path / self._snapshot.name

    def pause(self, on: bool) -> None:
        """While the training stands still nothing new is measured; returns at once."""
        self._paused = on

    def abandon(self) -> None:
        """End at once and measure no more; safe from any thread and from a signal handler."""
        self._abandoned = True
        child = self._child
        if child is not None:
            with suppress(ProcessLookupError):
                child.kill()

    def lacks_last(self) -> bool:
        """Whether :meth:`finish` will have to wait: the newest weights are not measured yet."""
        newest = self._newest()
        return self._thread.is_alive() and newest is not None and newest[1] not in self._measured

    def finish(self, *, last: bool) -> None:
        """End, and wait for the end.

        Args:
            last: Measure the newest weights first, with all threads; else what is begun is given up.
        """
        if not self._thread.is_alive():
            return
        if not last:
            self.abandon()
        with self._news:
            self._pending.clear()
            newest = self._newest() if last else None
            if newest is not None:
                self._pending[newest[0]] = newest[1]
            self._closing = True
            self._not_before = 0.0
            self._paused = False
            self._news.notify()
        until = time.monotonic() + LAST_SECONDS
        while self._thread.is_alive() and not self._abandoned and time.monotonic() < until:
            self._thread.join(_LOOK_SECONDS)
        self.abandon()
        self._thread.join()
        self._snapshot.unlink(missing_ok=True)

    # In the thread

    def _has_pictures(self) -> bool:
        with suppress(OSError):
            return self._run.list_of(Split.VAL).stat().st_size > 0
        return False

    def _newest(self) -> tuple[Path, int] | None:
        with suppress(FormatError):
            saved = [one for one in self._run.weights() if one.kind != "ema"]
            if saved:
                newest = next((one for one in reversed(saved) if one.kind == "final"), saved[-1])
                return newest.path, newest.iteration
        return None

    def _work(self) -> None:
        while (path := self._next()) is not None:
            try:
                self._take(path)
            except DataError as error:
                self._complain(str(error))

    def _next(self) -> Path | None:
        """The newest of what waits, when it is time for it; None at the end."""
        with self._news:
            while True:
                if self._abandoned or (self._closing and not self._pending):
                    return None
                if self._pending and not self._paused and time.monotonic() >= self._not_before:
                    path = max(self._pending, key=lambda one: self._pending[one])
                    del self._pending[path]
                    return path
                self._news.wait(_LOOK_SECONDS if self._pending else None)

    def _take(self, path: Path) -> None:
        kind = _kind(path)
        there, iteration = self._whole(path, kind)
        if there is None or iteration in self._measured:
            return
        self._tell(Measuring(iteration, path.name))
        started = time.monotonic()
        one = self._measure(there, path, kind, iteration)
        if not self._closing:
            self._not_before = time.monotonic() + REST * (time.monotonic() - started)
        if one is None:
            return
        measured, seen = one
        measured = self._keep(measured, there)
        if seen is not None:
            add_seen(self._run, seen)
        add_measured(self._run, measured)
        self._measured[measured.iteration] = measured
        self._tell(measured.event())

    def _whole(self, path: Path, kind: str) -> tuple[Path | None, int]:
        """The weights when they are whole, of what is overwritten a copy; (None, 0) where they never are."""
        until = time.monotonic() + WHOLE_SECONDS
        while not self._abandoned and time.monotonic() < until:
            with suppress(FormatError, OSError):
                before = path.stat()
                header = read_weights_header(path)
                if header.parameters == self._parameters:
                    if kind in ("numbered", "final"):
                        return path, header.iteration(self._run.info.batch)
                    make_folder(self._snapshot.parent)
                    shutil.copyfile(path, self._snapshot)
                    after = path.stat()
                    if (before.st_mtime_ns, before.st_size) == (after.st_mtime_ns, after.st_size):
                        header = read_weights_header(self._snapshot)
                        return self._snapshot, header.iteration(self._run.info.batch)
            time.sleep(_LOOK_SECONDS)
        return None, 0

    def _measure(
        self, there: Path, path: Path, kind: str, iteration: int
    ) -> tuple[MeasuredCheckpoint, Seen | None] | None:
        """Measure in a process of its own; None where it was ended, or said why it cannot."""
        threads = str(self._threads if self._closing else 1)
        best = max((one.mean_ap for one in self._measured.values()), default=-1.0)
        command = [sys.executable, "-m", "annotator.darknet.evaluation.checkpoint_measure"]
        command += [str(self._run.path), str(there), path.name, kind]
        command += [f"--best={best!r}", "--threads", threads]
        environment = os.environ | {"OMP_NUM_THREADS": threads, "OPENBLAS_NUM_THREADS": threads}
        said = _Said()
        with tempfile.TemporaryFile() as wrong:  # a pipe that nobody reads meanwhile may be full
            try:
                child = subprocess.Popen(
                    [*_die_with_us(), *command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                    stderr=wrong, text=True, encoding="utf-8", errors="replace",
                    env=environment, start_new_session=True,
                )  # fmt: skip
            except OSError as error:
                self._complain(f"Python cannot be started: {error.strerror or error}.")
                return None
            self._child = child
            if self._abandoned:
                child.kill()
            with child:
                for line in child.stdout or ():
                    if said.take(line) and not self._abandoned:
                        self._tell(Measuring(iteration, path.name, said.done, said.images))
            self._child = None
            if self._abandoned:
                return None
            if said.measured is None:
                wrong.seek(0)
                last = wrong.read().decode("utf-8", "replace").strip().splitlines()
                self._complain(last[-1] if last else f"exit code {child.returncode}.")
                return None
        return said.measured, said.seen

    def _keep(self, one: MeasuredCheckpoint, there: Path) -> MeasuredCheckpoint:
        """Keep the weights where they are the best so far, and Darknet will overwrite its own file."""
        best = max(self._measured.values(), key=lambda old: (old.mean_ap, -old.iteration), default=None)
        if one.mean_ap <= (best.mean_ap if best is not None else 0.0):
            return one
        self._drop_predictions(best)
        if there != self._snapshot:
            return one
        target = self._run.backup / f"{self._run.cfg.stem}_{one.iteration}.weights"
        if target.exists():  # Darknet's own: it stays, while the file that was measured is written over
            self._drop_kept()
            return replace(one, checkpoint=replace(one.checkpoint, weights=target.name, kind="numbered"))
        try:
            there.replace(target)
        except OSError as error:
            raise WriteError.from_os_error(error, target) from error
        self._drop_kept()
        return replace(
            one, checkpoint=replace(one.checkpoint, weights=target.name, kind="numbered"), kept=True
        )

    def _drop_kept(self) -> None:
        """Remove the copies of what was the best before; Darknet's own files are never touched."""
        olds = [old for old in self._measured.values() if old.kept]
        for old in olds:
            old.checkpoint.path_in(self._run).unlink(missing_ok=True)
            self._measured[old.iteration] = replace(old, kept=False)
        if olds:
            rewrite_measured(self._run, self._measured.values())

    def _drop_predictions(self, best: MeasuredCheckpoint | None) -> None:
        """What the former best found is wanted no longer, unless an evaluation has taken it up."""
        folder = EvaluationFolder.of(self._run)
        if best is not None and not folder.json.exists():
            folder.predictions(best.checkpoint.sha256, Split.VAL).unlink(missing_ok=True)

    def _complain(self, why: str) -> None:
        if not self._complained and not self._abandoned:
            self._complained = True
            self._tell(Problem(f"Saved weights could not be measured on validation: {why}", "not-measured"))


class _Said:
    """What the process that measures has said until now."""

    def __init__(self) -> None:
        self.done = self.images = 0
        self.seen: Seen | None = None
        self.measured: MeasuredCheckpoint | None = None

    def take(self, line: str) -> bool:
        """Take a line, unless it is none of ours; whether it says how far it is."""
        with suppress(KeyError, TypeError, ValueError):
            said = json.loads(line)
            if "done" in said:
                self.done, self.images = int(said["done"]), int(said["images"])
                return True
            if "seen" in said:
                self.seen = Seen.of(said)
            else:
                self.measured = MeasuredCheckpoint.parse(line)
        return False


def _kind(path: Path) -> str:
    if path.suffix == ".backup":
        return "backup"
    word = path.stem.rpartition("_")[2]
    return word if word in ("last", "best", "final", "ema") else "numbered"


def _die_with_us() -> list[str]:
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []
