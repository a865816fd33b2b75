"""The selected box: its numbers, which can be typed, its size as the network sees it, its flags."""

from __future__ import annotations

from collections.abc import Iterable

from PyQt5.QtCore import QLocale, Qt, pyqtSignal
from PyQt5.QtGui import QWheelEvent
from PyQt5.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QDoubleSpinBox,
    QGridLayout,
    QLabel,
    QVBoxLayout,
    QWidget,
)

from annotator.core.box_edits import FLAGS, Number
from annotator.qt.elided import ElidedLabel
from annotator.qt.translation import tr, tr_n
from converters.model import Box

FARTHEST = 1_000_000.0
"""Limit of a number field: what fits into the picture is decided where the number is used."""


class NumberField(QDoubleSpinBox):
    """A number of a box. It is taken at Enter, at a step, and when the field is left."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setRange(-FARTHEST, FARTHEST)
        self.setDecimals(2)
        self.setKeyboardTracking(False)
        self.setButtonSymbols(QAbstractSpinBox.NoButtons)
        self.setLocale(QLocale.c())  # a decimal point everywhere, as in the files
        self.setFocusPolicy(Qt.ClickFocus)
        self.setMinimumWidth(48)

    def textFromValue(self, value: float) -> str:
        return f"{value:.2f}".rstrip("0").rstrip(".")

    def wheelEvent(self, event: QWheelEvent) -> None:
        """Nothing: a wheel that is turned over it by chance must not change a box."""
        event.ignore()


class BoxPanel(QWidget):
    """What can be said about the selected boxes. It keeps its height whatever is selected.

    Signals:
        number_typed: (number, value) for the selected box.
        flag_wanted: (flag, on) for the selected boxes.
    """

    number_typed = pyqtSignal(str, float)
    flag_wanted = pyqtSignal(str, bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = ElidedLabel()
        self.at_network = ElidedLabel()
        self._fields: dict[Number, NumberField] = {}
        self._flags: dict[str, QCheckBox] = {}
        self._kept = frozenset(FLAGS)
        grid = QGridLayout()
        names: tuple[tuple[Number, str, str], ...] = (
            ("x", tr("x"), tr("Left edge in pixels; the box moves")),
            ("y", tr("y"), tr("Top edge in pixels; the box moves")),
            ("width", tr("w"), tr("Width in pixels; the right edge moves")),
            ("height", tr("h"), tr("Height in pixels; the bottom edge moves")),
        )
        for place, (number, name, tip) in enumerate(names):
            field = self._fields[number] = NumberField()
            field.setToolTip(tip)
            field.setAccessibleName(tip)
            field.valueChanged.connect(lambda value, number=number: self.number_typed.emit(number, value))
            label = QLabel(name)
            label.setBuddy(field)
            row, column = divmod(place, 2)
            grid.addWidget(label, row, 2 * column)
            grid.addWidget(field, row, 2 * column + 1)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        self._flag_grid = QGridLayout()
        self._build_flags()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        for item in (self.title, grid, self.at_network, self._flag_grid):
            layout.addWidget(item) if isinstance(item, QWidget) else layout.addLayout(item)
        self.show_boxes((), (1, 1), (416, 416), any_boxes=False)

    def _build_flags(self) -> None:
        titles = {
            "difficult": tr("difficult"),
            "truncated": tr("truncated"),
            "occluded": tr("occluded"),
            "crowd": tr("crowd"),
        }
        for place, flag in enumerate(FLAGS):
            box = self._flags[flag] = QCheckBox(titles[flag])
            box.setFocusPolicy(Qt.NoFocus)
            box.clicked.connect(lambda _checked, flag=flag: self._flag_clicked(flag))
            self._flag_grid.addWidget(box, *divmod(place, 2))

    def set_kept_flags(self, flags: Iterable[str], format_title: str) -> None:
        """Which flags the set's format has a place for; the others cannot be set."""
        self._kept = frozenset(flags)
        for flag, box in self._flags.items():
            lost = tr("{format} has no place for it", format=format_title)
            box.setToolTip("" if flag in self._kept else lost)

    def show_boxes(
        self,
        boxes: tuple[Box, ...],
        size: tuple[int, int],
        network: tuple[int, int],
        *,
        any_boxes: bool,
    ) -> None:
        """Describe the selected boxes.

        Args:
            boxes: The selected ones.
            size: (width, height) of the picture.
            network: (width, height) of the network's input.
            any_boxes: Whether the picture has boxes at all.
        """
        self._shown = (boxes, size, network, any_boxes)
        self._show_title(boxes, any_boxes)
        single = boxes[0] if len(boxes) == 1 else None
        if single is not None:
            x1, y1, _, _ = single.xyxy
            values: dict[Number, float] = {"x": x1, "y": y1, "width": single.width, "height": single.height}
            # The smaller scale of both: what a Darknet that letterboxes leaves of the box.
            scale = min(network[0] / max(size[0], 1), network[1] / max(size[1], 1))
            wide, high = single.width * scale, single.height * scale
            self.at_network.setText(
                tr(
                    "At {width} × {height}: {wide} × {high} px",
                    width=network[0],
                    height=network[1],
                    wide=_short(wide),
                    high=_short(high),
                )
            )
        else:
            values = {}
            self.at_network.setText("")
        for number, field in self._fields.items():
            field.setEnabled(single is not None)
            field.blockSignals(True)
            field.setSpecialValueText("" if single is not None else " ")
            field.setValue(values.get(number, -FARTHEST))
            field.blockSignals(False)
        self._show_flags(boxes)

    def give_up_typing(self) -> None:
        """Show the box's own numbers again instead of one that is half typed."""
        boxes, size, network, any_boxes = self._shown
        self.show_boxes(boxes, size, network, any_boxes=any_boxes)

    def _show_title(self, boxes: tuple[Box, ...], any_boxes: bool) -> None:
        if len(boxes) == 1:
            self.title.setText(boxes[0].label)
        elif boxes:
            self.title.setText(tr_n("{n} box selected", "{n} boxes selected", len(boxes)))
        elif any_boxes:
            self.title.setText(tr("Click a box, or press Tab"))
        else:
            self.title.setText(tr("Press W to draw a box"))

    def _show_flags(self, boxes: tuple[Box, ...]) -> None:
        for flag, box in self._flags.items():
            have = sum(flag in each.flags for each in boxes)
            some = 0 < have < len(boxes)
            # A flag that came from elsewhere can be taken away even where it could not be set.
            box.setEnabled(bool(boxes) and (flag in self._kept or have > 0))
            box.setTristate(some)
            box.setCheckState(Qt.PartiallyChecked if some else Qt.Checked if have and boxes else Qt.Unchecked)

    def _flag_clicked(self, flag: str) -> None:
        self.flag_wanted.emit(flag, self._flags[flag].checkState() != Qt.Unchecked)


def _short(value: float) -> str:
    """A size in pixels: whole where it is large, with a tenth where that tenth matters."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
