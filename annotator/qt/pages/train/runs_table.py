"""The trainings of the open set, newest first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QAbstractItemView, QHeaderView, QTableWidget, QTableWidgetItem, QWidget

from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.notes import note_of
from annotator.qt.run_texts import status_text
from annotator.qt.said_below import known
from annotator.qt.translation import tr


class RunsTable(QTableWidget):
    """Folder, state, iteration and the newest weights of each; one can be chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(0, 4, parent)
        self.setHorizontalHeaderLabels([tr("Run"), tr("State"), tr("Iteration"), tr("Saved at")])
        self.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
        for column in (1, 2, 3):
            self.horizontalHeader().setSectionResizeMode(column, QHeaderView.ResizeToContents)
        self.verticalHeader().hide()
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.SingleSelection)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setTextElideMode(Qt.ElideMiddle)
        self.setMinimumHeight(80)

    def show_runs(self, runs: list[RunFolder], waiting: Sequence[str] = ()) -> None:
        """Show these, keeping the chosen one chosen.

        Args:
            runs: Oldest first.
            waiting: Names of those that wait in the queue, the next one first.
        """
        chosen = self.chosen()
        self.blockSignals(True)
        self.setRowCount(0)
        for run in reversed(runs):
            row = self.rowCount()
            self.insertRow(row)
            saved = max((weights.iteration for weights in run.weights()), default=0)
            info = run.info
            state = status_text(run.status)
            if run.path.name in waiting and run.status != "running":
                state = tr("waits, number {place}", place=waiting.index(run.path.name) + 1)
            cells = (
                run.path.name,
                state,
                _done(info.iteration, info.max_batches),
                str(saved or "–"),
            )
            for column, text in enumerate(cells):
                item = QTableWidgetItem(text)
                item.setData(Qt.UserRole, run)
                words = (note_of(run), known(info.message) or str(run.path))
                item.setToolTip("\n".join(filter(None, words)))
                self.setItem(row, column, item)
            if chosen is not None and run.path == chosen.path:
                self.selectRow(row)
        self.blockSignals(False)

    def chosen(self) -> RunFolder | None:
        """The chosen run."""
        item = self.item(self.currentRow(), 0) if self.currentRow() >= 0 else None
        return item.data(Qt.UserRole) if item is not None else None

    def runs(self) -> list[RunFolder]:
        """Those that are shown, from top to bottom."""
        return [self.item(row, 0).data(Qt.UserRole) for row in range(self.rowCount())]

    def show_iteration(self, path: Path | None, iteration: int, max_batches: int) -> None:
        """Keep the row of the running training up to date."""
        for row in range(self.rowCount()):
            run: RunFolder = self.item(row, 0).data(Qt.UserRole)
            if run.path == path:
                self.item(row, 2).setText(_done(iteration, max_batches))
                return


def _done(iteration: int, max_batches: int) -> str:
    return tr("{done} of {total}", done=iteration, total=max_batches)
