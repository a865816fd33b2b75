"""Everything that would make a training fail, found before it starts, with a button where one can help."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QStyle,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.training_check import CheckFinding, CheckResult, read_check
from annotator.qt.process import Process, ProcessOutcome
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n

_SOON = 700
"""Milliseconds after the last change before it looks again."""


class CheckPanel(QWidget):
    """Runs the check as a process of its own, and lists what it found.

    Signals:
        checked: There is a new result.
        fix_wanted: A CheckFinding whose button was pressed.
    """

    checked = pyqtSignal()
    fix_wanted = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.result: CheckResult | None = None
        self.process: Process | None = None
        self._arguments: tuple[str, ...] = ()
        self._lines: list[str] = []
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)
        self._soon.timeout.connect(self.check_now)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.again = QPushButton(tr("Check again"))
        self.again.setToolTip(tr("Look at everything once more: files may have changed meanwhile"))
        self.again.clicked.connect(self.check_now)
        self.table = QTableWidget(0, 2)
        self.table.horizontalHeader().hide()
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.NoSelection)
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
        self.table.horizontalHeader().setSectionResizeMode(1, QHeaderView.ResizeToContents)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeToContents)
        self.table.setMinimumHeight(150)
        row = QHBoxLayout()
        row.addWidget(self.state, 1)
        row.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        self._show()

    @property
    def errors(self) -> int:
        """Errors of the newest result; 0 while there is none."""
        return self.result.errors if self.result is not None else 0

    def title(self) -> str:
        """What stands on the part's button."""
        if self.result is None:
            return tr("Check")
        if self.result.errors:
            return tr("Check: {errors}", errors=tr_n("{n} error", "{n} errors", self.result.errors))
        if self.result.warnings:
            return tr("Check: {warnings}", warnings=tr_n("{n} warning", "{n} warnings", self.result.warnings))
        return tr("Check: fine")

    def check(self, arguments: Sequence[str]) -> None:
        """Check another training soon; the same again is not looked at twice.

        Args:
            arguments: What follows ``train-cli check``; none: there is nothing to check.
        """
        if tuple(arguments) == self._arguments:
            return
        self._arguments = tuple(arguments)
        self.result = None
        self._soon.start()
        self._show()

    def forget(self) -> None:
        """What was checked is no longer there."""
        self._arguments = ()
        self.result = None
        self._show()

    def check_now(self) -> None:
        """Look now."""
        self._soon.stop()
        self._end()
        if not self._arguments:
            self._show()
            return
        import sys

        self._lines = []
        process = Process(self)
        process.line.connect(self._lines.append)
        process.ended.connect(lambda outcome: self._ended(process, outcome))
        self.process = process
        process.start(sys.executable, ["-m", "annotator.darknet.cli", "check", *self._arguments, "--json"])
        self._show()

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self._soon.stop()
        self._end()

    def _end(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.blockSignals(True)
            process.interrupt()
            process.wait(5000)
            process.deleteLater()

    def _ended(self, process: Process, outcome: ProcessOutcome) -> None:
        self.process = None
        process.deleteLater()
        self.result = read_check("\n".join(self._lines))
        if self.result is None:
            words = outcome.last_words[-1] if outcome.last_words else str(outcome)
            text = words.removeprefix("error: ")
            self.result = CheckResult((CheckFinding(True, "usage", text),), errors=1)
        self._show()
        self.checked.emit()

    def _show(self) -> None:
        result = self.result
        self.again.setEnabled(bool(self._arguments) and self.process is None)
        if result is None:
            waits = self.process is not None or self._soon.isActive()
            self.state.setText(tr("Checking…") if waits else tr("There is nothing to check yet."))
        elif not result.findings:
            self.state.setText(tr("Nothing stands in the way of this training."))
        else:
            errors = tr_n("{n} error", "{n} errors", result.errors)
            warnings = tr_n("{n} warning", "{n} warnings", result.warnings)
            self.state.setText(f"{errors}, {warnings}")
        self._fill(result.findings if result is not None else ())

    def _fill(self, findings: Sequence[CheckFinding]) -> None:
        self.table.setRowCount(0)
        self.table.setRowCount(len(findings))
        icons = {True: QStyle.SP_MessageBoxCritical, False: QStyle.SP_MessageBoxWarning}
        for row, finding in enumerate(findings):
            text = known(finding.text)
            if finding.more:
                text = tr_n("… and {n} more like these", "… and {n} more like these", finding.more)
            item = QTableWidgetItem(text)
            if not finding.more:
                item.setIcon(self.style().standardIcon(icons[finding.is_error]))
            item.setToolTip(str(finding.path or ""))
            item.setFlags(Qt.ItemIsEnabled)
            self.table.setItem(row, 0, item)
            words = fix_text(finding)
            if words:
                button = QPushButton(words)
                button.clicked.connect(lambda _, finding=finding: self.fix_wanted.emit(finding))
                self.table.setCellWidget(row, 1, button)


def fix_text(finding: CheckFinding) -> str:
    """What the button beside a finding says; empty: it has none."""
    texts = {
        "choose-darknet": tr("Choose Darknet…"),
        "choose-network": tr("Take one it knows"),
        "make-network": tr("Take a network of ours"),
        "mosaic-off": tr("Turn mosaic off"),
        "queue": tr("Put it in the queue"),
        "split": tr("Go to Split"),
        "make-set": tr("Go to Split"),
        "choose-folder": tr("Choose another folder"),
        "show-picture": tr("Show the picture") if finding.image else "",
        "choose-weights": tr("Choose weights"),
        "raise-max-batches": tr("Raise Iterations"),
        "delete-runs": tr("Delete old runs…"),
    }
    return texts.get(finding.fix, "")
