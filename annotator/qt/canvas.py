"""The canvas on which boxes are drawn, moved, resized and chosen. It shows the session, it holds nothing."""

from __future__ import annotations

from enum import Enum, auto

from PyQt5.QtCore import QEvent, QPoint, QPointF, QRect, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QContextMenuEvent, QFocusEvent, QHideEvent, QMouseEvent, QPainter
from PyQt5.QtWidgets import QWidget

from annotator.core import edits
from annotator.core.box_edits import Number, flag_boxes, resize_boxes, type_number
from annotator.core.gestures import BandGesture, DrawGesture, MoveGesture, ResizeGesture, move_boxes
from annotator.core.hit import Part, next_under
from annotator.core.suggestions import Suggestion
from annotator.qt import painting
from annotator.qt.box_view import BoxView
from annotator.qt.painting import PaintContext
from converters.model import Box

CLICK_SLACK = 4
"""A press and release no farther apart (view pixels) are a click, not a drag."""
EDGE_TICK = 30
"""Milliseconds between two steps of the picture while a drag is held beyond the view's edge."""
EDGE_STEP = 40
"""View pixels that it moves at most in one of them."""

_CURSORS = {
    Part.BODY: Qt.SizeAllCursor,
    Part.TOP_LEFT: Qt.SizeFDiagCursor,
    Part.BOTTOM_RIGHT: Qt.SizeFDiagCursor,
    Part.TOP_RIGHT: Qt.SizeBDiagCursor,
    Part.BOTTOM_LEFT: Qt.SizeBDiagCursor,
    Part.TOP: Qt.SizeVerCursor,
    Part.BOTTOM: Qt.SizeVerCursor,
    Part.LEFT: Qt.SizeHorCursor,
    Part.RIGHT: Qt.SizeHorCursor,
}


class Mode(Enum):
    """What a press on the canvas begins."""

    SELECT = auto()
    DRAW_ONE = auto()
    DRAW_MANY = auto()


