"""The networks that can be trained, described in code and written out as Darknet cfg.

Sources of the architectures: You Only Look Once (Redmon et al. 2016) for yolov1-tiny, YOLO9000 (Redmon and
Farhadi 2017) for yolov2, YOLOv3 (the same, 2018) for yolov3; YOLOv4 (Bochkovskiy, Wang and Liao 2020) and
Scaled-YOLOv4 (Wang, Bochkovskiy and Liao 2021) for those that are called after them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from annotator.darknet.network.architectures import tiny, yolov2, yolov3, yolov4
from annotator.darknet.network.blocks import Layer, Stack, layers, parameter_count
from annotator.darknet.network.cfg import Cfg, Value, section
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
    "suggested",
]

Dialect = Literal["pjreddie", "alexeyab", "hank"]

STUDY_BATCH = 64
STUDY_ITERATIONS = 6400
STUDY_STEPS = (4800, 5400)
STUDY_SUBDIVISIONS = 16
STUDY_SIZE = 416

_CELL = 32
"""Pixels that a cell of the coarsest detection layer has on each side."""

_MINI_BATCH = STUDY_BATCH // STUDY_SUBDIVISIONS
_TINY_ANCHORS = ((10, 14), (23, 27), (37, 58), (81, 82), (135, 169), (344, 319))  # for 416 x 416
_V2_ANCHORS = (  # for 416 x 416; published in cells of 32 pixels
    (18.327, 21.676),
    (59.983, 66.001),
    (106.83, 175.179),
    (252.25, 112.889),
    (312.657, 293.385),
)
_V3_ANCHORS = (  # for 416 x 416
    (10, 13),
    (16, 30),
    (33, 23),
    (30, 61),
    (62, 45),
    (59, 119),
    (116, 90),
    (156, 198),
    (373, 326),
)
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
        description: A line on its speed and size, and what it is good for.
        dialects: The Darknets that know all its layers and train it.
        anchors: Width and height in pixels of a square input of ``anchor_size``.
        anchor_size: Side of that input.
        learning_rate: Default.
        emit: Adds the layers to a stack.
        net: Its own options of [net].
        anchors_in_cells: Whether its cfg gives anchors in cells of 32 pixels (YOLOv2), not in pixels.
        fixed_size: The only input size (width and height) it works at, or None.
        why_not: Why no Darknet trains it, or empty.
    """

    description: str
    dialects: frozenset[Dialect]
    anchors: tuple[tuple[float, float], ...]
    anchor_size: int
    learning_rate: float
    emit: Callable[[Stack, str, int], None]
    net: dict[str, Value] = field(default_factory=dict)
    anchors_in_cells: bool = False
    fixed_size: int | None = None
    why_not: str = ""


