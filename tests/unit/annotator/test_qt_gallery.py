"""The gallery in the real window, by mouse and keys."""

from pathlib import Path

import pytest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QMouseEvent, QWheelEvent
from PyQt5.QtWidgets import QApplication

from annotator import messages
from annotator.core.edits import add_box
from annotator.core.gallery import Order, State
from annotator.qt.main_window import MainWindow
from annotator.qt.pages.gallery import GalleryPage
from annotator.settings import Settings
from converters.model import Box


@pytest.fixture
def window(qtbot, tmp_path: Path, small_demo: Path):
    messages.history.clear()
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=20_000)
    widget.open_path(small_demo)
    qtbot.waitUntil(lambda: widget.project is not None, timeout=20_000)
    qtbot.waitUntil(lambda: widget.label.canvas.has_picture, timeout=20_000)
    yield widget
    widget.undo_stack.clear()
    widget.close()


@pytest.fixture
def page(qtbot, window: MainWindow) -> GalleryPage:
    qtbot.keyClick(window.label.canvas, Qt.Key_G)
    assert window.tabs.currentWidget() is window.gallery
    qtbot.waitUntil(lambda: bool(window.gallery.view.hasFocus()))
    return window.gallery


def labels(page: GalleryPage) -> list[str]:
    return [tile.box.label for tile in page.wall.tiles]


