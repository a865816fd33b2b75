"""Label files that are edited: the bytes each had at first, what it holds now, and whether the disk has it.

Every label file is written from the bytes that it had before its first edit (its base) and the boxes as they
are now, so undoing everything gives back the very file. The base is kept in the sidecar, with the images as
they are in terms of it, so that this holds after a restart, too.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from annotator.core.edit_json import boxes_from_json, boxes_to_json, pack, unpack
from annotator.core.file_times import ReadAt, read_with_time
from annotator.core.label_bytes import (
    conflict,
    digest,
    folder_id,
    packed_bytes,
    read_file,
    size_and_time,
    unpacked_bytes,
    write_all,
    write_or_remove,
)
from annotator.core.sidecar import Sidecar
from converters import registry
from converters.errors import DataError, FormatError, WriteError
from converters.formats.base import Codec
from converters.model import AnnotatedImage, Box

_LATEST = 64
"""So many of the images that were edited last are written before all others."""


@dataclass(frozen=True, slots=True)
class ImageState:
    """What a label file says of an image.

    Attributes:
        boxes: Its boxes; their origins are places in the file's base.
        origin: Of the image, likewise.
        labelled: Whether the file (or an entry in it) is there.
        reviewed: Whether a person has looked at it.
        removed: Whether the image is in the trash.
    """

    boxes: tuple[Box, ...]
    origin: int | None
    labelled: bool
    reviewed: bool
    removed: bool = False

    @classmethod
    def of(cls, image: AnnotatedImage, *, removed: bool = False) -> ImageState:
        """The state of an image."""
        return cls(image.boxes, image.origin, image.labelled, image.reviewed, removed)

    def on(self, image: AnnotatedImage) -> AnnotatedImage:
        """The image in this state."""
        return replace(
            image,
            boxes=self.boxes,
            origin=self.origin,
            labelled=self.labelled,
            reviewed=self.reviewed,
        )

    def same_as(self, other: ImageState) -> bool:
        """Whether both give the same file: the origins of boxes count, too."""
        return self == other and [b.origin for b in self.boxes] == [b.origin for b in other.boxes]

    def to_json(self) -> list[Any]:
        """Plain lists."""
        flags = int(self.labelled) + 2 * int(self.reviewed) + 4 * int(self.removed)
        return [self.origin, flags, boxes_to_json(self.boxes)]

    @classmethod
    def from_json(cls, value: Any) -> ImageState:
        """The state of :meth:`to_json`.

        Raises:
            ValueError, TypeError: It is something else.
        """
        origin, flags, boxes = value
        return cls(boxes_from_json(boxes), origin, bool(flags & 1), bool(flags & 2), bool(flags & 4))


@dataclass(slots=True)
class TrackedFile:
    """A label file that was edited.

    Attributes:
        path: The file.
        name: The same, relative to the set's root where it is below it.
        beginning: The images in it as its base has them, packed.
        on_disk: Digest of what we wrote last, or found; empty where there was no file.
        saved: The images in it as they are on disk.
        is_new: Whether the sidecar does not know it yet.
        stale: Whether it has to be written whatever the images say (the order of the classes changed).
        gone: Images in the trash that were there already when the set was opened.
    """

    path: Path
    name: str
    beginning: bytes
    on_disk: bytes
    saved: dict[str, ImageState] = field(default_factory=dict)
    is_new: bool = True
    stale: bool = False
    base: bytes | None = None
    base_is_read: bool = True
    gone: set[str] = field(default_factory=set)
    _at_base: dict[str, ImageState] | None = None

    @property
    def at_base(self) -> dict[str, ImageState]:
        """The images in it as its base has them.

        Raises:
            FormatError, ValueError, TypeError, AttributeError: The sidecar is damaged.
        """
        if self._at_base is None:
            values = unpack(self.beginning)
            self._at_base = {key: ImageState.from_json(value) for key, value in values.items()}
        return self._at_base

    def recall(self, at_base: dict[str, ImageState] | None) -> None:
        """Have :attr:`at_base` at hand, or (None) unpack it again when it is asked for: it takes room."""
        self._at_base = at_base


_ROW = "at_base, written, pending, dirty, size, mtime"

Now = Callable[[str], ImageState | None]
"""The state of an image now, by key."""


class LabelFiles:
    """The label files of a set.

    Attributes:
        dirty: Images whose labels differ from what is on disk.
        read_at: When the set was read, as far as that is known.
        overruled: Files of which the last edits had not been saved when another program changed them.
    """

    def __init__(
        self, root: Path, codec: Codec, sidecar: Sidecar, images: Mapping[str, AnnotatedImage]
    ) -> None:
        self._root = root
        self._codec = codec
        self._sidecar = sidecar
        self._images = images
        self._keys: dict[str, str | list[str]] = {}
        for image in images.values():
            if (text := image.annotation_text) is not None:
                self._add(text, image.key)
        self._tracked: dict[str, TrackedFile] = {}
        self.dirty: set[str] = set()
        self.read_at: ReadAt | None = None
        self._places: dict[str, tuple[int, int] | None] = {}
        self.overruled: list[Path] = []
        self._latest: dict[str, None] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """All label files of the set, edited or not."""
        return tuple(map(Path, self._keys))

    @property
    def folders(self) -> set[Path]:
        """The folders in which they lie (or would)."""
        return {Path(folder) for folder in {name.rpartition("/")[0] for name in self._keys}}

    def __contains__(self, path: object) -> bool:
        """Whether a file is one of the set's label files."""
        return str(path) in self._keys

    def keys_in(self, path: Path) -> tuple[str, ...]:
        """The images whose labels a file holds, also those in the trash."""
        keys = self._keys.get(str(path), ())
        # Nearly always one picture: its key alone, without a list around it.
        return (keys,) if isinstance(keys, str) else tuple(keys)

    def _add(self, path: str, key: str) -> None:
        """The labels of one more image are in a file."""
        known = self._keys.setdefault(path, key)
        if known is key:
            return
        if isinstance(known, str):
            self._keys[path] = [known, key]
        else:
            known.append(key)

    def add_key(self, key: str, path: Path, lies_at: Path) -> bool:
        """An image that was not there when the set was opened comes back.

        Args:
            key: The image.
            path: Its label file.
            lies_at: Where that is at the moment (in the trash, say).

        Returns:
            Whether its file's base is known, and has the image.
        """
        if key not in self.keys_in(path):
            self._add(str(path), key)
        if str(path) not in self._tracked:
            self.adopt(path, lies_at)
        file = self._tracked.get(str(path))
        if file is None:
            return False
        file.gone.discard(key)
        return key in file.at_base

    def is_tracked(self, path: Path | None) -> bool:
        """Whether a file was edited."""
        return str(path) in self._tracked

    @property
    def any_tracked(self) -> bool:
        """Whether any file was edited."""
        return bool(self._tracked)

    # Before the first edit

    def track(self, key: str, class_names: tuple[str, ...], *, is_in_file: bool = True) -> TrackedFile:
        """Before an image's first edit: keep its file's bytes, and check that they are what was loaded.

        Args:
            key: The image.
            class_names: All classes in their order, then those that only bases still know.
            is_in_file: Whether its file speaks of it (an image that comes back from the trash may not be).

        Raises:
            DataError: The file was changed by another program since it was read, or cannot be read.
        """
        image = self._images[key]
        text = image.annotation_text
        if text is None:
            raise WriteError("has no label file to write to.", path=image.path)
        known = self._tracked.get(text)
        if known is not None:
            return known
        path = Path(text)
        base, changed = read_with_time(path)
        keys = [other for other in self.keys_in(path) if is_in_file or other != key]
        at_base = {other: ImageState.of(self._images[other]) for other in keys}
        beginning = pack({other: state.to_json() for other, state in at_base.items()})
        file = TrackedFile(path, self._name_of(path), beginning, digest(base), dict(at_base), base=base)
        file.recall(at_base)
        labelled = any(state.labelled for state in at_base.values())
        if base is None:
            is_other = labelled
        elif self.read_at is not None and not self.read_at.is_before(changed) and self._is_in_place(path):
            is_other = False
        else:
            is_other = self.render(file, at_base, class_names) != base
        if is_other:
            raise conflict(path, "Read the set again (F5) to see its boxes, then make the edit.")
        self._tracked[text] = file
        return file

    def trust_times(self, read_at: ReadAt | None) -> None:
        """The set was read just now: a file that was not changed since need not be compared.

        Args:
            read_at: When that began, as far as it is known.
        """
        self.read_at = read_at
        self._places = {str(folder): folder_id(folder) for folder in self.folders}

    def _is_in_place(self, path: Path) -> bool:
        """Whether a label file's folder is still the one that was read: another one may have its name."""
        known = self._places.get(str(path.parent))
        return known is not None and known == folder_id(path.parent)

    def untrack(self, keys: Iterable[str]) -> None:
        """Forget the files of images of which nothing was edited after all."""
        for path in {self._images[key].annotation_text for key in keys}:
            if path is not None and path in self._tracked and self._tracked[path].is_new:
                del self._tracked[path]

    def note(self, key: str, state: ImageState) -> None:
        """An image is in another state now."""
        path = self._images[key].annotation_text
        if path is None or path not in self._tracked:
            return
        file = self._tracked[path]
        if not file.stale and key in file.saved and state.same_as(file.saved[key]):
            self.dirty.discard(key)
        else:
            self.dirty.add(key)
            self._latest.pop(key, None)
            self._latest[key] = None
            if len(self._latest) > _LATEST:
                del self._latest[next(iter(self._latest))]

    def make_stale(self, key: str) -> None:
        """The file of an image has to be written again, whatever the image says."""
        path = self._images[key].annotation_text
        if path is not None and path in self._tracked:
            self._tracked[path].stale = True
            self.dirty.add(key)

    def fit_ids(self, key: str, lies_at: Path, class_names: tuple[str, ...]) -> bool:
        """Let the label file of an image that comes back hold the ids that its classes have by now.

        It is written while it still lies in the trash: in its place it never says anything wrong.

        Args:
            key: The image.
            lies_at: Its label file.
            class_names: All classes in their order, then those that only bases still know.

        Returns:
            Whether the origins of its boxes still mean something.

        Raises:
            DataError: The file cannot be read or written.
        """
        image, here = self._images[key], read_file(lies_at)
        path = image.annotation
        if path is None or here is None:
            return True
        file = self._tracked.get(str(path))
        is_known = file is not None
        if file is None:
            # Nobody knows its lines any more: where it does not fit, it is written from the boxes alone.
            image = image.with_boxes(tuple(box.duplicated() for box in image.boxes))
            if registry.image_codec(self._codec.name).render(image, class_names, None) == here:
                return True
            empty = {key: replace(ImageState.of(image), boxes=()).to_json()}
            file = TrackedFile(path, self._name_of(path), pack(empty), digest(here))
            self._tracked[str(path)] = file
        states = {key: ImageState.of(image)}
        data = self.render(file, states, class_names)
        if data != here:
            self._write_down([(digest(data), file.name)], "pending = ?")
            write_or_remove(lies_at, data, durable=False)
        file.on_disk, file.saved = digest(data), states
        self._write_down([(file.on_disk, file.name)], "written = ?, size = NULL, pending = NULL")
        return is_known

    def base_state(self, key: str) -> ImageState | None:
        """An image as its file had it before the first edit; None where that was not edited."""
        path = self._images[key].annotation_text
        file = self._tracked.get(path) if path is not None else None
        return file.at_base.get(key) if file is not None else None

    # Rendering

    def render(
        self, file: TrackedFile, states: Mapping[str, ImageState], class_names: tuple[str, ...]
    ) -> bytes | None:
        """A label file's bytes with its images in these states; None where there is to be no file.

        Raises:
            FormatError: The format cannot hold it.
        """
        try:
            return self._rendered(file, states, class_names)
        except UnicodeEncodeError as error:
            raise FormatError(
                "the name of a picture is no text (UTF-8), which this format needs.",
                path=file.path,
                code="bad-name",
                hint="Rename the picture.",
            ) from error

    def _rendered(
        self, file: TrackedFile, states: Mapping[str, ImageState], class_names: tuple[str, ...]
    ) -> bytes | None:
        base = self._base_of(file)
        gone = {
            state.origin
            for key in file.gone
            if (state := file.at_base.get(key)) is not None and state.origin is not None
        }
        images: list[AnnotatedImage] = []
        for key, state in states.items():
            before = file.at_base.get(key)
            if state.removed or (before is not None and before.labelled and not state.labelled):
                if before is not None and before.origin is not None:
                    gone.add(before.origin)
                continue
            images.append(state.on(self._images[key]))
        wanted = any(image.labelled for image in images)
        if registry.is_shared(self._codec):
            if base is None and not wanted:
                return None
            return self._codec.render_file(file.path, images, class_names, base, removed=frozenset(gone))
        if not wanted:
            return None
        return registry.image_codec(self._codec.name).render(images[0], class_names, base)

    def _base_of(self, file: TrackedFile) -> bytes | None:
        if not file.base_is_read:
            row = self._sidecar.database.execute(
                "SELECT base FROM files WHERE path = ?", (file.name,)
            ).fetchone()
            file.base = unpacked_bytes(row[0]) if row is not None and row[0] is not None else None
            file.base_is_read = True
        return file.base

    # Saving

    def in_turn(self, keys: Iterable[str]) -> list[str]:
        """Dirty images in the order in which they are written: those edited last come first.

        So a box that is moved while a large edit is being written need not wait for all of it.

        Args:
            keys: All images of the set, in their order.
        """
        latest = dict.fromkeys(key for key in reversed(self._latest) if key in self.dirty)
        listed = dict.fromkeys(key for key in keys if key in self.dirty)
        # Behind them those that are in the trash.
        return list(latest | listed | dict.fromkeys(sorted(self.dirty - listed.keys())))

    def dirty_paths(self, keys: Iterable[str]) -> list[Path]:
        """The files of images that differ from what is on disk."""
        paths = (self._images[key].annotation_text for key in keys if key in self.dirty)
        return [Path(path) for path in dict.fromkeys(paths) if path is not None]

    def save(
        self,
        paths: Sequence[Path],
        now: Now,
        class_names: tuple[str, ...],
        *,
        overwrite: bool,
        durable: bool = True,
    ) -> list[DataError]:
        """Write label files.

        Args:
            paths: Files that are tracked.
            now: The images as they are.
            class_names: All classes in their order, then those that only bases still know.
            overwrite: Write also where another program changed the file meanwhile.
            durable: Wait for the disk after each file.

        Returns:
            An error for each file that could not be written; its images stay dirty.
        """
        errors: list[DataError] = []
        ready: list[tuple[TrackedFile, dict[str, ImageState], bytes | None]] = []
        for path in paths:
            file = self._tracked[str(path)]
            states = {key: state for key in self.keys_in(path) if (state := now(key)) is not None}
            try:
                data = self.render(file, states, class_names)
                if not overwrite and digest(read_file(path)) != file.on_disk:
                    raise conflict(path, "Keep your boxes with File > Overwrite changed files.")
                ready.append((file, states, data))
            except DataError as error:
                error.path = error.path or path
                errors.append(error)
        # Whoever is killed between the two finds out by these digests that the file is our own.
        self._write_down([(digest(data), file.name) for file, _, data in ready], "pending = ?", durable=True)
        done: list[tuple[Any, ...]] = []
        written = write_all([(file.path, data) for file, _, data in ready], durable=durable)
        for (file, states, data), problem in zip(ready, written, strict=True):
            if problem is not None:
                errors.append(problem)
                continue
            file.on_disk, file.saved, file.stale = digest(data), states, False
            self.dirty.difference_update(self.keys_in(file.path))
            if len(ready) > _LATEST:
                file.recall(None)
            done.append((file.on_disk, *size_and_time(file.path), file.name))
        self._write_down(done, "written = ?, size = ?, mtime = ?, pending = NULL, dirty = 0")
        return errors

    def _write_down(self, rows: Sequence[tuple[Any, ...]], what: str, *, durable: bool = False) -> None:
        if not rows:
            return
        # What cannot be written down costs the undo after a restart, not the labels.
        with contextlib.suppress(sqlite3.Error), self._sidecar.transaction(durable=durable) as database:
            database.executemany(f"UPDATE files SET {what} WHERE path = ?", rows)

    # The sidecar

    def store(self, states: Mapping[str, ImageState]) -> None:
        """Write down the states of images, inside a transaction of the sidecar."""
        database = self._sidecar.database
        for path in dict.fromkeys(self._images[key].annotation_text for key in states):
            file = self._tracked.get(path) if path is not None else None
            if file is None:
                continue
            if file.is_new:
                base = packed_bytes(self._base_of(file))
                database.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, NULL, 1, ?, ?)",
                    (file.name, base, file.beginning, file.on_disk, *size_and_time(file.path)),
                )
            else:
                database.execute("UPDATE files SET dirty = 1 WHERE path = ?", (file.name,))
        rows = [
            (key, self._tracked[path].name, pack(state.to_json()))
            for key, state in states.items()
            if (path := self._images[key].annotation_text) is not None and path in self._tracked
        ]
        database.executemany("INSERT OR REPLACE INTO states VALUES (?, ?, ?)", rows)

    def stored(self, states: Iterable[str]) -> None:
        """What :meth:`store` wrote has reached the database."""
        for key in states:
            path = self._images[key].annotation_text
            if path is not None and path in self._tracked:
                self._tracked[path].is_new = False

    def adopt(self, only: Path | None = None, lies_at: Path | None = None) -> dict[str, ImageState]:
        """Go on where the last process stopped.

        Args:
            only: With this file alone.
            lies_at: Where that is at the moment.

        A file that holds what was written last (or what was being written) is taken up with its base. A file
        that another program changed since is what it is now: what was known of it is forgotten.

        Returns:
            The states of images in files that were taken up.
        """
        adopted: dict[str, ImageState] = {}
        lost: list[tuple[str]] = []
        database = self._sidecar.database
        where, names = ("", ()) if only is None else (" WHERE path = ?", (self._name_of(only),))
        own: dict[str, dict[str, bytes]] = {}
        for key, name, state in database.execute(f"SELECT key, path, state FROM states{where}", names):
            own.setdefault(name, {})[key] = state
        rows = database.execute(f"SELECT path, {_ROW} FROM files{where}", names)
        for name, *row in rows.fetchall():
            path = self._root / name
            if path not in self or str(path) in self._tracked:
                continue
            try:
                adopted.update(self._take_up(path, lies_at or path, row, own.get(name, {})))
            except (DataError, ValueError, TypeError, AttributeError):
                lost.append((name,))
                if row[3]:
                    self.overruled.append(path)
        with contextlib.suppress(sqlite3.Error), self._sidecar.transaction():
            database.executemany("DELETE FROM files WHERE path = ?", lost)
            database.executemany("DELETE FROM states WHERE path = ?", lost)
        return adopted

    def _take_up(
        self, path: Path, lies_at: Path, row: Sequence[Any], own: Mapping[str, bytes]
    ) -> dict[str, ImageState]:
        """Go on with one file; returns the states of its images.

        Raises:
            DataError, ValueError, TypeError, AttributeError: It is another file by now, or what is known of
                it is damaged.
        """
        at_base, written, pending, dirty, size, mtime = row
        untouched = size is not None and size_and_time(lies_at) == (size, mtime)
        here = written if untouched else digest(read_file(lies_at))
        if here not in (written, pending):
            raise FormatError("was changed by another program.", path=path)
        now = {key: ImageState.from_json(unpack(data)) for key, data in own.items()}
        file = TrackedFile(path, self._name_of(path), at_base, here, is_new=False, base_is_read=False)
        if not now.keys() >= set(self.keys_in(path)):  # else nobody needs to know yet how it began
            now = {**file.at_base, **now}
        file.gone = {key for key, state in now.items() if state.removed and key not in self._images}
        if dirty:
            file.stale = True
            self.dirty.update(key for key in self.keys_in(path) if key in self._images)
        else:
            file.saved = {key: now.get(key) or ImageState.of(self._images[key]) for key in self.keys_in(path)}
        self._tracked[str(path)] = file
        return now

    def _name_of(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix() if path.is_relative_to(self._root) else str(path)
