"""Small pictures, decoded in the background when a row with one comes into sight."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PyQt5.QtCore import QObject, QRunnable, Qt, QThreadPool, pyqtSignal
from PyQt5.QtGui import QImage, QPixmap

from annotator.qt.loader import to_qimage
from converters.errors import ImageError
from converters.images import load_rgb

MOST = 400
"""So many are kept."""


class _Signals(QObject):
    done = pyqtSignal(str, QImage)


class _Decode(QRunnable):
    def __init__(self, path: Path, side: int, signals: _Signals) -> None:
        super().__init__()
        self._path = path
        self._side = side
        self._signals = signals

    def run(self) -> None:
        small = QImage()
        try:
            whole = to_qimage(load_rgb(self._path))
            small = whole.scaled(self._side, self._side, Qt.KeepAspectRatio, Qt.SmoothTransformation)
        except (ImageError, MemoryError):
            pass  # the row says which picture it is; that it cannot be shown is no news of its own
        self._signals.done.emit(str(self._path), small)


class Thumbnails(QObject):
    """Small pictures by path.

    Signals:
        loaded: The path of one that is there now.
    """

    loaded = pyqtSignal(str)

    def __init__(self, side: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._side = side
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()
        self._asked: set[str] = set()
        self._empty = QPixmap(side, side)
        self._empty.fill(Qt.transparent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._signals = _Signals()
        self._signals.done.connect(self._store, Qt.QueuedConnection)

    def get(self, path: Path) -> QPixmap:
        """The small picture, or an empty one until it is there."""
        name = str(path)
        found = self._kept.get(name)
        if found is not None:
            self._kept.move_to_end(name)
            return found
        if name not in self._asked:
            self._asked.add(name)
            # The latest asked for is in sight; what was scrolled past can wait.
            self._pool.start(_Decode(path, self._side, self._signals), len(self._asked))
        return self._empty

    def stop(self) -> None:
        """End the thread."""
        self._pool.clear()
        self._pool.waitForDone()

    def _store(self, name: str, image: QImage) -> None:
        self._asked.discard(name)
        self._kept[name] = QPixmap.fromImage(image) if not image.isNull() else self._empty
        while len(self._kept) > MOST:
            self._kept.popitem(last=False)
        self.loaded.emit(name)
