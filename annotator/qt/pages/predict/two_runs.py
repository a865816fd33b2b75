"""Two runs side by side: how far they are apart, and what was changed between them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from annotator import messages
from annotator.core.class_colours import ClassColours
from annotator.darknet.evaluation.comparison import Difference, RunComparison, compare_runs, not_evaluated
from annotator.darknet.run.folder import RunFolder
from annotator.qt.background import Task
from annotator.qt.loader import ImageLoader
from annotator.qt.pages.page import TaskRow
from annotator.qt.pages.predict.evaluated import Evaluated, measure
from annotator.qt.pages.predict.side_by_side import SideBySide
from annotator.qt.pages.predict.tables import NumberTable
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.model import Split

SHOWN = 12
"""Pictures and settings that are named; of more the number is said."""


class TwoRunsTab(QWidget):
    """Compares the chosen run with an earlier one.

    Signals:
        pictures_wanted: Entries (of the runs' lists) of pictures to be shown, and what they are.
    """

    pictures_wanted = pyqtSignal(object, str)

    def __init__(self, evaluated: Evaluated, loader: ImageLoader, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.evaluated = evaluated
        self.colours: ClassColours | None = None
        self._loader = loader
        self._missing: tuple[RunFolder, ...] = ()
        self.comparison: RunComparison | None = None
        self._runs: tuple[RunFolder, ...] = ()
        self._task: Task | None = None
        self._asked: tuple[Path, Path] | None = None
        self._build()
        self.other.currentIndexChanged.connect(self.read)
        evaluated.changed.connect(self._run_changed)
        self.better.clicked.connect(lambda: self._want(better=True))
        self.worse.clicked.connect(lambda: self._want(better=False))
        self.beside.toggled.connect(lambda on: self.stack.setCurrentIndex(int(on)))
        self.side.label_wanted.connect(lambda entry: self.pictures_wanted.emit([entry], self.beside.text()))
        self.evaluate.button.clicked.connect(self._evaluate)
        self.evaluate.succeeded.connect(lambda _: self._evaluated())
        self.evaluate.failed.connect(messages.error)
        self._say(tr("A second run is needed: train another one."))

    def _build(self) -> None:
        self.other = QComboBox()
        self.other.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        self.other.setToolTip(tr("The run that the chosen one is compared with"))
        self.text = QLabel()
        self.text.setWordWrap(True)
        self.better, self.worse = QPushButton(), QPushButton()
        for button in (self.better, self.worse):
            button.setToolTip(tr("Show these pictures in the list of the labelling page"))
        top = QHBoxLayout()
        top.addWidget(QLabel(tr("compared with")))
        top.addWidget(self.other)
        top.addStretch()
        self.beside = QPushButton(tr("Side by side"))
        self.beside.setCheckable(True)
        self.beside.setToolTip(
            tr("The pictures on which one makes fewer mistakes, with what each of the two found")
        )
        self.side = SideBySide(self._loader)
        self.evaluate = TaskRow("")
        self.evaluate.hide()
        top.addWidget(self.beside)
        top.addWidget(self.better)
        top.addWidget(self.worse)
        self.table = NumberTable()
        self.changes = QLabel()
        self.changes.setWordWrap(True)
        self.changes.setTextFormat(Qt.PlainText)
        self.changes.setTextInteractionFlags(Qt.TextSelectableByMouse)
        inner = QWidget()
        column = QVBoxLayout(inner)
        column.setContentsMargins(2, 4, 10, 8)
        for widget in (self.text, self.evaluate, self.table, self.changes):
            column.addWidget(widget)
        column.addStretch()
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setFrameShape(QScrollArea.NoFrame)
        area.setWidget(inner)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        self.stack = QStackedWidget()
        self.stack.addWidget(area)
        self.stack.addWidget(self.side)
        layout.addLayout(top)
        layout.addWidget(self.stack, 1)

    def set_runs(self, runs: Sequence[RunFolder]) -> None:
        """The runs there are, newest first."""
        self._runs = tuple(runs)
        self._run_changed()

    def read(self, *_: object) -> None:
        """Compare, in the background, where this part is looked at."""
        first, second = self.other.currentData(), self.evaluated.run
        if not self.isVisible() or first is None or second is None:
            return
        asked = (first.path, second.path)
        self._asked = asked
        self._say(tr("Comparing…"))
        task = Task(lambda _: _compared(first, second), self)
        task.succeeded.connect(lambda found: self._take(found) if self._asked == asked else None)
        task.failed.connect(lambda problem: self._say(known(problem)) if self._asked == asked else None)
        self._task = task.start()

    def _take(self, found: RunComparison | list[RunFolder]) -> None:
        """The comparison, or the runs that must be evaluated first."""
        if isinstance(found, RunComparison):
            self._show(found)
            return
        self._missing = tuple(found)
        names = ", ".join(one.path.name for one in found)
        self._say(tr("Not evaluated yet: {names}.", names=names))
        self.evaluate.button.setText(tr("Evaluate and compare"))
        self.evaluate.show()

    def _evaluate(self) -> None:
        """Evaluate what is missing."""
        runs, stage = self._missing, self.evaluate.stage

        def work(tell: Callable[[int, int], None]) -> None:
            for run in runs:
                measure(run, tell, stage)

        self.evaluate.run(work)

    def _evaluated(self) -> None:
        self.evaluated.forget()
        self.read()

    def stop(self) -> None:
        """Wait for what runs, before the window closes."""
        self.evaluate.stop()
        if self._task is not None:
            self._task.wait()

    def _run_changed(self) -> None:
        run = self.evaluated.run
        chosen: RunFolder | None = self.other.currentData()
        others = [one for one in self._runs if run is None or one.path != run.path]
        self.other.blockSignals(True)
        self.other.clear()
        for one in others:
            self.other.addItem(one.path.name, one)
        at = next((row for row, one in enumerate(others) if chosen and one.path == chosen.path), 0)
        self.other.setCurrentIndex(at if others else -1)
        self.other.blockSignals(False)
        if not others:
            self._say(tr("A second run is needed: train another one."))
        self.read()

    def _say(self, text: str) -> None:
        self.comparison = None
        self.text.setText(text)
        self.beside.setChecked(False)
        for widget in (self.table, self.changes, self.better, self.worse, self.beside):
            widget.hide()
        if not self.evaluate.is_running:
            self.evaluate.hide()

    def _show(self, found: RunComparison) -> None:
        self.comparison = found
        test = found.split is Split.TEST
        self.text.setText(
            tr_n(
                "On {n} test picture of both, in percent; the labels are those of now.",
                "On {n} test pictures of both, in percent; the labels are those of now.",
                found.pictures,
            )
            if test
            else tr_n(
                "On {n} validation picture of both, in percent; the labels are those of now.",
                "On {n} validation pictures of both, in percent; the labels are those of now.",
                found.pictures,
            )
        )
        if found.differences and all(one.verdict == "not told apart" for one in found.differences):
            self.text.setText(f"{self.text.text()} {_by_chance()}")
        self.evaluate.hide()
        run = self.evaluated.run
        if run is not None:
            self.side.show_comparison(run, found, run.info.class_names, self.colours)
        heads = ("", "IoU", found.first, found.second, tr("difference"), tr("95 % interval"), tr("boxes"), "")
        self.table.fill(heads, [_row(one) for one in found.differences])
        for row, one in enumerate(found.differences):
            if one.name == "mAP":
                self.table.mark_bold(row)
        self.table.fit_rows()
        for button, entries, text in (
            (
                self.better,
                found.better_on,
                tr_n(
                    "{n} picture with fewer mistakes",
                    "{n} pictures with fewer mistakes",
                    len(found.better_on),
                ),
            ),
            (
                self.worse,
                found.worse_on,
                tr_n(
                    "{n} picture with more mistakes", "{n} pictures with more mistakes", len(found.worse_on)
                ),
            ),
        ):
            button.setText(text)
            button.setEnabled(bool(entries))
        changes = _changes(found)
        title = tr("What was changed from the one to the other")
        lines = [title, *(f"• {line}" for line in changes or [tr("nothing that is known of")])]
        lines += ["", *(f"• {known(note)}" for note in found.notes)] if found.notes else []
        self.changes.setText("\n".join(lines))
        for widget in (self.table, self.changes, self.better, self.worse, self.beside):
            widget.show()

    def _want(self, *, better: bool) -> None:
        if self.comparison is not None:
            entries = self.comparison.better_on if better else self.comparison.worse_on
            button = self.better if better else self.worse
            self.pictures_wanted.emit(list(entries), button.text())


def _by_chance() -> str:
    """Why single pictures differ where no number does."""
    return tr(
        "None of the numbers is told apart from chance: any two trainings differ on single pictures, and "
        "these tell only where."
    )


def _compared(first: RunFolder, second: RunFolder) -> RunComparison | list[RunFolder]:
    """The comparison, or the runs that have no evaluation yet."""
    return not_evaluated(first, second) or compare_runs(first, second)


def _row(one: Difference) -> tuple[str, ...]:
    span = tr("no box")
    if one.interval is not None:
        span = tr(
            "{low} to {high}", low=f"{100 * one.interval[0]:+.1f}", high=f"{100 * one.interval[1]:+.1f}"
        )
    verdict = {"better": tr("better"), "worse": tr("worse"), "not told apart": tr("not told apart")}[
        one.verdict
    ]
    values = (f"{100 * one.first:.2f}", f"{100 * one.second:.2f}", f"{100 * one.change:+.2f}")
    return (one.name, f"{one.iou:.2f}", *values, span, f"{one.truths:,}", verdict)


def _changes(found: RunComparison) -> list[str]:
    """What was changed, a line each."""
    data = found.data
    lines: list[str] = []
    if data.added:
        lines.append(tr("Pictures added: {some}", some=_some(data.added)))
    if data.removed:
        lines.append(tr("Pictures removed: {some}", some=_some(data.removed)))
    if data.relabelled:
        lines.append(tr("Pictures relabelled: {some}", some=_some(data.relabelled)))
    if data.moved:
        moves = [f"{entry} ({before} → {after})" for entry, before, after in data.moved]
        lines.append(tr("Pictures in another split: {some}", some=_some(moves)))
    for class_id, before, after in data.boxes:
        if before != after:
            lines.append(
                tr("Boxes of class {name}, copies included: {before} → {after}", name=class_id,
                   before=f"{before:,}", after=f"{after:,}")
            )  # fmt: skip
    if data.copies[0] != data.copies[1]:
        before_copies, after_copies = (f"{count:,}" for count in data.copies)
        lines.append(tr("Augmented copies: {before} → {after}", before=before_copies, after=after_copies))
    settings = [f"{what}: {one or '–'} → {two or '–'}" for what, one, two in data.augmentation]
    if settings:
        lines.append(tr("Augmentation: {some}", some=_some(settings)))
    named = {"seed": tr("seed"), "weights to start from": tr("weights to start from")}
    options = [f"{named.get(what, what)}: {one or '–'} → {two or '–'}" for what, one, two in found.settings]
    if options:
        lines.append(tr("Network and training: {some}", some=_some(options)))
    return lines


def _some(entries: Sequence[str]) -> str:
    text = ", ".join(entries[:SHOWN])
    rest = len(entries) - SHOWN
    return tr("{some} and {n} more", some=text, n=f"{rest:,}") if rest > 0 else text
