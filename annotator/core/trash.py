"""The trash of a set: ``.annotator/trash/<time>/`` with the images that were removed, and their labels.

    .annotator/trash/20260302-141500/manifest.json   what lies there, and where it was
    .annotator/trash/20260302-141500/files/…         the files, in the folders they had in the set

What is to be moved is written down first (in the manifest, and in the sidecar's table ``trash``); whoever is
killed on the way finishes it when the set is opened again.
"""

from __future__ import annotations

import contextlib
import errno
import filecmp
import json
import os
import shutil
import sqlite3
import time
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

from annotator.core.edit_json import boxes_from_json, boxes_to_json
from annotator.core.edits import RemoveImages, RestoreImages
from annotator.core.sidecar import Sidecar
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.files import make_folder, write_atomic
from converters.model import AnnotatedImage, Split
from converters.swap import alone_in
from converters.words import counted
from converters.work import SplitRow, WorkFolder, read_split, write_lists, write_split

_MANIFEST, _FILES = "manifest.json", "files"
_VERSION = 1


@dataclass(frozen=True, slots=True)
class TrashedImage:
    """An image in the trash.

    Attributes:
        key: The image's key.
        folder: Name of the folder in the trash that it is in.
        picture: The picture's path relative to the set's root.
        label: Its own label file's likewise, if that is in the trash, too.
        image: The image with its boxes as it was removed.
        row: Its line of split.csv, in a Darknet data set.
        edited: Whether its label file had been edited: origins of its boxes are places in that file's base.
    """

    key: str
    folder: str
    picture: str
    label: str | None
    image: AnnotatedImage
    row: SplitRow | None = None
    edited: bool = False

    @property
    def files(self) -> tuple[str, ...]:
        """The files that are moved, relative to the set's root."""
        return (self.picture, self.label) if self.label is not None else (self.picture,)


@dataclass(frozen=True, slots=True)
class Move:
    """Images on the way to one folder of the trash, or back.

    Attributes:
        items: The images.
        restoring: Whether they come back.
    """

    items: tuple[TrashedImage, ...]
    restoring: bool

    def turned(self) -> Move:
        """The way back."""
        return Move(self.items, not self.restoring)


