"""Gestures on the canvas with raw mouse events (qtbot's mouse moves carry no buttons)."""

import pytest
from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt
from PyQt5.QtGui import QColor, QImage, QMouseEvent, QPainter, QWheelEvent
from PyQt5.QtWidgets import QApplication

from annotator.core.edits import SetBoxes
from annotator.core.viewport import Viewport
from annotator.qt import painting
from annotator.qt.canvas import Canvas, Mode
from annotator.qt.picture_view import PictureView
from converters.model import Box

A, B = Box((20, 20, 60, 60), "mask", origin=0), Box((100, 40, 160, 90), "no_mask", origin=1)
INNER = Box((30, 30, 50, 50), "no_mask")


def send(
    canvas: Canvas, kind: QEvent.Type, x: float, y: float, button=Qt.LeftButton, modifiers=Qt.NoModifier
):
    """A mouse event at a position in picture pixels."""
    at = canvas.viewport.to_view((x, y))
    held = Qt.NoButton if kind == QEvent.MouseButtonRelease else button
    shown = Qt.NoButton if kind == QEvent.MouseMove else button
    position = QPointF(*at)
    globally = QPointF(canvas.mapToGlobal(position.toPoint()))
    QApplication.sendEvent(canvas, QMouseEvent(kind, position, globally, shown, held, modifiers))


def drag(canvas: Canvas, start, *points, button=Qt.LeftButton):
    send(canvas, QEvent.MouseButtonPress, *start, button)
    for point in points:
        send(canvas, QEvent.MouseMove, *point, button)
    send(canvas, QEvent.MouseButtonRelease, *points[-1], button)


def click(canvas: Canvas, x, y, modifiers=Qt.NoModifier):
    send(canvas, QEvent.MouseButtonPress, x, y, modifiers=modifiers)
    send(canvas, QEvent.MouseButtonRelease, x, y, modifiers=modifiers)


@pytest.fixture
def canvas(qtbot):
    widget = Canvas()
    qtbot.addWidget(widget)
    widget.resize(824, 624)
    widget.class_names = ("mask", "no_mask")
    widget.current_label = "mask"
    widget.edits = []

    def take(edit: SetBoxes) -> None:
        widget.edits.append(edit)
        widget.set_boxes(edit.after)

    widget.edited.connect(take)
    image = QImage(200, 150, QImage.Format_RGB888)
    image.fill(QColor(90, 90, 90))
    widget.set_image("a", (A, B))
    widget.show_image(image)
    widget.show()
    return widget


def test_draw_by_drag_then_select_again(canvas):
    canvas.set_mode(Mode.DRAW_ONE)
    drag(canvas, (70, 100), (90, 120), (95.2, 130.4))
    (edit,) = canvas.edits
    assert edit.after[-1] == Box((70, 100, 95, 130), "mask") and edit.text == "add mask box"
    assert canvas.mode is Mode.SELECT and canvas.selected == {2}


def test_draw_by_two_clicks_and_stay_drawing(canvas):
    canvas.set_mode(Mode.DRAW_MANY)
    click(canvas, 70, 100)
    assert canvas.edits == []
    send(canvas, QEvent.MouseMove, 80, 110, Qt.NoButton)
    click(canvas, 90, 140)
    assert canvas.edits[0].after[-1].xyxy == (70, 100, 90, 140)
    assert canvas.mode is Mode.DRAW_MANY


def test_a_drag_makes_one_edit_on_release(canvas):
    send(canvas, QEvent.MouseButtonPress, 40, 40)
    for x in range(41, 60):
        send(canvas, QEvent.MouseMove, x, 40)
    assert canvas.edits == [] and canvas.shown_boxes()[0].xyxy == (39, 20, 79, 60)
    send(canvas, QEvent.MouseButtonRelease, 60, 40)
    (edit,) = canvas.edits
    assert edit.after[0].xyxy == (40, 20, 80, 60) and edit.after[0].origin == 0 and edit.text == "move box"


def test_resize_by_a_handle_of_the_selected_box(canvas):
    canvas.select(frozenset({1}))
    drag(canvas, (160, 90), (165, 95), (170, 99))
    assert canvas.edits[0].after[1].xyxy == (100, 40, 170, 99) and canvas.edits[0].text == "resize box"


def test_escape_gives_up_a_drag(canvas):
    send(canvas, QEvent.MouseButtonPress, 40, 40)
    send(canvas, QEvent.MouseMove, 90, 90)
    assert canvas.cancel_gesture()
    send(canvas, QEvent.MouseButtonRelease, 90, 90)
    assert canvas.edits == [] and canvas.shown_boxes() == (A, B)


def test_clicks_cycle_through_overlapping_boxes(canvas):
    canvas.set_image("a", (A, INNER))
    click(canvas, 40, 40)
    assert canvas.selected == {1}
    click(canvas, 40, 40)
    assert canvas.selected == {0}
    click(canvas, 40, 40)
    assert canvas.selected == {1}
    assert canvas.edits == []


def test_shift_click_selects_several_and_they_move_together(canvas):
    click(canvas, 40, 40)
    click(canvas, 130, 60, Qt.ShiftModifier)
    assert canvas.selected == {0, 1}
    drag(canvas, (40, 40), (45, 45), (50, 45))
    assert [box.xyxy[:2] for box in canvas.edits[0].after] == [(30, 25), (110, 45)]


def test_click_beside_deselects_and_drag_there_pans(canvas):
    canvas.select(frozenset({0}))
    before = canvas.viewport
    drag(canvas, (180, 120), (170, 110), (160, 100))
    assert canvas.selected == frozenset() and canvas.edits == []
    assert canvas.viewport != before


