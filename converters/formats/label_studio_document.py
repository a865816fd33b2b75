"""What a JSON export of Label Studio says: tasks, and the regions that a person drew.

Both exports are read. JSON: ``[{id, data: {image}, annotations: [{result: [region, …]}]}]``, in old versions
``completions``. Region: ``{id, type, from_name, original_width, original_height, image_rotation, value}``.
JSON_MIN: ``[{image, <name of the control>: [value, …]}]``. Fields as in Label Studio's documentation ("Label
Studio JSON format of annotated tasks", "Units of image annotations"): x, y, width and height are percent of
the picture's sides, a rotation is clockwise in degrees about the top left corner. This is the one place that
knows these coordinates.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from converters.errors import FormatError
from converters.formats.json_document import number_in, worded
from converters.model import Box, Xyxy

FLAGS = ("difficult", "truncated", "occluded", "crowd")
"""Flags of the model: choices of these names that belong to a region."""

PIXEL_DIGITS = 6
PERCENT_DIGITS = 10
"""Decimals of pixels and percents, such that reading what was written gives the same pixels."""

_IMAGE_KEYS = ("image", "img", "image_url", "picture", "photo", "url")
_NO_REGION = frozenset(
    {"choices", "textarea", "rating", "number", "datetime", "taxonomy", "relation", "pairwise", "ranker"}
)
WITH_BOX = frozenset({"rectangle", "polygon", "ellipse"})
"""Kinds of regions that have a box."""

_WITHOUT_BOX = (
    "brush",
    "bitmask",
    "keypoint",
    "vector",
    "videorectangle",
    "timeseries",
    "paragraph",
    "hypertext",
)
_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".webp", ".tif", ".tiff", ".gif", ".ppm")

Path = tuple[str | int, ...]
"""The way from a task to a value in it: ``("annotations", 0, "result", 3)``."""


@dataclass(slots=True)
class Region:
    """Something that a person drew or said.

    Attributes:
        number: Its number in the whole file; a box's origin is that number.
        way: Where in its task it stands.
        entry: The JSON object.
        minimal: Whether it is one of JSON_MIN, where ``entry`` is the value itself.
    """

    number: int
    way: Path
    entry: dict[str, Any]
    minimal: bool

    @property
    def value(self) -> dict[str, Any]:
        """Its coordinates and labels."""
        if self.minimal:
            return self.entry
        value = self.entry.get("value")
        return value if isinstance(value, dict) else {}

    @property
    def kind(self) -> str:
        """What it is: ``rectangle``, ``polygon``, ``ellipse``, or the name of something without a box."""
        kind = self.entry.get("type")
        named = kind.casefold() if isinstance(kind, str) else (self.labels_key or "").casefold()
        if named in _NO_REGION:
            return named
        found = next((name for name in _WITHOUT_BOX if named.startswith(name)), None)
        if found is not None:
            return found
        value = self.value
        if "rle" in value:
            return "brush"
        if "points" in value:
            return "polygon"
        if "radiusX" in value:
            return "ellipse"
        if "width" in value or named.startswith("rectangle"):
            return "rectangle"
        return named or "text"

    @property
    def labels_key(self) -> str | None:
        """The key of its list of labels (``rectanglelabels``, ``labels``, …), if it has one."""
        kind = self.entry.get("type")
        if not self.minimal and isinstance(kind, str) and kind in self.value:
            return kind if kind.casefold().endswith("labels") else None
        return next((key for key in self.value if key.casefold().endswith("labels")), None)

    @property
    def id(self) -> str | None:
        """What joins results that are about one region."""
        found = self.entry.get("id")
        return found if isinstance(found, str) else None


@dataclass(slots=True)
class Task:
    """One entry of the file.

    Attributes:
        index: Its number; an image's origin is that number.
        value: The JSON object.
        result_way: Where the list of regions stands that counts; None where nobody has labelled it. In
            JSON_MIN it is empty.
        regions: These regions.
        annotators: How many annotations there are that were not cancelled.
        cancelled: Whether all there are were cancelled.
        predictions: How many predictions of a model it has, which are no ground truth.
    """

    index: int
    value: dict[str, Any]
    result_way: Path | None = None
    regions: list[Region] = field(default_factory=list)
    annotators: int = 0
    cancelled: bool = False
    predictions: int = 0

    @property
    def image(self) -> Any:
        """What it calls its picture; None where it names none."""
        data = self.value.get("data", self.value)
        if not isinstance(data, dict):
            return None
        for key in _IMAGE_KEYS:
            if isinstance(data.get(key), str):
                return data[key]
        texts = [text for text in data.values() if isinstance(text, str)]
        return next((text for text in texts if _is_picture(text)), None)

    @property
    def size(self) -> tuple[int, int] | None:
        """The (width, height) of the picture that its first region states."""
        for region in self.regions:
            sides = tuple(region.entry.get(key) for key in ("original_width", "original_height"))
            if all(isinstance(side, int) and not isinstance(side, bool) and side > 0 for side in sides):
                return sides  # type: ignore[return-value]
        return None


def tasks_of(value: Any) -> Iterator[Task | FormatError]:
    """The tasks of a file in their order; an error in the place of an entry that is none.

    Raises:
        FormatError: The file holds no list.
    """
    if not isinstance(value, list):
        raise FormatError(f"holds {worded(value)}, not a list of tasks.", line=1, code="not-label-studio")
    number = 0
    for index, entry in enumerate(value):
        if not isinstance(entry, dict):
            yield FormatError(f"is {worded(entry)}, not a task.", code="bad-task")
            continue
        key = next((key for key in ("annotations", "completions") if isinstance(entry.get(key), list)), None)
        if key is None and "data" not in entry:
            task = _minimal_task(index, entry, number)
            number += len(task.regions)
        else:
            task = Task(index, entry)
            number = _choose(task, key, number)
        predictions = entry.get("predictions")
        task.predictions = len(predictions) if isinstance(predictions, list) else 0
        yield task


def box_of(region: Region, size: tuple[int, int], regions: list[Region]) -> tuple[Box, str] | None:
    """The box of a region, and what it is if that is no upright rectangle (else empty).

    Args:
        region: The region, of a kind that has a box.
        size: The (width, height) to which percents refer.
        regions: All regions of its task, which may say more of it.

    Returns:
        None where another result with the same id says the same with a class.

    Raises:
        FormatError: Its numbers or its class are not what they should be.
    """
    edges, kind = _edges(region, size)
    label = _label(region)
    if label is None:
        if any(
            other is not region and other.id == region.id and _label(other) for other in regions if region.id
        ):
            return None
        raise FormatError("has no class.", code="no-name", hint="Give it a label in Label Studio.")
    turned = region.entry.get("image_rotation") or 0
    if number_in(turned, "image_rotation") % 360:
        raise FormatError(
            f"was drawn on a picture that was turned by {turned} degrees in Label Studio.",
            code="image-rotated",
            hint="Turn the picture's file itself, or turn it back in Label Studio and draw it again.",
        )
    return Box(edges, label, None, flags_of(region, regions), region.number), kind


def class_count(region: Region) -> int:
    """How many classes a region has."""
    labels = region.value.get(region.labels_key or "")
    return len(labels) if isinstance(labels, list) else 0


def flags_of(region: Region, regions: list[Region]) -> frozenset[str]:
    """Flags of a region: choices with its id."""
    if region.id is None:
        return frozenset()
    chosen: set[str] = set()
    for other in regions:
        if other.id == region.id and other.kind == "choices":
            choices = other.value.get("choices")
            chosen |= {text.casefold() for text in choices or () if isinstance(text, str)}
    return frozenset(flag for flag in FLAGS if flag in chosen)


def percents(xyxy: Xyxy, size: tuple[int, int]) -> dict[str, float]:
    """x, y, width and height of a box in percent of the picture's sides."""
    x1, y1, x2, y2 = (round(float(edge), PIXEL_DIGITS) for edge in xyxy)
    if not (x1 < x2 and y1 < y2):
        raise FormatError(f"box ({x1:g}, {y1:g}, {x2:g}, {y2:g}) has no area.", code="box-empty")
    width, height = size
    return {
        "x": round(x1 / width * 100, PERCENT_DIGITS),
        "y": round(y1 / height * 100, PERCENT_DIGITS),
        "width": round((x2 - x1) / width * 100, PERCENT_DIGITS),
        "height": round((y2 - y1) / height * 100, PERCENT_DIGITS),
    }


