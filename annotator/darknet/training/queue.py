"""Several trainings of a data set, one after another: what waits is a file, so it survives whatever happens.

runs/queue.json     the runs that wait, the first one first; a run leaves it when its training has ended
runs/.queue.lock    held while that file is changed
runs/.queue.runner  held by the one that works through it; says who that is
"""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from annotator.darknet.run.folder import RunFolder, process_mark
from annotator.darknet.training.control import stop_run
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.files import make_folder, write_atomic
from converters.work import WorkFolder

QUEUE_VERSION = 1
_LOOK_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Waiting:
    """A run that waits.

    Attributes:
        name: Of its folder in runs/.
        options: For ``train-cli resume``.
    """

    name: str
    options: tuple[str, ...] = ()


class TrainingQueue:
    """The runs of a data set that wait for their training.

    Args:
        work: The data set.
    """

    def __init__(self, work: WorkFolder) -> None:
        self._runs = work.runs
        self._path = work.runs / "queue.json"

    def waiting(self) -> list[Waiting]:
        """What waits, the next one first.

        Raises:
            FormatError: queue.json is broken.
        """
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
            if content["version"] != QUEUE_VERSION:
                raise FormatError(
                    f"is of version {content['version']}, this program reads {QUEUE_VERSION}.",
                    path=self._path,
                    code="bad-queue",
                )
            return [Waiting(str(one["run"]), tuple(map(str, one["options"]))) for one in content["waiting"]]
        except FileNotFoundError:
            return []
        except OSError as error:
            raise FormatError(
                f"cannot be read: {error.strerror or error}.", path=self._path, code="bad-queue"
            ) from error
        except (ValueError, KeyError, TypeError) as error:
            raise FormatError(
                "is broken.", path=self._path, code="bad-queue", hint="Delete it, and queue the runs again."
            ) from error

    def run_of(self, entry: Waiting) -> RunFolder:
        """The run of an entry. Raises FormatError where it is gone."""
        return RunFolder.open(self._runs / entry.name)

    def add(self, run: RunFolder, options: Sequence[str] = ()) -> int:
        """Put a run at the end; returns its place, from 1. One that waits already gets the new options.

        Raises:
            FormatError: queue.json is broken.
            WriteError: It cannot be written.
        """
        with self._changing():
            entries = self.waiting()
            names = [entry.name for entry in entries]
            entry = Waiting(run.path.name, tuple(options))
            if entry.name in names:
                entries[names.index(entry.name)] = entry
            else:
                entries.append(entry)
            self._write(entries)
            return [one.name for one in entries].index(entry.name) + 1

    def remove(self, name: str) -> None:
        """Take a run out; its folder stays.

        Raises:
            UsageError: It does not wait.
            FormatError: queue.json is broken.
            WriteError: It cannot be written.
        """
        with self._changing():
            entries = self.waiting()
            self._place(entries, name)
            self._write([entry for entry in entries if entry.name != name])

    def move(self, name: str, place: int) -> None:
        """Put a run at another place, from 1. Raises as :meth:`remove`."""
        with self._changing():
            entries = self.waiting()
            entry = entries.pop(self._place(entries, name))
            entries.insert(max(0, place - 1), entry)
            self._write(entries)

    def runner(self) -> int | None:
        """The process that works through the queue, None where none does."""
        try:
            number, _, mark = (self._runs / ".queue.runner").read_text(encoding="utf-8").partition(" ")
        except OSError:
            return None
        return int(number) if number.isdigit() and mark and process_mark(int(number)) == mark else None

    @contextmanager
    def being_run(self) -> Iterator[None]:
        """Be the one that works through the queue.

        Raises:
            UsageError: Another process does.
            WriteError: The folder cannot be written.
        """
        make_folder(self._runs)
        path = self._runs / ".queue.runner"
        with _held(path, fcntl.LOCK_EX | fcntl.LOCK_NB) as handle:
            if handle is None:
                raise UsageError(
                    f"another process ({self.runner()}) is working through this queue.",
                    path=self._path,
                    code="queue-runs",
                    hint="What is added to it is trained by that one.",
                )
            os.ftruncate(handle, 0)
            os.pwrite(handle, f"{os.getpid()} {process_mark(os.getpid())}".encode(), 0)
            try:
                yield
            finally:
                os.ftruncate(handle, 0)

    def _place(self, entries: Sequence[Waiting], name: str) -> int:
        for place, entry in enumerate(entries):
            if entry.name == name:
                return place
        raise UsageError(f"{name} does not wait in the queue.", path=self._path, code="not-queued")

    @contextmanager
    def _changing(self) -> Iterator[None]:
        make_folder(self._runs)
        with _held(self._runs / ".queue.lock", fcntl.LOCK_EX):
            yield

    def _write(self, entries: Sequence[Waiting]) -> None:
        content = {
            "version": QUEUE_VERSION,
            "waiting": [{"run": entry.name, "options": list(entry.options)} for entry in entries],
        }
        write_atomic(self._path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


@dataclass(frozen=True, slots=True)
class QueueResult:
    """What came of working through a queue.

    Attributes:
        done: Runs whose training has ended well.
        failed: Those that failed.
        stopped: Those that a person stopped.
        interrupted: The working itself was stopped; the run it was at waits on.
    """

    done: tuple[str, ...] = ()
    failed: tuple[str, ...] = ()
    stopped: tuple[str, ...] = ()
    interrupted: bool = False

    def with_one(self, status: str, name: str) -> QueueResult:
        """With one more run that has ended so."""
        if status == "finished":
            return replace(self, done=(*self.done, name))
        if status == "stopped":
            return replace(self, stopped=(*self.stopped, name))
        return replace(self, failed=(*self.failed, name))


class QueueRunner:
    """Trains what waits, each run in a process of its own.

    A run's process lives on where this one is killed: the next runner waits for it, and then goes on.

    Args:
        queue: What waits.
        say: Told of each run, one sentence.
    """

    def __init__(self, queue: TrainingQueue, say: Callable[[str], None]) -> None:
        self._queue = queue
        self._say = say
        self._asked = threading.Event()
        self._ending: list[subprocess.Popen[bytes]] = []
        """Of trainings that are done: they measure their last weights, and the next need not wait."""

    def stop(self) -> None:
        """Stop the training and the queue. Returns at once; safe from a signal handler."""
        self._asked.set()

    def run(self) -> QueueResult:
        """Train until nothing waits.

        Raises:
            UsageError: Another process does this already.
            FormatError: queue.json is broken.
            WriteError: It cannot be written.
        """
        result = QueueResult()
        with self._queue.being_run():
            while not self._asked.is_set() and (entries := self._queue.waiting()):
                entry = entries[0]
                try:
                    run = self._queue.run_of(entry)
                except DataError as error:
                    self._say(f"left out: {error}")
                    self._leave(entry)
                    result = result.with_one("failed", entry.name)
                    continue
                try:
                    status, message = self._train(run, entry)
                except FormatError as error:  # its folder was moved away or deleted meanwhile
                    status, message = "failed", str(error)
                if self._asked.is_set():
                    break
                self._say(f"{entry.name}: {message}")
                self._leave(entry)
                result = result.with_one(status, entry.name)
            for child in self._ending:
                child.wait()
        return replace(result, interrupted=self._asked.is_set())

    def _leave(self, entry: Waiting) -> None:
        if any(one.name == entry.name for one in self._queue.waiting()):
            self._queue.remove(entry.name)

    def _train(self, run: RunFolder, entry: Waiting) -> tuple[str, str]:
        """Train a run to its end, or wait for one that is trained already; how it ended, and the sentence."""
        child: subprocess.Popen[bytes] | None = None
        if run.is_looked_after():
            self._say(f"{entry.name} is being trained already: waiting for it")
        else:
            self._say(f"{entry.name}: training")
            command = [sys.executable, "-m", "annotator.darknet.cli", "resume", str(run.path.absolute())]
            try:
                with (run.path / "train-cli.log").open("wb") as talk:
                    child = subprocess.Popen(
                        [*command, *entry.options], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=talk, start_new_session=True,
                    )  # fmt: skip
            except OSError as error:
                raise WriteError.from_os_error(error, run.path) from error
        told = False
        while child.poll() is None if child else RunFolder.open(run.path).is_looked_after():
            if self._is_done(run):
                self._ending += [child] if child else []
                return "finished", RunFolder.open(run.path).info.message
            if self._asked.is_set() and not told:
                told = self._pass_on_stop(run, child)
            time.sleep(_LOOK_SECONDS)
        again = RunFolder.open(run.path)
        if child is not None and child.returncode == 0:
            return "finished", again.info.message
        begun = child is None or again.info.command != run.info.command or again.info.ended != run.info.ended
        if begun and again.info.status != "running":
            return again.info.status, again.info.message
        return "failed", _last_word(run, again)

    def _is_done(self, run: RunFolder) -> bool:
        """Whether Darknet has reached the last iteration and something else waits: then the GPU is free."""
        again = RunFolder.open(run.path)
        ended = again.info.status == "finished" and again.owner_pid() is not None
        return ended and len(self._queue.waiting()) > 1

    def _pass_on_stop(self, run: RunFolder, child: subprocess.Popen[bytes] | None) -> bool:
        again = RunFolder.open(run.path)
        if again.owner_pid() is None and child is not None:
            child.send_signal(signal.SIGTERM)  # still looking at the pictures
        else:
            stop_run(again)
        return True


def _last_word(run: RunFolder, again: RunFolder) -> str:
    """Why a training did not begin, or was ended without a word."""
    if again.info.status == "running":
        return f"was ended from outside; go on with: train-cli resume {run.path}"
    try:
        lines = (run.path / "train-cli.log").read_text(encoding="utf-8", errors="replace").strip()
    except OSError:
        lines = ""
    return f"did not begin: {lines.splitlines()[-1] if lines else 'it gave no reason'}"


@contextmanager
def _held(path: Path, how: int) -> Iterator[int | None]:
    """Hold a lock file; None where another holds it and ``how`` does not wait."""
    try:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    except OSError as error:
        raise WriteError.from_os_error(error, path) from error
    try:
        try:
            fcntl.flock(handle, how)
        except BlockingIOError:
            yield None
        else:
            yield handle
    finally:
        os.close(handle)
