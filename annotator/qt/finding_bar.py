"""Below the table of findings: the chosen one in full, and what can be done about it."""

from __future__ import annotations

from collections.abc import Sequence

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QHBoxLayout, QLabel, QMenu, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from annotator.core.finding_files import FileWay
from annotator.core.finding_fixes import Way, ways_for
from annotator.core.findings import PAIR_CODES, Finding
from annotator.qt.finding_texts import advice, counted_findings, file_way_tip, file_way_title, way_title
from annotator.qt.translation import tr


class FindingBar(QWidget):
    """Says what is chosen and offers what fits it.

    Signals:
        way_wanted: The way in which the selected findings are to be mended.
        all_wanted: The same for all that are listed.
        file_wanted: What is to be done about the label file of the selected finding.
    """

    way_wanted = pyqtSignal(object)
    all_wanted = pyqtSignal(object)
    file_wanted = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.text.setTextFormat(Qt.PlainText)
        self.text.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.text.setMinimumHeight(3 * self.fontMetrics().lineSpacing())
        self.text.setAlignment(Qt.AlignTop | Qt.AlignLeft)
        # A long path wraps nowhere: it must not make the window wider.
        self.text.setSizePolicy(QSizePolicy.Ignored, QSizePolicy.Preferred)
        self.go = QPushButton(tr("Go there"))
        self.go.setToolTip(tr("Show it on the labelling page (Enter). F8 goes on to the next from there."))
        self.dismiss = QPushButton(tr("This is right"))
        self.compare = QPushButton(tr("Side by side…"))
        self.compare.setToolTip(tr("Both pictures with their boxes"))
        self.all = QPushButton(tr("Fix all…"))
        self.all.setToolTip(tr("Mend all that are listed; what will happen is said before"))
        self._menu = QMenu(self.all)
        self.all.setMenu(self._menu)
        self._ways = QHBoxLayout()
        self._ways.setSpacing(6)
        buttons = QHBoxLayout()
        for button in (self.go, self.compare):
            buttons.addWidget(button)
        buttons.addLayout(self._ways)
        buttons.addStretch(1)
        buttons.addWidget(self.all)
        buttons.addWidget(self.dismiss)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.text)
        column.addLayout(buttons)
        self._offered: tuple[object, ...] | None = None
        for button in (self.go, self.compare, self.all, self.dismiss):
            button.setFocusPolicy(Qt.NoFocus)

    def show_findings(
        self,
        chosen: Sequence[Finding],
        listed: Sequence[Finding],
        files: Sequence[FileWay],
        *,
        dismissed: bool,
    ) -> None:
        """Offer what fits.

        Args:
            chosen: The selected findings.
            listed: All in the table.
            files: What can be done about the label files of the chosen ones.
            dismissed: Whether these are the ones that were dismissed.
        """
        self.text.setText(_text(chosen))
        self.go.setEnabled(bool(chosen))
        self.dismiss.setEnabled(bool(chosen))
        self.dismiss.setText(tr("Show again") if dismissed else tr("This is right"))
        self.dismiss.setToolTip(
            tr("List it again (R)")
            if dismissed
            else tr("Do not list it any more, unless it changes (R); it can be brought back")
        )
        self.compare.setVisible(len(chosen) == 1 and chosen[0].code in PAIR_CODES)
        ways = () if dismissed else ways_for(chosen)
        self._offer(ways, () if dismissed else files)
        every = () if dismissed or len({one.code for one in listed}) != 1 else ways_for(listed)
        self._menu.clear()
        for way in every:
            text = tr("{way}: all {number}", way=way_title(way), number=f"{len(listed):,}")
            self._menu.addAction(text, lambda way=way: self.all_wanted.emit(way))
        self.all.setVisible(bool(every))

    def likeliest(self, findings: Sequence[Finding]) -> Way | None:
        """The way in which these are mended most likely, or None."""
        return next(iter(ways_for(findings)), None)

    def _offer(self, ways: Sequence[Way], files: Sequence[FileWay]) -> None:
        """A button for each way; the same ones stay where they are."""
        offered = (tuple(ways), tuple(files))
        if offered == self._offered:
            return
        self._offered = offered
        while self._ways.count():
            item = self._ways.takeAt(0)
            if item.widget() is not None:
                item.widget().deleteLater()
        for number, way in enumerate(ways):
            button = QPushButton(way_title(way))
            if number == 0:
                button.setToolTip(tr("Undoable (Ctrl+Enter)"))
            button.clicked.connect(lambda checked=False, way=way: self.way_wanted.emit(way))
            button.setFocusPolicy(Qt.NoFocus)
            self._ways.addWidget(button)
        for what in files:
            button = QPushButton(file_way_title(what))
            button.setToolTip(file_way_tip(what))
            button.clicked.connect(lambda checked=False, what=what: self.file_wanted.emit(what))
            button.setFocusPolicy(Qt.NoFocus)
            self._ways.addWidget(button)


def _text(chosen: Sequence[Finding]) -> str:
    if not chosen:
        return ""
    if len(chosen) > 1:
        return tr("{findings} selected.", findings=counted_findings(len(chosen)))
    issue = chosen[0].issue
    where = f"{issue.path}:{issue.line}" if issue.line is not None else str(issue.path or "")
    return "\n".join(filter(None, (where, issue.message, issue.hint or advice(issue.code))))
