"""The predictions page: what a trained network sees, beside the ground truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt5.QtCore import QMimeData, Qt, pyqtSignal
from PyQt5.QtGui import QDragEnterEvent, QDropEvent, QImage, QPainter
from PyQt5.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSlider,
    QSplitter,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.predictions import Comparison, compare
from annotator.core.project import Project
from annotator.darknet.prediction.predictor import open_run_predictor
from annotator.darknet.run.folder import RunFolder, SavedWeights, list_runs
from annotator.qt import painting
from annotator.qt.loader import ImageLoader
from annotator.qt.pages.page import PlainPage, TaskRow
from annotator.qt.pages.predict.any_pictures import AnyPicturesTab
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.pages.predict.mistakes import MistakesTab
from annotator.qt.pages.predict.network_used import NetworkUsed
from annotator.qt.pages.predict.numbers import NumbersTab
from annotator.qt.pages.predict.sources import show_sources
from annotator.qt.pages.predict.two_runs import TwoRunsTab
from annotator.qt.pages.predict.video_tab import VideoTab
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.said_below import summary
from annotator.qt.translation import numbers, tr, tr_n
from converters import registry
from converters.errors import DataError
from converters.images import load_rgb
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report

Predictions = dict[str, tuple[Box, ...]]


class TruthView(PictureView):
    """Ground truth, with what was missed marked."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.truths: tuple[Box, ...] = ()
        self.missed: frozenset[int] = frozenset()

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        painting.paint_missed(painter, self.truths, self.missed, context)


