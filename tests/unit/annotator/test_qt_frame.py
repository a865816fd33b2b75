"""What the window remembers, opening one set after another, waiting, and mistakes of ours."""

import shutil
import sys
import threading
from pathlib import Path

import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QWidget

from annotator import messages
from annotator.qt import crash, layout_memory
from annotator.qt.background import Task
from annotator.qt.main_window import MainWindow
from annotator.qt.progress import ProgressDialog
from annotator.settings import Settings


@pytest.fixture
def make_window(qtbot, tmp_path: Path):
    made = []

    def make() -> MainWindow:
        window = MainWindow(Settings(tmp_path / "settings.json"))
        qtbot.addWidget(window)
        window.show()
        made.append(window)
        return window

    yield make
    for window in made:
        window.close_without_asking()


def is_open(window: MainWindow, path: Path) -> bool:
    return window.project is not None and window.project.session.root == path


def test_the_window_comes_back_as_it_was_left(qtbot, make_window, small_demo: Path):
    first = make_window()
    first.open_path(small_demo)
    qtbot.waitUntil(lambda: is_open(first, small_demo), timeout=20_000)
    first.show_page("balance")
    first.label.splitter.setSizes([300, 500, 200])
    sizes = first.label.splitter.saveState()
    first.resize(1000, 600)
    first.close_without_asking()
    again = make_window()
    assert again.label.splitter.saveState() == sizes
    assert (again.width(), again.height()) == (1000, 600)
    again.open_path(small_demo)
    qtbot.waitUntil(lambda: is_open(again, small_demo), timeout=20_000)
    qtbot.waitUntil(lambda: again.page_name == "balance")


@pytest.mark.parametrize("place", [(9000, 200), (-5000, -5000), (100, 8000)])
def test_a_window_of_a_screen_that_is_gone_is_on_this_one(make_window, place: tuple[int, int]):
    window = make_window()
    window.resize(3000, 2400)
    window.move(QPoint(*place))
    layout_memory.keep_on_screen(window)
    area = QGuiApplication.primaryScreen().availableGeometry()
    assert area.contains(window.pos()) and window.width() <= area.width() and window.height() <= area.height()


def test_nothing_needs_more_than_a_small_screen(qtbot, make_window, small_demo: Path):
    window = make_window()
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: is_open(window, small_demo), timeout=20_000)
    for name in window.page_names:
        window.show_page(name)
    smallest = window.minimumSizeHint()
    assert smallest.width() <= 1008 and smallest.height() <= 660


def test_settings_of_nonsense_do_no_harm(make_window, tmp_path: Path):
    settings = Settings(tmp_path / "settings.json")
    for name in ("geometry", "splitters", "page", "keys", "theme", "text_size", "palette_recent"):
        settings.set(name, ["nonsense", 3])
    settings.set("splitters", {"label-0": "nonsense", "gallery-0": 5})
    assert make_window().isVisible()


def test_another_set_is_wanted_while_one_is_opened(qtbot, make_window, small_demo: Path, tmp_path: Path):
    other = tmp_path / "other"
    shutil.copytree(small_demo, other)
    window = make_window()
    window.open_path(small_demo)
    window.open_path(other)
    window.open_path(other)
    qtbot.waitUntil(lambda: is_open(window, other), timeout=20_000)
    window.open_path(other)
    window.open_path(other)
    qtbot.waitUntil(lambda: is_open(window, other) and window.opening._task is None, timeout=20_000)


def test_the_window_closes_while_a_set_is_opened(qtbot, make_window, small_demo: Path):
    window = make_window()
    window.open_path(small_demo)
    window.close_without_asking()
    assert not window.isVisible() and window.project is None
    # Nobody holds the set: it opens for writing.
    again = make_window()
    again.open_path(small_demo)
    qtbot.waitUntil(lambda: is_open(again, small_demo), timeout=20_000)
    assert again.project.session.sidecar.locked_by is None


def test_waiting_shows_how_far_and_esc_ends_it(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    parent.show()
    step = threading.Event()

    def work(tell):
        tell(0, 10)
        while not step.wait(0.01):
            tell(3, 10)

    task = Task(work, parent)
    dialog = ProgressDialog(task, "Counting", parent)
    task.start()
    qtbot.waitUntil(dialog.isVisible, timeout=10_000)
    qtbot.waitUntil(lambda: dialog.bar.value() == 300)
    assert dialog.left.text().startswith("3 / 10")
    with qtbot.waitSignal(task.cancelled, timeout=10_000):
        QTest.keyClick(dialog, Qt.Key_Escape)
    qtbot.waitUntil(lambda: not dialog.isVisible())


def test_what_is_done_at_once_shows_no_dialog(qtbot):
    parent = QWidget()
    qtbot.addWidget(parent)
    task = Task(lambda tell: tell(1, 1), parent)
    dialog = ProgressDialog(task, "Counting", parent)
    with qtbot.waitSignal(dialog.destroyed, timeout=10_000):
        task.start()


def test_a_mistake_in_a_thread_is_said_in_the_windows_and_everything_is_saved(qtbot, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    saved = []
    crash.install(lambda: saved.append(threading.current_thread()))
    heard: list[str] = []
    stop = messages.listen(lambda message: heard.append(message.text))

    def wrong() -> None:
        raise RuntimeError("a mistake in a thread")

    thread = threading.Thread(target=wrong)
    thread.start()
    thread.join()
    qtbot.waitUntil(lambda: bool(saved))
    stop()
    assert saved == [threading.main_thread()]
    assert "errors.log" in heard[0]
    # What happens again and again fills neither the log nor the screen.
    for _ in range(10):
        try:
            wrong()
        except RuntimeError as error:
            sys.excepthook(type(error), error, None)
    assert len(saved) == 1 + crash._SAME
