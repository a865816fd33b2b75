"""AP as COCO measures it, by faster-coco-eval: other rules than Darknet's, so another name for each number.

COCO's AP is the mean over the IoU thresholds 0.50, 0.55 … 0.95, read off at 101 points of recall; a match
needs an IoU of at least the threshold (Darknet: more than it), a second detection may take the next free
truth, at most 100 detections of a picture count, and a class without a truth is left out of the mean
(Darknet: it counts as 0). ``difficult`` boxes are COCO's crowds: neither missed nor wrong.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from converters.model import Box

SMALL, LARGE = 32**2, 96**2
"""Areas in square pixels of the picture: below the first a box is small, from the second on large."""
_NAMES = ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large")


@dataclass(frozen=True, slots=True)
class CocoClass:
    """One class by COCO's rules.

    Attributes:
        name: The class.
        truths: Ground truth boxes that count.
        ap: Mean over IoU 0.50 to 0.95, 0 to 1; None (all of them) where there is no truth.
        ap50: At IoU 0.50.
        ap75: At IoU 0.75.
        ap_small: As ``ap``, of boxes below 32² pixels; None where there is none.
        ap_medium: Of boxes from 32² to 96².
        ap_large: Of larger ones.
    """

    name: str
    truths: int
    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None


@dataclass(frozen=True, slots=True)
class CocoMetrics:
    """A set of pictures by COCO's rules; the numbers as in :class:`CocoClass`, over all classes with a truth.

    Attributes:
        classes: One entry for each class, in the order of the names file.
    """

    classes: tuple[CocoClass, ...]
    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None

    @property
    def absent(self) -> tuple[str, ...]:
        """Classes without a truth: they are not in the means."""
        return tuple(one.name for one in self.classes if not one.truths)

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return asdict(self) | {"classes": [asdict(one) for one in self.classes]}

    @classmethod
    def from_dict(cls, value: dict[str, Any]) -> CocoMetrics:
        """The inverse of :meth:`as_dict`.

        Raises:
            KeyError, TypeError, ValueError: ``value`` is not what :meth:`as_dict` gives.
        """
        classes = tuple(
            CocoClass(str(one["name"]), int(one["truths"]), *(_number(one[name]) for name in _NAMES))
            for one in value["classes"]
        )
        return cls(classes, *(_number(value[name]) for name in _NAMES))


def evaluate_coco(
    truths: Sequence[Sequence[Box]], detections: Sequence[Sequence[Box]], class_names: Sequence[str]
) -> CocoMetrics:
    """Measure detections as COCO does.

    Args:
        truths: Ground truth of each picture.
        detections: Predictions of each picture, after NMS.
        class_names: The classes, in order; boxes of others are left out.
    """
    ids = {name: index for index, name in enumerate(class_names, 1)}
    counts = dict.fromkeys(class_names, 0)
    for boxes in truths:
        for box in boxes:
            if box.label in counts and "difficult" not in box.flags:
                counts[box.label] += 1
    precision = _precision(_ground_truth(truths, ids), _results(detections, ids))
    classes = tuple(
        CocoClass(name, counts[name], *_means(precision[:, :, index : index + 1]))
        for index, name in enumerate(class_names)
    )
    return CocoMetrics(classes, *_means(precision))


def _ground_truth(truths: Sequence[Sequence[Box]], ids: dict[str, int]) -> dict[str, Any]:
    annotations: list[dict[str, Any]] = []
    for image, boxes in enumerate(truths, 1):
        for box in boxes:
            if box.label in ids:
                xywh = _xywh(box)
                annotations.append(
                    {
                        "id": len(annotations) + 1,
                        "image_id": image,
                        "category_id": ids[box.label],
                        "bbox": xywh,
                        "area": xywh[2] * xywh[3],
                        "iscrowd": int("difficult" in box.flags),
                    }
                )
    return {
        "images": [{"id": image} for image in range(1, len(truths) + 1)],
        "annotations": annotations,
        "categories": [{"id": index, "name": name} for name, index in ids.items()],
    }


def _results(detections: Sequence[Sequence[Box]], ids: dict[str, int]) -> list[dict[str, Any]]:
    return [
        {
            "image_id": image,
            "category_id": ids[box.label],
            "bbox": _xywh(box),
            "score": float(box.confidence or 0.0),
        }
        for image, boxes in enumerate(detections, 1)
        for box in boxes
        if box.label in ids
    ]


def _xywh(box: Box) -> list[float]:
    x1, y1, x2, y2 = box.xyxy
    return [x1, y1, x2 - x1, y2 - y1]


def _precision(truth: dict[str, Any], results: list[dict[str, Any]]) -> npt.NDArray[np.float64]:
    """Precision by (IoU threshold, recall point, class, area: all, small, medium, large); -1: no truth."""
    if not truth["images"]:
        return np.full((10, 101, len(truth["categories"]), 4), -1.0)
    from faster_coco_eval import COCO, COCOeval_faster

    ground = COCO(truth)
    evaluation = COCOeval_faster(ground, ground.loadRes(results), iouType="bbox")
    evaluation.evaluate()
    evaluation.accumulate()
    precision: npt.NDArray[np.float64] = np.asarray(evaluation.eval["precision"])[..., -1]
    return precision


def _means(precision: npt.NDArray[np.float64]) -> tuple[float | None, ...]:
    """AP, AP50, AP75, APs, APm, APl of some classes."""
    parts = (precision[..., 0], precision[0, ..., 0], precision[5, ..., 0])
    return tuple(_mean(part) for part in (*parts, *(precision[..., area] for area in (1, 2, 3))))


def _mean(values: npt.NDArray[np.float64]) -> float | None:
    known = values[values > -1]
    return float(known.mean()) if known.size else None


def _number(value: Any) -> float | None:
    if value is None:
        return None
    number = float(value)
    if math.isnan(number):
        raise ValueError("nan is no AP")
    return number
