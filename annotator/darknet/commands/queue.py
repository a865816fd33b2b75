"""``train-cli queue``: several trainings of a data set, one after another on one GPU."""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

from annotator.darknet.commands.check import before_start
from annotator.darknet.commands.plans import plan_run
from annotator.darknet.program.dialect import require_darknet
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.training.queue import QueueResult, QueueRunner, TrainingQueue
from converters.commands import ExitStatus, print_json, say
from converters.errors import UsageError, WriteError
from converters.files import make_folder
from converters.report import Report
from converters.work import open_work

_Parser = argparse.ArgumentParser
_Add = Callable[[_Parser], None]


def add_queue(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    add_run_options: _Add,
    add_training_options: _Add,
    refused: Callable[[Report], bool],
) -> None:
    """Add the command.

    Args:
        commands: Where.
        add_run_options: Adds what a new training can be asked for.
        add_training_options: Adds how it is trained.
        refused: Says what a check has found; whether it forbids the training.
    """
    queue = commands.add_parser(
        "queue",
        help="train several runs one after another",
        description="Several trainings of a data set, one after another. What waits survives a restart.",
    )
    steps = queue.add_subparsers(required=True, metavar="STEP")

    def step(name: str, text: str, body: Callable[[argparse.Namespace], int]) -> _Parser:
        parser = steps.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        parser.add_argument("work", type=Path, metavar="WORK", help="the Darknet data set")
        parser.set_defaults(body=body)
        return parser

    add = step("add", "check a new training and put it at the end", lambda args: _add(args, refused))
    add.add_argument("--run", type=Path, metavar="RUN", help="a run to go on with, instead of a new one")
    add_run_options(add)
    add_training_options(add)
    step("list", "say what waits", _list).add_argument("--json", action="store_true", help="as JSON")
    remove = step("remove", "take a run out; its folder stays", _remove)
    move = step("move", "put a run at another place", _move)
    move.add_argument("--to", type=int, required=True, metavar="N", help="the place, from 1")
    for parser in (remove, move):
        parser.add_argument("run", metavar="RUN", help="the run folder, or its name")
    run = step("run", "train what waits, until nothing does", _run)
    run.add_argument("--detach", action="store_true", help="in the background")
    step("stop", "stop the training and the queue; the run waits on", _stop)


def _add(args: argparse.Namespace, refused: Callable[[Report], bool]) -> int:
    work = open_work(args.work)
    if args.run is not None:
        run = RunFolder.open(args.run)
        if run.path.absolute().parent != work.runs.absolute():
            raise UsageError("is no run of this data set.", path=args.run, code="not-a-run")
        darknet = str(args.darknet or run.info.darknet["path"])
    else:
        found = require_darknet(args.darknet)
        plan = plan_run(args, work, found)
        if refused(plan.check(before_start(args.gpu))):
            return ExitStatus.FINDINGS
        run, darknet = plan.create(), str(found.path)
    options = ["--darknet", darknet, "--early-stop", str(args.early_stop)]
    options += ["--threads", str(args.threads)] if args.threads else []
    options += ["--gpu", args.gpu] if args.gpu else []
    options += ["--no-map"] if args.no_map else []
    options += ["--no-measure"] if args.no_measure else []
    queue = TrainingQueue(work)
    place = queue.add(run, options)
    print(run.path, flush=True)
    runner = "" if queue.runner() else f"; start with: train-cli queue run {work.root}"
    say(f"number {place} in the queue{runner}")
    return ExitStatus.OK


def _list(args: argparse.Namespace) -> int:
    work = open_work(args.work)
    queue = TrainingQueue(work)
    entries = queue.waiting()
    if args.json:
        print_json({"runner": queue.runner(), "waiting": [str(work.runs / one.name) for one in entries]})
        return ExitStatus.OK
    for place, entry in enumerate(entries, 1):
        print(f"{place}\t{work.runs / entry.name}")
    if not entries:
        say("nothing waits.")
    elif queue.runner() is None:
        say(f"nobody works through it; start with: train-cli queue run {work.root}")
    return ExitStatus.OK


def _remove(args: argparse.Namespace) -> int:
    work = open_work(args.work)
    name = Path(args.run).name
    if (work.runs / name / "run.json").is_file() and RunFolder.open(work.runs / name).is_looked_after():
        raise UsageError(
            "is being trained.", path=work.runs / name, code="still-running",
            hint=f"Stop it: train-cli stop {work.runs / name}",
        )  # fmt: skip
    TrainingQueue(work).remove(name)
    return ExitStatus.OK


def _move(args: argparse.Namespace) -> int:
    TrainingQueue(open_work(args.work)).move(Path(args.run).name, args.to)
    return ExitStatus.OK


def _run(args: argparse.Namespace) -> int:
    work = open_work(args.work)
    queue = TrainingQueue(work)
    if args.detach:
        return _detach(work.root.absolute(), work.runs, queue)
    runner = QueueRunner(queue, say)

    def stop(number: int, frame: FrameType | None) -> None:
        runner.stop()

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.signal(number, stop) for number in numbers}
    try:
        result = runner.run()
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    say(_summary(result))
    if result.interrupted:
        return ExitStatus.INTERRUPTED
    return ExitStatus.FINDINGS if result.failed else ExitStatus.OK


def _summary(result: QueueResult) -> str:
    text = f"{len(result.done)} trained, {len(result.failed)} failed, {len(result.stopped)} stopped by hand"
    return f"stopped; {text}; what waits is kept" if result.interrupted else text


def _detach(root: Path, runs: Path, queue: TrainingQueue) -> int:
    if (other := queue.runner()) is not None:
        raise UsageError(f"another process ({other}) is working through this queue.", code="queue-runs")
    make_folder(runs)
    try:
        with (runs / "queue.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "annotator.darknet.cli", "queue", "run", str(root)],
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip
    except OSError as error:
        raise WriteError.from_os_error(error, runs / "queue.log") from error
    process.returncode = 0  # it is nobody's child any more
    print(process.pid)
    say(f"training in the background; what it says is in {runs / 'queue.log'}")
    return ExitStatus.OK


def _stop(args: argparse.Namespace) -> int:
    queue = TrainingQueue(open_work(args.work))
    pid = queue.runner()
    if pid is None:
        raise UsageError("nobody works through this queue.", path=args.work, code="not-running")
    os.kill(pid, signal.SIGTERM)
    return ExitStatus.OK
