"""A training that fits into a night: for somebody without a graphics card."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace

from annotator.core.training_plan import TrainingPlan
from annotator.darknet.network.presets import (
    NETWORKS,
    STUDY_BATCH,
    STUDY_ITERATIONS,
    STUDY_SIZE,
    STUDY_STEPS,
    STUDY_SUBDIVISIONS,
    suggested,
)
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.training.time_left import NIGHT, Pace, training_time
from converters.errors import UsageError

_SMALL = ("yolov4-tiny", "yolov3-tiny")
"""Small networks, the better one first."""
_SIZES = (416, 384, 352, 320, 288, 256, 224, 192, 160, 128, 96)
_LENGTHS = (2000, 1000, 500)
"""Iterations of 16 pictures; a small network finds what is plain to see after some hundreds."""
STUDY = TrainingPlan(
    "yolov4", STUDY_SIZE, STUDY_SIZE, STUDY_BATCH, STUDY_SUBDIVISIONS, STUDY_ITERATIONS, steps=STUDY_STEPS
)
_BATCH = 16
_PARTS = 4


def study_of(darknet: Darknet, iterations: int) -> TrainingPlan:
    """The study's training, or the nearest that a Darknet can do.

    Args:
        darknet: Who trains.
        iterations: By the rule for this set; more than the study's are more for a reason.
    """
    nearest = replace(STUDY, network=suggested(darknet.dialect, True))
    if iterations <= STUDY.max_batches:
        return nearest
    return replace(nearest, max_batches=iterations, steps=None)


def proposal(iterations: int, classes: int, darknet: Darknet, pace: Pace | None) -> TrainingPlan | None:
    """What to train where nobody said anything: the study's on a graphics card, else what ends overnight.

    Args:
        iterations: By the rule for this set.
        classes: Number of classes.
        darknet: Who trains.
        pace: How fast that is; None: a card of unknown speed.

    Returns:
        None where not even the smallest training ends in a night.
    """
    study = study_of(darknet, iterations)
    if pace is None or pace.on_gpu or training_time(study.plain_cfg(classes, darknet), pace) <= NIGHT:
        return study
    with suppress(UsageError):
        return fitting(study, classes, darknet, pace)
    return None


def fitting(
    plan: TrainingPlan, classes: int, darknet: Darknet, pace: Pace, seconds: float = NIGHT
) -> TrainingPlan:
    """The same training with a smaller network, batch, size and length, so that it ends in time.

    The length gives way last: a network that sees few pictures finds nothing at any size. An own cfg stays
    what it is, at a smaller size.

    Args:
        plan: What is asked for.
        classes: Number of classes.
        darknet: Who trains.
        pace: How fast that is.
        seconds: It shall take no more.

    Raises:
        DataError: Not even the smallest ends in time, or the own cfg is broken.
    """
    network = plan.network
    if plan.own_cfg is None:
        network = next((name for name in _SMALL if darknet.knows(name)), network)
    known = NETWORKS.get(network)
    sizes = [side for side in _SIZES if side <= max(plan.width, plan.height, _SIZES[-1])]
    if plan.own_cfg is None and known is not None and known.fixed_size:
        sizes = [known.fixed_size]
    batch = min(plan.batch, _BATCH)
    for length in _LENGTHS:
        for side in sizes:
            tried = replace(
                plan,
                network=network,
                width=side,
                height=side,
                batch=batch,
                subdivisions=min(_PARTS, batch) if batch % _PARTS == 0 else 1,
                max_batches=min(plan.max_batches, length),
                options={},
                steps=None,
            )
            if training_time(tried.plain_cfg(classes, darknet), pace) <= seconds:
                return tried
    raise UsageError("not even the smallest training ends in a night on this computer.")
