"""What is advised in the window, and where its buttons lead."""

from pathlib import Path

import evaluation_samples as samples
import pytest
from PyQt5.QtCore import Qt

from annotator.darknet.evaluation.advice import Act, Advice
from annotator.darknet.evaluation.confusion import Kind
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.run.folder import RunFolder
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.model import Split

LONG = 30_000


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_200.weights", 200)
    return made


@pytest.fixture
def window(qtbot, tmp_path: Path, run: RunFolder):
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1024, 700)
    window.show()
    window.open_path(run.work)
    qtbot.waitUntil(lambda: window.project is not None, timeout=LONG)
    window.show_page("predict")
    yield window
    window.close_without_asking()


def test_under_the_numbers_stands_what_to_do_and_its_button_leads_there(qtbot, window, run):
    page = window.predict
    page.parts.setCurrentWidget(page.numbers)
    with qtbot.waitSignal(page.numbers.evaluate.ended, timeout=LONG):
        qtbot.mouseClick(page.numbers.evaluate.button, Qt.LeftButton)
    (button,) = page.numbers.next.buttons
    assert page.numbers.next.isVisible() and page.numbers.next.advice[0].act is Act.JUDGE
    qtbot.mouseClick(button, Qt.LeftButton)
    assert window.page_name == "split"


def test_wrong_labels_of_training_pictures_are_listed_when_the_person_asks(qtbot, window, run):
    (run.work / "obj/train0.txt").write_text(samples.label_text("g..............."))
    evaluate_run(run)
    page, tab = window.predict, window.predict.mistakes
    page.parts.setCurrentWidget(tab)
    qtbot.waitUntil(lambda: tab.split.count() == 3, timeout=LONG)
    assert tab.training.isHidden()
    tab.split.setCurrentText("on training")
    assert tab.training.isVisible() and not tab.model.rows and "wrong label" in tab.count.text()
    with qtbot.waitSignal(tab.training.ended, timeout=LONG):
        qtbot.mouseClick(tab.training.button, Qt.LeftButton)
    (mistake,) = tab.model.rows
    assert mistake.kind is Kind.WRONG_CLASS and mistake.true_label == "no_mask"
    qtbot.waitUntil(tab.training.isHidden)
    page.refresh()  # as when one comes back from the labels
    qtbot.waitUntil(lambda: not page.evaluated._tasks, timeout=LONG)
    assert tab.split.currentData() is Split.TRAIN and tab.model.rows


def test_each_advice_leads_to_where_it_is_done(qtbot, window, run):
    (run.work / "obj/val1.txt").write_text(samples.label_text("..........g....."))
    evaluate_run(run)
    page, follow = window.predict, window.advice_visit.follow
    page.parts.setCurrentWidget(page.mistakes)
    qtbot.waitUntil(lambda: page.mistakes.split.count() == 3, timeout=LONG)
    window.show_page("label")
    wrong = Advice(Act.MISTAKES, "", kind=Kind.WRONG_CLASS, true_label="no_mask", label="mask")
    follow(wrong, run)
    assert window.page_name == "predict" and page.parts.currentWidget() is page.mistakes
    assert len(page.mistakes.model.rows) == 1 and "no_mask → mask" in page.mistakes.count.text()
    follow(Advice(Act.LABELS, ""), run)
    assert page.mistakes.confidence.currentData() == (0.9, 2.0) and len(page.mistakes.model.rows) == 1
    follow(Advice(Act.COPIES, ""), run)
    assert window.page_name == "augment"
    follow(Advice(Act.CLASS, ""), run)
    assert window.page_name == "balance"
    train = window.train
    follow(Advice(Act.SIZE, "", side=608), run)
    assert window.page_name == "train" and train.setup.plan().width == 608
    follow(Advice(Act.RATE, "", rate=0.0001), run)
    assert train.setup.plan().options == {"learning_rate": "0.0001"}
    assert train.setup.drawers.open_part is train.setup.options
    follow(Advice(Act.PRETRAINED, ""), run)
    assert train.setup.drawers.open_part is train.setup.weights


def test_after_a_training_one_click_trains_on(qtbot, window, run, monkeypatch):
    window.show_page("train")
    train = window.train
    launched = []
    monkeypatch.setattr(train, "_launch", launched.append)
    train._ended(run.path)
    qtbot.waitUntil(train.next.isVisible, timeout=LONG)
    assert [one.act for one in train.next.advice] == [Act.EVALUATE]
    train.next.show_advice([Advice(Act.TRAIN_ON, "The loss still fell.", iterations=900)])
    qtbot.mouseClick(train.next.buttons[0], Qt.LeftButton)
    assert launched[0][:4] == ["resume", str(run.path), "--max-batches", "900"]
