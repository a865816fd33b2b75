"""How long a training will take on this computer: as earlier trainings here went, else estimated.

Somebody who starts the study's 6000 iterations on a processor waits for days; that is to be known before.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from annotator.darknet.network.blocks import layers
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.costs import DEVICES, TRAINING_PASSES, total_bflops
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.gpu import GpuState, read_gpus
from annotator.darknet.run.folder import RunFolder, list_runs, read_metrics
from converters.errors import DataError

NIGHT = 8 * 3600.0
"""Seconds of a night: what somebody waits for a processor."""

PROCESSOR_FLOPS = 2.1e10
"""Operations a second of AlexeyAB's and hank's Darknet on a processor with AVX.

yolov4-tiny at 416 px took 0.32 s a picture on one core; published are 3.4 pictures a second on 4 cores of a
laptop: Darknet gains little from more of them.
"""

PLAIN_PROCESSOR_FLOPS = 7e9
"""Likewise of Debian's, which is built for any processor: yolov3-tiny at 416 px took 0.78 s a picture."""

_ENOUGH = 3
"""Iterations of a training before it tells a speed; the first ones wait for the disk."""
_PART = 200
"""Iterations that a speed is the median of: enough that an input of changing size (random=1) evens out."""


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast this computer trains.

    Attributes:
        seconds_per_bflop: Time to train on one picture, for each BFLOP that one prediction takes.
        measured: Name of the run it was measured in; empty: estimated.
        on_gpu: Whether a graphics card trains.
    """

    seconds_per_bflop: float
    measured: str = ""
    on_gpu: bool = False


def pace_of(darknet: Darknet, work: Path, ask: Callable[[], GpuState] = read_gpus) -> Pace | None:
    """How fast a Darknet trains here: as in the fastest run that it trained, else estimated.

    The fastest: a run beside which other programs worked says nothing of one that has the computer alone.

    Args:
        darknet: Who trains.
        work: The Darknet data set whose runs tell.
        ask: Tells which cards there are.

    Returns:
        None where there is nothing to go by: a card whose speed nobody published, without a run on it.
    """
    # A Darknet whose program does not tell whether it is for a GPU is taken to be as the machine is.
    on_gpu = darknet.gpu is not False and bool(cards := ask().gpus)
    runs = [run for run in list_runs(work) if run.info.darknet.get("path") == str(darknet.path)]
    measured = [(found, run.path.name) for run in runs if (found := _measured(run)) is not None]
    if measured:
        return Pace(*min(measured), on_gpu)
    if not on_gpu:
        flops = PLAIN_PROCESSOR_FLOPS if darknet.dialect == "pjreddie" else PROCESSOR_FLOPS
        return Pace(TRAINING_PASSES * 1e9 / flops)
    known = _published(cards[0].name)
    return Pace(TRAINING_PASSES * 1e9 / known, on_gpu=True) if known is not None else None


def training_time(cfg: Cfg, pace: Pace) -> float:
    """Seconds that a whole training takes.

    Raises:
        FormatError: The cfg has a layer that is not known here.
    """
    net = cfg.net
    pictures = net.get_int("batch", 1) * net.get_int("max_batches", 1)
    return pictures * total_bflops(layers(cfg)) * pace.seconds_per_bflop


def time_text(seconds: float, pace: Pace) -> str:
    """A sentence for the command: how long, and how that is known."""
    if seconds >= 48 * 3600:
        length = f"{seconds / 86400:.0f} days"
    else:
        length = f"{seconds / 3600:.1f} h" if seconds >= 5400 else f"{max(1, round(seconds / 60))} min"
    known = f"as fast as {pace.measured} was at its best" if pace.measured else "estimated"
    return f"about {length} on this {'card' if pace.on_gpu else 'processor'} ({known})."


def _measured(run: RunFolder) -> float | None:
    """Seconds a picture and BFLOP in a run, in the part of it that was fastest."""
    seconds = _durations([row.get("seconds", "") for row in read_metrics(run.metrics)])
    if len(seconds) < _ENOUGH:
        return None
    # A last part that is cut short is left out, unless there is no other.
    starts = range(0, max(1, len(seconds) - _PART + 1), _PART)
    best = min(median(seconds[at : at + _PART]) for at in starts)
    with suppress(DataError):
        operations = run.info.batch * total_bflops(layers(run.read_cfg()))
        return best / operations if operations > 0 else None
    return None


def _durations(texts: Sequence[str]) -> list[float]:
    found = []
    for text in texts:
        with suppress(ValueError):
            found.append(float(text))
    return [value for value in found if math.isfinite(value) and value > 0]


def _published(card: str) -> float | None:
    """Operations a second of a card with a published speed."""
    for device in DEVICES:
        name = device.name.partition(",")[0].removeprefix("Tesla ").removeprefix("GeForce ")
        if name.casefold() in card.casefold():
            return device.flops
    return None
