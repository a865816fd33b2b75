from pathlib import Path

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QWidget

from annotator import messages
from annotator.core.session import Session
from annotator.qt.dialogs import trash as trash_dialog
from annotator.qt.dialogs.trash import TrashDialog, show_trash

KEYS = [f"images/maksssksksss{number}" for number in range(3)]


@pytest.fixture
def session(small_demo: Path):
    opened = Session.open(small_demo)
    opened.remove_images(KEYS[:1])
    opened.remove_images(KEYS[1:])
    yield opened
    opened.close()


@pytest.fixture
def dialog(qtbot, session: Session):
    parent = QWidget()
    qtbot.addWidget(parent)
    shown = show_trash(parent, session)
    qtbot.waitUntil(lambda: len(shown.model.rows) == 3 and not shown.work.is_running)
    yield shown
    shown.close()


def test_pictures_are_shown_small_and_brought_back(qtbot, dialog: TrashDialog, session: Session):
    row = dialog.model.rows[0]
    qtbot.waitUntil(lambda: not dialog.thumbnails.get(row.picture).toImage().allGray(), timeout=10_000)
    assert "3 pictures" in dialog.text.text() and dialog.back.isEnabled()
    dialog.table.selectAll()
    qtbot.mouseClick(dialog.back, Qt.LeftButton)
    qtbot.waitUntil(lambda: not dialog.model.rows and not dialog.work.is_running)
    assert all(key in session for key in KEYS) and "empty" in dialog.text.text()
    assert not dialog.empty.isEnabled() and session.history.undo_count == 4
    session.undo()
    assert len(session.trash.items()) in (1, 2)


def test_deleting_for_good_asks(qtbot, dialog: TrashDialog, session: Session, monkeypatch):
    asked = []
    monkeypatch.setattr(trash_dialog, "sure", lambda *texts: asked.append(texts[2:4]) or len(asked) > 1)
    dialog.table.selectRow(0)
    qtbot.keyClick(dialog, Qt.Key_Delete)
    assert len(session.trash.items()) == 3
    dialog.delete.click()
    qtbot.waitUntil(lambda: len(dialog.model.rows) == 2 and not dialog.work.is_running)
    assert "1 picture for good" in asked[0][0] and "cannot be undone" in asked[0][1]
    dialog.empty.click()
    qtbot.waitUntil(lambda: not dialog.model.rows and not dialog.work.is_running)
    assert session.trash.items() == [] and "freed" in messages.history[-1].text


def test_the_newest_comes_first_and_a_head_sorts(dialog: TrashDialog):
    header = dialog.table.horizontalHeader()
    assert dialog.model.rows[0].item.folder >= dialog.model.rows[-1].item.folder
    dialog.table.sortByColumn(2, Qt.DescendingOrder)
    boxes = [int(dialog.table.sorted.index(row, 2).data()) for row in range(3)]
    assert boxes == sorted(boxes, reverse=True) and header.count() == 4
