"""What these commands share beside :mod:`converters.commands`: numbers as arguments, and tables."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path


def positive(text: str) -> int:
    """An argument that is a whole number of at least 1."""
    value = int(text) if text.isascii() and text.isdigit() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least 1")
    return value


def add_images(parser: argparse.ArgumentParser) -> None:
    """Add ``--images``: where the pictures of a set lie whose label files name them."""
    parser.add_argument(
        "--images",
        type=Path,
        metavar="FOLDER",
        help="where the pictures are, for formats whose label files name them (default: in the set)",
    )


def add_voc_edges(parser: argparse._ActionsContainer) -> None:
    """Add ``--voc-edges``: how edges are counted in Pascal VOC files."""
    parser.add_argument(
        "--voc-edges",
        choices=("as-is", "one-based"),
        default="as-is",
        help="in Pascal VOC files, read or written: the numbers are edges from 0 (as-is, the default), or "
        "first and last pixel counted from 1, as the VOC challenge has them (one-based)",
    )


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
