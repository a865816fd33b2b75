"""augment-cli: augmented copies of the training pictures of a Darknet data set."""

from __future__ import annotations

import argparse
import csv
import dataclasses
import io
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from augment.policies import ABOUT, POLICIES, policy_named
from augment.policy import Policy
from converters.commands import Bar, ExitStatus, make_parser, print_json, print_report, run_command, say
from converters.errors import UsageError
from converters.files import write_atomic

if TYPE_CHECKING:
    from augment.amounts import Amounts
    from augment.cluster import Cluster
    from augment.runner import AugmentResult

_EXAMPLES = """\
  augment-cli work --copies 2 --seed 1            two copies of each training picture
  augment-cli work --copies 2 --seed 1 --dry-run  only count what there would be
  augment-cli work --preview sheet.png            look at some copies with their boxes
  augment-cli work --policy robust                another policy than the study's
  augment-cli --operations                        all operations and built-in policies
  augment-cli --show-policy > my.yaml             write a policy down, change it, and
  augment-cli work --policy my.yaml               use it
  augment-cli work --balance 5:1 --paste          copies that bring the classes nearer to each other
  augment-cli work --plan plan.csv --dry-run      what a plan of balance-cli would come to
  augment-cli work --dry-run --dropped boxes.csv  which boxes the copies would lose
  augment-cli work --scheduler tcp://host:8786    let a dask cluster make them
  augment-cli work --remove                       take all copies out again

exit codes: 0 all made, 1 a picture has no copies or the run failed, 2 wrong use, 130 interrupted"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run augment-cli; returns the exit code."""
    return run_command(_body, argv)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser(
        "augment-cli",
        "Make augmented copies of the training pictures of a Darknet data set (made by convert-cli). "
        "Pictures of val and test are never touched. The same seed and policy give the same copies; "
        "a second run adds nothing twice, and one with other settings replaces the old copies.",
        _EXAMPLES,
    )
    parser.add_argument("work", nargs="?", type=Path, help="the Darknet data set")
    _add_amounts(parser)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="of the random numbers (default: 1)")
    parser.add_argument(
        "--operations-per-copy", type=int, metavar="N", help="different operations a copy gets (default: 2)"
    )
    parser.add_argument(
        "--policy",
        default="study",
        metavar="NAME|FILE",
        help=f"{', '.join(POLICIES)}, or a YAML or JSON file (default: study)",
    )
    parser.add_argument(
        "--only",
        default="train",
        metavar="train",
        help="the split that gets copies; there is no other value",
    )
    parser.add_argument(
        "--dropped", metavar="FILE.csv", help="list the boxes that copies do not have (-: on stdout)"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="worker processes (default: one for each core)")
    parser.add_argument(
        "--scheduler", metavar="ADDRESS", help="have the copies made by a dask cluster (tcp://host:8786)"
    )
    parser.add_argument(
        "--workers-see",
        metavar="PATH|URL",
        help="where the cluster's workers see the data set (default: as here)",
    )
    parser.add_argument(
        "--preview-count", type=int, default=6, metavar="N", help="pictures in a preview (default: 6)"
    )
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--show-policy", action="store_true", help="print the policy as YAML and end")
    what.add_argument("--operations", action="store_true", help="print all operations and policies and end")
    what.add_argument("--dry-run", action="store_true", help="only count what there would be")
    what.add_argument(
        "--preview", type=Path, metavar="FILE.png", help="only draw a sheet of originals and copies"
    )
    what.add_argument("--remove", action="store_true", help="take all copies out again")
    return parser


def _add_amounts(parser: argparse.ArgumentParser) -> None:
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--copies", type=int, metavar="N", help="of each picture (default: 2)")
    which.add_argument(
        "--plan", type=Path, metavar="FILE.csv", help="copies and pasted faces of a balance plan"
    )
    which.add_argument(
        "--balance",
        metavar="TARGET",
        help="copies that reach a target: equal, 5:1 (largest class to any other) or mask=900,no_mask=600",
    )
    parser.add_argument(
        "--max-copies", type=int, metavar="N", help="with --balance: of one picture (default: 10)"
    )
    parser.add_argument(
        "--paste", action="store_true", help="with --balance: paste faces where copies do not do"
    )


