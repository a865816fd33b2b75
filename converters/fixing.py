"""Mending what has one right answer: in place with the originals kept, or in a copy of the set.

Every change goes through the set's own codec over the file as it was, so that all else in it stays byte for
byte. What has no single right answer (near duplicates, tiny boxes, pictures that cannot be read …) is left
alone and stays a finding.
"""

from __future__ import annotations

import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from converters import registry
from converters.checks import duplicates
from converters.checks_work import CLASSES
from converters.errors import DataError, FormatError, WriteError
from converters.files import link_or_copy, make_folder, write_atomic
from converters.formats.base import Codec, LoadOptions
from converters.formats.mending import Mend, mended_bytes, renamed_categories
from converters.formats.voc import VocCodec
from converters.images import is_image
from converters.layout import scan
from converters.lines import lines_of
from converters.model import AnnotatedImage, Box, Dataset
from converters.reading import read_text
from converters.report import Report
from converters.words import counted
from converters.work import WorkFolder, data_text, list_texts, read_names, read_split


@dataclass(frozen=True, slots=True)
class Fix:
    """One thing that is mended.

    Attributes:
        code: Of the finding that it was.
        message: What was wrong, and what is done.
        path: The label file.
        line: In it as it was, where known.
        key: Key of the picture, where it is about one.
    """

    code: str
    message: str
    path: Path
    line: int | None
    key: str | None

    def __str__(self) -> str:
        where = f"{self.path}:{self.line}" if self.line is not None else f"{self.path}"
        return f"{where}: [{self.code}] fixed: {self.message}."

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "code": self.code,
            "message": self.message,
            "path": str(self.path),
            "line": self.line,
            "image": self.key,
        }


@dataclass(slots=True)
class FixPlan:
    """What is to be mended; nothing is written yet.

    Attributes:
        root: The set's folder.
        dataset: The set as it will be.
        fixes: One for each thing, by file and line.
        changes: (bytes as they are, bytes to come) of each file that changes, by its path.
        report: What reading found beside that.
    """

    root: Path
    dataset: Dataset
    fixes: list[Fix] = field(default_factory=list)
    changes: dict[Path, tuple[bytes, bytes]] = field(default_factory=dict)
    report: Report = field(default_factory=Report)


@dataclass(slots=True)
class _Draft:
    """A picture with its boxes as they will be.

    Attributes:
        image: The picture.
        removed: Boxes of the file that reading refuses (they have no area) and that go.
        fixes: What was done.
    """

    image: AnnotatedImage
    removed: list[Box] = field(default_factory=list)
    fixes: list[Fix] = field(default_factory=list)


def plan_fixes(root: Path, load: LoadOptions, *, format: str | None = None) -> FixPlan:
    """Find out what can be mended in a set, and what its files will be.

    Args:
        root: The set's folder, or a label file of many pictures.
        load: How it is read. With ``fix_outside`` boxes that reach far outside are cut, where what is left is
            a sensible box. The good boxes of a file with a bad one are mended whatever it says.
        format: Name of its format; None: it is recognised.

    Raises:
        NotADatasetError: There is no set.
        DataError: Nothing of the set can be used.
    """
    mends: list[Mend] = []
    report = Report()
    dataset = registry.load(root, report, replace(load, keep_good=True, mends=mends), format=format)
    plan = FixPlan(dataset.root, dataset, report=report)
    renames = _renames(dataset.class_names)
    names = tuple(renames.get(name, name) for name in dataset.class_names)
    by_file: dict[Path, list[_Draft]] = {}
    noted: dict[tuple[Path, str], list[Mend]] = {}
    for mend in mends:
        noted.setdefault((mend.path, mend.key), []).append(mend)
    for image in dataset:
        if image.annotation is not None and image.labelled:
            draft = _draft(image, dataset.format, noted.get((image.annotation, image.key), []), renames)
            by_file.setdefault(image.annotation, []).append(draft)
    codec = _codec_for(dataset, load)
    done: dict[str, AnnotatedImage] = {}
    for path, drafts in by_file.items():
        _plan_file(plan, codec, path, drafts, names, renames)
        done |= {draft.image.key: draft.image for draft in drafts}
    _plan_lists(plan)
    refused = {issue.key for issue in report.errors} if not load.keep_good else set()
    images = tuple(done.get(image.key, image) for image in dataset if image.key not in refused)
    plan.dataset = replace(dataset, images=images, class_names=names)
    plan.fixes.sort(key=lambda fix: (str(fix.path), fix.line or 0))
    return plan


