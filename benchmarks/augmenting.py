"""``augment-cli --copies 2`` against the same job written with others, and against the codecs alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks import measuring, peers
from benchmarks.measuring import Command, Run, Spread

JOBS = Path(__file__).resolve().parent / "jobs"
COPIES = 2


def measure(archive: Path, room: Path, peers_folder: Path, runs: int) -> tuple[list[str], dict[str, Any]]:
    """Tables and numbers.

    Each is run on all training pictures, and on the first fifth of them: the difference is what a picture
    costs, the rest what starting does.

    Args:
        archive: A set with real pictures.
        room: Folder for what is made.
        peers_folder: Where the other libraries are, or will be, installed.
        runs: How often each is run.
    """
    work, fifth = room / "work", room / "work-fifth"
    for target in (work, fifth):
        if not target.is_dir():
            measuring.run(convert(archive, target))
    pictures = _shorten(fifth, 5)
    results: dict[str, list[Run]] = {}
    commands = [*_commands(work, peers_folder, ""), *_commands(fifth, peers_folder, " (a fifth)")]
    results = measuring.measure(commands, runs)
    whole = {name: taken for name, taken in results.items() if not name.endswith("(a fifth)")}
    lines = [f"{pictures[0]} pictures, {COPIES} copies each, whole commands in one process:", ""]
    lines += measuring.table(whole, against=("imaug", "albumentations", "codecs (OpenCV)", "codecs (ours)"))
    each = _per_picture(results, pictures[0] - pictures[1])
    lines += ["", "A picture (all less a fifth of them):", "", *_slopes(each)]
    numbers = {
        "pictures": pictures[0],
        "runs": measuring.as_dict(results),
        "ms_a_picture": {name: Spread.of(values).as_dict() for name, values in each.items()},
    }
    return lines, numbers


def convert(archive: Path, target: Path, *options: str) -> Command:
    """Makes the Darknet data set that is augmented."""
    argv = [sys.executable, "-m", "converters.cli.convert", archive, target, *options]
    return Command(f"convert-cli {' '.join(options)}".strip(), argv, fine=frozenset({0, 1}))


def augment(work: Path, name: str = "augment-cli", jobs: int = 1) -> Command:
    """Our job."""
    argv = [sys.executable, "-m", "augment.cli", work, "--copies", COPIES, "--seed", 1, "--jobs", jobs]
    return Command(name, list(map(str, argv)), makes=[work / "augmented"])


def _commands(work: Path, peers_folder: Path, suffix: str) -> list[Command]:
    def job(name: str, python: Path | str, script: str) -> Command:
        out = work.parent / f"copies-{script}"
        return Command(
            f"{name}{suffix}", [python, JOBS / f"{script}.py", work, out, str(COPIES)], makes=[out]
        )

    return [
        augment(work, f"augment-cli{suffix}"),
        job("imaug", peers.program(peers_folder, "imaug"), "imaug_copies"),
        job("albumentations", peers.program(peers_folder, "albumentations"), "albumentations_copies"),
        job("codecs (OpenCV)", sys.executable, "codecs_opencv"),
        job("codecs (ours)", sys.executable, "codecs_ours"),
    ]


def _shorten(work: Path, part: int) -> tuple[int, int]:
    """Leave a part of the training pictures in a data set; how many there were, and are."""
    from converters.model import Split
    from converters.work import WorkFolder, read_split, write_lists, write_split

    folder = WorkFolder(work)
    rows = read_split(folder)
    train = [row for row in rows if row.split is Split.TRAIN]
    whole = (
        len(folder.root.with_name("work").joinpath("train.txt").read_text(encoding="utf-8").split("\n")) - 1
    )
    kept = train[: whole // part]
    if len(kept) < len(train):
        write_split(folder, [row for row in rows if row.split is not Split.TRAIN or row in kept])
        write_lists(folder)
    return whole, len(kept)


def _per_picture(results: dict[str, list[Run]], pictures: int) -> dict[str, list[float]]:
    return {
        name: [
            (a.cpu - b.cpu) / pictures * 1000
            for a, b in zip(taken, results[f"{name} (a fifth)"], strict=True)
        ]
        for name, taken in results.items()
        if not name.endswith("(a fifth)")
    }


def _slopes(each: dict[str, list[float]]) -> list[str]:
    ours = each["augment-cli"]
    lines = ["| | CPU ms a picture | augment-cli ÷ it |", "|---|---|---|"]
    for name, values in each.items():
        ratio = Spread.of([a / b for a, b in zip(ours, values, strict=True)]).text()
        lines.append(f"| {name} | {Spread.of(values).text()} | {'1' if values is ours else ratio} |")
    return lines
