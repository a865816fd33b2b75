"""The bricks that networks are described with, and what a description comes to: shapes and costs.

A :class:`Stack` grows a network layer by layer. Layers are known by their absolute number; the cfg text
gets the relative numbers (-1 is the layer before), which every reader of cfg files understands.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from annotator.darknet.network.cfg import Cfg, Section, Value, section
from converters.errors import FormatError

Size = tuple[int, int, int]
"""Width, height, channels."""


class Stack:
    """Layers in the order in which they are added; each method returns the new layer's number."""

    def __init__(self) -> None:
        self.sections: list[Section] = []

    @property
    def last(self) -> int:
        """Number of the newest layer."""
        return len(self.sections) - 1

    def convolution(self, filters: int, size: int, stride: int = 1, activation: str = "leaky") -> int:
        """A convolution with batch normalisation, padded so that only the stride shrinks its input."""
        return self._add(
            section(
                "convolutional",
                batch_normalize=1,
                filters=filters,
                size=size,
                stride=stride,
                pad=1,
                activation=activation,
            )
        )

    def output_convolution(self, filters: int, activation: str = "linear") -> int:
        """The 1x1 convolution before a detection layer; without batch normalisation."""
        return self._add(
            section("convolutional", size=1, stride=1, pad=1, filters=filters, activation=activation)
        )

    def connected(self, outputs: int) -> int:
        """Every output from every input."""
        return self._add(section("connected", output=outputs, activation="linear"))

    def maxpool(self, size: int, stride: int) -> int:
        """Maximum over ``size`` x ``size`` pixels."""
        return self._add(section("maxpool", size=size, stride=stride))

    def upsample(self) -> int:
        """Twice the width and height, by repeating."""
        return self._add(section("upsample", stride=2))

    def reorg(self) -> int:
        """Half the width and height, four times the channels: 2 x 2 pixels become one."""
        return self._add(section("reorg", stride=2))

    def route(self, *layers: int) -> int:
        """The outputs of these layers, one behind the other."""
        here = len(self.sections)
        return self._add(section("route", layers=",".join(str(layer - here) for layer in layers)))

    def route_half(self, layer: int) -> int:
        """The second half of a layer's channels."""
        here = len(self.sections)
        return self._add(section("route", layers=str(layer - here), groups=2, group_id=1))

    def shortcut(self, layer: int) -> int:
        """The newest layer's output plus that of ``layer``."""
        here = len(self.sections)
        return self._add(section("shortcut", **{"from": layer - here}, activation="linear"))

    def yolo(self, mask: Sequence[int], anchors: str, classes: int, **options: Value) -> int:
        """A detection layer that uses the anchors of ``mask``."""
        return self._add(
            section(
                "yolo",
                mask=",".join(map(str, mask)),
                anchors=anchors,
                classes=classes,
                num=anchors.count(",") // 2 + 1,
                **options,
            )
        )

    def region(self, anchors: str, classes: int, **options: Value) -> int:
        """YOLOv2's detection layer; its anchors are in cells of the grid."""
        return self._add(section("region", anchors=anchors, classes=classes, **options))

    def detection(self, classes: int, side: int, boxes: int) -> int:
        """YOLOv1's detection layer: ``side`` x ``side`` cells with so many boxes each."""
        return self._add(
            section(
                "detection",
                classes=classes,
                coords=4,
                rescore=1,
                side=side,
                num=boxes,
                softmax=0,
                sqrt=1,
                jitter=0.2,
                object_scale=1,
                noobject_scale=0.5,
                class_scale=1,
                coord_scale=5,
            )
        )

    def _add(self, new: Section) -> int:
        self.sections.append(new)
        return self.last


