"""The map of the keys (F1): every action with its keys, in groups and columns, searchable."""

from __future__ import annotations

import html
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PyQt5.QtCore import QEvent, QObject, Qt, QTimer
from PyQt5.QtGui import QPalette
from PyQt5.QtWidgets import QDialog, QHBoxLayout, QLabel, QLineEdit, QPushButton, QTextBrowser, QVBoxLayout

from annotator.core.fuzzy import score
from annotator.qt.actions import shown_key
from annotator.qt.entry import LABELLING, Entry
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

COLUMN_WIDTH = 50
"""Letters that a column of the map is wide at least."""


MANY = 8
"""From so many keys on a family is written as the first … the last."""
_SIGNS = {"Left": "←", "Right": "→", "Up": "↑", "Down": "↓"}


def _drawn(key: str) -> str:
    """A key as it is printed on most keyboards: arrows as arrows."""
    *modifiers, last = key.split("+") if not key.endswith("+") else (key,)
    if last in _SIGNS:
        return shown_key("+".join((*modifiers, "X")))[:-1] + _SIGNS[last]
    return shown_key(key)


@dataclass(frozen=True)
class Line:
    """One line of the map: what, and with which keys."""

    text: str
    keys: tuple[str, ...]


def _group_of(entry: Entry, titles: dict[str, str], menus: dict[str, str]) -> str:
    """The title under which an action stands: its page's, else its menu's."""
    if entry.pages and entry.pages[0] != LABELLING:
        return ", ".join(titles.get(page, page) for page in entry.pages)
    if entry.family or not entry.menu:
        return tr("Boxes")
    return menus[entry.menu]


def _mouse_lines() -> list[Line]:
    return [
        Line(tr("Select a box; again: the one under it"), (tr("click"),)),
        Line(tr("Draw a box, while drawing"), (tr("drag"), tr("two clicks"))),
        Line(tr("Move a box, or an edge of it"), (tr("drag"),)),
        Line(tr("Zoom at the pointer"), (tr("Ctrl+wheel"),)),
        Line(tr("Move the picture"), (tr("middle button, drag"),)),
        Line(tr("What can be done here"), (tr("right button"),)),
    ]


def lines_of(window: MainWindow) -> dict[str, list[Line]]:
    """The map: lines by the titles of their groups. What has no key is not in it."""
    titles = {
        name: window.tabs.tabText(window.tabs.indexOf(page)) for name, page in window.page_names.items()
    }
    menus = {name: menu.title().replace("&", "") for name, menu in window.keys.menus.items()}
    groups: dict[str, list[Line]] = {}
    families: set[str] = set()
    entries = window.keys.entries.values()
    for entry in entries:
        group = groups.setdefault(_group_of(entry, titles, menus), [])
        if entry.family:
            if entry.family in families:
                continue
            families.add(entry.family)
            family = [other.name for other in entries if other.family == entry.family]
            keys = tuple(_drawn(key) for name in family for key in window.keys.bindings.keys(name))
            if len(keys) > MANY:
                keys = (f"{keys[0]} … {keys[-1]}",)
        else:
            keys = tuple(_drawn(key) for key in window.keys.bindings.keys(entry.name))
        if keys:
            group.append(Line(entry.family or entry.text.rstrip("…"), keys))
    found = {title: lines for title, lines in groups.items() if lines}
    found[tr("Mouse")] = _mouse_lines()
    return found


def matching(groups: dict[str, list[Line]], query: str) -> dict[str, list[Line]]:
    """The lines that fit what was typed, by their words or by one of their keys."""
    if not query.strip():
        return groups
    wanted = query.strip().casefold()
    for word, sign in _SIGNS.items():
        wanted = wanted.replace(word.casefold(), sign)
    found = {
        title: [
            line
            for line in lines
            if wanted in (key.casefold() for key in line.keys)
            or score(query, f"{line.text} {title}") is not None
        ]
        for title, lines in groups.items()
    }
    return {title: lines for title, lines in found.items() if lines}


