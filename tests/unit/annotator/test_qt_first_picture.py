import threading
from pathlib import Path

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest

from annotator.core.session import Session
from annotator.qt import opening
from annotator.qt.background import CancelledError
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings

WAIT = {"timeout": 20_000}


@pytest.fixture
def window(qtbot, tmp_path: Path):
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.close_without_asking()


@pytest.fixture
def slow(monkeypatch):
    """Reading a set takes until the gate is opened."""
    gate = threading.Event()

    class SlowSession:
        @staticmethod
        def open(path, tell=None, *rest):
            while not gate.wait(0.01):
                tell(3, 7)
            return Session.open(path, tell, *rest)

    monkeypatch.setattr(opening, "Session", SlowSession)
    yield gate
    gate.set()


def test_the_first_picture_is_there_before_the_set_is_read(qtbot, window, small_demo, slow):
    canvas = window.label.canvas
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: canvas.has_picture, **WAIT)
    assert window.project is None
    assert canvas.key == "images/maksssksksss0" and canvas.boxes
    strip = window.opening._first.strip
    qtbot.waitUntil(lambda: strip.bar.maximum() == 7, **WAIT)
    assert strip.isVisible() and strip.geometry() == window.label.images.rect()
    assert "3 of 7" in strip.text.text()

    before = canvas.boxes
    QTest.mousePress(canvas, Qt.LeftButton, Qt.NoModifier, canvas.rect().center())
    QTest.mouseRelease(canvas, Qt.LeftButton, Qt.NoModifier, canvas.rect().center())
    assert "still being read" in window.statusBar().currentMessage()
    assert canvas.boxes == before and not canvas.selected

    slow.set()
    qtbot.waitUntil(lambda: window.project is not None, **WAIT)
    assert canvas.key == "images/maksssksksss0" and canvas.has_picture and canvas.boxes == before
    assert window.tabs.tabBar().isEnabled() and window.label.boxes.isEnabled()
    assert window.opening._first is None
    canvas.cycle(1)
    assert canvas.selected


def test_one_need_not_wait_for_the_set(qtbot, window, small_demo, monkeypatch):
    class EndlessSession:
        @staticmethod
        def open(path, tell=None, *rest):
            while True:
                tell(1, 2)

    monkeypatch.setattr(opening, "Session", EndlessSession)
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.opening._first is not None, **WAIT)
    strip = window.opening._first.strip
    qtbot.waitUntil(strip.cancel.isVisible, **WAIT)
    strip.cancel.click()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.start, **WAIT)
    qtbot.waitUntil(lambda: window.opening._task is None, **WAIT)
    monkeypatch.undo()
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.project is not None, **WAIT)


def test_closing_meanwhile_ends_the_reading(qtbot, window, small_demo, monkeypatch):
    ended = threading.Event()

    class EndlessSession:
        @staticmethod
        def open(path, tell=None, *rest):
            try:
                while True:
                    tell(1, 2)
            except CancelledError:
                ended.set()
                raise

    monkeypatch.setattr(opening, "Session", EndlessSession)
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.opening._first is not None and window.opening._waiting is None, **WAIT)
    window.close_without_asking()
    assert ended.is_set()


def test_a_set_that_cannot_be_read_leads_back_to_the_start(qtbot, window, small_demo, slow):
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, **WAIT)
    for file in (small_demo / "images").iterdir():
        file.unlink()
    slow.set()
    qtbot.waitUntil(lambda: window.stack.currentWidget() is window.start, **WAIT)
    assert window.opening._first is None
