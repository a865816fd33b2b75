"""Whether the desktop is dark, from what desktops keep in files and variables. Qt-free."""

from __future__ import annotations

import configparser
from collections.abc import Mapping
from pathlib import Path


def dark_by_theme_name(name: str) -> bool:
    """Whether a GTK theme is a dark one by its name (``Adwaita-dark``, ``Adwaita:dark``, ``Yaru-dark``)."""
    words = name.strip().strip("'\"").lower().replace(":", "-").replace("_", "-").split("-")
    return "dark" in words


def dark_by_files(environment: Mapping[str, str], home: Path) -> bool | None:
    """What variables and files of GTK and KDE say; None: nothing.

    Args:
        environment: ``os.environ``.
        home: The person's home folder.
    """
    if environment.get("GTK_THEME"):
        return dark_by_theme_name(environment["GTK_THEME"])
    config = Path(environment.get("XDG_CONFIG_HOME") or home / ".config")
    readers = [_dark_by_kde, _dark_by_gtk]
    if "KDE" not in environment.get("XDG_CURRENT_DESKTOP", "").upper():
        readers.reverse()
    for reader in readers:
        answer = reader(config)
        if answer is not None:
            return answer
    return None


def _read(path: Path) -> configparser.RawConfigParser | None:
    parser = configparser.RawConfigParser(strict=False, interpolation=None)
    try:
        parser.read_string(path.read_text(encoding="utf-8", errors="replace"))
    except (OSError, configparser.Error):
        return None
    return parser


def _dark_by_gtk(config: Path) -> bool | None:
    for version in ("gtk-4.0", "gtk-3.0"):
        parser = _read(config / version / "settings.ini")
        if parser is None or not parser.has_section("Settings"):
            continue
        values = dict(parser.items("Settings"))
        prefers = values.get("gtk-application-prefer-dark-theme", "").strip().lower()
        if prefers in ("1", "true", "0", "false"):
            if prefers in ("1", "true"):
                return True
            return dark_by_theme_name(values.get("gtk-theme-name", ""))
        if values.get("gtk-theme-name"):
            return dark_by_theme_name(values["gtk-theme-name"])
    return None


def _dark_by_kde(config: Path) -> bool | None:
    parser = _read(config / "kdeglobals")
    if parser is None:
        return None
    colour = parser.get("Colors:Window", "BackgroundNormal", fallback="")
    try:
        red, green, blue = (int(part) for part in colour.split(",")[:3])
    except ValueError:
        name = parser.get("General", "ColorScheme", fallback="")
        return "dark" in name.lower() if name else None
    return 0.299 * red + 0.587 * green + 0.114 * blue < 128


def relative_luminance(red: int, green: int, blue: int) -> float:
    """How bright a colour is, 0 to 1, as WCAG 2.1 defines it."""

    def linear(value: int) -> float:
        part = value / 255
        return part / 12.92 if part <= 0.04045 else float(((part + 0.055) / 1.055) ** 2.4)

    return 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue)


def contrast(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    """The contrast of two colours as WCAG 2.1 defines it: 1 to 21; text wants 4.5 and more."""
    brighter, darker = sorted((relative_luminance(*one), relative_luminance(*other)), reverse=True)
    return (brighter + 0.05) / (darker + 0.05)
