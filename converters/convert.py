"""From any set of pictures to another format; above all to ``work``, the Darknet data set.

The source, folder or archive, is never changed. One bad picture or label file does not stop the others: it
is reported and left out.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from converters import registry
from converters.baking import Job, take_fingerprints
from converters.conversion import DEFAULT_OPTIONS, ConvertOptions, ConvertResult, StageCallback, silent
from converters.errors import DataError, FormatError, UsageError
from converters.files import make_folder, own_copies, write_atomic, write_new
from converters.fingerprint import Fingerprint, join_groups, pairs
from converters.formats.base import ProgressCallback
from converters.formats.yolo import YoloCodec
from converters.intake import clip_boxes, file_kinds, read_source, source_of, take_pictures
from converters.made import remember_source
from converters.model import AnnotatedImage, Dataset, Split
from converters.naming import plain_names
from converters.portable import shown
from converters.reading import read_small_file
from converters.report import Report
from converters.split import SplitRequest, measure_split, read_groups, split_dataset
from converters.staging import check_target, install, is_filled, opened, staging_for
from converters.swap import alone_in
from converters.words import counted
from converters.work import SplitRow, WorkFolder, copies_in, read_split, write_lists, write_split

__all__ = ["DEFAULT_OPTIONS", "ConvertOptions", "ConvertResult", "convert_to_format", "convert_to_work"]


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
    stage = on_stage or silent
    with ExitStack() as stack:
        if is_filled(target):
            stack.enter_context(alone_in(target))
        earlier = WorkFolder(target)
        old_rows = read_split(earlier) if earlier.exists() else []
        staging = stack.enter_context(staging_for(target))
        root = stack.enter_context(opened(source, report, staging / "set", on_progress))
        stage("reading labels")
        result, dataset = read_source(root, target, "yolo", report, options, on_progress)
        dataset = clip_boxes(dataset, report, result)
        sources = {image.key: source_of(image, root) for image in dataset}
        dataset, sources = _with_added(dataset, sources, earlier, old_rows, report, options, result)
        work = WorkFolder(staging / "work")
        make_folder(work.obj)
        stage("pictures")
        taken = {row.source: row.image for row in old_rows if row.source}
        dataset, names, marks = _pictures(dataset, sources, work, taken, report, options, result, on_progress)
        if not dataset.images:
            raise DataError("no picture is left that could be converted.", path=source, code="nothing-left")
        stage("splitting")
        had = {row.source: row.split for row in old_rows} if not options.resplit else {}
        dataset = _split(dataset, sources, had, marks, options, result)
        _warn_of_empty_parts(target, report, result)
        stage("writing labels")
        result.dataset = _write(dataset, sources, work, names, result)
        if options.copy:
            stage("copying pictures")
            own_copies(work.obj, on_progress)
        result.removed_copies = len(copies_in(earlier))
        _keep_labels(earlier, work, old_rows, report)
        install(work.root, target, staging / "room")
        remember_source(earlier, source, options)
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

    Pictures go over as they are. A split is made only where ``options.split`` asks for one.

    Raises:
        UsageError: The target cannot be used, or there is no such format.
        NotADatasetError: There is no set in the source.
        WriteError: Something could not be written; the target is as it was.
    """
    codec = registry.codec_to_write(format, options.voc_edges)
    check_target(source, target)
    stage = on_stage or silent
    with staging_for(target) as staging, opened(source, report, staging / "set", on_progress) as root:
        stage("reading labels")
        result, dataset = read_source(root, target, format, report, options, on_progress)
        dataset = _with_names(dataset, report, result)
        if not dataset.images:
            raise DataError("no picture is left that could be converted.", path=source, code="nothing-left")
        if options.split is not None:
            stage("comparing")
            dataset = _divided(dataset, report, options, result, on_progress)
        stage("writing labels")
        new = staging / "new"
        make_folder(new)
        known = len(report)
        try:
            codec.save(dataset, new, report)
        except DataError as error:
            if error.path is not None and error.path.is_relative_to(new):
                error.path = target / error.path.relative_to(new)
            raise
        if options.copy:
            stage("copying pictures")
            own_copies(new, on_progress)
        # The result has them.
        report.issues[known:] = [issue for issue in report.issues[known:] if issue.code != "loses"]
        install(new, target, staging / "room")
        result.dataset = dataset
        result.linked = len(dataset)
    return result


def _keep_labels(earlier: WorkFolder, work: WorkFolder, rows: Sequence[SplitRow], report: Report) -> None:
    """Keep label files that are replaced by others: somebody may have edited them here."""
    lost: dict[str, bytes] = {}
    for row in rows:
        name = Path(row.image).with_suffix(".txt").as_posix()
        old, new = earlier.root / name, work.root / name
        with contextlib.suppress(FormatError):  # what is not there, or not to be read, is no label
            data = read_small_file(old)
            if not new.is_file() or new.read_bytes() != data:
                lost[name] = data
    if not lost:
        return
    place = earlier.root / ".annotator" / "replaced" / datetime.now().strftime("%Y-%m-%dT%H-%M-%S-%f")
    for name, data in lost.items():
        make_folder((place / name).parent)
        write_atomic(place / name, data, durable=False)
    report.warning(
        "labels-replaced",
        f"{counted(len(lost), 'label file')} in it said other than the source does now; what was there is "
        f"kept in {place}.",
        path=earlier.root,
        hint="If they were edited here, put them back; edit them in the source from now on.",
    )


