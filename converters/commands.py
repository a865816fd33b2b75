"""What all commands share: exit codes, how errors are said, progress, JSON.

Data goes to stdout, talk to stderr.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from enum import IntEnum
from typing import Any, TypeVar

from converters.errors import DataError, UsageError
from converters.report import Report

T = TypeVar("T")


class ExitStatus(IntEnum):
    """What a command's exit code means."""

    OK = 0
    FINDINGS = 1
    USAGE = 2
    INTERRUPTED = 130


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
    """Print one JSON value on stdout."""
    print(json.dumps(value, indent=2, ensure_ascii=False))


def print_report(report: Report, *, to_stdout: bool = False) -> None:
    """Print a report, a line an issue."""
    stream = sys.stdout if to_stdout else sys.stderr
    for issue in report:
        print(issue, file=stream)


def progress(items: Iterable[T], *, total: int | None = None, what: str = "") -> Iterator[T]:
    """Iterate with a progress bar on a terminal, silently elsewhere."""
    if not sys.stderr.isatty():
        yield from items
        return
    from tqdm import tqdm

    yield from tqdm(items, total=total, desc=what, file=sys.stderr, leave=False, dynamic_ncols=True)


def run_command(body: Callable[[Sequence[str]], int], argv: Sequence[str] | None = None) -> int:
    """Run a command's body and turn what may happen into an exit code and a sentence.

    Args:
        body: Takes the arguments, returns the exit code.
        argv: The arguments without the program's name; default: the process's.

    Returns:
        The exit code: 2 for wrong use, 1 for any other error, 130 for Ctrl-C.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        code = body(arguments)
        sys.stdout.flush()
        return code
    except UsageError as error:
        say(f"error: {error}")
        return ExitStatus.USAGE
    except DataError as error:
        say(f"error: {error}")
        return ExitStatus.FINDINGS
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
