"""YOLO as Darknet reads it: a .txt for each picture, a line ``id cx cy w h`` for each box.

Centre, width and height are parts of the picture's sides. Class names stand in a file of their own; a class
id is a line's number there, from 0.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from converters.errors import FormatError, NotADatasetError
from converters.files import make_folder, write_if_changed
from converters.formats.base import DEFAULT_OPTIONS, LoadOptions
from converters.formats.loading import (
    ROUNDING,
    LabelFile,
    clip_edges,
    edges_problem,
    load_images,
    ordered_classes,
)
from converters.formats.saving import (
    blamed_on,
    label_place,
    place_picture,
    places_for,
    same_folder,
    write_split_lists,
)
from converters.formats.yolo_numbers import line_numbers
from converters.geometry import from_normalised
from converters.layout import (
    LabelKind,
    Pairing,
    Tree,
    folder_of,
    label_path,
    pair_up,
    report_layout,
    scan,
    splits_from_folders,
    splits_from_lists,
    stem_of,
)
from converters.model import AnnotatedImage, Box, Dataset, Split, Xyxy
from converters.reading import decode_utf8, parse_number, read_small_file
from converters.report import Report
from converters.work import WorkFolder, read_names, read_split

_LISTS = {
    "train": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
}

KIND = LabelKind(
    ".txt",
    ("labels", "label", "annotations", "txt"),
    frozenset(f"{name}.txt" for name in _LISTS)
    | {"classes.txt", "labels.txt", "labelmap.txt", "predefined_classes.txt", "trainval.txt", "notes.txt"}
    | {"readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "license.txt", "requirements.txt"},
)

MAX_CLASSES = 10_000
"""A class id above this is a damaged file, not a class."""

_SAMPLES = 20
_ID = re.compile(r"([0-9]{1,9})(\.0*)?")
_NUMBERS = re.compile(rb"\s*[0-9+.-]")


class YoloCodec:
    """Reads and writes label files of Darknet (and of the YOLO family that kept them)."""

    name = "yolo"
    title = "YOLO (Darknet)"
    loses = ("confidence", "flags", "coordinates finer than 0.0005 px", "the picture's size")

    def detect(self, root: Path) -> bool:
        """Whether Darknet's own files are there, or pictures with text files that hold numbers."""
        if WorkFolder(root).exists():
            return True
        tree = scan(root)
        names = _names_file(tree)
        if names is not None and not names.casefold().endswith("classes.txt"):
            return bool(tree.pictures)
        pairing = pair_up(tree, KIND)
        if names is not None and pairing.labelled:
            return True
        return _holds_numbers(tree, pairing)

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture.
            FormatError: The names file or split.csv is broken.
        """
        tree = scan(root)
        work = WorkFolder(root)
        pictures = tree.below("obj") if work.exists() else tree
        if not pictures.pictures:
            raise NotADatasetError("holds no picture.", path=root)
        pairing = pair_up(pictures, KIND)
        report_layout(pictures, pairing, report)
        if work.exists():
            splits = _work_splits(work, pairing, report)
        else:
            keys = [pair.key for pair in pairing.pairs]
            splits = splits_from_lists(_split_lists(tree, pairing), tree, keys, report)
            splits = splits or splits_from_folders(keys)
        names = _class_names(tree, options, report)
        reader = _Reader(names)
        images = load_images(
            root,
            pairing.pairs,
            splits,
            report,
            options,
            reader.read,
            known=names or (),
            rounding=ROUNDING,
        )
        reader.report_polygons(report)
        if names is None:
            names = tuple(str(number) for number in range(reader.highest + 1))
            if pairing.labelled:
                report.warning(
                    "no-names-file",
                    "has no file of class names (obj.names, classes.txt): classes are called by their ids.",
                    path=root,
                    hint="Write the class names into obj.names, a line each.",
                )
        return Dataset(root, self.name, images, ordered_classes(options, names, images))

    def label_path(self, image_path: Path, root: Path) -> Path:
        """The label file of a picture, whether or not there is one yet."""
        return label_path(root, KIND, image_path)

    def render(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes | None) -> bytes:
        """The label file of one picture; see :meth:`converters.formats.base.Codec.render`.

        Lines of ``base`` that reading refuses stay, unless a box says it stands for them.

        Raises:
            FormatError: A label is no class, or a box lies outside the picture.
        """
        return _render(image, class_names, base, keep_unread=True)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set's names file say these classes; ``obj.names`` where there is none yet.

        A set without one whose classes are called by their ids needs none.

        Raises:
            FormatError: A name cannot stand in a names file, or the file there is broken.
            WriteError: The file cannot be written.
        """
        _check_names(class_names)
        found = _names_file(scan(root))
        by_ids = class_names == tuple(str(number) for number in range(len(class_names)))
        known = class_names == _read_names(root / found) if found is not None else by_ids
        if not known:
            write_if_changed(root / (found or "obj.names"), "".join(f"{name}\n" for name in class_names))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``obj/`` with each picture and its label file, ``obj.names`` and the lists of the splits.

        In the set's own folder only label files and the names file are written, each where it is.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        _check_names(dataset.class_names)
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        places = {} if in_place else places_for(dataset)
        _report_losses(dataset, report)
        for image in dataset.images:
            if in_place:
                target = image.annotation or self.label_path(image.path, root)
            else:
                place_picture(image, root / "obj" / places[image.key])
                target = root / "obj" / label_place(places[image.key], ".txt")
            if not image.labelled and not image.boxes:
                continue
            source = image.annotation if dataset.format == self.name else None
            base = read_small_file(source) if source is not None and source.is_file() else None
            make_folder(target.parent)
            with blamed_on(target):
                data = _render(image, dataset.class_names, base, keep_unread=in_place)
            write_if_changed(target, data)
        self.write_class_names(root, dataset.class_names)
        if not in_place:
            lines = {key: f"obj/{place}" for key, place in places.items()}
            write_split_lists(dataset, root, lines)


