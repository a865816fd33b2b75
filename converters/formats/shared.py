"""What reading a set is in every format that keeps the labels of many pictures in one file.

A codec finds the entries of its file and hands them over: :meth:`SharedFile.picture` for each picture that
the file names, :meth:`PictureLabels.add` for each box of it. Which file of the set is meant, whether sizes
agree, what is said of what cannot be read, which pictures are left out and which split they are in is decided
here, the same for all.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from natsort import natsorted

from converters.errors import FormatError, ImageError, NotADatasetError
from converters.formats.base import LoadOptions
from converters.formats.kinds import SharedKind, files_read, without_side_folders
from converters.formats.loading import (
    LabelFile,
    Unknowns,
    Where,
    ordered_classes,
    picture_size,
    place_of,
    scale_to_picture,
)
from converters.formats.outlines import Outlines
from converters.formats.pictures import MISSING, Picture, PictureIndex, is_foreign, nearness, split_of_path
from converters.layout import Pairing, Tree, report_layout, scan, splits_from_folders, stem_of
from converters.model import AnnotatedImage, Box, Dataset, Split, Xyxy
from converters.report import Report
from converters.words import counted

UNSPLIT = "unsplit"
"""In the name of a label file: its pictures are in no split, on purpose."""

_TOLD_MISSING = 50
"""Missing pictures of one file that are named one by one; the others are counted."""


@dataclass(slots=True)
class PictureLabels(LabelFile):
    """What one label file says of one picture, while it is read.

    Attributes:
        name: The picture's path relative to the folder of pictures, with extension.
        origin: Index of its entry in the file.
        scale: What edges in the file are multiplied by (see ``LoadOptions.trust_size``).
        unusable: Whether all that the file says of the picture is in doubt, so that not even its good boxes
            are kept.
    """

    name: str = ""
    origin: int | None = None
    scale: tuple[float, float] = (1.0, 1.0)
    unusable: bool = False

    def add(
        self,
        xyxy: Xyxy,
        label: str,
        where: Where,
        *,
        confidence: float | None = None,
        flags: frozenset[str] = frozenset(),
        origin: int | None = None,
    ) -> None:
        """Hand over a box.

        Args:
            xyxy: Its edges in pixels of the picture as the file knows it.
            label: Its class.
            where: Where it stands, for complaints.
            confidence: 0 to 1 for a prediction.
            flags: See :class:`converters.model.Box`.
            origin: Index of its entry in the file, unlike that of any other box in it.
        """
        if self.scale != (1.0, 1.0):
            x1, y1, x2, y2 = xyxy
            xyxy = (x1 * self.scale[0], y1 * self.scale[1], x2 * self.scale[0], y2 * self.scale[1])
        self.take(Box(xyxy, label, confidence, flags, origin), where)


@dataclass(slots=True)
class SharedFile:
    """One label file of many pictures, while it is read.

    Attributes:
        path: The file.
        name: Its path relative to the set's root (or its own name, where it lies elsewhere).
        reader: What is common to all label files of the set.
        class_names: Put the file's own class names here, in their pinned order, where it has such a list.
        pictures: What was read so far, by key of the picture.
        outlines: Counts what is no upright rectangle.
        homeless: Number of entries refused of which nobody knows the picture.
        splits: Split of a picture by key, where the file itself says so.
    """

    path: Path
    name: str
    reader: SharedReader
    class_names: list[str] = field(default_factory=list)
    pictures: dict[str, PictureLabels] = field(default_factory=dict)
    splits: dict[str, Split] = field(default_factory=dict)
    outlines: Outlines = field(default_factory=Outlines)
    homeless: int = 0
    _missing: list[tuple[str, FormatError, Where]] = field(default_factory=list)
    _counts: dict[tuple[str, str, str | None, str], tuple[int, int | None]] = field(default_factory=dict)

    def picture(
        self,
        reference: str,
        where: Where = None,
        *,
        size: tuple[int, int] | None = None,
        sized: bool = True,
        origin: int | None = None,
    ) -> PictureLabels | None:
        """Find a picture that the file names; call it once for each.

        Args:
            reference: What the file calls it. It is never used as a path.
            where: Where the file does.
            size: The (width, height) that the file gives for it; None where it gives none.
            sized: Whether this format gives sizes, so that their absence is worth a word.
            origin: Index of its entry.

        Returns:
            What takes its boxes; None where there is no such picture, which is reported.
        """
        try:
            picture = self.reader.index.find(reference, self.name)
        except FormatError as error:
            if error.code == MISSING:
                self._missing.append((reference, error, where))
            else:
                self._report(error, where)
            return None
        if is_foreign(reference):
            self.count(
                "path-elsewhere",
                "picture",
                "named by a path or address elsewhere; the set's own of that name are used",
                where,
            )
        if (other := self.pictures.get(picture.key)) is not None:
            self._twice(picture, other, where)
            return None
        return self._open(picture, where, size if sized else None, sized=sized, origin=origin)

    def refuse(self, error: FormatError, where: Where = None) -> None:
        """An entry of no known picture: it may be one of those that have no box, so these are in doubt."""
        self.homeless += 1
        self._report(error, where)

    def refuse_part(self, error: FormatError, where: Where = None) -> None:
        """Something that is no box (an entry of a picture, a class) and cannot be used."""
        self._report(error, where)

    def warn(self, code: str, message: str, where: Where = None, hint: str = "") -> None:
        """A finding about the file."""
        prefix, line = place_of(where)
        self.reader.report.warning(code, prefix + message, path=self.path, line=line, hint=hint)

    def count(self, code: str, noun: str, rest: str, where: Where = None, plural: str | None = None) -> None:
        """Something to be said once for the file: ``17 boxes mark a crowd`` (noun ``box``, plural ``boxes``).

        Args:
            code: Of the warning.
            noun: What is counted, in the singular.
            rest: How the sentence goes on.
            where: Where it is; the line of the first is given.
            plural: Of the noun, where an ``s`` is not enough.
        """
        key = (code, noun, plural, rest)
        known = self._counts.get(key)
        self._counts[key] = (known[0] + 1, known[1]) if known is not None else (1, place_of(where)[1])

    def finish(self) -> None:
        """Say what was collected."""
        self._report_missing()
        for labels in self.pictures.values():
            labels.report_rest()
        self.outlines.report_to(self.reader.report)
        for (code, noun, plural, rest), (number, line) in self._counts.items():
            message = f"{counted(number, noun, plural)} {rest}."
            self.reader.report.warning(code, message, path=self.path, line=line)
        self._doubt_empty()

    def _open(
        self,
        picture: Picture,
        where: Where,
        stated: tuple[int, int] | None,
        *,
        sized: bool,
        origin: int | None,
    ) -> PictureLabels | None:
        reader = self.reader
        size = reader.size_of(picture)
        if size is None:
            reader.rejected.add(picture.key)
            return None
        labels = PictureLabels(
            self.path,
            picture.key,
            picture.path,
            size,
            reader.options,
            reader.report,
            reader.unknowns,
            reader.kind.rounding,
            name=picture.name,
            origin=origin,
        )
        self.pictures[picture.key] = labels
        if sized:
            scale = scale_to_picture(labels, stated, where)
            if scale is None:
                labels.rejected = labels.unusable = True
            else:
                labels.scale = scale
        return labels

    def _twice(self, picture: Picture, other: PictureLabels, where: Where) -> None:
        other.rejected = other.unusable = True
        prefix, line = place_of(where)
        if other.name != picture.name:
            self.reader.report_twin(picture, other.name)
            other.rejected = other.unusable = False
            return
        self.reader.report.error(
            "image-twice",
            f"{prefix}the picture {picture.name} stands in the file twice; it is left out.",
            path=self.path,
            line=line,
            key=picture.key,
            hint="Put its boxes into one entry.",
        )

    def _report(self, error: FormatError, where: Where, key: str | None = None) -> None:
        prefix, line = place_of(where if where is not None else error.line)
        located = FormatError(prefix + error.message, path=self.path, line=line, code=error.code)
        located.hint = error.hint
        self.reader.report.add_exception(located, key=key)

    def _report_missing(self) -> None:
        """Missing pictures, one by one; once for all where none of the file's pictures is there."""
        report, missing = self.reader.report, self._missing
        if not missing:
            return
        if not self.pictures and len(missing) > 1:
            _, line = place_of(missing[0][2])
            report.error(
                MISSING,
                f"none of its {len(missing):,} pictures is in {self.reader.index.base} "
                f"(the first is {missing[0][0]!r:.140}).",
                path=self.path,
                line=line,
                hint="--images FOLDER names the folder in which they are.",
            )
            return
        for _, error, where in missing[:_TOLD_MISSING]:
            self._report(error, where)
        if len(missing) > _TOLD_MISSING:
            rest = len(missing) - _TOLD_MISSING
            report.error(MISSING, f"{counted(rest, 'picture')} more {_is(rest)} not there.", path=self.path)

    def _doubt_empty(self) -> None:
        """Where boxes belong to nobody knows which picture, one without boxes may not be empty."""
        if not self.homeless or self.reader.options.keep_good:
            return
        for labels in self.pictures.values():
            if not labels.boxes and not labels.rejected:
                labels.rejected = labels.unusable = True
                self.reader.report.error(
                    "image-doubtful",
                    f"has no box, but {counted(self.homeless, 'entry', 'entries')} of its label file "
                    f"{'belongs' if self.homeless == 1 else 'belong'} to no picture: it is left out.",
                    path=labels.picture,
                    key=labels.key,
                    hint="Mend the label file; --keep-good takes the picture as empty.",
                )


