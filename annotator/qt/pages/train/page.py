"""The training page: finds Darknet, starts it, shows the loss as it falls, stops and resumes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.training import State, TrainingModel
from annotator.darknet.dialect import Darknet, find_darknet
from annotator.darknet.networks import default_max_batches, suggested
from annotator.darknet.runs import RunFolder, list_runs
from annotator.qt.background import Task
from annotator.qt.pages.page import Page
from annotator.qt.pages.train.chart import LossChart
from annotator.qt.pages.train.runs_table import RunsTable
from annotator.qt.pages.train.setup import Setup
from annotator.qt.process import Process, ProcessOutcome
from annotator.qt.run_texts import headline, no_darknet
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError
from converters.work import WorkFolder, read_names

DARKNET_SETTING = "darknet"
LOG_LINES = 2000


class TrainPage(Page):
    """One training at a time.

    Signals:
        run_finished: Folder of a run that ended with weights.
        runs_wanted: The person wants to see the old runs.
        size_changed: Width and height of the network's input.
    """

    run_finished = pyqtSignal(object)
    runs_wanted = pyqtSignal()
    size_changed = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Train"), "", parent)
        self.model = TrainingModel()
        self.darknet: Darknet | None = None
        self.process: Process | None = None
        self._search: Task | None = None
        self._build_darknet()
        self._build_settings()
        self._build_progress()
        self._build_runs()
        self._show_state()

    # Building

    def _build_darknet(self) -> None:
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        self.found = QLabel(tr("Looking for Darknet…"))
        self.found.setWordWrap(True)
        self.found.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.choose = QPushButton(tr("Choose…"))
        self.choose.setToolTip(tr("Use another darknet program"))
        self.again = QPushButton(tr("Look again"))
        layout.addWidget(self.found, 1)
        layout.addWidget(self.choose)
        layout.addWidget(self.again)
        self.choose.clicked.connect(self.choose_darknet)
        self.again.clicked.connect(self.look_for_darknet)
        self.column.addWidget(row)

    def _build_settings(self) -> None:
        self.setup = Setup()
        basic = self.setup.basic
        self.network = basic.network
        self.size = basic.size
        self.batch = basic.batch
        self.subdivisions = basic.subdivisions
        self.max_batches = basic.max_batches
        self.start = basic.start
        self.network_note = self.setup.note
        basic.size_changed.connect(self.size_changed)
        self.setup.changed.connect(self._show_state)
        self.max_batches.valueChanged.connect(lambda: self._show_resume(self.model.is_busy))
        self.start.clicked.connect(self._start)
        self.column.addWidget(self.setup)

    def _build_progress(self) -> None:
        self.headline = QLabel()
        font = self.headline.font()
        font.setBold(True)
        self.headline.setFont(font)
        self.headline.setWordWrap(True)
        self.headline.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.stop_button = QPushButton(tr("Stop"))
        self.stop_button.setToolTip(tr("Darknet is stopped; what it saved last is kept and can be resumed"))
        self.stop_button.clicked.connect(self.request_stop)
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.headline, 1)
        layout.addWidget(self.stop_button)
        self.chart = LossChart()
        self.log = QPlainTextEdit(readOnly=True, maximumBlockCount=LOG_LINES)
        self.log.setPlaceholderText(tr("What the training says appears here."))
        self.log.setMinimumHeight(60)
        self.column.addWidget(row)

    def _build_runs(self) -> None:
        self.runs = RunsTable()
        self.runs.itemSelectionChanged.connect(self._show_state)
        self.resume = QPushButton(tr("Resume the chosen run"))
        self.resume.clicked.connect(self._resume)
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.runs, 3)
        row = QHBoxLayout()
        row.addWidget(self.resume)
        manage = QPushButton(tr("Runs…"))
        manage.setToolTip(tr("Old runs and their weights: how much room they take, and deleting them"))
        manage.clicked.connect(self.runs_wanted)
        row.addWidget(manage)
        row.addStretch()
        column.addLayout(row)
        column.addWidget(self.log, 2)
        both = QSplitter(Qt.Horizontal)
        # Its preferred height would make the page scroll on a small screen.
        both.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Ignored)
        both.setMinimumHeight(230)
        both.addWidget(self.chart)
        both.addWidget(side)
        both.setSizes([640, 520])
        both.setChildrenCollapsible(False)
        self.column.addWidget(both, 1)

    # Showing

    def set_project(self, project) -> None:
        super().set_project(project)
        work = project.work
        if work is not None:
            self._propose_max_batches(work)
        else:
            self.setup.set_work(None, ())
        if self.darknet is None and self._search is None:
            self.look_for_darknet()

    def refresh(self) -> None:
        self._list_runs()
        self._show_state()

    def _work(self) -> WorkFolder | None:
        return self.project.work if self.project is not None else None

    def _propose_max_batches(self, work: WorkFolder) -> None:
        try:
            names = read_names(work.names)
            self.setup.set_work(work, names)
            lines = (work.root / "train.txt").read_text(encoding="utf-8").split()
            self.max_batches.setValue(default_max_batches(len(names), len(lines)))
        except (OSError, DataError):
            pass  # the pre-flight says what is wrong with the set

    def _list_runs(self) -> None:
        work = self._work()
        self.runs.show_runs(list_runs(work.root) if work is not None else [])

    def _chosen_run(self) -> RunFolder | None:
        return self.runs.chosen()

    def _show_state(self) -> None:
        busy = self.model.is_busy
        work = self._work()
        self.start.setEnabled(work is not None and self.setup.is_possible and not busy)
        self._show_resume(busy)
        self.stop_button.setEnabled(self.model.state in (State.STARTING, State.RUNNING))
        self.headline.setText(headline(self.model))
        if work is None:
            self.purpose.setText(tr("There is no training set yet: make it on the Split page first."))
            return
        text = tr("Training set: {folder}.", folder=work.root)
        if self.project is not None and self.project.work_is_stale():
            text += " " + tr(
                "Labels were saved since it was made: if boxes changed, make it again on the Split page."
            )
        self.purpose.setText(text)

    def _show_resume(self, busy: bool) -> None:
        """What the button does with the chosen run: go on, or (where it is done) train it further."""
        run = self._chosen_run()
        possible = run is not None and self.darknet is not None and not busy
        text = tr("Resume the chosen run")
        if run is not None and run.info.iteration >= run.info.max_batches:
            further = self.max_batches.value()
            text = tr("Train the chosen run on to {count} iterations", count=further)
            if further <= run.info.max_batches:
                text, possible = tr("The chosen run is done (raise Iterations to go on)"), False
        self.resume.setText(text)
        self.resume.setEnabled(possible)

    # Darknet

    def look_for_darknet(self) -> None:
        """Find Darknet in the background: it is run to see what it is."""
        if self._search is not None:
            return
        setting = self.project.settings.get(DARKNET_SETTING) if self.project is not None else None
        self.found.setText(tr("Looking for Darknet…"))
        task = Task(lambda tell: find_darknet(setting), self)
        task.succeeded.connect(self._darknet_found)
        task.failed.connect(self._darknet_refused)
        task.finished.connect(self._search_ended)
        self._search = task.start()

    def _search_ended(self) -> None:
        self._search = None

    def _darknet_found(self, darknet: Darknet | None) -> None:
        self.darknet = darknet
        if darknet is None:
            self.found.setText(no_darknet())
        else:
            kind = {True: tr("for the GPU"), False: tr("on the CPU"), None: ""}[darknet.gpu]
            self.found.setText(" · ".join(filter(None, (darknet.title, kind, str(darknet.path)))))
            name = self.setup.basic.network_name
            if name and not darknet.knows(name):
                self.network.setCurrentText(suggested(darknet.dialect, darknet.gpu))
        self.setup.set_darknet(darknet)

    def _darknet_refused(self, text: str) -> None:
        self.darknet = None
        self.found.setText(known(text))
        if self.project is not None:
            # What was chosen is no Darknet: "Look again" shall not ask for it for ever.
            self.project.settings.set(DARKNET_SETTING, None)
        self.setup.set_darknet(None)

    def choose_darknet(self) -> None:
        """Ask for the program."""
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose the darknet program"), str(Path.home()))
        if path and self.project is not None:
            self.project.settings.set(DARKNET_SETTING, path)
            self.look_for_darknet()

    # Running

    def _start(self) -> None:
        work = self._work()
        if work is not None:
            self._launch(self.setup.plan().arguments(work.root))

    def _resume(self) -> None:
        run = self._chosen_run()
        if run is not None:
            done = run.info.iteration >= run.info.max_batches
            further = ["--max-batches", str(self.max_batches.value())] if done else []
            self._launch(["resume", str(run.path), *further])

    def _launch(self, arguments: list[str]) -> None:
        if self.darknet is None or self.model.is_busy:
            return
        self.model.begin()
        self.log.clear()
        self.chart.show_model(self.model)
        process = Process(self)
        process.line.connect(self._take_line)
        process.talk.connect(self.log.appendPlainText)
        process.ended.connect(self._ended)
        self.process = process
        # The command is this tool's own: the same run folders with and without the window. It stops
        # Darknet when its stdin closes, so a window that dies takes its training with it.
        process.start(
            sys.executable,
            ["-m", "annotator.darknet.cli", *arguments, "--darknet", str(self.darknet.path),
             "--events", "--stop-on-eof"],
        )  # fmt: skip
        self._show_state()

    def _take_line(self, line: str) -> None:
        try:
            event = json.loads(line)
        except ValueError:
            self.log.appendPlainText(line)
            return
        if not isinstance(event, dict):
            return
        saved = self.model.saved
        self.model.take(event)
        if self.model.saved != saved:
            self.log.appendPlainText(
                tr("Weights were saved at iteration {iteration}.", iteration=self.model.saved)
            )
        if event.get("event") == "warning":
            self.log.appendPlainText(str(event.get("text", "")))
        elif event.get("event") == "iteration":
            self.chart.show_model(self.model)
            self.runs.show_iteration(self.model.run, self.model.iteration, self.model.max_batches)
        elif event.get("event") in ("run", "saved"):
            self._list_runs()
        self._show_state()

    def request_stop(self) -> None:
        """Stop Darknet; the weights it saved last are kept."""
        if self.process is not None and self.process.is_running:
            self.model.state = State.STOPPING
            self.process.interrupt()
            self._show_state()

    def _ended(self, outcome: ProcessOutcome) -> None:
        words = outcome.last_words[-1] if outcome.last_words else str(outcome)
        self.model.ended_without_word(words.removeprefix("error: "))
        self.process = None
        self.refresh()
        if self.model.state is State.FAILED:
            messages.error(headline(self.model), "\n".join(outcome.last_words))
        elif self.model.state is State.FINISHED:
            messages.info(tr("The training is finished. Its predictions are on the next page."))
        if self.model.run is not None:
            self.run_finished.emit(self.model.run)

    def is_busy(self) -> bool:
        return self.model.is_busy

    def what_a_stop_keeps(self) -> str:
        """What is left of the running training if it is stopped now."""
        if self.model.saved:
            return tr(
                "The weights of iteration {iteration} are kept, and it can be resumed from there.",
                iteration=self.model.saved,
            )
        return tr("Nothing was saved yet (Darknet saves every 100 iterations): it would have to begin anew.")

    def stop(self) -> None:
        """Stop Darknet and wait for it (the window closes)."""
        if self.process is not None:
            self.process.interrupt()
            self.process.wait(15_000)
        if self._search is not None:
            self._search.wait()
        self.setup.stop()
