import csv
from pathlib import Path

import pytest
from PyQt5.QtCore import QEvent, QPoint, Qt
from PyQt5.QtGui import QColor, QHelpEvent, QPalette
from PyQt5.QtWidgets import QApplication

from annotator import messages
from annotator.core.project import Project
from annotator.core.session import Session
from annotator.qt.charts import BarPanel, MatrixPanel, tip
from annotator.qt.image_list import ImageList
from annotator.qt.pages import balance as balance_page
from annotator.qt.pages.augment import AugmentPage
from annotator.qt.pages.balance import BalancePage
from annotator.settings import Settings
from augment.runner import augment
from converters.balance_facts import facts_of
from converters.charts import NEUTRAL, BarChart, Part, Row, Subject, together_chart, toned
from converters.convert import ConvertOptions, convert_to_work
from converters.model import AnnotatedImage, Box, Dataset
from converters.plan_csv import read_plan
from converters.registry import load
from converters.report import Report
from converters.split import SplitRequest

LONG = 60_000


@pytest.fixture
def work(small_demo: Path, tmp_path: Path) -> Path:
    options = ConvertOptions(split=SplitRequest((60.0, 20.0, 20.0)))
    convert_to_work(small_demo, tmp_path / "small-work", Report(), options)
    return tmp_path / "small-work"


def open_project(root: Path, tmp_path: Path) -> Project:
    project = Project(Session.open(root), Settings(tmp_path / "settings.json"))
    project.take_over_split()
    return project


@pytest.fixture
def page(qtbot):
    page = BalancePage()
    qtbot.addWidget(page)
    page.resize(1000, 600)
    page.show()
    yield page
    page.stop()
    if page.project is not None:
        page.project.session.close()


def click(qtbot, panel: BarPanel, row: int, part: int | None = None) -> None:
    panel.view.grab()  # the plot is laid out when it is drawn
    qtbot.mouseClick(panel.view.viewport(), Qt.LeftButton, pos=panel.view.point_of(row, part))


def texts(table, column: int) -> list[str]:
    return [table.item(row, column).text() for row in range(table.rowCount())]


def test_a_small_set_is_counted_at_once(page: BalancePage, small_demo: Path, tmp_path: Path):
    page.set_project(open_project(small_demo, tmp_path))
    facts = page.facts
    assert facts is not None and page.purpose.text() == facts.balance.sentence()
    assert texts(page.table, 0) == [*facts.dataset.class_names, "all"]
    assert "not split yet" in page.notes.text()
    assert not page.plan.find.isVisibleTo(page) and "Split page" in page.plan.missing.text()


def test_clicking_a_bar_asks_for_its_pictures(qtbot, page: BalancePage, work: Path, tmp_path: Path):
    page.set_project(open_project(work, tmp_path))
    asked = []
    page.filter_requested.connect(lambda keys, text: asked.append((keys, text)))
    chart = page.images_chart.chart
    for part, split in enumerate(("train", "val", "test")):
        click(qtbot, page.images_chart, 0, part)
        keys, text = asked[-1]
        assert len(keys) == chart.rows[0].values[part] and text == f"{chart.rows[0].name} in {split}"
    page.sections.setCurrentIndex(1)
    click(qtbot, page.network_chart, 0, 0)
    assert asked[-1][1].startswith("small") and asked[-1][1].endswith("at 416 × 416")
    page.sections.setCurrentIndex(2)
    row = next(number for number, row in enumerate(page.crowds_chart.chart.rows) if row.total)
    click(qtbot, page.crowds_chart, row)
    assert "box" in asked[-1][1]
    page.matrix.table.cellClicked.emit(0, 2)
    page.matrix.table.cellClicked.emit(0, 0)
    names = page.project.session.class_names
    assert [text for _, text in asked[-2:]] == [f"{names[0]} and {names[1]}", names[0]]
    page.table.cellActivated.emit(1, 3)
    assert asked[-1][1] == names[1]
    before = len(asked)
    page.table.cellActivated.emit(page.table.rowCount() - 1, 0)
    assert len(asked) == before


