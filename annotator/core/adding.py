"""Adding pictures to an open set in place: they are laid into its trash, and "brought back" from there.

So adding is one edit of the journal, whoever is killed finishes it when the set is opened again, and undoing
it moves the pictures to the trash. What they come from is only read.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from annotator.core.edits import RestoreImages, SetClasses
from annotator.core.incoming import Incoming, Newcomer
from annotator.core.session import Session
from annotator.core.trash import TrashedImage
from converters import registry
from converters.errors import DataError, UsageError, WriteError
from converters.files import make_folder, write_new
from converters.formats.base import ProgressCallback
from converters.formats.loading import clip_edges
from converters.layout import splits_from_folders, stem_of
from converters.model import AnnotatedImage, Box, Split
from converters.words import counted
from converters.work import WorkFolder

LEAVE_OUT = ""
"""As the new name of a class: its boxes are left out."""

_IDS_IN_FILES = ("yolo", "ultralytics")
_SLIVER = 0.5
"""Pixels; a box of which less lies in its picture is none there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a new picture goes.

    Attributes:
        new: The picture.
        key: Its key in the set.
        picture: Its file, relative to the set's root.
        annotation: The label file that its boxes are written to.
        split: The split that its place means.
        is_renamed: Whether its name was taken, so that it gets another one.
    """

    new: Newcomer
    key: str
    picture: str
    annotation: Path
    split: Split | None
    is_renamed: bool


def chosen(found: Incoming, *, identical: bool = False, similar: bool = True) -> list[Newcomer]:
    """The pictures that come in.

    Args:
        found: What was read.
        identical: Also those of which the very same is there.
        similar: Also those of which nearly the same is there.
    """
    return [new for new in found.newcomers if not new.twin or (identical if new.is_identical else similar)]


def propose_classes(found: Incoming, class_names: Sequence[str]) -> dict[str, str]:
    """For each class of a box that the set does not know: the class it probably is, else its own name."""
    known = {_folded(name): name for name in class_names}
    return {label: known.get(_folded(label), label) for label in found.boxes if label not in class_names}


def new_classes(session: Session, names: Mapping[str, str], labels: Sequence[str]) -> SetClasses | None:
    """The edit that adds the classes which the set does not know; None where it knows all.

    Args:
        session: The set.
        names: What unknown classes become (:func:`propose_classes`).
        labels: The classes of the boxes that come in.
    """
    before = session.class_names
    wanted = dict.fromkeys(names.get(label, label) for label in labels)
    added = tuple(name for name in wanted if name != LEAVE_OUT and name not in before)
    if not added:
        return None
    what = (
        f"add the class {added[0]}" if len(added) == 1 else f"add {counted(len(added), 'class', 'classes')}"
    )
    return SetClasses(before, (*before, *added), (), what)


def find_places(session: Session, newcomers: Sequence[Newcomer]) -> list[Place]:
    """Where pictures go: the folder in which most pictures of the set are, with a name that is free.

    Raises:
        UsageError: The set is a Darknet data set (which has a way of its own), or is read-only.
        DataError: The set's folder cannot be listed.
    """
    root = session.root
    if WorkFolder(root).exists():
        raise UsageError("is a Darknet data set.", path=root, hint="convert-cli MORE SET --add adds to it.")
    if not session.sidecar.writable or session.sidecar.locked_by is not None:
        raise UsageError("nothing can be added: the set is read-only, or open elsewhere.", path=root)
    images = [session.image(key) for key in session.keys]
    folder = _folder_of(images, root)
    shared = registry.is_shared(session.codec)
    file = _label_file(images) if shared else None
    sample = root / folder / "new.png"
    home = file or registry.image_codec(session.codec.name).label_path(sample, root)
    near = [i for i in images if (i.annotation == file if shared else i.path.parent == root / folder)]
    by_hand = session.splits_by_hand
    splits = {image.split for image in near if image.key not in by_hand}
    common = splits.pop() if len(splits) == 1 else None
    names = _Names(session, folder, None if shared else home)
    places: list[Place] = []
    for new in newcomers:
        stem = names.free(new.image.path)
        picture = f"{folder}/{stem}{new.image.path.suffix}" if folder else stem + new.image.path.suffix
        key = f"{folder}/{stem}" if folder else stem
        annotation = home if shared else home.with_name(stem + home.suffix)
        renamed = stem != stem_of(new.image.path.name)
        # As reading the set would say, where that goes by folders.
        split = common or splits_from_folders([*(image.key for image in near), key]).get(key)
        places.append(Place(new, key, picture, annotation, split, renamed))
    return places


def stage(
    session: Session,
    places: Sequence[Place],
    names: Mapping[str, str],
    class_names: tuple[str, ...],
    on_progress: ProgressCallback | None = None,
) -> RestoreImages:
    """Copy pictures and write their labels into the trash of the set; returns the edit that lets them in.

    Args:
        session: The set; nothing of it is changed, so this may run in another thread.
        places: Where they go.
        names: What classes become; :data:`LEAVE_OUT`: their boxes are left out.
        class_names: The classes of the set, with the new ones.
        on_progress: Told (done, total); it may raise to cancel.

    Raises:
        DataError: A picture cannot be read, or something cannot be written. Nothing is left then.
    """
    folder = session.trash.new_folder()
    room = session.trash.folder / folder
    items: list[TrashedImage] = []
    try:
        for done, place in enumerate(places):
            if on_progress is not None:
                on_progress(done, len(places))
            items.append(_stage_one(session, place, folder, room / "files", names, class_names))
        session.trash.lay_in(folder, items)
    except BaseException:
        shutil.rmtree(room, ignore_errors=True)
        raise
    one = PurePosixPath(places[0].picture).name if len(places) == 1 else ""
    text = f"add {one or counted(len(places), 'picture')}"
    return RestoreImages(tuple(place.key for place in places), folder, text)


def discard(session: Session, edit: RestoreImages) -> None:
    """Delete what :func:`stage` laid into the trash, where it is not let in after all."""
    with suppress(DataError):
        session.trash.erase(edit.folder, frozenset(edit.keys))


def _stage_one(
    session: Session,
    place: Place,
    folder: str,
    files: Path,
    names: Mapping[str, str],
    class_names: tuple[str, ...],
) -> TrashedImage:
    source = place.new.image
    target = files / place.picture
    make_folder(target.parent)
    try:
        shutil.copyfile(source.path, target)
    except OSError as error:
        raise WriteError.from_os_error(error, source.path) from error
    boxes = _boxes(source, names, clipped=session.codec.name in _IDS_IN_FILES)
    image = AnnotatedImage(
        place.key,
        session.root / place.picture,
        source.size,
        boxes,
        place.split,
        place.annotation,
        labelled=source.labelled,
        reviewed=source.reviewed and session.codec.keeps.reviewed,
    )
    label: str | None = None
    if source.labelled and registry.is_per_image(session.codec):
        data = session.codec.render(image, class_names, None)
        # Each box stands for the element that it was written as, as if the file had been read.
        boxes = tuple(replace(box, origin=number) for number, box in enumerate(boxes))
        image = image.with_boxes(boxes)
        if session.codec.render(image, class_names, data) != data:
            raise DataError("its labels do not come out as they were written.", path=source.path)
        label = place.annotation.relative_to(session.root).as_posix()
        make_folder((files / label).parent)
        write_new(files / label, data)
    return TrashedImage(place.key, folder, place.picture, label, image)


def _boxes(image: AnnotatedImage, names: Mapping[str, str], *, clipped: bool) -> tuple[Box, ...]:
    """The boxes with their names in the set; those with nothing in the picture are left out."""
    kept: list[Box] = []
    for box in image.boxes:
        label = names.get(box.label, box.label)
        if label == LEAVE_OUT:
            continue
        inside = clip_edges(box.xyxy, image.size)
        if inside[2] - inside[0] < _SLIVER or inside[3] - inside[1] < _SLIVER:
            continue
        kept.append(Box(inside if clipped else box.xyxy, label, None, box.flags))
    return tuple(kept)


def _folder_of(images: Sequence[AnnotatedImage], root: Path) -> str:
    """The folder in which most pictures are, relative to the root; empty for the root itself."""
    folders = Counter(image.path.parent for image in images if image.path.is_relative_to(root))
    if not folders:
        return ""
    most = max(folders.values())
    folder = next(one for one, count in folders.items() if count == most)
    relative = folder.relative_to(root).as_posix()
    return "" if relative == "." else relative


def _label_file(images: Sequence[AnnotatedImage]) -> Path:
    """Of the label files of many pictures the one that holds most."""
    files = Counter(image.annotation for image in images if image.annotation is not None)
    return files.most_common(1)[0][0]


class _Names:
    """Names that are free, also where a file system ignores case."""

    def __init__(self, session: Session, folder: str, label: Path | None) -> None:
        self._session = session
        self._folder = folder
        self._taken: set[str] = set()
        for place in (session.root / folder, label.parent if label is not None else None):
            if place is not None and place.is_dir():
                try:
                    self._taken |= {stem_of(entry.name).casefold() for entry in os.scandir(place)}
                except OSError as error:
                    raise WriteError.from_os_error(error, place) from error
        # Whoever lies in the trash may come back to its place.
        self._taken |= {stem_of(item.picture).casefold() for item in session.trash.items()}

    def free(self, path: Path) -> str:
        """A stem for a new picture: its own, or with a number behind it."""
        stem = wanted = stem_of(path.name)
        number = 1
        while stem.casefold() in self._taken or self._session.is_taken(
            f"{self._folder}/{stem}" if self._folder else stem
        ):
            number += 1
            stem = f"{wanted}-{number}"
        self._taken.add(stem.casefold())
        return stem


def _folded(name: str) -> str:
    return name.casefold().replace("-", "_").replace(" ", "_").strip("_")
