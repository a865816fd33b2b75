"""The window's pages after labelling, with the real Darknet: split, augment, train, stop, resume, predict."""

from __future__ import annotations

from pathlib import Path

import pytest
from PyQt5.QtCore import Qt

from annotator import messages
from annotator.core.training import State
from annotator.darknet.program.dialect import find_darknet
from annotator.darknet.run.folder import RunFolder, list_runs
from annotator.darknet.training.control import stop_run
from annotator.darknet.training.queue import TrainingQueue
from annotator.messages import Level
from annotator.qt import left_training
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.model import Split
from converters.work import WorkFolder

pytestmark = pytest.mark.darknet
LONG = 120_000  # milliseconds; a limit for a broken machine, not a time that is waited


@pytest.fixture
def window(qtbot, tmp_path: Path, demo: Path):
    if find_darknet() is None:
        pytest.skip("no Darknet on this machine (apt install darknet)")
    messages.history.clear()
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    widget.open_path(demo)
    qtbot.waitUntil(lambda: widget.project is not None, timeout=LONG)
    yield widget
    widget.close()
    queue = TrainingQueue(WorkFolder(demo.with_name("demo-work")))
    for entry in queue.waiting():
        queue.remove(entry.name)
    for run in list_runs(demo.with_name("demo-work")):
        if run.is_looked_after():
            stop_run(run)


def click(qtbot, button) -> None:
    qtbot.waitUntil(button.isEnabled, timeout=LONG)
    qtbot.mouseClick(button, Qt.LeftButton)


def start(qtbot, train) -> None:
    """Press Start; a set as small as this has warnings, which are shown before it is pressed again."""
    check = train.setup.check
    qtbot.waitUntil(lambda: check.result is not None and check.result.is_final, timeout=LONG)
    click(qtbot, train.start)
    if check.warnings() and train.start.text() == "Start all the same":
        assert train.setup.drawers.open_part is check
        click(qtbot, train.start)


def go_to(qtbot, window: MainWindow, page) -> None:
    window.tabs.setCurrentWidget(page)


def balance_cells(window: MainWindow) -> list[list[str]]:
    table = window.balance.table
    return [
        [table.item(row, column).text() for column in range(table.columnCount())]
        for row in range(table.rowCount())
    ]


def test_from_labels_to_predictions(qtbot, window: MainWindow, demo: Path):
    go_to(qtbot, window, window.balance)
    assert balance_cells(window)[0][:3] == ["with_mask", "160", "39"]
    assert "13.3 with_mask boxes" in window.balance.purpose.text()

    go_to(qtbot, window, window.split)
    with qtbot.waitSignal(window.split.make.ended, timeout=LONG):
        click(qtbot, window.split.make.button)
    work = demo.with_name("demo-work")
    assert (work / "obj.names").read_text() == "mask\nno_mask\nchin_diaper\n"
    assert window.label.images.panel.splits[Split.TEST].isEnabled()
    go_to(qtbot, window, window.balance)
    assert window.balance.table.horizontalHeaderItem(7).text().startswith("train")

    go_to(qtbot, window, window.augment)
    with qtbot.waitSignal(window.augment.make.ended, timeout=LONG):
        click(qtbot, window.augment.make.button)
    assert len((work / "train.txt").read_text().split()) == 90
    with qtbot.waitSignal(window.augment.examples_shown, timeout=LONG):
        click(qtbot, window.augment.preview_button)
    assert not window.augment.preview.pixmap().isNull()

    train = window.train
    go_to(qtbot, window, train)
    qtbot.waitUntil(lambda: train.darknet is not None, timeout=LONG)
    if train.darknet.dialect == "pjreddie":
        train.network.setCurrentText("yolov4-tiny")
        assert not train.start.isEnabled() and "does not know yolov4-tiny" in train.network_note.text()
    train.network.setCurrentText("yolov3-tiny")
    train.size.setValue(32)
    train.batch.setValue(2)
    train.subdivisions.setValue(1)
    train.max_batches.setValue(110)
    start(qtbot, train)
    qtbot.waitUntil(lambda: train.model.iteration >= 101, timeout=LONG)
    assert len(train.model.losses) == train.model.iteration
    click(qtbot, train.stop_button)
    qtbot.waitUntil(lambda: not train.model.is_busy and train.live.watcher is None, timeout=LONG)
    assert train.model.state is State.STOPPED and "100" in train.headline.text()

    train.runs.selectRow(0)
    click(qtbot, train.resume)
    qtbot.waitUntil(lambda: not train.model.is_busy and train.live.watcher is None, timeout=LONG)
    assert train.model.state is State.FINISHED
    # The curve is whole: what was trained before the stop, and what came after it.
    assert train.model.iterations == list(range(1, 111))
    train.runs.selectRow(0)
    assert not train.resume.isEnabled()
    train.max_batches.setValue(112)
    assert train.resume.isEnabled() and "112" in train.resume.text()
    click(qtbot, train.resume)
    qtbot.waitUntil(lambda: not train.model.is_busy and train.live.watcher is None, timeout=LONG)
    assert train.model.state is State.FINISHED and train.model.iteration == 112

    predict = window.predict
    go_to(qtbot, window, predict)
    assert predict.weights.itemText(0).startswith("iteration 112")
    assert predict.split.currentData() is Split.VAL  # test is looked at only where somebody asks for it
    predict.split.setCurrentIndex(predict.split.findData(Split.TEST))
    with qtbot.waitSignal(predict.predict.ended, timeout=LONG):
        click(qtbot, predict.predict.button)
    assert predict.list.count() == 6
    qtbot.waitUntil(lambda: predict.truth.has_picture and predict.guess.has_picture, timeout=LONG)
    predict.threshold.setValue(1)
    assert "6 test pictures" in predict.summary.text()
    in_test = (work / "test.txt").read_text().split()
    assert sorted(predict.predictions) == sorted(line.removesuffix(".png") for line in in_test)
    # So short a training may see nothing: what it sees is shown as it is.
    shown = predict.guess.comparison
    assert shown is not None
    expected = [box for box in predict.predictions[predict._current_key()] if box.confidence >= 0.01]
    assert len(shown.shown) == len(expected)
    assert [m.text for m in messages.history if m.level is Level.ERROR] == []


