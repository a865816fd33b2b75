"""A balance plan: how many copies of which training picture, and how many pasted boxes on them.

One picture shows several classes, so copying for one class adds boxes of others. The plan is the solution of
an integer programme over all pictures at once (:mod:`converters.balance_goal` says what is sought, in which
order; docs/balance.md says it for people). Pictures of val and test are never in it, nor are pictures without
a label file.

Counts are those of the originals' boxes: a copy may lose a box that leaves the picture.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from natsort import natsort_keygen

from converters import label_counts
from converters.errors import DataError, UsageError
from converters.model import AnnotatedImage, Dataset, Split

if TYPE_CHECKING:
    from converters.balance_program import Amounts, Effort, Kinds, Programme

MAX_COPIES = 100
"""Most copies of one picture that a plan may hold."""
MAX_PASTES_PER_COPY = 20
"""Most pasted boxes on one copy that a plan may hold."""
CROWDED = 0.5
"""Where boxes cover at least this part of a picture there is no room for another."""
_EXAMPLE = "Write equal, a ratio such as 5:1, or boxes of classes such as mask=3000,no_mask=1500."


@dataclass(frozen=True, slots=True)
class Target:
    """What the training boxes shall be like: either a ratio or numbers.

    Attributes:
        ratio: Boxes of the largest class for each of every other class, at most (1: all equal); or None.
        counts: Boxes of each class that is named, where there is no ratio.
    """

    ratio: Fraction | None = None
    counts: Mapping[str, int] = field(default_factory=dict)

    def __str__(self) -> str:
        if self.ratio is not None:
            return "equal" if self.ratio == 1 else ratio_text(float(self.ratio))
        return label_counts.render(self.counts, ",")


@dataclass(frozen=True, slots=True)
class PlanOptions:
    """What a plan may do.

    Attributes:
        max_copies: Of one picture, 1 to :data:`MAX_COPIES`.
        paste: Whether boxes may be pasted where copies alone do not reach the target.
        max_pastes_per_copy: Pasted boxes on one copy, 1 to :data:`MAX_PASTES_PER_COPY`.
        max_uses: How often each training box of a class is pasted at most, 1 or more (only boxes that can be
            cut out: see :mod:`converters.faces`).
        fewest: Prefer fewer copies to copies of more pictures.
        time_limit: Seconds after which the best plan so far is taken.
    """

    max_copies: int = 10
    paste: bool = False
    max_pastes_per_copy: int = 2
    max_uses: int = 5
    fewest: bool = False
    time_limit: float = 60.0

    def check(self) -> None:
        """Raise UsageError where a number is out of its range."""
        for name, value, most in (
            ("copies of one picture", self.max_copies, MAX_COPIES),
            ("pasted boxes on one copy", self.max_pastes_per_copy, MAX_PASTES_PER_COPY),
            ("uses of one box", self.max_uses, 1_000_000),
        ):
            if not 1 <= value <= most:
                raise UsageError(f"at most {value} {name}: must be 1 to {most}.")
        if not self.time_limit > 0:
            raise UsageError(f"a time limit of {self.time_limit:g} s: must be above 0.")


@dataclass(frozen=True, slots=True)
class Short:
    """A class that a plan does not bring to its target.

    Attributes:
        label: The class.
        boxes: Its boxes with the plan.
        target: What was asked for.
        best: The most boxes (where numbers were asked for) or the smallest ratio of the largest class to
            it that any plan reaches, whatever becomes of the other classes.
        best_with_pastes: The same with pasted boxes; None where the plan may paste already.
        reasons: What holds it back, a sentence each.
    """

    label: str
    boxes: int
    target: int
    best: float
    best_with_pastes: float | None
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class BalancePlan:
    """Copies and pasted boxes, and what comes of them.

    Attributes:
        copies: How many of each training picture that gets any, by key, in natural order.
        pastes: Pasted boxes on all copies of a picture together, by key and class.
        before: Boxes of each class in the training pictures.
        after: The same with the copies and pasted boxes.
        target: Boxes each class shall have; classes without a target are missing. Empty in a plan that was
            read from a file.
        reached: Whether each class has them.
        notes: What a person should know, a sentence each.
        short: The classes that hold it back.
        gap: How much more than the best possible a step of the search may have cost, at most, as a
            fraction (0.001: 0.1 %).
        seconds: What the search took.
    """

    copies: Mapping[str, int]
    pastes: Mapping[str, Mapping[str, int]]
    before: Mapping[str, int]
    after: Mapping[str, int]
    target: Mapping[str, int] = field(default_factory=dict)
    reached: bool = True
    notes: tuple[str, ...] = ()
    short: tuple[Short, ...] = ()
    gap: float = field(default=0.0, compare=False)
    seconds: float = field(default=0.0, compare=False)

    @property
    def copy_count(self) -> int:
        """All copies together."""
        return sum(self.copies.values())

    @property
    def pasted(self) -> dict[str, int]:
        """Pasted boxes of each class."""
        total: Counter[str] = Counter()
        for pastes in self.pastes.values():
            total.update(pastes)
        return {label: total[label] for label in self.before}

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "copies": dict(self.copies),
            "pastes": {key: dict(pastes) for key, pastes in self.pastes.items()},
            "before": dict(self.before),
            "after": dict(self.after),
            "pasted": self.pasted,
            "target": dict(self.target),
            "reached": self.reached,
            "ratio_before": _rounded(ratio_of(self.before)),
            "ratio_after": _rounded(ratio_of(self.after)),
            "short": [
                {
                    "class": short.label,
                    "boxes": short.boxes,
                    "target": short.target,
                    "best": _rounded(short.best),
                    "best_with_pastes": _rounded(short.best_with_pastes),
                    "reasons": list(short.reasons),
                }
                for short in self.short
            ],
            "notes": list(self.notes),
            "gap": round(self.gap, 6),
            "seconds": round(self.seconds, 3),
        }


def parse_target(text: str) -> Target:
    """A target out of ``equal``, ``5:1`` or ``mask=3000,no_mask=1500``.

    In a class name a backslash stands before a comma, an equals sign or a backslash.

    Raises:
        UsageError: It is none of these, the ratio is below 1, or a number is no whole number of boxes.
    """
    stripped = text.strip()
    if stripped.lower() == "equal":
        return Target(Fraction(1))
    if parts := re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*:\s*(\d+(?:\.\d*)?|\.\d+)", stripped, re.ASCII):
        large, small = Fraction(parts[1]), Fraction(parts[2])
        if not small or large < small:
            raise UsageError(
                f"the ratio {stripped} is not 1:1 or more; the largest class comes first.", hint=_EXAMPLE
            )
        return Target(large / small)
    if "=" not in stripped:
        raise UsageError(f"{text!r} is no target.", hint=_EXAMPLE)
    try:
        return Target(counts=label_counts.parse(stripped, ","))
    except UsageError as error:
        raise UsageError(f"the target {text!r}: {error.message}", hint=_EXAMPLE) from error


def ratio_of(counts: Mapping[str, int]) -> float | None:
    """Boxes of the largest class for each of the smallest that has any; None without a box."""
    present = [count for count in counts.values() if count]
    return max(present) / min(present) if present else None


def ratio_text(ratio: float) -> str:
    """``26.2 : 1``; up to one decimal."""
    return f"{ratio:,.1f}".removesuffix(".0") + " : 1"


def training_counts(dataset: Dataset) -> dict[str, int]:
    """Boxes of each class in the training pictures, also of classes without one, in the classes' order."""
    count = Counter(box.label for image in dataset.in_split(Split.TRAIN) for box in image.boxes)
    return {label: count[label] for label in dict.fromkeys([*dataset.class_names, *sorted(count)])}


