"""Before a training: the lists, the pictures in them, and their labels."""

from __future__ import annotations

import hashlib
import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from annotator.darknet.preflight.checked import Checked
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.run.data import is_safe_entry
from converters.errors import DataError, FormatError
from converters.images import DARKNET_SUFFIXES, read_header
from converters.model import Split
from converters.report import Report
from converters.words import counted

# pjreddie's replaces the first of each of these wherever it stands in a path, to get from picture to label.
_PJREDDIE_REPLACES = ("images", "JPEGImages", "raw")
_PJREDDIE_SUFFIXES = (".jpg", ".png", ".JPG", ".JPEG")
_MAX_BOXES = {"pjreddie": 90, "alexeyab": 200, "hank": 200}
_PNG_END = b"IEND\xaeB`\x82"
_JPEG_END = b"\xff\xd9"
_END_BYTES = 65536
_SAMPLE_BYTES = 4096
_TELL_EVERY = 200
_LONGEST_PATH = 255  # fgets(input, 256, stdin) of detector test
FEW_BOXES = 30
"""Fewer boxes of a class say little: of 30, its AP is known within some 18 points."""


def check_lists(
    base: Path, lists: Mapping[Split, Sequence[str]], report: Report, checked: Checked | None = None
) -> None:
    """Empty lists, names that must not reach Darknet, and pictures that are in two splits or twice in one.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        report: What is found is added.
        checked: What is known of unchanged pictures.
    """
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
    for split in Split:
        entries = lists.get(split, ())
        for number, entry in enumerate(entries, 1):
            if not is_safe_entry(entry):
                report.error(
                    "unsafe-name",
                    f"{entry!r} has a blank or a character that must not reach Darknet.",
                    path=base / f"{split}.txt",
                    line=number,
                    key=entry,
                    hint="Rename the picture: letters, digits, and . _ - are fine.",
                )
            elif len(entry.encode()) > _LONGEST_PATH:
                report.warning(
                    "long-path",
                    f"{entry} has a path of {len(entry.encode())} bytes: a Darknet reads {_LONGEST_PATH} "
                    "where it is asked for one picture.",
                    path=base / f"{split}.txt",
                    line=number,
                    key=entry,
                    hint="A shorter name is safe.",
                )
        for entry, count in Counter(entries).items():
            if count > 1:
                text = f"{entry} stands {count} times in {split}.txt."
                report.warning("twice-in-list", text, path=base / f"{split}.txt", key=entry)
    _check_splits(base, lists, report, checked)


def _check_splits(
    base: Path, lists: Mapping[Split, Sequence[str]], report: Report, checked: Checked | None
) -> None:
    """The same picture in two splits: by its path, and by its bytes."""
    splits = list(Split)
    for index, first in enumerate(splits):
        for second in splits[index + 1 :]:
            entries = set(lists.get(second, ()))
            both = sorted(set(lists.get(first, ())) & entries)
            if len(both) > 1 and len(both) == len(entries):
                report.error(
                    "validation-is-training",
                    f"all pictures of {second} are in {first}, too: what is measured says nothing.",
                    path=base / f"{second}.txt",
                    hint="Split the set anew: convert-cli … --split 70/15/15",
                )
                continue
            for entry in both:
                report.error(
                    "in-two-splits",
                    f"{entry} is in {first} and in {second}: the measure would be too good.",
                    path=base / f"{second}.txt",
                    key=entry,
                    hint="Take it out of one of the two in split.csv.",
                )
    for entry, split, other, other_split in _equal_files(base, lists, checked):
        report.error(
            "same-picture",
            f"{entry} ({split}) is the same picture as {other} ({other_split}): the measure would be "
            "too good.",
            path=base / f"{split}.txt",
            key=entry,
            other_key=other,
            hint="Put each such group into one split.",
        )


