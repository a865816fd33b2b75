"""The names of curves: hidden, shown, alone; and no curve is lost or taken out of a chart."""

from __future__ import annotations

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtGui import QColor
from PyQt5.QtTest import QTest

from annotator.core.training import TrainingModel
from annotator.darknet.program.events import CheckpointMeasured, ClassMeasured
from annotator.qt.chart_legend import CurveLegend, Entry
from annotator.qt.pages.train.chart import AccuracyChart


def measured(iteration: int, names: str) -> dict[str, object]:
    classes = tuple(ClassMeasured(name, 0.5, 0.2, 20, 0.4, 0.6) for name in names)
    return CheckpointMeasured(iteration, f"net_{iteration}.weights", 0.5, 0.3, classes, 9, 1.0).as_dict()


@pytest.fixture
def legend(qtbot) -> CurveLegend:
    widget = CurveLegend()
    qtbot.addWidget(widget)
    widget.resize(500, 60)
    widget.show()
    widget.show_entries([Entry(name, f"class {name}", QColor("red")) for name in "abc"])
    return widget


def place_of(legend: CurveLegend, row: int):
    return legend.visualItemRect(legend.item(row)).center()


def test_a_click_hides_a_curve_and_shows_it_again(legend: CurveLegend, qtbot):
    with qtbot.waitSignal(legend.changed):
        qtbot.mouseClick(legend.viewport(), Qt.LeftButton, pos=place_of(legend, 1))
    assert legend.hidden == {"b"} and legend.item(1).font().strikeOut()
    legend.show_entries([Entry(name, name, QColor("blue")) for name in "abcd"])
    assert legend.item(1).font().strikeOut(), "also where they are named anew"
    legend.setCurrentRow(1)
    QTest.keyClick(legend, Qt.Key_Space)
    assert legend.hidden == set()


def test_a_double_click_leaves_one_alone_and_the_next_brings_all_back(legend: CurveLegend, qtbot):
    for expected in ({"a", "b"}, set()):
        at = place_of(legend, 2)
        qtbot.mouseClick(legend.viewport(), Qt.LeftButton, pos=at)
        qtbot.mouseDClick(legend.viewport(), Qt.LeftButton, pos=at)
        assert legend.hidden == expected


def test_eighty_names_take_three_rows_and_are_scrolled(legend: CurveLegend):
    legend.show_entries([Entry(str(n), f"a class: {n} (12 boxes)", QColor("red")) for n in range(80)])
    assert legend.height() < 6 * legend.fontMetrics().height()
    assert legend.verticalScrollBar().maximum() > 0


def test_curves_stay_in_the_plot_and_only_their_numbers_change(qtbot):
    chart = AccuracyChart()
    qtbot.addWidget(chart)
    chart.show()
    model = TrainingModel()
    model.begin()
    model.take(measured(2, "abc"))
    chart.show_model(model, {"a": 5})
    items = chart.plot.getPlotItem().listDataItems()
    assert chart.legend.keys() == [" mean", "a", "b", "c"] and chart.legend.item(1).text() == "a (5 boxes)"
    assert [item.isVisible() for item in items] == [True] * 4
    model.take(measured(3, "abc"))
    chart.show_model(model, {"a": 5})
    assert chart.plot.getPlotItem().listDataItems() == items
    assert list(items[1].getData()[0]) == [2, 3]
    chart.legend.hidden = {"b"}
    chart.legend.changed.emit()
    other = TrainingModel()
    other.begin()
    other.take(measured(2, "b"))
    chart.show_model(other, {})
    assert chart.plot.getPlotItem().listDataItems() == items
    assert [item.isVisible() for item in items] == [True, False, False, False]
    assert chart.png_bytes().startswith(b"\x89PNG")
