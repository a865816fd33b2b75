"""What every page is: a title, a sentence on what it is for, and a project that it shows."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QScrollArea, QVBoxLayout, QWidget

from annotator.core.amounts import Forecast, seconds_text
from annotator.core.project import Project
from annotator.qt.background import Task, Work
from annotator.qt.said_below import known
from annotator.qt.translation import tr


class PlainPage(QWidget):
    """What the window asks of every page but the labelling page.

    Signals:
        work_changed: The Darknet data set was made or changed by this page.
    """

    work_changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None

    def set_project(self, project: Project) -> None:
        """Show another project."""
        self.project = project
        self.refresh()

    def refresh(self) -> None:
        """Show what is true now; called when the page comes up."""

    def is_busy(self) -> bool:
        """Whether something runs that closing the window would end."""
        return False

    def stop(self) -> None:
        """End what runs, before the window closes."""


class Page(PlainPage):
    """A page that scrolls where the window is small."""

    def __init__(self, title: str, purpose: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        inner = QWidget()
        self.column = QVBoxLayout(inner)
        self.column.setContentsMargins(22, 16, 22, 16)
        self.column.setSpacing(12)
        heading = QLabel(title)
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 1.5)
        font.setBold(True)
        heading.setFont(font)
        self.column.addWidget(heading)
        self.purpose = QLabel(purpose)
        self.purpose.setWordWrap(True)
        self.column.addWidget(self.purpose)
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.NoFrame)
        area.setWidget(inner)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)


class TaskRow(QWidget):
    """A button that starts background work, a progress bar and a cancel button in its place while it runs.

    Signals:
        succeeded: The work's result.
        failed: Why it failed.
        cancelled: The person ended it.
        ended: It is over, whatever the end.
        staged: What the work does now (emitted by its thread).
    """

    succeeded = pyqtSignal(object)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    ended = pyqtSignal()
    staged = pyqtSignal(str)

    def __init__(self, text: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.button = QPushButton(text)
        self.bar = QProgressBar()
        self.cancel = QPushButton(tr("Cancel"))
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextInteractionFlags(Qt.TextSelectableByMouse)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.button)
        layout.addWidget(self.bar, 1)
        layout.addWidget(self.cancel)
        layout.addWidget(self.note, 1)
        self.cancel.clicked.connect(self._cancel)
        self.staged.connect(self._named)
        self._what = ""
        self._forecast = Forecast()
        self.task: Task | None = None
        self._idle()

    def run(self, work: Work, what: str = "", kept: bool = False) -> None:
        """Start the work.

        Args:
            work: For a thread.
            what: The text in the bar; empty: how many of how many.
            kept: Whether something stays where it is cancelled; whoever listens to ``cancelled`` says what.
        """
        self.button.hide()
        self.note.hide()
        self._what = what or tr("%v of %m")
        self._forecast = Forecast()
        self.bar.setFormat(self._what)
        self.bar.setRange(0, 0)
        self.bar.show()
        self.cancel.setEnabled(True)
        self.cancel.show()
        task = Task(work, self)
        task.progressed.connect(self._progress)
        task.succeeded.connect(self.succeeded)
        task.failed.connect(self.failed)
        self.say("")
        if not kept:
            task.cancelled.connect(lambda: self.say(tr("Cancelled; nothing was changed.")))
        task.cancelled.connect(self.cancelled)
        task.finished.connect(self._finished)
        self.task = task.start()

    def stage(self, what: str) -> None:
        """Name the part of the work that begins now; may be called from its thread."""
        self.staged.emit(what)

    @property
    def is_running(self) -> bool:
        """Whether the work runs."""
        return self.task is not None

    def stop(self) -> None:
        """Cancel and wait (only while the window closes)."""
        if self.task is not None:
            self.task.cancel()
            self.task.wait()

    def say(self, text: str) -> None:
        """A sentence beside the button."""
        self.note.setText(text)

    def _named(self, what: str) -> None:
        self._what = tr("{what}: %v of %m", what=known(what))
        self.bar.setFormat(self._what)

    def _progress(self, done: int, total: int) -> None:
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        left = self._forecast.left(done, total)
        if left is not None and done < total:
            time = tr("about {time} left", time=seconds_text(left))
            self.bar.setFormat(f"{self._what} · {time}")
        else:
            self.bar.setFormat(self._what)

    def _cancel(self) -> None:
        self.cancel.setEnabled(False)
        if self.task is not None:
            self.task.cancel()

    def _finished(self) -> None:
        self.task = None
        self._idle()
        self.ended.emit()

    def _idle(self) -> None:
        self.bar.hide()
        self.cancel.hide()
        self.button.show()
        self.note.show()
