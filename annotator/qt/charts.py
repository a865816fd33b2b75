"""Charts of :mod:`converters.charts` on the screen, to be clicked: bars (pyqtgraph), a matrix (a table)."""

from __future__ import annotations

from html import escape

import pyqtgraph as pg
from PyQt5.QtCore import QEvent, QPoint, Qt, pyqtSignal
from PyQt5.QtGui import (
    QColor,
    QFontMetricsF,
    QHelpEvent,
    QIcon,
    QMouseEvent,
    QPalette,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
    QToolTip,
    QVBoxLayout,
    QWidget,
)

from annotator.qt.chart_texts import describe_cell, note
from annotator.qt.translation import numbers, tr
from converters.chart_drawing import nice_ticks
from converters.charts import NEUTRAL, BarChart, Matrix, Row, toned
from converters.colours import Rgb, text_on

_ROW_HEIGHT, _BAR_SHARE = 27, 0.72
_AXES_HEIGHT = 48
_GAP = 6


def tip(text: str) -> str:
    """A tool tip that says just this: Qt would take a class name such as ``<b>`` for markup."""
    return f"<p style='white-space:pre'>{escape(text)}</p>"


def _mixed(front: Rgb, back: QColor, share: float) -> Rgb:
    """``share`` of a colour in front of another."""
    pairs = zip(front, (back.red(), back.green(), back.blue()), strict=True)
    red, green, blue = (round(b + (f - b) * share) for f, b in pairs)
    return red, green, blue


class _Names(pg.AxisItem):
    """The axis with the names of the rows, shortened to the room there is.

    Attributes:
        taken: Its width in pixels.
    """

    def __init__(self) -> None:
        super().__init__("left")
        self._rows: tuple[Row, ...] = ()
        self._room = 0.0
        self.taken = 0.0

    def show_rows(self, rows: tuple[Row, ...], widest: float, metrics: QFontMetricsF) -> None:
        """Use at most ``widest`` pixels for the names."""
        self._rows = rows
        self._metrics = metrics
        needed = max((metrics.horizontalAdvance(row.name) for row in rows), default=0.0)
        self._room = min(needed + 2, widest)
        # The layout gives it this width later; what is drawn beside it is worked out now.
        self.taken = self._room + 14
        self.setWidth(self.taken)
        self.setTicks([[(place, self._short(row.name)) for place, row in enumerate(rows)], []])

    def _short(self, name: str) -> str:
        return self._metrics.elidedText(name, Qt.ElideMiddle, self._room)


