"""The entries of COCO's files: what of the JSON becomes pictures, classes and boxes.

``bbox`` is left, top, width and height in pixels, with decimals, counted from 0 at the picture's top left
corner (cocodataset.org, "Data format": "box coordinates are measured from the top left image corner and are
0-indexed"; cocoapi's ``maskApi.c`` takes them as continuous): a box that covers a W × H picture is
0, 0, W, H.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from natsort import natsorted

from converters.errors import FormatError
from converters.formats.json_document import (
    DoubledDict,
    number_in,
    worded,
)
from converters.model import Xyxy

FLAGS = ("difficult", "truncated", "occluded")
"""Flags kept under ``attributes``, as CVAT and Datumaro do; a crowd is COCO's own ``iscrowd``."""

LISTS = ("images", "annotations", "categories")
_SET = frozenset({"1", "true", "yes"})
_CROWD, _NONE = frozenset({"crowd"}), frozenset[str]()
"""Shared by all boxes: a frozenset of one's own for each of a million takes 200 MB."""
_MAX_SIDE = 1 << 31


@dataclass(frozen=True, slots=True)
class Category:
    """One entry of ``categories``.

    Attributes:
        index: Its place there.
        id: As the file has it: a number, or a text.
        name: The class name.
        group: The ``supercategory``, or empty.
        stuff: Whether it is marked as no thing (``isthing`` 0, in panoptic files).
    """

    index: int
    id: int | float | str
    name: str
    group: str = ""
    stuff: bool = False


@dataclass(slots=True)
class Categories:
    """The classes of a file.

    Attributes:
        good: Those that can be used, by id. Ids are opaque: 1 and ``"1"`` are two.
        bad: Ids of entries that cannot, which is said.
    """

    good: dict[int | float | str, Category] = field(default_factory=dict)
    bad: set[int | float | str] = field(default_factory=set)

    def in_order(self) -> list[Category]:
        """By their ids: numbers first, then texts in natural order."""
        numbers = sorted((c for c in self.good.values() if not isinstance(c.id, str)), key=_number_of)
        texts = natsorted((c for c in self.good.values() if isinstance(c.id, str)), key=lambda c: str(c.id))
        return [*numbers, *texts]

    def classes(self, used: set[int | float | str]) -> list[Category]:
        """Those that are classes, in order.

        Roboflow adds an entry, named after the project, that is the ``supercategory`` of the classes: no box
        is of it, and as a class it would count as one that the network never finds.

        Args:
            used: Ids that boxes have.
        """
        groups = {c.group for c in self.good.values() if c.group and c.group != c.name}
        return [c for c in self.in_order() if c.id in used or c.name not in groups]


@dataclass(slots=True)
class Ids:
    """Entries by id, while a list is read."""

    seen: dict[int | float | str, int] = field(default_factory=dict)
    texts: int = 0

    def take(self, value: Any, index: int, name: str = "id") -> int | float | str:
        """Check an id and note it.

        Raises:
            FormatError: It is missing, of a wrong kind, or was there before.
        """
        id = checked_id(value, name)
        if id in self.seen:
            raise FormatError(
                f"{name} {value!r:.60} is that of entry {self.seen[id]}, too.", code="duplicate-id"
            )
        self.seen[id] = index
        self.texts += isinstance(id, str)
        return id


class HasLists(Protocol):
    """A file, read as a whole or list by list."""

    @property
    def value(self) -> Any:
        """What it says."""

    def key_line(self, key: str) -> int | None:
        """1-based line of the value under a key of the root."""


def lists_of(document: HasLists, *, annotated: bool = True) -> tuple[list[Any], list[Any], list[Any]]:
    """The lists of pictures, of boxes and of classes.

    Args:
        document: The file.
        annotated: Whether it must have boxes; the list of pictures of a test set has none.

    Raises:
        FormatError: One is missing or no list, or is there twice.
    """
    top = document.value
    if not isinstance(top, dict):
        hint = "COCO results have no pictures of their own: --from coco-results" if _is_results(top) else ""
        raise FormatError(
            f"is {worded(top)}, not an object with images, annotations and categories.",
            line=1,
            code="not-coco",
            hint=hint,
        )
    if isinstance(top, DoubledDict):
        raise FormatError(f"has the key {top.doubled!r:.60} twice.", line=1, code="repeated-key")
    for name in LISTS:
        value = top.get(name)
        if isinstance(value, list):
            continue
        if name in top:
            line = document.key_line(name)
            raise FormatError(f"{name} is {worded(value)}, not a list.", line=line, code=f"no-{name}")
        if name not in top and (name == "annotations" and not annotated):
            continue
        if name not in top and name == "categories" and not top.get("annotations"):
            continue
        hint = ""
        if name == "annotations":
            hint = "The list of pictures of a test set (image_info) has none; there is nothing to learn from."
        raise FormatError(f'has no "{name}".', line=1, code=f"no-{name}", hint=hint)
    return top["images"], top.get("annotations", []), top.get("categories", [])


def categories_of(entries: Sequence[Any]) -> tuple[Categories, list[tuple[int, FormatError]]]:
    """The classes of a file, and what is wrong with entries that cannot be used, by their index."""
    result = Categories()
    problems: list[tuple[int, FormatError]] = []
    for index, entry in enumerate(entries):
        id: int | float | str | None = None
        try:
            id = checked_id(id_of(entry)) if isinstance(entry, dict) else None
            checked_object(entry)
            name = _name_of(entry)
            known = result.good.get(id) if id is not None else None
            if known is not None:
                raise FormatError(
                    f"id {id!r:.60} is that of category {known.name!r:.60}, too.", code="duplicate-id"
                )
        except FormatError as error:
            if id is not None:
                result.good.pop(id, None)
                result.bad.add(id)
            problems.append((index, error))
            continue
        if id is not None and id not in result.bad:
            group = entry.get("supercategory")
            result.good[id] = Category(
                index, id, name, group if isinstance(group, str) else "", entry.get("isthing") in (0, False)
            )
    return result, problems


