"""Adding the pictures of another set to ``work``, the Darknet data set.

What is there stays as it is: pictures, labels (also those edited there), the split, groups, copies, runs.
New pictures get names of their own, and each goes to the split that lacks most, or where a picture lies that
shows the same. In split.csv their ``source`` begins with the name of their set and ``!/``
(``more!/images/a.png``), so that adding the same set again adds nothing twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from natsort import natsort_keygen

from converters import registry
from converters.agreement import agree, unmatched
from converters.archive_readers import COMPRESSED_SUFFIXES
from converters.baking import Job, take_fingerprints
from converters.conversion import (
    DEFAULT_ADDING,
    DEFAULT_OPTIONS,
    AddOptions,
    AddResult,
    ConvertOptions,
    StageCallback,
    silent,
)
from converters.errors import DataError, UsageError
from converters.files import make_folder, write_atomic
from converters.fingerprint import Fingerprint, join_groups, pairs
from converters.formats.base import LoadOptions, ProgressCallback
from converters.formats.yolo import YoloCodec
from converters.intake import clip_boxes, file_kinds, read_source, source_of, take_pictures
from converters.layout import key_of
from converters.model import AnnotatedImage, Dataset, Split
from converters.naming import plain_names
from converters.report import Report
from converters.split import SplitRequest, read_groups, split_dataset
from converters.staging import check_apart, opened, staging_for
from converters.swap import alone_in, replace_parts
from converters.words import counted
from converters.work import (
    SplitRow,
    WorkFolder,
    copies_in,
    data_text,
    list_texts,
    read_names,
    read_split,
    write_split,
)

MARK = "!/"
"""Stands in a row's source between the name of the added set and the path in it."""


def is_added(row: SplitRow) -> bool:
    """Whether a picture was added from another set than the one the data set was made from."""
    return MARK in row.source


def added_images(work: WorkFolder, rows: Sequence[SplitRow]) -> list[AnnotatedImage]:
    """The pictures of these rows with the boxes they have now, in no split; keys are their sources'.

    Raises:
        DataError: One of them, or its label file, cannot be read.
    """
    report = Report()
    dataset = registry.load(work.root, report, format="yolo")
    by_name = {_name_in(work, image): image for image in dataset if image.labelled}
    for row in rows:
        if row.image not in by_name:
            said = next((issue for issue in report.errors if issue.key == key_of(row.image)), None)
            raise DataError(
                said.message if said is not None else "the picture or its label file is missing.",
                path=(said.path if said is not None else None) or work.root / row.image,
                line=said.line if said is not None else None,
                code=said.code if said is not None else "image-missing",
                hint="It was added from another set and would be lost: mend it, or use --drop-added.",
            )
    return [replace(by_name[row.image], key=key_of(row.source), split=None) for row in rows]


def add_to_work(
    source: Path,
    target: Path,
    report: Report,
    options: ConvertOptions = DEFAULT_OPTIONS,
    adding: AddOptions = DEFAULT_ADDING,
    *,
    on_progress: ProgressCallback | None = None,
    on_stage: StageCallback | None = None,
) -> AddResult:
    """Add the pictures of a set to a Darknet data set, all or none of the good ones.

    Args:
        source: Folder or archive; never changed.
        target: The Darknet data set.
        report: Told what was found; whatever it says, all that is good is added.
        options: How the set is read. Its class order and ``force`` do not matter here; the sizes of
            ``split`` are those of the whole, None: the proportions the data set has.
        adding: What is done with classes and pictures that meet others.
        on_progress: Told (done, total) of the current stage. It may raise to cancel.
        on_stage: Told what is done now.

    Raises:
        UsageError: There is no such data set, or classes are unknown to it.
        NotADatasetError: There is no set in the source.
        WriteError: Something could not be written; the data set is as it was.
        DataError: Another program is changing the data set.
    """
    check_apart(source, target)
    if not WorkFolder(target).exists():
        raise UsageError(
            "holds no Darknet data set to add to.",
            path=target,
            hint=f"Make it first: convert-cli {source} {target}",
        )
    stage = on_stage or silent
    with ExitStack() as stack:
        stack.enter_context(alone_in(target))
        staging = stack.enter_context(staging_for(target))
        root = stack.enter_context(opened(source, report, staging / "set", on_progress))
        stage("reading labels")
        here = _read_work(WorkFolder(target))
        base, dataset = read_source(root, target, "yolo", report, options, on_progress, adding=True)
        result = AddResult(base, before=here.dataset, copies=len(copies_in(here.work)))
        dataset = clip_boxes(dataset, report, base)
        names = _class_names(here, dataset, root, adding, report)
        stage("pictures")
        made, marks = _take(dataset, staging / "pictures", options, report, result, on_progress)
        stage("comparing")
        here.marks = _marks_of(here, options, on_progress)
        newcomers = _choose(here, dataset, _set_name(source), root, marks, adding, report, result)
        stage("splitting")
        rows = _divide(here, newcomers, names, options, result)
        stage("writing labels")
        newcomers = [new for new in newcomers if new.image.split is not None]
        result.added = tuple(replace(new.image, key=new.key) for new in newcomers)
        if newcomers:
            result.new_classes = names[len(here.names) :]
            _install(here, newcomers, rows, names, made, staging, result)
    return result


