"""Carrying out fixes: what will happen is said before, and everything can be undone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject
from PyQt5.QtWidgets import QMessageBox, QWidget

from annotator import messages
from annotator.core.finding_fixes import Mending, Way, keep_which, mend, removing
from annotator.core.findings import Finding
from annotator.core.project import Project
from annotator.qt.finding_texts import counted_findings, way_title, what_happens
from annotator.qt.translation import tr
from annotator.qt.undo import UndoStack
from converters.errors import DataError

if TYPE_CHECKING:
    from annotator.qt.dialogs.twins import Choice


class Mender(QObject):
    """Mends findings of the open set by edits."""

    def __init__(self, page: QWidget, undo_stack: UndoStack) -> None:
        super().__init__(page)
        self._page = page
        self._undo_stack = undo_stack

    def mend(
        self, project: Project, findings: Sequence[Finding], way: Way | None, *, ask: bool
    ) -> Mending | None:
        """Mend findings as one step that can be undone.

        Args:
            project: The open set.
            findings: What is to be mended.
            way: How; None: each by its one right answer, where it has one.
            ask: Say before what will happen, and ask.

        Returns:
            What was done; None: nothing was.
        """
        if way is Way.REMOVE_PICTURE and len(findings) == 1:
            self.compare(project, findings[0])
            return None
        try:
            mending = mend(project.session, findings, way)
        except DataError as error:
            messages.error(str(error))
            return None
        if not mending.does_something:
            messages.info(tr("Nothing can be mended in this way."))
            return None
        if ask and not self._agreed(mending, way):
            return None
        return mending if self._carry_out(project, mending) else None

    def compare(self, project: Project, finding: Finding) -> None:
        """Show two pictures that show the same side by side, and do what the person chooses."""
        from annotator.qt.dialogs.twins import ask_which

        session, issue = project.session, finding.issue
        first, second = issue.other_key, issue.key
        if first is None or second is None or first not in session or second not in session:
            return
        kept = keep_which(session, (first, second))
        choice = ask_which(self._page.window(), session, first, second, kept)
        if choice is not None:
            self._chosen(project, finding, first, second, choice)

    def _chosen(self, project: Project, finding: Finding, first: str, second: str, choice: Choice) -> None:
        session = project.session
        try:
            if choice.remove is not None:
                self._carry_out(project, removing(session, [choice.remove], [finding]))
            elif choice.boxes_of is not None:
                from annotator.core.finding_fixes import copy_boxes

                target = second if choice.boxes_of == first else first
                self._carry_out(project, copy_boxes(session, choice.boxes_of, target, finding))
        except DataError as error:
            messages.error(str(error))

    def _carry_out(self, project: Project, mending: Mending) -> bool:
        for edit in mending.edits:
            if not self._undo_stack.push(edit):
                return False
        if mending.empty:
            try:
                project.session.set_empty_on_purpose(mending.empty)
            except DataError as error:
                messages.error(str(error))
                return False
        messages.info(tr("Done: {what} Ctrl+Z takes it back.", what=what_happens(mending)))
        return True

    def _agreed(self, mending: Mending, way: Way | None) -> bool:
        """Say exactly what will happen; whether the person agrees."""
        box = QMessageBox(self._page.window())
        box.setIcon(QMessageBox.Question)
        box.setWindowTitle(tr("Fix"))
        findings = counted_findings(len(mending.mended))
        if way is None:
            box.setText(tr("Fix {findings}, each by its one right answer?", findings=findings))
        else:
            box.setText(tr("{way}: {findings}?", way=way_title(way), findings=findings))
        box.setInformativeText(what_happens(mending) + " " + tr("It is one step, which Ctrl+Z takes back."))
        if mending.removed:
            box.setDetailedText("\n".join(mending.removed))
        agree = box.addButton(tr("Fix"), QMessageBox.AcceptRole)
        box.addButton(tr("Cancel"), QMessageBox.RejectRole)
        box.setDefaultButton(agree)
        box.exec_()
        return box.clickedButton() is agree
