"""Painting as free functions over (painter, data, context), and the ordered list of layers."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from PyQt5.QtCore import QPointF, QRectF, QSizeF, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetricsF, QImage, QPainter, QPen

from annotator.core.colours import MATCHED, MISSED, WRONG, prediction_colour
from annotator.core.hit import MOST_WITH_HANDLES, handle_positions
from annotator.core.suggestions import Suggestion
from annotator.core.viewport import Viewport
from converters.colours import ClassColours, Rgb, class_colour, text_on
from converters.model import Box, Xyxy

HANDLE = 7.0
"""Side of a handle in view pixels."""
ROOM_FOR_HANDLES = 6 * HANDLE
"""Shorter side of a box in view pixels from which it shows eight handles, on its edges."""
CAPTION_FROM = 18.0
"""Shorter side of a box in view pixels from which its caption is painted all the time."""
LEAST_SEEN = 5.0
"""A box is painted no smaller than this, in view pixels: at any zoom one sees where there is one."""
DARK = QColor(24, 24, 24)
"""Beside each coloured line, so that it is seen on any picture."""
PIXELS_FROM = 20.0
"""Enlarged so much, pixels are shown as squares; below that a small face is read better smooth."""
_BEYOND = 64.0
"""Edges farther outside the view than this are painted here: far coordinates overflow the painter's own."""
FACE_SIDE = 140.0
"""Boxes up to this side (view pixels) are kept free of others' captions; none hides a larger one."""
_CELL = 8
_captions: dict[tuple[str, Rgb, str, float], QImage] = {}
"""Captions drawn once. (Images, not pixmaps: these may outlive the application.)"""
_MOST_CAPTIONS = 400


@dataclass(frozen=True)
class PaintContext:
    """What every layer needs.

    Attributes:
        viewport: Where the picture lies.
        view: (width, height) of the view in pixels.
        class_names: The colours of the classes, or their bare order.
        font: For captions.
        show_labels: Whether captions are painted.
        ratio: Device pixels per view pixel.
    """

    viewport: Viewport
    view: tuple[int, int]
    class_names: tuple[str, ...] | ClassColours
    font: QFont
    show_labels: bool = True
    ratio: float = 1.0


@dataclass
class _Taken:
    """Where captions lie, and small boxes: in a crowd a caption that would cover either is left out.

    A coarse grid, each of its rows a number with a bit a cell.
    """

    rows: dict[int, int] = field(default_factory=dict)

    @classmethod
    def by(cls, rects: Iterable[QRectF]) -> _Taken:
        """Taken by small boxes."""
        taken = cls()
        for rect in rects:
            if max(rect.width(), rect.height()) <= FACE_SIDE:
                rows, cells = taken._under(rect)
                for row in rows:
                    taken.rows[row] = taken.rows.get(row, 0) | cells
        return taken

    def take(self, rect: QRectF) -> bool:
        """Take a place if it is free; returns whether it was."""
        rows, cells = self._under(rect)
        if any(self.rows.get(row, 0) & cells for row in rows):
            return False
        for row in rows:
            self.rows[row] = self.rows.get(row, 0) | cells
        return True

    @staticmethod
    def _under(rect: QRectF) -> tuple[range, int]:
        # Cells of which the middle is covered: neighbours do not hinder each other.
        first, end = max(round(rect.left() / _CELL), 0), max(round(rect.right() / _CELL), 0)
        return range(round(rect.top() / _CELL), round(rect.bottom() / _CELL)), (1 << end) - (1 << first)


def label_colour(classes: Sequence[str] | ClassColours, label: str) -> Rgb:
    """Colour of a class on pictures: the one place to change it."""
    return class_colour(classes, label)


def paint_picture(
    painter: QPainter, image: QImage, context: PaintContext, size: tuple[int, int] | None = None
) -> None:
    """The picture; smooth where shrunk or slightly enlarged, with visible pixels where enlarged much.

    Args:
        painter: Of the view.
        image: The picture, or the same made smaller.
        context: With the picture's viewport.
        size: (width, height) of the picture, where ``image`` has another.
    """
    viewport = context.viewport
    size = size or (image.width(), image.height())
    # Only what is in sight: enlarged 64 times, the whole would overflow the painter's coordinates.
    x1, y1, x2, y2 = viewport.visible(size, context.view)
    if x2 <= x1 or y2 <= y1:
        return
    left, top, right, bottom = viewport.box_to_view((x1, y1, x2, y2))
    wide, high = image.width() / size[0], image.height() / size[1]
    painter.setRenderHint(QPainter.SmoothPixmapTransform, viewport.scale * context.ratio < PIXELS_FROM)
    painter.drawImage(
        QRectF(left, top, right - left, bottom - top),
        image,
        QRectF(x1 * wide, y1 * high, (x2 - x1) * wide, (y2 - y1) * high),
    )


