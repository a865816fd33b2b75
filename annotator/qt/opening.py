"""Opening a set in the background, in the place of the one that is open, and leaving it."""

from __future__ import annotations

import contextlib
import ctypes
import gc
from pathlib import Path
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, QTimer
from PyQt5.QtWidgets import QFileDialog

from annotator import messages
from annotator.core import new_sets, recent
from annotator.core.first_look import FirstLook, first_look
from annotator.core.incoming import is_empty_folder
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt import layout_memory
from annotator.qt.background import Task
from annotator.qt.first_picture import FirstPicture
from annotator.qt.progress import ProgressDialog
from annotator.qt.said_below import summary
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError
from converters.report import Severity

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

_WAIT_FOR_PICTURE = 1000
"""Milliseconds for which reading the set waits for its first picture."""
_MOST_TOLD = 2000
"""Lines of the details of what was found; the page of findings has them all."""

LEFT_OUT = "left-out"
"""Topic of the message about what was left out of a set; the page of findings lists it."""


class Opening(QObject):
    """Opens sets for the window.

    Attributes:
        empty_folder: The folder without any file that was opened last: what is dropped is copied into it.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._task: Task | None = None
        self._closed = False
        self._return_to: str | None = None
        self.empty_folder: Path | None = None
        self._first: FirstPicture | None = None
        self._waiting: Path | None = None
        self._path: Path | None = None
        self._next: Path | None = None
        self._counting: list[Task] = []

    # What to open

    def open_demo(self) -> None:
        """Open the working copy of the demo set; the shipped one is never written."""
        from annotator.core.demo import demo_copy

        try:
            path = demo_copy()
        except DataError as error:
            messages.error(str(error))
            return
        self.open_path(path)

    def ask_for_folder(self) -> None:
        """Ask for a folder and open it."""
        path = QFileDialog.getExistingDirectory(
            self._window, tr("Open a folder of pictures"), self._last_place()
        )
        if path:
            self.open_path(Path(path))

    def ask_for_archive(self) -> None:
        """Ask for an archive and open it."""
        kinds = "*.zip *.tar *.tar.gz *.tgz *.tar.bz2 *.tar.xz"
        path, _ = QFileDialog.getOpenFileName(
            self._window,
            tr("Open a zip"),
            self._last_place(),
            f"{tr('Archives')} ({kinds});;{tr('All files')} (*)",
        )
        if path:
            self.open_path(Path(path))

    def _last_place(self) -> str:
        known = self._window.settings.recent
        return str(known[0].parent if known else Path.home())

    def read_again(self, at: str | None = None) -> None:
        """Open the set anew, at the same picture (or another): what another program changed is seen."""
        if self._window.project is not None:
            self._return_to = at or self._window.label.key
            self.open_path(self._window.project.session.root)

    # Opening it

    def open_path(self, path: Path) -> None:
        """Open a folder or an archive in the background, in the place of what is open.

        Of a folder the first picture is shown at once, while the set is read.
        """
        if self._task is not None:
            # Another one is wanted instead; the same once more is a double click.
            if path != self._path:
                self._next = path
                self._task.cancel()
            return
        if not self._window.may_leave():
            return
        if self._return_to is None:
            self._window.message_bar.forget()
        self._path = path
        self.empty_folder = path if is_empty_folder(path) else None
        if self.empty_folder is not None:
            self.let_go()
            self._window.show_start()
            self._window.start.show_empty(path)
            return
        self.let_go()
        at = self._return_to or self._window.settings.place_in(path)
        look = Task(lambda _: first_look(path, at), self)
        look.succeeded.connect(lambda found: self._looked(found, path))
        look.failed.connect(self._not_opened)
        look.failed.connect(lambda _: self._ended())
        self._task = look.start()

    def _looked(self, look: FirstLook | None, path: Path) -> None:
        if self._closed:
            return
        if self._next is not None:
            self._ended()
            return
        if look is None:  # an archive, or a folder of which there is something else to be said
            self._read(path)
            return
        self._first = FirstPicture(self._window, look)
        # The picture first: until it is there the set would only take the processor away from it.
        self._waiting = path
        self._first.shown.connect(self._read_now)
        QTimer.singleShot(_WAIT_FOR_PICTURE, self._read_now)

    def _read_now(self) -> None:
        path, self._waiting = self._waiting, None
        if path is not None:
            self._read(path)

    def _read(self, path: Path) -> None:
        if self._closed:
            return
        if self._next is not None:
            self._cancelled()
            self._ended()
            return
        new_labels = str(self._window.settings.get(new_sets.SETTING, new_sets.FORMATS[0]))
        task = Task(lambda tell: Session.open(path, tell, new_labels), self)
        if self._first is not None:
            self._first.cancelled.connect(task.cancel)
            task.progressed.connect(self._first.tell)
        else:
            self._show_progress(task, path)
        task.succeeded.connect(lambda session: self._opened(session, path))
        task.failed.connect(self._not_opened)
        task.cancelled.connect(self._cancelled)
        task.finished.connect(self._ended)
        self._task = task.start()

    def _show_progress(self, task: Task, path: Path) -> None:
        ProgressDialog(task, tr("Opening {name}…", name=path.name), self._window)

    def _ended(self) -> None:
        self._task = None
        self._return_to = None
        wanted, self._next = self._next, None
        if wanted is not None and not self._closed:
            QTimer.singleShot(0, lambda: self.open_path(wanted))

    def _end_first(self) -> None:
        if self._first is not None:
            self._first.end()
            self._first = None

    def _cancelled(self) -> None:
        self._end_first()
        self._window.show_start()

    def _not_opened(self, text: str) -> None:
        self._end_first()
        messages.error(text)
        self._window.show_start()

    def _opened(self, session: Session, path: Path) -> None:
        if self._closed or self._next is not None:
            # It was opened in the background while the window closed, or another one was wanted meanwhile.
            session.close()
            self._end_first()
            return
        self._end_first()
        from annotator.qt.dialogs.ask_meaning import ask_meaning

        at = self._return_to
        ask_meaning(
            self._window,
            session,
            show=lambda: self._show(session, path, at),
            read_again=lambda: self.open_path(path),
            give_up=self._window.show_start,
        )

    def _show(self, session: Session, path: Path, at: str | None) -> None:
        if self._closed or self._next is not None or self._window.project is not None:
            session.close()
            return
        # A million boxes will not become garbage while the set is open: looking through them for some, as
        # Python does now and then, would stop the window for half a second each time.
        gc.freeze()
        _give_back_memory()
        window = self._window
        project = Project(session, window.settings)
        project.take_over_split()
        window.settings.add_recent(path)
        self._remember(session, path)
        window.show_project(project, at or window.settings.place_in(session.root))
        layout_memory.restore_page(window)
        say_what_was_found(session)

    def _remember(self, session: Session, path: Path) -> None:
        """Keep what the start page tells of a set."""
        task = Task(lambda _: recent.facts_of(session), self)
        task.succeeded.connect(lambda facts: recent.remember(self._window.settings, path, facts))
        task.finished.connect(lambda: self._counting.remove(task))
        self._counting.append(task.start())

    def forget(self, path: Path) -> None:
        """Take a set from the list on the start page. Nothing happens to its files."""
        recent.forget(self._window.settings, path)
        self._window.show_start()

    # Leaving it

    def let_go(self) -> None:
        """Leave the open set."""
        window = self._window
        window.pictures.remember_place()
        layout_memory.remember_page(window)
        window.undo_stack.clear()
        if window.project is not None:
            window.project.session.close()
            window.project = None
        window.loader.forget_all()
        gc.unfreeze()

    def close(self) -> None:
        """The window closes: end what is being opened."""
        self._closed = True
        for counting in tuple(self._counting):
            counting.wait()
        if self._task is not None:
            self._task.cancel()
            self._task.wait()


def _give_back_memory() -> None:
    """Let the system have what reading the set took and needs no more; the C library would keep it."""
    with contextlib.suppress(AttributeError, OSError):  # only glibc has it
        ctypes.CDLL(None).malloc_trim(0)


def say_what_was_found(session: Session) -> None:
    """What a person has to know about a set that was just opened."""
    unlabelled = sum(not session.image(key).labelled for key in session.keys)
    pictures = tr_n("{n} picture open", "{n} pictures open", len(session.keys))
    # Errors first: in a set that is yet to be labelled each picture has a warning, which would bury them.
    issues = sorted(session.report.issues, key=lambda issue: issue.severity != Severity.ERROR)
    details = "\n".join(map(str, issues[:_MOST_TOLD]))
    if len(issues) > _MOST_TOLD:
        details += "\n" + tr("… {n} in all", n=f"{len(issues):,}")
    if session.sidecar.locked_by is not None:
        messages.warning(
            tr(
                "This set is open in another window (process {number}): edit it in one of them only. "
                "Neither overwrites what the other changed, or shows it before F5.",
                number=session.sidecar.locked_by,
            )
        )
    elif not session.sidecar.writable:
        messages.warning(
            tr(
                "{folder} is read-only: you can look, but changes cannot be saved here. "
                "Copy the set to a folder of your own to edit it.",
                folder=session.root,
            )
        )
    elif session.report.errors:
        messages.warning(
            tr_n(
                "{pictures}. {n} problem: that file or box is left out. The page Findings says what to do.",
                "{pictures}. {n} problems: those files or boxes are left out. "
                "The page Findings says what to do.",
                len(session.report.errors),
                pictures=pictures,
            ),
            details,
            LEFT_OUT,
        )
    elif unlabelled == len(session.keys):
        messages.info(
            tr(
                "No labels were found beside the pictures: press W and draw the first box. What you draw is "
                "written as {format}, beside each picture (File > Format of new labels…).",
                format=session.codec.title,
            )
        )
    elif session.report.issues:
        messages.info(
            tr(
                "{pictures}. To look at some day: {summary}.",
                pictures=pictures,
                summary=summary(session.report),
            ),
            details,
        )