class Trash:
    """The trash of one set.

    Attributes:
        folder: ``.annotator/trash``.
    """

    def __init__(self, root: Path, sidecar: Sidecar) -> None:
        self.folder = sidecar.folder / "trash"
        self._root = root
        self._sidecar = sidecar
        self._work = WorkFolder(root)

    # What is in it

    def items(self) -> list[TrashedImage]:
        """All images in the trash, the latest first. Folders that cannot be read are left out."""
        found: list[TrashedImage] = []
        with contextlib.suppress(OSError):
            for folder in sorted(self.folder.iterdir(), reverse=True):
                with contextlib.suppress(DataError):
                    listed = self._read(folder.name)
                    found += [item for item in listed if os.path.lexists(folder / _FILES / item.picture)]
        return found

    def removal(self, keys: Sequence[str], keep: int) -> RemoveImages:
        """The edit that moves images there.

        Args:
            keys: The images.
            keep: How many images stay in the set.

        Raises:
            UsageError: None stays, or nothing can be written beside the set.
        """
        if keys and keep < 1:
            raise UsageError(
                "a set needs at least one picture.", path=self._root, hint="Delete the folder instead."
            )
        if keys and (not self._sidecar.writable or self._sidecar.locked_by is not None):
            raise UsageError(
                "nothing can be removed: the set is read-only, or open elsewhere.", path=self._root
            )
        what = PurePosixPath(keys[0]).name if len(keys) == 1 else counted(len(keys), "picture")
        return RemoveImages(tuple(keys), self.new_folder(), f"remove {what}")

    def new_folder(self) -> str:
        """A name for a folder of the trash that is not there yet: the time."""
        stamp = time.strftime("%Y%m%d-%H%M%S")
        name, number = stamp, 1
        while (self.folder / name).exists():
            number += 1
            name = f"{stamp}-{number}"
        return name

    def lay_in(self, folder: str, items: Sequence[TrashedImage]) -> None:
        """List pictures that were never in the set and whose files lie in a new folder of the trash.

        Bringing them "back" adds them to the set, and undoing that moves them to the trash.

        Raises:
            WriteError: The list cannot be written.
        """
        self._write(folder, items)

    def restoring(self, folder: str, keys: Sequence[str]) -> RestoreImages:
        """The edit that brings images back from a folder of the trash."""
        what = PurePosixPath(keys[0]).name if len(keys) == 1 else counted(len(keys), "picture")
        return RestoreImages(tuple(keys), folder, f"bring back {what}")

    def delete(self, folder: str) -> None:
        """Delete a folder of the trash for ever; its images cannot be brought back, by undo neither.

        Raises:
            WriteError: It cannot be deleted.
        """
        path = self._folder(folder)
        try:
            shutil.rmtree(path)
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error
        with contextlib.suppress(sqlite3.Error), self._sidecar.transaction() as database:
            database.execute("DELETE FROM trash WHERE folder = ?", (folder,))

    def erase(self, folder: str, keys: Collection[str]) -> None:
        """Delete some images of a folder of the trash for ever; no undo brings these back.

        Touches no database, so it may run in another thread.

        Raises:
            DataError: The folder's list cannot be read or written, or a file cannot be deleted.
        """
        listed = self._read(folder)
        gone = [item for item in listed if item.key in keys]
        kept = [item for item in listed if item.key not in keys]
        path = self._folder(folder)
        try:
            # The files go first: whoever is stopped on the way finds the rest in the list.
            for item in gone:
                for name in item.files:
                    (path / _FILES / name).unlink(missing_ok=True)
            if kept:
                self._write(folder, kept)
            else:
                shutil.rmtree(path)
        except OSError as error:
            raise WriteError.from_os_error(error, path) from error

    def place_of(self, item: TrashedImage, path: Path) -> Path:
        """Where a file of an image lies while it is in the trash."""
        return self._folder(item.folder) / _FILES / self._relative(path)

    # Moving

    def going(
        self,
        images: Sequence[AnnotatedImage],
        folder: str,
        *,
        with_labels: bool,
        is_edited: Callable[[Path | None], bool],
    ) -> Move:
        """Prepare to move images there; nothing is moved yet.

        Args:
            images: The images; those with a label file of their own have it saved.
            folder: Name of the folder in the trash.
            with_labels: Whether each image has a label file of its own, which goes with it.
            is_edited: Whether a label file was edited.

        Raises:
            DataError: A file lies outside the set, or the list of what goes there cannot be written.
        """
        rows = self._rows()
        items: list[TrashedImage] = []
        for image in images:
            path = image.annotation if with_labels else None
            label = self._relative(path) if path is not None and path.is_file() else None
            picture = self._relative(image.path)
            edited = is_edited(image.annotation)
            items.append(TrashedImage(image.key, folder, picture, label, image, rows.get(picture), edited))
        place = self._folder(folder)
        there = self._read(folder) if (place / _MANIFEST).is_file() else []
        keys = {item.key for item in items}
        make_folder(place)
        self._write(folder, [*(item for item in there if item.key not in keys), *items])
        return Move(tuple(items), restoring=False)

    def coming(self, keys: Sequence[str], folder: str) -> Move:
        """Prepare to bring images back; nothing is moved yet.

        Args:
            keys: The images.
            folder: Name of the folder in the trash.

        Raises:
            DataError: They are not in the trash any more, or their place is taken.
        """
        by_key = {item.key: item for item in self._read(folder)} if keys else {}
        place = self._folder(folder) / _FILES
        for key in keys:
            if key not in by_key or not os.path.lexists(place / by_key[key].picture):
                raise DataError(
                    f"{PurePosixPath(key).name} is not in the trash any more.",
                    path=self._folder(folder),
                    code="not-in-trash",
                    hint="Edit > Forget this step goes on to the step before it.",
                )
            for name in by_key[key].files:
                if os.path.lexists(self._root / name) and os.path.lexists(place / name):
                    raise DataError(
                        "cannot be brought back: another file is in its place, and is kept.",
                        path=self._root / name,
                        code="exists",
                        hint="Move that file away first.",
                    )
        return Move(tuple(by_key[key] for key in keys), restoring=True)

    def intend(self, move: Move) -> None:
        """Write down what is about to be moved, inside a transaction of the sidecar.

        Whoever is killed behind that finishes it by :meth:`finish`.
        """
        rows = [(item.key, item.folder, int(move.restoring)) for item in move.items]
        self._sidecar.database.executemany("INSERT OR REPLACE INTO trash VALUES (?, ?, ?)", rows)

    def carry_out(self, move: Move) -> None:
        """Move the files.

        Raises:
            DataError: A file cannot be moved, or another program is changing the Darknet data set. Some may
                have been moved; :meth:`Move.turned` brings these back.
        """
        self._do(move)
        self._settle(move)

    def finish(self) -> None:
        """Finish what a killed process left half moved. Call it before the set is read.

        Raises:
            DataError: A file cannot be moved.
        """
        try:
            listed = self._sidecar.database.execute("SELECT key, folder, restoring FROM trash").fetchall()
        except sqlite3.Error:
            return
        for folder in dict.fromkeys(folder for _, folder, _ in listed):
            try:
                by_key = {item.key: item for item in self._read(folder)}
            except DataError:
                continue  # deleted by hand: nothing is left to move
            for back in (False, True):
                keys = [key for key, other, coming in listed if other == folder and bool(coming) is back]
                move = Move(tuple(by_key[key] for key in keys if key in by_key), back)
                self._do(move)
                self._settle(move)

    # Inside

    def _do(self, move: Move) -> None:
        """Move what is not moved yet, and let split.csv follow; doing it twice does no harm."""
        for item in move.items:
            place = self._folder(item.folder) / _FILES
            # The label file comes back first: a picture without one would be a picture not labelled yet.
            for name in reversed(item.files) if move.restoring else item.files:
                here, there = self._root / name, place / name
                _move(*(there, here) if move.restoring else (here, there))
        self._change_rows(move.items, back=move.restoring)

    def _rows(self) -> dict[str, SplitRow]:
        return {row.image: row for row in read_split(self._work)} if self._work.exists() else {}

    def _change_rows(self, items: Sequence[TrashedImage], *, back: bool) -> None:
        """Let split.csv and the lists follow; doing it twice does no harm."""
        if not items or not self._work.exists():
            return
        with alone_in(self._root):
            rows = self._rows()
            for item in items:
                if back and item.row is not None:
                    rows.setdefault(item.row.image, item.row)
                elif not back:
                    rows.pop(item.picture, None)
            write_split(self._work, rows.values())
            write_lists(self._work)

    def _settle(self, move: Move) -> None:
        """The files are where they belong."""
        if not move.items:
            return
        keys = {item.key for item in move.items}
        folder = move.items[0].folder
        if move.restoring:
            rest = [item for item in self._read(folder) if item.key not in keys]
            if rest:
                self._write(folder, rest)
            else:
                with contextlib.suppress(OSError):
                    shutil.rmtree(self._folder(folder))
        with contextlib.suppress(sqlite3.Error), self._sidecar.transaction() as database:
            database.executemany("DELETE FROM trash WHERE key = ?", [(key,) for key in keys])

    def _relative(self, path: Path) -> str:
        try:
            return path.relative_to(self._root).as_posix()
        except ValueError:
            raise UsageError(
                "lies outside the set's folder; it is not moved to its trash.", path=path
            ) from None

    def _folder(self, name: str) -> Path:
        if PurePosixPath(name).name != name or name in ("", ".", ".."):
            raise FormatError("names no folder of the trash.", path=self.folder / _MANIFEST, code="bad-trash")
        return self.folder / name

    def _write(self, folder: str, items: Sequence[TrashedImage]) -> None:
        data = {"version": _VERSION, "images": [_to_json(item, self._root) for item in items]}
        write_atomic(self._folder(folder) / _MANIFEST, json.dumps(data, ensure_ascii=True, indent=1) + "\n")

    def _read(self, folder: str) -> list[TrashedImage]:
        """The manifest of a folder.

        Raises:
            FormatError: It is not there, damaged, of a newer version, or leads out of the set.
        """
        path = self._folder(folder) / _MANIFEST
        try:
            data = json.loads(path.read_text(encoding="utf-8"))
            if data["version"] > _VERSION:
                raise FormatError("was written by a newer version of the tool.", path=path, code="bad-trash")
            return [_from_json(value, folder, self._root) for value in data["images"]]
        except OSError as error:
            raise FormatError(
                "is not in the trash any more.",
                path=self._folder(folder),
                code="not-in-trash",
                hint="Edit > Forget this step goes on to the step before it.",
            ) from error
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise FormatError("is damaged.", path=path, code="bad-trash") from error


