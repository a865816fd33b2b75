"""The study's table while a training runs: what each of the saved weights found on validation."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QFont
from PyQt5.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from annotator.darknet.program.events import CheckpointMeasured, ClassMeasured
from annotator.qt.translation import tr, tr_n


class CheckpointTable(QTableWidget):
    """Iterations downwards; mAP and the AP of each class to the right, at both IoU thresholds.

    Signals:
        iteration_chosen: A row was chosen by the person.
        opened: A row was double-clicked, or Enter pressed on it.
    """

    iteration_chosen = pyqtSignal(int)
    opened = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[CheckpointMeasured, ...] = ()
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.setTextElideMode(Qt.ElideMiddle)
        self.setWordWrap(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        self.setSelectionMode(QAbstractItemView.SingleSelection)
        self.itemSelectionChanged.connect(self._tell)
        self.itemActivated.connect(lambda item: self.opened.emit(self._shown[item.row()].iteration))

    def choose(self, iteration: int) -> None:
        """Mark a row; 0: none."""
        rows = [row for row, one in enumerate(self._shown) if one.iteration == iteration]
        self.blockSignals(True)
        self.clearSelection()
        if rows:
            self.selectRow(rows[0])
        self.blockSignals(False)

    def _tell(self) -> None:
        rows = {index.row() for index in self.selectedIndexes()}
        for row in rows:
            if row < len(self._shown):
                self.iteration_chosen.emit(self._shown[row].iteration)

    def show_checkpoints(self, checkpoints: Sequence[CheckpointMeasured]) -> None:
        """Show these, by iteration; the best is bold. One that looks at the newest row goes on doing so."""
        if tuple(checkpoints) == self._shown:
            return
        self._shown = tuple(checkpoints)
        bar = self.verticalScrollBar()
        follows = bar.value() == bar.maximum()
        names = list(dict.fromkeys(item.name for one in checkpoints for item in one.classes))
        self.setColumnCount(3 + len(names))
        self.setRowCount(len(checkpoints))
        heads = [tr("Iteration"), "mAP@0.50", "mAP@0.75", *names]
        for column, text in enumerate(heads):
            head = QTableWidgetItem(text)
            tips = {
                0: tr("The iteration that the weights are from"),
                1: tr("The mean over the classes, a box counts as found from IoU 0.50"),
                2: tr("The mean over the classes, a box counts as found from IoU 0.75"),
            }
            head.setToolTip(
                tips.get(
                    column, tr("{name}: AP at IoU 0.50 with its 95 % interval / AP at IoU 0.75", name=text)
                )
            )
            self.setHorizontalHeaderItem(column, head)
        best = max(checkpoints, key=lambda one: (one.mean_ap, -one.iteration), default=None)
        for row, one in enumerate(checkpoints):
            self._fill(row, one, names, one is best)
        self._fit()
        if follows:
            self.scrollToBottom()

    def _fill(self, row: int, one: CheckpointMeasured, names: Sequence[str], is_best: bool) -> None:
        known = {item.name: item for item in one.classes}
        cells = [f"{one.iteration}", f"{100 * one.mean_ap:.1f}", f"{100 * one.mean_ap_75:.1f}"]
        tips = [
            tr(
                "{weights}, measured on {pictures} of val in {seconds:.0f} s",
                weights=one.weights,
                pictures=tr_n("{n} picture", "{n} pictures", one.images),
                seconds=one.seconds,
            )
        ] * 3
        for name in names:
            item = known.get(name)
            cells.append(class_text(item) if item is not None else "–")
            tips.append(class_tip(item) if item is not None else "")
        if is_best:
            tips[0] += "\n" + tr("The best so far; these weights are kept")
        for column, (text, tip) in enumerate(zip(cells, tips, strict=True)):
            cell = QTableWidgetItem(text)
            cell.setToolTip(tip)
            cell.setTextAlignment(int(Qt.AlignRight | Qt.AlignVCenter))
            if is_best:
                font = QFont(self.font())
                font.setBold(True)
                cell.setFont(font)
            self.setItem(row, column, cell)

    def _fit(self) -> None:
        self.resizeColumnsToContents()
        widest = 24 * self.fontMetrics().averageCharWidth()
        for column in range(self.columnCount()):
            self.setColumnWidth(column, min(self.columnWidth(column), widest))


def class_text(one: ClassMeasured) -> str:
    """``80.1 (70–88) / 31.2``: AP at IoU 0.50, its interval, AP at IoU 0.75; a dash without a box."""
    if one.low is None or one.high is None:
        return "–"
    return f"{100 * one.ap:.1f} ({100 * one.low:.0f}–{100 * one.high:.0f}) / {100 * one.ap_75:.1f}"


def class_tip(one: ClassMeasured) -> str:
    """The same in words, with the boxes it rests on."""
    if one.low is None or one.high is None:
        return tr("{name} has no box in val: it counts as 0 in the mean.", name=one.name)
    return tr(
        "{name}: AP@0.50 {ap:.1f} % (95 % interval {low:.0f} to {high:.0f} %: it rests on {boxes}), "
        "AP@0.75 {strict:.1f} %",
        name=one.name,
        ap=100 * one.ap,
        low=100 * one.low,
        high=100 * one.high,
        boxes=tr_n("{n} box", "{n} boxes", one.boxes),
        strict=100 * one.ap_75,
    )
