"""What the menus do that opens a dialog. Each is imported when it is asked for: the window starts without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator import messages
from annotator.qt.dialogs import dropping
from annotator.qt.entry import SET, Entry
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def entries(window: MainWindow) -> list[Entry]:
    """The actions of these dialogs."""
    window.train.runs_wanted.connect(lambda: show_runs(window))
    return [
        Entry("add_pictures", tr("Add pictures…"), ("Ctrl+I",), "File",
              lambda: dropping.ask_for_pictures(window), SET, separated=True),
        Entry("add_folder", tr("Add a folder of pictures…"), ("Ctrl+Shift+I",), "File",
              lambda: dropping.ask_for_folder(window), SET),
        Entry("paste_picture", tr("Paste a picture"), ("Ctrl+Shift+V",), "Edit",
              lambda: dropping.paste_picture(window), SET),
        Entry("export", tr("Export…"), ("Ctrl+E",), "File", lambda: show_export(window), SET, separated=True),
        Entry("runs", tr("Runs and weights…"), (), "File", lambda: show_runs(window), SET),
        Entry("trash", tr("Trash…"), (), "File", lambda: show_trash(window), SET),
        Entry("diagnostics", tr("Save diagnostics…"), (), "Help", lambda: show_diagnostics(window),
              separated=True),
        Entry("about", tr("About mask-annotator"), (), "Help", lambda: show_about(window)),
    ]  # fmt: skip


def show_trash(window: MainWindow) -> None:
    """Pictures that were removed from the open set."""
    from annotator.qt.dialogs import trash

    if window.project is not None:
        trash.show_trash(window, window.project.session)


def show_export(window: MainWindow) -> None:
    """Write the open set in another format."""
    from annotator.qt.dialogs import export

    if window.project is not None and window.save():
        export.show_export(window, window.project.session)


def show_runs(window: MainWindow) -> None:
    """Old trainings and their weights."""
    from annotator.qt.dialogs import runs

    work = window.project.work if window.project is not None else None
    if work is None:
        messages.info(tr("There is no training set yet, and so no run: make it on the Split page first."))
        return
    runs.show_runs(window, work.root).changed.connect(window.train.refresh)


def show_diagnostics(window: MainWindow) -> None:
    """One file to send when something is wrong."""
    from annotator.qt.dialogs import diagnostics

    diagnostics.show_diagnostics(window)


def show_about(window: MainWindow) -> None:
    """Versions and licences."""
    from annotator.qt.dialogs import about

    about.show_about(window)
