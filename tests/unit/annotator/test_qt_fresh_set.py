"""A folder of plain pictures, labelled from nothing in the real window."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from PyQt5.QtCore import QTimer
from PyQt5.QtWidgets import QApplication

from annotator.core import edits
from annotator.qt.dialogs.add_class import AddClassDialog
from annotator.qt.main_window import MainWindow
from annotator.qt.palette import commands_of, ranked
from annotator.settings import Settings
from converters.model import Box


@pytest.fixture
def window(qtbot, tmp_path: Path):
    folder = tmp_path / "plain"
    folder.mkdir()
    for name in ("a.png", "b.png", "c.png"):
        Image.fromarray(np.full((40, 60, 3), 90, np.uint8)).save(folder / name)
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1024, 700)
    window.show()
    window.open_path(folder)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture)
    yield window
    window.close_without_asking()


def put(window: MainWindow, key: str, *boxes: Box) -> None:
    session = window.project.session
    window.label.push(edits.SetBoxes(key, session.image(key).boxes, boxes, "put"))


def test_pictures_that_wait_for_labels_are_not_marked_as_mistakes(qtbot, window: MainWindow):
    window.project.session.add_class("mask")
    put(window, "a", Box((1, 1, 30, 30), "mask"))
    checker = window.findings.checker

    def listed() -> set[str]:
        return {one.key for one in window.findings.shown() if one.code == "image-without-label"}

    qtbot.waitUntil(
        lambda: checker.findings is not None and checker.findings.is_checked and listed() == {"b", "c"},
        timeout=20_000,
    )
    window.label.reveal("b")
    assert window.visits.notice.isHidden()
    assert not window.label.images._facts.findings


def test_the_digit_after_the_last_class_asks_for_a_new_one(qtbot, window: MainWindow):
    window.project.session.add_class("mask")
    put(window, "a", Box((1, 1, 30, 30), "mask"))
    window.label.canvas.select(frozenset({0}))

    def answer() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, AddClassDialog)
        dialog.field.setText("no mask")
        dialog.accept()

    QTimer.singleShot(300, answer)
    window.label.choose_digit(2)
    session = window.project.session
    qtbot.waitUntil(lambda: session.class_names == ("mask", "no mask"))
    assert session.image("a").boxes[0].label == "no mask"


def test_the_current_row_stays_in_sight_when_the_list_gets_lower(qtbot, window: MainWindow):
    view = window.label.images.view
    window.label.reveal("c")
    view.resize(view.width(), 400)
    view.resize(view.width(), view.visualRect(view.currentIndex()).bottom() - 20)
    assert view.visualRect(view.currentIndex()).bottom() <= view.viewport().height()


def test_the_palette_shows_what_stands_in_menus_before_rows_of_keys(window: MainWindow):
    names = [command.name for command in ranked(commands_of(window), "class")]
    assert names.index("classes") < names.index("class_1")