@dataclass(frozen=True, slots=True)
class Layer:
    """What a section comes to at the network's input size.

    Attributes:
        index: Darknet's layer number, from 0.
        kind: Section name (``convolutional``, ``route``, …).
        filters: Output channels of a convolution, else 0.
        size: Side of the kernel or the pooling window in pixels, 0 where there is none.
        stride: Step in pixels, 0 where there is none.
        sources: Absolute numbers of the layers that a route or shortcut reads.
        input: Width, height, channels that go in (of the first source for a route).
        output: Width, height, channels that come out.
        bflops: Billions of floating-point operations for one picture, as Darknet counts them.
        parameters: Number of floats that a weights file holds for it.
    """

    index: int
    kind: str
    filters: int
    size: int
    stride: int
    sources: tuple[int, ...]
    input: Size
    output: Size
    bflops: float
    parameters: int


def layers(cfg: Cfg) -> list[Layer]:
    """The layers of a network with their sizes and costs.

    The counts follow Darknet's own table: 2·filters·size²·channels·width·height of the output for a
    convolution, size²·channels·width·height for a maxpool, channels·width·height for a shortcut.

    Raises:
        FormatError: A layer is of a kind that is not known here, or refers to one that does not exist.
    """
    net = cfg.net
    before: Size = (net.get_int("width"), net.get_int("height"), net.get_int("channels", 3))
    if min(before) < 1:
        raise FormatError("[net] needs width and height.", line=net.line, code="bad-cfg")
    found: list[Layer] = []
    for index, part in enumerate(cfg.layer_sections):
        layer = _layer(index, part, before, found)
        found.append(layer)
        before = layer.output
    return found


def parameter_count(cfg: Cfg) -> int:
    """Number of floats in a weights file of this network. Raises as :func:`layers`."""
    return sum(layer.parameters for layer in layers(cfg))


_SAME = frozenset(
    {"yolo", "region", "detection", "dropout", "activation", "empty", "contrastive", "normalization"}
)
"""Layers whose output is as large as their input and that weigh nothing."""

_WHY_NOT = {
    "gaussian_yolo": "Its boxes come with an uncertainty, which nothing here reads: take [yolo] instead.",
    **dict.fromkeys(
        ("crnn", "conv_lstm", "lstm", "gru", "rnn", "history"),
        "It is for pictures in their order (video), and a training set has none.",
    ),
    **dict.fromkeys(
        ("softmax", "cost", "crop"), "This is a network that classifies whole pictures, no detector."
    ),
}
"""What to say of layers that cannot be used, beside that."""


def _layer(index: int, part: Section, before: Size, found: list[Layer]) -> Layer:
    made = _MAKERS.get(part.name)
    if made is not None:
        return made(index, part, before)
    if part.name == "route":
        return _route(index, part, found)
    if part.name == "shortcut":
        return _shortcut(index, part, before, found)
    if part.name in ("scale_channels", "sam"):
        source = _sources(index, part, part.get_ints("from")[:1])
        return Layer(index, part.name, 0, 0, 0, source, before, found[source[0]].output, 0.0, 0)
    if part.name in _SAME:
        return Layer(index, part.name, 0, 0, 0, (), before, before, 0.0, 0)
    raise FormatError(
        f"a layer of kind [{part.name}] is not known here.",
        line=part.line,
        code="bad-cfg",
        hint=_WHY_NOT.get(part.name, ""),
    )


def _strides(part: Section) -> tuple[int, int]:
    """Across and down."""
    both = part.get_int("stride", 1)
    return max(1, part.get_int("stride_x", both)), max(1, part.get_int("stride_y", both))


