"""The trained networks that can look at the pictures of the open set: its runs, and files from elsewhere."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from annotator.core.run_predictions import work_key
from converters.errors import DataError, FormatError
from converters.model import Box
from converters.work import read_names

if TYPE_CHECKING:
    from annotator.darknet.prediction.engines import NetworkFiles
    from annotator.darknet.prediction.predictor import Predictor
    from annotator.darknet.run.folder import RunFolder

LEAST = 0.05
"""Predictions below this confidence are never shown, and not kept."""


@dataclass(frozen=True, slots=True)
class Network:
    """A network with its weights, not yet read.

    Attributes:
        name: What it is called for the person.
        weights: Its weights file.
        class_names: Its classes.
        cfg: Its cfg file.
        letterbox: Whether the Darknet that trained it keeps proportions (pjreddie's).
        opencv_resize: Whether it resizes with OpenCV (hank-ai's).
        run: The training it is from; None: from elsewhere.
        stamp: Size and time of the weights: those of a training that goes on are other ones later.
    """

    name: str
    weights: Path
    class_names: tuple[str, ...]
    cfg: Path
    letterbox: bool = False
    opencv_resize: bool = False
    run: RunFolder | None = None
    stamp: tuple[int, int] = (0, 0)

    @classmethod
    def of_run(cls, run: RunFolder, weights: Path | None = None) -> Network:
        """A training's network.

        Args:
            run: The training.
            weights: Weights of it; default: those that evaluation chose, else the final, else the newest.

        Raises:
            FormatError: Its cfg cannot be read.
            WeightsError: There are no weights yet.
        """
        from annotator.darknet.run.chosen import default_weights

        chosen = weights if weights is not None else default_weights(run)
        return cls(
            run.path.name,
            chosen,
            run.info.class_names,
            run.cfg,
            run.info.letterbox,
            run.info.darknet["dialect"] == "hank",
            run,
            _stamp(chosen),
        )

    @classmethod
    def of_files(cls, cfg: Path, weights: Path, names: Path, *, letterbox: bool) -> Network:
        """A network from elsewhere.

        Raises:
            FormatError: The list of classes cannot be read.
        """
        return cls(weights.name, weights, read_names(names), cfg, letterbox, stamp=_stamp(weights))

    def check(self) -> None:
        """Whether its files belong together, without reading all of them.

        Raises:
            FormatError: The cfg cannot be read or has another number of classes, or the weights are missing
                or those of another network.
        """
        self.files().check()

    def files(self) -> NetworkFiles:
        """Its files, for who looks at pictures."""
        from annotator.darknet.prediction.engines import NetworkFiles

        return NetworkFiles(self.cfg, self.weights, self.class_names, self.letterbox, self.opencv_resize)

    def open(self) -> Predictor:
        """Read it. Takes a second for a large network.

        Raises:
            FormatError: The cfg is broken or no detector's.
            WeightsError: The weights do not fit it.
        """
        return self.files().open(LEAST)

    def stored(self) -> dict[str, tuple[Box, ...]]:
        """What an evaluation with these very weights found, by keys of the Darknet data set."""
        if self.run is None:
            return {}
        from annotator.darknet.evaluation.stored import load_predictions, load_stored

        run = self.run
        try:
            evaluation = load_stored(run)
            looks = evaluation.test_looks if evaluation is not None else ()
            if not looks or looks[-1].sha256 != _digest(self.weights):
                return {}
            found = load_predictions(run, looks[-1].sha256, looks[-1].fingerprint)
        except (DataError, OSError):
            return {}  # they can be made again
        if found is None:
            return {}
        return {
            work_key(run, entry): tuple(box for box in boxes if (box.confidence or 0.0) > LEAST)
            for entry, boxes in found.images.items()
        }


def networks_of(work: Path) -> list[Network]:
    """A network of each training that has weights, the best to take first.

    That is the newest one that was evaluated, else the newest that has ended, else what there is.

    Args:
        work: The Darknet data set.
    """
    from annotator.darknet.run.folder import list_runs

    found: list[tuple[tuple[bool, bool], Network]] = []
    for run in reversed(list_runs(work)):
        with suppress(DataError):
            network = Network.of_run(run)
            found.append(((not _is_evaluated(run), run.status == "running"), network))
    found.sort(key=lambda one: one[0])
    return [network for _, network in found]


def _is_evaluated(run: RunFolder) -> bool:
    from annotator.darknet.evaluation.stored import load_stored

    try:
        return load_stored(run) is not None
    except FormatError:
        return False


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return (0, 0)
    return (found.st_size, found.st_mtime_ns)


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