def test_a_picture_that_vanished_is_said_before_the_hours_are_spent(qtbot, window: MainWindow, demo: Path):
    go_to(qtbot, window, window.split)
    with qtbot.waitSignal(window.split.make.ended, timeout=LONG):
        click(qtbot, window.split.make.button)
    (demo.with_name("demo-work") / "obj" / "maksssksksss7.png").unlink()
    train = window.train
    go_to(qtbot, window, train)
    check = train.setup.check
    # It tells what it knows while it looks: the picture may come later.
    qtbot.waitUntil(lambda: check.result is not None and check.result.is_final, timeout=LONG)
    assert check.errors == 1 and not train.setup.is_possible
    click(qtbot, train.start)
    assert messages.history[-1].text.startswith("Not started: maksssksksss7.png: the picture is missing here")
    # Its part comes first, and under that what is wrong with it.
    assert "1 error" in check.title() and "maksssksksss7.png" in check.table.item(1, 1).text()
    assert check.table.cellWidget(1, 2) is window.focusWidget()
    click(qtbot, check.table.cellWidget(1, 2))
    qtbot.waitUntil(lambda: check.errors == 0 and bool(check.result) and check.result.is_final, timeout=LONG)
    assert (demo.with_name("demo-work") / "obj" / "maksssksksss7.png").is_file()


def small_training(qtbot, window: MainWindow, iterations: int):
    go_to(qtbot, window, window.split)
    if not window.project.work:
        with qtbot.waitSignal(window.split.make.ended, timeout=LONG):
            click(qtbot, window.split.make.button)
    train = window.train
    go_to(qtbot, window, train)
    qtbot.waitUntil(lambda: train.darknet is not None, timeout=LONG)
    train.network.setCurrentText("yolov3-tiny")
    train.size.setValue(32)
    train.batch.setValue(2)
    train.subdivisions.setValue(1)
    train.max_batches.setValue(iterations)
    qtbot.waitUntil(lambda: train.setup.check.result is not None, timeout=LONG)
    return train


def test_a_training_goes_on_without_the_window_and_is_found_again(
    qtbot, window: MainWindow, demo: Path, monkeypatch, tmp_path: Path
):
    train = small_training(qtbot, window, 100_000)
    start(qtbot, train)
    qtbot.waitUntil(lambda: train.model.iteration >= 3, timeout=LONG)
    run = train.model.run
    monkeypatch.setattr(left_training, "ask", lambda *_: left_training.STAY)
    assert not window.close() and train.model.is_busy
    monkeypatch.setattr(left_training, "ask", lambda *_: left_training.KEEP)
    assert window.close()
    assert RunFolder.open(run).is_looked_after()

    again = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(again)
    again.show()
    again.open_path(demo)
    qtbot.waitUntil(lambda: again.project is not None, timeout=LONG)
    found = again.train
    qtbot.waitUntil(lambda: found.model.iteration > train.model.iteration, timeout=LONG)
    assert found.model.run == run and found.model.iterations[:3] == [1, 2, 3]
    click(qtbot, found.live.pause_button)
    qtbot.waitUntil(lambda: found.model.state is State.PAUSED, timeout=LONG)
    click(qtbot, found.live.pause_button)
    qtbot.waitUntil(lambda: found.model.state is State.RUNNING, timeout=LONG)
    click(qtbot, found.stop_button)
    qtbot.waitUntil(lambda: found.model.state is State.STOPPED, timeout=LONG)
    qtbot.waitUntil(lambda: not RunFolder.open(run).is_looked_after(), timeout=LONG)
    again.close()