class PredictionView(PictureView):
    """Predicted boxes, right or wrong."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.comparison: Comparison | None = None

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        if self.comparison is not None:
            painting.paint_predictions(painter, self.comparison.shown, self.comparison.correct, context)


class PredictPage(PlainPage):
    """Runs a trained network over a split and shows each picture twice.

    Signals:
        predicted: What a network found on the pictures of a split, by their keys in the Darknet data set.
        label_wanted: Key (in the open set) of a picture whose labels the person wants to mend.
    """

    predicted = pyqtSignal(object)
    label_wanted = pyqtSignal(str)

    def __init__(self, loader: ImageLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.loader = loader
        self.dataset: Dataset | None = None
        self.predictions: Predictions = {}
        self._images: dict[str, AnnotatedImage] = {}
        self._comparisons: dict[str, Comparison] = {}
        self.evaluated = Evaluated(self)
        self.used = NetworkUsed(self.evaluated, self)
        self.setAcceptDrops(True)
        self._build()
        self._connect()
        self._show_nothing()

    def _build(self) -> None:
        self.run = QComboBox()
        self.run.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        self.run.setToolTip(tr("The training whose network looks at the pictures"))
        self.weights = QComboBox()
        self.weights.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        self.split = QComboBox()
        # What is looked at is worked on: were it test, its number would soon be no number for new pictures.
        for split in (Split.VAL, Split.TRAIN, Split.TEST):
            self.split.addItem(tr("{split} pictures", split=split), split)
        self.predict = TaskRow(tr("Predict"))
        top = QHBoxLayout()
        for label, widget in (
            (tr("Weights"), self.weights),
            (tr("on"), self.split),
        ):
            top.addWidget(QLabel(label))
            top.addWidget(widget)
        top.addWidget(self.predict, 1)
        self.threshold = QSlider(Qt.Horizontal, minimum=1, maximum=99, value=25)
        self.threshold.setMaximumWidth(260)
        self.threshold_label = QLabel()
        self.order = QComboBox()
        self.order.addItems([tr("Mistakes first"), tr("By name")])
        self.summary = QLabel()
        self.summary.setWordWrap(True)
        middle = QHBoxLayout()
        middle.addWidget(QLabel(tr("Confidence from")))
        middle.addWidget(self.threshold)
        middle.addWidget(self.threshold_label)
        middle.addSpacing(16)
        middle.addWidget(self.summary, 1)
        self.list = QListWidget()
        self.list.setMinimumWidth(170)
        self.truth = TruthView()
        self.guess = PredictionView()
        self.mend = QPushButton(tr("Open in Label"))
        self.mend.setToolTip(
            tr("Go to this picture's labels (double click or Enter in the list does the same)")
        )
        self.mend.setEnabled(False)
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.order)
        column.addWidget(self.list)
        column.addWidget(self.mend)
        self.splitter = QSplitter(Qt.Horizontal)
        self.splitter.addWidget(left)
        for title, view in (
            (tr("Ground truth (orange: missed)"), self.truth),
            (tr("Prediction (✓ right, ✗ wrong)"), self.guess),
        ):
            self.splitter.addWidget(_titled(title, view))
        self.splitter.setSizes([210, 560, 560])
        self.splitter.setStretchFactor(1, 1)
        self.splitter.setStretchFactor(2, 1)
        self._build_parts((top, middle))

    def _build_parts(self, rows: Sequence[QHBoxLayout]) -> None:
        """The run that all is about, and below it the parts of the page."""
        self.pictures = QWidget()
        layout = QVBoxLayout(self.pictures)
        layout.setContentsMargins(0, 6, 0, 0)
        for row in rows:
            layout.addLayout(row)
        layout.addWidget(self.splitter, 1)
        self.numbers = NumbersTab(self.evaluated)
        self.parts = QTabWidget()
        self.parts.setDocumentMode(True)
        self.parts.tabBar().setFocusPolicy(Qt.NoFocus)
        self.parts.addTab(self.pictures, tr("Pictures"))
        self.parts.addTab(self.numbers, tr("Numbers"))
        self.mistakes = MistakesTab(self.evaluated)
        self.parts.addTab(self.mistakes, tr("Mistakes"))
        self.two_runs = TwoRunsTab(self.evaluated, self.loader)
        self.parts.addTab(self.two_runs, tr("Two runs"))
        self.any_pictures = AnyPicturesTab(self.used, self.loader)
        self.parts.addTab(self.any_pictures, tr("Other pictures"))
        self.video = VideoTab(self.used)
        self.parts.addTab(self.video, tr("Video"))
        corner = QWidget()
        row = QHBoxLayout(corner)
        row.setContentsMargins(0, 0, 0, 2)
        row.addWidget(QLabel(tr("Run")))
        row.addWidget(self.run)
        self.parts.setCornerWidget(corner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(10, 6, 10, 8)
        layout.addWidget(self.parts, 1)

    def _connect(self) -> None:
        self.run.currentIndexChanged.connect(self._run_changed)
        self.weights.currentIndexChanged.connect(self._forget)
        self.split.currentIndexChanged.connect(self._forget)
        self.predict.button.clicked.connect(self.start)
        self.predict.succeeded.connect(self._predicted)
        self.predict.failed.connect(messages.error)
        self.predict.ended.connect(self._enable)
        self.threshold.valueChanged.connect(self._threshold_changed)
        self.order.currentIndexChanged.connect(self._fill_list)
        self.list.currentItemChanged.connect(self._show_current)
        self.list.itemActivated.connect(self._open_in_label)
        self.mend.clicked.connect(self._open_in_label)
        self.loader.loaded.connect(self._loaded)
        self.loader.failed.connect(self._failed)
        self.truth.viewport_changed.connect(self.guess.follow)
        self.guess.viewport_changed.connect(self.truth.follow)
        self.parts.currentChanged.connect(self._part_shown)
        self.numbers.cell_chosen.connect(self._show_cell)
        self.numbers.pictures_wanted.connect(self.mistakes.pictures_wanted)

    def _show_cell(self, split: Split, row: int, column: int) -> None:
        """Show the pictures of a number: mistakes with crops, what is right on the labelling page."""
        text = self.numbers.confusion.describe(row, column)
        if row != column:
            self.mistakes.show_cell(split, row, column, text)
            self.parts.setCurrentWidget(self.mistakes)
            return
        results = self.evaluated.results
        if results is not None and split in results.analyses:
            images = results.images(split)
            places = results.analyses[split].confusion.images(row, column)
            self.mistakes.pictures_wanted.emit([images[at].image for at in places], text)

    def _part_shown(self, *_: object) -> None:
        shown = self.parts.currentWidget()
        if shown in (self.numbers, self.mistakes):
            self.evaluated.read()
        elif shown is self.two_runs:
            self.two_runs.read()

    # What can be chosen

    def set_project(self, project: Project) -> None:
        """Show another project."""
        self.project = self.used.project = project
        self.two_runs.colours = project.session.colours
        self._forget()
        self.refresh()

    def refresh(self) -> None:
        """List the runs that have weights."""
        work = self.project.work if self.project is not None else None
        runs = [run for run in (list_runs(work.root) if work is not None else []) if run.weights()]
        chosen = self.run.currentData()
        self.run.blockSignals(True)
        self.run.clear()
        for run in reversed(runs):
            self.run.addItem(run.path.name, run)
        index = next((i for i in range(self.run.count()) if _same(self.run.itemData(i), chosen)), 0)
        self.run.setCurrentIndex(index if self.run.count() else -1)
        self.run.blockSignals(False)
        listed = [self.weights.itemData(row) for row in range(self.weights.count())]
        if not _same(self.run.currentData(), chosen) or listed != self._weights():
            self._run_changed()
        self._enable()
        self.two_runs.set_runs(tuple(reversed(runs)))
        self.evaluated.forget()
        self._part_shown()

    def _weights(self) -> list[SavedWeights]:
        """The chosen run's weights, newest first, one of each iteration (those of one are equal)."""
        run: RunFolder | None = self.run.currentData()
        by_iteration: dict[int, SavedWeights] = {}
        for weights in run.weights() if run is not None else []:
            by_iteration[weights.iteration] = weights  # the last of an iteration: final rather than backup
        return [by_iteration[iteration] for iteration in sorted(by_iteration, reverse=True)]

    def choose_run(self, path: Path) -> None:
        """Choose a run by its folder (it has just ended)."""
        self.refresh()
        for index in range(self.run.count()):
            if self.run.itemData(index).path == path:
                self.run.setCurrentIndex(index)

    def look_with(self, path: Path, iteration: int) -> None:
        """Let weights of a run look at the validation pictures: a training that goes on has saved them."""
        self.choose_run(path)
        listed = [self.weights.itemData(row) for row in range(self.weights.count())]
        row = next((row for row, one in enumerate(listed) if one.iteration == iteration), None)
        if row is None or not _same(self.run.currentData(), RunFolder.open(path)):
            messages.info(tr("The weights of iteration {iteration} are there no more.", iteration=iteration))
            return
        self.weights.setCurrentIndex(row)
        self.split.setCurrentIndex(self.split.findData(Split.VAL))
        self.parts.setCurrentWidget(self.pictures)
        self.start()

    def _run_changed(self) -> None:
        before: SavedWeights | None = self.weights.currentData()
        self.weights.blockSignals(True)
        self.weights.clear()
        for weights in self._weights():
            self.weights.addItem(_named(weights), weights)
        listed = (self.weights.itemData(row) for row in range(self.weights.count()))
        same = next((row for row, one in enumerate(listed) if one == before), None)
        if same is not None:
            # Others were saved or deleted meanwhile: what was seen with these stays.
            self.weights.setCurrentIndex(same)
        self.weights.blockSignals(False)
        if same is None:
            self._forget()
        self.evaluated.set_run(self.run.currentData())
        self._part_shown()

    def _enable(self) -> None:
        ready = self.run.currentData() is not None
        self.predict.button.setEnabled(ready)
        if not ready:
            self._show_nothing()

    def _show_nothing(self) -> None:
        text = tr(
            "Train a network on the Train page first: its predictions are shown here beside the ground truth."
        )
        if self.run.currentData() is not None:
            text = tr("Press Predict to let the network look at the pictures.")
        for view in (self.truth, self.guess):
            view.show_notice(text)
        self.summary.setText("")
        self.threshold_label.setText(f"{self.threshold.value()} %")

    def _forget(self) -> None:
        self.predictions = {}
        self._comparisons = {}
        self.list.clear()
        self.mend.setEnabled(False)
        self._show_nothing()

    # Predicting

    def start(self) -> None:
        """Run the chosen network over the chosen split."""
        run: RunFolder | None = self.run.currentData()
        weights: SavedWeights | None = self.weights.currentData()
        work = self.project.work if self.project is not None else None
        if run is None or work is None:
            return
        split: Split = self.split.currentData()
        path = weights.path if weights is not None else None
        self._forget()
        self.predict.run(
            lambda tell: predict_split(run, path, work.root, split, tell), tr("%v of %m pictures")
        )

    def _predicted(self, result: tuple[Dataset, Predictions, Report]) -> None:
        self.dataset, self.predictions, report = result
        self._images = {image.key: image for image in self.dataset if image.key in self.predictions}
        for view in (self.truth, self.guess):
            view.class_names = self.dataset.class_names
            if self.project is not None:
                view.colours = self.project.session.colours.on(self.dataset.class_names)
        if report.errors:
            messages.warning(
                tr("Some pictures could not be read: {summary}.", summary=summary(report)),
                "\n".join(map(str, report)),
            )
        self._compare()
        self.predicted.emit(self.predictions)

    def _compare(self) -> None:
        threshold = self.threshold.value() / 100
        self._comparisons = {
            key: compare(self._images[key].boxes, boxes, threshold) for key, boxes in self.predictions.items()
        }
        self._summarise()
        self._fill_list()

    def _threshold_changed(self, value: int) -> None:
        self.threshold_label.setText(f"{value} %")
        if self.predictions:
            key = self._current_key()
            self._compare()
            self._select(key)

    def _summarise(self) -> None:
        found = self._comparisons.values()
        right = sum(c.true_positives for c in found)
        wrong = sum(c.false_positives for c in found)
        missed = sum(len(c.missed) for c in found)
        what = self.split.currentText()
        if not self._comparisons:
            self.summary.setText(tr("There are no {pictures}.", pictures=what))
            return
        count = len(self._comparisons)
        self.summary.setText(f"{numbers(f'{count:,}')} {what} · {_right_and_wrong(right, wrong, missed)}")

    def _fill_list(self) -> None:
        key = self._current_key()
        self.list.blockSignals(True)
        self.list.clear()
        keys = list(self._comparisons)
        if self.order.currentIndex() == 0:
            keys.sort(key=lambda key: -self._comparisons[key].mistakes)
        for each in keys:
            found = self._comparisons[each]
            said = _right_and_wrong(found.true_positives, found.false_positives, len(found.missed))
            item = QListWidgetItem(f"{self._images[each].name}\n{said}")
            item.setData(Qt.UserRole, each)
            self.list.addItem(item)
        self.list.blockSignals(False)
        self.mend.setEnabled(self.list.count() > 0)
        self._select(key)

    def _select(self, key: str | None) -> None:
        rows = range(self.list.count())
        row = next((row for row in rows if self.list.item(row).data(Qt.UserRole) == key), 0)
        if self.list.count():
            self.list.setCurrentRow(row)
            self._show_current()

    def _current_key(self) -> str | None:
        item = self.list.currentItem()
        return item.data(Qt.UserRole) if item is not None else None

    # Showing

    def _show_current(self, *_: object) -> None:
        key = self._current_key()
        if key is None or key not in self._comparisons:
            return
        image, comparison = self._images[key], self._comparisons[key]
        self.truth.truths, self.truth.missed = image.boxes, comparison.missed
        self.guess.comparison = comparison
        picture = self.loader.request(image.path)
        if picture is not None:
            self._show_picture(picture)

    def _open_in_label(self, *_: object) -> None:
        key = self._current_key()
        if key is not None and self.project is not None:
            self.label_wanted.emit(self.project.key_of(key) or key)

    def _show_picture(self, picture: QImage) -> None:
        for view in (self.truth, self.guess):
            view.show_image(picture)

    def _loaded(self, path: str, picture: QImage) -> None:
        key = self._current_key()
        if key is not None and key in self._images and str(self._images[key].path) == path:
            self._show_picture(picture)

    def _failed(self, path: str, problem: str) -> None:
        key = self._current_key()
        if key is not None and key in self._images and str(self._images[key].path) == path:
            for view in (self.truth, self.guess):
                view.show_notice(problem)

    def is_busy(self) -> bool:
        """Whether pictures are being predicted, or a run is measured."""
        numbers = self.numbers
        rows = (
            self.predict,
            self.two_runs.evaluate,
            numbers.evaluate,
            numbers.speed,
            numbers.counting.count,
            self.video.save,
        )
        return self.any_pictures.is_busy or any(row.is_running for row in rows)

    def stop(self) -> None:
        """End it, before the window closes."""
        self.predict.stop()
        self.numbers.evaluate.stop()
        self.numbers.speed.stop()
        self.numbers.counting.count.stop()
        self.numbers.reports.stop()
        self.evaluated.stop()
        self.mistakes.shut_down()
        self.mistakes.since.stop()
        self.two_runs.stop()
        self.any_pictures.stop()
        self.video.stop()

    # What is dropped

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if _local_files(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        event.acceptProposedAction()
        self.look_at(_local_files(event.mimeData()))

    def look_at(self, paths: Sequence[Path]) -> None:
        """Let the network look at pictures, folders, or a video."""
        show_sources(paths, self.parts, self.any_pictures, self.video)


def predict_split(
    run: RunFolder, weights: Path | None, work: Path, split: Split, tell: Callable[[int, int], None]
) -> tuple[Dataset, Predictions, Report]:
    """Predict all pictures of a split; those that cannot be read are reported and left out."""
    report = Report()
    dataset = registry.load(work, report)
    predictor = open_run_predictor(run, weights)
    images = dataset.in_split(split)
    predictions: Predictions = {}
    for number, image in enumerate(images):
        tell(number, len(images))
        try:
            predictions[image.key] = predictor.predict(load_rgb(image.path))
        except DataError as error:
            report.add_exception(error, key=image.key)
    tell(len(images), len(images))
    return dataset, predictions, report


def _named(weights: SavedWeights) -> str:
    """Weights as the list of them says it."""
    kinds = {"final": tr("final"), "best": tr("best"), "last": tr("last"), "backup": tr("backup")}
    if weights.kind == "numbered":
        return tr("iteration {iteration}", iteration=weights.iteration)
    kind = kinds.get(str(weights.kind), str(weights.kind))
    return tr("iteration {iteration} ({kind})", iteration=weights.iteration, kind=kind)


def _right_and_wrong(right: int, wrong: int, missed: int) -> str:
    """``3 right · 1 wrong · 2 missed``."""
    return " · ".join(
        (
            tr_n("{n} right", "{n} right", right),
            tr_n("{n} wrong", "{n} wrong", wrong),
            tr_n("{n} missed", "{n} missed", missed),
        )
    )


def _same(one: RunFolder | None, other: RunFolder | None) -> bool:
    return one is not None and other is not None and one.path == other.path


def _local_files(data: QMimeData) -> list[Path]:
    return [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()]


def _titled(title: str, widget: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    label = QLabel(title)
    label.setAlignment(Qt.AlignCenter)
    column.addWidget(label)
    column.addWidget(widget, 1)
    return holder