def _minimal_task(index: int, entry: dict[str, Any], number: int) -> Task:
    task = Task(index, entry, (), annotators=1)
    for key, values in entry.items():
        if not isinstance(values, list):
            continue
        for place, value in enumerate(values):
            if isinstance(value, dict):
                task.regions.append(Region(number + len(task.regions), (key, place), value, True))
    return task


def _choose(task: Task, key: str | None, number: int) -> int:
    """Choose the annotation that counts: the last, of those marked as ground truth where there are some."""
    found: list[tuple[bool, Path, list[Region]]] = []
    annotations = task.value.get(key, []) if key is not None else []
    for index, annotation in enumerate(annotations):
        if not isinstance(annotation, dict):
            continue
        results = annotation.get("result")
        regions: list[Region] = []
        for place, result in enumerate(results if isinstance(results, list) else []):
            entry = result if isinstance(result, dict) else {}
            regions.append(Region(number, (str(key), index, "result", place), entry, False))
            number += 1
        if not annotation.get("was_cancelled") and isinstance(results, list):
            found.append((bool(annotation.get("ground_truth")), (str(key), index, "result"), regions))
    task.annotators = len(found)
    task.cancelled = bool(annotations) and not found
    chosen = [entry for entry in found if entry[0]] or found
    if chosen:
        _, task.result_way, task.regions = chosen[-1]
    return number


