"""Asking a program something short, without ever waiting longer than is said."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

_GRACE = 0.5
_MOST = 1 << 20


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of it.

    Attributes:
        code: Exit code (negative: a signal's), None where it did not end in time or never started.
        text: What it printed on both streams until then.
        why: Why there is no exit code, else empty.
    """

    code: int | None
    text: str
    why: str = ""


def ask(
    command: Sequence[str],
    seconds: float,
    environ: Mapping[str, str] | None = None,
    folder: Path | None = None,
) -> Answer:
    """Run a program with nothing to read, for so long at most.

    A driver that hangs keeps a process in the kernel, where no signal reaches it: such a one is left
    behind. What it prints goes into a file, because a pipe would be waited for as long as it lives.

    Args:
        command: Program and arguments.
        seconds: How long it may take.
        environ: Its environment, None: ours.
        folder: Where it runs, None: here.
    """
    with tempfile.TemporaryFile() as output:
        try:
            process = subprocess.Popen(
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=environ,
                start_new_session=True,
            )
        except OSError as error:
            return Answer(None, "", error.strerror or str(error))
        why = ""
        code: int | None = None
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            why = f"it did not answer within {seconds:g} s"
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            try:
                process.wait(_GRACE)
            except subprocess.TimeoutExpired:
                process.returncode = -signal.SIGKILL  # it is the kernel's now: nobody waits for it
        output.seek(0)
        return Answer(code, output.read(_MOST).decode("utf-8", "replace"), why)
