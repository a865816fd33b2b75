"""The first picture of a set on the screen while the rest of the program is still being read from the disk.

Nothing but Qt and what places the window is imported here: that takes a tenth of the time of the whole. It is
a picture only; the window comes over it with the boxes, and is what is looked at from then on.
"""

from __future__ import annotations

import os
from pathlib import Path

from natsort import natsort_keygen
from PyQt5.QtCore import QElapsedTimer, QEventLoop, QRect, QRectF, Qt, QTimer
from PyQt5.QtGui import QCloseEvent, QColor, QImageReader, QPainter, QPaintEvent, QPixmap
from PyQt5.QtWidgets import QApplication, QWidget

from annotator.qt import layout_memory
from annotator.settings import Settings

LIST_SHARE, PANEL_SHARE, MARGIN = 0.19, 0.20, 12
"""Parts of the window's width beside the canvas, and pixels around the picture in it."""
GONE_AFTER = 1500
"""Milliseconds after the window was shown; by then it covers this one."""

PATIENCE = 200
"""Milliseconds that a screen has to show it; the window is worth more than its forerunner."""

_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".webp"})
_FOLDERS = 40
"""So many folders are looked into; in a larger tree the window finds the first picture itself."""
_LARGEST = 40_000_000
"""Pixels; a larger picture takes longer than the rest of the start."""
_GROUND = QColor(45, 45, 48)


class EarlyPicture(QWidget):
    """The picture where the window will show it."""

    def __init__(self, pixmap: QPixmap, place: QRect) -> None:
        # No window of its own for the person: not in the task bar, and it takes no keys from the real one.
        super().__init__(None, Qt.SplashScreen | Qt.WindowDoesNotAcceptFocus)
        self.setAttribute(Qt.WA_QuitOnClose, False)
        self.setAttribute(Qt.WA_OpaquePaintEvent)
        self._pixmap = pixmap
        self.is_painted = False
        self.setGeometry(place)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), _GROUND)
        canvas = QRectF(self.rect()).adjusted(
            LIST_SHARE * self.width() + MARGIN, MARGIN, -PANEL_SHARE * self.width() - MARGIN, -MARGIN
        )
        size = self._pixmap.size().scaled(canvas.size().toSize(), Qt.KeepAspectRatio)
        target = QRectF(0, 0, size.width(), size.height())
        target.moveCenter(canvas.center())
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        painter.drawPixmap(target, self._pixmap, QRectF(self._pixmap.rect()))
        self.is_painted = True

    def leave(self) -> None:
        """Go, once the window is over it."""
        QTimer.singleShot(GONE_AFTER, self.close)

    def closeEvent(self, event: QCloseEvent) -> None:
        self._pixmap = QPixmap()
        event.accept()


def show_early(path: Path, settings: Settings) -> EarlyPicture | None:
    """Show the picture with which a set will be shown first, if that is plain to see."""
    found = picture_of(path, settings.place_in(path))
    if found is None:
        return None
    reader = QImageReader(str(found))
    reader.setAutoTransform(True)
    size = reader.size()
    if not size.isValid() or size.width() * size.height() > _LARGEST:
        return None
    image = reader.read()
    if image.isNull():
        return None
    # What is transparent is shown as it is stored, here as in the window.
    early = EarlyPicture(QPixmap.fromImage(image.convertToFormat(image.Format_RGB32)), _place(settings))
    early.show()
    # Nobody runs Qt's loop yet: wait for the screen to ask for the picture, and hand it over.
    patience = QElapsedTimer()
    patience.start()
    while not early.is_painted and patience.elapsed() < PATIENCE:
        QApplication.processEvents(QEventLoop.WaitForMoreEvents, 10)
    QApplication.processEvents()
    return early


def picture_of(root: Path, key: str | None = None) -> Path | None:
    """The first picture of a folder in natural order, where all its pictures lie in one folder; else None.

    Args:
        root: The set's folder.
        key: The picture that was open last (its path below the folder, without extension).
    """
    if key is not None:
        return _named(root / key)
    holding = None
    folders, looked = [root], 0
    while folders:
        folder = folders.pop()
        looked += 1
        if looked > _FOLDERS:
            return None
        try:
            with os.scandir(folder) as entries:
                names, below = _sorted_out(entries)
        except OSError:
            return None
        folders += below
        if names:
            if holding is not None:
                return None
            holding = folder, names
    if holding is None:
        return None
    folder, names = holding
    key_of = natsort_keygen()
    return folder / min(names, key=lambda name: key_of(os.path.splitext(name)[0]))  # noqa: PTH122 - 100,000 Paths


def _sorted_out(entries: os.ScandirIterator[str]) -> tuple[list[str], list[Path]]:
    """Names of the pictures, and the folders, hidden ones left out."""
    names, folders = [], []
    for entry in entries:
        if entry.name.startswith("."):
            continue
        if os.path.splitext(entry.name)[1].lower() in _SUFFIXES:  # noqa: PTH122
            names.append(entry.name)
        elif "." not in entry.name and entry.is_dir():
            folders.append(Path(entry.path))
    return names, folders


def _named(stem: Path) -> Path | None:
    """The picture of this name, whatever its extension."""
    for suffix in _SUFFIXES:
        for path in (stem.with_name(stem.name + suffix), stem.with_name(stem.name + suffix.upper())):
            if path.is_file():
                return path
    return None


def _place(settings: Settings) -> QRect:
    """Where the window will be."""
    window = QWidget()
    layout_memory.place(window, settings)
    return window.geometry()
