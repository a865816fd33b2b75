"""The loss as it falls, and the accuracy as it rises, each with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyqtgraph as pg
from PyQt5.QtCore import QBuffer, QEvent, QIODevice, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QMouseEvent, QPalette
from PyQt5.QtWidgets import QVBoxLayout, QWidget

from annotator.core.training import MapPoint, TrainingModel
from annotator.qt.chart_legend import CurveLegend, Entry
from annotator.qt.translation import tr, tr_n
from converters.charts import toned
from converters.colours import default_colour

_LOSS, _AVERAGE = (102, 153, 238), (238, 102, 119)


class _Plot(pg.PlotWidget):
    """Iterations to the right; the wheel zooms, a drag moves, a double click shows all again.

    Signals:
        all_wanted: A double click.
    """

    all_wanted = pyqtSignal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setLabel("bottom", tr("iteration"))
        self.setLabel("left", title)
        self.showGrid(x=True, y=True, alpha=0.25)
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        for side in ("left", "bottom"):
            self.getAxis(side).enableAutoSIPrefix(False)
        self.style_it()

    def style_it(self) -> None:
        """Take the colours of the theme."""
        palette = self.palette()
        self.setBackground(palette.color(QPalette.Base))
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(palette.color(QPalette.Text))
            self.getAxis(side).setTextPen(palette.color(QPalette.Text))

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self.all_wanted.emit()
        event.accept()


class _Chart(QWidget):
    """A plot, and the names of its curves above it.

    No curve is ever taken out of the plot: pyqtgraph's legend and curves that come and go while it paints end
    in crashes. Those that are not needed are hidden.
    """

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.plot = _Plot(title)
        self.legend = CurveLegend()
        self.plot.all_wanted.connect(self.show_all)
        self.legend.changed.connect(self.show_chosen)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.legend)
        column.addWidget(self.plot, 1)
        self.setMinimumSize(260, 150)

    def show_chosen(self) -> None:
        """Hide the curves that are hidden in the legend, show the others."""

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and hasattr(self, "plot"):
            self.plot.style_it()
            self.redraw()

    def redraw(self) -> None:
        """Draw what is shown once more (another theme)."""

    def show_all(self) -> None:
        """Show everything there is, and follow what comes."""
        self.plot.getPlotItem().enableAutoRange()

    def png_bytes(self) -> bytes:
        """What is shown, as a picture."""
        buffer = QBuffer()
        buffer.open(QIODevice.WriteOnly)
        self.grab().save(buffer, "PNG")
        return bytes(buffer.data())


class LossChart(_Chart):
    """Loss and average loss over iterations."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("loss"), parent)
        self._loss = self.plot.plot([], [], pen=pg.mkPen(_LOSS, width=1))
        self._average = self.plot.plot([], [], pen=pg.mkPen(_AVERAGE, width=3))
        pen = pg.mkPen((221, 34, 34), width=2, style=Qt.DashLine)
        self._diverged = pg.InfiniteLine(angle=90, pen=pen)
        self._diverged.hide()
        self.plot.addItem(self._diverged, ignoreBounds=True)
        for line in (self._loss, self._average):
            # Of 100,000 iterations as many are drawn as there are pixels.
            line.setDownsampling(auto=True, method="peak")
            line.setClipToView(True)
        self.legend.show_entries(
            (
                Entry("loss", tr("loss"), QColor(*_LOSS), width=1),
                Entry("average", tr("average loss"), QColor(*_AVERAGE), width=3),
            )
        )

    def set_log(self, on: bool) -> None:
        """Whether the loss has a logarithmic axis."""
        self.plot.setLogMode(x=False, y=on)

    def show_chosen(self) -> None:
        self._loss.setVisible(self.legend.is_shown("loss"))
        self._average.setVisible(self.legend.is_shown("average"))

    def show_model(self, model: TrainingModel) -> None:
        """Draw the points so far; gaps and a red line where Darknet printed nan."""
        self._loss.setData(model.iterations, model.losses, connect="finite")
        self._average.setData(model.iterations, model.averages, connect="finite")
        self._diverged.setVisible(model.has_diverged)
        if model.has_diverged:
            ends = (
                i for i, average in zip(model.iterations, model.averages, strict=True) if average != average
            )
            self._diverged.setValue(next(ends, model.iteration))


class _Curve:
    """A line with its intervals, drawn anew as often as wanted."""

    def __init__(self, plot: _Plot) -> None:
        self.key = ""
        self.bars = pg.ErrorBarItem(x=_array(()), y=_array(()), top=_array(()), bottom=_array(()))
        self.line = plot.plot([], [])
        plot.addItem(self.bars)

    def show(self, on: bool) -> None:
        """Whether it is seen."""
        self.line.setVisible(on)
        self.bars.setVisible(on)

    def draw(
        self,
        entry: Entry,
        points: Sequence[tuple[int, float]],
        spans: Sequence[tuple[float, float]] = (),
        symbol: str = "o",
    ) -> None:
        """Draw shares (0 to 1) at iterations, and around each of them its interval."""
        self.key = entry.key
        at = [place for place, _ in points]
        shares = [share for _, share in points]
        pen = pg.mkPen(entry.colour, width=entry.width, style=entry.style)
        self.line.setData(
            at,
            [100 * share for share in shares],
            pen=pen,
            # A single measure is no line.
            symbol=symbol,
            symbolSize=5 if symbol == "o" else 6,
            symbolBrush=pg.mkBrush(entry.colour),
            symbolPen=pg.mkPen(entry.colour) if symbol == "x" else None,
            connect="finite",
        )
        # The AP need not lie in an interval that was drawn from pictures at random.
        ends = [
            (min(low, share), max(high, share)) for share, (low, high) in zip(shares, spans, strict=False)
        ]
        faint = QColor(entry.colour)
        faint.setAlpha(110)
        self.bars.setData(
            x=_array(at[: len(ends)]),
            y=_array([100 * share for share in shares[: len(ends)]]),
            top=_array([100 * (high - share) for share, (_, high) in zip(shares, ends, strict=False)]),
            bottom=_array([100 * (share - low) for share, (low, _) in zip(shares, ends, strict=False)]),
            pen=pg.mkPen(faint),
        )


