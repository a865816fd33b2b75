"""Edits on Qt's undo stack."""

from __future__ import annotations

from PyQt5.QtWidgets import QUndoCommand

from annotator import messages
from annotator.core.edits import SetBoxes
from annotator.core.session import Session
from converters.errors import DataError

_NUDGE = 1


class EditCommand(QUndoCommand):
    """One edit. Nudges of the same image by keyboard that follow each other become one step."""

    def __init__(self, session: Session, edit: SetBoxes) -> None:
        super().__init__(edit.text)
        self._session = session
        self.edit = edit

    def redo(self) -> None:
        self._apply(self.edit)

    def undo(self) -> None:
        self._apply(self.edit.inverse())

    def id(self) -> int:
        return _NUDGE if self.edit.text == "nudge box" else -1

    def mergeWith(self, other: QUndoCommand) -> bool:
        if not isinstance(other, EditCommand) or other.edit.key != self.edit.key:
            return False
        self.edit = SetBoxes(self.edit.key, self.edit.before, other.edit.after, self.edit.text)
        return True

    def _apply(self, edit: SetBoxes) -> None:
        try:
            self._session.apply(edit)
        except DataError as error:
            self.setObsolete(True)
            messages.error(str(error))
