"""Work in a thread, with progress and cancel: nothing blocks the window."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from PyQt5.QtCore import QObject, QThread, pyqtSignal

from converters.errors import DataError

_PAUSE = 0.05
"""Seconds between two reports of progress."""


class CancelledError(Exception):
    """Raised inside the work where the person cancelled it."""


Work = Callable[[Callable[[int, int], None]], Any]
"""Takes a progress callback (done, total) that raises CancelledError where the work is to end."""


class _Thread(QThread):
    """Runs one piece of work."""

    def __init__(self, work: Work, task: Task) -> None:
        super().__init__(task)
        self._work = work
        self._task = task
        self._next = 0.0

    def run(self) -> None:
        try:
            self._task._result = self._work(self._report)
        except CancelledError:
            self._task._cancelled = True
        except DataError as error:
            self._task._error = str(error)
        except OSError as error:
            name = f"{error.filename}: " if error.filename else ""
            self._task._error = f"{name}{error.strerror or error}"
        except Exception:  # noqa: BLE001 - the thread's last frame: what falls out here would abort the process
            import traceback

            self._task._crash = traceback.format_exc()

    def _report(self, done: int, total: int) -> None:
        if self._task._cancel:
            raise CancelledError
        # Work tells of each of 100,000 pictures; the window would do nothing but listen to it.
        now = time.monotonic()
        if done == total or now >= self._next:
            self._next = now + _PAUSE
            self._task.progressed.emit(done, total)


class Task(QObject):
    """One piece of background work. Exactly one of the four ends is signalled, in the window's thread."""

    progressed = pyqtSignal(int, int)
    succeeded = pyqtSignal(object)
    failed = pyqtSignal(str)
    cancelled = pyqtSignal()
    finished = pyqtSignal()

    def __init__(self, work: Work, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._cancel = False
        self._cancelled = False
        self._result: Any = None
        self._error: str | None = None
        self._crash: str | None = None
        self._thread = _Thread(work, self)
        self._thread.finished.connect(self._end)

    def start(self) -> Task:
        """Begin."""
        self._thread.start()
        return self

    def cancel(self) -> None:
        """Ask the work to end at its next progress report."""
        self._cancel = True

    def wait(self) -> None:
        """Block until it ended (only when the window closes)."""
        self._thread.wait()

    def _end(self) -> None:
        if self._cancelled:
            self.cancelled.emit()
        elif self._crash is not None:
            from annotator.qt.crash import record

            self.failed.emit(record(self._crash))
        elif self._error is not None:
            self.failed.emit(self._error)
        else:
            self.succeeded.emit(self._result)
        self.finished.emit()
