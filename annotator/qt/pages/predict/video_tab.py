"""A network looks at a video or a camera: frame by frame in a thread; the threshold answers at once."""

from __future__ import annotations

import threading
import time
from pathlib import Path

from PyQt5.QtCore import QObject, Qt, QThread, pyqtSignal
from PyQt5.QtGui import QHideEvent, QPainter
from PyQt5.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.darknet.engines import OpenCvEngine
from annotator.darknet.predictor import LOWEST_CONFIDENCE, open_run_predictor
from annotator.darknet.runs import RunFolder
from annotator.darknet.video import SUFFIXES, FrameSource, watch
from annotator.qt import painting
from annotator.qt.elided import ElidedLabel
from annotator.qt.loader import to_qimage
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.colours import class_colours
from converters.errors import DataError
from converters.model import Box


class FrameView(PictureView):
    """A frame with what was seen above the threshold."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: tuple[Box, ...] = ()
        self.threshold = 0.25

    def shown(self) -> tuple[Box, ...]:
        """The predictions that are drawn."""
        return tuple(box for box in self.boxes if (box.confidence or 0.0) >= self.threshold)

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        boxes = self.shown()
        painting.paint_predictions(painter, boxes, (True,) * len(boxes), context)


class Player(QThread):
    """Reads frames and looks at them, one at a time: the next when the window has shown the last.

    Signals:
        opened: Title and number of frames (0: not known).
        shown: Number of the frame, the picture, its predictions at the lowest threshold.
        ended: A sentence where the source broke off or cannot be used, else empty.
    """

    opened = pyqtSignal(str, int)
    shown = pyqtSignal(int, object, object)
    ended = pyqtSignal(str)

    def __init__(
        self, run: RunFolder, weights: Path | None, source: Path | int, parent: QObject | None = None
    ) -> None:
        super().__init__(parent)
        self._run_folder, self._weights, self._source = run, weights, source
        self._allowed = threading.Semaphore(1)
        self._playing = threading.Event()
        self._playing.set()
        self._steps = threading.Semaphore(0)
        self._stop = threading.Event()

    def run(self) -> None:
        """The thread's work."""
        try:
            predictor = open_run_predictor(self._run_folder, self._weights)
            with FrameSource(self._source) as source:
                self.opened.emit(source.title, source.count)
                # A file goes on as fast as it was filmed at most, a camera as fast as it gives frames.
                pace = 0.0 if isinstance(self._source, int) else 1 / source.fps
                due = 0.0
                while self._may_go_on():
                    self._stop.wait(max(0.0, due - time.monotonic()))
                    due = time.monotonic() + pace
                    frame = source.read()
                    if frame is None:
                        self.ended.emit(source.broke_off())
                        return
                    boxes = predictor.predict(frame, threshold=LOWEST_CONFIDENCE)
                    self.shown.emit(source.position, to_qimage(frame), boxes)
        except DataError as error:
            self.ended.emit(str(error))

    def was_shown(self) -> None:
        """The window has shown the last frame."""
        self._allowed.release()

    def pause(self) -> None:
        """Stay at this frame."""
        self._playing.clear()

    def play(self) -> None:
        """Go on."""
        self._playing.set()

    @property
    def is_playing(self) -> bool:
        """Whether frames go on by themselves."""
        return self._playing.is_set()

    def step(self) -> None:
        """One frame more, then stay."""
        self.pause()
        self._steps.release()

    def end(self) -> None:
        """End after the frame that is looked at."""
        self._stop.set()
        self._playing.set()
        self._allowed.release()
        self._steps.release()

    def _may_go_on(self) -> bool:
        self._allowed.acquire()
        while not self._stop.is_set() and not self._playing.is_set():
            if self._steps.acquire(timeout=0.05):
                break
        return not self._stop.is_set()


