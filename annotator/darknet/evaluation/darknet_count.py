"""Darknet counts too: ``detector map`` on the pictures that we measured, beside our own numbers.

AlexeyAB's must come to the same digits, and hank-ai's to those that it prints where no score lies so near a
threshold that its resize by OpenCV moves it over. pjreddie's has no ``map``.
"""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from annotator.darknet.evaluation.measure import hash_file, read_splits
from annotator.darknet.evaluation.notes import measured_on_test
from annotator.darknet.evaluation.stored import Evaluation, EvaluationFolder, Measured
from annotator.darknet.metrics import Metrics
from annotator.darknet.program.dialect import Darknet, find_darknet, recognise
from annotator.darknet.program.environment import darknet_environment
from annotator.darknet.program.events import ClassAp, Event, MapBlock
from annotator.darknet.program.parser import OutputParser
from annotator.darknet.run.folder import RunFolder, now
from converters.errors import DataError, UsageError
from converters.files import make_folder, write_if_changed
from converters.model import Split
from converters.report import Report

Progress = Callable[[int, int], None]
"""Called with (pictures done, pictures in all). It may raise to cancel."""
_LOOK_AGAIN = 0.1
"""Seconds between two looks at how far Darknet is."""


@dataclass(frozen=True, slots=True)
class CountDifference:
    """A number that Darknet printed otherwise than ours.

    Attributes:
        iou: IoU threshold.
        what: ``mAP``, ``TP`` …, or ``AP of`` a class.
        ours: As text, with the digits that Darknet prints.
        darknet: Likewise.
    """

    iou: float
    what: str
    ours: str
    darknet: str


@dataclass(frozen=True, slots=True)
class DarknetCount:
    """What Darknet's own ``detector map`` printed for one split and one weights file.

    Attributes:
        darknet: Which Darknet, for people.
        dialect: Its kind.
        split: The split.
        weights: Name of the weights.
        sha256: Their hash.
        fingerprint: Of the pictures and labels, as in :class:`~annotator.darknet.evaluation.stored.Measured`.
        measured: When, ISO 8601.
        blocks: At IoU 0.50 and 0.75.
    """

    darknet: str
    dialect: str
    split: Split
    weights: str
    sha256: str
    fingerprint: str
    measured: str
    blocks: tuple[MapBlock, ...]

    def block(self, iou: float) -> MapBlock | None:
        """What was printed at an IoU threshold."""
        return next((one for one in self.blocks if abs(one.iou - iou) < 0.005), None)

    def is_of(self, measured: Measured) -> bool:
        """Whether it is of the same weights, pictures and labels."""
        return (self.sha256, self.fingerprint) == (measured.sha256, measured.fingerprint)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return asdict(self) | {"split": str(self.split)}

    def differences(self, measured: Measured) -> tuple[CountDifference, ...]:
        """Where the printed digits are not ours."""
        found: list[CountDifference] = []
        for metrics in (measured.metrics, measured.strict):
            block = self.block(metrics.iou_threshold)
            if block is not None:
                found += _differences(block, metrics)
        return tuple(found)


def darknet_for(run: RunFolder, setting: str | None = None) -> Darknet:
    """The Darknet that is to count: the one asked for, else the run's own, else the one that is found.

    Raises:
        UsageError: There is none that has a ``map``.
    """
    own = Path(run.info.darknet.get("path", ""))
    found = None
    if setting is None and own.is_file():
        found = recognise(own)
    if found is None or found.dialect == "pjreddie":
        found = find_darknet(setting) or found
    if found is None or found.dialect == "pjreddie":
        title = found.title if found is not None else "No Darknet"
        raise UsageError(
            f"{title} can count mAP: pjreddie's has no such command."
            if found is None
            else f"{title} has no command that counts mAP.",
            code="no-map",
            hint="AlexeyAB's and hank-ai's do: put one on PATH, or its path into $DARKNET or --darknet.",
        )
    return found


