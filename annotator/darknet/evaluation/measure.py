"""Measure the weights of a run: every checkpoint on validation, the best of them on test, once.

The best on validation is chosen (of equals the earlier: less training for the same). Only that one ever
sees the test split, and every time it does is written down: a number that was looked at often, and chosen
by, is no test any more.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from annotator.darknet.evaluation.checkpoints import known_checkpoint
from annotator.darknet.evaluation.coco_metrics import CocoMetrics, evaluate_coco
from annotator.darknet.evaluation.notes import CONF_THRESHOLD, held_back, note_numbers
from annotator.darknet.evaluation.stored import (
    IOU,
    STRICT_IOU,
    Checkpoint,
    Evaluation,
    ImageResult,
    Measured,
    Stored,
    StoredPredictions,
    TestLook,
    checkpoints_of,
    load_predictions,
    load_stored,
    save,
)
from annotator.darknet.metrics import Metrics, evaluate_detections, match_image
from annotator.darknet.network.mark import network_mark
from annotator.darknet.network.weights import read_weights_header
from annotator.darknet.prediction.predictor import open_run_predictor
from annotator.darknet.run.folder import RunFolder, now
from converters.errors import DataError, ImageError
from converters.formats.base import LoadOptions
from converters.images import load_rgb
from converters.model import AnnotatedImage, Box, Split
from converters.registry import load
from converters.report import Report

ProgressCallback = Callable[[int, int, str], None]
"""Called with (pictures done, pictures in all, what is being measured). It may raise to cancel."""


@dataclass(frozen=True, slots=True)
class SplitSet:
    """The pictures of one split that can be measured.

    Attributes:
        split: Which.
        entries: Their entries in the run's list.
        images: The pictures with their ground truth, in the same order.
        fingerprint: Hash of entries, picture files, ground truth and the network's description.
    """

    split: Split
    entries: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    fingerprint: str

    def __len__(self) -> int:
        return len(self.images)

    @property
    def truths(self) -> list[tuple[Box, ...]]:
        """Ground truth of each picture."""
        return [image.boxes for image in self.images]


def evaluate_run(
    run: RunFolder,
    *,
    on_progress: ProgressCallback | None = None,
    weights: Path | None = None,
    conf_threshold: float = CONF_THRESHOLD,
    test_again: bool = False,
) -> Evaluation:
    """Measure a run and write evaluation.json (the page: :mod:`annotator.darknet.evaluation.report`).

    What was measured before on the same pictures, labels and weights is not measured again. Where other
    weights of the run were measured on test before, the number of those stands, unless ``test_again``.

    Args:
        run: The run.
        on_progress: Told how far it is.
        weights: Measure these weights only, and take them (default: all, and the best is taken).
        conf_threshold: Confidence above which a prediction counts as TP or FP.
        test_again: Measure test with the chosen weights though it was measured with others. That is
            written down: a number that weights are chosen by is no test.

    Raises:
        WeightsError: There are no weights yet, or those named do not fit.
        FormatError: The run's cfg, a list, or an earlier evaluation.json is broken.
        DataError: Neither validation nor test has a picture that can be measured.
        WriteError: The result cannot be written.
    """
    run = RunFolder(run.path.resolve(), run.info)
    report = Report()
    val, test = read_splits(run, (Split.VAL, Split.TEST), report)
    if not len(val) and not len(test):
        raise DataError(
            "neither validation nor test has a picture that can be measured.",
            path=run.path,
            code="nothing-to-measure",
            hint="Split the data set (convert-cli … --split 70/15/15) and train a new run.",
        )
    todo = [_given(run, weights)] if weights is not None else _checkpoints(run)
    stored = load_stored(run)
    progress = _Progress(on_progress, len(todo) * len(val) + len(test))
    looked = _BestLook()
    measured = [
        _on_validation(run, one, val, stored, conf_threshold, progress, report, looked) for one in todo
    ]
    by = "person" if weights is not None else "validation" if len(val) else "default"
    best = _best(measured)
    evaluation = Evaluation(
        class_names=run.info.class_names,
        conf_threshold=conf_threshold,
        checkpoints=tuple(measured),
        chosen=best,
        chosen_by=by,
        validation=None,
        test=None,
        test_looks=stored.test_looks if stored else (),
        report=report,
    )
    _keep_validation(run, evaluation, val, stored.validation if stored else None, looked, progress)
    if held_back(evaluation, stored) and not test_again:
        _keep_test(run, evaluation, test, stored, progress)
    else:
        _on_test(run, evaluation, test, progress)
    if weights is not None and stored is not None:
        _keep_table(evaluation, stored, val)
    shared = {pictures.split: (pictures.entries, len(pictures)) for pictures in (val, test)}
    note_numbers(run, evaluation, shared)
    progress.finish()
    save(run, evaluation)
    return evaluation


def measure_on_validation(
    run: RunFolder,
    one: Checkpoint,
    weights: Path,
    *,
    report: Report,
    conf_threshold: float = CONF_THRESHOLD,
    on_progress: ProgressCallback | None = None,
) -> tuple[Measured, tuple[ImageResult, ...]]:
    """Measure weights on validation only, and write nothing: for a training that still goes on.

    Args:
        run: The run; its path is absolute.
        one: The weights by the name that they are to have.
        weights: Where they lie: a snapshot of a file that is written again.
        report: Where findings go.
        conf_threshold: Confidence above which a prediction counts as TP or FP.
        on_progress: Told how far it is.

    Raises:
        DataError: Validation has no picture that can be measured, or the run is broken.
        WeightsError: The weights do not fit.
    """
    (val,) = read_splits(run, (Split.VAL,), report)
    if not len(val):
        raise DataError("validation has no picture that can be measured.", path=run.path)
    there = replace(one, weights=str(weights))
    results = _look(run, there, val, conf_threshold, _Progress(on_progress, len(val)), report)
    plain, strict = (_metrics(results, run, iou, conf_threshold) for iou in (IOU, STRICT_IOU))
    return Measured(Split.VAL, one.sha256, val.fingerprint, now(), plain, strict), tuple(results)


def look_at(
    run: RunFolder,
    one: Checkpoint,
    pictures: SplitSet,
    conf_threshold: float,
    on_progress: ProgressCallback | None,
    report: Report,
) -> list[ImageResult]:
    """What weights find on pictures; those that cannot be decoded are reported and left out.

    Raises:
        WeightsError: The weights do not fit, or are gone.
        FormatError: The cfg is broken.
    """
    return _look(run, one, pictures, conf_threshold, _Progress(on_progress, len(pictures)), report)


def results_of_stored(
    stored: StoredPredictions, pictures: SplitSet, conf_threshold: float
) -> list[ImageResult] | None:
    """Pictures with what was stored of them; None where something of it is not there."""
    return _stored_results(stored, pictures, conf_threshold, Report())


def stored_evaluation(run: RunFolder) -> Evaluation | None:
    """The last evaluation of a run as it was left, without running the network; None where there is none.

    Where pictures or labels were changed since, the numbers stand, with what was found and labelled then.

    Raises:
        FormatError: evaluation.json, the run's cfg or a list is broken.
    """
    run = RunFolder(run.path.resolve(), run.info)
    stored = load_stored(run)
    if stored is None or not stored.checkpoints:
        return None
    names = [one.weights for one in stored.checkpoints]
    evaluation = Evaluation(
        class_names=stored.class_names,
        conf_threshold=stored.conf_threshold,
        checkpoints=stored.checkpoints,
        chosen=names.index(stored.chosen) if stored.chosen in names else 0,
        chosen_by=stored.chosen_by,
        validation=stored.validation,
        test=stored.test,
        test_looks=stored.test_looks,
        notes=list(stored.notes),
    )
    found: dict[Split, tuple[ImageResult, ...]] = {}
    for pictures in read_splits(run, (Split.VAL, Split.TEST), evaluation.report):
        measured = stored.validation if pictures.split is Split.VAL else stored.test
        if measured is None:
            continue
        kept = load_predictions(run, measured.sha256, measured.fingerprint, pictures.split)
        if measured.fingerprint != pictures.fingerprint:
            evaluation.outdated |= {pictures.split}
            found[pictures.split] = _as_measured(kept, stored.conf_threshold)
        elif kept is not None:
            results = _stored_results(kept, pictures, stored.conf_threshold, evaluation.report)
            found[pictures.split] = tuple(results or ())
    evaluation.validation_images = found.get(Split.VAL, ())
    evaluation.images = found.get(Split.TEST, ())
    return evaluation


def _as_measured(kept: StoredPredictions | None, conf_threshold: float) -> tuple[ImageResult, ...]:
    """The pictures with the labels that they were measured with; none where those were not kept."""
    if kept is None or kept.truths.keys() != kept.images.keys():
        return ()
    return tuple(
        ImageResult(
            entry,
            kept.truths[entry],
            found,
            match_image(kept.truths[entry], found, iou_threshold=IOU, conf_threshold=conf_threshold),
        )
        for entry, found in kept.images.items()
    )


def read_splits(
    run: RunFolder, splits: Sequence[Split], report: Report, only: Container[str] | None = None
) -> list[SplitSet]:
    """The listed pictures of some splits with their ground truth from the data set's label files.

    A picture that is missing, unreadable, or has no usable label file is reported and left out.

    Args:
        run: The run; its path is absolute.
        splits: Which splits.
        report: Where findings go.
        only: Of the listed pictures, only these entries; None: all.

    Raises:
        FormatError: A list or the names file is broken.
        NotADatasetError: The run does not lie in a data set.
    """
    listed = {
        split: [entry for entry in dict.fromkeys(run.read_list(split)) if only is None or entry in only]
        for split in splits
    }
    found = Report()
    # What the numbers depend on beside the weights' file.
    network = f"{run.info.class_names!r} {run.info.letterbox} {network_mark(run.read_cfg())}"
    dataset = load(run.work, found, LoadOptions(class_names=run.info.class_names), format="yolo")
    by_path = {os.path.normpath(image.path): image for image in dataset.images}
    explained = {issue.key for issue in found.errors}
    sets: list[SplitSet] = []
    for split, entries in listed.items():
        kept: list[tuple[str, AnnotatedImage]] = []
        keys: set[str | None] = set()
        for entry in entries:
            path = os.path.normpath(run.path / entry)
            key = Path(os.path.relpath(path, run.work)).with_suffix("").as_posix()
            keys.add(key)
            image = by_path.get(path)
            if image is not None and image.labelled:
                kept.append((entry, image))
            elif key not in explained:
                _report_unusable(Path(path), key, split, report)
        # The set's other findings are about pictures that are not measured here.
        report.issues += [
            issue for issue in found if issue.key in keys and issue.code != "image-without-label"
        ]
        sets.append(_split_set(split, kept, network))
    return sets


@dataclass(slots=True)
class _BestLook:
    """What the best weights found on validation; that of all of them would not fit into memory."""

    sha256: str = ""
    mean_ap: float = -1.0
    results: tuple[ImageResult, ...] = ()

    def offer(self, sha256: str, mean_ap: float, results: Sequence[ImageResult]) -> None:
        """Keep what was found if it is better than what is kept (of equals the first stays)."""
        if mean_ap > self.mean_ap:
            self.sha256, self.mean_ap, self.results = sha256, mean_ap, tuple(results)


class _Progress:
    """Counts pictures over all weights."""

    def __init__(self, callback: ProgressCallback | None, total: int) -> None:
        self.callback = callback
        self.total = max(1, total)
        self.done = 0

    def step(self, what: str, count: int = 1) -> None:
        self.done += count
        if self.callback is not None:
            self.callback(min(self.done, self.total), self.total, what)

    def finish(self) -> None:
        if self.callback is not None and self.done < self.total:
            self.callback(self.total, self.total, "")


def _report_unusable(path: Path, key: str, split: Split, report: Report) -> None:
    if not path.exists():
        report.error("image-missing", f"the picture is missing; left out of {split}.", path=path, key=key)
    elif not path.with_suffix(".txt").exists():
        report.error(
            "image-without-label",
            f"has no label file; left out of {split}.",
            path=path,
            key=key,
            hint="Label it (an empty label file says that nothing is on it).",
        )
    else:
        report.error("label-unusable", f"its labels cannot be used; left out of {split}.", path=path, key=key)


def _split_set(split: Split, kept: Sequence[tuple[str, AnnotatedImage]], network: str) -> SplitSet:
    digest = hashlib.sha256(network.encode())
    for entry, image in kept:
        boxes = [(box.label, box.xyxy, sorted(box.flags)) for box in image.boxes]
        digest.update(f"{entry}\0{hash_file(image.path)}\0{boxes!r}\n".encode())
    return SplitSet(
        split, tuple(entry for entry, _ in kept), tuple(image for _, image in kept), digest.hexdigest()
    )


def hash_file(path: Path) -> str:
    """SHA-256 of a file, or empty where it cannot be read (whoever reads it says so)."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return ""


