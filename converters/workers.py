"""Doing the same to many things, in this process or in several.

The processes are started afresh ("spawn"), not forked: this may run in a thread of a window, whose locks a
fork would copy in any state.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Generic, TypeVar

from converters.errors import DataError
from converters.formats.base import ProgressCallback

T = TypeVar("T")
R = TypeVar("R")

SMALL = 40
"""Up to so many pictures are done in this process when nobody says how: starting others takes longer."""

_EACH = 8
"""A process is not started for fewer pictures than this, when nobody says how many processes."""

_CHUNK = 4
"""Tasks a process gets at a time at most: about a tenth of a second, so that a stop is felt at once."""

_TURNS = 4
"""Each process gets at least so many chunks (where there are as many tasks), so that all end together."""


_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Names that mallopt(3) gives its parameters."""

_KEPT_BYTES = 128 * 2**20
"""Freed memory that a worker process keeps at most."""


def run_tasks(
    function: Callable[[T], R],
    tasks: Sequence[T],
    *,
    jobs: int | None = None,
    size: int | None = None,
    on_progress: ProgressCallback | None = None,
) -> Generator[R, None, None]:
    """Call ``function`` with each task; the results come in the order of the tasks.

    Closing the iterator early, or an exception out of ``on_progress`` or ``function``, ends the work: what is
    in hand is finished, the rest is left out, and no process is there any more.

    Args:
        function: At the top level of a module, so that other processes find it.
        tasks: Its arguments; they and the results are pickled on the way.
        jobs: Processes; 1: none, this one does it; None: one for each processor, or none for little.
        size: How many pictures that is, for those who leave ``jobs`` open; default: one a task.
        on_progress: Told (tasks done, tasks in all) before each result comes.

    Raises:
        DataError: A process was killed (usually: too little memory), and again when its task was tried in
            a fresh one. The sentence says that nothing was changed: callers write beside the place
            and move what they made at the end.
    """
    processes = _processes(jobs, len(tasks), len(tasks) if size is None else size)
    results: Generator[R, None, None]
    results = _alone(function, tasks) if processes <= 1 else _pooled(function, tasks, processes)
    with closing(results):
        for done, result in enumerate(results, 1):
            if on_progress is not None:
                on_progress(done, len(tasks))
            yield result


