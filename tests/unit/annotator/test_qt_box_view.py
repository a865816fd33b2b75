"""The canvas in odd moments, its zoom, the list of boxes and the panel of the selected one."""

import pytest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import (
    QColor,
    QContextMenuEvent,
    QFocusEvent,
    QImage,
    QMouseEvent,
    QPainter,
    QWheelEvent,
)
from PyQt5.QtWidgets import QApplication

from annotator.core.edits import SetBoxes
from annotator.qt.box_list import BoxList
from annotator.qt.box_rows import BoxRows
from annotator.qt.canvas import Canvas, Mode
from converters.colours import ClassColours
from converters.model import Box

NAMES = ("mask", "no_mask")
A, B, C = Box((20, 20, 60, 60), "mask"), Box((100, 40, 160, 90), "no_mask"), Box((10, 100, 20, 112), "mask")
PRESS, MOVE, RELEASE = QEvent.MouseButtonPress, QEvent.MouseMove, QEvent.MouseButtonRelease


def picture(width=200, height=150) -> QImage:
    image = QImage(width, height, QImage.Format_RGB888)
    image.fill(QColor(90, 90, 90))
    return image


@pytest.fixture
def canvas(qtbot):
    widget = Canvas()
    qtbot.addWidget(widget)
    widget.resize(824, 624)
    widget.class_names, widget.current_label = NAMES, "mask"
    widget.edits = []

    def take(edit: SetBoxes) -> None:
        widget.edits.append(edit)
        widget.set_boxes(edit.after)

    widget.edited.connect(take)
    widget.set_image("a", (A, B, C))
    widget.show_image(picture())
    widget.show()
    return widget


def send(canvas, kind, x, y, buttons=Qt.LeftButton, modifiers=Qt.NoModifier, button=Qt.LeftButton):
    """A mouse event at a position in picture pixels, with what is held while it happens."""
    position = QPointF(*canvas.viewport.to_view((x, y)))
    shown = Qt.NoButton if kind == MOVE else button
    held = Qt.NoButton if kind == RELEASE else buttons
    globally = QPointF(canvas.mapToGlobal(position.toPoint()))
    QApplication.sendEvent(canvas, QMouseEvent(kind, position, globally, shown, held, modifiers))


def wheel(canvas, pixels=QPoint(), angle=QPoint(), modifiers=Qt.NoModifier):  # noqa: B008
    at = QPointF(300, 300)
    event = QWheelEvent(at, at, pixels, angle, Qt.NoButton, modifiers, Qt.NoScrollPhase, False)
    QApplication.sendEvent(canvas, event)


def test_a_band_with_shift_selects_and_adds(canvas):
    canvas.select(frozenset({1}))
    send(canvas, PRESS, 5, 90, modifiers=Qt.ShiftModifier)
    send(canvas, MOVE, 30, 120, modifiers=Qt.ShiftModifier)
    assert canvas.shown_selection() == {1, 2} and canvas.selected == {1}
    send(canvas, RELEASE, 30, 120, modifiers=Qt.ShiftModifier)
    assert canvas.selected == {1, 2} and canvas.edits == []


def test_del_in_a_drag_gives_the_drag_up_and_deletes_once(canvas):
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 50, 50)
    canvas.delete_selected()
    send(canvas, MOVE, 60, 60)
    send(canvas, RELEASE, 60, 60)
    assert [edit.text for edit in canvas.edits] == ["delete box"] and canvas.boxes == (B, C)
    assert canvas.selected == frozenset()


def test_boxes_that_change_in_a_drag_end_it(canvas):
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 50, 50)
    canvas.set_boxes((A, B))
    send(canvas, RELEASE, 60, 60)
    assert canvas.edits == [] and canvas.boxes == (A, B)


def test_another_picture_in_a_drag_ends_it(canvas):
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 50, 50)
    canvas.set_image("b", (B,))
    send(canvas, MOVE, 55, 55)
    send(canvas, RELEASE, 60, 60)
    assert canvas.edits == [] and canvas.boxes == (B,) and not canvas.is_busy


def test_a_release_that_was_lost_changes_nothing(canvas):
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 50, 50)
    send(canvas, MOVE, 90, 90, buttons=Qt.NoButton)
    assert not canvas.is_busy and canvas.edits == [] and canvas.shown_boxes() == (A, B, C)


def test_another_window_in_a_drag_ends_it(canvas):
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 50, 50)
    QApplication.sendEvent(canvas, QFocusEvent(QEvent.FocusOut, Qt.ActiveWindowFocusReason))
    assert not canvas.is_busy


def test_a_drag_that_leaves_the_window_stays_in_the_picture(canvas):
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 900, 40)
    send(canvas, RELEASE, 900, 40)
    assert canvas.edits[0].after[0].xyxy == (160, 20, 200, 60)


