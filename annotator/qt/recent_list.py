"""The list of sets that were opened before, with a picture and a few numbers of each."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QEvent, QModelIndex, QObject, QPoint, QRect, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QFont, QFontMetrics, QImage, QImageReader, QPainter, QPalette, QPixmap
from PyQt5.QtWidgets import (
    QListWidget,
    QListWidgetItem,
    QMenu,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
)

from annotator.core.recent import RecentSet, days_ago
from annotator.qt.background import Task
from annotator.qt.translation import tr, tr_n

_SET, _PICTURE, _MISSING = Qt.UserRole, Qt.UserRole + 1, Qt.UserRole + 2
_LINES = 3.9
"""Height of a row in lines of text."""


class RecentList(QListWidget):
    """Rows to be opened by a click or Enter, and to be taken from the list by Del.

    Signals:
        chosen: Path of a set to be opened.
        unwanted: Path of a set to be taken from the list.
    """

    chosen = pyqtSignal(object)
    unwanted = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.setItemDelegate(_Rows(self))
        self.setUniformItemSizes(True)
        self.setMouseTracking(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setVerticalScrollMode(QListWidget.ScrollPerPixel)
        self.setContextMenuPolicy(Qt.CustomContextMenu)
        self.customContextMenuRequested.connect(self._show_menu)
        self.itemClicked.connect(self._open)
        self.installEventFilter(self)
        self._tasks: list[Task] = []

    def show_sets(self, sets: Sequence[RecentSet]) -> None:
        """List these sets; which of them are there, and their pictures, is looked up in the background."""
        self.clear()
        for one in sets:
            item = QListWidgetItem(one.path.name or str(one.path))
            item.setData(_SET, one)
            item.setToolTip(str(one.path))
            self.addItem(item)
        if sets:
            self.setCurrentRow(0)
            side = round(self.fontMetrics().height() * _LINES * 1.5 * self.devicePixelRatioF())
            task = Task(lambda tell: _look_up(sets, side, tell), self)
            task.succeeded.connect(self._looked_up)
            task.finished.connect(lambda: self._tasks.remove(task))
            self._tasks.append(task.start())

    def stop(self) -> None:
        """End what is looked up (the window closes)."""
        for task in tuple(self._tasks):
            task.cancel()
            task.wait()

    def _looked_up(self, found: dict[Path, tuple[bool, QImage]]) -> None:
        for row in range(self.count()):
            item = self.item(row)
            is_there, image = found.get(item.data(_SET).path, (True, QImage()))
            item.setData(_MISSING, not is_there)
            if not image.isNull():
                item.setData(_PICTURE, QPixmap.fromImage(image))
            if not is_there:
                item.setToolTip(
                    tr("{path} is not there now. Del takes it from this list.", path=item.data(_SET).path)
                )

    def missing(self, item: QListWidgetItem) -> bool:
        """Whether a set is known not to be there."""
        return bool(item.data(_MISSING))

    def _open(self, item: QListWidgetItem) -> None:
        if not self.missing(item):
            self.chosen.emit(item.data(_SET).path)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        item = self.currentItem()
        if event.type() == QEvent.KeyPress and item is not None:
            if event.key() in (Qt.Key_Return, Qt.Key_Enter, Qt.Key_Space):
                self._open(item)
                return True
            if event.key() == Qt.Key_Delete:
                self.unwanted.emit(item.data(_SET).path)
                return True
        return False

    def _show_menu(self, place: QPoint) -> None:
        item = self.itemAt(place)
        if item is None:
            return
        path = item.data(_SET).path
        menu = QMenu(self)
        opening = menu.addAction(tr("Open"), lambda: self._open(item))
        opening.setEnabled(not self.missing(item))
        menu.addAction(tr("Remove from the list (Del)"), lambda: self.unwanted.emit(path))
        menu.exec_(self.mapToGlobal(place))


def _look_up(sets: Sequence[RecentSet], side: int, tell) -> dict[Path, tuple[bool, QImage]]:  # type: ignore[no-untyped-def]
    found = {}
    for number, one in enumerate(sets):
        tell(number, len(sets))
        try:
            is_there = one.path.exists()
        except OSError:  # a name too long, a loop of links
            is_there = False
        image = QImage()
        if is_there and one.picture is not None:
            reader = QImageReader(str(one.picture))
            reader.setAutoTransform(True)
            image = reader.read()
            if not image.isNull():
                image = image.scaled(side, side, Qt.KeepAspectRatioByExpanding, Qt.SmoothTransformation)
        found[one.path] = (is_there, image)
    return found


def facts_text(one: RecentSet, missing: bool, now: datetime.datetime) -> str:
    """The third line of a row: numbers, and when it was opened."""
    if missing:
        return tr("Not there now. Del takes it from this list.")
    parts = []
    if one.pictures is not None:
        parts.append(tr_n("{n} picture", "{n} pictures", one.pictures))
    if one.boxes is not None:
        parts.append(tr_n("{n} box", "{n} boxes", one.boxes))
    if one.opened is not None:
        days = days_ago(one.opened, now)
        if days == 0:
            parts.append(tr("opened today, {time}", time=f"{one.opened:%H:%M}"))
        elif days == 1:
            parts.append(tr("opened yesterday"))
        else:
            parts.append(
                tr_n("opened {n} day ago", "opened {n} days ago", days)
                if days < 60
                else tr("opened on {date}", date=f"{one.opened:%Y-%m-%d}")
            )
    return " · ".join(parts)


class _Rows(QStyledItemDelegate):
    """Picture, name, folder, numbers."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(0, round(option.fontMetrics.height() * _LINES + 16))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        view = QStyleOptionViewItem(option)
        self.initStyleOption(view, index)
        view.text = ""
        view.widget.style().drawControl(QStyle.CE_ItemViewItem, view, painter, view.widget)
        selected, missing = bool(option.state & QStyle.State_Selected), bool(index.data(_MISSING))
        palette = option.palette
        strong = palette.color(QPalette.Active, QPalette.HighlightedText if selected else QPalette.Text)
        faint = strong if selected else palette.color(QPalette.Active, QPalette.PlaceholderText)
        if missing and not selected:
            strong = faint = palette.color(QPalette.Disabled, QPalette.Text)
        area = option.rect.adjusted(8, 8, -8, -8)
        frame = QRect(area.topLeft(), QSize(round(area.height() * 1.4), area.height()))
        painter.save()
        self._paint_picture(painter, frame, index.data(_PICTURE), palette, missing)
        text = area.adjusted(frame.width() + 12, 0, 0, 0)
        bold = QFont(option.font)
        bold.setBold(True)
        one = index.data(_SET)
        lines = (
            (bold, strong, index.data(Qt.DisplayRole), Qt.ElideRight),
            (option.font, faint, str(one.path.parent), Qt.ElideMiddle),
            (option.font, faint, facts_text(one, missing, datetime.datetime.now()), Qt.ElideRight),
        )
        height = text.height() // len(lines)
        for number, (font, colour, words, elide) in enumerate(lines):
            painter.setFont(font)
            painter.setPen(colour)
            row = QRect(text.left(), text.top() + number * height, text.width(), height)
            painter.drawText(
                row, Qt.AlignLeft | Qt.AlignVCenter, QFontMetrics(font).elidedText(words, elide, row.width())
            )
        painter.restore()

    def _paint_picture(
        self, painter: QPainter, frame: QRect, picture: QPixmap | None, palette: QPalette, missing: bool
    ) -> None:
        painter.fillRect(frame, palette.color(QPalette.Mid))
        if picture is None or picture.isNull():
            return
        # The middle of it, without a margin.
        scale = max(frame.width() / picture.width(), frame.height() / picture.height())
        width, height = round(frame.width() / scale), round(frame.height() / scale)
        part = QRect((picture.width() - width) // 2, (picture.height() - height) // 2, width, height)
        painter.setRenderHint(QPainter.SmoothPixmapTransform)
        painter.setOpacity(0.4 if missing else 1.0)
        painter.drawPixmap(frame, picture, part)
        painter.setOpacity(1.0)
