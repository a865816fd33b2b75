"""The start page: recent sets, the demo, a folder, a zip."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QEvent, Qt, pyqtSignal
from PyQt5.QtGui import QFont, QPainter, QPaintEvent, QPalette, QPen
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from annotator.core.recent import RecentSet
from annotator.qt.recent_list import RecentList
from annotator.qt.translation import tr

WIDTH = 120
"""Letters that the page is wide at most: on a wide screen it stays in the middle."""


class StartPage(QWidget):
    """What shows before a set is open.

    Signals:
        demo_wanted: Open the demo set.
        folder_wanted: Ask for a folder.
        archive_wanted: Ask for an archive.
        look_wanted: Look at pictures with a network, without a set.
        chosen: A recent set.
        unwanted: A recent set that is to be taken from the list.
    """

    demo_wanted = pyqtSignal()
    folder_wanted = pyqtSignal()
    archive_wanted = pyqtSignal()
    look_wanted = pyqtSignal()
    chosen = pyqtSignal(object)
    unwanted = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._drop = False
        self.heading = QLabel("mask-annotator")
        self.text = QLabel(
            tr(
                "From a small, unbalanced set of pictures to a detector that works. Open a folder of "
                "pictures, or a zip such as Kaggle's; it need not have labels yet. You can also drop "
                "either on this window."
            )
        )
        self.text.setWordWrap(True)
        row = QHBoxLayout()
        self.buttons: list[QPushButton] = []
        for label, tip, signal in (
            (tr("Open a folder…"), "Ctrl+U", self.folder_wanted),
            (tr("Open a zip…"), "Ctrl+Shift+O", self.archive_wanted),
            (tr("Open the demo set"), tr("Pictures to try everything on: a copy that you may change"),
             self.demo_wanted),
        ):  # fmt: skip
            button = QPushButton(label)
            button.setToolTip(tip)
            button.clicked.connect(signal)
            # Enter presses the button that has the focus, not only Space.
            button.setAutoDefault(True)
            self.buttons.append(button)
            row.addWidget(button)
        row.addStretch()
        self.look = self._look_button()
        self.empty = _framed_label()
        self.recent_title = QLabel(tr("Recent sets"))
        self.recent = RecentList()
        self.recent.chosen.connect(self.chosen)
        self.recent.unwanted.connect(self.unwanted)
        self.first = QLabel(
            tr(
                "No set was opened yet. The demo set is a good beginning: 1 draw and correct boxes, 2 look "
                "at the balance of the classes, 3 split, 4 augment, 5 train, 6 look at the mistakes. "
                "Ctrl+K finds every action, F1 shows the keys."
            )
        )
        self.first.setWordWrap(True)
        self.first.setAlignment(Qt.AlignLeft | Qt.AlignTop)
        self.inner = QWidget()
        outer = QHBoxLayout(self)
        outer.addStretch(1)
        outer.addWidget(self.inner, 1000)
        outer.addStretch(1)
        self.column = QVBoxLayout(self.inner)
        self.column.setSpacing(14)
        self.column.addWidget(self.heading)
        self.column.addWidget(self.text)
        self.column.addLayout(row)
        self.column.addWidget(self.look, 0, Qt.AlignLeft)
        self.column.addWidget(self.empty)
        self.column.addWidget(self.recent_title)
        self.column.addWidget(self.recent, 1)
        self.column.addWidget(self.first, 1)
        self._size_text()

    def _look_button(self) -> QPushButton:
        button = QPushButton(tr("Look at pictures with a network…"))
        button.setToolTip(
            tr("With the cfg, weights and class names that somebody gave you: no set is needed")
        )
        button.setAutoDefault(True)
        button.clicked.connect(self.look_wanted)
        return button

    def show_recent(self, sets: Sequence[RecentSet]) -> None:
        """List the sets that were opened before."""
        self.empty.hide()
        self.recent.show_sets(sets)
        self.recent_title.setVisible(bool(sets))
        self.recent.setVisible(bool(sets))
        self.first.setVisible(not sets)
        self.take_focus()

    def take_focus(self) -> None:
        """Where Enter does the likeliest thing: the newest set, else the demo."""
        (self.recent if self.recent.count() else self.buttons[-1]).setFocus()

    def show_empty(self, folder: Path) -> None:
        """Say that a folder was opened in which nothing is yet."""
        self.empty.setText(
            tr(
                "There are no pictures in {folder} yet: drop some on the window (pictures, a folder, or a "
                "zip). They are copied there, and the set opens.",
                folder=folder,
            )
        )
        self.empty.show()

    def show_drop(self, shown: bool) -> None:
        """Show (or no longer) that what is dragged over the window may be dropped."""
        self._drop = shown
        self.update()

    def _size_text(self) -> None:
        font = QFont(self.font())
        font.setPointSizeF(font.pointSizeF() * 2)
        font.setBold(True)
        self.heading.setFont(font)
        bold = QFont(self.font())
        bold.setBold(True)
        self.recent_title.setFont(bold)
        for button in (*self.buttons, self.look):
            button.setMinimumHeight(round(self.fontMetrics().height() * 2.2))
        letter = self.fontMetrics().averageCharWidth()
        # In the middle, and not wider than can be read.
        self.inner.setMaximumWidth(letter * WIDTH)
        self.column.setContentsMargins(letter * 3, letter * 4, letter * 3, letter * 4)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.FontChange and hasattr(self, "column"):
            self._size_text()

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._drop:
            painter = QPainter(self)
            pen = QPen(self.palette().color(QPalette.Highlight), 4, Qt.DashLine)
            painter.setPen(pen)
            painter.setRenderHint(QPainter.Antialiasing)
            painter.drawRoundedRect(self.rect().adjusted(6, 6, -7, -7), 10, 10)


def _framed_label() -> QLabel:
    """A sentence in a frame of its own, not shown yet."""
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.PlainText)
    label.setAlignment(Qt.AlignCenter)
    label.setFrameShape(QLabel.StyledPanel)
    label.setMargin(24)
    label.hide()
    return label
