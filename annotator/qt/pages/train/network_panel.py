"""What the chosen network is and costs: its layers, memory while it trains, speed on machines people have."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PyQt5.QtCore import Qt
from PyQt5.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
    QWidget,
)

from annotator.core.amounts import seconds_text
from annotator.darknet.network.blocks import Layer, layers
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.costs import (
    DEVICES,
    MORE_CONTEXT_BYTES,
    TRAINING_PASSES,
    Device,
    Memory,
    fitting_subdivisions,
    measure_here,
    total_bflops,
    training_memory,
    training_seconds,
)
from annotator.darknet.prediction.measured_speeds import MeasuredHere, measured_here
from annotator.qt.background import Task
from annotator.qt.dialogs.rows import Column, RowsModel, RowsView
from annotator.qt.said_below import known
from annotator.qt.translation import numbers, tr, tr_n

CARDS = (4, 6, 8, 11, 12, 16, 24)
"""Gigabytes of memory of cards that people have."""


class NetworkPanel(QWidget):
    """The layers, and the costs beside them."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.here: Device | None = None
        self.measured: list[MeasuredHere] = []
        self._task: Task | None = None
        self._shown: Cfg | None = None
        self.totals = _wrapping()
        self.memory = _wrapping()
        self.model = RowsModel(_columns(), self)
        self.table = RowsView(self.model, 4)
        self.table.setMinimumHeight(150)
        self.devices = QTableWidget(0, 3)
        self.devices.setHorizontalHeaderLabels([tr("Machine"), tr("Pictures/s"), tr("Training")])
        self.devices.verticalHeader().hide()
        self.devices.setEditTriggers(QAbstractItemView.NoEditTriggers)
        self.devices.setSelectionMode(QAbstractItemView.NoSelection)
        self.devices.setFocusPolicy(Qt.NoFocus)
        header = self.devices.horizontalHeader()
        header.setSectionResizeMode(0, QHeaderView.Stretch)
        for column in (1, 2):
            header.setSectionResizeMode(column, QHeaderView.ResizeToContents)
        note = _wrapping()
        note.setText(
            tr(
                "Estimates from the number of operations and published speeds; point at a line to see which. "
                "Loading pictures and measuring mAP come on top."
            )
        )
        right = QVBoxLayout()
        right.addWidget(self.memory)
        right.addWidget(self.devices, 1)
        right.addWidget(note)
        left = QVBoxLayout()
        left.addWidget(self.totals)
        left.addWidget(self.table, 1)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addLayout(left, 3)
        row.addLayout(right, 2)
        self.setMinimumHeight(280)

    def show_cfg(self, cfg: Cfg) -> None:
        """Show a network.

        Raises:
            DataError: It has a layer that is not known here.
        """
        table = layers(cfg)
        self._shown = cfg
        self.model.set_rows(table)
        counted = tr_n("{n} layer", "{n} layers", len(table))
        self.totals.setText(
            tr(
                "{layers} · {bflops:.2f} BFLOPs a picture · {parameters:,} parameters ({size:.0f} MB)",
                layers=counted,
                bflops=total_bflops(table),
                parameters=sum(layer.parameters for layer in table),
                size=sum(layer.parameters for layer in table) * 4 / 1e6,
            )
        )
        memory = training_memory(cfg)
        self.memory.setText(f"{_memory_text(memory)} {_fits_text(cfg, memory)}")
        self.memory.setToolTip(_memory_parts(memory))
        self._show_devices(cfg, table)

    def measure(self, work: Path | None = None) -> None:
        """Measure this computer in the background, once, and read what was measured with trainings.

        Args:
            work: The Darknet data set, where there is one.
        """
        if self._task is not None:
            return
        here = self.here

        def find(_: object) -> tuple[Device, list[MeasuredHere]]:
            return here or measure_here(), measured_here(work) if work is not None else []

        self._task = Task(find, self)
        self._task.succeeded.connect(lambda found: self._measured(*found))
        self._task.finished.connect(self._measuring_ended)
        self._task.start()

    def _measured(self, device: Device, measured: list[MeasuredHere]) -> None:
        self.here, self.measured = device, measured
        if self._shown is not None:
            self._show_devices(self._shown, layers(self._shown))

    def _measuring_ended(self) -> None:
        task, self._task = self._task, None
        if task is not None:
            task.wait()
            task.deleteLater()

    def stop(self) -> None:
        """Let what is measured end (the window closes)."""
        if self._task is not None:
            self._task.wait()

    def show_problem(self, text: str) -> None:
        """There is no such network: say why."""
        self._shown = None
        self.model.set_rows([])
        self.devices.setRowCount(0)
        self.totals.setText(text)
        self.memory.clear()

    def _show_devices(self, cfg: Cfg, table: Sequence[Layer]) -> None:
        rows = [self._measured_row(one) for one in self.measured]
        for device in [*([self.here] if self.here is not None else []), *DEVICES]:
            name = tr("This computer, OpenCV") if device is self.here else known(device.name)
            rows.append((device, name, known(device.source)))
        self.devices.setRowCount(len(rows))
        for row, (device, name, source) in enumerate(rows):
            seconds = device.seconds(table)
            speed = 1 / seconds if seconds else 0.0
            # OpenCV predicts, it does not train.
            whole = "–" if "OpenCV" in device.name else seconds_text(training_seconds(cfg, device))
            texts = (name, f"{speed:.1f}" if speed < 100 else f"{speed:.0f}", whole)
            for column, text in enumerate(texts):
                item = QTableWidgetItem(text)
                item.setToolTip(
                    f"{name}\n"
                    + tr(
                        "From: {source}. A picture trained on is taken to cost {passes} predictions.",
                        source=source,
                        passes=TRAINING_PASSES,
                    )
                )
                if column:
                    item.setTextAlignment(int(Qt.AlignRight | Qt.AlignVCenter))
                self.devices.setItem(row, column, item)

    @staticmethod
    def _measured_row(one: MeasuredHere) -> tuple[Device, str, str]:
        width, height = one.size
        source = tr(
            "{fps} pictures a second measured with {run} at {width} × {height}, on {machine}",
            fps=f"{one.fps:.1f}",
            run=one.run,
            width=width,
            height=height,
            machine=one.machine,
        )
        return one.device, tr("Measured here, {engine}", engine=one.engine), source


