"""``balance-cli``: how the boxes are spread over classes, splits and sizes, and a plan to balance them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from converters import registry
from converters.balance_facts import BalanceFacts, class_frame, csv_bytes, facts_of
from converters.balance_plan import (
    BalancePlan,
    PlanOptions,
    parse_target,
    ratio_of,
    ratio_text,
    solve,
)
from converters.class_weights import counters_per_class, multipliers
from converters.cli.common import add_images, network_size, positive, table
from converters.commands import (
    MOST_TOLD,
    Bar,
    ExitStatus,
    make_parser,
    print_json,
    print_report,
    run_command,
    say,
)
from converters.errors import UsageError
from converters.files import write_atomic
from converters.formats.base import LoadOptions
from converters.model import Dataset, Split
from converters.report import Report
from converters.staging import opened
from converters.stats import (
    Balance,
    CoOccurrence,
    CopyCounts,
    SizeCounts,
    boxes_frame,
    count_copies,
)
from converters.words import counted
from converters.work import WorkFolder

_BAR_WIDTH = 24
_WIDE = 8
"""With more classes the pairs that stand together most are listed, in place of a table of all."""
_PAIRS = 12
_EXAMPLES = """  balance-cli archive            a folder or a zip, in any format that is known
  balance-cli work               with the splits, and with the augmented copies in columns of their own
  balance-cli work --html report.html --csv boxes.csv --class-csv classes.csv --png charts.png
  balance-cli work --network-size 416              and the sizes of the boxes as the network sees them
  balance-cli archive.zip --json | jq .imbalance
  balance-cli work --target 5:1                    how to get to 5 boxes for each of a smaller class
  balance-cli work --target equal --paste --plan plan.csv
  balance-cli work --target mask=3000,no_mask=1500,chin_diaper=600 --max-copies 5

exit codes: 0 fine, 1 something of the set could not be read, or --strict and the target is not reached,
2 wrong use, 130 interrupted"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "balance-cli",
        "Count the boxes of each class, in each split, by size; and plan copies of the training pictures "
        "that balance them.",
        _EXAMPLES,
    )
    parser.add_argument("set", type=Path, metavar="SET", help="folder, archive or label file")
    parser.add_argument(
        "--from", dest="format", choices=sorted(registry.FORMATS), help="its format (default: recognised)"
    )
    add_images(parser)
    parser.add_argument("--json", action="store_true", help="print JSON")
    _add_exports(parser)
    parser.add_argument(
        "--network-size",
        type=network_size,
        metavar="WxH",
        help="also count the boxes by their size at the network's (416 or 608x416)",
    )
    _add_plan_options(parser)
    return parser


def _add_exports(parser: argparse.ArgumentParser) -> None:
    exports = parser.add_argument_group("exports", "written beside what is printed")
    for option, what in (
        ("--csv", "a table of all boxes"),
        ("--class-csv", "a table of the classes"),
        ("--html", "charts, tables and samples as one page without scripts, to send to someone"),
        ("--png", "the charts as one picture"),
    ):
        exports.add_argument(option, type=Path, metavar="FILE", help=what)


def _add_plan_options(parser: argparse.ArgumentParser) -> None:
    defaults = PlanOptions()
    plan = parser.add_argument_group("plan", "how many copies of which training picture; val and test never")
    plan.add_argument(
        "--target",
        metavar="TARGET",
        help="equal; or 5:1, the largest class to every other at most; or boxes of classes: mask=3000,…",
    )
    plan.add_argument("--plan", type=Path, metavar="FILE", help="write the plan, for augment-cli --plan")
    plan.add_argument(
        "--max-copies",
        type=positive,
        metavar="N",
        default=defaults.max_copies,
        help=f"copies of one picture at most (default: {defaults.max_copies})",
    )
    plan.add_argument(
        "--fewest-copies",
        action="store_true",
        help="as few copies as possible (default: rather more copies of more pictures)",
    )
    plan.add_argument(
        "--paste",
        action="store_true",
        help="where copies do not reach the target: boxes cut out and pasted on copies as well",
    )
    plan.add_argument(
        "--max-pastes-per-copy",
        type=positive,
        metavar="N",
        default=defaults.max_pastes_per_copy,
        help=f"pasted boxes on one copy at most (default: {defaults.max_pastes_per_copy})",
    )
    plan.add_argument(
        "--max-uses",
        type=positive,
        metavar="N",
        default=defaults.max_uses,
        help=f"how often one box is pasted at most (default: {defaults.max_uses})",
    )
    plan.add_argument(
        "--time-limit",
        type=positive,
        metavar="S",
        default=int(defaults.time_limit),
        help=f"seconds of search (default: {defaults.time_limit:g})",
    )
    plan.add_argument("--strict", action="store_true", help="exit code 1 where the target is not reached")


