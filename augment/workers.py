"""Making the pixels of copies: what each worker process does, or this one."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from augment.recipe import Recipe
from augment.transforms import PictureOf
from converters.errors import DataError, ImageError
from converters.files import write_atomic
from converters.images import RgbImage, encode_png, load_rgb
from converters.model import AnnotatedImage
from converters.workers import run_tasks


@dataclass(frozen=True)
class CopyTask:
    """A copy to make.

    Attributes:
        target: Its file.
        recipe: How it is made.
        donors: The other pictures that are needed.
    """

    target: Path
    recipe: Recipe
    donors: tuple[AnnotatedImage, ...] = ()


@dataclass(frozen=True)
class SourceTask:
    """The copies of one picture: it is decoded once.

    Attributes:
        image: The picture.
        copies: What to make of it.
    """

    image: AnnotatedImage
    copies: tuple[CopyTask, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one :class:`SourceTask`.

    Attributes:
        key: The picture's key.
        copies: How many copies were asked for.
        source_digest: Digest of the picture's file, empty with an error.
        digests: Digest of each copy's file, in order; empty for one that could not be made.
        donor_digests: Digest of the file of each other picture that was used, by key.
        error: Why there is no copy at all.
        failed: Why single copies could not be made (another picture that they need cannot be read), by
            their place.
    """

    key: str
    copies: int
    source_digest: str = ""
    digests: tuple[str, ...] = ()
    donor_digests: Mapping[str, str] = field(default_factory=dict)
    error: DataError | None = None
    failed: Mapping[int, DataError] = field(default_factory=dict)


def digest(data: bytes) -> str:
    """What a file's content is recognised by."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def make_copies(task: SourceTask) -> Outcome:
    """Decode a picture, make its copies and write them.

    Raises:
        WriteError: A copy cannot be written. (What cannot be read is in the outcome.)
    """
    key, count, path = task.image.key, len(task.copies), task.image.path
    pictures = _Pictures()
    try:
        rgb = pictures.pixels(task.image)
    except _READ_ERRORS as error:
        return Outcome(key, count, error=_said(error, path))
    digests: list[str] = []
    failed: dict[int, DataError] = {}
    for place, copy in enumerate(task.copies):
        donors = {donor.key: donor for donor in copy.donors}
        try:
            made = copy.recipe.apply(rgb, task.image.boxes, donors, picture_of(donors, pictures.pixels))
            for donor in copy.donors:  # on a copy of a few pixels there is no room for some of them
                pictures.note(donor)
            encoded = encode_png(made)
        except _READ_ERRORS as error:
            failed[place] = _said(error, path)
            digests.append("")
            continue
        write_atomic(copy.target, encoded, durable=False)
        digests.append(digest(encoded))
    used = {
        donor.key: pictures.digests[donor.path]
        for place, copy in enumerate(task.copies)
        for donor in copy.donors
        if place not in failed
    }
    return Outcome(key, count, pictures.digests[path], tuple(digests), used, failed=failed)


def run(tasks: Sequence[SourceTask], jobs: int | None) -> Generator[Outcome, None, None]:
    """Make all copies; outcomes come in the order of the tasks.

    Closing the iterator early waits for what is being worked on and leaves out the rest.

    Args:
        tasks: What to make.
        jobs: Worker processes; 1: none, this process does it; None: one for each core, or none for little.

    Raises:
        WriteError: A copy cannot be written.
        DataError: A worker process was killed.
    """
    return run_tasks(make_copies, tasks, jobs=jobs, size=sum(len(task.copies) for task in tasks))


_READ_ERRORS = (ImageError, OSError, MemoryError)


class _Pictures:
    """Pictures that are decoded once, and the digests of their files."""

    def __init__(self) -> None:
        self._loaded: dict[Path, RgbImage] = {}
        self.digests: dict[Path, str] = {}

    def pixels(self, image: AnnotatedImage) -> RgbImage:
        """The pixels of a picture.

        Raises:
            ImageError: See :func:`load_picture`.
            OSError: Its file cannot be read.
        """
        if image.path not in self._loaded:
            rgb = load_picture(image)
            self.note(image)
            self._loaded[image.path] = rgb
        return self._loaded[image.path]

    def note(self, image: AnnotatedImage) -> None:
        """Note the digest of a picture's file.

        Raises:
            OSError: It cannot be read.
        """
        if image.path not in self.digests:
            self.digests[image.path] = digest(image.path.read_bytes())


def load_picture(image: AnnotatedImage) -> RgbImage:
    """The pixels of a training picture.

    Raises:
        ImageError: It cannot be read, or has another size than it had when the run was planned.
    """
    rgb = load_rgb(image.path)
    if (rgb.shape[1], rgb.shape[0]) != image.size:
        raise ImageError("was changed by another program just now.", path=image.path, hint="Run it again.")
    rgb.setflags(write=False)  # one array for all who ask
    return rgb


def picture_of(
    donors: Mapping[str, AnnotatedImage], load: Callable[[AnnotatedImage], RgbImage] = load_picture
) -> PictureOf:
    """Gives the pixels of other training pictures by their keys."""
    return lambda key: load(donors[key])


def _said(error: Exception, path: Path) -> ImageError:
    """What is wrong with a picture; the one at ``path`` unless the error names another."""
    if isinstance(error, ImageError):
        if error.path is not None:
            return error
        return ImageError(error.message, path=path, code=error.code, hint=error.hint)
    if isinstance(error, OSError):
        return ImageError(f"cannot be read: {error.strerror}.", path=Path(error.filename or path))
    return ImageError("is too large for this computer's memory.", path=path, code="no-memory")
