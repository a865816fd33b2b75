"""Doing the same to many things, in this process or in several.

The processes are started afresh ("spawn"), not forked: this may run in a thread of a window, whose locks a
fork would copy in any state.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import closing
from typing import TypeVar

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
        DataError: A process was killed (usually: too little memory). The sentence says that nothing was
            changed: callers write beside the place and move what they made at the end.
    """
    processes = _processes(jobs, len(tasks), len(tasks) if size is None else size)
    results: Generator[R, None, None]
    results = (function(task) for task in tasks) if processes <= 1 else _pooled(function, tasks, processes)
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


def _pooled(function: Callable[[T], R], tasks: Sequence[T], processes: int) -> Generator[R, None, None]:
    # Most commands end without a second process: what starts them is imported here.
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    step = max(1, min(_CHUNK, len(tasks) // (processes * _TURNS)))
    chunks = [tasks[start : start + step] for start in range(0, len(tasks), step)]
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_start_worker)
    try:
        with _without_ctrl_c():  # the first chunks to come in start the processes
            futures = deque(pool.submit(_do_chunk, function, chunk) for chunk in chunks)
        while futures:
            yield from futures.popleft().result()
    except BrokenProcessPool as error:
        raise DataError(
            "a worker process ended before it was done; perhaps the memory was full. Nothing was changed.",
            code="worker-died",
            hint="Run it again with fewer of them (--jobs 1).",
        ) from error
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
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # how a broken pool ends the rest, whatever we inherited
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    """End this process when its parent was killed: it would wait for work for ever."""
    from multiprocessing import connection

    connection.wait([sentinel])
    os._exit(1)
