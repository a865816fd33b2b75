"""Pages that are built when they are first needed: the window is there sooner, and takes less memory."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING, Any

from PyQt5.QtCore import QObject, QSignalBlocker
from PyQt5.QtWidgets import QWidget

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


class LaterPages(QObject):
    """Stands in the tabs for pages that nobody has looked at.

    A page comes with what it imports (charts, augmentation, Darknet) when its tab is shown, or when anybody
    asks the window for it by its name (``window.balance``).
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._makers: dict[str, Callable[[], QWidget]] = {}
        self._then: dict[str, list[Callable[[Any], None]]] = {}

    def __contains__(self, name: str) -> bool:
        return name in self._makers

    def add(self, name: str, title: str, place: str, *arguments: object) -> None:
        """Add a tab for a page.

        Args:
            name: The page's.
            title: Of the tab.
            place: ``module:Class`` of the page.
            arguments: What it is made with.
        """
        module, kind = place.split(":")
        self._makers[name] = lambda: getattr(import_module(module), kind)(*arguments)
        stand_in = QWidget()
        self._window.tabs.addTab(stand_in, title)
        self._window.page_names[name] = stand_in

    def when_built(self, name: str, then: Callable[[Any], None]) -> None:
        """Do something with a page as soon as there is one, which may be now."""
        if name in self._makers:
            self._then.setdefault(name, []).append(then)
        else:
            then(getattr(self._window, name))

    def when_there(self, name: str, then: Callable[[Any], None]) -> None:
        """Do something with a page, if there is one already."""
        if name not in self._makers:
            then(getattr(self._window, name))

    def build(self, name: str) -> QWidget:
        """Put the page itself in the place of its stand-in; returns it."""
        window, tabs = self._window, self._window.tabs
        page = self._makers.pop(name)()
        stand_in = window.page_names[name]
        at, shown = tabs.indexOf(stand_in), tabs.currentIndex()
        title = tabs.tabText(at)
        setattr(window, name, page)
        window.page_names[name] = page
        with QSignalBlocker(tabs):
            tabs.removeTab(at)
            tabs.insertTab(at, page, title)
            tabs.setCurrentIndex(shown)
        stand_in.deleteLater()
        window.page_was_built(page)
        for then in self._then.pop(name, []):
            then(page)
        if window.project is not None:
            page.set_project(window.project)
        return page

    def at(self, index: int) -> QWidget:
        """The page of a tab, built now where it was not."""
        widget = self._window.tabs.widget(index)
        for name in tuple(self._makers):
            if self._window.page_names[name] is widget:
                return self.build(name)
        return widget
