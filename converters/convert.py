"""From any set of pictures to another format; above all to ``work``, the Darknet data set.

The source, folder or archive, is never changed. One bad picture or label file does not stop the others: it
is reported and left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from converters import registry
from converters.baking import Bake, Done, Job, run_jobs, suffix_for
from converters.checks import SLIVER
from converters.errors import DataError, ImageError, UsageError
from converters.files import make_folder, write_atomic
from converters.fingerprint import Fingerprint, join_groups, pairs
from converters.formats.base import LoadOptions, ProgressCallback, TrustSize
from converters.geometry import as_array, clip
from converters.images import read_header
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.naming import plain_names
from converters.remap import Rename, remap
from converters.report import Report
from converters.split import SplitQuality, SplitRequest, measure_split, read_groups, split_dataset
from converters.staging import check_target, install, opened, staging_for
from converters.work import SplitRow, WorkFolder, copies_in, read_split, write_lists, write_split

StageCallback = Callable[[str], None]
"""Told what is being done now, in a few words (``reading labels``)."""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How a set is converted.

    Attributes:
        rename: Classes that get another name.
        classes: Order of the classes after that; None: the order in ``rename``, then the set's.
        split: Sizes of train, val and test; None: the split the set has, else 70/15/15.
        seed: Of the split.
        groups: A file that says which pictures must stay together, beside those that look alike.
        resplit: Divide anew although the Darknet data set that is replaced was divided already.
        keep_good: Keep the good boxes of a label file with a bad one.
        fix_outside: Cut also boxes that reach far outside their picture (their file is rejected otherwise).
        trust_size: See :class:`converters.formats.base.LoadOptions`.
        keep_unlabelled: Take pictures without a label file as "nothing here" (they are left out otherwise).
        bake: Which pictures are written anew as 8-bit RGB PNG.
        jobs: Processes; 1 works in this one; None: as many as there are processors.
        format: Name of the source's format; None: it is recognised.
        force: Replace the parts of an existing Darknet data set.
    """

    rename: Sequence[Rename] = ()
    classes: Sequence[str] | None = None
    split: SplitRequest | None = None
    seed: int = 1
    groups: Path | None = None
    resplit: bool = False
    keep_good: bool = False
    fix_outside: bool = False
    trust_size: TrustSize = "error"
    keep_unlabelled: bool = False
    bake: Bake = Bake.AUTO
    jobs: int | None = None
    format: str | None = None
    force: bool = False


DEFAULT_OPTIONS = ConvertOptions()


@dataclass(slots=True)
class ConvertResult:
    """What a conversion made.

    Attributes:
        target: The new folder.
        dataset: What was written: images of the source with the boxes, classes and splits they have now.
        source_format: Name of the format that was read.
        target_format: Name of the format that was written.
        loses: What the format written cannot hold.
        quality: How the set was divided; None where it was not.
        groups: Near-identical pictures (and groups of the person's) that were kept together: keys by name.
        linked: Pictures that went over as they are.
        baked: Pictures that were written anew.
        renamed: New file name by old path, where it had to change.
        unlabelled: Keys left out because they have no label file.
        rejected: Keys left out because of an error in their label file or the picture's header.
        unreadable: Keys left out because the picture cannot be decoded.
        surplus: Keys in no split, because fewer pictures were asked for.
        clipped: Boxes that were cut to their picture.
        dropped: Boxes outside their picture.
        kept_splits: Pictures that stay in the split they had.
        removed_copies: Augmented copies of the replaced set, which are gone.
    """

    target: Path
    dataset: Dataset
    source_format: str
    target_format: str
    loses: tuple[str, ...] = ()
    quality: SplitQuality | None = None
    groups: dict[str, list[str]] = field(default_factory=dict)
    linked: int = 0
    baked: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    clipped: int = 0
    dropped: int = 0
    kept_splits: int = 0
    removed_copies: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        boxes = Counter(box.label for image in self.dataset for box in image.boxes)
        return {
            "target": str(self.target),
            "from": self.source_format,
            "to": self.target_format,
            "loses": list(self.loses),
            "images": len(self.dataset),
            "boxes": self.dataset.box_count,
            "classes": {name: boxes[name] for name in self.dataset.class_names},
            "split": self.quality.as_dict() if self.quality is not None else None,
            "groups": self.groups,
            "linked": self.linked,
            "baked": self.baked,
            "renamed": self.renamed,
            "left_out": {
                "unlabelled": self.unlabelled,
                "rejected": self.rejected,
                "unreadable": self.unreadable,
                "surplus": self.surplus,
            },
            "boxes_clipped": self.clipped,
            "boxes_dropped": self.dropped,
            "kept_splits": self.kept_splits,
            "removed_copies": self.removed_copies,
        }


