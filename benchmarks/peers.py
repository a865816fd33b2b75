"""The other tools, each in a virtual environment of its own outside the checkout."""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

REQUIREMENTS = {
    "imaug": ("imaug==0.4.3",),
    "albumentations": ("albumentations==2.0.8",),
    "labelImg": ("labelImg==1.8.6",),
    "labelme": ("labelme==6.3.1",),
    "labels": ("globox==2.9.0", "panlabel==0.7.0"),
}
"""What is installed in which environment. Versions are those of benchmarks/README.md."""


def program(folder: Path, environment: str, name: str = "python") -> Path:
    """A program of an environment, which is made where it is not there yet.

    Args:
        folder: Where the environments are.
        environment: A key of :data:`REQUIREMENTS`.
        name: The program.

    Raises:
        subprocess.CalledProcessError: The packages cannot be installed.
    """
    place = folder / environment
    done = place / ".installed"
    wanted = "\n".join(REQUIREMENTS[environment])
    if not done.exists() or done.read_text(encoding="utf-8") != wanted:
        print(f"installing {', '.join(REQUIREMENTS[environment])} into {place}", file=sys.stderr)
        venv.create(place, with_pip=True, clear=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet"]
        subprocess.run([*pip, *REQUIREMENTS[environment]], check=True)
        done.write_text(wanted, encoding="utf-8")
    return place / "bin" / name
