"""Measuring whole processes: processor time of a command and all it started, and its largest memory.

Commands that are compared run in turn (A B A B …), so that a machine whose speed drifts is slow for all of
them, and are compared pair by pair. Quote the ratios; seconds are those of one machine.
"""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Command:
    """What is run.

    Attributes:
        name: What it is called in tables.
        argv: Program and arguments.
        makes: Files and folders that are removed before each run, outside of what is measured.
        environment: Variables that are set beside those of this process.
        fine: Exit codes that are no failure.
    """

    name: str
    argv: Sequence[str | Path]
    makes: Sequence[Path] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    fine: frozenset[int] = frozenset({0})


@dataclass(frozen=True)
class Run:
    """One run of a command.

    Attributes:
        user: Processor time in programs, seconds.
        system: Processor time in the kernel (for many small files: the file system), seconds.
        wall: Seconds from start to end.
        peak: Memory of the largest of its processes, MiB.
        output: What it wrote to stdout.
    """

    user: float
    system: float
    wall: float
    peak: float
    output: str

    @property
    def cpu(self) -> float:
        """Processor time, seconds."""
        return self.user + self.system


class CommandFailedError(Exception):
    """A command that is measured ended with an error."""


def run(command: Command) -> Run:
    """Run a command once.

    Raises:
        CommandFailedError: It ended with another exit code than it should.
    """
    for path in command.makes:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        start = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command.argv)),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=errors,
            env={**os.environ, **command.environment},
        )
        _, status, usage = os.wait4(process.pid, 0)  # with all the processes that it has waited for
        wall = time.perf_counter() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        for file in (output, errors):
            file.seek(0)
        if process.returncode not in command.fine:
            raise CommandFailedError(
                f"{command.name} ended with {process.returncode}:\n{errors.read()[-2000:]}"
            )
        return Run(usage.ru_utime, usage.ru_stime, wall, usage.ru_maxrss / 1024, output.read())


def measure(commands: Sequence[Command], runs: int, *, warm_up: bool = True) -> dict[str, list[Run]]:
    """Run all commands in turn, ``runs`` times, after a first time that does not count."""
    results: dict[str, list[Run]] = {command.name: [] for command in commands}
    for number in range(-1 if warm_up else 0, runs):
        for command in commands:
            print(f"  {max(number + 1, 0)}/{runs} {command.name}", file=sys.stderr, flush=True)
            done = run(command)
            if number >= 0:
                results[command.name].append(done)
    return results


@dataclass(frozen=True)
class Spread:
    """The middle of some numbers, and their ends."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of these numbers."""
        return cls(statistics.median(values), min(values), max(values))

    def text(self, digits: int = 2) -> str:
        """As ``1.23 (1.10 to 1.40)``."""
        return f"{self.median:.{digits}f} ({self.low:.{digits}f} to {self.high:.{digits}f})"

    def as_dict(self) -> dict[str, float]:
        """Plain types for JSON."""
        return {"median": self.median, "low": self.low, "high": self.high}


def ratio(results: Mapping[str, Sequence[Run]], a: str, b: str) -> Spread:
    """Processor time of ``a`` by that of ``b``, pair by pair."""
    return Spread.of([x.cpu / y.cpu for x, y in zip(results[a], results[b], strict=True)])


def table(results: Mapping[str, Sequence[Run]], against: Sequence[str] = ()) -> list[str]:
    """A Markdown table: a row a command, with its ratio to the commands of ``against``."""
    head = ["command", "CPU s", "user", "kernel", "wall s", "MiB", *(f"÷ {name}" for name in against)]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    for name, runs in results.items():
        cells = [
            name,
            Spread.of([run.cpu for run in runs]).text(),
            f"{statistics.median(run.user for run in runs):.2f}",
            f"{statistics.median(run.system for run in runs):.2f}",
            f"{statistics.median(run.wall for run in runs):.2f}",
            f"{max(run.peak for run in runs):.0f}",
        ]
        cells += [ratio(results, name, other).text() if name != other else "1" for other in against]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def as_dict(results: Mapping[str, Sequence[Run]]) -> dict[str, Any]:
    """Plain types for JSON: every run."""
    return {
        name: [
            {"user": run.user, "system": run.system, "wall": run.wall, "peak_mib": run.peak} for run in runs
        ]
        for name, runs in results.items()
    }
