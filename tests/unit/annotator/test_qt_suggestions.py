"""Predictions on the labelling page: shown, walked through, accepted and dismissed by key and mouse."""

from pathlib import Path

import evaluation_samples as samples
import pytest
from PyQt5.QtCore import QPoint, Qt
from PyQt5.QtGui import QContextMenuEvent
from PyQt5.QtTest import QTest
from PyQt5.QtWidgets import QMessageBox

from annotator import messages
from annotator.core.suggestions import Standing
from annotator.darknet.evaluation.measure import evaluate_run
from annotator.darknet.run.folder import RunFolder
from annotator.qt.context_menu import context_menu
from annotator.qt.dialogs.network import NetworkDialog
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from converters.images import encode_png

WAIT = 20_000


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    made = samples.make_run(tmp_path / "work")
    samples.add_weights(made, "net_final.weights", 300)
    # A new picture, which no training knows: two faces with a mask, one without, and no label.
    (made.work / "obj" / "new.png").write_bytes(encode_png(samples.picture("r.....r.......g.")))
    return made


def _open(qtbot, root: Path, tmp_path: Path) -> MainWindow:
    window = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(window)
    window.resize(1100, 700)
    window.show()
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow, timeout=WAIT)
    window.open_path(root)
    qtbot.waitUntil(lambda: window.project is not None and window.label.canvas.has_picture, timeout=WAIT)
    return window


@pytest.fixture
def window(qtbot, run: RunFolder, tmp_path: Path):
    widget = _open(qtbot, run.work, tmp_path)
    yield widget
    widget.close_without_asking()


def _go(qtbot, window: MainWindow, key: str) -> None:
    window.label.reveal(key)
    qtbot.waitUntil(lambda: window.label.canvas.has_picture, timeout=WAIT)
    window.label.canvas.setFocus()


def _press(window: MainWindow, key: Qt.Key, modifiers: Qt.KeyboardModifiers = Qt.NoModifier) -> None:
    QTest.keyClick(window.label.canvas, key, modifiers)


def _switch_on(qtbot, window: MainWindow) -> None:
    _press(window, Qt.Key_P)
    qtbot.waitUntil(lambda: window.suggestions.is_on, timeout=WAIT)
    key = window.label.key
    qtbot.waitUntil(lambda: window.suggestions.network.predicting.boxes(key) is not None, timeout=WAIT)


def _labels(window: MainWindow, key: str) -> list[str]:
    return [box.label for box in window.project.session.image(key).boxes]


def test_a_new_picture_is_labelled_by_one_key(qtbot, window: MainWindow, run: RunFolder):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    found = window.suggestions
    assert [one.standing for one in found.shown] == [Standing.NEW] * 3
    assert "3 new" in found.status.text() and "25 %" in found.status.text()
    _press(window, Qt.Key_Return)
    assert sorted(_labels(window, "obj/new")) == ["mask", "mask", "no_mask"]
    assert all(box.confidence is None for box in window.project.session.image("obj/new").boxes)
    assert window.undo_stack.undoText() == "accept 3 predictions"
    assert [one.standing for one in found.shown] == [Standing.AGREES] * 3
    assert "nothing that differs" in found.status.text()
    assert window.save() and len((run.work / "obj" / "new.txt").read_text().splitlines()) == 3
    _press(window, Qt.Key_Z, Qt.ControlModifier)
    assert _labels(window, "obj/new") == [] and len(found.shown) == 3
    _press(window, Qt.Key_P)
    assert not found.is_on and window.label.canvas.suggestions == () and found.status.isHidden()


def test_predictions_are_walked_through_accepted_relabelled_and_dismissed(qtbot, window: MainWindow):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    found, canvas = window.suggestions, window.label.canvas
    _press(window, Qt.Key_Tab)
    assert found.selected is not None and found.selected.box.xyxy == (0, 0, 8, 8)
    _press(window, Qt.Key_Return, Qt.ShiftModifier)
    assert [box.xyxy for box in canvas.boxes] == [(0, 0, 8, 8)]
    assert found.selected is not None and found.selected.box.xyxy == (16, 8, 24, 16), "the next one"
    _press(window, Qt.Key_2)
    assert _labels(window, "obj/new") == ["mask", "no_mask"], "a digit accepts it with another class"
    assert found.selected is not None and found.selected.box.xyxy == (16, 24, 24, 32)
    _press(window, Qt.Key_Backspace)
    assert found.selected is None and len(canvas.boxes) == 2
    assert [one.standing for one in found.shown] == [Standing.AGREES]
    _press(window, Qt.Key_Backspace, Qt.ShiftModifier)
    assert [one.standing for one in found.shown] == [Standing.AGREES, Standing.OTHER_CLASS, Standing.NEW]
    steps = []
    for _ in range(4):
        _press(window, Qt.Key_Tab)
        steps.append("box" if canvas.selected else found.selected.standing)
    assert sorted(steps) == ["box", "box", Standing.NEW, Standing.OTHER_CLASS], "all in turn"