def _equal_files(
    base: Path, lists: Mapping[Split, Sequence[str]], checked: Checked | None
) -> list[tuple[str, Split, str, Split]]:
    """Pictures that are equal byte by byte to one of an earlier split, with that one.

    Only files of the same size are read, first their ends: 10,000 pictures take a fraction of a second.
    """
    sizes: defaultdict[int, list[tuple[Split, str]]] = defaultdict(list)
    for split in Split:
        for entry in dict.fromkeys(lists.get(split, ())):
            if entry.startswith("augmented/"):
                continue  # of copies it is said what they are copies of
            states = checked.states(entry) if checked is not None else None
            with suppress(OSError, ValueError):
                size = states[0] if states is not None else (base / entry).stat().st_size
                sizes[size].append((split, entry))
    found = []
    for size, files in sizes.items():
        if not size or len({split for split, _ in files}) < 2:
            continue
        seen: dict[str, list[tuple[Split, str]]] = {}
        for split, entry in files:
            with suppress(OSError):
                seen.setdefault(_mark(base, entry, checked), []).append((split, entry))
        for alike in seen.values():
            if len({split for split, _ in alike}) > 1:
                found += _equal_of(base, alike)
    return sorted(found)


def _equal_of(base: Path, alike: Sequence[tuple[Split, str]]) -> list[tuple[str, Split, str, Split]]:
    first: dict[bytes, tuple[Split, str]] = {}
    found = []
    for split, entry in alike:
        with suppress(OSError), (base / entry).open("rb") as file:
            known = first.setdefault(hashlib.file_digest(file, "sha256").digest(), (split, entry))
            if known[0] != split and known[1] != entry:
                found.append((entry, split, known[1], known[0]))
    return found


def _mark(base: Path, entry: str, checked: Checked | None) -> str:
    """What both ends of a file's content come to."""
    known = checked.mark(entry) if checked is not None else ""
    if not known:
        known = hashlib.blake2b(_sample(base / entry), digest_size=12).hexdigest()
        if checked is not None:
            checked.has_mark(entry, known)
    return known


def _sample(path: Path) -> bytes:
    """Both ends of a file."""
    with path.open("rb") as file:
        head = file.read(_SAMPLE_BYTES)
        file.seek(-min(_SAMPLE_BYTES, path.stat().st_size), os.SEEK_END)
        return head + file.read()


def check_pictures(
    base: Path,
    lists: Mapping[Split, Sequence[str]],
    classes: int,
    darknet: Darknet,
    report: Report,
    checked: Checked | None = None,
    tell: Callable[[int, int], None] = lambda done, total: None,
) -> dict[Split, Counter[int]]:
    """All pictures and their labels, each once.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        classes: Number of classes.
        darknet: Who will read them.
        report: What is found is added.
        checked: What is known of unchanged pictures; it learns.
        tell: Called with the number looked at, and of all.

    Returns:
        Boxes by class id, of each split.
    """
    total = sum(map(len, lists.values()))
    done = 0
    boxes: dict[Split, Counter[int]] = {split: Counter() for split in Split}
    seen: dict[str, Mapping[int, int]] = {}
    for split in Split:
        for entry in lists.get(split, ()):
            if done % _TELL_EVERY == 0:
                tell(done, total)
            done += 1
            found = seen.get(entry)
            if found is None and checked is not None:
                found = checked.boxes(entry)
            if found is None:
                before = len(report)
                own = check_picture(base, entry, classes, darknet, report)
                if checked is not None and len(report) == before:
                    checked.is_sound(entry, own)
                found = own
            seen[entry] = found
            counts = boxes[split]
            for class_id, number in found.items():
                counts[class_id] += number
    tell(done, total)
    return boxes


