"""The numbers and mistakes of an evaluated run in the window."""

import json
from pathlib import Path

import evaluation_samples as samples
import numpy as np
import pytest
from PyQt5.QtCore import Qt

from annotator import messages
from annotator.darknet.evaluation.confusion import Kind
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.evaluation.report import write_report
from annotator.darknet.prediction.speed import Speed, keep_speed
from annotator.darknet.prediction.video import FrameSource, VideoFile
from annotator.darknet.run.folder import RunFolder
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.model import Split

LONG = 30_000


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_100.weights", 100, gain=0.0)
    samples.add_weights(made, "net_200.weights", 200)
    return made


def make_video(path: Path, cells: list[str]) -> Path:
    video = VideoFile(path, (128, 128), 10)
    for each in cells:
        video.write(np.kron(samples.picture(each), np.ones((4, 4, 1), np.uint8)))
    video.finish()
    return path


@pytest.fixture
def window(qtbot, tmp_path: Path, run: RunFolder):
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1024, 700)
    with qtbot.waitActive(window):
        window.show()
        window.activateWindow()
    window.open_path(run.work)
    qtbot.waitUntil(lambda: window.project is not None, timeout=LONG)
    window.show_page("predict")
    yield window
    window.close_without_asking()


def relabelled(run: RunFolder, name: str, cells: str) -> None:
    (run.work / f"obj/{name}.txt").write_text(samples.label_text(cells))


def test_a_run_is_evaluated_and_its_numbers_shown(qtbot, window, run):
    page = window.predict
    page.parts.setCurrentWidget(page.numbers)
    assert page.numbers.area.isHidden()
    with qtbot.waitSignal(page.numbers.evaluate.ended, timeout=LONG):
        qtbot.mouseClick(page.numbers.evaluate.button, Qt.LeftButton)
    study = page.numbers.study
    rows = [[study.item(row, column).text() for column in range(5)] for row in range(2)]
    assert rows == [
        ["100", "0.00", "0.00", "0.00", "0.00"],
        ["★ 200", "100.00", "100.00", "100.00", "100.00"],
    ]
    assert study.item(1, 3).font().bold() and not study.item(0, 3).font().bold()
    heads = [page.numbers.classes.horizontalHeaderItem(at).text() for at in range(18)]
    assert heads[1] == "AP@0.50" and heads[-6:][0] == "COCO AP"
    assert page.numbers.report.isEnabled()
    with qtbot.waitSignal(page.numbers.speed.ended, timeout=LONG):
        qtbot.mouseClick(page.numbers.speed.button, Qt.LeftButton)
    assert "ms a picture" in page.numbers.speed.note.text()
    assert "no_mask" in page.numbers.curves.describe(1.0, 1.0) or "mask" in page.numbers.curves.describe(1, 1)


def test_a_stored_evaluation_is_read_when_it_is_looked_at_and_a_cell_leads_to_its_pictures(
    qtbot, window, run
):
    relabelled(run, "test1", "....g...........")
    evaluate_run(run)
    page = window.predict
    page.parts.setCurrentWidget(page.numbers)
    qtbot.waitUntil(lambda: page.evaluated.results is not None, timeout=LONG)
    confusion = page.numbers.confusion
    assert confusion.describe(1, 0) == "1 no_mask taken for mask"
    at = confusion.visualItemRect(confusion.item(1, 1)).center()
    qtbot.mouseClick(confusion.viewport(), Qt.LeftButton, pos=at)
    assert page.parts.currentWidget() is page.mistakes
    (mistake,) = page.mistakes.model.rows
    assert mistake.kind is Kind.WRONG_CLASS
    # What is right leads to the labelling page.
    page.parts.setCurrentWidget(page.numbers)
    at = confusion.visualItemRect(confusion.item(0, 1)).center()
    qtbot.mouseClick(confusion.viewport(), Qt.LeftButton, pos=at)
    assert window.page_name == "label"
    assert list(window.label.images.view.rows.shown) == ["obj/test0"]


