"""The child process: start Darknet for a training, follow it, stop it, and say how it went."""

from __future__ import annotations

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
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.environment import darknet_environment
from annotator.darknet.program.events import Continued, Finished, Paused
from annotator.darknet.program.gpu import Gpu
from annotator.darknet.program.memory_kills import count_memory_kills
from annotator.darknet.program.parser import OutputParser
from annotator.darknet.run.folder import RunFolder
from annotator.darknet.run.outcome import Outcome, final_weights, judge, mark_of
from annotator.darknet.run.room import LOOK_SECONDS, RoomWatch
from annotator.darknet.training.following import Follower, OnEvent, Stream
from converters.errors import DataError, UsageError, WriteError
from converters.model import Split

STOP_SECONDS = 5.0
"""How long Darknet has between SIGTERM and SIGKILL (the slowest needed 2.4 s)."""
EXIT_SECONDS = 60.0
"""How long it has to end after its last weights (one hangs for ever in its own signal handler)."""
MAX_LOG_BYTES = 200_000_000

_CHUNK = 65536
_SAVING_LOOK_SECONDS = 0.05
_DRAIN_BYTES = 64 * 1024 * 1024


def train_command(
    run: RunFolder,
    darknet: Darknet,
    *,
    weights: Path | None = None,
    clear: bool = False,
    with_map: bool = True,
    gpus: int = 0,
) -> list[str]:
    """The command line of a training, to be run in the run folder.

    Args:
        run: The run.
        darknet: The Darknet; each takes other flags.
        weights: Where to start from; those in the run folder are named relative to it.
        clear: Count iterations from 0 although the weights have seen pictures.
        with_map: Measure mAP on the validation pictures now and then, where there are any.
        gpus: On how many GPUs, of those that its environment shows it; 0: on its first.
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
    if gpus > 1:  # all three take this flag and its value away before they look at the others
        command += ["-gpus", ",".join(map(str, range(gpus)))]
    return command


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
        owner: The process that listens to signals for this training (see annotator.darknet.training.control).
        gpus: Where it trains; none: Darknet takes its first.
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
        owner: int | None = None,
        gpus: Sequence[Gpu] = (),
    ) -> None:
        self.run_folder = run
        self.darknet = darknet
        self.command = train_command(
            run, darknet, weights=weights, clear=clear, with_map=with_map, gpus=len(gpus)
        )
        self._from_iteration = from_iteration
        self._threads = threads
        self._gpus = tuple(gpus)
        self._stop_fd = stop_fd
        self._max_log_bytes = max_log_bytes
        self._exit_seconds = exit_seconds
        self._wake: socket.socket | None = None
        self._stopping = False
        self._owner = owner
        self._wants_pause = self._paused = self._goes_on = False

    def stop(self) -> None:
        """Ask the training to stop. Returns at once; safe from any thread and from a signal handler."""
        self._stopping = True
        self._wake_up()

    def pause(self) -> None:
        """Let Darknet stand still (it keeps its memory). As safe as :meth:`stop`."""
        self._wants_pause = True
        self._wake_up()

    def go_on(self) -> None:
        """End a pause. As safe as :meth:`stop`."""
        self._wants_pause = False
        self._goes_on = True
        self._wake_up()

    def _wake_up(self) -> None:
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
            WriteError: The run folder cannot be written, or was deleted meanwhile.
        """
        lock = self.run_folder.lock()
        try:
            follower = Follower(self.run_folder, on_event, self._max_log_bytes)
            before = mark_of(final_weights(self.run_folder))
            kills = count_memory_kills()
            try:
                process, streams = self._spawn(lock, follower)
                try:
                    follower.started(self.command, process.pid, self._from_iteration, self._owner)
                    self._follow(process, streams, follower)
                finally:
                    _end(process, streams, follower)
                follower.look_around()
                if follower.is_gone:
                    raise _gone(self.run_folder)
                follower.ended()
            finally:
                follower.close()
            killed = count_memory_kills().has_risen(kills)
            outcome = judge(self.run_folder, follower, process.returncode, self._stopping, before, killed)
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

    def _spawn(self, lock: int, follower: Follower) -> tuple[subprocess.Popen[bytes], list[Stream]]:
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
                env=darknet_environment(self._threads, self._gpus),
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
        streams = [Stream(fd, OutputParser(follower.take)) for fd in descriptors]
        for stream in streams:
            os.set_blocking(stream.fd, False)
        return process, streams

    def _follow(self, process: subprocess.Popen[bytes], streams: list[Stream], follower: Follower) -> None:
        """Read until the process has ended; on a stop, or when it does not end by itself, end it."""
        deadline: float | None = None
        self._paused = False
        room = RoomWatch(self.run_folder, follower.size, follower.complain)
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
                    if isinstance(key.data, Stream):
                        if _read(key.data, follower) == 0:
                            selector.unregister(key.fd)
                    elif key.data == "exit":
                        exited = True
                    elif key.data == "wake":
                        waker.recv(64)
                    elif not _still_open(key.fd):
                        selector.unregister(key.fd)
                        self._stopping = True
                self._keep_pace(process.pid, follower, room)
                if self._stopping and not ending:
                    if follower.is_gone or not follower.is_saving():
                        ending, deadline = True, time.monotonic() + STOP_SECONDS
                        follower.stopping = True
                        _signal_group(process.pid, signal.SIGTERM)
                        _signal_group(process.pid, signal.SIGCONT)  # one that stands still hears nothing
                elif deadline is None and follower.should_end:
                    deadline = time.monotonic() + self._exit_seconds
                elif deadline is not None and time.monotonic() >= deadline:
                    _signal_group(process.pid, signal.SIGKILL if ending else signal.SIGTERM)
                    ending, deadline = True, time.monotonic() + STOP_SECONDS

    def _keep_pace(self, pid: int, follower: Follower, room: RoomWatch) -> None:
        """Begin or end a pause, where that was asked for or the disk has no room for the next weights."""
        if self._stopping:
            return
        if self._goes_on:
            self._goes_on = False
            room.go_on()
        follower.look_around()
        self._stopping |= follower.is_gone
        saving = follower.is_saving()
        room.look(follower.iteration, follower.seconds, follower.take_lost(), saving=saving)
        stands = self._wants_pause or bool(room.why)
        if stands == self._paused:
            return
        self._paused = stands
        _signal_group(pid, signal.SIGSTOP if stands else signal.SIGCONT)
        if not stands:
            follower.room_again()
        follower.tell((Paused if stands else Continued)(follower.iteration))

    def _patience(self, deadline: float | None, ending: bool) -> float:
        """Seconds to wait for news."""
        if self._stopping and not ending:
            return _SAVING_LOOK_SECONDS
        return LOOK_SECONDS if deadline is None else min(LOOK_SECONDS, max(0.0, deadline - time.monotonic()))

    @contextmanager
    def _waker(self) -> Iterator[socket.socket]:
        """The end of a socket at which :meth:`stop` is heard."""
        ours, theirs = socket.socketpair()
        with ours, theirs:
            theirs.setblocking(False)
            self._wake = theirs
            yield ours
            self._wake = None


