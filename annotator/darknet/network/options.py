"""The options of a training: what each means, which values make sense, and which Darknet knows it.

Sources: the parsers of the three Darknets, and the papers of YOLOv3 and YOLOv4 for what the options do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from annotator.darknet.network.cfg import Cfg, Section
from annotator.darknet.network.presets import Dialect
from converters.errors import UsageError

Place = Literal["net", "yolo"]

_ALL: frozenset[Dialect] = frozenset({"pjreddie", "alexeyab", "hank"})
_NEW: frozenset[Dialect] = frozenset({"alexeyab", "hank"})


PJREDDIE_BOXES = 90
"""Its yolo layer holds the truths of so many boxes, whatever ``max`` says; more are written past its end."""


@dataclass(frozen=True, slots=True)
class Option:
    """One key of a cfg.

    Attributes:
        key: As the cfg spells it.
        place: ``net``, or ``yolo`` (every detection layer).
        meaning: What it does, in a person's words.
        kind: ``int``, ``float``, ``switch`` (0 or 1), ``choice`` or ``list`` (numbers with commas).
        low: Smallest value that is possible.
        high: Largest value.
        usual: The range in which it is not worth a remark, or None.
        choices: Of a choice.
        dialects: The Darknets that know it.
        in_region: Whether YOLOv2's [region] has it as well.
    """

    key: str
    place: Place
    meaning: str
    kind: Literal["int", "float", "switch", "choice", "list"] = "float"
    low: float = 0.0
    high: float = float("inf")
    usual: tuple[float, float] | None = None
    choices: tuple[str, ...] = ()
    dialects: frozenset[Dialect] = _ALL
    in_region: bool = False


def _net(key: str, meaning: str, **rest: object) -> Option:
    return Option(key, "net", meaning, **rest)  # type: ignore[arg-type]


def _yolo(key: str, meaning: str, **rest: object) -> Option:
    return Option(key, "yolo", meaning, **rest)  # type: ignore[arg-type]


OPTIONS: dict[str, Option] = {
    option.key: option
    for option in (
        _net(
            "learning_rate",
            "How far the weights move in each iteration",
            low=1e-8,
            high=1,
            usual=(0.0001, 0.005),
        ),
        _net(
            "burn_in",
            "Iterations over which the learning rate rises to its value",
            kind="int",
            usual=(0, 4000),
        ),
        _net("scales", "By what the learning rate is multiplied at each of the steps", kind="list"),
        _net("momentum", "How much of the last movement goes on", high=0.9999, usual=(0.8, 0.98)),
        _net("decay", "How strongly large weights are drawn to zero", high=1, usual=(0, 0.005)),
        _net(
            "angle",
            "Pictures are turned by up to so many degrees; boxes are not: leave it at 0",
            high=360,
            usual=(0, 0),
        ),
        _net(
            "saturation",
            "Colours become up to so many times stronger or weaker",
            low=1,
            high=10,
            usual=(1, 2.5),
        ),
        _net(
            "exposure",
            "Pictures become up to so many times brighter or darker",
            low=1,
            high=10,
            usual=(1, 2.5),
        ),
        _net("hue", "Colours turn by up to this part of the circle", high=1, usual=(0, 0.2)),
        _net("flip", "Half of the pictures are mirrored", kind="switch", dialects=_NEW),
        _net(
            "mosaic",
            "Four pictures become one: small things and new surroundings",
            kind="switch",
            dialects=_NEW,
        ),
        _net("mixup", "Two pictures lie over one another", kind="switch", dialects=_NEW),
        _net(
            "label_smooth_eps",
            "The network is asked to be a little less sure than the labels",
            high=0.5,
            usual=(0, 0.1),
            dialects=_NEW,
        ),
        _net(
            "adversarial_lr",
            "Pictures are changed against the network (self-adversarial training); doubles the time",
            high=1,
            usual=(0, 0.05),
            dialects=_NEW,
        ),
        _net(
            "ema_alpha",
            "Also keep the running mean of the weights (…_ema.weights), which is often better",
            high=0.99999,
            usual=(0.99, 0.9999),
            dialects=_NEW,
        ),
        _net(
            "dynamic_minibatch",
            "Larger batches while the pictures are small; only with random=1",
            kind="switch",
            dialects=_NEW,
        ),
        _net(
            "letter_box",
            "Keep the pictures' proportions (grey bars); not with mosaic",
            kind="switch",
            dialects=_NEW,
        ),
        _net(
            "channels",
            "3: pictures in colour, 1: in grey; pretrained weights are for colour",
            kind="choice",
            choices=("3", "1"),
            dialects=frozenset({"alexeyab"}),  # hank-ai's ends at the first grey picture
        ),
        _net(
            "blur",
            "Blur of the surroundings of the boxes, in pixels",
            kind="int",
            high=50,
            usual=(0, 10),
            dialects=_NEW,
        ),
        _net(
            "gaussian_noise",
            "Noise is added to pictures, up to so much of 255",
            kind="int",
            high=255,
            usual=(0, 50),
            dialects=_NEW,
        ),
        _yolo(
            "jitter",
            "Pictures are cut and stretched by up to this part",
            high=0.9,
            usual=(0, 0.5),
            in_region=True,
        ),
        _yolo(
            "random",
            "Change the input's size every ten iterations; slower, needs more memory",
            kind="switch",
            in_region=True,
        ),
        _yolo(
            "ignore_thresh",
            "A free guess that overlaps a box more than this is not called wrong",
            high=1,
            usual=(0.4, 0.9),
        ),
        _yolo(
            "iou_loss",
            "How the fit of a box is measured while it learns",
            kind="choice",
            choices=("mse", "iou", "giou", "diou", "ciou"),
            dialects=_NEW,
        ),
        _yolo(
            "iou_normalizer", "Weight of the boxes' fit in the loss", high=100, usual=(0.01, 1), dialects=_NEW
        ),
        _yolo("cls_normalizer", "Weight of the class in the loss", high=100, usual=(0.1, 5), dialects=_NEW),
        _yolo(
            "obj_normalizer",
            "Weight of whether there is something in the loss",
            high=100,
            usual=(0.1, 5),
            dialects=_NEW,
        ),
        _yolo(
            "iou_thresh",
            "Anchors that overlap a box more than this learn it, too",
            high=1,
            usual=(0.1, 1),
            dialects=_NEW,
        ),
        _yolo(
            "scale_x_y",
            "How far a cell's box may reach over the cell's edge",
            low=1,
            high=3,
            usual=(1, 2),
            dialects=_NEW,
        ),
        _yolo(
            "focal_loss", "Learn more from what is hard, less from what is easy", kind="switch", dialects=_NEW
        ),
        _yolo(
            "counters_per_class",
            "Boxes of each class: the rarer a class, the more each of its boxes weighs",
            kind="list",
            dialects=_NEW,
        ),
        _yolo(
            "max_delta",
            "Limit of what one box may move the weights",
            low=0.1,
            high=1000,
            usual=(1, 20),
            dialects=_NEW,
        ),
        _yolo(
            "max",
            "Boxes of one picture that count, the others are left out",
            kind="int",
            low=1,
            high=10_000,
            usual=(30, 1000),
        ),
        _yolo(
            "nms_kind",
            "Which of two boxes over one another stays",
            kind="choice",
            choices=("default", "greedynms", "diounms"),
            dialects=_NEW,
        ),
        _yolo(
            "beta_nms",
            "How much the distance of the centres counts in that",
            high=10,
            usual=(0.3, 1),
            dialects=_NEW,
        ),
    )
}
"""Key → option, in the order in which they are shown."""


def check_options(values: Mapping[str, str], cfg: Cfg, dialect: Dialect, classes: int) -> dict[str, str]:
    """The values as a cfg holds them.

    Args:
        values: Key to text.
        cfg: The network that gets them.
        dialect: The Darknet that trains it.
        classes: Number of classes.

    Raises:
        UsageError: A key is unknown (also to this Darknet, of which one dies of it), or a value impossible.
    """
    checked = {}
    for key, text in values.items():
        option = OPTIONS.get(key)
        if option is None:
            raise UsageError(f"there is no option {key!r}.", hint=f"There are {', '.join(OPTIONS)}.")
        if dialect not in option.dialects:
            raise UsageError(f"{dialect}'s Darknet does not know {key}.", hint="Leave it out.")
        if option.place == "yolo" and not _takers(cfg, option):
            raise UsageError(f"this network's detection layer has no {key}.", hint="Leave it out.")
        checked[key] = _checked(option, text.strip(), classes)
    if dialect == "pjreddie" and int(checked.get("max", "0")) > PJREDDIE_BOXES:
        raise UsageError(
            f"max={checked['max']}: this Darknet has room for 90 boxes of a picture only, and dies of more.",
            hint="Take max=90 at most.",
        )
    return checked


def with_options(cfg: Cfg, values: Mapping[str, str]) -> Cfg:
    """A network with options set (see :func:`check_options`)."""
    sections = list(cfg.sections)
    for key, value in values.items():
        option = OPTIONS[key]
        places = [0] if option.place == "net" else _takers(cfg, option)
        for index in places:
            sections[index] = sections[index].with_options(**{key: value})
    return replace(cfg, sections=tuple(sections))


def value_in(cfg: Cfg, key: str) -> str:
    """What a network says of an option; empty where it says nothing."""
    option = OPTIONS[key]
    if option.place == "net":
        return cfg.net.get(key)
    takers = _takers(cfg, option)
    return cfg.sections[takers[0]].get(key) if takers else ""


def hints(cfg: Cfg, *, dialect: Dialect, classes: int) -> list[str]:
    """What is odd about a network's options, a sentence each; nothing of it forbids to train."""
    found = []
    for key, option in OPTIONS.items():
        text = value_in(cfg, key)
        if not text or option.usual is None:
            continue
        try:
            value = float(text)
        except ValueError:
            continue
        low, high = option.usual
        if not low <= value <= high:
            usual = f"{low:g}" if low == high else f"{low:g} to {high:g}"
            found.append(f"{key}={text} is unusual ({usual} is common): {_lower(option.meaning)}.")
    for rule in (_about_mosaic, _about_batches, _about_minibatch):
        found += rule(cfg)
    if dialect == "pjreddie" and value_in(cfg, "random") == "1":
        found.append("random=1 lets this Darknet train at up to 608 x 608 whatever the cfg says.")
    counters = value_in(cfg, "counters_per_class")
    if counters and counters.count(",") + 1 != classes:
        found.append(f"counters_per_class has {counters.count(',') + 1} numbers for {classes} classes.")
    return found


