"""What an evaluation found, and where a run keeps it. See :mod:`annotator.darknet.evaluation.measure`.

RUN/evaluation/
  evaluation.json    all numbers, each under the split it was measured on
  predictions-….json what weights (by the begin of their hash) found on the test pictures; -val-…: validation
  metrics.csv        the numbers as a table
  report.html        to look at
  tables/            every table and curve as CSV
  charts/            every chart as SVG and PNG
  pictures/          the test pictures, ground truth beside prediction; the 500 worst
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from annotator.darknet.evaluation.coco_metrics import CocoMetrics
from annotator.darknet.metrics import ImageMatch, Metrics
from annotator.darknet.run.chosen import no_weights
from annotator.darknet.run.folder import RunFolder, SavedWeights
from converters.errors import FormatError
from converters.files import make_folder, write_if_changed
from converters.model import Box, Split
from converters.report import Report

EVALUATION_VERSION = 1
IOU = 0.5
STRICT_IOU = 0.75


@dataclass(frozen=True, slots=True)
class EvaluationFolder:
    """Paths in a run's evaluation folder."""

    path: Path

    @classmethod
    def of(cls, run: RunFolder) -> EvaluationFolder:
        """The evaluation folder of a run (it need not exist)."""
        return cls(run.path / "evaluation")

    @property
    def json(self) -> Path:
        """All numbers."""
        return self.path / "evaluation.json"

    def predictions(self, sha256: str, split: Split = Split.TEST) -> Path:
        """What the weights of this hash found on the pictures of test, or of validation."""
        part = "" if split is Split.TEST else f"{split}-"
        return self.path / f"predictions-{part}{sha256[:12]}.json"

    @property
    def csv(self) -> Path:
        """The numbers as a table."""
        return self.path / "metrics.csv"

    @property
    def report(self) -> Path:
        """The page."""
        return self.path / "report.html"

    @property
    def tables(self) -> Path:
        """Folder of the tables as CSV."""
        return self.path / "tables"

    @property
    def charts(self) -> Path:
        """Folder of the charts as SVG and PNG."""
        return self.path / "charts"

    @property
    def pictures(self) -> Path:
        """Folder of the drawn test pictures."""
        return self.path / "pictures"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Weights measured on validation.

    Attributes:
        weights: File name in the run's backup folder, or a path for weights from elsewhere.
        sha256: Hash of the file.
        iteration: The iteration they are from.
        kind: ``final``, ``numbered``, ``best``, …; ``given`` for a file that the person named.
        metrics: On validation, IoU 0.50; None where validation has no picture.
        strict: Likewise at IoU 0.75.
    """

    weights: str
    sha256: str
    iteration: int
    kind: str
    metrics: Metrics | None = None
    strict: Metrics | None = None

    def path_in(self, run: RunFolder) -> Path:
        """The weights file."""
        return run.backup / self.weights  # an absolute path stays what it is


@dataclass(frozen=True, slots=True)
class Measured:
    """One split, measured with one weights file at both IoU thresholds.

    Attributes:
        split: Which split.
        sha256: Hash of the weights file.
        fingerprint: Hash of its pictures and labels.
        measured: When, ISO 8601.
        metrics: At IoU 0.50.
        strict: At IoU 0.75.
        coco: By COCO's rules; None where an older evaluation did not measure it.
    """

    split: Split
    sha256: str
    fingerprint: str
    measured: str
    metrics: Metrics
    strict: Metrics
    coco: CocoMetrics | None = None


@dataclass(frozen=True, slots=True)
class TestLook:
    """One time that the test split was measured: the fewer there are, the more the number says."""

    __test__ = False  # not a test class, whatever its name begins with

    measured: str
    sha256: str
    weights: str
    fingerprint: str
    mean_ap: float


@dataclass(frozen=True, slots=True)
class ImageResult:
    """One test picture.

    Attributes:
        image: Its entry in the run's list, relative to the run folder.
        truths: Ground truth.
        predictions: What the network found, highest confidence first, edges not clipped.
        match: How they meet at the confidence threshold; its indices are those of ``truths`` and
            ``predictions``.
    """

    image: str
    truths: tuple[Box, ...]
    predictions: tuple[Box, ...]
    match: ImageMatch

    def path_in(self, run: RunFolder) -> Path:
        """The picture's file."""
        return run.path / self.image


