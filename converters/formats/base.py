"""What a codec is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from converters.formats.mending import Mend
from converters.layout import Tree
from converters.model import AnnotatedImage, Dataset
from converters.report import Report

ProgressCallback = Callable[[int, int], None]
"""Called with (done, total). It may raise to cancel."""

VocEdges = Literal["as-is", "one-based"]
"""How edges in Pascal VOC files are counted; see :func:`converters.formats.voc_document.edges_from_file`."""

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
        images: Another folder in which the pictures lie, for formats whose label files name their pictures.
        labels: Read this one label file alone, of a format that keeps many pictures in one file. Pictures
            that it does not name are no part of the set then.
        voc_edges: How edges in Pascal VOC files are counted.
        mends: Where given, boxes whose edges are wrong in a way that has one right answer are taken as they
            were meant (swapped edges, edges just outside; with ``fix_outside`` also far outside) or left out
            (no area), and each is noted here instead of reported.
        tree: The set's files, where they were listed already. A part of them: only that part is read.
    """

    class_names: tuple[str, ...] | None = None
    keep_good: bool = False
    on_progress: ProgressCallback | None = None
    allow_confidence: bool = False
    drop_unknown: bool = False
    trust_size: TrustSize = "error"
    fix_outside: bool = False
    images: Path | None = None
    labels: Path | None = None
    voc_edges: VocEdges = "as-is"
    mends: list[Mend] | None = None
    tree: Tree | None = None


DEFAULT_OPTIONS = LoadOptions()


@dataclass(frozen=True, slots=True)
class Keeps:
    """What of the model a format can hold; what it cannot is counted by :mod:`converters.losses`.

    Attributes:
        confidence: The confidence of predictions.
        flags: Names of the flags it has a place for.
        split: Which part of the set a picture is in.
        classes: All class names in their order, also of classes without a box.
        empty: Pictures that were looked at and hold nothing, told apart from those not labelled yet.
        reviewed: Which pictures a person has looked at.
    """

    confidence: bool = False
    flags: frozenset[str] = frozenset()
    split: bool = True
    classes: bool = True
    empty: bool = True
    reviewed: bool = False


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

    @property
    def keeps(self) -> Keeps:
        """The same for the program."""

    def detect(self, root: Path) -> bool:
        """Whether the folder looks like this format. Quick: looks at names and a few files."""

    def claims(self, tree: Tree) -> int:
        """For how many of its pictures a set seems to have labels in this format (0: for none).

        Quick: looks at names and at the first 64 KiB of files that may be label files.
        """

    def load(self, root: Path, report: Report, options: LoadOptions = DEFAULT_OPTIONS) -> Dataset:
        """Read the set. Findings go to ``report``; an image whose label file was rejected is left out.

        Raises:
            NotADatasetError: There is no picture at all.
            DataError: Nothing of the set can be used (its names file is broken, say).
        """

    def write_class_names(self, root: Path, class_names: tuple[str, ...]) -> None:
        """Let the set at ``root`` name these classes, where its format has a place for that.

        Only the names are written: appending a class is safe, another order needs :meth:`save`.

        Raises:
            FormatError: A name cannot stand in a names file.
            WriteError: The file cannot be written.
        """

    def save(self, dataset: Dataset, root: Path, report: Report) -> None:
        """Write label files (and names file) of a whole set under an existing folder; pictures too.

        Raises:
            WriteError: A file cannot be written.
        """


class ImageCodec(Codec, Protocol):
    """A format with a label file for each picture."""

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

    def cleaned(self, image: AnnotatedImage, class_names: tuple[str, ...], base: bytes) -> bytes:
        """One image's label file without what reading refuses, for a person who said that it may go.

        All else stays byte for byte, but for a size that is not the picture's, which is made it.

        Args:
            image: The image with the boxes that are good.
            class_names: Pinned order of the classes.
            base: The label file's bytes.

        Raises:
            FormatError: ``base`` cannot be read at all.
        """


class SharedCodec(Codec, Protocol):
    """A format that keeps the labels of many pictures in one file."""

    def recognises(self, path: Path) -> bool:
        """Whether a file is a label file of this format, by its name and its first 64 KiB."""

    def entry_lines(self, path: Path) -> list[int]:
        """1-based line of each entry that an ``origin`` of a box can mean, by that number.

        Empty where the file cannot be read.
        """

    def render_file(
        self,
        path: Path,
        images: Sequence[AnnotatedImage],
        class_names: tuple[str, ...],
        base: bytes | None,
        *,
        removed: frozenset[int] = frozenset(),
    ) -> bytes:
        """The bytes of one label file.

        Args:
            path: The file; references to pictures are written as seen from there.
            images: All images of the set whose ``annotation`` it is, with the boxes to write. Images without
                a box that are not ``labelled`` are not mentioned in a new file.
            class_names: Pinned order of the classes.
            base: The file's bytes as they were read. An ``origin`` (of an image, of a box) stands for the
                entry it was read from: where nothing was edited the base comes out byte for byte, else all
                that was not edited survives, known or not. None: new file.
            removed: Origins of images that are no longer part of the set: their entries go, with all in them.

        Raises:
            FormatError: A box cannot be written, or ``base`` cannot be read.
        """
