"""yolov3-tiny, and yolov4-tiny with two and with three detection layers."""

from __future__ import annotations

from annotator.darknet.network.architectures.options import detect, v4_options
from annotator.darknet.network.blocks import Stack
from annotator.darknet.network.cfg import Value


def yolov3_tiny(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv3's small network: seven convolutions between maxpools."""
    fine = 0
    for filters in (16, 32, 64, 128, 256):
        fine = net.convolution(filters, 3)
        net.maxpool(2, 2)
    net.convolution(512, 3)
    net.maxpool(2, 1)
    net.convolution(1024, 3)
    coarse = _coarse_head(net, (3, 4, 5), anchors, classes, {})
    _finer_head(net, coarse, 128, fine, (0, 1, 2), anchors, classes, {})


def yolov4_tiny(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv4's small network.

    The fine layer takes the three smallest anchors. (It was published with anchors 1, 2, 3 there, which
    leaves the smallest unused: the wrong trade for small faces.)
    """
    stages = _v4_tiny_backbone(net)
    options = v4_options(scale=1.05) | {"resize": 1.5}
    coarse = _coarse_head(net, (3, 4, 5), anchors, classes, options)
    _finer_head(net, coarse, 128, stages[2], (0, 1, 2), anchors, classes, options)


def yolov4_tiny_3l(net: Stack, anchors: str, classes: int) -> None:
    """The same with a third detection layer, eight pixels a cell, for small objects."""
    stages = _v4_tiny_backbone(net)
    options = v4_options(scale=1.05) | {"resize": 1.5}
    coarse = _coarse_head(net, (6, 7, 8), anchors, classes, options)
    middle = _finer_head(net, coarse, 128, stages[2], (3, 4, 5), anchors, classes, options)
    _finer_head(net, middle, 64, stages[1], (0, 1, 2), anchors, classes, options)


def _v4_tiny_backbone(net: Stack) -> list[int]:
    """Three cross-stage partial blocks: half of the channels goes through two convolutions, and all meet."""
    net.convolution(32, 3, stride=2)
    net.convolution(64, 3, stride=2)
    ends = []
    for filters in (64, 128, 256):
        whole = net.convolution(filters, 3)
        net.route_half(whole)
        first = net.convolution(filters // 2, 3)
        second = net.convolution(filters // 2, 3)
        net.route(second, first)
        ends.append(net.convolution(filters, 1))
        net.route(whole, ends[-1])
        net.maxpool(2, 2)
    net.convolution(512, 3)
    return ends


def _coarse_head(
    net: Stack, mask: tuple[int, ...], anchors: str, classes: int, options: dict[str, Value]
) -> int:
    """The layer that sees 32 pixels a cell; returns what the next one starts from."""
    shared = net.convolution(256, 1)
    net.convolution(512, 3)
    detect(net, mask, anchors, classes, options)
    return shared


def _finer_head(
    net: Stack,
    coarser: int,
    filters: int,
    finer: int,
    mask: tuple[int, ...],
    anchors: str,
    classes: int,
    options: dict[str, Value],
) -> int:
    """A layer of half the cell size, from the coarser one and a finer part of the backbone."""
    net.route(coarser)
    net.convolution(filters, 1)
    up = net.upsample()
    net.route(up, finer)
    joined = net.convolution(2 * filters, 3)
    detect(net, mask, anchors, classes, options)
    return joined
