"""Work on many pictures at once: decode each once, take its fingerprint and put it where Darknet reads it.

Each picture is independent of the others, so they are spread over processes. These are started afresh
("spawn"), not forked: a fork of a program with threads (a window has some) may deadlock.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from converters.errors import DataError
from converters.files import link_or_copy, write_atomic
from converters.fingerprint import Fingerprint, fingerprint
from converters.formats.base import ProgressCallback
from converters.images import ImageHeader, encode_png, load_rgb

_IN_PROCESS = 48
"""Up to so many pictures starting processes takes longer than it saves."""
_CHUNK = 8
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

    Leaving the iterator early, or an exception out of ``on_progress``, stops the work.

    Args:
        jobs: The pictures.
        workers: Processes; 1 works in this process; None: as many as there are processors.
        on_progress: Told after each picture.

    Raises:
        DataError: A process was killed (usually: too little memory).
    """
    workers = min(workers or usable_processors(), max(1, len(jobs) // _CHUNK))
    if workers <= 1 or len(jobs) <= _IN_PROCESS:
        yield from _counted((do(job) for job in jobs), len(jobs), on_progress)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        yield from _counted(_pooled(pool, jobs, workers), len(jobs), on_progress)
    except BrokenProcessPool as error:
        raise DataError(
            "a process that decodes pictures was ended by the system.",
            code="worker-killed",
            hint="There may be too little memory: try --jobs 1.",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


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


def usable_processors() -> int:
    """Processors that this process may use (a container may have fewer than the machine)."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on macOS
        return os.cpu_count() or 1


def _counted(results: Iterator[Done], total: int, on_progress: ProgressCallback | None) -> Iterator[Done]:
    for count, done in enumerate(results, 1):
        if on_progress is not None:
            on_progress(count, total)
        yield done


def _pooled(pool: ProcessPoolExecutor, jobs: Sequence[Job], workers: int) -> Iterator[Done]:
    """Results in order, with only a few chunks under way: a stop is quick and memory stays small."""
    chunks = [jobs[start : start + _CHUNK] for start in range(0, len(jobs), _CHUNK)]
    waiting: list[Future[list[Done]]] = []
    for chunk in chunks:
        with _without_ctrl_c():
            waiting.append(pool.submit(_do_chunk, chunk))
        if len(waiting) > 2 * workers:
            yield from waiting.pop(0).result()
    for future in waiting:
        yield from future.result()


def _do_chunk(jobs: Sequence[Job]) -> list[Done]:
    return [do(job) for job in jobs]


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Hold SIGINT back: processes started in here never get it.

    Ctrl-C goes to all processes of a terminal. The parent decides; a worker that is just being started
    would print a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    import cv2

    cv2.setNumThreads(0)  # the processes share the processors already
