"""Trainings that wait for the one that runs: put into the queue, moved, taken out, and kept going."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from annotator import messages
from annotator.core.training import running_run
from annotator.darknet.run.folder import RunFolder, list_runs
from annotator.darknet.training.queue import TrainingQueue
from annotator.qt.process import Process, ProcessOutcome
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError
from converters.work import WorkFolder

_LOOK_MS = 1500


def _waits() -> str:
    return tr("The training waits in the queue; it starts when those before it have ended.")


class QueueControl(QObject):
    """The queue of one training set.

    Signals:
        changed: Another order, or more or fewer that wait.
        started: A RunFolder whose turn has come.
    """

    changed = pyqtSignal()
    started = pyqtSignal(object)

    def __init__(self, is_busy: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.work: WorkFolder | None = None
        self._is_busy = is_busy
        self._processes: list[Process] = []
        self._shown: tuple[str, ...] = ()
        self._timer = QTimer(self)
        self._timer.setInterval(_LOOK_MS)
        self._timer.timeout.connect(self._look)

    def set_work(self, work: WorkFolder | None) -> None:
        """Another training set."""
        self.work = work
        if work is not None:
            self._timer.start()
        else:
            self._timer.stop()

    @property
    def is_adding(self) -> bool:
        """Whether a training is being put into the queue."""
        return bool(self._processes)

    def waiting(self) -> list[str]:
        """Names of the runs that wait, the next one first."""
        if self.work is None:
            return []
        try:
            return [entry.name for entry in TrainingQueue(self.work).waiting()]
        except DataError as error:
            messages.error(known(str(error)))
            return []

    def add(self, arguments: Sequence[str], darknet: str, running: RunFolder | None) -> None:
        """Put a new training at the end.

        Args:
            arguments: What follows ``train-cli run WORK``.
            darknet: The Darknet that trains.
            running: The training that runs now, which the others wait for.
        """
        work = self.work
        if work is None:
            return
        self._let_first(running, darknet)
        self._run(["queue", "add", str(work.root), *arguments, "--darknet", darknet], self._added)

    def add_resumed(self, run: RunFolder, options: Sequence[str], darknet: str, running: RunFolder) -> None:
        """Put an earlier run at the end, to go on when the others are done.

        Args:
            run: Which.
            options: What follows ``train-cli resume RUN``.
            darknet: The Darknet that trains.
            running: As of :meth:`add`.
        """
        self._let_first(running, darknet)
        self._change(lambda queue: queue.add(run, [*options, "--darknet", darknet]))
        messages.info(_waits())
        self.keep_going()

    def _let_first(self, running: RunFolder | None, darknet: str) -> None:
        if running is not None and running.path.name not in self.waiting():
            self._change(lambda queue: queue.add(running, ["--darknet", darknet]))

    @property
    def stands_still(self) -> bool:
        """Whether trainings wait and nobody works through them: the machine was started anew, say."""
        if self.work is None or self._processes or not self.waiting():
            return False
        return TrainingQueue(self.work).runner() is None

    def move(self, name: str, by: int) -> None:
        """Let a run wait shorter (-1) or longer (1)."""
        names = self.waiting()
        place = names.index(name) + 1 + by if name in names else 0
        if 1 <= place <= len(names):
            self._change(lambda queue: queue.move(name, place))

    def remove(self, name: str) -> None:
        """Take a run out; its folder stays and it can be resumed."""
        self._change(lambda queue: queue.remove(name))

    def stop(self) -> None:
        """Wait for what is being added (the window closes); the queue goes on by itself."""
        self._timer.stop()
        for process in self._processes:
            process.wait(20_000)

    def _change(self, what: Callable[[TrainingQueue], object]) -> None:
        if self.work is None:
            return
        try:
            what(TrainingQueue(self.work))
        except DataError as error:
            messages.error(known(str(error)))
        self.changed.emit()

    def _added(self, outcome: ProcessOutcome) -> None:
        if not outcome.was_successful:
            words = outcome.last_words[-1] if outcome.last_words else str(outcome)
            messages.error(known(words.removeprefix("error: ")), "\n".join(outcome.last_words))
        else:
            messages.info(_waits())
            self.keep_going()

    def keep_going(self) -> None:
        """See to it that somebody works through the queue."""
        if self.work is not None and TrainingQueue(self.work).runner() is None:
            self._run(["queue", "run", str(self.work.root), "--detach"], lambda outcome: None)

    def _run(self, arguments: Sequence[str], then: Callable[[ProcessOutcome], None]) -> None:
        process = Process(self)
        self._processes.append(process)

        def ended(outcome: ProcessOutcome) -> None:
            self._processes.remove(process)
            process.deleteLater()
            then(outcome)
            self.changed.emit()

        process.ended.connect(ended)
        process.start(sys.executable, ["-m", "annotator.darknet.cli", *arguments])

    def _look(self) -> None:
        """Whether the turn of the next one has come (or a training was started in a terminal)."""
        if self.work is None:
            return
        shown = self._shown
        with suppress(DataError):  # it was said when the page was shown; not every second
            self._shown = tuple(entry.name for entry in TrainingQueue(self.work).waiting())
        if shown != self._shown:  # one was done within a moment, say, or did not begin
            self.changed.emit()
        if self._is_busy():
            return
        run = running_run(list_runs(self.work.root))
        if run is not None:
            self.started.emit(run)
