"""Follows a training from its run folder, whoever started it: what it has said, then what it says."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

from PyQt5.QtCore import QObject, QThread, pyqtSignal

from annotator.darknet.run.event_log import follow
from annotator.darknet.training.desktop import looking_at
from converters.errors import DataError

_AT_ONCE = 2000
"""Events in a list: the window does other things between two lists."""


class _LeftError(Exception):
    """Nobody wants to follow any longer."""


class _Thread(QThread):
    """Reads, and hands over what is new in lists: a window that comes late gets a hundred thousand events."""

    def __init__(self, path: Path, watcher: Watcher) -> None:
        super().__init__(watcher)
        self._path = path
        self._watcher = watcher
        self._new: list[dict[str, Any]] = []
        self.left = threading.Event()
        self.error = ""

    def run(self) -> None:
        try:
            with looking_at(self._path):
                follow(self._path, self._new.append, self._wait)
        except _LeftError:
            return
        except DataError as error:
            self.error = str(error)
        self._hand_over()

    def _wait(self, seconds: float) -> None:
        self._hand_over()
        if self.left.wait(seconds):
            raise _LeftError

    def _hand_over(self) -> None:
        for first in range(0, len(self._new), _AT_ONCE):
            self._watcher.said.emit(tuple(self._new[first : first + _AT_ONCE]))
        self._new.clear()


class Watcher(QObject):
    """Follows one run.

    Signals:
        said: A tuple of events.
        ended: The training is over; why it cannot be followed any longer, or empty.
    """

    said = pyqtSignal(object)
    ended = pyqtSignal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.path = path
        self._thread = _Thread(path, self)
        self._thread.finished.connect(self._finished)

    def start(self) -> Watcher:
        """Begin."""
        self._thread.start()
        return self

    def leave(self) -> None:
        """Follow no longer; the training goes on."""
        self.blockSignals(True)
        self._thread.left.set()
        self._thread.wait()

    def _finished(self) -> None:
        self.ended.emit(self._thread.error)
