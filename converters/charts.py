"""What the charts about a set's balance say: rows, parts and numbers. How they are drawn is elsewhere.

The window (pyqtgraph), the report (SVG) and the picture (PNG) draw the same values.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from converters.balance_facts import BalanceFacts
from converters.balance_plan import BalancePlan
from converters.colours import ClassColours, Rgb, class_colour
from converters.model import Split
from converters.stats import SizeCounts
from converters.words import counted

NEUTRAL: Rgb = (120, 150, 190)
"""Of bars that are about no class."""
MOST_ROWS = 100
"""A chart with more rows shows those with the largest numbers; tables have them all."""
MOST_IN_MATRIX = 12
"""With more classes the pairs that meet most are listed, in place of a matrix."""
_PAIRS = 15

_SPLIT_TONES = {Split.TRAIN: 0.0, Split.VAL: 0.45, Split.TEST: 0.75}
_COPIES_TONE = -0.4


class Subject(StrEnum):
    """What a chart counts; with a row and a part it says which pictures a bar stands for."""

    BOXES = "boxes"
    IMAGES = "images"
    SIZES = "sizes"
    NETWORK_SIZES = "network-sizes"
    CROWDS = "crowds"
    PAIRS = "pairs"
    PLAN = "plan"


@dataclass(frozen=True, slots=True)
class Part:
    """One segment of every bar.

    Attributes:
        key: ``train``, ``val``, ``test``, ``none`` (in no split), ``copies``; ``small``, ``medium``,
            ``large``; ``now``, ``pasted``.
        name: In the legend.
        tone: How much lighter (to 1) or darker (to -1) than the row's colour it is.
    """

    key: str
    name: str
    tone: float = 0.0


@dataclass(frozen=True, slots=True)
class Row:
    """One bar.

    Attributes:
        name: Beside it.
        about: Class names: one, the two of a pair, or none.
        colour: Of the bar.
        values: A number for each part, 0 or more.
        mark: A number that is marked on the bar (a target), or None.
    """

    name: str
    about: tuple[str, ...]
    colour: Rgb
    values: tuple[int, ...]
    mark: int | None = None

    @property
    def total(self) -> int:
        """Length of the whole bar."""
        return sum(self.values)


@dataclass(frozen=True, slots=True)
class BarChart:
    """Bars of parts that follow each other.

    Attributes:
        subject: What is counted.
        title: Above it.
        axis: Title of the axis along the bars, with the unit.
        parts: Segments, in order.
        rows: Bars from top to bottom.
        shares: Whether each bar is drawn as 100 %, divided into its parts.
        mark_name: What the marks are, or empty.
        left_out: How many classes there are and what those that are not shown have together, or None.
        unit: What a bar of shares has in all, for one and for many.
    """

    subject: Subject
    title: str
    axis: str
    parts: tuple[Part, ...]
    rows: tuple[Row, ...]
    shares: bool = False
    mark_name: str = ""
    left_out: tuple[int, int] | None = None
    unit: tuple[str, str] = ("box", "boxes")

    @property
    def note(self) -> str:
        """A sentence below it, or empty."""
        if self.left_out is None:
            return ""
        classes, number = self.left_out
        return (
            f"The {len(self.rows)} largest of {classes:,} classes; the others have {number:,} together "
            "and stand in the table."
        )

    @property
    def extent(self) -> float:
        """End of the axis: 100 for shares, else the largest number (1 at least)."""
        if self.shares:
            return 100.0
        return float(max((max(row.total, row.mark or 0) for row in self.rows), default=0) or 1)

    def segments(self, row: Row) -> list[tuple[int, float, float]]:
        """Index of the part, start and end on the axis, of each part that is not zero."""
        scale = 100.0 / row.total if self.shares and row.total else 1.0
        found, start = [], 0
        for number, value in enumerate(row.values):
            if value:
                found.append((number, start * scale, (start + value) * scale))
            start += value
        return found

    def room_for_text(self, row: Row, start: float, stop: float) -> tuple[float, float]:
        """The longest stretch of a segment that the row's mark does not cross."""
        mark = row.mark
        if mark is None or not start < mark < stop:
            return start, stop
        return (start, float(mark)) if mark - start > stop - mark else (float(mark), stop)

    def text_of(self, row: Row) -> str:
        """The number at the end of a bar."""
        if self.shares:
            return counted(row.total, *self.unit)
        return f"{row.total:,}"

    def sum_of(self, row: Row) -> str:
        """The number at the end of a bar whose parts are too short to bear theirs: ``123 = 87 + 18 + 18``."""
        parts = [f"{value:,}" for value in row.values if value]
        return f"{self.text_of(row)} = {' + '.join(parts)}" if len(parts) > 1 else self.text_of(row)

    def describe(self, row: Row, part: int | None) -> str:
        """A bar, or one part of it, in words."""
        if part is None:
            parts = (f"{p.name} {v:,}" for p, v in zip(self.parts, row.values, strict=True) if v)
            detail = f" ({', '.join(parts)})" if len(self.parts) > 1 and row.total else ""
            mark = f", {self.mark_name} {row.mark:,}" if row.mark is not None else ""
            return f"{row.name}: {row.total:,}{detail}{mark}"
        share = f" ({row.values[part] / row.total:.0%})" if row.total else ""
        return f"{row.name}, {self.parts[part].name}: {row.values[part]:,}{share}"


