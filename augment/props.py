"""Props: things that hide a part of a face, drawn by hand and put on a face box.

Everything here is a pure function of a prop and the parameters that :func:`prop_params` drew; the same
parameters give the same bytes on every machine (whole numbers, and sums of floats in a fixed order).

Coordinates on a face are *face units*: 0, 0 is the box's top left corner and 1, 1 its bottom right one. Props
are drawn for a box in which the eyes are at :data:`EYES` of its height; where a set's boxes hold more or less
forehead, ``eyes`` says where they are, and everything is moved along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from assets import props_path
from augment.prop_files import Prop, read_prop
from augment.prop_light import blend, lit, sharpness_passes, softened
from augment.svg import Drawing
from augment.svg_path import cos_sin
from augment.svg_raster import Recolour, RgbaImage, render
from augment.svg_values import Rgb, compose, moved
from converters.errors import NotADatasetError, UsageError
from converters.geometry import FloatArray
from converters.images import RgbImage
from converters.model import Xyxy

Params = Mapping[str, Any]

EYES = 0.2
"""Height of the eyes in a face box from forehead to chin, measured on the Kaggle set. About 0.4 where boxes
reach from the crown to the chin."""

MAX_COVER = 0.45
"""How much of a face box props may cover by default. More would hide what the label says."""

MIN_SIDE = 8.0
"""A face box with a shorter side (pixels) gets no prop: it would be a blot."""

_USUAL = (100, 110)
"""Width and height of the face box that props are drawn for; its proportions are the Kaggle set's median."""

_STRETCH = 1.2
"""How far a prop's width and height may part from its usual proportions on a wide or narrow face."""

_SOLID = 128
"""Alpha from which a pixel counts as covered."""

_COVER_SIDE = 96
"""Pixels of the longer side of a face on which coverage is counted."""


def prop_names() -> tuple[str, ...]:
    """Names of the shipped props, in order."""
    return tuple(sorted(path.stem for path in props_path().glob("*.json")))


@lru_cache(maxsize=256)
def load_prop(name: str) -> Prop:
    """A shipped prop.

    Raises:
        UsageError: There is none of this name.
    """
    if name not in prop_names():
        raise UsageError(f"there is no prop {name!r}; there are {', '.join(prop_names())}.")
    return read_prop(props_path() / f"{name}.json")


def load_props(folder: Path | None = None) -> tuple[Prop, ...]:
    """All props of a folder, in order of their names.

    Args:
        folder: A person's own (see :mod:`augment.prop_files`); None: the shipped ones.

    Raises:
        NotADatasetError: The folder holds no prop.
        FormatError: A prop is broken, with file and line, or a drawing has no JSON file beside it.
        ImageError: A picture cannot be read.
    """
    if folder is None:
        return tuple(load_prop(name) for name in prop_names())
    if not folder.is_dir():
        raise NotADatasetError("is not a folder of props.", path=folder)
    described = sorted(folder.glob("*.json"))
    names = {path.stem for path in described}
    for path in sorted(folder.iterdir()):
        if path.suffix.lower() in (".svg", ".png") and path.stem not in names:
            raise NotADatasetError(
                "has no JSON file beside it that says how it is worn.",
                path=path,
                code="bad-prop",
                hint=f"Write {path.stem}.json with its kind and its anchor on the face box.",
            )
    if not described:
        raise NotADatasetError("holds no prop (NAME.json with NAME.svg or NAME.png).", path=folder)
    return tuple(read_prop(path) for path in described)