@dataclass(slots=True)
class SharedReader:
    """What is common to all label files of a set, while they are read.

    Attributes:
        kind: The format.
        options: How the set is read.
        report: Where findings go.
        tree: The set's files.
        index: Its pictures.
        unknowns: Collects boxes of unknown classes.
        rejected: Keys of pictures that cannot be used whatever label files say.
    """

    kind: SharedKind
    options: LoadOptions
    report: Report
    tree: Tree
    index: PictureIndex
    unknowns: Unknowns = field(default_factory=Unknowns)
    rejected: set[str] = field(default_factory=set)
    _sizes: dict[str, tuple[int, int] | None] = field(default_factory=dict)
    _twins: set[str] = field(default_factory=set)

    def size_of(self, picture: Picture) -> tuple[int, int] | None:
        """Size of a picture from its header, read once; None where it cannot be read (which is reported)."""
        if picture.name not in self._sizes:
            if self.options.on_progress is not None:
                self.options.on_progress(len(self._sizes), len(self.index))
            try:
                self._sizes[picture.name] = picture_size(picture.path)
            except ImageError as error:
                self.report.add_exception(error, key=picture.key)
                self._sizes[picture.name] = None
        return self._sizes[picture.name]

    def report_twin(self, picture: Picture, kept: str) -> None:
        """Say that a picture has another one's name but for the extension, once."""
        if picture.name in self._twins:
            return
        self._twins.add(picture.name)
        self.report.error(
            "same-name",
            f"has the same name as {kept} but for the extension; only that one is used.",
            path=picture.path,
            key=picture.key,
            hint="Rename or remove one of them.",
        )

    def done(self) -> None:
        """Say that all pictures were looked at."""
        if self.options.on_progress is not None:
            self.options.on_progress(len(self.index), len(self.index))


