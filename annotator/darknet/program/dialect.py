"""Which Darknet is on this machine, and what it can do.

Three programs are called ``darknet`` and differ in what they know: Joseph Redmon's of 2018 (Debian's
package), AlexeyAB's, and hank-ai's. Each is recognised by what it prints when asked for its version.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from annotator.darknet.network.presets import NETWORKS, Dialect
from annotator.darknet.program.answers import Answer, ask
from annotator.darknet.program.builds import loses_nan_checks
from annotator.darknet.program.parser import plain_text
from annotator.darknet.program.places import candidates, program_in, refusal
from converters.errors import UsageError

ENVIRONMENT_VARIABLE = "DARKNET"
_TIMEOUT = 20.0  # seconds; the slowest took 0.8
_HANK = re.compile(r'^Darknet\s+(?:V\d+\s+)?(?:"[^"]*"\s+)?v(\d+\.\S+)', re.MULTILINE)
_OPENCV_VERSION = re.compile(r"OpenCV (?:version: )?(\d[\d.]*)")

_CUDA = re.compile(r"CUDA-version: (\d+)|CUDA runtime version (\d+)")
_CUDNN = re.compile(r"cuDNN(?:: | version \d+ \(v)(\d[\d.]*)")
_CUDA_TROUBLE = re.compile(r"CUDA error: status=\d+,? \w+: ([^:\n]+)|CUDA Error(?: Prev)?: ([^:\n]+)")
_PJREDDIE_CUDA = re.compile(r"cuda\.c:\d+: (?:void )?check_error(?:\([^)]*\))?: Assertion")
_ALEXEYAB = ("GPU isn't used", "CUDA-version", "OpenCV isn't used")

_MAKERS: dict[Dialect, str] = {
    "pjreddie": "pjreddie's Darknet (2018)",
    "alexeyab": "AlexeyAB's Darknet",
    "hank": "hank-ai's Darknet",
}
_DEBIAN = Path("/usr/bin/darknet")


@dataclass(frozen=True, slots=True)
class Darknet:
    """A Darknet that was found and recognised.

    Attributes:
        path: The program.
        dialect: Whose it is.
        version: What it says about itself, or empty (two of the three say nothing).
        gpu: Whether it is built for a GPU, None where that cannot be told.
        opencv: Whether it is built with OpenCV, None where that cannot be told.
        fast_math: Whether it is built without its checks for NaN (``-Ofast``), None where it cannot be told.
        cuda: The CUDA it is built with, None where it does not say.
        cudnn: The version of its cuDNN, empty where it has none, None where it does not say.
        gpu_error: Why it cannot use the GPU now, in CUDA's words; empty where it can or needs none.
        rocm: Whether it is built for AMD's GPUs.
    """

    path: Path
    dialect: Dialect
    version: str = ""
    gpu: bool | None = None
    opencv: bool | None = None
    fast_math: bool | None = None
    cuda: tuple[int, int] | None = None
    cudnn: str | None = None
    gpu_error: str = ""
    rocm: bool = False

    @property
    def title(self) -> str:
        """Its name for people."""
        if self.dialect == "pjreddie" and self.path.resolve() == _DEBIAN:
            return "Debian's darknet (pjreddie, 2018)"
        return f"{_MAKERS[self.dialect]} {self.version}".rstrip()

    @property
    def letterboxes(self) -> bool:
        """Whether it keeps a picture's proportions (grey bars) rather than stretching it."""
        return self.dialect == "pjreddie"

    def knows(self, network: str) -> bool:
        """Whether it can train and run the network."""
        known = NETWORKS.get(network)
        return known is not None and self.dialect in known.dialects

    def require(self, network: str) -> None:
        """Refuse a network that this Darknet would run wrong.

        Raises:
            UsageError: It does not know the network, or nobody does.
        """
        if network not in NETWORKS:
            raise UsageError(
                f"there is no network {network!r}.", hint=f"Choose one of {', '.join(NETWORKS)}."
            )
        if why := NETWORKS[network].why_not:
            raise UsageError(f"no Darknet can train {network}: {why}.", code="unknown-network")
        if not self.knows(network):
            others = [name for name in NETWORKS if self.knows(name)]
            raise UsageError(
                f"{self.title} does not know {network}: it would run it silently wrong.",
                hint=f"Use {', '.join(others)}, or AlexeyAB's or hank-ai's Darknet.",
                code="unknown-network",
            )


MISSING = (
    "no Darknet was found.",
    "Install Debian's for the CPU (apt install darknet), or build AlexeyAB's or hank-ai's with CUDA for the "
    f"GPU; then put it on PATH, or its path into ${ENVIRONMENT_VARIABLE} or --darknet.",
)
"""What to say, and what to do about it."""


def find_darknet(setting: str | None = None, environ: Mapping[str, str] | None = None) -> Darknet | None:
    """Find and recognise a Darknet: ``setting``, ``$DARKNET``, one on PATH, or one where people build it.

    Args:
        setting: Path of the program or of the folder it lies in; empty and None: none given.
        environ: Default: the process's.

    Returns:
        The Darknet, or None where neither is set and none is recognised.

    Raises:
        UsageError: ``setting`` or ``$DARKNET`` names something that is missing or no Darknet.
    """
    environ = os.environ if environ is None else environ
    for asked, source in (
        (setting, ""),
        (environ.get(ENVIRONMENT_VARIABLE), f" (from ${ENVIRONMENT_VARIABLE})"),
    ):
        if asked:
            return _asked_for(asked, source, environ)
    return next(filter(None, map(recognise, candidates(environ))), None)


