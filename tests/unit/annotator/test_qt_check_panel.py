"""The sheet of a check, its buttons and the Start button, in the real window."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path

import pytest
from darknet_support import write_program
from PyQt5.QtCore import Qt
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QApplication, QMenu

from annotator import messages
from annotator.core.training_check import CheckFinding, CheckResult
from annotator.darknet.preflight.look import FIXES
from annotator.qt.main_window import MainWindow
from annotator.qt.pages.train.check_panel import fix_text
from annotator.qt.pages.train.page import DARKNET_SETTING
from annotator.settings import Settings
from converters.conversion import ConvertOptions
from converters.convert import convert_to_work
from converters.model import Split
from converters.report import Report
from converters.split import SplitRequest
from converters.work import WorkFolder, copies_in, read_split, write_lists

LONG = 60_000
OLD = "import sys; print('Not an option: version', file=sys.stderr)"


@pytest.fixture
def work(small_demo: Path) -> WorkFolder:
    long_ago = time.time() - 3600
    for path in [small_demo, *small_demo.rglob("*")]:
        os.utime(path, (long_ago, long_ago))
    target = small_demo.with_name("small-work")
    convert_to_work(small_demo, target, Report(), ConvertOptions(split=SplitRequest((60, 20, 20))))
    return WorkFolder(target)


@pytest.fixture
def window(qtbot, tmp_path: Path, small_demo: Path, work: WorkFolder):
    messages.history.clear()
    settings = Settings(tmp_path / "settings.json")
    settings.set(DARKNET_SETTING, str(write_program(tmp_path / "darknet", OLD)))
    widget = MainWindow(settings)
    qtbot.addWidget(widget)
    widget.resize(1024, 700)
    widget.show()
    widget.open_path(small_demo)
    qtbot.waitUntil(lambda: widget.project is not None, timeout=LONG)
    yield widget
    widget.close()


@pytest.fixture
def train(qtbot, window: MainWindow):
    """The page, before its check has begun."""

    def go():
        window.tabs.setCurrentWidget(window.train)
        qtbot.waitUntil(lambda: window.train.darknet is not None, timeout=LONG)
        page = window.train
        page.network.setCurrentText("yolov3-tiny")
        page.size.setValue(32)
        page.batch.setValue(2)
        page.subdivisions.setValue(1)
        page.max_batches.setValue(9)
        page.setup.show_plan()
        return page

    return go


def is_checked(page) -> bool:
    check = page.setup.check
    return (
        check.result is not None
        and check.result.is_final
        and not check.is_waiting
        and check.process is None
        and not check.mending.is_running
    )


def wait_for_check(qtbot, page) -> None:
    qtbot.waitUntil(lambda: is_checked(page), timeout=LONG)


def codes(page) -> list[str]:
    return [one.code for one in page.setup.check.result.findings]


def row_of(page, code: str) -> int:
    """The table's row of a finding."""
    wanted = next(one for one in page.setup.check.result.findings if one.code == code)
    table = page.setup.check.table
    texts = [table.item(row, 1).text() for row in range(table.rowCount())]
    return next(row for row, text in enumerate(texts) if wanted.message in text)


def press_button(qtbot, page, code: str) -> None:
    """The button beside a finding, by the keyboard."""
    button = page.setup.check.table.cellWidget(row_of(page, code), 2)
    button.setFocus()
    QTest.keyClick(button, Qt.Key_Return)


@pytest.mark.parametrize("fix", sorted(set(FIXES.values())))
def test_each_fix_has_its_words_on_a_button(qapp, fix, tmp_path):
    assert fix_text(CheckFinding(True, "x", "", image="obj/a.png", path=tmp_path, fix=fix))


def test_start_says_the_first_error_and_goes_there(qtbot, train, work):
    (work.obj / "maksssksksss1.txt").unlink()
    page = train()
    wait_for_check(qtbot, page)
    assert page.start.isEnabled() and page.setup.check.errors == 1
    qtbot.mouseClick(page.start, Qt.LeftButton)
    said = messages.history[-1].text
    assert said.startswith("Not started: maksssksksss1.txt: the label file is missing here")
    assert page.setup.drawers.open_part is page.setup.check and not page.model.is_busy
    # Its button has the focus: Enter brings the label over, and it can be started.
    button = page.setup.check.table.cellWidget(row_of(page, "label-lost"), 2)
    assert button is page.window().focusWidget()
    QTest.keyClick(button, Qt.Key_Return)
    qtbot.waitUntil(lambda: (work.obj / "maksssksksss1.txt").exists(), timeout=LONG)
    qtbot.waitUntil(lambda: is_checked(page) and not page.setup.check.errors, timeout=LONG)
    assert messages.history[-1].text == "1 picture is as in the set again."


