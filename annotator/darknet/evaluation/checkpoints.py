"""What was measured of a run's weights while it trained: the study's table, and a cache for the evaluation.

RUN/checkpoints.csv                   the table, for a person: a line a checkpoint
RUN/evaluation/checkpoints.jsonl      the same with every number, by the weights' content

A measure is known by what it depends on: the weights' SHA-256 and the hash of pictures, labels and network
(:attr:`annotator.darknet.evaluation.measure.SplitSet.fingerprint`). So nothing has to be
forgotten when labels change.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from annotator.darknet.evaluation.stored import Checkpoint, EvaluationFolder
from annotator.darknet.metrics import Metrics
from annotator.darknet.program.events import CheckpointMeasured, ClassMeasured
from annotator.darknet.run.folder import RunFolder
from converters.files import append_line, make_folder, write_atomic


@dataclass(frozen=True, slots=True)
class MeasuredCheckpoint:
    """Weights that were measured on validation while the training went on.

    Attributes:
        checkpoint: They, with their numbers at both IoU thresholds.
        fingerprint: Hash of the pictures, labels and network.
        measured: When, ISO 8601.
        seconds: How long it took.
        kept: Whether the file in backup/ is a copy of ours (Darknet has overwritten its own).
    """

    checkpoint: Checkpoint
    fingerprint: str
    measured: str
    seconds: float
    kept: bool = False

    @property
    def iteration(self) -> int:
        """The iteration the weights are from."""
        return self.checkpoint.iteration

    @property
    def mean_ap(self) -> float:
        """Mean AP at IoU 0.50, 0 to 1."""
        return self.checkpoint.metrics.mean_ap if self.checkpoint.metrics else 0.0

    def event(self) -> CheckpointMeasured:
        """What is said of it."""
        plain, strict = self.checkpoint.metrics, self.checkpoint.strict
        classes = []
        for one, hard in zip(plain.classes if plain else (), strict.classes if strict else (), strict=True):
            low, high = one.interval or (None, None)
            classes.append(ClassMeasured(one.name, one.ap, hard.ap, one.truths, low, high))
        return CheckpointMeasured(
            self.iteration,
            self.checkpoint.weights,
            self.mean_ap,
            strict.mean_ap if strict else 0.0,
            tuple(classes),
            plain.images if plain else 0,
            round(self.seconds, 2),
        )

    def render(self) -> str:
        """A line of JSON."""
        one = self.checkpoint
        return json.dumps(
            {
                "weights": one.weights,
                "sha256": one.sha256,
                "iteration": one.iteration,
                "kind": one.kind,
                "fingerprint": self.fingerprint,
                "measured": self.measured,
                "seconds": round(self.seconds, 3),
                "kept": self.kept,
                "iou_50": one.metrics.as_dict() if one.metrics else None,
                "iou_75": one.strict.as_dict() if one.strict else None,
            },
            ensure_ascii=False,
        )

    @classmethod
    def parse(cls, line: str) -> MeasuredCheckpoint:
        """The inverse of :meth:`render`.

        Raises:
            KeyError, TypeError, ValueError: It is none.
        """
        said = json.loads(line)
        return cls(
            Checkpoint(
                str(said["weights"]),
                str(said["sha256"]),
                int(said["iteration"]),
                str(said["kind"]),
                Metrics.from_dict(said["iou_50"]),
                Metrics.from_dict(said["iou_75"]),
            ),
            str(said["fingerprint"]),
            str(said["measured"]),
            float(said["seconds"]),
            bool(said["kept"]),
        )


def table_path(run: RunFolder) -> Path:
    """The table for a person."""
    return run.path / "checkpoints.csv"


def cache_path(run: RunFolder) -> Path:
    """Every number of every measure."""
    return EvaluationFolder.of(run).path / "checkpoints.jsonl"


def read_measured(run: RunFolder) -> list[MeasuredCheckpoint]:
    """What was measured, oldest first; a line that is broken or cut short is left out."""
    try:
        lines = cache_path(run).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(KeyError, TypeError, ValueError):
            found.append(MeasuredCheckpoint.parse(line))
    return found


def add_measured(run: RunFolder, one: MeasuredCheckpoint) -> None:
    """Add a measure to the cache and to the table.

    Raises:
        WriteError: They cannot be written.
    """
    path = cache_path(run)
    make_folder(path.parent)
    append_line(path, one.render())
    write_table(run)


def rewrite_measured(run: RunFolder, measured: Iterable[MeasuredCheckpoint]) -> None:
    """Write cache and table anew. Raises WriteError."""
    path = cache_path(run)
    make_folder(path.parent)
    write_atomic(path, "".join(one.render() + "\n" for one in measured))
    write_table(run)


def forget_after(run: RunFolder, iteration: int) -> None:
    """Drop what was measured after an iteration: a resumed training does those again. Raises WriteError."""
    before = read_measured(run)
    kept = [one for one in before if one.iteration <= iteration]
    if len(kept) < len(before):
        rewrite_measured(run, kept)


def write_table(run: RunFolder) -> None:
    """Write the table: of an iteration that was measured more than once, the last. Raises WriteError."""
    write_atomic(table_path(run), table_csv([_told(run, one) for one in read_measured(run)]))


def _told(run: RunFolder, one: MeasuredCheckpoint) -> CheckpointMeasured:
    """The event with the file's name only where that still holds these weights."""
    there = one.checkpoint.kind in ("numbered", "final") and one.checkpoint.path_in(run).is_file()
    return one.event() if there else replace(one.event(), weights="")


def table_csv(measured: Iterable[CheckpointMeasured]) -> str:
    """The study's table as CSV, in percent: iterations x (mAP, AP of each class with its interval)."""
    rows = {one.iteration: one for one in measured}
    names = list(dict.fromkeys(item.name for one in rows.values() for item in one.classes))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    head = ["iteration", "weights", "split", "images", "mAP@0.50", "mAP@0.75"]
    for name in names:
        head += [f"{name} AP@0.50", f"{name} low", f"{name} high", f"{name} AP@0.75", f"{name} boxes"]
    writer.writerow(head)
    for one in sorted(rows.values(), key=lambda row: row.iteration):
        cells: list[object] = [one.iteration, one.weights, "val", one.images]
        cells += [_percent(one.mean_ap), _percent(one.mean_ap_75)]
        known = {item.name: item for item in one.classes}
        for name in names:
            item = known.get(name)
            if item is None:
                cells += [""] * 5
            else:
                cells += [_percent(value) for value in (item.ap, item.low, item.high, item.ap_75)]
                cells.append(item.boxes)
        writer.writerow(cells)
    return out.getvalue()


def known_checkpoint(
    run: RunFolder, one: Checkpoint, fingerprint: str, conf_threshold: float, images: int
) -> Checkpoint | None:
    """The same weights with the numbers that a training measured of them; None where it did not.

    Args:
        run: The run.
        one: The weights, with their hash.
        fingerprint: Hash of the pictures, labels and network as they are now.
        conf_threshold: Confidence above which a prediction counts as TP or FP.
        images: Number of pictures.
    """
    for old in reversed(read_measured(run)):
        metrics = old.checkpoint.metrics
        if (
            (old.checkpoint.sha256, old.fingerprint) == (one.sha256, fingerprint)
            and metrics is not None
            and metrics.conf_threshold == conf_threshold
            and metrics.images == images
        ):
            return replace(one, metrics=metrics, strict=old.checkpoint.strict)
    return None


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.2f}"
