"""What lies under the pointer: a handle of a selected box, a box, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from annotator.core.viewport import Point
from converters.model import Box, Xyxy


class Part(Enum):
    """The part of a box that was hit. The value names the edges that follow the pointer."""

    BODY = ""
    TOP_LEFT = "lt"
    TOP = "t"
    TOP_RIGHT = "rt"
    RIGHT = "r"
    BOTTOM_RIGHT = "rb"
    BOTTOM = "b"
    BOTTOM_LEFT = "lb"
    LEFT = "l"


@dataclass(frozen=True, slots=True)
class Hit:
    """A part of the box with this index."""

    index: int
    part: Part


def handle_positions(xyxy: Xyxy) -> dict[Part, Point]:
    """The eight handles of a box, in the coordinates of ``xyxy``."""
    x1, y1, x2, y2 = xyxy
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    return {
        Part.TOP_LEFT: (x1, y1),
        Part.TOP: (cx, y1),
        Part.TOP_RIGHT: (x2, y1),
        Part.RIGHT: (x2, cy),
        Part.BOTTOM_RIGHT: (x2, y2),
        Part.BOTTOM: (cx, y2),
        Part.BOTTOM_LEFT: (x1, y2),
        Part.LEFT: (x1, cy),
    }


def hit_handle(xyxy: Xyxy, point: Point, tolerance: float) -> Part | None:
    """The nearest handle within ``tolerance`` of ``point``, or None.

    On a box too small to hold all eight, the handles reach outwards only: inside it a drag moves the box.
    """
    x1, y1, x2, y2 = xyxy
    inside = x1 < point[0] < x2 and y1 < point[1] < y2
    if inside and min(x2 - x1, y2 - y1) < 3 * tolerance:
        return None
    best: tuple[float, Part] | None = None
    for part, (x, y) in handle_positions(xyxy).items():
        distance = max(abs(point[0] - x), abs(point[1] - y))
        if distance <= tolerance and (best is None or distance < best[0]):
            best = (distance, part)
    return best[1] if best else None


def boxes_at(boxes: Sequence[Box], point: Point, tolerance: float = 0.0) -> list[int]:
    """Indices of the boxes under ``point``, the smallest first (it is the one hardest to reach)."""
    found = []
    for index, box in enumerate(boxes):
        x1, y1, x2, y2 = box.xyxy
        if x1 - tolerance <= point[0] <= x2 + tolerance and y1 - tolerance <= point[1] <= y2 + tolerance:
            found.append(((x2 - x1) * (y2 - y1), index))
    return [index for _, index in sorted(found)]


def hit_test(boxes: Sequence[Box], point: Point, tolerance: float, selected: frozenset[int]) -> Hit | None:
    """What a press at ``point`` takes hold of.

    Args:
        boxes: The boxes of the picture.
        point: In picture pixels.
        tolerance: Reach of a handle in picture pixels.
        selected: Indices of the selected boxes; only they show handles.

    Returns:
        A handle of a selected box first, then a selected box, then the smallest box, else None.
    """
    for index in sorted(selected):
        if index < len(boxes) and (part := hit_handle(boxes[index].xyxy, point, tolerance)):
            return Hit(index, part)
    under = boxes_at(boxes, point, tolerance / 3)
    if not under:
        return None
    for index in under:
        if index in selected:
            return Hit(index, Part.BODY)
    return Hit(under[0], Part.BODY)


def next_under(boxes: Sequence[Box], point: Point, current: int | None) -> int | None:
    """The box to select on another click at the same place: cycles through overlapping boxes."""
    under = boxes_at(boxes, point)
    if not under:
        return None
    if current not in under:
        return under[0]
    return under[(under.index(current) + 1) % len(under)]
