"""Making copies on a running dask.distributed cluster.

The tasks are those of :mod:`augment.workers`, in batches; the outcomes come in the order of the tasks. A
worker that dies costs its batches a retry on another one, nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections import Counter, deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

from augment import places
from augment.cluster_worker import LOOK, Batch, Look, about, do_batch, look, stop
from augment.places import Place
from augment.workers import Outcome, SourceTask, digest
from converters.errors import DataError, UsageError
from converters.files import write_atomic
from converters.work import WorkFolder

R = TypeVar("R")

BATCH = 16
"""Pictures a task holds: a task costs the scheduler some milliseconds, whatever is in it."""

_AHEAD = 3
"""Batches that wait at the scheduler for each thread of the workers."""

_CONNECT_S = 10.0
_PATIENCE_S = 60.0
_LOST_AT_MOST = 3
"""So often a batch may get lost on its way."""
_TICK_S = 1.0
_STOP_S = 15.0


class Cluster:
    """A cluster that makes copies.

    Args:
        scheduler: Its scheduler's address, ``tcp://host:8786``.
        workers_see: Where its workers see the data set (a path of theirs, or a URL of fsspec); None: at the
            same path as this computer.
        say: Told in a sentence what is not as it should be and yet does no harm.
        patience_s: Seconds without any worker, or without the scheduler, before the run ends.
    """

    def __init__(
        self,
        scheduler: str,
        *,
        workers_see: str | None = None,
        say: Callable[[str], None] = lambda text: None,
        patience_s: float = _PATIENCE_S,
    ) -> None:
        self._scheduler = scheduler
        self._workers_see = workers_see
        self._say = say
        self._patience_s = patience_s
        self._fetch = False
        self._fetched: set[str] = set()
        _check_installed()
        if workers_see is not None:
            places.check_url(workers_see)

    def run(self, root: Path, tasks: Sequence[SourceTask]) -> Generator[Outcome, None, None]:
        """Make all copies; each is in the data set here when its outcome comes.

        Closing the iterator early, or Ctrl-C, cancels what waits and ends when the workers have let go.

        Args:
            root: The data set's folder, as the paths in the tasks begin.
            tasks: What to make.

        Raises:
            UsageError: No such address; a worker has another version of this program or none.
            DataError: The scheduler cannot be reached or went away; there are no workers; a worker does not
                see the data set; a copy did not arrive.
            WriteError: A copy cannot be written.
        """
        if not tasks:
            return
        place = self._place(root)
        run = os.urandom(8).hex()
        with _quiet(), self._client() as client:
            self._check_workers(client, place, tasks[0].copies[0].target.parent)
            batches = _batches(tasks, Batch(run, about().code, place, self._fetch))
            outcomes = _Gathering(client, batches, self._patience_s).outcomes()
            try:
                for task, outcome in zip(tasks, outcomes, strict=True):
                    self._take(place, task, outcome)
                    yield outcome
            finally:
                outcomes.close()
                _let_go(client, run)

    def publish(self, work: WorkFolder) -> int:
        """Bring a store that this computer does not mount to the state of the folder here.

        Does nothing where workers see a folder, or the URL shows what the folder here holds.

        Returns:
            How many files were written or moved over there.

        Raises:
            DataError: It cannot be reached or written.
        """
        place = self._place(work.root)
        if place.folder is not None:
            return 0
        return _try(place, lambda: places.publish(place, work, frozenset(self._fetched)))

    def _place(self, root: Path) -> Place:
        return Place(root, self._workers_see or str(root.resolve()))

    @contextlib.contextmanager
    def _client(self) -> Iterator[Any]:
        from distributed import Client

        _knock(self._scheduler)
        try:
            client = Client(self._scheduler, timeout=_CONNECT_S, set_as_default=False, name="augment-cli")
        except (OSError, ValueError) as error:
            raise _unreachable(self._scheduler, error) from error
        try:
            yield client
        finally:
            with contextlib.suppress(OSError):  # TimeoutError is one: the scheduler is gone
                client.close(timeout=2)

    def _check_workers(self, client: Any, place: Place, part: Path) -> None:
        """Whether every worker has this program and sees the data set.

        Raises:
            UsageError: One has not.
            DataError: There is none, or one sees no data set, or another one.
        """
        try:
            client.wait_for_workers(1, timeout=min(self._patience_s, _CONNECT_S))
        except TimeoutError as error:
            raise _no_workers(self._scheduler) from error
        token = part / f".seen-{os.urandom(8).hex()}"
        write_atomic(token, b"", durable=False)
        try:
            found = client.run(look, LOOK, place, token, on_error="return")
        except OSError as error:
            raise _gone() from error
        finally:
            token.unlink(missing_ok=True)
        for address, answer in found.items():
            if not isinstance(answer, Look):
                raise UsageError(
                    f"the worker {address} cannot run this program ({type(answer).__name__}: {answer}).",
                    hint="Install the same mask-annotator there as here, and start the worker again.",
                )
            self._compare(address, answer)
        split = (place.root / "split.csv").read_bytes()
        for address, answer in found.items():
            if answer.problem or answer.split != digest(split):
                seen = answer.problem or ("another data set" if answer.split else "no data set")
                raise DataError(
                    f"the worker {address} sees {seen} at {place.url}.",
                    code="not-seen",
                    hint="Say with --workers-see where workers find this one.",
                )
        sees = {answer.token for answer in found.values()}
        if len(sees) > 1 or (place.folder is not None and sees == {False}):
            blind = next(address for address, answer in found.items() if not answer.token)
            raise DataError(
                f"the worker {blind} sees a copy of the data set at {place.url}, not the folder itself.",
                code="not-seen",
                hint="Mount the folder there, or say with --workers-see where it is.",
            )
        self._fetch = sees == {False}

    def _compare(self, address: str, answer: Look) -> None:
        ours, theirs = about(), answer.about
        if (ours.code, ours.policy) != (theirs.code, theirs.policy):
            raise UsageError(
                f"the worker {address} has another version of mask-annotator ({theirs.version}, code "
                f"{theirs.code[:8]}) than this computer ({ours.version}, code {ours.code[:8]}); its copies "
                "would not be the same.",
                hint="Install the same one everywhere, and start the workers again.",
            )
        for name, known in ours.libraries.items():
            other = theirs.libraries.get(name, "")
            if known != other:
                self._say(
                    f"warning: the worker {address} has {name} {other or '(none)'}, this computer "
                    f"{known or '(none)'}; copies may differ in a few bytes"
                )

    def _take(self, place: Place, task: SourceTask, outcome: Outcome) -> None:
        """Make sure that the copies lie here, as the worker made them."""
        for copy, known in zip(task.copies, outcome.digests, strict=False):
            if not known:
                continue
            target = copy.target
            data = _try(place, lambda target=target: place.read(target)) if self._fetch else _content(target)  # type: ignore[misc]
            if data is None or digest(data) != known:
                what = "is not there" if data is None else "is not as the worker made it"
                raise DataError(
                    f"{what}.",
                    path=target,
                    code="not-arrived",
                    hint="Run it again; finished copies are kept.",
                )
            if self._fetch:
                write_atomic(target, data, durable=False)
                self._fetched.add(target.name)


class _Gathering:
    """Batches on their way: a window of them at the scheduler, the outcomes in order."""

    def __init__(self, client: Any, batches: Sequence[tuple[Batch, Sequence[SourceTask]]], patience_s: float):
        self._client = client
        self._patience_s = patience_s
        self._waiting = deque(range(len(batches)))
        self._batches = batches
        self._ended: SimpleQueue[Any] = SimpleQueue()
        self._pending: dict[Any, tuple[int, int, Sequence[SourceTask]]] = {}
        self._done: dict[int, list[Outcome | None]] = {}
        self._lost: Counter[tuple[int, int]] = Counter()

    def outcomes(self) -> Generator[Outcome, None, None]:
        """Every task's outcome, in order."""
        try:
            for number in range(len(self._batches)):
                while None in self._done.get(number, [None]):
                    self._fill()
                    self._gather(self._finished())
                yield from (outcome for outcome in self._done.pop(number) if outcome is not None)
        finally:
            if self._pending and self._client.status == "running":
                with contextlib.suppress(OSError):
                    self._client.cancel(list(self._pending), force=True)

    def _fill(self) -> None:
        threads = _threads(self._client) or 0
        while self._waiting and len(self._pending) < max(4, _AHEAD * threads):
            number = self._waiting.popleft()
            tasks = self._batches[number][1]
            self._done[number] = [None] * len(tasks)
            self._submit(number, 0, tasks)

    def _submit(self, number: int, start: int, tasks: Sequence[SourceTask]) -> None:
        batch = self._batches[number][0]
        again = f"-{self._lost[number, start]}" if self._lost[number, start] else ""
        key = f"augment-{batch.run}-{number}-{start}-{len(tasks)}{again}"
        future = self._client.submit(do_batch, batch, tasks, key=key, pure=False)
        self._pending[future] = (number, start, tasks)
        future.add_done_callback(self._ended.put)

    def _finished(self) -> Any:
        """A future that ended.

        Raises:
            DataError: The scheduler is gone, or there was no worker for too long.
        """
        lost_since = bare_since = time.monotonic()
        while True:
            with contextlib.suppress(Empty):
                return self._ended.get(timeout=_TICK_S)
            now, threads = time.monotonic(), _threads(self._client)
            lost_since = lost_since if threads is None else now
            bare_since = now if threads else bare_since
            if self._client.status in ("closing", "closed") or now - lost_since > self._patience_s / 4:
                raise _gone()
            if now - bare_since > self._patience_s:
                raise _no_workers("the scheduler")

    def _gather(self, future: Any) -> None:
        from distributed.scheduler import KilledWorker

        number, start, tasks = self._pending.pop(future)
        if future.status == "cancelled" or future.status == "lost":
            # Of a worker that dies a batch may come back so, with the scheduler in good health.
            self._lost[number, start] += 1
            if self._client.status != "running" or self._lost[number, start] > _LOST_AT_MOST:
                raise _gone()
            self._submit(number, start, tasks)
            return
        error = future.exception()
        if isinstance(error, KilledWorker):
            # One picture of the batch may be what kills them (memory); the others are not to suffer for it.
            for place, task in enumerate(tasks, start):
                if len(tasks) > 1:
                    self._submit(number, place, [task])
                else:
                    self._done[number][place] = _killed(task)
        elif isinstance(error, DataError):
            raise error
        elif error is not None:
            raise DataError(f"a worker failed ({type(error).__name__}: {error}).", code="worker-failed")
        else:
            results = future.result()
            self._done[number][start : start + len(tasks)] = results


