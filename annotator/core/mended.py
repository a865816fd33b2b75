"""Which mistakes of a network are mended by now, and which pictures were labelled anew since a training."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.core.disagreement import with_labels_of
from annotator.core.mistake_listing import place_of
from annotator.core.run_predictions import work_key
from annotator.darknet.evaluation.confusion import Kind, Mistake
from annotator.darknet.evaluation.stored import IOU, ImageResult
from annotator.darknet.metrics import iou_float32
from converters.model import AnnotatedImage, Box, Split

if TYPE_CHECKING:
    from annotator.darknet.run.folder import RunFolder

_COPIES = "augmented/"
_ROUNDING = 1e-5
"""Of a side: what six digits after the point and one rounding of formats may move an edge by."""


def is_mended(mistake: Mistake, image: ImageResult, boxes: Sequence[Box]) -> bool:
    """Whether the labels of now make a mistake none.

    A missed box is mended when it is not there any more (deleted, of another class, of other edges, or
    difficult), a wrong prediction when a box of its class fits it that did not when it was measured.

    Args:
        mistake: What was wrong.
        image: Its picture as it was measured.
        boxes: The picture's boxes now, with the labels of the evaluation.
    """
    if mistake.kind is Kind.MISSED and mistake.truth is not None:
        place = place_of(image.truths[mistake.truth], tuple(boxes))
        return place is None or "difficult" in boxes[place].flags
    if mistake.prediction is None:
        return False
    seen = image.predictions[mistake.prediction]
    return _fitting(seen, boxes) > _fitting(seen, image.truths)


def mended_among(
    mistakes: Iterable[Mistake], images: Sequence[ImageResult], now: Mapping[str, Sequence[Box]]
) -> frozenset[Mistake]:
    """The mistakes that are mended.

    Args:
        mistakes: Of the pictures.
        images: As they were measured.
        now: By the pictures' entries their boxes now, with the labels of the evaluation.
    """
    return frozenset(
        one
        for one in mistakes
        if (boxes := now.get(images[one.image].image)) is not None
        and tuple(boxes) != images[one.image].truths
        and is_mended(one, images[one.image], boxes)
    )


def labels_now(
    entries: Iterable[str],
    run: RunFolder,
    open_keys: Mapping[str, str],
    images: Mapping[str, AnnotatedImage],
    class_names: Sequence[str],
    theirs: Sequence[str],
) -> dict[str, tuple[Box, ...]]:
    """The boxes of a run's pictures as they are in the open set, with the labels of the run.

    Args:
        entries: Of the run's lists.
        run: The run.
        open_keys: Key in the open set of each picture of the Darknet data set.
        images: The pictures of the open set.
        class_names: The classes of the open set.
        theirs: Those of the run.
    """
    found: dict[str, tuple[Box, ...]] = {}
    for entry in entries:
        image = images.get(open_keys.get(work_key(run, entry), ""))
        if image is not None:
            found[entry] = tuple(_inside(box, image.size) for box in image.boxes)
    return with_labels_of(found, class_names, theirs)


def relabelled_since(
    run: RunFolder,
    open_keys: Mapping[str, str],
    images: Mapping[str, AnnotatedImage],
    class_names: Sequence[str],
) -> tuple[str, ...]:
    """Keys of the pictures whose labels are not those that a run began with; copies are not looked at.

    Args and errors as for :func:`labels_now` and :meth:`RunFolder.own_list`.
    """
    changed: list[str] = []
    names = run.info.class_names
    for split in Split:
        own = [entry for entry in run.own_list(split) if not entry.startswith(_COPIES)]
        listed = dict(zip(_in_the_set(run, own), own, strict=True))
        now = labels_now(listed, run, open_keys, images, class_names, names)
        for entry, boxes in now.items():
            key = open_keys[work_key(run, entry)]
            then = _read_labels((run.path / listed[entry]).with_suffix(".txt"), names, images[key].size)
            if then is not None and not _same(then, boxes, images[key].size):
                changed.append(key)
    return tuple(dict.fromkeys(changed))


def _in_the_set(run: RunFolder, own: Sequence[str]) -> list[str]:
    from annotator.darknet.run.data import in_the_set

    return [in_the_set(entry) for entry in own]


def _fitting(seen: Box, boxes: Sequence[Box]) -> int:
    """How many boxes of its class a prediction fits."""
    same = [box for box in boxes if box.label == seen.label]
    return sum(float(iou) > IOU for iou in iou_float32([seen], same)[0]) if same else 0


def _inside(box: Box, size: tuple[int, int]) -> Box:
    x1, y1, x2, y2 = box.xyxy
    return box.moved_to((max(0.0, x1), max(0.0, y1), min(float(size[0]), x2), min(float(size[1]), y2)))


def _read_labels(path: Path, names: Sequence[str], size: tuple[int, int]) -> list[Box] | None:
    """The boxes of a run's own label file; None where it has none that can be read."""
    found: list[Box] = []
    with suppress(OSError, ValueError, IndexError):
        for line in path.read_text(encoding="ascii").splitlines():
            if line.strip():
                first, *rest = line.split()
                x, y, width, height = (float(one) for one in rest)
                edges = ((x - width / 2) * size[0], (y - height / 2) * size[1],
                         (x + width / 2) * size[0], (y + height / 2) * size[1])  # fmt: skip
                found.append(Box(edges, names[int(first)]))
        return found
    return None


def _same(then: Sequence[Box], now: Sequence[Box], size: tuple[int, int]) -> bool:
    if len(then) != len(now):
        return False
    most = 0.01 + _ROUNDING * max(size)
    left = list(now)
    for box in then:
        same = next((one for one in left if _equal(box, one, most)), None)
        if same is None:
            return False
        left.remove(same)
    return True


def _equal(one: Box, other: Box, most: float) -> bool:
    pairs = zip(one.xyxy, other.xyxy, strict=True)
    return one.label == other.label and all(abs(a - b) <= most for a, b in pairs)
