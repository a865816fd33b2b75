"""Pascal VOC: an XML file for each picture.

How its coordinates are counted is said in :func:`converters.formats.voc_document.edges_from_file`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from converters.errors import FormatError, NotADatasetError
from converters.files import make_folder, write_if_changed
from converters.formats import voc_document
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions, VocEdges
from converters.formats.loading import (
    LabelFile,
    edges_problem,
    load_images,
    ordered_classes,
    report_not_listed,
    scale_to_picture,
)
from converters.formats.saving import (
    blamed_on,
    label_place,
    place_picture,
    places_for,
    same_folder,
    write_split_lists,
)
from converters.formats.voc_document import (
    EDGES,
    FLAGS,
    ObjectElement,
    VocDocument,
    edges_from_file,
    edges_to_file,
)
from converters.formats.voc_quick import read_quickly
from converters.formats.xml_source import Edit, Element, xml_text
from converters.formats.xml_text import escape
from converters.layout import (
    LabelKind,
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
from converters.losses import report_losses
from converters.model import AnnotatedImage, Box, Dataset, Split, Xyxy
from converters.reading import parse_number, read_small_file, read_text
from converters.report import Report

KIND = LabelKind(".xml", ("annotations", "annotation", "labels", "xml", "xmls"))

_NAMES_FILES = ("classes.txt", "labelmap.txt", "obj.names")
MAX_SIDE = 1_000_000
"""Pixels; a picture with a longer side is a mistake of the file."""

_SET = frozenset({"1", "true", "yes"})
_UNSET = frozenset({"", "0", "false", "no", "unspecified"})


class VocCodec:
    """Reads and writes Pascal VOC.

    Attributes:
        edges: How edges are counted in the files that it writes (reading: ``LoadOptions.voc_edges``).
    """

    name = "voc"
    title = "Pascal VOC"
    loses = ("confidence", "the flag crowd", "coordinates finer than 0.001 px")
    keeps = Keeps(flags=frozenset(FLAGS), reviewed=True)

    def __init__(self, edges: VocEdges = "as-is") -> None:
        self.edges: VocEdges = edges

    def detect(self, root: Path) -> bool:
        """Whether a picture there has an XML file of its own."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures have an XML file of their own."""
        return pair_up(tree, KIND).labelled

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture.
            FormatError: The set's names file is broken.
        """
        tree = options.tree or scan(root)
        if not tree.pictures:
            raise NotADatasetError("holds no picture.", path=root)
        pairing = pair_up(tree, KIND)
        report_layout(tree, pairing, report)
        keys = [pair.key for pair in pairing.pairs]
        splits = splits_from_lists(_split_lists(tree), tree, keys, report) or splits_from_folders(keys)
        named = _class_list(tree) if options.class_names is None else ()
        images = load_images(root, pairing.pairs, splits, report, options, _read_labels)
        classes = ordered_classes(options, named, images)
        report_not_listed(images, named, str(_names_file(tree)), report)
        return Dataset(root, self.name, images, classes)

    def label_path(self, image_path: Path, root: Path) -> Path:
        """The XML file of a picture, whether or not there is one yet."""
        return label_path(root, KIND, image_path)

    def render(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes | None) -> bytes:
        """The XML of one picture; see :meth:`converters.formats.base.Codec.render`.

        Objects of ``base`` that reading refuses stay, unless a box says it stands for them.

        Raises:
            FormatError: A label is no class or cannot stand in XML, a box has no area, or ``base`` is
                no VOC file.
        """
        return _render(image, class_names, base, self.edges, keep_unread=True)

    def cleaned(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes) -> bytes:
        """The label file without what reading refuses; see :class:`converters.formats.base.ImageCodec`.

        Raises:
            FormatError: ``base`` cannot be read at all.
        """
        data = _render(image, class_names, base, self.edges, keep_unread=False)
        document = voc_document.parse(data)
        edits = _size_edits(document, image.size)
        return document.with_edits(edits) if edits else data

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set's ``classes.txt`` say these classes, if it has one.

        Label files hold the names themselves, so a set without one gets none; a ``labelmap.txt``, which holds
        more than names, stays as it is.

        Raises:
            FormatError: The file there is broken.
            WriteError: The file cannot be written.
        """
        tree = scan(root)
        name = _names_file(tree)
        if name is None or name.casefold().endswith("labelmap.txt"):
            return
        if _class_list(tree) != class_names:
            write_if_changed(root / name, "".join(f"{c}\n" for c in class_names))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/`` and ``annotations/``, ``classes.txt`` and the lists of the splits.

        In the set's own folder only label files (and a ``classes.txt``) are written, each where it is. A set
        read from VOC takes along what else its files say.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        places = {} if in_place else places_for(dataset)
        report_losses(dataset, self, report)
        for image in dataset.images:
            if in_place:
                target = image.annotation or self.label_path(image.path, root)
                base_path: Path | None = target
            else:
                place = places[image.key]
                place_picture(image, root / "images" / place)
                target = root / "annotations" / label_place(place, ".xml")
                base_path = image.annotation if dataset.format == self.name else None
            if not image.labelled and not image.boxes:
                continue
            base = read_small_file(base_path) if base_path is not None and base_path.is_file() else None
            placed = image if in_place else replace(image, path=root / "images" / places[image.key])
            with blamed_on(target):
                data = _render(placed, dataset.class_names, base, self.edges, keep_unread=in_place)
            make_folder(target.parent)
            write_if_changed(target, data)
        if in_place:
            self.write_class_names(root, dataset.class_names)
            return
        make_folder(root / "annotations")
        write_if_changed(root / "classes.txt", "".join(f"{name}\n" for name in dataset.class_names))
        stems = {key: str(label_place(place, "")) for key, place in places.items()}
        write_split_lists(dataset, root / "ImageSets" / "Main", stems)