@dataclass(frozen=True, slots=True)
class Matrix:
    """On how many pictures two classes stand together.

    Attributes:
        title: Above it.
        labels: The classes, of the rows and of the columns.
        colours: Theirs.
        together: Pictures with both classes, by row and column; the diagonal is 0.
        alone: Pictures that show no other class, by row.
        images: Pictures with the class, by row.
    """

    title: str
    labels: tuple[str, ...]
    colours: tuple[Rgb, ...]
    together: tuple[tuple[int, ...], ...]
    alone: tuple[int, ...]
    images: tuple[int, ...]

    def describe(self, row: int, column: int) -> str:
        """A cell in words."""
        share = self.together[row][column] / self.images[row] if self.images[row] else 0.0
        return (
            f"{self.labels[row]} and {self.labels[column]}: "
            f"{counted(self.together[row][column], 'picture')}, {share:.0%} of those with {self.labels[row]}"
        )


Chart = BarChart | Matrix


def toned(colour: Rgb, tone: float) -> Rgb:
    """A colour nearer to white (``tone`` above 0) or to black (below 0)."""
    end = 255 if tone > 0 else 0
    red, green, blue = (round(value + (end - value) * abs(tone)) for value in colour)
    return red, green, blue


def charts_of(facts: BalanceFacts) -> list[Chart]:
    """All charts about a set that have something to show."""
    if not facts.balance.classes:
        return []
    charts: list[Chart] = [boxes_chart(facts), images_chart(facts), sizes_chart(facts)]
    if facts.network_size is not None:
        charts.append(network_sizes_chart(facts))
    charts.append(crowds_chart(facts))
    together = together_chart(facts)
    if together is not None:
        charts.append(together)
    if facts.plan is not None:
        charts.append(plan_chart(facts.plan, facts.dataset.colours))
    return charts


def boxes_chart(facts: BalanceFacts) -> BarChart:
    """Boxes of each class, by split, and those in copies."""
    return _by_split(facts, Subject.BOXES, "Boxes of each class", "boxes")


def images_chart(facts: BalanceFacts) -> BarChart:
    """Pictures with each class, by split, and copies with it."""
    return _by_split(facts, Subject.IMAGES, "Pictures with each class", "pictures")


def sizes_chart(facts: BalanceFacts) -> BarChart:
    """Small, medium and large boxes of each class in the pictures as they are."""
    return _sizes(facts, Subject.SIZES, "Sizes in the pictures as they are", facts.sizes)


def network_sizes_chart(facts: BalanceFacts) -> BarChart:
    """Small, medium and large boxes of each class as the network sees them."""
    width, height = facts.network_size or (0, 0)
    title = f"Sizes as a network of {width} × {height} px sees them"
    return _sizes(facts, Subject.NETWORK_SIZES, title, facts.network_sizes)


def crowds_chart(facts: BalanceFacts) -> BarChart:
    """Pictures by their number of boxes."""
    splits: list[Split | None] = [*Split] if facts.balance.split_images else []
    if not splits or any(crowd.images[None] for crowd in facts.crowds):
        splits.append(None)
    parts = tuple(_split_part(split) for split in splits)
    rows = tuple(
        Row(crowd.name, (), NEUTRAL, tuple(crowd.images[split] for split in splits)) for crowd in facts.crowds
    )
    return BarChart(Subject.CROWDS, "Boxes on a picture", "pictures with so many boxes", parts, rows)


