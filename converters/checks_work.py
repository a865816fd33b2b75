"""What may be wrong with a Darknet data set as such: its lists, its split and its copies."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import PurePosixPath

from converters.errors import DataError
from converters.fingerprint import Fingerprint, pairs
from converters.model import Dataset, Split
from converters.report import Report
from converters.work import SplitRow, WorkFolder, copies_in, read_names, read_split

CLASSES = re.compile(r"^\s*classes\s*=\s*(\d+)\s*$", re.MULTILINE)
"""The line of obj.data that says how many classes there are."""

_COPY_STEM = re.compile(r"(.+)_c\d+")
_REMAKE = "Make it again: check-cli --fix."


def check_work(
    work: WorkFolder, dataset: Dataset, fingerprints: Mapping[str, Fingerprint], report: Report
) -> None:
    """Look at split.csv, the lists, obj.names, obj.data and the copies; findings go to ``report``.

    Args:
        work: The Darknet data set.
        dataset: What was read from it.
        fingerprints: By key, for pictures that show the same in two splits; may be empty.
        report: Told what was found.
    """
    try:
        rows = read_split(work)
        names = read_names(work.names)
    except DataError as error:
        report.add_exception(error)
        return
    _check_rows(work, rows, dataset, report)
    _check_lists(work, rows, report)
    _check_classes(work, names, report)
    _check_copies(work, rows, report)
    _check_overlap(work, rows, dataset, fingerprints, report)


def expected_list(work: WorkFolder, rows: list[SplitRow], split: Split) -> list[str]:
    """The lines that a list has to have."""
    paths = [row.image for row in rows if row.split is split]
    return paths + copies_in(work) if split is Split.TRAIN else paths


def _check_rows(work: WorkFolder, rows: list[SplitRow], dataset: Dataset, report: Report) -> None:
    listed = {row.image for row in rows}
    for row in rows:
        if not (work.root / row.image).is_file():
            report.error(
                "split-image-missing", f"{row.image} is in split.csv but not there.", path=work.split_csv
            )
        elif not (work.root / row.image).with_suffix(".txt").is_file():
            report.error(
                "split-label-missing",
                "the picture is in a split but has no label file; Darknet stops there, or takes it as empty.",
                path=work.root / row.image,
            )
    for image in dataset:
        name = image.path.relative_to(work.root).as_posix() if image.path.is_relative_to(work.root) else ""
        if name.startswith("obj/") and name not in listed:
            report.warning("not-in-split", "the picture is in no split.", path=image.path, key=image.key)
    for split in Split:
        if split is not Split.TEST and not any(row.split is split for row in rows):
            report.error("split-empty", f"there is no picture in {split}.", path=work.split_csv)


def _check_lists(work: WorkFolder, rows: list[SplitRow], report: Report) -> None:
    for split in Split:
        path = work.list_of(split)
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            report.error("list-unreadable", f"cannot be read: {error}.", path=path, hint=_REMAKE)
            continue
        expected = expected_list(work, rows, split)
        missing, unknown = set(expected) - set(lines), set(lines) - set(expected)
        for number, line in enumerate(lines, 1):
            if line in unknown:
                report.error(
                    "list-out-of-step",
                    f"{line!r} does not belong into {path.name} by split.csv.",
                    path=path,
                    line=number,
                    hint=_REMAKE,
                )
        if missing:
            some = ", ".join(sorted(missing)[:3]) + (", …" if len(missing) > 3 else "")
            report.error(
                "list-out-of-step", f"{len(missing)} pictures are missing: {some}.", path=path, hint=_REMAKE
            )
        elif len(lines) != len(set(lines)):
            report.warning("list-repeats", "a picture stands here more than once.", path=path, hint=_REMAKE)


def _check_classes(work: WorkFolder, names: tuple[str, ...], report: Report) -> None:
    try:
        found = CLASSES.search(work.data.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        report.error("data-unreadable", f"cannot be read: {error}.", path=work.data, hint=_REMAKE)
        return
    if found is None or int(found[1]) != len(names):
        said = f"says classes = {found[1]}" if found is not None else "says no number of classes"
        report.error(
            "class-count",
            f"{said}, but obj.names has {len(names)}.",
            path=work.data,
            hint=_REMAKE,
        )


def _check_copies(work: WorkFolder, rows: list[SplitRow], report: Report) -> None:
    by_image = {row.image: row for row in rows}
    by_stem = {PurePosixPath(row.image).stem: row for row in rows}
    sources = sources_in_manifest(work)
    for name in copies_in(work):
        path = work.root / name
        # No manifest: a copy is called after its picture, with _c and a number behind.
        row = by_image.get(sources[name]) if name in sources else by_stem.get(stem_of_source(name))
        again = "Make the copies again: augment-cli."
        if row is None:
            report.error(
                "copy-without-source",
                "the picture that this copy was made of is gone.",
                path=path,
                hint=again,
            )
        elif row.split is not Split.TRAIN:
            report.error(
                "copy-leaks",
                f"is a copy of {row.image}, which is in {row.split}: the network would be trained on it.",
                path=path,
                hint=again,
            )
        if not path.with_suffix(".txt").is_file():
            report.error("copy-unlabelled", "the copy has no label file.", path=path)


def sources_in_manifest(work: WorkFolder) -> dict[str, str]:
    """What augmentation wrote down: picture of each copy, both relative to the Darknet data set."""
    try:
        data = json.loads((work.augmented / "manifest.json").read_text(encoding="utf-8"))
        return {f"augmented/{line['copy']}": str(line["source"]) for line in data["copies"]}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def stem_of_source(copy: str) -> str:
    """What a copy's picture is called by the copy's name, without suffix; empty where it does not tell."""
    found = _COPY_STEM.fullmatch(PurePosixPath(copy).stem)
    return found[1] if found else ""


def _check_overlap(
    work: WorkFolder,
    rows: list[SplitRow],
    dataset: Dataset,
    fingerprints: Mapping[str, Fingerprint],
    report: Report,
) -> None:
    """Pictures that show the same on two sides of the split: what is measured there is too good."""
    split_of = {PurePosixPath(row.image).with_suffix("").as_posix(): row.split for row in rows}
    told: set[frozenset[str]] = set()
    first: dict[str, SplitRow] = {}
    for row in rows:
        other = first.setdefault(row.group, row) if row.group else row
        if other.split is not row.split:
            told.add(frozenset((_key(other.image), _key(row.image))))
            report.error(
                "split-overlap",
                f"{row.image} ({row.split}) is of the same group as {other.image} ({other.split}).",
                path=work.split_csv,
                hint="Divide anew: convert-cli --force --resplit.",
            )
    images = {image.key: image for image in dataset}
    for pair in pairs(fingerprints):
        a, b = split_of.get(pair.first), split_of.get(pair.second)
        if a is None or b is None or a is b or frozenset((pair.first, pair.second)) in told:
            continue
        report.error(
            "split-overlap",
            f"shows the same as {images[pair.first].name}, but is in {b} and that in {a}.",
            path=images[pair.second].path,
            key=pair.second,
            hint="Divide anew: convert-cli --force --resplit.",
        )


def _key(image: str) -> str:
    return PurePosixPath(image).with_suffix("").as_posix()
