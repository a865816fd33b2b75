"""Writing files of "CVAT for images 1.1": new ones, and edits of one that was read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from converters.errors import FormatError
from converters.formats import cvat_document as cvat
from converters.formats.cvat_document import CvatDocument, ImageElement, ShapeElement
from converters.formats.loading import edges_problem
from converters.formats.pictures import split_in_name
from converters.formats.xml_source import Edit, xml_text
from converters.formats.xml_text import escape, quoteattr
from converters.model import AnnotatedImage, Box, Split, Xyxy

_EXTRA_FLAGS = ("difficult", "truncated", "crowd")
"""Flags that are attributes of a label in CVAT."""

_SUBSETS = {Split.TRAIN: "Train", Split.VAL: "Validation", Split.TEST: "Test"}
_ATTRIBUTE = re.compile(rb"""([^\s=/>"']+)(\s*=\s*)("[^"]*"|'[^']*')""")
_COLOURS = ("#fa3253", "#33ddff", "#ffcc33", "#24b353", "#b83df5", "#fafa37", "#ff6a4d", "#34d1b7")


def new_file(images: Iterable[tuple[str, AnnotatedImage]], class_names: Sequence[str]) -> bytes:
    """A new file.

    Args:
        images: Each picture that is mentioned, with what the file shall call it.
        class_names: The classes.

    Raises:
        FormatError: A label is no class or cannot stand in XML, or a box has no area.
    """
    check_names(class_names)
    named = list(images)
    flagged = {flag for _, image in named for box in image.boxes for flag in box.flags}
    lines = ["<annotations>", "  <version>1.1</version>", "  <meta>", "    <task>"]
    lines += [f"      <size>{len(named)}</size>", "      <mode>annotation</mode>", "      <labels>"]
    for index, name in enumerate(class_names):
        lines += _label_lines(name, index, flagged)
    lines += ["      </labels>", "    </task>", "  </meta>"]
    for index, (name, image) in enumerate(named):
        lines += _image_lines(index, name, image, class_names)
    lines.append("</annotations>")
    return ('<?xml version="1.0" encoding="utf-8"?>\n' + "\n".join(lines) + "\n").encode("utf-8")


def edited_file(
    document: CvatDocument,
    base: bytes,
    images: Iterable[tuple[str, AnnotatedImage]],
    class_names: Sequence[str],
    *,
    keep_unread: bool,
    removed: frozenset[int] = frozenset(),
) -> bytes:
    """A file that was read, with other boxes; what was not edited stays as it is.

    Args:
        document: The file.
        base: Its bytes.
        images: As in :func:`new_file`. Those with an origin stand for the entry they were read from.
        class_names: The classes.
        keep_unread: Keep pictures and shapes that reading refused, and what the file calls its pictures.
            Else it becomes the file of another set, which has only these pictures.
        removed: Entries of pictures that go.

    Raises:
        FormatError: As :func:`new_file`, or the file's encoding cannot be written back.
    """
    check_names(class_names)
    edits: list[Edit] = []
    fresh: list[tuple[str, AnnotatedImage]] = []
    taken: set[int] = set()
    for name, image in images:
        if image.origin is None or image.origin >= len(document.images) or image.origin in taken:
            fresh.append((name, image))
            continue
        taken.add(image.origin)
        element = document.images[image.origin]
        edits += _ImageEdits(document, element, image, class_names, None if keep_unread else name).edits()
    for index, element in enumerate(document.images):
        if index not in taken and (index in removed or not keep_unread):
            edits.append(document.remove(element.element))
    edits += _label_edits(document, class_names)
    edits += _fresh_images(document, fresh, class_names)
    return document.with_edits(edits) if edits else base


def check_names(class_names: Sequence[str]) -> None:
    """Refuse class names that XML cannot hold.

    Raises:
        FormatError: There is such a name.
    """
    for name in class_names:
        if not name.strip() or name != name.strip(" ") or xml_text(name) != name:
            raise FormatError(
                f"class name {name!r} has a character, a line break or blanks that a CVAT file cannot hold.",
                code="bad-label",
            )


@dataclass(slots=True)
class _ImageEdits:
    """What to change in an ``<image>`` so that it says other boxes.

    Attributes:
        document: The file.
        element: The ``<image>``.
        image: What it shall say.
        class_names: The classes.
        new_name: What the picture is called from now on, in the file of another set; else None.
        read: Edges, kind and class of the shapes that can be read, by number.
    """

    document: CvatDocument
    element: ImageElement
    image: AnnotatedImage
    class_names: Sequence[str]
    new_name: str | None
    read: dict[int, tuple[Xyxy, str, str]] = field(default_factory=dict)

    def edits(self) -> list[Edit]:
        """The edits; none where nothing was edited."""
        for number, shape in self.element.shapes.items():
            if shape.kind not in cvat.WITHOUT_AREA:
                try:
                    self.read[number] = (*cvat.edges_of(shape), cvat.label_of(shape))
                except FormatError:
                    continue
        edits: list[Edit] = []
        fresh: list[Box] = []
        taken: set[int] = set()
        for box in self.image.boxes:
            _check_label(box, self.class_names)
            if box.origin is None or box.origin not in self.read or box.origin in taken:
                fresh.append(box)
                continue
            taken.add(box.origin)
            edits += self._shape(box.origin, box)
        for number, shape in self.element.shapes.items():
            if number not in taken and self._goes(number):
                edits.append(self.document.remove(shape.element))
        edits += self._tag(bool(edits or fresh), fresh)
        return edits

    def _shape(self, number: int, box: Box) -> list[Edit]:
        shape = self.element.shapes[number]
        edges, kind, label = self.read[number]
        flags = cvat.flags_of(shape)
        if box.label == label and box.xyxy == edges and box.flags == flags:
            return []
        changes: dict[str, str] = {}
        if box.label != label:
            changes["label"] = box.label
        if ("occluded" in box.flags) != ("occluded" in flags):
            changes["occluded"] = str(int("occluded" in box.flags))
        if box.xyxy != edges and shape.kind != "box":
            return [self._boxed(shape, box)]
        if box.xyxy != edges:
            texts = _edge_texts(box)
            old = edges if not kind else None
            for place, name in enumerate(cvat.EDGES):
                if old is None or old[place] != box.xyxy[place]:
                    changes[name] = texts[place]
            if kind:
                changes["rotation"] = "0.00"
        return self._changed(shape, changes, box, flags)

    def _changed(
        self, shape: ShapeElement, changes: Mapping[str, str], box: Box, flags: frozenset[str]
    ) -> list[Edit]:
        element, buffer = shape.element, self.document.buffer
        edits: list[Edit] = []
        children: list[str] = []
        for flag in _EXTRA_FLAGS:
            if (flag in box.flags) == (flag in flags):
                continue
            known = next((name for name in shape.extra if name.casefold() == flag), None)
            if known is not None:
                edits.append(
                    self.document.set_text(shape.extra[known], "true" if flag in box.flags else "false")
                )
            else:
                children.append(f'<attribute name="{flag}">true</attribute>')
        tag = with_attributes(buffer[element.start : element.inner], changes)
        if not children:
            return [*edits, (element.start, element.inner, tag)] if changes else edits
        outer = self.document.indent_of(element.start)
        inner = outer + self._step() if "\n" in outer else ""
        added = "".join(inner + child for child in children).encode()
        if element.inner == element.end:
            closing = f"{outer if inner else ''}</{shape.kind}>".encode()
            opened = tag[:-2].rstrip() + b">"
            return [*edits, (element.start, element.end, opened + added + closing)]
        if changes:
            edits.append((element.start, element.inner, tag))
        last = list(shape.extra.values())[-1].end if shape.extra else element.inner
        return [*edits, (last, last, added)]

    def _boxed(self, shape: ShapeElement, box: Box) -> Edit:
        """An outline becomes a box; its class, attributes and place in the stack stay."""
        element = shape.element
        given = {key: value for key, value in shape.given.items() if key in ("source", "z_order", "group_id")}
        extra = "".join(
            f"<attribute name={quoteattr(name)}>{escape(child.text)}</attribute>"
            for name, child in shape.extra.items()
            if name.casefold() not in cvat.FLAGS
        )
        text = _box_text(box, given, extra)
        return element.start, element.end, text.encode()

    def _tag(self, edited: bool, fresh: Sequence[Box]) -> list[Edit]:
        """Changes of the ``<image>`` itself, and the new boxes in it."""
        element, image = self.element.element, self.image
        changes: dict[str, str] = {}
        stated = _stated(self.element)
        if edited and stated is not None and 0 not in stated and stated not in (image.size, image.size[::-1]):
            changes["width"], changes["height"] = str(image.size[0]), str(image.size[1])
        subset = self.element.given.get("subset")
        if self.new_name is not None:
            if self.element.given.get("name") != self.new_name:
                changes["name"] = _checked_name(self.new_name)
            if split_in_name(subset or "") is not image.split:
                changes["subset"] = _SUBSETS[image.split] if image.split is not None else "default"
        elif subset is not None and image.split is not None and split_in_name(subset) is not image.split:
            changes["subset"] = _SUBSETS[image.split]
        old_tag = self.document.buffer[element.start : element.inner]
        tag = with_attributes(old_tag, changes)
        if not fresh:
            return [(element.start, element.inner, tag)] if changes else []
        outer = self.document.indent_of(element.start)
        inner = outer + self._step() if "\n" in outer else ""
        added = "".join(
            inner + _box_text(box, {"source": "manual", "z_order": "0"}) for box in fresh
        ).encode()
        if element.inner == element.end:
            closing = f"{outer if inner else ''}</image>".encode()
            return [(element.start, element.end, tag[:-2].rstrip() + b">" + added + closing)]
        edits: list[Edit] = [(element.start, element.inner, tag)] if changes else []
        shapes = list(self.element.shapes.values())
        place = shapes[-1].element.end if shapes else element.inner
        return [*edits, (place, place, added)]

    def _step(self) -> str:
        """What each level of nesting adds to the indentation."""
        return indentation_step(self.document)

    def _goes(self, number: int) -> bool:
        """Whether a shape that no box stands for goes: reading gave the person this box, who deleted it."""
        if self.element.shapes[number].kind in cvat.WITHOUT_AREA:
            return False
        if self.new_name is not None:
            return True
        if number not in self.read:
            return False
        edges, _, label = self.read[number]
        if label not in self.class_names:
            return False
        problem = edges_problem(edges, self.image.size)
        stated = _stated(self.element)
        other_size = stated is not None and 0 not in stated and stated != self.image.size
        return problem is None or not problem.fatal or (problem.outside and other_size)


def with_attributes(tag: bytes, changes: Mapping[str, str]) -> bytes:
    """A start tag with other values of its attributes; those it lacks are appended."""
    rest = {name.encode(): value for name, value in changes.items()}

    def replaced(match: re.Match[bytes]) -> bytes:
        name, equals, old = match.groups()
        if name not in rest:
            return match.group()
        return bytes(name + equals + _quoted(rest.pop(name), chr(old[0])))

    tag = _ATTRIBUTE.sub(replaced, tag)
    if rest:
        end = len(tag) - (2 if tag.endswith(b"/>") else 1)
        added = b"".join(b" " + name + b"=" + _quoted(value, '"') for name, value in rest.items())
        tag = tag[:end].rstrip() + added + tag[end:]
    return tag


def indentation_step(document: CvatDocument) -> str:
    """What each level of nesting adds to the indentation of a file."""
    for element in ([document.meta] if document.meta else []) + [i.element for i in document.images[:1]]:
        outer = document.indent_of(element.start)
        if "\n" in outer:
            return outer.lstrip("\r\n")
    return "  "


def _label_edits(document: CvatDocument, class_names: Sequence[str]) -> list[Edit]:
    """Let the meta data name the classes in their order; what else it says of them goes with them."""
    known = document.class_names
    if tuple(known) == tuple(class_names):
        return []
    used = {
        shape.given.get("label", "").strip() for image in document.images for shape in image.shapes.values()
    }
    if not known and set(class_names) <= used:
        return []  # a file without meta data: its boxes name their classes
    blocks = {label.name: label for label in reversed(document.labels) if not label.is_part}
    order = [*class_names, *(name for name in known if name not in class_names)]
    slots = [label.element for label in document.labels if not label.is_part]
    texts = [_label_block(document, blocks, name, index) for index, name in enumerate(order)]
    edits: list[Edit] = []
    for slot, text in zip(slots, texts, strict=False):
        if document.buffer[slot.start : slot.end] != text:
            edits.append((slot.start, slot.end, text))
    rest = texts[len(slots) :]
    if not rest:
        return edits
    if slots:
        outer = document.indent_of(slots[-1].start).encode()
        place = slots[-1].end
        return [*edits, (place, place, b"".join(outer + text for text in rest))]
    return [*edits, _new_meta(document, b"".join(b"\n" + text for text in rest))]


def _label_block(
    document: CvatDocument, blocks: Mapping[str, cvat.LabelElement], name: str, index: int
) -> bytes:
    if name in blocks:
        element = blocks[name].element
        return document.buffer[element.start : element.end]
    colour = _COLOURS[index % len(_COLOURS)]
    return f"<label><name>{escape(name)}</name><color>{colour}</color><attributes/></label>".encode()


def _new_meta(document: CvatDocument, labels: bytes) -> Edit:
    """A place for the classes in a file that names none."""
    block = b"\n<labels>" + labels + b"\n</labels>\n"
    element, name = document.label_list, b"labels"
    if element is not None:
        block = labels + b"\n"
    elif document.meta is not None:
        element, name = document.meta, b"meta"
    if element is None:
        element, name = document.root, b"annotations"
        block = b"\n<meta>" + block + b"</meta>\n"
        if element.inner != element.end:
            return element.inner, element.inner, block
    tag = document.buffer[element.start : element.inner]
    if element.inner == element.end:
        return element.start, element.end, tag[:-2].rstrip() + b">" + block + b"</" + name + b">"
    return element.inner_end, element.inner_end, block


def _fresh_images(
    document: CvatDocument, fresh: Sequence[tuple[str, AnnotatedImage]], class_names: Sequence[str]
) -> list[Edit]:
    if not fresh:
        return []
    ids = [int(text) for i in document.images if (text := i.given.get("id", "")).isascii() and text.isdigit()]
    first = max([*ids, len(document.images) - 1], default=-1) + 1
    lines: list[str] = []
    for index, (name, image) in enumerate(fresh):
        lines += _image_lines(first + index, name, image, class_names)
    added = "".join(f"\n{line}" for line in lines).encode()
    if document.images:
        place = document.images[-1].element.end
        return [(place, place, added)]
    root = document.root
    if root.inner == root.end:
        tag = document.buffer[root.start : root.inner][:-2].rstrip()
        return [(root.start, root.end, tag + b">" + added + b"\n</annotations>")]
    return [(root.inner_end, root.inner_end, added.lstrip(b"\n") + b"\n")]


def _image_lines(index: int, name: str, image: AnnotatedImage, class_names: Sequence[str]) -> list[str]:
    given = {"id": str(index), "name": _checked_name(name)}
    if image.split is not None:
        given["subset"] = _SUBSETS[image.split]
    given |= {"width": str(image.size[0]), "height": str(image.size[1])}
    tag = "  <image" + "".join(f" {key}={quoteattr(value)}" for key, value in given.items())
    if not image.boxes:
        return [tag + "/>"]
    lines = [tag + ">"]
    for box in image.boxes:
        _check_label(box, class_names)
        lines.append("    " + _box_text(box, {"source": "manual", "z_order": "0"}))
    return [*lines, "  </image>"]


def _label_lines(name: str, index: int, flagged: set[str]) -> list[str]:
    """A class of a new file, with the attributes that stand for flags (CVAT imports no others)."""
    lines = [f"        <label><name>{escape(name)}</name><color>{_COLOURS[index % len(_COLOURS)]}</color>"]
    extra = [flag for flag in _EXTRA_FLAGS if flag in flagged]
    if not extra:
        return [lines[0] + "<attributes/></label>"]
    lines.append("          <attributes>")
    lines += [
        f"            <attribute><name>{flag}</name><mutable>False</mutable><input_type>checkbox</input_type>"
        "<default_value>false</default_value><values>false</values></attribute>"
        for flag in extra
    ]
    return [*lines, "          </attributes>", "        </label>"]


def _box_text(box: Box, given: Mapping[str, str], extra: str = "") -> str:
    attributes = {"label": box.label, "source": given.get("source", "manual")}
    attributes["occluded"] = str(int("occluded" in box.flags))
    attributes |= dict(zip(cvat.EDGES, _edge_texts(box), strict=True))
    attributes |= {key: value for key, value in given.items() if key != "source"}
    tag = "<box" + "".join(f" {key}={quoteattr(value)}" for key, value in attributes.items())
    flags = [flag for flag in _EXTRA_FLAGS if flag in box.flags]
    children = extra + "".join(f'<attribute name="{flag}">true</attribute>' for flag in flags)
    return f"{tag}>{children}</box>" if children else f"{tag}/>"


def _edge_texts(box: Box) -> tuple[str, str, str, str]:
    x1, y1, x2, y2 = (_number_text(float(edge)) for edge in box.xyxy)
    if not (float(x1) < float(x2) and float(y1) < float(y2)):
        raise FormatError(f"box ({x1}, {y1}, {x2}, {y2}) has no area.", code="box-empty")
    return x1, y1, x2, y2


def _number_text(value: float) -> str:
    """Two decimals, as CVAT writes; a third where it is needed."""
    text = f"{value:.3f}"
    return text.removesuffix("0")


def _check_label(box: Box, class_names: Sequence[str]) -> None:
    if box.label not in class_names:
        raise FormatError(f"label {box.label!r} is none of the classes.", code="unknown-class")


def _checked_name(name: str) -> str:
    if xml_text(name) != name:
        raise FormatError(
            f"the picture's name {name!r} has a character that XML cannot hold.",
            code="bad-name",
            hint="Rename the picture.",
        )
    return name


def _stated(element: ImageElement) -> tuple[int, int] | None:
    try:
        return cvat.size_of(element)
    except FormatError:
        return None


def _quoted(text: str, quote: str) -> bytes:
    escaped = escape(text, {quote: "&quot;" if quote == '"' else "&apos;", "\n": "&#10;", "\t": "&#9;"})
    return f"{quote}{escaped}{quote}".encode()
