"""The child process: start Darknet for a training, follow it, stop it, and say how it went."""

from __future__ import annotations

import codecs
import csv
import os
import pty
import selectors
import shutil
import signal
import socket
import subprocess
import termios
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO, Literal

from annotator.darknet.blocks import parameter_count
from annotator.darknet.dialect import Darknet
from annotator.darknet.events import Event, Finished, Iteration, Problem, RunStarted, WeightsSaved
from annotator.darknet.parser import OutputParser
from annotator.darknet.runs import METRICS_COLUMNS, RunFolder, now
from annotator.darknet.weights import read_weights_header
from converters.errors import DataError, FormatError, UsageError, WriteError
from converters.model import Split

OnEvent = Callable[[Event], None]
Status = Literal["finished", "stopped", "failed", "crashed_at_exit"]

STOP_SECONDS = 5.0
"""How long Darknet has between SIGTERM and SIGKILL (the slowest needed 2.4 s)."""
EXIT_SECONDS = 60.0
"""How long it has to end after its last weights (one hangs for ever in its own signal handler)."""
SAVE_SECONDS = 10.0
"""How long a stop waits for weights that are just being written."""
MAX_LOG_BYTES = 200_000_000
SAVE_EVERY = 100
"""All Darknets save at every hundredth iteration."""

