"""Curves and bars of an evaluation on the screen; they take no wheel, so that the page scrolls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pyqtgraph as pg
from PyQt5.QtCore import QEvent, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QMouseEvent, QPalette, QWheelEvent
from PyQt5.QtWidgets import QFrame, QSizePolicy, QWidget

from annotator.darknet.evaluation.charts import size_text
from annotator.darknet.evaluation.curves import Curve, Reliability, SizeAp
from annotator.qt.chart_legend import CurveLegend, Entry
from annotator.qt.translation import tr, tr_n
from converters.charts import toned
from converters.colours import Rgb

_TICKS = [(tenth / 10, f"{tenth * 10}") for tenth in range(0, 11, 2)]


class ShareChart(pg.PlotWidget):
    """A chart whose upright axis goes from 0 to 100 %."""

    def __init__(self, across: str, up: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        item.setMouseEnabled(False, False)
        item.vb.setDefaultPadding(0.0)
        self.setLabel("bottom", across)
        self.setLabel("left", up)
        # With room behind 100 %, or its label is left out.
        self.setXRange(-0.005, 1.04, padding=0)
        self.setYRange(-0.005, 1.07, padding=0)
        self.getAxis("left").setTicks([_TICKS, []])
        for side in ("left", "bottom"):
            self.getAxis(side).setStyle(hideOverlappingLabels=False)
        self.showGrid(x=True, y=True, alpha=0.2)
        self.setFrameShape(QFrame.NoFrame)
        self.setFocusPolicy(Qt.NoFocus)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Fixed)
        height = 17 * self.fontMetrics().height()
        self.setFixedHeight(height)
        self._style()

    def minimumSizeHint(self) -> QSize:
        return QSize(260, 200)

    def ink(self, colour: Rgb) -> QColor:
        """A class's colour that is seen on the page's background, light or dark."""
        light = self.palette().color(QPalette.Base).lightness() > 127
        return QColor(*toned(colour, -0.35 if light else 0.0))

    def text_colour(self) -> QColor:
        """Of lines and texts."""
        return self.palette().color(QPalette.Text)

    def redraw(self) -> None:
        """Draw what is shown once more (another theme)."""

    def _style(self) -> None:
        self.setBackground(self.palette().color(QPalette.Base))
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(self.text_colour())
            self.getAxis(side).setTextPen(self.text_colour())

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        # Qt tells of palettes while pyqtgraph still makes the chart.
        if event.type() == QEvent.PaletteChange and hasattr(self, "_shown"):
            self._style()
            self.redraw()

    def wheelEvent(self, event: QWheelEvent) -> None:
        event.ignore()


class CurveChart(ShareChart):
    """Precision against recall of each class.

    Signals:
        pointed: What is at the place that was clicked, as a sentence.
        point_chosen: The curve there, and the confidence.
    """

    pointed = pyqtSignal(str)
    point_chosen = pyqtSignal(object, float)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("recall, %"), tr("precision, %"), parent)
        self.getAxis("bottom").setTicks([_TICKS, []])
        self._shown: tuple[Sequence[Curve], float, Mapping[str, Rgb]] = ((), 0.25, {})
        self.legend = CurveLegend()
        self.legend.changed.connect(self._show_chosen)
        self._drawn: list[tuple[pg.PlotDataItem, pg.ScatterPlotItem]] = []
        self.setToolTip(tr("Click beside a curve: which confidence is there"))

    def show_curves(self, curves: Sequence[Curve], threshold: float, colours: Mapping[str, Rgb]) -> None:
        """Draw other curves; a dot is where the confidence threshold is."""
        self._shown = curves, threshold, colours
        self.redraw()

    def redraw(self) -> None:
        """Draw what is shown once more."""
        curves, threshold, colours = self._shown
        entries = []
        for curve in curves:
            if not curve.truths or not len(curve.recall):
                continue
            if len(entries) == len(self._drawn):
                dot = pg.ScatterPlotItem(size=9, pen=None)
                self._drawn.append((self.plot([], []), dot))
                self.addItem(dot)
            line, dot = self._drawn[len(entries)]
            thin = curve.thinned()
            recall = np.concatenate([[0.0], thin.recall, thin.recall[-1:]])
            envelope = thin.envelope()
            precision = np.concatenate([envelope[:1], envelope, [0.0]])
            colour = self.ink(colours[curve.name])
            line.setData(recall, precision, pen=pg.mkPen(colour, width=2))
            place = curve.at(threshold)
            dot.setData(
                *([place[0]], [place[1]]) if place is not None else ([], []), brush=pg.mkBrush(colour)
            )
            entries.append(Entry(curve.name, f"{_short(curve.name)} {100 * curve.ap:.1f}", colour))
        self.legend.show_entries(entries)
        self._show_chosen()

    def _show_chosen(self) -> None:
        """Hide the curves that are hidden in the legend, or of which there are fewer now."""
        keys = self.legend.keys()
        for number, (line, dot) in enumerate(self._drawn):
            on = number < len(keys) and self.legend.is_shown(keys[number])
            line.setVisible(on)
            dot.setVisible(on)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        super().mousePressEvent(event)
        if event.button() != Qt.LeftButton:
            return
        at = self.getPlotItem().vb.mapSceneToView(self.mapToScene(event.pos()))
        text = self.describe(at.x(), at.y())
        if text:
            self.pointed.emit(text)
            curve, place = self.nearest(at.x(), at.y())
            self.point_chosen.emit(curve, float(curve.confidence[place]))

    def describe(self, recall: float, precision: float) -> str:
        """The point of the curves that is nearest, as a sentence; empty where there is none."""
        found = self.nearest(recall, precision)
        if found is None:
            return ""
        curve, place = found
        return tr(
            "{name}: from confidence {confidence} on, recall {recall} %, precision {precision} %",
            name=curve.name,
            confidence=f"{curve.confidence[place]:.2f}",
            recall=f"{100 * curve.recall[place]:.0f}",
            precision=f"{100 * curve.precision[place]:.0f}",
        )

    def nearest(self, recall: float, precision: float) -> tuple[Curve, int] | None:
        """The curve and the index of its detection that is nearest; None where there is no curve."""
        best: tuple[float, Curve, int] | None = None
        for curve in self._shown[0]:
            if not curve.truths or not len(curve.recall) or not self.legend.is_shown(curve.name):
                continue
            apart = np.hypot(curve.recall - recall, curve.precision - precision)
            place = int(apart.argmin())
            if best is None or apart[place] < best[0]:
                best = float(apart[place]), curve, place
        return best[1:] if best is not None else None


class ReliabilityChart(ShareChart):
    """The share of right predictions against their confidence."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("confidence, %"), tr("right, %"), parent)
        self.getAxis("bottom").setTicks([_TICKS, []])
        self._shown: Reliability | None = None
        self.setToolTip(
            tr("A bar at the dashed line: of the predictions with this confidence just as many are right")
        )

    def show_reliability(self, found: Reliability) -> None:
        """Draw other numbers."""
        self._shown = found
        self.redraw()

    def redraw(self) -> None:
        """Draw what is shown once more."""
        self.getPlotItem().clear()
        self.plot([0, 1], [0, 1], pen=pg.mkPen(self.text_colour(), style=Qt.DashLine))
        bins = self._shown.bins if self._shown is not None else ()
        if bins:
            brush = QColor(self.palette().color(QPalette.Highlight))
            brush.setAlpha(150)
            middles = [(one.low + one.high) / 2 for one in bins]
            heights = [one.right for one in bins]
            self.addItem(pg.BarGraphItem(x=middles, height=heights, width=0.09, brush=brush, pen=None))
            _add_spans(self, [one.confidence for one in bins], [one.interval for one in bins])


