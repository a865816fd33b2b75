import numpy as np
import pytest

from converters.images import encode_png
from converters.model import Split
from converters.work import SplitRow, WorkFolder, write_lists, write_split

NAMES = ("mask", "no_mask", "chin_diaper")


def some_picture(number: int, width: int = 64, height: int = 48):
    """A smooth picture of its own for each number: it compresses, and no two operations look alike on it."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin((x * (1 + c) + y * (number % 7 + 1)) / 9 + number) for c in range(3)]
    return (127 + 90 * np.stack(waves, axis=2)).astype(np.uint8)


@pytest.fixture
def make_work(tmp_path):
    """Builds a Darknet data set with ``train`` training pictures, two for val and one for test."""

    def build(train: int = 4, folder: str = "work", label: str = "0 0.5 0.5 0.25 0.5\n1 0.2 0.3 0.2 0.25\n"):
        work = WorkFolder(tmp_path / folder)
        work.obj.mkdir(parents=True)
        work.names.write_text("".join(f"{name}\n" for name in NAMES))
        rows = []
        for number in range(train + 3):
            name = f"p{number}"
            (work.obj / f"{name}.png").write_bytes(encode_png(some_picture(number)))
            (work.obj / f"{name}.txt").write_text(label)
            split = Split.TRAIN if number < train else (Split.VAL, Split.VAL, Split.TEST)[number - train]
            rows.append(SplitRow(f"obj/{name}.png", split))
        write_split(work, rows)
        write_lists(work)
        return work

    return build
