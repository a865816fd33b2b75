"""Cameras: live frames from an address, what is left out, and what is wrong with one."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from camera_samples import Camera

from annotator.darknet.prediction.cameras import LiveFrames, named, read_source
from annotator.darknet.prediction.video import FrameSource, VideoFile, source_stem
from converters.errors import DataError


@pytest.fixture
def camera() -> Iterator[Camera]:
    made = Camera()
    yield made
    made.close()


def test_only_the_newest_frame_waits_and_an_unplugged_camera_is_a_sentence(camera: Camera) -> None:
    source = FrameSource(camera.address)
    assert source.is_live and source.size == (128, 128) and source.count == 0
    live = LiveFrames(source)
    first = live.read()
    assert first is not None and first[0].shape == (128, 128, 3) and first[0][16, 16, 0] > 200
    while not live.left_out:  # nobody reads
        threading.Event().wait(0.01)
    second = live.read()
    assert second is not None and second[1] > first[1]
    camera.unplugged.set()
    while live.read() is not None:
        pass
    assert "sends no more pictures" in source.broke_off()
    live.close()


def test_giving_up_does_not_wait(camera: Camera) -> None:
    live = LiveFrames(FrameSource(camera.address))
    give_up = threading.Event()
    give_up.set()
    live.read()
    camera.unplugged.set()
    while live.read(give_up) is not None:
        pass
    live.close()
    assert not live._thread.is_alive()


def test_what_is_wrong_with_a_camera_is_said() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    with pytest.raises(DataError, match="gives no picture"):
        FrameSource(f"http://name:secret@127.0.0.1:{port}/video")
    try:
        FrameSource(f"http://name:secret@127.0.0.1:{port}/video")
    except DataError as error:
        assert "secret" not in str(error)
    with pytest.raises(DataError, match="there is no /dev/video97"):
        FrameSource(97)


def test_what_a_person_types_is_understood(tmp_path: Path) -> None:
    assert read_source(" 0 ") == 0 and read_source("2: Logitech C920") == 2
    assert read_source("rtsp://10.0.0.7/live") == "rtsp://10.0.0.7/live"
    assert read_source(str(tmp_path / "film.mp4")) == tmp_path / "film.mp4"
    assert named("rtsp://me:secret@10.0.0.7/live") == "rtsp://10.0.0.7/live"
    assert source_stem("rtsp://me:secret@10.0.0.7:554/live") == "10.0.0.7-554-live"


@pytest.mark.parametrize("suffix", [".mp4", ".avi"])
@pytest.mark.parametrize("fps", [66.6667, 29.97002997, 14.98534, 240.0])
def test_what_comes_unevenly_is_written_evenly(tmp_path: Path, suffix: str, fps: float) -> None:
    video = VideoFile(tmp_path / f"film{suffix}", (101, 77), fps)
    frame = np.full((77, 101, 3), 120, np.uint8)
    for at in (0.0, 0.1, 0.11, 0.5, 1.0):
        video.write(frame, at)
    video.finish()
    with FrameSource(tmp_path / f"film{suffix}") as source:
        count = 0
        while source.read() is not None:
            count += 1
        assert source.size[0] in (100, 101) and count == pytest.approx(fps + 1, abs=1.5)
