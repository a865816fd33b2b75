"""The loss as it falls, and the accuracy as it rises, each with what it rests on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pyqtgraph as pg
from PyQt5.QtCore import QBuffer, QEvent, QIODevice, Qt
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QWidget

from annotator.core.training import MapPoint, TrainingModel
from annotator.qt.translation import tr, tr_n
from converters.charts import toned
from converters.colours import Rgb, default_colour


class _Chart(pg.PlotWidget):
    """Iterations to the right; the wheel zooms, a drag moves, a double click shows all again."""

    def __init__(self, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setLabel("bottom", tr("iteration"))
        self.setLabel("left", title)
        self.showGrid(x=True, y=True, alpha=0.25)
        self._legend = self.addLegend(offset=(-12, 8))
        item = self.getPlotItem()
        item.setMenuEnabled(False)
        item.hideButtons()
        self.getAxis("bottom").enableAutoSIPrefix(False)
        self.getAxis("left").enableAutoSIPrefix(False)
        self.setMinimumSize(260, 150)
        self._style()

    def _style(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(QPalette.Base))
        colour = palette.color(QPalette.Text)
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(colour)
            self.getAxis(side).setTextPen(colour)
        self._legend.setLabelTextColor(colour)
        for _, label in self._legend.items:
            # It is drawn anew with its text only.
            label.setText(label.text, color=colour)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and hasattr(self, "_legend"):
            self._style()

    def mouseDoubleClickEvent(self, event) -> None:
        self.show_all()
        event.accept()

    def show_all(self) -> None:
        """Show everything there is, and follow what comes."""
        self.getPlotItem().enableAutoRange()

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
        self._loss = self.plot([], [], pen=pg.mkPen((102, 153, 238), width=1), name=tr("loss"))
        pen = pg.mkPen((238, 102, 119), width=3)
        self._average = self.plot([], [], pen=pen, name=tr("average loss"))
        self._diverged = pg.InfiniteLine(angle=90, pen=pg.mkPen((221, 34, 34), width=2, style=Qt.DashLine))
        self._diverged.hide()
        self.addItem(self._diverged, ignoreBounds=True)
        for line in (self._loss, self._average):
            # Of 100,000 iterations as many are drawn as there are pixels.
            line.setDownsampling(auto=True, method="peak")
            line.setClipToView(True)
        self._style()

    def set_log(self, on: bool) -> None:
        """Whether the loss has a logarithmic axis."""
        self.setLogMode(x=False, y=on)

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


class AccuracyChart(_Chart):
    """mAP and the AP of each class on the validation pictures, with the interval that its boxes allow."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("AP on val, %"), parent)
        self._items: list[object] = []
        self._drawn: object = None
        self.setYRange(0, 100, padding=0.02)

    def show_all(self) -> None:
        super().show_all()
        self.setYRange(0, 100, padding=0.02)

    def show_model(self, model: TrainingModel, boxes: Mapping[str, int]) -> None:
        """Draw the measures so far: ours of saved weights, else what Darknet measured by itself.

        Args:
            model: The training.
            boxes: Number of validation boxes of each class.
        """
        light = self.palette().color(QPalette.Base).lightness() > 127
        state = (model.run, len(model.maps), tuple(model.checkpoints), dict(boxes), light)
        if state == self._drawn:
            return
        self._drawn = state
        for item in self._items:
            self.removeItem(item)
        self._items = []
        self._legend.clear()
        measured = model.points()
        # The colours are made for pictures; on white they are too light.
        tone = -0.3 if light else 0.0
        for place, name in enumerate(dict.fromkeys(name for point in measured for name in point.classes)):
            colour = toned(default_colour(place), tone)
            points = [point for point in measured if name in point.classes]
            self._add_class(name, points, boxes.get(name, 0), colour)
        self._add_mean(tr("mAP"), measured, Qt.SolidLine)
        if model.checkpoints and model.maps:
            self._add_mean(tr("mAP by Darknet"), model.maps, Qt.DotLine)
        self._style()

    def _add_mean(self, name: str, points: Sequence[MapPoint], style: Qt.PenStyle) -> None:
        colour = self.palette().color(QPalette.Text)
        solid = style == Qt.SolidLine
        self._items.append(
            self.plot(
                [point.iteration for point in points],
                [100 * point.mean for point in points],
                pen=pg.mkPen(colour, width=3 if solid else 1, style=style),
                # A single measure is no line.
                symbol="s" if solid else "x",
                symbolSize=6,
                symbolBrush=pg.mkBrush(colour),
                symbolPen=None if solid else pg.mkPen(colour),
                name=name,
                connect="finite",
            )
        )

    def _add_class(self, name: str, points: Sequence[MapPoint], boxes: int, colour: Rgb) -> None:
        at = [point.iteration for point in points]
        shares = [point.classes[name] for point in points]
        # The AP need not lie in an interval that was drawn from pictures at random.
        ends = [
            (min(low, share), max(high, share))
            for share, (low, high) in zip(
                shares, (point.interval_of(name, boxes) for point in points), strict=True
            )
        ]
        bars = pg.ErrorBarItem(
            x=_array(at),
            y=_array([100 * share for share in shares]),
            top=_array([100 * (high - share) for share, (_, high) in zip(shares, ends, strict=True)]),
            bottom=_array([100 * (share - low) for share, (low, _) in zip(shares, ends, strict=True)]),
            pen=pg.mkPen((*colour, 110)),
        )
        self.addItem(bars)
        count = tr_n("{n} box", "{n} boxes", boxes)
        line = self.plot(
            at,
            [100 * share for share in shares],
            pen=pg.mkPen(colour, width=2),
            symbol="o",
            symbolSize=5,
            symbolBrush=pg.mkBrush(colour),
            symbolPen=None,
            name=f"{_short(name)} ({count})",
            connect="finite",
        )
        self._items += [bars, line]


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
