"""Frames of videos and cameras, what a network sees in them, and videos with it drawn."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from annotator.darknet.prediction.cameras import Source, named, no_picture
from annotator.darknet.prediction.drawn import draw_predictions
from annotator.darknet.prediction.encoders import encoder_for, quiet
from annotator.darknet.prediction.engines import Engine
from annotator.darknet.prediction.looking import Shown
from converters.colours import Rgb
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.images import RgbImage
from converters.model import Box
from converters.words import counted

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".ts", ".flv")
TARGETS = (".mp4", ".webm", ".avi")
"""What a video can be saved as; :mod:`annotator.darknet.prediction.encoders` says what plays it."""
_FALLBACK_FPS = 25.0
_LOST = 0.02
"""Share of the announced frames that may be missing at the end: containers count roughly."""
_PATIENCE_MS = 8000
"""Milliseconds that an address may take to answer."""
_LONGEST_STILL = 10.0
"""Seconds that one frame stands at most in what is written: a time beyond that is a broken one."""
_WIDE_FPS, _WHOLE_FPS = 65.0, 650.0

FrameCallback = Callable[[int, RgbImage, tuple[Box, ...]], None]
"""Called with (number of the frame from 0, the frame, its predictions). It may raise to cancel."""


def is_video(path: Path) -> bool:
    """Whether a file's name is that of a video."""
    return path.suffix.lower() in SUFFIXES


class FrameSource:
    """Frames of a video file or a camera, one after another.

    Args:
        source: A video file, the number of a camera, or the address of one.

    Attributes:
        size: (width, height) of the frames, upright: what a telephone filmed sideways is turned.
        fps: Frames a second; 25 where the source does not say.
        count: Number of frames that are announced, 0 for a camera and where the file does not say.
        position: Number of the next frame.
        seconds: When the last frame is shown, from the first on. Frames need not follow one another evenly.
        is_live: Whether it goes on whether or not anybody looks.

    Raises:
        FormatError: The file is missing or is no video that can be read.
        DataError: There is no such camera, or it gives no picture.
    """

    def __init__(self, source: Source) -> None:
        import cv2

        self.source = source
        self.is_live = not isinstance(source, Path)
        if isinstance(source, Path) and (not source.exists() or source.is_dir()):
            raise FormatError("there is no such video.", path=source, code="video-missing")
        self._capture: Any = _opened(source)
        first = self._grab() if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise self._unreadable()
        self._next: RgbImage | None = first
        self.position = 0
        self.seconds = 0.0
        self._began = self._now()
        self.size = (first.shape[1], first.shape[0])
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= 1000 else _FALLBACK_FPS
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = count if isinstance(source, Path) and 0 < count < 1 << 31 else 0

    @property
    def title(self) -> str:
        """What it is called."""
        return named(self.source)

    def read(self) -> RgbImage | None:
        """The next frame, shape (height, width, 3), RGB; None at the end."""
        if self._next is not None:
            frame, self._next = self._next, None
            self.position += 1
            return frame
        grabbed = self._grab()
        if grabbed is not None:
            # A time that stands still is none: some containers do not tell it.
            told = self._now() - self._began
            even = self.position / self.fps
            self.seconds = told if told > self.seconds else max(even, self.seconds + 1 / self.fps)
            self.position += 1
        return grabbed

    def seek(self, number: int) -> None:
        """Go to a frame of a file: :meth:`read` gives it next. One behind the end is the last.

        Args:
            number: From 0.
        """
        import cv2

        number = max(0, min(number, self.count - 1 if self.count else number))
        with quiet():
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, number)
        self._next = None
        self.position = number
        self.seconds = 0.0  # what is read next tells it anew

    def broke_off(self) -> str:
        """After the last frame: a sentence where the source ended too early, else empty."""
        if isinstance(self.source, int):
            return f"{self.title} gives no more pictures (unplugged, or used by another program)."
        if isinstance(self.source, str):
            return f"{self.title} sends no more pictures."
        if self.count and self.position < self.count * (1 - _LOST) - 1:
            return (
                f"{self.title} breaks off: {self.position:,} of {self.count:,} frames can be read. "
                "What was seen so far is kept."
            )
        return ""

    def close(self) -> None:
        """Give the file or the camera back."""
        self._capture.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _grab(self) -> RgbImage | None:
        import cv2

        try:
            with quiet():
                there, frame = self._capture.read()
        except cv2.error:
            return None
        if not there or frame is None or frame.size == 0:
            return None
        if frame.ndim == 2:
            return np.repeat(frame[..., None], 3, axis=2)
        return np.ascontiguousarray(frame[..., 2::-1])

    def _now(self) -> float:
        """Seconds at which the frame that was grabbed last is shown; 0 where nobody tells."""
        import cv2

        return float(self._capture.get(cv2.CAP_PROP_POS_MSEC)) / 1000

    def _unreadable(self) -> DataError:
        if not isinstance(self.source, Path):
            return no_picture(self.source)
        return FormatError(
            "is no video that can be read.",
            path=self.source,
            code="video-unreadable",
            hint="Play it with another program; if that works, convert it to mp4 (H.264).",
        )


