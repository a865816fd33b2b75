"""How a row of the list of pictures is painted: thumbnail, name, marks, split, boxes of each class."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from PyQt5.QtCore import QModelIndex, QPointF, QRect, QRectF, QSize, Qt
from PyQt5.QtGui import (
    QColor,
    QFont,
    QFontMetrics,
    QPainter,
    QPainterPath,
    QPalette,
    QPen,
    QPixmap,
    QPolygonF,
)
from PyQt5.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QWidget

from annotator.core.listing import DISAGREES, Facts
from annotator.core.session import Session
from annotator.qt.image_list_model import IMAGE_ROLE
from annotator.qt.translation import tr
from converters.colours import class_colour, text_on
from converters.model import AnnotatedImage

# Mid tones: a contrast of at least 3 on the light and on the dark theme's ground.
_GOOD, _FOUND, _BAD = QColor(32, 148, 84), QColor(200, 120, 0), QColor(224, 72, 72)
_MARGIN, _GAP = 6, 4

Thumbnail = Callable[[AnnotatedImage], QPixmap | None]


class RowPainter(QStyledItemDelegate):
    """Paints rows.

    Attributes:
        thumbnail: Where thumbnails come from (it may say None and have one later); None: no thumbnails.
        facts: Findings and disagreement that are marked.
        no_longer_fits: Pictures that an edit took out of the filter; they are dimmed.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session: Session | None = None
        self.thumbnail: Thumbnail | None = None
        self.facts = Facts()
        self.no_longer_fits: set[str] = set()

    def height(self, font: QFont) -> int:
        """Of every row."""
        text = 2 * QFontMetrics(font).height() + 2
        return (max(text, round(1.35 * text)) if self.thumbnail is not None else text) + _MARGIN

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(120, self.height(option.font))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        image: AnnotatedImage | None = index.data(IMAGE_ROLE)
        if image is None or self.session is None:
            return
        painter.save()
        selected = bool(option.state & QStyle.State_Selected)
        if selected:
            painter.fillRect(option.rect, option.palette.highlight())
        area = option.rect.adjusted(_MARGIN, _MARGIN // 2, -_MARGIN, -_MARGIN // 2)
        if image.key in self.no_longer_fits:
            painter.setOpacity(0.55)
        if self.thumbnail is not None:
            area.setLeft(self._paint_thumbnail(painter, area, image) + _MARGIN)
        metrics = QFontMetrics(option.font)
        ink = option.palette.color(QPalette.HighlightedText if selected else QPalette.Text)
        painter.setPen(ink)
        top = area.top() + (area.height() - 2 * metrics.height() - 2) // 2
        line = QRect(area.left(), top, area.width(), metrics.height())
        line.setRight(self._paint_marks(painter, line, image, ink, selected) - _GAP)
        mark = "● " if self.session.is_dirty(image.key) else ""
        name = metrics.elidedText(mark + image.name, Qt.ElideMiddle, line.width())
        painter.drawText(line, int(Qt.AlignVCenter | Qt.AlignLeft), name)
        line = QRect(area.left(), line.bottom() + 3, area.width(), metrics.height())
        self._paint_counts(painter, line, image, metrics)
        if option.state & QStyle.State_HasFocus:
            painter.setPen(QPen(ink, 1, Qt.DotLine))
            painter.drawRect(option.rect.adjusted(0, 0, -1, -1))
        painter.restore()

    def _paint_thumbnail(self, painter: QPainter, area: QRect, image: AnnotatedImage) -> int:
        """Paint it in a square at the left; returns where that ends."""
        place = QRect(area.left(), area.top(), area.height(), area.height())
        pixmap = self.thumbnail(image) if self.thumbnail is not None else None
        if pixmap is None or pixmap.isNull():
            frame = painter.pen().color()
            frame.setAlpha(40)
            painter.fillRect(place, frame)
            return place.right()
        size = pixmap.size().scaled(place.size(), Qt.KeepAspectRatio)
        target = QRect(place.left(), place.top(), size.width(), size.height())
        target.moveCenter(place.center())
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        painter.drawPixmap(target, pixmap)
        return place.right()

    def _paint_marks(
        self, painter: QPainter, line: QRect, image: AnnotatedImage, ink: QColor, selected: bool
    ) -> int:
        """Paint reviewed, findings and disagreement at the right end; returns where they begin."""
        painter.save()
        painter.setRenderHint(QPainter.Antialiasing)
        side = round(0.72 * line.height())
        x = line.right()
        score = self.facts.disagreement.get(image.key)
        for shown, draw, colour in (
            (image.reviewed, _tick, _GOOD),
            (image.key in self.facts.findings, _triangle, _FOUND),
            (score is not None and score >= DISAGREES, _unequal, _BAD),
        ):
            if shown:
                place = QRectF(x - side, line.center().y() - side / 2, side, side)
                draw(painter, place, ink if selected else colour)
                x -= side + _GAP
        painter.restore()
        return x

    def _paint_counts(
        self, painter: QPainter, line: QRect, image: AnnotatedImage, metrics: QFontMetrics
    ) -> None:
        if self.session is None:
            return
        class_names, colours = self.session.class_names, self.session.colours
        x = line.left()
        if image.split is not None:
            text = str(image.split)
            painter.drawText(QRect(x, line.top(), line.width(), line.height()), int(Qt.AlignVCenter), text)
            x += metrics.horizontalAdvance(text) + 2 * _GAP
        counts = Counter(box.label for box in image.boxes)
        if not counts:
            text = tr("empty") if image.labelled else tr("not labelled")
            rest = QRect(x, line.top(), line.right() - x, line.height())
            text = metrics.elidedText(text, Qt.ElideRight, rest.width())
            painter.drawText(rest, int(Qt.AlignVCenter), text)
            return
        names = [name for name in class_names if name in counts]
        names += [name for name in counts if name not in class_names]
        for place, label in enumerate(names):
            text = str(counts[label])
            width = metrics.horizontalAdvance(text) + 2 * _GAP + 2
            left = len(names) - place
            if x + width > line.right() and left:
                painter.drawText(QRect(x, line.top(), 60, line.height()), int(Qt.AlignVCenter), f"+{left}")
                return
            colour = class_colour(colours, label)
            chip = QRect(x, line.top(), width, line.height())
            painter.fillRect(chip, QColor(*colour))
            pen = painter.pen()
            painter.setPen(QColor(*text_on(colour)))
            painter.drawText(chip, int(Qt.AlignCenter), text)
            painter.setPen(pen)
            x = chip.right() + _GAP + 1


def _tick(painter: QPainter, place: QRectF, colour: QColor) -> None:
    """Looked at by a person."""
    path = QPainterPath(QPointF(place.left(), place.center().y()))
    path.lineTo(place.left() + 0.38 * place.width(), place.bottom() - 0.08 * place.height())
    path.lineTo(place.right(), place.top() + 0.1 * place.height())
    painter.setPen(QPen(colour, max(1.6, place.width() / 6), Qt.SolidLine, Qt.RoundCap, Qt.RoundJoin))
    painter.setBrush(Qt.NoBrush)
    painter.drawPath(path)


def _triangle(painter: QPainter, place: QRectF, colour: QColor) -> None:
    """A check found something."""
    painter.setPen(QPen(colour, 1.6, Qt.SolidLine, Qt.RoundCap, Qt.RoundJoin))
    painter.setBrush(Qt.NoBrush)
    top = QPointF(place.center().x(), place.top())
    painter.drawPolygon(QPolygonF([top, place.bottomRight(), place.bottomLeft()]))
    middle = place.center().x()
    painter.drawLine(
        QPointF(middle, place.top() + 0.42 * place.height()),
        QPointF(middle, place.top() + 0.64 * place.height()),
    )
    painter.drawPoint(QPointF(middle, place.top() + 0.83 * place.height()))


def _unequal(painter: QPainter, place: QRectF, colour: QColor) -> None:
    """Predictions disagree with the labels."""
    painter.setPen(QPen(colour, max(1.6, place.width() / 7), Qt.SolidLine, Qt.RoundCap))
    for part in (0.36, 0.66):
        y = place.top() + part * place.height()
        painter.drawLine(QPointF(place.left(), y), QPointF(place.right(), y))
    painter.drawLine(
        QPointF(place.left() + 0.25 * place.width(), place.bottom()),
        QPointF(place.right() - 0.25 * place.width(), place.top()),
    )
