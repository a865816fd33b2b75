"""The findings page: what may be wrong with the set as it is now, and mending it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSplitter,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.finding_files import FileWay, file_ways, is_text
from annotator.core.finding_fixes import Mending, Way
from annotator.core.findings import Finding
from annotator.core.project import Project
from annotator.qt.checking import Checker
from annotator.qt.entry import SET, Entry
from annotator.qt.file_mending import FileMender
from annotator.qt.finding_bar import FindingBar
from annotator.qt.finding_crops import Crops
from annotator.qt.finding_table import CROP, FindingsModel, FindingsTable
from annotator.qt.finding_texts import counted_findings, kind_title, what_was_checked
from annotator.qt.mending import Mender
from annotator.qt.opening import LEFT_OUT
from annotator.qt.pages.page import PlainPage
from annotator.qt.translation import numbers, tr, tr_n
from annotator.qt.undo import UndoStack
from converters.checks import CheckOptions

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

ALL, DISMISSED = "", "*dismissed"
NETWORK = "findings_network"
"""Setting: side of the network's input for which tiny boxes are told; 0: none."""
SIDES = (0, 320, 416, 512, 608)
COMPARE_AT_ONCE = 3_000
"""So many pictures are compared as soon as the page is looked at; of more only when it is asked for."""


