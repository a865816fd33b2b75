"""How much a network's predictions disagree with the labels: per box, and per picture.

The disagreement of a box is (1 + other − same) / 2, with the confidence of the surest prediction on it that
has another label, and of the surest that has its own (0 where there is none): the margin by which confident
learning ranks label errors (Northcutt, Jiang and Chuang, Confident Learning, JAIR 2021), for the boxes of a
detector as ObjectLab does it (Tkachenko, Thyagarajan and Mueller, 2023). A box that is found surely comes
near 0; one that was missed is 0.5: a small face is missed more often than it is labelled wrong; one on which
the network is sure of another label comes near 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from annotator.core.gallery import BoxId
from annotator.darknet.metrics import iou_float32
from converters.model import AnnotatedImage, Box

IOU = 0.5
"""From more than this on a prediction is about a box, as in the evaluation."""
CONFIDENT = 0.5
"""Confidence from which a prediction without ground truth says that a box may have been forgotten."""


def disagreements(truths: Sequence[Box], predictions: Sequence[Box]) -> tuple[float, ...]:
    """The disagreement of each ground truth box with the predictions of its picture, 0 to 1.

    A box that is marked difficult does not have to be found: where nothing lies on it, it is 0.
    """
    if not truths:
        return ()
    overlaps = iou_float32(truths, predictions)
    found = []
    for index, truth in enumerate(truths):
        on_it = [box for at, box in enumerate(predictions) if overlaps[index, at] > IOU]
        same = max((box.confidence or 0.0 for box in on_it if box.label == truth.label), default=0.0)
        other = max((box.confidence or 0.0 for box in on_it if box.label != truth.label), default=0.0)
        if not on_it and "difficult" in truth.flags:
            found.append(0.0)
        else:
            found.append((1.0 + other - same) / 2.0)
    return tuple(found)


def picture_disagreement(truths: Sequence[Box], predictions: Sequence[Box]) -> float:
    """The disagreement of a picture, 0 to 1: that of its worst box.

    A confident prediction that lies on no box counts as one whose box was forgotten: (1 + confidence) / 2.
    """
    worst = max(disagreements(truths, predictions), default=0.0)
    sure = [box for box in predictions if (box.confidence or 0.0) >= CONFIDENT]
    overlaps = iou_float32(sure, truths)
    for index, box in enumerate(sure):
        if not truths or overlaps[index].max() <= IOU:
            worst = max(worst, (1.0 + (box.confidence or 0.0)) / 2.0)
    return worst


def box_disagreements(
    images: Iterable[AnnotatedImage], predictions: Mapping[str, Sequence[Box]]
) -> dict[BoxId, float]:
    """The disagreement of the boxes of every picture that there are predictions of."""
    scores: dict[BoxId, float] = {}
    for image in images:
        if image.key in predictions:
            for box, value in zip(
                image.boxes, disagreements(image.boxes, predictions[image.key]), strict=True
            ):
                id_ = (image.key, box.xyxy)
                scores[id_] = max(value, scores.get(id_, 0.0))
    return scores


def picture_disagreements(
    images: Iterable[AnnotatedImage], predictions: Mapping[str, Sequence[Box]]
) -> dict[str, float]:
    """The disagreement of every picture that there are predictions of, by its key."""
    return {
        image.key: picture_disagreement(image.boxes, predictions[image.key])
        for image in images
        if image.key in predictions
    }


def with_labels_of(
    predictions: Mapping[str, Sequence[Box]], theirs: Sequence[str], ours: Sequence[str]
) -> dict[str, tuple[Box, ...]]:
    """Predictions with the labels of the open set.

    Class ids are pinned: where a class was renamed since the network was trained (or when its data set was
    made), it is the class at the same place, if there are as many classes as then.

    Args:
        predictions: By picture.
        theirs: The classes of the network.
        ours: The classes of the open set.
    """
    renamed: dict[str, str] = {}
    if len(theirs) == len(ours):
        renamed = {
            old: new for old, new in zip(theirs, ours, strict=True) if old not in ours and new not in theirs
        }
    return {
        key: tuple(box.relabelled(renamed.get(box.label, box.label)) for box in boxes)
        for key, boxes in predictions.items()
    }
