"""Frames of a video or a camera, looked at in a thread: never more than one waits for the window."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PyQt5.QtCore import QObject, QThread, pyqtSignal
from PyQt5.QtGui import QImage

from annotator.darknet.prediction.cameras import LiveFrames, Source
from annotator.darknet.prediction.drawn import draw_predictions
from annotator.darknet.prediction.engines import Engine
from annotator.darknet.prediction.looking import Shown
from annotator.darknet.prediction.video import FrameSource, VideoFile
from annotator.qt.loader import to_qimage
from converters.colours import class_colours
from converters.errors import DataError
from converters.images import RgbImage
from converters.model import Box

_RECENT = 20
"""Frames over which the rate is measured."""


_LONGEST_WAIT = 2.0
"""Seconds that a frame stands at most while a file is played."""


@dataclass(frozen=True)
class Frame:
    """A frame that was looked at.

    Attributes:
        number: From 1.
        seconds: When it is shown, from the first on.
        rgb: Shape (height, width, 3), uint8.
        picture: The same for painting.
        boxes: Its predictions at the lowest threshold, the surest first.
    """

    number: int
    seconds: float
    rgb: RgbImage
    picture: QImage
    boxes: tuple[Box, ...]


class _EndedError(Exception):
    """Nobody waits for what is looked at."""


class Player(QThread):
    """Reads frames and looks at them, one at a time: the next when the window has shown the last.

    A file goes on as fast as it was filmed at most, and stays at its end until somebody goes back. A camera
    goes on as fast as the network is: frames that come meanwhile are left out, so that what is shown is what
    is before it now.

    Args:
        open_engine: Opens who looks; called in the thread.
        source: What is watched.
        start: Number of the frame, from 0, at which a file begins.
        playing: Whether frames go on by themselves from there.

    Signals:
        opened: Title, number of frames (0: not known) and frames a second.
        shown: A Frame.
        at_end: The file is at its end; a sentence where it broke off there, else empty.
        ended: A sentence where the source cannot be used (any more), else empty.
        recorded: Path of a recording that is whole, or None, and a sentence where it could not be written.
    """

    opened = pyqtSignal(str, int, float)
    shown = pyqtSignal(object)
    at_end = pyqtSignal(str)
    ended = pyqtSignal(str)
    recorded = pyqtSignal(object, str)

    def __init__(
        self,
        open_engine: Callable[[], Engine],
        source: Source,
        parent: QObject | None = None,
        *,
        start: int = 0,
        playing: bool = True,
    ) -> None:
        super().__init__(parent)
        self._open, self._source = open_engine, source
        self._class_names: tuple[str, ...] = ()
        self._allowed = threading.Semaphore(1)
        self._playing = threading.Event()
        self._steps = threading.Semaphore(0)
        self._stop = threading.Event()
        self._wanted: int | None = start or None
        if playing:
            self._playing.set()
        elif not start:
            self._steps.release()
        self._times: deque[float] = deque(maxlen=_RECENT)
        self._record_to: Path | None = None
        self._video: VideoFile | None = None
        self._video_start = 0.0
        self.drawn = Shown()

    def run(self) -> None:
        """The thread's work."""
        problem = ""
        try:
            engine = self._open()
            self._class_names = engine.class_names
            source = FrameSource(self._source)
            self.opened.emit(source.title, source.count, source.fps)
            if source.is_live:
                problem = self._watch_live(engine, source)
            else:
                with source:
                    self._watch_file(engine, source)
        except _EndedError:
            pass
        except DataError as error:
            problem = str(error)
        finally:
            self._end_recording()
        self.ended.emit(problem)

    def _watch_file(self, engine: Engine, source: FrameSource) -> None:
        began: float | None = None
        said = False
        while self._may_go_on():
            wanted, self._wanted = self._wanted, None
            if wanted is not None:
                source.seek(wanted)
                began = None
            frame = source.read()
            if frame is None:
                self.pause()
                self.at_end.emit("" if said or wanted is not None else source.broke_off())
                said = True
                self._allowed.release()
                continue
            now = time.monotonic()
            early = began + source.seconds - now if began is not None and self.is_playing else 0.0
            if began is None or not 0 <= early <= _LONGEST_WAIT:
                # Where the network is slower than the film, nothing is made up for afterwards.
                began = now - source.seconds
                early = min(max(early, 0.0), _LONGEST_WAIT)
            self._stop.wait(early)
            self._look(engine, source.position, frame, source.seconds, source.fps)

    def _watch_live(self, engine: Engine, source: FrameSource) -> str:
        live = LiveFrames(source)
        number = 0
        try:
            while self._may_go_on():
                newest = live.read(self._stop)
                if newest is None:
                    return "" if self._stop.is_set() else source.broke_off()
                number += 1
                self._look(engine, number, newest[0], newest[1], source.fps)
        finally:
            live.close()
        return ""

    def _look(self, engine: Engine, number: int, frame: RgbImage, at: float, fps: float) -> None:
        boxes: tuple[Box, ...] = ()
        for _, found in engine.look([frame], tick=self._go_on):
            boxes = found
        self._times.append(time.monotonic())
        self._record(frame, boxes, at, fps)
        self.shown.emit(Frame(number, at, frame, to_qimage(np.ascontiguousarray(frame)), boxes))

    def _go_on(self) -> None:
        if self._stop.is_set():
            raise _EndedError

    @property
    def rate(self) -> float:
        """Frames a second that are looked at; 0 while too few were."""
        times = list(self._times)
        return (len(times) - 1) / (times[-1] - times[0]) if len(times) > 2 and times[-1] > times[0] else 0.0

    # Recording

    def record(self, target: Path | None) -> None:
        """Write what is shown from now on to a file; None: end that."""
        self._record_to = target

    def _record(self, frame: RgbImage, boxes: tuple[Box, ...], at: float, fps: float) -> None:
        wanted = self._record_to
        if wanted is None:
            self._end_recording()
            return
        try:
            if self._video is None:
                self._video = VideoFile(wanted, (frame.shape[1], frame.shape[0]), min(fps, 30.0))
                self._video_start = at
            colours = class_colours(self._class_names)
            drawn = draw_predictions(frame, self.drawn.of(boxes), colours)
            self._video.write(drawn, at - self._video_start)
        except DataError as error:
            self._record_to = None
            if self._video is not None:
                self._video.discard()
                self._video = None
            self.recorded.emit(None, str(error))

    def _end_recording(self) -> None:
        video, self._video = self._video, None
        if video is None:
            return
        try:
            video.finish()
            self.recorded.emit(video.target, "")
        except DataError as error:
            self.recorded.emit(None, str(error))

    # The window's side

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

    def seek(self, number: int) -> None:
        """Go to a frame of a file, counted from 0; where it stands it shows that one."""
        while self._steps.acquire(blocking=False):
            pass  # steps from where it was are not wanted any more
        self._wanted = max(0, number)

    def end(self) -> None:
        """End after the frame that is looked at."""
        self._stop.set()
        self._playing.set()
        self._allowed.release()
        self._steps.release()

    def _may_go_on(self) -> bool:
        self._allowed.acquire()
        while not self._stop.is_set() and not self._playing.is_set() and self._wanted is None:
            if self._steps.acquire(timeout=0.03):
                break
        return not self._stop.is_set()
