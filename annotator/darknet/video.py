"""Frames of videos and cameras, what a network sees in them, and videos with it drawn."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np

from annotator.darknet.pictures import draw_predictions
from annotator.darknet.predictor import Predictor
from converters.colours import Rgb
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.images import RgbImage
from converters.model import Box

SUFFIXES = (".mp4", ".avi", ".mkv", ".mov", ".m4v", ".webm", ".mpg", ".mpeg", ".wmv", ".ts", ".flv")
TARGETS = {".mp4": "mp4v", ".avi": "MJPG"}
"""What a video can be saved as, with the encoder that every build of OpenCV has."""
_FALLBACK_FPS = 25.0
_LOST = 0.02
"""Share of the announced frames that may be missing at the end: containers count roughly."""

FrameCallback = Callable[[int, RgbImage, tuple[Box, ...]], None]
"""Called with (number of the frame from 0, the frame, its predictions). It may raise to cancel."""


def is_video(path: Path) -> bool:
    """Whether a file's name is that of a video."""
    return path.suffix.lower() in SUFFIXES


class FrameSource:
    """Frames of a video file or a camera, one after another.

    Args:
        source: A video file, or the number of a camera.

    Attributes:
        size: (width, height) of the frames.
        fps: Frames a second; 25 where the source does not say.
        count: Number of frames that are announced, 0 for a camera and where the file does not say.
        position: Number of the next frame.

    Raises:
        FormatError: The file is missing or is no video that can be read.
        DataError: There is no such camera, or it gives no picture.
    """

    def __init__(self, source: Path | int) -> None:
        import cv2

        self.source = source
        if isinstance(source, Path) and not source.is_file():
            raise FormatError("there is no such video.", path=source, code="video-missing")
        with _quiet():
            self._capture: Any = cv2.VideoCapture(source if isinstance(source, int) else str(source))
        first = self._grab() if self._capture.isOpened() else None
        if first is None:
            self._capture.release()
            raise self._unreadable()
        self._next: RgbImage | None = first
        self.position = 0
        self.size = (first.shape[1], first.shape[0])
        fps = float(self._capture.get(cv2.CAP_PROP_FPS))
        self.fps = fps if 0 < fps <= 1000 else _FALLBACK_FPS
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.count = count if isinstance(source, Path) and 0 < count < 1 << 31 else 0

    @property
    def title(self) -> str:
        """What it is called."""
        return self.source.name if isinstance(self.source, Path) else f"camera {self.source}"

    def read(self) -> RgbImage | None:
        """The next frame, shape (height, width, 3), RGB; None at the end."""
        frame = self._next if self._next is not None else self._grab()
        self._next = None
        if frame is not None:
            self.position += 1
        return frame

    def broke_off(self) -> str:
        """After the last frame: a sentence where the source ended too early, else empty."""
        if isinstance(self.source, int):
            return f"{self.title} gives no more pictures (unplugged, or used by another program)."
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
            with _quiet():
                there, frame = self._capture.read()
        except cv2.error:
            return None
        if not there or frame is None or frame.size == 0:
            return None
        if frame.ndim == 2:
            return np.repeat(frame[..., None], 3, axis=2)
        return np.ascontiguousarray(frame[..., 2::-1])

    def _unreadable(self) -> DataError:
        if isinstance(self.source, int):
            return DataError(
                f"camera {self.source} gives no picture.",
                code="no-camera",
                hint="Is it plugged in, and not used by another program? The first camera has the number 0.",
            )
        return FormatError(
            "is no video that can be read.",
            path=self.source,
            code="video-unreadable",
            hint="Play it with another program; if that works, convert it to mp4 (H.264).",
        )


class VideoFile:
    """A video that is written; it appears under its name when it is whole.

    Args:
        target: ``.mp4`` or ``.avi``.
        size: (width, height) of the frames.
        fps: Frames a second.

    Raises:
        UsageError: The name ends otherwise.
        WriteError: It cannot be written.
    """

    def __init__(self, target: Path, size: tuple[int, int], fps: float) -> None:
        import cv2

        encoder = TARGETS.get(target.suffix.lower())
        if encoder is None:
            raise UsageError("a video can be saved as .mp4 or .avi.", path=target)
        self.target = target
        self.size = size
        self._part = target.with_name(f".{target.stem}.part{target.suffix}")
        fourcc = cv2.VideoWriter.fourcc(*encoder)
        with _quiet():
            self._writer = cv2.VideoWriter(str(self._part), fourcc, fps, size)
        if not self._writer.isOpened():
            self.discard()
            raise WriteError(
                "the video cannot be written.", path=target, hint="Is there room, and may you write there?"
            )

    def write(self, rgb: RgbImage) -> None:
        """Add a frame (of another size than the first: it is resized)."""
        import cv2

        if (rgb.shape[1], rgb.shape[0]) != self.size:
            rgb = cv2.resize(rgb, self.size).astype(np.uint8)
        self._writer.write(np.ascontiguousarray(rgb[..., ::-1]))

    def finish(self) -> None:
        """Close it and give it its name.

        Raises:
            WriteError: The disk is full, say.
        """
        self._writer.release()
        try:
            if not self._part.stat().st_size:
                raise WriteError("the video is empty: the disk may be full.", path=self.target)
            with self._part.open("rb") as file:
                os.fsync(file.fileno())
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
        problem: A sentence where the source broke off; empty else.
    """

    frames: int
    problem: str


def watch(
    predictor: Predictor,
    source: FrameSource,
    *,
    target: Path | None = None,
    threshold: float = 0.25,
    colours: Mapping[str, Rgb] | None = None,
    most: int = 0,
    on_frame: FrameCallback | None = None,
) -> Watched:
    """Let a network look at every frame, and save the video with its predictions drawn.

    Args:
        predictor: The network.
        source: The frames.
        target: Where the video goes; None: nowhere. Where this raises, nothing is left there.
        threshold: Confidence that a prediction must exceed.
        colours: Of the classes.
        most: End after so many frames (a camera never ends); 0: at the end.
        on_frame: Told of each frame.

    Raises:
        WriteError: The video cannot be written.
        UsageError: ``target`` ends in something else than .mp4 or .avi.
    """
    video = VideoFile(target, source.size, source.fps) if target is not None else None
    number = 0
    ended = False
    try:
        while not most or number < most:
            frame = source.read()
            if frame is None:
                ended = True
                break
            boxes = predictor.predict(frame, threshold=threshold)
            if video is not None:
                video.write(draw_predictions(frame, boxes, colours or {}))
            if on_frame is not None:
                on_frame(number, frame, boxes)
            number += 1
        if video is not None:
            video.finish()
    except BaseException:
        if video is not None:
            video.discard()
        raise
    return Watched(number, source.broke_off() if ended else "")


class _quiet:  # noqa: N801 - used as a statement, like contextlib's
    """OpenCV says what is wrong with a video on stderr; we say it in a sentence."""

    def __enter__(self) -> None:
        import cv2

        self._level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def __exit__(self, *_: object) -> None:
        import cv2

        cv2.utils.logging.setLogLevel(self._level)