def _about_mosaic(cfg: Cfg) -> list[str]:
    if cfg.net.get_int("mosaic") and cfg.net.get_int("letter_box"):
        return ["mosaic=1 and letter_box=1 do not go together: Darknet refuses them."]
    return []


def _about_batches(cfg: Cfg) -> list[str]:
    batch = cfg.net.get_int("batch", 1)
    if batch < 16:
        return [f"batch={batch} is small: the loss will jump about, and batch normalisation suffers."]
    return []


def _about_minibatch(cfg: Cfg) -> list[str]:
    if cfg.net.get_int("dynamic_minibatch") and value_in(cfg, "random") != "1":
        return ["dynamic_minibatch=1 does nothing without random=1."]
    return []


def _takers(cfg: Cfg, option: Option) -> list[int]:
    """Numbers of the sections (in ``cfg.sections``) that take an option of a detection layer."""

    def takes(section: Section) -> bool:
        return section.name == "yolo" or (option.in_region and section.name == "region")

    return [index for index, section in enumerate(cfg.sections) if takes(section)]


def _checked(option: Option, text: str, classes: int) -> str:
    checks: dict[str, Callable[[Option, str, int], str]] = {
        "choice": _choice,
        "list": _list,
        "switch": _switch,
        "int": _number,
        "float": _number,
    }
    return checks[option.kind](option, text, classes)


