"""The findings page: what it lists, what its fixes do, and going from finding to finding."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import QSize, Qt
from PyQt5.QtGui import QColor, QImage
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QMessageBox

from annotator.core import edits
from annotator.core.finding_files import FileWay
from annotator.core.finding_fixes import Way
from annotator.qt.dialogs.label_text import LabelText
from annotator.qt.dialogs.twins import Choice, TwinsDialog
from annotator.qt.finding_crops import Crops, cut_out
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.model import Box


@pytest.fixture
def window(qtbot, tmp_path: Path, small_demo: Path):
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.show()
    opened(qtbot, window, small_demo)
    yield window
    window.close_without_asking()


def opened(qtbot, window: MainWindow, path: Path) -> None:
    window.open_path(path)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    checked(qtbot, window)


def checked(qtbot, window: MainWindow) -> None:
    def done() -> bool:
        checker = window.findings.checker
        return checker.findings is not None and checker.findings.is_checked and not checker.is_checking

    qtbot.waitUntil(done, timeout=20_000)


def put(window: MainWindow, key: str, *boxes: Box) -> None:
    session = window.project.session
    session.apply(edits.SetBoxes(key, session.image(key).boxes, boxes, "put"))


def codes(window: MainWindow) -> list[str]:
    return [one.code for one in window.findings.shown()]


def show_kind(window: MainWindow, code: str) -> None:
    kinds = window.findings.kinds
    row = next(row for row in range(kinds.count()) if kinds.item(row).data(Qt.UserRole) == code)
    kinds.setCurrentRow(row)


def outside(window: MainWindow, *places: int) -> None:
    session = window.project.session
    for place in places:
        key = session.keys[place]
        width, height = session.image(key).size
        put(window, key, Box((10, 10, width + 1, height), session.class_names[0]))


def answer(monkeypatch: pytest.MonkeyPatch, agree: bool) -> list[str]:
    """Answer what is asked; returns what was said."""
    said: list[str] = []

    def run(box: QMessageBox) -> int:
        said.append(f"{box.text()} {box.informativeText()}")
        wanted = QMessageBox.AcceptRole if agree else QMessageBox.RejectRole
        next(button for button in box.buttons() if box.buttonRole(button) == wanted).click()
        return 0

    monkeypatch.setattr(QMessageBox, "exec_", run)
    return said


def test_an_edit_shows_at_once_and_the_list_of_pictures_marks_it(qtbot, window):
    window.show_page("findings")
    outside(window, 0, 2)
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 2)
    show_kind(window, "box-outside")
    assert [one.code for one in window.findings.model.rows] == ["box-outside"] * 2
    assert window.findings.table.selected()[0].key == window.project.session.keys[0]
    window.undo()
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 1)
    assert window.page_name == "findings"


def test_fixing_all_of_a_kind_is_one_step(qtbot, window, monkeypatch):
    window.show_page("findings")
    outside(window, 0, 1, 2)
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 3)
    show_kind(window, "box-outside")
    said = answer(monkeypatch, agree=False)
    window.findings.mend_all(Way.CUT)
    assert "3 boxes are changed" in said[0] and codes(window).count("box-outside") == 3
    answer(monkeypatch, agree=True)
    window.findings.mend_all(Way.CUT)
    assert window.undo_stack.undoText() == "cut 3 boxes to their pictures"
    qtbot.waitUntil(lambda: "box-outside" not in codes(window))
    window.undo()
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 3)


def test_fix_and_dismiss_the_selected(qtbot, window):
    window.show_page("findings")
    outside(window, 0, 1)
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 2)
    show_kind(window, "box-outside")
    window.actions_by_name["mend"].trigger()
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 1)
    window.actions_by_name["dismiss"].trigger()
    qtbot.waitUntil(lambda: "box-outside" not in codes(window))
    show_kind(window, "*dismissed")
    assert len(window.findings.model.rows) == 1
    window.actions_by_name["dismiss"].trigger()
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 1)


def test_enter_goes_there_and_f8_goes_on(qtbot, window):
    window.show_page("findings")
    outside(window, 1, 3)
    qtbot.waitUntil(lambda: codes(window).count("box-outside") == 2)
    show_kind(window, "box-outside")
    QTest.keyClick(window.findings.table, Qt.Key_Return)
    keys = window.project.session.keys
    assert window.page_name == "label" and window.label.key == keys[1]
    assert window.label.canvas.selected == frozenset({0})
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=20_000)
    window.actions_by_name["next_finding"].trigger()
    assert window.label.key == keys[3]
    window.actions_by_name["next_finding"].trigger()
    assert window.label.key == keys[1]
    window.actions_by_name["previous_finding"].trigger()
    assert window.label.key == keys[3]
    window.actions_by_name["mend_here"].trigger()
    assert window.undo_stack.undoText() == "cut box to the picture"


def test_nothing_found_says_what_was_looked_at(qtbot, window):
    window.show_page("findings")
    window.findings.network.setCurrentIndex(0)
    window.findings.network.activated.emit(0)
    qtbot.waitUntil(lambda: window.findings.checker.findings.options.network_size is None)
    checked(qtbot, window)
    for one in window.findings.shown():
        window.findings.checker.dismiss([one])
    page = window.findings
    qtbot.waitUntil(lambda: page.pile.currentWidget() is page.nothing)
    assert "Nothing found" in page.nothing.text()


def test_pictures_are_compared_once_the_page_is_looked_at(qtbot, window, small_demo):
    (small_demo / "images/twin.png").write_bytes((small_demo / "images/maksssksksss1.png").read_bytes())
    opened(qtbot, window, small_demo)
    assert not window.findings.checker.findings.is_compared
    window.show_page("findings")
    qtbot.waitUntil(lambda: "image-identical" in codes(window), timeout=30_000)


def test_twins_side_by_side(qtbot, window, small_demo):
    session = window.project.session
    first, second = session.keys[:2]
    dialog = TwinsDialog(session, first, second, first, window)
    qtbot.addWidget(dialog)
    dialog._choose(Choice(remove=second))
    assert dialog.choice == Choice(remove=second)


def test_a_refused_file_is_mended_and_its_picture_appears(qtbot, window, small_demo, monkeypatch):
    path = small_demo / "annotations/maksssksksss1.xml"
    path.write_text(path.read_text().replace("<xmin>", "<xmin>x", 1))
    opened(qtbot, window, small_demo)
    assert "images/maksssksksss1" not in window.project.session
    window.show_page("findings")
    qtbot.waitUntil(lambda: "bad-number" in codes(window))
    show_kind(window, "bad-number")
    old = window.project
    answer(monkeypatch, agree=True)
    window.findings._file(FileWay.GOOD_BOXES)
    qtbot.waitUntil(lambda: window.project not in (None, old), timeout=20_000)
    assert "images/maksssksksss1" in window.project.session
    mended, old = path.read_text(), window.project
    window.actions_by_name["bring_back_files"].trigger()
    qtbot.waitUntil(lambda: window.project not in (None, old), timeout=20_000)
    assert path.read_text() != mended and "images/maksssksksss1" not in window.project.session


def test_a_label_file_as_text(qtbot, window, small_demo):
    path = small_demo / "annotations/maksssksksss1.xml"
    path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n").replace(b"<xmin>", b"<xmin>x", 1))
    opened(qtbot, window, small_demo)
    (bad,) = [one for one in window.findings.shown() if one.code == "bad-number"]
    dialog = LabelText(small_demo, path, bad)
    qtbot.addWidget(dialog)
    assert dialog.view.textCursor().block().text().strip().startswith("<xmin>x")
    assert not dialog.save.isEnabled()
    dialog.view.setPlainText(dialog.view.toPlainText().replace("<xmin>x", "<xmin>"))
    dialog.save.click()
    assert b"<xmin>x" not in path.read_bytes() and b"\r\n" in path.read_bytes()


def test_cut_out_shows_the_box_in_the_middle():
    image = QImage(400, 300, QImage.Format_RGB32)
    image.fill(QColor(10, 200, 10))
    found = cut_out(image, (380, 100, 401, 130), QSize(80, 54))
    assert found.size() == QSize(80, 54)
    assert QColor(found.pixel(38, 27)).green() > 150 and QColor(found.pixel(78, 27)).green() < 60
    assert cut_out(image, None, QSize(80, 54)).pixel(40, 27) == image.pixel(0, 0)


def test_crops_of_what_cannot_be_read(qtbot, tmp_path: Path):
    crops = Crops(QSize(80, 54))
    (tmp_path / "x.png").write_bytes(b"nope")
    assert crops.get(tmp_path / "x.png", None) is None
    with qtbot.waitSignal(crops.arrived, timeout=20_000):
        pass
    assert crops.get(tmp_path / "x.png", None).isNull()
    crops.shut_down()
    QApplication.processEvents()


def test_the_canvas_tells_what_was_found_in_its_picture(qtbot, window):
    notice = window.visits.notice
    outside(window, 0)
    key = window.project.session.keys[0]
    window.label.reveal(key)
    qtbot.waitUntil(notice.isVisible)
    before = (window.project.session.root / f"{key}.png").stat().st_mtime_ns
    assert notice.fix.isVisible() and "passes the edge" in notice.toolTip()
    assert notice.geometry().right() < window.label.canvas.width()
    notice.fix.click()
    qtbot.waitUntil(notice.isHidden)
    assert window.undo_stack.undoText() == "cut box to the picture"
    assert (window.project.session.root / f"{key}.png").stat().st_mtime_ns == before
    window.undo()
    qtbot.waitUntil(notice.isVisible)
    notice.right.click()
    qtbot.waitUntil(notice.isHidden)
    window.findings.checker.bring_back(window.findings.checker.listed())
    qtbot.waitUntil(notice.isVisible)
    window.actions_by_name["finding_notice"].trigger()
    assert notice.isHidden() and not notice.is_on()
