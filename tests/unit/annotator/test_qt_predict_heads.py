"""Heads of tables with names of any length."""

from __future__ import annotations

from PyQt5.QtCore import Qt

from annotator.qt.pages.predict.tables import NumberTable


def test_a_name_too_long_for_its_column_is_cut_in_its_middle_and_said_in_full(qtbot):
    table = NumberTable()
    qtbot.addWidget(table)
    names = ["mug", "20261123-002828-yolov4-tiny-3l-with-copies"]
    table.fill(names, [["1", "2"]])
    header = table.horizontalHeader()
    assert header.textElideMode() == Qt.ElideMiddle
    assert header.sectionSize(1) < header.fontMetrics().horizontalAdvance(names[1])
    assert table.horizontalHeaderItem(1).toolTip() == names[1]
    assert not table.horizontalHeaderItem(0).toolTip()