def prop_params(rng: np.random.Generator, prop: Prop, eyes: float = EYES) -> dict[str, Any]:
    """Draw how a prop is worn once. Only ``rng.random()`` is used, and always as often for a prop.

    Args:
        rng: The copy's own generator.
        prop: Which prop.
        eyes: See :data:`EYES`.

    Returns:
        Plain values: ``prop`` (name), ``x``, ``y`` (face units), ``scale`` (factor), ``tilt`` (degrees,
        clockwise), ``flip``, ``tone`` (factor on its light), ``tints`` (name to ``#rrggbb``), ``eyes``.
    """

    def within(reach: float, middle: float = 0.0) -> float:
        return round(middle + (2 * rng.random() - 1) * reach, 4)

    jitter = prop.jitter
    params: dict[str, Any] = {
        "prop": prop.name,
        "x": within(jitter.x),
        "y": within(jitter.y),
        "scale": within(jitter.scale, 1.0),
        "tilt": within(jitter.tilt),
        "tone": within(0.1, 1.0),
    }
    chance = rng.random()
    params["flip"] = prop.flip and chance < 0.5
    params["tints"] = {}
    for name in sorted(prop.tints):
        colours = prop.tints[name].colours
        red, green, blue = colours[int(rng.random() * len(colours))]
        params["tints"][name] = f"#{red:02x}{green:02x}{blue:02x}"
    params["eyes"] = round(eyes, 4)
    return params


def rasterise(prop: Prop, size: tuple[int, int], tints: Mapping[str, Rgb] | None = None) -> RgbaImage:
    """A prop by itself, filling a canvas.

    Args:
        prop: Which prop.
        size: (width, height) in pixels.
        tints: Colours by name of a tint; others are as drawn.

    Returns:
        Premultiplied RGBA, shape (height, width, 4), uint8; read-only, as it is kept for the next time.
    """
    return _rasterised(prop, size, tuple(sorted((tints or {}).items())))


@lru_cache(maxsize=128)
def _rasterised(prop: Prop, size: tuple[int, int], tints: tuple[tuple[str, Rgb], ...]) -> RgbaImage:
    left, top, right, bottom = prop.extent
    sx, sy = size[0] / (right - left), size[1] / (bottom - top)
    rgba = _drawn(prop, np.array([[sx, 0.0, -left * sx], [0.0, sy, -top * sy]]), size, dict(tints))
    rgba.flags.writeable = False
    return rgba


def place(face: Xyxy, prop: Prop, params: Params) -> FloatArray:
    """The 2 × 3 matrix from a prop's drawing to the picture.

    The drawing fills its anchor on the face. On a face much wider or narrower than usual its shorter side
    grows (a head seen from the side is not as narrow as its face), about the point by which it holds.
    """
    x1, y1, x2, y2 = face
    eyes = float(params.get("eyes", EYES))
    width = x2 - x1
    unit = (y2 - y1) * (1 - eyes) / (1 - EYES)
    top = y1 + (y2 - y1) * eyes - EYES * unit
    left, upper, right, lower = prop.extent
    a1, b1, a2, b2 = prop.anchor
    wide, high = width / _USUAL[0], unit / _USUAL[1]
    wide, high = max(wide, high / _STRETCH), max(high, wide / _STRETCH)
    sx = (a2 - a1) * wide * _USUAL[0] / (right - left)
    sy = (b2 - b1) * high * _USUAL[1] / (lower - upper)
    hold_x, hold_y = prop.hold
    across = a1 + (a2 - a1) * hold_x
    if params["flip"]:
        across, sx = 1 - across, -sx
    at_x = x1 + (across + params["x"]) * width
    at_y = top + (b1 + (b2 - b1) * hold_y + params["y"]) * unit
    cos, sin = cos_sin(params["tilt"])
    scale = params["scale"]
    turn = np.array([[cos * sx * scale, -sin * sy * scale, at_x], [sin * sx * scale, cos * sy * scale, at_y]])
    held = (left + (right - left) * hold_x, upper + (lower - upper) * hold_y)
    return compose(turn, np.array([[1.0, 0.0, -held[0]], [0.0, 1.0, -held[1]]]))


def reach(face: Xyxy, prop: Prop, params: Params) -> Xyxy:
    """The box around all that a prop may draw on, not clipped."""
    return _reach(prop, place(face, prop, params))


