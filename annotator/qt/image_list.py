"""The list of pictures: a virtual list with a search field and a filter."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from PyQt5.QtCore import QAbstractListModel, QModelIndex, QRect, QSize, QSortFilterProxyModel, Qt, pyqtSignal
from PyQt5.QtGui import QColor, QFontMetrics, QPainter
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.session import Session
from converters.colours import class_colour, text_on
from converters.model import AnnotatedImage, Split
from converters.words import counted

KEY_ROLE = Qt.UserRole
IMAGE_ROLE = Qt.UserRole + 1

ALL, UNLABELLED, EMPTY, CHOSEN = "all", "unlabelled", "empty", "chosen"


class ImageListModel(QAbstractListModel):
    """One row an image of the session."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.session = session
        session.listen(self._changed)

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.session.keys)

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid():
            return None
        key = self.session.keys[index.row()]
        if role == KEY_ROLE:
            return key
        image = self.session.image(key)
        if role == Qt.DisplayRole:
            return image.name
        if role == IMAGE_ROLE:
            return image
        if role == Qt.ToolTipRole:
            return self._tooltip(image)
        return None

    def images_changed(self) -> None:
        """Some were removed or brought back."""
        self.beginResetModel()
        self.endResetModel()

    def _changed(self, key: str) -> None:
        index = self.index(self.session.position(key))
        self.dataChanged.emit(index, index)

    def _tooltip(self, image: AnnotatedImage) -> str:
        counts = Counter(box.label for box in image.boxes)
        boxes = ", ".join(f"{n} × {label}" for label, n in counts.most_common()) or (
            "no boxes" if image.labelled else "not labelled yet"
        )
        split = f"\nsplit: {image.split}" if image.split else ""
        return f"{image.path}\n{image.size[0]} × {image.size[1]} px\n{boxes}{split}"


class _Filter(QSortFilterProxyModel):
    """Search by name, and one filter: all, a class, a split, no boxes, not labelled, or certain pictures."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = ""
        self.what: tuple[str, str | frozenset[str]] = (ALL, "")
        # An edit must not make the picture vanish under the person's hands.
        self.setDynamicSortFilter(False)

    def set_filter(self, text: str, what: tuple[str, str | frozenset[str]]) -> None:
        self.text, self.what = text.casefold(), what
        self.invalidateFilter()

    def filterAcceptsRow(self, row: int, parent: QModelIndex) -> bool:
        image: AnnotatedImage = self.sourceModel().data(self.sourceModel().index(row, 0), IMAGE_ROLE)
        if self.text and self.text not in image.key.casefold():
            return False
        kind, value = self.what
        if kind == CHOSEN:
            return image.key in value
        if kind == "class":
            return any(box.label == value for box in image.boxes)
        if kind == "split":
            return image.split == (Split(value) if value else None)
        if kind == EMPTY:
            return not image.boxes
        return kind != UNLABELLED or not image.labelled


class _RowPainter(QStyledItemDelegate):
    """The file's name, and under it its split and the number of boxes of each class in its colour."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._session = session

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(120, 2 * QFontMetrics(option.font).height() + 10)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        image: AnnotatedImage = index.data(IMAGE_ROLE)
        painter.save()
        selected = bool(option.state & QStyle.State_Selected)
        if selected:
            painter.fillRect(option.rect, option.palette.highlight())
        area = option.rect.adjusted(8, 4, -8, -4)
        metrics = QFontMetrics(option.font)
        role = option.palette.HighlightedText if selected else option.palette.Text
        painter.setPen(option.palette.color(role))
        mark = "● " if self._session.is_dirty(image.key) else ""
        name = metrics.elidedText(mark + image.name, Qt.ElideMiddle, area.width())
        painter.drawText(area, int(Qt.AlignTop | Qt.AlignLeft), name)
        line = QRect(area.left(), area.top() + metrics.height() + 2, area.width(), metrics.height())
        self._paint_counts(painter, line, image, metrics)
        painter.restore()

    def _paint_counts(
        self, painter: QPainter, line: QRect, image: AnnotatedImage, metrics: QFontMetrics
    ) -> None:
        x = line.left()
        if image.split is not None:
            text = str(image.split)
            painter.drawText(QRect(x, line.top(), 60, line.height()), int(Qt.AlignVCenter), text)
            x += metrics.horizontalAdvance(text) + 10
        counts = Counter(box.label for box in image.boxes)
        if not counts:
            text = "no boxes" if image.labelled else "not labelled"
            painter.drawText(line.adjusted(x - line.left(), 0, 0, 0), int(Qt.AlignVCenter), text)
            return
        colours = self._session.colours
        for label in (*self._session.class_names, *(set(counts) - set(self._session.class_names))):
            if not counts[label]:
                continue
            colour = class_colour(colours, label)
            text = str(counts[label])
            chip = QRect(x, line.top(), metrics.horizontalAdvance(text) + 10, line.height())
            painter.fillRect(chip, QColor(*colour))
            pen = painter.pen()
            painter.setPen(QColor(*text_on(colour)))
            painter.drawText(chip, int(Qt.AlignCenter), text)
            painter.setPen(pen)
            x = chip.right() + 5


