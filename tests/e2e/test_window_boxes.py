"""Boxes by keyboard in the real window: classes by digit, copies, edges, numbers, flags, undo in a drag."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import QEvent, QPointF, Qt
from PyQt5.QtGui import QMouseEvent
from PyQt5.QtWidgets import QApplication

from annotator import messages
from annotator.qt.canvas import Mode
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings

NONE, SHIFT, CTRL, ALT = Qt.NoModifier, Qt.ShiftModifier, Qt.ControlModifier, Qt.AltModifier


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
def press(qtbot, window: MainWindow):
    return lambda key, modifiers=NONE: qtbot.keyClick(window.label.canvas, key, modifiers)


def mouse(window: MainWindow, kind: QEvent.Type, x: float, y: float) -> None:
    canvas = window.label.canvas
    at = QPointF(*canvas.viewport.to_view((x, y)))
    button = Qt.NoButton if kind == QEvent.MouseMove else Qt.LeftButton
    held = Qt.NoButton if kind == QEvent.MouseButtonRelease else Qt.LeftButton
    event = QMouseEvent(kind, at, QPointF(canvas.mapToGlobal(at.toPoint())), button, held, NONE)
    QApplication.sendEvent(canvas, event)


def drag(window: MainWindow, start, end) -> None:
    mouse(window, QEvent.MouseButtonPress, *start)
    mouse(window, QEvent.MouseMove, *end)
    mouse(window, QEvent.MouseButtonRelease, *end)


def test_shift_and_a_digit_draws_a_class_and_stays(window, press):
    canvas = window.label.canvas
    press(Qt.Key_2, SHIFT)
    drag(window, (10, 200), (30, 220))
    drag(window, (40, 200), (60, 220))
    assert canvas.mode is Mode.DRAW_MANY
    assert [box.label for box in canvas.boxes[-2:]] == ["without_mask"] * 2
    press(Qt.Key_1)
    assert [box.label for box in canvas.boxes[-2:]] == ["without_mask", "with_mask"]
    assert canvas.current_label == "without_mask", "a digit changes what is selected, else the next box"
    press(Qt.Key_Escape)
    press(Qt.Key_Escape)
    press(Qt.Key_1)
    assert canvas.current_label == "with_mask" and canvas.boxes[-2].label == "without_mask"


def test_copies_lie_aside_and_the_previous_boxes_come_once(window, press):
    canvas, session = window.label.canvas, window.project.session
    press(Qt.Key_Tab)
    press(Qt.Key_C, CTRL)
    before = canvas.boxes
    for _ in range(3):
        press(Qt.Key_V, CTRL)
    press(Qt.Key_D, CTRL)
    assert len({box.xyxy for box in canvas.boxes}) == len(before) + 4
    assert canvas.selected == {len(before) + 3}
    press(Qt.Key_Escape)
    press(Qt.Key_D)
    there = canvas.boxes
    press(Qt.Key_Y)
    assert len(canvas.boxes) > len(there)
    press(Qt.Key_Y)
    count = len(canvas.boxes)
    press(Qt.Key_Y)
    assert len(canvas.boxes) == count
    assert window.undo_stack.undoText() == "boxes of the previous picture"
    press(Qt.Key_Z, CTRL)
    assert canvas.boxes == there and session.image(window.label.key).boxes == there


def test_edges_by_keys_are_one_step_and_numbers_are_typed(window, press, qtbot):
    canvas, panel = window.label.canvas, window.label.boxes.panel
    press(Qt.Key_Tab)
    (index,) = canvas.selected
    before = canvas.boxes[index].xyxy
    for _ in range(3):
        press(Qt.Key_Left, CTRL)
    press(Qt.Key_Left, CTRL | SHIFT)
    assert canvas.boxes[index].xyxy == (*before[:2], before[2] - 13, before[3])
    press(Qt.Key_Right, ALT)
    press(Qt.Key_Z, CTRL)
    assert canvas.boxes[index].xyxy == before
    field = panel._fields["x"]
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "3.5")
    qtbot.keyClick(field, Qt.Key_Return)
    assert canvas.boxes[index].xyxy[0] == 3.5 and canvas.boxes[index].width == before[2] - before[0]
    field.selectAll()
    qtbot.keyClicks(field, "7")
    qtbot.keyClick(field, Qt.Key_Escape)
    assert canvas.hasFocus() and canvas.boxes[index].xyxy[0] == 3.5


def test_a_flag_is_in_the_file_and_can_be_taken_back(window, press, qtbot):
    canvas, session = window.label.canvas, window.project.session
    path = session.image(window.label.key).annotation
    press(Qt.Key_Tab)
    (index,) = canvas.selected
    flagged = canvas.boxes[index].flags
    window.label.boxes.panel._flags["truncated"].click()
    assert canvas.boxes[index].flags == flagged ^ {"truncated"} and canvas.selected == {index}
    qtbot.waitUntil(lambda: not session.dirty_keys, timeout=20_000)
    assert b"<truncated>1</truncated>" in path.read_bytes()
    press(Qt.Key_Z, CTRL)
    assert canvas.boxes[index].flags == flagged


def test_undo_in_a_drag_takes_back_the_drag_alone(window, press):
    canvas = window.label.canvas
    press(Qt.Key_Tab)
    press(Qt.Key_Right)
    nudged = canvas.boxes
    (index,) = canvas.selected
    x1, y1, x2, y2 = canvas.boxes[index].xyxy
    middle = ((x1 + x2) / 2, (y1 + y2) / 2)
    mouse(window, QEvent.MouseButtonPress, *middle)
    mouse(window, QEvent.MouseMove, middle[0] + 30, middle[1])
    press(Qt.Key_Z, CTRL)
    mouse(window, QEvent.MouseButtonRelease, middle[0] + 30, middle[1])
    assert canvas.boxes == nudged
    press(Qt.Key_Z, CTRL)
    assert canvas.boxes != nudged


def test_the_kept_zoom_is_remembered(window, press, qtbot):
    window.actions_by_name["keep_zoom"].trigger()
    assert window.label.canvas.keep_zoom and window.settings.get("keep_zoom") is True
    press(Qt.Key_Plus)
    scale = window.label.canvas.viewport.scale
    press(Qt.Key_D)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=20_000)
    assert window.label.canvas.viewport.scale == scale
