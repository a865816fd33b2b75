"""Numbers of boxes of classes in one line of text: ``mask=3000,no mask=1500``.

A class name may hold anything. In it a backslash stands before a backslash, before ``=``, before the
separator, and before a blank at its beginning or end; other blanks around names and numbers mean nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

from converters.errors import UsageError


def render(counts: Mapping[str, int], separator: str) -> str:
    """The text of some numbers, in their order; zeros are left out."""
    return separator.join(f"{_escaped(label, separator)}={count}" for label, count in counts.items() if count)


def parse(text: str, separator: str) -> dict[str, int]:
    """Numbers by class name, in the order of the text; a blank text holds none.

    Raises:
        UsageError: A part is not NAME=NUMBER, a name is empty or comes twice, or a number is not whole and
            at least 1.
    """
    result: dict[str, int] = {}
    if not text.strip():
        return result
    for part in _split(text, separator):
        name, equals, number = _partition(part)
        if not equals:
            raise UsageError(f"{part.strip()!r} is not CLASS=NUMBER.")
        label, digits = _unescaped(name), number.strip()
        if not label:
            raise UsageError(f"{part.strip()!r} names no class.")
        if not (digits.isascii() and digits.isdigit()) or len(digits) > 9 or int(digits) < 1:
            raise UsageError(f"{digits!r} boxes of {label}: must be a whole number from 1 to 999999999.")
        if label in result:
            raise UsageError(f"class {label!r} stands there twice.")
        result[label] = int(digits)
    return result


def _escaped(label: str, separator: str) -> str:
    text = "".join(f"\\{c}" if c in ("\\", "=", separator) else c for c in label)
    if text[:1].isspace():
        text = "\\" + text
    if len(label) > 1 and text[-1:].isspace():
        text = f"{text[:-1]}\\{text[-1]}"
    return text


def _split(text: str, separator: str) -> list[str]:
    """The parts between separators that no backslash stands before."""
    parts, start, place = [], 0, 0
    while place < len(text):
        if text[place] == "\\":
            place += 1
        elif text[place] == separator:
            parts.append(text[start:place])
            start = place + 1
        place += 1
    return [*parts, text[start:]]


def _partition(text: str) -> tuple[str, str, str]:
    """Before and after the last ``=`` that no backslash stands before."""
    *before, last = _split(text, "=")
    return ("=".join(before), "=", last) if before else (text, "", "")


def _unescaped(text: str) -> str:
    """The name without blanks around it and without backslashes, but for those that were escaped."""
    kept: list[tuple[str, bool]] = []
    place = 0
    while place < len(text):
        escaped = text[place] == "\\" and place + 1 < len(text)
        place += escaped
        kept.append((text[place], escaped))
        place += 1
    while kept and kept[0][0].isspace() and not kept[0][1]:
        kept.pop(0)
    while kept and kept[-1][0].isspace() and not kept[-1][1]:
        kept.pop()
    return "".join(letter for letter, _ in kept)
