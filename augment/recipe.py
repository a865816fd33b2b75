"""What one copy gets: the drawn operations, composed, on pixels and on boxes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeVar

import numpy as np

from augment import functional
from augment.combining import Layout, boxes_on_tile, compose
from augment.functional import BoxRule, Canvas, Fill, Table
from augment.transforms import (
    ColourTransform,
    CombineTransform,
    EraseTransform,
    ForeignTransform,
    LinearTransform,
    Params,
    PasteTransform,
    PictureOf,
    SensorTransform,
    Transform,
    WindowTransform,
)
from augment.visible import Ellipses
from converters import geometry
from converters.errors import ImageError, UsageError
from converters.geometry import FloatArray
from converters.images import RgbImage
from converters.model import AnnotatedImage, Box

_Kind = TypeVar("_Kind", bound=Transform)

MIN_SIDE = 1.0
"""Pixels; a box with a shorter side does not stay in a copy."""

_PASTED = -1
"""Where a box is from that is neither the picture's own (its index there) nor another tile's (None)."""


@dataclass(frozen=True)
class Step:
    """One operation with the parameters that were drawn for it."""

    transform: Transform
    params: Params

    @property
    def added(self) -> tuple[Box, ...]:
        """Boxes of what it pastes on the picture as it was."""
        return self.transform.added(self.params) if isinstance(self.transform, PasteTransform) else ()


@dataclass(frozen=True)
class Placed:
    """What can be known of a copy without decoding a picture.

    Attributes:
        size: The copy's (width, height).
        boxes: The boxes it has.
        dropped: Those of the original of which too little is seen, by their index there.
        pasted: Those in ``boxes`` that were pasted on it, by their index there.
    """

    size: tuple[int, int]
    boxes: tuple[Box, ...]
    dropped: tuple[int, ...]
    pasted: tuple[int, ...] = ()


class _Canvas:
    """Size, boxes and the ellipses in them while the stages are gone through."""

    def __init__(self, size: tuple[int, int], boxes: Sequence[Box], rule: BoxRule) -> None:
        self.size = size
        self.rule: BoxRule = rule
        self.boxes = list(boxes)
        self.origins: list[int | None] = list(range(len(boxes)))
        self.xyxy = geometry.as_array(boxes)
        self.ellipses = Ellipses.in_boxes(self.xyxy)
        self.seen = np.ones(len(boxes))
        self.moved = False

    def add(self, boxes: Sequence[Box]) -> None:
        """Boxes that are not the picture's own."""
        self.boxes += boxes
        self.origins += [_PASTED] * len(boxes)
        added = geometry.as_array(boxes)
        self.xyxy = np.concatenate([self.xyxy, added])
        self.ellipses = self.ellipses.joined(Ellipses.in_boxes(added))
        self.seen = np.concatenate([self.seen, np.ones(len(boxes))])

    def move(self, mapped: FloatArray, size: tuple[int, int], ellipses: Ellipses) -> None:
        """The boxes and ellipses went there; what lies outside the canvas is cut."""
        whole, clipped = geometry.area(mapped), geometry.clip(mapped, size)
        left = np.divide(geometry.area(clipped), whole, out=np.zeros_like(whole), where=whole > 0)
        self.ellipses = ellipses.limited(np.array([0.0, 0.0, *size]))
        if self.rule == "ellipse":
            clipped = self.ellipses.boxes(clipped, left < 1, np.zeros((0, 4)))
        self.xyxy, self.size, self.seen, self.moved = clipped, size, self.seen * left, True


@dataclass(frozen=True)
class _Mapping:
    """Where the whole picture goes in one resampling."""

    matrix: FloatArray
    size: tuple[int, int]
    rule: Callable[[FloatArray, FloatArray], FloatArray]


