"""Decoding in the background, ahead of the person: an LRU cache of pictures."""

from __future__ import annotations

from collections import OrderedDict
from pathlib import Path

from PyQt5.QtCore import QObject, QRunnable, Qt, QThreadPool, pyqtSignal
from PyQt5.QtGui import QImage

from converters.errors import ImageError
from converters.images import RgbImage, load_rgb

CACHE_BYTES = 160_000_000


def to_qimage(rgb: RgbImage) -> QImage:
    """A QImage with its own copy of an (H, W, 3) uint8 array."""
    height, width = rgb.shape[:2]
    return QImage(rgb.tobytes(), width, height, 3 * width, QImage.Format_RGB888).copy()


class _Signals(QObject):
    done = pyqtSignal(str, object, str)


class _Decode(QRunnable):
    def __init__(self, path: Path, signals: _Signals) -> None:
        super().__init__()
        self._path = path
        self._signals = signals

    def run(self) -> None:
        image, problem = None, ""
        try:
            image = to_qimage(load_rgb(self._path))
        except ImageError as error:
            problem = str(error)
        except MemoryError:
            problem = f"{self._path}: too large for this machine's memory."
        self._signals.done.emit(str(self._path), image, problem)


class ImageLoader(QObject):
    """Decodes pictures in threads and keeps the last ones.

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
        self._pending: set[str] = set()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._signals = _Signals()
        # Queued: the slot runs in the window's thread even though the signal comes from a worker.
        self._signals.done.connect(self._store, Qt.QueuedConnection)

    def request(self, path: Path, ahead: tuple[Path, ...] = ()) -> QImage | None:
        """The picture if it is there; else it is decoded and signalled. ``ahead`` is decoded after it."""
        image = self._cache.get(str(path))
        if image is not None:
            self._cache.move_to_end(str(path))
        else:
            self._start(path, priority=1)
        for other in ahead:
            if str(other) not in self._cache:
                self._start(other, priority=0)
        return image

    def forget_all(self) -> None:
        """Drop the cache and what has not been started (another set is opened)."""
        self._pool.clear()
        self._pending.clear()
        self._cache.clear()
        self._bytes = 0

    def shut_down(self) -> None:
        """End the threads."""
        self._pool.clear()
        self._pool.waitForDone()

    def _start(self, path: Path, priority: int) -> None:
        if str(path) in self._pending:
            return
        self._pending.add(str(path))
        self._pool.start(_Decode(path, self._signals), priority)

    def _store(self, path: str, image: QImage | None, problem: str) -> None:
        self._pending.discard(path)
        if image is None:
            self.failed.emit(path, problem)
            return
        if path not in self._cache:
            self._bytes += image.sizeInBytes()
        self._cache[path] = image
        while self._bytes > CACHE_BYTES and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._bytes -= old.sizeInBytes()
        self.loaded.emit(path, image)
