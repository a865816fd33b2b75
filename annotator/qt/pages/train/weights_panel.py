"""Weights to start from: none, a file, or known ones that are fetched first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QButtonGroup,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from annotator.core.amounts import size_text
from annotator.darknet.pretrained import Pretrained, download, known_weights
from annotator.darknet.weights_cli import own_table, weights_folder
from annotator.qt.background import Task
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.dialogs.working import WorkRow
from annotator.qt.elided import ElidedLabel
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError


class WeightsPanel(QWidget):
    """Three choices; the table of known weights is under the third.

    Signals:
        changed: Other weights are chosen.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file: Path | None = None
        self._network = ""
        self.none = QRadioButton(tr("None: begin at random"))
        self.own = QRadioButton(tr("A file:"))
        self.known = QRadioButton(tr("Known weights, which others trained for days:"))
        self.none.setChecked(True)
        self._choices = QButtonGroup(self)
        for button in (self.none, self.own, self.known):
            self._choices.addButton(button)
        self.path = ElidedLabel()
        self.choose = QPushButton(tr("Choose…"))
        self.choose.clicked.connect(self._choose_file)
        self.model = RowsModel(_columns(), self)
        self.table = RowsView(self.model, 3)
        self.table.setSelectionMode(RowsView.SingleSelection)
        self.table.setMinimumHeight(130)
        self.fetch = QPushButton(tr("Fetch"))
        self.fetch.setToolTip(tr("Fetch the chosen weights; what was begun earlier goes on where it stopped"))
        self.fetch.clicked.connect(self.fetch_chosen)
        self.note = QLabel()
        self.note.setWordWrap(True)
        self.note.setTextFormat(Qt.PlainText)
        self.note.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.work = WorkRow()
        self.work.failed.connect(lambda text: self.note.setText(known(text)))
        self.work.cancelled.connect(
            lambda: self.note.setText(tr("Stopped. Fetch goes on from here the next time."))
        )
        self.work.ended.connect(self._ended)
        self._build()
        self._choices.buttonToggled.connect(self._chosen)
        self.table.selectionModel().selectionChanged.connect(lambda *_: self._row_chosen())
        self._read()

    def _build(self) -> None:
        file = QHBoxLayout()
        file.addWidget(self.own)
        file.addWidget(self.path, 1)
        file.addWidget(self.choose)
        below = QHBoxLayout()
        below.addWidget(self.fetch)
        below.addWidget(self.note, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.none)
        column.addLayout(file)
        column.addWidget(self.known)
        column.addWidget(self.table, 1)
        column.addWidget(self.work)
        column.addLayout(below)

    @property
    def weights(self) -> str:
        """Path of the chosen weights, the name of known ones that are not here yet, or empty."""
        if self.own.isChecked():
            return str(self.file or "")
        entry = self._entry()
        if not self.known.isChecked() or entry is None:
            return ""
        return str(_place(entry)) if _is_here(entry) else entry.name

    def problem(self) -> str:
        """Why a training cannot begin from these weights, or empty."""
        if self.own.isChecked() and self.file is None:
            return tr("No file of weights is chosen.")
        if self.known.isChecked():
            entry = self._entry()
            if entry is None:
                return tr("None of the known weights is chosen.")
            if not _is_here(entry):
                return tr("{name} is not here yet: fetch it first.", name=entry.name)
        return ""

    def use_none(self) -> None:
        """Begin at random."""
        self.none.setChecked(True)

    def use_file(self, path: Path) -> None:
        """Begin from a file."""
        self.file = path
        self.path.setText(str(path))
        self.own.setChecked(True)
        self.changed.emit()

    def show_network(self, network: str) -> None:
        """Those for this network come first."""
        if network != self._network:
            self._network = network
            self._read()

    def fetch_chosen(self) -> None:
        """Fetch the chosen known weights in the background."""
        entry = self._entry()
        if entry is None or self.work.is_running:
            return
        self.note.clear()
        self.work.run(
            lambda tell: download(entry, weights_folder(), tell),
            tr("Fetching {name}", name=entry.name),
            lambda path: self.note.setText(tr("{name} is here.", name=entry.name)),
        )
        self._enable()

    @property
    def task(self) -> Task | None:
        """What runs."""
        return self.work.task

    def stop(self) -> None:
        """End what runs; what has come is kept (the window closes)."""
        self.work.stop()

    def _read(self) -> None:
        chosen = self._entry()
        try:
            entries = list(known_weights(own_table()).values())
        except DataError as error:
            self.note.setText(known(str(error)))
            return
        entries.sort(key=lambda entry: self._network not in entry.networks)
        self.model.set_rows(entries)
        if chosen is not None:
            self._select(entries, chosen.name)
        self._enable()

    def _select(self, entries: Sequence[Pretrained], name: str) -> None:
        for number, entry in enumerate(entries):
            if entry.name == name:
                self.table.selectRow(self.table.sorted.mapFromSource(self.model.index(number, 0)).row())

    def _entry(self) -> Pretrained | None:
        found = self.table.chosen()
        return found[0] if found else None

    def _row_chosen(self) -> None:
        if self._entry() is not None and not self.known.isChecked():
            self.known.setChecked(True)
        self._enable()
        self.changed.emit()

    def _chosen(self, button: QRadioButton, on: bool) -> None:
        if on:
            if button is self.own and self.file is None:
                self._choose_file()
            self._enable()
            self.changed.emit()

    def _choose_file(self) -> None:
        path, _ = QFileDialog.getOpenFileName(
            self,
            tr("Choose weights"),
            str(self.file or Path.home()),
            tr("Weights (*.weights *.backup *.conv.*);;All (*)"),
        )
        if path:
            self.use_file(Path(path))

    def _enable(self) -> None:
        entry = self._entry()
        self.fetch.setEnabled(entry is not None and not _is_here(entry) and not self.work.is_running)

    def _ended(self) -> None:
        self._read()
        self.changed.emit()


def _columns() -> list[Column[Pretrained]]:
    return [
        Column(tr("Name"), lambda entry: entry.name, tip=lambda entry: entry.url),
        Column(
            tr("Size"),
            lambda entry: size_text(entry.bytes) if entry.bytes else "?",
            lambda entry: entry.bytes or 0,
            right=True,
        ),
        Column(tr("Here"), lambda entry: tr("yes") if _is_here(entry) else tr("to fetch")),
        Column(tr("For"), lambda entry: ", ".join(entry.networks)),
    ]


def _place(entry: Pretrained) -> Path:
    return weights_folder() / entry.name


def _is_here(entry: Pretrained) -> bool:
    try:
        return _place(entry).stat().st_size == (entry.bytes or _place(entry).stat().st_size)
    except OSError:
        return False
