"""``work``, the Darknet data set: what lies where in it, and the lists that are derived from split.csv.

work/
  obj/           each picture with its label file (.txt) beside it
  augmented/     copies of training pictures, likewise
  obj.names      class names, a line each; a class id is a line's number
  obj.data       what Darknet is pointed at
  split.csv      the truth about which picture is in which split
  train.txt val.txt test.txt   derived; paths relative to work, so Darknet runs with work as its directory
  runs/          one folder for each training
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from natsort import natsorted

from converters.errors import FormatError, NotADatasetError, UsageError
from converters.files import write_if_changed
from converters.images import DARKNET_SUFFIXES
from converters.model import Split
from converters.reading import read_text
from converters.swap import finish

_COLUMNS = ("image", "split", "group", "source")


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One line of split.csv.

    Attributes:
        image: The picture relative to ``work``, with extension (``obj/maksssksksss0.png``).
        split: Its split.
        group: Name of the group that must stay together (near-identical pictures), or empty.
        source: The picture's path in the set it came from, relative to that set's root.
    """

    image: str
    split: Split
    group: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """Paths in a Darknet data set."""

    root: Path

    @property
    def obj(self) -> Path:
        """Folder of the original pictures and their labels."""
        return self.root / "obj"

    @property
    def augmented(self) -> Path:
        """Folder of the copies and their labels."""
        return self.root / "augmented"

    @property
    def names(self) -> Path:
        """The class names."""
        return self.root / "obj.names"

    @property
    def data(self) -> Path:
        """Darknet's data file."""
        return self.root / "obj.data"

    @property
    def split_csv(self) -> Path:
        """The truth about the split."""
        return self.root / "split.csv"

    @property
    def runs(self) -> Path:
        """Folder of the training runs."""
        return self.root / "runs"

    def list_of(self, split: Split) -> Path:
        """The derived list of a split (``train.txt``)."""
        return self.root / f"{split}.txt"

    def exists(self) -> bool:
        """Whether the folder is such a data set."""
        return self.split_csv.is_file() and self.names.is_file() and self.obj.is_dir()


def open_work(root: Path) -> WorkFolder:
    """The Darknet data set in ``root``.

    What an interrupted change left there is finished first.

    Raises:
        UsageError: There is no such folder.
        NotADatasetError: It is none.
        DataError: Another program is changing it.
    """
    if not root.exists():
        raise UsageError("there is no such folder.", path=root)
    finish(root)
    work = WorkFolder(root)
    if not work.exists():
        raise NotADatasetError(
            "is not a Darknet data set (no split.csv, obj.names and obj/ in it).",
            path=root,
            hint=f"Make one from a set of pictures: convert-cli {root} {root.name}-work --to yolo",
        )
    return work


def read_names(path: Path) -> tuple[str, ...]:
    """Class names of a names file, in order; blank lines at the end are ignored.

    Raises:
        FormatError: No name, a blank line between names, a name twice, or not UTF-8.
    """
    names = [line.strip() for line in read_text(path).rstrip().splitlines()]
    if not names:
        raise FormatError(
            "holds no class name.",
            path=path,
            code="no-classes",
            hint="Write the class names into it, a line each, in the order of their ids.",
        )
    for number, name in enumerate(names, 1):
        if not name:
            raise FormatError(
                "blank line between class names: is it a class, with an id of its own, or none?",
                path=path,
                line=number,
                code="bad-names",
                hint="Write the name of the class there, or remove the line.",
            )
        if name in names[: number - 1]:
            raise FormatError(
                f"class {name!r} stands here twice (as ids {names.index(name)} and {number - 1}).",
                path=path,
                line=number,
                code="bad-names",
                hint="Give one of them another name; convert-cli --rename makes the two one class.",
            )
    return tuple(names)


def read_split(work: WorkFolder) -> list[SplitRow]:
    """The lines of split.csv.

    Raises:
        FormatError: A column is missing, a split is unknown, or an image stands there twice.
    """
    path = work.split_csv
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise FormatError(f"cannot be read: {error}.", path=path) from error
    reader = csv.DictReader(io.StringIO(text))
    if not {"image", "split"} <= set(reader.fieldnames or ()):
        raise FormatError("needs the columns image and split.", path=path, line=1, code="bad-split")
    rows: list[SplitRow] = []
    seen: set[str] = set()
    for record in reader:
        image, split = record["image"] or "", record["split"] or ""
        if split not in tuple(Split):
            raise FormatError(
                f"split {split!r} is none of train, val, test.",
                path=path,
                line=reader.line_num,
                code="bad-split",
            )
        if image in seen:
            raise FormatError(
                f"{image} stands here twice.", path=path, line=reader.line_num, code="bad-split"
            )
        seen.add(image)
        rows.append(SplitRow(image, Split(split), record.get("group") or "", record.get("source") or ""))
    return rows


def write_split(work: WorkFolder, rows: Iterable[SplitRow]) -> None:
    """Write split.csv in natural order of the images.

    Raises:
        WriteError: It cannot be written.
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for row in natsorted(rows, key=lambda row: row.image):
        writer.writerow((row.image, row.split, row.group, row.source))
    write_if_changed(work.split_csv, out.getvalue())


def copies_in(work: WorkFolder) -> list[str]:
    """The augmented pictures, relative to ``work``, in natural order."""
    if not work.augmented.is_dir():
        return []
    names = [path.name for path in work.augmented.iterdir() if path.suffix.lower() in DARKNET_SUFFIXES]
    return [f"augmented/{name}" for name in natsorted(names) if not name.startswith(".")]


def list_texts(work: WorkFolder, rows: Iterable[SplitRow]) -> dict[str, str]:
    """What the three lists have to say by these rows, by file name; copies follow in train.txt."""
    listed = list(rows)
    texts: dict[str, str] = {}
    for split in Split:
        paths = [row.image for row in listed if row.split is split]
        if split is Split.TRAIN:
            paths += copies_in(work)
        texts[work.list_of(split).name] = "".join(f"{path}\n" for path in paths)
    return texts


def data_text(classes: int) -> str:
    """What obj.data has to say for so many classes."""
    return f"classes = {classes}\ntrain = train.txt\nvalid = val.txt\nnames = obj.names\nbackup = runs\n"


def write_lists(work: WorkFolder) -> None:
    """Derive train.txt, val.txt, test.txt and obj.data from split.csv, the copies and obj.names.

    Raises:
        FormatError: split.csv or obj.names is broken.
        WriteError: A list cannot be written.
    """
    for name, text in list_texts(work, read_split(work)).items():
        write_if_changed(work.root / name, text)
    write_if_changed(work.data, data_text(len(read_names(work.names))))
