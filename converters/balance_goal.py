"""What a balanced set is, step by step: the goals behind :mod:`converters.balance_plan`.

Each step keeps what the one before it reached and chooses among what is left:

1. the class that is furthest from its target, in parts of it, is as near as possible;
2. then the sum of these distances is smallest;
3. then as few boxes as possible are pasted;
4. then the copies cost least, where the c-th copy of one picture costs c.

Where a ratio is the target, a class is away from it by what it is short of (largest class) / ratio. Where
numbers of boxes are, by what it is short of them or beyond them.

A ratio is not linear in the numbers of boxes. The smallest max n / min n is found by Dinkelbach's method
(Management Science 13, 1967): minimise max n - r · min n, put r to the ratio of what was found, and go on
until that finds nothing better.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from converters.balance_program import Amounts, Floats, Programme, Question, Row

SPARE = 0.01
"""So much more than a number of boxes that was asked for is as good as that number."""
_ROUNDS = 40
_PROGRESS = 1e-6
_ROUND = 1e-6


def reach_ratio(programme: Programme, ratio: float, *, fewest: bool = False) -> Amounts:
    """Amounts with at most ``ratio`` boxes of the largest class for each of any other, or nearest to it.

    Args:
        programme: Of a set in which every class has a box.
        ratio: 1 or more.
        fewest: Prefer fewer copies to copies of more pictures.
    """
    done = _cheapest(programme, _ratio_rows(programme, ratio), fewest=fewest)
    if done is not None:
        return done
    nearest = nearest_ratio(programme, range(programme.classes), whole=programme.exact)
    top, low = nearest.counts.max(), nearest.counts.min()
    wanted = np.full(programme.classes, top / ratio)
    lower, upper = np.full(programme.classes, low), np.full(programme.classes, top)
    rows = programme.within(lower * (1 - programme.slack), upper * (1 + programme.slack))
    short = Question(
        {programme.d(k): 1.0 for k in range(programme.classes)}, [*rows, *_short_rows(programme, wanted)]
    )
    better = _step(programme, short) or nearest
    rows = programme.within(_kept(programme, better, wanted), upper * (1 + programme.slack))
    return _cheapest(programme, rows, fewest=fewest) or programme.rounded_down(better)


def nearest_ratio(programme: Programme, classes: Sequence[int], *, whole: bool) -> Amounts:
    """Amounts with the smallest ratio of the largest of all classes to the smallest of some.

    Args:
        programme: Of a set in which each of those classes has a box.
        classes: Those that count as the smaller ones.
        whole: False: the numbers need not be whole (a bound, quickly found).
    """
    found = programme.nothing()
    chosen = list(classes)
    for _ in range(_ROUNDS):
        top = float(found.counts.max())
        ratio = top / float(found.counts[chosen].min())
        rows = [Row({programme.n(k): 1.0, programme.low: -1.0}, lower=0.0) for k in chosen]
        question = Question(
            {programme.top: 1.0, programme.low: -ratio}, [*programme.under_top(), *rows], offset=top
        )
        better = programme.best(question) if whole else programme.relaxed(question)
        if better is None or _ratio(better, chosen) >= ratio * (1 - _PROGRESS):
            break
        found = better
    return found


def reach_counts(programme: Programme, wanted: Floats, *, fewest: bool = False) -> Amounts:
    """Amounts as near as possible to the wanted boxes of each class.

    Up to :data:`SPARE` more than is wanted, or than there is now, is as good as what is wanted.

    Args:
        programme: Of a set in which every class has a box.
        wanted: (K,), boxes of each class; 0 where it does not matter.
        fewest: Prefer fewer copies to copies of more pictures.
    """
    asked = [int(k) for k in np.flatnonzero(wanted)]
    limit = np.maximum(wanted, programme.kinds.base.astype(np.float64)) * (1 + SPARE)
    away = _share_rows(programme, wanted, limit, asked)
    worst = _step(programme, Question({programme.low: 1.0}, away, offset=1.0)) or programme.nothing()
    share = distance(programme, worst, None, wanted)[0] * (1 + programme.slack)
    rows = [*away, Row({programme.low: 1.0}, upper=share), *_short_rows(programme, wanted)]
    rows += [Row({programme.n(k): 1.0, programme.d(k): -1.0}, upper=float(limit[k])) for k in asked]
    cost = {programme.d(k): 1.0 / wanted[k] for k in asked}
    better = _step(programme, Question(cost, rows, offset=1.0)) or worst
    upper = np.full(programme.classes, np.inf)
    upper[asked] = np.maximum(limit, better.counts * (1 + programme.slack))[asked]
    rows = programme.within(_kept(programme, better, wanted), upper)
    return _cheapest(programme, rows, fewest=fewest) or programme.rounded_down(better)


def distance(
    programme: Programme, amounts: Amounts, ratio: float | None, wanted: Floats
) -> tuple[float, float]:
    """How far from the target these amounts are: the worst class, then all together; 0 on the target.

    Args:
        programme: What was solved.
        amounts: The amounts.
        ratio: Where that is the target.
        wanted: (K,), where numbers of boxes are.
    """
    counts = amounts.counts
    if ratio is not None:
        away = np.maximum(1 - ratio * counts / counts.max(), 0.0)
        return float(away.max()), float(away.sum())
    asked = np.flatnonzero(wanted)
    limit = np.maximum(wanted, programme.kinds.base.astype(np.float64)) * (1 + SPARE)
    away = np.maximum(np.maximum(wanted - counts, counts - limit), 0.0)[asked] / wanted[asked]
    return float(away.max(initial=0.0)), float(away.sum())


def _step(programme: Programme, question: Question) -> Amounts | None:
    """The answer to a step that others follow: whole numbers where there are few kinds."""
    return programme.best(question) if programme.exact else programme.relaxed(question)


def _ratio(amounts: Amounts, classes: list[int]) -> float:
    return float(amounts.counts.max() / amounts.counts[classes].min())


def _ratio_rows(programme: Programme, ratio: float) -> list[Row]:
    return [
        *programme.under_top(),
        *(Row({programme.top: 1.0, programme.n(k): -ratio}, upper=0.0) for k in range(programme.classes)),
    ]


def _short_rows(programme: Programme, wanted: Floats) -> list[Row]:
    """``d`` is at least what a class is short of."""
    return [
        Row({programme.n(k): 1.0, programme.d(k): 1.0}, lower=float(wanted[k]))
        for k in range(programme.classes)
    ]


def _share_rows(programme: Programme, wanted: Floats, limit: Floats, asked: list[int]) -> list[Row]:
    """``low`` is at least the part of its target that a class is short of it or beyond its limit."""
    rows = []
    for k in asked:
        target = float(wanted[k])
        rows.append(Row({programme.n(k): 1.0, programme.low: target}, lower=target))
        rows.append(Row({programme.n(k): 1.0, programme.low: -target}, upper=float(limit[k])))
    return rows


def _kept(programme: Programme, amounts: Amounts, wanted: Floats) -> Floats:
    """What each class shall have at least: what is wanted, or nearly what it has where that is less."""
    return np.where(amounts.counts >= wanted - _ROUND, wanted, amounts.counts * (1 - programme.slack))


def _few_pastes(programme: Programme, rows: list[Row]) -> list[Row]:
    """The rows, and one that keeps the pasted boxes at the fewest that these need."""
    if not programme.kinds.max_pastes.any():
        return rows
    found = _step(programme, Question(programme.pastes_cost(), rows))
    if found is None:
        return rows
    pastes = float(found.pastes.sum())
    return [*rows, Row(programme.pastes_cost(), upper=np.ceil(pastes * (1 + programme.slack)))]


def _cheapest(programme: Programme, rows: list[Row], *, fewest: bool) -> Amounts | None:
    """Among what keeps the rows: fewest pastes, then the copies that cost least."""
    rows = _few_pastes(programme, rows)
    few = None
    if fewest:
        few = programme.best(Question(programme.copies_cost(), rows))
        if few is None:
            return None
        rows = [*rows, Row(programme.copies_cost(), upper=float(few.copies.sum()))]
    return programme.best(Question({}, rows, levels=True)) or few
