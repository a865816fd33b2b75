"""labelme: a JSON file for each picture, beside it.

A rectangle is two opposite corners in any order (newer versions: four points); edges are taken as they are.
Polygons and circles become the box around them; points and lines have none. The picture inside
(``imageData``) is never decoded, and stays in the file as it is.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from converters.errors import FormatError, NotADatasetError
from converters.files import make_folder, write_if_changed
from converters.formats import labelme_document as labelme
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.json_text import Edit, Style, array_edits, indent_of
from converters.formats.labelme_document import LabelmeDocument
from converters.formats.loading import (
    LabelFile,
    edges_problem,
    load_images,
    ordered_classes,
    report_not_listed,
    scale_to_picture,
)
from converters.formats.outlines import Outlines
from converters.formats.saving import (
    blamed_on,
    label_place,
    place_picture,
    places_for,
    same_folder,
    write_split_lists,
)
from converters.layout import (
    LabelKind,
    Pairing,
    Tree,
    label_path,
    pair_up,
    report_layout,
    scan,
    splits_from_folders,
    splits_from_lists,
    suffix_of,
)
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.reading import read_small_file, read_text
from converters.report import Report

KIND = LabelKind(
    ".json",
    ("annotations", "labels", "json", "jsons", "label", "annotation", "labelme"),
    frozenset({"package.json", "package-lock.json", "manifest.json", "notes.json", "config.json"}),
)

MAX_BYTES = 256 * 1024 * 1024
"""A labelme file may hold its picture, a third larger than the picture's file."""

_HEAD = 64 * 1024
_SAMPLES = 20
_NAMES_FILES = ("labels.txt", "classes.txt")
_NO_CLASS = ("__ignore__", "_background_")
"""Lines of a ``labels.txt`` that labelme's own converters give the ids -1 and 0."""

_LISTS = {"train.txt": Split.TRAIN, "val.txt": Split.VAL, "test.txt": Split.TEST}
_VERSION = "5.5.0"


class LabelmeCodec:
    """Reads and writes labelme JSON."""

    name = "labelme"
    title = "labelme"
    loses = ("confidence", "coordinates finer than 0.0001 px")
    keeps = Keeps(flags=frozenset(labelme.FLAGS))

    def detect(self, root: Path) -> bool:
        """Whether a picture there has a labelme file of its own."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures seem to have a labelme file."""
        labels = [pair.label for pair in pair_up(tree, KIND).pairs if pair.exists]
        sample = labels[:_SAMPLES]
        good = sum(looks_like_labelme(tree.root / label) for label in sample)
        return good * len(labels) // len(sample) if sample else 0

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture.
            FormatError: The set's names file is broken.
        """
        tree = options.tree or scan(root)
        if not tree.pictures:
            inside = any(looks_like_labelme(root / name) for name in tree.with_suffix(".json")[:_SAMPLES])
            hint = "Put the pictures beside their JSON files (labelme_export_json writes them out)."
            raise NotADatasetError("holds no picture.", path=root, hint=hint if inside else "")
        pairing = pair_up(tree, KIND)
        report_layout(tree, replace(pairing, orphans=()), report)
        _report_orphans(tree, pairing, report)
        keys = [pair.key for pair in pairing.pairs]
        lists = {name: _LISTS[name] for name in tree.files if name in _LISTS}
        splits = splits_from_lists(lists, tree, keys, report) or splits_from_folders(keys)
        named = _class_list(tree) if options.class_names is None else ()
        reader = _Reader()
        images = load_images(root, pairing.pairs, splits, report, options, reader.read, max_bytes=MAX_BYTES)
        reader.outlines.report_to(report)
        classes = ordered_classes(options, named, images)
        report_not_listed(images, named, str(_names_file(tree)), report)
        return Dataset(root, self.name, images, classes)

    def label_path(self, image_path: Path, root: Path) -> Path:
        """The JSON file of a picture, whether or not there is one yet."""
        return label_path(root, KIND, image_path)

    def render(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes | None) -> bytes:
        """The JSON of one picture; see :meth:`converters.formats.base.Codec.render`.

        Shapes of ``base`` that reading refuses or skips stay, unless a box says it stands for them.

        Raises:
            FormatError: A label is no class, a box has no area, or ``base`` is no labelme file.
        """
        return _render(image, class_names, base, keep_unread=True)

    def cleaned(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes) -> bytes:
        """The label file without what reading refuses; see :class:`converters.formats.base.ImageCodec`.

        Raises:
            FormatError: ``base`` cannot be read at all.
        """
        data = _render(image, class_names, base, keep_unread=False)
        document = labelme.parse(data)
        edits = _size_edits(document, image.size)
        return document.source.with_edits(edits) if edits else data

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set's ``labels.txt`` say these classes, if it has one.

        Label files hold the names themselves, so a set without one gets none.

        Raises:
            FormatError: A name cannot stand in a names file, or the file there is broken.
            WriteError: The file cannot be written.
        """
        tree = scan(root)
        name = _names_file(tree)
        if name is None or _class_list(tree) == class_names:
            return
        head = [line for line in read_text(root / name).splitlines() if line.strip() in _NO_CLASS]
        write_if_changed(root / name, _names_text(class_names, head))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write pictures with their JSON files beside them, ``labels.txt`` and the lists of the splits.

        In the set's own folder only label files (and a ``labels.txt``) are written, each where it is. A set
        read from labelme takes along what else its files say.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        names = _names_text(dataset.class_names)
        places = {} if in_place else places_for(dataset)
        for image in dataset.images:
            if in_place:
                target = image.annotation or self.label_path(image.path, root)
                placed: AnnotatedImage = image
                base_path: Path | None = target
            else:
                place_picture(image, root / places[image.key])
                target = root / label_place(places[image.key], ".json")
                placed = replace(image, path=root / places[image.key], annotation=target)
                base_path = image.annotation if dataset.format == self.name else None
            if not image.labelled and not image.boxes:
                continue
            base = None
            if base_path is not None and base_path.is_file():
                base = read_small_file(base_path, MAX_BYTES)
            with blamed_on(target):
                data = _render(placed, dataset.class_names, base, keep_unread=in_place)
            make_folder(target.parent)
            write_if_changed(target, data)
        if in_place:
            self.write_class_names(root, dataset.class_names)
            return
        write_if_changed(root / "labels.txt", names)
        write_split_lists(dataset, root, {key: str(place) for key, place in places.items()})