def _body(argv: Sequence[str]) -> int:
    parser = _parser()
    try:
        args = parser.parse_args(argv)
    except SystemExit as end:  # argparse has said it; --help ends with 0, wrong use with 2
        return int(end.code or 0)
    _check(args)
    if args.operations:
        return _operations(args)
    policy = _policy(args)
    if args.show_policy:
        from augment.policy_file import show_policy

        print_json(policy.as_dict()) if args.json else print(show_policy(policy), end="")
        return ExitStatus.OK
    if args.work is None:
        raise UsageError("which data set? Give the folder that convert-cli made, e.g. augment-cli work")
    if args.remove:
        return _remove(args)
    if args.preview is not None:
        return _preview(args, policy)
    return _augment(args, policy)


def _check(args: argparse.Namespace) -> None:
    """Refuse what cannot be meant.

    Raises:
        UsageError: Says what.
    """
    if args.only != "train":
        raise UsageError(
            f"--only {args.only}: validation and test are never augmented: they would no longer say how good "
            "the network is. The only value is train."
        )
    if args.balance is None and (args.paste or args.max_copies is not None):
        raise UsageError(f"{'--paste' if args.paste else '--max-copies'}: goes with --balance only.")
    if args.workers_see is not None and args.scheduler is None:
        raise UsageError("--workers-see: goes with --scheduler only.")
    if args.scheduler is not None and (
        args.show_policy or args.operations or args.dry_run or args.preview is not None or args.remove
    ):
        raise UsageError("--scheduler: goes with making copies only.")
    if args.scheduler is not None and args.jobs is not None:
        raise UsageError("--jobs: a cluster has the workers it has; leave out --jobs or --scheduler.")
    if args.dropped is None:
        return
    if args.show_policy or args.operations or args.preview is not None or args.remove:
        raise UsageError("--dropped: goes with making copies and with --dry-run only.")
    if args.dropped == "-" and args.json:
        raise UsageError("--dropped -: what --json prints has the dropped boxes; leave one of them out.")


def _operations(args: argparse.Namespace) -> int:
    from augment import catalogue

    if args.json:
        print_json({"operations": catalogue.operations(), "policies": dict(ABOUT)})
    else:
        print(catalogue.operations_text(), end="")
    return ExitStatus.OK


def _policy(args: argparse.Namespace) -> Policy:
    path = Path(args.policy)
    if args.policy in POLICIES or not (path.suffix or path.parent.name or path.exists()):
        policy = policy_named(args.policy)
    else:
        from augment.policy_file import read_policy

        policy = read_policy(path)
    if args.operations_per_copy is not None:
        policy = dataclasses.replace(policy, operations_per_copy=args.operations_per_copy)
    return policy


def _amounts(args: argparse.Namespace, policy: Policy) -> Amounts:
    from augment import amounts

    if args.plan is not None:
        return amounts.from_plan(args.work, args.plan)
    if args.balance is None:
        return amounts.Amounts(2 if args.copies is None else args.copies)
    most = 10 if args.max_copies is None else args.max_copies
    found = amounts.from_target(args.work, args.balance, policy, max_copies=most, paste=args.paste)
    for note in found.balance.notes if found.balance is not None else ():
        say(note)
    return found


