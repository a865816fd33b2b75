"""What reading a set is in every format: go through the pictures, check each box, collect what is wrong."""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from converters.errors import FormatError, ImageError
from converters.formats.base import LoadOptions
from converters.formats.mending import Mend, mended_edges
from converters.images import read_header
from converters.layout import Pair
from converters.model import AnnotatedImage, Box, Split, Xyxy
from converters.reading import MAX_LABEL_BYTES, read_small_file
from converters.report import Report
from converters.words import counted

TOLERANCE_PX = 2.0
TOLERANCE = 0.01
"""A box may pass the picture's edge by the larger of 2 pixels and 1 % of the side, with a warning: tools
that count pixels from 1 do so (12 boxes of the Kaggle set). Farther out it was drawn on another picture."""

MAX_MISNAMED = 1000
"""So many label files that name another picture are told one by one; a renamed set has only such."""
MAX_TOLD = 20
"""So many bad boxes of a file are told one by one."""

ROUNDING = 1e-4
"""Below this part of a side an overlap is the rounding of a file with four decimals, and not worth a word."""


class Spot(Protocol):
    """A place in a label file, worked out only where something is said of it."""

    @property
    def line(self) -> int | None:
        """1-based line, where it is known."""

    @property
    def name(self) -> str:
        """The place in the document (``annotations[0].bbox (id 1)``), or empty."""


Where = int | Spot | None
"""A line of a label file, or a place in it."""


def place_of(where: Where) -> tuple[str, int | None]:
    """What a message about a place begins with (``annotations[0]: ``, or nothing), and the line."""
    if where is None or isinstance(where, int):
        return "", where
    return f"{where.name}: " if where.name else "", where.line


@dataclass(slots=True)
class _Unknown:
    """Boxes of one class that is not in the list."""

    path: Path
    line: int | None
    key: str
    boxes: int = 0
    files: set[Path] = field(default_factory=set)


@dataclass(slots=True)
class Unknowns:
    """Collects what is said of many files together: boxes of unknown classes, names of other pictures.

    Attributes:
        by_label: Boxes of classes outside the list, by class.
        misnamed: How many label files name another picture than their own.
    """

    by_label: dict[str, _Unknown] = field(default_factory=dict)
    misnamed: int = 0

    def add(self, label: str, path: Path, where: Where, key: str) -> None:
        """Count one box."""
        entry = self.by_label.get(label)
        if entry is None:
            entry = self.by_label[label] = _Unknown(path, place_of(where)[1], key)
        entry.boxes += 1
        entry.files.add(path)

    def report_to(self, report: Report, class_names: Sequence[str], *, dropped: bool) -> None:
        """One issue for each class: a warning where its boxes were to be dropped, else an error."""
        known = ", ".join(class_names)
        known = known if len(known) <= 400 else known[:400] + "…"
        for label, entry in self.by_label.items():
            label = label if len(label) <= 120 else label[:120] + "…"
            boxes = "1 box" if entry.boxes == 1 else f"{entry.boxes} boxes"
            files = "1 file" if len(entry.files) == 1 else f"{len(entry.files)} files"
            text = f"{label!r} is none of the classes {known} ({boxes} in {files}"
            if dropped:
                report.warning(
                    "unknown-class", f"{text}; dropped).", path=entry.path, line=entry.line, key=entry.key
                )
            else:
                report.error(
                    "unknown-class",
                    f"{text}).",
                    path=entry.path,
                    line=entry.line,
                    key=entry.key,
                    hint="Rename it to one of the classes, add it to them, or drop its boxes.",
                )


