"""Making the pixels of copies, in this process or in several."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Generator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from multiprocessing import connection
from pathlib import Path

from augment.recipe import Recipe
from converters.errors import DataError, ImageError
from converters.files import write_atomic
from converters.images import encode_png, load_rgb

CHUNK = 4
"""Pictures a worker gets at a time: a tenth of a second, so that cancelling is felt at once."""

SMALL = 40
"""Up to so many copies are made in this process when nobody says how: starting workers takes longer."""


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


def cores() -> int:
    """Number of cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


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
    """Make all copies; outcomes come in the order in which they are done.

    Closing the iterator early waits for what is being worked on and leaves out the rest.

    Args:
        tasks: What to make.
        jobs: Worker processes; 1: none, this process does it; None: one for each core, or none for little.

    Raises:
        WriteError: A copy cannot be written.
        DataError: A worker process was killed.
    """
    chunks = [tasks[start : start + CHUNK] for start in range(0, len(tasks), CHUNK)]
    if jobs is None:
        jobs = 1 if sum(len(task.copies) for task in tasks) <= SMALL else cores()
    if jobs == 1 or not chunks:
        for task in tasks:
            yield make_copies(task)
        return
    # Not forked: this may run in a thread of a window, whose locks a fork would copy in any state.
    context = multiprocessing.get_context("spawn")
    executor = ProcessPoolExecutor(min(jobs, len(chunks)), mp_context=context, initializer=_start_worker)
    try:
        # Ctrl-C goes to the workers too. They start with it blocked: one that is still importing would
        # answer with a traceback.
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
        try:
            futures = [executor.submit(_make_chunk, chunk) for chunk in chunks]
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        for future in as_completed(futures):
            yield from future.result()
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process ended before it was done; perhaps the memory was full. Nothing was changed.",
            code="worker-died",
            hint="Run it again with fewer of them (--jobs 1).",
        ) from error
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def _encode_copies(task: SourceTask) -> list[bytes]:
    rgb = load_rgb(task.path)
    if (rgb.shape[1], rgb.shape[0]) != task.size:
        raise ImageError("was changed by another program just now.", path=task.path, hint="Run it again.")
    return [encode_png(copy.recipe.apply(rgb)) for copy in task.copies]


def _make_chunk(tasks: Sequence[SourceTask]) -> list[Outcome]:
    return [make_copies(task) for task in tasks]


def _about(error: ImageError, path: Path) -> ImageError:
    """The same error with the picture's path where it had none."""
    if error.path is not None:
        return error
    return ImageError(error.message, path=path, code=error.code, hint=error.hint)


def _start_worker() -> None:
    """Set up a worker process."""
    import cv2

    cv2.setNumThreads(0)  # the cores are taken by the other workers
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when its parent was killed: it would wait for work for ever."""
    connection.wait([sentinel])
    os._exit(1)
