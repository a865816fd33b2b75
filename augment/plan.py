"""Everything about the copies that can be known without decoding a picture: names, operations, boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augment.policy import STUDY, Policy
from augment.recipe import Recipe
from converters import geometry, naming
from converters.errors import DataError, UsageError
from converters.formats.base import LoadOptions, ProgressCallback
from converters.model import AnnotatedImage, Box, Split, Xyxy
from converters.report import Report
from converters.work import WorkFolder, open_work

MAX_COPIES = 100
MAX_SEED = 2**63 - 1


@dataclass(frozen=True)
class DroppedBox:
    """A box of an original that a copy does not have, because too little of it is left.

    Attributes:
        copy: File name of the copy.
        image: Key of the original.
        box: Index of the box in the original.
        label: Its class name.
        xyxy: The box in the original.
    """

    copy: str
    image: str
    box: int
    label: str
    xyxy: Xyxy

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "copy": self.copy,
            "image": self.image,
            "box": self.box,
            "label": self.label,
            "xyxy": self.xyxy,
        }


@dataclass(frozen=True)
class PlannedCopy:
    """One copy before its pixels are made.

    Attributes:
        stem: Name of its two files without suffix.
        index: Which copy of its original, from 1.
        image: The original.
        recipe: What is done to it.
        size: The copy's (width, height).
        boxes: The copy's boxes.
        dropped: Those of the original that it lost.
        label: Bytes of its label file.
    """

    stem: str
    index: int
    image: AnnotatedImage
    recipe: Recipe
    size: tuple[int, int]
    boxes: tuple[Box, ...]
    dropped: tuple[DroppedBox, ...]
    label: bytes

    @property
    def picture_name(self) -> str:
        """File name of the picture."""
        return f"{self.stem}.png"

    @property
    def label_name(self) -> str:
        """File name of the label file."""
        return f"{self.stem}.txt"


@dataclass(frozen=True)
class Plan:
    """What a run will make.

    Attributes:
        work: The data set.
        class_names: Its classes in order.
        images: The training pictures that get copies.
        copies: In natural order of their originals.
        seed: The run's seed.
        policy: The run's policy.
        report: What was found while reading the data set.
    """

    work: WorkFolder
    class_names: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    copies: tuple[PlannedCopy, ...]
    seed: int
    policy: Policy
    report: Report = field(compare=False)


def make_plan(
    root: Path,
    *,
    copies: int,
    seed: int,
    policy: Policy = STUDY,
    on_progress: ProgressCallback | None = None,
) -> Plan:
    """Draw the operations of every copy and work out its boxes.

    Args:
        root: A Darknet data set (see :mod:`converters.work`).
        copies: Copies of each training picture, 1 to :data:`MAX_COPIES`.
        seed: 0 to :data:`MAX_SEED`.
        policy: What a copy may get.
        on_progress: Told while the data set is read.

    Raises:
        UsageError: ``copies`` or ``seed`` is out of range.
        NotADatasetError: ``root`` is no such data set.
        DataError: No training picture, or nothing of the set can be read.
    """
    from converters import registry  # brings every format along

    if not 1 <= copies <= MAX_COPIES:
        raise UsageError(f"{copies} copies of each picture: must be 1 to {MAX_COPIES}.")
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"the seed {seed} must be 0 to {MAX_SEED}.")
    work = open_work(root)
    report = Report()
    dataset = registry.load(root, report, LoadOptions(on_progress=on_progress))
    images = _to_copy(dataset.in_split(Split.TRAIN), report)
    if not images:
        raise DataError(
            "there is no labelled training picture to make copies of.", path=work.split_csv, code="no-train"
        )
    stems = _stems(images)
    codec = registry.FORMATS["yolo"]
    planned: list[PlannedCopy] = []
    for image in images:
        try:
            for index in range(1, copies + 1):
                recipe = policy.draw(seed, image.name, index, (image.size[1], image.size[0]))
                stem = f"{stems[image.key]}_c{index}"
                size, boxes, dropped = _boxes_of_copy(image, recipe, f"{stem}.png")
                copy = AnnotatedImage(key=stem, path=Path(f"{stem}.png"), size=size, boxes=boxes)
                label = codec.render(copy, dataset.class_names, None)
                planned.append(PlannedCopy(stem, index, image, recipe, size, boxes, dropped, label))
        except DataError as error:
            report.add_exception(error, key=image.key)
    return Plan(work, dataset.class_names, images, tuple(planned), seed, policy, report)


def count_boxes(groups: Iterable[Iterable[Box]], class_names: tuple[str, ...]) -> dict[str, int]:
    """Number of boxes of each class, also of those without one, in the classes' order."""
    count = Counter(box.label for boxes in groups for box in boxes)
    return {name: count[name] for name in class_names}


def _to_copy(images: tuple[AnnotatedImage, ...], report: Report) -> tuple[AnnotatedImage, ...]:
    """The pictures that get copies: labelled, and the only ones of their file name."""
    chosen: list[AnnotatedImage] = []
    seen: set[str] = set()
    for image in images:
        if not image.labelled:
            report.warning(
                "not-labelled",
                "has no label file, so it gets no copies: an empty label would say that nothing is in it.",
                path=image.path,
                key=image.key,
            )
        elif image.name in seen:
            # The name is what a copy's random numbers come from: two of one name would be turned alike.
            report.error(
                "same-name",
                "another training picture has the same file name; this one gets no copies.",
                path=image.path,
                key=image.key,
                hint="Convert the set again: convert-cli gives each picture a name of its own.",
            )
        else:
            seen.add(image.name)
            chosen.append(image)
    return tuple(chosen)


def _stems(images: tuple[AnnotatedImage, ...]) -> dict[str, str]:
    """A stem that Darknet takes as it is for each picture, by key."""
    names = naming.plain_names((image.key for image in images), {image.key: "" for image in images})
    return dict(names)


def _boxes_of_copy(
    image: AnnotatedImage, recipe: Recipe, name: str
) -> tuple[tuple[int, int], tuple[Box, ...], tuple[DroppedBox, ...]]:
    """Size and boxes of a copy, and what it lost."""
    edges, kept = recipe.apply_to_boxes(geometry.as_array(image.boxes), image.size)
    boxes = tuple(
        image.boxes[source].duplicated().moved_to((x1, y1, x2, y2))
        for source, (x1, y1, x2, y2) in zip(kept.tolist(), edges.tolist(), strict=True)
    )
    dropped = tuple(
        DroppedBox(name, image.key, number, box.label, box.xyxy)
        for number, box in enumerate(image.boxes)
        if number not in set(kept.tolist())
    )
    return recipe.canvas_size(image.size), boxes, dropped
