"""The first picture of a set, with its boxes, long before the set is read.

Names are listed, and nothing but the one picture and its one label file is opened: a folder of 100,000
pictures shows its first one as a folder of 200 does. What is found here is looked at only; the session reads
it again.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from natsort import natsort_keygen, natsorted

from annotator.core.class_colours import FACT, chosen_from
from annotator.core.sidecar import FOLDER
from converters import registry
from converters.colours import ClassColours, Rgb
from converters.errors import DataError
from converters.formats.base import LoadOptions
from converters.images import IMAGE_SUFFIXES
from converters.layout import Tree, key_of, scan, stem_of, suffix_of
from converters.model import AnnotatedImage
from converters.report import Report
from converters.work import WorkFolder

_FEW = 300
"""So many files that may say something about the whole set are looked at; of more only those that belong to
the picture, or are lists of classes by their names."""
_LISTS = (".names", ".yaml", ".yml", ".data", "classes.txt", "labelmap.txt", "labels.txt", "arknet.labels")
_SHARED_BYTES = 1_000_000
"""Label files of many pictures are read for one picture where all of them together are no larger."""
_HEAD = re.compile(r"^([^0-9\n]*)([0-9]*).*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class FirstLook:
    """A picture of a set that is not open yet.

    Attributes:
        root: The set's folder.
        image: The picture; its boxes where they can be read quickly.
        colours: The classes as far as they are known, in the order in which they will be, with their colours.
        number: How many pictures the folder seems to hold.
    """

    root: Path
    image: AnnotatedImage
    colours: ClassColours
    number: int


def first_look(root: Path, prefer: str | None = None) -> FirstLook | None:
    """Find the picture with which a set will be shown first.

    Args:
        root: The set's folder.
        prefer: Key of the picture at which the person was, which is taken if it is there.

    Returns:
        None where the folder holds no picture that can be shown, or is no folder.
    """
    if not root.is_dir():
        return None
    try:
        tree = scan(root, in_order=False)
    except DataError:
        return None
    names, others = _sorted_out(tree)
    if WorkFolder(root).exists():
        names = [name for name in names if name.startswith("obj/")]
    if not names:
        return None
    wanted = [name for name in names if name.startswith(prefer)] if prefer is not None else []
    name = next((name for name in wanted if key_of(name) == prefer), "")
    if not name:
        # By their keys, as the session orders them: with the suffix "a-1" would come before "a".
        name = names[0] if len(names) == 1 else _first_of(names)
    image, class_names = _read(_part_of(tree, name, others), name)
    pinned, chosen = _pinned(root)
    shown = (*pinned, *(label for label in class_names if label not in pinned))
    return FirstLook(root, image, ClassColours(shown, chosen), len(names))


def first_natural(names: Iterable[str]) -> str:
    """What natural sorting would put first, without sorting: by the first word and number, then the few left.

    Raises:
        ValueError: There is no name.
    """
    every = list(names)
    if not every:
        raise ValueError("no names")
    parts = _HEAD.findall("\n".join(every))
    if len(parts) != len(every) or not all(map(str.isascii, every)):
        return min(every, key=natsort_keygen())  # a line break in a name, or letters with rules of their own
    first = min({text for text, _ in parts})
    numbers = [int(number or -1) if text == first else None for text, number in parts]
    least = min(number for number in numbers if number is not None)
    left = [name for name, number in zip(every, numbers, strict=True) if number == least]
    return min(left, key=natsort_keygen())


def _first_of(names: Sequence[str]) -> str:
    """The picture that comes first in the order of keys."""
    keys = [name[: name.rfind(".")] for name in names]
    return names[keys.index(first_natural(keys))]


def _sorted_out(tree: Tree) -> tuple[list[str], list[str]]:
    """The files that are pictures by their names, and the others. Of 100,000 that has to be quick."""
    pictures: list[str] = []
    others: list[str] = []
    known: dict[str, bool] = {}
    for name in tree.files:
        end = name[name.rfind(".") :]
        is_picture = known.get(end)
        if is_picture is None:
            is_picture = suffix_of(name) in IMAGE_SUFFIXES
            if len(known) < _FEW:
                known[end] = is_picture
        (pictures if is_picture else others).append(name)
    return pictures, others


def _part_of(tree: Tree, picture: str, others: Sequence[str]) -> Tree:
    """The part of a set that is needed to read one picture: it, its label files, lists of classes."""
    kept = list(others)
    if len(kept) > _FEW:
        stem = stem_of(picture)
        kept = [name for name in kept if stem in name or name.endswith(_LISTS)]
        kept = [name for name in kept if stem_of(name) == stem or name.endswith(_LISTS)]
    return Tree(tree.root, tuple(natsorted([picture, *kept])), tree.folders)


def _read(tree: Tree, name: str) -> tuple[AnnotatedImage, tuple[str, ...]]:
    bare = AnnotatedImage(key_of(name), tree.root / name, (1, 1), labelled=False)
    try:
        codec = registry.codec_of_tree(tree)
        if registry.is_shared(codec) and _bytes_of(tree) > _SHARED_BYTES:
            return bare, ()
        dataset = codec.load(tree.root, Report(), LoadOptions(tree=tree, keep_good=True))
    except DataError:
        return bare, ()
    found = next((image for image in dataset if image.key == bare.key), bare)
    return replace(found, split=None), dataset.class_names


def _bytes_of(tree: Tree) -> int:
    total = 0
    for name in tree.files:
        if suffix_of(name) not in IMAGE_SUFFIXES:
            with contextlib.suppress(OSError):
                total += (tree.root / name).stat().st_size
    return total


def _pinned(root: Path) -> tuple[tuple[str, ...], Mapping[str, Rgb]]:
    """The order of the classes and their colours, as they were when the set was open last."""
    path = root / FOLDER / "annotator.db"
    if not path.is_file():
        return (), {}
    with contextlib.suppress(sqlite3.Error):
        database = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=0.2)
        with contextlib.closing(database):
            rows = database.execute("SELECT name FROM class_names ORDER BY position").fetchall()
            colours = database.execute("SELECT value FROM facts WHERE name = ?", (FACT,)).fetchone()
        return tuple(str(name) for (name,) in rows), chosen_from(bytes(colours[0]) if colours else None)
    return (), {}
