"""What the network got wrong, box by box, with crops: go to the labels, or take the network's answer."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QKeyEvent, QPalette
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QCheckBox,
    QComboBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from annotator.core.mistake_listing import MistakeFilter, SortBy, of_class, sorted_mistakes
from annotator.darknet.evaluation.confusion import Kind, Mistake
from annotator.qt.finding_crops import Crops
from annotator.qt.pages.predict.evaluated import Evaluated, Results
from annotator.qt.pages.predict.since import SinceRow
from annotator.qt.pages.predict.training_pictures import TrainingPictures
from annotator.qt.translation import tr, tr_n
from converters.model import Split, Xyxy

SPOT, KIND, WHAT, CONFIDENCE, IOU, COST, PICTURE = range(7)
CROP = QSize(96, 72)


class MistakesModel(QAbstractTableModel):
    """One row a mistake."""

    def __init__(self, crops: Crops, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Mistake] = []
        self.mended: frozenset[Mistake] = frozenset()
        self._crops = crops
        self._places: Sequence[tuple[Path, dict[tuple[bool, int], Xyxy]]] = ()
        crops.arrived.connect(self._crop_arrived)

    def show(self, rows: list[Mistake], paths: Sequence[tuple[Path, dict[tuple[bool, int], Xyxy]]]) -> None:
        """Show other rows.

        Args:
            rows: The mistakes.
            paths: Of each picture its file and its boxes: (whether it is a prediction, index) → edges.
        """
        self.beginResetModel()
        self.rows, self._places = rows, paths
        self.endResetModel()

    def show_mended(self, mended: frozenset[Mistake]) -> None:
        """Mark other rows as mended."""
        self.mended = mended
        if self.rows:
            self.dataChanged.emit(self.index(0, KIND), self.index(len(self.rows) - 1, PICTURE))

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else 7

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.DisplayRole) -> object:
        if orientation == Qt.Horizontal and role == Qt.DisplayRole:
            heads = ("", tr("Mistake"), tr("What"), tr("Confidence"), "IoU", tr("Costs"), tr("Picture"))
            return heads[section]
        if orientation == Qt.Horizontal and role == Qt.ToolTipRole:
            return self._tip(section)
        return None

    def _tip(self, section: int) -> str | None:
        if section == COST:
            return tr("About so many points of mAP@0.50 more, if only this mistake were gone")
        if section == CONFIDENCE:
            return tr("Of a missed box: of the surest prediction below the threshold that nearly found it")
        return None

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        mistake, column = self.rows[index.row()], index.column()
        if role == Qt.DisplayRole:
            return self._text(mistake, column)
        if role == Qt.DecorationRole and column == SPOT:
            pixmap = self._crops.get(self.path(mistake), self.edges(mistake))
            return pixmap if pixmap is not None and not pixmap.isNull() else None
        if role == Qt.TextAlignmentRole and column in (CONFIDENCE, IOU, COST):
            return int(Qt.AlignRight | Qt.AlignVCenter)
        if role == Qt.ForegroundRole and mistake in self.mended:
            return QApplication.palette().brush(QPalette.Disabled, QPalette.Text)
        return None

    def path(self, mistake: Mistake) -> Path:
        """The picture's file."""
        return self._places[mistake.image][0]

    def edges(self, mistake: Mistake) -> Xyxy | None:
        """The box that the mistake is about: what was seen, or what was missed."""
        place = (True, mistake.prediction) if mistake.prediction is not None else (False, mistake.truth)
        return self._places[mistake.image][1].get(place)

    def _text(self, mistake: Mistake, column: int) -> str:
        if column == KIND:
            kind = kind_text(mistake.kind)
            return tr("✓ mended ({kind})", kind=kind) if mistake in self.mended else kind
        if column == WHAT:
            return what_text(mistake)
        if column == CONFIDENCE:
            return f"{100 * mistake.confidence:.0f} %" if mistake.confidence else "–"
        if column == IOU:
            return f"{mistake.iou:.2f}" if mistake.iou else "–"
        if column == COST:
            return f"{100 * mistake.cost:.2f}"
        return self.path(mistake).name if column == PICTURE else ""

    def _crop_arrived(self) -> None:
        if self.rows:
            last = self.index(len(self.rows) - 1, SPOT)
            self.dataChanged.emit(self.index(0, SPOT), last, [Qt.DecorationRole])


