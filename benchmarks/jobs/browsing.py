"""What the three windows are measured by: the first picture, then "next" by its key, picture after picture.

Counted is the processor time of the window's own thread from the key to the end of the paint event that shows
the next picture. Between two keys the window has as long to itself as a person takes to look.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QWidget

_LOOK = 0.08
"""Seconds between two keys."""
_PATIENCE = 300.0


def browse(
    process_events: Callable[[], None],
    keys_to: QWidget,
    canvas: QWidget,
    shown: Callable[[], Any],
    *,
    ready: Callable[[], bool] = lambda: True,
    first_at: float | None = None,
) -> None:
    """Measure, print numbers as JSON, and end the process.

    Args:
        process_events: Lets the window work.
        keys_to: Takes the keys.
        canvas: Paints the picture.
        shown: Which picture is on the canvas; None while there is none.
        ready: Whether the window can go on from the first picture.
        first_at: When a picture was on the screen before the canvas was there (``time.time()``).
    """
    painted: list[tuple[Any, float, float]] = []
    kind = type(canvas)
    paint = kind.paintEvent

    def paint_and_tell(self: QWidget, event: Any) -> None:
        paint(self, event)
        if self is canvas and shown() is not None:
            painted.append((shown(), time.thread_time(), time.time()))

    kind.paintEvent = paint_and_tell

    def wait_for(there: Callable[[], bool]) -> None:
        end = time.monotonic() + _PATIENCE
        while not there():
            if time.monotonic() > end:
                sys.exit("error: nothing was painted")
            process_events()
            time.sleep(0.0005)

    def look_on(seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            process_events()
            time.sleep(0.002)

    wait_for(lambda: bool(painted))
    first = (first_at or painted[0][2]) - float(os.environ["BROWSING_BEGAN"])
    wait_for(ready)
    look_on(1.5)
    if os.environ.get("BROWSING_FROM_END"):
        before = shown()
        painted.clear()
        QTest.keyClick(keys_to, Qt.Key_End)
        wait_for(lambda: any(name != before for name, _, _ in painted))
        look_on(1.5)
    key = Qt.Key_A if os.environ.get("BROWSING_FROM_END") else Qt.Key_D
    steps: list[float] = []
    for _ in range(int(os.environ["BROWSING_STEPS"])):
        before = shown()
        painted.clear()
        begun = time.thread_time()
        QTest.keyClick(keys_to, key)
        wait_for(lambda before=before: any(name != before for name, _, _ in painted))
        ended = next(at for name, at, _ in painted if name != before)
        steps.append(1000 * (ended - begun))
        look_on(_LOOK)
    print(json.dumps({"first": first, "steps": steps, "memory": _memory()}), flush=True)
    os._exit(0)


def _memory() -> float:
    """Resident memory of this process, MiB."""
    for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return 0.0