@dataclass(slots=True)
class LabelFile:
    """One label file while it is read: takes boxes and findings.

    Attributes:
        path: The file.
        key: Key of its picture.
        picture: The picture's file.
        size: The picture's (width, height).
        options: How the set is read.
        report: Where findings go.
        unknowns: Collects boxes of unknown classes.
        rounding: Part of a side by which a box may pass the edge without a word.
        boxes: The boxes accepted so far.
        rejected: Whether a box or the whole file was refused.
        reviewed: Whether the file says that a person has looked at the picture.
    """

    path: Path
    key: str
    picture: Path
    size: tuple[int, int]
    options: LoadOptions
    report: Report
    unknowns: Unknowns
    rounding: float = 0.0
    boxes: list[Box] = field(default_factory=list)
    rejected: bool = False
    reviewed: bool = False
    _refusals: int = 0
    _rest_line: int | None = None

    def refuse(self, error: FormatError, where: Where = None) -> None:
        """A box that cannot be read; the file's other boxes may still be good.

        The first :data:`MAX_TOLD` of a file are told one by one.
        """
        self.rejected = True
        self._refusals += 1
        if self._refusals > MAX_TOLD:
            if self._rest_line is None:
                self._rest_line = place_of(where if where is not None else error.line)[1]
            return
        prefix, line = place_of(where if where is not None else error.line)
        located = FormatError(
            prefix + error.message, path=self.path, line=line, code=error.code, hint=error.hint
        )
        self.report.add_exception(located, key=self.key)

    def report_rest(self) -> None:
        """Say how many more boxes than those told one by one cannot be read. Call it once, at the end."""
        if self._refusals > MAX_TOLD:
            self.report.error(
                "more-errors",
                f"{self._refusals - MAX_TOLD:,} more boxes cannot be read.",
                path=self.path,
                line=self._rest_line,
                key=self.key,
            )

    def warn(self, code: str, message: str, where: Where = None, hint: str = "") -> None:
        """A finding that leaves the file in the work."""
        prefix, line = place_of(where)
        self.report.warning(code, prefix + message, path=self.path, line=line, key=self.key, hint=hint)

    def misnamed(self, field: str, text: str, where: Where) -> None:
        """The file says that it is another picture's; of a set that was renamed not every file is told."""
        self.unknowns.misnamed += 1
        if self.unknowns.misnamed <= MAX_MISNAMED:
            self.warn(
                "filename-differs",
                f"{field} says {text[:120]!r}, but the file belongs to {self.picture.name}; "
                "the name of the label file counts.",
                where,
            )

    def unknown(self, label: str, where: Where) -> None:
        """A box of a class that is not in the list."""
        self.unknowns.add(label, self.path, where, self.key)
        if not self.options.drop_unknown:
            self.rejected = True

    def take(self, box: Box, where: Where) -> None:
        """Check a box's class and edges, and keep it if it is good."""
        known = self.options.class_names
        if known is not None and box.label not in known:
            self.unknown(box.label, where)
            return
        problem = edges_problem(box.xyxy, self.size, rounding=self.rounding)
        if problem is None:
            self.boxes.append(box)
            return
        if self.options.mends is not None and self._mend(box, problem, where, self.options.mends):
            return
        prefix, line = place_of(where)
        message = prefix + problem.message
        at = {"path": self.path, "line": line, "key": self.key}
        if problem.outside and self.options.fix_outside and self.options.mends is None:
            cut = clip_edges(box.xyxy, self.size)
            if cut[2] > cut[0] and cut[3] > cut[1]:
                self.report.warning(problem.code, f"{message} Cut to the picture.", box=len(self.boxes), **at)
                self.boxes.append(replace(box, xyxy=cut))
                return
        if problem.fatal:
            self.rejected = True
            self.report.error(problem.code, message, hint=problem.hint, **at)
            return
        self.report.warning(problem.code, message, box=len(self.boxes), **at)
        self.boxes.append(box)

    def _mend(self, box: Box, problem: EdgesProblem, where: Where, mends: list[Mend]) -> bool:
        """Take a box as it was meant, if that can be known; tells ``mends``."""
        mended = mended_edges(
            box.xyxy, self.size, problem, rounding=self.rounding, far=self.options.fix_outside
        )
        if mended is None or box.origin is None:
            return False
        prefix, line = place_of(where)
        edges, done = mended
        text = f"{prefix}{problem.message.rstrip('.')}: {done}"
        mends.append(Mend(problem.code, text, self.path, line, self.key, box, edges))
        if edges is not None:
            self.boxes.append(replace(box, xyxy=edges))
        return True


@dataclass(frozen=True, slots=True)
class EdgesProblem:
    """What is wrong with the edges of a box.

    Attributes:
        code: ``box-empty``, ``box-swapped``, ``box-outside`` or ``box-far-outside``.
        message: One sentence.
        fatal: Whether the box cannot be kept as it is.
        outside: Whether it passes the picture's edge (and could be cut).
        hint: What to do.
    """

    code: str
    message: str
    fatal: bool
    outside: bool
    hint: str = ""


