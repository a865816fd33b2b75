"""COCO: one JSON file with the pictures, boxes and classes of many pictures.

How coordinates are counted is said in :mod:`converters.formats.coco_reading`.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path

from converters.errors import FormatError
from converters.files import write_if_changed
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.coco_lists import read_instances
from converters.formats.coco_reading import FLAGS
from converters.formats.coco_tasks import chosen, task_in_name
from converters.formats.coco_writing import CocoText, new_file, with_class_names
from converters.formats.json_document import HEAD_BYTES, MAX_SHARED_BYTES, JsonDocument, head_of, read_json
from converters.formats.kinds import SharedKind, claims_of, label_files
from converters.formats.saving_shared import reference_from, save_shared
from converters.formats.shared import load_shared
from converters.layout import Tree, scan
from converters.model import AnnotatedImage, Dataset
from converters.reading import read_small_file
from converters.report import Report

_KEY = rb'"%s"\s*:\s*\['
_IMAGES, _ANNOTATIONS, _CATEGORIES = (
    re.compile(_KEY % key) for key in (b"images", b"annotations", b"categories")
)
_BY_NAME = re.compile(r"(instances|image_info|.*coco.*)([_.-].*)?\.json", re.IGNORECASE)


def looks_like_instances(name: str, head: bytes) -> bool:
    """Whether a file is one of COCO's instances (or lists of pictures), by its name and first bytes."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    named = _BY_NAME.fullmatch(name.rpartition("/")[2]) is not None
    if not start.startswith(b"{"):
        others = (b'"image_id"', b'"image"', b'"data"')  # results, and what other tools list at the top
        return named and not any(key in head for key in others)
    lists = [key for key in (_IMAGES, _ANNOTATIONS, _CATEGORIES) if key.search(head)]
    if _IMAGES in lists:
        return named or len(lists) > 1 or b'"file_name"' in head
    if _ANNOTATIONS in lists:
        return named or b'"image_id"' in head
    return named or (_CATEGORIES in lists and b'"supercategory"' in head)


def _count(head: bytes, size: int) -> int | None:
    return head.count(b'"file_name"') if size <= len(head) else None


def _choose(tree: Tree, names: list[str]) -> list[str]:
    return chosen(names, lambda name: _ends_of(tree.root / name))


def _ends_of(path: Path) -> bytes:
    """Beginning and end of a file: a long list of pictures may stand before its annotations, or behind."""
    head = head_of(path)
    if len(head) < HEAD_BYTES:
        return head
    try:
        with path.open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - HEAD_BYTES))
            return head + file.read(HEAD_BYTES)
    except OSError:
        return head


def _side_folders(tree: Tree) -> list[str]:
    """Folders of masks: ``panoptic_train2017/`` beside ``panoptic_train2017.json``."""
    files = set(tree.files)
    return [
        folder
        for folder in sorted(tree.folders)
        if task_in_name(f"{folder}.json") == "panoptic" and f"{folder}.json" in files
    ]


KIND = SharedKind(
    name="coco",
    title="COCO",
    suffixes=(".json",),
    recognises=looks_like_instances,
    count=_count,
    default="annotations/instances.json",
    choose=_choose,
    side_folders=_side_folders,
)


class CocoCodec:
    """Reads and writes COCO instances."""

    name = KIND.name
    title = KIND.title
    loses = ("the split of pictures without labels", "coordinates finer than 0.000001 px")
    keeps = Keeps(confidence=True, flags=frozenset({*FLAGS, "crowd"}))

    def detect(self, root: Path) -> bool:
        """Whether a file there looks like COCO instances."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures files of instances seem to name."""
        return claims_of(tree, KIND)

    def recognises(self, path: Path) -> bool:
        """Whether a file looks like COCO instances."""
        return path.suffix.lower() in KIND.suffixes and looks_like_instances(path.name, head_of(path))

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture, or no file of instances.
        """
        return load_shared(root, report, options, KIND, read_instances)

    def entry_lines(self, path: Path) -> list[int]:
        """1-based line of each annotation."""
        try:
            document = read_json(path)
        except FormatError:
            return []
        return document.lines("annotations")

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

        Entries of ``base`` that reading refuses stay, unless a box says it stands for them. The outline of a
        box that was moved is replaced by its rectangle, and its area by the rectangle's.

        Raises:
            FormatError: A label is no class, a picture's name is no text, or ``base`` is no COCO file.
        """
        references = {image.key: reference_from(path, image.path) for image in images}
        if base is None:
            return new_file(images, class_names, references)
        if _is_panoptic(base):
            raise FormatError(
                "holds panoptic segments, whose boxes cannot be edited.",
                path=path,
                code="panoptic",
                hint="Convert the set first: convert-cli SET NEW --to coco",
            )
        fresh = {image.key: references[image.key] for image in images if image.origin is None}
        text = CocoText(JsonDocument(base, path))
        return text.rendered(images, class_names, fresh, keep_unread=True, removed=removed)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set's files name these classes; new ones come last, with new ids.

        Raises:
            FormatError: A file there is broken.
            WriteError: A file cannot be written.
        """
        for name in label_files(scan(root), KIND):
            path = root / name
            base = read_small_file(path, MAX_SHARED_BYTES)
            write_if_changed(path, with_class_names(JsonDocument(base, path), class_names))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/`` and ``annotations/instances.json``, or one file for each split.

        In the set's own folder only label files are written, each where it is. A set read from COCO takes
        along what else its files say.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        save_shared(self, KIND, dataset, root, report, _render_new)


def _render_new(
    path: Path, images: Sequence[AnnotatedImage], class_names: tuple[str, ...], base: bytes | None
) -> bytes:
    """A file of a new set, out of one that was read: only what the set has, all pictures named anew."""
    references = {image.key: reference_from(path, image.path) for image in images}
    if base is None or _is_panoptic(base):
        return new_file(images, class_names, references)
    text = CocoText(JsonDocument(base, path))
    return text.rendered(images, class_names, references, keep_unread=False)


def _is_panoptic(base: bytes) -> bool:
    return b'"segments_info"' in base
