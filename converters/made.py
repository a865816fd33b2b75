"""What a Darknet data set was made from, and what has changed there since.

``work/.annotator/made.json`` has the set's folder and how it was read. With that its labels are read again
in the same way, and compared with those of the data set; those that differ are written anew. Deleting the
file costs only that.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path, PurePath
from typing import Any

from converters.baking import Job, do, suffix_for
from converters.conversion import ConvertOptions
from converters.errors import DataError, FormatError
from converters.files import make_folder, write_atomic, write_if_changed
from converters.formats.base import ProgressCallback
from converters.formats.yolo import YoloCodec
from converters.images import IMAGE_SUFFIXES, read_header
from converters.intake import clip_boxes, read_source, source_of
from converters.model import AnnotatedImage
from converters.reading import read_small_file
from converters.remap import Rename
from converters.report import Report
from converters.swap import alone_in
from converters.work import SplitRow, WorkFolder, copies_in, read_names, read_split

_VERSION = 1
_KEPT = (
    "keep_good",
    "fix_outside",
    "trust_size",
    "voc_edges",
    "keep_unlabelled",
    "format",
    "drop",
    "classes",
)
_IGNORED = frozenset({".annotator", ".git", "runs"})


@dataclass(frozen=True, slots=True)
class MadeFrom:
    """Where a Darknet data set is from.

    Attributes:
        source: The set's folder or archive.
        options: How it was read.
        when: When, in seconds since 1970.
    """

    source: Path
    options: ConvertOptions
    when: float


@dataclass(frozen=True, slots=True)
class Drift:
    """How the set and the Darknet data set that was made from it differ now.

    Attributes:
        source: The set.
        changed: Pictures of the data set (``obj/a.png``) whose labels are others there.
        missing: Pictures whose label file is missing in the data set, and could be written.
        added: Pictures that are labelled there and not in the data set.
        gone: Pictures of the data set that are not there any more, or have no label there.
        classes: Classes that the data set does not know.
        labels: What the label file of each of ``changed`` and ``missing`` should say.
        lost: Pictures whose own file is missing in the data set, with that in the set.
        when: When the set was read for this, in seconds since 1970.
    """

    source: Path
    changed: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    classes: tuple[str, ...] = ()
    labels: dict[str, bytes] = field(default_factory=dict, repr=False)
    lost: dict[str, Path] = field(default_factory=dict)
    when: float = 0.0


def record_path(work: WorkFolder) -> Path:
    """Where it is written down."""
    return work.root / ".annotator" / "made.json"


def remember_source(work: WorkFolder, source: Path, options: ConvertOptions) -> None:
    """Write down what a data set was made from; where that cannot be written, it is not known later."""
    how: dict[str, Any] = {name: getattr(options, name) for name in _KEPT}
    how["drop"] = list(options.drop)
    how["classes"] = None if options.classes is None else list(options.classes)
    how["images"] = None if options.images is None else str(options.images.absolute())
    how["rename"] = [[rename.old, rename.new] for rename in options.rename]
    content = {"version": _VERSION, "source": str(source.absolute()), "options": how}
    with suppress(DataError, ValueError):
        make_folder(record_path(work).parent)
        write_atomic(record_path(work), json.dumps(content, indent=1) + "\n", durable=False)


def source_of_work(work: WorkFolder) -> MadeFrom | None:
    """What a data set was made from; None where it was not written down, or cannot be read."""
    path = record_path(work)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["version"] != _VERSION:
            return None
        how = content["options"]
        options = ConvertOptions(
            **{name: how[name] for name in _KEPT},
            images=None if how["images"] is None else Path(how["images"]),
            rename=tuple(Rename(str(old), str(new)) for old, new in how["rename"]),
        )
        return MadeFrom(Path(content["source"]), options, path.stat().st_mtime)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def may_have_changed(made: MadeFrom) -> bool:
    """Whether a file of the set, or what lies in one of its folders, changed after the data set was made.

    Pictures count only where they came, went or were renamed.
    """
    if not made.source.is_dir():
        return False
    return any(when >= made.when for when in _times(made.source))


def _times(folder: Path) -> Iterator[float]:
    waiting = [str(folder)]
    while waiting:
        path = waiting.pop()
        with suppress(OSError):
            yield Path(path).stat().st_mtime
            with os.scandir(path) as entries:
                for entry in entries:
                    if entry.name in _IGNORED:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        waiting.append(entry.path)
                    elif PurePath(entry.name).suffix.lower() not in IMAGE_SUFFIXES:
                        yield entry.stat().st_mtime


def compare(work: WorkFolder, made: MadeFrom, on_progress: ProgressCallback | None = None) -> Drift:
    """Read the set again, as it was read then, and compare its labels with those of the data set.

    What was added from other sets is left alone.

    Args:
        work: The data set.
        made: What it was made from; a folder.
        on_progress: Told (done, total); may raise to cancel.

    Raises:
        DataError: The set cannot be read, or split.csv or obj.names is broken.
    """
    from converters.adding import is_added  # it needs what converting needs

    when = time.time()
    names = read_names(work.names)
    rows = [row for row in read_split(work) if row.source and not is_added(row)]
    options = replace(made.options, splits={})
    report = Report()
    result, dataset = read_source(made.source, work.root, "yolo", report, options, on_progress)
    dataset = clip_boxes(dataset, report, result)
    images = {source_of(image, made.source): image for image in dataset}
    unknown = sorted({box.label for image in dataset for box in image.boxes} - set(names))
    labels: dict[str, bytes] = {}
    lost: dict[str, Path] = {}
    changed, missing, gone = [], [], []
    for row in rows:
        image = images.pop(row.source, None)
        if image is None:
            gone.append(row.image)
            continue
        wanted = _rendered(image, names)
        if not os.path.lexists(work.root / row.image):
            lost[row.image] = image.path
        if wanted is None:
            continue  # it has a class that the data set does not know
        there = _label_in(work, row)
        if there is None:
            missing.append(row.image)
        elif _numbers(there) != _numbers(wanted) and _is_newer(image, work, row):
            changed.append(row.image)
        else:
            continue
        labels[row.image] = wanted
    return Drift(
        made.source,
        tuple(changed),
        tuple(missing),
        tuple(images),
        tuple(gone),
        tuple(unknown),
        labels,
        lost,
        when,
    )


def _is_newer(image: AnnotatedImage, work: WorkFolder, row: SplitRow) -> bool:
    """Whether a label was changed in the set after it was written here: what was edited here stays."""
    if image.annotation is None:
        return True
    try:
        here = (work.root / row.image).with_suffix(".txt").stat().st_mtime
        return image.annotation.stat().st_mtime >= here
    except OSError:
        return True


def _rendered(image: AnnotatedImage, names: tuple[str, ...]) -> bytes | None:
    try:
        return YoloCodec().render(image, names, None)
    except FormatError:
        return None


def _label_in(work: WorkFolder, row: SplitRow) -> bytes | None:
    try:
        return read_small_file((work.root / row.image).with_suffix(".txt"))
    except FormatError:
        return None


def _numbers(label: bytes) -> list[bytes]:
    """What a label file says, however its lines end."""
    return [b" ".join(line.split()) for line in label.splitlines() if line.strip()]


def bring_over(work: WorkFolder, drift: Drift) -> tuple[str, ...]:
    """Write the labels that differ anew, and the pictures that are missing.

    What stood in the label files is kept in ``.annotator/replaced``.

    Args:
        work: The data set.
        drift: What differs.

    Returns:
        Augmented copies (``augmented/a_c0.png``) of pictures whose labels changed: they show the old ones.

    Raises:
        DataError: Another program is changing the data set, or a file cannot be written.
    """
    with alone_in(work.root):
        keep_replaced(work, [Path(image).with_suffix(".txt").as_posix() for image in drift.changed])
        for image, path in drift.lost.items():
            _bring_picture(path, work.root / image)
        for image, label in drift.labels.items():
            write_if_changed((work.root / image).with_suffix(".txt"), label)
        if not (drift.added or drift.gone or drift.classes):
            with suppress(OSError):  # nothing is left that differs: it need not be read again soon
                os.utime(record_path(work), (drift.when, drift.when))
    changed = set(drift.changed)
    sources = sources_of_copies(work, copies_in(work))
    return tuple(copy for copy, source in sources.items() if source in changed)


def _bring_picture(source: Path, target: Path) -> None:
    """As making the data set did: linked, or written anew where readers would see it otherwise."""
    _, bake = suffix_for(read_header(source))
    done = do(Job(target.name, source, target, bake, mark=False))
    if done.error is not None:
        raise done.error


def keep_replaced(work: WorkFolder, names: Sequence[str]) -> Path | None:
    """Keep files that will be replaced: somebody may have edited them here.

    Args:
        work: The data set.
        names: Paths relative to it; those that are not there are left out.

    Returns:
        Where they are kept; None where there was none.

    Raises:
        WriteError: They cannot be kept.
    """
    place = work.root / ".annotator" / "replaced" / datetime.now().strftime("%Y-%m-%dT%H-%M-%S-%f")
    kept = None
    for name in names:
        with suppress(FormatError):  # what is not there, or not to be read, is not kept
            data = read_small_file(work.root / name)
            make_folder((place / name).parent)
            write_atomic(place / name, data, durable=False)
            kept = place
    return kept


def sources_of_copies(work: WorkFolder, copies: Sequence[str]) -> dict[str, str]:
    """The picture that each augmented copy was made of, both relative to the data set.

    By the manifest that augmentation wrote; else a copy is called after its picture, with _c and a number
    behind. Copies of which neither tells are left out.
    """
    from converters.checks_work import sources_in_manifest, stem_of_source

    told = sources_in_manifest(work)
    by_stem = {Path(row.image).stem: row.image for row in read_split(work)}
    found = {}
    for copy in copies:
        source = told.get(copy) or by_stem.get(stem_of_source(copy))
        if source is not None:
            found[copy] = source
    return found