def category_of(entry: dict[str, Any], categories: Categories) -> Category | None:
    """The class of an annotation; None for one whose category cannot be used, which was said.

    Raises:
        FormatError: There is no such category.
    """
    id = checked_id(entry.get("category_id"), "category_id")
    if id in categories.bad:
        return None
    if id not in categories.good:
        raise unknown_id("category", id, categories.good)
    return categories.good[id]


def box_edges(bbox: Any) -> Xyxy:
    """Edges of a ``bbox``.

    Raises:
        FormatError: It is no list of four finite numbers, or a side is negative (of which nobody can tell
            whether its other end or its sign is wrong).
    """
    if bbox is None:
        raise FormatError("is missing or null, and there is no outline either.", code="no-bbox")
    if not isinstance(bbox, list):
        raise FormatError(f"is {worded(bbox)}, not a list of four numbers.", code="bad-bbox")
    if len(bbox) != 4:
        raise FormatError(f"expected 4 numbers, got {len(bbox)}.", code="bad-bbox")
    x, y, width, height = (
        number_in(value, what) for value, what in zip(bbox, ("x", "y", "width", "height"), strict=True)
    )
    for side, what in ((width, "width"), (height, "height")):
        if side < 0:
            raise FormatError(f"{what} {side:g} is not above 0.", code="box-empty")
    return x, y, x + width, y + height


def score_of(value: Any) -> float:
    """A confidence.

    Raises:
        FormatError: It is no number from 0 to 1.
    """
    score = number_in(value, "score")
    if not 0 <= score <= 1:
        raise FormatError(f"score {score:g} is not between 0 and 1.", code="bad-confidence")
    return score


def flags_of(entry: dict[str, Any]) -> frozenset[str]:
    """The flags of an annotation."""
    crowd = _is_set(entry.get("iscrowd"))
    attributes = entry.get("attributes")
    if not isinstance(attributes, dict):
        return _CROWD if crowd else _NONE
    flags = {flag for flag in FLAGS if _is_set(attributes.get(flag))}
    return frozenset({*flags, "crowd"}) if crowd else frozenset(flags) or _NONE


def checked_object(entry: Any) -> None:
    """Refuse what is no object, or says something twice.

    Raises:
        FormatError: It is so.
    """
    if not isinstance(entry, dict):
        raise FormatError(f"is {worded(entry)}, not an object.", code="bad-entry")
    if isinstance(entry, DoubledDict):
        raise FormatError(f"has the key {entry.doubled!r:.60} twice.", code="repeated-key")


def checked_id(value: Any, name: str = "id") -> int | float | str:
    """An id: any number or text.

    Raises:
        FormatError: It is missing or something else.
    """
    if value is None:
        raise FormatError(f"has no {name}.", code="no-id")
    if isinstance(value, str):
        return value
    number_in(value, name)
    result: int | float = value
    return result


def _name_of(entry: dict[str, Any]) -> str:
    name = entry.get("name")
    if name is None:
        raise FormatError("has no name.", code="no-name")
    if not isinstance(name, str):
        raise FormatError(f"name is {worded(name)}, not a text.", code="bad-label")
    if not name.strip():
        raise FormatError("name is empty.", code="no-name")
    if len(name.splitlines()) != 1 or not name.replace(" ", "").isprintable():
        raise FormatError(f"name {name[:40]!r} has a control character or a line break.", code="bad-label")
    return name


def reference_of(entry: dict[str, Any]) -> str:
    """What an entry of ``images`` calls its picture.

    Raises:
        FormatError: It names none.
    """
    for key in ("file_name", "coco_url"):
        value = entry.get(key)
        if value is None:
            continue
        if not isinstance(value, str):
            raise FormatError(f"{key} is {worded(value)}, not a text.", code="no-picture-name")
        return value
    raise FormatError("has no file_name.", code="no-picture-name")


def size_of(entry: dict[str, Any]) -> tuple[int, int] | None:
    """The (width, height) that an entry of ``images`` gives; None where it gives none.

    Raises:
        FormatError: It is no size.
    """
    sides: list[int] = []
    for name in ("width", "height"):
        if entry.get(name) is None:
            return None
        value = number_in(entry[name], name)
        if value != int(value) or not 0 <= value < _MAX_SIDE:
            raise FormatError(f"{name} is {worded(entry[name])}, not a size in pixels.", code="bad-size")
        sides.append(int(value))
    return sides[0], sides[1]


def _is_set(value: Any) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in _SET
    return isinstance(value, bool | int | float) and bool(value)


def unknown_id(what: str, id: int | float | str, known: Any) -> FormatError:
    """The error of an id that no entry has."""
    names = {"image": "images", "category": "categories"}
    hint = ""
    other: int | str | None = None
    if isinstance(id, str):
        other = int(id) if id.isascii() and id.isdigit() and len(id) < 19 else None
    else:
        other = str(id)
    if other is not None and other in known:
        hint = f"There is {other!r:.60}: a number and a text are two ids."
    return FormatError(f"{what}_id {id!r:.60} is not in {names[what]}.", code=f"unknown-{what}", hint=hint)


def id_of(entry: Any) -> Any:
    """What an entry calls itself, whatever that is."""
    return entry.get("id") if isinstance(entry, dict) else None


def _number_of(category: Category) -> float:
    return float(category.id)


def _is_results(top: Any) -> bool:
    return isinstance(top, list) and any(isinstance(entry, dict) and "score" in entry for entry in top[:5])
