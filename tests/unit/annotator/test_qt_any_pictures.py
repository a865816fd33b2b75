"""A network looks at any pictures in the window."""

from __future__ import annotations

import csv
from pathlib import Path

import evaluation_samples as samples
import pytest
from PyQt5.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PyQt5.QtGui import QDragEnterEvent, QDropEvent
from PyQt5.QtWidgets import QApplication

from annotator.core.looked import LookedOrder
from annotator.core.networks_at_hand import Network
from annotator.darknet.run.folder import RunFolder
from annotator.qt.dialogs.save_seen import SaveSeenDialog
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.images import encode_png

LONG = 30_000


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_200.weights", 200)
    return made


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for name, cells in (
        ("a", "r....g.........."),
        ("b", "................"),
        ("more/c", "r....r.....rg..."),
    ):
        (folder / f"{name}.png").write_bytes(encode_png(samples.picture(cells)))
    (folder / "broken.png").write_bytes(b"no picture")
    return folder


@pytest.fixture
def window(qtbot, tmp_path: Path, run: RunFolder):
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1024, 700)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.open_path(run.work)
    qtbot.waitUntil(lambda: window.project is not None, timeout=LONG)
    window.show_page("predict")
    yield window
    window.close_without_asking()


def drop(page, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    enter = QDragEnterEvent(QPoint(50, 50), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(page, enter)
    assert enter.isAccepted()
    event = QDropEvent(QPointF(50, 50), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier)
    QApplication.sendEvent(page, event)


def looked(qtbot, window, path: Path):
    """The tab after a folder was dropped and looked at."""
    tab = window.predict.any_pictures
    with qtbot.waitSignal(tab.look.ended, timeout=LONG):
        drop(window.predict, path)
    qtbot.waitUntil(lambda: len(tab.looked) == 3, timeout=LONG)
    return tab


def test_a_dropped_folder_is_looked_at_and_the_threshold_answers_at_once(qtbot, window, photos):
    tab = looked(qtbot, window, photos)
    assert window.predict.parts.currentWidget() is tab
    rows = [tab.model.data(tab.model.index(row)) for row in range(3)]
    assert rows == ["a.png\n2 boxes", "b.png\nnothing", "more/c.png\n4 boxes"]
    assert tab.summary.text() == "3 pictures · 6 boxes"
    assert [tab.classes.item(row).text() for row in range(2)] == ["mask  4", "no_mask  2"]
    assert len(tab.view.boxes) == 2
    tab.classes.item(0).setCheckState(Qt.Unchecked)
    assert [box.label for box in tab.view.boxes] == ["no_mask"]
    assert tab.summary.text() == "3 pictures · 2 boxes"
    tab.classes.item(0).setCheckState(Qt.Checked)
    tab.order.setCurrentIndex(tab.order.findData(LookedOrder.MOST))
    assert tab.model.data(tab.model.index(0)).startswith("more/c.png")
    tab.threshold.setValue(99)
    assert not tab.look.is_running and tab.threshold_label.text() == "99 %"
    assert tab.model.boxes in (0, 6)


def test_what_is_shown_is_saved_from_the_window(qtbot, window, photos):
    tab = looked(qtbot, window, photos)
    tab.classes.item(1).setCheckState(Qt.Unchecked)
    qtbot.mouseClick(tab.save.button, Qt.LeftButton)
    (dialog,) = window.findChildren(SaveSeenDialog)
    assert dialog.folder.text() == str(photos.with_name("photos-predictions"))
    dialog.formats["coco"].setChecked(True)
    with qtbot.waitSignal(tab.save.ended, timeout=LONG):
        qtbot.mouseClick(dialog.ok, Qt.LeftButton)
    out = photos.with_name("photos-predictions")
    rows = list(csv.DictReader((out / "predictions.csv").read_text().splitlines()))
    assert {row["label"] for row in rows} == {"mask"} and len(rows) == 4
    assert (out / "more/c.png").is_file() and (out / "predictions-coco.json").is_file()
    assert tab.open_saved.isVisible() and "photos-predictions" in tab.save.note.text()


def test_predictions_become_a_set_that_is_opened(qtbot, window, photos, tmp_path):
    tab = looked(qtbot, window, photos)
    tab.make_set_in(tmp_path / "new set")
    qtbot.waitUntil(
        lambda: window.project is not None and window.project.session.root == tmp_path / "new set",
        timeout=LONG,
    )
    session = window.project.session
    assert {key: len(session.image(key).boxes) for key in session.keys} == {
        "obj/a": 2,
        "obj/b": 0,
        "obj/more/c": 4,
    }
    assert not any(session.image(key).reviewed for key in session.keys)


def test_another_network_looks_anew_and_what_cannot_look_is_said(qtbot, window, run, photos, tmp_path):
    tab = looked(qtbot, window, photos)
    blind = tmp_path / "blind.weights"
    blind.write_bytes(samples.cell_weights(gain=0.0))
    other = Network.of_files(run.cfg, blind, run.names, letterbox=True)
    with qtbot.waitSignal(tab.look.ended, timeout=LONG):
        window.predict.used.use(other)
    qtbot.waitUntil(lambda: len(tab.looked) == 3, timeout=LONG)
    assert tab.model.boxes == 0 and tab.network.name.text() == "blind.weights"
    blind.write_bytes(b"")
    with qtbot.waitSignal(tab.look.failed, timeout=LONG):
        qtbot.mouseClick(tab.look.button, Qt.LeftButton)
    assert tab.view.has_notice and not tab.save.button.isEnabled()
    empty = tmp_path / "empty"
    empty.mkdir()
    window.predict.used.use(Network.of_run(run))
    qtbot.waitUntil(lambda: not tab.look.is_running, timeout=LONG)
    with qtbot.waitSignal(tab.look.failed, timeout=LONG):
        drop(window.predict, empty)


def test_closing_in_the_middle_ends_it(qtbot, window, photos):
    drop(window.predict, photos)
    assert window.predict.is_busy()
    window.close_without_asking()
    task = window.predict.any_pictures.look.task
    assert task is None or task._thread.isFinished()
