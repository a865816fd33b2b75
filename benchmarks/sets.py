"""The sets that are measured on: the Kaggle archive where it is at hand, else one made up to be like it."""

from __future__ import annotations

import os
import re
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from converters.images import encode_png

_SIZES = ((400, 300), (400, 267), (301, 400), (400, 225), (512, 366))
_NAMES = ("with_mask", "without_mask", "mask_weared_incorrect")
_EDGE = re.compile(r"<(x|y)max>(\d+)</\1max>")


def annotations_of(archive: Path | None, count: int = 853) -> dict[str, str]:
    """VOC files by stem: those of an archive, or made-up ones with as many boxes.

    Boxes are cut to their pictures, since one of the peers reads no others.

    Args:
        archive: A folder with VOC files somewhere below it; None: made up.
        count: How many to make up.
    """
    if archive is None:
        return _made_up(count)
    found = {}
    for path in sorted(archive.rglob("*.xml")):
        text = path.read_text(encoding="utf-8")
        sides = dict(zip("xy", size_of(text), strict=True))
        found[path.stem] = _EDGE.sub(
            lambda m, sides=sides: f"<{m[1]}max>{min(int(m[2]), sides[m[1]])}</{m[1]}max>", text
        )
    if not found:
        sys.exit(f"error: {archive} holds no XML files")
    return found


def size_of(annotation: str) -> tuple[int, int]:
    """(width, height) that a VOC file gives."""
    width, height = (re.search(rf"<{side}>(\d+)</{side}>", annotation) for side in ("width", "height"))
    if width is None or height is None:
        sys.exit("error: a VOC file gives no size")
    return int(width[1]), int(height[1])


def write_voc(root: Path, annotations: dict[str, str], times: int = 1) -> Path:
    """A VOC set of small pictures of the right sizes, each of which stands there ``times`` times.

    The pictures are black: nobody should look at more than their headers. Those of one size are one file
    with many names.

    Args:
        root: Folder to make, unless it is there.
        annotations: As of :func:`annotations_of`.
        times: Above 1, stems get a number.
    """
    if (root / "Annotations").is_dir():
        return root
    images = root / "JPEGImages"
    images.mkdir(parents=True)
    (root / ".part").mkdir()
    black: dict[tuple[int, int], list[Path]] = {}
    for number in range(times):
        for stem, text in annotations.items():
            name = stem if times == 1 else f"{stem}_{number}"
            named = text.replace(f"<filename>{stem}.", f"<filename>{name}.")
            (root / ".part" / f"{name}.xml").write_text(named, encoding="utf-8")
            _link_black(images / f"{name}.png", size_of(text), black)
    (root / ".part").rename(root / "Annotations")
    return root


def write_pictures(root: Path, annotations: dict[str, str], limit: int) -> Path:
    """A VOC set of made-up pictures that are as hard to encode as photographs: 16-bit RGBA, as Kaggle's."""
    if root.is_dir():
        return root
    import cv2

    (root / "images").mkdir(parents=True)
    (root / "annotations").mkdir()
    rng = np.random.default_rng(1)
    for stem, text in list(annotations.items())[:limit]:
        width, height = size_of(text)
        coarse = rng.integers(0, 65_536, (12, 16, 3)).astype(np.float32)
        picture = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
        picture += rng.normal(0, 900, picture.shape)
        deep = np.full((height, width, 4), 65_535, np.uint16)
        deep[..., :3] = np.clip(picture, 0, 65_535)
        cv2.imwrite(str(root / "images" / f"{stem}.png"), deep)
        (root / "annotations" / f"{stem}.xml").write_text(text, encoding="utf-8")
    return root


def bytes_in(folder: Path, *, but: Sequence[Path] = ()) -> int:
    """Bytes of all files below a folder, without those that are hard links to files of ``but``."""
    known = {(info.st_dev, info.st_ino) for other in but for info in _files(other)}
    return sum(info.st_size for info in _files(folder) if (info.st_dev, info.st_ino) not in known)


def _files(folder: Path) -> list[os.stat_result]:
    return [path.stat() for path in folder.rglob("*") if path.is_file()]


def _link_black(path: Path, size: tuple[int, int], black: dict[tuple[int, int], list[Path]]) -> None:
    files = black.setdefault(size, [])
    for file in files[-1:]:
        try:
            os.link(file, path)
            return
        except OSError:
            pass  # a file can have so many names only
    path.write_bytes(encode_png(np.zeros((size[1], size[0], 3), np.uint8)))
    files.append(path)


def _made_up(count: int) -> dict[str, str]:
    rng = np.random.default_rng(7)
    return {f"made_up_{number}": _annotation(number, rng) for number in range(count)}


def _annotation(number: int, rng: np.random.Generator) -> str:
    width, height = _SIZES[zlib.crc32(str(number).encode()) % len(_SIZES)]
    objects = []
    for _ in range(min(int(rng.geometric(0.21)), 115)):
        w, h = int(rng.integers(8, 60)), int(rng.integers(8, 66))
        x, y = int(rng.integers(0, width - w)), int(rng.integers(0, height - h))
        name = _NAMES[int(rng.choice(3, p=(0.79, 0.18, 0.03)))]
        objects.append(
            f"    <object>\n        <name>{name}</name>\n        <pose>Unspecified</pose>\n"
            "        <truncated>0</truncated>\n        <occluded>0</occluded>\n"
            "        <difficult>0</difficult>\n        <bndbox>\n"
            f"            <xmin>{x}</xmin>\n            <ymin>{y}</ymin>\n"
            f"            <xmax>{x + w}</xmax>\n            <ymax>{y + h}</ymax>\n"
            "        </bndbox>\n    </object>\n"
        )
    return (
        f"<annotation>\n    <folder>images</folder>\n    <filename>made_up_{number}.png</filename>\n"
        f"    <size>\n        <width>{width}</width>\n        <height>{height}</height>\n"
        "        <depth>3</depth>\n    </size>\n    <segmented>0</segmented>\n"
        f"{''.join(objects)}</annotation>\n"
    )
