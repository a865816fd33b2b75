"""A Pascal VOC file as bytes with known places (see :mod:`converters.formats.xml_source`)."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from converters.errors import FormatError
from converters.formats.base import VocEdges
from converters.formats.xml_source import Edit, Element, XmlSource, XmlWalker, read_source
from converters.model import Xyxy

FLAGS = ("truncated", "occluded", "difficult")
"""Elements of an object that are flags of the model, in the order in which Kaggle's files have them."""

EDGES = ("xmin", "ymin", "xmax", "ymax")

VERIFIED = "yes"
"""labelImg's value of ``verified``; it takes every other one for no."""

_VERIFIED = re.compile(rb"""[ \t\r\n]+verified[ \t\r\n]*=[ \t\r\n]*("[^"]*"|'[^']*')""")
_BOXES = ("object", "bndbox")


def edges_from_file(edges: Xyxy, convention: VocEdges) -> Xyxy:
    """What the four numbers of a ``<bndbox>`` mean. This is the one place that knows.

    ``one-based``: the numbers name pixels, counted from 1, and the box covers both: so the VOC development
    kit has it (Everingham, Winn: The PASCAL VOC2007 Challenge Development Kit, section 3.3: "the top-left
    pixel in the image has coordinates (1,1)"; its ``VOCevaldet.m`` adds 1 to every extent). A box around a
    picture of W × H is 1, 1, W, H there, and 0, 0, W, H here.

    ``as-is``: the numbers are edges, counted from 0, as labelImg and most exporters write what a person
    drew. The files in circulation do not say which of the two they are (the Kaggle set has x from 1 to W + 1
    and y from 1 to H, which fits neither), so nothing is shifted unless a person says so.
    """
    if convention == "as-is":
        return edges
    return edges[0] - 1, edges[1] - 1, edges[2], edges[3]


def edges_to_file(edges: Xyxy, convention: VocEdges) -> Xyxy:
    """The numbers of a ``<bndbox>`` for a box; see :func:`edges_from_file`."""
    if convention == "as-is":
        return edges
    return edges[0] + 1, edges[1] + 1, edges[2], edges[3]


@dataclass(slots=True)
class ObjectElement:
    """One ``<object>``.

    Attributes:
        element: The object itself.
        fields: Its children by name, those of ``bndbox`` as ``bndbox/xmin``; the first of each name.
        repeated: Names that stand in it twice, with the line.
    """

    element: Element
    fields: dict[str, Element] = field(default_factory=dict)
    repeated: list[tuple[str, int]] = field(default_factory=list)


@dataclass(slots=True)
class VocDocument(XmlSource):
    """A parsed file.

    Attributes:
        root: The ``<annotation>``.
        fields: Other things of interest: ``filename``, ``size``, ``size/width``, ``size/height``.
        repeated: Names out of these that stand there twice, with the line.
        objects: In the order of the file; a box's origin is an index here.
        last_child: The root's last child element.
        verified: Text of the root's attribute of that name, or None: labelImg writes ``yes`` where a person
            has looked at the picture.
    """

    root: Element
    fields: dict[str, Element]
    repeated: list[tuple[str, int]]
    objects: list[ObjectElement]
    last_child: Element | None
    verified: str | None = None

    @property
    def reviewed(self) -> bool:
        """Whether a person has looked at the picture."""
        return (self.verified or "").strip().casefold() == VERIFIED

    def set_reviewed(self, reviewed: bool) -> list[Edit]:
        """Say whether a person has looked at the picture: only that attribute changes."""
        if reviewed == self.reviewed:
            return []
        tag = self.buffer[self.root.start : self.root.inner]
        found = _VERIFIED.search(tag)
        start = self.root.start
        if found is None:
            place = start + len(b"<annotation")
            return [(place, place, f' verified="{VERIFIED}"'.encode())]
        if reviewed:
            return [(start + found.start(1) + 1, start + found.end(1) - 1, VERIFIED.encode())]
        return [(start + found.start(), start + found.end(), b"")]

    def insert_objects(self, objects: list[list[tuple[int, str]]]) -> list[Edit]:
        """Insert new objects behind the last one (or the root's last child), indented as the file is.

        Args:
            objects: For each the lines of it as (depth, XML), depth 0 being that of ``<object>``.
        """
        outer, step = self._indentation()
        text = "".join(
            outer + (step * depth if "\n" in outer else "") + line
            for lines in objects
            for depth, line in lines
        ).encode("utf-8")
        if self.objects:
            place = self.objects[-1].element.end
        elif self.last_child is not None:
            place = self.last_child.end
        elif self.root.inner == self.root.end:  # <annotation/>
            tag = self.buffer[self.root.start : self.root.end - 2].rstrip()
            newline = "\n" if "\n" in outer else ""
            closing = f"{newline}</annotation>".encode()
            return [(self.root.start, self.root.end, tag + b">" + text + closing)]
        else:
            place = self.root.inner
            if self.root.inner == self.root.inner_end:
                text += b"\n"
        return [(place, place, text)]

    def _indentation(self) -> tuple[str, str]:
        """Line end with the indentation of an object, and what each level adds."""
        if self.objects:
            last = self.objects[-1]
            outer = self.indent_of(last.element.start)
            inside = [self.indent_of(child.start) for child in last.fields.values()]
            first = inside[0] if inside else outer + "    "
            return outer, first.removeprefix(outer) if first.startswith(outer) else ""
        if self.last_child is not None:
            outer = self.indent_of(self.last_child.start)
            step = outer.lstrip("\r\n")
            return outer, step
        return "\n    ", "    "


