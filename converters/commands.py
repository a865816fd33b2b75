"""What all commands share: exit codes, how errors are said, progress, JSON.

Data goes to stdout, talk to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import re
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from enum import IntEnum
from types import FrameType, TracebackType
from typing import Any, Self

from converters.errors import DataError, UsageError
from converters.report import Report

_SURROGATE = re.compile("[\ud800-\udfff]")

MOST_TOLD = 20
"""So many findings of one kind are told to a person; a program is told all."""


class ExitStatus(IntEnum):
    """What a command's exit code means."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INTERRUPTED = 130
    TERMINATED = 143


def make_parser(prog: str, description: str, examples: str) -> argparse.ArgumentParser:
    """An argument parser whose help ends with examples, each on a line of its own."""
    return argparse.ArgumentParser(
        prog=prog,
        description=description,
        epilog=f"examples:\n{examples}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def say(text: str) -> None:
    """Talk to the person, on stderr."""
    print(text, file=sys.stderr, flush=True)


def print_json(value: Any) -> None:
    r"""Print one JSON value on stdout; bytes of names that are no UTF-8 as Python reads them, ``\udcff``."""
    text = json.dumps(value, indent=2, ensure_ascii=False)
    print(_SURROGATE.sub(lambda match: f"\\u{ord(match[0]):04x}", text))


def print_report(report: Report, *, to_stdout: bool = False, most: int | None = None, rest: str = "") -> None:
    """Print a report, a line an issue.

    Args:
        report: What was found.
        to_stdout: Print it as data; else as talk, on stderr.
        most: So many issues of one code and severity are printed; the others are counted at the end. None:
            all.
        rest: Where the others can be read, a sentence behind their number.
    """
    stream = sys.stdout if to_stdout else sys.stderr
    seen: Counter[tuple[str, str]] = Counter()
    for issue in report:
        seen[issue.code, issue.severity] += 1
        if most is None or seen[issue.code, issue.severity] <= most:
            print(issue, file=stream)
    for (code, severity), count in seen.items():
        if most is not None and count > most:
            print(f"… and {count - most:,} more [{code}] {severity}s. {rest}".rstrip(), file=stream)


class Bar:
    """A progress bar on a terminal, nothing elsewhere; call it with (done, total)."""

    def __init__(self, what: str = "", unit: str = "") -> None:
        self._what = what
        self._unit = unit
        self._bar: Any = None
        self._shown = sys.stderr.isatty()

    def stage(self, what: str) -> None:
        """Start over with another text; the same text goes on."""
        if what == self._what:
            return
        self._close()
        self._what = what
        self._unit = ""

    def __call__(self, done: int, total: int) -> None:
        """Show that ``done`` of ``total`` are finished."""
        if not self._shown:
            return
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                total=total,
                desc=self._what,
                unit=self._unit or "it",
                unit_scale=bool(self._unit),
                file=sys.stderr,
                leave=False,
                dynamic_ncols=True,
            )
        self._bar.total = total
        self._bar.update(done - self._bar.n)
        if done >= total:
            self._close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def _close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None


def run_command(body: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> int:
    """Run a command's body and turn what may happen into an exit code and a sentence.

    Args:
        body: Takes the arguments, returns the exit code.
        argv: The arguments without the program's name; default: the process's. With ``--json`` among them an
            error is printed as JSON as well: ``{"error": {"code": …, "message": …, …}}``.

    Returns:
        The exit code: 2 for wrong use, 1 for any other error, 130 for Ctrl-C.

    Raises:
        SystemExit: With code 143, where SIGTERM came meanwhile (in the main thread, and unless the program
            has a rule of its own for it): what the body began is cleaned up on the way.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files need not be UTF-8
    try:
        with _sigterm_as_exit():
            code = body(arguments)
            sys.stdout.flush()
        return code
    except _Terminated:
        say("terminated")
        raise
    except DataError as error:
        say(f"error: {error}")
        if "--json" in arguments:
            print_json({"error": error.as_dict()} | error.details)
        return ExitStatus.USAGE if isinstance(error, UsageError) else ExitStatus.FINDINGS
    except KeyboardInterrupt:
        say("interrupted")
        return ExitStatus.INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (`| head`) went away; that is its right. Python would complain at exit.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitStatus.OK
    except OSError as error:
        name = f"{error.filename}: " if error.filename else ""
        say(f"error: {name}{error.strerror or error}")
        return ExitStatus.FINDINGS


class _Terminated(SystemExit):
    """SIGTERM came."""


@contextlib.contextmanager
def _sigterm_as_exit() -> Iterator[None]:
    """Let SIGTERM raise in here, where it would end the process with nothing cleaned up."""
    # Python allows handlers in the main thread only; one that somebody set (or SIG_IGN) is there to stay.
    main = threading.current_thread() is threading.main_thread()
    if not main or signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:
        yield
        return
    signal.signal(signal.SIGTERM, _terminate)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)


def _terminate(number: int, frame: FrameType | None) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)  # a second one must not stop the cleaning up
    raise _Terminated(ExitStatus.TERMINATED)