@dataclass(frozen=True)
class Recipe:
    """The operations of one copy. No randomness: the same pictures give the same copy.

    The stages are gone through in their order (:class:`augment.transforms.Stage`), operations of one stage
    in the order in which they were drawn. All operations on geometry are one resampling, neighbouring
    look-up tables one table.

    Attributes:
        steps: In the order in which they were drawn.
        canvas: See :func:`augment.functional.place_on_canvas`.
        boxes: ``ellipse`` (around the turned inscribed ellipse) or ``corners`` (around the turned corners).
        min_visible: Least visible part of a box that stays, 0 to 1.
        fill: See :func:`augment.functional.warp`.
    """

    steps: tuple[Step, ...]
    canvas: Canvas
    boxes: BoxRule
    min_visible: float
    fill: Fill

    @cached_property
    def donors(self) -> tuple[str, ...]:
        """Keys of the other pictures whose pixels or boxes are needed."""
        keys = (key for step in self.steps for key in step.transform.donors_in(step.params))
        return tuple(dict.fromkeys(keys))

    @property
    def looks_at_boxes(self) -> bool:
        """Whether the pixels depend on boxes, and not on the drawn parameters alone."""
        return any(isinstance(step.transform, WindowTransform | EraseTransform) for step in self.steps)

    @cached_property
    def linear(self) -> FloatArray | None:
        """The composed 2 × 2 matrix, None where nothing is turned, sheared or scaled."""
        composed: FloatArray | None = None
        for transform, params in self._of(LinearTransform):
            matrix = transform.linear(params)
            composed = matrix if composed is None else matrix @ composed
        return composed

    def place(
        self,
        size: tuple[int, int],
        boxes: Sequence[Box],
        donors: Mapping[str, AnnotatedImage] | None = None,
    ) -> Placed:
        """Work out the copy's size and boxes.

        Args:
            size: The picture's (width, height).
            boxes: Its boxes.
            donors: The pictures of :attr:`donors`, by key.

        Returns:
            Boxes inside the copy of which at least ``min_visible`` is seen, each side at least a pixel.
            Where nothing is moved or hidden every box stays as it is.
        """
        state = _Canvas(size, boxes, self.boxes)
        self._carry_out(state, None, donors or {}, _nobody)
        return self._settle(state)

    def apply(
        self,
        rgb: RgbImage,
        boxes: Sequence[Box] = (),
        donors: Mapping[str, AnnotatedImage] | None = None,
        picture_of: PictureOf | None = None,
    ) -> RgbImage:
        """The copy's pixels.

        Args:
            rgb: The picture.
            boxes: Its boxes: some operations look at them.
            donors: The pictures of :attr:`donors`, by key.
            picture_of: Gives their pixels.

        Raises:
            ImageError: The picture is too large to be turned.
        """
        state = _Canvas((rgb.shape[1], rgb.shape[0]), boxes, self.boxes)
        made = self._carry_out(state, rgb, donors or {}, picture_of or _nobody)
        return rgb.copy() if made is rgb or made is None else made

    def _carry_out(
        self,
        state: _Canvas,
        rgb: RgbImage | None,
        donors: Mapping[str, AnnotatedImage],
        picture_of: PictureOf,
    ) -> RgbImage | None:
        """Go through the stages on boxes and, where there are any, on pixels: both take the same way."""
        for paste, params in self._of(PasteTransform):
            if rgb is not None:
                rgb = paste.paste(rgb, params, picture_of)
            else:  # what is seen of boxes is of no use to pixels, and takes drawing every prop once more
                state.seen = state.seen * (1.0 - paste.hidden(params, state.xyxy))
            state.add(paste.added(params))
        if rgb is not None:
            rgb = _coloured(rgb, [pair for pair in self._of(ColourTransform) if not _is_sensor(pair[0])])
        mapping = self._mapping(state.size, state.xyxy)
        if mapping is not None:
            rgb = functional.warp(rgb, mapping.matrix, mapping.size, self.fill) if rgb is not None else None
            ellipses = state.ellipses.moved(mapping.matrix)
            state.move(mapping.rule(state.xyxy, mapping.matrix), mapping.size, ellipses)
        for foreign, params in self._of(ForeignTransform):
            rgb = foreign.apply(rgb, params) if rgb is not None else None
            _move_as(foreign, params, state, rgb, self.boxes)
        for combine, params in self._of(CombineTransform):
            keys = combine.donors_in(params)
            layout = combine.layout(params, state.size, {key: donors[key].size for key in keys})
            rgb = compose(layout, rgb, picture_of) if rgb is not None else None
            _lay_out(state, layout, donors)
        hidden = [np.zeros((0, 4))]
        for erase, params in self._of(EraseTransform):
            hidden.append(erase.holes(params, state.size, state.xyxy))
            rgb = erase.erase(rgb, params, hidden[-1]) if rgb is not None else None
        state.seen = state.seen * (1.0 - geometry.covered(state.xyxy, np.concatenate(hidden)))
        sensor = sorted(self._of(SensorTransform), key=lambda pair: pair[0].turn)
        return _coloured(rgb, sensor) if rgb is not None else None

    def as_list(self) -> list[dict[str, Any]]:
        """The steps in plain types, for the manifest."""
        return [{"operation": step.transform.name, **step.params} for step in self.steps]

    def caption(self) -> str:
        """The steps in a line, e.g. ``rotation 34.2 + blur 1.3``."""
        return " + ".join(_caption(step) for step in self.steps)

    def _of(self, kind: type[_Kind]) -> list[tuple[_Kind, Params]]:
        return [(s.transform, s.params) for s in self.steps if isinstance(s.transform, kind)]

    def _mapping(self, size: tuple[int, int], xyxy: FloatArray) -> _Mapping | None:
        """The one map of all operations on geometry; None where there are none."""
        windows = self._of(WindowTransform)
        if self.linear is None and not windows:
            return None
        matrix, rule = np.column_stack([np.eye(2), np.zeros(2)]), functional.boxes_of_corners
        if self.linear is not None:
            matrix, size = functional.place_on_canvas(self.linear, size, self.canvas)
            if self.boxes == "ellipse":
                rule = functional.boxes_of_ellipses
        for window, params in windows:
            step, size = window.window(params, size, rule(xyxy, matrix))
            matrix = np.column_stack([step[:, :2] @ matrix[:, :2], step[:, :2] @ matrix[:, 2] + step[:, 2]])
        return _Mapping(matrix, size, rule)

    def _settle(self, state: _Canvas) -> Placed:
        """Which boxes stay."""
        changed = state.moved or bool((state.seen < 1).any())
        sides = (state.xyxy[:, 2:] - state.xyxy[:, :2]).min(axis=1, initial=np.inf)
        stays = (sides >= MIN_SIDE) & (state.seen >= self.min_visible - 1e-9)
        kept: list[Box] = []
        dropped: list[int] = []
        pasted: list[int] = []
        for place, (box, origin) in enumerate(zip(state.boxes, state.origins, strict=True)):
            if not changed or stays[place]:
                x1, y1, x2, y2 = state.xyxy[place].tolist()
                pasted += [len(kept)] if origin == _PASTED else []
                kept.append(box.duplicated().moved_to((x1, y1, x2, y2)))
            elif origin is not None and origin != _PASTED:
                dropped.append(origin)
        return Placed(state.size, tuple(kept), tuple(dropped), tuple(pasted))