def convert_to_work(
    source: Path,
    target: Path,
    report: Report,
    options: ConvertOptions = DEFAULT_OPTIONS,
    *,
    on_progress: ProgressCallback | None = None,
    on_stage: StageCallback | None = None,
) -> ConvertResult:
    """Make a Darknet data set; it appears in its place only when it is complete.

    Args:
        source: Folder or archive; never changed.
        target: A new or empty folder, or a Darknet data set with ``options.force``.
        report: Told what was found; whatever it says, all that is good is converted.
        options: See there.
        on_progress: Told (done, total) of the current stage. It may raise to cancel.
        on_stage: Told what is done now.

    Raises:
        UsageError: The target cannot be used, or an option does not fit the set.
        NotADatasetError: There is no set in the source.
        WriteError: Something could not be written; the target is as it was.
        DataError: Nothing is left to convert.
    """
    check_target(source, target, force=options.force)
    stage = on_stage or _silent
    earlier = WorkFolder(target)
    old_rows = read_split(earlier) if earlier.exists() else []
    with staging_for(target) as staging, opened(source, report, staging / "set", on_progress) as root:
        stage("reading labels")
        result, dataset = _read(root, target, "yolo", report, options, on_progress)
        dataset = _clipped(dataset, report, result)
        work = WorkFolder(staging / "work")
        make_folder(work.obj)
        stage("pictures")
        taken = {row.source: row.image for row in old_rows if row.source}
        dataset, names, marks = _pictures(dataset, root, work, taken, report, options, result, on_progress)
        if not dataset.images:
            raise DataError("no picture is left that could be converted.", path=source, code="nothing-left")
        stage("splitting")
        had = {row.source: row.split for row in old_rows} if not options.resplit else {}
        dataset = _split(dataset, root, had, marks, options, result)
        _warn_of_empty_parts(target, report, result)
        stage("writing labels")
        result.dataset = _write(dataset, root, work, names, report, result)
        result.removed_copies = len(copies_in(earlier))
        install(work.root, target, staging / "old")
    return result


def convert_to_format(
    source: Path,
    target: Path,
    format: str,
    report: Report,
    options: ConvertOptions = DEFAULT_OPTIONS,
    *,
    on_progress: ProgressCallback | None = None,
    on_stage: StageCallback | None = None,
) -> ConvertResult:
    """Write a set in another format with that format's own layout. As :func:`convert_to_work` otherwise.

    Pictures go over as they are, and no split is made.

    Raises:
        UsageError: The target cannot be used, or there is no such format.
        NotADatasetError: There is no set in the source.
        WriteError: Something could not be written; the target is as it was.
    """
    codec = registry.codec_named(format)
    check_target(source, target)
    stage = on_stage or _silent
    with staging_for(target) as staging, opened(source, report, staging / "set", on_progress) as root:
        stage("reading labels")
        result, dataset = _read(root, target, format, report, options, on_progress)
        if not dataset.images:
            raise DataError("no picture is left that could be converted.", path=source, code="nothing-left")
        stage("writing labels")
        new = staging / "new"
        make_folder(new)
        codec.save(dataset, new, report)
        install(new, target, staging / "old")
        result.dataset = dataset
        result.linked = len(dataset)
    return result


def _silent(stage: str) -> None:
    """Nobody wants to know."""


