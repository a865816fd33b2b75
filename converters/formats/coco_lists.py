"""Reading a COCO file entry by entry: instances, key points, panoptic segments.

Nothing of an entry stays in memory but its box. Classes are needed before boxes, and COCO's own files have
them last: they are read from the end of the file first. Where pictures come after boxes, the file is gone
through twice.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converters.errors import FormatError
from converters.formats.coco_masks import is_rectangle, outline_bounds, outline_kind
from converters.formats.coco_reading import (
    LISTS,
    Categories,
    Category,
    Ids,
    box_edges,
    categories_of,
    category_of,
    checked_id,
    checked_object,
    flags_of,
    id_of,
    lists_of,
    reference_of,
    score_of,
    size_of,
    unknown_id,
)
from converters.formats.coco_tasks import TASKS, task_in_name
from converters.formats.json_document import MAX_SHARED_BYTES, JsonSpot, object_of, read_json, worded
from converters.formats.json_stream import JsonLists
from converters.formats.shared import PictureLabels, SharedFile
from converters.model import Xyxy
from converters.reading import opened_small_file

_Id = int | float | str
_TAIL_BYTES = 4 * 1024 * 1024
_CROWD_VALUES = (0, 1, None, "0", "1", "True", "False", "None", "0.0", "1.0")
_PLACES = ("bbox", "segmentation", "keypoints", "segments_info")


def read_instances(file: SharedFile) -> None:
    """Read a file of boxes.

    Raises:
        FormatError: It is no such file, or has no boxes because it is for another task (captions, say).
    """
    reading = CocoFile(file)
    reading.read()
    classes = reading.categories.classes(reading.used)
    names = {category.name for category in classes}
    for category in reading.categories.good.values():
        if category.name not in names:
            file.warn(
                "category-group",
                f"{category.name!r} has no box and only groups other categories; it is not taken as a class.",
                reading.category_spot(category.index, category.id),
            )
    file.class_names += dict.fromkeys(category.name for category in classes)


@dataclass(slots=True)
class CocoFile:
    """A COCO file while it is read.

    Attributes:
        file: Takes what it says.
        annotated: Whether its boxes are read; a file without any will do, if not.
        categories: Its classes, once it was read.
        images: Its pictures by id, likewise; None for those that cannot be used, which is reported.
        used: Ids of the categories that annotations have.
    """

    file: SharedFile
    annotated: bool = True
    categories: Categories = field(default_factory=Categories)
    images: dict[_Id, PictureLabels | None] = field(default_factory=dict)
    used: set[_Id] = field(default_factory=set)
    _image_ids: Ids = field(default_factory=Ids)
    _ids: Ids = field(default_factory=Ids)
    _category_lines: list[int] = field(default_factory=list)
    _census: _Census = field(default_factory=lambda: _Census())

    def read(self) -> None:
        """Read it.

        Raises:
            FormatError: It is no COCO file, or one without boxes although it should have some.
        """
        path = self.file.path
        lists = JsonLists(path)
        early = _categories_at_end(path)
        known, _ = categories_of(early or [])
        entries: list[Any] = []
        later = False
        for key, index, line, entry in lists.entries(LISTS):
            if key == "images":
                self._take_image(entry, index, line)
            elif key == "categories":
                entries.append(entry)
                self._category_lines.append(line)
            if key != "annotations":
                continue
            self._census.add(entry)
            if later or "images" not in lists.done or (early is None and "categories" not in lists.done):
                later = True
            else:
                if index == 0 and "categories" in lists.done:
                    known, _ = categories_of(entries)
                self._take_annotation(entry, index, line, known)
        if self.annotated:
            self._census.check(path)
        document = lists if lists.value is not None else read_json(path)
        lists_of(document, annotated=self.annotated)
        self.categories, problems = categories_of(entries)
        if later:
            for _, index, line, entry in lists.entries(("annotations",)):
                self._take_annotation(entry, index, line, self.categories)
        self._census.report_to(self.file)
        for index, error in problems:
            self.file.refuse_part(error, self.category_spot(index, id_of(entries[index])))
        by_name: dict[str, Category] = {}
        for category in self.categories.in_order():
            first = by_name.setdefault(category.name, category)
            if first is not category:
                self.file.warn(
                    "duplicate-category",
                    f"has the name {category.name!r:.60} of id {first.id!r:.60} too; they are one class.",
                    self.category_spot(category.index, category.id),
                    hint="If they are two classes, give one of them another name.",
                )
        _note_text_ids(sum(isinstance(id, str) for id in self.categories.good), "categories", self.file)
        _note_text_ids(self._image_ids.texts, "images", self.file)

    def category_spot(self, index: int, id: Any) -> JsonSpot:
        """Where an entry of ``categories`` stands."""
        return JsonSpot(None, "categories", index, id, at_line=self._category_lines[index])

    def _take_image(self, entry: Any, index: int, line: int) -> None:
        spot = JsonSpot(None, "images", index, id_of(entry), at_line=line)
        id: _Id | None = None
        try:
            if isinstance(entry, dict):
                id = checked_id(id_of(entry))
            checked_object(entry)
            self._image_ids.take(id, index)
            reference = reference_of(entry)
            size = size_of(entry)
        except FormatError as error:
            _refuse_image(error, entry, index, spot, self.file)
            if id is not None:
                first = self.images.get(id)
                if first is not None:
                    first.rejected = first.unusable = True
                self.images[id] = None
            return
        if id is not None:
            self.images[id] = self.file.picture(reference, spot, size=size, origin=index)

    def _take_annotation(self, entry: Any, index: int, line: int, categories: Categories) -> None:
        if not self.annotated:
            if isinstance(entry, dict) and isinstance(entry.get("category_id"), int | float | str):
                self.used.add(entry["category_id"])
            return
        spot = JsonSpot(None, "annotations", index, id_of(entry), at_line=line)
        try:
            if not isinstance(entry, dict):
                checked_object(entry)
            image_id = checked_id(entry.get("image_id"), "image_id")
            if image_id not in self.images:
                raise unknown_id("image", image_id, self.images)
        except FormatError as error:
            self.file.refuse(error, spot)
            return
        labels = self.images[image_id]
        if labels is None:
            return
        try:
            checked_object(entry)
            if isinstance(entry.get("segments_info"), list):
                self._take_segments(entry["segments_info"], labels, spot, categories)
                return
            if "id" in entry:
                self._ids.take(entry["id"], index)
            else:
                self.file.count("no-id", "annotation", "without an id", spot)
            category = category_of(entry, categories)
            if category is not None:
                self.used.add(category.id)
            read_box(entry, index, category, labels, spot, self.file)
        except FormatError as error:
            labels.refuse(error, spot)

    def _take_segments(
        self, segments: Sequence[Any], labels: PictureLabels, spot: JsonSpot, categories: Categories
    ) -> None:
        """The segments of a picture (panoptic files). Their boxes have no entry of their own to be edited."""
        for index, segment in enumerate(segments):
            here = spot.at(f".segments_info[{index}]")
            try:
                checked_object(segment)
                category = category_of(segment, categories)
                if category is None:
                    labels.rejected = True
                    continue
                self.used.add(category.id)
                self._census.stuff += category.stuff
                xyxy = within(here.at(".bbox"), box_edges, segment.get("bbox"), labels)
            except FormatError as error:
                labels.refuse(error, here)
                continue
            if xyxy is None:
                continue
            self.file.outlines.taken("segment", self.file.path)
            flags = flags_of(segment)
            if flags:
                _count_crowd(self.file, here)
            labels.add(xyxy, category.name, here.at(".bbox"), flags=flags)


@dataclass(slots=True)
class _Census:
    """What the annotations of a file are, to tell files of other tasks from broken ones.

    Attributes:
        total: All that are objects.
        placed: Those that say where something is.
        captions: Those that are a caption.
        stuff: Segments of classes that are no things.
    """

    total: int = 0
    placed: int = 0
    captions: int = 0
    stuff: int = 0

    def add(self, entry: Any) -> None:
        if not isinstance(entry, dict):
            return
        self.total += 1
        if any(key in entry for key in _PLACES):
            self.placed += 1
        elif "caption" in entry:
            self.captions += 1

    def check(self, path: Path) -> None:
        """Refuse a file that has no boxes because it is for another task.

        Raises:
            FormatError: It is so.
        """
        task = task_in_name(path.name)
        if self.total and not self.placed:
            if self.captions == self.total:
                raise _without_boxes("captions")
            if task == "labels" or self.total > 1:
                raise _without_boxes("labels")
        if not self.total and task in ("image_info", "captions", "labels"):
            raise _without_boxes(task)

    def report_to(self, file: SharedFile) -> None:
        if self.stuff:
            number = f"{self.stuff:,} {'segment is' if self.stuff == 1 else 'segments are'}"
            file.warn(
                "stuff",
                f"{number} of a category that is stuff (isthing 0), such as sky: no object.",
                hint="Leave such classes out: convert-cli --drop sky,grass",
            )


def read_box(
    entry: dict[str, Any],
    index: int,
    category: Category | None,
    labels: PictureLabels,
    spot: JsonSpot,
    file: SharedFile,
) -> None:
    """Hand over the box of an annotation.

    Raises:
        FormatError: It cannot be read.
    """
    if category is None:
        labels.rejected = True
        return
    segmentation, bbox = entry.get("segmentation"), entry.get("bbox")
    kind = outline_kind(segmentation)
    if kind is not None and (bbox is None or bbox == []):
        xyxy = within(spot.at(".segmentation"), outline_bounds, segmentation, labels)
    elif "bbox" not in entry and ("keypoints" in entry or "caption" in entry):
        file.outlines.skipped("key points" if "keypoints" in entry else "caption", file.path)
        return
    else:
        xyxy = within(spot.at(".bbox"), box_edges, bbox, labels)
    if xyxy is None:
        return
    if kind is not None and not is_rectangle(segmentation, xyxy):
        file.outlines.taken(kind, file.path)
    confidence = None
    if entry.get("score") is not None:
        confidence = score_of(entry["score"])
    flags = flags_of(entry)
    crowd = entry.get("iscrowd")
    if isinstance(crowd, list | dict) or crowd not in _CROWD_VALUES:
        labels.warn("bad-flag", f"is {worded(crowd)}; taken as not set.", spot.at(".iscrowd"))
    if "crowd" in flags:
        _count_crowd(file, spot)
    labels.add(xyxy, category.name, spot.at(".bbox"), confidence=confidence, flags=flags, origin=index)


def within(spot: JsonSpot, read: Callable[[Any], Xyxy], value: Any, labels: PictureLabels) -> Xyxy | None:
    """Read a part of an entry, so that complaints name that part; None where it was refused."""
    try:
        return read(value)
    except FormatError as error:
        labels.refuse(error, spot)
        return None


def _count_crowd(file: SharedFile, spot: JsonSpot) -> None:
    what = "of a crowd (iscrowd), which is a region to be ignored and no object"
    file.count("crowd", "box", what, spot, plural="boxes")


def _without_boxes(task: str) -> FormatError:
    return FormatError(
        f"{TASKS[task]}: there are no boxes in it.",
        line=1,
        code="no-boxes",
        hint="Boxes are in COCO's files named instances_….json.",
    )


def _refuse_image(error: FormatError, entry: Any, index: int, spot: JsonSpot, file: SharedFile) -> None:
    """Report an entry of ``images``; its picture is known to be in a label file, if it can be told."""
    labels = None
    if (
        isinstance(entry, dict)
        and isinstance(entry.get("file_name"), str)
        and error.code != "no-picture-name"
    ):
        labels = file.picture(entry["file_name"], spot, sized=False, origin=index)
    if labels is None:
        file.refuse_part(error, spot)
        return
    labels.refuse(error, spot)
    labels.unusable = True


def _note_text_ids(texts: int, array: str, file: SharedFile) -> None:
    if texts:
        file.warn(
            "text-ids",
            f"{texts:,} of the ids of {array} {'is a text' if texts == 1 else 'are texts'}, "
            "which many programs refuse; they are kept as they are.",
        )


def _categories_at_end(path: Path) -> list[Any] | None:
    """The list of categories, where it is near the end of the file; None where it is not, or in doubt.

    What begins with the key and is an object's rest up to the end of the file is a member of the root.
    """
    try:
        with opened_small_file(path, MAX_SHARED_BYTES) as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
        start = tail.rfind(b'"categories"')
        if start < 0:
            return None
        rest = json.loads(b"{" + tail[start:], object_pairs_hook=object_of)
    except (FormatError, ValueError, RecursionError):
        return None  # reading the file says what is wrong with it
    found = rest.get("categories") if isinstance(rest, dict) else None
    return found if isinstance(found, list) else None
