"""The light and the dark theme, the size of the text, and following the desktop in both."""

from __future__ import annotations

import os
import shutil
import subprocess
from enum import StrEnum
from pathlib import Path

from PyQt5.QtCore import QObject, Qt, QTimer, pyqtSlot
from PyQt5.QtDBus import QDBus, QDBusConnection, QDBusMessage
from PyQt5.QtGui import QColor, QFont, QPalette
from PyQt5.QtWidgets import QApplication, QToolTip

from annotator.core.colour_scheme import dark_by_files
from annotator.settings import Settings

THEME = "theme"
TEXT_SIZE = "text_size"
TEXT_SIZES = (90, 100, 110, 125, 150, 175, 200)
"""Percent of the system's size that can be chosen."""
_PORTAL = (
    "org.freedesktop.portal.Desktop",
    "/org/freedesktop/portal/desktop",
    "org.freedesktop.portal.Settings",
)
_PORTAL_WAIT = 250
"""Milliseconds that the desktop may take to answer."""
_BASE_SIZE = "annotator_base_size"
_BASE_DARK = "annotator_base_dark"


class Theme(StrEnum):
    """What can be chosen."""

    SYSTEM = "system"
    LIGHT = "light"
    DARK = "dark"


_LIGHT = {
    "Window": "#f3f4f6", "WindowText": "#1b1e23", "Base": "#ffffff", "AlternateBase": "#eef0f3",
    "Text": "#1b1e23", "Button": "#eceef1", "ButtonText": "#1b1e23", "BrightText": "#b3131f",
    "Highlight": "#1d66b3", "HighlightedText": "#ffffff", "Link": "#0b5cad", "LinkVisited": "#6b3fa0",
    "PlaceholderText": "#626974", "ToolTipBase": "#2b3037", "ToolTipText": "#f4f5f7",
    "Light": "#ffffff", "Midlight": "#f8f9fa", "Mid": "#b7bcc4", "Dark": "#8b929c", "Shadow": "#5c636e",
}  # fmt: skip
_DARK = {
    "Window": "#25282d", "WindowText": "#e7e9ec", "Base": "#1c1e22", "AlternateBase": "#23262b",
    "Text": "#e7e9ec", "Button": "#32363d", "ButtonText": "#e7e9ec", "BrightText": "#ff8f8f",
    "Highlight": "#2a69ad", "HighlightedText": "#ffffff", "Link": "#7db8f5", "LinkVisited": "#c3a5ee",
    "PlaceholderText": "#9ba2ad", "ToolTipBase": "#3b4048", "ToolTipText": "#f4f5f7",
    "Light": "#454b54", "Midlight": "#3a3f47", "Mid": "#4d545e", "Dark": "#16181b", "Shadow": "#0b0c0e",
}  # fmt: skip
_DISABLED = {
    Theme.LIGHT: {"text": "#656c77", "Highlight": "#c9ced6"},
    Theme.DARK: {"text": "#979ea9", "Highlight": "#3a3f47"},
}

_TICK_LIGHTER = 160
"""Percent of a button's lightness that an empty tick box has in the dark theme."""


def palette_of(theme: Theme) -> QPalette:
    """The colours of the light or the dark theme."""
    palette = QPalette()
    for name, colour in (_DARK if theme is Theme.DARK else _LIGHT).items():
        palette.setColor(QPalette.All, getattr(QPalette, name), QColor(colour))
    faint = _DISABLED[Theme.DARK if theme is Theme.DARK else Theme.LIGHT]
    for role in (
        QPalette.WindowText,
        QPalette.Text,
        QPalette.ButtonText,
        QPalette.PlaceholderText,
        QPalette.Link,
    ):
        palette.setColor(QPalette.Disabled, role, QColor(faint["text"]))
    palette.setColor(QPalette.Disabled, QPalette.Highlight, QColor(faint["Highlight"]))
    palette.setColor(QPalette.Disabled, QPalette.HighlightedText, QColor(faint["text"]))
    return palette


def chosen(settings: Settings) -> Theme:
    """What the person chose; the system's where she did not."""
    value = settings.get(THEME)
    return Theme(value) if value in tuple(Theme) else Theme.SYSTEM


def is_dark(settings: Settings) -> bool:
    """Whether the window is to be dark now."""
    theme = chosen(settings)
    return system_is_dark() if theme is Theme.SYSTEM else theme is Theme.DARK