def labels_of(items: Iterable[TrashedImage]) -> list[str]:
    """The classes of the boxes of images, each once."""
    return list(dict.fromkeys(box.label for item in items for box in item.image.boxes))


def restored(item: TrashedImage, *, is_known: bool) -> AnnotatedImage:
    """An image as it comes back.

    Args:
        item: What was in the trash.
        is_known: Whether the origins of its boxes still mean something: the base of its label file is known,
            or that file was never edited.
    """
    if is_known:
        return item.image
    boxes = tuple(box.duplicated() for box in item.image.boxes)
    return replace(item.image, origin=None, boxes=boxes)


def _move(source: Path, target: Path) -> None:
    """Move a file, whole; nothing where it was moved already."""
    if not os.path.lexists(source):
        return
    make_folder(target.parent)
    try:
        if os.path.lexists(target):
            if not filecmp.cmp(source, target, shallow=False):
                raise WriteError("another file is there already, and is kept.", path=target, code="exists")
            source.unlink()  # a move between two disks that was cut off behind the copy
            return
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            # A folder of the set on another disk.
            temporary = target.with_name(f".writing-{os.urandom(8).hex()}.part")
            shutil.copy2(source, temporary)
            temporary.replace(target)
            source.unlink()
    except OSError as error:
        raise WriteError.from_os_error(error, source) from error