class ImageList(QWidget):
    """Search, filter and the list.

    Signals:
        chosen: Key of the image the person went to.
    """

    chosen = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.search = QLineEdit(placeholderText="Search by name (Ctrl+F)", clearButtonEnabled=True)
        self.filter = QComboBox()
        self.filter.setToolTip("Show only some pictures")
        self.view = QListView()
        self.view.setUniformItemSizes(True)
        self.view.setSelectionMode(QAbstractItemView.SingleSelection)
        self.view.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.view.setFocusPolicy(Qt.ClickFocus)
        self.count = QLabel()
        layout = QVBoxLayout(self)
        layout.setContentsMargins(6, 6, 0, 6)
        for widget in (self.search, self.filter, self.view, self.count):
            layout.addWidget(widget)
        self.setMinimumWidth(170)
        self._proxy = _Filter(self)
        self._key: str | None = None
        self._only: tuple[frozenset[str], str] | None = None
        self.search.textChanged.connect(self._apply)
        self.filter.currentIndexChanged.connect(self._apply)

    def set_session(self, session: Session) -> None:
        """Show another set."""
        self._model = ImageListModel(session, self)
        self._proxy.setSourceModel(self._model)
        self.view.setModel(self._proxy)
        self.view.setItemDelegate(_RowPainter(session, self.view))
        self.view.selectionModel().currentChanged.connect(self._current_changed)
        self._key = None
        self._only = None
        self.search.clear()
        self.refresh_filters()
        self._apply()
        self.step(0)

    def images_changed(self) -> None:
        """Some images were removed or brought back; none is chosen then."""
        self._key = None
        self._model.images_changed()
        self.refresh_filters()
        self._apply()

    def refresh_filters(self) -> None:
        """Offer the session's classes and splits as filters."""
        session = self._model.session
        chosen = self.filter.currentData()
        self.filter.blockSignals(True)
        self.filter.clear()
        self.filter.addItem("All pictures", (ALL, ""))
        for name in session.class_names:
            self.filter.addItem(f"With {name}", ("class", name))
        self.filter.addItem("Without boxes", (EMPTY, ""))
        self.filter.addItem("Not labelled", (UNLABELLED, ""))
        if any(session.image(key).split for key in session.keys):
            for split in Split:
                self.filter.addItem(f"Split: {split}", ("split", str(split)))
        if self._only is not None:
            keys, text = self._only
            self.filter.addItem(f"From Balance: {text}", (CHOSEN, keys))
        index = next((i for i in range(self.filter.count()) if self.filter.itemData(i) == chosen), 0)
        self.filter.setCurrentIndex(index)
        self.filter.blockSignals(False)

    def show_only(self, keys: Iterable[str], text: str) -> None:
        """Filter by certain pictures, and go to the first of them unless one is shown.

        Args:
            keys: Theirs.
            text: What they have in common.
        """
        self._only = frozenset(keys), text
        self.search.clear()
        self.refresh_filters()
        self.filter.setCurrentIndex(self.filter.count() - 1)
        self._apply()
        if not self.view.currentIndex().isValid():
            self.step(0)

    def go_to(self, key: str) -> None:
        """Select an image; where the filter hides it, the filter is taken away."""
        index = self._proxy.mapFromSource(self._model.index(self._model.session.position(key)))
        if not index.isValid():
            self.search.clear()
            self.filter.setCurrentIndex(0)
            index = self._proxy.mapFromSource(self._model.index(self._model.session.position(key)))
        self.view.setCurrentIndex(index)
        self.view.scrollTo(index)

    def step(self, by: int) -> None:
        """Go on by some rows of what the filter shows."""
        current = self.view.currentIndex()
        # From a picture that the filter hides: to the first (or last) of those it shows.
        row = current.row() + by if current.isValid() else (0 if by >= 0 else self._proxy.rowCount() - 1)
        row = min(max(row, 0), self._proxy.rowCount() - 1)
        if row >= 0:
            self.view.setCurrentIndex(self._proxy.index(row, 0))

    def neighbours(self, reach: int = 2) -> list[str]:
        """Keys of the images after and before the current one, nearest first, to be decoded ahead."""
        current = self.view.currentIndex()
        if not current.isValid():
            return []
        rows = [current.row() + delta for step in range(1, reach + 1) for delta in (step, -step)]
        return [self._proxy.index(row, 0).data(KEY_ROLE) for row in rows if 0 <= row < self._proxy.rowCount()]

    def _apply(self) -> None:
        if self.view.model() is None:
            return
        what = self.filter.currentData() or (ALL, "")
        self._proxy.set_filter(self.search.text(), what)
        shown, total = self._proxy.rowCount(), self._model.rowCount()
        pictures = counted(total, "picture")
        self.count.setText(pictures if shown == total else f"{shown} of {pictures}")
        # What is worked on stays; it is marked again as soon as the filter shows it.
        if self._key is not None and not self.view.currentIndex().isValid():
            index = self._proxy.mapFromSource(self._model.index(self._model.session.position(self._key)))
            if index.isValid():
                self.view.setCurrentIndex(index)
        if self.view.currentIndex().isValid():
            self.view.scrollTo(self.view.currentIndex())

    def _current_changed(self, current: QModelIndex) -> None:
        if current.isValid():
            self._key = current.data(KEY_ROLE)
            self.chosen.emit(self._key)
