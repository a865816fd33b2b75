import sys
import threading
from pathlib import Path

import numpy as np
import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QWidget

from annotator import messages
from annotator.core.listing import Filter, Labels
from annotator.core.session import Session
from annotator.qt.background import Task
from annotator.qt.image_list import KEY_ROLE, ImageList
from annotator.qt.loader import CACHE_BYTES, ImageLoader, to_qimage
from annotator.qt.message_bar import MessageBar
from annotator.qt.process import Process, ProcessOutcome
from converters.errors import DataError


def run(qtbot, code: str) -> tuple[list[str], list[str], ProcessOutcome]:
    process = Process()
    lines, talk = [], []
    process.line.connect(lines.append)
    process.talk.connect(talk.append)
    with qtbot.waitSignal(process.ended, timeout=20_000) as blocker:
        process.start(sys.executable, ["-c", code])
    return lines, talk, blocker.args[0]


def test_process_lines_and_outcome(qtbot):
    lines, talk, outcome = run(
        qtbot, "import sys; print('één'); print('two', end=''); print('talk', file=sys.stderr)"
    )
    assert lines == ["één", "two"] and talk == ["talk"] and outcome.was_successful


def test_process_a_character_split_between_two_writes(qtbot):
    code = (
        "import os; os.write(1, b'caf\\xc3'); os.write(2, b'x\\n')\n"
        "import sys; sys.stdin.readline\nos.write(1, b'\\xa9\\nrest')"
    )
    lines, _, _ = run(qtbot, code)
    assert lines == ["café", "rest"]


def test_process_failure_says_the_last_words(qtbot):
    _, _, outcome = run(qtbot, "import sys; sys.exit('it broke')")
    assert not outcome.was_successful and outcome.exit_code == 1 and "it broke" in str(outcome)


def test_process_interrupt(qtbot):
    process = Process()
    code = (
        "import time\n"
        "try:\n    print('go', flush=True)\n    time.sleep(60)\nexcept KeyboardInterrupt:\n    print('bye')"
    )
    with qtbot.waitSignal(process.line, timeout=20_000):
        process.start(sys.executable, ["-c", code])
    assert process.is_running
    with qtbot.waitSignals([process.line, process.ended], timeout=20_000):
        process.interrupt()
    assert not process.is_running


def test_process_that_cannot_start(qtbot):
    process = Process()
    with qtbot.waitSignal(process.ended, timeout=20_000) as blocker:
        process.start("/no/such/program", [])
    assert not blocker.args[0].started


def test_task_ends(qtbot):
    task = Task(lambda tell: (tell(1, 2), "done")[1])
    with qtbot.waitSignals([task.succeeded, task.progressed, task.finished], timeout=20_000):
        task.start()

    def bad(tell):
        raise DataError("no good.", path="x.xml", line=2)

    task = Task(bad)
    with qtbot.waitSignal(task.failed, timeout=20_000) as blocker:
        task.start()
    assert blocker.args == ["x.xml:2: no good."]


def test_task_cancel(qtbot):
    def endless(tell):
        while True:
            tell(0, 0)

    task = Task(endless)
    with qtbot.waitSignal(task.progressed, timeout=20_000):
        task.start()
    with qtbot.waitSignal(task.cancelled, timeout=20_000):
        task.cancel()


def test_task_mistake_of_ours_becomes_a_sentence(qtbot):
    task = Task(lambda tell: 1 / 0)
    with qtbot.waitSignal(task.failed, timeout=20_000) as blocker:
        task.start()
    assert "went wrong inside" in blocker.args[0] and "errors.log" in blocker.args[0]


def test_loader_signals_and_caches(qtbot, tmp_path: Path, make_picture):
    loader = ImageLoader()
    path = make_picture(tmp_path / "a.png")
    with qtbot.waitSignal(loader.loaded, timeout=20_000) as blocker:
        assert loader.request(path) is None
    assert blocker.args[0] == str(path) and blocker.args[1].width() == 60
    assert loader.request(path) is not None
    broken = tmp_path / "b.png"
    broken.write_bytes(b"nothing")
    with qtbot.waitSignal(loader.failed, timeout=20_000) as blocker:
        loader.request(broken)
    assert "b.png" in blocker.args[1]
    loader.shut_down()


def test_to_qimage_with_odd_width():
    rgb = np.random.default_rng(1).integers(0, 256, (5, 7, 3), np.uint8)
    image = to_qimage(rgb)
    assert all(image.pixelColor(x, y).getRgb()[:3] == tuple(rgb[y, x]) for x in range(7) for y in range(5))


