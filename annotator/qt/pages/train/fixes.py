"""What the buttons beside the findings of a check do."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from annotator import messages
from annotator.core.training_check import CheckFinding
from annotator.darknet.mending import allow_writing
from annotator.darknet.networks import suggested
from annotator.qt.said_below import known
from annotator.qt.translation import tr
from converters.errors import DataError

if TYPE_CHECKING:
    from annotator.qt.pages.train.page import TrainPage


def mend(page: TrainPage, finding: CheckFinding) -> None:
    """Carry out the fix of a finding, or lead to where it can be done."""
    setup = page.setup
    match finding.fix:
        case "choose-darknet":
            page.offer_darknets()
        case "choose-network" | "make-network" if page.darknet is not None:
            setup.basic.take(suggested(page.darknet.dialect, page.darknet.gpu))
        case "mosaic-off":
            setup.options.set_value("mosaic", "0")
        case "queue":
            page.start_or_queue()
        case "allow-writing" if finding.path is not None:
            _allow_writing(page, finding.path)
        case "split" | "make-set":
            page.page_wanted.emit("split")
        case "balance":
            page.page_wanted.emit("balance")
        case "show-picture":
            _show(page, finding)
        case "choose-weights":
            if finding.is_error:
                setup.weights.use_none()
            setup.drawers.open(setup.weights)
        case "raise-max-batches":
            setup.basic.max_batches.setValue(setup.basic.max_batches.value() * 3 // 2)
        case "delete-runs":
            page.runs_wanted.emit()


def _allow_writing(page: TrainPage, folder: Path) -> None:
    """Mend it here; where only somebody else can, another folder is chosen where the set is made."""
    try:
        allow_writing(folder)
    except DataError as error:
        messages.error(known(str(error)))
        page.page_wanted.emit("split")
    else:
        messages.info(tr("Can be written now: {folder}", folder=folder))
    page.setup.check.check_now()


def _show(page: TrainPage, finding: CheckFinding) -> None:
    image = PurePosixPath(finding.image)
    key = page.project.key_of(str(image.with_suffix(""))) if page.project is not None else None
    if key:
        page.label_wanted.emit(key)
    else:
        messages.info(tr("{name} is not in the open set.", name=image.name))
