"""A network looks at any pictures: dropped, chosen, or a whole folder of them; saved, or made a set of."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import QModelIndex, Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QDesktopServices, QImage, QPainter
from PyQt5.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QListView,
    QPushButton,
    QSlider,
    QSplitter,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.looked import Looked, LookedOrder, SaveRequest, make_set, save_seen
from annotator.core.networks_at_hand import LEAST
from annotator.darknet.prediction.engines import Engine
from annotator.darknet.prediction.looking import Seen, Shown
from annotator.qt import painting
from annotator.qt.elided import ElidedLabel
from annotator.qt.loader import ImageLoader
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.looked_list import ClassTicks, LookedModel
from annotator.qt.pages.predict.network_used import EngineChoice, NetworkRow, NetworkUsed
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.said_below import known, summary
from annotator.qt.translation import numbers, tr, tr_n
from converters.errors import DataError
from converters.images import IMAGE_SUFFIXES
from converters.model import Box
from converters.report import Report

_PAUSE = 0.15
"""Seconds between two reports of what was seen."""


class SeenView(PictureView):
    """A picture with the predictions that count."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: tuple[Box, ...] = ()

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        painting.paint_predictions(painter, self.boxes, None, context)


@dataclass(frozen=True)
class _Ask:
    """What is to be looked at, with what."""

    number: int
    sources: tuple[Path, ...]
    open_engine: Callable[[], Engine]


