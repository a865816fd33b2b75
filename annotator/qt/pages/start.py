"""The start page: recent sets, the demo, a folder, a zip."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.qt.translation import tr


class StartPage(QWidget):
    """What shows before a set is open.

    Signals:
        demo_wanted: Open the demo set.
        folder_wanted: Ask for a folder.
        archive_wanted: Ask for an archive.
        chosen: A recent set.
    """

    demo_wanted = pyqtSignal()
    folder_wanted = pyqtSignal()
    archive_wanted = pyqtSignal()
    chosen = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        heading = QLabel("mask-annotator")
        font = heading.font()
        font.setPointSizeF(font.pointSizeF() * 2)
        font.setBold(True)
        heading.setFont(font)
        text = QLabel(
            "From a small, unbalanced set of pictures to a detector that works.\n"
            "Open a folder of pictures, or a zip such as Kaggle's; it need not have labels yet. "
            "You can also drop either on this window."
        )
        text.setWordWrap(True)
        row = QHBoxLayout()
        for label, signal in (
            ("Open a folder…", self.folder_wanted),
            ("Open a zip…", self.archive_wanted),
            ("Open the demo set", self.demo_wanted),
        ):
            button = QPushButton(label)
            button.setMinimumHeight(40)
            button.clicked.connect(signal)
            row.addWidget(button)
        row.addStretch()
        self.recent_title = QLabel("Recent sets")
        self.recent = QListWidget()
        self.recent.itemActivated.connect(lambda item: self.chosen.emit(item.data(Qt.UserRole)))
        self.recent.itemClicked.connect(lambda item: self.chosen.emit(item.data(Qt.UserRole)))
        column = QVBoxLayout(self)
        column.setContentsMargins(48, 40, 48, 40)
        column.setSpacing(14)
        column.addWidget(heading)
        column.addWidget(text)
        column.addLayout(row)
        self.empty = QLabel()
        self.empty.setWordWrap(True)
        self.empty.setTextFormat(Qt.PlainText)
        self.empty.setAlignment(Qt.AlignCenter)
        self.empty.setFrameShape(QLabel.StyledPanel)
        self.empty.setMargin(24)
        self.empty.hide()
        column.addWidget(self.empty)
        column.addWidget(self.recent_title)
        column.addWidget(self.recent, 1)
        self.note = QLabel()
        column.addWidget(self.note)

    def show_recent(self, paths: list[Path]) -> None:
        """List the sets that were opened before."""
        self.empty.hide()
        self.recent.clear()
        for path in paths:
            item = QListWidgetItem(f"{path.name}\n{path.parent}")
            item.setData(Qt.UserRole, path)
            item.setToolTip(str(path))
            self.recent.addItem(item)
        self.recent_title.setVisible(bool(paths))
        self.recent.setVisible(bool(paths))
        self.note.setText("" if paths else "No set was opened yet.")

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
