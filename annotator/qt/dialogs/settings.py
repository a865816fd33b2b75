"""Settings: what a person can choose about the window. Everything counts at once and is remembered."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QTabWidget,
    QVBoxLayout,
    QWidget,
)

from annotator.qt import themes
from annotator.qt.dialogs.settings_keys import KeysPage
from annotator.qt.entry import LABELLING
from annotator.qt.languages import LANGUAGE
from annotator.qt.themes import TEXT_SIZE, TEXT_SIZES, THEME, Theme
from annotator.qt.translation import languages, tr

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow


class SettingsDialog(QDialog):
    """Pages of settings.

    Args:
        window: Whose they are.
        page: The page that is shown first: ``keys``, ``appearance`` or ``labelling``.
    """

    def __init__(self, window: MainWindow, page: str = "keys") -> None:
        super().__init__(window)
        self.setWindowTitle(tr("Settings"))
        self.keys = KeysPage(window)
        self.appearance = AppearancePage(window)
        self.labelling = LabellingPage(window)
        self.tabs = QTabWidget()
        self.tabs.addTab(self.keys, tr("Keys"))
        self.tabs.addTab(self.appearance, tr("Appearance"))
        self.tabs.addTab(self.labelling, tr("Labelling"))
        shown = {"keys": self.keys, "appearance": self.appearance, "labelling": self.labelling}
        self.tabs.setCurrentWidget(shown[page])
        buttons = QDialogButtonBox(QDialogButtonBox.Close)
        buttons.rejected.connect(self.reject)
        buttons.button(QDialogButtonBox.Close).setAutoDefault(False)
        column = QVBoxLayout(self)
        column.addWidget(self.tabs, 1)
        column.addWidget(buttons)
        metrics, room = self.fontMetrics(), window.screen().availableGeometry()
        width, height = metrics.averageCharWidth() * 110, metrics.height() * 34
        self.resize(min(width, room.width() - 60), min(height, room.height() - 80))
        self.keys.search.setFocus()


class AppearancePage(QWidget):
    """Colours, size of the text, language."""

    def __init__(self, window: MainWindow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._window = window
        form = QFormLayout(self)
        form.setFieldGrowthPolicy(QFormLayout.FieldsStayAtSizeHint)
        self.theme = QComboBox()
        for theme, text in (
            (Theme.SYSTEM, tr("As the system")),
            (Theme.LIGHT, tr("Light")),
            (Theme.DARK, tr("Dark")),
        ):
            self.theme.addItem(text, str(theme))
        self.theme.setCurrentIndex(self.theme.findData(str(themes.chosen(window.settings))))
        self.theme.currentIndexChanged.connect(self._theme_chosen)
        form.addRow(tr("Colours:"), self.theme)
        self.text_size = QComboBox()
        self.text_size.addItem(tr("As the screen needs"), 0)
        for size in TEXT_SIZES:
            self.text_size.addItem(f"{size} %", size)
        self.text_size.setCurrentIndex(max(self.text_size.findData(window.settings.get(TEXT_SIZE, 0)), 0))
        self.text_size.currentIndexChanged.connect(self._text_size_chosen)
        form.addRow(tr("Size of the text:"), self.text_size)
        self.language = QComboBox()
        self.language.addItem(tr("As the system"), "")
        self.language.addItem("English", "en")
        for code in languages():
            self.language.addItem(own_name(code), code)
        known = self.language.findData(window.settings.get(LANGUAGE, ""))
        self.language.setCurrentIndex(max(known, 0))
        self.language.currentIndexChanged.connect(self._language_chosen)
        form.addRow(tr("Language:"), self.language)
        self.note = QLabel()
        self.note.setWordWrap(True)
        form.addRow(self.note)

    def _theme_chosen(self) -> None:
        value = self.theme.currentData()
        self._window.settings.set(THEME, None if value == Theme.SYSTEM else value)
        themes.apply(self._window.settings)

    def _text_size_chosen(self) -> None:
        self._window.settings.set(TEXT_SIZE, self.text_size.currentData() or None)
        themes.apply(self._window.settings)
        self.note.setText(tr("Some headings follow with the next start of the window."))

    def _language_chosen(self) -> None:
        self._window.settings.set(LANGUAGE, self.language.currentData() or None)
        self.note.setText(tr("The language changes with the next start of the window."))


def own_name(code: str) -> str:
    """A language as those who speak it call it."""
    from PyQt5.QtCore import QLocale

    name = QLocale(code).nativeLanguageName()
    return name[:1].upper() + name[1:] if name else code


class LabellingPage(QWidget):
    """What the labelling page shows: the same switches as in the menu View."""

    def __init__(self, window: MainWindow, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        column = QVBoxLayout(self)
        self.switches: dict[str, QCheckBox] = {}
        for name, entry in window.keys.entries.items():
            if entry.checked is not None and entry.pages == (LABELLING,):
                switch = self.switches[name] = QCheckBox(entry.text)
                switch.setChecked(entry.checked())
                switch.setToolTip(window.actions_by_name[name].toolTip())
                # clicked, not toggled: the entry turns over what is true now.
                switch.clicked.connect(lambda _=False, entry=entry: entry.run())
                column.addWidget(switch)
        column.addStretch()
