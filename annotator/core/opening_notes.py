"""What a person is told when a set was opened: what became of its journal."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from annotator.core.sidecar import Sidecar
from converters.report import Report


def tell_of_opening(sidecar: Sidecar, overruled: Iterable[Path], report: Report) -> None:
    """Say what could not be taken up where the last process stopped.

    Args:
        sidecar: Of the set.
        overruled: Label files that another program changed before the last edits of them were saved.
        report: Takes the warnings.
    """
    if sidecar.damaged is not None:
        report.warning(
            "journal-damaged",
            "could not be read and was put aside; a new journal of edits was begun. No label is lost.",
            path=sidecar.damaged,
        )
    if sidecar.is_newer:
        report.warning(
            "journal-newer",
            "was written by a newer version of the tool and is left alone: what is edited now cannot be "
            "undone after a restart.",
            path=sidecar.folder,
            hint="Install the newer version.",
        )
    for path in overruled:
        report.warning(
            "edits-overruled",
            "was changed by another program before your last edits were saved; its labels are those "
            "of that program.",
            path=path,
        )
