"""What was labelled anew since a run began, and the way on: to train again."""

from __future__ import annotations

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QWidget

from annotator.core.mended import relabelled_since
from annotator.core.project import Project
from annotator.darknet.run.folder import RunFolder
from annotator.qt.background import Task
from annotator.qt.translation import tr, tr_n


class SinceRow(QWidget):
    """Says how many pictures were labelled anew since a run began; hidden where none was.

    Signals:
        train_wanted: To the page where a new training is begun.
        pictures_wanted: Keys (in the open set) of these pictures, and what they are.
    """

    train_wanted = pyqtSignal()
    pictures_wanted = pyqtSignal(object, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._keys: tuple[str, ...] = ()
        self._task: Task | None = None
        self._asked: tuple[Project, RunFolder] | None = None
        self._again = False
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.pictures = QPushButton(tr("Show them"))
        self.pictures.setToolTip(tr("Show these pictures in the list of the labelling page"))
        self.train = QPushButton(tr("Train again…"))
        self.train.setToolTip(tr("To the Train page: the next run learns from the labels of now"))
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.text, 1)
        row.addWidget(self.pictures)
        row.addWidget(self.train)
        self.train.clicked.connect(self.train_wanted)
        self.pictures.clicked.connect(lambda: self.pictures_wanted.emit(self._keys, self.text.text()))
        self.hide()

    def look(self, project: Project | None, run: RunFolder | None) -> None:
        """Compare the labels of now with those that a run began with, in the background."""
        if project is None or run is None:
            self._asked = None
            self.hide()
            return
        if self._task is not None:
            self._again = True  # what changed meanwhile is looked at when that has ended
            self._asked = project, run
            return
        self._asked = asked = project, run
        session = project.session
        images = {key: session.image(key) for key in session.keys}
        names = session.class_names
        keys = project.open_keys()
        task = Task(lambda _: relabelled_since(run, keys, images, names), self)
        task.succeeded.connect(lambda found: self._show(found) if self._asked == asked else None)
        # Where the run's lists cannot be read, its own row among the runs says so.
        task.failed.connect(lambda _: self.hide())
        task.finished.connect(self._ended)
        self._task = task.start()

    def stop(self) -> None:
        """Wait for what runs, before the window closes."""
        self._again = False
        if self._task is not None:
            self._task.wait()

    def _ended(self) -> None:
        self._task = None
        if self._again and self._asked is not None:
            self._again = False
            self.look(*self._asked)

    def _show(self, keys: tuple[str, ...]) -> None:
        self._keys = keys
        self.text.setText(
            tr_n(
                "The labels of {n} picture were changed since this run began.",
                "The labels of {n} pictures were changed since this run began.",
                len(keys),
            )
        )
        self.setVisible(bool(keys))
