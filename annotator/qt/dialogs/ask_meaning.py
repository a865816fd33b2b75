"""Between reading a set and showing it: a person says what class ids mean that do not fit their names."""

from __future__ import annotations

from collections.abc import Callable

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import QDialog, QProgressDialog, QWidget

from annotator import messages
from annotator.core import id_mapping
from annotator.core.id_mapping import IdMapping, Misfit
from annotator.core.session import Session
from annotator.qt.background import Task
from annotator.qt.translation import tr


def ask_meaning(
    parent: QWidget,
    session: Session,
    show: Callable[[], object],
    read_again: Callable[[], object],
    give_up: Callable[[], object],
) -> None:
    """Ask where it is needed, and go on as the person wants.

    Args:
        parent: The window.
        session: The set that was just read.
        show: Called to show it as it is.
        read_again: Called after files were changed; the session is closed by then.
        give_up: Called where it is not to be opened; the session is closed by then.
    """
    why = id_mapping.misfit_of(session)
    if why is None or not session.sidecar.writable or session.sidecar.locked_by is not None:
        if why is None:
            id_mapping.agree(session)
        show()
        return
    root, format = session.root, session.codec.name
    names, pinned = session.class_names, session.sidecar.class_names()

    def looked(misfit: Misfit) -> None:
        from annotator.qt.dialogs.mapping import MappingDialog

        dialog = MappingDialog(misfit, parent)
        answer, mapping = dialog.exec_(), dialog.mapping
        dialog.deleteLater()
        if answer != QDialog.Accepted:
            session.close()
            messages.info(tr("{name} was not opened; nothing in it was changed.", name=root.name))
            give_up()
        elif mapping is None:
            id_mapping.agree(session)
            show()
        else:
            session.close()
            write(misfit, mapping)

    def write(misfit: Misfit, mapping: IdMapping) -> None:
        task = _run(
            parent, tr("Writing label files…"), lambda tell: id_mapping.carry_out(misfit, mapping, tell)
        )
        task.succeeded.connect(lambda folder: read_again())
        task.failed.connect(fail)
        task.cancelled.connect(give_up)

    def fail(text: str) -> None:
        messages.error(text)
        give_up()

    def not_looked(text: str) -> None:
        session.close()
        fail(text)

    def cancelled() -> None:
        session.close()
        give_up()

    task = _run(
        parent,
        tr("Looking at the class ids…"),
        lambda tell: id_mapping.look(root, format, why, names, pinned, tell),
    )
    task.succeeded.connect(looked)
    task.failed.connect(not_looked)
    task.cancelled.connect(cancelled)


def _run(parent: QWidget, text: str, work: Callable[[Callable[[int, int], None]], object]) -> Task:
    dialog = QProgressDialog(text, tr("Cancel"), 0, 0, parent)
    dialog.setWindowTitle(tr("Opening"))
    dialog.setWindowModality(Qt.WindowModal)
    dialog.setMinimumDuration(500)
    task = Task(work, parent)

    def progress(done: int, total: int) -> None:
        dialog.setMaximum(total)
        dialog.setValue(min(done, max(total - 1, 0)))

    task.progressed.connect(progress)
    dialog.canceled.connect(task.cancel)
    # Away before its end is acted upon: another dialog may follow.
    for signal in (task.succeeded, task.failed, task.cancelled):
        signal.connect(lambda *_: dialog.reset())
    task.finished.connect(dialog.deleteLater)
    task.finished.connect(task.deleteLater)
    return task.start()
