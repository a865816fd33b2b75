"""A few validation pictures with what the saved weights see on them, while the training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from PyQt5.QtCore import QEvent, QRect, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QFont, QHelpEvent, QImage, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPalette
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QSizePolicy, QToolButton, QToolTip, QVBoxLayout, QWidget

from annotator.core.predictions import Comparison, compare
from annotator.core.viewport import Viewport
from annotator.darknet.evaluation.checkpoint_seen import Seen, SeenPicture, read_seen
from annotator.darknet.evaluation.notes import CONF_THRESHOLD
from annotator.darknet.run.folder import RunFolder
from annotator.qt import painting
from annotator.qt.background import Task
from annotator.qt.painting import PaintContext
from annotator.qt.translation import tr, tr_n
from converters.colours import ClassColours
from converters.errors import DataError

_SIDE = 640
"""Pictures are decoded so large at most: six of them are shown beside each other."""
_GAP = 6
_CAPTIONS_FROM = 150
"""Shorter side of a picture in the window from which boxes are named on it."""
_MOST_NAMED = 8

Decoded = tuple[QImage, tuple[int, int]]
"""A picture made smaller, and its real (width, height)."""


class SeenPictures(QWidget):
    """The pictures, and which of the checkpoints looked at them.

    Signals:
        chosen: The iteration that the person wants to see; 0: always the newest.
        opened: Place of a picture that the person wants to see large.
        changed: Others are known.
    """

    chosen = pyqtSignal(int)
    opened = pyqtSignal(int)
    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.run: RunFolder | None = None
        self.seen: Mapping[int, Seen] = {}
        self.pictures: dict[str, Decoded] = {}
        self.colours: Callable[[tuple[str, ...]], ClassColours] | None = None
        self._wanted = 0
        self._task: Task | None = None
        self._again = False
        self.older = QToolButton(arrowType=Qt.LeftArrow)
        self.newer = QToolButton(arrowType=Qt.RightArrow)
        self.older.setToolTip(tr("What the weights saved before these saw (Page Up)"))
        self.newer.setToolTip(tr("What the weights saved after these saw (Page Down)"))
        self.older.clicked.connect(lambda: self.step(-1))
        self.newer.clicked.connect(lambda: self.step(1))
        self.title = QLabel()
        self.grid = _Grid(self)
        row = QHBoxLayout()
        for part in (self.older, self.newer):
            row.addWidget(part)
        row.addWidget(self.title, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 2, 0, 0)
        column.setSpacing(2)
        column.addLayout(row)
        column.addWidget(self.grid, 1)
        self._show()

    def set_colours(self, colours: Callable[[tuple[str, ...]], ClassColours] | None) -> None:
        """The colours of the open set, for class names."""
        self.colours = self.grid.colours = colours

    def show_run(self, run: RunFolder | None) -> None:
        """Show what this run's weights saw; None: nothing."""
        if run is None or self.run is None or run.path != self.run.path:
            self.seen, self.pictures, self._wanted = {}, {}, 0
        self.run = run
        self.look_again()

    def look_again(self) -> None:
        """More may have been measured."""
        if self.run is None or self._task is not None:
            self._again = self.run is not None
            self._show()
            return
        run, known = self.run, dict(self.pictures)
        task = Task(lambda tell: _read(run, known), self)
        task.succeeded.connect(lambda found: self._take(run, *found))
        task.finished.connect(self._ended)
        self._task = task.start()

    def _take(self, run: RunFolder, seen: Mapping[int, Seen], pictures: dict[str, Decoded]) -> None:
        if self.run is not None and run.path == self.run.path:
            self.seen, self.pictures = seen, pictures
            self._show()
            self.changed.emit()

    def _ended(self) -> None:
        self._task = None
        if self._again:
            self._again = False
            self.look_again()

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self._again = False
        if self._task is not None:
            self._task.wait()

    # Which checkpoint

    @property
    def iteration(self) -> int:
        """Of the weights that are shown; 0 where none were measured."""
        newest = max(self.seen, default=0)
        return self._wanted if self._wanted in self.seen else newest

    def show_iteration(self, iteration: int) -> None:
        """Show what these weights saw; of the newest: and of newer ones when they come."""
        newest = max(self.seen, default=0)
        self._wanted = 0 if iteration == newest else iteration
        self._show()

    def step(self, by: int) -> None:
        """Show an older or newer checkpoint."""
        known = list(self.seen)
        if known:
            place = min(max(known.index(self.iteration) + by, 0), len(known) - 1)
            self.show_iteration(known[place])
            self.chosen.emit(self._wanted)

    def _show(self) -> None:
        known = list(self.seen)
        place = known.index(self.iteration) if known else -1
        self.older.setEnabled(place > 0)
        self.newer.setEnabled(0 <= place < len(known) - 1)
        if not known:
            self.title.setText(tr("What the network sees is shown here when saved weights were measured."))
        elif place == len(known) - 1:
            self.title.setText(tr("Seen at iteration {iteration}, the newest", iteration=self.iteration))
        else:
            self.title.setText(tr("Seen at iteration {iteration}", iteration=self.iteration))
        names = self.run.info.class_names if self.run is not None else ()
        shown = self.seen.get(self.iteration)
        self.grid.show_pictures(shown.pictures if shown else (), self.pictures, names)


