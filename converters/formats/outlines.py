"""What other tools draw beside boxes: which of it becomes a box, counted, so that it is said once."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from converters.report import Report
from converters.words import counted


@dataclass(slots=True)
class _Count:
    """How often something came, and where first."""

    kinds: Counter[str] = field(default_factory=Counter)
    files: set[Path] = field(default_factory=set)
    path: Path | None = None
    line: int | None = None

    def add(self, kind: str, path: Path, line: int | None) -> None:
        if self.path is None:
            self.path, self.line = path, line
        self.kinds[kind] += 1
        self.files.add(path)

    def words(self) -> str:
        """``3 polygons, 1 circle in 2 files``."""
        kinds = ", ".join(f"{n:,} {_one(kind) if n == 1 else _many(kind)}" for kind, n in self.kinds.items())
        return f"{kinds} in {counted(len(self.files), 'file')}"


@dataclass(slots=True)
class Outlines:
    """Counts what is no upright rectangle while a set (or one of its files) is read."""

    _taken: _Count = field(default_factory=_Count)
    _skipped: _Count = field(default_factory=_Count)

    def taken(self, kind: str, path: Path, line: int | None = None) -> None:
        """Something with an area (``polygon``), of which the box around it was taken."""
        self._taken.add(kind, path, line)

    def skipped(self, kind: str, path: Path, line: int | None = None) -> None:
        """Something without an area (``point``), which has no box."""
        self._skipped.add(kind, path, line)

    def report_to(self, report: Report) -> None:
        """One warning for what became a box, one for what did not."""
        if self._taken.path is not None:
            total = self._taken.kinds.total()
            report.warning(
                "not-a-rectangle",
                f"{self._taken.words()} {'is' if total == 1 else 'are'} taken as the box around "
                f"{'it' if total == 1 else 'them'}.",
                path=self._taken.path,
                line=self._taken.line,
            )
        if self._skipped.path is not None:
            total = self._skipped.kinds.total()
            report.warning(
                "not-a-box",
                f"{self._skipped.words()} {'has' if total == 1 else 'have'} no box and "
                f"{'is' if total == 1 else 'are'} skipped.",
                path=self._skipped.path,
                line=self._skipped.line,
            )


_SETS = {
    "points": ("set of points", "sets of points"),
    "key points": ("set of key points", "sets of key points"),
    "choices": ("set of choices", "sets of choices"),
    "rle": ("mask", "masks"),
}
"""Kinds whose one piece is several things."""


def _one(kind: str) -> str:
    return _SETS[kind][0] if kind in _SETS else kind


def _many(kind: str) -> str:
    """The plural of a kind: ``boxes``, ``ellipses``, ``key points``; ``choices`` stays."""
    if kind in _SETS:
        return _SETS[kind][1]
    if kind.endswith(("x", "ch", "sh", "ss")):
        return kind + "es"
    if kind.endswith("s"):
        return kind
    return kind[:-1] + "ies" if kind.endswith("y") and kind[-2:-1] not in "aeiou" else kind + "s"
