"""Large pictures made smaller in the background, so that small faces in them are not lost between pixels."""

from __future__ import annotations

import math

from PyQt5.QtCore import QObject, QRunnable, Qt, QThreadPool, pyqtSignal
from PyQt5.QtGui import QImage

ENOUGH = 0.6
"""Shrunk less than to this, a picture is painted as it is: each of its pixels still counts."""


class _Signals(QObject):
    done = pyqtSignal(object, QImage)


class _Shrink(QRunnable):
    def __init__(self, image: QImage, level: int, signals: _Signals) -> None:
        super().__init__()
        self._image = image
        self._level = level
        self._signals = signals

    def run(self) -> None:
        width, height = self._image.width() >> self._level, self._image.height() >> self._level
        small = self._image.scaled(
            max(width, 1), max(height, 1), Qt.IgnoreAspectRatio, Qt.SmoothTransformation
        )
        self._signals.done.emit((self._image.cacheKey(), self._level), small)


class Shrinker(QObject):
    """Halves, quarters … of one picture at a time: what a fast painter leaves out is averaged in them.

    Signals:
        ready: A smaller picture is there now.
    """

    ready = pyqtSignal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._signals = _Signals()
        self._signals.done.connect(self._store, Qt.QueuedConnection)
        self._key = 0
        self._made: dict[int, QImage] = {}
        self._pending: set[int] = set()

    def best(self, image: QImage, scale: float) -> QImage:
        """The picture to paint at a scale (device pixels per picture pixel): the best that is there.

        Where a smaller one would be better it is made, and :attr:`ready` is signalled.
        """
        if image.cacheKey() != self._key:
            self._pool.clear()
            self._key = image.cacheKey()
            self._made.clear()
            self._pending.clear()
        if scale > ENOUGH:
            return image
        level = max(int(math.log2(1 / scale)), 1)
        if level not in self._made and level not in self._pending:
            self._pending.add(level)
            self._pool.start(_Shrink(image, level, self._signals))
        return self._made.get(level, image)

    def _store(self, which: tuple[int, int], image: QImage) -> None:
        key, level = which
        if key == self._key:
            self._pending.discard(level)
            self._made[level] = image
            self.ready.emit()
