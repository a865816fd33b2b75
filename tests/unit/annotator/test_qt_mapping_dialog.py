"""The dialog that asks what class ids mean."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, QTimer
from PyQt5.QtWidgets import QApplication

from annotator.core.id_mapping import Why, look
from annotator.core.session import Session
from annotator.qt.dialogs.ask_meaning import ask_meaning
from annotator.qt.dialogs.mapping import MappingDialog

LINES = "0 0.5 0.5 0.2 0.2\n3 0.3 0.3 0.1 0.1\n"


def _set(root: Path, make_picture) -> Path:
    make_picture(root / "p1.png")
    (root / "p1.txt").write_text(LINES)
    (root / "obj.names").write_text("a\nb\n")
    return root


def test_nothing_can_be_agreed_to_before_every_id_has_a_meaning(qtbot, tmp_path: Path, make_picture):
    root = _set(tmp_path / "set", make_picture)
    misfit = look(root, "yolo", Why.NO_NAME_OF_ID, ("a", "b"), ())
    dialog = MappingDialog(misfit)
    qtbot.addWidget(dialog)
    assert not dialog.agree.isEnabled() and "Id 3" in dialog.says.text()
    dialog._choices[3].setCurrentText("chin")
    assert dialog.agree.isEnabled() and dialog.mapping is not None
    assert dialog.mapping.names == ("a", "b", "chin") and dialog.mapping.ids == {3: 2}
    dialog._choices[3].setCurrentText(dialog._leave_out)
    assert dialog.mapping.left_out == 1
    qtbot.waitUntil(lambda: dialog.table.item(0, 4).data(Qt.DecorationRole) is not None)
    dialog.reject()


def _ask(qtbot, root: Path, act) -> list[str]:
    from PyQt5.QtWidgets import QWidget

    parent = QWidget()
    qtbot.addWidget(parent)
    session = Session.open(root)
    said: list[str] = []

    def look_for_it() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, MappingDialog):
            act(dialog)
        else:
            QTimer.singleShot(20, look_for_it)

    QTimer.singleShot(0, look_for_it)
    ask_meaning(
        parent,
        session,
        show=lambda: said.append("show"),
        read_again=lambda: said.append("again"),
        give_up=lambda: said.append("gone"),
    )
    qtbot.waitUntil(lambda: bool(said))
    if said == ["show"]:
        session.close()
    return said


def test_cancel_changes_nothing_and_opens_nothing(qtbot, tmp_path: Path, make_picture):
    root = _set(tmp_path / "set", make_picture)
    assert _ask(qtbot, root, lambda dialog: dialog.reject()) == ["gone"]
    assert (root / "p1.txt").read_text() == LINES and (root / "obj.names").read_text() == "a\nb\n"


def test_a_meaning_is_written_and_the_set_read_again(qtbot, tmp_path: Path, make_picture):
    root = _set(tmp_path / "set", make_picture)

    def act(dialog: MappingDialog) -> None:
        dialog._choices[3].setCurrentText("b")
        dialog.agree.click()

    assert _ask(qtbot, root, act) == ["again"]
    assert (root / "p1.txt").read_text() == LINES.replace("\n3 ", "\n1 ")


def test_it_can_be_opened_as_it_is(qtbot, tmp_path: Path, make_picture):
    root = _set(tmp_path / "set", make_picture)
    assert _ask(qtbot, root, lambda dialog: dialog.as_is.click()) == ["show"]
    assert (root / "p1.txt").read_text() == LINES
