"""A validation picture large: its labels beside what the saved weights see on it."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QImage, QKeyEvent
from PyQt5.QtWidgets import QDialog, QHBoxLayout, QLabel, QPushButton, QSlider, QVBoxLayout, QWidget

from annotator.core.predictions import compare
from annotator.darknet.evaluation.notes import CONF_THRESHOLD
from annotator.qt.loader import ImageLoader
from annotator.qt.pages.predict.page import PredictionView, TruthView
from annotator.qt.pages.train.seen_pictures import SeenPictures
from annotator.qt.translation import tr
from converters.colours import ClassColours


class SeenLarge(QDialog):
    """One picture; the slider goes through the checkpoints, the arrow keys through the pictures.

    Signals:
        predictions_wanted: The iteration whose weights shall look at all validation pictures.
    """

    predictions_wanted = pyqtSignal(int)

    def __init__(
        self, strip: SeenPictures, place: int, colours: ClassColours | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self._strip = strip
        self._place = place
        self._path = ""
        self.truth, self.guess = TruthView(), PredictionView()
        names = strip.run.info.class_names if strip.run is not None else ()
        for view in (self.truth, self.guess):
            view.class_names, view.colours = names, colours
        self.truth.viewport_changed.connect(self.guess.follow)
        self.guess.viewport_changed.connect(self.truth.follow)
        self._loader = ImageLoader(self)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._failed)
        self.when = QSlider(Qt.Horizontal)
        self.when.setPageStep(1)
        self.when.setToolTip(tr("The checkpoints that were measured (Page Up, Page Down)"))
        self.when.valueChanged.connect(lambda _: self._show())
        self.said = QLabel()
        self.all = QPushButton(tr("All validation pictures"))
        self.all.setToolTip(tr("Let these weights look at all validation pictures, on the Predictions page"))
        self.all.clicked.connect(self._ask_for_all)
        self.previous, self.next = QPushButton(tr("Previous")), QPushButton(tr("Next"))
        self.previous.setToolTip(tr("The picture before this one (Left)"))
        self.next.setToolTip(tr("The picture after this one (Right)"))
        self.previous.clicked.connect(lambda: self.step(-1))
        self.next.clicked.connect(lambda: self.step(1))
        self._lay_out()
        strip.changed.connect(self._fill)
        self._fill()
        self.when.setValue(list(strip.seen).index(strip.iteration) if strip.seen else 0)
        self._show()

    def _lay_out(self) -> None:
        both = QHBoxLayout()
        for title, view in (
            (tr("Ground truth (orange: missed)"), self.truth),
            (tr("Prediction (✓ right, ✗ wrong)"), self.guess),
        ):
            column = QVBoxLayout()
            label = QLabel(title)
            label.setAlignment(Qt.AlignCenter)
            column.addWidget(label)
            column.addWidget(view, 1)
            both.addLayout(column, 1)
        row = QHBoxLayout()
        for part in (self.previous, self.next):
            part.setAutoDefault(False)
            row.addWidget(part)
        row.addWidget(self.when, 1)
        row.addWidget(self.said)
        self.all.setAutoDefault(False)
        row.addWidget(self.all)
        column = QVBoxLayout(self)
        column.addLayout(both, 1)
        column.addLayout(row)
        self.resize(980, 560)

    def step(self, by: int) -> None:
        """Another of the pictures."""
        self._place += by
        self._show()

    @property
    def iteration(self) -> int:
        """Of the weights that are shown."""
        known = list(self._strip.seen)
        return known[min(self.when.value(), len(known) - 1)] if known else 0

    def _fill(self) -> None:
        """More was measured: one that looks at the newest goes on doing so."""
        follows = self.when.value() == self.when.maximum()
        self.when.setMaximum(max(0, len(self._strip.seen) - 1))
        if follows:
            self.when.setValue(self.when.maximum())
        self._show()

    def _show(self) -> None:
        seen, run = self._strip.seen.get(self.iteration), self._strip.run
        if seen is None or run is None or not seen.pictures:
            self.close()
            return
        one = seen.pictures[self._place % len(seen.pictures)]
        comparison = compare(one.truths, one.found, CONF_THRESHOLD)
        self.truth.truths, self.truth.missed = one.truths, comparison.missed
        self.guess.comparison = comparison
        self.said.setText(tr("iteration {iteration}", iteration=self.iteration))
        name = Path(one.entry).name
        self.setWindowTitle(tr("What the network sees: {name}", name=name))
        there = any(saved.iteration == self.iteration for saved in run.weights())
        self.all.setEnabled(there)
        path = one.path_in(run)
        if str(path) != self._path:
            self._path = str(path)
            picture = self._loader.request(path)
            if picture is not None:
                self._loaded(str(path), picture)
        for view in (self.truth, self.guess):
            view.update()

    def _loaded(self, path: str, picture: QImage) -> None:
        if path == self._path:
            for view in (self.truth, self.guess):
                view.show_image(picture)

    def _failed(self, path: str, problem: str) -> None:
        if path == self._path:
            for view in (self.truth, self.guess):
                view.show_notice(problem)

    def _ask_for_all(self) -> None:
        self.predictions_wanted.emit(self.iteration)
        self.close()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key_Left, Qt.Key_Right):
            self.step(-1 if event.key() == Qt.Key_Left else 1)
        elif event.key() in (Qt.Key_PageUp, Qt.Key_PageDown):
            self.when.setValue(self.when.value() + (-1 if event.key() == Qt.Key_PageUp else 1))
        else:
            super().keyPressEvent(event)

    def done(self, result: int) -> None:
        self._loader.shut_down()
        super().done(result)
