"""Decoding in the background, ahead of the person: an LRU cache of pictures."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

import numpy as np
from PyQt5.QtCore import QObject, QRunnable, Qt, QThreadPool, pyqtSignal
from PyQt5.QtGui import QImage

from annotator.qt.translation import tr
from converters.errors import ImageError
from converters.images import RgbImage, load_rgb

CACHE_BYTES = 24_000_000
"""So much of decoded pictures is kept, and in any case :data:`KEPT` pictures."""
KEPT = 5
"""The picture that is shown, and two on each side."""
MOST_BYTES = 600_000_000
"""Of very large pictures fewer are kept."""
_AHEAD_THREADS = 2
_THREADS = _AHEAD_THREADS + 1
"""One is left for the picture that is waited for."""


def to_qimage(rgb: RgbImage) -> QImage:
    """A QImage with its own copy of an (H, W, 3) uint8 array, in the format that the screen needs.

    Made where the picture is decoded, that costs the window nothing when it is shown.
    """
    height, width = rgb.shape[:2]
    whole = np.ascontiguousarray(rgb)
    return QImage(whole.data, width, height, 3 * width, QImage.Format_RGB888).convertToFormat(
        QImage.Format_RGB32
    )


class _Signals(QObject):
    done = pyqtSignal(str, int, object, str)


class _Decode(QRunnable):
    def __init__(self, path: str, number: int, signals: _Signals) -> None:
        super().__init__()
        self._path = path
        self._number = number
        self._signals = signals

    def run(self) -> None:
        image, problem = None, ""
        try:
            image = to_qimage(load_rgb(Path(self._path)))
        except ImageError as error:
            problem = str(error)
        except MemoryError:
            problem = tr("{path}: too large for this machine's memory.", path=self._path)
        self._signals.done.emit(self._path, self._number, image, problem)


class ImageLoader(QObject):
    """Decodes pictures in threads and keeps the last ones.

    Each request takes the place of the one before it: of pictures that a held key runs past none is decoded
    but those that were begun.

    Signals:
        loaded: (path, QImage) as soon as a picture is there.
        failed: (path, sentence) where it cannot be read.
    """

    loaded = pyqtSignal(str, QImage)
    failed = pyqtSignal(str, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cache: OrderedDict[str, QImage] = OrderedDict()
        self._bytes = 0
        self._running: set[str] = set()
        self._wanted = ""
        self._ahead: list[str] = []
        self._round = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(_THREADS)
        self._signals = _Signals()
        # Queued: the slot runs in the window's thread even though the signal comes from a worker.
        self._signals.done.connect(self._store, Qt.QueuedConnection)

    def request(self, path: Path, ahead: tuple[Path, ...] = ()) -> QImage | None:
        """The picture if it is there; else it is decoded and signalled. ``ahead`` is decoded after it."""
        name = str(path)
        image = self._cache.get(name)
        if image is not None:
            self._cache.move_to_end(name)
        self._wanted = name if image is None else ""
        self._ahead = [text for text in map(str, ahead) if text not in self._cache]
        self._start_some()
        return image

    def forget_all(self) -> None:
        """Drop the cache and what has not been started (another set is opened)."""
        self._wanted, self._ahead = "", []
        self._round += 1
        self._running.clear()
        self._cache.clear()
        self._bytes = 0

    def shut_down(self) -> None:
        """End the threads."""
        self._wanted, self._ahead = "", []
        self._pool.clear()
        self._pool.waitForDone()

    def _start_some(self) -> None:
        if self._wanted and self._wanted not in self._running and len(self._running) < _THREADS:
            self._start(self._wanted)
        while self._ahead and len(self._running) < _AHEAD_THREADS:
            name = self._ahead.pop(0)
            if name not in self._running:
                self._start(name)

    def _start(self, name: str) -> None:
        self._running.add(name)
        self._pool.start(_Decode(name, self._round, self._signals))

    def _store(self, path: str, number: int, image: QImage | None, problem: str) -> None:
        if number != self._round:
            return  # of a set that is not open any more
        self._running.discard(path)
        if self._wanted == path:
            self._wanted = ""
        if image is None:
            self.failed.emit(path, problem)
        else:
            self._keep(path, image)
            self.loaded.emit(path, image)
        self._start_some()

    def _keep(self, path: str, image: QImage) -> None:
        if path not in self._cache:
            self._bytes += image.sizeInBytes()
        self._cache[path] = image
        while len(self._cache) > 1 and (
            self._bytes > MOST_BYTES or (self._bytes > CACHE_BYTES and len(self._cache) > KEPT)
        ):
            _, old = self._cache.popitem(last=False)
            self._bytes -= old.sizeInBytes()
