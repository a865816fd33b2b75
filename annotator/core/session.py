"""The one document: a data set that is being edited. Widgets show it, edits change it, files follow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from annotator.core.edits import SetBoxes
from annotator.core.sidecar import Sidecar
from converters import archive, registry
from converters.errors import DataError, FormatError, WriteError
from converters.files import make_folder, write_if_changed
from converters.formats.base import Codec, LoadOptions, ProgressCallback
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report
from converters.work import WorkFolder, write_lists

Listener = Callable[[str], None]


class Session:
    """An open data set.

    Every label file is written from the bytes it had when the set was opened (its base) and the boxes as
    they are now, so undoing everything gives back the very file that was opened.

    Attributes:
        root: The set's folder.
        codec: The format it is kept in.
        report: What was found while reading.
        sidecar: What the label files cannot hold.
        class_names: The pinned order of the classes.
    """

    def __init__(self, dataset: Dataset, codec: Codec, report: Report, sidecar: Sidecar) -> None:
        self.root = dataset.root
        self.codec = codec
        self.report = report
        self.sidecar = sidecar
        self.keys: tuple[str, ...] = tuple(image.key for image in dataset)
        self._images = {image.key: image for image in dataset}
        self._positions = {key: position for position, key in enumerate(self.keys)}
        self._saved: dict[str, tuple[Box, ...]] = {}
        self._base: dict[str, bytes | None] = {}
        self._on_disk: dict[str, bytes | None] = {}
        self._dirty: set[str] = set()
        self._listeners: list[Listener] = []
        pinned = sidecar.class_names()
        self.class_names = (*pinned, *(name for name in dataset.class_names if name not in pinned))
        if dataset.format == "yolo":
            # Ids stand in the files: the names file alone decides.
            self.class_names = dataset.class_names

    @classmethod
    def open(cls, path: Path, on_progress: ProgressCallback | None = None) -> Session:
        """Open a folder or an archive (which is unpacked beside itself first).

        Raises:
            DataError: It holds no picture, cannot be read, or the archive is refused.
        """
        root = archive.open_for_editing(path, on_progress=on_progress)
        report = Report()
        dataset = registry.load(root, report, LoadOptions(on_progress=on_progress))
        return cls(dataset, registry.codec_of(dataset), report, Sidecar(dataset.root))

    def close(self) -> None:
        """Release the lock. Unsaved edits are lost: save first."""
        self.sidecar.close()

    def listen(self, listener: Listener) -> None:
        """Call ``listener`` with the key of each image that changed."""
        self._listeners.append(listener)

    # What is there

    def image(self, key: str) -> AnnotatedImage:
        """The image as it is now."""
        return self._images[key]

    def dataset(self) -> Dataset:
        """A frozen copy of everything as it is now."""
        images = tuple(self._images[key] for key in self.keys)
        return Dataset(self.root, self.codec.name, images, self.class_names)

    def position(self, key: str) -> int:
        """Place of an image in the set's order, from 0."""
        return self._positions[key]

    def is_dirty(self, key: str) -> bool:
        """Whether an image's boxes differ from what is on disk."""
        return key in self._dirty

    @property
    def dirty_keys(self) -> tuple[str, ...]:
        """Images whose boxes differ from what is on disk, in the set's order."""
        return tuple(sorted(self._dirty, key=self.position))

    def __contains__(self, key: object) -> bool:
        return key in self._images

    # Changing it

    def apply(self, edit: SetBoxes) -> None:
        """Carry out an edit. The files follow with :meth:`save`.

        Raises:
            DataError: The label file was changed by another program since the set was opened, or
                cannot be read; nothing is changed then.
        """
        key = edit.key
        self._remember_base(key)
        self._set(key, edit.after)

    def add_class(self, name: str) -> str:
        """Add a class at the end of the order; returns the name as stored (without outer blanks).

        Raises:
            FormatError: It is empty, exists already (also but for case), or holds a line break.
            WriteError: The names file cannot be written.
        """
        name = name.strip()
        if not name or not name.isprintable():
            raise FormatError("a class name needs at least one character and no line break.")
        for other in self.class_names:
            if other.casefold() == name.casefold():
                raise FormatError(f"the class {other!r} exists already.")
        names = (*self.class_names, name)
        self.codec.write_class_names(self.root, names)
        work = WorkFolder(self.root)
        if work.exists():
            write_lists(work)  # obj.data says how many classes there are
        self.class_names = names
        self.sidecar.pin_class_names(names)
        return name

    def set_splits(self, splits: dict[str, Split]) -> None:
        """Say which split each image is in (images that are not named are in none)."""
        for key, image in self._images.items():
            if image.split != splits.get(key):
                self._images[key] = replace(image, split=splits.get(key))
                self._changed(key)

    def _set(self, key: str, boxes: tuple[Box, ...]) -> None:
        image = self._images[key]
        self._images[key] = image.with_boxes(boxes)
        if self._is_saved(key, boxes):
            self._dirty.discard(key)
        else:
            self._dirty.add(key)
        self._changed(key)

    def _is_saved(self, key: str, boxes: tuple[Box, ...]) -> bool:
        saved = self._saved[key]
        return boxes == saved and [box.origin for box in boxes] == [box.origin for box in saved]

    def _changed(self, key: str) -> None:
        for listener in tuple(self._listeners):
            listener(key)

    def _remember_base(self, key: str) -> None:
        """Before an image's first edit: keep its file's bytes, and check that they are what was loaded."""
        if key in self._base:
            return
        image = self._images[key]
        base = _read(image.annotation) if image.annotation is not None else None
        changed = base is not None and not image.labelled
        if base is not None and image.labelled:
            changed = self.codec.render(image, self.class_names, base) != base
        if changed or (base is None and image.labelled):
            raise self._conflict(image, "Read the set again (F5) to see its boxes, then make the edit.")
        self._base[key] = self._on_disk[key] = base
        self._saved[key] = image.boxes

    def _conflict(self, image: AnnotatedImage, hint: str) -> DataError:
        return DataError(
            "was changed by another program while the set was open.",
            path=image.annotation,
            code="changed-on-disk",
            hint=hint,
        )

    # Saving

    def save(self, keys: tuple[str, ...] | None = None, *, overwrite: bool = False) -> list[DataError]:
        """Write the label files of the dirty images (or of those of ``keys`` that are dirty).

        Args:
            keys: Limit to these images.
            overwrite: Write also where another program changed the file meanwhile.

        Returns:
            An error for each file that could not be written; these images stay dirty.
        """
        errors: list[DataError] = []
        for key in self.dirty_keys if keys is None else keys:
            if key not in self._dirty:
                continue
            try:
                self._save_one(key, overwrite=overwrite)
            except DataError as error:
                errors.append(error)
        if self.codec.name != "yolo" and not errors:
            self.sidecar.pin_class_names(self.class_names)
        return errors

    def _save_one(self, key: str, *, overwrite: bool) -> None:
        image = self._images[key]
        if image.annotation is None:
            raise WriteError("has no label file to write to.", path=image.path)
        data = self.codec.render(image, self.class_names, self._base[key])
        if not overwrite and _read(image.annotation) != self._on_disk[key]:
            raise self._conflict(image, "Keep your boxes with File > Overwrite changed files.")
        if not image.boxes and self._base[key] is None:
            # Everything drawn was undone: an image that had no label file has none again.
            _remove(image.annotation)
            self._on_disk[key] = None
        else:
            make_folder(image.annotation.parent)
            write_if_changed(image.annotation, data)
            self._on_disk[key] = data
        self._saved[key] = image.boxes
        self._dirty.discard(key)
        self._images[key] = replace(image, labelled=self._on_disk[key] is not None)
        self._changed(key)


def _read(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise DataError(f"cannot be read: {error.strerror}.", path=path) from error


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error
