"""Every action of the window: its name, keys, and where it stands in the menus.

Those of the frame and of the labelling page are the tables here. A page brings its own by a method
``entries(window) -> list[Entry]``; what is no page by a function of that kind; :data:`BROUGHT_BY`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, Qt, pyqtSignal
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import QAction, QMenu

from annotator.core.key_bindings import KeyBindings
from annotator.qt import frame_dialogs as dialogs
from annotator.qt import picture_actions
from annotator.qt.entry import LABELLING, MENUS, SET, Entry
from annotator.qt.translation import tr
from annotator.qt.view_actions import view_entries

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

BROUGHT_BY = (
    "annotator.qt.picture_actions",
    "annotator.qt.suggestions",
    "annotator.qt.dialogs.menu",
    "annotator.qt.dialogs.classes_menu",
    "annotator.qt.mistake_visit",
    "annotator.qt.looking",
)
"""Modules with a function ``entries(window) -> list[Entry]``, e.g. ``annotator.qt.dialogs.export``."""


def _file_entries(window: MainWindow) -> list[Entry]:
    return [
        Entry("open", tr("Open folder…"), ("Ctrl+U", "Ctrl+O"), "File", window.opening.ask_for_folder),
        Entry("open_archive", tr("Open zip…"), ("Ctrl+Shift+O",), "File", window.opening.ask_for_archive),
        Entry("open_demo", tr("Open the demo set"), (), "File", window.opening.open_demo),
        Entry("save", tr("Save now"), ("Ctrl+S",), "File", window.save, SET, separated=True),
        Entry("read_again", tr("Read the set again"), ("F5",), "File", window.opening.read_again, SET),
        Entry(
            "overwrite",
            tr("Overwrite changed files"),
            (),
            "File",
            lambda: window.saving.save(overwrite=True),
            SET,
        ),
    ]


def _edit_entries(window: MainWindow) -> list[Entry]:
    label = window.label
    canvas = label.canvas
    return [
        Entry("undo", tr("Undo"), ("Ctrl+Z",), "Edit", window.undo, SET),
        Entry("redo", tr("Redo"), ("Ctrl+Shift+Z", "Ctrl+Y"), "Edit", window.redo, SET),
        Entry("forget_step", tr("Forget this step"), (), "Edit", window.undo_stack.forget_step, SET),
        Entry("draw", tr("Draw a box"), ("W", "R", "N"), "Edit", label.toggle_drawing, LABELLING),
        Entry("copy", tr("Copy boxes"), ("Ctrl+C",), "Edit", label.copy, LABELLING),
        Entry("paste", tr("Paste boxes"), ("Ctrl+V",), "Edit", label.paste, LABELLING),
        Entry("duplicate", tr("Duplicate boxes"), ("Ctrl+D",), "Edit", label.duplicate, LABELLING),
        Entry(
            "copy_previous",
            tr("Boxes of the previous picture"),
            ("Y",),
            "Edit",
            label.copy_previous,
            LABELLING,
        ),
        Entry("select_all", tr("Select all boxes"), ("Ctrl+A",), "Edit", canvas.select_all, LABELLING),
        Entry("delete", tr("Delete boxes"), ("Del",), "Edit", canvas.delete_selected, LABELLING),
        Entry("escape", tr("Stop drawing, deselect"), ("Esc",), "Edit", label.escape, LABELLING),
    ]


def _go_entries(window: MainWindow) -> list[Entry]:
    entries = [
        *picture_actions.go_entries(window),
        Entry("next_box", tr("Next box"), ("Tab",), "Go", lambda: window.suggestions.cycle(1),
              LABELLING, separated=True),
        Entry("previous_box", tr("Previous box"), ("Shift+Tab",), "Go",
              lambda: window.suggestions.cycle(-1), LABELLING),
    ]  # fmt: skip
    return [*entries, *_page_entries(window)]


PAGE_KEYS = {"gallery": "G", "balance": "B", "train": "T", "predict": "Q"}
"""Letters that lead to pages; Alt and a digit lead to each page in the order of the tabs."""


def _page_entries(window: MainWindow) -> list[Entry]:
    entries = []
    for index, (name, page) in enumerate(window.page_names.items()):
        digit = (f"Alt+{index + 1}",) if index < 9 else ()
        letter = (PAGE_KEYS[name],) if name in PAGE_KEYS else ()
        title = window.tabs.tabText(window.tabs.indexOf(page))
        entries.append(
            Entry(f"page_{name}", title, letter + digit, "Go", lambda name=name: window.show_page(name), SET,
                  separated=index == 0)
        )  # fmt: skip
    return entries


def _key_entries(window: MainWindow) -> list[Entry]:
    """Keys without a place in a menu: digits and arrows."""
    label = window.label
    entries = [
        Entry(f"class_{digit}", tr("Class {number}", number=digit or 10), (str(digit),), "",
              lambda digit=digit: label.choose_digit(digit), LABELLING,
              family=tr("Class of the selected boxes, else of the next box"))
        for digit in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
    ]  # fmt: skip
    entries += [
        Entry(f"draw_{digit}", tr("Draw boxes of class {number}", number=digit or 10),
              (f"Shift+{digit}",), "", lambda digit=digit: label.draw_with_digit(digit), LABELLING,
              family=tr("Draw boxes of a class, and stay in drawing"))
        for digit in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
    ]  # fmt: skip
    arrows = (
        ("Left", -1, 0, tr("left")),
        ("Right", 1, 0, tr("right")),
        ("Up", 0, -1, tr("up")),
        ("Down", 0, 1, tr("down")),
    )
    kinds: tuple[tuple[str, str, str, Callable[[int, int], object]], ...] = (
        ("nudge", "", tr("Move the selected boxes by 1 px"), lambda x, y: label.arrow(x, y, far=False)),
        ("nudge_far", "Shift+", tr("Move the selected boxes by 10 px"),
         lambda x, y: label.arrow(x, y, far=True)),
        ("resize", "Ctrl+", tr("Move the right or bottom edge"), label.resize),
        ("resize_far", "Ctrl+Shift+", tr("Move the right or bottom edge by 10 px"),
         lambda x, y: label.resize(x, y, far=True)),
        ("resize_near", "Alt+", tr("Move the left or top edge"),
         lambda x, y: label.resize(x, y, far_edges=False)),
        ("resize_near_far", "Alt+Shift+", tr("Move the left or top edge by 10 px"),
         lambda x, y: label.resize(x, y, far=True, far_edges=False)),
    )  # fmt: skip
    for name, modifier, family, run in kinds:
        for key, dx, dy, where in arrows:
            entries.append(
                Entry(f"{name}_{key.lower()}", f"{family}: {where}", (modifier + key,), "",
                      lambda run=run, dx=dx, dy=dy: run(dx, dy), LABELLING, family=family)
            )  # fmt: skip
    return entries


def _last_entries(window: MainWindow) -> list[Entry]:
    return [
        Entry("keys", tr("Keys"), ("F1", "?"), "Help", lambda: dialogs.show_key_map(window)),
        Entry("palette", tr("Find an action…"), ("Ctrl+K",), "Help", lambda: dialogs.show_palette(window)),
        Entry("messages", tr("Messages"), (), "Help", window.show_messages),
        Entry(
            "settings",
            tr("Settings…"),
            ("Ctrl+,",),
            "File",
            lambda: dialogs.show_settings(window),
            separated=True,
        ),
        Entry("quit", tr("Quit"), ("Ctrl+Q",), "File", window.close),
    ]


def shown_key(key: str) -> str:
    """A key as it is written on the keyboard of the person."""
    return QKeySequence(key).toString(QKeySequence.NativeText)


def all_entries(window: MainWindow) -> list[Entry]:
    """Every action there is, in the order of the menus."""
    brought: list[Entry] = []
    for page in window.page_names.values():
        if hasattr(page, "entries"):
            brought += page.entries(window)
    for module in BROUGHT_BY:
        brought += import_module(module).entries(window)
    first, last = _file_entries(window), _last_entries(window)
    return [
        *first,
        *_edit_entries(window),
        *_go_entries(window),
        *view_entries(window),
        *_key_entries(window),
        *brought,
        *last,
    ]


class Actions(QObject):
    """The actions of the window: made from all entries, in the menus, enabled where they can be used.

    Signals:
        keys_changed: The person gave an action other keys.

    Attributes:
        entries: What they were made from, by name.
        by_name: The actions.
        bindings: Their keys.
    """

    keys_changed = pyqtSignal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        found = all_entries(window)
        self.entries = {entry.name: entry for entry in found}
        if len(self.entries) != len(found):
            names = [entry.name for entry in found]
            raise ValueError(f"two actions have one name: {sorted({n for n in names if names.count(n) > 1})}")
        changed = window.settings.get("keys", {})
        self.bindings = KeyBindings(found, changed if isinstance(changed, dict) else {})
        self.by_name = {entry.name: self._make(entry) for entry in found}
        self._show_keys()
        self._build_menus()
        self._name_undo()

    def _make(self, entry: Entry) -> QAction:
        action = QAction(entry.text, self._window)
        action.setShortcutContext(Qt.WindowShortcut)
        action.setCheckable(entry.checked is not None)
        # triggered() hands over "checked", which is nothing these take.
        action.triggered.connect(lambda checked=False, run=entry.run: run())
        self._window.addAction(action)
        return action

    def _show_keys(self) -> None:
        for name, action in self.by_name.items():
            action.setShortcuts([QKeySequence(key) for key in self.bindings.keys(name)])
            shown = self.shown_keys(name)
            text = self.entries[name].text.rstrip("…")
            action.setToolTip(f"{text} ({shown})" if shown else text)

    def shown_keys(self, name: str) -> str:
        """The keys of an action as the person knows them, e.g. for a tooltip: ``W, R, N``."""
        return ", ".join(shown_key(key) for key in self.bindings.keys(name))

    def keys_were_changed(self) -> None:
        """Take over what was changed in :attr:`bindings`, and remember it."""
        self._window.settings.set("keys", self.bindings.changed or None)
        self._show_keys()
        self.keys_changed.emit()

    def why_not(self, name: str) -> str:
        """Why an action cannot be used now; empty: it can."""
        entry, window = self.entries[name], self._window
        if entry.is_possible(window.page_name, window.project is not None):
            return ""
        if window.project is None:
            return tr("no set is open")
        titles = [window.tabs.tabText(window.tabs.indexOf(window.page_names[page])) for page in entry.pages]
        return tr("on the page {page}", page=", ".join(titles))

    def enable(self) -> None:
        """Enable what can be used on the page that is shown. The same key may belong to others elsewhere."""
        page, is_open = self._window.page_name, self._window.project is not None
        for name, action in self.by_name.items():
            action.setEnabled(self.entries[name].is_possible(page, is_open))

    def _build_menus(self) -> None:
        titles = {
            "File": tr("&File"),
            "Edit": tr("&Edit"),
            "Go": tr("&Go"),
            "View": tr("&View"),
            "Help": tr("&Help"),
        }
        self.menus: dict[str, QMenu] = {}
        for name in MENUS:
            menu = self.menus[name] = self._window.menuBar().addMenu(titles[name])
            menu.aboutToShow.connect(self.show_checked)
        for entry in self.entries.values():
            if entry.menu:
                if entry.separated:
                    self.menus[entry.menu].addSeparator()
                self.menus[entry.menu].addAction(self.by_name[entry.name])

    def show_checked(self) -> None:
        """Show what is switched on now."""
        for name, entry in self.entries.items():
            if entry.checked is not None:
                self.by_name[name].setChecked(entry.checked())

    def _name_undo(self) -> None:
        """The menu says what would be undone."""
        undo, redo, stack = self.by_name["undo"], self.by_name["redo"], self._window.undo_stack
        stack.undoTextChanged.connect(
            lambda text: undo.setText(tr("Undo: {what}", what=text) if text else tr("Undo"))
        )
        stack.redoTextChanged.connect(
            lambda text: redo.setText(tr("Redo: {what}", what=text) if text else tr("Redo"))
        )
