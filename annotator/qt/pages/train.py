"""The training page: finds Darknet, starts it, shows the loss as it falls, stops and resumes it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pyqtgraph as pg
from PyQt5.QtCore import QEvent, Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QSplitter,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.training import State, TrainingModel
from annotator.darknet.dialect import Darknet, find_darknet
from annotator.darknet.networks import NETWORKS, default_max_batches, suggested
from annotator.darknet.runs import RunFolder, list_runs
from annotator.qt.background import Task
from annotator.qt.pages.page import Page
from annotator.qt.process import Process, ProcessOutcome
from annotator.qt.run_texts import headline, no_darknet, status_text
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError
from converters.work import WorkFolder, read_names

DARKNET_SETTING = "darknet"
LOG_LINES = 2000


class LossChart(pg.PlotWidget):
    """Loss and average loss over iterations; the wheel zooms, a double click shows all again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setLabel("bottom", tr("iteration"))
        self.setLabel("left", tr("loss"))
        self.showGrid(x=True, y=True, alpha=0.25)
        self._legend = self.addLegend(offset=(-12, 8))
        self.getPlotItem().setMenuEnabled(False)
        self._loss = self.plot([], [], pen=pg.mkPen((102, 153, 238), width=1), name=tr("loss"))
        pen = pg.mkPen((238, 102, 119), width=3)
        self._average = self.plot([], [], pen=pen, name=tr("average loss"))
        self.setMinimumSize(260, 180)
        self._style()

    def _style(self) -> None:
        palette = self.palette()
        self.setBackground(palette.base().color())
        colour = palette.text().color()
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(colour)
            self.getAxis(side).setTextPen(colour)
        self._legend.setLabelTextColor(colour)
        for _, label in self._legend.items:
            # It is drawn anew with its text only.
            label.setText(label.text, color=colour)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and hasattr(self, "_legend"):
            self._style()

    def show_model(self, model: TrainingModel) -> None:
        """Draw the points so far (gaps where Darknet printed nan)."""
        self._loss.setData(model.iterations, model.losses, connect="finite")
        self._average.setData(model.iterations, model.averages, connect="finite")


