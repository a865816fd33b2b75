"""``train-cli mend``: what the buttons beside the findings of a check do."""

from __future__ import annotations

import argparse
from pathlib import Path

from converters.commands import Bar, ExitStatus, say
from converters.words import counted
from converters.work import WorkFolder, open_work


def add_mend(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``train-cli mend WORK WHAT``."""
    parser = commands.add_parser(
        "mend",
        help="mend what check found in a data set",
        description="Mend what check found in a data set. What is replaced is kept in .annotator/replaced.",
    )
    parser.add_argument("work", type=Path, metavar="WORK", help="the Darknet data set")
    parser.add_argument(
        "what",
        choices=list(_MENDING),
        help="labels: bring over those that changed in the set since, or are missing; splits: put pictures "
        "that show the same into one split; copies: delete those of pictures that are measured on",
    )
    parser.set_defaults(body=_mend)


def _mend(args: argparse.Namespace) -> int:
    _MENDING[args.what](open_work(args.work))
    return ExitStatus.OK


def _labels(work: WorkFolder) -> None:
    from annotator.darknet.preflight.mending import bring_labels

    with Bar("reading labels", " files") as bar:
        done = bring_labels(work, bar)
    for image in (*done.changed, *done.missing):
        print(image)
    say(
        f"{counted(len(done.changed), 'label file', 'label files')} brought over, "
        f"{counted(len(done.missing), 'picture', 'pictures')} made whole"
    )
    if done.copies:
        say(
            f"note: {counted(len(done.copies), 'copy shows', 'copies show')} the old labels: make the copies "
            "again (augment-cli)."
        )


def _splits(work: WorkFolder) -> None:
    from annotator.darknet.preflight.mending import put_alike_together

    with Bar("comparing pictures", " pictures") as bar:
        done = put_alike_together(work, bar)
    for image, split in done.moved.items():
        print(f"{image}\t{split}")
    groups = counted(done.groups, "group", "groups")
    say(f"{counted(len(done.moved), 'picture', 'pictures')} of {groups} moved")


def _copies(work: WorkFolder) -> None:
    from annotator.darknet.preflight.mending import delete_leaking_copies

    say(f"{counted(delete_leaking_copies(work), 'copy', 'copies')} deleted")


_MENDING = {"labels": _labels, "splits": _splits, "copies": _copies}
