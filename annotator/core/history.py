"""Undo and redo on the journal, and what happens where the disk refuses to take it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

from annotator.core.edits import Edit, merged
from annotator.core.journal import Entry, Journal, State
from annotator.core.sidecar import Sidecar, write_error
from converters.errors import DataError


class History:
    """What can be undone and done again.

    Methods that change it are called inside :meth:`write`, but for that itself.
    """

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar
        self._journal = Journal(sidecar)
        self._last: tuple[int, Edit] | None = None

    @property
    def undo_text(self) -> str:
        """What the next undo takes back (``move box``); empty where there is nothing."""
        return self._journal.text(State.DONE)

    @property
    def redo_text(self) -> str:
        """What the next redo does again; empty where there is nothing."""
        return self._journal.text(State.UNDONE)

    @property
    def undo_count(self) -> int:
        """How many edits can be undone."""
        return self._journal.count(State.DONE)

    @property
    def redo_count(self) -> int:
        """How many edits can be done again."""
        return self._journal.count(State.UNDONE)

    def latest(self, limit: int = 200) -> list[Entry]:
        """The latest entries, newest first, without their edits."""
        return self._journal.latest(limit)

    def top(self, *, back: bool) -> Entry | None:
        """The entry that is undone (or done again) next.

        Raises:
            FormatError: It is damaged, or was written by a newer version.
        """
        return self._journal.top(State.DONE if back else State.UNDONE)

    def add(self, edit: Edit) -> None:
        """Write down an edit that was made. Steps by an arrow key that follow each other are one entry."""
        if self._last is not None and self._last[0] == self._journal.top_id(State.DONE):
            number, before = self._last
            both = merged(before, edit)
            if both is not None and self._journal.top_id(State.UNDONE) is None:
                self._journal.amend(number, both)
                self._last = (number, both)
                return
        self._last = (self._journal.append(edit), edit)

    def move(self, number: int, *, back: bool) -> None:
        """An entry was undone, or done again."""
        self._last = None
        self._journal.mark(number, State.UNDONE if back else State.DONE)

    def drop_top(self, *, back: bool) -> None:
        """Leave out the entry that would be undone (or done again) next."""
        self._last = None
        number = self._journal.top_id(State.DONE if back else State.UNDONE)
        if number is not None:
            self._journal.mark(number, State.DROPPED)

    def clear(self) -> None:
        """Forget everything."""
        self._last = None
        self._journal.forget()

    def write(self, step: Callable[[], object]) -> None:
        """Do something to the journal and whatever goes with it: all of it or nothing.

        Where the disk refuses, the journal goes on in memory; :meth:`take_back_to_disk` tries again.

        Args:
            step: What is done; it may be done a second time.

        Raises:
            WriteError: Not even that was possible.
        """
        last = self._last
        try:
            with self._sidecar.transaction():
                step()
            return
        except sqlite3.Error as error:
            self._last = last
            if not self._sidecar.persistent:
                raise write_error(error, self._sidecar.folder) from error
        try:
            self._sidecar.detach()
            with self._sidecar.transaction():
                step()
        except sqlite3.Error as error:
            raise write_error(error, self._sidecar.folder) from error

    def take_back_to_disk(self) -> list[DataError]:
        """Where the disk refused: try again. Returns the error where it still does."""
        try:
            self._sidecar.reattach()
        except DataError as error:
            return [error]
        return []
