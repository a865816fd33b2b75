"""What a person asks a training to be, as one value: its cfg, its costs, and the command that starts it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from annotator.darknet.network.anchors import Anchors, Sizes, box_sizes, for_network, with_anchors
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.options import OPTIONS, Option, check_options, hints, value_in, with_options
from annotator.darknet.network.own_cfg import adapted, check_known, own_notes, read_own
from annotator.darknet.network.presets import NETWORKS, Dialect, build
from annotator.darknet.program.dialect import Darknet
from converters.errors import DataError, UsageError
from converters.formats.base import LoadOptions
from converters.model import Split
from converters.registry import load
from converters.report import Report
from converters.work import WorkFolder, read_names


@dataclass(frozen=True, slots=True)
class TrainingPlan:
    """What is asked for.

    Attributes:
        network: Name of a network; of an own cfg it does not matter.
        width: Its input in pixels.
        height: Likewise.
        batch: Pictures in an iteration.
        subdivisions: Parts of a batch.
        max_batches: Iterations.
        own_cfg: A person's own cfg, or None.
        options: Cfg key to text, only those that were changed.
        auto_anchors: Whether anchors are chosen for the training split, and taken where they fit better.
        anchors: What that came to, in pixels of the input; none: not known yet, or no better.
        weights: A file, the name of weights that can be fetched, or empty.
        steps: Iterations at which the learning rate falls; None: 80 and 90 % of all.
        same_classes: The weights' classes are this set's, in this order, whatever they were called.
    """

    network: str
    width: int
    height: int
    batch: int
    subdivisions: int
    max_batches: int
    own_cfg: Path | None = None
    options: Mapping[str, str] = field(default_factory=dict)
    auto_anchors: bool = False
    anchors: tuple[tuple[float, float], ...] = ()
    weights: str = ""
    steps: tuple[int, int] | None = None
    same_classes: bool = False

    def with_parts(
        self,
        *,
        options: Mapping[str, str],
        steps: tuple[int, int] | None,
        auto_anchors: bool = False,
        anchors: tuple[tuple[float, float], ...] = (),
        weights: str = "",
        same_classes: bool = False,
    ) -> TrainingPlan:
        """The same with other options, anchors and weights."""
        return replace(
            self,
            options=options,
            steps=steps,
            auto_anchors=auto_anchors,
            anchors=anchors,
            weights=weights,
            same_classes=same_classes,
        )

    def arguments(self, work: Path) -> list[str]:
        """What follows ``train-cli``."""
        asked: dict[str, object] = {
            "--width": self.width,
            "--height": self.height,
            "--batch": self.batch,
            "--subdivisions": self.subdivisions,
            "--max-batches": self.max_batches,
        }
        which = ["--network", self.network] if self.own_cfg is None else ["--cfg", str(self.own_cfg)]
        found = ["run", str(work), *which, *(str(part) for pair in asked.items() for part in pair)]
        if self.auto_anchors:
            found += ["--anchors", "auto"]
        if self.weights:
            found += ["--weights", self.weights]
        if self.weights and self.same_classes:
            found.append("--same-classes")
        if self.steps:
            found += ["--steps", ",".join(map(str, self.steps))]
        for key, text in self.options.items():
            found += ["--set", f"{key}={text}"]
        return found

    def plain_cfg(self, classes: int, darknet: Darknet | None) -> Cfg:
        """The cfg without the person's options and anchors: what these are compared with.

        Args:
            classes: Number of classes.
            darknet: Who trains; None, or one that does not know the network: one that does.

        Raises:
            DataError: A number is impossible, or the own cfg is broken.
        """
        if self.own_cfg is not None:
            own = read_own(self.own_cfg)
            if darknet is not None:
                check_known(own, darknet, self.own_cfg)
            return adapted(
                own,
                classes=classes,
                width=self.width,
                height=self.height,
                batch=self.batch,
                subdivisions=self.subdivisions,
                max_batches=self.max_batches,
                steps=self.steps,
                dialect=darknet.dialect if darknet is not None else None,
            )
        fixed = NETWORKS[self.network].fixed_size
        return build(
            self.network,
            classes=classes,
            width=fixed or self.width,
            height=fixed or self.height,
            batch=self.batch,
            subdivisions=self.subdivisions,
            max_batches=self.max_batches,
            steps=self.steps,
            dialect=self._dialect(darknet),
            mosaic=darknet is None or darknet.opencv is not False,
        )

    def cfg(self, classes: int, darknet: Darknet | None) -> Cfg:
        """The whole cfg. Raises as :meth:`plain_cfg`, also for an impossible option."""
        cfg = self.plain_cfg(classes, darknet)
        if self.anchors and len(self.anchors) == len(anchors_of(cfg)):
            cfg = with_anchors(cfg, self.anchors)
        return with_options(cfg, check_options(self.options, cfg, self._dialect(darknet), classes))

    def _dialect(self, darknet: Darknet | None) -> Dialect:
        if self.own_cfg is not None:
            return darknet.dialect if darknet is not None else "alexeyab"
        known = NETWORKS[self.network].dialects
        if darknet is not None and (darknet.dialect in known or not known):
            return darknet.dialect
        return next(iter(sorted(known)), "alexeyab")


@dataclass(frozen=True, slots=True)
class OptionState:
    """One option as it is shown.

    Attributes:
        option: Which.
        default: What the network says without the person; empty: nothing.
        why_not: Why it cannot be set, or empty.
        wrong: What is wrong with the person's value, or empty.
        hint: What is odd about it, or empty.
    """

    option: Option
    default: str
    why_not: str = ""
    wrong: str = ""
    hint: str = ""


def option_states(plan: TrainingPlan, classes: int, darknet: Darknet | None) -> list[OptionState]:
    """Every option with its default and what there is to say of the person's value.

    Raises:
        DataError: There is no cfg (see :meth:`TrainingPlan.plain_cfg`).
    """
    plain = plan.plain_cfg(classes, darknet)
    dialect = darknet.dialect if darknet is not None else "alexeyab"
    states = []
    good: dict[str, str] = {}
    for key, option in OPTIONS.items():
        state = OptionState(option, value_in(plain, key))
        if dialect not in option.dialects:
            title = darknet.title if darknet is not None else dialect
            state = replace(state, why_not=f"{title} does not know it.")
        else:
            try:
                check_options({key: plan.options.get(key) or _any_value(option)}, plain, dialect, classes)
                if key in plan.options:
                    good[key] = plan.options[key]
            except UsageError as error:
                why = error.message
                unset = option.place == "yolo" and "has no" in error.message
                state = replace(state, why_not=why) if unset else _wrong(state, why, key in plan.options)
        states.append(state)
    return _with_hints(states, with_options(plain, good), dialect, classes)


def _wrong(state: OptionState, why: str, is_asked: bool) -> OptionState:
    return replace(state, wrong=why) if is_asked else state


def _any_value(option: Option) -> str:
    """A value that is possible, to ask whether the network takes the option at all."""
    if option.kind == "choice":
        return option.choices[0]
    return f"{max(option.low, min(option.high, 1)):g}"


def _with_hints(states: Sequence[OptionState], cfg: Cfg, dialect: Dialect, classes: int) -> list[OptionState]:
    """Each hint beside the first option that it names."""
    said = hints(cfg, dialect=dialect, classes=classes)
    result = []
    for state in states:
        own = [text for text in said if text.startswith((f"{state.option.key}=", f"{state.option.key} "))]
        said = [text for text in said if text not in own]
        result.append(replace(state, hint=" ".join(own)))
    return result


def other_hints(plan: TrainingPlan, cfg: Cfg, dialect: Dialect, classes: int) -> list[str]:
    """What is odd about batch and size, which are no options of the list, and about a person's own cfg.

    Raises:
        FormatError: The own cfg is broken.
    """
    said = [text for text in hints(cfg, dialect=dialect, classes=classes) if text.startswith("batch=")]
    return said if plan.own_cfg is None else [*said, *own_notes(read_own(plan.own_cfg), dialect)]


def steps_of(cfg: Cfg) -> str:
    """The iterations at which the learning rate of a network falls."""
    return cfg.net.get("steps")


@dataclass(frozen=True, slots=True)
class AnchorChoice:
    """Anchors that were worked out for a plan.

    Attributes:
        found: They, and how well they fit.
        sizes: The boxes they were chosen for, in pixels of the network's input.
        before: The network's own.
        width: The input they are for.
        height: Likewise.
    """

    found: Anchors
    sizes: Sizes
    before: tuple[tuple[float, float], ...]
    width: int
    height: int


def choose_anchors(plan: TrainingPlan, work: WorkFolder, darknet: Darknet | None) -> AnchorChoice:
    """Anchors for the boxes of the training split, at the size that the network sees them.

    Raises:
        DataError: The training set cannot be read, or has too few boxes.
    """
    names = read_names(work.names)
    cfg = plan.plain_cfg(len(names), darknet)
    if not cfg.detectors:
        raise UsageError("this network has no anchors.")
    images = load(work.root, Report(), LoadOptions(class_names=names), format="yolo")
    width, height = cfg.net.get_int("width"), cfg.net.get_int("height")
    sizes = box_sizes(
        (image for image in images if image.split == Split.TRAIN),
        width,
        height,
        letterbox=darknet is not None and darknet.letterboxes,
    )
    if not len(sizes):
        raise DataError("the training split has no boxes to choose anchors for.", path=work.root)
    return AnchorChoice(for_network(cfg, sizes), sizes, anchors_of(cfg), width, height)


def anchors_of(cfg: Cfg) -> tuple[tuple[float, float], ...]:
    """The anchors of a network in pixels of its input; none where it has no such layer."""
    if not cfg.detectors:
        return ()
    values = cfg.detectors[0].get_floats("anchors")
    scale = 32 if cfg.detectors[0].name == "region" else 1
    pairs = zip(values[::2], values[1::2], strict=True)
    return tuple((width * scale, height * scale) for width, height in pairs)
