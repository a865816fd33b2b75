"""Splits that a person sets by hand: in a Darknet data set its split.csv and lists, else the sidecar."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from annotator.core.edit_json import pack, unpack
from annotator.core.edits import SetSplit
from annotator.core.sidecar import Sidecar
from converters.errors import DataError, UsageError
from converters.layout import key_of
from converters.model import AnnotatedImage, Split
from converters.swap import alone_in
from converters.words import counted
from converters.work import WorkFolder, copies_in, read_split, write_lists, write_split

_PENDING = "splits"
"""Fact of the sidecar: splits that split.csv may not have yet."""


class Splits:
    """Where the splits of a set that are set by hand are kept."""

    def __init__(self, root: Path, sidecar: Sidecar) -> None:
        self._work = WorkFolder(root)
        self._sidecar = sidecar

    def load(self) -> dict[str, Split | None]:
        """The splits that the sidecar knows better than the set's own lists and folders."""
        if self._work.exists():
            return {}
        rows = self._sidecar.database.execute("SELECT key, split FROM splits")
        known = tuple(map(str, Split))
        return {key: Split(split) if split else None for key, split in rows if not split or split in known}

    def edit(
        self, images: Mapping[str, AnnotatedImage], keys: Sequence[str], split: Split | None
    ) -> SetSplit:
        """The edit that puts images into a split, in a Darknet data set together with their groups.

        Raises:
            UsageError: One is to leave train while there are augmented copies, or to be in no split of a
                Darknet data set.
            FormatError: split.csv is broken.
        """
        wanted = list(dict.fromkeys(keys))
        if self._work.exists():
            wanted = self._with_groups(wanted, images)
            leaving = [key for key in wanted if images[key].split is Split.TRAIN and split is not Split.TRAIN]
            if split is None:
                raise UsageError("every picture of a Darknet data set is in a split.", path=self._work.root)
            if leaving and copies_in(self._work):
                raise UsageError(
                    f"{counted(len(leaving), 'picture')} cannot leave train: there are augmented copies, and "
                    "a copy of a picture that is not in train would be trained on.",
                    path=self._work.augmented,
                    code="split-leaks",
                    hint="Delete the copies, move the pictures, then augment again.",
                )
        changed = [key for key in wanted if images[key].split is not split]
        before = tuple((key, images[key].split) for key in changed)
        named = images[changed[0]].name if len(changed) == 1 else counted(len(changed), "picture")
        where = f"into {split}" if split is not None else "out of the split"
        return SetSplit(before, tuple((key, split) for key in changed), f"move {named} {where}")

    def store(self, splits: Iterable[tuple[str, Split | None]]) -> None:
        """Write splits into the sidecar, inside a transaction of it.

        In a Darknet data set :meth:`follow` comes next, in this process or (:meth:`finish`) in another.
        """
        rows = [[key, split and str(split)] for key, split in splits]
        if self._work.exists():
            self._sidecar.set_fact(_PENDING, pack(rows))
        else:
            self._sidecar.database.executemany("INSERT OR REPLACE INTO splits VALUES (?, ?)", rows)

    def keep(self, splits: Iterable[tuple[str, Split | None]]) -> None:
        """Remember splits that no list of the set's speaks of, inside a transaction of the sidecar."""
        if not self._work.exists():
            self.store(splits)

    def follow(self, splits: Iterable[tuple[str, Split | None]]) -> None:
        """Let split.csv and the lists of a Darknet data set say what :meth:`store` wrote.

        Raises:
            DataError: Another program is changing the Darknet data set, or its files cannot be written.
        """
        if not self._work.exists():
            return
        wanted = dict(splits)
        with alone_in(self._work.root):
            rows = read_split(self._work)
            known = {key_of(row.image) for row in rows}
            for key in wanted:
                if key not in known:
                    raise UsageError(
                        f"split.csv does not know {PurePosixPath(key).name}.", path=self._work.split_csv
                    )
            moved = [replace(row, split=wanted.get(key_of(row.image)) or row.split) for row in rows]
            write_split(self._work, moved)
            write_lists(self._work)
        self._sidecar.keep_fact(_PENDING, None)

    def finish(self) -> None:
        """Finish what a killed process had only said in the journal. Call it before the set is read."""
        pending = self._sidecar.fact(_PENDING)
        if pending is None:
            return
        # What does not fit any more (another program made the splits anew) is as that program has it.
        with contextlib.suppress(DataError, ValueError, TypeError):
            self.follow((str(key), Split(split)) for key, split in unpack(pending))

    def _with_groups(self, keys: Sequence[str], images: Mapping[str, AnnotatedImage]) -> list[str]:
        rows = read_split(self._work)
        group_of = {key_of(row.image): row.group for row in rows if row.group}
        groups = {group_of[key] for key in keys if key in group_of}
        others = [key for key, group in group_of.items() if group in groups and key in images]
        return list(dict.fromkeys([*keys, *others]))
