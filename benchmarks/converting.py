"""VOC to YOLO against others, and what ``convert-cli`` does with pictures."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from benchmarks import measuring, peers, sets
from benchmarks.augmenting import JOBS, augment, convert
from benchmarks.measuring import Command, Spread

_FINE = frozenset({0, 1})


def measure_formats(
    annotations: dict[str, str], room: Path, peers_folder: Path, runs: int, times: int = 1
) -> tuple[list[str], dict[str, Any]]:
    """VOC to YOLO, whole processes, without a picture being decoded.

    Args:
        annotations: VOC files by stem.
        room: Folder for what is made.
        peers_folder: Where the other tools are, or will be, installed.
        runs: How often each is run.
        times: So many copies of each file.
    """
    source = sets.write_voc(room / f"voc-{times}", annotations, times)
    out = room / f"yolo-{times}"
    convert_cli = [sys.executable, "-m", "converters.cli.convert", source, out / "ours"]
    panlabel = [peers.program(peers_folder, "labels", "panlabel"), "convert", "--from", "voc", "--to", "yolo"]
    globox = [peers.program(peers_folder, "labels"), JOBS / "globox_voc_to_yolo.py", source, out / "globox"]
    out.mkdir(exist_ok=True)
    commands = [
        Command(
            "convert-cli", [*convert_cli, "--no-similar", "--bake", "needed"], [out / "ours"], fine=_FINE
        ),
        Command(
            "bare loop", [sys.executable, JOBS / "bare_voc_to_yolo.py", source, out / "bare"], [out / "bare"]
        ),
        Command("globox", globox, [out / "globox"]),
        Command(
            "panlabel",
            [*panlabel, "--input", source, "--output", out / "panlabel", "--allow-lossy"],
            [out / "panlabel"],
        ),
    ]
    results = measuring.measure(commands, runs, warm_up=times == 1)
    lines = [f"{len(annotations) * times:,} files, whole processes:", ""]
    lines += measuring.table(results, against=("bare loop", "globox", "panlabel"))
    return lines, {"files": len(annotations) * times, "runs": measuring.as_dict(results)}


def measure_baking(archive: Path, room: Path, runs: int) -> tuple[list[str], dict[str, Any]]:
    """Pictures written anew as 8-bit RGB against linked ones: time, disk, and what augmentation pays later.

    Args:
        archive: A set with real pictures.
        room: Folder for what is made.
        runs: How often each is run.
    """
    baked, linked = room / "work-baked", room / "work-linked"
    cache = {"XDG_CACHE_HOME": str(room / "cache")}

    def command(name: str, target: Path, options: list[str], *, cold: bool) -> Command:
        made = convert(archive, target, *options, "--jobs", "1")
        makes = [target, room / "cache"] if cold else [target]
        return Command(name, made.argv, makes, cache, fine=_FINE)

    commands = [
        command("baked (default)", baked, [], cold=True),
        command("baked, fingerprints known", baked, [], cold=False),
        command("linked", linked, ["--bake", "needed"], cold=True),
        command("linked, fingerprints known", linked, ["--bake", "needed"], cold=False),
        command("linked, --no-similar", linked, ["--bake", "needed", "--no-similar"], cold=True),
    ]
    converting = measuring.measure(commands, runs, warm_up=False)
    later = measuring.measure([augment(baked, "augment baked"), augment(linked, "augment linked")], runs)
    disk = {folder.name: sets.bytes_in(folder / "obj", but=[archive]) / 2**20 for folder in (baked, linked)}
    lines = ["Converting an archive with its pictures, one process:", ""]
    lines += measuring.table(converting, against=("linked",))
    lines += ["", "Augmenting what was made:", "", *measuring.table(later, against=("augment linked",))]
    lines += ["", f"Disk: baked {disk['work-baked']:.0f} MiB, linked {disk['work-linked']:.0f} MiB more."]
    numbers = {"runs": measuring.as_dict(converting | later), "disk_mib": disk}
    return lines, numbers


def measure_starts(runs: int) -> tuple[list[str], dict[str, Any]]:
    """``--help`` of each command against importing NumPy and lxml."""
    modules = {
        "convert-cli": "converters.cli.convert",
        "check-cli": "converters.cli.check",
        "balance-cli": "converters.cli.balance",
        "augment-cli": "augment.cli",
        "train-cli": "annotator.darknet.cli",
    }
    base = Command("numpy, lxml.etree", [sys.executable, "-c", "import numpy, lxml.etree"])
    commands = [base] + [
        Command(name, [sys.executable, "-m", module, "--help"]) for name, module in modules.items()
    ]
    results = measuring.measure(commands, max(runs, 9))
    lines = ["`--help` of each command:", "", *measuring.table(results, against=(base.name,))]
    return lines, {"runs": measuring.as_dict(results)}


def measure_splits(runs: int) -> tuple[list[str], dict[str, Any]]:
    """Dividing sets of several sizes in memory: processor time of the division itself."""
    import json

    lines = ["| images | CPU s of the split | µs an image | worst error of a class |", "|---|---|---|---|"]
    numbers: dict[str, Any] = {}
    for count in (853, 10_000, 100_000):
        command = Command(f"split of {count:,}", [sys.executable, JOBS / "split_images.py", str(count)])
        taken = measuring.measure([command], runs, warm_up=False)[command.name]
        answers = [json.loads(run.output) for run in taken]
        seconds = Spread.of([answer["seconds"] for answer in answers])
        worst = max(answer["worst_error"] for answer in answers)
        lines.append(f"| {count:,} | {seconds.text()} | {seconds.median / count * 1e6:.0f} | {worst:.1%} |")
        numbers[str(count)] = {"seconds": seconds.as_dict(), "worst_error": worst}
    return lines, numbers