ReadFile = Callable[[SharedFile], None]
"""Reads a label file; raises FormatError where all of it is refused."""


def load_shared(
    root: Path, report: Report, options: LoadOptions, kind: SharedKind, read: ReadFile
) -> Dataset:
    """Read a set.

    Args:
        root: Its folder.
        report: Where findings go; an image whose entry was refused is left out.
        options: How it is read.
        kind: The format.
        read: Reads one label file of it.

    Raises:
        NotADatasetError: There is no picture, or no label file of the format.
    """
    tree = without_side_folders(options.tree or scan(root), kind)
    index = PictureIndex(tree, options.images)
    report_layout(tree, Pairing(()), report)
    if not index.pictures:
        raise NotADatasetError("holds no picture.", path=index.base)
    names = (
        [_relative(options.labels, root)] if options.labels is not None else files_read(tree, kind, report)
    )
    if not names:
        raise NotADatasetError(
            f"holds no label file of {kind.title}.",
            path=root,
            hint="Leave --from out to recognise the format.",
        )
    reader = SharedReader(kind, options, report, tree, index)
    files: list[SharedFile] = []
    broken: list[Path] = []
    for name in names:
        file = SharedFile(root / name, name, reader)
        known = len(report)
        try:
            read(file)
        except FormatError as error:
            error.path = error.path or file.path
            # All of the file is refused: what was said of single entries on the way says less.
            report.issues[known:] = [issue for issue in report.issues[known:] if issue.path != file.path]
            report.add_exception(error)
            broken.append(file.path)
            file.pictures.clear()
            continue
        file.finish()
        files.append(file)
    images = _images_of(files, reader)
    images += _unmentioned(files, reader, broken, root)
    reader.done()
    named = list(dict.fromkeys(name for file in files for name in file.class_names))
    reader.unknowns.report_to(report, options.class_names or named, dropped=options.drop_unknown)
    order = {key: place for place, key in enumerate(natsorted(image.key for image in images))}
    images.sort(key=lambda image: order[image.key])
    classes = ordered_classes(options, _class_order(files, report), images)
    return Dataset(root, kind.name, tuple(images), classes)


