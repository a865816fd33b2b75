"""What lies in a set's trash, as a person wants to see it, and deleting it for good."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from annotator.core.amounts import freed_by
from annotator.core.trash import Trash, TrashedImage
from converters.formats.base import ProgressCallback


@dataclass(frozen=True, slots=True)
class TrashRow:
    """One picture in the trash.

    Attributes:
        item: The picture with its boxes.
        picture: Where its file lies now.
        removed: When it was removed; None where nobody knows.
        size: Bytes that deleting it frees (none for a file that has another name as well).
    """

    item: TrashedImage
    picture: Path
    removed: datetime | None
    size: int

    @property
    def boxes(self) -> int:
        """How many boxes it has."""
        return len(self.item.image.boxes)

    @property
    def classes(self) -> str:
        """Its boxes by class: ``2 mask, 1 no_mask``."""
        counts = Counter(box.label for box in self.item.image.boxes)
        return ", ".join(f"{count} {name}" for name, count in counts.items())


def list_trash(trash: Trash) -> list[TrashRow]:
    """All pictures in the trash, the latest first."""
    rows = []
    for item in trash.items():
        places = [trash.folder / item.folder / "files" / name for name in item.files]
        rows.append(TrashRow(item, places[0], _time_of(item.folder), sum(map(freed_by, places))))
    return rows


def by_folder(rows: Iterable[TrashRow]) -> dict[str, list[str]]:
    """Keys of pictures by the folder of the trash they are in: each folder is one step of undo."""
    found: dict[str, list[str]] = {}
    for row in rows:
        found.setdefault(row.item.folder, []).append(row.item.key)
    return found


def erase(trash: Trash, rows: Sequence[TrashRow], on_progress: ProgressCallback) -> int:
    """Delete pictures of the trash for ever; returns the bytes that were freed.

    Args:
        trash: The trash.
        rows: Which.
        on_progress: Told (done, total) between folders; it may raise to stop there.

    Raises:
        DataError: A file cannot be deleted; those before it are gone.
    """
    done = 0
    sizes: Counter[str] = Counter()
    for row in rows:
        sizes[row.item.folder] += row.size
    freed = 0
    for folder, keys in by_folder(rows).items():
        on_progress(done, len(rows))
        trash.erase(folder, frozenset(keys))
        done += len(keys)
        freed += sizes[folder]
    return freed


def _time_of(folder: str) -> datetime | None:
    """When a folder of the trash was made: its name says it (``20260302-141500-2``)."""
    try:
        return datetime.strptime(folder[:15], "%Y%m%d-%H%M%S").astimezone()
    except ValueError:
        return None
