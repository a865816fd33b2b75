"""Which class of the set each class of a network is."""

from __future__ import annotations

from collections.abc import Mapping

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from annotator.core.networks_at_hand import Network
from annotator.core.session import Session
from annotator.qt.box_list import colour_icon
from annotator.qt.translation import tr

LEFT_OUT = ""
_ROWS = 8


class NetworkClassesDialog(QDialog):
    """A row for each class of the network.

    Args:
        network: Whose classes.
        session: The open set.
        mapping: Our class by theirs, as far as it is known.
        parent: The window.
        may_add: Whether one may become a class of the set that it does not have yet.

    Signals:
        answered: Our class by theirs; an empty text: it is left out.
    """

    answered = pyqtSignal(object)

    def __init__(
        self,
        network: Network,
        session: Session,
        mapping: Mapping[str, str | None],
        parent: QWidget | None = None,
        *,
        may_add: bool = False,
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowTitle(tr("Classes of the network"))
        text = QLabel(
            tr(
                "The network {name} was trained with other classes than this set has. Say which class each "
                "of them is here; what is left out is not shown.",
                name=network.name,
            )
        )
        text.setWordWrap(True)
        text.setTextFormat(Qt.PlainText)
        self.choices: dict[str, QComboBox] = {}
        inner = QWidget()
        form = QFormLayout(inner)
        # Those that nothing is known of come first.
        for name in sorted(network.class_names, key=lambda name: mapping.get(name) is not None):
            self.choices[name] = self._choice(session, mapping.get(name))
            if may_add and name not in session.class_names:
                self.choices[name].insertItem(1, tr("Add it as a new class"), name)
            form.addRow(self._title(name), self.choices[name])
        area = QScrollArea()
        area.setWidget(inner)
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.NoFrame)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        wanted = inner.sizeHint()
        row = wanted.height() / max(len(self.choices), 1)
        area.setMinimumSize(wanted.width() + 24, int(row * min(len(self.choices), _ROWS)) + 8)
        buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(text)
        column.addWidget(area, 1)
        column.addWidget(buttons)
        self.resize(self.fontMetrics().averageCharWidth() * 64, self.sizeHint().height())

    def accept(self) -> None:
        """Tell what was chosen."""
        self.answered.emit({name: choice.currentData() for name, choice in self.choices.items()})
        super().accept()

    def _title(self, name: str) -> QLabel:
        width = self.fontMetrics().averageCharWidth() * 28
        label = QLabel(self.fontMetrics().elidedText(name, Qt.ElideMiddle, width))
        label.setTextFormat(Qt.PlainText)
        label.setToolTip(name)
        return label

    @staticmethod
    def _choice(session: Session, chosen: str | None) -> QComboBox:
        choice = QComboBox()
        choice.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        choice.setMinimumContentsLength(14)
        choice.addItem(tr("leave it out"), LEFT_OUT)
        for name in session.class_names:
            choice.addItem(colour_icon(session.colours, name), name, name)
        choice.setCurrentIndex(max(choice.findData(chosen), 0) if chosen else 0)
        return choice
