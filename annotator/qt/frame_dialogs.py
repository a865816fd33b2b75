"""What the window itself can show over its pages. Each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def show_key_map(window: MainWindow) -> None:
    """The map of the keys, beside the window: it may stay open."""
    from annotator.qt.key_map import KeyMapDialog

    KeyMapDialog.show_for(window)


def show_palette(window: MainWindow) -> None:
    """Every action, by a few letters of its name."""
    from annotator.qt.palette import CommandPalette

    CommandPalette(window).open_over()


def show_settings(window: MainWindow, page: str = "keys") -> None:
    """Keys, appearance, language."""
    from annotator.qt.dialogs.settings import SettingsDialog

    dialog = SettingsDialog(window, page)
    dialog.exec_()
    dialog.deleteLater()
