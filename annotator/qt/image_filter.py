"""The panel in which the list of pictures is limited, and the words for what is on."""

from __future__ import annotations

from dataclasses import replace

from PyQt5.QtCore import Qt, QTimer, pyqtSignal
from PyQt5.QtGui import QFocusEvent, QKeyEvent, QPalette
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from annotator.core.listing import DISAGREES, Filter, Labels, Span
from annotator.qt.box_list import colour_icon
from annotator.qt.translation import tr
from converters.colours import ClassColours
from converters.model import Split

NETWORK = (416, 416)
_CLASSES_SHOWN = 8
_UNLIMITED = -1


class _Ticks(QListWidget):
    """Names to tick, by a click anywhere in the row or by Space."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.itemClicked.connect(self._toggle)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key_Space and self.currentItem() is not None:
            self._toggle(self.currentItem())
        else:
            super().keyPressEvent(event)

    def _toggle(self, item: QListWidgetItem) -> None:
        item.setCheckState(Qt.Unchecked if item.checkState() == Qt.Checked else Qt.Checked)


class _Limit(QSpinBox):
    """A number, or "any". A click selects it all: what is typed takes its place."""

    def __init__(self, most: int, suffix: str) -> None:
        super().__init__(minimum=_UNLIMITED, maximum=most, value=_UNLIMITED, suffix=suffix)
        self.setSpecialValueText(tr("any"))

    def focusInEvent(self, event: QFocusEvent) -> None:
        super().focusInEvent(event)
        # The click that brought the focus would set the cursor after this.
        QTimer.singleShot(0, self.selectAll)


class FilterPanel(QFrame):
    """All parts of a filter but the searched words and the chosen pictures. What is changed counts at once.

    Signals:
        changed: The filter is another one.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent, Qt.Popup)
        self.setFrameShape(QFrame.StyledPanel)
        self._silent = False
        self._network = NETWORK
        self._build_classes()
        self._build_marks()
        self._build_numbers()
        self.clear_button = QPushButton(tr("Clear"))
        self.clear_button.setToolTip(tr("Show all pictures"))
        self.clear_button.clicked.connect(lambda: self.set_value(Filter()))
        done = QPushButton(tr("Close"))
        done.clicked.connect(self.hide)
        buttons = QHBoxLayout()
        buttons.addWidget(self.clear_button)
        buttons.addStretch()
        buttons.addWidget(done)
        column = QVBoxLayout(self)
        column.addWidget(self._classes_title)
        column.addWidget(self.classes)
        column.addWidget(self.class_rule)
        column.addLayout(self._marks)
        column.addLayout(self._numbers)
        column.addLayout(buttons)

    def _build_classes(self) -> None:
        self._classes_title = QLabel(tr("With a box of"))
        self.classes = _Ticks()
        # Empty boxes to tick are as dark as a list in the dark theme.
        self.classes.viewport().setBackgroundRole(QPalette.Window)
        self.classes.setHorizontalScrollBarPolicy(Qt.ScrollBarAlwaysOff)
        self.classes.setTextElideMode(Qt.ElideMiddle)
        self.classes.itemChanged.connect(self._tell)
        self.class_rule = QComboBox()
        self.class_rule.addItems([tr("any of the ticked classes"), tr("each of the ticked classes")])
        self.class_rule.currentIndexChanged.connect(self._tell)

    def _build_marks(self) -> None:
        self.review = QComboBox()
        for text, value in ((tr("any"), None), (tr("not reviewed"), False), (tr("reviewed"), True)):
            self.review.addItem(text, value)
        self.review.currentIndexChanged.connect(self._tell)
        self.labels = {
            Labels.BOXES: QCheckBox(tr("with boxes")),
            Labels.EMPTY: QCheckBox(tr("empty on purpose")),
            Labels.NONE: QCheckBox(tr("not labelled")),
        }
        self.splits: dict[Split | None, QCheckBox] = {split: QCheckBox(str(split)) for split in Split}
        self.splits[None] = QCheckBox(tr("none"))
        self.findings = QCheckBox(tr("with findings"))
        self.disagreeing = QCheckBox(tr("predictions disagree by"))
        self.disagreement = QDoubleSpinBox(minimum=0.0, maximum=1000.0, singleStep=0.05, value=DISAGREES)
        self.disagreement.setToolTip(tr("At least so much; higher is worse"))
        self.disagreement.valueChanged.connect(self._tell)
        boxes = [*self.labels.values(), *self.splits.values(), self.findings, self.disagreeing]
        for box in boxes:
            box.toggled.connect(self._tell)
        grid = QGridLayout()
        grid.addWidget(QLabel(tr("Review")), 0, 0)
        grid.addWidget(self.review, 0, 1)
        grid.addWidget(QLabel(tr("Labels")), 1, 0)
        grid.addLayout(_row(*self.labels.values()), 1, 1)
        grid.addWidget(QLabel(tr("Split")), 2, 0)
        grid.addLayout(_row(*self.splits.values()), 2, 1)
        grid.addWidget(QLabel(tr("Check")), 3, 0)
        grid.addLayout(_row(self.findings), 3, 1)
        grid.addLayout(_row(self.disagreeing, self.disagreement), 4, 1)
        grid.setColumnStretch(1, 1)
        self._marks = grid

    def _build_numbers(self) -> None:
        self.boxes_low, self.boxes_high = self._number(1_000_000), self._number(1_000_000)
        self.smallest_low, self.smallest_high = self._number(100_000, " px"), self._number(100_000, " px")
        self.measure = QComboBox()
        self.measure.addItems([tr("in the picture"), ""])
        self.measure.currentIndexChanged.connect(self._tell)
        grid = QGridLayout()
        for row, (title, low, high) in enumerate(
            (
                (tr("Boxes"), self.boxes_low, self.boxes_high),
                (tr("Smallest box"), self.smallest_low, self.smallest_high),
            )
        ):
            grid.addWidget(QLabel(title), row, 0)
            grid.addWidget(low, row, 1)
            grid.addWidget(QLabel(tr("to")), row, 2)
            grid.addWidget(high, row, 3)
        grid.setColumnStretch(1, 1)
        grid.setColumnStretch(3, 1)
        grid.addWidget(self.measure, 2, 1, 1, 3)
        self.measure.setToolTip(tr("Where the smallest box's shorter side is measured"))
        self._numbers = grid

    def _number(self, most: int, suffix: str = "") -> QSpinBox:
        box = _Limit(most, suffix)
        box.valueChanged.connect(self._tell)
        return box

    # What there is to choose from

    def set_choices(self, colours: ClassColours, network: tuple[int, int], *, has_splits: bool) -> None:
        """Offer a set's classes and splits, and a network's size; what was ticked stays where it can."""
        ticked, class_names = self._ticked(), colours.names
        self._silent = True
        self.classes.clear()
        for name in class_names:
            item = QListWidgetItem(colour_icon(colours, name), name)
            # Ticked by a click anywhere in the row, see _Ticks.
            item.setFlags(Qt.ItemIsEnabled | Qt.ItemIsSelectable)
            item.setCheckState(Qt.Checked if name in ticked else Qt.Unchecked)
            item.setToolTip(name)
            self.classes.addItem(item)
        height = self.classes.sizeHintForRow(0) if class_names else 0
        frame = 2 * self.classes.frameWidth()
        self.classes.setFixedHeight(height * min(len(class_names), _CLASSES_SHOWN) + frame)
        for widget in (self._classes_title, self.classes, self.class_rule):
            widget.setVisible(bool(class_names))
        for box in self.splits.values():
            box.setEnabled(has_splits or box.isChecked())
            box.setToolTip("" if has_splits else tr("No picture of the set is in a split"))
        self._network = network
        size = f"{network[0]} × {network[1]}"
        self.measure.setItemText(1, tr("as a network of {size} sees it", size=size))
        self._silent = False
        if ticked != self._ticked():
            self._tell()

    def set_known(self, *, findings: bool, disagreement: bool) -> None:
        """Whether anything is known of findings and of predictions."""
        self.findings.setEnabled(findings or self.findings.isChecked())
        self.findings.setToolTip("" if findings else tr("Nothing was found so far"))
        self.disagreeing.setEnabled(disagreement or self.disagreeing.isChecked())
        self.disagreement.setEnabled(self.disagreeing.isEnabled())
        self.disagreeing.setToolTip(
            "" if disagreement else tr("There are no predictions yet: train and evaluate a network")
        )

    # What is chosen

    def value(self) -> Filter:
        """The filter."""
        return Filter(
            classes=self._ticked(),
            all_classes=self.class_rule.currentIndex() == 1,
            splits=frozenset(split for split, box in self.splits.items() if box.isChecked()),
            reviewed=self.review.currentData(),
            labels=frozenset(what for what, box in self.labels.items() if box.isChecked()),
            findings=self.findings.isChecked(),
            disagreement=self.disagreement.value() if self.disagreeing.isChecked() else None,
            boxes=_span(self.boxes_low, self.boxes_high),
            smallest=_span(self.smallest_low, self.smallest_high),
            network=self._network if self.measure.currentIndex() == 1 else None,
        )

    def set_value(self, chosen: Filter) -> None:
        """Show a filter (but for its words and chosen pictures), and tell of it once."""
        before = self.value()
        self._silent = True
        for row in range(self.classes.count()):
            item = self.classes.item(row)
            item.setCheckState(Qt.Checked if item.text() in chosen.classes else Qt.Unchecked)
        self.class_rule.setCurrentIndex(int(chosen.all_classes))
        for split, box in self.splits.items():
            box.setChecked(split in chosen.splits)
        self.review.setCurrentIndex((None, False, True).index(chosen.reviewed))
        for what, box in self.labels.items():
            box.setChecked(what in chosen.labels)
        self.findings.setChecked(chosen.findings)
        self.disagreeing.setChecked(chosen.disagreement is not None)
        if chosen.disagreement is not None:
            self.disagreement.setValue(chosen.disagreement)
        for widget, limit in (
            (self.boxes_low, chosen.boxes.low),
            (self.boxes_high, chosen.boxes.high),
            (self.smallest_low, chosen.smallest.low),
            (self.smallest_high, chosen.smallest.high),
        ):
            widget.setValue(_UNLIMITED if limit is None else round(limit))
        self.measure.setCurrentIndex(int(chosen.network is not None))
        self._silent = False
        if self.value() != before:
            self.changed.emit()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key_Escape, Qt.Key_Return, Qt.Key_Enter):
            self.hide()
        else:
            super().keyPressEvent(event)

    def _ticked(self) -> frozenset[str]:
        items = (self.classes.item(row) for row in range(self.classes.count()))
        return frozenset(item.text() for item in items if item.checkState() == Qt.Checked)

    def _tell(self, *_: object) -> None:
        if not self._silent:
            self.changed.emit()