@dataclass(slots=True)
class Evaluation:
    """An evaluation of a run.

    Attributes:
        class_names: Of the run.
        conf_threshold: Confidence above which a prediction counts as TP or FP.
        checkpoints: The weights measured on validation, by iteration.
        chosen: Index of the chosen one in ``checkpoints``.
        chosen_by: ``validation``, ``person``, or ``default`` where validation has no picture.
        validation: The chosen weights on validation, at both IoU thresholds; None without pictures.
        test: The chosen weights on test, or those that were chosen before (:attr:`test_is_of_others`);
            None without pictures.
        test_looks: Every time the test split was measured for this run.
        test_measured_now: False where the stored numbers of an earlier evaluation are shown.
        notes: Sentences for the person, about the numbers as a whole.
        images: The test pictures, in the order of the list.
        validation_images: The validation pictures with what the chosen weights found.
        outdated: The splits whose pictures or labels were changed since they were measured: ``images`` and
            ``validation_images`` are as they were then.
        report: Pictures and labels that could not be used.
    """

    class_names: tuple[str, ...]
    conf_threshold: float
    checkpoints: tuple[Checkpoint, ...]
    chosen: int
    chosen_by: str
    validation: Measured | None
    test: Measured | None
    test_looks: tuple[TestLook, ...] = ()
    test_measured_now: bool = False
    notes: list[str] = field(default_factory=list)
    images: tuple[ImageResult, ...] = ()
    validation_images: tuple[ImageResult, ...] = ()
    outdated: frozenset[Split] = frozenset()
    report: Report = field(default_factory=Report)

    @property
    def chosen_weights(self) -> Checkpoint:
        """The weights that were chosen on validation (or that the person named)."""
        return self.checkpoints[self.chosen]

    @property
    def test_is_of_others(self) -> bool:
        """Whether the number on test is of weights that were chosen before, not of those chosen now."""
        return self.test is not None and self.test.sha256 != self.chosen_weights.sha256

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON: what evaluation.json holds."""
        best = self.chosen_weights
        return {
            "version": EVALUATION_VERSION,
            "class_names": list(self.class_names),
            "conf_threshold": self.conf_threshold,
            "chosen": {
                "weights": best.weights,
                "iteration": best.iteration,
                "sha256": best.sha256,
                "by": self.chosen_by,
            },
            "validation": {
                "split": str(Split.VAL),
                "checkpoints": [_checkpoint_dict(one) for one in self.checkpoints],
                "chosen": _measured_dict(self.validation),
            },
            "test": _measured_dict(self.test),
            "test_measured_now": self.test_measured_now,
            "test_looks": [
                {
                    "measured": look.measured,
                    "weights": look.weights,
                    "sha256": look.sha256,
                    "fingerprint": look.fingerprint,
                    "mean_ap": look.mean_ap,
                }
                for look in self.test_looks
            ],
            "images": [_image_dict(image) for image in self.images],
            "notes": list(self.notes),
            "issues": [issue.as_dict() for issue in self.report],
        }


@dataclass(frozen=True, slots=True)
class Stored:
    """What an earlier evaluation left: enough to go on from it."""

    class_names: tuple[str, ...]
    chosen: str
    checkpoints: tuple[Checkpoint, ...]
    validation: Measured | None
    test_looks: tuple[TestLook, ...]
    test: Measured | None = None
    chosen_by: str = "validation"
    conf_threshold: float = 0.25
    notes: tuple[str, ...] = ()


def save(run: RunFolder, evaluation: Evaluation) -> None:
    """Write evaluation.json and what the chosen weights found on test and validation.

    Raises:
        WriteError: They cannot be written.
    """
    folder = EvaluationFolder.of(run)
    make_folder(folder.path)
    # The predictions first: evaluation.json is what says that they are there.
    for measured, images in (
        (evaluation.validation, evaluation.validation_images),
        (evaluation.test, evaluation.images),
    ):
        if measured is not None and images:
            save_predictions(run, measured, images)
    text = json.dumps(evaluation.as_dict(), indent=1, ensure_ascii=False) + "\n"
    write_if_changed(folder.json, text)


def save_predictions(run: RunFolder, measured: Measured, images: Sequence[ImageResult]) -> None:
    """Write what weights found on test or validation. Raises WriteError."""
    path = EvaluationFolder.of(run).predictions(measured.sha256, measured.split)
    write_if_changed(path, json.dumps(_predictions_dict(measured, images), ensure_ascii=False) + "\n")


def load_stored(run: RunFolder) -> Stored | None:
    """What an earlier evaluation of the run found, or None where there was none.

    Raises:
        FormatError: evaluation.json is broken, or of a newer version.
    """
    path = EvaluationFolder.of(run).json
    content = _read_json(path)
    if content is None:
        return None
    try:
        return Stored(
            class_names=tuple(str(name) for name in content["class_names"]),
            chosen=str(content["chosen"]["weights"]),
            checkpoints=tuple(
                Checkpoint(
                    weights=str(one["weights"]),
                    sha256=str(one["sha256"]),
                    iteration=int(one["iteration"]),
                    kind=str(one["kind"]),
                    metrics=Metrics.from_dict(one["iou_50"]) if one["iou_50"] else None,
                    strict=Metrics.from_dict(one["iou_75"]) if one["iou_75"] else None,
                )
                for one in content["validation"]["checkpoints"]
            ),
            validation=_measured(content["validation"]["chosen"]),
            test_looks=tuple(
                TestLook(
                    measured=str(look["measured"]),
                    sha256=str(look["sha256"]),
                    weights=str(look["weights"]),
                    fingerprint=str(look["fingerprint"]),
                    mean_ap=float(look["mean_ap"]),
                )
                for look in content["test_looks"]
            ),
            test=_measured(content["test"]),
            chosen_by=str(content["chosen"]["by"]),
            conf_threshold=float(content["conf_threshold"]),
            notes=tuple(str(note) for note in content["notes"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise FormatError(
            f"is broken ({type(error).__name__}: {error}).",
            path=path,
            code="bad-evaluation",
            hint="Delete it and evaluate again; only the record of what was measured before is lost.",
        ) from error


@dataclass(frozen=True, slots=True)
class StoredPredictions:
    """What weights found on the pictures of a split, by list entry, and when.

    Attributes:
        measured: When, ISO 8601.
        images: What was found.
        truths: The ground truth then; empty where an older evaluation did not keep it.
    """

    measured: str
    images: dict[str, tuple[Box, ...]]
    truths: dict[str, tuple[Box, ...]] = field(default_factory=dict)


def load_predictions(
    run: RunFolder, sha256: str, fingerprint: str, split: Split = Split.TEST
) -> StoredPredictions | None:
    """The stored predictions of weights on test or validation; None where there are none of this set."""
    try:
        content = _read_json(EvaluationFolder.of(run).predictions(sha256, split))
        if content is None or (content["sha256"], content["fingerprint"]) != (sha256, fingerprint):
            return None
        images = {
            str(image): tuple(
                Box((float(x1), float(y1), float(x2), float(y2)), str(label), confidence=float(confidence))
                for label, confidence, x1, y1, x2, y2 in rows
            )
            for image, rows in content["images"].items()
        }
        truths = {
            str(image): tuple(
                Box((float(x1), float(y1), float(x2), float(y2)), str(label), flags=frozenset(flags))
                for label, x1, y1, x2, y2, *flags in rows
            )
            for image, rows in content.get("truths", {}).items()
        }
        return StoredPredictions(str(content["measured"]), images, truths)
    except (FormatError, KeyError, TypeError, ValueError, AttributeError):
        return None  # they can be made again


def checkpoints_of(run: RunFolder) -> list[SavedWeights]:
    """The weights to measure: one for each iteration (averaged ones beside it), by iteration.

    Raises:
        WeightsError: There are none yet.
        FormatError: The cfg cannot be read.
    """
    found = {(saved.iteration, saved.kind == "ema"): saved for saved in run.weights()}
    if not found:
        raise no_weights(run)
    return [found[key] for key in sorted(found)]


def _read_json(path: Path) -> Any:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise FormatError(f"cannot be read: {error.strerror or error}.", path=path) from error
    except ValueError as error:
        raise FormatError(
            f"is broken: {error}.", path=path, code="bad-evaluation", hint="Delete it and evaluate again."
        ) from error
    if not isinstance(content, dict) or content.get("version") != EVALUATION_VERSION:
        raise FormatError(
            f"is not an evaluation of version {EVALUATION_VERSION}.",
            path=path,
            code="bad-evaluation",
            hint="Delete it and evaluate again.",
        )
    return content


def _checkpoint_dict(one: Checkpoint) -> dict[str, Any]:
    return {
        "weights": one.weights,
        "sha256": one.sha256,
        "iteration": one.iteration,
        "kind": one.kind,
        "iou_50": one.metrics.as_dict() if one.metrics else None,
        "iou_75": one.strict.as_dict() if one.strict else None,
    }


def _measured_dict(one: Measured | None) -> dict[str, Any] | None:
    if one is None:
        return None
    return {
        "split": str(one.split),
        "sha256": one.sha256,
        "fingerprint": one.fingerprint,
        "measured": one.measured,
        "iou_50": one.metrics.as_dict(),
        "iou_75": one.strict.as_dict(),
        "coco": one.coco.as_dict() if one.coco else None,
    }


def _predictions_dict(measured: Measured, images: Sequence[ImageResult]) -> dict[str, Any]:
    return {
        "version": EVALUATION_VERSION,
        "split": str(measured.split),
        "sha256": measured.sha256,
        "fingerprint": measured.fingerprint,
        "measured": measured.measured,
        "images": {
            image.image: [[box.label, box.confidence, *box.xyxy] for box in image.predictions]
            for image in images
        },
        # Labels are changed on the way from mistake to mistake: the list stays the one that was measured.
        "truths": {
            image.image: [[box.label, *box.xyxy, *sorted(box.flags)] for box in image.truths]
            for image in images
        },
    }


def _measured(value: dict[str, Any] | None) -> Measured | None:
    if value is None:
        return None
    return Measured(
        split=Split(value["split"]),
        sha256=str(value["sha256"]),
        fingerprint=str(value["fingerprint"]),
        measured=str(value["measured"]),
        metrics=Metrics.from_dict(value["iou_50"]),
        strict=Metrics.from_dict(value["iou_75"]),
        coco=CocoMetrics.from_dict(value["coco"]) if value.get("coco") else None,
    )


def _image_dict(image: ImageResult) -> dict[str, Any]:
    return {
        "image": image.image,
        "truths": len(image.truths),
        "tp": len(image.match.tp),
        "fp": len(image.match.fp),
        "fn": len(image.match.fn),
        "confused": [
            {"truth": image.truths[truth].label, "prediction": image.predictions[found].label, "iou": iou}
            for found, truth, iou in image.match.confused
        ],
    }
