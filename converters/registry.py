"""All formats, and which of them a folder or label file is in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import TypeGuard

from converters.errors import NotADatasetError, UsageError
from converters.formats.base import DEFAULT_OPTIONS, Codec, ImageCodec, LoadOptions, SharedCodec, VocEdges
from converters.formats.foreign import report_foreign
from converters.layout import SHARED_SUFFIXES, Tree, scan, suffix_of
from converters.model import Dataset
from converters.report import Report
from converters.swap import finish
from converters.words import counted
from converters.work import WorkFolder

_PLACES = {
    "voc": ("voc", "VocCodec", (".xml",)),
    "yolo": ("yolo", "YoloCodec", (".txt",)),
    "ultralytics": ("ultralytics", "UltralyticsCodec", (".yaml", ".yml")),
    "labelme": ("labelme", "LabelmeCodec", (".json",)),
    "coco": ("coco", "CocoCodec", (".json",)),
    "coco-results": ("coco_results", "CocoResultsCodec", (".json",)),
    "csv": ("csv_labels", "CsvCodec", (".csv", ".tsv")),
    "cvat": ("cvat", "CvatCodec", (".xml",)),
    "label-studio": ("label_studio", "LabelStudioCodec", (".json",)),
}
"""Module and class of each codec, and the suffixes of files without which it has no claim to a set."""


class _Formats(Mapping[str, Codec]):
    """The codecs, each imported when it is first asked for: together they take longer than NumPy."""

    def __init__(self) -> None:
        self._loaded: dict[str, Codec] = {}

    def __getitem__(self, name: str) -> Codec:
        if name not in self._loaded:
            module, kind, _ = _PLACES[name]
            codec: Codec = getattr(import_module(f"converters.formats.{module}"), kind)()
            self._loaded[name] = codec
        return self._loaded[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_PLACES)

    def __len__(self) -> int:
        return len(_PLACES)

    def __contains__(self, name: object) -> bool:
        return name in _PLACES


FORMATS: Mapping[str, Codec] = _Formats()
"""Codecs by name, in the order in which they are offered. Of two with equal claims the first is taken."""

_LABEL_FOLDERS = frozenset(
    {"annotations", "annotation", "labels", "label", "json", "csv", "xml", "predictions", "results"}
    | {"train", "val", "valid", "validation", "test"}
)
"""Folders whose pictures may lie in the folder above."""

_INCLUDES = {"ultralytics": ("yolo",), "coco-results": ("coco",)}
"""Formats whose label files are those of another one, which then has no claim of its own."""


def is_shared(codec: Codec) -> TypeGuard[SharedCodec]:
    """Whether a format keeps the labels of many pictures in one file."""
    return hasattr(codec, "render_file")


def is_per_image(codec: Codec) -> TypeGuard[ImageCodec]:
    """Whether a format has a label file for each picture."""
    return hasattr(codec, "render")


def detect(root: Path, images: Path | None = None) -> Codec:
    """The format of a folder: that in which most of its pictures seem to have labels.

    Pictures without any label file are a new set, to be labelled in Pascal VOC.

    Args:
        root: The folder.
        images: Another folder in which its pictures lie, for formats whose label files name them.

    Raises:
        NotADatasetError: There is no such folder, or no picture in it.
    """
    return _ranked(scan(root), images)[0][0]


def load(
    root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS, *, format: str | None = None
) -> Dataset:
    """Read a data set from a folder, or one label file of many pictures.

    Args:
        root: The folder (archives: :func:`converters.archive.open_for_editing` first), or the label file;
            the set is then the file's folder, or the one above that holds the pictures.
        report: Where findings go.
        options: How it is read.
        format: Name of its format; None: as detected.

    Raises:
        UsageError: There is no such format, or the file is a label file of a single picture.
        NotADatasetError: There is no such folder, or no picture in it.
        DataError: Nothing of the set can be used, or the first error where ``report`` fails fast.
    """
    if root.is_file():
        return _load_file(root, report, options, format)
    finish(root)
    if format is not None:
        return codec_named(format).load(root, report, options)
    tree = options.tree or scan(root)
    ranked = _ranked(tree, options.images)
    if not ranked[0][1] and not WorkFolder(root).exists():
        report_foreign(tree, report)
    if len(ranked) > 1:
        taken, others = ranked[0], ranked[1:]
        names = ", ".join(f"{codec.title} (--from {codec.name}, {claim:,})" for codec, claim in others)
        report.warning(
            "several-formats",
            f"has labels in several formats. Read as {taken[0].title} ({counted(taken[1], 'picture')}); "
            f"there is also {names}.",
            path=root,
            hint="Say which with --from.",
        )
    return ranked[0][0].load(root, report, replace(options, tree=tree))


def codec_of_tree(tree: Tree) -> Codec:
    """The format of a set (or of a part of it) whose files were listed already; see :func:`detect`."""
    return _ranked(tree)[0][0]


def codec_named(name: str) -> Codec:
    """The codec of this name.

    Raises:
        UsageError: There is none.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise UsageError(f"no format is named {name!r}; there are {', '.join(FORMATS)}.") from None


