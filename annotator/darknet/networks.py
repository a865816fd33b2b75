"""The networks that can be trained, described in code and written out as Darknet cfg.

Sources of the architectures: YOLOv3 (Redmon and Farhadi 2018) for yolov3-tiny; YOLOv4 (Bochkovskiy, Wang
and Liao 2020) and Scaled-YOLOv4 (Wang, Bochkovskiy and Liao 2021) for yolov4 and yolov4-tiny.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from annotator.darknet.blocks import Layer, Stack, layers, parameter_count
from annotator.darknet.cfg import Cfg, Value, section
from converters.errors import UsageError

__all__ = [
    "NETWORKS",
    "Dialect",
    "Layer",
    "Network",
    "build",
    "burn_in_for",
    "default_max_batches",
    "default_subdivisions",
    "extended",
    "layers",
    "parameter_count",
    "steps_for",
]

Dialect = Literal["pjreddie", "alexeyab", "hank"]

STUDY_BATCH = 64
STUDY_SUBDIVISIONS = 16
STUDY_SIZE = 416

_MINI_BATCH = STUDY_BATCH // STUDY_SUBDIVISIONS
_TINY_ANCHORS = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))  # for 416 x 416
_V4_ANCHORS = (  # for 608 x 608
    (12, 16),
    (19, 36),
    (40, 28),
    (36, 75),
    (76, 55),
    (72, 146),
    (142, 110),
    (192, 243),
    (459, 401),
)


@dataclass(frozen=True, slots=True)
class Network:
    """A network that can be trained.

    Attributes:
        description: A line on what it is good for.
        dialects: The Darknets that know all its layers.
        anchors: Width and height in pixels of a square input of ``anchor_size``.
        anchor_size: Side of that input.
        learning_rate: Default.
        net: Its own options of [net].
        emit: Adds the layers to a stack.
    """

    description: str
    dialects: frozenset[Dialect]
    anchors: tuple[tuple[int, int], ...]
    anchor_size: int
    learning_rate: float
    emit: Callable[[Stack, str, int], None]
    net: dict[str, Value] = field(default_factory=dict)


def build(
    network: str,
    *,
    classes: int,
    width: int,
    height: int,
    batch: int,
    subdivisions: int,
    max_batches: int,
    learning_rate: float | None = None,
    steps: Sequence[int] | None = None,
    dialect: Dialect,
    mosaic: bool = True,
) -> Cfg:
    """The cfg of a network for a number of classes, an input size and a length of training.

    Args:
        network: A name in :data:`NETWORKS`.
        classes: Number of classes, from 1.
        width: Input width in pixels, a multiple of 32.
        height: Input height, likewise.
        batch: Pictures in one iteration.
        subdivisions: Parts a batch is worked through in; must divide it.
        max_batches: Iterations of the whole training.
        learning_rate: Default: the network's own.
        steps: The two iterations at which the rate falls to a tenth; default 80 and 90 % of max_batches.
        dialect: The Darknet it is for.
        mosaic: Mix four pictures into one where the network asks for it (AlexeyAB's Darknet needs
            OpenCV for it).

    Raises:
        UsageError: The network is unknown, the Darknet does not know it, or a number is impossible.
    """
    known = NETWORKS.get(network)
    if known is None:
        raise UsageError(f"there is no network {network!r}.", hint=f"Choose one of {', '.join(NETWORKS)}.")
    if dialect not in known.dialects:
        raise UsageError(f"{dialect}'s Darknet does not know {network}.")
    _check(classes, width, height, batch, subdivisions, max_batches, dialect)
    rate = known.learning_rate if learning_rate is None else learning_rate
    if not 0 < rate < 1:
        raise UsageError(f"a learning rate of {rate:g} is not between 0 and 1.")
    stack = Stack()
    known.emit(stack, _scaled_anchors(known, width, height), classes)
    options: dict[str, Value] = {
        "batch": batch,
        "subdivisions": subdivisions,
        "width": width,
        "height": height,
        "channels": 3,
        "momentum": 0.9,
        "decay": 0.0005,
        "angle": 0,
        "saturation": 1.5,
        "exposure": 1.5,
        "hue": 0.1,
        "learning_rate": rate,
        "burn_in": burn_in_for(max_batches),
        "max_batches": max_batches,
        "policy": "steps",
        "steps": ",".join(map(str, steps or steps_for(max_batches))),
        "scales": ".1,.1",
    }
    options |= known.net
    if not mosaic:
        options.pop("mosaic", None)
    return Cfg((section("net", **options), *stack.sections))


def steps_for(max_batches: int) -> tuple[int, int]:
    """The iterations at which the learning rate falls: 80 and 90 % of the training."""
    return max_batches * 8 // 10, max_batches * 9 // 10


def burn_in_for(max_batches: int) -> int:
    """Iterations over which the learning rate rises to its value: 1000, but a sixth of a short training.

    The rate grows with the fourth power during the burn-in: with 1000 of them, a training of 40
    iterations would end at a rate of almost nothing and learn nothing.
    """
    return min(1000, max(1, max_batches // 6))


def default_max_batches(classes: int, train_images: int) -> int:
    """Iterations by the usual rule: 2000 a class, not under the number of pictures nor under 6000."""
    return max(2000 * classes, train_images, 6000)


def default_subdivisions(batch: int) -> int:
    """Parts of four pictures each (64 in 16, 4 in 1); one part where four does not divide the batch."""
    return batch // _MINI_BATCH if batch % _MINI_BATCH == 0 else 1


def extended(cfg: Cfg, max_batches: int) -> Cfg:
    """The same network for a longer training, with the steps where they belong then."""
    return cfg.with_net(max_batches=max_batches, steps=",".join(map(str, steps_for(max_batches))))


def _check(
    classes: int, width: int, height: int, batch: int, subdivisions: int, max_batches: int, dialect: Dialect
) -> None:
    for name, value in (("width", width), ("height", height)):
        if value < 32 or value % 32:
            below = max(32, value // 32 * 32)
            raise UsageError(
                f"a network's {name} must be a multiple of 32, not {value}.",
                hint=f"Take {below} or {below + 32}.",
            )
    if classes < 1:
        raise UsageError("a network needs at least one class.")
    if max_batches < 1:
        raise UsageError(f"max_batches must be at least 1, not {max_batches}.")
    if batch < 1:
        raise UsageError(f"a batch of {batch} pictures: must be at least 1.")
    if subdivisions < 1 or batch % subdivisions:
        raise UsageError(
            f"subdivisions ({subdivisions}) must divide batch ({batch}).",
            hint=f"Leave it out (then it is {default_subdivisions(max(1, batch))}).",
        )
    if batch == 1 and dialect != "pjreddie":
        raise UsageError("this Darknet does not train with a batch of 1.", hint="Take at least 2, better 64.")


def _scaled_anchors(network: Network, width: int, height: int) -> str:
    pairs = (
        (max(1, round(w * width / network.anchor_size)), max(1, round(h * height / network.anchor_size)))
        for w, h in network.anchors
    )
    return ",".join(f"{w},{h}" for w, h in pairs)


# ---- yolov3-tiny and yolov4-tiny -------------------------------------------------------------------


def _yolov3_tiny(net: Stack, anchors: str, classes: int) -> None:
    fine = 0
    for filters in (16, 32, 64, 128, 256):
        fine = net.convolution(filters, 3)
        net.maxpool(2, 2)
    net.convolution(512, 3)
    net.maxpool(2, 1)
    net.convolution(1024, 3)
    _tiny_heads(net, anchors, classes, fine, {})


def _yolov4_tiny(net: Stack, anchors: str, classes: int) -> None:
    net.convolution(32, 3, stride=2)
    net.convolution(64, 3, stride=2)
    fine = 0
    for filters in (64, 128, 256):
        # Cross-stage partial: half of the channels goes through two convolutions, and all meet again.
        whole = net.convolution(filters, 3)
        net.route_half(whole)
        first = net.convolution(filters // 2, 3)
        second = net.convolution(filters // 2, 3)
        net.route(second, first)
        fine = net.convolution(filters, 1)
        net.route(whole, fine)
        net.maxpool(2, 2)
    net.convolution(512, 3)
    options = _v4_options(scale=1.05) | {"resize": 1.5}
    _tiny_heads(net, anchors, classes, fine, options)


def _tiny_heads(net: Stack, anchors: str, classes: int, fine: int, options: dict[str, Value]) -> None:
    """The two detection layers that both tiny networks have: coarse, and fine from layer ``fine``.

    The fine one takes the three smallest anchors. (yolov4-tiny was published with anchors 1, 2, 3 there,
    which leaves the smallest unused: the wrong trade for small faces.)
    """
    head = net.convolution(256, 1)
    net.convolution(512, 3)
    net.output_convolution((classes + 5) * 3)
    net.yolo((3, 4, 5), anchors, classes, **_yolo_options(), **options)
    net.route(head)
    net.convolution(128, 1)
    up = net.upsample()
    net.route(up, fine)
    net.convolution(256, 3)
    net.output_convolution((classes + 5) * 3)
    net.yolo((0, 1, 2), anchors, classes, **_yolo_options(), **options)


def _yolo_options() -> dict[str, Value]:
    # random=0: with 1 one of the Darknets trains at 608 whatever the cfg says, the others up to 1.4 times.
    return {"jitter": 0.3, "ignore_thresh": 0.7, "truth_thresh": 1, "random": 0}


def _v4_options(scale: float) -> dict[str, Value]:
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


# ---- yolov4: CSPDarknet53, SPP, PAN ------------------------------------------------------------------


def _yolov4(net: Stack, anchors: str, classes: int) -> None:
    net.convolution(32, 3, activation="mish")
    stages = [
        _csp_stage(net, filters, blocks)
        for filters, blocks in ((64, 1), (128, 2), (256, 8), (512, 8), (1024, 4))
    ]
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
    centre = net.last
    pools = [net.maxpool(5, 1)]
    for size in (9, 13):
        net.route(centre)
        pools.append(net.maxpool(size, 1))
    net.route(*reversed(pools), centre)
    net.convolution(512, 1)
    net.convolution(1024, 3)
    return net.convolution(512, 1)


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


def _detect(net: Stack, filters: int, mask: Sequence[int], anchors: str, classes: int, scale: float) -> None:
    net.convolution(filters, 3)
    net.output_convolution((classes + 5) * 3)
    net.yolo(mask, anchors, classes, **_yolo_options(), **_v4_options(scale))


_V4_DIALECTS: frozenset[Dialect] = frozenset({"alexeyab", "hank"})

NETWORKS: dict[str, Network] = {
    "yolov3-tiny": Network(
        description="small and fast; every Darknet knows it, also Debian's on a CPU",
        dialects=_V4_DIALECTS | {"pjreddie"},
        anchors=_TINY_ANCHORS,
        anchor_size=416,
        learning_rate=0.001,
        emit=_yolov3_tiny,
    ),
    "yolov4-tiny": Network(
        description="small and fast with YOLOv4's losses; 8 to 10 times lighter than yolov4",
        dialects=_V4_DIALECTS,
        anchors=_TINY_ANCHORS,
        anchor_size=416,
        learning_rate=0.00261,
        emit=_yolov4_tiny,
    ),
    "yolov4": Network(
        description="the most accurate: three detection layers, for a GPU",
        dialects=_V4_DIALECTS,
        anchors=_V4_ANCHORS,
        anchor_size=608,
        learning_rate=0.001,
        emit=_yolov4,
        net={"momentum": 0.949, "mosaic": 1},
    ),
}
"""Name → network."""
