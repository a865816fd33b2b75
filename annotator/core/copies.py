"""Where copies of boxes go: into this picture or another one, never where they cannot be seen."""

from __future__ import annotations

from collections.abc import Sequence

from converters.model import Box, Xyxy

LEAST = 1.0
"""Shorter side (pixels) of a copy that is worth to be added."""
_MOST_TURNS = 500


def clipped(box: Box, size: tuple[int, int]) -> Box | None:
    """A box limited to a picture of this size.

    A box of which less than half would be left is moved inside first, as far as it fits: it was copied to be
    seen.

    Returns:
        The box (the very same where it lies inside), or None where nothing of it can be shown.
    """
    x1, y1, x2, y2 = box.xyxy
    width, height = float(size[0]), float(size[1])
    if min(x2, width) - max(x1, 0.0) < (x2 - x1) / 2:
        x1, x2 = _inside(x1, x2, width)
    if min(y2, height) - max(y1, 0.0) < (y2 - y1) / 2:
        y1, y2 = _inside(y1, y2, height)
    xyxy = (max(x1, 0.0), max(y1, 0.0), min(x2, width), min(y2, height))
    if xyxy[2] - xyxy[0] < LEAST or xyxy[3] - xyxy[1] < LEAST:
        return None
    return box if xyxy == box.xyxy else box.moved_to(xyxy)


def shifted(boxes: Sequence[Box], by: float, size: tuple[int, int]) -> tuple[Box, ...]:
    """Boxes moved together right and down; at the picture's edge they come in again at the other side."""
    if not boxes:
        return ()
    left, top = min(b.xyxy[0] for b in boxes), min(b.xyxy[1] for b in boxes)
    dx = _wrapped(left, max(b.xyxy[2] for b in boxes), by, float(size[0]))
    dy = _wrapped(top, max(b.xyxy[3] for b in boxes), by, float(size[1]))
    return tuple(b.moved_to((b.xyxy[0] + dx, b.xyxy[1] + dy, b.xyxy[2] + dx, b.xyxy[3] + dy)) for b in boxes)


def placed(
    copied: Sequence[Box], there: Sequence[Box], size: tuple[int, int], aside: float
) -> tuple[Box, ...]:
    """Copies of boxes for a picture, clipped to it, and aside where they would hide behind what is there.

    Args:
        copied: The boxes to add.
        there: The boxes that the picture has.
        size: (width, height) of the picture.
        aside: How far (pixels) a copy is moved aside, again and again until it can be seen.
    """
    taken = {box.xyxy for box in there}
    inside = _clipped_all(copied, size)
    for turn in range(1, _MOST_TURNS):
        if not inside or not all(box.xyxy in taken for box in inside):
            break
        inside = _clipped_all(shifted(copied, turn * aside, size), size)
    return inside


def missing(copied: Sequence[Box], there: Sequence[Box], size: tuple[int, int]) -> tuple[Box, ...]:
    """Those of another picture's boxes that this one has not got yet, clipped to it."""
    taken: set[tuple[Xyxy, str]] = {(box.xyxy, box.label) for box in there}
    inside = (clipped(box, size) for box in copied)
    return tuple(box for box in inside if box is not None and (box.xyxy, box.label) not in taken)


def _clipped_all(boxes: Sequence[Box], size: tuple[int, int]) -> tuple[Box, ...]:
    return tuple(inside for box in boxes if (inside := clipped(box, size)) is not None)


def _wrapped(low: float, high: float, by: float, limit: float) -> float:
    """How far an interval goes for a step of ``by``; beyond the limit it begins at 0 again."""
    room = limit - (high - low)
    return (low + by) % (room + 1) // 1 - low // 1 if room > 0 and low >= 0 else by


def _inside(low: float, high: float, limit: float) -> tuple[float, float]:
    """An interval moved between 0 and ``limit``; one that is longer than that begins at 0."""
    length = high - low
    start = max(min(low, limit - length), 0.0)
    return start, start + length
