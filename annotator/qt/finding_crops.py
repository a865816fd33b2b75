"""Small cut-outs of the spots that findings are about, made in a thread: the newest request first."""

from __future__ import annotations

import contextlib
from collections import OrderedDict
from pathlib import Path

from PyQt5.QtCore import QObject, QRectF, QRunnable, QSize, Qt, QThreadPool, pyqtSignal
from PyQt5.QtGui import QColor, QImage, QPainter, QPen, QPixmap

from annotator.core.viewport import near_picture
from annotator.qt.loader import to_qimage
from converters.errors import ImageError
from converters.images import load_rgb
from converters.model import Xyxy

KEPT = 600
"""Cut-outs that are kept; at 80 × 54 pixels they take about 10 MB."""
WAITING = 40
"""Requests that may wait; older ones are of rows scrolled away."""
AROUND = 0.8
"""How much of a box's longer side is shown around it."""
LEAST = 48.0
"""Picture pixels that are shown at least."""

Spot = tuple[str, Xyxy | None]


class _Signals(QObject):
    done = pyqtSignal(object, object)


class _Cut(QRunnable):
    def __init__(self, spot: Spot, size: QSize, signals: _Signals) -> None:
        super().__init__()
        self._spot, self._size, self._signals = spot, size, signals

    def run(self) -> None:
        image = QImage()
        # A picture that cannot be read is a finding itself: its row has no cut-out.
        with contextlib.suppress(ImageError, MemoryError):
            image = cut_out(to_qimage(load_rgb(Path(self._spot[0]))), self._spot[1], self._size)
        self._signals.done.emit(self._spot, image)


def cut_out(image: QImage, xyxy: Xyxy | None, size: QSize) -> QImage:
    """A spot of a picture with its box drawn, or the whole picture.

    Args:
        image: The picture.
        xyxy: The box; None: the whole picture.
        size: Of the cut-out, in pixels.
    """
    whole = QRectF(0, 0, image.width(), image.height())
    shown = whole
    if xyxy is not None:
        x1, y1, x2, y2 = near_picture(
            (
                min(xyxy[0], xyxy[2]),
                min(xyxy[1], xyxy[3]),
                max(xyxy[0], xyxy[2]),
                max(xyxy[1], xyxy[3]),
            ),
            (image.width(), image.height()),
        )
        width = max(LEAST, (1 + 2 * AROUND) * max(x2 - x1, (y2 - y1) * size.width() / max(size.height(), 1)))
        height = width * size.height() / max(size.width(), 1)
        shown = QRectF((x1 + x2 - width) / 2, (y1 + y2 - height) / 2, width, height)
    scale = min(size.width() / max(shown.width(), 1.0), size.height() / max(shown.height(), 1.0))
    result = QImage(size, QImage.Format_RGB32)
    result.fill(QColor(43, 45, 48))
    painter = QPainter(result)
    painter.setRenderHint(QPainter.SmoothPixmapTransform)
    painter.translate(size.width() / 2, size.height() / 2)
    painter.scale(scale, scale)
    painter.translate(-shown.center())
    inside = shown.intersected(whole)
    painter.drawImage(inside, image, inside)
    if xyxy is not None:
        box = QRectF(xyxy[0], xyxy[1], xyxy[2] - xyxy[0], xyxy[3] - xyxy[1]).normalized()
        for colour, width in ((QColor(0, 0, 0), 3.0), (QColor(255, 214, 0), 1.4)):
            pen = QPen(colour, width)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.drawRect(box)
    painter.end()
    return result


class Crops(QObject):
    """Cut-outs by spot.

    Signals:
        arrived: One more is there.
    """

    arrived = pyqtSignal()

    def __init__(self, size: QSize, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.size = size
        self._kept: OrderedDict[Spot, QPixmap] = OrderedDict()
        self._waiting: OrderedDict[Spot, None] = OrderedDict()
        self._busy = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._signals = _Signals()
        self._signals.done.connect(self._store, Qt.QueuedConnection)

    def get(self, path: Path, xyxy: Xyxy | None) -> QPixmap | None:
        """The cut-out if it is there; else it is made and signalled."""
        spot = (str(path), xyxy)
        found = self._kept.get(spot)
        if found is not None:
            self._kept.move_to_end(spot)
            return found
        self._waiting[spot] = None
        self._waiting.move_to_end(spot)
        while len(self._waiting) > WAITING:
            self._waiting.popitem(last=False)
        self._next()
        return None

    def forget(self) -> None:
        """Another set is open."""
        self._waiting.clear()
        self._kept.clear()

    def shut_down(self) -> None:
        """End the thread."""
        self._waiting.clear()
        self._pool.clear()
        self._pool.waitForDone()

    def _next(self) -> None:
        if self._busy == 0 and self._waiting:
            spot, _ = self._waiting.popitem(last=True)
            self._busy += 1
            self._pool.start(_Cut(spot, self.size, self._signals))

    def _store(self, spot: Spot, image: QImage) -> None:
        self._busy -= 1
        self._kept[spot] = QPixmap.fromImage(image) if not image.isNull() else QPixmap()
        while len(self._kept) > KEPT:
            self._kept.popitem(last=False)
        self.arrived.emit()
        self._next()