def check_picture(base: Path, entry: str, classes: int, darknet: Darknet, report: Report) -> Counter[int]:
    """One picture and its label.

    Args:
        base: Folder that ``entry`` is relative to.
        entry: The picture.
        classes: Number of classes.
        darknet: Who will read it.
        report: What is found is added.

    Returns:
        Its boxes by class id.
    """
    path = base / entry
    boxes: Counter[int] = Counter()
    if path.suffix.lower() not in DARKNET_SUFFIXES:
        report.error("bad-suffix", "is of a kind that Darknet does not read.", path=path, key=entry)
        return boxes
    try:
        read_header(path)
        _check_end(path)
    except DataError as error:
        report.add_exception(error, key=entry)
        return boxes
    if darknet.dialect == "pjreddie" and _label_as_pjreddie(entry) != str(Path(entry).with_suffix(".txt")):
        report.error(
            "label-not-found",
            f"this Darknet would look for its label at {_label_as_pjreddie(entry)}.",
            path=path,
            key=entry,
            hint="Rename it: no 'images' or 'raw' in the path, and .png or .jpg once, at the end.",
        )
    number = _check_label(path.with_suffix(".txt"), entry, classes, report, boxes)
    if number > _MAX_BOXES[darknet.dialect]:
        report.warning(
            "many-boxes",
            f"has {number} boxes; this Darknet trains on {_MAX_BOXES[darknet.dialect]} of them.",
            path=path,
            key=entry,
        )
    return boxes


def _check_end(path: Path) -> None:
    """Whether a PNG or a JPEG reaches its end mark; decoding all pictures would take minutes."""
    end = {".png": _PNG_END, ".jpg": _JPEG_END, ".jpeg": _JPEG_END}.get(path.suffix.lower())
    if end is None:
        return
    try:
        with path.open("rb") as file:
            head = file.read(2)
            # A picture may have the wrong suffix: Darknet goes by the content, too.
            end = _JPEG_END if head == b"\xff\xd8" else _PNG_END if head == b"\x89P" else end
            size = path.stat().st_size
            file.seek(-min(64 if end == _PNG_END else _SAMPLE_BYTES, size), os.SEEK_END)
            whole = end in file.read()
            if not whole and end == _JPEG_END:  # cameras put more behind it
                file.seek(-min(_END_BYTES, size), os.SEEK_END)
                whole = end in file.read() or _holds(path, end)
    except OSError as error:
        raise FormatError(
            f"cannot be read: {error.strerror or error}.", path=path, code="image-unreadable"
        ) from error
    if not whole:
        raise FormatError(
            "the picture is cut short.",
            path=path,
            code="image-truncated",
            hint="Copy it again from its source, or remove it.",
        )


def _holds(path: Path, mark: bytes) -> bool:
    return mark in path.read_bytes()


def _check_label(path: Path, entry: str, classes: int, report: Report, counts: Counter[int]) -> int:
    """Check a label file and count its sound boxes by class id; returns the number of all."""
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
        columns = line.split()
        wrong = _wrong_with(columns, classes)
        if wrong:
            report.error(wrong[0], wrong[1], path=path, line=number, key=entry, box=boxes - 1)
        else:
            counts[int(columns[0])] += 1
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


def check_class_counts(
    names: Sequence[str],
    lists: Mapping[Split, Sequence[str]],
    boxes: Mapping[Split, Counter[int]],
    report: Report,
) -> None:
    """Classes that cannot be learned, or cannot be measured, for want of boxes.

    Args:
        names: Class names in the order of their ids.
        lists: Pictures of each split.
        boxes: Boxes by class id, of each split.
        report: What is found is added.
    """
    for class_id, name in enumerate(names):
        trained = boxes[Split.TRAIN][class_id]
        elsewhere = sum(boxes[split][class_id] for split in Split) - trained
        if lists.get(Split.TRAIN) and not trained:
            report.warning(
                "class-untrained",
                f"no box of {name} is in the training pictures: the network cannot learn it.",
                hint="Split the set anew." if elsewhere else "Label some, or take the class out of the set.",
                names=(name,),
            )
        elif 0 < trained < FEW_BOXES:
            report.warning(
                "few-boxes",
                f"{name} has {counted(trained, 'box', 'boxes')} to train on: it will hardly be learned.",
                hint="Label more of them, or balance the set with copies.",
                names=(name,),
            )
        if lists.get(Split.VAL) and trained and not boxes[Split.VAL][class_id]:
            report.warning(
                "class-unmeasured",
                f"no box of {name} is in the validation pictures: its AP cannot be measured, and "
                "counts as 0.",
                hint="Split the set anew, or label more of them.",
                names=(name,),
            )
