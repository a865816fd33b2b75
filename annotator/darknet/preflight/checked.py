"""What an earlier check found sound, so that a picture that has not changed is not read again.

A file in the person's cache folder for each training set; nothing is written into the set. A picture is known
by size, time of the last change and inode of its file and of its label's. Deleting the file costs time only.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from converters.errors import DataError
from converters.files import make_folder, write_atomic

_VERSION = 1
_FRESH_NS = 2_000_000_000
"""A file changed so shortly before it was read could change again without another time (FAT has 2 s)."""
_MOST_FILES = 40
"""So many training sets are remembered; those checked longest ago go first."""

FileStates = tuple[int, ...]
"""Size, time of the last change (ns) and inode of the picture, then of its label."""


def default_folder() -> Path:
    """Where it is kept: in the person's cache folder (``XDG_CACHE_HOME``)."""
    from platformdirs import user_cache_path

    return user_cache_path("mask-annotator", appauthor=False) / "checked"


class Checked:
    """The pictures of one training set that were sound."""

    def __init__(self, base: Path, kind: str, folder: Path | None = None) -> None:
        """Read what is remembered.

        Args:
            base: Folder that entries of lists are relative to.
            kind: What they are checked for (whose Darknet, how many classes); of another kind none is known.
            folder: Where it is kept (default: :func:`default_folder`).
        """
        name = hashlib.blake2b(os.fsencode(base.absolute()), digest_size=12).hexdigest()
        self._path = (folder or default_folder()) / f"{name}.json"
        self._base = str(base)
        self._kind = f"{_VERSION} {kind}"
        self._began = time.time_ns()
        self._states: dict[str, FileStates | None] = {}
        self._marks: dict[str, tuple[FileStates, str]] = {}
        self._known: dict[str, tuple[FileStates, dict[int, int]]] = {}
        self._changed = False
        with suppress(OSError, ValueError, KeyError, TypeError):
            self._take(json.loads(self._path.read_bytes()))

    def _take(self, content: dict[str, Any]) -> None:
        if content["kind"] != self._kind:
            return
        for entry, (states, mark, *counts) in content["pictures"].items():
            self._known[entry] = tuple(states), dict(zip(counts[::2], counts[1::2], strict=True))
            if mark:
                self._marks[entry] = tuple(states), mark

    def states(self, entry: str) -> FileStates | None:
        """Picture and label as they are now; None where one is missing. They are looked at once."""
        if entry not in self._states:
            try:
                picture = Path(self._base, entry)
                files = picture.stat(), picture.with_suffix(".txt").stat()
            except (OSError, ValueError):
                self._states[entry] = None
            else:
                self._states[entry] = tuple(
                    number for one in files for number in (one.st_size, one.st_mtime_ns, one.st_ino)
                )
        return self._states[entry]

    def boxes(self, entry: str) -> Mapping[int, int] | None:
        """Boxes by class id of a picture that is as it was when it was found sound; None: look at it."""
        known = self._known.get(entry)
        return known[1] if known is not None and known[0] == self.states(entry) else None

    def is_sound(self, entry: str, boxes: Counter[int]) -> None:
        """Remember that nothing was found in a picture."""
        states = self.states(entry)
        if states is not None:
            self._known[entry] = states, dict(boxes)
            self._changed = True

    def mark(self, entry: str) -> str:
        """What :meth:`has_mark` kept of the picture's content, if that is as it was; else empty."""
        known = self._marks.get(entry)
        return known[1] if known is not None and known[0] == self.states(entry) else ""

    def has_mark(self, entry: str, mark: str) -> None:
        """Keep something by which a picture's content is known."""
        states = self.states(entry)
        if states is not None:
            self._marks[entry] = states, mark
            self._changed = True

    def save(self) -> None:
        """Write it, where there is something new; where it cannot be written, nothing is lost but time."""
        if not self._changed:
            return
        oldest = self._began - _FRESH_NS
        rows = {
            entry: (*(states, self.mark(entry)), *(number for pair in counts.items() for number in pair))
            for entry, (states, counts) in self._known.items()
            if states == self._states.get(entry) and max(states[1], states[4]) < oldest
        }
        text = json.dumps({"kind": self._kind, "pictures": rows}, separators=(",", ":"))
        with suppress(DataError, OSError):
            make_folder(self._path.parent)
            write_atomic(self._path, text, durable=False)
            self._forget_old()

    def _forget_old(self) -> None:
        files = sorted(self._path.parent.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for path in files[:-_MOST_FILES]:
            path.unlink(missing_ok=True)
