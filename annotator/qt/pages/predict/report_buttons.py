"""The report of an evaluation: to be opened, or saved with its tables and charts."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import QUrl
from PyQt5.QtGui import QDesktopServices
from PyQt5.QtWidgets import QFileDialog, QHBoxLayout, QPushButton, QWidget

from annotator import messages
from annotator.darknet.evaluation.report import copy_report, write_report
from annotator.darknet.evaluation.stored import EvaluationFolder
from annotator.qt.background import Task
from annotator.qt.pages.predict.evaluated import Evaluated, Results
from annotator.qt.said_below import known
from annotator.qt.translation import tr


class ReportButtons(QWidget):
    """Two buttons. What was measured or counted since the report was written is taken into it first."""

    def __init__(self, evaluated: Evaluated, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._evaluated = evaluated
        self._task: Task | None = None
        self.opened = QPushButton(tr("Open the report"))
        self.opened.setToolTip(tr("The same as one HTML file, to keep or to send"))
        self.save = QPushButton(tr("Save it…"))
        self.save.setToolTip(
            tr("The report as one HTML file, every table as CSV, every chart as PNG and SVG, in a new folder")
        )
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.opened)
        row.addWidget(self.save)
        self.opened.clicked.connect(self.open_report)
        self.save.clicked.connect(self.ask_where)

    def enable(self) -> None:
        """Whether there is a report."""
        run = self._evaluated.run
        there = run is not None and EvaluationFolder.of(run).report.is_file()
        for button in (self.opened, self.save):
            button.setEnabled(there and self._task is None)

    def open_report(self) -> None:
        """Open it in the browser."""
        results = self._evaluated.results
        if results is not None:
            self._work(
                lambda: _written(results),
                lambda page: QDesktopServices.openUrl(QUrl.fromLocalFile(str(page))),
            )

    def ask_where(self) -> None:
        """Ask for a folder, and save all of it there."""
        chosen = QFileDialog.getExistingDirectory(self, tr("Save the report"), str(Path.home()))
        if chosen:
            self.save_to(Path(chosen))

    def save_to(self, folder: Path) -> None:
        """Save page, tables and charts in a new folder in this one."""
        results = self._evaluated.results
        if results is None:
            return

        def work() -> Path:
            _written(results)
            return copy_report(results.run, folder)

        self._work(work, lambda place: messages.info(tr("The report was saved: {path}", path=place)))

    def stop(self) -> None:
        """Wait for what runs, before the window closes."""
        if self._task is not None:
            self._task.wait()

    def _work(self, work: Callable[[], Path], then: Callable[[Path], object]) -> None:
        if self._task is not None:
            return
        task = Task(lambda _: work(), self)
        task.succeeded.connect(then)
        task.failed.connect(lambda problem: messages.error(known(problem)))
        task.finished.connect(self._ended)
        self._task = task.start()
        self.enable()

    def _ended(self) -> None:
        self._task = None
        self.enable()


def _written(results: Results) -> Path:
    """The page with what was counted and timed since; the pictures beside it stay as they are."""
    return write_report(results.run, results.evaluation, results.analyses, pictures=False)
