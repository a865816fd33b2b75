"""The plan on the balance page: a target, what may be done for it, and what comes of it."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtGui import QFontDatabase, QGuiApplication
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QSpinBox,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.balance import Planned, PlanTask, find_plan, for_window, target_of
from annotator.core.project import Project
from annotator.qt.background import Task
from annotator.qt.balance_texts import headline
from annotator.qt.box_list import colour_icon
from annotator.qt.chart_texts import in_words
from annotator.qt.charts import BarPanel, Pair
from annotator.qt.pages.page import TaskRow
from annotator.qt.said_below import known
from annotator.qt.translation import numbers, tr, tr_n
from converters import registry
from converters.balance_plan import MAX_COPIES, MAX_PASTES_PER_COPY, PlanOptions, Target, training_counts
from converters.charts import plan_chart
from converters.class_weights import counters_per_class, multipliers
from converters.colours import ClassColours
from converters.errors import DataError, UsageError
from converters.formats.base import LoadOptions
from converters.model import Dataset
from converters.plan_csv import write_plan
from converters.report import Report
from converters.work import copies_in

_RATIOS = (10, 5, 3)
_OWN, _COUNTS = "own", "counts"
_PLACE = "\x00"
"""Stands in a text where a field has its number."""


class PlanSection(QWidget):
    """Asks for a target, finds the plan in the background and shows it.

    Signals:
        plan_ready: The person wants this plan (a ``BalancePlan``) carried out.
        bar_clicked: Chart, row and part of it that was clicked.
        planned_changed: Another plan is shown, or none.
    """

    plan_ready = pyqtSignal(object)
    bar_clicked = pyqtSignal(object, object, object)
    planned_changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.project: Project | None = None
        self.planned: Planned | None = None
        self._counting: Task | None = None
        self.about = QLabel(
            tr(
                "A picture with a rare class often shows common ones too, and a copy adds all of them. The "
                "plan says how many copies of which training picture come nearest to a target. Val and test "
                "stay as they are."
            )
        )
        self.about.setWordWrap(True)
        self.missing = QLabel()
        self.missing.setWordWrap(True)
        self.form = self._build_form()
        self.find = TaskRow(tr("Find the plan"))
        self.find.button.clicked.connect(self._find)
        self.find.succeeded.connect(self._found)
        self.find.failed.connect(messages.error)
        self.result = self._build_result()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        for widget in (self.about, self.missing, self.form, self.find, self.result):
            column.addWidget(widget)
        column.addStretch()
        self._show_target()
        self._show_plan(None)

    # Building

    def _build_form(self) -> QGroupBox:
        defaults = PlanOptions()
        self.target = QComboBox()
        self.target.addItem(tr("equal: as many boxes of each class"), 1.0)
        for ratio in _RATIOS:
            self.target.addItem(tr("{ratio} : 1 at most", ratio=ratio), float(ratio))
        self.target.addItem(tr("a ratio of your own"), _OWN)
        self.target.addItem(tr("a number of boxes for each class"), _COUNTS)
        self.target.setCurrentIndex(2)
        self.ratio = QDoubleSpinBox(minimum=1.0, maximum=1000.0, value=4.0, decimals=1, singleStep=0.5)
        _around(self.ratio, tr("{ratio} : 1 at most", ratio=_PLACE))
        self.counts = QTableWidget(0, 3)
        self.counts.setHorizontalHeaderLabels(
            [tr("Class"), tr("Training boxes now"), tr("Wanted (empty: any)")]
        )
        self.counts.horizontalHeader().setSectionResizeMode(QHeaderView.Stretch)
        self.counts.verticalHeader().hide()
        self.counts.setEditTriggers(QAbstractItemView.AllEditTriggers)
        self.max_copies = QSpinBox(minimum=1, maximum=MAX_COPIES, value=defaults.max_copies)
        _around(self.max_copies, tr("{number} copies of one picture at most", number=_PLACE))
        self.paste = QCheckBox(tr("paste boxes of rare classes on copies, where copies alone do not do"))
        self.per_copy = QSpinBox(minimum=1, maximum=MAX_PASTES_PER_COPY, value=defaults.max_pastes_per_copy)
        _around(self.per_copy, tr("at most {number} on a copy", number=_PLACE))
        self.uses = QSpinBox(minimum=1, maximum=1000, value=defaults.max_uses)
        _around(self.uses, tr("each box at most {number} times", number=_PLACE))
        self.uses.setToolTip(tr("So that the network does not learn the same few boxes by heart."))
        limits = QWidget()
        row = QHBoxLayout(limits)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.per_copy)
        row.addWidget(self.uses)
        row.addStretch()
        box = QGroupBox(tr("What the training set shall be like"))
        form = QFormLayout(box)
        form.setFieldGrowthPolicy(QFormLayout.AllNonFixedFieldsGrow)
        form.addRow(tr("Target"), self._left(self.target, self.ratio))
        form.addRow("", self.counts)
        form.addRow(tr("Copies"), self._left(self.max_copies))
        form.addRow(tr("Pasting"), self.paste)
        form.addRow("", limits)
        self.target.currentIndexChanged.connect(self._show_target)
        self.paste.toggled.connect(self._show_target)
        return box

    def _left(self, *widgets: QWidget) -> QWidget:
        holder = QWidget()
        row = QHBoxLayout(holder)
        row.setContentsMargins(0, 0, 0, 0)
        for widget in widgets:
            row.addWidget(widget)
        row.addStretch()
        return holder

    def _build_result(self) -> QWidget:
        self.headline = QLabel()
        self.headline.setWordWrap(True)
        self.headline.setTextFormat(Qt.PlainText)
        self.headline.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.reasons = QPlainTextEdit(readOnly=True)
        self.chart = BarPanel()
        self.chart.clicked.connect(lambda row, part: self.bar_clicked.emit(self.chart.chart, row, part))
        self.table = QTableWidget(0, 5)
        self.table.setHorizontalHeaderLabels(
            [tr("Class"), tr("Now"), tr("Target"), tr("With\nthe plan"), tr("Pasted\nof these")]
        )
        self.table.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.table.setSelectionMode(QAbstractItemView.NoSelection)
        self.table.setFocusPolicy(Qt.NoFocus)
        self.table.verticalHeader().hide()
        self.table.setTextElideMode(Qt.ElideMiddle)
        self.weights = QLineEdit(readOnly=True)
        self.weights.setFont(QFontDatabase.systemFont(QFontDatabase.FixedFont))
        self.weights_note = QLabel()
        self.weights_note.setWordWrap(True)
        self.weights_note.setTextFormat(Qt.PlainText)
        self.copy = QPushButton(tr("Copy"))
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.weights.text()))
        self.save = QPushButton(tr("Save plan…"))
        self.save.clicked.connect(self._ask_where)
        self.use = QPushButton(tr("Make these copies…"))
        self.use.setToolTip(tr("Goes to the Augment page with this plan"))
        self.use.clicked.connect(self._use)
        weights = QGroupBox(tr("Class weights for Darknet, once these copies are made"))
        column = QVBoxLayout(weights)
        row = QHBoxLayout()
        row.addWidget(self.weights, 1)
        row.addWidget(self.copy)
        column.addLayout(row)
        column.addWidget(self.weights_note)
        buttons = QHBoxLayout()
        for button in (self.use, self.save):
            buttons.addWidget(button)
        buttons.addStretch()
        result = QWidget()
        column = QVBoxLayout(result)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.headline)
        column.addWidget(Pair(self.chart, self.table))
        column.addWidget(self.reasons)
        column.addLayout(buttons)
        column.addWidget(weights)
        return result

    # Showing

    def set_project(self, project: Project) -> None:
        """Plan for another set: the old plan goes."""
        self.stop()
        self.project = project
        self.counts.setRowCount(0)
        self._show_plan(None)
        self.find.say("")

    def refresh(self) -> None:
        """Show whether there is anything to plan for, and the classes that are there."""
        work = self.project.work if self.project is not None else None
        self.form.setVisible(work is not None)
        self.find.setVisible(work is not None)
        self.missing.setVisible(work is None)
        self.missing.setText(
            tr(
                "There is no training set yet: the Split page divides the pictures into train, val and test, "
                "and only those of train are ever copied."
            )
        )
        if self.planned is not None and (work is None or work != self.planned.root):
            self._show_plan(None)
        self._show_target()

    def _load_counts(self) -> None:
        """Fill the table of numbers, in the background where label files must be read for it."""
        work = self.project.work if self.project is not None else None
        if self.project is None or work is None or self._counting is not None:
            return
        if self.project.is_work_itself:
            self._show_counts_of(self.project.session.dataset())
            return
        task = Task(lambda tell: registry.load(work.root, Report(), LoadOptions(on_progress=tell)), self)
        task.succeeded.connect(self._show_counts_of)
        task.failed.connect(messages.error)
        task.finished.connect(self._counted)
        self._counting = task.start()

    def _counted(self) -> None:
        self._counting = None

    def _show_counts_of(self, dataset: Dataset) -> None:
        self.show_counts(training_counts(dataset), self._colours_of(dataset))

    def show_counts(self, counts: dict[str, int], colours: ClassColours) -> None:
        """The training boxes of each class, for those who want a number of their own."""
        wanted = self._wanted_texts()
        self.counts.setRowCount(len(counts))
        for row, (label, count) in enumerate(counts.items()):
            name = QTableWidgetItem(colour_icon(colours, label), label)
            now = QTableWidgetItem(numbers(f"{count:,}"))
            now.setTextAlignment(int(Qt.AlignRight | Qt.AlignVCenter))
            for item in (name, now):
                item.setFlags(Qt.ItemIsEnabled)
            own = QTableWidgetItem(wanted.get(label, ""))
            own.setTextAlignment(int(Qt.AlignRight | Qt.AlignVCenter))
            for column, item in enumerate((name, now, own)):
                self.counts.setItem(row, column, item)
        height = self.counts.horizontalHeader().sizeHint().height() + 6
        height += sum(self.counts.rowHeight(row) for row in range(len(counts)))
        self.counts.setFixedHeight(min(max(height, 80), 280))

    def _colours_of(self, dataset: Dataset) -> ClassColours:
        """The classes of a set that was read from ``work``, in the colours of the open one."""
        shown = self.project.session.colours if self.project is not None else dataset.colours
        return shown.on(dataset.class_names)

    def _show_target(self) -> None:
        self.ratio.setVisible(self.target.currentData() == _OWN)
        self.counts.setVisible(self.target.currentData() == _COUNTS)
        if self.target.currentData() == _COUNTS:
            self._load_counts()
        for widget in (self.per_copy, self.uses):
            widget.setEnabled(self.paste.isChecked())

    def _show_plan(self, planned: Planned | None) -> None:
        self.planned = planned
        self.result.setVisible(planned is not None)
        if planned is not None:
            plan, names = planned.plan, self._colours_of(planned.dataset)
            self.headline.setText(headline(plan))
            self.chart.show_chart(in_words(plan_chart(plan, names)))
            self._fill(planned)
            notes = [known(for_window(note)) for note in plan.notes]
            there = len(copies_in(planned.root))
            if there and plan.copies:
                notes.append(
                    tr_n(
                        "{n} copy made before is not counted here: those of the plan take its place.",
                        "{n} copies made before are not counted here: those of the plan take their place.",
                        there,
                    )
                )
            self._show_reasons(notes)
            self.weights.setText(counters_per_class(plan.after))
            self.weights.setCursorPosition(0)
            losses = ", ".join(f"{label} {weight:.1f}" for label, weight in multipliers(plan.after).items())
            self.weights_note.setText(
                tr("For each [yolo] section of a cfg: losses are then multiplied by {losses}.", losses=losses)
            )
            self.use.setEnabled(bool(plan.copies))
            self.save.setEnabled(bool(plan.copies))
        self.planned_changed.emit()

    def _show_reasons(self, notes: list[str]) -> None:
        self.reasons.setPlainText("\n".join(notes))
        self.reasons.setVisible(bool(notes))
        # Long ones need two lines; with many classes it scrolls.
        lines = min(2 * len(notes), 9)
        self.reasons.setFixedHeight(lines * self.reasons.fontMetrics().lineSpacing() + 14)

    def _fill(self, planned: Planned) -> None:
        plan = planned.plan
        pasted = plan.pasted
        self.table.setRowCount(len(plan.before))
        for row, (label, before) in enumerate(plan.before.items()):
            target = plan.target.get(label)
            cells = [label, f"{before:,}", "–" if target is None else f"{target:,}", f"{plan.after[label]:,}"]
            for column, text in enumerate([*cells, f"{pasted[label]:,}" if pasted[label] else "–"]):
                item = QTableWidgetItem(text if column == 0 else numbers(text))
                side = Qt.AlignLeft if column == 0 else Qt.AlignRight
                item.setTextAlignment(int(side | Qt.AlignVCenter))
                self.table.setItem(row, column, item)
            self.table.item(row, 0).setIcon(colour_icon(self._colours_of(planned.dataset), label))
        self.table.resizeColumnsToContents()
        self.table.resizeRowsToContents()
        self.table.horizontalHeader().setSectionResizeMode(0, QHeaderView.Stretch)
        height = self.table.horizontalHeader().sizeHint().height() + 6
        height += sum(self.table.rowHeight(row) for row in range(self.table.rowCount()))
        self.table.setFixedHeight(min(height, 900))

    # Planning

    def stop(self) -> None:
        """End what runs in the background, and wait for it."""
        self.find.stop()
        if self._counting is not None:
            self._counting.cancel()
            self._counting.wait()

    def _wanted_texts(self) -> dict[str, str]:
        rows = range(self.counts.rowCount())
        return {self.counts.item(row, 0).text(): self.counts.item(row, 2).text().strip() for row in rows}

    def asked(self) -> Target:
        """The target as it stands in the form.

        Raises:
            UsageError: A number is wrong, or no class has one.
        """
        what = self.target.currentData()
        if what != _COUNTS:
            return target_of(self.ratio.value() if what == _OWN else float(what), {})
        counts = {}
        for label, text in self._wanted_texts().items():
            if text:
                digits = "".join(text.replace(",", "").split())
                if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and int(digits) > 0):
                    raise UsageError(
                        tr(
                            "{text} boxes of {name}: write a whole number, or nothing.",
                            text=repr(text),
                            name=label,
                        )
                    )
                counts[label] = int(digits)
        return target_of(None, counts)

    def options(self) -> PlanOptions:
        """What the plan may do, as it stands in the form."""
        return PlanOptions(
            max_copies=self.max_copies.value(),
            paste=self.paste.isChecked(),
            max_pastes_per_copy=self.per_copy.value(),
            max_uses=self.uses.value(),
        )

    def _find(self) -> None:
        work = self.project.work if self.project is not None else None
        if self.project is None or work is None:
            return
        try:
            target = self.asked()
        except UsageError as error:
            messages.error(str(error))
            return
        own = self.project.session.dataset() if self.project.is_work_itself else None
        task = PlanTask(own, work, target, self.options())
        self.find.say("")
        self.find.run(lambda tell: find_plan(task, tell), tr("Looking for the best plan…"))

    def _found(self, planned: Planned) -> None:
        # The set may have been changed for another one meanwhile.
        if self.project is not None and self.project.work == planned.root:
            self.find.say(tr("Found in {seconds} s.", seconds=f"{planned.plan.seconds:.1f}"))
            self._show_plan(planned)

    def _use(self) -> None:
        if self.planned is not None:
            self.plan_ready.emit(self.planned.plan)

    def _ask_where(self) -> None:
        if self.planned is None:
            return
        root = self.planned.root.root
        path, _ = QFileDialog.getSaveFileName(
            self,
            tr("Save the plan"),
            str(root.with_name(f"{root.name}-plan.csv")),
            f"CSV (*.csv);;{tr('All files')} (*)",
        )
        if path:
            self.save_plan(Path(path))

    def save_plan(self, path: Path) -> None:
        """Write the plan that is shown, for augment-cli."""
        if self.planned is None:
            return
        try:
            write_plan(path, self.planned.dataset, self.planned.plan)
        except DataError as error:
            messages.error(str(error))
            return
        messages.info(
            tr(
                "The plan lies in {path}; augment-cli {folder} --plan carries it out.",
                path=path,
                folder=self.planned.root.root,
            )
        )


def _around(number: QSpinBox | QDoubleSpinBox, text: str) -> None:
    """Write a text around the number of a field."""
    before, _, after = text.partition(_PLACE)
    number.setPrefix(before)
    number.setSuffix(after)
