"""plan.csv: a balance plan as a table that a person can read, change and hand to augment-cli.

Columns ``image,copies,pastes``: the picture relative to the set's folder as in split.csv
(``obj/a.png``), how many copies of it, and the boxes pasted on all these copies together, as
``label=count;label=count`` (see :mod:`converters.label_counts` for odd names). Pictures without copies are
left out. ``pastes`` may be missing, and other columns are not looked at.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from natsort import natsort_keygen

from converters import label_counts
from converters.balance_plan import (
    MAX_COPIES,
    MAX_PASTES_PER_COPY,
    BalancePlan,
    planned_counts,
    training_counts,
)
from converters.errors import FormatError, UsageError
from converters.files import write_atomic
from converters.model import AnnotatedImage, Dataset, Split
from converters.reading import read_text

_COLUMNS = ("image", "copies", "pastes")


def write_plan(path: Path, dataset: Dataset, plan: BalancePlan) -> None:
    """Write a plan of a set.

    Raises:
        UsageError: The plan has a picture that the set does not have.
        WriteError: It cannot be written.
    """
    names = {image.key: _name_of(image) for image in dataset}
    unknown = next((key for key in (*plan.copies, *plan.pastes) if key not in names), None)
    if unknown is not None:
        raise UsageError(f"the plan has {unknown}, which is no picture of {dataset.root}.")
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    natural = natsort_keygen()
    for image in sorted(plan.copies, key=lambda key: (natural(names[key]), names[key])):
        pastes = label_counts.render(plan.pastes.get(image, {}), ";")
        writer.writerow((names[image], plan.copies[image], pastes))
    write_atomic(path, out.getvalue())


def read_plan(path: Path, dataset: Dataset) -> BalancePlan:
    """Read a plan of a set.

    Args:
        path: The file.
        dataset: The set, with its split.

    Returns:
        The plan with its counts; it has no target.

    Raises:
        FormatError: With file and line: it cannot be read, a column is missing, a picture is not in the
            set, not in train, not labelled or there twice, a number is not one of 1 to
            :data:`MAX_COPIES` copies (0 is allowed and means none), a class is unknown or has no training
            box to paste, or there are more pasted boxes than :data:`MAX_PASTES_PER_COPY` for each copy.
    """
    by_name = {_name_of(image): image for image in dataset}
    before = training_counts(dataset)
    copies: dict[str, int] = {}
    pastes: dict[str, dict[str, int]] = {}
    first: dict[str, int] = {}
    for line, name, number, pasted in _rows(path):
        image = _picture(path, line, name, by_name)
        if name in first:
            raise _wrong(path, line, f"{name} stands in line {first[name]} already.")
        first[name] = line
        count = _copies(path, line, number)
        boxes = _pastes(path, line, pasted, count, before)
        if count:
            copies[image.key] = count
        if boxes:
            pastes[image.key] = boxes
    order = {image.key: place for place, image in enumerate(dataset)}
    copies = {key: copies[key] for key in sorted(copies, key=order.__getitem__)}
    pastes = {key: pastes[key] for key in copies if key in pastes}
    return BalancePlan(copies, pastes, before, planned_counts(dataset, copies, pastes))


def _name_of(image: AnnotatedImage) -> str:
    """The picture as split.csv names it: relative to the set's folder, with extension."""
    return image.key + image.path.suffix


def _rows(path: Path) -> Iterator[tuple[int, str, str, str]]:
    """Line, image, copies and pastes of each row; blank lines are passed over."""
    reader = csv.reader(io.StringIO(read_text(path), newline=""), strict=True)
    columns: list[str] | None = None
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            break
        except csv.Error as error:
            raise _wrong(path, line, f"is no CSV: {error}.") from error
        if not any(cell.strip() for cell in row):
            continue
        if columns is None:
            columns = _head(path, line, row)
            continue
        if len(row) > len(columns):
            raise _wrong(path, line, f"has {len(row)} cells, but there are {len(columns)} columns.")
        cells = dict(zip(columns, row, strict=False))
        if "copies" not in cells:
            raise _wrong(path, line, "names a picture, but no number of copies.")
        yield line, cells["image"].strip(), cells["copies"].strip(), cells.get("pastes", "")
    if columns is None:
        raise _wrong(path, 1, "is empty.")


def _head(path: Path, line: int, row: list[str]) -> list[str]:
    columns = [cell.strip() for cell in row]
    if {"image", "copies"} <= set(columns) and len(set(columns)) == len(columns):
        return columns
    hint = "Write its columns as image,copies,pastes, with commas."
    raise FormatError(
        "needs the columns image and copies, each once.", path=path, line=line, code="bad-plan", hint=hint
    )


def _picture(path: Path, line: int, name: str, by_name: dict[str, AnnotatedImage]) -> AnnotatedImage:
    image = by_name.get(name)
    if image is None:
        raise FormatError(
            f"{name!r} is no picture of the set.",
            path=path,
            line=line,
            code="bad-plan",
            hint="Pictures are named as in split.csv, such as obj/a.png.",
        )
    if image.split is not Split.TRAIN:
        where = f"in {image.split}" if image.split is not None else "in no split"
        raise _wrong(path, line, f"{name} is {where}; only training pictures are copied.")
    if not image.labelled:
        raise _wrong(path, line, f"{name} has no label file; its copies would say that nothing is in it.")
    return image


def _copies(path: Path, line: int, text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 9 and int(text) <= MAX_COPIES:
        return int(text)
    raise _wrong(path, line, f"{text[:40]!r} copies: must be a whole number from 0 to {MAX_COPIES}.")


def _pastes(path: Path, line: int, text: str, copies: int, before: dict[str, int]) -> dict[str, int]:
    try:
        pastes = label_counts.parse(text, ";")
    except UsageError as error:
        raise _wrong(path, line, f"pastes: {error.message}") from error
    for label in pastes:
        if label not in before:
            raise _wrong(path, line, f"pastes: {label!r} is no class of the set.")
        if not before[label]:
            raise _wrong(path, line, f"pastes: {label!r} has no training box that could be pasted.")
    total = sum(pastes.values())
    if total > copies * MAX_PASTES_PER_COPY:
        raise _wrong(
            path,
            line,
            f"{total} pasted boxes on {copies} copies: at most {MAX_PASTES_PER_COPY} go on each.",
        )
    return pastes


def _wrong(path: Path, line: int, message: str) -> FormatError:
    return FormatError(message, path=path, line=line, code="bad-plan")
