"""Painting as free functions over (painter, data, context), and the ordered list of layers."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt5.QtCore import QPointF, QRectF, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPen, QPixmap

from annotator.core.colours import MATCHED, MISSED, WRONG, prediction_colour
from annotator.core.hit import handle_positions
from annotator.core.viewport import Viewport
from converters.colours import ClassColours, Rgb, class_colour, text_on
from converters.model import Box, Xyxy

HANDLE = 7.0
"""Side of a handle in view pixels."""
CAPTION_FROM = 18.0
"""Shorter side of a box in view pixels from which its caption is painted all the time."""


@dataclass(frozen=True)
class PaintContext:
    """What every layer needs.

    Attributes:
        viewport: Where the picture lies.
        view: (width, height) of the view in pixels.
        class_names: The colours of the classes, or their bare order.
        font: For captions.
        show_labels: Whether captions are painted.
    """

    viewport: Viewport
    view: tuple[int, int]
    class_names: tuple[str, ...] | ClassColours
    font: QFont
    show_labels: bool = True


def paint_picture(painter: QPainter, pixmap: QPixmap, context: PaintContext) -> None:
    """The picture; smooth where shrunk or slightly enlarged, with visible pixels where enlarged much."""
    left, top = context.viewport.to_view((0, 0))
    scale = context.viewport.scale
    painter.setRenderHint(QPainter.SmoothPixmapTransform, scale < 6)
    target = QRectF(left, top, pixmap.width() * scale, pixmap.height() * scale)
    painter.drawPixmap(target, pixmap, QRectF(pixmap.rect()))


def paint_boxes(
    painter: QPainter,
    boxes: tuple[Box, ...],
    context: PaintContext,
    selected: frozenset[int] = frozenset(),
    hovered: int | None = None,
    dimmed: bool = False,
) -> None:
    """Ground truth boxes; a dark line under each coloured one keeps it visible on any picture."""
    for index, box in enumerate(boxes):
        colour = QColor(*class_colour(context.class_names, box.label))
        if dimmed:
            colour.setAlpha(110)
        rect = _view_rect(box.xyxy, context)
        if index in selected or index == hovered:
            fill = QColor(colour)
            fill.setAlpha(56 if index in selected else 28)
            painter.fillRect(rect, fill)
        _outline(painter, rect, colour, 3.0 if index in selected else 2.0)
        # In a crowd captions would hide the faces: a small box shows its own when it is pointed at.
        large = min(rect.width(), rect.height()) >= CAPTION_FROM
        if context.show_labels and (large or index in selected or index == hovered):
            _caption(painter, rect, box.label, class_colour(context.class_names, box.label), context)
    for index in sorted(selected):
        if index < len(boxes):
            paint_handles(painter, boxes[index].xyxy, context)


def paint_handles(painter: QPainter, xyxy: Xyxy, context: PaintContext) -> None:
    """The eight handles of a selected box."""
    painter.setPen(QPen(QColor(20, 20, 20), 1))
    painter.setBrush(QColor(255, 255, 255))
    view = context.viewport.box_to_view(xyxy)
    # All eight would cover a small box; its edges can be dragged all the same.
    corners_only = min(view[2] - view[0], view[3] - view[1]) < 6 * HANDLE
    for part, (x, y) in handle_positions(view).items():
        if corners_only and len(part.value) == 1:
            continue
        painter.drawRect(QRectF(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE))
    painter.setBrush(Qt.NoBrush)


def paint_predictions(
    painter: QPainter, boxes: tuple[Box, ...], correct: tuple[bool, ...] | None, context: PaintContext
) -> None:
    """Predicted boxes: dashed, in the lighter palette, with their confidence and whether they are right."""
    for index, box in enumerate(boxes):
        colour = prediction_colour(context.class_names, box.label)
        rect = _view_rect(box.xyxy, context)
        _outline(painter, rect, QColor(*colour), 2.0, dashed=True)
        if context.show_labels:
            text = f"{box.label} {100 * (box.confidence or 0):.0f} %"
            mark = colour
            if correct is not None:
                mark = MATCHED if correct[index] else WRONG
                text = f"{'✓' if correct[index] else '✗'} {text}"
            _caption(painter, rect, text, mark, context)


def paint_missed(
    painter: QPainter, truths: tuple[Box, ...], missed: frozenset[int], context: PaintContext
) -> None:
    """Ground truth beside predictions; what was missed is marked."""
    for index, box in enumerate(truths):
        rect = _view_rect(box.xyxy, context)
        colour = MISSED if index in missed else class_colour(context.class_names, box.label)
        _outline(painter, rect, QColor(*colour), 3.0 if index in missed else 2.0)
        if context.show_labels:
            _caption(painter, rect, box.label, colour, context)


def paint_crosshair(painter: QPainter, point: QPointF, context: PaintContext) -> None:
    """Two lines through the pointer over the whole view, visible on light and dark."""
    for colour, style in ((QColor(0, 0, 0, 150), Qt.SolidLine), (QColor(255, 255, 255, 220), Qt.DashLine)):
        painter.setPen(QPen(colour, 1, style))
        painter.drawLine(QPointF(0, point.y()), QPointF(context.view[0], point.y()))
        painter.drawLine(QPointF(point.x(), 0), QPointF(point.x(), context.view[1]))


def paint_rubber_band(painter: QPainter, xyxy: Xyxy, label: str, context: PaintContext) -> None:
    """The box that is being drawn, with its size in pixels."""
    colour = class_colour(context.class_names, label)
    rect = _view_rect(xyxy, context)
    fill = QColor(*colour)
    fill.setAlpha(40)
    painter.fillRect(rect, fill)
    _outline(painter, rect, QColor(*colour), 2.0)
    size = f"{label}  {xyxy[2] - xyxy[0]:.0f} × {xyxy[3] - xyxy[1]:.0f}".strip()
    _caption(painter, rect, size, colour, context)


def paint_notice(painter: QPainter, text: str, context: PaintContext, colour: QColor) -> None:
    """A sentence in the middle of an empty view."""
    painter.setFont(context.font)
    painter.setPen(colour)
    area = QRectF(24, 0, max(context.view[0] - 48, 10), context.view[1])
    painter.drawText(area, int(Qt.AlignCenter) | int(Qt.TextWordWrap), text)


def _view_rect(xyxy: Xyxy, context: PaintContext) -> QRectF:
    left, top, right, bottom = context.viewport.box_to_view(xyxy)
    return QRectF(left, top, right - left, bottom - top)


def _outline(painter: QPainter, rect: QRectF, colour: QColor, width: float, *, dashed: bool = False) -> None:
    painter.setBrush(Qt.NoBrush)
    under = QColor(0, 0, 0, min(colour.alpha(), 170))
    painter.setPen(QPen(under, width + 2, Qt.SolidLine, Qt.SquareCap, Qt.MiterJoin))
    painter.drawRect(rect)
    style = Qt.DashLine if dashed else Qt.SolidLine
    painter.setPen(QPen(colour, width, style, Qt.FlatCap, Qt.MiterJoin))
    painter.drawRect(rect)


def _caption(painter: QPainter, rect: QRectF, text: str, colour: Rgb, context: PaintContext) -> None:
    """A caption above the box; inside it where there is no room above, and never outside the view."""
    visible = QRectF(0, 0, *context.view)
    if not text or not visible.intersects(rect):
        return  # a caption held inside the view for a box outside it would only confuse
    metrics = QFontMetricsF(context.font)
    width, height = metrics.horizontalAdvance(text) + 8, metrics.height() + 2
    x = min(max(rect.left() - 2, 0.0), max(context.view[0] - width, 0.0))
    y = rect.top() - height - 1
    if y < 0:
        y = min(rect.bottom() + 1, context.view[1] - height) if rect.height() < height * 2 else rect.top() + 1
    painter.setFont(context.font)
    painter.fillRect(QRectF(x, y, width, height), QColor(*colour, 225))
    painter.setPen(QColor(*text_on(colour)))
    painter.drawText(QRectF(x, y, width, height), int(Qt.AlignCenter), text)
