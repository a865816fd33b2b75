"""Two pictures that show the same, side by side with their boxes: which one stays?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QImage, QPainter
from PyQt5.QtWidgets import QDialog, QDialogButtonBox, QGridLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from annotator.core.session import Session
from annotator.qt import painting
from annotator.qt.loader import ImageLoader
from annotator.qt.painting import PaintContext
from annotator.qt.picture_view import PictureView
from annotator.qt.translation import tr, tr_n
from converters.model import AnnotatedImage, Box


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person chose.

    Attributes:
        remove: The picture that goes to the trash.
        boxes_of: The picture whose boxes the other one gets.
    """

    remove: str | None = None
    boxes_of: str | None = None


class TwinView(PictureView):
    """One of the pictures, with its boxes."""

    def __init__(self, image: AnnotatedImage, class_names: tuple[str, ...]) -> None:
        super().__init__()
        self.class_names = class_names
        self.boxes: tuple[Box, ...] = image.boxes

    def paint_layers(self, painter: QPainter, context: PaintContext) -> None:
        painting.paint_boxes(painter, self.boxes, context)


class TwinsDialog(QDialog):
    """Both pictures, zoomed together."""

    def __init__(self, session: Session, first: str, second: str, kept: str, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("The same picture twice"))
        self.choice: Choice | None = None
        self._loader = ImageLoader(self)
        self._loader.loaded.connect(self._loaded)
        self._loader.failed.connect(self._failed)
        grid = QGridLayout()
        self._views: dict[str, TwinView] = {}
        keys = (first, second)
        for column, key in enumerate(keys):
            image = session.image(key)
            view = TwinView(image, session.class_names)
            self._views[str(image.path)] = view
            name = QLabel(_about(image))
            name.setToolTip(str(image.path))
            name.setTextFormat(Qt.PlainText)
            name.setWordWrap(True)
            grid.addWidget(name, 0, column)
            grid.addWidget(view, 1, column)
            keep = QPushButton(tr("Keep this one, the other to the trash"))
            other = keys[1 - column]
            keep.clicked.connect(lambda checked=False, other=other: self._choose(Choice(remove=other)))
            keep.setDefault(key == kept)
            grid.addWidget(keep, 2, column)
            take = QPushButton(tr("Keep both, with these boxes"))
            take.clicked.connect(lambda checked=False, key=key: self._choose(Choice(boxes_of=key)))
            take.setEnabled(
                session.image(other).boxes != image.boxes and session.image(other).size == image.size
            )
            grid.addWidget(take, 3, column)
            grid.setColumnStretch(column, 1)
            self._loader.request(image.path)
        grid.setRowStretch(1, 1)
        left, right = self._views.values()
        left.viewport_changed.connect(right.follow)
        right.viewport_changed.connect(left.follow)
        buttons = QDialogButtonBox()
        buttons.addButton(tr("Change nothing"), QDialogButtonBox.RejectRole)
        buttons.rejected.connect(self.reject)
        column_layout = QVBoxLayout(self)
        column_layout.addLayout(grid, 1)
        column_layout.addWidget(buttons)
        self.resize(980, 600)

    def done(self, result: int) -> None:
        self._loader.shut_down()
        super().done(result)

    def _choose(self, choice: Choice) -> None:
        self.choice = choice
        self.accept()

    def _loaded(self, path: str, picture: QImage) -> None:
        if path in self._views:
            self._views[path].show_image(picture)

    def _failed(self, path: str, problem: str) -> None:
        if path in self._views:
            self._views[path].show_notice(problem)


def _about(image: AnnotatedImage) -> str:
    boxes = tr_n("{n} box", "{n} boxes", len(image.boxes))
    split = f" · {image.split}" if image.split is not None else ""
    return f"{Path(image.path).name} · {boxes}{split}"


def ask_which(parent: QWidget, session: Session, first: str, second: str, kept: str) -> Choice | None:
    """Show two pictures and ask; None: nothing is to change.

    Args:
        parent: The window.
        session: The open set.
        first: Key of one picture.
        second: Key of the other.
        kept: Key of the one that is offered to be kept.
    """
    dialog = TwinsDialog(session, first, second, kept, parent)
    dialog.exec_()
    dialog.deleteLater()
    return dialog.choice
