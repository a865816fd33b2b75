"""The list of pictures that were looked at, and the classes that count."""

from __future__ import annotations

from PyQt5.QtCore import QAbstractListModel, QModelIndex, QObject, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QIcon, QPixmap
from PyQt5.QtWidgets import QListWidget, QListWidgetItem, QWidget

from annotator.core.colours import prediction_colour
from annotator.core.looked import Counts, Looked, LookedOrder
from annotator.darknet.prediction.looking import Seen, Shown
from annotator.qt.translation import numbers, tr, tr_n


class LookedModel(QAbstractListModel):
    """A row for each picture; what stands in it is made when it is painted."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.looked = Looked()
        self.shown = Shown()
        self.of_class: Counts | None = None
        self._rows: list[int] = []
        self._counts: Counts | None = None

    def show(self, looked: Looked, shown: Shown, how: LookedOrder) -> None:
        """Show other pictures, or the same ones counted or listed otherwise."""
        self.beginResetModel()
        self.looked, self.shown = looked, shown
        self._counts, self.of_class = looked.count(shown)
        self._rows = looked.order(how, shown)
        self.endResetModel()

    def more(self, shown: Shown) -> None:
        """More pictures were looked at, and are listed below the others."""
        self.beginInsertRows(QModelIndex(), len(self._rows), len(self.looked) - 1)
        self.shown = shown
        self._counts, self.of_class = self.looked.count(shown)
        self._rows = list(range(len(self.looked)))
        self.endInsertRows()

    def count_anew(self, shown: Shown) -> None:
        """Another threshold or other classes: the rows stay where they are."""
        self.shown = shown
        self._counts, self.of_class = self.looked.count(shown)
        if self._rows:
            self.dataChanged.emit(self.index(0), self.index(len(self._rows) - 1))

    @property
    def boxes(self) -> int:
        """Boxes that count, on all pictures."""
        return int(self._counts.sum()) if self._counts is not None else 0

    def seen(self, row: int) -> Seen | None:
        """The picture of a row."""
        return self.looked.seen[self._rows[row]] if 0 <= row < len(self._rows) else None

    def row_of(self, seen: Seen | None) -> int:
        """The row of a picture; -1 where it is not listed."""
        return next((row for row, at in enumerate(self._rows) if self.looked.seen[at] is seen), -1)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid() or self._counts is None:
            return None
        at = self._rows[index.row()]
        if role == Qt.DisplayRole:
            count = int(self._counts[at])
            said = tr_n("{n} box", "{n} boxes", count) if count else tr("nothing")
            return f"{self.looked.seen[at].picture.name}\n{said}"
        if role == Qt.ToolTipRole:
            return str(self.looked.seen[at].picture.path)
        return None


class ClassTicks(QListWidget):
    """The network's classes with a tick, a colour and a number.

    Signals:
        changed: Other classes count.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setToolTip(tr("Classes without a tick are not shown, and not saved"))
        self._names: tuple[str, ...] = ()
        self.hide()
        self.itemChanged.connect(lambda _: self.changed.emit())

    @property
    def hidden(self) -> frozenset[str]:
        """Classes without a tick."""
        rows = range(self.count())
        return frozenset(self._names[row] for row in rows if self.item(row).checkState() == Qt.Unchecked)

    def show_classes(self, names: tuple[str, ...]) -> None:
        """Show the classes of another network, all with a tick."""
        if names == self._names:
            return
        self.blockSignals(True)
        self.clear()
        self._names = names
        side = self.fontMetrics().height()
        for name in names:
            item = QListWidgetItem(name)
            swatch = QPixmap(side, side)
            swatch.fill(QColor(*prediction_colour(names, name)))
            item.setIcon(QIcon(swatch))
            item.setFlags(item.flags() | Qt.ItemIsUserCheckable)
            item.setCheckState(Qt.Checked)
            item.setToolTip(name)
            self.addItem(item)
        self.blockSignals(False)
        self.setVisible(bool(names))
        rows = min(max(len(names), 1), 7)
        self.setFixedHeight(rows * (side + 8) + 2 * self.frameWidth() + 4)

    def show_counts(self, counts: Counts | None) -> None:
        """Say how many boxes of each class there are above the threshold."""
        self.blockSignals(True)
        for row, name in enumerate(self._names):
            count = int(counts[row]) if counts is not None and row < len(counts) else 0
            self.item(row).setText(f"{name}  {numbers(f'{count:,}')}")
        self.blockSignals(False)
