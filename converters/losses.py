"""What a set holds that a format cannot: counted, so that nobody finds out later."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from converters.formats.base import Codec
from converters.model import AnnotatedImage, Dataset
from converters.report import Report
from converters.words import counted


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that is lost.

    Attributes:
        what: What it is, for programs: ``confidence``, ``difficult``, ``split``, ``unlabelled``, ``class``.
        count: How many boxes, pictures or classes had it.
        message: A sentence.
    """

    what: str
    count: int
    message: str

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {"what": self.what, "count": self.count, "message": self.message}


def losses(dataset: Dataset, codec: Codec) -> list[Loss]:
    """What is lost when a set is written in a format, as the format says of itself.

    Args:
        dataset: The set as it is going to be written.
        codec: The format.
    """
    keeps, name = codec.keeps, codec.name
    flags: Counter[str] = Counter()
    confident = 0
    used: set[str] = set()
    for image in dataset.images:
        for box in image.boxes:
            flags.update(box.flags)
            confident += box.confidence is not None
            used.add(box.label)
    found: list[Loss] = []
    if confident and not keeps.confidence:
        found.append(_loss("confidence", confident, f"had a confidence, which {name} does not keep"))
    found += [
        _loss(flag, flags[flag], f"had the flag {flag}, which {name} does not keep")
        for flag in sorted(flags)
        if flag not in keeps.flags
    ]
    split = sum(image.split is not None for image in dataset.images)
    if split and not keeps.split:
        text = f"{counted(split, 'picture')} had a split, which {name} does not keep."
        found.append(Loss("split", split, text))
    empty = sum(image.labelled and not image.boxes for image in dataset.images)
    if empty and not keeps.empty:
        text = f"{counted(empty, 'picture')} without a box cannot be told from unlabelled ones in {name}."
        found.append(Loss("empty", empty, text))
    unused = sum(label not in used for label in dataset.class_names)
    if unused and not keeps.classes:
        text = f"{counted(unused, 'class', 'classes')} without a box, which {name} does not keep."
        found.append(Loss("class", unused, text))
    return found


def without_crowds(dataset: Dataset, codec: Codec, report: Report) -> Dataset:
    """The set without boxes of crowds, where a format has no flag for them: they are regions, no objects.

    Args:
        dataset: The set.
        codec: The format that it will be written in.
        report: Told how many were dropped.
    """
    if "crowd" in codec.keeps.flags:
        return dataset
    dropped = 0
    images: list[AnnotatedImage] = []
    for image in dataset.images:
        kept = tuple(box for box in image.boxes if "crowd" not in box.flags)
        dropped += len(image.boxes) - len(kept)
        images.append(image if len(kept) == len(image.boxes) else image.with_boxes(kept))
    if not dropped:
        return dataset
    report.warning(
        "crowd-dropped",
        f"{counted(dropped, 'box', 'boxes')} of crowds {'is' if dropped == 1 else 'are'} dropped: "
        f"{codec.name} has no regions that are ignored, and a crowd is no object.",
        path=dataset.root,
        hint="Label the objects in them one by one, or leave these pictures out.",
    )
    return replace(dataset, images=tuple(images))


def report_losses(dataset: Dataset, codec: Codec, report: Report) -> None:
    """Say what is lost, a warning each (code ``loses``)."""
    for loss in losses(dataset, codec):
        report.warning("loses", loss.message)


def _loss(what: str, count: int, rest: str) -> Loss:
    return Loss(what, count, f"{counted(count, 'box', 'boxes')} {rest}.")
