"""A training from its start to its end, with what happens around the process: see :class:`Trainer`."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from annotator.darknet.evaluation.checkpoints import read_measured
from annotator.darknet.network.cfg import write_cfg
from annotator.darknet.network.weights import all_finite, ends_in_nothing
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.environment import default_threads
from annotator.darknet.program.events import (
    Continued,
    DarknetEnded,
    Event,
    Finished,
    Moved,
    Paused,
    Problem,
    WeightsSaved,
)
from annotator.darknet.program.gpu import Gpu
from annotator.darknet.run.event_log import EventLog, read_events
from annotator.darknet.run.folder import RunFolder, SavedWeights
from annotator.darknet.run.outcome import Outcome
from annotator.darknet.training.checkpoint_watch import CheckpointWatch
from annotator.darknet.training.early_stop import EarlyStop
from annotator.darknet.training.following import OnEvent
from annotator.darknet.training.launcher import Training
from converters.errors import WriteError

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Start:
    """Where a training starts from.

    Attributes:
        weights: The file, None for random weights.
        clear: Count iterations from 0 although the weights have seen pictures.
        iteration: The iteration that the weights are from.
    """

    weights: Path | None = None
    clear: bool = False
    iteration: int = 0


class Trainer:
    """Trains a run: keeps its events, takes more subdivisions where the GPU's memory is full, ends it early.

    Args:
        run: The run folder.
        darknet: The program.
        start: Where to start from.
        with_map: Let Darknet measure mAP on the validation pictures.
        threads: OpenMP threads; default half of the processors.
        stop_fd: Stop when this descriptor is closed at its other end.
        early_stop: After how many checkpoints below the best mAP to end (see :class:`EarlyStop`); 0: never.
        owner: The process that listens to signals for this training, None where nobody does.
        gpus: Where it trains; none: Darknet takes its first.
        measure: Measure saved weights on validation meanwhile
            (:mod:`annotator.darknet.training.checkpoint_watch`); early stops then go by that.
    """

    def __init__(
        self,
        run: RunFolder,
        darknet: Darknet,
        start: Start,
        *,
        with_map: bool = True,
        threads: int | None = None,
        stop_fd: int | None = None,
        early_stop: int = 0,
        owner: int | None = None,
        measure: bool = False,
        gpus: Sequence[Gpu] = (),
    ) -> None:
        self._run = run
        self._darknet = darknet
        self._start = start
        self._with_map = with_map
        self._threads = threads
        self._gpus = tuple(gpus)
        self._stop_fd = stop_fd
        self._owner = owner
        self._rule = EarlyStop(early_stop, ours=measure) if early_stop else None
        self._measure = measure
        self._watch: CheckpointWatch | None = None
        self._saying = threading.RLock()  # the training and the watch both say something
        self._why_early = ""
        self._log: EventLog | None = None
        self._on_event: OnEvent = _nobody
        self._stopping = self._pausing = self._began = self._is_full = False
        self._training = self._make()

    def stop(self) -> None:
        """Ask the training to stop. Returns at once; safe from any thread and from a signal handler."""
        self._stopping = True
        self._training.stop()
        if self._watch is not None:
            self._watch.abandon()

    def pause(self) -> None:
        """Let Darknet stand still; as safe as :meth:`stop`."""
        self._pausing = True
        self._training.pause()

    def go_on(self) -> None:
        """End a pause; as safe as :meth:`stop`."""
        self._pausing = False
        self._training.go_on()

    def run(self, on_event: OnEvent) -> Outcome:
        """Train to the end.

        Args:
            on_event: Called with each event, in this thread; the last is :class:`Finished`.

        Raises:
            UsageError: This run is already being trained, or Darknet cannot be started.
            FormatError: The run's cfg cannot be read.
            WriteError: The run folder cannot be written.
        """
        self._on_event = on_event
        if self._rule is not None:
            self._rule.remember(read_events(self._run), self._start.iteration)
        self._log = EventLog(self._run.events)
        try:
            if self._measure:
                self._watch = CheckpointWatch(
                    self._run,
                    self._hear,
                    from_iteration=self._start.iteration,
                    threads=self._threads or default_threads(),
                )
            outcome = self._training.run(self._hear)
            while outcome.reason == "gpu-memory" and not self._stopping and self._need_less_memory():
                self._training = self._make()
                outcome = self._training.run(self._hear)
            self._finish_measuring(outcome)
            if self._why_early and outcome.status == "stopped":
                outcome = self._ended_early(outcome)
            self._keep_events_again()
            self._tell(
                Finished(
                    outcome.status,
                    outcome.message,
                    outcome.iteration,
                    outcome.saved_iteration,
                    str(outcome.weights or ""),
                )
            )
        finally:
            if self._watch is not None:
                self._watch.finish(last=False)
            if self._log is not None:
                self._log.close()
            if self._began:  # else run.json may be another process's, which trains this run
                with suppress(WriteError):  # a full disk: we are gone soon, and are seen to be gone
                    self._run.update(owner=None, owner_mark=None)
        return outcome

    def _make(self) -> Training:
        training = Training(
            self._run,
            self._darknet,
            weights=self._start.weights,
            clear=self._start.clear,
            from_iteration=self._start.iteration,
            with_map=self._with_map,
            threads=self._threads,
            gpus=self._gpus,
            stop_fd=self._stop_fd,
            owner=self._owner,
        )
        if self._stopping:
            training.stop()
        if self._pausing:
            training.pause()
        return training

    def _hear(self, event: Event) -> None:
        """An event of the training, or in another thread one of the watch."""
        if isinstance(event, Finished):
            return  # of one process: it may not be the last
        with self._saying:
            self._began = True
            self._tell(event)
            why = self._rule.take(event) if self._rule is not None else None
            if why and not self._why_early and not self._stopping:
                self._why_early = why
                self._training.stop()
        if self._watch is not None:
            if isinstance(event, WeightsSaved):
                self._watch.saved(event)
            elif isinstance(event, Moved):
                self._watch.moved(event.path)
            elif isinstance(event, Paused | Continued):
                self._watch.pause(isinstance(event, Paused))

    def _finish_measuring(self, outcome: Outcome) -> None:
        """The last weights too, where the training came to its end; a person's stop is answered at once.

        Until then it is said that Darknet has ended: the next training need not wait for this.
        """
        if self._watch is not None:
            last = outcome.good and not self._why_early and not self._stopping
            if last and self._watch.lacks_last():
                self._tell(DarknetEnded(outcome.message, outcome.iteration))
            self._watch.finish(last=last)
            self._watch = None

    def _tell(self, event: Event) -> None:
        if isinstance(event, Problem | Paused | Continued):
            self._keep_events_again()
        if self._log is not None:
            try:
                self._log.write(event)
            except WriteError as error:  # a full disk must not end the training
                self._log.close()
                self._log = None
                if not self._is_full:  # said once: it is tried again at the end
                    self._is_full = True
                    self._on_event(Problem(str(error), error.code))
        self._on_event(event)

    def _keep_events_again(self) -> None:
        """Where the disk was full: what was kept free for it is room for saying so."""
        if self._log is None:
            with suppress(WriteError):
                self._log = EventLog(self._run.events)

    def _need_less_memory(self) -> bool:
        """After the GPU's memory was full: halve the part of the batch that is worked on at once."""
        cfg = self._run.read_cfg()
        before = cfg.net.get_int("subdivisions", 1)
        subdivisions = more_subdivisions(cfg.net.get_int("batch", 1), before)
        if subdivisions is None:
            return False
        write_cfg(self._run.cfg, cfg.with_net(subdivisions=subdivisions))
        self._run.update(subdivisions=subdivisions)
        notes: list[str] = []
        newest = newest_sound(self._run, notes.append)
        if newest is not None:
            self._run.keep_best()
            newest = self._run.newest_weights() or newest
            self._start = Start(newest.path, iteration=newest.iteration)
        self._run.forget_metrics_after(self._start.iteration)
        where = f"from iteration {newest.iteration}" if newest else "anew, as nothing was saved yet,"
        for note in notes:
            self._tell(Problem(note, "diverged"))
        self._tell(
            Problem(
                f"The GPU's memory was full with subdivisions={before}: going on {where} with "
                f"subdivisions={subdivisions}. The result is the same, each iteration takes a little longer.",
                "more-subdivisions",
            )
        )
        return True

    def _ended_early(self, outcome: Outcome) -> Outcome:
        best = self._best_weights()
        kept = f"; the best weights are {best}" if best else ""
        message = f"stopped early at iteration {outcome.iteration}: {self._why_early}{kept}"
        with suppress(WriteError):
            self._run.update(message=message)
        return replace(outcome, message=message, early=True)

    def _best_weights(self) -> Path | None:
        """The best by what the rule has gone by."""
        if self._measure:
            found = [one for one in read_measured(self._run) if one.checkpoint.path_in(self._run).is_file()]
            best = max(found, key=lambda one: (one.mean_ap, -one.iteration), default=None)
            return best.checkpoint.path_in(self._run) if best else None
        return next((saved.path for saved in self._run.weights() if saved.kind == "best"), None)


