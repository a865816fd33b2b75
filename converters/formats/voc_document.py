"""A Pascal VOC file as bytes with known places: what is not edited comes out byte for byte.

The file is decoded, then parsed by expat as UTF-8, which tells the byte at which every tag begins. Edits
are replacements of byte ranges in that buffer; at the end it is encoded again as the file was.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from xml.parsers import expat
from xml.sax.saxutils import escape

from converters.errors import FormatError
from converters.reading import decode_utf8

MAX_DEPTH = 64
"""Deeper nesting is refused: a VOC file has 4 levels, with parts 5."""

FLAGS = ("truncated", "occluded", "difficult")
"""Elements of an object that are flags of the model, in the order in which Kaggle's files have them."""

EDGES = ("xmin", "ymin", "xmax", "ymax")

_START_TAG = re.compile(rb"""<[^\s/>"']+(?:[^>"']++|"[^"]*+"|'[^']*+')*+>""")
_DECLARED = re.compile(r"""<\?xml[^>]*?\sencoding\s*=\s*["']([A-Za-z0-9._:-]+)["']""")
_TEXT_ENCODINGS = re.compile(
    r"utf-?8|us-ascii|ascii|iso-?8859-?[0-9]+|latin-?1|windows-?[0-9]+|cp[0-9]+|gbk|gb2312|gb18030|big5"
    r"|shift[_-]?jis|euc[_-](jp|kr)|koi8-[ru]",
    re.IGNORECASE,
)
_BLANK = b" \t\r\n"
_EXPAT_WORDS = {
    expat.errors.codes[expat.errors.XML_ERROR_NO_ELEMENTS]: "is cut short: elements are not closed.",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_TOKEN]: "is cut short in the middle of a tag.",
    expat.errors.codes[expat.errors.XML_ERROR_UNCLOSED_CDATA_SECTION]: "is cut short in a CDATA section.",
    expat.errors.codes[expat.errors.XML_ERROR_UNDEFINED_ENTITY]: "uses an entity that is not defined.",
}

Edit = tuple[int, int, bytes]
"""Replace the buffer's bytes from the first to before the second place by the third."""


