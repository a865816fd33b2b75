"""How the dialogs about classes are reached; each is imported when it is asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator.qt.entry import SET, Entry
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def entries(window: MainWindow) -> list[Entry]:
    """The actions about classes."""
    return [
        Entry(
            "classes", tr("Classes…"), ("Ctrl+L",), "Edit", lambda: show_classes(window), SET, separated=True
        )
    ]


def show_classes(window: MainWindow, name: str = "") -> None:
    """The classes of the open set.

    Args:
        window: The window.
        name: The class that is chosen at first.
    """
    from annotator.qt.dialogs.classes import ClassesDialog

    if window.project is not None:
        dialog = ClassesDialog(window.project, window)
        dialog.choose(name)
        dialog.open()