def looks_like_labelme(path: Path) -> bool:
    """Whether a JSON file is labelme's, as far as its beginning tells."""
    try:
        if not path.is_file():
            return False
        with path.open("rb") as file:
            head = file.read(_HEAD)
    except OSError:
        return False
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    keys = (b'"shapes"', b'"imagePath"', b'"imageData"')
    return text.startswith(b"{") and sum(key in text for key in keys) >= 1


@dataclass(slots=True)
class _Reader:
    """Reads label files, and counts what is no rectangle in all of them."""

    outlines: Outlines = field(default_factory=Outlines)

    def read(self, data: bytes, file: LabelFile) -> None:
        document = labelme.parse(data)
        _check_picture_name(document, file)
        scale = scale_to_picture(file, document.size, document.line_of("imageWidth"))
        if scale is None:
            return
        for index, shape in enumerate(document.shapes):
            try:
                kind = labelme.kind_of(shape)
                if kind in labelme.WITHOUT_AREA:
                    self.outlines.skipped(kind, file.path, shape.line)
                    continue
                box, upright = labelme.box_of(shape, index)
            except FormatError as error:
                error.message = f"shapes[{index}] {error.message}"
                file.refuse(error)
                continue
            if not upright:
                what = "rotated rectangle" if kind == "rectangle" else kind
                self.outlines.taken(what or "outline", file.path, shape.line)
            x1, y1, x2, y2 = box.xyxy
            if scale != (1.0, 1.0):
                box = box.moved_to((x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]))
            file.take(box, shape.line)


def _check_picture_name(document: LabelmeDocument, file: LabelFile) -> None:
    """``imagePath`` is never followed; where it names another picture, that is worth a word."""
    member = document.top.get("imagePath")
    if member is None or member.value in (None, ""):
        return
    text = member.value if isinstance(member.value, str) else repr(member.value)
    name = text.replace("\\", "/").rpartition("/")[2]
    if name in (file.picture.name, file.picture.stem):
        return
    file.misnamed("imagePath", text, document.line_of("imagePath"))


def _report_orphans(tree: Tree, pairing: Pairing, report: Report) -> None:
    """JSON files of labelme's that belong to no picture. JSON of other kinds is nobody's label file."""
    for name in pairing.orphans:
        path = tree.root / name
        if not looks_like_labelme(path):
            continue
        stem = name.rpartition("/")[2].removesuffix(suffix_of(name))
        if _holds_picture(path):
            report.error(
                "image-missing",
                f"no picture named {stem} lies beside it; the copy inside it (imageData) is not used.",
                path=path,
                hint="Put the picture beside it (labelme_export_json writes it out).",
            )
        else:
            report.warning(
                "label-without-image", f"no picture named {stem} belongs to this label file.", path=path
            )


def _holds_picture(path: Path) -> bool:
    try:
        top = labelme.parse(read_small_file(path, MAX_BYTES)).top
    except FormatError:
        return False
    return "imageData" in top and bool(top["imageData"].value)


def _names_file(tree: Tree) -> str | None:
    return next((name for name in _NAMES_FILES if name in tree.files), None)


def _class_list(tree: Tree) -> tuple[str, ...]:
    """Class names of ``labels.txt``, in order; only their order counts."""
    name = _names_file(tree)
    if name is None:
        return ()
    lines = [line.strip() for line in read_text(tree.root / name).splitlines()]
    return tuple(dict.fromkeys(line for line in lines if line and line not in _NO_CLASS))


