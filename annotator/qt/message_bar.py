"""The one widget that shows messages: a strip under the menu, and the history behind it."""

from __future__ import annotations

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import (
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

_COLOURS = {
    Level.INFO: ("#1f5f3a", "#ffffff"),
    Level.WARNING: ("#f2c94c", "#201a00"),
    Level.ERROR: ("#a61b29", "#ffffff"),
}
INFO_SECONDS = 6


class MessageBar(QFrame):
    """Shows the newest message. An info goes away by itself; a warning or error stays until closed."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.text.setTextFormat(Qt.PlainText)
        self.details = QPushButton("Details…")
        self.details.clicked.connect(self._show_details)
        self.details.setFocusPolicy(Qt.NoFocus)
        close = QToolButton(text="✕")
        close.setToolTip("Close this message")
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
        self._stop = messages.listen(self.show_message)

    def stop_listening(self) -> None:
        """The window is going away."""
        self._stop()

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
        self._timer.stop()
        if message.level is Level.INFO:
            self._timer.start(INFO_SECONDS * 1000)

    def _show_details(self) -> None:
        if self._message is not None:
            show_text(self.window(), "Details", self._message.details)


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
