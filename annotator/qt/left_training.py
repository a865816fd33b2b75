"""A training that goes on without the window: what becomes of it when a set is left, and finding it again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtWidgets import QMessageBox, QWidget

from annotator import messages
from annotator.core.project import Project
from annotator.qt.translation import tr
from converters.errors import DataError

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

STAY, STOP, KEEP = "stay", "stop", "keep"


def find(window: MainWindow) -> None:
    """Look for a training of the open set that was left running; where there is one, show it on its page."""
    project = window.project
    if project is None or "train" not in window.later:
        return  # the page is there, and looks for itself

    if _is_training(project):
        _ = window.train  # it is built when it is asked for, and follows the training
    elif _has_stopped_queue(project):
        messages.info(tr("Trainings wait, and nobody works through them: start the queue on the Train page."))


def _is_training(project: Project) -> bool:
    from annotator.core.training import running_run
    from annotator.darknet.run.folder import list_runs

    work = project.work
    return work is not None and running_run(list_runs(work.root)) is not None


def _has_stopped_queue(project: Project) -> bool:
    """Whether trainings wait although nobody trains: the machine was started anew meanwhile."""
    from annotator.darknet.training.queue import TrainingQueue

    if project.work is None:
        return False
    queue = TrainingQueue(project.work)
    try:
        return bool(queue.waiting()) and queue.runner() is None
    except DataError:
        return False  # the Train page says what is wrong with it


def may_leave(window: MainWindow, asks: bool) -> bool:
    """Ask what shall become of a training that runs; False: stay.

    Args:
        window: The window.
        asks: Whether somebody is there to answer; else the training goes on.
    """
    if "train" in window.later or not window.train.is_training():
        return True
    answer = ask(window, window.train.what_a_stop_keeps()) if asks else KEEP
    if answer == STOP:
        window.train.live.stop_and_wait()
    return answer != STAY


def ask(parent: QWidget, details: str) -> str:
    """Stay, stop the training, or keep it; Enter and Esc stay."""
    box = QMessageBox(
        QMessageBox.Question, "mask-annotator", tr("A training is running."), QMessageBox.NoButton, parent
    )
    box.setInformativeText(
        tr("It can go on in the background, and is found again when this set is opened.") + "\n\n" + details
    )
    stay = box.addButton(tr("Stay"), QMessageBox.RejectRole)
    keep = box.addButton(tr("Keep it training"), QMessageBox.AcceptRole)
    stop = box.addButton(tr("Stop it"), QMessageBox.DestructiveRole)
    box.setDefaultButton(stay)
    box.setEscapeButton(stay)
    box.exec_()
    return {keep: KEEP, stop: STOP}.get(box.clickedButton(), STAY)
