"""YOLOv2 (Darknet19 and a passthrough), its small network, and YOLOv1's."""

from __future__ import annotations

from annotator.darknet.network.blocks import Stack


def yolov2(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv2: Darknet19, a passthrough from twice the resolution, one detection layer."""
    fine = 0
    for block in (((32, 3),), ((64, 3),), _narrowed(128, 1), _narrowed(256, 1), _narrowed(512, 2)):
        for filters, size in block:
            fine = net.convolution(filters, size)
        net.maxpool(2, 2)
    for filters, size in (*_narrowed(1024, 2), (1024, 3), (1024, 3)):
        net.convolution(filters, size)
    deep = net.last
    net.route(fine)
    net.convolution(64, 1)
    passed = net.reorg()
    net.route(passed, deep)
    net.convolution(1024, 3)
    _region(net, anchors, classes, jitter=0.3, rescore=1)


def yolov2_tiny(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv2's small network."""
    for filters in (16, 32, 64, 128, 256):
        net.convolution(filters, 3)
        net.maxpool(2, 2)
    net.convolution(512, 3)
    net.maxpool(2, 1)
    net.convolution(1024, 3)
    net.convolution(512, 3)
    _region(net, anchors, classes, jitter=0.2, rescore=0)


def yolov1_tiny(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv1's small network: no anchors; a connected layer tells two boxes in each of 7 x 7 cells."""
    del anchors
    for filters in (16, 32, 64, 128, 256, 512):
        net.convolution(filters, 3)
        net.maxpool(2, 2)
    net.convolution(1024, 3)
    net.convolution(256, 3)
    side, boxes = 7, 2
    net.connected(side * side * (boxes * 5 + classes))
    net.detection(classes, side, boxes)


def _narrowed(filters: int, times: int) -> tuple[tuple[int, int], ...]:
    """3x3 to ``filters``, then ``times`` (1x1 to half of it, 3x3 back)."""
    return ((filters, 3), *((filters // 2, 1), (filters, 3)) * times)


def _region(net: Stack, anchors: str, classes: int, *, jitter: float, rescore: int) -> None:
    num = anchors.count(",") // 2 + 1
    net.output_convolution((classes + 5) * num)
    net.region(
        anchors,
        classes,
        bias_match=1,
        coords=4,
        num=num,
        softmax=1,
        jitter=jitter,
        rescore=rescore,
        object_scale=5,
        noobject_scale=1,
        class_scale=1,
        coord_scale=1,
        absolute=1,
        thresh=0.6,
        random=0,
    )
