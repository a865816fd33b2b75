"""How the boxes of a set are spread over its classes, splits and sizes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import combinations
from statistics import median
from typing import TYPE_CHECKING, Any

from converters.model import Box, Dataset, Split
from converters.report import Report
from converters.work import WorkFolder, copies_in

if TYPE_CHECKING:
    import pandas as pd

SMALL_AREA = 32**2
"""Square pixels; a smaller box is small, as COCO counts."""
LARGE_AREA = 96**2
"""Square pixels; a box of at least this is large, as COCO counts."""


@dataclass(slots=True)
class CopyCounts:
    """What the augmented copies of a Darknet data set add.

    Attributes:
        copies: Number of copies (pictures).
        boxes: Boxes in them by class.
        images: Copies with such a box by class.
    """

    copies: int = 0
    boxes: Counter[str] = field(default_factory=Counter)
    images: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class ClassBalance:
    """One class of a set.

    Attributes:
        label: Its name.
        boxes: Its boxes (not those in copies).
        images: Images with at least one of them.
        split_boxes: Its boxes in each split.
        split_images: Images with one of them in each split.
        ratio: Boxes of the largest class for each box of this one (1 or more); None without a box.
        small: Boxes under 32² square pixels.
        medium: Boxes from 32² to under 96².
        large: Boxes from 96².
        median_size: Median (width, height) in pixels; None without a box.
        copy_boxes: Its boxes in augmented copies.
        copy_images: Augmented copies with one of them.
    """

    label: str
    boxes: int
    images: int
    split_boxes: Mapping[Split, int]
    split_images: Mapping[Split, int]
    ratio: float | None
    small: int
    medium: int
    large: int
    median_size: tuple[float, float] | None
    copy_boxes: int = 0
    copy_images: int = 0


@dataclass(frozen=True, slots=True)
class Balance:
    """The numbers of a whole set; copies are counted apart.

    Attributes:
        classes: In the order of the class names.
        images: Number of images.
        boxes: Number of boxes.
        empty: Labelled images without a box.
        unlabelled: Images without a label file.
        split_images: Images in each split; empty where the set is not split.
        copies: Number of augmented copies.
    """

    classes: tuple[ClassBalance, ...]
    images: int
    boxes: int
    empty: int
    unlabelled: int
    split_images: Mapping[Split, int]
    copies: int = 0

    @property
    def largest(self) -> ClassBalance | None:
        """The class with most boxes (the first of equals)."""
        return max(self.classes, key=lambda c: c.boxes, default=None)

    @property
    def smallest(self) -> ClassBalance | None:
        """The class with fewest boxes, but at least one (the last of equals)."""
        present = [c for c in reversed(self.classes) if c.boxes]
        return min(present, key=lambda c: c.boxes, default=None)

    @property
    def imbalance(self) -> float | None:
        """Boxes of the largest class for each box of the smallest that has any; None without a box."""
        if self.largest is None or self.smallest is None:
            return None
        return self.largest.boxes / self.smallest.boxes

    def sentence(self) -> str:
        """The imbalance in one sentence, for a person."""
        missing = [c.label for c in self.classes if not c.boxes]
        largest, smallest = self.largest, self.smallest
        if largest is None or smallest is None:
            return "There is no box in the set."
        if largest is smallest or self.imbalance is None:
            text = f"All boxes are of class {largest.label}."
        elif largest.boxes == smallest.boxes:
            text = "All classes have the same number of boxes."
        else:
            text = f"For each {smallest.label} box there are {self.imbalance:.1f} {largest.label} boxes."
        if missing:
            text += f" No box at all of: {', '.join(missing)}."
        return text

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "images": self.images,
            "boxes": self.boxes,
            "images_without_boxes": self.empty,
            "images_without_labels": self.unlabelled,
            "split_images": {str(split): n for split, n in self.split_images.items()},
            "copies": self.copies,
            "imbalance": round(self.imbalance, 4) if self.imbalance is not None else None,
            "sentence": self.sentence(),
            "classes": [_class_dict(c) for c in self.classes],
        }


def balance(dataset: Dataset, copies: CopyCounts | None = None) -> Balance:
    """Count a set.

    Args:
        dataset: The set without copies.
        copies: What :func:`count_copies` found.
    """
    copies = copies or CopyCounts()
    boxes: dict[str, list[Box]] = {name: [] for name in dataset.class_names}
    images: Counter[str] = Counter()
    split_boxes: Counter[tuple[str, Split]] = Counter()
    split_images: Counter[tuple[str, Split]] = Counter()
    for image in dataset:
        for box in image.boxes:
            boxes.setdefault(box.label, []).append(box)
        labels = Counter(box.label for box in image.boxes)
        images.update(labels.keys())
        if image.split is not None:
            for label, count in labels.items():
                split_boxes[label, image.split] += count
                split_images[label, image.split] += 1
    is_split = any(image.split is not None for image in dataset)
    most = max((len(of_class) for of_class in boxes.values()), default=0)
    classes = tuple(
        _class_balance(
            label,
            of_class,
            images[label],
            {split: split_boxes[label, split] for split in Split} if is_split else {},
            {split: split_images[label, split] for split in Split} if is_split else {},
            most,
            copies,
        )
        for label, of_class in boxes.items()
    )
    return Balance(
        classes=classes,
        images=len(dataset),
        boxes=dataset.box_count,
        empty=sum(image.labelled and not image.boxes for image in dataset),
        unlabelled=sum(not image.labelled for image in dataset),
        split_images={split: len(dataset.in_split(split)) for split in Split} if is_split else {},
        copies=copies.copies,
    )


@dataclass(frozen=True, slots=True)
class SizeCounts:
    """Boxes of one class by size, as COCO divides them (small below 32², large from 96² pixels of area).

    Attributes:
        label: The class.
        small: Boxes under 32² square pixels.
        medium: Boxes from 32² to under 96².
        large: Boxes from 96².
        median_size: Median (width, height) in pixels; None without a box.
    """

    label: str
    small: int
    medium: int
    large: int
    median_size: tuple[float, float] | None


def sizes_at(dataset: Dataset, network_size: tuple[int, int]) -> tuple[SizeCounts, ...]:
    """Sizes of the boxes as a network sees them whose input each picture is stretched to.

    Args:
        dataset: The set.
        network_size: (width, height) of the input in pixels.
    """
    sizes: dict[str, list[tuple[float, float]]] = {name: [] for name in dataset.class_names}
    for image in dataset:
        across, down = network_size[0] / image.size[0], network_size[1] / image.size[1]
        for box in image.boxes:
            sizes.setdefault(box.label, []).append((box.width * across, box.height * down))
    return tuple(_size_counts(label, of_class) for label, of_class in sizes.items())


@dataclass(frozen=True, slots=True)
class CoOccurrence:
    """Which classes stand on the same pictures.

    Attributes:
        images: Pictures with a box of the class.
        alone: Pictures on which no other class stands.
        together: Pictures with both classes, by pair of classes in the order of the class names; pairs
            that never meet are left out.
    """

    images: Mapping[str, int]
    alone: Mapping[str, int]
    together: Mapping[tuple[str, str], int]

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "images": dict(self.images),
            "alone": dict(self.alone),
            "together": [{"classes": list(pair), "images": n} for pair, n in self.together.items()],
        }


def co_occurrence(dataset: Dataset) -> CoOccurrence:
    """Count which classes stand on the same pictures."""
    order = {name: place for place, name in enumerate(dataset.class_names)}
    images: Counter[str] = Counter()
    alone: Counter[str] = Counter()
    together: Counter[tuple[str, str]] = Counter()
    for image in dataset:
        found = {box.label for box in image.boxes}
        labels = sorted(found, key=lambda label: (order.get(label, len(order)), label))
        images.update(labels)
        alone.update(labels if len(labels) == 1 else ())
        together.update(combinations(labels, 2))
    names = dict.fromkeys([*dataset.class_names, *sorted(images)])
    place = {name: number for number, name in enumerate(names)}
    pairs = sorted(together, key=lambda pair: (place[pair[0]], place[pair[1]]))
    return CoOccurrence(
        images={name: images[name] for name in names},
        alone={name: alone[name] for name in names},
        together={pair: together[pair] for pair in pairs},
    )


def count_copies(work: WorkFolder, class_names: tuple[str, ...], report: Report) -> CopyCounts:
    """Count boxes in the augmented copies of a Darknet data set from their label files.

    Copies without a readable label file are reported and count as copies without a box.
    """
    result = CopyCounts()
    for name in copies_in(work):
        result.copies += 1
        path = (work.root / name).with_suffix(".txt")
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except FileNotFoundError:
            report.error("copy-unlabelled", "the copy has no label file.", path=work.root / name)
            continue
        except (OSError, UnicodeDecodeError) as error:
            report.error("copy-unreadable", f"the copy's labels cannot be read: {error}.", path=path)
            continue
        labels: Counter[str] = Counter()
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            token = line.split(maxsplit=1)[0]
            if token.isascii() and token.isdigit() and int(token) < len(class_names):
                labels[class_names[int(token)]] += 1
            else:
                report.error(
                    "bad-class-id", f"{token[:40]!r} is no class id of obj.names.", path=path, line=number
                )
        result.boxes.update(labels)
        result.images.update(labels.keys())
    return result


def boxes_frame(dataset: Dataset) -> pd.DataFrame:
    """One row for each box, for those who count on their own.

    Columns: image, split (empty where none), label, x1, y1, x2, y2, width, height, area (pixels),
    aspect (longer side : shorter side), image_width, image_height, flags (joined by blanks).
    """
    import pandas as pd  # half a second to import; the table for people needs none

    columns = (
        *("image", "split", "label", "x1", "y1", "x2", "y2", "width", "height", "area", "aspect"),
        *("image_width", "image_height", "flags"),
    )
    rows = [
        (
            image.key,
            str(image.split) if image.split is not None else "",
            box.label,
            *box.xyxy,
            box.width,
            box.height,
            box.width * box.height,
            aspect(box),
            *image.size,
            " ".join(sorted(box.flags)),
        )
        for image in dataset
        for box in image.boxes
    ]
    return pd.DataFrame(rows, columns=list(columns))


def aspect(box: Box) -> float:
    """Longer side by shorter side, 1 or more; infinite for a box without area."""
    short, long = sorted((box.width, box.height))
    return long / short if short > 0 else float("inf")


def _class_balance(
    label: str,
    boxes: list[Box],
    images: int,
    split_boxes: Mapping[Split, int],
    split_images: Mapping[Split, int],
    most: int,
    copies: CopyCounts,
) -> ClassBalance:
    sizes = _size_counts(label, [(box.width, box.height) for box in boxes])
    return ClassBalance(
        label=label,
        boxes=len(boxes),
        images=images,
        split_boxes=split_boxes,
        split_images=split_images,
        ratio=most / len(boxes) if boxes else None,
        small=sizes.small,
        medium=sizes.medium,
        large=sizes.large,
        median_size=sizes.median_size,
        copy_boxes=copies.boxes[label],
        copy_images=copies.images[label],
    )


def _size_counts(label: str, sizes: list[tuple[float, float]]) -> SizeCounts:
    small = sum(width * height < SMALL_AREA for width, height in sizes)
    large = sum(width * height >= LARGE_AREA for width, height in sizes)
    middle = (median(size[0] for size in sizes), median(size[1] for size in sizes)) if sizes else None
    return SizeCounts(label, small, len(sizes) - small - large, large, middle)


def _class_dict(c: ClassBalance) -> dict[str, Any]:
    return {
        "class": c.label,
        "boxes": c.boxes,
        "images": c.images,
        "boxes_by_split": {str(split): n for split, n in c.split_boxes.items()},
        "images_by_split": {str(split): n for split, n in c.split_images.items()},
        "ratio": round(c.ratio, 4) if c.ratio is not None else None,
        "small": c.small,
        "medium": c.medium,
        "large": c.large,
        "median_size": list(c.median_size) if c.median_size is not None else None,
        "copy_boxes": c.copy_boxes,
        "copy_images": c.copy_images,
    }
