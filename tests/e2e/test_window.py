"""The real window on a copy of the demo set, by mouse and keyboard: open, edit, undo, save, reopen."""

from __future__ import annotations

import errno
import os
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from PyQt5.QtCore import QEvent, QMimeData, QPointF, Qt, QUrl
from PyQt5.QtGui import QDropEvent, QMouseEvent
from PyQt5.QtWidgets import QApplication

from annotator import messages
from annotator.core.key_bindings import meet
from annotator.messages import Level
from annotator.qt.canvas import Mode
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings

KEY = "images/maksssksksss0"


@pytest.fixture
def window(qtbot, tmp_path: Path):
    messages.history.clear()
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    # Keys reach the active window only, and without a window manager nobody makes it so.
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=20_000)
    yield widget
    widget.undo_stack.clear()
    widget.close()


def open_set(qtbot, window: MainWindow, path: Path) -> None:
    window.open_path(path)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=20_000)


def press(qtbot, window: MainWindow, key, modifiers=Qt.NoModifier) -> None:
    qtbot.keyClick(window.label.canvas, key, modifiers)


def drag(window: MainWindow, *points: tuple[float, float]) -> None:
    canvas = window.label.canvas
    kinds = [QEvent.MouseButtonPress, *[QEvent.MouseMove] * (len(points) - 1), QEvent.MouseButtonRelease]
    for kind, point in zip(kinds, [*points, points[-1]], strict=True):
        at = QPointF(*canvas.viewport.to_view(point))
        button = Qt.NoButton if kind == QEvent.MouseMove else Qt.LeftButton
        held = Qt.NoButton if kind == QEvent.MouseButtonRelease else Qt.LeftButton
        event = QMouseEvent(kind, at, QPointF(canvas.mapToGlobal(at.toPoint())), button, held, Qt.NoModifier)
        QApplication.sendEvent(canvas, event)


def saved(qtbot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: not window.project.session.dirty_keys, timeout=20_000)


def errors() -> list[str]:
    return [message.text for message in messages.history if message.level is Level.ERROR]