def test_from_a_mistake_to_the_labels_and_back(qtbot, window, run):
    relabelled(run, "test1", "....g...........")
    evaluate_run(run)
    window.opening.read_again()
    qtbot.waitUntil(
        lambda: (
            window.project is not None
            and window.project.session.image("obj/test1").boxes[0].label == "no_mask"
        ),
        timeout=LONG,
    )
    window.show_page("predict")
    page = window.predict
    page.parts.setCurrentWidget(page.mistakes)
    qtbot.waitUntil(lambda: page.mistakes.split.count() == 3, timeout=LONG)
    assert page.mistakes.split.currentText() == "on validation" and not page.mistakes.model.rows
    page.mistakes.split.setCurrentText("on test")
    assert page.mistakes.model.rows
    page.mistakes.table.setFocus()
    qtbot.keyClick(page.mistakes.table, Qt.Key_Return)
    assert window.page_name == "label" and window.label.key == "obj/test1"
    assert window.label.canvas.selected == frozenset({0})
    # What the network saw is drawn beside the label, as long as one is there for it.
    key, seen = window.label.canvas.visited
    assert (key, seen.label) == ("obj/test1", "mask")
    qtbot.keyClick(window.label.canvas, Qt.Key_Escape)
    assert window.page_name == "predict"
    assert window.label.canvas.visited is None

    session = window.project.session
    qtbot.keyClick(page.mistakes.table, Qt.Key_K)
    assert [box.label for box in session.image("obj/test1").boxes] == ["mask"]
    assert window.page_name == "predict"
    window.undo()
    assert [box.label for box in session.image("obj/test1").boxes] == ["no_mask"]
    assert window.page_name == "predict"


def test_changed_labels_leave_numbers_curves_and_mistakes_as_measured(qtbot, window, run):
    evaluate_run(run)
    relabelled(run, "test1", "....g...........")
    relabelled(run, "val1", "....g...........")
    page = window.predict
    page.parts.setCurrentWidget(page.numbers)
    qtbot.waitUntil(lambda: page.evaluated.results is not None, timeout=LONG)
    assert not page.numbers.details.isHidden() and not page.numbers.outdated.isHidden()
    assert not page.numbers.counting.count.button.isEnabled()
    assert "100.00 %" in page.numbers.headline.text()
    page.parts.setCurrentWidget(page.mistakes)
    assert page.mistakes.model.rows == [] and "evaluate again" in page.mistakes.count.text()


def test_what_an_older_version_left_has_no_pictures(qtbot, window, run):
    evaluate_run(run)
    for path in (run.path / "evaluation").glob("predictions-*.json"):
        content = json.loads(path.read_text())
        del content["truths"]
        path.write_text(json.dumps(content))
    relabelled(run, "test1", "....g...........")
    relabelled(run, "val1", "....g...........")
    page = window.predict
    page.parts.setCurrentWidget(page.numbers)
    qtbot.waitUntil(lambda: page.evaluated.results is not None, timeout=LONG)
    assert page.numbers.details.isHidden()
    assert "evaluate again" in page.numbers.rules.text()


def test_a_mended_mistake_is_marked_and_left_out_and_the_run_is_out_of_date(qtbot, window, run):
    for name, cells in (("test0", "g....d.......g.."), ("test1", "....g...........")):
        relabelled(run, name, cells)  # after the run began
    window.opening.read_again()
    qtbot.waitUntil(
        lambda: (
            window.project is not None
            and window.project.session.image("obj/test1").boxes[0].label == "no_mask"
        ),
        timeout=LONG,
    )
    evaluate_run(run)
    window.show_page("predict")
    page, tab = window.predict, window.predict.mistakes
    page.parts.setCurrentWidget(tab)
    qtbot.waitUntil(lambda: tab.split.count() == 3, timeout=LONG)
    tab.split.setCurrentText("on test")
    assert len(tab.model.rows) == 2 and not tab.model.mended
    assert tab.model.rows[0].cost >= tab.model.rows[1].cost > 0
    qtbot.waitUntil(lambda: "labels of 2 pictures" in tab.since.text.text(), timeout=LONG)
    tab.table.setFocus()
    qtbot.keyClick(tab.table, Qt.Key_K)
    first = tab.model.rows[0]
    assert tab.model.mended == {first} and tab.current() == tab.model.rows[1]
    assert "mended" in tab.model.index(0, 1).data() and "1 mended" in tab.count.text()
    qtbot.waitUntil(lambda: "labels of 1 picture " in tab.since.text.text(), timeout=LONG)

    tab.open_only.setChecked(True)
    assert first not in tab.model.rows and tab.current() is not None
    window.undo()
    qtbot.waitUntil(lambda: first in tab.model.rows, timeout=LONG)
    qtbot.keyClick(tab.table, Qt.Key_F9, Qt.ShiftModifier)
    qtbot.keyClick(tab.table, Qt.Key_Return)
    assert window.page_name == "label" and window.label.key == run_key(tab)
    qtbot.keyClick(window.label.canvas, Qt.Key_F9)
    assert window.page_name == "label" and tab.place() == (2, 2) and window.label.key == run_key(tab)
    qtbot.keyClick(window.label.canvas, Qt.Key_Escape)
    assert window.page_name == "predict"
    qtbot.waitUntil(lambda: not page.evaluated._tasks, timeout=LONG)
    assert tab.place() == (2, 2)  # it is where it was left
    tab.since.train.click()
    assert window.page_name == "train"


