"""Writing JSON for Label Studio: new files that it imports as tasks, and edits of one that was read."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from converters.errors import FormatError
from converters.formats import label_studio_document as studio
from converters.formats.json_document import JsonDocument
from converters.formats.json_text import Edit, Style, Value, array_edits, indent_of, style_of
from converters.formats.label_studio_document import FLAGS, Region, Task
from converters.formats.label_studio_names import candidates, local_reference
from converters.formats.loading import edges_problem
from converters.model import AnnotatedImage, Box

CONTROL, FLAG_CONTROL, OBJECT = "label", "flags", "image"
"""Names of the controls and of the picture in the labelling interface (label_config.xml)."""

_LINE = Style("", "")
_INDENTED = Style()
_NO_BOX = frozenset({"choices", "text"})


def new_file(images: Iterable[tuple[str, AnnotatedImage]], class_names: Sequence[str]) -> bytes:
    """A new file.

    Args:
        images: Each picture that is mentioned, with its name relative to the folder that Label Studio serves.
        class_names: The classes.

    Raises:
        FormatError: A label is no class, or a box has no area.
    """
    texts = []
    for number, (name, image) in enumerate(images, 1):
        task = new_task(number, name, image, class_names)
        # A line for each region: what is edited is easy to see.
        results = [_LINE.dumps(result) for result in task["annotations"][0].pop("result")]
        head = _INDENTED.dumps(task, "  ").removesuffix("\n      }\n    ]\n  }")
        listed = "[\n          " + ",\n          ".join(results) + "\n        ]" if results else "[]"
        texts.append(f'{head},\n        "result": {listed}\n      }}\n    ]\n  }}')
    body = "\n  " + ",\n  ".join(texts) + "\n" if texts else ""
    return f"[{body}]\n".encode("utf-8", "surrogatepass")


def new_task(number: int, name: str, image: AnnotatedImage, class_names: Sequence[str]) -> dict[str, Any]:
    """A task with one annotation."""
    results: list[dict[str, Any]] = []
    for place, box in enumerate(image.boxes):
        results += new_results(box, image.size, class_names, f"{number}/{place}")
    annotation = {"id": number, "was_cancelled": False, "ground_truth": False, "result": results}
    return {"id": number, "data": {"image": local_reference(name)}, "annotations": [annotation]}


def new_results(
    box: Box,
    size: tuple[int, int],
    class_names: Sequence[str],
    seed: str,
    names: tuple[str, str] | None = None,
) -> list[dict[str, Any]]:
    """A region, and its flags where it has some.

    Args:
        box: What it says.
        size: The picture's (width, height).
        class_names: The classes.
        seed: Makes its id, the same for the same seed.
        names: Names of the control and of the picture; None: those of our interface.
    """
    if box.label not in class_names:
        raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")
    area = {**studio.percents(box.xyxy, size), "rotation": 0}
    common: dict[str, Any] = {
        "id": hashlib.sha256(seed.encode()).hexdigest()[:10],
        "type": "rectanglelabels",
        "from_name": names[0] if names else CONTROL,
        "to_name": names[1] if names else OBJECT,
        "original_width": size[0],
        "original_height": size[1],
        "image_rotation": 0,
    }
    results = [{**common, "value": {**area, "rectanglelabels": [box.label]}}]
    flags = [flag for flag in FLAGS if flag in box.flags]
    if flags:
        results.append(
            {**common, "type": "choices", "from_name": FLAG_CONTROL, "value": {**area, "choices": flags}}
        )
    return results


def edited_file(
    document: JsonDocument,
    images: Iterable[tuple[str, AnnotatedImage]],
    class_names: Sequence[str],
    *,
    keep_unread: bool,
    removed: frozenset[int] = frozenset(),
) -> bytes:
    """A file that was read, with other boxes; what was not edited stays as it is.

    Args:
        document: The file.
        images: As in :func:`new_file`. Those with an origin stand for the task they were read from.
        class_names: The classes.
        keep_unread: Keep tasks and regions that reading refused, and what the file calls its pictures. Else
            it becomes the file of another set, which has only these pictures.
        removed: Tasks of pictures that go.

    Raises:
        FormatError: As :func:`new_file`.
    """
    source = document.source
    entries, end = source.elements(source.root())
    tasks = {task.index: task for task in studio.tasks_of(document.value) if isinstance(task, Task)}
    open_tasks = _unlabelled(tasks)
    edits: list[Edit] = []
    fresh: list[tuple[str, AnnotatedImage]] = []
    taken: set[int] = set()
    style = _style(document, entries)
    for name, image in images:
        index = image.origin
        if index is None:
            found = open_tasks.get(image.path.name, [])
            index = found[0] if len(found) == 1 else None
        if index is None or index not in tasks or index in taken:
            fresh.append((name, image))
            continue
        taken.add(index)
        new_name = None if keep_unread else name
        edits += _TaskEdits(
            document, entries[index], tasks[index], image, class_names, style, new_name
        ).edits()
    gone = set(removed if keep_unread else range(len(entries))) - taken
    ids = [task.value.get("id") for task in tasks.values()]
    first = max([number for number in ids if isinstance(number, int)], default=0) + 1
    texts = []
    indent = indent_of(source, entries[-1].start) if entries else style.unit
    for number, (name, image) in enumerate(fresh, first):
        texts.append(style.dumps(_like(tasks, new_task(number, name, image, class_names), image), indent))
    array = Value(document.value, source.root(), end)
    edits += array_edits(source, array, entries, gone, texts, style)
    return source.with_edits(edits)


@dataclass(slots=True)
class _TaskEdits:
    """What to change in a task so that it says other boxes.

    Attributes:
        document: The file.
        entry: The task and its place.
        task: What it says.
        image: What it shall say.
        class_names: The classes.
        style: How the file is laid out.
        new_name: What the picture is called from now on, in the file of another set; else None.
        read: Box and kind of the regions that can be read, by number.
    """

    document: JsonDocument
    entry: Value
    task: Task
    image: AnnotatedImage
    class_names: Sequence[str]
    style: Style
    new_name: str | None
    read: dict[int, tuple[Box, str]] = field(default_factory=dict)

    def edits(self) -> list[Edit]:
        """The edits; none where nothing was edited."""
        regions = {region.number: region for region in self.task.regions}
        self._read_boxes()
        edits: list[Edit] = []
        fresh: list[Box] = []
        flags: list[tuple[Region, Box]] = []
        taken: set[int] = set()
        for box in self.image.boxes:
            if box.label not in self.class_names:
                raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")
            if box.origin is None or box.origin not in self.read or box.origin in taken:
                fresh.append(box)
                continue
            taken.add(box.origin)
            region, (old, kind) = regions[box.origin], self.read[box.origin]
            edits += self._region(region, old, kind, box)
            if box.flags != old.flags and not region.minimal:
                flags.append((region, box))
        removed = {number for number in regions if number not in taken and self._goes(regions[number])}
        gone = {regions[number].id for number in removed} - {regions[number].id for number in taken} - {None}
        removed |= {n for n, region in regions.items() if region.id in gone and region.kind in _NO_BOX}
        edits += self._lists(removed, fresh, flags)
        if self.new_name is not None:
            edits += self._renamed()
        return edits + (self._sizes(removed) if edits else [])

    def _read_boxes(self) -> None:
        for region in self.task.regions:
            if not region.minimal and region.kind not in studio.WITH_BOX:
                continue
            try:
                found = studio.box_of(region, self.image.size, self.task.regions)
            except FormatError:
                continue
            if found is not None:
                self.read[region.number] = found

    def _region(self, region: Region, old: Box, kind: str, new: Box) -> list[Edit]:
        if new.label == old.label and new.xyxy == old.xyxy:
            return []
        value = self._at(region.way if region.minimal else (*region.way, "value"))
        members, _ = self.document.source.members(value.start)
        key = region.labels_key or "rectanglelabels"
        edits: list[Edit] = []
        if new.xyxy != old.xyxy and region.kind != "rectangle":
            return self._become_rectangle(region, value, new)
        if new.label != old.label:
            first = self.document.source.elements(members[key].start)[0][0]
            edits.append((first.start, first.end, self.style.dumps(new.label)))
        if new.xyxy != old.xyxy:
            for name, number in studio.percents(new.xyxy, self.image.size).items():
                if members[name].value != number:
                    edits.append((members[name].start, members[name].end, repr(number)))
            if kind:
                edits.append((members["rotation"].start, members["rotation"].end, "0"))
        return edits

    def _become_rectangle(self, region: Region, value: Value, box: Box) -> list[Edit]:
        """An outline becomes a rectangle; what else the region says stays."""
        area: dict[str, Any] = {**studio.percents(box.xyxy, self.image.size), "rotation": 0}
        if region.minimal:
            kept = {
                k: v for k, v in region.entry.items() if k not in ("points", "closed", "radiusX", "radiusY")
            }
            kept.pop(region.labels_key or "", None)
            text = {**kept, **area, "rectanglelabels": [box.label]}
            return [(value.start, value.end, self.style.dumps(text, self._indent(value)))]
        area["rectanglelabels"] = [box.label]
        kind = self._at((*region.way, "type"))
        return [
            (value.start, value.end, self.style.dumps(area, self._indent(value))),
            (kind.start, kind.end, '"rectanglelabels"'),
        ]

    def _lists(
        self, removed: set[int], fresh: Sequence[Box], flags: Sequence[tuple[Region, Box]]
    ) -> list[Edit]:
        """Regions that go and come, and changed flags, which are results of their own."""
        edits: list[Edit] = []
        results: list[dict[str, Any]] = []
        gone = set(removed)
        for region, box in flags:
            edits += self._flags(region, box, gone, results)
        names = self._names()
        for place, box in enumerate(fresh):
            seed = f"{self.task.value.get('id', self.task.index)}/{self.image.key}/{box.xyxy}/{place}"
            results += new_results(box, self.image.size, self.class_names, seed, names)
        if not gone and not results:
            return edits
        if self.task.result_way is None:
            return [*edits, self._new_annotation(results)]
        if self.task.result_way == ():
            return edits + self._minimal_lists(gone, fresh)
        return edits + self._list_edits(self.task.result_way, gone, results)

    def _list_edits(self, way: studio.Path, gone: set[int], results: Sequence[Any]) -> list[Edit]:
        source = self.document.source
        array = self._at(way)
        elements, _ = source.elements(array.start)
        lost = [region.way for region in self.task.regions if region.number in gone]
        places = {int(place[-1]) for place in lost if place[:-1] == way}
        indent = indent_of(source, elements[-1].start) if elements else self._indent(array) + self.style.unit
        last = source.text[elements[-1].start : elements[-1].end] if elements else "\n"
        style = self.style if "\n" in last else replace(self.style, newline="", unit="")
        texts = [style.dumps(result, indent) for result in results]
        return array_edits(source, array, elements, places, texts, self.style)

    def _minimal_lists(self, gone: set[int], fresh: Sequence[Box]) -> list[Edit]:
        """The same in JSON_MIN, where each control has a list of its own."""
        regions = self.task.regions
        keys = list(dict.fromkeys(str(region.way[0]) for region in regions if region.number in self.read))
        values = []
        for box in fresh:
            (result, *_) = new_results(box, self.image.size, self.class_names, "")
            size = {"original_width": self.image.size[0], "original_height": self.image.size[1]}
            values.append({**result["value"], **size})
        edits: list[Edit] = []
        for key in dict.fromkeys(str(region.way[0]) for region in regions if region.number in gone):
            edits += self._list_edits((key,), gone, values if [key] == keys[:1] else ())
            values = [] if [key] == keys[:1] else values
        if values and keys:
            edits += self._list_edits((keys[0],), set(), values)
        elif values:
            edits.append(self._member(CONTROL, values))
        return edits

    def _flags(self, region: Region, box: Box, gone: set[int], results: list[dict[str, Any]]) -> list[Edit]:
        choices = next(
            (r for r in self.task.regions if r.id and r.id == region.id and r.kind == "choices"), None
        )
        flags = [flag for flag in FLAGS if flag in box.flags]
        if choices is None:
            if flags:
                common = {key: value for key, value in region.entry.items() if key != "value"}
                common |= {"type": "choices", "from_name": FLAG_CONTROL}
                area = {**studio.percents(box.xyxy, self.image.size), "rotation": 0}
                results.append({**common, "value": {**area, "choices": flags}})
            return []
        listed = choices.value.get("choices")
        others = [c for c in listed or () if not (isinstance(c, str) and c.casefold() in FLAGS)]
        if not others and not flags:
            gone.add(choices.number)
            return []
        old = self._at((*choices.way, "value", "choices"))
        return [(old.start, old.end, self.style.dumps([*others, *flags], self._indent(old)))]

    def _new_annotation(self, results: Sequence[Any]) -> Edit:
        """The first annotation of a task that nobody has labelled."""
        annotation = {"result": list(results), "was_cancelled": False, "ground_truth": False}
        key = next((key for key in ("annotations", "completions") if key in self.task.value), None)
        if key is None or not isinstance(self.task.value[key], list):
            return self._member("annotations", [annotation])
        array = self._at((key,))
        elements, _ = self.document.source.elements(array.start)
        indent = self._indent(array) + self.style.unit
        text = self.style.dumps(annotation, indent)
        (edit,) = array_edits(self.document.source, array, elements, set(), [text], self.style)
        return edit

    def _member(self, key: str, value: Any) -> Edit:
        """A new member at the beginning of the task."""
        inner = self._indent(self.entry) + self.style.unit
        blanks = self.style.newline + inner if self.style.newline else ""
        text = f'{blanks}"{key}": {self.style.dumps(value, inner)}'
        place = self.entry.start + 1
        return place, place, text + ("," if self.task.value else "")

    def _renamed(self) -> list[Edit]:
        """What another set calls the picture."""
        way = next((way for way in _image_ways(self.task) if way), None)
        if way is None or self.new_name is None:
            return []
        old, new = self._at(way), local_reference(self.new_name)
        return [] if old.value == new else [(old.start, old.end, self.style.dumps(new))]

    def _sizes(self, removed: set[int]) -> list[Edit]:
        """The picture's size, where the regions gave that of another one."""
        stated, size = self.task.size, self.image.size
        if stated is None or stated in (size, size[::-1]):
            return []
        edits: list[Edit] = []
        for region in self.task.regions:
            for key, side in zip(("original_width", "original_height"), size, strict=True):
                if region.number not in removed and key in region.entry and region.entry[key] != side:
                    old = self._at((*region.way, key))
                    edits.append((old.start, old.end, str(side)))
        return edits

    def _goes(self, region: Region) -> bool:
        """Whether a region that no box stands for goes: reading gave the person this box, who deleted it."""
        if region.kind not in studio.WITH_BOX:
            return False
        if self.new_name is not None:
            return True
        if region.number not in self.read:
            return False
        box = self.read[region.number][0]
        problem = edges_problem(box.xyxy, self.image.size)
        return box.label in self.class_names and (problem is None or not problem.fatal)

    def _names(self) -> tuple[str, str] | None:
        """Names of the control and of the picture, as another rectangle of the task has them."""
        for region in self.task.regions:
            names = (region.entry.get("from_name"), region.entry.get("to_name"))
            if region.entry.get("type") == "rectanglelabels" and all(isinstance(n, str) for n in names):
                return str(names[0]), str(names[1])
        return None

    def _at(self, way: studio.Path) -> Value:
        """A value in the task, with its place."""
        source, here = self.document.source, self.entry
        for step in way:
            if isinstance(step, int):
                here = source.elements(here.start)[0][step]
            else:
                here = source.members(here.start)[0][step]
        return here

    def _indent(self, value: Value) -> str:
        return indent_of(self.document.source, value.start)


