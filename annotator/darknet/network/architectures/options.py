"""Options of detection layers that several families share."""

from __future__ import annotations

from annotator.darknet.network.blocks import Stack
from annotator.darknet.network.cfg import Value


def detect(
    net: Stack, mask: tuple[int, ...], anchors: str, classes: int, options: dict[str, Value] | None = None
) -> None:
    """The linear convolution and the [yolo] layer that reads it."""
    net.output_convolution((classes + 5) * len(mask))
    net.yolo(mask, anchors, classes, **yolo_options(), **(options or {}))


def yolo_options() -> dict[str, Value]:
    """What every [yolo] layer has."""
    # random=0: with 1 one of the Darknets trains at 608 whatever the cfg says, the others up to 1.4 times.
    return {"jitter": 0.3, "ignore_thresh": 0.7, "truth_thresh": 1, "random": 0}


def v4_options(scale: float) -> dict[str, Value]:
    """What YOLOv4 adds to a detection layer: the CIoU loss and its weights."""
    return {
        "scale_x_y": scale,
        "iou_thresh": 0.213,
        "cls_normalizer": 1.0,
        "iou_normalizer": 0.07,
        "iou_loss": "ciou",
        "nms_kind": "greedynms",
        "beta_nms": 0.6,
        "max_delta": 5,
    }
