"""How long a network takes for a picture, one at a time, on this machine."""

from __future__ import annotations

import json
import platform
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from annotator.darknet.prediction.engines import PROMPT, write_question
from annotator.darknet.prediction.predictor import open_run_predictor
from annotator.darknet.program.asking import ask, last_words
from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.parser import plain_text
from annotator.darknet.run.chosen import default_weights
from annotator.darknet.run.folder import RunFolder, now
from converters.errors import DataError, ImageError, UsageError
from converters.files import write_atomic
from converters.images import load_rgb
from converters.model import Split

PICTURES, WARM_UP = 100, 10
KEPT_BYTES = 256_000_000
"""Decoded pictures that are held ready, so that reading them is not measured; they are taken in turn."""
_PREDICTED = re.compile(r"Predicted in ([\d.]+) (milli-)?seconds")
_KEPT = 200
_NEEDED = frozenset({"engine", "device", "width", "height", "mean_ms", "median_ms", "p95_ms", "fps"})

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
    on_progress: ProgressCallback | None = None,
) -> Speed:
    """Let Darknet look at pictures one after another and read the times it prints.

    hank-ai's prints none: its time is that from one question for a picture to the next, which holds reading
    the picture and drawing it as well.

    Raises:
        FormatError: There are no weights, or this Darknet would run the network wrong.
        UsageError: Darknet cannot be started, hangs, or prints no time.
        DataError: There is no picture.
    """
    from annotator.darknet.network.own_cfg import check_known

    chosen = (weights or default_weights(run)).resolve()
    paths = [str(path.resolve()) for path in pictures_of(run) if "\n" not in str(path)]
    if not paths:
        raise _no_pictures(run)
    net = run.read_cfg().with_net(batch=1, subdivisions=1)
    check_known(net, darknet, run.cfg)
    total = warm_up + pictures
    wanted = [paths[index % len(paths)] for index in range(total)]
    heard = _Prompts(total, on_progress)
    with tempfile.TemporaryDirectory(prefix="darknet-") as name:
        folder = Path(name)
        write_question(folder, net.render(), len(run.info.class_names))
        command = [str(darknet.path), "detector", "test", "obj.data", "net.cfg", str(chosen)]
        command += ["-out", "seen"] if darknet.dialect == "pjreddie" else ["-dont_show"]
        text = "".join(f"{path}\n" for path in wanted)
        _, output = ask(command, text, folder, tick=heard.tick, on_output=heard.hear)
    printed = darknet.dialect != "hank"
    times = (read_times(output) if printed else heard.between())[warm_up:]
    if not times:
        raise UsageError(
            f"{darknet.title} printed no time for a picture.",
            path=darknet.path,
            code="no-times",
            hint=f"The last that it printed: {last_words(output)}",
        )
    device = graphics_card() if darknet.gpu else processor_name()
    width, height = net.net.get_int("width"), net.net.get_int("height")
    what = "the network alone, as Darknet prints it" if printed else "reading, network and drawing"
    return Speed(darknet.title, device, what, width, height, tuple(times))


class _Prompts:
    """When a Darknet asked for the next picture."""

    def __init__(self, total: int, on_progress: ProgressCallback | None) -> None:
        self._total, self._on_progress = total, on_progress
        self._tail = b""
        self._at: list[float] = []

    def hear(self, piece: bytes) -> None:
        """Output as it comes."""
        text = self._tail + piece
        self._at += [time.perf_counter()] * text.count(PROMPT)
        # The last letters may be the beginning of a question.
        self._tail = text[text.rfind(PROMPT) + len(PROMPT) :] if PROMPT in text else text
        self._tail = self._tail[1 - len(PROMPT) :]

    def tick(self) -> None:
        """Tell how far it is; that may raise."""
        if self._on_progress is not None:
            self._on_progress(min(max(0, len(self._at) - 1), self._total), self._total)

    def between(self) -> list[float]:
        """Milliseconds from each question to the next."""
        return [1000 * (after - before) for before, after in zip(self._at, self._at[1:], strict=False)]


def keep_speed(run: RunFolder, speed: Speed, weights: Path | None = None) -> None:
    """Add a measurement to ``speed.json`` in the run's folder.

    Raises:
        WriteError: It cannot be written.
    """
    name = (weights or default_weights(run)).name
    entry = speed.as_dict() | {"weights": name, "measured": now()}
    kept = [*stored_speeds(run), entry][-_KEPT:]
    write_atomic(run.path / "speed.json", json.dumps(kept, indent=1, ensure_ascii=False) + "\n")


def stored_speeds(run: RunFolder) -> list[dict[str, Any]]:
    """The measurements of a run, as :meth:`Speed.as_dict` gives them, with weights and time; oldest first."""
    try:
        found = json.loads((run.path / "speed.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []  # they can be measured again
    return (
        [one for one in found if isinstance(one, dict) and one.keys() >= _NEEDED]
        if isinstance(found, list)
        else []
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


def _no_pictures(run: RunFolder) -> DataError:
    return DataError("none of its lists has a picture that can be read.", path=run.path, code="no-pictures")
