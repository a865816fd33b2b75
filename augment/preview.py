"""Some pictures of a plan and their copies on one sheet, without writing anything into the data set."""

from __future__ import annotations

from augment.contact_sheet import Picture, contact_sheet
from augment.plan import Plan, PlannedCopy
from augment.workers import load_picture, picture_of
from converters.errors import ImageError
from converters.images import RgbImage

MAX_CELL = 400
MAX_SHEET = 12_000
"""Longest side of a sheet in pixels, about; cells get smaller for more pictures."""


def sheet_of(plan: Plan, count: int) -> RgbImage:
    """A row for each of ``count`` pictures, evenly chosen: the original and its copies, boxes drawn.

    A picture that cannot be read goes to the plan's report, and the next is taken.
    """
    copies: dict[str, list[PlannedCopy]] = {}
    for copy in plan.copies:
        copies.setdefault(copy.image.key, []).append(copy)
    columns = 1 + max(map(len, copies.values()), default=0)
    rows: list[Picture | None] = []
    for key in _spread(list(copies), count):
        if len(rows) == count * columns:
            break
        try:
            row = _row(copies[key])
            rows += [*row, *[None] * (columns - len(row))]
        except ImageError as error:
            plan.report.add_exception(error, key=key)
    cell = min(MAX_CELL, MAX_SHEET // max(columns, min(count, len(copies)), 1))
    return contact_sheet(rows, columns=columns, class_names=plan.class_names, cell=max(cell, 64))


def _row(copies: list[PlannedCopy]) -> list[Picture]:
    image = copies[0].image
    rgb = load_picture(image)
    row = [Picture(rgb, image.boxes, f"{image.name}  {image.size[0]}x{image.size[1]}")]
    for copy in copies:
        donors = {donor.key: donor for donor in copy.donors}
        made = copy.recipe.apply(rgb, image.boxes, donors, picture_of(donors))
        row.append(Picture(made, copy.boxes, copy.recipe.caption()))
    return row


def _spread(keys: list[str], count: int) -> list[str]:
    """All keys, ``count`` evenly spread ones first."""
    if not keys:
        return []
    count = min(count, len(keys))
    first = [keys[number * len(keys) // count] for number in range(count)]
    chosen = set(first)
    return first + [key for key in keys if key not in chosen]
