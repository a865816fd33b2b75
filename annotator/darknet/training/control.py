"""Stopping and pausing a training from another process: the window, a second terminal, after a crash."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from contextlib import suppress

from annotator.darknet.run.folder import RunFolder, now, process_mark
from annotator.darknet.run.room import require_room
from annotator.darknet.training.launcher import STOP_SECONDS
from converters.errors import UsageError

PAUSE = signal.SIGUSR1
GO_ON = signal.SIGUSR2
PATIENCE_SECONDS = 30.0
"""How long a stop waits: weights that are being saved, Darknet's own end, and what is judged of it."""
_LOOK_SECONDS = 0.05


def stop_run(run: RunFolder, wait: Callable[[float], None] = time.sleep) -> RunFolder:
    """End the training of a run, and wait until it has ended.

    Returns:
        The run as it is then.

    Raises:
        UsageError: It is not being trained, or does not end.
    """
    owner = run.owner_pid()
    if owner is not None:
        _signal(owner, run.info.owner_mark, signal.SIGTERM)
    elif not _end_orphan(run, wait):
        raise _not_running(run)
    until = time.monotonic() + PATIENCE_SECONDS
    while run.is_looked_after():
        if time.monotonic() > until:
            raise UsageError(
                "the training does not end.",
                path=run.path,
                code="still-running",
                hint=f"Its Darknet is process {run.info.pid}.",
            )
        wait(_LOOK_SECONDS)
        run = RunFolder.open(run.path)
    return run


def pause_run(run: RunFolder) -> None:
    """Let the Darknet of a run stand still; it keeps its memory, the GPU's too.

    Raises:
        UsageError: The run is not being trained.
    """
    _say_to(run, PAUSE, signal.SIGSTOP)


def continue_run(run: RunFolder) -> None:
    """End a pause.

    Raises:
        UsageError: The run is not being trained, or waits for room on its disk, where there still is none.
    """
    if run.info.lacks and run.is_looked_after():
        require_room(run)
    _say_to(run, GO_ON, signal.SIGCONT)


def _say_to(run: RunFolder, to_owner: signal.Signals, to_darknet: signal.Signals) -> None:
    owner = run.owner_pid()
    pid = run.running_pid()
    if owner is not None:
        _signal(owner, run.info.owner_mark, to_owner)
    elif pid is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, to_darknet)
    else:
        raise _not_running(run)


def _end_orphan(run: RunFolder, wait: Callable[[float], None]) -> bool:
    """End a Darknet whose train-cli is gone; False where there is none."""
    pid = run.running_pid()
    if pid is None:
        return False
    with suppress(ProcessLookupError):
        os.killpg(pid, signal.SIGTERM)
        os.killpg(pid, signal.SIGCONT)
    until = time.monotonic() + STOP_SECONDS
    while run.running_pid() is not None and time.monotonic() < until:
        wait(_LOOK_SECONDS)
    if run.running_pid() is not None:
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)
    run.update(status="stopped", pid=None, ended=now(), message="stopped; its train-cli was gone")
    return True


def _signal(pid: int, mark: str | None, number: signal.Signals) -> None:
    """Signal a process, and never a later one that has got its number."""
    with suppress(ProcessLookupError):
        handle = os.pidfd_open(pid)
        try:
            if process_mark(pid) == mark:
                signal.pidfd_send_signal(handle, number)
        finally:
            os.close(handle)


def _not_running(run: RunFolder) -> UsageError:
    return UsageError("is not being trained.", path=run.path, code="not-running", hint=f"It is {run.status}.")
