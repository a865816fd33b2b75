"""Before a training: Darknet, the GPU, the weights to start from, and room on the disk."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from annotator.darknet.network.blocks import parameter_count
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.pretrained import Pretrained
from annotator.darknet.network.transfer import Fit
from annotator.darknet.network.weights import read_weights_header
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.gpu import GpuState, Version
from converters.report import Report

_LOG_ROOM = 100_000_000
_MOST_TAKEN = 0.5
"""A GPU of which more memory is taken already is said to be busy."""
_NAN_LOSSES = ("iou", "giou", "diou", "ciou")


def check_darknet(darknet: Darknet, cfg: Cfg, gpus: GpuState, nvcc: Version | None, report: Report) -> None:
    """What the Darknet cannot do, or does badly, with this network on this machine.

    Args:
        darknet: Who will train.
        cfg: What it will train.
        gpus: What nvidia-smi says.
        nvcc: The CUDA whose compiler is on PATH.
        report: What is found is added.
    """
    if cfg.net.get_int("mosaic") and cfg.net.get_int("letter_box") and darknet.dialect != "pjreddie":
        report.error(
            "mosaic-with-letter-box",
            "mosaic=1 and letter_box=1 do not go together: Darknet ends at its first picture.",
            path=darknet.path,
            hint="Set mosaic=0 or letter_box=0.",
        )
    if cfg.net.get_int("mosaic") and darknet.opencv is False and darknet.dialect == "alexeyab":
        report.error(
            "mosaic-without-opencv",
            "mosaic=1 needs a Darknet that is built with OpenCV, and this one is not.",
            path=darknet.path,
            hint="Set mosaic=0, or build it with OPENCV=1.",
        )
    if darknet.gpu is not True and darknet.fast_math and _has_iou_loss(cfg):
        report.warning(
            "fast-math",
            "this Darknet is compiled with -Ofast, which leaves out its checks for NaN: on a CPU most "
            "trainings of such builds end in NaN with sound pictures.",
            path=darknet.path,
            hint="Build it with -O3 instead of -Ofast (in its Makefile), or train yolov3-tiny.",
        )
    if darknet.gpu is False:
        if gpus.gpus:
            report.warning(
                "gpu-unused",
                f"there is a GPU ({gpus.gpus[0].name}), and this Darknet is built for the CPU, which is "
                "slower by some 50 times.",
                path=darknet.path,
                hint="Build it with GPU=1 (and CUDNN=1).",
            )
        return
    if darknet.gpu:
        _check_gpu(darknet, gpus, nvcc, report)


def _has_iou_loss(cfg: Cfg) -> bool:
    return any(section.get("iou_loss") in _NAN_LOSSES for section in cfg.layer_sections)


def _check_gpu(darknet: Darknet, gpus: GpuState, nvcc: Version | None, report: Report) -> None:
    found = gpus.error.rstrip(".")
    if darknet.gpu_error:
        hint = (
            "See whether nvidia-smi lists the GPU; restart the machine after an update of the driver, or "
            "take a Darknet for the CPU."
        )
        if gpus.hidden and not gpus.gpus:
            hint = "CUDA_VISIBLE_DEVICES hides the GPUs: unset it."
        report.error(
            "no-gpu",
            f"this Darknet is built for the GPU and cannot use it: {darknet.gpu_error}.",
            path=darknet.path,
            hint=hint,
        )
        return
    if darknet.rocm:
        return  # nvidia-smi knows nothing of AMD's
    if not gpus.asked:
        report.warning(
            "gpu-unknown",
            "this Darknet is built for the GPU, and there is no nvidia-smi to ask whether one is here.",
            path=darknet.path,
        )
        return
    if not gpus.gpus and gpus.hidden:
        report.error(
            "no-gpu",
            "this Darknet is built for the GPU, and CUDA_VISIBLE_DEVICES hides every one from it.",
            path=darknet.path,
            hint="Unset CUDA_VISIBLE_DEVICES, or take a Darknet for the CPU.",
        )
        return
    if not gpus.gpus:
        report.error(
            "no-gpu",
            f"this Darknet is built for the GPU, and nvidia-smi finds none: {found}.",
            path=darknet.path,
            hint="Install or reload the driver (often a restart is enough), or take a Darknet for the CPU.",
        )
        return
    if found:
        report.warning(
            "gpu-trouble", f"nvidia-smi complains: {found}.", hint="A GPU it complains of cannot train."
        )
    _check_cuda(darknet, gpus, nvcc, report)
    # Which one Darknet takes is not known where none is chosen: the freest is enough.
    pick = max if gpus.chosen else min
    one = pick(gpus.gpus, key=lambda gpu: gpu.used / max(gpu.memory, 1))
    if one.memory and one.used > _MOST_TAKEN * one.memory:
        report.warning(
            "gpu-busy",
            f"{one.used / 1024:.1f} of the {one.memory / 1024:.1f} GB of the {one.name} are taken "
            "already: the training may not find enough.",
            hint="End what else runs on it (nvidia-smi names it), or queue the training.",
        )


def _check_cuda(darknet: Darknet, gpus: GpuState, nvcc: Version | None, report: Report) -> None:
    built = darknet.cuda
    if built and gpus.cuda and built[0] > gpus.cuda[0]:  # within a major version they fit together
        report.error(
            "driver-too-old",
            f"this Darknet is built with CUDA {_dotted(built)}, and driver {gpus.driver} can do "
            f"{_dotted(gpus.cuda)} at most.",
            path=darknet.path,
            hint="Install a newer driver, or build Darknet with an older CUDA.",
        )
    elif built and nvcc and built[0] != nvcc[0]:
        report.warning(
            "other-cuda",
            f"this Darknet is built with CUDA {_dotted(built)}, and CUDA {_dotted(nvcc)} is installed now.",
            path=darknet.path,
            hint="Where it does not start, build it anew.",
        )
    if darknet.cudnn == "":
        report.warning(
            "no-cudnn",
            "this Darknet is built without cuDNN: it takes about twice the time.",
            path=darknet.path,
            hint="Build it with CUDNN=1.",
        )


def _dotted(version: Version) -> str:
    return f"{version[0]}.{version[1]}"


def check_weights(weights: Path, cfg: Cfg, fit: Fit | None, report: Report) -> None:
    """What becomes of weights to start from.

    Args:
        weights: The file.
        cfg: The network.
        fit: How the file fits it; None: it is the run's own, and must be whole.
        report: What is found is added.
    """
    if fit is None:
        header = read_weights_header(weights)
        if header.parameters != parameter_count(cfg):
            report.error("bad-weights", "is of another network, or cut short.", path=weights)
        return
    if fit.kind == "unnamed":
        report.warning(
            "weights-unnamed",
            f"does not say which classes it was trained on: they are taken for {', '.join(fit.names)}, in "
            "this order.",
            path=weights,
            hint="Put a file with their names beside it (the same name, ending in .names) where they are "
            "others.",
        )
    elif fit.kind == "mapped":
        report.warning("weights-mapped", _mapped_text(fit), path=weights)
    elif fit.kind == "heads-new":
        report.warning(
            "weights-mapped",
            "was trained on other classes and knows none of this set: all but the last layers are taken, "
            "those begin at random.",
            path=weights,
        )
    elif fit.kind == "first-layers":
        report.warning(
            "partial-weights",
            f"holds the first {fit.layers} of the network's {fit.of} layers; the rest starts at random.",
            path=weights,
        )
    elif fit.kind == "cut":
        report.warning(
            "weights-cut",
            f"is of another network ({fit.title}): its first {fit.layers} layers are the same and are taken; "
            f"the rest of the {fit.of} starts at random.",
            path=weights,
        )


def say_to_fetch(weights: Pretrained, report: Report) -> None:
    """That weights to start from are not here yet.

    Args:
        weights: They.
        report: It is added to this.
    """
    size = f" ({weights.bytes / 1e6:,.0f} MB)" if weights.bytes else ""
    report.warning(
        "weights-to-fetch",
        f"{weights.name} is not here yet{size}: it would be fetched from {weights.url}.",
        hint="What it is, is looked at when it is here.",
    )


def _mapped_text(fit: Fit) -> str:
    text = f"was trained on other classes: {', '.join(fit.kept)} goes on from what it knows"
    if fit.new:
        text += f"; {', '.join(fit.new)} begins at random"
    if fit.left_out:
        shown = ", ".join(fit.left_out[:3]) + (" …" if len(fit.left_out) > 3 else "")
        text += f"; {shown} is left out"
    return f"{text}."


def check_room(runs: Path, cfg: Cfg, darknet: Darknet, report: Report) -> str:
    """Whether the run folder can be written, and the disk has room for all weights that will be kept.

    Args:
        runs: Folder the run is, or will be, made in; or the run's own.
        cfg: The network.
        darknet: Who will train.
        report: What is found is added.

    Returns:
        How much is free and how much is needed.
    """
    folder = runs
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    backup = runs / "backup"
    places = [folder] + ([backup] if (runs / "run.json").is_file() else [])
    for place in places:
        if not place.is_dir() or not os.access(place, os.W_OK | os.X_OK):
            missing = place == backup and not os.path.lexists(place)
            report.error(
                "read-only",
                "is missing: Darknet would end at the first weights it saves." if missing
                else "cannot be written.",
                path=runs if place == folder else place,
                hint="Make the folder." if missing else "Allow writing there.",
            )  # fmt: skip
            break
    needed = (20 + 4 * parameter_count(cfg)) * kept_files(cfg, darknet) + _LOG_ROOM
    try:
        free = shutil.disk_usage(folder).free
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    if free < needed:
        report.error(
            "disk-full",
            f"the training's weights need {needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free.",
            path=runs,
            hint="Free some space, or train for fewer iterations.",
        )
    return f"{free / 1e9:.1f} GB free, up to {needed / 1e9:.1f} GB needed"


def kept_files(cfg: Cfg, darknet: Darknet) -> int:
    """How many weights files a training leaves behind."""
    total = cfg.net.get_int("max_batches", 1)
    if (
        darknet.dialect == "pjreddie"
    ):  # each 100 below 1000, each 10000, the newest, a copy of it, the final ones
        return min(total, 999) // 100 + total // 10_000 + 3
    return (
        total // (1000 if total < 10_000 else 10_000) + 4
    )  # those, the newest, a copy of it, the best, the final ones
