"""Tells the desktop that a training has ended, where no window looks at it any more."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_WAIT_SECONDS = 5.0


@contextmanager
def looking_at(run: Path) -> Iterator[None]:
    """While this lasts, somebody looks at a run, and tells its person when it ends.

    A lock says so: it is gone with the process, however that ends.
    """
    try:
        handle = os.open(run / ".watched", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError:  # a folder that may only be read: then both tell
        yield
        return
    try:
        with suppress(OSError):
            fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        yield
    finally:
        os.close(handle)


def is_looked_at(run: Path) -> bool:
    """Whether a window follows a run."""
    try:
        handle = os.open(run / ".watched", os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(handle)
    return False


def notify(title: str, text: str) -> bool:
    """Show a notification of the desktop's; False where there is no desktop, or no program to ask it.

    Args:
        title: One short line.
        text: What it is about.
    """
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return False
    for program, command in _ways(title, text).items():
        if shutil.which(program) is None:
            continue
        with suppress(OSError, subprocess.TimeoutExpired):
            done = subprocess.run(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                timeout=_WAIT_SECONDS, check=False,
            )  # fmt: skip
            if done.returncode == 0:
                return True
    return False


def _ways(title: str, text: str) -> dict[str, list[str]]:
    """How desktops are told, by program."""
    service = "org.freedesktop.Notifications"
    call = [
        "gdbus",
        "call",
        "--session",
        "--dest",
        service,
        "--object-path",
        "/org/freedesktop/Notifications",
    ]
    call += ["--method", f"{service}.Notify", "mask-annotator", "0", "", title, text, "[]", "{}", "10000"]
    return {"notify-send": ["notify-send", "--app-name=mask-annotator", "--", title, text], "gdbus": call}
