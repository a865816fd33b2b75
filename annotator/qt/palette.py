"""The command palette (Ctrl+K): every action by a few letters of its name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, QModelIndex, QObject, QPoint, QSize, Qt, QTimer
from PyQt5.QtGui import QFontMetrics, QKeyEvent, QPainter, QPalette
from PyQt5.QtWidgets import (
    QDialog,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from annotator.core.fuzzy import score
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

RECENT = "palette_recent"
MAX_RECENT = 8
_KEYS, _REASON = Qt.UserRole + 1, Qt.UserRole + 2
_LEFT_OUT = ("palette",)


@dataclass(frozen=True)
class Command:
    """One line of the palette."""

    name: str
    text: str
    keys: str
    reason: str
    one_of_many: bool = False
    """In no menu: one of a row of keys, such as a class's digit."""


def commands_of(window: MainWindow) -> list[Command]:
    """Every action, the ones last used first, those that cannot be used now behind the others."""
    recent = window.settings.get(RECENT, [])
    recent = recent if isinstance(recent, list) else []
    found = [
        Command(
            name,
            _text_of(window, name),
            window.keys.shown_keys(name),
            window.keys.why_not(name),
            not entry.menu,
        )
        for name, entry in window.keys.entries.items()
        if name not in _LEFT_OUT
    ]
    return sorted(
        found,
        key=lambda command: recent.index(command.name) if command.name in recent else len(recent),
    )


def _text_of(window: MainWindow, name: str) -> str:
    """As the menu has it now (undo says what would be undone), with the menu or page it belongs to."""
    entry = window.keys.entries[name]
    text = window.actions_by_name[name].text().replace("&", "")
    if entry.pages:
        page = window.page_names.get(entry.pages[0])
        title = window.tabs.tabText(window.tabs.indexOf(page)) if page is not None else ""
    else:
        title = window.keys.menus[entry.menu].title().replace("&", "") if entry.menu else ""
    return tr("{name}: {what}", name=title, what=text) if title else text


def ranked(commands: list[Command], query: str) -> list[Command]:
    """The commands that fit what was typed, the best first; what cannot be used comes behind what can."""
    scored = [(score(query, command.text), command) for command in commands]
    found = [(points, command) for points, command in scored if points is not None]
    # sorted() keeps the order of equals: the ones used last.
    return [
        command
        for _, command in sorted(
            found,
            # With letters typed the best match counts; without, everything that can be done stands first.
            # Twenty keys for classes must not bury the dialog of that name.
            key=lambda pair: (bool(pair[1].reason), -pair[0], pair[1].one_of_many and bool(query)),
        )
    ]


class _Lines(QStyledItemDelegate):
    """Text at the left; at the right the keys, or why it cannot be used."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex) -> QSize:
        return QSize(0, round(option.fontMetrics.height() * 1.7))

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex) -> None:
        view = QStyleOptionViewItem(option)
        self.initStyleOption(view, index)
        view.text = ""
        view.widget.style().drawControl(QStyle.CE_ItemViewItem, view, painter, view.widget)
        selected = bool(option.state & QStyle.State_Selected)
        usable = not index.data(_REASON)
        group = QPalette.Active if usable else QPalette.Disabled
        role = QPalette.HighlightedText if selected else QPalette.Text
        colour = option.palette.color(QPalette.Active if selected else group, role)
        margin = option.fontMetrics.averageCharWidth() * 2
        area = option.rect.adjusted(margin, 0, -margin, 0)
        right = index.data(_REASON) or index.data(_KEYS)
        metrics = QFontMetrics(option.font)
        # A little more than the text: elided at its very width it would lose its last letters.
        width = min(metrics.horizontalAdvance(right) + 4, area.width() // 2)
        painter.save()
        painter.setPen(colour)
        painter.setFont(option.font)
        painter.drawText(
            area, Qt.AlignRight | Qt.AlignVCenter, metrics.elidedText(right, Qt.ElideRight, width)
        )
        room = area.adjusted(0, 0, -width - margin, 0)
        text = metrics.elidedText(index.data(Qt.DisplayRole), Qt.ElideRight, room.width())
        painter.drawText(room, Qt.AlignLeft | Qt.AlignVCenter, text)
        painter.restore()


class CommandPalette(QDialog):
    """A field and the actions that fit what is typed there."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window, Qt.Dialog | Qt.FramelessWindowHint)
        self._window = window
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setModal(True)
        self.setWindowTitle(tr("Find an action"))
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("What would you like to do?"))
        self.search.textChanged.connect(self._show)
        self.search.installEventFilter(self)
        self.list = QListWidget()
        self.list.setItemDelegate(_Lines(self.list))
        self.list.setUniformItemSizes(True)
        self.list.setFocusPolicy(Qt.NoFocus)
        self.list.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.list.itemClicked.connect(lambda item: self._run(item))
        column = QVBoxLayout(self)
        column.setContentsMargins(8, 8, 8, 8)
        column.addWidget(self.search)
        column.addWidget(self.list, 1)
        self._commands = commands_of(window)
        self._show("")

    def open_over(self) -> None:
        """Show it over the upper part of the window."""
        metrics = self.fontMetrics()
        width = min(metrics.averageCharWidth() * 90, self._window.width() - 40)
        height = min(round(metrics.height() * 1.7 * 15), self._window.height() - 80)
        self.resize(width, height)
        place = self._window.mapToGlobal(QPoint((self._window.width() - width) // 2, 40))
        self.move(place)
        self.show()
        self.activateWindow()
        self.search.setFocus()

    def _show(self, query: str) -> None:
        self.list.clear()
        for command in ranked(self._commands, query):
            item = QListWidgetItem(command.text)
            item.setData(Qt.UserRole, command.name)
            item.setData(_KEYS, command.keys)
            item.setData(_REASON, command.reason)
            if command.reason:
                item.setToolTip(command.reason)
            self.list.addItem(item)
        self.list.setCurrentRow(0)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.KeyPress:
            return self._take_key(event)
        return False

    def _take_key(self, event: QKeyEvent) -> bool:
        """Keys that move in the list while the field keeps the focus."""
        page = max(1, self.list.viewport().height() // max(1, self.list.sizeHintForRow(0)) - 1)
        steps = {Qt.Key_Down: 1, Qt.Key_Up: -1, Qt.Key_PageDown: page, Qt.Key_PageUp: -page}
        if event.key() in steps:
            last = self.list.count() - 1
            row = self.list.currentRow() + steps[event.key()]
            if abs(steps[event.key()]) == 1:  # round and round
                row = row % max(last + 1, 1)
            self.list.setCurrentRow(max(0, min(last, row)))
            return True
        if event.key() in (Qt.Key_Return, Qt.Key_Enter):
            if self.list.currentItem() is not None:
                self._run(self.list.currentItem())
            return True
        return False

    def _run(self, item: QListWidgetItem) -> None:
        if item.data(_REASON):
            return
        name, window = item.data(Qt.UserRole), self._window
        known = window.settings.get(RECENT, [])
        others = [other for other in known if other != name] if isinstance(known, list) else []
        window.settings.set(RECENT, [name, *others][:MAX_RECENT])
        self.close()
        # When the palette is gone: what is run may look at the focus or ask something.
        QTimer.singleShot(0, window.actions_by_name[name].trigger)
