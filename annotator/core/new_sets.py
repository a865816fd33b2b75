"""Reading a set to edit it, and the format in which a folder of plain pictures is labelled."""

from __future__ import annotations

from pathlib import Path

from converters import registry
from converters.errors import UsageError
from converters.formats.base import Codec, LoadOptions, ProgressCallback
from converters.model import Dataset
from converters.report import Report

FORMATS = ("voc", "yolo", "labelme")
"""Formats in which the pictures of a folder without labels can be labelled: a label file beside each."""
SETTING = "new_labels"
"""The person's choice among them, in the settings."""


def load_for_editing(
    root: Path, report: Report, on_progress: ProgressCallback | None, new_labels: str = FORMATS[0]
) -> tuple[Dataset, Codec]:
    """Read a set.

    Args:
        root: Its folder.
        report: Told what was found.
        on_progress: Told (done, total); it may raise to cancel.
        new_labels: The format of the labels where there are none yet, one of :data:`FORMATS`.

    Raises:
        DataError: It holds no picture, or cannot be read.
        UsageError: It holds predictions, which are looked at on a page of their own.
    """
    options = LoadOptions(on_progress=on_progress)
    dataset = registry.load(root, report, options)
    if new_labels in FORMATS and dataset.format != new_labels and is_new(dataset):
        # Nothing was read but the pictures' headers; what was said of them is said again.
        report.issues.clear()
        dataset = registry.load(dataset.root, report, options, format=new_labels)
    codec = registry.codec_of(dataset)
    if codec.keeps.confidence and any(b.confidence is not None for i in dataset for b in i.boxes):
        raise UsageError(
            f"holds predictions ({codec.title}), not labels.",
            path=root,
            hint=f"To go on from them as labels, convert them first: convert-cli {root} NEW --to voc",
        )
    return dataset, codec


def is_new(dataset: Dataset) -> bool:
    """Whether nothing says yet in which format a set is labelled: there are pictures, and nothing else."""
    return (
        dataset.format == FORMATS[0]
        and not dataset.class_names
        and not any(image.labelled for image in dataset.images)
    )
