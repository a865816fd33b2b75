"""The environment in which a Darknet runs."""

from __future__ import annotations

import os
from collections.abc import Sequence

from annotator.darknet.program.gpu import Gpu


def default_threads() -> int:
    """OpenMP threads: half of the processors (Darknet's threads spin while they wait)."""
    return max(1, (os.cpu_count() or 1) // 2)


def darknet_environment(threads: int | None = None, gpus: Sequence[Gpu] = ()) -> dict[str, str]:
    """The environment of a Darknet process: no display, plain numbers, a set number of threads.

    Args:
        threads: OpenMP threads; default half of the processors.
        gpus: The only ones it may see, named so that no other way of counting them matters; none: all.
    """
    chosen = {}
    if gpus:
        names = ",".join(gpu.uuid or str(gpu.index) for gpu in gpus)
        chosen = {"CUDA_VISIBLE_DEVICES": names, "CUDA_DEVICE_ORDER": "PCI_BUS_ID"}
    return (
        os.environ
        | chosen
        | {
            "OMP_NUM_THREADS": str(threads or default_threads()),
            "QT_QPA_PLATFORM": "offscreen",
            "LC_ALL": "C",
        }
    )