def _body(argv: Sequence[str]) -> int:
    options = _parser().parse_args(argv)
    if options.target is None and (options.plan is not None or options.paste or options.strict):
        raise UsageError("a plan needs a target, such as --target equal or --target 5:1.")
    target = parse_target(options.target) if options.target is not None else None
    plan_options = _plan_options(options)
    report = Report()
    with Bar("unpacking", unit="B") as bar, opened(options.set, report, on_progress=bar) as root:
        bar.stage("reading labels")
        load = LoadOptions(on_progress=bar, images=options.images)
        dataset = registry.load(root, report, load, format=options.format)
        work = WorkFolder(root)
        copies = count_copies(work, dataset.class_names, report) if work.exists() else None
        found = facts_of(
            dataset,
            copies,
            network_size=options.network_size,
            plan=solve(dataset, target, plan_options) if target is not None else None,
        )
        # While an archive is unpacked: the report shows pictures of it.
        page = _report_of(options, found, report, bar)
    print_report(report, most=MOST_TOLD, rest="check-cli lists all.")
    if options.json:
        print_json(_as_dict(found))
    else:
        print("\n".join(_text_of(found)), flush=True)
    _write(options, found, page)
    unreached = options.strict and found.plan is not None and not found.plan.reached
    return ExitStatus.FINDINGS if report.errors or unreached else ExitStatus.OK


def _plan_options(options: argparse.Namespace) -> PlanOptions:
    chosen = PlanOptions(
        max_copies=options.max_copies,
        paste=options.paste,
        max_pastes_per_copy=options.max_pastes_per_copy,
        max_uses=options.max_uses,
        fewest=options.fewest_copies,
        time_limit=float(options.time_limit),
    )
    chosen.check()
    return chosen


def _report_of(options: argparse.Namespace, found: BalanceFacts, report: Report, bar: Bar) -> bytes:
    """The HTML file; empty where none was asked for."""
    if options.html is None:
        return b""
    from converters.balance_html import report_html

    bar.stage("cutting samples")
    return report_html(found, options.set.resolve().name or str(options.set), report, bar)


def _write(options: argparse.Namespace, found: BalanceFacts, page: bytes) -> None:
    if options.csv is not None:
        write_atomic(options.csv, csv_bytes(boxes_frame(found.dataset)))
        say(f"wrote {counted(found.dataset.box_count, 'box', 'boxes')} to {options.csv}")
    if options.class_csv is not None:
        write_atomic(options.class_csv, csv_bytes(class_frame(found)))
        say(f"wrote {counted(len(found.balance.classes), 'class', 'classes')} to {options.class_csv}")
    if options.html is not None:
        write_atomic(options.html, page)
        say(f"wrote the report to {options.html}")
    if options.png is not None:
        from converters.chart_png import charts_png

        write_atomic(options.png, charts_png(found))
        say(f"wrote the charts to {options.png}")
    if options.plan is not None and found.plan is not None:
        from converters.plan_csv import write_plan

        write_plan(options.plan, found.dataset, found.plan)
        say(
            f"wrote {counted(found.plan.copy_count, 'copy', 'copies')} of "
            f"{counted(len(found.plan.copies), 'picture')} to {options.plan}"
        )


def _as_dict(found: BalanceFacts) -> dict[str, Any]:
    result = found.balance.as_dict() | {"co_occurrence": found.together.as_dict()}
    if found.network_size is not None:
        result["at_network_size"] = {
            "size": list(found.network_size),
            "classes": [
                {
                    "class": c.label,
                    "small": c.small,
                    "medium": c.medium,
                    "large": c.large,
                    "median_size": list(c.median_size) if c.median_size is not None else None,
                }
                for c in found.network_sizes
            ],
        }
    result["counters_per_class"] = {"now": list(found.trained_on.values())}
    if found.plan is not None:
        result["plan"] = found.plan.as_dict()
        result["counters_per_class"]["with_plan"] = list(found.plan.after.values())
    return result


def _text_of(found: BalanceFacts) -> list[str]:
    lines = text_of(found.dataset, found.balance, found.copies)
    if not found.balance.classes:
        return lines
    at_end = lines.pop()
    if found.network_size is not None:
        width, height = found.network_size
        lines += [*_size_table(found.network_sizes, f"at {width}x{height}"), ""]
    lines += [*_together(found.together), at_end]
    if found.plan is not None:
        lines += ["", *plan_text(found.plan, found.copies)]
    return [*lines, "", *_weights(found)]


def text_of(dataset: Dataset, result: Balance, copies: CopyCounts | None = None) -> list[str]:
    """The lines about a set that are printed for people; the last is the sentence about its imbalance."""
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
    sizes = [SizeCounts(c.label, c.small, c.medium, c.large, c.median_size) for c in result.classes]
    return [*lines, "", *_class_table(result), "", *_size_table(sizes, "size in px"), "", result.sentence()]


