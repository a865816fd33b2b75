"""What can be ticked is seen in both themes."""

import pytest
from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QCheckBox, QListWidget, QListWidgetItem, QRadioButton, QStyle, QStyleOptionButton

from annotator.qt.outlines import OutlinedStyle
from annotator.qt.themes import Theme, palette_of


@pytest.mark.parametrize("theme", [Theme.LIGHT, Theme.DARK])
@pytest.mark.parametrize("kind", [QCheckBox, QRadioButton])
def test_an_indicator_stands_out_from_the_window(qtbot, theme: Theme, kind):
    style = OutlinedStyle()
    widget = kind("x")
    qtbot.addWidget(widget)
    widget.setStyle(style)
    widget.setPalette(palette_of(theme))
    widget.resize(widget.sizeHint())
    option = QStyleOptionButton()
    option.initFrom(widget)
    element = QStyle.SE_CheckBoxIndicator if kind is QCheckBox else QStyle.SE_RadioButtonIndicator
    place = style.subElementRect(element, option, widget)
    image = widget.grab().toImage()
    window = widget.palette().window().color().lightness()
    row = [
        image.pixelColor(x, place.center().y()).lightness() for x in range(place.left(), place.right() + 1)
    ]
    assert max(abs(value - window) for value in row) > 40


def test_a_list_has_them_too(qtbot):
    style = OutlinedStyle()
    view = QListWidget()
    qtbot.addWidget(view)
    view.setStyle(style)
    view.setPalette(palette_of(Theme.DARK))
    item = QListWidgetItem("")
    item.setCheckState(Qt.Unchecked)
    view.addItem(item)
    view.resize(200, 100)
    view.show()
    image = view.grab().toImage()
    brightest = max(image.pixelColor(x, y).lightness() for x in range(2, 30) for y in range(2, 25))
    assert brightest > 100
