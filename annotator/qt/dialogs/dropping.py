"""What becomes of files that are dropped, chosen or pasted: opened, or added to the open set."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import QDateTime, Qt
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QFileDialog, QMessageBox, QProgressDialog

from annotator import messages
from annotator.core import adding
from annotator.core.incoming import fill_empty_folder, is_empty_folder, may_be_opened, read_incoming
from annotator.qt.background import Task
from annotator.qt.translation import tr
from converters.conversion import AddOptions, ConvertOptions
from converters.errors import DataError
from converters.images import IMAGE_SUFFIXES
from converters.report import Report

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


def drop(window: MainWindow, paths: Sequence[Path]) -> None:
    """Open what was dropped, or add it to the open set: asked where both are possible."""
    paths = [path for path in paths if path.exists()]
    if not paths:
        return
    if window.project is None:
        folder = window.opening.empty_folder
        if folder is not None and not (len(paths) == 1 and is_empty_folder(paths[0])):
            fill(window, folder, paths)
        elif may_be_opened(paths[0]):
            window.open_path(paths[0])
        else:
            # A picture alone is no set: the folder that it lies in is.
            window.open_path(paths[0].parent)
        return
    if not may_be_opened(paths[0]) or len(paths) > 1:
        add(window, paths)
        return
    if is_empty_folder(paths[0]):
        window.open_path(paths[0])
        return
    answer = _ask(window, paths[0])
    if answer == "open":
        window.open_path(paths[0])
    elif answer == "add":
        add(window, paths)


def _ask(window: MainWindow, path: Path) -> str:
    box = QMessageBox(window)
    box.setIcon(QMessageBox.Question)
    box.setWindowTitle("mask-annotator")
    box.setTextFormat(Qt.PlainText)
    name = path.name if len(path.name) <= 60 else path.name[:59] + "…"
    box.setText(tr("Open {name}, or add its pictures to this set?", name=name))
    box.setInformativeText(tr("Adding copies them; you see first what will happen, and can undo it."))
    add_button = box.addButton(tr("Add to this set"), QMessageBox.AcceptRole)
    open_button = box.addButton(tr("Open it"), QMessageBox.AcceptRole)
    stay = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
    box.setDefaultButton(add_button)
    box.setEscapeButton(stay)
    box.exec_()
    return {add_button: "add", open_button: "open"}.get(box.clickedButton(), "")


def ask_for_pictures(window: MainWindow) -> None:
    """Choose pictures (with label files beside them) to add."""
    if window.project is None:
        return
    kinds = " ".join(f"*{suffix} *{suffix.upper()}" for suffix in sorted(IMAGE_SUFFIXES))
    archives = "*.zip *.tar *.tar.gz *.tgz *.tar.bz2 *.tar.xz"
    names, _ = QFileDialog.getOpenFileNames(
        window,
        tr("Add pictures"),
        str(window.project.session.root.parent),
        f"{tr('Pictures')} ({kinds});;{tr('Archives')} ({archives});;{tr('All files')} (*)",
    )
    if names:
        add(window, [Path(name) for name in names])


def ask_for_folder(window: MainWindow) -> None:
    """Choose a folder of pictures to add."""
    if window.project is None:
        return
    place = str(window.project.session.root.parent)
    name = QFileDialog.getExistingDirectory(window, tr("Add the pictures of a folder"), place)
    if name:
        add(window, [Path(name)])


def add(window: MainWindow, paths: Sequence[Path]) -> None:
    """Show what adding would do, and do it."""
    if window.project is None or not window.save():
        return
    if window.project.is_work_itself:
        _add_to_work(window, paths)
        return
    from annotator.qt.dialogs.adding import show_adding

    dialog = show_adding(window, window.project.session, paths)
    dialog.added.connect(lambda keys: window.show_image_of(keys[0]))


def _add_to_work(window: MainWindow, paths: Sequence[Path]) -> None:
    """A Darknet data set takes pictures in its own way: plain names, the split that lacks most."""
    from converters.adding import add_to_work

    root = window.project.session.root
    report = Report()
    if len(paths) > 1 or not may_be_opened(paths[0]):
        messages.info(tr("A Darknet data set takes one folder or archive at a time: drop that."))
        return

    def done(result) -> None:
        text = tr("{n} pictures were added to the Darknet data set.", n=len(result.added))
        (messages.warning if report.errors else messages.info)(text, "\n".join(map(str, report)))
        window.opening.read_again()

    options = ConvertOptions(keep_unlabelled=False)
    _run(
        window,
        tr("Adding {name}…", name=paths[0].name),
        lambda tell: add_to_work(
            paths[0], root, report, options, AddOptions(new_classes=True), on_progress=tell
        ),
        done,
    )


def fill(window: MainWindow, folder: Path, paths: Sequence[Path]) -> None:
    """Copy what was dropped into the empty folder that was opened, then open that."""
    _run(
        window,
        tr("Copying into {name}…", name=folder.name),
        lambda tell: fill_empty_folder(paths, folder, tell),
        lambda _: window.open_path(folder),
    )


def _run(window: MainWindow, text: str, work, then) -> None:
    dialog = QProgressDialog(text, tr("Cancel"), 0, 0, window)
    dialog.setWindowTitle("mask-annotator")
    dialog.setWindowModality(Qt.WindowModal)
    dialog.setMinimumDuration(500)
    task = Task(work, window)
    dialog.canceled.connect(task.cancel)

    def tell(done: int, total: int) -> None:
        dialog.setMaximum(min(total, 2**31 - 1))
        dialog.setValue(min(done, max(total - 1, 0), 2**31 - 2))

    ends: list[object] = []
    task.progressed.connect(tell)
    task.succeeded.connect(ends.append)
    task.failed.connect(messages.error)

    def finished() -> None:
        dialog.reset()
        dialog.deleteLater()
        task.deleteLater()
        if ends:
            then(ends[0])

    task.finished.connect(finished)
    task.start()


def paste_picture(window: MainWindow) -> None:
    """Add the picture that is in the clipboard, or the files that are."""
    if window.project is None:
        return
    clipboard = QGuiApplication.clipboard()
    data = clipboard.mimeData()
    files = [Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile()] if data.hasUrls() else []
    if files:
        add(window, [path for path in files if path.exists()])
        return
    image = clipboard.image()
    if image.isNull():
        messages.info(tr("There is no picture in the clipboard."))
        return
    if window.project.is_work_itself:
        messages.info(tr("A picture cannot be pasted into a Darknet data set: paste it into its source."))
        return
    session = window.project.session
    with tempfile.TemporaryDirectory(prefix="mask-annotator-") as folder:
        name = f"pasted-{QDateTime.currentDateTime().toString('yyyyMMdd-HHmmss')}.png"
        path = Path(folder) / name
        if not image.save(str(path)):
            messages.error(tr("The picture in the clipboard cannot be written."))
            return
        try:
            found = read_incoming([path], session.root)
            try:
                places = adding.find_places(session, found.newcomers)
                edit = adding.stage(session, places, {}, session.class_names)
                session.apply(edit)
            finally:
                found.close()
        except DataError as error:
            messages.error(str(error))
            return
    messages.info(tr("The picture from the clipboard was added as {name}.", name=places[0].picture))
    window.show_image_of(edit.keys[0])
