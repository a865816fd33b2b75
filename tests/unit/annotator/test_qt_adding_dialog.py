import shutil
from pathlib import Path

import pytest
from PyQt5.QtCore import QMimeData, QPoint, Qt, QUrl
from PyQt5.QtGui import QDropEvent, QGuiApplication, QImage
from PyQt5.QtWidgets import QApplication

from annotator import messages
from annotator.qt.dialogs import dropping
from annotator.qt.dialogs.adding import AddingDialog
from annotator.qt.main_window import MainWindow
from annotator.settings import Settings
from assets import demo_path


@pytest.fixture
def window(qtbot, tmp_path: Path):
    messages.history.clear()
    widget = MainWindow(Settings(tmp_path / "settings.json"))
    qtbot.addWidget(widget)
    widget.show()
    yield widget
    widget.undo_stack.clear()
    widget.close()


@pytest.fixture
def more(tmp_path: Path) -> Path:
    target = tmp_path / "more"
    for folder, suffix in (("images", ".png"), ("annotations", ".xml")):
        (target / folder).mkdir(parents=True)
        for number in (8, 20, 21):
            name = f"maksssksksss{number}{suffix}"
            shutil.copyfile(demo_path() / folder / name, target / folder / name)
    return target


def open_set(qtbot, window: MainWindow, path: Path) -> None:
    window.open_path(path)
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)


def drop(window: MainWindow, *paths: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    window.dropEvent(QDropEvent(QPoint(9, 9), Qt.CopyAction, data, Qt.LeftButton, Qt.NoModifier))


def shown(qtbot, window: MainWindow) -> AddingDialog:
    qtbot.waitUntil(lambda: bool(window.findChildren(AddingDialog)), timeout=20_000)
    dialog = window.findChildren(AddingDialog)[-1]
    qtbot.waitUntil(lambda: not dialog.work.is_running, timeout=30_000)
    return dialog


def test_a_dropped_folder_is_added_and_taken_out_again(
    qtbot, window: MainWindow, small_demo: Path, more: Path, monkeypatch
):
    open_set(qtbot, window, small_demo)
    monkeypatch.setattr(dropping, "_ask", lambda window, path: "add")
    drop(window, more)
    dialog = shown(qtbot, window)
    assert [place.key for place in dialog.places] == ["images/maksssksksss20", "images/maksssksksss21"]
    assert "2 pictures of 3" in dialog.text.text() and dialog.go.text() == "Add 2 pictures"
    dialog.identical.setChecked(True)
    qtbot.waitUntil(lambda: not dialog.work.is_running)
    assert dialog.go.text() == "Add 3 pictures" and "number behind it" in dialog.text.text()
    assert "the same as" in dialog.model.index(0, 2).data() + dialog.model.index(1, 2).data()
    dialog.identical.setChecked(False)
    qtbot.waitUntil(lambda: not dialog.work.is_running)
    qtbot.mouseClick(dialog.go, Qt.LeftButton)
    session = window.project.session
    qtbot.waitUntil(lambda: len(session.keys) == 11, timeout=20_000)
    qtbot.waitUntil(lambda: window.label.key == "images/maksssksksss20")
    assert (small_demo / "annotations" / "maksssksksss20.xml").is_file()
    window.undo()
    assert len(session.keys) == 9 and not (small_demo / "images" / "maksssksksss20.png").exists()


def test_a_cancelled_dialog_changes_nothing(qtbot, window: MainWindow, small_demo: Path, more: Path):
    open_set(qtbot, window, small_demo)
    drop(window, *sorted((more / "images").iterdir()))
    dialog = shown(qtbot, window)
    assert "no labels yet" in dialog.text.text()
    dialog.reject()
    assert len(window.project.session.keys) == 9 and not list(small_demo.glob(".new-*"))


def test_unknown_classes_are_asked_for(qtbot, window: MainWindow, small_demo: Path, more: Path):
    for path in (more / "annotations").iterdir():
        path.write_text(path.read_text().replace("with_mask", "covered"))
    open_set(qtbot, window, small_demo)
    dropping.add(window, [more])
    dialog = shown(qtbot, window)
    assert list(dialog.class_boxes) == ["covered"] and dialog.names() == {"covered": "covered"}
    combo = dialog.class_boxes["covered"]
    combo.setCurrentIndex(combo.findData("with_mask"))
    dialog.go.click()
    qtbot.waitUntil(lambda: len(window.project.session.keys) == 11, timeout=20_000)
    assert "covered" not in window.project.session.class_names


def test_the_question_where_both_are_possible(
    qtbot, window: MainWindow, small_demo: Path, more: Path, monkeypatch
):
    open_set(qtbot, window, small_demo)
    monkeypatch.setattr(dropping, "_ask", lambda window, path: "open")
    drop(window, more)
    qtbot.waitUntil(
        lambda: window.project is not None and window.project.session.root == more, timeout=20_000
    )


def test_an_empty_folder_waits_for_pictures(qtbot, window: MainWindow, tmp_path: Path, more: Path):
    empty = tmp_path / "empty"
    empty.mkdir()
    window.open_path(empty)
    assert window.start.empty.isVisible() and "no pictures in" in window.start.empty.text()
    drop(window, *(more / "images").iterdir())
    qtbot.waitUntil(lambda: window.project is not None, timeout=20_000)
    assert window.project.session.root == empty and len(window.project.session.keys) == 3
    assert not window.start.empty.isVisible()


def test_a_picture_is_pasted(qtbot, window: MainWindow, small_demo: Path):
    open_set(qtbot, window, small_demo)
    image = QImage(64, 48, QImage.Format_RGB32)
    image.fill(Qt.red)
    QGuiApplication.clipboard().setImage(image)
    dropping.paste_picture(window)
    session = window.project.session
    (key,) = (key for key in session.keys if "pasted" in key)
    assert session.image(key).size == (64, 48) and not session.image(key).labelled
    QGuiApplication.clipboard().clear()
    QApplication.processEvents()
    dropping.paste_picture(window)
    assert "no picture in the clipboard" in messages.history[-1].text
