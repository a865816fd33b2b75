"""Bytes and seconds in a person's words, and how long work will still take."""

from __future__ import annotations

import os
import time
from pathlib import Path

from annotator.darknet.amounts import size_text

__all__ = ["size_text"]


def seconds_text(seconds: float) -> str:
    """``8 s``, ``3 min``, ``2 h 10 min``: as precise as a forecast can be."""
    if seconds < 60:
        return f"{max(1, round(seconds))} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    return f"{minutes // 60} h {minutes % 60} min" if minutes % 60 else f"{minutes // 60} h"


def size_of_file(path: Path) -> int:
    """Bytes of a file; 0 where it is not there."""
    try:
        return path.lstat().st_size
    except OSError:
        return 0


def freed_by(path: Path) -> int:
    """Bytes of a file that deleting it frees: none where it has another name as well."""
    try:
        info = path.lstat()
    except OSError:
        return 0
    return info.st_size if info.st_nlink == 1 else 0


def size_of_folder(folder: Path) -> int:
    """Bytes of all files below a folder; what cannot be looked at counts as nothing."""
    total = 0
    for place, _, names in os.walk(folder):
        total += sum(size_of_file(Path(place) / name) for name in names)
    return total


def freed_by_folder(folder: Path) -> int:
    """Bytes that deleting a folder frees: files that have another name elsewhere free none."""
    return sum(freed_by(Path(place) / name) for place, _, names in os.walk(folder) for name in names)


class Forecast:
    """How long work will still take, from how long it took so far."""

    def __init__(self, now: float | None = None) -> None:
        self._begun = time.monotonic() if now is None else now
        self._total = 0
        self._first = 0

    def left(self, done: int, total: int, now: float | None = None) -> float | None:
        """Seconds that are left; None while nobody can know.

        Args:
            done: How much is done.
            total: Of how much. Another total is another stage, which is timed anew.
            now: The clock; None: now.
        """
        now = time.monotonic() if now is None else now
        if total != self._total or done < self._first:
            self._begun, self._total, self._first = now, total, done
            return None
        taken, share = now - self._begun, done - self._first
        if taken < 1.0 or share <= 0 or total <= 0:
            return None
        return taken / share * (total - done)