def _to_json(item: TrashedImage, root: Path) -> dict[str, Any]:
    image, row = item.image, item.row
    path = image.annotation
    annotation = path.relative_to(root).as_posix() if path is not None and path.is_relative_to(root) else None
    return {
        "key": item.key,
        "picture": item.picture,
        "label": item.label,
        "annotation": annotation,
        "size": list(image.size),
        "boxes": boxes_to_json(image.boxes),
        "origin": image.origin,
        "labelled": image.labelled,
        "reviewed": image.reviewed,
        "split": image.split and str(image.split),
        "row": [row.image, str(row.split), row.group, row.source] if row is not None else None,
        "edited": item.edited,
    }


def _from_json(value: Any, folder: str, root: Path) -> TrashedImage:
    picture, label = _inside(value["picture"]), value["label"] and _inside(value["label"])
    width, height = value["size"]
    annotation = value["annotation"]
    image = AnnotatedImage(
        str(value["key"]),
        root / picture,
        (int(width), int(height)),
        boxes_from_json(value["boxes"]),
        Split(value["split"]) if value["split"] else None,
        root / _inside(annotation) if annotation else None,
        bool(value["labelled"]),
        value["origin"],
        bool(value["reviewed"]),
    )
    row = value["row"]
    split_row = SplitRow(row[0], Split(row[1]), row[2], row[3]) if row else None
    return TrashedImage(image.key, folder, picture, label, image, split_row, bool(value["edited"]))


def _inside(name: Any) -> str:
    """A path that does not lead out of the set."""
    pure = PurePosixPath(str(name))
    if pure.is_absolute() or ".." in pure.parts or not pure.parts:
        raise ValueError(name)
    return str(pure)