def processors() -> int:
    """Processors that this process may use (a container may have fewer than the machine)."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processes(jobs: int | None, tasks: int, size: int) -> int:
    if jobs is None:
        jobs = 1 if size <= SMALL else min(processors(), size // _EACH)
    return min(jobs, tasks)


@dataclass(eq=False)
class _Chunk(Generic[T, R]):
    """Tasks that a process gets at a time.

    Attributes:
        tasks: The tasks.
        results: What came of them, where they are done.
        blamed: Whether a process died while this was the first that was not done, and had one task only.
    """

    tasks: Sequence[T]
    results: list[R] | None = None
    blamed: bool = False


def _alone(function: Callable[[T], R], tasks: Sequence[T]) -> Generator[R, None, None]:
    """Do it in this process, with OpenCV in one thread.

    Its threads wait for each other longer than pictures of this size take: a quarter more processor time.
    """
    before: int | None = None
    if threading.current_thread() is threading.main_thread():  # a command, not the window
        _keep_freed_memory()
    try:
        for task in tasks:
            if before is None and "cv2" in sys.modules:  # it is imported by the first task that needs it
                before = sys.modules["cv2"].getNumThreads()
                sys.modules["cv2"].setNumThreads(0)
            yield function(task)
    finally:
        if before is not None:
            sys.modules["cv2"].setNumThreads(before)


def _pooled(function: Callable[[T], R], tasks: Sequence[T], processes: int) -> Generator[R, None, None]:
    """The results from processes; where one died, a fresh pool does again what was not done yet.

    Nobody says whose process died. A task that always kills its own is among those in hand, and sooner or
    later the first of them: so that one is blamed, where it is alone, and the second time tried on its own.
    """
    from concurrent.futures.process import BrokenProcessPool

    step = max(1, min(_CHUNK, len(tasks) // (processes * _TURNS)))
    waiting: deque[_Chunk[T, R]] = deque(
        _Chunk(tasks[start : start + step]) for start in range(0, len(tasks), step)
    )
    while waiting:
        try:
            for results in _one_pool(function, tuple(waiting), processes):
                waiting.popleft()
                yield from results
        except BrokenProcessPool:
            if waiting[0].blamed:
                yield from _on_its_own(function, waiting.popleft())
            else:
                waiting[0].blamed = len(waiting[0].tasks) == 1
            waiting = deque(part for chunk in waiting for part in _singly(chunk))


def _on_its_own(function: Callable[[T], R], chunk: _Chunk[T, R]) -> list[R]:
    """The results of a chunk that was blamed twice: with no other beside it, it is known who dies.

    Raises:
        DataError: It died again.
    """
    from concurrent.futures.process import BrokenProcessPool

    try:
        return chunk.results or [one for results in _one_pool(function, (chunk,), 1) for one in results]
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process ended before it was done, and so did another one that tried again; "
            "perhaps the memory was full. Nothing was changed.",
            code="worker-died",
            hint="Run it again with fewer of them (--jobs 1).",
        ) from error


def _singly(chunk: _Chunk[T, R]) -> list[_Chunk[T, R]]:
    """A chunk that is not done as chunks of one task."""
    if chunk.results is not None or len(chunk.tasks) == 1:
        return [chunk]
    return [_Chunk([task]) for task in chunk.tasks]


def _one_pool(
    function: Callable[[T], R], chunks: Sequence[_Chunk[T, R]], processes: int
) -> Generator[list[R], None, None]:
    """The results of each chunk in their order.

    Raises:
        BrokenProcessPool: A process died. The chunks that were done by then have their results.
    """
    # Most commands end without a second process: what starts them is imported here.
    import multiprocessing
    from concurrent.futures import Future, ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker)
    futures: deque[tuple[_Chunk[T, R], Future[list[R]]]] = deque()
    try:
        with _without_ctrl_c():  # the first chunks to come in start the processes
            for chunk in chunks:
                if chunk.results is None:
                    futures.append((chunk, pool.submit(_do_chunk, function, chunk.tasks)))
        for chunk in chunks:
            if chunk.results is None:
                yield futures[0][1].result()
                futures.popleft()
            else:
                yield chunk.results
    except BrokenProcessPool:
        for chunk, future in futures:
            if future.done() and not future.cancelled() and future.exception() is None:
                chunk.results = future.result()
        raise
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _do_chunk(function: Callable[[T], R], tasks: Sequence[T]) -> list[R]:
    return [function(task) for task in tasks]


@contextlib.contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Hold SIGINT back: processes started in here never get it.

    Ctrl-C goes to all processes of a terminal. The parent decides; a worker that is still importing would
    print a traceback.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start_worker() -> None:
    """Set up a worker process."""
    import multiprocessing

    import cv2

    cv2.setNumThreads(0)  # the processors are taken by the other workers
    _keep_freed_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how a broken pool ends the rest, whatever we inherited
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _keep_freed_memory() -> None:
    """Let the C library keep the memory of one picture for the next, rather than give it back each time.

    Otherwise the kernel clears some hundred pages again for every picture: a tenth of the time of a copy.
    """
    import ctypes

    try:
        mallopt = ctypes.CDLL(None).mallopt  # glibc's; other C libraries have none
    except (AttributeError, OSError):
        return
    mallopt(_M_MMAP_THRESHOLD, _KEPT_BYTES // 4)
    mallopt(_M_TRIM_THRESHOLD, _KEPT_BYTES)


def _end_with(sentinel: int) -> None:
    """End this process when its parent was killed: it would wait for work for ever."""
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)
