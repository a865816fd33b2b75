"""The one document: a data set that is being edited. Widgets show it, edits change it, files follow it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from annotator.core.edits import SetBoxes
from annotator.core.sidecar import Sidecar
from converters import archive, registry
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.files import make_folder, write_if_changed
from converters.formats.base import Codec, LoadOptions, ProgressCallback
from converters.model import AnnotatedImage, Box, Dataset, Split
from converters.report import Report
from converters.work import WorkFolder, write_lists

Listener = Callable[[str], None]

_IDS_IN_FILES = ("yolo", "ultralytics")
"""Formats whose label files hold class ids, which the set's own list of names alone gives a meaning."""


class Session:
    """An open data set.

    Every label file is written from the bytes it had when the set was opened (its base) and the boxes as
    they are now, so undoing everything gives back the very file that was opened. A file may hold the labels
    of one picture or of many.

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
        self._loaded = {image.key: image.labelled for image in dataset}
        self._in_file: dict[Path, list[str]] = {}
        for image in dataset:
            if image.annotation is not None:
                self._in_file.setdefault(image.annotation, []).append(image.key)
        self._base: dict[Path, bytes | None] = {}
        self._on_disk: dict[Path, bytes | None] = {}
        self._dirty: set[str] = set()
        self._listeners: list[Listener] = []
        pinned = sidecar.class_names()
        self.class_names = (*pinned, *(name for name in dataset.class_names if name not in pinned))
        if dataset.format in _IDS_IN_FILES:
            # Ids stand in the files: the names file alone decides.
            self.class_names = dataset.class_names

    @classmethod
    def open(cls, path: Path, on_progress: ProgressCallback | None = None) -> Session:
        """Open a folder or an archive (which is unpacked beside itself first).

        Raises:
            DataError: It holds no picture, cannot be read, or the archive is refused.
            UsageError: It holds predictions, which are looked at on a page of their own.
        """
        root = archive.open_for_editing(path, on_progress=on_progress)
        report = Report()
        dataset = registry.load(root, report, LoadOptions(on_progress=on_progress))
        codec = registry.codec_of(dataset)
        if codec.keeps.confidence and any(b.confidence is not None for i in dataset for b in i.boxes):
            raise UsageError(
                f"holds predictions ({codec.title}), not labels.",
                path=path,
                hint=f"To go on from them as labels, convert them first: convert-cli {path} NEW --to voc",
            )
        return cls(dataset, codec, report, Sidecar(dataset.root))

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
        if registry.is_shared(self.codec):
            self._name_in_label_files(names)
        else:
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
        image = self._images[key]
        path = image.annotation
        if path is None:
            raise WriteError("has no label file to write to.", path=image.path)
        if path in self._base:
            return
        base = _read(path)
        labelled = any(self._loaded[other] for other in self._in_file[path])
        if labelled if base is None else self._render(path, base) != base or not labelled:
            raise self._conflict(image, "Read the set again (F5) to see its boxes, then make the edit.")
        self._base[path] = self._on_disk[path] = base
        for other in self._in_file[path]:
            self._saved[other] = self._images[other].boxes

    def _render(self, path: Path, base: bytes | None) -> bytes:
        """A label file's bytes with the boxes as they are now."""
        images = [self._images[key] for key in self._in_file[path]]
        if registry.is_shared(self.codec):
            return self.codec.render_file(path, images, self.class_names, base)
        return registry.image_codec(self.codec.name).render(images[0], self.class_names, base)

    def _name_in_label_files(self, names: tuple[str, ...]) -> None:
        """Write the class names into label files that hold them, edited or not."""
        before = self.class_names
        for keys in self._in_file.values():
            self._remember_base(keys[0])
        self.class_names = names
        try:
            for path in self._in_file:
                if self._base[path] is not None:
                    self._write(path, self._render(path, self._base[path]), overwrite=False)
            # Some formats have a place beside the label files for them; the files themselves say them by now.
            self.codec.write_class_names(self.root, names)
        except DataError:
            self.class_names = before
            raise

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
        wanted = self.dirty_keys if keys is None else [key for key in keys if key in self._dirty]
        paths = dict.fromkeys(path for key in wanted if (path := self._images[key].annotation) is not None)
        for path in paths:
            try:
                self._save_file(path, overwrite=overwrite)
            except DataError as error:
                errors.append(error)
        if self.codec.name not in _IDS_IN_FILES and not errors:
            self.sidecar.pin_class_names(self.class_names)
        return errors

    def _save_file(self, path: Path, *, overwrite: bool) -> None:
        """Write one label file: with it, all its images are saved."""
        here = self._in_file[path]
        if self._base[path] is None and not any(self._images[key].boxes for key in here):
            # Everything drawn was undone: what had no label file has none again.
            self._check_unchanged(path, overwrite=overwrite)
            _remove(path)
            self._on_disk[path] = None
        else:
            self._write(path, self._render(path, self._base[path]), overwrite=overwrite)
        for key in here:
            image = self._images[key]
            labelled = self._on_disk[path] is not None
            if registry.is_shared(self.codec):  # a shared file says of each picture whether it was looked at
                labelled = self._loaded[key] or bool(image.boxes)
            edited = key in self._dirty
            self._saved[key] = image.boxes
            self._dirty.discard(key)
            if edited or labelled != image.labelled:
                self._images[key] = replace(image, labelled=labelled)
                self._changed(key)

    def _write(self, path: Path, data: bytes, *, overwrite: bool) -> None:
        self._check_unchanged(path, overwrite=overwrite)
        make_folder(path.parent)
        write_if_changed(path, data)
        self._on_disk[path] = data

    def _check_unchanged(self, path: Path, *, overwrite: bool) -> None:
        if not overwrite and _read(path) != self._on_disk[path]:
            image = self._images[self._in_file[path][0]]
            raise self._conflict(image, "Keep your boxes with File > Overwrite changed files.")


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
