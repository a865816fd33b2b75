"""Edits reach their files: when that is done, and what is said about it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PyQt5.QtCore import QObject, QTimer

from annotator import messages
from annotator.qt.translation import tr, tr_n

if TYPE_CHECKING:
    from annotator.qt.main_window import MainWindow

SAVE_DELAY = 600
"""Milliseconds after an edit until it is written to its file; the journal has it at once."""
SAVE_SECONDS = 0.08
"""Seconds that writing may keep the window; what is left comes right behind."""
SAVE_PAUSE = 15
"""Milliseconds between two such turns, in which the window paints and listens."""
SAVING = "saving"
"""Topic of the messages about what could not be saved."""


class Saving(QObject):
    """Writes what was edited, soon after it was."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SAVE_DELAY)
        self._timer.timeout.connect(self._save_some)

    def edited(self) -> None:
        """Something was edited: write it within a second."""
        if self._window.project is None:
            return
        # Not started anew: edit after edit, the first of them is on disk in time all the same.
        if not self._timer.isActive():
            self._timer.start(SAVE_DELAY)
        self.show_saved()

    def _save_some(self) -> None:
        """Write what has changed; of very many files some now, the others once the window had its turn."""
        project = self._window.project
        if project is not None and project.session.is_busy:
            self._timer.start(SAVE_DELAY)
            return
        if self.save(seconds=SAVE_SECONDS) and project is not None and project.session.is_unsaved:
            self._timer.start(SAVE_PAUSE)

    def save(self, overwrite: bool = False, seconds: float | None = None) -> bool:
        """Write what has changed; returns whether that went well.

        Args:
            overwrite: Also files that another program changed meanwhile.
            seconds: Stop after about so long; what is left has to be written by another call.
        """
        self._timer.stop()
        project = self._window.project
        if project is None:
            return True
        errors = project.session.save(overwrite=overwrite, seconds=seconds)
        if errors:
            more = len(errors) - 1
            text = tr("Not saved: {problem}", problem=errors[0])
            if more:
                text += " " + tr_n(
                    "({n} more file could not be saved)", "({n} more files could not be saved)", more
                )
            messages.error(text, "\n".join(map(str, errors)), SAVING)
        else:
            messages.settle(SAVING)
        self.show_saved()
        return not errors

    def show_saved(self) -> None:
        """Say in the status bar whether all is saved."""
        project = self._window.project
        if project is None:
            self._window.save_label.setText("")
            return
        dirty = len(project.session.dirty_keys)
        self._window.save_label.setText(
            tr_n("{n} picture with unsaved changes", "{n} pictures with unsaved changes", dirty)
            if dirty
            else tr("All changes are saved")
        )