class AccuracyChart(_Chart):
    """mAP and the AP of each class on the validation pictures, with the interval that its boxes allow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("AP on val, %"), parent)
        self._curves: list[_Curve] = []
        self._used = 0
        self._drawn: object = None
        self._shown: tuple[TrainingModel, Mapping[str, int]] | None = None
        self.plot.setYRange(0, 100, padding=0.02)

    def show_all(self) -> None:
        super().show_all()
        self.plot.setYRange(0, 100, padding=0.02)

    def redraw(self) -> None:
        if getattr(self, "_shown", None) is not None:
            self.show_model(*self._shown)

    def show_chosen(self) -> None:
        for number, curve in enumerate(self._curves):
            curve.show(number < self._used and self.legend.is_shown(curve.key))

    def show_model(self, model: TrainingModel, boxes: Mapping[str, int]) -> None:
        """Draw the measures so far: ours of saved weights, else what Darknet measured by itself.

        Args:
            model: The training.
            boxes: Number of validation boxes of each class.
        """
        self._shown = model, boxes
        light = self.palette().color(QPalette.Base).lightness() > 127
        state = (model.run, len(model.maps), tuple(model.checkpoints), dict(boxes), light)
        if state == self._drawn:
            return
        self._drawn = state
        measured = model.points()
        self._used = 0
        entries = []
        text = self.palette().color(QPalette.Text)
        if measured:
            entries.append(self._draw_mean(Entry(" mean", tr("mAP"), text, width=3), measured, "s"))
        if model.checkpoints and model.maps:
            entry = Entry(" darknet", tr("mAP by Darknet"), text, Qt.DotLine, 1)
            entries.append(self._draw_mean(entry, model.maps, "x"))
        # The colours are made for pictures; on white they are too light.
        tone = -0.3 if light else 0.0
        for place, name in enumerate(dict.fromkeys(name for point in measured for name in point.classes)):
            count = tr_n("{n} box", "{n} boxes", boxes.get(name, 0))
            colour = QColor(*toned(default_colour(place), tone))
            entry = Entry(name, f"{_short(name)} ({count})", colour)
            points = [point for point in measured if name in point.classes]
            spans = [point.interval_of(name, boxes.get(name, 0)) for point in points]
            shares = [(point.iteration, point.classes[name]) for point in points]
            self._next().draw(entry, shares, spans)
            entries.append(entry)
        self.legend.show_entries(entries)
        self.show_chosen()

    def _draw_mean(self, entry: Entry, points: Sequence[MapPoint], symbol: str) -> Entry:
        curve = self._next()
        curve.draw(entry, [(point.iteration, point.mean) for point in points], symbol=symbol)
        # Above those of the classes.
        curve.line.setZValue(1)
        return entry

    def _next(self) -> _Curve:
        """A curve that is not used yet."""
        if self._used == len(self._curves):
            self._curves.append(_Curve(self.plot))
        self._used += 1
        curve = self._curves[self._used - 1]
        curve.line.setZValue(0)
        return curve


def accuracy_text(model: TrainingModel, boxes: Mapping[str, int]) -> str:
    """The newest measure in words: each class with its interval, and the best so far."""
    points = model.points()
    if not points:
        return ""
    last = points[-1]
    parts = [tr("mAP@{iou:.2f} on val {mean:.1f} %", iou=last.iou, mean=100 * last.mean)]
    for name, share in last.classes.items():
        low, high = last.interval_of(name, boxes.get(name, 0))
        parts.append(
            tr(
                "{name} {share:.0f} % ({low:.0f} to {high:.0f}: {boxes})",
                name=_short(name),
                share=100 * share,
                low=100 * low,
                high=100 * high,
                boxes=tr_n("{n} box", "{n} boxes", boxes.get(name, 0)),
            )
        )
    best = model.best
    if best is not None and best.iteration != last.iteration:
        parts.append(tr("best {mean:.1f} % at {iteration}", mean=100 * best.mean, iteration=best.iteration))
    return " · ".join(parts)


def measured_text(model: TrainingModel, iteration: int) -> str:
    """A measure of saved weights as a line of the log; empty where there is none."""
    last = next((one for one in model.checkpoints if one.iteration == iteration), None)
    if last is None:
        return ""
    return tr(
        "Iteration {iteration} measured on val: mAP@0.50 {mean:.1f} %, mAP@0.75 {strict:.1f} %.",
        iteration=last.iteration,
        mean=100 * last.mean_ap,
        strict=100 * last.mean_ap_75,
    )


def _array(values: Sequence[float]):
    import numpy as np

    return np.array(values, dtype=float)


def _short(name: str) -> str:
    return name if len(name) <= 20 else f"{name[:12]}…{name[-6:]}"
