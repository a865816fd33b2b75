"""What nvidia-smi and nvcc say about the GPUs of this machine."""

from __future__ import annotations

import re
import shutil
import subprocess
from dataclasses import dataclass

_TIMEOUT = 10.0  # seconds; a driver that hangs must not hang us
_QUERY = "name,memory.total,memory.used,utilization.gpu,driver_version"
_CUDA = re.compile(r"CUDA Version:\s*(\d+)\.(\d+)")
_RELEASE = re.compile(r"release (\d+)\.(\d+)")

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU.

    Attributes:
        name: As its maker calls it.
        memory: Of it, in MiB.
        used: How much of that is taken, in MiB.
        load: How busy it is, 0 to 100; None where it does not say.
    """

    name: str
    memory: int
    used: int
    load: int | None


@dataclass(frozen=True, slots=True)
class GpuState:
    """The GPUs and their driver.

    Attributes:
        asked: Whether there is an nvidia-smi at all: without one nothing is known.
        gpus: Those it names.
        driver: The driver's version, empty where it is not known.
        cuda: The newest CUDA that the driver can do.
        error: What nvidia-smi complained about, one line.
    """

    asked: bool
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    cuda: Version | None = None
    error: str = ""


def read_gpus() -> GpuState:
    """Ask nvidia-smi (some tenths of a second)."""
    program = shutil.which("nvidia-smi")
    if program is None:
        return GpuState(asked=False)
    code, said = _ask(program, f"--query-gpu={_QUERY}", "--format=csv,noheader,nounits")
    rows = [[cell.strip() for cell in line.split(",")] for line in said.splitlines()]
    rows = [row for row in rows if len(row) == 5 and row[1].isdigit()]
    if code != 0 or not rows:
        first = next((line.strip() for line in said.splitlines() if line.strip()), "it said nothing")
        return GpuState(asked=True, error=first[:200])
    gpus = tuple(Gpu(row[0], int(row[1]), _number(row[2]) or 0, _number(row[3])) for row in rows)
    match = _CUDA.search(_ask(program)[1])
    return GpuState(True, gpus, rows[0][4], (int(match[1]), int(match[2])) if match else None)


def read_nvcc() -> Version | None:
    """The CUDA whose compiler is on PATH, None where none is."""
    program = shutil.which("nvcc")
    match = _RELEASE.search(_ask(program, "--version")[1]) if program else None
    return (int(match[1]), int(match[2])) if match else None


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None  # "[N/A]" is said where it is not known


def _ask(program: str, *arguments: str) -> tuple[int, str]:
    try:
        done = subprocess.run(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=_TIMEOUT,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return -1, f"it did not answer within {_TIMEOUT:.0f} s"
    except OSError as error:
        return -1, error.strerror or str(error)
    return done.returncode, done.stdout.decode("utf-8", "replace")