class AnyPicturesTab(QWidget):
    """Pictures of any folder, with what the network sees in them.

    Signals:
        found: (number of the question, what was seen since the last time); emitted by the thread that looks.
        set_wanted: Folder of a set that was made, to be opened.
    """

    found = pyqtSignal(int, object)
    set_wanted = pyqtSignal(object)

    def __init__(self, used: NetworkUsed, loader: ImageLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.used, self.loader = used, loader
        self.looked = Looked()
        self._sources: tuple[Path, ...] = ()
        self._number = 0
        self._again = False
        self._weights = Path()
        self._saved: Path | None = None
        self._made: Path | None = None
        self._build()
        self._connect()
        self._show_nothing()

    # Building

    def _build(self) -> None:
        self.choose, self.folder = QPushButton(tr("Pictures…")), QPushButton(tr("Folder…"))
        self.choose.setToolTip(tr("Choose pictures to look at; or drop them here"))
        self.folder.setToolTip(tr("Look at all pictures of a folder and below; or drop it here"))
        self.look = TaskRow(tr("Look once more"))
        self.engine = EngineChoice()
        self.network = NetworkRow(self.used)
        top = QHBoxLayout()
        for widget in (self.choose, self.folder, self.engine):
            top.addWidget(widget)
        top.addWidget(self.look, 2)
        top.addWidget(self.network, 2)
        # Below this confidence nothing is kept.
        self.threshold = QSlider(Qt.Horizontal, minimum=round(100 * LEAST), maximum=99, value=25)
        self.threshold.setMaximumWidth(260)
        self.threshold_label = QLabel("25 %")
        self.summary = ElidedLabel()
        middle = QHBoxLayout()
        for widget in (QLabel(tr("Confidence from")), self.threshold, self.threshold_label):
            middle.addWidget(widget)
        middle.addSpacing(16)
        middle.addWidget(self.summary, 1)
        self._build_list()
        self.save = TaskRow(tr("Save…"))
        self.save.button.setToolTip(tr("Pictures with boxes, CSV, COCO, YOLO: of what is shown"))
        self.label = TaskRow(tr("Label them…"))
        self.label.button.setToolTip(
            tr("Make a new set of these pictures with what is shown as first boxes, and open it")
        )
        self.open_saved = QPushButton(tr("Open the folder"))
        self.open_saved.hide()
        below = QHBoxLayout()
        below.addWidget(self.save, 1)
        below.addWidget(self.open_saved)
        below.addWidget(self.label, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addLayout(middle)
        layout.addWidget(self.splitter, 1)
        layout.addLayout(below)

    def _build_list(self) -> None:
        self.order = QComboBox()
        for how, text in (
            (LookedOrder.NAME, tr("By name")),
            (LookedOrder.MOST, tr("Most boxes first")),
            (LookedOrder.DOUBTFUL, tr("Least sure first")),
        ):
            self.order.addItem(text, how)
        self.model = LookedModel(self)
        self.list = QListView()
        self.list.setModel(self.model)
        self.list.setUniformItemSizes(True)
        self.list.setTextElideMode(Qt.ElideMiddle)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.list.setMinimumWidth(170)
        self.classes = ClassTicks()
        self.view = SeenView()
        left = QWidget()
        column = QVBoxLayout(left)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.order, self.list, self.classes):
            column.addWidget(widget)
        self.splitter = QSplitter(Qt.Horizontal)
        self.splitter.addWidget(left)
        self.splitter.addWidget(self.view)
        self.splitter.setSizes([240, 900])
        self.splitter.setStretchFactor(1, 1)

    def _connect(self) -> None:
        self.choose.clicked.connect(self._ask_pictures)
        self.folder.clicked.connect(self._ask_folder)
        self.look.button.clicked.connect(self._begin)
        self.look.succeeded.connect(self._looked_at)
        self.look.failed.connect(self._failed)
        self.look.cancelled.connect(self._cancelled)
        self.look.ended.connect(self._ended)
        self.found.connect(self._take, Qt.QueuedConnection)
        self.engine.currentIndexChanged.connect(self._network_changed)
        self.used.changed.connect(self._network_changed)
        self.threshold.valueChanged.connect(self._shown_changed)
        self.classes.changed.connect(self._shown_changed)
        self.order.currentIndexChanged.connect(self._list_anew)
        self.list.selectionModel().currentChanged.connect(self._show_row)
        self.loader.loaded.connect(self._loaded)
        self.loader.failed.connect(self._cannot_load)
        self.save.button.clicked.connect(self._ask_save)
        self.save.succeeded.connect(self._was_saved)
        self.save.failed.connect(lambda problem: messages.error(known(problem)))
        self.label.button.clicked.connect(self._ask_set)
        self.label.succeeded.connect(self._set_made)
        self.label.ended.connect(self._open_made)
        self.label.failed.connect(lambda problem: messages.error(known(problem)))
        self.open_saved.clicked.connect(self._open_saved)

    # What is looked at

    def take_sources(self, paths: Sequence[Path]) -> None:
        """Look at these pictures and folders."""
        self._sources = tuple(paths)
        self._begin()

    def _ask_pictures(self) -> None:
        kinds = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in sorted(IMAGE_SUFFIXES))
        names, _ = QFileDialog.getOpenFileNames(
            self,
            tr("Pictures to look at"),
            self._place(),
            f"{tr('Pictures')} ({kinds});;{tr('All files')} (*)",
        )
        if names:
            self.take_sources([Path(name) for name in names])

    def _ask_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, tr("A folder of pictures to look at"), self._place())
        if name:
            self.take_sources([Path(name)])

    def _place(self) -> str:
        return str(self._sources[0].parent) if self._sources else ""

    def _network_changed(self, *_: object) -> None:
        if self._sources and self.used.network is not None:
            self._begin()
        else:
            self._forget()

    def _begin(self) -> None:
        network = self.used.network
        if not self._sources or network is None:
            if self._sources:
                messages.info(tr("Choose a network first: the button “Network…”."))
            return
        if self.look.is_running:
            # What is looked at now is not wanted any more.
            self._again = True
            self._number += 1
            self.look.cancel.click()
            return
        self._forget()
        ask = _Ask(self._number, self._sources, self.used.opener(self.engine.with_darknet))
        self._weights = network.weights
        self.looked = Looked(network.class_names)
        self._list_anew()
        self.view.class_names = network.class_names
        self.classes.show_classes(network.class_names)
        self.view.show_notice(tr("Looking…"))
        self.look.run(lambda tell: look(ask, tell, self.found.emit), tr("%v of %m pictures"), kept=True)
        self._enable()

    def _forget(self) -> None:
        self._number += 1
        self.looked = Looked()
        self.open_saved.hide()
        self.save.say("")
        self._list_anew()
        self._show_nothing()

    def _take(self, number: int, found: list[Seen]) -> None:
        if number != self._number:
            return  # of a question that nobody asks any more
        self.looked.add(found)
        if self.order.currentData() is LookedOrder.NAME and self.model.looked is self.looked:
            first = not self.model.rowCount()
            self.model.more(self.shown)
            if first:
                self.list.setCurrentIndex(self.model.index(0))
            self._say()
        else:
            self._list_anew()

    def _looked_at(self, report: Report) -> None:
        if self._again:
            return
        if report.errors:
            messages.warning(
                tr("Some pictures could not be looked at: {summary}.", summary=summary(report)),
                "\n".join(map(str, report)),
            )
        if not len(self.looked):
            self.view.show_notice(tr("None of the pictures could be looked at."))

    def _failed(self, problem: str) -> None:
        if not self._again:
            self.view.show_notice(known(problem))
            messages.error(known(problem))

    def _cancelled(self) -> None:
        if not self._again:
            seen = tr_n("{n} picture", "{n} pictures", len(self.looked))
            self.look.say(tr("Ended after {pictures}; what was seen is kept.", pictures=seen))

    def _ended(self) -> None:
        if self._again:
            self._again = False
            self._begin()
            return
        if not len(self.looked) and not self.view.has_notice:
            self._show_nothing()
        self._enable()

    # Showing

    @property
    def shown(self) -> Shown:
        """Which predictions count."""
        return Shown(self.threshold.value() / 100, self.classes.hidden)

    def _list_anew(self, *_: object) -> None:
        current = self.model.seen(self.list.currentIndex().row())
        self.model.show(self.looked, self.shown, self.order.currentData())
        row = max(0, self.model.row_of(current) if current is not None else 0)
        if self.model.rowCount():
            self.list.setCurrentIndex(self.model.index(row))
        self._say()

    def _shown_changed(self, *_: object) -> None:
        self.threshold_label.setText(f"{self.threshold.value()} %")
        self.model.count_anew(self.shown)
        seen = self.model.seen(self.list.currentIndex().row())
        if seen is not None:
            self.view.boxes = self.shown.of(seen.boxes)
            self.view.update()
        self._say()

    def _say(self) -> None:
        self.classes.show_counts(self.model.of_class)
        if not len(self.looked):
            self.summary.setText("")
        else:
            pictures = tr_n("{n} picture", "{n} pictures", len(self.looked))
            boxes = tr_n("{n} box", "{n} boxes", self.model.boxes)
            self.summary.setText(numbers(f"{pictures} · {boxes}"))
        self._enable()

    def _show_row(self, index: QModelIndex, *_: object) -> None:
        seen = self.model.seen(index.row())
        if seen is None:
            return
        self.view.boxes = self.shown.of(seen.boxes)
        ahead = (self.model.seen(index.row() + 1), self.model.seen(index.row() + 2))
        paths = tuple(one.picture.path for one in ahead if one is not None)
        picture = self.loader.request(seen.picture.path, paths)
        if picture is not None:
            self.view.show_image(picture)
        self.view.update()

    def _is_current(self, path: str) -> bool:
        seen = self.model.seen(self.list.currentIndex().row())
        return seen is not None and str(seen.picture.path) == path

    def _loaded(self, path: str, picture: QImage) -> None:
        if self._is_current(path):
            self.view.show_image(picture)

    def _cannot_load(self, path: str, problem: str) -> None:
        if self._is_current(path):
            self.view.show_notice(problem)

    def _show_nothing(self) -> None:
        self.view.boxes = ()
        text = tr("Drop pictures or a folder here: the network looks at them.")
        if self.used.network is None:
            text = self.used.how_to_get_one()
        self.view.show_notice(text)
        self._enable()

    def _enable(self) -> None:
        self.look.button.setVisible(bool(self._sources) and not self.look.is_running)
        ready = len(self.looked) > 0 and not self.look.is_running
        self.save.button.setEnabled(ready)
        self.label.button.setEnabled(ready)

    # Keeping

    def _what(self) -> str:
        return tr(
            "{boxes} on {pictures}: what is shown now, with a confidence from {percent} % on.",
            boxes=tr_n("{n} box", "{n} boxes", self.model.boxes),
            pictures=tr_n("{n} picture", "{n} pictures", len(self.looked)),
            percent=self.threshold.value(),
        )

    def _ask_save(self) -> None:
        from annotator.qt.dialogs.save_seen import SaveSeenDialog

        dialog = SaveSeenDialog(
            _proposed(self._sources, "predictions"), self.shown, self._weights, self._what(), self.window()
        )
        dialog.chosen.connect(self.save_as)
        dialog.open()

    def save_as(self, request: SaveRequest) -> None:
        """Save what is shown."""
        looked = self.looked
        self._saved = request.folder
        self.open_saved.hide()
        self.save.run(lambda tell: save_seen(looked, request, tell), tr("%v of %m pictures"))

    def _was_saved(self, report: Report) -> None:
        if self._saved is not None:
            self.save.say(tr("Saved in {name}", name=self._saved.name))
            self.save.note.setToolTip(str(self._saved))
            self.open_saved.show()
        if report.errors:
            messages.warning(
                tr("Some pictures could not be read: {summary}.", summary=summary(report)),
                "\n".join(map(str, report)),
            )

    def _open_saved(self) -> None:
        if self._saved is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._saved)))

    def _ask_set(self) -> None:
        proposed = _proposed(self._sources, "set")
        name, _ = QFileDialog.getSaveFileName(
            self, tr("A new folder for the set"), str(proposed), "", "", QFileDialog.DontConfirmOverwrite
        )
        if name:
            self.make_set_in(Path(name))

    def make_set_in(self, folder: Path) -> None:
        """Make a set of what is shown."""
        looked, shown = self.looked, self.shown

        def work(tell: Callable[[int, int], None]) -> Path:
            make_set(looked, folder, shown, tell)
            return folder

        self.label.run(work, tr("%v of %m pictures"))

    def _set_made(self, folder: Path) -> None:
        self.label.say("")
        self._made = folder

    def _open_made(self) -> None:
        # Only now: a page that is busy would be asked whether that may be stopped.
        made, self._made = self._made, None
        if made is not None:
            self.set_wanted.emit(made)

    @property
    def is_busy(self) -> bool:
        """Whether closing would end something."""
        return any(row.is_running for row in (self.look, self.save, self.label))

    def stop(self) -> None:
        """End everything, before the window closes."""
        self._again = False
        self._number += 1
        for row in (self.look, self.save, self.label):
            row.stop()