@dataclass(slots=True)
class Element:
    """An element and where it stands in the buffer.

    Attributes:
        text: Its text, without blanks around it.
        line: 1-based line of its start tag.
        start: First byte of its start tag.
        inner: First byte behind the start tag.
        inner_end: First byte of the end tag (equal to ``end`` for ``<a/>``).
        end: First byte behind the element.
        leaf: Whether it has no elements in it.
    """

    line: int
    start: int
    inner: int
    inner_end: int = -1
    end: int = -1
    text: str = ""
    leaf: bool = True


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
class VocDocument:
    """A parsed file.

    Attributes:
        prefix: Byte order mark, or nothing.
        encoding: Python's name of the file's encoding.
        buffer: The text as UTF-8; all places are places in it.
        lossless: Whether encoding the buffer again gives the file's bytes.
        root: The ``<annotation>``.
        fields: Other things of interest: ``filename``, ``size``, ``size/width``, ``size/height``.
        repeated: Names out of these that stand there twice, with the line.
        objects: In the order of the file; a box's origin is an index here.
        last_child: The root's last child element.
    """

    prefix: bytes
    encoding: str
    buffer: bytes
    lossless: bool
    root: Element
    fields: dict[str, Element]
    repeated: list[tuple[str, int]]
    objects: list[ObjectElement]
    last_child: Element | None

    def with_edits(self, edits: Iterable[Edit]) -> bytes:
        """The file's bytes with the edits made.

        Raises:
            FormatError: The file's encoding cannot be written back unchanged.
        """
        if not self.lossless:
            raise FormatError(
                f"is written in {self.encoding} in a way that an edit would change elsewhere, too.",
                code="bad-encoding",
                hint="Save it as UTF-8 first.",
            )
        pieces: list[bytes] = []
        done = 0
        for start, end, new in sorted(edits, key=lambda edit: (edit[0], edit[1])):
            pieces += [self.buffer[done:start], new]
            done = max(done, end)  # a new object may go in where the blanks behind a removed one were
        pieces.append(self.buffer[done:])
        text = b"".join(pieces).decode("utf-8")
        # Only new names can hold a character that the file's encoding lacks; XML has a way to say it.
        return self.prefix + text.encode(self.encoding, "xmlcharrefreplace")

    def set_text(self, element: Element, text: str) -> Edit:
        """Replace an element's text, keeping the blanks around it."""
        new = escape(text).encode("utf-8")
        if element.inner == element.end:  # <a/>
            tag = self.buffer[element.start : element.end - 2].rstrip()
            name = re.match(rb"<[^\s/>]+", tag)
            closing = b"</" + (name.group()[1:] if name else b"") + b">"
            return element.start, element.end, tag + b">" + new + closing
        content = self.buffer[element.inner : element.inner_end]
        if not content.strip(_BLANK):
            return element.inner, element.inner_end, new
        before = len(content) - len(content.lstrip(_BLANK))
        behind = len(content) - len(content.rstrip(_BLANK))
        return element.inner + before, element.inner_end - behind, new

    def remove(self, element: Element) -> Edit:
        """Remove an element with its lines."""
        start = self._indent_start(element.start)
        if self.buffer[start : start + 1] in (b"\r", b"\n"):
            rest = self.buffer[element.end : element.end + 1024]
            blanks = len(rest) - len(rest.lstrip(b" \t"))
            if rest[blanks : blanks + 1] in (b"\r", b"\n"):
                return start, element.end + blanks, b""
        return start, element.end, b""

    def insert_before(self, place: Element, new: bytes) -> Edit:
        """Insert a line before an element, indented as it is."""
        start = self._indent_start(place.start)
        return place.start, place.start, new + self.buffer[start : place.start]

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
            outer = self._indent_of(last.element.start)
            inside = [self._indent_of(child.start) for child in last.fields.values()]
            first = inside[0] if inside else outer + "    "
            return outer, first.removeprefix(outer) if first.startswith(outer) else ""
        if self.last_child is not None:
            outer = self._indent_of(self.last_child.start)
            step = outer.lstrip("\r\n")
            return outer, step
        return "\n    ", "    "

    def _indent_start(self, place: int) -> int:
        """Where the blanks before a place begin: at the line end before it, if only blanks lie between."""
        start = place
        while start > 0 and self.buffer[start - 1 : start] in (b" ", b"\t"):
            start -= 1
        if self.buffer.endswith(b"\r\n", 0, start):
            return start - 2
        return start - 1 if self.buffer[start - 1 : start] in (b"\n", b"\r") else start

    def _indent_of(self, place: int) -> str:
        """Line end and blanks before a place; only the blanks where other things precede on its line."""
        return self.buffer[self._indent_start(place) : place].decode("utf-8")


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
    prefix, encoding, text = _decode(data)
    buffer = text.encode("utf-8")
    reader = _Reader(buffer)
    reader.run()
    if reader.root is None:
        raise FormatError("holds no <annotation>.", line=1, code="not-voc")
    lossless = prefix + text.encode(encoding, "xmlcharrefreplace") == data
    return VocDocument(
        prefix,
        encoding,
        buffer,
        lossless,
        reader.root,
        reader.fields,
        reader.repeated,
        reader.objects,
        reader.last_child,
    )