@dataclass(frozen=True, slots=True)
class _Line:
    """What a line of a label file says.

    Attributes:
        class_id: Its class.
        xyxy: Edges in pixels.
        confidence: The sixth column.
        polygon: Whether it is a polygon, of which these are the outermost edges.
        plain_id: Whether the class id is written without a decimal point.
    """

    class_id: int
    xyxy: Xyxy
    confidence: float | None = None
    polygon: bool = False
    plain_id: bool = True

    def label(self, names: Sequence[str] | None) -> str | None:
        """Name of its class; None where the names do not reach so far."""
        if names is None:
            return str(self.class_id) if self.class_id < MAX_CLASSES else None
        return names[self.class_id] if self.class_id < len(names) else None


@dataclass(slots=True)
class _Reader:
    """Reads label files, and remembers what is said once for the whole set."""

    names: tuple[str, ...] | None
    highest: int = -1
    polygons: int = 0
    polygon_files: list[Path] = field(default_factory=list)

    def read(self, data: bytes, file: LabelFile) -> None:
        text = decode_utf8(data)
        if data.startswith(b"\xef\xbb\xbf"):
            file.warn(
                "bom",
                "begins with a byte order mark: Darknet would read no box from it.",
                1,
                "Save it as plain text.",
            )
        for index, line in enumerate(_lines(text)):
            if not line.strip():
                continue
            try:
                parsed = _parse_line(
                    line, file.size, index + 1, with_confidence=file.options.allow_confidence
                )
            except FormatError as error:
                file.refuse(error)
                continue
            self._take(parsed, index, file)

    def _take(self, parsed: _Line, index: int, file: LabelFile) -> None:
        line = index + 1
        label = parsed.label(self.names)
        if label is None:
            file.unknown(f"id {parsed.class_id}", line)
            return
        if not parsed.plain_id:
            file.warn(
                "class-float",
                f"class id {parsed.class_id} is written as a decimal.",
                line,
                "Darknet cannot read it.",
            )
        if parsed.polygon:
            self.polygons += 1
            if file.path not in self.polygon_files[-1:]:
                self.polygon_files.append(file.path)
        self.highest = max(self.highest, parsed.class_id)
        file.take(Box(parsed.xyxy, label, parsed.confidence, origin=index), line)

    def report_polygons(self, report: Report) -> None:
        """Say how many polygons became boxes."""
        if self.polygons:
            one = self.polygons == 1
            report.warning(
                "polygon",
                f"{self.polygons} polygon{'' if one else 's'} in {len(self.polygon_files)} file(s) "
                f"{'is' if one else 'are'} taken as the box around {'it' if one else 'them'}.",
                path=self.polygon_files[0],
            )


def _lines(text: str) -> list[str]:
    """Lines without their ends; only CR and LF end one (``str.splitlines`` knows nine more)."""
    return re.split(r"\r\n|\n|\r", text)


