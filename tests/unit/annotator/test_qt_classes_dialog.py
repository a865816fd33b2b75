"""The dialog of classes, by keys and by mouse."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QLineEdit

from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt import bulk
from annotator.qt.dialogs.add_class import AddClassDialog
from annotator.qt.dialogs.class_choices import DeleteQuestion, MergeQuestion
from annotator.qt.dialogs.class_table import BOXES, NAME
from annotator.qt.dialogs.classes import ClassesDialog, merge_dialog
from annotator.settings import Settings


@pytest.fixture
def dialog(qtbot, small_demo: Path, tmp_path: Path):
    session = Session.open(small_demo)
    dialog = ClassesDialog(Project(session, Settings(tmp_path / "settings.json")))
    dialog.setAttribute(Qt.WA_DeleteOnClose, False)
    qtbot.addWidget(dialog)
    dialog.show()
    QApplication.setActiveWindow(dialog)
    qtbot.waitUntil(dialog.isActiveWindow)
    yield dialog
    dialog.reject()
    session.close()


def _boxes(dialog: ClassesDialog) -> dict[str, str]:
    model = dialog.table.classes
    return {name: model.index(row, BOXES).data() for row, name in enumerate(model.names)}


def _type_name(dialog: ClassesDialog, text: str) -> QLineEdit:
    dialog.table.setFocus()
    QTest.keyClick(dialog.table, Qt.Key_F2)
    field = dialog.table.findChild(QLineEdit)
    field.selectAll()
    QTest.keyClicks(field, text)
    return field


def _answer(kind: type, act) -> None:
    """Answer the question that is asked next."""

    def look() -> None:
        question = QApplication.activeModalWidget()
        if isinstance(question, kind):
            act(question)
        else:
            QTimer.singleShot(10, look)

    QTimer.singleShot(0, look)


def test_a_name_is_typed_in_place_and_undone(dialog: ClassesDialog, qtbot):
    session = dialog.session
    first = session.class_names[0]
    boxes = _boxes(dialog)[first]
    field = _type_name(dialog, "mask")
    assert boxes in dialog.says.text()
    QTest.keyClick(field, Qt.Key_Return)
    qtbot.waitUntil(lambda: session.class_names[0] == "mask")
    assert all(box.label != first for key in session.keys for box in session.image(key).boxes)
    dialog.table.setFocus()
    QTest.keyClick(dialog.table, Qt.Key_Z, Qt.ControlModifier)
    assert session.class_names[0] == first


def test_a_taken_name_is_refused_beside_the_field(dialog: ClassesDialog):
    session = dialog.session
    names = session.class_names
    field = _type_name(dialog, names[1].upper())
    assert "exists already" in dialog.says.text()
    QTest.keyClick(field, Qt.Key_Return)
    assert session.class_names == names and dialog.table.findChild(QLineEdit) is field
    QTest.keyClick(field, Qt.Key_Escape)
    assert session.class_names == names


def test_a_class_is_added_unless_its_name_is_taken(dialog: ClassesDialog):
    session = dialog.session
    QTest.keyClicks(dialog.field, session.class_names[0].title())
    QTest.keyClick(dialog.field, Qt.Key_Return)
    assert dialog.add_problem.text() and not dialog.add.isEnabled()
    dialog.field.clear()
    QTest.keyClicks(dialog.field, "chin")
    QTest.keyClick(dialog.field, Qt.Key_Return)
    assert session.class_names[-1] == "chin" and dialog.field.text() == ""
    assert dialog.table.chosen() == ("chin",)


def test_keys_and_drag_change_the_order(dialog: ClassesDialog):
    session = dialog.session
    first, second, third = session.class_names
    QTest.keyClick(dialog, Qt.Key_Down, Qt.AltModifier)
    assert session.class_names == (second, first, third)
    QTest.keyClick(dialog, Qt.Key_Up, Qt.AltModifier)
    assert session.class_names == (first, second, third)
    dialog.table.moved.emit([0, 1], 3)
    assert session.class_names == (third, first, second)
    assert dialog.table.chosen() == (first, second)
    assert [dialog.table.classes.index(0, NAME).data()] == [third]


def test_deleting_asks_what_becomes_of_the_boxes(dialog: ClassesDialog):
    session = dialog.session
    first, second, _ = session.class_names
    before = sum(len(session.image(key).boxes) for key in session.keys)
    dialog.table.choose(first)

    def give(question: DeleteQuestion) -> None:
        assert question.relabel_as == second and second in question.says.text()
        question.accept()

    _answer(DeleteQuestion, give)
    QTest.keyClick(dialog.table, Qt.Key_Delete)
    assert first not in session.class_names
    assert sum(len(session.image(key).boxes) for key in session.keys) == before
    dialog.undo.click()

    def drop(question: DeleteQuestion) -> None:
        question.drop.setChecked(True)
        question.accept()

    dialog.table.choose(first)
    _answer(DeleteQuestion, drop)
    QTest.keyClick(dialog.table, Qt.Key_Delete)
    assert sum(len(session.image(key).boxes) for key in session.keys) < before


def test_classes_are_merged_from_elsewhere_too(dialog: ClassesDialog):
    session = dialog.session
    first, second, third = session.class_names
    _answer(MergeQuestion, lambda question: question.accept())
    merge_dialog(dialog, session, [first, third, "nobody"])
    assert session.class_names == (first, second)
    assert session.history.undo_text == f"merge {third} into {first}"


def test_many_pictures_are_changed_in_a_thread(dialog: ClassesDialog, qtbot, monkeypatch):
    monkeypatch.setattr(bulk, "DIRECT", 0)
    session = dialog.session
    first = session.class_names[0]
    told: list[str] = []
    session.listen(told.append)
    field = _type_name(dialog, "mask")
    QTest.keyClick(field, Qt.Key_Return)
    qtbot.waitUntil(lambda: session.class_names[0] == "mask" and bool(told))
    assert not session.is_busy
    dialog.undo.click()
    qtbot.waitUntil(lambda: session.class_names[0] == first and not session.is_busy)
    assert session.save() == []


def test_an_edit_that_is_cancelled_did_nothing(small_demo: Path):
    session = Session.open(small_demo)
    from annotator.core import class_edits

    class StoppedError(Exception):
        pass

    def stop(done: int, total: int) -> None:
        raise StoppedError

    names = session.class_names
    edit = class_edits.rename_class(session.dataset(), names[0], "mask")
    with pytest.raises(StoppedError), session.quietly(stop):
        session.apply(edit)
    assert session.class_names == names and not session.is_unsaved and not session.history.undo_text
    session.apply(edit)
    assert session.class_names[0] == "mask"
    session.close()


def test_a_class_is_asked_for_while_drawing(qtbot, small_demo: Path):
    session = Session.open(small_demo)
    dialog = AddClassDialog(session)
    qtbot.addWidget(dialog)
    first = session.class_names[0]
    assert not dialog.ok.isEnabled()
    dialog.field.setText(first.upper())
    assert "exists already" in dialog.says.text() and not dialog.ok.isEnabled()
    dialog.field.setText(first)
    assert dialog.exists and dialog.ok.isEnabled()
    dialog.field.setText(" chin ")
    assert dialog.name == "chin" and not dialog.exists and dialog.ok.isEnabled() and not dialog.says.text()
    session.close()
