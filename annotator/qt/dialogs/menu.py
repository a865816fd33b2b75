"""What the menus do that opens a dialog. Each is imported when it is asked for: the window starts without."""

from __future__ import annotations

from typing import TYPE_CHECKING

from annotator import messages
from annotator.core import new_sets
from annotator.qt.dialogs import dropping
from annotator.qt.entry import SET, Entry
from annotator.qt.translation import tr
from converters import registry

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def entries(window: MainWindow) -> list[Entry]:
    """The actions of these dialogs."""
    window.later.when_built("train", lambda page: page.runs_wanted.connect(lambda: show_runs(window)))
    return [
        Entry("add_pictures", tr("Add pictures…"), ("Ctrl+I",), "File",
              lambda: dropping.ask_for_pictures(window), SET, separated=True),
        Entry("add_folder", tr("Add a folder of pictures…"), ("Ctrl+Shift+I",), "File",
              lambda: dropping.ask_for_folder(window), SET),
        Entry("paste_picture", tr("Paste a picture"), ("Ctrl+Shift+V",), "Edit",
              lambda: dropping.paste_picture(window), SET),
        Entry("new_labels", tr("Format of new labels…"), (), "File", lambda: choose_new_labels(window)),
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


def choose_new_labels(window: MainWindow) -> None:
    """In which format pictures are labelled that have no labels yet."""
    from PyQt5.QtWidgets import QInputDialog

    titles = {registry.FORMATS[name].title: name for name in new_sets.FORMATS}
    now = window.settings.get(new_sets.SETTING, new_sets.FORMATS[0])
    row = new_sets.FORMATS.index(now) if now in new_sets.FORMATS else 0
    title, ok = QInputDialog.getItem(
        window,
        tr("Format of new labels"),
        tr("Pictures without any labels get a label file beside each, in this format.\n"
           "Sets that have labels keep the format they have; Export writes any other one."),
        list(titles),
        row,
        False,
    )  # fmt: skip
    if not ok:
        return
    window.settings.set(new_sets.SETTING, titles[title])
    session = window.project.session if window.project is not None else None
    untouched = session is not None and not session.class_names and not session.history.undo_count
    if untouched and not any(session.image(key).labelled for key in session.keys):
        window.opening.read_again()
