"""``check-cli``: what may be wrong with a set, a line a finding; and mending what has one right answer."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from converters import registry
from converters.baking import take_fingerprints
from converters.checks import CheckOptions, check_alike, check_dataset, judged, summary_lines
from converters.checks_work import check_work
from converters.cli.common import add_images, add_voc_edges, network_size, positive
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
from converters.errors import DataError, UsageError
from converters.fingerprint import Fingerprint
from converters.fixing import Fix, FixPlan, copy_fixed, plan_fixes, relative_changes, stale_copies
from converters.formats.base import LoadOptions
from converters.lines import with_lines
from converters.model import Dataset
from converters.originals import change_files, undo_latest
from converters.report import Issue, Report
from converters.staging import check_target, install, opened, staging_for
from converters.words import counted
from converters.work import WorkFolder

_EXAMPLES = """  check-cli archive                       labels and pictures of a folder or a zip
  check-cli archive --no-images           labels only, much quicker
  check-cli work --network-size 416       also boxes too small for the network
  check-cli archive --strict && convert-cli archive work --split 70/15/15
  check-cli archive --json | jq '.issues[].code'
  check-cli archive --fix --dry-run       what would be mended, and what would remain
  check-cli archive --fix                 mend it; the originals go to archive/.annotator/originals
  check-cli archive --undo-fix            bring the originals back
  check-cli archive.zip --fix --to mended a copy (pictures linked); the source stays as it is

Mended is what has one right answer: boxes just outside their picture (cut), swapped edges, boxes without
area and exact duplicates (removed), a size of 0x0, blanks around class names, class ids such as 0.0.
docs/findings.md lists all findings.

exit codes:
  0 nothing, or warnings only   1 an error (with --strict: anything)   2 wrong use
  with --fix: by what remains"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("check-cli", "Look for mistakes in the labels and pictures of a set.", _EXAMPLES)
    parser.add_argument("set", type=Path, metavar="SET", help="folder, archive or label file")
    parser.add_argument(
        "--from", dest="format", choices=sorted(registry.FORMATS), help="its format (default: recognised)"
    )
    add_images(parser)
    add_voc_edges(parser)
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
    parser.add_argument(
        "--all",
        action="store_true",
        help=f"list all on a terminal, too, not just {MOST_TOLD} of a kind (a file or pipe gets all)",
    )
    mending = parser.add_argument_group("mending")
    mode = mending.add_mutually_exclusive_group()
    mode.add_argument("--fix", action="store_true", help="mend what has one right answer")
    mode.add_argument("--undo-fix", action="store_true", help="bring back what the latest --fix changed")
    mending.add_argument("--to", type=Path, metavar="COPY", help="with --fix: mend a copy, made there")
    mending.add_argument("--dry-run", action="store_true", help="with --fix: only say what would be mended")
    mending.add_argument(
        "--fix-outside",
        action="store_true",
        help="with --fix: cut also boxes that reach far outside, where what is left has sides of at least "
        "4 px, the longer at most 6 times the shorter",
    )
    return parser


@dataclass(slots=True)
class _Outcome:
    """What came of it.

    Attributes:
        dataset: The set that was looked at last; None: it could not be read.
        report: What is found in it.
        fixes: What was mended; None: that was not asked for.
        files: Label files that were (or would be) changed.
        originals: Where their originals lie.
        stale: Whether augmented copies were made from them.
    """

    dataset: Dataset | None
    report: Report
    fixes: list[Fix] | None = None
    files: int = 0
    originals: Path | None = None
    stale: bool = False


