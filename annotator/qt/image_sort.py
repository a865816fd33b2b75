"""The button that says in which order the list of pictures stands."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import QAction, QActionGroup, QMenu, QToolButton, QWidget

from annotator.core.listing import Order, SortBy
from annotator.qt.translation import tr


class SortButton(QToolButton):
    """A menu of what to sort by, and in which direction.

    Signals:
        chosen: The order the person wants.
    """

    chosen = pyqtSignal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._order = Order()
        self.setText(tr("Sort"))
        self.setToolTip(tr("Order of the list"))
        self.setFocusPolicy(Qt.NoFocus)
        self.setAutoRaise(True)
        self.setPopupMode(QToolButton.InstantPopup)
        menu = QMenu(self)
        self.sorts, self.directions = QActionGroup(menu), QActionGroup(menu)
        for by, text in (
            (SortBy.NAME, tr("By name")),
            (SortBy.BOXES, tr("By number of boxes")),
            (SortBy.SMALLEST, tr("By smallest box")),
            (SortBy.DISAGREEMENT, tr("By disagreement of the predictions")),
        ):
            _add(self.sorts, menu, text, by)
        menu.addSeparator()
        for descending, text in ((False, tr("Smallest first, A to Z")), (True, tr("Largest first, Z to A"))):
            _add(self.directions, menu, text, descending)
        self.setMenu(menu)
        self.sorts.triggered.connect(self._by_chosen)
        self.directions.triggered.connect(
            lambda action: self.chosen.emit(Order(self._order.by, bool(action.data())))
        )
        self.show_order(self._order)

    def show_order(self, order: Order) -> None:
        """Mark the order that the list stands in."""
        self._order = order
        for group, value in ((self.sorts, order.by), (self.directions, order.descending)):
            for action in group.actions():
                action.setChecked(action.data() == value)

    def _by_chosen(self, action: QAction) -> None:
        by = SortBy(action.data())
        # The worst first is what one wants to see of mistakes.
        worst = by is SortBy.DISAGREEMENT
        self.chosen.emit(Order(by, self._order.descending if by is self._order.by else worst))


def _add(group: QActionGroup, menu: QMenu, text: str, value: object) -> None:
    action = menu.addAction(text)
    action.setCheckable(True)
    action.setData(value)
    group.addAction(action)
