"""Where a training waits for room on its disk: offer to delete those of its weights that nobody needs."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtWidgets import QMessageBox, QPushButton, QWidget

from annotator import messages
from annotator.core.amounts import freed_by, size_text
from annotator.darknet.evaluation.spare_weights import sorted_out, thin_out
from annotator.darknet.run.folder import RunFolder
from annotator.qt.background import Task
from annotator.qt.said_below import known
from annotator.qt.translation import tr, tr_n

_SHOWN_NAMES = 8


class FreeRoom(QPushButton):
    """A button that is seen while a training waits and has spare weights; it asks before it deletes."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run: RunFolder | None = None
        self._spare: tuple[Path, ...] = ()
        self._kept: tuple[Path, ...] = ()
        self._task: Task | None = None
        self.setToolTip(tr("Weights of this run that are neither the best nor the newest"))
        self.clicked.connect(self.ask)
        self.hide()

    def offer(self, path: Path | None) -> None:
        """A training waits for room; None: none does."""
        if path is None:
            self._run = None
            self.hide()
        elif self._run is None and self._task is None:
            self._start(path)

    def _start(self, path: Path) -> None:
        def look(tell: object) -> tuple[RunFolder, tuple[Path, ...], tuple[Path, ...]]:
            run = RunFolder.open(path)
            return run, *sorted_out(run)

        self._task = Task(look, self)
        self._task.succeeded.connect(lambda found: self._show(*found))
        self._task.finished.connect(self._ended)
        self._task.start()

    def _show(self, run: RunFolder, kept: tuple[Path, ...], spare: tuple[Path, ...]) -> None:
        self._run, self._kept, self._spare = run, kept, spare
        size = size_text(sum(map(freed_by, spare)))
        self.setText(tr("Delete spare weights ({size})…", size=size))
        self.setVisible(bool(spare))

    def ask(self) -> None:
        """Ask, then delete them for good: in the trash they would still take their room."""
        run = self._run
        if run is None or self._task is not None:
            return
        question = tr_n("Delete {n} spare weights file?", "Delete {n} spare weights files?", len(self._spare))
        names = ", ".join(path.name for path in self._spare[:_SHOWN_NAMES])
        names += ", …" if len(self._spare) > _SHOWN_NAMES else ""
        window = self.window()
        box = QMessageBox(QMessageBox.Warning, "mask-annotator", question, QMessageBox.NoButton, window)
        kept = tr("Kept: {names}.", names=", ".join(path.name for path in self._kept))
        box.setInformativeText(f"{names}\n\n{kept}")
        good = box.addButton(tr("Delete for good"), QMessageBox.DestructiveRole)
        stay = box.addButton(tr("Cancel"), QMessageBox.RejectRole)
        box.setDefaultButton(stay)
        box.setEscapeButton(stay)
        box.exec_()
        if box.clickedButton() is good:
            self._delete(run)

    def _delete(self, run: RunFolder) -> None:
        self._task = Task(lambda tell: thin_out(run), self)
        self._task.succeeded.connect(
            lambda size: messages.info(tr("{size} were deleted.", size=size_text(size)))
        )
        self._task.failed.connect(lambda text: messages.error(known(text)))
        self._task.finished.connect(self._ended)
        self.hide()
        self._task.start()

    def _ended(self) -> None:
        self._task = None

    def wait(self) -> None:
        """The window closes."""
        if self._task is not None:
            self._task.wait()