def copy_fixed(plan: FixPlan, target: Path) -> None:
    """Make a copy of the set with what is mended. Pictures are linked where the file system can.

    Hidden files and trainings do not go along.

    Args:
        plan: What is mended.
        target: A new folder, whose parent is there.

    Raises:
        WriteError: Something could not be written.
    """
    names = list(scan(plan.root).files)
    copies = WorkFolder(plan.root).augmented
    if WorkFolder(plan.root).exists() and copies.is_dir():
        names += [f"{copies.name}/{name}" for name in scan(copies).files]
        if (copies / "manifest.json").is_file() and f"{copies.name}/manifest.json" not in names:
            names.append(f"{copies.name}/manifest.json")
    make_folder(target)
    for name in names:
        source, place = plan.root / name, target / name
        if not source.is_file():
            continue  # a link to nowhere, which is a finding in the copy as well
        make_folder(place.parent)
        if source in plan.changes:
            write_atomic(place, plan.changes[source][1], durable=False)
        elif is_image(source):
            link_or_copy(source, place)
        else:
            try:
                shutil.copyfile(source, place)
            except OSError as error:
                raise WriteError.from_os_error(error, place) from error


def stale_copies(plan: FixPlan) -> bool:
    """Whether augmented copies were made from label files that change."""
    work = WorkFolder(plan.root)
    labels = any(path.is_relative_to(work.obj) for path in plan.changes)
    return labels and work.exists() and work.augmented.is_dir()


def _plan_lists(plan: FixPlan) -> None:
    """In a Darknet data set: lists and number of classes, which are derived from split.csv and obj.names."""
    work = WorkFolder(plan.root)
    if not work.exists():
        return
    try:
        wanted = list_texts(work, read_split(work))
        classes = len(read_names(work.names))
        texts = {name: read_text(work.root / name) for name in (*wanted, work.data.name)}
    except DataError:
        return  # stays a finding
    for name, text in wanted.items():
        if sorted(texts[name].splitlines()) != sorted(text.splitlines()):
            _plan_text(
                plan, work.root / name, text, "list-out-of-step", "is not what split.csv says: made again"
            )
    found = CLASSES.search(texts[work.data.name])
    if found is None:
        text, done = data_text(classes), "says no number of classes: made again"
    elif int(found[1]) != classes:
        text = texts[work.data.name]
        text = text[: found.start(1)] + str(classes) + text[found.end(1) :]
        done = f"says classes = {found[1]}: now {classes}, as obj.names has"
    else:
        return
    _plan_text(plan, work.data, text, "class-count", done)


def _plan_text(plan: FixPlan, path: Path, text: str, code: str, done: str) -> None:
    plan.changes[path] = path.read_bytes(), text.encode()
    plan.fixes.append(Fix(code, done, path, None, None))


def _codec_for(dataset: Dataset, load: LoadOptions) -> Codec:
    """The set's codec, which writes edges as they were read."""
    codec = registry.codec_of(dataset)
    return VocCodec(load.voc_edges) if isinstance(codec, VocCodec) else codec


def _renames(names: Sequence[str]) -> dict[str, str]:
    """New name of each class with blanks around it.

    Where that is another class already, nobody can tell whether the two are one.
    """
    taken = Counter(name.strip() for name in names)
    return {name: name.strip() for name in names if name != name.strip() and taken[name.strip()] == 1}


