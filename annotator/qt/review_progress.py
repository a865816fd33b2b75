"""How far the review has come, in the status bar."""

from __future__ import annotations

from PyQt5.QtCore import QRect, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt5.QtWidgets import QSizePolicy, QWidget

from annotator.qt.image_list import ImageList
from annotator.qt.translation import tr

_BAR = 3
"""Height of the bar in pixels."""


class ReviewProgress(QWidget):
    """A sentence and a thin bar under it.

    Signals:
        clicked: The person wants the next picture that is not reviewed.
    """

    clicked = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._done = self._total = 0
        self.setSizePolicy(QSizePolicy.Fixed, QSizePolicy.Fixed)
        self.setCursor(Qt.PointingHandCursor)
        self.setToolTip(tr("Click: the next picture that is not reviewed (PgDn)"))
        self.hide()

    @classmethod
    def of(cls, images: ImageList) -> ReviewProgress:
        """The progress in the set that a list shows; a click goes on in the list."""
        shown = cls()
        images.counted.connect(lambda: shown.show_counts(images.reviewed_count, images.total))
        shown.clicked.connect(lambda: images.step_unreviewed(1))
        return shown

    def show_counts(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` pictures are reviewed; nothing where there is none."""
        self._done, self._total = done, total
        self.setVisible(total > 0)
        self.setAccessibleName(self.text())
        self.updateGeometry()
        self.update()

    def text(self) -> str:
        """What it says."""
        return tr("{done} of {total} reviewed", done=f"{self._done:,}", total=f"{self._total:,}")

    def sizeHint(self) -> QSize:
        metrics = self.fontMetrics()
        # As wide as at the end, so that nothing moves while the number grows.
        widest = tr("{done} of {total} reviewed", done=f"{self._total:,}", total=f"{self._total:,}")
        return QSize(metrics.horizontalAdvance(widest) + 12, metrics.height() + _BAR + 2)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = self.rect().adjusted(6, 0, -6, 0)
        painter.setPen(self.palette().color(QPalette.WindowText))
        text = QRect(area.left(), area.top(), area.width(), area.height() - _BAR - 1)
        painter.drawText(text, int(Qt.AlignCenter), self.text())
        bar = QRect(area.left(), area.bottom() - _BAR + 1, area.width(), _BAR)
        painter.fillRect(bar, self.palette().color(QPalette.Mid))
        if self._total:
            bar.setWidth(round(bar.width() * self._done / self._total))
            painter.fillRect(bar, self.palette().color(QPalette.Highlight))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if event.button() == Qt.LeftButton and self.rect().contains(event.pos()):
            self.clicked.emit()