class Canvas(BoxView):
    """The picture being labelled.

    Signals:
        edited: A SetBoxes edit that the person made (to be pushed on the undo stack).
        mode_changed: The new Mode.
        label_wanted: A box was drawn but there is no class yet; carries its xyxy.
        pointer_moved: Picture position under the pointer, or None.
    """

    edited = pyqtSignal(object)
    mode_changed = pyqtSignal(object)
    label_wanted = pyqtSignal(object)
    pointer_moved = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.StrongFocus)
        self.current_label = ""
        self.mode = Mode.SELECT
        self.show_crosshair = True
        self.suggestions: tuple[Suggestion, ...] = ()
        self.suggested: Suggestion | None = None
        self.visited: tuple[str, Box] | None = None
        self._gesture: DrawGesture | MoveGesture | ResizeGesture | BandGesture | None = None
        self._pressed_at: QPoint | None = None
        self._was_selected = False
        self._second_click = False
        self._pointer: QPointF | None = None
        self._edge_timer = QTimer(self)
        self._edge_timer.setInterval(EDGE_TICK)
        self._edge_timer.timeout.connect(self._follow_beyond_edge)

    # What is shown

    def set_image(self, key: str | None, boxes: tuple[Box, ...]) -> None:
        """Another picture's boxes; the picture itself follows with ``show_image``."""
        self.cancel_gesture()
        super().set_image(key, boxes)

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """The boxes after an edit; a drag of what was there before it is given up."""
        self.cancel_gesture()
        super().set_boxes(boxes)

    def show_visited(self, key: str, box: Box | None) -> None:
        """A prediction that the person came to look at, as long as this picture is shown; None: no more."""
        self.visited = (key, box) if box is not None else None
        self.update()

    def show_suggestions(self, found: tuple[Suggestion, ...], selected: Suggestion | None = None) -> None:
        """What a network suggests for this picture, and which of it keys act on."""
        if (found, selected) != (self.suggestions, self.suggested):
            self.suggestions, self.suggested = found, selected
            self.update()

    def set_mode(self, mode: Mode) -> None:
        """Select or draw."""
        self.cancel_gesture()
        self.mode = mode
        self.hover(None)
        self._show_cursor()
        self.mode_changed.emit(mode)
        self.update()

    @property
    def is_busy(self) -> bool:
        """Whether something is being dragged or drawn."""
        return self._gesture is not None

    def cancel_gesture(self) -> bool:
        """Give up what is being dragged; returns whether there was something."""
        active = self._gesture is not None
        self._gesture = None
        self._pressed_at = None
        self._second_click = False
        self._edge_timer.stop()
        if active:
            self.update()
        return active

    # By keyboard

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected boxes."""
        if self._may_edit():
            moved = move_boxes(self.boxes, self.selected, (dx, dy), self.picture_size)
            self._emit(edits.SetBoxes(str(self.key), self.boxes, moved, edits.NUDGE))

    def resize_selected(self, dx: float, dy: float, *, far_edges: bool = True) -> None:
        """Resize the selected boxes by their right and bottom (or left and top) edges."""
        if self._may_edit():
            size = self.picture_size
            self._emit(
                resize_boxes(str(self.key), self.boxes, self.selected, (dx, dy), size, far_edges=far_edges)
            )

    def delete_selected(self) -> None:
        """Delete the selected boxes."""
        if self._may_edit():
            self._emit(edits.delete_boxes(str(self.key), self.boxes, self.selected))

    def relabel_selected(self, label: str) -> None:
        """Give the selected boxes another class."""
        if self._may_edit():
            self._emit(edits.relabel_boxes(str(self.key), self.boxes, self.selected, label))

    def flag_selected(self, flag: str, on: bool) -> None:
        """Set or clear a flag of the selected boxes."""
        if self._may_edit():
            self._emit(flag_boxes(str(self.key), self.boxes, self.selected, flag, on))

    def type_number(self, number: Number, value: float) -> None:
        """Set one number of the selected box exactly."""
        if self._may_edit() and len(self.selected) == 1:
            index = min(self.selected)
            self._emit(type_number(str(self.key), self.boxes, index, number, value, self.picture_size))

    def _may_edit(self) -> bool:
        """Whether a key changes boxes now. Pressed in a drag, it gives the drag up first."""
        self.cancel_gesture()
        return self.key is not None and self.has_picture and bool(self.selected)

    def _emit(self, edit: edits.SetBoxes) -> None:
        if edit.changes_something:
            self.edited.emit(edit)

    # Painting

    def shown_boxes(self) -> tuple[Box, ...]:
        if isinstance(self._gesture, MoveGesture | ResizeGesture):
            return self._gesture.preview()
        return self.boxes

    def shown_selection(self) -> frozenset[int]:
        if isinstance(self._gesture, BandGesture):
            return self._gesture.result()
        return self.selected

    def is_dimmed(self) -> bool:
        return isinstance(self._gesture, DrawGesture)

    def still_state(self) -> tuple[object, ...]:
        return (*super().still_state(), self.suggestions, self.suggested, self.visited, self.key)

    def paint_still_layers(self, painter: QPainter, context: PaintContext) -> None:
        super().paint_still_layers(painter, context)
        painting.paint_suggestions(painter, self.suggestions, context, self.suggested)
        if self.visited is not None and self.visited[0] == self.key:
            painting.paint_predictions(painter, (self.visited[1],), None, context)

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        super().paint_layers(painter, context)
        if isinstance(self._gesture, DrawGesture):
            painting.paint_rubber_band(painter, self._gesture.xyxy, self.current_label, context)
        elif isinstance(self._gesture, BandGesture):
            painting.paint_band(painter, self._gesture.xyxy, context)
        if self.mode is not Mode.SELECT and self.show_crosshair and self._pointer is not None:
            painting.paint_crosshair(painter, self._pointer, context)

    # The mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        if not self.has_picture or event.button() != Qt.LeftButton:
            super().mousePressEvent(event)
            return
        if self.is_panning:
            return
        self._pressed_at = event.pos()
        if self.mode is Mode.SELECT:
            self._press_select(event)
        elif isinstance(self._gesture, DrawGesture):
            self._second_click = True
            self._gesture.move(self.to_image(event.pos()))
        else:
            self._gesture = DrawGesture(self.picture_size, self.to_image(event.pos()))
        self.update()

    def _press_select(self, event: QMouseEvent) -> None:
        point = self.to_image(event.pos())
        if event.modifiers() & (Qt.ShiftModifier | Qt.ControlModifier):
            self._gesture = BandGesture(self.boxes if self.show_boxes else (), self.selected, point)
            return
        hit = self.hit(event.pos())
        if hit is None:
            self.select(frozenset())
            self.start_pan(event.pos())
            return
        self._was_selected = hit.index in self.selected
        if not self._was_selected:
            self.select(frozenset({hit.index}))
        if hit.part is Part.BODY:
            self._gesture = MoveGesture(self.picture_size, self.boxes, self.selected, point)
        else:
            self._gesture = ResizeGesture(self.picture_size, self.boxes, hit.index, hit.part, point)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        before, self._pointer = self._pointer, QPointF(event.pos())
        self.pointer_moved.emit(self.to_image(event.pos()) if self.has_picture else None)
        if self.is_panning:
            super().mouseMoveEvent(event)
            return
        if self._gesture is not None and not isinstance(self._gesture, DrawGesture):
            if not event.buttons() & Qt.LeftButton:
                self.cancel_gesture()  # the release went to somebody else: nothing was meant
            elif self._is_drag(event.pos()):
                self._drag_to(event.pos())
                self._watch_edge(event.pos())
            return
        if isinstance(self._gesture, DrawGesture):
            self._drag_to(event.pos())
            if event.buttons() & Qt.LeftButton:
                self._watch_edge(event.pos())
        elif self.mode is Mode.SELECT:
            self._hover(event.pos())
        if self.mode is not Mode.SELECT:
            self._update_crosshair(before, self._pointer)

    def _drag_to(self, at: QPoint) -> None:
        if self._gesture is None:
            return
        if isinstance(self._gesture, MoveGesture | ResizeGesture):
            self._gesture.move(self.to_image(at))
            self.update_special()
            return
        area = self._band_area(self._gesture)
        self._gesture.move(self.to_image(at))
        self.update(area.united(self._band_area(self._gesture)))
        if isinstance(self._gesture, BandGesture):
            self.update()  # which boxes are selected changes anywhere

    def _band_area(self, gesture: DrawGesture | BandGesture) -> QRect:
        label = Box(gesture.xyxy, f"{self.current_label}  00000 × 00000")
        return painting.special_area((label,), self.paint_context()).toAlignedRect()

    def _update_crosshair(self, before: QPointF | None, now: QPointF) -> None:
        if not self.show_crosshair:
            return
        for point in (before, now):
            if point is not None:
                self.update(QRect(0, int(point.y()) - 2, self.width(), 5))
                self.update(QRect(int(point.x()) - 2, 0, 5, self.height()))

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.is_panning or event.button() != Qt.LeftButton:
            super().mouseReleaseEvent(event)
            return
        self._edge_timer.stop()
        dragged = self._is_drag(event.pos())
        gesture = self._gesture
        if isinstance(gesture, DrawGesture):
            if dragged or self._second_click:
                gesture.move(self.to_image(event.pos()))
                self._finish_drawing(gesture)
            # else: the first of two clicks; the box follows the pointer until the second
            return
        self._gesture = None
        self._pressed_at = None
        if isinstance(gesture, BandGesture):
            self._finish_band(gesture, event.pos(), dragged)
        elif gesture is not None and self.key is not None:
            self._finish_drag(gesture, event.pos(), dragged)
        self.update()

    def _finish_drag(self, gesture: MoveGesture | ResizeGesture, at: QPoint, dragged: bool) -> None:
        if dragged:
            gesture.move(self.to_image(at))
            text = "move box" if isinstance(gesture, MoveGesture) else "resize box"
            if isinstance(gesture, MoveGesture) and len(gesture.indices) > 1:
                text = f"move {len(gesture.indices)} boxes"
            self._emit(edits.SetBoxes(str(self.key), self.boxes, gesture.preview(), text))
        elif self._was_selected and isinstance(gesture, MoveGesture):
            # A click on a selected box takes the next one that lies under it.
            current = min(self.selected) if len(self.selected) == 1 else None
            index = next_under(self.boxes, self.to_image(at), current, self.reach)
            if index is not None:
                self.select(frozenset({index}))

    def _finish_band(self, gesture: BandGesture, at: QPoint, dragged: bool) -> None:
        if dragged:
            gesture.move(self.to_image(at))
            self.select(gesture.result())
        elif under := self.boxes_under(at):
            self.select(self.selected ^ {under[0]})

    def _finish_drawing(self, gesture: DrawGesture) -> None:
        self.cancel_gesture()
        xyxy = gesture.result()
        if xyxy is not None and self.key is not None:
            if self.current_label:
                self._emit(edits.add_box(self.key, self.boxes, Box(xyxy, self.current_label)))
            else:
                self.label_wanted.emit(xyxy)
            if self.mode is Mode.DRAW_ONE:
                self.set_mode(Mode.SELECT)
        self.update()

    def _is_drag(self, at: QPoint) -> bool:
        if self._pressed_at is None:
            return False
        return (at - self._pressed_at).manhattanLength() > CLICK_SLACK

    def _hover(self, at: QPoint) -> None:
        hit = self.hit(at) if self.has_picture else None
        self.hover(hit.index if hit is not None else None)
        if hit is None:
            self.setCursor(Qt.ArrowCursor)
        else:
            part = hit.part if hit.index in self.selected else None
            self.setCursor(_CURSORS[part] if part is not None else Qt.PointingHandCursor)

    def _show_cursor(self) -> None:
        self.setCursor(Qt.ArrowCursor if self.mode is Mode.SELECT else Qt.CrossCursor)

    # A drag beyond the view's edge moves the picture along

    def _watch_edge(self, at: QPoint) -> None:
        if self.rect().contains(at) or self._fitted:
            self._edge_timer.stop()
        elif not self._edge_timer.isActive():
            self._edge_timer.start()

    def _follow_beyond_edge(self) -> None:
        if self._gesture is None or self._pointer is None:
            self._edge_timer.stop()
            return
        x, y = self._pointer.x(), self._pointer.y()
        dx = -_overshoot(x, self.width())
        dy = -_overshoot(y, self.height())
        # The picture is moved no farther than its own edge: there is nothing to label beyond.
        left, top, right, bottom = self.viewport.box_to_view((0, 0, *self.picture_size))
        dx = max(min(dx, max(-left, 0.0)), min(self.width() - right, 0.0))
        dy = max(min(dy, max(-top, 0.0)), min(self.height() - bottom, 0.0))
        if dx or dy:
            self._pan_by(dx, dy)
            self._drag_to(self._pointer.toPoint())

    # Other events

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self.pointer_moved.emit(None)
        if self.mode is not Mode.SELECT:
            self.update()
        super().leaveEvent(event)

    def focusOutEvent(self, event: QFocusEvent) -> None:
        # Another window came up in the middle of a drag: its end will not be told to us.
        if event.reason() in (Qt.ActiveWindowFocusReason, Qt.PopupFocusReason) and self.is_busy:
            self.cancel_gesture()
        super().focusOutEvent(event)

    def hideEvent(self, event: QHideEvent) -> None:
        self.cancel_gesture()
        super().hideEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        if self.cancel_gesture():
            event.accept()  # a right click takes back what is being drawn
            return
        hit = self.hit(event.pos()) if self.has_picture else None
        if hit is not None and hit.index not in self.selected:
            self.select(frozenset({hit.index}))
        # The window builds the menu: it knows the classes and the actions.
        event.ignore()


def _overshoot(value: float, room: int) -> float:
    """How far (at most ``EDGE_STEP``) a position lies outside 0 to ``room``, with its sign."""
    beyond = min(value, 0.0) + max(value - room, 0.0)
    return min(max(beyond, -EDGE_STEP), EDGE_STEP)
