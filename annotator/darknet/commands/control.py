"""``train-cli darknet, runs, follow, pause, continue, stop, note``: looking at trainings, steering them."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from annotator.darknet.amounts import size_text
from annotator.darknet.commands.talk import EventLines, Talk
from annotator.darknet.evaluation.spare_weights import sorted_out, thin_out
from annotator.darknet.network.presets import NETWORKS
from annotator.darknet.program.dialect import MISSING, find_darknet
from annotator.darknet.program.events import event_of
from annotator.darknet.run.event_log import follow
from annotator.darknet.run.folder import RunFolder, list_runs
from annotator.darknet.run.notes import note_of, set_note
from annotator.darknet.training.control import continue_run, pause_run, stop_run
from converters.commands import ExitStatus, print_json, say
from converters.work import open_work


def add_control(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands."""
    darknet = commands.add_parser("darknet", help="say which Darknet was found", description="Find Darknet.")
    darknet.add_argument("--darknet", metavar="PATH", help="look at this one")
    darknet.add_argument("--json", action="store_true", help="as JSON")
    darknet.set_defaults(body=_darknet)
    runs = commands.add_parser("runs", help="list the runs of a data set", description="List trainings.")
    runs.add_argument("work", type=Path, metavar="WORK", help="the Darknet data set")
    runs.add_argument("--json", action="store_true", help="as JSON")
    runs.set_defaults(body=_runs)
    _add_steering(commands)


def _add_steering(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    text = "say what a training has said from its start, and what it says until it ends"
    watch = commands.add_parser("follow", help=text, description=text[0].upper() + text[1:] + ".")
    watch.add_argument("--events", action="store_true", help="everything, a JSON value a line")
    watch.set_defaults(body=_follow)
    pause = commands.add_parser(
        "pause", help="let a training stand still", description="Let a training stand still; memory is kept."
    )
    pause.set_defaults(body=_pause)
    go_on = commands.add_parser("continue", help="end a pause", description="End a pause.")
    go_on.set_defaults(body=_continue)
    stop = commands.add_parser(
        "stop",
        help="end a training",
        description="End a training, from wherever it was started; what it saved last can be resumed.",
    )
    stop.set_defaults(body=_stop)
    note = commands.add_parser(
        "note", help="note something of a training", description="Note something of a training; none: say it."
    )
    note.set_defaults(body=_note)
    thin = commands.add_parser(
        "thin",
        help="delete the weights between the best and the last",
        description="Keep the best and the last weights, delete the others; also while it is trained.",
    )
    thin.set_defaults(body=_thin)
    for command in (watch, pause, go_on, stop, note, thin):
        command.add_argument("run", type=Path, metavar="RUN", help="the run folder")
    note.add_argument("text", nargs="?", metavar="TEXT", help="the note; '' takes it away")


def _note(args: argparse.Namespace) -> int:
    run = RunFolder.open(args.run)
    if args.text is None:
        print(note_of(run))
    else:
        set_note(run, args.text)
    return ExitStatus.OK


def _follow(args: argparse.Namespace) -> int:
    run = RunFolder.open(args.run)
    lines, talk = EventLines(), Talk(run.info.max_batches)
    last = ""

    def tell(said: dict[str, Any]) -> None:
        nonlocal last
        last = str(said.get("message") or last)
        if args.events:
            lines.print(said)
        elif (event := event_of(said)) is not None:
            talk(event)

    status = follow(args.run, tell)
    if not args.events:
        say(last or status)
    return how_it_went(status)


def how_it_went(status: str) -> int:
    """The exit code of a training by its status."""
    if status in ("finished", "crashed_at_exit"):
        return ExitStatus.OK
    return ExitStatus.INTERRUPTED if status == "stopped" else ExitStatus.FINDINGS


def _pause(args: argparse.Namespace) -> int:
    pause_run(RunFolder.open(args.run))
    return ExitStatus.OK


def _continue(args: argparse.Namespace) -> int:
    continue_run(RunFolder.open(args.run))
    return ExitStatus.OK


def _stop(args: argparse.Namespace) -> int:
    run = stop_run(RunFolder.open(args.run))
    say(run.info.message)
    return ExitStatus.OK


def _thin(args: argparse.Namespace) -> int:
    run = RunFolder.open(args.run)
    freed = thin_out(run)
    for path in sorted_out(run)[0]:
        print(path)
    say(f"{size_text(freed)} freed; these weights are kept")
    return ExitStatus.OK


def _darknet(args: argparse.Namespace) -> int:
    found = find_darknet(args.darknet)
    if found is None:
        if args.json:
            print_json(None)
        say(" ".join(MISSING))
        return ExitStatus.FINDINGS
    networks = [name for name in NETWORKS if found.knows(name)]
    if args.json:
        print_json(
            {
                "path": str(found.path),
                "title": found.title,
                "dialect": found.dialect,
                "version": found.version,
                "gpu": found.gpu,
                "opencv": found.opencv,
                "letterbox": found.letterboxes,
                "networks": networks,
            }
        )
        return ExitStatus.OK
    words = {True: "yes", False: "no", None: "not known"}
    print(f"{found.title}: {found.path}")
    print(f"GPU: {words[found.gpu]}\nOpenCV: {words[found.opencv]}\nnetworks: {', '.join(networks)}")
    return ExitStatus.OK


def _runs(args: argparse.Namespace) -> int:
    runs = list_runs(open_work(args.work).root)
    if args.json:
        print_json(
            [
                {
                    "run": str(run.path),
                    "network": run.info.network,
                    "status": run.status,
                    "iteration": run.info.iteration,
                    "max_batches": run.info.max_batches,
                    "started": run.info.started,
                    "paused": run.is_paused,
                    "message": run.info.message,
                }
                for run in runs
            ]
        )
        return ExitStatus.OK
    for run in runs:
        status = "paused" if run.is_paused else run.status
        print(f"{run.path}\t{status}\t{run.info.iteration}/{run.info.max_batches}")
    if not runs:
        say("no training yet.")
    return ExitStatus.OK
