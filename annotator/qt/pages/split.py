"""The split page: names of the classes, train / val / test, and the Darknet data set made from the set."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.qt.box_list import colour_icon
from annotator.qt.pages.page import Page, TaskRow
from annotator.qt.translation import tr, tr_n
from converters.convert import ConvertOptions, ConvertResult, convert_to_work
from converters.model import Split
from converters.remap import Rename
from converters.report import Report
from converters.split import SplitRequest
from converters.work import WorkFolder

STUDY_NAMES = {"with_mask": "mask", "without_mask": "no_mask", "mask_weared_incorrect": "chin_diaper"}
"""What the study calls the classes of the Kaggle archive."""
_STUDY_ORDER = {name: index for index, name in enumerate(STUDY_NAMES.values())}


class SplitPage(Page):
    """Makes ``work`` from the open set, which itself stays as it is.

    Signals:
        save_wanted: Edits must be on disk before the files are read.
    """

    save_wanted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            tr("Split"),
            tr(
                "The set is divided into train, val and test, each class with its share in each, and written "
                "as a Darknet data set beside it. Pictures that show nearly the same stay together. Your set "
                "itself is not changed."
            ),
            parent,
        )
        self._shown_root: Path | None = None
        self._build_names()
        self._build_parts()
        self.state = QLabel()
        self.state.setWordWrap(True)
        self.state.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.make = TaskRow(tr("Make the training set"))
        self.make.button.clicked.connect(self._make)
        self.make.succeeded.connect(self._made)
        self.make.failed.connect(messages.error)
        self.make.ended.connect(self.refresh)
        self.result = QLabel()
        self.result.setWordWrap(True)
        self.result.setTextInteractionFlags(Qt.TextSelectableByMouse)
        for widget in (self.state, self.make, self.result):
            self.column.addWidget(widget)
        self.column.addStretch(1)

    def _build_names(self) -> None:
        self.names = QTableWidget(0, 2)
        self.names.setHorizontalHeaderLabels(
            [tr("Class in the set"), tr("Name for training (click to change)")]
        )
        self.names.horizontalHeader().setSectionResizeMode(QHeaderView.Stretch)
        self.names.verticalHeader().hide()
        self.names.setSelectionMode(QAbstractItemView.SingleSelection)
        self.names.setEditTriggers(QAbstractItemView.AllEditTriggers)
        self.study_names = QPushButton(tr("Names of the study (mask, no_mask, chin_diaper)"))
        self.study_names.clicked.connect(self._use_study_names)
        self.names_box = QGroupBox(tr("Classes"))
        column = QVBoxLayout(self.names_box)
        column.addWidget(self.names)
        row = QHBoxLayout()
        row.addWidget(self.study_names)
        row.addStretch()
        column.addLayout(row)
        self.column.addWidget(self.names_box)

    def _build_parts(self) -> None:
        self.parts = {
            Split.TRAIN: QSpinBox(minimum=1, maximum=100, value=70),
            Split.VAL: QSpinBox(minimum=0, maximum=99, value=15),
            Split.TEST: QSpinBox(minimum=0, maximum=99, value=15),
        }
        row = QWidget()
        layout = QHBoxLayout(row)
        layout.setContentsMargins(0, 0, 0, 0)
        for split, spin in self.parts.items():
            spin.setSuffix(" %")
            spin.valueChanged.connect(self._show_sum)
            layout.addWidget(QLabel(str(split)))
            layout.addWidget(spin)
            layout.addSpacing(12)
        self.sum = QLabel()
        layout.addWidget(self.sum)
        layout.addStretch()
        self.seed = QSpinBox(minimum=0, maximum=2**31 - 1, value=1)
        self.seed.setMaximumWidth(150)
        self.folder = QLineEdit()
        self.browse = QPushButton(tr("Choose…"))
        self.browse.clicked.connect(self._choose_folder)
        place = QWidget()
        layout = QHBoxLayout(place)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.folder)
        layout.addWidget(self.browse)
        self.parts_box = QGroupBox(tr("Parts"))
        form = QFormLayout(self.parts_box)
        form.addRow(tr("Split"), row)
        form.addRow(tr("Seed"), self.seed)
        form.addRow(tr("Folder"), place)
        self.column.addWidget(self.parts_box)

    # Showing

    def refresh(self) -> None:
        if self.project is None:
            return
        root, work = self.project.session.root, self.project.work
        if root != self._shown_root:
            self._shown_root = root
            self.folder.setText(str(work.root if work is not None else self.project.default_work()))
            self.names.setRowCount(0)
            self.result.setText("")
            self.make.say("")
        self._show_names()
        own = self.project.is_work_itself
        for widget in (self.names_box, self.parts_box, self.make):
            widget.setVisible(not own)
        if own:
            self.state.setText(
                tr("The open set is a Darknet data set already; its split stands in split.csv.")
            )
        elif work is None:
            self.state.setText(tr("There is no training set yet."))
        elif self.project.work_is_stale():
            self.state.setText(
                tr(
                    "The training set lies in {folder}. Labels were saved since it was made: if boxes "
                    "changed, make it again.",
                    folder=work.root,
                )
            )
        else:
            self.state.setText(tr("The training set lies in {folder}.", folder=work.root))
        if not self.make.is_running:
            self.make.button.setText(
                tr("Make the training set") if work is None else tr("Make the training set again")
            )
        self._show_sum()

    def _show_names(self) -> None:
        if self.project is None:
            return
        names = self.project.session.class_names
        rows = range(self.names.rowCount())
        known = {self.names.item(row, 0).text(): self.names.item(row, 1).text() for row in rows}
        if not known and set(STUDY_NAMES) <= set(names):
            known = dict(STUDY_NAMES)
        self.names.setRowCount(len(names))
        for row, name in enumerate(names):
            old = QTableWidgetItem(colour_icon(names, name), name)
            old.setFlags(Qt.ItemIsEnabled)
            self.names.setItem(row, 0, old)
            self.names.setItem(row, 1, QTableWidgetItem(known.get(name, name)))
        self.names.resizeRowsToContents()
        height = self.names.horizontalHeader().sizeHint().height() + 4
        height += sum(self.names.rowHeight(row) for row in range(len(names)))
        self.names.setFixedHeight(min(max(height, 70), 240))
        self.study_names.setVisible(set(STUDY_NAMES) <= set(names))

    def _show_sum(self) -> None:
        total = sum(spin.value() for spin in self.parts.values())
        self.sum.setText("" if total == 100 else tr("adds up to {total} %, not 100 %", total=total))
        self.make.button.setEnabled(total == 100 and self.project is not None)

    def _use_study_names(self) -> None:
        for row in range(self.names.rowCount()):
            new = STUDY_NAMES.get(self.names.item(row, 0).text())
            if new is not None:
                self.names.item(row, 1).setText(new)

    def _choose_folder(self) -> None:
        path = QFileDialog.getExistingDirectory(self, tr("Folder for the training set"), self.folder.text())
        if path:
            self.folder.setText(path)

    def is_busy(self) -> bool:
        return self.make.is_running

    def stop(self) -> None:
        self.make.stop()

    # Making

    def _make(self) -> None:
        if self.project is None:
            return
        self.save_wanted.emit()
        if self.project.session.dirty_keys:
            return  # what could not be saved was said; the training set would lack it
        renames, order = [], []
        for row in range(self.names.rowCount()):
            old, new = self.names.item(row, 0).text(), self.names.item(row, 1).text().strip()
            if not new:
                messages.error(tr("The class {name} needs a name for training.", name=old))
                return
            if new != old:
                renames.append(Rename(old, new))
            if new not in order:
                order.append(new)
        # The study's classes keep the study's order, whichever picture shows which first.
        order.sort(key=lambda name: (name not in _STUDY_ORDER, _STUDY_ORDER.get(name, 0)))
        train, val, test = (float(self.parts[split].value()) for split in Split)
        target = Path(self.folder.text()).expanduser()
        options = ConvertOptions(
            rename=renames,
            classes=order or None,
            split=SplitRequest((train, val, test)),
            seed=self.seed.value(),
            resplit=True,
            force=WorkFolder(target).exists(),
        )
        source = self.project.session.root
        self.result.setText("")
        stage = self.make.stage
        self.make.run(_conversion(source, target, options, stage))

    def _made(self, outcome: tuple[ConvertResult, Report]) -> None:
        result, report = outcome
        if self.project is not None:
            self.project.use_work(result.target)
        self.result.setText(describe(result))
        self.make.say(tr("Done."))
        if report.errors:
            messages.warning(
                tr_n(
                    "{n} finding: what it is about was left out of the training set.",
                    "{n} findings: what they are about was left out of the training set.",
                    len(report.errors),
                ),
                "\n".join(map(str, report)),
            )
        else:
            messages.info(tr("The training set lies in {folder}.", folder=result.target))
        self.work_changed.emit()


def _conversion(
    source: Path, target: Path, options: ConvertOptions, on_stage: Callable[[str], None]
) -> Callable[..., tuple[ConvertResult, Report]]:
    def work(tell: Callable[[int, int], None]) -> tuple[ConvertResult, Report]:
        report = Report()
        return convert_to_work(source, target, report, options, on_progress=tell, on_stage=on_stage), report

    return work


def describe(result: ConvertResult) -> str:
    """What a conversion made, in a few lines."""
    lines = [
        tr(
            "{pictures} and {boxes} in {folder}.",
            pictures=tr_n("{n} picture", "{n} pictures", len(result.dataset)),
            boxes=tr_n("{n} box", "{n} boxes", result.dataset.box_count),
            folder=result.target,
        )
    ]
    quality = result.quality
    if quality is not None:
        sizes = " · ".join(f"{split} {size}" for split, size in quality.sizes.items())
        lines.append(tr("Pictures: {sizes}.", sizes=sizes))
        if quality.worst is not None:
            cell = quality.worst
            lines.append(
                tr(
                    "No class's share of boxes is off by more than {percent} % ({name} in {split}).",
                    percent=f"{100 * quality.worst_error:.1f}",
                    name=cell.label,
                    split=cell.split,
                )
            )
    if result.groups:
        lines.append(
            tr_n(
                "{n} group of pictures that look alike was kept together.",
                "{n} groups of pictures that look alike were kept together.",
                len(result.groups),
            )
        )
    if result.baked:
        lines.append(
            tr_n(
                "{n} picture was written anew as 8-bit PNG, as the network sees it.",
                "{n} pictures were written anew as 8-bit PNG, as the network sees them.",
                result.baked,
            )
        )
    left_out = len(result.unlabelled) + len(result.unreadable)
    if left_out:
        lines.append(
            tr(
                "Left out: {unlabelled} without a label file, {unreadable} unreadable.",
                unlabelled=f"{len(result.unlabelled):,}",
                unreadable=f"{len(result.unreadable):,}",
            )
        )
    if result.removed_copies:
        lines.append(
            tr_n(
                "{n} copy of the old training set is gone: make it again.",
                "{n} copies of the old training set are gone: make them again.",
                result.removed_copies,
            )
        )
    return "\n".join(lines)
