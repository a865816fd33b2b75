"""What the balance page says: the imbalance, the counts, what a bar stands for, what a plan reaches."""

from __future__ import annotations

from annotator.core.balance import Choice
from annotator.qt.translation import tr, tr_n
from converters.balance_facts import BalanceFacts
from converters.balance_plan import BalancePlan, ratio_of, ratio_text
from converters.model import Split
from converters.stats import Balance


def sentence(balance: Balance) -> str:
    """The imbalance in one sentence, and which classes have no box."""
    largest, smallest = balance.largest, balance.smallest
    if largest is None or smallest is None:
        return tr("There is no box in the set.")
    if largest is smallest or balance.imbalance is None:
        text = tr("All boxes are of class {name}.", name=largest.label)
    elif largest.boxes == smallest.boxes:
        text = tr("All classes have the same number of boxes.")
    else:
        text = tr(
            "For each {small} box there are {ratio} {large} boxes.",
            small=smallest.label,
            ratio=f"{balance.imbalance:.1f}",
            large=largest.label,
        )
    missing = [c.label for c in balance.classes if not c.boxes]
    if missing:
        text += " " + tr("No box at all of: {names}.", names=", ".join(missing))
    return text


def notes(facts: BalanceFacts) -> str:
    """What was counted, and what is not yet as it should be."""
    found = facts.balance
    parts = [
        tr_n("{n} picture", "{n} pictures", found.images) + ", " + tr_n("{n} box", "{n} boxes", found.boxes)
    ]
    if found.empty:
        parts.append(tr_n("{n} labelled as showing nothing", "{n} labelled as showing nothing", found.empty))
    if found.unlabelled:
        parts.append(tr_n("{n} not labelled yet", "{n} not labelled yet", found.unlabelled))
    if found.copies:
        copies = tr_n(
            "{n} augmented copy, counted apart", "{n} augmented copies, counted apart", found.copies
        )
        parts.append(copies)
    sentences = [f"{' · '.join(parts)}.", *_what_copies_do(facts)]
    if not found.split_images:
        sentences.append(tr("The set is not split yet: the Split page divides it into train, val and test."))
    return " ".join(sentences)


def _what_copies_do(facts: BalanceFacts) -> list[str]:
    found = facts.balance
    if not found.copies or not found.split_images:
        return []
    before = ratio_of({c.label: c.split_boxes[Split.TRAIN] for c in found.classes})
    after = ratio_of(facts.trained_on)
    if before is None or after is None:
        return []
    return [
        tr(
            "Largest to smallest class in training: {before} without the copies, {after} with them.",
            before=ratio_text(before),
            after=ratio_text(after),
        )
    ]


def choice_text(choice: Choice) -> str:
    """What the pictures of a bar have in common, for the list's filter."""
    if choice.crowd:
        text = boxes_of_crowd(choice.crowd)
    elif choice.only:
        text = tr("only {name}", name=choice.names[0])
    elif len(choice.names) == 2:
        text = tr("{first} and {second}", first=choice.names[0], second=choice.names[1])
    else:
        text = choice.names[0]
    if choice.size:
        text = _of_size(choice.size, text)
    if choice.network_size is not None:
        width, height = choice.network_size
        text = tr("{what} at {width} × {height}", what=text, width=width, height=height)
    if choice.part == "none":
        return tr("{what}, not split", what=text)
    return tr("{what} in {split}", what=text, split=choice.part) if choice.part else text


def boxes_of_crowd(crowd: str) -> str:
    """``1 box``, ``11-20 boxes``."""
    return tr_n("{count} box", "{count} boxes", 1 if crowd == "1" else 2, count=crowd)


def _of_size(size: str, name: str) -> str:
    """Boxes of a class that are small, medium or large, as COCO counts."""
    names = {
        "small": tr("small {name}", name=name),
        "medium": tr("medium {name}", name=name),
        "large": tr("large {name}", name=name),
    }
    return names[size]


def headline(plan: BalancePlan) -> str:
    """What a plan reaches, in two or three sentences."""
    if not plan.copies:
        if plan.reached:
            return tr("Nothing to do: the training boxes are as asked for already.")
        return tr("The target cannot be reached: no copy brings the training boxes nearer to it.")
    pasted = sum(plan.pasted.values())
    copies = tr(
        "{copies} of {pictures}, at most {most} of one",
        copies=tr_n("{n} copy", "{n} copies", plan.copy_count),
        pictures=tr_n("{n} training picture", "{n} training pictures", len(plan.copies)),
        most=max(plan.copies.values()),
    )
    if pasted:
        copies = tr(
            "{copies}, and {boxes}",
            copies=copies,
            boxes=tr_n("{n} pasted box", "{n} pasted boxes", pasted),
        )
    if plan.reached:
        text = tr("The target is reached with {copies}.", copies=copies)
    else:
        text = tr("The target cannot be reached; nearest to it with {copies}.", copies=copies)
    before, after = ratio_of(plan.before), ratio_of(plan.after)
    if before is not None and after is not None:
        text += " " + tr(
            "Largest to smallest class: {before} now, {after} then.",
            before=ratio_text(before),
            after=ratio_text(after),
        )
    return text
