"""Looking at everything before a training starts: Darknet's own reactions range from silence to a crash."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from annotator.darknet.cfg import DETECTORS, Cfg
from annotator.darknet.dialect import Darknet
from annotator.darknet.gpu import GpuState, Version, read_gpus, read_nvcc
from annotator.darknet.preflight_machine import (
    check_darknet,
    check_names_of,
    check_room,
    check_weights,
    kept_files,
)
from annotator.darknet.preflight_pictures import check_lists, check_picture
from converters.model import Split
from converters.report import Issue, Report

__all__ = ["FIXES", "check_training", "fix_of", "kept_files"]

_BLANK_VALUE = re.compile(
    r"^[ \t]*(train|valid|names|backup)[ \t]*=[ \t]*(\S+[ \t]+\S.*?)[ \t\r]*$", re.MULTILINE
)

FIXES: dict[str, str] = {
    "no-darknet": "choose-darknet",
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
    "same-picture": "show-picture",
    "twice-in-list": "split",
    "unsafe-name": "make-set",
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
    "weights-names": "choose-weights",
    "max-batches-reached": "raise-max-batches",
    "read-only": "choose-folder",
    "disk-full": "delete-runs",
    "blank-in-path": "make-set",
}
"""Code of a finding → what a button beside it can do. A finding that is not here has only its sentence."""


def fix_of(issue: Issue) -> str:
    """What a button beside a finding can do (a value of :data:`FIXES`); empty where nothing."""
    return FIXES.get(issue.code, "")


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

    Returns:
        Errors where the training must not start, warnings where it may.
    """
    report = Report()
    if gpus is None:
        gpus, nvcc = read_gpus(), read_nvcc()
    check_darknet(darknet, cfg, gpus, nvcc, report)
    if 0 < cfg.net.get_int("max_batches", 1) <= from_iteration:
        report.error(
            "max-batches-reached",
            f"iteration {from_iteration} is reached already, and max_batches is "
            f"{cfg.net.get_int('max_batches', 1)}: Darknet would end at once, without a word.",
            hint="Raise max_batches.",
        )
    _check_data_file(runs / "obj.data", darknet, report)
    check_lists(base, lists, report)
    _check_classes(class_names, cfg, report)
    for split in Split:
        for entry in lists.get(split, ()):
            check_picture(base, entry, len(class_names), darknet, report)
    if weights is not None:
        check_weights(weights, cfg, report)
        check_names_of(weights, cfg, class_names, report)
    check_room(runs, cfg, darknet, report)
    return report


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
