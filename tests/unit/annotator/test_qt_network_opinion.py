"""The predictions of an evaluated run reach the gallery and the list of pictures."""

from pathlib import Path

import evaluation_samples as samples
import pytest

from annotator.core.edits import relabel_boxes
from annotator.core.gallery import Order
from annotator.core.run_predictions import newest_predictions
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.evaluation.stored import EvaluationFolder
from annotator.darknet.run.folder import RunFolder
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_final.weights", 300, swapped=True)
    return made


def test_the_newest_evaluated_run_is_read(run: RunFolder):
    work = run.work
    assert newest_predictions(work) is None
    evaluate_run(run)
    found = newest_predictions(work)
    assert found is not None and found.run == run.path.name
    assert set(found.images) == {"obj/test0", "obj/test1"} and found.images["obj/test0"]
    ours = found.on({"obj/test0": "images/one"}, tuple(name.upper() for name in found.class_names))
    assert list(ours) == ["images/one"] and all(box.label.isupper() for box in ours["images/one"])
    EvaluationFolder.of(run).json.write_text("{", encoding="utf-8")
    assert newest_predictions(work) is None


def test_the_window_shows_where_a_network_disagrees(qtbot, tmp_path: Path, run: RunFolder):
    evaluate_run(run)
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.show()
    window.open_path(run.work)
    scores = window.network_opinion._scores
    qtbot.waitUntil(lambda: bool(window.gallery.predictions), timeout=20_000)
    qtbot.waitUntil(lambda: bool(window.network_opinion._scores), timeout=20_000)
    scores = window.network_opinion._scores
    assert set(scores) == {"obj/test0", "obj/test1"} and scores["obj/test1"] > 0.9, "labels are swapped"
    window.show_page("gallery")
    window.gallery.bar.choose_order(Order.DISAGREEMENT)
    window.gallery.bar.changed.emit()
    assert window.gallery.wall.tiles[0].key.startswith("obj/test")
    session = window.project.session
    boxes = session.image("obj/test1").boxes
    other = next(name for name in session.class_names if name != boxes[0].label)
    window.undo_stack.push(relabel_boxes("obj/test1", boxes, frozenset({0}), other))
    qtbot.waitUntil(lambda: window.network_opinion._scores["obj/test1"] < 0.2, timeout=20_000)
    window.close()
