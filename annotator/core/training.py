"""View-model of a training: what its events say, as numbers to show."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from annotator.darknet.program.events import CheckpointMeasured, event_of
from annotator.darknet.run.event_log import read_events
from annotator.darknet.run.folder import RunFolder, read_metrics
from converters.errors import DataError
from converters.model import Split

_RECENT = 100
"""Iterations that a speed is taken from: the size of the input may change every ten."""
_Z = 1.959963984540054
"""Standard normal deviate of 95 %."""


class State(StrEnum):
    """Where a training is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    PAUSED = "paused"
    STOPPING = "stopping"
    ENDING = "ending"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


BUSY = frozenset({State.STARTING, State.RUNNING, State.PAUSED, State.STOPPING, State.ENDING})


@dataclass(frozen=True, slots=True)
class MapPoint:
    """One measure on the validation pictures.

    Attributes:
        iteration: When.
        mean: mAP, 0 to 1.
        iou: From which overlap a box counts as found.
        classes: AP of each class by name, 0 to 1.
        ends: The interval of each that was measured with it; of others :func:`interval` tells one.
    """

    iteration: int
    mean: float
    iou: float
    classes: Mapping[str, float]
    ends: Mapping[str, tuple[float, float]] = field(default_factory=dict)

    def interval_of(self, name: str, boxes: int) -> tuple[float, float]:
        """The interval of a class's AP, which rests on so many boxes."""
        return self.ends.get(name) or interval(self.classes[name], boxes)


