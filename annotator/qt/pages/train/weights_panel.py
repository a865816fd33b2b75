"""Weights to start from: none, a file, or known ones that are fetched first."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QFileSystemWatcher, QUrl, pyqtSignal
from PyQt5.QtGui import QDesktopServices
from PyQt5.QtWidgets import (
    QButtonGroup,
    QCheckBox,
    QFileDialog,
    QHBoxLayout,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from annotator.core.amounts import size_text
from annotator.darknet.commands.weights import own_table, weights_folder
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.pretrained import Pretrained, begin_own_table, download, known_weights
from annotator.darknet.network.weights_about import WeightsAbout, about_weights, proposed
from annotator.qt.background import Task
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.dialogs.working import WorkRow, wrapping
from annotator.qt.elided import ElidedLabel
from annotator.qt.pages.train.weights_texts import about_text, random_text, to_fetch_text
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError


class WeightsPanel(QWidget):
    """Three choices; the table of known weights is under the third. Below is said what is chosen.

    Signals:
        changed: Other weights are chosen.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.file: Path | None = None
        self._network = ""
        self._cfg: Cfg | None = None
        self._names: tuple[str, ...] = ()
        self._about: WeightsAbout | None = None
        self._wrong = ""
        self._looked_at: object = None
        self._looks: list[Task] = []
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
        self.edit = QPushButton(tr("Your own addresses…"))
        self.edit.setToolTip(
            tr("Open your own table of weights in an editor; what you save there is shown here at once")
        )
        self.edit.clicked.connect(self.open_table)
        self._table_file = QFileSystemWatcher(self)
        self._table_file.fileChanged.connect(lambda _: self._table_changed())
        self.propose = QPushButton()
        self.propose.clicked.connect(self.take_proposed)
        self.same = QCheckBox(tr("They are the same classes under other names"))
        self.same.setToolTip(
            tr("The first class of the weights is taken for the first of this set, and so on")
        )
        self.same.hide()
        self.same.toggled.connect(lambda _: self._say())
        self.same.toggled.connect(lambda _: self.changed.emit())
        self.about = wrapping()
        self.about.setMinimumHeight(2 * self.about.fontMetrics().lineSpacing())  # or the table is run into
        self.note = wrapping()
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
        below.addWidget(self.edit)
        below.addWidget(self.note, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        first = QHBoxLayout()
        first.addWidget(self.none)
        first.addStretch(1)
        first.addWidget(self.propose)
        column.addLayout(first)
        column.addLayout(file)
        column.addWidget(self.known)
        column.addWidget(self.table, 1)
        column.addWidget(self.work)
        column.addLayout(below)
        column.addWidget(self.about)
        column.addWidget(self.same)

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
        if self._wrong and not self.none.isChecked():
            return self._wrong
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

    def show_plan(self, network: str, cfg: Cfg | None, names: tuple[str, ...]) -> None:
        """What is to be trained: weights for this network come first, and those chosen are looked at.

        Args:
            network: Its name; empty: a person's own.
            cfg: It; None: it is not possible as it is.
            names: Its classes; none: they are not known yet.
        """
        self._cfg, self._names = cfg, names
        if network != self._network:
            self._network = network
            self._read()
        self._look_at()

    @property
    def same_classes(self) -> bool:
        """Whether the weights' classes are this set's, whatever they are called."""
        about = self._about
        return about is not None and about.may_be_renamed and self.same.isChecked()

    @property
    def proposal(self) -> Pretrained | None:
        """Known weights with which a training of this network best begins."""
        return proposed(self.model.rows, self._network)

    def take_proposed(self) -> None:
        """Choose the proposed weights, and fetch them where they are not here yet."""
        entry = self.proposal
        if entry is not None:
            self._select(self.model.rows, entry.name)
            self.known.setChecked(True)
            if not _is_here(entry):
                self.fetch_chosen()

    def open_table(self) -> None:
        """Open the person's own table in their editor; it is begun with an example."""
        path = own_table()
        try:
            begin_own_table(path)
        except DataError as error:
            self.note.setText(known(str(error)))
            return
        self._table_file.addPath(str(path))
        if not QDesktopServices.openUrl(QUrl.fromLocalFile(str(path))):
            self.note.setText(tr("No editor opened it. The table is {path}", path=path))

    def _table_changed(self) -> None:
        self._table_file.addPath(str(own_table()))  # most editors write another file in its place
        self.note.clear()
        self._read()
        self.changed.emit()

    def _look_at(self) -> None:
        """Look at the chosen file in the background, where it or the network is another than before."""
        path = Path(self.weights) if self.weights and not self._to_fetch() else None
        cfg, names = self._cfg, self._names
        wanted = None if path is None or cfg is None else (path, _mark(path), cfg.render(), names)
        if wanted == self._looked_at:
            self._say()
            return
        self._looked_at, self._about, self._wrong = wanted, None, ""
        self._say()
        if path is None or cfg is None or wanted is None:
            return
        task = Task(lambda tell: about_weights(path, cfg, names), self)
        task.succeeded.connect(lambda about: self._looked(wanted, about, ""))
        task.failed.connect(lambda text: self._looked(wanted, None, known(text)))
        task.finished.connect(lambda: self._looks.remove(task))
        self._looks.append(task.start())

    def _looked(self, wanted: object, about: WeightsAbout | None, wrong: str) -> None:
        if wanted == self._looked_at:  # else something else was chosen meanwhile
            self._about, self._wrong = about, wrong
            self._say()
            self.changed.emit()

    def _say(self) -> None:
        """What is chosen, and what becomes of it."""
        about, entry = self._about, self._entry()
        self.same.setVisible(about is not None and about.may_be_renamed)
        if about is not None:
            text = about_text(about, self._network, same_classes=self.same_classes)
        elif self._wrong:
            text = f"⚠ {self._wrong}"
        elif self.none.isChecked():
            text = random_text() if self.proposal is not None else ""
        elif self._looked_at is not None:
            text = tr("Looking at the weights…")
        elif entry is not None and self.known.isChecked() and not _is_here(entry):
            text = to_fetch_text(entry, weights_folder())
        else:
            text = ""
        self.about.setText(text)
        self.about.setVisible(bool(text))
        self._say_proposal()

    def _say_proposal(self) -> None:
        entry = self.proposal
        chosen = self._entry() if self.known.isChecked() else None
        self.propose.setVisible(entry is not None and chosen != entry and not self.work.is_running)
        if entry is None:
            return
        if _is_here(entry):
            text = tr("Take {name}, which fits", name=entry.name)
        elif entry.bytes:
            text = tr("Fetch {name}, which fits ({size})", name=entry.name, size=size_text(entry.bytes))
        else:
            text = tr("Fetch {name}, which fits", name=entry.name)
        self.propose.setText(text)
        self.propose.setToolTip(entry.url)

    def _to_fetch(self) -> bool:
        """Whether known weights are chosen that are not here yet."""
        entry = self._entry()
        return self.known.isChecked() and entry is not None and not _is_here(entry)

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
        for task in self._looks:
            task.wait()

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


def _mark(path: Path) -> tuple[int, int] | None:
    """What tells a file from what is written over it."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size


def _is_here(entry: Pretrained) -> bool:
    try:
        return _place(entry).stat().st_size == (entry.bytes or _place(entry).stat().st_size)
    except OSError:
        return False
