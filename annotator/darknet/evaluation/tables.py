"""Each table and curve of an evaluation as CSV, for a spreadsheet or a paper. Pure.

Numbers are shares from 0 to 1 with a point; the split that a number is from stands in its line.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

from annotator.darknet.evaluation.analysis import Analysis
from annotator.darknet.evaluation.confusion import Mistake
from annotator.darknet.evaluation.darknet_count import DarknetCount
from annotator.darknet.evaluation.stored import Evaluation, ImageResult
from annotator.darknet.program.events import MapBlock
from annotator.darknet.run.printed import printed_at
from converters.model import Box, Split

Line = Sequence[object]
_COCO = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


def tables_of(
    evaluation: Evaluation,
    analyses: Mapping[Split, Analysis],
    printed: Mapping[int, MapBlock],
    counts: Sequence[DarknetCount] = (),
) -> dict[str, str]:
    """The tables by file name.

    Args:
        evaluation: What was measured.
        analyses: Of each split whose pictures are there.
        printed: What Darknet printed itself while it trained, by iteration.
        counts: What Darknet counted when it was asked to.
    """
    found = analyses.values()
    return {
        "checkpoints.csv": _checkpoints(evaluation, printed),
        "coco.csv": _coco(evaluation),
        "bootstrap.csv": _csv(("split", "class", "low", "high"), _bootstrap(found)),
        "curves.csv": _csv(
            ("split", "iou_threshold", "class", "confidence", "recall", "precision"), _curves(found)
        ),
        "confusion.csv": _csv(("split", "ground_truth", "taken_for", "boxes"), _confusion(found)),
        "sizes.csv": _csv(
            ("split", "class", "side_from", "side_below", "boxes", "ap", "ap_low", "ap_high"), _sizes(found)
        ),
        "confidences.csv": _csv(
            ("split", "from", "to", "predictions", "mean_confidence", "right", "right_low", "right_high"),
            _confidences(found),
        ),
        "mistakes.csv": _mistakes(evaluation, analyses),
        "darknet.csv": _csv(
            ("split", "darknet", "iou_threshold", "class", "ap", "tp", "fp"), _counted(counts)
        ),
    }


def _checkpoints(evaluation: Evaluation, printed: Mapping[int, MapBlock]) -> str:
    heads = ("split", "iteration", "weights", "kind", "chosen")
    aps = (f"AP@0.50 {name}" for name in evaluation.class_names)
    rows = []
    for at, one in enumerate(evaluation.checkpoints):
        if one.metrics is None or one.strict is None:
            continue
        block = printed_at(dict(printed), one.iteration)
        values = [*(each.ap for each in one.metrics.classes), one.metrics.mean_ap, one.strict.mean_ap]
        chosen = int(at == evaluation.chosen)
        theirs = block.mean_ap if block is not None else None
        head = (Split.VAL, one.iteration, one.weights, one.kind, chosen)
        rows.append((*head, *map(_share, values), _share(theirs)))
    return _csv((*heads, *aps, "mAP@0.50", "mAP@0.75", "darknet_printed_mAP@0.50"), rows)


def _coco(evaluation: Evaluation) -> str:
    rows: list[Line] = []
    for measured in (evaluation.validation, evaluation.test):
        if measured is None or measured.coco is None:
            continue
        coco = measured.coco
        for one in coco.classes:
            values = (_share(getattr(one, name)) for name in _COCO)
            rows.append((measured.split, one.name, *values, one.truths))
        total = sum(one.truths for one in coco.classes)
        rows.append((measured.split, "(all)", *(_share(getattr(coco, name)) for name in _COCO), total))
    return _csv(("split", "class", "AP", "AP50", "AP75", "APs", "APm", "APl", "boxes"), rows)


def _bootstrap(found: Iterable[Analysis]) -> Iterable[Line]:
    for one in found:
        for name, span in zip(one.class_names, one.class_intervals, strict=True):
            yield one.split, name, *_ends(span)
        yield one.split, "(all)", *_ends(one.mean_interval)


def _curves(found: Iterable[Analysis]) -> Iterable[Line]:
    for one in found:
        for iou, curves in (("0.50", one.curves), ("0.75", one.strict_curves)):
            for curve in curves:
                thin = curve.thinned()
                points = zip(thin.confidence, thin.recall, thin.precision, strict=True)
                for point in points:
                    yield one.split, iou, curve.name, *(_share(float(value)) for value in point)


def _confusion(found: Iterable[Analysis]) -> Iterable[Line]:
    for one in found:
        names = one.confusion.class_names
        for row, truth in enumerate((*names, "(nothing there)")):
            for column, seen in enumerate((*names, "(not found)")):
                if not row == column == len(names):
                    yield one.split, truth, seen, one.confusion.counts[row][column]


def _sizes(found: Iterable[Analysis]) -> Iterable[Line]:
    for one in found:
        for each in one.sizes:
            ends = _ends(each.interval)
            yield one.split, each.name, each.low, each.high, each.truths, _share(each.ap), *ends


def _confidences(found: Iterable[Analysis]) -> Iterable[Line]:
    for one in found:
        for each in one.reliability.bins:
            head = (one.split, f"{each.low:.1f}", f"{each.high:.1f}", each.count)
            yield *head, _share(each.confidence), _share(each.right), *_ends(each.interval)


def _mistakes(evaluation: Evaluation, analyses: Mapping[Split, Analysis]) -> str:
    rows: list[Line] = []
    for split, found in analyses.items():
        images = evaluation.images if split is Split.TEST else evaluation.validation_images
        rows += [_mistake(split, one, images[one.image]) for one in found.mistakes]
    heads = ("split", "picture", "mistake", "class", "taken_for", "confidence", "iou", "costs_mAP@0.50")
    edges = ("x1", "y1", "x2", "y2")
    return _csv((*heads, *(f"box_{one}" for one in edges), *(f"seen_{one}" for one in edges)), rows)


def _mistake(split: Split, one: Mistake, image: ImageResult) -> Line:
    truth = image.truths[one.truth] if one.truth is not None else None
    seen = image.predictions[one.prediction] if one.prediction is not None else None
    numbers = map(_share, (one.confidence, one.iou, one.cost))
    return (
        *(split, image.image, one.kind, one.true_label, one.label, *numbers),
        *(*_edges(truth), *_edges(seen)),
    )


def _edges(box: Box | None) -> Sequence[str]:
    return [f"{edge:.2f}" for edge in box.xyxy] if box is not None else [""] * 4


def _counted(counts: Sequence[DarknetCount]) -> Iterable[Line]:
    for one in counts:
        for block in one.blocks:
            head = (one.split, one.darknet, f"{block.iou:.2f}")
            for each in block.classes:
                yield *head, each.name, _share(each.ap), each.tp, each.fp
            yield *head, "(all)", _share(block.mean_ap), block.tp, block.fp


def _share(value: float | None) -> str:
    return "" if value is None else f"{value:.6f}"


def _ends(span: tuple[float, float] | None) -> tuple[str, str]:
    return (_share(span[0]), _share(span[1])) if span is not None else ("", "")


def _csv(heads: Sequence[str], rows: Iterable[Line]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(["" if value is None else str(value) for value in row] for row in rows)
    return out.getvalue()
