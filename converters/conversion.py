"""What a conversion is asked for, and what it made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from converters.baking import Bake
from converters.formats.base import TrustSize, VocEdges
from converters.losses import Loss
from converters.model import AnnotatedImage, Dataset, Split
from converters.remap import Rename
from converters.split import SplitQuality, SplitRequest

StageCallback = Callable[[str], None]
"""Told what is being done now, in a few words (``reading labels``)."""


@dataclass(frozen=True, slots=True)
class ConvertOptions:
    """How a set is converted.

    Attributes:
        rename: Classes that get another name.
        classes: Order of the classes after that; None: the order in ``rename``, then the set's.
        drop: Classes (by the names they have in the source) whose boxes are left out; pictures stay.
        split: Sizes of train, val and test; None: the split the set has, else 70/15/15.
        seed: Of the split.
        groups: A file that says which pictures must stay together, beside those that look alike.
        resplit: Divide anew although the Darknet data set that is replaced was divided already.
        keep_good: Keep the good boxes of a label file with a bad one.
        fix_outside: Cut also boxes that reach far outside their picture (their file is rejected otherwise).
        trust_size: See :class:`converters.formats.base.LoadOptions`.
        voc_edges: How edges are counted in Pascal VOC files, those that are read and those that are written.
        keep_unlabelled: Take pictures without a label file as "nothing here" (they are left out otherwise).
        bake: Which pictures are written anew as 8-bit RGB PNG.
        similar: Look for pictures that show the same, so that a split does not tear them apart. Without it
            (in a new data set, not in adding) pictures that are only linked are not decoded.
        jobs: Processes; 1 works in this one; None: as many as there are processors.
        format: Name of the source's format; None: it is recognised.
        images: Another folder in which the source's pictures lie.
        force: Replace the parts of an existing Darknet data set. Pictures that were added to it from other
            sets stay.
        drop_added: With ``force``: they go, too.
        copy: Copy every picture (else it is a second name of the same file, where the disk can do that).
        splits: Splits that the set's files do not know (set by hand in the window), by key; None as a value
            takes a picture out of its split.
    """

    rename: Sequence[Rename] = ()
    classes: Sequence[str] | None = None
    drop: Sequence[str] = ()
    split: SplitRequest | None = None
    seed: int = 1
    groups: Path | None = None
    resplit: bool = False
    keep_good: bool = False
    fix_outside: bool = False
    trust_size: TrustSize = "error"
    voc_edges: VocEdges = "as-is"
    keep_unlabelled: bool = False
    bake: Bake = Bake.AUTO
    similar: bool = True
    jobs: int | None = None
    format: str | None = None
    images: Path | None = None
    force: bool = False
    drop_added: bool = False
    copy: bool = False
    splits: Mapping[str, Split | None] = field(default_factory=dict)


DEFAULT_OPTIONS = ConvertOptions()


@dataclass(slots=True)
class ConvertResult:
    """What a conversion made.

    Attributes:
        target: The new folder.
        dataset: What was written: images of the source with the boxes, classes and splits they have now.
        source_format: Name of the format that was read.
        target_format: Name of the format that was written.
        loses: What the format written cannot hold.
        lost: What of that the set had, counted.
        quality: How the set was divided; None where it was not.
        groups: Near-identical pictures (and groups of the person's) that were kept together: keys by name.
        linked: Pictures that went over as they are.
        baked: Pictures that were written anew.
        renamed: New file name by old path, where it had to change.
        unlabelled: Keys left out because they have no label file.
        rejected: Keys left out because of an error in their label file or the picture's header.
        unreadable: Keys left out because the picture cannot be decoded.
        surplus: Keys in no split, because fewer pictures were asked for.
        clipped: Boxes that were cut to their picture.
        dropped: Boxes outside their picture.
        kept_splits: Pictures that stay in the split they had.
        removed_copies: Augmented copies of the replaced set, which are gone.
        kept_added: Pictures of other sets, added to the replaced one, which stay.
        dropped_classes: Classes that were left out, with the number of their boxes.
    """

    target: Path
    dataset: Dataset
    source_format: str
    target_format: str
    loses: tuple[str, ...] = ()
    lost: list[Loss] = field(default_factory=list)
    quality: SplitQuality | None = None
    groups: dict[str, list[str]] = field(default_factory=dict)
    linked: int = 0
    baked: int = 0
    renamed: dict[str, str] = field(default_factory=dict)
    unlabelled: list[str] = field(default_factory=list)
    rejected: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    surplus: list[str] = field(default_factory=list)
    clipped: int = 0
    dropped: int = 0
    kept_splits: int = 0
    removed_copies: int = 0
    kept_added: int = 0
    dropped_classes: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        boxes = Counter(box.label for image in self.dataset for box in image.boxes)
        return {
            "target": str(self.target),
            "from": self.source_format,
            "to": self.target_format,
            "loses": list(self.loses),
            "lost": [loss.as_dict() for loss in self.lost],
            "images": len(self.dataset),
            "boxes": self.dataset.box_count,
            "classes": {name: boxes[name] for name in self.dataset.class_names},
            "split": self.quality.as_dict() if self.quality is not None else None,
            "groups": self.groups,
            "linked": self.linked,
            "baked": self.baked,
            "renamed": self.renamed,
            "left_out": {
                "unlabelled": self.unlabelled,
                "rejected": self.rejected,
                "unreadable": self.unreadable,
                "surplus": self.surplus,
            },
            "boxes_clipped": self.clipped,
            "boxes_dropped": self.dropped,
            "kept_splits": self.kept_splits,
            "removed_copies": self.removed_copies,
            "kept_added": self.kept_added,
            "dropped_classes": self.dropped_classes,
        }


def silent(stage: str) -> None:
    """A stage callback for those who do not want to know."""


@dataclass(frozen=True, slots=True)
class AddOptions:
    """What is done when a set is added to another.

    Attributes:
        new_classes: Append classes that the data set does not know to its names (else they are an error).
        keep_identical: Take also pictures of which the very same is there (else they are left out).
    """

    new_classes: bool = False
    keep_identical: bool = False


DEFAULT_ADDING = AddOptions()


@dataclass(slots=True)
class AddResult:
    """What adding a set to a Darknet data set did.

    Attributes:
        base: What every conversion says: what was linked, baked, renamed, left out.
        before: The data set as it was.
        copies: Augmented copies that are there.
        set_name: What the set is called in split.csv; empty for the one that the data set was made from.
        added: The new pictures, with their keys in their own set and their splits.
        new_classes: Classes appended to obj.names.
        already: Keys that were added before.
        identical: Keys left out because a picture with the same pixels is there.
        differing: Those of both whose boxes differ from the ones there.
        changed: Keys of pictures that were added before and are others now.
        followed: File in ``work`` by key, for new pictures that went where one is that shows the same.
        quality: How the whole is divided now.
    """

    base: ConvertResult
    before: Dataset
    copies: int = 0
    set_name: str = ""
    added: tuple[AnnotatedImage, ...] = ()
    new_classes: tuple[str, ...] = ()
    already: list[str] = field(default_factory=list)
    identical: list[str] = field(default_factory=list)
    differing: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    followed: dict[str, str] = field(default_factory=dict)
    quality: SplitQuality | None = None

    @property
    def added_splits(self) -> dict[Split, int]:
        """New pictures in each split."""
        return {split: sum(image.split is split for image in self.added) for split in Split}

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        before = Counter(box.label for image in self.before for box in image.boxes)
        new = Counter(box.label for image in self.added for box in image.boxes)
        classes = (*self.before.class_names, *self.new_classes)
        base = self.base.as_dict()
        return {
            "target": base["target"],
            "from": base["from"],
            "set": self.set_name,
            "images_before": len(self.before),
            "images_added": len(self.added),
            "images": len(self.before) + len(self.added),
            "added": {str(split): count for split, count in self.added_splits.items()},
            "classes": {name: {"before": before[name], "added": new[name]} for name in classes},
            "new_classes": list(self.new_classes),
            "split": self.quality.as_dict() if self.quality is not None else None,
            "followed": self.followed,
            "renamed": base["renamed"],
            "left_out": {
                **base["left_out"],
                "already": self.already,
                "identical": self.identical,
                "changed": self.changed,
            },
            "boxes_differ": self.differing,
            "boxes_clipped": base["boxes_clipped"],
            "boxes_dropped": base["boxes_dropped"],
            "copies": self.copies,
            "augment_again": bool(self.copies and self.added_splits[Split.TRAIN]),
        }
