"""The keys of the window: the defaults, changing them, the map, the command palette, typing."""

from pathlib import Path

import pytest
from PyQt5 import sip
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QKeySequence
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QLineEdit

from annotator.qt.dialogs.settings import SettingsDialog
from annotator.qt.key_map import KeyMapDialog, in_columns, lines_of, matching
from annotator.qt.main_window import MainWindow
from annotator.qt.palette import CommandPalette, commands_of, ranked
from annotator.qt.typing_guard import TypingGuard
from annotator.settings import Settings

# The map that hands know from other tools; what is listed has to be there.
DEFAULTS = {
    "D": "next", "A": "previous", "Home": "first", "End": "last", "V": "next_10", "C": "previous_10",
    "W": "draw", "R": "draw", "N": "draw", "Tab": "next_box", "Shift+Tab": "previous_box",
    "1": "class_1", "9": "class_9", "0": "class_0", "Left": "nudge_left", "Shift+Left": "nudge_far_left",
    "Ctrl+Left": "resize_left", "Alt+Left": "resize_near_left", "Del": "delete",
    "Ctrl+Z": "undo", "Ctrl+Shift+Z": "redo", "Ctrl+Y": "redo",
    "Ctrl+C": "copy", "Ctrl+V": "paste", "Y": "copy_previous", "Ctrl+D": "duplicate",
    "+": "zoom_in", "-": "zoom_out", "F": "fit", "Ctrl+1": "actual", "Z": "zoom_box",
    "H": "hide_boxes", "L": "hide_labels", "X": "crosshair",
    "Shift+1": "draw_1", "G": "page_gallery",
    "B": "page_balance", "T": "page_train", "Q": "page_predict",
    "Ctrl+K": "palette", "F1": "keys", "?": "keys",
    "Ctrl+F": "search", "Shift+D": "next_fitting", "Shift+A": "previous_fitting",
    "PgDown": "next_unreviewed", "PgUp": "previous_unreviewed", "Space": "reviewed_next",
    "Shift+Space": "toggle_reviewed", "E": "empty_next", "Ctrl+Shift+Del": "remove",
    "Ctrl+S": "save", "Ctrl+U": "open",
}  # fmt: skip
DESTRUCTIVE = ("delete", "remove", "forget", "empty_trash", "overwrite")


@pytest.fixture
def window(qtbot, tmp_path: Path):
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    widget.activateWindow()
    qtbot.waitUntil(widget.isActiveWindow, timeout=20_000)
    yield widget
    widget.close_without_asking()


@pytest.fixture
def opened(qtbot, window: MainWindow, small_demo: Path):
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=20_000)
    return window


def test_no_key_has_two_meanings_and_the_map_of_hands_is_there(window: MainWindow):
    keys = window.keys.bindings
    assert keys.clashes() == []
    for key, name in DEFAULTS.items():
        assert key in keys.keys(name), name
    for name, entry in window.keys.entries.items():
        for key in keys.keys(name):
            # Written as Qt writes it, so that what is pressed can be compared with it.
            assert QKeySequence(key).toString(QKeySequence.PortableText) == key, name
            if any(word in name for word in DESTRUCTIVE):
                assert key == "Del" or "Ctrl" in key or "Alt" in key, name
        assert entry.text and not (name == "quit" and "Esc" in entry.keys)


def test_every_action_stands_in_the_palette_with_the_reason_why_not(window: MainWindow):
    commands = {command.name: command for command in commands_of(window)}
    assert set(commands) == set(window.keys.entries) - {"palette"}
    assert commands["draw"].reason == "no set is open" and commands["open"].reason == ""
    assert commands["draw"].keys == "W, R, N"
    first = ranked(list(commands.values()), "open zip")[0]
    assert first.name == "open_archive"


def test_palette_runs_what_was_chosen_and_remembers_it(qtbot, opened: MainWindow):
    opened.actions_by_name["palette"].trigger()
    palette = opened.findChild(CommandPalette)
    qtbot.waitUntil(palette.search.hasFocus, timeout=10_000)
    QTest.keyClicks(palette.search, "select all box")
    QTest.keyClick(palette.search, Qt.Key_Return)
    qtbot.waitUntil(lambda: len(opened.label.canvas.selected) > 0)
    assert commands_of(opened)[0].name == "select_all"


def test_palette_does_not_run_what_cannot_be_done_and_esc_closes_it(qtbot, window: MainWindow):
    palette = CommandPalette(window)
    palette.open_over()
    QTest.keyClicks(palette.search, "draw a box")
    QTest.keyClick(palette.search, Qt.Key_Return)
    assert palette.isVisible()
    with qtbot.waitSignal(palette.destroyed):
        QTest.keyClick(palette.search, Qt.Key_Escape)
    assert window.isVisible()