def test_a_slip_of_the_hand_draws_nothing(canvas):
    canvas.set_mode(Mode.DRAW_ONE)
    drag(canvas, (70, 100), (75, 100.2), (80, 100.4))
    assert canvas.edits == [] and canvas.mode is Mode.DRAW_ONE


def test_first_box_without_a_class_asks(canvas, qtbot):
    canvas.current_label = ""
    canvas.set_mode(Mode.DRAW_ONE)
    with qtbot.waitSignal(canvas.label_wanted) as blocker:
        drag(canvas, (70, 100), (90, 120))
    assert blocker.args == [(70, 100, 90, 120)] and canvas.edits == []


def test_keyboard_edits(canvas):
    canvas.cycle(1)
    assert canvas.selected == {0}
    canvas.cycle(-1)
    assert canvas.selected == {1}
    canvas.nudge(10, 0)
    canvas.resize_selected(-1, 0)
    canvas.resize_selected(1, 0, far_edges=False)
    assert canvas.boxes[1].xyxy == (111, 40, 169, 90)
    canvas.relabel_selected("mask")
    canvas.relabel_selected("mask")
    canvas.delete_selected()
    canvas.delete_selected()
    assert [edit.text for edit in canvas.edits] == [
        "nudge box", "nudge edge", "nudge edge", "relabel box as mask", "delete box",
    ]  # fmt: skip
    assert canvas.boxes == (A,)


def test_hidden_boxes_are_not_hit(canvas):
    canvas.show_boxes = False
    click(canvas, 40, 40)
    assert canvas.selected == frozenset()


def test_wheel_zooms_at_the_pointer(canvas):
    at = QPointF(*canvas.viewport.to_view((40, 40)))
    event = QWheelEvent(
        at, at, QPoint(), QPoint(0, 120), Qt.NoButton, Qt.ControlModifier, Qt.NoScrollPhase, False
    )
    before = canvas.viewport.scale
    QApplication.sendEvent(canvas, event)
    assert canvas.viewport.scale == pytest.approx(before * 1.25)
    assert canvas.viewport.to_view((40, 40)) == pytest.approx((at.x(), at.y()), abs=1)
    canvas.fit()
    assert canvas.viewport.scale == before
    canvas.zoom_to_actual()
    assert canvas.viewport.scale == 1


def test_every_drag_with_fractions_works(canvas):
    """Python floats where Qt wants ints have ended other tools."""
    canvas.zoom_by(1.37, (100.3, 77.7))
    for mode in Mode:
        canvas.set_mode(mode)
        drag(canvas, (33.3, 44.4), (40.1, 50.2), (55.5, 66.6))
        canvas.repaint()


def colours_near(image: QImage, xs, ys):
    return {QColor(image.pixel(x, y)).getRgb()[:3] for x in xs for y in ys}


def test_boxes_are_painted_where_they_are_in_their_colour(qtbot):
    image = QImage(200, 150, QImage.Format_RGB32)
    image.fill(Qt.black)
    view = PictureView()
    qtbot.addWidget(view)
    context = painting.PaintContext(Viewport(1, 0, 0), (200, 150), ("mask", "no_mask"), view.font(), False)
    painter = QPainter(image)
    painting.paint_boxes(painter, (A, B), context, frozenset({0}))
    painter.end()
    from converters.colours import class_colour

    assert class_colour(("mask", "no_mask"), "no_mask") in colours_near(image, range(98, 103), [70])
    assert class_colour(("mask", "no_mask"), "mask") in colours_near(image, range(18, 23), [50])
    assert (255, 255, 255) in colours_near(image, range(57, 64), range(57, 64))  # a handle
    assert QColor(image.pixel(180, 20)).getRgb()[:3] == (0, 0, 0)


def test_predictions_are_dashed_in_the_lighter_palette_and_say_whether_they_are_right(qtbot):
    from annotator.core.colours import MATCHED, WRONG, prediction_colour

    view = PictureView()
    qtbot.addWidget(view)
    guesses = (Box((20, 40, 90, 100), "mask", 0.9), Box((420, 40, 490, 100), "no_mask", 0.4))
    names = ("mask", "no_mask")
    colours = {}
    for labels in (False, True):
        image = QImage(600, 150, QImage.Format_RGB32)
        image.fill(Qt.black)
        context = painting.PaintContext(Viewport(1, 0, 0), (600, 150), names, view.font(), labels)
        painter = QPainter(image)
        painting.paint_predictions(painter, guesses, (True, False), context)
        painter.end()
        colours[labels] = [colours_near(image, range(x, x + 72), range(20, 104)) for x in (19, 419)]
    assert prediction_colour(names, "mask") in colours[False][0]
    assert prediction_colour(names, "no_mask") in colours[False][1]
    left, right = colours[True]

    def near(wanted, seen):
        return any(max(abs(a - b) for a, b in zip(wanted, c, strict=True)) < 40 for c in seen)

    assert near(MATCHED, left) and not near(WRONG, left) and near(WRONG, right)


def test_captions_stay_inside_the_view(qtbot):
    view = PictureView()
    qtbot.addWidget(view)
    image = QImage(120, 60, QImage.Format_RGB32)
    image.fill(Qt.black)
    context = painting.PaintContext(Viewport(1, 0, 0), (120, 60), ("mask",), view.font(), True)
    painter = QPainter(image)
    painting.paint_boxes(painter, (Box((100, 0, 119, 58), "mask"),), context)
    painter.end()
    assert any(QColor(image.pixel(x, 6)) != QColor(Qt.black) for x in range(60, 99))
