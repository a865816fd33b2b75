"""Who looks at pictures: OpenCV inside this process, or a Darknet itself; both give the same boxes."""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annotator.darknet.network.cfg import Cfg, read_cfg
from annotator.darknet.program.asking import Tick, ask, last_words
from converters.errors import DataError, FormatError, UsageError
from converters.images import RgbImage, encode_png
from converters.model import Box

if TYPE_CHECKING:
    from annotator.darknet.prediction.predictor import Predictor
    from annotator.darknet.program.dialect import Darknet
    from annotator.darknet.run.folder import RunFolder

CHUNK_PICTURES, CHUNK_BYTES = 48, 200_000_000
"""So much is handed to a Darknet at once at most: it reads its weights anew for each chunk."""
_FIRST_CHUNK, _CHUNK_SECONDS = 3, 5.0
"""Pictures in the first chunk, so that something is seen soon; chunks grow while they take less than this."""
_LOST_IN_A_ROW = 3
"""So many pictures lost one after another: it is not the pictures."""
_SHORTEST_PATIENCE, _PATIENCE = 60.0, 20.0
"""Seconds of silence, and how often the longest one so far, after which a Darknet hangs that has worked."""
_LOWEST = 0.005
"""pjreddie's Darknet tells of nothing below when it writes results to files."""
_LEAST_VALID = 4
"""pjreddie's ``detector valid`` reads so many pictures at first, whether there are as many or not."""
PROMPT = b"Enter Image Path: "
"""What all Darknets ask with."""


@dataclass(frozen=True, slots=True)
class NetworkFiles:
    """A trained network: its files and how it wants to see pictures.

    Attributes:
        cfg: The cfg file.
        weights: The weights.
        class_names: Its classes, in order.
        letterbox: Whether it was trained by pjreddie's Darknet, which keeps proportions.
        opencv_resize: Whether it was trained by hank-ai's, which resizes with OpenCV.
    """

    cfg: Path
    weights: Path
    class_names: tuple[str, ...]
    letterbox: bool = False
    opencv_resize: bool = False

    @classmethod
    def of_run(cls, run: RunFolder, weights: Path | None = None) -> NetworkFiles:
        """Those of a run.

        Raises:
            FormatError: The run's cfg is broken.
            WeightsError: There are no weights yet.
        """
        from annotator.darknet.run.chosen import default_weights

        chosen = weights if weights is not None else default_weights(run)
        hank = run.info.darknet["dialect"] == "hank"
        return cls(run.cfg, chosen, run.info.class_names, run.info.letterbox, hank)

    def check(self) -> Cfg:
        """Read the cfg and see whether the files belong together, without reading all of the weights.

        Raises:
            FormatError: The cfg cannot be read or has another number of classes, or the weights are missing
                or those of another network.
        """
        from annotator.darknet.network.blocks import parameter_count
        from annotator.darknet.network.weights import read_weights_header

        cfg = read_cfg(self.cfg)
        classes = {section.get_int("classes") for section in cfg.detectors}
        if classes and classes != {len(self.class_names)}:
            raise FormatError(
                f"has {max(classes)} classes, but the list of class names has {len(self.class_names)}.",
                path=self.cfg,
                code="class-count",
                hint="Choose the list of names that it was trained with.",
            )
        header = read_weights_header(self.weights)
        wanted = parameter_count(cfg)
        if header.parameters != wanted:
            raise FormatError(
                f"holds {header.parameters:,} numbers, but this network needs {wanted:,}.",
                path=self.weights,
                code="weights-mismatch",
                hint="Choose the cfg file that it was trained with.",
            )
        return cfg

    def open(self, threshold: float) -> Predictor:
        """The network in OpenCV. Raises as :class:`Predictor`."""
        from annotator.darknet.prediction.predictor import Predictor

        return Predictor(
            self.cfg,
            self.weights,
            self.class_names,
            letterbox=self.letterbox,
            opencv_resize=self.opencv_resize,
            threshold=threshold,
        )


OnLost = Callable[[DataError], None]
"""Told why nothing can be said of the next picture."""