def test_start_shows_warnings_before_it_starts(qtbot, train, monkeypatch):
    page = train()
    started = []
    monkeypatch.setattr(page, "start_or_queue", lambda: started.append(True))
    wait_for_check(qtbot, page)
    assert page.setup.check.warnings() and page.start.text() == "Start training"
    qtbot.mouseClick(page.start, Qt.LeftButton)
    assert started == [] and page.setup.drawers.open_part is page.setup.check
    assert "press Start once more" in messages.history[-1].text
    assert page.start.text() == "Start all the same"
    qtbot.mouseClick(page.start, Qt.LeftButton)
    assert started == [True]
    qtbot.mouseClick(page.start, Qt.LeftButton)  # they are not shown each time
    assert started == [True, True]


def test_start_says_that_it_waits_for_the_check(qtbot, train, monkeypatch):
    page = train()
    started = []
    monkeypatch.setattr(page, "start_or_queue", lambda: started.append(True))
    page.setup.check.check_now()
    assert page.setup.check.is_waiting
    qtbot.mouseClick(page.start, Qt.LeftButton)
    assert page.start.text() == "Checking first…" and started == []
    qtbot.mouseClick(page.start, Qt.LeftButton)  # taken back
    assert page.start.text() == "Start training"
    qtbot.mouseClick(page.start, Qt.LeftButton)
    qtbot.waitUntil(lambda: not page.starting.waits, timeout=LONG)
    assert page.setup.drawers.open_part is page.setup.check and started == []  # it has warnings
    wait_for_check(qtbot, page)
    page.setup.check.check_now()
    qtbot.mouseClick(page.start, Qt.LeftButton)
    qtbot.waitUntil(lambda: started == [True], timeout=LONG)


def test_start_without_a_training_set_goes_to_split(qtbot, window, work):
    shutil.rmtree(work.root)
    window.tabs.setCurrentWidget(window.train)
    page = window.train
    qtbot.waitUntil(lambda: page.darknet is not None, timeout=LONG)
    page.set_project(window.project)
    qtbot.mouseClick(page.start, Qt.LeftButton)
    assert window.page_name == "split"


def test_pictures_that_show_the_same_are_put_together(qtbot, train, work):
    from test_darknet_preflight_set import add_alike

    add_alike(work, Split.VAL, "zz")
    page = train()
    wait_for_check(qtbot, page)
    page.setup.drawers.open(page.setup.check)
    assert "alike" in codes(page)
    press_button(qtbot, page, "alike")
    qtbot.waitUntil(lambda: is_checked(page) and "alike" not in codes(page), timeout=LONG)
    assert {row.image: row.split for row in read_split(work)}["obj/zz.png"] is Split.TRAIN
    assert messages.history[-1].text == "1 picture is in another split now (train +1)."
    table = page.setup.check.table  # the next one can be mended at once
    buttons = [table.cellWidget(row, 2) for row in range(table.rowCount())]
    assert page.window().focusWidget() is next(one for one in buttons if one is not None)


def test_copies_of_what_is_measured_on_are_deleted(qtbot, train, work):
    row = next(row for row in read_split(work) if row.split is Split.VAL)
    work.augmented.mkdir()
    for suffix in (".png", ".txt"):
        source = (work.root / row.image).with_suffix(suffix)
        shutil.copy(source, work.augmented / f"{source.stem}_c0{suffix}")
    write_lists(work)
    page = train()
    wait_for_check(qtbot, page)
    page.setup.drawers.open(page.setup.check)
    press_button(qtbot, page, "copy-leaks")
    qtbot.waitUntil(lambda: is_checked(page) and "copy-leaks" not in codes(page), timeout=LONG)
    assert copies_in(work) == [] and "same-picture" not in codes(page)


def show(page, *findings: CheckFinding) -> None:
    """A result as the command would have printed it."""
    check = page.setup.check
    check.stop()
    check.result = CheckResult(tuple(findings), sum(one.is_error for one in findings))
    check._show()
    page.setup.drawers.open(check)


LEADS = {
    "split": "split",
    "make-set": "split",
    "balance": "balance",
    "make-copies": "augment",
}


