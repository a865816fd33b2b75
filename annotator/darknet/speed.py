"""How long a network takes for a picture, one at a time, on this machine."""

from __future__ import annotations

import os
import platform
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.darknet.dialect import Darknet
from annotator.darknet.evaluation import default_weights
from annotator.darknet.launcher import darknet_environment
from annotator.darknet.parser import plain_text
from annotator.darknet.predictor import open_run_predictor
from annotator.darknet.runs import RunFolder
from converters.errors import DataError, ImageError, UsageError
from converters.images import load_rgb
from converters.model import Split

PICTURES, WARM_UP = 100, 10
KEPT_BYTES = 256_000_000
"""Decoded pictures that are held ready, so that reading them is not measured; they are taken in turn."""
_PREDICTED = re.compile(r"Predicted in ([\d.]+) (milli-)?seconds")

ProgressCallback = Callable[[int, int], None]
"""Called with (pictures done, pictures in all). It may raise to cancel."""


@dataclass(frozen=True, slots=True)
class Speed:
    """What was measured.

    Attributes:
        engine: ``OpenCV DNN 4.14`` or the Darknet's name.
        device: The processor or graphics card, with the number of threads where that matters.
        what: What is in the time.
        width: Of the network's input.
        height: Of the network's input.
        milliseconds: Of each picture after the warm-up.
    """

    engine: str
    device: str
    what: str
    width: int
    height: int
    milliseconds: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Milliseconds a picture."""
        return statistics.fmean(self.milliseconds)

    @property
    def median(self) -> float:
        """Milliseconds that half of the pictures take at most."""
        return statistics.median(self.milliseconds)

    @property
    def p95(self) -> float:
        """Milliseconds that 95 % of the pictures take at most (nearest rank)."""
        ordered = sorted(self.milliseconds)
        return ordered[max(0, -(-95 * len(ordered) // 100) - 1)]

    @property
    def fps(self) -> float:
        """Pictures a second, by the mean."""
        return 1000 / self.mean if self.mean else 0.0

    def as_dict(self) -> dict[str, Any]:
        """Plain types for JSON."""
        return {
            "engine": self.engine,
            "device": self.device,
            "what": self.what,
            "width": self.width,
            "height": self.height,
            "batch": 1,
            "pictures": len(self.milliseconds),
            "mean_ms": self.mean,
            "median_ms": self.median,
            "p95_ms": self.p95,
            "fps": self.fps,
        }


def measure_opencv(
    run: RunFolder,
    weights: Path | None = None,
    *,
    pictures: int = PICTURES,
    warm_up: int = WARM_UP,
    on_progress: ProgressCallback | None = None,
) -> Speed:
    """Time the network in OpenCV: resize, network and suppression, without reading the picture.

    Raises:
        FormatError: The run's cfg is broken, or the weights do not fit.
        DataError: There is no picture.
    """
    import cv2

    predictor = open_run_predictor(run, weights)
    images, held = [], 0
    for path in pictures_of(run):
        with suppress(ImageError):
            images.append(load_rgb(path))
            held += images[-1].nbytes
        if len(images) >= pictures or held > KEPT_BYTES:
            break
    if not images:
        raise _no_pictures(run)
    times: list[float] = []
    for index in range(warm_up + pictures):
        start = time.perf_counter()
        predictor.predict(images[index % len(images)], threshold=0.25)
        took = 1000 * (time.perf_counter() - start)
        if index >= warm_up:
            times.append(took)
        if on_progress is not None:
            on_progress(index + 1, warm_up + pictures)
    threads = cv2.getNumThreads()
    device = f"{processor_name()}, {threads} {'thread' if threads == 1 else 'threads'}"
    what = "resize, network and suppression"
    engine = f"OpenCV DNN {cv2.__version__}"
    return Speed(engine, device, what, predictor.width, predictor.height, tuple(times))


def measure_darknet(
    run: RunFolder,
    darknet: Darknet,
    weights: Path | None = None,
    *,
    pictures: int = PICTURES,
    warm_up: int = WARM_UP,
    timeout: float = 1800.0,
) -> Speed:
    """Let Darknet look at pictures one after another and read the times it prints.

    Raises:
        FormatError: There are no weights.
        UsageError: Darknet cannot be started, takes too long, or prints no time.
        DataError: There is no picture.
    """
    if darknet.dialect == "hank":
        raise UsageError(
            f"{darknet.title} prints no times when it looks at pictures.",
            path=darknet.path,
            code="no-times",
            hint="Measure with OpenCV, or with AlexeyAB's Darknet.",
        )
    chosen = (weights or default_weights(run)).resolve()
    paths = [str(path.resolve()) for path in pictures_of(run) if "\n" not in str(path)]
    if not paths:
        raise _no_pictures(run)
    wanted = [paths[index % len(paths)] for index in range(warm_up + pictures)]
    with tempfile.TemporaryDirectory(prefix="darknet-") as name:
        folder = Path(name)
        net = run.read_cfg().with_net(batch=1, subdivisions=1)
        (folder / "net.cfg").write_text(net.render(), encoding="utf-8")
        (folder / "obj.names").write_text(
            "".join(f"{one}\n" for one in run.info.class_names), encoding="utf-8"
        )
        (folder / "obj.data").write_text(f"classes = {len(run.info.class_names)}\nnames = obj.names\n")
        command = [str(darknet.path), "detector", "test", "obj.data", "net.cfg", str(chosen)]
        command += ["-out", "seen"] if darknet.dialect == "pjreddie" else ["-dont_show"]
        text = "".join(f"{path}\n" for path in wanted)
        output = _run(command, text, folder, timeout)
    times = read_times(output)[warm_up:]
    if not times:
        raise UsageError(
            f"{darknet.title} printed no time for a picture.",
            path=darknet.path,
            code="no-times",
            hint="The last that it printed: " + " / ".join(output.strip().splitlines()[-3:])[-300:],
        )
    device = graphics_card() if darknet.gpu else processor_name()
    width, height = net.net.get_int("width"), net.net.get_int("height")
    return Speed(
        darknet.title, device, "the network alone, as Darknet prints it", width, height, tuple(times)
    )


def read_times(output: str) -> list[float]:
    """The milliseconds of each picture out of what a Darknet printed."""
    found = (_PREDICTED.search(line) for line in plain_text(output).splitlines())
    return [float(match[1]) * (1.0 if match[2] else 1000.0) for match in found if match]


def pictures_of(run: RunFolder) -> list[Path]:
    """The pictures to look at: those of test, then of validation and training."""
    entries: dict[str, None] = {}
    for split in (Split.TEST, Split.VAL, Split.TRAIN):
        entries.update(dict.fromkeys(run.read_list(split)))
    return [path for path in (run.path / entry for entry in entries) if path.is_file()]


def processor_name() -> str:
    """Name of the processor, for people."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith(("model name", "Hardware", "Model")):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def graphics_card() -> str:
    """Name of the graphics card, as far as nvidia-smi tells."""
    with suppress(OSError, subprocess.SubprocessError):
        done = subprocess.run(
            ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=10,
            check=True,
        )
        if done.stdout.strip():
            return done.stdout.strip().splitlines()[0]
    return "a graphics card"


def _run(command: Sequence[str], text: str, folder: Path, timeout: float) -> str:
    try:
        done = subprocess.run(
            command,
            input=text.encode(),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=darknet_environment() | {"QT_QPA_PLATFORM": "offscreen"},
            timeout=timeout,
            check=False,
            start_new_session=True,
        )
    except OSError as error:
        reason = error.strerror or os.strerror(error.errno or 0)
        raise UsageError(f"cannot be started: {reason}.", path=command[0]) from error
    except subprocess.TimeoutExpired as error:
        raise UsageError(
            f"Darknet took longer than {timeout / 60:.0f} minutes.",
            path=command[0],
            hint="Measure fewer pictures (--pictures).",
        ) from error
    return done.stdout.decode("utf-8", "replace")


def _no_pictures(run: RunFolder) -> DataError:
    return DataError("none of its lists has a picture that can be read.", path=run.path, code="no-pictures")