def _parse_line(text: str, size: tuple[int, int], line: int, *, with_confidence: bool) -> _Line:
    """Read one line.

    Raises:
        FormatError: It has the wrong number of columns or something that is no number.
    """
    columns = text.split()
    class_id, plain = _parse_id(columns[0], line)
    count = len(columns)
    if count == 6 and not with_confidence:
        raise FormatError(
            "expected 5 columns, got 6 (predictions with their confidence?).",
            line=line,
            code="bad-columns",
            hint="Allow confidences to read it, or remove the last column.",
        )
    is_polygon = count >= 7 and count % 2 == 1
    if count not in (5, 6) and not is_polygon:
        hint = "Columns are separated by blanks." if "," in text or ";" in text else ""
        raise FormatError(f"expected 5 columns, got {count}.", line=line, code="bad-columns", hint=hint)
    names = (
        ("x", "y") * (count // 2) if is_polygon else ("centre x", "centre y", "width", "height", "confidence")
    )
    values = [parse_number(c, name, line=line) for c, name in zip(columns[1:], names, strict=False)]
    if is_polygon:
        x, y = values[0::2], values[1::2]
        edges = (min(x) * size[0], min(y) * size[1], max(x) * size[0], max(y) * size[1])
        return _Line(class_id, edges, None, True, plain)
    confidence = values[4] if count == 6 else None
    if confidence is not None and not 0 <= confidence <= 1:
        raise FormatError(
            f"confidence {columns[5]} is not between 0 and 1.", line=line, code="bad-confidence"
        )
    cx, cy, w, h = values[:4]
    return _Line(class_id, from_normalised((cx, cy, w, h), size), confidence, False, plain)


def _parse_id(text: str, line: int) -> tuple[int, bool]:
    """A class id, and whether it is written as a whole number."""
    found = _ID.fullmatch(text)
    if found:
        return int(found.group(1)), found.group(2) is None
    shown = repr(text if len(text) <= 40 else text[:40] + "…")
    if re.fullmatch(r"-[0-9]+(\.0*)?", text):
        raise FormatError(f"class id {text[:40]} is negative.", line=line, code="bad-class")
    hint = "Columns are separated by blanks, not commas." if "," in text else ""
    if text.startswith("#"):
        hint = "Label files have no comments; remove the line."
    raise FormatError(f"class id {shown} is not a whole number.", line=line, code="bad-class", hint=hint)


def _render(
    image: AnnotatedImage, class_names: Sequence[str], base: bytes | None, *, keep_unread: bool
) -> bytes:
    for box in image.boxes:
        if box.label not in class_names:
            raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")
    ids = {name: number for number, name in enumerate(class_names)}
    lines = (base or b"").splitlines(keepends=True)
    read = _read_lines(lines, image.size, class_names)
    # Six columns are read only where the person allowed confidences, which the boxes tell.
    scored = any(box.confidence is not None for box in image.boxes)
    out: dict[int, bytes] = {}
    fresh: list[bytes] = []
    for box in image.boxes:
        old = read.get(box.origin) if box.origin is not None else None
        if old is None or box.origin is None or box.origin in out:
            fresh.append(_line_of(box, ids, image.size))
        elif old.label(class_names) == box.label and old.xyxy == box.xyxy:
            out[box.origin] = lines[box.origin]
        else:
            out[box.origin] = _edited(lines[box.origin], _line_of(box, ids, image.size))
    kept: list[bytes] = []
    for index, line in enumerate(lines):
        refused = keep_unread and not _is_accepted(read.get(index), image.size, scored)
        if index in out:
            kept.append(out[index])
        elif refused or not line.strip():
            kept.append(line)
    if fresh and kept and not kept[-1].endswith((b"\n", b"\r")):
        kept[-1] += _line_end(lines)
    return b"".join([*kept, *(line + _line_end(lines) for line in fresh)])


def _read_lines(
    lines: Sequence[bytes], size: tuple[int, int], class_names: Sequence[str]
) -> dict[int, _Line]:
    """The lines that can be read as a box of one of the classes, by index."""
    read: dict[int, _Line] = {}
    for index, raw in enumerate(lines):
        try:
            text = decode_utf8(raw)
            if text.strip():
                parsed = _parse_line(text, size, index + 1, with_confidence=True)
                if parsed.label(class_names) is not None:
                    read[index] = parsed
        except FormatError:
            continue
    return read


def _is_accepted(line: _Line | None, size: tuple[int, int], scored: bool) -> bool:
    """Whether reading gave the person this box, so that its absence now means that it was deleted."""
    if line is None or (line.confidence is not None and not scored):
        return False
    problem = edges_problem(line.xyxy, size)
    return problem is None or not problem.fatal


def _line_of(box: Box, ids: Mapping[str, int], size: tuple[int, int]) -> bytes:
    cut = clip_edges(box.xyxy, size)
    if not (cut[2] > cut[0] and cut[3] > cut[1]):
        raise FormatError(
            f"box {tuple(round(edge, 3) for edge in box.xyxy)} is outside its picture, {size[0]}x{size[1]}.",
            code="box-empty",
        )
    return f"{ids[box.label]} {line_numbers(cut, size)}".encode()


def _edited(old: bytes, new: bytes) -> bytes:
    """The new line with the old one's mark, confidence and line end."""
    mark = b"\xef\xbb\xbf" if old.startswith(b"\xef\xbb\xbf") else b""
    columns = old.split()
    confidence = b" " + columns[5] if len(columns) == 6 else b""
    return mark + new + confidence + old[len(old.rstrip(b"\r\n")) :]


def _line_end(lines: Sequence[bytes]) -> bytes:
    """How the file ends its lines."""
    if lines and lines[0].endswith(b"\r\n"):
        return b"\r\n"
    return b"\n"


def _class_names(tree: Tree, options: LoadOptions, report: Report) -> tuple[str, ...] | None:
    """What the class ids of the set mean: its names file, else the person's list."""
    found = _names_file(tree)
    if found is None:
        return options.class_names
    names = _read_names(tree.root / found)
    for other in _names_files(tree)[1:]:
        try:
            same = _read_names(tree.root / other) == names
        except FormatError:
            same = False
        if not same:
            report.warning(
                "names-differ",
                f"names other classes than {found}, which is the one used.",
                path=tree.root / other,
            )
    return names


def _read_names(path: Path) -> tuple[str, ...]:
    read_small_file(path)  # refuses what is no file, or a huge one, before it is read as a whole
    return read_names(path)


def _names_file(tree: Tree) -> str | None:
    return next(iter(_names_files(tree)), None)


def _names_files(tree: Tree) -> list[str]:
    """Files of class names, the likeliest first: by kind, then the nearest to the root."""
    ranked: list[tuple[int, int, str]] = []
    for name in tree.files:
        base = name.rpartition("/")[2].casefold()
        if base == "obj.names":
            rank = 0
        elif base.endswith(".names"):
            rank = 1
        elif base in ("_darknet.labels", "darknet.labels"):
            rank = 2
        elif base in ("classes.txt", "predefined_classes.txt"):
            rank = 3
        else:
            continue
        ranked.append((rank, name.count("/"), name))
    return [name for _, _, name in sorted(ranked)]


def _split_lists(tree: Tree, pairing: Pairing) -> dict[str, Split]:
    """Lists of pictures that are not the label file of a picture."""
    labels = {pair.label for pair in pairing.pairs if pair.exists}
    return {
        name: _LISTS[stem_of(name).casefold()]
        for name in tree.with_suffix(".txt")
        if stem_of(name).casefold() in _LISTS
        and name not in labels
        and folder_of(name).rpartition("/")[2].casefold() not in KIND.folders
    }


def _work_splits(work: WorkFolder, pairing: Pairing, report: Report) -> dict[str, Split]:
    by_picture = {pair.picture: pair.key for pair in pairing.pairs}
    splits: dict[str, Split] = {}
    for row in read_split(work):
        if row.image in by_picture:
            splits[by_picture[row.image]] = row.split
        else:
            report.warning(
                "listed-image-missing", f"{row.image} is not there (any more).", path=work.split_csv
            )
    return splits


def _holds_numbers(tree: Tree, pairing: Pairing) -> bool:
    """Whether some label file begins with a number: captions for pictures are .txt files, too."""
    labelled = [pair.label for pair in pairing.pairs if pair.exists]
    for name in labelled[:_SAMPLES]:
        try:
            data = read_small_file(tree.root / name)
        except FormatError:
            continue
        if _NUMBERS.match(data) and len(data.split(b"\n", 1)[0].split()) >= 5:
            return True
    # All empty: pictures without boxes.
    return bool(labelled) and all(_is_empty(tree.root / name) for name in labelled[:_SAMPLES])


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False


def _check_names(class_names: Sequence[str]) -> None:
    for name in class_names:
        if not name.strip() or name != name.strip() or len(name.splitlines()) != 1:
            raise FormatError(f"class name {name!r} cannot stand in a names file.", code="bad-label")


def _report_losses(dataset: Dataset, report: Report) -> None:
    boxes = [box for image in dataset.images for box in image.boxes]
    for count, what in (
        (sum(box.confidence is not None for box in boxes), "a confidence"),
        (sum(bool(box.flags) for box in boxes), "flags (difficult, truncated, occluded, crowd)"),
    ):
        if count:
            report.warning("loses", f"YOLO cannot hold {what}, which {count} boxes have.")