@dataclass(slots=True)
class _Here:
    """The data set as it is.

    Attributes:
        work: Its folder.
        rows: Of split.csv.
        names: Its classes.
        dataset: Its pictures that are in a split; keys are ``obj/…``.
        marks: Fingerprints of all its pictures, by key.
    """

    work: WorkFolder
    rows: list[SplitRow]
    names: tuple[str, ...]
    dataset: Dataset
    others: tuple[AnnotatedImage, ...]
    marks: dict[str, Fingerprint] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _New:
    """A picture that comes in.

    Attributes:
        image: With a key that no picture has that is there.
        key: Its key in its own set.
        source: What split.csv is to say.
        mark: Its fingerprint.
    """

    image: AnnotatedImage
    key: str
    source: str
    mark: Fingerprint


def _read_work(work: WorkFolder) -> _Here:
    rows = read_split(work)
    # What is wrong with what is there is not the matter here; check-cli says it.
    dataset = registry.load(work.root, Report(), LoadOptions(keep_good=True), format="yolo")
    listed = {row.image: row.split for row in rows}
    inside: list[AnnotatedImage] = []
    others: list[AnnotatedImage] = []
    for image in dataset:
        split = listed.get(_name_in(work, image))
        (others if split is None else inside).append(replace(image, split=split))
    return _Here(work, rows, read_names(work.names), replace(dataset, images=tuple(inside)), tuple(others))


def _name_in(work: WorkFolder, image: AnnotatedImage) -> str:
    return image.path.relative_to(work.root).as_posix()


def _class_names(
    here: _Here, dataset: Dataset, root: Path, adding: AddOptions, report: Report
) -> tuple[str, ...]:
    """The classes afterwards: those that are there, and new ones behind them where that is allowed."""
    boxes = Counter(box.label for image in dataset for box in image.boxes)
    unknown = [name for name in dataset.class_names if boxes[name] and name not in here.names]
    if not unknown:
        return here.names
    if not adding.new_classes:
        folded = {name.casefold().strip(): name for name in here.names}
        renames = ",".join(f"{name}={folded.get(name.casefold().strip(), 'CLASS')}" for name in unknown)
        listed = ", ".join(f"{name} ({counted(boxes[name], 'box', 'boxes')})" for name in unknown)
        raise UsageError(
            f"has classes that {here.work.root} does not know: {listed}.",
            path=root,
            hint=f"Say which of {', '.join(here.names)} they are: --rename {renames}; or append them to "
            "obj.names: --new-classes.",
        )
    names = (*here.names, *unknown)
    if here.work.runs.is_dir() and any(here.work.runs.iterdir()):
        report.warning(
            "classes-added",
            f"has {len(names)} classes now; weights trained before know only {', '.join(here.names)}.",
            path=here.work.names,
            hint="Train anew for the others.",
        )
    return names


def _take(
    dataset: Dataset,
    folder: Path,
    options: ConvertOptions,
    report: Report,
    result: AddResult,
    on_progress: ProgressCallback | None,
) -> tuple[dict[str, Path], dict[str, Fingerprint]]:
    """Link or bake every picture into ``folder``: where each lies, and its fingerprint."""
    make_folder(folder)
    kinds = file_kinds(dataset, options, report, result.base)
    made = {key: folder / f"{i}{suffix}" for i, (key, (suffix, _)) in enumerate(kinds.items())}
    jobs = [Job(i.key, i.path, made[i.key], kinds[i.key][1]) for i in dataset if i.key in kinds]
    return made, take_pictures(jobs, options, report, result.base, on_progress)[1]


def _marks_of(
    here: _Here, options: ConvertOptions, on_progress: ProgressCallback | None
) -> dict[str, Fingerprint]:
    pictures = [(image.key, image.path) for image in (*here.dataset, *here.others)]
    marks, _ = take_fingerprints(pictures, workers=options.jobs, on_progress=on_progress)
    return marks


