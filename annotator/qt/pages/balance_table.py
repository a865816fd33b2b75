"""The table of the classes on the balance page."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from annotator.qt.box_list import colour_icon
from annotator.qt.charts import tip
from annotator.qt.translation import numbers, tr
from converters.balance_facts import BalanceFacts
from converters.model import Split
from converters.stats import Balance

_MOST_HEIGHT = 900


class ClassTable(QTableWidget):
    """One row a class and one for all: boxes, pictures, ratio, sizes, splits, copies.

    Signals:
        chosen: The class whose row was double-clicked, or where Enter was pressed.
    """

    chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.SingleSelection)
        self.setTabKeyNavigation(False)
        self.setTextElideMode(Qt.ElideMiddle)
        self.verticalHeader().hide()
        self.setWordWrap(True)
        self._labels: tuple[str, ...] = ()
        self.cellActivated.connect(self._activated)

    def show_facts(self, facts: BalanceFacts) -> None:
        """Show other numbers."""
        found = facts.balance
        self._labels = tuple(c.label for c in found.classes)
        splits = list(Split) if found.split_images else []
        headers = [tr("Class"), tr("Boxes"), tr("Pictures"), tr("Ratio")]
        headers += [tr("Small\n< 32²"), tr("Medium"), tr("Large\n≥ 96²")]
        headers += [tr("{split}\nboxes (images)", split=split) for split in splits]
        if found.copies:
            headers.append(tr("In copies\nboxes (images)"))
        self.setColumnCount(len(headers))
        self.setHorizontalHeaderLabels(headers)
        self.setRowCount(len(found.classes) + 1)
        for row, cells in enumerate(_rows(found, splits)):
            self._fill(row, cells)
        for row, label in enumerate(self._labels):
            self.item(row, 0).setIcon(colour_icon(facts.dataset.colours, label))
            self.item(row, 0).setToolTip(tip(label))
        self.resizeColumnsToContents()
        self.resizeRowsToContents()
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
        self.horizontalHeader().setMinimumSectionSize(40)
        height = self.horizontalHeader().sizeHint().height() + 6
        height += sum(self.rowHeight(row) for row in range(self.rowCount()))
        self.setFixedHeight(min(height, _MOST_HEIGHT))

    def _fill(self, row: int, cells: list[str]) -> None:
        for column, text in enumerate(cells):
            item = QTableWidgetItem(text if column == 0 else numbers(text))
            item.setTextAlignment(int((Qt.AlignLeft if column == 0 else Qt.AlignRight) | Qt.AlignVCenter))
            self.setItem(row, column, item)

    def _activated(self, row: int, column: int) -> None:
        if row < len(self._labels):
            self.chosen.emit(self._labels[row])


def _rows(found: Balance, splits: list[Split]) -> list[list[str]]:
    """The cells of each class, and of all together."""
    rows = []
    for c in found.classes:
        ratio = "–" if c.ratio is None else f"1 : {c.ratio:.1f}" if c.ratio > 1 else tr("most")
        row = [
            c.label,
            f"{c.boxes:,}",
            f"{c.images:,}",
            ratio,
            f"{c.small:,}",
            f"{c.medium:,}",
            f"{c.large:,}",
        ]
        row += [f"{c.split_boxes[split]:,} ({c.split_images[split]:,})" for split in splits]
        rows.append([*row, *([f"{c.copy_boxes:,} ({c.copy_images:,})"] if found.copies else [])])
    total = [tr("all"), f"{found.boxes:,}", f"{found.images:,}", ""]
    total += [f"{sum(getattr(c, size) for c in found.classes):,}" for size in ("small", "medium", "large")]
    total += [
        f"{sum(c.split_boxes[split] for c in found.classes):,} ({found.split_images[split]:,})"
        for split in splits
    ]
    if found.copies:
        total.append(f"{sum(c.copy_boxes for c in found.classes):,} ({found.copies:,})")
    return [*rows, total]
