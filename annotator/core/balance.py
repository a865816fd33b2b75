"""The balance page without Qt: where its numbers come from, what a bar stands for, the plan."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from annotator.core.project import Project
from augment.plan import Loaded
from converters import registry
from converters.balance_facts import BalanceFacts, facts_of
from converters.balance_plan import (
    BalancePlan,
    PlanOptions,
    Target,
    solve,
    training_counts,
)
from converters.charts import BarChart, Row, Subject
from converters.colours import ClassColours
from converters.errors import DataError, UsageError
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report
from converters.stats import LARGE_AREA, SMALL_AREA, count_copies
from converters.work import WorkFolder

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

Progress = Callable[[int, int], None]
DIRECT = 20_000
"""Up to so many boxes are counted at once (some 50 ms); more in the background."""
_POLL = 0.1
"""Seconds between two looks whether the person cancelled."""


@dataclass(frozen=True, slots=True)
class Source:
    """What is counted.

    Attributes:
        dataset: Labels that are at hand, or None: they are read from ``work``.
        work: The Darknet data set whose labels or copies are counted, or None.
        network_size: (width, height) in pixels.
        colours: Of the open set's classes; what is read from ``work`` is shown in them, too.
    """

    dataset: Dataset | None
    work: WorkFolder | None
    network_size: tuple[int, int]
    colours: ClassColours = field(default_factory=ClassColours)

    @property
    def is_quick(self) -> bool:
        """Whether it is counted at once: labels at hand, not too many, and no copies' files to be read."""
        return self.dataset is not None and self.work is None and self.dataset.box_count <= DIRECT


def source_of(project: Project, *, with_copies: bool, network_size: tuple[int, int]) -> Source:
    """What is counted.

    Args:
        project: The open set.
        with_copies: The Darknet data set with its copies, not the labels as they are edited.
        network_size: (width, height) in pixels.
    """
    work = project.work
    if project.is_work_itself:
        # Without copies there is nothing to be read.
        return Source(project.session.dataset(), work if _has_copies(work) else None, network_size)
    if work is None or not with_copies:
        return Source(project.session.dataset(), None, network_size)
    return Source(None, work, network_size, project.session.colours)


def count(source: Source, on_progress: Progress | None = None) -> BalanceFacts:
    """Count it; may be called in any thread.

    Raises:
        DataError: The Darknet data set cannot be read.
    """
    from converters.formats.base import LoadOptions

    report = Report()
    dataset, work = source.dataset, source.work
    if dataset is None:
        if work is None:
            raise UsageError("there is neither a set nor a Darknet data set to count.")
        dataset = registry.load(work.root, report, LoadOptions(on_progress=on_progress))
        dataset = replace(dataset, chosen_colours=source.colours.on(dataset.class_names).chosen)
    copies = count_copies(work, dataset.class_names, report) if work is not None else None
    return facts_of(dataset, copies, network_size=source.network_size)


def _has_copies(work: WorkFolder | None) -> bool:
    return work is not None and work.augmented.is_dir()


# What a bar stands for


@dataclass(frozen=True, slots=True)
class Choice:
    """Some pictures, and what they have in common.

    Attributes:
        keys: Theirs, in the order of the set.
        names: Classes that they show.
        only: Whether they show no other class.
        size: ``small``, ``medium`` or ``large`` where boxes of that size are meant, else empty.
        network_size: The network's input in pixels where sizes are meant as it sees them.
        crowd: How many boxes they have, where that is what they share: ``2``, ``11-20``; else empty.
        part: ``train``, ``val`` or ``test`` where only these are meant, ``none``: in no split; else empty.
    """

    keys: tuple[str, ...]
    names: tuple[str, ...] = ()
    only: bool = False
    size: str = ""
    network_size: tuple[int, int] | None = None
    crowd: str = ""
    part: str = ""


def choice_of(facts: BalanceFacts, chart: BarChart, row: Row, part: int | None) -> Choice:
    """The pictures that a bar, or one part of it, stands for.

    Copies are no pictures of the set: their part stands for the training pictures of the class.
    """
    key = chart.parts[part].key if part is not None and len(chart.parts) > 1 else ""
    if chart.subject is Subject.CROWDS:
        crowd = next(crowd for crowd in facts.crowds if crowd.name == row.name)
        where = _part_of(key)
        return Choice(
            _keys(facts.dataset, lambda i: crowd.holds(len(i.boxes)), where), crowd=row.name, part=where
        )
    if chart.subject is Subject.PAIRS:
        return with_both(facts, *row.about)
    label = row.about[0]
    if chart.subject in (Subject.SIZES, Subject.NETWORK_SIZES) and key:
        at = facts.network_size if chart.subject is Subject.NETWORK_SIZES else None
        keys = _keys(
            facts.dataset, lambda i: any(b.label == label and size_of(b, i, at) == key for b in i.boxes)
        )
        return Choice(keys, (label,), size=key, network_size=at)
    return with_class(facts, label, _part_of(key))


def with_both(facts: BalanceFacts, first: str, second: str) -> Choice:
    """The pictures that show two classes."""
    keys = _keys(facts.dataset, lambda i: {first, second} <= {b.label for b in i.boxes})
    return Choice(keys, (first, second))


