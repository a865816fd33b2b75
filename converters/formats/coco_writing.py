"""Writing COCO's instances: new files, and files of which a part was edited.

New files have one entry a line, ids from 1, and no dates: the same set gives the same bytes.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from converters.errors import FormatError
from converters.formats.coco_masks import outline_bounds, outline_kind
from converters.formats.coco_reading import (
    FLAGS,
    LISTS,
    Categories,
    Category,
    box_edges,
    categories_of,
    category_of,
    checked_object,
    flags_of,
    lists_of,
    score_of,
)
from converters.formats.json_document import JsonDocument
from converters.formats.json_text import Edit, Style, Value, array_edits, indent_of, style_of
from converters.formats.loading import edges_problem
from converters.model import AnnotatedImage, Box, Xyxy

DECIMALS = 6
"""Of edges in pixels, in new boxes."""

_INFO = {"description": "Written by mask-annotator"}
_Id = int | float | str


def rounded(value: float) -> int | float:
    """A coordinate as it is written: up to :data:`DECIMALS` decimals, none where it is whole."""
    result = round(value, DECIMALS)
    return int(result) if result == int(result) else result


def bbox_of(xyxy: Xyxy) -> list[int | float]:
    """Left, top, width, height. Edges are rounded first, so that left + width is the right edge again.

    Raises:
        FormatError: The box has no area.
    """
    x1, y1, x2, y2 = (round(edge, DECIMALS) for edge in xyxy)
    if not (x1 < x2 and y1 < y2):
        raise FormatError(f"box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) has no area.", code="box-empty")
    return [rounded(x1), rounded(y1), rounded(x2 - x1), rounded(y2 - y1)]


def checked_label(box: Box, class_names: Sequence[str]) -> None:
    """Refuse a box whose label is no class.

    Raises:
        FormatError: It is none.
    """
    if box.label not in class_names:
        raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")


def annotation_of(box: Box, id: int, image_id: _Id, category_id: _Id) -> dict[str, Any]:
    """A new entry of ``annotations``."""
    bbox = bbox_of(box.xyxy)
    entry: dict[str, Any] = {
        "id": id,
        "image_id": image_id,
        "category_id": category_id,
        "bbox": bbox,
        "area": rounded(bbox[2] * bbox[3]),
        "iscrowd": int("crowd" in box.flags),
        "segmentation": [],
    }
    if box.confidence is not None:
        entry["score"] = box.confidence
    attributes = {flag: True for flag in FLAGS if flag in box.flags}
    if attributes:
        entry["attributes"] = attributes
    return entry


def image_of(image: AnnotatedImage, id: int, reference: str) -> dict[str, Any]:
    """A new entry of ``images``.

    Raises:
        FormatError: The picture's name cannot be written as text.
    """
    try:
        reference.encode("utf-8")
    except UnicodeEncodeError as error:
        raise FormatError(
            f"the name of the picture {image.key!r} is not UTF-8 and cannot stand in a JSON file.",
            path=image.path,
            code="bad-name",
            hint="Rename the picture.",
        ) from error
    return {"id": id, "width": image.size[0], "height": image.size[1], "file_name": reference}


def is_mentioned(image: AnnotatedImage) -> bool:
    """Whether a label file names the picture: it was looked at, or has boxes."""
    return image.labelled or bool(image.boxes)


def new_file(
    images: Iterable[AnnotatedImage],
    class_names: Sequence[str],
    references: Mapping[str, str],
    *,
    annotated: bool = True,
) -> bytes:
    """A new file.

    Args:
        images: Pictures with their boxes; those not labelled are left out.
        class_names: All classes in their order.
        references: What the file calls each picture, by key.
        annotated: Whether the boxes are written; without, it is a list of pictures as COCO has for tests.

    Raises:
        FormatError: A box or name cannot be written.
    """
    ids = {name: number for number, name in enumerate(class_names, 1)}
    pictures: list[Any] = []
    annotations: list[Any] = []
    for image in images:
        if not is_mentioned(image):
            continue
        pictures.append(image_of(image, len(pictures) + 1, references[image.key]))
        for box in image.boxes if annotated else ():
            checked_label(box, class_names)
            annotations.append(annotation_of(box, len(annotations) + 1, len(pictures), ids[box.label]))
    categories = [{"id": id, "name": name, "supercategory": ""} for name, id in ids.items()]
    lists = [("licenses", []), ("categories", categories), ("images", pictures)]
    if annotated:
        lists.append(("annotations", annotations))
    parts = [f'"info": {_inline(_INFO)}']
    for key, entries in lists:
        lines = ",\n".join(_inline(entry) for entry in entries)
        parts.append(f'"{key}": [\n{lines}\n]' if entries else f'"{key}": []')
    return ("{\n" + ",\n".join(parts) + "\n}\n").encode("utf-8")


def with_class_names(
    document: JsonDocument, class_names: tuple[str, ...], *, annotated: bool = True
) -> bytes:
    """A file that names these classes; all its boxes keep theirs.

    Args:
        document: The file.
        class_names: All classes in their order.
        annotated: Whether it must have boxes.

    Raises:
        FormatError: It is no COCO file.
    """
    text = CocoText(document, annotated=annotated)
    edits, _, renumbered = text.category_edits(class_names, exact=False)
    edits += text.renumbering(renumbered)
    return document.source.with_edits(edits)


@dataclass(slots=True)
class CocoText:
    """A file that was read, as text to be edited.

    Attributes:
        document: The file.
        annotated: Whether it must have boxes.
    """

    document: JsonDocument
    annotated: bool = True
    _values: dict[str, Value] = field(init=False, default_factory=dict)
    _entries: dict[str, list[Value]] = field(init=False, default_factory=dict)
    _raw: dict[str, list[Any]] = field(init=False, default_factory=dict)
    _categories: Categories = field(init=False)

    def __post_init__(self) -> None:
        lists_of(self.document, annotated=self.annotated)
        source = self.document.source
        members, _ = source.members(source.root())
        for name in LISTS:
            if name in members:
                # Where it stands is enough: the entries have their values themselves.
                self._values[name] = Value(None, members[name].start, members[name].end)
                self._entries[name] = source.elements(members[name].start)[0]
            self._raw[name] = [element.value for element in self._entries.setdefault(name, [])]
        self._categories, _ = categories_of(self._raw["categories"])

    def rendered(
        self,
        images: Sequence[AnnotatedImage],
        class_names: tuple[str, ...],
        references: Mapping[str, str],
        *,
        keep_unread: bool,
        removed: frozenset[int] = frozenset(),
    ) -> bytes:
        """The file with these boxes.

        Args:
            images: All pictures of the set that are in the file, or come into it.
            class_names: All classes in their order.
            references: What the file calls a picture from now on, by key, where that changes or is new.
            keep_unread: Keep entries that reading refuses, and pictures that are not in ``images``.
            removed: Entries of pictures that go, with their annotations.

        Raises:
            FormatError: A box or name cannot be written.
        """
        for image in images:
            for box in image.boxes:
                checked_label(box, class_names)
        edits, category_ids, renumbered = self.category_edits(class_names, exact=not keep_unread)
        plan = _Plan(self, category_ids, renumbered, self._next_id("images"), self._next_id("annotations"))
        by_image: dict[_Id, list[int]] = {}
        for index, entry in enumerate(self._raw["annotations"]):
            if isinstance(entry, dict) and _is_id(entry.get("image_id")):
                by_image.setdefault(entry["image_id"], []).append(index)
        kept: set[int] = set()
        for image in images:
            number = image.origin
            if number is None or number >= len(self._entries["images"]):
                plan.add_picture(image, references)
                continue
            kept.add(number)
            element = self._entries["images"][number]
            if image.key in references:
                plan.rename(element, references[image.key])
            own = by_image.get(element.value.get("id"), [])
            plan.edit_picture(image, element, own, class_names, keep_unread=keep_unread)
        for number in removed - kept:
            if number < len(self._raw["images"]):
                plan.removed_images.add(number)
                plan.removed_boxes.update(by_image.get(self._raw["images"][number].get("id"), []))
        if not keep_unread:
            left = {self._raw["images"][number].get("id") for number in kept}
            plan.removed_images.update(set(range(len(self._raw["images"]))) - kept)
            plan.removed_boxes.update(
                index
                for index, entry in enumerate(self._raw["annotations"])
                if not isinstance(entry, dict) or entry.get("image_id") not in left
            )
        return self.document.source.with_edits([*edits, *plan.edits()])

    def category_edits(
        self, class_names: tuple[str, ...], *, exact: bool
    ) -> tuple[list[Edit], dict[str, _Id], dict[_Id, _Id]]:
        """Let the file have these classes in this order.

        Ids stay what they are unless the order asks for others: then the same ids are dealt out anew.

        Returns:
            The edits, the id of each class, and the new id of each category whose id changes.
        """
        used: set[_Id] = {
            entry["category_id"]
            for entry in self._raw["annotations"]
            if isinstance(entry, dict) and _is_id(entry.get("category_id"))
        }
        here: dict[str, Category] = {}
        for category in self._categories.classes(used):
            here.setdefault(category.name, category)
        pool: list[_Id] = [category.id for name, category in here.items() if name in class_names]
        fresh = self._next_id("categories")
        pool += range(fresh, fresh + len(class_names) - len(pool))
        ids = dict(zip(class_names, pool, strict=True))
        renumbered = {here[n].id: id for n, id in ids.items() if n in here and here[n].id != id}
        edits: list[Edit] = []
        for name in class_names:
            if name in here and here[name].id in renumbered:
                element = self._entries["categories"][here[name].index]
                edits += self.member_edits(element, "id", ids[name])
        groups = {c.group for c in here.values() if c.name in class_names}
        removed = {
            category.index
            for category in self._categories.good.values()
            if exact and category.name not in class_names and category.name not in groups
        }
        new = [
            {"id": ids[name], "name": name, "supercategory": ""} for name in class_names if name not in here
        ]
        return edits + self.list_edits("categories", removed, new), ids, renumbered

    def renumbering(self, renumbered: Mapping[_Id, _Id], skip: Iterable[int] = ()) -> list[Edit]:
        """Let all annotations follow new ids of their categories (but those of ``skip``)."""
        if not renumbered:
            return []
        done = set(skip)
        edits: list[Edit] = []
        for index, element in enumerate(self._entries["annotations"]):
            entry = element.value
            if index in done or not isinstance(entry, dict) or not _is_id(entry.get("category_id")):
                continue
            if entry["category_id"] in renumbered:
                edits += self.member_edits(element, "category_id", renumbered[entry["category_id"]])
        return edits

    def box_at(self, index: int) -> Box | None:
        """The box of an annotation; None where reading refuses it."""
        entry = self._raw["annotations"][index]
        try:
            checked_object(entry)
            category = category_of(entry, self._categories)
            if category is None:
                return None
            bbox = entry.get("bbox")
            outlined = outline_kind(entry.get("segmentation")) is not None and bbox in (None, [])
            xyxy = outline_bounds(entry["segmentation"]) if outlined else box_edges(bbox)
            score = score_of(entry["score"]) if entry.get("score") is not None else None
        except FormatError:
            return None
        return Box(xyxy, category.name, score, flags_of(entry), index)

    def element(self, index: int) -> Value:
        """An annotation and where it stands."""
        return self._entries["annotations"][index]

    def member_edits(self, element: Value, key: str, value: Any) -> list[Edit]:
        """Let an entry say something under a key."""
        source = self.document.source
        members, end = source.members(element.start)
        spread = "\n" in source.text[element.start : element.end]
        if key in members:
            old = members[key]
            if old.value == value and type(old.value) is type(value):
                return []
            if "\n" not in source.text[old.start : old.end]:
                return [(old.start, old.end, _inline(value))]
            style = self._style(element)
            return [(old.start, old.end, style.dumps(value, indent_of(source, old.start)))]
        if not members:
            return [(element.start, end, _inline({key: value}))]
        last = list(members.values())[-1]
        name = f"{json.dumps(key)}: "
        if not spread:
            return [(last.end, last.end, f", {name}{_inline(value)}")]
        indent = indent_of(source, last.start)
        newline = self._style(element).newline or "\n"
        return [(last.end, last.end, f",{newline}{indent}{name}{_inline(value)}")]

    def list_edits(self, name: str, removed: set[int], new: Sequence[Any]) -> list[Edit]:
        """Take entries out of a list and append others, laid out as those before them."""
        source = self.document.source
        if name not in self._values:
            if not new:
                return []
            members, _ = source.members(source.root())
            place = list(members.values())[-1].end
            return [(place, place, f', "{name}": {_inline(list(new))}')]
        entries = self._entries[name]
        style = style_of(source, source.text.index('"', source.root() + 1), source.root())
        spread = bool(entries) and "\n" in source.text[entries[-1].start : entries[-1].end]
        texts = []
        for entry in new:
            if spread:
                last = entries[-1]
                texts.append(self._style(last).dumps(entry, indent_of(source, last.start)))
            else:
                texts.append(_inline(entry))
        return array_edits(source, self._values[name], entries, removed, texts, style)

    def _style(self, element: Value) -> Style:
        source = self.document.source
        members, _ = source.members(element.start)
        if not members:
            return Style()
        first = source.text.index('"', element.start)
        return style_of(source, first, element.start)

    def _next_id(self, name: str) -> int:
        """A whole number above all ids of a list."""
        ids = [entry.get("id") for entry in self._raw[name] if isinstance(entry, dict)]
        numbers = [id for id in ids if isinstance(id, int | float) and math.isfinite(id)]
        return int(max(numbers, default=0)) + 1


@dataclass(slots=True)
class _Plan:
    """What changes in a file, while pictures are gone through.

    Attributes:
        text: The file.
        category_ids: Id of each class.
        renumbered: New ids of categories that get one.
        next_image: Id of the next new picture.
        next_box: Id of the next new box.
    """

    text: CocoText
    category_ids: Mapping[str, _Id]
    renumbered: Mapping[_Id, _Id]
    next_image: int
    next_box: int
    made: list[Edit] = field(default_factory=list)
    new_images: list[Any] = field(default_factory=list)
    new_boxes: list[Any] = field(default_factory=list)
    removed_images: set[int] = field(default_factory=set)
    removed_boxes: set[int] = field(default_factory=set)
    settled: set[int] = field(default_factory=set)

    def add_picture(self, image: AnnotatedImage, references: Mapping[str, str]) -> None:
        """A picture that the file does not name yet."""
        if not is_mentioned(image):
            return
        self.new_images.append(image_of(image, self.next_image, references[image.key]))
        for box in image.boxes:
            self._add_box(box, self.next_image)
        self.next_image += 1

    def edit_picture(
        self,
        image: AnnotatedImage,
        element: Value,
        annotations: Sequence[int],
        class_names: Sequence[str],
        *,
        keep_unread: bool,
    ) -> None:
        """A picture that the file names, with the annotations that are its."""
        before = len(self.made), len(self.new_boxes), len(self.removed_boxes)
        own, taken = set(annotations), set()
        for box in image.boxes:
            origin = box.origin
            old = self.text.box_at(origin) if origin in own and origin not in taken else None
            if old is None or origin is None:
                self._add_box(box, element.value.get("id"))
                continue
            taken.add(origin)
            if box != old:
                self._edit_box(old, box)
        stated = tuple(element.value.get(side) for side in ("width", "height"))
        resized = None not in stated and stated not in (image.size, image.size[::-1], (0, 0))
        for index in annotations:
            if index in taken:
                continue
            if not keep_unread or _is_accepted(self.text.box_at(index), image, class_names, resized=resized):
                self.removed_boxes.add(index)
        if resized and before != (len(self.made), len(self.new_boxes), len(self.removed_boxes)):
            # Edges are the picture's own from now on, whatever size they were given for.
            for side, value in zip(("width", "height"), image.size, strict=True):
                self.made += self.text.member_edits(element, side, value)

    def rename(self, element: Value, reference: str) -> None:
        """Let the file call a picture something else."""
        if element.value.get("file_name") != reference:
            self.made += self.text.member_edits(element, "file_name", reference)

    def edits(self) -> list[Edit]:
        """All that changes, but for the categories themselves."""
        skip = self.removed_boxes | self.settled
        return [
            *self.made,
            *self.text.renumbering(self.renumbered, skip),
            *self.text.list_edits("images", self.removed_images, self.new_images),
            *self.text.list_edits("annotations", self.removed_boxes, self.new_boxes),
        ]

    def _add_box(self, box: Box, image_id: _Id) -> None:
        category = self.category_ids[box.label]
        self.new_boxes.append(annotation_of(box, self.next_box, image_id, category))
        self.next_box += 1

    def _edit_box(self, old: Box, new: Box) -> None:
        index = old.origin or 0
        element = self.text.element(index)
        if new.label != old.label:
            self.settled.add(index)
            self._set(element, "category_id", self.category_ids[new.label])
        if new.xyxy != old.xyxy:
            self._move(element, new)
        if new.confidence != old.confidence:
            self._set(element, "score", new.confidence)
        if ("crowd" in new.flags) != ("crowd" in old.flags):
            self._set(element, "iscrowd", int("crowd" in new.flags))
        changed = {flag: flag in new.flags for flag in FLAGS if (flag in new.flags) != (flag in old.flags)}
        if changed:
            attributes = element.value.get("attributes")
            kept = attributes if isinstance(attributes, dict) else {}
            self._set(element, "attributes", {**kept, **changed})

    def _move(self, element: Value, box: Box) -> None:
        """Another place: the outline and the area that went with the old one are wrong now."""
        x, y, width, height = bbox = bbox_of(box.xyxy)
        self._set(element, "bbox", bbox)
        if "area" in element.value:
            self._set(element, "area", rounded(width * height))
        if outline_kind(element.value.get("segmentation")) is not None:
            right, bottom = rounded(x + width), rounded(y + height)
            corners = [[x, y, right, y, right, bottom, x, bottom]]
            self._set(element, "segmentation", [] if "crowd" in box.flags else corners)

    def _set(self, element: Value, key: str, value: Any) -> None:
        self.made += self.text.member_edits(element, key, value)


def _is_accepted(
    box: Box | None, image: AnnotatedImage, class_names: Sequence[str], *, resized: bool
) -> bool:
    """Whether reading gave the person this box, so that its absence now means that it was deleted."""
    if box is None or box.label not in class_names:
        return False
    problem = edges_problem(box.xyxy, image.size, rounding=1e-6)
    return problem is None or not problem.fatal or (problem.outside and resized)


def _is_id(value: Any) -> bool:
    return isinstance(value, int | float | str) and not isinstance(value, bool)


def _inline(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