class MistakesTable(QTableView):
    """The view.

    Signals:
        go_wanted: Enter or a double click: to the labels.
    """

    go_wanted = pyqtSignal()

    def __init__(self, model: MistakesModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.SingleSelection)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setTextElideMode(Qt.ElideMiddle)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.setIconSize(CROP)
        self.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.Fixed)
        self.verticalHeader().setDefaultSectionSize(CROP.height() + 6)
        self.horizontalHeader().setHighlightSections(False)
        self.horizontalHeader().setStretchLastSection(True)
        em = self.fontMetrics().horizontalAdvance("n")
        for column, width in enumerate((CROP.width() + 14, 20 * em, 28 * em, 12 * em, 7 * em, 8 * em)):
            self.setColumnWidth(column, width)
        self.doubleClicked.connect(lambda _: self.go_wanted.emit())

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key_Return, Qt.Key_Enter) and not event.modifiers() & ~Qt.KeypadModifier:
            self.go_wanted.emit()
            return
        super().keyPressEvent(event)


class MistakesTab(QWidget):
    """The mistakes of the evaluation of the chosen run.

    Signals:
        go_wanted: A mistake to be shown on the labelling page: the split, and it.
        accept_wanted: A mistake where the network is right: its labels are to follow.
        pictures_wanted: Entries (of the run's lists) of the pictures of all rows, and what they are.
        mended_wanted: Which mistakes are mended is to be told (:meth:`show_mended`).
    """

    mended_wanted = pyqtSignal()
    go_wanted = pyqtSignal(object, object)
    accept_wanted = pyqtSignal(object, object)
    pictures_wanted = pyqtSignal(object, str)

    def __init__(self, evaluated: Evaluated, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.evaluated = evaluated
        self._cell: MistakeFilter | None = None
        self._cell_text = ""
        self.crops = Crops(CROP, self)
        self.model = MistakesModel(self.crops, self)
        self._build()
        for box in (self.split, self.kind, self.name, self.confidence, self.order):
            box.currentIndexChanged.connect(self._choice_changed)
        self.open_only.toggled.connect(self._choice_changed)
        self.table.go_wanted.connect(lambda: self._emit(self.go_wanted))
        self.go.clicked.connect(lambda: self._emit(self.go_wanted))
        self.accept.clicked.connect(lambda: self._emit(self.accept_wanted))
        self.all.clicked.connect(self._show_pictures)
        self.table.selectionModel().currentRowChanged.connect(lambda *_: self._enable())
        evaluated.changed.connect(self._show)
        self._show()

    def _build(self) -> None:
        self.split, self.kind, self.name, self.confidence, self.order = (QComboBox() for _ in range(5))
        self.kind.addItem(tr("all mistakes"), None)
        for kind in Kind:
            self.kind.addItem(kind_text(kind), kind)
        for text, span in (
            (tr("any confidence"), None),
            (tr("from 90 %"), (0.9, 2.0)),
            (tr("from 75 %"), (0.75, 2.0)),
            (tr("from 50 %"), (0.5, 2.0)),
            (tr("below 50 %"), (0.0, 0.5)),
        ):
            self.confidence.addItem(text, span)
        self.confidence.setToolTip(
            tr("Of a missed box: of the surest prediction below the threshold that nearly found it")
        )
        for text, order in (
            (tr("costliest first"), SortBy.COST),
            (tr("surest first"), SortBy.CONFIDENCE),
            (tr("least sure first"), SortBy.DOUBT),
            (tr("by kind"), SortBy.KIND),
            (tr("by picture"), SortBy.PICTURE),
        ):
            self.order.addItem(text, order)
        self.count = QLabel()
        self.count.setWordWrap(True)
        top = QHBoxLayout()
        self.order.setItemData(
            0, tr("First what takes most from mAP@0.50: a box missed of a rare class, a sure wrong one"),
            Qt.ToolTipRole,
        )  # fmt: skip
        self.open_only = QCheckBox(tr("not mended"))
        self.open_only.setToolTip(tr("Leave out what the labels of now make no mistake any more"))
        for widget in (self.split, self.kind, self.name, self.confidence, self.order):
            widget.setSizeAdjustPolicy(QComboBox.AdjustToContents)
            widget.setMaximumWidth(26 * self.fontMetrics().averageCharWidth())
            top.addWidget(widget)
        top.addWidget(self.open_only)
        top.addStretch()
        self.table = MistakesTable(self.model)
        self.since = SinceRow()
        self.training = TrainingPictures(self.evaluated)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.count)
        layout.addWidget(self.training)
        layout.addWidget(self.table, 1)
        layout.addLayout(self._build_buttons())
        layout.addWidget(self.since)

    def _build_buttons(self) -> QHBoxLayout:
        """What can be done with the current row, and with all of them."""
        self.go = QPushButton(tr("Open in Label"))
        self.go.setToolTip(tr("Go to this box's labels (Enter, or a double click)"))
        self.accept = QPushButton(tr("The network is right"))
        self.accept.setToolTip(
            tr("Let the labels say what the network saw, in one edit that can be undone (K)")
        )
        self.all = QPushButton(tr("All these pictures in Label"))
        self.all.setToolTip(tr("Show only the pictures of these rows in the list of the labelling page"))
        bottom = QHBoxLayout()
        bottom.addWidget(self.go)
        bottom.addWidget(self.accept)
        bottom.addStretch()
        bottom.addWidget(self.all)
        return bottom

    # What is shown

    def show_cell(self, split: Split, row: int, column: int, text: str) -> None:
        """Show only the mistakes of a cell of what is taken for what."""
        results = self.evaluated.results
        if results is None:
            return
        names = (*results.evaluation.class_names, "")
        for box, data in ((self.split, split), (self.kind, None), (self.name, None), (self.confidence, None)):
            box.blockSignals(True)
            box.setCurrentIndex(max(0, box.findData(data)))
            box.blockSignals(False)
        self._cell = MistakeFilter(true_label=names[row], label=names[column])
        self._cell_text = text
        self._fill()

    def show_kind(self, split: Split, kind: Kind, true_label: str, label: str) -> None:
        """Show only the mistakes of a kind, and of these classes."""
        results = self.evaluated.results
        if results is None or split not in results.analyses:
            return
        self._choose(split)
        self._cell = MistakeFilter(kinds=frozenset({kind}), classes=(true_label, label))
        what = kind_text(kind)
        names = " → ".join(filter(None, dict.fromkeys((true_label, label))))
        self._cell_text = tr("{kind}: {names}", kind=what, names=names)
        self._fill()

    def show_sure(self, split: Split) -> None:
        """Show the mistakes that the network is surest of: their labels may be wrong."""
        self._choose(split, confidence=(0.9, 2.0), order=SortBy.CONFIDENCE)
        self._cell, self._cell_text = None, ""
        self._fill()

    def _choose(
        self, split: Split, confidence: tuple[float, float] | None = None, order: SortBy | None = None
    ) -> None:
        """Set what is chosen on top, without listing anything yet."""
        chosen = [(self.split, split), (self.kind, None), (self.name, None), (self.confidence, confidence)]
        for box, data in [*chosen, (self.order, order or self.order.currentData())]:
            box.blockSignals(True)
            box.setCurrentIndex(
                max(0, next((at for at in range(box.count()) if box.itemData(at) == data), 0))
            )
            box.blockSignals(False)

    def current(self) -> Mistake | None:
        """The mistake of the current row."""
        row = self.table.currentIndex().row()
        return self.model.rows[row] if 0 <= row < len(self.model.rows) else None

    def step(self, by: int = 1) -> bool:
        """On to the next (1) or previous (-1) row that is not mended; returns whether there is one."""
        row = self.table.currentIndex().row() + by
        while 0 <= row < len(self.model.rows):
            if self.model.rows[row] not in self.model.mended:
                self.table.selectRow(row)
                return True
            row += by
        return False

    def place(self) -> tuple[int, int]:
        """Number of the current row, from 1, and how many there are."""
        return self.table.currentIndex().row() + 1, len(self.model.rows)

    def show_mended(self, mended: frozenset[Mistake]) -> None:
        """Mark what the labels of now make no mistake any more."""
        if mended == self.model.mended:
            return
        if self.open_only.isChecked():
            self.model.mended = mended
            self._fill()
        else:
            self.model.show_mended(mended)
            self._count()

    def shut_down(self) -> None:
        """End the thread of the crops, and what the network looks at."""
        self.training.stop()
        self.crops.shut_down()

    def _choice_changed(self, *_: object) -> None:
        if self.sender() not in (self.order, self.open_only):
            self._cell, self._cell_text = None, ""
        self._fill()

    def _show(self) -> None:
        results = self.evaluated.results
        self._cell, self._cell_text = None, ""
        self.model.mended = frozenset()
        self.crops.forget()
        # Mistakes on validation first: labels that are mended for test make its number too good.
        chosen, name = self.split.currentData() or Split.VAL, self.name.currentData()
        for box in (self.split, self.name):
            box.blockSignals(True)
            box.clear()
        self.name.addItem(tr("all classes"), None)
        if results is not None:
            for split, text in _splits(results):
                self.split.addItem(text, split)
            for each in results.evaluation.class_names:
                self.name.addItem(each, each)
        for box, data in ((self.split, chosen), (self.name, name)):
            box.setCurrentIndex(max(0, box.findData(data)))
            box.blockSignals(False)
        self._fill()
        if results is not None:
            self.mended_wanted.emit()

    def _fill(self) -> None:
        results, split = self.evaluated.results, self.split.currentData()
        unseen = results is not None and split is Split.TRAIN and split not in results.analyses
        self.training.setVisible(unseen or self.training.is_running)
        if results is None or split not in results.analyses:
            self.model.show([], ())
            text = tr("Evaluate the run first (in Numbers): what it gets wrong is listed here.")
            if unseen:
                text = self.training.why()
            elif results is not None:
                text = tr("Pictures or labels were changed since: evaluate again to see curves and mistakes.")
            self.count.setText(text)
            self._enable()
            return
        before, at = self.current(), self.table.currentIndex().row()
        kind, name = self.kind.currentData(), self.name.currentData()
        kinds = frozenset({kind}) if kind is not None else None
        wanted = self._cell or MistakeFilter(kinds=kinds, confidence=self.confidence.currentData())
        left_out = self.model.mended if self.open_only.isChecked() else frozenset()
        shown = [
            one
            for one in results.analyses[split].mistakes
            if wanted.accepts(one) and (name is None or of_class(one, name)) and one not in left_out
        ]
        places = [
            (
                image.path_in(results.run),
                {(False, at): box.xyxy for at, box in enumerate(image.truths)}
                | {(True, at): box.xyxy for at, box in enumerate(image.predictions)},
            )
            for image in results.images(split)
        ]
        rows = sorted_mistakes(shown, self.order.currentData())
        self.model.show(rows, places)
        self._count()
        if rows:
            # The one that was looked at stays; where it is gone, the next has taken its place.
            gone = min(at, len(rows) - 1) if before in left_out else 0
            self.table.selectRow(rows.index(before) if before in rows else max(0, gone))
            self.table.scrollTo(self.table.currentIndex())
        self._enable()

    def _count(self) -> None:
        """How many rows there are, and of which labels."""
        results, rows = self.evaluated.results, self.model.rows
        text = self._cell_text or tr_n("{n} mistake", "{n} mistakes", len(rows))
        if not rows and not self._cell_text:
            text = tr("There is no mistake of this kind.")
        mended = sum(one in self.model.mended for one in rows)
        if mended:
            text += " · " + tr_n("{n} mended", "{n} mended", mended)
        if results is not None and self.split.currentData() in results.evaluation.outdated:
            text += " · " + tr("as measured, with the labels of then: evaluate again to count those of now")
        self.count.setText(text)

    def _enable(self) -> None:
        current = self.current()
        self.go.setEnabled(current is not None)
        self.accept.setEnabled(current is not None and current.kind is not Kind.TWICE)
        self.all.setEnabled(bool(self.model.rows))

    def _emit(self, signal: pyqtSignal) -> None:
        current = self.current()
        if current is not None:
            signal.emit(self.split.currentData(), current)

    def _show_pictures(self) -> None:
        results, split = self.evaluated.results, self.split.currentData()
        if results is not None and self.model.rows:
            images = results.images(split)
            entries = [images[index].image for index in sorted({one.image for one in self.model.rows})]
            self.pictures_wanted.emit(entries, self._cell_text or self.count.text())


def _splits(results: Results) -> list[tuple[Split, str]]:
    """What can be chosen; the training pictures also before the network has looked at them."""
    texts = {Split.TEST: tr("on test"), Split.VAL: tr("on validation"), Split.TRAIN: tr("on training")}
    return [
        (split, text) for split, text in texts.items() if split in results.analyses or split is Split.TRAIN
    ]


def kind_text(kind: Kind) -> str:
    """A kind of mistake in the person's language."""
    return {
        Kind.MISSED: tr("missed"),
        Kind.WRONG_CLASS: tr("wrong class"),
        Kind.TWICE: tr("seen twice"),
        Kind.LOOSE: tr("does not fit"),
        Kind.BACKGROUND: tr("nothing there"),
    }[kind]


def what_text(mistake: Mistake) -> str:
    """What happened, with the classes."""
    if mistake.kind is Kind.WRONG_CLASS:
        return tr("{name} taken for {other}", name=mistake.true_label, other=mistake.label)
    if mistake.kind is Kind.MISSED:
        return tr("{name} not found", name=mistake.true_label)
    return tr("{name} seen", name=mistake.label)
