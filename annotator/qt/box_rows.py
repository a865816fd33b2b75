"""The boxes of the current picture as rows: colour, class, size. Five hundred cost as much as five."""

from __future__ import annotations

from PyQt5.QtCore import (
    QAbstractListModel,
    QEvent,
    QItemSelection,
    QItemSelectionModel,
    QModelIndex,
    QRect,
    QSize,
    Qt,
    pyqtSignal,
)
from PyQt5.QtGui import QColor, QPainter
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from annotator.qt import painting
from annotator.qt.translation import tr
from converters.colours import ClassColours
from converters.model import Box

BOX_ROLE = Qt.UserRole


class BoxRows(QAbstractListModel):
    """The boxes in the order of the file."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: tuple[Box, ...] = ()

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """Show other boxes; as many as before are the same ones, changed."""
        if len(boxes) == len(self.boxes):
            self.boxes = boxes
            if boxes:
                self.dataChanged.emit(self.index(0), self.index(len(boxes) - 1))
            return
        self.beginResetModel()
        self.boxes = boxes
        self.endResetModel()

    def rowCount(self, parent: QModelIndex = QModelIndex()) -> int:  # noqa: B008 - the signature of Qt
        return 0 if parent.isValid() else len(self.boxes)

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.boxes):
            return None
        box = self.boxes[index.row()]
        if role == BOX_ROLE:
            return box
        size = f"{box.width:.0f} × {box.height:.0f}"
        if role in (Qt.DisplayRole, Qt.AccessibleTextRole):
            return f"{box.label}  {size}"
        if role == Qt.ToolTipRole:
            flags = ", ".join(sorted(box.flags))
            return f"{box.label}  {size}" + (f"\n{flags}" if flags else "")
        return None


class _RowPainter(QStyledItemDelegate):
    """Paints a row: the class is shortened where there is no room, the size never."""

    def __init__(self, view: BoxRowsView) -> None:
        super().__init__(view)
        self._view = view

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(100, option.fontMetrics.height() + 6)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        box: Box = index.data(BOX_ROLE)
        palette, area = option.palette, option.rect
        selected = bool(option.state & QStyle.State_Selected)
        painter.save()
        if selected:
            painter.fillRect(area, palette.highlight())
        elif index.row() == self._view.hovered:
            tint = QColor(palette.highlight().color())
            tint.setAlpha(70)
            painter.fillRect(area, tint)
        side = option.fontMetrics.ascent()
        chip = QRect(area.left() + 6, area.center().y() - side // 2 + 1, side, side)
        painter.fillRect(chip, QColor(*painting.label_colour(self._view.colours, box.label)))
        ink = palette.color(palette.HighlightedText if selected else palette.Text)
        painter.setPen(ink)
        painter.drawRect(chip.adjusted(0, 0, -1, -1))
        size = f"{box.width:.0f} × {box.height:.0f}" + (" ·" * len(box.flags))
        room = option.fontMetrics.horizontalAdvance(size)
        right = QRect(area.right() - room - 6, area.top(), room, area.height())
        painter.drawText(right, int(Qt.AlignVCenter | Qt.AlignRight), size)
        left = QRect(chip.right() + 7, area.top(), right.left() - chip.right() - 15, area.height())
        name = option.fontMetrics.elidedText(box.label, Qt.ElideRight, max(left.width(), 0))
        painter.drawText(left, int(Qt.AlignVCenter | Qt.AlignLeft), name)
        painter.restore()


class BoxRowsView(QListView):
    """The rows. Keys stay with the canvas; the mouse selects, and points at boxes.

    Signals:
        chosen: Indices of the boxes that the person selected here.
        pointed_at: Index of the box under the pointer, or None.
    """

    chosen = pyqtSignal(object)
    pointed_at = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = BoxRows(self)
        self.colours = ClassColours()
        self.hovered: int | None = None
        self._is_showing = False
        self.setModel(self.rows)
        self.setItemDelegate(_RowPainter(self))
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.NoFocus)
        self.setMouseTracking(True)
        self.setAccessibleName(tr("Boxes of this picture"))
        self.entered.connect(lambda index: self.pointed_at.emit(index.row()))
        self.viewportEntered.connect(lambda: self.pointed_at.emit(None))
        self.selectionModel().selectionChanged.connect(self._selected)

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """Show the boxes of a picture; the selection follows by :meth:`set_selection`."""
        self._is_showing = True
        self.rows.set_boxes(boxes)
        self._is_showing = False

    def set_selection(self, indices: frozenset[int]) -> None:
        """Mark the boxes that are selected on the canvas."""
        model = self.selectionModel()
        wanted = QItemSelection()
        for first, last in _runs(indices):
            wanted.select(self.rows.index(first), self.rows.index(last))
        self._is_showing = True
        model.select(wanted, QItemSelectionModel.ClearAndSelect)
        self._is_showing = False
        if indices and min(indices) < len(self.rows.boxes):
            self.scrollTo(self.rows.index(min(indices)))

    def set_hovered(self, index: int | None) -> None:
        """Mark the box that the pointer is on in the canvas."""
        if index != self.hovered:
            self.hovered = index
            self.viewport().update()

    def leaveEvent(self, event: QEvent) -> None:
        self.pointed_at.emit(None)
        super().leaveEvent(event)

    def _selected(self) -> None:
        if not self._is_showing:
            self.chosen.emit(frozenset(index.row() for index in self.selectionModel().selectedRows()))


def _runs(indices: frozenset[int]) -> list[tuple[int, int]]:
    """Numbers as (first, last) of runs without a gap."""
    runs: list[tuple[int, int]] = []
    for index in sorted(indices):
        if runs and runs[-1][1] == index - 1:
            runs[-1] = (runs[-1][0], index)
        else:
            runs.append((index, index))
    return runs
