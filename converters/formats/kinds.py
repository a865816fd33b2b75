"""Which files of a set are label files of many pictures, format by format."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from converters.formats.json_document import head_of
from converters.layout import Tree, stem_of
from converters.report import Report

_PEEKED_ANYWAY = 50
"""So few files of a suffix are looked into although a picture has their name."""
_NAMED = 8
"""Files that are not read: so many are named."""


@dataclass(frozen=True, slots=True)
class SharedKind:
    """A format that keeps many pictures in one file.

    Attributes:
        name: The codec's.
        title: For people.
        suffixes: Of its label files, lower case with dot.
        recognises: Whether a file is one, by its name and its first bytes
            (:data:`converters.formats.json_document.HEAD_BYTES` of them).
        count: For how many pictures such a file seems to have labels, by its first bytes and its size in
            bytes; None where that cannot be told so quickly.
        default: Where the label file of a set that has none yet would be, relative to its root.
        rounding: Part of a side by which a box may pass the edge without a word.
        choose: Of several label files of a set (relative to its root), those that are read: some tools write
            two of one content, or more for other purposes.
        side_folders: Folders of a set (relative to its root) whose pictures are none of the set's.
        one_file: Whether a new set has one label file, which says itself what split a picture is in;
            else it has one for each split.
    """

    name: str
    title: str
    suffixes: tuple[str, ...]
    recognises: Callable[[str, bytes], bool]
    count: Callable[[bytes, int], int | None]
    default: str
    rounding: float = 1e-6
    choose: Callable[[Tree, list[str]], list[str]] = lambda tree, names: names
    side_folders: Callable[[Tree], list[str]] = lambda tree: []
    one_file: bool = False


def label_files(tree: Tree, kind: SharedKind) -> list[str]:
    """The label files of a format in a set that are read, relative to its root, in natural order."""
    return kind.choose(tree, all_label_files(tree, kind))


def all_label_files(tree: Tree, kind: SharedKind) -> list[str]:
    """All label files of a format in a set, also those that are for something else than boxes."""
    names = _candidates(tree, kind)
    return [name for name in names if kind.recognises(name, head_of(tree.root / name))]


def claims_of(tree: Tree, kind: SharedKind) -> int:
    """For how many of its pictures a set seems to have labels in a format (0: for none)."""
    total = len(tree.pictures)
    claimed = 0
    for name in _candidates(tree, kind):
        path = tree.root / name
        head = head_of(path)
        if kind.recognises(name, head):
            try:
                found = kind.count(head, path.stat().st_size)
            except OSError:
                found = None
            claimed += max(1, total if found is None else found)
    return min(claimed, max(1, total))


def files_read(tree: Tree, kind: SharedKind, report: Report) -> list[str]:
    """The label files that are read; the others are named once."""
    names = all_label_files(tree, kind)
    chosen = kind.choose(tree, names)
    rest = [name.rpartition("/")[2] for name in names if name not in set(chosen)]
    if rest:
        more = f" and {len(rest) - _NAMED} more" if len(rest) > _NAMED else ""
        report.warning(
            "not-read",
            f"{', '.join(rest[:_NAMED])}{more}: not read beside {chosen[0].rpartition('/')[2]}, "
            "which says more about boxes.",
            path=tree.root,
            hint="To read one of them, name it instead of the folder.",
        )
    return chosen


def without_side_folders(tree: Tree, kind: SharedKind) -> Tree:
    """The set without the pictures that are none of its own (masks beside the labels)."""
    inside = tuple(f"{folder}/" for folder in kind.side_folders(tree))
    if not inside:
        return tree
    return replace(tree, files=tuple(name for name in tree.files if not name.startswith(inside)))


def _candidates(tree: Tree, kind: SharedKind) -> list[str]:
    """Files that may be label files. What has a picture's name belongs to that picture, as labelme's do."""
    named = tree.with_suffix(*kind.suffixes)
    if len(named) <= _PEEKED_ANYWAY:
        return named
    stems = {stem_of(name) for name in tree.pictures}
    return [name for name in named if stem_of(name) not in stems]
