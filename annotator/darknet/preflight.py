"""Looking at everything before a training starts: Darknet's own reactions range from silence to a crash."""

from __future__ import annotations

import math
import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from annotator.darknet.blocks import parameter_count
from annotator.darknet.cfg import DETECTORS, Cfg
from annotator.darknet.dialect import Darknet
from annotator.darknet.weights import read_weights_header
from converters.errors import DataError, FormatError
from converters.images import DARKNET_SUFFIXES, read_header
from converters.model import Split
from converters.report import Report
from converters.work import read_names

# pjreddie's replaces the first of each of these wherever it stands in a path, to get from picture to label.
_PJREDDIE_REPLACES = ("images", "JPEGImages", "raw")
_PJREDDIE_SUFFIXES = (".jpg", ".png", ".JPG", ".JPEG")
_MAX_BOXES = {"pjreddie": 90, "alexeyab": 200, "hank": 200}
_PNG_END = b"IEND\xaeB`\x82"
_LOG_ROOM = 100_000_000


def check_training(
    base: Path,
    lists: Mapping[Split, Sequence[str]],
    class_names: Sequence[str],
    darknet: Darknet,
    cfg: Cfg,
    *,
    weights: Path | None = None,
    runs: Path,
) -> Report:
    """Everything that would make a training fail, or quietly train on the wrong thing.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        class_names: In the order of their ids.
        darknet: Who will train.
        cfg: What it will train.
        weights: Where it starts from.
        runs: Folder the run is, or will be, made in; it must exist or be makeable.

    Returns:
        Errors where the training must not start, warnings where it may.
    """
    report = Report()
    _check_lists(base, lists, report)
    _check_classes(class_names, cfg, report)
    for split in Split:
        for entry in lists.get(split, ()):
            _check_picture(base, entry, len(class_names), darknet, report)
    if weights is not None:
        _check_weights(weights, cfg, report)
        _check_names_of(weights, cfg, class_names, report)
    _check_room(runs, cfg, darknet, report)
    return report


def _check_lists(base: Path, lists: Mapping[Split, Sequence[str]], report: Report) -> None:
    if not lists.get(Split.TRAIN):
        report.error(
            "empty-list",
            "there is no picture to train on.",
            path=base / "train.txt",
            hint="Split the set first: convert-cli … --split 70/15/15",
        )
    for split in (Split.VAL, Split.TEST):
        if not lists.get(split):
            report.warning(
                "empty-list",
                f"no picture is kept apart for {split}: the training cannot be measured on it.",
                path=base / f"{split}.txt",
            )
    splits = list(Split)
    for index, first in enumerate(splits):
        entries = lists.get(first, ())
        for entry, count in Counter(entries).items():
            if count > 1:
                text = f"{entry} stands {count} times in {first}.txt."
                report.warning("twice-in-list", text, path=base / f"{first}.txt", key=entry)
        for second in splits[index + 1 :]:
            for entry in sorted(set(entries) & set(lists.get(second, ()))):
                report.error(
                    "in-two-splits",
                    f"{entry} is in {first} and in {second}: the measure would be too good.",
                    path=base / f"{second}.txt",
                    key=entry,
                    hint="Take it out of one of the two in split.csv.",
                )


def _check_classes(class_names: Sequence[str], cfg: Cfg, report: Report) -> None:
    previous = 0
    for section in cfg.layer_sections:
        if section.name in DETECTORS:
            classes = section.get_int("classes", 20)
            if classes != len(class_names):
                report.error(
                    "bad-names",
                    f"the names file has {len(class_names)} names, the network is for {classes} classes.",
                )
                return
            boxes = len(section.get_ints("mask")) if "mask" in section else section.get_int("num", 1)
            wanted = (classes + 5) * boxes
            if previous != wanted:
                report.error(
                    "bad-filters",
                    f"the layer before a [{section.name}] has {previous} filters; {classes} classes "
                    f"need {wanted}.",
                )
                return
        previous = section.get_int("filters", previous)


def _check_picture(base: Path, entry: str, classes: int, darknet: Darknet, report: Report) -> None:
    path = base / entry
    if path.suffix.lower() not in DARKNET_SUFFIXES:
        report.error("bad-suffix", "is of a kind that Darknet does not read.", path=path, key=entry)
        return
    try:
        read_header(path)
        _check_end(path)
    except DataError as error:
        report.add_exception(error, key=entry)
        return
    if darknet.dialect == "pjreddie" and _label_as_pjreddie(entry) != str(Path(entry).with_suffix(".txt")):
        report.error(
            "label-not-found",
            f"this Darknet would look for its label at {_label_as_pjreddie(entry)}.",
            path=path,
            key=entry,
            hint="Rename it: no 'images' or 'raw' in the path, and .png or .jpg once, at the end.",
        )
    boxes = _check_label(path.with_suffix(".txt"), entry, classes, report)
    if boxes > _MAX_BOXES[darknet.dialect]:
        report.warning(
            "many-boxes",
            f"has {boxes} boxes; this Darknet trains on {_MAX_BOXES[darknet.dialect]} of them.",
            path=path,
            key=entry,
        )