def planned_counts(
    dataset: Dataset, copies: Mapping[str, int], pastes: Mapping[str, Mapping[str, int]]
) -> dict[str, int]:
    """Boxes of each class in the training pictures and their copies, with the pasted ones."""
    result = Counter(training_counts(dataset))
    for image in dataset.in_split(Split.TRAIN):
        for box in image.boxes:
            result[box.label] += copies.get(image.key, 0)
        result.update(pastes.get(image.key, {}))
    return {label: result[label] for label in training_counts(dataset)}


def solve(dataset: Dataset, target: Target, options: PlanOptions = PlanOptions()) -> BalancePlan:
    """The best plan for a target; one that makes nothing worse, whatever can be reached.

    Args:
        dataset: A set with a split; the order of its pictures does not matter.
        target: What the boxes shall be like.
        options: What the plan may do.

    Raises:
        UsageError: An option is out of range, the target names no class of the set, or the set has no
            training pictures.
        DataError: No labelled training picture has a box.
    """
    from converters.balance_report import explain  # NumPy and the solver come along; a look needs neither

    options.check()
    task = _Task.of(dataset, target, options)
    began = time.monotonic()
    programme, amounts = task.search(began + options.time_limit)
    copies, pastes = task.deal(amounts)
    after = planned_counts(dataset, copies, pastes)
    targets = targets_of(target, after)
    effort: Effort = programme.effort
    short, notes = explain(programme, amounts, task.labels, target, options, task.before)
    return BalancePlan(
        copies=copies,
        pastes=pastes,
        before=task.before,
        after=after,
        target=targets,
        reached=not short and all(after[label] >= count for label, count in target.counts.items()),
        notes=notes,
        short=short,
        gap=effort.gap,
        seconds=time.monotonic() - began,
    )


