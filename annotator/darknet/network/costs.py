"""What a network costs: memory of a GPU while it trains, and time for a picture on machines people have.

Both are estimates before the hours are spent. The memory is counted array by array, as Darknet allocates them
(its ``make_…_layer`` functions); the time is a straight line through speeds that others have published.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from annotator.darknet.network.blocks import Layer, layers
from annotator.darknet.network.cfg import Cfg, Section
from annotator.darknet.network.options import value_in
from annotator.darknet.network.presets import build

FLOAT = 4
"""Bytes."""

CONTEXT_BYTES = 500_000_000
"""What CUDA and cuDNN take for themselves on a card before the first array (400 to 700 MB by card)."""

MORE_CONTEXT_BYTES = 200_000_000
"""What newer cards and drivers take for themselves beyond that."""

CUDNN_WORKSPACE_BYTES = 1 << 30
"""Darknet lets cuDNN choose its fastest ways, whose workspace may be so large (1024 MB by default)."""

_HALVES = 0.5
"""Darknets that are built for half precision keep copies of weights and gradients in it."""

RANDOM_SCALE = 1.4
"""``random=1`` trains at up to so many times the width and height; memory is taken for that at the start."""

TRAINING_PASSES = 4.2
"""A trained picture costs as much as so many predicted ones.

