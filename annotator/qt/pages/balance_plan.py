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
from annotator.core.balance import Planned, PlanTask, find_plan, for_window, headline, target_of
from annotator.core.project import Project
from annotator.qt.background import Task
from annotator.qt.box_list import colour_icon
from annotator.qt.charts import BarPanel, Pair
from annotator.qt.pages.page import TaskRow
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
from converters.words import counted
from converters.work import copies_in

_TARGETS = (
    ("equal: as many boxes of each class", 1.0),
    ("10 : 1 at most", 10.0),
    ("5 : 1 at most", 5.0),
    ("3 : 1 at most", 3.0),
)
_OWN, _COUNTS = "own", "counts"


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
            "A picture with a rare class often shows common ones too, and a copy adds all of them. The plan "
            "says how many copies of which training picture come nearest to a target. Val and test stay as "
            "they are."
        )
        self.about.setWordWrap(True)
        self.missing = QLabel()
        self.missing.setWordWrap(True)
        self.form = self._build_form()
        self.find = TaskRow("Find the plan")
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
        for text, ratio in _TARGETS:
            self.target.addItem(text, ratio)
        self.target.addItem("a ratio of your own", _OWN)
        self.target.addItem("a number of boxes for each class", _COUNTS)
        self.target.setCurrentIndex(2)
        self.ratio = QDoubleSpinBox(minimum=1.0, maximum=1000.0, value=4.0, decimals=1, singleStep=0.5)
        self.ratio.setSuffix(" : 1 at most")
        self.counts = QTableWidget(0, 3)
        self.counts.setHorizontalHeaderLabels(["Class", "Training boxes now", "Wanted (empty: any)"])
        self.counts.horizontalHeader().setSectionResizeMode(QHeaderView.Stretch)
        self.counts.verticalHeader().hide()
        self.counts.setEditTriggers(QAbstractItemView.AllEditTriggers)
        self.max_copies = QSpinBox(minimum=1, maximum=MAX_COPIES, value=defaults.max_copies)
        self.max_copies.setSuffix(" copies of one picture at most")
        self.paste = QCheckBox("paste boxes of rare classes on copies, where copies alone do not do")
        self.per_copy = QSpinBox(minimum=1, maximum=MAX_PASTES_PER_COPY, value=defaults.max_pastes_per_copy)
        self.per_copy.setPrefix("at most ")
        self.per_copy.setSuffix(" on a copy")
        self.uses = QSpinBox(minimum=1, maximum=1000, value=defaults.max_uses)
        self.uses.setPrefix("each box at most ")
        self.uses.setSuffix(" times")
        self.uses.setToolTip("So that the network does not learn the same few boxes by heart.")
        limits = QWidget()
        row = QHBoxLayout(limits)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.per_copy)
        row.addWidget(self.uses)
        row.addStretch()
        box = QGroupBox("What the training set shall be like")
        form = QFormLayout(box)
        form.setFieldGrowthPolicy(QFormLayout.AllNonFixedFieldsGrow)
        form.addRow("Target", self._left(self.target, self.ratio))
        form.addRow("", self.counts)
        form.addRow("Copies", self._left(self.max_copies))
        form.addRow("Pasting", self.paste)
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
        self.table.setHorizontalHeaderLabels(["Class", "Now", "Target", "With\nthe plan", "Pasted\nof these"])
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
        self.copy = QPushButton("Copy")
        self.copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.weights.text()))
        self.save = QPushButton("Save plan…")
        self.save.clicked.connect(self._ask_where)
        self.use = QPushButton("Make these copies…")
        self.use.setToolTip("Goes to the Augment page with this plan")
        self.use.clicked.connect(self._use)
        weights = QGroupBox("Class weights for Darknet, once these copies are made")
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
            "There is no training set yet: the Split page divides the pictures into train, val and test, and "
            "only those of train are ever copied."
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
            now = QTableWidgetItem(f"{count:,}")
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
            self.chart.show_chart(plan_chart(plan, names))
            self._fill(planned)
            notes = [for_window(note) for note in plan.notes]
            there = len(copies_in(planned.root))
            if there and plan.copies:
                notes.append(
                    f"{counted(there, 'copy', 'copies')} made before {'is' if there == 1 else 'are'} not "
                    "counted here: those of the plan take their place."
                )
            self._show_reasons(notes)
            self.weights.setText(counters_per_class(plan.after))
            self.weights.setCursorPosition(0)
            losses = ", ".join(f"{label} {weight:.1f}" for label, weight in multipliers(plan.after).items())
            self.weights_note.setText(
                f"For each [yolo] section of a cfg: losses are then multiplied by {losses}."
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
                item = QTableWidgetItem(text)
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
                digits = text.replace(",", "")
                if not (digits.isascii() and digits.isdigit() and len(digits) <= 9 and int(digits) > 0):
                    raise UsageError(f"{text!r} boxes of {label}: write a whole number, or nothing.")
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
        self.find.run(lambda tell: find_plan(task, tell), "Looking for the best plan…")

    def _found(self, planned: Planned) -> None:
        # The set may have been changed for another one meanwhile.
        if self.project is not None and self.project.work == planned.root:
            self.find.say(f"Found in {planned.plan.seconds:.1f} s.")
            self._show_plan(planned)

    def _use(self) -> None:
        if self.planned is not None:
            self.plan_ready.emit(self.planned.plan)

    def _ask_where(self) -> None:
        if self.planned is None:
            return
        root = self.planned.root.root
        path, _ = QFileDialog.getSaveFileName(
            self, "Save the plan", str(root.with_name(f"{root.name}-plan.csv")), "CSV (*.csv);;All files (*)"
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
        messages.info(f"The plan lies in {path}; augment-cli {self.planned.root.root} --plan carries it out.")
