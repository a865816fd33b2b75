"""Selecting in a grid by mouse and keys, as file managers do: rows, one current, one where a range began."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field


@dataclass(slots=True)
class GridSelection:
    """What is selected in a grid.

    Attributes:
        rows: The selected rows (places in the list, not lines of the grid).
        current: The row that keys move from; None while nothing was touched.
        anchor: Where a range begins.
    """

    rows: set[int] = field(default_factory=set)
    current: int | None = None
    anchor: int | None = None

    def clear(self) -> None:
        """Select nothing; the current row stays."""
        self.rows = set()

    def click(self, row: int, *, toggle: bool = False, extend: bool = False) -> None:
        """A click: alone, with Ctrl (``toggle``), with Shift (``extend``: from the anchor), or with both."""
        if extend:
            first = self.anchor if self.anchor is not None else row
            span = set(range(min(first, row), max(first, row) + 1))
            self.rows = self.rows | span if toggle else span
            self.anchor = first
        elif toggle:
            self.rows ^= {row}
            self.anchor = row
        else:
            self.rows = {row}
            self.anchor = row
        self.current = row

    def move(self, row: int, *, extend: bool = False, keep: bool = False) -> None:
        """A move by keys: selects the row, with Shift the range to it, with Ctrl (``keep``) nothing."""
        if keep:
            self.current = row
        else:
            self.click(row, extend=extend)

    def band(self, rows: Iterable[int], base: Iterable[int] = ()) -> None:
        """A rubber band over ``rows``, added to what was selected before it (``base``)."""
        self.rows = set(rows) | set(base)

    def select_all(self, count: int) -> None:
        """Select every row."""
        self.rows = set(range(count))
        if self.current is None and count:
            self.current = self.anchor = 0


@dataclass(frozen=True, slots=True)
class Grid:
    """Cells of one size in as many columns as fit. All lengths are in pixels of the view's content.

    Attributes:
        count: How many cells there are.
        columns: Cells in a line, at least 1.
        cell: (width, height) of a cell.
        margin: Free space left of the first column.
    """

    count: int
    columns: int
    cell: tuple[int, int]
    margin: int = 0

    @classmethod
    def fitted(cls, count: int, width: int, cell: tuple[int, int]) -> Grid:
        """As many columns as fit into a width, in the middle."""
        columns = max(1, width // cell[0])
        return cls(count, columns, cell, max(0, (width - columns * cell[0]) // 2))

    @property
    def height(self) -> int:
        """Height of all lines."""
        return -(-self.count // self.columns) * self.cell[1]

    def place(self, row: int) -> tuple[int, int]:
        """Left and top of a cell."""
        return self.margin + row % self.columns * self.cell[0], row // self.columns * self.cell[1]

    def at(self, x: int, y: int) -> int | None:
        """The cell under a point, or None."""
        column = (x - self.margin) // self.cell[0]
        if not 0 <= column < self.columns or y < 0:
            return None
        row = y // self.cell[1] * self.columns + column
        return row if row < self.count else None

    def between(self, top: int, bottom: int) -> range:
        """The cells of the lines that are seen between two heights (bottom exclusive)."""
        first = max(0, top // self.cell[1]) * self.columns
        last = -(-max(bottom, 0) // self.cell[1]) * self.columns
        return range(min(first, self.count), min(last, self.count))

    def inside(self, x1: int, y1: int, x2: int, y2: int) -> list[int]:
        """The cells that a rectangle touches."""
        left, right = sorted((x1, x2))
        top, bottom = sorted((y1, y2))
        first = max(0, (left - self.margin) // self.cell[0])
        last = min(self.columns - 1, (right - self.margin) // self.cell[0])
        lines = self.between(top, bottom + 1)
        return [row for row in lines if first <= row % self.columns <= last]

    def step(self, row: int, columns: int, lines: int) -> int:
        """The cell some columns and lines on, kept inside the grid.

        Up and down stay in the column; at the first or last line they stay where they are, but from above a
        last line that is not full they go to its last cell.
        """
        if not self.count:
            return 0
        target = row + columns + lines * self.columns
        if lines and target >= self.count:
            last_line = (self.count - 1) // self.columns
            if row // self.columns == last_line:
                return row
            return min(last_line * self.columns + row % self.columns, self.count - 1)
        if lines and target < 0:
            return row % self.columns
        return min(max(target, 0), self.count - 1)
