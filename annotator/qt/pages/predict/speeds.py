"""The speed of a network, measured in OpenCV and in the Darknet that there is, and kept with the run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from annotator.darknet.prediction.speed import keep_speed, measure_darknet, measure_opencv
from annotator.darknet.program.dialect import find_darknet
from annotator.darknet.run.folder import RunFolder
from annotator.qt.translation import tr
from converters.errors import DataError


def measure_speeds(run: RunFolder, tell: Callable[[int, int], None], stage: Callable[[str], None]) -> str:
    """Measure and keep both; what was measured before a cancel is kept.

    Returns:
        Why Darknet could not be measured; empty: it was, or there is none.

    Raises:
        DataError: OpenCV cannot be measured.
    """
    stage("OpenCV")
    keep_speed(run, measure_opencv(run, on_progress=tell))
    try:
        darknet = find_darknet(run.info.darknet.get("path") or None) or find_darknet()
        if darknet is None:
            return ""
        stage("Darknet")
        keep_speed(run, measure_darknet(run, darknet, on_progress=tell))
    except DataError as error:
        return str(error)
    return ""


def speed_text(one: dict[str, Any]) -> str:
    """A measurement as a line."""
    return tr(
        "{engine}: {ms} ms a picture (median {median}, 95 % within {p95}), {fps} a second, on {device}",
        engine=one["engine"],
        ms=f"{one['mean_ms']:.1f}",
        median=f"{one['median_ms']:.1f}",
        p95=f"{one['p95_ms']:.1f}",
        fps=f"{one['fps']:.1f}",
        device=one["device"],
    )