def _checkpoints(run: RunFolder) -> list[Checkpoint]:
    return [
        Checkpoint(saved.path.name, hash_file(saved.path), saved.iteration, saved.kind)
        for saved in checkpoints_of(run)
    ]


def _given(run: RunFolder, path: Path) -> Checkpoint:
    """Weights that the person named; those of the run keep their kind."""
    header = read_weights_header(path)
    real = path.resolve()
    for saved in run.weights():
        if saved.path.resolve() == real:
            return Checkpoint(saved.path.name, hash_file(real), saved.iteration, saved.kind)
    return Checkpoint(str(real), hash_file(real), header.iteration(run.info.batch), "given")


def _on_validation(
    run: RunFolder,
    one: Checkpoint,
    val: SplitSet,
    stored: Stored | None,
    conf_threshold: float,
    progress: _Progress,
    report: Report,
    looked: _BestLook,
) -> Checkpoint:
    """Measure one checkpoint on validation, or take what is stored for the same weights and pictures."""
    if not len(val):
        return one
    known = _known(one, val, stored, conf_threshold) or known_checkpoint(
        run, one, val.fingerprint, conf_threshold, len(val)
    )
    if known is not None:
        progress.step(one.weights, len(val))
        return known
    results = _look(run, one, val, conf_threshold, progress, report)
    metrics = _metrics(results, run, IOU, conf_threshold)
    looked.offer(one.sha256, metrics.mean_ap, results)
    return replace(one, metrics=metrics, strict=_metrics(results, run, STRICT_IOU, conf_threshold))


