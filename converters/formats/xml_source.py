"""XML as bytes with known places: what is not edited comes out byte for byte.

A file is decoded, then parsed by expat as UTF-8, which tells the byte at which every tag begins. Edits are
replacements of byte ranges in that buffer; at the end it is encoded again as the file was. A file with a
DOCTYPE is refused: entities can blow up to gigabytes, or name files of this computer.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.parsers import expat

from converters.errors import FormatError
from converters.formats.xml_text import escape
from converters.reading import decode_utf8

MAX_DEPTH = 64
"""Deeper nesting is refused: a VOC file has 4 levels, with parts 5; CVAT's meta data has 9."""

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
class XmlSource:
    """The text of an XML file.

    Attributes:
        prefix: Byte order mark, or nothing.
        encoding: Python's name of the file's encoding.
        buffer: The text as UTF-8; all places are places in it.
        lossless: Whether encoding the buffer again gives the file's bytes.
    """

    prefix: bytes
    encoding: str
    buffer: bytes
    lossless: bool

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
        start = self.indent_start(element.start)
        if self.buffer[start : start + 1] in (b"\r", b"\n"):
            rest = self.buffer[element.end : element.end + 1024]
            blanks = len(rest) - len(rest.lstrip(b" \t"))
            if rest[blanks : blanks + 1] in (b"\r", b"\n"):
                return start, element.end + blanks, b""
        return start, element.end, b""

    def insert_before(self, place: Element, new: bytes) -> Edit:
        """Insert a line before an element, indented as it is."""
        start = self.indent_start(place.start)
        return place.start, place.start, new + self.buffer[start : place.start]

    def indent_start(self, place: int) -> int:
        """Where the blanks before a place begin: at the line end before it, if only blanks lie between."""
        start = place
        while start > 0 and self.buffer[start - 1 : start] in (b" ", b"\t"):
            start -= 1
        if self.buffer.endswith(b"\r\n", 0, start):
            return start - 2
        return start - 1 if self.buffer[start - 1 : start] in (b"\n", b"\r") else start

    def indent_of(self, place: int) -> str:
        """Line end and blanks before a place; only the blanks where other things precede on its line."""
        return self.buffer[self.indent_start(place) : place].decode("utf-8")


def read_source(data: bytes) -> XmlSource:
    """Decode an XML file, as appendix F of the XML specification tells.

    Raises:
        FormatError: It is not in the encoding that it claims, or in none that is known.
    """
    prefix, encoding, text = _decode(data)
    lossless = prefix + text.encode(encoding, "xmlcharrefreplace") == data
    return XmlSource(prefix, encoding, text.encode("utf-8"), lossless)


def xml_text(text: str) -> str:
    """The text with characters that XML 1.0 cannot hold as ``_`` (its section 2.2)."""
    return "".join(
        c if c >= " " and not ("\ud800" <= c <= "\udfff") and c not in "\ufffe\uffff" else "_" for c in text
    )


class XmlWalker:
    """Walks through XML once; subclasses say what to remember in :meth:`start` and :meth:`end`.

    Attributes:
        buffer: The XML as UTF-8.
        path: Names of the elements that are open.
        parser: The parser, for the present place.
    """

    def __init__(self, buffer: bytes) -> None:
        self.buffer = buffer
        self.path: list[str] = []
        self._any = False
        self._bare = False
        # Telling expat the encoding overrules the file's declaration, which spoke of the bytes on disk.
        self.parser = expat.ParserCreate("utf-8")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._started
        self.parser.EndElementHandler = self._ended
        self.parser.CharacterDataHandler = self.characters
        self.parser.StartDoctypeDeclHandler = self._doctype

    def run(self) -> None:
        """Walk.

        Raises:
            FormatError: It is no well-formed XML, has a DOCTYPE, or is nested too deeply.
        """
        try:
            self.parser.Parse(self.buffer, True)
        except expat.ExpatError as error:
            words = _EXPAT_WORDS.get(error.code)
            if words is None:
                words = f"is not well-formed XML: {expat.ErrorString(error.code)}."
            elif not self._any and "not closed" in words:
                words = "holds no XML element."
            raise FormatError(
                words,
                line=error.lineno,
                code="bad-xml",
                hint="Copy it again from its source, or delete it and draw its boxes anew.",
            ) from error

    def start(self, name: str, attributes: dict[str, str]) -> None:
        """An element begins; it is the last of :attr:`path` already."""

    def end(self, name: str) -> None:
        """An element ends; it is no more in :attr:`path`."""

    def characters(self, text: str) -> None:
        """Text, of the innermost element."""

    def element_here(self) -> Element:
        """The element whose start tag the parser is at; :meth:`close` completes it."""
        place = self.parser.CurrentByteIndex
        if self._bare:  # no attribute whose value could hold a ">"
            return Element(self.parser.CurrentLineNumber, place, self.buffer.index(b">", place) + 1)
        tag = _START_TAG.match(self.buffer, place)
        return Element(self.parser.CurrentLineNumber, place, tag.end() if tag else place)

    def close(self, element: Element) -> None:
        """Complete an element whose end the parser is at."""
        if self.buffer.startswith(b"/>", element.inner - 2):
            element.inner_end = element.end = element.inner
        else:
            element.inner_end = self.parser.CurrentByteIndex
            element.end = self.buffer.index(b">", element.inner_end) + 1

    def _started(self, name: str, attributes: dict[str, str]) -> None:
        if len(self.path) >= MAX_DEPTH:
            line = self.parser.CurrentLineNumber
            raise FormatError(f"is nested more than {MAX_DEPTH} levels deep.", line=line, code="too-deep")
        self._any = True
        self._bare = not attributes
        self.path.append(name)
        self.start(name, attributes)

    def _ended(self, name: str) -> None:
        self.path.pop()
        self.end(name)

    def _doctype(self, *_: object) -> None:
        raise FormatError(
            "has a DOCTYPE, which a label file does not need and which can hide endless text.",
            line=self.parser.CurrentLineNumber,
            code="doctype",
            hint="Remove the <!DOCTYPE …> from it.",
        )


def _decode(data: bytes) -> tuple[bytes, str, str]:
    """Byte order mark, encoding and text of an XML file, as appendix F of the XML specification tells."""
    if data.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        raise FormatError("is UTF-32 text.", line=1, code="bad-encoding", hint="Save it as UTF-8.")
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
