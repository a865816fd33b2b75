"""``train-cli report``."""

from __future__ import annotations

import argparse
from pathlib import Path

from converters.commands import Bar, print_report, say
from converters.errors import DataError

_EXAMPLES = """examples:
  train-cli report work/runs/20260114-093012-yolov4
  train-cli report work/runs/20260114-093012-yolov4 --to ~/paper"""


def add_report(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command ``report``."""
    parser = subparsers.add_parser(
        "report",
        help="write the page, tables (CSV) and charts (SVG, PNG) of an evaluated run anew",
        description=(
            "Write RUN/evaluation/report.html anew (one file that needs nothing beside it), with every table "
            "as CSV in tables/ and every chart as SVG and PNG in charts/, from what the last evaluation, "
            "the speed and Darknet's own count left. Nothing is measured."
        ),
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("run", type=Path, metavar="RUN", help="the run's folder")
    parser.add_argument(
        "--to", type=Path, metavar="FOLDER", help="copy all of it into a new folder in this one"
    )
    parser.set_defaults(body=_report)


def _report(args: argparse.Namespace) -> int:
    from annotator.darknet.evaluation.measure import stored_evaluation
    from annotator.darknet.evaluation.report import copy_report, write_report
    from annotator.darknet.run.folder import RunFolder

    run = RunFolder.open(args.run)
    evaluation = stored_evaluation(run)
    if evaluation is None:
        raise DataError(
            "has no evaluation yet.",
            path=run.path,
            code="not-evaluated",
            hint="Evaluate it first (train-cli evaluate).",
        )
    with Bar("pictures") as bar:
        page = write_report(run, evaluation, on_progress=bar)
    print_report(evaluation.report)
    print(page if args.to is None else copy_report(run, args.to))
    say(f"tables and charts: {page.parent}")
    return evaluation.report.exit_code()
