"""The trash of the open set: see what was removed, bring it back, or delete it for good."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from annotator import messages
from annotator.core.amounts import size_text
from annotator.core.session import Session
from annotator.core.trash_listing import TrashRow, by_folder, erase, list_trash
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.dialogs.thumbnails import Thumbnails
from annotator.qt.dialogs.working import WorkDialog, sure, wrapping
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError

SIDE = 56
"""Pixels of a small picture's longer side."""


class TrashDialog(WorkDialog):
    """Pictures that were removed from a set."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(tr("Trash of {set}", set=session.root.name), parent)
        self.session = session
        self._deleting = False
        self.text = wrapping()
        self.thumbnails = Thumbnails(SIDE, self)
        self.model: RowsModel = RowsModel(self._columns(), self)
        self.model.picture = lambda row: self.thumbnails.get(row.picture)
        self.thumbnails.loaded.connect(self._loaded)
        self.table: RowsView = RowsView(self.model, 0)
        self.table.show_pictures(SIDE)
        self.table.doubleClicked.connect(lambda _: self.bring_back())
        self.back = QPushButton(tr("Bring back"))
        self.back.setToolTip(tr("Put the chosen pictures back in their places with their boxes (Enter)"))
        self.back.setDefault(True)
        self.delete = QPushButton(tr("Delete for good…"))
        self.delete.setToolTip(tr("Delete the chosen pictures for ever (Del)"))
        self.delete.setShortcut("Del")
        self.empty = QPushButton(tr("Empty the trash…"))
        self.close_button = QPushButton(tr("Close"))
        self.back.clicked.connect(self.bring_back)
        self.delete.clicked.connect(lambda: self.delete_for_good(self.table.chosen()))
        self.empty.clicked.connect(lambda: self.delete_for_good(self.model.rows))
        self.close_button.clicked.connect(self.reject)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.work.failed.connect(messages.error)
        self._build()
        self._read()

    def _build(self) -> None:
        for button in (self.delete, self.empty, self.close_button):
            button.setAutoDefault(False)
        buttons = QHBoxLayout()
        for button in (self.back, self.delete, self.empty):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(self.table, 1)
        column.addWidget(self.work)
        column.addLayout(buttons)
        self.resize(760, 520)

    def _columns(self) -> list[Column[TrashRow]]:
        return [
            Column(tr("Picture"), lambda row: row.item.picture),
            Column(
                tr("Removed"),
                lambda row: f"{row.removed:%Y-%m-%d %H:%M}" if row.removed else "–",
                lambda row: row.item.folder,
            ),
            Column(
                tr("Boxes"), lambda row: str(row.boxes), lambda row: row.boxes, right=True,
                tip=lambda row: row.classes or tr("No boxes"),
            ),
            Column(tr("Size"), lambda row: size_text(row.size), lambda row: row.size, right=True),
        ]  # fmt: skip

    def _read(self) -> None:
        if self.work.is_running:
            return
        trash = self.session.trash
        self.work.run(lambda tell: list_trash(trash), tr("Reading the trash"), self._show)
        self._enable()

    def _show(self, rows: list[TrashRow]) -> None:
        self.model.set_rows(rows)
        if rows:
            self.table.selectRow(0)
        self._say()

    def _say(self) -> None:
        rows = self.model.rows
        if not rows:
            self.text.setText(
                tr("The trash is empty. Ctrl+Shift+Del on the labelling page moves a picture here.")
            )
        else:
            pictures = tr_n("{n} picture", "{n} pictures", len(rows))
            self.text.setText(
                tr(
                    "{pictures}, {size}. They stay here, with their boxes, until you delete them.",
                    pictures=pictures,
                    size=size_text(sum(row.size for row in rows)),
                )
            )

    def _enable(self) -> None:
        idle = not self.work.is_running
        chosen = self.table.selectionModel().hasSelection()
        self.back.setEnabled(idle and chosen)
        self.delete.setEnabled(idle and chosen)
        self.empty.setEnabled(idle and bool(self.model.rows))

    def _work_ended(self) -> None:
        if self._deleting and not self._leaving:
            self._deleting = False
            self._read()
            return
        self._enable()
        super()._work_ended()

    def bring_back(self) -> None:
        """Bring the chosen pictures back: a step of undo for each time that pictures were removed."""
        rows = self.table.chosen()
        if self.work.is_running or not rows:
            return
        back = 0
        for folder, keys in by_folder(rows).items():
            try:
                self.session.restore_images(folder, keys)
                back += len(keys)
            except DataError as error:
                messages.error(str(error))
        if back:
            messages.info(tr_n("{n} picture is back in the set.", "{n} pictures are back in the set.", back))
        self._read()

    def delete_for_good(self, rows: list[TrashRow]) -> None:
        """Ask, then delete pictures of the trash for ever."""
        if self.work.is_running or not rows:
            return
        rows = list(rows)
        question = tr_n("Delete {n} picture for good?", "Delete {n} pictures for good?", len(rows))
        boxes = tr_n("{n} box", "{n} boxes", sum(row.boxes for row in rows))
        size = size_text(sum(row.size for row in rows))
        details = tr(
            "{boxes} go with them, and {size} are freed. This cannot be undone.", boxes=boxes, size=size
        )
        if not sure(self, self.windowTitle(), question, details, tr("Delete for good")):
            return
        trash, self._deleting = self.session.trash, True
        self.work.run(lambda tell: erase(trash, rows, tell), tr("Deleting"), self._deleted)
        self._enable()

    def _deleted(self, freed: int) -> None:
        messages.info(tr("{size} were freed.", size=size_text(freed)))

    def _loaded(self, name: str) -> None:
        for number, row in enumerate(self.model.rows):
            if str(row.picture) == name:
                self.model.row_changed(number)
                return

    def _leave(self) -> None:
        self.thumbnails.stop()


def show_trash(parent: QWidget, session: Session) -> TrashDialog:
    """Open the dialog; the labelling goes on when it is closed."""
    dialog = TrashDialog(session, parent)
    dialog.setWindowModality(Qt.WindowModal)
    dialog.open()
    return dialog