def _reach(prop: Prop, matrix: FloatArray) -> Xyxy:
    left, top, right, bottom = prop.extent
    corners = moved(np.array([(left, top), (right, top), (right, bottom), (left, bottom)]), matrix)
    (x1, y1), (x2, y2) = corners.min(axis=0).tolist(), corners.max(axis=0).tolist()
    return (x1, y1, x2, y2)


Worn = tuple[Xyxy, Prop, Params]
"""A prop on a face box."""


def covered(face: Xyxy, prop: Prop, params: Params) -> float:
    """The part of a face box that its prop covers, 0 to 1, known without the picture.

    A pixel counts where the prop lets less than half of it through: clear glasses cover little more than
    their frame.
    """
    return cover_of(face, [(face, prop, params)])


def cover_of(box: Xyxy, worn: Sequence[Worn]) -> float:
    """The part of a box that props on it, and on its neighbours, cover together, 0 to 1.

    Args:
        box: Any box, in the same coordinates as the faces.
        worn: Props on face boxes.
    """
    x1, y1, x2, y2 = box
    wide, high = max(x2 - x1, 1e-6), max(y2 - y1, 1e-6)
    scale = _COVER_SIDE / max(wide, high)
    size = (max(1, round(wide * scale)), max(1, round(high * scale)))
    sx, sy = size[0] / wide, size[1] / high
    to_box = np.array([[sx, 0.0, -x1 * sx], [0.0, sy, -y1 * sy]])
    solid = np.zeros((size[1], size[0]), np.bool_)
    for face, prop, params in worn:
        matrix = compose(to_box, place(face, prop, params))
        if _overlap(_reach(prop, matrix), size) is not None:
            solid |= _drawn(prop, matrix, size, {}, finer=1)[:, :, 3] >= _SOLID
    return int(solid.sum()) / solid.size


def draw_prop(
    rgb: RgbImage,
    face: Xyxy,
    prop: Prop,
    params: Params,
    others: Sequence[Xyxy] = (),
    max_cover: float = MAX_COVER,
) -> RgbImage:
    """Put a prop on a face: placed, tilted, in the face's light, as sharp as the picture there.

    Args:
        rgb: The picture; it stays as it is.
        face: The face box, xyxy in pixels.
        prop: Which prop.
        params: What :func:`prop_params` drew.
        others: The other faces' boxes. One of which the prop would cover more than ``max_cover`` stays in
            front of it (the ellipse in its box is not drawn over).
        max_cover: 0 to 1.

    Returns:
        A new picture.
    """
    out = rgb.copy()
    matrix = place(face, prop, params)
    passes = sharpness_passes(rgb, face)
    around = _reach(prop, matrix)
    margin = passes + 1.0
    grown = (around[0] - margin, around[1] - margin, around[2] + margin, around[3] + margin)
    part = _overlap(grown, (rgb.shape[1], rgb.shape[0]))
    if part is None:
        return out
    x1, y1, x2, y2 = part
    moved_here = compose(np.array([[1.0, 0.0, -x1], [0.0, 1.0, -y1]]), matrix)
    tints = {name: _rgb(text) for name, text in params["tints"].items()}
    rgba = _drawn(prop, moved_here, (x2 - x1, y2 - y1), tints)
    rgba = softened(lit(rgba, rgb, face, float(params["tone"])), passes)
    for box in _in_front(face, prop, params, others, max_cover):
        _cut_ellipse(rgba, (box[0] - x1, box[1] - y1, box[2] - x1, box[3] - y1))
    out[y1:y2, x1:x2] = blend(out[y1:y2, x1:x2], rgba)
    return out


def _in_front(face: Xyxy, prop: Prop, params: Params, others: Sequence[Xyxy], max_cover: float) -> list[Xyxy]:
    """The boxes of which the prop would cover too much."""
    x1, y1, x2, y2 = reach(face, prop, params)
    near = [b for b in others if b[0] < x2 and b[1] < y2 and b[2] > x1 and b[3] > y1]
    return [box for box in near if cover_of(box, [(face, prop, params)]) > max_cover]


