"""Strokes as polygons: a band along each line, round where it turns sharply and where it ends.

OpenCV's own thick lines differ from version to version; its filled polygons do not.
"""

from __future__ import annotations

import numpy as np

from converters.geometry import FloatArray

_SHARP = 0.5
"""Cosine of a turn from which a corner is made round instead of cut across."""

_CORNERS = 16
"""Of the polygon that stands for a round end."""


def bands(points: FloatArray, closed: bool, width: float) -> tuple[FloatArray, FloatArray]:
    """Convex polygons that together are a stroke.

    Args:
        points: Shape (N, 2), in cells.
        closed: Whether the stroke goes back to its start.
        width: In cells.

    Returns:
        Quadrilaterals, shape (M, 4, 2), and what is round, shape (K, 16, 2); they overlap.
    """
    line = _thinned(points, closed)
    half = width / 2
    if len(line) < 2:
        return np.empty((0, 4, 2)), _rounds(line, half)
    ends = np.vstack([line, line[:1]]) if closed else line
    steps = np.diff(ends, axis=0)
    lengths = np.sqrt(steps[:, 0] * steps[:, 0] + steps[:, 1] * steps[:, 1])
    along = steps / lengths[:, None]
    before = np.vstack([along[-1:] if closed else along[:1], along])
    after = np.vstack([along, along[:1] if closed else along[-1:]])
    cosine = before[:, 0] * after[:, 0] + before[:, 1] * after[:, 1]
    smooth = cosine > _SHARP
    # Between two gentle pieces the band's edge goes through the point half way between their normals.
    middle = before + after
    reach = half / np.where(smooth, (1 + cosine) / 2, 1.0) / 2
    normal = np.column_stack([-middle[:, 1], middle[:, 0]]) * reach[:, None]
    own = np.column_stack([-along[:, 1], along[:, 0]]) * half
    starts = np.where(smooth[:-1, None], normal[:-1], own)
    stops = np.where(smooth[1:, None], normal[1:], own)
    first, last = ends[:-1], ends[1:]
    quads = np.stack([first + starts, last + stops, last - stops, first - starts], axis=1)
    if half < 0.5:
        return quads, np.empty((0, _CORNERS, 2))
    caps = ~smooth[:-1] if closed else ~smooth
    if not closed:
        caps[[0, -1]] = True
    return quads, _rounds(ends[: len(caps)][caps], half)


def _thinned(points: FloatArray, closed: bool) -> FloatArray:
    """Without points less than a cell from the one before: they have no direction."""
    rows: list[list[float]] = points.tolist()
    kept = rows[:1]
    for x, y in rows[1:]:
        dx, dy = x - kept[-1][0], y - kept[-1][1]
        if dx * dx + dy * dy >= 1.0:
            kept.append([x, y])
    if closed:
        dx, dy = kept[-1][0] - kept[0][0], kept[-1][1] - kept[0][1]
        if len(kept) > 2 and dx * dx + dy * dy < 1.0:
            kept.pop()
    elif len(kept) > 1 and kept[-1] != rows[-1]:
        before = kept[-2]
        if before != rows[-1]:
            kept[-1] = rows[-1]
    return np.array(kept)


# Corners on a unit circle; rounded, as every mathematics library does not agree on the last digit.
_ANGLES = np.arange(_CORNERS) * (2 * np.pi / _CORNERS)
_UNIT = np.round(np.column_stack([np.cos(_ANGLES), np.sin(_ANGLES)]), 9)


def _rounds(centres: FloatArray, radius: float) -> FloatArray:
    return np.asarray(centres[:, None, :] + _UNIT * radius)