def _convolution(index: int, part: Section, before: Size) -> Layer:
    width, height, channels = before
    filters, size = part.get_int("filters", 1), part.get_int("size", 1)
    (across, down), groups = _strides(part), max(1, part.get_int("groups", 1))
    pad = size // 2 if part.get_int("pad") else part.get_int("padding")
    output = ((width + 2 * pad - size) // across + 1, (height + 2 * pad - size) // down + 1, filters)
    kernel = filters * size * size * channels // groups
    # A bias for each filter; batch normalisation adds scale, mean and variance. A kernel that is shared with
    # another layer is in the file only once.
    parameters = kernel + filters * (4 if part.get_int("batch_normalize") else 1)
    if "share_index" in part:
        parameters = 0
    bflops = 2.0 * kernel * output[0] * output[1] / 1e9 / (32 if part.get_int("xnor") else 1)
    return Layer(index, part.name, filters, size, across, (), before, output, bflops, parameters)


def _connected(index: int, part: Section, before: Size) -> Layer:
    outputs = part.get_int("output", 1)
    kernel = before[0] * before[1] * before[2] * outputs
    parameters = kernel + outputs * (4 if part.get_int("batch_normalize") else 1)
    return Layer(index, part.name, 0, 0, 0, (), before, (1, 1, outputs), 2.0 * kernel / 1e9, parameters)


def _pool(index: int, part: Section, before: Size) -> Layer:
    width, height, channels = before
    across, down = _strides(part)
    size = part.get_int("size", part.get_int("stride", 1))
    padding = part.get_int("padding", size - 1)
    output = ((width + padding - size) // across + 1, (height + padding - size) // down + 1, channels)
    bflops = size * size * channels * output[0] * output[1] / 1e9
    return Layer(index, part.name, 0, size, across, (), before, output, bflops, 0)


def _upsample(index: int, part: Section, before: Size) -> Layer:
    stride = part.get_int("stride", 2)
    output = (before[0] * stride, before[1] * stride, before[2])
    return Layer(index, part.name, 0, 0, stride, (), before, output, 0.0, 0)


def _reorg(index: int, part: Section, before: Size) -> Layer:
    stride = max(1, part.get_int("stride", 1))
    width, height, channels = before
    output = (width // stride, height // stride, channels * stride * stride)
    if part.get_int("reverse"):
        output = (width * stride, height * stride, channels // (stride * stride))
    return Layer(index, part.name, 0, 0, stride, (), before, output, 0.0, 0)


def _average(index: int, part: Section, before: Size) -> Layer:
    return Layer(index, part.name, 0, 0, 0, (), before, (1, 1, before[2]), 0.0, 0)


def _normalisation(index: int, part: Section, before: Size) -> Layer:
    return Layer(index, part.name, 0, 0, 0, (), before, before, 0.0, 4 * before[2])


_MAKERS: dict[str, Callable[[int, Section, Size], Layer]] = {
    "convolutional": _convolution,
    "connected": _connected,
    "maxpool": _pool,
    "local_avgpool": _pool,
    "avgpool": _average,
    "upsample": _upsample,
    "reorg": _reorg,
    "reorg3d": _reorg,
    "batchnorm": _normalisation,
}


def _shortcut(index: int, part: Section, before: Size, found: list[Layer]) -> Layer:
    sources = _sources(index, part, part.get_ints("from"))
    width, height, channels = before
    weights = {"per_feature": 1, "per_layer": 1, "per_channel": channels}.get(part.get("weights_type"), 0)
    bflops = width * height * channels * len(sources) / 1e9 * (2 if weights else 1)
    parameters = weights * (len(sources) + 1)
    return Layer(index, part.name, 0, 0, 0, sources, before, before, bflops, parameters)


def _route(index: int, part: Section, found: list[Layer]) -> Layer:
    sources = _sources(index, part, part.get_ints("layers"))
    sizes = [found[source].output for source in sources]
    if any(size[:2] != sizes[0][:2] for size in sizes):
        raise FormatError(
            f"[route] number {index} joins layers of different width or height.",
            line=part.line,
            code="bad-cfg",
        )
    channels = sum(size[2] for size in sizes) // max(1, part.get_int("groups", 1))
    output = (sizes[0][0], sizes[0][1], channels)
    return Layer(index, part.name, 0, 0, 0, sources, sizes[0], output, 0.0, 0)


def _sources(index: int, part: Section, numbers: tuple[int, ...]) -> tuple[int, ...]:
    sources = tuple(index + number if number < 0 else number for number in numbers)
    if not sources or any(not 0 <= source < index for source in sources):
        raise FormatError(
            f"[{part.name}] number {index} refers to a layer that does not stand before it.",
            line=part.line,
            code="bad-cfg",
        )
    return sources