def _known(one: Checkpoint, val: SplitSet, stored: Stored | None, conf_threshold: float) -> Checkpoint | None:
    if stored is None or stored.validation is None or stored.validation.fingerprint != val.fingerprint:
        return None
    for old in stored.checkpoints:
        metrics = old.metrics
        if (
            old.sha256 == one.sha256
            and metrics is not None
            and old.strict is not None
            and metrics.conf_threshold == conf_threshold
            and metrics.images == len(val)
        ):
            return replace(one, metrics=metrics, strict=old.strict)
    return None


def _look(
    run: RunFolder,
    one: Checkpoint,
    pictures: SplitSet,
    conf_threshold: float,
    progress: _Progress,
    report: Report,
) -> list[ImageResult]:
    """Run the network over a split; a picture that cannot be decoded is reported once and left out."""
    predictor = open_run_predictor(run, one.path_in(run))
    what = f"{pictures.split}, iteration {one.iteration}"
    results: list[ImageResult] = []
    for entry, image in zip(pictures.entries, pictures.images, strict=True):
        try:
            rgb = load_rgb(image.path)
        except ImageError as error:
            if not any(issue.path == error.path and issue.code == error.code for issue in report):
                report.add_exception(error, key=image.key)
        else:
            results.append(_result(entry, image, predictor.predict(rgb, clipped=False), conf_threshold))
        progress.step(what)
    return results


