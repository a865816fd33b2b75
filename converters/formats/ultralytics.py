"""Ultralytics' layout of YOLO: ``data.yaml``, ``images/train`` beside ``labels/train`` and so on.

The label files are Darknet's, one for each picture; see :mod:`converters.formats.yolo_lines`. Roboflow's
``train/images`` beside ``train/labels`` is read, too, and lists of pictures in .txt files.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from converters.errors import FormatError, NotADatasetError
from converters.files import make_folder, write_if_changed
from converters.formats.base import DEFAULT_OPTIONS, Keeps, LoadOptions
from converters.formats.loading import ROUNDING, load_images, ordered_classes
from converters.formats.saving import blamed_on, label_place, place_picture, places_for, same_folder
from converters.formats.ultralytics_yaml import (
    DataYaml,
    Reference,
    find_data_yaml,
    new_data_yaml,
    read_data_yaml,
    resolve,
)
from converters.formats.yolo import KIND
from converters.formats.yolo_lines import YoloReader, check_names, render_lines
from converters.images import IMAGE_SUFFIXES
from converters.layout import Tree, label_path, pair_up, report_layout, scan, splits_from_lists, suffix_of
from converters.model import AnnotatedImage, Dataset, Split
from converters.reading import read_small_file
from converters.report import Report

_UNSPLIT = "unsplit"
"""Folder of pictures in no split, in a set that is divided otherwise."""


class UltralyticsCodec:
    """Reads and writes data sets of Ultralytics (YOLOv5 and later)."""

    name = "ultralytics"
    title = "YOLO (Ultralytics)"
    loses = ("confidence", "flags", "coordinates finer than 0.0005 px", "the picture's size")
    keeps = Keeps()

    def detect(self, root: Path) -> bool:
        """Whether there is a data.yaml, and a picture."""
        return self.claims(scan(root)) > 0

    def claims(self, tree: Tree) -> int:
        """How many pictures have a label file, where there is a data.yaml; at least 1."""
        if find_data_yaml(tree) is None or not tree.pictures:
            return 0
        return max(1, pair_up(tree, KIND).labelled)

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set.

        Raises:
            NotADatasetError: There is no picture, or no data.yaml.
            FormatError: The data.yaml is broken, or is one of a set for poses.
        """
        tree = options.tree or scan(root)
        if not tree.pictures:
            raise NotADatasetError("holds no picture.", path=root)
        name = find_data_yaml(tree)
        if name is None:
            raise NotADatasetError(
                "has no data.yaml with the keys train and names.",
                path=root,
                hint="Without one, read it with --from yolo.",
            )
        data = _read(root / name)
        pairing = pair_up(tree, KIND)
        report_layout(tree, pairing, report)
        keys = {pair.picture: pair.key for pair in pairing.pairs}
        splits = _Splits(tree, name, keys, report).read(data)
        names = data.names or options.class_names
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
            names = tuple(str(number) for number in range(max(reader.highest + 1, data.count or 0)))
            report.warning(
                "no-names",
                "gives no class names: classes are called by their ids.",
                path=root / name,
                hint="Write them under the key names.",
            )
        return Dataset(root, self.name, images, ordered_classes(options, names, images))

    def label_path(self, image_path: Path, root: Path) -> Path:
        """The label file of a picture, whether or not there is one yet."""
        return label_path(root, KIND, image_path)

    def render(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes | None) -> bytes:
        """The label file of one picture; see :meth:`converters.formats.base.ImageCodec.render`.

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
        """Let the set's data.yaml say these classes; all else in it stays as it is.

        Raises:
            NotADatasetError: There is none.
            FormatError: It is broken, or a name cannot stand in it.
            WriteError: The file cannot be written.
        """
        check_names(class_names)
        name = find_data_yaml(scan(root))
        if name is None:
            raise NotADatasetError("has no data.yaml to hold the class names.", path=root)
        data = read_data_yaml(root / name)
        by_ids = class_names == tuple(str(number) for number in range(len(class_names)))
        if data.names != class_names and not (data.names is None and by_ids):
            write_if_changed(root / name, data.with_names(class_names))

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write ``images/train`` …, ``labels/train`` … and ``data.yaml``.

        A set that is not divided goes to ``train``. In the set's own folder only label files and the names
        in the data.yaml are written, each where it is.

        Raises:
            FormatError: A box cannot be written.
            WriteError: A file cannot be written.
        """
        check_names(dataset.class_names)
        in_place = dataset.format == self.name and same_folder(dataset.root, root)
        places = {} if in_place else _places(dataset, report)
        for image in dataset.images:
            if in_place:
                target = image.annotation or self.label_path(image.path, root)
            else:
                place_picture(image, root / "images" / places[image.key])
                target = root / "labels" / label_place(places[image.key], ".txt")
            if not image.labelled and not image.boxes:
                continue
            source = image.annotation if dataset.format == self.name else None
            base = read_small_file(source) if source is not None and source.is_file() else None
            make_folder(target.parent)
            with blamed_on(target):
                data = render_lines(image, dataset.class_names, base, keep_unread=in_place)
            write_if_changed(target, data)
        if in_place:
            self.write_class_names(root, dataset.class_names)
            return
        there = {place.parts[0] for place in places.values()}
        text = new_data_yaml([split for split in Split if str(split) in there], dataset.class_names)
        write_if_changed(root / "data.yaml", text)


