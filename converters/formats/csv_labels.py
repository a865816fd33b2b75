"""CSV: one table with a row for each box; see :mod:`converters.formats.csv_columns` for the columns.

A picture without boxes has a row whose class and edges are empty. The order of the classes stands in
``classes.txt`` beside the table.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from converters.errors import FormatError
from converters.files import write_if_changed
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.coco_writing import checked_label, is_mentioned
from converters.formats.csv_columns import FLAG_COLUMNS, NOT_CLEAR, OWN, REGION, Columns
from converters.formats.csv_edges import edge_cells
from converters.formats.csv_reading import (
    FLAGS,
    NAMES_FILE,
    ONE_CLASS,
    display_names,
    is_blank,
    names_file,
    read_box,
    read_csv,
    stated_size,
)
from converters.formats.csv_rows import Row, Table, read_table, row_text, sniff
from converters.formats.json_document import MAX_SHARED_BYTES, head_of
from converters.formats.kinds import SharedKind, claims_of, label_files
from converters.formats.loading import edges_problem
from converters.formats.saving import same_folder
from converters.formats.saving_shared import reference_from, save_shared
from converters.formats.shared import load_shared
from converters.layout import Tree, scan
from converters.model import AnnotatedImage, Box, Dataset
from converters.reading import read_small_file
from converters.report import Report


def looks_like_boxes(name: str, head: bytes) -> bool:
    """Whether a file is a table of boxes, by its first row."""
    return _refused(head) is not None


def _count(head: bytes, size: int) -> int | None:
    return 1 if _refused(head) else None


def _refused(head: bytes) -> bool | None:
    """Whether reading refuses a table of boxes, since its columns are not clear; None for other tables."""
    text = head.decode("utf-8-sig", "ignore")
    try:
        return False if text.strip() and sniff(text) is not None else None
    except FormatError as error:
        return True if error.code == NOT_CLEAR else None


KIND = SharedKind(
    name="csv",
    title="CSV",
    suffixes=(".csv", ".tsv"),
    recognises=looks_like_boxes,
    count=_count,
    default="labels.csv",
    one_file=True,
)


class CsvCodec:
    """Reads and writes tables of boxes."""

    name = KIND.name
    title = KIND.title
    loses = ("the split of pictures without labels", "coordinates finer than 0.000001 px")
    keeps = Keeps(confidence=True, flags=FLAGS)

    def detect(self, root: Path) -> bool:
        """Whether there is a table of boxes."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures there are, where there is a table of boxes."""
        return claims_of(tree, KIND)

    def recognises(self, path: Path) -> bool:
        """Whether a file is a table of boxes."""
        return path.suffix.lower() in KIND.suffixes and looks_like_boxes(path.name, head_of(path))

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture, or no table of boxes.
        """
        return load_shared(root, report, options, KIND, read_csv)

    def entry_lines(self, path: Path) -> list[int]:
        """1-based line of each row of data."""
        try:
            return [row.line for row in read_table(read_small_file(path, MAX_SHARED_BYTES)).rows]
        except FormatError:
            return []

    def render_file(
        self,
        path: Path,
        images: Sequence[AnnotatedImage],
        class_names: tuple[str, ...],
        base: bytes | None,
        *,
        removed: frozenset[int] = frozenset(),
    ) -> bytes:
        """The bytes of one table; see :meth:`converters.formats.base.SharedCodec.render_file`.

        Rows of ``base`` that reading refuses stay, unless a box says it stands for them.

        Raises:
            FormatError: A label is no class, or ``base`` is no table of boxes.
        """
        return _render(path, images, class_names, base, exact=False, removed=removed)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Write the order of the classes into ``classes.txt``.

        Raises:
            FormatError: A name cannot stand there.
            WriteError: The file cannot be written.
        """
        _write_names(root, class_names, new=True)

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/``, ``labels.csv`` and ``classes.txt``.

        In the set's own folder only tables and ``classes.txt`` are written, each where it is. A set read from
        CSV takes along what else its table says.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        save_shared(self, KIND, dataset, root, report, _render_new, names_inside=False)
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        _write_names(root, dataset.class_names, new=not in_place)