def paint_boxes(
    painter: QPainter,
    boxes: Sequence[Box],
    context: PaintContext,
    selected: frozenset[int] = frozenset(),
    hovered: int | None = None,
    dimmed: bool = False,
) -> None:
    """Ground truth boxes; those that are selected or pointed at on top of the others."""
    special = selected if hovered is None else selected | {hovered}
    paint_plain(painter, (box for i, box in enumerate(boxes) if i not in special), context, dimmed)
    paint_special(painter, boxes, context, selected, hovered)


def paint_plain(painter: QPainter, boxes: Iterable[Box], context: PaintContext, dimmed: bool = False) -> None:
    """Boxes that are neither selected nor pointed at, class by class: 500 of them take few calls."""
    painter.setBrush(Qt.NoBrush)
    view = QRectF(0, 0, *context.view)
    by_label: dict[str, list[QRectF]] = {}
    for box in boxes:
        rect = view_rect(box.xyxy, context)
        if rect.intersects(view):
            by_label.setdefault(box.label, []).append(rect)
    opacity = painter.opacity()
    painter.setOpacity(0.45 if dimmed else opacity)
    outlines = {label: [rect.adjusted(-1, -1, 1, 1) for rect in rects] for label, rects in by_label.items()}
    painter.setPen(_pen(DARK, 4.0))
    for rects in outlines.values():
        painter.drawRects(*rects)
    for label, rects in outlines.items():
        painter.setPen(_pen(QColor(*label_colour(context.class_names, label)), 2.0))
        painter.drawRects(*rects)
    if context.show_labels:
        taken = _Taken.by(rect for rects in by_label.values() for rect in rects)
        for label, rects in by_label.items():
            colour = label_colour(context.class_names, label)
            for rect in rects:
                # In a crowd captions would hide the faces: a small box shows its own when it is pointed at.
                if min(rect.width(), rect.height()) >= CAPTION_FROM:
                    paint_caption(painter, rect, label, colour, context, taken=taken)
    painter.setOpacity(opacity)


def paint_special(
    painter: QPainter,
    boxes: Sequence[Box],
    context: PaintContext,
    selected: frozenset[int],
    hovered: int | None = None,
) -> None:
    """The selected boxes with their handles, and the one that is pointed at."""
    painter.setBrush(Qt.NoBrush)
    chosen = [index for index in sorted(selected) if index < len(boxes)]
    view = QRectF(0, 0, *context.view)
    rects = {index: view_rect(boxes[index].xyxy, context) for index in chosen}
    shown = [index for index in chosen if rects[index].adjusted(-20, -20, 20, 20).intersects(view)]
    if shown:
        painter.setPen(_pen(DARK, 6.0))
        painter.drawRects(*(rects[index].adjusted(-2, -2, 2, 2) for index in shown))
        painter.setPen(_pen(QColor(255, 255, 255), 2.0))
        painter.drawRects(*(rects[index].adjusted(-3, -3, 3, 3) for index in shown))
    by_label: dict[str, list[QRectF]] = {}
    for index in shown:
        by_label.setdefault(boxes[index].label, []).append(rects[index].adjusted(-1, -1, 1, 1))
    for label, inner in by_label.items():
        painter.setPen(_pen(QColor(*label_colour(context.class_names, label)), 2.0))
        painter.drawRects(*inner)
    if hovered is not None and hovered < len(boxes) and hovered not in selected:
        rect = view_rect(boxes[hovered].xyxy, context)
        colour = QColor(*label_colour(context.class_names, boxes[hovered].label))
        _outline(painter, rect, colour, 4.0)
        rects[hovered] = rect
    if context.show_labels:
        many = len(shown) > MOST_WITH_HANDLES
        taken = _Taken() if len(shown) > 1 else None
        for index in dict.fromkeys((*shown, *((hovered,) if hovered in rects else ()))):
            rect, label = rects[index], boxes[index].label
            if not many or index == hovered or min(rect.width(), rect.height()) >= CAPTION_FROM:
                paint_caption(painter, rect, label, label_colour(context.class_names, label), context,
                              gap=11.0, taken=taken)  # fmt: skip
    if len(selected) <= MOST_WITH_HANDLES:
        for index in shown:
            paint_handles(painter, boxes[index].xyxy, context)


