"""The edges of a box in the cells of a table, both ways."""

from __future__ import annotations

import json
from collections.abc import Sequence

from converters.errors import FormatError
from converters.formats.csv_columns import BBOX, CENTRE, CORNERS, REGION, SIDES, Columns
from converters.model import Xyxy
from converters.reading import parse_number

DECIMALS = 6
"""Of pixels, in cells that are written; parts of a side get nine, which is finer than any picture."""

_WORDS = {"x1": "x", "y1": "y", "w": "width", "h": "height", "cx": "x_center", "cy": "y_center"}
_CLASS_KEYS = ("class", "label", "name", "category", "type", "object")


def read_edges(
    cells: Sequence[str], columns: Columns, size: tuple[int, int], line: int | None = None
) -> Xyxy:
    """Edges of a row in pixels.

    Args:
        cells: The row.
        columns: What its columns are; no :data:`converters.formats.csv_columns.REGION`.
        size: The picture's (width, height).
        line: Of the row, for complaints.

    Raises:
        FormatError: One is no finite number, or a side is negative.
    """
    scale = size if columns.relative else (1, 1)
    if columns.box == CORNERS:
        x1, y1, x2, y2 = (parse_number(columns.cell(cells, edge), edge, line=line) for edge in CORNERS)
        return x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]
    if columns.box == BBOX:
        texts = _listed(columns.cell(cells, "bbox"), line)
    else:
        texts = [columns.cell(cells, role) for role in columns.box]
    names = [_WORDS[role] for role in (SIDES if columns.box == BBOX else columns.box)]
    x, y, width, height = (
        parse_number(text, name, line=line) for text, name in zip(texts, names, strict=True)
    )
    for side, name in ((width, "width"), (height, "height")):
        if side < 0:
            raise FormatError(f"{name} {side:g} is not above 0.", line=line, code="box-empty")
    if columns.box == CENTRE:
        x, y = x - width / 2, y - height / 2
    return x * scale[0], y * scale[1], (x + width) * scale[0], (y + height) * scale[1]


def edge_cells(xyxy: Xyxy, size: tuple[int, int], columns: Columns) -> dict[str, str]:
    """The cells of a box, by what their columns are.

    Raises:
        FormatError: It has no area, as it would be written.
    """
    decimals = 9 if columns.relative else DECIMALS
    scale = size if columns.relative else (1, 1)
    x1, y1, x2, y2 = (round(edge / scale[number % 2], decimals) for number, edge in enumerate(xyxy))
    if not (x1 < x2 and y1 < y2):
        raise FormatError(f"box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) has no area.", code="box-empty")
    if columns.box == CORNERS:
        values = (x1, y1, x2, y2)
    elif columns.box == CENTRE:
        values = ((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1)
    else:
        values = (x1, y1, x2 - x1, y2 - y1)
    texts = [_plain(value, decimals) for value in values]
    if columns.box == BBOX:
        return {"bbox": f"[{', '.join(texts)}]"}
    return dict(zip(columns.box, texts, strict=True))


def is_relative(rows: Sequence[Sequence[str]], columns: Columns) -> bool:
    """Whether all edges of a table are parts of the picture's sides: between 0 and 1, and not all whole.

    No box of a picture is smaller than a pixel, so such a table means nothing else.
    """
    if columns.box == REGION:
        return False
    broken = False
    for cells in rows:
        if columns.box == BBOX:
            texts = columns.cell(cells, "bbox").strip("[]() ").replace(",", " ").split()
        else:
            texts = [text for role in columns.box if (text := columns.cell(cells, role))]
        for text in texts:
            try:
                value = parse_number(text, "edge")
            except FormatError:
                continue
            if not 0 <= value <= 1:
                return False
            broken = broken or value != int(value)
    return broken


def read_region(cell: str, line: int | None) -> tuple[str, Xyxy | None]:
    """What VIA calls a region: its kind (``rect``) and the box around it; None where it has no area.

    Raises:
        FormatError: It is none.
    """
    shape = _object(cell, "region_shape_attributes", line)
    kind = shape.get("name")

    def numbers(*names: str) -> list[float]:
        return [_number(shape.get(name), name, line) for name in names]

    if kind == "rect":
        x, y, width, height = numbers("x", "y", "width", "height")
        return "rect", (x, y, x + width, y + height)
    if kind == "circle":
        x, y, radius = numbers("cx", "cy", "r")
        return "circle", (x - radius, y - radius, x + radius, y + radius)
    if kind == "ellipse" and not shape.get("theta"):
        x, y, across, down = numbers("cx", "cy", "rx", "ry")
        return "ellipse", (x - across, y - down, x + across, y + down)
    if kind == "polygon":
        xs, ys = shape.get("all_points_x"), shape.get("all_points_y")
        if not (isinstance(xs, list) and isinstance(ys, list) and len(xs) == len(ys) > 2):
            raise FormatError("is no polygon: it has no three points.", line=line, code="bad-outline")
        left = [_number(x, "x", line) for x in xs]
        top = [_number(y, "y", line) for y in ys]
        return "polygon", (min(left), min(top), max(left), max(top))
    if isinstance(kind, str) and kind in ("point", "polyline", "ellipse"):
        return kind, None
    raise FormatError(f"{kind!r:.40} is no region that is known.", line=line, code="bad-outline")


def region_class(cell: str, line: int | None) -> str:
    """The class of a region: the one attribute it has, else the one named class, label, name or so.

    Raises:
        FormatError: There is none, or several that could be it.
    """
    given = _object(cell, "region_attributes", line)
    texts = {key: text for key, value in given.items() if (text := _attribute(value))}
    for key in () if len(texts) == 1 else _CLASS_KEYS:
        for name, text in texts.items():
            if name.strip().casefold() == key:
                return text
    if len(texts) == 1:
        return next(iter(texts.values()))
    if not texts:
        raise FormatError("the class is empty: region_attributes has none.", line=line, code="no-name")
    raise FormatError(
        f"which of {', '.join(list(texts)[:6])} is the class?",
        line=line,
        code="no-name",
        hint="Rename that attribute to class.",
    )


def _attribute(value: object) -> str:
    """An attribute as text; of a list of check boxes the one that is set."""
    if isinstance(value, dict):
        ticked = [key for key, on in value.items() if on]
        return str(ticked[0]) if len(ticked) == 1 else ""
    return value.strip() if isinstance(value, str) else ""


def _object(cell: str, what: str, line: int | None) -> dict[str, object]:
    try:
        found = json.loads(cell or "{}")
    except (ValueError, RecursionError) as error:
        raise FormatError(f"{what} is no JSON: {cell[:60]!r}.", line=line, code="bad-json") from error
    if not isinstance(found, dict):
        raise FormatError(f"{what} is no object: {cell[:60]!r}.", line=line, code="bad-json")
    return found


def _number(value: object, what: str, line: int | None) -> float:
    return parse_number(value if isinstance(value, str) else json.dumps(value), what, line=line)


def _listed(cell: str, line: int | None) -> list[str]:
    texts = cell.strip("[]() ").replace(",", " ").split()
    if len(texts) != 4:
        raise FormatError(
            f"bbox {cell[:60]!r} is not [left, top, width, height].", line=line, code="bad-bbox"
        )
    return texts


def _plain(value: float, decimals: int) -> str:
    text = f"{value:.{decimals}f}".rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text
