"""Who looks at pictures: OpenCV inside this process, or a Darknet itself; both give the same boxes."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from annotator.darknet.asking import Tick, ask, last_words
from annotator.darknet.cfg import Cfg, read_cfg
from converters.errors import FormatError, UsageError
from converters.images import RgbImage, encode_png
from converters.model import Box

if TYPE_CHECKING:
    from annotator.darknet.dialect import Darknet
    from annotator.darknet.predictor import Predictor
    from annotator.darknet.runs import RunFolder

CHUNK_PICTURES, CHUNK_BYTES = 48, 200_000_000
"""So much is handed to a Darknet at once: it reads its weights anew for each chunk."""
_LOWEST = 0.005
"""pjreddie's Darknet tells of nothing below when it writes results to files."""
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
        from annotator.darknet.evaluation import default_weights

        chosen = weights if weights is not None else default_weights(run)
        hank = run.info.darknet["dialect"] == "hank"
        return cls(run.cfg, chosen, run.info.class_names, run.info.letterbox, hank)

    def check(self) -> Cfg:
        """Read the cfg and see whether the files belong together, without reading all of the weights.

        Raises:
            FormatError: The cfg cannot be read or has another number of classes, or the weights are missing
                or those of another network.
        """
        from annotator.darknet.blocks import parameter_count
        from annotator.darknet.weights import read_weights_header

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
        from annotator.darknet.predictor import Predictor

        return Predictor(
            self.cfg,
            self.weights,
            self.class_names,
            letterbox=self.letterbox,
            opencv_resize=self.opencv_resize,
            threshold=threshold,
        )


class Engine(Protocol):
    """Finds objects in pictures.

    Attributes:
        title: What it is called.
        class_names: The network's classes.
    """

    title: str
    class_names: tuple[str, ...]

    def look(
        self, pictures: Iterable[RgbImage], *, tick: Tick | None = None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """Each picture with what is in it, in their order, the surest first.

        Args:
            pictures: Shape (height, width, 3), uint8; read as they are needed, some ahead.
            tick: Called while it works; it may raise to end that.
        """


class OpenCvEngine:
    """OpenCV's importer with Darknet's own resize: see :mod:`annotator.darknet.predictor`."""

    def __init__(self, predictor: Predictor) -> None:
        import cv2

        self.predictor = predictor
        self.title = f"OpenCV DNN {cv2.__version__}"
        self.class_names = predictor.class_names

    def look(
        self, pictures: Iterable[RgbImage], *, tick: Tick | None = None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """See :class:`Engine`."""
        for rgb in pictures:
            if tick is not None:
                tick()
            yield rgb, self.predictor.predict(rgb)


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
        from annotator.darknet.own_cfg import check_known

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

    def look(
        self, pictures: Iterable[RgbImage], *, tick: Tick | None = None
    ) -> Iterator[tuple[RgbImage, tuple[Box, ...]]]:
        """See :class:`Engine`.

        Raises:
            UsageError: Darknet cannot be started, hangs, or breaks off.
        """
        chunk: list[RgbImage] = []
        held = 0
        for rgb in pictures:
            if tick is not None:
                tick()
            chunk.append(rgb)
            held += rgb.nbytes
            if len(chunk) >= CHUNK_PICTURES or held > CHUNK_BYTES:
                yield from zip(chunk, self._look_at(chunk, tick), strict=True)
                chunk, held = [], 0
        if chunk:
            yield from zip(chunk, self._look_at(chunk, tick), strict=True)

    def _look_at(self, chunk: Sequence[RgbImage], tick: Tick | None) -> list[tuple[Box, ...]]:
        with tempfile.TemporaryDirectory(prefix="darknet-") as name:
            folder = Path(name)
            names = write_question(folder, self._cfg, len(self.class_names))
            for number, rgb in enumerate(chunk):
                (folder / f"{number:06d}.png").write_bytes(encode_png(self._handed(rgb)))
            listed = "".join(f"{number:06d}.png\n" for number in range(len(chunk)))
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
        from annotator.darknet.predictor import network_input

        exact = network_input(rgb, *self._input, letterbox=False, opencv_resize=self.network.opencv_resize)
        rounded: RgbImage = np.rint(exact * np.float32(255)).astype(np.uint8)
        return rounded

    def _ask(self, what: Sequence[str], text: str, folder: Path, tick: Tick | None) -> str:
        weights = str(self.network.weights.resolve())
        command = [str(self.darknet.path), "detector", what[0], "obj.data", "net.cfg", weights, *what[1:]]
        code, output = ask(command, text, folder, tick=tick)
        if code:
            raise self._broke_off(f"ended with the exit code {code}", output)
        return output

    def _broke_off(self, how: str, output: str) -> UsageError:
        return UsageError(
            f"{self.title} {how} while it looked at pictures.",
            path=self.darknet.path,
            code="darknet-failed",
            hint=f"The last that it printed: {last_words(output)}",
        )

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
                if float(confidence) <= self.threshold:
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
