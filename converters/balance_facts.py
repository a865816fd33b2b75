"""All numbers about the balance of a set in one value, for the table, the report and the window."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from converters.balance_plan import BalancePlan, ratio_of, ratio_text
from converters.model import Dataset, Split
from converters.stats import (
    Balance,
    CoOccurrence,
    CopyCounts,
    SizeCounts,
    balance,
    co_occurrence,
    sizes_at,
)

if TYPE_CHECKING:
    import pandas as pd

_BINS = ((0, 0), (1, 1), (2, 2), (3, 3), (4, 4), (5, 9), (10, 19), (20, 49), (50, None))


@dataclass(frozen=True, slots=True)
class Crowd:
    """Pictures with a number of boxes in a range.

    Attributes:
        low: Fewest boxes.
        high: Most boxes; None: no limit.
        images: Such pictures in each split; under None those in no split.
    """

    low: int
    high: int | None
    images: Mapping[Split | None, int]

    @property
    def name(self) -> str:
        """``3``, ``5–9``, ``50+``."""
        if self.high is None:
            return f"{self.low}+"
        return str(self.low) if self.low == self.high else f"{self.low}–{self.high}"

    def holds(self, boxes: int) -> bool:
        """Whether a number of boxes is in the range."""
        return self.low <= boxes and (self.high is None or boxes <= self.high)


@dataclass(frozen=True, slots=True)
class BalanceFacts:
    """Everything that is shown about a set.

    Attributes:
        dataset: The set without its copies.
        balance: Boxes and pictures by class, split and size.
        copies: What the augmented copies add; None where the set cannot have any.
        together: Which classes share pictures.
        crowds: Pictures by their number of boxes, from none to the most there are.
        network_size: (width, height) of a network's input in pixels, or None.
        network_sizes: Sizes of the boxes there; empty without a network.
        plan: What was planned for it, or None.
    """

    dataset: Dataset
    balance: Balance
    copies: CopyCounts | None
    together: CoOccurrence
    crowds: tuple[Crowd, ...]
    network_size: tuple[int, int] | None = None
    network_sizes: tuple[SizeCounts, ...] = ()
    plan: BalancePlan | None = None

    @property
    def trained_on(self) -> dict[str, int]:
        """Boxes of each class in what Darknet trains on now: with the copies; all where nothing is split."""
        if not self.balance.split_images:
            return {c.label: c.boxes for c in self.balance.classes}
        return {c.label: c.split_boxes[Split.TRAIN] + c.copy_boxes for c in self.balance.classes}

    def copies_sentence(self) -> str:
        """What the copies do to the training boxes, for a person; empty without copies."""
        if not self.balance.copies or not self.balance.split_images:
            return ""
        before = ratio_of({c.label: c.split_boxes[Split.TRAIN] for c in self.balance.classes})
        after = ratio_of(self.trained_on)
        if before is None or after is None:
            return ""
        return (
            f"Largest to smallest class in training: {ratio_text(before)} without the copies, "
            f"{ratio_text(after)} with them."
        )

    @property
    def sizes(self) -> tuple[SizeCounts, ...]:
        """Sizes of the boxes in the pictures as they are."""
        return tuple(
            SizeCounts(c.label, c.small, c.medium, c.large, c.median_size) for c in self.balance.classes
        )

    def at(self, network_size: tuple[int, int] | None) -> BalanceFacts:
        """The same at another network's size."""
        sizes = sizes_at(self.dataset, network_size) if network_size is not None else ()
        return replace(self, network_size=network_size, network_sizes=sizes)

    def with_plan(self, plan: BalancePlan | None) -> BalanceFacts:
        """The same with a plan."""
        return replace(self, plan=plan)


def facts_of(
    dataset: Dataset,
    copies: CopyCounts | None = None,
    *,
    network_size: tuple[int, int] | None = None,
    plan: BalancePlan | None = None,
) -> BalanceFacts:
    """Count a set.

    Args:
        dataset: The set without its copies.
        copies: What :func:`converters.stats.count_copies` found.
        network_size: (width, height) in pixels at which box sizes are counted once more.
        plan: What was planned for it.
    """
    facts = BalanceFacts(
        dataset, balance(dataset, copies), copies, co_occurrence(dataset), crowds_of(dataset)
    )
    return facts.at(network_size).with_plan(plan)


def crowds_of(dataset: Dataset) -> tuple[Crowd, ...]:
    """Pictures by their number of boxes, in ranges up to that of the fullest picture; none of no picture."""
    found: dict[Split | None, Counter[int]] = {None: Counter(), **{split: Counter() for split in Split}}
    for image in dataset:
        found[image.split][len(image.boxes)] += 1
    most = max((boxes for counts in found.values() for boxes in counts), default=-1)
    result = []
    for low, high in _BINS:
        if low <= most:
            bounds = Crowd(low, high, {})
            images = {
                split: sum(n for boxes, n in counts.items() if bounds.holds(boxes))
                for split, counts in found.items()
            }
            result.append(replace(bounds, images=images))
    return tuple(result)


def class_frame(facts: BalanceFacts) -> pd.DataFrame:
    """One row for each class.

    Columns: class_id, class, boxes, images, alone (pictures that show no other class), ratio (boxes of the
    largest class for each of its own; empty without a box), small, medium, large, median_width,
    median_height (pixels); with a network's size the same five again, ``…_at_416x416``; in a split set
    train_boxes, train_images, …; copy_boxes, copy_images; with a plan planned_boxes, target_boxes.
    """
    import pandas as pd  # half a second to import; the table for people needs none

    rows = []
    at_network = {c.label: c for c in facts.network_sizes}
    for number, c in enumerate(facts.balance.classes):
        row: dict[str, Any] = {
            "class_id": number,
            "class": c.label,
            "boxes": c.boxes,
            "images": c.images,
            "alone": facts.together.alone.get(c.label, 0),
            "ratio": c.ratio,
            **_size_columns(SizeCounts(c.label, c.small, c.medium, c.large, c.median_size), ""),
        }
        if facts.network_size is not None:
            suffix = f"_at_{facts.network_size[0]}x{facts.network_size[1]}"
            row |= _size_columns(at_network[c.label], suffix)
        for split in c.split_boxes:
            row |= {f"{split}_boxes": c.split_boxes[split], f"{split}_images": c.split_images[split]}
        row |= {"copy_boxes": c.copy_boxes, "copy_images": c.copy_images}
        if facts.plan is not None:
            row["planned_boxes"] = facts.plan.after.get(c.label)
            row["target_boxes"] = facts.plan.target.get(c.label)
        rows.append(row)
    frame = pd.DataFrame(rows)
    whole = [name for name in ("planned_boxes", "target_boxes") if name in frame]
    return frame.astype(dict.fromkeys(whole, "Int64"))


def _size_columns(sizes: SizeCounts, suffix: str) -> dict[str, Any]:
    width, height = sizes.median_size if sizes.median_size is not None else (None, None)
    return {
        f"small{suffix}": sizes.small,
        f"medium{suffix}": sizes.medium,
        f"large{suffix}": sizes.large,
        f"median_width{suffix}": width,
        f"median_height{suffix}": height,
    }


def csv_bytes(frame: pd.DataFrame) -> bytes:
    """A table as CSV in UTF-8; names that are not UTF-8 on disk keep their bytes."""
    text = frame.to_csv(index=False, lineterminator="\n", float_format="%.10g")
    return text.encode("utf-8", "surrogateescape")
