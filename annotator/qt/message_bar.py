"""The one widget that shows messages: a strip over the lower edge of the page, and the history behind it."""

from __future__ import annotations

from PyQt5.QtCore import QEvent, QObject, Qt, QTimer
from PyQt5.QtGui import QHideEvent
from PyQt5.QtWidgets import (
    QApplication,
    QDialog,
    QDialogButtonBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QPushButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.messages import Level, Message
from annotator.qt.translation import tr

_COLOURS = {
    Level.INFO: ("#1f5f3a", "#ffffff"),
    Level.WARNING: ("#f2c94c", "#201a00"),
    Level.ERROR: ("#a61b29", "#ffffff"),
}
INFO_SECONDS = 6
_LATER = 200
"""Milliseconds until it is looked at again whether a button of the mouse is down."""


class MessageBar(QFrame):
    """Shows the newest message. An info goes away by itself; a warning or error stays until closed.

    An info floats over its parent rather than taking room: a picture must not jump under the pointer. What
    stays covers nothing: the parent's content ends above it, as soon as no button of the mouse is down.
    """

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        parent.installEventFilter(self)
        self.setAutoFillBackground(True)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.text.setTextFormat(Qt.PlainText)
        self.details = QPushButton(tr("Details…"))
        self.details.clicked.connect(self._show_details)
        self.details.setFocusPolicy(Qt.NoFocus)
        close = QToolButton(text="✕")
        close.setToolTip(tr("Close this message"))
        close.setFocusPolicy(Qt.NoFocus)
        close.clicked.connect(self.hide)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(10, 5, 6, 5)
        layout.addWidget(self.text, 1)
        layout.addWidget(self.details)
        layout.addWidget(close)
        self.hide()
        self._message: Message | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self._room = QTimer(self)
        self._room.setSingleShot(True)
        self._room.setInterval(_LATER)
        self._room.timeout.connect(self._make_room)
        self._stops = (messages.listen(self.show_message), messages.listen_to_settled(self._settled))

    def stop_listening(self) -> None:
        """The window is going away."""
        for stop in self._stops:
            stop()

    def forget(self) -> None:
        """What it was about is left for something else: only an error is still to be read."""
        if self._message is not None and self._message.level is not Level.ERROR:
            self.hide()

    def _settled(self, topic: str) -> None:
        if self._message is not None and self._message.topic == topic:
            self.hide()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Resize and self.isVisible():
            self._place()
        return False

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._make_room()

    def _place(self) -> None:
        """Along the lower edge of the parent, as high as the text needs."""
        parent = self.parentWidget()
        # Not the size hint: a label that wraps asks for the height of a much narrower one.
        height = max(self.layout().totalHeightForWidth(parent.width()), self.details.sizeHint().height() + 10)
        self.setGeometry(0, parent.height() - height, parent.width(), height)
        self.raise_()
        self._make_room()

    def _make_room(self) -> None:
        """Keep free what a message covers that stays."""
        stays = self.isVisible() and self._message is not None and self._message.level is not Level.INFO
        height = self.height() if stays else 0
        parent = self.parentWidget()
        if height == parent.contentsMargins().bottom():
            return
        if QApplication.mouseButtons() != Qt.NoButton:
            self._room.start()
        else:
            parent.setContentsMargins(0, 0, 0, height)

    def show_message(self, message: Message) -> None:
        """Show a message instead of the last one; an info never covers an error."""
        if (
            self.isVisible()
            and self._message
            and self._message.level is Level.ERROR
            and message.level is Level.INFO
        ):
            return
        self._message = message
        background, colour = _COLOURS[message.level]
        self.setStyleSheet(
            f"MessageBar {{ background: {background}; }} MessageBar > QLabel {{ color: {colour}; }}"
            f"MessageBar > QToolButton {{ color: {colour}; background: transparent; border: none; }}"
        )
        self.text.setText(message.text)
        self.details.setVisible(bool(message.details))
        self.show()
        self._place()
        self._timer.stop()
        if message.level is Level.INFO:
            self._timer.start(INFO_SECONDS * 1000)

    def _show_details(self) -> None:
        if self._message is not None:
            show_text(self.window(), tr("Details"), self._message.details)


def show_text(parent: QWidget, title: str, text: str) -> None:
    """A window with a text that can be read and copied."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    view = QPlainTextEdit(text)
    view.setReadOnly(True)
    view.setLineWrapMode(QPlainTextEdit.NoWrap)
    buttons = QDialogButtonBox(QDialogButtonBox.Close)
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.addWidget(view)
    layout.addWidget(buttons)
    dialog.resize(820, 420)
    dialog.exec_()
