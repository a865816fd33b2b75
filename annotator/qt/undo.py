"""Undo and redo of the open set for Qt: signals and texts for actions, over the journal of the session."""

from __future__ import annotations

from PyQt5.QtCore import QObject, pyqtSignal

from annotator import messages
from annotator.core.edits import Edit
from annotator.core.session import Session
from annotator.qt.said_below import known
from converters.errors import DataError

REFUSED = "undo"
"""Topic of the messages about a step that does not fit."""


class UndoStack(QObject):
    """What can be undone and done again in the open set. The journal of the session holds it all.

    Signals:
        changed: After each edit, undo and redo.
        undoTextChanged: What the next undo is about.
        redoTextChanged: What the next redo is about.
    """

    changed = pyqtSignal()
    undoTextChanged = pyqtSignal(str)  # noqa: N815 - the names of QUndoStack
    redoTextChanged = pyqtSignal(str)  # noqa: N815

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._session: Session | None = None
        self._texts = ("", "")

    def set_session(self, session: Session | None) -> None:
        """Show another set's journal (None: of no set)."""
        self._session = session
        if session is not None:
            session.listen_to("history", lambda: self._changed(session))
        self._tell_texts()

    def clear(self) -> None:
        """Show no journal; nothing is forgotten."""
        self.set_session(None)

    def push(self, edit: Edit) -> bool:
        """Carry out an edit; returns whether that was possible (else it is said why not)."""
        if self._session is None:
            return False
        try:
            self._session.apply(edit)
        except DataError as error:
            messages.error(str(error))
            return False
        return True

    def undo(self) -> Edit | None:
        """Take back the last edit; returns it."""
        return self._step(back=True)

    def redo(self) -> Edit | None:
        """Do again what was taken back; returns it."""
        return self._step(back=False)

    def next_key(self, *, back: bool) -> str | None:
        """The first image that the next undo (or redo) is about, or None."""
        if self._session is None:
            return None
        try:
            entry = self._session.history.top(back=back)
        except DataError:
            return None
        keys = entry.edit.keys if entry is not None and entry.edit is not None else ()
        return next((key for key in keys if key in self._session), None)

    def forget_step(self) -> None:
        """Leave out the step that would be undone next; no label changes."""
        if self._session is not None:
            self._session.forget_step()
            messages.settle(REFUSED)

    def canUndo(self) -> bool:
        return bool(self.undoText())

    def canRedo(self) -> bool:
        return bool(self.redoText())

    def undoText(self) -> str:
        return known(self._session.history.undo_text) if self._session is not None else ""

    def redoText(self) -> str:
        return known(self._session.history.redo_text) if self._session is not None else ""

    def _step(self, *, back: bool) -> Edit | None:
        if self._session is None:
            return None
        try:
            edit = self._session.undo() if back else self._session.redo()
        except DataError as error:
            messages.error(str(error), "", REFUSED)
            return None
        messages.settle(REFUSED)
        return edit

    def _changed(self, session: Session) -> None:
        if session is self._session:
            self._tell_texts()
            self.changed.emit()

    def _tell_texts(self) -> None:
        texts = (self.undoText(), self.redoText())
        before, self._texts = self._texts, texts
        if texts[0] != before[0]:
            self.undoTextChanged.emit(texts[0])
        if texts[1] != before[1]:
            self.redoTextChanged.emit(texts[1])
