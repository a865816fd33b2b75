"""Edits of the selected boxes of one picture by keyboard and by number fields."""

from __future__ import annotations

from typing import Literal

from annotator.core.edits import NUDGE_EDGE, SetBoxes
from annotator.core.gestures import resize_by
from converters.model import Box, Xyxy

Number = Literal["x", "y", "width", "height"]
"""A number of a box that can be typed."""

FLAGS = ("difficult", "truncated", "occluded", "crowd")
"""Every flag of the model, in the order in which they are shown."""


def resize_boxes(
    key: str,
    boxes: tuple[Box, ...],
    indices: frozenset[int],
    delta: tuple[float, float],
    size: tuple[int, int],
    *,
    far_edges: bool = True,
) -> SetBoxes:
    """Move the right and bottom edges (or the left and top ones) of some boxes by keyboard."""
    after = tuple(
        resize_by(box, *delta, size, far_edges=far_edges) if index in indices else box
        for index, box in enumerate(boxes)
    )
    return SetBoxes(key, boxes, after, NUDGE_EDGE)


def flag_boxes(key: str, boxes: tuple[Box, ...], indices: frozenset[int], flag: str, on: bool) -> SetBoxes:
    """Set or clear a flag of some boxes; every other flag stays."""
    after = tuple(_flagged(box, flag, on) if index in indices else box for index, box in enumerate(boxes))
    count = sum(new is not old for new, old in zip(after, boxes, strict=True))
    what = "box" if count == 1 else f"{count} boxes"
    return SetBoxes(key, boxes, after, f"mark {what} as {flag}" if on else f"mark {what} as not {flag}")


def type_number(
    key: str, boxes: tuple[Box, ...], index: int, number: Number, value: float, size: tuple[int, int]
) -> SetBoxes:
    """Set one number of a box exactly, as far as the picture goes; the three others stay as they are."""
    xyxy = with_number(boxes[index].xyxy, number, value, size)
    after = (*boxes[:index], boxes[index].moved_to(xyxy), *boxes[index + 1 :])
    text = "move box" if number in ("x", "y") else "resize box"
    return SetBoxes(key, boxes, after, text)


def with_number(xyxy: Xyxy, number: Number, value: float, size: tuple[int, int]) -> Xyxy:
    """Edges of a box with another x, y, width or height.

    x and y move the box, width and height move its right or bottom edge. The result goes no farther beyond
    the picture than the box did before, and a side is at least one pixel.
    """
    x1, y1, x2, y2 = xyxy
    if number == "x":
        x1, x2 = _moved(x1, x2, value, float(size[0]))
    elif number == "y":
        y1, y2 = _moved(y1, y2, value, float(size[1]))
    elif number == "width":
        x2 = min(x1 + max(value, 1.0), max(float(size[0]), x2))
    else:
        y2 = min(y1 + max(value, 1.0), max(float(size[1]), y2))
    return (x1, y1, max(x2, x1 + 1.0), max(y2, y1 + 1.0))


def _moved(low: float, high: float, to: float, limit: float) -> tuple[float, float]:
    start = max(min(to, max(limit, high) - (high - low)), min(0.0, low))
    return start, start + (high - low)


def _flagged(box: Box, flag: str, on: bool) -> Box:
    if (flag in box.flags) == on:
        return box
    return box.flagged(box.flags | {flag} if on else box.flags - {flag})