@dataclass(slots=True)
class TrainingModel:
    """Fed with the events of a run (``events.jsonl``, ``train-cli follow --events``), one dict each.

    Attributes:
        state: Where the training is.
        run: Its folder.
        names: Class names in the order of their ids (one of the Darknets cuts long names).
        max_batches: Last iteration.
        iterations: Iteration of each point.
        losses: Loss at each point (nan where Darknet printed nan).
        averages: Average loss at each point.
        rates: Learning rate at each point.
        images: Pictures seen at each point.
        seconds: Duration of each iteration.
        clock: When each iteration was done, in seconds, without the pauses; nan where that was not kept.
        maps: What Darknet itself measured on the validation pictures.
        checkpoints: What we measured there of saved weights, by iteration.
        measuring: The iteration whose weights are being measured now, 0 where none are.
        measured_pictures: How many pictures of how many were looked at for that.
        saved: Iteration of the newest saved weights, 0 where nothing was saved yet.
        message: Sentence to show when it ended.
        waits: Why it stands still by itself (its disk is full), empty where it does not.
        notes: Warnings so far.
    """

    state: State = State.IDLE
    run: Path | None = None
    names: tuple[str, ...] = ()
    max_batches: int = 0
    iterations: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    averages: list[float] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)
    images: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    clock: list[float] = field(default_factory=list)
    maps: list[MapPoint] = field(default_factory=list)
    checkpoints: list[CheckpointMeasured] = field(default_factory=list)
    measuring: int = 0
    measured_pictures: tuple[int, int] = (0, 0)
    saved: int = 0
    message: str = ""
    waits: str = ""
    notes: list[str] = field(default_factory=list)
    _since: int = 0
    _paused_at: float = math.nan
    _paused_for: float = 0.0

    def begin(self) -> None:
        """A new training is being started: forget the last one."""
        self.__init__()  # type: ignore[misc]
        self.state = State.STARTING

    def become(self, other: TrainingModel) -> None:
        """Say what another one says."""
        for name in self.__slots__:
            setattr(self, name, getattr(other, name))

    def take(self, event: Mapping[str, Any]) -> None:
        """Take one event; unknown ones are ignored (an older or newer command may send them)."""
        match event.get("event"):
            case "run":
                self._take_start(event)
            case "loaded":
                self.max_batches = int(event.get("max_batches") or self.max_batches)
            case "iteration":
                self._take_iteration(event)
            case "map":
                self._take_map(event)
            case "saved":
                self.saved = int(event.get("iteration") or self.saved)
            case "measuring":
                self.measuring = int(event.get("iteration") or 0)
                self.measured_pictures = (_whole(event.get("done")), _whole(event.get("images")))
            case "darknet_ended":
                self.message = str(event.get("message", ""))
                self._turn(State.ENDING)
            case "measured":
                self._take_measured(event)
            case "moved":
                self.run = Path(str(event.get("path", "")))
            case "paused":
                self._paused_at = _number(event.get("time"))
                self._turn(State.PAUSED)
            case "continued":
                stood = _number(event.get("time")) - self._paused_at
                self._paused_for += stood if math.isfinite(stood) else 0.0
                self.waits = ""
                self._turn(State.RUNNING if self.iterations else State.STARTING)
            case "warning":
                text = str(event.get("text", ""))
                if event.get("code") == "no-room":
                    self.waits = text
                if text not in self.notes:
                    self.notes.append(text)
            case "finished":
                self._take_end(event)

    def _take_start(self, event: Mapping[str, Any]) -> None:
        """A start, or a resume: then what was trained after the weights it goes on from is done again."""
        self.run = Path(str(event.get("path", "")))
        self.max_batches = int(event.get("max_batches") or 0)
        self.state = State.STARTING
        self.message = self.waits = ""
        since = int(event.get("resumed_from") or 0)
        self.saved = since
        kept = sum(iteration <= since for iteration in self.iterations)
        for series in self._series():
            del series[kept:]
        self.maps = [point for point in self.maps if point.iteration <= since]
        self.checkpoints = [one for one in self.checkpoints if one.iteration <= since]
        self.measuring = 0
        self._since = len(self.iterations)

    def _turn(self, state: State) -> None:
        """Another state, unless it is being stopped (which wakes what is paused)."""
        if self.state is not State.STOPPING:
            self.state = state

    def _series(self) -> tuple[list[Any], ...]:
        return (
            self.iterations, self.losses, self.averages, self.rates, self.images, self.seconds, self.clock,
        )  # fmt: skip

    def _take_iteration(self, event: Mapping[str, Any]) -> None:
        if self.state in (State.STARTING, State.PAUSED):
            self.state = State.RUNNING
        numbers = (
            int(event["iteration"]),
            _number(event.get("loss")),
            _number(event.get("avg_loss")),
            _number(event.get("rate")),
            _whole(event.get("images")),
            _number(event.get("seconds")),
            _number(event.get("time")) - self._paused_for,
        )
        for series, number in zip(self._series(), numbers, strict=True):
            series.append(number)

    def _take_map(self, event: Mapping[str, Any]) -> None:
        classes = {
            self._name_of(one): _number(one.get("ap"))
            for one in event.get("classes") or ()
            if isinstance(one, dict)
        }
        iteration = event.get("iteration")
        self.maps.append(
            MapPoint(
                int(iteration) if iteration else self.iteration,
                _number(event.get("mean_ap")),
                _number(event.get("iou")),
                classes,
            )
        )

    def _take_measured(self, event: Mapping[str, Any]) -> None:
        self.measuring = 0
        measured = event_of(event)
        if isinstance(measured, CheckpointMeasured):
            others = [one for one in self.checkpoints if one.iteration != measured.iteration]
            self.checkpoints = sorted([*others, measured], key=lambda one: one.iteration)

    def _name_of(self, one: Mapping[str, Any]) -> str:
        number = one.get("class_id")
        if isinstance(number, int) and 0 <= number < len(self.names):
            return self.names[number]
        return str(one.get("name", ""))

    def _take_end(self, event: Mapping[str, Any]) -> None:
        self.measuring = 0
        self.waits = ""
        status = str(event.get("status", "failed"))
        ends = {"finished": State.FINISHED, "stopped": State.STOPPED, "crashed_at_exit": State.FINISHED}
        self.state = ends.get(status, State.FAILED)
        self.message = str(event.get("message", ""))

    def ended_without_word(self, text: str) -> None:
        """The command ended without its last event."""
        if self.state in BUSY:
            self.state = State.FAILED
            self.message = text

    @property
    def iteration(self) -> int:
        """The last iteration."""
        return self.iterations[-1] if self.iterations else 0

    @property
    def is_busy(self) -> bool:
        """Whether Darknet runs or is being stopped."""
        return self.state in BUSY

    @property
    def has_diverged(self) -> bool:
        """Whether the average loss is no number any more: the weights are of no use from there on."""
        return bool(self.averages) and not math.isfinite(self.averages[-1])

    def points(self) -> list[MapPoint]:
        """The accuracy so far: what we measured of saved weights, else what Darknet measured by itself."""
        if not self.checkpoints:
            return self.maps
        return [
            MapPoint(
                one.iteration,
                one.mean_ap,
                0.5,
                {item.name: item.ap for item in one.classes},
                {
                    item.name: (item.low, item.high)
                    for item in one.classes
                    if item.low is not None and item.high is not None
                },
            )
            for one in self.checkpoints
        ]

    @property
    def best(self) -> MapPoint | None:
        """The measure with the highest mAP, of equals the earlier."""
        measured = [point for point in self.points() if math.isfinite(point.mean)]
        return max(measured, key=lambda point: point.mean, default=None)

    def seconds_each(self) -> float | None:
        """How long an iteration takes, over the last 100 of this process; None where it cannot be told yet.

        By the clock, so that what Darknet does in between (measuring, saving) counts, and what happened
        before a resumption, in pauses, and in the slow first iteration does not.
        """
        first = max(self._since, len(self.iterations) - 1 - _RECENT)
        done = len(self.iterations) - 1 - first
        if done < 1:
            return None
        took = self.clock[-1] - self.clock[first]
        if math.isfinite(took) and took > 0:
            return took / done
        recent = [value for value in self.seconds[first + 1 :] if math.isfinite(value)]
        return sum(recent) / len(recent) if recent else None

    def seconds_left(self) -> float | None:
        """Estimate of the time to the last iteration; None where there is nothing to go by."""
        each = self.seconds_each()
        if each is None or not self.max_batches:
            return None
        # On several GPUs a line is printed for each round, which counts as so many iterations.
        recent = self.iterations[max(self._since, len(self.iterations) - 1 - _RECENT) :]
        step = (recent[-1] - recent[0]) / (len(recent) - 1) if len(recent) > 1 else 1.0
        return max(self.max_batches - self.iteration, 0) / max(step, 1.0) * each

    def images_per_second(self) -> float | None:
        """Pictures trained on a second, as :meth:`seconds_each`; None where that cannot be told."""
        each = self.seconds_each()
        first = max(self._since, len(self.images) - 1 - _RECENT)
        done = len(self.images) - 1 - first
        if not each or done < 1:
            return None
        seen = self.images[-1] - self.images[first]
        return seen / done / each if seen > 0 else None

    def csv_bytes(self) -> bytes:
        """All points as CSV; a measure stands in the line of its iteration."""
        names = list(dict.fromkeys(name for point in self.maps for name in point.classes))
        ours = list(dict.fromkeys(item.name for one in self.checkpoints for item in one.classes))
        printed = {point.iteration: point for point in self.maps}
        measured = {one.iteration: one for one in self.checkpoints}
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        head = ["iteration", "loss", "avg_loss", "rate", "images", "seconds"]
        head += ["map", *(f"ap {name}" for name in names)]
        if ours:
            head += ["measured map@0.50", "measured map@0.75", *(f"measured ap {name}" for name in ours)]
        writer.writerow(head)
        for iteration, loss, average, rate, images, seconds, _ in zip(*self._series(), strict=True):
            row = [iteration, _text(loss), _text(average), _text(rate), images, _text(seconds)]
            row += _printed_cells(printed.get(iteration), names)
            row += _measured_cells(measured.get(iteration), ours) if ours else []
            writer.writerow(row)
        return out.getvalue().encode()


