"""What the menus do that opens a dialog. Each is imported when it is asked for: the window starts without."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def show_trash(window: MainWindow) -> None:
    """Pictures that were removed from the open set."""
    from annotator.qt.dialogs import trash

    if window.project is not None:
        trash.show_trash(window, window.project.session)
