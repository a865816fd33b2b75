"""Taking what a training prints: the log, the metrics and run.json are written, events passed on."""

from __future__ import annotations

import codecs
import csv
import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.weights import read_weights_header
from annotator.darknet.program.events import Event, Iteration, Moved, Problem, RunStarted, WeightsSaved
from annotator.darknet.program.parser import OutputParser
from annotator.darknet.run.folder import METRICS_COLUMNS, RunFolder, now, process_mark
from annotator.darknet.run.outcome import CRASHES, FileMark, final_weights, mark_of
from annotator.darknet.run.room import fits, free_bytes, weights_size
from annotator.darknet.run.safe_copies import SafeCopies, replace_by_copy
from annotator.darknet.run.whereabouts import Whereabouts
from converters.errors import FormatError, WriteError

OnEvent = Callable[[Event], None]

SAVE_SECONDS = 10.0
"""How long a stop waits for weights that are just being written."""
_AFTER_SIGNAL = ("crash", "darknet-error")
_RECORD_SECONDS = 10.0


@dataclass(slots=True)
class Stream:
    """One stream of the process: its descriptor, its decoder and its parser."""

    fd: int
    parser: OutputParser
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def take(self, data: bytes) -> None:
        """Feed what was read."""
        self.parser.feed(self.decoder.decode(data))

    def close(self) -> None:
        """The stream has ended."""
        self.parser.feed(self.decoder.decode(b"", True))
        self.parser.close()
        os.close(self.fd)


def _is_cut_short(path: Path) -> bool:
    """Whether a file of lines ends within one, as the disk was full."""
    with path.open("rb") as file:
        if not file.seek(0, os.SEEK_END):
            return False
        file.seek(-1, os.SEEK_END)
        return file.read(1) != b"\n"


@dataclass(slots=True)
class _Saving:
    """Weights that are being written: since when their file has had this size, and the iteration."""

    path: Path
    since: float
    iteration: int
    size: int = -1


