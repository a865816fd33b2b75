"""Edits of very many pictures: made in a thread, with progress and cancel, and the window stays alive."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import Qt
from PyQt5.QtGui import QCloseEvent
from PyQt5.QtWidgets import QProgressDialog, QWidget

from annotator.core.session import Session
from annotator.qt.background import CancelledError, Task
from annotator.qt.translation import tr
from converters.errors import DataError

DIRECT = 300
"""Of so many pictures at most an edit is made at once: it takes less than a tenth of a second."""


class _Bar(QProgressDialog):
    """Stays until the work has ended: what is cancelled is still changing the set for a moment."""

    def __init__(self, text: str, cancel: str, least: int, most: int, parent: QWidget) -> None:
        super().__init__(text, cancel, least, most, parent)
        # Qt's own answer to it is to hide at once.
        self.canceled.disconnect()
        self.canceled.connect(self._wait)

    def reject(self) -> None:
        self.canceled.emit()

    def closeEvent(self, event: QCloseEvent) -> None:
        event.ignore()
        self.canceled.emit()

    def _wait(self) -> None:
        self.setLabelText(tr("Cancelling…"))


def carry_out(
    parent: QWidget,
    session: Session,
    pictures: int,
    step: Callable[[], Any],
    then: Callable[[str], object],
) -> None:
    """Make an edit of the open set; nothing else can be edited meanwhile.

    Args:
        parent: Whose window waits.
        session: The open set.
        pictures: How many pictures the edit is about.
        step: What is done: ``session.apply(edit)``, ``session.undo()``.
        then: Called at the end with what went wrong, or with an empty text.
    """
    if pictures <= DIRECT:
        try:
            step()
        except DataError as error:
            then(str(error))
        else:
            then("")
        return
    dialog = _Bar(tr("Changing labels…"), tr("Cancel"), 0, 0, parent)
    dialog.setWindowTitle(tr("Changing labels"))
    # No key and no click reaches the set while it is changed in another thread.
    dialog.setWindowModality(Qt.ApplicationModal)
    dialog.setMinimumDuration(0)
    dialog.setAutoClose(False)
    dialog.setAutoReset(False)
    to_tell: list[Callable[[], object]] = []

    def work(tell: Callable[[int, int], None]) -> None:
        with session.quietly(tell) as told:
            to_tell.append(lambda: [call() for call in told])
            step()
            # Written here as well: later in slices it would keep the window busy for long. What cannot be
            # written stays to be saved, and is said then.
            with contextlib.suppress(CancelledError):
                tell(0, 0)
            session.save()

    def progress(done: int, total: int) -> None:
        dialog.setMaximum(total)
        dialog.setValue(done)

    problem = ""

    def fail(text: str) -> None:
        nonlocal problem
        problem = text

    def end() -> None:
        task.wait()
        task.deleteLater()
        for call in to_tell:
            call()
        dialog.hide()
        dialog.deleteLater()
        then(problem)

    task = Task(work, parent)
    dialog.canceled.connect(task.cancel)
    task.progressed.connect(progress)
    task.failed.connect(fail)
    task.finished.connect(end)
    dialog.show()
    task.start()
