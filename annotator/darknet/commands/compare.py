"""``train-cli compare`` and ``train-cli speed``."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.darknet.commands.evaluate import columns
from converters.commands import Bar, print_json, say
from converters.errors import UsageError
from converters.words import counted

if TYPE_CHECKING:
    from annotator.darknet.evaluation.comparison import DataChange, RunComparison
    from annotator.darknet.prediction.speed import Speed

_COMPARE_EXAMPLES = """examples:
  train-cli compare work/runs/20260114-093012-yolov4 work/runs/20260115-181500-yolov4-tiny"""
_SPEED_EXAMPLES = """examples:
  train-cli speed work/runs/20260114-093012-yolov4
  train-cli speed work/runs/20260114-093012-yolov4 --engine both --pictures 50 --json"""
_SHOWN = 8


def add_compare(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``compare``."""
    parser = subparsers.add_parser(
        "compare",
        help="put two evaluated runs side by side",
        description=(
            "Compare two evaluated runs on the test pictures (without any: those of validation) that both "
            "have and neither was trained on: "
            "AP and mAP with a 95 % interval of the difference (paired bootstrap), and what was changed "
            "between their data, augmentation and cfg."
        ),
        epilog=_COMPARE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("first", type=Path, metavar="RUN", help="a run's folder")
    parser.add_argument("second", type=Path, metavar="RUN", help="another run's folder")
    parser.add_argument("--json", action="store_true", help="print everything as JSON")
    parser.set_defaults(body=_compare)


def add_speed(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``speed``."""
    parser = subparsers.add_parser(
        "speed",
        help="how long the network takes for a picture",
        description=(
            "Time a run's network on its own pictures, one at a time (batch 1), after a warm-up: mean, "
            "median, 95th percentile, pictures a second. OpenCV's times hold resize, network and "
            "suppression; Darknet's are those it prints, of the network alone."
        ),
        epilog=_SPEED_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="default: those chosen by evaluate")
    parser.add_argument(
        "--engine", choices=("opencv", "darknet", "both"), default="opencv", help="default: opencv"
    )
    parser.add_argument("--darknet", metavar="PATH", help="the Darknet to use (default: $DARKNET, then PATH)")
    parser.add_argument("--pictures", type=_count, default=100, metavar="N", help="default 100")
    parser.add_argument("--warm-up", type=int, default=10, metavar="N", help="not counted; default 10")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.set_defaults(body=_speed)


def comparison_text(comparison: RunComparison) -> str:
    """A comparison as text."""
    lines = [
        f"first:  {comparison.first}",
        f"second: {comparison.second}",
        f"on {counted(comparison.pictures, 'picture')} of {comparison.split} of both, in percent",
        "",
    ]
    rows: list[tuple[str, ...]] = [("", "IoU", "first", "second", "difference", "95 % interval", "boxes", "")]
    for one in comparison.differences:
        span = f"{100 * one.interval[0]:+.1f} to {100 * one.interval[1]:+.1f}" if one.interval else "no box"
        values = (f"{100 * one.first:.2f}", f"{100 * one.second:.2f}", f"{100 * one.change:+.2f}")
        rows.append((one.name, f"{one.iou:.2f}", *values, span, str(one.truths), one.verdict))
    lines += columns(rows)
    better, worse = len(comparison.better_on), len(comparison.worse_on)
    lines += ["", f"fewer mistakes on {counted(better, 'picture')}, more on {worse}"]
    lines += [
        f"  {before_count} → {after_count}: {entry}"
        for entry, before_count, after_count in _apart(comparison)
    ]
    lines += ["", "what was changed"]
    changes = [*_data_lines(comparison.data)]
    changes += [f"{what}: {before or '–'} → {after or '–'}" for what, before, after in comparison.settings]
    return "\n".join([*lines, *(f"  {line}" for line in changes or ["nothing that is known of"])])


def _apart(comparison: RunComparison) -> Iterator[tuple[str, int, int]]:
    """The pictures that differ most: mistakes of the first and of the second."""
    for before, after in comparison.pairs[:_SHOWN]:
        yield before.image, before.match.mistakes, after.match.mistakes


def _data_lines(data: DataChange) -> Iterator[str]:
    for what, entries in (
        ("added", data.added),
        ("removed", data.removed),
        ("relabelled", data.relabelled or ()),
    ):
        if entries:
            yield f"{counted(len(entries), 'picture')} {what}: {_some(entries)}"
    if data.moved:
        moves = [f"{entry} ({before} → {after})" for entry, before, after in data.moved]
        yield f"{counted(len(moves), 'picture')} in another split: {_some(moves)}"
    for class_id, before_count, after_count in data.boxes:
        if before_count != after_count:
            yield f"boxes of class {class_id} (copies included): {before_count} → {after_count}"
    if data.copies[0] != data.copies[1]:
        yield f"augmented copies in training: {data.copies[0]} → {data.copies[1]}"
    for what, before, after in data.augmentation:
        yield f"augmentation, {what}: {before or '–'} → {after or '–'}"


def _some(entries: Sequence[str]) -> str:
    rest = len(entries) - _SHOWN
    return ", ".join(entries[:_SHOWN]) + (f" and {rest} more" if rest > 0 else "")


def _compare(args: argparse.Namespace) -> int:
    from annotator.darknet.evaluation.comparison import compare_runs
    from annotator.darknet.run.folder import RunFolder

    comparison = compare_runs(RunFolder.open(args.first), RunFolder.open(args.second))
    if args.json:
        print_json(comparison.as_dict())
    else:
        print(comparison_text(comparison))
    for note in comparison.notes:
        say(f"note: {note}")
    return 0


def _speed(args: argparse.Namespace) -> int:
    from annotator.darknet.prediction.speed import keep_speed, measure_darknet, measure_opencv
    from annotator.darknet.program.dialect import require_darknet
    from annotator.darknet.run.folder import RunFolder

    if args.warm_up < 0:
        raise UsageError("--warm-up must not be negative.")
    run = RunFolder.open(args.run)
    # A Darknet that is missing is said before anything is measured.
    darknet = require_darknet(args.darknet) if args.engine != "opencv" else None
    found: list[Speed] = []
    how = {"pictures": args.pictures, "warm_up": args.warm_up}
    if args.engine != "darknet":
        with Bar("OpenCV") as bar:
            found.append(measure_opencv(run, args.weights, **how, on_progress=bar))
    if darknet is not None:
        say(f"{darknet.title} looks at {counted(args.pictures, 'picture')} …")
        with Bar("Darknet") as bar:
            found.append(measure_darknet(run, darknet, args.weights, **how, on_progress=bar))
    for speed in found:
        keep_speed(run, speed, args.weights)
    if args.json:
        print_json([one.as_dict() for one in found])
        return 0
    for one in found:
        print(
            f"{one.engine} on {one.device}, {one.width}×{one.height}, batch 1, "
            f"{counted(len(one.milliseconds), 'picture')}, {one.what}:\n"
            f"  mean {one.mean:.1f} ms, median {one.median:.1f} ms, 95 % within {one.p95:.1f} ms, "
            f"{one.fps:.1f} pictures a second"
        )
    return 0


def _count(text: str) -> int:
    if not text.isdigit() or not int(text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return int(text)
