"""``balance-cli``: how the boxes are spread over classes, splits and sizes."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from converters import registry
from converters.cli.common import table
from converters.commands import Bar, ExitStatus, make_parser, print_json, print_report, run_command, say
from converters.files import write_atomic
from converters.formats.base import LoadOptions
from converters.model import Dataset, Split
from converters.report import Report
from converters.staging import opened
from converters.stats import Balance, CopyCounts, balance, boxes_frame, count_copies
from converters.words import counted
from converters.work import WorkFolder

_BAR_WIDTH = 24
_EXAMPLES = """  balance-cli archive            a folder or a zip, in any format that is known
  balance-cli work               with the splits, and with the augmented copies in columns of their own
  balance-cli work --csv boxes.csv
  balance-cli archive.zip --json | jq .imbalance"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _body(argv: Sequence[str]) -> int:
    parser = make_parser("balance-cli", "Count the boxes of each class, in each split, by size.", _EXAMPLES)
    parser.add_argument("set", type=Path, metavar="SET", help="folder or archive")
    parser.add_argument(
        "--from", dest="format", choices=sorted(registry.FORMATS), help="its format (default: recognised)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--csv", type=Path, metavar="FILE", help="also write a table of all boxes")
    options = parser.parse_args(argv)
    report = Report()
    with Bar("unpacking", unit="B") as bar, opened(options.set, report, on_progress=bar) as root:
        bar.stage("reading labels")
        dataset = registry.load(root, report, LoadOptions(on_progress=bar), format=options.format)
        work = WorkFolder(root)
        copies = count_copies(work, dataset.class_names, report) if work.exists() else None
    result = balance(dataset, copies)
    print_report(report)
    if options.json:
        print_json(result.as_dict())
    else:
        print("\n".join(text_of(dataset, result, copies)), flush=True)
    if options.csv is not None:
        write_atomic(
            options.csv, boxes_frame(dataset).to_csv(index=False, lineterminator="\n", float_format="%.10g")
        )
        say(f"wrote {counted(dataset.box_count, 'box', 'boxes')} to {options.csv}")
    return ExitStatus.FINDINGS if report.errors else ExitStatus.OK


def text_of(dataset: Dataset, result: Balance, copies: CopyCounts | None = None) -> list[str]:
    """The lines that are printed for people."""
    lines = [
        f"{counted(result.images, 'picture')}, {counted(result.boxes, 'box', 'boxes')} "
        f"in {counted(len(result.classes), 'class', 'classes')} ({dataset.format})"
    ]
    if result.empty:
        lines.append(f"{counted(result.empty, 'picture')} without a box (nothing there)")
    if result.unlabelled:
        lines.append(f"{counted(result.unlabelled, 'picture')} not labelled yet (no label file)")
    if copies is not None:
        lines.append(f"{counted(result.copies, 'augmented copy', 'augmented copies')}, counted apart")
    if not result.classes:
        return [*lines, "", result.sentence()]
    return [*lines, "", *_class_table(result), "", *_size_table(result), "", result.sentence()]


def _class_table(result: Balance) -> list[str]:
    splits = list(Split) if result.split_images else []
    with_copies = result.copies > 0
    head = ["class", "boxes", "", "images", "ratio", *(str(split) for split in splits)]
    rows = [[*head, *(["copies", "in all"] if with_copies else [])]]
    most = max((c.boxes for c in result.classes), default=0)
    for c in result.classes:
        row = [c.label, f"{c.boxes:,}", bar_of(c.boxes, most), f"{c.images:,}"]
        row.append("-" if c.ratio is None else "most" if c.boxes == most else f"1 : {c.ratio:.1f}")
        row += [f"{c.split_boxes[split]:,}" for split in splits]
        if with_copies:
            row += [f"+{c.copy_boxes:,}", f"{c.boxes + c.copy_boxes:,}"]
        rows.append(row)
    if splits:
        total = ["(pictures)", "", "", f"{result.images:,}", ""]
        total += [f"{result.split_images[split]:,}" for split in splits]
        rows.append(
            [*total, *([f"+{result.copies:,}", f"{result.images + result.copies:,}"] if with_copies else [])]
        )
    return table(rows, left=(0, 2))


def _size_table(result: Balance) -> list[str]:
    rows = [["size in px", "small <32²", "medium", "large ≥96²", "median"]]
    for c in result.classes:
        size = f"{c.median_size[0]:.0f}x{c.median_size[1]:.0f}" if c.median_size is not None else "-"
        rows.append([c.label, f"{c.small:,}", f"{c.medium:,}", f"{c.large:,}", size])
    return table(rows)


def bar_of(value: int, most: int, width: int = _BAR_WIDTH) -> str:
    """A bar of up to ``width`` blocks in eighths; what is not zero is always seen."""
    if value <= 0 or most <= 0:
        return ""
    full, eighths = divmod(max(1, round(value * width * 8 / most)), 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[eighths - 1] if eighths else "")


if __name__ == "__main__":
    sys.exit(main())