def edges_problem(xyxy: Xyxy, size: tuple[int, int], *, rounding: float = 0.0) -> EdgesProblem | None:
    """Check a box against its picture.

    Args:
        xyxy: Edges in pixels.
        size: The picture's (width, height).
        rounding: Part of a side by which a box may pass the edge without a word.
    """
    x1, y1, x2, y2 = xyxy
    width, height = size
    if 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height:
        return None
    shown = f"({x1:g}, {y1:g}, {x2:g}, {y2:g})"
    if x2 <= x1 or y2 <= y1:
        equal = x1 == x2 or y1 == y2
        across = x1 == x2 if equal else x2 < x1
        what = "left and right" if across else "top and bottom"
        return EdgesProblem(
            "box-empty" if equal else "box-swapped",
            f"box {shown} has no area: its {what} edges are {'equal' if equal else 'swapped'}.",
            fatal=True,
            outside=False,
        )
    beyond = max((-x1) / width, (-y1) / height, (x2 - width) / width, (y2 - height) / height)
    if beyond <= rounding:
        return None
    too_far = max(-x1, x2 - width) > max(TOLERANCE_PX, TOLERANCE * width) or max(-y1, y2 - height) > max(
        TOLERANCE_PX, TOLERANCE * height
    )
    wholly = x1 >= width or y1 >= height or x2 <= 0 or y2 <= 0
    if wholly or too_far:
        how = "lies wholly outside" if wholly else "reaches far outside"
        return EdgesProblem(
            "box-far-outside",
            f"box {shown} {how} the picture of {width}x{height}.",
            fatal=True,
            outside=True,
            hint="It may belong to another picture or another size of it"
            + ("." if wholly else "; convert-cli --fix-outside cuts it."),
        )
    pixels = max(-x1, -y1, x2 - width, y2 - height)
    return EdgesProblem(
        "box-outside",
        f"box {shown} passes the edge of the picture of {width}x{height} by {pixels:.3g} px.",
        fatal=False,
        outside=True,
    )


def scale_to_picture(
    file: LabelFile, stated: tuple[int, int] | None, where: Where
) -> tuple[float, float] | None:
    """What to multiply a label file's pixels by, where it says the size of its picture.

    Args:
        file: The label file; told where the sizes differ.
        stated: The (width, height) it gives; None or zeros where it gives none.
        where: Where it does.

    Returns:
        Factors for x and y; None where the file is refused (which is reported).
    """
    width, height = file.size
    if stated is None or 0 in stated:
        what = "gives no size" if stated is None else f"gives the size {stated[0]}x{stated[1]}"
        file.warn("size-missing", f"{what}; the picture's, {width}x{height}, is used.", where)
        return 1.0, 1.0
    if stated == file.size:
        return 1.0, 1.0
    differs = f"is for a picture of {stated[0]}x{stated[1]}, but {file.picture.name} has {width}x{height}"
    if stated == (height, width):
        file.warn(
            "size-swapped",
            f"{differs}: width and height are swapped, or the picture was turned by its EXIF orientation.",
            where,
            "Check that the boxes are on their objects.",
        )
        return 1.0, 1.0
    if file.options.trust_size == "image":
        file.warn("size-mismatch", f"{differs}; edges are taken as pixels of the picture.", where)
        return 1.0, 1.0
    if file.options.trust_size == "xml":
        file.warn("size-mismatch", f"{differs}; edges are scaled to the picture.", where)
        return width / stated[0], height / stated[1]
    file.refuse(
        FormatError(
            f"{differs}.",
            code="size-mismatch",
            hint="Say which size to trust (convert-cli --trust-size), or put the right picture there.",
        ),
        where,
    )
    return None


def clip_edges(xyxy: Xyxy, size: tuple[int, int]) -> Xyxy:
    """Edges limited to the picture of ``size`` (width, height); the box may lose its area."""
    x1, y1, x2, y2 = xyxy
    width, height = (float(side) for side in size)
    return (
        min(max(x1, 0.0), width),
        min(max(y1, 0.0), height),
        min(max(x2, 0.0), width),
        min(max(y2, 0.0), height),
    )


ReadLabels = Callable[[bytes, LabelFile], None]
"""Reads the bytes of a label file into a LabelFile; raises FormatError where all of it is refused."""


