"""A camera in the window: watched, recorded, given back, unplugged."""

from __future__ import annotations

from pathlib import Path

import evaluation_samples as samples
import pytest
from camera_samples import Camera
from PyQt5.QtCore import Qt

from annotator.core.networks_at_hand import Network
from annotator.darknet.prediction.video import FrameSource
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.pages.predict.network_used import NetworkUsed
from annotator.qt.pages.predict.video_tab import VideoTab

LONG = 30_000


@pytest.fixture
def camera():
    made = Camera()
    yield made
    made.close()


@pytest.fixture
def tab(qtbot, tmp_path: Path):
    run = samples.make_run(tmp_path / "work")
    samples.add_weights(run, "net_200.weights", 200)
    used = NetworkUsed(Evaluated())
    used.use(Network.of_run(run))
    made = VideoTab(used)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.stop()


def test_a_camera_is_watched_recorded_and_given_back(qtbot, tab, camera, tmp_path):
    tab.controls.camera_number.setEditText(camera.address)
    qtbot.mouseClick(tab.controls.camera, Qt.LeftButton)
    qtbot.waitUntil(lambda: len(tab.view.shown()) == 2, timeout=LONG)
    player = tab.player
    tab.start_recording(tmp_path / "live.avi")
    assert tab.controls.record.text() == "Stop recording"
    qtbot.waitUntil(lambda: player._video is not None, timeout=LONG)
    qtbot.waitUntil(lambda: "a second" in tab.said.text(), timeout=LONG)
    with qtbot.waitSignal(player.recorded, timeout=LONG) as written:
        qtbot.mouseClick(tab.controls.record, Qt.LeftButton)
    assert written.args == [tmp_path / "live.avi", ""]
    with FrameSource(tmp_path / "live.avi") as source:
        assert source.size == (128, 128)
    with qtbot.waitSignal(player.finished, timeout=LONG):
        qtbot.mouseClick(tab.controls.stop_button, Qt.LeftButton)
    assert tab.player is None and tab.view.has_notice


def test_one_that_is_unplugged_or_missing_is_a_sentence(qtbot, tab, camera):
    tab.watch(camera.address)
    qtbot.waitUntil(lambda: tab.view.has_picture, timeout=LONG)
    with qtbot.waitSignal(tab.player.ended, timeout=LONG) as ended:
        camera.unplugged.set()
    assert "sends no more pictures" in ended.args[0]
    tab.controls.camera_number.setEditText("97")
    qtbot.keyClick(tab.controls.camera_number.lineEdit(), Qt.Key_Return)
    with qtbot.waitSignal(tab.player.ended, timeout=LONG) as ended:
        pass
    assert "there is no /dev/video97" in ended.args[0]
    qtbot.waitUntil(lambda: tab.player is None, timeout=LONG)
    assert tab.view.has_picture or tab.view.has_notice