class _Grid(QWidget):
    """Paints the pictures, as large as they go."""

    def __init__(self, owner: SeenPictures) -> None:
        super().__init__(owner)
        self._owner = owner
        self.colours: Callable[[tuple[str, ...]], ClassColours] | None = None
        self._names: tuple[str, ...] = ()
        self._shown: tuple[tuple[SeenPicture, Comparison], ...] = ()
        self._pictures: Mapping[str, Decoded] = {}
        self.current = 0
        self.setFocusPolicy(Qt.StrongFocus)
        self.setSizePolicy(QSizePolicy.Expanding, QSizePolicy.Expanding)
        self.setMinimumSize(200, 100)
        self.setAccessibleName(tr("What the network sees on validation pictures"))

    def sizeHint(self) -> QSize:
        return QSize(480, 220)

    def show_pictures(
        self, shown: tuple[SeenPicture, ...], pictures: Mapping[str, Decoded], names: tuple[str, ...]
    ) -> None:
        """Show these."""
        self._shown = tuple((one, compare(one.truths, one.found, CONF_THRESHOLD)) for one in shown)
        self._pictures, self._names = pictures, names
        self.current = min(self.current, max(0, len(shown) - 1))
        self.update()

    # Where

    def cell(self, place: int) -> QRect:
        """Where a picture is, with its line of text."""
        count = max(1, len(self._shown))
        columns = max(range(1, count + 1), key=lambda number: self._side(number, -(-count // number)))
        rows = -(-count // columns)
        width, height = self.width() // columns, self.height() // rows
        return QRect(place % columns * width, place // columns * height, width, height).adjusted(
            _GAP // 2, _GAP // 2, -(_GAP // 2), -(_GAP // 2)
        )

    def _side(self, columns: int, rows: int) -> float:
        """How large a picture of common proportions is in so many columns and rows."""
        line = self.fontMetrics().height()
        return min(self.width() / columns / 4, (self.height() / rows - line) / 3)

    def _at(self, event: QMouseEvent | QHelpEvent) -> int | None:
        places = range(len(self._shown))
        return next((place for place in places if self.cell(place).contains(event.pos())), None)

    # Painting

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        for place, (one, comparison) in enumerate(self._shown):
            self._paint(painter, self.cell(place), one, comparison)
            if self.hasFocus() and place == self.current:
                painter.setPen(self.palette().color(QPalette.Highlight))
                painter.setBrush(Qt.NoBrush)
                painter.drawRect(self.cell(place).adjusted(-2, -2, 1, 1))

    def _paint(self, painter: QPainter, cell: QRect, one: SeenPicture, comparison: Comparison) -> None:
        line = self.fontMetrics().height()
        room = cell.adjusted(0, 0, 0, -line - 2)
        decoded = self._pictures.get(one.entry)
        painter.save()
        painter.setPen(self.palette().color(QPalette.WindowText))
        below = QRect(cell.left(), room.bottom() + 2, cell.width(), line)
        text = self.fontMetrics().elidedText(_said(comparison), Qt.ElideRight, cell.width())
        painter.drawText(below, int(Qt.AlignHCenter | Qt.AlignVCenter), text)
        painter.setClipRect(room)
        painter.translate(room.topLeft())
        if decoded is None:
            painter.drawText(QRect(0, 0, room.width(), room.height()), int(Qt.AlignCenter), "…")
        else:
            image, size = decoded
            view = (room.width(), room.height())
            colours = self.colours(self._names) if self.colours is not None else self._names
            font = QFont(self.font())
            font.setPointSizeF(max(font.pointSizeF() * 0.85, 7.0))
            viewport = Viewport.fitted(size, view, margin=0.0)
            drawn = min(size[0] * viewport.scale, size[1] * viewport.scale)
            named = drawn >= _CAPTIONS_FROM and len(comparison.shown) <= _MOST_NAMED
            context = PaintContext(viewport, view, colours, font, named, self.devicePixelRatioF())
            painting.paint_picture(painter, image, context, size)
            missed = tuple(one.truths[index] for index in sorted(comparison.missed))
            painting.paint_missed(painter, missed, frozenset(range(len(missed))), context)
            painting.paint_predictions(painter, comparison.shown, comparison.correct, context)
        painter.restore()

    # Events

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent) and event.type() == QEvent.ToolTip:
            place = self._at(event)
            if place is None:
                QToolTip.hideText()
            else:
                one, comparison = self._shown[place]
                QToolTip.showText(event.globalPos(), _tip(one, comparison), self, self.cell(place))
            return True
        return super().event(event)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        place = self._at(event)
        if place is not None:
            self.current = place
            self.update()

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        place = self._at(event)
        if place is not None:
            self._owner.opened.emit(place)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key_Left: -1, Qt.Key_Right: 1}
        if event.key() in steps and self._shown:
            self.current = (self.current + steps[event.key()]) % len(self._shown)
            self.update()
        elif event.key() in (Qt.Key_PageUp, Qt.Key_PageDown):
            self._owner.step(-1 if event.key() == Qt.Key_PageUp else 1)
        elif event.key() in (Qt.Key_Return, Qt.Key_Enter) and self._shown:
            self._owner.opened.emit(self.current)
        else:
            super().keyPressEvent(event)


def _said(comparison: Comparison) -> str:
    """``✓ 2  ✗ 1  ○ 1``, in words where one points at it."""
    return f"✓ {comparison.true_positives}   ✗ {comparison.false_positives}   ○ {len(comparison.missed)}"


def _tip(one: SeenPicture, comparison: Comparison) -> str:
    said = (
        tr_n("{n} right", "{n} right", comparison.true_positives),
        tr_n("{n} wrong", "{n} wrong", comparison.false_positives),
        tr_n("{n} missed", "{n} missed", len(comparison.missed)),
    )
    confidence = tr("Confidence from {percent:.0f} %", percent=100 * CONF_THRESHOLD)
    larger = tr("A double click, or Enter, shows it large")
    return "\n".join((Path(one.entry).name, " · ".join(said), confidence, larger))


def _read(run: RunFolder, known: dict[str, Decoded]) -> tuple[Mapping[int, Seen], dict[str, Decoded]]:
    """What was seen, and its pictures; one that cannot be read is left out."""
    from annotator.qt.loader import to_qimage
    from converters.images import load_small, read_header

    seen = read_seen(run)
    pictures: dict[str, Decoded] = {}
    for one in (one for each in seen.values() for one in each.pictures):
        if one.entry in pictures:
            continue
        if one.entry in known:
            pictures[one.entry] = known[one.entry]
            continue
        try:
            path = one.path_in(run)
            pictures[one.entry] = (to_qimage(load_small(path, _SIDE)), read_header(path).size)
        except DataError:
            continue  # the evaluation says what is wrong with it
    return seen, pictures