def more_subdivisions(batch: int, subdivisions: int) -> int | None:
    """The next number of parts that divides the batch, about twice as many; None where there is none."""
    divisors = [number for number in range(subdivisions + 1, batch + 1) if batch % number == 0]
    return next((number for number in divisors if number >= 2 * subdivisions), None) or max(
        divisors, default=None
    )


def newest_sound(run: RunFolder, say: Say) -> SavedWeights | None:
    """The newest weights without NaN and with an end; newer ones are put aside, so that nothing takes them.

    Args:
        run: The run.
        say: Told of each file that is put aside.

    Raises:
        FormatError: The cfg or a weights file cannot be read.
        WriteError: A file cannot be renamed.
    """
    newest, unsound = find_sound(run)
    for one in unsound:
        path = one.saved.path
        try:
            path.replace(path.with_name(f"{path.name}.{'incomplete' if one.is_cut_off else 'diverged'}"))
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        say(f"{path.name} is put aside: {one.why}.")
    return newest


@dataclass(frozen=True, slots=True)
class Unsound:
    """Weights that a training must not go on from.

    Attributes:
        saved: They.
        is_cut_off: Whether the file's end is missing; else its values are no numbers.
    """

    saved: SavedWeights
    is_cut_off: bool

    @property
    def why(self) -> str:
        """What is wrong with them, in words."""
        if self.is_cut_off:
            return "its end is missing"
        return "the training had diverged, its values are no numbers"


def find_sound(run: RunFolder) -> tuple[SavedWeights | None, list[Unsound]]:
    """The newest weights without NaN and with an end, and those that are newer and are not so.

    Nothing is changed.

    Raises:
        FormatError: The cfg or a weights file cannot be read.
    """
    unsound: list[Unsound] = []
    for saved in reversed(run.weights()):
        cut_off = ends_in_nothing(saved.path)
        if not cut_off and all_finite(saved.path):
            return saved, unsound
        unsound.append(Unsound(saved, cut_off))
    return None, unsound


def _nobody(event: Event) -> None:
    """Hears events that nobody wants."""
