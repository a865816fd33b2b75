"""What train-cli says while a training runs: events as JSON lines, or sentences for a person."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from annotator.darknet.program.events import (
    CheckpointMeasured,
    Continued,
    DarknetEnded,
    Event,
    Finished,
    Iteration,
    MapBlock,
    Paused,
    Problem,
    WeightsSaved,
)
from converters.commands import say

_LINES_IN_ALL = 40  # of progress, where there is no terminal
_QUIET_SECONDS = 60.0


class EventLines:
    """Events as JSON lines on stdout. When the reader has gone there is nobody to tell."""

    def __call__(self, event: Event) -> None:
        """Print an event."""
        self.print(event.as_dict())

    def print(self, said: Mapping[str, Any]) -> None:
        """Print an event of plain types."""
        if sys.stdout.closed:
            return
        try:
            print(json.dumps(said, ensure_ascii=False), flush=True)
        except BrokenPipeError:
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


class Talk:
    """Events for a person, on stderr: one live line on a terminal, a line now and then elsewhere."""

    def __init__(self, max_batches: int) -> None:
        self._max = max_batches
        self._live = sys.stderr.isatty()
        self._every = max(1, max_batches // _LINES_IN_ALL)
        self._first: tuple[float, int] | None = None
        self._said = 0.0

    def __call__(self, event: Event) -> None:
        """Say an event, where it is worth it."""
        with suppress(OSError):  # the terminal is gone: that ends the training another way
            self._tell(event)

    def _tell(self, event: Event) -> None:
        if isinstance(event, Iteration):
            self._progress(event)
        elif isinstance(event, Problem):
            self._line(f"{'problem' if event.fatal else 'warning'}: {event.text}")
        elif isinstance(event, WeightsSaved):
            self._line(f"saved {Path(event.path).name}")
        elif isinstance(event, MapBlock):
            classes = ", ".join(f"{item.name} {item.ap:.2%}" for item in event.classes)
            self._line(f"mAP@{event.iou:.2f} on validation {event.mean_ap:.2%} ({classes})")
        elif isinstance(event, CheckpointMeasured):
            self._line(measured_text(event))
        elif isinstance(event, DarknetEnded):
            self._line("Darknet has ended; measuring the last weights (a stop, as Ctrl-C, skips that)")
        elif isinstance(event, Paused):
            self._line(f"paused at iteration {event.iteration}")
        elif isinstance(event, Continued):
            self._line(f"going on at iteration {event.iteration}")
        elif isinstance(event, Finished) and self._live:
            print("\r\x1b[K", end="", file=sys.stderr)

    def _progress(self, event: Iteration) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = (now, event.iteration)
        left = self._left(now, event.iteration)
        text = (
            f"{event.iteration}/{self._max}  loss {event.loss:.4f}  avg {event.avg_loss:.4f}"
            f"  rate {event.rate:.6f}{left}"
        )
        if self._live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)
        elif (
            event.iteration % self._every == 0
            or event.iteration == self._max
            or now - self._said > _QUIET_SECONDS
        ):
            self._said = now
            say(text)

    def _left(self, now: float, iteration: int) -> str:
        if self._first is None or iteration == self._first[1]:
            return ""
        seconds = (now - self._first[0]) / (iteration - self._first[1]) * max(0, self._max - iteration)
        minutes, rest = divmod(round(seconds), 60)
        hours, minutes = divmod(minutes, 60)
        return f"  {hours}:{minutes:02}:{rest:02} left"

    def _line(self, text: str) -> None:
        say(f"\r\x1b[K{text}" if self._live else text)


def measured_text(event: CheckpointMeasured) -> str:
    """What was measured of saved weights, each class with the interval that its boxes allow."""
    parts = []
    for one in event.classes:
        boxes = "1 box" if one.boxes == 1 else f"{one.boxes} boxes"
        span = "" if one.low is None or one.high is None else f", {one.low:.0%} to {one.high:.0%}"
        parts.append(f"{one.name} {one.ap:.2%} ({boxes}{span})")
    return (
        f"iteration {event.iteration} on validation: mAP@0.50 {event.mean_ap:.2%}, "
        f"mAP@0.75 {event.mean_ap_75:.2%}; {', '.join(parts)}"
    )