def parse(data: bytes) -> VocDocument:
    """Parse a VOC file.

    Raises:
        FormatError: It is no well-formed XML, is none of VOC's, has a DOCTYPE (entities can blow up to
            gigabytes), is nested too deeply, or its text is not in the encoding it claims.
    """
    if not data.strip():
        raise FormatError(
            "the label file is empty.",
            line=1,
            code="empty-file",
            hint="A picture without boxes has an <annotation> without <object> in it.",
        )
    source = read_source(data)
    reader = _Reader(source.buffer)
    reader.run()
    if reader.root is None:
        raise FormatError("holds no <annotation>.", line=1, code="not-voc")
    return VocDocument(
        source.prefix,
        source.encoding,
        source.buffer,
        source.lossless,
        reader.root,
        reader.fields,
        reader.repeated,
        reader.objects,
        reader.last_child,
        reader.verified,
    )


_PARENTS = {"": "", "size": "size/", "object": "", "object/bndbox": "bndbox/"}
"""Elements whose children matter, by their place below the root: what the children's names begin with."""


class _Reader(XmlWalker):
    """Walks through the XML once and remembers the elements that matter.

    A hundred thousand files have six million elements: what is done for each is kept short.
    """

    def __init__(self, buffer: bytes) -> None:
        super().__init__(buffer)
        self.root: Element | None = None
        self.fields: dict[str, Element] = {}
        self.repeated: list[tuple[str, int]] = []
        self.objects: list[ObjectElement] = []
        self.last_child: Element | None = None
        self.verified: str | None = None
        # Of each open element: itself if it matters, its texts, and its place where its children matter.
        self._open: list[tuple[Element | None, list[str], str | None]] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._open:
            self._begin(name)
            self.verified = attributes.get("verified")
            return
        if name[-6:].lower() in _BOXES:
            self._refuse_misplaced(name)
        parent, _, place = self._open[-1]
        if parent is not None:
            parent.leaf = False
        if place is None:
            self._open.append((None, [], None))
            return
        element = self.element_here()
        below = f"{place}/{name}" if place else name
        self._open.append((element, [], below if below in _PARENTS else None))
        if not place:
            self.last_child = element
            if name == "object":
                self.objects.append(ObjectElement(element))
                return
        name = _PARENTS[place] + name
        if place.startswith("object"):
            last = self.objects[-1]
            if last.fields.setdefault(name, element) is not element:
                last.repeated.append((name, element.line))
        elif self.fields.setdefault(name, element) is not element:
            self.repeated.append((name, element.line))

    def characters(self, text: str) -> None:
        if self._open and self._open[-1][0] is not None:
            self._open[-1][1].append(text)

    def end(self, name: str) -> None:
        element, texts, _ = self._open.pop()
        if element is not None:
            element.text = "".join(texts).strip(" \t\r\n")
            self.close(element)

    def _refuse_misplaced(self, name: str) -> None:
        """Boxes where nobody looks for them (``<v:object>``, ``<objects><object>``) must not get lost."""
        depth = len(self.path)
        plain = name.rpartition(":")[2].lower()
        if plain == "object" and (depth != 2 or name != "object"):
            what = f"<{name[:40]}> in <{self.path[-2][:40]}>"
        elif plain == "bndbox" and depth == 2:
            what = f"<{name[:40]}> outside an <object>"
        else:
            return
        raise FormatError(
            f"has {what}, which nobody would read as a box.",
            line=self.parser.CurrentLineNumber,
            code="bad-element",
            hint="An <object> stands in the <annotation> itself, and is written like this.",
        )

    def _begin(self, name: str) -> None:
        """The root."""
        if name != "annotation":
            raise FormatError(
                f"its root element is <{name[:40]}>, not <annotation>: no Pascal VOC label file.",
                line=self.parser.CurrentLineNumber,
                code="not-voc",
            )
        self.root = self.element_here()
        self._open.append((self.root, [], ""))
