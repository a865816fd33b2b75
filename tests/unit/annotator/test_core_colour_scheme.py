from pathlib import Path

import pytest

from annotator.core.colour_scheme import contrast, dark_by_files, dark_by_theme_name


@pytest.mark.parametrize(
    ("name", "dark"),
    [
        ("Adwaita-dark", True),
        ("Adwaita:dark", True),
        ("'Yaru-blue-dark'", True),
        ("Adwaita", False),
        ("Darkness", False),
    ],
)
def test_themes_by_their_names(name: str, dark: bool):
    assert dark_by_theme_name(name) is dark
    assert dark_by_files({"GTK_THEME": name}, Path("/nowhere")) is dark


def test_gtk_and_kde_files(tmp_path: Path):
    assert dark_by_files({}, tmp_path) is None
    gtk = tmp_path / ".config" / "gtk-3.0" / "settings.ini"
    gtk.parent.mkdir(parents=True)
    gtk.write_text("[Settings]\ngtk-application-prefer-dark-theme=1\n")
    assert dark_by_files({}, tmp_path) is True
    gtk.write_text("[Settings]\ngtk-theme-name=Adwaita\n")
    assert dark_by_files({}, tmp_path) is False
    kde = tmp_path / ".config" / "kdeglobals"
    kde.write_text("[Colors:Window]\nBackgroundNormal=42,46,50\n")
    assert dark_by_files({"XDG_CURRENT_DESKTOP": "KDE"}, tmp_path) is True
    assert dark_by_files({"XDG_CURRENT_DESKTOP": "GNOME"}, tmp_path) is False
    kde.write_text("[General]\nColorScheme=BreezeLight\n")
    assert dark_by_files({"XDG_CURRENT_DESKTOP": "KDE"}, tmp_path) is False
    kde.write_bytes(b"\xff\xfe no file of KDE's at all")
    gtk.write_text("nothing")
    assert dark_by_files({}, tmp_path) is None


def test_contrast_as_wcag_counts_it():
    assert contrast((0, 0, 0), (255, 255, 255)) == pytest.approx(21)
    assert contrast((255, 255, 255), (119, 119, 119)) == pytest.approx(4.48, abs=0.01)