def build(
    network: str,
    *,
    classes: int,
    width: int,
    height: int,
    channels: int = 3,
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
        channels: 3 for pictures in colour, 1 for grey ones.
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
    if dialect not in known.dialects and not known.why_not:
        raise UsageError(f"{dialect}'s Darknet does not know {network}.")
    if known.fixed_size is not None and (width, height) != (known.fixed_size, known.fixed_size):
        raise UsageError(f"{network} works at {known.fixed_size} x {known.fixed_size} only.")
    _check(classes, width, height, batch, subdivisions, max_batches, dialect)
    if channels not in (1, 3) or (channels == 1 and dialect != "alexeyab"):
        raise UsageError(
            f"a network with {channels} channels cannot be trained by {dialect}'s Darknet.",
            hint="Take 3 (colour), or 1 (grey) with AlexeyAB's.",
        )
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
        "channels": channels,
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


def suggested(dialect: Dialect, gpu: bool | None) -> str:
    """The network to begin with: the study's on a GPU; else the small one that every Darknet trains."""
    name = "yolov4" if gpu else "yolov3-tiny"
    return name if dialect in NETWORKS[name].dialects else "yolov3-tiny"


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
    pairs = [(w * width / network.anchor_size, h * height / network.anchor_size) for w, h in network.anchors]
    if network.anchors_in_cells:
        return ",".join(f"{w / _CELL:.4f},{h / _CELL:.4f}" for w, h in pairs)
    return ",".join(f"{max(1, round(w))},{max(1, round(h))}" for w, h in pairs)


_V4_DIALECTS: frozenset[Dialect] = frozenset({"alexeyab", "hank"})
_ALL_DIALECTS: frozenset[Dialect] = _V4_DIALECTS | {"pjreddie"}
_V4_NET: dict[str, Value] = {"momentum": 0.949, "mosaic": 1}

NETWORKS: dict[str, Network] = {
    "yolov4": Network(
        description="the most accurate of the study: three detection layers, for a GPU",
        dialects=_V4_DIALECTS,
        anchors=_V4_ANCHORS,
        anchor_size=608,
        learning_rate=0.001,
        emit=yolov4.yolov4,
        net=_V4_NET,
    ),
    "yolov4-tiny": Network(
        description="small and fast with YOLOv4's losses; 8 to 10 times lighter than yolov4",
        dialects=_V4_DIALECTS,
        anchors=_TINY_ANCHORS,
        anchor_size=416,
        learning_rate=0.00261,
        emit=tiny.yolov4_tiny,
    ),
    "yolov4-tiny-3l": Network(
        description="yolov4-tiny with a third detection layer for small objects; little slower",
        dialects=_V4_DIALECTS,
        anchors=_V4_ANCHORS,
        anchor_size=608,
        learning_rate=0.00261,
        emit=tiny.yolov4_tiny_3l,
    ),
    "yolov4-csp": Network(
        description="Scaled-YOLOv4: about as accurate as yolov4 with a sixth less work",
        dialects=_V4_DIALECTS,
        anchors=_V4_ANCHORS,
        anchor_size=512,
        learning_rate=0.001,
        emit=yolov4.yolov4_csp,
        net=_V4_NET,
    ),
    "yolov3": Network(
        description="YOLOv4's forerunner: as heavy, less accurate; every Darknet knows it",
        dialects=_ALL_DIALECTS,
        anchors=_V3_ANCHORS,
        anchor_size=416,
        learning_rate=0.001,
        emit=yolov3.yolov3,
    ),
    "yolov3-spp": Network(
        description="yolov3 that sees more of the surroundings (spatial pyramid); a little more accurate",
        dialects=_ALL_DIALECTS,
        anchors=_V3_ANCHORS,
        anchor_size=416,
        learning_rate=0.001,
        emit=yolov3.yolov3_spp,
    ),
    "yolov3-tiny": Network(
        description="small and fast; every Darknet knows it, also Debian's on a CPU",
        dialects=_ALL_DIALECTS,
        anchors=_TINY_ANCHORS,
        anchor_size=416,
        learning_rate=0.001,
        emit=tiny.yolov3_tiny,
    ),
    "yolov2": Network(
        description="of 2017, to compare with: one detection layer of 32 pixels a cell, poor at small things",
        # hank-ai's Darknet has no [reorg] any more, and finds nothing with a [region].
        dialects=_ALL_DIALECTS - {"hank"},
        anchors=_V2_ANCHORS,
        anchor_size=416,
        learning_rate=0.001,
        emit=yolov2.yolov2,
        anchors_in_cells=True,
    ),
    "yolov2-tiny": Network(
        description="YOLOv2's small network, to compare with, or for very weak machines",
        dialects=_ALL_DIALECTS - {"hank"},
        anchors=_V2_ANCHORS,
        anchor_size=416,
        learning_rate=0.001,
        emit=yolov2.yolov2_tiny,
        anchors_in_cells=True,
    ),
    "yolov1-tiny": Network(
        description="of 2016, to look at: no Darknet trains it on classes of one's own",
        dialects=frozenset(),
        anchors=(),
        anchor_size=448,
        learning_rate=0.0005,
        emit=yolov2.yolov1_tiny,
        fixed_size=448,
        why_not="`darknet yolo train` has the 20 classes and the paths of Pascal VOC built in, and "
        "`darknet detector train` does not know its [detection] layer",
    ),
}
"""Name → network."""
