"""What is done with whole pictures, by key and in the list's menu: next, reviewed, empty, split, trash."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, QPoint, Qt, QTimer, QUrl
from PyQt5.QtGui import QDesktopServices, QGuiApplication
from PyQt5.QtWidgets import QMenu

from annotator import messages
from annotator.core.session import Session
from annotator.qt.bulk import carry_out
from annotator.qt.entry import LABELLING, Entry
from annotator.qt.translation import tr, tr_n
from converters.model import Split

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

REMEMBER_MS = 2000
"""Where a person is in a set is written down when they stay so long at a picture."""
THUMBNAILS = "list_thumbnails"
WHOLE_SET = 1_000_000_000


class PictureActions(QObject):
    """Acts on the pictures selected in the list; where that is one or none, on the open picture."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._list = window.label.images
        self._timer = QTimer(self, singleShot=True, interval=REMEMBER_MS)
        self._timer.timeout.connect(self.remember_place)
        window.label.image_changed.connect(lambda _key: self._timer.start())
        if window.settings.get(THUMBNAILS) is False:
            self._list.show_thumbnails(False)
        self._list.view.setContextMenuPolicy(Qt.CustomContextMenu)
        self._list.view.customContextMenuRequested.connect(self._show_menu)

    def targets(self) -> tuple[str, ...]:
        """Keys of the pictures that an action is about."""
        selected = self._list.view.selected_keys()
        if len(selected) > 1:
            return selected
        key = self._window.label.key
        return (key,) if key is not None else ()

    def remember_place(self) -> None:
        """Write down which picture is open, for the next time the set is."""
        self._timer.stop()
        key = self._window.label.key
        if self._window.project is not None and key is not None:
            self._window.settings.set_place_in(self._window.project.session.root, key)

    def toggle_thumbnails(self) -> None:
        """Show small pictures in the list, or not; remembered."""
        self._list.show_thumbnails(not self._list.has_thumbnails)
        self._window.settings.set(THUMBNAILS, None if self._list.has_thumbnails else False)

    # Marks

    def reviewed_and_next(self) -> None:
        """Say that the picture was looked at, and go on."""
        keys = self.targets()
        self._do(lambda session: session.set_reviewed(keys), keys, self._next if len(keys) == 1 else None)

    def toggle_reviewed(self) -> None:
        """Say that the pictures were looked at; where that was said of all of them, take it back."""
        keys = self.targets()
        session = self._session()
        if session is not None:
            self.set_reviewed(not all(session.reviewed(key) for key in keys))

    def set_reviewed(self, reviewed: bool) -> None:
        """Say of the pictures that they were looked at, or not."""
        keys = self.targets()
        self._do(lambda session: session.set_reviewed(keys, reviewed), keys)

    def empty_and_next(self) -> None:
        """Say that there is nothing to label in the picture, and go on."""
        self.set_empty(True, self._next if len(self.targets()) == 1 else None)

    def set_empty(self, empty: bool, then: Callable[[], object] | None = None) -> None:
        """Say of the pictures that they have nothing to label, or are not labelled yet."""
        keys = self.targets()
        self._do(lambda session: session.set_empty_on_purpose(keys, empty), keys, then)

    def set_split(self, split: Split | None) -> None:
        """Put the pictures into a split."""
        keys = self.targets()
        self._do(lambda session: session.set_split(keys, split), keys, self._list.refresh_filters)

    # Files

    def remove(self) -> None:
        """Move the pictures with their labels to the set's trash."""
        keys, session = self.targets(), self._session()
        if session is None or not keys:
            return
        name = session.image(keys[0]).name

        def say() -> None:
            messages.info(
                tr("{name} is in the trash of the set. Ctrl+Z brings it back.", name=name)
                if len(keys) == 1
                else tr_n(
                    "{n} picture is in the trash of the set. Ctrl+Z brings it back.",
                    "{n} pictures are in the trash of the set. Ctrl+Z brings them back.",
                    len(keys),
                )
            )

        self._do(lambda session: session.remove_images(keys), keys, say)

    def open_folder(self) -> None:
        """Show the folder that the picture lies in."""
        keys, session = self.targets(), self._session()
        if session is not None and keys:
            folder = session.image(keys[0]).path.parent
            if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(folder))):
                messages.warning(tr("No program that shows folders was found. It is {path}", path=folder))

    def copy_paths(self) -> None:
        """Put the paths of the pictures onto the clipboard, one a line."""
        session = self._session()
        if session is not None:
            paths = [str(session.image(key).path) for key in self.targets()]
            QGuiApplication.clipboard().setText("\n".join(paths))

    # Inside

    def _session(self) -> Session | None:
        return self._window.project.session if self._window.project is not None else None

    def _do(
        self,
        act: Callable[[Session], None],
        keys: tuple[str, ...],
        then: Callable[[], object] | None = None,
    ) -> None:
        """Do something to pictures, of very many behind a bar.

        Args:
            act: What is done.
            keys: The pictures.
            then: Called where that was possible; else it is said why not.
        """
        session = self._session()
        if session is None or not keys:
            return

        def end(problem: str) -> None:
            if problem:
                messages.warning(problem)
            elif then is not None:
                then()

        carry_out(self._window, session, len(keys), lambda: act(session), end)

    def _next(self) -> None:
        before = self._window.label.key
        self._list.step(1)
        if self._window.label.key == before:
            left = self._list.total - self._list.reviewed_count
            messages.info(
                tr_n(
                    "That was the last picture of the list; {n} of the set is not reviewed yet (PgDn).",
                    "That was the last picture of the list; {n} of the set are not reviewed yet (PgDn).",
                    left,
                )
                if left
                else tr("That was the last picture; all are reviewed.")
            )

    def _show_menu(self, at: QPoint) -> None:
        if self.targets():
            self.menu().exec_(self._list.view.viewport().mapToGlobal(at))

    def menu(self) -> QMenu:
        """What can be done with the selected pictures."""
        menu, actions, count = QMenu(self._list), self._window.actions_by_name, len(self.targets())
        if count > 1:
            menu.addSection(tr_n("{n} picture", "{n} pictures", count))
        menu.addAction(tr("Reviewed"), lambda: self.set_reviewed(True))
        menu.addAction(tr("Not reviewed"), lambda: self.set_reviewed(False))
        menu.addSeparator()
        menu.addAction(tr("Empty on purpose"), lambda: self.set_empty(True))
        menu.addAction(tr("Not labelled yet"), lambda: self.set_empty(False))
        splits = menu.addMenu(tr("Split"))
        for split in Split:
            splits.addAction(str(split), lambda split=split: self.set_split(split))
        splits.addAction(tr("none"), lambda: self.set_split(None))
        menu.addSeparator()
        menu.addAction(tr("Open the folder"), self.open_folder)
        menu.addAction(tr_n("Copy the path", "Copy the paths", count), self.copy_paths)
        menu.addSeparator()
        menu.addAction(actions["remove"])
        return menu


