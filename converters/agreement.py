"""Whether two pictures that show the same are labelled the same."""

from __future__ import annotations

import numpy as np

from converters.geometry import as_array, iou
from converters.model import AnnotatedImage

AGREE_IOU = 0.80
"""Two boxes of one class that overlap so are one object drawn twice; the rest is the hand's noise (people who
label a face a second time reach 0.85 on average)."""


SAME_IOU = 0.95
"""Two boxes that overlap so are the same numbers, but for rounding."""


def unmatched(first: AnnotatedImage, second: AnnotatedImage, min_iou: float = AGREE_IOU) -> tuple[int, int]:
    """Boxes without a counterpart in the other picture: how many of the first, how many of the second.

    The picture may have another size in the second; boxes are compared as parts of its sides. Pairs are made
    of boxes of one class, those that overlap most first.

    Args:
        first: A picture.
        second: One that shows the same.
        min_iou: Least overlap of two boxes that are taken for one.
    """
    a, b = first.boxes, second.boxes
    if not a or not b:
        return len(a), len(b)
    sides = [np.array([*image.size, *image.size], dtype=np.float64) for image in (first, second)]
    overlap = iou(as_array(a) / sides[0], as_array(b) / sides[1])
    same = np.array([[x.label == y.label for y in b] for x in a])
    overlap[~same] = 0.0
    pairs = 0
    while True:
        i, j = np.unravel_index(int(overlap.argmax()), overlap.shape)
        if overlap[i, j] < min_iou:
            return len(a) - pairs, len(b) - pairs
        overlap[i, :] = 0.0
        overlap[:, j] = 0.0
        pairs += 1


def agree(first: AnnotatedImage, second: AnnotatedImage) -> bool:
    """Whether every box of one picture has its counterpart in the other."""
    return unmatched(first, second) == (0, 0)
