"""Pictures that are to be added to an open set: read, wherever they are, and compared with what is there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from converters import archive, registry
from converters.baking import take_fingerprints
from converters.conversion import StageCallback
from converters.errors import DataError, NotADatasetError, UsageError
from converters.files import link_or_copy, make_folder
from converters.fingerprint import pairs
from converters.formats.base import LoadOptions, ProgressCallback
from converters.images import IMAGE_SUFFIXES
from converters.layout import SHARED_SUFFIXES, suffix_of
from converters.model import AnnotatedImage, Dataset
from converters.report import Report
from converters.staging import staging_for

_LABEL_SUFFIXES = SHARED_SUFFIXES | {".txt", ".names", ".yaml", ".yml", ".data"}
_HERE, _NEW = "0", "1"
"""What keys begin with while pictures are compared: those that are there come first."""


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A picture that may be added.

    Attributes:
        image: With its boxes, as its own set has them.
        twin: Name of the picture that shows the same, or nearly; empty where there is none.
        is_identical: Whether every pixel of the two is equal.
        twin_is_new: Whether the twin is one of those that may be added.
    """

    image: AnnotatedImage
    twin: str = ""
    is_identical: bool = False
    twin_is_new: bool = False


@dataclass(slots=True)
class Incoming:
    """What was read.

    Attributes:
        newcomers: In the order in which they were found.
        formats: Labelled pictures by the name of the format of their labels.
        class_names: The classes of all sources, in their order.
        report: What was found while reading.
        compared: Whether they were compared with the pictures that are there.
    """

    newcomers: list[Newcomer] = field(default_factory=list)
    formats: Counter[str] = field(default_factory=Counter)
    class_names: tuple[str, ...] = ()
    report: Report = field(default_factory=Report)
    compared: bool = False
    _stack: ExitStack = field(default_factory=ExitStack)

    @property
    def boxes(self) -> Counter[str]:
        """Boxes by class."""
        return Counter(box.label for new in self.newcomers for box in new.image.boxes)

    def close(self) -> None:
        """Delete what was unpacked or laid together."""
        self._stack.close()


def is_empty_folder(path: Path) -> bool:
    """Whether a path is a folder in which nothing lies that a person would see."""
    try:
        return path.is_dir() and all(entry.name.startswith(".") for entry in path.iterdir())
    except OSError:
        return False


def may_be_opened(path: Path) -> bool:
    """Whether a path is a set of its own (a folder or an archive), not a picture or label file."""
    return path.is_dir() or archive.is_archive(path)


def read_incoming(
    paths: Sequence[Path],
    root: Path,
    on_progress: ProgressCallback | None = None,
    on_stage: StageCallback | None = None,
) -> Incoming:
    """Read pictures, with labels where there are any; nothing is changed.

    Args:
        paths: Folders, archives, pictures, and label files beside these.
        root: The set that they are to be added to.
        on_progress: Told (done, total); it may raise to cancel.
        on_stage: Told what is done now.

    Returns:
        What was read. Close it in the end.

    Raises:
        UsageError: A path lies in the set, or holds it, or holds predictions.
        NotADatasetError: There is no picture.
        DataError: Something cannot be read or unpacked.
    """
    stage = on_stage or (lambda text: None)
    for path in paths:
        _check_elsewhere(path, root)
    found = Incoming()
    try:
        place = found._stack.enter_context(staging_for(root))
        for source in _sources(paths, place, on_progress, stage):
            stage("reading labels")
            _take(source, found, on_progress)
    except BaseException:
        found.close()
        raise
    if not found.newcomers:
        found.close()
        raise NotADatasetError("holds no picture that can be read.", path=paths[0])
    return found


def compare(
    found: Incoming,
    here: Iterable[AnnotatedImage],
    on_progress: ProgressCallback | None = None,
) -> None:
    """Find out which new pictures are there already, or nearly, or come twice.

    Args:
        found: What was read; changed in place.
        here: The pictures of the set.
        on_progress: Told (done, total); it may raise to cancel.

    Raises:
        DataError: A process was killed.
    """
    images = list(here)
    named = [(f"{_HERE}/{image.key}", image.path) for image in images]
    new = {f"{_NEW}/{number:09d}": one for number, one in enumerate(found.newcomers)}
    named += [(key, one.image.path) for key, one in new.items()]
    marks, errors = take_fingerprints(named, on_progress=on_progress)
    names = {f"{_HERE}/{image.key}": image.path.name for image in images}
    names |= {key: one.image.path.name for key, one in new.items()}
    twins: dict[str, tuple[bool, str]] = {}
    for pair in pairs(marks):
        if not pair.second.startswith(_NEW):
            continue
        # The first of a pair stays: what is there already, else what comes first.
        best = twins.get(pair.second)
        if best is None or (pair.identical and not best[0]):
            twins[pair.second] = (pair.identical, pair.first)
    found.newcomers = []
    for key, one in new.items():
        if key in errors:
            found.report.add_exception(errors[key], key=one.image.key)
            continue
        if key in twins:
            identical, other = twins[key]
            one = Newcomer(one.image, names[other], identical, other.startswith(_NEW))
        found.newcomers.append(one)
    found.compared = True


