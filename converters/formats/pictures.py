"""Which picture a label file means, where one file names many.

What a file says of a picture is never used as a path. It is compared with the names of the set's pictures:

1. as seen from the label file's folder, then from the set's root, then from folders for pictures beside and
   above the label file (``images/``, ``train2017/``, the split that the label file's own name gives);
2. by its longest ending that some picture has (``/home/me/set/images/a.png`` → ``images/a.png``);
3. by its stem, where only the extension differs (or there is none) and one picture has it.

Names are compared case-exact, in Unicode's composed form (archives made on a Mac change it). Where several
pictures are left, those nearest to the label file count, then those of its split; else it is an error.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote

from converters.errors import FormatError
from converters.images import IMAGE_SUFFIXES
from converters.layout import IMAGE_FOLDERS, Tree, folder_of, key_of, scan, stem_of, suffix_of
from converters.model import Split

MISSING = "image-missing"
"""Code of the error of a reference that no picture of the set fits."""

_PICTURE_FOLDERS = IMAGE_FOLDERS | {"data", "media"}
_SPLITS = {
    "train": Split.TRAIN,
    "training": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
    "testing": Split.TEST,
}
_DRIVE = re.compile(r"[A-Za-z]:")
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_WORDS = re.compile(r"[A-Za-z]+|[0-9]+")
_TOO_MANY = 100
"""More pictures of one name than that are told apart by no rule of thumb."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture of the set.

    Attributes:
        key: Its path relative to the folder of pictures, without extension.
        name: The same with extension.
        path: The file.
    """

    key: str
    name: str
    path: Path


def split_in_name(name: str) -> Split | None:
    """The split that a file or folder is named after: ``instances_train2017``, ``valid``, ``labels-test``.

    The last such word counts; a word is what stands between other characters than letters.
    """
    found = [_SPLITS[word.casefold()] for word in _WORDS.findall(name) if word.casefold() in _SPLITS]
    return found[-1] if found else None


def split_of_path(name: str) -> Split | None:
    """The split that a label file is for, by its own name, else by the nearest folder that is a split's."""
    for part in reversed([*folder_of(name).split("/"), stem_of(name)]):
        if (split := split_in_name(part)) is not None:
            return split
    return None


class PictureIndex:
    """Finds the pictures that label files refer to.

    Attributes:
        base: The folder that names and keys of pictures are relative to.
        pictures: All pictures, in natural order of their names.
    """

    def __init__(self, tree: Tree, images: Path | None = None) -> None:
        """Index a set's pictures.

        Args:
            tree: The set's files.
            images: Look for pictures in this folder only. Keys are relative to the set's root where it
                lies in there, else to it.

        Raises:
            NotADatasetError: There is no such folder.
        """
        self.root = tree.root
        if images is not None:
            tree = _tree_of(images, tree)
        self.base = tree.root
        self._folders = tree.folders
        self.pictures = tuple(Picture(key_of(name), name, tree.root / name) for name in tree.pictures)
        self._by_name = {_same(picture.name): picture for picture in self.pictures}
        self._tails: dict[str, list[Picture]] | None = None
        self._stems: dict[str, list[Picture]] | None = None
        self._bases: dict[str, tuple[str, ...]] = {}

    def __len__(self) -> int:
        return len(self.pictures)

    def find(self, reference: str, label_file: str) -> Picture:
        """The picture that a label file means.

        Args:
            reference: What it says: a name or path, in the way of any system, or an address.
            label_file: The label file, relative to the set's root.

        Raises:
            FormatError: It leads outside the set (``path-outside``), fits no picture (``image-missing``) or
                fits several (``picture-ambiguous``).
        """
        parts, foreign = self._parts(reference)
        name = _same("/".join(parts))
        if ".." in parts:
            if foreign:
                raise _outside(reference)
            return self._beside(reference, parts, label_file)
        if not foreign:
            for base in self._near(label_file):
                if found := self._by_name.get(f"{base}/{name}" if base else name):
                    return found
        found = self._by_ending(reference, name, label_file)
        if found is not None:
            return found
        if foreign:
            raise _outside(reference, ", and no picture of the set has that name")
        raise FormatError(f"there is no picture {shown(reference)} in the set.", code=MISSING)

    def _parts(self, reference: str) -> tuple[list[str], bool]:
        """The steps of a path, and whether it is one of another place."""
        if not reference.strip():
            raise FormatError("the name of the picture is empty.", code="no-picture-name")
        foreign = is_foreign(reference)
        if scheme := _SCHEME.match(reference):
            reference = unquote(re.split(r"[?#]", reference[scheme.end() :], maxsplit=1)[0])
        if any(unicodedata.category(c) in ("Cc", "Cs") for c in reference):
            raise FormatError(
                f"the picture's name {shown(reference)} has a control character in it.", code="path-outside"
            )
        parts = [part for part in reference.replace("\\", "/").split("/") if part not in ("", ".")]
        if not parts:
            raise FormatError(f"{shown(reference)} is no picture's name.", code="no-picture-name")
        return parts, foreign

    def _beside(self, reference: str, parts: list[str], label_file: str) -> Picture:
        """Follow ``..`` by words alone; it must not leave the set."""
        folder = folder_of(label_file)
        place = folder.split("/") if folder and self.base == self.root else []
        for part in parts:
            if part != "..":
                place.append(part)
            elif place:
                place.pop()
            else:
                raise _outside(reference)
        found = self._by_name.get(_same("/".join(place)))
        if found is None:
            raise FormatError(f"there is no picture {shown(reference)} in the set.", code=MISSING)
        return found

    def _near(self, label_file: str) -> tuple[str, ...]:
        """Folders in which a label file's pictures lie, the likeliest first."""
        folder = folder_of(label_file)
        stem = stem_of(label_file)
        if label_file not in self._bases:
            split = split_in_name(stem)
            spelled: dict[str, list[str]] = {}
            for name in self._folders:
                spelled.setdefault(folder_of(name), []).append(name)
            bases = [folder, ""]
            parts = folder.split("/") if folder else []
            for depth in range(len(parts), -1, -1):
                bases += _picture_folders("/".join(parts[:depth]), spelled, stem, split)
            self._bases[label_file] = tuple(dict.fromkeys(bases))
        return self._bases[label_file]

    def _by_ending(self, reference: str, name: str, label_file: str) -> Picture | None:
        if self._tails is None or self._stems is None:
            self._tails = _endings((picture.name, picture) for picture in self.pictures)
            self._stems = _endings((picture.key, picture) for picture in self.pictures)
        for tails, text in ((self._tails, name), (self._stems, _without_suffix(name)), (self._stems, name)):
            parts = text.split("/")
            for start in range(len(parts)):
                found = tails.get("/".join(parts[start:]))
                if found is not None:
                    return self._one_of(found, parts[:start], reference, label_file)
        return None

    def _one_of(
        self, found: list[Picture], lost: list[str], reference: str, label_file: str
    ) -> Picture | None:
        """The one of several pictures that is meant; None where it can be none of them."""
        if len(found) > _TOO_MANY:
            raise _ambiguous(reference, found)
        # train/a.png is not val/a.png, however much of their names is the same.
        wanted = next((s for part in reversed(lost) if (s := _SPLITS.get(part.casefold()))), None)
        if wanted is not None:
            found = [picture for picture in found if _split_of_folders(picture.name) in (None, wanted)]
        if len(found) > 1:
            near = [_shared(label_file, picture.name) for picture in found]
            found = [picture for picture, depth in zip(found, near, strict=True) if depth == max(near)]
        if len(found) > 1 and (split := split_of_path(label_file)) is not None:
            found = [p for p in found if split_of_path(folder_of(p.name) + "/_") is split] or found
        if len(found) > 1:
            raise _ambiguous(reference, found)
        return found[0] if found else None


