"""The one document: a data set that is being edited. Widgets show it, edits change it, files follow it."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from natsort import natsorted

from annotator.core import class_edits
from annotator.core.class_colours import ChosenColours
from annotator.core.edits import (
    Edit,
    EditMany,
    RemoveImages,
    RestoreImages,
    SetBoxes,
    SetClasses,
    SetColours,
    SetEmptyOnPurpose,
    SetReviewed,
    SetSplit,
)
from annotator.core.fitting import check_fits, no_longer_there
from annotator.core.history import History
from annotator.core.label_files import ImageState, LabelFiles
from annotator.core.listeners import Listenable
from annotator.core.names import ClassNames
from annotator.core.new_sets import load_for_editing
from annotator.core.opening_notes import tell_of_opening
from annotator.core.review import Marks, ReviewCounts
from annotator.core.sidecar import Sidecar
from annotator.core.splits import Splits
from annotator.core.trash import Move, Trash, TrashedImage, labels_of, restored
from converters import archive, registry
from converters.colours import ClassColours
from converters.errors import DataError
from converters.files import sweep
from converters.formats.base import Codec, ProgressCallback
from converters.model import AnnotatedImage, Dataset, Split
from converters.report import Report

_STEP = 50
"""So many files are looked at between two reports of progress."""
_MANY = 32
"""From so many files on the disk is waited for once, not after each."""


class Session(Listenable):
    """An open data set.

    Every label file is written from the bytes it had before its first edit (its base) and the boxes as they
    are now, so undoing everything gives back the very file that was opened, also after a restart. A file may
    hold the labels of one picture or of many. An edit is in the journal at once, in the files with
    :meth:`save`; what a killed process did not get into the files is there when the set is opened again.

    Attributes:
        root: The set's folder.
        codec: The format it is kept in.
        report: What was found while reading.
        sidecar: What the label files cannot hold.
        history: The journal: what can be undone and done again.
        trash: The images that were removed.
        keys: The images, in natural order.
        replayed: Images whose last edits had not reached their files when the last process ended.
    """

    def __init__(self, dataset: Dataset, codec: Codec, report: Report, sidecar: Sidecar) -> None:
        super().__init__()
        self.root = dataset.root
        self.codec = codec
        self.report = report
        self.sidecar = sidecar
        self.history = History(sidecar)
        self.trash = Trash(dataset.root, sidecar)
        self._images = {image.key: image for image in dataset}
        self._removed: set[str] = set()
        self._affected: list[str] = []
        self._move: Move | None = None
        self.keys: tuple[str, ...] = ()
        self._files = LabelFiles(dataset.root, codec, sidecar, self._images)
        self._names = ClassNames(dataset, codec, sidecar, self._files)
        self._colours = ChosenColours(sidecar)
        self._marks = Marks(sidecar, codec)
        self._splits = Splits(dataset.root, sidecar)
        self.replayed: tuple[str, ...] = ()
        self._reorder()
        self._take_up()

    @classmethod
    def open(
        cls, path: Path, on_progress: ProgressCallback | None = None, new_labels: str = "voc"
    ) -> Session:
        """Open a folder or archive (unpacked beside itself first); ``new_labels``: format of a new set.

        Raises:
            DataError: It holds no picture, cannot be read, or the archive is refused.
            UsageError: It holds predictions, which are looked at on a page of their own.
        """
        root = archive.open_for_editing(path, on_progress=on_progress)
        sidecar = Sidecar(root) if root.is_dir() else None
        try:
            if sidecar is not None:
                Trash(root, sidecar).finish()
                Splits(root, sidecar).finish()
            report = Report()
            read_at = sidecar.read_at() if sidecar is not None else None
            dataset, codec = load_for_editing(root, report, on_progress, new_labels)
            if sidecar is None or dataset.root != root:
                if sidecar is not None:
                    sidecar.close()
                sidecar, read_at = Sidecar(dataset.root), None
            session = cls(dataset, codec, report, sidecar)
            session._files.trust_times(read_at)
            if sidecar.writable and sidecar.locked_by is None:
                sweep({root, *session._files.folders})
                if session.is_unsaved:
                    session.save()
        except BaseException:
            if sidecar is not None:
                sidecar.close()
            raise
        return session

    def close(self) -> None:
        """Release the lock. Edits that could not be saved stay in the journal, where that is on disk."""
        self.sidecar.close()

    # What is there

    @property
    def class_names(self) -> tuple[str, ...]:
        """The pinned order of the classes."""
        return self._names.now

    @property
    def colours(self) -> ClassColours:
        """The colours of the classes; whoever paints takes them from here."""
        return ClassColours(self.class_names, self._colours.now)

    def image(self, key: str) -> AnnotatedImage:
        """The image as it is now."""
        return self._images[key]

    def dataset(self) -> Dataset:
        """A frozen copy of everything as it is now."""
        images = tuple(self._images[key] for key in self.keys)
        return Dataset(self.root, self.codec.name, images, self.class_names, self._colours.now)

    def position(self, key: str) -> int:
        """Place of an image in the set's order, from 0."""
        return self._positions[key]

    def is_dirty(self, key: str) -> bool:
        """Whether an image's labels differ from what is on disk."""
        return key in self._files.dirty

    @property
    def dirty_keys(self) -> tuple[str, ...]:
        """Images whose labels differ from what is on disk, in the set's order."""
        return tuple(sorted(self._files.dirty & self._positions.keys(), key=self.position))

    @property
    def is_unsaved(self) -> bool:
        """Whether anything is not on disk yet."""
        return bool(self._files.dirty) or self._names.is_unsaved

    def __contains__(self, key: object) -> bool:
        return key in self._positions

    def is_taken(self, key: str) -> bool:
        """Whether a key belongs to an image, be it in the set or in the trash."""
        return key in self._images

    def reviewed(self, key: str) -> bool:
        """Whether a person said to have looked at an image's labels."""
        return self._images[key].reviewed

    def empty_on_purpose(self, key: str) -> bool:
        """Whether it is said that there is nothing to label in an image (which has no boxes)."""
        image = self._images[key]
        return image.labelled and not image.boxes

    def review_counts(self) -> ReviewCounts:
        """How far the review has come."""
        return ReviewCounts.of(self._images[key] for key in self.keys)

    @property
    def splits_by_hand(self) -> Mapping[str, Split | None]:
        """Images whose split a person has set, and which."""
        return self._splits.load()

    # Changing it

    def apply(self, edit: Edit) -> None:
        """Carry out an edit and write it into the journal. The label files follow with :meth:`save`.

        Raises:
            DataError: The label file was changed by another program since the set was opened, cannot be
                read, or the edit does not fit; nothing is changed then.
        """
        self._carry_out(edit)
        self._record(edit, lambda: self.history.add(edit), lambda: self.history.drop_top(back=True))

    def undo(self) -> Edit | None:
        """Take back the last edit; returns it, or None where there is none.

        Raises:
            DataError: It does not fit any more (another program changed the labels). Nothing is changed;
                :meth:`forget_step` goes on to the edit before it.
        """
        return self._step(back=True)

    def redo(self) -> Edit | None:
        """Do again what was taken back last; returns it, or None where there is nothing.

        Raises:
            DataError: As :meth:`undo`.
        """
        return self._step(back=False)

    def forget_step(self, *, back: bool = True) -> None:
        """Leave out the edit that would be undone (or done again) next: the labels stay as they are."""
        self.history.write(lambda: self.history.drop_top(back=back))
        self._listeners.tell("history")

    def forget_history(self) -> None:
        """Empty the journal: nothing can be undone or done again."""
        self.history.write(self.history.clear)
        self._listeners.tell("history")

    def add_class(self, name: str) -> str:
        """Add a class at the end of the order; returns the name as stored (without outer blanks).

        Raises:
            FormatError: It is empty, exists already (also but for case), or holds a line break.
            WriteError: The names file cannot be written.
        """
        edit = class_edits.add_class(self.dataset(), name)
        self.apply(edit)
        if errors := self.save():
            self.undo()
            raise errors[0]
        return edit.after[-1]

    def set_reviewed(self, keys: Iterable[str], reviewed: bool = True) -> None:
        """Say of images that a person has (or has not) looked at them: one edit."""
        self._apply_if(self._marks.reviewed_edit([self._images[key] for key in keys], reviewed))

    def set_empty_on_purpose(self, keys: Iterable[str], empty: bool = True) -> None:
        """Say of images without boxes that there is nothing in them to label: one edit.

        An empty label file says so where the format has one. Who says so has looked: they are reviewed, too.

        Raises:
            UsageError: One has boxes.
        """
        self._apply_if(self._marks.empty_edit([self._images[key] for key in keys], empty))

    def set_split(self, keys: Iterable[str], split: Split | None) -> None:
        """Put images into a split by hand: one edit.

        In a Darknet data set the images of a group go together: near-identical pictures in two splits
        would make every measurement too good.

        Raises:
            UsageError: An image is to leave train, but there are augmented copies of it.
        """
        self._apply_if(self._splits.edit(self._images, [key for key in keys if key in self], split))

    def remove_images(self, keys: Iterable[str]) -> None:
        """Move images with their labels to the trash: one edit."""
        wanted = tuple(key for key in dict.fromkeys(keys) if key in self)
        self._apply_if(self.trash.removal(wanted, len(self.keys) - len(wanted)))

    def restore_images(self, folder: str, keys: Sequence[str]) -> None:
        """Bring images back from the trash (see :attr:`trash`): one edit.

        Before it comes one that adds the classes of their boxes that are none (any more).
        """
        items = self.trash.coming([key for key in keys if key not in self], folder).items
        self._apply_if(class_edits.add_missing(self.dataset(), labels_of(items)))
        self._apply_if(self.trash.restoring(folder, keys))

    def set_splits(self, splits: Mapping[str, Split]) -> None:
        """Show other splits (those of a Darknet data set made from this one). No edit; nothing is written."""
        for key in self.keys:
            if self._images[key].split != splits.get(key):
                self._images[key] = replace(self._images[key], split=splits.get(key))
                self._listeners.changed(key)

    # Saving

    def save(
        self, keys: tuple[str, ...] | None = None, *, overwrite: bool = False, seconds: float | None = None
    ) -> list[DataError]:
        """Write the label files of the dirty images (or of those of ``keys`` that are dirty).

        Args:
            keys: Limit to these images.
            overwrite: Write also where another program changed the file meanwhile.
            seconds: Stop after about so long; the rest is still dirty then.

        Returns:
            An error for each file that could not be written; these images stay dirty.
        """
        if self.is_busy:
            return []
        if not self.root.is_dir():
            return [no_longer_there(self.root)]
        begun = time.monotonic()
        errors = self.history.take_back_to_disk()
        errors += self._names.save(before_labels=True)
        dirty = self._files.in_turn(self.keys) if keys is None else keys
        paths = self._files.dirty_paths(dirty)
        step = len(paths) if seconds is None else _MANY - 1
        many = len(paths) >= _MANY and seconds is None
        written = set(self._files.dirty)
        for start in range(0, len(paths), max(step, 1)):
            if seconds is not None and start and time.monotonic() - begun > seconds:
                break
            errors += self._files.save(
                paths[start : start + step],
                lambda key: self._state_of(key) if key in self._images else None,
                self._names.for_files,
                overwrite=overwrite,
                durable=not many,
            )
        if many:
            os.sync()
        for key in written - self._files.dirty:
            self._listeners.changed(key)
        if not errors and not self._files.dirty:
            errors += self._names.save(before_labels=False)
        return errors

    # Inside

    def _take_up(self) -> None:
        """Go on where the last process stopped."""
        for key in self._marks.load(self._images):
            self._images[key] = self._marks.shown_on(self._images[key])
        self._show_splits((key, split) for key, split in self._splits.load().items() if key in self._images)
        self._adopt(self._files.adopt())
        tell_of_opening(self.sidecar, self._files.overruled, self.report)
        self.replayed = self.dirty_keys
        self._names.adopt(self._images.values(), bases=self._files.any_tracked)

    def _adopt(self, states: Mapping[str, ImageState]) -> None:
        for key, state in states.items():
            if key in self._images:
                self._images[key] = state.on(self._images[key])

    def _step(self, *, back: bool) -> Edit | None:
        entry = self.history.top(back=back)
        if entry is None or entry.edit is None:
            return None
        edit = entry.edit.inverse() if back else entry.edit
        self._carry_out(edit, back=back)
        number = entry.id
        self._record(
            edit,
            lambda: self.history.move(number, back=back),
            lambda: self.history.move(number, back=not back),
        )
        return entry.edit

    def _carry_out(self, edit: Edit, *, back: bool | None = None) -> None:
        here = {key: self._images[key] for key in edit.keys if key in self}
        check_fits(edit, here, self.class_names, self.root, back=back)
        match edit:
            case SetBoxes():
                self._set_boxes((edit,))
            case EditMany():
                self._set_boxes(edit.edits)
            case SetClasses():
                self._set_classes(edit)
            case SetColours():
                self._colours.carry_out(edit.changes)
            case SetReviewed():
                self._set_marks(dict(edit.after), "reviewed")
            case SetEmptyOnPurpose():
                self._set_marks(dict(edit.after), "labelled")
                self._set_marks(dict(edit.reviewed_after), "reviewed")
            case SetSplit():
                self._show_splits(edit.after)
            case RemoveImages():
                self._remove(edit)
            case RestoreImages():
                self._restore(edit)

    def _track(self, keys: Iterable[str]) -> None:
        wanted = tuple(dict.fromkeys(keys))
        if wanted and not self.root.is_dir():
            raise no_longer_there(self.root)
        begun = [key for key in wanted if not self._files.is_tracked(self._images[key].annotation)]
        try:
            for done, key in enumerate(wanted):
                if self._on_progress is not None and done % _STEP == 0:
                    self._on_progress(done, len(wanted))
                self._files.track(key, self._names.for_files)
        except BaseException:
            # Nothing was edited: a file that is looked at later may be another one by then.
            self._files.untrack(begun)
            raise

    def _set_boxes(self, changes: Sequence[SetBoxes]) -> None:
        self._track(change.key for change in changes)
        for change in changes:
            image = self._images[change.key]
            before = self._files.base_state(change.key)
            # A picture that had no label file has none again where all that was drawn is taken back.
            kept = self._marks.stays_labelled(change.key, before is not None and before.labelled)
            self._set(replace(image, boxes=change.after, labelled=bool(change.after) or kept))

    def _set_classes(self, edit: SetClasses) -> None:
        here = (self._images[key] for key in self.keys)
        affected = self._names.affected(here, edit.after)
        self._track([*affected, *edit.keys])
        self._names.set(edit.after)
        self._colours.carry_out(edit.colours)
        self._set_boxes(edit.edits)
        for key in affected:
            self._files.make_stale(key)
        self._affected = affected

    def _set_marks(self, values: Mapping[str, bool], field: Literal["reviewed", "labelled"]) -> None:
        in_file = [key for key in values if self._marks.is_in_file(self._images[key], field)]
        self._track(in_file)
        for key, value in values.items():
            image = self._images[key]
            self._marks.note(key, field, value)
            if field == "reviewed":
                image = replace(image, reviewed=value)
            else:
                image = replace(image, labelled=value or bool(image.boxes))
            self._set(image)

    def _set(self, image: AnnotatedImage) -> None:
        self._images[image.key] = image
        self._files.note(image.key, self._state_of(image.key))

    def _remove(self, edit: RemoveImages) -> None:
        images = [self._images[key] for key in edit.keys if key in self]
        shared = registry.is_shared(self.codec)
        if errors := self.save(() if shared else edit.keys):
            raise errors[0]
        if shared or self._names.has_ids:
            self._track(image.key for image in images)
        self._move = self.trash.going(
            images, edit.folder, with_labels=not shared, is_edited=self._files.is_tracked
        )
        self._removed.update(image.key for image in images)
        for image in images if shared else ():
            self._files.note(image.key, self._state_of(image.key))
        self._reorder()

    def _restore(self, edit: RestoreImages) -> None:
        move = self.trash.coming([key for key in edit.keys if key not in self], edit.folder)
        self._names.have(labels_of(move.items))
        if self._names.has_ids and (errors := self.save()):
            raise errors[0]  # what the ids mean has to be on disk before another label file is
        try:
            for item in move.items:
                self._take_in(item)
        except DataError:
            self._put_back({item.key for item in move.items}, in_set=False)
            raise
        self._move = move
        self._reorder()

    def _take_in(self, item: TrashedImage) -> None:
        """Have an image that comes back, in its label file as well."""
        key, annotation = item.key, item.image.annotation
        shared = registry.is_shared(self.codec)
        lies_at = None if annotation is None or shared else self.trash.place_of(item, annotation)
        self._removed.discard(key)
        if key not in self._images:
            self._images[key] = item.image
            known = annotation is not None and self._files.add_key(key, annotation, lies_at or annotation)
            if shared or item.edited:
                self._images[key] = restored(item, is_known=known)
            if shared and not known:
                self._files.track(key, self._names.for_files, is_in_file=False)
        if shared:
            self._files.note(key, self._state_of(key))
        elif self._names.has_ids and lies_at is not None:
            known = self._files.fit_ids(key, lies_at, self._names.for_files)
            self._images[key] = self._images[key] if known else restored(item, is_known=False)

    def _show_splits(self, splits: Iterable[tuple[str, Split | None]]) -> None:
        for key, split in splits:
            self._images[key] = replace(self._images[key], split=split)

    def _follow(self, edit: Edit, revert: Callable[[], object]) -> None:
        """Let files follow an edit that is in the journal already.

        Raises:
            DataError: They cannot; the edit is taken back.
        """
        move, self._move = self._move, None
        try:
            if move is not None:
                self.trash.carry_out(move)
            elif isinstance(edit, SetSplit):
                self._splits.follow(edit.after)
        except DataError:
            if move is not None:
                self._put_back({item.key for item in move.items}, in_set=not move.restoring)
            elif isinstance(edit, SetSplit):
                self._show_splits(edit.before)
            self._take_back(edit, move, revert)
            raise

    def _put_back(self, keys: set[str], *, in_set: bool) -> None:
        """Images did not come, or go, after all."""
        self._removed = self._removed - keys if in_set else self._removed | keys
        self._reorder()
        if registry.is_shared(self.codec):
            for key in keys & self._images.keys():
                self._files.note(key, self._state_of(key))
        elif not in_set:
            self._files.dirty -= keys  # their label files are in the trash with them

    def _take_back(self, edit: Edit, move: Move | None, revert: Callable[[], object]) -> None:
        """Files could not follow an edit: they go back, if need be when the set is opened again."""
        states = {key: self._state_of(key) for key in edit.keys if move is not None and key in self._images}

        def write() -> None:
            revert()
            self._files.store(states)
            if move is not None:
                self.trash.intend(move.turned())
            elif isinstance(edit, SetSplit):
                self._splits.store(edit.before)

        self.history.write(write)
        with contextlib.suppress(DataError):
            if move is not None:
                self.trash.carry_out(move.turned())
            elif isinstance(edit, SetSplit):
                self._splits.follow(edit.before)
        self._listeners.tell("history")

    def _state_of(self, key: str) -> ImageState:
        return ImageState.of(self._images[key], removed=key in self._removed)

    def _reorder(self) -> None:
        self.keys = tuple(natsorted(key for key in self._images if key not in self._removed))
        self._positions = {key: position for position, key in enumerate(self.keys)}

    def _record(self, edit: Edit, step: Callable[[], object], revert: Callable[[], object]) -> None:
        """Write down what an edit did, in one transaction, and tell whom it concerns.

        Args:
            edit: What was done.
            step: Tells the journal.
            revert: Takes that back, where files cannot follow.
        """
        keys = [key for key in edit.keys if key in self._images]
        states = {key: self._state_of(key) for key in [*keys, *self._affected]}
        self._affected = []

        def write() -> None:
            step()
            self._files.store(states)
            self._marks.store(keys)
            self._names.store()
            self._colours.store()
            if isinstance(edit, SetSplit):
                self._splits.store(edit.after)
            elif isinstance(edit, RestoreImages):
                # A new picture's: no list of the set's speaks of it.
                self._splits.keep((key, split) for key in keys if (split := self._images[key].split))
            if self._move is not None:
                self.trash.intend(self._move)

        self.history.write(write)
        self._files.stored(states)
        self._names.stored()
        self._colours.stored()
        self._follow(edit, revert)
        for key in keys:
            if key in self:
                self._listeners.changed(key)
        if isinstance(edit, RemoveImages | RestoreImages):
            self._listeners.tell("images")
        if isinstance(edit, SetClasses | SetColours):
            self._listeners.tell("classes")
        self._listeners.tell("history")

    def _apply_if(self, edit: Edit | None) -> None:
        if edit is not None and edit.changes_something:
            self.apply(edit)
