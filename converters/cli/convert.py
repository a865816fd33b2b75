"""``convert-cli``: from any set to another format, above all to a Darknet data set."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from converters import registry
from converters.baking import Bake
from converters.cli.common import positive, table
from converters.commands import Bar, make_parser, print_json, print_report, run_command
from converters.convert import ConvertOptions, ConvertResult, convert_to_format, convert_to_work
from converters.errors import UsageError
from converters.model import Split
from converters.remap import parse_names, parse_rename
from converters.report import Report
from converters.split import SplitQuality, parse_split
from converters.words import counted

_EXAMPLES = """  convert-cli archive.zip work --split 70/15/15
  convert-cli archive work --rename with_mask=mask,without_mask=no_mask,mask_weared_incorrect=chin_diaper
  convert-cli archive work --split 608,120,120 --seed 7
  convert-cli archive work --force          new labels into the same data set: the split and runs/ stay
  convert-cli work masks_voc --to voc

The source is never changed. TARGET appears only when it is complete. Findings go to stderr.

exit codes:
  0 all was converted   1 something was left out (all that is good is there)   2 wrong use"""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_command(_body, argv)


def _parser() -> argparse.ArgumentParser:
    parser = make_parser("convert-cli", "Convert a set of labelled pictures.", _EXAMPLES)
    parser.add_argument("source", type=Path, metavar="SOURCE", help="folder or archive (zip, tar)")
    parser.add_argument("target", type=Path, metavar="TARGET", help="folder to make")
    formats = sorted(registry.FORMATS)
    parser.add_argument(
        "--to", choices=formats, default="yolo", help="format to write (default: yolo, for Darknet)"
    )
    parser.add_argument(
        "--from", dest="format", choices=formats, help="format of the source (default: recognised)"
    )
    classes = parser.add_argument_group("classes")
    classes.add_argument(
        "--rename", metavar="OLD=NEW,…", help="other names; two with one new name become one class"
    )
    classes.add_argument(
        "--classes", metavar="A,B,…", help="order of the classes (default: that of --rename)"
    )
    split = parser.add_argument_group("split (Darknet data sets)")
    split.add_argument(
        "--split",
        metavar="T/V/T",
        help="percent as 70/15/15 or pictures as 608,120,120 (default: the set's own, else 70/15/15)",
    )
    split.add_argument(
        "--seed", type=int, default=1, metavar="N", help="another one gives another split (default: 1)"
    )
    split.add_argument(
        "--groups", type=Path, metavar="FILE", help="CSV of picture,group: what must stay together"
    )
    split.add_argument("--resplit", action="store_true", help="with --force: do not keep the split there is")
    _add_leniency(parser)
    parser.add_argument(
        "--force", action="store_true", help="replace the Darknet data set in TARGET; its runs/ stay"
    )
    parser.add_argument(
        "--jobs", type=positive, metavar="N", help="processes (default: one for each processor)"
    )
    parser.add_argument("--json", action="store_true", help="print JSON")
    return parser


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
    what.add_argument(
        "--bake",
        choices=[str(bake) for bake in Bake],
        default="auto",
        help="write pictures anew as 8-bit RGB PNG: those that Darknets read differently (default), or all",
    )


def _body(argv: Sequence[str]) -> int:
    given = _parser().parse_args(argv)
    options = ConvertOptions(
        rename=parse_rename(given.rename) if given.rename is not None else (),
        classes=parse_names(given.classes) if given.classes is not None else None,
        split=parse_split(given.split) if given.split is not None else None,
        seed=given.seed,
        groups=given.groups,
        resplit=given.resplit,
        keep_good=given.keep_good,
        fix_outside=given.fix_outside,
        trust_size=given.trust_size,
        keep_unlabelled=given.unlabelled == "keep",
        bake=Bake(given.bake),
        jobs=given.jobs,
        format=given.format,
        force=given.force,
    )
    report = Report()
    try:
        with Bar("unpacking", unit="B") as bar:
            if given.to == "yolo":
                result = convert_to_work(
                    given.source, given.target, report, options, on_progress=bar, on_stage=bar.stage
                )
            else:
                if given.split is not None:
                    raise UsageError(f"--split is for Darknet data sets, not for {given.to}.")
                result = convert_to_format(
                    given.source, given.target, given.to, report, options, on_progress=bar, on_stage=bar.stage
                )
    finally:
        print_report(report)
    if given.json:
        print_json({**result.as_dict(), "issues": [issue.as_dict() for issue in report]})
    else:
        print("\n".join(text_of(result, report)))
    return report.exit_code()


def text_of(result: ConvertResult, report: Report) -> list[str]:
    """The lines that are printed for people."""
    dataset = result.dataset
    lines = [
        f"{result.target}: {counted(len(dataset), 'picture')}, {counted(dataset.box_count, 'box', 'boxes')}, "
        f"{counted(len(dataset.class_names), 'class', 'classes')} "
        f"({result.source_format} → {result.target_format})",
        "",
    ]
    lines += _boxes(result)
    if result.quality is not None:
        lines += ["", *_split_lines(result.quality, result)]
    notes = _notes(result)
    if notes:
        lines += ["", *notes]
    if result.loses:
        lines += ["", f"{result.target_format} does not keep: {', '.join(result.loses)}"]
    if len(report):
        lines += ["", f"{report.summary()} (see above, or check-cli)"]
    return lines


def _boxes(result: ConvertResult) -> list[str]:
    dataset, quality = result.dataset, result.quality
    boxes = Counter(box.label for image in dataset for box in image.boxes)
    splits = [split for split in Split if quality is not None and quality.sizes[split]]
    rows = [["class", "boxes", *(text for split in splits for text in (str(split), "%"))]]
    for name in dataset.class_names:
        row = [name, f"{boxes[name]:,}"]
        for split in splits:
            cell = quality.cell(name, split) if quality is not None else None
            row += [f"{cell.boxes:,}", f"{cell.share:.1%}"[:-1]] if cell is not None else ["0", "-"]
        rows.append(row)
    total = ["(pictures)", f"{len(dataset):,}"]
    for split in splits:
        size = quality.sizes[split] if quality is not None else 0
        total += [f"{size:,}", f"{size / max(1, len(dataset)):.1%}"[:-1]]
    return table([*rows, total])


def _split_lines(quality: SplitQuality, result: ConvertResult) -> list[str]:
    lines: list[str] = []
    worst = quality.worst
    if worst is not None:
        more = "more" if worst.error >= 0 else "fewer"
        lines.append(
            f"the split is off by {quality.worst_error:.1%} at worst: {worst.split} has {more} {worst.label} "
            f"boxes ({worst.boxes}) than its part of the pictures"
        )
    if quality.sizes != quality.wanted:
        wanted = "/".join(str(quality.wanted[split]) for split in Split)
        lines.append(f"sizes wanted were {wanted}: groups, or an earlier split, stood in the way")
    if result.groups:
        pictures = sum(len(keys) for keys in result.groups.values())
        lines.append(
            f"{counted(len(result.groups), 'group')} of pictures that show the same "
            f"({pictures} pictures) were kept together"
        )
    if quality.torn_groups:
        lines.append(f"groups in more than one split: {', '.join(quality.torn_groups)}")
    if result.kept_splits:
        lines.append(
            f"{counted(result.kept_splits, 'picture')} stay in the split they had (--resplit divides anew)"
        )
    return lines


def _notes(result: ConvertResult) -> list[str]:
    notes: list[str] = []
    if result.baked:
        notes.append(
            f"{counted(result.baked, 'picture')} written anew as 8-bit RGB PNG, {result.linked:,} as they are"
        )
    elif result.linked:
        notes.append(f"{counted(result.linked, 'picture')} linked or copied as they are")
    if result.renamed:
        notes.append(
            f"{counted(len(result.renamed), 'file name')} made plain (split.csv names the originals):"
        )
        shown = list(result.renamed.items())[:5]
        notes += [f"  {old} → {new}" for old, new in shown]
        if len(result.renamed) > len(shown):
            notes.append(f"  and {len(result.renamed) - len(shown)} more")
    for keys, why in (
        (result.unlabelled, "without a label file (--unlabelled keep takes them as empty)"),
        (result.rejected, "with an error in the label file or picture"),
        (result.unreadable, "that cannot be read"),
        (result.surplus, "more than asked for, in no split"),
    ):
        if keys:
            names = ", ".join(keys[:6]) + (", …" if len(keys) > 6 else "")
            notes.append(f"left out: {counted(len(keys), 'picture')} {why}: {names}")
    if result.clipped:
        notes.append(f"{counted(result.clipped, 'box', 'boxes')} cut to the picture")
    if result.dropped:
        notes.append(f"{counted(result.dropped, 'box', 'boxes')} outside the picture dropped")
    if result.removed_copies:
        notes.append(
            f"{counted(result.removed_copies, 'augmented copy', 'augmented copies')} of the replaced set "
            "removed: make them again with augment-cli"
        )
    return notes


if __name__ == "__main__":
    sys.exit(main())
