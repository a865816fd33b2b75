"""How ``train-cli check`` says what it looks at: as text, as JSON, and while it goes on."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterable
from typing import Any

from annotator.darknet.preflight.look import Watch, fix_of
from annotator.darknet.preflight.sheet import first_of_each_kind
from converters.commands import Bar, print_json, print_report, say
from converters.report import Issue

_EVERY = 0.4  # seconds
_LONG = 2.0  # seconds
_SHOWN_ISSUES = 50
_NO_DARKNET = frozenset({"no-darknet", "library-missing", "no-answer", "other-machine", "no-program"})


def add_check_output(check: argparse.ArgumentParser) -> None:
    """Add how it is to be said."""
    output = check.add_mutually_exclusive_group()
    output.add_argument("--json", action="store_true", help="as JSON, with what can be done about each")
    output.add_argument(
        "--events",
        action="store_true",
        help="say what is known while it goes on, a JSON value a line with a few findings of each kind",
    )
    check.add_argument("--anew", action="store_true", help="look also at pictures that have not changed")


def watching(args: argparse.Namespace) -> Watch:
    """Who is told while ``check`` looks."""
    watch = Watch(remembers=not args.anew, gpu=args.gpu or "")
    watch.tell = _Lines(watch) if args.events else _Bars(watch)
    return watch


def before_start(gpu: str | None) -> Watch:
    """Who is told while ``run`` looks at everything before it starts: nobody wonders what it waits for.

    Args:
        gpu: The GPUs that were asked for.
    """
    return Watch(remembers=True, tell=_Patience(), compares=False, gpu=gpu or "")


def print_check(args: argparse.Namespace, watch: Watch) -> None:
    """Say what came of it."""
    report, sheet = watch.report, watch.sheet
    if any(issue.code in _NO_DARKNET for issue in report):
        sheet.say("darknet", "none was found")
    if args.events:
        _print_line(watch, final=True)
    elif args.json:
        print_json(
            {
                "errors": len(report.errors),
                "warnings": len(report.warnings),
                "findings": _rows(report),
                "sheet": sheet.as_list(report),
            }
        )
    else:
        for line in sheet.lines(report):
            print(line)
        if len(report):
            print()
            print_report(report, to_stdout=True, most=_SHOWN_ISSUES)
        say(report.summary() if len(report) else "nothing stands in the way of this training")


def _rows(issues: Iterable[Issue]) -> list[dict[str, Any]]:
    return [issue.as_dict() | {"fix": fix_of(issue) or None} for issue in issues]


def _print_line(watch: Watch, done: int = 0, total: int = 0, *, final: bool = False) -> None:
    shown, counts = first_of_each_kind(watch.report)
    line = {
        "event": "checked" if final else "checking",
        "stage": watch.stage,
        "done": done,
        "total": total,
        "errors": len(watch.report.errors),
        "warnings": len(watch.report.warnings),
        "findings": _rows(shown),
        "counts": counts,
        "sheet": watch.sheet.as_list(watch.report),
    }
    print(json.dumps(line, ensure_ascii=False), flush=True)


class _Lines:
    """A line at once, and now and then."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._last = -_EVERY

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() - self._last >= _EVERY:
            self._last = time.monotonic()
            _print_line(self._watch, done, total)


class _Bars:
    """A bar on a terminal for looking, another for comparing."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._bars = {
            "pictures": Bar("looking at pictures", " pictures"),
            "comparing": Bar("comparing pictures", " pictures"),
        }

    def __call__(self, done: int, total: int) -> None:
        self._bars[self._watch.stage](done, total)


class _Patience:
    """A bar on a terminal; elsewhere a line where it takes long."""

    def __init__(self) -> None:
        self._bar = Bar("looking at pictures", " pictures")
        self._began = time.monotonic()
        self._said = False

    def __call__(self, done: int, total: int) -> None:
        self._bar(done, total)
        if not self._said and time.monotonic() - self._began > _LONG:
            self._said = True
            say(f"looking at {total:,} pictures before it starts…")