def _batches(tasks: Sequence[SourceTask], batch: Batch) -> list[tuple[Batch, Sequence[SourceTask]]]:
    return [(batch, tasks[start : start + BATCH]) for start in range(0, len(tasks), BATCH)]


def _threads(client: Any) -> int | None:
    """Threads of all workers; None where the scheduler does not answer."""
    if client.status != "running":
        return None
    try:
        return int(sum(client.nthreads().values()))
    except OSError:
        return None


def _let_go(client: Any, run: str) -> None:
    """Wait until no worker is at a batch of this run: it would write into a folder that is moved now."""
    end = time.monotonic() + _STOP_S
    while client.status == "running" and time.monotonic() < end:
        with contextlib.suppress(OSError):  # the scheduler went away just now
            if not any(client.run(stop, run, on_error="ignore").values()):
                return
        time.sleep(0.05)


def _killed(task: SourceTask) -> Outcome:
    error = DataError(
        "workers died over this picture again and again; perhaps their memory was full.",
        path=task.image.path,
        code="worker-died",
        hint="Give the workers more memory or fewer threads, and run it again.",
    )
    return Outcome(task.image.key, len(task.copies), error=error)


def _knock(address: str) -> None:
    """Whether a scheduler answers at this address.

    Raises:
        UsageError: It is no address.
        DataError: None does.
    """
    from distributed.comm import connect
    from distributed.security import Security

    async def knock() -> None:
        arguments = Security().get_connection_args("client")
        comm = await asyncio.wait_for(connect(address, timeout=_CONNECT_S, **arguments), _CONNECT_S + 2)
        await comm.close()

    try:
        asyncio.run(knock())
    except ValueError as error:
        raise UsageError(
            f"--scheduler {address}: {error}.", hint="It looks like tcp://host:8786, as dask scheduler says."
        ) from error
    except (OSError, RuntimeError) as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> DataError:
    return DataError(
        f"no scheduler answers at {address} ({type(error).__name__}).",
        code="no-scheduler",
        hint="Start one with: dask scheduler",
    )