def run_key(tab):
    results = tab.evaluated.results
    return results.images(Split.TEST)[tab.current().image].image.removeprefix("../../").removesuffix(".png")


def test_mistakes_are_filtered_by_confidence(qtbot, window, run):
    relabelled(run, "test1", "....g...........")
    relabelled(run, "test0", "r....d..r....g..")
    evaluate_run(run)
    page, tab = window.predict, window.predict.mistakes
    page.parts.setCurrentWidget(tab)
    qtbot.waitUntil(lambda: tab.split.count() == 3, timeout=LONG)
    tab.split.setCurrentText("on test")
    assert {one.kind for one in tab.model.rows} == {Kind.WRONG_CLASS, Kind.MISSED}
    tab.confidence.setCurrentText("from 90 %")
    assert [one.kind for one in tab.model.rows] == [Kind.WRONG_CLASS]
    tab.confidence.setCurrentText("below 50 %")
    assert [one.kind for one in tab.model.rows] == [Kind.MISSED]
    tab.kind.setCurrentIndex(tab.kind.findData(Kind.TWICE))
    assert not tab.model.rows and "no mistake of this kind" in tab.count.text()


def test_the_report_is_saved_with_what_was_counted_since(qtbot, window, run, tmp_path):
    evaluation = evaluate_run(run)
    write_report(run, evaluation)
    page = window.predict
    page.parts.setCurrentWidget(page.numbers)
    qtbot.waitUntil(lambda: page.evaluated.results is not None, timeout=LONG)
    keep_speed(run, Speed("a new engine", "a card", "all", 32, 32, (2.0, 4.0)))
    assert page.numbers.reports.save.isEnabled()
    (tmp_path / "out").mkdir()
    page.numbers.reports.save_to(tmp_path / "out")
    assert not page.numbers.reports.save.isEnabled()
    qtbot.waitUntil(page.numbers.reports.save.isEnabled, timeout=LONG)
    (place,) = (tmp_path / "out").iterdir()
    assert "a new engine" in (place / "report.html").read_text()
    assert (place / "charts/test-curves-50.png").is_file() and (place / "tables/mistakes.csv").is_file()


def test_two_runs_are_compared(qtbot, window, run):
    from annotator.darknet.program.dialect import Darknet
    from converters.work import WorkFolder

    page = window.predict
    page.parts.setCurrentWidget(page.two_runs)
    assert "second run" in page.two_runs.text.text()
    darknet = Darknet(Path("/usr/bin/darknet"), "pjreddie")
    cfg = samples.cell_cfg().with_net(max_batches=500)
    other = RunFolder.create(WorkFolder(run.work), network="cells", cfg=cfg, darknet=darknet)
    samples.add_weights(other, "net_100.weights", 100, swapped=True)
    page.refresh()
    qtbot.waitUntil(lambda: "Not evaluated yet" in page.two_runs.text.text(), timeout=LONG)
    assert all(each.path.name in page.two_runs.text.text() for each in (run, other))
    qtbot.mouseClick(page.two_runs.evaluate.button, Qt.LeftButton)
    qtbot.waitUntil(lambda: page.two_runs.comparison is not None, timeout=LONG)
    table = page.two_runs.table
    assert [table.item(0, at).text() for at in (0, 2, 3, 4)] == ["mAP", "0.00", "100.00", "+100.00"]
    assert table.item(0, 7).text() == "better"
    assert "[net] max_batches: 500 → 400" in page.two_runs.changes.text()
    assert not page.two_runs.worse.isEnabled()
    side = page.two_runs.side
    qtbot.mouseClick(page.two_runs.beside, Qt.LeftButton)
    assert side.isVisible() and side.list.count() == 2
    side.list.setCurrentRow(1)
    assert [len(view.missed) for view in side.views] != [0, 0]
    assert any(view.comparison.shown for view in side.views)
    qtbot.waitUntil(lambda: all(view._image is not None for view in side.views), timeout=LONG)
    qtbot.mouseClick(page.two_runs.better, Qt.LeftButton)
    assert window.page_name == "label"
    assert set(window.label.images.view.rows.shown) == {"obj/test0", "obj/test1"}


