"""Reading and writing a Darknet data set as a short script would. Used by the programs beside it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

Boxes = list[list[float]]
"""Boxes as centre x, centre y, width, height, parts of the sides."""


def pictures(work: Path) -> Iterator[tuple[Path, list[int], Boxes]]:
    """Every training picture with its class ids and boxes; copies that are there already are none."""
    for line in (work / "train.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("augmented/"):
            continue
        path = work / line
        ids: list[int] = []
        boxes: Boxes = []
        for row in path.with_suffix(".txt").read_text(encoding="utf-8").splitlines():
            first, *rest = row.split()
            ids.append(int(first))
            boxes.append([float(value) for value in rest])
        yield path, ids, boxes


def write_labels(path: Path, ids: list[int], boxes: Boxes) -> None:
    """Write a label file."""
    rows = [
        f"{number} " + " ".join(f"{value:.6f}" for value in box)
        for number, box in zip(ids, boxes, strict=True)
    ]
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")


def arguments() -> tuple[Path, Path, int]:
    """The data set, a new folder for the copies (it is made), and how many of each picture."""
    work, out, copies = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
    out.mkdir(parents=True)
    return work, out, copies
