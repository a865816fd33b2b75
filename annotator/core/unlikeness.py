"""How unlike its class a box looks, to rank mislabelled boxes first: descriptors and nearest neighbours.

A box is described by what its crop looks like at 32 x 32 pixels: the histogram of oriented gradients (Dalal
and Triggs, Histograms of Oriented Gradients for Human Detection, CVPR 2005) for shape, and the colours of an
8 x 8 mosaic in CIE Lab, robustly scaled, for what is where in which colour. Both parts weigh the same, and
32 principal components of them are kept.

The score is the trust score of Jiang, Kim, Guan and Gupta (To Trust Or Not To Trust A Classifier, NeurIPS
2018) for the label that a person gave: the distance to the nearest boxes of the own class over the distance
to the nearest boxes of other classes. It asks what lies around a box, not how far it is from the mean of
its class: a class may look in several ways, and a rare class of 50 boxes beside one of 3,000 has no
covariance worth the name. The mean over five neighbours, not the first alone, keeps two wrong labels beside
each other from vouching for each other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from annotator.core.gallery import BoxId
from converters.errors import DataError
from converters.images import RgbImage, load_rgb
from converters.model import AnnotatedImage, Xyxy

SIDE = 32
"""Side in pixels that a crop is described at."""
MOSAIC = 8
"""Fields of the colour mosaic in each direction."""
COMPONENTS = 32
NEIGHBOURS = 5
REFERENCES = 3_000
"""How many boxes of a class are compared with at most: the time stays linear in the number of boxes."""

_HOG_LENGTH = 324
_MAD_TO_SIGMA = 1.4826
_CLIP = 5.0
_CHUNK = 512
_SAMPLE = 8_000

Descriptor = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Tell = Callable[[int, int], None]


@dataclass(slots=True)
class Descriptors:
    """The descriptors of boxes. That of a box holds until its edges change; its label is no part of it."""

    known: dict[BoxId, Descriptor] = field(default_factory=dict)
    _unreadable: set[str] = field(default_factory=set)

    def complete(self, images: Sequence[AnnotatedImage], tell: Tell) -> None:
        """Describe the boxes that are not described yet. Pictures that cannot be read are left out.

        Args:
            images: The pictures with their boxes.
            tell: Told (pictures done, pictures in all); what it raises ends the work, and what was
                described until then is kept.
        """
        todo = [image for image in images if self._lacks(image)]
        tell(0, len(todo))
        with ThreadPoolExecutor(2, thread_name_prefix="describe") as pool:
            try:
                # In parts, so that few decoded pictures wait at a time.
                for done, (key, found) in enumerate(pool.map(self._describe, todo), start=1):
                    if found is None:
                        self._unreadable.add(key)
                    else:
                        self.known.update(found)
                    tell(done, len(todo))
            except BaseException:
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def scores(self, images: Iterable[AnnotatedImage], tell: Tell | None = None) -> dict[BoxId, float]:
        """The unlikeness of every box that is described."""
        ids: list[BoxId] = []
        labels: list[str] = []
        for image in images:
            for box in image.boxes:
                if (image.key, box.xyxy) in self.known:
                    ids.append((image.key, box.xyxy))
                    labels.append(box.label)
        if not ids:
            return {}
        values = unlikeness([self.known[id_] for id_ in ids], labels, tell)
        scores: dict[BoxId, float] = {}
        for id_, value in zip(ids, values, strict=True):
            # Two boxes on the very same place: the stranger of the two labels counts.
            scores[id_] = max(float(value), scores.get(id_, 0.0))
        return scores

    def _lacks(self, image: AnnotatedImage) -> bool:
        return image.key not in self._unreadable and any(
            (image.key, box.xyxy) not in self.known for box in image.boxes
        )

    def _describe(self, image: AnnotatedImage) -> tuple[str, dict[BoxId, Descriptor] | None]:
        try:
            rgb = load_rgb(image.path)
        except (DataError, MemoryError):
            return image.key, None
        wanted = {box.xyxy for box in image.boxes if (image.key, box.xyxy) not in self.known}
        return image.key, {(image.key, xyxy): describe(rgb, xyxy) for xyxy in wanted}


def describe(rgb: RgbImage, xyxy: Xyxy) -> Descriptor:
    """Shape and colours of the part of a picture inside a box.

    Args:
        rgb: The picture, shape (height, width, 3), uint8, RGB.
        xyxy: The box; what lies out of the picture is left out.

    Returns:
        324 values of the HOG (9 directions, cells of 8 pixels, blocks of 2 x 2 cells), then 192 of the
        mosaic in CIE Lab.
    """
    import cv2

    height, width = rgb.shape[:2]
    left = min(max(int(np.floor(xyxy[0])), 0), width - 1)
    top = min(max(int(np.floor(xyxy[1])), 0), height - 1)
    right = min(max(int(np.ceil(xyxy[2])), left + 1), width)
    bottom = min(max(int(np.ceil(xyxy[3])), top + 1), height)
    crop = cv2.resize(rgb[top:bottom, left:right], (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    hog = cv2.HOGDescriptor((SIDE, SIDE), (16, 16), (8, 8), (8, 8), 9)
    shape = np.asarray(hog.compute(cv2.cvtColor(crop, cv2.COLOR_RGB2GRAY))).ravel()
    mosaic = cv2.resize(crop, (MOSAIC, MOSAIC), interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(mosaic.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    return np.concatenate([shape, lab.ravel()]).astype(np.float16)


def unlikeness(
    descriptors: Sequence[npt.NDArray[np.floating]], labels: Sequence[str], tell: Tell | None = None
) -> Floats:
    """How unlike its class each box looks; about 1 is undecided, more is suspicious.

    Args:
        descriptors: What :func:`describe` returned for each box.
        labels: The class of each.
        tell: Told how far it is.

    Returns:
        Mean distance to the nearest boxes of the own class over that to the nearest boxes of other classes,
        shape (boxes,). A box that is alone in its class cannot be judged: 1. Where there is one class
        only, the distance to its nearest neighbours over the median of that.
    """
    points = _components(descriptors)
    names, codes = np.unique(np.asarray(labels), return_inverse=True)
    own = np.full(len(points), np.nan, dtype=np.float32)
    other = np.full(len(points), np.inf, dtype=np.float32)
    members = [_spread(np.flatnonzero(codes == code)) for code in range(len(names))]
    for start in range(0, len(points), _CHUNK):
        rows = np.arange(start, min(start + _CHUNK, len(points)))
        if tell is not None:
            tell(start, len(points))
        for code, references in enumerate(members):
            distances = _distances(points[rows], points[references])
            distances[rows[:, None] == references[None, :]] = np.inf
            mine = codes[rows] == code
            own[rows[mine]] = _nearest(distances[mine])
            # Of the other classes, the nearest one counts.
            other[rows[~mine]] = np.minimum(other[rows[~mine]], _nearest(distances[~mine]))
    if len(names) < 2:
        other[:] = np.median(own)
    tiny = np.float32(1e-6)
    known = np.isfinite(own) & np.isfinite(other)
    result: Floats = np.ones(len(points), dtype=np.float32)
    result[known] = (own[known] + tiny) / (other[known] + tiny)
    return result


def _components(descriptors: Sequence[npt.NDArray[np.floating]]) -> Floats:
    """The principal components of both parts, each scaled so that it weighs the same.

    What is large with many boxes is never in memory as a whole: the scales are those of a sample.
    """
    rows = np.linspace(0, len(descriptors) - 1, min(len(descriptors), _SAMPLE)).astype(np.intp)
    sample = np.stack([descriptors[row] for row in rows]).astype(np.float32)
    colours = sample[:, _HOG_LENGTH:]
    middle = np.median(colours, axis=0)
    spread = _MAD_TO_SIGMA * np.median(np.abs(colours - middle), axis=0)
    scale = np.where(spread > 0, spread, 1).astype(np.float32)

    def robust(values: Floats) -> Floats:
        clipped = np.clip((values[:, _HOG_LENGTH:] - middle) / scale, -_CLIP, _CLIP)
        return np.hstack([values[:, :_HOG_LENGTH], clipped]).astype(np.float32)

    sample = robust(sample)
    mean = sample.mean(axis=0)
    squares = np.mean((sample - mean) ** 2, axis=0)
    weights = np.empty(len(mean), dtype=np.float32)
    for part in (slice(0, _HOG_LENGTH), slice(_HOG_LENGTH, None)):
        size = np.sqrt(squares[part].sum())
        weights[part] = 1 / size if size > 0 else 1
    sample = (sample - mean) * weights
    _, vectors = np.linalg.eigh(sample.T @ sample)
    directions = vectors[:, ::-1][:, :COMPONENTS]
    found = np.empty((len(descriptors), directions.shape[1]), dtype=np.float32)
    for start in range(0, len(descriptors), _CHUNK):
        chunk = np.stack(descriptors[start : start + _CHUNK]).astype(np.float32)
        found[start : start + _CHUNK] = (robust(chunk) - mean) * weights @ directions
    return found


def _spread(indices: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
    """At most REFERENCES of them, evenly over all."""
    if len(indices) <= REFERENCES:
        return indices
    return indices[np.linspace(0, len(indices) - 1, REFERENCES).astype(np.intp)]


def _distances(first: Floats, second: Floats) -> Floats:
    squares = (first**2).sum(axis=1)[:, None] + (second**2).sum(axis=1)[None, :] - 2 * first @ second.T
    distances: Floats = np.sqrt(np.maximum(squares, 0))
    return distances


def _nearest(distances: Floats) -> Floats:
    """Mean distance to the nearest neighbours in each row; infinite where there is none."""
    count = min(NEIGHBOURS, distances.shape[1])
    if not count or not len(distances):
        return np.full(len(distances), np.inf, dtype=np.float32)
    nearest = np.partition(distances, count - 1, axis=1)[:, :count]
    known = np.isfinite(nearest)
    sums = np.where(known, nearest, 0).sum(axis=1)
    counts = known.sum(axis=1)
    means: Floats = np.where(counts > 0, sums / np.maximum(counts, 1), np.inf).astype(np.float32)
    return means