Forward, backward to the layer's input and backward to its weights are three. The study's 6400 iterations of
64 pictures took 16 hours where one prediction took 33 ms: 4.2, with loading, the update and measuring mAP.
"""

_HERE_TIMES = 4

_KEEPS_INPUT = frozenset({"mish", "swish", "hard_mish"})
"""Activations whose derivative needs what went in, so that it is kept as well."""

_ARRAYS = {"maxpool": 3, "yolo": 3}
"""Arrays of a layer's output size: output, delta, and for these a third; all others have two."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes on the GPU while a network trains.

    Attributes:
        activations: Outputs, deltas and what the backward pass needs, of one mini-batch.
        weights: Weights, and their gradients with the momentum in them (Darknet keeps both in one array).
        workspace: The largest convolution's unrolled input; cuDNN may take more, see ``most``.
        context: CUDA's and cuDNN's own.
        mini_batch: Pictures at once: batch / subdivisions.
    """

    activations: int
    weights: int
    workspace: int
    context: int
    mini_batch: int

    @property
    def total(self) -> int:
        """All of it: the least that it takes, with cuDNN."""
        return self.activations + self.weights + self.workspace + self.context

    @property
    def most(self) -> int:
        """What it may take, by the card and how Darknet was built: a card of that size has room.

        Held against what people report: at 608 px with ``random=1`` two pictures at once do not fit cards of
        8 and 11 GB and one does (AlexeyAB's issues 5406, 6872); at 512 px his page advises 8 pictures for
        32 GB, 4 for 16 to 24 and 2 for 8 to 12.
        """
        spare = max(self.cudnn_workspace - self.workspace, 0) + self.halves + MORE_CONTEXT_BYTES
        return self.total + spare

    @property
    def cudnn_workspace(self) -> int:
        """What cuDNN may take at most; a small network has no convolution that would fill it."""
        return min(CUDNN_WORKSPACE_BYTES, self.activations)

    @property
    def halves(self) -> int:
        """Copies in half precision, in a Darknet that is built for it."""
        return int(_HALVES * self.weights)


@dataclass(frozen=True, slots=True)
class Device:
    """A machine, and how fast a Darknet network runs on it.

    Attributes:
        name: The machine and the program.
        flops: Floating-point operations a second that it really does.
        layer_seconds: What each layer costs beside its operations (starting its kernels).
        source: The measurement it is from.
    """

    name: str
    flops: float
    layer_seconds: float
    source: str

    def seconds(self, table: Sequence[Layer]) -> float:
        """Time for one picture, one at a time."""
        operations = sum(layer.bflops for layer in table) * 1e9
        return len(table) * self.layer_seconds + operations / self.flops


LAYER_SECONDS = 61e-6
"""What a layer costs on a card of which one speed only is published: as on the slowest with several.

Without it a small network on a K80 would come out faster than on a V100.
"""

DEVICES = (
    Device(
        "Tesla V100, Darknet",
        12.0e12,
        31.6e-6,
        "yolov4 at 320, 416, 512 and 608 px: 123, 96, 83 and 62 pictures a second (its authors)",
    ),
    Device(
        "GeForce RTX 2080 Ti, Darknet",
        10.6e12,
        40e-6,
        "yolov4 at 320, 416, 512 and 608 px: 100, 82, 69 and 53 pictures a second, yolov4-tiny 443 "
        "(AlexeyAB's table)",
    ),
    Device(
        "GeForce RTX 2070, Darknet",
        6.8e12,
        61e-6,
        "yolov4 at 320, 416, 512 and 608 px: 63, 55, 45 and 34 pictures a second (AlexeyAB's table)",
    ),
    Device("Tesla K80, Darknet", 2.58e12, LAYER_SECONDS, "yolov4 at 416 px: 33 ms (the study)"),
    Device(
        "Jetson Nano, by peak figures",
        3.27e11,
        LAYER_SECONDS,
        "yolov4 at 416 px: 5.2 pictures a second, reckoned by the study from the K80's speed and both peaks",
    ),
    Device(
        "Jetson Nano, as reported",
        1.83e11,
        LAYER_SECONDS,
        "yolov4-tiny at 416 px: 25 pictures a second (a report that the study quotes)",
    ),
    Device(
        "Laptop, Core i7-7700HQ, OpenCV",
        2.9e11,
        0.0,
        "yolov4-tiny at 416 px: 42 pictures a second on 4 cores (AlexeyAB's table)",
    ),
    Device(
        "Laptop, Core i7-7700HQ, Darknet",
        2.35e10,
        0.0,
        "yolov4-tiny at 416 px: 3.4 pictures a second on 4 cores (AlexeyAB's table)",
    ),
)
"""Machines with published speeds, fastest first.

Where several sizes were measured, the line through them (least squares of milliseconds over BFLOPs) gives
operations a second and, from what is left at none, the time a layer. With the 2080 Ti's line through yolov4
alone, yolov4-tiny comes to 2.2 ms; 2.3 were measured.
"""


def measure_here(side: int = 416) -> Device:
    """How fast OpenCV runs networks on this computer: yolov4-tiny, the best of a few times. Takes a second.

    Args:
        side: Of its input in pixels.
    """
    import time

    import cv2
    import numpy as np

    cfg = build(
        "yolov4-tiny",
        classes=3,
        width=side,
        height=side,
        batch=64,
        subdivisions=16,
        max_batches=1,
        dialect="alexeyab",
    )
    table = layers(cfg)
    header = np.array([0, 2, 5, 0, 0], "<i4").view(np.uint8)
    floats = np.full(sum(layer.parameters for layer in table), 0.01, "<f4")
    network = cv2.dnn.readNetFromDarknet(
        np.frombuffer(cfg.render().encode(), np.uint8), np.concatenate([header, floats.view(np.uint8)])
    )
    pixels = np.zeros((1, 3, side, side), np.float32)
    outputs = list(network.getUnconnectedOutLayersNames())
    times = []
    for _ in range(_HERE_TIMES):
        network.setInput(pixels)
        start = time.perf_counter()
        network.forward(outputs)
        times.append(time.perf_counter() - start)
    best = min(times)
    source = f"yolov4-tiny at {side} px: {1000 * best:.0f} ms a picture, measured just now"
    return Device("This computer, OpenCV", total_bflops(table) * 1e9 / best, 0.0, source)


def training_memory(cfg: Cfg) -> Memory:
    """Memory that a training takes on a GPU.

    With ``random=1`` the network is made at 1.4 times its size first, so that size counts.

    Raises:
        FormatError: The cfg has a layer that is not known here.
    """
    net = cfg.net
    if value_in(cfg, "random") == "1":
        larger = {
            side: max(32, round(net.get_int(side) * RANDOM_SCALE / 32) * 32) for side in ("width", "height")
        }
        cfg = cfg.with_net(**larger)
    table = layers(cfg)
    mini = max(1, net.get_int("batch", 1) // max(1, net.get_int("subdivisions", 1)))
    each = sum(
        _arrays(layer, part) * _count(layer.output)
        for layer, part in zip(table, cfg.layer_sections, strict=True)
    )
    first = table[0].input if table else (0, 0, 0)
    return Memory(
        activations=FLOAT * mini * (each + _count(first)),
        weights=FLOAT * 2 * sum(layer.parameters for layer in table),
        workspace=FLOAT * max((_unrolled(layer) for layer in table), default=0),
        context=CONTEXT_BYTES,
        mini_batch=mini,
    )


def fitting_subdivisions(cfg: Cfg, room: int) -> int | None:
    """The fewest subdivisions with which a training fits.

    Args:
        cfg: The network.
        room: Bytes of the GPU.

    Returns:
        A divisor of the batch; None where not even one picture at a time fits.
    """
    batch = max(1, cfg.net.get_int("batch", 1))
    for parts in (number for number in range(1, batch + 1) if batch % number == 0):
        if training_memory(cfg.with_net(subdivisions=parts)).most <= room:
            return parts
    return None


def training_seconds(cfg: Cfg, device: Device) -> float:
    """How long a whole training takes on a machine (pictures as fast as they are trained on)."""
    pictures = cfg.net.get_int("batch", 1) * cfg.net.get_int("max_batches", 1)
    return TRAINING_PASSES * pictures * device.seconds(layers(cfg))


def total_bflops(table: Sequence[Layer]) -> float:
    """Billions of operations for one picture."""
    return sum(layer.bflops for layer in table)


def _arrays(layer: Layer, part: Section) -> int:
    """Arrays of the size of a layer's output that are kept on the GPU for the backward pass."""
    if layer.kind != "convolutional":
        return _ARRAYS.get(layer.kind, 2)
    kept = 2  # output and delta
    kept += part.get_int("batch_normalize")  # the convolution's result before it is normalised
    return kept + (part.get("activation") in _KEEPS_INPUT)


def _unrolled(layer: Layer) -> int:
    """Numbers in the input of a convolution, unrolled (im2col) for one picture."""
    if layer.kind != "convolutional":
        return 0
    width, height, _ = layer.output
    return width * height * layer.size * layer.size * layer.input[2]


def _count(size: tuple[int, int, int]) -> int:
    width, height, channels = size
    return width * height * channels