def _result(
    entry: str, image: AnnotatedImage, predictions: tuple[Box, ...], conf_threshold: float
) -> ImageResult:
    match = match_image(image.boxes, predictions, iou_threshold=IOU, conf_threshold=conf_threshold)
    return ImageResult(entry, image.boxes, predictions, match)


def _metrics(
    results: Sequence[ImageResult], run: RunFolder, iou_threshold: float, conf_threshold: float
) -> Metrics:
    return evaluate_detections(
        [one.truths for one in results],
        [one.predictions for one in results],
        run.info.class_names,
        iou_threshold=iou_threshold,
        conf_threshold=conf_threshold,
    )


def _coco(results: Sequence[ImageResult], run: RunFolder) -> CocoMetrics:
    truths, found = [one.truths for one in results], [one.predictions for one in results]
    return evaluate_coco(truths, found, run.info.class_names)


def _best(measured: Sequence[Checkpoint]) -> int:
    """Index of the best on validation, of equals the earlier; without validation the final or newest."""
    if measured[0].metrics is not None:
        # max() takes the first of equals, and the list is by iteration.
        return max(
            range(len(measured)),
            key=lambda index: metrics.mean_ap if (metrics := measured[index].metrics) else 0.0,
        )
    final = [index for index, one in enumerate(measured) if one.kind == "final"]
    return final[-1] if final else len(measured) - 1


