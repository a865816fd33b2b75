"""A child process: a thin wrapper over QProcess, and one value that says how it ended."""

from __future__ import annotations

import codecs
import os
import signal
from collections import deque
from contextlib import suppress
from dataclasses import dataclass

from PyQt5.QtCore import QObject, QProcess, QProcessEnvironment, pyqtSignal


@dataclass(frozen=True)
class ProcessOutcome:
    """How a child process ended.

    Attributes:
        started: False where the program could not be started at all.
        crashed: It was ended by a signal.
        exit_code: Its exit code (of a crash: the signal's number).
        last_words: The last lines of its stderr.
    """

    started: bool
    crashed: bool
    exit_code: int
    last_words: tuple[str, ...]

    @property
    def was_successful(self) -> bool:
        """Started, ended by itself, exit code 0."""
        return self.started and not self.crashed and self.exit_code == 0

    def __str__(self) -> str:
        if not self.started:
            return "The program could not be started."
        tail = f" {self.last_words[-1]}" if self.last_words else ""
        how = f"ended by signal {self.exit_code}" if self.crashed else f"exit code {self.exit_code}"
        return f"The program ended unexpectedly ({how}).{tail}"


class Process(QObject):
    """Runs a program and signals its stdout and stderr line by line.

    Signals:
        line: A line of stdout, without its end.
        talk: A line of stderr.
        ended: The ProcessOutcome, exactly once.
    """

    line = pyqtSignal(str)
    talk = pyqtSignal(str)
    ended = pyqtSignal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._process = QProcess(self)
        environment = QProcessEnvironment.systemEnvironment()
        environment.insert("PYTHONUNBUFFERED", "1")
        self._process.setProcessEnvironment(environment)
        self._out = _Lines()
        self._err = _Lines()
        self._last_words: deque[str] = deque(maxlen=20)
        self._process.readyReadStandardOutput.connect(self._read_out)
        self._process.readyReadStandardError.connect(self._read_err)
        self._process.finished.connect(self._finished)
        self._process.errorOccurred.connect(self._failed_to_start)

    def start(self, program: str, arguments: list[str]) -> None:
        """Start; its stdin stays open until the process ends or this object dies."""
        self._process.start(program, arguments)

    @property
    def is_running(self) -> bool:
        """Whether it has been started and has not ended."""
        return self._process.state() != QProcess.NotRunning

    @property
    def pid(self) -> int:
        """Process id, 0 when it does not run."""
        return int(self._process.processId())

    def interrupt(self) -> None:
        """Ask it to stop, as Ctrl-C does."""
        if self.pid:
            # It may have ended without Qt having noticed yet.
            with suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGINT)

    def wait(self, milliseconds: int) -> bool:
        """Block until it ended (only while the window closes); False where it did not."""
        return not self.is_running or bool(self._process.waitForFinished(milliseconds))

    def _read_out(self) -> None:
        for text in self._out.feed(bytes(self._process.readAllStandardOutput())):
            self.line.emit(text)

    def _read_err(self) -> None:
        for text in self._err.feed(bytes(self._process.readAllStandardError())):
            self._last_words.append(text)
            self.talk.emit(text)

    def _finished(self, code: int, status: QProcess.ExitStatus) -> None:
        self._read_out()
        self._read_err()
        for text in self._out.rest():
            self.line.emit(text)
        self._last_words.extend(self._err.rest())
        self.ended.emit(ProcessOutcome(True, status == QProcess.CrashExit, code, tuple(self._last_words)))

    def _failed_to_start(self, error: QProcess.ProcessError) -> None:
        # Other errors come with `finished` as well.
        if error == QProcess.FailedToStart:
            self.ended.emit(ProcessOutcome(False, False, -1, (self._process.errorString(),)))


class _Lines:
    """Cuts a byte stream into lines; a character may be split between two reads."""

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self._part = ""

    def feed(self, data: bytes) -> list[str]:
        *lines, self._part = (self._part + self._decoder.decode(data)).split("\n")
        return [line.rstrip("\r") for line in lines]

    def rest(self) -> list[str]:
        part, self._part = self._part, ""
        return [part] if part else []
