"""Background work in a dialog: a bar that says what is done and how long it takes, and a way to cancel it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QCloseEvent
from PyQt5.QtWidgets import (
    QApplication,
    QDialog,
    QHBoxLayout,
    QLabel,
    QMessageBox,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from annotator.core.amounts import Forecast, seconds_text
from annotator.qt.background import Task, Work
from annotator.qt.translation import tr


class WorkRow(QWidget):
    """Shown while something runs, else hidden.

    Signals:
        failed: Why it failed.
        cancelled: The person ended it.
        ended: It is over, whatever the end.
        staged: What the work does now (emitted by its thread).
    """

    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    ended = pyqtSignal()
    staged = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.what = QLabel()
        self.what.setTextFormat(Qt.PlainText)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setAutoDefault(False)
        self.cancel.clicked.connect(self.stop_soon)
        row = QHBoxLayout()
        row.addWidget(self.bar, 1)
        row.addWidget(self.cancel)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.what)
        column.addLayout(row)
        self.staged.connect(self._stage)
        self.task: Task | None = None
        self._text = ""
        self._then: Callable[[], object] | None = None
        self._forecast = Forecast()
        self.hide()

    @property
    def is_running(self) -> bool:
        """Whether something runs."""
        return self.task is not None

    def run(self, work: Work, text: str, then: Callable[[Any], object]) -> None:
        """Start work.

        Args:
            work: What is done, in a thread.
            text: What it is, for the person.
            then: Given the result when it went well; it may start other work.
        """
        self._then = None
        self.bar.setRange(0, 0)
        self.cancel.setEnabled(True)
        self._stage(text)
        self.show()
        task = Task(work, self)
        task.progressed.connect(self._progress)
        task.succeeded.connect(lambda result: self._keep(then, result))
        task.failed.connect(self.failed)
        task.cancelled.connect(self.cancelled)
        task.finished.connect(self._finished)
        self.task = task.start()

    def stop_soon(self) -> None:
        """Ask it to end."""
        if self.task is not None:
            self.cancel.setEnabled(False)
            self.what.setText(tr("Cancelling…"))
            self.task.cancel()

    def stop(self) -> None:
        """End it and wait (the window closes)."""
        if self.task is not None:
            self.task.cancel()
            self.task.wait()

    def _stage(self, text: str) -> None:
        self._text = text[:1].upper() + text[1:]
        self._forecast = Forecast()
        self.bar.setRange(0, 0)
        self.what.setText(f"{self._text}…")

    def _progress(self, done: int, total: int) -> None:
        if not self.cancel.isEnabled():
            return
        # Bytes of an archive pass what Qt's ints can hold.
        shrink = max(1, total // 1_000_000)
        self.bar.setRange(0, total // shrink)
        self.bar.setValue(done // shrink)
        left = self._forecast.left(done, total)
        if left is None or done >= total:
            self.what.setText(f"{self._text}…")
        else:
            self.what.setText(tr("{what}… about {time} left", what=self._text, time=seconds_text(left)))

    def _keep(self, then: Callable[[Any], object], result: Any) -> None:
        self._then = lambda: then(result)

    def _finished(self) -> None:
        self.task = None
        self.hide()
        following, self._then = self._then, None
        if following is not None:
            following()
        if self.task is None:
            self.ended.emit()


class WorkDialog(QDialog):
    """A dialog in which something may run: closing it asks the work to end first.

    It is shown with ``open()`` and goes away when it is closed.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.work = WorkRow()
        self.work.ended.connect(self._work_ended)
        self._leaving = False
        # The window may be closed without asking (a signal): a thread must not outlive what it belongs to.
        QApplication.instance().aboutToQuit.connect(self._quit)

    def _quit(self) -> None:
        self.work.stop()
        self._leave()

    def reject(self) -> None:
        if self.work.is_running:
            # Once more: it closes when that has ended.
            self._leaving = True
            self.work.stop_soon()
        else:
            self._leave()
            super().reject()

    def accept(self) -> None:
        self._leave()
        super().accept()

    def closeEvent(self, event: QCloseEvent) -> None:
        if self.work.is_running:
            self.work.stop()
        self._leave()
        event.accept()

    def _leave(self) -> None:
        """End what else runs; called when the dialog goes."""

    def _work_ended(self) -> None:
        if self._leaving:
            self._leaving = False
            self.reject()


def sure(parent: QWidget, title: str, question: str, details: str, yes: str) -> bool:
    """Ask before something that cannot be undone; Enter and Esc do nothing."""
    box = QMessageBox(QMessageBox.Warning, title, question, QMessageBox.NoButton, parent)
    box.setInformativeText(details)
    box.setTextFormat(Qt.PlainText)
    agree = box.addButton(yes, QMessageBox.DestructiveRole)
    stay = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec_()
    return box.clickedButton() is agree


def wrapping(text: str = "") -> QLabel:
    """A text that wraps and can be copied."""
    label = QLabel(text)
    label.setWordWrap(True)
    label.setTextFormat(Qt.PlainText)
    label.setTextInteractionFlags(Qt.TextSelectableByMouse)
    # In a form a field is else as wide as its text asks for, which is a narrow column.
    policy = QSizePolicy(QSizePolicy.Expanding, QSizePolicy.Preferred)
    policy.setHeightForWidth(True)
    label.setSizePolicy(policy)
    return label