def codec_to_write(name: str, voc_edges: VocEdges = "as-is") -> Codec:
    """The codec of this name, to write new files.

    Args:
        name: Its name.
        voc_edges: How edges are counted, if it is Pascal VOC.

    Raises:
        UsageError: There is none.
    """
    if name == "voc":
        from converters.formats.voc import VocCodec

        return VocCodec(voc_edges)
    return codec_named(name)


def image_codec(name: str) -> ImageCodec:
    """The codec of this name, one with a label file for each picture.

    Raises:
        UsageError: There is none, or its label files hold many pictures.
    """
    codec = codec_named(name)
    if not is_per_image(codec):
        raise UsageError(
            f"{codec.title} keeps the labels of many pictures in one file; that cannot be edited in place.",
            hint="Convert it first: convert-cli SET NEW --to voc",
        )
    return codec


def codec_of(dataset: Dataset) -> Codec:
    """The codec a data set was read with."""
    return codec_named(dataset.format)


def folder_of_label_file(path: Path) -> Path:
    """The set's folder of a label file: its own, or the one above where only that holds pictures.

    Raises:
        NotADatasetError: There are no pictures.
    """
    folder = path.absolute().parent
    while not scan(folder).pictures:
        # Never farther up: the pictures of a home folder are not those of a set.
        if folder.name.casefold() not in _LABEL_FOLDERS:
            raise NotADatasetError(
                "there are no pictures beside it.",
                path=path,
                hint="--images FOLDER names the folder in which they are.",
            )
        folder = folder.parent
    return folder


def _load_file(path: Path, report: Report, options: LoadOptions, format: str | None) -> Dataset:
    codec = codec_named(format) if format is not None else _codec_of_file(path)
    if not is_shared(codec):
        raise UsageError(
            f"{codec.title} has a label file for each picture.",
            path=path,
            hint="Name the folder that holds pictures and labels.",
        )
    root = folder_of_label_file(path) if options.images is None else path.absolute().parent
    return codec.load(root, report, replace(options, labels=path.absolute()))


def _codec_of_file(path: Path) -> Codec:
    for name, (_, _, suffixes) in _PLACES.items():
        if path.suffix.lower() in suffixes:
            codec = FORMATS[name]
            if is_shared(codec) and codec.recognises(path):
                return codec
    raise NotADatasetError(
        "is a file, but no label file that holds the labels of many pictures.",
        path=path,
        hint="Name the folder that holds pictures and labels.",
    )


def _ranked(tree: Tree, images: Path | None = None) -> list[tuple[Codec, int]]:
    """The formats of a set with their claims, the greatest first; never empty."""
    if not tree.pictures and images is None:
        raise NotADatasetError(_what_is_there(tree), path=tree.root, hint=_advice(tree))
    if WorkFolder(tree.root).exists():
        return [(FORMATS["yolo"], 0)]
    there = {suffix_of(name) for name in tree.files}
    claims = {
        name: FORMATS[name].claims(tree)
        for name, (_, _, suffixes) in _PLACES.items()
        if not there.isdisjoint(suffixes)
    }
    for name, others in _INCLUDES.items():
        if claims.get(name):
            claims.update(dict.fromkeys(others, 0))
    claimed = [(FORMATS[name], claim) for name, claim in claims.items() if claim]
    if claimed:
        return sorted(claimed, key=lambda item: -item[1])  # stable: the first of equals stays first
    return [(FORMATS["yolo" if FORMATS["yolo"].detect(tree.root) else "voc"], 0)]


def _what_is_there(tree: Tree) -> str:
    if not tree.files:
        return "holds no pictures; the folder is empty."
    kinds = Counter(suffix_of(name) or "without suffix" for name in tree.files)
    found = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common(4))
    return f"holds no pictures; found {found}."


def _advice(tree: Tree) -> str:
    archive = next((name for name in tree.files if suffix_of(name) in (".zip", ".tar", ".gz", ".tgz")), None)
    if archive is not None:
        return f"Open {archive} itself, or unpack it."
    if any(suffix_of(name) in SHARED_SUFFIXES | {".txt"} for name in tree.files):
        return "Choose the folder that holds both the pictures and their labels."
    return "Choose the folder that holds the pictures."
