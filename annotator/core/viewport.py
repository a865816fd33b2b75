"""Where a picture lies in the view: pure arithmetic between picture pixels and view pixels."""

from __future__ import annotations

import math
from dataclasses import dataclass

from converters.model import Xyxy

Point = tuple[float, float]

MIN_SCALE = 0.02
MAX_SCALE = 64.0


@dataclass(frozen=True, slots=True)
class Viewport:
    """A scale and the view position of the picture's top left corner.

    Attributes:
        scale: View pixels per picture pixel.
        left: View x of the picture's left edge.
        top: View y of its top edge.
    """

    scale: float = 1.0
    left: float = 0.0
    top: float = 0.0

    @classmethod
    def fitted(cls, size: tuple[int, int], view: tuple[int, int], margin: float = 12.0) -> Viewport:
        """The whole picture, centred, as large as it goes (small ones are enlarged too)."""
        width, height = max(size[0], 1), max(size[1], 1)
        room = (max(view[0] - 2 * margin, 1.0), max(view[1] - 2 * margin, 1.0))
        scale = _limited(min(room[0] / width, room[1] / height))
        return cls(scale, (view[0] - width * scale) / 2, (view[1] - height * scale) / 2)

    @classmethod
    def showing(cls, xyxy: Xyxy, view: tuple[int, int], fill: float = 0.4) -> Viewport:
        """A box in the middle of the view, its longer side taking ``fill`` of the view."""
        width, height = max(xyxy[2] - xyxy[0], 1.0), max(xyxy[3] - xyxy[1], 1.0)
        scale = _limited(fill * min(view[0] / width, view[1] / height))
        centre = ((xyxy[0] + xyxy[2]) / 2, (xyxy[1] + xyxy[3]) / 2)
        return cls(scale, view[0] / 2 - centre[0] * scale, view[1] / 2 - centre[1] * scale)

    def to_view(self, point: Point) -> Point:
        """Picture pixels to view pixels."""
        return (point[0] * self.scale + self.left, point[1] * self.scale + self.top)

    def to_image(self, point: Point) -> Point:
        """View pixels to picture pixels (may lie outside the picture)."""
        return ((point[0] - self.left) / self.scale, (point[1] - self.top) / self.scale)

    def box_to_view(self, xyxy: Xyxy) -> Xyxy:
        """A box's edges in view pixels."""
        left, top = self.to_view((xyxy[0], xyxy[1]))
        right, bottom = self.to_view((xyxy[2], xyxy[3]))
        return (left, top, right, bottom)

    def zoomed_at(self, view_point: Point, factor: float) -> Viewport:
        """Zoom so that the picture's point under ``view_point`` stays there."""
        scale = _limited(self.scale * factor)
        x, y = self.to_image(view_point)
        return Viewport(scale, view_point[0] - x * scale, view_point[1] - y * scale)

    def panned(self, dx: float, dy: float) -> Viewport:
        """Moved by view pixels."""
        return Viewport(self.scale, self.left + dx, self.top + dy)

    def revealing(self, xyxy: Xyxy, view: tuple[int, int], margin: float = 40.0) -> Viewport:
        """Moved no farther than needed to see a box; the scale stays.

        Args:
            xyxy: The box, in picture pixels.
            view: (width, height) of the view.
            margin: Room around the box in view pixels, where there is any.
        """
        left, top, right, bottom = self.box_to_view(xyxy)
        return self.panned(_shift(left, right, view[0], margin), _shift(top, bottom, view[1], margin))

    def carried_over(
        self, size: tuple[int, int], new_size: tuple[int, int], view: tuple[int, int]
    ) -> Viewport:
        """The same zoom on a picture of another size: the same part of it in the middle of the view."""
        if size == new_size:
            return self
        x, y = self.to_image((view[0] / 2, view[1] / 2))
        x, y = x / max(size[0], 1) * new_size[0], y / max(size[1], 1) * new_size[1]
        return Viewport(self.scale, view[0] / 2 - x * self.scale, view[1] / 2 - y * self.scale)

    def visible(self, size: tuple[int, int], view: tuple[int, int]) -> tuple[int, int, int, int]:
        """The part of the picture that the view shows, in whole picture pixels (x1, y1, x2, y2)."""
        left, top = self.to_image((0, 0))
        right, bottom = self.to_image((view[0], view[1]))
        return (
            min(max(math.floor(left), 0), size[0]),
            min(max(math.floor(top), 0), size[1]),
            max(min(math.ceil(right), size[0]), 0),
            max(min(math.ceil(bottom), size[1]), 0),
        )

    def kept_in_sight(self, size: tuple[int, int], view: tuple[int, int], keep: float = 60.0) -> Viewport:
        """Moved back so that at least ``keep`` view pixels of the picture stay visible."""
        left = min(max(self.left, keep - size[0] * self.scale), view[0] - keep)
        top = min(max(self.top, keep - size[1] * self.scale), view[1] - keep)
        return Viewport(self.scale, left, top)


def near_picture(xyxy: Xyxy, size: tuple[int, int]) -> Xyxy:
    """A box's part in the picture or close to it, to be shown large.

    A network that has hardly learned sees boxes many times as tall as the picture: shown whole, the picture
    is a speck. A box that lies far outside the picture stays what it is.
    """
    across, down = size[0] / 10, size[1] / 10
    x1, y1 = max(xyxy[0], -across), max(xyxy[1], -down)
    x2, y2 = min(xyxy[2], size[0] + across), min(xyxy[3], size[1] + down)
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else xyxy


def _shift(low: float, high: float, room: float, margin: float) -> float:
    """How far an interval has to go to lie inside ``room``; one that is too long is centred."""
    margin = max(min(margin, (room - (high - low)) / 2), 0.0)
    if high - low > room:
        return 0.0 if low <= 0 and high >= room else (room - low - high) / 2
    if low < margin:
        return margin - low
    return min(room - margin - high, 0.0)


def _limited(scale: float) -> float:
    return min(max(scale, MIN_SCALE), MAX_SCALE)
