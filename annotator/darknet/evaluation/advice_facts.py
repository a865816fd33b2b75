"""What :mod:`annotator.darknet.evaluation.advice` goes by, read from a run and its evaluation."""

from __future__ import annotations

import math
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress

from annotator.darknet.evaluation.advice import Act, Advice, Course, Facts, advise, after_training
from annotator.darknet.evaluation.analysis import Analysis, analyses_of
from annotator.darknet.evaluation.checkpoints import read_measured
from annotator.darknet.evaluation.measure import ProgressCallback
from annotator.darknet.evaluation.stored import Evaluation, ImageResult
from annotator.darknet.evaluation.training_pictures import measure_sample, originals_in, stored_sample
from annotator.darknet.network.presets import NETWORKS
from annotator.darknet.run.folder import RunFolder, read_metrics
from converters.errors import DataError, ImageError
from converters.images import read_header
from converters.model import Split


def course_of(run: RunFolder, evaluation: Evaluation | None = None) -> Course:
    """How a training went; what cannot be read is left out."""
    points: dict[int, float] = {}
    for row in read_metrics(run.metrics):
        with suppress(ValueError, KeyError):
            points[int(row["iteration"])] = float(row["avg_loss"])
    iterations = sorted(points)
    maps = {one.iteration: one.mean_ap for one in read_measured(run)}
    for checkpoint in evaluation.checkpoints if evaluation is not None else ():
        if checkpoint.metrics is not None:
            maps[checkpoint.iteration] = checkpoint.metrics.mean_ap
    rate = 0.001
    with suppress(DataError, ValueError):
        rate = float(run.read_cfg().net.get("learning_rate") or rate)
    averages = tuple(points[one] for one in iterations)
    return Course(tuple(iterations), averages, tuple(sorted(maps.items())), rate)


def advice_after_training(run: RunFolder) -> list[Advice]:
    """What to do when a training has ended and was not evaluated yet."""
    return after_training(course_of(run))


def advice_of(
    run: RunFolder,
    evaluation: Evaluation,
    analyses: Mapping[Split, Analysis] | None = None,
    *,
    measure: bool,
    on_progress: ProgressCallback | None = None,
) -> list[Advice]:
    """What to do next with an evaluated run.

    Args:
        run: The run.
        evaluation: Its evaluation.
        analyses: Of its splits, where they are known already.
        measure: Measure a sample of the training pictures, too; else what is stored of one is taken.
        on_progress: Told how far that is; it may raise to cancel.

    Raises:
        DataError: The run's cfg or lists are broken, or its weights are gone.
    """
    analyses = analyses_of(evaluation) if analyses is None else analyses
    sample = measure_sample(run, evaluation, on_progress) if measure else stored_sample(run, evaluation)
    entries = run.read_list(Split.TRAIN)
    originals = len(originals_in(run))
    net = run.read_cfg().net
    width, height = net.get_int("width"), net.get_int("height")
    known = NETWORKS.get(run.info.network)
    fixed = known is not None and bool(known.fixed_size)
    facts = Facts(
        course=course_of(run, evaluation),
        validation=analyses.get(Split.VAL),
        chosen=evaluation.chosen_weights.iteration,
        train_boxes=_boxes_in(run, entries),
        copies=len(set(entries)) - originals,
        pictures=originals,
        sample=sample,
        sides=_sides(run, evaluation.validation_images, width, height),
        side=0 if fixed else min(width, height),
    )
    return advise(facts)


def _boxes_in(run: RunFolder, entries: Sequence[str]) -> dict[str, int]:
    """Boxes of each class; a label file that cannot be read counts none."""
    names = run.info.class_names
    counts = dict.fromkeys(names, 0)
    for entry in dict.fromkeys(entries):
        with suppress(OSError, ValueError, IndexError):
            text = (run.path / entry).with_suffix(".txt").read_text(encoding="utf-8")
            for line in filter(str.strip, text.splitlines()):
                counts[names[int(line.split(maxsplit=1)[0])]] += 1
    return counts


def _sides(
    run: RunFolder, results: Sequence[ImageResult], width: int, height: int
) -> list[tuple[float, bool]]:
    """Of each box its side (of the square of the same area) as the network sees it, and if it was found."""
    sides: list[tuple[float, bool]] = []
    for one in results:
        if not one.truths:
            continue
        try:
            across, down = read_header(one.path_in(run)).size
        except ImageError:
            continue  # it is gone since; the others tell
        by, along = width / across, height / down
        if run.info.letterbox:
            by = along = min(by, along)
        found = {truth for _, truth, _ in one.match.tp}
        for at, box in enumerate(one.truths):
            if "difficult" not in box.flags:
                x1, y1, x2, y2 = box.xyxy
                sides.append((math.sqrt(max(0.0, (x2 - x1) * by * (y2 - y1) * along)), at in found))
    return sides


def command_for(advice: Advice, run: RunFolder) -> str:
    """The command that does what is advised; empty where it takes the window or a person."""
    path, work = (shlex.quote(str(one)) for one in (run.path, run.work))
    which = f"--network {run.info.network}" if run.info.network in NETWORKS else f"--cfg {path}/net.cfg"
    again = f"train-cli run {work} {which}"
    match advice.act:
        case Act.TRAIN_ON:
            return f"train-cli resume {path} --max-batches {advice.iterations}"
        case Act.RATE:
            return f"{again} --learning-rate {advice.rate:g}"
        case Act.SIZE:
            return f"{again} --width {advice.side} --height {advice.side}"
        case Act.PRETRAINED:
            return f"train-cli weights; {again} --weights NAME"
        case Act.EVALUATE:
            return f"train-cli evaluate {path}"
        case Act.COPIES:
            return f"augment-cli {work} --copies 2"
        case Act.CLASS:
            return f"augment-cli {work} --balance equal"
        case _:
            return ""
