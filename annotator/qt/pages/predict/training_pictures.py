"""Letting the network look at the pictures it was trained on, when the person asks for that."""

from __future__ import annotations

from PyQt5.QtWidgets import QWidget

from annotator import messages
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.evaluated import Evaluated, look_at_training
from annotator.qt.translation import tr
from converters.model import Split


class TrainingPictures(TaskRow):
    """The button, and its progress; what is found becomes a part of the results."""

    def __init__(self, evaluated: Evaluated, parent: QWidget | None = None) -> None:
        super().__init__(tr("Look at the training pictures"), parent)
        self.evaluated = evaluated
        self.button.setToolTip(
            tr(
                "Let the network look at the pictures it was trained on: where it is sure against a label "
                "even there, the label is often wrong"
            )
        )
        self.button.clicked.connect(self.start)
        self.succeeded.connect(evaluated.take)
        self.failed.connect(messages.error)
        self.ended.connect(self._done)
        self.hide()

    def start(self) -> None:
        """Let it look."""
        results = self.evaluated.results
        if results is not None and not self.is_running:
            run = results.run
            self.run(lambda tell: look_at_training(run, results, tell), tr("%v of %m pictures"))

    def _done(self) -> None:
        results = self.evaluated.results
        if results is not None and Split.TRAIN in results.analyses:
            self.hide()

    @staticmethod
    def why() -> str:
        """What it is good for, where nothing was found yet."""
        return tr(
            "The network has not looked at its training pictures yet. It knows them: what it still gets "
            "wrong with confidence is often a wrong label. Copies are left out."
        )
