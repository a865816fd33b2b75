"""YOLO as Darknet reads it: a .txt for each picture, a line ``id cx cy w h`` for each box.

Centre, width and height are parts of the picture's sides. Class names stand in a file of their own; a class
id is a line's number there, from 0.
"""

from __future__ import annotations

import re
from pathlib import Path

from converters.errors import FormatError, NotADatasetError
from converters.files import make_folder, write_if_changed
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.loading import ROUNDING, load_images, ordered_classes
from converters.formats.saving import (
    blamed_on,
    label_place,
    place_picture,
    places_for,
    same_folder,
    write_split_lists,
)
from converters.formats.yolo_lines import YoloReader, check_names, render_lines
from converters.layout import (
    LabelKind,
    Pairing,
    Tree,
    folder_of,
    label_path,
    pair_up,
    report_layout,
    scan,
    splits_from_folders,
    splits_from_lists,
    stem_of,
)
from converters.losses import report_losses
from converters.model import AnnotatedImage, Dataset, Split
from converters.reading import decode_utf8, read_small_file
from converters.report import Report
from converters.work import WorkFolder, read_names, read_split

_LISTS = {
    "train": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
}

KIND = LabelKind(
    ".txt",
    ("labels", "label", "annotations", "txt"),
    frozenset(f"{name}.txt" for name in _LISTS)
    | {"classes.txt", "labels.txt", "labelmap.txt", "predefined_classes.txt", "trainval.txt", "notes.txt"}
    | {"readme.txt", "readme.dataset.txt", "readme.roboflow.txt", "license.txt", "requirements.txt"},
)

_SAMPLES = 20
_NUMBERS = re.compile(rb"\s*[0-9+.-]")


class YoloCodec:
    """Reads and writes label files of Darknet (and of the YOLO family that kept them)."""

    name = "yolo"
    title = "YOLO (Darknet)"
    loses = ("confidence", "flags", "coordinates finer than 0.0005 px", "the picture's size")
    keeps = Keeps()

    def detect(self, root: Path) -> bool:
        """Whether Darknet's own files are there, or pictures with text files that hold numbers."""
        return self._fits(scan(root))

    def claims(self, tree: Tree) -> int:
        """How many pictures have a text file of their own, if these hold numbers."""
        return pair_up(tree, KIND).labelled if self._fits(tree) else 0

    def _fits(self, tree: Tree) -> bool:
        if WorkFolder(tree.root).exists():
            return True
        names = _names_file(tree)
        if names is not None and not names.casefold().endswith("classes.txt"):
            return bool(tree.pictures)
        pairing = pair_up(tree, KIND)
        if names is not None and pairing.labelled:
            return True
        return _holds_numbers(tree, pairing)

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture.
            FormatError: The names file or split.csv is broken.
        """
        tree = options.tree or scan(root)
        work = WorkFolder(root)
        pictures = tree.below("obj") if work.exists() else tree
        if not pictures.pictures:
            raise NotADatasetError("holds no picture.", path=root)
        pairing = pair_up(pictures, KIND)
        report_layout(pictures, pairing, report)
        if work.exists():
            splits = _work_splits(work, pairing, report)
        else:
            keys = [pair.key for pair in pairing.pairs]
            splits = splits_from_lists(_split_lists(tree, pairing), tree, keys, report)
            splits = splits or splits_from_folders(keys)
        names = _class_names(tree, options, report)
        reader = YoloReader(names)
        images = load_images(
            root,
            pairing.pairs,
            splits,
            report,
            options,
            reader.read,
            known=names or (),
            rounding=ROUNDING,
        )
        reader.outlines.report_to(report)
        if names is None:
            names = tuple(str(number) for number in range(reader.highest + 1))
            if pairing.labelled:
                report.warning(
                    "no-names-file",
                    "has no file of class names (obj.names, classes.txt): classes are called by their ids.",
                    path=root,
                    hint="Write the class names into obj.names, a line each.",
                )
        return Dataset(root, self.name, images, ordered_classes(options, names, images))

    def label_path(self, image_path: Path, root: Path) -> Path:
        """The label file of a picture, whether or not there is one yet."""
        return label_path(root, KIND, image_path)

    def render(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes | None) -> bytes:
        """The label file of one picture; see :meth:`converters.formats.base.Codec.render`.

        Lines of ``base`` that reading refuses stay, unless a box says it stands for them.

        Raises:
            FormatError: A label is no class, or a box lies outside the picture.
        """
        return render_lines(image, class_names, base, keep_unread=True)

    def cleaned(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes) -> bytes:
        """The label file without what reading refuses; see :class:`converters.formats.base.ImageCodec`.

        Raises:
            FormatError: ``base`` cannot be read at all.
        """
        return render_lines(image, class_names, base, keep_unread=False)

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set's names file say these classes; ``obj.names`` where there is none yet.

        A set without one whose classes are called by their ids needs none.

        Raises:
            FormatError: A name cannot stand in a names file, or the file there is broken.
            WriteError: The file cannot be written.
        """
        check_names(class_names)
        found = _names_file(scan(root))
        by_ids = class_names == tuple(str(number) for number in range(len(class_names)))
        known = class_names == _read_names(root / found) if found is not None else by_ids
        if not known:
            write_if_changed(root / (found or "obj.names"), "".join(f"{name}\n" for name in class_names))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``obj/`` with each picture and its label file, ``obj.names`` and the lists of the splits.

        In the set's own folder only label files and the names file are written, each where it is.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        check_names(dataset.class_names)
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        places = {} if in_place else places_for(dataset)
        report_losses(dataset, self, report)
        for image in dataset.images:
            if in_place:
                target = image.annotation or self.label_path(image.path, root)
            else:
                place_picture(image, root / "obj" / places[image.key])
                target = root / "obj" / label_place(places[image.key], ".txt")
            if not image.labelled and not image.boxes:
                continue
            source = image.annotation if dataset.format == self.name else None
            base = read_small_file(source) if source is not None and source.is_file() else None
            make_folder(target.parent)
            with blamed_on(target):
                data = render_lines(image, dataset.class_names, base, keep_unread=in_place)
            write_if_changed(target, data)
        self.write_class_names(root, dataset.class_names)
        if not in_place:
            lines = {key: f"obj/{place}" for key, place in places.items()}
            write_split_lists(dataset, root, lines)