def test_pictures_of_the_training_set_are_those_of_the_open_set(
    qtbot, page: BalancePage, small_demo: Path, work: Path, tmp_path: Path
):
    project = open_project(small_demo, tmp_path)
    assert augment(work, copies=1, seed=1, jobs=1).copies
    page.set_project(project)
    assert page.source.isVisibleTo(page)
    with qtbot.waitSignal(page.counted, timeout=LONG):
        page.source.setCurrentIndex(1)
    assert page.facts.dataset.root == work and "copies, counted apart" in page.notes.text()
    assert page.boxes_chart.chart.parts[-1].key == "copies"
    asked = []
    page.filter_requested.connect(lambda keys, text: asked.append((keys, text)))
    click(qtbot, page.boxes_chart, 0, 0)
    assert asked[0][0] and all(key in project.session for key in asked[0][0])


def test_the_network_size_can_be_typed_and_is_remembered(
    qtbot, page: BalancePage, work: Path, tmp_path: Path
):
    page.set_project(open_project(work, tmp_path))
    page.network.setCurrentText("608 x 320")
    page.network.lineEdit().editingFinished.emit()
    assert page.facts.network_size == (608, 320)
    assert page.network_chart.title.text() == "Sizes as a network of 608 × 320 px sees them"
    page.network.setCurrentText("nonsense")
    page.network.lineEdit().editingFinished.emit()
    assert page.facts.network_size == (608, 320)
    again = BalancePage()
    qtbot.addWidget(again)
    again.set_project(page.project)
    assert again.facts.network_size == (608, 320)
    again.stop()


def test_a_plan_is_found_shown_saved_and_made(qtbot, page: BalancePage, work: Path, tmp_path: Path):
    project = open_project(work, tmp_path)
    page.set_project(project)
    page.sections.setCurrentIndex(3)
    page.plan.target.setCurrentIndex(3)
    with qtbot.waitSignal(page.plan.find.ended, timeout=LONG):
        qtbot.mouseClick(page.plan.find.button, Qt.LeftButton)
    plan = page.plan.planned.plan
    assert plan.copies and page.plan.result.isVisibleTo(page)
    assert texts(page.plan.table, 3) == [f"{count:,}" for count in plan.after.values()]
    assert page.plan.weights.text().startswith("counters_per_class = ")
    page.plan.copy.click()
    assert QApplication.clipboard().text() == page.plan.weights.text()
    page.plan.save_plan(tmp_path / "plan.csv")
    assert dict(read_plan(tmp_path / "plan.csv", load(work, Report())).copies) == dict(plan.copies)
    asked = []
    page.filter_requested.connect(lambda keys, text: asked.append(text))
    click(qtbot, page.plan.chart, 0)
    assert asked == [f"{project.session.class_names[0]} in train"]
    with qtbot.waitSignal(page.plan_ready) as ready:
        page.plan.use.click()
    augmenting = AugmentPage()
    qtbot.addWidget(augmenting)
    augmenting.set_project(project)
    augmenting.use_plan(ready.args[0])
    assert not augmenting.copies.isVisibleTo(augmenting)
    with qtbot.waitSignal(augmenting.make.ended, timeout=LONG):
        qtbot.mouseClick(augmenting.make.button, Qt.LeftButton)
    assert len(list((work / "augmented").glob("*.png"))) == plan.copy_count
    with qtbot.waitSignal(augmenting.examples_shown, timeout=LONG):
        qtbot.mouseClick(augmenting.preview_button, Qt.LeftButton)
    assert not augmenting.preview.pixmap().isNull()
    augmenting.set_project(project)
    assert augmenting.amount.count() == 1 and augmenting.copies.isVisibleTo(augmenting)


