"""What ``convert-cli`` prints for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from converters.cli.common import table
from converters.conversion import AddResult, ConvertResult
from converters.model import Split
from converters.portable import shown
from converters.report import Report
from converters.split import SplitQuality
from converters.words import counted


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
        lines += [f"  lost: {loss.message}" for loss in result.lost]
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
    lines = _quality_lines(quality)
    if result.groups:
        pictures = sum(len(keys) for keys in result.groups.values())
        lines.append(
            f"{counted(len(result.groups), 'group')} of pictures that belong together "
            f"({counted(pictures, 'picture')}) {'was' if len(result.groups) == 1 else 'were'} kept whole"
        )
    if result.kept_splits:
        lines.append(
            f"{counted(result.kept_splits, 'picture')} kept in the split they had (--resplit divides anew)"
        )
    return lines


def _quality_lines(quality: SplitQuality) -> list[str]:
    lines: list[str] = []
    worst = quality.worst
    if worst is not None:
        more = "more" if worst.error >= 0 else "fewer"
        lines.append(
            "every class has its share of boxes in each split"
            if abs(worst.error) < 0.0005
            else f"the split is off by {quality.worst_error:.1%} at worst: {worst.split} has {more} "
            f"{worst.label} boxes ({worst.boxes}) than its part of the pictures"
        )
    if quality.sizes != quality.wanted:
        wanted = "/".join(str(quality.wanted[split]) for split in Split)
        lines.append(f"sizes wanted were {wanted}: groups, or an earlier split, stood in the way")
    if quality.torn_groups:
        lines.append(f"groups in more than one split: {', '.join(quality.torn_groups)}")
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
    notes += _left_out(*_failures(result), (result.surplus, "more than asked for, in no split"))
    if result.clipped:
        notes.append(f"{counted(result.clipped, 'box', 'boxes')} cut to the picture")
    if result.dropped:
        notes.append(f"{counted(result.dropped, 'box', 'boxes')} outside the picture dropped")
    for name, boxes in result.dropped_classes.items():
        notes.append(f"{counted(boxes, 'box', 'boxes')} of {name} left out (--drop)")
    if result.kept_added:
        notes.append(f"{counted(result.kept_added, 'picture')} added from other sets stay")
    if result.removed_copies:
        notes.append(
            f"{counted(result.removed_copies, 'augmented copy', 'augmented copies')} of the replaced set "
            "removed: make them again with augment-cli"
        )
    return notes


def _failures(result: ConvertResult) -> list[tuple[Sequence[str], str]]:
    return [
        (result.unlabelled, "without a label file (--unlabelled keep takes them as empty)"),
        (result.rejected, "with an error in the label file or picture"),
        (result.unreadable, "that cannot be read"),
    ]


def text_of_addition(result: AddResult, report: Report) -> list[str]:
    """The lines that are printed after adding a set to another."""
    base, new = result.base, result.added
    boxes = sum(len(image.boxes) for image in new)
    lines = [
        f"{base.target}: {counted(len(new), 'picture')} and {counted(boxes, 'box', 'boxes')} added "
        f"to {counted(len(result.before), 'picture')} ({base.source_format} → yolo)"
    ]
    if new:
        lines += ["", *_table_of_addition(result)]
        if result.quality is not None:
            lines += ["", *_quality_lines(result.quality)]
    if result.followed:
        lines.append(
            f"{counted(len(result.followed), 'picture')} went where a picture lies that shows nearly the same"
        )
    notes = []
    if result.new_classes:
        notes.append(f"appended to obj.names: {', '.join(result.new_classes)}")
    notes += _left_out(
        (result.already, "that were added before"),
        (result.identical, "of which the very same is there (--identical keep takes them)"),
        (result.changed, "that are not what was added under that name"),
    )
    # Where nothing came of it, what was done on the way is of no interest.
    notes += _notes(base) if new else _left_out(*_failures(base))
    if result.copies and result.added_splits[Split.TRAIN]:
        notes.append(
            f"train has {counted(result.added_splits[Split.TRAIN], 'new picture')} without augmented copies "
            f"({result.copies:,} old ones stay as they are): run augment-cli again"
        )
    if notes:
        lines += ["", *notes]
    if len(report):
        lines += ["", f"{report.summary()} (see above, or check-cli)"]
    return lines


def _table_of_addition(result: AddResult) -> list[str]:
    before = Counter(box.label for image in result.before for box in image.boxes)
    new = Counter(box.label for image in result.added for box in image.boxes)
    by_split = Counter((box.label, image.split) for image in result.added for box in image.boxes)
    rows = [["class", "boxes before", "added", "now", *(f"+{split}" for split in Split)]]
    for name in (*result.before.class_names, *result.new_classes):
        row = [name, f"{before[name]:,}", f"+{new[name]:,}", f"{before[name] + new[name]:,}"]
        rows.append([*row, *(f"{by_split[name, split]:,}" for split in Split)])
    had, added = len(result.before), len(result.added)
    total = ["(pictures)", f"{had:,}", f"+{added:,}", f"{had + added:,}"]
    return table([*rows, [*total, *(f"{result.added_splits[split]:,}" for split in Split)]])


def _left_out(*reasons: tuple[Sequence[str], str]) -> list[str]:
    lines = []
    for keys, why in reasons:
        if keys:
            names = ", ".join(map(shown, keys[:6])) + (", …" if len(keys) > 6 else "")
            lines.append(f"left out: {counted(len(keys), 'picture')} {why}: {names}")
    return lines
