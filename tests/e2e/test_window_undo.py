"""The window and the journal: undo after a restart, steps that do not fit, images and classes that change."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import Qt

from annotator import messages
from annotator.core import class_edits
from annotator.messages import Level
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings

KEY = "images/maksssksksss0"
OTHER = "images/maksssksksss4"


@pytest.fixture
def window(qtbot, tmp_path: Path):
    messages.history.clear()
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=20_000)
    yield widget
    widget.close()


def open_set(qtbot, window: MainWindow, path: Path) -> None:
    before = window.project
    window.open_path(path)
    qtbot.waitUntil(lambda: window.project is not None and window.project is not before, timeout=20_000)


def undo(qtbot, window: MainWindow) -> None:
    qtbot.keyClick(window.label.canvas, Qt.Key_Z, Qt.ControlModifier)


def said() -> list[str]:
    return [message.text for message in messages.history if message.level is Level.ERROR]


def test_undo_after_the_set_was_opened_again(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    path = window.project.session.image(KEY).annotation
    before = path.read_bytes()
    qtbot.keyClick(window.label.canvas, Qt.Key_Tab)
    qtbot.keyClick(window.label.canvas, Qt.Key_Delete)
    assert window.actions_by_name["undo"].text() == "Undo: delete box"
    open_set(qtbot, window, small_demo)
    assert path.read_bytes() != before
    assert window.actions_by_name["undo"].text() == "Undo: delete box"
    window.label.images.go_to(OTHER)
    undo(qtbot, window)
    assert window.label.key == KEY, "undo shows the picture it changed"
    qtbot.waitUntil(lambda: path.read_bytes() == before, timeout=20_000)
    assert window.actions_by_name["undo"].text() == "Undo"
    assert window.actions_by_name["redo"].text() == "Redo: delete box"
    assert said() == []


def test_a_step_that_does_not_fit_is_said_and_can_be_forgotten(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    session = window.project.session
    path = session.image(KEY).annotation
    session.set_reviewed([OTHER])
    qtbot.keyClick(window.label.canvas, Qt.Key_Tab)
    qtbot.keyClick(window.label.canvas, Qt.Key_Delete)
    assert window.save()
    path.write_bytes(path.read_bytes().replace(b"<name>with_mask", b"<name>without_mask"))
    open_set(qtbot, window, small_demo)
    theirs = path.read_bytes()
    undo(qtbot, window)
    assert "its boxes are others by now" in said()[-1] and path.read_bytes() == theirs
    window.actions_by_name["forget_step"].trigger()
    assert window.actions_by_name["undo"].text() == "Undo: mark maksssksksss4.png as reviewed"
    undo(qtbot, window)
    assert not window.project.session.reviewed(OTHER)


def test_the_list_follows_images_that_go_and_come(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    window.label.images.go_to(OTHER)
    window.project.session.remove_images([OTHER])
    assert window.label.images.count.text() == "8 pictures"
    assert window.label.key == "images/maksssksksss5", "the next one is shown"
    undo(qtbot, window)
    assert window.label.images.count.text() == "9 pictures" and OTHER in window.project.session
    window.label.images.go_to(OTHER)
    assert window.label.key == OTHER
    window.project.session.remove_images(window.project.session.keys[-1:])
    assert window.label.key == OTHER, "what is worked on stays"


def test_the_page_follows_the_classes(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    session = window.project.session
    session.apply(class_edits.rename_class(session.dataset(), "with_mask", "mask"))
    assert window.label.canvas.class_names[0] == "mask" == window.label.canvas.current_label
    assert window.label.canvas.boxes == session.image(window.label.key).boxes
    assert window.actions_by_name["undo"].text() == "Undo: rename with_mask to mask"
    undo(qtbot, window)
    assert window.label.canvas.class_names[0] == "with_mask"


def test_edit_after_edit_is_on_disk_in_time(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    path = window.project.session.image(KEY).annotation
    before = path.read_bytes()
    qtbot.keyClick(window.label.canvas, Qt.Key_Tab)

    def nudge_and_look() -> None:
        qtbot.keyClick(window.label.canvas, Qt.Key_Right)  # never a pause as long as the delay
        assert path.read_bytes() != before

    qtbot.waitUntil(nudge_and_look, timeout=20_000)
