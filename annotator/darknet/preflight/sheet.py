"""What a check has looked at, part by part and each with its value: also what is in order is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from converters.report import Issue, Report, Severity

PARTS = {
    "darknet": "Darknet",
    "gpu": "GPU",
    "network": "Network",
    "splits": "Splits",
    "pictures": "Pictures",
    "labels": "Labels",
    "classes": "Classes",
    "weights": "Weights to start from",
    "disk": "Disk",
}
"""Name of a part → its title, in the order in which they are shown."""

_CODES = {
    "darknet": "no-darknet library-missing no-answer other-machine no-program mosaic-without-opencv "
    "fast-math",
    "gpu": "gpu-unused gpu-unknown no-gpu driver-too-old other-cuda no-cudnn gpu-busy gpu-trouble",
    "network": "unknown-network bad-names bad-filters max-batches-reached blank-in-path "
    "mosaic-with-letter-box",
    "splits": "empty-list in-two-splits validation-is-training same-picture alike twice-in-list "
    "unsafe-name long-path "
    "copy-leaks copies-old set-changed set-classes set-unreadable",
    "pictures": "bad-suffix image-missing image-unreadable image-truncated image-empty bad-image",
    "labels": "label-not-found label-missing label-unreadable bad-columns bad-number bad-class-id bad-box "
    "many-boxes label-lost labels-changed",
    "classes": "class-untrained class-unmeasured few-boxes",
    "weights": "bad-weights weights-mapped weights-cut weights-unnamed partial-weights weights-to-fetch "
    "weights-unsound",
    "disk": "read-only disk-full",
}
_PART_OF = {code: part for part, codes in _CODES.items() for code in codes.split()}
_SHOWN_OF_A_KIND = 4


class State(StrEnum):
    """How a part is."""

    GOOD = "ok"
    WARNING = "warning"
    ERROR = "error"
    OPEN = "open"  # not looked at, or not yet


@dataclass(frozen=True, slots=True)
class Reading:
    """One line of the sheet.

    Attributes:
        part: A key of :data:`PARTS`.
        state: The worst that was found in it.
        value: What it is, one line; empty where it was not looked at.
    """

    part: str
    state: State
    value: str = ""


def part_of(code: str) -> str:
    """The part that a finding belongs to; empty: to none of them."""
    return _PART_OF.get(code, "pictures" if code.startswith("image-") else "")


@dataclass(slots=True)
class Sheet:
    """Filled in while a check goes on."""

    values: dict[str, str] = field(default_factory=dict)

    def say(self, part: str, value: str) -> None:
        """Note what a part is."""
        self.values[part] = value

    def add(self, part: str, value: str) -> None:
        """Note more of what a part is."""
        self.values[part] = "; ".join(filter(None, (self.values.get(part, ""), value)))

    def readings(self, found: Iterable[Issue]) -> list[Reading]:
        """All parts in their order.

        Args:
            found: What the check has found until now.
        """
        states: dict[str, State] = {}
        for issue in found:
            part = part_of(issue.code)
            if issue.severity is Severity.ERROR:
                states[part] = State.ERROR
            else:
                states.setdefault(part, State.WARNING)
        return [
            Reading(
                part,
                states.get(part, State.GOOD if part in self.values else State.OPEN),
                self.values.get(part, ""),
            )
            for part in PARTS
        ]

    def lines(self, report: Report) -> list[str]:
        """The sheet as text for a terminal, a line a part."""
        width = max(map(len, PARTS.values()))
        words = {
            State.GOOD: "ok",
            State.WARNING: "warning",
            State.ERROR: "ERROR",
            State.OPEN: "not looked at",
        }
        return [
            f"{words[one.state]:<8} {PARTS[one.part]:<{width}}  {one.value}".rstrip()
            for one in self.readings(report)
        ]

    def as_list(self, report: Report) -> list[dict[str, str]]:
        """Plain types for JSON."""
        return [
            {"part": one.part, "title": PARTS[one.part], "state": str(one.state), "value": one.value}
            for one in self.readings(report)
        ]


def first_of_each_kind(report: Report) -> tuple[list[Issue], Mapping[str, int]]:
    """A few findings of each kind, and how many of it there are: a check of 100,000 pictures stays small.

    Returns:
        The findings; and ``error:code`` or ``warning:code`` → their number.
    """
    counts: Counter[str] = Counter()
    shown = []
    for issue in report:
        kind = f"{issue.severity}:{issue.code}"
        counts[kind] += 1
        if counts[kind] <= _SHOWN_OF_A_KIND:
            shown.append(issue)
    return shown, counts


def plain(value: Any) -> str:
    """A value in a line of the sheet: no line breaks."""
    return " ".join(str(value).split())
