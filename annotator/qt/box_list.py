"""The classes (with their digits), the boxes of the current picture, and the selected one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PyQt5.QtCore import QPoint, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QIcon, QPixmap
from PyQt5.QtWidgets import (
    QGroupBox,
    QHBoxLayout,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from annotator.qt import painting
from annotator.qt.box_panel import BoxPanel
from annotator.qt.box_rows import BoxRowsView
from annotator.qt.translation import tr
from converters.colours import ClassColours
from converters.model import Box

DEFAULT_NETWORK = (416, 416)
"""Input of the network, in pixels, until it is known."""


def colour_icon(classes: Sequence[str] | ClassColours, label: str) -> QIcon:
    """A square in the class's colour."""
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(*painting.label_colour(classes, label)))
    icon = QIcon(pixmap)
    # Else the style tints it where the row is selected, and it is another colour.
    icon.addPixmap(pixmap, QIcon.Selected)
    return icon


class BoxList(QWidget):
    """Side panel of the labelling page.

    Signals:
        class_chosen: Name of the class that the person clicked.
        class_wanted: The person wants to add a class.
        classes_wanted: The person wants to change the classes; name of the one pointed at, or empty.
        selection_changed: Indices of the boxes selected in the list.
        pointed_at: Index of the box under the pointer in the list, or None.
        number_typed: (number, value) for the selected box.
        flag_wanted: (flag, on) for the selected boxes.
    """

    class_chosen = pyqtSignal(str)
    class_wanted = pyqtSignal()
    classes_wanted = pyqtSignal(str)
    selection_changed = pyqtSignal(object)
    pointed_at = pyqtSignal(object)
    number_typed = pyqtSignal(str, float)
    flag_wanted = pyqtSignal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = ClassColours()
        self._network = DEFAULT_NETWORK
        self._shown: tuple[tuple[Box, ...], tuple[int, int], bool] = ((), (1, 1), False)
        self.classes = QListWidget()
        self.classes.setFocusPolicy(Qt.NoFocus)
        self.classes.setToolTip(tr("Class of the selected boxes, else of the next box you draw"))
        self.classes.itemClicked.connect(lambda item: self.class_chosen.emit(item.data(Qt.UserRole)))
        self.classes.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.classes.setTextElideMode(Qt.ElideRight)
        self.classes.setContextMenuPolicy(Qt.CustomContextMenu)
        self.classes.customContextMenuRequested.connect(self._class_menu)
        self.boxes = BoxRowsView()
        self.boxes.chosen.connect(self.selection_changed)
        self.boxes.pointed_at.connect(self.pointed_at)
        self.panel = BoxPanel()
        self.panel.number_typed.connect(self.number_typed)
        self.panel.flag_wanted.connect(self.flag_wanted)
        add = QPushButton(tr("Add class…"))
        add.setFocusPolicy(Qt.NoFocus)
        add.clicked.connect(self.class_wanted)
        self._boxes_group = QGroupBox()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 6, 6)
        classes = QGroupBox(tr("Classes"))
        column = QVBoxLayout(classes)
        column.addWidget(self.classes)
        row = QHBoxLayout()
        row.addWidget(add)
        row.addStretch()
        column.addLayout(row)
        layout.addWidget(classes, 2)
        column = QVBoxLayout(self._boxes_group)
        column.addWidget(self.boxes)
        layout.addWidget(self._boxes_group, 3)
        selected = QGroupBox(tr("Selected"))
        column = QVBoxLayout(selected)
        column.addWidget(self.panel)
        layout.addWidget(selected)
        self.setMinimumWidth(200)
        self.set_boxes(())

    def _class_menu(self, at: QPoint) -> None:
        item = self.classes.itemAt(at)
        name = str(item.data(Qt.UserRole)) if item is not None else ""
        menu = QMenu(self)
        menu.addAction(tr("Add class…"), self.class_wanted.emit)
        menu.addAction(tr("Change classes…"), lambda: self.classes_wanted.emit(name))
        menu.exec_(self.classes.mapToGlobal(at))

    def set_classes(self, colours: ClassColours, current: str) -> None:
        """Show the classes in their colours; ``current`` is the one of the next box."""
        names = colours.names
        if colours != self._colours:
            self._colours = self.boxes.colours = colours
            self.boxes.viewport().update()
            self.classes.clear()
            for index, name in enumerate(names):
                digit = f"{(index + 1) % 10}   " if index < 10 else "     "
                item = QListWidgetItem(colour_icon(colours, name), f"{digit}{name}")
                item.setData(Qt.UserRole, name)
                item.setToolTip(_class_tip(index, name))
                self.classes.addItem(item)
        if current in names:
            self.classes.setCurrentRow(names.index(current))

    def set_network_size(self, width: int, height: int) -> None:
        """The size of the network's input, at which the selected box is measured as well."""
        self._network = (width, height)
        boxes, size, any_boxes = self._shown
        self.panel.show_boxes(boxes, size, self._network, any_boxes=any_boxes)

    def set_kept_flags(self, flags: Iterable[str], format_title: str) -> None:
        """Which flags the set's format has a place for."""
        self.panel.set_kept_flags(flags, format_title)

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """Show the boxes of the current picture."""
        self.boxes.set_boxes(boxes)
        self._boxes_group.setTitle(tr("Boxes ({count})", count=len(boxes)))

    def set_selection(
        self, indices: frozenset[int], boxes: tuple[Box, ...], image_size: tuple[int, int]
    ) -> None:
        """Mark the selected boxes and describe them."""
        self.boxes.set_selection(indices)
        chosen = tuple(boxes[index] for index in sorted(indices) if index < len(boxes))
        self._shown = (chosen, image_size, bool(boxes))
        self.panel.show_boxes(chosen, image_size, self._network, any_boxes=bool(boxes))

    def set_hovered(self, index: int | None) -> None:
        """Mark the box that the pointer is on in the canvas."""
        self.boxes.set_hovered(index)


def _class_tip(index: int, name: str) -> str:
    if index < 10:
        return tr("{name}: class id {id}, key {key}", name=name, id=index, key=(index + 1) % 10)
    return tr("{name}: class id {id}", name=name, id=index)
