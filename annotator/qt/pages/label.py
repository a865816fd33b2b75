"""The labelling page: list, canvas, boxes."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QImage
from PyQt5.QtWidgets import QSplitter, QVBoxLayout, QWidget

from annotator import messages
from annotator.core import copies, edits
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt.box_list import BoxList
from annotator.qt.canvas import Canvas, Mode
from annotator.qt.image_list import ImageList
from annotator.qt.loader import ImageLoader
from annotator.qt.translation import tr, tr_n
from annotator.qt.undo import UndoStack
from converters.errors import DataError
from converters.model import Box, Xyxy

NUDGE, NUDGE_FAR = 1.0, 10.0
ASIDE, ASIDE_SEEN = 6.0, 12.0
"""How far a copy lies from its original: at least so many picture pixels, and so many of the view."""
NOTICE_DELAY = 150
"""Milliseconds until it is said that a picture is being read: most are there before."""
KEEP_ZOOM = "keep_zoom"
"""Name of the setting."""


class LabelPage(QWidget):
    """Where boxes are drawn.

    Signals:
        image_changed: Key of the image that is shown now.
        status: A short text on what is under the pointer.
        escaped: Esc was pressed with nothing to give up.
        told: A short text on what was just done, for a moment.

    Attributes:
        is_visit: Whether the person came from the gallery and wants to go back there.
        class_taker: Asked first where no box is selected: whether it has taken the class that was chosen.
    """

    image_changed = pyqtSignal(str)
    status = pyqtSignal(str)
    escaped = pyqtSignal()
    told = pyqtSignal(str)

    def __init__(self, loader: ImageLoader, undo_stack: UndoStack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.key: str | None = None
        self.is_visit = False
        self.class_taker: Callable[[str], bool] | None = None
        self._previous_key: str | None = None
        self._clipboard: tuple[Box, ...] = ()
        self._notice = ""
        self._notice_timer = QTimer(self)
        self._notice_timer.setSingleShot(True)
        self._notice_timer.timeout.connect(self._show_waiting)
        self.loader = loader
        self.undo_stack = undo_stack
        self.images = ImageList()
        self.canvas = Canvas()
        self.boxes = BoxList()
        self.splitter = QSplitter(Qt.Horizontal)
        for widget, stretch in ((self.images, 0), (self.canvas, 1), (self.boxes, 0)):
            self.splitter.addWidget(widget)
            self.splitter.setStretchFactor(self.splitter.count() - 1, stretch)
            self.splitter.setCollapsible(self.splitter.count() - 1, False)
        self.splitter.setSizes([230, 780, 260])
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.splitter)
        self._connect()

    def _connect(self) -> None:
        self.images.chosen.connect(self._go)
        self.images.search.returnPressed.connect(self._search_done)
        self.canvas.edited.connect(self.push)
        self.canvas.selection_changed.connect(self._show_selection)
        self.canvas.label_wanted.connect(self._label_first_box)
        self.canvas.pointer_moved.connect(self._show_pointer)
        self.boxes.class_chosen.connect(self.choose_class)
        self.boxes.class_wanted.connect(self.ask_for_class)
        self.boxes.selection_changed.connect(self.canvas.select)
        self.boxes.pointed_at.connect(self.canvas.hover)
        self.boxes.number_typed.connect(self.canvas.type_number)
        self.boxes.flag_wanted.connect(self.canvas.flag_selected)
        self.canvas.hover_changed.connect(self.boxes.set_hovered)
        self.canvas.stepped.connect(
            lambda place, count: self.told.emit(tr("Box {place} of {count}", place=place, count=count))
        )
        self.loader.loaded.connect(self._loaded)
        self.loader.failed.connect(self._failed)

    # The set

    def set_project(self, project: Project) -> None:
        """Show another set, from its first picture."""
        self.project = project
        self.key = self._previous_key = None
        self._clipboard = ()
        session = project.session
        session.listen(self._image_edited)
        session.listen_to("classes", lambda: self._classes_changed(session))
        session.listen_to("images", lambda: self._images_changed(session))
        self.canvas.set_image(None, ())
        self.canvas.class_names, self.canvas.colours = session.class_names, session.colours
        self.canvas.current_label = session.class_names[0] if session.class_names else ""
        self.canvas.keep_zoom = bool(project.settings.get(KEEP_ZOOM, False))
        self.boxes.set_classes(session.colours, self.canvas.current_label)
        self.boxes.set_kept_flags(session.codec.keeps.flags, session.codec.title)
        self.images.set_session(session)
        self.canvas.setFocus()

    def _go(self, key: str) -> None:
        if self.project is None or key == self.key:
            return
        self._previous_key, self.key = self.key, key
        image = self.project.session.image(key)
        self.canvas.set_image(key, image.boxes)
        self.boxes.set_boxes(image.boxes)
        self._show_selection(frozenset())
        ahead = tuple(self.project.session.image(other).path for other in self.images.neighbours())
        picture = self.loader.request(image.path, ahead)
        self._notice_timer.stop()
        if picture is not None:
            self.canvas.show_image(picture)
        else:
            self.canvas.show_notice("")
            self._notice = tr("{name} is being read…", name=image.name)
            self._notice_timer.start(NOTICE_DELAY)
        self.image_changed.emit(key)

    def _show_waiting(self) -> None:
        if not self.canvas.has_picture:
            self.canvas.show_notice(self._notice)

    def _loaded(self, path: str, picture: QImage) -> None:
        if self._shows(path):
            self._notice_timer.stop()
            self.canvas.show_image(picture)

    def _failed(self, path: str, problem: str) -> None:
        if self._shows(path):
            self._notice_timer.stop()
            self.canvas.show_notice(problem)

    def _shows(self, path: str) -> bool:
        return (
            self.project is not None
            and self.key is not None
            and (str(self.project.session.image(self.key).path) == path)
        )

    def _image_edited(self, key: str) -> None:
        if key == self.key and self.project is not None:
            boxes = self.project.session.image(key).boxes
            if boxes != self.canvas.boxes:
                self.boxes.set_boxes(boxes)
                self.canvas.set_boxes(boxes)

    def _classes_changed(self, session: Session) -> None:
        """Classes were added, renamed, …, or that was undone."""
        if self.project is None or session is not self.project.session:
            return
        names = session.class_names
        if self.canvas.current_label not in names:
            self.canvas.current_label = names[0] if names else ""
        self.canvas.class_names, self.canvas.colours = names, session.colours
        self.boxes.set_boxes(self.canvas.boxes)
        self.boxes.set_classes(session.colours, self.canvas.current_label)
        self.images.refresh_filters()
        self.canvas.update()

    def _images_changed(self, session: Session) -> None:
        """Images were removed or brought back: stay at the picture, else at its place."""
        if self.project is None or session is not self.project.session:
            return
        if self._previous_key not in session:
            self._previous_key = None
        if self.key not in session:
            self.key = None
        stay = self.images.images_changed()
        if stay is not None:
            self.images.go_to(stay)

    # Edits

    def push(self, edit: edits.SetBoxes) -> None:
        """Carry out an edit, undoably."""
        if self.project is not None and edit.changes_something:
            self.undo_stack.push(edit)

    def reveal(self, key: str) -> None:
        """Go to the picture an undo or redo changed."""
        if key != self.key:
            self.images.go_to(key)

    def choose_class(self, name: str) -> None:
        """Class of the selected boxes; where none is selected, of the next box."""
        if self.project is None:
            return
        if self.canvas.selected:
            self.canvas.relabel_selected(name)
        elif self.class_taker is None or not self.class_taker(name):
            self.canvas.current_label = name
            self.told.emit(tr("Next box: {name}", name=name))
        self.boxes.set_classes(self.project.session.colours, self.canvas.current_label)
        self.canvas.setFocus()

    def draw_with(self, name: str) -> None:
        """Draw boxes of a class, one after the other."""
        if self.project is None:
            return
        self.canvas.select(frozenset())
        self.canvas.current_label = name
        self.boxes.set_classes(self.project.session.colours, name)
        self.canvas.set_mode(Mode.DRAW_MANY)
        self.canvas.setFocus()

    def choose_digit(self, digit: int) -> None:
        """Class by its key: 1 is the first, 0 the tenth."""
        if (name := self._class_of(digit)) is not None:
            self.choose_class(name)

    def draw_with_digit(self, digit: int) -> None:
        """Draw boxes of a class by its key, one after the other."""
        if (name := self._class_of(digit)) is not None:
            self.draw_with(name)

    def _class_of(self, digit: int) -> str | None:
        if self.project is None:
            return None
        names = self.project.session.class_names
        index = (digit - 1) % 10
        if index < len(names):
            return names[index]
        if index == len(names):
            return self.ask_for_class()  # the key of the next class there will be
        messages.info(
            tr_n(
                "There is no class {number}; the set has {n} class.",
                "There is no class {number}; the set has {n} classes.",
                len(names),
                number=index + 1,
            )
        )
        return None

    def ask_for_class(self) -> str | None:
        """Ask for a new class's name and add it; returns it, or None."""
        if self.project is None:
            return None
        from annotator.qt.dialogs.add_class import ask_name

        session = self.project.session
        answer = ask_name(self, session)
        if answer is None:
            return None
        name, exists = answer
        try:
            name = name if exists else session.add_class(name)
        except DataError as error:
            messages.error(str(error))
            return None
        self.canvas.class_names, self.canvas.colours = session.class_names, session.colours
        self.canvas.current_label = name
        self.boxes.set_classes(session.colours, name)
        self.images.refresh_filters()
        self.canvas.update()
        return name

    def _label_first_box(self, xyxy: Xyxy) -> None:
        name = self.ask_for_class()
        if name and self.key is not None:
            self.push(edits.add_box(self.key, self.canvas.boxes, Box(xyxy, name)))

    def toggle_drawing(self) -> None:
        """Draw one box; asked again, stay in drawing; asked once more, select."""
        following = {Mode.SELECT: Mode.DRAW_ONE, Mode.DRAW_ONE: Mode.DRAW_MANY, Mode.DRAW_MANY: Mode.SELECT}
        self.canvas.set_mode(following[self.canvas.mode])
        self.canvas.setFocus()

    def _search_done(self) -> None:
        """Enter in the search field: to the first picture found, unless the shown one is among them."""
        if self.images.view.current_key() is None:
            self.images.step(0)
        self.canvas.setFocus()

    def escape(self) -> None:
        """Leave the search field, else give up the gesture, leave drawing or deselect. Never more."""
        if not self.canvas.hasFocus():
            self.boxes.panel.give_up_typing()
            self.canvas.setFocus()
            return
        if self.canvas.cancel_gesture():
            return
        if self.canvas.mode is not Mode.SELECT:
            self.canvas.set_mode(Mode.SELECT)
        elif self.canvas.selected and not self.is_visit:
            self.canvas.select(frozenset())
        else:
            self.escaped.emit()

    def arrow(self, dx: int, dy: int, *, far: bool) -> None:
        """Nudge the selected boxes; where none is selected, left and right go through the pictures."""
        step = NUDGE_FAR if far else NUDGE
        if self.canvas.selected:
            self.canvas.nudge(dx * step, dy * step)
        elif dx and not far:
            self.images.step(dx)

    def resize(self, dx: int, dy: int, *, far: bool = False, far_edges: bool = True) -> None:
        """Move an edge of the selected boxes."""
        step = NUDGE_FAR if far else NUDGE
        self.canvas.resize_selected(dx * step, dy * step, far_edges=far_edges)

    def toggle_keep_zoom(self) -> None:
        """Keep the zoom from picture to picture, or show each as a whole; remembered."""
        self.canvas.keep_zoom = not self.canvas.keep_zoom
        if self.project is not None:
            self.project.settings.set(KEEP_ZOOM, self.canvas.keep_zoom)

    def copy(self) -> None:
        """Keep the selected boxes (or all) for a paste."""
        chosen = self.canvas.selected or frozenset(range(len(self.canvas.boxes)))
        if chosen:
            self._clipboard = tuple(self.canvas.boxes[index] for index in sorted(chosen))
            self.told.emit(tr_n("{n} box copied", "{n} boxes copied", len(chosen)))

    def paste(self) -> None:
        """Add the copied boxes to this picture, clipped to it."""
        if not self._clipboard:
            self.told.emit(tr("No box was copied yet"))
        self._add(self._clipboard, "paste")

    def duplicate(self) -> None:
        """Add a copy of the selected boxes, a little aside."""
        self._add(tuple(self.canvas.boxes[index] for index in sorted(self.canvas.selected)), "duplicate")

    def copy_previous(self) -> None:
        """Add the boxes of the picture before this one that it has not got yet."""
        if self.project is None or self.key is None:
            return
        session = self.project.session
        place = session.position(self.key)
        # The one before it in the set, as in a film; at the first, the one that was shown last.
        before = session.keys[place - 1] if place else self._previous_key
        boxes = session.image(before).boxes if before is not None else ()
        new = copies.missing(boxes, self.canvas.boxes, session.image(self.key).size)
        if new:
            self.push(edits.paste_boxes(self.key, self.canvas.boxes, new, "boxes of the previous picture"))
        else:
            self.told.emit(tr("The previous picture has no box that is not here"))

    def _add(self, boxes: tuple[Box, ...], text: str) -> None:
        if self.key is None or self.project is None or not boxes:
            return
        size = self.project.session.image(self.key).size
        aside = max(ASIDE, round(ASIDE_SEEN / self.canvas.viewport.scale))
        new = copies.placed(boxes, self.canvas.boxes, size, aside)
        if new:
            self.push(edits.paste_boxes(self.key, self.canvas.boxes, new, text))

    # What is shown beside

    def _show_selection(self, indices: frozenset[int]) -> None:
        if self.project is not None and self.key is not None:
            size = self.project.session.image(self.key).size
            self.boxes.set_selection(indices, self.canvas.boxes, size)

    def _show_pointer(self, point: tuple[float, float] | None) -> None:
        self.status.emit("" if point is None else f"{point[0]:.0f}, {point[1]:.0f}")
