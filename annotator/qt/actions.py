"""Every action of the window: its name, keys, and where it stands in the menus. One table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeySequence
from PyQt5.QtWidgets import (
    QAction,
    QDialog,
    QDialogButtonBox,
    QHeaderView,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from annotator.qt.dialogs import menu

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

SET, LABELLING = "set", "labelling"


@dataclass(frozen=True)
class Entry:
    """One action.

    Attributes:
        name: Its name in the code.
        text: In the menu.
        keys: Its keys, the first is shown.
        menu: The menu it stands in; empty: by key only.
        run: What it does.
        needs: ``set`` (an open set), ``labelling`` (the labelling page), or None.
    """

    name: str
    text: str
    keys: tuple[str, ...]
    menu: str
    run: Callable[[], object]
    needs: str | None = None


def _file_entries(window: MainWindow) -> list[Entry]:
    return [
        Entry("open", "Open folder…", ("Ctrl+U", "Ctrl+O"), "File", window.ask_for_folder),
        Entry("open_archive", "Open zip…", ("Ctrl+Shift+O",), "File", window.ask_for_archive),
        Entry("open_demo", "Open the demo set", (), "File", window.open_demo),
        Entry("save", "Save now", ("Ctrl+S",), "File", window.save, SET),
        Entry("read_again", "Read the set again", ("F5",), "File", window.read_again, SET),
        Entry("overwrite", "Overwrite changed files", (), "File", window.overwrite_changed, SET),
        Entry("trash", "Trash…", (), "File", lambda: menu.show_trash(window), SET),
        Entry("quit", "Quit", ("Ctrl+Q",), "File", window.close),
        Entry("keys", "Keys", ("F1", "?"), "Help", window.show_keys),
        Entry("messages", "Messages", (), "Help", window.show_messages),
    ]


def _edit_entries(window: MainWindow) -> list[Entry]:
    label = window.label
    canvas = label.canvas
    return [
        Entry("undo", "Undo", ("Ctrl+Z",), "Edit", window.undo, SET),
        Entry("redo", "Redo", ("Ctrl+Shift+Z", "Ctrl+Y"), "Edit", window.redo, SET),
        Entry("forget_step", "Forget this step", (), "Edit", window.undo_stack.forget_step, SET),
        Entry("draw", "Draw a box", ("W", "R", "N"), "Edit", label.toggle_drawing, LABELLING),
        Entry("copy", "Copy boxes", ("Ctrl+C",), "Edit", label.copy, LABELLING),
        Entry("paste", "Paste boxes", ("Ctrl+V",), "Edit", label.paste, LABELLING),
        Entry("duplicate", "Duplicate boxes", ("Ctrl+D",), "Edit", label.duplicate, LABELLING),
        Entry(
            "copy_previous", "Boxes of the previous picture", ("Y",), "Edit", label.copy_previous, LABELLING
        ),
        Entry("select_all", "Select all boxes", ("Ctrl+A",), "Edit", canvas.select_all, LABELLING),
        Entry("delete", "Delete boxes", ("Del",), "Edit", canvas.delete_selected, LABELLING),
        Entry("escape", "Stop drawing, deselect", ("Esc",), "Edit", label.escape, LABELLING),
    ]


def _go_entries(window: MainWindow) -> list[Entry]:
    label = window.label
    images, canvas = label.images, label.canvas
    count = 1_000_000_000
    entries = [
        Entry("next", "Next picture", ("D",), "Go", lambda: images.step(1), LABELLING),
        Entry("previous", "Previous picture", ("A",), "Go", lambda: images.step(-1), LABELLING),
        Entry("next_10", "10 pictures on", ("V",), "Go", lambda: images.step(10), LABELLING),
        Entry("previous_10", "10 pictures back", ("C",), "Go", lambda: images.step(-10), LABELLING),
        Entry("first", "First picture", ("Home",), "Go", lambda: images.step(-count), LABELLING),
        Entry("last", "Last picture", ("End",), "Go", lambda: images.step(count), LABELLING),
        Entry("next_box", "Next box", ("Tab",), "Go", lambda: canvas.cycle(1), LABELLING),
        Entry("previous_box", "Previous box", ("Shift+Tab",), "Go", lambda: canvas.cycle(-1), LABELLING),
        Entry("search", "Search by name", ("Ctrl+F",), "Go", images.search.setFocus, LABELLING),
    ]
    pages = (("label", "Label", "Alt+1"), ("balance", "Balance", "B"), ("split", "Split", "Alt+3"),
             ("augment", "Augment", "Alt+4"), ("train", "Train", "T"),
             ("predict", "Predictions", "Q"))  # fmt: skip
    for index, (name, title, key) in enumerate(pages):
        keys = tuple(dict.fromkeys((key, f"Alt+{index + 1}")))
        page = getattr(window, name)
        entries.append(
            Entry(
                f"page_{name}", title, keys, "Go", lambda page=page: window.tabs.setCurrentWidget(page), SET
            )
        )
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
        Entry("zoom_in", "Zoom in", ("+", "="), "View", lambda: canvas.zoom_by(1.25), LABELLING),
        Entry("zoom_out", "Zoom out", ("-",), "View", lambda: canvas.zoom_by(0.8), LABELLING),
        Entry("fit", "Fit the picture", ("F",), "View", canvas.fit, LABELLING),
        Entry("actual", "100 %", ("Ctrl+1",), "View", canvas.zoom_to_actual, LABELLING),
        Entry("zoom_box", "Zoom to the selected box", ("Z",), "View", canvas.zoom_to_selected, LABELLING),
        Entry("hide_boxes", "Hide or show boxes", ("H",), "View", toggle("show_boxes"), LABELLING),
        Entry("hide_labels", "Hide or show labels", ("L",), "View", toggle("show_labels"), LABELLING),
        Entry("crosshair", "Crosshair while drawing", ("X",), "View", toggle("show_crosshair"), LABELLING),
    ]


def _key_entries(window: MainWindow) -> list[Entry]:
    """Keys without a place in a menu: digits and arrows."""
    label = window.label
    canvas = label.canvas
    entries = [
        Entry(f"class_{digit}", f"Class {digit}", (str(digit),), "",
              lambda digit=digit: label.choose_digit(digit), LABELLING)
        for digit in range(10)
    ]  # fmt: skip
    arrows = (("Left", -1, 0), ("Right", 1, 0), ("Up", 0, -1), ("Down", 0, 1))
    for key, dx, dy in arrows:
        lower = key.lower()
        entries += [
            Entry(f"nudge_{lower}", f"Nudge {lower} by 1 px", (key,), "",
                  lambda dx=dx, dy=dy: label.arrow(dx, dy, far=False), LABELLING),
            Entry(f"nudge_far_{lower}", f"Nudge {lower} by 10 px", (f"Shift+{key}",), "",
                  lambda dx=dx, dy=dy: label.arrow(dx, dy, far=True), LABELLING),
            Entry(f"resize_{lower}", f"Right and bottom edge {lower}", (f"Ctrl+{key}",), "",
                  lambda dx=dx, dy=dy: canvas.resize_selected(dx, dy), LABELLING),
            Entry(f"resize_near_{lower}", f"Left and top edge {lower}", (f"Alt+{key}",), "",
                  lambda dx=dx, dy=dy: canvas.resize_selected(dx, dy, far_edges=False), LABELLING),
        ]  # fmt: skip
    return entries


def build_actions(window: MainWindow) -> dict[str, QAction]:
    """All actions of the window by name."""
    entries = [
        *_file_entries(window),
        *_edit_entries(window),
        *_go_entries(window),
        *_view_entries(window),
        *_key_entries(window),
    ]
    actions: dict[str, QAction] = {}
    for entry in entries:
        action = QAction(entry.text, window)
        action.setShortcuts([QKeySequence(key) for key in entry.keys])
        # triggered() hands over "checked", which is nothing these take.
        action.triggered.connect(lambda checked=False, run=entry.run: run())
        action.setProperty("needs", entry.needs)
        action.setProperty("menu", entry.menu)
        action.setShortcutContext(Qt.WindowShortcut)
        window.addAction(action)
        actions[entry.name] = action
    _name_undo(window, actions)
    return actions


def _name_undo(window: MainWindow, actions: dict[str, QAction]) -> None:
    """The menu says what would be undone."""
    stack = window.undo_stack
    stack.undoTextChanged.connect(lambda text: actions["undo"].setText(f"Undo: {text}" if text else "Undo"))
    stack.redoTextChanged.connect(lambda text: actions["redo"].setText(f"Redo: {text}" if text else "Redo"))


def build_menus(window: MainWindow, actions: dict[str, QAction]) -> None:
    """The menu bar."""
    for title in ("File", "Edit", "Go", "View", "Help"):
        part = window.menuBar().addMenu(f"&{title}")
        for name, action in actions.items():
            if action.property("menu") == title:
                if name in ("quit", "save", "page_label", "next_box"):
                    part.addSeparator()
                part.addAction(action)


def show_keys(window: MainWindow, actions: dict[str, QAction]) -> None:
    """A table of every action and its keys."""
    shown = [action for action in actions.values() if action.shortcuts()]
    table = QTableWidget(len(shown), 2)
    table.setHorizontalHeaderLabels(["Action", "Keys"])
    table.verticalHeader().hide()
    table.setEditTriggers(QTableWidget.NoEditTriggers)
    table.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
    for row, action in enumerate(shown):
        table.setItem(row, 0, QTableWidgetItem(action.text()))
        keys = ", ".join(key.toString(QKeySequence.NativeText) for key in action.shortcuts())
        table.setItem(row, 1, QTableWidgetItem(keys))
    table.resizeColumnToContents(1)
    dialog = QDialog(window)
    dialog.setWindowTitle("Keys")
    buttons = QDialogButtonBox(QDialogButtonBox.Close)
    buttons.rejected.connect(dialog.reject)
    column = QVBoxLayout(dialog)
    column.addWidget(table)
    column.addWidget(buttons)
    dialog.resize(520, 620)
    dialog.exec_()
