"""How a training ended, judged by what it left behind; and the sentence for it."""

from __future__ import annotations

import signal
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from annotator.darknet.program.events import Problem
from annotator.darknet.run.folder import RunFolder, now
from converters.errors import WriteError

Status = Literal["finished", "stopped", "failed", "crashed_at_exit"]

SAVE_EVERY = 100
"""All Darknets save at every hundredth iteration."""
FileMark = tuple[int, int, int] | None
"""Of a file: its number, its time in nanoseconds and its size."""
CRASHES = ("heap", "crash")
"""Codes of the problems that say how it crashed and not why."""


_KILLED = (
    "It was killed: by hand, or by the system because the machine's memory was full (more subdivisions or a "
    "smaller network size need less)."
)
_OUT_OF_MEMORY = (
    "The system killed it because the machine's memory was full: its counter of such kills has risen. More "
    "subdivisions, a smaller network size or fewer other programs leave more; a container may have a limit "
    "of its own."
)
_NOT_BY_MEMORY = (
    "It was killed by hand or by another program (one that guards memory, as systemd-oomd or earlyoom, may "
    "be one): the system itself has not run out of memory."
)
_SMALLEST = (
    "The GPU's memory is full even with one picture at a time: take a smaller network size, a tiny network, "
    "or random=0, and end what else runs on the GPU."
)


class Followed(Protocol):
    """What is known of a training that has ended."""

    iteration: int
    problems: list[Problem]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended.

    Attributes:
        status: ``crashed_at_exit``: all iterations are done and saved, but Darknet did not end well.
        exit_code: Of the process; None where a signal ended it or it never started.
        signal: Number of that signal, or None.
        iteration: The last iteration reached.
        saved_iteration: The iteration of the newest whole weights, 0 where there are none.
        weights: Those weights, or None.
        message: One sentence or two for a person.
        reason: Code of the problem that ended a failed training (``gpu-memory``), empty where none is known.
        early: Whether it was ended early because it got no better.
    """

    status: Status
    exit_code: int | None
    signal: int | None
    iteration: int
    saved_iteration: int
    weights: Path | None
    message: str
    reason: str = ""
    early: bool = False

    @property
    def good(self) -> bool:
        """Whether the training was completed."""
        return self.early or self.status in ("finished", "crashed_at_exit")


def mark_of(path: Path) -> FileMark:
    """What tells a file from the one that is written over it; None: there is none.

    Its time is compared for being another, never for being later: clocks are set while a training runs.
    """
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size


def final_weights(run: RunFolder) -> Path:
    """Where Darknet leaves the weights of the last iteration."""
    return run.backup / f"{run.cfg.stem}_final.weights"


def previous_weights(run: RunFolder) -> Path:
    """Where a copy of the weights is that Darknet is going to write over."""
    return run.backup / f"{run.cfg.stem}_previous.weights"


def reserve_of(run: RunFolder) -> Path:
    """A file that only takes room: deleted, it leaves some to say how a training on a full disk ended."""
    return run.path / ".reserve"


def judge(
    run: RunFolder,
    follower: Followed,
    code: int,
    stopped: bool,
    before: FileMark,
    memory_kill: bool | None = None,
) -> Outcome:
    """What came of it. Exit codes alone say little: one Darknet returns 0 for nearly every failure.

    Args:
        run: The run; its run.json is brought up to date.
        follower: What was heard of the training.
        code: Of the process, negative where a signal ended it.
        stopped: Whether it was asked to stop.
        before: The mark of the final weights when it began: those are not its own.
        memory_kill: Whether the system has killed something meanwhile because memory was full; None: nothing
            says it.
    """
    newest = run.newest_weights()
    saved = newest.iteration if newest else 0
    final = final_weights(run)
    complete = (
        newest is not None
        and saved >= run.info.max_batches
        and any(weights.path == final for weights in run.weights())
        and mark_of(final) != before
    )
    iteration = max(follower.iteration, saved if complete else 0)
    if complete:
        status: Status = "finished" if code == 0 else "crashed_at_exit"
    else:
        status = "stopped" if stopped else "failed"
    outcome = Outcome(
        status=status,
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        iteration=iteration,
        saved_iteration=saved,
        weights=newest.path if newest else None,
        message=_message(run, follower.problems, status, code, iteration, saved, final, memory_kill),
        reason=_reason(follower.problems) if status == "failed" else "",
    )
    recorded = "finished" if outcome.good else status
    with suppress(OSError):
        reserve_of(run).unlink(missing_ok=True)
        if complete:
            previous_weights(run).unlink(missing_ok=True)
    with suppress(WriteError):  # a full disk; the outcome is returned all the same
        run.update(status=recorded, iteration=iteration, pid=None, ended=now(), message=outcome.message)
    return outcome


def _reason(problems: Sequence[Problem]) -> str:
    """The first problem that explains why a training ended, by its code."""
    fatal = [problem.code for problem in problems if problem.fatal]
    return next((code for code in fatal if code not in CRASHES), fatal[0] if fatal else "")


def _message(
    run: RunFolder,
    problems: Sequence[Problem],
    status: Status,
    code: int,
    iteration: int,
    saved: int,
    final: Path,
    memory_kill: bool | None,
) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    if status == "finished":
        return f"finished: {iteration} iterations; the weights are {final}"
    if status == "crashed_at_exit":
        return (
            f"finished: {iteration} iterations; the weights are {final} (they are whole; Darknet itself "
            f"then ended {how})"
        )
    where = f"at iteration {iteration}" if iteration else "before the first iteration"
    if saved:
        kept = f"iteration {saved} is saved; go on with: train-cli resume {run.path}"
    else:
        kept = f"nothing was saved yet: Darknet saves every {SAVE_EVERY} iterations"
    if status == "stopped":
        return f"stopped {where}; {kept}"
    fatal = [problem for problem in problems if problem.fatal]
    # How it crashed is only worth telling where nothing says why.
    reasons = [problem.text for problem in fatal if problem.code not in CRASHES]
    if run.info.subdivisions >= run.info.batch and _reason(problems) == "gpu-memory":
        reasons = [_SMALLEST]
    if code == -signal.SIGKILL and not reasons:  # a warning from before has nothing to do with it
        reasons = [{True: _OUT_OF_MEMORY, False: _NOT_BY_MEMORY, None: _KILLED}[memory_kill]]
    reasons = reasons or [problem.text for problem in (fatal or problems)[-1:]]
    reason = " ".join(dict.fromkeys(reasons[:2])) or f"It gave no reason; its output is in {run.log}."
    return f"Darknet ended {how} {where}. {reason} ({kept[0].upper()}{kept[1:]}.)"
