"""What lies under the pointer: a handle of a selected box, a box, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from annotator.core.viewport import Point
from converters.model import Box, Xyxy

EDGE_REACH = 0.5
"""Reach of an edge between its handles, as a part of the handles' own."""
BODY_REACH = 0.4
"""How far beside a box it is still hit, as a part of the handles' reach: boxes may be a pixel or two wide."""
MOST_WITH_HANDLES = 12
"""Of more selected boxes none shows handles: one moves, relabels or deletes so many, and resizes none."""


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
    """The handle within ``tolerance`` of ``point``, else the edge that runs nearby, or None.

    On a box too small to hold all eight, handles and edges reach outwards only: inside it a drag moves the
    box.
    """
    x1, y1, x2, y2 = xyxy
    x, y = point
    if x < x1 - tolerance or x > x2 + tolerance or y < y1 - tolerance or y > y2 + tolerance:
        return None  # nearly always: no need to look closer
    inside = x1 < x < x2 and y1 < y < y2
    if inside and min(x2 - x1, y2 - y1) < 3 * tolerance:
        return None
    best: tuple[float, Part] | None = None
    for part, (at_x, at_y) in handle_positions(xyxy).items():
        distance = max(abs(x - at_x), abs(y - at_y))
        if distance <= tolerance and (best is None or distance < best[0]):
            best = (distance, part)
    return best[1] if best else _edge_at(xyxy, point, tolerance * EDGE_REACH)


def _edge_at(xyxy: Xyxy, point: Point, tolerance: float) -> Part | None:
    """The edge that runs within ``tolerance`` of a point beside or on it."""
    distances = {
        Part.LEFT: abs(point[0] - xyxy[0]),
        Part.RIGHT: abs(point[0] - xyxy[2]),
        Part.TOP: abs(point[1] - xyxy[1]),
        Part.BOTTOM: abs(point[1] - xyxy[3]),
    }
    part = min(distances, key=lambda edge: distances[edge])
    return part if distances[part] <= tolerance else None


def boxes_at(boxes: Sequence[Box], point: Point, tolerance: float = 0.0) -> list[int]:
    """Indices of the boxes under ``point``, the smallest first (it is the one hardest to reach)."""
    found = []
    x, y = point
    for index, box in enumerate(boxes):
        x1, y1, x2, y2 = box.xyxy
        if x1 - tolerance <= x <= x2 + tolerance and y1 - tolerance <= y <= y2 + tolerance:
            found.append(((x2 - x1) * (y2 - y1), index))
    return [index for _, index in sorted(found)]


def hit_test(boxes: Sequence[Box], point: Point, tolerance: float, selected: frozenset[int]) -> Hit | None:
    """What a press at ``point`` takes hold of.

    Args:
        boxes: The boxes of the picture.
        point: In picture pixels.
        tolerance: Reach of a handle in picture pixels.
        selected: Indices of the selected boxes; only they show handles, and only few of them.

    Returns:
        A handle of a selected box first, then a selected box, then the smallest box, else None.
    """
    if len(selected) <= MOST_WITH_HANDLES:
        for index in sorted(selected):
            if index < len(boxes) and (part := hit_handle(boxes[index].xyxy, point, tolerance)):
                return Hit(index, part)
    under = boxes_at(boxes, point, tolerance * BODY_REACH)
    if not under:
        return None
    for index in under:
        if index in selected:
            return Hit(index, Part.BODY)
    return Hit(under[0], Part.BODY)


def next_under(boxes: Sequence[Box], point: Point, current: int | None, tolerance: float = 0.0) -> int | None:
    """The box to select on another click at the same place: cycles through overlapping boxes.

    ``tolerance`` is the reach of a handle, as in :func:`hit_test`.
    """
    under = boxes_at(boxes, point, tolerance * BODY_REACH)
    if not under:
        return None
    if current not in under:
        return under[0]
    return under[(under.index(current) + 1) % len(under)]