class FindingsPage(PlainPage):
    """A table of what was found, by kind.

    Signals:
        go_wanted: A finding to be looked at on the labelling page.
        read_again_wanted: A label file was mended: the set has to be read again, at this picture.
    """

    go_wanted = pyqtSignal(object)
    read_again_wanted = pyqtSignal(object)

    def __init__(self, undo_stack: UndoStack, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.checker = Checker(self)
        self.crops = Crops(CROP, self)
        self.model = FindingsModel(self.crops, self)
        self.table = FindingsTable(self.model)
        self.kinds = QListWidget()
        self.bar = FindingBar()
        self.mender = Mender(self, undo_stack)
        self.files = FileMender(self)
        self._kind = ALL
        self._compare_when_checked = False
        self._build()
        self._connect()

    def _build(self) -> None:
        self.status = QLabel()
        self.status.setWordWrap(True)
        self.progress = QProgressBar()
        self.progress.setTextVisible(False)
        self.progress.setMaximumHeight(self.fontMetrics().height())
        self.cancel = QPushButton(tr("Cancel"))
        self.compare = QPushButton(tr("Compare the pictures"))
        self.compare.setToolTip(tr("Decode every picture once and find those that show the same"))
        self.network = QComboBox()
        self.network.setToolTip(tr("Also list boxes under 8 px at this size of the network"))
        for side in SIDES:
            self.network.addItem(tr("Network {size}", size=side) if side else tr("No network"), side)
        top = QHBoxLayout()
        for widget, stretch in (
            (self.status, 3),
            (self.progress, 1),
            (self.cancel, 0),
            (self.compare, 0),
            (self.network, 0),
        ):
            top.addWidget(widget, stretch)
        self.nothing = QLabel()
        self.nothing.setAlignment(Qt.AlignCenter)
        self.nothing.setWordWrap(True)
        self.pile = QStackedWidget()
        self.pile.addWidget(self.table)
        self.pile.addWidget(self.nothing)
        right = QWidget()
        column = QVBoxLayout(right)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.pile, 1)
        column.addWidget(self.bar)
        self.kinds.setTextElideMode(Qt.ElideMiddle)
        self.kinds.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        splitter = QSplitter(Qt.Horizontal)
        splitter.addWidget(self.kinds)
        splitter.addWidget(right)
        splitter.setStretchFactor(1, 1)
        splitter.setChildrenCollapsible(False)
        em = self.fontMetrics().horizontalAdvance("n")
        splitter.setSizes([32 * em, 100 * em])
        column = QVBoxLayout(self)
        column.setContentsMargins(10, 8, 10, 8)
        column.addLayout(top)
        column.addWidget(splitter, 1)

    def _connect(self) -> None:
        self.checker.changed.connect(self._show)
        self.checker.progressed.connect(self._show_progress)
        self.checker.failed.connect(messages.error)
        self.cancel.clicked.connect(self.checker.cancel)
        self.compare.clicked.connect(self._compare)
        self.network.activated.connect(self._network_chosen)
        self.kinds.currentItemChanged.connect(self._kind_chosen)
        self.kinds.itemActivated.connect(lambda _: self.table.setFocus())
        self.table.chosen.connect(self._show_bar)
        self.table.activated_row.connect(self.go)
        self.bar.go.clicked.connect(self.go)
        self.bar.way_wanted.connect(self.mend)
        self.bar.all_wanted.connect(self.mend_all)
        self.bar.dismiss.clicked.connect(self.dismiss)
        self.bar.compare.clicked.connect(self._compare_two)
        self.bar.file_wanted.connect(self._file)
        self.files.read_again_wanted.connect(self.read_again_wanted)

    # The set

    def set_project(self, project: Project) -> None:
        self.crops.forget()
        self._kind = ALL
        self._compare_when_checked = False
        side = project.settings.get(NETWORK, 416)
        index = self.network.findData(side)
        self.network.setCurrentIndex(max(index, 0))
        self.checker.set_project(project, self._options())
        super().set_project(project)

    def refresh(self) -> None:
        if self.isVisible() and self.project is not None:
            messages.settle(LEFT_OUT)  # it is listed here, and the bar would lie over the buttons
            self._compare_when_checked = len(self.project.session.keys) <= COMPARE_AT_ONCE
            self._compare_if_wanted()
            self.table.setFocus()
        self._show()

    def stop(self) -> None:
        self.checker.shut_down()
        self.crops.shut_down()

    def entries(self, window: MainWindow) -> list[Entry]:
        """The actions of this page, and those that lead through its list from the canvas."""
        here = "findings"
        from annotator.qt.finding_visits import visit_entries

        return [
            Entry("mend", tr("Fix the selected findings"), ("Ctrl+Return",), "Edit", self.mend, here),
            Entry("mend_all", tr("Fix all that have one right answer…"), (), "Edit", self.mend_right, SET),
            Entry("dismiss", tr("This finding is right as it is"), ("R",), "Edit", self.dismiss, here),
            Entry("bring_back_files", tr("Bring back the label files mended last"), (), "Edit",
                  self.bring_back_files, SET),
            *visit_entries(window),
        ]  # fmt: skip

    # What is shown

    def shown(self) -> list[Finding]:
        """What is to be looked at: not dismissed, of every kind."""
        findings = self.checker.findings
        if findings is None:
            return []
        return [one for one in self.checker.listed() if one not in findings.dismissed]

    def _rows(self) -> list[Finding]:
        findings = self.checker.findings
        if findings is None:
            return []
        if self._kind == DISMISSED:
            return [one for one in self.checker.listed() if one in findings.dismissed]
        return [one for one in self.shown() if self._kind in (ALL, one.code)]

    def _show(self) -> None:
        self._compare_if_wanted()
        if not self.isVisible():
            return
        self._show_status()
        self._show_kinds()
        rows = self._rows()
        session = self.project.session if self.project is not None else None
        at = self.table.currentIndex().row()
        marks = [one.mark for one in self.table.selected()]
        self.model.show(session, rows)
        place = {one.mark: row for row, one in enumerate(self.model.rows)}
        # The row that was worked on stays; where it is mended, what has taken its place.
        self.table.choose(next((place[mark] for mark in marks if mark in place), max(at, 0)))
        self.pile.setCurrentWidget(self.table if rows else self.nothing)
        self._show_nothing()
        self._show_bar()

    def _show_status(self) -> None:
        checker = self.checker
        running = checker.is_checking or checker.is_comparing
        for widget in (self.progress, self.cancel):
            widget.setVisible(running)
        compared = checker.findings is not None and checker.findings.is_compared
        self.compare.setVisible(not running and not compared)
        number = len(self.shown())
        if checker.is_checking:
            text = tr("Looking at boxes, classes and label files…")
        elif checker.is_comparing:
            text = tr("{findings}. Comparing the pictures…", findings=counted_findings(number))
        elif checker.findings is not None and not checker.findings.is_checked:
            text = tr("Not checked.") if checker.was_cancelled else ""
        else:
            text = tr("{findings}.", findings=counted_findings(number))
            if not compared:
                text += " " + tr("The pictures have not been compared with each other.")
        self.status.setText(text)
        if not running:
            self.progress.setRange(0, 0)

    def _show_progress(self, done: int, total: int) -> None:
        self.progress.setRange(0, total)
        self.progress.setValue(done)

    def _show_kinds(self) -> None:
        shown = self.shown()
        counts = Counter(one.code for one in shown)
        errors = {one.code for one in shown if one.is_error}
        gone = len(self.checker.listed()) - len(shown)
        rows = [(ALL, tr("All"), len(shown))]
        ranked = sorted(counts, key=lambda code: (code not in errors, kind_title(code)))
        rows += [(code, kind_title(code), counts[code]) for code in ranked]
        if self._kind not in (ALL, DISMISSED) and self._kind not in counts:
            # What was worked on is all done; it stays until the person goes elsewhere.
            rows.append((self._kind, kind_title(self._kind), 0))
        if gone or self._kind == DISMISSED:
            rows.append((DISMISSED, tr("Right as they are"), gone))
        self.kinds.blockSignals(True)
        self.kinds.clear()
        for code, title, number in rows:
            item = QListWidgetItem(f"{title}  ({numbers(f'{number:,}')})")
            item.setData(Qt.UserRole, code)
            item.setToolTip(code if code not in (ALL, DISMISSED) else title)
            if code in errors:
                font = item.font()
                font.setBold(True)
                item.setFont(font)
            self.kinds.addItem(item)
            if code == self._kind:
                self.kinds.setCurrentItem(item)
        self.kinds.blockSignals(False)

    def _show_nothing(self) -> None:
        findings = self.checker.findings
        if findings is None or not findings.is_checked:
            self.nothing.setText(tr("Looking…") if self.checker.is_checking else "")
            return
        if self._kind == DISMISSED or (self._kind != ALL and self.shown()):
            self.nothing.setText(tr("Nothing of this kind is left."))
            return
        size = findings.options.network_size
        network = f"{size[0]} × {size[1]}" if size else ""
        lines = what_was_checked(compared=findings.is_compared, network=network)
        self.nothing.setText("\n".join([tr("Nothing found. What was looked at:"), "", *lines]))

    def _show_bar(self) -> None:
        chosen = self.table.selected()
        files: tuple[FileWay, ...] = ()
        if chosen and self.project is not None:
            offered = [file_ways(self.project.session, one) for one in chosen]
            files = tuple(way for way in offered[0] if all(way in other for other in offered))
            if len({one.issue.path for one in chosen}) > 1:
                files = tuple(way for way in files if way not in (FileWay.TEXT, FileWay.SYSTEM))
        self.bar.show_findings(chosen, self.model.rows, files, dismissed=self._kind == DISMISSED)

    def _kind_chosen(self, item: QListWidgetItem | None) -> None:
        if item is not None and item.data(Qt.UserRole) != self._kind:
            self._kind = item.data(Qt.UserRole)
            self.table.scrollToTop()
            self.model.show(None, ())
            self._show()

    # What is done

    def go(self) -> None:
        """Look at the chosen finding on the labelling page; a label file is shown as text."""
        chosen = self.table.selected()
        if not chosen or self.project is None:
            return
        one = chosen[0]
        if one.key is not None and one.key in self.project.session:
            self.go_wanted.emit(one)
        elif is_text(one):
            self._file(FileWay.TEXT)
        else:
            messages.info(str(one.issue))

    def mend(self, way: Way | None = None) -> None:
        """Mend the selected findings; without a way by the likeliest."""
        self._mend(self.table.selected(), way)

    def mend_all(self, way: Way) -> None:
        """Mend all findings that the table shows, in one way."""
        self._mend(list(self.model.rows), way, ask=True)

    def mend_right(self) -> None:
        """Mend everything that has one right answer."""
        if self.project is not None:
            self.mender.mend(self.project, self.shown(), None, ask=True)

    def _mend(self, findings: Sequence[Finding], way: Way | None, *, ask: bool = False) -> None:
        if self.project is None or not findings or self._kind == DISMISSED:
            return
        way = way or self.bar.likeliest(findings)
        if way is None:
            messages.info(tr("These findings cannot be mended together in one way: choose one kind."))
            return
        done: Mending | None = self.mender.mend(self.project, findings, way, ask=ask or len(findings) > 1)
        if done is not None and done.left:
            messages.info(
                tr_n(
                    "{n} finding could not be mended so.",
                    "{n} findings could not be mended so.",
                    len(done.left),
                )
            )

    def dismiss(self) -> None:
        """The selected findings are right as they are (or are shown again)."""
        chosen = self.table.selected()
        if self._kind == DISMISSED:
            self.checker.bring_back(chosen)
        else:
            self.checker.dismiss(chosen)

    def _compare_two(self) -> None:
        chosen = self.table.selected()
        if chosen and self.project is not None:
            self.mender.compare(self.project, chosen[0])

    def _file(self, way: FileWay) -> None:
        chosen = self.table.selected()
        if chosen and self.project is not None:
            self.files.mend(self.project, chosen, way)

    def bring_back_files(self) -> None:
        """Bring back the originals of the label files that were mended last."""
        if self.project is not None:
            self.files.bring_back(self.project)

    # Looking

    def _compare(self) -> None:
        self._compare_when_checked = False
        self.checker.compare()

    def _compare_if_wanted(self) -> None:
        findings = self.checker.findings
        if (
            self._compare_when_checked
            and findings is not None
            and findings.is_checked
            and not findings.is_compared
            and not self.checker.was_cancelled
            and not self.checker.is_checking
            and not self.checker.is_comparing
        ):
            self._compare()

    def _network_chosen(self) -> None:
        if self.project is not None:
            self.project.settings.set(NETWORK, self.network.currentData())
            self.checker.set_options(self._options())

    def _options(self) -> CheckOptions:
        side = self.network.currentData() or 0
        return CheckOptions((side, side) if side else None)
