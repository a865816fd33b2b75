"""Work on many pictures at once: decode each once, take its fingerprint and put it where Darknet reads it."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from converters.errors import DataError
from converters.files import link_or_copy, write_atomic
from converters.fingerprint import Fingerprint, fingerprint
from converters.formats.base import ProgressCallback
from converters.images import ImageHeader, encode_png, load_rgb
from converters.workers import run_tasks

_LINKED_SUFFIX = {"PNG": ".png", "JPEG": ".jpg"}


class Bake(StrEnum):
    """Which pictures are written anew as 8-bit RGB PNG."""

    AUTO = "auto"
    ALL = "all"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done with one picture.

    Attributes:
        key: Key of the image.
        source: The picture.
        target: Where it is to go; None: only the fingerprint is taken.
        bake: Write it anew from its pixels; else it is linked, or copied where links cannot be.
    """

    key: str
    source: Path
    target: Path | None = None
    bake: bool = False


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job.

    Attributes:
        key: Key of the image.
        fingerprint: None where the picture could not be read.
        error: What went wrong, if anything.
    """

    key: str
    fingerprint: Fingerprint | None
    error: DataError | None = None


def suffix_for(header: ImageHeader, bake: Bake = Bake.AUTO) -> tuple[str, bool]:
    """File suffix of a picture in a Darknet data set, and whether it is baked.

    A picture is only linked where every Darknet reads the same pixels from it as we do: PNG or JPEG, 8 bit,
    no alpha, no palette, no orientation (see :class:`converters.images.ImageHeader`).
    """
    if bake is Bake.AUTO and header.plain and header.format in _LINKED_SUFFIX:
        return _LINKED_SUFFIX[header.format], False
    return ".png", True


def run_jobs(
    jobs: Sequence[Job], *, workers: int | None = None, on_progress: ProgressCallback | None = None
) -> Generator[Done, None, None]:
    """Do all jobs; the results come in the order of the jobs.

    Args:
        jobs: The pictures.
        workers: Processes; 1 works in this process; None: as many as there are processors, or 1 for a few
            pictures.
        on_progress: Told after each picture; what it raises stops the work, as leaving the iterator early
            does.

    Raises:
        DataError: A process was killed (usually: too little memory).
    """
    return run_tasks(do, jobs, jobs=workers, on_progress=on_progress)


def do(job: Job) -> Done:
    """Do one job. Errors are returned, so that one bad picture does not stop the others."""
    mark = None
    try:
        rgb = load_rgb(job.source)
        mark = fingerprint(rgb)
        if job.target is not None:
            if job.bake:
                write_atomic(job.target, encode_png(rgb), durable=False)
            else:
                link_or_copy(job.source, job.target)
    except DataError as error:
        return Done(job.key, mark, error)
    return Done(job.key, mark)


def take_fingerprints(
    pictures: Sequence[tuple[str, Path]],
    *,
    workers: int | None = None,
    on_progress: ProgressCallback | None = None,
) -> tuple[dict[str, Fingerprint], dict[str, DataError]]:
    """Fingerprints of (key, path) pictures, and what was wrong with those that cannot be read.

    Raises:
        DataError: A process was killed.
    """
    marks: dict[str, Fingerprint] = {}
    errors: dict[str, DataError] = {}
    jobs = [Job(key, path) for key, path in pictures]
    for done in run_jobs(jobs, workers=workers, on_progress=on_progress):
        if done.fingerprint is not None:
            marks[done.key] = done.fingerprint
        if done.error is not None:
            errors[done.key] = done.error
    return marks, errors
