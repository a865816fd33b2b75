"""Keys belong to whoever is written into: an action's key is never taken from a field that has the focus."""

from __future__ import annotations

from PyQt5 import sip
from PyQt5.QtCore import QEvent, QObject, Qt
from PyQt5.QtGui import QKeyEvent
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLineEdit,
    QListView,
    QPlainTextEdit,
    QTextEdit,
    QWidget,
)

_EDITING = {
    Qt.Key_Backspace, Qt.Key_Delete, Qt.Key_Home, Qt.Key_End, Qt.Key_Left, Qt.Key_Right, Qt.Key_Up,
    Qt.Key_Down, Qt.Key_Return, Qt.Key_Enter, Qt.Key_Tab, Qt.Key_Backtab,
}  # fmt: skip
_EDITING_WITH_CTRL = {
    Qt.Key_A, Qt.Key_C, Qt.Key_V, Qt.Key_X, Qt.Key_Z, Qt.Key_Y,
    Qt.Key_Backspace, Qt.Key_Delete, Qt.Key_Left, Qt.Key_Right, Qt.Key_Home, Qt.Key_End,
}  # fmt: skip
_UP_DOWN = {Qt.Key_Up, Qt.Key_Down}
_ARROWS = _UP_DOWN | {Qt.Key_Left, Qt.Key_Right}


class TypingGuard(QObject):
    """Watches the widget that has the focus, and it alone: a filter on all widgets costs too much."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._watched: QWidget | None = None
        application = QApplication.instance()
        application.focusChanged.connect(self._focus_changed)
        self._focus_changed(None, application.focusWidget())

    def _focus_changed(self, _old: QWidget | None, new: QWidget | None) -> None:
        # A widget on its way out loses the focus before it says that it is destroyed.
        if self._watched is not None and not sip.isdeleted(self._watched):
            self._watched.removeEventFilter(self)
            self._watched.destroyed.disconnect(self._gone)
        self._watched = new if new is not None and _wants_keys(new) else None
        if self._watched is not None:
            self._watched.installEventFilter(self)
            self._watched.destroyed.connect(self._gone)

    def _gone(self) -> None:
        self._watched = None

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.ShortcutOverride and keeps(watched, event):
            event.accept()
            return True
        return False


def _wants_keys(widget: QWidget) -> bool:
    kinds = (QLineEdit, QAbstractSpinBox, QPlainTextEdit, QTextEdit, QComboBox, QAbstractSlider)
    return isinstance(widget, (*kinds, QAbstractItemView))


def is_typed_into(widget: QWidget) -> bool:
    """Whether letters go into a widget."""
    if isinstance(widget, QLineEdit | QPlainTextEdit | QTextEdit):
        return not widget.isReadOnly()
    if isinstance(widget, QComboBox):
        return widget.isEditable()
    return isinstance(widget, QAbstractSpinBox)


def keeps(widget: QWidget, event: QKeyEvent) -> bool:
    """Whether a key is the widget's own although an action has it."""
    key = event.key()
    modifiers = event.modifiers() & ~(Qt.ShiftModifier | Qt.KeypadModifier)
    if is_typed_into(widget):
        if modifiers == Qt.NoModifier or modifiers == Qt.GroupSwitchModifier:
            # Also the characters of the third level (AltGr).
            return key in _EDITING or bool(event.text() and event.text().isprintable())
        return modifiers == Qt.ControlModifier and key in _EDITING_WITH_CTRL
    if modifiers != Qt.NoModifier:
        return False
    if isinstance(widget, QAbstractItemView):
        wall = isinstance(widget, QListView) and widget.viewMode() == QListView.IconMode
        return key in (_UP_DOWN if isinstance(widget, QListView) and not wall else _ARROWS)
    if isinstance(widget, QComboBox):
        return key in _UP_DOWN
    return isinstance(widget, QAbstractSlider) and key in _ARROWS