def _names_text(class_names: Sequence[str], head: Sequence[str] = ()) -> str:
    for name in class_names:
        if not name.strip() or name != name.strip() or len(name.splitlines()) != 1 or name in _NO_CLASS:
            raise FormatError(f"class name {name!r} cannot stand in labels.txt.", code="bad-label")
    return "".join(f"{name}\n" for name in (*head, *class_names))


def _render(
    image: AnnotatedImage, class_names: Sequence[str], base: bytes | None, *, keep_unread: bool
) -> bytes:
    for box in image.boxes:
        if box.label not in class_names:
            raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")
    if base is None:
        return _new_file(image)
    document = labelme.parse(base)
    read = _read_boxes(document)
    edits: list[Edit] = []
    fresh: list[Box] = []
    taken: set[int] = set()
    for box in image.boxes:
        if box.origin is None or box.origin not in read or box.origin in taken:
            fresh.append(box)
            continue
        taken.add(box.origin)
        old, upright = read[box.origin]
        edits += labelme.edits_of(document, document.shapes[box.origin], old, box, upright)
    removed = {
        index
        for index in range(len(document.shapes))
        if index not in taken and not _stays(document, index, read, image, class_names, keep_unread)
    }
    edits += _list_edits(document, removed, fresh)
    if not keep_unread:
        edits += _name_edits(document, image)
    if not edits:
        return base
    return document.source.with_edits(edits + _size_edits(document, image.size))


def _read_boxes(document: LabelmeDocument) -> dict[int, tuple[Box, bool]]:
    """The boxes of the shapes that can be read, by index, and whether each is an upright rectangle."""
    read: dict[int, tuple[Box, bool]] = {}
    for index, shape in enumerate(document.shapes):
        try:
            if labelme.kind_of(shape) not in labelme.WITHOUT_AREA:
                read[index] = labelme.box_of(shape, index)
        except FormatError:
            continue
    return read


def _stays(
    document: LabelmeDocument,
    index: int,
    read: dict[int, tuple[Box, bool]],
    image: AnnotatedImage,
    class_names: Sequence[str],
    keep_unread: bool,
) -> bool:
    """Whether a shape that no box stands for stays: what reading skipped or (in place) refused."""
    if index not in read:
        try:
            return labelme.kind_of(document.shapes[index]) in labelme.WITHOUT_AREA or keep_unread
        except FormatError:
            return keep_unread
    if not keep_unread:
        return False
    box = read[index][0]
    if box.label not in class_names:
        return True
    problem = edges_problem(box.xyxy, image.size)
    # With another size in the file, what lies outside depends on which size was trusted.
    return (
        problem is not None
        and problem.fatal
        and not (problem.outside and bool(_size_edits(document, image.size)))
    )


def _list_edits(document: LabelmeDocument, removed: set[int], fresh: Sequence[Box]) -> list[Edit]:
    if not removed and not fresh:
        return []
    source, style = document.source, document.style
    elements = [shape.entry for shape in document.shapes]
    if elements:
        indent = indent_of(source, elements[-1].start)
        last = elements[-1].value
        like = last if isinstance(last, dict) else None
    else:
        indent, like = indent_of(source, document.array.start) + style.unit, None
    texts = [labelme.new_shape(box, style, indent, like) for box in fresh]
    return array_edits(source, document.array, elements, removed, texts, style)


def _name_edits(document: LabelmeDocument, image: AnnotatedImage) -> list[Edit]:
    """By ``imagePath`` labelme finds the picture: in another folder it has to be right."""
    member = document.top.get("imagePath")
    name = _picture_reference(image)
    if member is None or member.value == name:
        return []
    return [(member.start, member.end, document.style.dumps(name))]


def _size_edits(document: LabelmeDocument, size: tuple[int, int]) -> list[Edit]:
    """The picture's size, where the file gave that of another one and its edges now are the picture's."""
    stated = document.size
    if stated is None or 0 in stated or stated in (size, size[::-1]):
        return []
    members = (document.top["imageWidth"], document.top["imageHeight"])
    return [(member.start, member.end, str(side)) for member, side in zip(members, size, strict=True)]


def _new_file(image: AnnotatedImage) -> bytes:
    """A file as labelme 5 writes it."""
    style = Style()
    shapes = [labelme.new_shape(box, style, "    ", None) for box in image.boxes]
    listed = "[\n    " + ",\n    ".join(shapes) + "\n  ]" if shapes else "[]"
    lines = [
        f'"version": "{_VERSION}"',
        '"flags": {}',
        f'"shapes": {listed}',
        f'"imagePath": {style.dumps(_picture_reference(image))}',
        '"imageData": null',
        f'"imageHeight": {image.size[1]}',
        f'"imageWidth": {image.size[0]}',
    ]
    return ("{\n  " + ",\n  ".join(lines) + "\n}\n").encode("utf-8")


def _picture_reference(image: AnnotatedImage) -> str:
    """The picture's path relative to the label file's folder."""
    if image.annotation is None:
        return image.path.name
    return Path(os.path.relpath(image.path, image.annotation.parent)).as_posix()
