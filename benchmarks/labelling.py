"""The labelling window beside labelImg's and labelme's: the first picture, the next picture, memory.

Each window runs in a process of its own on the same pictures with the same boxes, in turn, round after round.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import peers, sets
from benchmarks.measuring import CommandFailedError, Spread

JOBS = Path(__file__).parent / "jobs"
ROOT = Path(__file__).resolve().parents[1]
OURS = "mask-annotator"
FEW, MANY = 200, 10_000
STEPS = 150


@dataclass(frozen=True)
class Window:
    """One round of a window.

    Attributes:
        first: Seconds from the start of the process to the first picture on the screen.
        steps: Milliseconds of the window's thread from each key to the next picture on the screen.
        memory: MiB at the end.
    """

    first: float
    steps: tuple[float, ...]
    memory: float

    @property
    def median(self) -> float:
        """Milliseconds for the next picture, in the middle."""
        return statistics.median(self.steps)

    @property
    def p95(self) -> float:
        """The same for the slowest of twenty."""
        return statistics.quantiles(self.steps, n=20, method="inclusive")[-1]


def measure(archive: Path, room: Path, environments: Path, runs: int) -> tuple[list[str], dict[str, Any]]:
    """The three windows on 200 pictures, ours and labelImg on 10,000.

    Args:
        archive: A set with ``images`` and ``annotations``.
        room: Folder for the sets.
        environments: Where the other tools are installed.
        runs: Rounds.
    """
    lines: list[str] = []
    numbers: dict[str, Any] = {}
    for count in (FEW, MANY):
        results = _rounds(
            _sets(archive, room, count), environments, runs if count == FEW else max(1, runs // 2)
        )
        lines += [f"{count:,} pictures:", "", *_table(results), ""]
        numbers[str(count)] = {
            name: [{"first": one.first, "steps": one.steps, "memory": one.memory} for one in found]
            for name, found in results.items()
        }
    return lines, numbers


def _sets(archive: Path, room: Path, count: int) -> tuple[Path, Path]:
    """The pictures under so many names in Pascal VOC, and the same with label files of labelme."""
    voc, labelme = room / f"voc-{count}", room / f"labelme-{count}"
    if labelme.is_dir():
        return voc, labelme
    pictures = sorted(path for path in (archive / "images").iterdir() if path.suffix == ".png")
    for folder in (voc / "images", voc / "annotations", labelme):
        folder.mkdir(parents=True)
    texts = sets.annotations_of(archive / "annotations")
    pictures = [picture for picture in pictures if picture.stem in texts]
    for number in range(count):
        picture = pictures[number % len(pictures)]
        name = f"picture_{number}"
        shutil.copyfile(picture, voc / "images" / f"{name}.png")
        os.link(voc / "images" / f"{name}.png", labelme / f"{name}.png")
        text = texts[picture.stem].replace(f"<filename>{picture.stem}.", f"<filename>{name}.")
        (voc / "annotations" / f"{name}.xml").write_text(text, encoding="utf-8")
    _write_labelme(voc, labelme)
    return voc, labelme


def _write_labelme(voc: Path, labelme: Path) -> None:
    from converters import registry
    from converters.report import Report

    codec = registry.image_codec("labelme")
    dataset = registry.load(voc, Report())
    for image in dataset:
        (labelme / f"{image.path.stem}.json").write_bytes(
            codec.render(_placed(image, labelme), dataset.class_names, None)
        )


def _placed(image: Any, folder: Path) -> Any:
    from dataclasses import replace

    boxes = tuple(box.duplicated() for box in image.boxes)
    place = folder / image.path.name
    return replace(image, path=place, annotation=place.with_suffix(".json"), boxes=boxes)


def _rounds(places: tuple[Path, Path], environments: Path, runs: int) -> dict[str, list[Window]]:
    voc, labelme = places
    classes = voc.with_name("classes.txt")
    classes.write_text("with_mask\nwithout_mask\nmask_weared_incorrect\n", encoding="utf-8")
    commands: dict[str, list[str | Path]] = {
        OURS: [sys.executable, JOBS / "browse_ours.py", voc],
        "labelImg 1.8.6": [
            peers.program(environments, "labelImg"),
            JOBS / "browse_labelimg.py",
            voc / "images",
            classes,
            voc / "annotations",
        ],
        "labelme 6.3.1": [peers.program(environments, "labelme"), JOBS / "browse_labelme.py", labelme],
    }
    results: dict[str, list[Window]] = {name: [] for name in commands}
    for number in range(-1, runs):  # the first round fills the disk's cache and does not count
        for name, command in commands.items():
            print(f"  {number + 1}/{runs} {name}", file=sys.stderr, flush=True)
            done = run(command, voc.parent / "home", STEPS if number >= 0 else 20)
            if number >= 0:
                results[name].append(done)
    return results


def run(command: Sequence[str | Path], home: Path, steps: int, *, from_end: bool = False) -> Window:
    """Run a window once.

    Raises:
        CommandFailedError: It did not get to the end.
    """
    shutil.rmtree(home, ignore_errors=True)  # settings of the last time
    home.mkdir()
    environment = {
        **os.environ,
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / ".config"),
        "PYTHONPATH": str(ROOT) if command[0] == sys.executable else "",
        "QT_QPA_PLATFORM": "xcb" if os.environ.get("DISPLAY") else "offscreen",
        "BROWSING_STEPS": str(steps),
        "BROWSING_FROM_END": "1" if from_end else "",
        "BROWSING_BEGAN": str(time.time()),
    }
    done = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, env=environment, check=False, timeout=900
    )
    last = done.stdout.strip().rpartition("\n")[2]
    if done.returncode or not last.startswith("{"):
        raise CommandFailedError(f"{command[1]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    found = json.loads(last)
    return Window(found["first"], tuple(found["steps"]), found["memory"])


def _table(results: Mapping[str, Sequence[Window]]) -> list[str]:
    head = [
        "window",
        "first picture s",
        "next ms, median",
        "95 %",
        "MiB",
        "ours ÷ it: first",
        "median",
        "95 %",
    ]
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|"]
    ours = results[OURS]
    for name, rounds in results.items():
        cells = [
            name,
            Spread.of([one.first for one in rounds]).text(),
            Spread.of([one.median for one in rounds]).text(1),
            Spread.of([one.p95 for one in rounds]).text(1),
            f"{max(one.memory for one in rounds):.0f}",
        ]
        for what in ("first", "median", "p95"):
            pairs = zip(ours, rounds, strict=True)
            cells.append(Spread.of([getattr(a, what) / getattr(b, what) for a, b in pairs]).text())
        lines.append(f"| {' | '.join(cells)} |")
    return lines
