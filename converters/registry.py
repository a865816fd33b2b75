"""All formats, and which of them a folder is in."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from converters.errors import NotADatasetError, UsageError
from converters.formats import voc, yolo
from converters.formats.base import DEFAULT_OPTIONS, Codec, LoadOptions
from converters.formats.voc import VocCodec
from converters.formats.yolo import YoloCodec
from converters.layout import Tree, pair_up, scan, suffix_of
from converters.model import Dataset
from converters.report import Report
from converters.work import WorkFolder

_VOC = VocCodec()
_YOLO = YoloCodec()

FORMATS: dict[str, Codec] = {codec.name: codec for codec in (_VOC, _YOLO)}
"""Codecs by name, in the order in which they are offered."""


def detect(root: Path) -> Codec:
    """The format of a folder: that in which most of its pictures have a label file.

    Pictures without any label file are a new set, to be labelled in Pascal VOC.

    Raises:
        NotADatasetError: There is no such folder, or no picture in it.
    """
    tree = scan(root)
    if not tree.pictures:
        raise NotADatasetError(_what_is_there(tree), path=root, hint=_advice(tree))
    if WorkFolder(root).exists():
        return _YOLO
    in_voc, in_yolo = pair_up(tree, voc.KIND).labelled, pair_up(tree, yolo.KIND).labelled
    if in_voc and in_voc >= in_yolo:
        return _VOC
    if _YOLO.detect(root):
        return _YOLO
    return _VOC


def load(
    root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS, *, format: str | None = None
) -> Dataset:
    """Read a data set from a folder.

    Args:
        root: The folder (archives: :func:`converters.archive.open_for_editing` first).
        report: Where findings go.
        options: How it is read.
        format: Name of its format; None: as detected.

    Raises:
        UsageError: There is no such format.
        NotADatasetError: There is no such folder, or no picture in it.
        DataError: Nothing of the set can be used, or the first error where ``report`` fails fast.
    """
    codec = detect(root) if format is None else codec_named(format)
    return codec.load(root, report, options)


def codec_named(name: str) -> Codec:
    """The codec of this name.

    Raises:
        UsageError: There is none.
    """
    try:
        return FORMATS[name]
    except KeyError:
        raise UsageError(f"no format is named {name!r}; there are {', '.join(FORMATS)}.") from None


def codec_of(dataset: Dataset) -> Codec:
    """The codec a data set was read with."""
    return codec_named(dataset.format)


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
    if any(suffix_of(name) in (".xml", ".txt") for name in tree.files):
        return "Choose the folder that holds both the pictures and their labels."
    return "Choose the folder that holds the pictures."
