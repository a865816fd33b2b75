"""Which network's predictions are shown: one of the set's trainings, or files from elsewhere."""

from __future__ import annotations

from pathlib import Path

from PyQt5.QtCore import Qt, pyqtSignal
from PyQt5.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QRadioButton,
    QVBoxLayout,
    QWidget,
)

from annotator.core.networks_at_hand import Network
from annotator.darknet.run.folder import RunFolder, SavedWeights, list_runs
from annotator.qt.background import Task
from annotator.qt.translation import tr
from annotator.settings import Settings
from converters.errors import DataError

FILES = "suggestion_network"
"""Name of the setting: the files from elsewhere that were chosen last."""

Found = list[tuple[RunFolder, list[SavedWeights]]]


class NetworkDialog(QDialog):
    """Two ways to a network.

    Signals:
        chosen: The Network.
    """

    chosen = pyqtSignal(object)

    def __init__(
        self, work: object, settings: Settings, network: Network | None, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WA_DeleteOnClose)
        self.setWindowTitle(tr("Network of the predictions"))
        self._settings = settings
        self._network = network
        self._build()
        self._take_settings()
        root = getattr(work, "root", None)
        self._task: Task | None = None
        if root is None:
            self._show_runs([])
        else:
            task = Task(lambda _: trainings(root), self)
            task.succeeded.connect(self._show_runs)
            task.failed.connect(self._say)
            self._task = task.start()
        self.resize(self.fontMetrics().averageCharWidth() * 80, self.sizeHint().height())

    def _build(self) -> None:
        self.of_set = QRadioButton(tr("A training of this set"))
        self.elsewhere = QRadioButton(tr("Files from elsewhere"))
        self.of_set.setChecked(True)
        self.of_set.toggled.connect(self._enable)
        self.run, self.weights = QComboBox(), QComboBox()
        for choice in (self.run, self.weights):
            choice.setSizeAdjustPolicy(QComboBox.AdjustToMinimumContentsLengthWithIcon)
            choice.setMinimumContentsLength(16)
        self.run.currentIndexChanged.connect(self._show_weights)
        runs = QHBoxLayout()
        runs.addWidget(self.run, 2)
        runs.addWidget(self.weights, 1)
        self._runs = QGroupBox()
        self._runs.setLayout(runs)
        self._files = QGroupBox()
        column = QVBoxLayout(self._files)
        self.cfg = self._field(column, tr("Network (.cfg)"), tr("Networks (*.cfg);;All files (*)"))
        self.weights_file = self._field(
            column, tr("Weights"), tr("Weights (*.weights *.backup);;All files (*)")
        )
        self.names = self._field(column, tr("Class names"), tr("Names (*.names *.txt);;All files (*)"))
        self.letterbox = QCheckBox(tr("Trained with pjreddie's Darknet"))
        self.letterbox.setToolTip(
            tr("It keeps the proportions of pictures, with grey bars; the other Darknets stretch them")
        )
        column.addWidget(self.letterbox)
        self.says = QLabel()
        self.says.setWordWrap(True)
        self.says.setTextFormat(Qt.PlainText)
        buttons = QDialogButtonBox(QDialogButtonBox.Ok | QDialogButtonBox.Cancel)
        self.ok = buttons.button(QDialogButtonBox.Ok)
        self.ok.setText(tr("Show its predictions"))
        buttons.accepted.connect(self.accept)
        buttons.rejected.connect(self.reject)
        whole = QVBoxLayout(self)
        for widget in (self.of_set, self._runs, self.elsewhere, self._files, self.says):
            whole.addWidget(widget)
        whole.addStretch()
        whole.addWidget(buttons)
        self._enable()

    def _field(self, column: QVBoxLayout, title: str, kinds: str) -> QLineEdit:
        field = QLineEdit()
        field.textChanged.connect(self._enable)
        label = QLabel(title)
        label.setBuddy(field)
        label.setMinimumWidth(self.fontMetrics().averageCharWidth() * 18)
        browse = QPushButton(tr("Browse…"))
        browse.setAutoDefault(False)
        browse.clicked.connect(lambda: self._browse(field, title, kinds))
        row = QHBoxLayout()
        for widget in (label, field, browse):
            row.addWidget(widget)
        column.addLayout(row)
        return field

    def _browse(self, field: QLineEdit, title: str, kinds: str) -> None:
        texts = (field.text(), self.cfg.text(), self.weights_file.text(), self.names.text())
        start = next((text for text in texts if text), "")
        name, _ = QFileDialog.getOpenFileName(self, title, start, kinds)
        if name:
            field.setText(name)

    def _take_settings(self) -> None:
        files = self._settings.get(FILES, {})
        if not isinstance(files, dict):
            return
        for field, name in ((self.cfg, "cfg"), (self.weights_file, "weights"), (self.names, "names")):
            field.setText(str(files.get(name, "")))
        self.letterbox.setChecked(bool(files.get("letterbox", False)))

    # The runs

    def _show_runs(self, found: Found) -> None:
        for run, weights in found:
            self.run.addItem(run.path.name, (run, weights))
            self.run.setItemData(self.run.count() - 1, str(run.path), Qt.ToolTipRole)
        network = self._network
        if network is not None and network.run is not None:
            self.run.setCurrentIndex(max(self.run.findText(network.name), 0))
        if not found:
            self.elsewhere.setChecked(True)
            self.of_set.setEnabled(False)
            self.of_set.setText(tr("A training of this set (there is none with weights yet)"))
        elif network is not None and network.run is None:
            self.elsewhere.setChecked(True)
        self._show_weights()
        self._enable()

    def _show_weights(self) -> None:
        self.weights.clear()
        found = self.run.currentData()
        if found is None:
            return
        self.weights.addItem(tr("best on validation, else the last"), None)
        for saved in reversed(found[1]):
            self.weights.addItem(
                tr("iteration {n} ({kind})", n=f"{saved.iteration:,}", kind=saved.kind), saved
            )
        network = self._network
        if network is not None:
            for row in range(1, self.weights.count()):
                if self.weights.itemData(row).path == network.weights:
                    self.weights.setCurrentIndex(row)

    # The answer

    def _enable(self) -> None:
        self._runs.setEnabled(self.of_set.isChecked() and self.run.count() > 0)
        self._files.setEnabled(self.elsewhere.isChecked())
        files = all(field.text().strip() for field in (self.cfg, self.weights_file, self.names))
        self.ok.setEnabled(files if self.elsewhere.isChecked() else self.run.currentData() is not None)
        self._say("")

    def _say(self, text: str) -> None:
        self.says.setText(text)
        self.says.setVisible(bool(text))

    def accept(self) -> None:
        """Tell the choice; what is wrong with it is said here."""
        try:
            network = self._of_files() if self.elsewhere.isChecked() else self._of_run()
        except DataError as error:
            self._say(str(error))
            return
        self.chosen.emit(network)
        super().accept()

    def done(self, result: int) -> None:
        """Close."""
        if self._task is not None:
            self._task.wait()
        super().done(result)

    def _of_run(self) -> Network:
        run, _ = self.run.currentData()
        saved: SavedWeights | None = self.weights.currentData()
        return Network.of_run(run, saved.path if saved is not None else None)

    def _of_files(self) -> Network:
        cfg, weights, names = (
            Path(field.text().strip()).expanduser() for field in (self.cfg, self.weights_file, self.names)
        )
        network = Network.of_files(cfg, weights, names, letterbox=self.letterbox.isChecked())
        network.check()
        self._settings.set(
            FILES,
            {
                "cfg": str(cfg),
                "weights": str(weights),
                "names": str(names),
                "letterbox": network.letterbox,
            },
        )
        return network


def trainings(work: Path) -> Found:
    """The trainings that have weights, with these, the latest first."""
    found: Found = []
    for run in reversed(list_runs(work)):
        try:
            weights = run.weights()
        except DataError:
            continue  # its network cannot be read
        if weights:
            found.append((run, weights))
    return found
