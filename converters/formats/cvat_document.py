"""A file of "CVAT for images 1.1" as bytes with known places, and what its shapes say.

The elements are those of CVAT's documentation ("XML annotation format", version 1.1): ``<image>`` with
``<box>``, ``<polygon>``, … and ``<tag>`` in it, each with ``<attribute name="…">``; the classes stand in
``<meta>…<labels><label><name>``. This is the one place that knows CVAT's coordinates: pixels with decimals
from the left and top edge of the picture, as the model has them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from converters.errors import FormatError
from converters.formats.xml_source import Element, XmlSource, XmlWalker, read_source
from converters.model import Xyxy
from converters.reading import parse_number

EDGES = ("xtl", "ytl", "xbr", "ybr")

FLAGS = ("difficult", "truncated", "occluded", "crowd")
"""Flags of the model. ``occluded`` is CVAT's own, the others are attributes of these names."""

WITHOUT_AREA = frozenset({"points", "polyline", "tag", "skeleton"})
"""Elements of an image that have no box."""

_YES = frozenset({"true", "1", "yes"})
_CUBOID_X = ("xtl1", "xbl1", "xtr1", "xbr1", "xtl2", "xbl2", "xtr2", "xbr2")


@dataclass(slots=True)
class ShapeElement:
    """Something drawn on a picture.

    Attributes:
        kind: Name of its element: ``box``, ``polygon``, …
        element: The element.
        given: Its XML attributes.
        extra: Its ``<attribute>`` elements, by name.
    """

    kind: str
    element: Element
    given: dict[str, str]
    extra: dict[str, Element] = field(default_factory=dict)


@dataclass(slots=True)
class ImageElement:
    """One ``<image>``.

    Attributes:
        element: The element.
        given: Its XML attributes.
        shapes: What is drawn on it, by its number in the whole file; a box's origin is that number.
    """

    element: Element
    given: dict[str, str]
    shapes: dict[int, ShapeElement] = field(default_factory=dict)


@dataclass(slots=True)
class LabelElement:
    """One ``<label>`` of the meta data.

    Attributes:
        element: The element.
        name: Its name.
        is_part: Whether it is a part of a skeleton, and so no class.
    """

    element: Element
    name: str = ""
    is_part: bool = False


@dataclass(slots=True)
class CvatDocument(XmlSource):
    """A parsed file.

    Attributes:
        root: The ``<annotations>``.
        meta: The ``<meta>``, if there is one.
        label_list: The ``<labels>``, if there are some.
        labels: The classes in their order.
        images: In the order of the file; an image's origin is an index here.
    """

    root: Element
    meta: Element | None
    label_list: Element | None
    labels: list[LabelElement]
    images: list[ImageElement]

    @property
    def class_names(self) -> list[str]:
        """Names of the classes, each once, in the order of the file."""
        return list(dict.fromkeys(label.name for label in self.labels if not label.is_part and label.name))


def parse(data: bytes) -> CvatDocument:
    """Parse a CVAT file.

    Raises:
        FormatError: It is no well-formed XML, has a DOCTYPE, is none of CVAT's for images, or its text is
            not in the encoding it claims.
    """
    if not data.strip():
        raise FormatError("the label file is empty.", line=1, code="empty-file")
    source = read_source(data)
    reader = _Reader(source.buffer)
    reader.run()
    if reader.root is None:
        raise FormatError("holds no <annotations>.", line=1, code="not-cvat")
    return CvatDocument(
        source.prefix,
        source.encoding,
        source.buffer,
        source.lossless,
        reader.root,
        reader.meta,
        reader.label_list,
        reader.labels,
        reader.images,
    )


def size_of(image: ImageElement) -> tuple[int, int] | None:
    """The (width, height) that an image states; None where it states none.

    Raises:
        FormatError: It is no size.
    """
    sides = []
    for name in ("width", "height"):
        text = image.given.get(name, "")
        if not text:
            return None
        value = parse_number(text.strip(), name)
        if value < 0 or value % 1:
            raise FormatError(f"{name} is {text[:40]}, not a size in pixels.", code="bad-size")
        sides.append(int(value))
    return sides[0], sides[1]


def label_of(shape: ShapeElement) -> str:
    """The class of a shape.

    Raises:
        FormatError: It has none.
    """
    label = shape.given.get("label", "").strip(" \t\r\n")
    if not label.strip():
        raise FormatError("label is missing or empty: it has no class.", code="no-name")
    if any(character < " " for character in label):
        raise FormatError("label has a line break or a tab in it.", code="bad-label")
    return label


def edges_of(shape: ShapeElement) -> tuple[Xyxy, str]:
    """The box of a shape that has an area, and what it is if that is no upright rectangle (else empty).

    Raises:
        FormatError: A number is missing or is none, or the element is unknown.
    """
    kind = shape.kind
    if kind == "box":
        edges = (
            _number(shape, "xtl"),
            _number(shape, "ytl"),
            _number(shape, "xbr"),
            _number(shape, "ybr"),
        )
        angle = _angle(shape)
        if angle % 180 == 0:
            return edges, ""
        return _turned_box(edges, angle), "rotated box"
    if kind == "polygon":
        return _around(_points(shape)), kind
    if kind == "ellipse":
        cx, cy, rx, ry = (_number(shape, name) for name in ("cx", "cy", "rx", "ry"))
        turn = math.radians(_angle(shape))
        # Half the sides of the box around an ellipse that is turned.
        w = math.hypot(rx * math.cos(turn), ry * math.sin(turn))
        h = math.hypot(rx * math.sin(turn), ry * math.cos(turn))
        return (cx - w, cy - h, cx + w, cy + h), kind
    if kind == "mask":
        left, top = _number(shape, "left"), _number(shape, "top")
        return (left, top, left + _number(shape, "width"), top + _number(shape, "height")), kind
    if kind == "cuboid":
        x = [_number(shape, name) for name in _CUBOID_X]
        y = [_number(shape, "y" + name[1:]) for name in _CUBOID_X]
        return (min(x), min(y), max(x), max(y)), kind
    raise FormatError(f"<{kind[:40]}> is nothing that CVAT draws.", code="bad-shape")


