"""A frame of a video becomes a picture of the open set."""

from __future__ import annotations

import shutil
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest
from PyQt5.QtCore import Qt

from annotator import messages
from annotator.core.class_answers import answers_for
from annotator.core.networks_at_hand import Network
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.darknet.prediction.video import VideoFile
from annotator.qt.dialogs.network_classes import NetworkClassesDialog
from annotator.qt.pages.predict.evaluated import Evaluated
from annotator.qt.pages.predict.network_used import NetworkUsed
from annotator.qt.pages.predict.video_tab import VideoTab
from annotator.settings import Settings
from converters.images import load_rgb

LONG = 30_000


def make_set(root: Path) -> Path:
    """Two pictures in VOC, of one class."""
    for number in range(2):
        (root / "images").mkdir(parents=True, exist_ok=True)
        (root / "annotations").mkdir(exist_ok=True)
        shutil.copy(samples_png(root.parent), root / "images" / f"p{number}.png")
        (root / "annotations" / f"p{number}.xml").write_text(
            "<annotation><size><width>128</width><height>128</height><depth>3</depth></size>"
            "<object><name>mask</name><bndbox><xmin>2</xmin><ymin>2</ymin><xmax>40</xmax><ymax>40</ymax>"
            "</bndbox></object></annotation>"
        )
    return root


def samples_png(folder: Path) -> Path:
    from converters.images import encode_png

    path = folder / "plain.png"
    path.write_bytes(encode_png(np.full((128, 128, 3), 60, np.uint8)))
    return path


@pytest.fixture
def project(tmp_path: Path):
    session = Session.open(make_set(tmp_path / "set"))
    yield Project(session, Settings(tmp_path / "settings.json"))
    session.close()


@pytest.fixture
def tab(qtbot, tmp_path: Path, project: Project):
    run = samples.make_run(tmp_path / "work")
    samples.add_weights(run, "net_200.weights", 200)
    used = NetworkUsed(Evaluated())
    used.project = project
    used.use(Network.of_run(run))
    made = VideoTab(used)
    qtbot.addWidget(made)
    made.settings = project.settings  # as the window has them
    made.show()
    yield made
    made.stop()


def test_a_frame_comes_in_with_its_boxes_to_review(qtbot, tab, project, tmp_path):
    film = VideoFile(tmp_path / "film.avi", (128, 128), 10)
    for cells in ("r....g..........", "................"):
        film.write(np.repeat(np.repeat(samples.picture(cells), 4, axis=0), 4, axis=1))
    film.finish()
    tab.watch(tmp_path / "film.avi", playing=False)
    qtbot.waitUntil(lambda: len(tab.view.shown()) == 2, timeout=LONG)
    session = project.session
    qtbot.keyClick(tab.view, Qt.Key_L)
    # The set has no class no_mask: that is asked once, and kept.
    dialog = tab.findChild(NetworkClassesDialog)
    choice = dialog.choices["no_mask"]
    choice.setCurrentIndex(choice.findData("no_mask"))
    dialog.accept()
    qtbot.waitUntil(lambda: len(session.keys) == 3, timeout=LONG)
    assert session.class_names == ("mask", "no_mask")
    assert answers_for(project.settings, session.root) == {"mask": "mask", "no_mask": "no_mask"}
    image = session.image("images/film-000001")
    assert sorted(box.label for box in image.boxes) == ["mask", "no_mask"] and not image.reviewed
    assert all(box.confidence is None for box in image.boxes)
    assert load_rgb(image.path).shape == (128, 128, 3)
    assert "film-000001 was added to the set, with 2 boxes" in messages.history[-1].text
    qtbot.waitUntil(lambda: tab.controls.label.isEnabled(), timeout=LONG)
    tab.go(1)
    qtbot.waitUntil(lambda: tab.frame.number == 2, timeout=LONG)
    qtbot.mouseClick(tab.controls.label, Qt.LeftButton)
    qtbot.waitUntil(lambda: "images/film-000002" in session, timeout=LONG)
    assert not session.image("images/film-000002").labelled  # nobody has said that it is empty
