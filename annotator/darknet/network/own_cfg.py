"""A person's own cfg, made to fit the data set and the training."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from annotator.darknet.network.blocks import layers
from annotator.darknet.network.cfg import DETECTORS, Cfg, Section, Value, read_cfg
from annotator.darknet.network.limits import HANK_LAYERS, not_predicted, unknown_keys, without_unknown
from annotator.darknet.network.options import PJREDDIE_BOXES
from annotator.darknet.network.presets import Dialect, burn_in_for, steps_for
from annotator.darknet.program.dialect import Darknet
from converters.errors import FormatError, UsageError

_MODERN = frozenset(
    {"iou_loss", "scale_x_y", "new_coords", "nms_kind", "counters_per_class", "groups", "group_id"}
)
"""Keys that show that a network is none for pjreddie's Darknet, which would run it silently wrong."""


def read_own(path: Path) -> Cfg:
    """Read a person's cfg and see that it is a detector.

    Raises:
        FormatError: It cannot be read, has a layer that is not known, or none that detects; says which line.
    """
    cfg = read_cfg(path)
    try:
        layers(cfg)
    except FormatError as error:
        raise FormatError(
            error.message, path=path, line=error.line, code=error.code, hint=error.hint
        ) from error
    if not cfg.detectors:
        raise FormatError("has no [yolo] or [region] section: this is no detector.", path=path)
    return cfg


def adapted(
    cfg: Cfg,
    *,
    classes: int,
    width: int | None = None,
    height: int | None = None,
    batch: int,
    subdivisions: int,
    max_batches: int,
    learning_rate: float | None = None,
    steps: Sequence[int] | None = None,
    dialect: Dialect | None = None,
) -> Cfg:
    """A cfg for other classes and another training; what is not named here stays as it is.

    Args:
        cfg: The person's.
        classes: Number of classes; the convolutions before the detection layers follow.
        width: Of the input; default: as it is. Anchors grow with it.
        height: Likewise.
        batch: Pictures in an iteration.
        subdivisions: Parts of a batch.
        max_batches: Iterations.
        learning_rate: Default: as it is.
        steps: Iterations at which the rate falls; default 80 and 90 %.
        dialect: Who trains; what this Darknet would end at is left out.

    Raises:
        UsageError: A side is no multiple of 32, or the parts do not divide the batch.
        FormatError: The layer before a detection layer is no convolution.
    """
    if batch < 1 or subdivisions < 1 or batch % subdivisions:
        raise UsageError(f"subdivisions ({subdivisions}) must divide batch ({batch}).")
    before = (cfg.net.get_int("width"), cfg.net.get_int("height"))
    size = (width or before[0], height or before[1])
    if any(side < 32 or side % 32 for side in size):
        raise UsageError(f"a network's sides must be multiples of 32, not {size[0]} x {size[1]}.")
    if dialect is not None:
        cfg = without_unknown(cfg, dialect)
    if dialect == "pjreddie" and any(one.get_int("max") > PJREDDIE_BOXES for one in cfg.detectors):
        cfg = cfg.with_detectors(max=PJREDDIE_BOXES)
    sections = [
        _scaled(part, before, size) if part.name in DETECTORS else part
        for part in with_classes(cfg, classes).sections
    ]
    options: dict[str, Value] = {
        "batch": batch,
        "subdivisions": subdivisions,
        "width": size[0],
        "height": size[1],
        "burn_in": burn_in_for(max_batches),
        "max_batches": max_batches,
        "policy": "steps",
        "steps": ",".join(map(str, steps or steps_for(max_batches))),
        "scales": ".1,.1",
    }
    net = cfg.net.with_options(**options)
    if learning_rate is not None:
        net = net.with_options(learning_rate=learning_rate)
    return replace(cfg, sections=(net, *sections[1:]))


def with_classes(cfg: Cfg, classes: int) -> Cfg:
    """A cfg for another number of classes: the convolutions before its detection layers follow.

    Raises:
        FormatError: The layer before a detection layer is no convolution.
    """
    sections = list(cfg.sections)
    for index, part in enumerate(sections):
        if part.name in DETECTORS:
            previous = sections[index - 1]
            if previous.name != "convolutional":
                raise FormatError(
                    f"the layer before [{part.name}] is no convolution.", line=part.line, code="bad-cfg"
                )
            sections[index - 1] = previous.with_options(filters=(classes + 5) * _boxes(part))
            sections[index] = part.with_options(classes=classes)
    return replace(cfg, sections=tuple(sections))


def check_known(cfg: Cfg, darknet: Darknet, path: Path) -> None:
    """Refuse a cfg that a Darknet would run wrong, or end at.

    Raises:
        FormatError: It has what only the newer Darknets know, or a layer that this one has not.
    """
    for part in cfg.layer_sections:
        if darknet.dialect == "hank" and part.name not in HANK_LAYERS:
            raise FormatError(
                f"{darknet.title} has no layer [{part.name}] and would end there.",
                path=path,
                line=part.line,
                code="unknown-network",
                hint="Use AlexeyAB's Darknet.",
            )
        for key in _MODERN if darknet.dialect == "pjreddie" else ():
            if key in part:
                raise FormatError(
                    f"{darknet.title} does not know {key} and would run this network silently wrong.",
                    path=path,
                    line=part.line,
                    code="unknown-network",
                    hint="Use AlexeyAB's or hank-ai's Darknet.",
                )


def own_notes(cfg: Cfg, dialect: Dialect) -> list[str]:
    """What a person should know of their network before it is trained, a sentence each.

    Args:
        cfg: As it was read.
        dialect: Who trains.
    """
    notes = []
    left_out = unknown_keys(cfg, dialect)
    if left_out:
        named = ", ".join(f"{key} (section at line {line})" for key, line in left_out.items())
        notes.append(f"hank-ai's Darknet ends at keys that it does not know; these are left out: {named}.")
    what, line = not_predicted(cfg)
    if what:
        notes.append(
            f"it can be trained, but not measured or used here: {what} (line {line or '?'}) is nothing that "
            "OpenCV does. Darknet itself measures it."
        )
    return notes


def _boxes(part: Section) -> int:
    return len(part.get_ints("mask")) if "mask" in part else part.get_int("num", 1)


def _scaled(part: Section, before: tuple[int, int], size: tuple[int, int]) -> Section:
    """Anchors for another input; they are in pixels of it, or ([region]) in cells, which grow alike."""
    if before == size or min(before) < 1:
        return part
    values = part.get_floats("anchors")[: 2 * part.get_int("num", 1)]  # Darknet reads no more
    scaled = [value * size[index % 2] / before[index % 2] for index, value in enumerate(values)]
    if part.name == "region":
        return part.with_options(anchors=",".join(f"{value:.4f}" for value in scaled))
    return part.with_options(anchors=",".join(str(max(1, round(value))) for value in scaled))
