"""Going through the pictures of a set, marking and removing them, by keys in the real window."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtTest import QTest

from annotator import messages
from annotator.core.listing import Filter, Order, SortBy
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.model import Split


@pytest.fixture
def window(qtbot, tmp_path: Path, small_demo: Path):
    messages.history.clear()
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=20_000)
    open_set(qtbot, widget, small_demo)
    yield widget
    widget.close_without_asking()


def open_set(qtbot, window: MainWindow, path: Path) -> None:
    with qtbot.waitSignal(window.label.image_changed, timeout=20_000):
        window.open_path(path)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=20_000)


def press(window: MainWindow, key, modifiers=Qt.NoModifier) -> None:
    QTest.keyClick(window.label.canvas, key, modifiers)


def at(window: MainWindow) -> int:
    assert window.label.key is not None
    return int(window.label.key.rpartition("sss")[2])


def key(number: int) -> str:
    return f"images/maksssksksss{number}"


def test_space_marks_and_goes_on_and_page_down_skips_what_is_reviewed(qtbot, window: MainWindow):
    session = window.project.session
    press(window, Qt.Key_Space)
    press(window, Qt.Key_Space)
    assert at(window) == 2 and session.reviewed(key(0)) and session.reviewed(key(1))
    qtbot.waitUntil(lambda: window.review.text() == "2 of 9 reviewed", timeout=5_000)
    press(window, Qt.Key_Space, Qt.ShiftModifier)
    assert at(window) == 2 and session.reviewed(key(2))
    press(window, Qt.Key_Space, Qt.ShiftModifier)
    assert not session.reviewed(key(2))
    press(window, Qt.Key_End)
    press(window, Qt.Key_PageDown)
    assert at(window) == 2  # around the end, past those that are reviewed
    press(window, Qt.Key_PageUp)
    assert at(window) == 8
    press(window, Qt.Key_Z, Qt.ControlModifier)
    press(window, Qt.Key_Z, Qt.ControlModifier)
    press(window, Qt.Key_Z, Qt.ControlModifier)
    assert at(window) == 1 and not session.reviewed(key(1)) and session.reviewed(key(0))
    qtbot.waitUntil(lambda: window.review.text() == "1 of 9 reviewed", timeout=5_000)
    QTest.mouseClick(window.review, Qt.LeftButton)
    assert at(window) == 2
    window.pictures.set_reviewed(True)
    session.set_reviewed(session.keys)
    qtbot.waitUntil(lambda: window.review.text() == "9 of 9 reviewed", timeout=5_000)
    press(window, Qt.Key_PageDown)
    assert messages.history[-1].text == "All pictures are reviewed."


def test_empty_on_purpose_is_refused_where_there_are_boxes(window: MainWindow):
    session = window.project.session
    press(window, Qt.Key_E)
    assert at(window) == 0 and "cannot be called empty" in messages.history[-1].text
    window.label.canvas.select_all()
    press(window, Qt.Key_Delete)
    press(window, Qt.Key_E)
    assert at(window) == 1 and session.empty_on_purpose(key(0))


def test_d_follows_the_list_and_the_neighbours_in_the_set_are_reached_with_alt(window: MainWindow):
    images = window.label.images
    images.set_filter(Filter(only=frozenset({key(2), key(5), key(7)})))
    assert at(window) == 0
    press(window, Qt.Key_D)
    assert at(window) == 2
    press(window, Qt.Key_D)
    press(window, Qt.Key_D, Qt.AltModifier)
    assert at(window) == 6 and images.view.current_key() is None
    press(window, Qt.Key_D)
    assert at(window) == 7
    press(window, Qt.Key_A, Qt.AltModifier)
    press(window, Qt.Key_A)
    assert at(window) == 5
    images.sort(Order(SortBy.NAME, descending=True))
    press(window, Qt.Key_D)
    assert at(window) == 2
    press(window, Qt.Key_A, Qt.AltModifier)
    press(window, Qt.Key_A)
    assert at(window) == 2


def test_what_an_edit_takes_out_of_the_filter_stays_until_the_list_is_updated(qtbot, window: MainWindow):
    images = window.label.images
    images.set_filter(Filter(reviewed=False))
    press(window, Qt.Key_Space)
    press(window, Qt.Key_Space)
    assert at(window) == 2
    qtbot.waitUntil(lambda: images.view.painter.no_longer_fits == {key(0), key(1)}, timeout=5_000)
    assert images.update_button.isVisible() and len(images.view.rows.shown) == 9
    press(window, Qt.Key_A)
    assert at(window) == 1
    press(window, Qt.Key_A, Qt.ShiftModifier)
    assert at(window) == 1 and "No picture before" in messages.history[-1].text
    press(window, Qt.Key_D, Qt.ShiftModifier)
    assert at(window) == 2 and images.view.selected_keys() == (key(2),)
    images.update_button.click()
    assert len(images.view.rows.shown) == 7 and images.view.current_key() == key(2)
    press(window, Qt.Key_Z, Qt.ControlModifier)
    assert at(window) == 1
    qtbot.waitUntil(images.update_button.isVisible, timeout=5_000)


def test_pictures_go_to_the_trash_and_come_back_and_the_list_keeps_its_place(window: MainWindow):
    images, session = window.label.images, window.project.session
    images.go_to(key(4))
    press(window, Qt.Key_Delete, Qt.ControlModifier | Qt.ShiftModifier)
    assert at(window) == 5 and key(4) not in session and "Ctrl+Z" in messages.history[-1].text
    images.view.selectAll()
    images.view.selectionModel().select(images.view.rows.index(0, 0), images.view.selectionModel().Deselect)
    assert len(window.pictures.targets()) == 7
    window.pictures.remove()
    assert session.keys == (key(0),) and at(window) == 0
    window.pictures.remove()
    assert session.keys == (key(0),) and "at least one" in messages.history[-1].text
    press(window, Qt.Key_Z, Qt.ControlModifier)
    press(window, Qt.Key_Z, Qt.ControlModifier)
    assert len(session.keys) == 9 and images.count.text() == "9 pictures"


def test_several_pictures_are_marked_in_one_edit(window: MainWindow):
    images, session = window.label.images, window.project.session
    QTest.keyClick(images.view, Qt.Key_A, Qt.ControlModifier)
    assert len(window.pictures.targets()) == 9
    menu = window.pictures.menu()
    act = {action.text(): action for action in menu.actions()}
    act["Reviewed"].trigger()
    assert session.review_counts().reviewed == 9 and at(window) == 0
    window.undo()
    assert session.review_counts().reviewed == 0
    QTest.keyClick(images.view, Qt.Key_A, Qt.ControlModifier)
    window.pictures.set_split(Split.VAL)
    assert all(session.image(other).split is Split.VAL for other in session.keys)
    assert images.panel.splits[Split.VAL].isEnabled()
    act["Copy the paths"].trigger()
    lines = QGuiApplication.clipboard().text().splitlines()
    assert lines == [str(session.image(other).path) for other in session.keys]


def test_the_set_opens_at_the_picture_it_was_left_at(qtbot, window: MainWindow, small_demo: Path, demo: Path):
    window.label.images.go_to(key(6))
    open_set(qtbot, window, demo)
    assert at(window) == 0
    open_set(qtbot, window, small_demo)
    qtbot.waitUntil(lambda: at(window) == 6, timeout=5_000)


def test_letters_and_blanks_in_the_search_field_are_text(window: MainWindow):
    images, session = window.label.images, window.project.session
    press(window, Qt.Key_F, Qt.ControlModifier)
    assert images.search.hasFocus()
    QTest.keyClicks(images.search, "sss 7 ed")
    assert images.search.text() == "sss 7 ed" and at(window) == 0 and not session.history.undo_count
    QTest.keyClicks(images.search, "\b\b\b")
    QTest.keyClick(images.search, Qt.Key_Return)
    assert at(window) == 7 and window.label.canvas.hasFocus()
