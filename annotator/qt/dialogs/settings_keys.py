"""Settings › Keys: every action, its keys, and a field that takes the next key that is pressed."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, Qt, pyqtSignal
from PyQt5.QtGui import QFocusEvent, QKeyEvent, QKeySequence
from PyQt5.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QMessageBox,
    QPushButton,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.fuzzy import score
from annotator.core.key_bindings import KeyTakenError
from annotator.qt.actions import shown_key
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

_MODIFIERS = {
    Qt.Key_Shift, Qt.Key_Control, Qt.Key_Alt, Qt.Key_Meta, Qt.Key_AltGr, Qt.Key_CapsLock, Qt.Key_NumLock,
    Qt.Key_Super_L, Qt.Key_Super_R, Qt.Key_Menu, Qt.Key_unknown, 0,
}  # fmt: skip
_DIGIT_ROW = range(10, 20)
"""Codes of the keys 1 … 0 on every PC keyboard under X11."""


def key_of(event: QKeyEvent) -> str:
    """The key that was pressed as it is kept in the settings; empty for a Shift or Ctrl alone."""
    key, modifiers = event.key(), int(event.modifiers() & ~(Qt.KeypadModifier | Qt.GroupSwitchModifier))
    if key in _MODIFIERS:
        return ""
    if key == Qt.Key_Backtab:
        key = Qt.Key_Tab
    shifted = bool(modifiers & int(Qt.ShiftModifier))
    printable = bool(event.text()) and event.text().isprintable()
    letter_or_digit = Qt.Key_A <= key <= Qt.Key_Z or Qt.Key_0 <= key <= Qt.Key_9
    if shifted and not letter_or_digit:
        scan = event.nativeScanCode()
        if scan in _DIGIT_ROW:
            # Shift+1 gives "!" on one keyboard and something else on the next: it is kept as Shift+1.
            key = Qt.Key_0 + (scan - _DIGIT_ROW.start + 1) % 10
        elif printable and key != Qt.Key_Space:
            # "?" is Shift and another key on most keyboards; the sign is what counts.
            modifiers &= ~int(Qt.ShiftModifier)
    return QKeySequence(modifiers | key).toString(QKeySequence.PortableText)


class KeyField(QLineEdit):
    """Takes the next key that is pressed, whatever it is; Esc leaves it.

    Signals:
        pressed: The key, as it is kept in the settings.
    """

    pressed = pyqtSignal(str)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setReadOnly(True)
        self._idle()

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.ShortcutOverride:
            event.accept()
            return True
        if event.type() == QEvent.KeyPress:  # here, as Tab would never come to keyPressEvent
            self.keyPressEvent(event)
            return True
        return bool(super().event(event))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        event.accept()
        if event.key() == Qt.Key_Escape:
            self.clearFocus()
            return
        key = key_of(event)
        if key:
            self.pressed.emit(key)

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        self.setPlaceholderText(tr("Press the key now (Esc: none)"))

    def focusOutEvent(self, event: QFocusEvent) -> None:
        super().focusOutEvent(event)
        self._idle()

    def _idle(self) -> None:
        self.setPlaceholderText(tr("Click here and press a key to add it"))


class KeysPage(QWidget):
    """The table of actions and what can be changed about the one that is chosen. All of it counts at once."""

    def __init__(self, window: MainWindow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search for an action or a key"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._filter)
        self.table = QTreeWidget()
        self.table.setRootIsDecorated(False)
        self.table.setUniformRowHeights(True)
        self.table.setAlternatingRowColors(True)
        self.table.setHeaderLabels([tr("Action"), tr("Where"), tr("Keys")])
        self.table.header().setSectionResizeMode(0, QHeaderView.Stretch)
        self.table.header().setStretchLastSection(False)
        self.table.currentItemChanged.connect(self._chosen)
        self.table.itemActivated.connect(lambda *_: self.field.setFocus())
        self.title = QLabel()
        self.title.setTextFormat(Qt.PlainText)
        self.keys_row = QHBoxLayout()
        self.field = KeyField()
        self.field.pressed.connect(self.add_key)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.PlainText)
        self.reset_one = QPushButton(tr("Reset this one"))
        self.reset_one.clicked.connect(self._reset_one)
        self.reset_all = QPushButton(tr("Reset all…"))
        self.reset_all.clicked.connect(self._reset_all)
        for button in (self.reset_one, self.reset_all):
            button.setAutoDefault(False)
        self._lay_out()
        self._fill()

    def _lay_out(self) -> None:
        row = QHBoxLayout()
        row.addLayout(self.keys_row)
        row.addWidget(self.field, 1)
        row.addWidget(self.reset_one)
        row.addWidget(self.reset_all)
        column = QVBoxLayout(self)
        column.addWidget(self.search)
        column.addWidget(self.table, 1)
        column.addWidget(self.title)
        column.addLayout(row)
        # Room for the sentence of a refusal: nothing jumps when it comes.
        self.note.setMinimumHeight(self.fontMetrics().height() * 2)
        column.addWidget(self.note)

    def _fill(self) -> None:
        window = self._window
        for name, entry in window.keys.entries.items():
            pages = [
                window.tabs.tabText(window.tabs.indexOf(window.page_names[page])) for page in entry.pages
            ]
            where = ", ".join(pages) or tr("everywhere")
            item = QTreeWidgetItem([entry.text.rstrip("…"), where, ""])
            item.setData(0, Qt.UserRole, name)
            self.table.addTopLevelItem(item)
        self._show_keys()
        self.table.setCurrentItem(self.table.topLevelItem(0))

    def _show_keys(self) -> None:
        keys = self._window.keys
        for row in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(row)
            name = item.data(0, Qt.UserRole)
            item.setText(2, keys.shown_keys(name))
            font = item.font(2)
            font.setBold(keys.bindings.is_changed(name))
            item.setFont(2, font)
        for column in (1, 2):
            self.table.resizeColumnToContents(column)
        self._show_chosen()

    def _filter(self, query: str) -> None:
        wanted = query.strip().casefold()
        first = None
        for row in range(self.table.topLevelItemCount()):
            item = self.table.topLevelItem(row)
            by_key = wanted in [key.strip().casefold() for key in item.text(2).split(", ")]
            fits = not wanted or by_key or score(query, f"{item.text(0)} {item.text(1)}") is not None
            item.setHidden(not fits)
            first = item if fits and first is None else first
        if first is not None and (self.table.currentItem() is None or self.table.currentItem().isHidden()):
            self.table.setCurrentItem(first)

    @property
    def name(self) -> str | None:
        """The action that is chosen."""
        item = self.table.currentItem()
        return item.data(0, Qt.UserRole) if item is not None else None

    def _chosen(self) -> None:
        self.note.clear()
        self._show_chosen()

    def _show_chosen(self) -> None:
        while self.keys_row.count():
            old = self.keys_row.takeAt(0).widget()
            old.setParent(None)
            old.deleteLater()
        name = self.name
        if name is None:
            return
        keys = self._window.keys
        self.title.setText(tr("Keys of “{action}”:", action=keys.entries[name].text.rstrip("…")))
        self.reset_one.setEnabled(keys.bindings.is_changed(name))
        for key in keys.bindings.keys(name):
            button = QToolButton()
            button.setText(f"{shown_key(key)}  ✕")
            button.setToolTip(tr("Take this key away"))
            button.clicked.connect(lambda _=False, key=key: self.remove_key(key))
            self.keys_row.addWidget(button)

    # Changing

    def add_key(self, key: str) -> None:
        """Give the chosen action one more key, or say whose it is."""
        if self.name is not None:
            known = self._window.keys.bindings.keys(self.name)
            self._change(lambda words: self._window.keys.bindings.set_keys(self.name, (*known, key), words))

    def remove_key(self, key: str) -> None:
        """Take a key from the chosen action."""
        if self.name is not None:
            left = [other for other in self._window.keys.bindings.keys(self.name) if other != key]
            self._change(lambda words: self._window.keys.bindings.set_keys(self.name, left, words))

    def _reset_one(self) -> None:
        self._change(lambda words: self._window.keys.bindings.reset(self.name, words))

    def _reset_all(self) -> None:
        question = tr("Give every action its first keys again?")
        buttons = QMessageBox.Yes | QMessageBox.Cancel
        if QMessageBox.question(self, tr("Keys"), question, buttons, QMessageBox.Cancel) == QMessageBox.Yes:
            self._window.keys.bindings.reset_all()
            self._changed()

    def _change(self, change: Callable[[dict[str, str]], None]) -> None:
        words = {
            "taken": tr(
                "{key} belongs to “{action}”: take it away there first.", key="{key}", action="{action}"
            ),
            "reserved": tr("{key} always stops and closes, and is given to nothing else.", key="{key}"),
        }
        try:
            change(words)
        except KeyTakenError as error:
            self.note.setText(str(error))
            return
        self.note.clear()
        self._changed()

    def _changed(self) -> None:
        self._window.keys.keys_were_changed()
        self._show_keys()
