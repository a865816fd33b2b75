"""A labelme file as text with known places, and what its shapes say.

The fields are those that labelme writes (wkentaro/labelme, ``labelme/label_file.py``): ``shapes`` is a list
of ``{label, points, group_id, description, shape_type, flags}``. X-AnyLabeling, which keeps the format, adds
``difficult`` to a shape and writes rectangles with four points.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from converters.errors import FormatError
from converters.formats.json_text import Edit, JsonText, Style, Value, style_of
from converters.model import Box, Xyxy

FLAGS = ("difficult", "truncated", "occluded", "crowd")
"""Flags of the model, kept by these names in the ``flags`` of a shape."""

WITHOUT_AREA = frozenset({"point", "points", "line", "linestrip"})
"""Shapes that have no box."""

_FEWEST_POINTS = {"polygon": 3}
_CORNERS = ((0, 1), (2, 1), (2, 3), (0, 3))


@dataclass(slots=True)
class Shape:
    """One entry of ``shapes``.

    Attributes:
        entry: It and its place.
        line: 1-based line where it begins.
    """

    entry: Value
    line: int


@dataclass(slots=True)
class LabelmeDocument:
    """A parsed file.

    Attributes:
        source: Its text.
        top: The members of its one object.
        array: The list of shapes.
        shapes: In the order of the file; a box's origin is an index here.
        style: How the file is laid out.
    """

    source: JsonText
    top: dict[str, Value]
    array: Value
    shapes: list[Shape]
    style: Style

    def line_of(self, key: str) -> int | None:
        """Line of a member of the top object."""
        return self.source.line(self.top[key].start) if key in self.top else None

    @property
    def size(self) -> tuple[int, int] | None:
        """The (width, height) of the picture that it states.

        Raises:
            FormatError: It is no size.
        """
        sides = []
        for key in ("imageWidth", "imageHeight"):
            member = self.top.get(key)
            if member is None or member.value is None:
                return None
            value = member.value
            if isinstance(value, bool) or not isinstance(value, int | float) or value < 0 or value % 1:
                raise FormatError(
                    f"{key} is {_shown(value)}, not a size in pixels.",
                    line=self.line_of(key),
                    code="bad-size",
                )
            sides.append(int(value))
        return sides[0], sides[1]


def parse(data: bytes) -> LabelmeDocument:
    """Parse a labelme file.

    Raises:
        FormatError: It is no well-formed JSON, or none of labelme's.
    """
    source = JsonText(data)
    root = source.root()
    if source.text[root] != "{":
        source.check_end(source.value(root).end)
        raise FormatError("holds no JSON object: no labelme file.", line=1, code="not-labelme")
    top, end = source.members(root)
    source.check_end(end)
    array = top.get("shapes")
    if array is None or not isinstance(array.value, list):
        what = "has no" if array is None else "has something else than a list as its"
        raise FormatError(f'{what} "shapes": no labelme file.', line=source.line(root), code="not-labelme")
    elements, _ = source.elements(array.start)
    shapes = [Shape(element, source.line(element.start)) for element in elements]
    style = style_of(source, source.text.index('"', root), root)
    return LabelmeDocument(source, top, array, shapes, style)


def kind_of(shape: Shape) -> str:
    """Its ``shape_type``; files of the first versions have none and hold polygons.

    Raises:
        FormatError: It is no text, or the shape is no object.
    """
    if not isinstance(shape.entry.value, dict):
        raise FormatError("is no object.", line=shape.line, code="bad-shape")
    kind = shape.entry.value.get("shape_type")
    if kind is None:
        return "polygon"
    if not isinstance(kind, str):
        raise FormatError(f"shape_type is {_shown(kind)}, no text.", line=shape.line, code="bad-shape")
    return kind.strip().casefold()


def box_of(shape: Shape, index: int) -> tuple[Box, bool]:
    """The box of a shape that has an area, as the file has it, and whether it is an upright rectangle.

    Raises:
        FormatError: It has no label, or its points are none.
    """
    kind = kind_of(shape)
    value: dict[str, Any] = shape.entry.value
    points = _points(value.get("points"), kind, shape.line)
    x = [point[0] for point in points]
    y = [point[1] for point in points]
    if kind == "circle":
        # The centre and a point of its edge.
        radius = math.dist(points[0], points[1])
        edges = (x[0] - radius, y[0] - radius, x[0] + radius, y[0] + radius)
        return Box(edges, _label(value, shape.line), None, _flags(value), index), False
    edges = (min(x), min(y), max(x), max(y))
    if kind == "mask":
        # Its corners are the first and the last pixel (labelme's shape_to_mask fills y1 to y2 + 1).
        edges = (edges[0], edges[1], edges[2] + 1, edges[3] + 1)
    upright = kind == "rectangle" and (len(points) == 2 or _are_corners(points, edges))
    return Box(edges, _label(value, shape.line), None, _flags(value), index), upright


def new_shape(box: Box, style: Style, indent: str, like: dict[str, Any] | None) -> str:
    """The text of a new shape.

    Args:
        box: What it shall say.
        style: How the file is laid out.
        indent: Indentation of the shape.
        like: Another shape of the file, whose keys it gets; None: those of labelme 5.
    """
    x1, y1, x2, y2 = edge_numbers(box)
    fresh: dict[str, Any] = {
        "label": box.label,
        "points": [[x1, y1], [x2, y2]],
        "group_id": None,
        "description": "",
        "shape_type": "rectangle",
        "flags": {flag: True for flag in FLAGS if flag in box.flags},
    }
    if like is not None:
        same = {key: fresh[key] for key in like if key in fresh}
        if "difficult" in like:
            same["difficult"] = "difficult" in box.flags
            fresh["flags"].pop("difficult", None)
        needed = ("label", "points", "shape_type", *(["flags"] if fresh["flags"] else []))
        fresh = {**same, **{key: fresh[key] for key in needed if key not in same}}
    return style.dumps(fresh, indent)


def edits_of(document: LabelmeDocument, shape: Shape, old: Box, new: Box, upright: bool) -> list[Edit]:
    """What to change in a shape so that it says another box."""
    source, style = document.source, document.style
    fields, _ = source.members(shape.entry.start)
    inside = _indent_inside(source, shape)
    edits: list[Edit] = []
    if new.label != old.label:
        edits.append(_replaced(fields["label"], style.dumps(new.label)))
    if new.xyxy != old.xyxy:
        x1, y1, x2, y2 = edge_numbers(new)
        if upright:
            edits += _point_edits(source, fields["points"], old.xyxy, (x1, y1, x2, y2))
        else:
            edits.append(_replaced(fields["points"], style.dumps([[x1, y1], [x2, y2]], inside)))
            edits += _become_rectangle(fields, style, shape)
    edits += _flag_edits(fields, old, new, style, inside)
    return edits


def edge_numbers(box: Box) -> Xyxy:
    """Edges as they are written: four decimals at most.

    Raises:
        FormatError: The box has no area then.
    """
    x1, y1, x2, y2 = (round(float(edge), 4) for edge in box.xyxy)
    if not (x1 < x2 and y1 < y2):
        raise FormatError(f"box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) has no area.", code="box-empty")
    return x1, y1, x2, y2


def _points(value: Any, kind: str, line: int) -> list[tuple[float, float]]:
    fewest = _FEWEST_POINTS.get(kind, 2)
    if not isinstance(value, list) or len(value) < fewest:
        have = f"{len(value)} points" if isinstance(value, list) else "no list of points"
        raise FormatError(
            f"{kind or 'shape'} has {have}, not {fewest} at least.", line=line, code="bad-points"
        )
    points = []
    for number, point in enumerate(value):
        if not isinstance(point, list) or len(point) != 2:
            raise FormatError(f"points[{number}] is no pair of numbers.", line=line, code="bad-points")
        points.append((_number(point[0], number, line), _number(point[1], number, line)))
    return points


def _number(value: Any, index: int, line: int) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FormatError(
            f"points[{index}] holds {_shown(value)}, not a number.", line=line, code="bad-number"
        )
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not math.isfinite(number):
        raise FormatError(
            f"points[{index}] holds {_shown(value)}, not a finite number.", line=line, code="not-finite"
        )
    return number


def _label(value: dict[str, Any], line: int) -> str:
    label = value.get("label")
    if not isinstance(label, str):
        what = "has no label" if label is None else f"label is {_shown(label)}, no text"
        raise FormatError(f"{what}.", line=line, code="no-name")
    text = label.strip(" \t\r\n")
    if not text.strip():
        raise FormatError("label is empty: the box has no class.", line=line, code="no-name")
    if any(character < " " for character in text):
        raise FormatError("label has a line break or a tab in it.", line=line, code="bad-label")
    return text


def _flags(value: dict[str, Any]) -> frozenset[str]:
    stated = value.get("flags")
    flags = stated if isinstance(stated, dict) else {}
    named = {name.casefold() for name, is_set in flags.items() if is_set is True}
    if value.get("difficult") is True:
        named.add("difficult")
    return frozenset(flag for flag in FLAGS if flag in named)


def _are_corners(points: list[tuple[float, float]], edges: Xyxy) -> bool:
    """Whether four points (or five, the last being the first again) are the corners of an upright box."""
    around = points[:-1] if len(points) == 5 and points[0] == points[-1] else points
    return len(around) == 4 and set(around) == {(edges[x], edges[y]) for x, y in _CORNERS}


def _point_edits(source: JsonText, points: Value, old: Xyxy, new: Xyxy) -> list[Edit]:
    """Replace the numbers that change, whichever corners the points are."""
    edits: list[Edit] = []
    for point in source.elements(points.start)[0]:
        for axis, number in enumerate(source.elements(point.start)[0]):
            edge = axis if number.value == old[axis] else axis + 2
            if old[edge] != new[edge]:
                whole = isinstance(number.value, int) and new[edge] % 1 == 0
                edits.append(_replaced(number, str(int(new[edge])) if whole else repr(new[edge])))
    return edits


def _become_rectangle(fields: dict[str, Value], style: Style, shape: Shape) -> list[Edit]:
    """What else an outline says that is wrong once it is a rectangle."""
    edits: list[Edit] = []
    kind = fields.get("shape_type")
    if kind is not None:
        edits.append(_replaced(kind, '"rectangle"'))
    else:
        edits.append(_inserted(fields["points"], "shape_type", "rectangle", style, shape))
    if "mask" in fields and fields["mask"].value is not None:
        edits.append(_replaced(fields["mask"], "null"))
    return edits


def _flag_edits(fields: dict[str, Value], old: Box, new: Box, style: Style, indent: str) -> list[Edit]:
    changed = [flag for flag in FLAGS if (flag in old.flags) != (flag in new.flags)]
    if not changed:
        return []
    edits: list[Edit] = []
    if "difficult" in changed and "difficult" in fields:
        edits.append(_replaced(fields["difficult"], "true" if "difficult" in new.flags else "false"))
        changed.remove("difficult")
    member = fields.get("flags")
    stated = member.value if member is not None and isinstance(member.value, dict) else {}
    if changed or any(name.casefold() in FLAGS and flag_set for name, flag_set in stated.items()):
        flags = {name: is_set for name, is_set in stated.items() if name.casefold() not in FLAGS}
        own = [flag for flag in FLAGS if flag != "difficult" or "difficult" not in fields]
        flags |= {flag: True for flag in own if flag in new.flags}
        if member is not None:
            edits.append(_replaced(member, style.dumps(flags, indent)))
        else:
            place = fields["points"].end
            blanks = style.newline + indent if style.newline else " "
            edits.append((place, place, f',{blanks}"flags": {style.dumps(flags, indent)}'))
    return edits


def _inserted(after: Value, key: str, value: Any, style: Style, shape: Shape) -> Edit:
    blanks = " " if not style.newline else style.newline + style.unit * 3
    return after.end, after.end, f',{blanks}"{key}": {style.dumps(value)}'


def _replaced(old: Value, text: str) -> Edit:
    return old.start, old.end, text


def _indent_inside(source: JsonText, shape: Shape) -> str:
    """Indentation of the keys in a shape."""
    first = source.text.find('"', shape.entry.start)
    blanks = source.blanks_before(first)
    return blanks[blanks.rfind("\n") + 1 :] if "\n" in blanks else ""


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else text[:40] + "…"
