"""The table of findings: a model that holds thousands of rows, and the view over it."""

from __future__ import annotations

from collections.abc import Sequence

from natsort import natsort_keygen
from PyQt5.QtCore import QAbstractTableModel, QModelIndex, QSize, Qt, pyqtSignal
from PyQt5.QtGui import QFontMetrics, QKeyEvent, QPixmap
from PyQt5.QtWidgets import QAbstractItemView, QApplication, QHeaderView, QStyle, QTableView, QWidget

from annotator.core.findings import PAIR_CODES, Finding
from annotator.core.session import Session
from annotator.qt.finding_crops import Crops
from annotator.qt.finding_texts import advice, kind_title, what
from annotator.qt.translation import tr
from converters.model import Xyxy

SPOT, KIND, PICTURE, WHAT = range(4)
FINDING_ROLE = Qt.UserRole
CROP = QSize(80, 54)


class FindingsModel(QAbstractTableModel):
    """One row a finding."""

    def __init__(self, crops: Crops, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.rows: list[Finding] = []
        self._session: Session | None = None
        self._crops = crops
        self._sorted_by = (-1, Qt.AscendingOrder)
        self._icons: dict[bool, object] = {}
        crops.arrived.connect(self._crop_arrived)

    def show(self, session: Session | None, rows: Sequence[Finding]) -> None:
        """Show other rows."""
        self.beginResetModel()
        self._session = session
        self.rows = self._sorted(rows)
        self.endResetModel()

    def rowCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else 4

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.DisplayRole) -> object:
        if orientation == Qt.Horizontal and role == Qt.DisplayRole:
            return (tr("Spot"), tr("Kind"), tr("Picture or file"), tr("What"))[section]
        return None

    def data(self, index: QModelIndex, role: int = Qt.DisplayRole) -> object:
        if not index.isValid() or index.row() >= len(self.rows):
            return None
        finding, column = self.rows[index.row()], index.column()
        if role == FINDING_ROLE:
            return finding
        if role == Qt.DisplayRole:
            return self._text(finding, column)
        if role == Qt.DecorationRole:
            return self._crop(finding) if column == SPOT else self._icon(finding) if column == KIND else None
        if role == Qt.ToolTipRole:
            return self._tooltip(finding)
        if role == Qt.TextAlignmentRole and column == SPOT:
            return int(Qt.AlignCenter)
        return None

    def sort(self, column: int, order: Qt.SortOrder = Qt.AscendingOrder) -> None:
        self.layoutAboutToBeChanged.emit()
        before = [(index, self.rows[index.row()]) for index in self.persistentIndexList()]
        self._sorted_by = (column, order)
        self.rows = self._sorted(self.rows)
        places = {id(one): row for row, one in enumerate(self.rows)}
        for index, one in before:
            self.changePersistentIndex(index, self.index(places[id(one)], index.column()))
        self.layoutChanged.emit()

    def _sorted(self, rows: Sequence[Finding]) -> list[Finding]:
        column, order = self._sorted_by
        natural = natsort_keygen()
        if column == KIND:
            titles = {code: kind_title(code).casefold() for code in {one.code for one in rows}}
            return sorted(rows, key=lambda one: titles[one.code], reverse=order == Qt.DescendingOrder)
        if column == PICTURE:
            return sorted(rows, key=lambda one: natural(_place(one)), reverse=order == Qt.DescendingOrder)
        if column == WHAT:
            return sorted(rows, key=lambda one: natural(what(one)), reverse=order == Qt.DescendingOrder)
        return sorted(rows, key=lambda one: not one.is_error)  # stable: errors first

    def _text(self, finding: Finding, column: int) -> str:
        if column == KIND:
            return kind_title(finding.code)
        if column == PICTURE:
            return _place(finding)
        return what(finding) if column == WHAT else ""

    def _tooltip(self, finding: Finding) -> str:
        return "\n".join(filter(None, (str(finding.issue), advice(finding.code))))

    def _icon(self, finding: Finding) -> object:
        if finding.is_error not in self._icons:
            icon = QStyle.SP_MessageBoxCritical if finding.is_error else QStyle.SP_MessageBoxWarning
            side = round(1.3 * QFontMetrics(QApplication.font()).height())
            self._icons[finding.is_error] = QApplication.style().standardIcon(icon).pixmap(side, side)
        return self._icons[finding.is_error]

    def _crop(self, finding: Finding) -> QPixmap | None:
        session, key = self._session, finding.key
        if session is None or key is None or key not in session:
            return None
        xyxy: Xyxy | None = finding.box.xyxy if finding.box is not None else None
        if finding.code in PAIR_CODES:
            xyxy = None
        pixmap = self._crops.get(session.image(key).path, xyxy)
        return pixmap if pixmap is not None and not pixmap.isNull() else None

    def _crop_arrived(self) -> None:
        if self.rows:
            self.dataChanged.emit(
                self.index(0, SPOT), self.index(len(self.rows) - 1, SPOT), [Qt.DecorationRole]
            )


def _place(finding: Finding) -> str:
    issue = finding.issue
    if issue.path is None:
        return issue.key or ""
    return f"{issue.path.name}:{issue.line}" if issue.line is not None else issue.path.name


class FindingsTable(QTableView):
    """The view.

    Signals:
        activated_row: Enter or a double click: go there.
        chosen: Another row is the current one, or others are selected.
    """

    activated_row = pyqtSignal()
    chosen = pyqtSignal()

    def __init__(self, model: FindingsModel, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setModel(model)
        self.findings = model
        self.setSelectionBehavior(QAbstractItemView.SelectRows)
        self.setSelectionMode(QAbstractItemView.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.setWordWrap(True)
        self.setTextElideMode(Qt.ElideMiddle)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setTabKeyNavigation(False)
        self.setIconSize(CROP)
        self.setVerticalScrollMode(QAbstractItemView.ScrollPerPixel)
        self.verticalHeader().hide()
        self.verticalHeader().setSectionResizeMode(QHeaderView.Fixed)
        self.verticalHeader().setDefaultSectionSize(CROP.height() + 8)
        header = self.horizontalHeader()
        header.setHighlightSections(False)
        header.setSortIndicator(-1, Qt.AscendingOrder)
        header.setStretchLastSection(True)
        self.setSortingEnabled(True)
        em = self.fontMetrics().horizontalAdvance("n")
        for column, width in ((SPOT, CROP.width() + 14), (KIND, 25 * em), (PICTURE, 24 * em)):
            self.setColumnWidth(column, width)
        self.doubleClicked.connect(lambda _: self.activated_row.emit())
        self.selectionModel().selectionChanged.connect(lambda *_: self.chosen.emit())

    def selected(self) -> list[Finding]:
        """The selected findings, in their order."""
        rows = sorted(index.row() for index in self.selectionModel().selectedRows())
        return [self.findings.rows[row] for row in rows if row < len(self.findings.rows)]

    def choose(self, row: int) -> None:
        """Select a row (or the nearest there is), and scroll to it."""
        if self.findings.rows:
            index = self.findings.index(min(max(row, 0), len(self.findings.rows) - 1), KIND)
            self.setCurrentIndex(index)
            self.scrollTo(index)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key_Return, Qt.Key_Enter) and not event.modifiers() & ~Qt.KeypadModifier:
            self.activated_row.emit()
            return
        super().keyPressEvent(event)
