"""CVAT for images 1.1: one XML file with the boxes of many pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from converters.errors import FormatError
from converters.files import write_if_changed
from converters.formats import cvat_document as cvat
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.cvat_document import ImageElement
from converters.formats.cvat_writing import edited_file, new_file
from converters.formats.json_document import MAX_SHARED_BYTES, head_of
from converters.formats.kinds import SharedKind, claims_of, label_files
from converters.formats.pictures import split_in_name
from converters.formats.saving_shared import PICTURES, reference_from, save_shared
from converters.formats.shared import PictureLabels, SharedFile, load_shared
from converters.layout import Tree, scan
from converters.model import AnnotatedImage, Dataset
from converters.reading import read_small_file
from converters.report import Report

_ROOT = re.compile(rb"<annotations[\s>]")
_ENTRY = re.compile(rb"<(?:image|track)\s[^>]*\b(?:name|label)\s*=")


def looks_like_cvat(name: str, head: bytes) -> bool:
    """Whether a file is CVAT's, by its first bytes."""
    start = _plain(head)
    if not _ROOT.search(start):
        return False
    return _ENTRY.search(start) is not None or (b"<meta>" in start and b"<labels>" in start)


def _count(head: bytes, size: int) -> int | None:
    found = len(_ENTRY.findall(_plain(head)))
    if size <= len(head):
        return found
    return found * size // len(head) if found else None


KIND = SharedKind(
    name="cvat",
    title="CVAT for images",
    suffixes=(".xml",),
    recognises=looks_like_cvat,
    count=_count,
    default="annotations.xml",
    one_file=True,
)


class CvatCodec:
    """Reads and writes "CVAT for images 1.1"."""

    name = KIND.name
    title = KIND.title
    loses = ("confidence", "coordinates finer than 0.001 px")
    keeps = Keeps(flags=frozenset(cvat.FLAGS))

    def detect(self, root: Path) -> bool:
        """Whether a file there looks like CVAT's."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures CVAT's files seem to name."""
        return claims_of(tree, KIND)

    def recognises(self, path: Path) -> bool:
        """Whether a file looks like CVAT's."""
        return path.suffix.lower() in KIND.suffixes and looks_like_cvat(path.name, head_of(path))

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture, or no file of CVAT's.
        """
        return load_shared(root, report, options, KIND, _read)

    def render_file(
        self,
        path: Path,
        images: Sequence[AnnotatedImage],
        class_names: tuple[str, ...],
        base: bytes | None,
        *,
        removed: frozenset[int] = frozenset(),
    ) -> bytes:
        """The bytes of one file; see :meth:`converters.formats.base.SharedCodec.render_file`.

        What reading refuses or skips in ``base`` stays, unless a box says it stands for it. An outline whose
        box was moved becomes a box.

        Raises:
            FormatError: A label is no class, a name cannot stand in XML, or ``base`` is no CVAT file.
        """
        return _rendered(path, images, class_names, base, keep_unread=True, removed=removed)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the meta data of the set's files name these classes.

        Raises:
            FormatError: A file there is broken, or a name cannot stand in XML.
            WriteError: A file cannot be written.
        """
        for name in label_files(scan(root), KIND):
            path = root / name
            base = read_small_file(path, MAX_SHARED_BYTES)
            write_if_changed(path, edited_file(cvat.parse(base), base, (), class_names, keep_unread=True))

    def entry_lines(self, path: Path) -> list[int]:
        """1-based line of each shape."""
        try:
            document = cvat.parse(read_small_file(path, MAX_SHARED_BYTES))
        except FormatError:
            return []
        return [shape.element.line for image in document.images for shape in image.shapes.values()]

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/`` and ``annotations.xml``, in which each picture has its split as its subset.

        In the set's own folder only label files are written, each where it is. A set read from CVAT takes
        along what else its files say.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        save_shared(self, KIND, dataset, root, report, _render_new)


def _render_new(
    path: Path, images: Sequence[AnnotatedImage], class_names: tuple[str, ...], base: bytes | None
) -> bytes:
    return _rendered(path, images, class_names, base, keep_unread=False)


def _rendered(
    path: Path,
    images: Sequence[AnnotatedImage],
    class_names: tuple[str, ...],
    base: bytes | None,
    *,
    keep_unread: bool,
    removed: frozenset[int] = frozenset(),
) -> bytes:
    # An unlabelled picture is one that the file does not mention.
    named = [(_reference(i, path), i) for i in images if i.labelled or i.boxes or i.origin is not None]
    if base is None:
        return new_file(named, class_names)
    document = cvat.parse(base)
    return edited_file(document, base, named, class_names, keep_unread=keep_unread, removed=removed)


def _reference(image: AnnotatedImage, path: Path) -> str:
    """What the file calls a picture: CVAT's own exports leave out the folder ``images/`` beside the file."""
    name = reference_from(path, image.path)
    short = name.removeprefix(f"{PICTURES}/")
    return name if (path.parent / short).exists() else short


@dataclass(frozen=True, slots=True)
class _Place:
    """Where something stands in the file."""

    line: int | None
    name: str


def _read(file: SharedFile) -> None:
    """Read one file."""
    document = cvat.parse(read_small_file(file.path, MAX_SHARED_BYTES))
    file.class_names = document.class_names
    for index, image in enumerate(document.images):
        line = image.element.line
        name = image.given.get("name", "")
        where = _Place(line, f"image {image.given.get('id', str(index))[:20]}")
        if not name.strip():
            file.refuse(FormatError("has no name.", code="no-picture-name"), where)
            continue
        labels, error = _open(file, image, name, where, index)
        if labels is None:
            continue
        if error is not None:
            labels.refuse(error, where)
        split = split_in_name(image.given.get("subset", ""))
        if split is not None:
            file.splits[labels.key] = split
        _read_shapes(file, labels, image)


def _open(
    file: SharedFile, image: ImageElement, name: str, where: _Place, index: int
) -> tuple[PictureLabels | None, FormatError | None]:
    try:
        size = cvat.size_of(image)
    except FormatError as error:
        return file.picture(name, where, sized=False, origin=index), error
    return file.picture(name, where, size=size, origin=index), None


def _read_shapes(file: SharedFile, labels: PictureLabels, image: ImageElement) -> None:
    for place, (number, shape) in enumerate(image.shapes.items(), 1):
        line = shape.element.line
        if shape.kind in cvat.WITHOUT_AREA:
            file.outlines.skipped(shape.kind, file.path, line)
            continue
        where = _Place(line, f"{labels.name} {shape.kind[:20]} {place}")
        try:
            edges, kind = cvat.edges_of(shape)
            label = cvat.label_of(shape)
        except FormatError as error:
            labels.refuse(error, where)
            continue
        if kind:
            file.outlines.taken(kind, file.path, line)
        labels.add(edges, label, where, flags=cvat.flags_of(shape), origin=number)


def _plain(head: bytes) -> bytes:
    """The beginning of a file without byte order mark; UTF-16 without its zeros."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return head[2:].replace(b"\0", b"")
    return head.removeprefix(b"\xef\xbb\xbf")