def _cut_ellipse(rgba: RgbaImage, box: Xyxy) -> None:
    """Leave out what lies in the ellipse of a box, with a rim of about a pixel."""
    x1, y1, x2, y2 = box
    x = (np.arange(rgba.shape[1]) + 0.5 - (x1 + x2) / 2) / max((x2 - x1) / 2, 0.5)
    y = ((np.arange(rgba.shape[0]) + 0.5 - (y1 + y2) / 2) / max((y2 - y1) / 2, 0.5))[:, None]
    beyond = (np.sqrt(x * x + y * y) - 1.0) * min(x2 - x1, y2 - y1) / 2
    keep = np.asarray(np.clip(beyond + 0.5, 0.0, 1.0) * 256, dtype=np.uint16)
    rgba[:] = (rgba * keep[:, :, None]) >> 8


def _overlap(box: Xyxy, size: tuple[int, int]) -> tuple[int, int, int, int] | None:
    """The whole pixels of a canvas that a box touches."""
    x1, y1 = max(int(np.floor(box[0])), 0), max(int(np.floor(box[1])), 0)
    x2, y2 = min(int(np.ceil(box[2])), size[0]), min(int(np.ceil(box[3])), size[1])
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else None


def _drawn(
    prop: Prop,
    matrix: FloatArray,
    size: tuple[int, int],
    tints: Mapping[str, Rgb],
    finer: int | None = None,
) -> RgbaImage:
    if isinstance(prop.art, Drawing):
        own = prop.tints
        recolours = {name: _recolour(own[name].base, c) for name, c in tints.items() if name in own}
        return render(prop.art, matrix, size, recolours, finer)
    return _warped(prop.art, matrix, size)


def _recolour(base: Rgb, wanted: Rgb) -> Recolour:
    """A tint keeps the shading: what is darker than the base stays as much darker, and lighter."""

    def recoloured(colour: Rgb) -> Rgb:
        light, of_base = _luminance(colour), max(_luminance(base), 1)
        red, green, blue = (min(255, (v * light + of_base // 2) // of_base) for v in wanted)
        if light <= of_base:
            return (red, green, blue)
        # Half as light falls on cloth, which keeps its hue, and half as it shines, which is white.
        up, room = light - of_base, max(255_000 - of_base, 1)
        red, green, blue = (
            (t + v + (255 - v) * up // room) // 2 for t, v in zip((red, green, blue), wanted, strict=True)
        )
        return (red, green, blue)

    return recoloured


def _luminance(colour: Rgb) -> int:
    """0 to 255000 (Rec. 601)."""
    return 299 * colour[0] + 587 * colour[1] + 114 * colour[2]


def _rgb(text: str) -> Rgb:
    return (int(text[1:3], 16), int(text[3:5], 16), int(text[5:7], 16))


def _warped(rgba: RgbaImage, matrix: FloatArray, size: tuple[int, int]) -> RgbaImage:
    """A prop that is a picture, made small by area first."""
    import cv2

    (a, b, c), (d, e, f) = matrix.tolist()
    shrink_x, shrink_y = min(1.0, float(np.hypot(a, d))), min(1.0, float(np.hypot(b, e)))
    height, width = rgba.shape[:2]
    small_size = (max(1, round(width * shrink_x)), max(1, round(height * shrink_y)))
    small = cv2.resize(rgba, small_size, interpolation=cv2.INTER_AREA)
    kx, ky = width / small_size[0], height / small_size[1]
    between = np.array(
        [
            [a * kx, b * ky, c + (a * kx + b * ky) / 2 - 0.5],
            [d * kx, e * ky, f + (d * kx + e * ky) / 2 - 0.5],
        ]
    )
    return np.asarray(cv2.warpAffine(small, between, size, flags=cv2.INTER_LINEAR), dtype=np.uint8)
