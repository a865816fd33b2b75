"""A network's predictions become the first boxes of all pictures that have none, as one edit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, Qt
from PyQt5.QtWidgets import QMessageBox

from annotator import messages
from annotator.core.edits import EditMany
from annotator.core.listing import Labels
from annotator.core.session import Session
from annotator.core.suggestions import accept_in_many
from annotator.qt.background import Task
from annotator.qt.bulk import carry_out
from annotator.qt.translation import tr, tr_n

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow
    from annotator.qt.suggestions import Suggestions


class Unlabelled(QObject):
    """First the network looks at the pictures, then the person is asked, then there are boxes."""

    def __init__(self, window: MainWindow, suggestions: Suggestions) -> None:
        super().__init__(suggestions)
        self._window = window
        self._suggestions = suggestions
        self._session: Session | None = None
        self._keys: tuple[str, ...] = ()
        self._task: Task | None = None

    def begin(self) -> None:
        """Let the network look at the pictures of the list that are not labelled."""
        project, suggestions = self._window.project, self._suggestions
        if project is None or self._task is not None or suggestions.is_asked_off():
            return
        session = project.session
        shown = self._window.label.images.view.rows.shown
        keys = tuple(key for key in shown if key in session and Labels.of(session.image(key)) is Labels.NONE)
        if not keys:
            messages.info(tr("The list shows no picture without labels."))
            return
        self._session, self._keys = session, keys
        suggestions.network.predicting.look_at_all(keys)
        left = suggestions.network.predicting.left
        if left:
            self._window.label.told.emit(
                tr_n(
                    "The network looks at {n} picture without labels first",
                    "The network looks at {n} pictures without labels first",
                    left,
                )
            )
        suggestions.tell()

    def give_up(self) -> None:
        """Another network, another set, or the person wants it no more."""
        self._session, self._keys = None, ()

    def stop(self) -> None:
        """End what runs, before the window closes."""
        self.give_up()
        if self._task is not None:
            self._task.cancel()
            self._task.wait()

    def go_on(self) -> None:
        """Work out the boxes, once the network has looked at all of the pictures."""
        session, predicting = self._session, self._suggestions.network.predicting
        if session is None or self._task is not None or predicting.left or predicting.is_busy:
            return
        keys, self._keys = self._keys, ()
        self._session = None
        images = [session.image(key) for key in keys if key in session]
        each = {image.key: self._suggestions.network_found(image.key) for image in images}
        found = {key: boxes for key, boxes in each.items() if boxes is not None}
        threshold = self._suggestions.threshold

        def work(tell: Callable[[int, int], None]) -> EditMany:
            return accept_in_many(images, found, threshold / 100, tell)

        task = Task(work, self)
        task.succeeded.connect(lambda edit: self._ask(session, edit, len(images), threshold))
        task.failed.connect(messages.error)
        task.finished.connect(self._ended)
        self._task = task.start()

    def _ended(self) -> None:
        if self._task is not None:
            self._task.wait()
            self._task.deleteLater()
            self._task = None

    def _ask(self, session: Session, edit: EditMany, pictures: int, threshold: int) -> None:
        if self._window.project is None or session is not self._window.project.session:
            return
        if not edit.edits:
            messages.info(
                tr_n(
                    "The network finds nothing from {percent} % on in {n} picture without labels.",
                    "The network finds nothing from {percent} % on in {n} pictures without labels.",
                    pictures,
                    percent=threshold,
                )
            )
            return
        boxes = sum(len(one.after) - len(one.before) for one in edit.edits)
        box = QMessageBox(
            QMessageBox.Question, tr("Accept predictions"), "", QMessageBox.NoButton, self._window
        )
        box.setText(
            tr(
                "Add {boxes} to {pictures} without labels?",
                boxes=tr_n("{n} box", "{n} boxes", boxes),
                pictures=tr_n("{n} picture", "{n} pictures", len(edit.edits)),
            )
        )
        box.setInformativeText(
            tr(
                "They are what the network finds with a confidence from {percent} % on. One undo takes all "
                "of them back. The pictures stay “not reviewed”: look at each of them.",
                percent=threshold,
            )
        )
        box.addButton(tr("Add them"), QMessageBox.AcceptRole)
        box.addButton(tr("Cancel"), QMessageBox.RejectRole)
        # Nothing else is edited until it is answered.
        box.setWindowModality(Qt.ApplicationModal)
        box.buttonClicked.connect(
            lambda button: (
                self._carry_out(session, edit) if box.buttonRole(button) == QMessageBox.AcceptRole else None
            )
        )
        box.finished.connect(box.deleteLater)
        box.open()

    def _carry_out(self, session: Session, edit: EditMany) -> None:
        def end(problem: str) -> None:
            if problem:
                messages.warning(problem)

        carry_out(self._window, session, len(edit.edits), lambda: session.apply(edit), end)
