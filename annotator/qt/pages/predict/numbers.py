"""The numbers of a run: every checkpoint, the chosen one class by class, curves, and what is confused."""

from __future__ import annotations

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.darknet.evaluation.advice import Advice
from annotator.darknet.evaluation.analysis import Analysis
from annotator.darknet.evaluation.curves import Curve
from annotator.darknet.evaluation.notes import measured_on_test
from annotator.darknet.evaluation.stored import Measured
from annotator.darknet.prediction.speed import stored_speeds
from annotator.darknet.run.folder import RunFolder
from annotator.qt.charts import Pair
from annotator.qt.next_steps import NextSteps
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.charts import CurveChart, ReliabilityChart, SizeChart, reliability_text
from annotator.qt.pages.predict.counting import CountPanel, may_measure_test_again
from annotator.qt.pages.predict.evaluated import Evaluated, Results, measure
from annotator.qt.pages.predict.report_buttons import ReportButtons
from annotator.qt.pages.predict.speeds import measure_speeds, speed_text
from annotator.qt.pages.predict.tables import ClassTable, ConfusionTable, StudyTable
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.colours import class_colours
from converters.model import Split


class NumbersTab(QWidget):
    """Measures the chosen run and shows its numbers.

    Signals:
        cell_chosen: The split, row and column of a cell of what is taken for what.
        pictures_wanted: Entries (of the run's lists) of pictures to be shown, and what they are.
        advised: An Advice that the person follows, and the run it is about.
    """

    cell_chosen = pyqtSignal(object, int, int)
    pictures_wanted = pyqtSignal(object, str)
    advised = pyqtSignal(object, object)

    def __init__(self, evaluated: Evaluated, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.evaluated = evaluated
        self._timed_run: RunFolder | None = None
        self._wrong: tuple[list[str], str] = ([], "")
        self._build()
        self.evaluate.button.clicked.connect(self.start)
        self.evaluate.succeeded.connect(evaluated.take)
        self.evaluate.failed.connect(messages.error)
        self.again.clicked.connect(self._measure_again)
        self.speed.button.clicked.connect(self.time)
        self.speed.succeeded.connect(self._timed)
        self.speed.failed.connect(messages.error)
        self.split.currentIndexChanged.connect(self._show_split)
        self.confusion.chosen.connect(self._cell)
        for chart in (self.curves, self.strict_curves):
            chart.pointed.connect(self.pointed.setText)
            chart.point_chosen.connect(self._point)
        self.wrong_there.clicked.connect(self._show_wrong)
        evaluated.changed.connect(self._show)
        evaluated.failed.connect(self._failed)
        self._show()

    def _build(self) -> None:
        self.evaluate = TaskRow(tr("Evaluate"))
        self.evaluate.button.setToolTip(
            tr("Measure every saved weights file on validation, and the best of them on test, once")
        )
        self.reports = ReportButtons(self.evaluated)
        self.report = self.reports.opened
        self.speed = TaskRow(tr("Measure the speed"))
        self.speed.button.setToolTip(
            tr("Time this network on 100 pictures, one at a time, in OpenCV and in Darknet")
        )
        top = QHBoxLayout()
        top.addWidget(self.evaluate, 1)
        top.addWidget(self.speed, 1)
        top.addWidget(self.reports)
        self.headline = _words(bold=True)
        self.headline.setAlignment(Qt.AlignLeft | Qt.AlignTop)
        self.next = NextSteps()
        self.next.wanted.connect(self._advised)
        self.notes = _words()
        self.study_title = _words(bold=True)
        self.study = StudyTable()
        self.split = QComboBox()
        self.split_title = _words()
        row = QHBoxLayout()
        row.addWidget(self.split)
        row.addWidget(self.split_title, 1)
        self.again = QPushButton(tr("Measure test with the chosen weights too…"))
        row.addWidget(self.again)
        self.outdated = _words(bold=True)
        self.outdated.setText(
            tr(
                "Pictures or labels were changed since. All of this is as it was measured: evaluate again to "
                "count the labels of now."
            )
        )
        self.counting = CountPanel()
        self.classes = ClassTable()
        self.rules = _words()
        self.details = self._build_details()
        self.body = QWidget()
        inner = QVBoxLayout(self.body)
        inner.setContentsMargins(2, 4, 10, 8)
        inner.addWidget(self.next)
        inner.addWidget(self.study_title)
        inner.addWidget(self.study)
        inner.addLayout(row)
        for widget in (self.outdated, self.classes, self.rules, self.counting, self.details, self.notes):
            inner.addWidget(widget)
        inner.addStretch()
        self.area = QScrollArea()
        self.area.setWidgetResizable(True)
        self.area.setFrameShape(QScrollArea.NoFrame)
        self.area.setWidget(self.body)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.addLayout(top)
        layout.addWidget(self.headline)
        layout.addWidget(self.area, 1)
        layout.addStretch()  # while there is nothing below, the buttons stay at the top

    def _build_details(self) -> QWidget:
        """Curves, confusion, sizes and confidences."""
        self.curves, self.strict_curves = CurveChart(), CurveChart()
        self.pointed = _words()
        self.sizes, self.reliability = SizeChart(), ReliabilityChart()
        self.reliability_note = _words()
        self.confusion_title = _words(bold=True)
        self.confusion = ConfusionTable()
        details = QWidget()
        column = QVBoxLayout(details)
        column.setContentsMargins(0, 0, 0, 0)
        left = _titled(
            tr("Precision and recall at IoU 0.50 (dots: at the confidence threshold)"), self.curves
        )
        right = _titled(tr("Precision and recall at IoU 0.75"), self.strict_curves)
        for side, chart in ((left, self.curves), (right, self.strict_curves)):
            side.layout().addWidget(chart.legend)
        column.addWidget(Pair(left, right))
        self.wrong_there = QPushButton()
        self.wrong_there.setToolTip(tr("Show these pictures in the list of the labelling page"))
        row = QHBoxLayout()
        row.addWidget(self.pointed, 1)
        row.addWidget(self.wrong_there)
        column.addLayout(row)
        column.addWidget(self.confusion_title)
        column.addWidget(self.confusion)
        right = _titled(tr("Are the confidences what they say?"), self.reliability)
        right.layout().addWidget(self.reliability_note)
        column.addWidget(Pair(_titled(tr("AP by the size of the boxes"), self.sizes), right))
        return details

    # What happens

    def start(self) -> None:
        """Measure the chosen run."""
        run = self.evaluated.run
        if run is not None:
            self.evaluate.run(lambda tell: measure(run, tell, self.evaluate.stage))

    def _measure_again(self) -> None:
        """Measure test with the chosen weights though others were measured on it, if the person means it."""
        run, results = self.evaluated.run, self.evaluated.results
        if run is not None and results is not None and may_measure_test_again(results, self):
            self.evaluate.run(lambda tell: measure(run, tell, self.evaluate.stage, again=results))

    def time(self) -> None:
        """Time the network of the chosen run."""
        run = self.evaluated.run
        if run is not None:
            self.speed.run(lambda tell: measure_speeds(run, tell, self.speed.stage))

    def _timed(self, problem: str) -> None:
        self._say_speed()
        if problem:
            messages.info(known(problem))

    def _say_speed(self) -> None:
        """The newest measurement of each engine, and all of them as a tooltip."""
        run = self.evaluated.run
        kept = stored_speeds(run) if run is not None else []
        newest = {one["engine"].partition(" ")[0]: one for one in kept}
        self.speed.say("\n".join(speed_text(one) for one in newest.values()))
        self.speed.note.setToolTip(
            "\n".join(
                f"{one.get('measured', '')[:16]} {one['engine']}, {one['device']}, "
                f"{one['width']}×{one['height']}, batch 1, {one.get('weights', '')}: {one['mean_ms']:.1f} ms"
                for one in kept[-12:]
            )
        )

    def _cell(self, row: int, column: int) -> None:
        self.cell_chosen.emit(self.split.currentData(), row, column)

    def _point(self, curve: Curve, confidence: float) -> None:
        """A point of a curve was clicked: offer the pictures that are wrong from there on."""
        results, split = self.evaluated.results, self.split.currentData()
        if results is None:
            return
        images = results.images(split)
        entries = [images[at].image for at in curve.wrong_from(confidence)]
        text = tr_n("{n} picture that is wrong from there on", "{n} pictures that are wrong from there on",
                    len(entries))  # fmt: skip
        self._wrong = entries, f"{curve.name}: {text}"
        self.wrong_there.setText(text)
        self.wrong_there.setVisible(bool(entries))

    def _advised(self, advice: Advice) -> None:
        if self.evaluated.run is not None:
            self.advised.emit(advice, self.evaluated.run)

    def _show_wrong(self) -> None:
        self.pictures_wanted.emit(*self._wrong)

    # Showing

    def _show(self) -> None:
        run, results = self.evaluated.run, self.evaluated.results
        for task in (self.evaluate, self.speed):
            task.button.setEnabled(run is not None)
        if run is not self._timed_run:
            self._timed_run = run
            self._say_speed()
        self.area.setVisible(results is not None)
        self.reports.enable()
        if results is None:
            text = tr("Train a network on the Train page first.")
            if self.evaluated.is_reading:
                text = tr("Reading the numbers…")
            elif run is not None:
                text = tr(
                    "Evaluate measures every saved weights file of this run on validation, takes the best, "
                    "and measures that one on test."
                )
            self.headline.setText(text)
            return
        self._show_results(results)

    def _show_results(self, results: Results) -> None:
        evaluation = results.evaluation
        self.headline.setText(_headline(results))
        self.next.show_advice(results.advice)
        measured = evaluation.validation is not None
        self.study_title.setVisible(measured)
        self.study.setVisible(measured)
        if evaluation.validation is not None:
            self.study_title.setText(
                tr_n(
                    "AP@0.50 in percent on validation, {n} picture: ★ chosen, bold: the highest of a column",
                    "AP@0.50 in percent on validation, {n} pictures: ★ chosen, bold: the highest of a column",
                    evaluation.validation.metrics.images,
                )
            )
            self.study.show_evaluation(evaluation, results.printed)
        self.notes.setText("\n".join(f"• {known(note)}" for note in evaluation.notes))
        chosen = self.split.currentData()
        self.split.blockSignals(True)
        self.split.clear()
        for split, one, text in (
            (Split.TEST, evaluation.test, tr("on test")),
            (Split.VAL, evaluation.validation, tr("on validation")),
        ):
            if one is not None:
                self.split.addItem(text, split)
        self.split.setCurrentIndex(max(0, self.split.findData(chosen)))
        self.split.blockSignals(False)
        self._show_split()

    def _show_split(self, *_: object) -> None:
        results, split = self.evaluated.results, self.split.currentData()
        if results is None or split is None:
            return
        evaluation = results.evaluation
        measured = evaluation.test if split is Split.TEST else evaluation.validation
        if measured is None:
            return
        self.split_title.setText(_measured_text(measured))
        self.again.setVisible(split is Split.TEST and evaluation.test_is_of_others)
        self.outdated.setVisible(split in evaluation.outdated)
        self.classes.show_measured(measured, results.analyses.get(split))
        self.counting.show_split(results, split)
        self.rules.setText(
            tr(
                "AP and mAP are counted by Darknet's rules, as its detector map prints them. COCO's numbers "
                "follow COCO's: AP is the mean over IoU 0.50 to 0.95, s, m, l: boxes below 32², up to 96², "
                "and larger; a class without a box is left out of its mean and counts as 0 in Darknet's."
            )
        )
        analysis = results.analyses.get(split)
        self.details.setVisible(analysis is not None)
        if analysis is not None:
            self._show_analysis(analysis)
        else:
            self.rules.setText(
                self.rules.text()
                + "\n\n"
                + tr("Pictures or labels were changed since: evaluate again to see curves and mistakes.")
            )

    def _show_analysis(self, analysis: Analysis) -> None:
        colours = class_colours(analysis.class_names)
        self.wrong_there.hide()
        self.pointed.setText(tr("Click into a diagram to read the confidence off a curve."))
        self.curves.show_curves(analysis.curves, analysis.conf_threshold, colours)
        self.strict_curves.show_curves(analysis.strict_curves, analysis.conf_threshold, colours)
        self.confusion_title.setText(
            tr(
                "What is taken for what, at confidence {threshold} and IoU 0.50: click a number to see its "
                "pictures",
                threshold=f"{analysis.conf_threshold:g}",
            )
        )
        self.confusion.show_confusion(analysis.confusion)
        self.sizes.show_sizes(analysis.sizes, analysis.class_names, colours)
        self.reliability.show_reliability(analysis.reliability)
        self.reliability_note.setText(reliability_text(analysis.reliability))

    def _failed(self, problem: str) -> None:
        self.headline.setText(problem)


def _headline(results: Results) -> str:
    evaluation = results.evaluation
    chosen = measured_on_test(evaluation)
    if evaluation.test is None:
        return tr(
            "Iteration {iteration} was chosen; test was not measured.", iteration=f"{chosen.iteration:,}"
        )
    metrics = evaluation.test.metrics
    # The bootstrap alone holds the true mAP too seldom where a class has few boxes (docs/evaluation.md).
    interval = metrics.mean_interval
    text = tr(
        "mAP@0.50 on test: {value} % with the weights of iteration {iteration}.",
        value=f"{100 * metrics.mean_ap:.2f}",
        iteration=f"{chosen.iteration:,}",
    )
    # Where no picture has a hit, drawing them anew gives 0 to 0: that says nothing of other pictures.
    if interval is not None and round(100 * interval[0]) < round(100 * interval[1]):
        text += " " + tr(
            "With other pictures of this kind it would be {low} to {high} % (95 %).",
            low=f"{100 * interval[0]:.0f}",
            high=f"{100 * interval[1]:.0f}",
        )
    return text


def _measured_text(measured: Measured) -> str:
    metrics = measured.metrics
    pictures = tr_n("{n} picture", "{n} pictures", metrics.images)
    boxes = tr_n("{n} box", "{n} boxes", metrics.truths)
    return tr(
        "{pictures}, {boxes}; at confidence {threshold}: precision {precision}, recall {recall}, F1 {f1}, "
        "average IoU {iou} %",
        pictures=pictures,
        boxes=boxes,
        threshold=f"{metrics.conf_threshold:g}",
        precision=f"{metrics.precision:.2f}",
        recall=f"{metrics.recall:.2f}",
        f1=f"{metrics.f1:.2f}",
        iou=f"{100 * metrics.average_iou:.2f}",
    )


def _words(*, bold: bool = False) -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.PlainText)
    label.setTextInteractionFlags(Qt.TextSelectableByMouse)
    font = label.font()
    font.setBold(bold)
    label.setFont(font)
    return label


def _titled(title: str, widget: QWidget) -> QWidget:
    holder = QWidget()
    column = QVBoxLayout(holder)
    column.setContentsMargins(0, 6, 0, 0)
    label = _words(bold=True)
    label.setText(title)
    column.addWidget(label)
    column.addWidget(widget)
    return holder
