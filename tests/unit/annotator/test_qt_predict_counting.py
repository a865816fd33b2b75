"""Darknet's count beside ours, and test measured again knowingly, in the window."""

from pathlib import Path

import darknet_support
import evaluation_samples as samples
import pytest
from PyQt5.QtCore import QPointF, Qt
from PyQt5.QtWidgets import QMessageBox
from test_evaluation_darknet_count import BLOCK

from annotator.darknet.evaluation.measure import evaluate_run, stored_evaluation
from annotator.darknet.run.folder import RunFolder
from annotator.qt.pages.predict.evaluated import Evaluated, stored_results
from annotator.qt.pages.predict.numbers import NumbersTab

LONG = 30_000


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_200.weights", 200)
    return made


@pytest.fixture
def numbers(qtbot, run: RunFolder):
    evaluate_run(run)
    evaluated = Evaluated()
    tab = NumbersTab(evaluated)
    qtbot.addWidget(tab)
    tab.resize(1000, 640)
    tab.show()
    evaluated.set_run(run)
    evaluated.take(stored_results(run))
    yield tab
    tab.counting.count.stop()
    tab.evaluate.stop()


def test_a_darknet_that_counts_otherwise_is_shown_with_its_digits(
    qtbot, numbers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code = BLOCK.replace("{mask}", "99.99").replace("{mean}", "0.999900").replace("{average}", "100.00")
    monkeypatch.setenv("DARKNET", str(darknet_support.write_program(tmp_path / "darknet", code)))
    panel = numbers.counting
    assert panel.table.isHidden()
    assert panel.said.isHidden()
    with qtbot.waitSignal(panel.count.ended, timeout=LONG):
        qtbot.mouseClick(panel.count.button, Qt.LeftButton)
    assert "mAP@0.50 99.99 %" in panel.said.text()
    rows = [[panel.table.item(row, at).text() for at in range(4)] for row in range(panel.table.rowCount())]
    assert ["mAP", "0.50", "99.99", "100.00"] in rows
    assert ["AP of mask", "0.75", "99.99", "100.00"] in rows
    # Another split was not counted.
    numbers.split.setCurrentIndex(1)
    assert panel.said.isHidden()


def test_test_is_measured_with_other_weights_only_when_the_person_says_so(
    qtbot, numbers, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert numbers.again.isHidden()
    # A later training leaves better weights: another gain finds the same, and is chosen by hand here.
    other = samples.add_weights(run, "net_300.weights", 300, gain=30.0)
    evaluate_run(run, weights=other)
    numbers.evaluated.take(stored_results(run))
    assert not numbers.again.isHidden()
    assert "iteration 200" in numbers.headline.text()
    asked = []

    def answer(*what: object) -> object:
        asked.append(what[2])
        return QMessageBox.No if len(asked) == 1 else QMessageBox.Yes

    monkeypatch.setattr(QMessageBox, "question", answer)
    qtbot.mouseClick(numbers.again, Qt.LeftButton)
    assert not numbers.evaluate.is_running
    assert "net_200.weights" in asked[0]
    with qtbot.waitSignal(numbers.evaluate.ended, timeout=LONG):
        qtbot.mouseClick(numbers.again, Qt.LeftButton)
    assert numbers.again.isHidden()
    assert len(stored_evaluation(run).test_looks) == 2


def test_a_point_of_a_curve_leads_to_the_pictures_that_are_wrong_from_there_on(
    qtbot, numbers, run: RunFolder
) -> None:
    assert numbers.wrong_there.isHidden()
    (run.work / "obj/test1.txt").write_text(samples.label_text("....g..........."))
    evaluate_run(run)
    numbers.evaluated.take(stored_results(run))
    chart = numbers.curves
    places = [
        chart.mapFromScene(chart.getPlotItem().vb.mapViewToScene(QPointF(x, y)))
        for x, y in ((1.0, 0.0), (0.5, 0.75))
    ]
    for place in places:
        if numbers.wrong_there.isHidden():
            qtbot.mouseClick(chart.viewport(), Qt.LeftButton, pos=place)
    assert numbers.wrong_there.text() == "1 picture that is wrong from there on"
    with qtbot.waitSignal(numbers.pictures_wanted) as wanted:
        qtbot.mouseClick(numbers.wrong_there, Qt.LeftButton)
    assert wanted.args[0] == ["../../obj/test1.png"]
    assert wanted.args[1].startswith("mask: ")
