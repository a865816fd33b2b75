"""The canvas on which boxes are drawn, moved, resized and chosen. It shows the session, it holds nothing."""

from __future__ import annotations

from enum import Enum, auto

from PyQt5.QtCore import QEvent, QPoint, QPointF, Qt, pyqtSignal
from PyQt5.QtGui import QContextMenuEvent, QMouseEvent, QPainter
from PyQt5.QtWidgets import QWidget

from annotator.core import edits
from annotator.core.gestures import DrawGesture, MoveGesture, ResizeGesture, move_boxes, resize_by
from annotator.core.hit import Hit, Part, boxes_at, hit_test, next_under
from annotator.core.viewport import Viewport
from annotator.qt import painting
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from converters.model import Box

HANDLE_REACH = 9.0
"""How near (view pixels) the pointer must come to a handle."""
CLICK_SLACK = 4
"""A press and release no farther apart (view pixels) are a click, not a drag."""

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


class Canvas(PictureView):
    """The picture being labelled.

    Signals:
        edited: A SetBoxes edit that the person made (to be pushed on the undo stack).
        selection_changed: Indices of the selected boxes.
        mode_changed: The new Mode.
        label_wanted: A box was drawn but there is no class yet; carries its xyxy.
        pointer_moved: Picture position under the pointer, or None.
    """

    edited = pyqtSignal(object)
    selection_changed = pyqtSignal(object)
    mode_changed = pyqtSignal(object)
    label_wanted = pyqtSignal(object)
    pointer_moved = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFocusPolicy(Qt.StrongFocus)
        self.key: str | None = None
        self.boxes: tuple[Box, ...] = ()
        self.current_label = ""
        self.selected: frozenset[int] = frozenset()
        self.mode = Mode.SELECT
        self.show_boxes = True
        self.show_crosshair = True
        self._gesture: DrawGesture | MoveGesture | ResizeGesture | None = None
        self._pressed_at: QPoint | None = None
        self._was_selected = False
        self._second_click = False
        self._hovered: int | None = None
        self._pointer: QPointF | None = None

    # What is shown

    def set_image(self, key: str | None, boxes: tuple[Box, ...]) -> None:
        """Another picture's boxes; the picture itself follows with ``show_image``."""
        self.cancel_gesture()
        self.key = key
        self.boxes = boxes
        self._hovered = None
        self.select(frozenset())
        self.update()

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """The boxes after an edit; the selection stays where it still means something."""
        if len(boxes) > len(self.boxes):
            self.selected = frozenset(range(len(self.boxes), len(boxes)))
        self.boxes = boxes
        self.select(frozenset(index for index in self.selected if index < len(boxes)))
        self._hovered = None
        self.update()

    def select(self, indices: frozenset[int]) -> None:
        """Select these boxes."""
        self.selected = indices
        self.selection_changed.emit(indices)
        self.update()

    def set_mode(self, mode: Mode) -> None:
        """Select or draw."""
        if self._gesture is not None:
            self.cancel_gesture()
        self.mode = mode
        self.setCursor(Qt.ArrowCursor if mode is Mode.SELECT else Qt.CrossCursor)
        self.mode_changed.emit(mode)
        self.update()

    def cancel_gesture(self) -> bool:
        """Give up what is being dragged; returns whether there was something."""
        active = self._gesture is not None
        self._gesture = None
        self._pressed_at = None
        self._second_click = False
        self.update()
        return active

    # By keyboard

    def cycle(self, step: int) -> None:
        """Select the next (1) or previous (-1) box."""
        if not self.boxes:
            return
        current = min(self.selected) if self.selected else (-1 if step > 0 else 0)
        self.select(frozenset({(current + step) % len(self.boxes)}))

    def select_all(self) -> None:
        """Select every box."""
        self.select(frozenset(range(len(self.boxes))))

    def nudge(self, dx: float, dy: float) -> None:
        """Move the selected boxes."""
        if self.key is not None:
            moved = move_boxes(self.boxes, self.selected, (dx, dy), self.picture_size)
            self._emit(edits.SetBoxes(self.key, self.boxes, moved, "nudge box"))

    def resize_selected(self, dx: float, dy: float, *, far_edges: bool = True) -> None:
        """Resize the selected boxes by their right and bottom (or left and top) edges."""
        if self.key is None:
            return
        resized = tuple(
            resize_by(box, dx, dy, self.picture_size, far_edges=far_edges) if index in self.selected else box
            for index, box in enumerate(self.boxes)
        )
        self._emit(edits.SetBoxes(self.key, self.boxes, resized, "resize box"))

    def delete_selected(self) -> None:
        """Delete the selected boxes."""
        if self.key is not None and self.selected:
            self._emit(edits.delete_boxes(self.key, self.boxes, self.selected))

    def relabel_selected(self, label: str) -> None:
        """Give the selected boxes another class."""
        if self.key is not None and self.selected:
            self._emit(edits.relabel_boxes(self.key, self.boxes, self.selected, label))

    def zoom_to_selected(self) -> None:
        """Show the selected box large."""
        if self.selected and self.has_picture:
            self._fitted = False
            box = self.boxes[min(self.selected)]
            self._set_viewport(Viewport.showing(box.xyxy, (self.width(), self.height())))

    def _emit(self, edit: edits.SetBoxes) -> None:
        if edit.changes_something:
            self.edited.emit(edit)

    # Painting

    def shown_boxes(self) -> tuple[Box, ...]:
        """The boxes as they are painted now: with a drag that is going on."""
        if isinstance(self._gesture, MoveGesture | ResizeGesture):
            return self._gesture.preview()
        return self.boxes

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        if self.show_boxes:
            drawing = isinstance(self._gesture, DrawGesture)
            painting.paint_boxes(painter, self.shown_boxes(), context, self.selected, self._hovered, drawing)
        if isinstance(self._gesture, DrawGesture):
            painting.paint_rubber_band(painter, self._gesture.xyxy, self.current_label, context)
        if self.mode is not Mode.SELECT and self.show_crosshair and self._pointer is not None:
            painting.paint_crosshair(painter, self._pointer, context)

    # The mouse

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus()
        if not self.has_picture or event.button() != Qt.LeftButton:
            super().mousePressEvent(event)
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
        hit = self._hit(event.pos())
        if hit is None:
            if not event.modifiers() & (Qt.ShiftModifier | Qt.ControlModifier):
                self.select(frozenset())
            self.start_pan(event.pos())
            return
        if event.modifiers() & (Qt.ShiftModifier | Qt.ControlModifier):
            under = boxes_at(self.boxes, point)
            if under:
                self.select(self.selected ^ frozenset({under[0]}))
            return
        self._was_selected = hit.index in self.selected
        if not self._was_selected:
            self.select(frozenset({hit.index}))
        if hit.part is Part.BODY:
            self._gesture = MoveGesture(self.picture_size, self.boxes, self.selected, point)
        else:
            self._gesture = ResizeGesture(self.picture_size, self.boxes, hit.index, hit.part, point)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._pointer = QPointF(event.pos())
        point = self.to_image(event.pos())
        self.pointer_moved.emit(point if self.has_picture else None)
        if self.is_panning:
            super().mouseMoveEvent(event)
            return
        if isinstance(self._gesture, DrawGesture) or (
            self._gesture is not None and self._is_drag(event.pos())
        ):
            self._gesture.move(point)
            self.update()
        elif self._gesture is None and self.mode is Mode.SELECT:
            self._hover(event.pos())
        elif self.mode is not Mode.SELECT:
            self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self.is_panning or event.button() != Qt.LeftButton:
            super().mouseReleaseEvent(event)
            return
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
        if gesture is None or self.key is None:
            return
        if dragged:
            gesture.move(self.to_image(event.pos()))
            text = "move box" if isinstance(gesture, MoveGesture) else "resize box"
            self._emit(edits.SetBoxes(self.key, self.boxes, gesture.preview(), text))
        elif self._was_selected and isinstance(gesture, MoveGesture):
            self._click_again(event.pos())
        self.update()

    def _click_again(self, at: QPoint) -> None:
        """A click on a selected box takes the next one that lies under it."""
        current = next(iter(self.selected)) if len(self.selected) == 1 else None
        index = next_under(self.boxes, self.to_image(at), current)
        if index is not None:
            self.select(frozenset({index}))

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

    def _hit(self, at: QPoint) -> Hit | None:
        if not self.show_boxes:
            return None
        reach = HANDLE_REACH / self.viewport.scale
        return hit_test(self.boxes, self.to_image(at), reach, self.selected)

    def _hover(self, at: QPoint) -> None:
        hit = self._hit(at) if self.has_picture else None
        hovered = hit.index if hit else None
        if hovered != self._hovered:
            self._hovered = hovered
            self.update()
        if hit is None:
            self.setCursor(Qt.ArrowCursor)
        else:
            part = hit.part if hit.index in self.selected else None
            self.setCursor(_CURSORS[part] if part is not None else Qt.PointingHandCursor)

    def leaveEvent(self, event: QEvent) -> None:
        self._pointer = None
        self._hovered = None
        self.pointer_moved.emit(None)
        self.update()
        super().leaveEvent(event)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        hit = self._hit(event.pos()) if self.has_picture else None
        if hit is not None and hit.index not in self.selected:
            self.select(frozenset({hit.index}))
        # The window builds the menu: it knows the classes and the actions.
        event.ignore()
