"""Thumbnails for the rows that can be seen: decoded in a thread, kept in memory and on disk."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import (
    QBuffer,
    QByteArray,
    QIODevice,
    QObject,
    QRunnable,
    Qt,
    QThread,
    QThreadPool,
    pyqtSignal,
)
from PyQt5.QtGui import QImage, QPixmap

from annotator.core.thumbnail_store import ThumbnailStore, default_path
from annotator.qt.loader import to_qimage
from converters.errors import ImageError
from converters.fingerprint_cache import FileState
from converters.images import load_small

SIDE = 96
"""Longer side in pixels: enough for a row on a screen of two pixels to a point."""
KEPT_BYTES = 30_000_000
"""So much is kept in memory."""
WAITING = 64
"""So many are waited for at most; beyond that the oldest request is dropped (its row was scrolled away)."""
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Request:
    """A thumbnail that is wanted.

    Attributes:
        key: Key of the picture.
        path: Its file.
        number: Of the set that is shown.
    """

    key: str
    path: Path
    number: int


class Requests:
    """What is to be decoded: the newest first, the oldest forgotten. Any thread may use it."""

    def __init__(self, most: int = WAITING) -> None:
        self._most = most
        self._lock = threading.Lock()
        self._waiting: OrderedDict[str, Request] = OrderedDict()
        self._at_work: str | None = None
        self._runs = False

    def add(self, request: Request) -> bool:
        """Ask for a thumbnail, also again; returns whether somebody has to be started to make it."""
        with self._lock:
            if request.key == self._at_work:
                return False
            self._waiting[request.key] = request
            self._waiting.move_to_end(request.key)
            while len(self._waiting) > self._most:
                self._waiting.popitem(last=False)
            starts, self._runs = not self._runs, True
            return starts

    def take(self) -> Request | None:
        """The newest request, which is no longer waiting then; None ends the work."""
        with self._lock:
            if not self._waiting:
                self._runs, self._at_work = False, None
                return None
            self._at_work, request = self._waiting.popitem(last=True)
            return request

    def clear(self) -> None:
        """Nothing is asked for any more."""
        with self._lock:
            self._waiting.clear()
            self._at_work = None


class _Signals(QObject):
    made = pyqtSignal(int, str, QImage)


class _Work(QRunnable):
    """Makes thumbnails until none is asked for."""

    def __init__(self, owner: Thumbnails) -> None:
        super().__init__()
        self._requests, self._store, self._signals = owner.requests, owner.store, owner.signals

    def run(self) -> None:
        QThread.currentThread().setPriority(QThread.LowPriority)
        while (request := self._requests.take()) is not None:
            image = _thumbnail(request.path, self._store)
            self._signals.made.emit(request.number, request.key, image)


def _thumbnail(path: Path, store: ThumbnailStore) -> QImage:
    """A picture's thumbnail from the store, else made and put there; an empty one of what is no picture."""
    try:
        state = FileState.of(path)
        known = store.find(state)
        image = QImage.fromData(known) if known is not None else QImage()
        if image.isNull():
            image = to_qimage(load_small(path, SIDE))
            store.add(state, _encoded(image))
        return image.convertToFormat(QImage.Format_RGB32)
    except (OSError, ImageError, MemoryError):
        return QImage()


def _encoded(image: QImage) -> bytes:
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.WriteOnly)
    image.save(buffer, "JPEG", _QUALITY)
    return bytes(data)


class Thumbnails(QObject):
    """Thumbnails by the keys of pictures.

    Signals:
        loaded: Key of a picture whose thumbnail is there now.
    """

    loaded = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None, store: ThumbnailStore | None = None) -> None:
        super().__init__(parent)
        self.store = store or ThumbnailStore(default_path())
        self.requests = Requests()
        self.signals = _Signals()
        # Queued: the slot runs in the window's thread even though the signal comes from a worker.
        self.signals.made.connect(self._keep, Qt.QueuedConnection)
        self._kept: OrderedDict[str, QPixmap] = OrderedDict()
        self._bytes = 0
        self._set = 0
        self._pool = QThreadPool(self)
        # One: the pictures themselves are decoded at the same time, and are waited for.
        self._pool.setMaxThreadCount(1)

    def get(self, key: str, path: Path) -> QPixmap | None:
        """The thumbnail; None where it is not there yet. An empty one: the file is no picture."""
        found = self._kept.get(key)
        if found is not None:
            self._kept.move_to_end(key)
            return found
        if self.requests.add(Request(key, path, self._set)):
            self._pool.start(_Work(self))
        return None

    def forget_all(self) -> None:
        """Another set is shown."""
        self.requests.clear()
        self._set += 1
        self._kept.clear()
        self._bytes = 0

    def shut_down(self) -> None:
        """End the thread."""
        self.requests.clear()
        self._pool.waitForDone()
        self.store.make_room()
        self.store.close()

    def _keep(self, number: int, key: str, image: QImage) -> None:
        if number != self._set:
            return
        if key not in self._kept:
            self._kept[key] = QPixmap.fromImage(image)
            self._bytes += image.sizeInBytes()
        while self._bytes > KEPT_BYTES and len(self._kept) > 1:
            _, old = self._kept.popitem(last=False)
            self._bytes -= 4 * old.width() * old.height()
        self.loaded.emit(key)
