"""A network looks at a video or a camera: frame by frame in a thread; the threshold answers at once."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QHideEvent, QPainter
from PyQt5.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QProgressBar,
    QPushButton,
    QSlider,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.networks_at_hand import LEAST
from annotator.darknet.cameras import Source, cameras, read_source
from annotator.darknet.engines import open_engine
from annotator.darknet.looking import Shown
from annotator.darknet.video import SUFFIXES, FrameSource, source_stem, watch
from annotator.qt import painting
from annotator.qt.elided import ElidedLabel
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.network_used import NetworkRow, NetworkUsed
from annotator.qt.pages.predict.player import Player
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.colours import class_colours
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


class VideoTab(QWidget):
    """Watches videos and cameras."""

    def __init__(self, used: NetworkUsed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.used = used
        self.player: Player | None = None
        self._source: Source | None = None
        self._recording = False
        self._ending: list[Player] = []
        self._build()
        self.open.clicked.connect(self._ask)
        self.camera.clicked.connect(self._watch_camera)
        self.play.clicked.connect(self._toggle)
        self.step.clicked.connect(self._step)
        self.threshold.valueChanged.connect(self._threshold_changed)
        self.save.button.clicked.connect(self._ask_target)
        self.save.succeeded.connect(self._saved)
        self.save.failed.connect(messages.error)
        self.record.clicked.connect(self._toggle_recording)
        used.changed.connect(self._network_changed)
        self._network_changed()

    def _build(self) -> None:
        self.open = QPushButton(tr("Open a video…"))
        self.camera = QPushButton(tr("Camera"))
        self.camera_number = QComboBox(editable=True)
        for number, name in cameras() or [(0, "")]:
            self.camera_number.addItem(f"{number}: {name}" if name else str(number))
        self.camera_number.setMinimumContentsLength(9)
        self.camera_number.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.camera_number.setToolTip(
            tr(
                "Which camera: its number (the first has 0), or an address such as rtsp://name:password@10.0.0.7/"
            )
        )
        self.camera_number.lineEdit().returnPressed.connect(self._watch_camera)
        self.record = QPushButton(tr("Record"))
        self.record.setToolTip(tr("Write what the camera shows, with the boxes, to a video"))
        self.stop_button = QPushButton(tr("Close"))
        self.stop_button.setToolTip(tr("Close the video, or give the camera back"))
        self.stop_button.clicked.connect(self._close)
        self.network = NetworkRow(self.used)
        self.play, self.step = QPushButton(tr("Pause")), QPushButton(tr("One frame"))
        self.play.setToolTip(tr("Go on or stay at this frame"))
        self.save = TaskRow(tr("Save with boxes…"))
        self.save.button.setToolTip(
            tr("The whole video as mp4 or avi, with what is above the threshold drawn")
        )
        self.threshold = QSlider(Qt.Horizontal, minimum=round(100 * LEAST), maximum=99, value=25)
        self.threshold.setMaximumWidth(220)
        self.threshold_label = QLabel("25 %")
        self.place = QProgressBar()
        self.place.setTextVisible(True)
        self.place.hide()  # until a video says how long it is
        self.said = ElidedLabel()
        self.view = FrameView()
        top, middle = QHBoxLayout(), QHBoxLayout()
        for widget in (
            *(self.open, self.camera, self.camera_number, self.play, self.step, self.record),
            self.stop_button,
        ):
            top.addWidget(widget)
        top.addWidget(self.save, 2)
        top.addWidget(self.network, 1)
        for widget in (QLabel(tr("Confidence from")), self.threshold, self.threshold_label, self.place):
            middle.addWidget(widget)
        middle.addWidget(self.said, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addLayout(middle)
        layout.addWidget(self.view, 1)

    # Watching

    def watch(self, source: Source) -> None:
        """Watch a video file, or a camera by its number or address."""
        network = self.used.network
        if network is None:
            messages.info(tr("Choose a network first: the button “Network…”."))
            return
        self.stop_player()
        self._source = source
        self.view.class_names = network.class_names
        self.view.boxes = ()
        self.view.show_notice(tr("Opening…"))
        player = Player(network, source, self)
        player.opened.connect(self._opened)
        player.shown.connect(lambda *what: self._show(player, *what))
        player.ended.connect(lambda problem: self._ended(player, problem))
        player.recorded.connect(self._recorded)
        player.drawn = Shown(self.threshold.value() / 100)
        self.player = player
        player.start()
        self._enable()

    def _watch_camera(self) -> None:
        text = self.camera_number.currentText()
        if text.strip():
            self.watch(read_source(text))

    def _close(self) -> None:
        self.stop_player()
        self._source = None
        self.place.hide()
        self.said.setText("")
        self._network_changed()

    def _toggle_recording(self) -> None:
        if self.player is None or self._source is None:
            return
        if self._recording:
            self._recording = False
            self.player.record(None)
        else:
            proposed = Path.home() / f"{source_stem(self._source)}.mp4"
            chosen, _ = QFileDialog.getSaveFileName(
                self, tr("Save the video"), str(proposed), "mp4 (*.mp4);;avi (*.avi)"
            )
            if chosen and self.player is not None:
                self.start_recording(Path(chosen))
        self._enable()

    def start_recording(self, target: Path) -> None:
        """Write what is shown from now on to a video."""
        if self.player is not None:
            if target.suffix.lower() not in (".mp4", ".avi"):
                target = target.with_name(f"{target.name}.mp4")
            self._recording = True
            self.player.record(target)
            self._enable()

    def _recorded(self, target: Path | None, problem: str) -> None:
        self._recording = False
        if problem:
            messages.error(known(problem))
        elif target is not None:
            self.save.say(tr("Saved as {name}", name=target.name))
            self.save.note.setToolTip(str(target))
        self._enable()

    def stop_player(self) -> None:
        """End what is watched."""
        player, self.player = self.player, None
        self._recording = False
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
        if self.player is not None:
            self.player.drawn = Shown(value / 100)
        self.view.update()
        self._say_seen()

    def _say_seen(self) -> None:
        if self.view.has_picture:
            text = tr_n("{n} box", "{n} boxes", len(self.view.shown()))
            if self.player is not None and self.player.rate:
                text += " · " + tr("{rate} pictures a second", rate=f"{self.player.rate:.1f}")
            self.said.setText(text)

    def _network_changed(self) -> None:
        if self.player is not None and self._source is not None and self.used.network is not None:
            self.watch(self._source)
            return
        self.stop_player()
        text = tr("Train a network on the Train page first, or choose one from elsewhere (Network…).")
        if self.used.network is not None:
            text = tr("Open a video, or switch a camera on: the network looks at every frame.")
        self.view.show_notice(text)
        self._enable()

    def _enable(self) -> None:
        ready = self.used.network is not None
        for widget in (self.open, self.camera, self.camera_number):
            widget.setEnabled(ready)
        live = self._source is not None and not isinstance(self._source, Path)
        self.play.setEnabled(self._source is not None)
        self.step.setEnabled(self.player is not None)
        self.stop_button.setEnabled(self.player is not None or self._source is not None)
        self.record.setVisible(live)
        self.record.setEnabled(self.player is not None)
        self.record.setText(tr("Stop recording") if self._recording else tr("Record"))
        playing = self.player is not None and self.player.is_playing
        self.play.setText(tr("Pause") if playing else tr("Play"))
        self.save.button.setVisible(not live and not self.save.is_running)
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
        network, path = self.used.network, self._source
        if network is None or not isinstance(path, Path):
            return
        if target.suffix.lower() not in (".mp4", ".avi"):
            target = target.with_name(f"{target.name}.mp4")
        if target.resolve() == path.resolve():
            messages.error(tr("The video that is watched cannot be written over: choose another name."))
            return
        threshold = self.threshold.value() / 100

        def work(tell: object) -> tuple[Path, str]:
            engine = open_engine(network.files(), threshold)
            with FrameSource(path) as source:
                done = watch(
                    engine,
                    source,
                    target=target,
                    colours=class_colours(network.class_names),
                    on_frame=lambda number, *_: tell(number + 1, max(source.count, number + 1)),
                )
            return target, done.problem

        self.save.run(work, tr("frame %v of %m"))

    def _saved(self, result: tuple[Path, str]) -> None:
        target, problem = result
        self.save.say(tr("Saved as {name}", name=target.name))
        if problem:
            messages.warning(known(problem))