def fill_empty_folder(
    paths: Sequence[Path], folder: Path, on_progress: ProgressCallback | None = None
) -> None:
    """Copy what was dropped on an empty folder into it as it is: pictures, labels, folders, archives.

    Raises:
        UsageError: Something of it lies in the folder, or holds it.
        DataError: Something cannot be read or written; the folder is still empty then.
    """
    from converters.files import own_copies

    for path in paths:
        _check_elsewhere(path, folder)
    with staging_for(folder) as place:
        new = place / "new"
        make_folder(new)
        for source in _sources(paths, place, on_progress, lambda text: None):
            dataset_files = [path for path in source.rglob("*") if path.is_file()]
            if not any(suffix_of(path.name) in IMAGE_SUFFIXES for path in dataset_files):
                raise NotADatasetError("holds no picture.", path=source)
            for done, path in enumerate(dataset_files):
                if on_progress is not None:
                    on_progress(done, len(dataset_files))
                target = new / path.relative_to(source)
                make_folder(target.parent)
                if not target.exists():
                    link_or_copy(path, target)
        own_copies(new, on_progress)
        try:
            for entry in sorted(new.iterdir()):
                entry.rename(folder / entry.name)
        except OSError as error:
            raise DataError(f"cannot be filled: {error.strerror}.", path=folder) from error


def _check_elsewhere(path: Path, root: Path) -> None:
    real, here = path.resolve(), root.resolve()
    if not path.exists():
        raise UsageError("there is no such file or folder.", path=path)
    if real == here or real.is_relative_to(here):
        raise UsageError("lies in the open set already.", path=path, hint="F5 reads the set again.")
    if here.is_relative_to(real):
        raise UsageError("holds the open set itself.", path=path, hint="Choose the folder of what is new.")


def _sources(
    paths: Sequence[Path], place: Path, on_progress: ProgressCallback | None, stage: Callable[[str], None]
) -> list[Path]:
    """Folders and label files that can be loaded: archives are unpacked, single files laid together."""
    sources: list[Path] = []
    loose: list[Path] = []
    for number, path in enumerate(paths):
        if path.is_dir():
            sources.append(path)
        elif archive.is_archive(path):
            stage("unpacking")
            target = place / f"{number}"
            archive.unpack(path, target, on_progress)
            sources.append(target)
        else:
            loose.append(path)
    if not loose:
        return sources
    pictures = [path for path in loose if suffix_of(path.name) in IMAGE_SUFFIXES]
    if not pictures and all(suffix_of(path.name) in SHARED_SUFFIXES for path in loose):
        return [*sources, *loose]  # label files of many pictures, which lie beside them
    if not pictures and not sources:
        raise NotADatasetError("is neither a picture nor a folder or archive of pictures.", path=loose[0])
    folders = list(dict.fromkeys(path.parent for path in loose))
    for path in loose:
        if suffix_of(path.name) not in IMAGE_SUFFIXES | _LABEL_SUFFIXES:
            continue
        target = place / "files" / str(folders.index(path.parent)) / path.name
        make_folder(target.parent)
        link_or_copy(path, target)
    if pictures:
        sources += [place / "files" / str(number) for number in range(len(folders))]
    return [source for source in sources if source.is_file() or any(source.iterdir())]


def _take(source: Path, found: Incoming, on_progress: ProgressCallback | None) -> None:
    report = Report()
    options = LoadOptions(keep_good=True, fix_outside=True, on_progress=on_progress)
    dataset: Dataset = registry.load(source, report, options)
    codec = registry.codec_of(dataset)
    if any(box.confidence is not None for image in dataset for box in image.boxes):
        raise UsageError(
            f"holds predictions ({codec.title}), not labels.",
            path=source,
            hint="Look at predictions on their page.",
        )
    # That a picture has no labels yet is said in the summary.
    found.report.issues += [issue for issue in report if issue.code != "image-without-label"]
    for image in dataset:
        found.newcomers.append(Newcomer(replace(image, split=None)))
        found.formats[codec.title] += image.labelled
    found.class_names = tuple(dict.fromkeys((*found.class_names, *dataset.class_names)))