def test_numbers_of_boxes_are_asked_for_in_a_table(qtbot, page: BalancePage, work: Path, tmp_path: Path):
    page.set_project(open_project(work, tmp_path))
    page.plan.target.setCurrentIndex(page.plan.target.count() - 1)
    names = list(page.project.session.class_names)
    assert texts(page.plan.counts, 0) == names
    said = []
    stop = messages.listen(lambda message: said.append(message.text))
    page.plan.counts.item(0, 2).setText("many")
    page.plan.find.button.click()
    page.plan.counts.item(0, 2).setText("")
    page.plan.find.button.click()
    stop()
    assert f"'many' boxes of {names[0]}" in said[0] and "no class has a number" in said[1]
    page.plan.counts.item(1, 2).setText("1,000")
    assert page.plan.asked().counts == {names[1]: 1000}
    page.refresh()
    assert page.plan.counts.item(1, 2).text() == "1,000"


def test_a_search_can_be_cancelled(qtbot, page: BalancePage, work: Path, tmp_path: Path):
    page.set_project(open_project(work, tmp_path))
    page.plan.find.button.click()
    with qtbot.waitSignal(page.plan.find.ended, timeout=LONG):
        page.plan.find.cancel.click()
    assert page.plan.planned is None and "Cancelled" in page.plan.find.note.text()


@pytest.mark.parametrize("kind", ["html", "png", "classes", "boxes"])
def test_what_is_shown_can_be_exported(qtbot, page: BalancePage, work: Path, tmp_path: Path, kind: str):
    page.set_project(open_project(work, tmp_path))
    path = tmp_path / f"out.{kind}"
    with qtbot.waitSignal(page.export.ended, timeout=LONG):
        page.write_export(path, getattr(balance_page, f"_render_{kind}"))
    data = path.read_bytes()
    if kind == "html":
        assert data.startswith(b"<!DOCTYPE html>") and b"data:image/jpeg" in data
    elif kind == "png":
        assert data.startswith(b"\x89PNG")
    else:
        rows = list(csv.DictReader(data.decode().splitlines()))
        balance = page.facts.balance
        assert len(rows) == (len(balance.classes) if kind == "classes" else balance.boxes)


def test_an_export_that_cannot_be_written_is_said(qtbot, page: BalancePage, work: Path, tmp_path: Path):
    page.set_project(open_project(work, tmp_path))
    said = []
    stop = messages.listen(lambda message: said.append(message.text))
    with qtbot.waitSignal(page.export.ended, timeout=LONG):
        page.write_export(tmp_path / "no" / "such" / "x.csv", balance_page._render_boxes)
    stop()
    assert "x.csv" in said[0]


def test_a_set_without_a_box_and_one_with_many_classes(qtbot, tmp_path: Path, make_picture):
    for names, labels in ((("a",), 0), (tuple(f"class {i}" for i in range(30)), 30)):
        root = tmp_path / f"set{labels}"
        make_picture(root / "obj" / "p.png")
        (root / "obj.names").write_text("".join(f"{name}\n" for name in names))
        (root / "obj" / "p.txt").write_text("".join(f"{i} 0.5 0.5 0.1 0.1\n" for i in range(labels)))
        page = BalancePage()
        qtbot.addWidget(page)
        page.set_project(open_project(root, tmp_path))
        page.show()
        for section in range(page.sections.count()):
            page.sections.setCurrentIndex(section)
            page.grab()
        assert texts(page.table, 1)[-1] == str(labels)
        page.project.session.close()
        page.stop()


# The charts by themselves


def chart_of(*rows: Row) -> BarChart:
    parts = (Part("train", "train"), Part("val", "val", 0.5))
    return BarChart(Subject.BOXES, "Boxes", "boxes", parts, rows)


