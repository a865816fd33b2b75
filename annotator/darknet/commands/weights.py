"""``train-cli weights``, and what ``--weights`` means: a file, or the name of weights that can be fetched."""

from __future__ import annotations

import argparse
from pathlib import Path

from annotator.darknet.network.pretrained import Pretrained, download, known_weights
from annotator.settings import config_folder, data_folder
from converters.commands import Bar, ExitStatus, print_json, say
from converters.errors import UsageError


def weights_folder() -> Path:
    """Where fetched weights are kept, for all sets."""
    return data_folder() / "weights"


def own_table() -> Path:
    """The person's own table of weights."""
    return config_folder() / "pretrained.json"


def find_weights(asked: Path) -> Path:
    """The file that ``--weights`` means; a name of the table is fetched where it is not there yet.

    Raises:
        DataError: It cannot be fetched.
    """
    found = look_for_weights(asked)
    return found if isinstance(found, Path) else _fetch(found, weights_folder())


def look_for_weights(asked: Path) -> Path | Pretrained:
    """As :func:`find_weights`, without fetching anything: what would be fetched is a line of the table.

    Raises:
        FormatError: The person's table is broken.
    """
    if asked.exists() or asked.name != str(asked):
        return asked
    entry = known_weights(own_table()).get(asked.name)
    if entry is None:
        return asked
    place = weights_folder() / entry.name
    there = place.is_file() and entry.bytes in (None, place.stat().st_size)
    return place if there else entry


def add_weights(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """``train-cli weights [NAME]``."""
    parser = commands.add_parser(
        "weights",
        help="list weights to start from, or fetch them",
        description="List the weights that others have trained, or fetch some.",
    )
    parser.add_argument("name", nargs="?", metavar="NAME", help="fetch these")
    parser.add_argument("--to", type=Path, metavar="FOLDER", help="where to (default: kept for all sets)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    parser.set_defaults(body=_weights)


def _weights(args: argparse.Namespace) -> int:
    table = known_weights(own_table())
    folder = args.to or weights_folder()
    if args.name is not None:
        entry = table.get(args.name)
        if entry is None:
            raise UsageError(f"no weights {args.name!r} are known.", hint=f"There are {', '.join(table)}.")
        print(_fetch(entry, folder))
        return ExitStatus.OK
    if args.json:
        print_json(
            [
                {
                    "name": entry.name,
                    "networks": list(entry.networks),
                    "bytes": entry.bytes,
                    "url": entry.url,
                    "path": str(folder / entry.name) if (folder / entry.name).exists() else None,
                }
                for entry in table.values()
            ]
        )
        return ExitStatus.OK
    for entry in table.values():
        size = f"{entry.bytes / 1e6:.0f} MB" if entry.bytes else "?"
        there = "here" if (folder / entry.name).exists() else "to fetch"
        print(f"{entry.name}\t{size}\t{there}\tfor {', '.join(entry.networks)}")
    say(f"Add your own to {own_table()}.")
    return ExitStatus.OK


def _fetch(entry: Pretrained, folder: Path) -> Path:
    if not (folder / entry.name).exists():
        say(f"fetching {entry.name} from {entry.url}")
    with Bar(entry.name, "B") as bar:
        return download(entry, folder, bar)
