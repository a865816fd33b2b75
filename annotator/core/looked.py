"""What a network saw in pictures of any folder: counted at each threshold at once, saved, made a set of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from converters.errors import DataError, UsageError
from converters.files import make_folder
from converters.model import AnnotatedImage, Box, Dataset
from converters.report import Report

if TYPE_CHECKING:
    from annotator.darknet.prediction.looking import Seen, Shown

Tell = Callable[[int, int], None]
Counts = npt.NDArray[np.intp]


class LookedOrder(Enum):
    """How pictures that were looked at are listed."""

    NAME = "name"
    MOST = "most boxes first"
    DOUBTFUL = "least sure first"


class Looked:
    """Pictures with what was seen in them.

    A threshold is one comparison of arrays: 10,000 pictures are counted anew in a few milliseconds.

    Args:
        class_names: The network's classes.
    """

    def __init__(self, class_names: Sequence[str] = ()) -> None:
        self.class_names = tuple(class_names)
        self.seen: list[Seen] = []
        self._ids = {name: index for index, name in enumerate(self.class_names)}
        self._parts: list[tuple[Counts, Counts, npt.NDArray[np.float32]]] = []

    def __len__(self) -> int:
        return len(self.seen)

    def add(self, found: Sequence[Seen]) -> None:
        """More pictures were looked at."""
        start = len(self.seen)
        self.seen += found
        rows = [
            (start + at, self._ids[box.label], box.confidence or 0.0)
            for at, one in enumerate(found)
            for box in one.boxes
        ]
        if rows:
            pictures, classes, sure = zip(*rows, strict=True)
            self._parts.append(
                (np.array(pictures, np.intp), np.array(classes, np.intp), np.array(sure, np.float32))
            )

    def count(self, shown: Shown) -> tuple[Counts, Counts]:
        """Boxes that count, of each picture and of each class; those of hidden classes are none.

        Returns:
            Shapes (pictures,) and (classes,). A class that is hidden is counted as if it were not.
        """
        pictures, classes, sure = self._arrays()
        above = sure >= np.float32(shown.threshold)
        of_class = np.bincount(classes[above], minlength=len(self.class_names))
        kept = above & self._visible(shown)[classes] if len(classes) else above
        return np.bincount(pictures[kept], minlength=len(self.seen)), of_class

    def order(self, how: LookedOrder, shown: Shown) -> list[int]:
        """Indices of the pictures as they are listed."""
        if how is LookedOrder.NAME or not self.seen:
            return list(range(len(self.seen)))
        if how is LookedOrder.MOST:
            return [int(at) for at in np.argsort(-self.count(shown)[0], kind="stable")]
        # How far the box nearest to the threshold is from it: there a person's look tells most.
        pictures, classes, sure = self._arrays()
        apart = np.full(len(self.seen), np.inf, dtype=np.float32)
        if len(classes):
            kept = self._visible(shown)[classes]
            np.minimum.at(apart, pictures[kept], np.abs(sure[kept] - np.float32(shown.threshold)))
        return [int(at) for at in np.argsort(apart, kind="stable")]

    def _visible(self, shown: Shown) -> npt.NDArray[np.bool_]:
        return np.array([name not in shown.hidden for name in self.class_names], dtype=bool)

    def _arrays(self) -> tuple[Counts, Counts, npt.NDArray[np.float32]]:
        if not self._parts:
            nothing = np.zeros(0, dtype=np.intp)
            return nothing, nothing, np.zeros(0, dtype=np.float32)
        if len(self._parts) > 1:
            one, two, three = zip(*self._parts, strict=True)
            self._parts = [(np.concatenate(one), np.concatenate(two), np.concatenate(three))]
        return self._parts[0]


@dataclass(frozen=True, slots=True)
class SaveRequest:
    """What is saved of what was seen.

    Attributes:
        folder: Where; a new folder, or one of earlier predictions.
        shown: Which predictions.
        drawn: Whether pictures with boxes are drawn.
        formats: Of :data:`annotator.darknet.prediction.outputs.FORMATS`, beside CSV and JSON.
        weights: What the predictions were made with.
    """

    folder: Path
    shown: Shown
    drawn: bool
    formats: tuple[str, ...]
    weights: Path


def save_seen(looked: Looked, request: SaveRequest, tell: Tell) -> Report:
    """Write pictures with boxes, CSV, JSON and other formats, as ``train-cli predict`` does.

    Where ``tell`` raises, or something cannot be written, the drawings made so far are taken away again.

    Args:
        looked: What was seen.
        request: What is saved.
        tell: Told (pictures done, pictures in all); it may raise to cancel.

    Returns:
        What could not be read any more.

    Raises:
        UsageError: Something of the person's would be replaced.
        WriteError: It cannot be written.
    """
    from annotator.darknet.prediction.looking import as_result, check_out, draw
    from annotator.darknet.prediction.outputs import write_predictions
    from converters.colours import class_colours
    from converters.images import load_rgb

    report = Report()
    seen = list(looked.seen)
    check_out([one.picture.path.parent for one in seen[:1]], request.folder)
    _refuse_inputs(seen, request.folder)
    colours = class_colours(looked.class_names)
    make_folder(request.folder)
    results: list[dict[str, Any]] = []
    written: list[Path] = []
    try:
        for number, one in enumerate(seen):
            tell(number, len(seen))
            boxes = request.shown.of(one.boxes)
            if request.drawn:
                try:
                    written.append(draw(request.folder, one, load_rgb(one.picture.path), boxes, colours))
                except DataError as error:
                    if not one.picture.path.is_file():
                        report.add_exception(error)
                        continue
                    raise
            results.append(as_result(one, boxes))
        write_predictions(request.folder, results, looked.class_names, request.weights, request.formats)
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    tell(len(seen), len(seen))
    return report


def make_set(looked: Looked, folder: Path, shown: Shown, tell: Tell) -> Report:
    """Write a new set of the pictures with the predictions as first labels, to be looked at by a person.

    It is a YOLO set: pictures are linked where the file system can, else copied; the originals stay as they
    are. Pictures without a prediction have no label file: nobody has said that they are empty.

    Args:
        looked: What was seen.
        folder: A new or empty folder.
        shown: Which predictions become labels.
        tell: Told (pictures done, pictures in all); it may raise to cancel.

    Raises:
        UsageError: The folder holds something.
        WriteError: It cannot be written.
    """
    from annotator.core.suggestions import on_whole_pixels
    from converters.registry import codec_named

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError("holds something already.", path=folder, hint="Choose a new folder.")
    report = Report()
    images: list[AnnotatedImage] = []
    for number, one in enumerate(looked.seen):
        tell(number, len(looked.seen))
        found = on_whole_pixels(shown.of(one.boxes), one.size)
        boxes = tuple(Box(box.xyxy, box.label) for box in found)
        # The drawings' names are no other's, also where folders hold pictures of one name.
        key = one.picture.drawing.with_suffix("").as_posix()
        images.append(AnnotatedImage(key, one.picture.path, one.size, boxes, labelled=bool(boxes)))
    make_folder(folder)
    dataset = Dataset(folder.parent, "predictions", tuple(images), looked.class_names)
    codec_named("yolo").save(dataset, folder, report)
    tell(len(images), len(images))
    return report


def _refuse_inputs(seen: Sequence[Seen], folder: Path) -> None:
    inputs = {one.picture.path.resolve() for one in seen}
    for one in seen:
        if (folder / one.picture.drawing).resolve() in inputs:
            raise UsageError(
                "would be overwritten with its own predictions.",
                path=one.picture.path,
                hint="Choose another folder.",
            )
