"""What the export dialog asks for: the same as ``convert-cli``, and the command line that says it."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from converters import registry
from converters.baking import Bake
from converters.conversion import ConvertOptions, ConvertResult, StageCallback
from converters.convert import convert_to_format, convert_to_work
from converters.errors import UsageError
from converters.formats.base import ProgressCallback, VocEdges
from converters.losses import Loss, losses
from converters.model import Dataset, Split
from converters.remap import Rename, remap, without_classes
from converters.report import Report
from converters.split import SplitRequest
from converters.staging import check_target

PREDICTIONS = frozenset({"coco-results"})
"""Formats for predictions, in which no labels are written."""


def writable_formats() -> tuple[str, ...]:
    """Names of the formats that labels can be written in, in the order in which they are offered."""
    return tuple(name for name in registry.FORMATS if name not in PREDICTIONS)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What is to be written.

    Attributes:
        target: The folder to make.
        format: Name of the format.
        names: The new name of each class that is written, by its name in the set. Two with one new name
            become one; a class that is not in here is left out.
        split: How the pictures are divided; None: as they are.
        seed: Of the split.
        keep_unlabelled: Take pictures that nobody labelled yet as empty (they are left out otherwise).
        copy: Copy pictures (else they are second names of the same files, where the disk can do that).
        bake: Which pictures a Darknet data set gets as 8-bit PNG.
        voc_edges: How edges are counted in Pascal VOC files.
        by_hand: Splits that were set by hand and that the set's files do not know, by key.
    """

    target: Path
    format: str
    names: Mapping[str, str]
    split: SplitRequest | None = None
    seed: int = 1
    keep_unlabelled: bool = False
    copy: bool = True
    bake: Bake = Bake.AUTO
    voc_edges: VocEdges = "as-is"
    by_hand: Mapping[str, Split | None] = field(default_factory=dict)


def options_of(request: ExportRequest, dataset: Dataset) -> ConvertOptions:
    """The request in the words of the converters.

    Raises:
        UsageError: A class has no name, or no class is left.
    """
    _check_names(request, dataset)
    kept = [name for name in dataset.class_names if name in request.names]
    return ConvertOptions(
        rename=[Rename(name, request.names[name]) for name in kept if request.names[name] != name],
        classes=tuple(dict.fromkeys(request.names[name] for name in kept)),
        drop=[name for name in dataset.class_names if name not in request.names],
        split=request.split,
        seed=request.seed,
        voc_edges=request.voc_edges,
        keep_unlabelled=request.keep_unlabelled,
        bake=request.bake,
        format=dataset.format,
        copy=request.copy,
        splits=request.by_hand,
    )


def command_of(request: ExportRequest, dataset: Dataset) -> str:
    """The line that does the same in a terminal.

    Raises:
        UsageError: As :func:`options_of`.
    """
    options = options_of(request, dataset)
    parts = ["convert-cli", str(dataset.root), str(request.target), "--to", request.format]
    parts += ["--from", dataset.format]
    if options.rename:
        parts += ["--rename", ",".join(f"{_escaped(r.old)}={_escaped(r.new)}" for r in options.rename)]
    if options.classes:
        parts += ["--classes", ",".join(map(_escaped, options.classes))]
    if options.drop:
        parts += ["--drop", ",".join(map(_escaped, options.drop))]
    if request.split is not None:
        mark = "," if request.split.counts else "/"
        parts += ["--split", mark.join(f"{part:g}" for part in request.split.parts)]
        parts += ["--seed", str(request.seed)]
    if request.keep_unlabelled:
        parts += ["--unlabelled", "keep"]
    if "voc" in (request.format, dataset.format) and request.voc_edges != "as-is":
        parts += ["--voc-edges", request.voc_edges]
    if request.format == "yolo" and request.bake is not Bake.AUTO:
        parts += ["--bake", str(request.bake)]
    if request.copy:
        parts.append("--copy")
    return shlex.join(parts)


@dataclass(frozen=True, slots=True)
class Preview:
    """What an export would write.

    Attributes:
        pictures: How many pictures.
        boxes: How many boxes.
        left_out: Pictures that are left out because nobody labelled them yet.
        dropped: Boxes of classes that are left out.
        lost: What the format cannot hold, of what the set has.
        never: What the format never holds, in its own words.
    """

    pictures: int
    boxes: int
    left_out: int
    dropped: int
    lost: tuple[Loss, ...]
    never: tuple[str, ...]


def preview(request: ExportRequest, dataset: Dataset) -> Preview:
    """What would be written, and lost.

    Raises:
        UsageError: As :func:`options_of`.
    """
    options = options_of(request, dataset)
    codec = registry.codec_to_write(request.format, request.voc_edges)
    known = [rename for rename in options.rename if rename.old in dataset.class_names]
    whole, dropped = without_classes(dataset, options.drop)
    whole = remap(whole, known, options.classes)
    kept = tuple(image for image in whole if image.labelled or request.keep_unlabelled)
    if request.split is not None:  # all will have one
        kept = tuple(replace(image, split=image.split or Split.TRAIN) for image in kept)
    written = replace(whole, images=kept)
    return Preview(
        len(kept),
        written.box_count,
        len(whole) - len(kept),
        sum(dropped.values()),
        tuple(losses(written, codec)),
        codec.loses,
    )


def export(
    request: ExportRequest,
    dataset: Dataset,
    report: Report,
    on_progress: ProgressCallback | None = None,
    on_stage: StageCallback | None = None,
) -> ConvertResult:
    """Write it. The set itself, whose labels must be on disk, is only read.

    Raises:
        UsageError: The target lies in the set, holds something, or the split asks for too much.
        DataError: Something could not be read or written; the target is as it was.
    """
    options = options_of(request, dataset)
    check_target(dataset.root, request.target)
    if request.format == "yolo":
        return convert_to_work(
            dataset.root, request.target, report, options, on_progress=on_progress, on_stage=on_stage
        )
    return convert_to_format(
        dataset.root,
        request.target,
        request.format,
        report,
        options,
        on_progress=on_progress,
        on_stage=on_stage,
    )


def free_folder(root: Path, format: str) -> Path:
    """A folder beside a set that is not there yet: ``faces-coco``, ``faces-coco-2``."""
    number = 1
    while True:
        end = f"-{number}" if number > 1 else ""
        path = root.with_name(f"{root.name}-{format}{end}")
        if not path.exists():
            return path
        number += 1


def _check_names(request: ExportRequest, dataset: Dataset) -> None:
    for old, new in request.names.items():
        if not new.strip() or not new.isprintable():
            raise UsageError(f"the class {old} needs a name, or is to be left out.")
    if dataset.class_names and not any(name in request.names for name in dataset.class_names):
        raise UsageError("every class is left out.", hint="Keep at least one.")


def _escaped(name: str) -> str:
    return name.replace(",", "\\,")