def test_trainings_wait_for_one_another(qtbot, window: MainWindow):
    train = small_training(qtbot, window, 100_000)
    start(qtbot, train)
    qtbot.waitUntil(lambda: train.model.iteration >= 1, timeout=LONG)
    first = train.model.run
    train.max_batches.setValue(12)
    qtbot.waitUntil(lambda: train.setup.check.result is not None, timeout=LONG)
    assert train.start.text() == "Put in the queue"
    for count in (2, 3):
        with qtbot.waitSignal(train.queue.changed, timeout=LONG):
            click(qtbot, train.start)
        qtbot.waitUntil(lambda count=count: train.runs.rowCount() == count, timeout=LONG)
    waiting = train.queue.waiting()
    assert waiting[0] == first.name
    train.runs.selectRow([run.path.name for run in train.runs.runs()].index(waiting[2]))
    click(qtbot, train.earlier)
    assert train.queue.waiting() == [waiting[0], waiting[2], waiting[1]]
    click(qtbot, train.take_out)
    assert train.queue.waiting() == waiting[:2]
    # What was taken out goes on when the others are done; it does not wait for a button then.
    train.runs.selectRow([run.path.name for run in train.runs.runs()].index(waiting[2]))
    assert train.resume.text() == "Put the chosen run in the queue"
    click(qtbot, train.resume)
    assert train.queue.waiting() == waiting
    click(qtbot, train.stop_button)
    qtbot.waitUntil(lambda: train.model.run.name == waiting[1], timeout=LONG)
    qtbot.waitUntil(lambda: not train.queue.waiting(), timeout=LONG)
    done = [RunFolder.open(first.parent / name).status for name in waiting]
    assert done == ["stopped", "finished", "finished"]


def test_a_queue_that_nobody_works_through_is_started_again(qtbot, window: MainWindow):
    """As after a restart of the machine: what waits is a file, and no process is left."""
    train = small_training(qtbot, window, 2)
    start(qtbot, train)
    qtbot.waitUntil(lambda: train.model.state is State.FINISHED, timeout=LONG)
    run = RunFolder.open(train.model.run)
    TrainingQueue(WorkFolder(run.work)).add(run, ["--max-batches", "4", "--darknet", str(train.darknet.path)])
    train.refresh()
    click(qtbot, train.go_through)
    qtbot.waitUntil(lambda: not train.queue.waiting(), timeout=LONG)
    again = RunFolder.open(run.path)
    assert (again.status, again.info.iteration) == ("finished", 4)
    # One that has nothing to do is gone from the table as well, though it was never seen to run.
    TrainingQueue(WorkFolder(run.work)).add(run, ["--darknet", str(train.darknet.path)])
    train.refresh()
    assert train.runs.item(0, 1).text() == "waits, number 1"
    click(qtbot, train.go_through)
    qtbot.waitUntil(lambda: train.runs.item(0, 1).text() == "finished", timeout=LONG)
    qtbot.waitUntil(lambda: not train.go_through.isVisibleTo(train), timeout=LONG)


def test_a_refused_resumption_shows_the_reason_with_its_button(qtbot, window: MainWindow, demo: Path):
    train = small_training(qtbot, window, 100_000)
    start(qtbot, train)
    qtbot.waitUntil(lambda: train.model.iteration >= 1, timeout=LONG)
    click(qtbot, train.stop_button)
    qtbot.waitUntil(lambda: not train.model.is_busy and train.live.watcher is None, timeout=LONG)
    (run,) = list_runs(demo.with_name("demo-work"))
    picture = run.path / run.own_list(Split.TRAIN)[0]
    kept = picture.read_bytes()
    picture.unlink()
    train.runs.selectRow(0)
    click(qtbot, train.resume)
    check = train.setup.check
    qtbot.waitUntil(lambda: check.subject == run.path.name and check.errors > 0, timeout=LONG)
    assert train.setup.drawers.open_part is check
    assert train.model.state is State.FAILED
    assert picture.name in train.headline.text()
    assert "Going on with" in check.state.text()
    # Nothing of that is about the new training that is set up, which can be started.
    assert train.start.isEnabled()
    picture.write_bytes(kept)
    click(qtbot, check.again)
    qtbot.waitUntil(lambda: check.result is not None and not check.errors, timeout=LONG)
    click(qtbot, train.resume)
    qtbot.waitUntil(lambda: train.model.iteration >= 1 and train.model.is_busy, timeout=LONG)
    assert check.subject == ""
    click(qtbot, train.stop_button)
    qtbot.waitUntil(lambda: not train.model.is_busy and train.live.watcher is None, timeout=LONG)
