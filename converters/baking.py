"""Work on many pictures at once: take the fingerprint of each and put it where Darknet reads it.

A picture is decoded once at most, and not at all where its fingerprint is known from an earlier time (or is
not asked for) and it is only linked.
"""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from converters.errors import DataError
from converters.files import link_or_copy, write_new
from converters.fingerprint import Fingerprint, fingerprint
from converters.formats.base import ProgressCallback
from converters.images import ImageHeader, encode_png, load_rgb
from converters.workers import run_tasks

if TYPE_CHECKING:  # it needs SQLite, which commands that take no fingerprint do not
    from converters.fingerprint_cache import Entry, FingerprintCache

_LINKED_SUFFIX = {"PNG": ".png", "JPEG": ".jpg"}


class Bake(StrEnum):
    """Which pictures are written anew as 8-bit RGB PNG.

    ``AUTO``: those that are not such already, so that whatever reads them is quick and sees the same.
    ``NEEDED``: only those that some Darknet cannot open, or turns otherwise; the rest is linked.
    """

    AUTO = "auto"
    ALL = "all"
    NEEDED = "needed"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be done with one picture.

    Attributes:
        key: Key of the image.
        source: The picture.
        target: Where it is to go, in a folder that nobody sees yet; None: only the fingerprint is taken.
        bake: Write it anew from its pixels; else it is linked, or copied where links cannot be.
        mark: Take the fingerprint.
    """

    key: str
    source: Path
    target: Path | None = None
    bake: bool = False
    mark: bool = True


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a job.

    Attributes:
        key: Key of the image.
        fingerprint: None where the picture could not be read, or none was asked for.
        error: What went wrong, if anything.
        entries: What is to be remembered of it.
    """

    key: str
    fingerprint: Fingerprint | None
    error: DataError | None = None
    entries: tuple[Entry, ...] = ()


def suffix_for(header: ImageHeader, bake: Bake = Bake.AUTO) -> tuple[str, bool]:
    """File suffix of a picture in a Darknet data set, and whether it is baked.

    By default a picture is only linked where every reader gets the same pixels from it as we do: PNG or
    JPEG, 8 bit, no alpha, no palette, no orientation (see :class:`converters.images.ImageHeader`).
    """
    as_it_is = header.plain or (bake is Bake.NEEDED and header.upright)
    if bake is not Bake.ALL and as_it_is and header.format in _LINKED_SUFFIX:
        return _LINKED_SUFFIX[header.format], False
    return ".png", True


def run_jobs(
    jobs: Sequence[Job], *, workers: int | None = None, on_progress: ProgressCallback | None = None
) -> Generator[Done, None, None]:
    """Do all jobs; the results come in the order of the jobs. Fingerprints are remembered.

    Args:
        jobs: The pictures.
        workers: Processes; 1 works in this process; None: as many as there are processors, or 1 for a few
            pictures.
        on_progress: Told after each picture; what it raises stops the work, as leaving the iterator early
            does.

    Raises:
        DataError: A process was killed (usually: too little memory).
    """
    if not any(job.mark or job.bake for job in jobs):
        workers = 1  # linking only: other processes would take longer to start
    new: list[Entry] = []
    with contextlib.ExitStack() as stack:
        cache = _cache_for(jobs, new, stack)
        results = run_tasks(partial(do, cache=cache), jobs, jobs=workers, on_progress=on_progress)
        with contextlib.closing(results):
            for done in results:
                new.extend(done.entries)
                yield done


def do(job: Job, cache: FingerprintCache | None = None) -> Done:
    """Do one job. Errors are returned, so that one bad picture does not stop the others."""
    known = cache.look_up(job.source) if job.mark and cache is not None else None
    mark = known.fingerprint if known is not None else None
    entries: list[Entry] = []
    try:
        rgb = load_rgb(job.source) if job.bake or (job.mark and mark is None) else None
        if job.mark and mark is None and rgb is not None:
            mark = fingerprint(rgb)
        if known is not None and mark is not None:
            entries += known.entries(job.source, mark)
        if job.target is not None:
            if job.bake and rgb is not None:
                data = encode_png(rgb)
                write_new(job.target, data)
                if known is not None and mark is not None:
                    entries.append(known.entry_of_copy(data, mark))
            else:
                link_or_copy(job.source, job.target)
    except DataError as error:
        return Done(job.key, mark, error)
    return Done(job.key, mark, entries=tuple(entries))


def _cache_for(jobs: Sequence[Job], new: list[Entry], stack: contextlib.ExitStack) -> FingerprintCache | None:
    """The cache, where it is needed; when the stack is left, what is in ``new`` then is remembered."""
    if not any(job.mark for job in jobs):
        return None
    from converters.fingerprint_cache import default_path, writing_cache

    cache = stack.enter_context(writing_cache(default_path()))
    stack.callback(cache.add, new)
    return cache


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
