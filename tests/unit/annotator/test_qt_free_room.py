"""A training that waits for room: its spare weights can go, after a question, from beside its words."""

from __future__ import annotations

from pathlib import Path

import pytest
from darknet_support import make_work, write_weights
from PyQt5.QtWidgets import QMessageBox
from test_darknet_launcher import SMALL

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.folder import RunFolder
from annotator.qt.pages.train.live import Live

WAITS = (
    "Saving at iteration 300 needs 2.0 MB, and the disk has 0 bytes left. The training waits, so that "
    "nothing is lost. Free 2.0 MB on the disk of {run}; it then goes on by itself, or with Go on "
    "(train-cli continue {run})."
)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    darknet = Darknet(Path("/usr/bin/darknet"), "alexeyab")
    made = RunFolder.create(make_work(tmp_path / "work"), network="tiny", cfg=SMALL, darknet=darknet)
    for name, iteration in (("100", 100), ("200", 200), ("last", 200)):
        write_weights(made.backup / f"net_{name}.weights", iteration * 2, parameter_count(SMALL))
    return made


def waiting(run: RunFolder, qtbot) -> Live:
    live = Live()
    qtbot.addWidget(live)
    live.show()
    live.model.run = run.path
    live._take(
        [
            {"event": "run", "path": str(run.path), "max_batches": 300},
            {"event": "warning", "text": WAITS.format(run=run.path), "code": "no-room"},
            {"event": "paused", "iteration": 299, "time": 1.0},
        ]
    )
    live.show_model()
    qtbot.waitUntil(live.free_room.isVisible)
    return live


@pytest.mark.parametrize("answer", [True, False])
def test_spare_weights_are_deleted_after_a_question(run: RunFolder, qtbot, monkeypatch, answer):
    live = waiting(run, qtbot)
    assert "Free 2.0 MB" in live.headline.text()
    assert "Go on" in live.pause_button.text()
    asked = []

    def choose(box: QMessageBox) -> int:
        asked.append(f"{box.text()} {box.informativeText()}")
        role = QMessageBox.DestructiveRole if answer else QMessageBox.RejectRole
        next(button for button in box.buttons() if box.buttonRole(button) == role).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec_", choose)
    live.free_room.click()
    live.free_room.wait()
    qtbot.waitUntil(lambda: live.free_room._task is None)
    assert "net_100.weights" in asked[0]
    assert "net_last.weights" in asked[0]
    assert (run.backup / "net_100.weights").exists() is not answer
    assert (run.backup / "net_last.weights").exists()


def test_it_is_gone_when_the_training_goes_on(run: RunFolder, qtbot):
    live = waiting(run, qtbot)
    live._take([{"event": "continued", "iteration": 299, "time": 2.0}])
    live.show_model()
    assert not live.free_room.isVisible()
    live.leave()
