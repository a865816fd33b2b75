"""How many copies of which picture: the same of all, those of a plan, or those that reach a target."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from augment.plan import Loaded, load
from augment.plan_pastes import Pastes, paste_operation
from augment.policy import Policy
from converters.balance_plan import BalancePlan, PlanOptions, parse_target, solve


class Amounts(NamedTuple):
    """What :func:`augment.plan.make_plan` is asked for.

    Attributes:
        copies: Of each picture; or of each by its key.
        pastes: Pasted faces by key and class.
        loaded: The data set, where it had to be loaded.
        balance: The plan behind it.
    """

    copies: int | Mapping[str, int]
    pastes: Pastes | None = None
    loaded: Loaded | None = None
    balance: BalancePlan | None = None


def from_plan(work: Path, path: Path) -> Amounts:
    """Those of a plan that balance-cli wrote.

    Raises:
        NotADatasetError: ``work`` is no Darknet data set.
        DataError: It or the plan cannot be read (with file and line).
    """
    from converters.plan_csv import read_plan

    loaded = load(work)
    return _amounts(read_plan(path, loaded.dataset), loaded)


def from_target(work: Path, target: str, policy: Policy, *, max_copies: int, paste: bool) -> Amounts:
    """Those that bring the classes nearest to a target.

    Args:
        work: The Darknet data set.
        target: ``equal``, a ratio or numbers (see :func:`converters.balance_plan.parse_target`).
        policy: Says how often a face may be pasted.
        max_copies: Of one picture.
        paste: Whether faces may be pasted.

    Raises:
        UsageError: The target or a number is wrong.
        NotADatasetError: ``work`` is no Darknet data set.
        DataError: It cannot be read, or has no training box.
    """
    options = PlanOptions(max_copies=max_copies, paste=paste, max_uses=paste_operation(policy).max_uses)
    wanted = parse_target(target)
    options.check()
    loaded = load(work)
    return _amounts(solve(loaded.dataset, wanted, options), loaded)


def _amounts(plan: BalancePlan, loaded: Loaded) -> Amounts:
    return Amounts(plan.copies, plan.pastes if any(plan.pastes.values()) else None, loaded, plan)
