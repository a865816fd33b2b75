"""Asked before a set is opened whose class ids and names do not fit: what does each id mean?"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

from PyQt5.QtCore import QSize, Qt, pyqtSignal
from PyQt5.QtGui import QImage, QPainter, QPixmap
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.id_mapping import SAMPLES, IdMapping, IdUse, Misfit, Why, mapping_for
from annotator.qt.background import Task
from annotator.qt.crop_loader import cut
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError, ImageError
from converters.images import load_rgb

SIDE = 40
"""Of a sample, in pixels of the screen."""
_ID, _BEFORE, _NOW, _BOXES, _SAMPLES, _MEANS = range(6)


class MappingDialog(QDialog):
    """A row for each id. Nothing is written here: :attr:`mapping` says what the person wants.

    Attributes:
        mapping: What is to be written; None where the set is to be opened as it is.
    """

    crops_ready = pyqtSignal(int, object)

    def __init__(self, misfit: Misfit, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(tr("What do the class ids mean?"))
        self.misfit = misfit
        self.mapping: IdMapping | None = None
        self._choices: dict[int, QComboBox] = {}
        self._build()
        self._fill()
        self.crops_ready.connect(self._show_crops)
        uses = misfit.uses
        self._cutting = Task(lambda tell: self._cut(uses, tell), self).start()
        self._say()

    def _build(self) -> None:
        self.head = QLabel(self._reason())
        self.head.setWordWrap(True)
        self.table = QTableWidget(len(self.misfit.uses), 6)
        titles = (tr("Id"), tr("Was"), tr("Is in the list"), tr("Boxes"), tr("Some of them"), tr("Means"))
        self.table.setHorizontalHeaderLabels(list(titles))
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.NoSelection)
        self.table.setFocusPolicy(Qt.NoFocus)
        self.table.setTabKeyNavigation(False)
        self.table.setTextElideMode(Qt.ElideMiddle)
        self.table.setIconSize(QSize(SAMPLES * (SIDE + 2), SIDE))
        header = self.table.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeToContents)
        header.setSectionResizeMode(_MEANS, QHeaderView.Stretch)
        self.table.setColumnHidden(_BEFORE, not self.misfit.pinned)
        self.table.setColumnHidden(_NOW, not self.misfit.names)
        as_listed = QPushButton(tr("All as the list says"))
        as_before = QPushButton(tr("All as it was"))
        as_listed.clicked.connect(lambda: self._set_all(lambda use: use.now))
        as_before.clicked.connect(lambda: self._set_all(lambda use: use.before))
        row = QHBoxLayout()
        for button, there in ((as_listed, self.misfit.names), (as_before, self.misfit.pinned)):
            button.setAutoDefault(False)
            button.setVisible(bool(there))
            row.addWidget(button)
        row.addStretch()
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.PlainText)
        buttons = QDialogButtonBox(QDialogButtonBox.Cancel)
        self.agree = buttons.addButton(tr("Use these meanings"), QDialogButtonBox.AcceptRole)
        self.as_is = buttons.addButton(tr("Open as it is"), QDialogButtonBox.ActionRole)
        self.as_is.setToolTip(self._what_as_is_means())
        self.as_is.setAutoDefault(False)
        self.as_is.clicked.connect(self._open_as_is)
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        column = QVBoxLayout(self)
        column.addWidget(self.head)
        column.addLayout(row)
        column.addWidget(self.table, 1)
        column.addWidget(self.says)
        column.addWidget(buttons)
        metrics = self.fontMetrics()
        self.resize(metrics.averageCharWidth() * 110, metrics.height() * 32)

    def _fill(self) -> None:
        names = list(dict.fromkeys([*self.misfit.names, *self.misfit.pinned]))
        self._leave_out = tr("– leave these boxes out –")
        for row, use in enumerate(self.misfit.uses):
            texts = (str(use.id), use.before, use.now, f"{use.boxes:,}", "")
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                if column in (_ID, _BOXES):
                    item.setTextAlignment(int(Qt.AlignRight | Qt.AlignVCenter))
                item.setToolTip(text)
                self.table.setItem(row, column, item)
            choice = QComboBox()
            choice.setEditable(True)
            choice.setInsertPolicy(QComboBox.NoInsert)
            choice.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
            choice.addItems([*names, self._leave_out])
            choice.setCurrentText(use.now or use.before)
            choice.lineEdit().setPlaceholderText(tr("Name of class {id}", id=use.id) if use.boxes else "")
            choice.setEnabled(bool(use.boxes))
            choice.editTextChanged.connect(lambda _: self._say())
            self.table.setCellWidget(row, _MEANS, choice)
            self._choices[use.id] = choice
            if use.boxes:
                self.table.setRowHeight(row, SIDE + 6)
        fields = [choice for choice in self._choices.values() if choice.isEnabled()]
        for before, after in pairwise(fields):
            self.setTabOrder(before, after)
        first = next((field for field in fields if not field.currentText()), None)
        (first or self.agree).setFocus()

    def _reason(self) -> str:
        name = self.misfit.root.name
        if self.misfit.why is Why.NO_NAMES:
            return tr("The label files of {name} hold class ids, and no file says what they mean.", name=name)
        if self.misfit.why is Why.NO_NAME_OF_ID:
            return tr(
                "Label files of {name} hold class ids that its list of names does not reach.", name=name
            )
        return tr(
            "The list of names of {name} is another one than when the set was last open: its ids would "
            "mean something else.",
            name=name,
        )

    def _what_as_is_means(self) -> str:
        if self.misfit.why is Why.NO_NAMES:
            return tr("Classes are called by their ids; nothing is written")
        if self.misfit.why is Why.NO_NAME_OF_ID:
            return tr("Pictures with such boxes are left out; nothing is written")
        return tr("Ids mean what the list says now; nothing is written")

    def _set_all(self, name_of: Callable[[IdUse], str]) -> None:
        for use in self.misfit.uses:
            if name_of(use):
                self._choices[use.id].setCurrentText(name_of(use))

    def meaning(self) -> dict[int, str | None]:
        """The class of each id as it is chosen now; None: its boxes are left out."""
        texts = {id: choice.currentText().strip() for id, choice in self._choices.items()}
        return {id: None if text == self._leave_out else text for id, text in texts.items()}

    def _say(self) -> None:
        try:
            mapping = mapping_for(self.misfit, self.meaning())
        except DataError as error:
            self.mapping = None
            self.says.setText(f"{error.message[:1].upper()}{error.message[1:]}")
            self.agree.setEnabled(False)
            return
        self.mapping = mapping
        self.agree.setEnabled(True)
        self.says.setText(" ".join(self._sentences(mapping)))

    def _sentences(self, mapping: IdMapping) -> list[str]:
        lines: list[str] = []
        if mapping.names != self.misfit.names:
            lines.append(tr("Writes the list of names: {names}.", names=", ".join(mapping.names)))
        if mapping.ids:
            lines.append(
                tr_n("Changes at most {n} label file.", "Changes at most {n} label files.", mapping.files)
            )
        if mapping.boxes:
            lines.append(tr_n("{n} box gets another id.", "{n} boxes get another id.", mapping.boxes))
        if mapping.left_out:
            lines.append(tr_n("{n} box is left out.", "{n} boxes are left out.", mapping.left_out))
        if mapping.ids:
            lines.append(tr("The files as they were are kept in .annotator/originals."))
        return lines or [tr("No file changes.")]

    def _open_as_is(self) -> None:
        self.mapping = None
        # Not by accept(): that is for the button that writes.
        self.done(QDialog.Accepted)

    def done(self, result: int) -> None:
        self._cutting.cancel()
        self._cutting.wait()
        super().done(result)

    # Samples

    def _cut(self, uses: tuple[IdUse, ...], tell: Callable[[int, int], None]) -> None:
        for row, use in enumerate(uses):
            tell(row, len(uses))
            crops: list[QImage] = []
            for path, xyxy in use.samples:
                crop = _crop(path, xyxy)
                if crop is not None:
                    crops.append(crop)
            if crops:
                self.crops_ready.emit(row, crops)

    def _show_crops(self, row: int, crops: list[QImage]) -> None:
        strip = QPixmap(SAMPLES * (SIDE + 2), SIDE)
        strip.fill(Qt.transparent)
        painter = QPainter(strip)
        for at, crop in enumerate(crops):
            small = crop.scaled(SIDE, SIDE, Qt.KeepAspectRatio, Qt.SmoothTransformation)
            painter.drawImage(
                at * (SIDE + 2) + (SIDE - small.width()) // 2, (SIDE - small.height()) // 2, small
            )
        painter.end()
        self.table.item(row, _SAMPLES).setData(Qt.DecorationRole, strip)
        self.table.resizeColumnToContents(_SAMPLES)


def _crop(path: Path, xyxy: tuple[float, float, float, float]) -> QImage | None:
    try:
        return cut(load_rgb(path), xyxy, 2 * SIDE)
    except (ImageError, MemoryError):
        return None  # the row has other samples, or says only how many boxes there are