def _check_end(path: Path) -> None:
    """Whether a PNG reaches its end mark; decoding all pictures would take minutes."""
    if path.suffix.lower() != ".png":
        return
    with path.open("rb") as file:
        file.seek(-min(64, path.stat().st_size), os.SEEK_END)
        if _PNG_END not in file.read():
            raise FormatError(
                "the picture is cut short.",
                path=path,
                code="image-truncated",
                hint="Copy it again from its source, or remove it.",
            )


def _check_label(path: Path, entry: str, classes: int, report: Report) -> int:
    """Check a label file; returns its number of boxes."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        report.error(
            "label-missing",
            "the label file is missing.",
            path=path,
            key=entry,
            hint="Label the picture; an empty file says that there is nothing in it.",
        )
        return 0
    except (OSError, UnicodeDecodeError) as error:
        report.error("label-unreadable", f"cannot be read: {error}.", path=path, key=entry)
        return 0
    boxes = 0
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        boxes += 1
        wrong = _wrong_with(line.split(), classes)
        if wrong:
            report.error(wrong[0], wrong[1], path=path, line=number, key=entry, box=boxes - 1)
    return boxes


def _wrong_with(columns: Sequence[str], classes: int) -> tuple[str, str] | None:
    if len(columns) < 5:
        return "bad-columns", f"has {len(columns)} columns, not class x y width height."
    try:
        class_id = int(columns[0])
        numbers = [float(column) for column in columns[1:5]]
    except ValueError:
        return "bad-number", f"{' '.join(columns[:5])!r} is not class x y width height in numbers."
    if not 0 <= class_id < classes:
        return "bad-class-id", f"class id {class_id} is not one of 0 to {classes - 1}."
    if not all(math.isfinite(number) and 0 < number <= 1 for number in numbers):
        return "bad-box", f"{' '.join(columns[1:5])} are not all between 0 and 1."
    return None


def _label_as_pjreddie(entry: str) -> str:
    """Where pjreddie's Darknet looks for a picture's label."""
    label = entry
    for word in _PJREDDIE_REPLACES:
        label = label.replace(word, "labels", 1)
    for suffix in _PJREDDIE_SUFFIXES:
        label = label.replace(suffix, ".txt", 1)
    return label


def _check_weights(weights: Path, cfg: Cfg, report: Report) -> None:
    try:
        header = read_weights_header(weights)
        wanted = parameter_count(cfg)
    except FormatError as error:
        report.add_exception(error)
        return
    if header.parameters == 0:
        report.error("bad-weights", "the weights file is cut short: it holds no weights.", path=weights)
    elif header.parameters > wanted:
        report.error(
            "bad-weights",
            f"holds {header.parameters:,} weights, the network has {wanted:,}: it is of another network or "
            "another number of classes.",
            path=weights,
        )
    elif header.parameters < wanted:
        # Weights for the first layers only are how a training usually starts; they look the same.
        report.warning(
            "partial-weights",
            f"holds {header.parameters:,} of the network's {wanted:,} weights; the rest starts at random.",
            path=weights,
        )


def _check_names_of(weights: Path, cfg: Cfg, class_names: Sequence[str], report: Report) -> None:
    """Weights of a whole network know classes by their number only: other names would be other things."""
    names = weights.parent.parent / "obj.names"  # of the run that they are from
    try:
        if not names.is_file() or read_weights_header(weights).parameters != parameter_count(cfg):
            return
        trained = read_names(names)
    except DataError:
        return  # said elsewhere, or no names file of ours
    if tuple(trained) != tuple(class_names):
        report.error(
            "weights-names",
            f"were trained on the classes {', '.join(trained)}, and this set has {', '.join(class_names)} in "
            "this order: each class would begin as another one.",
            path=weights,
            hint="Bring the classes into that order (convert-cli --classes), or start from other weights.",
        )


def _check_room(runs: Path, cfg: Cfg, darknet: Darknet, report: Report) -> None:
    """Whether the run folder can be written, and the disk has room for all weights that will be kept."""
    folder = runs
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    if not folder.is_dir() or not os.access(folder, os.W_OK | os.X_OK):
        report.error("read-only", "cannot be written.", path=runs, hint="Allow writing there.")
        return
    needed = (20 + 4 * parameter_count(cfg)) * kept_files(cfg, darknet) + _LOG_ROOM
    free = shutil.disk_usage(folder).free
    if free < needed:
        report.error(
            "disk-full",
            f"the training's weights need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free.",
            path=runs,
            hint="Free some space, or train for fewer iterations.",
        )


def kept_files(cfg: Cfg, darknet: Darknet) -> int:
    """How many weights files a training leaves behind."""
    total = cfg.net.get_int("max_batches", 1)
    if darknet.dialect == "pjreddie":  # each 100 below 1000, each 10000, the newest, the final ones
        return min(total, 999) // 100 + total // 10_000 + 2
    return total // (1000 if total < 10_000 else 10_000) + 3  # those, the newest, the best, the final ones
