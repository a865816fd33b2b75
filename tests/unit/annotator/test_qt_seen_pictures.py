"""What saved weights see on validation pictures, in the window: real files, real pixels, real clicks."""

from __future__ import annotations

from pathlib import Path

import evaluation_samples as samples
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QColor

from annotator.core.colours import WRONG
from annotator.darknet.evaluation.checkpoint_seen import Seen, SeenPicture, add_seen, chosen, read_seen
from annotator.darknet.evaluation.stored import ImageResult
from annotator.darknet.metrics import match_image
from annotator.darknet.run.folder import RunFolder
from annotator.qt.pages.train.live import Live
from annotator.qt.pages.train.seen_pictures import SeenPictures
from converters.model import Box


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return samples.make_run(tmp_path / "work")


def seen(iteration: int, *confidences: float) -> Seen:
    truths = (samples.cell_box(0, "mask"), samples.cell_box(5, "no_mask"))
    found = tuple(samples.cell_box(0, "mask", one) for one in confidences)
    other = SeenPicture("../../obj/val1.png", (samples.cell_box(10, "mask"),), ())
    return Seen(iteration, (SeenPicture("../../obj/val0.png", truths, found), other))


def shown(qtbot, run: RunFolder) -> SeenPictures:
    strip = SeenPictures()
    strip.resize(620, 240)
    qtbot.addWidget(strip)
    strip.show()
    with qtbot.waitSignal(strip.changed):
        strip.show_run(run)
    return strip


def test_the_newest_is_followed_until_another_is_chosen(qtbot, run: RunFolder):
    add_seen(run, seen(100))
    strip = shown(qtbot, run)
    assert (strip.iteration, strip.older.isEnabled(), strip.newer.isEnabled()) == (100, False, False)
    add_seen(run, seen(200, 0.9, 0.6))
    with qtbot.waitSignal(strip.changed):
        strip.look_again()
    assert strip.iteration == 200 and "200, the newest" in strip.title.text()
    with qtbot.waitSignal(strip.chosen, check_params_cb=lambda iteration: iteration == 100):
        qtbot.mouseClick(strip.older, Qt.LeftButton)
    add_seen(run, seen(300))
    with qtbot.waitSignal(strip.changed):
        strip.look_again()
    assert strip.iteration == 100, "a person looks at it"
    strip.grid.setFocus()
    qtbot.keyClick(strip.grid, Qt.Key_PageDown)
    qtbot.keyClick(strip.grid, Qt.Key_PageDown)
    assert strip.iteration == 300
    strip.show_run(None)
    assert strip.iteration == 0 and not strip.older.isEnabled()


def test_boxes_are_drawn_on_the_pictures_right_wrong_and_missed(qtbot, run: RunFolder):
    add_seen(run, seen(100, 0.9, 0.6))
    strip = shown(qtbot, run)
    image = strip.grid.grab().toImage()
    colours = {image.pixelColor(x, y).rgb() for x in range(image.width()) for y in range(image.height())}
    assert QColor(255, 0, 0).rgb() in colours, "the picture's own red cell"
    assert QColor(255, 165, 0).rgb() in colours, "missed"
    cells = [strip.grid.cell(place) for place in (0, 1)]
    assert not cells[0].intersects(cells[1]) and strip.grid.rect().contains(cells[1])
    assert WRONG != (255, 165, 0)
    with qtbot.waitSignal(strip.opened, check_params_cb=lambda place: place == 1):
        qtbot.mouseDClick(strip.grid, Qt.LeftButton, pos=cells[1].center())
    with qtbot.waitSignal(strip.opened, check_params_cb=lambda place: place == 0):
        qtbot.mouseClick(strip.grid, Qt.LeftButton, pos=cells[0].center() + QPoint(2, 2))
        qtbot.keyClick(strip.grid, Qt.Key_Return)


def test_a_picture_large_and_the_slider_over_the_checkpoints(qtbot, run: RunFolder):
    from annotator.qt.pages.train.seen_large import SeenLarge

    samples.add_weights(run, "net_200.weights", 200)
    for one in (seen(100), seen(200, 0.9)):
        add_seen(run, one)
    live = Live()
    qtbot.addWidget(live)
    live.look_at(run)
    qtbot.waitUntil(lambda: len(live.seen.seen) == 2)
    live._open_picture(0)
    (large,) = live.window().findChildren(SeenLarge)
    qtbot.waitUntil(lambda: large.guess.has_picture)
    assert large.iteration == 200 and large.guess.comparison.true_positives == 1
    assert large.truth.missed == {1} and large.all.isEnabled()
    qtbot.keyClick(large, Qt.Key_PageUp)
    assert large.iteration == 100 and large.guess.comparison.shown == ()
    assert not large.all.isEnabled(), "those weights are overwritten"
    qtbot.keyClick(large, Qt.Key_Right)
    assert "val1.png" in large.windowTitle()
    large.when.setValue(1)
    with qtbot.waitSignal(live.predictions_wanted, check_params_cb=lambda path, at: at == 200):
        qtbot.mouseClick(large.all, Qt.LeftButton)
    live.leave()


def test_the_rarest_class_comes_first_and_crowds_last():
    def picture(name: str, *labels: str) -> ImageResult:
        truths = tuple(Box((0, 0, 30, 30), label) for label in labels)
        return ImageResult(name, truths, (), match_image(truths, (), iou_threshold=0.5, conf_threshold=0.25))

    results = [picture(f"m{number}", "mask") for number in range(9)]
    results += [picture("crowd", *["mask"] * 20, "rare"), picture("few", "mask", "rare"), picture("none")]
    sizes = {one.image: (100, 100) for one in results}
    names = [one.image for one in chosen(results, sizes, ("mask", "rare", "never"))]
    assert names[0] == "few" and names[2] == "crowd" and len(names) == 6
    assert names == [one.image for one in chosen(results[::-1], sizes, ("mask", "rare", "never"))]


def test_a_line_cut_short_is_left_out(run: RunFolder):
    add_seen(run, seen(100, 0.5))
    path = run.path / "evaluation" / "seen.jsonl"
    path.write_text(path.read_text() + '{"iteration": 200, "seen": [{"ima')
    assert read_seen(run) == {100: seen(100, 0.5)}
