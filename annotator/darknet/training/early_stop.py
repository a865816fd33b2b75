"""The study's rule for ending a training early: it learns the training pictures by heart from here on."""

from __future__ import annotations

import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Mapping
from typing import Any

from annotator.darknet.program.events import CheckpointMeasured, Event, Iteration, MapBlock, event_of


class EarlyStop:
    """Watches mAP on validation and the loss on the training pictures.

    A training is to end when mAP has stayed below its best at so many checkpoints in a row, and the average
    loss has nevertheless fallen since that best: more of the same only fits the training pictures closer.
    One checkpoint below the best says little, as mAP on few boxes jumps about.

    What we measure of the saved weights and what Darknet measures by itself are two scales; only one counts.

    Args:
        checkpoints: How many in a row.
        ours: Our own measures count, which every Darknet's weights get; else the blocks Darknet prints.
    """

    def __init__(self, checkpoints: int, *, ours: bool = False) -> None:
        self._wanted = checkpoints
        self._measure = CheckpointMeasured if ours else MapBlock
        self._iterations = array("q")
        self._losses = array("d")
        self._best = -1.0
        self._best_at = 0
        self._loss_at_best = math.nan
        self._below = 0
        self._seen = 0

    def take(self, event: Event) -> str | None:
        """Take an event; returns why the training is to end, or None."""
        if isinstance(event, Iteration):
            self._iterations.append(event.iteration)
            self._losses.append(event.avg_loss)
            return None
        if (
            not isinstance(event, CheckpointMeasured | MapBlock)
            or not isinstance(event, self._measure)
            or not math.isfinite(event.mean_ap)
        ):
            return None
        if event.iteration is not None and event.iteration <= self._seen:
            return None  # done again after a resumption
        self._seen = event.iteration or 0
        loss = self._loss_at(self._seen)
        if event.mean_ap >= self._best:
            self._best, self._best_at, self._loss_at_best = event.mean_ap, self._seen, loss
            self._below = 0
            return None
        self._below += 1
        if self._below < self._wanted or not loss < self._loss_at_best:
            return None
        return (
            f"mAP on validation was {self._best:.2%} at iteration {self._best_at} and lower at the "
            f"{self._below} checkpoints since, while the loss still fell ({self._loss_at_best:.3f} to "
            f"{loss:.3f})"
        )

    def _loss_at(self, iteration: int) -> float:
        """Average loss when the weights were saved: they are measured a while later."""
        if not self._losses:
            return math.nan
        return self._losses[max(0, bisect_right(self._iterations, iteration) - 1)]

    def remember(self, said: Iterable[Mapping[str, Any]], up_to: int) -> None:
        """Take what a run said before it was resumed.

        Args:
            said: The events of its events.jsonl.
            up_to: The iteration from which it goes on; what was measured later does not count.
        """
        for one in said:
            if one.get("event") not in (Iteration.kind, self._measure.kind):
                continue
            event = event_of(one)
            if (
                isinstance(event, Iteration | MapBlock | CheckpointMeasured)
                and (event.iteration or 0) <= up_to
            ):
                self.take(event)