class VideoFile:
    """A video that is written; it appears under its name when it is whole.

    Args:
        target: One of :data:`TARGETS`.
        size: (width, height) of the frames.
        fps: Frames a second.

    Raises:
        UsageError: The name ends otherwise.
        WriteError: It cannot be written.
    """

    def __init__(self, target: Path, size: tuple[int, int], fps: float) -> None:
        import cv2

        if target.suffix.lower() not in TARGETS:
            raise UsageError(f"a video can be saved as {', '.join(TARGETS)}.", path=target)
        encoder = encoder_for(target.suffix.lower())
        self.target = target
        self.size = size
        self.fps = _writable(fps)
        self.frames = 0
        self._last: RgbImage | None = None
        self._part = target.with_name(f".{target.stem}.part{target.suffix}")
        with quiet():
            self._writer = cv2.VideoWriter(str(self._part), encoder.fourcc, self.fps, size)
        if not self._writer.isOpened():
            self.discard()
            raise WriteError(
                "the video cannot be written.", path=target, hint="Is there room, and may you write there?"
            )

    def write(self, rgb: RgbImage, at: float | None = None) -> None:
        """Add a frame (of another size than the first: it is resized).

        Args:
            rgb: Shape (height, width, 3), uint8.
            at: Seconds from the first frame on at which it is to be seen: the frame before it stands until
                then, and where the two come closer than the video can show, the first is left out.
        """
        import cv2

        if (rgb.shape[1], rgb.shape[0]) != self.size:
            rgb = cv2.resize(rgb, self.size).astype(np.uint8)
        frame: RgbImage = np.ascontiguousarray(rgb[..., ::-1])
        if at is None:
            self._writer.write(frame)
            self.frames += 1
            return
        due = min(round(at * self.fps), self.frames + round(_LONGEST_STILL * self.fps))
        while self._last is not None and self.frames < due:
            self._writer.write(self._last)
            self.frames += 1
        self._last = frame

    def finish(self, whole: bool = True) -> None:
        """Close it and give it its name.

        Args:
            whole: Whether all is in it; a part replaces no other video, but gets a name of its own.

        Raises:
            WriteError: The disk is full, say.
        """
        if self._last is not None:
            self._writer.write(self._last)
            self._last = None
        self._writer.release()
        try:
            if not self._part.stat().st_size:
                raise WriteError("the video is empty: the disk may be full.", path=self.target)
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
            if not whole and self.target.exists():
                self.target = _free(self.target)
            self._part.replace(self.target)
        except OSError as error:
            raise WriteError.from_os_error(error, self.target) from error

    def discard(self) -> None:
        """Throw away what was written."""
        self._writer.release()
        with suppress(OSError):
            self._part.unlink()


