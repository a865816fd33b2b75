"""Reads the subset of SVG in which props are drawn, as flat layers of polygons.

Understood: ``g``, ``path``, ``circle``, ``ellipse``, ``rect``, ``polygon``, ``polyline``, ``line``,
``linearGradient``, ``radialGradient`` (its focus is taken as its centre), ``viewBox``, ``transform``; fill,
fill-rule, fill-opacity, stroke, stroke-width, stroke-opacity, opacity (of a group: of each of its parts),
as attributes or in ``style``. Strokes end round, whatever the file says. ``data-tint="NAME"`` marks what is
recoloured. Whatever would look different here than in an editor (text, pictures, filters, masks, style
sheets, …) is an error, never left out silently.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lxml import etree

from augment.svg_path import Ring
from augment.svg_values import (
    IDENTITY,
    Gradient,
    Paint,
    Rgb,
    compose,
    gradient_to_unit,
    mean_scale,
    moved,
    parse_colour,
    parse_transform,
    rings_of,
)
from converters.errors import FormatError
from converters.geometry import FloatArray
from converters.model import Xyxy
from converters.reading import parse_number, read_small_file

MAX_POINTS = 200_000
"""Of a whole drawing, curves flattened; more is a photograph traced, not a prop."""

_NAMESPACE = "{http://www.w3.org/2000/svg}"
_DRAWN = frozenset({"path", "circle", "ellipse", "rect", "polygon", "polyline", "line"})
_SILENT = frozenset({"title", "desc", "metadata"})
_INHERITED = frozenset({"fill", "fill-rule", "fill-opacity", "stroke", "stroke-width", "stroke-opacity"})
_REFUSED = ("filter", "clip-path", "mask", "stroke-dasharray")
_HINT = "Props may use paths, circles, ellipses, rectangles, polygons, lines and gradients."


@dataclass(frozen=True, slots=True)
class Layer:
    """One shape in the drawing's units: first its filling, then its stroke is drawn.

    Attributes:
        rings: Its outlines.
        fill: What it is filled with, or None.
        stroke: What its outline is drawn with, or None.
        stroke_width: In the drawing's units.
        even_odd: Whether rings inside rings are holes whatever way round they go.
        tint: Name of the tint it is recoloured by, or empty.
        part: Id of the group it belongs to, or empty.
    """

    rings: tuple[Ring, ...]
    fill: Paint | None
    stroke: Paint | None
    stroke_width: float
    even_odd: bool
    tint: str
    part: str


@dataclass(frozen=True, eq=False)
class Drawing:
    """A drawing, the layers from the back to the front.

    Attributes:
        view_box: (left, top, right, bottom) in the drawing's own units.
        layers: See :class:`Layer`.
    """

    view_box: Xyxy
    layers: tuple[Layer, ...]

    @property
    def tints(self) -> frozenset[str]:
        """The names of the tints that its layers ask for."""
        return frozenset(layer.tint for layer in self.layers if layer.tint)


class _State(NamedTuple):
    """What an element inherits."""

    style: Mapping[str, str]
    matrix: FloatArray
    opacity: float
    tint: str
    part: str


@dataclass
class _Reader:
    path: Path | None
    step: float = 1.0
    layers: list[Layer] = field(default_factory=list)
    gradients: dict[str, etree._Element] = field(default_factory=dict)
    points: int = 0

    def problem(self, element: etree._Element, text: str, hint: str = "") -> FormatError:
        return FormatError(text, path=self.path, line=_line(element), code="bad-prop", hint=hint)

    def number(self, element: etree._Element, key: str, default: float | None = None) -> float:
        """A length: a number, perhaps with px."""
        text = element.get(key)
        if text is None:
            if default is None:
                raise self.problem(element, f"<{_name(element)}> has no {key}.")
            return default
        return self.value(element, text, key)

    def value(self, element: etree._Element, text: str, key: str) -> float:
        plain = text.strip()
        if plain.endswith("%"):
            number = parse_number(plain[:-1].strip(), key, path=self.path, line=_line(element))
            return number / 100
        return parse_number(plain.removesuffix("px").rstrip(), key, path=self.path, line=_line(element))

    def walk(self, element: etree._Element, state: _State) -> None:
        """Draw an element and what is in it."""
        if not isinstance(element.tag, str) or _foreign(element):
            return
        name = _name(element)
        if name in _SILENT or name in ("linearGradient", "radialGradient"):
            return
        if name == "defs":
            for child in element:
                if isinstance(child.tag, str) and not _foreign(child) and _name(child) not in _KNOWN_DEFS:
                    raise self.problem(child, f"<{_name(child)}> is not part of the SVG of props.", _HINT)
            return
        style = self.style_of(element)
        if style.get("display") == "none" or style.get("visibility") == "hidden":
            return
        inner = self.inherit(element, state, style)
        if name in ("svg", "g"):
            for child in element:
                self.walk(child, inner)
        elif name in _DRAWN:
            self.draw(element, name, inner)
        else:
            raise self.problem(element, f"<{name}> is not part of the SVG of props.", _HINT)

    def style_of(self, element: etree._Element) -> dict[str, str]:
        """Presentation attributes, and over them those in ``style``."""
        style = {str(k): str(v).strip() for k, v in element.attrib.items()}
        for entry in style.get("style", "").split(";"):
            key, colon, value = entry.partition(":")
            if colon:
                style[key.strip()] = value.strip()
        for key in _REFUSED:
            if style.get(key, "none") != "none":
                raise self.problem(element, f"{key} is not part of the SVG of props.", _HINT)
        return style

    def inherit(self, element: etree._Element, state: _State, style: Mapping[str, str]) -> _State:
        """What an element has, with what it takes from its parents."""
        own = {key: value for key, value in style.items() if key in _INHERITED and value != "inherit"}
        matrix = state.matrix
        if "transform" in style:
            try:
                matrix = compose(matrix, parse_transform(style["transform"]))
            except ValueError as error:
                raise self.problem(element, f"transform {error}.") from error
        opacity = self.value(element, style.get("opacity", "1"), "opacity")
        is_part = _name(element) == "g" and "id" in style
        return _State(
            {**state.style, **own},
            matrix,
            state.opacity * min(max(opacity, 0.0), 1.0),
            style.get("data-tint", state.tint),
            style["id"] if is_part else state.part,
        )

    def draw(self, element: etree._Element, name: str, state: _State) -> None:
        """Add the layer of a shape."""
        width = self.value(element, state.style.get("stroke-width", "1"), "stroke-width")
        try:
            shapes = rings_of(
                name,
                lambda key, default=None: self.number(element, key, default),
                element.get,
                self.step / max(mean_scale(state.matrix), 1e-9),
            )
        except ValueError as error:
            raise self.problem(element, f"<{name}> {error}.") from error
        if not shapes:
            return
        own_box = _bounds(shapes)
        self.points += sum(len(ring.points) for ring in shapes)
        if self.points > MAX_POINTS:
            raise self.problem(element, f"has more than {MAX_POINTS} points.", "Simplify the drawing.")
        fill = None if name == "line" else self.paint(element, "fill", state, own_box)
        stroke = self.paint(element, "stroke", state, own_box) if width > 0 else None
        if fill is None and stroke is None:
            return
        rings = tuple(Ring(moved(ring.points, state.matrix), ring.closed) for ring in shapes)
        even_odd = state.style.get("fill-rule") == "evenodd"
        wide = width * mean_scale(state.matrix)
        self.layers.append(Layer(rings, fill, stroke, wide, even_odd, state.tint, state.part))

    def paint(self, element: etree._Element, key: str, state: _State, own_box: Xyxy) -> Paint | None:
        """What ``fill`` or ``stroke`` says."""
        text = state.style.get(key, "black" if key == "fill" else "none")
        if text in ("none", "transparent"):
            return None
        opacity = self.value(element, state.style.get(f"{key}-opacity", "1"), f"{key}-opacity")
        alpha = min(max(opacity, 0.0), 1.0) * state.opacity
        if alpha <= 0:
            return None
        if text.startswith("url("):
            name = text[4 : text.index(")")].strip("'\"# ") if ")" in text else ""
            if name not in self.gradients:
                raise self.problem(element, f"{key} asks for the gradient {name!r}, which is not there.")
            gradient = self.gradient(self.gradients[name], state.matrix, own_box)
            return Paint(gradient.stops[0][1], alpha, gradient) if gradient.stops else None
        return Paint(self.colour(element, text, key), alpha)

    def colour(self, element: etree._Element, text: str, key: str) -> Rgb:
        try:
            return parse_colour(text)
        except ValueError as error:
            raise self.problem(element, f"{key} is {text[:40]!r}, not a colour.", "Write #rrggbb.") from error

    def gradient(self, element: etree._Element, matrix: FloatArray, own_box: Xyxy) -> Gradient:
        """A gradient as it falls on a shape with this matrix and this bounding box."""
        chain = self.chain(element)

        def said(key: str) -> etree._Element | None:
            return next((e for e in chain if e.get(key) is not None), None)

        def number(key: str, default: float) -> float:
            owner = said(key)
            return default if owner is None else self.number(owner, key)

        owner = said("gradientUnits")
        to_shape = matrix
        if owner is None or owner.get("gradientUnits") != "userSpaceOnUse":
            x1, y1, x2, y2 = own_box
            to_shape = compose(to_shape, np.array([[x2 - x1, 0.0, x1], [0.0, y2 - y1, y1]]))
        if (owner := said("gradientTransform")) is not None:
            try:
                to_shape = compose(to_shape, parse_transform(owner.get("gradientTransform", "")))
            except ValueError as error:
                raise self.problem(owner, f"gradientTransform {error}.") from error
        radial = _name(element) == "radialGradient"
        values: tuple[float, ...]
        if radial:
            values = (number("cx", 0.5), number("cy", 0.5), number("r", 0.5))
        else:
            values = (number("x1", 0.0), number("y1", 0.0), number("x2", 1.0), number("y2", 0.0))
        unit = gradient_to_unit(radial, values, to_shape)
        holder = next((e for e in chain if any(_name(c) == "stop" for c in _elements(e))), element)
        return Gradient(radial, unit, self.stops(holder))

    def chain(self, element: etree._Element) -> list[etree._Element]:
        """A gradient and those whose attributes and stops it takes over."""
        chain = [element]
        while True:
            link = chain[-1].get("href") or chain[-1].get("{http://www.w3.org/1999/xlink}href")
            if not link:
                return chain
            following = self.gradients.get(link.lstrip("#"))
            if following is None or following in chain:
                raise self.problem(chain[-1], f"refers to the gradient {link!r}, which is not there.")
            chain.append(following)

    def stops(self, element: etree._Element) -> tuple[tuple[float, Rgb, float], ...]:
        stops: list[tuple[float, Rgb, float]] = []
        for child in _elements(element):
            if _name(child) != "stop":
                continue
            style = self.style_of(child)
            place = min(max(self.value(child, style.get("offset", "0"), "offset"), 0.0), 1.0)
            alpha = min(max(self.value(child, style.get("stop-opacity", "1"), "stop-opacity"), 0.0), 1.0)
            colour = self.colour(child, style.get("stop-color", "black"), "stop-color")
            stops.append((max(place, stops[-1][0]) if stops else place, colour, alpha))
        return tuple(stops)


_KNOWN_DEFS = frozenset({"linearGradient", "radialGradient", *_SILENT})


def read_svg(path: Path) -> Drawing:
    """Read a drawing.

    Raises:
        FormatError: It is no SVG, or uses what props may not use; with the line.
    """
    return parse_svg(read_small_file(path), path)


def parse_svg(data: bytes, path: Path | None = None) -> Drawing:
    """The drawing in the bytes of an SVG; raises as :func:`read_svg`."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        line = error.lineno or None
        text = (error.msg or "cannot be read").split(", line")[0]
        raise FormatError(f"is not XML: {text}.", path=path, line=line, code="bad-xml") from error
    reader = _Reader(path)
    # A string where there is one; what is inside it was not acted on.
    if getattr(root.getroottree().docinfo, "doctype", ""):
        raise FormatError(
            "declares a document type, which is not read.",
            path=path,
            line=1,
            code="bad-xml",
            hint="Save it as plain SVG without <!DOCTYPE>.",
        )
    if root.tag not in (f"{_NAMESPACE}svg", "svg"):
        raise reader.problem(root, f"begins with <{_name(root)}>, not with <svg>.")
    view_box = _view_box(root, reader)
    reader.step = max(view_box[2] - view_box[0], view_box[3] - view_box[1]) / 100
    for element in root.iter():
        if isinstance(element.tag, str) and _name(element) in ("linearGradient", "radialGradient"):
            reader.gradients[element.get("id", "")] = element
    reader.walk(root, _State({}, IDENTITY, 1.0, "", ""))
    if not reader.layers:
        raise reader.problem(root, "draws nothing.")
    return Drawing(view_box, tuple(reader.layers))


