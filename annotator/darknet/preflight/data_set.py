"""Before a training: is the data set as the labels are now, and is nothing trained on that is measured?"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from annotator.darknet.preflight.sheet import Sheet
from converters.checks_work import sources_in_manifest, stem_of_source
from converters.errors import DataError
from converters.fingerprint import Fingerprint, Pair, pairs
from converters.made import Drift, compare, may_have_changed, source_of_work
from converters.model import Split
from converters.report import Report
from converters.words import counted
from converters.work import WorkFolder, read_split

_COPIES = "augmented/"
_NAMED = 3


def check_source(work: WorkFolder, report: Report, sheet: Sheet) -> None:
    """Whether labels of the set that the data set was made from have changed since, or are missing here.

    Nothing is said where it is not known what it was made from, or that is not on this machine.

    Args:
        work: The data set.
        report: What is found is added.
        sheet: Told what it was made from.
    """
    made = source_of_work(work)
    if made is None:
        return
    if not made.source.exists():
        sheet.add("splits", f"made from {made.source}, which is not here")
        return
    sheet.add("splits", f"made from {made.source}")
    if not made.source.is_dir() or not (may_have_changed(made) or _something_is_missing(work)):
        return
    try:
        drift = compare(work, made)
    except DataError as error:
        report.warning(
            "set-unreadable",
            f"the set that this was made from cannot be read any more: {error}",
            path=made.source,
        )
        return
    _say_what_is_there(drift, report)
    if drift.classes:
        report.warning(
            "set-classes",
            f"the set has classes that this does not know: {', '.join(drift.classes)}.",
            path=made.source,
            names=drift.classes,
            hint="Make it again: nothing is learned of them else.",
        )
    if drift.changed:
        report.warning(
            "labels-changed",
            f"{_of(drift.changed)} in the set {_has(drift.changed)} other labels than here: they were "
            "changed after this was made.",
            path=made.source,
            key=drift.changed[0],
            hint="Bring them over; what stands here is kept.",
        )
    said = {
        drift.added: ("picture of the set is not in it yet.", "pictures of the set are not in it yet."),
        drift.gone: ("picture of it is no more in the set.", "pictures of it are no more in the set."),
    }
    for pictures, (one, many) in said.items():
        if pictures:
            report.warning(
                "set-changed",
                counted(len(pictures), one, many),
                path=made.source,
                hint="Make it again to train on the set as it is now.",
            )


def _say_what_is_there(drift: Drift, report: Report) -> None:
    """What is missing here, and can be had from the set."""
    missing = set(drift.missing)
    for index, issue in enumerate(report.issues):
        if issue.code == "label-missing" and issue.key in missing:
            code, what = "label-lost", "the label file"
        elif issue.code == "image-missing" and issue.key in drift.lost:
            code, what = "image-lost", "the picture"
        else:
            continue
        text = f"{what} is missing here; the set that this was made from has it."
        report.issues[index] = replace(issue, code=code, message=text, hint="Bring it over.")


def _something_is_missing(work: WorkFolder) -> bool:
    with suppress(DataError):
        pictures = (work.root / row.image for row in read_split(work))
        return any(not path.is_file() or not path.with_suffix(".txt").is_file() for path in pictures)
    return False


def _of(pictures: Sequence[str]) -> str:
    if len(pictures) <= _NAMED:
        return ", ".join(Path(picture).name for picture in pictures)
    return f"{len(pictures):,} pictures"


def _has(pictures: Sequence[str]) -> str:
    return "has" if len(pictures) == 1 else "have"


def leaking_copies(base: Path, lists: Mapping[Split, Sequence[str]]) -> dict[str, tuple[str, Split]]:
    """Augmented copies in training of pictures that are measured on, each with its picture and where that is.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
    """
    told = sources_in_manifest(WorkFolder(base))
    where = {entry: split for split in (Split.VAL, Split.TEST) for entry in lists.get(split, ())}
    by_stem = {Path(entry).stem: entry for entry in where}
    found = {}
    for entry in lists.get(Split.TRAIN, ()):
        if entry.startswith(_COPIES):
            source = told.get(entry, by_stem.get(stem_of_source(entry), ""))
            if source in where:
                found[entry] = source, where[source]
    return found


def check_copies(base: Path, lists: Mapping[Split, Sequence[str]], report: Report) -> None:
    """Copies of what is measured on, and copies that are older than their pictures' labels.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        report: What is found is added.
    """
    for entry, (source, split) in leaking_copies(base, lists).items():
        report.error(
            "copy-leaks",
            f"is a copy of {source}, which is in {split}: the measure would be too good.",
            path=base / entry,
            key=source,
            hint="Delete such copies, or make the copies again.",
        )
    old = _old_copies(base, lists)
    if old:
        report.warning(
            "copies-old",
            f"{counted(len(old), 'copy is', 'copies are')} older than the labels of their pictures: boxes in "
            "them may be the old ones.",
            path=base / old[0],
            hint="Make the copies again.",
        )


def _old_copies(base: Path, lists: Mapping[Split, Sequence[str]]) -> list[str]:
    told = sources_in_manifest(WorkFolder(base))
    found = []
    for entry in lists.get(Split.TRAIN, ()):
        source = told.get(entry)
        if source is not None and entry.startswith(_COPIES):
            with suppress(OSError):
                label, copy = (base / source).with_suffix(".txt"), (base / entry).with_suffix(".txt")
                if label.stat().st_mtime > copy.stat().st_mtime:
                    found.append(entry)
    return found


def check_alike(
    base: Path,
    lists: Mapping[Split, Sequence[str]],
    report: Report,
    *,
    decodes: bool,
    tell: Callable[[int, int], None] | None = None,
) -> None:
    """Pictures that nearly show the same in two splits.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        report: What is found is added; nothing of pairs that are known to be equal already.
        decodes: Whether pictures are decoded that were never compared, which takes some ms each.
        tell: Called with the number compared, and of all; it may raise to end it.
    """
    where: dict[str, Split] = {}
    for split in Split:
        for entry in lists.get(split, ()):
            where.setdefault(entry, split)
    if len(set(where.values())) < 2:
        return
    told = {frozenset((issue.key, issue.other_key)) for issue in report if issue.code == "same-picture"}
    for pair in alike_pairs(base, list(where), decodes=decodes, tell=tell):
        first, second = where[pair.first], where[pair.second]
        if first is not second and frozenset((pair.first, pair.second)) not in told:
            how = "the same" if pair.identical else "nearly the same"
            report.warning(
                "alike",
                f"{pair.second} ({second}) shows {how} as {pair.first} ({first}): the measure would be a "
                "little too good.",
                path=base / f"{second}.txt",
                key=pair.second,
                other_key=pair.first,
                hint="Put each such group into one split.",
            )


def alike_pairs(
    base: Path,
    entries: Sequence[str],
    *,
    decodes: bool = True,
    tell: Callable[[int, int], None] | None = None,
) -> list[Pair]:
    """Pairs of pictures that show the same, wherever they lie; copies are left out.

    Args:
        base: Folder that ``entries`` are relative to.
        entries: The pictures.
        decodes: See :func:`check_alike`.
        tell: Likewise.
    """
    originals = [entry for entry in entries if not entry.startswith(_COPIES)]
    return pairs(_marks(base, originals, decodes=decodes, tell=tell))


def _marks(
    base: Path, entries: Sequence[str], *, decodes: bool, tell: Callable[[int, int], None] | None
) -> dict[str, Fingerprint]:
    from converters.fingerprint_cache import FileState, FingerprintCache, default_path

    marks: dict[str, Fingerprint] = {}
    left = []
    cache = FingerprintCache(default_path())
    try:
        for entry in entries:
            try:
                mark = cache.by_state(FileState.of(base / entry))
            except (OSError, ValueError):
                continue  # it is missing, which is said already
            if mark is None:
                left.append(entry)
            else:
                marks[entry] = mark
    finally:
        cache.close()
    if left and decodes:
        from converters.baking import take_fingerprints

        pictures = [(entry, base / entry) for entry in left]
        new, _ = take_fingerprints(pictures, on_progress=tell)
        marks.update(new)
    return {entry: marks[entry] for entry in entries if entry in marks}
