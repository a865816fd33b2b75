"""``convert-cli``: from any set to another format, above all to a Darknet data set."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from converters import registry
from converters.baking import Bake
from converters.cli.common import add_images, add_voc_edges, positive
from converters.cli.convert_text import text_of, text_of_addition
from converters.commands import MOST_TOLD, Bar, make_parser, print_json, print_report, run_command
from converters.conversion import AddOptions, ConvertOptions
from converters.errors import DataError, UsageError
from converters.portable import shown
from converters.remap import parse_names, parse_rename
from converters.report import Report
from converters.split import parse_split

_EXAMPLES = """  convert-cli archive.zip work --split 70/15/15
  convert-cli archive work --rename with_mask=mask,without_mask=no_mask,mask_weared_incorrect=chin_diaper
  convert-cli archive work --split 608,120,120 --seed 7
  convert-cli archive work --force          new labels into the same data set: the split and runs/ stay
  convert-cli more work --add               more pictures: what is there stays, the split is kept
  convert-cli more work --add --rename masked=mask,bare=no_mask
  convert-cli pictures work --unlabelled keep --classes mask,no_mask     plain pictures, nothing in them
  convert-cli labelme work --drop __ignore__,_background_
  convert-cli instances_val2017.json work --images val2017      one label file, its pictures elsewhere
  convert-cli work masks_voc --to voc

The source is never changed. TARGET appears, or changes, only when all is complete. Findings go to stderr.

exit codes:
  0 all was converted   1 something was left out (all that is good is there)   2 wrong use"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("convert-cli", "Convert a set of labelled pictures.", _EXAMPLES)
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder, archive or label file")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder to make")
    formats = sorted(registry.FORMATS)
    parser.add_argument(
        "--to", choices=formats, default="yolo", help="format to write (default: yolo, for Darknet)"
    )
    parser.add_argument(
        "--from", dest="format", choices=formats, help="format of the source (default: recognised)"
    )
    add_images(parser)
    classes = parser.add_argument_group("classes")
    classes.add_argument(
        "--rename", metavar="OLD=NEW,…", help="other names; two with one new name become one class"
    )
    classes.add_argument(
        "--classes", metavar="A,B,…", help="order of the classes (default: that of --rename)"
    )
    classes.add_argument(
        "--drop",
        metavar="A,B,…",
        help="leave out the boxes of these classes (names as in the source); pictures stay",
    )
    split = parser.add_argument_group("split")
    split.add_argument(
        "--split",
        metavar="T/V/T",
        help="percent as 70/15/15 or pictures as 608,120,120 (default: the set's own, else 70/15/15 in a "
        "Darknet data set and none in other formats)",
    )
    split.add_argument(
        "--seed", type=int, default=1, metavar="N", help="another one gives another split (default: 1)"
    )
    split.add_argument(
        "--groups", type=Path, metavar="FILE", help="CSV of picture,group: what must stay together"
    )
    split.add_argument(
        "--no-similar",
        action="store_true",
        help="do not look for pictures that show the same: quicker, but a split may tear them apart",
    )
    split.add_argument("--resplit", action="store_true", help="with --force: do not keep the split there is")
    _add_leniency(parser)
    _add_targets(parser)
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="processes (default: one for each processor)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


def _add_targets(parser: argparse.ArgumentParser) -> None:
    """Options about a Darknet data set that is in TARGET already."""
    there = parser.add_argument_group("a Darknet data set that is in TARGET already")
    mode = there.add_mutually_exclusive_group()
    mode.add_argument(
        "--add", action="store_true", help="add the pictures of SOURCE to it; what is there stays as it is"
    )
    mode.add_argument(
        "--force",
        action="store_true",
        help="replace it; its runs/ stay, and so do pictures added from other sets",
    )
    there.add_argument(
        "--new-classes",
        action="store_true",
        help="with --add: append classes that it does not know to obj.names (default: an error)",
    )
    there.add_argument(
        "--identical",
        choices=("skip", "keep"),
        default="skip",
        help="with --add: pictures of which the very same is there: leave out (default), or take",
    )
    there.add_argument(
        "--drop-added", action="store_true", help="with --force: pictures added from other sets go, too"
    )


