"""The integer programme behind :mod:`converters.balance_plan`: how many copies of which kind of picture.

Pictures that show equally many boxes of every class are of one *kind* and share one variable. With x_t
copies of kind t (0 to cap · pictures of that kind), v_tk boxes of class k on each of them and p_k pasted
boxes, there are n_k = base_k + Σ_t v_tk x_t + p_k boxes of class k. A :class:`Question` asks for the amounts
of lowest cost under rows that are linear in these columns; SciPy's ``milp`` (HiGHS) answers.

With few kinds all numbers are whole while it searches. With many the programme is first solved without that,
which takes a blink and leaves nearly all of them whole; those stay, and the others are searched. Nothing here
knows pictures, files or names.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Bools = npt.NDArray[np.bool_]

INFINITY = float("inf")
GAP = 1e-4
"""A step may miss its optimum by this part of it: by nothing where the optimum is below 10,000."""
_SLACK = 1e-3
"""With many kinds a later step may give back this part of what an earlier one reached."""
_EXACT_KINDS = 500
"""Up to so many kinds all numbers are whole from the start."""
_NODES = 2_000
"""Most nodes of one search: a limit that is the same on every machine, unlike seconds."""
_FREE = 120
"""Kinds that are searched, in all, beside those that the relaxed programme splits."""
_WHOLE = 1e-6
"""A number this near to a whole one is one."""
_REDIRECTION = threading.Lock()


@dataclass(frozen=True, slots=True)
class Kinds:
    """What may be copied and pasted.

    Attributes:
        boxes: (T, K), boxes of each class on a picture of each kind.
        pictures: (T,), pictures of each kind.
        hosts: (T,), whether a copy of it has room for pasted boxes.
        base: (K,), boxes of each class now.
        max_copies: Most copies of one picture.
        max_pastes: (K,), most pasted boxes of each class.
        pasteable: (K,), boxes of each class that can be cut out of their picture.
        pastes_per_copy: Most pasted boxes on one copy.
    """

    boxes: Ints
    pictures: Ints
    hosts: Bools
    base: Ints
    max_copies: int
    max_pastes: Ints
    pasteable: Ints
    pastes_per_copy: int

    @property
    def most(self) -> Ints:
        """(T,), most copies of each kind."""
        return self.pictures * self.max_copies


@dataclass(frozen=True, slots=True)
class Amounts:
    """An answer; the numbers are whole unless the programme was relaxed.

    Attributes:
        copies: (T,), copies of each kind.
        pastes: (K,), pasted boxes of each class.
        counts: (K,), boxes of each class with them.
    """

    copies: Floats
    pastes: Floats
    counts: Floats


@dataclass(frozen=True, slots=True)
class Row:
    """A constraint: lower ≤ Σ coefficient · column ≤ upper."""

    coefficients: Mapping[int, float]
    lower: float = -INFINITY
    upper: float = INFINITY


@dataclass(frozen=True, slots=True)
class Question:
    """What is minimised, under which rows.

    Attributes:
        cost: Of each column that has one.
        rows: Beside those that define the columns.
        offset: A constant in the cost; gaps are relative to both together.
        levels: The c-th copy of one picture costs c, in place of ``cost``: the sum of them is smallest
            where the copies are few and spread over many pictures.
    """

    cost: Mapping[int, float]
    rows: Sequence[Row]
    offset: float = 0.0
    levels: bool = False


@dataclass(slots=True)
class Effort:
    """What the search took.

    Attributes:
        deadline: ``time.monotonic()`` at which it ends.
        solves: Programmes that were solved.
        gap: Largest relative distance between a step's cost and the bound on the lowest possible.
        out_of_time: Whether a step ended for want of time, so that another machine may find another plan.
    """

    deadline: float
    solves: int = 0
    gap: float = 0.0
    out_of_time: bool = False

    @property
    def left(self) -> float:
        """Seconds that are left."""
        return self.deadline - time.monotonic()


class Programme:
    """The programme of one set; each :class:`Question` is answered on its own.

    Columns are x (T), p (K), n (K), d (K: what a class is away from its target), ``top`` (at least every n
    where :meth:`under_top` is among the rows), ``low``, a constant 1, and for a question with levels the
    copies of each kind that are the first, second … of their picture.

    Args:
        kinds: What may be copied and pasted.
        effort: Told what it took; its deadline holds.
    """

    def __init__(self, kinds: Kinds, effort: Effort) -> None:
        self.kinds = kinds
        self.effort = effort
        self.types = len(kinds.pictures)
        self.classes = len(kinds.base)
        self.top = self.types + 3 * self.classes
        self.low = self.top + 1
        self._one = self.top + 2
        self._width = self.top + 3
        self._rows = self._defining_rows()

    @property
    def exact(self) -> bool:
        """Whether the numbers are whole in every step."""
        return self.types <= _EXACT_KINDS

    @property
    def slack(self) -> float:
        """The part of what a step reached that the next may give back."""
        return 0.0 if self.exact else _SLACK

    def p(self, k: int) -> int:
        """Column of the pasted boxes of class ``k``."""
        return self.types + k

    def n(self, k: int) -> int:
        """Column of all boxes of class ``k``."""
        return self.types + self.classes + k

    def d(self, k: int) -> int:
        """Column of the distance of class ``k`` from its target, 0 or more."""
        return self.types + 2 * self.classes + k

    def copies_cost(self) -> dict[int, float]:
        """A cost of 1 for each copy."""
        return dict.fromkeys(range(self.types), 1.0)

    def pastes_cost(self) -> dict[int, float]:
        """A cost of 1 for each pasted box."""
        return {self.p(k): 1.0 for k in range(self.classes)}

    def under_top(self) -> list[Row]:
        """Rows that keep every class at or below ``top``."""
        return [Row({self.top: 1.0, self.n(k): -1.0}, lower=0.0) for k in range(self.classes)]

    def within(self, lower: Floats, upper: Floats) -> list[Row]:
        """Rows that keep each class between two numbers of boxes."""
        return [Row({self.n(k): 1.0}, float(lower[k]), float(upper[k])) for k in range(self.classes)]

    def nothing(self) -> Amounts:
        """No copy and no paste."""
        return self._whole(np.zeros(self.types + self.classes))

    def relaxed(self, question: Question) -> Amounts | None:
        """The best numbers where they need not be whole: a bound. None: there are none."""
        found = self._solve(question, whole=False)
        if found is None:
            return None
        first, second, third = self.types, self.n(0), self.d(0)
        return Amounts(found[:first], found[first:second], found[second:third])

    def best(self, question: Question) -> Amounts | None:
        """The best whole numbers. None: there are none, or none were found within the limits."""
        if self.exact:
            found = self._solve(question, whole=True)
            return None if found is None else self._whole(found)
        bound = self._solve(question, whole=False)
        if bound is None:
            return None
        for free in (_FREE, 5 * _FREE):
            found = self._solve(question, whole=True, fixed=self._fixed(bound[: self.types], free))
            if found is not None:
                low, high = self._cost(question, bound), self._cost(question, found)
                self.effort.gap = max(self.effort.gap, (high - low) / max(abs(high), 1.0))
                return self._whole(found)
        return None

    def rounded_down(self, amounts: Amounts) -> Amounts:
        """Whole numbers not above these, within all limits."""
        copies = np.floor(amounts.copies + _WHOLE)
        pastes = np.floor(amounts.pastes + _WHOLE)
        room = copies[self.kinds.hosts].sum() * self.kinds.pastes_per_copy
        while pastes.sum() > room:
            pastes[pastes.argmax()] -= 1
        return self._whole(np.concatenate([copies, pastes]))

    def _whole(self, values: Floats) -> Amounts:
        copies = np.round(values[: self.types])
        pastes = np.round(values[self.types : self.n(0)])
        return Amounts(copies, pastes, self.kinds.base + copies @ self.kinds.boxes + pastes)

    def _defining_rows(self) -> list[Row]:
        kinds = self.kinds
        rows = []
        for k in range(self.classes):
            column = {int(t): -float(kinds.boxes[t, k]) for t in np.flatnonzero(kinds.boxes[:, k])}
            column |= {self.n(k): 1.0, self.p(k): -1.0}
            rows.append(Row(column, float(kinds.base[k]), float(kinds.base[k])))
        if kinds.max_pastes.any():
            hosts = {int(t): -float(kinds.pastes_per_copy) for t in np.flatnonzero(kinds.hosts)}
            rows.append(Row(hosts | self.pastes_cost(), upper=0.0))
        return rows

    def _fixed(self, copies: Floats, free: int) -> Floats:
        """(T,), the number each kind keeps from the relaxed programme; not a number where it is searched.

        Searched are those it splits, and of each class the kinds with the least of all others beside it:
        there it is made good what rounding leaves missing.
        """
        result = np.where(np.abs(copies - np.round(copies)) < _WHOLE, np.round(copies), np.nan)
        boxes, free = self.kinds.boxes, max(free // self.classes, 1)
        for k in range(self.classes):
            having = np.flatnonzero(boxes[:, k])
            beside = (boxes[having].sum(axis=1) - boxes[having, k]) / boxes[having, k]
            result[having[np.argsort(beside, kind="stable")[:free]]] = np.nan
        if self.kinds.max_pastes.any():
            result[np.flatnonzero(self.kinds.hosts)[:free]] = np.nan
        return result

    def _cost(self, question: Question, values: Floats) -> float:
        if question.levels:
            pictures = self.kinds.pictures
            rounds = np.floor(values[: self.types] / pictures + _WHOLE)
            rest = values[: self.types] - rounds * pictures
            return float((pictures * rounds * (rounds + 1) / 2 + rest * (rounds + 1)).sum())
        return question.offset + sum(float(values[c]) * cost for c, cost in question.cost.items())

    def _solve(self, question: Question, *, whole: bool, fixed: Floats | None = None) -> Floats | None:
        """Values of all columns but the levels', or None."""
        from scipy.optimize import Bounds, LinearConstraint, milp  # half a second to import

        effort = self.effort
        if effort.left <= 0:
            effort.out_of_time = True
            return None
        lower, upper, costs = self._bounds(question, fixed)
        integrality = np.zeros(len(costs), np.int64)
        integrality[: self.n(0)] = int(whole)
        gap = GAP if fixed is None else _SLACK
        with _talk_to_stderr():
            result = milp(
                costs,
                integrality=integrality,
                bounds=Bounds(lower, upper),
                constraints=LinearConstraint(*self._matrix(question, len(costs))),
                options={"time_limit": effort.left, "node_limit": _NODES, "mip_rel_gap": gap},
            )
        effort.solves += 1
        effort.out_of_time |= effort.left <= 0
        if result.x is None:
            return None
        if whole and fixed is None and result.mip_gap is not None:
            effort.gap = max(effort.gap, float(result.mip_gap))
        values: Floats = np.asarray(result.x[: self._width], np.float64)
        return values

    def _bounds(self, question: Question, fixed: Floats | None) -> tuple[Floats, Floats, Floats]:
        """Lower and upper bound and cost of each column."""
        kinds = self.kinds
        lower, upper = np.zeros(self._width), np.full(self._width, INFINITY)
        costs = np.zeros(self._width)
        upper[: self.types] = kinds.most
        upper[self.types : self.n(0)] = kinds.max_pastes
        lower[self._one] = upper[self._one] = 1.0
        if fixed is not None:
            keeps = np.flatnonzero(~np.isnan(fixed))
            lower[keeps] = upper[keeps] = fixed[keeps]
        if question.levels:
            # All are at most the pictures of their kind; dearer ones are used where cheaper ones are full.
            width = self.types * kinds.max_copies
            lower = np.append(lower, np.zeros(width))
            upper = np.append(upper, np.repeat(kinds.pictures.astype(np.float64), kinds.max_copies))
            costs = np.append(costs, np.tile(np.arange(1.0, kinds.max_copies + 1), self.types))
        else:
            for column, cost in question.cost.items():
                costs[column] = cost
            costs[self._one] = question.offset
        return lower, upper, costs

    def _matrix(self, question: Question, width: int) -> tuple[Any, Floats, Floats]:
        from scipy.sparse import csr_array

        rows = [*self._rows, *question.rows]
        if question.levels:
            cap = self.kinds.max_copies
            starts = range(self._width, width, cap)
            rows += [
                Row({t: -1.0} | dict.fromkeys(range(start, start + cap), 1.0), 0.0, 0.0)
                for t, start in enumerate(starts)
            ]
        # SciPy before 1.15 hands the indices on as they are, to code that takes 32 bits only.
        ends = np.cumsum([0, *(len(row.coefficients) for row in rows)], dtype=np.int32)
        columns = np.fromiter((c for row in rows for c in row.coefficients), np.int32, int(ends[-1]))
        values = np.fromiter((v for row in rows for v in row.coefficients.values()), float, int(ends[-1]))
        matrix = csr_array((values, columns, ends), shape=(len(rows), width))
        return matrix, np.array([row.lower for row in rows]), np.array([row.upper for row in rows])


@contextlib.contextmanager
def _talk_to_stderr() -> Iterator[None]:
    """Send what C code prints on stdout to stderr meanwhile.

    Some versions of HiGHS leave a line of their own on stdout, where a command's data belong.
    """
    if os.name != "posix":
        yield
        return
    libc = ctypes.CDLL(None)
    with _REDIRECTION, contextlib.ExitStack() as stack:
        try:
            sys.stdout.flush()
            kept = os.dup(1)
            stack.callback(os.close, kept)
            os.dup2(2, 1)
        except (OSError, ValueError, AttributeError):  # there is no stdout or no stderr to be kept clean
            yield
            return
        try:
            yield
        finally:
            libc.fflush(None)
            os.dup2(kept, 1)