@dataclass(slots=True)
class _Splits:
    """Finds out which picture is in which split, as a data.yaml says.

    Attributes:
        tree: The set's files.
        name: The data.yaml, relative to the root.
        keys: Key of a picture by its path.
        report: Where findings go.
        found: Split by key.
        twice: Pictures of a second split, which stay in the first: key, split.
    """

    tree: Tree
    name: str
    keys: Mapping[str, str]
    report: Report
    found: dict[str, Split] = field(default_factory=dict)
    twice: list[tuple[str, Split]] = field(default_factory=list)

    def read(self, data: DataYaml) -> dict[str, Split]:
        """Split of each picture, by key; what is odd goes to the report."""
        path = self.tree.root / self.name
        lists = [name for name in self.tree.files if name.endswith(".txt")]
        there = frozenset([*self.tree.folders, *lists, *self.keys])
        missing: list[Reference] = []
        for reference in data.references:
            try:
                place = resolve(reference, data, self.name, there)
            except FormatError as error:
                error.path = path
                self.report.add_exception(error)
                continue
            if place is None and suffix_of(reference.text) in IMAGE_SUFFIXES:
                missing.append(reference)
            elif place is None:
                what = f"{reference.split}: there is no {reference.text[:200]!r} in the set."
                # Exports name a folder for each split, also for one that holds nothing.
                tell = self.report.error if reference.split is Split.TRAIN else self.report.warning
                tell("split-missing", what, path=path, line=reference.line)
            elif place in self.keys:
                self._put([self.keys[place]], reference.split)
            elif place in self.tree.folders:
                inside = f"{place}/" if place else ""
                self._put(
                    (key for name, key in self.keys.items() if name.startswith(inside)), reference.split
                )
            else:
                listed = splits_from_lists(
                    {place: reference.split}, self.tree, self.keys.values(), self.report
                )
                self._put(listed, reference.split)
        if missing:
            many = f" ({len(missing):,} such pictures)" if len(missing) > 1 else ""
            self.report.warning(
                "listed-image-missing",
                f"no picture of the set is named {missing[0].text[:200]!r}{many}.",
                path=path,
                line=missing[0].line,
            )
        self._report_twice(path)
        rest = [key for key in self.keys.values() if key not in self.found]
        if rest and self.found:
            count = f"{len(rest)} picture{'s are' if len(rest) > 1 else ' is'}"
            self.report.warning("not-in-a-split", f"{count} in none of its splits ({rest[0]}).", path=path)
        return self.found

    def _put(self, keys: Iterable[str], split: Split) -> None:
        for key in keys:
            if self.found.setdefault(key, split) is not split:
                self.twice.append((key, split))

    def _report_twice(self, path: Path) -> None:
        if not self.twice:
            return
        key, split = self.twice[0]
        many = f"{len(self.twice)} pictures are" if len(self.twice) > 1 else "1 picture is"
        self.report.warning(
            "in-two-splits",
            f"{many} in two splits and stay{'' if len(self.twice) > 1 else 's'} in the first "
            f"({key}: {self.found[key]} and {split}).",
            path=path,
            hint="What a network is measured on must not be what it was trained on.",
        )


def _read(path: Path) -> DataYaml:
    data = read_data_yaml(path)
    if data.key_points:
        raise FormatError(
            "is a data set for poses (kpt_shape): its label files hold key points, which are not read.",
            path=path,
            code="pose",
            hint="Keep the first 5 columns of the label files, and remove kpt_shape.",
        )
    return data


def _places(dataset: Dataset, report: Report) -> dict[str, PurePosixPath]:
    """Where each picture goes below ``images/``: its split's folder, then as in every format."""
    divided = any(image.split is not None for image in dataset.images)
    if not divided and dataset.images:
        report.warning(
            "not-split",
            "the set is not divided: all pictures go to train, and Ultralytics asks for val, too.",
            hint="Divide it first: convert-cli SET work --split 70/15/15, then convert-cli work SET2.",
        )
    result: dict[str, PurePosixPath] = {}
    full: dict[str, PurePosixPath] = {}
    for image, place in zip(dataset.images, places_for(dataset).values(), strict=True):
        folder = str(image.split) if divided and image.split is not None else _UNSPLIT if divided else "train"
        own = {folder, "valid"} if folder == "val" else {folder}
        rest = [part for part in place.parts[:-1] if part.casefold() not in own]
        result[image.key] = PurePosixPath(folder, *rest, place.name)
        full[image.key] = PurePosixPath(folder, *place.parts)
    stems = {label_place(place, "") for place in result.values()}
    return result if len(stems) == len(result) else full
