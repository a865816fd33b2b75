"""A network written by hand whose predictions can be told in advance, and runs that hold it.

Pictures are 4 x 4 cells of 8 x 8 pixels. The network averages each cell and finds a ``mask`` where it is
red and a ``no_mask`` where it is green, with the box exactly on the cell; the brighter, the surer.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from annotator.darknet.network.cfg import Cfg, section
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.folder import RunFolder
from converters.images import RgbImage, encode_png
from converters.model import Box, Split
from converters.work import SplitRow, WorkFolder, write_lists, write_split

CLASSES = ("mask", "no_mask")
SIDE, CELL = 32, 8
COLOURS = {".": (0, 0, 0), "r": (255, 0, 0), "g": (0, 255, 0), "d": (120, 0, 0)}


def cell_cfg(classes: int = 2) -> Cfg:
    return Cfg(
        (
            section("net", batch=1, subdivisions=1, width=SIDE, height=SIDE, channels=3, max_batches=400),
            section(
                "convolutional",
                batch_normalize=1,
                filters=3,
                size=CELL,
                stride=CELL,
                pad=0,
                activation="linear",
            ),
            section("convolutional", filters=5 + classes, size=1, stride=1, pad=1, activation="linear"),
            section("yolo", mask="0", anchors="8,8", classes=classes, num=1, ignore_thresh=0.7, random=0),
        )
    )


def cell_weights(*, gain: float = 20.0, swapped: bool = False, seen: int = 0, scale: float = 1.0) -> bytes:
    """Weights of :func:`cell_cfg` for two classes.

    Objectness is sigmoid(gain·(red + green) - gain/2) on the cell's mean; gain 0 finds nothing.
    """
    average = np.zeros((3, 3, CELL, CELL), dtype=np.float32)
    for channel in range(3):
        average[channel, channel] = 1 / CELL**2
    # Batch normalisation that changes nothing, written with a mean, variance and scale that cancel out.
    mean = np.array([0.2, 0.1, 0.3])
    variance = np.full(3, 4.0)
    first = [mean, np.full(3, 2.0), mean, variance]
    second = np.zeros((7, 3))
    second[4] = (gain, gain, 0)
    second[5], second[6] = (40, -40, 0), (-40, 40, 0)
    if swapped:
        second[[5, 6]] = second[[6, 5]]
    bias = np.zeros(7)
    bias[4] = -gain / 2 if gain else -30
    parts = [*first, average.ravel() * scale, bias, second.ravel()]
    floats = np.concatenate([np.asarray(part, dtype=np.float64).ravel() for part in parts])
    header = np.array([0, 2, 5], dtype="<i4").tobytes() + np.array([seen], dtype="<i8").tobytes()
    return header + floats.astype("<f4").tobytes()


def picture(cells: str) -> RgbImage:
    """``cells``: 16 characters of COLOURS, row by row."""
    grid = np.array([COLOURS[cell] for cell in cells], dtype=np.uint8).reshape(4, 4, 3)
    return np.repeat(np.repeat(grid, CELL, axis=0), CELL, axis=1)


def cell_box(index: int, label: str, confidence: float | None = None) -> Box:
    x, y = index % 4 * CELL, index // 4 * CELL
    return Box((x, y, x + CELL, y + CELL), label, confidence)


def label_text(cells: str) -> str:
    ids = {"r": 0, "d": 0, "g": 1}
    lines = [
        f"{ids[cell]} {(index % 4 + 0.5) / 4} {(index // 4 + 0.5) / 4} 0.25 0.25"
        for index, cell in enumerate(cells)
        if cell in ids
    ]
    return "".join(f"{line}\n" for line in lines)


def make_work(root: Path, pictures: dict[str, tuple[Split, str]]) -> WorkFolder:
    """A Darknet data set of cell pictures: name -> (split, cells)."""
    work = WorkFolder(root)
    work.obj.mkdir(parents=True)
    work.names.write_text("".join(f"{name}\n" for name in CLASSES))
    for name, (_, cells) in pictures.items():
        (work.obj / f"{name}.png").write_bytes(encode_png(picture(cells)))
        (work.obj / f"{name}.txt").write_text(label_text(cells))
    write_split(work, [SplitRow(f"obj/{name}.png", split) for name, (split, _) in pictures.items()])
    write_lists(work)
    return work


PICTURES = {
    "train0": (Split.TRAIN, "r..............."),
    "val0": (Split.VAL, "r....g.........."),
    "val1": (Split.VAL, "..........r....."),
    "val2": (Split.VAL, "................"),
    "test0": (Split.TEST, "r....d.......g.."),
    "test1": (Split.TEST, "....r..........."),
}


def make_run(root: Path, pictures: dict[str, tuple[Split, str]] | None = None) -> RunFolder:
    """A run of the cell network in a data set at ``root``, without weights."""
    work = make_work(root, PICTURES if pictures is None else pictures)
    darknet = Darknet(Path("/usr/bin/darknet"), "pjreddie")
    return RunFolder.create(work, network="cells", cfg=cell_cfg(), darknet=darknet)


def add_weights(run: RunFolder, name: str, iteration: int, **how: float | bool) -> Path:
    path = run.backup / name
    path.write_bytes(cell_weights(seen=iteration, **how))  # type: ignore[arg-type]
    return path
