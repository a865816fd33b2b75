"""Anchors for the boxes of the training split: worked out, compared with the network's own, and drawn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pyqtgraph as pg
from PyQt5.QtCore import QEvent, QRectF, Qt, pyqtSignal
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QCheckBox, QGraphicsRectItem, QHBoxLayout, QLabel, QVBoxLayout, QWidget

from annotator.core.training_plan import AnchorChoice, TrainingPlan, choose_anchors
from annotator.darknet.program.dialect import Darknet
from annotator.qt.pages.page import TaskRow
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.work import WorkFolder

_POINTS = 4000
"""So many boxes are drawn; more are one dark cloud."""
_OWN, _NEW = (136, 136, 136), (204, 51, 17)

Asked = Callable[[], tuple[TrainingPlan, WorkFolder | None, Darknet | None]]


class AnchorChart(pg.PlotWidget):
    """Width and height of the boxes as the network sees them; anchors as boxes from the corner."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setLabel("bottom", tr("width of a box, in pixels of the network"))
        self.setLabel("left", tr("height"))
        self.getPlotItem().setMenuEnabled(False)
        self.getPlotItem().hideButtons()
        self.setMinimumSize(280, 220)
        self._boxes: list[QGraphicsRectItem] = []
        self.points = pg.ScatterPlotItem(size=4, pen=None, brush=pg.mkBrush(68, 119, 170, 110))
        self.addItem(self.points)
        self._style()

    def show_choice(self, choice: AnchorChoice | None) -> None:
        """Draw the sizes and both sets of anchors; None: nothing."""
        for item in self._boxes:
            self.removeItem(item)
        self._boxes = []
        if choice is None:
            self.points.setData([], [])
            return
        sizes = choice.sizes[:: max(1, len(choice.sizes) // _POINTS)]
        self.points.setData(sizes[:, 0], sizes[:, 1])
        self._add(choice.before, _OWN, Qt.DashLine)
        self._add(choice.found.pairs, _NEW, Qt.SolidLine)
        largest = max(*choice.before, *choice.found.pairs, key=lambda pair: pair[0] * pair[1])
        across, down = (max(largest[side], float(sizes[:, side].max())) for side in (0, 1))
        self.setRange(xRange=(0, across), yRange=(0, down), padding=0.03)

    def _add(self, pairs: Sequence[tuple[float, float]], colour: tuple[int, int, int], style: int) -> None:
        for width, height in pairs:
            item = QGraphicsRectItem(QRectF(0, 0, width, height))
            item.setPen(pg.mkPen(colour, width=2, style=style))
            item.setToolTip(f"{width:.0f} × {height:.0f}")
            self.addItem(item)
            self._boxes.append(item)

    def _style(self) -> None:
        palette = self.palette()
        self.setBackground(palette.color(QPalette.Base))
        for side in ("left", "bottom"):
            self.getAxis(side).setPen(palette.color(QPalette.Text))
            self.getAxis(side).setTextPen(palette.color(QPalette.Text))

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and hasattr(self, "_boxes"):
            self._style()


class AnchorsPanel(QWidget):
    """A switch, the numbers, and the drawing.

    Args:
        asked: Gives the plan without anchors, the training set and Darknet, as they are now.

    Signals:
        changed: The anchors that are to be used changed.
    """

    changed = pyqtSignal()

    def __init__(self, asked: Asked, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._asked = asked
        self.choice: AnchorChoice | None = None
        self._of: tuple[object, ...] = ()
        self.use = QCheckBox(tr("Choose anchors for this set"))
        self.use.setToolTip(
            tr(
                "Anchors are the sizes that the network guesses boxes from. They are chosen by k-means over "
                "the boxes of the training split, and only used where they fit better."
            )
        )
        self.row = TaskRow(tr("Work them out"))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.PlainText)
        self.text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.chart = AnchorChart()
        legend = QLabel(tr("Dashed, grey: the network's own. Red: chosen for this set. Dots: the boxes."))
        legend.setWordWrap(True)
        side = QVBoxLayout()
        side.addWidget(self.use)
        side.addWidget(self.row)
        side.addWidget(self.text)
        side.addWidget(legend)
        side.addStretch()
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(side, 1)
        row.addWidget(self.chart, 1)
        self.row.button.clicked.connect(self.work_out)
        self.row.succeeded.connect(self._take)
        self.row.failed.connect(lambda text: self.text.setText(known(text)))
        self.use.toggled.connect(self._toggled)

    @property
    def pairs(self) -> tuple[tuple[float, float], ...]:
        """The anchors to use; none where the network's own stay."""
        if self.use.isChecked() and self.choice is not None and self.choice.found.is_better:
            return self.choice.found.pairs
        return ()

    def plan_changed(self) -> None:
        """The network, its size or the set may be another: then what was worked out no longer counts."""
        if self.choice is None or self._of == self._key():
            return
        self._clear()
        if self.use.isChecked():
            self.work_out()

    def show_now(self) -> None:
        """The part was opened: what anchors would fit is seen without asking for it."""
        if self.choice is None and not self.text.text():
            self.work_out()

    def set_changed(self) -> None:
        """Another training set is open, or it was made anew."""
        if self.choice is not None:
            self._clear()
            self.changed.emit()

    def work_out(self) -> None:
        """Choose anchors in the background."""
        plan, work, darknet = self._asked()
        if work is None or self.row.is_running:
            return
        self._of = self._key()
        self.row.run(lambda tell: choose_anchors(plan, work, darknet), tr("Choosing anchors…"))

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self.row.stop()

    def _key(self) -> tuple[object, ...]:
        plan, work, darknet = self._asked()
        size = (plan.network, plan.own_cfg, plan.width, plan.height)
        return (*size, work, darknet.letterboxes if darknet is not None else None)

    def _clear(self) -> None:
        self.choice = None
        self.text.clear()
        self.chart.show_choice(None)

    def _toggled(self, on: bool) -> None:
        if on and self.choice is None:
            self.work_out()
        self.changed.emit()

    def _take(self, choice: AnchorChoice) -> None:
        if self._of != self._key():  # the network was changed meanwhile
            self.row.task = None
            self.work_out()
            return
        self.choice = choice
        found = choice.found
        lines = [
            tr(
                "Average IoU of {boxes} with the best anchor: {before:.1f} % now, {after:.1f} % chosen.",
                boxes=tr_n("{n} box", "{n} boxes", len(choice.sizes)),
                before=100 * found.before,
                after=100 * found.average_iou,
            ),
            "  ".join(f"{width:.0f} × {height:.0f}" for width, height in found.pairs),
        ]
        if not found.is_better:
            lines.append(tr("They fit no better: the network's own stay."))
        self.text.setText("\n".join(lines))
        self.chart.show_choice(choice)
        self.changed.emit()