def _keep_validation(
    run: RunFolder,
    evaluation: Evaluation,
    val: SplitSet,
    old: Measured | None,
    looked: _BestLook,
    progress: _Progress,
) -> None:
    """The chosen weights' numbers on validation, and what they found there."""
    chosen, threshold = evaluation.chosen_weights, evaluation.conf_threshold
    if chosen.metrics is None or chosen.strict is None:
        return
    results: Sequence[ImageResult] | None = looked.results if looked.sha256 == chosen.sha256 else None
    if not results:
        stored = load_predictions(run, chosen.sha256, val.fingerprint, Split.VAL)
        results = _stored_results(stored, val, threshold, Report()) if stored is not None else None
    if not results:
        results = _look(run, chosen, val, threshold, progress, Report())
    same = old is not None and (old.sha256, old.fingerprint) == (chosen.sha256, val.fingerprint)
    when = old.measured if same and old is not None else now()
    evaluation.validation_images = tuple(results)
    evaluation.validation = Measured(
        Split.VAL, chosen.sha256, val.fingerprint, when, chosen.metrics, chosen.strict, _coco(results, run)
    )


def _on_test(run: RunFolder, evaluation: Evaluation, test: SplitSet, progress: _Progress) -> None:
    """Measure the chosen weights on test, unless that was done before with the same pictures and labels."""
    if not len(test):
        return
    chosen, threshold = evaluation.chosen_weights, evaluation.conf_threshold
    measured = now()
    stored = load_predictions(run, chosen.sha256, test.fingerprint)
    results = _stored_results(stored, test, threshold, evaluation.report) if stored is not None else None
    if stored is not None and results is not None:
        measured = stored.measured
        progress.step(f"{Split.TEST}, stored", len(test))
    else:
        results = _look(run, chosen, test, threshold, progress, evaluation.report)
        evaluation.test_measured_now = bool(results)
    if not results:
        return
    evaluation.images = tuple(results)
    evaluation.test = Measured(
        Split.TEST,
        chosen.sha256,
        test.fingerprint,
        measured,
        _metrics(results, run, IOU, threshold),
        _metrics(results, run, STRICT_IOU, threshold),
        _coco(results, run),
    )
    if evaluation.test_measured_now:
        mean_ap = evaluation.test.metrics.mean_ap
        look = TestLook(measured, chosen.sha256, chosen.weights, test.fingerprint, mean_ap)
        evaluation.test_looks = (*evaluation.test_looks, look)


def _keep_test(
    run: RunFolder, evaluation: Evaluation, test: SplitSet, stored: Stored | None, progress: _Progress
) -> None:
    """Test was measured with other weights: that number stands, with its pictures if they are the same."""
    progress.step(f"{Split.TEST}, stored", len(test))
    evaluation.test = stored.test if stored is not None else None
    if evaluation.test is None or evaluation.test.fingerprint != test.fingerprint:
        return
    kept = load_predictions(run, evaluation.test.sha256, test.fingerprint)
    if kept is not None:
        found = _stored_results(kept, test, evaluation.conf_threshold, evaluation.report)
        evaluation.images = tuple(found or ())


def _stored_results(
    stored: StoredPredictions, test: SplitSet, conf_threshold: float, report: Report
) -> list[ImageResult] | None:
    """The test pictures with the stored predictions; None where some of those are not there."""
    results: list[ImageResult] = []
    for entry, image in zip(test.entries, test.images, strict=True):
        found = stored.images.get(entry)
        if found is not None:
            results.append(_result(entry, image, found, conf_threshold))
            continue
        try:
            load_rgb(image.path)
        except ImageError as error:
            report.add_exception(error, key=image.key)  # that is why it has no predictions
        else:
            return None
    return results or None


def _keep_table(evaluation: Evaluation, stored: Stored, val: SplitSet) -> None:
    """Beside weights that the person named, show what is known of the others."""
    if stored.validation is None or stored.validation.fingerprint != val.fingerprint:
        return
    chosen = evaluation.chosen_weights
    others = [
        old
        for old in stored.checkpoints
        if old.sha256 != chosen.sha256
        and old.metrics is not None
        and old.metrics.conf_threshold == evaluation.conf_threshold
    ]
    table = sorted([*others, chosen], key=lambda one: one.iteration)
    evaluation.checkpoints = tuple(table)
    evaluation.chosen = table.index(chosen)