def test_bars_are_where_and_how_they_are_said_to_be(qtbot):
    panel = BarPanel()
    qtbot.addWidget(panel)
    panel.resize(700, 300)
    red, blue = (200, 30, 30), (30, 30, 200)
    panel.show_chart(chart_of(Row("one", ("one",), red, (60, 40)), Row("two", ("two",), blue, (50, 0))))
    panel.show()
    image = panel.view.grab().toImage()
    for row, part, colour in ((0, 0, red), (0, 1, toned(red, 0.5)), (1, 0, blue)):
        # Beside the number in the middle of the bar.
        point = panel.view.point_of(row, part) + QPoint(25, 0)
        assert QColor(image.pixel(point)).getRgb()[:3] == colour
        assert panel.view.hit(point)[1] == part
    row, part = panel.view.hit(QPoint(panel.view.width() - 3, panel.view.point_of(1).y()))
    assert row.name == "two" and part is None
    assert panel.view.hit(QPoint(panel.view.width() // 2, panel.view.height() - 2)) is None


@pytest.mark.parametrize("dark", [False, True])
def test_text_is_readable_on_any_palette(qtbot, dark: bool):
    panel = BarPanel()
    qtbot.addWidget(panel)
    palette = QPalette()
    back, front = (QColor(40, 40, 40), QColor(230, 230, 230)) if dark else (QColor("white"), QColor("black"))
    palette.setColor(QPalette.Window, back)
    palette.setColor(QPalette.WindowText, front)
    panel.setPalette(palette)
    panel.resize(500, 200)
    panel.show_chart(chart_of(Row("x" * 200, ("x",), NEUTRAL, (1, 0))))
    panel.show()
    image = panel.view.grab().toImage()
    assert image.pixelColor(2, 2) == back
    colours = {image.pixelColor(x, y).lightness() for x in range(image.width()) for y in range(60)}
    assert (max(colours) > 180) if dark else (min(colours) < 80)
    assert panel.view.getAxis("left").taken < 0.4 * panel.view.width()


def test_the_wheel_is_left_to_the_page_and_tips_are_plain(qtbot):
    panel = BarPanel()
    qtbot.addWidget(panel)
    panel.resize(500, 200)
    panel.show_chart(chart_of(Row("<b>bold</b>", ("x",), NEUTRAL, (5, 5))))
    panel.show()
    panel.view.grab()
    point = panel.view.point_of(0, 0)
    QApplication.sendEvent(
        panel.view.viewport(), QHelpEvent(QEvent.ToolTip, point, panel.view.mapToGlobal(point))
    )
    assert tip("<b>bold</b>") == "<p style='white-space:pre'>&lt;b&gt;bold&lt;/b&gt;</p>"


def test_a_matrix_says_which_cell_was_clicked(qtbot):
    def picture(key: str, *labels: str) -> AnnotatedImage:
        return AnnotatedImage(key, Path(key), (9, 9), tuple(Box((0, 0, 5, 5), label) for label in labels))

    images = (picture("1", "a", "b"), picture("2", "a"), picture("3", "b", "c"))
    panel = MatrixPanel()
    qtbot.addWidget(panel)
    panel.show_matrix(together_chart(facts_of(Dataset(Path("x"), "voc", images, ("a", "b", "c")))))
    assert [texts(panel.table, column) for column in (1, 2, 4)] == [
        ["", "1", "0"],
        ["1", "", "1"],
        ["1", "0", "0"],
    ]
    clicked = []
    panel.clicked.connect(lambda row, column: clicked.append((row, column)))
    for column in (0, 1, 4, 5):
        panel.table.cellClicked.emit(1, column)
    assert clicked == [(1, 4), (1, 0), (1, 3), (1, 4)]


def test_the_list_shows_only_the_chosen_pictures(qtbot, small_demo: Path):
    session = Session.open(small_demo)
    images = ImageList()
    qtbot.addWidget(images)
    images.set_session(session)
    images.search.setText("something")
    wanted = session.keys[3:5]
    images.show_only(wanted, "two of them")
    assert images.summary.text() == "two of them" and images.search.text() == ""
    assert images.view.model().rowCount() == 2
    assert images.view.currentIndex().isValid()
    images.refresh_filters()
    assert images.view.model().rowCount() == 2
    images.go_to(session.keys[0])
    assert images.view.model().rowCount() == 2 and not images.view.currentIndex().isValid()
    images.clear_filter()
    assert images.view.current_key() == session.keys[0]
    session.close()