def test_a_right_click_takes_back_what_is_being_drawn(canvas):
    canvas.set_mode(Mode.DRAW_ONE)
    send(canvas, PRESS, 70, 100)
    send(canvas, RELEASE, 70, 100)
    event = QContextMenuEvent(QContextMenuEvent.Mouse, QPoint(5, 5), QPoint(5, 5))
    QApplication.sendEvent(canvas, event)
    assert not canvas.is_busy and canvas.mode is Mode.DRAW_ONE


def test_the_middle_button_pans_in_the_middle_of_a_drag(canvas):
    both = Qt.LeftButton | Qt.MiddleButton
    send(canvas, PRESS, 40, 40)
    send(canvas, MOVE, 45, 40)
    before = canvas.viewport
    send(canvas, PRESS, 45, 40, buttons=both, button=Qt.MiddleButton)
    send(canvas, MOVE, 50, 45, buttons=both)
    send(canvas, RELEASE, 50, 45, button=Qt.MiddleButton)
    assert canvas.viewport != before and canvas.is_busy
    send(canvas, MOVE, 50, 40)
    send(canvas, RELEASE, 50, 40)
    assert canvas.edits[0].after[0].xyxy == (30, 20, 70, 60)


def test_a_box_one_pixel_outside_keeps_its_place_when_another_edge_is_moved(canvas):
    outside = Box((150, 50, 201, 100), "mask")
    canvas.set_image("a", (outside,))
    canvas.select(frozenset({0}))
    send(canvas, PRESS, 201, 50)
    send(canvas, MOVE, 201, 60)
    send(canvas, RELEASE, 201, 60)
    assert canvas.edits[0].after[0].xyxy == (150, 60, 201, 100)


def test_a_face_of_three_view_pixels_can_be_grabbed(canvas):
    tiny = Box((100, 100, 104, 104), "mask")
    canvas.set_image("a", (tiny,))
    canvas.zoom_by(0.5 / canvas.viewport.scale)
    send(canvas, PRESS, 106, 106)
    send(canvas, RELEASE, 106, 106)
    assert canvas.selected == {0}


def test_z_walks_from_box_to_box_and_fit_begins_anew(canvas, qtbot):
    with qtbot.waitSignal(canvas.stepped) as told:
        canvas.zoom_to_selected()
    assert told.args == [1, 3] and canvas.selected == {0}
    middle = canvas.viewport.to_view((40, 40))
    assert middle == pytest.approx((412, 312), abs=2)
    seen = []
    for by in (1, 1, -1, -1):
        canvas.zoom_to_selected(by)
        seen.append(min(canvas.selected))
    assert seen == [1, 2, 1, 0]
    canvas.fit()
    canvas.zoom_to_selected()
    assert canvas.selected == {0} and canvas.edits == []


def test_tab_brings_a_box_into_sight(canvas):
    canvas.select(frozenset({0}))
    canvas.zoom_to_selected()
    canvas.cycle(1)
    x1, y1, x2, y2 = canvas.viewport.box_to_view(B.xyxy)
    assert x1 < canvas.width() and y1 < canvas.height() and x2 > 0 and y2 > 0


def test_zoom_is_kept_from_picture_to_picture_where_wanted(canvas):
    fitted = canvas.viewport
    canvas.zoom_by(3, (100, 100))
    zoomed = canvas.viewport
    canvas.show_image(picture())  # the same picture, read again
    assert canvas.viewport == zoomed
    canvas.set_image("b", ())
    canvas.show_image(picture())
    assert canvas.viewport == fitted
    canvas.keep_zoom = True
    canvas.zoom_by(3, (100, 100))
    canvas.set_image("c", ())
    canvas.show_image(picture())
    assert canvas.viewport == zoomed
    canvas.set_image("d", ())
    canvas.show_image(picture(400, 300))
    assert canvas.viewport.scale == zoomed.scale
    centre = zoomed.to_image((412, 312))
    assert canvas.viewport.to_image((412, 312)) == pytest.approx((2 * centre[0], 2 * centre[1]), abs=30)


def test_a_touchpad_scrolls_by_its_pixels_and_a_wheel_by_notches(canvas):
    canvas.zoom_by(4)
    left, top = canvas.viewport.left, canvas.viewport.top
    wheel(canvas, pixels=QPoint(7, -5), angle=QPoint(56, -40))
    assert (canvas.viewport.left - left, canvas.viewport.top - top) == (7, -5)
    wheel(canvas, angle=QPoint(0, 120))
    assert canvas.viewport.top - top == 55
    wheel(canvas, angle=QPoint(0, 120), modifiers=Qt.ShiftModifier)
    assert canvas.viewport.left - left == 67


