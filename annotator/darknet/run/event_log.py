"""The events of a run, kept in its folder: whoever comes later reads them from the start, and then live."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from annotator.darknet.program.events import Event, Finished, RunStarted
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.whereabouts import Whereabouts
from converters.errors import FormatError, UsageError, WriteError

POLL_SECONDS = 0.2
"""How often a follower looks for news."""
_START_SECONDS = 0.05


class EventLog:
    """Appends events to a run's events.jsonl.

    Args:
        path: The file; it is made where it is missing, and a line that was cut short is ended.

    Raises:
        WriteError: It cannot be written.
    """

    def __init__(self, path: Path) -> None:
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o644)
            size = os.fstat(self._fd).st_size
            if size and os.pread(self._fd, 1, size - 1) != b"\n":
                os.write(self._fd, b"\n")
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        self._path = path

    def write(self, event: Event) -> None:
        """Append an event, with the time.

        Raises:
            WriteError: The disk is full.
        """
        said = event.as_dict() | {"time": round(time.time(), 3)}
        # Names of files need not be UTF-8: then their bytes are written as JSON's own escapes.
        line = json.dumps(said, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
        try:
            os.write(self._fd, line)  # at once: a reader never sees a part of one that is not the last
        except OSError as error:
            raise WriteError.from_os_error(error, self._path) from error

    def close(self) -> None:
        """Close the file."""
        os.close(self._fd)


class EventReader:
    """Reads a run's events.jsonl as it grows.

    Args:
        path: The file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = 0

    def moved(self, path: Path) -> None:
        """The file is somewhere else now."""
        self._path = path

    def read(self) -> list[dict[str, Any]]:
        """The whole lines that are new; those that are no event are left out."""
        try:
            with self._path.open("rb") as file:
                if os.fstat(file.fileno()).st_size < self._offset:
                    self._offset = 0  # it was written anew
                file.seek(self._offset)
                data = file.read()
        except OSError:
            return []
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        found = []
        for line in whole.splitlines():
            try:
                said = json.loads(line)
            except ValueError:
                continue
            if isinstance(said, dict) and "event" in said:
                found.append(said)
        return found


def read_events(run: RunFolder) -> list[dict[str, Any]]:
    """All events of a run so far."""
    return EventReader(run.events).read()


def follow(
    path: Path, tell: Callable[[dict[str, Any]], None], wait: Callable[[float], None] = time.sleep
) -> str:
    """Tell the events of a run from its start, then those that come, until its training has ended.

    Args:
        path: The run folder.
        tell: Called with each event.
        wait: Called to let time pass; what it raises ends the following.

    Returns:
        How it ended: the status of the last event. Of a training that was killed with everything around it
        the last event is missing; one is made of what the run folder says.

    Raises:
        FormatError: There is no run there.
    """
    reader = EventReader(RunFolder.open(path).events)
    last: dict[str, Any] = {}
    with closing(Whereabouts(path)) as whereabouts:
        while True:
            if (place := whereabouts.moved_to()) is not None:
                path = place
                reader.moved(RunFolder.open(path).events)
            elif whereabouts.is_gone:
                raise _gone(path)
            # Asked before reading: what is said after the reading is read the next time.
            goes_on = RunFolder.open(path).is_looked_after()
            for said in reader.read():
                last = said
                tell(said)
            if not goes_on:
                break
            wait(POLL_SECONDS)
    if last.get("event") != Finished.kind:
        last = _end_of(RunFolder.open(path)).as_dict()
        tell(last)
    return str(last.get("status", ""))


def _gone(path: Path) -> FormatError:
    return FormatError(
        "was deleted while it was trained, or moved to another disk.",
        path=path,
        code="run-gone",
        hint="Where it was moved to, it can be resumed there.",
    )


def _end_of(run: RunFolder) -> Finished:
    newest = run.newest_weights()
    saved = newest.iteration if newest else 0
    message = run.info.message
    if run.info.status == "running":
        message = "the training was ended from outside, with everything around it"
        if newest:
            message += f"; iteration {saved} is saved; go on with: train-cli resume {run.path}"
    return Finished(run.status, message, run.info.iteration, saved, str(newest.path) if newest else "")


def start_detached(run: RunFolder, command: Sequence[str], wait: Callable[[float], None] = time.sleep) -> int:
    """Start a train-cli for a run in a session of its own; returns its process when the training has begun.

    Raises:
        UsageError: It ended before the training began; what it said is passed on.
    """
    reader = EventReader(run.events)
    reader.read()
    talk = run.path / "train-cli.log"
    try:
        with talk.open("wb") as file:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=file,
                start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise WriteError.from_os_error(error, talk) from error
    while not any(said["event"] == RunStarted.kind for said in reader.read()):
        if process.poll() is not None:
            said = talk.read_text(encoding="utf-8", errors="replace").strip().splitlines()
            reason = said[-1].removeprefix("error: ") if said else f"exit code {process.returncode}"
            raise UsageError(f"the training did not begin: {reason}", path=run.path, code="not-started")
        wait(_START_SECONDS)
    process.returncode = 0  # it is nobody's child any more: no warning that it still runs
    return process.pid
