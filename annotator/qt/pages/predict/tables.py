"""The tables of an evaluation: iterations, classes, and what was taken for what."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PyQt5.QtCore import QEvent, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFont, QPalette
from PyQt5.QtWidgets import QAbstractItemView, QTableWidget, QTableWidgetItem, QWidget

from annotator.darknet.evaluation.analysis import Analysis
from annotator.darknet.evaluation.confusion import Confusion
from annotator.darknet.evaluation.report import best_of_columns, interval_text, study_row
from annotator.darknet.evaluation.stored import Checkpoint, Evaluation, Measured
from annotator.darknet.metrics import ClassMetrics, Metrics
from annotator.darknet.program.events import MapBlock
from annotator.darknet.run.printed import printed_at
from annotator.qt.charts import tip
from annotator.qt.said_below import known
from annotator.qt.translation import numbers, tr
from converters.colours import text_on

_RIGHT, _WRONG = (58, 134, 255), (230, 60, 60)


class NumberTable(QTableWidget):
    """A table that is as high as its rows; the first column is text, the others are numbers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setSelectionMode(QAbstractItemView.NoSelection)
        self.setFocusPolicy(Qt.NoFocus)
        self.setVerticalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setHorizontalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.setTextElideMode(Qt.ElideMiddle)
        self.verticalHeader().hide()
        self.horizontalHeader().setHighlightSections(False)
        # A name that is too long for its column would else be cut at both ends.
        self.horizontalHeader().setTextElideMode(Qt.ElideMiddle)

    def fill(self, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Show other rows."""
        self.clear()
        self.setRowCount(len(rows))
        self.setColumnCount(len(heads))
        self.setHorizontalHeaderLabels(list(heads))
        for row, cells in enumerate(rows):
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                side = Qt.AlignLeft if column == 0 else Qt.AlignRight
                item.setTextAlignment(int(side | Qt.AlignVCenter))
                self.setItem(row, column, item)
        self.fit_rows()

    def fit_rows(self) -> None:
        """Be as wide as the columns need, with long names cut, and as high as the rows."""
        self.resizeColumnsToContents()
        self.resizeRowsToContents()
        widest = 14 * self.fontMetrics().averageCharWidth()
        for column in range(self.columnCount()):
            if self.columnWidth(column) > 2 * widest:
                self.setColumnWidth(column, 2 * widest)
                head = self.horizontalHeaderItem(column)
                if head is not None and not head.toolTip():
                    head.setToolTip(head.text())
        height = self.horizontalHeader().sizeHint().height() + 2 * self.frameWidth()
        height += sum(self.rowHeight(row) for row in range(self.rowCount()))
        scroll = self.horizontalScrollBar().sizeHint().height()
        self.setFixedHeight(height + scroll)

    def mark_bold(self, row: int, column: int | None = None) -> None:
        """Show a cell, or a whole row, in bold."""
        columns = range(self.columnCount()) if column is None else (column,)
        for each in columns:
            item = self.item(row, each)
            if item is not None:
                font = QFont(item.font())
                font.setBold(True)
                item.setFont(font)


class StudyTable(NumberTable):
    """Iterations × AP of each class × mAP on validation, with the best marked."""

    def show_evaluation(self, evaluation: Evaluation, printed: Mapping[int, MapBlock]) -> None:
        """Show other numbers.

        Args:
            evaluation: What was measured.
            printed: What Darknet printed itself, by iteration.
        """
        shown = [printed_at(dict(printed), one.iteration) for one in evaluation.checkpoints]
        heads = [tr("iteration"), *evaluation.class_names, "mAP@0.50", "mAP@0.75"]
        if any(shown):
            heads.append(tr("Darknet printed"))
        heads.append(tr("weights"))
        rows = [
            _study_cells(one, block, any(shown))
            for one, block in zip(evaluation.checkpoints, shown, strict=True)
        ]
        self.fill(heads, rows)
        best = best_of_columns(evaluation.checkpoints)
        for row, one in enumerate(evaluation.checkpoints):
            for column, value in enumerate(study_row(one)):
                if value == best[column] and round(100 * value, 2) > 0:
                    self.mark_bold(row, column + 1)
                    self.item(row, column + 1).setToolTip(tr("The highest of this column"))
        chosen = self.item(evaluation.chosen, 0)
        chosen.setText(f"★ {chosen.text()}")
        colour = QColor(self.palette().color(QPalette.Highlight))
        colour.setAlpha(60)
        for column in range(self.columnCount()):
            self.item(evaluation.chosen, column).setBackground(colour)
        self.item(evaluation.chosen, 0).setToolTip(tr("The weights that are measured on test"))
        self.fit_rows()


class ClassTable(NumberTable):
    """Each class by Darknet's rules and by COCO's, each number under its own name."""

    def show_measured(self, measured: Measured, analysis: Analysis | None = None) -> None:
        """Show the numbers of a split.

        Args:
            measured: Them.
            analysis: Where the pictures are there: whose bootstrap intervals are shown as well.
        """
        metrics, strict, coco = measured.metrics, measured.strict, measured.coco
        heads = ["", "AP@0.50", tr("95 % interval"), tr("bootstrap"), "AP@0.75", tr("boxes"),
                 "TP", "FP", "FN", tr("precision"), tr("recall"), tr("average IoU")]  # fmt: skip
        if coco is not None:
            heads += [f"COCO {name}" for name in ("AP", "AP50", "AP75", "APs", "APm", "APl")]
        rows = []
        for at, (one, other) in enumerate(zip(metrics.classes, strict.classes, strict=True)):
            drawn = analysis.class_intervals[at] if analysis is not None else None
            aps = (_percent(one.ap), known(interval_text(one.interval)) or tr("no box"),
                   known(interval_text(drawn)), _percent(other.ap))  # fmt: skip
            cells = (one.name, *aps, numbers(f"{one.truths:,}"), *_at_confidence(one))
            rows.append((*cells, *(_coco_cells(coco.classes[at]) if coco is not None else ())))
        aps = (
            _percent(metrics.mean_ap),
            known(interval_text(metrics.mean_interval)),
            known(interval_text(analysis.mean_interval if analysis is not None else None)),
            _percent(strict.mean_ap),
        )
        cells = ("mAP", *aps, numbers(f"{metrics.truths:,}"), *_at_confidence(metrics))
        rows.append((*cells, *(_coco_cells(coco) if coco is not None else ())))
        self.fill(heads, rows)
        self.horizontalHeaderItem(2).setToolTip(
            tip(tr("The wider, at each end, of the bootstrap and Wilson's interval for so many boxes"))
        )
        self.horizontalHeaderItem(3).setToolTip(
            tip(tr("The pictures drawn anew 400 times; too narrow where a class has few boxes"))
        )
        self.mark_bold(len(rows) - 1)
        self.fit_rows()


class ConfusionTable(NumberTable):
    """What was taken for what; a click on a cell shows its pictures.

    Signals:
        chosen: Row (ground truth) and column (prediction) of a cell; the last of each is the background.
    """

    chosen = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._confusion: Confusion | None = None
        self.cellClicked.connect(self._clicked)
        self.setMouseTracking(True)

    def show_confusion(self, confusion: Confusion) -> None:
        """Show other numbers."""
        self._confusion = confusion
        names = confusion.class_names
        counts = confusion.counts
        heads = [tr("ground truth ↓  taken for →"), *names, tr("not found")]
        rows = [
            [name, *(_count(count, sum(counts[row])) for count in counts[row])]
            for row, name in enumerate((*names, tr("nothing there")))
        ]
        self.fill(heads, rows)
        for row in range(len(rows)):
            self._paint_row(row, names)
        self.item(len(names), len(names) + 1).setText("")

    def _paint_row(self, row: int, names: Sequence[str]) -> None:
        counts = self._confusion.counts[row]
        base = self.palette().color(QPalette.Base)
        for column, count in enumerate(counts):
            share = count / sum(counts) if count else 0.0
            front = _RIGHT if row == column else _WRONG
            fill = tuple(
                round(b + (f - b) * 0.6 * share)
                for f, b in zip(front, (base.red(), base.green(), base.blue()), strict=True)
            )
            item = self.item(row, column + 1)
            item.setBackground(QColor(*fill))
            item.setForeground(QColor(*text_on(fill)))
            item.setToolTip(tip(self.describe(row, column)))

    def describe(self, row: int, column: int) -> str:
        """A cell as a sentence."""
        names = self._confusion.class_names
        count = self._confusion.counts[row][column]
        if row == column == len(names):
            return ""
        n = numbers(f"{count:,}")
        if row == column:
            return tr("{n} {name} found", n=n, name=names[row])
        if column == len(names):
            return tr("{n} {name} not found", n=n, name=names[row])
        if row == len(names):
            return tr("{n} {name} seen where none is", n=n, name=names[column])
        return tr("{n} {name} taken for {other}", n=n, name=names[row], other=names[column])

    def _clicked(self, row: int, column: int) -> None:
        if self._confusion is not None and column and self._confusion.counts[row][column - 1]:
            self.chosen.emit(row, column - 1)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and getattr(self, "_confusion", None) is not None:
            self.show_confusion(self._confusion)


def _study_cells(one: Checkpoint, block: MapBlock | None, with_printed: bool) -> list[str]:
    cells = [numbers(f"{one.iteration:,}"), *(_percent(value) for value in study_row(one))]
    if not one.metrics:
        return [cells[0]]
    if with_printed:
        cells.append(_percent(block.mean_ap) if block is not None else "")
    return [*cells, one.weights]


def _at_confidence(one: ClassMetrics | Metrics) -> tuple[str, ...]:
    counts = tuple(numbers(f"{count:,}") for count in (one.tp, one.fp, one.fn))
    return (*counts, f"{one.precision:.2f}", f"{one.recall:.2f}", _percent(one.average_iou))


def _coco_cells(one: object) -> list[str]:
    names = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")
    values = [getattr(one, name) for name in names]
    return [tr("no box") if value is None else _percent(value) for value in values]


def _percent(value: float) -> str:
    return f"{100 * value:.2f}"


def _count(count: int, total: int) -> str:
    return numbers(f"{count:,}") + f"  ({100 * count / total:.0f} %)" if count else "0"