def with_only(facts: BalanceFacts, label: str) -> Choice:
    """The pictures that show a class and no other."""
    return Choice(_keys(facts.dataset, lambda i: {b.label for b in i.boxes} == {label}), (label,), only=True)


def with_class(facts: BalanceFacts, label: str, part: str = "") -> Choice:
    """The pictures that show a class, in all splits, in one (``train``) or in none (``none``)."""
    return _with_class(facts.dataset, label, part)


def trained_with(dataset: Dataset, label: str) -> Choice:
    """The training pictures that show a class."""
    return _with_class(dataset, label, str(Split.TRAIN))


def _with_class(dataset: Dataset, label: str, part: str) -> Choice:
    keys = _keys(dataset, lambda i: any(b.label == label for b in i.boxes), part)
    return Choice(keys, (label,), part=part)


def size_of(box: Box, image: AnnotatedImage, network_size: tuple[int, int] | None) -> str:
    """``small``, ``medium`` or ``large``, as COCO counts; as it is, or as a network stretches it."""
    area = box.width * box.height
    if network_size is not None:
        # In this order, as converters.stats multiplies: at the borders rounding decides.
        across, down = network_size[0] / image.size[0], network_size[1] / image.size[1]
        area = (box.width * across) * (box.height * down)
    return "small" if area < SMALL_AREA else "large" if area >= LARGE_AREA else "medium"


def _part_of(key: str) -> str:
    """The split that a part of a bar is about; empty: all."""
    return str(Split.TRAIN) if key == "copies" else key if key in (*map(str, Split), "none") else ""


def _keys(dataset: Dataset, fits: Callable[[AnnotatedImage], bool], part: str = "") -> tuple[str, ...]:
    """Keys of the pictures that fit, in a part of the set (empty: in all)."""
    return tuple(i.key for i in dataset if (not part or str(i.split or "none") == part) and fits(i))


# The plan


@dataclass(frozen=True, slots=True)
class PlanTask:
    """What is to be planned.

    Attributes:
        dataset: The set with its split where its labels are at hand, or None: it is read from ``root``.
        root: The Darknet data set.
        target: What the boxes shall be like.
        options: What the plan may do.
    """

    dataset: Dataset | None
    root: WorkFolder
    target: Target
    options: PlanOptions


@dataclass(frozen=True, slots=True)
class Planned:
    """A plan and the set it is for."""

    plan: BalancePlan
    dataset: Dataset
    root: WorkFolder


def target_of(ratio: float | None, counts: Mapping[str, int]) -> Target:
    """A ratio, or boxes of the classes that are to have a number of their own.

    Raises:
        UsageError: The ratio is below 1, or no class has a number.
    """
    if ratio is not None:
        if ratio < 1:
            raise UsageError(f"a ratio of {ratio:g} : 1: must be 1 : 1 or more.")
        return Target(Fraction(ratio).limit_denominator(1000))
    wanted = {label: boxes for label, boxes in counts.items() if boxes}
    if not wanted:
        raise UsageError("no class has a number of boxes to reach.", hint="Write one in the table.")
    return Target(counts=wanted)


def find_plan(task: PlanTask, on_progress: Progress) -> Planned:
    """Find the plan in a process of its own, which ends at once where ``on_progress`` raises.

    The solver is not to be interrupted, and may take as long as the options allow.

    Args:
        task: What is to be planned.
        on_progress: Told (0, 0) from time to time: nobody knows how long it takes.

    Raises:
        DataError: The set cannot be read, has no training box, or the process died.
        UsageError: The target names no class of the set.
    """
    import multiprocessing

    dataset = task.dataset
    if dataset is None:
        dataset = registry.load(task.root.root, Report())
    # Started afresh: a fork would copy the window's locks in any state.
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_solve, args=(theirs, dataset, task.target, task.options), daemon=True)
    process.start()
    theirs.close()
    try:
        while not ours.poll(_POLL):
            on_progress(0, 0)
        result = ours.recv()
    except EOFError as error:
        raise DataError(
            "the search for a plan ended before it was done; perhaps the memory was full.",
            hint="Try again with fewer copies of one picture.",
        ) from error
    finally:
        process.terminate()
        process.join()
        ours.close()
    if isinstance(result, DataError):
        raise result
    return Planned(result, dataset, task.root)


def _solve(answer: Connection[Any, Any], dataset: Dataset, target: Target, options: PlanOptions) -> None:
    """What the process does; ``answer`` is its end of the pipe."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C in a terminal is the window's
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    try:
        answer.send(solve(dataset, target, options))
    except DataError as error:
        answer.send(error)


def for_window(note: str) -> str:
    """A note of a plan without the names of options that the command has and the window has not."""
    return re.sub(r" \(--[a-z-]+\)", "", note).replace("With --paste (boxes", "With pasted boxes (boxes")


def check_plan(plan: BalancePlan, loaded: Loaded) -> None:
    """Whether a plan is still for the training pictures as they are on disk.

    Raises:
        UsageError: Labels or the split changed since.
    """
    keys = {image.key for image in loaded.dataset.in_split(Split.TRAIN)}
    if training_counts(loaded.dataset) != dict(plan.before) or not keys >= plan.copies.keys():
        raise UsageError(
            "the training pictures are not those that the plan was made for.",
            path=loaded.work.root,
            hint="Find the plan again on the Balance page.",
        )
