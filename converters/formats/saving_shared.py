"""What writing a whole set is in every format that keeps the labels of many pictures in one file."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from converters.files import make_folder, write_if_changed
from converters.formats.base import SharedCodec
from converters.formats.json_document import MAX_SHARED_BYTES
from converters.formats.kinds import SharedKind
from converters.formats.saving import blamed_on, place_picture, places_for, same_folder
from converters.formats.shared import UNSPLIT
from converters.layout import IMAGE_FOLDERS, stem_of, suffix_of
from converters.losses import report_losses
from converters.model import AnnotatedImage, Dataset
from converters.reading import read_small_file
from converters.report import Report

PICTURES = "images"
"""Folder of the pictures in a set that is written anew."""

RenderNew = Callable[[Path, Sequence[AnnotatedImage], tuple[str, ...], bytes | None], bytes]
"""Renders a label file of a new set. As ``render_file``, but pictures (whose paths are the new ones) are all
named anew, and of a base only what the given images have is kept."""


def reference_from(label_file: Path, picture: Path) -> str:
    """What a label file calls a picture: its path from the file's folder, else from the folder of pictures.

    ``annotations/a.json`` calls ``images/train/b.png`` ``train/b.png``, as everybody does.
    """
    folder = label_file.parent
    if picture.is_relative_to(folder):
        return picture.relative_to(folder).as_posix()
    steps = PurePosixPath(Path(os.path.relpath(picture, folder)).as_posix()).parts
    rest = [step for step in steps if step != ".."]
    if len(rest) > 1 and rest[0].casefold() in IMAGE_FOLDERS:
        rest = rest[1:]
    return "/".join(rest)


def save_shared(
    codec: SharedCodec,
    kind: SharedKind,
    dataset: Dataset,
    root: Path,
    report: Report,
    render: RenderNew,
    *,
    names_inside: bool = True,
) -> None:
    """Write a whole set.

    In its own folder each label file is written where it is. Elsewhere pictures go to ``images/``, labels to
    the format's usual file (or one for each split); what the files of a set in the same format say beside
    boxes is taken along where a new file stands for one of them.

    Args:
        codec: The format.
        kind: The same.
        dataset: The set.
        root: An existing folder.
        report: Told what cannot be held.
        render: Renders a label file of a new set.
        names_inside: Whether the label files name all classes; else the codec writes their names itself.

    Raises:
        FormatError: A box or name cannot be written.
        WriteError: A file cannot be written.
    """
    report_losses(dataset, codec, report)
    if dataset.format == kind.name and same_folder(dataset.root, root):
        for path, images in _by_label_file(dataset, kind).items():
            base = _base(path)
            if base is None and not any(image.labelled or image.boxes for image in images):
                continue
            with blamed_on(path):
                data = codec.render_file(path, images, dataset.class_names, base)
            make_folder(path.parent)
            write_if_changed(path, data)
        if names_inside:
            codec.write_class_names(root, dataset.class_names)
        return
    places = places_for(dataset)
    for image in dataset.images:
        place_picture(image, root / PICTURES / places[image.key])
    groups = label_groups(dataset, kind)
    sources = _sources(dataset, kind, groups)
    for name, images in groups.items():
        path = root / name
        moved = [replace(image, path=root / PICTURES / places[image.key]) for image in images]
        source = sources.get(name)
        if source is None:
            moved = [
                replace(image, origin=None, boxes=tuple(b.duplicated() for b in image.boxes))
                for image in moved
            ]
        with blamed_on(path):
            data = render(path, moved, dataset.class_names, _base(source) if source is not None else None)
        make_folder(path.parent)
        write_if_changed(path, data)


def _by_label_file(dataset: Dataset, kind: SharedKind) -> dict[Path, list[AnnotatedImage]]:
    result: dict[Path, list[AnnotatedImage]] = {}
    for image in dataset.images:
        result.setdefault(image.annotation or dataset.root / kind.default, []).append(image)
    return result


def label_groups(dataset: Dataset, kind: SharedKind) -> dict[str, list[AnnotatedImage]]:
    """The label files of a new set, relative to its root, with their images."""
    stem, suffix = stem_of(kind.default), suffix_of(kind.default)
    split = not kind.one_file and any(image.split is not None for image in dataset.images)
    groups: dict[str, list[AnnotatedImage]] = {}
    for image in dataset.images:
        mentioned = image.labelled or bool(image.boxes)
        if not mentioned and split:
            continue
        name = f"{stem}_{image.split or UNSPLIT}{suffix}" if split else f"{stem}{suffix}"
        groups.setdefault(str(PurePosixPath(kind.default).with_name(name)), []).append(image)
    return groups


def _sources(dataset: Dataset, kind: SharedKind, groups: dict[str, list[AnnotatedImage]]) -> dict[str, Path]:
    """The label file of the set that a new one goes on from, where it takes the pictures of one alone."""
    if dataset.format != kind.name:
        return {}
    sources: dict[str, Path] = {}
    for name, images in groups.items():
        paths = {image.annotation for image in images if image.origin is not None}
        path = next(iter(paths), None)
        if len(paths) == 1 and path is not None and path not in sources.values():
            sources[name] = path
        elif paths & set(sources.values()) or len(paths) > 1:
            return {}
    return sources


def _base(path: Path) -> bytes | None:
    return read_small_file(path, MAX_SHARED_BYTES) if path.is_file() else None
