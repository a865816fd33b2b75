"""The table of classes. Names are typed in place, rows are dragged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from PyQt5.QtCore import QAbstractTableModel, QEvent, QModelIndex, QObject, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QDropEvent, QIcon, QKeyEvent, QPixmap
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLineEdit,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableView,
    QWidget,
)

from annotator.core.class_edits import ClassCount
from annotator.qt.translation import numbers, tr
from converters.colours import ClassColours

ID, KEY, COLOUR, NAME, BOXES, PICTURES = range(6)
NUMBERS = (ID, KEY, BOXES, PICTURES)


class ClassModel(QAbstractTableModel):
    """A row for each class, in the pinned order.

    Signals:
        rename_wanted: Class, and the name that it is to have.
    """

    rename_wanted = pyqtSignal(str, str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.colours = ClassColours()
        self.counts: Mapping[str, ClassCount] | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.colours.names

    def show(self, colours: ClassColours, counts: Mapping[str, ClassCount] | None) -> None:
        """Show these classes; without counts while they are not known."""
        same = colours.names == self.names
        if not same:
            self.beginResetModel()
        self.colours, self.counts = colours, counts
        if not same:
            self.endResetModel()
        elif self.names:
            self.dataChanged.emit(self.index(0, 0), self.index(len(self.names) - 1, PICTURES))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.names)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else 6

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.DisplayRole) -> object:
        if orientation == Qt.Horizontal and role == Qt.DisplayRole:
            return (tr("Id"), tr("Key"), tr("Colour"), tr("Name"), tr("Boxes"), tr("Pictures"))[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid():
            return None
        row, column = index.row(), index.column()
        name = self.names[row]
        if role in (Qt.DisplayRole, Qt.EditRole):
            return self._text(row, column)
        if role == Qt.DecorationRole and column == COLOUR:
            pixmap = QPixmap(40, 16)
            pixmap.fill(QColor(*self.colours.of(name)))
            icon = QIcon(pixmap)
            icon.addPixmap(pixmap, QIcon.Selected)
            return icon
        if role == Qt.TextAlignmentRole and column in NUMBERS:
            return int(Qt.AlignRight | Qt.AlignVCenter)
        if role == Qt.ToolTipRole:
            tips = {
                ID: tr("What stands for the class in files that hold numbers; pinned"),
                KEY: tr("Gives the selected boxes this class, else the next box"),
                COLOUR: tr("Double click for another colour"),
                NAME: name,
            }
            return tips.get(column)
        return None

    def _text(self, row: int, column: int) -> str:
        if column == ID:
            return str(row)
        if column == KEY:
            return str((row + 1) % 10) if row < 10 else ""
        if column == NAME:
            return self.names[row]
        if column == COLOUR:
            return ""
        if self.counts is None:
            return "…"
        count = self.counts.get(self.names[row], ClassCount())
        return numbers(f"{count.boxes if column == BOXES else count.pictures:,}")

    def setData(self, index: QModelIndex, value: Any, role: int = Qt.EditRole) -> bool:
        if role != Qt.EditRole or index.column() != NAME:
            return False
        old, new = self.names[index.row()], str(value).strip()
        if new and new != old:
            self.rename_wanted.emit(old, new)
        return True

    def flags(self, index: QModelIndex) -> Qt.ItemFlags:
        if not index.isValid():
            return Qt.ItemFlags(Qt.ItemIsDropEnabled)
        flags = Qt.ItemIsEnabled | Qt.ItemIsSelectable | Qt.ItemIsDragEnabled
        return Qt.ItemFlags(flags | Qt.ItemIsEditable if index.column() == NAME else flags)

    def supportedDropActions(self) -> Qt.DropActions:
        return Qt.DropActions(Qt.MoveAction)


class _NameField(QStyledItemDelegate):
    """The field in which a name is typed. What cannot be a name is refused while it is typed.

    Signals:
        typed: Class, and what stands in the field.
    """

    typed = pyqtSignal(str, str)

    def __init__(self, problem: Callable[[str, str], str], parent: QWidget) -> None:
        super().__init__(parent)
        self._problem = problem
        self._name = ""

    def createEditor(self, parent: QWidget, option: QStyleOptionViewItem, index: QModelIndex) -> QWidget:
        del option
        self._name = str(index.data(Qt.EditRole))
        field = QLineEdit(parent)
        field.setFrame(False)
        field.textEdited.connect(lambda text: self.typed.emit(self._name, text))
        return field

    def eventFilter(self, watched: QObject | None, event: QEvent | None) -> bool:
        is_enter = isinstance(event, QKeyEvent) and event.key() in (Qt.Key_Return, Qt.Key_Enter)
        if is_enter and event.type() == QEvent.KeyPress and isinstance(watched, QLineEdit):
            text = watched.text()
            if text.strip() != self._name and self._problem(self._name, text):
                # Refused: the field stays open, and what is wrong with the name stands below.
                return True
        return bool(super().eventFilter(watched, event))

    def setModelData(self, editor: QWidget, model: Any, index: QModelIndex) -> None:
        if isinstance(editor, QLineEdit) and not self._problem(self._name, editor.text()):
            model.setData(index, editor.text())


class ClassTable(QTableView):
    """The table.

    Signals:
        moved: Rows, and the row before which they are to stand.
        typed: Class, and what stands in the field of its name.
        left: No name is being typed any more.
        recolour_wanted: A class of which the colour was double-clicked.
    """

    moved = pyqtSignal(object, int)
    typed = pyqtSignal(str, str)
    left = pyqtSignal()
    recolour_wanted = pyqtSignal(str)

    def __init__(self, problem: Callable[[str, str], str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.classes = ClassModel(self)
        self.setModel(self.classes)
        field = _NameField(problem, self)
        field.typed.connect(self.typed)
        field.closeEditor.connect(lambda: self.left.emit())
        self.setItemDelegateForColumn(NAME, field)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.DoubleClicked | QAbstractItemView.EditKeyPressed)
        self.setDragDropMode(QAbstractItemView.InternalMove)
        self.setDragDropOverwriteMode(False)
        self.setDropIndicatorShown(True)
        self.setIconSize(QSize(40, 16))
        self.setTextElideMode(Qt.ElideMiddle)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSectionResizeMode(QHeaderView.ResizeToContents)
        header.setSectionResizeMode(NAME, QHeaderView.Stretch)
        self.doubleClicked.connect(self._double_clicked)

    def chosen(self) -> tuple[str, ...]:
        """The selected classes, in their order."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return tuple(self.classes.names[row] for row in rows)

    def choose(self, *names: str) -> None:
        """Select classes."""
        rows = [self.classes.names.index(name) for name in names if name in self.classes.names]
        self.clearSelection()
        if not rows:
            return
        model = self.selectionModel()
        self.setCurrentIndex(self.classes.index(rows[0], NAME))
        for row in rows:
            model.select(self.classes.index(row, NAME), model.Select | model.Rows)
        self.scrollTo(self.classes.index(rows[0], NAME))

    def rename_current(self) -> None:
        """Begin to type another name for the current class."""
        index = self.currentIndex()
        if index.isValid():
            self.edit(self.classes.index(index.row(), NAME))

    def dropEvent(self, event: QDropEvent) -> None:
        rows = sorted({index.row() for index in self.selectionModel().selectedRows()})
        at = self.indexAt(event.pos())
        target = at.row() if at.isValid() else len(self.classes.names)
        if at.isValid() and event.pos().y() > self.visualRect(at).center().y():
            target += 1
        # The model shows what the set is once the edit was made: Qt moves nothing itself.
        event.setDropAction(Qt.IgnoreAction)
        event.accept()
        if event.source() is self and rows:
            self.moved.emit(rows, target)

    def _double_clicked(self, index: QModelIndex) -> None:
        if index.column() == COLOUR:
            self.recolour_wanted.emit(self.classes.names[index.row()])
