"""The gallery page: the boxes of a class as a wall of crops, to find those that are labelled wrong."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from PyQt5.QtCore import QPoint, QTimer, pyqtSignal
from PyQt5.QtGui import QHideEvent, QShowEvent
from PyQt5.QtWidgets import QMenu, QVBoxLayout, QWidget

from annotator import messages
from annotator.core.disagreement import box_disagreements
from annotator.core.edits import EditMany
from annotator.core.gallery import BoxId, Order, Scores, State, Wall, Wanted, counts_by_label
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.core.unlikeness import Descriptors, Tell
from annotator.qt.background import Task
from annotator.qt.crop_loader import CropLoader
from annotator.qt.entry import Entry
from annotator.qt.gallery_view import GalleryView
from annotator.qt.pages.gallery_bar import GalleryBar
from annotator.qt.pages.page import PlainPage
from annotator.qt.translation import tr
from annotator.qt.undo import UndoStack
from converters.model import AnnotatedImage, Box

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

CELL_SETTING = "gallery_cell"


class GalleryPage(PlainPage):
    """All boxes of a class (or of several, or all) as crops.

    Signals:
        open_wanted: Key of a picture, and the index of the box in it to go to.
    """

    open_wanted = pyqtSignal(str, int)

    def __init__(self, undo_stack: UndoStack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.undo_stack = undo_stack
        self.crops = CropLoader(self)
        self.view = GalleryView(self.crops)
        self.bar = GalleryBar()
        self.descriptors = Descriptors()
        self.predictions: Mapping[str, tuple[Box, ...]] = {}
        self._unlike: Scores = {}
        self._disagreeing: Scores = {}
        self._task: Task | None = None
        self._changed: dict[str, None] = {}
        self._stale = True
        self._visiting = False
        self._changed_tiles = 0
        self._unlike_is_old = False
        layout = QVBoxLayout(self)
        layout.setContentsMargins(8, 6, 8, 6)
        layout.addWidget(self.bar)
        layout.addWidget(self.view, 1)
        self._later = QTimer(self)
        self._later.setSingleShot(True)
        self._later.setInterval(0)
        self._later.timeout.connect(self._catch_up)
        self._connect()

    def _connect(self) -> None:
        view, bar = self.view, self.bar
        view.image_of = self._image
        view.tooltip_of = self._tooltip
        view.selection_changed.connect(self._show_counts)
        view.opened.connect(self._open)
        view.menu_wanted.connect(self._menu)
        view.cell_changed.connect(bar.show_cell)
        bar.changed.connect(self._choice_changed)
        bar.refresh.clicked.connect(self.hang_anew)
        bar.cancel.clicked.connect(self._cancel)
        bar.cell_changed.connect(view.set_cell)
        bar.show_cell(view.cell)

    # The set

    @property
    def wall(self) -> Wall:
        """What hangs on the wall."""
        return self.view.wall

    def set_project(self, project: Project) -> None:
        """Show another set."""
        self._cancel()
        self._task = None
        self.bar.show_progress(None)
        self.crops.forget_all()
        self.view.forget_pixmaps()
        self.descriptors = Descriptors()
        self.predictions = {}
        self._unlike, self._disagreeing = {}, {}
        self._changed.clear()
        self._visiting = False
        self._stale = True
        self.project = project
        session = project.session
        session.listen(lambda key: self._edited(session, key))
        session.listen_to("classes", lambda: self._set_changed(session))
        session.listen_to("images", lambda: self._set_changed(session))
        self.wall.hang((), Wanted())
        self.view.show_from_top()
        self.bar.reset()
        cell = project.settings.get(CELL_SETTING)
        if isinstance(cell, int):
            self.view.set_cell(cell)
        if self.isVisible():
            self.refresh()

    def refresh(self) -> None:
        """The page came up: what was edited meanwhile is taken over."""
        if self.project is None:
            return
        self.view.setFocus()
        if self._stale:
            self._stale = False
            self._fill_bar()
            self._hang()
            self.view.show_from_top()
        elif self._visiting:
            # The person looks at the place they left, not at another order.
            self._catch_up()
        elif self._changed or self.wall.changed:
            self.hang_anew()
        self._visiting = False

    def set_predictions(self, predictions: Mapping[str, tuple[Box, ...]]) -> None:
        """What a network found, by the keys of the open set: boxes can be sorted by disagreement then.

        Its labels are those of the open set.
        """
        self.predictions = predictions
        self._disagreeing = {}
        self.bar.offer_disagreement(bool(predictions))
        if self.bar.order is Order.DISAGREEMENT and not self._stale:
            self.hang_anew()

    def stop(self) -> None:
        """End what runs, before the window closes."""
        if self.project is not None:
            self.project.settings.set(CELL_SETTING, self.view.cell)
        if self._task is not None:
            self._task.cancel()
            self._task.wait()
        self.crops.shut_down()

    def entries(self, window: MainWindow) -> list[Entry]:
        """What the keys do here, beside those that every view has (arrows, Enter, Esc)."""
        relabel = tr("Class of the selected crops")

        def entry(name: str, text: str, keys: tuple[str, ...], menu: str, run: Callable[[], object]) -> Entry:
            return Entry(f"gallery_{name}", text, keys, menu, run, "gallery")

        return [
            entry("refresh", tr("Sort and filter the gallery again"), ("R",), "View", self.hang_anew),
            entry("larger", tr("Larger crops"), ("+", "="), "View", lambda: self.view.zoom(1)),
            entry("smaller", tr("Smaller crops"), ("-",), "View", lambda: self.view.zoom(-1)),
            entry("select_all", tr("Select all crops"), ("Ctrl+A",), "Edit", self.view.select_all),
            entry("delete", tr("Delete the boxes of the selected crops"), ("Del",), "Edit",
                  self.delete_selected),
            *(
                Entry(f"gallery_class_{digit}", tr("Relabel crops: class {number}", number=digit or 10),
                      (str(digit),), "", lambda digit=digit: self.choose_digit(digit), "gallery",
                      family=relabel)
                for digit in (1, 2, 3, 4, 5, 6, 7, 8, 9, 0)
            ),
        ]  # fmt: skip

    def _session(self) -> Session | None:
        return self.project.session if self.project is not None else None

    def _image(self, key: str) -> AnnotatedImage | None:
        session = self._session()
        return session.image(key) if session is not None and key in session else None

    def _images(self) -> list[AnnotatedImage]:
        session = self._session()
        return [session.image(key) for key in session.keys] if session is not None else []

    # Following edits

    def _edited(self, session: Session, key: str) -> None:
        if session is self._session():
            self._changed[key] = None
            self._unlike_is_old = True
            if self.isVisible():
                self._later.start()

    def _set_changed(self, session: Session) -> None:
        """Classes or the pictures that there are changed: the wall is hung anew, at the same place."""
        if session is self._session() and not self._stale:
            self._changed.clear()
            self._fill_bar()
            self.hang_anew()

    def _catch_up(self) -> None:
        changed = False
        for key in self._changed:
            image = self._image(key)
            if image is not None and self.wall.follow(image):
                changed = True
        self._changed.clear()
        if changed:
            self._changed_tiles = self.wall.changed
            self.bar.show_counts(counts_by_label(self._images(), self._class_names()))
            self.view.wall_changed()
            self._show_counts()

    # Hanging

    def hang_anew(self) -> None:
        """Sort and filter again, as the labels are now; what was seen and selected stays, where it can."""
        if self.project is None:
            return
        self._changed.clear()
        self._stale = False
        self.bar.show_counts(counts_by_label(self._images(), self._class_names()))
        self._hang_here()

    def _hang_here(self) -> None:
        """Hang the wall; what was seen and selected stays, where it can."""
        tiles, selection = self.wall.tiles, self.view.selection
        place = self.view.place()
        selected = {tiles[row].id for row in selection.rows}
        current = tiles[selection.current].id if selection.current is not None else None
        self._hang()
        self.view.go_back_to(place, selected, current)

    def _choice_changed(self) -> None:
        if self.project is None:
            return
        self._changed.clear()
        self._hang()
        self.view.show_from_top()
        self.view.setFocus()

    def _hang(self) -> None:
        session = self._session()
        if session is None:
            return
        images, order = self._images(), self.bar.order
        scores: Scores = {}
        if order is Order.UNLIKE:
            scores = self._unlike
            if not scores or self._unlike_is_old:
                self._judge(images)
        elif order is Order.DISAGREEMENT:
            self._disagreeing = box_disagreements(images, self.predictions)
            scores = self._disagreeing
        self.wall.hang(images, self.bar.wanted(), order, scores)
        self._changed_tiles = 0
        self.view.colours = session.colours
        self.view.set_captions(self.bar.wanted().labels is None or len(self.bar.wanted().labels or ()) > 1)
        self.view.notice = (
            tr("No box is like that. Choose another class, split or size.")
            if any(image.boxes for image in images)
            else tr("There are no boxes yet: press W on the Label page and draw the first one.")
        )
        self._show_counts()

    def _fill_bar(self) -> None:
        images = self._images()
        self.bar.show_classes(
            self._class_names(),
            counts_by_label(images, self._class_names()),
            {image.split for image in images},
        )

    def _class_names(self) -> tuple[str, ...]:
        session = self._session()
        return session.class_names if session is not None else ()

    # Unlikeness

    def _judge(self, images: list[AnnotatedImage]) -> None:
        """Work out how unlike their classes the boxes look; the wall is sorted when that is known."""
        if self._task is not None:
            return
        descriptors = self.descriptors

        def work(tell: Tell) -> Scores:
            descriptors.complete(images, tell)
            # What is left is short; it is only asked whether to go on.
            return descriptors.scores(images, lambda done, total: tell(len(images), len(images)))

        task = Task(work, self)
        self._task = task
        task.progressed.connect(lambda done, total: self._progress(task, done, total))
        task.succeeded.connect(lambda scores: self._judged(task, scores))
        task.failed.connect(messages.error)
        task.cancelled.connect(lambda: self._not_judged(task))
        task.finished.connect(lambda: self._task_ended(task))
        self.bar.show_progress((0, 0))
        task.start()

    def _progress(self, task: Task, done: int, total: int) -> None:
        if task is self._task:
            self.bar.show_progress((done, total))

    def _judged(self, task: Task, scores: Scores) -> None:
        if task is not self._task:
            return  # of a set that was closed meanwhile
        first, self._unlike = not self._unlike, scores
        self._unlike_is_old = False
        if self.bar.order is not Order.UNLIKE:
            return
        if first:
            self._hang()
            self.view.show_from_top()
        else:
            self._hang_here()

    def _not_judged(self, task: Task) -> None:
        if task is self._task and not self._unlike:
            self.bar.choose_order(Order.IMAGE)

    def _task_ended(self, task: Task) -> None:
        if task is self._task:
            self._task = None
            self.bar.show_progress(None)

    def _cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()

    # Edits

    def choose_digit(self, digit: int) -> None:
        """Relabel the selected crops: 1 is the first class, 0 the tenth."""
        names = self._class_names()
        index = (digit - 1) % 10
        if index < len(names):
            self.relabel_selected(names[index])
        else:
            text = tr("There is no class {number}; the set has {count}.", number=index + 1, count=len(names))
            messages.info(text)

    def relabel_selected(self, label: str) -> None:
        """Give the selected boxes another class, as one edit."""
        if self._need_selection():
            self._push(self.wall.relabel(self.view.selection.rows, label, self._boxes_of))

    def delete_selected(self) -> None:
        """Delete the selected boxes, as one edit."""
        if self._need_selection():
            self._push(self.wall.delete(self.view.selection.rows, self._boxes_of))

    def _need_selection(self) -> bool:
        if self._session() is None:
            return False
        self._catch_up()
        if not self.view.selection.rows:
            messages.info(tr("Select crops first: click, drag a frame, or press Ctrl+A."))
        return bool(self.view.selection.rows)

    def _push(self, edit: EditMany) -> None:
        if edit.changes_something and self.undo_stack.push(edit):
            self._catch_up()

    def _boxes_of(self, key: str) -> tuple[Box, ...]:
        image = self._image(key)
        return image.boxes if image is not None else ()

    # Opening and showing

    def _open(self, row: int) -> None:
        tile = self.wall.tiles[row]
        if tile.state is State.DELETED:
            messages.info(tr("This box was deleted. Ctrl+Z brings it back."))
        elif self._image(tile.key) is not None:
            self._visiting = True
            self.open_wanted.emit(tile.key, tile.index)

    def _menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        some = bool(self.view.selection.rows)
        for name in self._class_names():
            action = menu.addAction(tr("Relabel as {name}", name=name))
            action.triggered.connect(lambda checked=False, name=name: self.relabel_selected(name))
            action.setEnabled(some)
        menu.addSeparator()
        delete = menu.addAction(tr("Delete boxes"))
        delete.triggered.connect(lambda checked=False: self.delete_selected())
        delete.setEnabled(some)
        current = self.view.selection.current
        if current is not None:
            show = menu.addAction(tr("Open the picture"))
            show.triggered.connect(lambda checked=False: self._open(current))
        menu.exec_(at)

    def _tooltip(self, row: int) -> str:
        tile = self.wall.tiles[row]
        image = self._image(tile.key)
        if image is None:
            return ""
        lines = [
            image.name,
            tr("{label}, {width} × {height} px", label=tile.box.label,
               width=f"{tile.box.width:.0f}", height=f"{tile.box.height:.0f}"),
        ]  # fmt: skip
        if tile.state is State.RELABELLED:
            lines.append(tr("was {label}", label=tile.was))
        elif tile.state is State.DELETED:
            lines.append(tr("deleted; Ctrl+Z brings it back"))
        if image.split is not None:
            lines.append(tr("split: {split}", split=image.split))
        lines += self._score_lines(tile.id)
        if problem := self.crops.problem(tile.key):
            lines.append(problem)
        return "\n".join(lines)

    def _score_lines(self, id_: BoxId) -> list[str]:
        lines = []
        if self.bar.order is Order.UNLIKE and id_ in self._unlike:
            lines.append(tr("unlikeness {value} (1: as near to another class as to its own)",
                            value=f"{self._unlike[id_]:.2f}"))  # fmt: skip
        if self.bar.order is Order.DISAGREEMENT and id_ in self._disagreeing:
            lines.append(tr("disagreement {value} %", value=f"{100 * self._disagreeing[id_]:.0f}"))
        return lines

    def _show_counts(self) -> None:
        self.bar.show_state(len(self.wall.tiles), len(self.view.selection.rows), self._changed_tiles)

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.view.setFocus()

    def hideEvent(self, event: QHideEvent) -> None:
        super().hideEvent(event)
        self._later.stop()
