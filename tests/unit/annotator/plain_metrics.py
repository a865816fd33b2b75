"""Darknet's and COCO's AP written down as plainly as possible: slow, and easy to check by eye."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from hypothesis import strategies as st

from annotator.darknet.metrics import iou_float32
from converters.model import Box

NAMES = ("mask", "no_mask", "never")


def darknet_ap(
    truths: Sequence[Sequence[Box]], found: Sequence[Sequence[Box]], name: str, iou: float
) -> float:
    """AP of one class as AlexeyAB's validate_detector_map counts it (points = 0)."""
    total = sum(box.label == name and "difficult" not in box.flags for boxes in truths for box in boxes)
    rows = []
    for image, boxes in enumerate(found):
        for box in boxes:
            if box.label != name:
                continue
            best, place = np.float32(0), None
            for index, truth in enumerate(truths[image]):
                if truth.label != name or "difficult" in truth.flags:
                    continue
                overlap = iou_float32([box], [truth])[0, 0]
                if overlap > np.float32(iou) and overlap > best:
                    best, place = overlap, (image, index)
            on_difficult = any(
                truth.label == name
                and "difficult" in truth.flags
                and iou_float32([box], [truth])[0, 0] > np.float32(iou)
                for truth in truths[image]
            )
            if place is not None or not on_difficult:
                rows.append((box.confidence or 0.0, place))
    rows.sort(key=lambda row: -row[0])
    taken, tp, fp = set(), 0, 0
    points = []
    for _, place in rows:
        if place is not None and place not in taken:
            taken.add(place)
            tp += 1
        else:
            fp += 1
        points.append((tp / total if total else 0.0, tp / (tp + fp)))
    area, last = 0.0, 0.0
    for index, (recall, _) in enumerate(points):
        area += (recall - last) * max(precision for _, precision in points[index:])
        last = recall
    return area


def coco_ap(
    truths: Sequence[Sequence[Box]],
    found: Sequence[Sequence[Box]],
    name: str,
    iou: float,
    area: tuple[float, float] = (0, 1e10),
) -> float | None:
    """AP of one class at one IoU threshold by COCO's rules; None without a truth."""
    rows: list[tuple[float, bool]] = []
    total = 0
    for real, seen in zip(truths, found, strict=True):
        mine = [box for box in real if box.label == name]
        ignored = [not area[0] <= size(box) <= area[1] for box in mine]
        order = sorted(range(len(mine)), key=lambda at: ignored[at])
        total += ignored.count(False)
        taken: set[int] = set()
        ours = sorted((box for box in seen if box.label == name), key=lambda box: -(box.confidence or 0.0))
        for box in ours[:100]:
            best, place = min(iou, 1 - 1e-10), None
            for at in order:
                if at in taken:
                    continue
                if place is not None and not ignored[place] and ignored[at]:
                    break
                overlap = plain_iou(box, mine[at])
                if overlap >= best:
                    best, place = overlap, at
            if place is not None:
                taken.add(place)
                if not ignored[place]:
                    rows.append((box.confidence or 0.0, True))
            elif area[0] <= size(box) <= area[1]:
                rows.append((box.confidence or 0.0, False))
    if not total:
        return None
    rows.sort(key=lambda row: -row[0])
    right = np.cumsum([hit for _, hit in rows])
    precisions = []
    for point in np.linspace(0, 1, 101):
        reached = [right[at] / (at + 1) for at in range(len(rows)) if right[at] / total >= point]
        precisions.append(max(reached, default=0.0))
    return float(np.mean(precisions))


def size(box: Box) -> float:
    x1, y1, x2, y2 = box.xyxy
    return (x2 - x1) * (y2 - y1)


def plain_iou(a: Box, b: Box) -> float:
    width = min(a.xyxy[2], b.xyxy[2]) - max(a.xyxy[0], b.xyxy[0])
    height = min(a.xyxy[3], b.xyxy[3]) - max(a.xyxy[1], b.xyxy[1])
    if width <= 0 or height <= 0:
        return 0.0
    return width * height / (size(a) + size(b) - width * height)


@st.composite
def pictures(
    draw: st.DrawFn, *, difficult: bool = True
) -> tuple[list[tuple[Box, ...]], list[tuple[Box, ...]]]:
    """Truths and predictions (highest confidence first, all confidences different) of a few pictures."""
    count = draw(st.integers(1, 4))
    ranks = iter(draw(st.permutations(range(1, 40))))
    truths, found = [], []
    for _ in range(count):
        truths.append(tuple(draw(st.lists(_boxes(difficult), max_size=4))))
        seen = [
            Box(box.xyxy, box.label, confidence=next(ranks) / 41)
            for box in draw(st.lists(_boxes(False), max_size=6))
        ]
        found.append(tuple(sorted(seen, key=lambda box: -(box.confidence or 0.0))))
    return truths, found


@st.composite
def _boxes(draw: st.DrawFn, difficult: bool) -> Box:
    # A coarse grid: overlaps of all kinds, also exactly 0.5, turn up by themselves.
    x, y = draw(st.integers(0, 6)) * 10, draw(st.integers(0, 2)) * 10
    width, height = draw(st.sampled_from((10, 20, 40, 110))), draw(st.sampled_from((10, 30, 100)))
    flags = frozenset({"difficult"}) if difficult and draw(st.integers(0, 5)) == 0 else frozenset()
    return Box((x, y, x + width, y + height), draw(st.sampled_from(NAMES[:2])), flags=flags)
