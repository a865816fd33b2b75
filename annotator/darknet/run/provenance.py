"""Where a run comes from: the programs, and how its augmented pictures were made."""

from __future__ import annotations

import platform
from importlib import metadata
from typing import Any

from converters.work import WorkFolder

_PACKAGES = ("mask-annotator", "numpy", "opencv-python-headless", "Pillow")


def versions() -> dict[str, str]:
    """The versions of this program, of Python, of the system, and of what reads and makes pictures."""
    found = {"python": platform.python_version(), "system": platform.platform()}
    for name in _PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"  # of ourselves, in a checkout
    return found


def augmentation_of(work: WorkFolder) -> dict[str, Any] | None:
    """How a data set's copies were made: ``seed``, ``policy``, how many ``copies``; None: there are none."""
    if not work.augmented.is_dir():
        return None
    from augment import manifest  # takes a third of a second

    found = manifest.read(work.augmented)
    return {**found.settings, "copies": len(found.entries)} if found else None
