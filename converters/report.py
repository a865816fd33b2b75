"""One object for the window's table, the command's text and the exit code: a list of issues."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from converters.errors import DataError
from converters.path_text import keep_as_text
from converters.portable import shown


class Severity(StrEnum):
    """How much an issue matters: an error takes its file out of the work, a warning does not."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Issue:
    """One finding about the data.

    Attributes:
        severity: Error or warning.
        code: Machine-readable name, e.g. ``box-outside``; the same in the window and in ``--json``.
        message: One sentence for a person.
        path: The file it is about.
        line: 1-based line in it.
        key: Key of the image it is about (so that a click goes there).
        box: Index of the box in that image.
        hint: What to do.
        other_box: Index of the other box that it is about, in the same image.
        other_key: Key of the other image that it is about.
        names: The classes that it is about.
    """

    severity: Severity
    code: str
    message: str
    path: Path | None = None
    line: int | None = None
    key: str | None = None
    box: int | None = None
    hint: str = ""
    other_box: int | None = None
    other_key: str | None = None
    names: tuple[str, ...] = ()

    def __str__(self) -> str:
        where = ""
        if self.path is not None:
            where = f"{self.path}:{self.line}: " if self.line is not None else f"{self.path}: "
        hint = f" {self.hint}" if self.hint else ""
        # One line whatever the names in it: a file's name may hold a line break.
        return shown(f"{where}[{self.code}] {self.severity}: {self.message}{hint}")

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON; absent values are None."""
        return {
            "severity": str(self.severity),
            "code": self.code,
            "message": self.message,
            "path": str(self.path) if self.path is not None else None,
            "line": self.line,
            "image": self.key,
            "box": self.box,
            "hint": self.hint,
        }


keep_as_text(Issue, "path")


@dataclass(slots=True)
class Report:
    """A growing list of issues, in the order in which they were found.

    With ``fail_fast`` the first error is raised instead of collected: the caller chooses.
    """

    issues: list[Issue] = field(default_factory=list)
    fail_fast: bool = False

    def error(self, code: str, message: str, **where: Any) -> None:
        """Add an error (fields of :class:`Issue` as keywords); raises DataError with ``fail_fast``."""
        issue = Issue(Severity.ERROR, code, message, **where)
        if self.fail_fast:
            raise DataError(message, path=issue.path, line=issue.line, code=code, hint=issue.hint)
        self.issues.append(issue)

    def warning(self, code: str, message: str, **where: Any) -> None:
        """Add a warning (fields of :class:`Issue` as keywords)."""
        self.issues.append(Issue(Severity.WARNING, code, message, **where))

    def add_exception(self, error: DataError, *, key: str | None = None) -> None:
        """Add a caught :class:`DataError` as an error; raises it again with ``fail_fast``."""
        if self.fail_fast:
            raise error
        self.issues.append(
            Issue(Severity.ERROR, error.code, error.message, error.path, error.line, key=key, hint=error.hint)
        )

    def extend(self, other: Report) -> None:
        """Append all issues of another report."""
        self.issues.extend(other.issues)

    def __iter__(self) -> Iterator[Issue]:
        return iter(self.issues)

    def __len__(self) -> int:
        return len(self.issues)

    @property
    def errors(self) -> list[Issue]:
        """The issues that are errors."""
        return [issue for issue in self.issues if issue.severity is Severity.ERROR]

    @property
    def warnings(self) -> list[Issue]:
        """The issues that are warnings."""
        return [issue for issue in self.issues if issue.severity is Severity.WARNING]

    def exit_code(self, *, strict: bool = False) -> int:
        """1 where there is an error (with ``strict``: anything), else 0."""
        return int(bool(self.errors) or (strict and bool(self.issues)))

    def summary(self) -> str:
        """``2 errors, 1 warning`` or ``no findings``."""
        if not self.issues:
            return "no findings"
        count = Counter(issue.severity for issue in self.issues)
        parts = [f"{n} {severity}{'s' if n != 1 else ''}" for severity in Severity if (n := count[severity])]
        return ", ".join(parts)