class _Reader:
    """Walks through the XML once and remembers the elements that matter."""

    def __init__(self, buffer: bytes) -> None:
        self.buffer = buffer
        self.root: Element | None = None
        self.fields: dict[str, Element] = {}
        self.repeated: list[tuple[str, int]] = []
        self.objects: list[ObjectElement] = []
        self.last_child: Element | None = None
        self._path: list[str] = []
        self._open: list[tuple[Element, list[str]] | None] = []
        # Telling expat the encoding overrules the file's declaration, which spoke of the bytes on disk.
        self._parser = expat.ParserCreate("utf-8")
        self._parser.buffer_text = True
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = self._characters
        self._parser.StartDoctypeDeclHandler = self._doctype

    def run(self) -> None:
        try:
            self._parser.Parse(self.buffer, True)
        except expat.ExpatError as error:
            words = _EXPAT_WORDS.get(error.code)
            if words is None:
                words = f"is not well-formed XML: {expat.ErrorString(error.code)}."
            elif self.root is None and "not closed" in words:
                words = "holds no XML element."
            raise FormatError(
                words,
                line=error.lineno,
                code="bad-xml",
                hint="Copy it again from its source, or delete it and draw its boxes anew.",
            ) from error

    def _doctype(self, *_: object) -> None:
        raise FormatError(
            "has a DOCTYPE, which a label file does not need and which can hide endless text.",
            line=self._parser.CurrentLineNumber,
            code="doctype",
            hint="Remove the <!DOCTYPE …> from it.",
        )

    def _start(self, name: str, _attributes: dict[str, str]) -> None:
        line = self._parser.CurrentLineNumber
        if len(self._path) >= MAX_DEPTH:
            raise FormatError(f"is nested more than {MAX_DEPTH} levels deep.", line=line, code="too-deep")
        if not self._path and name != "annotation":
            raise FormatError(
                f"its root element is <{name[:40]}>, not <annotation>: no Pascal VOC label file.",
                line=line,
                code="not-voc",
            )
        start = self._parser.CurrentByteIndex
        self._path.append(name)
        for parent in self._open[-1:]:
            if parent is not None:
                parent[0].leaf = False
        wanted = self._wanted()
        if wanted is None:
            self._open.append(None)
            return
        tag = _START_TAG.match(self.buffer, start)
        element = Element(line, start, tag.end() if tag else start)
        self._remember(wanted, element)
        self._open.append((element, []))

    def _wanted(self) -> str | None:
        """What to remember the present element as, if at all: its path below the root."""
        depth = len(self._path)
        if depth <= 2:
            return "/".join(self._path[1:])
        if self._path[1] == "size" and depth == 3:
            return "/".join(self._path[1:])
        if self._path[1] == "object" and (depth == 3 or (depth == 4 and self._path[2] == "bndbox")):
            return "/".join(self._path[1:])
        return None

    def _remember(self, path: str, element: Element) -> None:
        if not path:
            self.root = element
            return
        if "/" not in path:
            self.last_child = element
        if path == "object":
            self.objects.append(ObjectElement(element))
            return
        name = path.removeprefix("object/")
        in_object = name != path
        fields = self.objects[-1].fields if in_object else self.fields
        if name not in fields:
            fields[name] = element
        elif in_object:
            self.objects[-1].repeated.append((name, element.line))
        else:
            self.repeated.append((name, element.line))

    def _characters(self, text: str) -> None:
        if self._open and (top := self._open[-1]) is not None:
            top[1].append(text)

    def _end(self, _name: str) -> None:
        self._path.pop()
        top = self._open.pop()
        if top is None:
            return
        element, texts = top
        element.text = "".join(texts).strip(" \t\r\n")
        if self.buffer[element.inner - 2 : element.inner] == b"/>":
            element.inner_end = element.end = element.inner
        else:
            element.inner_end = self._parser.CurrentByteIndex
            element.end = self.buffer.index(b">", element.inner_end) + 1


def _decode(data: bytes) -> tuple[bytes, str, str]:
    """Byte order mark, encoding and text of an XML file, as appendix F of the XML specification tells."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return mark, encoding, _decode_as(data[len(mark) :], encoding)
    if data.startswith(b"<\0"):
        return b"", "utf-16-le", _decode_as(data, "utf-16-le")
    if data.startswith(b"\0<"):
        return b"", "utf-16-be", _decode_as(data, "utf-16-be")
    declared = _DECLARED.match(data[:200].decode("latin-1").lstrip())
    encoding = declared.group(1).lower() if declared else "utf-8"
    if encoding.startswith(("utf-16", "utf16")):
        encoding = "utf-8"  # says UTF-16 but is not: some .NET writers do that
    if not _TEXT_ENCODINGS.fullmatch(encoding):
        raise FormatError(f"is written in an unknown encoding, {encoding!r}.", line=1, code="bad-encoding")
    return b"", encoding, _decode_as(data, encoding)


def _decode_as(data: bytes, encoding: str) -> str:
    if encoding in ("utf-8", "utf8"):
        return decode_utf8(data)
    try:
        return data.decode(encoding)
    except LookupError as error:
        raise FormatError(
            f"is written in an unknown encoding, {encoding!r}.", line=1, code="bad-encoding"
        ) from error
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise FormatError(f"is not {encoding} text, as it claims.", line=line, code="bad-encoding") from error