def _read(
    root: Path,
    target: Path,
    format: str,
    report: Report,
    options: ConvertOptions,
    on_progress: ProgressCallback | None,
) -> tuple[ConvertResult, Dataset]:
    """Load, rename and leave out what has no labels."""
    load = LoadOptions(
        keep_good=options.keep_good,
        fix_outside=options.fix_outside,
        trust_size=options.trust_size,
        on_progress=on_progress,
    )
    loaded = registry.load(root, report, load, format=options.format)
    if loaded.images and not options.keep_unlabelled and not any(image.labelled for image in loaded):
        raise DataError(
            f"none of its {len(loaded)} pictures has a label file.",
            path=root,
            code="nothing-labelled",
            hint="Label them first, or choose the folder that holds pictures and labels.",
        )
    dataset = remap(loaded, options.rename, options.classes)
    used = {box.label for image in dataset for box in image.boxes}
    for name in options.classes or ():
        if name not in used:
            report.warning("class-unused", f"class {name!r} of --classes has no box.", path=root)
    if not dataset.class_names:
        raise UsageError(
            "no class is known: no picture has a box.", path=root, hint="Name them: --classes mask,no_mask"
        )
    codec = registry.codec_named(format)
    result = ConvertResult(target, dataset, loaded.format, format, codec.loses)
    read = {image.key for image in loaded}
    refused = dict.fromkeys(issue.key for issue in report.errors if issue.key is not None)
    result.rejected = [key for key in refused if key not in read]
    if options.keep_unlabelled:
        return result, dataset
    _take_over(report, "image-without-label")
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


def _clipped(dataset: Dataset, report: Report, result: ConvertResult) -> Dataset:
    """Cut boxes to their pictures: Darknet takes none that pass an edge."""
    lines = _take_over(report, "box-outside")
    images: list[AnnotatedImage] = []
    for image in dataset:
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
                    "box-dropped", f"{what} has no area inside the {size} picture and is dropped.", **where
                )
                continue
            over = max(abs(a - b) for a, b in zip(box.xyxy, (x1, y1, x2, y2), strict=True))
            if over > SLIVER:
                result.clipped += 1
                report.warning(
                    "box-clipped", f"{what} passes the {size} picture by {over:.3g} px and is cut.", **where
                )
            boxes.append(box.moved_to((x1, y1, x2, y2)))
        images.append(image.with_boxes(tuple(boxes)))
    return replace(dataset, images=tuple(images))


def _take_over(report: Report, code: str) -> dict[tuple[str | None, int | None], int | None]:
    """Remove what the codec said of something, since what is done about it is said here; its lines."""
    taken = [issue for issue in report if issue.code == code]
    report.issues[:] = [issue for issue in report if issue.code != code]
    return {(issue.key, issue.box): issue.line for issue in taken}


def _pictures(
    dataset: Dataset,
    root: Path,
    work: WorkFolder,
    taken: Mapping[str, str],
    report: Report,
    options: ConvertOptions,
    result: ConvertResult,
    on_progress: ProgressCallback | None,
) -> tuple[Dataset, dict[str, str], dict[str, Fingerprint]]:
    """Link or bake every picture; returns the set of those that could be read, their names and marks."""
    suffixes: dict[str, str] = {}
    bake: dict[str, bool] = {}
    for image in dataset:
        try:
            suffixes[image.key], bake[image.key] = suffix_for(read_header(image.path), options.bake)
        except ImageError as error:
            _leave_out(image.key, error, report, result)
    kept = {
        image.key: Path(taken[source]).stem
        for image in dataset
        if image.key in suffixes and (source := _relative(image, root)) in taken
    }
    names = plain_names(suffixes, suffixes, kept)
    jobs = [
        Job(image.key, image.path, work.obj / names[image.key], bake[image.key])
        for image in dataset
        if image.key in names
    ]
    marks: dict[str, Fingerprint] = {}
    # Closed at once when something is raised: the workers must be gone before the folder is removed.
    with closing(run_jobs(jobs, workers=options.jobs, on_progress=on_progress)) as results:
        for done in results:
            mark = _settle(done, report, result)
            if mark is not None:
                marks[done.key] = mark
                result.baked += bake[done.key]
                result.linked += not bake[done.key]
    images = tuple(image for image in dataset if image.key in marks)
    return replace(dataset, images=images), names, marks