def test_what_stays_is_painted_once_in_a_drag(canvas, monkeypatch):
    canvas.repaint()
    made = []
    original = Canvas.paint_still_layers

    def count(self, painter, context):
        made.append(1)
        original(self, painter, context)

    monkeypatch.setattr(Canvas, "paint_still_layers", count)
    canvas.select(frozenset({0}))
    canvas.repaint()
    made.clear()
    send(canvas, PRESS, 40, 40)
    for step in range(10):
        send(canvas, MOVE, 50 + step, 40)
        canvas.repaint()
    assert made == []
    send(canvas, RELEASE, 60, 40)
    canvas.repaint()
    assert canvas.edits[0].after[0].xyxy == (40, 20, 80, 60) and made == []


def test_what_was_dragged_over_is_painted_as_before(canvas):
    before = canvas.grab().toImage()
    send(canvas, PRESS, 40, 40)
    for x in range(41, 120, 5):
        send(canvas, MOVE, x, x)
        canvas.repaint()
    canvas.cancel_gesture()
    canvas.select(frozenset())
    canvas.hover(None)
    QApplication.processEvents()
    assert canvas.grab().toImage() == before


def test_a_large_picture_is_averaged_where_it_is_shrunk(canvas, qtbot):
    """Every second column black: shown small it is grey everywhere, not black or white by chance."""
    stripes = QImage(4000, 3000, QImage.Format_RGB888)
    stripes.fill(QColor("white"))
    painter = QPainter(stripes)
    for x in range(0, 4000, 2):
        painter.fillRect(x, 0, 1, 3000, QColor("black"))
    painter.end()
    canvas.set_image("large", ())
    with qtbot.waitSignal(canvas._shrinker.ready, timeout=10_000):
        canvas.show_image(stripes)
        canvas.repaint()
    shown = canvas.grab().toImage()
    values = [QColor(shown.pixel(x, 300)).red() for x in range(100, 700)]
    assert max(values) - min(values) < 30 and 90 < values[0] < 200


# The list and the panel


@pytest.fixture
def side(qtbot):
    widget = BoxList()
    qtbot.addWidget(widget)
    widget.resize(260, 600)
    widget.set_classes(ClassColours(NAMES), "mask")
    widget.set_boxes((A, B, C))
    widget.set_selection(frozenset({1}), (A, B, C), (200, 150))
    widget.show()
    return widget


def test_numbers_of_the_selected_box_are_typed(side, qtbot):
    field = side.panel._fields["width"]
    assert field.text() == "60"
    field.setFocus()
    field.selectAll()
    with qtbot.waitSignal(side.number_typed) as typed:
        qtbot.keyClicks(field, "61.5")
        qtbot.keyClick(field, Qt.Key_Return)
    assert typed.args == ["width", 61.5]
    field.selectAll()
    qtbot.keyClicks(field, "9")
    side.panel.give_up_typing()
    assert field.text() == "60"


def test_the_panel_keeps_its_height(side):
    height = side.panel.height()
    for selected in (frozenset(), frozenset({0, 2}), frozenset({0})):
        side.set_selection(selected, (A, B, C), (200, 150))
        QApplication.processEvents()
        assert side.panel.height() == height
    assert side.panel.at_network.text() == "At 416 × 416: 83 × 83 px"
    side.set_network_size(100, 100)
    assert side.panel.at_network.text() == "At 100 × 100: 20 × 20 px"


def test_flags_are_shown_and_toggled(side, qtbot):
    flagged = A.flagged(frozenset({"difficult"}))
    side.set_kept_flags({"difficult", "truncated"}, "Pascal VOC")
    side.set_selection(frozenset({0, 1}), (flagged, B), (200, 150))
    box = side.panel._flags["difficult"]
    assert box.checkState() == Qt.PartiallyChecked
    with qtbot.waitSignal(side.flag_wanted) as wanted:
        box.click()
    assert wanted.args == ["difficult", True]
    side.set_selection(frozenset({0}), (flagged, B), (200, 150))
    assert box.checkState() == Qt.Checked
    with qtbot.waitSignal(side.flag_wanted) as wanted:
        box.click()
    assert wanted.args == ["difficult", False]
    assert not side.panel._flags["crowd"].isEnabled() and side.panel._flags["truncated"].isEnabled()


def test_rows_follow_the_canvas_and_the_canvas_the_rows(side, qtbot):
    chosen = []
    side.selection_changed.connect(chosen.append)
    side.set_selection(frozenset({0, 2}), (A, B, C), (200, 150))
    assert chosen == [] and {i.row() for i in side.boxes.selectedIndexes()} == {0, 2}
    qtbot.mouseClick(
        side.boxes.viewport(), Qt.LeftButton, pos=side.boxes.visualRect(side.boxes.rows.index(1)).center()
    )
    assert chosen == [frozenset({1})]
    side.set_hovered(2)
    assert side.boxes.hovered == 2


def test_the_rows_are_a_sound_model(qtmodeltester):
    rows = BoxRows()
    rows.set_boxes((A, B))
    qtmodeltester.check(rows)
    rows.set_boxes((A,))
    rows.set_boxes((B,))
    assert rows.index(0).data() == "no_mask  60 × 50"
