"""COCO results: predictions as a list of boxes with a score, beside the file that names pictures and classes.

A results file has ids only. Pictures and classes are those of an instances file of the same set, or of a list
of pictures such as COCO gives out for its tests (``image_info``: without annotations).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from converters.errors import FormatError
from converters.files import make_folder, write_if_changed
from converters.formats import coco
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.coco_lists import CocoFile, within
from converters.formats.coco_masks import outline_bounds, outline_kind
from converters.formats.coco_reading import (
    Categories,
    box_edges,
    categories_of,
    category_of,
    checked_id,
    checked_object,
    lists_of,
    score_of,
    unknown_id,
)
from converters.formats.coco_writing import bbox_of, checked_label, is_mentioned, new_file, with_class_names
from converters.formats.json_document import (
    MAX_SHARED_BYTES,
    DoubledDict,
    JsonDocument,
    head_of,
    read_json,
    worded,
)
from converters.formats.json_text import Edit, array_edits, style_of
from converters.formats.kinds import SharedKind, claims_of, label_files
from converters.formats.saving_shared import reference_from, save_shared
from converters.formats.shared import PictureLabels, SharedFile, load_shared
from converters.layout import Tree, folder_of, scan, stem_of
from converters.model import AnnotatedImage, Box, Dataset
from converters.reading import read_small_file
from converters.report import Report

_BY_NAME = re.compile(r"(.*[_.-])?results([_.-].*)?\.json", re.IGNORECASE)
_TAIL_BYTES = 64 * 1024
_WORDS = re.compile(r"[0-9]+|[^\W_0-9]+")


def looks_like_results(name: str, head: bytes) -> bool:
    """Whether a file is a list of predictions, by its name and first bytes."""
    start = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not start.startswith(b"["):
        return False
    if b'"image_id"' in head and b'"category_id"' in head and b'"score"' in head:
        return True
    return _BY_NAME.fullmatch(name.rpartition("/")[2]) is not None and not start[1:].lstrip().strip(b"]\r\n ")


def _count(head: bytes, size: int) -> int | None:
    return None


KIND = SharedKind(
    name="coco-results",
    title="COCO results",
    suffixes=(".json",),
    recognises=looks_like_results,
    count=_count,
    default="annotations/results.json",
)


class CocoResultsCodec:
    """Reads and writes COCO results."""

    name = KIND.name
    title = KIND.title
    loses = ("flags", "the split of pictures without labels", "coordinates finer than 0.000001 px")
    keeps = Keeps(confidence=True)

    def detect(self, root: Path) -> bool:
        """Whether predictions are all there is: ground truth beside them is what a set is opened for."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures there are, where predictions are the only labels."""
        found = claims_of(tree, KIND)
        return (
            0
            if found and any(_has_boxes(tree.root / name) for name in label_files(tree, coco.KIND))
            else found
        )

    def recognises(self, path: Path) -> bool:
        """Whether a file looks like COCO results."""
        return path.suffix.lower() in KIND.suffixes and looks_like_results(path.name, head_of(path))

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture, or no results file.
        """
        return load_shared(root, report, options, KIND, _read_results)

    def entry_lines(self, path: Path) -> list[int]:
        """1-based line of each prediction."""
        try:
            return read_json(path).lines("")
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
        """The bytes of a results file; see :meth:`converters.formats.base.SharedCodec.render_file`.

        A new file counts pictures and classes from 1 in the order given, as the list of pictures that
        :meth:`save` writes beside it. There are no entries of pictures that could be ``removed``.

        Raises:
            FormatError: A box has no confidence, or is of a picture or class that the instances file beside
                it does not name.
        """
        for image in images:
            for box in image.boxes:
                checked_label(box, class_names)
                if box.confidence is None:
                    raise FormatError(
                        f"a {box.label} box of {image.name} has no confidence: results are predictions.",
                        path=path,
                        code="no-confidence",
                        hint="Ground truth is written with --to coco.",
                    )
        if base is None:
            return _new_results(images, class_names)
        return _edited(JsonDocument(base, path), path, images)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the files that name the classes name these.

        Raises:
            FormatError: A file there is broken, or has them in another order, which these results go by.
            WriteError: A file cannot be written.
        """
        for name in label_files(scan(root), coco.KIND):
            path = root / name
            document = JsonDocument(read_small_file(path, MAX_SHARED_BYTES), path)
            _, _, entries = lists_of(document, annotated=False)
            here = tuple(dict.fromkeys(c.name for c in categories_of(entries)[0].in_order()))
            if here == class_names:
                continue
            if here != class_names[: len(here)]:
                raise FormatError(
                    "names other classes, or in another order, than these results are to have.",
                    path=path,
                    code="names-differ",
                )
            write_if_changed(path, with_class_names(document, class_names, annotated=False))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/``, ``annotations/results.json`` and ``image_info.json``, the list of its pictures.

        In the set's own folder only the results are written, each file where it is.

        Raises:
            FormatError: A box cannot be written, or has no confidence.
            WriteError: A file cannot be written.
        """
        save_shared(self, KIND, dataset, root, report, self._render_new)

    def _render_new(
        self,
        path: Path,
        images: Sequence[AnnotatedImage],
        class_names: tuple[str, ...],
        base: bytes | None,
    ) -> bytes:
        """A results file of a new set; its list of pictures is written as well."""
        data = self.render_file(path, images, class_names, None)
        references = {image.key: reference_from(path, image.path) for image in images}
        make_folder(path.parent)
        info = path.with_name(path.name.replace("results", "image_info"))
        write_if_changed(info, new_file(images, class_names, references, annotated=False))
        return data


def _read_results(file: SharedFile) -> None:
    """Read a results file.

    Raises:
        FormatError: It is no such file, or nothing says what its ids mean.
    """
    document = read_json(file.path)
    entries = document.value
    if not isinstance(entries, list):
        raise FormatError(
            f"is {worded(entries)}, not a list of predictions.",
            line=1,
            code="not-coco",
            hint="Ground truth is read with --from coco." if isinstance(entries, dict) else "",
        )
    given = _Given(file, _companion(file.path, file.reader.index.root, entries))
    used: set[Any] = set()
    for index, entry in enumerate(entries):
        spot = document.spot("", index)
        try:
            checked_object(entry)
            image_id = checked_id(entry.get("image_id"), "image_id")
            if image_id not in given.images:
                raise unknown_id("image", image_id, given.images)
        except FormatError as error:
            file.refuse(error, spot)
            continue
        labels = given.images[image_id]
        if labels is None:
            continue
        try:
            category = category_of(entry, given.categories)
            if entry.get("score") is None:
                raise FormatError("has no score.", code="bad-confidence")
            score = score_of(entry["score"])
        except FormatError as error:
            labels.refuse(error, spot)
            continue
        if category is None:
            labels.rejected = True
            continue
        used.add(category.id)
        if "bbox" not in entry and outline_kind(entry.get("segmentation")) is not None:
            xyxy = within(spot.at(".segmentation"), outline_bounds, entry["segmentation"], labels)
            file.outlines.taken("mask", file.path)
        elif "bbox" not in entry and "keypoints" in entry:
            file.outlines.skipped("key points", file.path)
            continue
        else:
            xyxy = within(spot.at(".bbox"), box_edges, entry.get("bbox"), labels)
        if xyxy is not None:
            labels.add(xyxy, category.name, spot.at(".bbox"), confidence=score, origin=index)
    used |= given.used
    file.class_names += dict.fromkeys(c.name for c in given.categories.classes(used))


class _Given:
    """The pictures and classes that results refer to.

    Attributes:
        images: Pictures by id; None for those that cannot be used.
        categories: The classes.
        used: Ids of categories that the ground truth has boxes of.
    """

    def __init__(self, results: SharedFile, path: Path) -> None:
        root = results.reader.index.root
        source = SharedFile(path, path.relative_to(root).as_posix(), results.reader)
        truth = CocoFile(source, annotated=False)
        try:
            truth.read()
        except FormatError as error:
            error.path = path
            raise
        source.finish()
        self.categories: Categories = truth.categories
        self.used = truth.used
        self.images: dict[Any, PictureLabels | None] = {}
        for id, labels in truth.images.items():
            self.images[id] = labels
            if labels is not None:
                labels.path = results.path
                results.pictures[labels.key] = labels


def _companion(path: Path, root: Path, entries: Sequence[Any]) -> Path:
    """The file that names the pictures and classes of a results file.

    Of several the one that has all its pictures counts; then the one in the same folder, with the most of its
    name, and with the fewest other pictures.

    Raises:
        FormatError: There is none.
    """
    names = [name for name in _instances_in(root) if root / name != path]
    if not names:
        raise FormatError(
            "has ids of pictures and classes only, and no file beside it says what they mean.",
            path=path,
            code="no-instances",
            hint="Put the instances (or image_info) file there with which the predictions were made.",
        )
    if len(names) == 1:
        return root / names[0]
    wanted = {entry["image_id"] for entry in entries if _is_plain(entry) and _is_key(entry.get("image_id"))}
    own = path.relative_to(root).as_posix() if path.is_relative_to(root) else path.name
    words = set(_WORDS.findall(stem_of(own).casefold()))
    ranked: list[tuple[int, bool, int, int, str]] = []
    for name in names:
        try:
            images, _, _ = lists_of(read_json(root / name), annotated=False)
        except FormatError:
            continue
        ids = {entry["id"] for entry in images if _is_plain(entry) and _is_key(entry.get("id"))}
        alike = len(words & set(_WORDS.findall(stem_of(name).casefold())))
        ranked.append((len(wanted - ids), folder_of(name) != folder_of(own), -alike, len(ids), name))
    return root / (min(ranked)[-1] if ranked else names[0])


def _instances_in(root: Path) -> list[str]:
    tree = scan(root)
    return [
        name
        for name in tree.with_suffix(".json")
        if coco.looks_like_instances(name, head_of(tree.root / name))
    ]


def _has_boxes(path: Path) -> bool:
    """Whether an instances file seems to have annotations (a list of pictures has none)."""
    key = b'"annotations"'
    if key in head_of(path):
        return True
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL_BYTES))
            return key in file.read(_TAIL_BYTES)
    except OSError:
        return False


def _entry_of(box: Box, image_id: Any, category_id: Any) -> dict[str, Any]:
    return {
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox_of(box.xyxy),
        "score": box.confidence,
    }


def _new_results(images: Sequence[AnnotatedImage], class_names: Sequence[str]) -> bytes:
    ids = {name: number for number, name in enumerate(class_names, 1)}
    mentioned = [image for image in images if is_mentioned(image)]
    lines = [
        json.dumps(_entry_of(box, number, ids[box.label]), ensure_ascii=False)
        for number, image in enumerate(mentioned, 1)
        for box in image.boxes
    ]
    return ("[\n" + ",\n".join(lines) + "\n]\n" if lines else "[]\n").encode()


def _edited(document: JsonDocument, path: Path, images: Sequence[AnnotatedImage]) -> bytes:
    """A results file with other boxes for some pictures."""
    if not isinstance(document.value, list):
        raise FormatError(f"is {worded(document.value)}, not a list of predictions.", code="not-coco")
    source = document.source
    elements, end = source.elements(source.root())
    root = path.parent if _instances_in(path.parent) else path.parent.parent
    given = read_json(_companion(path, root, document.value))
    pictures, _, entries = lists_of(given, annotated=False)
    categories = categories_of(entries)[0]
    ids: dict[str, Any] = {}
    for category in categories.in_order():
        ids.setdefault(category.name, category.id)
    owned: dict[Any, list[int]] = {}
    for index, element in enumerate(elements):
        if _is_plain(element.value) and _is_key(element.value.get("image_id")):
            owned.setdefault(element.value["image_id"], []).append(index)
    edits: list[Edit] = []
    removed: set[int] = set()
    fresh: list[str] = []
    for image in images:
        if image.origin is None:
            if image.boxes:
                raise FormatError(
                    f"the picture {image.key} is not in {given.path.name}.", path=path, code="unknown-image"
                )
            continue
        image_id = pictures[image.origin]["id"]
        own = owned.get(image_id, [])
        kept: set[int] = set()
        for box in image.boxes:
            new = _entry_of(box, image_id, _class_id(box, ids, given.path))
            old = _read_entry(elements[box.origin].value, categories) if box.origin in own else None
            if old is None or box.origin is None or box.origin in kept:
                fresh.append(json.dumps(new, ensure_ascii=False))
                continue
            kept.add(box.origin)
            if old != box:
                element = elements[box.origin]
                text = json.dumps({**element.value, **new}, ensure_ascii=False)
                edits.append((element.start, element.end, text))
        readable = (index for index in own if _read_entry(elements[index].value, categories) is not None)
        removed.update(index for index in readable if index not in kept)
    array = source.value(source.root())
    place = elements[0].start if elements else end
    return source.with_edits(
        [*edits, *array_edits(source, array, elements, removed, fresh, style_of(source, place))]
    )


def _read_entry(entry: Any, categories: Categories) -> Box | None:
    try:
        checked_object(entry)
        category = category_of(entry, categories)
        outlined = "bbox" not in entry and outline_kind(entry.get("segmentation")) is not None
        xyxy = outline_bounds(entry["segmentation"]) if outlined else box_edges(entry.get("bbox"))
        return Box(xyxy, category.name, score_of(entry.get("score"))) if category is not None else None
    except FormatError:
        return None


def _class_id(box: Box, ids: Mapping[str, Any], path: Path) -> Any:
    if box.label not in ids:
        raise FormatError(f"{box.label!r} is no category of {path.name}.", code="unknown-class")
    return ids[box.label]


def _is_plain(entry: Any) -> bool:
    return isinstance(entry, dict) and not isinstance(entry, DoubledDict)


def _is_key(value: Any) -> bool:
    return isinstance(value, int | float | str)
