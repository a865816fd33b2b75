"""Pictures looked at without an open set."""

from __future__ import annotations

from pathlib import Path

import evaluation_samples as samples
import pytest
from PyQt5.QtCore import Qt

from annotator.qt.dialogs.network import NetworkDialog
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.images import encode_png

LONG = 30_000


@pytest.fixture
def window(qtbot, tmp_path: Path):
    made = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close_without_asking()


def test_somebody_elses_network_looks_at_pictures_without_a_set(qtbot, window, tmp_path):
    run = samples.make_run(tmp_path / "work")
    weights = samples.add_weights(run, "net_200.weights", 200)
    photos = tmp_path / "photos"
    photos.mkdir()
    for number, cells in enumerate(("r....g..........", "................")):
        (photos / f"{number}.png").write_bytes(encode_png(samples.picture(cells)))
    qtbot.mouseClick(window.start.look, Qt.LeftButton)
    page = window.stack.currentWidget()
    dialog = window.findChild(NetworkDialog)
    assert dialog.elsewhere.isChecked() and window.project is None
    dialog.cfg.setText(str(run.cfg))
    dialog.weights_file.setText(str(weights or run.backup / "net_200.weights"))
    dialog.names.setText(str(run.path / "obj.names"))
    dialog.accept()
    assert page.used.network is not None
    page.look_at([photos])
    with qtbot.waitSignal(page.any_pictures.look.ended, timeout=LONG):
        pass
    assert [len(seen.boxes) for seen in page.any_pictures.looked.seen] == [2, 0]
    assert not page.video.controls.label.isVisible()  # there is no set that a frame could go to
    page.left.emit()
    assert window.stack.currentWidget() is window.start
    window.actions_by_name["look_at_pictures"].trigger()
    assert window.stack.currentWidget() is page and len(page.any_pictures.looked) == 2