def is_foreign(reference: str) -> bool:
    """Whether a reference is a path or address of another place: absolute, on a disk, with a scheme."""
    return bool(reference.startswith(("/", "\\")) or _DRIVE.match(reference) or _SCHEME.match(reference))


def nearness(label_file: str, picture: str) -> tuple[int, bool]:
    """How likely a label file is a picture's, by their places in the set: more is likelier.

    Args:
        label_file: The label file, relative to the set's root.
        picture: The picture, likewise.
    """
    split = split_of_path(folder_of(picture) + "/_")
    return _shared(label_file, picture), split is not None and split_of_path(label_file) is split


def shown(text: str) -> str:
    """A name from a file, fit to be printed: quoted, at most 120 characters."""
    return repr(text if len(text) <= 120 else text[:120] + "…")


def _tree_of(images: Path, tree: Tree) -> Tree:
    """The files of a folder of pictures; part of the set's where it lies in there."""
    try:
        inside = images.resolve().relative_to(tree.root.resolve()).as_posix()
    except ValueError:
        return scan(images)
    if inside == ".":
        return tree
    return tree.below(inside) if inside in tree.folders else scan(images)


def _picture_folders(
    above: str, spelled: dict[str, list[str]], stem: str, split: Split | None
) -> Iterator[str]:
    """Folders for pictures in a folder: images, the split's, a split's in images, and images in a split's."""
    children = spelled.get(above, [])
    plain = [name for name in children if name.rpartition("/")[2].casefold() in _PICTURE_FOLDERS]
    named = [name for name in children if _is_for(name, stem, split)]
    for folder in named:
        yield folder
        yield from (
            name for name in spelled.get(folder, []) if name.rpartition("/")[2].casefold() in _PICTURE_FOLDERS
        )
    for folder in plain:
        yield from (name for name in spelled.get(folder, []) if _is_for(name, stem, split))
    yield from plain


def _is_for(folder: str, stem: str, split: Split | None) -> bool:
    """Whether a folder is for a label file's split (``train2017`` for ``instances_train2017``)."""
    base = folder.rpartition("/")[2]
    return split is not None and (split_in_name(base) is split or stem.endswith(base))


def _split_of_folders(name: str) -> Split | None:
    parts = folder_of(name).split("/")
    return next((s for part in reversed(parts) if (s := _SPLITS.get(part.casefold()))), None)


def _shared(first: str, second: str) -> int:
    """How many leading folders two paths share."""
    count = 0
    for a, b in zip(folder_of(first).split("/"), folder_of(second).split("/"), strict=False):
        if a != b or not a:
            break
        count += 1
    return count


def _endings(named: Iterable[tuple[str, Picture]]) -> dict[str, list[Picture]]:
    """Every ending of every name and the pictures that have it."""
    result: dict[str, list[Picture]] = {}
    for name, picture in named:
        tail = _same(name)
        while tail:
            result.setdefault(tail, []).append(picture)
            tail = tail.partition("/")[2]
    return result


def _without_suffix(name: str) -> str:
    return key_of(name) if suffix_of(name) in IMAGE_SUFFIXES else name


def _outside(reference: str, more: str = "") -> FormatError:
    return FormatError(
        f"{shown(reference)} leads outside the set{more}.",
        code="path-outside",
        hint="Name pictures relative to the label file or to the set's folder.",
    )


def _ambiguous(reference: str, found: list[Picture]) -> FormatError:
    more = f" (and {len(found) - 2} more)" if len(found) > 2 else ""
    return FormatError(
        f"{shown(reference)} could be {found[0].name} or {found[1].name}{more}.",
        code="picture-ambiguous",
        hint="Let the label file name the folder, too.",
    )


def _same(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)
