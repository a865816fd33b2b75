"""What a network finds on the pictures it was trained on: a sample beside validation, or all, when asked.

A network that is far better on these than on others has learned them by heart; and where it is sure of
something else than the label even after training on it, the label is often wrong.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from annotator.darknet.evaluation.analysis import RESAMPLES, bootstrap_aps, percentiles
from annotator.darknet.evaluation.measure import (
    ProgressCallback,
    SplitSet,
    look_at,
    read_splits,
    results_of_stored,
)
from annotator.darknet.evaluation.stored import (
    IOU,
    STRICT_IOU,
    Evaluation,
    EvaluationFolder,
    ImageResult,
    Measured,
    load_predictions,
    save_predictions,
)
from annotator.darknet.metrics import Interval, evaluate_detections, resample
from annotator.darknet.run.folder import RunFolder, now
from converters.errors import DataError
from converters.files import write_if_changed
from converters.model import Split
from converters.report import Report

SAMPLE = 48
"""Pictures of the sample: enough to tell 30 % from 80 %, seconds for a small network on a processor."""
_COPIES = "augmented/"


@dataclass(frozen=True, slots=True)
class TrainingSample:
    """The chosen weights on some pictures that they were trained on.

    Attributes:
        images: Number of pictures.
        mean_ap: mAP@0.50 over the classes that the sample has, 0 to 1.
        interval: Its 95 % interval (bootstrap by picture); None for fewer than two pictures.
        classes: AP@0.50 of each class that the sample has.
    """

    images: int
    mean_ap: float
    interval: Interval | None
    classes: Mapping[str, float] = field(default_factory=dict)


def originals_in(run: RunFolder) -> list[str]:
    """Entries of the training list without augmented copies. Raises FormatError for a broken list."""
    entries = dict.fromkeys(run.read_list(Split.TRAIN))
    return [entry for entry in entries if not entry.startswith(_COPIES)]


def sample_of(entries: Sequence[str], count: int = SAMPLE) -> list[str]:
    """So many of them, evenly over the list: the same each time."""
    if len(entries) <= count:
        return list(entries)
    return [entries[at * len(entries) // count] for at in range(count)]


def measure_sample(
    run: RunFolder, evaluation: Evaluation, on_progress: ProgressCallback | None = None
) -> TrainingSample | None:
    """The chosen weights on a sample of the training pictures; kept beside the evaluation.

    Args:
        run: The run.
        evaluation: Its evaluation.
        on_progress: Told how far it is; it may raise to cancel.

    Returns:
        None where no training picture has a box.

    Raises:
        DataError: The run is broken, its weights are gone, or the result cannot be written.
    """
    run = RunFolder(run.path.resolve(), run.info)
    pictures = _pictures(run, sample_of(originals_in(run)))
    chosen = evaluation.chosen_weights
    known = _read_sample(run)
    if known is not None and known[:2] == (chosen.sha256, pictures.fingerprint):
        return known[2]
    if not len(pictures):
        return None
    found = look_at(run, chosen, pictures, evaluation.conf_threshold, on_progress, Report())
    sample = sample_numbers(found, evaluation)
    if sample is not None:
        content = {"sha256": chosen.sha256, "fingerprint": pictures.fingerprint, **asdict(sample)}
        write_if_changed(_sample_path(run), json.dumps(content, indent=1) + "\n")
    return sample


def stored_sample(run: RunFolder, evaluation: Evaluation) -> TrainingSample | None:
    """The sample that was measured with the chosen weights; None where none was."""
    known = _read_sample(run)
    return known[2] if known is not None and known[0] == evaluation.chosen_weights.sha256 else None


def _sample_path(run: RunFolder) -> Path:
    return EvaluationFolder.of(run).path / "training-sample.json"


def _read_sample(run: RunFolder) -> tuple[str, str, TrainingSample] | None:
    """Hash of the weights, of the pictures, and the numbers; None where there are none that can be read."""
    try:
        content = json.loads(_sample_path(run).read_text(encoding="utf-8"))
        ends = content["interval"]
        sample = TrainingSample(
            int(content["images"]),
            float(content["mean_ap"]),
            (float(ends[0]), float(ends[1])) if ends is not None else None,
            {str(name): float(ap) for name, ap in content["classes"].items()},
        )
        return str(content["sha256"]), str(content["fingerprint"]), sample
    except (OSError, ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None  # it is measured again


def sample_numbers(results: Sequence[ImageResult], evaluation: Evaluation) -> TrainingSample | None:
    """The numbers of measured training pictures; None where none has a box."""
    present = {box.label for one in results for box in one.truths}
    names = [name for name in evaluation.class_names if name in present]
    if not names:
        return None
    metrics = evaluate_detections(
        [one.truths for one in results],
        [[box for box in one.predictions if box.label in present] for one in results],
        names,
        iou_threshold=IOU,
        conf_threshold=evaluation.conf_threshold,
    )
    drawn = bootstrap_aps(
        [_only(one, present) for one in results], names, resample(len(results), RESAMPLES, seed=0)
    )
    return TrainingSample(
        len(results),
        metrics.mean_ap,
        percentiles(drawn.mean(axis=1)) if len(drawn) else None,
        {one.name: one.ap for one in metrics.classes},
    )


def measure_training(
    run: RunFolder, evaluation: Evaluation, on_progress: ProgressCallback | None = None
) -> tuple[ImageResult, ...]:
    """What the chosen weights find on all training pictures, copies left out; kept, and taken from there.

    Raises:
        DataError: There are none, the run is broken, or its weights are gone.
    """
    run = RunFolder(run.path.resolve(), run.info)
    chosen, threshold = evaluation.chosen_weights, evaluation.conf_threshold
    pictures = _pictures(run, originals_in(run))
    stored = load_predictions(run, chosen.sha256, pictures.fingerprint, Split.TRAIN)
    known = results_of_stored(stored, pictures, threshold) if stored is not None else None
    if known:
        return tuple(known)
    results = look_at(run, chosen, pictures, threshold, on_progress, Report())
    if not results:
        raise DataError("the training list has no picture that can be measured.", path=run.path)
    truths, found = [one.truths for one in results], [one.predictions for one in results]
    plain, strict = (
        evaluate_detections(truths, found, run.info.class_names, iou_threshold=iou, conf_threshold=threshold)
        for iou in (IOU, STRICT_IOU)
    )
    measured = Measured(Split.TRAIN, chosen.sha256, pictures.fingerprint, now(), plain, strict)
    save_predictions(run, measured, results)
    return tuple(results)


def _pictures(run: RunFolder, entries: Sequence[str]) -> SplitSet:
    (pictures,) = read_splits(run, (Split.TRAIN,), Report(), only=frozenset(entries))
    return pictures


def _only(result: ImageResult, labels: set[str]) -> ImageResult:
    """The same without predictions of other classes (its match is not looked at)."""
    found = tuple(box for box in result.predictions if box.label in labels)
    return ImageResult(result.image, result.truths, found, result.match)
