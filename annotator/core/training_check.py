"""What ``train-cli check --json`` has found, grouped: a thousand pictures without labels are one line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
        fix: What a button beside it can do (see ``annotator.darknet.preflight.FIXES``), or empty.
        more: So many more of this kind are not shown.
    """

    is_error: bool
    code: str
    text: str
    image: str = ""
    path: Path | None = None
    fix: str = ""
    more: int = 0


@dataclass(frozen=True, slots=True)
class CheckResult:
    """All of it.

    Attributes:
        findings: Errors first.
        errors: Their number, also of those not shown.
        warnings: Likewise.
    """

    findings: tuple[CheckFinding, ...] = ()
    errors: int = 0
    warnings: int = 0


def read_check(text: str) -> CheckResult | None:
    """What the command printed; None where that is no such thing (it was ended, say)."""
    try:
        content = json.loads(text)
        found = [_finding(row) for row in content["findings"]]
        return CheckResult(tuple(_shortened(found)), int(content["errors"]), int(content["warnings"]))
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def _finding(row: dict[str, object]) -> CheckFinding:
    path = Path(str(row["path"])) if row.get("path") else None
    image = str(row.get("image") or "")
    place = "" if path is None else f"{path.name}:{row['line']}: " if row.get("line") else f"{path.name}: "
    text = f"{place}{row['message']} {row.get('hint') or ''}".strip()
    return CheckFinding(
        row.get("severity") == "error", str(row["code"]), text, image, path, str(row.get("fix") or "")
    )


def _shortened(found: Sequence[CheckFinding]) -> list[CheckFinding]:
    kinds: dict[tuple[bool, str], list[CheckFinding]] = {}
    for finding in found:
        kinds.setdefault((not finding.is_error, finding.code), []).append(finding)
    lines = []
    for _, same in sorted(kinds.items(), key=lambda item: item[0][0]):
        shown = same if len(same) <= _SHOWN_OF_A_KIND + 1 else same[:_SHOWN_OF_A_KIND]
        lines += shown
        if len(shown) < len(same):
            first = same[0]
            left = len(same) - len(shown)
            lines.append(CheckFinding(first.is_error, first.code, "", fix="", more=left))
    return lines