def test_a_video_is_watched_stepped_and_saved(qtbot, window, run, tmp_path):
    cells = ["r...............", "....g...........", "................", "r....g.........."] * 5
    film = make_video(tmp_path / "film.avi", cells)
    page = window.predict
    page.parts.setCurrentWidget(page.video)
    video = page.video
    video.watch(film)
    qtbot.waitUntil(lambda: video.view.has_picture, timeout=LONG)
    video.player.pause()
    bar, player = video.controls, video.player
    with qtbot.waitSignal(player.shown, timeout=LONG):
        qtbot.mouseClick(bar.step, Qt.LeftButton)
    assert bar.play.text() == "Play"
    # What is kept is all that Darknet would keep; the slider only hides.
    qtbot.waitUntil(lambda: any((box.confidence or 0) > 0.9 for box in video.view.boxes)
                    or not video.view.boxes, timeout=LONG)  # fmt: skip
    video.threshold.setValue(1)
    assert len(video.view.shown()) == len([box for box in video.view.boxes if box.confidence >= 0.01])
    # Keys: on, back, far; the place in the video follows.
    bar.place.wanted.emit(8)
    qtbot.waitUntil(lambda: video.frame.number == 9, timeout=LONG)
    for key, modifier, number in (
        (Qt.Key_Right, Qt.NoModifier, 10),
        (Qt.Key_Left, Qt.NoModifier, 9),
        (Qt.Key_Right, Qt.ShiftModifier, 20),
        (Qt.Key_Left, Qt.ShiftModifier, 1),
    ):
        qtbot.keyClick(video.view, key, modifier)
        qtbot.waitUntil(lambda number=number: video.frame.number == number, timeout=LONG)
    assert bar.place.value() == 0 and bar.time.text() == "0:00 / 0:02 · frame 1 of 20"
    with qtbot.waitSignal(player.at_end, timeout=LONG) as ended:
        qtbot.keyClick(video.view, Qt.Key_Space)
    assert ended.args == [""] and video.frame.number == 20 and bar.play.text() == "Play"
    video.go(-3)  # the end is no dead end
    qtbot.waitUntil(lambda: video.frame.number == 17, timeout=LONG)
    hidden = bar.classes.item(0)
    hidden.setCheckState(Qt.Unchecked)
    assert all(box.label != "mask" for box in video.view.shown())
    hidden.setCheckState(Qt.Checked)
    video.threshold.setValue(25)
    with qtbot.waitSignal(video.save.succeeded, timeout=LONG):
        video.save_to(tmp_path / "seen.mp4")
    with FrameSource(tmp_path / "seen.mp4") as written:
        assert written.count == 20
    (tmp_path / "broken.mp4").write_text("nothing")
    video.watch(tmp_path / "broken.mp4")
    qtbot.waitUntil(lambda: video.player is None, timeout=LONG)
    assert any("no video that can be read" in message.text for message in messages.history)


def test_what_was_seen_stays_while_more_weights_are_saved(qtbot, window, run):
    page = window.predict
    with qtbot.waitSignal(page.predict.ended, timeout=LONG):
        qtbot.mouseClick(page.predict.button, Qt.LeftButton)
    assert page.split.currentText() == "val pictures" and page.list.count() == 3
    samples.add_weights(run, "net_300.weights", 300)
    page.refresh()
    assert page.weights.count() == 3 and page.weights.currentText().startswith("iteration 200")
    assert page.list.count() == 3
    (run.backup / "net_200.weights").unlink()
    page.refresh()
    assert page.weights.currentText().startswith("iteration 300") and page.list.count() == 0