def _with_names(dataset: Dataset, report: Report, result: ConvertResult) -> Dataset:
    """The set without pictures whose names no label file can hold: not UTF-8, or with a line break."""
    named: list[AnnotatedImage] = []
    for image in dataset:
        if shown(image.key) == image.key:
            named.append(image)
            continue
        result.rejected.append(image.key)
        report.error(
            "bad-name",
            f"is left out: label files in {result.target_format} cannot hold its name, which is not UTF-8 "
            "or has a control character.",
            path=image.path,
            key=image.key,
            hint="Rename it.",
        )
    return replace(dataset, images=tuple(named)) if len(named) < len(dataset) else dataset


def _with_added(
    dataset: Dataset,
    sources: dict[str, str],
    earlier: WorkFolder,
    rows: Sequence[SplitRow],
    report: Report,
    options: ConvertOptions,
    result: ConvertResult,
) -> tuple[Dataset, dict[str, str]]:
    """The set together with what was added to the replaced data set from other sets: that stays."""
    if not rows:
        return dataset, sources
    from converters.adding import added_images, is_added  # a new data set needs none of it

    added = [row for row in rows if is_added(row)]
    if not added:
        return dataset, sources
    if options.drop_added:
        report.warning(
            "added-dropped",
            f"{len(added)} pictures that were added from other sets are left out.",
            path=earlier.split_csv,
        )
        return dataset, sources
    images = added_images(earlier, added)
    boxes = Counter(box.label for image in images for box in image.boxes)
    missing = [name for name in boxes if name not in dataset.class_names]
    if missing:
        raise UsageError(
            f"holds pictures added from other sets, with classes that the set does not have now: "
            f"{', '.join(f'{name} ({boxes[name]})' for name in missing)}.",
            path=earlier.root,
            hint="Convert with the --rename or --classes that it was made with, or leave what was added out "
            "with --drop-added.",
        )
    result.kept_added = len(images)
    extra = {image.key: row.source for image, row in zip(images, added, strict=True)}
    return replace(dataset, images=(*dataset.images, *images)), sources | extra


def _pictures(
    dataset: Dataset,
    sources: Mapping[str, str],
    work: WorkFolder,
    taken: Mapping[str, str],
    report: Report,
    options: ConvertOptions,
    result: ConvertResult,
    on_progress: ProgressCallback | None,
) -> tuple[Dataset, dict[str, str], dict[str, Fingerprint]]:
    """Link or bake every picture; returns the set of those that are there, their names and marks."""
    kinds = file_kinds(dataset, options, report, result)
    kept = {key: Path(taken[sources[key]]).stem for key in kinds if sources[key] in taken}
    names = plain_names(kinds, {key: suffix for key, (suffix, _) in kinds.items()}, kept)
    jobs = [
        Job(image.key, image.path, work.obj / names[image.key], kinds[image.key][1], mark=options.similar)
        for image in dataset
        if image.key in names
    ]
    there, marks = take_pictures(jobs, options, report, result, on_progress)
    kept_keys = frozenset(there)
    images = tuple(image for image in dataset if image.key in kept_keys)
    return replace(dataset, images=images), names, marks


def _split(
    dataset: Dataset,
    sources: Mapping[str, str],
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
    fixed = {image.key: had[sources[image.key]] for image in dataset if sources[image.key] in had}
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


def _divided(
    dataset: Dataset,
    report: Report,
    options: ConvertOptions,
    result: ConvertResult,
    on_progress: ProgressCallback | None,
) -> Dataset:
    """The set divided anew, whatever its format will be."""
    marks: dict[str, Fingerprint] = {}
    if options.similar:
        pictures = [(image.key, image.path) for image in dataset]
        marks, errors = take_fingerprints(pictures, workers=options.jobs, on_progress=on_progress)
        for key, error in errors.items():
            result.unreadable.append(key)
            report.add_exception(error, key=key)
        dataset = replace(dataset, images=tuple(i for i in dataset if i.key not in errors))
    sources = {image.key: image.key for image in dataset}
    return _split(dataset, sources, {}, marks, options, result)


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
    sources: Mapping[str, str],
    work: WorkFolder,
    names: Mapping[str, str],
    result: ConvertResult,
) -> Dataset:
    """Labels, names, split.csv and lists; pictures in no split go again."""
    codec = YoloCodec()
    group_of = {key: shown(name) for name, keys in result.groups.items() for key in keys}
    rows: list[SplitRow] = []
    for image in dataset:
        name = names[image.key]
        label = (work.obj / name).with_suffix(".txt")
        write_new(label, codec.render(image, dataset.class_names, None))
        source = sources[image.key]
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
