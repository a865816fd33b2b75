"""What ``train-cli check --json`` has found, grouped: a thousand pictures without labels are one line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from annotator.darknet.preflight.sheet import Reading, State, part_of

_SHOWN_OF_A_KIND = 3


@dataclass(frozen=True, slots=True)
class CheckFinding:
    """One line.

    Attributes:
        is_error: Whether the training must not start.
        code: Machine-readable name.
        text: The sentence, with what to do about it.
        image: The picture in the training set (``obj/a.png``), or empty.
        path: The file, or None.
        fix: What a button beside it can do (see ``annotator.darknet.preflight.look.FIXES``), or empty.
        more: So many more of this kind are not shown.
        part: What part of the training it is about (a key of ``preflight.sheet.PARTS``), or empty.
        place: The file and line that ``text`` begins with, or empty.
        message: What is wrong.
        hint: What to do about it.
    """

    is_error: bool
    code: str
    text: str
    image: str = ""
    path: Path | None = None
    fix: str = ""
    more: int = 0
    part: str = ""
    place: str = ""
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All of it.

    Attributes:
        findings: Errors first.
        errors: Their number, also of those not shown.
        warnings: Likewise.
        sheet: Every part that was looked at, with its value.
        done: Pictures looked at until now.
        total: All of them.
        is_final: Whether this is all.
        stage: Until it is: what is done with the pictures, ``pictures`` (looking) or ``comparing``.
    """

    findings: tuple[CheckFinding, ...] = ()
    errors: int = 0
    warnings: int = 0
    sheet: tuple[Reading, ...] = ()
    done: int = 0
    total: int = 0
    is_final: bool = True
    stage: str = "pictures"

    def by_part(self) -> list[tuple[Reading, tuple[CheckFinding, ...]]]:
        """The parts with what was found in them: those with errors first, then those with warnings.

        Findings of no part come with an empty one, first of all.
        """
        parts = [
            (one, tuple(found for found in self.findings if found.part == one.part)) for one in self.sheet
        ]
        known = {one.part for one in self.sheet}
        rest = tuple(found for found in self.findings if found.part not in known)
        if rest:
            worst = State.ERROR if any(found.is_error for found in rest) else State.WARNING
            parts.insert(0, (Reading("", worst), rest))
        order = [State.ERROR, State.WARNING, State.OPEN, State.GOOD]
        return sorted(parts, key=lambda pair: order.index(pair[0].state))


def read_check(text: str) -> CheckResult | None:
    """What the command printed (all of it, or a line of its ``--events``); None where it is no such thing."""
    try:
        content = json.loads(text)
        found = [_finding(row) for row in content["findings"]]
        return CheckResult(
            tuple(_shortened(found, content.get("counts"))),
            int(content["errors"]),
            int(content["warnings"]),
            tuple(
                Reading(str(row["part"]), State(row["state"]), str(row["value"]))
                for row in content.get("sheet", ())
            ),
            int(content.get("done", 0)),
            int(content.get("total", 0)),
            content.get("event", "checked") == "checked",
            str(content.get("stage", "pictures")),
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _finding(row: dict[str, object]) -> CheckFinding:
    path = Path(str(row["path"])) if row.get("path") else None
    image = str(row.get("image") or "")
    place = "" if path is None else f"{path.name}:{row['line']}: " if row.get("line") else f"{path.name}: "
    message, hint, code = str(row["message"]), str(row.get("hint") or ""), str(row["code"])
    return CheckFinding(
        row.get("severity") == "error",
        code,
        f"{place}{message} {hint}".strip(),
        image,
        path,
        str(row.get("fix") or ""),
        part=part_of(code),
        place=place,
        message=message,
        hint=hint,
    )


def _shortened(found: Sequence[CheckFinding], counts: Mapping[str, int] | None) -> list[CheckFinding]:
    kinds: dict[tuple[bool, str], list[CheckFinding]] = {}
    for finding in found:
        kinds.setdefault((not finding.is_error, finding.code), []).append(finding)
    lines = []
    for (is_warning, code), same in sorted(kinds.items(), key=lambda item: item[0][0]):
        number = (counts or {}).get(f"{'warning' if is_warning else 'error'}:{code}", len(same))
        shown = same if number <= _SHOWN_OF_A_KIND + 1 else same[:_SHOWN_OF_A_KIND]
        lines += shown
        if len(shown) < number:
            first = same[0]
            left = number - len(shown)
            lines.append(CheckFinding(first.is_error, code, "", fix="", more=left, part=first.part))
    return lines
