"""The loss as it falls."""

from __future__ import annotations

import pyqtgraph as pg
from PyQt5.QtCore import QEvent
from PyQt5.QtWidgets import QWidget

from annotator.core.training import TrainingModel
from annotator.qt.translation import tr


class LossChart(pg.PlotWidget):
    """Loss and average loss over iterations; the wheel zooms, a double click shows all again."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setLabel("bottom", tr("iteration"))
        self.setLabel("left", tr("loss"))
        self.showGrid(x=True, y=True, alpha=0.25)
        self._legend = self.addLegend(offset=(-12, 8))
        self.getPlotItem().setMenuEnabled(False)
        self._loss = self.plot([], [], pen=pg.mkPen((102, 153, 238), width=1), name=tr("loss"))
        self._average = self.plot([], [], pen=pg.mkPen((238, 102, 119), width=3), name=tr("average loss"))
        self.setMinimumSize(260, 180)
        self._style()

    def _style(self) -> None:
        palette = self.palette()
        self.setBackground(palette.base().color())
        colour = palette.text().color()
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

    def show_model(self, model: TrainingModel) -> None:
        """Draw the points so far (gaps where Darknet printed nan)."""
        self._loss.setData(model.iterations, model.losses, connect="finite")
        self._average.setData(model.iterations, model.averages, connect="finite")
