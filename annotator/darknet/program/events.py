"""What happens during a training, as values: what the parser finds in Darknet's output, and what we add."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened; ``kind`` is its name in ``--events``."""

    kind: ClassVar[str] = "event"

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; a number that is none (NaN, infinite) becomes its name as text."""
        return {"event": self.kind} | {key: _plain(value) for key, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Iteration(Event):
    """One iteration is done.

    Attributes:
        iteration: Its number, from 1.
        loss: Loss of this batch; may be NaN.
        avg_loss: Smoothed loss; may be NaN.
        rate: Learning rate.
        seconds: How long the iteration took.
        images: Pictures seen so far.
        hours_left: Darknet's own estimate, None where it gives none.
    """

    kind: ClassVar[str] = "iteration"
    iteration: int
    loss: float
    avg_loss: float
    rate: float
    seconds: float
    images: int
    hours_left: float | None = None


@dataclass(frozen=True, slots=True)
class WeightsSaved(Event):
    """Darknet says that it saves weights (they are not yet whole when it says so).

    Attributes:
        path: As Darknet names it, relative to the run folder.
        iteration: The last iteration before it, None where none was seen.
    """

    kind: ClassVar[str] = "saved"
    path: str
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class Loaded(Event):
    """Darknet has said how many iterations the training will have."""

    kind: ClassVar[str] = "loaded"
    max_batches: int


@dataclass(frozen=True, slots=True)
class ClassAp(Event):
    """One class in a block of mAP.

    Attributes:
        class_id: Its id.
        name: Its name (cut to 19 letters and a + by one of the Darknets).
        ap: Average precision, 0 to 1.
        tp: True positives at the block's confidence.
        fp: False positives.
    """

    kind: ClassVar[str] = "class_ap"
    class_id: int
    name: str
    ap: float
    tp: int
    fp: int


@dataclass(frozen=True, slots=True)
class MapBlock(Event):
    """Darknet's own evaluation. Shares are 0 to 1; what was not printed is None, what is undefined NaN.

    Attributes:
        mean_ap: mAP at ``iou``.
        iou: The IoU from which a box counts as found.
        classes: Each class.
        confidence: Threshold for precision, recall and the counts.
        precision: At that threshold.
        recall: At that threshold.
        f1: At that threshold.
        tp: True positives at that threshold.
        fp: False positives.
        fn: Missed boxes.
        average_iou: Of the true positives.
        detections: Number of detections at any confidence.
        truths: Number of boxes in the ground truth.
        iteration: The last iteration before the block, None outside a training.
    """

    kind: ClassVar[str] = "map"
    mean_ap: float
    iou: float
    classes: tuple[ClassAp, ...]
    confidence: float | None = None
    precision: float | None = None
    recall: float | None = None
    f1: float | None = None
    tp: int | None = None
    fp: int | None = None
    fn: int | None = None
    average_iou: float | None = None
    detections: int | None = None
    truths: int | None = None
    iteration: int | None = None


@dataclass(frozen=True, slots=True)
class ClassMeasured(Event):
    """One class of weights that we have measured on validation.

    Attributes:
        name: The class.
        ap: Average precision at IoU 0.50, 0 to 1.
        ap_75: At IoU 0.75.
        boxes: Boxes of the ground truth that this rests on.
        low: Lower end of the 95 % interval of ``ap``, None without a box.
        high: Its upper end.
    """

    kind: ClassVar[str] = "class_measured"
    name: str
    ap: float
    ap_75: float
    boxes: int
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Measuring(Event):
    """Saved weights are being measured on validation, by us and beside the training.

    Attributes:
        iteration: The iteration they are from.
        weights: Name of their file.
        done: Pictures that were looked at.
        images: All of them, 0 while that is not known.
    """

    kind: ClassVar[str] = "measuring"
    iteration: int
    weights: str
    done: int = 0
    images: int = 0


@dataclass(frozen=True, slots=True)
class DarknetEnded(Event):
    """All iterations are done and Darknet has ended; the last weights are still being measured.

    Attributes:
        message: How it went, one sentence.
        iteration: The last one.
    """

    kind: ClassVar[str] = "darknet_ended"
    message: str
    iteration: int


@dataclass(frozen=True, slots=True)
class CheckpointMeasured(Event):
    """Saved weights have been measured on validation, by us and beside the training.

    Attributes:
        iteration: The iteration they are from, by their header.
        weights: Name of their file.
        mean_ap: mAP at IoU 0.50, 0 to 1.
        mean_ap_75: mAP at IoU 0.75.
        classes: Each class.
        images: Pictures that were looked at.
        seconds: How long it took.
    """

    kind: ClassVar[str] = "measured"
    iteration: int
    weights: str
    mean_ap: float
    mean_ap_75: float
    classes: tuple[ClassMeasured, ...]
    images: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Problem(Event):
    """A line by which Darknet complains, in a person's words.

    Attributes:
        text: One sentence.
        code: Machine-readable name (``image-missing``).
        fatal: Whether it explains why a training ends; else a warning, and the training goes on.
        line: What Darknet printed.
    """

    kind: ClassVar[str] = "warning"
    text: str
    code: str
    fatal: bool = False
    line: str = ""


@dataclass(frozen=True, slots=True)
class RunStarted(Event):
    """The run folder is there and Darknet is about to start."""

    kind: ClassVar[str] = "run"
    path: Path
    max_batches: int
    resumed_from: int = 0


@dataclass(frozen=True, slots=True)
class Moved(Event):
    """The run folder was moved or renamed while it is trained; the training goes on in it."""

    kind: ClassVar[str] = "moved"
    path: Path


@dataclass(frozen=True, slots=True)
class Paused(Event):
    """Darknet stands still, after this iteration."""

    kind: ClassVar[str] = "paused"
    iteration: int


@dataclass(frozen=True, slots=True)
class Continued(Event):
    """Darknet goes on after a pause."""

    kind: ClassVar[str] = "continued"
    iteration: int


@dataclass(frozen=True, slots=True)
class Finished(Event):
    """The training is over; the last event."""

    kind: ClassVar[str] = "finished"
    status: str
    message: str
    iteration: int
    saved_iteration: int
    weights: str


_KINDS: dict[str, type[Event]] = {
    kind.kind: kind
    for kind in (
        Iteration, WeightsSaved, Loaded, MapBlock, Measuring, DarknetEnded, CheckpointMeasured, Problem,
        RunStarted, Moved, Paused, Continued, Finished,
    )
}  # fmt: skip


def event_of(said: Mapping[str, Any]) -> Event | None:
    """The event of which :meth:`Event.as_dict` made plain types; None for one that is not known here."""
    kind = _KINDS.get(str(said.get("event")))
    if kind is None:
        return None
    values: dict[str, Any] = {}
    for item in fields(kind):
        value = said.get(item.name)
        if "float" in str(item.type) and isinstance(value, str | int):
            value = float(value)  # "nan" is a text in JSON
        elif item.name == "classes" and isinstance(value, list):
            value = tuple(map(_class_measured if kind is CheckpointMeasured else _class_ap, value))
        elif item.type == "Path" and isinstance(value, str):
            value = Path(value)
        values[item.name] = value
    return kind(**values)


def _class_ap(one: Mapping[str, Any]) -> ClassAp:
    return ClassAp(one["class_id"], one["name"], float(one["ap"]), one["tp"], one["fp"])


def _class_measured(one: Mapping[str, Any]) -> ClassMeasured:
    low, high = one["low"], one["high"]
    return ClassMeasured(one["name"], float(one["ap"]), float(one["ap_75"]), one["boxes"], low, high)


def _plain(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, Path):
        return str(value)
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return value