def _set_name(source: Path) -> str:
    """What an added set is called in split.csv."""
    name = source.resolve().name
    if source.is_file():
        name = next((name[: -len(end)] for end in COMPRESSED_SUFFIXES if name.lower().endswith(end)), name)
    return name.replace("!", "_") or "set"


def _prefix(here: _Here, name: str, sources: Mapping[str, Fingerprint]) -> str:
    """What the sources of this set begin with: as before where it was added before, else something new."""
    known = {row.source: here.marks.get(key_of(row.image)) for row in here.rows if row.source}
    number = 0
    while True:
        # First nothing: it may be the set that the data set was made from.
        prefix = ("", f"{name}{MARK}")[number] if number < 2 else f"{name}-{number}{MARK}"
        met = [known[prefix + path] == mark for path, mark in sources.items() if prefix + path in known]
        if met and sum(met) * 2 >= len(met):
            return prefix
        if prefix and not met:
            return prefix
        number += 1


def _choose(
    here: _Here,
    dataset: Dataset,
    name: str,
    root: Path,
    marks: Mapping[str, Fingerprint],
    adding: AddOptions,
    report: Report,
    result: AddResult,
) -> list[_New]:
    """The pictures that come in; the others are told to report and result."""
    images = [image for image in dataset if image.key in marks]
    prefix = _prefix(here, name, {source_of(image, root): marks[image.key] for image in images})
    result.set_name = prefix.removesuffix(MARK)
    by_source = {row.source: row.image for row in here.rows if row.source}
    there = {_name_in(here.work, image): image for image in (*here.dataset, *here.others)}
    by_pixels: dict[str, AnnotatedImage] = {}
    for image in there.values():
        if image.key in here.marks:
            by_pixels.setdefault(here.marks[image.key].pixels, image)
    chosen: list[_New] = []
    # Of pictures that are the same the one with the most boxes comes first, and so is the one that stays.
    for image in sorted(images, key=lambda image: -len(image.boxes)):
        mark, source = marks[image.key], prefix + source_of(image, root)
        if source in by_source:
            known = there.get(by_source[source])
            if known is not None and here.marks.get(known.key) not in (None, mark):
                result.changed.append(image.key)
                report.warning(
                    "picture-changed",
                    f"is not the picture any more that was added as {by_source[source]}; that one stays.",
                    path=image.path,
                    key=image.key,
                )
                continue
            result.already.append(image.key)
            if known is not None:
                _tell_of_other_boxes(image, known, report, result, hint="Look at both.")
            continue
        twin = by_pixels.get(mark.pixels)
        if twin is not None and not adding.keep_identical:
            result.identical.append(image.key)
            _tell_of_other_boxes(image, twin, report, result)
            continue
        by_pixels.setdefault(mark.pixels, image)
        chosen.append(_New(replace(image, key=f"+{prefix}{image.key}", split=None), image.key, source, mark))
    natural = natsort_keygen()
    return sorted(chosen, key=lambda new: (natural(new.key), new.key))


def _tell_of_other_boxes(
    image: AnnotatedImage,
    twin: AnnotatedImage,
    report: Report,
    result: AddResult,
    *,
    hint: str = "Look at both; --identical keep takes it all the same.",
) -> None:
    """Say where a picture that is there already has other boxes here."""
    if not image.labelled or agree(image, twin):
        return
    here, there = unmatched(image, twin)
    result.differing.append(image.key)
    report.warning(
        "boxes-differ",
        f"has exactly the pixels of {twin.name}, but other boxes ({here} of {len(image.boxes)} here and "
        f"{there} of {len(twin.boxes)} there have no counterpart); it is left out.",
        path=image.annotation or image.path,
        key=image.key,
        hint=hint,
    )


