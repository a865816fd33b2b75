"""What the buttons beside the findings of a check do."""

from __future__ import annotations

from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from annotator import messages
from annotator.core.training_check import CheckFinding
from annotator.darknet.network.presets import suggested
from annotator.darknet.preflight.mending import (
    Brought,
    allow_writing,
    bring_labels,
    delete_leaking_copies,
    put_alike_together,
)
from annotator.qt.background import Work
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n
from converters.errors import DataError
from converters.regrouping import Regrouped

if TYPE_CHECKING:
    from annotator.qt.pages.train.page import TrainPage


def mend(page: TrainPage, finding: CheckFinding) -> None:
    """Carry out the fix of a finding, or lead to where it can be done."""
    setup = page.setup
    messages.settle("start")
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
        case "make-copies":
            page.page_wanted.emit("augment")
        case "show-picture":
            _show(page, finding)
        case "choose-weights":
            setup.weights.use_none()
            setup.drawers.open(setup.weights)
        case "fetch-weights":
            setup.drawers.open(setup.weights)
            setup.weights.fetch_chosen()
        case "raise-max-batches":
            setup.basic.max_batches.setValue(setup.basic.max_batches.value() * 3 // 2)
        case "delete-runs":
            page.runs_wanted.emit()
        case "bring-labels" | "put-together" | "delete-copies":
            _mend_set(page, finding.fix)


def _mend_set(page: TrainPage, fix: str) -> None:
    """Change the data set in the background; then look at it again."""
    work = page.setup.work
    row = page.setup.check.mending
    if work is None or row.is_running:
        return
    jobs: dict[str, tuple[Work, str]] = {
        "bring-labels": (lambda tell: bring_labels(work, tell), tr("Bringing labels over")),
        "put-together": (lambda tell: put_alike_together(work, tell), tr("Comparing pictures")),
        "delete-copies": (lambda tell: delete_leaking_copies(work), tr("Deleting copies")),
    }
    job, what = jobs[fix]

    def done(result: Any) -> None:
        if page.setup.work is not work:
            return  # another set was opened meanwhile
        messages.info(_said(result))
        page.work_changed.emit()
        page.setup.check.go_to_first_when_checked()
        page.setup.check.check_now()

    row.run(job, what, done)


def _said(result: Brought | Regrouped | int) -> str:
    """What was done."""
    if isinstance(result, int):
        return tr_n("{n} copy was deleted.", "{n} copies were deleted.", result)
    if isinstance(result, Regrouped):
        text = tr_n("{n} picture is in another split now", "{n} pictures are in another split now",
                    len(result.moved))  # fmt: skip
        where = ", ".join(
            f"{split} +{number}"
            for split in dict.fromkeys(result.moved.values())
            if (number := sum(one is split for one in result.moved.values()))
        )
        return f"{text} ({where})." if where else f"{text}."
    number = len(result.changed) + len(result.missing)
    text = tr_n("{n} picture is as in the set again.", "{n} pictures are as in the set again.", number)
    if result.copies:
        text += " " + tr_n(
            "{n} copy shows the old ones: make the copies again.",
            "{n} copies show the old ones: make the copies again.",
            len(result.copies),
        )
    return text


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