def special_area(boxes: Sequence[Box], context: PaintContext) -> QRectF:
    """What :func:`paint_special` may paint on for these boxes, in view pixels."""
    if len(boxes) > 3 * MOST_WITH_HANDLES:
        return QRectF(0, 0, *context.view)  # so many lie anywhere
    height = QFontMetricsF(context.font).height() + 2 * HANDLE + 4
    area = QRectF()
    for box in boxes:
        rect = view_rect(box.xyxy, context)
        caption = _caption_size(box.label, context).width() if context.show_labels else 0.0
        left = min(rect.left(), context.view[0] - caption)
        right = max(rect.right(), rect.left() + caption, caption)
        area |= QRectF(left, rect.top() - height, right - left, rect.height() + 2 * height).adjusted(
            -12, 0, 12, 0
        )
    return area


def paint_handles(painter: QPainter, xyxy: Xyxy, context: PaintContext) -> None:
    """The handles of a selected box: eight on its edges; of a small one four, beside its corners.

    On the edges of a face of ten pixels they would cover it.
    """
    painter.setPen(QPen(QColor(20, 20, 20), 1))
    painter.setBrush(QColor(255, 255, 255))
    rect = view_rect(xyxy, context, limited=False)
    small = min(rect.width(), rect.height()) < ROOM_FOR_HANDLES
    aside = HANDLE / 2 + 1 if small else 0.0
    edges = (rect.left() - aside, rect.top() - aside, rect.right() + aside, rect.bottom() + aside)
    for part, (x, y) in handle_positions(edges).items():
        near = -HANDLE <= x <= context.view[0] + HANDLE and -HANDLE <= y <= context.view[1] + HANDLE
        if near and not (small and len(part.value) == 1):
            painter.drawRect(QRectF(x - HANDLE / 2, y - HANDLE / 2, HANDLE, HANDLE))
    painter.setBrush(Qt.NoBrush)


def paint_predictions(
    painter: QPainter, boxes: tuple[Box, ...], correct: tuple[bool, ...] | None, context: PaintContext
) -> None:
    """Predicted boxes: dashed, in the lighter palette, with their confidence and whether they are right."""
    for index, box in enumerate(boxes):
        colour = prediction_colour(context.class_names, box.label)
        rect = view_rect(box.xyxy, context)
        _outline(painter, rect, QColor(*colour), 2.0, dashed=True)
        if context.show_labels:
            text = f"{box.label} {100 * (box.confidence or 0):.0f} %"
            mark = colour
            if correct is not None:
                mark = MATCHED if correct[index] else WRONG
                text = f"{'✓' if correct[index] else '✗'} {text}"
            paint_caption(painter, rect, text, mark, context)


def paint_suggestions(
    painter: QPainter,
    found: Sequence[Suggestion],
    context: PaintContext,
    selected: Suggestion | None = None,
) -> None:
    """Predictions over the picture that is being labelled.

    Those that agree with a box are thin and have no caption; the captions of the others lie below them, as
    those of boxes lie above.

    Args:
        painter: Of the view.
        found: The predictions.
        context: With the colours.
        selected: The one that keys act on; alone it is painted with its caption in any crowd.
    """
    view = QRectF(0, 0, *context.view)
    rects = [(one, view_rect(one.box.xyxy, context)) for one in found]
    shown = [(one, rect) for one, rect in rects if rect.adjusted(-8, -8, 8, 8).intersects(view)]
    opacity = painter.opacity()
    for one, rect in shown:
        painter.setOpacity(opacity if one.differs or one is selected else 0.6 * opacity)
        colour = QColor(*prediction_colour(context.class_names, one.box.label))
        if one is selected:
            painter.setBrush(Qt.NoBrush)
            painter.setPen(_pen(QColor(255, 255, 255), 3.0))
            painter.drawRect(rect.adjusted(-6, -6, 6, 6))
            painter.setPen(_pen(DARK, 1.0))
            painter.drawRect(rect.adjusted(-8, -8, 8, 8))
        _outline(painter, rect.adjusted(-2, -2, 2, 2), colour, 2.0 if one.differs else 1.0, dashed=True)
    painter.setOpacity(opacity)
    if context.show_labels:
        taken = _Taken.by(rect for _, rect in shown)
        for one, rect in shown:
            if one is selected or (one.differs and min(rect.width(), rect.height()) >= CAPTION_FROM):
                text = f"{one.box.label} {100 * (one.box.confidence or 0):.0f} %"
                mark = prediction_colour(context.class_names, one.box.label)
                paint_caption(painter, rect, text, mark, context, gap=9.0 if one is selected else 6.0,
                              taken=None if one is selected else taken, below=True)  # fmt: skip


