"""The window comes back as it was left: its place, the widths of its parts, its page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QByteArray, QPoint, QRect, QSize
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QSplitter, QWidget

from annotator.settings import Settings

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

GEOMETRY, SPLITTERS, PAGE = "geometry", "splitters", "page"
_FRAME = QSize(16, 48)
"""Room for the frame and title bar that the window manager adds."""
_GRIP = 80
"""So many pixels of the title bar have to be on a screen, to take hold of the window."""


def restore(window: MainWindow) -> None:
    """Give the window the place and parts it had."""
    place(window, window.settings)
    states = window.settings.get(SPLITTERS)
    for name, splitter in _splitters(window).items():
        state = states.get(name) if isinstance(states, dict) else None
        if isinstance(state, str):
            splitter.restoreState(QByteArray.fromBase64(state.encode("ascii", "ignore")))


def place(window: QWidget, settings: Settings) -> None:
    """Put a window where the main window was left.

    The first one takes most of a large screen, and all of a small one.
    """
    screen = QGuiApplication.primaryScreen().availableGeometry().size()
    window.resize((screen * 0.8).expandedTo(QSize(1280, 760)).boundedTo(screen - _FRAME))
    geometry = settings.get(GEOMETRY)
    if isinstance(geometry, str):
        window.restoreGeometry(QByteArray.fromBase64(geometry.encode("ascii", "ignore")))
    keep_on_screen(window)


def remember(window: MainWindow) -> None:
    """Keep the place and parts of the window."""
    window.settings.set(GEOMETRY, bytes(window.saveGeometry().toBase64()).decode("ascii"))
    states = {
        name: bytes(splitter.saveState().toBase64()).decode("ascii")
        for name, splitter in _splitters(window).items()
    }
    window.settings.set(SPLITTERS, states)


def remember_page(window: MainWindow) -> None:
    """Keep which page of the open set is shown."""
    if window.project is not None:
        window.settings.set(PAGE, [str(window.project.session.root), window.page_name])


def restore_page(window: MainWindow) -> None:
    """Go to the page on which the set that was just opened was left, if it was the last one."""
    value = window.settings.get(PAGE)
    if window.project is None or not isinstance(value, list) or len(value) != 2:
        return
    root, name = value
    if root == str(window.project.session.root) and name in window.page_names:
        window.show_page(name)


def keep_on_screen(window: QWidget) -> None:
    """A window whose screen is gone comes to the first one, and is not larger than it."""
    if window.isMaximized() or window.isFullScreen():
        return
    title = QRect(window.pos(), QSize(window.width(), _FRAME.height()))
    areas = [screen.availableGeometry() for screen in QGuiApplication.screens()]
    area = next((area for area in areas if area.intersects(title)), None)
    grip = area.intersected(title) if area is not None else QRect()
    if area is None or grip.width() < min(_GRIP, window.width()) or window.y() < area.top():
        area = QGuiApplication.primaryScreen().availableGeometry()
        window.resize(window.size().boundedTo(area.size() - _FRAME))
        window.move(area.topLeft() + QPoint(_FRAME.width() // 2, _FRAME.width() // 2))
    else:
        window.resize(window.size().boundedTo(area.size() - _FRAME))


def _splitters(window: MainWindow) -> dict[str, QSplitter]:
    """All splitters of the pages; one is known by its page and its number there."""
    return {
        f"{name}-{number}": splitter
        for name, page in window.page_names.items()
        for number, splitter in enumerate(page.findChildren(QSplitter))
    }
