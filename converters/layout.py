"""Which files a folder holds, which label file belongs to which picture, and where a new one would go.

A picture's label file has its stem and lies in one of these folders, the first that has it:

1. the folder beside ``images/`` that is meant for labels (``annotations/``, ``labels/`` …), same subfolders:
   ``images/train/a.png`` → ``annotations/train/a.xml``, ``train/images/a.png`` → ``train/labels/a.txt``;
2. the picture's own folder;
3. a folder for labels inside the picture's folder, or beside it, or the one of (1) without subfolders.

Names of folders and suffixes are compared case-blind, stems exactly (but for Unicode normalisation, which
archives made on a Mac change).
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from natsort import natsorted

from converters.errors import FormatError, NotADatasetError, UsageError
from converters.images import IMAGE_SUFFIXES
from converters.model import Split
from converters.reading import read_text
from converters.report import Report

IGNORED_FOLDERS = frozenset(
    {"runs", "augmented", "__macosx", "@eadir", "segmentationclass", "segmentationobject", "visualization"}
    | {"segmentationclassvisualization", "segmentationobjectvisualization", "annotationsvisualization"}
)
"""Folders without pictures of the set (case-blind): trainings, copies, what systems leave behind, and masks
and drawings of the labels as they stand beside the pictures in the VOC devkit and in what labelme writes."""

IMAGE_FOLDERS = frozenset({"images", "jpegimages", "image", "imgs", "img", "pictures", "photos"})
"""Folders that have a folder of labels beside them (case-blind)."""

SHARED_SUFFIXES = frozenset({".json", ".csv", ".tsv", ".xml"})
"""Of label files that hold many pictures, and so may be named instead of their folder (lower case)."""

_SPLIT_FOLDERS = {
    "train": Split.TRAIN,
    "val": Split.VAL,
    "valid": Split.VAL,
    "validation": Split.VAL,
    "test": Split.TEST,
}


@dataclass(frozen=True, slots=True)
class Tree:
    """The files of a folder and its subfolders, without hidden and ignored ones.

    Attributes:
        root: The folder.
        files: Paths relative to it with ``/``, in natural order. Not only regular files: a broken link to a
            picture is one of the set's pictures, and has to be reported.
        folders: Relative paths of all folders (``""`` is the root itself).
        unreadable: Folders that could not be listed, with the reason.
    """

    root: Path
    files: tuple[str, ...]
    folders: frozenset[str]
    unreadable: tuple[tuple[str, str], ...] = ()

    def with_suffix(self, *suffixes: str) -> list[str]:
        """The files whose names end so (lower case, with dot), case-blind."""
        return [name for name in self.files if suffix_of(name) in suffixes]

    @property
    def pictures(self) -> list[str]:
        """The files that are pictures by their names."""
        return [name for name in self.files if suffix_of(name) in IMAGE_SUFFIXES]

    def below(self, folder: str) -> Tree:
        """The same tree with only what lies under one of its folders (paths stay relative to the root)."""
        inside = f"{folder}/"
        return Tree(
            self.root,
            tuple(name for name in self.files if name.startswith(inside)),
            frozenset(name for name in self.folders if name == folder or name.startswith(inside)),
            self.unreadable,
        )


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture and its label file, both relative to the root.

    Attributes:
        key: The picture's path without extension.
        picture: The picture.
        label: Its label file, or where that would be written.
        exists: Whether there is one.
    """

    key: str
    picture: str
    label: str
    exists: bool


@dataclass(frozen=True, slots=True)
class Pairing:
    """All pictures with their labels, and what is left over.

    Attributes:
        pairs: In natural order of the keys.
        orphans: Label files (as far as one can tell from name and place) that belong to no picture.
        twins: (kept, left out): two pictures that differ only in the extension.
        contested: (label, picture, picture): one label file that two pictures could claim equally.
    """

    pairs: tuple[Pair, ...]
    orphans: tuple[str, ...] = ()
    twins: tuple[tuple[str, str], ...] = ()
    contested: tuple[tuple[str, str, str], ...] = ()

    @property
    def labelled(self) -> int:
        """Number of pictures that have a label file."""
        return sum(pair.exists for pair in self.pairs)