def _no_workers(address: str) -> DataError:
    return DataError(
        f"the cluster at {address} has no workers.",
        code="no-workers",
        hint="Start some with: dask worker tcp://host:8786 --nworkers auto --nthreads 1",
    )


def _gone() -> DataError:
    return DataError(
        "the scheduler went away before the copies were made. Nothing was changed.",
        code="scheduler-gone",
        hint="Run it again when it is back; finished copies are kept.",
    )


def _check_installed() -> None:
    try:
        import distributed
        import fsspec  # noqa: F401

        del distributed
    except ImportError as error:
        raise UsageError(
            f"--scheduler needs the library {error.name}, which is not installed.",
            hint="Install it: pip install 'mask-annotator[cluster]'",
        ) from error


def _content(path: Path) -> bytes | None:
    try:
        return path.read_bytes()
    except OSError:
        return None


def _try(place: Place, function: Callable[[], R]) -> R:
    """Call what works on a URL: each of fsspec's file systems has errors of its own.

    Raises:
        DataError: Says what it said.
    """
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(function)
        error = future.exception()
    if isinstance(error, DataError):
        raise error
    if error is not None:
        raise DataError(
            f"{place.url} cannot be used from this computer ({type(error).__name__}: {error}).",
            code="not-reached",
            hint="It must be reachable here too, unless it is the very folder that is mounted here.",
        )
    return future.result()


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep distributed's own log off the screen: what matters of it is said as an error."""
    loggers = [logging.getLogger(name) for name in ("distributed", *_LOGGERS)]
    levels = [logger.level for logger in loggers]
    try:
        for logger in loggers:
            logger.setLevel(logging.CRITICAL + 1)
        yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)


_LOGGERS = (
    "distributed.client",
    "distributed.core",
    "distributed.comm.core",
    "distributed.batched",
    "tornado",
)
