"""Boxes to tick that can be seen on dark, too: Fusion outlines them with a colour darker than the window."""

from __future__ import annotations

from PyQt5.QtCore import QRectF, Qt
from PyQt5.QtGui import QPainter, QPalette, QPen
from PyQt5.QtWidgets import QProxyStyle, QStyle, QStyleOption, QWidget

_HALF = 128
"""Lightness below which a window is dark."""
_INDICATORS = frozenset({QStyle.PE_IndicatorCheckBox, QStyle.PE_IndicatorRadioButton})


class OutlinedStyle(QProxyStyle):
    """Fusion, with a light outline around what can be ticked in a dark window."""

    def __init__(self) -> None:
        super().__init__("Fusion")

    def drawPrimitive(
        self,
        element: QStyle.PrimitiveElement,
        option: QStyleOption | None,
        painter: QPainter | None,
        widget: QWidget | None = None,
    ) -> None:
        super().drawPrimitive(element, option, painter, widget)
        if element not in _INDICATORS or option is None or painter is None:
            return
        if option.palette.color(QPalette.Window).lightness() >= _HALF:
            return
        group = QPalette.Active if option.state & QStyle.State_Enabled else QPalette.Disabled
        area = QRectF(option.rect).adjusted(0.5, 0.5, -0.5, -0.5)
        painter.save()
        painter.setPen(QPen(option.palette.color(group, QPalette.PlaceholderText), 1))
        painter.setBrush(Qt.NoBrush)
        if element == QStyle.PE_IndicatorRadioButton:
            painter.setRenderHint(QPainter.Antialiasing)
            painter.drawEllipse(area)
        else:
            painter.drawRect(area)
        painter.restore()
