"""What can be seen of a face that is cut: the box around the rest of its ellipse, in float pixels and xyxy.

Cutting the box of a round face leaves too large a box: where the right half of a face is hidden its box's
left half fits, but of a face of which a third is left the top and the bottom are away as well.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from converters.geometry import FloatArray

_EVERYWHERE = 1e9
_SLACK = 1e-6
"""Pixels from a point to the places beside it that tell whether it is seen."""


@dataclass(frozen=True)
class Ellipses:
    """The inscribed ellipses of boxes under affine maps, and what limits them.

    An ellipse is the points p with (p - centre)ᵀ · spread⁻¹ · (p - centre) ≤ 1; a map A takes its spread S
    to A · S · Aᵀ.

    Attributes:
        centre: Shape (N, 2).
        spread: Shape (N, 2, 2).
        view: The rectangle in which each can be seen, shape (N, 4).
    """

    centre: FloatArray
    spread: FloatArray
    view: FloatArray

    @classmethod
    def in_boxes(cls, xyxy: FloatArray) -> Ellipses:
        """Those inscribed in boxes, shape (N, 4); nothing limits them yet."""
        half = (xyxy[:, 2:] - xyxy[:, :2]) / 2
        spread = (half**2)[:, :, None] * np.eye(2)
        view = np.tile([-_EVERYWHERE, -_EVERYWHERE, _EVERYWHERE, _EVERYWHERE], (len(xyxy), 1))
        return cls((xyxy[:, :2] + xyxy[:, 2:]) / 2, spread, view)

    def moved(self, matrix: FloatArray) -> Ellipses:
        """After an affine map.

        Args:
            matrix: 2 × 3. Where something limits them already it may scale and move, not turn.
        """
        linear, shift = matrix[:, :2], matrix[:, 2]
        view = self.view * np.tile(np.abs(np.diag(linear)), 2) + np.tile(shift, 2)
        limited = np.abs(self.view) < _EVERYWHERE
        return Ellipses(
            self.centre @ linear.T + shift,
            linear @ self.spread @ linear.T,
            np.where(limited, view, self.view),
        )

    def limited(self, region: FloatArray) -> Ellipses:
        """Seen in this rectangle only, shape (4,)."""
        low, high = np.maximum(self.view[:, :2], region[:2]), np.minimum(self.view[:, 2:], region[2:])
        return Ellipses(self.centre, self.spread, np.hstack([low, high]))

    def joined(self, others: Ellipses) -> Ellipses:
        """These and others."""
        return Ellipses(
            np.concatenate([self.centre, others.centre]),
            np.concatenate([self.spread, others.spread]),
            np.concatenate([self.view, others.view]),
        )

    def boxes(self, cut: FloatArray, cut_there: npt.NDArray[np.bool_], above: FloatArray) -> FloatArray:
        """Boxes around what is seen of them.

        The extremes of such a rest are among the ellipse's own extremes, the points where its outline meets
        edges of the view and of what lies above, and crossings of these edges inside it.

        Args:
            cut: The boxes so far, cut by the same edges, shape (N, 4).
            cut_there: Which of them have lost something, shape (N,); the others stay as they are.
            above: Rectangles that hide what is under them, shape (M, 4).

        Returns:
            Shape (N, 4), each within its box in ``cut``; that one where nothing is seen of the ellipse.
        """
        result = cut.copy()
        for place in np.flatnonzero(cut_there).tolist():
            points = self._outermost(place, above)
            if len(points):
                low, high = cut[place, :2], cut[place, 2:]
                result[place, :2] = np.clip(points.min(axis=0), low, high)
                result[place, 2:] = np.clip(points.max(axis=0), low, high)
        return result

    def _outermost(self, place: int, above: FloatArray) -> FloatArray:
        """Points among which are the outermost ones that are seen of one ellipse, shape (K, 2)."""
        centre, spread, view = self.centre[place], self.spread[place], self.view[place]
        determinant = spread[0, 0] * spread[1, 1] - spread[0, 1] ** 2
        if not determinant > 0:
            return np.zeros((0, 2))
        edges = np.concatenate([view[None], above])
        reach = spread / np.sqrt(np.diag(spread))[:, None]
        found = [centre + reach, centre - reach]
        lines = [np.concatenate([edges[:, axis], edges[:, axis + 2]]) - centre[axis] for axis in (0, 1)]
        for axis in (0, 1):
            at = lines[axis][
                lines[axis] ** 2 < spread[axis, axis] * (1 - 1e-9)
            ]  # one that only touches cuts nothing
            middle = at * spread[0, 1] / spread[axis, axis]
            off = np.sqrt((1 - at**2 / spread[axis, axis]) * determinant / spread[axis, axis])
            for across in (middle - off, middle + off):
                pair = (at, across) if axis == 0 else (across, at)
                found.append(centre + np.column_stack(pair))
        x, y = (grid.ravel() for grid in np.meshgrid(*lines))
        inside = spread[1, 1] * x**2 - 2 * spread[0, 1] * x * y + spread[0, 0] * y**2 <= determinant
        found.append(centre + np.column_stack([x, y])[inside])
        points = np.concatenate(found)
        tips = np.arange(len(points)) < 4
        return np.asarray(points[_seen(points - centre, tips, edges - np.tile(centre, 2), spread)])


def _seen(
    points: FloatArray, tips: npt.NDArray[np.bool_], edges: FloatArray, spread: FloatArray
) -> npt.NDArray[np.bool_]:
    """Which points border on something that is seen.

    A point is judged by its surroundings, for edges that coincide leave slivers without any width: those of
    two things that lie side by side, or of one that reaches the view's edge.

    Args:
        points: About the ellipse's centre, shape (K, 2).
        tips: Which are the ellipse's own extremes: there only its inside counts, for outside is no face.
        edges: The view, then what lies above, about the same centre, shape (1 + M, 4).
        spread: The ellipse's, shape (2, 2).
    """
    around = points[:, None] + _SLACK * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]])
    view, above = edges[0], edges[1:]
    seen = (around > view[:2]).all(axis=2) & (around < view[2:]).all(axis=2)
    for hole in above:
        seen &= ~((around > hole[:2]) & (around < hole[2:])).all(axis=2)
    x, y = around[..., 0], around[..., 1]
    determinant = spread[0, 0] * spread[1, 1] - spread[0, 1] ** 2
    inside = spread[1, 1] * x**2 - 2 * spread[0, 1] * x * y + spread[0, 0] * y**2 <= determinant
    return np.asarray((seen & (inside | ~tips[:, None])).any(axis=1))
