"""The journal of edits: undo and redo without a limit, across images and after a restart.

A line in the sidecar's database for each edit, in the order in which they were made. Those that are done come
first, those that were taken back and can be done again behind them.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from enum import IntEnum

from annotator.core.edit_json import VERSION, edit_from_json, edit_to_json
from annotator.core.edits import Edit
from annotator.core.sidecar import Sidecar
from converters.errors import FormatError


class State(IntEnum):
    """What became of an entry."""

    DROPPED = -1
    """Taken back, and another edit was made then; or forgotten. It cannot be reached any more."""
    UNDONE = 0
    DONE = 1


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the journal.

    Attributes:
        id: Its number; later edits have higher ones.
        time: When it was made, in seconds since 1970.
        text: What the person did.
        state: What became of it.
        edit: The edit; None in a listing.
    """

    id: int
    time: float
    text: str
    state: State
    edit: Edit | None = None


_TOP = {
    State.DONE: "ORDER BY id DESC LIMIT 1",
    State.UNDONE: "ORDER BY id LIMIT 1",
}


class Journal:
    """The edits of a set. Methods that write are called inside a transaction of the sidecar."""

    def __init__(self, sidecar: Sidecar) -> None:
        self._sidecar = sidecar

    def append(self, edit: Edit) -> int:
        """Write down an edit that was made; what could be done again cannot any more. Returns its number."""
        database = self._sidecar.database
        kind, payload = edit_to_json(edit)
        database.execute("UPDATE journal SET state = ? WHERE state = ?", (State.DROPPED, State.UNDONE))
        row = (time.time(), State.DONE, edit.text, VERSION, kind, payload)
        made = database.execute(
            "INSERT INTO journal (time, state, text, version, kind, payload) VALUES (?, ?, ?, ?, ?, ?)", row
        )
        return int(made.lastrowid or 0)

    def amend(self, number: int, edit: Edit) -> None:
        """Let an entry say another edit (a step by an arrow key that goes on)."""
        kind, payload = edit_to_json(edit)
        self._sidecar.database.execute(
            "UPDATE journal SET kind = ?, payload = ?, time = ? WHERE id = ?",
            (kind, payload, time.time(), number),
        )

    def mark(self, number: int, state: State) -> None:
        """Say what became of an entry."""
        self._sidecar.database.execute("UPDATE journal SET state = ? WHERE id = ?", (state, number))

    def forget(self) -> None:
        """Empty the journal."""
        self._sidecar.database.execute("DELETE FROM journal")

    def text(self, state: State) -> str:
        """What the next undo (``DONE``) or redo (``UNDONE``) is about; empty where there is none."""
        row = self._sidecar.database.execute(
            f"SELECT text FROM journal WHERE state = ? {_TOP[state]}", (state,)
        ).fetchone()
        return str(row[0]) if row else ""

    def top(self, state: State) -> Entry | None:
        """The entry that is undone (``DONE``) or done again (``UNDONE``) next.

        Raises:
            FormatError: It is damaged, or was written by a newer version.
        """
        row = self._sidecar.database.execute(
            f"SELECT id, time, text, version, kind, payload FROM journal WHERE state = ? {_TOP[state]}",
            (state,),
        ).fetchone()
        if row is None:
            return None
        number, when, text, version, kind, payload = row
        try:
            if version > VERSION:
                raise FormatError("was written by a newer version of the tool.", code="journal-newer")
            edit = edit_from_json(kind, payload, text)
        except FormatError as error:
            error.path = self._sidecar.folder / "annotator.db"
            error.hint = "Forget this step to go on with those before it."
            raise
        return Entry(number, when, text, state, edit)

    def top_id(self, state: State) -> int | None:
        """Number of the entry that is undone (``DONE``) or done again (``UNDONE``) next."""
        row = self._sidecar.database.execute(
            f"SELECT id FROM journal WHERE state = ? {_TOP[state]}", (state,)
        ).fetchone()
        return int(row[0]) if row else None

    def count(self, state: State) -> int:
        """Number of entries in a state."""
        row = self._sidecar.database.execute("SELECT count(*) FROM journal WHERE state = ?", (state,))
        return int(row.fetchone()[0])

    def latest(self, limit: int = 200) -> list[Entry]:
        """The latest entries that can be undone or done again, newest first, without their edits."""
        rows = self._sidecar.database.execute(
            "SELECT id, time, text, state FROM journal WHERE state >= 0 ORDER BY id DESC LIMIT ?", (limit,)
        )
        return [Entry(number, when, text, State(state)) for number, when, text, state in rows]
