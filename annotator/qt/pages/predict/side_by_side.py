"""Pictures that only one of two runs gets right, or the one more than the other, side by side."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QImage, QPainter
from PyQt5.QtWidgets import QLabel, QListWidget, QListWidgetItem, QSplitter, QVBoxLayout, QWidget

from annotator.core.class_colours import ClassColours
from annotator.core.predictions import Comparison, compare
from annotator.darknet.evaluation.comparison import RunComparison
from annotator.darknet.evaluation.stored import ImageResult
from annotator.darknet.run.folder import RunFolder
from annotator.qt import painting
from annotator.qt.elided import ElidedLabel
from annotator.qt.loader import ImageLoader
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.translation import tr, tr_n
from converters.model import Box

THRESHOLD = 0.25


class FoundView(PictureView):
    """What one network found: right, wrong, and the boxes that it missed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comparison: Comparison | None = None
        self.missed: tuple[Box, ...] = ()

    def show_found(self, result: ImageResult) -> None:
        """Show what was found on a picture."""
        self.comparison = compare(result.truths, result.predictions, THRESHOLD)
        self.missed = tuple(result.truths[at] for at in sorted(self.comparison.missed))
        self.update()

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        if self.comparison is not None:
            painting.paint_missed(painter, self.missed, frozenset(range(len(self.missed))), context)
            painting.paint_predictions(painter, self.comparison.shown, self.comparison.correct, context)


class SideBySide(QWidget):
    """A list of pictures, and what each of two runs found on the current one.

    Signals:
        label_wanted: Entry (of the run's lists) of a picture to be opened on the labelling page.
    """

    label_wanted = pyqtSignal(str)

    def __init__(self, loader: ImageLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._loader = loader
        self._run: RunFolder | None = None
        self._pairs: Sequence[tuple[ImageResult, ImageResult]] = ()
        self.list = QListWidget()
        self.list.setMinimumWidth(170)
        self.list.setTextElideMode(Qt.ElideMiddle)
        self.list.setToolTip(tr("Enter or a double click: to this picture's labels"))
        self.views = (FoundView(), FoundView())
        self.titles = (ElidedLabel(), ElidedLabel())
        self.empty = QLabel(tr("Both make as many mistakes on each picture."))
        self.empty.setAlignment(Qt.AlignCenter)
        self.splitter = QSplitter(Qt.Horizontal)
        self.splitter.addWidget(self.list)
        for title, view in zip(self.titles, self.views, strict=True):
            holder = QWidget()
            column = QVBoxLayout(holder)
            column.setContentsMargins(0, 0, 0, 0)
            column.addWidget(title)
            column.addWidget(view, 1)
            self.splitter.addWidget(holder)
        self.splitter.setSizes([230, 540, 540])
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setStretchFactor(2, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.empty)
        layout.addWidget(self.splitter, 1)
        self.views[0].viewport_changed.connect(self.views[1].follow)
        self.views[1].viewport_changed.connect(self.views[0].follow)
        self.list.currentRowChanged.connect(self._show_row)
        self.list.itemActivated.connect(self._activated)
        loader.loaded.connect(self._loaded)
        loader.failed.connect(self._failed)

    def show_comparison(
        self, run: RunFolder, found: RunComparison, names: Sequence[str], colours: ClassColours | None
    ) -> None:
        """Show other pictures.

        Args:
            run: One of the runs, from whose folder the entries of its lists count.
            found: The comparison.
            names: The classes.
            colours: Of the classes; None: their default ones.
        """
        self._run, self._pairs = run, found.pairs
        for view in self.views:
            view.class_names = tuple(names)
            view.colours = colours.on(names) if colours is not None else None
        for title, name in zip(self.titles, (found.first, found.second), strict=True):
            title.setText(name)
        self.list.blockSignals(True)
        self.list.clear()
        for before, after in found.pairs:
            said = tr_n("{n} mistake", "{n} mistakes", before.match.mistakes)
            item = QListWidgetItem(
                f"{before.path_in(run).name}\n"
                + tr("{before} → {after}", before=said, after=f"{after.match.mistakes}")
            )
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.empty.setVisible(not found.pairs)
        self.splitter.setVisible(bool(found.pairs))
        if found.pairs:
            self.list.setCurrentRow(0)
            self._show_row(0)

    def _path(self, row: int) -> str | None:
        if self._run is None or not 0 <= row < len(self._pairs):
            return None
        return os.path.normpath(self._pairs[row][0].path_in(self._run).absolute())

    def _show_row(self, row: int) -> None:
        path = self._path(row)
        if path is None:
            return
        for view, result in zip(self.views, self._pairs[row], strict=True):
            view.show_found(result)
        picture = self._loader.request(Path(path))
        if picture is not None:
            self._loaded(path, picture)

    def _loaded(self, path: str, picture: QImage) -> None:
        if path == self._path(self.list.currentRow()):
            for view in self.views:
                view.show_image(picture)

    def _failed(self, path: str, problem: str) -> None:
        if path == self._path(self.list.currentRow()):
            for view in self.views:
                view.show_notice(problem)

    def _activated(self, *_: object) -> None:
        row = self.list.currentRow()
        if 0 <= row < len(self._pairs):
            self.label_wanted.emit(self._pairs[row][0].image)