def test_a_box_of_another_class_takes_the_predicted_one(qtbot, window: MainWindow):
    key = "obj/val1"
    _go(qtbot, window, key)
    session = window.project.session
    canvas = window.label.canvas
    canvas.select(frozenset({0}))
    _press(window, Qt.Key_2)
    assert _labels(window, key) == ["no_mask"]
    canvas.select(frozenset())
    _switch_on(qtbot, window)
    assert [one.standing for one in window.suggestions.shown] == [Standing.OTHER_CLASS]
    _press(window, Qt.Key_Return)
    assert _labels(window, key) == ["no_mask"], "Enter adds boxes, it changes none"
    canvas.select(frozenset({0}))
    _press(window, Qt.Key_Return, Qt.ShiftModifier)
    assert _labels(window, key) == ["mask"] and len(session.image(key).boxes) == 1


def test_the_threshold_moves_and_is_remembered(qtbot, window: MainWindow, tmp_path: Path):
    _go(qtbot, window, "obj/test0")
    _switch_on(qtbot, window)
    found = window.suggestions
    before = len(found.shown)
    for _ in range(30):
        _press(window, Qt.Key_BracketRight)
    assert found.threshold == 95 and len(found.shown) <= before
    _press(window, Qt.Key_BracketLeft)
    assert found.threshold == 90 and "90 %" in found.status.text()
    assert Settings(tmp_path / "settings.json").get("suggestion_threshold") == 90
    _press(window, Qt.Key_P, Qt.ShiftModifier)
    assert found.only_different and all(one.differs for one in found.shown)


def test_a_click_selects_a_prediction_and_a_double_click_accepts_it(qtbot, window: MainWindow):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    canvas = window.label.canvas
    at = QPoint(*map(round, canvas.viewport.to_view((20.0, 12.0))))
    QTest.mouseClick(canvas, Qt.LeftButton, Qt.NoModifier, at)
    assert window.suggestions.selected is not None
    assert window.suggestions.selected.box.xyxy == (16, 8, 24, 16)
    _press(window, Qt.Key_Escape)
    assert window.suggestions.selected is None
    QTest.mouseClick(canvas, Qt.LeftButton, Qt.NoModifier, at)
    QTest.mouseDClick(canvas, Qt.LeftButton, Qt.NoModifier, at)
    assert [box.xyxy for box in canvas.boxes] == [(16, 8, 24, 16)]
    assert not canvas.is_panning and not canvas.is_busy


def test_all_pictures_are_predicted_and_the_filter_knows_it(qtbot, window: MainWindow):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    window.suggestions.look_at_all()
    opinion = window.network_opinion
    qtbot.waitUntil(lambda: len(opinion._scores) == len(window.project.session.keys), timeout=WAIT)
    assert opinion._scores["obj/new"] > 0.9 and opinion._scores["obj/val0"] < 0.1
    _press(window, Qt.Key_Tab)
    for _ in range(3):
        _press(window, Qt.Key_Backspace)
    qtbot.waitUntil(lambda: opinion._scores["obj/new"] == 0.0, timeout=WAIT)


def test_stored_predictions_of_an_evaluation_are_taken(qtbot, run: RunFolder, tmp_path: Path):
    evaluate_run(run)
    window = _open(qtbot, run.work, tmp_path)
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    known = window.suggestions.network.predicting.known
    assert {"obj/test0", "obj/test1", "obj/new"} <= set(known)
    window.close_without_asking()


def test_without_a_network_it_is_said_how_to_get_one(qtbot, small_demo: Path, tmp_path: Path):
    window = _open(qtbot, small_demo, tmp_path)
    window.label.canvas.setFocus()
    messages.history.clear()
    _press(window, Qt.Key_P)
    assert "Train" in messages.history[-1].text and not window.suggestions.is_on
    _press(window, Qt.Key_Return)
    _press(window, Qt.Key_Backspace)
    assert not window.suggestions.is_on
    window.close_without_asking()


def test_a_network_that_cannot_be_read_is_told(qtbot, run: RunFolder, tmp_path: Path):
    window = _open(qtbot, run.work, tmp_path)
    window.label.canvas.setFocus()
    _switch_on(qtbot, window)
    _press(window, Qt.Key_P)
    text = run.cfg.read_text(encoding="utf-8")
    weights = run.backup / "net_final.weights"
    weights.write_bytes(weights.read_bytes() + b"abcd")
    run.cfg.write_text(text, encoding="utf-8")
    messages.history.clear()
    _press(window, Qt.Key_P)
    qtbot.waitUntil(lambda: bool(messages.history), timeout=WAIT)
    assert not window.suggestions.is_on
    window.close_without_asking()


