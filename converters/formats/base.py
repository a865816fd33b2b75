"""What a codec is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from converters.model import AnnotatedImage, Dataset
from converters.report import Report

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total). It may raise to cancel."""

TrustSize = Literal["error", "xml", "image"]
"""Which size holds where a label file and its picture disagree."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a set is read.

    Attributes:
        class_names: The pinned classes; a label outside them is an error. None: whatever the set has.
        keep_good: Keep the good boxes of a label file with a bad one (default: the image is left out).
        on_progress: Told how many images were read.
        allow_confidence: Take the sixth column of a YOLO line as the confidence of a prediction.
        drop_unknown: Skip boxes of a class outside ``class_names`` with a warning (default: an error that
            leaves the image out).
        trust_size: What to do where a label file was written for a picture of another size. ``error``:
            leave the image out. ``image``: its edges are pixels of the picture as it is. ``xml``: its edges
            are pixels of a picture of the size it gives, and are scaled.
        fix_outside: Cut boxes that pass the picture's edge back to it, with a warning.
    """

    class_names: tuple[str, ...] | None = None
    keep_good: bool = False
    on_progress: ProgressCallback | None = None
    allow_confidence: bool = False
    drop_unknown: bool = False
    trust_size: TrustSize = "error"
    fix_outside: bool = False


DEFAULT_OPTIONS = LoadOptions()


class Codec(Protocol):
    """One file format of data sets, both ways. A codec never changes what it reads."""

    @property
    def name(self) -> str:
        """Short name, as in ``--to yolo``."""

    @property
    def title(self) -> str:
        """Name for people, e.g. ``Pascal VOC``."""

    @property
    def loses(self) -> tuple[str, ...]:
        """What of the model this format cannot hold, each a few words."""

    def detect(self, root: Path) -> bool:
        """Whether the folder looks like this format. Quick: looks at names and a few files."""

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set. Findings go to ``report``; an image whose label file was rejected is left out.

        Raises:
            NotADatasetError: There is no picture at all.
            DataError: Nothing of the set can be used (its names file is broken, say).
        """

    def label_path(self, image_path: Path, root: Path) -> Path:
        """The label file of a picture in the set at ``root``: the one there is, else where it would be.

        Looks through the whole set; an image that was loaded has it in ``annotation`` already.
        """

    def render(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes | None) -> bytes:
        """The bytes of one image's label file.

        Args:
            image: The image with the boxes to write.
            class_names: Pinned order of the classes.
            base: The label file's bytes as they were read. What was not edited comes out byte for
                byte: a box whose ``origin`` is set stands for the element it was read from. None: new file.

        Raises:
            FormatError: A box cannot be written (a label that is no class, a label with a newline).
        """

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set at ``root`` name these classes, where its format has a place for that.

        Only the names file is written: appending a class is safe, another order needs :meth:`save`.

        Raises:
            FormatError: A name cannot stand in a names file.
            WriteError: The file cannot be written.
        """

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write label files (and names file) of a whole set under an existing folder; pictures too.

        Raises:
            WriteError: A file cannot be written.
        """
