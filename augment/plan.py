"""Everything about the copies that can be known without decoding a picture: names, operations, boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from augment.policy import STUDY, Policy
from augment.recipe import Recipe
from augment.transforms import Donors, Scene
from converters import naming
from converters.errors import DataError, UsageError
from converters.formats.base import LoadOptions, ProgressCallback
from converters.formats.yolo import YoloCodec
from converters.model import AnnotatedImage, Box, Dataset, Split, Xyxy
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
        donors: The other pictures that are needed for it.
        size: The copy's (width, height).
        boxes: The copy's boxes.
        dropped: Those of the original that it lost.
        label: Bytes of its label file.
    """

    stem: str
    index: int
    image: AnnotatedImage
    recipe: Recipe
    donors: tuple[AnnotatedImage, ...]
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
    copies: int | Mapping[str, int],
    seed: int,
    policy: Policy = STUDY,
    on_progress: ProgressCallback | None = None,
) -> Plan:
    """Draw the operations of every copy and work out its boxes.

    Args:
        root: A Darknet data set (see :mod:`converters.work`).
        copies: Copies of each training picture, 1 to :data:`MAX_COPIES`; or of each by its key, 0 for those
            that are not in it.
        seed: 0 to :data:`MAX_SEED`.
        policy: What a copy may get.
        on_progress: Told while the data set is read.

    Raises:
        UsageError: ``copies`` or ``seed`` is out of range.
        NotADatasetError: ``root`` is no such data set.
        DataError: No training picture, or nothing of the set can be read.
    """
    from converters import registry  # brings every format along

    for count in copies.values() if isinstance(copies, Mapping) else (copies,):
        if not (0 if isinstance(copies, Mapping) else 1) <= count <= MAX_COPIES:
            raise UsageError(f"{count} copies of each picture: must be 1 to {MAX_COPIES}.")
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
    donors = Donors(images)
    planned: list[PlannedCopy] = []
    for image in images:
        scene = Scene(image.size, image.key, image.boxes, donors, dataset.class_names)
        number = copies.get(image.key, 0) if isinstance(copies, Mapping) else copies
        try:
            for index in range(1, number + 1):
                recipe = policy.draw(seed, image.name, index, scene)
                planned.append(
                    _planned(f"{stems[image.key]}_c{index}", index, image, recipe, donors, dataset)
                )
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


def _planned(
    stem: str, index: int, image: AnnotatedImage, recipe: Recipe, donors: Donors, dataset: Dataset
) -> PlannedCopy:
    """A copy with its boxes and label file.

    Raises:
        FormatError: A box cannot be written.
    """
    others = tuple(donors.by_key[key] for key in recipe.donors)
    placed = recipe.place(image.size, image.boxes, {other.key: other for other in others})
    copy = AnnotatedImage(key=stem, path=Path(f"{stem}.png"), size=placed.size, boxes=placed.boxes)
    dropped = tuple(
        DroppedBox(copy.name, image.key, number, image.boxes[number].label, image.boxes[number].xyxy)
        for number in placed.dropped
    )
    label = YoloCodec().render(copy, dataset.class_names, None)
    return PlannedCopy(stem, index, image, recipe, others, placed.size, placed.boxes, dropped, label)
