"""``check-cli``: what may be wrong with a set, a line a finding."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from converters import registry
from converters.baking import take_fingerprints
from converters.checks import (
    CheckOptions,
    check_alike,
    check_dataset,
    summary_lines,
    with_lines,
    without_repeats,
)
from converters.checks_work import check_work
from converters.cli.common import network_size, positive
from converters.commands import Bar, make_parser, print_json, print_report, run_command, say
from converters.fingerprint import Fingerprint
from converters.formats.base import LoadOptions
from converters.model import Dataset
from converters.report import Report
from converters.staging import opened
from converters.words import counted
from converters.work import WorkFolder

_EXAMPLES = """  check-cli archive                       labels and pictures of a folder or a zip
  check-cli archive --no-images           labels only, much quicker
  check-cli work --network-size 416       also boxes too small for the network
  check-cli archive --strict && convert-cli archive work --split 70/15/15
  check-cli archive --json | jq '.issues[].code'

exit codes:
  0 nothing, or warnings only   1 an error (with --strict: anything)   2 wrong use"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _body(argv: Sequence[str]) -> int:
    parser = make_parser("check-cli", "Look for mistakes in the labels and pictures of a set.", _EXAMPLES)
    parser.add_argument("set", type=Path, metavar="SET", help="folder or archive")
    parser.add_argument(
        "--from", dest="format", choices=sorted(registry.FORMATS), help="its format (default: recognised)"
    )
    parser.add_argument(
        "--network-size",
        type=network_size,
        metavar="N|WxH",
        help="report boxes too small at this size of the network",
    )
    parser.add_argument("--no-images", action="store_true", help="do not decode pictures to compare them")
    parser.add_argument(
        "--keep-good", action="store_true", help="keep the good boxes of a label file with a bad one"
    )
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="processes (default: one for each processor)"
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings too")
    parser.add_argument("--json", action="store_true", help="print JSON")
    options = parser.parse_args(argv)
    report = Report()
    with Bar("unpacking", unit="B") as bar, opened(options.set, report, on_progress=bar) as root:
        bar.stage("reading labels")
        load = LoadOptions(keep_good=options.keep_good, on_progress=bar)
        dataset = registry.load(root, report, load, format=options.format)
        check_dataset(dataset, report, CheckOptions(options.network_size))
        marks: dict[str, Fingerprint] = {}
        if not options.no_images:
            bar.stage("pictures")
            marks = _check_pictures(dataset, report, options.jobs, bar)
        work = WorkFolder(root)
        if work.exists():
            check_work(work, dataset, marks, report)
        report.issues[:] = with_lines(without_repeats(report), dataset).issues
    if options.json:
        print_json(
            {
                "set": str(options.set),
                "format": dataset.format,
                "images": len(dataset),
                "boxes": dataset.box_count,
                "errors": len(report.errors),
                "warnings": len(report.warnings),
                "issues": [issue.as_dict() for issue in report],
            }
        )
    else:
        print_report(report, to_stdout=True)
    for line in summary_lines(report):
        say(line)
    what = f"{counted(len(dataset), 'picture')}, {counted(dataset.box_count, 'box', 'boxes')}"
    say(f"{what} ({dataset.format}): {report.summary()}")
    return report.exit_code(strict=options.strict)


def _check_pictures(dataset: Dataset, report: Report, jobs: int | None, bar: Bar) -> dict[str, Fingerprint]:
    told = {issue.path for issue in report.errors}
    pictures = [(image.key, image.path) for image in dataset]
    marks, errors = take_fingerprints(pictures, workers=jobs, on_progress=bar)
    for key, error in errors.items():
        if error.path not in told:
            report.add_exception(error, key=key)
    check_alike(dataset, marks, report)
    return marks


if __name__ == "__main__":
    sys.exit(main())