def paint_missed(
    painter: QPainter, truths: tuple[Box, ...], missed: frozenset[int], context: PaintContext
) -> None:
    """Ground truth beside predictions; what was missed is marked."""
    for index, box in enumerate(truths):
        rect = view_rect(box.xyxy, context)
        colour = MISSED if index in missed else label_colour(context.class_names, box.label)
        _outline(painter, rect, QColor(*colour), 3.0 if index in missed else 2.0)
        if context.show_labels:
            paint_caption(painter, rect, box.label, colour, context)


def paint_crosshair(painter: QPainter, point: QPointF, context: PaintContext) -> None:
    """Two lines through the pointer over the whole view, visible on light and dark."""
    for colour, style in ((QColor(0, 0, 0, 150), Qt.SolidLine), (QColor(255, 255, 255, 220), Qt.DashLine)):
        painter.setPen(QPen(colour, 1, style))
        painter.drawLine(QPointF(0, point.y()), QPointF(context.view[0], point.y()))
        painter.drawLine(QPointF(point.x(), 0), QPointF(point.x(), context.view[1]))


def paint_rubber_band(painter: QPainter, xyxy: Xyxy, label: str, context: PaintContext) -> None:
    """The box that is being drawn, with its size in pixels."""
    colour = label_colour(context.class_names, label)
    rect = view_rect(xyxy, context)
    fill = QColor(*colour)
    fill.setAlpha(30)
    painter.fillRect(rect, fill)
    _outline(painter, rect, QColor(*colour), 2.0)
    size = f"{label}  {xyxy[2] - xyxy[0]:.0f} × {xyxy[3] - xyxy[1]:.0f}".strip()
    paint_caption(painter, rect, size, colour, context, keep=False)


def paint_band(painter: QPainter, xyxy: Xyxy, context: PaintContext) -> None:
    """The band that selects boxes."""
    rect = view_rect(xyxy, context)
    painter.fillRect(rect, QColor(255, 255, 255, 28))
    painter.setBrush(Qt.NoBrush)
    painter.setPen(QPen(QColor(0, 0, 0, 200), 1))
    painter.drawRect(rect)
    painter.setPen(QPen(QColor(255, 255, 255), 1, Qt.DashLine))
    painter.drawRect(rect)


def paint_chip(painter: QPainter, text: str, context: PaintContext) -> None:
    """A short text in the upper left corner, over the picture."""
    size = _caption_size(text, context)
    rect = QRectF(QPointF(8, 8), QSizeF(min(size.width() + 6, context.view[0] - 16.0), size.height() + 4))
    painter.fillRect(rect, QColor(20, 20, 20, 215))
    painter.setFont(context.font)
    painter.setPen(QColor(255, 255, 255))
    painter.drawText(rect, int(Qt.AlignCenter), text)


def paint_notice(painter: QPainter, text: str, context: PaintContext, colour: QColor) -> None:
    """A sentence in the middle of an empty view."""
    painter.setFont(context.font)
    painter.setPen(colour)
    area = QRectF(24, 0, max(context.view[0] - 48, 10), context.view[1])
    painter.drawText(area, int(Qt.AlignCenter) | int(Qt.TextWordWrap), text)


def view_rect(xyxy: Xyxy, context: PaintContext, *, limited: bool = True) -> QRectF:
    """A box in the view, on whole device pixels, so that lines are sharp.

    Args:
        xyxy: In picture pixels.
        context: With the viewport.
        limited: Cut far outside the view. (Not where the box's real corners are needed.)
    """
    left, top, right, bottom = context.viewport.box_to_view(xyxy)
    if right - left < LEAST_SEEN:
        middle = (left + right) / 2
        left, right = middle - LEAST_SEEN / 2, middle + LEAST_SEEN / 2
    if bottom - top < LEAST_SEEN:
        middle = (top + bottom) / 2
        top, bottom = middle - LEAST_SEEN / 2, middle + LEAST_SEEN / 2
    width, height = context.view
    if limited and (
        left < -_BEYOND or top < -_BEYOND or right > width + _BEYOND or bottom > height + _BEYOND
    ):
        left, right = _near(left, width), _near(right, width)
        top, bottom = _near(top, height), _near(bottom, height)
    ratio = context.ratio
    left, top = round(left * ratio) / ratio, round(top * ratio) / ratio
    return QRectF(left, top, round(right * ratio) / ratio - left, round(bottom * ratio) / ratio - top)


