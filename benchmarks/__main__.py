"""``python -m benchmarks``: all that benchmarks/README.md quotes, or a part of it."""

from __future__ import annotations

import argparse
import json
import platform
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import platformdirs

from benchmarks import augmenting, converting, labelling, sets
from benchmarks.measuring import CommandFailedError

Section = Callable[[], tuple[list[str], dict[str, Any]]]
TIMES = 100


def main() -> int:
    """Measure; prints tables on stdout."""
    given = _parser().parse_args()
    with tempfile.TemporaryDirectory(prefix="benchmarks-", dir=given.room) as folder:
        sections = _sections(given, Path(folder))
        chosen = given.only or [name for name in sections if name != "formats-large" or given.large]
        numbers: dict[str, Any] = {"machine": _machine()}
        for name in chosen:
            print(f"\n## {name}\n", flush=True)
            try:
                lines, numbers[name] = sections[name]()
            except CommandFailedError as error:
                print(f"error: {error}", file=sys.stderr)
                return 1
            print("\n".join(lines), flush=True)
    if given.json is not None:
        given.json.write_text(json.dumps(numbers, indent=1) + "\n", encoding="utf-8")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=list(_NAMES), metavar="PART", help=", ".join(_NAMES))
    parser.add_argument(
        "--archive", type=Path, help="folder of the Kaggle set with its pictures (default: made-up ones)"
    )
    parser.add_argument("--annotations", type=Path, help="folder with all its XML files (default: --archive)")
    parser.add_argument("--pictures", type=int, default=200, help="how many pictures are made up (200)")
    parser.add_argument("--runs", type=int, default=5, help="how often each command is run (5)")
    parser.add_argument(
        "--large", action="store_true", help=f"also {TIMES} times as many label files (some minutes)"
    )
    parser.add_argument(
        "--room", type=Path, help="folder for some hundred MiB (default: the system's for this)"
    )
    parser.add_argument(
        "--peers",
        type=Path,
        default=platformdirs.user_cache_path("mask-annotator-benchmarks", appauthor=False),
        help="where the other libraries are installed when first needed (default: %(default)s)",
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all numbers there")
    return parser


_NAMES = ("starts", "formats", "formats-large", "splits", "baking", "augmenting", "labelling")


def _sections(given: argparse.Namespace, room: Path) -> dict[str, Section]:
    runs, peers = given.runs, given.peers

    def annotations() -> dict[str, str]:
        return sets.annotations_of(given.annotations or given.archive)

    def archive() -> Path:
        if given.archive is not None:
            return Path(given.archive)
        return sets.write_pictures(room / "archive", sets.annotations_of(None), given.pictures)

    return {
        "starts": lambda: converting.measure_starts(runs),
        "formats": lambda: converting.measure_formats(annotations(), room, peers, runs),
        "formats-large": lambda: converting.measure_formats(
            annotations(), room, peers, max(1, runs // 3), TIMES
        ),
        "splits": lambda: converting.measure_splits(runs),
        "baking": lambda: converting.measure_baking(archive(), room, runs),
        "augmenting": lambda: augmenting.measure(archive(), room, peers, runs),
        "labelling": lambda: labelling.measure(archive(), room, peers, runs),
    }


def _machine() -> dict[str, str]:
    from importlib.metadata import version

    packages = ("numpy", "opencv-python-headless", "Pillow", "lxml", "fpng")
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        **{name: version(name) for name in packages},
    }


if __name__ == "__main__":
    sys.exit(main())
