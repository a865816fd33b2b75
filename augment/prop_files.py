"""Props as files: a drawing, and beside it a JSON file that says how it is worn.

``NAME.json`` with ``NAME.svg`` (see :mod:`augment.svg`) or ``NAME.png`` (RGBA). Its keys:

- ``kind``: one word, such as ``glasses``; a policy says by kind which classes may wear it;
- ``anchor``: where the whole drawing lies on a face box, [left, top, right, bottom] in its widths and heights
  (0, 0 is the box's top left corner; numbers below 0 and above 1 lie outside), on a face whose eyes are at
  :data:`augment.props.EYES` of the box's height;
- ``hold`` (default [0.5, 0.5]): the point of the drawing, as fractions, that stays where it is when the prop
  is tilted or scaled;
- ``jitter`` (default none): {"x", "y" (face boxes), "scale" (fraction), "tilt" (degrees)}, each drawn evenly
  between minus and plus that much;
- ``flip`` (default true): whether it may be mirrored;
- ``tints`` (SVG only): {NAME: {"base": colour it is drawn in, "colours": [colours it may have]}} for every
  ``data-tint`` of the drawing; ``skin`` needs no colours;
- ``title`` (default its name) for people.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from augment.svg import Drawing, read_svg
from augment.svg_raster import RgbaImage
from augment.svg_values import Rgb, parse_colour
from converters.errors import FormatError, ImageError
from converters.images import read_header
from converters.model import Xyxy
from converters.reading import decode_utf8, read_small_file

SKIN_TONES: tuple[str, ...] = (
    "#e8c6ab", "#deb493", "#d3a07a", "#c98f6b", "#b07650", "#935d3b", "#74462b", "#54321f",
)  # fmt: skip
"""From fair to dark; what a hand gets where its file names no tones."""

MAX_PNG_SIDE = 4096
"""Of a prop's picture, in pixels: a prop is shown at a face's size."""

_KEYS = ("kind", "title", "anchor", "hold", "jitter", "flip", "tints")
_JITTER = {"x": 1.0, "y": 1.0, "scale": 0.9, "tilt": 180.0}


@dataclass(frozen=True)
class Jitter:
    """How far a prop may be from its place, each evenly between minus and plus this much.

    Attributes:
        x: Face box widths.
        y: Face box heights.
        scale: Fraction of its size.
        tilt: Degrees.
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 0.0
    tilt: float = 0.0


@dataclass(frozen=True)
class Tint:
    """A part that is recoloured: what it is drawn in, and what it may have."""

    base: Rgb
    colours: tuple[Rgb, ...]


@dataclass(frozen=True, eq=False)
class Prop:
    """A drawing with how it is worn; the attributes are the keys of its file (see the module).

    Attributes:
        name: Its file's name without extension.
        title: For people.
        kind: What kind of thing it is.
        anchor: Where the drawing lies on a face box, in its widths and heights.
        hold: The point of the drawing that keeps its place.
        jitter: How far it may be from its place.
        flip: Whether it may be mirrored.
        tints: By name.
        art: The drawing, or premultiplied RGBA pixels.
    """

    name: str
    title: str
    kind: str
    anchor: Xyxy
    hold: tuple[float, float]
    jitter: Jitter
    flip: bool
    tints: Mapping[str, Tint]
    art: Drawing | RgbaImage

    @property
    def extent(self) -> Xyxy:
        """(left, top, right, bottom) of the drawing in its own units."""
        if isinstance(self.art, Drawing):
            return self.art.view_box
        return (0.0, 0.0, float(self.art.shape[1]), float(self.art.shape[0]))


def read_prop(path: Path) -> Prop:
    """Read a prop.

    Args:
        path: Its JSON file; the drawing lies beside it.

    Raises:
        FormatError: The JSON or the SVG is wrong, with file and line, or there is no drawing.
        ImageError: The PNG cannot be read.
    """
    return _PropFile(path).read()