def _near(value: float, room: float) -> float:
    return min(max(value, -_BEYOND), room + _BEYOND)


def _pen(colour: QColor, width: float) -> QPen:
    return QPen(colour, width, Qt.SolidLine, Qt.SquareCap, Qt.MiterJoin)


def _outline(painter: QPainter, rect: QRectF, colour: QColor, width: float, *, dashed: bool = False) -> None:
    """A coloured line around a box, with its inner side on the box's edge, and a dark one beside it."""
    painter.setBrush(Qt.NoBrush)
    around = rect.adjusted(-width / 2, -width / 2, width / 2, width / 2)
    painter.setPen(_pen(DARK, width + 2))
    painter.drawRect(around)
    style = Qt.DashLine if dashed else Qt.SolidLine
    painter.setPen(QPen(colour, width, style, Qt.FlatCap, Qt.MiterJoin))
    painter.drawRect(around)


def paint_caption(
    painter: QPainter,
    rect: QRectF,
    text: str,
    colour: Rgb,
    context: PaintContext,
    *,
    gap: float = 4.0,
    taken: _Taken | None = None,
    keep: bool = True,
    below: bool = False,
) -> None:
    """A caption above the box; below or inside it where there is no room above, and never outside the view.

    Args:
        painter: Of the view.
        rect: The box in the view.
        text: What it says.
        colour: Behind the text.
        context: With the font.
        gap: Between box and caption, for lines and handles.
        taken: Where captions lie already; one that would cover another is left out.
        keep: Whether the same text is likely to be painted again.
        below: Below it rather than above.
    """
    visible = QRectF(0, 0, *context.view)
    if not text or not visible.intersects(rect):
        return  # a caption held inside the view for a box outside it would only confuse
    if len(text) > 24:
        text = QFontMetricsF(context.font).elidedText(text, Qt.ElideMiddle, context.view[0] / 3)
    size = _caption_size(text, context)
    width, height = size.width(), size.height()
    x = min(max(rect.left() - 2, 0.0), max(context.view[0] - width, 0.0))
    above, beneath = rect.top() - height - gap, rect.bottom() + gap
    inside = min(max(rect.top(), 0.0) + 2, context.view[1] - height)
    order = (beneath, above) if below else (above, beneath)
    fits = [y for y in order if 0 <= y <= context.view[1] - height]
    if rect.height() >= 2 * height or not fits:
        fits.insert(1, inside)
    places = [QRectF(x, y, width, height) for y in fits]
    place = places[0] if taken is None else next((each for each in places if taken.take(each)), None)
    if place is None:
        return
    painter.drawImage(
        QPointF(round(place.x()), round(place.y())), _caption_image(text, colour, context, size, keep=keep)
    )


def _caption_size(text: str, context: PaintContext) -> QSizeF:
    return _measured(text, context.font.key())


@functools.lru_cache(maxsize=1024)
def _measured(text: str, font_key: str) -> QSizeF:
    """Size of a caption; measuring 500 texts at each step of a drag would be felt."""
    font = QFont()
    font.fromString(font_key)
    metrics = QFontMetricsF(font)
    return QSizeF(round(metrics.horizontalAdvance(text)) + 8.0, round(metrics.height()) + 2.0)


def _caption_image(text: str, colour: Rgb, context: PaintContext, size: QSizeF, *, keep: bool) -> QImage:
    key = (text, colour, context.font.key(), context.ratio)
    image = _captions.get(key)
    if image is None:
        image = QImage((size * context.ratio).toSize(), QImage.Format_ARGB32_Premultiplied)
        image.setDevicePixelRatio(context.ratio)
        image.fill(QColor(*colour, 230))
        painter = QPainter(image)
        painter.setFont(context.font)
        painter.setPen(QColor(*text_on(colour)))
        painter.drawText(QRectF(QPointF(0, 0), size), int(Qt.AlignCenter), text)
        painter.end()
        if keep:
            if len(_captions) >= _MOST_CAPTIONS:
                _captions.clear()
            _captions[key] = image
    return image
