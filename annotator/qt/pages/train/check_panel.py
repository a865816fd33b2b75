"""Everything that would make a training fail, found before it starts, with a button where one can help."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QIcon
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

from annotator import messages
from annotator.core.training_check import CheckFinding, CheckResult, read_check
from annotator.darknet.preflight.sheet import Reading, State
from annotator.qt.dialogs.working import WorkRow
from annotator.qt.process import Process, ProcessOutcome
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n

_SOON = 700
"""Milliseconds after the last change before it looks again."""


class CheckPanel(QWidget):
    """Runs the check as a process of its own, and lists what it found.

    Attributes:
        subject: The run that is gone on with, empty where it is a new training.

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
        self._answered = self._has_looked = self._goes_to_first = False
        self._arguments: tuple[str, ...] = ()
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(_SOON)
        self._soon.timeout.connect(self.check_now)
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.again = QPushButton(tr("Check again"))
        self.again.setToolTip(tr("Look at everything once more: files may have changed meanwhile"))
        self.again.clicked.connect(self.check_now)
        self.subject = ""
        self.table = QTableWidget(0, 3)
        self.table.horizontalHeader().hide()
        self.table.verticalHeader().hide()
        self.table.setShowGrid(False)
        self.table.setWordWrap(True)
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.NoSelection)
        for column, how in enumerate(
            (QHeaderView.ResizeToContents, QHeaderView.Stretch, QHeaderView.ResizeToContents)
        ):
            self.table.horizontalHeader().setSectionResizeMode(column, how)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeToContents)
        self.table.setMinimumHeight(11 * self.fontMetrics().height())
        self.table.setTabKeyNavigation(False)  # Tab goes from button to button
        self.table.setAccessibleName(tr("Findings"))
        self.mending = WorkRow()
        self.mending.failed.connect(lambda text: messages.error(known(text)))
        row = QHBoxLayout()
        row.addWidget(self.state, 1)
        row.addWidget(self.again)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addLayout(row)
        column.addWidget(self.mending)
        column.addWidget(self.table, 1)
        self._show()

    @property
    def errors(self) -> int:
        """Errors of the newest result; 0 while there is none."""
        return self.result.errors if self.result is not None else 0

    @property
    def is_waiting(self) -> bool:
        """Whether a check goes on, or will in a moment, that may still find errors quickly."""
        return self._soon.isActive() or (self.process is not None and not self._has_looked)

    def first_error(self) -> CheckFinding | None:
        """The error that stands on top."""
        found = self.result.by_part() if self.result is not None else ()
        return next((one for _, group in found for one in group if one.is_error and not one.more), None)

    def warnings(self) -> list[CheckFinding]:
        """All warnings that are shown."""
        found = self.result.findings if self.result is not None else ()
        return [one for one in found if not one.is_error and not one.more]

    def go_to_first(self, from_row: int = 0) -> None:
        """Give the first button beside a finding the focus, so that Enter presses it.

        Args:
            from_row: The first from there on, else the last before.
        """
        rows = range(self.table.rowCount())
        for row in (*rows[from_row:], *reversed(rows[:from_row])):
            button = self.table.cellWidget(row, 2)
            if button is not None:
                self.table.scrollToItem(self.table.item(row, 1))
                button.setFocus(Qt.OtherFocusReason)
                return
        self.again.setFocus(Qt.OtherFocusReason)

    def go_to_first_when_checked(self) -> None:
        """As :meth:`go_to_first`, when the next check has ended: one finding after the other is mended."""
        self._goes_to_first = True

    def title(self) -> str:
        """What stands on the part's button."""
        if self.result is None or not (self.result.is_final or self.result.errors):
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
            self.checked.emit()
            return
        import sys

        self._answered = self._has_looked = False
        process = Process(self)
        process.line.connect(self._heard)
        process.ended.connect(lambda outcome: self._ended(process, outcome))
        self.process = process
        process.start(sys.executable, ["-m", "annotator.darknet.cli", "check", *self._arguments, "--events"])
        self._show()

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self._soon.stop()
        self.mending.stop()
        self._end()

    def _end(self) -> None:
        if self.process is not None:
            process, self.process = self.process, None
            process.blockSignals(True)
            process.interrupt()
            process.wait(5000)
            process.deleteLater()

    def _heard(self, line: str) -> None:
        """What is known until now."""
        result = read_check(line)
        if result is not None:
            self.result = result
            self._answered = result.is_final
            self._has_looked = result.is_final or result.stage != "pictures"
            self._show()
            self.checked.emit()  # also of the last: an error is to hold Start back before the process is gone

    def _ended(self, process: Process, outcome: ProcessOutcome) -> None:
        self.process = None
        process.deleteLater()
        if not self._answered:
            words = outcome.last_words[-1] if outcome.last_words else str(outcome)
            text = words.removeprefix("error: ")
            self.result = CheckResult((CheckFinding(True, "usage", text),), errors=1)
        self._show()
        if self._goes_to_first and self.isVisible():
            self.go_to_first()
        self._goes_to_first = False
        self.checked.emit()

    def _show(self) -> None:
        result = self.result
        self.again.setEnabled(bool(self._arguments) and self.process is None)
        if result is None:
            waits = self.process is not None or self._soon.isActive()
            self.state.setText(tr("Checking…") if waits else self.nothing())
        elif not result.is_final:
            done, total = f"{result.done:,}", f"{result.total:,}"
            if result.stage == "comparing":
                text = tr("Comparing pictures… {done} of {total}", done=done, total=total)
            else:
                text = tr("Checking… {done} of {total} pictures", done=done, total=total)
            self.state.setText(text)
        elif self.process is not None and not self._answered:
            self.state.setText(tr("Checking…"))
        elif not result.findings:
            self.state.setText(tr("Nothing stands in the way of this training."))
        else:
            errors = tr_n("{n} error", "{n} errors", result.errors)
            warnings = tr_n("{n} warning", "{n} warnings", result.warnings)
            first = tr("It can be started.") if not result.errors else tr("It cannot be started like this.")
            self.state.setText(f"{errors}, {warnings}. {first}")
        if self.subject:
            self.state.setText(tr("Going on with {run}: {what}", run=self.subject, what=self.state.text()))
        self._fill(result)

    def _fill(self, result: CheckResult | None) -> None:
        place = self.table.verticalScrollBar().value()
        focused = self._focused_row()
        self.table.setRowCount(0)
        for reading, findings in result.by_part() if result is not None else ():
            if reading.part:
                self._add_reading(reading)
            for finding in findings:
                self._add_finding(finding)
        self.table.verticalScrollBar().setValue(place)
        before: QWidget = self.table
        for row in range(self.table.rowCount()):
            button = self.table.cellWidget(row, 2)
            if button is not None:
                self.setTabOrder(before, button)
                before = button
        if focused >= 0:
            self.go_to_first(from_row=focused)

    def _focused_row(self) -> int:
        """The row whose button has the focus; -1: none."""
        focus = self.window().focusWidget()
        rows = range(self.table.rowCount())
        return next((row for row in rows if focus is not None and self.table.cellWidget(row, 2) is focus), -1)

    def _add_reading(self, reading: Reading) -> None:
        """A part with its value; how it is, is said by a mark and in words, not by a colour alone."""
        row = self._add_row()
        title = _cell(part_title(reading.part))
        title.setIcon(self._icon(reading.state))
        font = title.font()
        font.setBold(True)
        title.setFont(font)
        words = {
            State.GOOD: tr("In order"),
            State.WARNING: tr("A training can start, but look at this"),
            State.ERROR: tr("No training can start with this"),
            State.OPEN: tr("Not looked at"),
        }
        title.setToolTip(words[reading.state])
        title.setData(Qt.AccessibleTextRole, f"{part_title(reading.part)}: {words[reading.state]}")
        self.table.setItem(row, 0, title)
        value = _cell(known(reading.value) if reading.value else "…" if self.process else "–")
        value.setToolTip(reading.value)
        self.table.setItem(row, 1, value)
        self.table.setSpan(row, 1, 1, 2)

    def _add_finding(self, finding: CheckFinding) -> None:
        row = self._add_row()
        text = sentence(finding)
        if finding.more:
            text = tr_n("… and {n} more like these", "… and {n} more like these", finding.more)
        item = _cell(text)
        if not finding.more:
            item.setIcon(self._icon(State.ERROR if finding.is_error else State.WARNING))
        item.setToolTip(str(finding.path or ""))
        self.table.setItem(row, 1, item)
        words = fix_text(finding)
        if words:
            button = QPushButton(words)
            button.setAutoDefault(True)  # Enter presses it
            button.setAccessibleDescription(text)
            button.clicked.connect(lambda _: self.fix_wanted.emit(finding))
            self.table.setCellWidget(row, 2, button)

    def _add_row(self) -> int:
        row = self.table.rowCount()
        self.table.insertRow(row)
        return row

    def _icon(self, state: State) -> QIcon:
        """Marks of different shapes: a tick, a triangle, a cross, and an empty one."""
        marks = {
            State.GOOD: QStyle.SP_DialogApplyButton,
            State.WARNING: QStyle.SP_MessageBoxWarning,
            State.ERROR: QStyle.SP_MessageBoxCritical,
            State.OPEN: QStyle.SP_MessageBoxQuestion,
        }
        return self.style().standardIcon(marks[state])

    def nothing(self) -> str:
        """Why there is nothing to look at."""
        return tr("There is nothing to check yet: it needs a training set and a Darknet.")