class VideoTab(QWidget):
    """Watches videos and cameras with the network of the chosen run."""

    def __init__(self, evaluated: Evaluated, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.evaluated = evaluated
        self.player: Player | None = None
        self._source: Path | int | None = None
        self._run_path: Path | None = None
        self._ending: list[Player] = []
        self._build()
        self.open.clicked.connect(self._ask)
        self.camera.clicked.connect(lambda: self.watch(self.camera_number.value()))
        self.play.clicked.connect(self._toggle)
        self.step.clicked.connect(self._step)
        self.threshold.valueChanged.connect(self._threshold_changed)
        self.save.button.clicked.connect(self._ask_target)
        self.save.succeeded.connect(self._saved)
        self.save.failed.connect(messages.error)
        evaluated.changed.connect(self._run_changed)
        self._run_changed()

    def _build(self) -> None:
        self.open = QPushButton(tr("Open a video…"))
        self.camera = QPushButton(tr("Camera"))
        self.camera_number = QSpinBox()
        self.camera_number.setRange(0, 9)
        self.camera_number.setToolTip(tr("Which camera; the first has the number 0"))
        self.play, self.step = QPushButton(tr("Pause")), QPushButton(tr("One frame"))
        self.play.setToolTip(tr("Go on or stay at this frame"))
        self.save = TaskRow(tr("Save with boxes…"))
        self.save.button.setToolTip(
            tr("The whole video as mp4 or avi, with what is above the threshold drawn")
        )
        self.threshold = QSlider(Qt.Horizontal, minimum=1, maximum=99, value=25)
        self.threshold.setMaximumWidth(220)
        self.threshold_label = QLabel("25 %")
        self.place = QProgressBar()
        self.place.setTextVisible(True)
        self.place.hide()  # until a video says how long it is
        self.said = ElidedLabel()
        self.view = FrameView()
        top, middle = QHBoxLayout(), QHBoxLayout()
        for widget in (self.open, self.camera, self.camera_number, self.play, self.step):
            top.addWidget(widget)
        top.addWidget(self.save, 1)
        for widget in (QLabel(tr("Confidence from")), self.threshold, self.threshold_label, self.place):
            middle.addWidget(widget)
        middle.addWidget(self.said, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addLayout(middle)
        layout.addWidget(self.view, 1)

    # Watching

    def watch(self, source: Path | int) -> None:
        """Watch a video file, or a camera by its number."""
        run = self.evaluated.run
        if run is None:
            return
        self.stop_player()
        self._source = source
        self.view.class_names = run.info.class_names
        self.view.show_notice(tr("Opening…"))
        player = Player(run, None, source, self)
        player.opened.connect(self._opened)
        player.shown.connect(lambda *what: self._show(player, *what))
        player.ended.connect(lambda problem: self._ended(player, problem))
        self.player = player
        player.start()
        self._enable()

    def stop_player(self) -> None:
        """End what is watched."""
        player, self.player = self.player, None
        if player is not None:
            self._ending.append(player)
            player.finished.connect(lambda: self._forget(player))
            player.end()
            if player.isFinished():
                self._forget(player)

    def _forget(self, player: Player) -> None:
        if player in self._ending:
            self._ending.remove(player)
            player.deleteLater()

    def stop(self) -> None:
        """End everything, before the window closes."""
        self.stop_player()
        for player in list(self._ending):
            player.wait()
        self.save.stop()

    def hideEvent(self, event: QHideEvent) -> None:
        # Something else is looked at: no frames meanwhile.
        super().hideEvent(event)
        if self.player is not None and self.player.is_playing:
            self._toggle()

    def _ask(self) -> None:
        patterns = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in SUFFIXES)
        chosen, _ = QFileDialog.getOpenFileName(
            self, tr("Open a video"), "", f"{tr('Videos')} ({patterns});;{tr('All files')} (*)"
        )
        if chosen:
            self.watch(Path(chosen))

    def _toggle(self) -> None:
        if self.player is None:
            if self._source is not None:
                self.watch(self._source)
            return
        if self.player.is_playing:
            self.player.pause()
        else:
            self.player.play()
        self._enable()

    def _step(self) -> None:
        if self.player is not None:
            self.player.step()
            self._enable()

    def _opened(self, title: str, count: int) -> None:
        self.place.setRange(0, count)
        self.place.setVisible(bool(count))
        self.place.setFormat(tr("frame %v of %m") if count else "")
        self.said.setText(title)

    def _show(self, player: Player, number: int, picture: object, boxes: tuple[Box, ...]) -> None:
        if player is not self.player:
            return  # of a video that was closed meanwhile
        self.view.boxes = boxes
        self.view.show_image(picture)
        self.view.update()
        if self.place.maximum():
            self.place.setValue(min(number, self.place.maximum()))
        self._say_seen()
        player.was_shown()

    def _ended(self, player: Player, problem: str) -> None:
        if player is not self.player:
            return
        self.stop_player()
        if problem:
            messages.error(known(problem))
            if not self.view.has_picture:
                self.view.show_notice(known(problem))
        self._enable()

    def _threshold_changed(self, value: int) -> None:
        self.threshold_label.setText(f"{value} %")
        self.view.threshold = value / 100
        self.view.update()
        self._say_seen()

    def _say_seen(self) -> None:
        if self.view.has_picture:
            self.said.setText(tr_n("{n} box", "{n} boxes", len(self.view.shown())))

    def _run_changed(self) -> None:
        run = self.evaluated.run
        path = run.path if run is not None else None
        if path != self._run_path or path is None:
            self.stop_player()
            self._run_path = path
            text = tr("Train a network on the Train page first.")
            if run is not None:
                text = tr("Open a video, or switch a camera on: the network looks at every frame.")
            self.view.show_notice(text)
        self._enable()

    def _enable(self) -> None:
        ready = self.evaluated.run is not None
        for widget in (self.open, self.camera, self.camera_number):
            widget.setEnabled(ready)
        self.play.setEnabled(self._source is not None)
        self.step.setEnabled(self.player is not None)
        playing = self.player is not None and self.player.is_playing
        self.play.setText(tr("Pause") if playing else tr("Play"))
        self.save.button.setEnabled(ready and isinstance(self._source, Path))

    # Saving

    def _ask_target(self) -> None:
        if not isinstance(self._source, Path):
            return
        proposed = self._source.with_name(f"{self._source.stem}-seen.mp4")
        chosen, _ = QFileDialog.getSaveFileName(
            self, tr("Save the video"), str(proposed), "mp4 (*.mp4);;avi (*.avi)"
        )
        if chosen:
            self.save_to(Path(chosen))

    def save_to(self, target: Path) -> None:
        """Save the whole video with its boxes drawn."""
        run, path = self.evaluated.run, self._source
        if run is None or not isinstance(path, Path):
            return
        if target.suffix.lower() not in (".mp4", ".avi"):
            target = target.with_name(f"{target.name}.mp4")
        if target.resolve() == path.resolve():
            messages.error(tr("The video that is watched cannot be written over: choose another name."))
            return
        threshold = self.threshold.value() / 100

        def work(tell: object) -> tuple[Path, str]:
            engine = OpenCvEngine(open_run_predictor(run, threshold=threshold))
            with FrameSource(path) as source:
                done = watch(
                    engine,
                    source,
                    target=target,
                    colours=class_colours(run.info.class_names),
                    on_frame=lambda number, *_: tell(number + 1, max(source.count, number + 1)),
                )
            return target, done.problem

        self.save.run(work, tr("frame %v of %m"))

    def _saved(self, result: tuple[Path, str]) -> None:
        target, problem = result
        self.save.say(tr("Saved as {name}", name=target.name))
        if problem:
            messages.warning(known(problem))
