"""Small pictures of some boxes of each class, for the balance report."""

from __future__ import annotations

import io
from collections import defaultdict
from dataclasses import dataclass

from converters.errors import DataError
from converters.formats.base import ProgressCallback
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report

SIDE = 88
"""Side of a sample in pixels; it is twice as large in the file, for sharp screens and paper."""
_EACH = 8
_AT_MOST = 320
_MARGIN = 0.25
_QUALITY = 82


@dataclass(frozen=True, slots=True)
class Sample:
    """A box cut out of its picture.

    Attributes:
        label: Its class.
        image: Key of the picture.
        size: (width, height) of the box in pixels.
        jpeg: The cutting with some margin, no side longer than twice :data:`SIDE`.
        frame: Left, top, width and height of the box in it, as fractions of its sides.
    """

    label: str
    image: str
    size: tuple[float, float]
    jpeg: bytes
    frame: tuple[float, float, float, float]


def samples_of(
    dataset: Dataset, report: Report, on_progress: ProgressCallback | None = None
) -> dict[str, list[Sample]]:
    """Cut samples of each class, from its smallest box to its largest, of different pictures where there are.

    Args:
        dataset: The set.
        report: Told which pictures could not be read; their boxes are left out.
        on_progress: Told (pictures done, pictures to read).
    """
    chosen = _choose(dataset)
    wanted: dict[str, list[Box]] = defaultdict(list)
    for picked in chosen.values():
        for image, box in picked:
            wanted[image.key].append(box)
    by_key = {image.key: image for image in dataset}
    cut: dict[tuple[str, int], Sample] = {}
    for done, (key, boxes) in enumerate(wanted.items(), 1):
        try:
            for box, sample in zip(boxes, _cut(by_key[key], boxes), strict=True):
                cut[key, id(box)] = sample
        except DataError as error:
            report.add_exception(error, key=key)
        if on_progress is not None:
            on_progress(done, len(wanted))
    return {
        label: [cut[image.key, id(box)] for image, box in picked if (image.key, id(box)) in cut]
        for label, picked in chosen.items()
    }


def _choose(dataset: Dataset) -> dict[str, list[tuple[AnnotatedImage, Box]]]:
    """Boxes of each class evenly over its sizes; of one picture a second one only where others are few."""
    found: dict[str, list[tuple[AnnotatedImage, Box]]] = {name: [] for name in dataset.class_names}
    for image in dataset:
        for box in image.boxes:
            if box.width >= 1 and box.height >= 1:
                found.setdefault(box.label, []).append((image, box))
    each = max(1, min(_EACH, _AT_MOST // max(len(found), 1)))
    result = {}
    for place, (label, boxes) in enumerate(found.items()):
        boxes.sort(key=lambda item: (item[1].width * item[1].height, item[0].key, item[1].xyxy))
        result[label] = _spread(boxes, each) if place < _AT_MOST else []
    return result


def _spread(boxes: list[tuple[AnnotatedImage, Box]], count: int) -> list[tuple[AnnotatedImage, Box]]:
    if len(boxes) <= count:
        return boxes
    taken: list[int] = []
    seen: set[str] = set()
    for number in range(count):
        middle = round((number + 0.5) * len(boxes) / count - 0.5)
        reach = len(boxes) // (2 * count)
        near = sorted(range(middle - reach, middle + reach + 1), key=lambda place: abs(place - middle))
        free = [place for place in near if 0 <= place < len(boxes) and place not in taken]
        place = next((place for place in free if boxes[place][0].key not in seen), free[0])
        taken.append(place)
        seen.add(boxes[place][0].key)
    return [boxes[place] for place in sorted(taken)]


def _cut(image: AnnotatedImage, boxes: list[Box]) -> list[Sample]:
    """Samples of one picture.

    Raises:
        ImageError: The picture cannot be read.
    """
    from PIL import Image

    from converters.images import load_rgb

    whole = Image.fromarray(load_rgb(image.path))
    samples = []
    for box in boxes:
        x1, y1, x2, y2 = box.xyxy
        margin = _MARGIN * max(box.width, box.height)
        left, right = _range(x1 - margin, x2 + margin, whole.width)
        top, bottom = _range(y1 - margin, y2 + margin, whole.height)
        width, height = right - left, bottom - top
        scale = 2 * SIDE / max(width, height)
        size = max(round(width * scale), 1), max(round(height * scale), 1)
        cutting = whole.crop((left, top, right, bottom)).resize(size, Image.Resampling.LANCZOS)
        out = io.BytesIO()
        cutting.save(out, "JPEG", quality=_QUALITY, optimize=True)
        frame = ((x1 - left) / width, (y1 - top) / height, box.width / width, box.height / height)
        samples.append(Sample(box.label, image.key, (box.width, box.height), out.getvalue(), frame))
    return samples


def _range(low: float, high: float, limit: int) -> tuple[int, int]:
    """Whole pixels from ``low`` to ``high`` that the picture has, at least one."""
    first = min(max(int(low), 0), limit - 1)
    return first, min(max(int(high + 1), first + 1), limit)