def _columns() -> list[Column[Layer]]:
    return [
        Column("#", lambda layer: str(layer.index), lambda layer: layer.index, right=True),
        Column(tr("Kind"), lambda layer: layer.kind),
        Column(
            tr("Filters"), lambda layer: str(layer.filters or ""), lambda layer: layer.filters, right=True
        ),
        Column(tr("Size"), _window, lambda layer: (layer.size, layer.stride)),
        Column(tr("From"), lambda layer: ", ".join(map(str, layer.sources)), lambda layer: layer.sources),
        Column(tr("Output"), lambda layer: " × ".join(map(str, layer.output)), lambda layer: layer.output),
        Column(
            "BFLOPs",
            lambda layer: f"{layer.bflops:.3f}" if layer.bflops else "",
            lambda layer: layer.bflops,
            right=True,
        ),
        Column(
            tr("Parameters"),
            lambda layer: numbers(f"{layer.parameters:,}") if layer.parameters else "",
            lambda layer: layer.parameters,
            right=True,
        ),
    ]


def _window(layer: Layer) -> str:
    if layer.size:
        return f"{layer.size} × {layer.size} / {layer.stride}"
    return f"/ {layer.stride}" if layer.stride else ""


def _memory_text(memory: Memory) -> str:
    return tr(
        "Training takes {least:.1f} to {most:.1f} GB of a GPU's memory with {pictures} at once.",
        least=memory.total / 1e9,
        most=memory.most / 1e9,
        pictures=tr_n("{n} picture", "{n} pictures", memory.mini_batch),
    )


def _fits_text(cfg: Cfg, memory: Memory) -> str:
    """How to fit cards that are too small for it as it is."""
    told = []
    for size in CARDS:
        if memory.most <= size * 1e9:
            continue
        parts = fitting_subdivisions(cfg, size * 1_000_000_000)
        if parts is not None:
            told.append(tr("{size} GB: {parts}", size=size, parts=parts))
    return tr("Subdivisions for smaller cards: {cards}.", cards=" · ".join(told[:4])) if told else ""


def _memory_parts(memory: Memory) -> str:
    return tr(
        "Activations and deltas of {pictures}: {activations:.2f} GB\n"
        "Weights, gradients and momentum: {weights:.2f} GB\n"
        "Workspace of the largest convolution: {workspace:.2f} GB (cuDNN: up to {cudnn:.2f} GB)\n"
        "Copies in half precision, where Darknet was built for them: {halves:.2f} GB\n"
        "CUDA itself: {context:.1f} to {more:.1f} GB\n"
        "Counted array by array from Darknet's source, not measured on your card.",
        pictures=tr_n("{n} picture", "{n} pictures", memory.mini_batch),
        activations=memory.activations / 1e9,
        weights=memory.weights / 1e9,
        workspace=memory.workspace / 1e9,
        cudnn=max(memory.workspace, memory.cudnn_workspace) / 1e9,
        halves=memory.halves / 1e9,
        context=memory.context / 1e9,
        more=(memory.context + MORE_CONTEXT_BYTES) / 1e9,
    )


def _wrapping() -> QLabel:
    label = QLabel()
    label.setWordWrap(True)
    label.setTextFormat(Qt.PlainText)
    label.setTextInteractionFlags(Qt.TextSelectableByMouse)
    return label
