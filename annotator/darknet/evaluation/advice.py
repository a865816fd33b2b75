"""What to do next with a run: one to three sentences, from what its numbers say and no more than that.

Each rule looks at one thing that can be told apart from chance; docs/evaluation.md explains its thresholds.
Where a set is too small to say anything, that is what is said.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from statistics import median

from annotator.darknet.evaluation.analysis import Analysis
from annotator.darknet.evaluation.confusion import Kind
from annotator.darknet.evaluation.training_pictures import TrainingSample
from converters.model import Split

MOST = 3
"""Sentences: who reads ten does nothing."""
NOTHING = 0.05
"""mAP below which a network has learned next to nothing."""
FALLS = 0.95
"""Part of an earlier average loss below which a later one has fallen: less is the noise of small batches."""
_ENOUGH_POINTS = 50
SHORT = 1000
"""Iterations before which a network that finds nothing may still do so: half of the rule's for a class."""
FEW_BOXES = 30
"""Boxes below which a share is not even known to ± 18 points (Wilson's interval at one half)."""
FEW_OF_CLASS = 10
"""Likewise of one class: ± 26 points."""
GAP = 0.2
"""mAP by which training pictures are better before it is said; the intervals lie apart, too."""
RARE = 0.5
"""A class is rare with fewer training boxes than this part of the next one that is found well."""
MANY = 5
"""Mistakes of one kind that are worth a list; fewer are seen in the list of all."""
SHARE = 0.2
"""Part of all mistakes that one kind must be."""
SMALL = 16
"""Side in pixels of the network's input below which a box is small: two cells of a fine detection layer."""
SURE = 0.9
"""Confidence from which a prediction against the label makes the label doubtful."""
RIGHT = 0.9
"""Part of the predictions that sure which is right; less, and the confidence says nothing of labels."""
_LARGEST = 832


class Act(StrEnum):
    """What can be done."""

    RATE = "rate"
    TRAIN_ON = "train on"
    PRETRAINED = "pretrained"
    EVALUATE = "evaluate"
    JUDGE = "judge"
    COPIES = "copies"
    CLASS = "class"
    MISTAKES = "mistakes"
    SIZE = "size"
    LABELS = "labels"


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing to do.

    Attributes:
        act: What.
        text: Why, and what, in a sentence or two.
        iterations: To which iteration to train on.
        side: Of the network's input, in pixels.
        split: Whose mistakes to look at.
        kind: Of the mistakes.
        true_label: Class of the boxes, empty for background.
        label: What they were taken for, empty: not found.
        rate: Learning rate.
    """

    act: Act
    text: str
    iterations: int = 0
    side: int = 0
    split: Split = Split.VAL
    kind: Kind | None = None
    true_label: str = ""
    label: str = ""
    rate: float = 0.0

    def as_dict(self) -> dict[str, object]:
        """Plain types for JSON."""
        given = {"iterations": self.iterations, "side": self.side, "learning_rate": self.rate}
        return {"act": str(self.act), "text": self.text, **{key: one for key, one in given.items() if one}}


@dataclass(frozen=True, slots=True)
class Course:
    """How a training went.

    Attributes:
        averages: Average loss at each iteration that is known, nan where Darknet printed that.
        iterations: Of each of them.
        maps: Weights measured on validation: (iteration, mAP), by iteration.
        rate: The learning rate of the cfg.
    """

    iterations: tuple[int, ...] = ()
    averages: tuple[float, ...] = ()
    maps: tuple[tuple[int, float], ...] = ()
    rate: float = 0.001

    @property
    def last(self) -> int:
        """The last iteration."""
        return self.iterations[-1] if self.iterations else 0

    @property
    def diverged_at(self) -> int:
        """From which iteration on the loss is no number, to the end; 0: it is one."""
        at = len(self.averages)
        while at and not math.isfinite(self.averages[at - 1]):
            at -= 1
        return self.iterations[at] if at < len(self.averages) else 0

    @property
    def falls(self) -> bool:
        """Whether the average loss still fell: the last tenth against the one from 60 to 70 %."""
        count = len(self.averages)
        if count < _ENOUGH_POINTS:
            return False
        before, after = self.averages[count * 6 // 10 : count * 7 // 10], self.averages[-(count // 10) :]
        return bool(median(after) < FALLS * median(before))


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run.

    Attributes:
        course: How it went.
        validation: The chosen weights on validation; None without pictures.
        chosen: Iteration of the chosen weights.
        train_boxes: Boxes of each class in the training list, copies included.
        copies: Number of augmented copies in it.
        pictures: Number of other pictures in it.
        sample: The chosen weights on pictures they were trained on.
        sides: Of each box on validation: side in pixels of the network's input, and whether it was found.
        side: Of the network's input (its smaller one); 0: it cannot be changed.
    """

    course: Course
    validation: Analysis | None = None
    chosen: int = 0
    train_boxes: Mapping[str, int] = field(default_factory=dict)
    copies: int = 0
    pictures: int = 0
    sample: TrainingSample | None = None
    sides: Sequence[tuple[float, bool]] = ()
    side: int = 0


