"""Keeps the list of findings up to date: the whole set in the background, an edited picture at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from PyQt5.QtCore import QObject, QTimer, pyqtSignal

from annotator.core.findings import Checked, Compared, Finding, Findings, check_all, compare_all, work_issues
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt.background import Task, Work
from converters.checks import CheckOptions
from converters.work import WorkFolder

BEGIN_AFTER = 400
"""Milliseconds after opening until the look begins: the first picture comes first."""
TELL_AFTER = 60
"""Milliseconds in which changes are collected before the list is made anew."""
WORK_AFTER = 1500
SLICE_S = 0.008
"""So long pictures are looked at before the window has its turn again."""


class Checker(QObject):
    """The findings of the open set.

    Signals:
        changed: The list is another one, or what is being done is.
        progressed: (done, total) of what is being done.
        failed: Why it failed.
    """

    changed = pyqtSignal()
    progressed = pyqtSignal(int, int)
    failed = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.findings: Findings | None = None
        self.is_checking = False
        self.is_comparing = False
        self.was_cancelled = False
        self._session: Session | None = None
        self._tasks: list[Task] = []
        self._running: Task | None = None
        self._stale: dict[str, None] = {}
        self._listed: list[Finding] | None = None
        self._has_changed = False
        self._begin_timer = _timer(self, BEGIN_AFTER, self.check)
        self._slice_timer = _timer(self, 0, self._look_at_some)
        self._tell_timer = _timer(self, TELL_AFTER, self._tell)
        self._work_timer = _timer(self, WORK_AFTER, self._look_at_work)

    # The set

    def set_project(self, project: Project, options: CheckOptions) -> None:
        """Look at another set, in a moment."""
        self.forget()
        session = self._session = project.session
        self.findings = Findings(session, options)
        session.listen(lambda key: self._edited(session, key))
        session.listen_to("images", lambda: self._images_changed(session))
        session.listen_to("classes", lambda: self._touched(session))
        session.listen_to("history", lambda: self._history_moved(session))
        self._begin_timer.start()
        self._touch()

    def forget(self) -> None:
        """No set is open: what is still running is ended and dropped."""
        for timer in (self._begin_timer, self._slice_timer, self._tell_timer, self._work_timer):
            timer.stop()
        self.cancel()
        self._running = None
        self.is_checking = self.is_comparing = self.was_cancelled = False
        self.findings = self._session = None
        self._stale.clear()
        self._listed = None

    def shut_down(self) -> None:
        """The window closes: wait for the threads."""
        self.forget()
        for task in tuple(self._tasks):
            task.cancel()
            task.wait()

    # Looking

    def check(self) -> None:
        """Look at every picture, in the background."""
        findings = self.findings
        if findings is None or self._running is not None:
            return
        self._stale.clear()
        snapshot = findings.snapshot()
        self.is_checking = True
        self._run(
            findings, lambda tell: check_all(snapshot, tell), lambda found: self._checked(findings, found)
        )

    def compare(self) -> None:
        """Compare all pictures with each other, in the background."""
        findings, session = self.findings, self._session
        if findings is None or session is None or self._running is not None:
            return
        dataset = session.dataset()

        def work(tell: Callable[[int, int], None]) -> tuple[Compared, tuple[object, ...]]:
            found = compare_all(dataset, tell)
            return found, work_issues(dataset, found.marks)

        self.is_comparing = True
        self._run(findings, work, lambda found: self._compared(findings, *found))

    def cancel(self) -> None:
        """End what is being done."""
        if self._running is not None:
            self.was_cancelled = True
            self._running.cancel()

    def set_options(self, options: CheckOptions) -> None:
        """Look for something else."""
        if self.findings is not None and self.findings.options != options:
            self.findings.options = options
            if self._running is None:
                self.check()

    def listed(self) -> list[Finding]:
        """Everything that was found, also what was dismissed."""
        if self._listed is None:
            self._listed = self.findings.all() if self.findings is not None else []
        return self._listed

    def dismiss(self, findings: Sequence[Finding]) -> None:
        """All is right with these."""
        if self.findings is not None:
            self.findings.dismissed.add(findings)
            self._tell()

    def bring_back(self, findings: Sequence[Finding]) -> None:
        """Show these again."""
        if self.findings is not None:
            self.findings.dismissed.bring_back(findings)
            self._tell()

    # Inside

    def _run(self, findings: Findings, work: Work, then: Callable[[object], None]) -> None:
        self.was_cancelled = False
        task = Task(work, self)
        self._tasks.append(task)
        task.progressed.connect(
            lambda done, total: self.progressed.emit(done, total) if self._running is task else None
        )
        task.succeeded.connect(lambda result: then(result) if self.findings is findings else None)
        task.failed.connect(lambda text: self.failed.emit(text) if self.findings is findings else None)
        task.finished.connect(lambda: self._ended(task))
        self._running = task.start()
        self.changed.emit()

    def _ended(self, task: Task) -> None:
        self._tasks.remove(task)
        task.deleteLater()
        if self._running is task:
            self._running = None
            self.is_checking = self.is_comparing = False
            if self.findings is not None and not self.findings.is_checked and not self.was_cancelled:
                self.check()
            self._touch()

    def _checked(self, findings: Findings, found: Checked) -> None:
        self._stale.update(dict.fromkeys(findings.adopt(found)))
        self._touch()
        self._slice_timer.start()

    def _compared(self, findings: Findings, found: Compared, work: tuple[object, ...]) -> None:
        findings.adopt_comparison(found)
        if work:
            findings.set_work(work)  # type: ignore[arg-type]
        self._touch()

    def _edited(self, session: Session, key: str) -> None:
        if session is self._session and self.findings is not None and self.findings.is_checked:
            self._stale[key] = None
            if not self._slice_timer.isActive():
                self._slice_timer.start()

    def _images_changed(self, session: Session) -> None:
        findings = self.findings
        if session is self._session and findings is not None and findings.is_checked:
            self._stale.update(dict.fromkeys(findings.missing()))
            self._slice_timer.start()
            self._touch()

    def _touched(self, session: Session) -> None:
        if session is self._session:
            self._touch()

    def _history_moved(self, session: Session) -> None:
        if session is self._session and WorkFolder(session.root).exists():
            self._work_timer.start()

    def _look_at_some(self) -> None:
        """Look at pictures that were edited; of very many some now, the others behind the window's turn."""
        if self.findings is None or self.is_checking:
            return
        begun = monotonic()
        while self._stale and monotonic() - begun < SLICE_S:
            key = next(iter(self._stale))
            del self._stale[key]
            if self.findings.look_at(key):
                self._has_changed = True
        if self._has_changed:
            self._touch()
        if self._stale:
            self._slice_timer.start()

    def _look_at_work(self) -> None:
        """A Darknet data set as such, after an edit: its split may be another one."""
        findings, session = self.findings, self._session
        if findings is None or session is None or not findings.is_checked or self._running is not None:
            return
        dataset, marks = session.dataset(), findings.marks

        def then(issues: object) -> None:
            findings.set_work(issues)  # type: ignore[arg-type]
            self._touch()

        self._run(findings, lambda tell: work_issues(dataset, marks), then)

    def _touch(self) -> None:
        if not self._tell_timer.isActive():
            self._tell_timer.start()

    def _tell(self) -> None:
        self._tell_timer.stop()
        self._has_changed = False
        self._listed = None
        self.changed.emit()


def _timer(parent: Checker, milliseconds: int, call: Callable[[], None]) -> QTimer:
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(call)
    return timer
