"""A person's own words for a run: ``note.txt`` in its folder, which nothing else writes."""

from __future__ import annotations

from contextlib import suppress

from annotator.darknet.run.folder import RunFolder
from converters.errors import WriteError
from converters.files import write_atomic

_LONGEST = 500


def note_of(run: RunFolder) -> str:
    """What was noted of a run, one line; empty where nothing was."""
    with suppress(OSError), (run.path / "note.txt").open(encoding="utf-8", errors="replace") as file:
        return " ".join(file.read(4 * _LONGEST).split())[:_LONGEST]
    return ""


def set_note(run: RunFolder, text: str) -> None:
    """Note something of a run; nothing takes the note away.

    Raises:
        WriteError: It cannot be written.
    """
    path = run.path / "note.txt"
    words = " ".join(text.split())[:_LONGEST]
    if words:
        write_atomic(path, words + "\n")
        return
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error