def _settle(done: Done, report: Report, result: ConvertResult) -> Fingerprint | None:
    """Report a picture that failed. Where it is the disk that failed, nothing is worth going on."""
    if done.error is None:
        return done.fingerprint
    if not isinstance(done.error, ImageError):
        raise done.error
    _leave_out(done.key, done.error, report, result)
    return None


def _leave_out(key: str, error: ImageError, report: Report, result: ConvertResult) -> None:
    result.unreadable.append(key)
    report.add_exception(error, key=key)


def _split(
    dataset: Dataset,
    root: Path,
    had: Mapping[str, Split],
    marks: Mapping[str, Fingerprint],
    options: ConvertOptions,
    result: ConvertResult,
) -> Dataset:
    alike = pairs(marks)
    links = [(pair.first, pair.second) for pair in alike]
    if options.groups is not None:
        links += read_groups(options.groups, dataset)
    groups = join_groups(links)
    for key, name in sorted(groups.items()):
        result.groups.setdefault(name, []).append(key)
    fixed = {image.key: had[source] for image in dataset if (source := _relative(image, root)) in had}
    if not fixed and options.split is None:
        fixed = {image.key: image.split for image in dataset if image.split is not None}
    result.kept_splits = len(fixed)
    if len(fixed) == len(dataset) and options.split is None:
        splits = fixed
        result.quality = measure_split(dataset, splits, groups)
    else:
        identical = join_groups((pair.first, pair.second) for pair in alike if pair.identical)
        same: dict[str, list[str]] = {}
        for key, name in identical.items():
            same.setdefault(name, []).append(key)
        divided = split_dataset(
            dataset,
            options.split or SplitRequest(),
            seed=options.seed,
            groups=groups,
            identical=list(same.values()),
            fixed=fixed,
        )
        splits, result.quality = divided.splits, divided.quality
        result.surplus = list(divided.left_out)
    images = tuple(replace(image, split=splits[image.key]) for image in dataset if image.key in splits)
    return replace(dataset, images=images)


def _warn_of_empty_parts(target: Path, report: Report, result: ConvertResult) -> None:
    for split in (Split.VAL, Split.TEST):
        if result.quality is not None and not result.quality.sizes[split]:
            report.warning(
                "split-empty",
                f"no picture is in {split}: nothing can be measured there.",
                path=WorkFolder(target).split_csv,
            )


def _write(
    dataset: Dataset,
    root: Path,
    work: WorkFolder,
    names: Mapping[str, str],
    report: Report,
    result: ConvertResult,
) -> Dataset:
    """Labels, names, split.csv and lists; pictures in no split go again."""
    codec = registry.codec_named("yolo")
    group_of = {key: name for name, keys in result.groups.items() for key in keys}
    rows: list[SplitRow] = []
    for image in dataset:
        name = names[image.key]
        label = (work.obj / name).with_suffix(".txt")
        write_atomic(label, codec.render(image, dataset.class_names, None), durable=False)
        source = _relative(image, root)
        if image.split is not None:
            rows.append(SplitRow(f"obj/{name}", image.split, group_of.get(image.key, ""), source))
        if name != Path(source).name:
            result.renamed[source] = name
    for key in result.surplus:
        (work.obj / names[key]).unlink(missing_ok=True)
    write_atomic(work.names, "".join(f"{name}\n" for name in dataset.class_names))
    make_folder(work.runs)
    write_split(work, rows)
    write_lists(work)
    return dataset


def _relative(image: AnnotatedImage, root: Path) -> str:
    """The picture's path in its set."""
    try:
        return image.path.relative_to(root).as_posix()
    except ValueError:
        return image.key + image.path.suffix
