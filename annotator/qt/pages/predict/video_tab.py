"""A network looks at a video or a camera: frame by frame in a thread; the threshold answers at once."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, QObject, Qt
from PyQt5.QtGui import QHideEvent, QKeyEvent, QPainter
from PyQt5.QtWidgets import QAbstractButton, QComboBox, QFileDialog, QLineEdit, QVBoxLayout, QWidget

from annotator import messages
from annotator.core.suggestions import mapped
from annotator.darknet.prediction.cameras import Source, read_source
from annotator.darknet.prediction.looking import Shown
from annotator.darknet.prediction.video import SUFFIXES, TARGETS, FrameSource, Watched, source_stem, watch
from annotator.qt import painting
from annotator.qt.background import CancelledError, Task
from annotator.qt.pages.predict.network_used import Mapping, NetworkUsed
from annotator.qt.pages.predict.player import Frame, Player
from annotator.qt.pages.predict.video_controls import VideoControls, clock, place_text, save_filters
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.colours import class_colours
from converters.errors import DataError
from converters.model import Box

if TYPE_CHECKING:
    from annotator.core.edits import RestoreImages
    from annotator.core.session import Session

_FAR = 10.0
"""Seconds that an arrow with Shift goes."""


class FrameView(PictureView):
    """A frame with what was seen and counts."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.boxes: tuple[Box, ...] = ()
        self.counts = Shown(0.25)

    def shown(self) -> tuple[Box, ...]:
        """The predictions that are drawn."""
        return self.counts.of(self.boxes)

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        painting.paint_predictions(painter, self.shown(), None, context)


@dataclass(frozen=True)
class _Film:
    """What is open.

    Attributes:
        count: Number of frames; 0: not known.
        fps: Frames a second.
    """

    count: int = 0
    fps: float = 25.0