def _draft(image: AnnotatedImage, format: str, mends: Sequence[Mend], renames: Mapping[str, str]) -> _Draft:
    """What is done about one picture's boxes."""
    path = image.annotation or image.path
    draft = _Draft(image)
    if any(box.origin is None for box in image.boxes):
        return draft  # nobody can tell which entry of the file each stands for
    for mend in mends:
        draft.fixes.append(Fix(mend.code, mend.message, mend.path, mend.line, mend.key))
        if mend.xyxy is None:
            draft.removed.append(mend.box.relabelled(renames.get(mend.box.label, mend.box.label)))
    boxes = list(image.boxes)
    repeats = {later: first for first, later, _ in duplicates(image)}
    lines = lines_of(format, path) if repeats else {}
    for later, first in sorted(repeats.items()):
        text = f"{boxes[later].label} box {later + 1} repeats box {first + 1}: removed"
        line = lines.get(boxes[later].origin or 0)
        draft.fixes.append(Fix("box-duplicate", text, path, line, image.key))
    kept = [box for index, box in enumerate(boxes) if index not in repeats]
    draft.image = image.with_boxes(tuple(box.relabelled(renames.get(box.label, box.label)) for box in kept))
    if format != "coco":  # there the class is named once, and not beside each box
        labels = Counter(box.label for box in kept if box.label in renames)
        for label, count in labels.items():
            what = f"class name {label!r} ({counted(count, 'box', 'boxes')}) has blanks around it"
            text = f"{what}: now {renames[label]!r}"
            draft.fixes.append(Fix("class-blanks", text, path, None, image.key))
    return draft


def _plan_file(
    plan: FixPlan,
    codec: Codec,
    path: Path,
    drafts: Sequence[_Draft],
    names: tuple[str, ...],
    renames: Mapping[str, str],
) -> None:
    """Work out what a label file will be; what could not be done after all goes to the plan's report."""
    fixes = [fix for draft in drafts for fix in draft.fixes]
    image = drafts[0].image
    more: list[tuple[str, int, str]] = []
    try:
        base = path.read_bytes()
        data = base
        if renames and plan.dataset.format == "coco":
            data, more = renamed_categories(data, renames)
        if fixes:
            data = _rendered(codec, path, drafts, names, data)
        if registry.is_per_image(codec):
            data, more = mended_bytes(plan.dataset.format, data, image.size)
            _forget(plan.report, image.key, {code for code, _, _ in more})
    except FormatError as error:
        plan.report.warning(
            "not-fixed", f"could not be mended: {error.message}", path=path, line=error.line, hint=error.hint
        )
        return
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}.", path=path) from error
    if data != base:
        plan.fixes += [*fixes, *(Fix(code, text, path, line, image.key) for code, line, text in more)]
        plan.changes[path] = base, data


def _rendered(
    codec: Codec, path: Path, drafts: Sequence[_Draft], names: tuple[str, ...], base: bytes
) -> bytes:
    """The file with its boxes as they are in the drafts.

    An entry that reading refuses stays when a file is rendered: it is not the person's to lose. So what is
    to go is first written as a sound box, of which its absence then means that it was removed.
    """
    images = [draft.image for draft in drafts]
    if any(draft.removed for draft in drafts):
        # A class of which all boxes go is none of the set's; for a moment any other does.
        known = names or tuple(dict.fromkeys(box.label for draft in drafts for box in draft.removed))
        whole = [
            draft.image.with_boxes(
                (*draft.image.boxes, *(_sound(box, draft.image, known) for box in draft.removed))
            )
            for draft in drafts
        ]
        return _render(codec, path, images, known, _render(codec, path, whole, known, base))
    return _render(codec, path, images, names, base)


def _sound(box: Box, image: AnnotatedImage, names: Sequence[str]) -> Box:
    width, height = image.size
    label = box.label if box.label in names else names[0]
    return box.moved_to((0.0, 0.0, float(width), float(height))).relabelled(label)


def _render(
    codec: Codec, path: Path, images: Sequence[AnnotatedImage], names: tuple[str, ...], base: bytes
) -> bytes:
    if registry.is_shared(codec):
        return codec.render_file(path, images, names, base)
    if registry.is_per_image(codec):
        return codec.render(images[0], names, base)
    raise FormatError(f"{codec.title} files cannot be mended.", path=path)


def _forget(report: Report, key: str, codes: set[str]) -> None:
    """Take out what was found and is mended now."""
    report.issues[:] = [issue for issue in report if issue.key != key or issue.code not in codes]


def relative_changes(plan: FixPlan) -> Mapping[str, tuple[bytes, bytes]]:
    """The changes by path relative to the set's folder.

    Raises:
        DataError: A label file lies elsewhere.
    """
    changes: dict[str, tuple[bytes, bytes]] = {}
    for path, change in plan.changes.items():
        if not path.is_relative_to(plan.root):
            raise DataError(f"does not lie in {plan.root}.", path=path, hint="Mend it where it lies.")
        changes[path.relative_to(plan.root).as_posix()] = change
    return changes
