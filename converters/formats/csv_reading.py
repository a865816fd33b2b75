"""Reading tables of boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from converters.errors import FormatError
from converters.formats.csv_columns import FLAG_COLUMNS, REGION, Columns
from converters.formats.csv_edges import read_edges, read_region, region_class
from converters.formats.csv_rows import Row, Table, read_table
from converters.formats.json_document import MAX_SHARED_BYTES
from converters.formats.pictures import split_in_name
from converters.formats.shared import PictureLabels, SharedFile
from converters.layout import Tree, folder_of
from converters.model import Box, Split
from converters.reading import decode_utf8, parse_number, read_small_file, read_text

FLAGS = frozenset(FLAG_COLUMNS)
NAMES_FILE = "classes.txt"
ONE_CLASS = "object"
"""What boxes are called in a table that names no class: it is of one kind of thing."""

_SET = frozenset({"1", "true", "yes"})
_UNSET = frozenset({"", "0", "-1", "false", "no"})


def read_csv(file: SharedFile) -> None:
    """Read a table of boxes.

    Raises:
        FormatError: It is none.
    """
    table = read_table(read_small_file(file.path, MAX_SHARED_BYTES))
    tree = file.reader.tree
    words = display_names(tree, file.name) if table.columns.coded else {}
    reading = _Reading(table, file, words)
    reading.note_columns()
    for index, row in enumerate(table.rows):
        reading.take(row, index)
    file.class_names += class_list(tree, file.name, table.columns)


def class_list(tree: Tree, name: str, columns: Columns) -> tuple[str, ...]:
    """The order of the classes, from a file beside the table or in the set's root.

    That is ``classes.txt``, a name a line; for RetinaNet's tables a ``classes.csv`` of name and number.

    Raises:
        FormatError: The file there is broken.
    """
    beside = [place for folder in dict.fromkeys((folder_of(name), "")) for place in _in(tree, folder)]
    for place in beside:
        if place.rpartition("/")[2].casefold() == NAMES_FILE:
            lines = read_text(tree.root / place).splitlines()
            return tuple(dict.fromkeys(line.strip() for line in lines if line.strip()))
    if columns.head:
        return ()
    for place in beside:
        if "class" in place.rpartition("/")[2].casefold() and place.casefold().endswith(".csv"):
            numbered = _numbered(tree.root / place)
            if numbered:
                return tuple(numbered)
    return ()


def display_names(tree: Tree, name: str) -> dict[str, str]:
    """What OpenImages' ids of classes (``/m/0dzct``) stand for: its table class-descriptions, if it is there.

    Raises:
        FormatError: The table is broken.
    """
    tables = [place for place in tree.with_suffix(".csv") if "class-desc" in place.casefold()]
    tables.sort(key=lambda place: (folder_of(place) != folder_of(name), place))
    words: dict[str, str] = {}
    for place in tables:
        path = tree.root / place
        for line in decode_utf8(read_small_file(path), path).splitlines():
            id, comma, word = line.partition(",")
            if comma and id.startswith(("/m/", "/t/", "/g/")) and word.strip():
                words.setdefault(id.strip(), word.strip().strip('"'))
    return words


def read_box(
    row: Row, index: int, columns: Columns, size: tuple[int, int], words: Mapping[str, str]
) -> Box | None:
    """The box of a row; None where the row says that there is none.

    Raises:
        FormatError: It cannot be read.
    """
    if len(row.cells) != columns.count:
        raise FormatError(
            f"has {len(row.cells)} columns, not {columns.count}.", line=row.line, code="bad-columns"
        )
    if is_blank(row, columns):
        return None
    label = _class_of(row, columns)
    if not label:
        raise FormatError("the class is empty.", line=row.line, code="no-name")
    if not label.replace(" ", "").isprintable():
        raise FormatError(
            f"the class {label[:40]!r} has a line break or a control character in it.",
            line=row.line,
            code="bad-label",
        )
    if columns.box == REGION:
        _, region = read_region(columns.cell(row.cells, "shape"), row.line)
        if region is None:
            return None
        xyxy = region
    else:
        xyxy = read_edges(row.cells, columns, size, row.line)
    flags = {flag for flag in columns.cell(row.cells, "flags").split() if flag in FLAGS}
    flags.update(flag for flag in FLAG_COLUMNS if columns.cell(row.cells, flag).casefold() in _SET)
    confidence = _confidence(row, columns)
    return Box(xyxy, words.get(label, label), confidence, frozenset(flags), index)


def is_blank(row: Row, columns: Columns) -> bool:
    """Whether a row says that its picture has no box: no class, no edges (VIA: an empty region)."""
    if columns.box == REGION:
        return columns.cell(row.cells, "shape") in ("", "{}")
    return not any(columns.cell(row.cells, role) for role in ("label", *columns.box))


def _class_of(row: Row, columns: Columns) -> str:
    if columns.box == REGION:
        return region_class(columns.cell(row.cells, "attributes"), row.line)
    return columns.cell(row.cells, "label") if "label" in columns.places else ONE_CLASS


def stated_size(row: Row, columns: Columns) -> tuple[int, int] | None:
    """The size that a row gives for its picture; None where it gives none.

    Raises:
        FormatError: It is no size.
    """
    sides: list[int] = []
    for name in ("width", "height"):
        text = columns.cell(row.cells, name)
        if not text:
            return None
        value = parse_number(text, name, line=row.line)
        if value < 0 or value != int(value):
            raise FormatError(f"{name} {text[:40]} is no size in pixels.", line=row.line, code="bad-size")
        sides.append(int(value))
    return sides[0], sides[1]


@dataclass(slots=True)
class _Reading:
    """A table while its rows are gone through.

    Attributes:
        table: The table.
        file: Takes what it says.
        words: Class names by OpenImages' ids.
    """

    table: Table
    file: SharedFile
    words: Mapping[str, str]
    pictures: dict[str, PictureLabels | None] = field(default_factory=dict)
    sizes: dict[str, tuple[int, int] | None] = field(default_factory=dict)

    def note_columns(self) -> None:
        """Say what was made of the columns where a person might expect something else."""
        columns = self.table.columns
        if "label" not in columns.places and columns.box != REGION:
            self.file.warn(
                "no-class-column",
                f"names no classes: all its boxes are called {ONE_CLASS!r}.",
                hint=f"Give them their name with --rename {ONE_CLASS}=NAME",
            )
        if columns.relative and not columns.coded and columns.head:
            self.file.warn(
                "relative-edges",
                "all its edges are from 0 to 1: they are taken as parts of the picture's sides.",
            )

    def take(self, row: Row, index: int) -> None:
        """Read a row."""
        columns = self.table.columns
        reference = columns.cell(row.cells, "image")
        if not reference:
            self.file.refuse(
                FormatError("names no picture.", line=row.line, code="no-picture-name"), row.line
            )
            return
        try:
            size = stated_size(row, columns)
            problem: FormatError | None = None
        except FormatError as error:
            size, problem = None, error
        sized = "width" in columns.places and problem is None
        if reference not in self.pictures:
            self.pictures[reference] = self.file.picture(
                reference, row.line, size=size, sized=sized, origin=index
            )
            self.sizes[reference] = size
        labels = self.pictures[reference]
        if labels is None:
            return
        if problem is None and size != self.sizes[reference]:
            problem = FormatError("gives another size than the rows before.", code="bad-size")
        try:
            if problem is not None:
                raise problem
            box = read_box(row, index, columns, labels.size, self.words)
        except FormatError as error:
            labels.refuse(error, row.line)
            return
        self._note(row, labels)
        if columns.box == REGION and not is_blank(row, columns):
            kind, region = read_region(columns.cell(row.cells, "shape"), row.line)
            if region is None:
                self.file.outlines.skipped(kind, self.file.path, row.line)
            elif kind != "rect":
                self.file.outlines.taken(kind, self.file.path, row.line)
        if box is not None:
            labels.add(
                box.xyxy, box.label, row.line, confidence=box.confidence, flags=box.flags, origin=index
            )
            if "crowd" in box.flags:
                self.file.count(
                    "crowd",
                    "box",
                    "of a group, which is a region to be ignored and no object",
                    row.line,
                    plural="boxes",
                )

    def _note(self, row: Row, labels: PictureLabels) -> None:
        """Take the split, and complain of flags and splits that are none."""
        columns = self.table.columns
        text = columns.cell(row.cells, "split")
        split = split_in_name(text)
        if split is not None:
            known = self.file.splits.setdefault(labels.key, split)
            if known is not split:
                labels.warn("in-two-splits", f"is in {known} already; it stays there.", row.line)
        elif text:
            self.file.count("bad-split", "row", f"of a split that is none of {', '.join(Split)}", row.line)
        for flag in columns.cell(row.cells, "flags").split():
            if flag not in FLAGS:
                labels.warn("bad-flag", f"{flag[:40]!r} is no flag; taken as not set.", row.line)
        for name in FLAG_COLUMNS:
            value = columns.cell(row.cells, name)
            if value.casefold() not in _SET | _UNSET:
                labels.warn("bad-flag", f"{name} is {value[:40]!r}; taken as not set.", row.line)


def _confidence(row: Row, columns: Columns) -> float | None:
    text = columns.cell(row.cells, "confidence")
    if not text:
        return None
    value = parse_number(text, "confidence", line=row.line)
    if not 0 <= value <= 1:
        raise FormatError(
            f"confidence {text[:40]} is not between 0 and 1.", line=row.line, code="bad-confidence"
        )
    # OpenImages gives 1 for what people drew.
    return None if columns.coded and value == 1 else value


def _in(tree: Tree, folder: str) -> Sequence[str]:
    return [name for name in tree.files if folder_of(name) == folder]


def _numbered(path: Path) -> list[str]:
    """Class names of lines ``name,number`` by their numbers; nothing where that is not what the file has."""
    found: dict[int, str] = {}
    for line in decode_utf8(read_small_file(path), path).splitlines():
        name, _, number = line.rpartition(",")
        if not name.strip() or not (number.strip().isascii() and number.strip().isdigit()):
            return []
        found[int(number)] = name.strip()
    return [found[number] for number in sorted(found)]


def names_file(root: Path, label_file: Path) -> Path:
    """Where the order of the classes of a table is kept: the file there is, else beside the table."""
    for folder in (label_file.parent, root):
        if (folder / NAMES_FILE).is_file():
            return folder / NAMES_FILE
    return label_file.parent / NAMES_FILE
