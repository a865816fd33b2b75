"""What to do next, a sentence and a button each: after a training, and under the numbers of a run."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QGridLayout, QLabel, QPushButton, QWidget

from annotator.darknet.evaluation.advice import Act, Advice
from annotator.qt.said_below import known
from annotator.qt.translation import tr


class NextSteps(QWidget):
    """The sentences with their buttons; hidden where there is nothing to say.

    Signals:
        wanted: The Advice that the person follows.
    """

    wanted = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.advice: tuple[Advice, ...] = ()
        self.buttons: list[QPushButton] = []
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(2)
        self._grid.setColumnStretch(0, 1)
        self.hide()

    def show_advice(self, advice: Sequence[Advice]) -> None:
        """Say these things, and nothing of before."""
        while self._grid.count():
            self._grid.takeAt(0).widget().deleteLater()
        self.advice, self.buttons = tuple(advice), []
        for row, one in enumerate(self.advice):
            text = known(one.text)
            label = QLabel(f"{tr('Next')}: {text}" if not row else text)
            label.setWordWrap(True)
            label.setTextFormat(Qt.PlainText)
            label.setTextInteractionFlags(Qt.TextSelectableByMouse)
            button = QPushButton(button_text(one))
            button.clicked.connect(partial(self.wanted.emit, one))
            self._grid.addWidget(label, row, 0)
            self._grid.addWidget(button, row, 1)
            self.buttons.append(button)
        self.setVisible(bool(self.advice))


def button_text(advice: Advice) -> str:
    """What the button of an advice does."""
    texts = {
        Act.TRAIN_ON: tr("Train on to {count} iterations", count=f"{advice.iterations:,}"),
        Act.RATE: tr("Set the learning rate to {rate}", rate=f"{advice.rate:g}"),
        Act.PRETRAINED: tr("Weights to start from"),
        Act.EVALUATE: tr("Evaluate"),
        Act.JUDGE: tr("To the Split page"),
        Act.COPIES: tr("Make copies"),
        Act.CLASS: tr("To the Balance page"),
        Act.MISTAKES: tr("Show them"),
        Act.SIZE: tr("Set the size to {side} px", side=advice.side),
        Act.LABELS: tr("Show them"),
    }
    return texts[advice.act]
