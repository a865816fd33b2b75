"""Cameras: which there are, why one gives no picture, and the newest frame of a live one."""

from __future__ import annotations

import os
import re
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from converters.errors import DataError

if TYPE_CHECKING:
    from annotator.darknet.prediction.video import FrameSource
    from converters.images import RgbImage

Source = Path | int | str
"""A video file, the number of a camera, or the address of one."""

_ADDRESS = re.compile(r"^[a-z][a-z0-9+.-]*://", re.IGNORECASE)
_PASSWORD = re.compile(r"(?<=://)[^/@]*@")
_DEVICES = Path("/sys/class/video4linux")
_SILENCE = 8.0
"""Seconds without a frame after which a camera is taken to be gone."""


def is_address(text: str) -> bool:
    """Whether a text is the address of a camera (``rtsp://…``, ``http://…``)."""
    return _ADDRESS.match(text.strip()) is not None


def read_source(text: str) -> Source:
    """What a person typed: a number, an address, or the path of a video or device."""
    text = text.strip()
    number = text.partition(":")[0].strip()
    if is_address(text):
        return text
    if number.isdigit() and not Path(text).exists():
        return int(number)
    return Path(text).expanduser()


def named(source: Source) -> str:
    """What a source is called; an address without the password in it."""
    if isinstance(source, Path):
        return source.name
    return f"camera {source}" if isinstance(source, int) else _PASSWORD.sub("", source)


def cameras() -> list[tuple[int, str]]:
    """(number, name) of the cameras that the system names; empty where it does not tell."""
    found: list[tuple[int, str]] = []
    with suppress(OSError):
        for folder in _DEVICES.iterdir():
            number = folder.name.removeprefix("video")
            if number.isdigit() and (Path("/dev") / folder.name).exists():
                name = ""
                with suppress(OSError):
                    name = (folder / "name").read_text(encoding="utf-8", errors="replace").strip()
                found.append((int(number), name))
    return sorted(found)


def no_picture(source: int | str) -> DataError:
    """Why a camera or an address gives no picture, as far as that can be told."""
    if isinstance(source, str):
        return DataError(
            f"{named(source)} gives no picture.",
            code="no-camera",
            hint="Does the address open in a browser or in VLC on this machine? It may want a name and a "
            "password: rtsp://name:password@address/…",
        )
    device = Path(f"/dev/video{source}")
    if not sys.platform.startswith("linux") or os.access(device, os.R_OK | os.W_OK):
        return DataError(
            f"camera {source} gives no picture.",
            code="no-camera",
            hint="Is it plugged in, and not used by another program? The first camera has the number 0.",
        )
    if device.exists():
        return DataError(
            f"camera {source} gives no picture: you may not use {device}.",
            code="no-camera",
            hint="Join the group that may: sudo usermod -aG video $USER, then log in again.",
        )
    there = ", ".join(str(number) for number, _ in cameras())
    return DataError(
        f"camera {source} gives no picture: there is no {device}.",
        code="no-camera",
        hint=f"There is: {there}." if there else "No camera is plugged in that this machine knows.",
    )


class LiveFrames:
    """The newest frame of a camera: frames that nobody had time for are left out, so that nothing lags.

    Args:
        source: An open camera or address. It is closed with this.

    Attributes:
        left_out: Number of frames that nobody took.
    """

    def __init__(self, source: FrameSource) -> None:
        self.source = source
        self.left_out = 0
        self._condition = threading.Condition()
        self._newest: tuple[RgbImage, float] | None = None
        self._ended = False
        self._heard = time.monotonic()
        self._thread = threading.Thread(target=self._grab, name="camera", daemon=True)
        self._thread.start()

    def read(self, give_up: threading.Event | None = None) -> tuple[RgbImage, float] | None:
        """The newest frame that was not read yet, and the seconds since the first; waits for it.

        Args:
            give_up: Set where nobody waits any more.

        Returns:
            None where the camera gives no more frames, or nobody waits any more.
        """
        with self._condition:
            while self._newest is None and not self._ended:
                self._condition.wait(0.05)
                if give_up is not None and give_up.is_set():
                    return None
                if time.monotonic() - self._heard > _SILENCE:
                    return None
            newest, self._newest = self._newest, None
            return newest

    def close(self) -> None:
        """Give the camera back. One that hangs is left to its thread, which closes it when it can."""
        with self._condition:
            self._ended = True
            self._condition.notify_all()
        self._thread.join(timeout=2.0)

    def _grab(self) -> None:
        start = time.monotonic()
        try:
            while not self._ended:
                frame = self.source.read()
                with self._condition:
                    if frame is None:
                        break
                    self.left_out += self._newest is not None
                    self._heard = time.monotonic()
                    self._newest = frame, self._heard - start
                    self._condition.notify_all()
        finally:
            self.source.close()
            with self._condition:
                self._ended = True
                self._condition.notify_all()