def _gone(run: RunFolder) -> WriteError:
    return WriteError(
        "was deleted while it was trained, or moved to another disk; Darknet was stopped, as nothing "
        "could be saved any more.",
        path=run.path,
        code="run-gone",
        hint="Where it was moved to, go on there: train-cli resume FOLDER.",
    )


def _open_terminal() -> tuple[int, int]:
    """Our end and Darknet's end of a terminal that changes no byte; (-1, -1) where there is none."""
    try:
        ours, theirs = pty.openpty()
    except OSError:
        return -1, -1
    tty.setraw(theirs, termios.TCSANOW)
    return ours, theirs


def _die_with_us() -> list[str]:
    """What to put before a command so that it is killed when this program is killed, where there is such."""
    setpriv = shutil.which("setpriv")
    if setpriv is None:
        return []
    # Killed before that took effect, this program would leave a Darknet that nobody knows of: look once more.
    still_ours = 'test "$PPID" = "$0" && exec "$@"'
    return [setpriv, "--pdeathsig", "KILL", "sh", "-c", still_ours, str(os.getpid())]


@contextmanager
def _exit_of(process: subprocess.Popen[bytes]) -> Iterator[int]:
    """A descriptor that becomes readable when the process has ended (which leaves it to be reaped)."""
    fd = os.pidfd_open(process.pid)
    try:
        yield fd
    finally:
        os.close(fd)


def _end(process: subprocess.Popen[bytes], streams: Sequence[Stream], follower: Follower) -> None:
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


def _read(stream: Stream, follower: Follower) -> int:
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
