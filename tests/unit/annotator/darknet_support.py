"""What the tests of annotator.darknet share: a small data set, and where the recorded streams lie."""

from __future__ import annotations

import stat
import struct
import sys
from pathlib import Path

import numpy as np
import pytest

from annotator.darknet.program.dialect import find_darknet
from converters.images import encode_png
from converters.model import Split
from converters.work import SplitRow, WorkFolder, write_lists, write_split

SHARED = Path(__file__).resolve().parents[3] / ".." / "shared"
LOGS = SHARED / "darknet-logs"
COLOURS = ((30, 200, 30), (220, 30, 30))


def needs_shared(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"{path.name} is not beside this checkout")
    return path


def needs_darknet():
    found = find_darknet()
    if found is None:
        pytest.skip("no Darknet on this machine (apt install darknet)")
    return found


def make_work(root: Path, pictures: int = 6) -> WorkFolder:
    """Pictures with one coloured square each, two classes, split train … val test."""
    work = WorkFolder(root)
    work.obj.mkdir(parents=True)
    rng = np.random.default_rng(1)
    rows = []
    for index in range(pictures):
        rgb = np.full((64, 64, 3), 40, np.uint8)
        left, top = rng.integers(8, 30, 2)
        rgb[top : top + 20, left : left + 20] = COLOURS[index % 2]
        (work.obj / f"p{index}.png").write_bytes(encode_png(rgb))
        label = f"{index % 2} {(left + 10) / 64:.6f} {(top + 10) / 64:.6f} 0.3125 0.3125\n"
        (work.obj / f"p{index}.txt").write_text(label)
        split = {pictures - 2: Split.VAL, pictures - 1: Split.TEST}.get(index, Split.TRAIN)
        rows.append(SplitRow(f"obj/p{index}.png", split))
    work.names.write_text("mask\nno_mask\n")
    write_split(work, rows)
    write_lists(work)
    return work


def write_weights(path: Path, seen: int, parameters: int, *, missing: int = 0, value: float = 0.0) -> None:
    """A weights file as Darknet writes it (values all ``value``), ``missing`` bytes short at its end."""
    body = struct.pack("<f", value) * parameters
    raw = struct.pack("<iiiQ", 0, 2, 5, seen) + body
    path.write_bytes(raw[: len(raw) - missing])


def write_program(path: Path, code: str) -> Path:
    """An executable file that runs Python code."""
    path.write_text(f"#!{sys.executable} -S\n{code}")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path