def count_with_darknet(
    run: RunFolder,
    darknet: Darknet,
    evaluation: Evaluation,
    split: Split,
    *,
    on_progress: Progress | None = None,
) -> DarknetCount:
    """Let Darknet count on the very pictures that were measured, and keep what it prints.

    On test it looks with the weights that the number on test is of, so that is no other look.

    Raises:
        DataError: The split was not measured, or its pictures or labels were changed since.
        UsageError: Darknet cannot be started, or prints no mAP.
        WriteError: The result cannot be written.
    """
    run = RunFolder(run.path.resolve(), run.info)
    measured = evaluation.test if split is Split.TEST else evaluation.validation
    one = measured_on_test(evaluation) if split is Split.TEST else evaluation.chosen_weights
    (pictures,) = read_splits(run, (split,), Report())
    if measured is None or measured.fingerprint != pictures.fingerprint:
        raise DataError(
            f"{split} was not measured with the pictures and labels of now.",
            path=run.path,
            code="not-evaluated",
            hint="Evaluate first.",
        )
    weights = one.path_in(run)
    if not weights.is_file():
        raise DataError("the weights file is missing.", path=weights, code="weights-missing")
    if hash_file(weights) != measured.sha256:
        raise DataError(
            "these weights were written anew since they were measured.",
            path=weights,
            code="not-evaluated",
            hint="Evaluate again.",
        )
    folder = EvaluationFolder.of(run).path
    make_folder(folder)
    with tempfile.TemporaryDirectory(prefix="count-", dir=folder) as name:
        there = Path(name)
        _write_files(run, there, pictures.entries)
        blocks = []
        for number, metrics in enumerate((measured.metrics, measured.strict)):
            tell = _part(on_progress, number, len(pictures))
            blocks.append(_counted(darknet, there, weights, metrics, tell))
    found = DarknetCount(
        darknet.title, str(darknet.dialect), split, one.weights, measured.sha256, measured.fingerprint,
        now(), tuple(blocks),
    )  # fmt: skip
    text = json.dumps(found.as_dict(), indent=1, ensure_ascii=False) + "\n"
    write_if_changed(count_file(run, split), text)
    return found


def count_file(run: RunFolder, split: Split) -> Path:
    """Where a run keeps what Darknet counted on a split."""
    return EvaluationFolder.of(run).path / f"darknet-{split}.json"


def stored_count(run: RunFolder, measured: Measured) -> DarknetCount | None:
    """What Darknet counted for exactly this measurement; None where it did not (or the file is broken)."""
    try:
        content = json.loads(count_file(run, measured.split).read_text(encoding="utf-8"))
        found = _from_dict(content)
    except (OSError, ValueError, KeyError, TypeError):
        return None  # it can be counted again
    return found if found.is_of(measured) else None


def why_different(count: DarknetCount, run: RunFolder) -> str:
    """Why the numbers of this Darknet may differ from ours, a sentence."""
    trained = run.info.darknet["dialect"]
    if trained == "hank" and count.dialect != "hank":
        return (
            "hank-ai's Darknet trained this network and shrinks pictures with OpenCV, as the numbers here "
            "do; this one shrinks them in its own way. hank-ai's would count what stands here."
        )
    if count.dialect == "hank" and run.info.letterbox:
        return (
            "pjreddie's Darknet trained this network with pictures that keep their proportions, as the "
            "numbers here do; hank-ai's stretches them."
        )
    if count.dialect == "hank":
        return (
            "hank-ai's Darknet reads and resizes pictures with its own OpenCV: a box near a threshold can "
            "fall on the other side. It looks for labels beside the file that a link leads to, and "
            "letter_box=1 counts for its training, but not for its map."
        )
    return (
        "With this Darknet the digits should be equal: a build with -Ofast or a graphics card (half "
        "precision) can move a box over a threshold."
    )


def _differences(block: MapBlock, metrics: Metrics) -> list[CountDifference]:
    pairs = [("mAP", _percent(metrics.mean_ap), _percent(block.mean_ap))]
    for one, printed in zip(metrics.classes, block.classes, strict=False):
        pairs.append((f"AP of {one.name}", _percent(one.ap), _percent(printed.ap)))
        pairs.append((f"TP of {one.name}", str(one.tp), str(printed.tp)))
        pairs.append((f"FP of {one.name}", str(one.fp), str(printed.fp)))
    for what, ours, theirs in (
        ("TP", metrics.tp, block.tp),
        ("FP", metrics.fp, block.fp),
        ("FN", metrics.fn, block.fn),
    ):
        if theirs is not None:
            pairs.append((what, str(ours), str(theirs)))
    if block.average_iou is not None and metrics.tp + metrics.fp:
        pairs.append(("average IoU", _percent(metrics.average_iou), _percent(block.average_iou)))
    return [
        CountDifference(metrics.iou_threshold, what, ours, theirs)
        for what, ours, theirs in pairs
        if ours != theirs
    ]