def _body(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    if not given.fix and (given.to is not None or given.dry_run or given.fix_outside):
        raise UsageError("--to, --dry-run and --fix-outside are for --fix.")
    if given.fix and given.voc_edges != "as-is":
        raise UsageError(
            "--fix mends files as they are counted; it does not go with --voc-edges.",
            hint=f"Convert it first: convert-cli {given.set} NEW --to voc --voc-edges {given.voc_edges}",
        )
    if given.undo_fix:
        return _undo(given)
    with Bar("unpacking", unit="B") as bar:
        if not given.fix:
            outcome = _look(given, bar)
        elif given.dry_run:
            outcome = _would_fix(given, bar)
        elif given.to is not None:
            outcome = _fix_copy(given, bar)
        else:
            outcome = _fix_in_place(given, bar)
    _print(given, outcome)
    return outcome.report.exit_code(strict=given.strict)


def _look(given: argparse.Namespace, bar: Bar) -> _Outcome:
    """Only look. What keeps the whole set from being read is a finding like others."""
    report = Report()
    try:
        with opened(given.set, report, on_progress=bar) as root:
            return _Outcome(_look_at(root, given, given.format, report, bar), report)
    except UsageError:
        raise
    except DataError as error:
        report.add_exception(error)
        return _Outcome(None, report)


def _load_options(given: argparse.Namespace, bar: Bar) -> LoadOptions:
    return LoadOptions(
        keep_good=given.keep_good, on_progress=bar, images=given.images, voc_edges=given.voc_edges
    )


def _look_at(root: Path, given: argparse.Namespace, format: str | None, report: Report, bar: Bar) -> Dataset:
    """Read and check a set. Its own list of classes is taken at its word."""
    bar.stage("reading labels")
    dataset = registry.load(root, report, _load_options(given, bar), format=format)
    _check(dataset, given, report, bar)
    return dataset


def _check(dataset: Dataset, given: argparse.Namespace, report: Report, bar: Bar) -> None:
    """Check what was read."""
    check_dataset(dataset, report, CheckOptions(given.network_size))
    marks: dict[str, Fingerprint] = {}
    if not given.no_images:
        bar.stage("pictures")
        marks = _check_pictures(dataset, report, given.jobs, bar)
    work = WorkFolder(dataset.root)
    if work.exists():
        check_work(work, dataset, marks, report)
    report.issues[:] = with_lines(judged(report), dataset).issues


def _check_pictures(dataset: Dataset, report: Report, jobs: int | None, bar: Bar) -> dict[str, Fingerprint]:
    told = {issue.path for issue in report.errors}
    pictures = [(image.key, image.path) for image in dataset]
    marks, errors = take_fingerprints(pictures, workers=jobs, on_progress=bar)
    for key, error in errors.items():
        if error.path not in told:
            report.add_exception(error, key=key)
    check_alike(dataset, marks, report)
    return marks


def _plan(root: Path, given: argparse.Namespace, bar: Bar) -> FixPlan:
    bar.stage("reading labels")
    load = replace(_load_options(given, bar), fix_outside=given.fix_outside)
    return plan_fixes(root, load, format=given.format)


def _would_fix(given: argparse.Namespace, bar: Bar) -> _Outcome:
    """``--fix --dry-run``."""
    if given.to is not None:
        check_target(given.set, given.to)
    report = Report()
    with opened(given.set, report, on_progress=bar) as root:
        plan = _plan(root, given, bar)
        report.extend(plan.report)
        _check(plan.dataset, given, report, bar)
    fixes = _told(plan, given.set if given.set.is_file() else plan.root)
    return _Outcome(plan.dataset, report, fixes, len(plan.changes))


def _fix_copy(given: argparse.Namespace, bar: Bar) -> _Outcome:
    """``--fix --to COPY``."""
    check_target(given.set, given.to)
    report = Report()
    with (
        staging_for(given.to) as staging,
        opened(given.set, Report(), staging / "set", on_progress=bar) as root,
    ):
        plan = _plan(root, given, bar)
        copy_fixed(plan, staging / "new")
        install(staging / "new", given.to, staging / "room")
        name = plan.dataset.format
    dataset = _look_at(given.to, given, name, report, bar)
    report.issues += _unfixed(plan, given.to)
    return _Outcome(dataset, report, _told(plan, given.to), len(plan.changes), stale=stale_copies(plan))


def _fix_in_place(given: argparse.Namespace, bar: Bar) -> _Outcome:
    """``--fix``."""
    from converters.archive import is_archive  # a folder needs none of it

    if is_archive(given.set):
        raise UsageError(
            "is an archive, which is never changed.", path=given.set, hint="Mend a copy: --fix --to COPY"
        )
    report, known = Report(), Report()
    with opened(given.set, known, on_progress=bar) as root:
        plan = _plan(root, given, bar)
        originals = None
        if plan.changes:
            done = [fix.as_dict() for fix in plan.fixes]
            originals = change_files(plan.root, relative_changes(plan), done)
        dataset = _look_at(root, given, given.format, report, bar)
    report.issues += _unfixed(plan, plan.root)
    stale = stale_copies(plan)
    return _Outcome(dataset, report, plan.fixes, len(plan.changes), originals, stale)


def _told(plan: FixPlan, place: Path) -> list[Fix]:
    """What was mended, with paths that last: those of the copy, or in the archive."""
    return [
        replace(fix, path=place / fix.path.relative_to(plan.root))
        if fix.path.is_relative_to(plan.root)
        else fix
        for fix in plan.fixes
    ]


def _unfixed(plan: FixPlan, place: Path) -> list[Issue]:
    """What could not be mended after all, as looking again does not say."""
    return [
        replace(issue, path=place / issue.path.relative_to(plan.root))
        for issue in plan.report
        if issue.code == "not-fixed" and issue.path is not None and issue.path.is_relative_to(plan.root)
    ]


def _undo(given: argparse.Namespace) -> int:
    """``--undo-fix``."""
    if given.set.is_file():
        raise UsageError("is no folder in which something was mended.", path=given.set)
    if not given.set.exists():
        raise UsageError("there is no such folder.", path=given.set)
    files = undo_latest(given.set)
    if given.json:
        print_json({"set": str(given.set), "restored": files})
    else:
        for name in files:
            print(given.set / name)
    say(f"{counted(len(files), 'file')} as before the latest --fix")
    return ExitStatus.OK


def _print(given: argparse.Namespace, outcome: _Outcome) -> None:
    dataset, report, fixes = outcome.dataset, outcome.report, outcome.fixes
    if given.json:
        data: dict[str, Any] = {
            "set": str(given.to if given.to is not None and not given.dry_run else given.set),
            "format": dataset.format if dataset is not None else None,
            "images": len(dataset) if dataset is not None else 0,
            "boxes": dataset.box_count if dataset is not None else 0,
            "errors": len(report.errors),
            "warnings": len(report.warnings),
            "issues": [issue.as_dict() for issue in report],
        }
        if fixes is not None:
            data["fixed"] = [fix.as_dict() for fix in fixes]
            data["files_changed"] = outcome.files
            data["dry_run"] = given.dry_run
            data["originals"] = str(outcome.originals) if outcome.originals is not None else None
        print_json(data)
    else:
        for fix in fixes or ():
            print(str(fix).replace("] fixed: ", "] would be fixed: ", 1) if given.dry_run else fix)
        # A program that reads this is told all; a person is told how to see it.
        most = MOST_TOLD if sys.stdout.isatty() and not given.all else None
        print_report(report, to_stdout=True, most=most, rest="--all lists them.")
    for line in summary_lines(report):
        say(line)
    if fixes is not None:
        verb = "would be mended" if given.dry_run else "mended"
        say(f"{counted(len(fixes), 'finding')} {verb} in {counted(outcome.files, 'file')}")
    if outcome.originals is not None:
        say(f"the originals lie in {outcome.originals}; check-cli {given.set} --undo-fix brings them back")
    if outcome.stale:
        say("augmented copies were made from the labels as they were: run augment-cli again")
    remain = "" if fixes is None else " remain" if len(report) != 1 else " remains"
    what = "not read"
    if dataset is not None:
        what = f"{counted(len(dataset), 'picture')}, {counted(dataset.box_count, 'box', 'boxes')}"
        what += f" ({dataset.format})"
    say(f"{what}: {report.summary()}{remain if len(report) else ''}")


if __name__ == "__main__":
    sys.exit(main())
