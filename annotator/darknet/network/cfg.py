"""Darknet's cfg text: sections in order, each with options in order, sections of the same name repeated.

The order of the sections is the order of the layers, so this is not an INI file.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from converters.errors import FormatError
from converters.files import write_if_changed

NET_NAMES = frozenset({"net", "network"})

_SHORT_NAMES = {
    "conv": "convolutional",
    "conn": "connected",
    "max": "maxpool",
    "avg": "avgpool",
    "local_avg": "local_avgpool",
    "silence": "empty",
}
"""Darknet's other names of sections."""

DETECTORS = frozenset({"yolo", "region"})
"""Sections whose output is boxes."""

Value = str | int | float


@dataclass(frozen=True, slots=True)
class Section:
    """One section: ``[convolutional]`` and its options.

    Attributes:
        name: Without the brackets, lower case.
        options: Key and value as text, in the order of the file.
        line: 1-based line of the heading in the file it was read from, or None.
    """

    name: str
    options: tuple[tuple[str, str], ...] = ()
    line: int | None = field(default=None, compare=False)

    def get(self, key: str, default: str = "") -> str:
        """The value of ``key`` (the first one where it stands twice, as Darknet takes it)."""
        return next((value for name, value in self.options if name == key), default)

    def __contains__(self, key: str) -> bool:
        return any(name == key for name, _ in self.options)

    def get_int(self, key: str, default: int = 0) -> int:
        """The value of ``key`` as a whole number.

        Raises:
            FormatError: It is none.
        """
        text = _before_comment(self.get(key))
        try:
            return int(text) if text else default
        except ValueError:
            raise self._bad(key, text, "a whole number") from None

    def get_float(self, key: str, default: float = 0.0) -> float:
        """The value of ``key`` as a number.

        Raises:
            FormatError: It is none.
        """
        text = _before_comment(self.get(key))
        try:
            return float(text) if text else default
        except ValueError:
            raise self._bad(key, text, "a number") from None

    def get_floats(self, key: str) -> tuple[float, ...]:
        """The comma-separated numbers of ``key``; none where it is missing.

        Raises:
            FormatError: One of them is no number.
        """
        text = _before_comment(self.get(key))
        try:
            return tuple(float(part) for part in text.split(",") if part.strip())
        except ValueError:
            raise self._bad(key, text, "numbers with commas between them") from None

    def get_ints(self, key: str) -> tuple[int, ...]:
        """The comma-separated whole numbers of ``key``; none where it is missing.

        Raises:
            FormatError: One of them is no whole number.
        """
        text = _before_comment(self.get(key))
        try:
            return tuple(int(part) for part in text.split(",") if part.strip())
        except ValueError:
            raise self._bad(key, text, "whole numbers with commas between them") from None

    def with_options(self, **values: Value) -> Section:
        """The same section with these options set: in their place, new ones at the end."""
        texts = {key: format_value(value) for key, value in values.items()}
        options = [(key, texts.get(key, value)) for key, value in self.options]
        options += [(key, text) for key, text in texts.items() if key not in self]
        return replace(self, options=tuple(options))

    def without(self, *keys: str) -> Section:
        """The same section without these options."""
        return replace(self, options=tuple(pair for pair in self.options if pair[0] not in keys))

    def _bad(self, key: str, text: str, wanted: str) -> FormatError:
        return FormatError(f"[{self.name}] {key}={text} is not {wanted}.", line=self.line, code="bad-cfg")


@dataclass(frozen=True, slots=True)
class Cfg:
    """A network's description: [net] first, then a section for each layer.

    Attributes:
        sections: In the order of the file.
        source: The text it was read from, whose comments and blanks :meth:`render` keeps; empty: none.
    """

    sections: tuple[Section, ...]
    source: str = field(default="", compare=False, repr=False)

    @property
    def net(self) -> Section:
        """The first section, which holds input size and training options."""
        return self.sections[0]

    @property
    def layer_sections(self) -> tuple[Section, ...]:
        """All but [net]; the index here is Darknet's layer number."""
        return self.sections[1:]

    def with_net(self, **values: Value) -> Cfg:
        """The same network with other options in [net]."""
        return replace(self, sections=(self.net.with_options(**values), *self.sections[1:]))

    @property
    def detectors(self) -> tuple[Section, ...]:
        """The detection layers: [yolo], or YOLOv2's [region]."""
        return tuple(section for section in self.layer_sections if section.name in DETECTORS)

    def with_detectors(self, **values: Value) -> Cfg:
        """The same network with other options in every detection layer."""
        sections = (
            section.with_options(**values) if section.name in DETECTORS else section
            for section in self.sections
        )
        return replace(self, sections=tuple(sections))

    def render(self) -> str:
        """The cfg text: the one that was read with its changed lines changed, else a plain one."""
        if self.source:
            return _render_onto(self.source, self.sections)
        blocks = [
            "\n".join([f"[{section.name}]", *(f"{key}={value}" for key, value in section.options)])
            for section in self.sections
        ]
        return "\n\n".join(blocks) + "\n"


