"""Two runs side by side: their numbers on the same pictures, and what was changed between them.

The pictures are those of test, or of validation where one of the two has none measured on test.

The interval of a difference is a paired bootstrap (Efron and Tibshirani 1993): the pictures are drawn anew,
each time for both runs, so that what makes a picture hard for both does not blur what sets them apart.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import PurePath
from typing import Any

import numpy as np

from annotator.darknet.evaluation.analysis import bootstrap_aps
from annotator.darknet.evaluation.measure import read_splits
from annotator.darknet.evaluation.stored import IOU, STRICT_IOU, ImageResult, load_predictions, load_stored
from annotator.darknet.metrics import Interval, evaluate_detections, match_image, resample
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.run.data_record import DataRecord, read_record
from annotator.darknet.run.folder import RunFolder, RunInfo
from converters.errors import DataError
from converters.model import Box, Split
from converters.report import Report

RESAMPLES = 1000


@dataclass(frozen=True, slots=True)
class Difference:
    """One number of two runs.

    Attributes:
        name: A class, or ``mAP``.
        iou: IoU threshold.
        first: Of the first run, 0 to 1.
        second: Of the second run.
        interval: 95 % interval of second − first; None where no box of the class is there.
        truths: Boxes that it rests on.
    """

    name: str
    iou: float
    first: float
    second: float
    interval: Interval | None
    truths: int

    @property
    def change(self) -> float:
        """Second less first."""
        return self.second - self.first

    @property
    def verdict(self) -> str:
        """``better`` or ``worse`` (the second) where the interval leaves 0 out, else ``not told apart``."""
        if self.interval is None or self.interval[0] <= 0 <= self.interval[1]:
            return "not told apart"
        return "better" if self.interval[0] > 0 else "worse"


@dataclass(frozen=True, slots=True)
class DataChange:
    """What was changed between the data of two runs.

    Attributes:
        added: Pictures that only the second lists.
        removed: Pictures that only the first lists.
        moved: Pictures in another split: (picture, first split, second split).
        relabelled: Pictures whose label file was another; None where a run kept no record.
        boxes: Boxes by class id in both; empty where a run kept no record.
        augmentation: Settings of the copies that differ: (what, first, second).
        copies: Number of copies in each training list.
    """

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    moved: tuple[tuple[str, str, str], ...] = ()
    relabelled: tuple[str, ...] | None = None
    boxes: tuple[tuple[str, int, int], ...] = ()
    augmentation: tuple[tuple[str, str, str], ...] = ()
    copies: tuple[int, int] = (0, 0)


@dataclass(frozen=True, slots=True)
class RunComparison:
    """Two runs side by side.

    Attributes:
        first: Name of the first run.
        second: Name of the second.
        split: What the pictures are of: test, or validation.
        pictures: Those that both were measured on.
        left_out: Those of either that the other one was trained on: they would flatter it.
        differences: mAP and AP of each class, at IoU 0.50 and 0.75.
        data: What was changed between their data.
        settings: Options of the cfg that differ: (section and option, first, second), and what
            :func:`run_changes` gives before them; empty: not there.
        better_on: Pictures (list entries) on which the second makes fewer mistakes.
        worse_on: Those on which it makes more.
        pairs: What both found on the pictures on which they differ, those that differ most first.
        notes: What a reader must know.
    """

    first: str
    second: str
    split: Split
    pictures: int
    left_out: int
    differences: tuple[Difference, ...]
    data: DataChange
    settings: tuple[tuple[str, str, str], ...]
    better_on: tuple[str, ...] = ()
    worse_on: tuple[str, ...] = ()
    pairs: tuple[tuple[ImageResult, ImageResult], ...] = ()
    notes: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON, without the boxes that were found."""
        return asdict(replace(self, pairs=())) | {"split": str(self.split)}


def not_evaluated(*runs: RunFolder) -> list[RunFolder]:
    """Those of some runs that cannot be compared yet."""
    return [run for run in runs if not _measured_splits(run)]


def compare_runs(first: RunFolder, second: RunFolder, *, resamples: int = RESAMPLES) -> RunComparison:
    """Compare two evaluated runs of one data set.

    The labels are those of now, for both.

    Raises:
        DataError: One is not evaluated, they are of different data sets or classes, or share no test picture.
        FormatError: A cfg, a list or an evaluation is broken.
    """
    first = RunFolder(first.path.resolve(), first.info)
    second = RunFolder(second.path.resolve(), second.info)
    if first.work != second.work:
        raise DataError("the two runs are of different data sets.", path=second.path, code="not-comparable")
    names = tuple(name for name in first.info.class_names if name in second.info.class_names)
    if not names:
        raise DataError("the two runs have no class in common.", path=second.path, code="not-comparable")
    split = _common_split(first, second)
    found = [_results(run, names, split) for run in (first, second)]
    shared = [entry for entry in found[0] if entry in found[1]]
    trained = set(first.read_list(Split.TRAIN)) | set(second.read_list(Split.TRAIN))
    kept = [entry for entry in shared if entry not in trained]
    if not kept:
        raise DataError(
            f"the two runs share no picture of {split} that neither was trained on.",
            path=second.path,
            code="not-comparable",
            hint="Train both with the same split, or evaluate them again.",
        )
    results = [[one[entry] for entry in kept] for one in found]
    mistakes = [[one.match.mistakes for one in each] for each in results]
    pairs = list(zip(kept, *mistakes, strict=True))
    comparison = RunComparison(
        first.path.name,
        second.path.name,
        split,
        len(kept),
        len(shared) - len(kept),
        tuple(_differences(results[0], results[1], names, resamples)),
        data_change(first, second),
        (*run_changes(first.info, second.info), *cfg_changes(first.read_cfg(), second.read_cfg())),
        tuple(entry for entry, before, after in pairs if after < before),
        tuple(entry for entry, before, after in pairs if after > before),
        _pairs_apart(*results),
    )
    _note(comparison, first, second, names)
    return comparison