_CRASHES = ("heap", "crash")
_AFTER_SIGNAL = ("crash", "darknet-error")
_CHUNK = 65536
_RECORD_SECONDS = 10.0
_SAVING_LOOK_SECONDS = 0.05
_FRESH_SECONDS = 2.0
_DRAIN_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended.

    Attributes:
        status: ``crashed_at_exit``: all iterations are done and saved, but Darknet did not end well.
        exit_code: Of the process; None where a signal ended it or it never started.
        signal: Number of that signal, or None.
        iteration: The last iteration reached.
        saved_iteration: The iteration of the newest whole weights, 0 where there are none.
        weights: Those weights, or None.
        message: One sentence or two for a person.
    """

    status: Status
    exit_code: int | None
    signal: int | None
    iteration: int
    saved_iteration: int
    weights: Path | None
    message: str

    @property
    def good(self) -> bool:
        """Whether the training was completed."""
        return self.status in ("finished", "crashed_at_exit")


def train_command(
    run: RunFolder,
    darknet: Darknet,
    *,
    weights: Path | None = None,
    clear: bool = False,
    with_map: bool = True,
) -> list[str]:
    """The command line of a training, to be run in the run folder.

    Args:
        run: The run.
        darknet: The Darknet; each takes other flags.
        weights: Where to start from; those in the run folder are named relative to it.
        clear: Count iterations from 0 although the weights have seen pictures.
        with_map: Measure mAP on the validation pictures now and then, where there are any.
    """
    command = [str(darknet.path), "detector", "train", run.data.name, run.cfg.name]
    if weights is not None:
        absolute = weights.absolute()
        inside = absolute.is_relative_to(run.path.absolute())
        command.append(str(absolute.relative_to(run.path.absolute()) if inside else absolute))
    if darknet.dialect != "pjreddie":  # which would take an unknown flag for the weights file
        command.append("-dont_show")
        if darknet.dialect == "hank":
            command.append("-nocolour")
        if with_map and run.list_of(Split.VAL).stat().st_size:
            command.append("-map")
    if clear and weights is not None:
        command.append("-clear")
    return command


def default_threads() -> int:
    """OpenMP threads: half of the processors (Darknet's threads spin while they wait)."""
    return max(1, (os.cpu_count() or 1) // 2)


def darknet_environment(threads: int | None = None) -> dict[str, str]:
    """The environment of a Darknet process: no display, plain numbers, a set number of threads."""
    return os.environ | {
        "OMP_NUM_THREADS": str(threads or default_threads()),
        "QT_QPA_PLATFORM": "offscreen",
        "LC_ALL": "C",
    }


@dataclass(slots=True)
class _Stream:
    """One stream of the process: its descriptor, its decoder and its parser."""

    fd: int
    parser: OutputParser
    decoder: codecs.IncrementalDecoder = field(
        default_factory=lambda: codecs.getincrementaldecoder("utf-8")("replace")
    )

    def take(self, data: bytes) -> None:
        self.parser.feed(self.decoder.decode(data))

    def close(self) -> None:
        self.parser.feed(self.decoder.decode(b"", True))
        self.parser.close()
        os.close(self.fd)


class Training:
    """One training (or its continuation) as a child process.

    Args:
        run: The run folder.
        darknet: The program.
        weights: Where to start from, or None for random weights.
        clear: Count iterations from 0 although the weights have seen pictures.
        from_iteration: The iteration of the weights where it goes on from its own.
        with_map: Let Darknet measure mAP on the validation pictures (AlexeyAB's and hank-ai's can).
        threads: OpenMP threads; default half of the processors.
        stop_fd: Stop when this descriptor (a pipe, standard input) is closed at its other end.
        max_log_bytes: Where darknet.log ends, whatever Darknet still prints.
        exit_seconds: How long Darknet may stay after it has saved its last weights or has crashed.
    """

    def __init__(
        self,
        run: RunFolder,
        darknet: Darknet,
        *,
        weights: Path | None = None,
        clear: bool = False,
        from_iteration: int = 0,
        with_map: bool = True,
        threads: int | None = None,
        stop_fd: int | None = None,
        max_log_bytes: int = MAX_LOG_BYTES,
        exit_seconds: float = EXIT_SECONDS,
    ) -> None:
        self.run_folder = run
        self.darknet = darknet
        self.command = train_command(run, darknet, weights=weights, clear=clear, with_map=with_map)
        self._from_iteration = from_iteration
        self._threads = threads
        self._stop_fd = stop_fd
        self._max_log_bytes = max_log_bytes
        self._exit_seconds = exit_seconds
        self._wake: socket.socket | None = None
        self._stopping = False

    def stop(self) -> None:
        """Ask the training to stop. Returns at once; safe from any thread and from a signal handler."""
        self._stopping = True
        wake = self._wake
        if wake is not None:
            with suppress(OSError):  # a socket object, unlike a bare descriptor, may be closed by now
                wake.send(b"x")

    def run(self, on_event: OnEvent) -> Outcome:
        """Run the training to its end.

        Args:
            on_event: Called with each event, in this thread; the last is :class:`Finished`.

        Raises:
            UsageError: This run is already being trained, or Darknet cannot be started.
            FormatError: The run's cfg cannot be read.
            WriteError: The run folder cannot be written.
        """
        lock = self.run_folder.lock()
        try:
            follower = _Follower(self.run_folder, on_event, self._max_log_bytes)
            started_ns = time.time_ns()
            try:
                process, streams = self._spawn(lock, follower)
                try:
                    follower.started(self.command, process.pid, self._from_iteration)
                    self._follow(process, streams, follower)
                finally:
                    _end(process, streams, follower)
            finally:
                follower.close()
            outcome = _judge(self.run_folder, follower, process.returncode, self._stopping, started_ns)
        finally:
            os.close(lock)
        on_event(
            Finished(
                outcome.status,
                outcome.message,
                outcome.iteration,
                outcome.saved_iteration,
                str(outcome.weights or ""),
            )
        )
        return outcome

    def _spawn(self, lock: int, follower: _Follower) -> tuple[subprocess.Popen[bytes], list[_Stream]]:
        """Start Darknet. pjreddie's writes to a terminal of ours: into a pipe it would hold back 4 KiB."""
        if not os.access(self.darknet.path, os.X_OK):
            raise UsageError("is not a program that can be run.", path=self.darknet.path, code="no-darknet")
        holds_back = self.darknet.dialect == "pjreddie"
        ours, theirs = _open_terminal() if holds_back else (-1, -1)
        on_terminal = ours >= 0
        # Some containers have no terminals to give; coreutils' stdbuf then asks the C library instead.
        unbuffer = ["stdbuf", "-oL"] if holds_back and not on_terminal and shutil.which("stdbuf") else []
        asks = self.darknet.dialect == "hank"  # whether to train on a CPU
        try:
            process = subprocess.Popen(
                [*_die_with_us(), *unbuffer, *self.command],
                stdin=subprocess.PIPE if asks else subprocess.DEVNULL,
                stdout=theirs if on_terminal else subprocess.PIPE,
                stderr=theirs if on_terminal else subprocess.PIPE,
                cwd=self.run_folder.path,
                env=darknet_environment(self._threads),
                start_new_session=True,
                pass_fds=(lock,),
            )
        except OSError as error:
            if on_terminal:
                os.close(ours)
            raise UsageError(
                f"cannot be started: {error.strerror or error}.", path=self.darknet.path, code="no-darknet"
            ) from error
        finally:
            if on_terminal:
                os.close(theirs)
        if process.stdin:
            with suppress(OSError):
                process.stdin.write(b"yes\n")
                process.stdin.close()
        descriptors = [ours] if on_terminal else [_detach(process.stdout), _detach(process.stderr)]
        streams = [_Stream(fd, OutputParser(follower.take)) for fd in descriptors]
        for stream in streams:
            os.set_blocking(stream.fd, False)
        return process, streams

    def _follow(self, process: subprocess.Popen[bytes], streams: list[_Stream], follower: _Follower) -> None:
        """Read until the process has ended; on a stop, or when it does not end by itself, end it."""
        deadline: float | None = None
        ending = exited = False
        with selectors.PollSelector() as selector, _exit_of(process) as exit_fd, self._waker() as waker:
            for stream in streams:
                selector.register(stream.fd, selectors.EVENT_READ, stream)
            selector.register(exit_fd, selectors.EVENT_READ, "exit")
            selector.register(waker, selectors.EVENT_READ, "wake")
            if self._stop_fd is not None:
                selector.register(self._stop_fd, selectors.EVENT_READ, "stdin")
            while not exited:
                for key, _ in selector.select(self._patience(deadline, ending)):
                    if isinstance(key.data, _Stream):
                        if _read(key.data, follower) == 0:
                            selector.unregister(key.fd)
                    elif key.data == "exit":
                        exited = True
                    elif key.data == "wake":
                        waker.recv(64)
                    elif not _still_open(key.fd):
                        selector.unregister(key.fd)
                        self._stopping = True
                if self._stopping and not ending:
                    if not follower.is_saving():
                        ending, deadline = True, time.monotonic() + STOP_SECONDS
                        follower.stopping = True
                        _signal_group(process.pid, signal.SIGTERM)
                elif deadline is None and follower.should_end:
                    deadline = time.monotonic() + self._exit_seconds
                elif deadline is not None and time.monotonic() >= deadline:
                    _signal_group(process.pid, signal.SIGKILL if ending else signal.SIGTERM)
                    ending, deadline = True, time.monotonic() + STOP_SECONDS

    def _patience(self, deadline: float | None, ending: bool) -> float | None:
        """Seconds to wait for news; None: for ever."""
        if self._stopping and not ending:
            return _SAVING_LOOK_SECONDS
        return None if deadline is None else max(0.0, deadline - time.monotonic())

    @contextmanager
    def _waker(self) -> Iterator[socket.socket]:
        """The end of a socket at which :meth:`stop` is heard."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            self._wake = theirs
            yield ours
            self._wake = None


def _open_terminal() -> tuple[int, int]:
    """Our end and Darknet's end of a terminal that changes no byte; (-1, -1) where there is none."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        return -1, -1
    tty.setraw(theirs, termios.TCSANOW)
    return ours, theirs


class _Follower:
    """Takes what a training prints: writes the log, the metrics and run.json, and passes events on."""

    def __init__(self, run: RunFolder, on_event: OnEvent, max_log_bytes: int) -> None:
        self.run = run
        self.iteration = 0
        self._parameters = parameter_count(run.read_cfg())
        self.problems: list[Problem] = []
        self.stopping = False  # we have told Darknet to end: that it calls this a crash is no problem
        self.should_end = False  # everything is saved, or it crashed: the process has no reason to stay
        self._on_event = on_event
        self._said: set[str] = set()
        self._saving: tuple[Path, float] | None = None
        self._recorded = time.monotonic()
        self._log: IO[bytes] | None = None
        self._metrics: IO[str] | None = None
        try:
            self._log = run.log.open("ab")
            self._log_left = max_log_bytes - run.log.stat().st_size
            self._metrics = run.metrics.open("a", encoding="utf-8", newline="")
        except OSError as error:
            self.close()
            raise WriteError.from_os_error(error, run.path) from error
        self._writer = csv.writer(self._metrics, lineterminator="\n")

    def started(self, command: Sequence[str], pid: int, from_iteration: int) -> None:
        """Note the start in run.json and in the log."""
        self.iteration = from_iteration
        self.log(f"--- {now()} {' '.join(command)}\n".encode())
        self.run.update(
            status="running", pid=pid, command=tuple(command), started=now(), ended=None, message="",
            iteration=from_iteration,
        )  # fmt: skip
        self._on_event(RunStarted(self.run.path, self.run.info.max_batches, from_iteration))

    def log(self, data: bytes) -> None:
        """Append raw output to the log, up to its largest size."""
        if self._log is None or self._log_left <= 0:
            return
        self._log_left -= len(data)
        if self._log_left <= 0:
            data += b"\n--- the log ends here: it has reached its largest size\n"
        try:
            self._log.write(data)
            self._log.flush()
        except OSError as error:
            self._lost(error, self.run.log)
            self._log_left = 0

    def take(self, event: Event) -> None:
        """An event from a parser."""
        if isinstance(event, Iteration):
            self.iteration = event.iteration
            self._record(event)
        elif isinstance(event, WeightsSaved):
            self._saving = (self.run.path / event.path, time.time())
            if event.iteration is None and self.iteration:
                # One of the Darknets says this on the other stream, whose parser sees no iteration.
                event = replace(event, iteration=self.iteration)
            self.should_end |= event.path.endswith("_final.weights")
            self._save_progress()
        elif isinstance(event, Problem):
            ours = self.stopping and event.code in _AFTER_SIGNAL
            if ours or event.text in self._said or len(self._said) > 1000:
                return
            self._said.add(event.text)
            self.problems.append(event)
            self.should_end |= event.code in _CRASHES
        self._on_event(event)

    def is_saving(self) -> bool:
        """Whether weights are being written: ended now, Darknet would leave them cut short."""
        if self._saving is None:
            return False
        path, said = self._saving
        whole = False
        # Darknet says so before it opens the file, which may hold older weights until then.
        with suppress(FormatError, OSError):
            fresh = path.stat().st_mtime > said - _FRESH_SECONDS
            whole = fresh and read_weights_header(path).parameters == self._parameters
        if whole or time.time() - said > SAVE_SECONDS:
            self._saving = None
        return self._saving is not None

    def close(self) -> None:
        """Close the files."""
        for file in (self._log, self._metrics):
            if file is not None:
                with suppress(OSError):
                    file.close()

    def _record(self, event: Iteration) -> None:
        values = [getattr(event, name) for name in METRICS_COLUMNS]
        try:
            if self._metrics is not None:
                self._writer.writerow([f"{v:.8g}" if isinstance(v, float) else v for v in values])
                self._metrics.flush()
        except OSError as error:
            self._lost(error, self.run.metrics)
            self._metrics = None
        if time.monotonic() - self._recorded > _RECORD_SECONDS:
            self._save_progress()

    def _save_progress(self) -> None:
        self._recorded = time.monotonic()
        try:
            self.run.update(iteration=self.iteration)
        except WriteError as error:
            self.take(Problem(str(error), error.code))

    def _lost(self, error: OSError, path: Path) -> None:
        """A full disk must not end the training: it may be over before the next weights are saved."""
        wrong = WriteError.from_os_error(error, path)
        self.take(Problem(str(wrong), wrong.code))


def _judge(run: RunFolder, follower: _Follower, code: int, stopped: bool, started_ns: int) -> Outcome:
    """What came of it. Exit codes alone say little: one Darknet returns 0 for nearly every failure."""
    newest = run.newest_weights()
    saved = newest.iteration if newest else 0
    final = run.backup / f"{run.cfg.stem}_final.weights"
    complete = (
        newest is not None
        and saved >= run.info.max_batches
        and any(weights.path == final for weights in run.weights())
        and final.stat().st_mtime_ns >= started_ns
    )
    iteration = max(follower.iteration, saved if complete else 0)
    if complete:
        status: Status = "finished" if code == 0 else "crashed_at_exit"
    else:
        status = "stopped" if stopped else "failed"
    outcome = Outcome(
        status=status,
        exit_code=code if code >= 0 else None,
        signal=-code if code < 0 else None,
        iteration=iteration,
        saved_iteration=saved,
        weights=newest.path if newest else None,
        message=_message(run, follower, status, code, iteration, saved, final),
    )
    recorded = "finished" if outcome.good else status
    with suppress(WriteError):  # a full disk; the outcome is returned all the same
        run.update(status=recorded, iteration=iteration, pid=None, ended=now(), message=outcome.message)
    return outcome


def _message(
    run: RunFolder, follower: _Follower, status: Status, code: int, iteration: int, saved: int, final: Path
) -> str:
    how = f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    if status == "finished":
        return f"finished: {iteration} iterations; the weights are {final}"
    if status == "crashed_at_exit":
        return (
            f"finished: {iteration} iterations; the weights are {final} (they are whole; Darknet itself "
            f"then ended {how})"
        )
    where = f"at iteration {iteration}" if iteration else "before the first iteration"
    if saved:
        kept = f"iteration {saved} is saved; go on with: train-cli resume {run.path}"
    else:
        kept = f"nothing was saved yet: Darknet saves every {SAVE_EVERY} iterations"
    if status == "stopped":
        return f"stopped {where}; {kept}"
    fatal = [problem for problem in follower.problems if problem.fatal]
    # How it crashed is only worth telling where nothing says why.
    reasons = [problem.text for problem in fatal if problem.code not in _CRASHES]
    reasons = reasons or [problem.text for problem in (fatal or follower.problems)[-1:]]
    if not reasons and code == -signal.SIGKILL:
        reasons = ["It was killed: by hand, or by the system because the memory was full."]
    reason = " ".join(dict.fromkeys(reasons[:2])) or f"It gave no reason; its output is in {run.log}."
    return f"Darknet ended {how} {where}. {reason} ({kept[0].upper()}{kept[1:]}.)"


def _die_with_us() -> list[str]:
    """What to put before a command so that it is killed when this program is killed, where there is such."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL"] if setpriv else []


@contextmanager
def _exit_of(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that becomes readable when the process has ended (which leaves it to be reaped)."""
    fd = os.pidfd_open(process.pid)
    try:
        yield fd
    finally:
        os.close(fd)


def _end(process: subprocess.Popen[bytes], streams: Sequence[_Stream], follower: _Follower) -> None:
    """End whatever is left of the process and its children, reap it, and read what it still said."""
    _signal_group(process.pid, signal.SIGKILL)  # not reaped yet, so the group's number is still ours
    process.wait()
    for stream in streams:
        left = _DRAIN_BYTES
        while left > 0 and (got := _read(stream, follower)) > 0:
            left -= got
        stream.close()


def _detach(file: IO[bytes] | None) -> int:
    """Our own copy of a pipe's descriptor; the file object is closed."""
    if file is None:
        raise DataError("Darknet was started without its streams.")
    fd = os.dup(file.fileno())
    file.close()
    return fd


def _read(stream: _Stream, follower: _Follower) -> int:
    """Read once. Returns the number of bytes, 0 at the stream's end, -1 where there is nothing yet."""
    try:
        data = os.read(stream.fd, _CHUNK)
    except BlockingIOError:
        return -1
    except OSError:  # a terminal whose other end is closed
        return 0
    if data:
        follower.log(data)
        stream.take(data)
    return len(data)


def _still_open(fd: int) -> bool:
    """Whether the other end of a readable descriptor is open; what it wrote is dropped."""
    try:
        return bool(os.read(fd, 4096))
    except OSError:
        return False


def _signal_group(pid: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, number)
