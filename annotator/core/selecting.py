"""Which boxes are selected: the order of cycling, a rubber band, and what becomes of it after an edit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from converters.model import Box, Xyxy


def reading_order(edges: Sequence[Xyxy]) -> list[int]:
    """Indices of boxes as a person reads them: line by line from the top, each from left to right.

    A box belongs to a line where its middle lies beside the first box of it, so that faces in a row are one
    line although none is exactly as high as the next.
    """
    by_height = sorted(range(len(edges)), key=lambda i: (edges[i][1] + edges[i][3], edges[i][0]))
    heights = sorted(y2 - y1 for _, y1, _, y2 in edges)
    usual = heights[len(heights) // 2] if heights else 0.0
    order: list[int] = []
    line: list[int] = []
    end = 0.0
    for index in by_height:
        middle = (edges[index][1] + edges[index][3]) / 2
        if line and middle > end:
            order += sorted(line, key=lambda i: edges[i][0])
            line = []
        if not line:
            # Beside a box as high as the picture lies everything: it counts as one of usual height.
            end = middle + min(edges[index][3] - edges[index][1], usual) / 2
        line.append(index)
    return order + sorted(line, key=lambda i: edges[i][0])


def step(boxes: Sequence[Box], selected: frozenset[int], by: int, last: Xyxy | None) -> int | None:
    """The box to select after the selected one (or before it), in reading order.

    Args:
        boxes: All boxes of the picture.
        selected: Indices of the selected boxes; of several, one goes on from the last (or first) of them.
        by: 1 or -1.
        last: Where nothing is selected: edges of the box that was selected last and may be gone by now.
            One goes on from there instead of beginning anew.

    Returns:
        An index, or None where there are no boxes.
    """
    if not boxes:
        return None
    edges = [box.xyxy for box in boxes]
    if not selected and last is not None:
        order = reading_order([*edges, last])
        place = order.index(len(boxes))
        order.remove(len(boxes))
        return order[(place if by > 0 else place - 1) % len(order)]
    order = reading_order(edges)
    places = [order.index(index) for index in selected if index < len(boxes)]
    if not places:
        return order[0] if by > 0 else order[-1]
    return order[((max(places) if by > 0 else min(places)) + by) % len(order)]


def boxes_inside(boxes: Sequence[Box], band: Xyxy) -> frozenset[int]:
    """Indices of the boxes whose middle lies in a rubber band."""
    x1, y1, x2, y2 = band
    return frozenset(
        index
        for index, box in enumerate(boxes)
        if x1 <= (box.xyxy[0] + box.xyxy[2]) / 2 <= x2 and y1 <= (box.xyxy[1] + box.xyxy[3]) / 2 <= y2
    )


def after_edit(before: Sequence[Box], after: Sequence[Box], selected: frozenset[int]) -> frozenset[int]:
    """Which boxes are selected once the boxes have changed.

    As many boxes as before: the same ones, changed. More: those that are new. Fewer: those of the selected
    that are left; never a box that took the place of a deleted one, which another Del would hit.
    """
    if len(before) == len(after):
        return frozenset(index for index in selected if index < len(after))
    if len(after) > len(before):
        old = Counter(before)
        new = set()
        for index, box in enumerate(after):
            if old[box]:
                old[box] -= 1
            else:
                new.add(index)
        return frozenset(new)
    wanted = Counter(before[index] for index in selected if index < len(before))
    unselected = Counter(box for index, box in enumerate(before) if index not in selected)
    kept = set()
    for index, box in enumerate(after):
        if unselected[box]:
            unselected[box] -= 1
        elif wanted[box]:
            wanted[box] -= 1
            kept.add(index)
    return frozenset(kept)