def data_change(first: RunFolder, second: RunFolder) -> DataChange:
    """What was changed between the data of two runs."""
    splits = [_splits(run) for run in (first, second)]
    copies = [sum(_is_copy(entry) for entry in one) for one in splits]
    before, after = ({entry: split for entry, split in one.items() if not _is_copy(entry)} for one in splits)
    records = [read_record(run.path / "data.json") for run in (first, second)]
    both = [entry for entry in before if entry in after]
    relabelled, boxes, settings = None, [], []
    if records[0] is not None and records[1] is not None:
        relabelled = tuple(
            entry for entry in both if records[0].labels.get(entry) != records[1].labels.get(entry)
        )
        ids = sorted({*records[0].boxes, *records[1].boxes}, key=lambda one: (len(one), one))
        boxes = [(one, records[0].boxes.get(one, 0), records[1].boxes.get(one, 0)) for one in ids]
        settings = list(_augmentation_changes(records[0], records[1]))
    return DataChange(
        tuple(entry for entry in after if entry not in before),
        tuple(entry for entry in before if entry not in after),
        tuple((entry, before[entry], after[entry]) for entry in both if before[entry] != after[entry]),
        relabelled,
        tuple(boxes),
        tuple(settings),
        (copies[0], copies[1]),
    )


def run_changes(first: RunInfo, second: RunInfo) -> Iterator[tuple[str, str, str]]:
    """What differs of two runs beside cfg and data: ``seed``, ``weights to start from``, ``Darknet``."""

    def facts(info: RunInfo) -> dict[str, str]:
        darknet = f"{info.darknet['dialect']} {info.darknet.get('version', '')}".strip()
        return {
            "seed": "" if info.seed is None else str(info.seed),
            "weights to start from": PurePath(info.weights).name if info.weights else "",
            "Darknet": darknet,
        }

    before, after = facts(first), facts(second)
    for what in before:
        if before[what] != after[what]:
            yield what, before[what], after[what]


def cfg_changes(first: Cfg, second: Cfg) -> Iterator[tuple[str, str, str]]:
    """Options that differ: of [net] each, of the layers those of the kind of section where all agree."""
    yield from _options_apart("net", first.net.options, second.net.options)
    one, other = ([section.name for section in cfg.layer_sections] for cfg in (first, second))
    if one != other:
        counts = [Counter(one), Counter(other)]
        for name in sorted({*one, *other}):
            if counts[0][name] != counts[1][name]:
                yield f"[{name}] sections", str(counts[0][name]), str(counts[1][name])
        if counts[0] == counts[1]:
            yield "order of the layers", "as it was", "another"
        return
    seen: dict[tuple[str, str, str], int] = {}
    for left, right in zip(first.layer_sections, second.layer_sections, strict=True):
        for change in _options_apart(left.name, left.options, right.options):
            seen[change] = seen.get(change, 0) + 1
    for (what, before, after), count in seen.items():
        yield f"{what} ({count}×)" if count > 1 else what, before, after


def _options_apart(
    name: str, first: Sequence[tuple[str, str]], second: Sequence[tuple[str, str]]
) -> Iterator[tuple[str, str, str]]:
    before, after = dict(first), dict(second)
    for key in dict.fromkeys((*before, *after)):
        if before.get(key, "").replace(" ", "") != after.get(key, "").replace(" ", ""):
            yield f"[{name}] {key}", before.get(key, ""), after.get(key, "")


def _pairs_apart(
    first: Sequence[ImageResult], second: Sequence[ImageResult]
) -> tuple[tuple[ImageResult, ImageResult], ...]:
    apart = [
        pair for pair in zip(first, second, strict=True) if pair[0].match.mistakes != pair[1].match.mistakes
    ]
    return tuple(sorted(apart, key=lambda pair: -abs(pair[0].match.mistakes - pair[1].match.mistakes)))