class BarView(pg.PlotWidget):
    """The bars of a chart, with their numbers; it takes no wheel and no drag, so that the page scrolls.

    Signals:
        clicked: A row of the chart, and the index of the part that was hit or None for the whole bar.
    """

    clicked = pyqtSignal(object, object)

    def __init__(self, parent: QWidget | None = None) -> None:
        self._names = _Names()
        super().__init__(parent, axisItems={"left": self._names})
        self._chart: BarChart | None = None
        self._texts: list[pg.TextItem] = []
        self._drawn_width = 0
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(False, False)
        item.invertY(True)
        item.vb.setDefaultPadding(0.0)
        self.setFrameShape(QFrame.NoFrame)
        self.setFocusPolicy(Qt.NoFocus)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        self.setMinimumWidth(240)
        self.viewport().setMouseTracking(True)
        self._style()

    def show_chart(self, chart: BarChart) -> None:
        """Draw another chart."""
        self._chart = chart
        self.setFixedHeight(max(len(chart.rows), 1) * _ROW_HEIGHT + _AXES_HEIGHT)
        self.setLabel("bottom", chart.axis)
        self._draw()

    def _style(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(QPalette.Window))
        colour = palette.color(QPalette.WindowText)
        faint = QColor(colour)
        faint.setAlpha(110)
        for side in ("left", "bottom"):
            axis = self.getAxis(side)
            axis.setPen(faint)
            axis.setTextPen(colour)
            axis.setStyle(tickLength=0 if side == "left" else 4, tickAlpha=0 if side == "left" else None)
        # The 0 at the border is to be seen.
        self.getAxis("bottom").setStyle(hideOverlappingLabels=False)
        self.getAxis("bottom").enableAutoSIPrefix(False)

    # Drawing

    def _draw(self) -> None:
        chart = self._chart
        item = self.getPlotItem()
        item.clear()
        self._texts = []
        self._drawn_width = self.width()
        if chart is None or not chart.rows:
            return
        metrics = QFontMetricsF(self.font())
        self._names.show_rows(chart.rows, 0.32 * self.width(), metrics)
        plot = max(self.width() - self._names.taken - 4, 50)
        ends = max(metrics.horizontalAdvance(numbers(chart.text_of(row))) for row in chart.rows) + 3 * _GAP
        # So much of the axis that the number at the end of the longest bar has its place.
        reach = chart.extent * plot / max(plot - ends, 0.3 * plot)
        # A little below 0, or rounding hides the 0 on the axis.
        item.setXRange(-0.003 * reach, reach, padding=0)
        item.setYRange(-0.5, len(chart.rows) - 0.5, padding=0)
        ticks = nice_ticks(chart.extent, max(2, int(plot / 110)))
        self.getAxis("bottom").setTicks([[(tick, numbers(f"{tick:,.0f}")) for tick in ticks], []])
        self._add_grid(ticks[1:])
        self._add_bars(chart)
        for place, row in enumerate(chart.rows):
            self._write_numbers(chart, place, row, plot / reach, reach)

    def _add_grid(self, ticks: list[float]) -> None:
        """Lines behind the bars; those of the axis would lie on them."""
        faint = QColor(self.palette().color(QPalette.WindowText))
        faint.setAlpha(45)
        for tick in ticks:
            line = pg.InfiniteLine(tick, angle=90, pen=pg.mkPen(faint))
            line.setZValue(-100)
            self.addItem(line, ignoreBounds=True)

    def _add_bars(self, chart: BarChart) -> None:
        starts, widths, places, brushes, pens = [], [], [], [], []
        for place, row in enumerate(chart.rows):
            for part, start, stop in chart.segments(row):
                starts.append(start)
                widths.append(stop - start)
                places.append(place)
                brushes.append(pg.mkBrush(toned(row.colour, chart.parts[part].tone)))
                pens.append(pg.mkPen(toned(row.colour, -0.2)))
        if starts:
            self.addItem(
                pg.BarGraphItem(
                    x0=starts, width=widths, y=places, height=_BAR_SHARE, brushes=brushes, pens=pens
                )
            )
        pen = pg.mkPen(self.palette().color(QPalette.WindowText), width=3)
        for place, row in enumerate(chart.rows):
            if row.mark is not None:
                self.addItem(pg.PlotDataItem([row.mark] * 2, [place - 0.46, place + 0.46], pen=pen))

    def _write_numbers(self, chart: BarChart, place: int, row: Row, scale: float, reach: float) -> None:
        metrics = QFontMetricsF(self.font())
        end, hidden = float(row.mark or 0), False
        for part, start, stop in chart.segments(row):
            text = numbers(f"{row.values[part]:,}")
            end = max(end, stop)
            if row.values[part] == row.total and not chart.shares:
                continue
            first, last = chart.room_for_text(row, start, stop)
            if metrics.horizontalAdvance(text) + 2 <= (last - first) * scale:
                ink = text_on(toned(row.colour, chart.parts[part].tone))
                self._write(text, (first + last) / 2, place, QColor(*ink), 0.5)
            else:
                hidden = True
        text = numbers(chart.sum_of(row))
        room = (reach - end) * scale - 2 * _GAP
        if not hidden or metrics.horizontalAdvance(text) > room:
            text = numbers(chart.text_of(row))
        self._write(text, end + _GAP / scale, place, self.palette().color(QPalette.WindowText), 0.0)

    def _write(self, text: str, x: float, y: float, colour: QColor, anchor: float) -> None:
        # Beside a bar it hides the line of the grid behind it.
        fill = None if anchor else pg.mkBrush(self.palette().color(QPalette.Window))
        item = pg.TextItem(text, color=colour, anchor=(anchor, 0.5), fill=fill)
        item.setFont(self.font())
        item.textItem.document().setDocumentMargin(0)
        item.setPos(x, y)
        self.addItem(item, ignoreBounds=True)
        self._texts.append(item)

    # Pointing

    def hit(self, position: QPoint) -> tuple[Row, int | None] | None:
        """The row at a place of this widget, and the part of its bar there, or None beside the bar."""
        chart = self._chart
        if chart is None:
            return None
        place = self.getPlotItem().vb.mapSceneToView(self.mapToScene(position))
        number = round(place.y())
        if not 0 <= number < len(chart.rows):
            return None
        row = chart.rows[number]
        if abs(place.y() - number) <= _BAR_SHARE / 2:
            for part, start, stop in chart.segments(row):
                if start <= place.x() <= stop:
                    return row, part
        return row, None

    def point_of(self, number: int, part: int | None = None) -> QPoint:
        """The middle of a bar or of one of its parts, on this widget."""
        chart = self._chart
        x = 0.0
        if chart is not None:
            found = [(a, b) for p, a, b in chart.segments(chart.rows[number]) if part in (p, None)]
            x = (found[0][0] + found[-1][1]) / 2 if found else 0.0
        return self.mapFromScene(self.getPlotItem().vb.mapViewToScene(pg.Point(x, number)))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        event.accept()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self.viewport().setCursor(Qt.PointingHandCursor if self.hit(event.pos()) else Qt.ArrowCursor)
        event.accept()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        found = self.hit(event.pos())
        if event.button() == Qt.LeftButton and found is not None:
            self.clicked.emit(*found)
        event.accept()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()

    def viewportEvent(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and self._chart is not None:
            found = self.hit(event.pos())
            if found is not None:
                text = numbers(self._chart.describe(*found)) + "\n" + tr("Click to see these pictures.")
                QToolTip.showText(event.globalPos(), tip(text), self)
                return True
        return super().viewportEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        # The base class is built before our own attributes are there.
        if getattr(self, "_chart", None) is not None and self._drawn_width != self.width():
            self._draw()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() in (QEvent.PaletteChange, QEvent.FontChange) and hasattr(self, "_texts"):
            self._style()
            self._draw()


class Legend(QWidget):
    """Squares in the tones of the parts, and their names; outside the plot, so nothing lies under it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(5)

    def show_chart(self, chart: BarChart) -> None:
        """Show the parts of another chart."""
        while self._row.count():
            widget = self._row.takeAt(0).widget()
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.setVisible(len(chart.parts) > 1 or bool(chart.mark_name))
        colour = chart.rows[0].colour if len(chart.rows) == 1 else NEUTRAL
        for part in chart.parts:
            self._add(toned(colour, part.tone), part.name, 12)
        if chart.mark_name:
            text = self.palette().color(QPalette.WindowText)
            self._add((text.red(), text.green(), text.blue()), chart.mark_name, 4)
        self._row.addStretch()

    def _add(self, colour: Rgb, name: str, width: int) -> None:
        swatch = QFrame()
        swatch.setFixedSize(width, 12)
        border = "#{:02x}{:02x}{:02x}".format(*toned(colour, -0.2))
        fill = "#{:02x}{:02x}{:02x}".format(*colour)
        swatch.setStyleSheet(f"QFrame {{ background: {fill}; border: 1px solid {border}; }}")
        self._row.addWidget(swatch)
        self._row.addWidget(QLabel(name))
        self._row.addSpacing(8)


class BarPanel(QWidget):
    """A bar chart with title, legend and note."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = _title()
        self.legend = Legend()
        self.view = BarView()
        self.clicked = self.view.clicked
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.chart: BarChart | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        for widget in (self.title, self.legend, self.view, self.note):
            column.addWidget(widget)
        column.addStretch()

    def show_chart(self, chart: BarChart) -> None:
        """Show another chart."""
        self.chart = chart
        self.title.setText(chart.title)
        self.legend.show_chart(chart)
        self.view.show_chart(chart)
        self.note.setText(note(chart))
        self.note.setVisible(bool(self.note.text()))


class MatrixPanel(QWidget):
    """Which classes share pictures: a table whose cells are the stronger the more they do.

    Signals:
        clicked: Row and column of a cell; the column after the classes is ``alone``, the next one all.
    """

    clicked = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.title = _title()
        self.table = QTableWidget()
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.NoSelection)
        self.table.setFocusPolicy(Qt.NoFocus)
        self.table.setVerticalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.table.verticalHeader().hide()
        self.table.setTextElideMode(Qt.ElideMiddle)
        # Or a long name is broken first, and of its last part nothing is left.
        self.table.setWordWrap(False)
        self.table.cellClicked.connect(self._clicked)
        self.matrix: Matrix | None = None
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        column.addWidget(self.title)
        column.addWidget(self.table)
        note = QLabel(tr("Stronger colour: a larger part of the row's pictures."))
        note.setWordWrap(True)
        column.addWidget(note)
        column.addStretch()

    def show_matrix(self, matrix: Matrix) -> None:
        """Show other numbers."""
        self.matrix = matrix
        self.title.setText(tr("Pictures that show two classes"))
        labels = matrix.labels
        self.table.setRowCount(len(labels))
        self.table.setColumnCount(len(labels) + 3)
        # Columns are numbered as the rows are: long names need no turned text.
        titles = [str(number) for number in range(1, len(labels) + 1)]
        self.table.setHorizontalHeaderLabels(["", *titles, tr("alone"), tr("in all")])
        for row, label in enumerate(labels):
            name = QTableWidgetItem(_icon(matrix.colours[row]), f"{row + 1}  {label}")
            name.setToolTip(tip(label))
            self.table.setItem(row, 0, name)
            for column in range(len(labels)):
                self._set_cell(matrix, row, column)
            for place, value in enumerate((matrix.alone[row], matrix.images[row]), len(labels) + 1):
                self._set_number(row, place, numbers(f"{value:,}"))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.Stretch)
        header.setMinimumSectionSize(34)
        height = header.sizeHint().height() + 4
        height += sum(self.table.rowHeight(row) for row in range(len(labels)))
        self.table.setFixedHeight(height)
        self._set_widths()

    def _set_widths(self) -> None:
        if self.matrix is None:
            return
        header = self.table.horizontalHeader()
        metrics = self.fontMetrics()
        names = (f"00  {label}" for label in self.matrix.labels)
        needed = max(metrics.horizontalAdvance(name) for name in names) + 40
        header.setSectionResizeMode(0, QHeaderView.Fixed)
        header.resizeSection(0, min(needed, int(0.4 * self.width())))

    def _set_cell(self, matrix: Matrix, row: int, column: int) -> None:
        if row == column:
            self._set_number(row, column + 1, "")
            return
        value = matrix.together[row][column]
        share = value / matrix.images[row] if matrix.images[row] else 0.0
        item = self._set_number(row, column + 1, numbers(f"{value:,}"))
        fill = _mixed(NEUTRAL, self.palette().color(QPalette.Base), 0.08 + 0.75 * share)
        item.setBackground(QColor(*fill))
        item.setForeground(QColor(*text_on(fill)))
        item.setToolTip(tip(describe_cell(matrix, row, column)))

    def _set_number(self, row: int, column: int, text: str) -> QTableWidgetItem:
        item = QTableWidgetItem(text)
        item.setTextAlignment(int(Qt.AlignCenter))
        self.table.setItem(row, column, item)
        return item

    def _clicked(self, row: int, column: int) -> None:
        # The name stands for all pictures of the class.
        last = self.table.columnCount() - 2
        self.clicked.emit(row, column - 1 if column else last)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._set_widths()

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and getattr(self, "matrix", None) is not None:
            self.show_matrix(self.matrix)


class Pair(QWidget):
    """Two widgets side by side where there is room for both, else one below the other."""

    WIDE = 860
    """Pixels from which they stand side by side."""

    def __init__(self, first: QWidget, second: QWidget, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(24)
        self._layout.addWidget(first, 1, Qt.AlignTop)
        self._layout.addWidget(second, 1, Qt.AlignTop)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        wide = event.size().width() >= self.WIDE
        direction = QHBoxLayout.LeftToRight if wide else QHBoxLayout.TopToBottom
        if self._layout.direction() != direction:
            self._layout.setDirection(direction)


def _icon(colour: Rgb) -> QIcon:
    pixmap = QPixmap(14, 14)
    pixmap.fill(QColor(*colour))
    return QIcon(pixmap)


def _title() -> QLabel:
    label = QLabel()
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    label.setWordWrap(True)
    return label
