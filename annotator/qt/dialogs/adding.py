"""Adding pictures to the open set: what will happen is shown first, then it is one step of undo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core import adding
from annotator.core.adding import LEAVE_OUT, Place
from annotator.core.incoming import Incoming, compare, read_incoming
from annotator.core.session import Session
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.dialogs.thumbnails import Thumbnails
from annotator.qt.dialogs.working import WorkDialog, wrapping
from annotator.qt.message_bar import show_text
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError

SIDE = 40
"""Pixels of a small picture's longer side."""
_NEW_CLASS = "new"


class AddingDialog(WorkDialog):
    """Reads what is to be added, shows what will happen, and does it.

    Signals:
        added: Keys of the pictures that came in.
    """

    added = pyqtSignal(tuple)

    def __init__(self, session: Session, paths: Sequence[Path], parent: QWidget | None = None) -> None:
        super().__init__(tr("Add to {set}", set=session.root.name), parent)
        self.session = session
        self.paths = tuple(paths)
        self.found: Incoming | None = None
        self.places: list[Place] = []
        self.text = wrapping()
        self.thumbnails = Thumbnails(SIDE, self)
        self.model = RowsModel(self._columns(), self)
        self.model.picture = lambda place: self.thumbnails.get(place.new.image.path)
        self.thumbnails.loaded.connect(self._loaded)
        self.table = RowsView(self.model, 0)
        self.table.show_pictures(SIDE)
        self.table.setMinimumHeight(120)
        self.classes = QGroupBox(tr("Classes that the set does not know"))
        self.class_form = QFormLayout(self.classes)
        self.class_boxes: dict[str, QComboBox] = {}
        self.class_area = QScrollArea()
        self.class_area.setWidgetResizable(True)
        self.class_area.setFrameShape(QScrollArea.NoFrame)
        self.class_area.setWidget(self.classes)
        self.class_area.hide()
        self.identical, self.similar = QCheckBox(), QCheckBox()
        self.details = QPushButton(tr("Details…"))
        self.go = QPushButton(tr("Add"))
        self.stay = QPushButton(tr("Cancel"))
        self._build()
        self.work.failed.connect(self._failed)
        self.work.cancelled.connect(self._given_up)
        self._read()

    def _build(self) -> None:
        for box in (self.identical, self.similar):
            box.hide()
            box.toggled.connect(lambda _: self._choose())
        self.similar.setChecked(True)
        self.go.setDefault(True)
        self.go.setEnabled(False)
        self.go.clicked.connect(self._add)
        self.details.setAutoDefault(False)
        self.details.hide()
        self.details.clicked.connect(self._show_details)
        self.stay.setAutoDefault(False)
        self.stay.clicked.connect(self.reject)
        buttons = QHBoxLayout()
        buttons.addWidget(self.details)
        buttons.addStretch()
        buttons.addWidget(self.go)
        buttons.addWidget(self.stay)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(self.class_area)
        for widget in (self.identical, self.similar):
            column.addWidget(widget)
        column.addWidget(self.table, 1)
        column.addWidget(self.work)
        column.addLayout(buttons)
        self.resize(760, 560)

    def _columns(self) -> list[Column[Place]]:
        return [
            Column(tr("Picture"), lambda place: place.new.image.path.name, lambda place: place.key,
                   tip=lambda place: str(place.new.image.path)),
            Column(tr("Boxes"), lambda place: str(len(place.new.image.boxes)),
                   lambda place: len(place.new.image.boxes), right=True),
            Column(tr("Note"), _note),
        ]  # fmt: skip

    # Reading

    def _read(self) -> None:
        paths, session, stage = self.paths, self.session, self.work.staged.emit
        here = session.dataset().images

        def work(tell) -> Incoming:
            found = read_incoming(paths, session.root, tell, stage)
            try:
                stage(tr("comparing with the pictures that are there"))
                compare(found, here, tell)
            except BaseException:
                found.close()
                raise
            return found

        self.text.setText(tr("Nothing is changed yet."))
        self.work.run(work, tr("Reading"), self._show)

    def _show(self, found: Incoming) -> None:
        self.found = found
        same = sum(bool(new.twin) and new.is_identical for new in found.newcomers)
        near = sum(bool(new.twin) and not new.is_identical for new in found.newcomers)
        self.identical.setText(
            tr_n("Also the {n} picture that is there already, pixel for pixel",
                 "Also the {n} pictures that are there already, pixel for pixel", same)
        )  # fmt: skip
        self.similar.setText(
            tr_n("Also the {n} picture that shows nearly the same as one that is there",
                 "Also the {n} pictures that show nearly the same as one that is there", near)
        )  # fmt: skip
        self.identical.setVisible(bool(same))
        self.similar.setVisible(bool(near))
        self._ask_for_classes(found)
        self.details.setVisible(bool(found.report.issues))
        self._choose()

    def _ask_for_classes(self, found: Incoming) -> None:
        boxes = found.boxes
        for label, guess in adding.propose_classes(found, self.session.class_names).items():
            combo = QComboBox()
            combo.addItem(tr("Add it as a new class"), label)
            for name in self.session.class_names:
                combo.addItem(tr("It is {name}", name=name), name)
            combo.addItem(tr("Leave its boxes out"), LEAVE_OUT)
            combo.setCurrentIndex(combo.findData(guess))
            combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
            combo.setMinimumContentsLength(24)
            self.class_boxes[label] = combo
            short = label if len(label) <= 30 else label[:29] + "…"
            title = QLabel(f"{short} ({tr_n('{n} box', '{n} boxes', boxes[label])})")
            title.setTextFormat(Qt.PlainText)
            title.setToolTip(label)
            self.class_form.addRow(title, combo)
        rows = len(self.class_boxes)
        self.class_area.setVisible(bool(rows))
        self.class_area.setFixedHeight(min(self.classes.sizeHint().height() + 4, 190))

    def _choose(self) -> None:
        """Find out where the pictures go that come in; with very many that takes a while."""
        if self.found is None or self.work.is_running:
            return
        wanted = adding.chosen(
            self.found, identical=self.identical.isChecked(), similar=self.similar.isChecked()
        )
        session = self.session
        self._enable(False)
        self.work.run(
            lambda tell: adding.find_places(session, wanted), tr("Looking for free names"), self._placed
        )

    def _placed(self, places: list[Place]) -> None:
        if self.found is None:
            return
        self.places = places
        self.model.set_rows(places)
        self._enable(True)
        self.go.setText(tr_n("Add {n} picture", "Add {n} pictures", len(places)))
        self.go.setEnabled(bool(places))
        self.text.setText("\n".join(self._summary(self.found)))
        self.go.setFocus()

    def _summary(self, found: Incoming) -> list[str]:
        wanted, total = len(self.places), len(found.newcomers)
        if not wanted:
            return [tr("Every picture is in the set already; nothing is left to add.")]
        folder = self.places[0].picture.rpartition("/")[0] or self.session.root.name
        pictures = tr_n("{n} picture", "{n} pictures", wanted)
        lines = [
            tr(
                "{pictures} of {total} will be copied into {folder}. The originals stay where they are, and "
                "one undo takes the copies out again.",
                pictures=pictures,
                total=total,
                folder=folder,
            )
        ]
        labelled = sum(place.new.image.labelled for place in self.places)
        if labelled:
            formats = ", ".join(f"{name}" for name, count in found.formats.items() if count)
            lines.append(
                tr(
                    "{labelled} of them have labels ({formats}); they are written as {own}.",
                    labelled=labelled,
                    formats=formats,
                    own=self.session.codec.title,
                )
            )
        else:
            lines.append(tr("They have no labels yet."))
        renamed = sum(place.is_renamed for place in self.places)
        if renamed:
            lines.append(
                tr_n("{n} has a name that is taken and gets a number behind it.",
                     "{n} have names that are taken and get a number behind them.", renamed)
            )  # fmt: skip
        return lines

    # Adding

    def names(self) -> dict[str, str]:
        """What the classes become that the set does not know."""
        return {label: str(combo.currentData()) for label, combo in self.class_boxes.items()}

    def _add(self) -> None:
        if self.found is None or self.work.is_running or not self.places:
            return
        session, places, names = self.session, self.places, self.names()
        labels = dict.fromkeys(box.label for place in places for box in place.new.image.boxes)
        try:
            classes = adding.new_classes(session, names, tuple(labels))
            if classes is not None:
                session.apply(classes)
            if errors := session.save():
                raise errors[0]
        except DataError as error:
            self._failed(str(error))
            return
        class_names = session.class_names
        self._enable(False)
        self.work.run(
            lambda tell: adding.stage(session, places, names, class_names, tell),
            tr("Copying"),
            self._let_in,
        )

    def _let_in(self, edit) -> None:
        try:
            self.session.apply(edit)
        except DataError as error:
            adding.discard(self.session, edit)
            self._failed(str(error))
            return
        messages.info(
            tr_n("{n} picture was added. Ctrl+Z takes it out again.",
                 "{n} pictures were added. Ctrl+Z takes them out again.", len(edit.keys))
        )  # fmt: skip
        self.added.emit(edit.keys)
        self.accept()

    def _enable(self, on: bool) -> None:
        for widget in (self.go, self.class_area, self.identical, self.similar):
            widget.setEnabled(on)

    def _failed(self, text: str) -> None:
        self.text.setText(text)
        self._enable(self.found is not None)
        self.go.setEnabled(False)

    def _given_up(self) -> None:
        self._enable(True)
        if self.found is None:
            self._leaving = True  # nothing is to be seen without it

    def _show_details(self) -> None:
        if self.found is not None:
            show_text(self, tr("Details"), "\n".join(map(str, self.found.report)))

    def _loaded(self, name: str) -> None:
        for number, place in enumerate(self.places):
            if str(place.new.image.path) == name:
                self.model.row_changed(number)
                return

    def _leave(self) -> None:
        self.thumbnails.stop()
        if self.found is not None:
            self.found.close()
            self.found = None


def _note(place: Place) -> str:
    new = place.new
    notes = []
    if new.twin:
        text = tr("the same as {name}") if new.is_identical else tr("nearly the same as {name}")
        notes.append(text.format(name=new.twin))
    if place.is_renamed:
        notes.append(tr("becomes {name}", name=place.picture.rpartition("/")[2]))
    if not new.image.labelled:
        notes.append(tr("no labels"))
    return ", ".join(notes)


def show_adding(parent: QWidget, session: Session, paths: Sequence[Path]) -> AddingDialog:
    """Open the dialog."""
    dialog = AddingDialog(session, paths, parent)
    dialog.setWindowModality(Qt.WindowModal)
    dialog.open()
    return dialog