class TrainPage(Page):
    """One training at a time.

    Signals:
        run_finished: Folder of a run that ended with weights.
        runs_wanted: The person wants to see the old runs.
    """

    run_finished = pyqtSignal(object)
    runs_wanted = pyqtSignal()

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
        self.choose.clicked.connect(self._choose_darknet)
        self.again.clicked.connect(self.look_for_darknet)
        self.column.addWidget(row)

    def _build_settings(self) -> None:
        self.network = QComboBox()
        self.network.addItems(list(NETWORKS))
        self.network.setCurrentText("yolov3-tiny")
        self.network.currentTextChanged.connect(self._network_changed)
        self.network_note = QLabel()
        self.network_note.setWordWrap(True)
        self.size = QSpinBox(minimum=32, maximum=1216, singleStep=32, value=416)
        self.size.setSuffix(" px")
        self.size.setToolTip(tr("Pictures are scaled to this size; larger finds smaller faces and is slower"))
        self.batch = QSpinBox(minimum=1, maximum=512, value=64)
        self.batch.setToolTip(tr("Pictures in one iteration"))
        self.subdivisions = QSpinBox(minimum=1, maximum=512, value=16)
        self.subdivisions.setToolTip(tr("Parts of a batch worked on at once; more needs less memory"))
        self.max_batches = QSpinBox(minimum=1, maximum=1_000_000, value=6000)
        self.max_batches.setToolTip(
            tr("Iterations of the whole training; the rule is max(2000 × classes, pictures, 6000)")
        )
        self.max_batches.valueChanged.connect(lambda: self._show_resume(self.model.is_busy))
        box = QGroupBox(tr("New training"))
        layout = QHBoxLayout(box)
        left, right = QFormLayout(), QFormLayout()
        left.addRow(tr("Network"), self.network)
        left.addRow(tr("Size"), self.size)
        right.addRow(tr("Batch"), self.batch)
        right.addRow(tr("Subdivisions"), self.subdivisions)
        middle = QFormLayout()
        middle.addRow(tr("Iterations"), self.max_batches)
        buttons = QHBoxLayout()
        self.quick = QPushButton(tr("Fill in a quick trial"))
        self.quick.setToolTip(
            tr("Small numbers that go through in minutes on a processor: to see the loop, not to use it")
        )
        self.start = QPushButton(tr("Start training"))
        self.start.setDefault(True)
        buttons.addWidget(self.quick)
        buttons.addWidget(self.start)
        middle.addRow("", buttons)
        for part in (left, right, middle):
            layout.addLayout(part)
        layout.addStretch(1)
        self.quick.clicked.connect(self._quick)
        self.start.clicked.connect(self._start)
        self.column.addWidget(box)
        self.column.addWidget(self.network_note)

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
        self.column.addWidget(row)

    def _build_runs(self) -> None:
        self.runs = QTableWidget(0, 4)
        self.runs.setHorizontalHeaderLabels([tr("Run"), tr("State"), tr("Iteration"), tr("Saved at")])
        self.runs.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
        self.runs.verticalHeader().hide()
        self.runs.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.runs.setSelectionMode(QAbstractItemView.SingleSelection)
        self.runs.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.runs.setMinimumHeight(80)
        self.log.setMinimumHeight(60)
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
        if self.darknet is None and self._search is None:
            self.look_for_darknet()

    def refresh(self) -> None:
        self._list_runs()
        self._show_state()

    def _work(self) -> WorkFolder | None:
        return self.project.work if self.project is not None else None

    def _propose_max_batches(self, work: WorkFolder) -> None:
        try:
            lines = (work.root / "train.txt").read_text(encoding="utf-8").split()
            self.max_batches.setValue(default_max_batches(len(read_names(work.names)), len(lines)))
        except (OSError, DataError):
            pass  # the pre-flight says what is wrong with the set

    def _list_runs(self) -> None:
        work = self._work()
        chosen = self._chosen_run()
        self.runs.blockSignals(True)
        self.runs.setRowCount(0)
        for run in reversed(list_runs(work.root) if work is not None else []):
            row = self.runs.rowCount()
            self.runs.insertRow(row)
            saved = max((weights.iteration for weights in run.weights()), default=0)
            info = run.info
            done = tr("{done} of {total}", done=info.iteration, total=info.max_batches)
            cells = (run.path.name, status_text(info.status), done, str(saved or "–"))
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setData(Qt.UserRole, run)
                item.setToolTip(known(info.message) or str(run.path))
                self.runs.setItem(row, column, item)
            if chosen is not None and run.path == chosen.path:
                self.runs.selectRow(row)
        self.runs.blockSignals(False)

    def _show_iteration(self) -> None:
        """Keep the row of the running training up to date."""
        for row in range(self.runs.rowCount()):
            run: RunFolder = self.runs.item(row, 0).data(Qt.UserRole)
            if run.path == self.model.run:
                done, total = self.model.iteration, self.model.max_batches
                self.runs.item(row, 2).setText(tr("{done} of {total}", done=done, total=total))
                return

    def _chosen_run(self) -> RunFolder | None:
        row = self.runs.currentRow()
        item = self.runs.item(row, 0) if row >= 0 else None
        return item.data(Qt.UserRole) if item is not None else None

    def _show_state(self) -> None:
        busy = self.model.is_busy
        work = self._work()
        knows = self.darknet is not None and self.darknet.knows(self.network.currentText())
        self.start.setEnabled(work is not None and knows and not busy)
        self._show_resume(busy)
        self.stop_button.setEnabled(self.model.state in (State.STARTING, State.RUNNING))
        self.headline.setText(headline(self.model))
        if work is None:
            self.purpose.setText(tr("There is no training set yet: make it on the Split page first."))
        else:
            stale = self.project is not None and self.project.work_is_stale()
            text = tr("Training set: {folder}.", folder=work.root)
            if stale:
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

    def _network_changed(self, name: str) -> None:
        text = known(NETWORKS[name].description)
        if self.darknet is not None and not self.darknet.knows(name):
            try:
                self.darknet.require(name)
            except DataError as error:
                text = known(str(error))
        self.network_note.setText(text)
        self._show_state()

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
            parts = (darknet.title, kind, str(darknet.path))
            self.found.setText(" · ".join(filter(None, parts)))
            if not darknet.knows(self.network.currentText()):
                self.network.setCurrentText(suggested(darknet.dialect, darknet.gpu))
        self._network_changed(self.network.currentText())

    def _darknet_refused(self, text: str) -> None:
        self.darknet = None
        self.found.setText(known(text))
        if self.project is not None:
            # What was chosen is no Darknet: "Look again" shall not ask for it for ever.
            self.project.settings.set(DARKNET_SETTING, None)
        self._show_state()

    def _choose_darknet(self) -> None:
        path, _ = QFileDialog.getOpenFileName(self, tr("Choose the darknet program"), str(Path.home()))
        if path and self.project is not None:
            self.project.settings.set(DARKNET_SETTING, path)
            self.look_for_darknet()

    # Running

    def _quick(self) -> None:
        self.size.setValue(96)
        self.batch.setValue(4)
        self.subdivisions.setValue(1)
        self.max_batches.setValue(100)

    def _start(self) -> None:
        work = self._work()
        if work is None:
            return
        asked = {
            "--network": self.network.currentText(),
            "--width": self.size.value(),
            "--height": self.size.value(),
            "--batch": self.batch.value(),
            "--subdivisions": self.subdivisions.value(),
            "--max-batches": self.max_batches.value(),
        }
        options = [text for name, value in asked.items() for text in (name, str(value))]
        self._launch(["run", str(work.root), *options])

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
            self._show_iteration()
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