def after_training(course: Course) -> list[Advice]:
    """What to do when a training has ended and was not evaluated yet."""
    broken = _diverged(course)
    if broken:
        return broken
    chosen, best = max(course.maps, key=lambda one: one[1], default=(0, None))
    return [*(_train_on(course, best, chosen) if best is not None else ()), evaluate_now()]


def evaluate_now() -> Advice:
    """Numbers first."""
    return Advice(
        Act.EVALUATE,
        "Evaluate: it takes the best of the saved weights, and says what the network gets wrong.",
    )


def advise(facts: Facts) -> list[Advice]:
    """What to do next, the most useful first, :data:`MOST` at most; empty where nothing stands out."""
    broken = _diverged(facts.course)
    if broken:
        return broken
    if facts.validation is None:
        return [_no_validation()]
    mean = _mean(facts.validation)
    found = _train_on(facts.course, mean, facts.chosen)
    if mean < NOTHING:
        return [*(found or [_stuck()]), *_too_few(facts.validation)][:MOST]
    found += [
        *_too_few(facts.validation), *_labels(facts.validation), *_overfitted(facts),
        *_rare(facts), *_small(facts), *_often(facts.validation), *_few_of_class(facts.validation),
    ]  # fmt: skip
    return found[:MOST]


def _mean(analysis: Analysis) -> float:
    """MAP over the classes that are there."""
    values = [one.ap for one in analysis.curves if one.truths]
    return math.fsum(values) / len(values) if values else 0.0


def _diverged(course: Course) -> list[Advice]:
    at = course.diverged_at
    if not at:
        return []
    rate = course.rate / 10
    return [
        Advice(
            Act.RATE,
            f"The loss is no number (nan) from iteration {at} on: what was saved since is of no use. Train "
            f"anew with a lower learning rate, {rate:g}. A darknet for the processor that was built with "
            "-Ofast does this at any rate: then build it with -O3.",
            rate=rate,
        )
    ]


def _train_on(course: Course, mean: float, chosen: int) -> list[Advice]:
    """Train further, while that helps: the loss falls, and the last weights are the best or all are bad."""
    if course.last <= 0:
        return []
    is_nothing = mean < NOTHING
    is_best = chosen >= 0.95 * course.last and len(course.maps) > 1
    further = max(2 * course.last, SHORT)
    if course.falls and is_nothing:
        why = "The loss still fell when the training ended, and the network finds next to nothing yet"
    elif course.falls and is_best:
        why = "The loss still fell when the training ended, and the last weights are the best so far"
    elif is_nothing and course.last < SHORT:
        why = f"The network finds next to nothing yet, but {course.last} iterations are few"
    else:
        return []
    return [Advice(Act.TRAIN_ON, f"{why}: train on to {further} iterations.", iterations=further)]


def _stuck() -> Advice:
    return Advice(
        Act.PRETRAINED,
        "The network finds next to nothing, and the loss does not fall any more: more iterations alone will "
        "not help. Start from weights that were trained on other pictures, and look at the boxes of some "
        "training pictures.",
    )


def _no_validation() -> Advice:
    return Advice(
        Act.JUDGE, "Validation has no picture: nobody can say how good the network is. Split the set anew."
    )


def _too_few(analysis: Analysis) -> list[Advice]:
    boxes = sum(one.truths for one in analysis.curves)
    if boxes >= FEW_BOXES:
        return []
    return [
        Advice(
            Act.JUDGE,
            f"Validation has {_boxes(boxes)}: too few to say how good the network is, or whether a change "
            "made it better. Label more pictures, or give validation a larger part.",
        )
    ]


def _few_of_class(analysis: Analysis) -> Iterator[Advice]:
    few = [one for one in analysis.curves if one.truths < FEW_OF_CLASS]
    if few and sum(one.truths for one in analysis.curves) >= FEW_BOXES:
        worst = min(few, key=lambda one: one.truths)
        yield Advice(
            Act.JUDGE,
            f"Validation has {_boxes(worst.truths)} of {worst.name}: too few to say how well it is found. "
            "Label more of them, or give validation a larger part.",
        )