def _measured_splits(run: RunFolder) -> list[Split]:
    """The splits whose predictions a run has kept."""
    stored = load_stored(run)
    looks = (stored.test, stored.validation) if stored is not None else ()
    return [
        one.split
        for one in looks
        if one is not None and load_predictions(run, one.sha256, one.fingerprint, one.split) is not None
    ]


def _common_split(first: RunFolder, second: RunFolder) -> Split:
    found = [_measured_splits(run) for run in (first, second)]
    for run, splits in zip((first, second), found, strict=True):
        if not splits:
            raise DataError(
                "this run has no evaluation yet.",
                path=run.path,
                code="not-evaluated",
                hint="Evaluate it first (train-cli evaluate).",
            )
    for split in found[0]:  # test stands first
        if split in found[1]:
            return split
    raise DataError(
        "one of the runs was measured on test only, the other on validation only.",
        path=second.path,
        code="not-comparable",
        hint="Train both with the same split.",
    )


def _results(run: RunFolder, names: Sequence[str], split: Split) -> dict[str, ImageResult]:
    """What the chosen weights of a run found on a split, with the labels of now, by list entry."""
    stored = load_stored(run)
    look = None
    if stored is not None:
        look = stored.test if split is Split.TEST else stored.validation
    kept = load_predictions(run, look.sha256, look.fingerprint, split) if look is not None else None
    if kept is None:
        return {}
    (pictures,) = read_splits(run, (split,), Report())
    results: dict[str, ImageResult] = {}
    for entry, image in zip(pictures.entries, pictures.images, strict=True):
        if entry in kept.images:
            truths = _of(image.boxes, names)
            found = _of(kept.images[entry], names)
            results[entry] = ImageResult(entry, truths, found, match_image(truths, found))
    return results


def _of(boxes: Sequence[Box], names: Sequence[str]) -> tuple[Box, ...]:
    return tuple(box for box in boxes if box.label in names)


def _differences(
    first: Sequence[ImageResult], second: Sequence[ImageResult], names: Sequence[str], resamples: int
) -> Iterator[Difference]:
    weights = resample(len(first), resamples, seed=0)
    truths = [one.truths for one in first]
    for iou in (IOU, STRICT_IOU):
        metrics = [
            evaluate_detections(
                truths, [one.predictions for one in each], names, iou_threshold=iou, resamples=0
            )
            for each in (first, second)
        ]
        apart = bootstrap_aps(second, names, weights, iou) - bootstrap_aps(first, names, weights, iou)
        counts = [one.truths for one in metrics[0].classes]
        whole = _interval(apart.mean(axis=1)) if len(apart) else None
        yield Difference("mAP", iou, metrics[0].mean_ap, metrics[1].mean_ap, whole, sum(counts))
        for column, name in enumerate(names):
            pair = [one.classes[column].ap for one in metrics]
            span = _interval(apart[:, column]) if len(apart) and counts[column] else None
            yield Difference(name, iou, pair[0], pair[1], span, counts[column])


def _interval(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> Interval:
    low, high = np.percentile(values, (2.5, 97.5))
    return float(low), float(high)


def _splits(run: RunFolder) -> dict[str, str]:
    """Split of each listed picture, by its path in the data set."""
    return {
        entry.removeprefix("../../"): str(split)
        for split in (Split.TRAIN, Split.VAL, Split.TEST)
        for entry in run.read_list(split)
    }


def _is_copy(entry: str) -> bool:
    return entry.startswith("augmented/")


def _augmentation_changes(first: DataRecord, second: DataRecord) -> Iterator[tuple[str, str, str]]:
    before, after = dict(_flat("", first.augmentation)), dict(_flat("", second.augmentation))
    for key in dict.fromkeys((*before, *after)):
        if before.get(key, "") != after.get(key, ""):
            yield key, before.get(key, ""), after.get(key, "")


def _flat(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """The leaves of nested settings, each with its place (``policy.steps.0.blur``)."""
    if isinstance(value, dict) and value:
        for key, each in value.items():
            yield from _flat(f"{place}.{key}" if place else str(key), each)
    elif isinstance(value, list) and any(isinstance(each, dict | list) for each in value):
        for at, each in enumerate(value):
            yield from _flat(f"{place}.{at}", each)
    else:
        yield place, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _note(comparison: RunComparison, first: RunFolder, second: RunFolder, names: Sequence[str]) -> None:
    note = comparison.notes.append
    if comparison.left_out:
        note(
            f"{comparison.left_out} pictures are left out: one of the runs was trained on them, "
            "which would flatter it."
        )
    if comparison.split is Split.VAL:
        note(
            "These are validation pictures, by which the weights of both were chosen: both look a little "
            "too good."
        )
    others = {*first.info.class_names, *second.info.class_names} - set(names)
    if others:
        note(f"Only one of the runs knows {', '.join(sorted(others))}: left out.")
    if comparison.pictures < 50:
        note(f"{comparison.pictures} pictures tell small differences from chance badly.")
    if comparison.data.relabelled is None:
        note(
            "One of the runs kept no record of its labels, so what was relabelled between them is not known."
        )
