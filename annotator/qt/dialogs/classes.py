"""The classes of the open set: add, rename, merge, reorder, recolour, delete; each at once, and undoable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtGui import QColor, QKeySequence
from PyQt5.QtWidgets import (
    QColorDialog,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QMenu,
    QPushButton,
    QShortcut,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core import class_edits
from annotator.core.class_colours import recolour
from annotator.core.class_edits import ClassCount
from annotator.core.edits import Edit
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt.background import Task
from annotator.qt.bulk import carry_out
from annotator.qt.dialogs.class_choices import DeleteQuestion, MergeQuestion, amount, name_problem, short
from annotator.qt.dialogs.class_table import ClassTable
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError

_DIRECT = 20_000
"""Of so many pictures at most the boxes are counted at once."""
_IDS = ("yolo", "ultralytics", "coco")
"""Formats in which another order of the classes changes what stands in the label files."""


class ClassesDialog(QDialog):
    """The table of classes, with what can be done to them."""

    def __init__(self, project: Project, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("Classes"))
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.project = project
        self.session: Session = project.session
        self.counts: Mapping[str, ClassCount] | None = None
        self._counting: Task | None = None
        self._is_open = True
        self._changed = False
        self.table = ClassTable(self._rename_problem)
        self.note = _sentence()
        self.says = _sentence()
        self.field = QLineEdit(placeholderText=tr("New class"), clearButtonEnabled=True)
        self.add = QPushButton(tr("&Add"))
        self.add_problem = _sentence()
        self._recount = QTimer(self)
        self._recount.setSingleShot(True)
        self._recount.timeout.connect(self._count)
        self._build()
        self._connect()
        self._show()
        self._count()
        self.choose("")

    def _build(self) -> None:
        self.rename = self._button(tr("&Rename"), "F2", self.table.rename_current)
        self.merge = self._button(tr("&Merge…"), "Ctrl+M", self._merge)
        self.delete = self._button(tr("&Delete…"), "Del", self._delete, on_table=True)
        self.up = self._button(tr("Move &up"), "Alt+Up", lambda: self._move(-1))
        self.down = self._button(tr("Move d&own"), "Alt+Down", lambda: self._move(1))
        self.colour = self._button(tr("&Colour…"), "F4", self._recolour)
        self.undo = self._button(tr("U&ndo"), "Ctrl+Z", lambda: self._step(back=True), on_table=True)
        self.redo = self._button(tr("Redo"), "Ctrl+Shift+Z", lambda: self._step(back=False), on_table=True)
        side = QVBoxLayout()
        for button in (self.rename, self.colour, self.up, self.down, self.merge, self.delete):
            side.addWidget(button)
        side.addStretch()
        side.addWidget(self.undo)
        side.addWidget(self.redo)
        middle = QHBoxLayout()
        middle.addWidget(self.table, 1)
        middle.addLayout(side)
        new = QHBoxLayout()
        new.addWidget(self.field, 1)
        new.addWidget(self.add)
        self.add.setAutoDefault(False)
        buttons = QDialogButtonBox(QDialogButtonBox.Close)
        buttons.rejected.connect(self.reject)
        for button in buttons.buttons():
            if isinstance(button, QPushButton):
                button.setAutoDefault(False)
        column = QVBoxLayout(self)
        column.addWidget(self.note)
        column.addLayout(middle, 1)
        column.addWidget(self.says)
        column.addLayout(new)
        column.addWidget(self.add_problem)
        column.addWidget(buttons)
        character = self.fontMetrics().averageCharWidth()
        self.resize(character * 96, self.fontMetrics().height() * 28)

    def _button(
        self, text: str, key: str, run: Callable[[], object], *, on_table: bool = False
    ) -> QPushButton:
        button = QPushButton(text)
        button.setAutoDefault(False)
        button.setFocusPolicy(Qt.TabFocus)
        button.clicked.connect(lambda: run())
        shown = QKeySequence(key).toString(QKeySequence.NativeText)
        button.setToolTip(f"{text.replace('&', '').rstrip('…')} ({shown})")
        # Del and Ctrl+Z in a field of text are that field's.
        shortcut = QShortcut(QKeySequence(key), self.table if on_table else self)
        shortcut.setContext(Qt.WidgetShortcut if on_table else Qt.WindowShortcut)
        shortcut.activated.connect(button.click)
        return button

    def _connect(self) -> None:
        self.table.classes.rename_wanted.connect(self._rename)
        self.table.typed.connect(self._say_rename)
        self.table.left.connect(self._say_chosen)
        self.table.moved.connect(self._drag)
        self.table.recolour_wanted.connect(lambda name: self._recolour())
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._say_chosen())
        self.table.classes.modelReset.connect(self._say_chosen)
        self.table.setContextMenuPolicy(Qt.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._show_menu)
        self.field.textChanged.connect(self._say_new)
        self.field.returnPressed.connect(self._add)
        self.add.clicked.connect(self._add)
        self.session.listen_to("classes", self._session_changed)
        self.session.listen_to("history", self._session_changed)
        self.session.listen_to("images", self._session_changed)

    def choose(self, name: str) -> None:
        """Select a class; the first where there is none of that name."""
        names = self.session.class_names
        self.table.choose(name if name in names else names[0] if names else "")
        (self.table if names else self.field).setFocus()

    # What is shown

    def done(self, result: int) -> None:
        self._is_open = False
        if self._counting is not None:
            self._counting.cancel()
            self._counting.wait()
        super().done(result)

    def _session_changed(self) -> None:
        if self._is_open:
            self._show()

    def _show(self) -> None:
        chosen = self.table.chosen()
        self.table.classes.show(self.session.colours, self.counts)
        if not self.table.chosen():
            self.table.choose(*chosen)
        history = self.session.history
        self.undo.setEnabled(bool(history.undo_text))
        self.redo.setEnabled(bool(history.redo_text))
        self.undo.setToolTip(tr("Undo: {what} (Ctrl+Z)", what=known(history.undo_text) or "–"))
        self.redo.setToolTip(tr("Redo: {what} (Ctrl+Shift+Z)", what=known(history.redo_text) or "–"))
        self._say_note()
        # An edit tells of the classes and of the journal: counted once for both.
        self._recount.start(0)
        self._say_chosen()

    def _count(self) -> None:
        if self._counting is not None:
            self._recount.start(100)
            return
        dataset = self.session.dataset()
        if len(dataset) <= _DIRECT:
            self._counted(class_edits.count_classes(dataset))
            return
        task = Task(lambda tell: class_edits.count_classes(dataset), self)
        task.succeeded.connect(self._counted)
        task.finished.connect(lambda: setattr(self, "_counting", None))
        self._counting = task.start()

    def _counted(self, counts: Mapping[str, ClassCount]) -> None:
        if self._is_open:
            self.counts = counts
            self.table.classes.show(self.session.colours, counts)
            self._say_chosen()

    def _say_note(self) -> None:
        lines: list[str] = []
        if self.session.codec.name in _IDS:
            lines.append(
                tr(
                    "Files of this set hold class ids ({format}): another order is written into every file "
                    "that it concerns, as one step that can be undone.",
                    format=self.session.codec.title,
                )
            )
        work = self.project.work
        if self._changed and work is not None and not self.project.is_work_itself:
            lines.append(
                tr(
                    "{folder} was made before this change: make it again on the Split page.",
                    folder=work.root.name,
                )
            )
        for group in class_edits.nearly_same(self.session.class_names)[:1]:
            names = ", ".join(f"“{short(name)}”" for name in group)
            lines.append(tr("{names} differ only in case, blanks or hyphens: merge them?", names=names))
        self.note.setText("\n".join(lines))
        self.note.setVisible(bool(lines))

    def _say_chosen(self) -> None:
        chosen = self.table.chosen()
        one, names = len(chosen) == 1, self.session.class_names
        self.rename.setEnabled(one)
        self.colour.setEnabled(one)
        self.delete.setEnabled(one)
        self.merge.setEnabled(len(names) > 1 and bool(chosen))
        self.up.setEnabled(bool(chosen) and names[: len(chosen)] != chosen)
        self.down.setEnabled(bool(chosen) and names[-len(chosen) :] != chosen)
        if not names:
            self._say(tr("There is no class yet: type the name of the first below."))
        elif one:
            self._say(
                tr("{name}: {what}", name=short(chosen[0]), what=amount(self._count_of(chosen[0])))
                if self.counts
                else ""
            )
        else:
            self._say("")

    def _count_of(self, name: str) -> ClassCount:
        return (self.counts or {}).get(name, ClassCount())

    def _say(self, text: str) -> None:
        self.says.setText(text)

    def _show_menu(self, at: object) -> None:
        menu = QMenu(self)
        for button in (self.rename, self.colour, self.up, self.down, self.merge, self.delete):
            action = menu.addAction(button.text(), button.click)
            action.setEnabled(button.isEnabled())
        menu.addAction(tr("Standard colour"), self._standard_colour).setEnabled(self.colour.isEnabled())
        menu.exec_(self.table.viewport().mapToGlobal(at))

    # What is done

    def _apply(
        self, build: Callable[[], Edit], pictures: int, then: Callable[[], object] | None = None
    ) -> None:
        try:
            edit = build()
        except DataError as error:
            self._say(error.message)
            return
        if edit.changes_something:
            self._run(pictures, lambda: self.session.apply(edit), then)

    def _step(self, *, back: bool) -> None:
        history = self.session.history
        if not (history.undo_text if back else history.redo_text):
            return
        step = self.session.undo if back else self.session.redo
        # What a step is about is known once it was read, and reading that takes long as well.
        self._run(len(self.session.keys), step, None)

    def _run(self, pictures: int, step: Callable[[], object], then: Callable[[], object] | None) -> None:
        def end(problem: str) -> None:
            if problem:
                messages.error(problem)
                if self._is_open:
                    self._say(problem)
            elif self._is_open:
                self._changed = True
                self._say_note()
                if then is not None:
                    then()

        carry_out(self, self.session, pictures, step, end)

    def _rename_problem(self, old: str, new: str) -> str:
        return name_problem(self.session.class_names, new, old)

    def _say_rename(self, old: str, new: str) -> None:
        problem = self._rename_problem(old, new) if new.strip() != old else ""
        what = amount(self._count_of(old))
        self._say(problem or tr("Enter renames the class of {amount}.", amount=what))

    def _rename(self, old: str, new: str) -> None:
        self._apply(
            lambda: class_edits.rename_class(self.session.dataset(), old, new),
            self._count_of(old).pictures,
            lambda: self.table.choose(new),
        )

    def _say_new(self, text: str) -> None:
        problem = self._rename_problem("", text) if text.strip() else ""
        self.add_problem.setText(problem)
        self.add.setEnabled(bool(text.strip()) and not problem)

    def _add(self) -> None:
        name = self.field.text().strip()
        if not name or self._rename_problem("", name):
            return

        def added() -> None:
            self.field.clear()
            self.table.choose(name)

        self._apply(lambda: class_edits.add_class(self.session.dataset(), name), self._in_shared(), added)

    def _one(self) -> str:
        """The selected class; empty where it is not exactly one."""
        chosen = self.table.chosen()
        return chosen[0] if len(chosen) == 1 else ""

    def _delete(self) -> None:
        name = self._one()
        if not name:
            return
        count = self._count_of(name)
        relabel_as: str | None = None
        if count.boxes:
            question = DeleteQuestion(name, count, self.session.colours, self)
            if question.exec_() != QDialog.Accepted:
                return
            relabel_as = question.relabel_as
        row = self.session.class_names.index(name)

        def deleted() -> None:
            names = self.session.class_names
            self.table.choose(*names[min(row, len(names) - 1) :][:1])

        self._apply(
            lambda: class_edits.delete_class(self.session.dataset(), name, relabel_as),
            self._ids_move(count.pictures),
            deleted,
        )

    def _merge(self) -> None:
        chosen = self.table.chosen()
        names, into = chosen, ""
        if len(chosen) == 1:
            target = choose_target(self, self.session, chosen[0], self.counts or {})
            if target is None:
                return
            names, into = (chosen[0], target), target
        else:
            question = MergeQuestion(names, self.counts or {}, self.session.colours, self)
            if question.exec_() != QDialog.Accepted:
                return
            into = question.into
        pictures = class_edits.pictures_with(self.session.dataset(), {*names} - {into})
        self._apply(
            lambda: class_edits.merge_classes(self.session.dataset(), names, into),
            self._ids_move(pictures),
            lambda: self.table.choose(into),
        )

    def _move(self, by: int) -> None:
        names, chosen = self.session.class_names, self.table.chosen()
        if chosen:
            first, last = names.index(chosen[0]), names.index(chosen[-1])
            self._drag([names.index(name) for name in chosen], first - 1 if by < 0 else last + 2)

    def _drag(self, rows: Sequence[int], before: int) -> None:
        names = self.session.class_names
        moved = tuple(names[row] for row in rows)
        order = (
            *(name for name in names[: max(before, 0)] if name not in moved),
            *moved,
            *(name for name in names[max(before, 0) :] if name not in moved),
        )
        self._apply(
            lambda: class_edits.reorder_classes(self.session.dataset(), order),
            self._ids_move(0),
            lambda: self.table.choose(*moved),
        )

    def _in_shared(self) -> int:
        """How many pictures an edit of the mere list concerns."""
        return len(self.session.keys) if self.session.codec.name == "coco" else 0

    def _ids_move(self, pictures: int) -> int:
        """How many pictures an edit concerns at most that lets classes have other ids."""
        return len(self.session.keys) if self.session.codec.name in _IDS else pictures

    def _recolour(self) -> None:
        name = self._one()
        if not name:
            return
        before = QColor(*self.session.colours.of(name))
        colour = QColorDialog.getColor(before, self, tr("Colour of {name}", name=short(name)))
        if colour.isValid():
            rgb = (colour.red(), colour.green(), colour.blue())
            self._apply(lambda: recolour(self.session.dataset(), name, rgb), 0)

    def _standard_colour(self) -> None:
        name = self._one()
        if name:
            self._apply(lambda: recolour(self.session.dataset(), name, None), 0)


def choose_target(
    parent: QWidget, session: Session, name: str, counts: Mapping[str, ClassCount]
) -> str | None:
    """Ask into which other class one is merged; None: into none."""
    question = DeleteQuestion(name, counts.get(name, ClassCount()), session.colours, parent)
    question.setWindowTitle(tr("Merge classes"))
    question.yes.setText(tr("Merge"))
    question.drop.hide()
    return question.relabel_as if question.exec_() == QDialog.Accepted else None


def merge_dialog(parent: QWidget, session: Session, names: Sequence[str]) -> None:
    """Ask into which of some classes all of them are merged, and do it.

    Args:
        parent: Whose window waits.
        session: The open set.
        names: The classes, two or more.
    """
    dataset = session.dataset()
    there = [name for name in names if name in dataset.class_names]
    if len(there) < 2:
        return
    question = MergeQuestion(there, class_edits.count_classes(dataset), session.colours, parent)
    if question.exec_() != QDialog.Accepted:
        return
    edit = class_edits.merge_classes(dataset, there, question.into)
    carry_out(
        parent,
        session,
        len(edit.edits),
        lambda: session.apply(edit),
        lambda problem: messages.error(problem) if problem else None,
    )


def _sentence() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.PlainText)
    return label