def _add_leniency(parser: argparse.ArgumentParser) -> None:
    """Options about what is taken as it is, mended, or left out."""
    what = parser.add_argument_group("pictures and labels")
    what.add_argument(
        "--unlabelled",
        choices=("skip", "keep"),
        default="skip",
        help="pictures without a label file: leave out (default), or take as empty",
    )
    what.add_argument(
        "--keep-good", action="store_true", help="keep the good boxes of a label file with a bad one"
    )
    what.add_argument(
        "--fix-outside", action="store_true", help="cut boxes that reach far outside their picture to it"
    )
    what.add_argument(
        "--trust-size",
        choices=("error", "xml", "image"),
        default="error",
        help="where a label file says another size than its picture has: leave the picture out (default), "
        "or scale the boxes from the size it says (xml), or take them as they are (image)",
    )
    add_voc_edges(what)
    what.add_argument(
        "--copy",
        action="store_true",
        help="copy every picture (default: a second name for the same file, where the disk can do that)",
    )
    what.add_argument(
        "--bake",
        choices=[str(bake) for bake in Bake],
        default="auto",
        help="write pictures anew as 8-bit RGB PNG: all that are not such already (auto, the default), all, "
        "or only those that a Darknet cannot open (needed)",
    )


def _body(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    from converters.convert import convert_to_format, convert_to_work  # asking for --help needs none of it

    options = ConvertOptions(
        rename=parse_rename(given.rename) if given.rename is not None else (),
        classes=parse_names(given.classes) if given.classes is not None else None,
        drop=parse_names(given.drop) if given.drop is not None else (),
        split=parse_split(given.split) if given.split is not None else None,
        seed=given.seed,
        groups=given.groups,
        resplit=given.resplit,
        keep_good=given.keep_good,
        fix_outside=given.fix_outside,
        trust_size=given.trust_size,
        voc_edges=given.voc_edges,
        keep_unlabelled=given.unlabelled == "keep",
        bake=Bake(given.bake),
        similar=not given.no_similar,
        jobs=given.jobs,
        format=given.format,
        images=given.images,
        force=given.force,
        drop_added=given.drop_added,
        copy=given.copy,
    )
    if given.add:
        return _add(given, options)
    if given.new_classes or given.identical != "skip":
        raise UsageError("--new-classes and --identical are for --add.")
    if given.drop_added and not given.force:
        raise UsageError("--drop-added is for --force.")
    report = Report()
    try:
        with Bar("unpacking", unit="B") as bar:
            if given.to == "yolo":
                result = convert_to_work(
                    given.source, given.target, report, options, on_progress=bar, on_stage=bar.stage
                )
            else:
                result = convert_to_format(
                    given.source, given.target, given.to, report, options, on_progress=bar, on_stage=bar.stage
                )
    except DataError as error:
        error.details["issues"] = [issue.as_dict() for issue in report]
        raise
    finally:
        _print_findings(report, given.source)
    if given.json:
        print_json({**result.as_dict(), "issues": [issue.as_dict() for issue in report]})
    else:
        print("\n".join(text_of(result, report)))
    return report.exit_code()


def _print_findings(report: Report, source: Path) -> None:
    print_report(report, most=MOST_TOLD, rest=f"check-cli {shown(source)} lists all; so does --json.")


def _add(given: argparse.Namespace, options: ConvertOptions) -> int:
    """``--add``."""
    from converters.adding import add_to_work

    if given.to != "yolo":
        raise UsageError(f"--add is for Darknet data sets, not for {given.to}.")
    if given.classes is not None:
        raise UsageError(
            "--classes does not go with --add: the classes are those that are there.",
            hint="--rename says which of them others are, --new-classes appends new ones.",
        )
    if given.resplit or given.drop_added:
        raise UsageError("--resplit and --drop-added are for --force.")
    if given.no_similar:
        raise UsageError("--no-similar does not go with --add: what is new is compared with what is there.")
    report = Report()
    try:
        with Bar("unpacking", unit="B") as bar:
            result = add_to_work(
                given.source,
                given.target,
                report,
                options,
                AddOptions(given.new_classes, given.identical == "keep"),
                on_progress=bar,
                on_stage=bar.stage,
            )
    except DataError as error:
        error.details["issues"] = [issue.as_dict() for issue in report]
        raise
    finally:
        _print_findings(report, given.source)
    if given.json:
        print_json({**result.as_dict(), "issues": [issue.as_dict() for issue in report]})
    else:
        print("\n".join(text_of_addition(result, report)))
    return report.exit_code()


if __name__ == "__main__":
    sys.exit(main())
