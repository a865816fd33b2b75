"""The first steps of every conversion: read a set, cut its boxes to their pictures, take the pictures over.

One bad picture or label file does not stop the others: it is reported and left out.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

from converters import registry
from converters.baking import Done, Job, run_jobs, suffix_for
from converters.checks import SLIVER
from converters.conversion import ConvertOptions, ConvertResult
from converters.errors import DataError, ImageError, UsageError
from converters.fingerprint import Fingerprint
from converters.formats.base import LoadOptions, ProgressCallback
from converters.geometry import as_array, clip
from converters.images import read_header
from converters.lines import with_lines
from converters.losses import losses, without_crowds
from converters.model import AnnotatedImage, Box, Dataset
from converters.portable import shown
from converters.remap import Rename, is_placeholder, remap, without_classes
from converters.report import Issue, Report, Severity

_NOTHING_IN_THEM = "take them as pictures with nothing in them: --unlabelled keep"


def read_source(
    root: Path,
    target: Path,
    format: str,
    report: Report,
    options: ConvertOptions,
    on_progress: ProgressCallback | None,
    *,
    adding: bool = False,
) -> tuple[ConvertResult, Dataset]:
    """Load, rename and leave out what has no labels.

    Args:
        root: The set's folder.
        target: What will be written.
        format: Name of the format that will be written.
        report: Told what was found.
        options: How the set is read.
        on_progress: Told (done, total); may raise to cancel.
        adding: The classes are those of a data set that is there already, and need not be known here.

    Returns:
        A result to be filled in, and the set.

    Raises:
        UsageError: An option does not fit the set.
        NotADatasetError: There is no set in ``root``.
        DataError: No picture has a label file, or nothing can be used.
    """
    load = LoadOptions(
        keep_good=options.keep_good,
        fix_outside=options.fix_outside,
        trust_size=options.trust_size,
        voc_edges=options.voc_edges,
        images=options.images,
        on_progress=on_progress,
    )
    known = len(report)
    unlisted: tuple[str, ...] = ()
    loaded = registry.load(root, report, load, format=options.format)
    loaded = _with_splits(loaded, options)
    if not adding:  # there the classes are those of the data set that is added to
        loaded, unlisted = _without_unlisted(loaded, report, options)
    read = {image.key for image in loaded}
    refused = dict.fromkeys(
        issue.key for issue in report.issues[known:] if issue.severity is Severity.ERROR and issue.key
    ) | dict.fromkeys(unlisted)
    if not loaded.images and len(report) > known:
        raise DataError("nothing of it can be used; see above.", path=root, code="nothing-left")
    if not options.keep_unlabelled and not refused:
        _check_labelled(loaded, root, report, adding=adding)
    loaded = _without_blanks(loaded, report)
    loaded, gone = _without_dropped(loaded, report, options, adding=adding)
    renames = options.rename
    if adding:  # one line of renames serves several sets, of which not all have all classes
        renames = [rename for rename in renames if rename.old in loaded.class_names]
        for rename in options.rename:
            if rename not in renames:
                report.warning("rename-unused", f"has no class {rename.old!r} to rename.", path=root)
    dataset = remap(loaded, renames, options.classes)
    used = {box.label for image in dataset for box in image.boxes}
    for name in options.classes or ():
        if used and name not in used:
            report.warning("class-unused", f"class {name!r} of --classes has no box.", path=root)
    if not dataset.class_names and not adding:
        raise UsageError(
            "no class is known: no picture has a box.", path=root, hint="Name them: --classes mask,no_mask"
        )
    codec = registry.codec_named(format)
    dataset = without_crowds(dataset, codec, report)
    result = ConvertResult(target, dataset, loaded.format, format, codec.loses, losses(dataset, codec))
    result.dropped_classes = gone
    result.rejected = [key for key in refused if key not in read]
    _take_over(report, "image-without-label")
    if options.keep_unlabelled:
        return result, dataset
    for image in dataset:
        if not image.labelled:
            result.unlabelled.append(image.key)
            report.warning(
                "image-without-label",
                "has no label file and is left out.",
                path=image.path,
                key=image.key,
                hint="--unlabelled keep takes it as a picture with nothing in it.",
            )
    return result, replace(dataset, images=tuple(image for image in dataset if image.labelled))


def _with_splits(dataset: Dataset, options: ConvertOptions) -> Dataset:
    """With the splits that were set by hand."""
    by_hand = options.splits
    if not by_hand:
        return dataset
    images = tuple(replace(image, split=by_hand.get(image.key, image.split)) for image in dataset)
    return replace(dataset, images=images)


def _without_unlisted(
    dataset: Dataset, report: Report, options: ConvertOptions
) -> tuple[Dataset, tuple[str, ...]]:
    """The set without boxes of classes that its own list does not name, unless an option names them.

    Returns:
        The set, and the keys of the pictures left out because of such a box (with ``keep_good`` none is).
    """
    wanted = {*(options.classes or ()), *(rename.old for rename in options.rename), *options.drop}
    images = {image.key: image for image in dataset}
    kept: list[Issue] = []
    unlisted: set[str] = set()
    for issue in report:
        image = images.get(issue.key or "")
        if issue.code == "class-not-listed" and image is not None and issue.box is not None:
            label = image.boxes[issue.box].label
            if label in wanted:
                continue
            unlisted.add(label)
            issue = replace(
                issue,
                severity=Severity.ERROR,
                hint="Correct it; or say what it is: --rename, --classes with all classes, or --drop.",
            )
        kept.append(issue)
    if not unlisted:
        report.issues[:] = kept
        return dataset, ()
    report.issues[:] = with_lines(Report(kept), dataset).issues
    good: list[AnnotatedImage] = []
    left_out: list[str] = []
    for image in dataset:
        boxes = tuple(box for box in image.boxes if box.label not in unlisted)
        if len(boxes) < len(image.boxes) and not options.keep_good:
            left_out.append(image.key)
        else:
            good.append(image.with_boxes(boxes))
    names = tuple(name for name in dataset.class_names if name not in unlisted)
    return replace(dataset, images=tuple(good), class_names=names), tuple(left_out)


def _without_blanks(dataset: Dataset, report: Report) -> Dataset:
    """The set without blanks around class names, which a names file cannot hold."""
    renames = [Rename(name, name.strip()) for name in dataset.class_names if name != name.strip()]
    for rename in renames:
        report.warning(
            "class-blanks",
            f"class name {rename.old!r} has blanks around it, which are taken away.",
            path=dataset.root,
        )
    if not renames:
        return dataset
    names = tuple(dict.fromkeys(name.strip() for name in dataset.class_names))
    return remap(dataset, renames, names)


def _without_dropped(
    dataset: Dataset, report: Report, options: ConvertOptions, *, adding: bool
) -> tuple[Dataset, dict[str, int]]:
    """The set without the classes that are not wanted, and their boxes by class."""
    drop = [name for name in options.drop if not adding or name in dataset.class_names]
    for name in dataset.class_names:
        renamed = any(rename.old == name for rename in options.rename)
        if is_placeholder(name) and name not in drop and not renamed:
            report.warning(
                "class-placeholder",
                f"class {name!r} is by its name no class but marks what is to be ignored.",
                path=dataset.root,
                hint=f"Leave it out with --drop {name}",
            )
    return without_classes(dataset, drop) if drop else (dataset, {})


def _check_labelled(loaded: Dataset, root: Path, report: Report, *, adding: bool) -> None:
    """Say what to do with a folder of plain pictures, once and not of each."""
    if not loaded.images or any(image.labelled for image in loaded):
        return
    _take_over(report, "image-without-label")
    classes = "" if adding else " --classes A,B"
    raise DataError(
        f"none of its {len(loaded)} pictures has a label file.",
        path=root,
        code="nothing-labelled",
        hint=f"Label them first: annotator {root}; or {_NOTHING_IN_THEM}{classes}; or name the folder that "
        "holds pictures and labels.",
    )


def clip_boxes(dataset: Dataset, report: Report, result: ConvertResult) -> Dataset:
    """Cut boxes to their pictures: Darknet takes none that pass an edge."""
    lines = _take_over(report, "box-outside")
    images: list[AnnotatedImage] = []
    for image in dataset:
        if all(_lies_inside(box, image.size) for box in image.boxes):
            images.append(image)
            continue
        edges = clip(as_array(image.boxes), image.size).tolist()
        boxes: list[Box] = []
        for index, (box, (x1, y1, x2, y2)) in enumerate(zip(image.boxes, edges, strict=True)):
            where: dict[str, Any] = {"path": image.annotation or image.path, "key": image.key, "box": index}
            where["line"] = lines.get((image.key, index))
            what = f"{box.label} box {index + 1}"
            size = f"{image.size[0]}x{image.size[1]}"
            if x2 - x1 < SLIVER or y2 - y1 < SLIVER:
                result.dropped += 1
                report.warning(
                    "box-outside", f"{what} has no area inside the {size} picture and is dropped.", **where
                )
                continue
            over = max(abs(a - b) for a, b in zip(box.xyxy, (x1, y1, x2, y2), strict=True))
            if over > SLIVER:
                result.clipped += 1
                report.warning(
                    "box-outside", f"{what} passes the {size} picture by {over:.3g} px and is cut.", **where
                )
            boxes.append(box.moved_to((x1, y1, x2, y2)))
        images.append(image.with_boxes(tuple(boxes)))
    return replace(dataset, images=tuple(images))


def _lies_inside(box: Box, size: tuple[int, int]) -> bool:
    """Whether cutting a box would leave it as it is: nearly all are so, and there may be a million."""
    x1, y1, x2, y2 = box.xyxy
    inside = x1 >= 0 and y1 >= 0 and x2 <= size[0] and y2 <= size[1]
    return inside and x2 - x1 >= SLIVER and y2 - y1 >= SLIVER


def _take_over(report: Report, code: str) -> dict[tuple[str | None, int | None], int | None]:
    """Remove what the codec said of something, since what is done about it is said here; its lines."""
    taken = [issue for issue in report if issue.code == code]
    report.issues[:] = [issue for issue in report if issue.code != code]
    return {(issue.key, issue.box): issue.line for issue in taken}


def file_kinds(
    dataset: Dataset, options: ConvertOptions, report: Report, result: ConvertResult
) -> dict[str, tuple[str, bool]]:
    """File suffix in a Darknet data set, and whether it is baked, of every picture that can be read."""
    kinds: dict[str, tuple[str, bool]] = {}
    for image in dataset:
        try:
            kinds[image.key] = suffix_for(read_header(image.path), options.bake)
        except ImageError as error:
            _leave_out(image.key, error, report, result)
    return kinds


def take_pictures(
    jobs: Sequence[Job],
    options: ConvertOptions,
    report: Report,
    result: ConvertResult,
    on_progress: ProgressCallback | None,
) -> tuple[list[str], dict[str, Fingerprint]]:
    """Link or bake pictures; returns the keys of those that are there now, and their fingerprints.

    Raises:
        WriteError: A picture could not be written: nothing is worth going on then.
    """
    there: list[str] = []
    marks: dict[str, Fingerprint] = {}
    baked = {job.key: job.bake for job in jobs}
    # Closed at once when something is raised: the workers must be gone before the folder is removed.
    with closing(run_jobs(jobs, workers=options.jobs, on_progress=on_progress)) as results:
        for done in results:
            if not _settled(done, report, result):
                continue
            there.append(done.key)
            result.baked += baked[done.key]
            result.linked += not baked[done.key]
            if done.fingerprint is not None:
                marks[done.key] = done.fingerprint
    return there, marks


def source_of(image: AnnotatedImage, root: Path) -> str:
    """The picture's path in its set, with ``/``; what cannot be written in split.csv is escaped."""
    try:
        name = image.path.relative_to(root).as_posix()
    except ValueError:
        name = image.key + image.path.suffix
    return shown(name)  # split.csv is UTF-8, and a line a picture


def _settled(done: Done, report: Report, result: ConvertResult) -> bool:
    """Report a picture that failed. Where it is the disk that failed, nothing is worth going on."""
    if done.error is None:
        return True
    if not isinstance(done.error, ImageError):
        raise done.error
    _leave_out(done.key, done.error, report, result)
    return False


def _leave_out(key: str, error: ImageError, report: Report, result: ConvertResult) -> None:
    result.unreadable.append(key)
    report.add_exception(error, key=key)