def _percent(share: float) -> str:
    return f"{100 * share:.2f}"


def _write_files(run: RunFolder, folder: Path, entries: Sequence[str]) -> None:
    """cfg, data, names and list, with Darknet's own folder as the place that paths count from."""
    cfg = run.read_cfg().with_net(batch=1, subdivisions=1)
    if run.info.letterbox:
        cfg = cfg.with_net(letter_box=1)  # pjreddie's has trained it: its pictures keep their proportions
    (folder / "net.cfg").write_text(cfg.render(), encoding="utf-8")
    names = run.info.class_names
    (folder / "obj.names").write_text("".join(f"{name}\n" for name in names), encoding="utf-8")
    paths = (os.path.relpath(run.path / entry, folder) for entry in entries)
    (folder / "list.txt").write_text("".join(f"{path}\n" for path in paths), encoding="utf-8")
    (folder / "obj.data").write_text(
        f"classes = {len(names)}\ntrain = list.txt\nvalid = list.txt\nnames = obj.names\nbackup = .\n"
    )


def _part(on_progress: Progress | None, number: int, pictures: int) -> Progress:
    """Progress of one of the two passes within both."""

    def tell(done: int, _: int) -> None:
        if on_progress is not None:
            on_progress(number * pictures + min(done, pictures), 2 * pictures)

    return tell


def _counted(darknet: Darknet, folder: Path, weights: Path, metrics: Metrics, tell: Progress) -> MapBlock:
    command = [str(darknet.path), "detector", "map", "obj.data", "net.cfg", str(weights), "-dont_show"]
    command += ["-iou_thresh", f"{metrics.iou_threshold:g}", "-thresh", f"{metrics.conf_threshold:g}"]
    command += ["-points", str(metrics.points)]
    if darknet.dialect == "hank":
        command.append("-nocolour")
    output, code = _run(command, folder, tell)
    found: list[Event] = []
    parser = OutputParser(found.append)
    parser.feed(output)
    parser.close()
    block = next((event for event in found if isinstance(event, MapBlock)), None)
    if block is None:
        last = " / ".join(output.strip().splitlines()[-3:])[-300:]
        raise UsageError(
            f"{darknet.title} printed no mAP (exit code {code}).",
            path=darknet.path,
            code="no-map",
            hint=f"The last that it printed: {last}",
        )
    return block


def _run(command: Sequence[str], folder: Path, tell: Progress) -> tuple[str, int]:
    """Run Darknet to its end; what ``tell`` raises ends it."""
    out, err = folder / "map.out", folder / "map.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
                cwd=folder,
                env=darknet_environment(),
                start_new_session=True,
            )
        except OSError as error:
            reason = error.strerror or os.strerror(error.errno or 0)
            raise UsageError(f"cannot be started: {reason}.", path=command[0]) from error
        try:
            while process.poll() is None:
                tell(_pictures_done(err), 0)
                time.sleep(_LOOK_AGAIN)
        finally:
            with suppress(ProcessLookupError):
                process.kill()
            code = process.wait()
    return out.read_text(encoding="utf-8", errors="replace"), code


def _pictures_done(err: Path) -> int:
    """AlexeyAB's Darknet counts pictures on stderr, each number after a carriage return."""
    with err.open("rb") as file:
        file.seek(max(0, err.stat().st_size - 32))
        last = file.read().rpartition(b"\r")[2].strip()
    return int(last) if last.isdigit() else 0


def _from_dict(content: dict[str, Any]) -> DarknetCount:
    blocks = tuple(
        MapBlock(**(one | {"classes": tuple(ClassAp(**each) for each in one["classes"])}))
        for one in content["blocks"]
    )
    return DarknetCount(**(content | {"blocks": blocks, "split": Split(content["split"])}))
