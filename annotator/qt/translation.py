"""Words in the person's language: every sentence of the window goes through :func:`tr` or :func:`tr_n`.

English is what stands in the code; another language is ``assets/translations/<language>.ts``, in the format
of Qt's own tools, which is read as it is: no compiled file is kept.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lxml import etree
from PyQt5.QtCore import QCoreApplication, QObject, QTranslator

from assets import translations_path

CONTEXT = "annotator"
"""Qt's name for a group of texts; all of ours are one."""
_NUMBER = re.compile(r"\d{1,3}(,\d{3})+")
_COMMAS = re.compile(r"(?<=\d),(?=\d{3}(?!\d))")


def tr(text: str, /, **values: Any) -> str:
    """A text in the person's language.

    Call it where the text is shown, not while a module is imported: the language is chosen after that.

    Args:
        text: English, as a literal (the catalogue is collected from these), with ``{name}`` for values.
        values: What takes the places in braces.
    """
    return translated(text, values)


def tr_n(one: str, many: str, n: int, /, **values: Any) -> str:
    """A text that depends on a number, in the person's language.

    Args:
        one: English, as a literal, for one thing (``"{n} box"``).
        many: The same for none or several (``"{n} boxes"``); the catalogue knows the text by this one.
        n: The number; it takes the place of ``{n}``, with a mark after the thousands.
        values: What takes the other places in braces.
    """
    return translated_n(one, many, n, values)


def translated(text: str, values: Mapping[str, Any]) -> str:
    """:func:`tr` for a text that is collected elsewhere (:mod:`annotator.qt.below_templates`)."""
    found = QCoreApplication.translate(CONTEXT, text)
    return found.format(**_in_groups(values)) if values else found


def translated_n(one: str, many: str, n: int, values: Mapping[str, Any]) -> str:
    """:func:`tr_n` for texts that are collected elsewhere."""
    found = QCoreApplication.translate(CONTEXT, many, None, n)
    if found == many and n == 1:
        found = one
    return found.format(n=numbers(f"{n:,}"), **_in_groups(values))


def numbers(text: str) -> str:
    """A text whose numbers have a comma after the thousands, as the person's language writes them.

    French has a blank there, and would read the comma as our point.
    """
    separator = _separator()
    return text if separator == "," else _COMMAS.sub(separator, text)


def _separator() -> str:
    return tr("1,000")[1:-3]


class _Grouped(int):
    """A number in a text: ``{n:,}`` gives it as the person's language writes it."""

    def __format__(self, spec: str) -> str:
        return numbers(super().__format__(spec))


def _in_groups(values: Mapping[str, Any]) -> Mapping[str, Any]:
    if not values or _separator() == ",":
        return values
    return {name: _in_group(value) for name, value in values.items()}


def _in_group(value: Any) -> Any:
    if type(value) is int:
        return _Grouped(value)
    return numbers(value) if isinstance(value, str) and _NUMBER.fullmatch(value) else value


class Translator(QTranslator):
    """The texts of one language, for ``QApplication.installTranslator``."""

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._texts, self._forms = _read(path)

    def isEmpty(self) -> bool:
        return not self._texts and not self._forms

    def translate(
        self, context: str, text: str, disambiguation: str | None = None, n: int = -1
    ) -> str | None:
        if context == "QShortcut" and text == "Return":
            return self._texts.get("Enter")  # what stands on the key
        if context != CONTEXT:
            return None  # Qt's own texts: the next translator's
        if n >= 0 and text in self._forms:
            one, many = self._forms[text]
            # French counts none as one ("0 image"); no other language is there yet.
            return one if n < 2 else many
        return self._texts.get(text)


def languages() -> dict[str, Path]:
    """The languages besides English by their code, with their files."""
    return {path.stem: path for path in sorted(translations_path().glob("*.ts"))}


def _read(path: Path) -> tuple[dict[str, str], dict[str, tuple[str, str]]]:
    """Texts, and texts with forms for one and many, of a ``.ts`` file; what is not translated is left out."""
    texts: dict[str, str] = {}
    forms: dict[str, tuple[str, str]] = {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for message in etree.parse(path, parser).iter("message"):
        source, target = message.findtext("source") or "", message.find("translation")
        if target is None or target.get("type") in ("unfinished", "obsolete", "vanished"):
            continue
        numbered = [form.text or "" for form in target.findall("numerusform")]
        if len(numbered) == 2:
            forms[source] = (numbered[0], numbered[1])
        elif target.text:
            texts[source] = target.text
    return texts, forms
