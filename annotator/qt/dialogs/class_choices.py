"""What is asked before classes are merged or deleted: what becomes of their boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from annotator.core.class_edits import ClassCount, namesake
from annotator.qt.box_list import colour_icon
from annotator.qt.translation import tr, tr_n
from converters.colours import ClassColours

_SHOWN = 32
"""Longer names are cut in sentences."""


def short(name: str) -> str:
    """A class name for a sentence."""
    return name if len(name) <= _SHOWN else f"{name[: _SHOWN - 1]}…"


def amount(count: ClassCount) -> str:
    """``3,232 boxes in 768 pictures``."""
    boxes = tr_n("{n} box", "{n} boxes", count.boxes)
    pictures = tr_n("{n} picture", "{n} pictures", count.pictures)
    return tr("{boxes} in {pictures}", boxes=boxes, pictures=pictures)


def name_problem(names: Sequence[str], name: str, besides: str | None = None) -> str:
    """Why a class cannot have a name; empty where it can.

    Args:
        names: The classes.
        name: What was typed.
        besides: The class that is to have it.
    """
    if not name.strip() or not name.strip().isprintable():
        return tr("A name needs at least one character that can be seen.")
    other = namesake(names, name, besides)
    if other is None:
        return ""
    return tr("The class “{name}” exists already. Merge the two classes instead.", name=short(other))


class _Question(QDialog):
    """A question with a sentence that says what the answer does."""

    def __init__(self, title: str, colours: ClassColours, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.head = QLabel()
        self.head.setWordWrap(True)
        self.head.setTextFormat(Qt.PlainText)
        self.target = QComboBox()
        self.target.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.target.setMinimumContentsLength(16)
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.PlainText)
        self.buttons = QDialogButtonBox(QDialogButtonBox.Cancel)
        self.yes: QPushButton = self.buttons.addButton(title, QDialogButtonBox.AcceptRole)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.column = QVBoxLayout(self)
        self.column.addWidget(self.head)
        self._colours = colours

    def _offer(self, names: Sequence[str]) -> None:
        for name in names:
            self.target.addItem(colour_icon(self._colours, name), name, name)

    def _finish(self) -> None:
        self.column.addWidget(self.says)
        self.column.addWidget(self.buttons)
        self.target.currentIndexChanged.connect(self._say)
        self._say()
        # Room for whatever the sentence says.
        self.says.setMinimumHeight(2 * self.fontMetrics().lineSpacing() + 2)
        self.setMinimumWidth(self.fontMetrics().averageCharWidth() * 68)

    def _say(self) -> None:
        """Say what the answer does."""


class DeleteQuestion(_Question):
    """Deletes a class that has boxes.

    Attributes:
        relabel_as: The class that the boxes get, or None where they are deleted; after it was accepted.
    """

    def __init__(
        self, name: str, count: ClassCount, colours: ClassColours, parent: QWidget | None = None
    ) -> None:
        super().__init__(tr("Delete class"), colours, parent)
        self._name, self._count = name, count
        self.head.setText(tr("“{name}” has {amount}.", name=short(name), amount=amount(count)))
        self.give = QRadioButton(tr("Give these boxes &another class:"))
        self.drop = QRadioButton(tr("&Delete these boxes, too"))
        others = [other for other in colours.names if other != name]
        self._offer(others)
        self.give.setEnabled(bool(others))
        # What loses nothing comes first.
        (self.give if others else self.drop).setChecked(True)
        self.give.toggled.connect(self._say)
        for widget in (self.give, self.target, self.drop):
            self.column.addWidget(widget)
        self._finish()

    @property
    def relabel_as(self) -> str | None:
        """The class that the boxes get; None: they are deleted."""
        return str(self.target.currentData()) if self.give.isChecked() else None

    def _say(self) -> None:
        self.target.setEnabled(self.give.isChecked())
        boxes = tr_n("{n} box", "{n} boxes", self._count.boxes)
        into = self.relabel_as
        if into is None:
            self.says.setText(tr("Deletes the class and {boxes}. Undo brings all back.", boxes=boxes))
        else:
            text = tr("Makes {boxes} “{into}” and deletes the class. Undo brings all back.", boxes=boxes,
                      into=short(into))  # fmt: skip
            self.says.setText(text)


class MergeQuestion(_Question):
    """Merges classes into one of them."""

    def __init__(
        self,
        names: Sequence[str],
        counts: Mapping[str, ClassCount],
        colours: ClassColours,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(tr("Merge classes"), colours, parent)
        self._names, self._counts = tuple(names), counts
        self.head.setText(tr("All boxes of {names} become:", names=", ".join(f"“{short(n)}”" for n in names)))
        self._offer(names)
        # The one that changes least.
        self.target.setCurrentIndex(
            max(range(len(names)), key=lambda at: counts.get(names[at], ClassCount()).boxes)
        )
        self.column.addWidget(self.target)
        self._finish()

    @property
    def into(self) -> str:
        """The class that stays."""
        return str(self.target.currentData())

    def _say(self) -> None:
        gone = [name for name in self._names if name != self.into]
        boxes = sum(self._counts.get(name, ClassCount()).boxes for name in gone)
        classes = tr_n("{n} class goes", "{n} classes go", len(gone))
        text = tr_n("{n} box gets another class; {classes}. Undo brings all back.",
                    "{n} boxes get another class; {classes}. Undo brings all back.",
                    boxes, classes=classes)  # fmt: skip
        self.says.setText(text)
