"""``train-cli evaluate``."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from converters.commands import Bar, print_json, print_report, say

if TYPE_CHECKING:
    from annotator.darknet.evaluation.coco_metrics import CocoClass, CocoMetrics
    from annotator.darknet.evaluation.darknet_count import DarknetCount
    from annotator.darknet.evaluation.stored import Evaluation
    from annotator.darknet.metrics import Metrics
    from annotator.darknet.program.dialect import Darknet
    from annotator.darknet.run.folder import RunFolder

_EVALUATE_EXAMPLES = """examples:
  train-cli evaluate work/runs/20260114-093012-yolov4
  train-cli evaluate work/runs/20260114-093012-yolov4 --threshold 0.5 --json
  train-cli evaluate work/runs/20260114-093012-yolov4 --weights backup/yolov4_2000.weights"""


def add_evaluate(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``evaluate``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="measure a run: every checkpoint on validation, the best of them on test",
        description=(
            "Measure every weights file of a run on validation, take the best, and measure that one on "
            "test, once. Writes RUN/evaluation/ with report.html, evaluation.json, metrics.csv and the "
            "test pictures, ground truth beside prediction."
        ),
        epilog=_EVALUATE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument("--weights", type=Path, metavar="FILE", help="measure these weights only")
    parser.add_argument(
        "--test-again",
        action="store_true",
        help="measure test with these weights though it was measured with others; that is written down",
    )
    parser.add_argument(
        "--count-with-darknet",
        action="store_true",
        help="let Darknet's own detector map count as well, and say where its digits are not ours",
    )
    parser.add_argument("--darknet", metavar="PATH", help="the Darknet to count (default: the run's own)")
    add_threshold(parser, "count TP, FP and FN above this confidence (default 0.25)")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.set_defaults(body=_evaluate)


def evaluation_table(evaluation: Evaluation) -> str:
    """The checkpoints on validation and the chosen one on test, as text."""
    from annotator.darknet.evaluation.notes import weights_on_test

    names = evaluation.class_names
    rows: list[tuple[str, ...]] = []
    for index, one in enumerate(evaluation.checkpoints):
        if one.metrics is not None:
            chosen = " (chosen)" if index == evaluation.chosen else ""
            rows.append((str(one.iteration), *_percents(one.metrics), one.weights + chosen))
    lines: list[str] = []
    if rows and evaluation.validation is not None:
        lines.append(f"AP@0.50 in percent on validation, {_size(evaluation.validation.metrics)}")
        lines += columns([("iteration", *names, "mAP@0.50", "weights"), *rows])
        lines.append("")
    weights = evaluation.chosen_weights.weights
    test = evaluation.test
    if test is None:
        lines.append(f"test was not measured; weights: {weights}")
        return "\n".join(lines)
    stored = "" if evaluation.test_measured_now else f" (measured {test.measured[:10]}, not repeated)"
    if evaluation.test_is_of_others:
        weights = f"{weights_on_test(evaluation)}, NOT the chosen {weights}"
    lines.append(f"test, {_size(test.metrics)}, with {weights}{stored}")
    lines += columns(_class_rows(test.metrics, test.strict))
    metrics = test.metrics
    lines += [
        "",
        f"at confidence {metrics.conf_threshold:g}: precision {metrics.precision:.2f}, recall "
        f"{metrics.recall:.2f}, F1 {metrics.f1:.2f}, TP {metrics.tp}, FP {metrics.fp}, FN {metrics.fn}, "
        f"average IoU {100 * metrics.average_iou:.2f} %",
    ]
    if test.coco is not None:
        lines += ["", "the same on test by COCO's rules, in percent", *columns(_coco_rows(test.coco))]
    return "\n".join(lines)


def add_threshold(parser: argparse.ArgumentParser, text: str) -> None:
    """Add the flag of the confidence."""
    parser.add_argument("--threshold", type=_threshold, default=0.25, metavar="CONFIDENCE", help=text)


def _threshold(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None
    if not 0 <= value < 1:
        raise argparse.ArgumentTypeError(f"{text} is not between 0 and 1")
    return value


# ---- evaluate ----------------------------------------------------------------------------------------


def _evaluate(args: argparse.Namespace) -> int:
    from annotator.darknet.evaluation.advice_facts import advice_of, command_for
    from annotator.darknet.evaluation.darknet_count import darknet_for
    from annotator.darknet.evaluation.measure import evaluate_run
    from annotator.darknet.evaluation.report import write_report
    from annotator.darknet.run.folder import RunFolder

    run = RunFolder.open(args.run)
    # A Darknet that cannot count is said before anything is measured.
    darknet = darknet_for(run, args.darknet) if args.count_with_darknet else None
    counts: list[DarknetCount] = []
    with Bar() as bar:

        def tell(done: int, total: int, what: str) -> None:
            bar.stage(what)
            bar(done, total)

        evaluation = evaluate_run(
            run,
            on_progress=tell,
            weights=args.weights,
            conf_threshold=args.threshold,
            test_again=args.test_again,
        )
        if darknet is not None:
            counts = _count_too(run, darknet, evaluation, bar)
        advice = advice_of(run, evaluation, measure=True, on_progress=tell)
        page = write_report(run, evaluation, on_progress=lambda done, total: tell(done, total, "pictures"))
    if args.json:
        print_json(
            evaluation.as_dict()
            | {
                "report": str(page),
                "darknet": [one.as_dict() for one in counts],
                "next": [step.as_dict() for step in advice],
            }
        )
    else:
        print(evaluation_table(evaluation))
        for one in counts:
            print(count_text(run, one, evaluation))
    print_report(evaluation.report)
    for note in evaluation.notes:
        say(f"note: {note}")
    if evaluation.test_is_of_others:
        say("note: --test-again measures test with the chosen weights, too; that is written down.")
    say(f"report: {page}")
    for step in advice:
        say(f"next: {step.text}")
        command = command_for(step, run)
        if command:
            say(f"      {command}")
    return evaluation.report.exit_code()


def _count_too(run: RunFolder, darknet: Darknet, evaluation: Evaluation, bar: Bar) -> list[DarknetCount]:
    """Let Darknet count on each split that was measured."""
    from annotator.darknet.evaluation.darknet_count import count_with_darknet

    found: list[DarknetCount] = []
    for measured in (evaluation.validation, evaluation.test):
        if measured is not None:
            bar.stage(f"{darknet.title} counts on {measured.split}")
            found.append(count_with_darknet(run, darknet, evaluation, measured.split, on_progress=bar))
    return found


def count_text(run: RunFolder, count: DarknetCount, evaluation: Evaluation) -> str:
    """What Darknet counted beside our numbers, as text."""
    from annotator.darknet.evaluation.darknet_count import why_different

    measured = evaluation.test if count.split == "test" else evaluation.validation
    if measured is None:
        return ""
    lines = ["", f"{count.darknet} on {count.split}, with {count.weights}"]
    for metrics in (measured.metrics, measured.strict):
        block = count.block(metrics.iou_threshold)
        if block is not None:
            theirs, ours = f"{100 * block.mean_ap:.2f}", f"{100 * metrics.mean_ap:.2f}"
            lines.append(f"  mAP@{metrics.iou_threshold:.2f} {theirs}, ours {ours}")
    differences = count.differences(measured)
    if not differences:
        return "\n".join([*lines, "  all that it prints is equal to ours, to the last digit"])
    rows = [(f"  {one.what}", f"IoU {one.iou:.2f}", one.darknet, one.ours) for one in differences]
    lines += columns([("  differs", "", "Darknet", "ours"), *rows])
    return "\n".join([*lines, f"  {why_different(count, run)}"])


def _size(metrics: Metrics) -> str:
    return f"{metrics.images} pictures, {metrics.truths} boxes"


def _percents(metrics: Metrics) -> tuple[str, ...]:
    return (*(f"{100 * one.ap:.2f}" for one in metrics.classes), f"{100 * metrics.mean_ap:.2f}")


def _class_rows(metrics: Metrics, strict: Metrics) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [
        ("class", "AP@0.50", "95 % interval", "AP@0.75", "boxes", "TP", "FP", "FN")
    ]
    for one, other in zip(metrics.classes, strict.classes, strict=True):
        span = f"{100 * one.interval[0]:.0f} to {100 * one.interval[1]:.0f}" if one.interval else "no box"
        counts = (str(count) for count in (one.truths, one.tp, one.fp, one.fn))
        rows.append((one.name, f"{100 * one.ap:.2f}", span, f"{100 * other.ap:.2f}", *counts))
    mean = metrics.mean_interval
    span = f"{100 * mean[0]:.0f} to {100 * mean[1]:.0f}" if mean else ""
    counts = (str(count) for count in (metrics.truths, metrics.tp, metrics.fp, metrics.fn))
    rows.append(("mAP", f"{100 * metrics.mean_ap:.2f}", span, f"{100 * strict.mean_ap:.2f}", *counts))
    return rows


def _coco_rows(coco: CocoMetrics) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = [("class", "AP", "AP50", "AP75", "APs", "APm", "APl", "boxes")]
    rows += [_coco_row(one.name, one, one.truths) for one in coco.classes]
    return [*rows, _coco_row("all", coco, sum(one.truths for one in coco.classes))]


def _coco_row(name: str, one: CocoClass | CocoMetrics, truths: int) -> tuple[str, ...]:
    values = (one.ap, one.ap50, one.ap75, one.ap_small, one.ap_medium, one.ap_large)
    cells = ("no box" if value is None else f"{100 * value:.2f}" for value in values)
    return (name, *cells, str(truths))


def columns(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with columns of equal width: the first and text columns left, numbers right."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [
            cell.ljust(width) if column in (0, len(row) - 1) and not cell.isdigit() else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        ]
        lines.append("  ".join(cells).rstrip())
    return lines