def _augment(args: argparse.Namespace, policy: Policy) -> int:
    from augment import plan, runner

    asked = _amounts(args, policy)
    if args.dry_run:
        with Bar("planning") as on_planned:
            made = plan.make_plan(
                args.work,
                copies=asked.copies,
                pastes=asked.pastes,
                loaded=asked.loaded,
                seed=args.seed,
                policy=policy,
                on_planned=on_planned,
            )
        result = runner.summarise(made, frozenset(copy.stem for copy in made.copies), 0)
    else:
        with Bar("planning") as on_planned, Bar("copies") as on_progress:
            result = runner.augment(
                args.work,
                copies=asked.copies,
                pastes=asked.pastes,
                loaded=asked.loaded,
                seed=args.seed,
                policy=policy,
                jobs=args.jobs,
                cluster=_cluster(args),
                on_progress=on_progress,
                on_planned=on_planned,
            )
    print_report(result.report)
    if args.json:
        plan_of = {"plan": asked.balance.as_dict()} if asked.balance is not None else {}
        print_json({**result.as_dict(), **plan_of, "dry_run": args.dry_run})
    else:
        _print_counts(result, sys.stderr if args.dropped == "-" else sys.stdout)
    if args.dropped is not None:
        _list_dropped(result, args.dropped)
    total = result.images + result.copies
    if args.dry_run:
        say(
            f"nothing was made; there would be {result.copies} copies in {result.folder}, "
            f"{total} training pictures in train.txt"
        )
    else:
        intact = result.copies - result.made
        there = f" ({intact} were there already)" if intact else ""
        say(f"{result.copies} copies{there} lie in {result.folder}; {total} training pictures in train.txt")
    return result.report.exit_code()


def _cluster(args: argparse.Namespace) -> Cluster | None:
    if args.scheduler is None:
        return None
    from augment.cluster import Cluster

    return Cluster(args.scheduler, workers_see=args.workers_see, say=say)


def _list_dropped(result: AugmentResult, target: str) -> None:
    """Write the dropped boxes as CSV: a line for each, edges in pixels of the original."""
    lines = io.StringIO()
    writer = csv.writer(lines, lineterminator="\n")
    writer.writerow(("copy", "image", "box", "label", "xmin", "ymin", "xmax", "ymax"))
    for one in result.dropped:
        writer.writerow((one.copy, one.image, one.box, one.label, *(round(edge, 4) for edge in one.xyxy)))
    if target == "-":
        print(lines.getvalue(), end="")
        return
    write_atomic(Path(target), lines.getvalue())
    say(f"{len(result.dropped)} dropped boxes are listed in {target}")


def _print_counts(result: AugmentResult, stream: TextIO) -> None:
    """Boxes of each class before and after, as a table."""
    dropped = Counter(box.label for box in result.dropped)
    columns: list[tuple[str, dict[str, int]]] = [
        ("boxes", result.boxes_before),
        ("after", result.boxes_after),
        ("dropped", dict(dropped)),
    ]
    if any(result.pasted.values()) or any(result.unplaced.values()):
        columns.append(("pasted", result.pasted))
    rows = [("class", *(head for head, _ in columns))]
    rows += [(name, *(str(counts.get(name, 0)) for _, counts in columns)) for name in result.boxes_before]
    rows.append(("all", *(str(sum(counts.values())) for _, counts in columns)))
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        name, before, *rest = (
            text.ljust(width) if i == 0 else text.rjust(width)
            for i, (text, width) in enumerate(zip(row, widths, strict=True))
        )
        arrow = "  " if row is rows[0] else "->"
        print(f"{name}  {before} {arrow} {'  '.join(rest)}", file=stream)


def _remove(args: argparse.Namespace) -> int:
    from augment import runner

    count = runner.remove(args.work)
    if args.json:
        print_json({"removed": count})
    say(f"{count} copies removed from {args.work}")
    return ExitStatus.OK


def _preview(args: argparse.Namespace, policy: Policy) -> int:
    from augment import preview
    from augment.plan import make_plan
    from converters.images import encode_png

    if args.preview.suffix.lower() != ".png":
        raise UsageError(f"--preview {args.preview}: the sheet is a PNG; let its name end in .png")
    if args.preview_count < 1:
        raise UsageError(f"--preview-count {args.preview_count}: must be at least 1.")
    asked = _amounts(args, policy)
    plan = make_plan(
        args.work,
        copies=asked.copies,
        pastes=asked.pastes,
        loaded=asked.loaded,
        seed=args.seed,
        policy=policy,
    )
    sheet = preview.sheet_of(plan, args.preview_count)
    write_atomic(args.preview, encode_png(sheet))
    print_report(plan.report)
    if args.json:
        print_json({"preview": str(args.preview), "issues": [issue.as_dict() for issue in plan.report]})
    say(f"the preview is {args.preview}")
    return plan.report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