def _printed_cells(point: MapPoint | None, names: Sequence[str]) -> list[str]:
    if point is None:
        return [""] * (1 + len(names))
    return [_text(point.mean), *(_text(point.classes.get(name, math.nan)) for name in names)]


def _measured_cells(one: CheckpointMeasured | None, names: Sequence[str]) -> list[str]:
    if one is None:
        return [""] * (2 + len(names))
    known = {item.name: item.ap for item in one.classes}
    return [_text(value) for value in (one.mean_ap, one.mean_ap_75, *(known[name] for name in names))]


def interval(share: float, boxes: int) -> tuple[float, float]:
    """The 95 % interval of a share that rests on so many boxes (Wilson 1927).

    An AP is no share of boxes, but it cannot be surer than one: 18 boxes say no more than ± 20 points.

    Args:
        share: 0 to 1.
        boxes: Number of boxes in the ground truth.

    Returns:
        Lowest and highest share; 0 and 1 where there is no box.
    """
    if boxes <= 0 or not math.isfinite(share):
        return 0.0, 1.0
    weight = _Z * _Z / boxes
    middle = (share + weight / 2) / (1 + weight)
    half = _Z / (1 + weight) * math.sqrt(share * (1 - share) / boxes + weight / (4 * boxes))
    return max(0.0, middle - half), min(1.0, middle + half)


def boxes_of(run: RunFolder, split: Split = Split.VAL) -> dict[str, int]:
    """The number of boxes of each class in a split of a run; a label file that cannot be read counts none.

    Raises:
        DataError: The run's list cannot be read.
    """
    names: Sequence[str] = run.info.class_names
    counts = dict.fromkeys(names, 0)
    for entry in run.read_list(split):
        with suppress(OSError, UnicodeDecodeError, ValueError, IndexError):
            lines = (run.path / entry).with_suffix(".txt").read_text(encoding="utf-8").splitlines()
            for line in filter(str.strip, lines):
                number = int(line.split(maxsplit=1)[0])
                if 0 <= number < len(names):
                    counts[names[number]] += 1
    return counts


def model_of(run: RunFolder) -> TrainingModel:
    """What a run has said until now, also one whose events were not kept.

    Raises:
        DataError: Its folder cannot be read.
    """
    model = TrainingModel(names=run.info.class_names)
    events = read_events(run)
    for event in events or ({"event": "iteration", **row} for row in read_metrics(run.metrics)):
        model.take(event)
    model.run, model.max_batches = run.path, run.info.max_batches
    newest = run.newest_weights()
    model.saved = newest.iteration if newest is not None else 0
    ends = {"finished": State.FINISHED, "failed": State.FAILED}
    model.state = ends.get(run.status, State.STOPPED)
    model.message = run.info.message
    return model


def running_run(runs: Sequence[RunFolder]) -> RunFolder | None:
    """The newest of these runs that is being trained now."""
    for run in reversed(runs):
        with suppress(DataError):
            if run.info.status == "running" and run.is_looked_after():
                return run
    return None


def duration(seconds: float) -> str:
    """``45 s``, ``12 min``, ``3 h 20 min``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def _number(value: Any) -> float:
    """A JSON number; null and the texts nan and inf are what Darknet printed as such."""
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan


def _whole(value: Any) -> int:
    number = _number(value)
    return int(number) if math.isfinite(number) else 0


def _text(value: float) -> str:
    return f"{value:.8g}"