@dataclass(frozen=True, slots=True)
class LabelKind:
    """Where a format keeps its label files.

    Attributes:
        suffix: Of its label files, lower case with dot.
        folders: Names of folders for labels, the likeliest first (lower case). The first is made where
            there is none.
        reserved: File names with that suffix that are never labels (lists, names, read-me files).
    """

    suffix: str
    folders: tuple[str, ...]
    reserved: frozenset[str] = frozenset()


def suffix_of(name: str) -> str:
    """The extension in lower case with its dot, or an empty string."""
    dot = name.rfind(".")
    return name[dot:].lower() if dot > name.rfind("/") + 1 else ""


def stem_of(name: str) -> str:
    """The file's name without folder and extension."""
    return name.rpartition("/")[2].removesuffix(name[len(name) - len(suffix_of(name)) :])


def folder_of(name: str) -> str:
    """The folder of a relative path; empty for the root."""
    return name.rpartition("/")[0]


def key_of(name: str) -> str:
    """A picture's key: its relative path without extension."""
    return name[: len(name) - len(suffix_of(name))]


def scan(root: Path, *, in_order: bool = True) -> Tree:
    """List a folder with its subfolders (links to folders are followed, loops are not).

    Args:
        root: The folder.
        in_order: Put the files in natural order, which takes most of the time (``False``: as they come).

    Raises:
        UsageError: There is no such folder.
        NotADatasetError: It is a file, or cannot be listed.
    """
    if not root.is_dir():
        if not root.exists():
            raise UsageError("there is no such folder.", path=root)
        raise NotADatasetError("is a file, not a folder.", path=root)
    files: list[str] = []
    folders: list[str] = []
    unreadable: list[tuple[str, str]] = []
    seen: set[tuple[int, int]] = set()
    waiting = [""]
    while waiting:
        folder = waiting.pop()
        try:
            info = (root / folder).stat()
            if (info.st_dev, info.st_ino) in seen:
                continue
            seen.add((info.st_dev, info.st_ino))
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    name = f"{folder}/{entry.name}" if folder else entry.name
                    if entry.name.startswith("."):
                        continue
                    if not _is_folder(entry):
                        files.append(name)
                    elif entry.name.casefold() not in IGNORED_FOLDERS:
                        # A link comes last: what it leads to has its own name, if it is in the set.
                        waiting.insert(0 if entry.is_symlink() else len(waiting), name)
        except OSError as error:
            if not folder:
                raise NotADatasetError(f"cannot be listed: {error.strerror}.", path=root) from error
            unreadable.append((folder, error.strerror or str(error)))
        folders.append(folder)
    files = natsorted(files) if in_order else files
    return Tree(root, tuple(files), frozenset(folders), tuple(unreadable))


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Whether an entry is a folder. A link in a circle is none: as a picture it will be reported."""
    try:
        return entry.is_dir()
    except OSError:
        return False


@dataclass(slots=True)
class Places:
    """Finds label files in a tree by the rules at the top of this module."""

    tree: Tree
    kind: LabelKind
    _labels: dict[tuple[str, str], str] = field(init=False, default_factory=dict)
    _spellings: dict[str, list[str]] = field(init=False, default_factory=dict)
    _homes: dict[str, str] = field(init=False, default_factory=dict)
    _near: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        for name in self.tree.files:
            if suffix_of(name) == self.kind.suffix:
                self._labels.setdefault((folder_of(name), _same(stem_of(name))), name)
        for folder in sorted(self.tree.folders):
            self._spellings.setdefault(folder.casefold(), []).append(folder)

    def find(self, picture: str) -> tuple[str, bool] | None:
        """The label file of a picture and whether its place says so beyond doubt; None if there is none."""
        stem = _same(stem_of(picture))
        sure, unsure = self._folders_for(folder_of(picture))
        for folder in sure:
            if found := self._labels.get((folder, stem)):
                return found, True
        for folder in unsure:
            found = self._labels.get((folder, stem))
            if found and found.rpartition("/")[2].casefold() not in self.kind.reserved:
                return found, False
        return None

    def would_be(self, picture: str) -> str:
        """Where a picture's label file would be written."""
        folder = folder_of(picture)
        if folder not in self._homes:
            self._homes[folder] = self._home_of(folder)
        home = self._homes[folder]
        name = stem_of(picture) + self.kind.suffix
        return f"{home}/{name}" if home else name

    def home_folders(self, picture: str) -> tuple[str, ...]:
        """All folders in which a label file of this picture's folder could lie."""
        sure, unsure = self._folders_for(folder_of(picture))
        return sure + unsure

    def _folders_for(self, folder: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
        if folder not in self._near:
            sure = [*self._existing(_mirrored(folder, self.kind)), folder]
            unsure = self._existing(_nearby(folder, self.kind))
            self._near[folder] = tuple(sure), tuple(name for name in unsure if name not in sure)
        return self._near[folder]

    def _existing(self, wanted: Iterable[str]) -> list[str]:
        """The real folders of these names, whatever their case (the exact spelling first)."""
        found: list[str] = []
        for name in wanted:
            spelled = self._spellings.get(name.casefold(), [])
            found += [name] if name in spelled else []
            found += spelled
        return list(dict.fromkeys(found))

    def _home_of(self, folder: str) -> str:
        if home := self._beside_images(folder):
            return home
        has_labels = {where for where, _ in self._labels}
        if folder in has_labels:
            return folder
        near = [name for name in self._existing(_nearby(folder, self.kind)) if name in has_labels]
        if near:
            return near[0]
        parts = folder.split("/") if folder else []
        for place in reversed(range(len(parts))):
            if parts[place].casefold() in IMAGE_FOLDERS:
                name = self.kind.folders[0]
                # JPEGImages/ is written with capitals, and so is what stands beside it.
                parts[place] = name.capitalize() if parts[place][0].isupper() else name
                return "/".join(parts)
        return folder

    def _beside_images(self, folder: str) -> str | None:
        """The label folder that stands beside an image folder, with the picture's subfolders."""
        parts = folder.split("/") if folder else []
        for place in reversed(range(len(parts))):
            if parts[place].casefold() in IMAGE_FOLDERS:
                for name in self.kind.folders:
                    if found := self._existing(["/".join([*parts[:place], name])]):
                        return "/".join([found[0], *parts[place + 1 :]])
        return None


def pair_up(tree: Tree, kind: LabelKind) -> Pairing:
    """Give each picture its label file."""
    places = Places(tree, kind)
    pictures: dict[str, str] = {}
    twins: list[tuple[str, str]] = []
    for picture in tree.pictures:
        kept = pictures.setdefault(key_of(picture), picture)
        if kept != picture:
            twins.append((kept, picture))
    found = {key: places.find(picture) for key, picture in pictures.items()}
    claims: dict[str, list[str]] = {}
    for key, hit in found.items():
        if hit:
            claims.setdefault(hit[0], []).append(key)
    contested: list[tuple[str, str, str]] = []
    disputed: set[str] = set()
    for label, claimants in claims.items():
        sure = [key for key in claimants if (found[key] or ("", False))[1]]
        rivals = sure or claimants
        if len(rivals) > 1:
            # No picture is nearer to the label than the other: guessing would mislabel one of them.
            contested.append((label, pictures[rivals[0]], pictures[rivals[1]]))
            disputed.update(rivals)
        for key in claimants:
            if key not in rivals:
                found[key] = None
    pairs = []
    for key in natsorted(pictures):
        if key not in disputed:
            hit = found[key]
            label = hit[0] if hit else places.would_be(pictures[key])
            pairs.append(Pair(key, pictures[key], label, hit is not None))
    used = set(claims)
    near = {folder for picture in pictures.values() for folder in places.home_folders(picture)}
    orphans = tuple(
        name
        for name in tree.with_suffix(kind.suffix)
        if name not in used
        and (folder_of(name) in near or folder_of(name).rpartition("/")[2].casefold() in kind.folders)
        and name.rpartition("/")[2].casefold() not in kind.reserved
    )
    return Pairing(tuple(pairs), orphans, tuple(twins), tuple(contested))


def label_path(root: Path, kind: LabelKind, picture: Path) -> Path:
    """The label file of one picture in a set: the one there is, else where it would be written.

    Raises:
        UsageError: The picture does not lie in the set's folder.
        NotADatasetError: There is no such folder.
    """
    if not picture.is_relative_to(root):
        raise UsageError(f"does not lie in {root}.", path=picture)
    name = picture.relative_to(root).as_posix()
    places = Places(scan(root), kind)
    hit = places.find(name)
    return root / (hit[0] if hit else places.would_be(name))


def report_layout(tree: Tree, pairing: Pairing, report: Report) -> None:
    """Say what is wrong with the files as such, before one of them is read."""
    for folder, reason in tree.unreadable:
        report.error("folder-unreadable", f"cannot be listed: {reason}.", path=tree.root / folder)
    for kept, other in pairing.twins:
        report.error(
            "same-name",
            f"has the same name as {kept} but for the extension, so both would share one label file; "
            "only that one is used.",
            path=tree.root / other,
            key=key_of(kept),
            hint="Rename or remove one of them.",
        )
    for label, first, second in pairing.contested:
        report.error(
            "label-ambiguous",
            f"could belong to {first} or to {second}; both are left out.",
            path=tree.root / label,
            hint="Put the label file beside its picture.",
        )
    for orphan in pairing.orphans:
        report.warning(
            "label-without-image",
            f"no picture named {stem_of(orphan)} belongs to this label file.",
            path=tree.root / orphan,
        )


def splits_from_lists(
    lists: Mapping[str, Split], tree: Tree, keys: Iterable[str], report: Report
) -> dict[str, Split]:
    """Read which picture is in which split from lists of picture names, a line each.

    A line may be a path from elsewhere (``data/obj/a.png``, ``/home/me/a.png``) or a bare stem: it stands
    for the picture whose key ends with most of it.

    Args:
        lists: File of a list, relative to the root, and its split.
        tree: The set's files.
        keys: Keys of its pictures.
        report: Told of lines that name no picture and of pictures in two lists.

    Returns:
        Split of each listed picture, by key.
    """
    by_tail = _tails(keys)
    result: dict[str, Split] = {}
    for name, split in lists.items():
        missing: list[tuple[int, str]] = []
        for number, line in _lines_of(tree.root / name, report):
            key = _match(line, by_tail)
            if key is None:
                missing.append((number, line))
            elif result.setdefault(key, split) is not split:
                report.warning(
                    "in-two-splits",
                    f"{key} is in {result[key]} already; it stays there.",
                    path=tree.root / name,
                    line=number,
                    key=key,
                )
        if missing:
            number, line = missing[0]
            many = f" ({len(missing)} such lines)" if len(missing) > 1 else ""
            report.warning(
                "listed-image-missing",
                f"no picture of the set is named {line[:200]!r}{many}.",
                path=tree.root / name,
                line=number,
            )
    return result


def splits_from_folders(keys: Iterable[str]) -> dict[str, Split]:
    """Splits from folders named train, val, valid, validation or test, if every picture lies in one."""
    result: dict[str, Split] = {}
    for key in keys:
        names = [part.casefold() for part in PurePosixPath(key).parts[:-1]]
        split = next((_SPLIT_FOLDERS[name] for name in reversed(names) if name in _SPLIT_FOLDERS), None)
        if split is None:
            return {}
        result[key] = split
    return result


def _mirrored(folder: str, kind: LabelKind) -> Iterator[str]:
    parts = folder.split("/") if folder else []
    for place in reversed(range(len(parts))):
        if parts[place].casefold() in IMAGE_FOLDERS:
            for name in kind.folders:
                yield "/".join([*parts[:place], name, *parts[place + 1 :]])


def _nearby(folder: str, kind: LabelKind) -> Iterator[str]:
    parts = folder.split("/") if folder else []
    for name in kind.folders:
        yield "/".join([*parts, name])
    for place in reversed(range(len(parts))):
        if place == len(parts) - 1 or parts[place].casefold() in IMAGE_FOLDERS:
            for name in kind.folders:
                yield "/".join([*parts[:place], name])


def _same(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def _tails(keys: Iterable[str]) -> dict[str, str | None]:
    """Every ending of every key → that key, or None where two keys end so."""
    result: dict[str, str | None] = {}
    for key in keys:
        parts = _same(key).split("/")
        for start in range(len(parts)):
            tail = "/".join(parts[start:])
            result[tail] = key if tail not in result else None
    for key in keys:
        result[_same(key)] = key
    return result


def _match(line: str, by_tail: Mapping[str, str | None]) -> str | None:
    path = _same(line.replace("\\", "/"))
    parts = [part for part in path.split("/") if part not in ("", ".")]
    for start in range(len(parts)):
        tail = "/".join(parts[start:])
        for name in (key_of(tail) if suffix_of(tail) in IMAGE_SUFFIXES else tail, tail):
            if key := by_tail.get(name):
                return key
    return None


def _lines_of(path: Path, report: Report) -> Iterator[tuple[int, str]]:
    try:
        text = read_text(path)
    except FormatError as error:
        report.add_exception(error)
        return
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()
