"""A dialog over the window for background work: what is done, how long it takes, and a way out."""

from __future__ import annotations

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QDialog, QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from annotator.core.amounts import Forecast, seconds_text
from annotator.qt.background import Task
from annotator.qt.translation import numbers, tr

SHOWN_AFTER = 500
"""Milliseconds; what is done by then needs no dialog."""
_STEPS = 1000


class ProgressDialog(QDialog):
    """Shows a task that was made elsewhere, while it runs. Esc, Cancel and closing it cancel the task.

    For work inside a page or a dialog there is ``WorkRow`` (``annotator.qt.dialogs.working``).

    Args:
        task: The task; it may run already.
        text: What it does, a sentence without a full stop.
        parent: The window that waits.
    """

    def __init__(self, task: Task, text: str, parent: QWidget) -> None:
        super().__init__(parent)
        self._task: Task | None = task
        self._forecast = Forecast()
        self.setWindowTitle(tr("One moment"))
        self.setWindowModality(Qt.WindowModal)
        self.text = QLabel(text)
        self.text.setTextFormat(Qt.PlainText)
        self.text.setWordWrap(True)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.left = QLabel(" ")
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.clicked.connect(self.reject)
        column = QVBoxLayout(self)
        for widget in (self.text, self.bar, self.left):
            column.addWidget(widget)
        column.addWidget(self.cancel, 0, Qt.AlignRight)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 60)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.show)
        self._timer.start(SHOWN_AFTER)
        task.progressed.connect(self.tell)
        task.finished.connect(self._end)

    def tell(self, done: int, total: int) -> None:
        """So much is done of so much."""
        if self._task is None or not self.cancel.isEnabled():
            return
        if total <= 0:
            self.bar.setRange(0, 0)
            return
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(min(_STEPS, round(_STEPS * done / total)))
        seconds = self._forecast.left(done, total)
        words = numbers(f"{done:,} / {total:,}")
        if seconds is not None and done < total:
            words += " · " + tr("about {time} left", time=seconds_text(seconds))
        self.left.setText(words)

    def reject(self) -> None:
        """Ask the task to end; the dialog goes when it has."""
        if self._task is not None:
            self.cancel.setEnabled(False)
            self.left.setText(tr("Cancelling…"))
            self._task.cancel()

    def _end(self) -> None:
        self._task = None
        self._timer.stop()
        super().reject()
        self.deleteLater()
