"""Sentences that come in English from below (journal, commands, data set), in the person's language.

What lies below the window knows no Qt: it writes English into journals, run folders and terminals. Where the
window shows such a sentence it is recognised here by its template and said anew. What is not known stays
as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache, lru_cache

from annotator.qt.below_templates import templates
from annotator.qt.translation import translated, translated_n
from converters.report import Report

AGAIN = frozenset({"what", "why", "how", "where", "kept"})
"""Places whose content is a sentence or a part of one, to be looked up as well; others are names, numbers."""
_PLACE = re.compile(r"\\\{(\w+)\\\}")


@dataclass(frozen=True, slots=True)
class Template:
    """A sentence with places, as it is written below.

    Attributes:
        text: English, with ``{name}`` where values stand.
        one: The same for one thing; empty where no number decides.
    """

    text: str
    one: str = ""


@dataclass(frozen=True, slots=True)
class _Pattern:
    expression: re.Pattern[str]
    template: Template


def known(text: str) -> str:
    """A sentence from below in the person's language; itself where nobody translated it."""
    found = _recognised(text)
    if found is None:
        # Within a sentence it begins with a small letter.
        first = text[:1].upper() + text[1:]
        if first == text or _recognised(first) is None:
            return text
        again = known(first)
        return again[:1].lower() + again[1:]
    template, values = found
    shown = {name: known(value) if name in AGAIN else value for name, value in values}
    if not template.one:
        return translated(template.text, shown)
    number = shown.pop("n")
    return translated_n(template.one, template.text, int(number.replace(",", "")), shown)


@lru_cache(maxsize=4096)
def _recognised(text: str) -> tuple[Template, tuple[tuple[str, str], ...]] | None:
    """The template that a text was made from, and what stands in its places."""
    exact = _exact().get(text)
    if exact is not None:
        return exact, ()
    for pattern in _patterns():
        match = pattern.expression.fullmatch(text)
        if match is not None:
            return pattern.template, tuple(match.groupdict().items())
    return None


@cache
def _all() -> tuple[Template, ...]:
    return tuple(Template(*pair) for pair in templates())


@cache
def _exact() -> dict[str, Template]:
    return {template.text: template for template in _all() if "{" not in template.text}


@cache
def _patterns() -> tuple[_Pattern, ...]:
    """Expressions for all templates with places; the longest fixed text first, as it says most."""
    found = []
    for template in _all():
        if "{" in template.text:
            texts = filter(None, (template.text, template.one))
            found.extend((_fixed_length(text), _Pattern(_expression(text), template)) for text in texts)
    found.sort(key=lambda item: -item[0])
    return tuple(pattern for _, pattern in found)


def _fixed_length(text: str) -> int:
    return len(re.sub(r"\{\w+\}", "", text))


def _expression(text: str) -> re.Pattern[str]:
    seen: set[str] = set()

    def place(match: re.Match[str]) -> str:
        name = match.group(1)
        if name in seen:
            return f"(?P={name})"
        seen.add(name)
        return rf"(?P<{name}>[\d,]+)" if name == "n" else f"(?P<{name}>.+?)"

    return re.compile(_PLACE.sub(place, re.escape(text)), re.DOTALL)


def summary(report: Report) -> str:
    """``1 error, 2 warnings``."""
    return ", ".join(map(known, report.summary().split(", ")))