def test_buttons_that_lead_to_another_page(qtbot, train, window):
    page = train()
    wait_for_check(qtbot, page)
    for fix, wanted in LEADS.items():
        window.tabs.setCurrentWidget(page)
        show(page, CheckFinding(True, "x", "x", message="x", fix=fix))
        page.setup.check.table.cellWidget(0, 2).click()
        assert window.page_name == wanted
    window.tabs.setCurrentWidget(page)
    show(page, CheckFinding(True, "x", "x", message="x", fix="show-picture", image="obj/maksssksksss3.png"))
    page.setup.check.table.cellWidget(0, 2).click()
    assert window.page_name == "label" and window.label.key == "images/maksssksksss3"


def test_buttons_that_change_the_settings(qtbot, train, tmp_path):
    page = train()
    wait_for_check(qtbot, page)
    setup = page.setup

    def press(fix: str, path: Path | None = None) -> None:
        show(page, CheckFinding(True, "x", "x", message="x", fix=fix, path=path))
        setup.check.table.cellWidget(0, 2).click()

    press("raise-max-batches")
    assert page.max_batches.value() == 13
    page.network.setCurrentText("yolov4")
    press("choose-network")
    assert setup.basic.network_name == "yolov3-tiny"
    press("mosaic-off")
    assert setup.options.values().get("mosaic") == "0"
    setup.weights.use_file(tmp_path / "x.weights")
    press("choose-weights")
    assert setup.weights.weights == "" and setup.drawers.open_part is setup.weights
    press("allow-writing", tmp_path / "made" / "backup")
    assert (tmp_path / "made" / "backup").is_dir()
    asked = []
    page.runs_wanted.connect(lambda: asked.append("runs"))
    press("delete-runs")
    assert asked == ["runs"]


def test_tab_goes_from_button_to_button_and_a_new_result_leaves_the_focus(qtbot, train):
    page = train()
    wait_for_check(qtbot, page)
    findings = [CheckFinding(True, f"x{n}", "x", message=f"x{n}", fix="split") for n in range(3)]
    show(page, *findings)
    table = page.setup.check.table
    page.setup.check.again.setFocus()
    seen = []
    for _ in range(6):
        QTest.keyClick(page.window().focusWidget(), Qt.Key_Tab)
        focus = page.window().focusWidget()
        seen += [row for row in range(3) if table.cellWidget(row, 2) is focus]
    assert seen == [0, 1, 2]
    table.cellWidget(1, 2).setFocus()
    show(page, *findings)
    assert page.window().focusWidget() is table.cellWidget(1, 2)
    show(page, findings[0])
    assert page.window().focusWidget() is table.cellWidget(0, 2)


def test_the_sheet_fits_a_small_screen(qtbot, train):
    page = train()
    wait_for_check(qtbot, page)
    page.setup.drawers.open(page.setup.check)
    name = "obj/" + "long_name_" * 12 + ".png"
    show(page, CheckFinding(True, "x", name, message=f"{name} has a blank.", image=name, fix="make-set"))
    QApplication.processEvents()
    assert page.window().width() <= 1024
    table = page.setup.check.table
    assert not table.horizontalScrollBar().isVisible()
    button = table.cellWidget(0, 2)
    assert button.width() >= button.sizeHint().width()


def test_the_menu_of_darknets_names_each_and_takes_the_chosen_one(qtbot, train, tmp_path, monkeypatch):
    page = train()
    other = write_program(tmp_path / "other&more", OLD)
    monkeypatch.setattr("annotator.qt.pages.train.page.candidates", lambda: [page.darknet.path, other])
    qtbot.mouseClick(page.choose, Qt.LeftButton)
    (menu,) = [one for one in page.findChildren(QMenu) if one.isVisible()]
    texts = [action.text() for action in menu.actions() if not action.isSeparator()]
    assert texts == [str(other).replace("&", "&&"), "Another program…"]
    QTest.keyClick(menu, Qt.Key_Down)
    QTest.keyClick(menu, Qt.Key_Return)
    qtbot.waitUntil(lambda: page.darknet is not None and page.darknet.path == other, timeout=LONG)
    assert str(other) in page.found.text()


def test_a_program_that_is_no_darknet_is_refused_with_the_reason(qtbot, train, tmp_path):
    page = train()
    page.use_darknet(str(write_program(tmp_path / "hello", "print('hello')")))
    qtbot.waitUntil(lambda: page.darknet is None and not page.is_looking, timeout=LONG)
    assert "hello" in page.found.text()
    assert page.project.settings.get(DARKNET_SETTING) is None