def _split_lists(tree: Tree) -> dict[str, Split]:
    lists: dict[str, Split] = {}
    for name in tree.with_suffix(".txt"):
        folders = [part.casefold() for part in folder_of(name).split("/")]
        if "imagesets" in folders[-2:] and folders[-1] in ("imagesets", "main"):
            split = {"train": Split.TRAIN, "val": Split.VAL, "test": Split.TEST}.get(stem_of(name).casefold())
            if split is not None:
                lists[name] = split
    return lists


def _names_file(tree: Tree) -> str | None:
    """The set's own list of classes: the one nearest to the root."""
    found = [name for name in tree.files if name.rpartition("/")[2].casefold() in _NAMES_FILES]
    rank = _NAMES_FILES.index
    return min(found, key=lambda n: (n.count("/"), rank(n.rpartition("/")[2].casefold())), default=None)


def _class_list(tree: Tree) -> tuple[str, ...]:
    """Class names of the set's names file, in order; only their order counts for VOC.

    A ``labelmap.txt`` has a line ``label:colour:parts:actions`` for each class, comments with ``#``, and
    often a class ``background`` that no box has.
    """
    name = _names_file(tree)
    if name is None:
        return ()
    lines = [line.strip() for line in read_text(tree.root / name).splitlines()]
    if name.casefold().endswith("labelmap.txt"):
        lines = [line.split(":", 1)[0].strip() for line in lines if not line.startswith("#")]
        lines = [line for line in lines if line.casefold() != "background"]
    return tuple(dict.fromkeys(line for line in lines if line))


def _read_labels(data: bytes, file: LabelFile) -> None:
    """Read an XML file's boxes into ``file``."""
    quick = read_quickly(data)
    if quick is not None and quick.size == file.size:
        _check_filename(quick.filename, quick.filename_line, file)
        file.reviewed = quick.reviewed
        for index, found in enumerate(quick.objects):
            xyxy = edges_from_file(found.edges, file.options.voc_edges)
            file.take(Box(xyxy, found.name, None, found.flags, index), found.line)
        return
    document = voc_document.parse(data)
    file.reviewed = document.reviewed
    for name, line in document.repeated:
        if name in ("size", "size/width", "size/height"):
            raise FormatError(f"has a second <{name}>.", line=line, code="repeated-element")
    filename = document.fields.get("filename")
    if filename is not None:
        _check_filename(filename.text, filename.line, file)
    scale = _scale(document, file)
    if scale is None:
        return
    for index, element in enumerate(document.objects):
        line = element.element.line
        try:
            box = _box_of(element, index, file.options.voc_edges)
        except FormatError as error:
            file.refuse(error)
            continue
        for flag in FLAGS:
            text = element.fields[flag].text if flag in element.fields else ""
            if _flag(text) is None:
                file.warn("bad-flag", f"<{flag}> is {text[:40]!r}; taken as not set.", line)
        if scale != (1.0, 1.0):
            box = box.moved_to(_scaled(box.xyxy, scale))
        file.take(box, line)


def _check_filename(text: str, line: int, file: LabelFile) -> None:
    if text in (file.picture.name, file.picture.stem, ""):
        return
    file.misnamed("<filename>", text, line)


def _scale(document: VocDocument, file: LabelFile) -> tuple[float, float] | None:
    """What to multiply the file's edges by; None where its size rules it out (which is reported)."""
    size = document.fields.get("size")
    line = size.line if size is not None else document.root.line
    return scale_to_picture(file, _stated_size(document), line)


