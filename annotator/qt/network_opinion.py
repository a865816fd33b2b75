"""Where predictions are there: how much they disagree with the labels, for the gallery and the list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, QTimer

from annotator.core.disagreement import picture_disagreement, with_labels_of
from annotator.core.project import Project
from annotator.core.run_predictions import Found, newest_predictions
from annotator.core.session import Session
from annotator.qt.background import Task
from converters.model import Box

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

AFTER_EDIT = 400
"""Milliseconds from an edit until the pictures' disagreement is worked out again."""
STEP = 200
"""Pictures worked out at a time."""


class NetworkOpinion(QObject):
    """Reads the predictions of the newest run when a set is opened, and takes those made by the window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._project: Project | None = None
        self._found: dict[str, tuple[Box, ...]] = {}
        self._scores: dict[str, float] = {}
        self._todo: dict[str, None] = {}
        self._task: Task | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self._work_some_out)
        window.later.when_built("predict", lambda page: page.predicted.connect(self.take))
        window.later.when_built("train", lambda page: page.run_finished.connect(lambda _: self.read()))

    def set_project(self, project: Project) -> None:
        """Another set was opened."""
        self._project = project
        self._found, self._scores = {}, {}
        self._todo.clear()
        self._timer.stop()
        session = project.session
        session.listen(lambda key: self._edited(session, key))
        self._window.label.images.set_disagreement({})
        self.read()

    def read(self) -> None:
        """Read what the newest evaluated run of the open set found, in the background."""
        project = self._project
        work = project.work if project is not None else None
        if project is None or work is None or not work.runs.is_dir():
            return
        names = project.session.class_names

        def read(tell: object) -> Found:
            predictions = newest_predictions(work.root)
            return predictions.on(project.open_keys(), names) if predictions is not None else {}

        task = Task(read, self)
        # What is wrong with a data set or a run is said on the pages of these.
        task.succeeded.connect(lambda found: self._add(project, found))
        self._task = task.start()

    def take(self, images: Found) -> None:
        """Predictions made on the predictions page, by the keys of the Darknet data set."""
        project, dataset = self._project, self._window.predict.dataset
        if project is not None and dataset is not None:
            keys = project.open_keys()
            found = {keys[key]: boxes for key, boxes in images.items() if key in keys}
            self._add(project, with_labels_of(found, dataset.class_names, project.session.class_names))

    def hear(self, project: Project, found: Found, *, anew: bool = False) -> None:
        """Predictions made while labelling, by the keys of the open set and with its labels.

        Args:
            project: The set that they are of.
            found: What was found.
            anew: Whether they are of another network: what was heard before is forgotten.
        """
        if anew and project is self._project:
            self._found, self._scores = {}, {}
            self._todo.clear()
        self._add(project, found)

    def stop(self) -> None:
        """End what runs, before the window closes."""
        self._timer.stop()
        if self._task is not None:
            self._task.wait()

    def _add(self, project: Project, found: Found) -> None:
        if project is not self._project or not found:
            return
        self._found.update(found)
        self._window.gallery.set_predictions(dict(self._found))
        self._todo.update(dict.fromkeys(found))
        self._timer.start(0)

    def _edited(self, session: Session, key: str) -> None:
        if self._project is not None and session is self._project.session and key in self._found:
            self._todo[key] = None
            if not self._timer.isActive():
                self._timer.start(AFTER_EDIT)

    def _work_some_out(self) -> None:
        """Some pictures now, the others once the window had its turn."""
        if self._project is None:
            return
        session = self._project.session
        for key in list(self._todo)[:STEP]:
            del self._todo[key]
            if key in session:
                boxes = session.image(key).boxes
                self._scores[key] = picture_disagreement(boxes, self._found[key])
        if self._todo:
            self._timer.start(0)
        else:
            self._window.label.images.set_disagreement(dict(self._scores))
