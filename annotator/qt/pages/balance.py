"""The balance page: what the imbalance is, charts to click, a plan against it, and reports to send."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from PyQt5.QtCore import QRegularExpression, Qt, pyqtSignal
from PyQt5.QtGui import QRegularExpressionValidator
from PyQt5.QtWidgets import (
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QMenu,
    QTabBar,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core import balance as core
from annotator.core.project import Project
from annotator.qt import balance_texts
from annotator.qt.background import Task
from annotator.qt.chart_texts import in_words
from annotator.qt.charts import BarPanel, MatrixPanel, Pair
from annotator.qt.pages.balance_plan import PlanSection
from annotator.qt.pages.balance_table import ClassTable
from annotator.qt.pages.page import Page, TaskRow
from annotator.qt.translation import tr, tr_n
from converters.balance_facts import BalanceFacts, class_frame, csv_bytes
from converters.charts import (
    BarChart,
    Matrix,
    Row,
    boxes_chart,
    crowds_chart,
    images_chart,
    network_sizes_chart,
    sizes_chart,
    together_chart,
)
from converters.files import write_atomic
from converters.report import Report

NETWORK_SETTING = "balance_network_size"
_NETWORK_SIZES = ("320 × 320", "416 × 416", "512 × 512", "608 × 608", "832 × 832")
_SIZE = r"[1-9]\d{1,3}(\s*[x×]\s*[1-9]\d{1,3})?"

_Render = Callable[[BalanceFacts, str, Report, core.Progress], bytes]


class BalancePage(Page):
    """Counts of the open set as it is now, or of the training set with its copies.

    Signals:
        filter_requested: Keys of pictures of the open set, and what they have in common.
        plan_ready: A ``BalancePlan`` to be carried out.
        counted: Numbers were shown.
    """

    filter_requested = pyqtSignal(object, str)
    plan_ready = pyqtSignal(object)
    counted = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("Class balance"), "", parent)
        self.purpose.setTextFormat(Qt.PlainText)
        self.facts: BalanceFacts | None = None
        self._task: Task | None = None
        self._again = False
        self.source = QComboBox()
        self.source.addItems([tr("Your labels, as they are now"), tr("The training set, with its copies")])
        self.source.currentIndexChanged.connect(self.refresh)
        self.export = self._build_export()
        self.notes = QLabel()
        self.notes.setWordWrap(True)
        self.sections = QTabBar()
        self.sections.setExpanding(False)
        self.sections.setDrawBase(False)
        self.sections.setFocusPolicy(Qt.TabFocus)
        self.plan = PlanSection()
        self.plan.plan_ready.connect(self.plan_ready)
        self.plan.bar_clicked.connect(self._plan_bar_clicked)
        row = QHBoxLayout()
        row.addWidget(self.source)
        row.addWidget(self.export, 1)
        self.column.addWidget(self.notes)
        self.column.addLayout(row)
        self.column.addWidget(self.sections)
        self._bodies: list[QWidget] = []
        for title, body in (
            (tr("Counts"), self._build_counts()),
            (tr("Sizes"), self._build_sizes()),
            (tr("Pictures"), self._build_pictures()),
            (tr("Plan"), self.plan),
        ):
            self.sections.addTab(title)
            self._bodies.append(body)
            self.column.addWidget(body)
        self.column.addStretch(1)
        self.sections.currentChanged.connect(self._show_section)
        self._show_section(0)

    # Building

    def _build_export(self) -> TaskRow:
        row = TaskRow(tr("Export"))
        menu = QMenu(row)
        for text, suffix, kinds, render in (
            (tr("Report to send to someone (HTML)…"), ".html", tr("Web page"), _render_html),
            (tr("Charts as a picture (PNG)…"), ".png", tr("Picture"), _render_png),
            (tr("Table of the classes (CSV)…"), "-classes.csv", tr("Table"), _render_classes),
            (tr("Table of all boxes (CSV)…"), "-boxes.csv", tr("Table"), _render_boxes),
        ):
            menu.addAction(text, lambda s=suffix, k=kinds, r=render: self._ask_where(s, k, r))
        row.button.setMenu(menu)
        row.succeeded.connect(self._exported)
        row.failed.connect(messages.error)
        return row

    def _build_counts(self) -> QWidget:
        self.boxes_chart, self.images_chart = self._bar_panel(), self._bar_panel()
        self.table = ClassTable()
        self.table.chosen.connect(self._table_chosen)
        self.hint = QLabel(tr("Click a bar, or double-click a row, to see these pictures in the list."))
        self.hint.setWordWrap(True)
        return _column(Pair(self.boxes_chart, self.images_chart), self.table, self.hint)

    def _build_sizes(self) -> QWidget:
        self.network = QComboBox(editable=True)
        self.network.addItems(_NETWORK_SIZES)
        self.network.setCurrentText("416 × 416")
        self.network.lineEdit().setValidator(QRegularExpressionValidator(QRegularExpression(_SIZE), self))
        self.network.setInsertPolicy(QComboBox.NoInsert)
        self.network.setToolTip(tr("Width and height of the network's input, such as 416 or 608 × 416"))
        self.network.activated.connect(self._network_changed)
        self.network.lineEdit().editingFinished.connect(self._network_changed)
        self.sizes_chart, self.network_chart = self._bar_panel(), self._bar_panel()
        choice = QWidget()
        row = QHBoxLayout(choice)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(QLabel(tr("Network's input in pixels:")))
        row.addWidget(self.network)
        row.addStretch()
        note = QLabel(
            tr(
                "As COCO counts: small below 32², large from 96² square pixels. Each picture is stretched to "
                "the network's input, as AlexeyAB's Darknet does."
            )
        )
        note.setWordWrap(True)
        return _column(choice, Pair(self.sizes_chart, self.network_chart), note)

    def _build_pictures(self) -> QWidget:
        self.crowds_chart, self.pairs_chart = self._bar_panel(), self._bar_panel()
        self.matrix = MatrixPanel()
        self.matrix.clicked.connect(self._matrix_clicked)
        together = _column(self.pairs_chart, self.matrix)
        return _column(Pair(self.crowds_chart, together))

    def _bar_panel(self) -> BarPanel:
        panel = BarPanel()
        panel.clicked.connect(lambda row, part: self._bar_clicked(panel.chart, row, part))
        return panel

    # Counting

    def set_project(self, project: Project) -> None:
        self.facts = None
        if self._task is not None:
            self._task.cancel()
            self._again = True
        self.export.say("")
        size = project.settings.get(NETWORK_SETTING)
        if isinstance(size, str) and re.fullmatch(_SIZE, size):
            self.network.setCurrentText(size)
        self.plan.set_project(project)
        super().set_project(project)

    def network_size(self) -> tuple[int, int]:
        """(width, height) of the network's input in pixels."""
        numbers = [int(number) for number in re.findall(r"\d+", self.network.currentText())]
        return (numbers[0], numbers[-1]) if numbers and min(numbers) else (416, 416)

    def refresh(self) -> None:
        """Count again, in the background where there is much to count or label files must be read."""
        if self.project is None:
            return
        own = self.project.is_work_itself
        self.source.setVisible(self.project.work is not None and not own)
        self.plan.refresh()
        if self._task is not None:
            self._again = True
            return
        source = core.source_of(
            self.project, with_copies=self.source.currentIndex() == 1, network_size=self.network_size()
        )
        if source.is_quick:
            self._show(core.count(source))
            return
        self.notes.setText(tr("Counting…"))
        task = Task(lambda tell: core.count(source, tell), self)
        task.succeeded.connect(self._counted)
        task.failed.connect(messages.error)
        task.finished.connect(self._count_ended)
        self._task = task.start()

    def _counted(self, facts: BalanceFacts) -> None:
        if not self._again:
            self._show(facts)

    def _count_ended(self) -> None:
        self._task = None
        if self._again:
            self._again = False
            self.refresh()

    def _network_changed(self) -> None:
        if self.facts is None or self.project is None or not self.network.lineEdit().hasAcceptableInput():
            return
        if self.facts.network_size != self.network_size():
            self.project.settings.set(NETWORK_SETTING, self.network.currentText())
            self.refresh()

    def is_busy(self) -> bool:
        return self.export.is_running

    def stop(self) -> None:
        self._again = False
        if self._task is not None:
            self._task.cancel()
            self._task.wait()
        self.export.stop()
        self.plan.stop()

    # Showing

    def _show_section(self, index: int) -> None:
        for place, body in enumerate(self._bodies):
            body.setVisible(place == index)

    def _show(self, facts: BalanceFacts) -> None:
        self.facts = facts
        self.purpose.setText(balance_texts.sentence(facts.balance))
        self.notes.setText(balance_texts.notes(facts))
        self.table.show_facts(facts)
        some = bool(facts.balance.classes)
        for panel, build in (
            (self.boxes_chart, boxes_chart),
            (self.images_chart, images_chart),
            (self.sizes_chart, sizes_chart),
            (self.network_chart, network_sizes_chart),
        ):
            panel.setVisible(some)
            if some:
                panel.show_chart(in_words(build(facts), facts.network_size))
        self.hint.setVisible(some)
        self.crowds_chart.show_chart(in_words(crowds_chart(facts)))
        together = together_chart(facts)
        self.pairs_chart.setVisible(isinstance(together, BarChart))
        self.matrix.setVisible(isinstance(together, Matrix))
        if isinstance(together, BarChart):
            self.pairs_chart.show_chart(in_words(together))
        elif together is not None:
            self.matrix.show_matrix(together)
        self.counted.emit()

    # Clicking

    def _bar_clicked(self, chart: BarChart, row: Row, part: int | None) -> None:
        if self.facts is not None:
            self._ask_for(core.choice_of(self.facts, chart, row, part))

    def _plan_bar_clicked(self, chart: BarChart, row: Row, part: int | None) -> None:
        planned = self.plan.planned
        if planned is not None and self.project is not None:
            choice = core.trained_with(planned.dataset, row.about[0])
            self._emit(self.project.keys_of(choice.keys), balance_texts.choice_text(choice))

    def _matrix_clicked(self, row: int, column: int) -> None:
        matrix = self.matrix.matrix
        if self.facts is None or matrix is None:
            return
        label, count = matrix.labels[row], len(matrix.labels)
        if column == count:
            self._ask_for(core.with_only(self.facts, label))
        elif column > count or column == row:
            self._ask_for(core.with_class(self.facts, label))
        else:
            self._ask_for(core.with_both(self.facts, label, matrix.labels[column]))

    def _table_chosen(self, label: str) -> None:
        if self.facts is not None:
            self._ask_for(core.with_class(self.facts, label))

    def _ask_for(self, choice: core.Choice) -> None:
        if self.project is None or self.facts is None:
            return
        keys = choice.keys
        if self.facts.dataset.root != self.project.session.root:
            keys = self.project.keys_of(keys)
        self._emit(keys, balance_texts.choice_text(choice))

    def _emit(self, keys: tuple[str, ...], text: str) -> None:
        if keys:
            self.filter_requested.emit(keys, text)
        else:
            messages.info(tr("No picture of the open set: {what}.", what=text))

    # Exporting

    def _ask_where(self, suffix: str, kinds: str, render: _Render) -> None:
        if self.project is None or self.facts is None:
            return
        root = self.project.session.root
        suggested = root.with_name(f"{root.name}-balance{suffix}")
        kinds = f"{kinds} (*.{suffix.rpartition('.')[2]});;{tr('All files')} (*)"
        path, _ = QFileDialog.getSaveFileName(self, tr("Export"), str(suggested), kinds)
        if path:
            self.write_export(Path(path), render)

    def write_export(self, path: Path, render: _Render) -> None:
        """Make a file of what is shown, with the plan where there is one for it, in the background."""
        facts, planned = self.facts, self.plan.planned
        if facts is None or self.project is None or self.export.is_running:
            return
        if planned is not None and planned.dataset.root == facts.dataset.root:
            facts = facts.with_plan(planned.plan)
        name = self.project.session.root.name

        def work(tell: core.Progress) -> tuple[Path, Report]:
            report = Report()
            write_atomic(path, render(facts, name, report, tell))
            return path, report

        self.export.run(work, tr("%v of %m pictures"))

    def _exported(self, result: tuple[Path, Report]) -> None:
        path, report = result
        if report.errors:
            text = tr_n(
                "{n} picture could not be read for the samples.",
                "{n} pictures could not be read for the samples.",
                len(report.errors),
            )
            messages.warning(text, "\n".join(map(str, report)))
        messages.info(tr("Written to {path}.", path=path))


def _column(*widgets: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(12)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch()
    return holder


def _render_html(facts: BalanceFacts, name: str, report: Report, tell: core.Progress) -> bytes:
    from converters.balance_html import report_html

    return report_html(facts, name, report, tell)


def _render_png(facts: BalanceFacts, name: str, report: Report, tell: core.Progress) -> bytes:
    from converters.chart_png import charts_png

    return charts_png(facts)


def _render_classes(facts: BalanceFacts, name: str, report: Report, tell: core.Progress) -> bytes:
    return csv_bytes(class_frame(facts))


def _render_boxes(facts: BalanceFacts, name: str, report: Report, tell: core.Progress) -> bytes:
    from converters.stats import boxes_frame

    return csv_bytes(boxes_frame(facts.dataset))
