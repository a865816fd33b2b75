"""Everything about the copies that can be known without decoding a picture: names, operations, boxes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from augment.plan_pastes import DealtPastes, Pastes, deal_pastes
from augment.policy import STUDY, Policy
from augment.recipe import Recipe
from augment.transforms import Donors, PictureOf, Scene
from converters import naming
from converters.errors import DataError, UsageError
from converters.formats.base import LoadOptions, ProgressCallback
from converters.formats.yolo import YoloCodec
from converters.model import AnnotatedImage, Box, Dataset, Split, Xyxy
from converters.report import Report
from converters.work import WorkFolder, open_work

if TYPE_CHECKING:
    from converters.images import RgbImage

MAX_COPIES = 100
MAX_SEED = 2**63 - 1


class Loaded(NamedTuple):
    """A data set that was loaded.

    Attributes:
        work: Where it lies.
        dataset: The set.
        report: What was found while it was read.
    """

    work: WorkFolder
    dataset: Dataset
    report: Report


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
        pasted: Which of its boxes were pasted on it, by their index.
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
    pasted: tuple[int, ...] = ()

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
        pastes: What became of the pasted faces that were asked for; None where none were.
    """

    work: WorkFolder
    class_names: tuple[str, ...]
    images: tuple[AnnotatedImage, ...]
    copies: tuple[PlannedCopy, ...]
    seed: int
    policy: Policy
    report: Report = field(compare=False)
    pastes: DealtPastes | None = None


def make_plan(
    root: Path,
    *,
    copies: int | Mapping[str, int],
    seed: int,
    policy: Policy = STUDY,
    pastes: Pastes | None = None,
    loaded: Loaded | None = None,
    on_progress: ProgressCallback | None = None,
    on_planned: ProgressCallback | None = None,
) -> Plan:
    """Draw the operations of every copy and work out its boxes.

    Args:
        root: A Darknet data set (see :mod:`converters.work`).
        copies: Copies of each training picture, 1 to :data:`MAX_COPIES`; or of each by its key, 0 for those
            that are not in it.
        seed: 0 to :data:`MAX_SEED`.
        policy: What a copy may get.
        pastes: Faces to paste on the copies of each picture, by class (a balance plan's).
        loaded: The data set, where it was loaded before (:func:`load`).
        on_progress: Told while the data set is read.
        on_planned: Told how many copies are planned, of how many; it may raise to cancel.

    Raises:
        UsageError: A number is out of range, or the pastes or the policy name what is not there.
        NotADatasetError: ``root`` is no such data set.
        DataError: No training picture, or nothing of the set can be read.
    """
    for count in copies.values() if isinstance(copies, Mapping) else (copies,):
        if not (0 if isinstance(copies, Mapping) else 1) <= count <= MAX_COPIES:
            raise UsageError(f"{count} copies of each picture: must be 1 to {MAX_COPIES}.")
    if not 0 <= seed <= MAX_SEED:
        raise UsageError(f"the seed {seed} must be 0 to {MAX_SEED}.")
    work, dataset, report = loaded or load(root, on_progress)
    for transform in policy.all_transforms:
        transform.check_classes(dataset.class_names)
    images = _to_copy(dataset.in_split(Split.TRAIN), report)
    if not images:
        raise DataError(
            "there is no labelled training picture to make copies of.", path=work.split_csv, code="no-train"
        )
    numbers = {
        image.key: copies.get(image.key, 0) if isinstance(copies, Mapping) else copies for image in images
    }
    donors = Donors(images, picture_of=_picture_of(images))
    scenes = {
        image.key: Scene(image.size, image.key, image.boxes, donors, dataset.class_names) for image in images
    }
    dealt = None
    if pastes is not None:
        dealt = deal_pastes(images, numbers, pastes, seed=seed, policy=policy, scene_of=scenes)
        _report_pastes(dealt, report)
    planned = _plan_copies(images, numbers, scenes, seed, policy, dealt, report, on_planned)
    return Plan(work, dataset.class_names, images, tuple(planned), seed, policy, report, dealt)


