"""The legend of curves: names beside a chart, to be clicked; an ordinary widget, no part of the drawing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PyQt5.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QIcon, QKeyEvent, QPainter, QPalette, QPen, QPixmap, QResizeEvent
from PyQt5.QtWidgets import QFrame, QListView, QListWidget, QListWidgetItem, QSizePolicy, QWidget

from annotator.qt.translation import tr

_ROWS = 3
"""So many rows of names are seen at once; more are scrolled to."""
_KEY = Qt.UserRole


@dataclass(frozen=True, slots=True)
class Entry:
    """One curve.

    Attributes:
        key: Which it is, as long as the chart lives.
        text: What it is called.
        colour: Of its line.
        style: Of its line.
        width: Of its line, in pixels.
    """

    key: str
    text: str
    colour: QColor
    style: Qt.PenStyle = Qt.SolidLine
    width: int = 2


class CurveLegend(QListWidget):
    """Names with a piece of their line; a click hides a curve or shows it, a double click leaves it alone.

    Signals:
        changed: Other curves are hidden.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.hidden: set[str] = set()
        self._entries: tuple[Entry, ...] = ()
        self.setFlow(QListView.LeftToRight)
        self.setWrapping(True)
        self.setResizeMode(QListView.Adjust)
        self.setMovement(QListView.Static)
        self.setSelectionMode(QListWidget.NoSelection)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setFrameShape(QFrame.NoFrame)
        self.setTextElideMode(Qt.ElideMiddle)
        self.setSpacing(1)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.setAccessibleName(tr("Curves of the chart"))
        self.setToolTip(
            tr("Click (Space): hide this curve, or show it. Double click: show it alone, or all again.")
        )
        self.viewport().setAutoFillBackground(False)
        self.itemClicked.connect(self._clicked)
        self.itemDoubleClicked.connect(self._alone)

    def show_entries(self, entries: Sequence[Entry]) -> None:
        """Name other curves; what was hidden stays hidden."""
        if tuple(entries) == self._entries:
            return
        self._entries = tuple(entries)
        self._fill()

    def keys(self) -> list[str]:
        """The curves that are named, in their order."""
        return [entry.key for entry in self._entries]

    def is_shown(self, key: str) -> bool:
        """Whether a curve is to be seen."""
        return key not in self.hidden

    def _fill(self) -> None:
        at = self.currentRow()
        self.clear()
        metrics = self.fontMetrics()
        self.setIconSize(QSize(22, metrics.height()))
        for entry in self._entries:
            item = QListWidgetItem(_line(entry, metrics.height()), entry.text)
            item.setData(_KEY, entry.key)
            item.setFlags(Qt.ItemIsEnabled)
            self.addItem(item)
        if 0 <= at < self.count():
            self.setCurrentRow(at)
        self._mark()
        self.setVisible(bool(self._entries))
        self._fit()

    def _mark(self) -> None:
        palette = self.palette()
        for row in range(self.count()):
            item = self.item(row)
            shown = self.is_shown(item.data(_KEY))
            font = item.font()
            font.setStrikeOut(not shown)
            item.setFont(font)
            item.setForeground(palette.color(QPalette.Normal if shown else QPalette.Disabled, QPalette.Text))

    def _fit(self) -> None:
        """As high as its rows of names, up to some."""
        if not self.count():
            return
        self.doItemsLayout()
        last = self.visualItemRect(self.item(self.count() - 1))
        first = self.visualItemRect(self.item(0))
        row = first.height() + 2 * self.spacing()
        needed = last.bottom() - first.top() + 1 + 2 * self.spacing()
        height = min(needed, _ROWS * row) + 2
        if height != self.height() or height != self.maximumHeight():
            self.setFixedHeight(height)

    def _clicked(self, item: QListWidgetItem) -> None:
        self.hidden ^= {item.data(_KEY)}
        self._mark()
        self.changed.emit()

    def _alone(self, item: QListWidgetItem) -> None:
        others = {entry.key for entry in self._entries} - {item.data(_KEY)}
        # The first of the two clicks has turned this one over already.
        was_alone = others <= self.hidden
        self.hidden = set() if was_alone else others
        self._mark()
        self.changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key_Space, Qt.Key_Return, Qt.Key_Enter) and self.currentItem() is not None:
            self._clicked(self.currentItem())
            return
        super().keyPressEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.size().width() != event.oldSize().width():
            self._fit()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.FontChange and hasattr(self, "_entries"):
            self._fill()
        elif event.type() == QEvent.PaletteChange and hasattr(self, "_entries"):
            self._mark()


def _line(entry: Entry, height: int) -> QIcon:
    """A piece of the line as the chart draws it."""
    pixmap = QPixmap(22, height)
    pixmap.fill(Qt.transparent)
    painter = QPainter(pixmap)
    painter.setPen(QPen(entry.colour, entry.width, entry.style))
    painter.drawLine(1, height // 2, 21, height // 2)
    painter.end()
    return QIcon(pixmap)
