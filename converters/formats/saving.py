"""What writing a whole set is in every format: where each picture goes, and the lists of its splits."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from converters.errors import FormatError, WriteError
from converters.files import link_or_copy, make_folder, write_if_changed
from converters.layout import IMAGE_FOLDERS, key_of
from converters.model import AnnotatedImage, Dataset, Split

_PICTURE_FOLDERS = IMAGE_FOLDERS | {"obj", "obj_train_data"}


def places_for(dataset: Dataset) -> dict[str, PurePosixPath]:
    """Where each picture of a set goes below the folder of pictures, by key.

    Folders that only say "pictures" are left out, and so is what all pictures share; where that makes two
    pictures fall together, the full keys are kept: ``archive/images/a`` → ``a.png``,
    ``train/images/a`` and ``val/images/a`` → ``train/a.png``, ``val/a.png``.

    Raises:
        FormatError: A key leaves the set's folder.
    """
    parts: dict[str, tuple[str, ...]] = {}
    for image in dataset.images:
        pure = PurePosixPath(image.key)
        if pure.is_absolute() or ".." in pure.parts or not pure.parts:
            raise FormatError(f"key {image.key!r} leaves the set's folder.", path=image.path, code="bad-key")
        folders = tuple(part for part in pure.parts[:-1] if part.casefold() not in _PICTURE_FOLDERS)
        parts[image.key] = (*folders, pure.parts[-1])
    shared = _shared_folders(list(parts.values()))
    short = {key: value[shared:] for key, value in parts.items()}
    if len(set(short.values())) < len(short):
        short = {key: PurePosixPath(key).parts for key in short}
    return {
        image.key: PurePosixPath(*short[image.key][:-1], short[image.key][-1] + image.path.suffix)
        for image in dataset.images
    }


def place_picture(image: AnnotatedImage, target: Path) -> None:
    """Link or copy a picture to its place, unless it is there already.

    Raises:
        WriteError: It cannot be written, or another picture is there.
    """
    make_folder(target.parent)
    try:
        if target.is_symlink() or target.exists():
            if target.exists() and (target.samefile(image.path) or _same_content(target, image.path)):
                return
            raise WriteError(
                "another picture is there already; nothing was overwritten.",
                path=target,
                code="exists",
                hint="Write to an empty folder.",
            )
    except OSError as error:
        raise WriteError.from_os_error(error, target) from error
    link_or_copy(image.path, target)


def write_split_lists(dataset: Dataset, folder: Path, lines: Mapping[str, str]) -> None:
    """Write ``train.txt``, ``val.txt`` and ``test.txt`` if the set is split.

    Args:
        dataset: The set.
        folder: Where the lists go; made if need be.
        lines: What a list says for a picture, by key.

    Raises:
        WriteError: A list cannot be written.
    """
    if all(image.split is None for image in dataset.images):
        return
    make_folder(folder)
    for split in Split:
        listed = [lines[image.key] for image in dataset.in_split(split)]
        if listed or (folder / f"{split}.txt").exists():
            write_if_changed(folder / f"{split}.txt", "".join(f"{line}\n" for line in listed))


@contextmanager
def blamed_on(path: Path) -> Iterator[None]:
    """Name the file in errors of rendering it, which know only its content."""
    try:
        yield
    except FormatError as error:
        error.path = error.path or path
        raise


def label_place(place: PurePosixPath, suffix: str) -> PurePosixPath:
    """The label file's place for a picture's: same stem, other suffix."""
    return PurePosixPath(key_of(str(place)) + suffix)


def same_folder(first: Path, second: Path) -> bool:
    """Whether two paths are one folder."""
    try:
        return first.samefile(second)
    except OSError:
        return False


def _shared_folders(paths: list[tuple[str, ...]]) -> int:
    """How many leading folders all paths share."""
    if not paths:
        return 0
    first = paths[0]
    count = min(len(path) for path in paths) - 1
    for place in range(count):
        if any(path[place] != first[place] for path in paths):
            return place
    return count


def _same_content(first: Path, second: Path) -> bool:
    return first.stat().st_size == second.stat().st_size and first.read_bytes() == second.read_bytes()
