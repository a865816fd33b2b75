"""A picture with its boxes: which are selected, pointed at, in sight. The canvas adds what changes them."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QPoint, QRectF, pyqtSignal
from PyQt5.QtGui import QImage, QPainter
from PyQt5.QtWidgets import QWidget

from annotator.core import selecting
from annotator.core.hit import BODY_REACH, Hit, boxes_at, hit_test
from annotator.core.viewport import Viewport
from annotator.qt import painting
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.translation import tr
from converters.model import Box, Xyxy

HANDLE_REACH = 9.0
"""How near (view pixels) the pointer must come to a handle."""


class BoxView(PictureView):
    """Shows boxes, holds none: they are the session's.

    Attributes:
        large: The place that :meth:`show_large` showed last; None after another picture or the whole one.

    Signals:
        selection_changed: Indices of the selected boxes.
        hover_changed: Index of the box under the pointer, or None.
        stepped: The zoom went to a box; (its place in reading order from 1, number of boxes).
    """

    selection_changed = pyqtSignal(object)
    hover_changed = pyqtSignal(object)
    stepped = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key: str | None = None
        self.boxes: tuple[Box, ...] = ()
        self.selected: frozenset[int] = frozenset()
        self.show_boxes = True
        self.keep_zoom = False
        self._hovered: int | None = None
        self._last: Xyxy | None = None
        self.large: Xyxy | None = None
        self._zoomed_to: int | None = None
        self._is_new = True
        self._painted = QRectF()

    # What is shown

    def set_image(self, key: str | None, boxes: tuple[Box, ...]) -> None:
        """Another picture's boxes; the picture itself follows with ``show_image``."""
        self.key = key
        self.boxes = boxes
        self._last = self._zoomed_to = self.large = None
        self._is_new = True
        self.hover(None)
        self.select(frozenset())
        self.update()

    def set_boxes(self, boxes: tuple[Box, ...]) -> None:
        """The boxes after an edit; the selection stays where it still means something."""
        selected = selecting.after_edit(self.boxes, boxes, self.selected)
        gone = [self.boxes[index].xyxy for index in self.selected if index < len(self.boxes)]
        if len(boxes) != len(self.boxes):
            self.hover(None)
        if gone and not selected:
            self._last = gone[-1]
        self.boxes = boxes
        self.select(selected)
        self.update()

    def show_image(self, image: QImage) -> None:
        """Show the picture of these boxes; a new one as a whole, or with the zoom of the last one."""
        size = (image.width(), image.height())
        is_new, self._is_new = self._is_new, False
        before = self._size
        self._take_image(image)
        if self._fitted or (not is_new and size != before) or (is_new and not self.keep_zoom):
            self.fit()
        elif is_new:
            self._set_viewport(self.viewport.carried_over(before, size, self._view()))

    def fit(self) -> None:
        """Show the whole picture, now and when the view is resized."""
        self._zoomed_to = self.large = None
        super().fit()

    # Selecting

    def select(self, indices: frozenset[int]) -> None:
        """Select these boxes."""
        changed = indices != self.selected
        self.selected = indices
        if indices and indices != {self._zoomed_to}:
            self._zoomed_to = None
        if indices:
            self._last = self.boxes[max(indices)].xyxy
        if changed:
            self.update_special()
        self.selection_changed.emit(indices)

    def select_all(self) -> None:
        """Select every box."""
        self.select(frozenset(range(len(self.boxes))))

    def cycle(self, by: int) -> None:
        """Select the next (1) or previous (-1) box in reading order, and bring it into sight."""
        index = selecting.step(self.boxes, self.selected, by, self._last)
        if index is not None:
            self.select(frozenset({index}))
            self.reveal(self.boxes[index].xyxy)

    def hover(self, index: int | None) -> None:
        """Show a box as pointed at (from the canvas, or from a list)."""
        if index is not None and index >= len(self.boxes):
            index = None
        if index != self._hovered:
            self._hovered = index
            self.update_special()
            self.hover_changed.emit(index)

    @property
    def last_selected(self) -> Xyxy | None:
        """Edges of the box that was selected last, and may be gone by now."""
        return self._last

    # Zooming from box to box

    def zoom_to_selected(self, by: int = 1) -> None:
        """Show the selected box large; where it is already, the next (1) or previous (-1) one.

        Pressed again and again, this walks through all boxes of the picture.
        """
        if not self.boxes or not self.has_picture:
            return
        index = min(self.selected) if len(self.selected) == 1 else None
        if index is None or index == self._zoomed_to:
            index = selecting.step(self.boxes, self.selected, by, self._last)
        if index is None:
            return
        self._zoomed_to = index
        self._fitted = False
        self.select(frozenset({index}))
        self._set_viewport(Viewport.showing(self.boxes[index].xyxy, self._view()))
        order = selecting.reading_order([box.xyxy for box in self.boxes])
        self.stepped.emit(order.index(index) + 1, len(order))

    def show_large(self, xyxy: Xyxy) -> None:
        """Show a place of the picture large, as a selected box is; :attr:`large` says which."""
        if self.has_picture:
            self.large = xyxy
            self._fitted = False
            self._set_viewport(Viewport.showing(xyxy, self._view()))

    # Painting

    def shown_boxes(self) -> tuple[Box, ...]:
        """The boxes as they are painted now: with a drag that is going on."""
        return self.boxes

    def shown_selection(self) -> frozenset[int]:
        """The boxes painted as selected now: with a rubber band that is going on."""
        return self.selected

    def is_dimmed(self) -> bool:
        """Whether boxes step back behind the one that is being drawn."""
        return False

    def still_state(self) -> tuple[object, ...]:
        if not self.show_boxes:
            return ()
        return (self.is_dimmed(), self._plain())

    def _plain(self) -> tuple[Box, ...]:
        """The boxes that neither are selected nor change in a drag."""
        selected = self.shown_selection()
        return tuple(box for index, box in enumerate(self.boxes) if index not in selected)

    def paint_still_layers(self, painter: QPainter, context: PaintContext) -> None:
        if self.show_boxes:
            painting.paint_plain(painter, self._plain(), context, self.is_dimmed())

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        if self.show_boxes:
            selected = self.shown_selection()
            painting.paint_special(painter, self.shown_boxes(), context, selected, self._hovered)
            self._painted = self._special_area(context)
        elif self.boxes:
            painting.paint_chip(painter, tr("Boxes are hidden"), context)

    def _special_area(self, context: PaintContext) -> QRectF:
        boxes = self.shown_boxes()
        wanted = self.shown_selection()
        if self._hovered is not None:
            wanted = wanted | {self._hovered}
        return painting.special_area([boxes[i] for i in wanted if i < len(boxes)], context)

    def update_special(self) -> None:
        """Paint anew where selected boxes were and where they are now; nothing else."""
        area = self._painted | self._special_area(self.paint_context())
        self.update(area.toAlignedRect())

    # Under the pointer

    def hit(self, at: QPoint) -> Hit | None:
        """What a press here would take hold of."""
        if not self.show_boxes:
            return None
        return hit_test(self.boxes, self.to_image(at), self.reach, self.selected)

    def boxes_under(self, at: QPoint) -> list[int]:
        """Indices of the boxes under a view position, the smallest first."""
        if not self.show_boxes:
            return []
        return boxes_at(self.boxes, self.to_image(at), self.reach * BODY_REACH)

    @property
    def reach(self) -> float:
        """How near (picture pixels) the pointer must come to a handle."""
        return HANDLE_REACH / self.viewport.scale

    def leaveEvent(self, event: QEvent) -> None:
        self.hover(None)
        super().leaveEvent(event)