def _stated_size(document: VocDocument) -> tuple[int, int] | None:
    sides = []
    for name in ("width", "height"):
        element = document.fields.get(f"size/{name}")
        if element is None:
            return None
        value = parse_number(element.text, f"<{name}>", line=element.line)
        if not 0 <= value <= MAX_SIDE or value != int(value):
            raise FormatError(
                f"<{name}> is {element.text[:40]}, not a size in pixels.", line=element.line, code="bad-size"
            )
        sides.append(int(value))
    return sides[0], sides[1]


def _scaled(xyxy: Xyxy, scale: tuple[float, float]) -> Xyxy:
    x1, y1, x2, y2 = xyxy
    return x1 * scale[0], y1 * scale[1], x2 * scale[0], y2 * scale[1]


def _flag(text: str) -> bool | None:
    """Whether a flag's text says yes; None where it says neither."""
    word = text.casefold()
    if word in _SET:
        return True
    if word in _UNSET:
        return False
    try:
        return parse_number(text, "flag") != 0
    except FormatError:
        return None


def _leaf(element: ObjectElement, name: str) -> Element:
    """A child that must be there, once, with nothing but text in it."""
    tag = name.rpartition("/")[2]
    for repeated, line in element.repeated:
        if repeated == name:
            raise FormatError(f"object has a second <{tag}>.", line=line, code="repeated-element")
    found = element.fields.get(name)
    if found is None:
        where = "bndbox" if "/" in name else "object"
        raise FormatError(f"{where} has no <{tag}>.", line=element.element.line, code=f"no-{tag}")
    if not found.leaf:
        raise FormatError(f"<{tag}> has elements in it.", line=found.line, code="bad-element")
    return found


def _box_of(element: ObjectElement, index: int, convention: VocEdges) -> Box:
    """The box of an object.

    Raises:
        FormatError: Something is missing, double or no number.
    """
    name = _leaf(element, "name")
    if not name.text.strip():
        raise FormatError("<name> is empty: the box has no class.", line=name.line, code="no-name")
    if xml_text(name.text) != name.text:
        raise FormatError("<name> has a line break or tab in it.", line=name.line, code="bad-label")
    if "bndbox" not in element.fields:
        other = next((tag for tag in ("polygon", "robndbox", "mask") if tag in element.fields), None)
        also = f" (it has a <{other}>)" if other else ""
        raise FormatError(f"object has no <bndbox>{also}.", line=element.element.line, code="no-bndbox")
    for repeated, line in element.repeated:
        if repeated == "bndbox":
            raise FormatError("object has a second <bndbox>.", line=line, code="repeated-element")
    edges = []
    for edge in EDGES:
        leaf = _leaf(element, f"bndbox/{edge}")
        edges.append(parse_number(leaf.text, f"<{edge}>", line=leaf.line))
    flags = frozenset(f for f in FLAGS if f in element.fields and _flag(element.fields[f].text))
    xyxy = edges_from_file((edges[0], edges[1], edges[2], edges[3]), convention)
    return Box(xyxy, name.text, None, flags, index)


def _render(
    image: AnnotatedImage,
    class_names: Sequence[str],
    base: bytes | None,
    convention: VocEdges,
    *,
    keep_unread: bool,
) -> bytes:
    for box in image.boxes:
        _check_label(box, class_names)
    if base is None:
        return _new_file(image, convention)
    document = voc_document.parse(base)
    verdict = document.set_reviewed(image.reviewed)
    if verdict and document.root.inner == document.root.end:  # <annotation/>, which boxes open
        base, verdict = document.with_edits(verdict), []
        document = voc_document.parse(base)
    read = _read_boxes(document, convention)
    edits: list[Edit] = []
    fresh: list[Box] = []
    taken: set[int] = set()
    for box in image.boxes:
        if box.origin is None or box.origin not in read or box.origin in taken:
            fresh.append(box)
            continue
        taken.add(box.origin)
        edits += _edits_of(document, document.objects[box.origin], read[box.origin], box, convention)
    for index, element in enumerate(document.objects):
        if index in taken:
            continue
        if not keep_unread or _is_accepted(read.get(index), document, image.size, class_names):
            edits.append(document.remove(element.element))
    if fresh:
        edits += document.insert_objects([_object_lines(box, convention) for box in fresh])
    if not edits:
        return document.with_edits(verdict) if verdict else base
    return document.with_edits(edits + verdict + _size_edits(document, image.size))


def _read_boxes(document: VocDocument, convention: VocEdges) -> dict[int, Box]:
    """The boxes of the objects that can be read, by index."""
    read: dict[int, Box] = {}
    for index, element in enumerate(document.objects):
        try:
            read[index] = _box_of(element, index, convention)
        except FormatError:
            continue
    return read


