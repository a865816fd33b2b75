"""The list of pictures: thumbnails, the filter's panel, keeping its place, many pictures."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtTest import QTest

from annotator.core.listing import Filter, Labels, Order, SortBy, Span
from annotator.core.session import Session
from annotator.core.thumbnail_store import ThumbnailStore, default_path
from annotator.qt import image_list as module
from annotator.qt.image_filter import words_for
from annotator.qt.image_list import ImageList
from annotator.qt.thumbnails import Request, Requests, Thumbnails
from converters.errors import ImageError
from converters.fingerprint_cache import FileState
from converters.images import load_rgb, load_small
from converters.model import Split


@pytest.fixture
def session(small_demo: Path) -> Iterator[Session]:
    opened = Session.open(small_demo)
    yield opened
    opened.close()


@pytest.fixture
def images(qtbot, session: Session) -> Iterator[ImageList]:
    widget = ImageList()
    qtbot.addWidget(widget)
    widget.resize(260, 240)
    widget.set_session(session)
    widget.show()
    yield widget
    widget.thumbnails.shut_down()


@pytest.fixture
def many(tmp_path: Path, make_picture) -> Path:
    first = make_picture(tmp_path / "many" / "0.png", 20, 10)
    for number in range(1, 200):
        first.with_name(f"{number}.png").hardlink_to(first)
    return first.parent


def test_thumbnails_come_into_the_rows_and_are_there_at_once_the_next_time(qtbot, images: ImageList, session):
    path = session.image(session.keys[0]).path
    qtbot.waitUntil(lambda: images.thumbnails.get(session.keys[0], path) is not None, timeout=20_000)
    first = images.thumbnails.get(session.keys[0], path)
    assert first is not None and max(first.width(), first.height()) == 96
    images.show_thumbnails(False)
    assert not images.has_thumbnails
    images.show_thumbnails(True)
    qtbot.waitUntil(lambda: len(images.thumbnails._kept) >= 3, timeout=20_000)


def test_a_thumbnail_is_kept_until_its_file_changes(tmp_path: Path, make_picture):
    path = make_picture(tmp_path / "a.png")
    state, store = FileState.of(path), ThumbnailStore(tmp_path / "cache" / "thumbnails.db")
    assert store.find(state) is None
    store.add(state, b"too new to be trusted")
    assert store.find(state) is None
    old = FileState(state.path, state.size, state.changed - 10**10, state.inode)
    store.add(old, b"thumbnail")
    store.close()
    assert store.find(old) == b"thumbnail" and store.find(state) is None
    store.close()
    assert default_path().name == "thumbnails.db"


def test_the_store_is_bounded_and_a_damaged_one_is_begun_anew(tmp_path: Path):
    path = tmp_path / "thumbnails.db"
    path.write_bytes(b"nothing that SQLite knows" * 400)
    store = ThumbnailStore(path, most=300_000)
    states = [FileState(b"%d" % number, 1, 1, 1) for number in range(600)]
    for state in states:
        store.add(state, bytes(2000))
    store.make_room()
    kept = [state for state in states if store.find(state) is not None]
    assert 50 < len(kept) < 150 and kept == states[-len(kept) :]
    store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM thumbnail").fetchone() == (len(kept),)
    nowhere = ThumbnailStore(tmp_path / "thumbnails.db" / "no folder" / "x.db")
    nowhere.add(states[0], b"x")
    assert nowhere.find(states[0]) is None


def test_the_newest_request_comes_first_and_the_oldest_is_dropped():
    requests = Requests(most=3)
    wanted = [Request(name, Path(name), 0) for name in "abcde"]
    assert requests.add(wanted[0])
    assert not any(requests.add(request) for request in wanted[1:])
    requests.add(wanted[2])
    assert requests.take() == wanted[2]
    assert not requests.add(wanted[2])  # it is being made
    assert [requests.take(), requests.take(), requests.take()] == [wanted[4], wanted[3], None]
    assert requests.add(wanted[0])


def test_what_is_no_picture_has_an_empty_thumbnail(qtbot, tmp_path: Path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no picture")
    thumbnails = Thumbnails()
    with qtbot.waitSignal(thumbnails.loaded, timeout=20_000):
        assert thumbnails.get("bad", bad) is None
    found = thumbnails.get("bad", bad)
    assert found is not None and found.isNull()
    thumbnails.shut_down()


@pytest.mark.parametrize("name", ["a.jpg", "a.png"])
def test_a_small_picture_looks_like_the_large_one(tmp_path: Path, make_picture, name: str):
    path = make_picture(tmp_path / name, 1000, 500)
    small = load_small(path, 96)
    assert small.shape == (48, 96, 3) and load_rgb(path).shape == (500, 1000, 3)
    assert small[24, 10, 0] > 200 > 50 > small[24, 10, 2] and small[24, 85, 2] > 200
    path.write_bytes(path.read_bytes()[:300])
    with pytest.raises(ImageError):
        load_small(path, 96)


def test_what_the_panel_says_counts_at_once_and_can_be_taken_away(images: ImageList, session: Session):
    session.set_split(session.keys[:4], Split.VAL)
    session.set_reviewed(session.keys[2:6])
    images.show_filter()
    panel = images.panel
    panel.splits[Split.VAL].setChecked(True)
    panel.review.setCurrentIndex(2)
    assert images.view.rows.shown == session.keys[2:4]
    assert images.summary.text() == "Split: val · reviewed" and images.clear_button.isVisible()
    panel.boxes_low.setValue(1000)
    assert images.view.rows.shown == () and images.count.text() == "0 of 9 pictures"
    panel.clear_button.click()
    assert images.view.rows.shown == session.keys and not images.summary.isVisible()
    item = panel.classes.item(0)
    QTest.mouseClick(panel.classes.viewport(), Qt.LeftButton, pos=panel.classes.visualItemRect(item).center())
    assert images.filter.classes == {item.text()} == panel.value().classes
    panel.hide()
    images.clear_button.click()
    assert not images.filter.is_on() and panel.value() == Filter()


def test_findings_and_disagreement_filter_and_sort(images: ImageList, session: Session):
    keys = session.keys
    assert not images.panel.findings.isEnabled() and not images.panel.disagreeing.isEnabled()
    images.set_findings(frozenset(keys[3:5]))
    images.set_disagreement({keys[1]: 0.2, keys[8]: 0.9, keys[4]: 0.6})
    assert images.panel.findings.isEnabled() and images.panel.disagreeing.isEnabled()
    images.sort(Order(SortBy.DISAGREEMENT, descending=True))
    assert images.view.rows.shown[:3] == (keys[8], keys[4], keys[1])
    images.panel.findings.setChecked(True)
    assert images.view.rows.shown == (keys[4], keys[3])
    images.panel.disagreeing.setChecked(True)
    assert images.view.rows.shown == (keys[4],)
    images.set_findings(frozenset())
    assert images.view.rows.shown == (keys[4],)


def test_the_words_for_a_filter():
    chosen = Filter(
        classes=frozenset({"b", "a"}), splits=frozenset({None, Split.TEST}), labels=frozenset({Labels.EMPTY}),
        findings=True, disagreement=0.25, boxes=Span(2, 2), smallest=Span(high=8), network=(416, 320),
        only=frozenset(), reviewed=False,
    )  # fmt: skip
    assert words_for(chosen, "many masks") == [
        "many masks", "a or b", "Split: test/none", "not reviewed", "empty on purpose", "with findings",
        "disagreement from 0.25", "boxes: 2", "smallest box: ≤ 8 px @ 416 × 320",
    ]  # fmt: skip
    assert words_for(Filter(boxes=Span(1, 4)), "") == ["boxes: 1 – 4"]
    assert words_for(Filter(boxes=Span(1), classes=frozenset("ab"), all_classes=True), "") == [
        "a + b",
        "boxes: ≥ 1",
    ]


def test_the_list_stays_where_it_is_when_pictures_go_and_come(qtbot, many: Path):
    session = Session.open(many)
    images = ImageList()
    qtbot.addWidget(images)
    images.resize(260, 400)
    images.set_session(session)
    images.show()
    images.go_to("100")
    before = images.view.visualRect(images.view.currentIndex()).top()
    session.remove_images(["3", "4", "150"])
    assert images.images_changed() == "100"
    assert images.view.current_key() == "100"
    assert images.view.visualRect(images.view.currentIndex()).top() == before
    session.remove_images(["100"])
    stay = images.images_changed()
    assert stay == "101"
    images.go_to(stay)
    assert images.view.current_key() == "101"
    session.undo()
    assert images.images_changed() == "101" and len(images.view.rows.shown) == 197
    images.view.verticalScrollBar().setValue(0)
    images.show_thumbnails(False)
    assert images.view.verticalScrollBar().value() == 0
    images.thumbnails.shut_down()
    session.close()


def test_very_many_pictures_are_looked_through_in_the_background(qtbot, images, session, monkeypatch):
    monkeypatch.setattr(module, "AT_ONCE", 3)
    images.search.setText("sss3")
    images.search.setText("sss4")
    images.search.setText("sss5")
    qtbot.waitUntil(lambda: images.view.rows.shown == (session.keys[5],), timeout=20_000)
    qtbot.waitUntil(lambda: images.count.text() == "1 of 9 pictures", timeout=20_000)
    images.show_only(session.keys[6:8], "two")
    qtbot.waitUntil(lambda: images.view.current_key() == session.keys[6], timeout=20_000)
    images.clear_filter()
    assert images.view.rows.shown == session.keys


def test_rows_are_selected_with_shift_and_ctrl_and_letters_do_not_search(images: ImageList, session: Session):
    def click(row: int, modifiers=Qt.NoModifier) -> None:
        rect = images.view.visualRect(images.view.rows.index(row, 0))
        QTest.mouseClick(images.view.viewport(), Qt.LeftButton, modifiers, rect.topLeft() + QPoint(60, 10))

    images.resize(260, 900)
    click(1)
    click(3, Qt.ShiftModifier)
    assert images.view.selected_keys() == session.keys[1:4]
    click(2, Qt.ControlModifier)
    assert images.view.selected_keys() == (session.keys[1], session.keys[3])
    images.view.keyboardSearch("maksssksksss7")
    assert images.view.current_key() == session.keys[2]
    QTest.keyClick(images.view, Qt.Key_Down)
    assert images.view.selected_keys() == (session.keys[3],)
    QTest.keyClick(images.view, Qt.Key_A, Qt.ControlModifier)
    assert images.view.selected_keys() == session.keys