@dataclass(frozen=True, slots=True)
class Watched:
    """What came of a video.

    Attributes:
        frames: Number of frames that were looked at.
        problem: A sentence where the source broke off, or frames were lost; empty else.
        stopped: Whether it was ended before its end.
        target: The video that was written.
    """

    frames: int
    problem: str
    stopped: bool = False
    target: Path | None = None


class _StoppedError(Exception):
    """Nobody waits for more frames."""


def watch(
    engine: Engine,
    source: FrameSource,
    *,
    target: Path | None = None,
    shown: Shown = Shown(),  # noqa: B008 - frozen
    colours: Mapping[str, Rgb] | None = None,
    most: int = 0,
    on_frame: FrameCallback | None = None,
    stop: Callable[[], bool] | None = None,
) -> Watched:
    """Let a network look at every frame, and save the video with its predictions drawn.

    Args:
        engine: Who looks.
        source: The frames.
        target: Where the video goes; None: nowhere. Where this raises, nothing is left there.
        shown: Which predictions are drawn.
        colours: Of the classes.
        most: End after so many frames (a camera never ends); 0: at the end.
        on_frame: Told of each frame.
        stop: Asked often whether to end now; what was written until then is a whole video.

    Raises:
        WriteError: The video cannot be written.
        UsageError: ``target`` ends in something else, or Darknet breaks off at every frame.
    """
    video = VideoFile(target, source.size, source.fps) if target is not None else None
    times: deque[float] = deque()
    count = lost = 0
    stopped = False

    def frames() -> Iterator[RgbImage]:
        read = 0
        while not most or read < most:
            frame = source.read()
            if frame is None:
                return
            read += 1
            times.append(source.seconds)
            yield frame

    def tick() -> None:
        if stop is not None and stop():
            raise _StoppedError

    def lose(_: DataError) -> None:
        nonlocal lost
        lost += 1
        times.popleft()

    try:
        try:
            for frame, boxes in engine.look(frames(), tick=tick, on_lost=lose):
                at = times.popleft()
                kept = shown.of(boxes)
                if video is not None:
                    video.write(draw_predictions(frame, kept, colours or {}), at)
                count += 1
                if on_frame is not None:
                    on_frame(count + lost - 1, frame, kept)
        except _StoppedError:
            stopped = True
        if video is not None and count:
            video.finish(whole=not stopped)
        elif video is not None:
            video.discard()
    except BaseException:
        if video is not None:
            video.discard()
        raise
    problem = source.broke_off() if not stopped and (not most or count + lost < most) else ""
    if lost:
        frames_lost = counted(lost, "frame")
        problem = f"{frames_lost} could not be looked at: {engine.title} stopped there. {problem}".strip()
    return Watched(count, problem, stopped, video.target if video is not None and count else None)


def source_stem(source: Source) -> str:
    """The name of a source for the files that come of it, without an ending."""
    if isinstance(source, Path):
        return source.stem
    if isinstance(source, int):
        return f"camera-{source}"
    return re.sub(r"[^\w.-]+", "-", named(source).partition("://")[2]).strip("-.")[:80] or "camera"


def _opened(source: Source) -> Any:
    import cv2

    with quiet():
        if isinstance(source, str):
            patience = [cv2.CAP_PROP_OPEN_TIMEOUT_MSEC, _PATIENCE_MS]
            patience += [cv2.CAP_PROP_READ_TIMEOUT_MSEC, _PATIENCE_MS]
            return cv2.VideoCapture(source, cv2.CAP_FFMPEG, patience)
        return cv2.VideoCapture(source if isinstance(source, int) else str(source))


def _free(path: Path) -> Path:
    number = 1
    while (free := path.with_name(f"{path.stem}-part{number if number > 1 else ''}{path.suffix}")).exists():
        number += 1
    return free


def _writable(fps: float) -> float:
    """Frames a second as the encoder of mp4 takes them: a fraction with at most 65,535 below."""
    return round(fps, 3 if fps < _WIDE_FPS else 2 if fps < _WHOLE_FPS else 0)