def flags_of(shape: ShapeElement) -> frozenset[str]:
    """The flags of a shape."""
    named = {name.casefold() for name, element in shape.extra.items() if element.text.casefold() in _YES}
    if shape.given.get("occluded", "0").strip() in _YES:
        named.add("occluded")
    return frozenset(flag for flag in FLAGS if flag in named)


def _number(shape: ShapeElement, name: str) -> float:
    text = shape.given.get(name)
    if text is None:
        raise FormatError(f"has no {name}.", code=f"no-{name}")
    return parse_number(text.strip(), name)


def _angle(shape: ShapeElement) -> float:
    text = shape.given.get("rotation", "").strip()
    return parse_number(text, "rotation") if text else 0.0


def _turned_box(edges: Xyxy, degrees: float) -> Xyxy:
    """The upright box around a box that is turned about its centre."""
    x1, y1, x2, y2 = edges
    cos, sin = abs(math.cos(math.radians(degrees))), abs(math.sin(math.radians(degrees)))
    w, h = (x2 - x1) / 2, (y2 - y1) / 2
    half_width, half_height = w * cos + h * sin, w * sin + h * cos
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    return cx - half_width, cy - half_height, cx + half_width, cy + half_height


def _points(shape: ShapeElement) -> list[tuple[float, float]]:
    """The points of an outline: ``x,y;x,y``."""
    points = []
    for text in shape.given.get("points", "").split(";"):
        x, comma, y = text.partition(",")
        if not comma:
            raise FormatError(f"points holds {text[:40]!r}, not x,y.", code="bad-points")
        points.append((parse_number(x.strip(), "x"), parse_number(y.strip(), "y")))
    if len(points) < 3:
        raise FormatError(f"has {len(points)} points, not 3 at least.", code="bad-points")
    return points


def _around(points: list[tuple[float, float]]) -> Xyxy:
    x = [point[0] for point in points]
    y = [point[1] for point in points]
    return min(x), min(y), max(x), max(y)


class _Reader(XmlWalker):
    """Walks through the XML once and remembers images, what is drawn on them, and the classes."""

    def __init__(self, buffer: bytes) -> None:
        super().__init__(buffer)
        self.root: Element | None = None
        self.meta: Element | None = None
        self.label_list: Element | None = None
        self.labels: list[LabelElement] = []
        self.images: list[ImageElement] = []
        self._shapes = 0
        self._open: list[Element | None] = []
        self._text: list[str] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        depth = len(self.path)
        self._text.clear()
        element: Element | None = None
        if depth == 1:
            element = self._begin(name)
        elif self.path[1] == "meta":
            element = self._meta(name, depth)
        elif self.path[1] == "image" and depth <= 4:
            element = self._image(name, attributes, depth)
        elif self.path[1] == "track":
            raise FormatError(
                "is an export for videos (<track>): its frames are no pictures.",
                line=self.parser.CurrentLineNumber,
                code="cvat-video",
                hint='Export it as "CVAT for images 1.1", with the pictures.',
            )
        self._open.append(element)

    def characters(self, text: str) -> None:
        self._text.append(text)

    def end(self, name: str) -> None:
        element = self._open.pop()
        if element is not None:
            element.text = "".join(self._text).strip(" \t\r\n")
            self.close(element)
            if self.path[-2:] == ["labels", "label"] and self.path[1] == "meta":
                if name == "name":
                    self.labels[-1].name = element.text
                elif name == "parent":
                    self.labels[-1].is_part = bool(element.text)
        self._text.clear()

    def _begin(self, name: str) -> Element:
        if name != "annotations":
            raise FormatError(
                f"its root element is <{name[:40]}>, not <annotations>: no CVAT file.",
                line=self.parser.CurrentLineNumber,
                code="not-cvat",
            )
        self.root = self.element_here()
        return self.root

    def _meta(self, name: str, depth: int) -> Element | None:
        if depth == 2:
            self.meta = self.element_here()
            return self.meta
        if name == "labels" and self.label_list is None:
            self.label_list = self.element_here()
            return self.label_list
        if name == "label" and self.path[-2] == "labels":
            self.labels.append(LabelElement(self.element_here()))
            return self.labels[-1].element
        if self.path[-3:-1] == ["labels", "label"] and name in ("name", "parent"):
            return self.element_here()
        return None

    def _image(self, name: str, attributes: dict[str, Any], depth: int) -> Element | None:
        if depth == 2:
            self.images.append(ImageElement(self.element_here(), attributes))
            return self.images[-1].element
        image = self.images[-1]
        if depth == 3:
            shape = ShapeElement(name, self.element_here(), attributes)
            image.shapes[self._shapes] = shape
            self._shapes += 1
            return shape.element
        if name != "attribute":
            return None
        element = self.element_here()
        shape = image.shapes[self._shapes - 1]
        shape.extra.setdefault(attributes.get("name", ""), element)
        return element
