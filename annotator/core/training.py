"""View-model of a training: what its events say, as numbers to show."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class State(StrEnum):
    """Where a training is."""

    IDLE = "idle"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    FINISHED = "finished"
    STOPPED = "stopped"
    FAILED = "failed"


BUSY = frozenset({State.STARTING, State.RUNNING, State.STOPPING})


@dataclass(slots=True)
class TrainingModel:
    """Fed with the events of ``train-cli run --events``, one dict each.

    Attributes:
        state: Where the training is.
        run: Its folder.
        max_batches: Last iteration.
        iterations: Iteration of each point.
        losses: Loss at each point (nan where Darknet printed nan).
        averages: Average loss at each point.
        seconds: Duration of the last iterations, for the time that is left.
        saved: Iteration of the newest saved weights, 0 where nothing was saved yet.
        message: Sentence to show when it ended.
        notes: Warnings so far.
    """

    state: State = State.IDLE
    run: Path | None = None
    max_batches: int = 0
    iterations: list[int] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    averages: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    saved: int = 0
    message: str = ""
    notes: list[str] = field(default_factory=list)

    def begin(self) -> None:
        """A new training is being started: forget the last one."""
        self.__init__()  # type: ignore[misc]
        self.state = State.STARTING

    def take(self, event: dict[str, Any]) -> None:
        """Take one event; unknown ones are ignored (an older or newer command may send them)."""
        match event.get("event"):
            case "run":
                self.run = Path(str(event.get("path", "")))
                self.max_batches = int(event.get("max_batches") or 0)
            case "loaded":
                self.max_batches = int(event.get("max_batches") or self.max_batches)
            case "iteration":
                self._take_iteration(event)
            case "saved":
                self.saved = int(event.get("iteration") or 0)
            case "warning":
                text = str(event.get("text", ""))
                if text not in self.notes:
                    self.notes.append(text)
            case "finished":
                self._take_end(event)

    def _take_iteration(self, event: dict[str, Any]) -> None:
        if self.state is State.STARTING:
            self.state = State.RUNNING
        self.iterations.append(int(event["iteration"]))
        self.losses.append(_number(event.get("loss")))
        self.averages.append(_number(event.get("avg_loss")))
        self.seconds.append(_number(event.get("seconds")))

    def _take_end(self, event: dict[str, Any]) -> None:
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

    def seconds_left(self) -> float | None:
        """Estimate from the last 20 iterations; None where there is nothing to go by."""
        recent = [value for value in self.seconds[-20:] if math.isfinite(value)]
        if not recent or not self.max_batches:
            return None
        return max(self.max_batches - self.iteration, 0) * sum(recent) / len(recent)


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
