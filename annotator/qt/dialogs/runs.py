"""Old trainings and their weights: what there is, how much room it takes, and deleting what is not needed."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, QUrl, pyqtSignal
from PyQt5.QtGui import QDesktopServices
from PyQt5.QtWidgets import QHBoxLayout, QInputDialog, QMessageBox, QPushButton, QVBoxLayout, QWidget

from annotator import messages
from annotator.core.amounts import size_text
from annotator.core.run_listing import RunRow, delete_runs, delete_spare_weights, rows_of
from annotator.core.system_trash import has_trash
from annotator.darknet.run.notes import note_of, set_note
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.dialogs.working import WorkDialog, wrapping
from annotator.qt.said_below import known
from annotator.qt.translation import numbers, tr, tr_n
from converters.errors import DataError


class RunsDialog(WorkDialog):
    """The trainings of a Darknet data set.

    Signals:
        changed: Something was deleted.
    """

    changed = pyqtSignal()

    def __init__(self, work: Path, parent: QWidget | None = None) -> None:
        super().__init__(tr("Runs and weights"), parent)
        self.folder = work
        self._deleting = False
        self.text = wrapping()
        self.model = RowsModel(self._columns(), self)
        self.table = RowsView(self.model, 0)
        self.table.doubleClicked.connect(lambda _: self._show_folder())
        self.details = wrapping()
        self.delete = QPushButton(tr("Delete the runs…"))
        self.delete.setShortcut("Del")
        self.delete.setToolTip(tr("Delete the chosen runs with all their weights (Del)"))
        self.thin = QPushButton(tr("Delete only spare weights…"))
        self.thin.setToolTip(
            tr("Of the chosen runs keep the best and the last weights, and delete the others")
        )
        self.note = QPushButton(tr("Note…"))
        self.note.setToolTip(tr("Your own words for the chosen run: what was tried, and what came of it"))
        self.note.clicked.connect(self.ask_for_note)
        self.show_folder = QPushButton(tr("Show the folder"))
        self.close_button = QPushButton(tr("Close"))
        self.delete.clicked.connect(self.delete_chosen)
        self.thin.clicked.connect(self.delete_spare)
        self.show_folder.clicked.connect(self._show_folder)
        self.close_button.clicked.connect(self.reject)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._enable())
        self.work.failed.connect(messages.error)
        self._build()
        self._read()

    def _build(self) -> None:
        buttons = QHBoxLayout()
        for button in (self.delete, self.thin, self.note, self.show_folder, self.close_button):
            button.setAutoDefault(False)
        for button in (self.delete, self.thin, self.note, self.show_folder):
            buttons.addWidget(button)
        buttons.addStretch()
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.addWidget(self.text)
        column.addWidget(self.table, 1)
        column.addWidget(self.details)
        column.addWidget(self.work)
        column.addLayout(buttons)
        self.resize(860, 480)

    def _columns(self) -> list[Column[RunRow]]:
        states = {
            "running": tr("running"),
            "finished": tr("finished"),
            "stopped": tr("stopped"),
            "failed": tr("failed"),
        }
        return [
            Column(tr("Run"), lambda row: row.run.path.name),
            Column(tr("Note"), lambda row: note_of(row.run), tip=lambda row: note_of(row.run)),
            Column(
                tr("Network"),
                lambda row: f"{row.run.info.network} {row.run.info.width}×{row.run.info.height}",
            ),
            Column(tr("Begun"), lambda row: (row.run.info.started or "–")[:16].replace("T", " ")),
            Column(tr("State"), lambda row: states.get(row.status, row.status)),
            Column(
                tr("Iterations"),
                lambda row: numbers(f"{row.run.info.iteration:,} / {row.run.info.max_batches:,}"),
                lambda row: row.run.info.iteration,
                right=True,
            ),
            Column(
                tr("Best mAP"),
                lambda row: "–" if row.best_map is None else f"{100 * row.best_map:.1f} %",
                lambda row: -1.0 if row.best_map is None else row.best_map,
                right=True,
                tip=lambda _: tr("mAP@0.50 on the validation pictures"),
            ),
            Column(tr("Weights"), lambda row: size_text(row.weights), lambda row: row.weights, right=True),
        ]

    def _read(self) -> None:
        folder = self.folder
        self.work.run(lambda tell: rows_of(folder, tell), tr("Looking at the runs"), self._show)
        self._enable()

    def _show(self, rows: list[RunRow]) -> None:
        self.model.set_rows(rows)
        if not rows:
            self.text.setText(tr("There is no training yet."))
            return
        self.text.setText(
            tr(
                "{runs} in {folder}: {size}, of which {weights} are weights.",
                runs=tr_n("{n} run", "{n} runs", len(rows)),
                folder=self.folder / "runs",
                size=size_text(sum(row.size for row in rows)),
                weights=size_text(sum(row.weights for row in rows)),
            )
        )
        self.table.selectRow(0)

    def _enable(self) -> None:
        chosen = self.table.chosen() if not self.work.is_running else []
        idle = bool(chosen) and all(row.status != "running" for row in chosen)
        self.delete.setEnabled(idle)
        self.thin.setEnabled(idle and any(row.spare for row in chosen))
        for button in (self.show_folder, self.note):
            button.setEnabled(len(chosen) == 1)
        self.details.setText("\n".join(_details(chosen)))

    def _work_ended(self) -> None:
        if self._deleting and not self._leaving:
            self._deleting = False
            self.changed.emit()
            self._read()
            return
        self._enable()
        super()._work_ended()

    # Deleting

    def delete_chosen(self) -> None:
        """Ask, then delete the chosen runs."""
        rows = self._idle_rows()
        if not rows:
            return
        question = tr_n("Delete {n} run with its weights?", "Delete {n} runs with their weights?", len(rows))
        size = sum(row.size for row in rows)
        how = self._ask(question, "\n".join(row.run.path.name for row in rows[:8]), size, rows[0].run.path)
        if how:
            self._run(lambda tell: delete_runs(rows, to_trash=how == "trash", on_progress=tell))

    def delete_spare(self) -> None:
        """Ask, then delete the weights between the best and the last of the chosen runs."""
        rows = [row for row in self._idle_rows() if row.spare]
        if not rows:
            return
        count = sum(len(row.spare) for row in rows)
        question = tr_n("Delete {n} spare weights file?", "Delete {n} spare weights files?", count)
        kept = ", ".join(path.name for row in rows for path in row.kept)
        kept = kept if len(kept) <= 200 else kept[:199] + "…"
        details = tr("Kept: {names}.", names=kept)
        how = self._ask(question, details, sum(row.spare_size for row in rows), rows[0].run.path)
        if how:
            self._run(lambda tell: delete_spare_weights(rows, to_trash=how == "trash", on_progress=tell))

    def _idle_rows(self) -> list[RunRow]:
        rows = [] if self.work.is_running else self.table.chosen()
        return [] if any(row.status == "running" for row in rows) else rows

    def _run(self, work) -> None:
        self._deleting = True
        self.work.run(work, tr("Deleting"), self._deleted)
        self._enable()

    def _deleted(self, size: int) -> None:
        messages.info(tr("{size} were deleted.", size=size_text(size)))

    def _ask(self, question: str, details: str, size: int, path: Path) -> str:
        """``trash``, ``delete``, or nothing."""
        box = QMessageBox(QMessageBox.Warning, self.windowTitle(), question, QMessageBox.NoButton, self)
        box.setTextFormat(Qt.PlainText)
        trash = None
        if has_trash(path):
            trash = box.addButton(tr("Move to the trash"), QMessageBox.AcceptRole)
            note = tr(
                "{size}. In the system's trash they still take that room until it is emptied; deleting for "
                "good frees it now and cannot be undone.",
                size=size_text(size),
            )
        else:
            note = tr("{size} are freed. This disk has no trash: it cannot be undone.", size=size_text(size))
        box.setInformativeText(f"{details}\n\n{note}")
        good = box.addButton(tr("Delete for good"), QMessageBox.DestructiveRole)
        stay = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec_()
        clicked = box.clickedButton()
        return "delete" if clicked is good else "trash" if trash is not None and clicked is trash else ""

    def ask_for_note(self) -> None:
        """Ask for the words that shall stand beside the chosen run."""
        rows = self.table.chosen()
        if len(rows) != 1:
            return
        run = rows[0].run
        text, good = QInputDialog.getText(
            self, tr("Note"), tr("Note for {run}:", run=run.path.name), text=note_of(run)
        )
        if good:
            try:
                set_note(run, text)
            except DataError as error:
                messages.error(known(str(error)))
            self.table.viewport().update()
            self.changed.emit()

    def _show_folder(self) -> None:
        rows = self.table.chosen()
        if rows:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(rows[0].run.path)))


def _details(rows: list[RunRow]) -> list[str]:
    """What there is to say of the chosen runs."""
    if len(rows) != 1:
        spare = sum(row.spare_size for row in rows)
        return [tr("{size} of spare weights in the chosen runs.", size=size_text(spare))] if rows else []
    (row,) = rows
    info = row.run.info
    lines = [
        tr(
            "Classes: {names}. Batch {batch} / {subdivisions}.",
            names=", ".join(info.class_names),
            batch=info.batch,
            subdivisions=info.subdivisions,
        )
    ]
    if info.message:
        lines.append(info.message)
    if row.status == "running":
        lines.append(tr("It is running: stop it before you delete it."))
    elif row.kept:
        lines.append(tr("Best and last weights: {names}.", names=", ".join(path.name for path in row.kept)))
    if row.spare:
        files = tr_n("{n} file", "{n} files", len(row.spare))
        lines.append(tr("Spare weights: {files}, {size}.", files=files, size=size_text(row.spare_size)))
    return lines


def show_runs(parent: QWidget, work: Path) -> RunsDialog:
    """Open the dialog."""
    dialog = RunsDialog(work, parent)
    dialog.setWindowModality(Qt.WindowModal)
    dialog.open()
    return dialog