class VideoTab(QWidget):
    """Watches videos and cameras."""

    def __init__(self, used: NetworkUsed, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.used = used
        self.player: Player | None = None
        self.frame: Frame | None = None
        self._source: Source | None = None
        self._film = _Film()
        self._recording = False
        self._ending: list[Player] = []
        self._adding: Task | None = None
        self.view = FrameView()
        self.controls = VideoControls(used, self.view)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.controls)
        self.save, self.place = self.controls.save, self.controls.place
        self.threshold, self.said = self.controls.threshold, self.controls.said
        self._connect()
        self._network_changed()

    def _connect(self) -> None:
        bar = self.controls
        bar.open.clicked.connect(self._ask)
        bar.camera.clicked.connect(self._watch_camera)
        bar.camera_number.lineEdit().returnPressed.connect(self._watch_camera)
        bar.stop_button.clicked.connect(self._close)
        bar.play.clicked.connect(self._toggle)
        bar.step.clicked.connect(lambda: self.go(1))
        bar.back.clicked.connect(lambda: self.go(-1))
        bar.place.wanted.connect(self._go_to)
        bar.engine.currentIndexChanged.connect(lambda _: self._look_anew())
        bar.threshold.valueChanged.connect(self._shown_changed)
        bar.classes.changed.connect(self._shown_changed)
        bar.label.clicked.connect(self.label_frame)
        bar.save.button.clicked.connect(self._ask_target)
        bar.save.succeeded.connect(self._saved)
        bar.save.failed.connect(lambda problem: messages.error(known(problem)))
        bar.record.clicked.connect(self._toggle_recording)
        self.used.changed.connect(self._network_changed)
        # Keys belong to the video wherever the focus is in this tab, but for what is typed into.
        for widget in (self, *self.findChildren(QWidget)):
            widget.installEventFilter(self)

    # Watching

    def watch(self, source: Source, start: int = 0, playing: bool = True) -> None:
        """Watch a video file, or a camera by its number or address.

        Args:
            source: What is watched.
            start: Number of the frame, from 0, at which a file begins.
            playing: Whether it goes on by itself.
        """
        network = self.used.network
        if network is None:
            messages.info(tr("Choose a network first: the button “Network…”."))
            return
        self.stop_player()
        self._source = source
        self.view.class_names = network.class_names
        self.controls.classes.show_classes(network.class_names)
        self.view.boxes = ()
        if not start:
            self.frame = None
            self.view.show_notice(tr("Opening…"))
        engine = self.used.opener(self.controls.engine.with_darknet)
        player = Player(engine, source, self, start=start, playing=playing)
        player.opened.connect(lambda *what: self._opened(player, *what))
        player.shown.connect(lambda frame: self._show(player, frame))
        player.at_end.connect(lambda problem: self._at_end(player, problem))
        player.ended.connect(lambda problem: self._ended(player, problem))
        player.recorded.connect(self._recorded)
        player.drawn = self.view.counts
        self.player = player
        player.start()
        self._enable()
        self.view.setFocus()

    def _watch_camera(self) -> None:
        text = self.controls.camera_number.currentText()
        if text.strip():
            self.watch(read_source(text))

    def _close(self) -> None:
        self.stop_player()
        self._source = self.frame = None
        self._film = _Film()
        self.said.setText("")
        self._network_changed()

    def _ask(self) -> None:
        patterns = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in SUFFIXES)
        chosen, _ = QFileDialog.getOpenFileName(
            self, tr("Open a video"), "", f"{tr('Videos')} ({patterns});;{tr('All files')} (*)"
        )
        if chosen:
            self.watch(Path(chosen))

    def _toggle(self) -> None:
        player = self.player
        if player is None:
            if self._source is not None:
                self.watch(self._source)
            return
        if player.is_playing:
            player.pause()
        else:
            if self.frame is not None and self._film.count and self.frame.number >= self._film.count:
                player.seek(0)  # from the end to the beginning
            player.play()
        self._enable()

    def go(self, frames: int) -> None:
        """Go some frames on or back, and stay there."""
        player = self.player
        if player is None or (frames < 0 and self._is_live):
            return
        player.pause()
        if frames == 1 or self._is_live:
            player.step()
        elif self.frame is not None:
            self._go_to(self.frame.number - 1 + frames)
        self._enable()

    def _go_to(self, number: int) -> None:
        if self.player is not None and not self._is_live:
            last = self._film.count - 1 if self._film.count else number
            self.player.seek(max(0, min(number, last)))

    @property
    def _is_live(self) -> bool:
        return self._source is not None and not isinstance(self._source, Path)

    def _opened(self, player: Player, title: str, count: int, fps: float) -> None:
        if player is self.player:
            self._film = _Film(count, fps)
            self.place.setRange(0, max(0, count - 1))
            self.said.setText(title)
            self._enable()

    def _show(self, player: Player, frame: Frame) -> None:
        if player is not self.player:
            return  # of a video that was closed meanwhile
        self.frame = frame
        self.view.boxes = frame.boxes
        self.view.show_image(frame.picture)
        self.view.update()
        if not self.place.isSliderDown():
            self.place.setValue(min(frame.number - 1, self.place.maximum()))
        film = self._film
        self.controls.time.setText(place_text(frame.number, film.count, frame.seconds, film.fps))
        self._say_seen()
        player.was_shown()

    def _at_end(self, player: Player, problem: str) -> None:
        if player is self.player:
            if problem:
                messages.warning(known(problem))
            self._enable()

    def _ended(self, player: Player, problem: str) -> None:
        if player is not self.player:
            return
        self.stop_player()
        if problem:
            messages.error(known(problem))
            if not self.view.has_picture:
                self.view.show_notice(known(problem))
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
        if self._adding is not None:
            self._adding.wait()

    def hideEvent(self, event: QHideEvent) -> None:
        # Something else is looked at: no frames meanwhile.
        super().hideEvent(event)
        if self.player is not None and self.player.is_playing:
            self._toggle()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys of the video; a shortcut of the window with the same key waits."""
        kind = event.type()
        if kind not in (QEvent.ShortcutOverride, QEvent.KeyPress) or not isinstance(event, QKeyEvent):
            return super().eventFilter(watched, event)
        if isinstance(watched, QLineEdit | QComboBox) or self._source is None:
            return False
        if event.key() == Qt.Key_Space and isinstance(watched, QAbstractButton):
            return False  # presses the button
        if watched in (self.threshold, self.controls.classes) and event.key() != Qt.Key_L:
            return False  # has arrows and Space of its own
        shift = event.modifiers() == Qt.ShiftModifier
        if event.modifiers() not in (Qt.NoModifier, Qt.ShiftModifier, Qt.KeypadModifier):
            return False
        far = round(_FAR * self._film.fps) if shift else 1
        does = {
            Qt.Key_Space: self._toggle,
            Qt.Key_Left: lambda: self.go(-far),
            Qt.Key_Right: lambda: self.go(far),
            Qt.Key_L: self.label_frame,
        }.get(event.key())
        if does is None:
            return False
        event.accept()
        if kind == QEvent.KeyPress:
            does()
        return True

    # What is shown

    def _shown_changed(self, *_: object) -> None:
        value = self.threshold.value()
        self.controls.threshold_label.setText(f"{value} %")
        self.view.counts = Shown(value / 100, self.controls.classes.hidden)
        if self.player is not None:
            self.player.drawn = self.view.counts
        self.view.update()
        self._say_seen()

    def _say_seen(self) -> None:
        if self.view.has_picture:
            text = tr_n("{n} box", "{n} boxes", len(self.view.shown()))
            if self.player is not None and self.player.rate and self.player.is_playing:
                text += " · " + tr("{rate} pictures a second", rate=f"{self.player.rate:.1f}")
            self.said.setText(text)

    def _look_anew(self) -> None:
        """The same frame, with another network or looked at by another."""
        if self._source is None or self.used.network is None:
            return
        at = self.frame.number - 1 if self.frame is not None and not self._is_live else 0
        self.watch(self._source, at, self.player is not None and self.player.is_playing)

    def _network_changed(self) -> None:
        if self.player is not None and self.used.network is not None:
            self._look_anew()
            return
        self.stop_player()
        text = self.used.how_to_get_one()
        if self.used.network is not None:
            text = tr("Open a video, or switch a camera on: the network looks at every frame.")
        self.view.show_notice(text)
        self._enable()

    def _enable(self) -> None:
        ready = self.used.network is not None
        bar, live, there = self.controls, self._is_live, self.player is not None
        for widget in (bar.open, bar.camera, bar.camera_number, bar.engine):
            widget.setEnabled(ready)
        bar.play.setEnabled(self._source is not None)
        bar.step.setEnabled(there)
        bar.back.setEnabled(there and not live)
        for shown in (bar.place, bar.time, bar.back):
            shown.setVisible(not live)
        bar.place.setEnabled(there and self._film.count > 1)
        if self._source is None:
            bar.time.setText("")
            bar.place.setValue(0)
        bar.side.setVisible(ready and self._source is not None)
        bar.stop_button.setEnabled(self._source is not None)
        bar.record.setVisible(live)
        bar.record.setEnabled(there)
        bar.record.setText(tr("Stop recording") if self._recording else tr("Record"))
        playing = self.player is not None and self.player.is_playing
        bar.play.setText(tr("Pause") if playing else tr("Play"))
        bar.label.setVisible(self.used.project is not None)
        bar.label.setEnabled(self._adding is None)
        self.save.button.setVisible(not live and not self.save.is_running)
        self.save.button.setEnabled(ready and isinstance(self._source, Path))

    # A frame becomes a picture to label

    def label_frame(self) -> None:
        """Add the frame that is shown to the open set, with its boxes to review."""
        frame, source, project = self.frame, self._source, self.used.project
        if frame is None or source is None or project is None or self._adding is not None:
            return
        if self.player is not None and self.player.is_playing:
            self._toggle()
        boxes = self.view.shown()
        stem = f"{source_stem(source)}-{frame.number:06d}"
        if self._is_live:
            stem = f"{source_stem(source)}-{clock(frame.seconds).replace(':', '-')}-{frame.number:06d}"
        session = project.session
        self.used.in_set(self.window(), lambda mapping: self._add(session, frame, stem, boxes, mapping))

    def _add(
        self, session: Session, frame: Frame, stem: str, boxes: tuple[Box, ...], mapping: Mapping
    ) -> None:
        from annotator.core.adding import new_classes
        from annotator.core.frame_adding import stage_frame

        found = mapped(boxes, mapping)
        try:
            classes = new_classes(session, {}, tuple(dict.fromkeys(box.label for box in found)))
            if classes is not None:
                session.apply(classes)
            if errors := session.save():
                raise errors[0]
        except DataError as error:
            messages.error(known(str(error)))
            return
        task = Task(lambda _: stage_frame(session, frame.rgb, stem, found), self)
        task.succeeded.connect(lambda edit: self._let_in(session, edit, len(found)))
        task.failed.connect(lambda problem: messages.error(known(problem)))
        task.finished.connect(self._added)
        self._adding = task.start()
        self._enable()

    def _let_in(self, session: Session, edit: RestoreImages, boxes: int) -> None:
        from annotator.core.adding import discard

        project = self.used.project
        if project is None or project.session is not session:
            return  # another set was opened meanwhile
        try:
            session.apply(edit)
        except DataError as error:
            discard(session, edit)
            messages.error(known(str(error)))
            return
        said = tr_n("{n} box", "{n} boxes", boxes)
        messages.info(
            tr("{name} was added to the set, with {boxes} to review. Ctrl+Z takes it out again.",
               name=edit.keys[0], boxes=said)
        )  # fmt: skip

    def _added(self) -> None:
        task, self._adding = self._adding, None
        if task is not None:
            task.wait()
            task.deleteLater()
        self._enable()

    # Saving

    def _toggle_recording(self) -> None:
        if self.player is None or self._source is None:
            return
        if self._recording:
            self._recording = False
            self.player.record(None)
        else:
            chosen = self._target(Path.home() / f"{source_stem(self._source)}.mp4")
            if chosen is not None and self.player is not None:
                self.start_recording(chosen)
        self._enable()

    def start_recording(self, target: Path) -> None:
        """Write what is shown from now on to a video."""
        if self.player is not None:
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

    def _target(self, proposed: Path) -> Path | None:
        """Where the person wants a video; None: nowhere."""
        chosen, kind = QFileDialog.getSaveFileName(self, tr("Save the video"), str(proposed), save_filters())
        if not chosen:
            return None
        target = Path(chosen)
        if target.suffix.lower() not in TARGETS:
            ending = next((suffix for suffix in TARGETS if f"*{suffix})" in kind), TARGETS[0])
            target = target.with_name(f"{target.name}{ending}")
        return target

    def _ask_target(self) -> None:
        if isinstance(self._source, Path):
            chosen = self._target(self._source.with_name(f"{self._source.stem}-seen.mp4"))
            if chosen is not None:
                self.save_to(chosen)

    def save_to(self, target: Path) -> None:
        """Save the whole video with what is shown drawn; where that is cancelled, up to there."""
        network, path = self.used.network, self._source
        if network is None or not isinstance(path, Path):
            return
        if target.resolve() == path.resolve():
            messages.error(tr("The video that is watched cannot be written over: choose another name."))
            return
        shown, opener = self.view.counts, self.used.opener(self.controls.engine.with_darknet)
        stopped = threading.Event()

        def work(tell: object) -> Watched:
            at = 0
            with FrameSource(path) as source:

                def stop() -> bool:
                    # What was written is kept, so the work ends by itself rather than by an exception.
                    try:
                        tell(at, max(source.count, at))
                    except CancelledError:
                        stopped.set()
                    return stopped.is_set()

                def on_frame(number: int, *_: object) -> None:
                    nonlocal at
                    at = number + 1

                return watch(
                    opener(),
                    source,
                    target=target,
                    shown=shown,
                    colours=class_colours(network.class_names),
                    on_frame=on_frame,
                    stop=stop,
                )

        self.save.run(work, tr("frame %v of %m"))

    def _saved(self, done: Watched) -> None:
        if done.target is None:
            self.save.say(tr("Nothing was saved."))
        else:
            text = tr("Saved as {name}", name=done.target.name)
            if done.stopped:
                frames = tr_n("{n} frame", "{n} frames", done.frames)
                text = tr("Ended after {frames}, saved as {name}", frames=frames, name=done.target.name)
            self.save.say(text)
            self.save.note.setToolTip(str(done.target))
        if done.problem:
            messages.warning(known(done.problem))
