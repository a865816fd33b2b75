"""What was measured with the trainings of a set, as machines for an estimate of other networks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.darknet.network.blocks import layers
from annotator.darknet.network.costs import Device, total_bflops
from annotator.darknet.prediction.speed import stored_speeds
from annotator.darknet.run.folder import RunFolder, list_runs
from converters.errors import DataError


@dataclass(frozen=True, slots=True)
class MeasuredHere:
    """A measurement.

    Attributes:
        run: Name of the training whose network was measured.
        engine: Who looked: OpenCV or a Darknet.
        machine: The processor or graphics card.
        size: (width, height) of the network's input.
        fps: Pictures a second.
        device: The same as a machine for an estimate.
    """

    run: str
    engine: str
    machine: str
    size: tuple[int, int]
    fps: float
    device: Device


def measured_here(work: Path) -> list[MeasuredHere]:
    """The newest measurement of each engine on each machine, the fastest first.

    Measurements of trainings whose cfg cannot be read are passed over.

    Args:
        work: The Darknet data set.
    """
    newest: dict[tuple[str, str], tuple[str, MeasuredHere]] = {}
    for run in list_runs(work):
        for one in stored_speeds(run):
            measured = str(one.get("measured", ""))
            key = str(one["engine"]), str(one["device"])
            if key in newest and newest[key][0] > measured:
                continue
            try:
                newest[key] = measured, _of(run, one)
            except (DataError, TypeError, ValueError):
                continue
    found = [measurement for _, measurement in newest.values()]
    return sorted(found, key=lambda one: -one.device.flops)


def _of(run: RunFolder, one: dict[str, Any]) -> MeasuredHere:
    """A measurement of a run.

    Raises:
        DataError: The cfg cannot be read.
        ValueError: It is no time.
    """
    seconds = float(one["mean_ms"]) / 1000
    if seconds <= 0:
        raise ValueError(seconds)
    flops = total_bflops(layers(run.read_cfg())) * 1e9 / seconds
    size = int(one["width"]), int(one["height"])
    device = Device(str(one["engine"]), flops, 0.0, run.path.name)
    return MeasuredHere(run.path.name, str(one["engine"]), str(one["device"]), size, 1 / seconds, device)
