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

from annotator.darknet.blocks import parameter_count
from annotator.darknet.events import Event, Iteration, Problem, RunStarted, WeightsSaved
from annotator.darknet.outcome import CRASHES, FileMark, mark_of
from annotator.darknet.parser import OutputParser
from annotator.darknet.runs import METRICS_COLUMNS, RunFolder, now, process_mark
from annotator.darknet.safe_copies import SafeCopies
from annotator.darknet.weights import read_weights_header
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
    """

    def __init__(self, run: RunFolder, on_event: OnEvent, max_log_bytes: int) -> None:
        self.run = run
        self.iteration = 0
        self._parameters = parameter_count(run.read_cfg())
        self.problems: list[Problem] = []
        self.stopping = False
        self.should_end = False
        self._on_event = on_event
        self._said: set[str] = set()
        self._saving: tuple[Path, float] | None = None
        self._marks: dict[Path, FileMark] = {path: mark_of(path) for path in run.backup.glob("*")}
        self._recorded = time.monotonic()
        self._log: IO[bytes] | None = None
        self._metrics: IO[str] | None = None
        self._copies: SafeCopies | None = None
        try:
            self._log = run.log.open("ab")
            self._log_left = max_log_bytes - run.log.stat().st_size
            self._metrics = run.metrics.open("a", encoding="utf-8", newline="")
        except OSError as error:
            self.close()
            raise WriteError.from_os_error(error, run.path) from error
        self._writer = csv.writer(self._metrics, lineterminator="\n")
        self._copies = SafeCopies(run)

    def started(self, command: Sequence[str], pid: int, from_iteration: int, owner: int | None) -> None:
        """Note the start in run.json and in the log."""
        self.iteration = from_iteration
        self.log(f"--- {now()} {' '.join(command)}\n".encode())
        self.run.update(
            status="running", pid=pid, command=tuple(command), started=now(), ended=None, message="",
            iteration=from_iteration, owner=owner, owner_mark=process_mark(owner) if owner else None,
        )  # fmt: skip
        self.tell(RunStarted(self.run.path, self.run.info.max_batches, from_iteration))

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
        if isinstance(event, Iteration):
            self.iteration = event.iteration
            self.is_saving()  # looks once more at what was just saved
            self._record(event)
        elif isinstance(event, WeightsSaved):
            self.is_saving()
            # Not as it was said: with two slashes.
            self._saving = (self.run.backup / Path(event.path).name, time.monotonic())
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
        path, said = self._saving
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
        if whole or time.monotonic() - said > SAVE_SECONDS:
            self._saving = None
        return self._saving is not None

    def close(self) -> None:
        """Close the files."""
        if self._copies is not None:
            self._copies.close()
        for file in (self._log, self._metrics):
            if file is not None:
                with suppress(OSError):
                    file.close()

    def _record(self, event: Iteration) -> None:
        values = [getattr(event, name) for name in METRICS_COLUMNS]
        try:
            if self._metrics is not None:
                self._writer.writerow([f"{v:.8g}" if isinstance(v, float) else v for v in values])
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
