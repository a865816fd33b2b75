"""As what videos are written on this machine, and what plays them."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

_SIZE, _FRAMES = (320, 240), 3
"""Of the video that is tried: some encoders of graphics cards take none that is smaller."""


@dataclass(frozen=True, slots=True)
class Encoder:
    """How a video is written.

    Attributes:
        letters: Its name in OpenCV, four letters.
        title: What it is called.
        everywhere: Whether browsers and Windows' own player show it, besides VLC and the like.
    """

    letters: str
    title: str
    everywhere: bool

    @property
    def fourcc(self) -> int:
        """The letters as OpenCV takes them."""
        import cv2

        return int(cv2.VideoWriter.fourcc(*self.letters))


_TRIED = {
    ".mp4": (Encoder("avc1", "H.264", True), Encoder("mp4v", "MPEG-4", False)),
    ".webm": (Encoder("VP80", "VP8", True),),
    ".avi": (Encoder("MJPG", "Motion JPEG", False),),
}
"""By the ending of a file, the best first; the last is in every build of OpenCV.

H.264 is what everything plays, but builds of OpenCV have its encoder only by a library of the system. VP8 is
as good for browsers, but takes some ten times as long to write as MPEG-4 (VP9 three times as long again).
"""


@cache
def encoder_for(suffix: str) -> Encoder:
    """The best that this machine can write; tried once, which takes a moment.

    Args:
        suffix: ``.mp4``, ``.webm`` or ``.avi``.
    """
    *better, last = _TRIED[suffix]
    return next((one for one in better if _works(one, suffix)), last)


def _works(encoder: Encoder, suffix: str) -> bool:
    """Whether what is written can be read again: an encoder may open and then write nothing."""
    import cv2

    with tempfile.TemporaryDirectory(prefix="encoder-") as name, quiet():
        path = str(Path(name) / f"tried{suffix}")
        writer = cv2.VideoWriter(path, encoder.fourcc, 25.0, _SIZE)
        if not writer.isOpened():
            return False
        for number in range(_FRAMES):
            writer.write(np.full((_SIZE[1], _SIZE[0], 3), 60 * number, np.uint8))
        writer.release()
        capture = cv2.VideoCapture(path)
        try:
            return bool(capture.read()[0])
        finally:
            capture.release()


class quiet:  # noqa: N801 - used as a statement, like contextlib's
    """OpenCV says what is wrong with a video on stderr; we say it in a sentence."""

    def __enter__(self) -> None:
        import cv2

        self._level = cv2.utils.logging.getLogLevel()
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)

    def __exit__(self, *_: object) -> None:
        import cv2

        cv2.utils.logging.setLogLevel(self._level)
