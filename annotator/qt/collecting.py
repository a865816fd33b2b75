"""Python's search for garbage, in the window's thread only.

Python looks for objects that only hold each other whenever enough new ones were made, in whichever thread
made the last. Widgets, curves and items of tables are such objects often. Where a thread that decodes
pictures takes one of them apart while the window paints it, or its neighbour, the process is gone without a
word.
"""

from __future__ import annotations

import gc
import time

from PyQt5.QtCore import QObject, QTimer

_EVERY_MS = 200
_SHARE = 50
"""Times as long as a search through everything took, until the next."""


class Collector(QObject):
    """Looks for garbage on a timer, as often as Python would, and keeps Python from doing it by itself.

    Args:
        parent: Lives as long; its thread must be the window's.
    """

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._next_whole = 0.0
        gc.disable()
        self._timer = QTimer(self)
        self._timer.timeout.connect(self.look)
        self._timer.start(_EVERY_MS)

    def look(self) -> None:
        """Collect as deep as is due: the newest objects, older ones, or all."""
        due = [count > limit for count, limit in zip(gc.get_count(), gc.get_threshold(), strict=True)]
        if not due[0]:
            return
        now = time.monotonic()
        if due[1] and due[2] and now >= self._next_whole:
            # Of a large set it takes a tenth of a second: the window is to have its time, too.
            gc.collect()
            self._next_whole = now + _SHARE * (time.monotonic() - now)
        else:
            gc.collect(1 if due[1] else 0)

    def leave(self) -> None:
        """Leave it to Python again (the window is gone)."""
        self._timer.stop()
        gc.enable()
