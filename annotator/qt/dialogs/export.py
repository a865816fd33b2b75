"""Write the open set in another format: what ``convert-cli`` does, with what will be lost said beforehand."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, QTimer, QUrl
from PyQt5.QtGui import QDesktopServices, QGuiApplication
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QHBoxLayout,
    QHeaderView,
    QLineEdit,
    QPushButton,
    QScrollArea,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core import exporting
from annotator.core.exporting import ExportRequest, Preview
from annotator.core.session import Session
from annotator.qt.background import Task
from annotator.qt.box_list import colour_icon
from annotator.qt.dialogs.working import WorkDialog, wrapping
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters import registry
from converters.conversion import ConvertResult
from converters.errors import DataError
from converters.model import Split
from converters.report import Report
from converters.split import SplitRequest

DELAY = 250
"""Milliseconds after the last change until it is counted what would be lost."""


def purpose_of(format: str) -> str:
    """A sentence on what a format is for."""
    return {
        "voc": tr(
            "One XML file for each picture. labelImg, many older detectors, and this tool's own choice."
        ),
        "yolo": tr(
            "A Darknet data set (obj/, split.csv, lists): for training with Darknet, here or elsewhere."
        ),
        "ultralytics": tr("images/, labels/ and data.yaml: for YOLOv5, YOLOv8 and others of Ultralytics."),
        "labelme": tr("One JSON file for each picture: to go on in labelme or X-AnyLabeling."),
        "coco": tr("One JSON file for each split: Detectron2, MMDetection, torchvision, FiftyOne, CVAT."),
        "csv": tr("A line for each box: for spreadsheets, TensorFlow's and Keras' tools, own scripts."),
        "cvat": tr("One XML file: to import into CVAT (as “CVAT for images”)."),
        "label-studio": tr("One JSON file and its labelling setup: to import into Label Studio."),
    }.get(format, "")


class ExportDialog(WorkDialog):
    """What is written, where, and what is lost."""

    def __init__(self, session: Session, parent: QWidget | None = None) -> None:
        super().__init__(tr("Export {set}", set=session.root.name), parent)
        self.session = session
        self.dataset = session.dataset()
        self.result: ConvertResult | None = None
        self._counting: Task | None = None
        self._own_target = ""
        self._is_built = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(DELAY)
        self._timer.timeout.connect(self._count)
        self._build_target()
        self._build_classes()
        self._build_split()
        self._build_pictures()
        self._build_outcome()
        self._lay_out()
        self.work.failed.connect(self._failed)
        self.work.cancelled.connect(lambda: self.said.setText(tr("Cancelled; nothing was written.")))
        self._is_built = True
        self._format_changed()

    # Building

    def _build_target(self) -> None:
        self.format = QComboBox()
        for name in exporting.writable_formats():
            self.format.addItem(registry.FORMATS[name].title, name)
        others = [name for name in exporting.writable_formats() if name != self.dataset.format]
        self.format.setCurrentIndex(self.format.findData("coco" if "coco" in others else others[0]))
        self.format.currentIndexChanged.connect(lambda _: self._format_changed())
        self.purpose = wrapping()
        self.target = QLineEdit()
        self.target.textChanged.connect(lambda _: self._changed())
        self.browse = QPushButton(tr("Choose…"))
        self.browse.setAutoDefault(False)
        self.browse.clicked.connect(self._choose)

    def _build_classes(self) -> None:
        names = self.dataset.class_names
        self.classes = QTableWidget(len(names), 2)
        self.classes.setHorizontalHeaderLabels([tr("Class"), tr("Name in the export (click to change)")])
        self.classes.horizontalHeader().setSectionResizeMode(QHeaderView.Stretch)
        self.classes.verticalHeader().hide()
        self.classes.setSelectionMode(QAbstractItemView.SingleSelection)
        self.classes.setEditTriggers(QAbstractItemView.AllEditTriggers)
        self.classes.setToolTip(tr("Without its tick a class is left out: its boxes are not written"))
        for row, name in enumerate(names):
            old = QTableWidgetItem(colour_icon(names, name), name)
            old.setFlags(Qt.ItemIsEnabled | Qt.ItemIsUserCheckable)
            old.setCheckState(Qt.Checked)
            self.classes.setItem(row, 0, old)
            self.classes.setItem(row, 1, QTableWidgetItem(name))
        height = self.classes.horizontalHeader().sizeHint().height() + 6
        height += sum(self.classes.rowHeight(row) for row in range(min(len(names), 6)))
        self.classes.setFixedHeight(height)
        self.classes.itemChanged.connect(lambda _: self._changed())

    def _build_split(self) -> None:
        self.split = QComboBox()
        self.split.addItem(tr("As it is"), "keep")
        self.split.addItem(tr("In percent"), "parts")
        self.split.addItem(tr("In pictures"), "counts")
        self.split.currentIndexChanged.connect(lambda _: self._split_changed())
        self.parts: dict[Split, QSpinBox] = {}
        self.split_row = QWidget()
        row = QHBoxLayout(self.split_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.split)
        for split in Split:
            spin = QSpinBox(minimum=0, maximum=100)
            spin.setPrefix(f"{split} ")
            spin.valueChanged.connect(lambda _: self._changed())
            self.parts[split] = spin
            row.addWidget(spin)
        self.seed = QSpinBox(minimum=0, maximum=2**31 - 1, value=1)
        self.seed.setPrefix(tr("seed") + " ")
        self.seed.setToolTip(tr("Another number gives another split; the same one the same split again"))
        self.seed.valueChanged.connect(lambda _: self._changed())
        row.addWidget(self.seed)
        row.addStretch()
        self._split_changed()

    def _build_pictures(self) -> None:
        self.pictures = QComboBox()
        self.pictures.addItem(tr("Copy them"), True)
        self.pictures.addItem(tr("Link them (no room needed; both names are one file)"), False)
        self.pictures.currentIndexChanged.connect(lambda _: self._changed())
        unlabelled = sum(not image.labelled for image in self.dataset)
        self.unlabelled = QCheckBox(
            tr_n(
                "Also the {n} picture that is not labelled yet, as empty",
                "Also the {n} pictures that are not labelled yet, as empty",
                unlabelled,
            )
        )
        self.unlabelled.setVisible(bool(unlabelled))
        self.unlabelled.toggled.connect(lambda _: self._changed())
        self.edges = QComboBox()
        self.edges.addItem(tr("Edges counted from 0, as labelImg does"), "as-is")
        self.edges.addItem(tr("First and last pixel counted from 1, as in the VOC challenge"), "one-based")
        self.edges.currentIndexChanged.connect(lambda _: self._changed())

    def _build_outcome(self) -> None:
        self.losses = wrapping()
        self.command = QLineEdit()
        self.command.setReadOnly(True)
        self.command.setToolTip(tr("The same in a terminal, for the record"))
        self.copy = QPushButton(tr("Copy"))
        self.copy.setAutoDefault(False)
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.command.text()))
        self.said = wrapping()
        self.go = QPushButton(tr("Export"))
        self.go.setDefault(True)
        self.go.clicked.connect(self._export)
        self.show_folder = QPushButton(tr("Show the folder"))
        self.show_folder.setAutoDefault(False)
        self.show_folder.hide()
        self.show_folder.clicked.connect(self._show_folder)
        self.close_button = QPushButton(tr("Close"))
        self.close_button.setAutoDefault(False)
        self.close_button.clicked.connect(self.reject)

    def _lay_out(self) -> None:
        self.form = QWidget()
        form = QFormLayout()
        rows = QVBoxLayout(self.form)
        rows.setContentsMargins(0, 0, 0, 0)
        rows.addLayout(form)
        rows.addStretch(1)  # what room is left is below the rows, not between them
        form.setFieldGrowthPolicy(QFormLayout.ExpandingFieldsGrow)
        form.addRow(tr("Format"), self.format)
        form.addRow("", self.purpose)
        form.addRow(tr("Folder"), _beside(self.target, self.browse))
        form.addRow(tr("Classes"), self.classes)
        form.addRow(tr("Split"), self.split_row)
        form.addRow(tr("Pictures"), self.pictures)
        form.addRow("", self.unlabelled)
        form.addRow(tr("VOC edges"), self.edges)
        self.edges_label = form.labelForField(self.edges)
        form.addRow(tr("Before you go"), self.losses)
        form.addRow(tr("Command"), _beside(self.command, self.copy))
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.NoFrame)
        area.setWidget(self.form)
        buttons = QHBoxLayout()
        buttons.addWidget(self.show_folder)
        buttons.addStretch()
        buttons.addWidget(self.go)
        buttons.addWidget(self.close_button)
        column = QVBoxLayout(self)
        column.addWidget(area, 1)
        column.addWidget(self.said)
        column.addWidget(self.work)
        column.addLayout(buttons)
        self.format.setFocus()  # letters choose the format at once
        self.resize(780, 620)

    # What is asked for

    def request(self) -> ExportRequest:
        """What the fields say."""
        names: dict[str, str] = {}
        for row in range(self.classes.rowCount()):
            old = self.classes.item(row, 0)
            if old.checkState() == Qt.Checked:
                names[old.text()] = self.classes.item(row, 1).text().strip()
        kind = self.split.currentData()
        train, val, test = (float(self.parts[split].value()) for split in Split)
        split = None if kind == "keep" else SplitRequest((train, val, test), kind == "counts")
        return ExportRequest(
            Path(self.target.text()).expanduser().absolute(),
            self.format.currentData(),
            names,
            split,
            self.seed.value(),
            self.unlabelled.isChecked(),
            self.pictures.currentData(),
            voc_edges=self.edges.currentData(),
            by_hand={image.key: image.split for image in self.dataset if image.split is not None},
        )

    def _format_changed(self) -> None:
        format = self.format.currentData()
        self.purpose.setText(purpose_of(format))
        if self.target.text() == self._own_target:
            self._own_target = str(exporting.free_folder(self.session.root, format))
            self.target.setText(self._own_target)
        is_voc = "voc" in (format, self.dataset.format)
        self.edges.setVisible(is_voc)
        self.edges_label.setVisible(is_voc)
        if format == "yolo" and all(image.split is None for image in self.dataset):
            self.split.setItemText(0, tr("70 / 15 / 15 %"))
        else:
            self.split.setItemText(0, tr("As it is"))
        self._changed()

    def _split_changed(self) -> None:
        kind = self.split.currentData()
        total = len(self.dataset)
        for split, part in zip(Split, (70, 15, 15), strict=True):
            spin = self.parts[split]
            spin.setVisible(kind != "keep")
            spin.setSuffix(" %" if kind == "parts" else "")
            spin.setMaximum(100 if kind == "parts" else max(total, 1))
            spin.setValue(part if kind != "counts" else total * part // 100)
        self.seed.setVisible(kind != "keep")
        self._changed()

    def _choose(self) -> None:
        place = str(Path(self.target.text()).parent)
        path = QFileDialog.getExistingDirectory(self, tr("Folder for the export"), place)
        if path:
            self.target.setText(path)

    # What it would do

    def _changed(self) -> None:
        if not self._is_built:
            return
        self.result = None
        self.show_folder.hide()
        self.said.clear()
        try:
            problem = self._problem()
            self.command.setText(exporting.command_of(self.request(), self.dataset))
            self.command.setCursorPosition(0)
        except DataError as error:
            problem = str(error)
        self.go.setEnabled(not problem and not self.work.is_running)
        if problem:
            self.said.setText(problem)
        self._timer.start()

    def _problem(self) -> str:
        if not self.target.text().strip():
            return tr("Choose a folder to write to.")
        if self.split.currentData() == "parts":
            total = sum(spin.value() for spin in self.parts.values())
            if total != 100:
                return tr("The split adds up to {total} %, not to 100 %.", total=total)
        if self.split.currentData() != "keep" and not self.parts[Split.TRAIN].value():
            return tr("The split leaves nothing to train on.")
        exporting.check_target(self.dataset.root, self.request().target)
        return ""

    def _count(self) -> None:
        if self._counting is not None:
            self._timer.start()
            return
        request, dataset = self.request(), self.dataset
        task = Task(lambda tell: exporting.preview(request, dataset), self)
        task.succeeded.connect(self._show_preview)
        task.failed.connect(self.losses.setText)
        task.finished.connect(self._counted)
        self._counting = task.start()

    def _counted(self) -> None:
        self._counting = None

    def _show_preview(self, found: Preview) -> None:
        pictures = tr_n("{n} picture", "{n} pictures", found.pictures)
        boxes = tr_n("{n} box", "{n} boxes", found.boxes)
        lines = [tr("{pictures} and {boxes} will be written.", pictures=pictures, boxes=boxes)]
        if found.left_out:
            lines.append(
                tr_n(
                    "{n} picture that is not labelled yet is left out.",
                    "{n} pictures that are not labelled yet are left out.",
                    found.left_out,
                )
            )
        if found.dropped:
            lines.append(
                tr_n("{n} box of a class without a tick is left out.",
                     "{n} boxes of classes without a tick are left out.", found.dropped)
            )  # fmt: skip
        if self.split.currentData() == "keep" and any(image.split is not None for image in self.dataset):
            lines.append(
                tr("Splits are those of the list; the command knows none that were set in this window.")
            )
        lines += [tr("Lost: {what}", what=loss.message) for loss in found.lost]
        if not found.lost:
            lines.append(tr("Nothing that this set has is lost."))
        if found.never:
            lines.append(tr("The format never keeps: {what}.", what=", ".join(map(known, found.never))))
        self.losses.setText("\n".join(lines))

    # Doing it

    def _export(self) -> None:
        if self.work.is_running:
            return
        if errors := self.session.save():
            self.said.setText(str(errors[0]))
            return
        self.dataset = self.session.dataset()
        request, dataset, stage = self.request(), self.dataset, self.work.staged.emit
        report = Report()
        self.said.clear()
        self.work.run(
            lambda tell: (exporting.export(request, dataset, report, tell, stage), report),
            tr("Reading the set"),
            self._exported,
        )
        self.form.setEnabled(False)
        self.go.setEnabled(False)

    def _exported(self, outcome: tuple[ConvertResult, Report]) -> None:
        result, report = outcome
        self.result = result
        pictures = tr_n("{n} picture", "{n} pictures", len(result.dataset))
        boxes = tr_n("{n} box", "{n} boxes", result.dataset.box_count)
        lines = [
            tr(
                "{pictures} and {boxes} are in {folder}.",
                pictures=pictures,
                boxes=boxes,
                folder=result.target,
            )
        ]
        lines += [tr("Lost: {what}", what=loss.message) for loss in result.lost]
        if result.renamed:
            lines.append(
                tr_n("{n} file name was made plain.", "{n} file names were made plain.", len(result.renamed))
            )
        left_out = len(result.rejected) + len(result.unreadable)
        if left_out:
            lines.append(
                tr_n("{n} picture was left out because of an error.",
                     "{n} pictures were left out because of errors.", left_out)
            )  # fmt: skip
        self.said.setText("\n".join(lines))
        details = "\n".join([*lines, "", self.command.text(), "", *map(str, report)])
        short = " ".join([lines[0], lines[-1]]) if left_out else lines[0]
        (messages.warning if report.errors else messages.info)(short, details)
        self.show_folder.show()
        self.show_folder.setFocus()

    def _failed(self, text: str) -> None:
        self.said.setText(text)
        messages.error(text)

    def _work_ended(self) -> None:
        self.form.setEnabled(True)
        self.go.setEnabled(self.result is None)
        super()._work_ended()

    def _show_folder(self) -> None:
        if self.result is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self.result.target)))

    def _leave(self) -> None:
        self._timer.stop()
        if self._counting is not None:
            self._counting.wait()


def _beside(field: QWidget, button: QWidget) -> QWidget:
    both = QWidget()
    row = QHBoxLayout(both)
    row.setContentsMargins(0, 0, 0, 0)
    row.addWidget(field, 1)
    row.addWidget(button)
    return both


def show_export(parent: QWidget, session: Session) -> ExportDialog:
    """Open the dialog."""
    dialog = ExportDialog(session, parent)
    dialog.setWindowModality(Qt.WindowModal)
    dialog.open()
    return dialog