def test_a_key_is_changed_refused_and_reset(qtbot, opened: MainWindow):
    dialog = SettingsDialog(opened)
    qtbot.addWidget(dialog)
    page = dialog.keys
    page.search.setText("draw a box")
    assert page.name == "draw"
    dialog.show()
    QTest.keyClick(page.field, Qt.Key_D)
    assert "D belongs to “Next picture”" in page.note.text()
    QTest.keyClick(page.field, Qt.Key_F7, Qt.ShiftModifier)
    assert opened.keys.bindings.keys("draw") == ("W", "R", "N", "Shift+F7")
    page.remove_key("W")
    assert opened.settings.get("keys") == {"draw": ["R", "N", "Shift+F7"]}
    assert "R, N, Shift+F7" in opened.actions_by_name["draw"].toolTip()
    assert QKeySequence("W") not in opened.actions_by_name["draw"].shortcuts()
    page.search.clear()
    assert "Shift+F7" in [key for group in lines_of(opened).values() for line in group for key in line.keys]
    page.reset_one.click()
    assert opened.settings.get("keys") is None
    assert opened.keys.bindings.keys("draw") == ("W", "R", "N")


@pytest.mark.parametrize(
    ("key", "modifiers", "text"),
    [
        (Qt.Key_Tab, Qt.NoModifier, "Tab"),
        (Qt.Key_Backtab, Qt.ShiftModifier, "Shift+Tab"),
        (Qt.Key_Question, Qt.ShiftModifier, "?"),
        (Qt.Key_A, Qt.ShiftModifier, "Shift+A"),
        (Qt.Key_Delete, Qt.ControlModifier, "Ctrl+Del"),
        (Qt.Key_Space, Qt.ShiftModifier, "Shift+Space"),
    ],
)
def test_a_key_is_taken_as_it_is_kept(qtbot, window: MainWindow, key, modifiers, text: str):
    dialog = SettingsDialog(window)
    qtbot.addWidget(dialog)
    taken = []
    dialog.keys.field.pressed.disconnect()
    dialog.keys.field.pressed.connect(taken.append)
    QTest.keyClick(dialog.keys.field, key, modifiers)
    assert taken == [text]


def test_the_map_is_grouped_and_searched(qtbot, opened: MainWindow):
    groups = lines_of(opened)
    lines = {line.text: line.keys for group in groups.values() for line in group}
    assert lines["Draw a box"] == ("W", "R", "N")
    assert len(lines["Move the selected boxes by 1 px"]) == 4
    found = matching(groups, "ctrl+z")
    assert [line.text for group in found.values() for line in group] == ["Undo"]
    assert len(in_columns(groups, 3)) == 3
    dialog = KeyMapDialog.show_for(opened)
    assert KeyMapDialog.show_for(opened) is dialog
    dialog.search.setText("no such thing at all")
    assert dialog.view.toPlainText() == "Nothing found."
    dialog.close()


def test_what_is_typed_in_a_field_stays_there(qtbot, opened: MainWindow):
    search = opened.label.images.search
    search.setFocus()
    qtbot.waitUntil(search.hasFocus)
    before = opened.label.key
    QTest.keyClicks(search, "dw10 ?b")
    assert search.text() == "dw10 ?b"
    QTest.keyClick(search, Qt.Key_Left)
    QTest.keyClick(search, Qt.Key_Delete)
    assert search.text() == "dw10 ?"
    QTest.keyClick(search, Qt.Key_Z, Qt.ControlModifier)
    assert search.text() == "dw10 ?b"
    assert opened.tabs.currentWidget() is opened.label and not opened.findChildren(KeyMapDialog)
    assert opened.label.canvas.mode.name == "SELECT"
    assert opened.undo_stack.redoText() == "" and before is not None


def test_keys_work_from_a_list_and_its_arrows_are_its_own(qtbot, opened: MainWindow):
    view = opened.label.images.view
    view.setFocusPolicy(Qt.StrongFocus)
    view.setFocus()
    qtbot.waitUntil(lambda: QApplication.focusWidget() is view)
    first = opened.label.key
    QTest.keyClick(view, Qt.Key_Down)
    assert opened.label.key != first
    second = opened.label.key
    QTest.keyClick(view, Qt.Key_D)
    assert opened.label.key not in (first, second)
    QTest.keyClick(view, Qt.Key_W)
    assert opened.label.canvas.mode.name == "DRAW_ONE"


def test_a_field_that_is_deleted_while_it_is_watched_does_no_harm(qtbot):
    """The focus leaves a widget whose C++ part is gone already."""
    guard = TypingGuard()
    field = QLineEdit()
    guard._focus_changed(None, field)
    field.destroyed.disconnect(guard._gone)
    sip.delete(field)
    other = QLineEdit()
    qtbot.addWidget(other)
    guard._focus_changed(None, other)
    assert guard._watched is other