def centre(page: GalleryPage, row: int) -> QPoint:
    grid = page.view.grid
    x, y = grid.place(row)
    return QPoint(x + grid.cell[0] // 2, y + grid.cell[1] // 2 - page.view.verticalScrollBar().value())


def mouse(page: GalleryPage, kind, at: QPoint, modifiers=Qt.NoModifier) -> None:
    button = Qt.NoButton if kind == QEvent.MouseMove else Qt.LeftButton
    held = Qt.NoButton if kind == QEvent.MouseButtonRelease else Qt.LeftButton
    target = page.view.viewport()
    place = QPointF(target.mapToGlobal(at))
    QApplication.sendEvent(target, QMouseEvent(kind, QPointF(at), place, button, held, modifiers))


def test_every_box_hangs_there_and_its_crop_is_made(qtbot, window, page):
    session = window.project.session
    count = sum(len(session.image(key).boxes) for key in session.keys)
    assert count > 5 and len(page.wall.tiles) == count
    first = page.wall.tiles[0].id
    qtbot.waitUntil(lambda: page.crops.crop(first) is not None, timeout=20_000)
    crop = page.crops.crop(first)
    assert abs(crop.width() - crop.height()) <= 1
    assert str(count) in page.bar.count.text() and session.image(first[0]).name in page.view.tooltip_of(0)


def test_a_digit_relabels_what_is_selected_in_one_edit_and_nothing_moves(qtbot, window, page):
    session, view = window.project.session, page.view
    before = labels(page)
    other = next(i for i, name in enumerate(session.class_names) if name != before[0])
    qtbot.mouseClick(view.viewport(), Qt.LeftButton, Qt.NoModifier, centre(page, 0))
    qtbot.mouseClick(view.viewport(), Qt.LeftButton, Qt.ShiftModifier, centre(page, 3))
    qtbot.keyClick(view, str(other + 1))
    name = session.class_names[other]
    assert labels(page) == [name] * 4 + before[4:] and session.history.undo_count == 1
    assert f"as {name}" in window.undo_stack.undoText()
    assert page.wall.tiles[0].state is State.RELABELLED and view.selection.rows == {0, 1, 2, 3}
    assert page.bar.refresh.isVisible()
    qtbot.keyClick(view, Qt.Key_Z, Qt.ControlModifier)
    assert window.tabs.currentWidget() is page, "an undo is seen here"
    qtbot.waitUntil(lambda: labels(page) == before)
    assert page.wall.changed == 0


def test_a_class_that_is_shown_alone_keeps_the_relabelled_until_a_refresh(qtbot, window, page):
    names = window.project.session.class_names
    page.bar.classes.setCurrentIndex(1)
    page.bar.classes.activated.emit(1)
    count = len(page.wall.tiles)
    assert count and set(labels(page)) == {names[0]}
    qtbot.keyClick(page.view, Qt.Key_Home)
    qtbot.keyClick(page.view, Qt.Key_2)
    assert len(page.wall.tiles) == count and labels(page)[0] == names[1]
    qtbot.keyClick(page.view, Qt.Key_R)
    assert len(page.wall.tiles) == count - 1 and set(labels(page)) == {names[0]}
    assert not page.bar.refresh.isVisible()


def test_delete_and_undo(qtbot, window, page):
    before = labels(page)
    qtbot.keyClick(page.view, Qt.Key_A, Qt.ControlModifier)
    assert len(page.view.selection.rows) == len(before)
    qtbot.keyClick(page.view, Qt.Key_Delete)
    session = window.project.session
    assert all(not session.image(key).boxes for key in session.keys)
    assert {tile.state for tile in page.wall.tiles} == {State.DELETED}
    qtbot.keyClick(page.view, Qt.Key_Z, Qt.ControlModifier)
    qtbot.waitUntil(lambda: page.wall.changed == 0)
    assert labels(page) == before


def test_enter_opens_the_box_and_esc_comes_back(qtbot, window, page):
    view, canvas = page.view, window.label.canvas
    qtbot.keyClick(view, Qt.Key_End)
    row = view.selection.current
    tile = page.wall.tiles[row]
    assert row == len(page.wall.tiles) - 1
    qtbot.keyClick(view, Qt.Key_Return)
    assert window.tabs.currentWidget() is window.label and window.label.key == tile.key
    assert canvas.selected == frozenset({tile.index})
    qtbot.waitUntil(lambda: canvas.has_picture and window.gallery_visit._zoom_to is None, timeout=20_000)
    qtbot.keyClick(canvas, Qt.Key_1 if tile.box.label != window.project.session.class_names[0] else Qt.Key_2)
    qtbot.keyClick(canvas, Qt.Key_Escape)
    assert window.tabs.currentWidget() is page and view.selection.current == row
    assert page.wall.tiles[row].state is State.RELABELLED
    mouse(page, QEvent.MouseButtonDblClick, centre(page, row))
    assert window.tabs.currentWidget() is window.label
    qtbot.keyClick(canvas, Qt.Key_G)
    assert window.tabs.currentWidget() is page and view.selection.current == row


def test_edits_elsewhere_are_followed_and_a_new_box_comes_last(qtbot, window, page):
    session, count = window.project.session, len(page.wall.tiles)
    key = session.keys[0]
    box = Box((1.0, 2.0, 20.0, 22.0), session.class_names[0])
    assert window.undo_stack.push(add_box(key, session.image(key).boxes, box))
    qtbot.waitUntil(lambda: len(page.wall.tiles) == count + 1)
    assert page.wall.tiles[-1].state is State.ADDED and page.wall.tiles[-1].box == box
    session.remove_images([key])
    assert all(tile.key != key for tile in page.wall.tiles) and page.wall.tiles


def test_a_rubber_band_selects(qtbot, window, page):
    start, end = centre(page, 0), centre(page, 1)
    mouse(page, QEvent.MouseButtonPress, start)
    mouse(page, QEvent.MouseMove, start + QPoint(40, 5))
    mouse(page, QEvent.MouseMove, end)
    mouse(page, QEvent.MouseButtonRelease, end)
    assert page.view.selection.rows == {0, 1}
    qtbot.keyClick(page.view, Qt.Key_Escape)
    assert not page.view.selection.rows


def test_space_shows_a_crop_large_until_esc(qtbot, window, page):
    qtbot.keyClick(page.view, Qt.Key_Home)
    qtbot.waitUntil(lambda: page.crops.crop(page.wall.tiles[0].id) is not None, timeout=20_000)
    corner, before = QPoint(2, 2), page.view.viewport().grab().toImage()
    qtbot.keyClick(page.view, Qt.Key_Space)
    large = page.view.viewport().grab().toImage()
    assert large.pixelColor(corner).lightness() < before.pixelColor(corner).lightness()
    qtbot.keyClick(page.view, Qt.Key_Right)
    assert page.view.viewport().grab().toImage() != large and page.view.selection.current == 1
    qtbot.keyClick(page.view, Qt.Key_Escape)
    assert page.view.selection.rows == {1}
    shown = page.view.viewport().grab().toImage()
    assert shown.pixelColor(corner) == before.pixelColor(corner)


def test_the_size_of_the_crops(qtbot, window, page):
    before = page.view.cell
    qtbot.keyClick(page.view, Qt.Key_Plus)
    assert page.view.cell > before and page.bar.slider.value() == page.view.cell
    at = QPointF(20, 20)
    wheel = QWheelEvent(
        at, at, QPoint(), QPoint(0, -240), Qt.NoButton, Qt.ControlModifier, Qt.NoScrollPhase, False
    )
    QApplication.sendEvent(page.view.viewport(), wheel)
    assert page.view.cell < before
    page.bar.slider.setValue(200)
    assert page.view.cell == 200


def test_unlike_first_is_worked_out_in_the_background(qtbot, window, page):
    page.bar.choose_order(Order.UNLIKE)
    page.bar.changed.emit()
    assert not page.bar.cancel.isHidden()
    qtbot.waitUntil(lambda: bool(page._unlike) and page._task is None, timeout=30_000)
    scores = [page._unlike[tile.id] for tile in page.wall.tiles]
    assert scores == sorted(scores, reverse=True) and page.bar.cancel.isHidden()
    assert "unlikeness" in page.view.tooltip_of(0)
    before, first = page._unlike, page.wall.tiles[0].id
    session = window.project.session
    other = next(i for i, name in enumerate(session.class_names) if name != labels(page)[0])
    qtbot.keyClick(page.view, Qt.Key_Home)
    qtbot.keyClick(page.view, str(other + 1))
    assert page.wall.tiles[0].id == first, "the order changes when the person wants it"
    qtbot.keyClick(page.view, Qt.Key_R)
    qtbot.waitUntil(lambda: page._unlike is not before and page._task is None, timeout=30_000)
    assert page._unlike[first] != before[first]
    assert page.wall.tiles[page.view.selection.current].id == first


def test_predictions_bring_an_order(qtbot, window, page):
    session = window.project.session
    key = next(key for key in reversed(session.keys) if session.image(key).boxes)
    box = session.image(key).boxes[-1]
    label = next(name for name in session.class_names if name != box.label)
    page.set_predictions({key: (Box(box.xyxy, label, confidence=0.9),)})
    page.bar.choose_order(Order.DISAGREEMENT)
    page.bar.changed.emit()
    assert page.wall.tiles[0].id == (key, box.xyxy) and "95 %" in page.view.tooltip_of(0)