def _overfitted(facts: Facts) -> Iterator[Advice]:
    sample, validation = facts.sample, facts.validation
    if sample is None or validation is None or sample.interval is None or validation.mean_interval is None:
        return
    present = sum(bool(one.truths) for one in validation.curves)
    both = [one for one in validation.curves if one.truths and one.name in sample.classes]
    if not both:
        return
    mean = math.fsum(one.ap for one in both) / len(both)
    trained = math.fsum(sample.classes[one.name] for one in both) / len(both)
    # A class without a box counts as 0 in that interval, and is in none of these means.
    highest = validation.mean_interval[1] * len(validation.curves) / present
    if trained - mean < GAP or sample.interval[0] <= highest:
        return
    numbers = (
        f"On pictures that it was trained on the network reaches {100 * trained:.0f} %, on validation "
        f"{100 * mean:.0f} %: it learns these pictures by heart."
    )
    if facts.copies >= facts.pictures:
        ways = f"There are {facts.copies} copies already: label more pictures, of other kinds."
    else:
        ways = "Label more pictures, or make copies of them."
    yield Advice(Act.COPIES, f"{numbers} {ways}")


def _rare(facts: Facts) -> Iterator[Advice]:
    """The class that is furthest behind, where it has few boxes and that is no chance."""
    if facts.validation is None:
        return
    rows = [
        (curve, ends)
        for curve, ends in zip(facts.validation.curves, facts.validation.class_intervals, strict=True)
        if curve.truths >= FEW_OF_CLASS and ends is not None
    ]
    for curve, ends in sorted(rows, key=lambda row: row[0].ap):
        have = facts.train_boxes.get(curve.name, 0)
        better = [
            facts.train_boxes.get(other.name, 0)
            for other, theirs in rows
            if theirs[0] > ends[1] and have < RARE * facts.train_boxes.get(other.name, 0)
        ]
        if better:
            yield Advice(
                Act.CLASS,
                f"{curve.name} is found worse than others (AP {100 * curve.ap:.0f} %) and has {_boxes(have)} "
                f"to learn from; the next class that is found better has {min(better)}: "
                f"{min(better) - have} more, as labels or copies, would make them equal.",
                true_label=curve.name,
            )
            return


def _small(facts: Facts) -> Iterator[Advice]:
    small = [(side, hit) for side, hit in facts.sides if side < SMALL]
    rest = [hit for side, hit in facts.sides if side >= SMALL]
    missed = [side for side, hit in small if not hit]
    if not facts.side or len(small) < FEW_OF_CLASS or len(rest) < FEW_OF_CLASS:
        return
    lost, usual = len(missed) / len(small), rest.count(False) / len(rest)
    if lost < 0.5 or lost - usual < 0.25:
        return
    factor = min(2.0, SMALL / max(1.0, median(missed)))
    wanted = min(_LARGEST, 32 * math.ceil(facts.side * factor / 32))
    if wanted > facts.side:
        yield Advice(
            Act.SIZE,
            f"{len(missed)} of {_boxes(len(small))} that are smaller than {SMALL} pixels to the network are "
            f"not found, of larger ones {100 * usual:.0f} %. Train with a larger input, {wanted} pixels.",
            side=wanted,
        )


def _often(analysis: Analysis) -> Iterator[Advice]:
    """The mistake that is made most often."""
    counts: dict[tuple[Kind, str, str], int] = {}
    for one in analysis.mistakes:
        key = one.kind, one.true_label if one.kind is not Kind.BACKGROUND else "", one.label
        counts[key] = counts.get(key, 0) + 1
    if not counts:
        return
    (kind, true_label, label), count = max(counts.items(), key=lambda item: item[1])
    if count < MANY or count < SHARE * len(analysis.mistakes):
        return
    what = {
        Kind.MISSED: f"{true_label} is not found {count} times",
        Kind.WRONG_CLASS: f"{true_label} is taken for {label} {count} times",
        Kind.TWICE: f"{label} is seen twice {count} times",
        Kind.LOOSE: f"boxes of {label} do not fit {count} times",
        Kind.BACKGROUND: f"{label} is seen where no box is {count} times",
    }[kind]
    yield Advice(
        Act.MISTAKES,
        f"Of the mistakes, one stands out: {what} (of {len(analysis.mistakes)} mistakes). Look at them: what "
        "do they have in common?",
        kind=kind,
        true_label=true_label,
        label=label,
    )


def _labels(analysis: Analysis) -> Iterator[Advice]:
    """Predictions that are sure and against the label, where being sure means something."""
    doubtful = sum(
        one.confidence >= SURE and one.kind in (Kind.WRONG_CLASS, Kind.BACKGROUND)
        for one in analysis.mistakes
    )
    sure = [one for one in analysis.reliability.bins if one.low >= SURE - 1e-9]
    count = sum(one.count for one in sure)
    right = math.fsum(one.right * one.count for one in sure) / count if count else 0.0
    if doubtful and count >= FEW_OF_CLASS and right >= RIGHT:
        times = "time" if doubtful == 1 else "times"
        yield Advice(
            Act.LABELS,
            f"The network is sure of something else than the labels {doubtful} {times} (confidence from "
            f"{100 * SURE:.0f} %, where it is right in {100 * right:.0f} %): are these labels wrong? "
            "Training pictures have such labels too: choose training in the list.",
        )


def _boxes(count: int) -> str:
    return "1 box" if count == 1 else f"{count} boxes"
