"""Going from finding to finding on the labelling page, and mending there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject

from annotator import messages
from annotator.core.finding_fixes import ONE_RIGHT_ANSWER
from annotator.core.findings import SAID_ANYWAY, Finding
from annotator.qt.entry import LABELLING, SET, Entry
from annotator.qt.finding_notice import FindingNotice
from annotator.qt.translation import tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


class Visits(QObject):
    """Shows findings on the canvas of a window."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._page = window.findings
        self._mark: str | None = None
        self._place = 0
        self._told: frozenset[str] = frozenset()
        self._zoom_to: tuple[str, int] | None = None
        self._page.go_wanted.connect(self.go)
        self._page.read_again_wanted.connect(window.opening.read_again)
        self._page.checker.changed.connect(self._tell)
        window.loader.loaded.connect(self._loaded)
        self.notice = FindingNotice(window)

    def go(self, finding: Finding) -> None:
        """Show a finding: its picture, with its box selected and large."""
        project, label = self._window.project, self._window.label
        key = finding.key
        if project is None or key is None or key not in project.session:
            return
        rows = self._list()
        self._mark = finding.mark
        self._place = next((place for place, one in enumerate(rows) if one.mark == finding.mark), 0)
        self._window.show_page("label")
        label.reveal(key)
        index = finding.issue.box
        boxes = project.session.image(key).boxes
        if index is None or index >= len(boxes):
            return
        label.canvas.select(frozenset({index}))
        if label.canvas.has_picture:
            label.canvas.zoom_to_selected()
        else:
            self._zoom_to = (str(project.session.image(key).path), index)

    def stays(self) -> bool:
        """Whether an undo is followed in the table: it shows what comes back."""
        return self._window.tabs.currentWidget() is self._page

    def _tell(self) -> None:
        """The list of pictures marks those with findings."""
        project = self._window.project
        if project is None:
            return
        shown = self._page.shown()
        keys = frozenset(
            one.key
            for one in shown
            if one.key is not None and one.key in project.session and one.code not in SAID_ANYWAY
        )
        if keys != self._told:
            self._told = keys
            self._window.label.images.set_findings(keys)

    def step(self, by: int) -> None:
        """On to the next (1) or previous (-1) finding that is about a picture."""
        rows = self._list()
        if not rows:
            messages.info(tr("There are no findings about pictures."))
            return
        place = next((place for place, one in enumerate(rows) if one.mark == self._mark), None)
        # What was shown last is mended by now: what has taken its place is the next.
        target = self._place - (by < 0) if place is None else place + by
        if self._mark is None:
            target = self._from_picture(rows, by)
        if not 0 <= target < len(rows):
            messages.info(tr("That was the last finding: on with the first.") if by > 0
                          else tr("That was the first finding: on with the last."))  # fmt: skip
            target %= len(rows)
        self.go(rows[target])
        self._window.statusBar().showMessage(
            tr("Finding {number} of {count}: {what}", number=target + 1, count=len(rows),
               what=rows[target].issue.message), 8000)  # fmt: skip

    def mend_here(self) -> None:
        """Mend what has one right answer in the picture that is shown."""
        window = self._window
        findings, key = self._page.checker.findings, window.label.key
        if window.project is None or findings is None or key is None:
            return
        right = [one for one in findings.of(key) if one.code in ONE_RIGHT_ANSWER]
        if right:
            self._page.mender.mend(window.project, right, None, ask=False)
        else:
            messages.info(tr("There is nothing in this picture that has one right answer."))

    def _list(self) -> list[Finding]:
        """Findings about pictures that are there, in the order of the table."""
        project = self._window.project
        if project is None:
            return []
        shown = self._page.shown()
        marks = {one.mark for one in shown}
        ordered = [one for one in self._page.model.rows if one.mark in marks] or shown
        return [one for one in ordered if one.key is not None and one.key in project.session]

    def _from_picture(self, rows: list[Finding], by: int) -> int:
        """The first finding at or behind the picture that is shown (or before it)."""
        window = self._window
        if window.project is None or window.label.key is None:
            return 0
        position = window.project.session.position
        here = position(window.label.key)
        places = [position(one.key) if one.key is not None else -1 for one in rows]
        if by > 0:
            return next((row for row, place in enumerate(places) if place >= here), 0)
        return next((row for row in reversed(range(len(rows))) if places[row] <= here), len(rows) - 1)

    def _loaded(self, path: str, _: object) -> None:
        if self._zoom_to is None or self._zoom_to[0] != path:
            return
        canvas = self._window.label.canvas
        if canvas.selected == frozenset({self._zoom_to[1]}):
            canvas.zoom_to_selected()
        self._zoom_to = None


def visit_entries(window: MainWindow) -> list[Entry]:
    """The actions that lead through the findings."""
    return [
        Entry("next_finding", tr("Next finding"), ("F8",), "Go", lambda: window.visits.step(1), SET,
              separated=True),
        Entry("previous_finding", tr("Previous finding"), ("Shift+F8",), "Go",
              lambda: window.visits.step(-1), SET),
        Entry("mend_here", tr("Fix what was found in this picture"), ("Ctrl+.",), "Edit",
              lambda: window.visits.mend_here(), LABELLING),
        Entry("finding_notice", tr("Notice of findings on the picture"), (), "View",
              lambda: window.visits.notice.toggle(), SET,
              checked=lambda: window.visits.notice.is_on()),
    ]  # fmt: skip