def _divide(
    here: _Here,
    newcomers: list[_New],
    names: tuple[str, ...],
    options: ConvertOptions,
    result: AddResult,
) -> list[SplitRow]:
    """Give every new picture its split (in place); the rows of those that were there, with their groups."""
    images = (*here.dataset.images, *(new.image for new in newcomers))
    whole = Dataset(here.work.root, "yolo", images, names)
    inside = {image.key for image in here.dataset}
    marks = {key: mark for key, mark in here.marks.items() if key in inside}
    marks |= {new.image.key: new.mark for new in newcomers}
    links = [(pair.first, pair.second) for pair in pairs(marks)]
    first: dict[str, str] = {}
    for row in here.rows:
        key = key_of(row.image)
        if row.group and key in inside:
            links.append((first.setdefault(row.group, key), key))
    if options.groups is not None:
        links += _persons_groups(options.groups, here, newcomers)
    groups = join_groups(links)
    fixed = {image.key: image.split for image in here.dataset if image.split is not None}
    sizes = Counter(fixed.values())
    had = SplitRequest((sizes[Split.TRAIN], sizes[Split.VAL], sizes[Split.TEST])) if fixed else SplitRequest()
    divided = split_dataset(whole, options.split or had, seed=options.seed, groups=groups, fixed=fixed)
    result.quality = divided.quality
    for place, new in enumerate(newcomers):
        split = divided.splits.get(new.image.key)
        newcomers[place] = replace(new, image=replace(new.image, split=split))
        if split is None:
            result.base.surplus.append(new.key)
    return _with_groups(here, newcomers, groups, result)


def _persons_groups(path: Path, here: _Here, newcomers: Sequence[_New]) -> list[tuple[str, str]]:
    """Links of a person's groups, in which pictures that are there may stand, too."""
    own = {new.key: new.image.key for new in newcomers}
    stems = {new.image.path.stem for new in newcomers}
    images = [replace(new.image, key=new.key) for new in newcomers]
    images += [image for image in here.dataset if image.path.stem not in stems and image.key not in own]
    links = read_groups(path, replace(here.dataset, images=tuple(images)))
    return [(own.get(a, a), own.get(b, b)) for a, b in links]


def _with_groups(
    here: _Here, newcomers: Sequence[_New], groups: Mapping[str, str], result: AddResult
) -> list[SplitRow]:
    """All rows: those that were there keep their group; who had none gets one where a new picture joins."""
    old = {key_of(row.image): row for row in here.rows}
    members: dict[str, list[str]] = {}
    for key, name in groups.items():
        members.setdefault(name, []).append(key)
    by_key = {new.image.key: new for new in newcomers}
    natural = natsort_keygen()
    rows = dict(old)
    for new in newcomers:
        if new.image.split is None:
            continue
        same = sorted(members.get(groups.get(new.image.key, ""), ()), key=lambda key: (natural(key), key))
        with_it = [key for key in same if key in old and old[key].split is new.image.split]
        group = next((rows[key].group for key in with_it if rows[key].group), "")
        if same and not group:
            lead = with_it[0] if with_it else same[0]
            group = key_of((old[lead].source or old[lead].image) if lead in old else by_key[lead].source)
        for key in with_it:
            if not rows[key].group:
                rows[key] = replace(rows[key], group=group)
        if with_it:
            result.followed[new.key] = old[with_it[0]].image
        rows[new.image.key] = SplitRow("", new.image.split, group, new.source)
    return list(rows.values())


def _install(
    here: _Here,
    newcomers: Sequence[_New],
    rows: Sequence[SplitRow],
    names: tuple[str, ...],
    made: Mapping[str, Path],
    staging: Path,
    result: AddResult,
) -> None:
    """Lay out what is new and let it in."""
    new_work = WorkFolder(staging / "new")
    make_folder(new_work.obj)
    # Also what lies there without a picture keeps its name: a label file may be somebody's work.
    taken = {f"\0{entry.name}": entry.stem for entry in here.work.obj.iterdir()}
    suffixes = {new.image.key: made[new.key].suffix for new in newcomers}
    files = plain_names(suffixes, suffixes, taken)
    codec = YoloCodec()
    moves: list[str] = []
    by_source: dict[str, str] = {}
    for new in newcomers:
        file = files[new.image.key]
        by_source[new.source] = f"obj/{file}"
        label = Path(file).with_suffix(".txt").name
        made[new.key].rename(new_work.obj / file)
        write_atomic(new_work.obj / label, codec.render(new.image, names, None), durable=False)
        moves += [f"obj/{label}", f"obj/{file}"]  # a picture is never there without its label
        if file != new.image.path.name:
            result.base.renamed[new.source] = file
    if names != here.names:
        write_atomic(new_work.names, "".join(f"{name}\n" for name in names))
        write_atomic(new_work.data, data_text(len(names)))
        moves += [new_work.names.name, new_work.data.name]
    rows = [row if row.image else replace(row, image=by_source[row.source]) for row in rows]
    write_split(new_work, rows)
    for name, text in list_texts(here.work, read_split(new_work)).items():
        write_atomic(new_work.root / name, text)
        moves.append(name)
    moves.insert(len(moves) - len(Split), new_work.split_csv.name)
    replace_parts(here.work.root, new_work.root, moves, room=staging / "room")
