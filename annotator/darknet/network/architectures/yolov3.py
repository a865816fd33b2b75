"""YOLOv3: Darknet53 and three detection layers, with or without spatial pyramid pooling."""

from __future__ import annotations

from annotator.darknet.network.architectures.options import detect
from annotator.darknet.network.architectures.yolov4 import pyramid
from annotator.darknet.network.blocks import Stack


def yolov3(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv3."""
    _yolov3(net, anchors, classes, with_pyramid=False)


def yolov3_spp(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv3 with spatial pyramid pooling before the first detection layer."""
    _yolov3(net, anchors, classes, with_pyramid=True)


def _yolov3(net: Stack, anchors: str, classes: int, *, with_pyramid: bool) -> None:
    net.convolution(32, 3)
    ends = [_stage(net, filters, blocks) for filters, blocks in _DARKNET53]
    net.convolution(512, 1)
    net.convolution(1024, 3)
    net.convolution(512, 1)
    if with_pyramid:
        pyramid(net)
        net.convolution(512, 1)
    shared = 0
    for filters, finer, mask in (
        (512, None, (6, 7, 8)),
        (256, ends[3], (3, 4, 5)),
        (128, ends[2], (0, 1, 2)),
    ):
        if finer is not None:
            net.route(shared)
            net.convolution(filters, 1)
            up = net.upsample()
            net.route(up, finer)
            net.convolution(filters, 1)
            net.convolution(2 * filters, 3)
            net.convolution(filters, 1)
        net.convolution(2 * filters, 3)
        shared = net.convolution(filters, 1)
        net.convolution(2 * filters, 3)
        detect(net, mask, anchors, classes)


_DARKNET53 = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
"""Filters and residual blocks of each stage."""


def _stage(net: Stack, filters: int, blocks: int) -> int:
    """Halve the size, then residual blocks."""
    block = net.convolution(filters, 3, stride=2)
    for _ in range(blocks):
        net.convolution(filters // 2, 1)
        net.convolution(filters, 3)
        block = net.shortcut(block)
    return block