def home_of(name: str, label_files: Sequence[str]) -> str | None:
    """The label file that a picture's boxes would go into: the nearest one, of its split if there is one.

    Args:
        name: The picture's path relative to the set's root.
        label_files: The set's label files, relative to it.
    """
    return max(label_files, key=lambda file: nearness(file, name), default=None)


def _images_of(files: Sequence[SharedFile], reader: SharedReader) -> list[AnnotatedImage]:
    """The images that label files name, without what was refused."""
    keep_good = reader.options.keep_good
    by_key: dict[str, tuple[PictureLabels, SharedFile]] = {}
    for file in files:
        for key, labels in file.pictures.items():
            if key not in by_key:
                by_key[key] = labels, file
                continue
            other, _ = by_key[key]
            if labels.boxes != other.boxes or labels.rejected != other.rejected:
                labels.rejected = labels.unusable = other.rejected = other.unusable = True
                reader.report.error(
                    "in-two-files",
                    f"has other boxes for {labels.name} than {other.path.name}; the picture is left out.",
                    path=labels.path,
                    key=key,
                    hint="Remove it from one of the two files, or name the file to be read.",
                )
    splits = _splits_of(files)
    if not splits:
        splits = splits_from_folders(by_key)
    images: list[AnnotatedImage] = []
    for key, (labels, _) in by_key.items():
        if labels.unusable or (labels.rejected and not keep_good):
            continue
        image = AnnotatedImage(key, labels.picture, labels.size, tuple(labels.boxes))
        images.append(replace(image, split=splits.get(key), annotation=labels.path, origin=labels.origin))
    return images


def _splits_of(files: Sequence[SharedFile]) -> dict[str, Split]:
    """Splits from what files say of their pictures, else from the names of all files."""
    stated = {key: split for file in files for key, split in file.splits.items()}
    if stated:
        return stated
    result: dict[str, Split] = {}
    for file in files:
        split = split_of_path(file.name)
        if split is None and UNSPLIT not in stem_of(file.name).casefold():
            return {}
        for key in file.pictures:
            if split is not None:
                result.setdefault(key, split)
    return result


def _unmentioned(
    files: Sequence[SharedFile], reader: SharedReader, broken: Sequence[Path], root: Path
) -> list[AnnotatedImage]:
    """Pictures of the set that no label file names: not labelled yet, as far as one can tell."""
    mentioned = {labels.name: key for file in files for key, labels in file.pictures.items()}
    keys = {key: name for name, key in mentioned.items()}
    if reader.options.labels is not None:
        return []
    rest: list[Picture] = []
    for picture in reader.index.pictures:
        if picture.name in mentioned or picture.key in reader.rejected:
            continue
        kept = keys.setdefault(picture.key, picture.name)
        if kept != picture.name:
            reader.report_twin(picture, kept)
        else:
            rest.append(picture)
    if broken:
        if rest:
            reader.report.warning(
                "image-doubtful",
                f"{counted(len(rest), 'picture')} that no other label file names {_is(len(rest))} left out: "
                "this one, which cannot be read, may have labels for them.",
                path=broken[0],
            )
        return []
    names = [file.name for file in files]
    images: list[AnnotatedImage] = []
    for picture in rest:
        size = reader.size_of(picture)
        if size is None:
            continue
        reader.report.warning(
            "image-without-label", "is in no label file.", path=picture.path, key=picture.key
        )
        home = root / (home_of(picture.name, names) or reader.kind.default)
        images.append(AnnotatedImage(picture.key, picture.path, size, annotation=home, labelled=False))
    return images


def _class_order(files: Sequence[SharedFile], report: Report) -> list[str]:
    """Class names of all files; the first file's order counts."""
    named = [file for file in files if file.class_names]
    order = list(dict.fromkeys(name for file in named for name in file.class_names))
    places = {name: place for place, name in enumerate(order)}
    for file in named[1:]:
        own = [places[name] for name in file.class_names]
        if own != sorted(own):
            report.warning(
                "names-differ",
                f"has the classes in another order than {named[0].path.name}, whose order counts; "
                "boxes are matched by the names.",
                path=file.path,
            )
    return order


def _relative(path: Path, root: Path) -> str:
    try:
        return path.relative_to(root).as_posix()
    except ValueError:
        return path.resolve().relative_to(root.resolve()).as_posix()


def _is(number: int) -> str:
    return "is" if number == 1 else "are"