class Engine(Protocol):
    """Finds objects in pictures.

    Attributes:
        title: What it is called.
        class_names: The network's classes.
    """

    title: str
    class_names: tuple[str, ...]

    def look(
        self, pictures: Iterable[RgbImage], *, tick: Tick | None = None, on_lost: OnLost | None = None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """Each picture with what is in it, in their order, the surest first.

        Args:
            pictures: Shape (height, width, 3), uint8; read as they are needed, some ahead.
            tick: Called while it works; it may raise to end that.
            on_lost: Called in the place of a picture at which the engine breaks off or hangs; the picture is
                left out and it goes on with the next. Without it that raises.
        """


class OpenCvEngine:
    """OpenCV's importer with Darknet's own resize: see :mod:`annotator.darknet.prediction.predictor`."""

    def __init__(self, predictor: Predictor) -> None:
        import cv2

        self.predictor = predictor
        self.title = f"OpenCV DNN {cv2.__version__}"
        self.class_names = predictor.class_names

    def look(
        self, pictures: Iterable[RgbImage], *, tick: Tick | None = None, on_lost: OnLost | None = None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """See :class:`Engine`."""
        for rgb in pictures:
            if tick is not None:
                tick()
            yield rgb, self.predictor.predict(rgb)


class DarknetStoppedError(UsageError):
    """A Darknet broke off or hung.

    Attributes:
        at: Number of the picture it was at, as far as it told.
    """

    at: int | None = None

    @classmethod
    def of(cls, error: UsageError, at: int | None) -> DarknetStoppedError:
        """The same error, with the picture."""
        made = cls(error.message, path=error.path, code=error.code, hint=error.hint)
        made.at = at
        return made


class _Listening:
    """What a Darknet says while it looks at a chunk, and how long it is silent.

    Attributes:
        has_worked: Whether it came to an end once: then it is known how long it is silent at most.
    """

    def __init__(self, title: str) -> None:
        self._title = title
        self._longest = 0.0
        self.has_worked = False
        self.begin(None)

    def begin(self, tick: Tick | None) -> None:
        """It is started (again)."""
        self._tick = tick
        self._said = bytearray()
        self._heard = time.monotonic()

    def hear(self, piece: bytes) -> None:
        """It said something."""
        now = time.monotonic()
        self._longest = max(self._longest, now - self._heard)
        self._heard = now
        self._said += piece

    def tick(self) -> None:
        """Time goes by. Raises a UsageError where it hangs."""
        if self._tick is not None:
            self._tick()
        patience = max(_SHORTEST_PATIENCE, _PATIENCE * self._longest)
        if self.has_worked and time.monotonic() - self._heard > patience:
            raise UsageError(
                f"{self._title} said nothing for {patience:.0f} seconds and was ended.", code="darknet-hangs"
            )

    @property
    def at(self) -> int | None:
        """The picture it asked for last; None where it does not ask."""
        asked = self._said.count(PROMPT)
        return asked - 1 if asked else None


class DarknetEngine:
    """A Darknet looks, a chunk of pictures at a time.

    Each picture is handed over as an 8-bit PNG with a plain name, so that Darknet sees what we see: no
    orientation, no 16 bits, no name that a shell would run. Where this Darknet would fit it into the input
    otherwise than the one that trained the network, it comes in the input's size already.

    Args:
        darknet: The program.
        network: The network.
        threshold: Confidence that a prediction must exceed.

    Raises:
        FormatError: The files do not belong together, or this Darknet would run the network wrong.
    """

    def __init__(self, darknet: Darknet, network: NetworkFiles, threshold: float) -> None:
        from annotator.darknet.network.own_cfg import check_known

        cfg = network.check()
        check_known(cfg, darknet, network.cfg)
        self.darknet = darknet
        self.network = network
        self.threshold = max(threshold, _LOWEST)
        self.title = darknet.title
        self.class_names = network.class_names
        self._cfg = cfg.with_net(batch=1, subdivisions=1).render()
        self._input = cfg.net.get_int("width"), cfg.net.get_int("height")
        pjreddie = darknet.dialect == "pjreddie"
        self._stretched = network.opencv_resize or (pjreddie and not network.letterbox)
        self._letterbox = network.letterbox and not pjreddie
        self._lost = 0
        self._listening = _Listening(darknet.title)

    def look(
        self, pictures: Iterable[RgbImage], *, tick: Tick | None = None, on_lost: OnLost | None = None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """See :class:`Engine`.

        Raises:
            UsageError: Darknet cannot be started, or it hangs or breaks off: without ``on_lost`` at once,
                with it where that is not for one picture.
        """
        chunk: list[RgbImage] = []
        held, wanted = 0, _FIRST_CHUNK
        for rgb in pictures:
            if tick is not None:
                tick()
            chunk.append(rgb)
            held += rgb.nbytes
            if len(chunk) >= wanted or held > CHUNK_BYTES:
                began = time.monotonic()
                yield from self._told(chunk, tick, on_lost)
                if time.monotonic() - began < _CHUNK_SECONDS:
                    wanted = min(2 * wanted, CHUNK_PICTURES)
                chunk, held = [], 0
        if chunk:
            yield from self._told(chunk, tick, on_lost)

    def _told(
        self, chunk: list[RgbImage], tick: Tick | None, on_lost: OnLost | None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """The pictures of a chunk with what is in them; where Darknet stops at one, without that one."""
        try:
            found = self._look_at(chunk, tick)
        except DarknetStoppedError as error:
            if on_lost is None:
                raise
            if len(chunk) > 1:
                for part in _around(chunk, error.at):
                    yield from self._told(part, tick, on_lost)
                return
            self._lost += 1
            if self._lost >= _LOST_IN_A_ROW:
                raise
            on_lost(error)
            return
        self._lost = 0
        yield from zip(chunk, found, strict=True)

    def _look_at(self, chunk: Sequence[RgbImage], tick: Tick | None) -> list[tuple[Box, ...]]:
        with tempfile.TemporaryDirectory(prefix="darknet-") as name:
            folder = Path(name)
            names = write_question(folder, self._cfg, len(self.class_names))
            for number, rgb in enumerate(chunk):
                (folder / f"{number:06d}.png").write_bytes(encode_png(self._handed(rgb)))
            listed = "".join(f"{number:06d}.png\n" for number in range(len(chunk)))
            for number in range(len(chunk), _LEAST_VALID if self.darknet.dialect == "pjreddie" else 0):
                (folder / f"{number:06d}.png").write_bytes((folder / "000000.png").read_bytes())
                listed += f"{number:06d}.png\n"
            (folder / "list.txt").write_text(listed)
            sizes = [(rgb.shape[1], rgb.shape[0]) for rgb in chunk]
            if self.darknet.dialect == "pjreddie":
                found = self._from_results(folder, names, sizes, tick)
            else:
                found = self._from_json(folder, listed, sizes, tick)
        return [tuple(sorted(boxes, key=lambda box: -(box.confidence or 0.0))) for boxes in found]

    def _handed(self, rgb: RgbImage) -> RgbImage:
        """The picture as this Darknet gets it."""
        if not self._stretched:
            return rgb
        from annotator.darknet.prediction.predictor import network_input

        exact = network_input(rgb, *self._input, letterbox=False, opencv_resize=self.network.opencv_resize)
        rounded: RgbImage = np.rint(exact * np.float32(255)).astype(np.uint8)
        return rounded

    def _ask(self, what: Sequence[str], text: str, folder: Path, tick: Tick | None) -> str:
        weights = str(self.network.weights.resolve())
        command = [str(self.darknet.path), "detector", what[0], "obj.data", "net.cfg", weights, *what[1:]]
        heard = self._listening
        heard.begin(tick)
        try:
            code, output = ask(command, text, folder, tick=heard.tick, on_output=heard.hear)
        except UsageError as error:
            if error.code == "darknet-hangs":
                raise DarknetStoppedError.of(error, heard.at) from error
            raise
        if code:
            raise self._broke_off(f"ended with the exit code {code}", output)
        heard.has_worked = True
        return output

    def _broke_off(self, how: str, output: str) -> DarknetStoppedError:
        error = UsageError(
            f"{self.title} {how} while it looked at pictures.",
            path=self.darknet.path,
            code="darknet-failed",
            hint=f"The last that it printed: {last_words(output)}",
        )
        return DarknetStoppedError.of(error, self._listening.at)

    def _from_json(
        self, folder: Path, listed: str, sizes: Sequence[tuple[int, int]], tick: Tick | None
    ) -> list[list[Box]]:
        """AlexeyAB's and hank-ai's write what they find as JSON."""
        how = ["test", "-dont_show", "-thresh", f"{self.threshold:g}", "-out", "seen.json"]
        if self.darknet.dialect == "hank":
            how.append("-nocolour")
        if self._letterbox:
            how.append("-letter_box")
        output = self._ask(how, listed, folder, tick)
        try:
            entries = json.loads((folder / "seen.json").read_text(encoding="utf-8", errors="replace"))
        except (OSError, ValueError) as error:
            raise self._broke_off("wrote no results", output) from error
        if len(entries) != len(sizes):
            raise self._broke_off(f"told of {len(entries)} pictures out of {len(sizes)}", output)
        return [
            [box for one in entry["objects"] if (box := self._box(one, size)) is not None]
            for entry, size in zip(entries, sizes, strict=True)
        ]

    def _box(self, entry: dict[str, Any], size: tuple[int, int]) -> Box | None:
        place = entry["relative_coordinates"]
        x, y, w, h = (float(place[name]) for name in ("center_x", "center_y", "width", "height"))
        edges = ((x - w / 2) * size[0], (y - h / 2) * size[1], (x + w / 2) * size[0], (y + h / 2) * size[1])
        return _clipped(edges, size, self.class_names[entry["class_id"]], float(entry["confidence"]))

    def _from_results(
        self, folder: Path, names: Sequence[str], sizes: Sequence[tuple[int, int]], tick: Tick | None
    ) -> list[list[Box]]:
        """Pjreddie's test tells of no coordinates; its valid writes a file of boxes for each class."""
        (folder / "results").mkdir()
        output = self._ask(["valid"], "", folder, tick)
        found: list[list[Box]] = [[] for _ in sizes]
        for name, label in zip(names, self.class_names, strict=True):
            path = folder / "results" / f"comp4_det_test_{name}.txt"
            if not path.is_file():
                raise self._broke_off("wrote no results", output)
            for line in path.read_text().splitlines():
                number, confidence, *numbers = line.split()
                at = int(number)
                if float(confidence) <= self.threshold or at >= len(sizes):
                    continue
                # Pixels count from 1 there; an edge at the last pixel was cut off at the picture's.
                x1, y1, x2, y2 = (float(edge) for edge in numbers)
                width, height = self._input if self._stretched else sizes[at]
                right = x2 if x2 >= width else x2 - 1
                bottom = y2 if y2 >= height else y2 - 1
                across, down = sizes[at][0] / width, sizes[at][1] / height
                edges = ((x1 - 1) * across, (y1 - 1) * down, right * across, bottom * down)
                box = _clipped(edges, sizes[at], label, float(confidence))
                if box is not None:
                    found[at].append(box)
        return found


def _around(chunk: list[RgbImage], at: int | None) -> list[list[RgbImage]]:
    """The parts before a picture, the picture alone, and those behind it; halves where it is not known."""
    if at is None or at >= len(chunk):
        half = len(chunk) // 2
        return [chunk[:half], chunk[half:]]
    return [part for part in (chunk[:at], chunk[at : at + 1], chunk[at + 1 :]) if part]


def write_question(folder: Path, cfg: str, classes: int) -> list[str]:
    """What a Darknet needs beside pictures and weights, with plain names of the classes; returns these."""
    names = [f"class{number}" for number in range(classes)]
    (folder / "net.cfg").write_text(cfg, encoding="utf-8")
    (folder / "obj.names").write_text("".join(f"{name}\n" for name in names))
    (folder / "obj.data").write_text(
        f"classes = {classes}\nnames = obj.names\nvalid = list.txt\nresults = results\n"
    )
    return names


def open_engine(network: NetworkFiles, threshold: float, darknet: Darknet | None = None) -> Engine:
    """OpenCV, or a Darknet where one is given.

    Raises:
        FormatError: The network's files cannot be used.
    """
    if darknet is not None:
        return DarknetEngine(darknet, network, threshold)
    return OpenCvEngine(network.open(threshold))


def _clipped(
    edges: tuple[float, float, float, float], size: tuple[int, int], label: str, confidence: float
) -> Box | None:
    x1, y1, x2, y2 = edges
    x1, x2 = max(0.0, x1), min(float(size[0]), x2)
    y1, y2 = max(0.0, y1), min(float(size[1]), y2)
    return Box((x1, y1, x2, y2), label, confidence) if x1 < x2 and y1 < y2 else None