@pytest.fixture
def image_list(qtbot, small_demo: Path):
    session = Session.open(small_demo)
    widget = ImageList()
    qtbot.addWidget(widget)
    widget.set_session(session)
    yield widget
    session.close()


def shown(widget: ImageList) -> list[str]:
    model = widget.view.model()
    return [model.index(row, 0).data(KEY_ROLE).rpartition("sss")[2] for row in range(model.rowCount())]


def test_list_searches_filters_and_steps(image_list: ImageList):
    assert shown(image_list) == [str(n) for n in range(9)]
    image_list.step(1)
    assert image_list.view.currentIndex().data(KEY_ROLE).endswith("sss1")
    image_list.step(-5)
    assert image_list.view.currentIndex().row() == 0
    image_list.search.setText("SSS3")
    assert shown(image_list) == ["3"] and image_list.count.text() == "1 of 9 pictures"
    image_list.go_to("images/maksssksksss8")
    assert image_list.search.text() == "SSS3" and not image_list.view.currentIndex().isValid()
    image_list.clear_filter()
    assert image_list.search.text() == "" and image_list.view.currentIndex().row() == 8
    image_list.set_filter(Filter(classes=frozenset({"mask_weared_incorrect"})))
    assert 0 < len(shown(image_list)) < 9
    image_list.set_filter(Filter(labels=frozenset({Labels.EMPTY, Labels.NONE})))
    assert shown(image_list) == []


def test_message_bar_shows_and_an_info_never_covers_an_error(qtbot):
    page = QWidget()
    qtbot.addWidget(page)
    page.resize(400, 300)
    page.show()
    bar = MessageBar(page)
    messages.error("disk is full", "a\nb", topic="save")
    assert bar.isVisible() and bar.text.text() == "disk is full" and not bar.details.isHidden()
    messages.info("saved")
    assert bar.text.text() == "disk is full"
    assert bar.geometry().bottom() == 299 and bar.width() == 400
    page.resize(300, 200)
    assert bar.geometry().bottom() == 199 and bar.width() == 300
    messages.settle("something else")
    assert bar.isVisible()
    messages.settle("save")
    assert not bar.isVisible()
    messages.info("<b>saved</b>")
    assert bar.text.text() == "<b>saved</b>" and bar.text.textFormat() == Qt.PlainText
    bar.stop_listening()


def test_a_message_that_stays_covers_nothing(qtbot):
    page = QWidget()
    qtbot.addWidget(page)
    page.resize(400, 300)
    page.show()
    bar = MessageBar(page)
    messages.info("saved")
    assert page.contentsRect().height() == 300
    messages.warning("look " * 60)
    assert page.contentsRect().bottom() + 1 == bar.geometry().top() < 290
    page.resize(800, 300)
    assert page.contentsRect().bottom() + 1 == bar.geometry().top()
    bar.forget()
    assert bar.isHidden() and page.contentsRect().height() == 300
    messages.error("disk is full")
    bar.forget()
    assert bar.isVisible()
    bar.stop_listening()


def test_pictures_that_a_held_key_runs_past_are_not_decoded(qtbot, tmp_path: Path, make_picture, monkeypatch):
    gate, decoded = threading.Event(), []

    def slow(path):
        decoded.append(path.stem)
        gate.wait(20)
        return np.zeros((4, 6, 3), np.uint8)

    monkeypatch.setattr("annotator.qt.loader.load_rgb", slow)
    loader = ImageLoader()
    paths = [tmp_path / f"{number}.png" for number in range(60)]
    for at in range(1, 50):
        loader.request(paths[at], (paths[at + 1], paths[at - 1], paths[at + 2]))
    seen = []
    loader.loaded.connect(lambda path, image: seen.append(Path(path).stem))
    gate.set()
    qtbot.waitUntil(lambda: {"49", "50", "48", "51"} <= set(seen), timeout=20_000)
    assert len(decoded) <= 3 + 4
    assert loader.request(paths[49]) is not None
    loader.shut_down()


def test_the_cache_of_pictures_is_bounded(qtbot, monkeypatch):
    monkeypatch.setattr("annotator.qt.loader.load_rgb", lambda path: np.zeros((1000, 1000, 3), np.uint8))
    loader = ImageLoader()
    for number in range(20):
        with qtbot.waitSignal(loader.loaded, timeout=20_000):
            loader.request(Path(f"{number}.png"))
    assert loader._bytes == sum(image.sizeInBytes() for image in loader._cache.values()) <= CACHE_BYTES
    loader.forget_all()
    assert not loader._cache and not loader._bytes
    loader.shut_down()