def together_chart(facts: BalanceFacts) -> Chart | None:
    """Which classes share pictures; None where there are fewer than two."""
    found = facts.together
    labels = tuple(label for label, images in found.images.items() if images)
    if len(labels) < 2:
        return None
    names = facts.dataset.colours
    if len(labels) > MOST_IN_MATRIX:
        pairs = sorted(found.together.items(), key=lambda item: -item[1])
        rows = tuple(
            Row(" + ".join(pair), pair, class_colour(names, pair[0]), (images,))
            for pair, images in pairs[:_PAIRS]
        )
        title = "Classes that meet most" if len(pairs) > _PAIRS else "Classes that meet"
        return BarChart(Subject.PAIRS, title, "pictures with both", (Part("both", "both"),), rows)
    return Matrix(
        title="Pictures that show two classes",
        labels=labels,
        colours=tuple(class_colour(names, label) for label in labels),
        together=tuple(
            tuple(found.together.get((a, b), found.together.get((b, a), 0)) if a != b else 0 for b in labels)
            for a in labels
        ),
        alone=tuple(found.alone[label] for label in labels),
        images=tuple(found.images[label] for label in labels),
    )


def plan_chart(plan: BalancePlan, classes: Sequence[str] | ClassColours) -> BarChart:
    """Training boxes of each class now, and what copies and pasted boxes add."""
    pasted = plan.pasted
    parts = [Part("now", "now"), Part("copies", "more with the copies", _COPIES_TONE)]
    if any(pasted.values()):
        parts.append(Part("pasted", "pasted", 0.55))
    rows = [
        Row(
            label,
            (label,),
            class_colour(classes, label),
            (now, plan.after[label] - now - pasted[label], pasted[label])[: len(parts)],
            plan.target.get(label),
        )
        for label, now in plan.before.items()
    ]
    return _largest(
        BarChart(
            Subject.PLAN,
            "Training boxes with the plan",
            "training boxes",
            tuple(parts),
            tuple(rows),
            mark_name="target" if plan.target else "",
        )
    )


def _by_split(facts: BalanceFacts, subject: Subject, title: str, axis: str) -> BarChart:
    found = facts.balance
    splits = list(Split) if found.split_images else []
    of_boxes = subject is Subject.BOXES
    parts = [_split_part(split) for split in splits]
    in_none = [
        (c.boxes - sum(c.split_boxes.values())) if of_boxes else (c.images - sum(c.split_images.values()))
        for c in found.classes
    ]
    if not splits or any(in_none):
        parts.append(_split_part(None))
    if any(c.copy_boxes for c in found.classes):
        parts.append(Part("copies", "in copies of train", _COPIES_TONE))
    rows = []
    for c, rest in zip(found.classes, in_none, strict=True):
        by_split = c.split_boxes if of_boxes else c.split_images
        numbers = {str(split): by_split[split] for split in splits}
        numbers |= {"none": rest, "copies": c.copy_boxes if of_boxes else c.copy_images}
        colour = class_colour(facts.dataset.colours, c.label)
        rows.append(Row(c.label, (c.label,), colour, tuple(numbers[part.key] for part in parts)))
    return _largest(BarChart(subject, title, axis, tuple(parts), tuple(rows)))


def _split_part(split: Split | None) -> Part:
    if split is None:
        return Part("none", "not split", 0.2)
    return Part(str(split), str(split), _SPLIT_TONES[split])


def _sizes(facts: BalanceFacts, subject: Subject, title: str, sizes: Sequence[SizeCounts]) -> BarChart:
    parts = (
        Part("small", "small (under 32² px)", 0.7),
        Part("medium", "medium", 0.35),
        Part("large", "large (from 96² px)", 0.0),
    )

    names = facts.dataset.colours
    rows = tuple(
        Row(c.label, (c.label,), class_colour(names, c.label), (c.small, c.medium, c.large)) for c in sizes
    )
    return _largest(BarChart(subject, title, "% of the boxes of the class", parts, rows, shares=True))


def _largest(chart: BarChart) -> BarChart:
    """The chart with its largest rows only, in their order, where it has too many."""
    if len(chart.rows) <= MOST_ROWS:
        return chart
    places = sorted(range(len(chart.rows)), key=lambda place: -chart.rows[place].total)
    shown = sorted(places[:MOST_ROWS])
    left_out = sum(chart.rows[place].total for place in places[MOST_ROWS:])
    rows = tuple(chart.rows[place] for place in shown)
    return replace(chart, rows=rows, left_out=(len(chart.rows), left_out))
