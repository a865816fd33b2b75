"""Gestures: what a press, the moves after it and the release do to boxes. One small class each.

A gesture works in picture pixels. ``preview`` is what is painted while it goes on; the one edit it makes
is built on release. Edges land on whole pixels: that is what VOC files of other tools hold, and what a
person aims at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from annotator.core.hit import Part
from annotator.core.selecting import boxes_inside
from annotator.core.viewport import Point
from converters.model import Box, Xyxy

MIN_SIDE = 2.0
"""A drawn box with a shorter side is taken for a slip of the hand."""


def clamp_point(point: Point, size: tuple[int, int]) -> Point:
    """The nearest point inside the picture."""
    return (min(max(point[0], 0.0), float(size[0])), min(max(point[1], 0.0), float(size[1])))


def _snap(value: float) -> float:
    return float(round(value))


@dataclass(slots=True)
class DrawGesture:
    """Draw a box by a drag, or by two clicks."""

    size: tuple[int, int]
    start: Point
    end: Point = field(init=False)

    def __post_init__(self) -> None:
        self.start = clamp_point(self.start, self.size)
        self.end = self.start

    def move(self, point: Point) -> None:
        """The pointer is at ``point`` now."""
        self.end = clamp_point(point, self.size)

    @property
    def xyxy(self) -> Xyxy:
        """The box so far, on whole pixels."""
        x1, x2 = sorted((_snap(self.start[0]), _snap(self.end[0])))
        y1, y2 = sorted((_snap(self.start[1]), _snap(self.end[1])))
        return (x1, y1, x2, y2)

    def result(self) -> Xyxy | None:
        """The drawn box, or None where it is too small to be meant."""
        x1, y1, x2, y2 = self.xyxy
        return (x1, y1, x2, y2) if x2 - x1 >= MIN_SIDE and y2 - y1 >= MIN_SIDE else None


@dataclass(slots=True)
class MoveGesture:
    """Move boxes together by a drag."""

    size: tuple[int, int]
    boxes: tuple[Box, ...]
    indices: frozenset[int]
    start: Point
    end: Point = field(init=False)
    _made: tuple[Point, tuple[Box, ...]] | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.end = self.start

    def move(self, point: Point) -> None:
        """The pointer is at ``point`` now."""
        self.end = point

    def preview(self) -> tuple[Box, ...]:
        """All boxes of the picture with the moved ones in their new place."""
        # Asked for several times until the pointer moves on; of 500 boxes that would be felt.
        if self._made is None or self._made[0] != self.end:
            delta = (self.end[0] - self.start[0], self.end[1] - self.start[1])
            self._made = (self.end, move_boxes(self.boxes, self.indices, delta, self.size))
        return self._made[1]


@dataclass(slots=True)
class ResizeGesture:
    """Drag one of the eight handles of a box. Crossing the opposite edge flips the box."""

    size: tuple[int, int]
    boxes: tuple[Box, ...]
    index: int
    part: Part
    start: Point
    end: Point = field(init=False)

    def __post_init__(self) -> None:
        self.end = self.start

    def move(self, point: Point) -> None:
        """The pointer is at ``point`` now."""
        self.end = point

    def preview(self) -> tuple[Box, ...]:
        """All boxes of the picture with the resized one as it would be."""
        if self.end == self.start:
            return self.boxes
        box = self.boxes[self.index]
        # The edge moves by what the pointer moved: a press beside the edge does not make it jump.
        moved = (self.end[0] - self.start[0], self.end[1] - self.start[1])
        edges = list(box.xyxy)
        for letter in self.part.value:
            side = "ltrb".index(letter)
            if _snap(moved[side % 2]) == 0:
                continue  # an edge that is not moved keeps its fraction, and its place beyond the picture
            limit = float(self.size[side % 2])
            edges[side] = min(max(_snap(edges[side] + moved[side % 2]), 0.0), limit)
        x1, x2 = sorted((edges[0], edges[2]))
        y1, y2 = sorted((edges[1], edges[3]))
        xyxy = (x1, y1, max(x2, x1 + 1.0), max(y2, y1 + 1.0))
        return (*self.boxes[: self.index], box.moved_to(xyxy), *self.boxes[self.index + 1 :])


@dataclass(slots=True)
class BandGesture:
    """Select boxes by a rubber band, besides those that were selected before."""

    boxes: tuple[Box, ...]
    selected: frozenset[int]
    start: Point
    end: Point = field(init=False)

    def __post_init__(self) -> None:
        self.end = self.start

    def move(self, point: Point) -> None:
        """The pointer is at ``point`` now."""
        self.end = point

    @property
    def xyxy(self) -> Xyxy:
        """The band so far; it may reach beyond the picture."""
        x1, x2 = sorted((self.start[0], self.end[0]))
        y1, y2 = sorted((self.start[1], self.end[1]))
        return (x1, y1, x2, y2)

    def result(self) -> frozenset[int]:
        """What is selected if the band ends here."""
        return self.selected | boxes_inside(self.boxes, self.xyxy)


def move_boxes(
    boxes: tuple[Box, ...], indices: frozenset[int], delta: Point, size: tuple[int, int]
) -> tuple[Box, ...]:
    """Move some boxes by whole pixels, all by the same amount, as far as all of them stay inside.

    A box that already lies beyond an edge is not pushed back by a move along it.
    """
    chosen = [boxes[index].xyxy for index in indices if index < len(boxes)]
    if not chosen:
        return boxes
    dx = _limit(_snap(delta[0]), min(e[0] for e in chosen), size[0] - max(e[2] for e in chosen))
    dy = _limit(_snap(delta[1]), min(e[1] for e in chosen), size[1] - max(e[3] for e in chosen))
    if dx == 0 and dy == 0:
        return boxes
    return tuple(
        box.moved_to((box.xyxy[0] + dx, box.xyxy[1] + dy, box.xyxy[2] + dx, box.xyxy[3] + dy))
        if index in indices
        else box
        for index, box in enumerate(boxes)
    )


def resize_by(box: Box, dx: float, dy: float, size: tuple[int, int], *, far_edges: bool = True) -> Box:
    """Move the right and bottom edge (or the left and top one) by whole pixels, by keyboard."""
    x1, y1, x2, y2 = box.xyxy
    if far_edges:
        x2 = max(min(x2 + dx, max(float(size[0]), x2)), x1 + 1)
        y2 = max(min(y2 + dy, max(float(size[1]), y2)), y1 + 1)
    else:
        x1 = min(max(x1 + dx, min(0.0, x1)), x2 - 1)
        y1 = min(max(y1 + dy, min(0.0, y1)), y2 - 1)
    return box.moved_to((x1, y1, x2, y2))


def _limit(delta: float, room_before: float, room_after: float) -> float:
    """A whole-pixel ``delta`` no larger than the room that is left on its side."""
    if delta < 0:
        return -min(-delta, max(room_before // 1, 0.0))
    return min(delta, max(room_after // 1, 0.0))