def _move_as(
    foreign: ForeignTransform, params: Params, state: _Canvas, rgb: RgbImage | None, rule: BoxRule
) -> None:
    """Let the boxes follow another library's operation.

    Raises:
        ImageError: Its picture has another size than its boxes were told of.
    """
    moved, size = foreign.place(params, state.size, state.xyxy, rule)
    if rgb is not None and size != (rgb.shape[1], rgb.shape[0]):
        raise ImageError(f"{foreign.name} gives the picture another size than its boxes, so it has no copy.")
    if moved is not state.xyxy or size != state.size:
        state.move(moved, size, Ellipses.in_boxes(moved))


def _lay_out(state: _Canvas, layout: Layout, donors: Mapping[str, AnnotatedImage]) -> None:
    """Put the boxes of all tiles where their pictures go."""
    boxes: list[Box] = []
    origins: list[int | None] = []
    edges: list[FloatArray] = []
    seen: list[FloatArray] = []
    ellipses = Ellipses.in_boxes(np.zeros((0, 4)))
    for place, tile in enumerate(layout.tiles):
        if tile.donor is None:
            here, known, part = state.boxes, state.origins, state.seen
            xyxy, inscribed = state.xyxy, state.ellipses
        else:
            here = list(donors[tile.donor].boxes)
            known, part, xyxy = [None] * len(here), np.ones(len(here)), geometry.as_array(here)
            inscribed = Ellipses.in_boxes(xyxy)
        cut, left = boxes_on_tile(layout, place, xyxy)
        inscribed = inscribed.moved(tile.matrix).limited(np.array(tile.region, dtype=np.float64))
        if state.rule == "ellipse":
            cut = inscribed.boxes(cut, left < 1, layout.above(place))
        ellipses = ellipses.joined(inscribed)
        boxes += here
        origins += known
        edges.append(cut)
        seen.append(left * part)
    state.size, state.boxes, state.origins, state.moved = layout.size, boxes, origins, True
    state.xyxy, state.seen, state.ellipses = np.concatenate(edges), np.concatenate(seen), ellipses


def _coloured(rgb: RgbImage, steps: Sequence[tuple[ColourTransform, Params]]) -> RgbImage:
    """Operations on colour in their order; neighbouring tables are looked up as one."""
    waiting: Table | None = None
    for transform, params in steps:
        table = transform.table(params)
        if table is not None:
            waiting = table if waiting is None else table[waiting]
            continue
        if waiting is not None:
            rgb, waiting = functional.apply_table(rgb, waiting), None
        rgb = transform.apply(rgb, params)
    return rgb if waiting is None else functional.apply_table(rgb, waiting)


def _is_sensor(transform: Transform) -> bool:
    return isinstance(transform, SensorTransform)


def _nobody(key: str) -> RgbImage:
    raise UsageError(f"the copy needs pixels of {key}, and no other picture was given.")


def _caption(step: Step) -> str:
    params = {key: value for key, value in step.params.items() if key != "seed"}
    several = sum(isinstance(value, int | float) for value in params.values()) > 1
    shown: list[str] = []
    for key, value in params.items():
        if isinstance(value, str):
            shown.append(value)
        elif isinstance(value, bool):
            shown += [key] if value else []
        elif isinstance(value, int | float) and value:
            number = f"{value:+.2g}" if abs(value) < 100 else f"{value:+.0f}"
            shown.append(f"{key} {number}" if several else number)
    return " ".join([step.transform.name, *shown])
