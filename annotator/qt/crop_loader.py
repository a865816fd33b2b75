"""Crops of boxes, decoded in the background: each picture once for all of its boxes."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import QObject, QRunnable, Qt, QThreadPool, pyqtSignal
from PyQt5.QtGui import QImage

from annotator.core.gallery import BoxId, crop_region
from annotator.qt.loader import to_qimage
from converters.errors import ImageError
from converters.images import RgbImage, load_rgb
from converters.model import Xyxy

CACHE_BYTES = 64_000_000
"""Of crops. Those of small boxes are kept as small as they are in the picture."""


@dataclass(frozen=True, slots=True)
class CropJob:
    """The crops to make of one picture."""

    key: str
    path: Path
    boxes: tuple[Xyxy, ...]
    side: int


class _Signals(QObject):
    done = pyqtSignal(object, object, str, int)


class _Cut(QRunnable):
    def __init__(self, job: CropJob, signals: _Signals, generation: int) -> None:
        super().__init__()
        self._job = job
        self._signals = signals
        self._generation = generation

    def run(self) -> None:
        crops: list[QImage] = []
        problem = ""
        try:
            rgb = load_rgb(self._job.path)
            crops = [cut(rgb, xyxy, self._job.side) for xyxy in self._job.boxes]
        except ImageError as error:
            problem = str(error)
        except MemoryError:
            problem = f"{self._job.path}: too large for this machine's memory."
        self._signals.done.emit(self._job, crops, problem, self._generation)


def cut(rgb: RgbImage, xyxy: Xyxy, side: int) -> QImage:
    """A box with its surroundings out of a picture; never enlarged, shrunk to ``side`` pixels."""
    import cv2

    left, top, right, bottom = crop_region(xyxy, (rgb.shape[1], rgb.shape[0]))
    part = rgb[top:bottom, left:right]
    longer = max(part.shape[:2])
    if longer > side:
        width = max(1, round(part.shape[1] * side / longer))
        height = max(1, round(part.shape[0] * side / longer))
        part = cv2.resize(part, (width, height), interpolation=cv2.INTER_AREA).astype(rgb.dtype, copy=False)
    return to_qimage(part)


class CropLoader(QObject):
    """Makes the crops that are looked at, the first wanted first, and keeps the last ones.

    Signals:
        loaded: Key of a picture whose crops are there (or cannot be made).
    """

    loaded = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cache: OrderedDict[BoxId, QImage] = OrderedDict()
        self._sides: dict[BoxId, int] = {}
        self._bytes = 0
        self._problems: dict[str, str] = {}
        self._queue: OrderedDict[str, CropJob] = OrderedDict()
        self._running: set[str] = set()
        self._generation = 0
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(2)
        self._signals = _Signals()
        self._signals.done.connect(self._store, Qt.QueuedConnection)

    def crop(self, id_: BoxId) -> QImage | None:
        """The crop of a box if it is there."""
        image = self._cache.get(id_)
        if image is not None:
            self._cache.move_to_end(id_)
        return image

    def problem(self, key: str) -> str:
        """Why the crops of a picture cannot be made, or nothing."""
        return self._problems.get(key, "")

    def lacks(self, id_: BoxId, side: int) -> bool:
        """Whether a crop has to be made, or made anew for larger cells."""
        if id_[0] in self._problems:
            return False
        image = self._cache.get(id_)
        return image is None or (
            self._sides[id_] < side and max(image.width(), image.height()) >= self._sides[id_]
        )

    def want(self, jobs: Iterable[CropJob]) -> None:
        """Make these crops, the first first; what was wanted before and has not begun is forgotten."""
        self._queue = OrderedDict((job.key, job) for job in jobs if job.key not in self._running)
        self._start()

    def forget_all(self) -> None:
        """Drop everything (another set is opened)."""
        self._generation += 1
        self._queue.clear()
        self._running.clear()
        self._cache.clear()
        self._sides.clear()
        self._problems.clear()
        self._bytes = 0

    def shut_down(self) -> None:
        """End the threads."""
        self._queue.clear()
        self._pool.clear()
        self._pool.waitForDone()

    def _start(self) -> None:
        while self._queue and len(self._running) < self._pool.maxThreadCount():
            key, job = self._queue.popitem(last=False)
            self._running.add(key)
            self._pool.start(_Cut(job, self._signals, self._generation))

    def _store(self, job: CropJob, crops: Sequence[QImage], problem: str, generation: int) -> None:
        if generation != self._generation:
            return  # of a set that was closed meanwhile
        self._running.discard(job.key)
        if problem:
            self._problems[job.key] = problem
        for xyxy, image in zip(job.boxes, crops, strict=False):
            self._keep((job.key, xyxy), image, job.side)
        self._start()
        self.loaded.emit(job.key)

    def _keep(self, id_: BoxId, image: QImage, side: int) -> None:
        old = self._cache.pop(id_, None)
        if old is not None:
            self._bytes -= old.sizeInBytes()
        self._cache[id_] = image
        self._sides[id_] = side
        self._bytes += image.sizeInBytes()
        while self._bytes > CACHE_BYTES and len(self._cache) > 1:
            oldest, dropped = self._cache.popitem(last=False)
            del self._sides[oldest]
            self._bytes -= dropped.sizeInBytes()