def _cell(text: str) -> QTableWidgetItem:
    item = QTableWidgetItem(text)
    item.setFlags(Qt.ItemIsEnabled)
    return item


def sentence(finding: CheckFinding) -> str:
    """What is wrong, where, and what to do about it, in the person's language."""
    if not finding.message:
        return known(finding.text)
    return f"{finding.place}{known(finding.message)} {known(finding.hint)}".strip()


def part_title(part: str) -> str:
    """What stands before a part of the sheet."""
    titles = {
        "darknet": tr("Darknet"),
        "gpu": tr("GPU"),
        "network": tr("Network"),
        "splits": tr("Splits"),
        "pictures": tr("Pictures"),
        "labels": tr("Labels"),
        "classes": tr("Classes"),
        "weights": tr("Weights"),
        "disk": tr("Disk"),
    }
    return titles.get(part, part)


def fix_text(finding: CheckFinding) -> str:
    """What the button beside a finding says; empty: it has none."""
    texts = {
        "choose-darknet": tr("Choose Darknet…"),
        "choose-network": tr("Take one it knows"),
        "make-network": tr("Take a network of ours"),
        "mosaic-off": tr("Turn mosaic off"),
        "queue": tr("Put it in the queue"),
        "split": tr("Go to Split"),
        "balance": tr("Go to Balance"),
        "make-set": tr("Go to Split"),
        "put-together": tr("Put them together"),
        "bring-labels": tr("Bring it over"),
        "delete-copies": tr("Delete such copies"),
        "make-copies": tr("Go to Augment"),
        "fetch-weights": tr("Fetch them"),
        "allow-writing": _writing_text(finding.path),
        "show-picture": tr("Show the picture") if finding.image else "",
        "choose-weights": tr("Choose weights"),
        "raise-max-batches": tr("Raise Iterations"),
        "delete-runs": tr("Delete old runs…"),
    }
    return texts.get(finding.fix, "")


def _writing_text(folder: Path | None) -> str:
    if folder is None:
        return ""
    return tr("Allow writing") if folder.exists() else tr("Make the folder")