class Follower:
    """Takes what a training prints: writes the log, the metrics and run.json, and passes events on.

    Args:
        run: The run.
        on_event: Called with each event.
        max_log_bytes: Where darknet.log ends.

    Attributes:
        iteration: The last one reached.
        problems: Those said so far.
        stopping: We have told Darknet to end: that it calls this a crash is no problem.
        should_end: Everything is saved, or it crashed: the process has no reason to stay.
        seconds: How long the last iteration took.
        lost: Weights that were saved and came out short, until somebody takes them from here.
        is_gone: The run folder was deleted: nothing can be saved any more.
    """

    def __init__(self, run: RunFolder, on_event: OnEvent, max_log_bytes: int) -> None:
        self.run = run
        self.iteration = 0
        self._parameters = parameter_count(run.read_cfg())
        self.size = weights_size(self._parameters)
        self.seconds = 0.0
        self.lost: Path | None = None
        self.is_gone = False
        self.problems: list[Problem] = []
        self.stopping = False
        self.should_end = False
        self._on_event = on_event
        self._said: set[str] = set()
        self._saving: _Saving | None = None
        self._marks: dict[Path, FileMark] = {path: mark_of(path) for path in run.backup.glob("*")}
        self._recorded = time.monotonic()
        self._log: IO[bytes] | None = None
        self._metrics: IO[str] | None = None
        self._copies: SafeCopies | None = None
        self._max_log_bytes = max_log_bytes
        self._whereabouts: Whereabouts | None = None
        try:
            self._whereabouts = Whereabouts(run.path)
            self._open()
        except OSError as error:
            self.close()
            raise WriteError.from_os_error(error, run.path) from error
        self._copies = SafeCopies(run)

    def _open(self) -> None:
        self._log = self.run.log.open("ab")
        self._log_left = self._max_log_bytes - self.run.log.stat().st_size
        self._metrics = self.run.metrics.open("a", encoding="utf-8", newline="")
        if _is_cut_short(self.run.metrics):
            self._metrics.write("\n")

    def look_around(self) -> None:
        """Go along where the run folder was moved or renamed."""
        if self._whereabouts is None:
            return
        self.is_gone = self._whereabouts.is_gone
        place = self._whereabouts.moved_to()
        if place is None:
            return
        backup = place / self.run.backup.name
        self._marks = {backup / path.name: mark for path, mark in self._marks.items()}
        if self._saving is not None:
            self._saving.path = backup / self._saving.path.name
        self.run.path = place
        self.tell(Moved(place))
        self.complain(Problem(f"The run folder was moved or renamed: it is {place} now.", "moved"))

    def room_again(self) -> None:
        """There is room on the disk again: write what could not be written for a while."""
        self._close_files()
        with suppress(OSError):
            self._open()

    def started(self, command: Sequence[str], pid: int, from_iteration: int, owner: int | None) -> None:
        """Note the start in run.json and in the log."""
        self.iteration = from_iteration
        self.log(f"--- {now()} {' '.join(command)}\n".encode())
        self.run.update(
            status="running", pid=pid, command=tuple(command), started=now(), ended=None, message="", lacks=0,
            iteration=from_iteration, owner=owner, owner_mark=process_mark(owner) if owner else None,
        )  # fmt: skip
        self.tell(RunStarted(self.run.path, self.run.info.max_batches, from_iteration))

    def complain(self, problem: Problem) -> None:
        """Something that we have found, also where the same was said before."""
        self.problems.append(problem)
        self.tell(problem)

    def ended(self) -> None:
        """Darknet has ended: were its last weights whole?"""
        if self.is_saving():
            self._give_up_saving()
        final = final_weights(self.run)
        mark = mark_of(final)
        if mark is None or mark[2] >= self.size or mark == self._marks.get(final):
            return
        text = f"{final.name} could not be saved: the disk was full."
        newest = self.run.newest_weights()
        if newest is not None and newest.iteration >= self.run.info.max_batches:
            with suppress(OSError):  # what Darknet saved a moment before is the same
                replace_by_copy(newest.path, final)
                self.complain(
                    Problem(f"{text} {newest.path.name} is the same, and was copied.", "final-copied")
                )
                return
        self.complain(Problem(text, "no-room", fatal=True))

    def tell(self, event: Event) -> None:
        """Pass an event on."""
        self._on_event(event)

    def log(self, data: bytes) -> None:
        """Append raw output to the log, up to its largest size."""
        if self._log is None or self._log_left <= 0:
            return
        self._log_left -= len(data)
        if self._log_left <= 0:
            data += b"\n--- the log ends here: it has reached its largest size\n"
        try:
            self._log.write(data)
            self._log.flush()
        except OSError as error:
            self._lost(error, self.run.log)
            self._log_left = 0

    def take(self, event: Event) -> None:
        """An event from a parser."""
        self.look_around()
        if isinstance(event, Iteration):
            self.iteration, self.seconds = event.iteration, event.seconds
            self.is_saving()  # looks once more at what was just saved
            self._record(event)
        elif isinstance(event, WeightsSaved):
            if self.is_saving():
                self._give_up_saving()  # Darknet saves one file after the other
            # Not as it was said: with two slashes.
            self._saving = _Saving(self.run.backup / Path(event.path).name, time.monotonic(), self.iteration)
            if event.iteration is None and self.iteration:
                # One of the Darknets says this on the other stream, whose parser sees no iteration.
                event = replace(event, iteration=self.iteration)
            self.should_end |= event.path.endswith("_final.weights")
            self._save_progress()
        elif isinstance(event, Problem):
            ours = self.stopping and event.code in _AFTER_SIGNAL
            if ours or event.text in self._said or len(self._said) > 1000:
                return
            self._said.add(event.text)
            self.problems.append(event)
            self.should_end |= event.code in CRASHES
        self.tell(event)

    def is_saving(self) -> bool:
        """Whether weights are being written: ended now, Darknet would leave them cut short."""
        if self._saving is None:
            return False
        path = self._saving.path
        # Darknet says so before it opens the file, which holds the older weights until then.
        mark = mark_of(path)
        whole = False
        if mark != self._marks.get(path):
            with suppress(FormatError):
                whole = read_weights_header(path).parameters == self._parameters
        if whole:
            self._marks[path] = mark
            if self._copies is not None:
                self._copies.keep(path, mark)
        if whole:
            self._saving = None
        else:
            self._look_for_loss(self._saving, mark)
        return self._saving is not None

    def _look_for_loss(self, saving: _Saving, mark: FileMark) -> None:
        """Weights that are not whole: are they being written, or is that over, as the disk is full?"""
        size = mark[2] if mark is not None else 0
        if size != saving.size:
            saving.size, saving.since = size, time.monotonic()
        free = free_bytes(self.run.backup)  # looked at first: what is written meanwhile is no loss
        written = mark_of(saving.path)
        if self.size - (written[2] if written is not None else 0) > free:
            self.lost, self._saving = saving.path, None
        elif time.monotonic() - saving.since > SAVE_SECONDS or self.iteration > saving.iteration + 2:
            self._give_up_saving()

    def _give_up_saving(self) -> None:
        """Nothing more is written to what was being saved; were it a whole file, it would be known."""
        saving, self._saving = self._saving, None
        mark = mark_of(saving.path) if saving is not None else None
        if saving is None or mark is None or mark == self._marks.get(saving.path) or mark[2] >= self.size:
            return  # it was never begun; or a network whose size is not known here
        if not fits(self.run.backup, self.size - mark[2]):
            self.lost = saving.path

    def take_lost(self) -> Path | None:
        """Weights that came out short since this was asked for the last time."""
        lost, self.lost = self.lost, None
        return lost

    def close(self) -> None:
        """Close the files."""
        if self._copies is not None:
            self._copies.close()
        if self._whereabouts is not None:
            self._whereabouts.close()
            self._whereabouts = None
        self._close_files()

    def _close_files(self) -> None:
        for file in (self._log, self._metrics):
            if file is not None:
                with suppress(OSError):
                    file.close()

    def _record(self, event: Iteration) -> None:
        values = [getattr(event, name) for name in METRICS_COLUMNS]
        try:
            if self._metrics is not None:
                writer = csv.writer(self._metrics, lineterminator="\n")
                writer.writerow([f"{v:.8g}" if isinstance(v, float) else v for v in values])
                self._metrics.flush()
        except OSError as error:
            self._lost(error, self.run.metrics)
            self._metrics = None
        if time.monotonic() - self._recorded > _RECORD_SECONDS:
            self._save_progress()

    def _save_progress(self) -> None:
        self._recorded = time.monotonic()
        try:
            self.run.update(iteration=self.iteration)
        except WriteError as error:
            self.take(Problem(str(error), error.code))

    def _lost(self, error: OSError, path: Path) -> None:
        """A full disk must not end the training: it may be over before the next weights are saved."""
        wrong = WriteError.from_os_error(error, path)
        self.take(Problem(str(wrong), wrong.code))