def _edges(region: Region, size: tuple[int, int]) -> tuple[Xyxy, str]:
    value, kind = region.value, region.kind
    width, height = size
    if kind == "polygon":
        return _around(_points(value), size), kind
    x = number_in(value.get("x"), "x") * width / 100
    y = number_in(value.get("y"), "y") * height / 100
    angle = math.radians(number_in(value.get("rotation") or 0, "rotation"))
    if kind == "ellipse":
        rx = number_in(value.get("radiusX"), "radiusX") * width / 100
        ry = number_in(value.get("radiusY"), "radiusY") * height / 100
        w = math.hypot(rx * math.cos(angle), ry * math.sin(angle))
        h = math.hypot(rx * math.sin(angle), ry * math.cos(angle))
        return _rounded((x - w, y - h, x + w, y + h)), kind
    w = number_in(value.get("width"), "width") * width / 100
    h = number_in(value.get("height"), "height") * height / 100
    if math.isclose(math.sin(angle), 0, abs_tol=1e-12) and math.cos(angle) > 0:
        return _rounded((x, y, x + w, y + h)), ""
    # The corners, turned about the first of them.
    cos, sin = math.cos(angle), math.sin(angle)
    xs = [x, x + w * cos, x + w * cos - h * sin, x - h * sin]
    ys = [y, y + w * sin, y + w * sin + h * cos, y + h * cos]
    return _rounded((min(xs), min(ys), max(xs), max(ys))), "rotated box"


def _points(value: dict[str, Any]) -> list[tuple[float, float]]:
    points = value.get("points")
    if not isinstance(points, list) or len(points) < 3:
        raise FormatError(f"points is {worded(points)}, not 3 points at least.", code="bad-points")
    found = []
    for point in points:
        if not isinstance(point, list) or len(point) != 2:
            raise FormatError(f"points holds {worded(point)}, not a pair of numbers.", code="bad-points")
        found.append((number_in(point[0], "x"), number_in(point[1], "y")))
    return found


def _around(points: list[tuple[float, float]], size: tuple[int, int]) -> Xyxy:
    x = [point[0] * size[0] / 100 for point in points]
    y = [point[1] * size[1] / 100 for point in points]
    return _rounded((min(x), min(y), max(x), max(y)))


def _rounded(edges: Xyxy) -> Xyxy:
    x1, y1, x2, y2 = (round(edge, PIXEL_DIGITS) for edge in edges)
    return x1, y1, x2, y2


def _label(region: Region) -> str | None:
    """The first class of a region; None where it has none.

    Raises:
        FormatError: It is no text, or has a line break.
    """
    labels = region.value.get(region.labels_key or "")
    if not isinstance(labels, list) or not labels:
        return None
    label = labels[0]
    if not isinstance(label, str):
        raise FormatError(f"its class is {worded(label)}, no text.", code="bad-label")
    text = label.strip(" \t\r\n")
    if not text.strip():
        return None
    if any(character < " " for character in text):
        raise FormatError("its class has a line break or a tab in it.", code="bad-label")
    return text


def _is_picture(text: str) -> bool:
    return text.partition("?")[0].casefold().endswith(_SUFFIXES) or "/local-files/" in text
