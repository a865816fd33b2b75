"""On which GPU a training runs, where there are several to choose from."""

from __future__ import annotations

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QComboBox, QHBoxLayout, QLabel, QWidget

from annotator.darknet.program.dialect import Darknet
from annotator.darknet.program.gpu import Gpu, GpuState, find_nvidia_smi, read_gpus
from annotator.qt.background import Task
from annotator.qt.translation import tr, tr_n

GPU_SETTING = "gpus"
"""Name of the setting: the identifiers of the GPUs, which stay theirs whatever order they are counted in."""


class GpuChoice(QWidget):
    """One line; hidden where Darknet has no choice.

    Signals:
        changed: Another one trains.
        chosen: The person chose: a list of identifiers, none for Darknet's first.
    """

    changed = pyqtSignal()
    chosen = pyqtSignal(list)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._wanted: list[str] = []
        self._gpus: tuple[Gpu, ...] = ()
        self._task: Task | None = None
        self.list = QComboBox()
        self.list.setSizeAdjustPolicy(QComboBox.AdjustToContents)
        self.list.setToolTip(
            tr("How full and how busy each is now; what is chosen is remembered, also for runs in the queue")
        )
        self.list.activated.connect(self._activated)
        label = QLabel(tr("Train on"))
        label.setBuddy(self.list)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(label)
        row.addWidget(self.list)
        row.addStretch(1)
        self.hide()

    def remember(self, identifiers: list[str]) -> None:
        """What was chosen before."""
        if identifiers != self._wanted:
            self._wanted = identifiers
            self._fill()

    def look(self, darknet: Darknet | None) -> None:
        """See in the background which GPUs there are for a Darknet."""
        uses = darknet is not None and darknet.gpu is not False and not darknet.rocm
        if not uses or find_nvidia_smi() is None:
            self._show(GpuState(asked=False))
        elif self._task is None:
            self._task = Task(lambda tell: read_gpus(with_cuda=False), self)
            self._task.succeeded.connect(self._show)
            self._task.finished.connect(self._looked)
            self._task.start()

    def arguments(self) -> list[str]:
        """What it adds to ``train-cli``; nothing where Darknet's first is taken."""
        numbers = [str(gpu.index) for gpu in self._gpus if _identifier(gpu) in self._wanted]
        missing = len(numbers) != len(self._wanted)
        return [] if missing or not numbers or len(self._gpus) < 2 else ["--gpu", ",".join(numbers)]

    def stop(self) -> None:
        """Let what runs end (the window closes)."""
        if self._task is not None:
            self._task.wait()

    def _looked(self) -> None:
        self._task = None

    def _show(self, state: GpuState) -> None:
        before = self.arguments()
        self._gpus = state.gpus
        self._fill()
        if self.arguments() != before:
            self.changed.emit()

    def _fill(self) -> None:
        self.list.clear()
        self.list.addItem(tr("Darknet's first GPU"), [])
        for gpu in self._gpus:
            self.list.addItem(_text(gpu), [_identifier(gpu)])
        whole = [gpu for gpu in self._gpus if not gpu.uuid.startswith("MIG-")]
        if len(whole) > 1:  # parts of one cannot train together
            self.list.addItem(
                tr_n("{n} GPU at once", "All {n} GPUs at once", len(whole)),
                [_identifier(one) for one in whole],
            )
        place = next((row for row in range(self.list.count()) if self.list.itemData(row) == self._wanted), 0)
        self.list.setCurrentIndex(place)
        self.setVisible(len(self._gpus) > 1)

    def _activated(self, row: int) -> None:
        self._wanted = self.list.itemData(row)
        self.chosen.emit(self._wanted)
        self.changed.emit()


def _identifier(gpu: Gpu) -> str:
    return gpu.uuid or str(gpu.index)


def _text(gpu: Gpu) -> str:
    facts = [f"{gpu.index}: {gpu.name}"]
    if gpu.memory:
        used, whole = gpu.used / 1024, gpu.memory / 1024  # as its maker counts, and the check
        facts.append(tr("{used:.1f} of {whole:.1f} GB", used=used, whole=whole))
    if gpu.load is not None:
        facts.append(tr("{load} % busy", load=gpu.load))
    return " · ".join(facts)
