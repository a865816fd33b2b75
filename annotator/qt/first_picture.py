"""What is seen while a set is read: its first picture with its boxes, and how far the reading has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, QObject, Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QLabel, QProgressBar, QPushButton, QVBoxLayout, QWidget

from annotator.core.first_look import FirstLook
from annotator.qt.translation import tr, tr_n

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

_SHOW_AFTER = 400
"""Milliseconds; a set that is read in less needs no word about it."""
_TOLD_FOR = 4000
"""Milliseconds for which it is said why nothing can be edited yet."""
_EDITING = (QEvent.MouseButtonPress, QEvent.MouseButtonDblClick, QEvent.ContextMenu)


class ReadingStrip(QWidget):
    """Lies over the list of pictures while there is nothing to list yet.

    Signals:
        cancelled: The person does not want to wait.
    """

    cancelled = pyqtSignal()

    def __init__(self, over: QWidget) -> None:
        super().__init__(over)
        self.setAutoFillBackground(True)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setAlignment(Qt.AlignCenter)
        self.bar = QProgressBar()
        self.bar.setRange(0, 0)
        self.bar.setTextVisible(False)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setFocusPolicy(Qt.NoFocus)
        self.cancel.clicked.connect(self.cancelled)
        layout = QVBoxLayout(self)
        layout.addStretch()
        for widget in (self.text, self.bar, self.cancel):
            widget.hide()
            layout.addWidget(widget)
        layout.addStretch()
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.timeout.connect(self._show_all)
        self._later.start(_SHOW_AFTER)
        over.installEventFilter(self)
        self.setGeometry(over.rect())
        self.raise_()
        self.show()

    def tell(self, done: int, total: int) -> None:
        """Show how far it is."""
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.text.setText(tr("Reading the set: {done} of {total}", done=f"{done:,}", total=f"{total:,}"))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Resize:
            self.setGeometry(self.parentWidget().rect())
        return False

    def _show_all(self) -> None:
        for widget in (self.text, self.bar, self.cancel):
            widget.show()


class FirstPicture(QObject):
    """Shows a first look on the labelling page until the set is there.

    Looking and zooming work; nothing is edited.

    Signals:
        shown: The picture is on the screen, or it is known that it cannot be read.
        cancelled: The person does not want to wait for the set.
    """

    shown = pyqtSignal()
    cancelled = pyqtSignal()

    def __init__(self, window: MainWindow, look: FirstLook) -> None:
        super().__init__(window)
        self._window = window
        self._look = look
        self._done, self._total = 0, look.number
        label = window.label
        self.strip = ReadingStrip(label.images)
        self.strip.text.setText(
            tr_n("Reading the set: {n} picture", "Reading the set: {n} pictures", look.number)
        )
        self.strip.cancelled.connect(self.cancelled)
        window.keys.enable()
        window.setWindowTitle(f"{look.root.name} — mask-annotator")
        window.stack.setCurrentWidget(window.tabs)
        window.tabs.setCurrentWidget(label)
        window.tabs.tabBar().setEnabled(False)
        label.project, label.key = None, None
        label.boxes.setEnabled(False)
        label.boxes.set_classes(look.colours, "")
        label.boxes.set_boxes(look.image.boxes)
        label.canvas.class_names, label.canvas.colours = look.colours.names, look.colours
        label.canvas.set_image(look.image.key, look.image.boxes)
        label.canvas.installEventFilter(self)
        window.loader.loaded.connect(self._loaded)
        window.loader.failed.connect(self._failed)
        picture = window.loader.request(look.image.path)
        if picture is not None:
            self._loaded(str(look.image.path), picture)
        else:
            label.canvas.show_notice(tr("{name} is being read…", name=look.image.name))

    def tell(self, done: int, total: int) -> None:
        """The set has been read so far."""
        self._done, self._total = done, total
        self.strip.tell(done, total)

    def end(self) -> None:
        """The set is there, or will not be."""
        window = self._window
        window.label.canvas.removeEventFilter(self)
        window.loader.loaded.disconnect(self._loaded)
        window.loader.failed.disconnect(self._failed)
        window.label.boxes.setEnabled(True)
        window.tabs.tabBar().setEnabled(True)
        self.strip.hide()
        self.strip.deleteLater()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        kind = event.type()
        if kind not in _EDITING or (kind != QEvent.ContextMenu and event.button() != Qt.LeftButton):
            return False
        self._window.statusBar().showMessage(
            tr(
                "The set is still being read ({done} of {total}); boxes can be edited once it is there.",
                done=f"{self._done:,}",
                total=f"{self._total:,}",
            ),
            _TOLD_FOR,
        )
        return True

    def _loaded(self, path: str, picture: QImage) -> None:
        if path == str(self._look.image.path):
            self._window.label.canvas.show_image(picture)
            self.shown.emit()

    def _failed(self, path: str, problem: str) -> None:
        if path == str(self._look.image.path):
            self._window.label.canvas.show_notice(problem)
            self.shown.emit()