class SizeChart(ShareChart):
    """AP by the size of the boxes, a bar for each class in each size."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            tr("side of the box in pixels of the picture (below: boxes)"), tr("AP@0.50, %"), parent
        )
        self._shown: tuple[Sequence[SizeAp], Sequence[str], Mapping[str, Rgb]] = ((), (), {})

    def show_sizes(
        self, sizes: Sequence[SizeAp], class_names: Sequence[str], colours: Mapping[str, Rgb]
    ) -> None:
        """Draw other numbers."""
        self._shown = sizes, class_names, colours
        self.redraw()

    def redraw(self) -> None:
        """Draw what is shown once more."""
        sizes, class_names, colours = self._shown
        self.getPlotItem().clear()
        lows = sorted({one.low for one in sizes})
        if not lows:
            return
        group = 1 / len(lows)
        width = 0.8 * group / max(1, len(class_names))
        places, spans = [], []
        for column, name in enumerate(class_names):
            mine = [one for one in sizes if one.name == name and one.ap is not None and one.interval]
            x = [lows.index(one.low) * group + 0.1 * group + (column + 0.5) * width for one in mine]
            heights = [one.ap or 0.0 for one in mine]
            brush = self.ink(colours[name])
            self.addItem(pg.BarGraphItem(x=x, height=heights, width=0.9 * width, brush=brush, pen=None))
            places += x
            spans += [one.interval for one in mine if one.interval]
        _add_spans(self, places, spans)
        self.getAxis("bottom").setTicks(
            [[(group * (at + 0.5), self._tick(low)) for at, low in enumerate(lows)], []]
        )

    def _tick(self, low: float) -> str:
        parts = [one for one in self._shown[0] if one.low == low]
        return f"{size_text(low, parts[0].high)}\n{sum(one.truths for one in parts):,}"


def reliability_text(found: Reliability) -> str:
    """One sentence about the reliability of confidences."""
    if found.ece is None:
        return tr(
            "There is no prediction above a confidence of {threshold}.", threshold=f"{found.threshold:g}"
        )
    text = tr_n(
        "Expected calibration error {ece} % over {n} prediction.",
        "Expected calibration error {ece} % over {n} predictions.",
        found.count,
        ece=f"{100 * found.ece:.1f}",
    )
    points = f"{100 * abs(found.too_sure):.1f}"
    if found.too_sure > 0.005:
        text += " " + tr("On average {points} points too sure.", points=points)
    elif found.too_sure < -0.005:
        text += " " + tr("On average {points} points not sure enough.", points=points)
    return text


def _add_spans(chart: ShareChart, places: Sequence[float], spans: Sequence[tuple[float, float]]) -> None:
    """A thin line for each interval."""
    if places:
        x = np.repeat(np.array(places, dtype=float), 2)
        y = np.array(spans, dtype=float).ravel()
        # A rim in the colour of the page: the line is seen on a bar of any colour.
        rim = pg.mkPen(chart.palette().color(QPalette.Base), width=4)
        chart.plot(x, y, pen=rim, connect="pairs")
        chart.plot(x, y, pen=pg.mkPen(chart.text_colour(), width=2), connect="pairs")


def _short(name: str) -> str:
    return name if len(name) <= 24 else f"{name[:14]}…{name[-8:]}"
