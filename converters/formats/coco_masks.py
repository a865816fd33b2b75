"""The box around an outline, as COCO writes outlines: polygons, or run lengths of a mask.

Run lengths are counted down the columns, beginning with what is not the object (cocodataset/cocoapi,
``common/maskApi.h`` and ``maskApi.c``: ``rleFrString`` for those packed into text).
"""

from __future__ import annotations

import math
from typing import Any

from converters.errors import FormatError
from converters.formats.json_document import number_in
from converters.model import Xyxy

_MAX_PIXELS = 1 << 32


def outline_kind(segmentation: Any) -> str | None:
    """What an outline is: ``polygon``, ``mask`` (run lengths), or None where there is none."""
    if isinstance(segmentation, dict):
        return "mask" if segmentation.get("counts") else None
    if isinstance(segmentation, list) and any(segmentation):
        return "polygon"
    return None


def is_rectangle(segmentation: Any, xyxy: Xyxy) -> bool:
    """Whether an outline says no more than its box does: one polygon of the box's four corners."""
    if not isinstance(segmentation, list) or len(segmentation) != 1:
        return False
    points = segmentation[0]
    if not isinstance(points, list) or len(points) not in (8, 10):
        return False
    if not all(isinstance(value, int | float) for value in points):
        return False
    edges_x, edges_y = xyxy[0::2], xyxy[1::2]
    near_x = all(min(abs(x - edge) for edge in edges_x) <= 1.0 for x in points[0::2])
    return near_x and all(min(abs(y - edge) for edge in edges_y) <= 1.0 for y in points[1::2])


def outline_bounds(segmentation: Any) -> Xyxy:
    """The box around an outline, in pixels.

    Raises:
        FormatError: It is no well-formed outline, or has no area.
    """
    if isinstance(segmentation, dict):
        return _mask_bounds(segmentation)
    xs: list[float] = []
    ys: list[float] = []
    for polygon in segmentation:
        if not isinstance(polygon, list) or len(polygon) % 2 or len(polygon) < 6:
            raise FormatError(
                "is no polygon: x and y of at least three points were expected.", code="bad-outline"
            )
        values = [number_in(value) for value in polygon]
        xs += values[0::2]
        ys += values[1::2]
    return min(xs), min(ys), max(xs), max(ys)


def _mask_bounds(mask: dict[str, Any]) -> Xyxy:
    size = mask.get("size")
    if not (isinstance(size, list) and len(size) == 2 and all(_is_whole(side) and side > 0 for side in size)):
        raise FormatError("has no size of height and width.", code="bad-outline")
    height, width = size
    counts = mask.get("counts")
    runs = _unpacked(counts) if isinstance(counts, str) else counts
    if not isinstance(runs, list) or not all(_is_whole(run) and run >= 0 for run in runs):
        raise FormatError("has run lengths that are no whole numbers.", code="bad-outline")
    if sum(runs) > width * height or width * height > _MAX_PIXELS:
        raise FormatError("has more pixels than its size.", code="bad-outline")
    left, top, right, bottom = math.inf, math.inf, -math.inf, -math.inf
    place = 0
    for number, run in enumerate(runs):
        if number % 2 and run:
            first, last = divmod(place, height), divmod(place + run - 1, height)
            left, right = min(left, first[0]), max(right, last[0] + 1)
            # A run that goes on in the next column reaches from edge to edge of the picture.
            whole = first[0] != last[0]
            top = 0 if whole else min(top, first[1])
            bottom = height if whole else max(bottom, last[1] + 1)
        place += run
    if left >= right:
        raise FormatError("is an empty mask.", code="bad-outline")
    return float(left), float(top), float(right), float(bottom)


def _unpacked(text: str) -> list[int]:
    """Run lengths out of text: 5 bits a character, the lowest first; from the fourth on as differences."""
    runs: list[int] = []
    place = 0
    while place < len(text):
        value = shift = 0
        more = True
        while more:
            if place >= len(text) or shift > 60:
                raise FormatError("has run lengths that are cut short.", code="bad-outline")
            code = ord(text[place]) - 48
            if not 0 <= code < 64:
                raise FormatError("has run lengths with a wrong character.", code="bad-outline")
            value |= (code & 0x1F) << shift
            more = bool(code & 0x20)
            place += 1
            shift += 5
            if not more and code & 0x10:
                value -= 1 << shift
        if len(runs) > 2:
            value += runs[-2]
        runs.append(value)
    return runs


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