def look(ask: _Ask, tell: Callable[[int, int], None], found: Callable[[int, list[Seen]], None]) -> Report:
    """The thread's work: look at everything, and tell of it every now and then."""
    from annotator.darknet.prediction.looking import collect, look_at

    report = Report()
    pictures = collect(ask.sources, report, tick=lambda: tell(0, 0))
    engine = ask.open_engine()
    kept: list[Seen] = []
    done = 0

    def problem(_: object, error: DataError) -> None:
        nonlocal done
        done += 1
        report.add_exception(error)

    def tick() -> None:
        tell(done, len(pictures))

    tick()
    due = 0.0
    try:
        for seen, _ in look_at(engine, pictures, on_problem=problem, tick=tick):
            kept.append(seen)
            done += 1
            if time.monotonic() >= due:
                found(ask.number, kept)
                kept = []
                due = time.monotonic() + max(_PAUSE, done / 20_000)
    finally:
        if kept:
            found(ask.number, kept)  # also of what was cancelled
    tell(len(pictures), len(pictures))
    return report


def _proposed(sources: Sequence[Path], ending: str) -> Path:
    """A new folder beside what was looked at."""
    first = sources[0] if sources else Path.home() / "pictures"
    base = first if first.is_dir() else first.parent
    folder = base.with_name(f"{base.name}-{ending}")
    number = 1
    while folder.exists() and any(folder.iterdir()) and not (folder / "predictions.json").is_file():
        number += 1
        folder = base.with_name(f"{base.name}-{ending}-{number}")
    return folder