def plan_text(plan: BalancePlan, copies: CopyCounts | None = None) -> list[str]:
    """The lines about a plan that are printed for people."""
    pasted = plan.pasted
    rows = [["plan for train", "boxes", "target", "after", "of which pasted"]]
    for label, before in plan.before.items():
        target = plan.target.get(label)
        row = [label, f"{before:,}", f"{target:,}" if target is not None else "-", f"{plan.after[label]:,}"]
        rows.append([*row, f"{pasted[label]:,}" if pasted[label] else "-"])
    lines = [*table(rows), ""]
    if plan.copies:
        most = max(plan.copies.values())
        lines.append(
            f"{counted(plan.copy_count, 'copy', 'copies')} of {counted(len(plan.copies), 'picture')}, "
            f"at most {most} of one"
            + (f"; {counted(sum(pasted.values()), 'pasted box', 'pasted boxes')}" if plan.pastes else "")
        )
    elif plan.reached:
        lines.append("Nothing to do: the training boxes are as asked for already.")
    else:
        lines.append("No copy brings the training boxes nearer to the target.")
    ratio, planned = ratio_of(plan.before), ratio_of(plan.after)
    if ratio is not None and planned is not None:
        lines.append(f"largest : smallest class   {ratio_text(ratio)} -> {ratio_text(planned)}")
    lines.append(
        "The target is reached." if plan.reached else "The target cannot be reached; this is nearest:"
    )
    lines += [f"  {note}" for note in plan.notes]
    if plan.copies:
        lines.append("Counted are the originals' boxes; a copy may lose one that leaves the picture.")
    if copies is not None and copies.copies:
        lines.append(
            f"The {counted(copies.copies, 'copy', 'copies')} in augmented/ "
            f"{'is' if copies.copies == 1 else 'are'} not counted; the plan takes their place."
        )
    gap = f"no step of the search is more than {plan.gap:.2%} from the best possible"
    return [*lines, f"(found in {plan.seconds:.1f} s; {gap})"]


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


def _size_table(sizes: Sequence[SizeCounts], title: str) -> list[str]:
    rows = [[title, "small <32²", "medium", "large ≥96²", "median"]]
    for c in sizes:
        size = f"{c.median_size[0]:.0f}x{c.median_size[1]:.0f}" if c.median_size is not None else "-"
        rows.append([c.label, f"{c.small:,}", f"{c.medium:,}", f"{c.large:,}", size])
    return table(rows)


def _together(found: CoOccurrence) -> list[str]:
    """Which classes share pictures: a table, or of many classes the pairs that do most; nothing of one."""
    labels = [label for label, images in found.images.items() if images]
    if len(labels) < 2:
        return []
    if len(labels) > _WIDE:
        pairs = sorted(found.together.items(), key=lambda item: -item[1])
        rows = [["pictures with both", "", "pictures"]]
        rows += [[first, second, f"{images:,}"] for (first, second), images in pairs[:_PAIRS]]
        return [*table(rows, left=(0, 1)), ""] if pairs else []
    rows = [["pictures with both", *labels, "alone"]]
    for label in labels:
        cells = [
            f"{found.together.get((label, other), found.together.get((other, label), 0)):,}"
            if other != label
            else "."
            for other in labels
        ]
        rows.append([label, *cells, f"{found.alone[label]:,}"])
    return [*table(rows), ""]


def _weights(found: BalanceFacts) -> list[str]:
    """The class weights for Darknet's cfg, as things are and with the plan."""
    split = "the training boxes" if found.balance.split_images else "all boxes; the set is not split"
    lines = [f"class weights for each [yolo] section of a cfg ({split}):"]
    lines += _weight_lines(found.trained_on, "now")
    if found.plan is not None:
        lines += _weight_lines(found.plan.after, "with the plan")
    return lines


def _weight_lines(counts: Mapping[str, int], when: str) -> list[str]:
    weights = ", ".join(f"{label} {weight:.1f}" for label, weight in multipliers(counts).items())
    return [f"  {counters_per_class(counts)}", f"    {when}: losses are multiplied by {weights}"]


def bar_of(value: int, most: int, width: int = _BAR_WIDTH) -> str:
    """A bar of up to ``width`` blocks in eighths; what is not zero is always seen."""
    if value <= 0 or most <= 0:
        return ""
    full, eighths = divmod(max(1, round(value * width * 8 / most)), 8)
    return "█" * full + ("▏▎▍▌▋▊▉"[eighths - 1] if eighths else "")


if __name__ == "__main__":
    sys.exit(main())