def require_darknet(setting: str | None = None) -> Darknet:
    """As :func:`find_darknet`, but a missing one is an error that says what to do.

    Raises:
        UsageError: None was found.
    """
    found = find_darknet(setting)
    if found is None:
        on_path = shutil.which("darknet")
        if on_path:
            raise UsageError(
                "is called darknet but is none.", path=on_path, code="no-darknet", hint=MISSING[1]
            )
        raise UsageError(MISSING[0], code="no-darknet", hint=MISSING[1])
    return found


def recognise(path: Path) -> Darknet | None:
    """Run a program harmlessly (``darknet version``, nothing to read, an empty folder) and see what it is.

    Returns:
        None where it is no Darknet, cannot be run, or does not answer within 20 s.
    """
    output = _ask(path, "version")
    return _recognised(path, output) if output is not None else None


def _recognised(path: Path, output: str) -> Darknet | None:
    """What a program is by what it printed."""
    hank = _HANK.search(output)
    trouble = _gpu_trouble(output)
    if trouble and not hank and not _PJREDDIE_CUDA.search(output):
        # It gave up before it said anything of itself; told to leave the GPU alone, it does.
        output += _ask(path, "version", "-i", "-1") or ""
    fast = loses_nan_checks(path)
    if hank:
        gpu = not re.search(r"use the CPU|GPU is disabled", output)
        rocm = "AMD ROCm" in output
        built = (None, None) if rocm or (trouble and not _CUDA.search(output)) else _cuda_of(output, gpu)
        return Darknet(
            path, "hank", hank[1], gpu, _has_opencv(output), fast, *built, gpu_error=trouble, rocm=rocm
        )
    if _PJREDDIE_CUDA.search(output):
        return Darknet(path, "pjreddie", "", True, _links(path, b"libopencv_"), fast, gpu_error=trouble)
    if trouble or any(words in output for words in _ALEXEYAB):
        gpu = "GPU isn't used" not in output and (bool(trouble) or "CUDA-version" in output)
        built = _cuda_of(output, gpu) if _CUDA.search(output) else (None, None)
        return Darknet(
            path, "alexeyab", "", gpu, _has_opencv(output), fast, *built, gpu_error=trouble if gpu else ""
        )
    if re.search(r"^Not an option: version\s*$", output, re.MULTILINE):
        return Darknet(path, "pjreddie", "", _links(path, b"libcudart"), _links(path, b"libopencv_"), fast)
    return None


def _gpu_trouble(output: str) -> str:
    """Why a Darknet for the GPU cannot use it now, in CUDA's words; empty: it can, or is for the CPU."""
    found = _CUDA_TROUBLE.search(output)
    if found:
        return (found[1] or found[2]).strip().rstrip(".")
    if re.search(r"no CUDA devices|AMD GPU not detected|GPU count: 0\b", output):
        return "no GPU is detected"
    if _PJREDDIE_CUDA.search(output):  # its sentence is lost in its buffer
        return "CUDA reports an error"
    return ""


def _cuda_of(output: str, gpu: bool) -> tuple[tuple[int, int] | None, str | None]:
    """The CUDA and the cuDNN that a Darknet for the GPU says it is built with."""
    if not gpu:
        return None, None
    cuda = _CUDA.search(output)
    number = int(cuda[1] or cuda[2]) if cuda else 0  # 12020 is 12.2
    cudnn = _CUDNN.search(output)
    return (number // 1000, number % 1000 // 10) if number else None, cudnn[1] if cudnn else ""


def _asked_for(asked: str, source: str, environ: Mapping[str, str]) -> Darknet:
    path = Path(asked).expanduser()
    if path.is_dir():
        path = program_in(path)
    elif os.sep not in asked:
        path = Path(shutil.which(asked, path=environ.get("PATH")) or asked)
    if not path.is_file():
        raise UsageError(f"there is no Darknet there{source}.", path=path, code="no-darknet", hint=MISSING[1])
    if not os.access(path, os.X_OK):
        raise UsageError(
            f"is not a program that can be run{source}.",
            path=path,
            code="no-program",
            hint="If it is a Darknet, allow it with chmod +x; a disk mounted with noexec runs no program.",
        )
    path = path.absolute()
    answer = _answer(path, "version")
    found = _recognised(path, plain_text(answer.text)) if answer.text else None
    if found is None:
        raise refusal(path, source, answer)
    return found


def _answer(path: Path, *arguments: str) -> Answer:
    environ = os.environ | {"QT_QPA_PLATFORM": "offscreen", "LC_ALL": "C", "OMP_NUM_THREADS": "1"}
    with tempfile.TemporaryDirectory(prefix="darknet-") as folder:
        return ask([str(path), *arguments], _TIMEOUT, environ, Path(folder))


def _ask(path: Path, *arguments: str) -> str | None:
    """What it prints, also where it then hangs (one does, when CUDA fails it); None: nothing, or not run."""
    answer = _answer(path, *arguments)
    return None if answer.code is None and not answer.text else plain_text(answer.text)


def _has_opencv(output: str) -> bool | None:
    if re.search(r"OpenCV (isn't used|is disabled|disabled)", output):
        return False
    return True if _OPENCV_VERSION.search(output) else None


def _links(path: Path, library: bytes) -> bool | None:
    """Whether a program names a shared library; None where it is no ELF program."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    return library in content if content.startswith(b"\x7fELF") else None
