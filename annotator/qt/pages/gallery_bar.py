"""What can be chosen above the wall of crops: class, split, size, order; and how many there are."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from PyQt5.QtCore import QSignalBlocker, Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QProgressBar,
    QPushButton,
    QSlider,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from annotator.core.gallery import Order, Wanted
from annotator.qt.elided import ElidedLabel
from annotator.qt.gallery_view import LARGEST_CELL, SMALLEST_CELL, keys_text
from annotator.qt.translation import numbers, tr, tr_n
from converters.model import Split

_ALL, _SEVERAL = "all", "several"


class GalleryBar(QWidget):
    """Two lines of choices and counts.

    Signals:
        changed: Another class, split, size or order was chosen.
        cell_changed: Another size of crops.
    """

    changed = pyqtSignal()
    cell_changed = pyqtSignal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._names: tuple[str, ...] = ()
        self._counts: dict[str, int] = {}
        self._labels: frozenset[str] | None = None
        self.classes = _combo(tr("The class whose boxes are shown"))
        self.splits = _combo(tr("Show only the boxes of a split"))
        self.orders = _combo(tr("How the crops are sorted"))
        self.min_side = QSpinBox(minimum=0, maximum=9999, specialValueText=tr("any size"))
        self.min_side.setSuffix(" px")
        self.min_side.setToolTip(tr("Show only boxes whose shorter side is at least so long"))
        self.min_side.setKeyboardTracking(False)
        self.slider = QSlider(Qt.Horizontal, minimum=SMALLEST_CELL, maximum=LARGEST_CELL)
        self.slider.setToolTip(tr("Size of the crops (Ctrl+wheel, + and −)"))
        self.slider.setMinimumWidth(50)
        self.slider.setMaximumWidth(200)
        self.slider.setFocusPolicy(Qt.ClickFocus)
        self.count = QLabel()
        self.hint = ElidedLabel()
        self.hint.setText(keys_text())
        self.hint.setEnabled(False)
        self.refresh = QPushButton()
        self.refresh.setToolTip(tr("Sort and filter again as the labels are now (R)"))
        self.refresh.setFocusPolicy(Qt.NoFocus)
        self.progress = QProgressBar()
        self.progress.setMaximumWidth(320)
        self.cancel = QPushButton(tr("Cancel"))
        self.cancel.setFocusPolicy(Qt.NoFocus)
        self._lay_out()
        self._offer_orders(disagreement=False)
        self.show_classes((), {}, {None})
        self.show_progress(None)
        self.show_state(0, 0, 0)
        self.classes.activated.connect(self._class_chosen)
        self.splits.activated.connect(lambda _: self.changed.emit())
        self.orders.activated.connect(lambda _: self.changed.emit())
        self.min_side.valueChanged.connect(lambda _: self.changed.emit())
        self.slider.valueChanged.connect(self.cell_changed)

    def _lay_out(self) -> None:
        first, second = QHBoxLayout(), QHBoxLayout()
        for text, widget in (
            (tr("Show"), self.classes),
            (tr("in"), self.splits),
            (tr("from"), self.min_side),
            (tr("sorted by"), self.orders),
        ):
            first.addWidget(QLabel(text))
            first.addWidget(widget)
        for choice in (self.classes, self.splits, self.orders):
            # Less than its longest text where the window is small.
            choice.setMinimumWidth(self.fontMetrics().averageCharWidth() * 12)
        first.addStretch(1)
        first.addWidget(QLabel(tr("Size")))
        first.addWidget(self.slider, 1)
        for widget in (self.count, self.progress, self.cancel):
            second.addWidget(widget)
        second.addSpacing(16)
        second.addWidget(self.hint, 1)
        second.addWidget(self.refresh)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        layout.addLayout(first)
        layout.addLayout(second)

    # What was chosen

    @property
    def order(self) -> Order:
        """How the wall is to be sorted."""
        return Order(self.orders.currentData())

    def wanted(self) -> Wanted:
        """Which boxes are to hang on it."""
        split = self.splits.currentData()
        splits = None if split == _ALL else frozenset({Split(split) if split else None})
        return Wanted(self._labels, splits, float(self.min_side.value()))

    def choose_order(self, order: Order) -> None:
        """Show another order as the chosen one (nothing is emitted)."""
        self.orders.setCurrentIndex(max(self.orders.findData(str(order)), 0))

    def reset(self) -> None:
        """Begin with another set: all boxes, by picture."""
        self._labels = None
        self._names = ()
        with QSignalBlocker(self.min_side):
            self.min_side.setValue(0)
        self._offer_orders(disagreement=False)
        self.orders.setCurrentIndex(0)
        self.splits.setCurrentIndex(0)

    # What can be chosen

    def show_classes(
        self, names: Sequence[str], counts: Mapping[str, int], splits: Collection[Split | None]
    ) -> None:
        """Offer these classes and splits; the chosen class stays, also under another name."""
        before, self._names = self._names, tuple(names)
        if self._labels is not None:
            kept = {self._now(label, before) for label in self._labels}
            self._labels = frozenset(label for label in kept if label in counts) or None
        self.show_counts(counts)
        chosen = self.splits.currentData()
        self.splits.clear()
        self.splits.addItem(tr("all splits"), _ALL)
        for split in Split:
            if split in splits:
                self.splits.addItem(str(split), str(split))
        if None in splits and len(splits) > 1:
            self.splits.addItem(tr("no split"), "")
        self.splits.setCurrentIndex(max(self.splits.findData(chosen), 0))
        self.splits.setEnabled(self.splits.count() > 1)

    def show_counts(self, counts: Mapping[str, int]) -> None:
        """How many boxes each class has now."""
        self._counts = dict(counts)
        self.classes.clear()
        self.classes.addItem(tr("all classes ({count})", count=f"{sum(self._counts.values()):,}"), _ALL)
        for name, count in self._counts.items():
            self.classes.addItem(f"{name} ({numbers(f'{count:,}')})", (name,))
            self.classes.setItemData(self.classes.count() - 1, name, Qt.ToolTipRole)
        several = self._labels is not None and len(self._labels) > 1
        if len(self._counts) > 1:
            text = ", ".join(name for name in self._counts if name in (self._labels or ()))
            self.classes.addItem(text if several else tr("several…"), _SEVERAL)
        index = 0
        if several:
            index = self.classes.count() - 1
        elif self._labels:
            (only,) = self._labels
            index = next((i for i in range(self.classes.count()) if self.classes.itemData(i) == (only,)), 0)
        self.classes.setCurrentIndex(index)

    def _now(self, label: str, before: Sequence[str]) -> str:
        """What a class is called now: a renamed one keeps its place in the order."""
        if label in self._names or label not in before or len(before) != len(self._names):
            return label
        return self._names[before.index(label)]

    def _class_chosen(self) -> None:
        chosen = self.classes.currentData()
        if chosen == _SEVERAL:
            self._ask_for_several()
        else:
            self._labels = None if chosen == _ALL else frozenset(chosen)
        self.show_counts(self._counts)
        self.changed.emit()

    def _ask_for_several(self) -> None:
        dialog = QDialog(self)
        dialog.setWindowTitle(tr("Classes to show"))
        listed = QListWidget()
        for name, count in self._counts.items():
            item = QListWidgetItem(f"{name} ({numbers(f'{count:,}')})", listed)
            item.setData(Qt.UserRole, name)
            item.setCheckState(Qt.Checked if name in (self._labels or ()) else Qt.Unchecked)
        buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel)
        buttons.accepted.connect(dialog.accept)
        buttons.rejected.connect(dialog.reject)
        column = QVBoxLayout(dialog)
        column.addWidget(listed)
        column.addWidget(buttons)
        if dialog.exec_() == QDialog.Accepted:
            rows = [listed.item(row) for row in range(listed.count())]
            names = {item.data(Qt.UserRole) for item in rows if item.checkState() == Qt.Checked}
            self._labels = frozenset(names) or None

    def offer_disagreement(self, possible: bool) -> None:
        """Whether crops can be sorted by disagreement with predictions."""
        self._offer_orders(disagreement=possible)

    def _offer_orders(self, *, disagreement: bool) -> None:
        chosen = self.orders.currentData()
        self.orders.clear()
        self.orders.addItem(tr("picture"), str(Order.IMAGE))
        self.orders.addItem(tr("unlike its class first"), str(Order.UNLIKE))
        if disagreement:
            self.orders.addItem(tr("predictions disagree first"), str(Order.DISAGREEMENT))
        self.orders.addItem(tr("smallest first"), str(Order.SMALLEST))
        self.orders.addItem(tr("largest first"), str(Order.LARGEST))
        self.orders.setCurrentIndex(max(self.orders.findData(chosen), 0))

    # What is said

    def show_cell(self, side: int) -> None:
        """The size of the crops, as it is now."""
        with QSignalBlocker(self.slider):
            self.slider.setValue(side)

    def show_state(self, shown: int, selected: int, changed: int) -> None:
        """How many crops hang there, are selected, and are not what they were."""
        text = tr_n("{n} box", "{n} boxes", shown)
        if selected:
            text += " · " + tr_n("{n} selected", "{n} selected", selected)
        self.count.setText(text)
        self.refresh.setText(tr_n("{n} changed · Refresh", "{n} changed · Refresh", changed))
        self.refresh.setVisible(changed > 0)

    def show_progress(self, amount: tuple[int, int] | None) -> None:
        """How far the comparing of crops has come; None: it does not run."""
        for widget in (self.progress, self.cancel):
            widget.setVisible(amount is not None)
        self.hint.setVisible(amount is None)
        if amount is not None:
            self.progress.setRange(0, amount[1])
            self.progress.setValue(amount[0])
            self.progress.setFormat(tr("Comparing crops: %v of %m pictures"))


def _combo(tip: str) -> QComboBox:
    combo = QComboBox()
    combo.setToolTip(tip)
    combo.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
    combo.setMinimumContentsLength(11)
    combo.setFocusPolicy(Qt.ClickFocus)
    return combo