class _PropFile:
    """One JSON file while it is read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.text = decode_utf8(read_small_file(path), path)

    def read(self) -> Prop:
        """The prop."""
        data = self._json()
        for key in data:
            if key not in _KEYS:
                raise self._problem(key, f"{key}: no such key; there are {', '.join(_KEYS)}.")
        kind = self._word(data, "kind", None)
        anchor = self._numbers(data.get("anchor"), "anchor", 4)
        if not (anchor[0] < anchor[2] and anchor[1] < anchor[3] and max(map(abs, anchor)) <= 20):
            raise self._problem("anchor", "anchor: must be left, top, right, bottom in face boxes.")
        hold = self._numbers(data.get("hold", [0.5, 0.5]), "hold", 2)
        flip = data.get("flip", True)
        if not isinstance(flip, bool):
            raise self._problem("flip", f"flip: {flip!r} is neither true nor false.")
        art = self._art()
        return Prop(
            name=self.path.stem,
            title=self._word(data, "title", self.path.stem),
            kind=kind,
            anchor=(anchor[0], anchor[1], anchor[2], anchor[3]),
            hold=(hold[0], hold[1]),
            jitter=self._jitter(data.get("jitter", {})),
            flip=flip,
            tints=self._tints(data.get("tints", {}), art),
            art=art,
        )

    def _problem(self, key: str, text: str, hint: str = "") -> FormatError:
        found = re.search(rf'"{re.escape(key)}"\s*:', self.text)
        line = self.text.count("\n", 0, found.start()) + 1 if found else 1
        return FormatError(text, path=self.path, line=line, code="bad-prop", hint=hint)

    def _json(self) -> dict[str, Any]:
        try:
            data = json.loads(self.text)
        except json.JSONDecodeError as error:
            text = f"is not JSON: {error.msg}."
            raise FormatError(text, path=self.path, line=error.lineno, code="bad-json") from error
        except RecursionError as error:
            raise FormatError("is nested too deeply.", path=self.path, line=1, code="bad-json") from error
        if not isinstance(data, dict):
            raise FormatError("is not a JSON object.", path=self.path, line=1, code="bad-json")
        return data

    def _word(self, data: Mapping[str, Any], key: str, default: str | None) -> str:
        value = data.get(key, default)
        if not isinstance(value, str) or not value.strip():
            raise self._problem(key, f"{key}: must be a word, not {value!r}.")
        return value

    def _numbers(self, value: Any, key: str, count: int) -> list[float]:
        if not isinstance(value, list) or len(value) != count:
            raise self._problem(key, f"{key}: must be {count} numbers, not {value!r}.")
        return [self._number(entry, key, key) for entry in value]

    def _number(self, value: Any, key: str, where: str) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
            raise self._problem(key, f"{where}: {value!r} is not a number.")
        return float(value)

    def _jitter(self, value: Any) -> Jitter:
        if not isinstance(value, dict):
            raise self._problem("jitter", f"jitter: must be an object of {', '.join(_JITTER)}.")
        for key, entry in value.items():
            if key not in _JITTER:
                raise self._problem(key, f"jitter.{key}: no such key; there are {', '.join(_JITTER)}.")
            if not 0 <= self._number(entry, key, f"jitter.{key}") <= _JITTER[key]:
                raise self._problem(key, f"jitter.{key}: {entry!r} must be from 0 to {_JITTER[key]:g}.")
        return Jitter(**{key: float(entry) for key, entry in value.items()})

    def _art(self) -> Drawing | RgbaImage:
        drawing, picture = self.path.with_suffix(".svg"), self.path.with_suffix(".png")
        if drawing.is_file():
            return read_svg(drawing)
        if picture.is_file():
            return _read_rgba(picture)
        raise FormatError(
            f"has no drawing beside it: neither {drawing.name} nor {picture.name} is there.",
            path=self.path,
            code="bad-prop",
        )

    def _tints(self, value: Any, art: Drawing | RgbaImage) -> dict[str, Tint]:
        if not isinstance(value, dict):
            raise self._problem("tints", "tints: must be an object of names.")
        drawn = art.tints if isinstance(art, Drawing) else frozenset()
        for name in sorted(drawn - value.keys()):
            raise self._problem("tints", f"tints: does not name {name!r}, which the drawing has.")
        for name in sorted(value.keys() - drawn):
            raise self._problem(
                name, f"tints.{name}: nothing in the drawing has it.", f'Write data-tint="{name}" there.'
            )
        return {name: self._tint(name, entry) for name, entry in value.items()}

    def _tint(self, name: str, entry: Any) -> Tint:
        if not isinstance(entry, dict) or not entry.keys() <= {"base", "colours"} or "base" not in entry:
            raise self._problem(name, f"tints.{name}: must be an object of base and colours.")
        colours = entry.get("colours", list(SKIN_TONES) if name == "skin" else None)
        if not isinstance(colours, list) or not colours:
            raise self._problem(name, f"tints.{name}.colours: must be a list of colours.")
        return Tint(self._colour(name, entry["base"]), tuple(self._colour(name, c) for c in colours))

    def _colour(self, name: str, value: Any) -> Rgb:
        try:
            return parse_colour(value if isinstance(value, str) else "")
        except ValueError as error:
            text = f"tints.{name}: {value!r} is not a colour."
            raise self._problem(name, text, "Write #rrggbb.") from error


def _read_rgba(path: Path) -> RgbaImage:
    """Premultiplied pixels of a picture with alpha."""
    from PIL import Image

    size = read_header(path).size
    if max(size) > MAX_PNG_SIDE:
        raise ImageError(
            f"is {size[0]}x{size[1]} pixels; a prop has at most {MAX_PNG_SIDE} on a side.", path=path
        )
    try:
        with Image.open(path) as image:
            if not image.has_transparency_data:
                raise ImageError("has no transparency: it would hide the whole face.", path=path)
            rgba = np.asarray(image.convert("RGBA"), dtype=np.uint16)
    except (OSError, ValueError, SyntaxError) as error:
        raise ImageError("cannot be decoded.", path=path, hint="Save it again.") from error
    alpha = rgba[:, :, 3:]
    return np.concatenate([(rgba[:, :, :3] * alpha + 127) // 255, alpha], axis=2).astype(np.uint8)
