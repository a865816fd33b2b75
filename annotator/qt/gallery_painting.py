"""Painting a tile of the gallery: a free function over (painter, tile, look)."""

from __future__ import annotations

from dataclasses import dataclass

from PyQt5.QtCore import QPoint, QRect, Qt
from PyQt5.QtGui import QColor, QFont, QFontMetrics, QImage, QPainter, QPalette, QPen, QPixmap

from annotator.core.gallery import State, Tile
from converters.colours import ClassColours, text_on

MARGIN = 4
BAR = 3
"""Height of the line in the class's colour."""


@dataclass(frozen=True, slots=True)
class TileLook:
    """How a tile is to look.

    Attributes:
        rect: Its cell in the view.
        pixmap: Its crop; None while that is being made.
        problem: Whether the crop cannot be made.
        selected: Whether it is selected.
        current: Whether keys move from it.
        caption: Whether the name of its class stands under it.
    """

    rect: QRect
    pixmap: QPixmap | None
    problem: bool
    selected: bool
    current: bool
    caption: bool


def caption_height(font: QFont) -> int:
    """Room for a caption."""
    return QFontMetrics(font).height() + 2


def paint_tile(
    painter: QPainter, tile: Tile, look: TileLook, colours: ClassColours, palette: QPalette
) -> None:
    """The crop, the colour of its class, and what became of it since the wall was hung."""
    rect = look.rect
    if look.selected:
        painter.fillRect(rect.adjusted(0, 0, -1, -1), palette.highlight())
    caption = caption_height(painter.font()) if look.caption else 0
    area = rect.adjusted(MARGIN, MARGIN, -MARGIN, -MARGIN - caption)
    colour = colours.of(tile.box.label)
    gone = tile.state is State.DELETED
    if look.pixmap is None:
        painter.fillRect(area, palette.alternateBase())
        if look.problem:
            painter.setPen(palette.color(QPalette.Text))
            painter.drawText(area, int(Qt.AlignCenter), "?")
    else:
        ratio = look.pixmap.devicePixelRatio()
        target = QRect(0, 0, int(look.pixmap.width() / ratio), int(look.pixmap.height() / ratio))
        target.moveCenter(area.center())
        painter.setOpacity(0.25 if gone else 1.0)
        painter.drawPixmap(target.topLeft(), look.pixmap)
        painter.setOpacity(1.0)
    painter.fillRect(QRect(area.left(), area.bottom() - BAR + 1, area.width(), BAR), QColor(*colour))
    if gone:
        painter.setPen(QPen(palette.color(QPalette.Text), 2))
        painter.drawLine(area.topLeft(), area.bottomRight())
        painter.drawLine(area.topRight(), area.bottomLeft())
    elif tile.state is not State.AS_IT_WAS and not look.caption:
        _paint_label(painter, area, tile, colour)
    if look.caption:
        _paint_caption(painter, rect, tile, look, palette, caption)
    if look.current:
        painter.setPen(QPen(palette.color(QPalette.Text), 1, Qt.DotLine))
        painter.setBrush(Qt.NoBrush)
        painter.drawRect(rect.adjusted(1, 1, -2, -2))


def paint_large(painter: QPainter, crop: QImage, tile: Tile, view: QRect, colours: ClassColours) -> None:
    """One crop over the wall, as large as the view allows, framed in the colour of its class."""
    painter.fillRect(view, QColor(0, 0, 0, 150))
    side = max(int(min(view.width(), view.height()) * 0.9), 1)
    size = crop.size().scaled(side, side, Qt.KeepAspectRatio)
    target = QRect(QPoint(0, 0), size)
    target.moveCenter(view.center())
    painter.setRenderHint(QPainter.SmoothPixmapTransform)
    painter.drawImage(target, crop)
    colour = colours.of(tile.box.label)
    painter.setPen(QPen(QColor(*colour), BAR))
    painter.setBrush(Qt.NoBrush)
    painter.drawRect(target)
    metrics = QFontMetrics(painter.font())
    text = metrics.elidedText(tile.box.label, Qt.ElideRight, target.width() - 16)
    strip = QRect(target.left(), target.top(), metrics.horizontalAdvance(text) + 16, metrics.height() + 6)
    painter.fillRect(strip, QColor(*colour))
    painter.setPen(QColor(*text_on(colour)))
    painter.drawText(strip, int(Qt.AlignCenter), text)


def _paint_label(painter: QPainter, area: QRect, tile: Tile, colour: tuple[int, int, int]) -> None:
    """The new class over the lower edge of a crop that was relabelled or added."""
    metrics = QFontMetrics(painter.font())
    height = metrics.height() + 2
    strip = QRect(area.left(), area.bottom() - height + 1, area.width(), height)
    painter.fillRect(strip, QColor(*colour))
    painter.setPen(QColor(*text_on(colour)))
    mark = "+ " if tile.state is State.ADDED else "→ "
    text = metrics.elidedText(mark + tile.box.label, Qt.ElideRight, strip.width() - 6)
    painter.drawText(strip, int(Qt.AlignCenter), text)


def _paint_caption(
    painter: QPainter, rect: QRect, tile: Tile, look: TileLook, palette: QPalette, height: int
) -> None:
    metrics = QFontMetrics(painter.font())
    painter.setPen(palette.color(QPalette.HighlightedText if look.selected else QPalette.Text))
    mark = {State.RELABELLED: "→ ", State.ADDED: "+ ", State.DELETED: "× "}.get(tile.state, "")
    line = QRect(rect.left() + MARGIN, rect.bottom() - height - 1, rect.width() - 2 * MARGIN, height)
    text = metrics.elidedText(mark + tile.box.label, Qt.ElideRight, line.width())
    painter.drawText(line, int(Qt.AlignCenter), text)
