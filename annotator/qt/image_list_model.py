"""The rows of the list of pictures: a tuple of keys that was filtered and sorted beforehand."""

from __future__ import annotations

from collections import Counter

from PyQt5.QtCore import QAbstractListModel, QModelIndex, QObject, Qt

from annotator.core.session import Session
from annotator.qt.translation import tr, tr_n
from converters.model import AnnotatedImage

KEY_ROLE = Qt.UserRole
IMAGE_ROLE = Qt.UserRole + 1


class ImageListModel(QAbstractListModel):
    """One row a picture that is shown. Nothing is computed for a row before it is painted."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session: Session | None = None
        self.shown: tuple[str, ...] = ()
        self._rows: dict[str, int] | None = None

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.shown)

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid() or self.session is None:
            return None
        key = self.shown[index.row()]
        if role == KEY_ROLE:
            return key
        if key not in self.session:  # removed, and the list is about to be told
            return None
        if role == Qt.DisplayRole:
            return self.session.image(key).name
        if role == IMAGE_ROLE:
            return self.session.image(key)
        if role == Qt.ToolTipRole:
            return _tooltip(self.session.image(key))
        return None

    def show(self, session: Session, keys: tuple[str, ...]) -> None:
        """Show other pictures, or the same in another order."""
        self.beginResetModel()
        self.session, self.shown, self._rows = session, keys, None
        self.endResetModel()

    def row_of(self, key: str | None) -> int | None:
        """Row of a picture; None where it is not shown."""
        if key is None or self.session is None:
            return None
        if self.shown is self.session.keys:
            return self.session.position(key) if key in self.session else None
        if self._rows is None:
            self._rows = {other: row for row, other in enumerate(self.shown)}
        return self._rows.get(key)


def _tooltip(image: AnnotatedImage) -> str:
    counts = Counter(box.label for box in image.boxes)
    boxes = ", ".join(f"{n:,} × {label}" for label, n in counts.most_common())
    if not boxes:
        boxes = tr("empty: nothing to label in it") if image.labelled else tr("not labelled yet")
    else:
        boxes = f"{tr_n('{n} box', '{n} boxes', len(image.boxes))}: {boxes}"
    lines = [str(image.path), f"{image.size[0]} × {image.size[1]} px", boxes]
    if image.split is not None:
        lines.append(tr("Split: {split}", split=image.split))
    lines.append(tr("Reviewed") if image.reviewed else tr("Not reviewed"))
    return "\n".join(lines)
