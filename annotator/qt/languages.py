"""Which language the window speaks: chosen in the settings, else the system's where there is a catalogue."""

from __future__ import annotations

import locale

from PyQt5.QtCore import QCoreApplication, QLibraryInfo, QLocale, QTranslator

from annotator.qt.translation import Translator, languages
from annotator.settings import Settings

LANGUAGE = "language"
"""In the settings: a code such as ``fr``, or ``en``; nothing: the system's."""


def chosen_language(settings: Settings) -> str:
    """Code of the language that is to be spoken; ``en`` where no other fits."""
    known = languages()
    value = settings.get(LANGUAGE)
    if value == "en" or value in known:
        return str(value)
    for wanted in QLocale.system().uiLanguages():
        code = wanted.replace("_", "-").split("-")[0].lower()
        if code == "en" or code in known:
            return code
    return "en"


def install(settings: Settings) -> str:
    """Make the application speak that language, Qt's own dialogs too; returns its code."""
    application = QCoreApplication.instance()
    code = chosen_language(settings)
    if code != "en":
        of_qt = QTranslator(application)
        if of_qt.load(f"qtbase_{code}", QLibraryInfo.location(QLibraryInfo.TranslationsPath)):
            application.installTranslator(of_qt)
        application.installTranslator(Translator(languages()[code], application))
    numbers_with_a_point()
    return code


def numbers_with_a_point() -> None:
    """Numbers have a point everywhere, in fields and files: a comma in one of them misleads the other.

    Qt takes the locale of the system over for the C library as well when the application is made.
    """
    QLocale.setDefault(QLocale.c())
    locale.setlocale(locale.LC_NUMERIC, "C")
