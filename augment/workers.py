"""Making the pixels of copies: what each worker process does, or this one."""

from __future__ import annotations

import hashlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from pathlib import Path

from augment.recipe import Recipe
from converters.errors import DataError, ImageError
from converters.files import write_atomic
from converters.images import encode_png, load_rgb
from converters.workers import run_tasks


@dataclass(frozen=True)
class CopyTask:
    """A copy to make: its file, and how."""

    target: Path
    recipe: Recipe


@dataclass(frozen=True)
class SourceTask:
    """The copies of one picture: it is decoded once.

    Attributes:
        key: The picture's key.
        path: The picture.
        size: Its (width, height) in the data set.
        copies: What to make of it.
    """

    key: str
    path: Path
    size: tuple[int, int]
    copies: tuple[CopyTask, ...]


@dataclass(frozen=True)
class Outcome:
    """What became of one :class:`SourceTask`: all its copies, or none and an error.

    Attributes:
        key: The picture's key.
        copies: How many copies were asked for.
        source_digest: Digest of the picture's file, empty with an error.
        digests: Digest of each copy's file, in order.
        error: Why there is no copy.
    """

    key: str
    copies: int
    source_digest: str = ""
    digests: tuple[str, ...] = ()
    error: DataError | None = None


def digest(data: bytes) -> str:
    """What a file's content is recognised by."""
    return hashlib.blake2b(data, digest_size=16).hexdigest()


def make_copies(task: SourceTask) -> Outcome:
    """Decode a picture, make its copies and write them.

    Raises:
        WriteError: A copy cannot be written. (That the picture cannot be read is in the outcome.)
    """
    try:
        encoded = _encode_copies(task)
        source = digest(task.path.read_bytes())
    except ImageError as error:
        return Outcome(task.key, len(task.copies), error=_about(error, task.path))
    except OSError as error:
        reason = ImageError(f"cannot be read: {error.strerror}.", path=task.path)
        return Outcome(task.key, len(task.copies), error=reason)
    except MemoryError:
        reason = ImageError("is too large for this computer's memory.", path=task.path, code="no-memory")
        return Outcome(task.key, len(task.copies), error=reason)
    for copy, data in zip(task.copies, encoded, strict=True):
        write_atomic(copy.target, data, durable=False)
    return Outcome(task.key, len(task.copies), source, tuple(map(digest, encoded)))


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


def _encode_copies(task: SourceTask) -> list[bytes]:
    rgb = load_rgb(task.path)
    if (rgb.shape[1], rgb.shape[0]) != task.size:
        raise ImageError("was changed by another program just now.", path=task.path, hint="Run it again.")
    return [encode_png(copy.recipe.apply(rgb)) for copy in task.copies]


def _about(error: ImageError, path: Path) -> ImageError:
    """The same error with the picture's path where it had none."""
    if error.path is not None:
        return error
    return ImageError(error.message, path=path, code=error.code, hint=error.hint)
