"""A training while it runs: where it is, its curves, its log, and how to pause and stop it."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QShowEvent
from PyQt5.QtWidgets import (
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QTabWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.training import State, TrainingModel, boxes_of, model_of
from annotator.darknet.evaluation.checkpoints import table_csv
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.training.control import continue_run, pause_run, stop_run
from annotator.qt.background import Task
from annotator.qt.pages.train.chart import AccuracyChart, LossChart, accuracy_text, measured_text
from annotator.qt.pages.train.checkpoint_table import CheckpointTable
from annotator.qt.pages.train.free_room import FreeRoom
from annotator.qt.pages.train.gpu_watch import GpuWatch
from annotator.qt.pages.train.seen_pictures import SeenPictures
from annotator.qt.pages.train.watcher import Watcher
from annotator.qt.process import Process, ProcessOutcome
from annotator.qt.run_texts import headline
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError
from converters.files import write_atomic

LOG_LINES = 2000
_REFUSED, _ERROR = "not started: ", "] error: "
"""How ``train-cli`` says that its check has found errors, and each of them."""
_DRAW_MS = 250
"""A small network does a hundred iterations a second; the curves are drawn so often at most."""
_DRAW_SHARE = 20
"""Times as long as a drawing took, until the next."""


class Live(QWidget):
    """One training. It is started as a process of its own and followed from its run folder.

    Signals:
        changed: The state, or the run, is another.
        moved: The training has gone on.
        saved: Weights were saved.
        ended: The run folder of a training that is over.
        refused: The check before the start has found errors.
        predictions_wanted: A run folder, and the iteration whose weights shall look at its pictures.
    """

    changed = pyqtSignal()
    moved = pyqtSignal()
    saved = pyqtSignal()
    ended = pyqtSignal(object)
    refused = pyqtSignal()
    predictions_wanted = pyqtSignal(object, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model = TrainingModel()
        self.process: Process | None = None
        self.watcher: Watcher | None = None
        self.boxes: dict[str, int] = {}
        self.gpu = GpuWatch(self)
        self._tasks: list[Task] = []
        self._draw = QTimer(self)
        self._draw.setSingleShot(True)
        self._draw.setInterval(_DRAW_MS)
        self._draw.timeout.connect(self._redraw)
        self._build_head()
        self._build_body()
        self.show_model()

    # Building

    def _build_head(self) -> None:
        self.headline = QLabel()
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.facts = QLabel()
        for label in (self.headline, self.facts):
            label.setWordWrap(True)
            label.setTextFormat(Qt.PlainText)
            label.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.pause_button = QPushButton(tr("Pause"))
        self.pause_button.setToolTip(
            tr("Darknet stands still and keeps its memory; the processor or GPU is free meanwhile")
        )
        self.stop_button = QPushButton(tr("Stop"))
        self.pause_button.clicked.connect(self.toggle_pause)
        self.stop_button.clicked.connect(self.request_stop)
        row = QHBoxLayout()
        self.free_room = FreeRoom()
        row.addWidget(self.headline, 1)
        row.addWidget(self.free_room)
        row.addWidget(self.pause_button)
        row.addWidget(self.stop_button)
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(row)
        self._column.addWidget(self.facts)

    def _build_body(self) -> None:
        self.chart = LossChart()
        self.accuracy = AccuracyChart()
        self.no_accuracy = QLabel()
        self.no_accuracy.setWordWrap(True)
        self.no_accuracy.setAlignment(Qt.AlignCenter)
        self.log = QPlainTextEdit(readOnly=True, maximumBlockCount=LOG_LINES)
        self.log.setPlaceholderText(tr("What the training says appears here."))
        accuracy = QWidget()
        column = QVBoxLayout(accuracy)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.no_accuracy)
        column.addWidget(self.accuracy, 1)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.chart, tr("Loss"))
        self.tabs.addTab(accuracy, tr("Accuracy"))
        self.seen = SeenPictures()
        self.seen.opened.connect(self._open_picture)
        self.tabs.addTab(self.seen, tr("Pictures"))
        self.tabs.setTabToolTip(2, tr("What each of the saved weights sees on a few validation pictures"))
        self.checkpoints = CheckpointTable()
        self.checkpoints.iteration_chosen.connect(self.seen.show_iteration)
        self.seen.chosen.connect(self.checkpoints.choose)
        self.checkpoints.opened.connect(self._open_checkpoint)
        self.tabs.addTab(self.checkpoints, tr("Table"))
        self.tabs.setTabToolTip(3, tr("Each of the saved weights as measured on the validation pictures"))
        self.tabs.addTab(self.log, tr("Log"))
        self.log_axis = QCheckBox("log")
        self.log_axis.setAccessibleName(tr("Log axis"))
        self.log_axis.setToolTip(tr("Show the loss on a logarithmic axis: small changes late are seen"))
        self.log_axis.toggled.connect(self.chart.set_log)
        self.export = QPushButton(tr("Export…"))
        self.export.setToolTip(tr("Save the chart that is shown as PNG, or all numbers as CSV"))
        self.export.clicked.connect(self.ask_for_export)
        # Short ones: on a small screen the tabs need the room.
        self.all = QToolButton(text="⤢")
        self.all.setAccessibleName(tr("Show all"))
        self.all.setToolTip(
            tr("Show all")
            + "\n"
            + tr("The wheel zooms (over an axis: that axis), a drag moves; this or a double click goes back")
        )
        self.all.clicked.connect(lambda: self._chart().show_all())
        corner = QWidget()
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, 0, 2)
        for part in (self.log_axis, self.all, self.export):
            row.addWidget(part)
        self.tabs.setCornerWidget(corner)
        self.tabs.currentChanged.connect(self._tab_changed)
        self.tabs.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.tabs.setMinimumHeight(210)

    def _tab_changed(self, at: int) -> None:
        self.log_axis.setVisible(at == 0)
        self.all.setVisible(at < 2)
        self.show_model()

    def _chart(self) -> LossChart | AccuracyChart:
        """The chart that is shown, or was last."""
        return self.accuracy if self.tabs.currentIndex() == 1 and self.model.points() else self.chart

    # Starting and following

    @property
    def is_busy(self) -> bool:
        """Whether a training is shown that runs or is about to."""
        return self.model.is_busy

    def launch(self, arguments: Sequence[str]) -> None:
        """Start a training in the background and follow it.

        Args:
            arguments: What follows ``train-cli``, without the way it talks.
        """
        if self.is_busy:
            return
        self._begin()
        process = Process(self)
        process.line.connect(self._take_line)
        process.talk.connect(self.log.appendPlainText)
        process.ended.connect(self._launched)
        self.process = process
        # The command is this tool's own: the same run folders with and without the window. It starts a
        # process that needs nobody, and ends.
        command = ["-m", "annotator.darknet.cli", *arguments, "--detach", "--events"]
        process.start(sys.executable, command)
        self._state_changed()

    def watch(self, run: RunFolder) -> None:
        """Follow a training that goes on already, from its start."""
        if self.model.state is State.ENDING and self.model.run is not None:
            # The turn of the next has come; this one's last weights are measured all the same.
            self.model.state = State.FINISHED
            self.ended.emit(self.model.run)
        self._begin()
        self._follow(run.path)
        self._state_changed()

    def look_at(self, run: RunFolder) -> None:
        """Show what an earlier training has said; not while another one is followed."""
        if self.is_busy:
            return
        task = Task(lambda tell: (model_of(run), boxes_of(run)), self)
        task.succeeded.connect(lambda found: self._show_earlier(run, *found))
        task.failed.connect(lambda text: messages.error(known(text)))
        self._keep(task)

    def _show_earlier(self, run: RunFolder, model: TrainingModel, boxes: dict[str, int]) -> None:
        if self.is_busy:
            return
        self._begin()
        self.model.become(model)
        self.boxes = boxes
        self.seen.show_run(run)
        self.log.setPlainText("\n".join(known(note) for note in model.notes))
        self._state_changed()

    def _begin(self) -> None:
        self._leave()
        self.model.begin()
        self.boxes = {}
        self.seen.show_run(None)
        self.log.clear()
        self.show_model()

    def _take_line(self, line: str) -> None:
        """A line of the command that starts the training: its run folder, or a reason."""
        try:
            event = json.loads(line)
        except ValueError:
            self.log.appendPlainText(line)
            return
        if isinstance(event, dict) and event.get("event") == "run":
            self._follow(Path(str(event.get("path", ""))))
        elif isinstance(event, dict):
            self._take((event,))

    def _follow(self, path: Path) -> None:
        try:
            run = RunFolder.open(path)
        except DataError as error:
            self._give_up(str(error))
            return
        self.model.run = path
        self.model.names = run.info.class_names
        self.model.max_batches = run.info.max_batches
        task = Task(lambda tell: boxes_of(run), self)
        task.succeeded.connect(self._counted)
        self._keep(task)
        self.seen.show_run(run)
        self.watcher = Watcher(path, self)
        self.watcher.said.connect(self._take)
        self.watcher.ended.connect(self._ended)
        self.watcher.start()
        self.saved.emit()

    def _launched(self, outcome: ProcessOutcome) -> None:
        self.process = None
        if self.watcher is None:
            words = outcome.last_words[-1] if outcome.last_words else str(outcome)
            is_refused = words.startswith(_REFUSED)
            if is_refused:  # its last words only count what it has said before
                words = _first_error(outcome.last_words) or words
            self._give_up(words.removeprefix("error: "), "\n".join(outcome.last_words))
            if is_refused:
                self.refused.emit()

    def _give_up(self, why: str, details: str = "") -> None:
        self.model.ended_without_word(why)
        self._state_changed()
        if self.model.state is State.FAILED:
            messages.error(headline(self.model), details)

    def _counted(self, boxes: dict[str, int]) -> None:
        self.boxes = boxes
        self._draw.start()

    def _take(self, events: Sequence[dict[str, Any]]) -> None:
        stopping = self.model.state is State.STOPPING
        for event in events:
            kind = event.get("event")
            saved = self.model.saved
            self.model.take(event)
            if kind == "saved" and self.model.saved != saved:
                self.log.appendPlainText(
                    tr("Weights were saved at iteration {iteration}.", iteration=self.model.saved)
                )
            elif kind == "measured":
                self.log.appendPlainText(measured_text(self.model, int(event.get("iteration") or 0)))
            elif kind == "moved" and self.watcher is not None and self.model.run is not None:
                self.watcher.path = self.model.run
            elif kind == "warning":
                self.log.appendPlainText(known(str(event.get("text", ""))))
        if stopping and self.model.is_busy:
            self.model.state = State.STOPPING
        if any(event.get("event") in ("run", "saved", "moved") for event in events):
            self.saved.emit()
        if any(event.get("event") == "measured" for event in events):
            self.seen.look_again()
        if not self._draw.isActive():
            self._draw.start()

    def _ended(self, error: str) -> None:
        self.watcher = None
        self.model.ended_without_word(error)
        self.show_model()
        self._state_changed()
        if self.model.run is not None:
            self.ended.emit(self.model.run)

    # Showing

    def _state_changed(self) -> None:
        self.show_model()
        self.changed.emit()

    def show_model(self) -> None:
        """Show everything as it is now."""
        self._draw.stop()
        self._show_words()
        self._show_charts()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.show_model()

    def _redraw(self) -> None:
        """Something is new: on a page that nobody sees no curve is drawn."""
        if self.isVisible() and not self.window().isMinimized():
            began = time.perf_counter()
            self.show_model()
            # After 100,000 iterations a drawing takes 60 ms: the window is to have its time, too.
            took = 1000 * (time.perf_counter() - began)
            self._draw.setInterval(max(_DRAW_MS, int(_DRAW_SHARE * took)))
        else:
            self._show_words()

    def _show_words(self) -> None:
        model = self.model
        self.gpu.run = model.run
        self.gpu.set_on(model.is_busy)
        self.headline.setText(headline(model))
        self.free_room.offer(model.run if model.waits and model.state is State.PAUSED else None)
        # Two lines: what comes and goes in the first shall not push the charts down.
        lines = [" · ".join(filter(None, self._facts())), accuracy_text(model, self.boxes)]
        self.facts.setText("\n".join(filter(None, lines)))
        self.facts.setVisible(bool(self.facts.text()))
        self.stop_button.setEnabled(
            model.state in (State.STARTING, State.RUNNING, State.PAUSED, State.ENDING)
            and self.watcher is not None
        )
        ending = model.state is State.ENDING
        self.stop_button.setText(tr("Skip") if ending else tr("Stop"))
        self.stop_button.setToolTip(
            tr("Do not wait for that: the training is done, and the evaluation measures what is left")
            if ending
            else tr("Darknet is stopped; what it saved last is kept and can be resumed")
        )
        self.pause_button.setEnabled(model.state in (State.RUNNING, State.PAUSED))
        self.pause_button.setText(tr("Go on") if model.state is State.PAUSED else tr("Pause"))
        self.export.setEnabled(bool(model.iterations))
        self.moved.emit()

    def _show_charts(self) -> None:
        model = self.model
        self.chart.show_model(model)
        self.accuracy.show_model(model, self.boxes)
        self.checkpoints.show_checkpoints(model.checkpoints)
        measured = bool(model.points())
        self.no_accuracy.setText(self._why_no_accuracy())
        self.no_accuracy.setVisible(not measured)
        self.accuracy.setVisible(measured)

    def _facts(self) -> list[str]:
        model = self.model
        if not model.iterations:
            return []
        facts = []
        if model.has_diverged:
            facts.append(
                tr("⚠ The loss is nan: the training has diverged. Stop it, and lower the learning rate.")
            )
        facts.append(tr("learning rate {rate}", rate=f"{model.rates[-1]:.6g}"))
        speed = model.images_per_second()
        if speed is not None and model.is_busy:
            facts.append(tr("{speed} pictures a second", speed=f"{speed:.3g}"))
        facts.append(self.gpu.text())
        if model.measuring and model.is_busy and model.state is not State.ENDING:
            done, pictures = model.measured_pictures
            facts.append(
                tr(
                    "measuring iteration {iteration} on val ({share:.0f} %)…",
                    iteration=model.measuring,
                    share=100 * done / pictures if pictures else 0,
                )
            )
        return facts

    def _why_no_accuracy(self) -> str:
        model = self.model
        if model.measuring:
            return tr("The weights of iteration {iteration} are being measured…", iteration=model.measuring)
        if model.is_busy:
            return tr("Each of the saved weights is measured on the validation pictures; the first soon.")
        return tr("Nothing was measured while this run was trained: evaluate it on the next page.")

    def _open_checkpoint(self, iteration: int) -> None:
        self.seen.show_iteration(iteration)
        self._open_picture(0)

    def _open_picture(self, place: int) -> None:
        """Show a picture large, with what the weights of each checkpoint see on it."""
        from annotator.qt.pages.train.seen_large import SeenLarge

        run = self.seen.run
        if run is None or not self.seen.seen:
            return
        names = run.info.class_names
        colours = self.seen.colours(names) if self.seen.colours is not None else None
        large = SeenLarge(self.seen, place, colours, self.window())
        large.predictions_wanted.connect(lambda iteration: self.predictions_wanted.emit(run.path, iteration))
        large.show()

    # Steering

    def request_stop(self) -> None:
        """Stop Darknet; the weights it saved last are kept."""
        if self.watcher is None or not self.model.is_busy:
            return
        path = self.watcher.path
        if self.model.state is not State.ENDING:
            self.model.state = State.STOPPING
        task = Task(lambda tell: stop_run(RunFolder.open(path)), self)
        task.failed.connect(lambda text: messages.error(known(text)))
        self._keep(task)
        self._state_changed()

    def toggle_pause(self) -> None:
        """Let Darknet stand still, or go on."""
        if self.watcher is None:
            return
        try:
            run = RunFolder.open(self.watcher.path)
            if self.model.state is State.PAUSED:
                continue_run(run)
            else:
                pause_run(run)
        except DataError as error:
            messages.error(known(str(error)))

    def ask_for_export(self) -> None:
        """Ask where to, and save the chart or the numbers."""
        name = self.model.run.name if self.model.run is not None else "training"
        charts, numbers = tr("The chart (*.png)"), tr("The numbers (*.csv)")
        path, kind = QFileDialog.getSaveFileName(
            self, tr("Export"), str(Path.home() / f"{name}.png"), f"{charts};;{numbers}"
        )
        if path:
            chosen = Path(path)
            if kind == numbers:
                chosen = chosen.with_suffix(".csv")
            self.export_to(chosen)

    def export_to(self, path: Path) -> None:
        """Save: .csv the numbers, else the chart that is shown as PNG."""
        if path.suffix.lower() != ".csv":
            data = self._chart().png_bytes()
        elif self.tabs.currentWidget() is self.checkpoints:
            data = table_csv(self.model.checkpoints).encode()
        else:
            data = self.model.csv_bytes()
        try:
            write_atomic(path, data)
        except DataError as error:
            messages.error(known(str(error)))
            return
        messages.info(tr("Saved: {path}", path=path))

    # Leaving

    def stop_and_wait(self) -> None:
        """Stop Darknet and wait for it (the window closes, and the person said so)."""
        if self.watcher is not None and self.model.is_busy:
            try:
                stop_run(RunFolder.open(self.watcher.path))
            except DataError as error:
                messages.error(known(str(error)))

    def forget(self) -> None:
        """Another set is open: follow no longer (a training goes on), and show nothing."""
        self._leave()
        self.model.begin()
        self.model.state = State.IDLE
        self.seen.show_run(None)
        self.log.clear()
        self._state_changed()

    def leave(self) -> None:
        """Follow no longer; a training goes on."""
        if self.process is not None:
            self.process.wait(30_000)  # it has a run folder to make; then it ends by itself
        self._leave()
        self.gpu.stop()
        self.seen.stop()
        self.free_room.wait()
        for task in self._tasks:
            task.wait()

    def _leave(self) -> None:
        if self.watcher is not None:
            self.watcher.leave()
            self.watcher = None

    def _keep(self, task: Task) -> None:
        self._tasks.append(task)
        task.finished.connect(lambda: self._tasks.remove(task))
        task.start()


def _first_error(lines: Sequence[str]) -> str:
    """The first of what a check has found, with the name of the file that it is about."""
    for line in lines:
        before, found, text = line.partition(_ERROR)
        if found:
            place = before.rpartition(": [")[0]
            return f"{known(text)} ({Path(place).name})" if place else known(text)
    return ""
