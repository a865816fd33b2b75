"""Findings of which a person said that all is right: remembered with the set."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from typing import TYPE_CHECKING

from annotator.core.sidecar import Sidecar

if TYPE_CHECKING:
    from annotator.core.findings import Finding


class Dismissed:
    """What was dismissed. A finding that changes is another one, and so comes back."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._marks = {mark for (mark,) in sidecar.database.execute("SELECT mark FROM dismissed")}

    def __contains__(self, finding: object) -> bool:
        return getattr(finding, "mark", None) in self._marks

    def __len__(self) -> int:
        return len(self._marks)

    def add(self, findings: Iterable[Finding]) -> None:
        """Dismiss findings."""
        rows = [(one.mark, one.code) for one in findings]
        self._marks.update(mark for mark, _ in rows)
        with contextlib.suppress(sqlite3.Error), self._sidecar.transaction() as database:
            database.executemany("INSERT OR REPLACE INTO dismissed VALUES (?, ?)", rows)

    def bring_back(self, findings: Iterable[Finding]) -> None:
        """Show findings again."""
        marks = [(one.mark,) for one in findings]
        self._marks.difference_update(mark for (mark,) in marks)
        with contextlib.suppress(sqlite3.Error), self._sidecar.transaction() as database:
            database.executemany("DELETE FROM dismissed WHERE mark = ?", marks)
