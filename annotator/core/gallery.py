"""The wall of crops: which boxes hang on it, in which order, and how it follows edits made anywhere."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from annotator.core.edits import EditMany, delete_boxes, relabel_boxes, together
from converters.model import AnnotatedImage, Box, Split, Xyxy

CONTEXT = 0.2
"""How much of its longer side is shown around a box, on each side."""

BoxId = tuple[str, Xyxy]
"""A box by its picture's key and its edges: what a crop of it is kept under. It holds while the box is not
moved, whatever is relabelled, deleted or added beside it."""

Scores = Mapping[BoxId, float]


class Order(StrEnum):
    """How the wall is sorted."""

    IMAGE = "image"
    SMALLEST = "smallest"
    LARGEST = "largest"
    UNLIKE = "unlike"
    DISAGREEMENT = "disagreement"


class State(StrEnum):
    """What became of a box since the wall was hung."""

    AS_IT_WAS = "as it was"
    RELABELLED = "relabelled"
    DELETED = "deleted"
    ADDED = "added"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which boxes are wanted on the wall.

    Attributes:
        labels: Of these classes; None: of all.
        splits: In these splits (None is a member for pictures in no split); None: in all.
        min_side: Shorter side in pixels from which a box is shown.
    """

    labels: frozenset[str] | None = None
    splits: frozenset[Split | None] | None = None
    min_side: float = 0.0

    def image(self, image: AnnotatedImage) -> bool:
        """Whether boxes of a picture can be wanted at all."""
        return self.splits is None or image.split in self.splits

    def box(self, box: Box) -> bool:
        """Whether a box is wanted, where its picture is."""
        if self.labels is not None and box.label not in self.labels:
            return False
        return self.min_side <= 0 or min(box.width, box.height) >= self.min_side


@dataclass(slots=True)
class Tile:
    """A box on the wall.

    Attributes:
        key: Its picture.
        index: Its place among the picture's boxes; that of its last box where it was deleted.
        box: The box as it is now, or as it was last.
        was: Its label when it was hung up.
        state: What became of it since.
    """

    key: str
    index: int
    box: Box
    was: str
    state: State = State.AS_IT_WAS

    @property
    def id(self) -> BoxId:
        """What its crop and scores are kept under."""
        return (self.key, self.box.xyxy)


@dataclass(slots=True)
class Wall:
    """The tiles in their order. Between two :meth:`hang` none changes its place, whatever is edited.

    Attributes:
        tiles: In the order they are shown.
        wanted: What was asked for last.
    """

    tiles: list[Tile] = field(default_factory=list)
    wanted: Wanted = field(default_factory=Wanted)
    _seen: dict[str, tuple[Box, ...]] = field(default_factory=dict)
    _rows: dict[str, list[int]] = field(default_factory=dict)

    def hang(
        self,
        images: Iterable[AnnotatedImage],
        wanted: Wanted,
        order: Order = Order.IMAGE,
        scores: Scores | None = None,
    ) -> None:
        """Hang the wall anew: boxes that are not wanted (any more) leave it.

        Args:
            images: All pictures, in the set's order.
            wanted: Which boxes.
            order: How they are sorted; equal ones stay in the set's order.
            scores: For the orders by unlikeness and by disagreement; boxes without a score come last.
        """
        self.wanted = wanted
        self._seen = {}
        tiles: list[Tile] = []
        for image in images:
            self._seen[image.key] = image.boxes
            if not wanted.image(image):
                continue
            tiles += [
                Tile(image.key, index, box, box.label)
                for index, box in enumerate(image.boxes)
                if wanted.box(box)
            ]
        if order is not Order.IMAGE:
            tiles.sort(key=_sort_key(order, scores or {}))
        self.tiles = tiles
        self._rows = {}
        for row, tile in enumerate(tiles):
            self._rows.setdefault(tile.key, []).append(row)

    def follow(self, image: AnnotatedImage) -> list[int]:
        """Take over a picture's boxes as they are now; returns the rows that look different.

        A relabelled or deleted box keeps its place and says so; a new one that is wanted comes last; one
        that was deleted and is there again (undo) is what it was.
        """
        before = self._seen.get(image.key, ())
        if before == image.boxes:
            return []
        self._seen[image.key] = image.boxes
        now_at = match_boxes(before, image.boxes)
        free = set(range(len(image.boxes))) - set(now_at.values())
        changed = []
        rows = self._rows.setdefault(image.key, [])
        for row in rows:
            tile = self.tiles[row]
            index = now_at.get(tile.index) if tile.state is not State.DELETED else None
            if index is None:
                # Brought back by an undo: the very same box is there again.
                index = next((i for i in sorted(free) if image.boxes[i] == tile.box), None)
                free.discard(-1 if index is None else index)
            if self._update(tile, index, image.boxes):
                changed.append(row)
        if self.wanted.image(image):
            for index in sorted(free):
                if self.wanted.box(image.boxes[index]):
                    box = image.boxes[index]
                    rows.append(len(self.tiles))
                    changed.append(len(self.tiles))
                    self.tiles.append(Tile(image.key, index, box, box.label, State.ADDED))
        return changed

    def _update(self, tile: Tile, index: int | None, boxes: tuple[Box, ...]) -> bool:
        before = (tile.index, tile.box, tile.state)
        if index is None:
            tile.state = State.DELETED
        else:
            tile.index, tile.box = index, boxes[index]
            if tile.box.label != tile.was:
                tile.state = State.RELABELLED
            elif tile.state is not State.ADDED:
                tile.state = State.AS_IT_WAS
        return (tile.box, tile.state) != before[1:]

    @property
    def changed(self) -> int:
        """How many tiles are not as they were hung up."""
        return sum(tile.state is not State.AS_IT_WAS for tile in self.tiles)

    def row_of(self, id_: BoxId) -> int | None:
        """The row of a box, or None where it is not on the wall."""
        return next((row for row in self._rows.get(id_[0], ()) if self.tiles[row].id == id_), None)

    def rows_of(self, key: str) -> Sequence[int]:
        """The rows of a picture's boxes."""
        return tuple(self._rows.get(key, ()))

    # Edits

    def relabel(
        self, rows: Iterable[int], label: str, boxes_of: Callable[[str], tuple[Box, ...]]
    ) -> EditMany:
        """One edit that gives the boxes at ``rows`` another class."""
        edits = [
            relabel_boxes(key, boxes_of(key), indices, label) for key, indices in self._chosen(rows).items()
        ]
        escaped = label.replace("{", "{{").replace("}", "}}")
        return together(edits, f"relabel {{boxes}} as {escaped}")

    def delete(self, rows: Iterable[int], boxes_of: Callable[[str], tuple[Box, ...]]) -> EditMany:
        """One edit that deletes the boxes at ``rows``."""
        edits = [delete_boxes(key, boxes_of(key), indices) for key, indices in self._chosen(rows).items()]
        return together(edits, "delete {boxes}")

    def _chosen(self, rows: Iterable[int]) -> dict[str, frozenset[int]]:
        chosen: dict[str, set[int]] = {}
        for row in rows:
            tile = self.tiles[row]
            if tile.state is not State.DELETED:
                chosen.setdefault(tile.key, set()).add(tile.index)
        return {key: frozenset(indices) for key, indices in chosen.items()}


