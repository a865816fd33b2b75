"""The rows of a CSV file, each with its line and its text, so that what is not edited stays as it is."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from converters.errors import FormatError
from converters.formats.csv_columns import DELIMITERS, Columns, columns_of
from converters.formats.csv_edges import is_relative
from converters.reading import decode_utf8

BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Row:
    """One row.

    Attributes:
        cells: Its cells.
        line: 1-based line on which it begins (a quoted cell may go over several).
        text: The row as it stands in the file, with its line end.
    """

    cells: list[str]
    line: int
    text: str

    def with_cells(self, cells: Sequence[str], delimiter: str) -> str:
        """Its text with other cells."""
        return row_text(cells, delimiter) + self.end

    @property
    def end(self) -> str:
        """Its line end."""
        return self.text[len(self.text.rstrip("\r\n")) :]


@dataclass(frozen=True, slots=True)
class Table:
    """A file.

    Attributes:
        mark: Byte order mark, or nothing.
        before: What stands before the first row of data: the head, empty lines.
        columns: What the columns are.
        delimiter: What stands between cells.
        rows: The rows of data.
    """

    mark: bytes
    before: str
    columns: Columns
    delimiter: str
    rows: list[Row]

    @property
    def line_end(self) -> str:
        """How the file ends its lines."""
        first = self.before or (self.rows[0].text if self.rows else "")
        return "\r\n" if first.endswith("\r\n") else "\n"


def read_table(data: bytes) -> Table:
    """Read a file.

    Raises:
        FormatError: It is no UTF-8, its columns are not those of a table of boxes, or quotes in it are wrong.
            A row with too few or too many cells is none: who reads it says so.
    """
    text = decode_utf8(data)
    sniffed = sniff(text)
    if sniffed is None:
        raise FormatError(
            "has no columns for picture, class and the four edges of a box.",
            line=1,
            code="bad-columns",
            hint="Name them in the first line: image,width,height,label,x1,y1,x2,y2",
        )
    columns, delimiter = sniffed
    rows: list[Row] = []
    before = ""
    wait = columns.head
    for row in _rows_of(text, delimiter):
        if wait or not any(cell.strip() for cell in row.cells):
            if rows:
                rows[-1] = Row(rows[-1].cells, rows[-1].line, rows[-1].text + row.text)
            else:
                before += row.text
            wait = wait and not row.cells
            continue
        rows.append(row)
    mark = BOM if data.startswith(BOM) else b""
    if not columns.relative and is_relative([row.cells for row in rows], columns):
        columns = replace(columns, relative=True)
    return Table(mark, before, columns, delimiter, rows)


def sniff(text: str) -> tuple[Columns, str] | None:
    """Columns and delimiter of a table of boxes, by its first row; None where it is none.

    Raises:
        FormatError: It is one, whose columns are not clear.
    """
    for delimiter in DELIMITERS:
        try:
            first = next((row.cells for row in _rows_of(text, delimiter) if row.cells), [])
        except FormatError:
            continue
        columns = columns_of(first)
        if columns is not None:
            return columns, delimiter
    return None


def row_text(cells: Sequence[str], delimiter: str = ",") -> str:
    """A row as text, without a line end; cells are quoted where they must be.

    A cell that a spreadsheet would take for a formula (``=…``) is written as it is: a class of that name is
    read again as that.
    """
    out = io.StringIO()
    # Python before 3.13 quotes a line break only where the line end has it.
    csv.writer(out, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return out.getvalue().removesuffix("\r\n")


def _rows_of(text: str, delimiter: str) -> Iterator[Row]:
    lines = _Lines(text)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    while True:
        line, start = reader.line_num + 1, lines.read
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise FormatError(
                f"is no well-formed CSV: {error}.",
                line=line,
                code="bad-csv",
                hint="A quote inside a quoted cell is written twice.",
            ) from error
        yield Row(cells, line, text[start : lines.read])


class _Lines:
    """The lines of a text, one after the other, and how far one has come.

    Attributes:
        read: Number of characters handed out.
    """

    def __init__(self, text: str) -> None:
        self._lines = io.StringIO(text, newline="")
        self.read = 0

    def __iter__(self) -> _Lines:
        return self

    def __next__(self) -> str:
        line = self._lines.readline()
        if not line:
            raise StopIteration
        self.read += len(line)
        return line