def _choice(option: Option, text: str, classes: int) -> str:
    if text not in option.choices:
        raise UsageError(f"{option.key} is one of {', '.join(option.choices)}, not {text!r}.")
    return text


def _switch(option: Option, text: str, classes: int) -> str:
    if text not in ("0", "1"):
        raise UsageError(f"{option.key} is 0 or 1, not {text!r}.")
    return text


def _list(option: Option, text: str, classes: int) -> str:
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        raise UsageError(f"{option.key} is numbers with commas between them, not {text!r}.") from None
    if option.key == "counters_per_class" and (len(values) != classes or min(values) < 1):
        raise UsageError(f"counters_per_class needs a number from 1 for each of the {classes} classes.")
    return ",".join(f"{value:g}" for value in values)


def _number(option: Option, text: str, classes: int) -> str:
    try:
        value = float(text)
    except ValueError:
        raise UsageError(f"{option.key} is a number, not {text!r}.") from None
    if option.kind == "int" and value != int(value):
        raise UsageError(f"{option.key} is a whole number, not {text}.")
    if not option.low <= value <= option.high:
        limit = f"from {option.low:g}" + (f" to {option.high:g}" if option.high != float("inf") else "")
        raise UsageError(f"{option.key}={text} is not possible: it goes {limit}.")
    return f"{value:.8f}".rstrip("0").rstrip(".") or "0"


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