def test_open_edit_undo_save_reopen(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    canvas, session = window.label.canvas, window.project.session
    path = session.image(KEY).annotation
    original = path.read_bytes()
    count = len(canvas.boxes)

    press(qtbot, window, Qt.Key_W)
    assert canvas.mode is Mode.DRAW_ONE
    drag(window, (10, 200), (30, 220), (50, 240))
    assert canvas.boxes[-1].xyxy == (10, 200, 50, 240) and canvas.boxes[-1].label == "with_mask"
    press(qtbot, window, Qt.Key_2)
    assert canvas.boxes[-1].label == "without_mask"
    press(qtbot, window, Qt.Key_Right, Qt.ShiftModifier)
    press(qtbot, window, Qt.Key_Right)
    assert canvas.boxes[-1].xyxy == (21, 200, 61, 240)
    drag(window, (40, 220), (50, 215), (60, 210))
    assert canvas.boxes[-1].xyxy == (41, 190, 81, 230)
    saved(qtbot, window)
    assert b"<xmin>41</xmin>" in path.read_bytes() and original[:300] == path.read_bytes()[:300]

    assert window.undo_stack.undoText() == "move box"
    press(qtbot, window, Qt.Key_Delete)
    assert len(canvas.boxes) == count
    press(qtbot, window, Qt.Key_Z, Qt.ControlModifier)
    assert len(canvas.boxes) == count + 1
    press(qtbot, window, Qt.Key_D)
    assert window.label.key == "images/maksssksksss1"
    for _ in range(4):  # move, the two nudges as one, relabel, draw
        press(qtbot, window, Qt.Key_Z, Qt.ControlModifier)
    assert window.label.key == KEY, "undo shows the picture it changed"
    saved(qtbot, window)
    assert path.read_bytes() == original
    press(qtbot, window, Qt.Key_Y, Qt.ControlModifier)
    press(qtbot, window, Qt.Key_S, Qt.ControlModifier)
    assert not session.dirty_keys and path.read_bytes() != original
    boxes = session.image(KEY).boxes

    window.open_path(small_demo)
    qtbot.waitUntil(
        lambda: window.project is not None and window.project.session is not session, timeout=20_000
    )
    assert window.project.session.image(KEY).boxes == boxes
    assert errors() == []


def test_escape_never_quits_and_keys_do_what_the_map_says(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    canvas = window.label.canvas
    press(qtbot, window, Qt.Key_W)
    press(qtbot, window, Qt.Key_W)
    assert canvas.mode is Mode.DRAW_MANY
    for _ in range(3):
        press(qtbot, window, Qt.Key_Escape)
    assert window.isVisible() and canvas.mode is Mode.SELECT
    press(qtbot, window, Qt.Key_Tab)
    press(qtbot, window, Qt.Key_Tab)
    assert canvas.selected == {1}
    press(qtbot, window, Qt.Key_Tab, Qt.ShiftModifier)
    assert canvas.selected == {0}
    press(qtbot, window, Qt.Key_D, Qt.ControlModifier)
    assert window.undo_stack.undoText() == "duplicate"
    for key, page in ((Qt.Key_B, window.balance), (Qt.Key_T, window.train), (Qt.Key_Q, window.predict)):
        qtbot.keyClick(window, key)
        assert window.tabs.currentWidget() is page
    qtbot.keyClick(window, Qt.Key_1, Qt.AltModifier)
    assert window.tabs.currentWidget() is window.label
    qtbot.keyClicks(window.label.images.search, "sss3")
    assert window.label.images.count.text() == "1 of 9 pictures"


def test_no_two_actions_share_a_key(window: MainWindow):
    for name, action in window.actions_by_name.items():
        for other, theirs in window.actions_by_name.items():
            if name < other and meet(window.keys.entries[name], window.keys.entries[other]):
                assert not set(action.shortcuts()) & set(theirs.shortcuts()), (name, other)


def test_a_zip_opens_beside_itself_and_never_changes(qtbot, window: MainWindow, small_demo: Path):
    archive = small_demo.with_name("Kaggle archive.zip")
    with zipfile.ZipFile(archive, "w") as file:
        for path in sorted(small_demo.rglob("*.*")):
            file.write(path, path.relative_to(small_demo))
    before = archive.read_bytes()
    open_set(qtbot, window, archive)
    assert window.project.session.root == archive.with_suffix("")
    press(qtbot, window, Qt.Key_Tab)
    press(qtbot, window, Qt.Key_Delete)
    saved(qtbot, window)
    count = len(window.label.canvas.boxes)
    assert archive.read_bytes() == before
    first = window.project
    window.open_path(archive)
    qtbot.waitUntil(lambda: window.project is not None and window.project is not first, timeout=20_000)
    assert len(window.project.session.image(KEY).boxes) == count, "edits in the working folder are kept"


def test_drop_a_folder(qtbot, window: MainWindow, small_demo: Path):
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(small_demo))])
    window.dropEvent(QDropEvent(QPointF(5, 5), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier))
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)


def test_pictures_without_labels_and_a_first_class(
    qtbot, window: MainWindow, tmp_path: Path, make_picture, monkeypatch
):
    from annotator.qt.dialogs import add_class

    make_picture(tmp_path / "été 2020" / "IMG 1.PNG")
    open_set(qtbot, window, tmp_path / "été 2020")
    monkeypatch.setattr(add_class, "ask_name", lambda *_: ("masque", False))
    press(qtbot, window, Qt.Key_W)
    drag(window, (5, 5), (15, 20), (25, 30))
    assert window.label.canvas.boxes[-1].label == "masque"
    saved(qtbot, window)
    assert "masque" in (tmp_path / "été 2020" / "IMG 1.xml").read_text(encoding="utf-8")
    assert errors() == []


@pytest.mark.parametrize("what", ["missing", "no pictures", "broken zip"])
def test_what_cannot_be_opened_is_said_and_the_start_page_stays(
    qtbot, window: MainWindow, tmp_path: Path, what: str
):
    path = tmp_path / "set"
    if what == "no pictures":
        path.mkdir()
        (path / "notes.doc").write_text("x")
    elif what == "broken zip":
        path = tmp_path / "a.zip"
        path.write_bytes(b"PK\x03\x04 cut short")
    window.open_path(path)
    qtbot.waitUntil(lambda: bool(errors()), timeout=20_000)
    assert str(path.name) in errors()[0] and window.stack.currentWidget() is window.start
    assert window.message_bar.isVisible()


