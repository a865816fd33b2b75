"""The catalogues of the window's texts: ``python -m annotator.qt.catalogue`` brings them up to date.

It collects every literal of ``tr``, ``tr_n``, ``said`` and ``said_n``, adds new ones to each
``assets/translations/<language>.ts`` as unfinished and takes away what is said nowhere any more. The texts
are sorted, so that changed code changes the lines of its own texts only. (Qt's ``pylupdate5`` collects texts
of classes; ours have none.)
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from xml.sax.saxutils import escape

from lxml import etree

from assets import translations_path
from converters.commands import ExitStatus, make_parser, run_command, say
from converters.errors import FormatError
from converters.files import write_if_changed

CONTEXT = "annotator"
_SINGLE, _NUMBERED = ("tr", "said"), ("tr_n", "said_n")


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A text in the code.

    Attributes:
        text: English; of a text about a number that for many.
        numbered: Whether it is about a number.
        one: The text for one; empty where no number decides.
    """

    text: str
    numbered: bool = False
    one: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class Entry:
    """A text in a catalogue.

    Attributes:
        forms: The translation; two (for one, for many) of a text about a number. Empty: not translated.
        finished: Whether someone has looked at it.
    """

    forms: tuple[str, ...] = ()
    finished: bool = False


Catalogue = dict[Source, Entry]


def collect(files: Iterable[Path]) -> list[Source]:
    """The texts in some Python files, sorted, each once.

    Raises:
        FormatError: Something else than a literal is to be translated, which no catalogue can hold.
    """
    found: dict[Source, None] = {}
    for path in files:
        for call in _calls(ast.parse(path.read_text(encoding="utf-8"), str(path))):
            found[_source(call, path)] = None
    return sorted(found)


def code() -> list[Path]:
    """The Python files whose texts are shown in the window."""
    return sorted(Path(__file__).parents[1].rglob("*.py"))


def _calls(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        if node.func.id in (*_SINGLE, *_NUMBERED):
            yield node


def _source(call: ast.Call, path: Path) -> Source:
    numbered = isinstance(call.func, ast.Name) and call.func.id in _NUMBERED
    texts = []
    for argument in call.args[: 1 + numbered]:
        if not isinstance(argument, ast.Constant) or not isinstance(argument.value, str):
            raise FormatError("is no literal: it cannot be translated.", path=path, line=call.lineno)
        texts.append(argument.value)
    return Source(texts[-1], numbered, texts[0] if numbered else "")


def read(path: Path) -> Catalogue:
    """A catalogue as it lies on disk."""
    found: Catalogue = {}
    parser = etree.XMLParser(resolve_entities=False, no_network=True)
    for message in etree.parse(path, parser).iter("message"):
        target = message.find("translation")
        numbered = message.get("numerus") == "yes"
        forms: tuple[str, ...] = ()
        if target is not None:
            several = tuple(form.text or "" for form in target.findall("numerusform"))
            forms = several if numbered else (target.text or "",)
        finished = target is not None and target.get("type") is None and all(forms) and bool(forms)
        source = Source(message.findtext("source") or "", numbered)
        found[source] = Entry(forms if any(forms) else (), finished)
    return found


def render(language: str, entries: Catalogue) -> bytes:
    """A catalogue in the format of Qt's own tools, always the same for the same texts."""
    lines = [
        '<?xml version="1.0" encoding="utf-8"?>',
        "<!DOCTYPE TS>",
        f'<TS version="2.1" language="{language}" sourcelanguage="en">',
        "<context>",
        f"    <name>{CONTEXT}</name>",
    ]
    for source in sorted(entries):
        entry = entries[source]
        state = "" if entry.finished else ' type="unfinished"'
        lines.append('    <message numerus="yes">' if source.numbered else "    <message>")
        lines.append(f"        <source>{escape(source.text)}</source>")
        if source.numbered:
            lines.append(f"        <translation{state}>")
            forms = entry.forms or ("", "")
            lines += [f"            <numerusform>{escape(form)}</numerusform>" for form in forms]
            lines.append("        </translation>")
        else:
            lines.append(f"        <translation{state}>{escape(''.join(entry.forms))}</translation>")
        lines.append("    </message>")
    lines += ["</context>", "</TS>", ""]
    return "\n".join(lines).encode()


def update(path: Path, sources: Sequence[Source]) -> Catalogue:
    """Bring one catalogue up to date; returns what it holds then.

    Raises:
        WriteError: It cannot be written.
    """
    before = read(path)
    entries = {source: before.get(source, Entry()) for source in sources}
    write_if_changed(path, render(path.stem, entries))
    return entries


def _body(arguments: Sequence[str]) -> int:
    parser = make_parser(
        "python -m annotator.qt.catalogue", "Bring the catalogues of the window's texts up to date.", ""
    )
    parser.parse_args(arguments)
    sources = collect(code())
    for path in sorted(translations_path().glob("*.ts")):
        entries = update(path, sources)
        missing = [source for source, entry in entries.items() if not entry.finished]
        say(f"{path.name}: {len(entries)} texts, {len(missing)} without a translation")
        for source in missing:
            print(source.text.replace("\n", "\\n"))
    return ExitStatus.OK


if __name__ == "__main__":
    sys.exit(run_command(_body))
