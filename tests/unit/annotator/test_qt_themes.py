import locale
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from PyQt5.QtCore import QLocale
from PyQt5.QtGui import QPalette

from annotator.core.colour_scheme import contrast
from annotator.qt import languages, themes
from annotator.qt.charts import BarView
from annotator.qt.themes import TEXT_SIZE, THEME, Theme, dark_of_portal, palette_of
from annotator.settings import Settings

ON = {
    "WindowText": "Window", "Text": "Base", "ButtonText": "Button", "HighlightedText": "Highlight",
    "ToolTipText": "ToolTipBase", "PlaceholderText": "Base", "Link": "Window", "BrightText": "Window",
}  # fmt: skip


@pytest.fixture
def settings(qapp, tmp_path: Path):
    palette, font = qapp.palette(), qapp.font()
    yield Settings(tmp_path / "settings.json")
    qapp.setPalette(palette)
    qapp.setFont(font)


def colour(palette: QPalette, group, role: str) -> tuple[int, int, int]:
    return palette.color(group, getattr(QPalette, role)).getRgb()[:3]


@pytest.mark.parametrize("theme", [Theme.LIGHT, Theme.DARK])
def test_text_can_be_read(theme: Theme):
    palette = palette_of(theme)
    for group in (QPalette.Active, QPalette.Inactive):
        for text, ground in ON.items():
            assert contrast(colour(palette, group, text), colour(palette, group, ground)) >= 4.5, (
                text,
                ground,
            )
        for ground in ("AlternateBase", "Window", "Button"):
            assert contrast(colour(palette, group, "Text"), colour(palette, group, ground)) >= 4.5
    for text, ground in (("WindowText", "Window"), ("Text", "Base"), ("ButtonText", "Button")):
        found = contrast(colour(palette, QPalette.Disabled, text), colour(palette, QPalette.Disabled, ground))
        assert found >= 4, (text, ground)


def test_a_choice_counts_at_once_and_charts_follow(qtbot, qapp, settings: Settings):
    chart = BarView()
    qtbot.addWidget(chart)
    for theme in (Theme.DARK, Theme.LIGHT):
        settings.set(THEME, str(theme))
        themes.apply(settings)
        window = palette_of(theme).color(QPalette.Window)
        assert qapp.palette().color(QPalette.Window) == window
        qtbot.waitUntil(lambda window=window: chart.backgroundBrush().color() == window)


def test_the_text_grows(qapp, settings: Settings):
    themes.apply(settings)
    size = qapp.font().pointSizeF()
    settings.set(TEXT_SIZE, 150)
    themes.apply(settings)
    assert qapp.font().pointSizeF() == pytest.approx(size * 1.5, rel=0.02)
    settings.set(TEXT_SIZE, "large")
    themes.apply(settings)
    assert qapp.font().pointSizeF() == pytest.approx(size, rel=0.02)


def test_the_system_is_asked(monkeypatch: pytest.MonkeyPatch, qapp, settings: Settings):
    for name in ("DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "XDG_CURRENT_DESKTOP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("GTK_THEME", "Adwaita:dark")
    assert themes.is_dark(settings)
    settings.set(THEME, "light")
    assert not themes.is_dark(settings)
    settings.set(THEME, "no such theme")
    assert themes.chosen(settings) is Theme.SYSTEM


def test_the_portal_numbers():
    assert [dark_of_portal(value) for value in (0, 1, 2, None, "1")] == [None, True, False, None, None]


def test_language_is_chosen_or_the_systems(monkeypatch: pytest.MonkeyPatch, settings: Settings):
    monkeypatch.setattr(QLocale, "uiLanguages", lambda _: ["fr-CA", "en-CA"])
    assert languages.chosen_language(settings) == "fr"
    settings.set(languages.LANGUAGE, "en")
    assert languages.chosen_language(settings) == "en"
    settings.set(languages.LANGUAGE, "tlh")
    monkeypatch.setattr(QLocale, "uiLanguages", lambda _: ["de-DE", "C"])
    assert languages.chosen_language(settings) == "en"


def test_numbers_have_a_point_in_a_country_of_commas(tmp_path: Path):
    """A locale with a comma, made for this test where the system can make one."""
    maker = shutil.which("localedef")
    if maker is not None:
        place = str(tmp_path / "fr_FR.UTF-8")
        subprocess.run([maker, "-i", "fr_FR", "-f", "UTF-8", place], capture_output=True, check=False)
    if not (tmp_path / "fr_FR.UTF-8").exists():
        pytest.skip("no locale with a comma can be made here")
    script = (
        "import locale, sys\n"
        "from PyQt5.QtWidgets import QApplication, QDoubleSpinBox\n"
        "from annotator.qt import languages\n"
        "from annotator.settings import Settings\n"
        "app = QApplication([])\n"
        "before = locale.localeconv()['decimal_point']\n"
        f"code = languages.install(Settings(__import__('pathlib').Path({str(tmp_path / 's.json')!r})))\n"
        "box = QDoubleSpinBox(); box.setValue(1.5)\n"
        "print(before, locale.localeconv()['decimal_point'], box.text(), code)\n"
    )
    environment = {
        **os.environ,
        "LOCPATH": str(tmp_path),
        "LC_ALL": "fr_FR.UTF-8",
        "QT_QPA_PLATFORM": "offscreen",
    }
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment, check=False
    )
    before, after, shown, code = done.stdout.split()
    assert before == "," and after == "." and shown == "1.50" and code == "fr", done.stderr


def test_the_locale_of_this_process_has_a_point():
    assert locale.localeconv()["decimal_point"] == "."
