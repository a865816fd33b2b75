"""A Darknet that is asked something: started, listened to, and ended where nobody waits any more."""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from annotator.darknet.program.environment import darknet_environment
from converters.errors import UsageError

_TICK = 0.1
_PATIENCE = 900.0
"""Seconds without a byte of output after which it hangs: the slowest network takes a minute for a picture."""
_GRACE = 2.0

Tick = Callable[[], None]
"""Called ten times a second while Darknet works. It may raise to end that."""


def ask(
    command: Sequence[str],
    text: str,
    folder: Path,
    *,
    tick: Tick | None = None,
    on_output: Callable[[bytes], None] | None = None,
    patience: float = _PATIENCE,
) -> tuple[int, str]:
    """Run a Darknet to its end.

    Args:
        command: The program and its arguments.
        text: What it reads from its standard input.
        folder: Where it runs.
        tick: Called while it works; where that raises, Darknet is ended first.
        on_output: Told of each piece of its output as it comes.
        patience: Seconds of silence after which it is taken to hang.

    Returns:
        Its exit code (negative: a signal), and all that it printed.

    Raises:
        UsageError: It cannot be started, or hangs.
    """
    process = _start(command, text, folder)
    said = bytearray()
    heard = time.monotonic()
    try:
        with selectors.DefaultSelector() as selector:
            stream = process.stdout
            if stream is None:  # it was asked for
                return process.wait(), ""
            selector.register(stream, selectors.EVENT_READ)
            while True:
                if selector.select(_TICK):
                    piece = os.read(stream.fileno(), 1 << 16)
                    if not piece:
                        break
                    heard = time.monotonic()
                    said += piece
                    if on_output is not None:
                        on_output(piece)
                elif time.monotonic() - heard > patience:
                    raise UsageError(
                        f"Darknet has said nothing for {patience / 60:.0f} minutes and was ended.",
                        path=command[0],
                        code="darknet-hangs",
                    )
                if tick is not None:
                    tick()
        code = process.wait(timeout=patience)
    except subprocess.TimeoutExpired as error:
        raise UsageError("Darknet does not end.", path=command[0], code="darknet-hangs") from error
    finally:
        _end(process)
    return code, said.decode("utf-8", "replace")


def _start(command: Sequence[str], text: str, folder: Path) -> subprocess.Popen[bytes]:
    # From a file: a pipe that nobody reads (hank-ai's hangs in its handler) would hold us up.
    questions = folder / "questions.txt"
    questions.write_text(text, encoding="utf-8")
    try:
        with questions.open("rb") as stdin:
            return subprocess.Popen(
                command,
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=folder,
                env=darknet_environment(),
                start_new_session=True,
            )
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise UsageError(f"cannot be started: {reason}.", path=command[0]) from error


def _end(process: subprocess.Popen[bytes]) -> None:
    """TERM, wait, KILL; nothing where it has ended."""
    if process.poll() is None:
        for how in (signal.SIGTERM, signal.SIGKILL):
            with suppress(OSError):
                os.killpg(process.pid, how)
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=_GRACE)
                break
    if process.stdout is not None:
        process.stdout.close()


def last_words(output: str, lines: int = 3) -> str:
    """The end of what a Darknet printed, for a message."""
    from annotator.darknet.program.parser import plain_text

    told = [line.strip() for line in plain_text(output).splitlines() if line.strip()]
    return " / ".join(told[-lines:])[-300:]
