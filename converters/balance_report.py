"""Why a balance plan stops where it does, in sentences."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from converters.balance_goal import nearest_ratio
from converters.balance_plan import PlanOptions, Short, Target, ratio_text
from converters.balance_program import Amounts, Effort, Programme
from converters.words import counted

_EXPLAINED = 10
"""So many classes are looked at one by one, the shortest first."""
_SECONDS = 5.0
"""What may be spent on finding out what else could be reached."""


def explain(
    programme: Programme,
    amounts: Amounts,
    labels: Sequence[str],
    target: Target,
    options: PlanOptions,
    before: Mapping[str, int],
) -> tuple[tuple[Short, ...], tuple[str, ...]]:
    """The classes that a plan leaves short of the target, and what a person should know.

    Args:
        programme: What was solved.
        amounts: The plan.
        labels: Class of each of the programme's numbers.
        target: What was asked for.
        options: What the plan could do.
        before: Training boxes of every class, also of those without one.
    """
    view = _View(programme, amounts, labels, target, options)
    short = tuple(view.short(k) for k in view.missing()[:_EXPLAINED])
    return short, tuple(view.notes(short, before))


class _View:
    """A plan from the side of one class."""

    def __init__(
        self,
        programme: Programme,
        amounts: Amounts,
        labels: Sequence[str],
        target: Target,
        options: PlanOptions,
    ) -> None:
        self.programme, self.kinds = programme, programme.kinds
        self.amounts, self.labels = amounts, labels
        self.target, self.options = target, options
        self.top = int(amounts.counts.argmax())
        effort = Effort(time.monotonic() + _SECONDS)
        uses = self.kinds.pasteable * options.max_uses
        self.relaxed = Programme(self.kinds, effort)
        self.pasting = Programme(replace(self.kinds, max_pastes=uses), effort)

    def wanted(self, k: int) -> int:
        """Boxes class ``k`` shall have, at least."""
        if self.target.ratio is None:
            return self.target.counts.get(self.labels[k], 0)
        ratio = self.target.ratio
        return -(-int(self.amounts.counts[self.top]) * ratio.denominator // ratio.numerator)

    def missing(self) -> list[int]:
        """The classes below their target, the furthest first."""
        counts = self.amounts.counts
        short = [k for k in range(len(self.labels)) if counts[k] < self.wanted(k)]
        return sorted(short, key=lambda k: (counts[k] / self.wanted(k), self.labels[k]))

    def short(self, k: int) -> Short:
        """Class ``k``, which is below its target."""
        return Short(
            label=self.labels[k],
            boxes=int(self.amounts.counts[k]),
            target=self.wanted(k),
            best=self._best(self.relaxed, k),
            best_with_pastes=None if self.options.paste else self._best(self.pasting, k),
            reasons=tuple(self._reasons(k)),
        )

    def notes(self, short: Sequence[Short], before: Mapping[str, int]) -> list[str]:
        """What a person should know."""
        notes = [
            f"No training box of {label}: copies cannot add any."
            for label, count in before.items()
            if not count and (self.target.ratio is not None or label in self.target.counts)
        ]
        for label, count in self.target.counts.items():
            if before[label] > count:
                notes.append(f"{label} has {before[label]:,} boxes already; nothing is taken away.")
        for found in short:
            notes.append(self._sentence(found))
            notes += found.reasons
        if len(self.missing()) > len(short):
            notes.append(f"{len(self.missing()) - len(short)} more classes are below their target.")
        if short and not self.options.paste:
            notes.append(self._offer(short))
        if self.programme.effort.out_of_time:
            notes.append(
                f"The search ended after {self.options.time_limit:g} s with the best plan so far "
                "(--time-limit); another machine may find another one."
            )
        return notes

    def _best(self, programme: Programme, k: int) -> float:
        """The smallest ratio, or the most boxes, that class ``k`` alone could be brought to."""
        if self.target.ratio is not None:
            found = nearest_ratio(programme, [k], whole=False)
            return max(float(found.counts.max() / found.counts[k]), float(self.target.ratio))
        kinds = programme.kinds
        room = int(kinds.most[kinds.hosts].sum()) * kinds.pastes_per_copy
        return float(kinds.base[k] + kinds.most @ kinds.boxes[:, k] + min(int(kinds.max_pastes[k]), room))

    def _sentence(self, short: Short) -> str:
        if self.target.ratio is not None:
            now = ratio_text(int(self.amounts.counts[self.top]) / short.boxes)
            return f"{short.label} comes to {now} ({short.boxes:,} of {short.target:,} boxes)."
        return f"{short.label} comes to {short.boxes:,} of {short.target:,} boxes."

    def _offer(self, short: Sequence[Short]) -> str:
        best = []
        for found in short:
            if found.best_with_pastes is not None:
                value = found.best_with_pastes
                ratio = self.target.ratio is not None
                best.append(f"{found.label} {ratio_text(value) if ratio else f'{value:,.0f} boxes'}")
        return (
            "With --paste (boxes of a class cut out and pasted on copies) up to: "
            f"{', '.join(best)}, each class by itself."
        )

    def _reasons(self, k: int) -> list[str]:
        kinds, copies = self.kinds, self.amounts.copies
        having = np.flatnonzero(kinds.boxes[:, k])
        pictures = int(kinds.pictures[having].sum())
        full = int(np.minimum(copies[having] // kinds.max_copies, kinds.pictures[having]).sum())
        label, reasons = self.labels[k], []
        if full:
            whole = "All" if full == pictures else f"{full:,} of the"
            reasons.append(
                f"{whole} {counted(pictures, 'training picture')} with {label} "
                f"{'has' if full == pictures == 1 else 'have'} {kinds.max_copies} copies, "
                "the most that is allowed (--max-copies)."
            )
        beside = self._beside(k)
        if beside is not None:
            reasons.append(beside)
        if self.options.paste:
            if not kinds.pasteable[k]:
                reasons.append(
                    f"None of its {counted(int(kinds.base[k]), 'box', 'boxes')} can be cut out: they are "
                    "small, at the edge, not whole, or beside another face."
                )
            elif self.amounts.pastes[k] >= kinds.max_pastes[k]:
                reasons.append(
                    f"Each of its {counted(int(kinds.pasteable[k]), 'box', 'boxes')} that can be cut out is "
                    f"pasted {self.options.max_uses} times already (--max-uses)."
                )
            elif self.amounts.pastes.sum() >= kinds.pastes_per_copy * copies[kinds.hosts].sum():
                reasons.append(
                    f"Each copy with room has {kinds.pastes_per_copy} pasted boxes already "
                    "(--max-pastes-per-copy)."
                )
        return reasons

    def _beside(self, k: int) -> str | None:
        """How many boxes of the most frequent companion stand beside those of class ``k``."""
        kinds = self.kinds
        having = kinds.boxes[:, k] > 0
        together = kinds.pictures[having] @ kinds.boxes[having]
        others = [j for j in range(len(self.labels)) if j != k]
        if not others:
            return None
        most = max(others, key=lambda j: (int(together[j]), self.labels[j]))
        share = together[most] / together[k]
        if share < 0.05:
            return None
        return (
            f"On the pictures with {self.labels[k]} stand {share:.1f} {self.labels[most]} boxes "
            "for each of its own; a copy adds both."
        )
