"""The class names of a set that is edited: their order, and the files that list them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Container, Iterable
from pathlib import Path
from typing import Any

from annotator.core.edit_json import pack, unpack
from annotator.core.sidecar import Sidecar
from converters import registry
from converters.errors import DataError, FormatError
from converters.files import write_atomic
from converters.formats.base import Codec
from converters.layout import scan
from converters.model import AnnotatedImage, Dataset
from converters.work import WorkFolder, write_lists

_IDS_IN_FILES = ("yolo", "ultralytics")
"""Formats whose label files hold class ids, which the set's own list of names alone gives a meaning."""

_LIST_SUFFIXES = (".names", ".txt", ".yaml", ".yml", ".data", ".xml", ".json", ".labels", ".csv")
_LIST_BYTES = 256 * 1024
_MOST_LISTS = 500

_PENDING, _BASE, _LISTS = "names", "names_at_base", "name_lists"
"""Facts of the sidecar: names that the files may not have yet; those that the bases of shared label files
know; the name files before their first change."""


class ClassNames:
    """The classes.

    Attributes:
        now: Their order.
        has_ids: Whether label files hold ids, which that order alone gives a meaning.
        is_unsaved: Whether the files that list them have to be written.
    """

    def __init__(
        self, dataset: Dataset, codec: Codec, sidecar: Sidecar, label_files: Container[Path]
    ) -> None:
        self._root = dataset.root
        self._codec = codec
        self._sidecar = sidecar
        self.has_ids = codec.name in _IDS_IN_FILES
        self._shared = registry.is_shared(codec)
        self._in_files = dataset.class_names
        self._written = dataset.class_names
        self._tried: dict[tuple[str, ...], None] = {}
        pinned = sidecar.class_names()
        retired = set(sidecar.retired_names())
        used = {box.label for image in dataset for box in image.boxes}
        shown = [n for n in dataset.class_names if n not in pinned and (n not in retired or n in used)]
        # Where ids stand in the files the names file alone decides.
        self.now: tuple[str, ...] = dataset.class_names if self.has_ids else (*pinned, *shown)
        self._base = self._read_fact(_BASE)
        self._known = dict.fromkeys((*self.now, *dataset.class_names, *retired, *(self._base or ())))
        self._label_files = label_files
        self.is_unsaved = False
        self._is_stored = True

    @property
    def for_files(self) -> tuple[str, ...]:
        """The classes, then those that only the bases of label files still know.

        A codec takes a box of an unknown class for one that reading refused, and leaves it in the file: it
        has to know those that were deleted here.
        """
        # A label file that lists classes itself would get those that its base does not have.
        known = (self._base or self._in_files) if self._shared else tuple(self._known)
        return (*self.now, *(name for name in known if name not in self.now))

    def affected(self, images: Iterable[AnnotatedImage], after: tuple[str, ...]) -> list[str]:
        """Images whose label files change with the list alone, whatever becomes of their boxes."""
        if self._shared:
            one_each: dict[str | None, str] = {}
            for image in images:
                one_each.setdefault(image.annotation_text, image.key)
            return list(one_each.values())
        if not self.has_ids:
            return []
        new = {name: id for id, name in enumerate(after)}
        moved = {name for id, name in enumerate(self.now) if new.get(name, id) != id}
        return [image.key for image in images if any(box.label in moved for box in image.boxes)]

    def set(self, names: tuple[str, ...]) -> None:
        """Have other classes from now on; the files follow with :meth:`save`."""
        self.now = names
        self._known |= dict.fromkeys(names)
        self.is_unsaved, self._is_stored = True, False

    def have(self, labels: Iterable[str]) -> None:
        """Images come back: what their boxes are is a class."""
        missing = [label for label in labels if label not in self.now]
        if missing:
            self.set((*self.now, *missing))

    def save(self, *, before_labels: bool) -> list[DataError]:
        """Write the files that list the classes.

        At no moment label files name an id that the list does not have: it grows before label files are
        written, and shrinks behind them.

        Args:
            before_labels: Whether label files are still to be written.
        """
        if not self.is_unsaved:
            if not before_labels and not self.has_ids:
                self._sidecar.pin_class_names(self.now, self._known)
            return []
        grows = self.has_ids and len(self.now) >= len(self._written)
        if grows != before_labels:
            return []
        # Where only a part can be written, what is on disk may be either.
        self._tried[self.now] = None
        try:
            self._write_lists()
            work = WorkFolder(self._root)
            if work.exists():
                write_lists(work)  # obj.data says how many classes there are
        except DataError as error:
            return [error]
        self._written, self.is_unsaved = self.now, False
        self._tried.clear()
        self._sidecar.pin_class_names(self.now, self._known)
        self._sidecar.keep_fact(_PENDING, None)
        return []

    def store(self) -> None:
        """Write down what the files may not have yet, inside a transaction of the sidecar."""
        if self._base is None:
            self._base = self._in_files
            self._sidecar.set_fact(_BASE, pack(self._base))
        if not self._is_stored:
            self._sidecar.set_fact(_PENDING, pack([self._written, *self._tried, self.now]))

    def stored(self) -> None:
        """What :meth:`store` wrote has reached the database."""
        self._is_stored = True

    def adopt(self, images: Iterable[AnnotatedImage], *, bases: bool) -> None:
        """Go on where the last process stopped, once the images are what they are.

        Args:
            images: All of them.
            bases: Whether the base of any label file is known.
        """
        if self._shared and not bases:
            self._base = None
        pending = self._sidecar.fact(_PENDING)
        if pending is not None:
            known = _lists(pending)
            after = known[-1] if known else ()
            if after and (not self.has_ids or self._written in known):
                self.set(after)
        missing = {box.label: None for image in images for box in image.boxes if box.label not in self.now}
        self.now = (*self.now, *missing)

    def _write_lists(self) -> None:
        before = self._list_files()
        kept = self._kept_lists()
        if self.now == (self._base or self._in_files) and kept is not None:
            old, new = kept
            if all(before.get(name) == data for name, data in new.items()) and old.keys() <= before.keys():
                for name, data in old.items():
                    write_atomic(self._root / name, data)
                return
        self._codec.write_class_names(self._root, self.now)
        after = self._list_files()
        changed = [name for name, data in after.items() if before.get(name) != data]
        if not changed:
            return
        if kept is not None:
            old = {**{name: before[name] for name in changed if name in before}, **kept[0]}
            new = {**kept[1], **{name: after[name] for name in changed}}
        else:
            old = {name: before[name] for name in changed if name in before}
            new = {name: after[name] for name in changed}
        self._sidecar.keep_fact(_LISTS, pack([_to_text(old), _to_text(new)]))

    def _list_files(self) -> dict[str, bytes]:
        """Small files that may list the classes: what is no picture and no label file of one."""
        tree = scan(self._root)
        stems = {name.rpartition(".")[0].rpartition("/")[2] for name in tree.pictures}
        names = [
            name
            for name in tree.with_suffix(*_LIST_SUFFIXES)
            if name.rpartition(".")[0].rpartition("/")[2] not in stems
        ]
        found: dict[str, bytes] = {}
        for name in sorted(names, key=lambda name: name.count("/"))[:_MOST_LISTS]:
            path = self._root / name
            if path in self._label_files:
                continue
            try:
                if path.stat().st_size <= _LIST_BYTES:
                    found[name] = path.read_bytes()
            except OSError:
                continue
        return found

    def _kept_lists(self) -> tuple[dict[str, bytes], dict[str, bytes]] | None:
        data = self._sidecar.fact(_LISTS)
        if data is None:
            return None
        try:
            old, new = unpack(data)
            return _from_text(old), _from_text(new)
        except (FormatError, ValueError, TypeError, AttributeError, binascii.Error):
            return None

    def _read_fact(self, name: str) -> tuple[str, ...] | None:
        data = self._sidecar.fact(name)
        try:
            return tuple(str(one) for one in unpack(data)) if data is not None else None
        except (FormatError, TypeError):
            return None


def _lists(data: bytes) -> list[tuple[str, ...]]:
    try:
        return [tuple(names) for names in unpack(data)]
    except (FormatError, ValueError, TypeError):
        return []


def _to_text(files: dict[str, bytes]) -> dict[str, str]:
    return {name: base64.b64encode(data).decode("ascii") for name, data in files.items()}


def _from_text(files: Any) -> dict[str, bytes]:
    return {str(name): base64.b64decode(data) for name, data in files.items()}