def targets_of(target: Target, after: Mapping[str, int]) -> dict[str, int]:
    """Boxes that each class shall have: for a ratio so many that the largest class keeps it."""
    if target.ratio is None:
        return dict(target.counts)
    least = -(-max(after.values(), default=0) * target.ratio.denominator // target.ratio.numerator)
    return {label: int(least) for label, count in after.items() if count}


@dataclass(frozen=True, slots=True)
class _Task:
    """A set as the integer programme sees it.

    ``labels`` are the classes with a training box, sorted by name; ``pictures`` the training pictures of
    each kind in natural order.
    """

    labels: tuple[str, ...]
    kinds: Kinds
    pictures: tuple[tuple[AnnotatedImage, ...], ...]
    before: dict[str, int]
    target: Target
    options: PlanOptions

    @classmethod
    def of(cls, dataset: Dataset, target: Target, options: PlanOptions) -> _Task:
        import numpy as np

        from converters.balance_program import Kinds
        from converters.faces import MIN_SIDE, usable_faces

        before = training_counts(dataset)
        _check(dataset, target, before)
        labels = tuple(sorted(label for label, count in before.items() if count))
        members: dict[tuple[tuple[int, ...], bool], list[AnnotatedImage]] = {}
        for image in dataset.in_split(Split.TRAIN):
            if image.labelled and (image.boxes or options.paste):
                count = Counter(box.label for box in image.boxes)
                key = tuple(count[label] for label in labels), has_room(image)
                members.setdefault(key, []).append(image)
        keys = sorted(members)
        base = np.array([before[label] for label in labels], np.int64)
        usable = Counter(
            image.boxes[index].label
            for image in dataset.in_split(Split.TRAIN)
            if image.labelled
            for index in usable_faces(image, MIN_SIDE)
        )
        pasteable = np.array([usable[label] for label in labels], np.int64)
        kinds = Kinds(
            boxes=np.array([boxes for boxes, _ in keys], np.int64),
            pictures=np.array([len(members[key]) for key in keys], np.int64),
            hosts=np.array([room for _, room in keys], np.bool_),
            base=base,
            max_copies=options.max_copies,
            max_pastes=pasteable * (options.max_uses if options.paste else 0),
            pasteable=pasteable,
            pastes_per_copy=options.max_pastes_per_copy,
        )
        return cls(labels, kinds, tuple(_natural(members[key]) for key in keys), before, target, options)

    def search(self, deadline: float) -> tuple[Programme, Amounts]:
        """The programme and its best amounts, or nothing at all where those are no better."""
        import numpy as np

        from converters.balance_goal import distance, reach_counts, reach_ratio
        from converters.balance_program import Effort, Programme

        programme = Programme(self.kinds, Effort(deadline))
        wanted = np.array([float(self.target.counts.get(label, 0)) for label in self.labels])
        if self.target.ratio is not None:
            ratio = float(self.target.ratio)
            found = reach_ratio(programme, ratio, fewest=self.options.fewest)
        else:
            ratio = None
            found = reach_counts(programme, wanted, fewest=self.options.fewest)
        nothing = programme.nothing()
        better = distance(programme, found, ratio, wanted) < distance(programme, nothing, ratio, wanted)
        return programme, found if better else nothing

    def deal(self, amounts: Amounts) -> tuple[dict[str, int], dict[str, dict[str, int]]]:
        """Copies of each picture and pasted boxes on them, by key in natural order."""
        dealt: list[tuple[AnnotatedImage, int, bool]] = []
        for kind, pictures in enumerate(self.pictures):
            each, more = divmod(int(amounts.copies[kind]), len(pictures))
            room = bool(self.kinds.hosts[kind])
            dealt += [(image, each + (place < more), room) for place, image in enumerate(pictures)]
        by_key = {image.key: (copies, room) for image, copies, room in dealt if copies}
        ordered = [image.key for image in _natural(image for image, copies, _ in dealt if copies)]
        copies = {key: by_key[key][0] for key in ordered}
        hosts = [(key, copies[key]) for key in ordered if by_key[key][1]]
        wanted = {label: int(amounts.pastes[k]) for k, label in enumerate(self.labels)}
        return copies, _deal_pastes(hosts, wanted)


def has_room(image: AnnotatedImage) -> bool:
    """Whether boxes cover less than :data:`CROWDED` of a picture, so that another finds a place."""
    covered = sum(box.width * box.height for box in image.boxes)
    return covered < CROWDED * image.size[0] * image.size[1]


def _check(dataset: Dataset, target: Target, before: Mapping[str, int]) -> None:
    if not dataset.in_split(Split.TRAIN):
        raise UsageError(
            "the set is not split, so there is no training picture to copy.",
            path=dataset.root,
            hint="Make a split set of it with convert-cli SET WORK, and plan for that.",
        )
    unknown = [label for label in target.counts if label not in before]
    if unknown:
        raise UsageError(
            f"the target names {', '.join(map(repr, unknown))}, which is no class of the set.",
            hint=f"Its classes are {', '.join(before)}.",
        )
    if not any(before.values()):
        raise DataError(
            "no labelled training picture has a box, so there is nothing to balance.",
            path=dataset.root,
            code="no-train",
        )


def _natural(images: Iterable[AnnotatedImage]) -> tuple[AnnotatedImage, ...]:
    key = natsort_keygen()
    return tuple(sorted(images, key=lambda image: (key(image.key), image.key)))


def _deal_pastes(hosts: Sequence[tuple[str, int]], wanted: Mapping[str, int]) -> dict[str, dict[str, int]]:
    """Spread pasted boxes over copies in proportion, the classes mixed.

    Args:
        hosts: Key and number of copies of each picture that has room.
        wanted: Pasted boxes of each class.
    """
    # The j-th box of a class stands at (j + 1/2) / count of the row: so the classes alternate evenly.
    row = sorted(
        (Fraction(2 * j + 1, 2 * count), label) for label, count in wanted.items() for j in range(count)
    )
    copies = sum(count for _, count in hosts)
    result: dict[str, dict[str, int]] = {}
    seen = first = 0
    for key, count in hosts:
        seen += count
        last = len(row) * seen // copies
        if last > first:
            here = Counter(label for _, label in row[first:last])
            result[key] = {label: here[label] for label in wanted if here[label]}
        first = last
    return result


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