def go_entries(window: MainWindow) -> list[Entry]:
    """Going from picture to picture.

    D and A follow the list as it is shown: its filter, its order. What an edit took out of the filter stays
    in the list until that is updated; Shift+D and Shift+A leave it out. Alt+D and Alt+A go to the neighbours
    in the whole set, whatever the filter hides.
    """
    images = window.label.images
    table: tuple[tuple[str, str, tuple[str, ...], Callable[[], object]], ...] = (
        ("next", tr("Next picture"), ("D",), lambda: images.step(1)),
        ("previous", tr("Previous picture"), ("A",), lambda: images.step(-1)),
        ("next_fitting", tr("Next that fits the filter now"), ("Shift+D",), lambda: images.step_fitting(1)),
        (
            "previous_fitting",
            tr("Previous that fits the filter now"),
            ("Shift+A",),
            lambda: images.step_fitting(-1),
        ),
        (
            "next_in_set",
            tr("Next in the whole set, filter or not"),
            ("Alt+D",),
            lambda: images.step_in_set(1),
        ),
        (
            "previous_in_set",
            tr("Previous in the whole set, filter or not"),
            ("Alt+A",),
            lambda: images.step_in_set(-1),
        ),
        ("next_unreviewed", tr("Next not reviewed"), ("PgDown",), lambda: images.step_unreviewed(1)),
        ("previous_unreviewed", tr("Previous not reviewed"), ("PgUp",), lambda: images.step_unreviewed(-1)),
        ("next_10", tr("10 pictures on"), ("V",), lambda: images.step(10)),
        ("previous_10", tr("10 pictures back"), ("C",), lambda: images.step(-10)),
        ("first", tr("First picture"), ("Home",), lambda: images.step(-WHOLE_SET)),
        ("last", tr("Last picture"), ("End",), lambda: images.step(WHOLE_SET)),
        ("search", tr("Search and filter"), ("Ctrl+F",), images.focus_search),
        ("filter", tr("Filter…"), ("Ctrl+Shift+F",), images.show_filter),
        ("clear_filter", tr("Show all pictures"), (), images.clear_filter),
    )
    return [Entry(name, text, keys, "Go", run, LABELLING) for name, text, keys, run in table]


def entries(window: MainWindow) -> list[Entry]:
    """Marking pictures, and removing them."""
    pictures = window.pictures
    table: tuple[tuple[str, str, tuple[str, ...], Callable[[], object]], ...] = (
        ("reviewed_next", tr("Reviewed, and next"), ("Space",), pictures.reviewed_and_next),
        ("toggle_reviewed", tr("Reviewed or not"), ("Shift+Space",), pictures.toggle_reviewed),
        ("empty_next", tr("Empty on purpose, and next"), ("E",), pictures.empty_and_next),
        ("remove", tr("Move to the trash"), ("Ctrl+Shift+Del",), pictures.remove),
    )
    marks = [
        Entry(name, text, keys, "Edit", run, LABELLING, separated=name == "reviewed_next")
        for name, text, keys, run in table
    ]
    thumbnails = Entry(
        "thumbnails",
        tr("Thumbnails in the list"),
        (),
        "View",
        pictures.toggle_thumbnails,
        LABELLING,
        separated=True,
        checked=lambda: window.label.images.has_thumbnails,
    )
    return [*marks, thumbnails]
