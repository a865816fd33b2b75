"""The balance page: boxes and images per class and split, and what the imbalance is."""

from __future__ import annotations

from PyQt5.QtCore import QRectF, QSize, Qt
from PyQt5.QtGui import QColor, QPainter, QPaintEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from annotator import messages
from annotator.qt.background import Task
from annotator.qt.box_list import colour_icon
from annotator.qt.pages.page import Page
from converters import registry
from converters.colours import class_colour, text_on
from converters.model import Dataset, Split
from converters.report import Report
from converters.stats import Balance, ClassBalance, balance, count_copies
from converters.work import WorkFolder

_BAR_HEIGHT = 30


class BarChart(QWidget):
    """One bar a class, its copies lighter behind its boxes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self._balance: Balance | None = None

    def show_balance(self, found: Balance) -> None:
        """Show these numbers."""
        self._balance = found
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        count = len(self._balance.classes) if self._balance else 1
        return QSize(400, count * (_BAR_HEIGHT + 8) + 4)

    def minimumSizeHint(self) -> QSize:
        return QSize(200, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._balance is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.Antialiasing)
        names = tuple(c.label for c in self._balance.classes)
        metrics = self.fontMetrics()
        left = max((metrics.horizontalAdvance(name) for name in names), default=0)
        left = min(left, self.width() // 3) + 14
        room = max(self.width() - left - 12, 10)
        most = max((c.boxes + c.copy_boxes for c in self._balance.classes), default=0) or 1
        for row, c in enumerate(self._balance.classes):
            y = row * (_BAR_HEIGHT + 8) + 2
            painter.setPen(self.palette().windowText().color())
            name = metrics.elidedText(c.label, Qt.ElideMiddle, left - 10)
            painter.drawText(QRectF(0, y, left - 10, _BAR_HEIGHT), int(Qt.AlignRight | Qt.AlignVCenter), name)
            self._paint_bar(painter, c, names, QRectF(left, y, room, _BAR_HEIGHT), most)

    def _paint_bar(
        self, painter: QPainter, c: ClassBalance, names: tuple[str, ...], room: QRectF, most: int
    ) -> None:
        colour = class_colour(names, c.label)
        whole = room.width() * (c.boxes + c.copy_boxes) / most
        own = room.width() * c.boxes / most
        if c.copy_boxes:
            lighter = QColor(*colour)
            lighter.setAlpha(110)
            painter.fillRect(QRectF(room.left(), room.top(), whole, room.height()), lighter)
        painter.fillRect(QRectF(room.left(), room.top(), max(own, 2.0), room.height()), QColor(*colour))
        text = f"{c.boxes}" + (f" + {c.copy_boxes} in copies" if c.copy_boxes else "")
        width = painter.fontMetrics().horizontalAdvance(text) + 12
        inside = width < own
        painter.setPen(QColor(*text_on(colour)) if inside else self.palette().windowText().color())
        x = room.left() + (6 if inside else min(whole + 6, room.width() - width))
        painter.drawText(QRectF(x, room.top(), width, room.height()), int(Qt.AlignVCenter), text)


class BalancePage(Page):
    """Counts of the open set as it is now."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__("Class balance", "", parent)
        self.source = QComboBox()
        self.source.addItems(["Your labels, as they are now", "The training set, with its copies"])
        self.source.currentIndexChanged.connect(self.refresh)
        row = QHBoxLayout()
        row.addWidget(self.source)
        row.addStretch()
        self.column.insertLayout(1, row)
        self._task: Task | None = None
        self.chart = BarChart()
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.NoSelection)
        self.table.setFocusPolicy(Qt.NoFocus)
        self.table.verticalHeader().hide()
        self.table.setWordWrap(True)
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.column.addWidget(self.chart)
        self.column.addWidget(self.table)
        self.column.addWidget(self.notes)
        self.column.addStretch()

    def refresh(self) -> None:
        """Count again, in the background where label files must be read for it."""
        if self.project is None:
            return
        work = self.project.work
        own = self.project.is_work_itself
        self.source.setVisible(work is not None and not own)
        if work is None or (self.source.currentIndex() == 0 and not own):
            self._show(balance(self.project.session.dataset()))
        elif self._task is None:
            dataset = self.project.session.dataset() if own else None
            task = Task(lambda tell: _count_work(work, dataset), self)
            task.succeeded.connect(self._show)
            task.failed.connect(messages.error)
            task.finished.connect(self._counted)
            self._task = task.start()

    def _counted(self) -> None:
        self._task = None

    def stop(self) -> None:
        if self._task is not None:
            self._task.wait()

    def _show(self, found: Balance) -> None:
        self.purpose.setText(found.sentence())
        self.chart.show_balance(found)
        self._fill(found)
        self.notes.setText(self._notes(found))

    def _notes(self, found: Balance) -> str:
        parts = [f"{found.images} pictures, {found.boxes} boxes"]
        if found.empty:
            parts.append(f"{found.empty} labelled as showing nothing")
        if found.unlabelled:
            parts.append(f"{found.unlabelled} not labelled yet")
        if found.copies:
            parts.append(f"{found.copies} augmented copies of training pictures")
        text = " · ".join(parts) + "."
        if not found.split_images:
            text += " The set is not split yet: the Split page divides it into train, val and test."
        return text

    def _fill(self, found: Balance) -> None:
        splits = list(Split) if found.split_images else []
        headers = ["Class", "Boxes", "Images", "Ratio", "Small\n< 32²", "Medium", "Large\n≥ 96²"]
        headers += [f"{split}\nboxes (images)" for split in splits]
        if any(c.copy_boxes for c in found.classes):
            headers.append("In copies\nboxes (images)")
        self.table.setColumnCount(len(headers))
        self.table.setHorizontalHeaderLabels(headers)
        self.table.setRowCount(len(found.classes) + 1)
        names = tuple(c.label for c in found.classes)
        for row, c in enumerate(found.classes):
            ratio = "–" if c.ratio is None else f"1 : {c.ratio:.1f}" if c.ratio > 1 else "most"
            cells = [c.label, c.boxes, c.images, ratio, c.small, c.medium, c.large]
            cells += [f"{c.split_boxes[split]} ({c.split_images[split]})" for split in splits]
            if len(headers) > len(cells):
                cells.append(f"{c.copy_boxes} ({c.copy_images})")
            self._row(row, cells)
            self.table.item(row, 0).setIcon(colour_icon(names, c.label))
        total = ["all", found.boxes, found.images, ""]
        total += [sum(getattr(c, size) for c in found.classes) for size in ("small", "medium", "large")]
        total += [
            f"{sum(c.split_boxes[split] for c in found.classes)} ({found.split_images[split]})"
            for split in splits
        ]
        if len(headers) > len(total):
            total.append(f"{sum(c.copy_boxes for c in found.classes)} ({found.copies})")
        self._row(len(found.classes), total)
        self.table.resizeColumnsToContents()
        self.table.resizeRowsToContents()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
        height = self.table.horizontalHeader().sizeHint().height() + 6
        height += sum(self.table.rowHeight(row) for row in range(self.table.rowCount()))
        self.table.setFixedHeight(min(height, 420))

    def _row(self, row: int, cells: list[object]) -> None:
        for column, value in enumerate(cells):
            item = QTableWidgetItem(str(value))
            item.setTextAlignment(int((Qt.AlignLeft if column == 0 else Qt.AlignRight) | Qt.AlignVCenter))
            self.table.setItem(row, column, item)


def _count_work(work: WorkFolder, dataset: Dataset | None) -> Balance:
    """The numbers of a Darknet data set and its copies; ``dataset``: its labels where they are at hand."""
    report = Report()
    dataset = dataset or registry.load(work.root, report)
    return balance(dataset, count_copies(work, dataset.class_names, report))
