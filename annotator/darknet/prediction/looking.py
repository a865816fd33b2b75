"""Pictures that a network looks at: found in folders, looked at one by one, kept with what was seen."""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from natsort import natsorted

from annotator.darknet.prediction.drawn import draw_predictions
from annotator.darknet.prediction.engines import Engine
from converters.colours import Rgb
from converters.errors import DataError, ImageError, UsageError
from converters.files import make_folder, write_atomic
from converters.images import RgbImage, encode_png, is_image, load_rgb
from converters.model import Box
from converters.report import Report

_LOSSY = frozenset({".jpg", ".jpeg", ".webp"})
_QUALITY = 92
_LARGEST_JPEG = 65_500
_LONGEST_NAME = 240
"""Bytes of a file's name without its ending: file systems take 255 with it."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture to look at.

    Attributes:
        path: Its file.
        name: What it is called in the results.
        drawing: Where it is drawn with its boxes, below the folder of results.
    """

    path: Path
    name: str
    drawing: PurePosixPath


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen in a picture.

    Attributes:
        picture: Which.
        size: (width, height) as shown.
        boxes: Predictions, the surest first.
    """

    picture: Picture
    size: tuple[int, int]
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Shown:
    """Which predictions count.

    Attributes:
        threshold: Confidence from which they do.
        hidden: Classes that do not.
    """

    threshold: float = 0.0
    hidden: frozenset[str] = field(default_factory=frozenset)

    def of(self, boxes: Sequence[Box]) -> tuple[Box, ...]:
        """Those of these boxes that count."""
        return tuple(
            box for box in boxes if (box.confidence or 0.0) >= self.threshold and box.label not in self.hidden
        )


def collect(
    sources: Sequence[Path],
    report: Report,
    out: Path | None = None,
    tick: Callable[[], None] | None = None,
) -> list[Picture]:
    """The pictures to look at, in natural order, each with a drawing that is no other's.

    Args:
        sources: Pictures, and folders of them (and below).
        report: Is told of what is missing.
        out: The folder of the results: pictures below it are left out, and none is written over.
        tick: Called now and then while folders are listed; it may raise to end that.

    Raises:
        UsageError: A picture would be written over, or there is none.
        DataError: A folder cannot be read.
    """
    found: list[tuple[Path, PurePosixPath]] = []
    for source in sources:
        if source.is_dir():
            inside = _images_in(source, out, tick)
            found += [(path, PurePosixPath(path.relative_to(source))) for path in inside]
        elif source.exists():
            found.append((source, PurePosixPath(source.name)))
        else:
            report.error("image-missing", "the picture is missing.", path=source)
    if not found and not len(report):
        raise UsageError(f"there is no picture in {', '.join(map(str, sources))}.", code="no-pictures")
    inputs = {os.path.realpath(path) for path, _ in found} if out is not None else set()
    taken: set[str] = set()
    names: set[str] = set()
    pictures: list[Picture] = []
    for path, name in found:
        drawing = _drawing(name, taken)
        if out is not None and os.path.realpath(out / drawing) in inputs:
            raise UsageError(
                "would be overwritten with its own predictions.", path=path, hint="Choose another --out."
            )
        said = path.as_posix() if str(name) in names else str(name)
        names.add(said)
        pictures.append(Picture(path, said, drawing))
    return pictures


def check_out(sources: Sequence[Path], out: Path) -> None:
    """Refuse a folder of results where something of the person's could be replaced.

    Raises:
        UsageError: It is that of the pictures, holds other files, or is a file.
    """
    real = out.resolve()
    for source in sources:
        if real == (source if source.is_dir() else source.parent).resolve():
            raise UsageError(
                "is the folder of the pictures.", path=out, hint="Give --out a folder of its own."
            )
    if out.exists() and not out.is_dir():
        raise UsageError("is a file.", path=out, hint="Give --out a folder.")
    if out.is_dir() and any(out.iterdir()) and not (out / "predictions.json").is_file():
        raise UsageError(
            "is not empty, and not a folder of earlier predictions.",
            path=out,
            hint="Give --out a new folder, so that nothing of yours is replaced.",
        )


def look_at(
    engine: Engine,
    pictures: Sequence[Picture],
    *,
    on_problem: Callable[[Picture, DataError], None],
    tick: Callable[[], None] | None = None,
) -> Iterator[tuple[Seen, RgbImage]]:
    """Look at pictures one after another; those that cannot be looked at are told of and left out.

    Args:
        engine: Who looks.
        pictures: At what.
        on_problem: Told of each that cannot be read, or at which a Darknet stopped.
        tick: Called often while it works; it may raise to end that.
    """
    waiting: list[Picture] = []

    def read() -> Iterator[RgbImage]:
        for picture in pictures:
            try:
                rgb = load_rgb(picture.path)
            except ImageError as error:
                on_problem(picture, error)
                continue
            waiting.append(picture)
            yield rgb

    def lost(error: DataError) -> None:
        picture = waiting.pop(0)
        message = f"nothing can be said of this picture: {error.message}"
        on_problem(picture, DataError(message, path=picture.path, code=error.code, hint=error.hint))

    for rgb, boxes in engine.look(read(), tick=tick, on_lost=lost):
        yield Seen(waiting.pop(0), (rgb.shape[1], rgb.shape[0]), boxes), rgb


def draw(out: Path, seen: Seen, rgb: RgbImage, boxes: Sequence[Box], colours: Mapping[str, Rgb]) -> Path:
    """Write a picture with its boxes; returns where.

    Raises:
        WriteError: It cannot be written.
    """
    target = out / seen.picture.drawing
    if max(seen.size) > _LARGEST_JPEG:
        target = target.with_suffix(".png")
    make_folder(target.parent)
    write_atomic(target, encoded(draw_predictions(rgb, boxes, colours), target.suffix), durable=False)
    return target


def encoded(rgb: RgbImage, suffix: str) -> bytes:
    """A picture as the bytes of a PNG, or of a JPEG where the suffix says so."""
    if suffix != ".jpg":
        return encode_png(rgb)
    from PIL import Image

    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=_QUALITY, subsampling=0)
    return stream.getvalue()


def as_result(seen: Seen, boxes: Sequence[Box]) -> dict[str, Any]:
    """Plain types for JSON, and for :mod:`annotator.darknet.prediction.outputs`."""
    return {
        "image": seen.picture.name,
        "path": str(seen.picture.path),
        "drawing": str(seen.picture.drawing),
        "width": seen.size[0],
        "height": seen.size[1],
        "boxes": [
            {
                "label": box.label,
                "confidence": round(box.confidence or 0.0, 6),
                "xyxy": [round(edge, 3) for edge in box.xyxy],
            }
            for box in boxes
        ],
    }


def _drawing(name: PurePosixPath, taken: set[str]) -> PurePosixPath:
    """A name of a drawing that is not taken: a JPEG of what was compressed already, else a PNG."""
    suffix = ".jpg" if name.suffix.lower() in _LOSSY else ".png"
    stem = name.stem
    while len(os.fsencode(stem)) > _LONGEST_NAME:
        stem = stem[:-1]
    drawing, number = name.with_name(f"{stem}{suffix}"), 1
    while str(drawing).casefold() in taken:
        number += 1
        drawing = name.with_name(f"{stem}-{number}{suffix}")
    taken.add(str(drawing).casefold())
    return drawing


def _images_in(folder: Path, out: Path | None, tick: Callable[[], None] | None) -> list[Path]:
    """The pictures in a folder and below, in natural order, without those in ``out``."""
    skipped = os.path.realpath(out) if out is not None else ""
    found: list[Path] = []

    def fail(error: OSError) -> None:
        if error.filename == str(folder):
            raise DataError(f"cannot be read: {error.strerror or error}.", path=folder) from error

    for name, folders, files in os.walk(folder, onerror=fail):
        if tick is not None:
            tick()
        root = Path(name)
        if os.path.realpath(root) == skipped:
            folders.clear()
            continue
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [path for name in files if is_image(path := root / name) and path.is_file()]
    return list(natsorted(found, key=str))