def in_columns(groups: dict[str, list[Line]], count: int) -> list[dict[str, list[Line]]]:
    """The groups in their order, in columns of about the same height; a group is not torn apart."""
    total = sum(len(lines) + 2 for lines in groups.values())
    columns: list[dict[str, list[Line]]] = [{}]
    filled = 0.0
    for title, lines in groups.items():
        height = len(lines) + 2
        # It goes where the larger part of it lies.
        if columns[-1] and len(columns) < count and filled + height / 2 > total / count * len(columns):
            columns.append({})
        columns[-1][title] = lines
        filled += height
    return columns


class KeyMapDialog(QDialog):
    """The map. It is not modal: one may look at it while trying the keys."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.setWindowTitle(tr("Keys"))
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.search = QLineEdit()
        self.search.setPlaceholderText(tr("Search for an action or a key"))
        self.search.setClearButtonEnabled(True)
        self.search.textChanged.connect(self._show)
        change = QPushButton(tr("Change the keys…"))
        change.setAutoDefault(False)
        change.clicked.connect(self._change)
        close = QPushButton(tr("Close"))
        close.setAutoDefault(False)
        close.clicked.connect(self.close)
        self.view = QTextBrowser()
        self.view.setFrameShape(QTextBrowser.NoFrame)
        self.note = QLabel(tr("Ctrl+K finds every action, also those without a key."))
        self.note.setWordWrap(True)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        row.addWidget(change)
        row.addWidget(close)
        column = QVBoxLayout(self)
        column.addLayout(row)
        column.addWidget(self.view, 1)
        column.addWidget(self.note)
        window.keys.keys_changed.connect(self._show)
        room = window.screen().availableGeometry()
        letter = self.fontMetrics().averageCharWidth()
        self.resize(
            min(letter * 3 * 60, room.width() - 60), min(self.fontMetrics().height() * 44, room.height() - 80)
        )
        self._columns = 0
        self._show()
        self.view.viewport().installEventFilter(self)
        self.search.setFocus()

    @classmethod
    def show_for(cls, window: MainWindow) -> KeyMapDialog:
        """Show the map of a window; the one that is open already comes to the front."""
        for open_one in window.findChildren(cls):
            open_one.raise_()
            open_one.activateWindow()
            open_one.search.setFocus()
            return open_one
        dialog = cls(window)
        dialog.show()
        return dialog

    def _change(self) -> None:
        from annotator.qt.frame_dialogs import show_settings

        show_settings(self._window, "keys")

    def _wanted_columns(self) -> int:
        letter = max(self.fontMetrics().averageCharWidth(), 1)
        return max(1, min(4, self.view.viewport().width() // (letter * COLUMN_WIDTH)))

    def _show(self) -> None:
        self._columns = self._wanted_columns()
        groups = matching(lines_of(self._window), self.search.text())
        if not groups:
            self.view.setHtml(html.escape(tr("Nothing found.")))
            return
        cells = [_html_of(column, self.palette()) for column in in_columns(groups, self._columns)]
        share = 100 // max(len(cells), 1)
        row = "".join(f'<td width="{share}%" valign="top">{cell}</td>' for cell in cells)
        self.view.setHtml(f'<table width="100%" cellspacing="0" cellpadding="8"><tr>{row}</tr></table>')

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Resize and self._wanted_columns() != self._columns:
            # Not inside the event: a new text asks for a scroll bar, which is another resize.
            QTimer.singleShot(0, self._show)
        return False

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.PaletteChange and hasattr(self, "view"):
            self._show()


def _html_of(groups: dict[str, list[Line]], palette: QPalette) -> str:
    edge, back = palette.color(QPalette.Mid).name(), palette.color(QPalette.AlternateBase).name()
    parts = []
    for title, lines in groups.items():
        parts.append(f"<h3>{html.escape(title)}</h3>")
        parts.append('<table width="100%" cellspacing="0" cellpadding="3">')
        for line in lines:
            # No line break inside a key, and a visible edge around it.
            style = f"background-color:{back}; white-space:nowrap;"
            keys = "&#8194;".join(
                f'<span style="{style}">&nbsp;{html.escape(key)}&nbsp;</span>' for key in line.keys
            )
            parts.append(
                f'<tr><td style="border-bottom: 1px solid {edge};">{html.escape(line.text)}</td>'
                f'<td align="right" style="border-bottom: 1px solid {edge};"><b>{keys}</b></td></tr>'
            )
        parts.append("</table>")
    return "".join(parts)