def match_boxes(before: Sequence[Box], after: Sequence[Box]) -> dict[int, int]:
    """Which box is which after an edit: indices before → indices after; deleted ones are left out.

    A box is known by its edges and label, else by its edges (it was relabelled), else by its place among
    equally many (it was moved).
    """
    found: dict[int, int] = {}
    taken: set[int] = set()
    exact: dict[object, list[int]] = {}
    edges: dict[object, list[int]] = {}
    for index in reversed(range(len(after))):
        exact.setdefault((after[index].xyxy, after[index].label), []).append(index)
        edges.setdefault(after[index].xyxy, []).append(index)
    for known, key_of in ((exact, _exact), (edges, _edges)):
        for index, box in enumerate(before):
            places = known.get(key_of(box), [])
            while index not in found and places:
                place = places.pop()
                if place not in taken:
                    found[index] = place
                    taken.add(place)
    if len(before) == len(after):
        for index in range(len(before)):
            if index not in found and index not in taken:
                found[index] = index
                taken.add(index)
    return found


def crop_region(xyxy: Xyxy, size: tuple[int, int], context: float = CONTEXT) -> tuple[int, int, int, int]:
    """The part of a picture that shows a box: square, with some of what is around it.

    Args:
        xyxy: The box, which may reach out of the picture.
        size: (width, height) of the picture.
        context: Share of the longer side that is added on each side.

    Returns:
        left, top, right, bottom in whole pixels inside the picture, never empty. A square that would reach
        out of the picture is moved into it; only where the picture is too small is it none.
    """
    x1, y1, x2, y2 = xyxy
    side = max(1, math.ceil(max(x2 - x1, y2 - y1, 1.0) * (1 + 2 * context)))
    left, right = _span((x1 + x2) / 2, side, size[0])
    top, bottom = _span((y1 + y2) / 2, side, size[1])
    return left, top, right, bottom


def _span(centre: float, side: int, length: int) -> tuple[int, int]:
    side = min(side, length)
    start = min(max(round(centre - side / 2), 0), length - side)
    return start, start + side


def _exact(box: Box) -> object:
    return (box.xyxy, box.label)


def _edges(box: Box) -> object:
    return box.xyxy


def _sort_key(order: Order, scores: Scores) -> Callable[[Tile], float]:
    if order is Order.SMALLEST:
        return lambda tile: tile.box.width * tile.box.height
    if order is Order.LARGEST:
        return lambda tile: -tile.box.width * tile.box.height
    return lambda tile: -scores.get(tile.id, -math.inf)


def counts_by_label(images: Iterable[AnnotatedImage], class_names: Collection[str]) -> dict[str, int]:
    """How many boxes each class has, in the classes' order; labels that are no class come last."""
    counts = dict.fromkeys(class_names, 0)
    for image in images:
        for box in image.boxes:
            counts[box.label] = counts.get(box.label, 0) + 1
    return counts
