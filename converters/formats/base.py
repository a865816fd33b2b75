"""What a codec is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from converters.model import AnnotatedImage, Dataset
from converters.report import Report

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total). It may raise to cancel."""


@dataclass(frozen=True, slots=True)
class LoadOptions:
    """How a set is read.

    Attributes:
        class_names: The pinned classes; a label outside them is an error. None: whatever the set has.
        keep_good: Keep the good boxes of a label file with a bad one (default: the image is left out).
        on_progress: Told how many images were read.
    """

    class_names: tuple[str, ...] | None = None
    keep_good: bool = False
    on_progress: ProgressCallback | None = None


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

    def load(self, root: Path, report: Report, options: LoadOptions = LoadOptions()) -> Dataset:  # noqa: B008
        """Read the set. Findings go to ``report``; an image whose label file was rejected is left out.

        Raises:
            NotADatasetError: There is no picture at all.
            DataError: Nothing of the set can be used (its names file is broken, say).
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

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write label files (and names file) of a whole set under an existing folder; pictures too.

        Raises:
            WriteError: A file cannot be written.
        """