def _is_accepted(
    box: Box | None, document: VocDocument, size: tuple[int, int], class_names: Sequence[str]
) -> bool:
    """Whether reading gave the person this box, so that its absence now means that it was deleted."""
    if box is None or box.label not in class_names:
        return False
    problem = edges_problem(box.xyxy, size)
    # With another size in the file, what lies outside depends on which size was trusted.
    return problem is None or not problem.fatal or (problem.outside and bool(_size_edits(document, size)))


def _edits_of(
    document: VocDocument, element: ObjectElement, old: Box, new: Box, convention: VocEdges
) -> list[Edit]:
    """What to change in an object so that it says another box."""
    edits: list[Edit] = []
    if new.label != old.label:
        edits.append(document.set_text(element.fields["name"], new.label))
    if new.xyxy != old.xyxy:
        texts = _edge_texts(new, convention)
        for edge, text, before, after in zip(EDGES, texts, old.xyxy, new.xyxy, strict=True):
            if before != after:
                edits.append(document.set_text(element.fields[f"bndbox/{edge}"], text))
    for flag in FLAGS:
        if (flag in new.flags) == (flag in old.flags):
            continue
        text = "1" if flag in new.flags else "0"
        if flag in element.fields:
            edits.append(document.set_text(element.fields[flag], text))
        else:
            line = f"<{flag}>{text}</{flag}>".encode()
            edits.append(document.insert_before(element.fields["bndbox"], line))
    return edits


def _size_edits(document: VocDocument, size: tuple[int, int]) -> list[Edit]:
    """The picture's size, where the file gave that of another one and its edges now are the picture's."""
    stated = _stated_size(document)
    if stated is None or 0 in stated or stated in (size, size[::-1]):
        return []
    return [
        document.set_text(document.fields[f"size/{name}"], str(side))
        for name, side in zip(("width", "height"), size, strict=True)
    ]


def _check_label(box: Box, class_names: Sequence[str]) -> None:
    label = box.label
    if label not in class_names:
        raise FormatError(f"label {label!r} is none of the classes.", code="unknown-class")
    if not label.strip() or label != label.strip(" ") or xml_text(label) != label:
        raise FormatError(
            f"class name {label!r} has a character, a line break or blanks that a VOC file cannot hold.",
            code="bad-label",
        )


def _number_text(value: float) -> str:
    """An edge as a file has it: whole where it is within a millionth of it, else up to 3 decimals."""
    if abs(value - round(value)) <= 1e-6:
        return str(round(value))
    return f"{value:.3f}".rstrip("0").rstrip(".")


def _edge_texts(box: Box, convention: VocEdges) -> tuple[str, str, str, str]:
    x1, y1, x2, y2 = (_number_text(value) for value in edges_to_file(box.xyxy, convention))
    written = edges_from_file((float(x1), float(y1), float(x2), float(y2)), convention)
    if not (written[0] < written[2] and written[1] < written[3]):
        raise FormatError(f"box ({x1}, {y1}, {x2}, {y2}) has no area.", code="box-empty")
    return x1, y1, x2, y2


def _object_lines(box: Box, convention: VocEdges) -> list[tuple[int, str]]:
    lines = [(0, "<object>"), (1, f"<name>{escape(box.label)}</name>"), (1, "<pose>Unspecified</pose>")]
    lines += [(1, f"<{flag}>{int(flag in box.flags)}</{flag}>") for flag in FLAGS]
    edges = [
        (2, f"<{edge}>{text}</{edge}>")
        for edge, text in zip(EDGES, _edge_texts(box, convention), strict=True)
    ]
    return [*lines, (1, "<bndbox>"), *edges, (1, "</bndbox>"), (0, "</object>")]


def _new_file(image: AnnotatedImage, convention: VocEdges) -> bytes:
    """A file as the Kaggle set has them (labelImg's elements, indented by 4)."""
    verified = f' verified="{voc_document.VERIFIED}"' if image.reviewed else ""
    lines = [
        (0, f"<annotation{verified}>"),
        (1, f"<folder>{escape(xml_text(image.path.parent.name))}</folder>"),
        (1, f"<filename>{escape(xml_text(image.path.name))}</filename>"),
        (1, "<size>"),
        (2, f"<width>{image.size[0]}</width>"),
        (2, f"<height>{image.size[1]}</height>"),
        (2, "<depth>3</depth>"),
        (1, "</size>"),
        (1, "<segmented>0</segmented>"),
    ]
    for box in image.boxes:
        lines += [(depth + 1, text) for depth, text in _object_lines(box, convention)]
    lines.append((0, "</annotation>"))
    return "".join(f"{'    ' * depth}{text}\n" for depth, text in lines).encode("utf-8")
