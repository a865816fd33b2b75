"""A row of buttons, each of which opens a part of the page under it; all are closed at first."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QButtonGroup, QHBoxLayout, QScrollArea, QToolButton, QVBoxLayout, QWidget


class Drawers(QWidget):
    """Parts of which one at most is open.

    Signals:
        opened: The part that was opened, or None where the open one was closed.
    """

    opened = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout()
        self._row.setSpacing(4)
        self._row.addStretch()
        self._group = QButtonGroup(self)
        self._group.setExclusive(False)
        self._places: dict[QToolButton, QWidget] = {}
        self._contents: dict[QToolButton, QWidget] = {}
        self._column = QVBoxLayout(self)
        self._column.setContentsMargins(0, 0, 0, 0)
        self._column.addLayout(self._row)

    def add(self, title: str, tip: str, content: QWidget, *, scrolls: bool = False) -> QToolButton:
        """Add a part.

        Args:
            title: On its button.
            tip: Its tooltip.
            content: What is shown.
            scrolls: Whether it is higher than a page and scrolls by itself.
        """
        button = QToolButton()
        button.setText(title)
        button.setToolTip(tip)
        button.setCheckable(True)
        button.setArrowType(Qt.RightArrow)
        button.setToolButtonStyle(Qt.ToolButtonTextBesideIcon)
        button.setFocusPolicy(Qt.TabFocus)
        place = content
        if scrolls:
            area = QScrollArea()
            area.setWidgetResizable(True)
            area.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
            area.setWidget(content)
            area.setMinimumHeight(260)
            place = area
        place.hide()
        self._places[button] = place
        self._contents[button] = content
        self._group.addButton(button)
        self._row.insertWidget(self._row.count() - 1, button)
        self._column.addWidget(place)
        button.toggled.connect(lambda on: self._toggled(button, on))
        return button

    @property
    def open_part(self) -> QWidget | None:
        """What is open."""
        return next((self._contents[one] for one in self._places if one.isChecked()), None)

    def open(self, content: QWidget) -> None:
        """Open a part."""
        for button, known in self._contents.items():
            if known is content:
                button.setChecked(True)

    def title(self, content: QWidget, text: str) -> None:
        """Change what stands on a part's button."""
        for button, known in self._contents.items():
            if known is content:
                button.setText(text)

    def close_all(self) -> None:
        """Close what is open."""
        for button in self._places:
            button.setChecked(False)

    def _toggled(self, button: QToolButton, on: bool) -> None:
        button.setArrowType(Qt.DownArrow if on else Qt.RightArrow)
        self._places[button].setVisible(on)
        if on:
            for other in self._places:
                if other is not button:
                    other.setChecked(False)
        self.opened.emit(self.open_part)
