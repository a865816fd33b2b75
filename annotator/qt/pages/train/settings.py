"""The few numbers that every training needs: network, size, batch, length. They stand on top of the page."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QWidget,
)

from annotator import messages
from annotator.core.training_plan import TrainingPlan
from annotator.darknet.network.cfg import Cfg
from annotator.darknet.network.own_cfg import read_own
from annotator.darknet.network.presets import (
    NETWORKS,
    STUDY_BATCH,
    STUDY_ITERATIONS,
    STUDY_SIZE,
    STUDY_SUBDIVISIONS,
)
from annotator.qt.translation import tr
from converters.errors import DataError

_LARGEST = 1216


class BasicSettings(QGroupBox):
    """Network, size, batch, subdivisions, iterations, and the buttons that start.

    Signals:
        changed: Anything was changed.
        size_changed: Width and height of the network's input.
    """

    changed = pyqtSignal()
    size_changed = pyqtSignal(int, int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(tr("New training"), parent)
        self.own_cfg: Path | None = None
        self.network = QComboBox()
        for name in NETWORKS:
            self.network.addItem(name, name)
        self.network.addItem(tr("Your own cfg…"), None)
        self.network.setCurrentText("yolov3-tiny")
        self.network.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
        self.network.setMinimumContentsLength(14)
        self._chosen = self.network.currentIndex()
        self.size = self._side()
        self.height_box = self._side()
        self.size.setToolTip(tr("Pictures are scaled to this size; larger finds smaller faces and is slower"))
        self.height_box.setToolTip(tr("Height of the network's input; it follows the width until changed"))
        self.batch = QSpinBox(minimum=1, maximum=512, value=64)
        self.batch.setToolTip(tr("Pictures in one iteration"))
        self.subdivisions = QSpinBox(minimum=1, maximum=512, value=16)
        self.subdivisions.setToolTip(tr("Parts of a batch worked on at once; more needs less memory"))
        self.max_batches = QSpinBox(minimum=1, maximum=1_000_000, value=6000)
        self.max_batches.setToolTip(
            tr("Iterations of the whole training; the rule is max(2000 × classes, pictures, 6000)")
        )
        self.quick = QPushButton(tr("Fill in a quick trial"))
        self.quick.setToolTip(
            tr("Small numbers that go through in minutes on a processor: to see the loop, not to use it")
        )
        self.study = QPushButton(tr("The study's"))
        self.study.setToolTip(
            tr("yolov4 as the study trained it: 416 px, batch 64 in 16, 6400 iterations, steps 4800 and 5400")
        )
        self.start = QPushButton(tr("Start training"))
        self.start.setDefault(True)
        self._build()
        self._connect()

    def _side(self) -> QSpinBox:
        box = QSpinBox(minimum=32, maximum=_LARGEST, singleStep=32, value=416)
        box.setSuffix(" px")
        return box

    def _build(self) -> None:
        size = QHBoxLayout()
        size.setSpacing(4)
        size.addWidget(self.size)
        size.addWidget(QLabel("×"))
        size.addWidget(self.height_box)
        left, middle, right = QFormLayout(), QFormLayout(), QFormLayout()
        left.addRow(tr("Network"), self.network)
        left.addRow(tr("Size"), size)
        middle.addRow(tr("Batch"), self.batch)
        middle.addRow(tr("Subdivisions"), self.subdivisions)
        right.addRow(tr("Iterations"), self.max_batches)
        buttons = QHBoxLayout()
        buttons.addWidget(self.quick)
        buttons.addWidget(self.study)
        buttons.addWidget(self.start)
        right.addRow("", buttons)
        layout = QHBoxLayout(self)
        for part in (left, middle, right):
            layout.addLayout(part)
        layout.addStretch(1)
        self.setSizePolicy(QSizePolicy.Preferred, QSizePolicy.Fixed)

    def _connect(self) -> None:
        self.network.activated.connect(self._activated)
        self.network.currentIndexChanged.connect(self._network_changed)
        self.size.valueChanged.connect(self._width_changed)
        self.height_box.valueChanged.connect(lambda _: self._size_changed())
        for box in (self.batch, self.subdivisions, self.max_batches):
            box.valueChanged.connect(lambda _: self.changed.emit())
        self.quick.clicked.connect(self.fill_in_trial)
        self._follows = True
        self._proposed = self.max_batches.value()

    def plan(self) -> TrainingPlan:
        """What is asked for, without what the other parts of the page add."""
        return TrainingPlan(
            network=self.network.currentData() or "",
            width=self.size.value(),
            height=self.height_box.value(),
            batch=self.batch.value(),
            subdivisions=self.subdivisions.value(),
            max_batches=self.max_batches.value(),
            own_cfg=self.own_cfg if self.network.currentData() is None else None,
        )

    @property
    def network_name(self) -> str:
        """Name of the chosen network; empty for an own cfg."""
        return self.network.currentData() or ""

    def take(self, network: str) -> None:
        """Choose a network by its name."""
        self.network.setCurrentIndex(self.network.findData(network))

    def fill_in_trial(self) -> None:
        """Numbers with which a training goes through in minutes on a processor."""
        self.height_box.setValue(96)
        self.size.setValue(96)
        self.batch.setValue(4)
        self.subdivisions.setValue(1)
        self.max_batches.setValue(100)

    def fill_in_study(self) -> None:
        """The study's network and numbers (its steps are an option)."""
        self.take("yolov4")
        self.height_box.setValue(STUDY_SIZE)
        self.size.setValue(STUDY_SIZE)
        self.batch.setValue(STUDY_BATCH)
        self.subdivisions.setValue(STUDY_SUBDIVISIONS)
        self.max_batches.setValue(STUDY_ITERATIONS)

    def propose(self, iterations: int, *, anew: bool = False) -> None:
        """Iterations by the rule; a number of the person's stays while it is the same training set."""
        if anew or self.max_batches.value() == self._proposed:
            self.max_batches.setValue(iterations)
        self._proposed = iterations

    def take_numbers(self, plan: TrainingPlan) -> None:
        """Fill in the network, size, batch and length of a plan."""
        if plan.own_cfg is None:
            self.take(plan.network)
        self.height_box.setValue(plan.height)
        self.size.setValue(plan.width)
        self.batch.setValue(plan.batch)
        self.subdivisions.setValue(plan.subdivisions)
        self.max_batches.setValue(plan.max_batches)

    def use_own(self, path: Path) -> bool:
        """Take a person's own cfg; False (and said why) where it is no detector."""
        try:
            cfg = read_own(path)
            self._take_numbers(cfg)
        except DataError as error:
            messages.error(str(error))
            return False
        self.own_cfg = path
        last = self.network.count() - 1
        self.network.setItemText(last, tr("Your own: {name}", name=path.name))
        self.network.setItemData(last, str(path), Qt.ToolTipRole)
        self.network.setCurrentIndex(last)
        self._chosen = last
        self.changed.emit()
        return True

    def _take_numbers(self, cfg: Cfg) -> None:
        net = cfg.net
        numbers = {
            self.size: net.get_int("width"),
            self.height_box: net.get_int("height"),
            self.batch: net.get_int("batch"),
            self.subdivisions: net.get_int("subdivisions"),
        }
        self._follows = numbers[self.size] == numbers[self.height_box]
        for box, number in numbers.items():
            if number >= box.minimum():
                box.setValue(number)

    def _activated(self, index: int) -> None:
        if self.network.itemData(index) is not None:
            self._chosen = index
            return
        path, _ = QFileDialog.getOpenFileName(
            self,
            tr("Choose a cfg"),
            str(self.own_cfg or Path.home()),
            tr("Darknet networks (*.cfg);;All (*)"),
        )
        if not (path and self.use_own(Path(path))) and self.own_cfg is None:
            self.network.setCurrentIndex(self._chosen)

    def _network_changed(self, index: int) -> None:
        known = NETWORKS.get(self.network.itemData(index) or "")
        fixed = known.fixed_size if known is not None else None
        for box in (self.size, self.height_box):
            box.setEnabled(fixed is None)
            if fixed is not None:
                box.setValue(fixed)
        self.changed.emit()

    def _width_changed(self, side: int) -> None:
        if self._follows:
            self.height_box.blockSignals(True)
            self.height_box.setValue(side)
            self.height_box.blockSignals(False)
        self._size_changed()

    def _size_changed(self) -> None:
        self._follows = self.size.value() == self.height_box.value()
        self.size_changed.emit(self.size.value(), self.height_box.value())
        self.changed.emit()
