"""Where a Darknet may be on this machine, and why a program that was named is none."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Mapping
from pathlib import Path

from annotator.darknet.program.answers import Answer
from converters.errors import UsageError

INNER = ("", "build/src-cli", "build", "src-cli", "bin")
"""Where the program lies in a folder that Darknet was built in."""

_LIBRARY = re.compile(r"error while loading shared libraries: ([^:\s]+): (.*)")


def candidates(environ: Mapping[str, str] | None = None) -> list[Path]:
    """Programs that may be a Darknet: those on PATH, then where people build it. None is run.

    Args:
        environ: Default: the process's.

    Returns:
        Each once, also where links lead to the same.
    """
    environ = os.environ if environ is None else environ
    folders = [Path(part) for part in environ.get("PATH", "").split(os.pathsep) if part]
    home = environ.get("HOME")
    for root in filter(None, (home, home and f"{home}/src", "/opt", "/usr/local/src")):
        folders += [Path(root, "darknet", inner) for inner in INNER]
    found: dict[Path, Path] = {}
    for folder in folders:
        program = folder / "darknet"
        if program.is_file() and os.access(program, os.X_OK):
            found.setdefault(program.resolve(), program)
    return list(found.values())


def program_in(folder: Path) -> Path:
    """The Darknet in a folder that it was built in; where there is none, where it would be."""
    programs = (folder / inner / "darknet" for inner in INNER)
    return next((program for program in programs if program.is_file()), folder / "darknet")


def refusal(path: Path, source: str, answer: Answer) -> UsageError:
    """Why a program is no Darknet that can be used.

    Args:
        path: The program.
        source: Who named it, for the sentence.
        answer: What came of asking it for its version.
    """
    if answer.code is None and not answer.why.startswith("it did not answer"):
        return _cannot_start(path, source, answer.why)
    if library := _LIBRARY.search(answer.text):
        return UsageError(
            f"does not start: the library {library[1]} is missing{source}.",
            path=path,
            code="library-missing",
            hint="It comes with NVIDIA's driver: install that, or take a Darknet for the CPU."
            if library[1].startswith("libcuda.so")
            else "Install it or name its folder in LD_LIBRARY_PATH, or build Darknet anew on this machine.",
        )
    if answer.code is None:
        return UsageError(
            f"does not work: {answer.why}{source}.",
            path=path,
            code="no-answer",
            hint="Run it in a terminal (darknet version) to see what it waits for, or choose another.",
        )
    if answer.code < 0:
        return UsageError(
            f"ends at once with signal {-answer.code}: built for another machine, or damaged{source}.",
            path=path,
            code="other-machine",
            hint="Build Darknet anew on this machine, or choose another.",
        )
    return UsageError(
        f"is not a Darknet that is known here{source}.",
        path=path,
        code="no-darknet",
        hint="pjreddie's, AlexeyAB's and hank-ai's are.",
    )


def _cannot_start(path: Path, source: str, why: str) -> UsageError:
    """The system would not run a file."""
    try:
        with path.open("rb") as file:
            is_program = file.read(4) == b"\x7fELF"
    except OSError:
        is_program = False
    if is_program and why == os.strerror(errno.ENOEXEC):
        return UsageError(
            f"was built for another kind of processor, or is cut short{source}.",
            path=path,
            code="other-machine",
            hint="Build Darknet anew on this machine, or choose another.",
        )
    return UsageError(
        f"does not start: {why}{source}.",
        path=path,
        code="no-program",
        hint="Choose the program itself: it is called darknet and lies where it was built.",
    )
