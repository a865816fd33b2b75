"""The evaluation of the chosen run: read in the background, once, for all parts of the page."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

from PyQt5.QtCore import QObject, pyqtSignal

from annotator.darknet.evaluation.advice import Advice
from annotator.darknet.evaluation.advice_facts import advice_of
from annotator.darknet.evaluation.analysis import Analysis, analyse, analyses_of
from annotator.darknet.evaluation.measure import evaluate_run, stored_evaluation
from annotator.darknet.evaluation.report import write_report
from annotator.darknet.evaluation.stored import Evaluation, ImageResult
from annotator.darknet.evaluation.training_pictures import measure_training
from annotator.darknet.program.events import MapBlock
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.printed import printed_maps
from annotator.qt.background import Task
from converters.errors import DataError
from converters.model import Split


@dataclass(frozen=True)
class Results:
    """An evaluation with all that is drawn of it.

    Attributes:
        run: The run it is of.
        evaluation: Its numbers.
        analyses: Of each split whose predictions are there.
        printed: What Darknet printed of its own mAP, by iteration.
        advice: What to do next.
        training: What was found on the training pictures, once the person has asked for that.
    """

    run: RunFolder
    evaluation: Evaluation
    analyses: dict[Split, Analysis] = field(default_factory=dict)
    printed: dict[int, MapBlock] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()
    training: list[ImageResult] = field(default_factory=list)

    def images(self, split: Split) -> tuple[ImageResult, ...]:
        """The pictures of a split with what was found on them."""
        if split is Split.TRAIN:
            return tuple(self.training)
        return self.evaluation.images if split is Split.TEST else self.evaluation.validation_images


class Evaluated(QObject):
    """What is known of the chosen run.

    Signals:
        changed: Another run, or another evaluation of it; also while nothing is known yet.
        failed: Why its evaluation cannot be read.
    """

    changed = pyqtSignal()
    failed = pyqtSignal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.run: RunFolder | None = None
        self.results: Results | None = None
        self.is_read = False
        self._tasks: list[Task] = []

    def set_run(self, run: RunFolder | None) -> None:
        """Another run was chosen; its evaluation is read when it is looked at."""
        if _path(run) != _path(self.run):
            self.run = run
            self.results, self.is_read = None, False
            self.changed.emit()

    def forget(self) -> None:
        """Read it again when it is looked at (labels or weights may have changed)."""
        self.is_read = False

    def read(self) -> None:
        """Read what an earlier evaluation left, in the background, unless that is known."""
        run = self.run
        if run is None or self.is_read:
            return
        self.is_read = True
        task = Task(lambda _: stored_results(run), self)
        task.succeeded.connect(lambda results: self._take(run, results))
        task.failed.connect(lambda problem: self._cannot(run, problem))
        task.finished.connect(lambda: self._ended(task))
        self._tasks.append(task.start())
        if self.results is None:
            self.changed.emit()

    @property
    def is_reading(self) -> bool:
        """Whether an earlier evaluation is being read, so that nothing is known yet."""
        return self.results is None and bool(self._tasks)

    def take(self, results: Results) -> None:
        """An evaluation that was just made."""
        if _path(results.run) == _path(self.run):
            self.results, self.is_read = results, True
            self.changed.emit()

    def stop(self) -> None:
        """Wait for what is read, before the window closes."""
        for task in list(self._tasks):
            task.wait()

    def _ended(self, task: Task) -> None:
        self._tasks.remove(task)
        if self.results is None and not self._tasks:
            self.changed.emit()

    def _take(self, run: RunFolder, results: Results | None) -> None:
        if _path(run) == _path(self.run):
            self.results = _with_training_of(self.results, results)
            self.changed.emit()

    def _cannot(self, run: RunFolder, problem: str) -> None:
        if _path(run) == _path(self.run):
            self.failed.emit(problem)


def _with_training_of(old: Results | None, new: Results | None) -> Results | None:
    """What was found on the training pictures stays, while it is of the chosen weights."""
    if old is None or new is None or Split.TRAIN not in old.analyses:
        return new
    if old.evaluation.chosen_weights.sha256 != new.evaluation.chosen_weights.sha256:
        return new
    both = new.analyses | {Split.TRAIN: old.analyses[Split.TRAIN]}
    return replace(new, analyses=both, training=old.training)


def stored_results(run: RunFolder) -> Results | None:
    """What an earlier evaluation left. Raises as :func:`stored_evaluation`."""
    evaluation = stored_evaluation(run)
    if evaluation is None:
        return None
    found = analyses_of(evaluation)
    advice: list[Advice] = []
    with suppress(DataError):  # the numbers are worth showing without it
        advice = advice_of(run, evaluation, found, measure=False)
    return Results(run, evaluation, found, printed_maps(run), tuple(advice))


def measure(
    run: RunFolder,
    tell: Callable[[int, int], None],
    stage: Callable[[str], None],
    *,
    again: Results | None = None,
) -> Results:
    """Evaluate a run and write its report. Raises as :func:`evaluate_run`.

    Args:
        run: The run.
        tell: Progress.
        stage: Told what is measured now.
        again: Results whose chosen weights are to be measured on test, though others were.
    """
    said = ""

    def progress(done: int, total: int, what: str) -> None:
        nonlocal said
        if what and what != said:
            said = what
            stage(what)
        tell(done, total)

    chosen = again.evaluation if again is not None else None
    # Weights that the person named are not those that a new comparison would choose.
    named = chosen.chosen_weights.path_in(run) if chosen and chosen.chosen_by == "person" else None
    evaluation = evaluate_run(run, on_progress=progress, weights=named, test_again=again is not None)
    found = analyses_of(evaluation)
    advice = advice_of(run, evaluation, found, measure=True, on_progress=progress)
    write_report(run, evaluation, found, on_progress=lambda done, total: progress(done, total, "pictures"))
    return Results(run, evaluation, found, printed_maps(run), tuple(advice))


def look_at_training(run: RunFolder, results: Results, tell: Callable[[int, int], None]) -> Results:
    """The same with what the network finds on the pictures that it was trained on.

    Raises as :func:`measure_training`.
    """
    evaluation = results.evaluation
    images = measure_training(run, evaluation, lambda done, total, _: tell(done, total))
    found = analyse(Split.TRAIN, images, evaluation.class_names, evaluation.conf_threshold)
    return replace(results, analyses=results.analyses | {Split.TRAIN: found}, training=list(images))


def _path(run: RunFolder | None) -> Path | None:
    return run.path if run is not None else None