def load_images(
    root: Path,
    pairs: Sequence[Pair],
    splits: dict[str, Split],
    report: Report,
    options: LoadOptions,
    read_labels: ReadLabels,
    *,
    known: Sequence[str] = (),
    rounding: float = 0.0,
    max_bytes: int = MAX_LABEL_BYTES,
) -> tuple[AnnotatedImage, ...]:
    """Read every picture's header and labels; what is refused goes to the report and is left out.

    Args:
        root: The set's folder.
        pairs: Pictures and label files, relative to it.
        splits: Split of a picture by key, where it is known.
        report: Where findings go.
        options: How the set is read.
        read_labels: Reads one label file.
        known: Class names, for the message about others.
        rounding: See :class:`LabelFile`.
        max_bytes: A larger label file is refused unread.
    """
    unknowns = Unknowns()
    images: list[AnnotatedImage] = []
    sizes: dict[tuple[int, int], tuple[int, int]] = {}  # one of each in memory
    for done, pair in enumerate(pairs):
        if options.on_progress is not None:
            options.on_progress(done, len(pairs))
        picture, path = root / pair.picture, root / pair.label
        try:
            size = picture_size(picture)
        except ImageError as error:
            report.add_exception(error, key=pair.key)
            continue
        size = sizes.setdefault(size, size)
        image = AnnotatedImage(pair.key, picture, size, (), splits.get(pair.key), path, pair.exists)
        if not pair.exists:
            report.warning("image-without-label", "has no label file.", path=picture, key=pair.key)
            images.append(image)
            continue
        file = LabelFile(path, pair.key, picture, size, options, report, unknowns, rounding)
        try:
            read_labels(read_small_file(path, max_bytes), file)
        except FormatError as error:
            file.refuse(error)
            continue
        file.report_rest()
        if not file.rejected or options.keep_good:
            images.append(replace(image, boxes=tuple(file.boxes), reviewed=file.reviewed))
    if options.on_progress is not None:
        options.on_progress(len(pairs), len(pairs))
    unknowns.report_to(report, options.class_names or known, dropped=options.drop_unknown)
    if unknowns.misnamed > MAX_MISNAMED:
        more = counted(unknowns.misnamed - MAX_MISNAMED, "more label file")
        report.warning(
            "filename-differs",
            f"{more} {'names' if more.startswith('1 ') else 'name'} another picture; the set was renamed, it "
            "seems. The names of the label files count.",
            path=root,
        )
    return tuple(images)


def picture_size(path: Path) -> tuple[int, int]:
    """Size of a picture as shown, from its header.

    Raises:
        ImageError: It cannot be read, or is no regular file (opening a pipe would wait forever).
    """
    try:
        regular = stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        regular = True  # a link to nowhere: read_header says it in its words
    except OSError as error:
        raise ImageError(f"cannot be read: {error.strerror}.", path=path, code="image-unreadable") from error
    if not regular:
        raise ImageError("is not a regular file.", path=path, code="image-unreadable")
    return read_header(path).size


def ordered_classes(
    options: LoadOptions, named: Sequence[str], images: Sequence[AnnotatedImage]
) -> tuple[str, ...]:
    """The pinned class order: the person's, else the set's own names file, else first appearance."""
    if options.class_names is not None:
        return options.class_names
    seen = dict.fromkeys(named)
    for image in images:
        seen.update(dict.fromkeys(box.label for box in image.boxes))
    return tuple(seen)


def report_not_listed(
    images: Sequence[AnnotatedImage], named: Sequence[str], list_name: str, report: Report
) -> None:
    """Say which classes have boxes but are not in the set's own list, once each, at their first box.

    It is a warning (``class-not-listed``): the label files say the names, and a window shows them. Commands
    that judge or convert a set make it an error.

    Args:
        images: The set's.
        named: The classes of the list; empty: there is none.
        list_name: Its file, relative to the set.
        report: Told.
    """
    if not named:
        return
    first: dict[str, tuple[AnnotatedImage, int]] = {}
    boxes: Counter[str] = Counter()
    for image in images:
        for index, box in enumerate(image.boxes):
            if box.label not in named:
                first.setdefault(box.label, (image, index))
                boxes[box.label] += 1
    for label, (image, index) in first.items():
        report.warning(
            "class-not-listed",
            f"{label[:120]!r} is none of the classes in {list_name} "
            f"({counted(boxes[label], 'box', 'boxes')}).",
            path=image.annotation or image.path,
            key=image.key,
            box=index,
            hint="Correct it, or name it there.",
        )
