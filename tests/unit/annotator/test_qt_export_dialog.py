from pathlib import Path

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QGuiApplication
from PyQt5.QtWidgets import QWidget

from annotator.core.session import Session
from annotator.qt.dialogs.export import ExportDialog, purpose_of, show_export
from converters import registry
from converters.report import Report


@pytest.fixture
def dialog(qtbot, small_demo: Path):
    session = Session.open(small_demo)
    parent = QWidget()
    qtbot.addWidget(parent)
    yield show_export(parent, session)
    session.close()


def test_an_export_from_the_first_field_to_the_folder(qtbot, dialog: ExportDialog, small_demo: Path):
    qtbot.waitUntil(lambda: "will be written" in dialog.losses.text())
    assert dialog.target.text() == str(small_demo.with_name("small-coco")) and dialog.go.isEnabled()
    dialog.format.setCurrentIndex(dialog.format.findData("ultralytics"))
    assert dialog.target.text().endswith("small-ultralytics")
    dialog.classes.item(0, 1).setText("new name")
    dialog.classes.item(1, 0).setCheckState(Qt.Unchecked)
    dialog.split.setCurrentIndex(dialog.split.findData("counts"))
    qtbot.waitUntil(lambda: "without a tick" in dialog.losses.text())
    assert "new name" in dialog.command.text() and "--split 6,1,1" in dialog.command.text()
    qtbot.mouseClick(dialog.copy, Qt.LeftButton)
    assert QGuiApplication.clipboard().text() == dialog.command.text()
    qtbot.mouseClick(dialog.go, Qt.LeftButton)
    qtbot.waitUntil(lambda: dialog.result is not None and not dialog.work.is_running, timeout=20_000)
    made = registry.load(small_demo.with_name("small-ultralytics"), Report())
    assert "new name" in made.class_names and len(made) == 8
    assert dialog.show_folder.isVisible() and not dialog.go.isEnabled() and "8 pictures" in dialog.said.text()
    dialog.close()


def test_what_cannot_be_is_said_before_the_button(qtbot, dialog: ExportDialog, small_demo: Path):
    dialog.target.setText(str(small_demo / "inside"))
    assert not dialog.go.isEnabled() and "lies inside the source" in dialog.said.text()
    dialog.target.setText("")
    assert not dialog.go.isEnabled() and "Choose a folder" in dialog.said.text()
    dialog.target.setText(str(small_demo.with_name("new")))
    assert dialog.go.isEnabled() and not dialog.said.text()
    dialog.split.setCurrentIndex(dialog.split.findData("parts"))
    next(iter(dialog.parts.values())).setValue(50)
    assert not dialog.go.isEnabled() and "80 %" in dialog.said.text()
    dialog.classes.item(0, 1).setText(" ")
    dialog.split.setCurrentIndex(0)
    assert not dialog.go.isEnabled() and "needs a name" in dialog.said.text()
    dialog.close()


def test_every_format_says_what_it_is_for(qtbot, dialog: ExportDialog):
    assert all(purpose_of(dialog.format.itemData(row)) for row in range(dialog.format.count()))
    dialog.close()
