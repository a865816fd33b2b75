"""From the gallery to the canvas and back: opening the picture of a crop, and returning with Esc."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject
from PyQt5.QtGui import QImage

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


class GalleryVisit(QObject):
    """Shows the boxes that are opened in the gallery on the labelling page."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._zoom_to: tuple[str, int] | None = None
        self._is_ours = False
        window.gallery.open_wanted.connect(self.open)
        window.loader.loaded.connect(self._loaded)
        window.label.escaped.connect(self._escaped)
        window.tabs.currentChanged.connect(self._page_changed)

    def open(self, key: str, index: int) -> None:
        """Go to a picture with a box selected and large in the middle."""
        label = self._window.label
        self._window.show_page("label")
        label.reveal(key)
        label.is_visit = self._is_ours = True
        if index < len(label.canvas.boxes):
            label.canvas.select(frozenset({index}))
            self._zoom_to = (key, index)
            self._zoom()
        label.canvas.setFocus()

    def stays(self) -> bool:
        """Whether an undo is followed in the gallery: its wall shows what changes."""
        return self._window.tabs.currentWidget() is self._window.gallery

    def _loaded(self, path: str, picture: QImage) -> None:
        self._zoom()

    def _zoom(self) -> None:
        """Zoom as soon as the picture is there, unless the person went on meanwhile."""
        canvas = self._window.label.canvas
        if self._zoom_to is None or not canvas.has_picture:
            return
        key, index = self._zoom_to
        self._zoom_to = None
        if canvas.key == key and canvas.selected == frozenset({index}):
            canvas.zoom_to_selected()

    def _escaped(self) -> None:
        """Esc with nothing else to leave."""
        if self._window.label.is_visit and self._is_ours:
            self._window.show_page("gallery")

    def _page_changed(self, index: int) -> None:
        if self._window.tabs.widget(index) is not self._window.label:
            self._zoom_to = None
            self._window.label.is_visit = self._is_ours = False
