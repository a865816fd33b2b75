"""The French catalogue holds every text of the window, and its places and accents fit."""

import ast
import re
import string
from pathlib import Path

import pytest

from annotator.qt.catalogue import Entry, Source, code, collect, read, render, update
from annotator.qt.translation import languages
from converters.errors import FormatError

FRENCH = read(languages()["fr"])
PLACES = re.compile(r"%[vm]")


def places(text: str) -> set[str]:
    names = {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}
    return names | set(PLACES.findall(text))


def test_every_text_has_a_translation_and_no_other_has():
    sources = collect(code())
    assert len(sources) > 1000
    missing = [source.text for source in sources if not FRENCH.get(source, Entry()).finished]
    assert not missing, "run python -m annotator.qt.catalogue and translate these"
    assert set(FRENCH) == set(sources), "run python -m annotator.qt.catalogue"


def test_the_file_is_as_the_collector_writes_it():
    assert languages()["fr"].read_bytes() == render("fr", FRENCH)


def test_places_are_the_same_on_both_sides():
    wrong = [
        (source.text, form)
        for source, entry in FRENCH.items()
        for form in entry.forms
        if places(form) != places(source.text)
    ]
    assert wrong == []


def on_buttons() -> set[str]:
    """The texts that stand on buttons."""
    found = set()
    for path in code():
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.Call):
                continue
            name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if name in ("QPushButton", "TaskRow", "addButton", "_button", "QToolButton", "addTab"):
                calls = (
                    a for a in [*node.args, *(k.value for k in node.keywords)] if isinstance(a, ast.Call)
                )
                found |= {c.args[0].value for c in calls if getattr(c.func, "id", "") == "tr"}
    return found


def test_texts_on_buttons_are_not_much_longer():
    texts = on_buttons()
    assert len(texts) > 60
    forms = {text: FRENCH[Source(text)].forms[0] for text in texts}
    # Short ones have room: buttons are not narrower than some twelve characters.
    assert {t: f for t, f in forms.items() if len(f) > max(1.6 * len(t), 20)} == {}


def test_french_typography():
    for source, entry in FRENCH.items():
        for form in entry.forms:
            assert "'" not in form, form
            assert not re.search(r"[^\u00a0]»|«[^\u00a0]", form), form
            assert not re.search(r"[ \w]: |[^\W\d]:$", form), form
            assert form.count("\n") == source.text.count("\n"), form
            assert form.endswith("…") == source.text.endswith("…") or len(source.text) > 12, form


def test_no_two_menus_have_the_same_letter():
    titles = ["&File", "&Edit", "&Go", "&View", "&Help"]
    letters = [re.search("&(.)", FRENCH[Source(title)].forms[0]).group(1).lower() for title in titles]
    assert len(set(letters)) == len(letters)
    # A menu's letter with Alt must be no key of an action, or neither works.
    keys = {key.lower() for path in code() for key in re.findall(r'"Alt\+([A-Z])"', path.read_text("utf-8"))}
    assert keys and not keys & {*letters, *(title[title.index("&") + 1].lower() for title in titles)}


def test_what_is_collected(tmp_path: Path):
    path = tmp_path / "some.py"
    path.write_text(
        'tr("b {x}", x=1)\ntr_n("{n} a", "{n} as", 2)\ntr("a" "c")\nself.tr(d)\ntr("b {x}", x=2)\n'
    )
    found = collect([path])
    assert found == [Source("ac"), Source("b {x}"), Source("{n} as", True)]
    assert found[2].one == "{n} a"
    path.write_text("\nname = 'x'\ntr(name)\n")
    with pytest.raises(FormatError) as refused:
        collect([path])
    assert refused.value.line == 3


def test_a_catalogue_keeps_translations_and_gets_new_texts(tmp_path: Path):
    path = tmp_path / "xx.ts"
    kept, gone, new = Source("a < b"), Source("gone"), Source("{n} things", True)
    path.write_bytes(render("xx", {kept: Entry(("c < d",), True), gone: Entry(("e",), True)}))
    update(path, [kept, new])
    assert read(path) == {kept: Entry(("c < d",), True), new: Entry()}
    first = path.read_bytes()
    assert b"unfinished" in first and b"gone" not in first
    update(path, [kept, new])
    assert path.read_bytes() == first
