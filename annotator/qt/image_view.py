"""The scrolling part of the list of pictures: keys, selection, and keeping its place."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QItemSelection, QItemSelectionModel, QPoint, Qt
from PyQt5.QtGui import QKeyEvent, QKeySequence, QResizeEvent
from PyQt5.QtWidgets import QAbstractItemView, QListView, QWidget

from annotator.core.session import Session
from annotator.qt.image_list_model import ImageListModel
from annotator.qt.image_rows import RowPainter

_OWN = frozenset({Qt.Key_Up, Qt.Key_Down})
"""Keys that go through the rows while the list has the focus, whatever they do elsewhere."""


class ImageView(QListView):
    """Rows of pictures, of which several can be selected."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows = ImageListModel(self)
        self.painter = RowPainter(self)
        self.setModel(self.rows)
        self.setItemDelegate(self.painter)
        self.setUniformItemSizes(True)
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.setFocusPolicy(Qt.ClickFocus)

    def show_keys(self, session: Session, keys: tuple[str, ...]) -> None:
        """Show other rows; the current one, or else the topmost, stays where it is in the window."""
        anchor, top = self._anchor()
        self.painter.session = session
        self.rows.show(session, keys)
        self._keep_in_place(anchor, top)

    def heights_changed(self) -> None:
        """Rows are of another height now; what is seen stays in sight."""
        anchor, top = self._anchor()
        # The view asks for the height of a row when it lays them out anew.
        self.scheduleDelayedItemsLayout()
        self._keep_in_place(anchor, top)

    def current_key(self) -> str | None:
        """The picture of the current row."""
        row = self.currentIndex().row()
        return self.rows.shown[row] if 0 <= row < len(self.rows.shown) else None

    def go_to_row(self, row: int | None) -> None:
        """Make a row the current one and the only one that is selected; None: no row."""
        if row is None:
            self.selectionModel().clear()
            return
        # Not setCurrentIndex(): with Shift or Ctrl held, as in Shift+D, that would select more and more.
        model = self.selectionModel()
        model.setCurrentIndex(self.rows.index(row, 0), QItemSelectionModel.ClearAndSelect)
        self.scrollTo(self.currentIndex())

    def selected_keys(self) -> tuple[str, ...]:
        """The selected pictures in the list's order."""
        spans = sorted((span.top(), span.bottom()) for span in self.selectionModel().selection())
        return tuple(key for top, bottom in spans for key in self.rows.shown[top : bottom + 1])

    def selectAll(self) -> None:
        """All rows, as one range: the way Qt does it takes each by itself."""
        last = self.rows.rowCount() - 1
        if last >= 0:
            whole = QItemSelection(self.rows.index(0, 0), self.rows.index(last, 0))
            self.selectionModel().select(whole, QItemSelectionModel.ClearAndSelect)

    def visible_rows(self) -> range:
        """Rows that can be seen."""
        height = max(self.painter.height(self.font()), 1)
        first = self.verticalScrollBar().value() // height
        last = (self.verticalScrollBar().value() + self.viewport().height()) // height
        return range(first, min(last + 1, len(self.rows.shown)))

    def update_keys(self, keys: set[str]) -> None:
        """Paint some pictures' rows anew, where they can be seen."""
        for row in self.visible_rows():
            if self.rows.shown[row] in keys:
                self.update(self.rows.index(row, 0))

    def keyboardSearch(self, text: str) -> None:
        """Letters are keys of the window; searching row by row would take long as well."""

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.ShortcutOverride and isinstance(event, QKeyEvent):
            plain = event.modifiers() in (Qt.NoModifier, Qt.ShiftModifier)
            if (event.key() in _OWN and plain) or event.matches(QKeySequence.SelectAll):
                event.accept()
                return True
        return bool(super().event(event))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A lower list goes on showing the current row where it was seen before."""
        before = self.visualRect(self.currentIndex())
        was_seen = before.isValid() and before.top() < event.oldSize().height() and before.bottom() >= 0
        super().resizeEvent(event)
        if was_seen:
            self.scrollTo(self.currentIndex())

    def _anchor(self) -> tuple[str | None, int]:
        """A picture that can be seen, and how far below the upper edge it stands."""
        index = self.currentIndex()
        if not index.isValid() or not self.visualRect(index).intersects(self.viewport().rect()):
            index = self.indexAt(QPoint(1, 1))
        if not index.isValid():
            return None, 0
        return self.rows.shown[index.row()], self.visualRect(index).top()

    def _keep_in_place(self, key: str | None, top: int) -> None:
        """Scroll so that a picture's row stands where it stood."""
        # Until the rows are laid out the scroll bar does not know how far it goes.
        self.executeDelayedItemsLayout()
        row = self.rows.row_of(key)
        if row is not None:
            self.verticalScrollBar().setValue(row * self.painter.height(self.font()) - top)
