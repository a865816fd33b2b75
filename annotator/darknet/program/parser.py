"""Darknet's output → events. Pure and incremental: fed with text cut anywhere, knows no process.

One parser for one stream; the three Darknets' lines are told apart by their own form, so the parser
need not be told whose output it reads. Formats: the recorded streams of all three.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from annotator.darknet.program.events import (
    ClassAp,
    Event,
    Iteration,
    Loaded,
    MapBlock,
    Problem,
    WeightsSaved,
)
from annotator.darknet.program.gpu_complaints import GPU_COMPLAINTS

MAX_LINE = 65536
"""Longer lines are cut (their head is dropped): an endless line must not eat the memory."""

_ESCAPES = re.compile(
    r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\|$)"  # operating system command, e.g. the window's title
    r"|\x1b\[[0-?]*[ -/]*[@-~]?"  # control sequence: colours, clearing the screen
    r"|\x1b[@-Z\\^_]?"
    r"|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"
)
_BREAKS = re.compile(r"[\r\n]")

_N = r"(-?(?:\d+\.?\d*(?:[eE][+-]?\d+)?|nan|inf))"
_CLASSIC = re.compile(
    rf"^\s*(\d+): {_N}, {_N} avg(?: loss)?, {_N} rate, {_N} seconds, (\d+) images(?:, {_N} hours left)?\s*$"
)
_HANK = re.compile(
    rf"^\s*(\d+): loss={_N}, avg loss={_N}, .*?rate={_N}, load \d+=.*?, train={_N} (\w+), (\d+) images, "
    r"time remaining=(.*?)\s*$"
)
_TITLE = re.compile(r"(?:^|[\x1b\x07;J ])(\d+)/(\d+): loss=")
_SAVED = re.compile(r"^\s*Saving weights to (.+?)\s*$")

_CLASS_AP = re.compile(rf"class_id = (\d+), name = (.*), ap = {_N}\s*%\s+\(TP = (\d+), FP = (\d+)\)")
_HANK_AP = re.compile(rf"^\s*(\d+) (\S.*?)\s+{_N}\s+(\d+)\s+(\d+)\s+\d+\s+\d+\s+{_N}\s+{_N}\s*$")
_COUNTS = re.compile(r"detections_count ?= ?(\d+), unique_truth_count ?= ?(\d+)")
_PRECISION = re.compile(
    rf"for conf_thresh ?= ?{_N}, precision ?= ?{_N}, recall ?= ?{_N}, F1[- ]score ?= ?{_N}"
)
_FOUND = re.compile(
    rf"for conf_thresh ?= ?{_N}, TP ?= ?(\d+), FP ?= ?(\d+), FN ?= ?(\d+), average IoU ?= ?{_N}"
)
_MEAN = re.compile(rf"mean average precision \(mAP@{_N}\) ?= ?{_N}(%)?(?:, or {_N} ?%)?")

_UNITS = {
    "microseconds": 1e-6,
    "milliseconds": 1e-3,
    "second": 1.0,
    "minute": 60.0,
    "hour": 3600.0,
    "day": 86400.0,
}


@dataclass(frozen=True, slots=True)
class _Complaint:
    pattern: re.Pattern[str]
    code: str
    fatal: bool
    text: str  # {0} is the pattern's first group


def _complaint(pattern: str, code: str, text: str, *, fatal: bool = True) -> _Complaint:
    return _Complaint(re.compile(pattern), code, fatal, text)


# The first that matches counts. Each sentence says what is wrong and what to do.
_COMPLAINTS = (
    *(_complaint(*row) for row in GPU_COMPLAINTS),
    _complaint(
        r"(?i)(?:calloc|malloc|realloc|memory) ?(?:error|failed)|std::bad_alloc|failed to (?:[cm]|re)?alloc",
        "memory",
        "The machine's memory is full: take a smaller network size or more subdivisions.",
    ),
    _complaint(
        r'Cannot load image "?(?!data/labels/)([^"]*?)"?\s*$|failed to load image file "(.+)"',
        "image-unreadable",
        "{0} cannot be read as a picture; copy it again from its source, or remove it from the lists.",
        fatal=False,
    ),
    _complaint(
        r'image filename does not exist: "(.+?)"',
        "image-missing",
        "{0} is missing: put the picture back, or remove it from the lists.",
    ),
    _complaint(
        r"Can't open label file\..*: (.+?)\s*$",
        "label-missing",
        "{0} is missing, so its picture is trained as if nothing were in it.",
        fatal=False,
    ),
    _complaint(r'failed to open annotation file "(.+)"', "label-missing", "the label file {0} is missing."),
    _complaint(
        r"Wrong annotation: class_id = .*file: (.+?)\s*$",
        "bad-class-id",
        "{0} has a class id that is no line of the names file; the box was left out.",
        fatal=False,
    ),
    _complaint(
        r"Wrong annotation: .*file: (.+?)\s*$",
        "bad-box",
        "{0} has a box whose numbers are not between 0 and 1; the box was left out.",
        fatal=False,
    ),
    _complaint(
        r"invalid class ID #\d+ in (.+?)\s*$",
        "bad-class-id",
        "{0} has a class id that is no line of the names file.",
    ),
    _complaint(
        r'invalid coordinate in "(.+?)"', "bad-box", "{0} has a box whose numbers are not between 0 and 1."
    ),
    _complaint(
        r"l\.outputs == params\.inputs|filters in convolutional layer prior to \[yolo\]",
        "bad-filters",
        "The cfg does not fit its classes: the layer before each [yolo] needs (classes + 5) × 3 filters.",
    ),
    _complaint(
        r"number of names (\d+) that isn't equal to classes",
        "bad-names",
        "The names file has {0} names, not as many as the cfg has classes.",
    ),
    _complaint(
        r"You set incorrect value batch=1|batch size should not be set to 1",
        "bad-batch",
        "This Darknet does not train with a batch of 1: take at least 2, better 64.",
    ),
    _complaint(
        r"compile Darknet with OpenCV for using mosaic",
        "mosaic",
        "This Darknet is built without OpenCV and cannot do mosaic.",
    ),
    _complaint(
        r'Couldn\'t open file: (.*?)\s*$|failed to open the file "(.*?)"',
        "file-missing",
        "Darknet could not open {0}.",
    ),
    _complaint(r"failed to read any lines from (.+?)\s*$", "empty-list", "{0} is empty."),
    _complaint(
        r"expected to read \d+ fields, but only read",
        "bad-weights",
        "The weights file is cut short, or of another network.",
    ),
    _complaint(
        r"Cancel the attempt to train a neural network using a CPU",
        "cpu-question",
        "This Darknet asked whether to train on the CPU and got no answer.",
    ),
    _complaint(
        r"could not connect to display|Could not load the Qt platform plugin",
        "display",
        "Darknet wanted to open a window, and there is no display.",
    ),
    _complaint(
        r"config line #\d+ from section \[\w+\] is unused or invalid: (.+?)\s*$",
        "bad-cfg",
        "This Darknet does not know {0} in the cfg.",
    ),
    _complaint(
        r"^Unused field: '(.+)'", "unused-field", "This Darknet does not know {0} in the cfg.", fatal=False
    ),
    _complaint(
        r"free\(\): invalid|malloc\(\): |double free|corrupted size|heap corruption",
        "heap",
        "Darknet damaged its own memory.",
    ),
    _complaint(r"calling Darknet's fatal error handler due to signal", "crash", "Darknet crashed."),
    _complaint(
        r"^\* Error message:\s*(?!signal handler)(\S.*?)\s*$", "darknet-error", "Darknet stopped: {0}."
    ),
    _complaint(
        r"^(?:\S*darknet: )?\S+:\d+: .*Assertion `(.+)' failed",
        "assertion",
        "Darknet stopped at a check of its own: {0}.",
    ),
)

NAN_TEXT = (
    "The loss is not a number any more, so this training is lost: go on from the last good weights with a "
    "lower learning rate. Where that does not help, the Darknet may be at fault: those built with -Ofast "
    "(the default) do this on a CPU with sound data; build it with -O3."
)


def plain_text(text: str) -> str:
    """Text without escape sequences (colours, titles), bells and carriage returns."""
    return _ESCAPES.sub("", text.replace("\r\n", "\n")).replace("\r", "\n")


@dataclass(slots=True)
class _MapParts:
    """What has been read of a block of mAP so far."""

    classes: list[ClassAp] = field(default_factory=list)
    values: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)


class OutputParser:
    """Reads one stream of a Darknet.

    Args:
        on_event: Called with each event, in order.
    """

    def __init__(self, on_event: Callable[[Event], None]) -> None:
        self._emit = on_event
        self._pending = ""
        self._iteration: int | None = None
        self._max: int | None = None
        self._nan = False
        self._map = _MapParts()

    def feed(self, text: str) -> None:
        """Take a piece of the stream; events come out for each line that it completes."""
        if "\n" not in text and "\r" not in text:  # the most usual case, where it comes in small pieces
            self._pending = (self._pending + text)[-MAX_LINE:]
            return
        *lines, rest = _BREAKS.split(self._pending + text)
        for line in lines:
            self._line(line)
        self._pending = rest[-MAX_LINE:]

    def close(self) -> None:
        """The stream has ended: what is left is a line."""
        pending, self._pending = self._pending, ""
        self._line(pending)

    def _line(self, raw: str) -> None:
        if not raw:
            return
        title = _TITLE.search(raw) if "/" in raw else None
        if title and int(title[2]) != self._max:
            self._max = int(title[2])
            self._emit(Loaded(self._max))
        line = _ESCAPES.sub("", raw)
        if self._iteration_line(line) or self._map_line(line):
            return
        saved = _SAVED.match(line)
        if saved:
            self._emit(WeightsSaved(saved[1], self._iteration))
            return
        for complaint in _COMPLAINTS:
            match = complaint.pattern.search(line)
            if match:
                what = next((group for group in match.groups() if group), "a file without a name")
                text = complaint.text.format(what.strip().rstrip("."))
                text = text[0].upper() + text[1:] if not text.startswith(what) else text
                self._emit(Problem(text, complaint.code, complaint.fatal, line.strip()[:500]))
                return

    def _iteration_line(self, line: str) -> bool:
        match = _CLASSIC.match(line)
        if match:
            hours = float(match[7]) if match[7] else None
            seconds, images = float(match[5]), int(match[6])
        else:
            match = _HANK.match(line)
            if not match:
                return False
            hours = _hours(match[8])
            seconds, images = float(match[5]) * _unit(match[6]), int(match[7])
        event = Iteration(
            iteration=int(match[1]),
            loss=float(match[2]),
            avg_loss=float(match[3]),
            rate=float(match[4]),
            seconds=seconds,
            images=images,
            hours_left=hours if hours is not None and hours >= 0 else None,
        )
        self._iteration = event.iteration
        self._emit(event)
        if not math.isfinite(event.loss) and not self._nan:
            self._nan = True
            self._emit(Problem(NAN_TEXT, "nan", False, line.strip()))
        return True

    def _map_line(self, line: str) -> bool:
        parts = self._map
        match = _CLASS_AP.search(line) or _HANK_AP.match(line)
        if match:
            parts.classes.append(
                ClassAp(int(match[1]), match[2].strip(), float(match[3]) / 100, int(match[4]), int(match[5]))
            )
            return True
        if match := _COUNTS.search(line):
            parts.counts |= {"detections": int(match[1]), "truths": int(match[2])}
            return True
        if match := _PRECISION.search(line):
            parts.values |= dict(
                zip(("confidence", "precision", "recall", "f1"), map(float, match.groups()), strict=True)
            )
            return True
        if match := _FOUND.search(line):
            parts.counts |= {"tp": int(match[2]), "fp": int(match[3]), "fn": int(match[4])}
            parts.values |= {"confidence": float(match[1]), "average_iou": float(match[5]) / 100}
            return True
        if match := _MEAN.search(line):
            mean = float(match[2]) / 100 if match[3] else float(match[2])
            block = MapBlock(mean, float(match[1]), tuple(parts.classes), iteration=self._iteration)
            self._emit(replace(block, **parts.values, **parts.counts))  # type: ignore[arg-type]
            self._map = _MapParts()
            return True
        return False


def _hours(text: str) -> float | None:
    """Hours in ``3.6 minutes``; None for ``unknown``."""
    match = re.match(rf"^{_N} (\w+)$", text)
    return float(match[1]) * _unit(match[2]) / 3600 if match else None


def _unit(word: str) -> float:
    return _UNITS.get(word, _UNITS.get(word.rstrip("s"), 1.0))
