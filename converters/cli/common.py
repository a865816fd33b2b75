"""What these commands share beside :mod:`converters.commands`: numbers as arguments, tables, a bar."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self


class Bar:
    """A progress bar on a terminal, nothing elsewhere; call it with (done, total)."""

    def __init__(self, what: str = "", unit: str = "") -> None:
        self._what = what
        self._unit = unit
        self._bar: Any = None
        self._shown = sys.stderr.isatty()

    def stage(self, what: str) -> None:
        """Start over with another text."""
        self._close()
        self._what = what
        self._unit = ""

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are finished."""
        if not self._shown:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                desc=self._what,
                unit=self._unit or "it",
                unit_scale=bool(self._unit),
                file=sys.stderr,
                leave=False,
                dynamic_ncols=True,
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def positive(text: str) -> int:
    """An argument that is a whole number of at least 1."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def network_size(text: str) -> tuple[int, int]:
    """An argument such as ``416`` or ``608x416`` (width x height)."""
    parts = text.lower().split("x")
    if len(parts) > 2 or not all(part.isascii() and part.isdigit() and int(part) > 0 for part in parts):
        raise argparse.ArgumentTypeError(f"{text!r} is not a size such as 416 or 608x416")
    return int(parts[0]), int(parts[-1])


def table(rows: Sequence[Sequence[str]], *, left: Sequence[int] = (0,), indent: str = "") -> list[str]:
    """Lines of an aligned table; the first row is the head.

    Args:
        rows: Cells, as many in each row.
        left: Columns that are aligned to the left; numbers go to the right.
        indent: What each line starts with.
    """
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if i in left else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append((indent + "  ".join(cells)).rstrip())
    return lines