def format_value(value: Value) -> str:
    """A value as cfg text: floats without exponent (one of the Darknets does not read ``1e-05``)."""
    if isinstance(value, float):
        return f"{value:.8f}".rstrip("0").rstrip(".") or "0"
    return str(value)


def section(name: str, **values: Value) -> Section:
    """A section from keywords, in their order."""
    return Section(name, tuple((key, format_value(value)) for key, value in values.items()))


def parse_cfg(text: str, path: Path | None = None) -> Cfg:
    """Read cfg text. Blanks anywhere in a line and lines that start with # or ; do not matter.

    Where a key stands twice in a section the first counts, as Darknet takes it: ``batch=1`` under "# Testing"
    and ``batch=64`` under "# Training" is a batch of 1.

    Args:
        text: The file's content.
        path: Named in errors.

    Raises:
        FormatError: A line is neither heading nor key=value, or the first section is not [net].
    """
    sections: list[Section] = []
    options: list[tuple[str, str]] = []
    for number, raw in enumerate(text.splitlines(), 1):
        line = "".join(raw.split())
        if not line or line[0] in "#;":
            continue
        if line[0] == "[":
            if not line.endswith("]") or len(line) < 3:
                raise FormatError(
                    f"{raw.strip()!r} is no section heading.", path=path, line=number, code="bad-cfg"
                )
            if sections:
                sections[-1] = replace(sections[-1], options=tuple(options))
            options = []
            name = line[1:-1].lower()
            sections.append(Section(_SHORT_NAMES.get(name, name), line=number))
            continue
        key, equals, value = line.partition("=")
        if not equals or not key or not sections:
            why = "stands before the first section" if equals and key else "is not key=value"
            raise FormatError(f"{raw.strip()!r} {why}.", path=path, line=number, code="bad-cfg")
        if all(key != known for known, _ in options):
            options.append((key, value))
    if not sections or sections[0].name not in NET_NAMES:
        raise FormatError("does not begin with a [net] section.", path=path, line=1, code="bad-cfg")
    sections[-1] = replace(sections[-1], options=tuple(options))
    return Cfg(tuple(sections), text)


def _render_onto(source: str, sections: tuple[Section, ...]) -> str:
    """The text of a cfg with other values; lines that say the same stay as they are."""
    parts: list[list[str]] = [[]]
    for line in source.splitlines():
        if "".join(line.split())[:1] == "[":
            parts.append([])
        parts[-1].append(line)
    rendered = parts[0]
    for section, lines in zip(sections, parts[1:], strict=True):
        rendered += _section_onto(section, lines)
    return "\n".join(rendered) + "\n"


def _section_onto(section: Section, lines: list[str]) -> list[str]:
    places: dict[str, list[int]] = {}
    for number, line in enumerate(lines):
        text = "".join(line.split())
        if number and text and text[0] not in "#;":
            places.setdefault(text.partition("=")[0], []).append(number)
    kept = dict(enumerate(lines))
    for key, (first, *others) in places.items():
        if key not in section:
            for number in (first, *others):
                del kept[number]
            continue
        for number in others:  # Darknet reads the first; one Darknet dies of a key that stands twice
            kept[number] = f"#{lines[number]}"
        if "".join(lines[first].split()) != f"{key}={section.get(key)}":
            kept[first] = _changed_line(lines[first], key, section.get(key))
    # New options go behind the last one there is, before the blank lines and comments at the end.
    end = max((number for numbers in places.values() for number in numbers), default=0)
    added = [f"{key}={value}" for key, value in section.options if key not in places]
    result = [line for number, line in kept.items() if number <= end]
    return [*result, *dict.fromkeys(added), *(line for number, line in kept.items() if number > end)]


def _changed_line(line: str, key: str, value: str) -> str:
    """The line with another value; a comment behind the old one stands above it (not all read it behind)."""
    _, sign, comment = line.partition("#")
    return f"#{comment}\n{key}={value}" if sign and "#" not in value else f"{key}={value}"


def _before_comment(text: str) -> str:
    """A value without the comment behind it, where Darknet's reading of a number ends."""
    return text.partition("#")[0].partition(";")[0]


def read_cfg(path: Path) -> Cfg:
    """Read a cfg file.

    Raises:
        FormatError: It cannot be read, is not text, or is no cfg.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise FormatError("is not text.", path=path, code="bad-cfg") from error
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}.", path=path, code="bad-cfg") from error
    return parse_cfg(text, path)


def write_cfg(path: Path, cfg: Cfg) -> None:
    """Write a cfg file.

    Raises:
        WriteError: It cannot be written.
    """
    write_if_changed(path, cfg.render())