def words_for(chosen: Filter, only_text: str) -> list[str]:
    """What is on, part by part, but for the searched words.

    Args:
        chosen: The filter.
        only_text: What the chosen pictures have in common.
    """
    parts = [only_text] if chosen.only is not None else []
    if chosen.classes:
        joint = " + " if chosen.all_classes else tr(" or ")
        parts.append(joint.join(sorted(chosen.classes)))
    if chosen.splits:
        names = [str(split) for split in Split if split in chosen.splits]
        parts.append(tr("Split: {split}", split="/".join(names + [tr("none")] * (None in chosen.splits))))
    if chosen.reviewed is not None:
        parts.append(tr("reviewed") if chosen.reviewed else tr("not reviewed"))
    words = {
        Labels.BOXES: tr("with boxes"),
        Labels.EMPTY: tr("empty on purpose"),
        Labels.NONE: tr("not labelled"),
    }
    if chosen.labels:
        parts.append(tr(" or ").join(words[what] for what in Labels if what in chosen.labels))
    if chosen.findings:
        parts.append(tr("with findings"))
    if chosen.disagreement is not None:
        parts.append(tr("disagreement from {score}", score=f"{chosen.disagreement:.2f}"))
    if chosen.boxes:
        parts.append(tr("boxes: {range}", range=_range(chosen.boxes)))
    if chosen.smallest:
        at = "" if chosen.network is None else f" @ {chosen.network[0]} × {chosen.network[1]}"
        parts.append(tr("smallest box: {range} px", range=_range(chosen.smallest)) + at)
    return parts


def with_panel(base: Filter, panel: Filter) -> Filter:
    """The panel's filter with the words and chosen pictures of another."""
    return replace(panel, text=base.text, only=base.only)


def _range(span: Span) -> str:
    if span.low is None:
        return f"≤ {span.high:.0f}"
    if span.high is None:
        return f"≥ {span.low:.0f}"
    return f"{span.low:.0f} – {span.high:.0f}" if span.low != span.high else f"{span.low:.0f}"


def _span(low: QSpinBox, high: QSpinBox) -> Span:
    return Span(
        None if low.value() == _UNLIMITED else low.value(),
        None if high.value() == _UNLIMITED else high.value(),
    )


def _row(*widgets: QWidget) -> QHBoxLayout:
    row = QHBoxLayout()
    for widget in widgets:
        row.addWidget(widget)
    row.addStretch()
    return row