def load(root: Path, on_progress: ProgressCallback | None = None) -> Loaded:
    """Load a data set for :func:`make_plan`.

    Raises:
        NotADatasetError: ``root`` is no Darknet data set.
        DataError: Nothing of it can be read.
    """
    from converters import registry  # brings every format along

    work = open_work(root)
    report = Report()
    return Loaded(work, registry.load(root, report, LoadOptions(on_progress=on_progress)), report)


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


def _plan_copies(
    images: tuple[AnnotatedImage, ...],
    numbers: Mapping[str, int],
    scenes: Mapping[str, Scene],
    seed: int,
    policy: Policy,
    dealt: DealtPastes | None,
    report: Report,
    on_planned: ProgressCallback | None,
) -> list[PlannedCopy]:
    """All copies, in natural order of their originals; what cannot be planned goes to the report."""
    stems = _stems(images)
    steps = dealt.steps if dealt else {}
    planned: list[PlannedCopy] = []
    alike: list[str] = []
    done, total = 0, sum(numbers.values())
    for image in images:
        if on_planned is not None:
            on_planned(done, total)
        done += numbers[image.key]
        scene = scenes[image.key]
        try:
            for index in range(1, numbers[image.key] + 1):
                pasted = steps.get((image.key, index))
                recipe = policy.draw(seed, image.name, index, scene, [pasted] if pasted else [])
                stem = f"{stems[image.key]}_c{index}"
                if recipe.steps:
                    planned.append(_planned(stem, index, image, recipe, scene))
                else:
                    alike.append(stem)
        except DataError as error:
            report.add_exception(error, key=image.key)
    if on_planned is not None:
        on_planned(total, total)
    if alike:
        report.warning(
            "no-operation",
            f"{len(alike)} copies would be their originals again, since none of the policy's operations can "
            f"be done to them: {some_of(alike)}. They are left out.",
        )
    return planned


def some_of(names: Sequence[str], most: int = 3) -> str:
    """The first few names of many, for a message."""
    return ", ".join(names[:most]) + (", …" if len(names) > most else "")


def _report_pastes(dealt: DealtPastes, report: Report) -> None:
    for label, missing in dealt.unplaced.items():
        report.warning(
            "not-pasted",
            f"{missing} of {dealt.asked[label]} {label} faces could not be pasted: no face of the class is "
            "left that is whole, sharp and large enough, or there is no free place.",
            hint="Allow more with max_uses, min_side or min_sharpness of copy_paste in a policy, "
            "or paste fewer.",
        )


def _picture_of(images: tuple[AnnotatedImage, ...]) -> PictureOf:
    """Gives the pixels of a picture while copies are planned, where an operation asks for them."""
    by_key = {image.key: image for image in images}

    def pixels(key: str) -> RgbImage:
        from converters.images import load_rgb

        return load_rgb(by_key[key].path)

    return pixels


def _planned(stem: str, index: int, image: AnnotatedImage, recipe: Recipe, scene: Scene) -> PlannedCopy:
    """A copy with its boxes and label file.

    Raises:
        FormatError: A box cannot be written.
    """
    others = tuple(scene.donors.by_key[key] for key in recipe.donors)
    placed = recipe.place(image.size, image.boxes, {other.key: other for other in others})
    copy = AnnotatedImage(key=stem, path=Path(f"{stem}.png"), size=placed.size, boxes=placed.boxes)
    dropped = tuple(
        DroppedBox(copy.name, image.key, number, image.boxes[number].label, image.boxes[number].xyxy)
        for number in placed.dropped
    )
    label = YoloCodec().render(copy, scene.class_names, None)
    return PlannedCopy(
        stem, index, image, recipe, others, placed.size, placed.boxes, dropped, label, placed.pasted
    )
