"""``python -m benchmarks.training_kills WORK``: a training that is killed at many moments.

One training is begun; at a moment drawn by chance train-cli, its Darknet, or both are killed (SIGKILL, as a
power cut would; `reboot`: afterwards other processes have their numbers), it is stopped (SIGTERM), or its
terminal is closed (SIGHUP); then it is resumed, and ended again. After each end the run folder must say that
it does not run, and the data set must be what it was. After the last one it is left to end. Then there must
be whole final weights, one line in metrics.csv for each iteration, and no process left.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from annotator.darknet.program.dialect import require_darknet
from annotator.darknet.run.folder import RunFolder, list_runs, read_metrics
from converters.errors import UsageError

NETWORK = ("--network", "yolov3-tiny", "--width", "32", "--height", "32", "--batch", "2")
VICTIMS = ("train-cli", "darknet", "both", "reboot", "stop", "hang-up")
MOMENTS = ("start", "run", "iteration", "saved")
_LONGEST = 600.0
_MORE = 60


@dataclass(frozen=True)
class Kill:
    """One of the kills.

    Attributes:
        victim: Who was killed, or how it was ended.
        after: The event after which, ``start`` for the start of the program.
        delay: Seconds after that event.
        iteration: The iteration reached by then.
        saved: The iteration whose weights were there to go on from.
        status: What the run folder said then.
    """

    victim: str
    after: str
    delay: float
    iteration: int
    saved: int
    status: str = ""


class BrokenRunError(Exception):
    """A run did not survive a kill."""


def storm(work: Path, darknet: Path, *, kills: int, iterations: int, seed: int = 0) -> list[Kill]:
    """Train a data set, and kill that many times.

    Raises:
        BrokenRunError: What was left is not as it must be.
    """
    rng = random.Random(seed)
    done: list[Kill] = []
    run: RunFolder | None = None
    data = _digest(work)
    while len(done) < kills:
        victim, after = rng.choice(VICTIMS), rng.choice(MOMENTS)
        delay = rng.random() ** 2 * (1.5 if after == "start" else 0.3)
        _kill_once(_command(work, run, darknet, iterations), victim, after, delay)
        runs = list_runs(work)
        if not runs:  # killed before there was a run folder
            done.append(Kill(victim, after, delay, 0, 0))
            continue
        run = RunFolder.open(runs[-1].path)
        if victim == "reboot":
            _give_away_numbers(run)
        _wait_until_free(run)
        run = RunFolder.open(run.path)
        newest = run.newest_weights()
        saved = newest.iteration if newest else 0
        done.append(Kill(victim, after, delay, run.info.iteration, saved, run.status))
        _check_state(run, done)
        if _digest(work) != data:
            raise BrokenRunError(f"the data set is another after {done[-1]}")
        if saved >= iterations:  # done before the last kill: train it further
            iterations = saved + _MORE
    ended = subprocess.run(
        _command(work, run, darknet, iterations), stdout=subprocess.PIPE, timeout=_LONGEST, check=False
    )
    if ended.returncode != 0:
        raise BrokenRunError(f"the last resumption ended with exit code {ended.returncode}")
    _check(RunFolder.open(list_runs(work)[-1].path), iterations)
    return done


def _command(work: Path, run: RunFolder | None, darknet: Path, iterations: int) -> list[str]:
    head = [sys.executable, "-m", "annotator.darknet.cli"]
    if run is None:
        what = ["run", str(work), *NETWORK, "--max-batches", str(iterations)]
    else:
        what = ["resume", str(run.path), "--max-batches", str(iterations)]
    return [*head, *what, "--darknet", str(darknet), "--events"]


def _kill_once(command: list[str], victim: str, after: str, delay: float) -> None:
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as process:
        said = process.stdout
        path: Path | None = None
        if said is not None and after != "start":
            for line in said:
                event = json.loads(line)
                path = Path(event["path"]) if event["event"] == "run" else path
                if event["event"] == after:
                    break
        time.sleep(delay)
        pid = RunFolder.open(path).info.pid if path else None
        if victim in ("train-cli", "both", "reboot"):
            process.kill()
        if victim in ("stop", "hang-up"):
            process.send_signal(signal.SIGTERM if victim == "stop" else signal.SIGHUP)
        if victim in ("darknet", "both", "reboot") and pid:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if victim == "darknet" and not pid:
            process.kill()
        if said is not None:
            said.read()


def _give_away_numbers(run: RunFolder) -> None:
    """After a restart of the machine other processes have the numbers that run.json names: ours, say."""
    with suppress(UsageError):
        os.close(run.lock())  # waits for those that die
        run = RunFolder.open(run.path)
        if run.info.status == "running":
            run.update(pid=os.getpid(), owner=os.getpid())


def _check_state(run: RunFolder, done: Sequence[Kill]) -> None:
    """A run that was ended says so; a resumed one never falls behind what was saved."""
    complete = done[-1].saved >= run.info.max_batches
    if run.status == "running" or (run.status == "finished" and not complete):
        raise BrokenRunError(f"{run.path} is said to be {run.status} after {done[-1]}")
    if len(done) > 1 and done[-1].saved < done[-2].saved:
        raise BrokenRunError(f"{run.path} has lost the weights of iteration {done[-2].saved}: {done[-1]}")


def _digest(work: Path) -> str:
    """Of all files of the data set, without its runs."""
    digest = hashlib.sha256()
    for path in sorted(work.rglob("*")):
        relative = path.relative_to(work)
        if path.is_file() and relative.parts[0] != "runs":
            digest.update(f"{relative}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _wait_until_free(run: RunFolder) -> None:
    until = time.monotonic() + 20
    while RunFolder.open(run.path).is_looked_after():
        if time.monotonic() > until:
            raise BrokenRunError(f"a process of {run.path} is left")
        time.sleep(0.02)


def _check(run: RunFolder, iterations: int) -> None:
    newest = run.newest_weights()
    if run.info.status != "finished" or newest is None or newest.iteration < iterations:
        raise BrokenRunError(f"{run.path} is {run.info.status} at {newest}")
    lines = [int(row["iteration"]) for row in read_metrics(run.metrics)]
    if lines != list(range(1, iterations + 1)):
        raise BrokenRunError(f"metrics.csv of {run.path} has {len(lines)} lines for {iterations} iterations")
    if run.is_looked_after():
        raise BrokenRunError(f"a process of {run.path} is left")


def main() -> int:
    """Kill; prints a line a kill on stdout."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.training_kills", description=__doc__)
    parser.add_argument("work", type=Path, help="a Darknet data set; a run is made in it")
    parser.add_argument("--darknet", help="default: $DARKNET, then PATH")
    parser.add_argument("--kills", type=int, default=20, help="how many (20)")
    parser.add_argument("--iterations", type=int, default=320, help="of the training (320)")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    darknet = require_darknet(args.darknet).path
    try:
        kills = storm(args.work, darknet, kills=args.kills, iterations=args.iterations, seed=args.seed)
    except BrokenRunError as error:
        print(f"broken: {error}", file=sys.stderr)
        return 1
    print("| victim | after | s | iteration | saved | status |\n|---|---|---|---|---|---|")
    for kill in kills:
        reached = f"{kill.iteration} | {kill.saved} | {kill.status}"
        print(f"| {kill.victim} | {kill.after} | {kill.delay:.2f} | {reached} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
