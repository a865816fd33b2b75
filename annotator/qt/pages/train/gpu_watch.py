"""How busy the GPU is while a training runs, where there is an nvidia-smi to ask."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import QObject, QTimer

from annotator.darknet.program.gpu import GpuState, find_nvidia_smi, read_gpus_of
from annotator.darknet.run.folder import RunFolder
from annotator.qt.background import Task
from annotator.qt.translation import tr
from converters.errors import DataError

_EVERY_MS = 3000
_MOST = 2


class GpuWatch(QObject):
    """Asks in a thread, every few seconds, while it is on."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.state: GpuState | None = None
        self.run: Path | None = None
        self._task: Task | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(_EVERY_MS)
        self._timer.timeout.connect(self._ask)

    def set_on(self, on: bool) -> None:
        """Whether to ask; without an nvidia-smi nothing is asked."""
        if on == self._timer.isActive():
            return
        if on and find_nvidia_smi() is not None:
            self._timer.start()
            self._ask()
        elif not on:
            self._timer.stop()
            self.state = None

    def text(self) -> str:
        """``GeForce RTX 2070: 87 % busy, 5.1 of 8.0 GB``; empty where nothing is known."""
        if self.state is None:
            return ""
        parts = []
        # Where none was chosen, of many those that work: one of them is Darknet's.
        gpus = sorted(self.state.gpus, key=lambda gpu: (-gpu.used, gpu.index))[:_MOST]
        for gpu in sorted(gpus, key=lambda gpu: gpu.index):
            used, whole = gpu.used * 1048576 / 1e9, gpu.memory * 1048576 / 1e9
            memory = tr("{used:.1f} of {whole:.1f} GB", used=used, whole=whole) if gpu.memory else ""
            busy = tr("{load} % busy", load=gpu.load) if gpu.load is not None else ""
            name = gpu.name if len(self.state.gpus) == 1 else f"GPU {gpu.index} {gpu.name}"
            parts.append(f"{name}: {', '.join(filter(None, (busy, memory)))}".removesuffix(": "))
        return " · ".join(parts)

    def stop(self) -> None:
        """End what runs (the window closes)."""
        self._timer.stop()
        if self._task is not None:
            self._task.wait()

    def _ask(self) -> None:
        if self._task is None:
            run = self.run
            task = Task(lambda tell: _read(run), self)
            task.succeeded.connect(self._take)
            task.finished.connect(self._asked)
            self._task = task.start()

    def _take(self, state: GpuState) -> None:
        if self._timer.isActive():
            self.state = state

    def _asked(self) -> None:
        self._task = None


def _read(run: Path | None) -> GpuState:
    """The GPUs of a run's Darknet; all, where it has none or is not running."""
    try:
        pid = RunFolder.open(run).running_pid() if run is not None else None
    except DataError:
        pid = None
    return read_gpus_of(pid)
