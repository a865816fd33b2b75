"""What nvidia-smi and nvcc say about the GPUs of this machine."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from annotator.darknet.program.answers import ask
from converters.errors import UsageError

_TIMEOUT = 10.0  # seconds; a driver that hangs must not hang us
_QUERY = "index,uuid,name,memory.total,memory.used,utilization.gpu,driver_version,mig.mode.current"
_OLD_QUERY = "index,uuid,name,memory.total,memory.used,utilization.gpu,driver_version"
_CUDA = re.compile(r"CUDA(?: UMD)? Version:\s*(\d+)\.(\d+)")
_RELEASE = re.compile(r"release (\d+)\.(\d+)")
_MIG = re.compile(r"^\s+(MIG .+?)\s+Device\s+(\d+): \(UUID: (MIG-[^)\s]+)\)")
_WHOLE = re.compile(r"^GPU (\d+): ")

# Where they lie when PATH does not name them: the drivers of Windows under WSL, CUDA's own folder.
_SMI_PLACES = ("/usr/lib/wsl/lib/nvidia-smi", "/usr/bin/nvidia-smi")
_NVCC_PLACES = ("/usr/local/cuda/bin/nvcc", "/opt/cuda/bin/nvcc")

Version = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Gpu:
    """One GPU, or one part of a GPU that is divided (MIG).

    Attributes:
        name: As its maker calls it.
        memory: Of it, in MiB; 0 where it does not say (it shares the machine's).
        used: How much of that is taken, in MiB.
        load: How busy it is, 0 to 100; None where it does not say.
        index: Its number in nvidia-smi's list.
        uuid: Tells it from all others, whatever order they are counted in; empty: not known.
    """

    name: str
    memory: int
    used: int
    load: int | None
    index: int = 0
    uuid: str = ""


@dataclass(frozen=True, slots=True)
class GpuState:
    """The GPUs and their driver.

    Attributes:
        asked: Whether there is an nvidia-smi at all: without one nothing is known.
        gpus: Those it names, except such as CUDA_VISIBLE_DEVICES hides.
        driver: The driver's version, empty where it is not known.
        cuda: The newest CUDA that the driver can do.
        error: What nvidia-smi complained about, one line; also where it names others that are sound.
        hidden: How many GPUs CUDA_VISIBLE_DEVICES hides from Darknet.
        chosen: Whether a person chose these: the training takes each of them, and no other.
    """

    asked: bool
    gpus: tuple[Gpu, ...] = ()
    driver: str = ""
    cuda: Version | None = None
    error: str = ""
    hidden: int = 0
    chosen: bool = False


def find_nvidia_smi() -> str | None:
    """The program, None where there is none."""
    return _find("nvidia-smi", _SMI_PLACES)


def read_gpus(environ: Mapping[str, str] | None = None, *, with_cuda: bool = True) -> GpuState:
    """Ask nvidia-smi (some tenths of a second).

    Args:
        environ: For CUDA_VISIBLE_DEVICES; default: the process's.
        with_cuda: Ask for the driver's CUDA as well, which is a second call.
    """
    environ = os.environ if environ is None else environ
    program = find_nvidia_smi()
    if program is None:
        return GpuState(asked=False)
    said, why = _query(program, _QUERY)
    if not why and "not a valid field" in said:  # a driver from before there was MIG
        said, why = _query(program, _OLD_QUERY)
    found: list[Gpu] = []
    words: list[str] = []
    driver = ""
    divided: set[int] = set()
    for line in said.splitlines():
        cells = [cell.strip() for cell in line.split(",")]
        if len(cells) not in (7, 8) or not cells[0].isdigit():
            words.append(line.strip())
            continue
        found.append(_gpu(cells))
        driver = cells[6] if cells[6][:1].isdigit() else driver
        if cells[7:] == ["Enabled"]:
            divided.add(int(cells[0]))
    error = why or next(filter(None, words), "" if found else "it said nothing")
    if not found:
        return GpuState(asked=True, error=error[:200])
    parts = _divided(program, found, divided) if divided else found
    seen = _visible(parts, environ.get("CUDA_VISIBLE_DEVICES"))
    match = _CUDA.search(ask([program], _TIMEOUT).text) if with_cuda else None
    cuda = (int(match[1]), int(match[2])) if match else None
    return GpuState(True, tuple(seen), driver, cuda, error[:200], len(parts) - len(seen))


def read_gpus_of(pid: int | None) -> GpuState:
    """Those that a process may use: a Darknet was told by its environment. None: all."""
    try:
        raw = Path(f"/proc/{pid}/environ").read_bytes() if pid is not None else b""
    except OSError:
        raw = b""  # it has just ended
    told = dict(part.split("=", 1) for part in os.fsdecode(raw).split("\0") if "=" in part)
    return read_gpus(told or None, with_cuda=False)


def read_nvcc() -> Version | None:
    """The CUDA whose compiler is on PATH (or in CUDA's own folder), None where none is."""
    home = os.environ.get("CUDA_HOME") or os.environ.get("CUDA_PATH")
    program = _find("nvcc", (*((f"{home}/bin/nvcc",) if home else ()), *_NVCC_PLACES))
    match = _RELEASE.search(ask([program, "--version"], _TIMEOUT).text) if program else None
    return (int(match[1]), int(match[2])) if match else None


def choose_gpus(asked: str, state: GpuState) -> tuple[Gpu, ...]:
    """The GPUs that ``--gpu`` means: numbers of nvidia-smi's list with commas between them.

    Raises:
        UsageError: It is no such list, names one twice, or one that is not there.
    """
    known = {gpu.index: gpu for gpu in state.gpus}
    parts = [part.strip() for part in asked.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise UsageError(f"--gpu {asked!r} is not numbers of GPUs, as 0 or 0,1.")
    numbers = [int(part) for part in parts]
    if len(set(numbers)) != len(numbers):
        raise UsageError(f"--gpu {asked!r} names a GPU twice.")
    missing = [number for number in numbers if number not in known]
    if missing:
        there = ", ".join(f"{gpu.index} ({gpu.name})" for gpu in state.gpus) or "none"
        raise UsageError(
            f"there is no GPU {missing[0]} here.", hint=f"nvidia-smi lists: {there}.", code="no-gpu"
        )
    return tuple(known[number] for number in numbers)


def with_chosen(asked: str, state: GpuState) -> GpuState:
    """The state of the chosen GPUs alone; all of it where none are asked for, or there are none.

    Raises:
        UsageError: As :func:`choose_gpus`.
    """
    if not asked or not state.gpus:
        return state
    return replace(state, gpus=choose_gpus(asked, state), chosen=True)


def _query(program: str, fields: str) -> tuple[str, str]:
    answer = ask([program, f"--query-gpu={fields}", "--format=csv,noheader,nounits"], _TIMEOUT)
    return answer.text, answer.why


def _gpu(cells: Sequence[str]) -> Gpu:
    name = cells[2] if not cells[2].startswith("[") else "GPU"
    return Gpu(
        name, _number(cells[3]) or 0, _number(cells[4]) or 0, _number(cells[5]), int(cells[0]), cells[1]
    )


def _divided(program: str, found: Sequence[Gpu], divided: set[int]) -> list[Gpu]:
    """With the parts in place of each GPU that is divided: CUDA sees those only, and only by their name."""
    parts = [gpu for gpu in found if gpu.index not in divided]
    whole = None
    names = {gpu.index: gpu for gpu in found}
    for line in ask([program, "-L"], _TIMEOUT).text.splitlines():
        if match := _WHOLE.match(line):
            whole = names.get(int(match[1]))
        elif (match := _MIG.match(line)) and whole is not None and whole.index in divided:
            # Numbered behind the whole ones: 100 is part 0 of GPU 0's successor in no other list.
            number = 100 * (whole.index + 1) + int(match[2])
            memory = re.search(r"(\d+)gb", match[1])
            size = int(memory[1]) * 1024 if memory else 0
            parts.append(Gpu(f"{whole.name} {match[1]}", size, 0, None, number, match[3]))
    return parts


def _visible(gpus: Sequence[Gpu], setting: str | None) -> list[Gpu]:
    """What CUDA_VISIBLE_DEVICES leaves: numbers or beginnings of names, up to the first that is none."""
    if setting is None:
        return list(gpus)
    seen: list[Gpu] = []
    for part in setting.split(","):
        part = part.strip()
        named = [gpu for gpu in gpus if part and (gpu.uuid.startswith(part) or str(gpu.index) == part)]
        if len(named) != 1 or named[0] in seen:
            break
        seen += named
    return seen


def _number(text: str) -> int | None:
    return int(text) if text.isdigit() else None  # "[N/A]", "[Not Supported]", "ERR!" where it is not known


def _find(name: str, places: Sequence[str]) -> str | None:
    found = shutil.which(name)
    if found is not None:
        return found
    return next((place for place in places if Path(place).is_file() and os.access(place, os.X_OK)), None)
