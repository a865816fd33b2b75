"""Templates of what comes in English from below about GPUs; see :mod:`annotator.qt.below_templates`."""

from __future__ import annotations

from annotator.qt.training_templates import Pair, said


def templates() -> list[Pair]:
    """All of them."""
    return [*_machine(), *_failures()]


def _machine() -> list[Pair]:
    """Before a training."""
    return [
        said("this Darknet is built for the GPU and cannot use it: {error}."),
        said("this Darknet is built for the GPU, and CUDA_VISIBLE_DEVICES hides every one from it."),
        said("nvidia-smi complains: {error}."),
    ]


def _failures() -> list[Pair]:
    """While Darknet runs."""
    return [
        said(
            "The GPU's memory is full: take more subdivisions (each is a smaller part of the batch), a "
            "smaller network size, or a tiny network."
        ),
        said(
            "This Darknet is not built for this GPU ({error}): build it anew on this machine, with the GPU's "
            "compute capability in ARCH of its Makefile (or CMAKE_CUDA_ARCHITECTURES)."
        ),
        said(
            "The GPU's driver is older than the CUDA that this Darknet is built with ({error}): install a "
            "newer driver, or build Darknet with an older CUDA."
        ),
        said(
            "CUDA finds no such GPU ({error}): see whether nvidia-smi lists it, whether CUDA_VISIBLE_DEVICES "
            "hides it, and restart the machine after an update of the driver."
        ),
        said("Another program has the GPU for itself ({error}): end it (nvidia-smi names it), and resume."),
        said(
            "The GPU itself failed ({error}): restart the machine and resume; if it comes again, look for "
            "Xid in the system's log (dmesg) and have the GPU checked."
        ),
        said(
            "The GPU took too long for one step while it also draws the screen ({error}): take more "
            "subdivisions or a smaller network size, or train without a desktop on that GPU."
        ),
        said(
            "The GPU stopped in the middle of its work ({error}): resume from the last weights. If it comes "
            "again: undo overclocking, let it cool, restart after a sleep, try another driver; and check the "
            "labels."
        ),
        said(
            "cuDNN does not work here ({error}): often the GPU's memory is full already, else the installed "
            "cuDNN is not the one that Darknet is built with. Take more subdivisions, or build Darknet anew."
        ),
        said("The GPU reported an error: {error}."),
        said(
            "The GPU's memory is full even with one picture at a time: take a smaller network size, a tiny "
            "network, or random=0, and end what else runs on the GPU."
        ),
        said(
            "It was killed: by hand, or by the system because the machine's memory was full (more "
            "subdivisions or a smaller network size need less)."
        ),
        said(
            "The system killed it because the machine's memory was full: its counter of such kills has "
            "risen. More subdivisions, a smaller network size or fewer other programs leave more; a "
            "container may have a limit of its own."
        ),
        said(
            "It was killed by hand or by another program (one that guards memory, as systemd-oomd or "
            "earlyoom, may be one): the system itself has not run out of memory."
        ),
    ]
