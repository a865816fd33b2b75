"""Every action of the window: its name, keys, and where it stands in the menus.

Those of the frame and of the labelling page are the tables here. A page brings its own by a method
``entries(window) -> list[Entry]``; what is no page by a function of that kind; :data:`BROUGHT_BY`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import (
    QAction,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QMenu,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from annotator.qt.entry import LABELLING, MENUS, SET, Entry
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

BROUGHT_BY = ("annotator.qt.dialogs.menu",)
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
    label = window.label
    images, canvas = label.images, label.canvas
    count = 1_000_000_000
    entries = [
        Entry("next", tr("Next picture"), ("D",), "Go", lambda: images.step(1), LABELLING),
        Entry("previous", tr("Previous picture"), ("A",), "Go", lambda: images.step(-1), LABELLING),
        Entry("next_10", tr("10 pictures on"), ("V",), "Go", lambda: images.step(10), LABELLING),
        Entry("previous_10", tr("10 pictures back"), ("C",), "Go", lambda: images.step(-10), LABELLING),
        Entry("first", tr("First picture"), ("Home",), "Go", lambda: images.step(-count), LABELLING),
        Entry("last", tr("Last picture"), ("End",), "Go", lambda: images.step(count), LABELLING),
        Entry("next_box", tr("Next box"), ("Tab",), "Go", lambda: canvas.cycle(1), LABELLING, separated=True),
        Entry("previous_box", tr("Previous box"), ("Shift+Tab",), "Go", lambda: canvas.cycle(-1), LABELLING),
        Entry("search", tr("Search by name"), ("Ctrl+F",), "Go", images.search.setFocus, LABELLING),
    ]
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


def _view_entries(window: MainWindow) -> list[Entry]:
    canvas = window.label.canvas

    def toggle(name: str) -> Callable[[], None]:
        def run() -> None:
            setattr(canvas, name, not getattr(canvas, name))
            canvas.update()
            if name == "show_boxes":
                window.statusBar().showMessage("" if canvas.show_boxes else "Boxes are hidden (H shows them)")

        return run

    return [
        Entry("zoom_in", tr("Zoom in"), ("+", "="), "View", lambda: canvas.zoom_by(1.25), LABELLING),
        Entry("zoom_out", tr("Zoom out"), ("-",), "View", lambda: canvas.zoom_by(0.8), LABELLING),
        Entry("fit", tr("Fit the picture"), ("F",), "View", canvas.fit, LABELLING),
        Entry("actual", tr("100 %"), ("Ctrl+1",), "View", canvas.zoom_to_actual, LABELLING),
        Entry("zoom_box", tr("Zoom to the selected box"), ("Z",), "View", canvas.zoom_to_selected, LABELLING),
        Entry("hide_boxes", tr("Hide or show boxes"), ("H",), "View", toggle("show_boxes"), LABELLING),
        Entry("hide_labels", tr("Hide or show labels"), ("L",), "View", toggle("show_labels"), LABELLING),
        Entry(
            "crosshair", tr("Crosshair while drawing"), ("X",), "View", toggle("show_crosshair"), LABELLING
        ),
    ]


def _key_entries(window: MainWindow) -> list[Entry]:
    """Keys without a place in a menu: digits and arrows."""
    label = window.label
    canvas = label.canvas
    entries = [
        Entry(f"class_{digit}", tr("Class {number}", number=digit or 10), (str(digit),), "",
              lambda digit=digit: label.choose_digit(digit), LABELLING)
        for digit in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
    ]  # fmt: skip
    arrows = (
        ("Left", -1, 0, tr("left")),
        ("Right", 1, 0, tr("right")),
        ("Up", 0, -1, tr("up")),
        ("Down", 0, 1, tr("down")),
    )
    for key, dx, dy, where in arrows:
        lower = key.lower()
        entries += [
            Entry(f"nudge_{lower}", tr("Move by 1 px: {where}", where=where), (key,), "",
                  lambda dx=dx, dy=dy: label.arrow(dx, dy, far=False), LABELLING),
            Entry(f"nudge_far_{lower}", tr("Move by 10 px: {where}", where=where), (f"Shift+{key}",), "",
                  lambda dx=dx, dy=dy: label.arrow(dx, dy, far=True), LABELLING),
            Entry(f"resize_{lower}", tr("Right and bottom edge: {where}", where=where), (f"Ctrl+{key}",), "",
                  lambda dx=dx, dy=dy: canvas.resize_selected(dx, dy), LABELLING),
            Entry(f"resize_near_{lower}", tr("Left and top edge: {where}", where=where), (f"Alt+{key}",), "",
                  lambda dx=dx, dy=dy: canvas.resize_selected(dx, dy, far_edges=False), LABELLING),
        ]  # fmt: skip
    return entries


def _last_entries(window: MainWindow) -> list[Entry]:
    return [
        Entry("keys", tr("Keys"), ("F1", "?"), "Help", lambda: show_keys(window)),
        Entry("messages", tr("Messages"), (), "Help", window.show_messages),
        Entry("quit", tr("Quit"), ("Ctrl+Q",), "File", window.close, separated=True),
    ]


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
        *_view_entries(window),
        *_key_entries(window),
        *brought,
        *last,
    ]


class Actions:
    """The actions of the window: made from all entries, in the menus, enabled where they can be used.

    Attributes:
        entries: What they were made from, by name.
        by_name: The actions.
    """

    def __init__(self, window: MainWindow) -> None:
        self._window = window
        found = all_entries(window)
        self.entries = {entry.name: entry for entry in found}
        if len(self.entries) != len(found):
            names = [entry.name for entry in found]
            raise ValueError(f"two actions have one name: {sorted({n for n in names if names.count(n) > 1})}")
        self.by_name = {entry.name: self._make(entry) for entry in found}
        self._build_menus()
        self._name_undo()

    def _make(self, entry: Entry) -> QAction:
        action = QAction(entry.text, self._window)
        action.setShortcuts([QKeySequence(key) for key in entry.keys])
        action.setShortcutContext(Qt.WindowShortcut)
        action.setCheckable(entry.checked is not None)
        # triggered() hands over "checked", which is nothing these take.
        action.triggered.connect(lambda checked=False, run=entry.run: run())
        self._window.addAction(action)
        return action

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


def show_keys(window: MainWindow) -> None:
    """A table of every action and its keys."""
    shown = [action for action in window.actions_by_name.values() if action.shortcuts()]
    table = QTableWidget(len(shown), 2)
    table.setHorizontalHeaderLabels([tr("Action"), tr("Keys")])
    table.verticalHeader().hide()
    table.setEditTriggers(QTableWidget.NoEditTriggers)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
    for row, action in enumerate(shown):
        table.setItem(row, 0, QTableWidgetItem(action.text()))
        keys = ", ".join(key.toString(QKeySequence.NativeText) for key in action.shortcuts())
        table.setItem(row, 1, QTableWidgetItem(keys))
    table.resizeColumnToContents(1)
    dialog = QDialog(window)
    dialog.setWindowTitle(tr("Keys"))
    buttons = QDialogButtonBox(QDialogButtonBox.Close)
    buttons.rejected.connect(dialog.reject)
    column = QVBoxLayout(dialog)
    column.addWidget(table)
    column.addWidget(buttons)
    dialog.resize(520, 620)
    dialog.exec_()
