"""A table of rows that are looked at and chosen: sorted by a click, small pictures in the first column."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, TypeVar

from PyQt5.QtCore import QAbstractTableModel, QModelIndex, QSize, QSortFilterProxyModel, Qt
from PyQt5.QtGui import QPixmap
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableView, QWidget

Row = TypeVar("Row")

SORT_ROLE = Qt.UserRole + 1


class Column(Generic[Row]):
    """One column.

    Attributes:
        title: Its head.
        text: What stands in it.
        order: What it is sorted by; None: the text.
        right: Whether it holds numbers.
        tip: The tooltip; None: the text, which may be cut.
    """

    def __init__(
        self,
        title: str,
        text: Callable[[Row], str],
        order: Callable[[Row], Any] | None = None,
        *,
        right: bool = False,
        tip: Callable[[Row], str] | None = None,
    ) -> None:
        self.title = title
        self.text = text
        self.order = order or text
        self.right = right
        self.tip = tip or text


class RowsModel(QAbstractTableModel):
    """Rows of values; nothing in it can be edited."""

    def __init__(self, columns: Sequence[Column[Any]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self.rows: list[Any] = []
        self.picture: Callable[[Any], QPixmap | None] | None = None

    def set_rows(self, rows: Sequence[Any]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self.rows = list(rows)
        self.endResetModel()

    def row_changed(self, number: int) -> None:
        """A row (its picture, say) looks different now."""
        if 0 <= number < len(self.rows):
            self.dataChanged.emit(self.index(number, 0), self.index(number, len(self.columns) - 1))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.columns)

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.DisplayRole) -> object:
        if role == Qt.DisplayRole and orientation == Qt.Horizontal:
            return self.columns[section].title
        return None

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid():
            return None
        row, column = self.rows[index.row()], self.columns[index.column()]
        if role == Qt.DisplayRole:
            return column.text(row)
        if role == SORT_ROLE:
            return column.order(row)
        if role == Qt.ToolTipRole:
            return column.tip(row)
        if role == Qt.TextAlignmentRole and column.right:
            return int(Qt.AlignRight | Qt.AlignVCenter)
        if role == Qt.DecorationRole and index.column() == 0 and self.picture is not None:
            return self.picture(row)
        return None


class _Sorted(QSortFilterProxyModel):
    def lessThan(self, left: QModelIndex, right: QModelIndex) -> bool:
        a, b = left.data(SORT_ROLE), right.data(SORT_ROLE)
        return bool(a < b) if a is not None and b is not None else a is None and b is not None


class RowsView(QTableView):
    """The table. Several rows can be chosen; all columns but the stretched one are as wide as they need."""

    def __init__(self, model: RowsModel, stretch: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows_model = model
        self.sorted = _Sorted(self)
        self.sorted.setSourceModel(model)
        self.setModel(self.sorted)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setWordWrap(False)
        self.setTextElideMode(Qt.ElideMiddle)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.setSortingEnabled(True)
        self.sorted.sort(-1)
        self.horizontalHeader().setSortIndicator(-1, Qt.AscendingOrder)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        # As wide as the rows in sight need, not as all 10,000 do.
        header.setResizeContentsPrecision(0)
        for number in range(len(model.columns)):
            header.setSectionResizeMode(
                number, QHeaderView.Stretch if number == stretch else QHeaderView.ResizeToContents
            )

    def chosen(self) -> list[Any]:
        """The chosen rows, from top to bottom."""
        indexes = sorted(self.selectionModel().selectedRows(), key=lambda index: index.row())
        return [self.rows_model.rows[self.sorted.mapToSource(index).row()] for index in indexes]

    def show_pictures(self, side: int) -> None:
        """Make room for pictures of so many pixels in the first column."""
        self.setIconSize(QSize(side, side))
        self.verticalHeader().setDefaultSectionSize(side + 6)