def apply(settings: Settings, dark: bool | None = None) -> None:
    """Give all windows the theme and the size of text that are chosen.

    Args:
        settings: Where that is kept.
        dark: What the system just said, where it did.
    """
    application = QApplication.instance()
    _remember_base(application)
    if dark is None or chosen(settings) is not Theme.SYSTEM:
        dark = is_dark(settings)
    palette = palette_of(Theme.DARK if dark else Theme.LIGHT)
    if application.palette() != palette:
        application.setPalette(palette)
        tips = QPalette(palette)
        tips.setColor(QPalette.Window, palette.color(QPalette.ToolTipBase))
        tips.setColor(QPalette.WindowText, palette.color(QPalette.ToolTipText))
        QToolTip.setPalette(tips)
        ticks = QPalette(palette)
        if dark:  # the dark edge of an empty tick box cannot be seen on a dark window: its inside is lighter
            ticks.setColor(QPalette.Base, palette.color(QPalette.Button).lighter(_TICK_LIGHTER))
            ticks.setColor(
                QPalette.Disabled,
                QPalette.Base,
                palette.color(QPalette.Button).lighter(_TICK_LIGHTER // 2 + 50),
            )
        for name in ("QCheckBox", "QRadioButton"):
            application.setPalette(ticks, name)
    size = application.property(_BASE_SIZE) * percent(settings) / 100
    font = QFont(application.font())
    if abs(font.pointSizeF() - size) > 0.01:
        font.setPointSizeF(size)
        application.setFont(font)


def _remember_base(application: QApplication) -> None:
    """What the system gave, before it is changed for the first time."""
    if application.property(_BASE_SIZE) is None:
        application.setProperty(_BASE_SIZE, application.font().pointSizeF())
        palette = application.palette()
        application.setProperty(
            _BASE_DARK,
            palette.color(QPalette.Window).lightness() < palette.color(QPalette.WindowText).lightness(),
        )


def percent(settings: Settings) -> int:
    """Size of the text in percent of the system's; chosen, or what the screen calls for."""
    value = settings.get(TEXT_SIZE)
    if isinstance(value, int) and TEXT_SIZES[0] <= value <= TEXT_SIZES[-1]:
        return value
    return fitting_percent()


def fitting_percent() -> int:
    """A screen of 4K whose system says that it has 96 dots an inch would show text for ants."""
    screen = QApplication.primaryScreen()
    pixels = screen.size().height() * screen.devicePixelRatio()
    unscaled = screen.devicePixelRatio() < 1.2 and screen.logicalDotsPerInch() < 110
    return 150 if pixels >= 2000 and unscaled else 100


# What the system says


def system_is_dark() -> bool:
    """Whether the desktop is dark: the portal, GNOME's setting, files of GTK and KDE, else what Qt says."""
    for source in (_dark_by_portal, _dark_by_gnome, lambda: dark_by_files(os.environ, Path.home())):
        answer = source()
        if answer is not None:
            return answer
    _remember_base(QApplication.instance())
    return bool(QApplication.instance().property(_BASE_DARK))


def _dark_by_portal() -> bool | None:
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") and not os.environ.get("XDG_RUNTIME_DIR"):
        return None
    bus = QDBusConnection.sessionBus()
    if not bus.isConnected():
        return None
    question = QDBusMessage.createMethodCall(*_PORTAL, "Read")
    question.setArguments(["org.freedesktop.appearance", "color-scheme"])
    answer = bus.call(question, QDBus.Block, _PORTAL_WAIT)
    if answer.type() != QDBusMessage.ReplyMessage or not answer.arguments():
        return None
    return dark_of_portal(answer.arguments()[0])


def dark_of_portal(value: object) -> bool | None:
    """The portal's number: 1 is dark, 2 is light, 0 is no preference (which is no answer)."""
    while hasattr(value, "variant"):  # a variant in a variant
        value = value.variant()
    return {1: True, 2: False}.get(value) if isinstance(value, int) else None


def _dark_by_gnome() -> bool | None:
    # Asked only where the desktop is one that keeps it there: it starts a process.
    desktop = os.environ.get("XDG_CURRENT_DESKTOP", "").upper()
    if not any(name in desktop for name in ("GNOME", "UNITY", "CINNAMON", "BUDGIE")):
        return None
    program = shutil.which("gsettings")
    if program is None:
        return None
    try:
        done = subprocess.run(
            [program, "get", "org.gnome.desktop.interface", "color-scheme"],
            capture_output=True,
            text=True,
            timeout=1,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    words = done.stdout.strip().strip("'")
    return {"prefer-dark": True, "prefer-light": False}.get(words) if done.returncode == 0 else None


class Follower(QObject):
    """Follows the desktop while the window is open: at once where it tells, else when it is looked at."""

    def __init__(self, settings: Settings, parent: QObject) -> None:
        super().__init__(parent)
        self._settings = settings
        application = QApplication.instance()
        application.applicationStateChanged.connect(self._looked_at)
        application.primaryScreenChanged.connect(lambda _: apply(self._settings))
        self._files: bool | None = dark_by_files(os.environ, Path.home())
        self._listens = self._listen()

    def _listen(self) -> bool:
        if not os.environ.get("DBUS_SESSION_BUS_ADDRESS") and not os.environ.get("XDG_RUNTIME_DIR"):
            return False
        bus = QDBusConnection.sessionBus()
        _, path, interface = _PORTAL
        return bus.isConnected() and bus.connect("", path, interface, "SettingChanged", self.told)

    @pyqtSlot(QDBusMessage)
    def told(self, message: QDBusMessage) -> None:
        """The desktop changed one of its settings."""
        space, name, value = (*message.arguments(), None, None, None)[:3]
        if (space, name) == ("org.freedesktop.appearance", "color-scheme"):
            apply(self._settings, dark_of_portal(value) or False)

    def _looked_at(self, state: Qt.ApplicationState) -> None:
        if state == Qt.ApplicationActive:
            answer = dark_by_files(os.environ, Path.home())
            if answer is not None and answer != self._files:
                self._files = answer
                QTimer.singleShot(0, lambda: apply(self._settings, answer))