def _view_box(root: etree._Element, reader: _Reader) -> Xyxy:
    parts = root.get("viewBox", "").replace(",", " ").split()
    if len(parts) != 4:
        raise reader.problem(root, "<svg> has no viewBox of four numbers.", 'Such as viewBox="0 0 100 60".')
    x, y, width, height = (reader.value(root, part, "viewBox") for part in parts)
    if not (1e-3 <= width <= 1e6 and 1e-3 <= height <= 1e6 and abs(x) <= 1e6 and abs(y) <= 1e6):
        raise reader.problem(root, f"viewBox is {width:g} by {height:g} large, which cannot be.")
    return (x, y, x + width, y + height)


def _bounds(rings: list[Ring]) -> Xyxy:
    points = np.concatenate([ring.points for ring in rings])
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return (float(x1), float(y1), float(x2), float(y2))


def _name(element: etree._Element) -> str:
    return str(etree.QName(element).localname)


def _foreign(element: etree._Element) -> bool:
    """Whether an editor's own remark, which SVG lets it write."""
    tag = str(element.tag)
    return tag.startswith("{") and not tag.startswith(_NAMESPACE)


def _line(element: etree._Element) -> int | None:
    line: Any = element.sourceline
    return int(line) if line else None


def _elements(element: etree._Element) -> list[etree._Element]:
    return [child for child in element if isinstance(child.tag, str)]
