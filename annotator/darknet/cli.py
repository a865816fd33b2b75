"""``train-cli``: train, go on, evaluate and predict with Darknet."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from annotator.darknet.commands.check import add_check_output, before_start, print_check, watching
from annotator.darknet.commands.control import add_control, how_it_went
from annotator.darknet.commands.mend import add_mend
from annotator.darknet.commands.network import add_network_options, add_networks
from annotator.darknet.commands.plans import Resumption, RunPlan, check_set, plan_run
from annotator.darknet.commands.queue import add_queue
from annotator.darknet.commands.talk import EventLines, Talk
from annotator.darknet.commands.weights import add_weights
from annotator.darknet.network.presets import NETWORKS, STUDY_BATCH
from annotator.darknet.preflight.look import Watch
from annotator.darknet.program.dialect import Darknet, recognise, require_darknet
from annotator.darknet.program.events import Finished, RunStarted
from annotator.darknet.program.gpu import Gpu, choose_gpus, read_gpus
from annotator.darknet.run.data import is_own
from annotator.darknet.run.event_log import start_detached
from annotator.darknet.run.folder import RunFolder, data_hash
from annotator.darknet.run.outcome import Outcome
from annotator.darknet.training.control import GO_ON, PAUSE
from annotator.darknet.training.desktop import is_looked_at, notify
from annotator.darknet.training.time_left import pace_of, time_text, training_time
from annotator.darknet.training.trainer import Start, Trainer, find_sound, newest_sound
from converters.commands import ExitStatus, make_parser, print_json, run_command, say
from converters.errors import DataError, UsageError
from converters.files import make_folder
from converters.model import Split
from converters.report import Report
from converters.work import WorkFolder, open_work

_EXAMPLES = """  train-cli run work --network yolov3-tiny
  train-cli run work --network yolov4 --weights yolov4.conv.137 --max-batches 6400 --steps 4800,5400
  train-cli run work --network yolov3-tiny --width 96 --height 96 --batch 4 --max-batches 40
  train-cli resume work/runs/20260114-093012-yolov3-tiny
  train-cli evaluate work/runs/20260114-093012-yolov3-tiny
  train-cli run work --cfg my-own.cfg --anchors auto --set saturation=1.2 --set mosaic=0
  train-cli networks yolov4 --classes 3
  train-cli check work --network yolov4
  train-cli mend work labels
  train-cli run work --network yolov4-tiny --detach
  train-cli follow work/runs/20260114-093012-yolov4-tiny
  train-cli stop work/runs/20260114-093012-yolov4-tiny
  train-cli queue add work --network yolov3
  train-cli queue run work
  train-cli runs work
  train-cli darknet"""
_STDIN = 0
_SHOWN_ISSUES = 50


def main(argv: Sequence[str] | None = None) -> int:
    """The command; returns its exit code."""
    return run_command(_body, argv)


def _body(arguments: Sequence[str]) -> int:
    args = _parser().parse_args(arguments)
    body: Callable[[argparse.Namespace], int] = args.body
    return body(args)


def _parser() -> argparse.ArgumentParser:
    from annotator.darknet.commands.compare import add_compare, add_speed
    from annotator.darknet.commands.evaluate import add_evaluate
    from annotator.darknet.commands.predict import add_predict
    from annotator.darknet.commands.report import add_report

    parser = make_parser("train-cli", "Train a Darknet network on a data set, and measure it.", _EXAMPLES)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    _add_run(commands)
    _add_resume(commands)
    _add_check(commands)
    add_evaluate(commands)
    add_report(commands)
    add_predict(commands)
    add_compare(commands)
    add_speed(commands)
    add_networks(commands)
    add_weights(commands)
    add_control(commands)
    add_mend(commands)
    add_queue(commands, add_run_options, _add_training_options, _refused)
    return parser


def _add_run(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    run = commands.add_parser("run", help="train a network", description="Train a network from the start.")
    run.add_argument("work", type=Path, metavar="WORK", help="the Darknet data set")
    add_run_options(run)
    _add_common(run)
    run.set_defaults(body=_run)


def _add_check(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    check = commands.add_parser(
        "check",
        help="look for what would make a training fail",
        description="Look at everything a training needs, as `run` and `resume` do before they start.",
    )
    check.add_argument("work", type=Path, metavar="WORK", help="the Darknet data set, or a run to go on with")
    add_run_options(check)
    check.add_argument("--darknet", metavar="PATH", help="the Darknet to use (default: $DARKNET, then PATH)")
    check.add_argument("--gpu", metavar="N[,M]", help="the GPUs to train on, as of `run`")
    add_check_output(check)
    check.set_defaults(body=_check)


def add_run_options(run: argparse.ArgumentParser) -> None:
    """Add what a new training can be asked for."""
    names = "; ".join(f"{name}: {network.description}" for name, network in NETWORKS.items())
    which = run.add_mutually_exclusive_group()
    which.add_argument(
        "--network", choices=list(NETWORKS), default="yolov4", help=names + " (default yolov4)"
    )
    which.add_argument(
        "--cfg",
        type=Path,
        metavar="FILE",
        help="a cfg of your own: its classes, filters and length are adapted",
    )
    run.add_argument(
        "--width", type=int, help="input width, a multiple of 32 (default 416, or what --cfg has)"
    )
    run.add_argument("--height", type=int, help="input height (default 416, or what --cfg has)")
    add_network_options(run)
    run.add_argument("--batch", type=int, default=STUDY_BATCH, help="pictures an iteration (default 64)")
    run.add_argument(
        "--subdivisions",
        type=int,
        help="parts of a batch; more need less memory (default: parts of 4 pictures, so 16 for 64)",
    )
    run.add_argument(
        "--max-batches",
        type=int,
        help="iterations (default: 2000 a class, at least 6000 and at least the number of pictures)",
    )
    run.add_argument("--learning-rate", type=float, help="default: the network's own")
    run.add_argument(
        "--steps",
        type=_steps,
        metavar="A,B",
        help="iterations at which the learning rate falls (default: 80 and 90 %% of --max-batches)",
    )
    run.add_argument(
        "--weights",
        type=Path,
        metavar="FILE",
        help="start from these weights: a file, or a name that `train-cli weights` lists (default: random)",
    )
    run.add_argument(
        "--same-classes",
        action="store_true",
        help="the weights' classes are this set's, in this order, whatever they were called (default: "
        "classes are found by their names, others begin at random)",
    )
    run.add_argument(
        "--seed",
        type=int,
        help="a number to keep in run.json (Darknet itself draws by the clock: no two trainings are equal)",
    )


def _add_resume(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    resume = commands.add_parser(
        "resume", help="go on with a training", description="Go on from a run's newest whole weights."
    )
    resume.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    resume.add_argument("--max-batches", type=int, help="train up to this iteration instead")
    resume.add_argument("--checked", action="store_true", help=argparse.SUPPRESS)  # by the one that detached
    _add_common(resume)
    resume.set_defaults(body=_resume)


def _add_training_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--darknet", metavar="PATH", help="the Darknet to use (default: $DARKNET, then PATH)")
    parser.add_argument(
        "--gpu", metavar="N[,M]", help="train on these GPUs of nvidia-smi's list (default: Darknet's first)"
    )
    parser.add_argument("--threads", type=_positive, help="OpenMP threads (default: half of the processors)")
    parser.add_argument("--no-map", action="store_true", help="do not let Darknet measure mAP while training")
    parser.add_argument(
        "--no-measure",
        action="store_true",
        help="do not measure saved weights on validation in the background (checkpoints.csv)",
    )
    parser.add_argument(
        "--early-stop",
        type=_from_zero,
        default=0,
        metavar="N",
        help="end it when mAP on validation was below its best at N checkpoints in a row while the loss "
        "still fell (default 0: never)",
    )


def _add_common(parser: argparse.ArgumentParser) -> None:
    _add_training_options(parser)
    ending = parser.add_mutually_exclusive_group()
    ending.add_argument("--stop-on-eof", action="store_true", help="stop when standard input is closed")
    ending.add_argument(
        "--detach", action="store_true", help="train in the background, also when the terminal is closed"
    )
    output = parser.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="at the end, say how it went as JSON")
    output.add_argument(
        "--events", action="store_true", help="say everything as it happens, a JSON value a line"
    )


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1")
    return int(text)


def _from_zero(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 0")
    return int(text)


def _steps(text: str) -> tuple[int, ...]:
    try:
        steps = tuple(int(part) for part in text.split(","))
    except ValueError:
        steps = ()
    if len(steps) != 2 or not 0 <= steps[0] <= steps[1]:
        raise argparse.ArgumentTypeError(f"{text!r} is not two rising iterations, as 4800,5400")
    return steps


# ---- run and resume ---------------------------------------------------------------------------------


def _run(args: argparse.Namespace) -> int:
    work = open_work(args.work)
    darknet = require_darknet(args.darknet)
    _gpus(args, darknet)  # one that is not there is said before anything is made
    plan = plan_run(args, work, darknet)
    if _refused(plan.check(before_start(args.gpu))):
        return ExitStatus.FINDINGS
    pace = pace_of(darknet, work.root)
    if pace is not None:
        say(f"time: {time_text(training_time(plan.cfg, pace), pace)}")
    run = plan.create()
    if args.detach:
        return _detach(args, run, darknet)
    return _train(args, run, darknet, Start(plan.start_of(run), clear=True))


def _check(args: argparse.Namespace) -> int:
    watch = watching(args)
    try:
        if (args.work / "run.json").is_file():
            run = RunFolder.open(args.work)
            _resumption(args, run, only_looks=True).check(watch)
        else:
            _check_new(args, open_work(args.work), watch)
    except DataError as error:
        watch.report.add_exception(error)
    print_check(args, watch)
    return watch.report.exit_code()


def _check_new(args: argparse.Namespace, work: WorkFolder, watch: Watch) -> None:
    """Look at a new training, also where no Darknet is there, or the network cannot be made."""
    try:
        darknet = require_darknet(args.darknet)
    except DataError as error:
        watch.report.add_exception(error)
        darknet = Darknet(Path("darknet"), "alexeyab")
    try:
        plan = _plan_to_check(args, work, darknet, watch.report)
    except DataError as error:
        watch.report.add_exception(error)
        check_set(work, darknet, watch)
    else:
        plan.check(watch)


def _plan_to_check(args: argparse.Namespace, work: WorkFolder, darknet: Darknet, report: Report) -> RunPlan:
    try:
        return plan_run(args, work, darknet, only_looks=True)
    except UsageError as error:
        if error.code != "unknown-network":
            raise
        report.add_exception(error)
        return plan_run(args, work, Darknet(darknet.path, "alexeyab"), only_looks=True)


def _resume(args: argparse.Namespace) -> int:
    run = RunFolder.open(args.run)
    os.close(run.lock())  # refuses while it is being trained
    if not run.backup.exists():
        say("note: its folder of weights was gone, and is made again.")
        make_folder(run.backup)
    plan = _resumption(args, run)
    if plan.iteration >= plan.wanted:
        say(
            f"nothing to do: iteration {plan.iteration} is reached, and {plan.wanted} were asked for. Go on "
            f"with: train-cli resume {run.path} "
            f"--max-batches {plan.iteration + max(1000, plan.wanted // 2)}"
        )
        if run.info.status != "finished" and plan.wanted == run.info.max_batches:
            # It was killed after its last weights: nobody was left to say that it is done.
            message = (
                f"finished: {plan.iteration} iterations; it was ended from outside after its last weights"
            )
            run.update(status="finished", iteration=plan.iteration, pid=None, message=message)
        _print_path(args, run, "finished")
        return ExitStatus.OK
    if not args.checked and _refused(plan.check(before_start(args.gpu))):
        return ExitStatus.FINDINGS
    if args.detach:
        args.resume_to = plan.wanted
        return _detach(args, run, plan.darknet)
    if data_hash(run) != run.info.data.get("hash"):
        own = all(map(is_own, run.own_list(Split.TRAIN)))
        on = (
            "it goes on with the pictures and labels it began with" if own else "it goes on with the new ones"
        )
        say(f"note: lists or labels have changed since this run was made: {on}.")
    if plan.newest is None:
        say("nothing was saved yet: starting anew in the same folder.")
    else:
        say(f"going on from iteration {plan.iteration} ({plan.newest.path.name}).")
    return _train(args, run, plan.darknet, plan.prepare())


def _resumption(args: argparse.Namespace, run: RunFolder, *, only_looks: bool = False) -> Resumption:
    darknet = _same_darknet(args.darknet, run)
    if run.info.network in NETWORKS:
        darknet.require(run.info.network)
    wanted = args.max_batches or run.info.max_batches
    if only_looks:
        newest, unsound = find_sound(run)
        return Resumption(run, darknet, newest, wanted, unsound)
    newest = newest_sound(run, lambda text: say(f"note: {text}"))
    return Resumption(run, darknet, newest, wanted)


def _same_darknet(setting: str | None, run: RunFolder) -> Darknet:
    """The Darknet of the run, or another of the same kind."""
    recorded = run.info.darknet
    found = None
    if setting is None and Path(recorded["path"]).is_file():
        found = recognise(Path(recorded["path"]))
    darknet = found or require_darknet(setting)
    if darknet.dialect != recorded["dialect"]:
        raise UsageError(
            f"this run was trained with {recorded['dialect']}'s Darknet, and {darknet.path} is "
            f"{darknet.dialect}'s: they see pictures differently.",
            hint="Name the right one with --darknet, or start a new run from these weights.",
        )
    return darknet


def _refused(report: Report) -> bool:
    """Print what was found; whether it forbids to start."""
    issues = report.errors + report.warnings
    for issue in issues[:_SHOWN_ISSUES]:
        say(str(issue))
    if len(issues) > _SHOWN_ISSUES:
        say(f"… and {len(issues) - _SHOWN_ISSUES} more")
    if report.errors:
        say(f"not started: {report.summary()}")
    return bool(report.errors)


def _train(args: argparse.Namespace, run: RunFolder, darknet: Darknet, start: Start) -> int:
    trainer = Trainer(
        run,
        darknet,
        start,
        with_map=not args.no_map,
        threads=args.threads,
        gpus=_gpus(args, darknet),
        stop_fd=_STDIN if args.stop_on_eof else None,
        early_stop=args.early_stop,
        owner=os.getpid(),
        measure=not args.no_measure,
    )
    if not args.json and not args.events:
        print(run.path, flush=True)
    with _steering(trainer):
        outcome = trainer.run(EventLines() if args.events else Talk(run.info.max_batches))
    if os.getsid(0) == os.getpid() and outcome.status != "stopped" and not is_looked_at(run.path):
        notify(f"Training: {run.path.name}", outcome.message)  # no terminal and no window says it
    if not args.events:
        say(outcome.message)
    if args.json:
        _print_path(args, run, outcome.status, outcome)
    return ExitStatus.OK if outcome.good else how_it_went(outcome.status)


def _gpus(args: argparse.Namespace, darknet: Darknet) -> tuple[Gpu, ...]:
    """The GPUs that were asked for."""
    if args.gpu is None:
        return ()
    if darknet.gpu is False:
        raise UsageError("this Darknet is built for the CPU: --gpu says nothing to it.", path=darknet.path)
    return choose_gpus(args.gpu, read_gpus(with_cuda=False))


def _detach(args: argparse.Namespace, run: RunFolder, darknet: Darknet) -> int:
    """Start the training in a process of its own, which goes on when this one and its terminal are gone."""
    command = [sys.executable, "-m", "annotator.darknet.cli", "resume", str(run.path.absolute()), "--checked"]
    command += ["--darknet", str(darknet.path), "--early-stop", str(args.early_stop), "--events"]
    command += ["--threads", str(args.threads)] if args.threads else []
    command += ["--gpu", args.gpu] if args.gpu else []
    command += ["--no-map"] if args.no_map else []
    command += ["--no-measure"] if args.no_measure else []
    if getattr(args, "resume_to", None):
        command += ["--max-batches", str(args.resume_to)]
    pid = start_detached(run, command)
    if args.events:
        event = RunStarted(run.path, run.info.max_batches, run.info.iteration)
        print(json.dumps(event.as_dict(), ensure_ascii=False), flush=True)
    elif args.json:
        print_json({"run": str(run.path), "status": "running", "pid": pid})
    else:
        print(run.path, flush=True)
        say(f"training in the background; look on with: train-cli follow {run.path}")
    return ExitStatus.OK


def _print_path(
    args: argparse.Namespace, run: RunFolder, status: str, outcome: Outcome | None = None
) -> None:
    if args.events:
        newest = run.newest_weights()
        saved = newest.iteration if newest else 0
        event = Finished(status, run.info.message, saved, saved, str(newest.path) if newest else "")
        for line in (RunStarted(run.path, run.info.max_batches, saved), event):
            print(json.dumps(line.as_dict(), ensure_ascii=False), flush=True)
    elif args.json:
        newest = run.newest_weights()
        print_json(
            {
                "run": str(run.path),
                "status": status,
                "iteration": outcome.iteration if outcome else newest.iteration if newest else 0,
                "saved_iteration": newest.iteration if newest else 0,
                "weights": str(newest.path) if newest else None,
                "message": outcome.message if outcome else run.info.message,
            }
        )
    else:
        print(run.path, flush=True)


@contextmanager
def _steering(trainer: Trainer) -> Iterator[None]:
    """Ctrl-C, SIGTERM, a closed terminal and pauses steer the training instead of ending this program."""
    steps: dict[signal.Signals, Callable[[], None]] = {
        signal.SIGINT: trainer.stop,
        signal.SIGTERM: trainer.stop,
        signal.SIGHUP: trainer.stop,
        PAUSE: trainer.pause,
        GO_ON: trainer.go_on,
    }

    def steer(number: int, frame: FrameType | None) -> None:
        steps[signal.Signals(number)]()

    before = {number: signal.signal(number, steer) for number in steps}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


if __name__ == "__main__":
    sys.exit(main())
