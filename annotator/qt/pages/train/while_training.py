"""What happens beside a training: saved weights are measured, and it may end early."""

from __future__ import annotations

from PyQt5.QtCore import pyqtSignal
from PyQt5.QtWidgets import QCheckBox, QHBoxLayout, QLabel, QSpinBox, QVBoxLayout, QWidget

from annotator.qt.translation import tr


class WhileTraining(QWidget):
    """Two choices.

    Signals:
        changed: One of them.
    """

    changed = pyqtSignal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.measure = QCheckBox(tr("Measure saved weights on the validation pictures"))
        self.measure.setChecked(True)
        self.measure.setToolTip(
            tr(
                "In the background, on one processor and with the lowest priority; where the machine cannot "
                "keep up, weights in between are left out. The best are kept."
            )
        )
        self.early = QCheckBox(tr("End early: mAP on validation was below its best at"))
        self.early.setToolTip(
            tr(
                "From then on the network learns the training pictures by heart. The queue goes on with the "
                "next training."
            )
        )
        self.checkpoints = QSpinBox(minimum=1, maximum=99, value=3)
        self.checkpoints.setToolTip(tr("More wait longer: on few boxes mAP jumps about by itself"))
        self.rest = QLabel(tr("measures in a row, while the loss still fell"))
        self.early.toggled.connect(self._show_state)
        for signal in (self.measure.toggled, self.early.toggled, self.checkpoints.valueChanged):
            signal.connect(lambda _: self.changed.emit())
        row = QHBoxLayout()
        for part in (self.early, self.checkpoints, self.rest):
            row.addWidget(part)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.measure)
        column.addLayout(row)
        self._show_state()

    def arguments(self) -> list[str]:
        """What it adds to ``train-cli run`` and ``resume``."""
        found = [] if self.measure.isChecked() else ["--no-measure"]
        if self.early.isChecked():
            found += ["--early-stop", str(self.checkpoints.value())]
        return found

    def title(self) -> str:
        """What stands on its button."""
        if self.early.isChecked():
            return tr("While training: may end early")
        return tr("While training") if self.measure.isChecked() else tr("While training: not measured")

    def _show_state(self) -> None:
        for part in (self.checkpoints, self.rest):
            part.setEnabled(self.early.isChecked())
