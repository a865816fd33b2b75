"""Looking at everything before a training starts: Darknet's own reactions range from silence to a crash."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import DETECTORS, Cfg
from annotator.darknet.network.transfer import find_fit
from annotator.darknet.preflight.checked import Checked
from annotator.darknet.preflight.data_set import check_alike, check_copies, check_source
from annotator.darknet.preflight.machine import (
    check_darknet,
    check_room,
    check_weights,
    kept_files,
)
from annotator.darknet.preflight.pictures import check_class_counts, check_lists, check_pictures
from annotator.darknet.preflight.sheet import Sheet, plain
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.gpu import GpuState, Version, read_gpus, read_nvcc, with_chosen
from converters.errors import FormatError, UsageError
from converters.model import Split
from converters.report import Issue, Report
from converters.words import counted
from converters.work import WorkFolder

__all__ = ["FIXES", "Watch", "check_training", "fix_of", "kept_files"]

_BLANK_VALUE = re.compile(
    r"^[ \t]*(train|valid|names|backup)[ \t]*=[ \t]*(\S+[ \t]+\S.*?)[ \t\r]*$", re.MULTILINE
)

FIXES: dict[str, str] = {
    "no-darknet": "choose-darknet",
    "no-program": "choose-darknet",
    "no-answer": "choose-darknet",
    "other-machine": "choose-darknet",
    "library-missing": "choose-darknet",
    "unknown-network": "choose-network",
    "mosaic-without-opencv": "mosaic-off",
    "mosaic-with-letter-box": "mosaic-off",
    "fast-math": "choose-darknet",
    "gpu-unused": "choose-darknet",
    "no-gpu": "choose-darknet",
    "driver-too-old": "choose-darknet",
    "gpu-busy": "queue",
    "empty-list": "split",
    "in-two-splits": "split",
    "validation-is-training": "split",
    "same-picture": "put-together",
    "alike": "put-together",
    "copy-leaks": "delete-copies",
    "copies-old": "make-copies",
    "set-changed": "make-set",
    "set-classes": "make-set",
    "label-lost": "bring-labels",
    "image-lost": "bring-labels",
    "labels-changed": "bring-labels",
    "twice-in-list": "split",
    "unsafe-name": "make-set",
    "long-path": "make-set",
    "bad-suffix": "make-set",
    "label-not-found": "make-set",
    "label-missing": "show-picture",
    "label-unreadable": "show-picture",
    "bad-columns": "show-picture",
    "bad-number": "show-picture",
    "bad-class-id": "show-picture",
    "bad-box": "show-picture",
    "many-boxes": "show-picture",
    "image-missing": "show-picture",
    "image-unreadable": "show-picture",
    "image-truncated": "show-picture",
    "bad-names": "make-network",
    "bad-filters": "make-network",
    "bad-weights": "choose-weights",
    "weights-mapped": "choose-weights",
    "weights-cut": "choose-weights",
    "weights-unnamed": "choose-weights",
    "weights-to-fetch": "fetch-weights",
    "max-batches-reached": "raise-max-batches",
    "read-only": "allow-writing",
    "disk-full": "delete-runs",
    "blank-in-path": "make-set",
    "class-untrained": "split",
    "class-unmeasured": "split",
    "few-boxes": "balance",
}
"""Code of a finding → what a button beside it can do. A finding that is not here has only its sentence."""


def fix_of(issue: Issue) -> str:
    """What a button beside a finding can do (a value of :data:`FIXES`); empty where nothing."""
    return FIXES.get(issue.code, "")


@dataclass(slots=True)
class Watch:
    """What somebody who looks on while a check goes on gets to see.

    Attributes:
        report: What was found until now.
        sheet: What was looked at until now.
        tell: Called with the number of pictures looked at, and of all.
        remembers: Whether pictures that were sound and have not changed are left alone.
        cache: Where that is kept (default: the person's cache folder).
        gpu: The GPUs that were asked for, as ``--gpu`` names them; empty: none.
        compares: Whether pictures are decoded to compare them, where that was never done.
        stage: What is being done: ``pictures`` are looked at, or compared (``comparing``).
    """

    report: Report = field(default_factory=Report)
    sheet: Sheet = field(default_factory=Sheet)
    tell: Callable[[int, int], None] | None = None
    remembers: bool = False
    cache: Path | None = None
    gpu: str = ""
    compares: bool = True
    stage: str = "pictures"

    def __call__(self, done: int, total: int) -> None:
        """Say how far it is."""
        if self.tell is not None:
            self.tell(done, total)


def check_training(
    base: Path,
    lists: Mapping[Split, Sequence[str]],
    class_names: Sequence[str],
    darknet: Darknet,
    cfg: Cfg,
    *,
    weights: Path | None = None,
    runs: Path,
    from_iteration: int = 0,
    gpus: GpuState | None = None,
    nvcc: Version | None = None,
    watch: Watch | None = None,
    trained: Sequence[str] | None = None,
    own_weights: bool = False,
    work: WorkFolder | None = None,
) -> Report:
    """Everything that would make a training fail, or quietly train on the wrong thing.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        class_names: In the order of their ids.
        darknet: Who will train.
        cfg: What it will train.
        weights: Where it starts from.
        runs: Folder the run is, or will be, made in; it must exist or be makeable.
        from_iteration: The iteration of the weights where a training goes on.
        gpus: What nvidia-smi says; it is asked where this is None.
        nvcc: The CUDA whose compiler is on PATH; found out together with ``gpus``.
        watch: Who wants to know what was looked at, and how far it is.
        trained: The classes the weights were trained on, None: what lies beside them.
        own_weights: The weights are the run's own, with which it goes on.
        work: The data set, where ``base`` is one: what it was made from is looked at, too.

    Returns:
        Errors where the training must not start, warnings where it may.
    """
    watch = watch or Watch()
    report, sheet = watch.report, watch.sheet
    if gpus is None:
        gpus, nvcc = read_gpus(), read_nvcc()
    try:
        gpus = with_chosen(watch.gpu, gpus)
    except UsageError as error:  # it was taken out since it was chosen
        report.add_exception(error)
    check_darknet(darknet, cfg, gpus, nvcc, report)
    _say_machine(sheet, darknet, gpus)
    if 0 < cfg.net.get_int("max_batches", 1) <= from_iteration:
        report.error(
            "max-batches-reached",
            f"iteration {from_iteration} is reached already, and max_batches is "
            f"{cfg.net.get_int('max_batches', 1)}: Darknet would end at once, without a word.",
            hint="Raise max_batches.",
        )
    _check_data_file(runs / "obj.data", darknet, report)
    _check_classes(class_names, cfg, report)
    _say_network(sheet, cfg, class_names)
    if weights is not None:
        _check_start(weights, cfg, class_names, trained, own_weights, report)
    sheet.say("weights", "none: it starts at random" if weights is None else str(weights))
    sheet.say("disk", check_room(runs, cfg, darknet, report))
    look_at_set(base, lists, class_names, darknet, watch, work)
    return report


def look_at_set(
    base: Path,
    lists: Mapping[Split, Sequence[str]],
    class_names: Sequence[str],
    darknet: Darknet,
    watch: Watch,
    work: WorkFolder | None = None,
) -> None:
    """The lists, the pictures and their labels.

    Args:
        base: Folder the lists' paths are relative to.
        lists: Pictures of each split.
        class_names: In the order of their ids; none: they are not known, and any id is taken.
        darknet: Who will train.
        watch: Told what was found.
        work: The data set, where ``base`` is one.
    """
    report, sheet = watch.report, watch.sheet
    classes = len(class_names) or sys.maxsize
    checked = Checked(base, f"{darknet.dialect} {classes}", watch.cache) if watch.remembers else None
    watch(0, sum(map(len, lists.values())))
    check_lists(base, lists, report, checked)
    sheet.say("splits", ", ".join(f"{len(lists.get(split, ())):,} {split}" for split in Split))
    boxes = check_pictures(base, lists, classes, darknet, report, checked, watch)
    check_class_counts(class_names, lists, boxes, report)
    _say_set(sheet, lists, boxes, class_names)
    if checked is not None:
        checked.save()
    check_copies(base, lists, report)
    if work is not None:
        check_source(work, report, sheet)
    watch.stage = "comparing"
    check_alike(base, lists, report, decodes=watch.compares, tell=watch)


def _check_start(
    weights: Path,
    cfg: Cfg,
    class_names: Sequence[str],
    trained: Sequence[str] | None,
    own: bool,
    report: Report,
) -> None:
    try:
        fit = None if own else find_fit(weights, cfg, class_names, trained)
        check_weights(weights, cfg, fit, report)
    except FormatError as error:
        report.add_exception(error)


def _say_machine(sheet: Sheet, darknet: Darknet, gpus: GpuState) -> None:
    built = {True: ["for the GPU"], False: ["for the CPU"], None: []}[darknet.gpu]
    built += {True: ["with OpenCV"], False: ["without OpenCV"], None: []}[darknet.opencv]
    sheet.say("darknet", plain(", ".join([darknet.title, *built, str(darknet.path)])))
    if gpus.gpus:
        names = "; ".join(f"{gpu.name}, {gpu.memory / 1024:.0f} GB" for gpu in gpus.gpus)
        used = "" if darknet.gpu is not False else " (not used)"
        driver = f", driver {gpus.driver}" if gpus.driver else ""
        cuda = f", CUDA {gpus.cuda[0]}.{gpus.cuda[1]}" if gpus.cuda else ""
        sheet.say("gpu", plain(f"{names}{driver}{cuda}{used}"))
    else:
        sheet.say("gpu", "none: it trains on the CPU" if darknet.gpu is not True else "none was found")


def _say_network(sheet: Sheet, cfg: Cfg, class_names: Sequence[str]) -> None:
    net = cfg.net
    sheet.say(
        "network",
        f"{net.get_int('width')} × {net.get_int('height')}, {parameter_count(cfg):,} weights, "
        f"batch {net.get_int('batch', 1)}, subdivisions {net.get_int('subdivisions', 1)}, "
        f"{net.get_int('max_batches', 1):,} iterations, {counted(len(class_names), 'class', 'classes')}",
    )


def _say_set(
    sheet: Sheet,
    lists: Mapping[Split, Sequence[str]],
    boxes: Mapping[Split, Counter[int]],
    names: Sequence[str],
) -> None:
    """Pictures, labels, classes."""
    pictures = len({entry for entries in lists.values() for entry in entries})
    sheet.say("pictures", counted(pictures, "picture", "pictures"))
    total = sum(sum(counts.values()) for counts in boxes.values())
    sheet.say("labels", counted(total, "box", "boxes"))
    shown = [
        f"{name} {'/'.join(str(boxes[split][number]) for split in Split)}"
        for number, name in enumerate(names)
    ]
    sheet.say("classes", plain(", ".join(shown)))


def _check_data_file(path: Path, darknet: Darknet, report: Report) -> None:
    """Blanks in the paths of a run's obj.data: two of the three Darknets take them away."""
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return  # of a new run it is made later, without any
    for match in _BLANK_VALUE.finditer(text) if darknet.dialect != "hank" else ():
        report.error(
            "blank-in-path",
            f"{match[1]} = {match[2]}: this Darknet takes the blanks out of the path, and finds nothing.",
            path=path,
            line=text.count("\n", 0, match.start(1)) + 1,
            hint="Take a path without blanks; one relative to the run folder has none.",
        )


def _check_classes(class_names: Sequence[str], cfg: Cfg, report: Report) -> None:
    previous = 0
    for section in cfg.layer_sections:
        if section.name in DETECTORS:
            classes = section.get_int("classes", 20)
            if classes != len(class_names):
                report.error(
                    "bad-names",
                    f"the names file has {len(class_names)} names, the network is for {classes} classes.",
                )
                return
            boxes = len(section.get_ints("mask")) if "mask" in section else section.get_int("num", 1)
            wanted = (classes + 5) * boxes
            if previous != wanted:
                report.error(
                    "bad-filters",
                    f"the layer before a [{section.name}] has {previous} filters; {classes} classes "
                    f"need {wanted}.",
                )
                return
        previous = section.get_int("filters", previous)