def _write_names(root: Path, class_names: Sequence[str], *, new: bool) -> None:
    """Write ``classes.txt`` beside each table; unless ``new``, only where there is one already."""
    for name in class_names:
        if not name.strip() or name != name.strip() or len(name.splitlines()) != 1:
            raise FormatError(f"class name {name!r} cannot stand in {NAMES_FILE}.", code="bad-label")
    tables = label_files(scan(root), KIND) or [KIND.default]
    for path in dict.fromkeys(names_file(root, root / name) for name in tables):
        if new or path.is_file():
            write_if_changed(path, "".join(f"{name}\n" for name in class_names))


def _render_new(
    path: Path, images: Sequence[AnnotatedImage], class_names: tuple[str, ...], base: bytes | None
) -> bytes:
    return _render(path, images, class_names, base, exact=True)


def _render(
    path: Path,
    images: Sequence[AnnotatedImage],
    class_names: tuple[str, ...],
    base: bytes | None,
    *,
    exact: bool,
    removed: frozenset[int] = frozenset(),
) -> bytes:
    for image in images:
        for box in image.boxes:
            checked_label(box, class_names)
            if not box.label.replace(" ", "").isprintable() or box.label != box.label.strip():
                raise FormatError(f"class name {box.label!r} cannot stand in a table.", code="bad-label")
    if base is None:
        head = row_text(OWN) + "\n"
        own = Columns({name: place for place, name in enumerate(OWN)}, len(OWN))
        table = Table(b"", head, own, ",", [])
    else:
        table = read_table(base)
        if table.columns.box == REGION:
            if exact:
                return _render(path, images, class_names, None, exact=True)
            raise FormatError(
                "is a table of VIA, which is read but not edited.",
                path=path,
                code="via-table",
                hint="Convert the set first: convert-cli SET NEW --to csv",
            )
        _check_one_class(table.columns, images, path)
    words = display_names(scan(path.parent), path.name) if table.columns.coded else {}
    return _Writing(table, path, words, exact=exact).rendered(images, class_names, removed)


def _check_one_class(columns: Columns, images: Sequence[AnnotatedImage], path: Path) -> None:
    """Refuse classes where a table has no column for them."""
    labels = {box.label for image in images for box in image.boxes} - {ONE_CLASS}
    if "label" not in columns.places and labels:
        raise FormatError(
            f"has no column for the class {min(labels)!r:.120}.",
            path=path,
            code="no-class-column",
            hint="Convert the set: convert-cli SET NEW --to csv",
        )


