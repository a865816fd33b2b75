"""Darknet's own count beside ours, and the question before test is measured with other weights."""

from __future__ import annotations

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QLabel, QMessageBox, QVBoxLayout, QWidget

from annotator import messages
from annotator.darknet.evaluation.darknet_count import (
    CountDifference,
    DarknetCount,
    count_with_darknet,
    darknet_for,
    stored_count,
    why_different,
)
from annotator.darknet.evaluation.notes import weights_on_test
from annotator.darknet.evaluation.stored import Measured
from annotator.darknet.run.folder import RunFolder
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.evaluated import Results
from annotator.qt.pages.predict.tables import NumberTable
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.model import Split


class CountPanel(QWidget):
    """A button that lets Darknet count the split that is shown, and what came of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._shown: tuple[Results, Split] | None = None
        self.count = TaskRow(tr("Let Darknet count too"))
        self.count.button.setToolTip(
            tr("Its own detector map on the same pictures with the same weights: the digits should be ours")
        )
        self.said = QLabel()
        self.said.setWordWrap(True)
        self.said.setTextFormat(Qt.PlainText)
        self.said.setTextInteractionFlags(Qt.TextSelectableByMouse)
        self.table = NumberTable()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        for widget in (self.count, self.said, self.table):
            column.addWidget(widget)
        self.count.button.clicked.connect(self.start)
        self.count.succeeded.connect(lambda _: self._show_stored())
        self.count.failed.connect(messages.error)

    def start(self) -> None:
        """Let Darknet count what is shown."""
        if self._shown is None:
            return
        results, split = self._shown

        def work(tell: object) -> DarknetCount:
            darknet = darknet_for(results.run)
            return count_with_darknet(results.run, darknet, results.evaluation, split, on_progress=tell)

        self.count.run(work, tr("Darknet counts: %v of %m pictures"))

    def show_split(self, results: Results, split: Split) -> None:
        """Show what was counted of a split."""
        self._shown = results, split
        # Where pictures were changed since there is nothing that both could count.
        there = split in results.analyses and split not in results.evaluation.outdated
        self.count.button.setEnabled(there)
        self._show_stored()

    def _show_stored(self) -> None:
        measured = self._measured()
        count = stored_count(self._shown[0].run, measured) if self._shown and measured is not None else None
        self.said.setVisible(count is not None)
        differences = count.differences(measured) if count is not None and measured is not None else ()
        self.table.setVisible(bool(differences))
        if count is None:
            return
        self.said.setText(count_sentence(self._shown[0].run, count, differences))
        if differences:
            heads = ("", "IoU", count.darknet, tr("here"))
            rows = [(_what(one), f"{one.iou:.2f}", one.darknet, one.ours) for one in differences]
            self.table.fill(heads, rows)

    def _measured(self) -> Measured | None:
        if self._shown is None:
            return None
        results, split = self._shown
        return results.evaluation.test if split is Split.TEST else results.evaluation.validation


def count_sentence(run: RunFolder, count: DarknetCount, differences: tuple[CountDifference, ...]) -> str:
    """What Darknet counted, as a sentence."""
    values = ", ".join(f"mAP@{one.iou:.2f} {100 * one.mean_ap:.2f} %" for one in count.blocks)
    if not differences:
        return tr(
            "{darknet} counts the same, to the last digit that it prints: {values}.",
            darknet=count.darknet,
            values=values,
        )
    text = tr("{darknet} counts {values}; where that is not ours:", darknet=count.darknet, values=values)
    return f"{text} {known(why_different(count, run))}"


def may_measure_test_again(results: Results, parent: QWidget) -> bool:
    """Ask whether test is to be measured with the chosen weights, though others were measured on it."""
    evaluation = results.evaluation
    if evaluation.test is None:
        return False
    text = tr(
        "Test was measured on {day} with {weights}: mAP@0.50 {value} %.\n\nA number on test says how the "
        "network does on pictures that nothing was chosen by. Each further weights file that is measured "
        "there makes it say less. It will be written down.\n\nMeasure {chosen} on test, too?",
        day=evaluation.test.measured[:10],
        weights=weights_on_test(evaluation),
        value=f"{100 * evaluation.test.metrics.mean_ap:.2f}",
        chosen=evaluation.chosen_weights.weights,
    )
    answer = QMessageBox.question(
        parent, tr("Measure test again"), text, QMessageBox.Yes | QMessageBox.No, QMessageBox.No
    )
    return bool(answer == QMessageBox.Yes)


def _what(one: CountDifference) -> str:
    if one.what == "average IoU":
        return tr("average IoU")
    first, _, name = one.what.partition(" of ")
    return tr("{what} of {name}", what=first, name=name) if name else one.what
