import datetime
from pathlib import Path

import pytest
from PyQt5.QtCore import QMimeData, QPoint, Qt, QUrl
from PyQt5.QtGui import QDragEnterEvent, QDragLeaveEvent
from PyQt5.QtTest import QTest

from annotator.core.recent import RecentSet
from annotator.qt.main_window import MainWindow
from annotator.qt.pages.start import StartPage
from annotator.qt.recent_list import facts_text
from annotator.settings import Settings

NOW = datetime.datetime(2026, 5, 10, 12, 0)


@pytest.fixture
def page(qtbot, tmp_path: Path, make_picture):
    picture = make_picture(tmp_path / "there" / "a.png")
    widget = StartPage()
    qtbot.addWidget(widget)
    widget.resize(1024, 700)
    widget.show()
    widget.show_recent([RecentSet(tmp_path / "there", 853, 4072, NOW, picture), RecentSet(tmp_path / "gone")])
    qtbot.waitUntil(lambda: widget.recent.missing(widget.recent.item(1)), timeout=10_000)
    yield widget
    widget.recent.stop()


def test_a_set_is_opened_by_key_or_click_and_a_missing_one_is_not(qtbot, page: StartPage, tmp_path: Path):
    chosen = []
    page.chosen.connect(chosen.append)
    QTest.keyClick(page.recent, Qt.Key_Return)
    assert chosen == [tmp_path / "there"]
    QTest.keyClick(page.recent, Qt.Key_Down)
    QTest.keyClick(page.recent, Qt.Key_Return)
    place = page.recent.visualItemRect(page.recent.item(1)).center()
    QTest.mouseClick(page.recent.viewport(), Qt.LeftButton, Qt.NoModifier, place)
    assert chosen == [tmp_path / "there"]
    with qtbot.waitSignal(page.unwanted) as unwanted:
        QTest.keyClick(page.recent, Qt.Key_Delete)
    assert unwanted.args == [tmp_path / "gone"]


def test_the_first_start_offers_the_demo(qtbot):
    page = StartPage()
    qtbot.addWidget(page)
    page.show()
    page.show_recent([])
    assert page.first.isVisible() and not page.recent.isVisible()
    with qtbot.waitSignal(page.demo_wanted):
        QTest.keyClick(page.buttons[-1], Qt.Key_Return)


def test_what_stands_beside_a_set():
    def text(days: int) -> str:
        opened = NOW - datetime.timedelta(days=days)
        return facts_text(RecentSet(Path("a"), 1, 4072, opened), missing=False, now=NOW)

    assert text(0) == "1 picture · 4,072 boxes · opened today, 12:00"
    assert text(1).endswith("opened yesterday") and text(3).endswith("opened 3 days ago")
    assert text(100).endswith("opened on 2026-01-30")
    assert facts_text(RecentSet(Path("a")), missing=False, now=NOW) == ""
    assert "Del" in facts_text(RecentSet(Path("a"), 1), missing=True, now=NOW)


def test_the_window_keeps_its_list_and_shows_where_to_drop(qtbot, tmp_path: Path, small_demo: Path):
    settings = Settings(tmp_path / "settings.json")
    settings.add_recent(tmp_path / "gone")
    window = MainWindow(settings)
    qtbot.addWidget(window)
    window.show()
    window.start.unwanted.emit(tmp_path / "gone")
    assert window.start.recent.count() == 0
    mime = QMimeData()
    mime.setUrls([QUrl.fromLocalFile(str(small_demo))])
    window.dragEnterEvent(QDragEnterEvent(QPoint(5, 5), Qt.CopyAction, mime, Qt.LeftButton, Qt.NoModifier))
    assert window.start._drop
    window.dragLeaveEvent(QDragLeaveEvent())
    assert not window.start._drop
    window.open_path(small_demo)
    qtbot.waitUntil(lambda: bool(settings.get("recent_facts")), timeout=20_000)
    assert settings.get("recent_facts")[str(small_demo)]["pictures"] == 9
    window.close_without_asking()
