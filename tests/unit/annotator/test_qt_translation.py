import pytest
from PyQt5.QtCore import QCoreApplication

from annotator.qt.translation import Translator, languages, numbers, tr, tr_n


@pytest.fixture
def french(qapp):
    translator = Translator(languages()["fr"])
    assert not translator.isEmpty()
    assert QCoreApplication.installTranslator(translator)
    yield
    QCoreApplication.removeTranslator(translator)


def test_without_a_translator_it_is_english(qapp):
    assert tr("Language:") == "Language:" and numbers("1,234") == "1,234"
    assert tr("{a} of {b}", a=1, b="{b}") == "1 of {b}"
    assert [tr_n("{n} picture", "{n} pictures", n) for n in (0, 1, 2)] == [
        "0 pictures",
        "1 picture",
        "2 pictures",
    ]


def test_french(french):
    assert tr("Language:") == "Langue\u00a0:"
    assert tr("what nobody translated") == "what nobody translated"
    assert [tr_n("{n} picture", "{n} pictures", n) for n in (0, 1, 2000)] == [
        "0 image",
        "1 image",
        "2\u00a0000 images",
    ]
    # Only whole values are numbers of ours: a name stays as it is.
    assert tr("{done} of {total}", done="1,234", total=56789) == "1\u00a0234 sur 56789"
    assert tr("Written to {path}.", path="a 1,000.csv") == "Écrit dans a 1,000.csv."
    assert numbers("1,234 (56,789) 1,23") == "1\u00a0234 (56\u00a0789) 1,23"


def test_texts_of_qt_are_left_to_others(french):
    assert QCoreApplication.translate("QPlatformTheme", "Cancel") == "Cancel"


def test_what_is_not_finished_stays_english(tmp_path, qapp):
    path = tmp_path / "xx.ts"
    path.write_text(
        "<!DOCTYPE TS><TS><context><name>annotator</name>"
        "<message><source>a</source><translation type='unfinished'>b</translation></message>"
        "<message><source>c</source><translation>d</translation></message></context></TS>",
        encoding="utf-8",
    )
    translator = Translator(path)
    assert translator.translate("annotator", "a") is None
    assert translator.translate("annotator", "c") == "d"