def test_classes_that_the_set_does_not_have_are_asked(qtbot, window: MainWindow):
    from annotator.core import class_edits

    session = window.project.session
    session.apply(class_edits.add_class(session.dataset(), "chin"))
    session.apply(class_edits.rename_class(session.dataset(), "mask", "covered"))
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    network = window.suggestions.network
    assert network.mapping == {"mask": None, "no_mask": "no_mask"}
    assert [one.box.label for one in window.suggestions.shown] == ["no_mask"]
    from annotator.qt.dialogs.network_classes import NetworkClassesDialog

    (dialog,) = window.findChildren(NetworkClassesDialog)
    choice = dialog.choices["mask"]
    choice.setCurrentIndex(choice.findData("covered"))
    dialog.accept()
    labels = sorted(one.box.label for one in window.suggestions.shown)
    assert labels == ["covered", "covered", "no_mask"] and network.unknown_classes == ()


def test_all_unlabelled_pictures_get_boxes_after_a_question(qtbot, window: MainWindow, run: RunFolder):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    _press(window, Qt.Key_Return, Qt.ControlModifier)
    qtbot.waitUntil(lambda: bool(window.findChildren(QMessageBox)), timeout=WAIT)
    (box,) = window.findChildren(QMessageBox)
    assert "3 boxes" in box.text() and "1 picture" in box.text()
    yes = next(b for b in box.buttons() if box.buttonRole(b) == QMessageBox.AcceptRole)
    QTest.mouseClick(yes, Qt.LeftButton)
    qtbot.waitUntil(lambda: len(_labels(window, "obj/new")) == 3, timeout=WAIT)
    assert window.undo_stack.undoText() == "accept 3 predictions in 1 picture"
    messages.history.clear()
    window.suggestions.unlabelled.begin()
    qtbot.waitUntil(lambda: bool(messages.history), timeout=WAIT)
    assert "without labels" in messages.history[-1].text


def test_a_network_from_elsewhere_is_chosen(qtbot, run: RunFolder, small_demo: Path, tmp_path: Path):
    window = _open(qtbot, small_demo, tmp_path)
    window.suggestions.network.choose()
    (dialog,) = window.findChildren(NetworkDialog)
    assert dialog.elsewhere.isChecked() and not dialog.ok.isEnabled()
    names = tmp_path / "three.names"
    names.write_text("a\nb\nc\n", encoding="utf-8")
    dialog.cfg.setText(str(run.cfg))
    dialog.weights_file.setText(str(run.backup / "net_final.weights"))
    dialog.names.setText(str(names))
    dialog.accept()
    assert dialog.isVisible() and "3" in dialog.says.text(), "the names are not the network's"
    dialog.names.setText(str(run.names))
    dialog.accept()
    qtbot.waitUntil(lambda: window.suggestions.is_on, timeout=WAIT)
    key = window.label.key
    qtbot.waitUntil(lambda: window.suggestions.network.predicting.boxes(key) is not None, timeout=WAIT)
    network = window.suggestions.network.network
    assert network is not None and network.run is None and network.class_names == samples.CLASSES
    window.close_without_asking()


def test_older_weights_of_a_training_are_chosen(qtbot, window: MainWindow, run: RunFolder):
    older = samples.add_weights(run, "net_100.weights", 100, gain=0.0)
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    assert window.suggestions.shown
    window.suggestions.network.choose()
    (dialog,) = window.findChildren(NetworkDialog)
    qtbot.waitUntil(lambda: dialog.weights.count() == 3, timeout=WAIT)
    dialog.weights.setCurrentIndex(2)
    dialog.accept()
    network = window.suggestions.network
    assert network.network is not None and network.network.weights == older
    qtbot.waitUntil(lambda: network.predicting.boxes("obj/new") == (), timeout=WAIT)
    assert window.suggestions.shown == () and "nothing found" in window.suggestions.status.text()


def test_the_menu_of_a_prediction_accepts_it(qtbot, window: MainWindow):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    canvas = window.label.canvas
    at = QPoint(*map(round, canvas.viewport.to_view((20.0, 12.0))))
    event = QContextMenuEvent(QContextMenuEvent.Mouse, at, canvas.mapToGlobal(at))
    window.suggestions.eventFilter(canvas, event)
    assert window.suggestions.selected is not None
    canvas.setAttribute(Qt.WA_UnderMouse)
    menu = context_menu(window)
    assert menu is not None
    texts = [action.text() for action in menu.actions()]
    assert "Accept as no_mask" in texts and window.actions_by_name["accept_prediction"] in menu.actions()


def test_z_goes_from_prediction_to_prediction_large(qtbot, window: MainWindow):
    _go(qtbot, window, "obj/new")
    _switch_on(qtbot, window)
    canvas, found = window.label.canvas, window.suggestions
    before = canvas.viewport.scale
    _press(window, Qt.Key_Z)
    assert found.selected is not None and canvas.large == found.selected.box.xyxy == (0, 0, 8, 8)
    assert canvas.viewport.scale > before
    _press(window, Qt.Key_Z)
    assert canvas.large == (16, 8, 24, 16)
    _press(window, Qt.Key_Return, Qt.ShiftModifier)
    assert canvas.large == (16, 24, 24, 32), "the next one, as large"
    _press(window, Qt.Key_Z, Qt.ShiftModifier)
    assert canvas.selected and canvas.large == (16, 8, 24, 16), "the box that was just accepted"
    _press(window, Qt.Key_F)
    assert canvas.large is None