def _unlabelled(tasks: dict[int, Task]) -> dict[str, list[int]]:
    """Tasks that nobody has labelled, by the names that their pictures may have."""
    found: dict[str, list[int]] = {}
    for index, task in tasks.items():
        if task.result_way is None and isinstance(task.image, str):
            try:
                names = {name.rpartition("/")[2] for name in candidates(task.image)}
            except FormatError:
                continue
            for name in names:
                found.setdefault(name, []).append(index)
    return found


def _like(tasks: dict[int, Task], task: dict[str, Any], image: AnnotatedImage) -> dict[str, Any]:
    """A new task in the form of the others: JSON_MIN has no annotations."""
    if not tasks or any(other.result_way != () for other in tasks.values()):
        return task
    size = {"original_width": image.size[0], "original_height": image.size[1]}
    results = task["annotations"][0]["result"]
    values = [{**result["value"], **size} for result in results if result["type"] == "rectanglelabels"]
    return {"id": task["id"], "image": task["data"]["image"], CONTROL: values}


def _image_ways(task: Task) -> Iterable[studio.Path]:
    data = task.value.get("data")
    holder, front = (data, ("data",)) if isinstance(data, dict) else (task.value, ())
    for key, value in holder.items():
        if value == task.image and isinstance(value, str):
            yield (*front, key)


def _style(document: JsonDocument, entries: Sequence[Value]) -> Style:
    source = document.source
    root = source.root()
    if not entries:
        return Style()
    style = style_of(source, entries[0].start, root)
    if style.newline:
        return style
    inner = source.text.find('"', entries[0].start)
    return style_of(source, inner, entries[0].start) if inner > 0 else style