class _Writing:
    """A table while it is written anew."""

    def __init__(self, table: Table, path: Path, words: dict[str, str], *, exact: bool) -> None:
        self._table = table
        self._path = path
        self._words = words
        self._ids = {word: id for id, word in words.items()}
        self._exact = exact
        self._owned: dict[str, list[int]] = {}
        for index, row in enumerate(table.rows):
            self._owned.setdefault(table.columns.cell(row.cells, "image"), []).append(index)

    def rendered(
        self,
        images: Sequence[AnnotatedImage],
        class_names: Sequence[str],
        removed: frozenset[int] = frozenset(),
    ) -> bytes:
        """The file's bytes, without the rows of pictures that are ``removed`` (the first row of each)."""
        table = self._table
        texts: list[str | None] = [row.text for row in table.rows]
        after: dict[int, list[str]] = {}
        new: list[str] = []
        kept: set[int] = set()
        for image in images:
            if image.origin is None or image.origin >= len(table.rows):
                new += self._new_rows(image) if is_mentioned(image) else []
                continue
            own = self._owned[table.columns.cell(table.rows[image.origin].cells, "image")]
            kept.update(own)
            after[own[-1]] = self._edit_rows(image, own, texts, class_names)
        for number in removed:
            for index in self._owned[table.columns.cell(table.rows[number].cells, "image")]:
                texts[index] = None if index not in kept else texts[index]
        if self._exact:
            texts = [text if index in kept else None for index, text in enumerate(texts)]
        pieces = [table.before]
        for index, text in enumerate(texts):
            pieces += [text or "", *after.get(index, [])]
        pieces += new
        return table.mark + self._joined(pieces).encode("utf-8")

    def _edit_rows(
        self, image: AnnotatedImage, own: Sequence[int], texts: list[str | None], class_names: Sequence[str]
    ) -> list[str]:
        """Change the rows of a picture; returns the texts of new ones."""
        rows = self._table.rows
        taken: set[int] = set()
        fresh: list[Box] = []
        for box in image.boxes:
            old = self._box_at(box.origin, image) if box.origin in own and box.origin not in taken else None
            if old is None or box.origin is None:
                fresh.append(box)
                continue
            taken.add(box.origin)
            cells = self._cells(image, box, rows[box.origin], old)
            if cells != rows[box.origin].cells:
                texts[box.origin] = rows[box.origin].with_cells(cells, self._table.delimiter)
        spare: list[int] = []
        stay = 0
        for index in own:
            if index in taken:
                continue
            if self._is_given(index, image, class_names):
                spare.append(index)
            else:
                stay += 1
        for index in spare:
            texts[index] = None
        if not taken and not fresh and not stay and spare:
            # The last box is gone; the row that is left says that the picture was looked at.
            first = rows[spare[0]]
            cells = self._cells(image, None, first, None)
            same = cells == first.cells
            texts[spare[0]] = first.text if same else first.with_cells(cells, self._table.delimiter)
        model = rows[own[0]]
        end = self._table.line_end
        return [row_text(self._cells(image, box, model, None), self._table.delimiter) + end for box in fresh]

    def _new_rows(self, image: AnnotatedImage) -> list[str]:
        boxes: Sequence[Box | None] = image.boxes or (None,)
        end, delimiter = self._table.line_end, self._table.delimiter
        return [row_text(self._cells(image, box, None, None), delimiter) + end for box in boxes]

    def _cells(self, image: AnnotatedImage, box: Box | None, row: Row | None, old: Box | None) -> list[str]:
        """The cells of a row.

        Args:
            image: Its picture.
            box: Its box; None for a picture without one.
            row: The row as it is, or one of the same picture; None: a new picture.
            old: The box that is in the row now; its cells stay where nothing changed.
        """
        columns = self._table.columns
        fits = row is not None and len(row.cells) == columns.count
        cells = list(row.cells) if row is not None and fits else [""] * columns.count

        def put(role: str, text: str) -> None:
            if role in columns.places:
                cells[columns.places[role]] = text

        if self._exact or row is None:
            put("image", reference_from(self._path, image.path))
        if row is None:
            put("width", str(image.size[0]))
            put("height", str(image.size[1]))
        if self._exact or row is None:
            put("split", str(image.split or ""))
        if box is None or old is None:
            for place in range(columns.count):
                if place not in {columns.places.get(r) for r in ("image", "width", "height", "split")}:
                    cells[place] = ""
        if box is None:
            return cells
        if old is None or old.label != box.label:
            put("label", self._ids.get(box.label, box.label))
        if old is None or old.xyxy != box.xyxy:
            for role, text in edge_cells(box.xyxy, image.size, columns).items():
                put(role, text)
            put("width", str(image.size[0]))
            put("height", str(image.size[1]))
        if old is None or old.confidence != box.confidence:
            number = "" if box.confidence is None else repr(box.confidence)
            put("confidence", "1" if columns.coded and not number else number)
        if old is None or old.flags != box.flags:
            put("flags", " ".join(sorted(box.flags)))
            for flag in FLAG_COLUMNS:
                put(flag, str(int(flag in box.flags)))
        return cells

    def _box_at(self, index: int | None, image: AnnotatedImage) -> Box | None:
        """The box of a row as reading gives it; None where it refuses the row, or the row has none."""
        if index is None:
            return None
        try:
            return read_box(self._table.rows[index], index, self._table.columns, image.size, self._words)
        except FormatError:
            return None

    def _is_given(self, index: int, image: AnnotatedImage, class_names: Sequence[str]) -> bool:
        """Whether reading gave the person what a row says, so that it goes where the box is gone."""
        if self._exact:
            return True
        row, columns = self._table.rows[index], self._table.columns
        box = self._box_at(index, image)
        if box is None:
            return is_blank(row, columns) and len(row.cells) == columns.count
        problem = edges_problem(box.xyxy, image.size, rounding=KIND.rounding)
        if problem is None or not problem.fatal:
            return box.label in class_names
        try:
            size = stated_size(row, columns)
        except FormatError:
            return False
        return problem.outside and size not in (None, image.size)

    def _joined(self, pieces: Sequence[str]) -> str:
        """The pieces one after the other; what follows one without a line end gets one."""
        out: list[str] = []
        for piece in pieces:
            if piece and out and not out[-1].endswith(("\n", "\r")):
                out.append(self._table.line_end)
            if piece:
                out.append(piece)
        return "".join(out)