def test_bad_files_are_said_and_all_others_open(qtbot, window: MainWindow, small_demo: Path):
    xml = small_demo / "annotations" / "maksssksksss3.xml"
    xml.write_bytes(xml.read_bytes()[:200])
    png = small_demo / "images" / "maksssksksss4.png"
    png.write_bytes(png.read_bytes()[: png.stat().st_size // 2])
    (small_demo / "images" / "maksssksksss5.png").write_bytes(b"")
    open_set(qtbot, window, small_demo)
    assert len(window.project.session.keys) == 7
    assert "maksssksksss3.xml" in window.message_bar._message.details
    window.label.images.go_to("images/maksssksksss4")
    qtbot.waitUntil(lambda: "cut short" in window.label.canvas._notice, timeout=20_000)
    window.label.images.go_to("images/maksssksksss6")
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=20_000)


def test_a_full_disk_is_said_and_the_edit_is_kept(qtbot, window: MainWindow, small_demo: Path, monkeypatch):
    open_set(qtbot, window, small_demo)
    path = window.project.session.image(KEY).annotation
    before = path.read_bytes()

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", full)
        press(qtbot, window, Qt.Key_Tab)
        press(qtbot, window, Qt.Key_Delete)
        qtbot.waitUntil(lambda: bool(errors()), timeout=20_000)
        assert "disk is full" in errors()[0] and path.name in errors()[0]
        assert path.read_bytes() == before
        # Closing asks; the person stays.
        asked = []
        patch.setattr(MainWindow, "_ask", lambda window, text, *_: asked.append(text))
        assert not window.close() and "could not be saved" in asked[0]
    press(qtbot, window, Qt.Key_S, Qt.ControlModifier)
    assert path.read_bytes() != before and window.save_label.text() == "All changes are saved"


def test_a_mistake_of_ours_is_a_sentence_and_boxes_are_saved(
    qtbot, window: MainWindow, small_demo: Path, monkeypatch
):
    from annotator.qt import crash

    open_set(qtbot, window, small_demo)
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    crash.install(window.save_quietly)
    press(qtbot, window, Qt.Key_Tab)
    press(qtbot, window, Qt.Key_Delete)
    try:
        raise ZeroDivisionError("of ours")
    except ZeroDivisionError as error:
        sys.excepthook(type(error), error, error.__traceback__)
    assert "went wrong inside" in errors()[0] and not window.project.session.dirty_keys


def test_every_page_fits_a_small_screen(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    window.resize(1024, 700)
    for index in range(window.tabs.count()):
        window.tabs.setCurrentIndex(index)
        QApplication.processEvents()
        assert window.width() <= 1024 and window.height() <= 700, window.tabs.tabText(index)


def test_the_real_command_opens_a_window_and_ends_on_ctrl_c(qtbot, tmp_path: Path, small_demo: Path):
    """The whole program in a process of its own, on the platform of a person's screen."""
    environ = {**os.environ, "HOME": str(tmp_path)}
    child = subprocess.Popen(
        [sys.executable, "-m", "annotator", str(small_demo)], stderr=subprocess.PIPE, text=True, env=environ
    )
    lock = small_demo / ".annotator" / "lock"
    with child:
        try:
            # The set is locked once it is open.
            qtbot.waitUntil(lambda: lock.exists() and lock.read_text() == f"{child.pid}\n", timeout=60_000)
            child.send_signal(signal.SIGINT)
            _, talk = child.communicate(timeout=60)
        finally:
            child.kill()
    assert child.returncode == 0 and "Traceback" not in talk


def test_without_a_display_it_says_so(tmp_path: Path):
    environ = {
        k: v for k, v in os.environ.items() if k not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")
    }
    for extra in ({}, {"DISPLAY": ":4711"}):
        done = subprocess.run(
            [sys.executable, "-m", "annotator", "--demo"],
            capture_output=True,
            text=True,
            env=environ | extra,
            check=False,
        )
        assert done.returncode == 1 and "no display" in done.stderr and "Traceback" not in done.stderr
