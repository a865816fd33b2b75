import zipfile
from pathlib import Path

import pytest
from PyQt5.QtGui import QGuiApplication

from annotator.qt.dialogs.about import show_about
from annotator.qt.dialogs.diagnostics import show_diagnostics
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings


@pytest.fixture
def window(qtbot, tmp_path: Path):
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    yield widget
    widget.close()


def test_what_will_be_saved_is_seen_first(qtbot, window: MainWindow, small_demo: Path, tmp_path: Path):
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    dialog = show_diagnostics(window)
    qtbot.waitUntil(lambda: dialog.go.isEnabled())
    assert "Screen 0" in dialog.view.toPlainText()
    dialog.list.setCurrentRow(2)
    assert "Pictures: 9" in dialog.view.toPlainText() and "with_mask" not in dialog.view.toPlainText()
    dialog.names.setChecked(True)
    qtbot.waitUntil(lambda: dialog.go.isEnabled())
    assert "with_mask" in dialog.view.toPlainText()
    dialog.save_to(tmp_path / "it.zip")
    assert len(zipfile.ZipFile(tmp_path / "it.zip").namelist()) == 6


def test_about_lists_what_it_is_built_on(qtbot, window: MainWindow):
    dialog = show_about(window)
    names = [dialog.table.sorted.index(row, 0).data() for row in range(dialog.table.sorted.rowCount())]
    assert names[:2] == ["Python", "Qt"]
    dialog.copy()
    assert "Python 3" in QGuiApplication.clipboard().text()
    dialog.close()
