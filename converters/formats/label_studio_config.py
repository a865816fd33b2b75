"""The labelling interface of a Label Studio project: an XML file that names the classes in their order."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from converters.errors import FormatError
from converters.formats.label_studio_document import FLAGS
from converters.formats.xml_source import Element, XmlSource, XmlWalker, read_source, xml_text
from converters.formats.xml_text import quoteattr
from converters.reading import read_small_file

CONFIG = "label_config.xml"
"""What is written; its name in Label Studio's own databases and SDK."""

_NAMES = (CONFIG, "labeling_config.xml", "labelling_config.xml", "config.xml")
_COLOURS = ("#fa3253", "#33ddff", "#ffcc33", "#24b353", "#b83df5", "#fafa37", "#ff6a4d", "#34d1b7")
_HEAD = 4096


def find_config(folder: Path) -> Path | None:
    """The labelling interface in a folder, if there is one."""
    for name in _NAMES:
        path = folder / name
        try:
            if path.is_file():
                with path.open("rb") as file:
                    if b"<View" in file.read(_HEAD):
                        return path
        except OSError:
            continue
    return None


def read_config(path: Path) -> list[str]:
    """The classes that an interface names, in their order.

    Raises:
        FormatError: It is no well-formed XML.
    """
    _, labels = _parse(read_small_file(path))
    return list(dict.fromkeys(name for name, _ in labels))


def with_classes(data: bytes, class_names: Sequence[str]) -> bytes:
    """An interface with these classes; what it says of those it has stays, and the others come last.

    Raises:
        FormatError: It is broken, or a name cannot stand in XML.
    """
    source, labels = _parse(data)
    known = list(dict.fromkeys(name for name, _ in labels))
    if known == list(class_names) or not labels:
        return data
    blocks = {name: source.buffer[e.start : e.end] for name, e in reversed(labels)}
    order = [*class_names, *(name for name in known if name not in class_names)]
    texts = [blocks.get(name) or _label(name, index).encode() for index, name in enumerate(order)]
    first: dict[str, Element] = {}
    for name, element in labels:
        first.setdefault(name, element)
    slots = list(first.values())
    edits = [(slot.start, slot.end, text) for slot, text in zip(slots, texts, strict=False)]
    outer = source.indent_of(slots[-1].start).encode()
    end = slots[-1].end
    rest = b"".join(outer + text for text in texts[len(slots) :])
    return source.with_edits([*edits, (end, end, rest)] if rest else edits)


def new_config(class_names: Sequence[str]) -> bytes:
    """An interface for boxes of these classes, and flags of each box.

    Raises:
        FormatError: A name cannot stand in XML.
    """
    lines = ["<View>", '  <Image name="image" value="$image" zoom="true"/>']
    lines.append('  <RectangleLabels name="label" toName="image">')
    lines += [f"    {_label(name, index)}" for index, name in enumerate(class_names)]
    lines += ["  </RectangleLabels>"]
    lines.append('  <Choices name="flags" toName="image" perRegion="true" choice="multiple">')
    lines += [f'    <Choice value="{flag}"/>' for flag in FLAGS]
    lines += ["  </Choices>", "</View>"]
    return ("\n".join(lines) + "\n").encode("utf-8")


def _label(name: str, index: int) -> str:
    if not name.strip() or name != name.strip(" ") or xml_text(name) != name:
        raise FormatError(
            f"class name {name!r} has a character, a line break or blanks that {CONFIG} cannot hold.",
            code="bad-label",
        )
    return f'<Label value={quoteattr(name)} background="{_COLOURS[index % len(_COLOURS)]}"/>'


class _Reader(XmlWalker):
    """Remembers the ``<Label>`` elements."""

    def __init__(self, buffer: bytes) -> None:
        super().__init__(buffer)
        self.labels: list[tuple[str, Element]] = []
        self._open: list[Element | None] = []

    def start(self, name: str, attributes: dict[str, str]) -> None:
        element = None
        if name == "Label" and attributes.get("value", "").strip():
            element = self.element_here()
            self.labels.append((attributes["value"].strip(), element))
        self._open.append(element)

    def end(self, name: str) -> None:
        element = self._open.pop()
        if element is not None:
            self.close(element)


def _parse(data: bytes) -> tuple[XmlSource, list[tuple[str, Element]]]:
    source = read_source(data)
    reader = _Reader(source.buffer)
    reader.run()
    return source, reader.labels