def _class_names(tree: Tree, options: LoadOptions, report: Report) -> tuple[str, ...] | None:
    """What the class ids of the set mean: its names file, else the person's list."""
    found = _names_file(tree)
    if found is None:
        return options.class_names
    names = _read_names(tree.root / found)
    for other in _names_files(tree)[1:]:
        try:
            same = _read_names(tree.root / other) == names
        except FormatError:
            same = False
        if not same:
            report.warning(
                "names-differ",
                f"names other classes than {found}, which is the one used.",
                path=tree.root / other,
            )
    return names


def _read_names(path: Path) -> tuple[str, ...]:
    # Refuses what is no file or a huge one before it is read as a whole, and names the line of bad text.
    text = decode_utf8(read_small_file(path), path)
    for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
        if not line.strip().isprintable():
            raise FormatError(
                f"class name {line.strip()[:80]!r} has a character in it that cannot be shown.",
                path=path,
                line=number,
                code="bad-names",
            )
    return read_names(path)


def _names_file(tree: Tree) -> str | None:
    return next(iter(_names_files(tree)), None)


def _names_files(tree: Tree) -> list[str]:
    """Files of class names, the likeliest first: by kind, then the nearest to the root."""
    ranked: list[tuple[int, int, str]] = []
    for name in tree.files:
        base = name.rpartition("/")[2].casefold()
        if base == "obj.names":
            rank = 0
        elif base.endswith(".names"):
            rank = 1
        elif base in ("_darknet.labels", "darknet.labels"):
            rank = 2
        elif base in ("classes.txt", "predefined_classes.txt"):
            rank = 3
        else:
            continue
        ranked.append((rank, name.count("/"), name))
    return [name for _, _, name in sorted(ranked)]


def _split_lists(tree: Tree, pairing: Pairing) -> dict[str, Split]:
    """Lists of pictures that are not the label file of a picture."""
    labels = {pair.label for pair in pairing.pairs if pair.exists}
    return {
        name: _LISTS[stem_of(name).casefold()]
        for name in tree.with_suffix(".txt")
        if stem_of(name).casefold() in _LISTS
        and name not in labels
        and folder_of(name).rpartition("/")[2].casefold() not in KIND.folders
    }


def _work_splits(work: WorkFolder, pairing: Pairing, report: Report) -> dict[str, Split]:
    by_picture = {pair.picture: pair.key for pair in pairing.pairs}
    splits: dict[str, Split] = {}
    for row in read_split(work):
        if row.image in by_picture:
            splits[by_picture[row.image]] = row.split
        else:
            report.warning(
                "listed-image-missing", f"{row.image} is not there (any more).", path=work.split_csv
            )
    return splits


def _holds_numbers(tree: Tree, pairing: Pairing) -> bool:
    """Whether some label file begins with a number: captions for pictures are .txt files, too."""
    labelled = [pair.label for pair in pairing.pairs if pair.exists]
    for name in labelled[:_SAMPLES]:
        try:
            data = read_small_file(tree.root / name)
        except FormatError:
            continue
        if _NUMBERS.match(data) and len(data.split(b"\n", 1)[0].split()) >= 5:
            return True
    # All empty: pictures without boxes.
    return bool(labelled) and all(_is_empty(tree.root / name) for name in labelled[:_SAMPLES])


def _is_empty(path: Path) -> bool:
    try:
        return path.stat().st_size == 0
    except OSError:
        return False
