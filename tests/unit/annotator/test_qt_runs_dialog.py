from pathlib import Path

import pytest
from darknet_support import make_work, write_weights
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QWidget

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import parse_cfg
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.folder import RunFolder
from annotator.qt.dialogs.runs import RunsDialog, show_runs

NET = parse_cfg(
    "[net]\nbatch=4\nsubdivisions=1\nwidth=32\nheight=32\nmax_batches=40\n[convolutional]\nfilters=4\nsize=1\n"
)


@pytest.fixture
def dialog(qtbot, tmp_path: Path):
    work = make_work(tmp_path / "work")
    for _ in range(2):
        run = RunFolder.create(work, network="tiny", cfg=NET, darknet=Darknet(Path("/x"), "alexeyab"))
        for iteration in (10, 20, 30):
            write_weights(run.backup / f"net_{iteration}.weights", iteration * 4, parameter_count(NET))
        run.update(status="finished", iteration=30)
    parent = QWidget()
    qtbot.addWidget(parent)
    shown = show_runs(parent, work.root)
    qtbot.waitUntil(lambda: len(shown.model.rows) == 2 and not shown.work.is_running)
    yield shown
    shown.close()


def test_spare_weights_and_runs_are_deleted(qtbot, dialog: RunsDialog, monkeypatch):
    asked = []
    monkeypatch.setattr(
        dialog, "_ask", lambda question, details, size, path: asked.append(question) or "delete"
    )
    assert "2 runs" in dialog.text.text() and "Spare weights: 2 files" in dialog.details.text()
    dialog.table.selectAll()
    with qtbot.waitSignal(dialog.changed, timeout=60_000):
        qtbot.mouseClick(dialog.thin, Qt.LeftButton)
    qtbot.waitUntil(lambda: not dialog.work.is_running)
    assert asked == ["Delete 4 spare weights files?"] and not dialog.thin.isEnabled()
    dialog.table.selectRow(0)
    with qtbot.waitSignal(dialog.changed, timeout=60_000):
        qtbot.keyClick(dialog, Qt.Key_Delete)
    qtbot.waitUntil(lambda: len(dialog.model.rows) == 1 and not dialog.work.is_running)
    assert asked[1] == "Delete 1 run with its weights?"


def test_a_running_one_cannot_be_chosen_for_it(qtbot, dialog: RunsDialog):
    from dataclasses import replace

    dialog.model.set_rows([replace(row, status="running") for row in dialog.model.rows])
    dialog.table.selectRow(0)
    assert (
        not dialog.delete.isEnabled() and not dialog.thin.isEnabled() and "stop it" in dialog.details.text()
    )
    dialog.delete_chosen()
    assert not dialog.work.is_running
