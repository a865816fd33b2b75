"""YOLOv4 (CSPDarknet53, SPP, PAN), and Scaled-YOLOv4's yolov4-csp, which is partial in its neck as well."""

from __future__ import annotations

from annotator.darknet.network.architectures.options import detect, v4_options
from annotator.darknet.network.blocks import Stack
from annotator.darknet.network.cfg import Value

_STAGES = ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
"""Filters and residual blocks of each stage of CSPDarknet53."""


def yolov4(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv4."""
    net.convolution(32, 3, activation="mish")
    stages = [_csp_stage(net, filters, blocks) for filters, blocks in _STAGES]
    coarse = _spatial_pyramid(net)
    middle = _up(net, 256, stages[3])
    _up(net, 128, stages[2])
    fine = net.last
    _detect(net, 256, (0, 1, 2), anchors, classes, 1.2)
    middle = _down(net, 256, fine, middle)
    _detect(net, 512, (3, 4, 5), anchors, classes, 1.1)
    _down(net, 512, middle, coarse)
    _detect(net, 1024, (6, 7, 8), anchors, classes, 1.05)


def _csp_stage(net: Stack, filters: int, blocks: int) -> int:
    """One stage of CSPDarknet53: halve the size, split, residual blocks on one side, join.

    The first stage keeps all channels on both sides, the others half of them.
    """
    side = filters if filters == 64 else filters // 2
    shrunk = net.convolution(filters, 3, stride=2, activation="mish")
    bypass = net.convolution(side, 1, activation="mish")
    net.route(shrunk)
    block = net.convolution(side, 1, activation="mish")
    for _ in range(blocks):
        net.convolution(filters // 2, 1, activation="mish")
        net.convolution(side, 3, activation="mish")
        block = net.shortcut(block)
    end = net.convolution(side, 1, activation="mish")
    net.route(end, bypass)
    return net.convolution(filters, 1, activation="mish")


def _spatial_pyramid(net: Stack) -> int:
    """Spatial pyramid pooling: the same map at windows of 1, 5, 9 and 13, between two bottlenecks."""
    _bottleneck(net, 512, 1)
    pyramid(net)
    net.convolution(512, 1)
    net.convolution(1024, 3)
    return net.convolution(512, 1)


def pyramid(net: Stack) -> int:
    """Spatial pyramid pooling of the newest layer: itself and its maxima over 5, 9 and 13 cells."""
    centre = net.last
    pools = [net.maxpool(5, 1)]
    for size in (9, 13):
        net.route(centre)
        pools.append(net.maxpool(size, 1))
    return net.route(*reversed(pools), centre)


def _bottleneck(net: Stack, filters: int, times: int) -> int:
    """1x1 to ``filters``, then ``times`` (3x3 to twice, 1x1 back)."""
    net.convolution(filters, 1)
    for _ in range(times):
        net.convolution(2 * filters, 3)
        net.convolution(filters, 1)
    return net.last


def _up(net: Stack, filters: int, finer: int) -> int:
    """Path aggregation, upwards: join with the finer stage of the backbone."""
    net.convolution(filters, 1)
    up = net.upsample()
    net.route(finer)
    side = net.convolution(filters, 1)
    net.route(side, up)
    return _bottleneck(net, filters, 2)


def _down(net: Stack, filters: int, finer: int, coarser: int) -> int:
    """Path aggregation, downwards: halve the finer map and join it with the coarser one."""
    net.route(finer)
    down = net.convolution(filters, 3, stride=2)
    net.route(down, coarser)
    return _bottleneck(net, filters, 2)


def _detect(
    net: Stack, filters: int, mask: tuple[int, ...], anchors: str, classes: int, scale: float
) -> None:
    net.convolution(filters, 3)
    detect(net, mask, anchors, classes, v4_options(scale))


# ---- yolov4-csp --------------------------------------------------------------------------------------


def yolov4_csp(net: Stack, anchors: str, classes: int) -> None:
    """YOLOv4 with cross-stage partial connections in the neck, mish throughout, and squared box sizes."""
    net.convolution(32, 3, activation="mish")
    stages = [_plain_stage(net)]
    stages += [_csp_stage(net, filters, blocks) for filters, blocks in _STAGES[1:]]
    coarse = _csp_pyramid(net)
    middle = _csp_up(net, 256, stages[3])
    fine = _csp_up(net, 128, stages[2])
    _csp_detect(net, 256, (0, 1, 2), anchors, classes, {"obj_normalizer": 4.0})
    middle = _csp_down(net, 256, fine, middle)
    _csp_detect(net, 512, (3, 4, 5), anchors, classes, {"objectness_smooth": 1, "obj_normalizer": 1.0})
    _csp_down(net, 512, middle, coarse)
    _csp_detect(
        net,
        1024,
        (6, 7, 8),
        anchors,
        classes,
        {"objectness_smooth": 1, "obj_normalizer": 0.4, "max_delta": 2},
    )


def _mish(net: Stack, filters: int, size: int, stride: int = 1) -> int:
    return net.convolution(filters, size, stride=stride, activation="mish")


def _plain_stage(net: Stack) -> int:
    """The first stage of yolov4-csp: a residual block as in Darknet53, not partial."""
    shrunk = _mish(net, 64, 3, 2)
    _mish(net, 32, 1)
    _mish(net, 64, 3)
    return net.shortcut(shrunk)


def _csp_pyramid(net: Stack) -> int:
    """Spatial pyramid pooling on one side of a split."""
    whole = net.last
    bypass = _mish(net, 512, 1)
    net.route(whole)
    for filters, size in ((512, 1), (512, 3), (512, 1)):
        _mish(net, filters, size)
    pyramid(net)
    _mish(net, 512, 1)
    end = _mish(net, 512, 3)
    net.route(end, bypass)
    return _mish(net, 512, 1)


def _csp_up(net: Stack, filters: int, finer: int) -> int:
    _mish(net, filters, 1)
    up = net.upsample()
    net.route(finer)
    side = _mish(net, filters, 1)
    net.route(side, up)
    _mish(net, filters, 1)
    return _csp_block(net, filters)


def _csp_down(net: Stack, filters: int, finer: int, coarser: int) -> int:
    net.route(finer)
    down = _mish(net, filters, 3, 2)
    net.route(down, coarser)
    _mish(net, filters, 1)
    return _csp_block(net, filters)


def _csp_block(net: Stack, filters: int) -> int:
    """Split the newest layer, two pairs of convolutions on one side, join."""
    whole = net.last
    bypass = _mish(net, filters, 1)
    net.route(whole)
    for _ in range(2):
        _mish(net, filters, 1)
        end = _mish(net, filters, 3)
    net.route(end, bypass)
    return _mish(net, filters, 1)


def _csp_detect(
    net: Stack,
    filters: int,
    mask: tuple[int, ...],
    anchors: str,
    classes: int,
    options: dict[str, Value],
) -> None:
    """A detection layer of Scaled-YOLOv4: everything through the logistic function, sizes squared."""
    _mish(net, filters, 3)
    net.output_convolution((classes + 5) * 3, activation="logistic")
    own: dict[str, Value] = {
        "jitter": 0.1,
        "ignore_thresh": 0.7,
        "truth_thresh": 1,
        "random": 0,
        "resize": 1.5,
        "scale_x_y": 2.0,
        "objectness_smooth": 0,
        "iou_thresh": 0.2,
        "iou_normalizer": 0.05,
        "cls_normalizer": 0.5,
        "iou_loss": "ciou",
        "nms_kind": "diounms",
        "beta_nms": 0.6,
        "new_coords": 1,
        "max_delta": 5,
    }
    net.yolo(mask, anchors, classes, **(own | options))
