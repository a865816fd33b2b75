"""The view of the wall of crops: a grid that paints only what is seen, with selection by mouse and keys."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable

from PyQt5.QtCore import QEvent, QPoint, QRect, QSize, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import (
    QContextMenuEvent,
    QFocusEvent,
    QHelpEvent,
    QKeyEvent,
    QMouseEvent,
    QPainter,
    QPaintEvent,
    QPixmap,
    QResizeEvent,
    QWheelEvent,
)
from PyQt5.QtWidgets import QAbstractScrollArea, QApplication, QRubberBand, QToolTip, QWidget

from annotator.core.gallery import BoxId, Wall
from annotator.core.grid_selection import Grid, GridSelection
from annotator.qt.crop_loader import CropJob, CropLoader
from annotator.qt.gallery_painting import TileLook, caption_height, paint_large, paint_tile
from annotator.qt.translation import tr
from converters.colours import ClassColours
from converters.model import AnnotatedImage

SMALLEST_CELL, LARGEST_CELL, USUAL_CELL = 48, 320, 112
SIDES = (96, 176, 340)
"""Sides that crops are made in: a slightly larger cell needs no new crop."""
PIXMAPS = 1_500
"""How many crops are kept scaled to the size of the cells."""


class GalleryView(QAbstractScrollArea):
    """Shows a :class:`Wall`.

    Signals:
        selection_changed: Another selection.
        opened: Row of the tile to open.
        menu_wanted: Where (on the screen) a menu about the selection is wanted.
        cell_changed: Side of the cells, after the person changed it here.
    """

    selection_changed = pyqtSignal()
    opened = pyqtSignal(int)
    menu_wanted = pyqtSignal(QPoint)
    cell_changed = pyqtSignal(int)

    def __init__(self, crops: CropLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.wall = Wall()
        self.selection = GridSelection()
        self.colours = ClassColours()
        self.image_of: Callable[[str], AnnotatedImage | None] = lambda key: None
        self.tooltip_of: Callable[[int], str] = lambda row: ""
        self.notice = ""
        self.shows_captions = False
        self._crops = crops
        self._cell = USUAL_CELL
        self._pixmaps: OrderedDict[tuple[BoxId, int], QPixmap] = OrderedDict()
        self._press: QPoint | None = None
        self._base: set[int] = set()
        self._band: QRubberBand | None = None
        self._wheel = 0
        self._shows_large = False
        self.setFocusPolicy(Qt.StrongFocus)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        # The width, and with it the number of columns, must not depend on the number of tiles.
        self.setVerticalScrollBarPolicy(Qt.ScrollBarAlwaysOn)
        self.viewport().setMouseTracking(False)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._want_crops)
        self._edge = QTimer(self)
        self._edge.setInterval(30)
        self._edge.timeout.connect(self._scroll_at_edge)
        crops.loaded.connect(self._crops_loaded)

    # What is shown

    @property
    def grid(self) -> Grid:
        """The cells as they lie now."""
        cell = (self._cell, self._cell + (caption_height(self.font()) if self.shows_captions else 0))
        return Grid.fitted(len(self.wall.tiles), self.viewport().width(), cell)

    @property
    def cell(self) -> int:
        """Side of a cell in pixels."""
        return self._cell

    def set_cell(self, side: int) -> None:
        """Another size of cells; what is looked at stays in sight."""
        side = min(max(side, SMALLEST_CELL), LARGEST_CELL)
        if side != self._cell:
            self._keeping_place(lambda: setattr(self, "_cell", side))
            self._pixmaps.clear()
            self.cell_changed.emit(side)

    def set_captions(self, shown: bool) -> None:
        """Whether every crop has the name of its class under it."""
        if shown != self.shows_captions:
            self._keeping_place(lambda: setattr(self, "shows_captions", shown))

    def wall_changed(self) -> None:
        """Tiles were added or look different; none changed its place."""
        self._fit_scroll_bar()
        self._later.start()
        self.viewport().update()

    def show_from_top(self) -> None:
        """The wall was hung anew, for something else."""
        self.selection = GridSelection()
        self._fit_scroll_bar()
        self.verticalScrollBar().setValue(0)
        self.wall_changed()
        self.selection_changed.emit()

    def place(self) -> tuple[list[BoxId], int]:
        """What :meth:`go_back_to` needs: the tiles that are seen, and how far the first is scrolled."""
        top = self.verticalScrollBar().value()
        grid = self.grid
        rows = grid.between(top, top + self.viewport().height())
        offset = grid.place(rows[0])[1] - top if rows else 0
        return [self.wall.tiles[row].id for row in rows], offset

    def go_back_to(self, place: tuple[list[BoxId], int], selected: set[BoxId], current: BoxId | None) -> None:
        """Show what was seen before the wall was hung anew, as far as it is still there."""
        ids, offset = place
        rows = {self.wall.row_of(id_) for id_ in selected}
        here = None if current is None else self.wall.row_of(current)
        self.selection = GridSelection({row for row in rows if row is not None}, here, here)
        self._fit_scroll_bar()
        first = next((row for row in map(self.wall.row_of, ids) if row is not None), None)
        if first is not None:
            self.verticalScrollBar().setValue(self.grid.place(first)[1] - offset)
        self.wall_changed()
        self.selection_changed.emit()

    def reveal(self, row: int) -> None:
        """Scroll as little as makes a tile seen."""
        grid = self.grid
        top, bar = grid.place(row)[1], self.verticalScrollBar()
        if top < bar.value():
            bar.setValue(top)
        elif top + grid.cell[1] > bar.value() + self.viewport().height():
            bar.setValue(top + grid.cell[1] - self.viewport().height())

    def select_all(self) -> None:
        """Select every tile."""
        self.selection.select_all(len(self.wall.tiles))
        self._selected()

    def forget_pixmaps(self) -> None:
        """Drop the scaled crops (another set, or the crops were made anew)."""
        self._pixmaps.clear()

    def _keeping_place(self, change: Callable[[], None]) -> None:
        grid, bar = self.grid, self.verticalScrollBar()
        seen = grid.between(bar.value(), bar.value() + self.viewport().height())
        current = self.selection.current
        anchor = current if current is not None and current in seen else (seen[0] if seen else None)
        offset = grid.place(anchor)[1] - bar.value() if anchor is not None else 0
        change()
        self._fit_scroll_bar()
        if anchor is not None:
            bar.setValue(self.grid.place(anchor)[1] - max(offset, 0))
        self._later.start()
        self.viewport().update()

    def _fit_scroll_bar(self) -> None:
        grid, bar = self.grid, self.verticalScrollBar()
        height = self.viewport().height()
        bar.setRange(0, max(0, grid.height - height))
        bar.setPageStep(max(height, 1))
        bar.setSingleStep(max(grid.cell[1] // 3, 1))

    def _selected(self) -> None:
        self.viewport().update()
        self.selection_changed.emit()

    # Crops

    def _side(self) -> int:
        need = self._cell * self.devicePixelRatioF()
        return next((side for side in SIDES if side >= need), SIDES[-1])

    def _want_crops(self) -> None:
        """Ask for the crops that are seen, then for those of the next and the previous page."""
        if not self.isVisible():
            return
        grid, side = self.grid, self._side()
        top, height = self.verticalScrollBar().value(), self.viewport().height()
        rows = [
            *grid.between(top, top + height),
            *grid.between(top + height, top + 2 * height),
            *reversed(grid.between(top - height, top)),
        ]
        wanted: OrderedDict[str, dict[BoxId, None]] = OrderedDict()
        for row in dict.fromkeys(rows):
            id_ = self.wall.tiles[row].id
            if self._crops.lacks(id_, side):
                wanted.setdefault(id_[0], {})[id_] = None
        self._crops.want(job for key, ids in wanted.items() if (job := self._job(key, ids, side)) is not None)

    def _job(self, key: str, seen: dict[BoxId, None], side: int) -> CropJob | None:
        image = self.image_of(key)
        if image is None:
            return None
        # What is seen comes last into the cache, so that it leaves it last.
        others = [self.wall.tiles[row].id for row in self.wall.rows_of(key)]
        ids = dict.fromkeys([*(id_ for id_ in others if id_ not in seen), *seen])
        return CropJob(key, image.path, tuple(id_[1] for id_ in ids), side)

    def _crops_loaded(self, key: str) -> None:
        side = self._cell
        for row in self.wall.rows_of(key):
            self._pixmaps.pop((self.wall.tiles[row].id, side), None)
        self.viewport().update()

    def _pixmap(self, id_: BoxId) -> QPixmap | None:
        found = self._pixmaps.get((id_, self._cell))
        if found is not None:
            self._pixmaps.move_to_end((id_, self._cell))
            return found
        crop = self._crops.crop(id_)
        if crop is None:
            return None
        ratio = self.devicePixelRatioF()
        room = max(int((self._cell - 8) * ratio), 1)
        pixmap = QPixmap.fromImage(
            crop.scaled(QSize(room, room), Qt.KeepAspectRatio, Qt.SmoothTransformation)
        )
        pixmap.setDevicePixelRatio(ratio)
        self._pixmaps[(id_, self._cell)] = pixmap
        while len(self._pixmaps) > PIXMAPS:
            self._pixmaps.popitem(last=False)
        return pixmap

    # Painting and scrolling

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self.viewport())
        painter.fillRect(event.rect(), self.palette().base())
        if not self.wall.tiles:
            painter.setPen(self.palette().text().color())
            area = self.viewport().rect().adjusted(24, 24, -24, -24)
            painter.drawText(area, int(Qt.AlignCenter | Qt.TextWordWrap), self.notice)
            return
        grid, top = self.grid, self.verticalScrollBar().value()
        for row in grid.between(top + event.rect().top(), top + event.rect().bottom() + 1):
            x, y = grid.place(row)
            tile = self.wall.tiles[row]
            look = TileLook(
                rect=QRect(x, y - top, *grid.cell),
                pixmap=self._pixmap(tile.id),
                problem=bool(self._crops.problem(tile.key)),
                selected=row in self.selection.rows,
                current=row == self.selection.current and self.hasFocus(),
                caption=self.shows_captions,
            )
            paint_tile(painter, tile, look, self.colours, self.palette())
        current = self.selection.current
        if self._shows_large and current is not None and current < len(self.wall.tiles):
            crop = self._crops.crop(self.wall.tiles[current].id)
            if crop is not None:
                paint_large(painter, crop, self.wall.tiles[current], self.viewport().rect(), self.colours)

    def scrollContentsBy(self, dx: int, dy: int) -> None:
        self._later.start()
        self.viewport().update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        old = event.oldSize()
        if old.width() > 0 and old.width() != event.size().width():
            # Another number of columns: the first line that was seen stays the first.
            height = self.grid.cell[1]
            first = self.verticalScrollBar().value() // height * max(1, old.width() // self._cell)
            self._fit_scroll_bar()
            if first < len(self.wall.tiles):
                self.verticalScrollBar().setValue(self.grid.place(first)[1])
        self._fit_scroll_bar()
        self._later.start()

    def showEvent(self, event: QEvent) -> None:
        super().showEvent(event)
        self._later.start()

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.viewport().update()

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self.viewport().update()

    def wheelEvent(self, event: QWheelEvent) -> None:
        if not event.modifiers() & Qt.ControlModifier:
            super().wheelEvent(event)
            return
        self._wheel += event.angleDelta().y()
        steps, self._wheel = int(self._wheel / 120), int(self._wheel % (120 if self._wheel > 0 else -120))
        if steps:
            self.zoom(steps)
        event.accept()

    def zoom(self, steps: int) -> None:
        """Larger or smaller cells."""
        self.set_cell(round(self._cell * 1.15**steps) + (steps > 0))

    # Mouse

    def _row_at(self, at: QPoint) -> int | None:
        return self.grid.at(at.x(), at.y() + self.verticalScrollBar().value())

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if event.button() != Qt.LeftButton:
            return
        if self._shows_large:
            self._shows_large = False
            self.viewport().update()
            return
        toggle = bool(event.modifiers() & Qt.ControlModifier)
        extend = bool(event.modifiers() & Qt.ShiftModifier)
        row = self._row_at(event.pos())
        self._press = event.pos() + QPoint(0, self.verticalScrollBar().value())
        self._base = set(self.selection.rows) if toggle or extend else set()
        if row is not None:
            self.selection.click(row, toggle=toggle, extend=extend)
        elif not toggle and not extend:
            self.selection.clear()
        self._selected()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._press is None or not event.buttons() & Qt.LeftButton:
            return
        at = event.pos() + QPoint(0, self.verticalScrollBar().value())
        if self._band is None:
            if (at - self._press).manhattanLength() < 2 * QApplication.startDragDistance():
                return
            self._band = QRubberBand(QRubberBand.Rectangle, self.viewport())
            self._band.show()
        self._stretch_band(event.pos())
        self._edge.start()

    def _stretch_band(self, at: QPoint) -> None:
        if self._band is None or self._press is None:
            return
        top = self.verticalScrollBar().value()
        end = at + QPoint(0, top)
        self._band.setGeometry(QRect(self._press - QPoint(0, top), at).normalized())
        rows = self.grid.inside(self._press.x(), self._press.y(), end.x(), end.y())
        self.selection.band(rows, self._base)
        self._selected()

    def _scroll_at_edge(self) -> None:
        """The band goes on where the pointer is held above or below the view."""
        at = self.viewport().mapFromGlobal(self.cursor().pos())
        beyond = at.y() if at.y() < 0 else max(0, at.y() - self.viewport().height())
        if beyond:
            bar = self.verticalScrollBar()
            bar.setValue(bar.value() + max(-60, min(60, beyond)))
            self._stretch_band(at)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._edge.stop()
        self._press = None
        if self._band is not None:
            self._band.deleteLater()
            self._band = None

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        row = self._row_at(event.pos())
        if event.button() == Qt.LeftButton and row is not None:
            self._press = None
            self.opened.emit(row)

    def contextMenuEvent(self, event: QContextMenuEvent) -> None:
        row = self._row_at(event.pos())
        if event.reason() == QContextMenuEvent.Mouse and row is not None and row not in self.selection.rows:
            self.selection.click(row)
            self._selected()
        self.menu_wanted.emit(event.globalPos())

    def viewportEvent(self, event: QEvent) -> bool:
        if event.type() == QEvent.ToolTip and isinstance(event, QHelpEvent):
            row = self._row_at(event.pos())
            QToolTip.showText(event.globalPos(), "" if row is None else self.tooltip_of(row), self)
            return True
        return bool(super().viewportEvent(event))

    # Keys

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if not self._move_by(event) and not self._act_by(event):
            event.ignore()

    def _move_by(self, event: QKeyEvent) -> bool:
        grid = self.grid
        lines = max(1, self.viewport().height() // grid.cell[1] - 1)
        steps = {
            Qt.Key_Left: (-1, 0), Qt.Key_Right: (1, 0), Qt.Key_Up: (0, -1), Qt.Key_Down: (0, 1),
            Qt.Key_PageUp: (0, -lines), Qt.Key_PageDown: (0, lines),
            Qt.Key_Home: (-grid.count, 0), Qt.Key_End: (grid.count, 0),
        }  # fmt: skip
        if event.key() not in steps or not grid.count:
            return False
        current = self.selection.current
        if current is None:
            top = self.verticalScrollBar().value()
            seen = grid.between(top, top + self.viewport().height())
            row = grid.count - 1 if event.key() == Qt.Key_End else (seen[0] if seen else 0)
        else:
            row = grid.step(current, *steps[event.key()])
        extend = bool(event.modifiers() & Qt.ShiftModifier)
        self.selection.move(row, extend=extend, keep=bool(event.modifiers() & Qt.ControlModifier))
        self.reveal(row)
        self._selected()
        return True

    def _act_by(self, event: QKeyEvent) -> bool:
        key, control = event.key(), bool(event.modifiers() & Qt.ControlModifier)
        current = self.selection.current
        if control and key == Qt.Key_Space and current is not None:
            self.selection.click(current, toggle=True)
            self._selected()
        elif control:
            return False
        elif key in (Qt.Key_Return, Qt.Key_Enter) and current is not None:
            self.opened.emit(current)
        elif key == Qt.Key_Space:
            self._shows_large = not self._shows_large and current is not None
            self.viewport().update()
        elif key == Qt.Key_Escape and self._shows_large:
            self._shows_large = False
            self.viewport().update()
        elif key == Qt.Key_Escape:
            self.selection.clear()
            self._selected()
        else:
            return False
        return True


def keys_text() -> str:
    """What the keys do here, in a line."""
    return tr(
        "1…9 relabel · Del delete · Enter opens the picture, G comes back · Space shows it large · "
        "Shift or Ctrl selects several · + and − size · R refreshes"
    )
