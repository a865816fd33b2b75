"""Frames of a video or a camera, looked at in a thread: never more than one waits for the window."""

from __future__ import annotations

import threading
import time
from collections import deque
from pathlib import Path

import numpy as np
from PyQt5.QtCore import QObject, QThread, pyqtSignal

from annotator.core.networks_at_hand import Network
from annotator.darknet.cameras import LiveFrames, Source
from annotator.darknet.looking import Shown
from annotator.darknet.pictures import draw_predictions
from annotator.darknet.predictor import Predictor
from annotator.darknet.video import FrameSource, VideoFile
from annotator.qt.loader import to_qimage
from converters.colours import class_colours
from converters.errors import DataError
from converters.images import RgbImage
from converters.model import Box

_RECENT = 20
"""Frames over which the rate is measured."""


class Player(QThread):
    """Reads frames and looks at them, one at a time: the next when the window has shown the last.

    A file goes on as fast as it was filmed at most, a camera as fast as the network is: frames that come
    meanwhile are left out, so that what is shown is what is before it now.

    Signals:
        opened: Title and number of frames (0: not known).
        shown: Number of the frame, the picture, its predictions at the lowest threshold.
        ended: A sentence where the source broke off or cannot be used, else empty.
        recorded: Path of a recording that is whole, or None, and a sentence where it could not be written.
    """

    opened = pyqtSignal(str, int)
    shown = pyqtSignal(int, object, object)
    ended = pyqtSignal(str)
    recorded = pyqtSignal(object, str)

    def __init__(self, network: Network, source: Source, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._network, self._source = network, source
        self._allowed = threading.Semaphore(1)
        self._playing = threading.Event()
        self._playing.set()
        self._steps = threading.Semaphore(0)
        self._stop = threading.Event()
        self._times: deque[float] = deque(maxlen=_RECENT)
        self._record_to: Path | None = None
        self._video: VideoFile | None = None
        self._video_start = 0.0
        self.drawn = Shown()

    def run(self) -> None:
        """The thread's work."""
        problem = ""
        try:
            predictor = self._network.open()
            source = FrameSource(self._source)
            self.opened.emit(source.title, source.count)
            if source.is_live:
                problem = self._watch_live(predictor, source)
            else:
                with source:
                    problem = self._watch_file(predictor, source)
        except DataError as error:
            problem = str(error)
        finally:
            self._end_recording()
        self.ended.emit(problem)

    def _watch_file(self, predictor: Predictor, source: FrameSource) -> str:
        pace, due = 1 / source.fps, 0.0
        while self._may_go_on():
            self._stop.wait(max(0.0, due - time.monotonic()))
            due = time.monotonic() + pace
            frame = source.read()
            if frame is None:
                return source.broke_off()
            self._look(predictor, source.position, frame, source.seconds, source.fps)
        return ""

    def _watch_live(self, predictor: Predictor, source: FrameSource) -> str:
        live = LiveFrames(source)
        number = 0
        try:
            while self._may_go_on():
                newest = live.read(self._stop)
                if newest is None:
                    return "" if self._stop.is_set() else source.broke_off()
                number += 1
                self._look(predictor, number, newest[0], newest[1], source.fps)
        finally:
            live.close()
        return ""

    def _look(self, predictor: Predictor, number: int, frame: RgbImage, at: float, fps: float) -> None:
        boxes = predictor.predict(frame)
        self._times.append(time.monotonic())
        self._record(frame, boxes, at, fps)
        self.shown.emit(number, to_qimage(np.ascontiguousarray(frame)), boxes)

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
            colours = class_colours(self._network.class_names)
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
