"""The classes (with their digits) and the boxes of the current picture."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import QItemSelectionModel, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QIcon, QPixmap
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from converters.colours import ClassColours, class_colour
from converters.model import Box


def colour_icon(classes: Sequence[str] | ClassColours, label: str) -> QIcon:
    """A square in the class's colour."""
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(*class_colour(classes, label)))
    icon = QIcon(pixmap)
    # Else the style tints it where the row is selected, and it is another colour.
    icon.addPixmap(pixmap, QIcon.Selected)
    return icon


class BoxList(QWidget):
    """Side panel of the labelling page.

    Signals:
        class_chosen: Name of the class that the person clicked.
        class_wanted: The person wants to add a class.
        selection_changed: Indices of the boxes selected in the list.
    """

    class_chosen = pyqtSignal(str)
    class_wanted = pyqtSignal()
    selection_changed = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._colours = ClassColours()
        self.classes = QListWidget()
        self.classes.setFocusPolicy(Qt.ClickFocus)
        self.classes.setToolTip("Class of the selected boxes, else of the next box you draw")
        self.classes.itemClicked.connect(lambda item: self.class_chosen.emit(item.data(Qt.UserRole)))
        self.classes.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.boxes = QListWidget()
        self.boxes.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.boxes.setTextElideMode(Qt.ElideMiddle)
        self.boxes.setFocusPolicy(Qt.ClickFocus)
        self.boxes.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.boxes.itemSelectionChanged.connect(self._selected)
        self.details = QLabel()
        self.details.setWordWrap(True)
        self.details.setTextInteractionFlags(Qt.TextSelectableByMouse)
        add = QPushButton("Add class…")
        add.setFocusPolicy(Qt.NoFocus)
        add.clicked.connect(self.class_wanted)
        self._boxes_group = QGroupBox("Boxes")
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 6, 6)
        classes = QGroupBox("Classes")
        column = QVBoxLayout(classes)
        column.addWidget(self.classes)
        row = QHBoxLayout()
        row.addWidget(add)
        row.addStretch()
        column.addLayout(row)
        layout.addWidget(classes, 2)
        column = QVBoxLayout(self._boxes_group)
        column.addWidget(self.boxes)
        column.addWidget(self.details)
        layout.addWidget(self._boxes_group, 3)
        self.setMinimumWidth(200)

    def set_classes(self, colours: ClassColours, current: str) -> None:
        """Show the classes in their colours; ``current`` is the one of the next box."""
        names = colours.names
        if colours != self._colours:
            self._colours = colours
            self.classes.clear()
            for index, name in enumerate(names):
                digit = f"{(index + 1) % 10}   " if index < 10 else "     "
                item = QListWidgetItem(colour_icon(colours, name), f"{digit}{name}")
                item.setData(Qt.UserRole, name)
                item.setToolTip(f"Class id {index}" + (f", key {(index + 1) % 10}" if index < 10 else ""))
                self.classes.addItem(item)
        if current in names:
            self.classes.setCurrentRow(names.index(current))

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """Show the boxes of the current picture."""
        self.boxes.blockSignals(True)
        self.boxes.clear()
        for box in boxes:
            size = f"{box.width:.0f} × {box.height:.0f}"
            self.boxes.addItem(QListWidgetItem(colour_icon(self._colours, box.label), f"{box.label}  {size}"))
        self.boxes.blockSignals(False)
        self._boxes_group.setTitle(f"Boxes ({len(boxes)})")

    def set_selection(
        self, indices: frozenset[int], boxes: tuple[Box, ...], image_size: tuple[int, int]
    ) -> None:
        """Mark the selected boxes and describe the first."""
        self.boxes.blockSignals(True)
        self.boxes.clearSelection()
        model = self.boxes.selectionModel()
        for index in indices:
            model.select(self.boxes.model().index(index, 0), QItemSelectionModel.Select)
        if indices:
            self.boxes.scrollToItem(self.boxes.item(min(indices)))
        self.boxes.blockSignals(False)
        if not indices:
            self.details.setText("Press W to draw a box." if not boxes else "Click a box, or press Tab.")
            return
        box = boxes[min(indices)]
        x1, y1, x2, y2 = box.xyxy
        scale = 416 / max(image_size)
        at_network = f"{box.width * scale:.0f} × {box.height * scale:.0f}"
        flags = f"\nflags: {', '.join(sorted(box.flags))}" if box.flags else ""
        self.details.setText(
            f"{box.label}: {box.width:g} × {box.height:g} px at ({x1:g}, {y1:g})–({x2:g}, {y2:g})\n"
            f"at 416 px: {at_network} px{flags}"
        )

    def _selected(self) -> None:
        rows = frozenset(index.row() for index in self.boxes.selectionModel().selectedRows())
        self.selection_changed.emit(rows)
